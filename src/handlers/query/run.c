/*
 * run_query and run_look: what is saved in Looker, by id. Each first reads what it is about to run,
 * so that the answer says what the rows are and a saved "unlimited" does not mean unlimited.
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/context.h"
#include "handlers/query/cursor.h"
#include "handlers/query/export.h"
#include "handlers/rows.h"
#include "handlers/workspace.h"
#include "looker_tools.h"
#include "json/project.h"

#define QUERY_FIELDS "id,slug,model,view,fields,pivots,filters,sorts,limit,share_url"

/* Queries have numbers as ids; what else is said to be one is a slug. */
static bool is_number(struct lk_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    }
    return text.len > 0;
}

/* The `limit` of a Query in JSON (a string there), or 0. */
static int64_t saved_limit(struct lk_arena *arena, struct lk_str query)
{
    struct lk_str value;
    int64_t limit = 0;

    if (lk_json_get(query, LK_STR("limit"), &value)) {
        if (lk_json_type(value) == LK_JSON_STRING)
            value = lk_json_decode_string(arena, value);
        lk_json_integer(value, &limit);
    }
    return limit;
}

static bool find_query(struct mcp_call *call, struct lk_str id, bool dev, struct lk_str *ret_query,
                       struct lk_error *err)
{
    struct looker_query_params by_id = {
        .query_id = lk_string(id),
        .fields = lk_string(LK_STR(QUERY_FIELDS)),
    };
    struct looker_query_for_slug_params by_slug = {
        .slug = lk_string(id),
        .fields = lk_string(LK_STR(QUERY_FIELDS)),
    };

    struct lk_api_request request =
        is_number(id) ? looker_query(&by_id) : looker_query_for_slug(&by_slug);

    return lk_ask(lk_tool_context(call)->api, mcp_call_arena(call), lk_in_dev(request, dev),
                  LK_JSON_OBJECT, ret_query, err) ||
           lk_explain_status(err, 404,
                             "there is no query with this id or slug, or no access to it: query_id "
                             "is a number, or a slug as after qid= or /x/ in an Explore link; "
                             "query_url answers both of a query");
}

/* {"<name>":{what was run},…rows…}. *cursor: what the rows were asked with; to go on, what was
 * handed out is added. */
static bool write_result(struct mcp_call *call, const char *name, struct lk_str object,
                         const struct lk_projection *projection, const struct lk_rows *rows,
                         struct lk_cursor *cursor, struct lk_string act_as_user,
                         struct lk_error *err)
{
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_str next = {0};

    if (rows->cut && lk_rows_can_go_on(rows)) {
        cursor->format = rows->format;
        cursor->limit = rows->limit.applied;
        cursor->row = rows->skipped + rows->count;
        cursor->mark = rows->mark;
        next = lk_cursor_write(mcp_call_arena(call), cursor);
        (void)lk_export_offer(call, cursor, act_as_user.value);
    }
    lk_json_begin_object(&w);
    lk_json_key(&w, name);
    if (!lk_project(object, projection, false, w.buf, err))
        return false;
    w.comma = true;
    lk_rows_put(&w, rows, next);
    lk_json_end_object(&w);
    return true;
}

/* ---- going on ---- */

static struct lk_api_request request_of(const struct lk_cursor *cursor, int64_t limit,
                                        struct looker_run_query_params *query,
                                        struct looker_run_look_params *look)
{
    *query = (struct looker_run_query_params){
        .query_id = lk_string(cursor->query_id),
        .result_format = lk_string(cursor->format),
        .limit = lk_integer(limit),
        .apply_formatting = lk_boolean(cursor->apply_formatting),
        .apply_vis = lk_boolean(cursor->apply_vis),
        .server_table_calcs = lk_boolean(cursor->server_table_calcs),
        .cache = lk_boolean(!cursor->no_cache),
    };
    *look = (struct looker_run_look_params){
        .look_id = lk_string(cursor->look_id),
        .result_format = lk_string(cursor->format),
        .limit = lk_integer(limit),
        .apply_formatting = lk_boolean(cursor->apply_formatting),
        .apply_vis = lk_boolean(cursor->apply_vis),
        .cache = lk_boolean(!cursor->no_cache),
    };
    return lk_in_dev(cursor->look_id.len > 0 ? looker_run_look(look) : looker_run_query(query),
                     cursor->dev);
}

