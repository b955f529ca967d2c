/*
 * The Looker of lease_world.h, and the processes that live there.
 */
#ifndef LK_TEST_LEASE_LOOKER_H
#define LK_TEST_LEASE_LOOKER_H

#include "lease_world.h"

/* ---- Looker ---- */

static struct fake_cell *cell_of(struct world *w, const char *user, struct lk_str project)
{
    for (size_t i = 0; i < w->n_cells; i++) {
        if (strcmp(w->cells[i].user, user) == 0 && lk_str_eq(lk_str(w->cells[i].project), project))
            return &w->cells[i];
    }
    return NULL;
}

static bool is_held(const struct holder *holder)
{
    return holder->process != NULL && !holder->process->dead &&
           (holder->lease == NULL || lk_lease_is_held(holder->lease));
}

/* From now on the cell is to stay as the holder expects it. */
static struct holder *hold_cell(struct world *w, struct process *process, struct lk_lease *lease,
                                const struct fake_cell *cell, const char *expects)
{
    struct holder *h = w->holders;

    while (h->id != 0)
        assert_true(++h < w->holders + MAX_HOLDERS);
    *h = (struct holder){.id = ++w->last_holder,
                         .process = process,
                         .lease = lease,
                         .user = cell->user,
                         .project = cell->project};
    snprintf(h->expects, sizeof(h->expects), "%s", expects);
    return h;
}

/* Somebody's check-out arrives. `own`: the holder who does it on purpose. */
static void arrive(struct world *w, struct fake_cell *cell, const char *branch, unsigned own)
{
    for (size_t i = 0; i < MAX_HOLDERS; i++) {
        const struct holder *h = &w->holders[i];

        if (h->id == 0 || h->id == own || !is_held(h) || h->disturbed ||
            strcmp(h->user, cell->user) != 0 || strcmp(h->project, cell->project) != 0 ||
            strcmp(h->expects, branch) == 0)
            continue;
        violate(w, "at %llu ms user %s project %s goes from %s to %s under a call that expects %s",
                (unsigned long long)w->now_ms, cell->user, cell->project, cell->branch, branch,
                h->expects);
    }
    for (size_t i = 0; own != 0 && i < MAX_HOLDERS; i++) {
        if (w->holders[i].id == own)
            snprintf(w->holders[i].expects, sizeof(w->holders[i].expects), "%s", branch);
    }
    trace(w, "user %s project %s is on %s", cell->user, cell->project, branch);
    snprintf(cell->branch, sizeof(cell->branch), "%s", branch);
}

struct late_put {
    struct lk_timer timer;
    struct world *world;
    struct fake_cell *cell;
    char branch[16];
    unsigned own;  /* the holder who does it on purpose */
    bool rightful; /* and is to stay there */
};

static void put_arrives(void *arg)
{
    struct late_put *put = arg;

    arrive(put->world, put->cell, put->branch, put->own);
    if (put->rightful)
        memcpy(put->cell->rightful, put->branch, sizeof(put->branch));
    free(put);
}

static struct late_put *send_put(struct world *w, struct fake_cell *cell, struct lk_str branch,
                                 uint64_t delay_ms, unsigned own)
{
    struct late_put *put = lk_memory_new(sizeof(*put));

    put->timer = lk_timer(put_arrives, put);
    put->world = w;
    put->cell = cell;
    put->own = own;
    snprintf(put->branch, sizeof(put->branch), "%.*s", LK_STR_ARG(branch));
    make_appointment(w, NULL, &put->timer, delay_ms);
    return put;
}

/* The machine takes the process off the processor for a while. */
static void maybe_stop(struct process *process)
{
    struct world *w = process->world;

    if (chance(w, w->odds.stopped))
        process->frozen_until_ms = w->now_ms + below(w, TTL_MS * 2);
}

static bool fake_current(void *arg, struct lk_arena *arena, const struct lk_lease_user *user,
                         struct lk_str project, struct lk_str *ret_branch, struct lk_error *err)
{
    struct process *process = arg;
    struct world *w = process->world;
    struct fake_cell *cell = cell_of(w, lk_arena_cstr(arena, user->id), project);

    w->gets++;
    maybe_stop(process);
    if (cell == NULL)
        return lk_fail(err, LK_ERROR_UPSTREAM, "no such project");
    if (!nap(w, process, below(w, 20)))
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled");
    if (chance(w, w->odds.get_failed))
        return lk_fail(err, LK_ERROR_NETWORK, "no connection");
    *ret_branch = lk_arena_str(arena, lk_str(cell->branch));
    if (!nap(w, process, below(w, 20)))
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled");
    return true;
}

static bool fake_check_out(void *arg, struct lk_arena *arena, const struct lk_lease_user *user,
                           struct lk_lease *lease, struct lk_str project, struct lk_str branch,
                           struct lk_error *err)
{
    struct process *process = arg;
    struct world *w = process->world;
    struct fake_cell *cell = cell_of(w, lk_arena_cstr(arena, user->id), project);
    unsigned latency_ms = below(w, 40);

