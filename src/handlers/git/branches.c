/*
 * What moves branches: deploy_to_production, and the resets that lose work, which show what they
 * would do until they are confirmed. The other tools of the group are manifest rows.
 */
#include "handlers/ask.h"
#include "handlers/modeling/project.h"
#include "handlers/steps.h"
#include "looker_tools.h"
#include "json/project.h"

#define MAX_FILES_NAMED 20

static const struct lk_projection branch_fields[] = {
    {.name = "ahead_count"}, {.name = "behind_count"}, {.name = "is_production"},
    {.name = "name"},        {.name = "ref"},          {.name = "remote_ref"},
};
static const struct lk_projection branch_projection = {
    .fields = branch_fields,
    .n_fields = sizeof(branch_fields) / sizeof(branch_fields[0]),
};

static void write_branch(struct lk_json_writer *w, const char *member, struct lk_str branch)
{
    lk_json_key(w, member);
    lk_project(branch, &branch_projection, false, w->buf, NULL);
    w->comma = true;
}

static struct lk_str text_of(struct lk_steps *steps, struct lk_str branch, const char *member)
{
    return lk_text_member(mcp_call_arena(steps->call), branch, member, LK_STR("(unknown)"));
}

/* The branch that is checked out in a workspace. */
static struct lk_api_request current_branch(const struct looker_git_branch_params *params, bool dev)
{
    return lk_in_dev(looker_git_branch(params), dev);
}

/* ---- deploy_to_production ---- */

/* Reads production's branch for the report, of which it is no needed part. */
static bool look_at_production(struct lk_steps *steps, const char *step, const char *member,
                               struct lk_string project_id, struct lk_str *ret_branch)
{
    struct looker_git_branch_params params = {.project_id = project_id};
    struct lk_error failure = {0};

    if (!lk_ask(lk_tool_context(steps->call)->api, mcp_call_arena(steps->call),
                current_branch(&params, false), LK_JSON_OBJECT, ret_branch, &failure)) {
        lk_steps_skipped(steps, step, "production's branch could not be read: %s", failure.message);
        return false;
    }
    write_branch(&steps->w, member, *ret_branch);
    lk_steps_done(steps, step, "%.*s at %.*s", LK_STR_ARG(text_of(steps, *ret_branch, "name")),
                  LK_STR_ARG(text_of(steps, *ret_branch, "ref")));
    return true;
}

static void tell_change(struct lk_steps *steps, struct lk_str project_id, struct lk_str before,
                        struct lk_str after)
{
    struct lk_str from = text_of(steps, before, "ref"), to = text_of(steps, after, "ref");

    if (lk_str_eq(from, to))
        lk_steps_changed(steps,
                         "Looker took the deploy; production of %.*s is at the same commit as "
                         "before, so there was nothing new in it",
                         LK_STR_ARG(project_id));
    else
        lk_steps_changed(steps, "production of %.*s went from %.*s to %.*s", LK_STR_ARG(project_id),
                         LK_STR_ARG(from), LK_STR_ARG(to));
}

bool lk_handler_deploy_to_production(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_deploy_to_production_args *args = args_;
    struct looker_deploy_to_production_params plain = {.project_id = args->project_id};
    struct looker_deploy_ref_to_production_params chosen = {
        .project_id = args->project_id,
        .branch = args->branch,
        .ref = args->ref,
    };
    bool by_branch = args->branch.is == LK_PRESENT, by_ref = args->ref.is == LK_PRESENT;
    struct lk_str before, after;
    struct lk_api_answer answer;
    struct lk_steps steps;

    if (by_branch && by_ref)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "give branch or ref, not both; without either, what "
                       "is checked out in the dev workspace is deployed");
    lk_steps_begin(&steps, call);

    /* 1. Where production stands, to tell what the deploy changed and what would undo it. */
    bool had = look_at_production(&steps, "read_production_before", "production_before",
                                  args->project_id, &before);

    /* 2. The deploy. */
    if (!lk_steps_call(&steps, "deploy",
                       by_branch || by_ref ? looker_deploy_ref_to_production(&chosen)
                                           : looker_deploy_to_production(&plain),
                       &answer))
        return lk_steps_end(&steps, err);
    lk_steps_done(&steps, "deploy", "%s%.*s",
                  by_branch ? "branch "
                  : by_ref  ? "ref "
                            : "the branch of the dev workspace",
                  LK_STR_ARG(by_branch ? args->branch.value
                             : by_ref  ? args->ref.value
                                       : (struct lk_str){0}));

    /* 3. Where it stands now. */
    bool has = look_at_production(&steps, "read_production_after", "production_after",
                                  args->project_id, &after);
    if (had && has)
        tell_change(&steps, args->project_id.value, before, after);
    else
        lk_steps_changed(&steps, "Looker took the deploy of %.*s to production",
                         LK_STR_ARG(args->project_id.value));
    if (!has)
        lk_steps_left(&steps, "see with get_git_branch what production runs");
    return lk_steps_end(&steps, err);
}

