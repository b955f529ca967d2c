/*
 * deploy_lookml_changes: files into the dev workspace, validation there, then to production; and
 * a look at production whether it has them. A file that cannot be written does not keep back the
 * others, but nothing is deployed then; nor is anything with LookML errors.
 */
#include "handlers/ask.h"
#include "handlers/heartbeat.h"
#include "handlers/modeling/findings.h"
#include "handlers/modeling/project.h"
#include "handlers/workflows/dev.h"
#include "looker_tools.h"

#define ERRORS_SHOWN 20

enum action { TO_CREATE, TO_UPDATE, UNCHANGED, CREATED, UPDATED, FAILED };

static const char *const action_names[] = {
    [TO_CREATE] = "to_create", [TO_UPDATE] = "to_update", [UNCHANGED] = "unchanged",
    [CREATED] = "created",     [UPDATED] = "updated",     [FAILED] = "failed",
};

struct file {
    struct lk_str path, content;
    enum action action;
};

struct deployment {
    struct lk_steps steps;
    struct lk_arena *arena;
    struct lk_str project_id;
    struct lk_dev_branch branch;
    struct lk_dev_files present;
    struct file *files;
    size_t n_files, n_failed;
    struct lk_str validation; /* Looker's, as JSON; empty: there was none */
    size_t n_errors, n_warnings;
    bool deployed, verified; /* as Looker said; as production shows */
    bool deploy_in_doubt;    /* Looker was told to and has not answered */
};

/* ---- reading ---- */

static bool take_files(struct deployment *d, struct lk_str map, struct lk_error *err)
{
    struct lk_json_iter it = lk_json_iter(map);
    struct lk_str key, value;

    d->files = lk_arena_array(d->arena, lk_json_count(map), sizeof(*d->files));
    while (lk_json_next(&it, &key, &value)) {
        struct lk_str path = lk_json_decode_key(d->arena, key);
        if (!lk_is_project_path(path))
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "files: \"%.*s\" is no path of a file within the project, such as "
                           "views/orders.view.lkml",
                           LK_STR_ARG(path));
        if (lk_json_type(value) != LK_JSON_STRING)
            return lk_fail(err, LK_ERROR_ARGUMENT, "files: the content of \"%.*s\" must be text",
                           LK_STR_ARG(path));
        d->files[d->n_files++] = (struct file){
            .path = path,
            .content = lk_json_decode_string(d->arena, value),
        };
    }
    return true;
}

static bool check_branch(struct deployment *d)
{
    if (!lk_dev_read_branch(&d->steps, d->project_id, &d->branch))
        return false;
    if (!d->branch.production && !d->branch.readonly)
        return true;
    lk_steps_refuse(&d->steps, "read_branch",
                    "the dev workspace has the %s branch %.*s checked out, which takes no "
                    "changes: check out one of your own with switch_git_branch or "
                    "create_git_branch, then call again",
                    d->branch.production ? "production" : "read-only", LK_STR_ARG(d->branch.name));
    return false;
}

/* Line ends and blank ends are no difference that matters. */
static bool same_text(struct lk_str a, struct lk_str b)
{
    return lk_str_eq(lk_str_trim(a), lk_str_trim(b));
}

static bool read_content(struct deployment *d, struct lk_str path, bool dev,
                         struct lk_str *ret_text, struct lk_error *err)
{
    struct looker_get_project_file_content_params params = {
        .project_id = lk_string(d->project_id),
        .file_path = lk_string(path),
    };
    struct lk_api_answer answer;

    if (!lk_api_call(lk_tool_context(d->steps.call)->api, d->arena,
                     lk_in_dev(looker_get_project_file_content(&params), dev), &answer, err))
        return false;
    *ret_text = answer.body;
    return true;
}

