/*
 * Checking out a branch in a cell, and giving the cell back: the requests to Looker, and what is
 * written down around them (lease_internal.h).
 *
 *     move:   read what is there ── write it down, on disk ── check out ── write that it is there
 *     settle: read ── the borrowed branch: check out home ── read again ── cross it out
 *                  └─ home already: cross it out; anything else: somebody has moved it: leave it
 *
 * A check-out whose end nobody saw may still arrive. Home is checked out after it then, whatever
 * seems to be there, and looked at again when it must have arrived.
 */
#include "api/lease_internal.h"

#define TRIES 3 /* of a request that fails while a cell is given back */
#define FIRST_RETRY_MS 250
#define MAX_ROUNDS 10 /* of checking out home and finding something else */

/* The cell as the document has it, if it is still this actor's to move. */
static struct lk_cell *own_cell(const struct lk_lease *actor, const struct lk_txn *txn,
                                const struct lk_cell *known, struct lk_error *err)
{
    struct lk_cell *cell = lk_state_cell(&txn->state, known->project);

    if (cell != NULL && lk_str_eq(cell->by, actor->id) && cell->fence == known->fence)
        return cell;
    lk_fail(err, LK_ERROR_TIMEOUT,
            "the lease of project %.*s of user %.*s was lost: it was not renewed in time, and "
            "others go on with it",
            LK_STR_ARG(known->project), LK_STR_ARG(actor->user.id));
    return NULL;
}

static bool renew(struct lk_lease *actor, struct lk_txn *txn, void *arg, struct lk_error *err)
{
    if (own_cell(actor, txn, arg, err) == NULL)
        return false;
    txn->state.changed = true;
    return true;
}

/* Nothing is sent to Looker by somebody whose time may be over before it arrives. */
static bool is_fresh(struct lk_lease *actor, struct lk_cell *cell, struct lk_error *err)
{
    uint64_t third_ms = actor->leases->options.ttl_ms / 3;

    if (lk_leases_now_ms(actor->leases) + third_ms < actor->deadline_ms)
        return true;
    return lk_actor_change(actor, true, renew, cell, err);
}

static bool look(struct lk_lease *actor, const struct lk_cell *cell, struct lk_str *ret_found,
                 struct lk_error *err)
{
    const struct lk_lease_looker *looker = &actor->leases->options.looker;

    return looker->current(looker->arg, actor->arena, &actor->user, cell->project, ret_found, err);
}

static bool check_out(struct lk_lease *actor, const struct lk_cell *cell, struct lk_str branch,
                      struct lk_error *err)
{
    const struct lk_lease_looker *looker = &actor->leases->options.looker;

    return looker->check_out(looker->arg, actor->arena, &actor->user, actor, cell->project, branch,
                             err);
}

/* ---- there ---- */

static bool write_home(struct lk_lease *actor, struct lk_txn *txn, void *arg, struct lk_error *err)
{
    const struct lk_cell *known = arg;
    struct lk_cell *cell = own_cell(actor, txn, known, err);

    if (cell == NULL)
        return false;
    lk_state_home(&txn->state, cell, known->home);
    txn->durable = true;
    return true;
}

static bool write_there(struct lk_lease *actor, struct lk_txn *txn, void *arg, struct lk_error *err)
{
    const struct lk_cell *known = arg;
    struct lk_cell *cell = own_cell(actor, txn, known, err);

    if (cell == NULL)
        return false;
    if (!known->as_is)
        lk_state_home(&txn->state, cell, known->home);
    lk_state_there(&txn->state, cell, known->as_is);
    return true;
}

static bool write_unsure(struct lk_lease *actor, struct lk_txn *txn, void *arg,
                         struct lk_error *err)
{
    struct lk_cell *cell = own_cell(actor, txn, arg, err);

    if (cell == NULL)
        return false;
    lk_state_doubt(&txn->state, cell);
    return true;
}

