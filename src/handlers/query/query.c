/*
 * query, query_sql, query_url: ad-hoc queries from arguments that mirror Looker's Query object. One
 * call each; `query` makes a second one when a link is wanted as well. The saved kind is in run.c.
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/context.h"
#include "handlers/rows.h"
#include "looker_tools.h"
#include "json/scan.h"

/* What a link is made of; Looker's Query has much more. */
#define LINK_FIELDS "id,slug,share_url"

/* dynamic_fields travels as text, and Looker's own complaint about bad text helps nobody. */
static bool check_dynamic_fields(struct lk_str text, struct lk_error *err)
{
    struct lk_error why = {0};

    if (!lk_json_check(text, LK_JSON_MAX_DEPTH, 0, &why))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "dynamic_fields: expected the JSON text of an array of objects: %s",
                       why.message);
    if (lk_json_type(text) != LK_JSON_ARRAY)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "dynamic_fields: expected the JSON text of an array of objects, such as "
                       "[{\"table_calculation\":\"share\",\"expression\":\"…\"}]");
    return true;
}

/* The arguments of any of the three tools as a Query; the limit is at most max_rows. */
static bool make_query(struct mcp_call *call, const void *args, struct looker_query *ret_query,
                       struct lk_error *err)
{
    const struct lk_type *type = mcp_call_tool(call)->args;
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_query query = {0};

    lk_bind_same_names(arena, type, args, &looker_query_type, &query);
    if (query.dynamic_fields.is == LK_PRESENT &&
        !check_dynamic_fields(query.dynamic_fields.value, err))
        return false;
    *ret_query = query;
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

static bool explain_query(struct lk_error *err, const struct looker_query *query)
{
    lk_explain_status(err, 404,
                      "there is no explore \"%.*s\" in model \"%.*s\", or no access to it: "
                      "list_models shows what there is",
                      LK_STR_ARG(query->view.value), LK_STR_ARG(query->model.value));
    return lk_explain_status(
        err, 422,
        "Looker refused the query as invalid, and detail says why; list_models "
        "names models and explores, list_dimensions and list_measures their fields");
}

static bool run_inline(struct mcp_call *call, const struct looker_run_inline_query_params *params,
                       const struct looker_query *query, struct lk_api_answer *ret_answer,
                       struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);

    return (lk_api_call(lk_tool_context(call)->api, arena, looker_run_inline_query(params, query),
                        ret_answer, err) &&
            lk_rows_check(arena, ret_answer, params->result_format.value, err)) ||
           explain_query(err, query);
}

/* The Query that Looker made of it, as JSON with LINK_FIELDS. */
static bool create(struct mcp_call *call, const struct looker_query *query, struct lk_str *ret_json,
                   struct lk_error *err)
{
    struct looker_create_query_params params = {.fields = lk_string(LK_STR(LINK_FIELDS))};

    return lk_ask(lk_tool_context(call)->api, mcp_call_arena(call),
                  looker_create_query(&params, query), LK_JSON_OBJECT, ret_json, err) ||
           explain_query(err, query);
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
                            const struct looker_query *query)
{
    struct lk_error failure = {0};
    struct lk_str created;

    if (!create(call, query, &created, &failure)) {
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
    struct looker_query query;
    struct lk_api_answer answer;

    /* 1. The query, with a limit that is bounded. */
    if (!make_query(call, args, &query, err))
        return false;
    struct lk_rows_limit limit = apply_limit(call, args->limit, &query);

    /* 2. Its rows: fatal. */
    struct looker_run_inline_query_params params = {
        .result_format = args->result_format,
        .apply_formatting = args->apply_formatting,
        .server_table_calcs = args->server_table_calcs,
        .cache = args->cache,
    };
    if (!run_inline(call, &params, &query, &answer, err))
        return false;
    lk_json_begin_object(&w);
    lk_rows_write(&w, mcp_call_arena(call), &answer, args->result_format.value, &limit,
                  lk_tool_max_answer_bytes(lk_tool_context(call)));
    write_totals_note(&w, &query, args->result_format.value);

    /* 3. Its link, if wanted: recorded. */
    if (lk_is_true(args->share_url))
        write_share_url(call, &w, &query);
    lk_json_end_object(&w);
    return true;
}

bool lk_handler_query_sql(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_query_sql_args *args = args_;
    struct looker_run_inline_query_params params = {.result_format = lk_string(LK_STR("sql"))};
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct looker_query query;
    struct lk_api_answer answer;

    if (!make_query(call, args, &query, err))
        return false;
    apply_limit(call, args->limit, &query);
    if (!run_inline(call, &params, &query, &answer, err))
        return false;
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "sql", lk_rows_text(mcp_call_arena(call), &answer));
    lk_json_end_object(&w);
    return true;
}

bool lk_handler_query_url(struct mcp_call *call, const void *args, struct lk_error *err)
{
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct looker_query query;
    struct lk_str created;

    if (!make_query(call, args, &query, err) || !create(call, &query, &created, err))
        return false;
    lk_json_begin_object(&w);
    write_member(&w, "share_url", created, "share_url");
    write_member(&w, "query_id", created, "id");
    write_member(&w, "slug", created, "slug");
    lk_json_end_object(&w);
    return true;
}
