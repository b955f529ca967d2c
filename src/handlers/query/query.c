/*
 * query, query_sql, query_url: ad-hoc queries from arguments that mirror Looker's Query object,
 * once the names in it were checked (validate.c, mostly without a call). What runs goes through
 * query tasks (task.c), the rest is one call. The saved kind is in run.c.
 */
#include "handlers/ask.h"
#include "handlers/context.h"
#include "handlers/query/cursor.h"
#include "handlers/query/export.h"
#include "handlers/query/task.h"
#include "handlers/query/validate.h"
#include "handlers/rows.h"
#include "looker_tools.h"
#include "json/scan.h"

/* What a link is made of; Looker's Query has much more. */
#define LINK_FIELDS "id,slug,share_url"
#define SQL LK_STR("sql")

/* What the tool was given, made into a query that may be sent. */
struct asked {
    struct looker_query query;
    bool dev; /* in the dev workspace */
};

/* Awaits. The arguments of any of the three tools as a Query whose names the explore has. */
static bool ask_query(struct mcp_call *call, const void *args, struct lk_boolean validate,
                      struct lk_boolean dev_mode, struct asked *ret_asked, struct lk_error *err)
{
    struct asked asked = {.dev = lk_is_true(dev_mode)};

    if (!lk_query_from_args(call, args, &asked.query, err) ||
        (lk_is_true(validate) && !lk_query_validate(call, &asked.query, asked.dev, err)))
        return false;
    *ret_asked = asked;
    return true;
}

/* Totals that were asked for and that the rows do not show: numbers that are silently not there
 * would be looked for among those that are. */
static void write_totals_note(struct lk_json_writer *w, const struct looker_query *query,
                              struct lk_str format)
{
    bool asked = lk_is_true(query->total) || query->row_total.is == LK_PRESENT ||
                 (query->subtotals.is == LK_PRESENT && query->subtotals.len > 0);

    if (asked && !lk_str_eq(format, LK_STR("json_detail")) && !lk_str_eq(format, SQL))
        lk_json_member_string(w, "totals_note",
                              LK_STR("total, row_total and subtotals have no effect on this "
                                     "result_format: json_detail has them in `detail`"));
}

static struct lk_rows_limit apply_limit(struct mcp_call *call, struct lk_integer limit,
                                        struct looker_query *query)
{
    struct lk_rows_limit rows =
        lk_rows_limit(lk_tool_max_rows(lk_tool_context(call)), limit.value, 0);

    query->limit =
        lk_string(lk_arena_printf(mcp_call_arena(call), "%lld", (long long)rows.applied));
    return rows;
}

/* Awaits. The SQL, which Looker writes without running it: one request, and nothing to wait for. */
static bool ask_sql(struct mcp_call *call, const struct asked *asked,
                    const struct lk_rows_limit *limit, struct lk_rows **ret_rows,
                    struct lk_error *err)
{
    struct looker_run_inline_query_params params = {.result_format = lk_string(SQL)};
    const struct lk_rows_ask ask = {
        .request = lk_in_dev(looker_run_inline_query(&params, &asked->query), asked->dev),
        .format = SQL,
        .limit = *limit,
        .max_bytes = lk_tool_max_result_bytes(lk_tool_context(call)),
    };

    return lk_rows_fetch(lk_tool_context(call)->api, mcp_call_arena(call), &ask, ret_rows, err) ||
           lk_query_explain(call, &asked->query, asked->dev, err);
}

/* The Query that Looker made of it, as JSON with LINK_FIELDS. */
static bool create(struct mcp_call *call, const struct asked *asked, struct lk_str *ret_json,
                   struct lk_error *err)
{
    struct looker_create_query_params params = {.fields = lk_string(LK_STR(LINK_FIELDS))};
    struct lk_api_request request =
        lk_in_dev(looker_create_query(&params, &asked->query), asked->dev);

    return lk_ask(lk_tool_context(call)->api, mcp_call_arena(call), request, LK_JSON_OBJECT,
                  ret_json, err) ||
           lk_query_explain(call, &asked->query, asked->dev, err);
}

static void write_member(struct lk_json_writer *w, const char *key, struct lk_str object,
                         const char *member)
{
    struct lk_str value;

    if (lk_json_get(object, lk_str(member), &value))
        lk_json_member_raw(w, key, value);
}

static void write_link(struct lk_json_writer *w, struct lk_str created)
{
    write_member(w, "share_url", created, "share_url");
    write_member(w, "query_id", created, "id");
}

