/*
 * A small world for leases: virtual time, a store of documents that can be away, slow, closed or
 * emptied, and a Looker with a cell a user and project whose check-outs can fail, time out and
 * arrive late (lease_looker.h). Several managers ("processes") live in it; one can be frozen, or
 * die and leave all as it is. Everything is driven from one thread and, given a seed, always goes
 * the same way.
 */
#ifndef LK_TEST_LEASE_WORLD_H
#define LK_TEST_LEASE_WORLD_H

#include "../test.h"

#include "api/lease.h"
#include "api/lease_internal.h"
#include "api/lease_store_internal.h"
#include "base/memory.h"
#include "rt/internal.h"

#include <stdio.h>

#define TTL_MS 3000
#define WAIT_MS 6000
#define MAX_CELLS 16
#define MAX_DOCUMENTS 8
#define MAX_PROCESSES 64
#define MAX_HOLDERS 64
#define EPOCH_MS UINT64_C(1800000000000)

struct world;

/* One process, with a worker of leases. */
struct process {
    struct world *world;
    unsigned number;
    struct lk_lease_clock clock;
    struct lk_lease_store *store;
    struct lk_leases *leases;
    uint64_t frozen_until_ms;
    bool dead, cut_off; /* cut off: from the store, not from Looker */
};

/* A timer of the world's, or of a process that may be frozen. */
struct appointment {
    struct lk_timer *timer;
    struct process *process;
    uint64_t at_ms;
};

struct fake_cell {
    char user[8], project[8];
    char branch[16];   /* what is checked out */
    char rightful[16]; /* what should be in the end: what outsiders, or calls that move it on
                          purpose, have last checked out */
    bool disturbed;    /* an outsider moved it while somebody may have been about to */
    char was[4][16];   /* then: what it may be as well */
    unsigned n_was;
};

struct fake_document {
    char key[48];
    char *text;
    size_t len;
    uint64_t version;
};

struct holder {
    unsigned id; /* 0: nobody */
    struct process *process;
    struct lk_lease *lease; /* NULL: without leases at all */
    const char *user, *project;
    char expects[16]; /* empty: it moves the branch itself */
    bool disturbed;
};

/* How often, of a thousand, and how long. */
struct odds {
    unsigned put_refused, put_failed, put_timeout, get_failed, store_slow, store_lost;
    unsigned stopped; /* while it waits for Looker */
};

struct world {
    struct lk_loop *loop;
    struct lk_lease_shared *shared;
    uint64_t now_ms;
    int64_t wall_jump_ms;
    uint64_t random;
    struct odds odds;
    bool knows_the_dead; /* the store tells at once who is dead, as files do */
    bool away;
    uint64_t closed_until_ms;
    struct appointment *appointments;
    size_t n_appointments, cap_appointments;
    struct fake_cell cells[MAX_CELLS];
    size_t n_cells;
    struct fake_document documents[MAX_DOCUMENTS];
    uint64_t version;
    struct process *processes[MAX_PROCESSES];
    size_t n_processes;
    struct holder holders[MAX_HOLDERS];
    unsigned last_holder;
    bool (*imports)(struct world *w, const char *user, struct lk_str project, bool dev,
                    const char **ret_import);
    uint64_t late_ms;  /* check-outs that time out arrive then; 0: at any time, or never */
    const char *lacks; /* a project that has no branch but its own */
    unsigned puts, gets, violations;
    bool traces;
    char violation[256]; /* the first */
};

/* ---- chance ---- */

