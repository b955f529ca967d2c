/*
 * rollback_to_production: throws away what the dev workspace of a project has and production has
 * not. What that is gets said first; nothing happens without `confirm`.
 */
#include "handlers/workflows/dev.h"
#include "looker_tools.h"

static void reset(struct lk_steps *steps, struct lk_str project_id)
{
    struct looker_reset_project_to_production_params params = {
        .project_id = lk_string(project_id),
    };
    struct lk_api_answer answer;
    struct lk_dev_branch branch;
    struct lk_dev_files after;

    if (!lk_steps_call(steps, "reset_to_production", looker_reset_project_to_production(&params),
                       &answer))
        return;
    lk_steps_done(steps, "reset_to_production", "%s", "");
    lk_steps_changed(steps, "the dev workspace of project %.*s is as production",
                     LK_STR_ARG(project_id));
    if (!lk_dev_read_files(steps, "verify", project_id, &after))
        return;
    if (after.n_changed > 0)
        lk_steps_refuse(steps, "verify",
                        "Looker took the reset, but %zu files still have changes that are not "
                        "committed",
                        after.n_changed);
    else if (lk_dev_read_branch(steps, project_id, &branch) && branch.ahead > 0)
        lk_steps_left(steps,
                      "the branch %.*s is still %lld commits ahead of its remote: "
                      "reset_git_branch_to_remote takes them away as well",
                      LK_STR_ARG(branch.name), (long long)branch.ahead);
}

bool lk_handler_rollback_to_production(struct mcp_call *call, const void *args_,
                                       struct lk_error *err)
{
    const struct looker_rollback_to_production_args *args = args_;
    struct lk_str project_id = args->project_id.value;
    struct lk_dev_branch branch = {0};
    struct lk_dev_files files = {0};
    struct lk_steps steps;

    lk_steps_begin(&steps, call);
    steps.preview = !args->confirm.value;

    /* 1. What would be lost: fatal. */
    bool ready = lk_dev_read_branch(&steps, project_id, &branch) &&
                 lk_dev_read_files(&steps, "list_changes", project_id, &files);
    lk_json_member_string(&steps.w, "project_id", project_id);
    if (ready) {
        lk_json_key(&steps.w, "branch");
        lk_dev_write_branch(&steps.w, &branch);
        lk_json_key(&steps.w, "uncommitted_files");
        lk_dev_write_changed(&steps.w, &files);
    }
    /* 2. Lose it, if that is confirmed, and look again. */
    if (ready && args->confirm.value) {
        reset(&steps, project_id);
    } else if (ready) {
        lk_steps_planned(&steps, "reset_to_production",
                         "changes in %zu files and %lld commits on branch %.*s would be lost",
                         files.n_changed, (long long)branch.ahead, LK_STR_ARG(branch.name));
        lk_steps_left(&steps, "call again with confirm=true to do it: nothing was changed");
    }
    return lk_steps_end(&steps, err);
}
