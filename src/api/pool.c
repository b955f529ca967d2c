/*
 * Keeping sessions (pool.h): finding them, and ending those that nobody uses. Logging in and out is
 * session.c.
 */
#include "api/pool.h"

#include "rt/co.h"
#include "rt/parallel.h"

#include <stdlib.h>

#define LOGOUTS_AT_ONCE 8

static void sweep(void *arg);

void lk_pool_init(struct lk_pool *pool, const struct lk_api_options *options, struct lk_str root)
{
    *pool = (struct lk_pool){.options = options, .root = root, .sweep = lk_timer(sweep, pool)};
}

/* One more (1), or less (-1), for metrics. */
static void count(const struct lk_pool *pool, int64_t n)
{
    if (pool->options->counters != NULL)
        pool->options->counters->sessions += n;
}

void lk_pool_free(struct lk_pool *pool)
{
    lk_timer_stop(pool->options->loop, &pool->sweep);
    while (pool->sessions != NULL) {
        struct lk_session *session = pool->sessions;

        pool->sessions = session->next;
        lk_session_free(session);
    }
    count(pool, -(int64_t)pool->n);
    pool->n = 0;
}

/* ---- ending one, beside whatever runs ---- */

static void log_out_and_free(void *arg)
{
    struct lk_session *session = arg;
    struct lk_pool *pool = session->pool;
    struct lk_session **at = &pool->leaving;

    lk_session_end(session);
    while (*at != session)
        at = &(*at)->next;
    *at = session->next;
    lk_session_free(session);
    lk_pool_done(pool);
}

static void end_session(struct lk_pool *pool, struct lk_session **link)
{
    struct lk_session *session = *link;
    struct lk_co *co;

    *link = session->next;
    pool->n--;
    count(pool, -1);
    if (session->token == NULL) {
        lk_session_free(session);
        return;
    }
    session->next = pool->leaving;
    pool->leaving = session;
    pool->busy++;
    if (!lk_co_start(pool->options->loop, log_out_and_free, session, &co, NULL)) {
        pool->busy--;
        pool->leaving = session->next;
        lk_session_free(session); /* its token ends by itself */
    } else if (co != NULL) {
        session->co = co;
    }
}

static bool is_unused(const struct lk_session *session)
{
    return session->users == 0 && !session->logging_in;
}

/* The timer stands at the end of the first session that will have been idle for long enough. */
static void arm(struct lk_pool *pool)
{
    uint64_t idle_ms = pool->options->session_idle_ms, now = lk_loop_now_ms(pool->options->loop);
    uint64_t first = UINT64_MAX;

    for (struct lk_session *s = pool->sessions; s != NULL; s = s->next) {
        if (is_unused(s) && s->idle_since_ms + idle_ms < first)
            first = s->idle_since_ms + idle_ms;
    }
    if (idle_ms != 0 && first != UINT64_MAX)
        lk_timer_start(pool->options->loop, &pool->sweep, first > now ? first - now : 1);
}

static void sweep(void *arg)
{
    struct lk_pool *pool = arg;
    uint64_t now = lk_loop_now_ms(pool->options->loop);
    struct lk_session **link = &pool->sessions;

    while (*link != NULL) {
        if (is_unused(*link) && now - (*link)->idle_since_ms >= pool->options->session_idle_ms)
            end_session(pool, link);
        else
            link = &(*link)->next;
    }
    arm(pool);
}

/* Makes room: the session that nobody has used for longest goes. */
static void end_oldest(struct lk_pool *pool)
{
    struct lk_session **oldest = NULL;

    for (struct lk_session **link = &pool->sessions; *link != NULL; link = &(*link)->next) {
        if (is_unused(*link) &&
            (oldest == NULL || (*link)->idle_since_ms <= (*oldest)->idle_since_ms))
            oldest = link;
    }
    if (oldest != NULL)
        end_session(pool, oldest);
}

/* ---- taking and giving ---- */

struct lk_session *lk_pool_take(struct lk_pool *pool, const struct lk_principal *principal,
                                bool dev)
{
    struct lk_session *session = pool->sessions;

    while (session != NULL &&
           (session->dev != dev || !lk_principal_same(&session->principal, principal)))
        session = session->next;
    if (session == NULL) {
        if (pool->options->max_sessions != 0 && pool->n >= pool->options->max_sessions)
            end_oldest(pool); /* when all are in use, there are more for a while */
        session = lk_session_new(pool, principal, dev);
        session->next = pool->sessions;
        pool->sessions = session;
        pool->n++;
        count(pool, 1);
    }
    session->users++;
    return session;
}

void lk_pool_give(struct lk_session *session)
{
    struct lk_pool *pool = session->pool;

    if (--session->users > 0)
        return;
    session->idle_since_ms = lk_loop_now_ms(pool->options->loop);
    /* A running timer stands at an earlier end than this session's. */
    if (!lk_timer_is_running(&pool->sweep))
        arm(pool);
}

/* ---- the end ---- */

void lk_pool_done(struct lk_pool *pool)
{
    if (--pool->busy == 0 && pool->waiting != NULL)
        lk_co_wake(pool->waiting);
}

static void cancel_each(struct lk_session *session)
{
    for (; session != NULL; session = session->next) {
        if (session->co != NULL)
            lk_co_cancel(session->co);
    }
}

static void wait_until_idle(struct lk_pool *pool)
{
    pool->waiting = lk_co_self(pool->options->loop);
    while (pool->busy > 0) {
        if (lk_co_cancelled(pool->waiting)) {
            cancel_each(pool->sessions);
            cancel_each(pool->leaving);
        }
        lk_co_park(pool->options->loop);
    }
    pool->waiting = NULL;
}

static void end_one(void *arg, size_t i)
{
    struct lk_session **sessions = arg;

    lk_session_end(sessions[i]);
}

void lk_pool_end(struct lk_pool *pool)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_session **sessions;
    size_t n = 0;

    wait_until_idle(pool);
    lk_timer_stop(pool->options->loop, &pool->sweep);
    sessions = lk_arena_array(arena, pool->n + 1, sizeof(struct lk_session *));
    for (struct lk_session *s = pool->sessions; s != NULL; s = s->next)
        sessions[n++] = s;
    lk_parallel(pool->options->loop, LOGOUTS_AT_ONCE, n, end_one, sessions, NULL);
    lk_arena_free(arena);
    lk_pool_free(pool);
}
