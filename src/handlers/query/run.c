/*
 * run_query and run_look: what is saved in Looker, by id. Each first reads what it is about to run,
 * so that the answer says what the rows are and a saved "unlimited" does not mean unlimited. And
 * get_query_result: what runs already.
 */
#include "handlers/ask.h"
#include "handlers/context.h"
#include "handlers/query/cursor.h"
#include "handlers/query/export.h"
#include "handlers/query/task.h"
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

/* ---- the answer ---- */

/* What the answer tells of what was run. */
struct told {
    const char *name;
    struct lk_str object;
    const struct lk_projection *projection; /* NULL: all of it */
    struct lk_str act_as_user;              /* as whom, or empty */
};

/* Members of the open object: the rows, or how to go on. *cursor: what the rows were asked with; to
 * go on, what was handed out is added. */
static void write_outcome(struct mcp_call *call, struct lk_json_writer *w,
                          const struct lk_query_wait *wait, const struct lk_query_run *run,
                          struct lk_cursor *cursor, struct lk_str act_as_user)
{
    const struct lk_rows *rows = run->rows;
    struct lk_str next = {0};

    if (rows == NULL) {
        lk_query_write_handle(wait, run, w);
        return;
    }
    if (rows->cut && lk_rows_can_go_on(rows)) {
        cursor->query_id = run->query_id;
        cursor->format = rows->format;
        cursor->limit = rows->limit.applied;
        cursor->row = rows->skipped + rows->count;
        cursor->mark = rows->mark;
        next = lk_cursor_write(mcp_call_arena(call), cursor);
        (void)lk_export_offer(call, cursor, act_as_user);
    }
    lk_rows_put(w, rows, next);
}

/* {"<name>":{what was run},…rows, or how to go on…} */
static bool write_result(struct mcp_call *call, const struct told *told,
                         const struct lk_query_wait *wait, const struct lk_query_run *run,
                         struct lk_cursor *cursor, struct lk_error *err)
{
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));

    lk_json_begin_object(&w);
    lk_json_key(&w, told->name);
    if (!lk_project(told->object, told->projection, false, w.buf, err))
        return false;
    w.comma = true;
    write_outcome(call, &w, wait, run, cursor, told->act_as_user);
    lk_json_end_object(&w);
    return true;
}

/* Awaits. Runs what is saved, as the cursor's members say; its SQL is one request, since nothing
 * runs for it. */
static bool run_saved(struct mcp_call *call, const struct lk_query_wait *wait,
                      const struct lk_cursor *cursor, struct lk_rows_ask *ask,
                      struct lk_query_run *ret_run, struct lk_error *err)
{
    struct lk_query_order order = {
        .query_id = cursor->query_id,
        .look_id = cursor->look_id,
        .params = {.limit = lk_integer(ask->limit.applied),
                   .apply_formatting = lk_boolean(cursor->apply_formatting),
                   .apply_vis = lk_boolean(cursor->apply_vis),
                   .server_table_calcs = lk_boolean(cursor->server_table_calcs),
                   .cache = lk_boolean(!cursor->no_cache)},
        .dev = cursor->dev,
    };
    struct looker_run_query_params params = {.query_id = lk_string(cursor->query_id),
                                             .result_format = lk_string(ask->format),
                                             .limit = order.params.limit};

    if (!lk_str_eq(ask->format, LK_STR("sql")))
        return lk_query_run(wait, mcp_call_arena(call), &order, ask, ret_run, err);
    *ret_run = (struct lk_query_run){.query_id = cursor->query_id};
    ask->request = lk_in_dev(looker_run_query(&params), order.dev);
    return lk_rows_fetch(wait->context->api, mcp_call_arena(call), ask, &ret_run->rows, err);
}

/* A link in place of the rows, which run when it is followed. */
static bool answer_export(struct mcp_call *call, const struct told *told, struct lk_cursor *what,
                          struct lk_str format, int64_t limit, struct lk_error *err)
{
    return lk_export_answer(call, told->name, told->object, told->projection, what,
                            &(struct lk_export_ask){format, limit, told->act_as_user}, err);
}

