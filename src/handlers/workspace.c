/*
 * The dev workspace around a tool call (workspace.h). Called by the worker before and after every
 * tool, and by handlers that only learn from their arguments what they are going to do.
 */
#include "handlers/workspace.h"

#include "base/memory.h"
#include "handlers/ask.h"
#include "handlers/ci_users.h"
#include "looker_ops.h"
#include "json/scan.h"

#include <stdlib.h>

/* Whose API keys which user has: Looker is asked once. */
#define REMEMBERED_MAX 16

struct owner {
    char client_id[256]; /* "": of the service account */
    char user_id[64];    /* "": empty slot */
};

struct lk_workspace {
    struct lk_workspace_options options;
    struct owner owners[REMEMBERED_MAX];
    size_t next; /* to be overwritten */
};

/* What one call has there. */
struct lk_visit {
    struct lk_lease *lease;
    struct lk_ci_loan *loan; /* NULL: the user is not one of the CI users, or was named */
};

struct lk_workspace *lk_workspace_new(const struct lk_workspace_options *options)
{
    struct lk_workspace *workspace = lk_memory_new(sizeof(*workspace));

    workspace->options = *options;
    return workspace;
}

void lk_workspace_free(struct lk_workspace *workspace)
{
    free(workspace);
}

/* ---- what the arguments say ---- */

struct plan {
    const struct lk_workspace_use *use; /* NULL: the tool never goes there */
    struct lk_str branch, project;      /* ptr NULL: not given */
    bool project_required, imports, dev;
};

/* Empty, with ptr NULL, when the tool has no such argument or it is not given. */
static struct lk_str text_arg(struct mcp_call *call, int16_t index)
{
    struct lk_string value = {0};

    if (index >= 0)
        memcpy(&value,
               (const char *)mcp_call_args(call) + mcp_call_tool(call)->args->fields[index].offset,
               sizeof(value));
    if (value.is != LK_PRESENT)
        return (struct lk_str){0};
    return value.value.ptr != NULL ? value.value : LK_STR("");
}

static bool flag_arg(struct mcp_call *call, int16_t index, bool otherwise)
{
    struct lk_boolean value;

    if (index < 0)
        return otherwise;
    memcpy(&value,
           (const char *)mcp_call_args(call) + mcp_call_tool(call)->args->fields[index].offset,
           sizeof(value));
    return lk_is_true(value);
}

static struct plan plan_of(struct mcp_call *call)
{
    const struct mcp_tool *tool = mcp_call_tool(call);
    const struct lk_binding *binding = tool->binding;
    const struct lk_workspace_use *use = binding != NULL ? binding->workspace : NULL;
    struct plan plan = {.use = use};

    if (use == NULL || use->how == LK_WORKSPACE_SELF)
        return plan;
    plan.branch = text_arg(call, use->branch_arg);
    plan.project = text_arg(call, use->project_arg);
    plan.project_required = use->project_arg >= 0 &&
                            (tool->args->fields[use->project_arg].flags & LK_FIELD_REQUIRED) != 0;
    plan.imports = flag_arg(call, use->imports_arg, false);
    plan.dev = plan.branch.ptr != NULL || flag_arg(call, use->dev_arg, true);
    return plan;
}

/* ---- whether they go together ---- */

bool lk_is_ci_pool(struct lk_str act_as_user)
{
    return lk_str_eq(lk_str_trim(act_as_user), LK_STR("pool"));
}

/* A cell is told by these names, so two ways to write one would be two cells. */
static bool check_name(const char *name, struct lk_str text, const char *wanted,
                       struct lk_error *err)
{
    struct lk_str trimmed = lk_str_trim(text);

    if (trimmed.len == 0)
        return lk_fail(err, LK_ERROR_ARGUMENT, "%s: it is blank; give %s", name, wanted);
    if (trimmed.len != text.len)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "%s: it begins or ends with white space; give %s as it is written", name,
                       wanted);
    return true;
}

static bool check_without_branch(struct mcp_call *call, const struct plan *plan,
                                 struct lk_error *err)
{
    if (lk_is_ci_pool(lk_act_as_user(call)))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "act_as_user: \"pool\" borrows a free CI user for a branch: %s",
                       plan->use != NULL && plan->use->how == LK_WORKSPACE_BORROW
                           ? "give branch and project_id too, or name a user"
                           : "this tool takes none, so name a user");
    if (plan->use == NULL || plan->use->how != LK_WORKSPACE_BORROW)
        return true;
    if (plan->imports)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "imports: it only says how far branch reaches; give branch and project_id "
                       "too, or leave it out");
    if (plan->project.ptr != NULL && !plan->project_required)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "project_id: it only says of which project branch is; give branch too, or "
                       "leave it out");
    return true;
}

