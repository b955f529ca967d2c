/*
 * Leases of one worker (lease.h): taking, giving, the start and the end. What a claim goes through
 * in between is its actor's (lease_actor.c).
 */
#include "api/lease_internal.h"

#include "base/memory.h"

#include <stdlib.h>
#include <time.h>

#define DEFAULT_POLL_MS 100

/* ---- the clock ---- */

static uint64_t boot_ms(void *arg)
{
    struct timespec ts;

    (void)arg;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void start_timer(void *arg, struct lk_timer *timer, uint64_t delay_ms)
{
    lk_timer_start(arg, timer, delay_ms);
}

static void stop_timer(void *arg, struct lk_timer *timer)
{
    lk_timer_stop(arg, timer);
}

uint64_t lk_leases_now_ms(const struct lk_leases *leases)
{
    return leases->options.clock->now_ms(leases->options.clock->arg);
}

/* ---- lifecycle ---- */

struct lk_leases *lk_leases_new(const struct lk_leases_options *options)
{
    struct lk_leases *leases = lk_memory_new(sizeof(*leases));

    leases->options = *options;
    leases->own_clock = (struct lk_lease_clock){options->loop, boot_ms, start_timer, stop_timer};
    if (options->clock == NULL)
        leases->options.clock = &leases->own_clock;
    if (options->poll_ms == 0)
        leases->options.poll_ms = DEFAULT_POLL_MS;
    leases->count = options->count != NULL ? options->count : &leases->own_count;
    leases->margin_ms = options->ttl_ms / 10;
    leases->instance = lk_lease_store_instance(options->store);
    lk_lease_store_watch(options->store, lk_rooms_changed, leases);
    return leases;
}

void lk_leases_free(struct lk_leases *leases)
{
    if (leases == NULL)
        return;
    lk_lease_store_watch(leases->options.store, NULL, NULL);
    while (leases->leftovers != NULL) {
        struct lk_leftover *leftover = leases->leftovers;

        leases->leftovers = leftover->next;
        lk_arena_free(leftover->arena);
    }
    free(leases);
}

struct lk_str lk_leases_new_id(struct lk_leases *leases, struct lk_arena *arena)
{
    return lk_arena_printf(arena, "%.*s/%llu", LK_STR_ARG(leases->instance),
                           (unsigned long long)++leases->last_number);
}

bool lk_leases_start(struct lk_leases *leases, void (*fn)(void *arg), void *arg,
                     struct lk_error *err)
{
    leases->n_running++;
    if (lk_co_start(leases->options.loop, fn, arg, NULL, err))
        return true;
    leases->n_running--;
    return false;
}

void lk_leases_done(struct lk_leases *leases)
{
    if (--leases->n_running == 0 && leases->ender != NULL)
        lk_co_wake(leases->ender);
}

static void cancel_all(void *arg)
{
    struct lk_leases *leases = arg;

    for (struct lk_lease_room *room = leases->rooms; room != NULL; room = room->next) {
        for (struct lk_lease *actor = room->first; actor != NULL; actor = actor->next) {
            if (actor->co != NULL)
                lk_co_cancel(actor->co);
        }
        if (room->keeper != NULL)
            lk_co_cancel(room->keeper);
    }
    if (leases->looker != NULL)
        lk_co_cancel(leases->looker);
}

void lk_leases_end(struct lk_leases *leases, uint64_t timeout_ms)
{
    const struct lk_lease_clock *clock = leases->options.clock;
    struct lk_timer patience = lk_timer(cancel_all, leases);

    leases->ending = true;
    leases->ender = lk_co_self(leases->options.loop);
    for (struct lk_lease_room *room = leases->rooms; room != NULL; room = room->next) {
        for (struct lk_lease *actor = room->first; actor != NULL; actor = actor->next)
            lk_actor_wake(actor);
    }
    leases->looker_woken = true;
    if (leases->looker != NULL)
        lk_co_wake(leases->looker);
    clock->start(clock->arg, &patience, timeout_ms);
    while (leases->n_running > 0)
        lk_co_park(leases->options.loop);
    clock->stop(clock->arg, &patience);
    leases->ender = NULL;
}

void lk_leases_recover(struct lk_leases *leases)
{
    leases->recovers = true;
    (void)lk_looker_start(leases);
}

const struct lk_leases_count *lk_leases_count(const struct lk_leases *leases)
{
    return leases->count;
}

/* ---- a lease ---- */

static void copy_wish(struct lk_lease *lease, const struct lk_lease_wish *wish)
{
    struct lk_arena *arena = lease->arena;
    struct lk_str *projects = lk_arena_array(arena, wish->n_projects, sizeof(*projects));

    lease->wish = *wish;
    lease->wish.user = lease->user;
    lease->wish.refusal = NULL; /* not the actor's, who may outlive it */
    lease->wish.sets_branch = wish->sets_branch && wish->mode == LK_CLAIM_ALONE;
    lease->wish.branch =
        wish->mode == LK_CLAIM_BRANCH ? lk_arena_str(arena, wish->branch) : (struct lk_str){0};
    lease->wish.what = lk_arena_str(arena, wish->what);
    lease->wish.projects = projects;
    lease->projects =
        lk_arena_array(arena, LK_LEASE_MAX_PROJECTS + wish->n_projects, sizeof(*projects));
    for (size_t i = 0; i < wish->n_projects; i++)
        lease->projects[i] = projects[i] = lk_arena_str(arena, wish->projects[i]);
    lease->n_projects = wish->n_projects;
}

struct lk_lease *lk_lease_new(struct lk_leases *leases, const struct lk_lease_user *user,
                              const struct lk_lease_wish *wish)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_lease *lease = lk_arena_new_object(arena, struct lk_lease);

    *lease = (struct lk_lease){
        .leases = leases,
        .arena = arena,
        .users = 1,
        .user = {.id = lk_arena_str(arena, user->id),
                 .principal = lk_principal_copy(arena, &user->principal)},
        .id = lk_leases_new_id(leases, arena),
    };
    if (wish != NULL)
        copy_wish(lease, wish);
    return lease;
}