/* What both tools are asked for. */
struct wanted {
    struct lk_string export;
    struct lk_str format;
    int64_t limit, saved_limit; /* 0: none */
    struct lk_integer max_bytes;
    struct lk_number max_wait_seconds;
};

/* Awaits. The rows of what is saved, or a link to them. */
static bool answer_saved(struct mcp_call *call, const struct told *told,
                         const struct wanted *wanted, struct lk_cursor *cursor,
                         struct lk_error *err)
{
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_query_run run;

    if (wanted->export.is == LK_PRESENT)
        return answer_export(call, told, cursor, wanted->export.value, wanted->limit, err);
    struct lk_query_wait wait = lk_query_wait(call, wanted->max_wait_seconds);
    struct lk_rows_ask ask = {
        .format = wanted->format,
        .limit = lk_rows_limit(lk_tool_max_rows(context), wanted->limit, wanted->saved_limit),
        .max_bytes = lk_rows_max_bytes(context, wanted->max_bytes),
        .fields = &cursor->fields,
    };
    return run_saved(call, &wait, cursor, &ask, &run, err) &&
           write_result(call, told, &wait, &run, cursor, err);
}

/* ---- going on ---- */

/* Awaits. What the cursor names: the result that is there already, or the query once more. */
static bool run_again(struct mcp_call *call, const struct lk_query_wait *wait,
                      const struct lk_cursor *cursor, struct lk_rows_ask *ask,
                      struct lk_query_run *ret_run, struct lk_error *err)
{
    if (cursor->task_id.len > 0)
        return lk_query_await(wait, mcp_call_arena(call), cursor->task_id, ask, ret_run, err);
    return run_saved(call, wait, cursor, ask, ret_run, err) ||
           lk_explain_status(err, 404,
                             "what the cursor goes on with is gone, or there is no access to it; "
                             "run the query again");
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

/* What was given beside the cursor and would have no effect is refused, where it can be told from a
 * default. */
static bool check_alone(const struct looker_run_query_args *args, const struct lk_cursor *cursor,
                        struct lk_error *err)
{
    if (args->query_id.is == LK_PRESENT || args->limit.is == LK_PRESENT || args->fields.len > 0 ||
        args->export.is == LK_PRESENT)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "cursor says what to run, and with which limit and fields; leave query_id, "
                       "limit, fields and export out");
    if ((!lk_str_eq(args->result_format.value, LK_STR("json")) &&
         !lk_str_eq(args->result_format.value, cursor->format)) ||
        (lk_is_true(args->apply_formatting) && !cursor->apply_formatting) ||
        (lk_is_true(args->apply_vis) && !cursor->apply_vis) ||
        (lk_is_true(args->server_table_calcs) && !cursor->server_table_calcs))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "cursor goes on with rows as they were begun, as %.*s; leave result_format, "
                       "apply_formatting, apply_vis and server_table_calcs out, or begin again",
                       LK_STR_ARG(cursor->format));
    return true;
}

/* The next rows of a result, whichever tool began it. */
static bool go_on(struct mcp_call *call, const struct looker_run_query_args *args,
                  struct lk_error *err)
{
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_cursor cursor;
    struct lk_query_run run;

    if (!lk_cursor_read(arena, args->cursor.value, &cursor, err) ||
        !check_alone(args, &cursor, err) || !go_back(call, args, &cursor, err))
        return false;
    if (args->max_bytes.is == LK_PRESENT)
        cursor.max_bytes = args->max_bytes.value;

    struct lk_query_wait wait = lk_query_wait(call, args->max_wait_seconds);
    struct lk_rows_ask ask = {
        .format = cursor.format,
        .limit = lk_rows_limit(lk_tool_max_rows(context), 0, cursor.limit),
        .max_bytes = lk_rows_max_bytes(context, lk_integer(cursor.max_bytes)),
        .fields = &cursor.fields,
        .skip = cursor.row,
        .mark = cursor.mark,
    };
    if (!run_again(call, &wait, &cursor, &ask, &run, err))
        return false;

