/*
 * Who of those that wait may go, and who is in the way of the others (lease_state.h).
 */
#include "api/lease_state.h"

static bool is_active(const struct lk_claim *claim)
{
    return claim->admitted_ms != 0;
}

/* ---- admission ---- */

static bool compatible(const struct lk_claim *a, const struct lk_claim *b)
{
    if (a->mode != b->mode || a->mode == LK_CLAIM_ALONE)
        return false;
    return a->mode == LK_CLAIM_HOLD || lk_str_eq(a->branch, b->branch);
}

/* A project of both; the empty name when it is any. False: none. */
static bool meet(const struct lk_claim *a, const struct lk_claim *b, struct lk_str *ret_project)
{
    const struct lk_claim *lister = a->n_projects > 0 ? a : b;
    const struct lk_claim *other = lister == a ? b : a;

    if (lister->n_projects == 0) {
        *ret_project = (struct lk_str){0};
        return true;
    }
    for (size_t i = 0; i < lister->n_projects; i++) {
        if (lk_claim_covers(other, lister->projects[i])) {
            *ret_project = lister->projects[i];
            return true;
        }
    }
    return false;
}

static bool conflict(const struct lk_claim *a, const struct lk_claim *b)
{
    struct lk_str project;

    return !compatible(a, b) && meet(a, b, &project);
}

/* Whether something active that goes with `claim` has the project already. */
static bool is_joined(const struct lk_lease_state *state, const struct lk_claim *claim,
                      struct lk_str project)
{
    for (size_t i = 0; i < state->n_claims; i++) {
        const struct lk_claim *other = &state->claims[i];

        if (is_active(other) && compatible(other, claim) && lk_claim_covers(other, project))
            return true;
    }
    return false;
}

/* Whether letting `claim` pass `earlier` takes nothing from it that others do not have anyway: it
 * joins them wherever the two meet. */
static bool only_joins(const struct lk_lease_state *state, const struct lk_claim *claim,
                       const struct lk_claim *earlier)
{
    const struct lk_claim *lister = earlier->n_projects > 0 ? earlier : claim;

    if (lister->n_projects == 0)
        return false;
    for (size_t i = 0; i < lister->n_projects; i++) {
        struct lk_str project = lister->projects[i];

        if (lk_claim_covers(claim, project) && lk_claim_covers(earlier, project) &&
            !is_joined(state, claim, project))
            return false;
    }
    return true;
}

/* A clock that was set back must not let others pass for ever. */
static bool has_patience(const struct lk_claim *claim, uint64_t now_ms, uint64_t join_ms)
{
    return claim->since_ms <= now_ms && now_ms - claim->since_ms < join_ms;
}

static bool may_go(const struct lk_lease_state *state, const struct lk_claim *claim,
                   uint64_t now_ms, uint64_t join_ms)
{
    for (size_t i = 0; i < state->n_claims; i++) {
        const struct lk_claim *other = &state->claims[i];
        bool earlier = other < claim;

        if (other == claim || (!is_active(other) && !earlier) || !conflict(claim, other))
            continue;
        if (is_active(other) || !has_patience(other, now_ms, join_ms) ||
            !only_joins(state, claim, other))
            return false;
    }
    return true;
}

void lk_state_admit(struct lk_lease_state *state, uint64_t now_ms, uint64_t join_ms)
{
    for (size_t i = 0; i < state->n_claims; i++) {
        struct lk_claim *claim = &state->claims[i];

        if (!is_active(claim) && may_go(state, claim, now_ms, join_ms)) {
            claim->admitted_ms = now_ms > 0 ? now_ms : 1;
            state->changed = true;
        }
    }
}

/* ---- who is in the way ---- */

static void add_what(const struct lk_lease_state *state, struct lk_lease_who *who,
                     struct lk_str what)
{
    struct lk_str rest = who->what, one;

    while (rest.len > 0) {
        one = lk_str_trim(lk_str_take(&rest, ','));
        if (lk_str_eq(one, what) || lk_str_eq(one, LK_STR("...")))
            return;
    }
    if (who->what.len == 0)
        who->what = what;
    else if (who->what.len + what.len < 80)
        who->what =
            lk_arena_printf(state->arena, "%.*s, %.*s", LK_STR_ARG(who->what), LK_STR_ARG(what));
    else
        who->what = lk_arena_printf(state->arena, "%.*s, ...", LK_STR_ARG(who->what));
}

static void add_claim(const struct lk_lease_state *state, struct lk_lease_who *who,
                      const struct lk_claim *claim)
{
    uint64_t since_ms = is_active(claim) ? claim->admitted_ms : claim->since_ms;

    if (who->n++ == 0) {
        who->kind = is_active(claim) ? LK_WHO_HOLDS : LK_WHO_QUEUE;
        who->mode = claim->mode;
        who->branch = claim->branch;
        who->instance = claim->instance;
        who->since_ms = since_ms;
    }
    if (since_ms < who->since_ms)
        who->since_ms = since_ms;
    add_what(state, who, claim->what);
}

static bool add_claims(const struct lk_lease_state *state, const struct lk_claim *me, bool active,
                       struct lk_lease_who *who)
{
    struct lk_str project;

    for (size_t i = 0; i < state->n_claims; i++) {
        const struct lk_claim *other = &state->claims[i];

        if (other == me || is_active(other) != active || (!active && other > me) ||
            compatible(me, other) || !meet(me, other, &project))
            continue;
        if (who->n == 0)
            who->project = project;
        add_claim(state, who, other);
    }
    return who->n > 0;
}

struct lk_lease_who lk_state_who(const struct lk_lease_state *state, struct lk_str id)
{
    const struct lk_claim *me = lk_state_claim(state, id);
    struct lk_lease_who who = {.kind = LK_WHO_NOBODY};

    if (me == NULL || add_claims(state, me, true, &who) || add_claims(state, me, false, &who))
        return who;
    for (size_t i = 0; i < state->n_cells; i++) {
        const struct lk_cell *cell = &state->cells[i];
        struct lk_str by = cell->by;

        if (!lk_claim_covers(me, cell->project) || lk_str_eq(by, id) ||
            (cell->phase != LK_CELL_MOVING && cell->phase != LK_CELL_RETURNING))
            continue;
        return (struct lk_lease_who){
            .kind = LK_WHO_MOVES,
            .n = 1,
            .project = cell->project,
            .branch = cell->branch,
            .instance = lk_str_take(&by, '/'),
            .since_ms = cell->since_ms,
        };
    }
    return who;
}