/* What is to be done about each file. One that cannot be read is written. */
static void compare(struct deployment *d)
{
    size_t n[FAILED + 1] = {0};

    for (size_t i = 0; i < d->n_files; i++) {
        struct file *file = &d->files[i];
        struct lk_error ignored = {0};
        struct lk_str text;
        if (!lk_dev_has_file(&d->present, file->path))
            file->action = TO_CREATE;
        else if (read_content(d, file->path, true, &text, &ignored) &&
                 same_text(text, file->content))
            file->action = UNCHANGED;
        else
            file->action = TO_UPDATE;
        n[file->action]++;
    }
    lk_steps_done(&d->steps, "compare_files", "%zu to create, %zu to update, %zu unchanged",
                  n[TO_CREATE], n[TO_UPDATE], n[UNCHANGED]);
}

/* ---- writing ---- */

static void write_file(struct deployment *d, struct file *file)
{
    bool creates = file->action == TO_CREATE;
    struct looker_create_project_file_params create = {.project_id = lk_string(d->project_id)};
    struct looker_update_project_file_params update = {.project_id = lk_string(d->project_id)};
    struct looker_project_file_content body = {
        .path = lk_string(file->path),
        .content = lk_string(file->content),
    };
    struct lk_api_request request = creates ? looker_create_project_file(&create, &body)
                                            : looker_update_project_file(&update, &body);
    struct lk_error failure = {0}, named = {0};
    struct lk_api_answer answer;

    if (lk_api_call(lk_tool_context(d->steps.call)->api, d->arena, request, &answer, &failure)) {
        file->action = creates ? CREATED : UPDATED;
        lk_steps_done(&d->steps, "write_file", "%s %.*s", action_names[file->action],
                      LK_STR_ARG(file->path));
        lk_steps_changed(&d->steps, "%s %.*s in the dev workspace", action_names[file->action],
                         LK_STR_ARG(file->path));
        return;
    }
    file->action = FAILED;
    d->n_failed++;
    lk_fail(&named, failure.kind, "%.*s: %s", LK_STR_ARG(file->path), failure.message);
    lk_error_detail(&named, "%s", failure.detail);
    named.status = failure.status;
    named.body = failure.body;
    lk_steps_call_failed(&d->steps, "write_file", true, request.op, &named);
}

static bool write_files(struct deployment *d)
{
    for (size_t i = 0; i < d->n_files; i++) {
        if (d->files[i].action == UNCHANGED)
            lk_steps_skipped(&d->steps, "write_file", "%.*s is as wanted",
                             LK_STR_ARG(d->files[i].path));
        else
            write_file(d, &d->files[i]);
        mcp_call_progress(d->steps.call, (double)(i + 1), (double)d->n_files, d->files[i].path);
    }
    return d->n_failed == 0;
}

/* ---- validating ---- */

static bool validate(struct deployment *d)
{
    struct looker_validate_project_params params = {.project_id = lk_string(d->project_id)};
    struct lk_str errors = LK_STR("[]"), error, models;
    struct lk_heartbeat heartbeat;

    lk_heartbeat_start(&heartbeat, d->steps.call, LK_HEARTBEAT_MS, LK_STR("validating"));
    heartbeat.n = (double)d->n_files;
    bool asked =
        lk_steps_ask(&d->steps, "validate", lk_in_dev(looker_validate_project(&params), true),
                     LK_JSON_OBJECT, &d->validation);
    lk_heartbeat_stop(&heartbeat);
    if (!asked)
        return false;
    lk_json_get(d->validation, LK_STR("errors"), &errors);
    struct lk_json_iter it = lk_json_iter(errors);
    while (lk_json_next(&it, NULL, &error)) {
        bool serious = lk_finding_is_serious(d->arena, error);
        d->n_warnings += !serious;
        d->n_errors += serious;
    }
    if (lk_json_get(d->validation, LK_STR("models_not_validated"), &models) &&
        lk_json_count(models) > 0)
        lk_steps_left(&d->steps, "Looker did not validate %zu models of the project",
                      lk_json_count(models));
    if (d->n_errors == 0) {
        lk_steps_done(&d->steps, "validate", "no errors, %zu warnings", d->n_warnings);
        return true;
    }
    lk_steps_refuse(&d->steps, "validate",
                    "the project has %zu LookML errors in the dev workspace (in `validation`), so "
                    "nothing was deployed: mend the files and call again",
                    d->n_errors);
    return false;
}

