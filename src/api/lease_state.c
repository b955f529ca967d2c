/*
 * What becomes of claims and cells (lease_state.h). Who may go when: lease_queue.c; the state as
 * text: lease_journal.c.
 */
#include "api/lease_state.h"

#include <stdlib.h>

/* ---- finding ---- */

struct lk_claim *lk_state_claim(const struct lk_lease_state *state, struct lk_str id)
{
    for (size_t i = 0; i < state->n_claims; i++) {
        if (lk_str_eq(state->claims[i].id, id))
            return &state->claims[i];
    }
    return NULL;
}

struct lk_cell *lk_state_cell(const struct lk_lease_state *state, struct lk_str project)
{
    for (size_t i = 0; i < state->n_cells; i++) {
        if (lk_str_eq(state->cells[i].project, project))
            return &state->cells[i];
    }
    return NULL;
}

bool lk_claim_covers(const struct lk_claim *claim, struct lk_str project)
{
    for (size_t i = 0; i < claim->n_projects; i++) {
        if (lk_str_eq(claim->projects[i], project))
            return true;
    }
    return claim->n_projects == 0;
}

static bool is_active(const struct lk_claim *claim)
{
    return claim->admitted_ms != 0;
}

/* ---- adding and removing ---- */

static void *grown(struct lk_arena *arena, const void *items, size_t n, size_t size)
{
    void *more;

    /* Room doubles: there is none left where n is a power of two. */
    if ((n & (n - 1)) != 0)
        return (void *)(uintptr_t)items;
    more = lk_arena_array(arena, n == 0 ? 1 : n * 2, size);
    if (n > 0)
        memcpy(more, items, n * size);
    return more;
}

