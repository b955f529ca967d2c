/*
 * bootstrap_lookml_project: a project, its deploy key, and the git repository behind it. Looker
 * connects to the repository when it is told of it, so over SSH the key must be there first: the
 * first call makes the key, and once people have added it at the git host the second call finishes.
 */
#include "handlers/ask.h"
#include "handlers/ids.h"
#include "handlers/workflows/people.h"
#include "looker_tools.h"

#define PROJECT_FIELDS                                                                             \
    "id,name,git_remote_url,git_service_name,git_production_branch_name,pull_request_mode,"        \
    "git_username,validation_required,allow_warnings"

struct bootstrap {
    struct lk_steps steps;
    struct lk_arena *arena;
    const struct looker_bootstrap_lookml_project_args *args;
    struct lk_str project; /* as it is, JSON; empty: there is none yet */
    struct lk_str id;
    struct lk_str key; /* public; empty: none is needed, or had */
    bool ssh, key_is_new, connected;
};

static bool is_http(struct lk_str url)
{
    return lk_str_ieq(lk_str_cut(url, 8), LK_STR("https://")) ||
           lk_str_ieq(lk_str_cut(url, 7), LK_STR("http://"));
}

/* ---- the project ---- */

static bool find_project(struct bootstrap *b)
{
    static const char step[] = "find_project";
    struct looker_project_params params = {
        .project_id = b->args->name,
        .fields = lk_string(LK_STR(PROJECT_FIELDS)),
    };
    struct lk_error failure = {0};

    b->id = b->args->name.value;
    if (!lk_ask(lk_tool_context(b->steps.call)->api, b->arena,
                lk_in_dev(looker_project(&params), true), LK_JSON_OBJECT, &b->project, &failure)) {
        b->project = (struct lk_str){0};
        if (!lk_failed_with(&failure, 404)) {
            lk_steps_failed(&b->steps, step, true, &failure);
            return false;
        }
        lk_steps_done(&b->steps, step, "there is none of this name yet");
        return true;
    }
    struct lk_str remote = lk_json_get_string(b->arena, b->project, LK_STR("git_remote_url"));
    b->id = lk_id(b->arena, b->project, "id");
    if (remote.len > 0 && !lk_str_eq(remote, b->args->git_remote_url.value)) {
        lk_steps_refuse(&b->steps, step,
                        "the project %.*s exists with another git remote, %.*s: take another name, "
                        "or change the project with update_project",
                        LK_STR_ARG(b->id), LK_STR_ARG(remote));
        return false;
    }
    lk_steps_done(&b->steps, step, "it exists: what is missing will be added");
    return true;
}

static bool create_project(struct bootstrap *b)
{
    struct looker_project body = {.name = b->args->name};
    struct lk_str created;

    if (b->project.len > 0) {
        lk_steps_skipped(&b->steps, "create_project", "project %.*s exists", LK_STR_ARG(b->id));
        return true;
    }
    if (!lk_steps_ask(&b->steps, "create_project", looker_create_project(&body), LK_JSON_OBJECT,
                      &created))
        return false;
    if (lk_id(b->arena, created, "id").len > 0)
        b->id = lk_id(b->arena, created, "id");
    lk_steps_done(&b->steps, "create_project", "project %.*s", LK_STR_ARG(b->id));
    lk_steps_changed(&b->steps, "created project %.*s in the dev workspace", LK_STR_ARG(b->id));
    return true;
}

/* ---- the key ---- */

static bool make_key(struct bootstrap *b)
{
    struct looker_git_deploy_key_params read = {.project_id = lk_string(b->id)};
    struct looker_create_git_deploy_key_params make = {.project_id = lk_string(b->id)};
    struct lk_api_answer answer;
    struct lk_error failure = {0};

    if (!b->ssh) {
        lk_steps_skipped(&b->steps, "create_git_deploy_key",
                         "the remote is reached over HTTP, with a user name and password");
        return true;
    }
    if (lk_api_call(lk_tool_context(b->steps.call)->api, b->arena,
                    lk_in_dev(looker_git_deploy_key(&read), true), &answer, &failure) &&
        lk_str_trim(answer.body).len > 0) {
        b->key = lk_str_trim(answer.body);
        lk_steps_skipped(&b->steps, "create_git_deploy_key", "the project has one");
        return true;
    }
    if (failure.kind != LK_ERROR_NONE && !lk_failed_with(&failure, 404)) {
        lk_steps_failed(&b->steps, "read_git_deploy_key", true, &failure);
        return false;
    }
    if (!lk_steps_call(&b->steps, "create_git_deploy_key",
                       lk_in_dev(looker_create_git_deploy_key(&make), true), &answer))
        return false;
    b->key = lk_str_trim(answer.body);
    b->key_is_new = true;
    lk_steps_done(&b->steps, "create_git_deploy_key", "its public half is deploy_key");
    lk_steps_changed(&b->steps, "created a deploy key for project %.*s", LK_STR_ARG(b->id));
    return true;
}

/* ---- the repository ---- */

/* Whether the project says so already; what was not given does not matter. */
static bool is_text(struct bootstrap *b, const char *member, const struct lk_string *wanted)
{
    return wanted->is != LK_PRESENT ||
           lk_str_eq(lk_json_get_string(b->arena, b->project, lk_str(member)), wanted->value);
}