static inline uint64_t draw(struct world *w)
{
    /* splitmix64 */
    uint64_t z = (w->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline unsigned below(struct world *w, unsigned n)
{
    return (unsigned)(draw(w) % n);
}

static inline bool chance(struct world *w, unsigned of_thousand)
{
    return of_thousand > 0 && below(w, 1000) < of_thousand;
}

static void violate(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One line a thing that happens, for who looks into a seed. */
#define trace(w, format, ...)                                                                      \
    do {                                                                                           \
        if ((w)->traces)                                                                           \
            fprintf(stderr, "%7llu " format "\n", (unsigned long long)(w)->now_ms - 1000000,       \
                    __VA_ARGS__);                                                                  \
    } while (0)

static void violate(struct world *w, const char *format, ...)
{
    va_list args;

    if (w->violations++ > 0)
        return;
    va_start(args, format);
    vsnprintf(w->violation, sizeof(w->violation), format, args);
    va_end(args);
}

/* ---- time ---- */

static void make_appointment(struct world *w, struct process *process, struct lk_timer *timer,
                             uint64_t delay_ms)
{
    if (w->n_appointments == w->cap_appointments) {
        w->cap_appointments = w->cap_appointments * 2 + 64;
        w->appointments =
            lk_memory_resize(w->appointments, w->cap_appointments * sizeof(*w->appointments));
    }
    w->appointments[w->n_appointments++] =
        (struct appointment){timer, process, w->now_ms + delay_ms};
}

static void drop_appointment(struct world *w, const struct lk_timer *timer)
{
    for (size_t i = 0; i < w->n_appointments; i++) {
        if (w->appointments[i].timer == timer) {
            w->appointments[i] = w->appointments[--w->n_appointments];
            return;
        }
    }
}

static uint64_t clock_now(void *arg)
{
    return ((struct process *)arg)->world->now_ms;
}

static void clock_start(void *arg, struct lk_timer *timer, uint64_t delay_ms)
{
    struct process *process = arg;

    make_appointment(process->world, process, timer, delay_ms);
}

static void clock_stop(void *arg, struct lk_timer *timer)
{
    drop_appointment(((struct process *)arg)->world, timer);
}

static uint64_t due_ms(const struct appointment *a)
{
    if (a->process != NULL && a->process->frozen_until_ms > a->at_ms)
        return a->process->frozen_until_ms;
    return a->at_ms;
}

/* Goes on to what is due next; of several at one time, any. False: nothing is. */
static bool next_appointment(struct world *w)
{
    struct appointment *next = NULL;
    struct lk_timer *timer;
    unsigned equal = 0;

    for (size_t i = 0; i < w->n_appointments; i++) {
        struct appointment *a = &w->appointments[i];

        if (next == NULL || due_ms(a) < due_ms(next)) {
            next = a;
            equal = 1;
        } else if (due_ms(a) == due_ms(next) && below(w, ++equal) == 0) {
            next = a;
        }
    }
    if (next == NULL)
        return false;
    if (due_ms(next) > w->now_ms)
        w->now_ms = due_ms(next);
    timer = next->timer;
    *next = w->appointments[--w->n_appointments];
    timer->fire(timer->arg);
    return true;
}

static void run_ready(struct world *w)
{
    while (lk_co_any_ready(w->loop))
        lk_co_run_ready(w->loop);
}

/* Runs until all coroutines but `but` of them have ended; false when they wait for ever, or for
 * longer than until_ms. */
static bool run_world(struct world *w, size_t but, uint64_t until_ms)
{
    run_ready(w);
    while (lk_co_count(w->loop) > but && w->now_ms < until_ms) {
        if (!next_appointment(w))
            return false;
        run_ready(w);
    }
    return lk_co_count(w->loop) <= but;
}

struct world_nap {
    struct lk_co *co;
    bool over;
};

static void end_world_nap(void *arg)
{
    struct world_nap *nap = arg;

    nap->over = true;
    lk_co_wake(nap->co);
}

/* False when the coroutine is cancelled, or its process has died. */
static bool nap(struct world *w, struct process *process, uint64_t delay_ms)
{
    struct world_nap self = {.co = lk_co_self(w->loop)};
    struct lk_timer timer = lk_timer(end_world_nap, &self);

    if (process == NULL || !process->dead) {
        make_appointment(w, process, &timer, delay_ms);
        while (!self.over && !lk_co_cancelled(self.co) && !(process != NULL && process->dead))
            lk_co_park(w->loop);
        drop_appointment(w, &timer);
    }
    return self.over && !lk_co_cancelled(self.co) && !(process != NULL && process->dead);
}

/* ---- the store ---- */

static struct fake_document *find_document(struct world *w, struct lk_str key)
{
    for (size_t i = 0; i < MAX_DOCUMENTS; i++) {
        if (w->documents[i].len > 0 && lk_str_eq(lk_str(w->documents[i].key), key))
            return &w->documents[i];
    }
    return NULL;
}

static void drop_document(struct fake_document *document)
{
    free(document->text);
    *document = (struct fake_document){0};
}

static void write_document(struct world *w, struct lk_str key, struct lk_str text)
{
    struct fake_document *document = find_document(w, key);

    if (document != NULL)
        drop_document(document);
    if (text.len == 0)
        return;
    for (document = w->documents; document->len > 0;)
        assert_true(++document < w->documents + MAX_DOCUMENTS);
    snprintf(document->key, sizeof(document->key), "%.*s", LK_STR_ARG(key));
    document->text = lk_memory_new(text.len + 1);
    memcpy(document->text, text.ptr, text.len);
    document->len = text.len;
    document->version = ++w->version;
}

__attribute__((unused)) static void empty_store(struct world *w)
{
    for (size_t i = 0; i < MAX_DOCUMENTS; i++)
        drop_document(&w->documents[i]);
    w->closed_until_ms = EPOCH_MS + w->now_ms + (uint64_t)w->wall_jump_ms + TTL_MS;
}

static struct process *process_of(const struct lk_lease_store *store)
{
    struct world *w = store->shared->data;

    for (size_t i = 0; i < w->n_processes; i++) {
        if (w->processes[i] != NULL && w->processes[i]->store == store)
            return w->processes[i];
    }
    fail();
    return NULL;
}

static bool reach_store(struct process *process, struct lk_error *err)
{
    struct world *w = process->world;
    bool ok = true;

    if (chance(w, w->odds.store_slow))
        ok = nap(w, process, below(w, 40));
    if (ok && !w->away && !process->cut_off && !process->dead)
        return true;
    nap(w, process, 200);
    return lk_fail(err,
                   lk_co_cancelled(lk_co_self(w->loop)) ? LK_ERROR_CANCELLED : LK_ERROR_NETWORK,
                   "the store is away");
}

static bool world_load(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str key,
                       struct lk_lease_doc *ret_doc, struct lk_error *err)
{
    struct process *process = process_of(store);
    struct world *w = process->world;
    const struct fake_document *document;

    if (!reach_store(process, err))
        return false;
    document = find_document(w, key);
    *ret_doc = (struct lk_lease_doc){
        .now_ms = EPOCH_MS + w->now_ms + (uint64_t)w->wall_jump_ms,
        .closed_until_ms = w->closed_until_ms,
    };
    if (document != NULL) {
        ret_doc->text = lk_arena_str(arena, lk_str_n(document->text, document->len));
        ret_doc->version = document->version;
    }
    return true;
}

static bool world_save(struct lk_lease_store *store, struct lk_str key, uint64_t version,
                       struct lk_str text, bool durable, bool *ret_saved, struct lk_error *err)
{
    struct process *process = process_of(store);
    struct world *w = process->world;
    const struct fake_document *document;

    (void)durable;
    if (!reach_store(process, err))
        return false;
    document = find_document(w, key);
    *ret_saved = (document != NULL ? document->version : 0) == version;
    if (*ret_saved)
        write_document(w, key, text);
    trace(w, "process %u saves %.*s: %d %.*s", process->number, LK_STR_ARG(key), *ret_saved,
          LK_STR_ARG(text));
    if (chance(w, w->odds.store_lost))
        return lk_fail(err, LK_ERROR_TIMEOUT, "the store did not say whether it saved");
    return true;
}

static bool world_keys(struct lk_lease_store *store, struct lk_arena *arena,
                       struct lk_str **ret_keys, size_t *ret_n, struct lk_error *err)
{
    struct process *process = process_of(store);
    struct world *w = process->world;

    if (!reach_store(process, err))
        return false;
    *ret_keys = lk_arena_array(arena, MAX_DOCUMENTS, sizeof(**ret_keys));
    *ret_n = 0;
    for (size_t i = 0; i < MAX_DOCUMENTS; i++) {
        if (w->documents[i].len > 0)
            (*ret_keys)[(*ret_n)++] = lk_arena_str(arena, lk_str(w->documents[i].key));
    }
    return true;
}

static bool world_is_alive(struct lk_lease_store *store, struct lk_str instance)
{
    struct world *w = store->shared->data;

    for (size_t i = 0; w->knows_the_dead && i < w->n_processes; i++) {
        struct process *process = w->processes[i];

        if (process != NULL && process->store != NULL &&
            lk_str_eq(process->store->instance, instance))
            return !process->dead;
    }
    return !w->knows_the_dead;
}

static bool world_check(struct lk_lease_store *store, struct lk_arena *arena,
                        struct lk_str *ret_where, struct lk_error *err)
{
    (void)store;
    (void)arena;
    (void)err;
    *ret_where = LK_STR("the world");
    return true;
}

static const struct lk_lease_kind world_kind = {
    .durable = true,
    .load = world_load,
    .save = world_save,
    .keys = world_keys,
    .is_alive = world_is_alive,
    .check = world_check,
};

#endif
