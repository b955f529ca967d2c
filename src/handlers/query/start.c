/*
 * See start.h. Both run on coroutines beside the call (lk_api_beside), with memory of their own:
 * the call may be gone when they end.
 */
#include "handlers/query/start.h"

#include "handlers/ask.h"
#include "rt/co.h"
#include "json/scan.h"

/* ---- stopping ---- */

struct stop {
    struct lk_arena *arena; /* of this struct */
    const struct lk_log *log;
    struct lk_str task_id;
};

/* Awaits. Says what came of it: nobody else does. */
static void stop_query(const struct stop *stop, struct lk_api *api)
{
    struct looker_kill_query_params params = {.query_task_id = lk_string(stop->task_id)};
    struct lk_error failure = {0};
    struct lk_api_answer answer;

    if (lk_api_call(api, stop->arena, looker_kill_query(&params), &answer, &failure))
        lk_log_info(stop->log, "query.killed", lk_log_str("query_task_id", stop->task_id));
    else if (lk_failed_with(&failure, 404))
        lk_log_info(stop->log, "query.ended_before_kill",
                    lk_log_str("query_task_id", stop->task_id));
    else
        lk_log_warning(stop->log, "query.kill_failed", lk_log_str("query_task_id", stop->task_id),
                       lk_log_text("message", failure.message),
                       lk_log_text("detail", failure.detail));
}

static void run_stop(void *arg, struct lk_api *api)
{
    struct stop *stop = arg;

    lk_api_guard(api, NULL);
    stop_query(stop, api);
    lk_arena_free(stop->arena);
}

void lk_query_kill(const struct lk_tool_context *context, struct lk_str task_id)
{
    struct lk_arena *arena = lk_arena_new();
    struct stop *stop = lk_arena_new_object(arena, struct stop);
    struct lk_error failure = {0};

    *stop =
        (struct stop){.arena = arena, .log = context->log, .task_id = lk_arena_str(arena, task_id)};
    if (lk_api_beside(context->api, run_stop, stop, NULL, &failure))
        return;
    lk_log_warning(context->log, "query.kill_failed", lk_log_str("query_task_id", task_id),
                   lk_log_text("message", failure.message));
    lk_arena_free(arena);
}

/* ---- starting ---- */

struct start {
    struct lk_arena *arena; /* of this struct */
    const struct lk_log *log;
    struct looker_create_query_task_params params;
    struct looker_create_query_task body;
    bool dev;
    struct lk_attempt attempt;
    struct lk_co *caller; /* NULL: gone */
    struct lk_api *api;   /* its own */
    bool done, ok;
    struct lk_str task;
    struct lk_error error;
};

/* Nobody will ask for the result. */
static void give_up(const struct start *start, struct lk_api *api)
{
    if (start->ok) {
        stop_query(
            &(struct stop){.arena = start->arena,
                           .log = start->log,
                           .task_id = lk_json_get_string(start->arena, start->task, LK_STR("id"))},
            api);
        return;
    }
    if (lk_may_have_happened(&looker_ops[LOOKER_OP_CREATE_QUERY_TASK], &start->error) &&
        start->attempt.begun)
        lk_log_warning(start->log, "query.may_be_running",
                       lk_log_str("query_id", start->body.query_id.value),
                       lk_log_text("message", start->error.message));
}

static void run_start(void *arg, struct lk_api *api)
{
    struct start *start = arg;
    struct lk_api_request request = looker_create_query_task(&start->params, &start->body);

    start->api = api;
    request.dev = start->dev;
    request.attempt = &start->attempt;
    start->ok = lk_ask(api, start->arena, request, LK_JSON_OBJECT, &start->task, &start->error);
    start->done = true;
    if (start->caller != NULL) {
        lk_co_wake(start->caller); /* which frees it */
        return;
    }
    give_up(start, api);
    lk_arena_free(start->arena);
}

static struct lk_string copy(struct lk_arena *arena, struct lk_str text)
{
    return text.len > 0 ? lk_string(lk_arena_str(arena, text)) : (struct lk_string){0};
}

static struct start *new_start(const struct lk_tool_context *context,
                               const struct lk_query_order *order, struct lk_str query_id,
                               struct lk_str result_format)
{
    struct lk_arena *arena = lk_arena_new();
    struct start *start = lk_arena_new_object(arena, struct start);

    *start = (struct start){
        .arena = arena,
        .log = context->log,
        .params = order->params,
        .body = {.query_id = copy(arena, query_id),
                 .result_format = copy(arena, result_format),
                 .look_id = copy(arena, order->look_id),
                 .dashboard_id = copy(arena, order->dashboard_id)},
        .dev = order->dev,
        .caller = lk_co_self(context->loop),
    };
    start->params.fields = lk_string(LK_STR("id,status"));
    start->params.path_prefix = copy(arena, order->params.path_prefix.value);
    return start;
}

static bool take(struct start *start, struct lk_arena *arena, struct lk_str *ret_task,
                 struct lk_error *err)
{
    bool ok = start->ok;

    if (ok) {
        *ret_task = lk_arena_str(arena, start->task);
    } else {
        *err = start->error;
        err->body = lk_arena_str(arena, err->body);
        if (lk_may_have_happened(&looker_ops[LOOKER_OP_CREATE_QUERY_TASK], err))
            lk_error_advise(err, "Looker may be running the query all the same: look at "
                                 "list_running_queries before running it again");
    }
    lk_arena_free(start->arena);
    return ok;
}

bool lk_query_start(const struct lk_tool_context *context, struct lk_arena *arena,
                    const struct lk_query_order *order, struct lk_str query_id,
                    struct lk_str result_format, struct lk_str *ret_task, struct lk_error *err)
{
    struct start *start = new_start(context, order, query_id, result_format);
    struct lk_co *self = start->caller, *co = NULL;

    if (!lk_api_beside(context->api, run_start, start, &co, err)) {
        lk_arena_free(start->arena);
        return false;
    }
    while (!start->done && !lk_co_cancelled(self))
        lk_co_park(context->loop);
    if (start->done)
        return take(start, arena, ret_task, err);
    start->caller = NULL;
    start->attempt.abandoned = true;
    lk_api_guard(start->api, NULL); /* the branch is given back when the caller has ended */
    if (!start->attempt.begun)
        lk_co_cancel(co);
    return lk_fail(err, LK_ERROR_CANCELLED, "cancelled while Looker was asked to run the query");
}