static const char an_id[] = "the id of a LookML project (list_projects)";

static bool check_names(struct lk_str branch, struct lk_str project, struct lk_error *err)
{
    return check_name("branch", branch, "the name of a git branch (list_git_branches)", err) &&
           check_name("project_id", project, an_id, err);
}

/* The tool need not know that a branch implies it. */
static void set_dev_mode(struct mcp_call *call, const struct lk_workspace_use *use)
{
    struct lk_boolean dev = lk_boolean(true);

    if (use->dev_arg >= 0)
        memcpy((char *)mcp_call_own_args(call) +
                   mcp_call_tool(call)->args->fields[use->dev_arg].offset,
               &dev, sizeof(dev));
}

bool lk_workspace_check(struct mcp_call *call, struct lk_error *err)
{
    struct plan plan = plan_of(call);

    if (plan.branch.ptr == NULL)
        return check_without_branch(call, &plan, err) &&
               (!plan.dev || plan.project.ptr == NULL ||
                check_name(mcp_call_tool(call)->args->fields[plan.use->project_arg].name,
                           plan.project, an_id, err));
    if (plan.project.ptr == NULL)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "branch: give project_id too, the LookML project that it is a branch of");
    if (!check_names(plan.branch, plan.project, err))
        return false;
    set_dev_mode(call, plan.use);
    return true;
}

/* ---- whose workspace ---- */

static struct lk_tool_context *own_context(struct mcp_call *call)
{
    return mcp_call_context(call);
}

static bool ask_owner(struct mcp_call *call, struct lk_str *ret_id, struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_me_params params = {.fields = lk_string(LK_STR("id"))};
    struct lk_str user, id;

    if (!lk_ask(own_context(call)->api, arena, looker_me(&params), LK_JSON_OBJECT, &user, err))
        return false;
    id = lk_json_get_string(arena, user, LK_STR("id"));
    if (id.len == 0)
        return lk_fail(err, LK_ERROR_PARSE, "Looker does not say as which user this server runs");
    *ret_id = id;
    return true;
}

/* The id of the user whose dev workspace a principal has. */
static bool find_owner(struct lk_workspace *workspace, struct mcp_call *call,
                       const struct lk_principal *principal, struct lk_str *ret_id,
                       struct lk_error *err)
{
    struct lk_str key = principal->kind == LK_AS_KEYS ? principal->client_id : (struct lk_str){0};
    struct owner *owner;

    if (principal->kind == LK_AS_USER) {
        *ret_id = principal->user_id;
        return true;
    }
    for (size_t i = 0; i < REMEMBERED_MAX; i++) {
        owner = &workspace->owners[i];
        if (owner->user_id[0] != '\0' && lk_str_eq(lk_str(owner->client_id), key)) {
            *ret_id = lk_arena_str(mcp_call_arena(call), lk_str(owner->user_id));
            return true;
        }
    }
    if (!ask_owner(call, ret_id, err))
        return false;
    if (key.len >= sizeof(owner->client_id) || ret_id->len >= sizeof(owner->user_id))
        return true;
    owner = &workspace->owners[workspace->next++ % REMEMBERED_MAX];
    *owner = (struct owner){0};
    if (key.len > 0)
        memcpy(owner->client_id, key.ptr, key.len);
    memcpy(owner->user_id, ret_id->ptr, ret_id->len);
    return true;
}

/* ---- coming and going ---- */

static struct lk_lease_wish wish_of(struct mcp_call *call, const struct plan *plan)
{
    bool alone = plan->use->how == LK_WORKSPACE_ALONE;
    struct lk_str *project = lk_arena_new_object(mcp_call_arena(call), struct lk_str);

    *project = plan->project;
    return (struct lk_lease_wish){
        .mode = alone                      ? LK_CLAIM_ALONE
                : plan->branch.ptr != NULL ? LK_CLAIM_BRANCH
                                           : LK_CLAIM_HOLD,
        .branch = plan->branch,
        .projects = project,
        .n_projects = plan->project.len > 0 ? 1 : 0,
        .imports = plan->imports,
        .sets_branch = plan->use->sets_branch,
        .what = lk_str(mcp_call_tool(call)->name),
    };
}

/* From here on the call may send what its lease is for. */
static void settle_in(struct mcp_call *call, const struct lk_lease_wish *wish,
                      struct lk_visit *visit)
{
    struct lk_tool_context *context = own_context(call);