/* Of our own copies. */
static void wipe(struct lk_str secret)
{
    if (secret.len > 0)
        explicit_bzero((void *)(uintptr_t)secret.ptr, secret.len);
}

void lk_lease_unref(struct lk_lease *lease)
{
    if (--lease->users > 0)
        return;
    wipe(lease->user.principal.token);
    wipe(lease->user.principal.client_secret);
    lk_arena_free(lease->arena);
}

/* ---- taking ---- */

static bool check_wish(const struct lk_leases *leases, const struct lk_lease_wish *wish,
                       struct lk_error *err)
{
    if (leases->ending)
        return lk_fail(err, LK_ERROR_CANCELLED, "the server is stopping");
    if (wish->user.id.len == 0)
        return lk_fail(err, LK_ERROR_INTERNAL, "a lease was asked for without a user");
    if (wish->mode != LK_CLAIM_BRANCH)
        return true;
    if (wish->branch.len == 0 || wish->n_projects == 0)
        return lk_fail(err, LK_ERROR_ARGUMENT, "a branch is borrowed in a project: name both");
    if (wish->n_projects > LK_LEASE_MAX_PROJECTS)
        return lk_fail(err, LK_ERROR_LIMIT, "at most %d projects can be on a branch for one call",
                       LK_LEASE_MAX_PROJECTS);
    if (!leases->options.durable)
        return lk_fail(
            err, LK_ERROR_CONFIG,
            "a branch is borrowed only where a crash does not forget what was checked "
            "out before: set LOOKER_STATE_DIR (a directory) or LOOKER_LEASE_URL (Redis)");
    return true;
}

static bool start_actor(struct lk_leases *leases, const struct lk_lease_wish *wish,
                        struct lk_lease **ret_lease, struct lk_error *err)
{
    struct lk_lease *lease = lk_lease_new(leases, &wish->user, wish);

    if (!lk_room_add(leases, lease, err)) {
        lk_lease_unref(lease);
        return false;
    }
    lease->users = 2;
    if (!lk_leases_start(leases, lk_actor_run, lease, err)) {
        lk_room_remove(lease);
        lease->users = 1;
        lk_lease_unref(lease);
        return false;
    }
    *ret_lease = lease;
    return true;
}