/* ---- production ---- */

static bool to_production(struct deployment *d)
{
    struct looker_deploy_to_production_params params = {.project_id = lk_string(d->project_id)};
    struct lk_api_request request = looker_deploy_to_production(&params);
    struct lk_api_answer answer;
    struct lk_error failure = {0};

    if (!lk_api_call(lk_tool_context(d->steps.call)->api, d->arena, request, &answer, &failure)) {
        d->deploy_in_doubt =
            lk_steps_call_failed(&d->steps, "deploy_to_production", true, request.op, &failure);
        return false;
    }
    d->deployed = true;
    lk_steps_done(&d->steps, "deploy_to_production", "branch %.*s", LK_STR_ARG(d->branch.name));
    lk_steps_changed(&d->steps, "deployed branch %.*s of project %.*s to production",
                     LK_STR_ARG(d->branch.name), LK_STR_ARG(d->project_id));
    return true;
}

/* Looker's word for a deploy is not enough: what was saved and not committed may stay behind. */
static void verify(struct deployment *d)
{
    struct lk_error failure = {0};
    struct lk_str text;

    for (size_t i = 0; i < d->n_files; i++) {
        if (!read_content(d, d->files[i].path, false, &text, &failure)) {
            bool gone = lk_failed_with(&failure, 404);
            lk_error_advise(&failure, "it was %.*s, looked for in production",
                            LK_STR_ARG(d->files[i].path));
            lk_steps_failed(&d->steps, "verify_production", gone, &failure);
            lk_steps_left(&d->steps, "see whether production has the change: Looker accepted the "
                                     "deploy, but the files could not be read there");
            return;
        }
        if (same_text(text, d->files[i].content))
            continue;
        lk_fail(&failure, LK_ERROR_UPSTREAM,
                "Looker accepted the deploy, but production has another %.*s",
                LK_STR_ARG(d->files[i].path));
        lk_steps_failed(&d->steps, "verify_production", true, &failure);
        lk_steps_left(&d->steps,
                      "what is saved in the dev workspace may have to be committed first, which "
                      "Looker's API cannot do: commit branch %.*s in Looker's IDE, then deploy "
                      "with deploy_to_production",
                      LK_STR_ARG(d->branch.name));
        return;
    }
    d->verified = true;
    lk_steps_done(&d->steps, "verify_production", "production has all %zu files", d->n_files);
}

/* ---- together ---- */

static void plan(struct deployment *d, bool validates)
{
    for (size_t i = 0; i < d->n_files; i++) {
        if (d->files[i].action == UNCHANGED)
            lk_steps_skipped(&d->steps, "write_file", "%.*s is as wanted",
                             LK_STR_ARG(d->files[i].path));
        else
            lk_steps_planned(&d->steps, "write_file", "%s %.*s",
                             d->files[i].action == TO_CREATE ? "create" : "update",
                             LK_STR_ARG(d->files[i].path));
    }
    if (validates)
        lk_steps_planned(&d->steps, "validate", "in the dev workspace");
    lk_steps_planned(
        &d->steps, "deploy_to_production", "branch %.*s%s", LK_STR_ARG(d->branch.name),
        d->present.n_changed > 0 ? ", with the other changes in uncommitted_files_before" : "");
}

static void not_done(struct deployment *d, const char *const *steps, const char *why)
{
    for (; *steps != NULL; steps++)
        lk_steps_not_done(&d->steps, *steps, "%s", why);
    lk_steps_left(&d->steps,
                  "%s; what was written is in the dev workspace, on branch %.*s: call again once "
                  "the cause is mended (rollback_to_production throws it away)",
                  d->deploy_in_doubt ? "whether production has it is not known: see with get_file"
                                     : "production is as it was",
                  LK_STR_ARG(d->branch.name));
}