/* ---- reset_git_branch_to_remote, update_git_branch ---- */

struct reset {
    struct lk_string project_id;
    struct lk_string branch_name, ref; /* absent: the current branch, to its remote */
    bool confirm;
};

static struct reset reset_of(struct mcp_call *call, const void *args_)
{
    if (strcmp(mcp_call_tool(call)->name, "update_git_branch") == 0) {
        const struct looker_update_git_branch_args *args = args_;
        return (struct reset){args->project_id, args->branch_name, args->ref,
                              lk_is_true(args->confirm)};
    }
    const struct looker_reset_git_branch_to_remote_args *args = args_;
    return (struct reset){.project_id = args->project_id, .confirm = lk_is_true(args->confirm)};
}

/* Counts the files with changes that are not committed, and names some. */
static void look_at_files(struct lk_steps *steps, struct lk_string project_id)
{
    struct lk_arena *arena = mcp_call_arena(steps->call);
    struct lk_error failure = {0};
    struct lk_str files, file;
    int64_t n = 0;

    if (!lk_project_files(steps->call, project_id, true, &files, &failure)) {
        lk_steps_skipped(steps, "count_uncommitted_changes", "not known: %s", failure.message);
        return;
    }
    lk_json_key(&steps->w, "uncommitted_files");
    lk_json_begin_array(&steps->w);
    struct lk_json_iter it = lk_json_iter(files);
    while (lk_json_next(&it, NULL, &file)) {
        if (lk_project_file_change(arena, file).len > 0 && n++ < MAX_FILES_NAMED)
            lk_json_put_string(&steps->w, lk_json_get_string(arena, file, LK_STR("path")));
    }
    lk_json_end_array(&steps->w);
    lk_json_member_integer(&steps->w, "uncommitted_changes", n);
    lk_steps_done(steps, "count_uncommitted_changes",
                  "%lld files of the branch that is checked out", (long long)n);
}

/* Awaits. Of a 404 to a branch by name: which of the two it is that is not there. */
static void explain_missing(struct lk_steps *steps, const struct reset *reset,
                            struct lk_error *failure)
{
    struct looker_git_branch_params params = {.project_id = reset->project_id};
    struct lk_error other = {0};
    struct lk_str ignored;
    bool there = reset->branch_name.is == LK_PRESENT && lk_failed_with(failure, 404) &&
                 lk_ask(lk_tool_context(steps->call)->api, mcp_call_arena(steps->call),
                        current_branch(&params, true), LK_JSON_OBJECT, &ignored, &other);

    if (there)
        lk_explain_status(failure, 404,
                          "project \"%.*s\" has no branch \"%.*s\": list_git_branches shows what "
                          "it has",
                          LK_STR_ARG(reset->project_id.value),
                          LK_STR_ARG(reset->branch_name.value));
    else if (reset->branch_name.is != LK_PRESENT || lk_failed_with(&other, 404))
        lk_explain_status(failure, 404,
                          "there is no project \"%.*s\", or no access to it: list_projects shows "
                          "what there is",
                          LK_STR_ARG(reset->project_id.value));
    else
        lk_explain_status(failure, 404,
                          "there is no such project or branch, or no access to it: list_projects "
                          "and list_git_branches show what there is");
}

/* The branch that is to be reset. */
static bool find_branch(struct lk_steps *steps, const struct reset *reset,
                        struct lk_str *ret_branch)
{
    struct looker_git_branch_params current = {.project_id = reset->project_id};
    struct looker_find_git_branch_params named = {
        .project_id = reset->project_id,
        .branch_name = reset->branch_name,
    };
    struct lk_api_request request = reset->branch_name.is == LK_PRESENT
                                        ? lk_in_dev(looker_find_git_branch(&named), true)
                                        : current_branch(&current, true);
    struct lk_error failure = {0};