/* result_format sql. A link that cannot be had does not take the text away. */
static bool answer_sql(struct mcp_call *call, const struct asked *asked,
                       const struct lk_rows_limit *limit, bool link, struct lk_error *err)
{
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_error failure = {0};
    struct lk_rows *rows;
    struct lk_str created;

    if (!ask_sql(call, asked, limit, &rows, err))
        return false;
    lk_json_begin_object(&w);
    lk_rows_put(&w, rows, (struct lk_str){0});
    if (link && create(call, asked, &created, &failure))
        write_link(&w, created);
    else if (link)
        lk_json_member_string(&w, "share_url_error", lk_str(failure.message));
    lk_json_end_object(&w);
    return true;
}

/* How to go on with rows that were cut, or empty. */
static struct lk_str make_cursor(struct mcp_call *call, const struct looker_query_args *args,
                                 const struct lk_query_run *run, bool dev)
{
    const struct lk_rows *rows = run->rows;
    struct lk_cursor cursor = {
        .query_id = run->query_id,
        .format = rows->format,
        .limit = rows->limit.applied,
        .max_bytes = args->max_bytes.value,
        .row = rows->skipped + rows->count,
        .mark = rows->mark,
        .dev = dev,
        .apply_formatting = lk_is_true(args->apply_formatting),
        .server_table_calcs = lk_is_true(args->server_table_calcs),
        .no_cache = args->cache.is == LK_PRESENT && !args->cache.value,
        .branch = args->branch.value,
        .project = args->project_id.value,
        .imports = lk_is_true(args->imports),
    };

    if (!rows->cut || !lk_rows_can_go_on(rows))
        return (struct lk_str){0};
    (void)lk_export_offer(call, &cursor, args->act_as_user.value);
    return lk_cursor_write(mcp_call_arena(call), &cursor);
}

/* The rows, or how to go on when they take too long. */
static bool answer_rows(struct mcp_call *call, const struct looker_query_args *args,
                        const struct asked *asked, const struct lk_rows_limit *limit,
                        struct lk_error *err)
{
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_query_wait wait = lk_query_wait(call, args->max_wait_seconds);
    bool link = lk_is_true(args->share_url);
    struct lk_query_order order = {
        .query = &asked->query,
        .fields = link ? LK_STR(LINK_FIELDS) : LK_STR("id"),
        .params = {.apply_formatting = args->apply_formatting,
                   .server_table_calcs = args->server_table_calcs,
                   .cache = args->cache},
        .dev = asked->dev,
    };
    const struct lk_rows_ask ask = {
        .format = args->result_format.value,
        .limit = *limit,
        .max_bytes = lk_rows_max_bytes(lk_tool_context(call), args->max_bytes),
    };
    struct lk_query_run run;

    if (!lk_query_run(&wait, mcp_call_arena(call), &order, &ask, &run, err))
        return lk_query_explain(call, &asked->query, asked->dev, err);
    lk_json_begin_object(&w);
    if (run.rows != NULL) {
        lk_rows_put(&w, run.rows, make_cursor(call, args, &run, asked->dev));
        write_totals_note(&w, &asked->query, ask.format);
    } else {
        lk_query_write_handle(&wait, &run, &w);
    }
    if (link)
        write_link(&w, run.created);
    lk_json_end_object(&w);
    return true;
}

bool lk_handler_query(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_query_args *args = args_;
    struct asked asked;

    /* 1. The query: names that the explore has, a limit that is bounded. */
    if (!ask_query(call, args, args->validate, args->dev_mode, &asked, err))
        return false;
    struct lk_rows_limit limit = apply_limit(call, args->limit, &asked.query);

    /* 2. What it answers: fatal. */
    if (lk_str_eq(args->result_format.value, SQL))
        return answer_sql(call, &asked, &limit, lk_is_true(args->share_url), err);
    return answer_rows(call, args, &asked, &limit, err);
}

bool lk_handler_query_sql(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_query_sql_args *args = args_;
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct asked asked;
    struct lk_rows *rows;

    if (!ask_query(call, args, args->validate, args->dev_mode, &asked, err))
        return false;
    struct lk_rows_limit limit = apply_limit(call, args->limit, &asked.query);
    if (!ask_sql(call, &asked, &limit, &rows, err))
        return false;
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "sql", lk_buf_view(&rows->kept));
    lk_json_end_object(&w);
    return true;
}

bool lk_handler_query_url(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_query_url_args *args = args_;
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct asked asked;
    struct lk_str created;

    if (!ask_query(call, args, args->validate, args->dev_mode, &asked, err) ||
        !create(call, &asked, &created, err))
        return false;
    lk_json_begin_object(&w);
    write_member(&w, "share_url", created, "share_url");
    write_member(&w, "query_id", created, "id");
    write_member(&w, "slug", created, "slug");
    lk_json_end_object(&w);
    return true;
}