static int by_name(const void *a, const void *b)
{
    const struct lk_str *left = a, *right = b;
    size_t least = left->len < right->len ? left->len : right->len;
    int order = least > 0 ? memcmp(left->ptr, right->ptr, least) : 0;

    return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

static void copy_projects(struct lk_arena *arena, struct lk_claim *claim)
{
    struct lk_str *projects = lk_arena_array(arena, claim->n_projects, sizeof(*projects));
    size_t n = 0;

    for (size_t i = 0; i < claim->n_projects; i++)
        projects[i] = lk_arena_str(arena, claim->projects[i]);
    if (claim->n_projects > 0)
        qsort(projects, claim->n_projects, sizeof(*projects), by_name);
    for (size_t i = 0; i < claim->n_projects; i++) {
        if (n == 0 || !lk_str_eq(projects[i], projects[n - 1]))
            projects[n++] = projects[i];
    }
    claim->projects = projects;
    claim->n_projects = n;
}

void lk_state_enter(struct lk_lease_state *state, const struct lk_claim *claim)
{
    struct lk_arena *arena = state->arena;
    struct lk_claim *added;

    state->claims = grown(arena, state->claims, state->n_claims, sizeof(*state->claims));
    added = &state->claims[state->n_claims++];
    *added = *claim;
    added->id = lk_arena_str(arena, claim->id);
    added->instance = lk_arena_str(arena, claim->instance);
    added->branch = lk_arena_str(arena, claim->branch);
    added->what = lk_arena_str(arena, claim->what);
    copy_projects(arena, added);
    state->changed = true;
}

void lk_state_put_cell(struct lk_lease_state *state, const struct lk_cell *cell)
{
    struct lk_arena *arena = state->arena;
    struct lk_cell *added;

    state->cells = grown(arena, state->cells, state->n_cells, sizeof(*state->cells));
    added = &state->cells[state->n_cells++];
    *added = *cell;
    added->project = lk_arena_str(arena, cell->project);
    added->home = lk_arena_str(arena, cell->home);
    added->branch = lk_arena_str(arena, cell->branch);
    added->by = lk_arena_str(arena, cell->by);
    added->trouble = lk_arena_str(arena, cell->trouble);
    added->user_id = lk_arena_str(arena, cell->user_id);
    if (state->fence < cell->fence)
        state->fence = cell->fence;
    state->changed = true;
}

static void remove_claim(struct lk_lease_state *state, struct lk_claim *claim)
{
    size_t at = (size_t)(claim - state->claims);

    memmove(claim, claim + 1, (--state->n_claims - at) * sizeof(*claim));
    state->changed = true;
}

void lk_state_remove_cell(struct lk_lease_state *state, struct lk_cell *cell)
{
    size_t at = (size_t)(cell - state->cells);

    memmove(cell, cell + 1, (--state->n_cells - at) * sizeof(*cell));
    state->changed = true;
}

/* ---- the dead ---- */

static bool is_moved(const struct lk_cell *cell)
{
    return !cell->as_is && cell->home.len > 0 && !lk_str_eq(cell->home, cell->branch);
}

/* Whether an active claim other than `but` has borrowed the cell. */
static bool is_used(const struct lk_lease_state *state, const struct lk_cell *cell,
                    struct lk_str but)
{
    for (size_t i = 0; i < state->n_claims; i++) {
        const struct lk_claim *claim = &state->claims[i];

        if (claim->mode == LK_CLAIM_BRANCH && is_active(claim) && !lk_str_eq(claim->id, but) &&
            lk_str_eq(claim->branch, cell->branch) && lk_claim_covers(claim, cell->project))
            return true;
    }
    return false;
}

static bool is_dead(const struct lk_lease_view *view, struct lk_str id, uint64_t until_ms)
{
    if (!view->is_alive(view->arg, id))
        return true;
    return view->expires && until_ms <= view->now_ms && !view->is_exempt(view->arg, id);
}

static void note_change(struct lk_lease_state *state, struct lk_cell *cell)
{
    cell->change++;
    state->changed = true;
}

/* False when the cell is gone. */
static bool orphan(struct lk_lease_state *state, struct lk_cell *cell, bool unsure)
{
    if (!is_moved(cell)) {
        lk_state_remove_cell(state, cell);
        return false;
    }
    cell->phase = LK_CELL_ORPHAN;
    cell->by = (struct lk_str){0};
    cell->unsure |= unsure;
    note_change(state, cell);
    return true;
}

/* What moves the branch itself may have died with a request under way. It stays in the way until
 * that must have arrived. False when it is gone. */
static bool linger(struct lk_lease_state *state, struct lk_claim *claim, uint64_t now_ms)
{
    if (claim->mode != LK_CLAIM_ALONE || !is_active(claim))
        return false;
    if (claim->instance.len > 0) {
        /* Its holder, should he live after all, finds it gone. */
        claim->id = lk_arena_printf(state->arena, "%.*s/died", LK_STR_ARG(claim->id));
        claim->instance = (struct lk_str){0};
        claim->until_ms = now_ms + LK_LEASE_LATE_MS;
        state->changed = true;
    }
    return now_ms < claim->until_ms && claim->until_ms - now_ms <= LK_LEASE_LATE_MS;
}

static size_t expire_claims(struct lk_lease_state *state, const struct lk_lease_view *view)
{
    size_t gone = 0;

    for (size_t i = 0; i < state->n_claims;) {
        struct lk_claim *claim = &state->claims[i];
        bool dead = claim->instance.len == 0 || is_dead(view, claim->id, claim->until_ms);

        if (dead && !linger(state, claim, view->now_ms)) {
            remove_claim(state, claim);
            gone++;
        } else {
            i++;
        }
    }
    return gone;
}

size_t lk_state_expire(struct lk_lease_state *state, const struct lk_lease_view *view)
{
    size_t gone = expire_claims(state, view);

    for (size_t i = 0; i < state->n_cells;) {
        struct lk_cell *cell = &state->cells[i];
        bool being_moved = cell->phase == LK_CELL_MOVING || cell->phase == LK_CELL_RETURNING;
        bool lives = true;

        if (being_moved && is_dead(view, cell->by, cell->by_until_ms))
            lives = orphan(state, cell, true);
        else if (cell->phase == LK_CELL_THERE && !is_used(state, cell, (struct lk_str){0}))
            lives = orphan(state, cell, false);
        i += lives;
    }
    return gone;
}

/* ---- steps ---- */

static void make_cell(struct lk_lease_state *state, const struct lk_claim *claim,
                      struct lk_str project, const struct lk_mover *mover)
{
    uint64_t fence = state->fence + 1 > mover->now_ms ? state->fence + 1 : mover->now_ms;
    struct lk_cell cell = {
        .project = project,
        .branch = claim->branch,
        .phase = LK_CELL_MOVING,
        .by = mover->id,
        .by_until_ms = mover->until_ms,
        .since_ms = mover->now_ms,
        .fence = fence,
        .user_id = mover->user_id,
        .service = mover->service,
    };

    lk_state_put_cell(state, &cell);
}

void lk_state_take_back(struct lk_lease_state *state, struct lk_cell *cell,
                        const struct lk_mover *mover)
{
    cell->phase = LK_CELL_RETURNING;
    cell->by = lk_arena_str(state->arena, mover->id);
    cell->by_until_ms = mover->until_ms;
    note_change(state, cell);
}

/* READY: the cell is as the claim wants it. */
static enum lk_lease_step step_cell(struct lk_lease_state *state, const struct lk_claim *claim,
                                    struct lk_cell *cell, const struct lk_mover *mover)
{
    bool mine = lk_str_eq(cell->by, mover->id);
    bool same = claim->mode == LK_CLAIM_BRANCH && lk_str_eq(claim->branch, cell->branch);

    switch (cell->phase) {
    case LK_CELL_THERE:
        return same ? LK_STEP_READY : LK_STEP_WAIT;
    case LK_CELL_MOVING:
        return mine && same ? LK_STEP_MOVE : LK_STEP_WAIT;
    case LK_CELL_RETURNING:
        return mine ? LK_STEP_SETTLE : LK_STEP_WAIT;
    case LK_CELL_STUCK:
        if (mover->regardless)
            return LK_STEP_READY;
        break;
    case LK_CELL_ORPHAN:
        break;
    }
    lk_state_take_back(state, cell, mover);
    return LK_STEP_SETTLE;
}

/* Sorted, so that all claims move their cells in one order. */
static enum lk_lease_step step_branch(struct lk_lease_state *state, const struct lk_claim *claim,
                                      const struct lk_mover *mover, struct lk_cell **ret_cell)
{
    for (size_t i = 0; i < claim->n_projects; i++) {
        struct lk_cell *cell = lk_state_cell(state, claim->projects[i]);
        enum lk_lease_step step;

        if (cell == NULL) {
            make_cell(state, claim, claim->projects[i], mover);
            *ret_cell = &state->cells[state->n_cells - 1];
            return LK_STEP_MOVE;
        }
        step = step_cell(state, claim, cell, mover);
        if (step != LK_STEP_READY) {
            *ret_cell = cell;
            return step;
        }
    }
    return LK_STEP_READY;
}

enum lk_lease_step lk_state_step(struct lk_lease_state *state, const struct lk_mover *mover,
                                 struct lk_cell **ret_cell)
{
    const struct lk_claim *claim = lk_state_claim(state, mover->id);

    if (claim == NULL)
        return LK_STEP_LOST;
    if (!is_active(claim))
        return LK_STEP_WAIT;
    if (claim->mode == LK_CLAIM_BRANCH)
        return step_branch(state, claim, mover, ret_cell);
    for (size_t i = 0; i < state->n_cells; i++) {
        enum lk_lease_step step = LK_STEP_READY;

        if (lk_claim_covers(claim, state->cells[i].project))
            step = step_cell(state, claim, &state->cells[i], mover);
        if (step != LK_STEP_READY) {
            *ret_cell = &state->cells[i];
            return step;
        }
    }
    return LK_STEP_READY;
}

void lk_state_leave(struct lk_lease_state *state, const struct lk_mover *mover)
{
    struct lk_claim *claim = lk_state_claim(state, mover->id);
    struct lk_claim left;

    if (claim == NULL)
        return;
    left = *claim;
    remove_claim(state, claim);
    if (left.mode != LK_CLAIM_BRANCH || !is_active(&left))
        return;
    for (size_t i = 0; i < state->n_cells;) {
        struct lk_cell *cell = &state->cells[i];
        bool moving = cell->phase == LK_CELL_MOVING && lk_str_eq(cell->by, mover->id);
        bool last = cell->phase == LK_CELL_THERE && lk_str_eq(cell->branch, left.branch) &&
                    lk_claim_covers(&left, cell->project) &&
                    !is_used(state, cell, (struct lk_str){0});

        if ((moving || last) && !is_moved(cell)) {
            lk_state_remove_cell(state, cell);
            continue;
        }
        if (moving || last)
            lk_state_take_back(state, cell, mover);
        i++;
    }
}

/* ---- cells ---- */

struct lk_cell *lk_state_returning(const struct lk_lease_state *state, struct lk_str by)
{
    for (size_t i = 0; i < state->n_cells; i++) {
        if (state->cells[i].phase == LK_CELL_RETURNING && lk_str_eq(state->cells[i].by, by))
            return &state->cells[i];
    }
    return NULL;
}

void lk_state_doubt(struct lk_lease_state *state, struct lk_cell *cell)
{
    cell->unsure = true;
    note_change(state, cell);
}

void lk_state_home(struct lk_lease_state *state, struct lk_cell *cell, struct lk_str home)
{
    cell->home = lk_arena_str(state->arena, home);
    note_change(state, cell);
}

void lk_state_there(struct lk_lease_state *state, struct lk_cell *cell, bool as_is)
{
    cell->phase = LK_CELL_THERE;
    cell->as_is = as_is;
    cell->by = (struct lk_str){0};
    cell->by_until_ms = 0;
    note_change(state, cell);
}

void lk_state_stuck(struct lk_lease_state *state, struct lk_cell *cell, struct lk_str trouble)
{
    cell->phase = LK_CELL_STUCK;
    cell->by = (struct lk_str){0};
    cell->by_until_ms = 0;
    cell->trouble = lk_arena_str(state->arena, trouble);
    note_change(state, cell);
}