static void carry_out(struct deployment *d, bool validates)
{
    static const char *const after_files[] = {"validate", "deploy_to_production", NULL};
    static const char *const none[] = {NULL};

    if (!write_files(d)) {
        not_done(d, after_files + (validates ? 0 : 1), "not every file could be written");
        return;
    }
    if (!validates)
        lk_steps_skipped(&d->steps, "validate", "not asked for");
    if (validates && !validate(d))
        not_done(d, after_files + 1, "the project was not found valid");
    else if (!to_production(d))
        not_done(d, none, "");
    else
        verify(d);
}

static void write_validation(struct deployment *d)
{
    static const char *const shown[] = {"severity", "message", "file_path", "line_number",
                                        "model_id", "explore", "field_name"};
    struct lk_json_writer *w = &d->steps.w;
    struct lk_str errors = LK_STR("[]"), error, value;
    size_t n = 0;

    lk_json_key(w, "validation");
    lk_json_begin_object(w);
    lk_json_member_integer(w, "errors", (int64_t)d->n_errors);
    lk_json_member_integer(w, "warnings", (int64_t)d->n_warnings);
    lk_json_key(w, "items");
    lk_json_begin_array(w);
    lk_json_get(d->validation, LK_STR("errors"), &errors);
    struct lk_json_iter it = lk_json_iter(errors);
    while (n < ERRORS_SHOWN && lk_json_next(&it, NULL, &error)) {
        if (d->n_errors > 0 && !lk_finding_is_serious(d->arena, error))
            continue;
        n++;
        lk_json_begin_object(w);
        for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
            if (lk_json_get(error, lk_str(shown[i]), &value) && lk_json_type(value) != LK_JSON_NULL)
                lk_json_member_raw(w, shown[i], value);
        }
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
    lk_json_end_object(w);
}

static void write_own(struct deployment *d)
{
    struct lk_json_writer *w = &d->steps.w;

    lk_json_member_string(w, "project_id", d->project_id);
    lk_json_key(w, "branch");
    lk_dev_write_branch(w, &d->branch);
    lk_json_key(w, "files");
    lk_json_begin_array(w);
    for (size_t i = 0; i < d->n_files; i++) {
        lk_json_begin_object(w);
        lk_json_member_string(w, "path", d->files[i].path);
        lk_json_member_string(w, "action", lk_str(action_names[d->files[i].action]));
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
    if (d->present.n_changed > 0) {
        lk_json_key(w, "uncommitted_files_before");
        lk_dev_write_changed(w, &d->present);
    }
    if (d->validation.len > 0)
        write_validation(d);
    if (!d->deploy_in_doubt && (!d->deployed || d->verified))
        lk_json_member_boolean(w, "deployed", d->verified);
}

bool lk_handler_deploy_lookml_changes(struct mcp_call *call, const void *args_,
                                      struct lk_error *err)
{
    const struct looker_deploy_lookml_changes_args *args = args_;
    struct deployment *d = lk_arena_new_object(mcp_call_arena(call), struct deployment);

    d->arena = mcp_call_arena(call);
    d->project_id = args->project_id.value;
    if (!take_files(d, args->files.value, err))
        return false;
    lk_steps_begin(&d->steps, call);
    d->steps.preview = args->dry_run.value;

    /* 1. The branch, which must take changes, and what is there: fatal. */
    if (check_branch(d) && lk_dev_read_files(&d->steps, "list_files", d->project_id, &d->present)) {
        compare(d);
        /* 2. Files (all are tried), validation, deploy, and a look at production. */
        if (d->steps.preview)
            plan(d, args->validate.value);
        else
            carry_out(d, args->validate.value);
        write_own(d);
    }
    return lk_steps_end(&d->steps, err);
}