    w->puts++;
    assert_non_null(cell);
    maybe_stop(process);
    if (w->odds.stopped > 0)
        nap(w, process, 1); /* a login, say */
    if (lease != NULL && !lk_lease_may_send(lease, err))
        return false;
    if (process->dead || lk_co_cancelled(lk_co_self(w->loop)))
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled");
    if (lk_str_eq(branch, LK_STR("missing")) || chance(w, w->odds.put_refused)) {
        nap(w, process, latency_ms);
        lk_fail(err, LK_ERROR_UPSTREAM, "no such branch");
        if (err != NULL)
            err->status = 404;
        return false;
    }
    if (chance(w, w->odds.put_failed)) {
        if (chance(w, 500))
            send_put(w, cell, branch, below(w, latency_ms + 1), 0);
        nap(w, process, latency_ms);
        lk_fail(err, LK_ERROR_UPSTREAM, "oops");
        if (err != NULL)
            err->status = 502;
        return false;
    }
    if (chance(w, w->odds.put_timeout)) {
        if (w->late_ms > 0 || chance(w, 700))
            send_put(w, cell, branch, w->late_ms > 0 ? w->late_ms : below(w, LK_LEASE_LATE_MS - 50),
                     0);
        nap(w, process, 500);
        return lk_fail(err, LK_ERROR_TIMEOUT, "no answer in time");
    }
    /* Once it is sent it arrives, whatever becomes of who sent it. */
    send_put(w, cell, branch, below(w, latency_ms + 1), 0);
    if (!nap(w, process, latency_ms + 1))
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled");
    return true;
}

static bool fake_has_branch(void *arg, struct lk_arena *arena, const struct lk_lease_user *user,
                            struct lk_str project, struct lk_str branch, bool *ret_has,
                            struct lk_error *err)
{
    struct process *process = arg;
    struct world *w = process->world;

    (void)arena;
    (void)user;
    (void)branch;
    if (!nap(w, process, below(w, 20)))
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled");
    *ret_has = w->lacks == NULL || !lk_str_eq(project, lk_str(w->lacks));
    return true;
}

static bool fake_imports(void *arg, struct lk_arena *arena, const struct lk_lease_user *user,
                         struct lk_str project, bool dev, struct lk_str **ret_projects,
                         size_t *ret_n, struct lk_error *err)
{
    struct process *process = arg;
    struct world *w = process->world;
    const char *import = NULL;

    if (!nap(w, process, below(w, 20)))
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled");
    *ret_projects = lk_arena_array(arena, 1, sizeof(**ret_projects));
    *ret_n = 0;
    if (w->imports != NULL && w->imports(w, lk_arena_cstr(arena, user->id), project, dev, &import))
        (*ret_projects)[(*ret_n)++] = lk_str(import);
    return true;
}

static struct fake_cell *add_cell(struct world *w, const char *user, const char *project)
{
    struct fake_cell *cell = &w->cells[w->n_cells++];

    assert_true(w->n_cells <= MAX_CELLS);
    *cell = (struct fake_cell){0};
    snprintf(cell->user, sizeof(cell->user), "%s", user);
    snprintf(cell->project, sizeof(cell->project), "%s", project);
    snprintf(cell->branch, sizeof(cell->branch), "dev-%s", user);
    snprintf(cell->rightful, sizeof(cell->rightful), "dev-%s", user);
    return cell;
}

/* ---- processes ---- */

static struct process *new_process(struct world *w)
{
    struct process *process = lk_memory_new(sizeof(*process));
    struct lk_leases_options options = {
        .loop = w->loop,
        .durable = true,
        .ttl_ms = TTL_MS,
        .wait_ms = WAIT_MS,
        .poll_ms = 200,
        .looker = {process, fake_current, fake_check_out, fake_has_branch, fake_imports},
        .clock = &process->clock,
    };

    process->world = w;
    process->number = (unsigned)w->n_processes;
    process->clock = (struct lk_lease_clock){process, clock_now, clock_start, clock_stop};
    assert_true(w->n_processes < MAX_PROCESSES);
    w->processes[w->n_processes++] = process;
    assert_true(lk_lease_store_open(w->shared, w->loop, &process->store, NULL));
    options.store = process->store;
    process->leases = lk_leases_new(&options);
    return process;
}

/* Nothing that it does from now on has any effect; what it waits for ends. */
__attribute__((unused)) static void kill_process(struct process *process)
{
    struct world *w = process->world;

    process->dead = true;
    for (size_t i = 0; i < MAX_HOLDERS; i++) {
        if (w->holders[i].process == process)
            w->holders[i] = (struct holder){0};
    }
}

struct ending {
    struct process *process;
    uint64_t timeout_ms;
};

static void end_leases(void *arg)
{
    struct ending *ending = arg;

    lk_leases_end(ending->process->leases, ending->timeout_ms);
}

/* Ends it in order, or, when it is dead, only takes its memory away. */
__attribute__((unused)) static void end_process(struct process *process, uint64_t timeout_ms)
{
    struct world *w = process->world;
    struct ending ending = {process, process->dead ? 0 : timeout_ms};
    size_t before = lk_co_count(w->loop) - process->leases->n_running;

    assert_true(lk_co_start(w->loop, end_leases, &ending, NULL, NULL));
    assert_true(run_world(w, before, UINT64_MAX));
    lk_leases_free(process->leases);
    lk_lease_store_close(process->store);
    process->leases = NULL;
    process->store = NULL;
}

static void open_world(struct world *w, struct lk_loop *loop, uint64_t seed)
{
    struct lk_lease_store_options options = {.ttl_ms = TTL_MS};

    *w = (struct world){.loop = loop, .random = seed, .now_ms = 1000000, .knows_the_dead = true};
    assert_true(lk_lease_shared_of(&world_kind, &options, w, &w->shared, NULL));
}

/* All processes have been ended. */
static void close_world(struct world *w)
{
    while (next_appointment(w))
        run_ready(w);
    for (size_t i = 0; i < w->n_processes; i++)
        free(w->processes[i]);
    for (size_t i = 0; i < MAX_DOCUMENTS; i++)
        drop_document(&w->documents[i]);
    lk_lease_shared_free(w->shared);
    free(w->appointments);
}

static size_t count_documents(const struct world *w)
{
    size_t n = 0;

    for (size_t i = 0; i < MAX_DOCUMENTS; i++)
        n += w->documents[i].len > 0;
    return n;
}

#endif
