/*
 * Borrowing a CI user (ci_users.h). Called by handlers/workspace.c. What is known here is what this
 * worker does; whom others use shows when the lease is asked for, without waiting.
 *
 *     arrives ── in the line ── someone may be free: leaves the line, asks for the lease ──> has it
 *                   ^                     └── not free after all: back to the head of the line
 *                   └── looks again when somebody is given back, and now and then
 */
#include "handlers/ci_users.h"

#include "base/memory.h"
#include "handlers/users.h"
#include "looker_ops.h"
#include "rt/co.h"
#include "json/scan.h"

#include <stdio.h>
#include <stdlib.h>

#define KNOWN_MS ((uint64_t)5 * 60 * 1000) /* how long a name is not looked up again */
#define POLL_MS 200                        /* how often who waits looks what others did */
/* For so long one may pass the head of the line, to join a branch that somebody has already. */
#define PATIENCE_MS 2000

struct member {
    struct lk_str name; /* as the setting has it */
    char id[64], email[256];
    unsigned loans;
    uint64_t last_used;              /* in the order of beginning */
    struct lk_lease_refusal refusal; /* when it was last asked for; why "": it was free */
};

struct lk_ci_loan {
    struct lk_ci_users *users;
    struct member *member;
    struct lk_str id, email, project, branch, what;
    uint64_t since_ms, shut_ms;
    struct lk_ci_loan *next;
};

/* One who waits. */
struct waiter {
    struct lk_co *co;
    uint64_t since_ms, until_ms;
    uint64_t shut_since_ms; /* the store has come up empty, and was the last time; 0: it was not */
    uint64_t tried; /* members, a bit each, that were not free when asked for in this round */
    struct waiter *next;
};

struct lk_ci_users {
    struct lk_ci_users_options options;
    struct member members[LK_CI_USERS_MAX];
    size_t n;
    uint64_t known_until_ms, n_loans;
    uint64_t n_given; /* loans that ended */
    struct lk_ci_loan *loans;
    struct waiter *line;
};

struct lk_ci_users *lk_ci_users_new(const struct lk_ci_users_options *options)
{
    struct lk_ci_users *users = lk_memory_new(sizeof(*users));
    struct lk_str rest = options->names;

    users->options = *options;
    while (rest.len > 0 && users->n < LK_CI_USERS_MAX) {
        struct lk_str name = lk_str_trim(lk_str_take(&rest, ','));

        if (name.len > 0)
            users->members[users->n++].name = name;
    }
    if (users->n > 0)
        return users;
    free(users);
    return NULL;
}

void lk_ci_users_free(struct lk_ci_users *users)
{
    free(users);
}

/* ---- who they are ---- */

static bool find(const struct lk_ci_users *users, struct lk_arena *arena, struct lk_str name,
                 struct lk_str *ret_user, struct lk_error *err)
{
    struct lk_api *api = users->options.tools->api;

    if (lk_is_user_id(name) || lk_is_email(name))
        return lk_user_find(api, arena, name, NULL, ret_user, err);
    if (!lk_user_by_local_part(api, arena, name, NULL, ret_user, err))
        return false;
    return ret_user->len > 0 ||
           lk_fail(err, LK_ERROR_ARGUMENT, "no user has an e-mail address \"%.*s@...\"",
                   LK_STR_ARG(name));
}

static bool look_up(struct lk_ci_users *users, struct lk_arena *arena, struct member *member,
                    struct lk_error *err)
{
    struct lk_error failure = {0};
    struct lk_str user, id, email;

    if (!find(users, arena, member->name, &user, &failure)) {
        if (failure.kind == LK_ERROR_ARGUMENT || failure.status == 404)
            failure.kind = LK_ERROR_CONFIG;
        lk_error_advise(&failure, "LOOKER_CI_USERS names \"%.*s\"", LK_STR_ARG(member->name));
        *err = failure;
        return false;
    }
    id = lk_json_get_string(arena, user, LK_STR("id"));
    email = lk_json_get_string(arena, user, LK_STR("email"));
    if (id.len == 0 || id.len >= sizeof(member->id) || email.len >= sizeof(member->email))
        return lk_fail(err, LK_ERROR_PARSE,
                       "Looker's answer to a search for the CI user \"%.*s\" has no usable id",
                       LK_STR_ARG(member->name));
    memset(member->id, 0, sizeof(member->id));
    memset(member->email, 0, sizeof(member->email));
    memcpy(member->id, id.ptr, id.len);
    if (email.len > 0)
        memcpy(member->email, email.ptr, email.len);
    return true;
}