/* Where the rows were read that the cursor goes on with. Who names a branch all the same, as it
 * takes to go on as a CI user, names the same. */
static bool go_back(struct mcp_call *call, const struct looker_run_query_args *args,
                    const struct lk_cursor *cursor, struct lk_error *err)
{
    bool named = args->branch.is == LK_PRESENT;

    if (named ? !lk_str_eq(args->branch.value, cursor->branch) ||
                    !lk_str_eq(args->project_id.value, cursor->project) ||
                    lk_is_true(args->imports) != cursor->imports
              : cursor->branch.len > 0 && lk_tool_context(call)->visit != NULL)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "cursor says on which branch its rows are; leave dev_mode, branch, "
                       "project_id and imports out, or give those that it was read with");
    if (!cursor->dev || lk_tool_context(call)->visit != NULL)
        return true;
    return lk_workspace_take(
        call,
        &(struct lk_workspace_stay){
            .how = cursor->branch.len > 0 ? LK_WORKSPACE_BORROW : LK_WORKSPACE_HOLD,
            .branch = cursor->branch,
            .project = cursor->project,
            .imports = cursor->imports,
        },
        err);
}

/* The next rows of a result, whichever tool began it. */
static bool go_on(struct mcp_call *call, const struct looker_run_query_args *args,
                  struct lk_error *err)
{
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_run_query_params query;
    struct looker_run_look_params look;
    struct lk_cursor cursor;
    struct lk_rows *rows;

    if (args->query_id.is == LK_PRESENT || args->limit.is == LK_PRESENT || args->fields.len > 0)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "cursor says what to run, and with which limit and fields; leave query_id, "
                       "limit and fields out");
    if (!lk_cursor_read(arena, args->cursor.value, &cursor, err) ||
        !go_back(call, args, &cursor, err))
        return false;
    if (args->max_bytes.is == LK_PRESENT)
        cursor.max_bytes = args->max_bytes.value;

    struct lk_rows_limit limit = lk_rows_limit(lk_tool_max_rows(context), 0, cursor.limit);
    const struct lk_rows_ask ask = {
        .request = request_of(&cursor, limit.applied, &query, &look),
        .format = cursor.format,
        .limit = limit,
        .max_bytes = lk_rows_max_bytes(context, lk_integer(cursor.max_bytes)),
        .fields = &cursor.fields,
        .skip = cursor.row,
        .mark = cursor.mark,
    };
    if (!lk_rows_fetch(context->api, arena, &ask, &rows, err))
        return lk_explain_status(err, 404,
                                 "what the cursor goes on with is gone, or there is no "
                                 "access to it; run the query again");

    bool is_look = cursor.look_id.len > 0;
    struct lk_buf what;
    lk_buf_init(&what, 8192);
    struct lk_json_writer w = lk_json_writer(&what);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "id", is_look ? cursor.look_id : cursor.query_id);
    lk_json_end_object(&w);
    bool ok = write_result(call, is_look ? "look" : "query", lk_buf_view(&what), NULL, rows,
                           &cursor, args->act_as_user, err);
    lk_buf_free(&what);
    return ok;
}

/* ---- the saved ones ---- */

