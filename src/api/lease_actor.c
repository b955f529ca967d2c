/*
 * An actor (lease_internal.h): the coroutine that takes a claim through its life. Whoever took the
 * claim waits for it, or has gone; the actor does the rest either way.
 *
 *     enter ── step ──> settle what was left behind ──> step ──> move ──> step ──> ready
 *                 └──> wait ──> step                                                 │ imports?
 *     leave <── given back, or nobody wants it any more <── hold <───────────────────┘
 */
#include "api/lease_internal.h"

#include <stdio.h>
#include <time.h>

#define MAX_ROUNDS 4 /* of taking it again because the branch imports more than was known */

static bool is_unwanted(const struct lk_lease *actor)
{
    return actor->given || actor->leases->ending || lk_co_cancelled(actor->co);
}

bool lk_actor_wait(struct lk_lease *actor, uint64_t delay_ms)
{
    return lk_leases_wait(actor->leases, &actor->woken, delay_ms);
}

void lk_actor_wake(struct lk_lease *actor)
{
    actor->woken = true;
    if (actor->co != NULL)
        lk_co_wake(actor->co);
}

static void set_phase(struct lk_lease *actor, enum lk_actor_phase phase)
{
    actor->phase = phase;
    if (actor->owner != NULL)
        lk_co_wake(actor->owner);
}

/* ---- one step ---- */

struct step {
    enum lk_lease_step step;
    bool admitted, closed;
    uint64_t closed_ms;
    struct lk_str project;   /* SETTLE, MOVE */
    struct lk_lease_who who; /* WAIT; in the actor's arena */
    struct lk_str lacking;   /* READY: a project that was asked for and has no such branch */
};

static void copy_who(struct lk_lease *actor, struct step *step)
{
    struct lk_lease_who *who = &step->who;

    who->project = lk_arena_str(actor->arena, who->project);
    who->branch = lk_arena_str(actor->arena, who->branch);
    who->what = lk_arena_str(actor->arena, who->what);
    who->instance = lk_arena_str(actor->arena, who->instance);
}

static bool enter(struct lk_lease *actor, struct lk_txn *txn, struct lk_error *err)
{
    struct lk_claim claim = {
        .id = actor->id,
        .instance = actor->leases->instance,
        .mode = actor->wish.mode,
        .branch = actor->wish.branch,
        .projects = actor->projects,
        .n_projects = actor->n_projects,
        .what = actor->wish.what,
        .since_ms = txn->now_ms,
        .until_ms = txn->now_ms + actor->leases->options.ttl_ms,
    };

    if (txn->state.n_claims >= LK_STATE_MAX_CLAIMS)
        return lk_fail(err, LK_ERROR_LIMIT,
                       "%d calls use the dev workspace of user %.*s or wait for it, which is as "
                       "many as may; try again later",
                       LK_STATE_MAX_CLAIMS, LK_STR_ARG(actor->user.id));
    actor->entered = true;
    lk_state_enter(&txn->state, &claim);
    return true;
}

static struct lk_str find_lacking(const struct lk_lease *actor, const struct lk_lease_state *state)
{
    for (size_t i = 0; actor->wish.mode == LK_CLAIM_BRANCH && i < actor->wish.n_projects; i++) {
        const struct lk_cell *cell = lk_state_cell(state, actor->wish.projects[i]);

        if (cell != NULL && cell->as_is)
            return actor->wish.projects[i];
    }
    return (struct lk_str){0};
}

static bool take_step(struct lk_lease *actor, struct lk_txn *txn, void *arg, struct lk_error *err)
{
    struct step *step = arg;
    struct lk_mover mover = lk_txn_mover(txn, actor);
    bool present = lk_state_claim(&txn->state, actor->id) != NULL;
    struct lk_cell *cell = NULL;

    *step = (struct step){.step = LK_STEP_WAIT, .closed = txn->closed, .closed_ms = txn->closed_ms};
    if (txn->closed)
        return true; /* nobody begins anything new: those who hold it may not have said so yet */
    if (!present && actor->confirmed) {
        step->step = LK_STEP_LOST;
        return true;
    }
    if (!present && !enter(actor, txn, err))
        return false;
    lk_txn_admit(txn);
    step->admitted = lk_state_claim(&txn->state, actor->id)->admitted_ms != 0;
    if (!step->admitted && actor->wish.now_or_never) {
        step->who = lk_state_who(&txn->state, actor->id);
        copy_who(actor, step);
        return false;
    }
    step->step = lk_state_step(&txn->state, &mover, &cell);
    if (step->step == LK_STEP_SETTLE || step->step == LK_STEP_MOVE)
        step->project = lk_arena_str(actor->arena, cell->project);
    if (step->step == LK_STEP_READY)
        step->lacking = find_lacking(actor, &txn->state);
    step->who = lk_state_who(&txn->state, actor->id);
    copy_who(actor, step);
    return true;
}