/* Whether one before it in the setting is the same user. */
static bool is_named_once(const struct lk_ci_users *users, size_t i, struct lk_error *err)
{
    const struct member *member = &users->members[i];

    for (size_t k = 0; k < i; k++) {
        if (strcmp(member->id, users->members[k].id) == 0)
            return lk_fail(err, LK_ERROR_CONFIG,
                           "LOOKER_CI_USERS names the user %s twice, as \"%.*s\" and \"%.*s\"",
                           member->id, LK_STR_ARG(users->members[k].name),
                           LK_STR_ARG(member->name));
    }
    return true;
}

/* All of them: one that is mistyped is not to be noticed on a busy day only. */
static bool look_up_all(struct lk_ci_users *users, struct lk_arena *arena, struct lk_error *err)
{
    const struct lk_loop *loop = users->options.tools->loop;

    if (lk_loop_now_ms(loop) < users->known_until_ms)
        return true;
    for (size_t i = 0; i < users->n; i++) {
        if (!look_up(users, arena, &users->members[i], err))
            return false;
    }
    for (size_t i = 0; i < users->n; i++) {
        if (!is_named_once(users, i, err))
            return false;
    }
    users->known_until_ms = lk_loop_now_ms(loop) + KNOWN_MS;
    return true;
}

/* As calls on a branch will. */
static bool enter_dev(const struct lk_ci_users *users, struct lk_arena *arena,
                      const struct member *member, struct lk_error *err)
{
    const struct lk_principal as = {.kind = LK_AS_USER, .user_id = lk_str(member->id)};
    struct lk_api *view = lk_api_as(users->options.tools->api, arena, &as);
    struct lk_error failure = {0};
    struct lk_api_answer answer;
    bool ok = lk_api_call(view, arena, lk_in_dev(looker_session(), true), &answer, &failure);

    lk_api_end(view);
    if (ok)
        return true;
    lk_error_advise(&failure, "LOOKER_CI_USERS names \"%.*s\"", LK_STR_ARG(member->name));
    *err = failure;
    return false;
}

bool lk_ci_users_check(struct lk_ci_users *users, struct lk_arena *arena,
                       void (*tell)(struct lk_str who, const struct lk_error *why))
{
    bool all = true;

    for (size_t i = 0; i < users->n; i++) {
        struct member *member = &users->members[i];
        struct lk_error failure = {0};
        bool ok = look_up(users, arena, member, &failure) && is_named_once(users, i, &failure) &&
                  enter_dev(users, arena, member, &failure);

        tell(lk_arena_printf(arena, "\"%.*s\" is user %s%s%s", LK_STR_ARG(member->name), member->id,
                             member->email[0] != '\0' ? ", " : "", member->email),
             ok ? NULL : &failure);
        all &= ok;
    }
    return all;
}

/* ---- whom to ask for ---- */

static const struct lk_ci_loan *loan_of(const struct lk_ci_users *users,
                                        const struct member *member, struct lk_str project)
{
    for (const struct lk_ci_loan *loan = users->loans; loan != NULL; loan = loan->next) {
        if (loan->member == member && lk_str_eq(loan->project, project))
            return loan;
    }
    return NULL;
}

/* The one who is worth asking for most; NULL: nobody is. */
static struct member *choose(struct lk_ci_users *users, const struct waiter *self,
                             const struct lk_lease_wish *wish, bool join_only)
{
    struct member *best = NULL;
    unsigned best_rank = 0;

    for (size_t i = 0; i < users->n; i++) {
        struct member *member = &users->members[i];
        const struct lk_ci_loan *loan = loan_of(users, member, wish->projects[0]);
        bool same = loan != NULL && lk_str_eq(loan->branch, wish->branch);
        unsigned rank = same ? 3 : loan != NULL ? 0 : member->loans == 0 ? 2 : 1;

        if ((self->tried & (uint64_t)1 << i) != 0 || rank == 0 || (join_only && !same))
            continue;
        if (rank > best_rank || (rank == best_rank && member->last_used < best->last_used)) {
            best = member;
            best_rank = rank;
        }
    }
    return best;
}

