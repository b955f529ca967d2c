/*
 * create_directory and delete_directory. One call each, but the path is looked at first: "." and
 * what else leads to the root or out of it would delete more than anybody asked for.
 */
#include "handlers/ask.h"
#include "handlers/modeling/project.h"
#include "handlers/names.h"
#include "looker_tools.h"

static bool send_directory(struct mcp_call *call, struct lk_string project_id,
                           struct lk_string path, bool creates, struct lk_error *err)
{
    struct looker_create_project_directory_params create = {.project_id = project_id};
    struct looker_project_directory body = {.path = path};
    struct looker_delete_project_directory_params delete = {
        .project_id = project_id,
        .path = path,
    };
    struct lk_api_answer answer;

    return lk_api_call(lk_tool_context(call)->api, mcp_call_arena(call),
                       creates ? looker_create_project_directory(&create, &body)
                               : looker_delete_project_directory(&delete),
                       &answer, err);
}

bool lk_handler_write_directory(struct mcp_call *call, const void *args, struct lk_error *err)
{
    bool creates = strcmp(mcp_call_tool(call)->name, "create_directory") == 0;
    const struct looker_create_directory_args *create = args;
    const struct looker_delete_directory_args *delete = args;
    struct lk_string project_id = creates ? create->project_id : delete->project_id;
    struct lk_string path = creates ? create->path : delete->path;
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));

    /* 1. Whether it is one. */
    if (path.value.len > 1 && path.value.ptr[path.value.len - 1] == '/')
        path.value.len--;
    if (!lk_is_project_path(path.value))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "path: \"%.*s\" is no path of a directory within the project, such as "
                       "views/shop",
                       LK_STR_ARG(path.value));
    /* 2. The change. */
    if (!send_directory(call, project_id, path, creates, err))
        return lk_names_explain(mcp_call_tool(call)->args, args, err);
    lk_json_begin_object(&w);
    lk_json_member_boolean(&w, "ok", true);
    lk_json_member_string(&w, "project_id", project_id.value);
    lk_json_member_string(&w, "path", path.value);
    lk_json_end_object(&w);
    return true;
}
