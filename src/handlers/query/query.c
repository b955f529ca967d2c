/*
 * query, query_sql, query_url: ad-hoc queries from arguments that mirror Looker's Query object. One
 * call each, after the names in it were checked (validate.c, mostly without a call); `query` makes
 * another one when a link is wanted as well. The saved kind is in run.c.
 */
#include "handlers/ask.h"
#include "handlers/context.h"
#include "handlers/query/validate.h"
#include "handlers/rows.h"
#include "looker_tools.h"
#include "json/scan.h"

/* What a link is made of; Looker's Query has much more. */
#define LINK_FIELDS "id,slug,share_url"

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

    if (asked && !lk_str_eq(format, LK_STR("json_detail")) && !lk_str_eq(format, LK_STR("sql")))
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

static bool run_inline(struct mcp_call *call, const struct looker_run_inline_query_params *params,
                       const struct asked *asked, struct lk_api_answer *ret_answer,
                       struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_api_request request =
        lk_in_dev(looker_run_inline_query(params, &asked->query), asked->dev);

    return (lk_api_call(lk_tool_context(call)->api, arena, request, ret_answer, err) &&
            lk_rows_check(arena, ret_answer, params->result_format.value, err)) ||
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

/* A link that cannot be had does not take the rows away. */
static void write_share_url(struct mcp_call *call, struct lk_json_writer *w,
                            const struct asked *asked)
{
    struct lk_error failure = {0};
    struct lk_str created;

    if (!create(call, asked, &created, &failure)) {
        lk_json_member_string(w, "share_url_error", lk_str(failure.message));
        return;
    }
    write_member(w, "share_url", created, "share_url");
    write_member(w, "query_id", created, "id");
}

bool lk_handler_query(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_query_args *args = args_;
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct asked asked;
    struct lk_api_answer answer;

    /* 1. The query: names that the explore has, a limit that is bounded. */
    if (!ask_query(call, args, args->validate, args->dev_mode, &asked, err))
        return false;
    struct lk_rows_limit limit = apply_limit(call, args->limit, &asked.query);

    /* 2. Its rows: fatal. */
    struct looker_run_inline_query_params params = {
        .result_format = args->result_format,
        .apply_formatting = args->apply_formatting,
        .server_table_calcs = args->server_table_calcs,
        .cache = args->cache,
    };
    if (!run_inline(call, &params, &asked, &answer, err))
        return false;
    lk_json_begin_object(&w);
    lk_rows_write(&w, mcp_call_arena(call), &answer, args->result_format.value, &limit,
                  lk_tool_max_result_bytes(lk_tool_context(call)));
    write_totals_note(&w, &asked.query, args->result_format.value);

    /* 3. Its link, if wanted: recorded. */
    if (lk_is_true(args->share_url))
        write_share_url(call, &w, &asked);
    lk_json_end_object(&w);
    return true;
}

bool lk_handler_query_sql(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_query_sql_args *args = args_;
    struct looker_run_inline_query_params params = {.result_format = lk_string(LK_STR("sql"))};
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct asked asked;
    struct lk_api_answer answer;

    if (!ask_query(call, args, args->validate, args->dev_mode, &asked, err))
        return false;
    apply_limit(call, args->limit, &asked.query);
    if (!run_inline(call, &params, &asked, &answer, err))
        return false;
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "sql", lk_rows_text(mcp_call_arena(call), &answer));
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
