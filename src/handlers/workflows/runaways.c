/*
 * investigate_runaway_queries: what runs longer than it should, and on request stops it. Nothing is
 * stopped whose run time Looker does not say.
 */
#include "handlers/activity.h"
#include "handlers/ask.h"
#include "handlers/sessions.h"
#include "handlers/steps.h"
#include "looker_tools.h"

#include <time.h>

struct runaway {
    struct lk_str json, task_id;
    double runtime;
};

/* Seconds that the query has run: as Looker says, or since it was created; below 0: unknown. */
static double runtime_of(struct lk_arena *arena, struct lk_str query)
{
    struct lk_str value;
    int64_t created;

    if (lk_json_get(query, LK_STR("runtime"), &value) && lk_json_type(value) == LK_JSON_NUMBER)
        return lk_row_number(query, "runtime");
    if (lk_time_parse(lk_row_text(arena, query, "created_at"), &created))
        return (double)(time(NULL) - created);
    return -1;
}

static void put_query(struct lk_json_writer *w, struct lk_arena *arena,
                      const struct runaway *runaway)
{
    static const char *const members[] = {"status",  "source",   "connection_name",
                                          "message", "query_id", "created_at"};
    static const char *const paths[][3] = {
        {"user", "id"},    {"user", "display_name"}, {"query", "model"},
        {"query", "view"}, {"look", "id"},
    };
    static const char *const names[] = {"user_id", "user", "model", "explore", "look_id"};
    struct lk_str value;

    lk_json_begin_object(w);
    lk_json_member_string(w, "query_task_id", runaway->task_id);
    lk_json_key(w, "runtime");
    if (runaway->runtime >= 0)
        lk_json_put_number(w, runaway->runtime);
    else
        lk_json_put_null(w);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        value = lk_row_text(arena, runaway->json, members[i]);
        if (value.len > 0)
            lk_json_member_string(w, members[i], value);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (lk_json_get_path(runaway->json, paths[i], &value) &&
            lk_json_type(value) == LK_JSON_STRING)
            lk_json_member_raw(w, names[i], value);
    }
    lk_json_end_object(w);
}

/* Awaits. One step. False: the call was cancelled. */
static bool kill_query(struct lk_steps *steps, const struct runaway *runaway)
{
    struct looker_kill_query_params params = {.query_task_id = lk_string(runaway->task_id)};
    struct lk_api_request request = looker_kill_query(&params);
    struct lk_error failure = {0};
    struct lk_api_answer answer;

    if (runaway->task_id.len == 0) {
        lk_steps_skipped(steps, "kill_query", "a query without query_task_id cannot be stopped");
        lk_steps_left(steps, "stop the query without query_task_id in the database itself");
    } else if (lk_api_call(lk_tool_context(steps->call)->api, mcp_call_arena(steps->call), request,
                           &answer, &failure)) {
        lk_steps_done(steps, "kill_query", "%.*s", LK_STR_ARG(runaway->task_id));
        lk_steps_changed(steps, "Looker was told to stop query %.*s, which had run for %.0f s",
                         LK_STR_ARG(runaway->task_id), runaway->runtime);
    } else if (lk_failed_with(&failure, 404)) {
        lk_steps_skipped(steps, "kill_query", "%.*s had ended (or Looker does not know it): %s",
                         LK_STR_ARG(runaway->task_id), failure.detail);
    } else if (!lk_steps_call_failed(steps, "kill_query", true, request.op, &failure)) {
        lk_steps_left(steps, "query %.*s still runs: kill_query", LK_STR_ARG(runaway->task_id));
    } else {
        lk_steps_left(steps, "see with list_running_queries whether query %.*s still runs",
                      LK_STR_ARG(runaway->task_id));
    }
    return failure.kind != LK_ERROR_CANCELLED;
}

bool lk_handler_investigate_runaway_queries(struct mcp_call *call, const void *args_,
                                            struct lk_error *err)
{
    const struct looker_investigate_runaway_queries_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_steps *steps = lk_arena_new_object(arena, struct lk_steps);
    bool kill = lk_str_eq(args->action.value, LK_STR("kill")), cancelled = false;
    struct lk_str list = LK_STR("[]"), query;
    size_t n = 0, unknown = 0;

    /* 1. What runs: fatal. */
    lk_steps_begin(steps, call);
    steps->preview = !kill;
    bool ok = lk_steps_ask(steps, "list_running_queries", looker_all_running_queries(),
                           LK_JSON_ARRAY, &list);
    struct runaway *runaways = lk_arena_array(arena, lk_json_count(list), sizeof(*runaways));
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &query)) {
        struct runaway found = {query, lk_row_text(arena, query, "query_task_id"),
                                runtime_of(arena, query)};
        unknown += found.runtime < 0;
        if (found.runtime >= args->threshold_seconds.value)
            runaways[n++] = found;
    }
    lk_json_key(&steps->w, "threshold_seconds");
    lk_json_put_number(&steps->w, args->threshold_seconds.value);
    lk_json_member_integer(&steps->w, "running", (int64_t)lk_json_count(list));
    lk_json_member_integer(&steps->w, "runtime_unknown", (int64_t)unknown);
    lk_json_member_integer(&steps->w, "count", (int64_t)n);
    lk_json_key(&steps->w, "items");
    lk_json_begin_array(&steps->w);
    for (size_t i = 0; i < n; i++)
        put_query(&steps->w, arena, &runaways[i]);
    lk_json_end_array(&steps->w);
    if (ok)
        lk_steps_done(steps, "list_running_queries", "%zu run, %zu of them for too long",
                      lk_json_count(list), n);
    if (unknown > 0)
        lk_steps_left(steps,
                      "look at the %zu queries whose run time Looker does not say: "
                      "list_running_queries",
                      unknown);

    /* 2. Each of them stopped, on request; one that cannot be does not keep the others alive. */
    for (size_t i = 0; i < n && !cancelled; i++) {
        if (kill)
            cancelled = !kill_query(steps, &runaways[i]);
        else
            lk_steps_planned(steps, "kill_query", "%.*s", LK_STR_ARG(runaways[i].task_id));
    }
    if (!kill && n > 0)
        lk_steps_left(steps, "action: \"kill\" stops these %zu queries, kill_query a single one",
                      n);
    return lk_steps_end(steps, err);
}
