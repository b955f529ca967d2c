/*
 * audit_query_activity: a sum of what was queried and the queries that the scope is about, out of
 * the history of System Activity. The queries are needed; of the sums each may fail by itself.
 */
#include "handlers/workflows/sections.h"

#include "handlers/ask.h"
#include "handlers/rows.h"
#include "looker_tools.h"

#define TOP 10

#define QUERY_FIELDS                                                                               \
    "history.id,history.created_time,history.status,history.source,history.runtime,"               \
    "history.message,query.id,query.model,query.view,user.id,user.email,history.real_dash_id,"     \
    "dashboard.title,look.id,look.title"

/* What each scope shows of the queries. */
static const struct scope {
    const char *name, *fields, *sorts, *status;
} scopes[] = {
    {"all", QUERY_FIELDS, "history.created_time desc", NULL},
    {"slow", QUERY_FIELDS, "history.runtime desc", NULL},
    {"errors", QUERY_FIELDS, "history.created_time desc", "error"},
    {"frequent",
     "user.email,query.model,query.view,query.id,history.query_run_count,"
     "history.average_runtime,history.max_runtime",
     "history.query_run_count desc", NULL},
    {"by_user", QUERY_FIELDS, "history.created_time desc", NULL},
    {"by_content", QUERY_FIELDS, "history.created_time desc", NULL},
};

static const struct scope *find_scope(struct lk_str name)
{
    size_t i = 0;

    while (!lk_str_eq(lk_str(scopes[i].name), name)) /* the schema has no other */
        i++;
    return &scopes[i];
}

static bool check_args(const struct looker_audit_query_activity_args *args, struct lk_error *err)
{
    struct lk_str scope = args->scope.value;
    bool dashboard = args->dashboard_id.value.len > 0, look = args->look_id.value.len > 0;

    if (lk_str_eq(scope, LK_STR("by_user")) && args->user_email.value.len == 0)
        return lk_fail(err, LK_ERROR_ARGUMENT, "user_email: scope by_user is about one user");
    if (lk_str_eq(scope, LK_STR("by_content")) && !dashboard && !look)
        return lk_fail(
            err, LK_ERROR_ARGUMENT,
            "dashboard_id: scope by_content is about one dashboard or one Look (look_id)");
    if (dashboard && look)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "look_id: a query comes from a dashboard or from a Look; give one of both");
    return lk_filter_check_id("look_id", args->look_id.value, err);
}

/* What all sections have in common. */
static void add_filters(struct lk_arena *arena, struct lk_activity_query *query,
                        const struct looker_audit_query_activity_args *args)
{
    lk_activity_filter(query, "history.created_date", args->date_range.value);
    lk_activity_filter(query, "user.email", lk_filter_exactly(arena, args->user_email.value));
    lk_activity_filter(query, "history.real_dash_id",
                       lk_filter_exactly(arena, args->dashboard_id.value));
    lk_activity_filter(query, "look.id", args->look_id.value);
}

enum { QUERIES, TOTALS, STATUSES, EXPLORES, ERRORS, N_SECTIONS };

