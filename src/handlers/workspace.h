/*
 * The dev workspace around a tool call: what a call is going to do there follows from its row
 * (handlers/binding.h) and its arguments; the lease that fits is taken before the tool runs, and
 * given back before it answers.
 *
 *     lk_workspace_check   by its arguments alone
 *     as whom?             handlers/identity.h; may borrow a CI user
 *     lk_workspace_enter   waits for its turn, has the branch checked out
 *     the tool
 *     lk_workspace_leave   gives back
 *
 * A call that has not entered sends nothing there (lk_api_guard).
 */
#ifndef LK_HANDLERS_WORKSPACE_H
#define LK_HANDLERS_WORKSPACE_H

#include "api/lease.h"
#include "handlers/binding.h"
#include "handlers/context.h"

struct lk_workspace;
struct lk_ci_users;

/* Borrowed; must outlive it. */
struct lk_workspace_options {
    struct lk_leases *leases;
    struct lk_ci_users *ci_users; /* LOOKER_CI_USERS; NULL: there are none */
};

struct lk_workspace *lk_workspace_new(const struct lk_workspace_options *options);
/* NULL is legal. */
void lk_workspace_free(struct lk_workspace *workspace);

/* Whether the arguments about the workspace go together; makes `dev_mode` true for the tool when it
 * runs on a branch. Asks nobody. Errors: LK_ERROR_ARGUMENT. */
bool lk_workspace_check(struct mcp_call *call, struct lk_error *err);

/* Awaits. For a call that is admitted (its context is its own): takes the lease that it needs, if
 * any. Errors: those of lk_lease_take, of lk_api_call (who the caller is), and
 * LK_ERROR_UNSUPPORTED for a caller with a Looker token of its own. */
bool lk_workspace_enter(struct mcp_call *call, struct lk_error *err);

/* What a handler learns of its call by itself: LK_WORKSPACE_SELF, or going on with something that
 * was begun there. */
struct lk_workspace_stay {
    enum lk_workspace_how how; /* BORROW, HOLD or ALONE */
    struct lk_str branch;      /* BORROW */
    struct lk_str project;     /* HOLD: empty: all projects */
    bool imports;              /* BORROW */
    bool sets_branch;          /* ALONE */
};
/* Awaits. The same for it, in a call that has not entered. Errors: also LK_ERROR_ARGUMENT for names
 * that are none. */
bool lk_workspace_take(struct mcp_call *call, const struct lk_workspace_stay *stay,
                       struct lk_error *err);

/*
 * Awaits. Gives back what the call has, also when it failed or never got so far. What could not be
 * given back is the member `restore` of its answer: {project_id, branch (that is there), home,
 * error}. A call that lost its lease meanwhile has failed. Of a call for which nobody waits any
 * more, the lease goes on giving back by itself.
 */
void lk_workspace_leave(struct mcp_call *call, struct lk_error *err);

/*
 * For a call that asks a model of that project (empty: not known). When a branch was borrowed for
 * the call, and not in that project, the answer says so in its member `branch_note`: the branch may
 * have had no part in it. Once a call.
 */
void lk_workspace_tell_project(struct mcp_call *call, struct lk_str model, struct lk_str project);

/* ---- CI users ---- */

/* Whether the argument act_as_user asks for any CI user. */
bool lk_is_ci_pool(struct lk_str act_as_user);
/* That argument, whatever the tool; ptr NULL: not given. */
static inline struct lk_str lk_act_as_user(struct mcp_call *call)
{
    const struct lk_type *type = mcp_call_tool(call)->args;
    const struct lk_field *field = type != NULL ? lk_type_field(type, LK_STR("act_as_user")) : NULL;
    struct lk_string value = {0};

    if (field != NULL && field->kind == LK_KIND_STRING)
        memcpy(&value, (const char *)mcp_call_args(call) + field->offset, sizeof(value));
    if (value.is != LK_PRESENT)
        return (struct lk_str){0};
    return value.value.ptr != NULL ? value.value : LK_STR("");
}

/* Awaits. A CI user who has the branch that the call asks for, now or soon (handlers/ci_users.h);
 * the call has entered with it. Errors: LK_ERROR_ARGUMENT when there are none (LOOKER_CI_USERS);
 * those of lk_ci_users_borrow. */
struct lk_ci_user {
    struct lk_str id, email; /* in the call's arena */
};
bool lk_workspace_borrow_user(struct mcp_call *call, bool associative, struct lk_ci_user *ret_user,
                              struct lk_visit **ret_visit, struct lk_error *err);

#endif
