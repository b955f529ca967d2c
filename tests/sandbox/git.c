/*
 * Branches of a project, deploys and resets, deploy keys and the tests of the git connection.
 */
#include "projects.h"

#include <stdio.h>

/* A string member of the body, "" when it is not there. */
static const char *body_text(struct sb_request *rq, const char *name)
{
    return lk_arena_cstr(rq->arena, lk_json_get_string(rq->arena, rq->body, lk_str(name)));
}

static bool flag(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static struct sb_entity *find(struct sb_workspace *ws, struct lk_str name)
{
    struct sb_entity *branch = sb_entity(sb_branches(ws->rq->sb, ws->project), name);

    return branch != NULL && branch->json != NULL ? branch : NULL;
}

/* ---- branches ---- */

static void move_branch(struct sb_entity *branch, const char *ref)
{
    sb_set_text(branch->json, "ref", ref);
    sb_set_text(branch->json, "remote_ref", ref);
    sb_set_number(branch->json, "ahead_count", 0);
    sb_set_number(branch->json, "behind_count", 0);
}

static void git_branch(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;

    if (sb_workspace_open(rq, out, &ws))
        sb_answer_tree(rq, out, 200, ws.branch->json);
}

static void all_git_branches(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;
    struct sb_collection *c;
    cJSON *list;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    c = sb_branches(rq->sb, ws.project);
    list = cJSON_CreateArray();
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].json != NULL)
            cJSON_AddItemToArray(list, cJSON_Duplicate(c->items[i].json, true));
    sb_answer_tree(rq, out, 200, list);
    cJSON_Delete(list);
}

static void find_git_branch(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;
    struct sb_entity *branch;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    branch = find(&ws, sb_path_arg(rq, "branch_name"));
    if (branch == NULL)
        return sb_fail_not_found(rq, out);
    sb_answer_tree(rq, out, 200, branch->json);
}

static bool good_name(const char *name)
{
    return name[0] != '\0' && name[0] != '-' && strstr(name, "..") == NULL &&
           strpbrk(name, "~^:\\?*[") == NULL;
}

/* What the branch keeps is its own: work on others stays behind. */
static void create_git_branch(struct sb_request *rq, struct sb_answer *out)
{
    const char *name = body_text(rq, "name"), *from = body_text(rq, "ref"), *ref = NULL;
    struct sb_workspace ws;
    struct sb_entity *branch;
    cJSON *json;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    if (!good_name(name))
        return sb_fail_field(rq, out, "name", "invalid", "no name of a branch");
    if (find(&ws, lk_str(name)) != NULL)
        return sb_fail_field(rq, out, "name", "already_exists", "a branch of that name exists");
    if (sb_ref_tree(&ws, from[0] != '\0' ? from : sb_member(ws.branch->json, "ref"), &ref) == NULL)
        return sb_fail_field(rq, out, "ref", "invalid", "there is no such ref");
    json = sb_example_object(rq->route->op->answer.type, false, 0);
    sb_set_text(json, "name", name);
    sb_set_text(json, "ref", ref);
    sb_set_text(json, "remote", "origin");
    sb_set_text(json, "remote_name", name);
    sb_set_text(json, "remote_ref", ref);
    sb_set_number(json, "commit_at", 1767225600);
    sb_set_number(json, "ahead_count", 0);
    sb_set_number(json, "behind_count", 0);
    cJSON_ReplaceItemInObjectCaseSensitive(json, "is_remote", cJSON_CreateBool(true));
    branch = sb_entity_put(sb_branches(rq->sb, ws.project), lk_str(name), json);
    sb_checkout(&ws, branch);
    sb_answer_tree(rq, out, 200, branch->json);
}

/* Checks out `name`, if it is another; then resets to `ref`, if there is one. */
static void update_git_branch(struct sb_request *rq, struct sb_answer *out)
{
    const char *name = body_text(rq, "name"), *to = body_text(rq, "ref"), *ref = NULL;
    struct sb_workspace ws;
    struct sb_entity *branch;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    branch = name[0] != '\0' ? find(&ws, lk_str(name)) : ws.branch;
    if (branch == NULL)
        return sb_fail_not_found(rq, out);
    if (to[0] != '\0' && sb_ref_tree(&ws, to, &ref) == NULL)
        return sb_fail_field(rq, out, "ref", "invalid", "there is no such ref");
    if (to[0] != '\0' && flag(branch->json, "readonly"))
        return sb_fail_field(rq, out, "ref", "invalid", "the branch is read-only");
    sb_count_switch(&ws, branch);
    sb_checkout(&ws, branch);
    if (ref != NULL) {
        sb_workspace_discard(&ws);
        ref = lk_arena_cstr(rq->arena, lk_str(ref));
        move_branch(branch, ref);
    }
    sb_answer_tree(rq, out, 200, branch->json);
}