    context->visit = visit;
    context->workspace_name =
        wish->mode == LK_CLAIM_BRANCH
            ? lk_arena_printf(mcp_call_arena(call), "%.*s %.*s %.*s%s", LK_STR_ARG(wish->user.id),
                              LK_STR_ARG(wish->projects[0]), LK_STR_ARG(wish->branch),
                              wish->imports ? " +" : "")
            : lk_arena_str(mcp_call_arena(call), wish->user.id);
    lk_api_guard(context->api, visit->lease);
}

/* A text as a member of the answer. */
static void add_text(struct mcp_call *call, const char *name, struct lk_str value)
{
    struct lk_buf *text = lk_arena_new_object(mcp_call_arena(call), struct lk_buf);
    struct lk_json_writer w = lk_json_writer(text);

    lk_buf_init(text, (size_t)64 * 1024);
    lk_arena_defer(mcp_call_arena(call), lk_buf_free_deferred, text);
    lk_json_put_string(&w, value);
    if (!text->overflow)
        mcp_call_add_member(call, name, lk_buf_view(text));
}

/* A wait that nobody caused: who sees the call take long cannot guess it. */
static void tell_wait(struct mcp_call *call, uint64_t shut_ms)
{
    if (shut_ms > 0)
        add_text(call, "wait_note",
                 lk_arena_printf(mcp_call_arena(call),
                                 "%.1f s of this call were a wait: the store of leases "
                                 "(LOOKER_LEASE_URL) had come up empty, and nothing begins then "
                                 "before LOOKER_LEASE_TTL is over",
                                 (double)shut_ms / 1000));
}

static bool take(struct mcp_call *call, struct lk_lease_wish *wish, struct lk_error *err)
{
    struct lk_tool_context *context = own_context(call);
    const struct lk_principal *principal = lk_api_principal(context->api);
    struct lk_visit *visit;

    if (principal->kind == LK_AS_TOKEN)
        return lk_fail(err, LK_ERROR_UNSUPPORTED,
                       "this call needs the dev workspace, and a caller's own Looker token is used "
                       "in the workspace that it is in; use act_as_user or the service account");
    if (!find_owner(context->workspace, call, principal, &wish->user.id, err))
        return false;
    wish->user.principal = *principal;
    visit = lk_arena_new_object(mcp_call_arena(call), struct lk_visit);
    if (!lk_lease_take(context->workspace->options.leases, wish, &visit->lease, err))
        return false;
    tell_wait(call, lk_lease_shut_ms(visit->lease));
    settle_in(call, wish, visit);
    return true;
}

bool lk_workspace_enter(struct mcp_call *call, struct lk_error *err)
{
    struct lk_tool_context *context = own_context(call);
    struct plan plan = plan_of(call);
    struct lk_lease_wish wish;

    lk_api_guard(context->api, NULL);
    if (!plan.dev)
        return true;
    wish = wish_of(call, &plan);
    if (context->visit == NULL)
        return take(call, &wish, err);
    wish.user.id = lk_ci_loan_id(context->visit->loan);
    settle_in(call, &wish, context->visit);
    return true;
}

bool lk_workspace_take(struct mcp_call *call, const struct lk_workspace_stay *stay,
                       struct lk_error *err)
{
    const struct lk_workspace_use use = {.how = (uint8_t)stay->how,
                                         .sets_branch = stay->sets_branch};
    const struct plan plan = {
        .use = &use,
        .branch = stay->how == LK_WORKSPACE_BORROW ? stay->branch : (struct lk_str){0},
        .project = stay->project,
        .imports = stay->imports,
        .dev = true,
    };
    struct lk_lease_wish wish;

    if (own_context(call)->workspace == NULL) /* nobody keeps leases */
        return true;
    if (stay->how == LK_WORKSPACE_ALONE && stay->project.len == 0)
        return lk_fail(err, LK_ERROR_INTERNAL, "nobody has all projects of a user to itself");
    if (stay->how == LK_WORKSPACE_BORROW && !check_names(stay->branch, stay->project, err))
        return false;
    wish = wish_of(call, &plan);
    return take(call, &wish, err);
}

static void write_restore(struct mcp_call *call, const struct lk_lease_end *end)
{
    struct lk_buf *text = lk_arena_new_object(mcp_call_arena(call), struct lk_buf);
    struct lk_json_writer w = lk_json_writer(text);

    lk_buf_init(text, (size_t)64 * 1024);
    lk_arena_defer(mcp_call_arena(call), lk_buf_free_deferred, text);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "project_id", end->project);
    if (end->found.len > 0)
        lk_json_member_string(&w, "branch", end->found);
    if (end->home.len > 0)
        lk_json_member_string(&w, "home", end->home);
    lk_json_member_string(&w, "error", end->trouble);
    lk_json_end_object(&w);
    if (!text->overflow)
        mcp_call_add_member(call, "restore", lk_buf_view(text));
}

