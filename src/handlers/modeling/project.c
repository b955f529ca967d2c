/*
 * See project.h; also update_project, whose bare repository takes a null that no argument can say.
 */
#include "handlers/modeling/project.h"

#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/names.h"
#include "looker_tools.h"
#include "json/codec.h"
#include "json/project.h"

bool lk_project_files(struct mcp_call *call, struct lk_string project_id, bool dev,
                      struct lk_str *ret_files, struct lk_error *err)
{
    struct looker_all_project_files_params params = {
        .project_id = project_id,
        .fields = lk_string(LK_STR("id,path,git_status")),
    };

    if (lk_ask(lk_tool_context(call)->api, mcp_call_arena(call),
               lk_in_dev(looker_all_project_files(&params), dev), LK_JSON_ARRAY, ret_files, err))
        return true;
    return lk_explain_status(err, 404,
                             "there is no project \"%.*s\", or no access to its files: "
                             "list_projects shows what there is",
                             LK_STR_ARG(project_id.value));
}

bool lk_project_file(struct lk_str files, struct lk_str id_or_path, struct lk_str *ret_file)
{
    struct lk_json_iter it = lk_json_iter(files);
    struct lk_str file, value;

    while (lk_json_next(&it, NULL, &file)) {
        if ((lk_json_get(file, LK_STR("id"), &value) && lk_json_string_eq(value, id_or_path)) ||
            (lk_json_get(file, LK_STR("path"), &value) && lk_json_string_eq(value, id_or_path))) {
            *ret_file = file;
            return true;
        }
    }
    return false;
}

struct lk_str lk_project_file_change(struct lk_arena *arena, struct lk_str file)
{
    struct lk_str status;

    if (!lk_json_get(file, LK_STR("git_status"), &status) || lk_json_type(status) != LK_JSON_OBJECT)
        return (struct lk_str){0};
    return lk_json_get_string(arena, status, LK_STR("action"));
}

bool lk_is_project_path(struct lk_str path)
{
    struct lk_str rest = path;

    if (path.len == 0 || path.ptr[path.len - 1] == '/')
        return false;
    for (size_t i = 0; i < path.len; i++) {
        if ((unsigned char)path.ptr[i] < ' ' || path.ptr[i] == '\\')
            return false;
    }
    while (rest.len > 0) {
        struct lk_str part = lk_str_take(&rest, '/');
        if (part.len == 0 || lk_str_eq(part, LK_STR(".")) || lk_str_eq(part, LK_STR("..")) ||
            lk_str_ieq(part, LK_STR(".git")))
            return false;
    }
    return true;
}

struct lk_str lk_text_member(struct lk_arena *arena, struct lk_str object, const char *name,
                             struct lk_str otherwise)
{
    struct lk_str text = lk_json_get_string(arena, object, lk_str(name));

    return text.len > 0 ? text : otherwise;
}

/* ---- update_project ---- */

static const struct lk_projection project_fields[] = {
    {.name = "allow_warnings"},
    {.name = "dependency_status"},
    {.name = "git_application_server_http_port"},
    {.name = "git_application_server_http_scheme"},
    {.name = "git_password_user_attribute"},
    {.name = "git_production_branch_name"},
    {.name = "git_release_mgmt_enabled"},
    {.name = "git_remote_url"},
    {.name = "git_service_name"},
    {.name = "git_username"},
    {.name = "git_username_user_attribute"},
    {.name = "has_production_counterpart"},
    {.name = "id"},
    {.name = "name"},
    {.name = "pull_request_mode"},
    {.name = "use_git_cookie_auth"},
    {.name = "uses_git"},
    {.name = "validation_required"},
};
static const struct lk_projection project_projection = {
    .fields = project_fields,
    .n_fields = sizeof(project_fields) / sizeof(project_fields[0]),
};

static bool has_changes(struct lk_arena *arena, const struct looker_project *body)
{
    struct lk_buf *buf = lk_arena_new_object(arena, struct lk_buf);

    lk_buf_init(buf, (size_t)64 * 1024);
    lk_arena_defer(arena, lk_buf_free_deferred, buf);
    lk_encode(&looker_project_type, body, buf);
    return !lk_str_eq(lk_buf_view(buf), LK_STR("{}"));
}

bool lk_handler_update_project(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_update_project_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_update_project_params params = {.project_id = args->project_id};
    struct looker_project body = {0};
    struct lk_str project;

    /* 1. What is to change. */
    lk_bind_same_names(arena, &looker_update_project_args_type, args, &looker_project_type, &body);
    if (lk_is_true(args->bare_repository)) {
        if (args->git_remote_url.is == LK_PRESENT || args->git_service_name.is == LK_PRESENT)
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "bare_repository means that there is no remote: leave git_remote_url "
                           "and git_service_name out, or bare_repository");
        body.git_remote_url.is = LK_NULL;
        body.git_service_name = lk_string(LK_STR("bare"));
    }
    if (!has_changes(arena, &body))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "nothing to change: give at least one setting beside project_id; "
                       "get_project shows them");

    /* 2. The change. */
    if (!lk_ask(lk_tool_context(call)->api, arena, looker_update_project(&params, &body),
                LK_JSON_OBJECT, &project, err))
        return lk_names_explain(&looker_update_project_args_type, args, err);
    return lk_project(project, &project_projection, false, mcp_call_answer(call), err);
}