static void delete_git_branch(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;
    struct sb_entity *branch;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    branch = find(&ws, sb_path_arg(rq, "branch_name"));
    if (branch == NULL)
        return sb_fail_not_found(rq, out);
    if (branch == ws.branch)
        return sb_fail(rq, out, 400, "Cannot delete the branch that is checked out");
    if (flag(branch->json, "is_production"))
        return sb_fail(rq, out, 400, "Cannot delete the production branch");
    sb_entity_delete(branch);
    sb_answer_empty(out, 204);
}

/* ---- to production and back ---- */

static cJSON *project_of(struct sb_workspace *ws)
{
    return sb_entity(sb_collection(ws->rq->sb->store, LK_STR("/projects")), lk_str(ws->project))
        ->json;
}

/* Production's files are these from now on; a branch that they came from is at the same commit. */
static void deploy(struct sb_workspace *ws, struct sb_answer *out, const cJSON *tree,
                   struct sb_entity *from, const char *known_ref)
{
    const char *ref;

    if (flag(project_of(ws), "validation_required") && !sb_tree_valid(tree, NULL, NULL)) {
        sb_fail(ws->rq, out, 422, "The project has LookML errors and must validate to be deployed");
        return;
    }
    ref = known_ref != NULL ? known_ref : sb_commit(ws, tree);
    ref = lk_arena_cstr(ws->rq->arena, lk_str(ref));
    move_branch(sb_production_branch(ws), ref);
    if (from != NULL) {
        ws->branch = from;
        move_branch(from, ref);
        sb_workspace_discard(ws);
    }
    cJSON_ReplaceItemInObjectCaseSensitive(project_of(ws), "has_production_counterpart",
                                           cJSON_CreateBool(true));
    sb_answer_empty(out, 204);
}

static void deploy_to_production(struct sb_request *rq, struct sb_answer *out)
{
    const char *mode;
    struct sb_workspace ws;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    mode = sb_member(project_of(&ws), "pull_request_mode");
    if (mode != NULL && strcmp(mode, "required") == 0)
        return sb_fail(rq, out, 422, "Changes of this project go through a pull request");
    if (cJSON_GetObjectItemCaseSensitive(ws.branch->json, "behind_count")->valuedouble > 0)
        return sb_fail(rq, out, 422,
                       "The branch is behind production: merge production into it first");
    deploy(&ws, out, ws.tree, flag(ws.branch->json, "is_production") ? NULL : ws.branch, NULL);
}

static void deploy_ref_to_production(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str name = {0}, ref = {0};
    const char *found;
    struct sb_workspace ws;
    struct sb_entity *branch;
    const cJSON *tree;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    if (sb_query_arg(rq, "branch", &name) == sb_query_arg(rq, "ref", &ref))
        return sb_fail(rq, out, 400, "Either branch or ref");
    if (name.len > 0) {
        branch = find(&ws, name);
        if (branch == NULL)
            return sb_fail_not_found(rq, out);
        return deploy(&ws, out, sb_branch_tree(&ws, branch),
                      flag(branch->json, "is_production") ? NULL : branch, NULL);
    }
    tree = sb_ref_tree(&ws, lk_arena_cstr(rq->arena, ref), &found);
    if (tree == NULL)
        return sb_fail_not_found(rq, out);
    deploy(&ws, out, tree, NULL, found);
}

static void reset_project_to_production(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    move_branch(
        ws.branch,
        lk_arena_cstr(rq->arena, lk_str(sb_member(sb_production_branch(&ws)->json, "ref"))));
    sb_workspace_discard(&ws);
    sb_answer_empty(out, 204);
}

static void reset_project_to_remote(struct sb_request *rq, struct sb_answer *out)
{
    const char *ref;
    struct sb_workspace ws;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    ref = sb_member(ws.branch->json, "remote_ref");
    if (ref == NULL)
        return sb_fail(rq, out, 400, "The branch %s is not on the remote", ws.branch->key);
    move_branch(ws.branch, lk_arena_cstr(rq->arena, lk_str(ref)));
    sb_workspace_discard(&ws);
    sb_answer_empty(out, 204);
}

static void project_workspace(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;
    const char *ref;
    cJSON *json;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    json = sb_example_object(rq->route->op->answer.type, false, 0);
    sb_set_text(json, "project_id", ws.project);
    sb_set_text(json, "workspace_id", rq->token->workspace);
    sb_set_text(json, "git_head", sb_member(ws.branch->json, "ref"));
    sb_set_text(
        json, "git_status",
        cJSON_Compare(ws.tree, sb_ref_tree(&ws, sb_member(ws.branch->json, "ref"), &ref), true)
            ? "clean"
            : "dirty");
    sb_set_text(json, "lookml_type", "lkml");
    sb_set_text(json, "dependency_status", "lock_optional");
    cJSON_DeleteItemFromObjectCaseSensitive(json, "git_branch");
    cJSON_AddItemToObject(json, "git_branch", cJSON_Duplicate(ws.branch->json, true));
    sb_answer_tree(rq, out, 200, json);
    cJSON_Delete(json);
}