void lk_workspace_tell_project(struct mcp_call *call, struct lk_str model, struct lk_str project)
{
    const struct lk_visit *visit = own_context(call)->visit;
    struct plan plan = plan_of(call);

    if (visit == NULL || project.len == 0 || plan.branch.len == 0 ||
        lk_lease_covers(visit->lease, project))
        return;
    add_text(call, "branch_note",
             lk_arena_printf(mcp_call_arena(call),
                             "model %.*s belongs to project %.*s, and branch %.*s was borrowed in "
                             "project %.*s: it had a part in this answer only if %.*s imports "
                             "that. For a branch of the model itself give project_id %.*s",
                             LK_STR_ARG(model), LK_STR_ARG(project), LK_STR_ARG(plan.branch),
                             LK_STR_ARG(plan.project), LK_STR_ARG(project), LK_STR_ARG(project)));
}

/* What it read may have been another branch's. Of what it changed the report is kept. */
static void fail_lost(struct mcp_call *call, struct lk_error *err)
{
    struct lk_error lost = {0};

    if (err->kind != LK_ERROR_NONE)
        return;
    lk_fail(&lost, LK_ERROR_UNSUPPORTED,
            "this server lost its hold on the dev workspace while the call ran (it stood still for "
            "too long, or where leases are kept could not be reached), so somebody else may have "
            "moved the branch meanwhile%s",
            (mcp_call_tool(call)->hints & MCP_READ_ONLY) != 0
                ? "; call again"
                : ": look whether what was changed is where it belongs before calling again");
    if ((mcp_call_tool(call)->hints & MCP_READ_ONLY) != 0)
        *err = lost;
    else
        mcp_call_fail_answer(call, &lost);
}

void lk_workspace_leave(struct mcp_call *call, struct lk_error *err)
{
    struct lk_tool_context *context = own_context(call);
    struct lk_visit *visit = context->visit;
    struct lk_lease_end end = {0};

    if (visit == NULL)
        return;
    context->visit = NULL;
    lk_api_guard(context->api, NULL);
    if (mcp_call_is_awaited(call))
        lk_lease_give(visit->lease, mcp_call_arena(call), &end);
    else
        lk_lease_give(visit->lease, NULL, NULL);
    lk_ci_users_give(visit->loan);
    if (end.trouble.len > 0)
        write_restore(call, &end);
    if (end.lost)
        fail_lost(call, err);
}

/* ---- CI users ---- */

static void write_ci_user(struct mcp_call *call, const struct lk_ci_user *user)
{
    struct lk_buf *text = lk_arena_new_object(mcp_call_arena(call), struct lk_buf);
    struct lk_json_writer w = lk_json_writer(text);

    lk_buf_init(text, 4096);
    lk_arena_defer(mcp_call_arena(call), lk_buf_free_deferred, text);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "id", user->id);
    lk_json_member_string(&w, "email", user->email);
    lk_json_end_object(&w);
    if (!text->overflow)
        mcp_call_add_member(call, "ci_user", lk_buf_view(text));
}

bool lk_workspace_borrow_user(struct mcp_call *call, bool associative, struct lk_ci_user *ret_user,
                              struct lk_visit **ret_visit, struct lk_error *err)
{
    struct lk_workspace *workspace = own_context(call)->workspace;
    struct lk_ci_users *users = workspace != NULL ? workspace->options.ci_users : NULL;
    struct lk_arena *arena = mcp_call_arena(call);
    struct plan plan = plan_of(call);
    struct lk_visit *visit = lk_arena_new_object(arena, struct lk_visit);
    struct lk_lease_wish wish;

    if (users == NULL)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "act_as_user: \"pool\" borrows one of the CI users, and this server has "
                       "none; whoever runs it names them in LOOKER_CI_USERS. Name a user, or leave "
                       "it out");
    wish = wish_of(call, &plan);
    wish.user.principal = (struct lk_principal){.kind = LK_AS_USER, .associative = associative};
    if (!lk_ci_users_borrow(users, arena, &wish, &visit->loan, &visit->lease, err))
        return false;
    *ret_user = (struct lk_ci_user){lk_ci_loan_id(visit->loan), lk_ci_loan_email(visit->loan)};
    *ret_visit = visit;
    write_ci_user(call, ret_user);
    tell_wait(call, lk_ci_loan_shut_ms(visit->loan));
    return true;
}