static bool was_asked_for(const struct lk_lease *actor, struct lk_str project)
{
    for (size_t i = 0; i < actor->wish.n_projects; i++) {
        if (lk_str_eq(actor->wish.projects[i], project))
            return true;
    }
    return false;
}

/* Reads what is checked out, into cell->home; *ret_done when there is nothing to move. */
static bool read_home(struct lk_lease *actor, struct lk_cell *cell, bool *ret_done,
                      struct lk_error *err)
{
    const struct lk_lease_looker *looker = &actor->leases->options.looker;
    bool has = true;

    if (!look(actor, cell, &cell->home, err))
        return false;
    *ret_done = lk_str_eq(cell->home, cell->branch);
    if (!*ret_done && !was_asked_for(actor, cell->project) &&
        !looker->has_branch(looker->arg, actor->arena, &actor->user, cell->project, cell->branch,
                            &has, err))
        return false;
    if (!has) {
        cell->as_is = *ret_done = true;
        cell->home = (struct lk_str){0};
    }
    return true;
}

bool lk_actor_move(struct lk_lease *actor, struct lk_str project, struct lk_error *err)
{
    struct lk_leases *leases = actor->leases;
    struct lk_cell cell = *lk_actor_known(actor, project);
    struct lk_error failure = {0};
    bool done = false;

    if (cell.home.len == 0 && !read_home(actor, &cell, &done, err))
        return false;
    if (done)
        return lk_actor_change(actor, true, write_there, &cell, err);
    if (!lk_actor_change(actor, false, write_home, &cell, err) || !is_fresh(actor, &cell, err))
        return false;
    if (!check_out(actor, &cell, cell.branch, &failure)) {
        if (lk_lease_is_unsure(&failure))
            (void)lk_actor_change(actor, true, write_unsure, &cell, NULL);
        if (err != NULL && err->kind == LK_ERROR_NONE)
            *err = failure;
        return false;
    }
    leases->count->swaps++;
    lk_log_info(leases->options.log, "lease.swapped", lk_log_str("user_id", actor->user.id),
                lk_log_str("project", cell.project), lk_log_str("branch", cell.branch),
                lk_log_str("home", cell.home));
    return lk_actor_change(actor, true, write_there, &cell, err);
}

/* ---- and back ---- */

enum outcome {
    BACK,
    BY_OTHERS, /* somebody has checked out something else meanwhile */
    FAILED,    /* at Looker: the cell is stuck */
    NOT_MINE,  /* others go on with it, or the next process will */
};

struct giving_back {
    struct lk_lease *actor;
    struct lk_cell *cell;
    struct lk_str found;
    uint64_t looked_ms; /* when that was asked: what arrived since is not in the answer */
    bool checked_out;   /* home, and Looker said so, since the last time that it did not */
    uint64_t quiet_ms;  /* all that was sent before has arrived by then */
    unsigned failures;
    struct lk_error error;
};

/* False: no more tries. */
static bool try_again(struct giving_back *g, const struct lk_error *failure)
{
    g->error = *failure;
    if (++g->failures >= TRIES)
        return false;
    (void)lk_actor_wait(g->actor, (uint64_t)FIRST_RETRY_MS << g->failures);
    return !lk_co_cancelled(g->actor->co);
}

/* Whether what was found is what it will be; waits until it can be, if not. */
static bool is_quiet(struct giving_back *g)
{
    uint64_t now_ms = lk_leases_now_ms(g->actor->leases);

    if (!g->cell->unsure || g->looked_ms >= g->quiet_ms)
        return true;
    if (now_ms < g->quiet_ms)
        (void)lk_actor_wait(g->actor, g->quiet_ms - now_ms);
    return false;
}

static void send_home(struct giving_back *g, struct lk_error *failure)
{
    g->checked_out = check_out(g->actor, g->cell, g->cell->home, failure);
    g->cell->unsure |= !g->checked_out && lk_lease_is_unsure(failure);
    /* Looker may have been at what came before until now. */
    g->quiet_ms = lk_leases_now_ms(g->actor->leases) + LK_LEASE_LATE_MS;
}

