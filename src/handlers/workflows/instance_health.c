/*
 * audit_instance_health: what failed on the instance within a time: queries, schedules, derived
 * tables, by System Activity; and content that names what is not there, by Looker's validation.
 * Healthy is said only when every section was read and is empty.
 */
#include "handlers/workflows/sections.h"

#include "handlers/ask.h"
#include "handlers/each.h"
#include "handlers/heartbeat.h"
#include "looker_tools.h"

#define SLOW_SECONDS 60

enum { FAILED_QUERIES, SLOW_QUERIES, FAILED_SCHEDULES, FAILED_BUILDS, CONTENT, N_SECTIONS };

static void ask_for(struct lk_section *sections, struct lk_arena *arena, struct lk_str date_range,
                    int64_t limit)
{
    sections[FAILED_QUERIES] = (struct lk_section){
        .name = "failed_queries",
        .query = {.explore = "history",
                  .fields = "query.model,query.view,history.real_dash_id,look.id,"
                            "history.message,history.query_run_count",
                  .sorts = "history.query_run_count desc"}};
    sections[SLOW_QUERIES] = (struct lk_section){
        .name = "slow_queries",
        .query = {.explore = "history",
                  .fields = "query.model,query.view,history.real_dash_id,look.id,"
                            "history.query_run_count,history.max_runtime",
                  .sorts = "history.max_runtime desc"}};
    sections[FAILED_SCHEDULES] = (struct lk_section){
        .name = "failed_schedules",
        .query = {.explore = "scheduled_plan",
                  .fields = "scheduled_job.created_time,scheduled_plan.id,"
                            "scheduled_job.name,scheduled_job.status_detail,user.email",
                  .sorts = "scheduled_job.created_time desc"}};
    sections[FAILED_BUILDS] = (struct lk_section){
        .name = "failed_pdt_builds",
        .query = {.explore = "pdt_event_log",
                  .fields = "pdt_event_log.created_time,pdt_event_log.connection,"
                            "pdt_event_log.model_name,pdt_event_log.view_name,"
                            "pdt_event_log.action,pdt_event_log.action_data",
                  .sorts = "pdt_event_log.created_time desc"}};
    sections[CONTENT] = (struct lk_section){.name = "content_errors", .list.rows = LK_STR("[]")};
    for (size_t i = 0; i < CONTENT; i++)
        sections[i].query.limit = limit + 1;
    lk_activity_filter(&sections[FAILED_QUERIES].query, "history.created_date", date_range);
    lk_activity_filter(&sections[FAILED_QUERIES].query, "history.status", LK_STR("error"));
    lk_activity_filter(&sections[SLOW_QUERIES].query, "history.created_date", date_range);
    lk_activity_filter(&sections[SLOW_QUERIES].query, "history.runtime",
                       lk_filter_at_least(arena, SLOW_SECONDS));
    lk_activity_filter(&sections[FAILED_SCHEDULES].query, "scheduled_job.created_date", date_range);
    lk_activity_filter(&sections[FAILED_SCHEDULES].query, "scheduled_job.status",
                       LK_STR("failure"));
    lk_activity_filter(&sections[FAILED_BUILDS].query, "pdt_event_log.created_date", date_range);
    lk_activity_filter(&sections[FAILED_BUILDS].query, "pdt_event_log.action", LK_STR("%error%"));
}

/* ---- content ---- */

/* Which piece of content an entry of the validation is about: its kind, id and title. */
static void put_content(struct lk_json_writer *w, struct lk_arena *arena, struct lk_str entry)
{
    static const char *const kinds[] = {
        "dashboard_element",
        "dashboard_filter",
        "lookml_dashboard_element",
        "scheduled_plan",
        "alert",
        "dashboard",
        "lookml_dashboard",
        "look",
    };
    struct lk_str thing, id;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!lk_json_get(entry, lk_str(kinds[i]), &thing) || lk_json_type(thing) != LK_JSON_OBJECT)
            continue;
        lk_json_member_string(w, "kind", lk_str(kinds[i]));
        lk_json_member_string(w, "id", lk_json_get_string(arena, thing, LK_STR("id")));
        struct lk_str title = lk_json_get_string(arena, thing, LK_STR("title"));
        if (title.len > 0)
            lk_json_member_string(w, "title", title);
        id = lk_json_get_string(arena, thing, LK_STR("dashboard_id"));
        if (id.len > 0)
            lk_json_member_string(w, "dashboard_id", id);
        return;
    }
}

static void put_entry(struct lk_json_writer *w, struct lk_arena *arena, struct lk_str entry)
{
    struct lk_str errors = LK_STR("[]"), error;

    lk_json_begin_object(w);
    put_content(w, arena, entry);
    lk_json_get(entry, LK_STR("errors"), &errors);
    struct lk_json_iter it = lk_json_iter(errors);
    lk_json_key(w, "errors");
    lk_json_begin_array(w);
    while (lk_json_next(&it, NULL, &error))
        lk_json_put_string(w, lk_json_get_string(arena, error, LK_STR("message")));
    lk_json_end_array(w);
    lk_json_end_object(w);
}