/* ---- keys ---- */

static struct sb_collection *keys_of(struct sb_request *rq, const char *project)
{
    return sb_collection(rq->sb->store, lk_arena_printf(rq->arena, "(deploy_key)/%s", project));
}

static void answer_key(struct sb_request *rq, struct sb_answer *out, const struct sb_entity *key)
{
    *out = (struct sb_answer){200, "text/plain; charset=utf-8",
                              .body = lk_arena_str(rq->arena, lk_str(key->json->valuestring))};
}

static void git_deploy_key(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;
    struct sb_entity *key;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    key = sb_entity(keys_of(rq, ws.project), LK_STR("it"));
    if (key == NULL)
        return sb_fail_not_found(rq, out);
    answer_key(rq, out, key);
}

/* Each time another one. */
static void create_git_deploy_key(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;
    struct sb_collection *c;
    struct lk_str text;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    c = keys_of(rq, ws.project);
    text = lk_arena_printf(rq->arena, "ssh-rsa AAAAB3NzaC1yc2E%04lld looker-%s\n",
                           (long long)c->next_id++, ws.project);
    answer_key(rq, out, sb_entity_put(c, LK_STR("it"), cJSON_CreateString(text.ptr)));
}

/* ---- tests of the connection ---- */

static const char *const connection_tests[][2] = {
    {"git_hostname_resolves_test", "The remote's host name resolves"},
    {"git_connect_test", "The remote answers"},
    {"git_read_test", "The remote can be read"},
    {"git_write_test", "The remote can be written to"},
};
#define N_TESTS (sizeof(connection_tests) / sizeof(connection_tests[0]))

static void all_git_connection_tests(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;
    cJSON *list;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    list = cJSON_CreateArray();
    for (size_t i = 0; i < N_TESTS; i++) {
        cJSON *test = cJSON_CreateObject();

        cJSON_AddStringToObject(test, "id", connection_tests[i][0]);
        cJSON_AddStringToObject(test, "description", connection_tests[i][1]);
        cJSON_AddItemToArray(list, test);
    }
    sb_answer_tree(rq, out, 200, list);
    cJSON_Delete(list);
}

/* Writing fails on a project without a remote, and everything on a remote named "unreachable". */
static void run_git_connection_test(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str id = sb_path_arg(rq, "test_id"), remote = {0};
    struct sb_workspace ws;
    const char *url;
    bool known = false, passes;
    cJSON *result;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    for (size_t i = 0; i < N_TESTS; i++)
        known |= lk_str_eq(id, lk_str(connection_tests[i][0]));
    if (!known)
        return sb_fail_not_found(rq, out);
    url = sb_member(project_of(&ws), "git_remote_url");
    if (sb_query_arg(rq, "remote_url", &remote))
        url = lk_arena_cstr(rq->arena, remote);
    passes =
        url != NULL ? strstr(url, "unreachable") == NULL : !lk_str_eq(id, LK_STR("git_write_test"));
    result = cJSON_CreateObject();
    cJSON_AddItemToObject(result, "can", cJSON_CreateObject());
    cJSON_AddStringToObject(result, "id", lk_arena_cstr(rq->arena, id));
    cJSON_AddStringToObject(result, "status", passes ? "pass" : "fail");
    cJSON_AddStringToObject(result, "message", passes ? "" : "Permission denied (publickey)");
    sb_answer_tree(rq, out, 200, result);
    cJSON_Delete(result);
}

const struct sb_handler sb_git_handlers[] = {
    {"git_branch", git_branch},
    {"all_git_branches", all_git_branches},
    {"find_git_branch", find_git_branch},
    {"create_git_branch", create_git_branch},
    {"update_git_branch", update_git_branch},
    {"delete_git_branch", delete_git_branch},
    {"deploy_to_production", deploy_to_production},
    {"deploy_ref_to_production", deploy_ref_to_production},
    {"reset_project_to_production", reset_project_to_production},
    {"reset_project_to_remote", reset_project_to_remote},
    {"project_workspace", project_workspace},
    {"git_deploy_key", git_deploy_key},
    {"create_git_deploy_key", create_git_deploy_key},
    {"all_git_connection_tests", all_git_connection_tests},
    {"run_git_connection_test", run_git_connection_test},
    {0},
};