static enum outcome give_back(struct giving_back *g)
{
    struct lk_cell *cell = g->cell;

    if (cell->unsure)
        g->quiet_ms = lk_leases_now_ms(g->actor->leases) + LK_LEASE_LATE_MS;
    for (unsigned round = 0; round < MAX_ROUNDS;) {
        struct lk_error failure = {0};
        bool home, borrowed;

        if (lk_co_cancelled(g->actor->co))
            return NOT_MINE;
        g->looked_ms = lk_leases_now_ms(g->actor->leases);
        if (!look(g->actor, cell, &g->found, &failure)) {
            if (!try_again(g, &failure))
                return lk_co_cancelled(g->actor->co) ? NOT_MINE : FAILED;
            continue;
        }
        home = lk_str_eq(g->found, cell->home);
        borrowed = lk_str_eq(g->found, cell->branch);
        if (home && !cell->unsure)
            return BACK;
        if (!borrowed && (!home || g->checked_out)) {
            if (is_quiet(g))
                return home ? BACK : BY_OTHERS;
            continue;
        }
        if (!is_fresh(g->actor, cell, &g->error))
            return NOT_MINE;
        round++;
        send_home(g, &failure);
        if (!g->checked_out && !try_again(g, &failure))
            return lk_co_cancelled(g->actor->co) ? NOT_MINE : FAILED;
    }
    lk_fail(&g->error, LK_ERROR_UPSTREAM,
            "Looker says that it checked the branch out, but shows "
            "another");
    return FAILED;
}

/* So that nothing is under way any more to a cell that is stuck. False when cut off. */
static bool wait_for_quiet(const struct giving_back *g)
{
    struct lk_lease *actor = g->actor;
    uint64_t now_ms;

    while (g->cell->unsure && (now_ms = lk_leases_now_ms(actor->leases)) < g->quiet_ms) {
        if (!lk_actor_wait(actor, g->quiet_ms - now_ms))
            return false;
    }
    return true;
}

static bool write_back(struct lk_lease *actor, struct lk_txn *txn, void *arg, struct lk_error *err)
{
    struct lk_cell *cell = own_cell(actor, txn, arg, err);

    if (cell == NULL)
        return false;
    lk_state_remove_cell(&txn->state, cell);
    return true;
}

static bool write_stuck(struct lk_lease *actor, struct lk_txn *txn, void *arg, struct lk_error *err)
{
    const struct lk_cell *known = arg;
    struct lk_cell *cell = own_cell(actor, txn, known, err);

    if (cell == NULL)
        return false;
    cell->unsure = known->unsure;
    lk_state_stuck(&txn->state, cell, known->trouble);
    txn->durable = true;
    return true;
}

/* The first trouble is the one that the caller is told. */
static void note_trouble(const struct giving_back *g, struct lk_str trouble)
{
    struct lk_lease_end *end = &g->actor->end;

    if (end->trouble.len > 0)
        return;
    end->trouble = trouble;
    end->project = g->cell->project;
    end->home = g->cell->home;
    end->found = g->found;
}

static void tell_moved(const struct giving_back *g)
{
    const struct lk_cell *cell = g->cell;

    g->actor->leases->count->given_back++;
    lk_log_warning(g->actor->leases->options.log, "lease.moved_by_others",
                   lk_log_str("user_id", g->actor->user.id), lk_log_str("project", cell->project),
                   lk_log_str("branch", cell->branch), lk_log_str("home", cell->home),
                   lk_log_str("found", g->found));
    note_trouble(g, lk_arena_printf(g->actor->arena,
                                    "somebody has checked out branch %.*s of project %.*s while "
                                    "%.*s was borrowed: it was left alone, and %.*s, which was "
                                    "there before, was not checked out again; what this call "
                                    "read may be of either branch",
                                    LK_STR_ARG(g->found), LK_STR_ARG(cell->project),
                                    LK_STR_ARG(cell->branch), LK_STR_ARG(cell->home)));
}