static void ask_for(struct lk_section *sections, struct lk_arena *arena,
                    const struct looker_audit_query_activity_args *args, const struct scope *scope,
                    int64_t limit)
{
    sections[QUERIES] = (struct lk_section){
        .name = "queries",
        .query = {
            .explore = "history", .fields = scope->fields, .sorts = scope->sorts, .limit = limit}};
    sections[TOTALS] = (struct lk_section){
        .name = "totals",
        .query = {.explore = "history",
                  .limit = 1,
                  .fields = "history.query_run_count,history.average_runtime,history.max_runtime"}};
    sections[STATUSES] = (struct lk_section){
        .name = "by_status",
        .query = {.explore = "history",
                  .limit = TOP,
                  .fields = "history.status,history.query_run_count,history.average_runtime,"
                            "history.max_runtime",
                  .sorts = "history.query_run_count desc"}};
    sections[EXPLORES] =
        (struct lk_section){.name = "top_explores",
                            .query = {.explore = "history",
                                      .limit = TOP,
                                      .fields = "query.model,query.view,history.query_run_count,"
                                                "history.average_runtime,history.max_runtime",
                                      .sorts = "history.query_run_count desc"}};
    sections[ERRORS] = (struct lk_section){
        .name = "top_errors",
        .query = {.explore = "history",
                  .limit = TOP,
                  .fields = "history.message,query.model,query.view,history.query_run_count",
                  .sorts = "history.query_run_count desc"}};
    for (size_t i = 0; i < N_SECTIONS; i++)
        add_filters(arena, &sections[i].query, args);
    lk_activity_filter(&sections[QUERIES].query, "history.status", lk_str(scope->status));
    lk_activity_filter(&sections[ERRORS].query, "history.status", LK_STR("error"));
}

static void write_summary(struct lk_json_writer *w, struct lk_arena *arena,
                          const struct lk_section *sections)
{
    struct lk_str row = {0}, value;
    struct lk_json_iter it = lk_json_iter(sections[TOTALS].list.rows);

    lk_json_key(w, "summary");
    lk_json_begin_object(w);
    if (sections[TOTALS].error.kind != LK_ERROR_NONE)
        lk_write_part_error(w, &sections[TOTALS].error);
    else if (lk_json_next(&it, NULL, &row)) {
        lk_json_member_integer(w, "queries",
                               (int64_t)lk_row_number(row, "history.query_run_count"));
        if (lk_json_get(row, LK_STR("history.average_runtime"), &value))
            lk_json_member_raw(w, "average_runtime", value);
        if (lk_json_get(row, LK_STR("history.max_runtime"), &value))
            lk_json_member_raw(w, "max_runtime", value);
    }
    it = lk_json_iter(sections[STATUSES].list.rows);
    while (lk_json_next(&it, NULL, &row)) {
        struct lk_str status = lk_row_text(arena, row, "history.status");
        if (lk_str_eq(status, LK_STR("error")))
            lk_json_member_integer(w, "errors",
                                   (int64_t)lk_row_number(row, "history.query_run_count"));
    }
    lk_json_end_object(w);
}

bool lk_handler_audit_query_activity(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_audit_query_activity_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    size_t max_bytes = lk_tool_max_result_bytes(context);
    struct lk_section *sections = lk_arena_array(arena, N_SECTIONS, sizeof(*sections));
    struct lk_steps *steps = lk_arena_new_object(arena, struct lk_steps);

    /* 1. What is asked for. */
    if (!check_args(args, err))
        return false;
    const struct scope *scope = find_scope(args->scope.value);
    struct lk_rows_limit limit = lk_rows_limit(lk_tool_max_rows(context), args->limit.value, 0);
    ask_for(sections, arena, args, scope, limit.applied);

    /* 2. All of it at once. */
    if (!lk_sections_read(call, sections, N_SECTIONS, err))
        return false;

    /* 3. The answer: the queries are needed, what else failed is said where it would stand. */
    lk_steps_begin(steps, call);
    lk_json_member_string(&steps->w, "scope", args->scope.value);
    lk_json_member_string(&steps->w, "date_range", args->date_range.value);
    write_summary(&steps->w, arena, sections);
    for (size_t i = STATUSES; i < N_SECTIONS; i++)
        lk_sections_write(&steps->w, &sections[i], TOP, max_bytes / 8);
    if (sections[QUERIES].error.kind == LK_ERROR_NONE)
        lk_rows_write_list(&steps->w, &sections[QUERIES].list, &limit, max_bytes / 2,
                           "ask for less: a lower limit, a shorter date_range or another scope");
    lk_sections_report(steps, sections, N_SECTIONS, 1);
    return lk_steps_end(steps, err);
}