/* Leaves the rest to the actor. */
static void let_go(struct lk_lease *lease)
{
    lease->given = true;
    lease->owner = NULL;
    lk_actor_wake(lease);
    lk_lease_unref(lease);
}

bool lk_lease_take(struct lk_leases *leases, const struct lk_lease_wish *wish,
                   struct lk_lease **ret_lease, struct lk_error *err)
{
    struct lk_loop *loop = leases->options.loop;
    struct lk_co *self = lk_co_self(loop);
    struct lk_lease *lease;
    bool refused;

    if (!check_wish(leases, wish, err) || !start_actor(leases, wish, &lease, err))
        return false;
    lease->owner = self;
    while (lease->phase != LK_ACTOR_HOLDS && lease->phase != LK_ACTOR_ENDED &&
           !lk_co_cancelled(self))
        lk_co_park(loop);
    if (lk_co_cancelled(self)) {
        let_go(lease);
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled while waiting for a branch");
    }
    lease->owner = NULL;
    if (lease->phase == LK_ACTOR_HOLDS) {
        *ret_lease = lease;
        return true;
    }
    refused = lease->refused;
    if (refused && wish->refusal != NULL)
        *wish->refusal = lease->refusal;
    if (!refused && err != NULL && err->kind == LK_ERROR_NONE) {
        *err = lease->error;
        err->body = (struct lk_str){0}; /* goes with the arena */
    }
    lk_lease_unref(lease);
    if (refused)
        *ret_lease = NULL;
    return refused;
}

uint64_t lk_lease_shut_ms(const struct lk_lease *lease)
{
    return lease->shut_ms;
}

bool lk_lease_is_held(const struct lk_lease *lease)
{
    return lease->phase == LK_ACTOR_HOLDS && !lease->lost &&
           lk_leases_now_ms(lease->leases) < lease->deadline_ms;
}

bool lk_lease_may_send(void *arg, struct lk_error *err)
{
    const struct lk_lease *lease = arg;

    if (!lease->lost && lk_leases_now_ms(lease->leases) < lease->deadline_ms)
        return true;
    lk_fail(err, LK_ERROR_TIMEOUT,
            "the lease on the dev workspace of user %.*s ran out before this was sent, so it was "
            "not",
            LK_STR_ARG(lease->user.id));
    if (err != NULL)
        err->unsent = true;
    return false;
}

bool lk_lease_is_unsure(const struct lk_error *failure)
{
    switch (failure->kind) {
    case LK_ERROR_ARGUMENT:
    case LK_ERROR_AUTH:
    case LK_ERROR_CONFIG:
    case LK_ERROR_UNSUPPORTED:
        return false;
    case LK_ERROR_UPSTREAM:
        return failure->status >= 500;
    default:
        return !failure->unsent;
    }
}

enum lk_claim_mode lk_lease_mode(const struct lk_lease *lease)
{
    return lease->wish.mode;
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
    lease->settled = lease->wish.sets_branch;
}

void lk_lease_doubt(struct lk_lease *lease)
{
    lease->doubted = true;
}

/* ---- giving ---- */

void lk_lease_give(struct lk_lease *lease, struct lk_arena *arena, struct lk_lease_end *ret_end)
{
    struct lk_loop *loop = lease->leases->options.loop;

    /* Whoever has borrowed nothing need not wait for what is late. */
    if (ret_end == NULL || (lease->doubted && lease->wish.mode != LK_CLAIM_BRANCH)) {
        if (ret_end != NULL)
            *ret_end = (struct lk_lease_end){.lost = lease->lost};
        let_go(lease);
        return;
    }
    lease->given = true;
    lease->owner = lk_co_self(loop);
    lk_actor_wake(lease);
    while (lease->phase != LK_ACTOR_ENDED)
        lk_co_park(loop);
    *ret_end = (struct lk_lease_end){
        .lost = lease->end.lost,
        .trouble = lk_arena_str(arena, lease->end.trouble),
        .project = lk_arena_str(arena, lease->end.project),
        .home = lk_arena_str(arena, lease->end.home),
        .found = lk_arena_str(arena, lease->end.found),
    };
    lk_lease_unref(lease);
}
