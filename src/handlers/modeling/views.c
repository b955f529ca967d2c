/*
 * create_views_from_tables, whose answer is what changed in the list of files, since Looker answers
 * nothing; and list_directories, whose answer has no published schema.
 */
#include "handlers/ask.h"
#include "handlers/items.h"
#include "handlers/modeling/project.h"
#include "handlers/steps.h"
#include "looker_tools.h"
#include "json/codec.h"
#include "json/tree.h"

/* ---- create_views_from_tables ---- */

static bool read_tables(struct lk_arena *arena, const struct lk_json_list *list,
                        struct looker_project_view_table_list *ret_tables, struct lk_error *err)
{
    struct looker_project_view_table *items = lk_arena_array(arena, list->len, sizeof(*items));

    for (size_t i = 0; i < list->len; i++) {
        struct lk_error failure = {0};
        cJSON *tree;

        if (!lk_tree_parse(arena, list->items[i], &tree, &failure) ||
            !lk_decode_arguments(arena, &looker_project_view_table_type, tree, &items[i], &failure))
            return lk_fail(err, LK_ERROR_ARGUMENT, "tables[%zu]: %s", i, failure.message);
    }
    *ret_tables = (struct looker_project_view_table_list){items, list->len, LK_PRESENT};
    return true;
}

/* Writes the paths that are in `after` and not in `before`; returns how many. */
static size_t write_new_files(struct lk_steps *steps, struct lk_str before, struct lk_str after)
{
    struct lk_json_iter it = lk_json_iter(after);
    struct lk_arena *arena = mcp_call_arena(steps->call);
    struct lk_str file, known;
    size_t n = 0;

    lk_json_key(&steps->w, "new_files");
    lk_json_begin_array(&steps->w);
    while (lk_json_next(&it, NULL, &file)) {
        struct lk_str path =
            lk_text_member(arena, file, "path", lk_json_get_string(arena, file, LK_STR("id")));

        if (!lk_project_file(before, path, &known)) {
            lk_json_put_string(&steps->w, path);
            n++;
        }
    }
    lk_json_end_array(&steps->w);
    return n;
}

bool lk_handler_create_views_from_tables(struct mcp_call *call, const void *args_,
                                         struct lk_error *err)
{
    const struct looker_create_views_from_tables_args *args = args_;
    struct looker_generate_project_views_params params = {
        .project_id = args->project_id,
        .connection = args->connection,
        .folder_name = args->folder_name,
        .file_type_for_explores = args->file_type_for_explores,
    };
    struct looker_project_views_to_generate body = {0};
    struct lk_str before, after;
    struct lk_api_answer answer;
    struct lk_error failure = {0};
    struct lk_steps steps;

    if (!read_tables(mcp_call_arena(call), &args->tables, &body.tables, err))
        return false;

    /* 1. The files as they are. */
    if (!lk_project_files(call, args->project_id, true, &before, err))
        return false;
    lk_steps_begin(&steps, call);
    lk_steps_done(&steps, "list_files", "%zu files before", lk_json_count(before));

    /* 2. The views. */
    if (!lk_steps_call(&steps, "generate_views", looker_generate_project_views(&params, &body),
                       &answer))
        return lk_steps_end(&steps, err);
    lk_steps_done(&steps, "generate_views", "asked for %zu table%s", body.tables.len,
                  body.tables.len == 1 ? "" : "s");
    lk_steps_changed(&steps, "Looker took the order to write views into the dev workspace of %.*s",
                     LK_STR_ARG(args->project_id.value));

    /* 3. What came of it. */
    if (!lk_project_files(call, args->project_id, true, &after, &failure)) {
        lk_steps_failed(&steps, "find_new_files", false, &failure);
        lk_steps_left(&steps, "see with list_project_files which files were written");
        return lk_steps_end(&steps, err);
    }
    size_t n = write_new_files(&steps, before, after);
    lk_steps_done(&steps, "find_new_files", "%zu new file%s", n, n == 1 ? "" : "s");
    if (n < body.tables.len)
        lk_steps_left(&steps,
                      "%zu table%s gave no new file: Looker wrote over a file that was there, "
                      "or left them out; list_project_files shows git_status",
                      body.tables.len - n, body.tables.len - n == 1 ? "" : "s");
    lk_steps_left(&steps, "check with validate_project (dev_mode=true), then deploy_to_production");
    return lk_steps_end(&steps, err);
}

/* ---- list_directories ---- */

bool lk_handler_list_directories(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_list_directories_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_items *items = lk_arena_new_object(arena, struct lk_items);
    struct looker_list_project_directories_params params = {.project_id = args->project_id};
    struct lk_str list, item;

    if (!lk_ask(context->api, arena,
                lk_in_dev(looker_list_project_directories(&params), args->dev_mode.value),
                LK_JSON_ARRAY, &list, err))
        return lk_explain_status(
            err, 404,
            "there is no project \"%.*s\" (list_projects shows what there is), "
            "or this Looker does not list directories: the paths of "
            "list_project_files show them",
            LK_STR_ARG(args->project_id.value));
    lk_items_init(items, arena, lk_tool_max_result_bytes(context), args->offset.value,
                  args->limit.value);
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        if (!lk_items_next(items))
            continue;
        lk_buf_str(&items->buf, item);
        lk_items_end(items);
    }
    if (!lk_items_check(items, err))
        return false;
    lk_json_begin_object(&w);
    lk_items_write(items, &w, items->offered, lk_items_next_offset(items));
    lk_json_end_object(&w);
    return true;
}