    bool is_look = cursor.look_id.len > 0;
    struct lk_buf what;
    lk_buf_init(&what, 8192);
    struct lk_json_writer w = lk_json_writer(&what);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "id", is_look ? cursor.look_id : cursor.query_id);
    lk_json_end_object(&w);
    bool ok = write_result(call,
                           &(struct told){is_look ? "look" : "query", lk_buf_view(&what), NULL,
                                          args->act_as_user.value},
                           &wait, &run, &cursor, err);
    lk_buf_free(&what);
    return ok;
}

/* ---- the saved ones ---- */

bool lk_handler_run_query(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_run_query_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    bool dev = lk_is_true(args->dev_mode);
    struct lk_str query;

    if (args->cursor.is == LK_PRESENT)
        return go_on(call, args, err);
    if (args->query_id.is != LK_PRESENT)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "query_id is missing: the id or slug of a saved query (or, to go on with "
                       "rows that were cut, cursor)");

    /* 1. The saved query. */
    if (!find_query(call, args->query_id.value, dev, &query, err))
        return false;

    /* 2. Its rows. */
    struct lk_cursor cursor = {
        .query_id = lk_json_get_string(arena, query, LK_STR("id")),
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
    const struct told told = {"query", query, NULL, args->act_as_user.value};
    const struct wanted wanted = {
        .export = args->export,
        .format = args->result_format.value,
        .limit = args->limit.value,
        .saved_limit = saved_limit(arena, query),
        .max_bytes = args->max_bytes,
        .max_wait_seconds = args->max_wait_seconds,
    };
    return answer_saved(call, &told, &wanted, &cursor, err);
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

static struct lk_str query_of_look(struct lk_arena *arena, struct lk_str look, struct lk_str query)
{
    struct lk_str id = lk_json_get_string(arena, look, LK_STR("query_id"));

    return id.len > 0 ? id : lk_json_get_string(arena, query, LK_STR("id"));
}

bool lk_handler_run_look(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_run_look_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    bool dev = lk_is_true(args->dev_mode);
    struct lk_str look, query = {0};

    /* 1. The Look. */
    struct looker_look_params find = {
        .look_id = args->look_id,
        .fields = lk_string(LK_STR("id,title,description,folder,query_id,query")),
    };
    if (!lk_ask(context->api, arena, lk_in_dev(looker_look(&find), dev), LK_JSON_OBJECT, &look,
                err))
        return lk_explain_status(err, 404,
                                 "there is no Look with this id, or no access to it: "
                                 "search_content finds Looks by title");

    /* 2. Its rows. */
    lk_json_get(look, LK_STR("query"), &query);
    struct lk_cursor cursor = {
        .query_id = query_of_look(arena, look, query),
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
    if (cursor.query_id.len == 0)
        return lk_fail(err, LK_ERROR_PARSE, "Looker does not say which query the Look runs");
    const struct told told = {"look", look, &look_projection, args->act_as_user.value};
    const struct wanted wanted = {
        .export = args->export,
        .format = args->result_format.value,
        .limit = args->limit.value,
        .saved_limit = saved_limit(arena, query),
        .max_bytes = args->max_bytes,
        .max_wait_seconds = args->max_wait_seconds,
    };
    return answer_saved(call, &told, &wanted, &cursor, err);
}

/* ---- what runs already ---- */

bool lk_handler_get_query_result(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_get_query_result_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_query_wait wait = lk_query_wait(call, args->max_wait_seconds);
    struct lk_cursor cursor = {.task_id = args->query_task_id.value,
                               .max_bytes = args->max_bytes.value,
                               .fields = args->fields};
    const struct lk_rows_ask ask = {.limit = {.max_rows = lk_tool_max_rows(context)},
                                    .max_bytes = lk_rows_max_bytes(context, args->max_bytes),
                                    .fields = &args->fields};
    struct lk_query_run run;

    if (!lk_query_await(&wait, mcp_call_arena(call), args->query_task_id.value, &ask, &run, err))
        return false;
    lk_json_begin_object(&w);
    write_outcome(call, &w, &wait, &run, &cursor, args->act_as_user.value);
    lk_json_end_object(&w);
    return true;
}
