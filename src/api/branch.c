/*
 * Branches of a dev workspace by Looker's operations (branch.h). What is borrowed, and when, is
 * decided by the leases, who call this.
 */
#include "api/branch.h"

#include "looker_ops.h"
#include "json/codec.h"

/* As one user, whose view lasts for one request. lease: whose time it must be; NULL: nobody's. */
static bool call(struct lk_api *api, struct lk_arena *arena, const struct lk_lease_user *user,
                 struct lk_lease *lease, struct lk_api_request request, const struct lk_type *type,
                 void *ret_object, struct lk_error *err)
{
    struct lk_api *view = lk_api_as(api, arena, &user->principal);
    struct lk_api_answer answer;
    bool ok;

    if (lease != NULL)
        lk_api_ask(view, lk_lease_may_send, lease);
    ok = lk_api_call(view, arena, request, &answer, err) &&
         lk_decode_answer(arena, type, answer.body, ret_object, err);
    lk_api_end(view);
    return ok;
}

static bool is_missing(const struct lk_error *err)
{
    return err->kind == LK_ERROR_UPSTREAM && err->status == 404;
}

/* Of a 404: what it is that is not there, which Looker does not say. */
static void say_missing(struct lk_error *failure, struct lk_str text)
{
    failure->kind = LK_ERROR_NONE;
    lk_fail(failure, LK_ERROR_UPSTREAM, "%.*s", LK_STR_ARG(text));
}

static bool fail_with(const struct lk_error *failure, struct lk_error *err)
{
    if (err != NULL && err->kind == LK_ERROR_NONE)
        *err = *failure;
    return false;
}

static bool current(void *arg, struct lk_arena *arena, const struct lk_lease_user *user,
                    struct lk_str project, struct lk_str *ret_branch, struct lk_error *err)
{
    struct looker_git_branch_params params = {.project_id = lk_string(project)};
    struct looker_git_branch branch = {0};
    struct lk_error failure = {0};

    if (!call(arg, arena, user, NULL, lk_in_dev(looker_git_branch(&params), true),
              &looker_git_branch_type, &branch, &failure)) {
        if (is_missing(&failure))
            say_missing(&failure,
                        lk_arena_printf(arena,
                                        "there is no project \"%.*s\", or no access to it: "
                                        "list_projects shows what there is",
                                        LK_STR_ARG(project)));
        return fail_with(&failure, err);
    }
    if (branch.name.is != LK_PRESENT || branch.name.value.len == 0)
        return lk_fail(err, LK_ERROR_PARSE,
                       "Looker does not say which branch of project %.*s is checked out in the "
                       "dev workspace",
                       LK_STR_ARG(project));
    *ret_branch = lk_arena_str(arena, branch.name.value);
    return true;
}

static bool check_out(void *arg, struct lk_arena *arena, const struct lk_lease_user *user,
                      struct lk_lease *lease, struct lk_str project, struct lk_str branch,
                      struct lk_error *err)
{
    struct looker_update_git_branch_params params = {.project_id = lk_string(project)};
    struct looker_git_branch body = {.name = lk_string(branch)}, now = {0};
    struct lk_error failure = {0};

    if (call(arg, arena, user, lease, lk_in_dev(looker_update_git_branch(&params, &body), true),
             &looker_git_branch_type, &now, &failure))
        return true;
    if (is_missing(&failure)) /* the project is there: what is checked out in it was read before */
        say_missing(&failure,
                    lk_arena_printf(arena,
                                    "project \"%.*s\" has no branch \"%.*s\": list_git_branches "
                                    "shows what it has",
                                    LK_STR_ARG(project), LK_STR_ARG(branch)));
    else
        lk_error_advise(&failure, "branch %.*s of project %.*s was to be checked out",
                        LK_STR_ARG(branch), LK_STR_ARG(project));
    return fail_with(&failure, err);
}

static bool has_branch(void *arg, struct lk_arena *arena, const struct lk_lease_user *user,
                       struct lk_str project, struct lk_str branch, bool *ret_has,
                       struct lk_error *err)
{
    struct looker_find_git_branch_params params = {
        .project_id = lk_string(project),
        .branch_name = lk_string(branch),
    };
    struct looker_git_branch found = {0};
    struct lk_error failure = {0};
    bool has = call(arg, arena, user, NULL, lk_in_dev(looker_find_git_branch(&params), true),
                    &looker_git_branch_type, &found, &failure);

    if (!has && !is_missing(&failure))
        return fail_with(&failure, err);
    *ret_has = has;
    return true;
}

/* A project without a manifest imports nothing; one that Looker does not have is met when its
 * branch is read. */
static bool imports(void *arg, struct lk_arena *arena, const struct lk_lease_user *user,
                    struct lk_str project, bool dev, struct lk_str **ret_projects, size_t *ret_n,
                    struct lk_error *err)
{
    struct looker_manifest_params params = {.project_id = lk_string(project)};
    struct looker_manifest manifest = {0};
    struct lk_error failure = {0};
    size_t n = 0;

    if (!call(arg, arena, user, NULL, lk_in_dev(looker_manifest(&params), dev),
              &looker_manifest_type, &manifest, &failure)) {
        if (is_missing(&failure)) {
            *ret_projects = NULL;
            *ret_n = 0;
            return true;
        }
        return fail_with(&failure, err);
    }
    *ret_projects = lk_arena_array(arena, manifest.imports.len, sizeof(**ret_projects));
    for (size_t i = 0; i < manifest.imports.len; i++) {
        const struct looker_imported_project *project_of = &manifest.imports.items[i];
        bool remote = project_of->is_remote.is == LK_PRESENT && project_of->is_remote.value;

        if (!remote && project_of->name.is == LK_PRESENT && project_of->name.value.len > 0)
            (*ret_projects)[n++] = lk_arena_str(arena, project_of->name.value);
    }
    *ret_n = n;
    return true;
}

struct lk_lease_looker lk_branch_looker(struct lk_api *api)
{
    return (struct lk_lease_looker){
        .arg = api,
        .current = current,
        .check_out = check_out,
        .has_branch = has_branch,
        .imports = imports,
    };
}