/* ---- the line ---- */

static void join_line(struct lk_ci_users *users, struct waiter *self, bool at_head)
{
    struct waiter **at = &users->line;

    while (!at_head && *at != NULL)
        at = &(*at)->next;
    self->next = *at;
    *at = self;
}

static void leave_line(struct lk_ci_users *users, struct waiter *self)
{
    struct waiter **at = &users->line;

    while (*at != NULL && *at != self)
        at = &(*at)->next;
    if (*at != NULL)
        *at = self->next;
}

static void wake_all(struct lk_ci_users *users)
{
    for (struct waiter *waiter = users->line; waiter != NULL; waiter = waiter->next)
        lk_co_wake(waiter->co);
}

static void wake(void *arg)
{
    lk_co_wake(arg);
}

/* Until something may have changed. */
static void rest(struct lk_ci_users *users, struct waiter *self)
{
    struct lk_loop *loop = users->options.tools->loop;
    struct lk_timer timer = lk_timer(wake, self->co);

    uint64_t n_given = users->n_given;

    lk_timer_start(loop, &timer, POLL_MS);
    lk_co_park(loop);
    /* Who was not free a moment ago is not asked for again without a reason. */
    if (!lk_timer_is_running(&timer) || users->n_given != n_given)
        self->tried = 0;
    lk_timer_stop(loop, &timer);
}

/* Whether it is this one's turn; the first few seconds others may pass, to join. */
static bool is_its_turn(const struct lk_ci_users *users, const struct waiter *self,
                        bool *ret_join_only)
{
    uint64_t now_ms = lk_loop_now_ms(users->options.tools->loop);

    *ret_join_only = users->line != self;
    return users->line == self || now_ms - users->line->since_ms < PATIENCE_MS;
}

/* ---- loans ---- */

static struct lk_ci_loan *begin_loan(struct lk_ci_users *users, struct lk_arena *arena,
                                     struct member *member, const struct lk_lease_wish *wish)
{
    struct lk_ci_loan *loan = lk_arena_new_object(arena, struct lk_ci_loan);

    *loan = (struct lk_ci_loan){
        .users = users,
        .member = member,
        .id = lk_arena_str(arena, lk_str(member->id)),
        .email = lk_arena_str(arena, lk_str(member->email)),
        .project = wish->projects[0],
        .branch = wish->branch,
        .what = wish->what,
        .since_ms = lk_loop_now_ms(users->options.tools->loop),
        .next = users->loans,
    };
    users->loans = loan;
    member->loans++;
    member->last_used = ++users->n_loans;
    return loan;
}

static void end_loan(struct lk_ci_loan *loan)
{
    struct lk_ci_loan **at;

    for (at = &loan->users->loans; *at != loan; at = &(*at)->next)
        ;
    *at = loan->next;
    loan->member->loans--;
}

void lk_ci_users_give(struct lk_ci_loan *loan)
{
    if (loan == NULL)
        return;
    end_loan(loan);
    loan->users->n_given++;
    wake_all(loan->users);
}

struct lk_str lk_ci_loan_id(const struct lk_ci_loan *loan)
{
    return loan->id;
}

struct lk_str lk_ci_loan_email(const struct lk_ci_loan *loan)
{
    return loan->email;
}

uint64_t lk_ci_loan_shut_ms(const struct lk_ci_loan *loan)
{
    return loan->shut_ms;
}

/* *ret_lease is NULL when the user is not free. */
static bool ask_for(struct lk_ci_users *users, struct lk_ci_loan *loan,
                    const struct lk_lease_wish *wish, struct lk_lease **ret_lease,
                    struct lk_error *err)
{
    struct member *member = loan->member;
    struct lk_lease_wish now = *wish;
    struct lk_error failure = {0};

    now.user.id = now.user.principal.user_id = loan->id;
    now.now_or_never = true;
    now.refusal = &member->refusal;
    member->refusal = (struct lk_lease_refusal){0};
    if (lk_lease_take(users->options.leases, &now, ret_lease, &failure))
        return true;
    if (failure.kind != LK_ERROR_CANCELLED)
        lk_error_advise(&failure, "this was as the CI user \"%.*s\"", LK_STR_ARG(member->name));
    *err = failure;
    return false;
}

