/*
 * What was left behind (lease.h): cells whose borrowers have died, those that could not be given
 * back, and those that this worker lost sight of because the store was away. A coroutine of its
 * own looks for them, at the start and then now and then.
 */
#include "api/lease_internal.h"

#define MAX_TRY_DELAY_MS ((uint64_t)10 * 60 * 1000) /* between two tries of what is stuck */

/* ---- what this worker left over ---- */

static struct lk_leftover **find(struct lk_leases *leases, struct lk_str key, struct lk_str project,
                                 uint64_t fence)
{
    struct lk_leftover **at = &leases->leftovers;

    while (*at != NULL && !((*at)->cell.fence == fence && lk_str_eq((*at)->key, key) &&
                            lk_str_eq((*at)->cell.project, project)))
        at = &(*at)->next;
    return at;
}

void lk_leases_leave_over(struct lk_leases *leases, struct lk_str key, const struct lk_cell *cell)
{
    struct lk_leftover **at = find(leases, key, cell->project, cell->fence);
    struct lk_arena *arena;

    if (*at != NULL)
        return;
    arena = lk_arena_new();
    *at = lk_arena_new_object(arena, struct lk_leftover);
    **at = (struct lk_leftover){
        .arena = arena,
        .key = lk_arena_str(arena, key),
        .cell = *cell,
    };
    (*at)->cell.project = lk_arena_str(arena, cell->project);
    (*at)->cell.home = lk_arena_str(arena, cell->home);
    (*at)->cell.branch = lk_arena_str(arena, cell->branch);
    (*at)->cell.trouble = lk_arena_str(arena, cell->trouble);
    (*at)->cell.user_id = lk_arena_str(arena, cell->user_id);
    (*at)->cell.by = (struct lk_str){0};
    leases->count->stuck++;
    (void)lk_looker_start(leases);
}

void lk_leases_forget(struct lk_leases *leases, struct lk_str key, struct lk_str project,
                      uint64_t fence)
{
    struct lk_leftover **at = find(leases, key, project, fence), *leftover = *at;

    if (leftover == NULL)
        return;
    *at = leftover->next;
    lk_arena_free(leftover->arena);
    leases->count->stuck--;
}

/* ---- one user ---- */

struct search {
    bool stuck;          /* those as well */
    uint64_t last_fence; /* of the stuck one that was tried last: each is tried once a look */
    struct lk_str found;
    bool any, any_stuck;
};

/* Puts what the store forgot back in, and forgets what it says is done. */
static void compare_leftovers(struct lk_lease *settler, struct lk_txn *txn)
{
    struct lk_leases *leases = settler->leases;
    struct lk_leftover *next;

    for (struct lk_leftover *leftover = leases->leftovers; leftover != NULL; leftover = next) {
        const struct lk_cell *cell = lk_state_cell(&txn->state, leftover->cell.project);

        next = leftover->next;
        if (!lk_str_eq(leftover->key, settler->user.id))
            continue;
        if (txn->empty && cell == NULL) {
            leftover->cell.phase = LK_CELL_ORPHAN;
            lk_state_put_cell(&txn->state, &leftover->cell);
        } else if (cell == NULL || cell->fence != leftover->cell.fence) {
            lk_leases_forget(leases, leftover->key, leftover->cell.project, leftover->cell.fence);
        }
    }
}

static void run_as(struct lk_lease *settler, const struct lk_cell *cell)
{
    settler->user.principal = (struct lk_principal){
        .kind = cell->service ? LK_AS_SERVICE : LK_AS_USER,
        .user_id = cell->service ? (struct lk_str){0} : lk_arena_str(settler->arena, cell->user_id),
    };
}

/* An orphan if there is one, or else the stuck one whose turn it is; NULL: neither. */
static struct lk_cell *choose(const struct lk_lease_state *state, struct search *search)
{
    struct lk_cell *chosen = NULL;

    for (size_t i = 0; i < state->n_cells; i++) {
        struct lk_cell *cell = &state->cells[i];

        if (cell->phase == LK_CELL_ORPHAN)
            return cell;
        if (cell->phase != LK_CELL_STUCK)
            continue;
        search->any_stuck = true;
        if (search->stuck && cell->fence > search->last_fence &&
            (chosen == NULL || cell->fence < chosen->fence))
            chosen = cell;
    }
    if (chosen != NULL)
        search->last_fence = chosen->fence;
    return chosen;
}

static bool take_next(struct lk_lease *settler, struct lk_txn *txn, void *arg, struct lk_error *err)
{
    struct search *search = arg;
    struct lk_mover mover;
    struct lk_cell *cell;

    (void)err;
    search->any = false;
    if (txn->closed)
        return true; /* those who hold it may not have said so yet */
    compare_leftovers(settler, txn);
    cell = choose(&txn->state, search);
    if (cell == NULL)
        return true;
    run_as(settler, cell);
    mover = lk_txn_mover(txn, settler);
    search->found = lk_arena_str(settler->arena, cell->project);
    search->any = true;
    lk_state_take_back(&txn->state, cell, &mover);
    return true;
}