static void tell_back(const struct giving_back *g, bool left_behind)
{
    const struct lk_cell *cell = g->cell;

    g->actor->leases->count->given_back++;
    lk_log_info(g->actor->leases->options.log, left_behind ? "lease.recovered" : "lease.returned",
                lk_log_str("user_id", g->actor->user.id), lk_log_str("project", cell->project),
                lk_log_str("branch", cell->branch), lk_log_str("home", cell->home));
}

static struct lk_str tell_stuck(const struct giving_back *g)
{
    const struct lk_cell *cell = g->cell;
    struct lk_str trouble = lk_arena_printf(
        g->actor->arena,
        "project %.*s of user %.*s is not back on branch %.*s after %.*s was borrowed (it is tried "
        "again by itself; switch_git_branch settles it at once): %s%s%s",
        LK_STR_ARG(cell->project), LK_STR_ARG(g->actor->user.id), LK_STR_ARG(cell->home),
        LK_STR_ARG(cell->branch), g->error.message, g->error.detail[0] != '\0' ? ": " : "",
        g->error.detail);

    g->actor->leases->count->failed++;
    lk_log_error(g->actor->leases->options.log, "lease.restore_failed",
                 lk_log_str("user_id", g->actor->user.id), lk_log_str("project", cell->project),
                 lk_log_str("branch", cell->branch), lk_log_str("home", cell->home),
                 lk_log_text("why", g->error.message), lk_log_int("status", g->error.status));
    note_trouble(g, trouble);
    return trouble;
}

/* Nobody else will look after it, for all that is known here. */
static bool leave_over(struct giving_back *g, const char *why, struct lk_error *err)
{
    note_trouble(g, lk_arena_printf(g->actor->arena,
                                    "whether project %.*s of user %.*s is back on branch %.*s is "
                                    "not known, and looked after: %s",
                                    LK_STR_ARG(g->cell->project), LK_STR_ARG(g->actor->user.id),
                                    LK_STR_ARG(g->cell->home), why));
    lk_leases_leave_over(g->actor->leases, g->actor->user.id, g->cell);
    return lk_fail(err, LK_ERROR_TIMEOUT, "%.*s", LK_STR_ARG(g->actor->end.trouble));
}

bool lk_actor_settle(struct lk_lease *actor, struct lk_str project, bool left_behind,
                     struct lk_error *err)
{
    const struct lk_cell *known = lk_actor_known(actor, project);
    struct lk_cell cell = known != NULL ? *known : (struct lk_cell){0};
    struct giving_back g = {.actor = actor, .cell = &cell};
    enum outcome outcome;

    if (known == NULL)
        return true; /* others have settled it meanwhile */
    outcome = give_back(&g);
    if (outcome == NOT_MINE)
        return leave_over(&g, "it could not be given back in time", err);
    if (outcome == FAILED) {
        cell.unsure &= !wait_for_quiet(&g);
        cell.trouble = tell_stuck(&g);
        lk_leases_leave_over(actor->leases, actor->user.id, &cell);
        (void)lk_actor_change(actor, true, write_stuck, &cell, NULL);
        return lk_fail(err, g.error.kind == LK_ERROR_NONE ? LK_ERROR_UPSTREAM : g.error.kind,
                       "%.*s", LK_STR_ARG(cell.trouble));
    }
    if (outcome == BACK)
        tell_back(&g, left_behind);
    else
        tell_moved(&g);
    if (!lk_actor_change(actor, true, write_back, &cell, &g.error))
        lk_leases_leave_over(actor->leases, actor->user.id, &cell);
    else
        lk_leases_forget(actor->leases, actor->user.id, cell.project, cell.fence);
    return true;
}
