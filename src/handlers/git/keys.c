/*
 * Deploy keys, which Looker answers as text: four tools of two groups for two operations.
 */
#include "handlers/ask.h"
#include "handlers/context.h"
#include "handlers/rows.h"
#include "looker_tools.h"

#define SAME_ARGS(tool)                                                                            \
    _Static_assert(sizeof(struct looker_##tool##_args) ==                                          \
                       sizeof(struct looker_get_git_deploy_key_args),                              \
                   "each takes a project_id")
SAME_ARGS(create_git_deploy_key);
SAME_ARGS(get_project_deploy_key);
SAME_ARGS(create_project_deploy_key);

bool lk_handler_deploy_key(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_get_git_deploy_key_args *args = args_;
    bool create = lk_str_starts(lk_str(mcp_call_tool(call)->name), LK_STR("create_"));
    struct looker_git_deploy_key_params find = {.project_id = args->project_id};
    struct looker_create_git_deploy_key_params make = {.project_id = args->project_id};
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_api_answer answer;

    if (!lk_api_call(lk_tool_context(call)->api, mcp_call_arena(call),
                     create ? looker_create_git_deploy_key(&make) : looker_git_deploy_key(&find),
                     &answer, err))
        return lk_explain_status(err, 404, "%s",
                                 create ? "there is no such project, or no access to it: "
                                          "list_projects shows what there is"
                                        : "the project has no deploy key yet, or there is no such "
                                          "project: create_project_deploy_key makes a key, "
                                          "list_projects shows the projects");
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "project_id", args->project_id.value);
    lk_json_member_string(&w, "deploy_key",
                          lk_str_trim(lk_rows_text(mcp_call_arena(call), &answer)));
    lk_json_end_object(&w);
    return true;
}
