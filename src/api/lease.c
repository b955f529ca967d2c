/*
 * Leases (lease.h) of one worker: a claim waits for those that are in its way, in order, and a
 * branch is checked out and given back around it.
 */
#include "api/lease.h"

#include "base/memory.h"
#include "rt/co.h"

#include <stdlib.h>

struct lk_lease {
    struct lk_leases *leases;
    struct lk_arena *arena;
    struct lk_lease_user user;
    enum lk_claim_mode mode;
    struct lk_str branch, *projects, *homes;
    size_t n_projects;
    bool active;
    struct lk_lease *next;
};

struct lk_leases {
    struct lk_leases_options options;
    struct lk_lease *first;
    struct lk_leases_count count;
};

struct lk_leases *lk_leases_new(const struct lk_leases_options *options)
{
    struct lk_leases *leases = lk_memory_new(sizeof(*leases));

    leases->options = *options;
    return leases;
}

void lk_leases_free(struct lk_leases *leases)
{
    free(leases);
}

static struct lk_lease *new_lease(struct lk_leases *leases, const struct lk_lease_wish *wish)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_lease *lease = lk_arena_new_object(arena, struct lk_lease);
    struct lk_lease **at = &leases->first;

    *lease = (struct lk_lease){
        .leases = leases,
        .arena = arena,
        .user = {.id = lk_arena_str(arena, wish->user.id),
                 .principal = lk_principal_copy(arena, &wish->user.principal)},
        .mode = wish->mode,
        .branch = lk_arena_str(arena, wish->branch),
        .projects = lk_arena_array(arena, wish->n_projects, sizeof(struct lk_str)),
        .homes = lk_arena_array(arena, wish->n_projects, sizeof(struct lk_str)),
        .n_projects = wish->n_projects,
    };
    for (size_t i = 0; i < wish->n_projects; i++)
        lease->projects[i] = lk_arena_str(arena, wish->projects[i]);
    while (*at != NULL)
        at = &(*at)->next;
    *at = lease;
    return lease;
}

static void drop(struct lk_lease *lease)
{
    struct lk_lease **at = &lease->leases->first;

    while (*at != lease)
        at = &(*at)->next;
    *at = lease->next;
    lk_arena_free(lease->arena);
}

static bool meet(const struct lk_lease *a, const struct lk_lease *b)
{
    if (!lk_str_eq(a->user.id, b->user.id))
        return false;
    if (a->n_projects == 0 || b->n_projects == 0)
        return true;
    for (size_t i = 0; i < a->n_projects; i++) {
        if (lk_lease_covers(b, a->projects[i]))
            return true;
    }
    return false;
}

static bool is_free(const struct lk_lease *lease)
{
    for (const struct lk_lease *e = lease->leases->first; e != lease; e = e->next) {
        bool both_hold = e->mode == LK_CLAIM_HOLD && lease->mode == LK_CLAIM_HOLD;

        if (!both_hold && meet(e, lease))
            return false;
    }
    return true;
}

static bool wait_for_turn(struct lk_lease *lease, bool now_or_never, struct lk_error *err)
{
    struct lk_loop *loop = lease->leases->options.loop;
    uint64_t until_ms = lk_loop_now_ms(loop) + lease->leases->options.wait_ms;

    while (!is_free(lease)) {
        if (now_or_never)
            return false;
        if (lk_loop_now_ms(loop) >= until_ms)
            return lk_fail(err, LK_ERROR_TIMEOUT,
                           "the dev workspace of user %.*s was not free within LOOKER_BRANCH_WAIT",
                           LK_STR_ARG(lease->user.id));
        if (!lk_co_sleep(loop, 10, err))
            return false;
    }
    return true;
}

static bool give_back(struct lk_lease *lease, struct lk_error *err)
{
    const struct lk_lease_looker *looker = &lease->leases->options.looker;
    bool ok = true;

    for (size_t i = 0; i < lease->n_projects; i++) {
        if (lease->homes[i].len > 0 && !lk_str_eq(lease->homes[i], lease->branch))
            ok &= looker->check_out(looker->arg, lease->arena, &lease->user, lease->projects[i],
                                    lease->homes[i], err);
    }
    return ok;
}

static bool move(struct lk_lease *lease, struct lk_error *err)
{
    const struct lk_lease_looker *looker = &lease->leases->options.looker;

    for (size_t i = 0; i < lease->n_projects; i++) {
        if (!looker->current(looker->arg, lease->arena, &lease->user, lease->projects[i],
                             &lease->homes[i], err) ||
            (!lk_str_eq(lease->homes[i], lease->branch) &&
             !looker->check_out(looker->arg, lease->arena, &lease->user, lease->projects[i],
                                lease->branch, err))) {
            give_back(lease, err);
            return false;
        }
        lease->leases->count.swaps++;
    }
    return true;
}

bool lk_lease_take(struct lk_leases *leases, const struct lk_lease_wish *wish,
                   struct lk_lease **ret_lease, struct lk_error *err)
{
    struct lk_lease *lease;
    struct lk_error failure = {0};

    if (wish->mode == LK_CLAIM_BRANCH && !leases->options.durable)
        return lk_fail(err, LK_ERROR_CONFIG,
                       "a branch is borrowed only when its return is written down: set "
                       "LOOKER_STATE_DIR or LOOKER_LEASE_URL");
    lease = new_lease(leases, wish);
    if (!wait_for_turn(lease, wish->now_or_never, &failure) ||
        (wish->mode == LK_CLAIM_BRANCH && !move(lease, &failure))) {
        drop(lease);
        *ret_lease = NULL;
        if (failure.kind == LK_ERROR_NONE)
            return true;
        if (err != NULL && err->kind == LK_ERROR_NONE)
            *err = failure;
        return false;
    }
    leases->count.held++;
    *ret_lease = lease;
    return true;
}

bool lk_lease_is_held(const struct lk_lease *lease)
{
    (void)lease;
    return true;
}

enum lk_claim_mode lk_lease_mode(const struct lk_lease *lease)
{
    return lease->mode;
}

bool lk_lease_covers(const struct lk_lease *lease, struct lk_str project)
{
    for (size_t i = 0; i < lease->n_projects; i++) {
        if (lk_str_eq(lease->projects[i], project))
            return true;
    }
    return lease->n_projects == 0;
}

void lk_lease_settled(struct lk_lease *lease)
{
    (void)lease;
}

void lk_lease_give(struct lk_lease *lease, struct lk_arena *arena, struct lk_lease_end *ret_end)
{
    struct lk_error err = {0};

    if (ret_end != NULL)
        *ret_end = (struct lk_lease_end){0};
    if (lease->mode == LK_CLAIM_BRANCH && !give_back(lease, &err) && ret_end != NULL)
        ret_end->trouble = lk_arena_printf(arena, "%s", err.message);
    lease->leases->count.held--;
    drop(lease);
}

void lk_leases_recover(struct lk_leases *leases)
{
    (void)leases;
}

void lk_leases_end(struct lk_leases *leases, uint64_t timeout_ms)
{
    (void)leases;
    (void)timeout_ms;
}

struct lk_leases_count lk_leases_count(const struct lk_leases *leases)
{
    return leases->count;
}