static bool is_flag(struct bootstrap *b, const char *member, const struct lk_boolean *wanted)
{
    return wanted->is != LK_PRESENT || lk_member_is_true(b->project, member) == wanted->value;
}

static bool is_connected(struct bootstrap *b)
{
    const struct looker_bootstrap_lookml_project_args *args = b->args;

    return b->project.len > 0 && args->git_password.is != LK_PRESENT &&
           is_text(b, "git_remote_url", &args->git_remote_url) &&
           is_text(b, "git_service_name", &args->git_service_name) &&
           is_text(b, "git_production_branch_name", &args->git_production_branch_name) &&
           is_text(b, "pull_request_mode", &args->pull_request_mode) &&
           is_text(b, "git_username", &args->git_username) &&
           is_flag(b, "validation_required", &args->validation_required) &&
           is_flag(b, "allow_warnings", &args->allow_warnings);
}

/* Looker could not connect, which is no wonder while nobody has added the key. */
static bool is_expected(const struct bootstrap *b, const struct lk_error *failure)
{
    return b->key_is_new && failure->kind == LK_ERROR_UPSTREAM && failure->status != 401 &&
           failure->status != 403 && failure->status != 404;
}

static void connect(struct bootstrap *b)
{
    const struct looker_bootstrap_lookml_project_args *args = b->args;
    struct looker_update_project_params params = {
        .project_id = lk_string(b->id),
        .fields = lk_string(LK_STR("id,git_remote_url")),
    };
    struct looker_project body = {
        .git_remote_url = args->git_remote_url,
        .git_service_name = args->git_service_name,
        .git_production_branch_name = args->git_production_branch_name,
        .pull_request_mode = args->pull_request_mode,
        .git_username = args->git_username,
        .git_password = args->git_password,
        .validation_required = args->validation_required,
        .allow_warnings = args->allow_warnings,
    };
    struct lk_error failure = {0};
    struct lk_api_answer answer;

    if (is_connected(b)) {
        b->connected = true;
        lk_steps_skipped(&b->steps, "update_project", "it is connected to the repository");
        return;
    }
    if (lk_api_call(lk_tool_context(b->steps.call)->api, b->arena,
                    looker_update_project(&params, &body), &answer, &failure)) {
        b->connected = true;
        lk_steps_done(&b->steps, "update_project", "connected to %.*s",
                      LK_STR_ARG(args->git_remote_url.value));
        lk_steps_changed(&b->steps, "connected project %.*s to its git repository",
                         LK_STR_ARG(b->id));
        return;
    }
    lk_steps_failed(&b->steps, "update_project", !is_expected(b, &failure), &failure);
}

static void say_what_is_left(struct bootstrap *b)
{
    bool connected = b->connected;

    if (b->key_is_new || (b->key.len > 0 && !connected))
        lk_steps_left(&b->steps, "add deploy_key to the repository at the git host, with write "
                                 "access");
    if (!connected && !b->ssh && b->args->git_password.is != LK_PRESENT)
        lk_steps_left(&b->steps, "give git_username and git_password (a token): an HTTP remote "
                                 "takes no deploy key");
    if (!connected)
        lk_steps_left(&b->steps, "then call again with the same arguments: what exists is kept");
    else
        lk_steps_left(&b->steps, "see with run_git_connection_test that Looker can write there, "
                                 "add files, and deploy_to_production a first time");
}

/* ---- the preview ---- */

static void plan(struct bootstrap *b)
{
    if (b->project.len == 0)
        lk_steps_planned(&b->steps, "create_project", "%.*s", LK_STR_ARG(b->id));
    else
        lk_steps_skipped(&b->steps, "create_project", "project %.*s exists", LK_STR_ARG(b->id));
    if (b->ssh)
        lk_steps_planned(&b->steps, "create_git_deploy_key", "unless there is one");
    if (is_connected(b))
        lk_steps_skipped(&b->steps, "update_project", "it is connected to the repository");
    else
        lk_steps_planned(&b->steps, "update_project", "connect it to %.*s",
                         LK_STR_ARG(b->args->git_remote_url.value));
}

bool lk_handler_bootstrap_lookml_project(struct mcp_call *call, const void *args_,
                                         struct lk_error *err)
{
    struct bootstrap *b = lk_arena_new_object(mcp_call_arena(call), struct bootstrap);

    b->arena = mcp_call_arena(call);
    b->args = args_;
    b->ssh = !is_http(b->args->git_remote_url.value);
    lk_steps_begin(&b->steps, call);
    b->steps.preview = b->args->dry_run.value;

    /* 1. Is there such a project, and is it this one: fatal. */
    bool ready = find_project(b);
    if (ready && b->steps.preview) {
        plan(b);
    } else if (ready && create_project(b)) {
        /* 2. The project and its key: fatal. */
        /* 3. The repository: with a new key it cannot be reached yet, which is recorded. */
        if (make_key(b))
            connect(b);
        say_what_is_left(b);
    }
    lk_json_member_string(&b->steps.w, "project_id", b->id);
    if (b->key.len > 0)
        lk_json_member_string(&b->steps.w, "deploy_key", b->key);
    if (!b->steps.preview)
        lk_json_member_boolean(&b->steps.w, "git_connected", b->connected);
    return lk_steps_end(&b->steps, err);
}