/* ---- waiting ---- */

static void print_time(char text[32], uint64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm utc;

    if (gmtime_r(&seconds, &utc) == NULL || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        memcpy(text, "?", 2);
}

static struct lk_str describe_shut(const struct lk_lease *actor, const struct step *step)
{
    return lk_arena_printf(actor->arena,
                           "the store of leases (LOOKER_LEASE_URL) has come up empty, and for "
                           "another %llu ms nothing new begins, so that whoever held leases before "
                           "can say so",
                           (unsigned long long)step->closed_ms);
}

/* "is in use by 2 other calls (query) on branch x since … (in …)" */
static struct lk_str describe_who(const struct lk_lease *actor, const struct lk_lease_who *who)
{
    static const char *const verbs[] = {
        [LK_WHO_NOBODY] = "is not free for",
        [LK_WHO_HOLDS] = "is in use by",
        [LK_WHO_QUEUE] = "is waited for by",
        [LK_WHO_MOVES] = "is being moved by",
    };
    char since[32];

    print_time(since, who->since_ms);
    return lk_arena_printf(actor->arena, "%s %zu other call%s%s%.*s%s%s%.*s since %s (in %.*s)",
                           verbs[who->kind], who->n, who->n == 1 ? "" : "s",
                           who->what.len > 0 ? " (" : "", LK_STR_ARG(who->what),
                           who->what.len > 0 ? ")" : "", who->branch.len > 0 ? " on branch " : "",
                           LK_STR_ARG(who->branch), since, LK_STR_ARG(who->instance));
}

static bool fail_waiting(const struct lk_lease *actor, const struct step *step,
                         struct lk_error *err)
{
    const struct lk_lease_who *who = &step->who;

    if (step->closed)
        return lk_fail(err, LK_ERROR_TIMEOUT, "%.*s; try again then",
                       LK_STR_ARG(describe_shut(actor, step)));
    return lk_fail(
        err, LK_ERROR_TIMEOUT,
        "%s%.*s in the dev workspace of user %.*s %.*s, and was not free within LOOKER_BRANCH_WAIT "
        "(%llu s): try again when they have ended, run as another user (act_as_user, or one of "
        "LOOKER_CI_USERS), or raise LOOKER_BRANCH_WAIT",
        who->project.len > 0 ? "project " : "everything", LK_STR_ARG(who->project),
        LK_STR_ARG(actor->user.id), LK_STR_ARG(describe_who(actor, who)),
        (unsigned long long)(actor->leases->options.wait_ms / 1000));
}

/* Counts how long nothing could begin because the store had come up empty. */
static void count_shut(struct lk_lease *actor, bool shut)
{
    uint64_t now_ms = lk_leases_now_ms(actor->leases);

    if (actor->shut_since_ms != 0)
        actor->shut_ms += now_ms - actor->shut_since_ms;
    actor->shut_since_ms = shut ? now_ms : 0;
}

static bool refuse(struct lk_lease *actor, struct lk_str why, bool shut)
{
    struct lk_lease_refusal *refusal = &actor->refusal;

    actor->refused = true;
    refusal->shut = shut;
    snprintf(refusal->why, sizeof(refusal->why), "%.*s",
             LK_STR_ARG(lk_str_cut(why, sizeof(refusal->why) - 1)));
    return false;
}

/* At most most_ms. False when the limit is over. */
static bool wait_for_others(struct lk_lease *actor, uint64_t until_ms, uint64_t most_ms)
{
    uint64_t now_ms = lk_leases_now_ms(actor->leases);

    if (now_ms >= until_ms)
        return false;
    lk_room_waits(actor->room, true);
    (void)lk_actor_wait(actor, until_ms - now_ms < most_ms ? until_ms - now_ms : most_ms);
    lk_room_waits(actor->room, false);
    return true;
}

/* The claim expired while it waited: it comes again, behind the others. */
static void come_again(struct lk_lease *actor)
{
    actor->id = lk_leases_new_id(actor->leases, actor->arena);
    actor->entered = actor->confirmed = actor->lost = actor->leaving = false;
    actor->since_ms = actor->admitted_ms = 0;
    actor->cells = NULL;
}

/* ---- taking ---- */

static bool get_ready(struct lk_lease *actor, uint64_t until_ms, struct lk_error *err)
{
    while (!is_unwanted(actor)) {
        struct lk_error failure = {0};
        struct step step = {0};
        bool waits = actor->confirmed;

        if (!lk_actor_change(actor, waits, take_step, &step, &failure)) {
            if (failure.kind == LK_ERROR_NONE)
                return refuse(actor, describe_who(actor, &step.who), false);
            *err = failure;
            return false;
        }
        count_shut(actor, step.closed);
        switch (step.step) {
        case LK_STEP_READY:
            if (step.lacking.len > 0)
                return lk_fail(err, LK_ERROR_ARGUMENT,
                               "project %.*s had no branch %.*s when the calls came that import "
                               "it and run now; if it has one now, try again when they have ended",
                               LK_STR_ARG(step.lacking), LK_STR_ARG(actor->wish.branch));
            return true;
        case LK_STEP_MOVE:
            if (!lk_actor_move(actor, step.project, err))
                return false;
            break;
        case LK_STEP_SETTLE:
            if (!lk_actor_settle(actor, step.project, true, &failure) && !actor->wish.sets_branch) {
                *err = failure;
                return false;
            }
            break;
        case LK_STEP_LOST:
            come_again(actor);
            break;
        case LK_STEP_WAIT:
            if (step.closed && actor->wish.now_or_never)
                return refuse(actor,
                              lk_arena_printf(actor->arena, "has to wait: %.*s",
                                              LK_STR_ARG(describe_shut(actor, &step))),
                              true);
            if (!wait_for_others(actor, until_ms, step.closed ? step.closed_ms : UINT64_MAX))
                return fail_waiting(actor, &step, err);
            break;
        }
    }
    return lk_fail(err, LK_ERROR_CANCELLED, "cancelled");
}

static bool leave(struct lk_lease *actor);

static bool acquire(struct lk_lease *actor, struct lk_error *err)
{
    uint64_t until_ms = lk_leases_now_ms(actor->leases) + actor->leases->options.wait_ms;
    bool more = false;

    if (actor->wish.imports && !lk_actor_add_imports(actor, false, &more, err))
        return false;
    for (unsigned round = 0; round < MAX_ROUNDS; round++) {
        if (!get_ready(actor, until_ms, err))
            return false;
        if (!actor->wish.imports)
            return true;
        if (!lk_actor_add_imports(actor, true, &more, err))
            return false;
        if (!more)
            return true;
        if (!leave(actor))
            return lk_fail(err, LK_ERROR_UPSTREAM, "%.*s", LK_STR_ARG(actor->end.trouble));
        come_again(actor);
    }
    return lk_fail(err, LK_ERROR_LIMIT,
                   "what branch %.*s of project %.*s imports grew each of the %d times that it was "
                   "looked at; call without imports, or try again when nobody changes it",
                   LK_STR_ARG(actor->wish.branch), LK_STR_ARG(actor->wish.projects[0]), MAX_ROUNDS);
}

/* ---- leaving ---- */

struct leaving {
    bool later; /* the store is closed, so who else uses the cells is not known yet */
    uint64_t later_ms;
    struct lk_str projects[LK_LEASE_MAX_PROJECTS]; /* to give back */
    size_t n;
};

static void forget_stuck(struct lk_lease *actor, struct lk_txn *txn)
{
    for (size_t i = 0; i < actor->n_projects; i++) {
        struct lk_cell *cell = lk_state_cell(&txn->state, actor->projects[i]);

        if (cell == NULL || cell->phase != LK_CELL_STUCK)
            continue;
        lk_leases_forget(actor->leases, actor->user.id, cell->project, cell->fence);
        lk_state_remove_cell(&txn->state, cell);
    }
}

static bool write_left(struct lk_lease *actor, struct lk_txn *txn, void *arg, struct lk_error *err)
{
    struct leaving *leaving = arg;
    struct lk_mover mover = lk_txn_mover(txn, actor);

    (void)err;
    leaving->n = 0;
    leaving->later = txn->closed && !actor->lost && actor->cells != NULL;
    leaving->later_ms = txn->closed_ms;
    if (leaving->later)
        return true;
    actor->leaving = true;
    lk_state_leave(&txn->state, &mover);
    if (actor->settled && !actor->lost)
        forget_stuck(actor, txn);
    for (size_t i = 0; i < txn->state.n_cells; i++) {
        const struct lk_cell *cell = &txn->state.cells[i];

        if (cell->phase == LK_CELL_RETURNING && lk_str_eq(cell->by, actor->id) &&
            leaving->n < LK_LEASE_MAX_PROJECTS)
            leaving->projects[leaving->n++] = lk_arena_str(actor->arena, cell->project);
    }
    txn->durable = leaving->n > 0;
    return true;
}

/* Where nothing was borrowed there is nothing to tell beyond that. */
static void note_lost(struct lk_lease *actor)
{
    actor->end.lost = actor->held;
    if (!actor->held || actor->end.trouble.len > 0 || actor->wish.mode != LK_CLAIM_BRANCH)
        return;
    actor->end.project = actor->projects[0];
    actor->end.trouble =
        lk_arena_printf(actor->arena,
                        "the lease on the dev workspace of user %.*s was not renewed in time and "
                        "was lost before the call ended: what ran may have seen another branch",
                        LK_STR_ARG(actor->user.id));
}

void lk_actor_leave_over(struct lk_lease *actor, const char *why)
{
    for (struct lk_known_cell *known = actor->cells; known != NULL; known = known->next) {
        const struct lk_cell *cell = &known->cell;

        if (cell->as_is || cell->home.len == 0 || lk_str_eq(cell->home, cell->branch))
            continue;
        lk_leases_leave_over(actor->leases, actor->user.id, cell);
        if (actor->end.trouble.len > 0)
            continue;
        actor->end.project = cell->project;
        actor->end.home = cell->home;
        actor->end.trouble = lk_arena_printf(
            actor->arena,
            "project %.*s of user %.*s may still be on branch %.*s, and is given back when the "
            "store of leases says that nobody else uses it: %s",
            LK_STR_ARG(cell->project), LK_STR_ARG(actor->user.id), LK_STR_ARG(cell->branch), why);
    }
}

/* Takes the claim out and gives back what nobody else uses. False when that did not succeed: why
 * is in actor->end. */
static bool leave(struct lk_lease *actor)
{
    struct lk_error failure = {0};
    struct leaving leaving = {.later = true};
    bool ok = true;

    if (!actor->entered)
        return true;
    while (leaving.later) {
        if (!lk_actor_change(actor, true, write_left, &leaving, &failure)) {
            lk_actor_leave_over(actor, failure.message);
            if (!lk_co_cancelled(actor->co))
                note_lost(actor);
            return false;
        }
        if (leaving.later && !lk_actor_wait(actor, leaving.later_ms))
            return false;
    }
    if (actor->lost)
        note_lost(actor);
    for (size_t i = 0; i < leaving.n; i++)
        ok &= lk_actor_settle(actor, leaving.projects[i], false, &failure);
    return ok && !actor->lost;
}

/* ---- a life ---- */

static void linger(struct lk_lease *actor)
{
    uint64_t until_ms = lk_leases_now_ms(actor->leases) + LK_LEASE_LATE_MS, now_ms;

    while (actor->doubted && (now_ms = lk_leases_now_ms(actor->leases)) < until_ms &&
           lk_actor_wait(actor, until_ms - now_ms))
        ;
}

static void hold(struct lk_lease *actor)
{
    actor->leases->count->held++;
    actor->held = true;
    set_phase(actor, LK_ACTOR_HOLDS);
    while (!is_unwanted(actor))
        (void)lk_actor_wait(actor, UINT64_MAX);
    actor->leases->count->held--;
    set_phase(actor, LK_ACTOR_LEAVES);
    linger(actor);
    (void)leave(actor);
}

/* What could not be given back belongs into the error: nobody gets a lease whose end says it. */
static void give_up(struct lk_lease *actor)
{
    bool was_told = actor->end.trouble.len > 0;

    actor->phase = LK_ACTOR_LEAVES;
    (void)leave(actor);
    if (!was_told && actor->end.trouble.len > 0 && actor->error.kind != LK_ERROR_NONE)
        lk_error_advise(&actor->error, "%.*s", LK_STR_ARG(actor->end.trouble));
}

void lk_actor_run(void *arg)
{
    struct lk_lease *actor = arg;
    struct lk_leases *leases = actor->leases;

    actor->co = lk_co_self(leases->options.loop);
    leases->count->waiting++;
    if (acquire(actor, &actor->error)) {
        leases->count->waiting--;
        hold(actor);
    } else {
        leases->count->waiting--;
        give_up(actor);
    }
    lk_room_remove(actor);
    actor->co = NULL;
    set_phase(actor, LK_ACTOR_ENDED);
    lk_lease_unref(actor);
    lk_leases_done(leases);
}