/* ---- all ---- */

static void describe(struct lk_buf *text, const struct lk_ci_users *users,
                     const struct member *member, uint64_t now_ms)
{
    bool any = false;

    lk_buf_printf(text, "%s%.*s ", text->len > 0 ? "; " : "", LK_STR_ARG(member->name));
    for (const struct lk_ci_loan *loan = users->loans; loan != NULL; loan = loan->next) {
        if (loan->member != member)
            continue;
        lk_buf_printf(text, "%s %.*s of %.*s (%.*s, for %llu s)", any ? "," : "has",
                      LK_STR_ARG(loan->branch), LK_STR_ARG(loan->project), LK_STR_ARG(loan->what),
                      (unsigned long long)((now_ms - loan->since_ms) / 1000));
        any = true;
    }
    if (!any)
        lk_buf_str(text, lk_str(member->refusal.why[0] != '\0' ? member->refusal.why
                                                               : "is in use elsewhere"));
}

static bool fail_busy(const struct lk_ci_users *users, struct lk_error *err)
{
    uint64_t now_ms = lk_loop_now_ms(users->options.tools->loop);
    struct lk_buf text;

    lk_buf_init(&text, (size_t)64 * 1024);
    for (size_t i = 0; i < users->n; i++)
        describe(&text, users, &users->members[i], now_ms);
    lk_fail(err, LK_ERROR_TIMEOUT,
            "none of the %zu CI users became free within %llu s (LOOKER_BRANCH_WAIT); detail says "
            "what they are busy with. Call again later, or have more users named in "
            "LOOKER_CI_USERS",
            users->n, (unsigned long long)(users->options.wait_ms / 1000));
    lk_error_detail(err, "%.*s", LK_STR_ARG(lk_buf_view(&text)));
    lk_buf_free(&text);
    return false;
}

/* In the line. A loan that may become one, or NULL with an error. */
static struct lk_ci_loan *await_loan(struct lk_ci_users *users, struct lk_arena *arena,
                                     const struct lk_lease_wish *wish, struct waiter *self,
                                     struct lk_error *err)
{
    for (;;) {
        struct member *member = NULL;
        bool join_only;

        if (lk_co_cancelled(self->co)) {
            lk_fail(err, LK_ERROR_CANCELLED, "cancelled while waiting for a CI user");
            return NULL;
        }
        if (is_its_turn(users, self, &join_only))
            member = choose(users, self, wish, join_only);
        if (member != NULL)
            return begin_loan(users, arena, member, wish);
        if (lk_loop_now_ms(users->options.tools->loop) >= self->until_ms) {
            fail_busy(users, err);
            return NULL;
        }
        rest(users, self);
    }
}

bool lk_ci_users_borrow(struct lk_ci_users *users, struct lk_arena *arena,
                        const struct lk_lease_wish *wish, struct lk_ci_loan **ret_loan,
                        struct lk_lease **ret_lease, struct lk_error *err)
{
    struct lk_loop *loop = users->options.tools->loop;
    struct waiter self = {.co = lk_co_self(loop)};
    bool again = false;

    if (!look_up_all(users, arena, err))
        return false;
    self.since_ms = lk_loop_now_ms(loop);
    self.until_ms = self.since_ms + users->options.wait_ms;
    for (;; again = true) {
        struct lk_lease *lease = NULL;
        struct lk_ci_loan *loan;
        bool ok;

        join_line(users, &self, again);
        loan = await_loan(users, arena, wish, &self, err);
        leave_line(users, &self);
        wake_all(users); /* there is another head */
        if (loan == NULL)
            return false;
        ok = ask_for(users, loan, wish, &lease, err);
        if (ok && lease != NULL) {
            if (self.shut_since_ms != 0)
                loan->shut_ms = lk_loop_now_ms(loop) - self.shut_since_ms;
            *ret_loan = loan;
            *ret_lease = lease;
            return true;
        }
        if (!loan->member->refusal.shut)
            self.shut_since_ms = 0;
        else if (self.shut_since_ms == 0)
            self.shut_since_ms = lk_loop_now_ms(loop);
        self.tried |= (uint64_t)1 << (loan->member - users->members);
        end_loan(loan);
        if (!ok)
            return false;
    }
}