bool lk_handler_run_query(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_run_query_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    bool dev = lk_is_true(args->dev_mode);
    struct lk_str query;
    struct lk_rows *rows;

    if (args->cursor.is == LK_PRESENT)
        return go_on(call, args, err);
    if (args->query_id.is != LK_PRESENT)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "query_id is missing: the id or slug of a saved query (or, to go on with "
                       "rows that were cut, cursor)");

    /* 1. The saved query. */
    if (!find_query(call, args->query_id.value, dev, &query, err))
        return false;
    struct lk_rows_limit limit =
        lk_rows_limit(lk_tool_max_rows(context), args->limit.value, saved_limit(arena, query));

    /* 2. Its rows. */
    struct looker_run_query_params params = {0};
    lk_bind_same_names(arena, &looker_run_query_args_type, args, &looker_run_query_params_type,
                       &params);
    params.query_id = lk_string(lk_json_get_string(arena, query, LK_STR("id")));
    params.limit = lk_integer(limit.applied);
    struct lk_cursor cursor = {
        .query_id = params.query_id.value,
        .max_bytes = args->max_bytes.value,
        .dev = dev,
        .apply_formatting = lk_is_true(args->apply_formatting),
        .apply_vis = lk_is_true(args->apply_vis),
        .server_table_calcs = lk_is_true(args->server_table_calcs),
        .no_cache = args->cache.is == LK_PRESENT && !args->cache.value,
        .branch = args->branch.value,
        .project = args->project_id.value,
        .imports = lk_is_true(args->imports),
        .fields = args->fields,
    };
    if (args->export.is == LK_PRESENT)
        return lk_export_answer(
            call, "query", query, NULL, &cursor,
            &(struct lk_export_ask){args->export.value, args->limit.value, args->act_as_user.value},
            err);
    const struct lk_rows_ask ask = {
        .request = lk_in_dev(looker_run_query(&params), dev),
        .format = args->result_format.value,
        .limit = limit,
        .max_bytes = lk_rows_max_bytes(context, args->max_bytes),
        .fields = &args->fields,
    };
    if (!lk_rows_fetch(context->api, arena, &ask, &rows, err))
        return false;
    return write_result(call, "query", query, NULL, rows, &cursor, args->act_as_user, err);
}

static const struct lk_projection look_folder[] = {{.name = "id"}, {.name = "name"}};
static const struct lk_projection look_query[] = {
    {.name = "fields"}, {.name = "filters"}, {.name = "id"},
    {.name = "limit"},  {.name = "model"},   {.name = "view"},
};
static const struct lk_projection look_fields[] = {
    {.name = "description"}, {.name = "folder", .fields = look_folder, .n_fields = 2},
    {.name = "id"},          {.name = "query", .fields = look_query, .n_fields = 6},
    {.name = "title"},
};
static const struct lk_projection look_projection = {.fields = look_fields, .n_fields = 5};

bool lk_handler_run_look(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_run_look_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    bool dev = lk_is_true(args->dev_mode);
    struct lk_str look, query = {0};
    struct lk_rows *rows;

    /* 1. The Look. */
    struct looker_look_params find = {
        .look_id = args->look_id,
        .fields = lk_string(LK_STR("id,title,description,folder,query")),
    };
    if (!lk_ask(context->api, arena, lk_in_dev(looker_look(&find), dev), LK_JSON_OBJECT, &look,
                err))
        return lk_explain_status(err, 404,
                                 "there is no Look with this id, or no access to it: "
                                 "search_content finds Looks by title");

    /* 2. Its rows. */
    lk_json_get(look, LK_STR("query"), &query);
    struct lk_rows_limit limit =
        lk_rows_limit(lk_tool_max_rows(context), args->limit.value, saved_limit(arena, query));
    struct looker_run_look_params params = {0};
    lk_bind_same_names(arena, &looker_run_look_args_type, args, &looker_run_look_params_type,
                       &params);
    params.limit = lk_integer(limit.applied);
    struct lk_cursor cursor = {
        .look_id = args->look_id.value,
        .max_bytes = args->max_bytes.value,
        .dev = dev,
        .apply_formatting = lk_is_true(args->apply_formatting),
        .apply_vis = lk_is_true(args->apply_vis),
        .no_cache = args->cache.is == LK_PRESENT && !args->cache.value,
        .branch = args->branch.value,
        .project = args->project_id.value,
        .imports = lk_is_true(args->imports),
        .fields = args->fields,
    };
    if (args->export.is == LK_PRESENT)
        return lk_export_answer(
            call, "look", look, &look_projection, &cursor,
            &(struct lk_export_ask){args->export.value, args->limit.value, args->act_as_user.value},
            err);
    const struct lk_rows_ask ask = {
        .request = lk_in_dev(looker_run_look(&params), dev),
        .format = args->result_format.value,
        .limit = limit,
        .max_bytes = lk_rows_max_bytes(context, args->max_bytes),
        .fields = &args->fields,
    };
    if (!lk_rows_fetch(context->api, arena, &ask, &rows, err))
        return false;
    return write_result(call, "look", look, &look_projection, rows, &cursor, args->act_as_user,
                        err);
}
