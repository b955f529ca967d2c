/*
 * The users of LOOKER_CI_USERS, of whom act_as_user "pool" borrows one that is free: as many
 * branches are looked at at once as there are users.
 *
 *     whom?  1. one who has the branch of the project already, in this worker
 *            2. one whom nobody uses      3. one who is used for other projects only
 *            4. whoever of them becomes free first; callers are served in the order they came
 *
 * Whether a user really is free is for the lease to say, which knows of other processes as well.
 */
#ifndef LK_HANDLERS_CI_USERS_H
#define LK_HANDLERS_CI_USERS_H

#include "api/lease.h"
#include "handlers/context.h"

struct lk_ci_users;

#define LK_CI_USERS_MAX 64 /* names in LOOKER_CI_USERS; more are not read */

/* Borrowed; must outlive it. */
struct lk_ci_users_options {
    const struct lk_tool_context *tools; /* of the worker; its api is the service account's */
    struct lk_leases *leases;
    struct lk_str names; /* LOOKER_CI_USERS: ids, e-mail addresses, or what stands before the @ of
                            one; comma-separated */
    uint64_t wait_ms;    /* LOOKER_BRANCH_WAIT */
};

/* NULL when it names nobody. */
struct lk_ci_users *lk_ci_users_new(const struct lk_ci_users_options *options);
/* NULL is legal. Nobody may be borrowed. */
void lk_ci_users_free(struct lk_ci_users *users);

/* One use of one of them. */
struct lk_ci_loan;

/*
 * Awaits. wish: LK_CLAIM_BRANCH on whoever it will be; its user's id is not read, the rest of the
 * principal is. On success the loan, its id and its address live in the arena. Errors:
 * LK_ERROR_CONFIG (a name is nobody's, or several users'), LK_ERROR_TIMEOUT after wait_ms (detail:
 * who is busy with what), LK_ERROR_CANCELLED, those of lk_lease_take.
 */
bool lk_ci_users_borrow(struct lk_ci_users *users, struct lk_arena *arena,
                        const struct lk_lease_wish *wish, struct lk_ci_loan **ret_loan,
                        struct lk_lease **ret_lease, struct lk_error *err);
/*
 * Awaits. For --check: whether each of them is a user, named once, who gets into the dev workspace
 * when the service account impersonates them. tell is called for each in turn, with a text of who
 * it is, or with why not, which names what the setting has. True when all are well.
 */
bool lk_ci_users_check(struct lk_ci_users *users, struct lk_arena *arena,
                       void (*tell)(struct lk_str who, const struct lk_error *why));
struct lk_str lk_ci_loan_id(const struct lk_ci_loan *loan);
struct lk_str lk_ci_loan_email(const struct lk_ci_loan *loan);
/* As lk_lease_shut_ms, of the wait for a user. */
uint64_t lk_ci_loan_shut_ms(const struct lk_ci_loan *loan);
/* After the lease was given back; NULL is legal. */
void lk_ci_users_give(struct lk_ci_loan *loan);

#endif