struct broken {
    struct lk_arena *arena;
    struct lk_json_writer w;
    size_t limit, total;
};

static bool on_entry(void *arg, struct lk_str entry)
{
    struct broken *broken = arg;

    if (broken->total++ <= broken->limit) /* one too many shows that there are more */
        put_entry(&broken->w, broken->arena, entry);
    return true;
}

/* Awaits. The entries with errors as rows of the section; total: how many there are. */
static void validate_content(struct mcp_call *call, struct lk_section *section, size_t limit,
                             size_t *ret_total)
{
    struct looker_content_validation_params params = {
        .fields = lk_string(LK_STR("content_with_errors")),
    };
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_buf *buf = lk_arena_new_object(arena, struct lk_buf);
    struct broken *broken = lk_arena_new_object(arena, struct broken);
    const struct lk_each each = {
        .request = looker_content_validation(&params),
        .list = "content_with_errors",
        .item = on_entry,
        .arg = broken,
    };
    struct lk_heartbeat heartbeat;

    *ret_total = 0;
    lk_buf_init(buf, lk_tool_max_result_bytes(lk_tool_context(call)) * 4);
    lk_arena_defer(arena, lk_buf_free_deferred, buf);
    *broken = (struct broken){.arena = arena, .w = lk_json_writer(buf), .limit = limit};
    lk_json_begin_array(&broken->w);
    lk_heartbeat_start(&heartbeat, call, LK_HEARTBEAT_MS, LK_STR("validating content"));
    heartbeat.n = CONTENT;
    bool asked = lk_each(lk_tool_context(call)->api, arena, &each, &section->error);
    lk_heartbeat_stop(&heartbeat);
    if (!asked)
        return;
    lk_json_end_array(&broken->w);
    *ret_total = broken->total;
    if (buf->overflow)
        lk_fail(&section->error, LK_ERROR_LIMIT,
                "the validation of content has more to say than an answer may hold; lower limit");
    else
        section->list =
            (struct lk_rows_list){.rows = lk_buf_view(buf), .total = (int64_t)*ret_total};
}

/* ---- the tool ---- */

/* Whether every section was read, and how many found something. */
static bool judge(const struct lk_section *sections, size_t *ret_found, size_t *ret_failed)
{
    *ret_found = *ret_failed = 0;
    for (size_t i = 0; i < N_SECTIONS; i++) {
        *ret_failed += sections[i].error.kind != LK_ERROR_NONE;
        *ret_found +=
            sections[i].error.kind == LK_ERROR_NONE && lk_json_count(sections[i].list.rows) > 0;
    }
    return *ret_found == 0 && *ret_failed == 0;
}

bool lk_handler_audit_instance_health(struct mcp_call *call, const void *args_,
                                      struct lk_error *err)
{
    const struct looker_audit_instance_health_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    size_t limit = (size_t)args->limit.value, found, failed, broken = 0;
    size_t max_bytes = lk_tool_max_result_bytes(lk_tool_context(call)) / (N_SECTIONS + 1);
    struct lk_section *sections = lk_arena_array(arena, N_SECTIONS, sizeof(*sections));
    struct lk_steps *steps = lk_arena_new_object(arena, struct lk_steps);

    /* 1. What System Activity knows, at once; 2. what Looker finds in the content, which takes
     * longest. A failure is recorded with its section. */
    ask_for(sections, arena, args->date_range.value, args->limit.value);
    if (!lk_sections_read(call, sections, CONTENT, err))
        return false;
    validate_content(call, &sections[CONTENT], limit, &broken);

    /* 3. The verdict; without any section there is none. */
    lk_steps_begin(steps, call);
    lk_json_member_boolean(&steps->w, "healthy", judge(sections, &found, &failed));
    lk_json_member_string(&steps->w, "date_range", args->date_range.value);
    lk_json_member_integer(&steps->w, "sections_with_findings", (int64_t)found);
    lk_json_member_integer(&steps->w, "sections_not_read", (int64_t)failed);
    lk_json_key(&steps->w, "sections");
    lk_json_begin_object(&steps->w);
    for (size_t i = 0; i < N_SECTIONS; i++)
        lk_sections_write(&steps->w, &sections[i], limit, max_bytes);
    lk_json_end_object(&steps->w);
    if (sections[CONTENT].error.kind == LK_ERROR_NONE)
        lk_json_member_integer(&steps->w, "content_with_errors", (int64_t)broken);
    lk_sections_report(steps, sections, N_SECTIONS, failed == N_SECTIONS ? N_SECTIONS : 0);
    if (failed > 0 && failed < N_SECTIONS)
        lk_steps_left(steps, "%zu sections could not be read, so nothing is known of them", failed);
    return lk_steps_end(steps, err);
}