    if (!lk_ask(lk_tool_context(steps->call)->api, mcp_call_arena(steps->call), request,
                LK_JSON_OBJECT, ret_branch, &failure)) {
        explain_missing(steps, reset, &failure);
        lk_steps_failed(steps, "read_branch", true, &failure);
        return false;
    }
    write_branch(&steps->w, "branch_before", *ret_branch);
    lk_steps_done(steps, "read_branch", "%.*s at %.*s",
                  LK_STR_ARG(text_of(steps, *ret_branch, "name")),
                  LK_STR_ARG(text_of(steps, *ret_branch, "ref")));
    return true;
}

static void plan_reset(struct lk_steps *steps, const struct reset *reset, struct lk_str branch)
{
    struct lk_str name = text_of(steps, branch, "name");

    steps->preview = true;
    if (reset->ref.is == LK_PRESENT)
        lk_steps_planned(steps, "reset",
                         "%.*s would be checked out, reset to %.*s and force-pushed",
                         LK_STR_ARG(name), LK_STR_ARG(reset->ref.value));
    else
        lk_steps_planned(steps, "reset", "%.*s would become what its remote is (%.*s)",
                         LK_STR_ARG(name), LK_STR_ARG(text_of(steps, branch, "remote_ref")));
    lk_steps_left(steps, "nothing was changed; call again with confirm=true to do it");
}

static bool send_reset(struct lk_steps *steps, const struct reset *reset)
{
    struct looker_reset_project_to_remote_params to_remote = {.project_id = reset->project_id};
    struct looker_update_git_branch_params to_ref = {.project_id = reset->project_id};
    struct looker_git_branch body = {.name = reset->branch_name, .ref = reset->ref};
    struct lk_api_answer answer;

    return lk_steps_call(steps, "reset",
                         reset->ref.is == LK_PRESENT ? looker_update_git_branch(&to_ref, &body)
                                                     : looker_reset_project_to_remote(&to_remote),
                         &answer);
}

bool lk_handler_reset_branch(struct mcp_call *call, const void *args, struct lk_error *err)
{
    struct reset reset = reset_of(call, args);
    struct looker_git_branch_params current = {.project_id = reset.project_id};
    struct lk_str branch, after;
    struct lk_error failure = {0};
    struct lk_steps steps;

    /* 1. What would be lost. */
    lk_steps_begin(&steps, call);
    if (!find_branch(&steps, &reset, &branch))
        return lk_steps_end(&steps, err);
    look_at_files(&steps, reset.project_id);
    if (!reset.confirm) {
        plan_reset(&steps, &reset, branch);
        return lk_steps_end(&steps, err);
    }

    /* 2. The reset. */
    if (!send_reset(&steps, &reset))
        return lk_steps_end(&steps, err);
    lk_steps_done(&steps, "reset", "%.*s was reset to %.*s",
                  LK_STR_ARG(text_of(&steps, branch, "name")),
                  LK_STR_ARG(reset.ref.is == LK_PRESENT ? reset.ref.value : LK_STR("its remote")));

    /* 3. What is there now. */
    if (!lk_ask(lk_tool_context(call)->api, mcp_call_arena(call), current_branch(&current, true),
                LK_JSON_OBJECT, &after, &failure)) {
        lk_steps_changed(&steps, "%.*s was reset", LK_STR_ARG(text_of(&steps, branch, "name")));
        lk_steps_failed(&steps, "read_branch_again", false, &failure);
        lk_steps_left(&steps, "see with get_git_branch (dev_mode=true) where the branch stands");
        return lk_steps_end(&steps, err);
    }
    write_branch(&steps.w, "branch_after", after);
    lk_steps_done(&steps, "read_branch_again", "%.*s at %.*s",
                  LK_STR_ARG(text_of(&steps, after, "name")),
                  LK_STR_ARG(text_of(&steps, after, "ref")));
    lk_steps_changed(
        &steps, "%.*s went from %.*s to %.*s", LK_STR_ARG(text_of(&steps, branch, "name")),
        LK_STR_ARG(text_of(&steps, branch, "ref")), LK_STR_ARG(text_of(&steps, after, "ref")));
    return lk_steps_end(&steps, err);
}