static void settle_user(struct lk_leases *leases, struct lk_str key, struct search *search)
{
    struct lk_lease_user user = {.id = key, .principal = {.kind = LK_AS_SERVICE}};
    struct lk_lease *settler = lk_lease_new(leases, &user, NULL);

    search->last_fence = 0;
    settler->phase = LK_ACTOR_LEAVES;
    if (lk_room_add(leases, settler, NULL)) {
        settler->co = lk_co_self(leases->options.loop);
        while (!lk_co_cancelled(settler->co) &&
               lk_actor_change(settler, false, take_next, search, NULL) && search->any)
            (void)lk_actor_settle(settler, search->found, true, NULL);
        lk_room_remove(settler);
    }
    lk_lease_unref(settler);
}

/* ---- all of them ---- */

static bool is_set_aside(struct lk_str key)
{
    return memmem(key.ptr, key.len, ".damaged-", 9) != NULL;
}

static bool is_in(struct lk_str key, const struct lk_str *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (lk_str_eq(keys[i], key))
            return true;
    }
    return false;
}

/* Of the leftovers, the keys that the store does not list. */
static size_t add_leftover_keys(struct lk_leases *leases, struct lk_arena *arena,
                                struct lk_str **keys, size_t n)
{
    struct lk_str *all;
    size_t n_leftovers = 0;

    for (struct lk_leftover *l = leases->leftovers; l != NULL; l = l->next)
        n_leftovers++;
    all = lk_arena_array(arena, n + n_leftovers, sizeof(*all));
    if (n > 0)
        memcpy(all, *keys, n * sizeof(*all));
    for (struct lk_leftover *l = leases->leftovers; l != NULL; l = l->next) {
        if (!is_in(l->key, all, n))
            all[n++] = lk_arena_str(arena, l->key);
    }
    *keys = all;
    return n;
}

static void look(struct lk_leases *leases, bool first)
{
    struct lk_arena *arena = lk_arena_new();
    uint64_t now_ms = lk_leases_now_ms(leases);
    struct search search = {.stuck = now_ms >= leases->next_try_ms};
    struct lk_error failure = {0};
    struct lk_str *keys;
    size_t n;

    if (!lk_lease_store_keys(leases->options.store, arena, &keys, &n, &failure)) {
        lk_arena_free(arena);
        return;
    }
    n = add_leftover_keys(leases, arena, &keys, n);
    for (size_t i = 0; i < n && !lk_co_cancelled(leases->looker) && !leases->ending; i++) {
        if (!is_set_aside(keys[i]))
            settle_user(leases, keys[i], &search);
        else if (first)
            lk_log_warning(leases->options.log, "lease.journal_set_aside",
                           lk_log_str("kept_as", keys[i]),
                           lk_log_text("remedy", "compare it with the user's dev workspace, then "
                                                 "remove it"));
    }
    if (!search.any_stuck)
        leases->try_delay_ms = 0;
    if (search.stuck && search.any_stuck) {
        leases->try_delay_ms =
            leases->try_delay_ms == 0 ? leases->options.ttl_ms : leases->try_delay_ms * 2;
        if (leases->try_delay_ms > MAX_TRY_DELAY_MS)
            leases->try_delay_ms = MAX_TRY_DELAY_MS;
        leases->next_try_ms = lk_leases_now_ms(leases) + leases->try_delay_ms;
    }
    lk_arena_free(arena);
}

/* Whether anything can be kept there shows now, not when the first branch is wanted. */
static void try_store(struct lk_leases *leases)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_error failure = {0};
    struct lk_str where;

    if (leases->options.durable &&
        !lk_lease_store_check(leases->options.store, arena, &where, &failure) &&
        failure.kind != LK_ERROR_CANCELLED)
        lk_log_warning(leases->options.log, "lease.store_unusable",
                       lk_log_text("why", failure.message),
                       lk_log_text("remedy", "no branch is borrowed until it can be used: mend it, "
                                             "or name another place; --check tries it again"));
    lk_arena_free(arena);
}

static void run(void *arg)
{
    struct lk_leases *leases = arg;
    bool first = true, go_on = true;

    leases->looker = lk_co_self(leases->options.loop);
    if (leases->recovers)
        try_store(leases);
    leases->recovers = false;
    while (go_on && !leases->ending) {
        look(leases, first);
        first = false;
        if (!leases->ending)
            go_on = lk_leases_wait(leases, &leases->looker_woken, leases->options.ttl_ms);
    }
    leases->looker = NULL;
    leases->looks = false;
    lk_leases_done(leases);
}

bool lk_looker_start(struct lk_leases *leases)
{
    if (leases->looks || leases->ending)
        return true;
    leases->looks = true;
    if (lk_leases_start(leases, run, leases, NULL))
        return true;
    leases->looks = false;
    return false;
}
