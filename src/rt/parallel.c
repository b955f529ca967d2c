/*
 * A bounded fan-out of coroutines (parallel.h). Knows nothing of tools.
 *
 *     caller ──start──> worker, worker, …   each takes the next index until there is none
 *        └── parks until the last worker ends; hands a cancel on to all of them
 */
#include "rt/parallel.h"

#define MAX_PARALLEL 16

struct pool {
    struct lk_loop *loop;
    struct lk_co *caller;
    void (*fn)(void *arg, size_t i);
    void *arg;
    size_t n, next;
    size_t running;
    bool stopped;
};

struct worker {
    struct pool *pool;
    struct lk_co *co;
};

static void take_all(struct pool *pool)
{
    while (pool->next < pool->n && !pool->stopped)
        pool->fn(pool->arg, pool->next++);
}

static void work(void *arg)
{
    struct worker *worker = arg;
    struct pool *pool = worker->pool;

    take_all(pool);
    worker->co = NULL;
    if (--pool->running == 0)
        lk_co_wake(pool->caller);
}

static void stop(struct pool *pool, struct worker *workers, size_t n_workers)
{
    pool->stopped = true;
    for (size_t i = 0; i < n_workers; i++) {
        if (workers[i].co != NULL)
            lk_co_cancel(workers[i].co);
    }
}

bool lk_parallel(struct lk_loop *loop, uint32_t parallel, size_t n, void (*fn)(void *arg, size_t i),
                 void *arg, struct lk_error *err)
{
    struct worker workers[MAX_PARALLEL] = {{0}};
    struct pool pool = {.loop = loop, .caller = lk_co_self(loop), .fn = fn, .arg = arg, .n = n};
    size_t n_workers = 0;

    if (parallel > MAX_PARALLEL)
        parallel = MAX_PARALLEL;
    /* A worker is a coroutine of its own, which an earlier cancel of the caller does not reach. */
    if (lk_co_cancelled(pool.caller))
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled");
    while (n_workers < parallel && pool.next < n) {
        struct worker *worker = &workers[n_workers];
        worker->pool = &pool;
        pool.running++;
        if (!lk_co_start(loop, work, worker, &worker->co, NULL)) {
            pool.running--;
            break;
        }
        n_workers++;
    }
    if (n_workers == 0)
        take_all(&pool);
    while (pool.running > 0) {
        if (lk_co_cancelled(pool.caller) && !pool.stopped)
            stop(&pool, workers, n_workers);
        lk_co_park(loop);
    }
    if (lk_co_cancelled(pool.caller))
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled");
    return true;
}
