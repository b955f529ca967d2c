/*
 * The event loop of one worker thread: h2o's evloop turns, and a private epoll, registered with it
 * as a single socket, carries everything else.
 *
 *     h2o evloop ── listening and client sockets (transport/http)
 *          └── private epoll ── curl's sockets (rt/http)
 *                           ├── one timerfd ── timers, curl's time-out
 *                           ├── one eventfd ── lk_loop_stop, lk_loop_post from elsewhere
 *                           └── watched fds (stdin, stdout, signalfd)
 *
 * Nothing here is thread-safe but lk_loop_stop and lk_loop_post. Callbacks run on the loop's own
 * stack and must not await (rt/co.h does that).
 */
#ifndef LK_RT_LOOP_H
#define LK_RT_LOOP_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct lk_loop;
struct st_h2o_evloop_t; /* h2o_loop_t, for transport/http */

bool lk_loop_new(struct lk_loop **ret_loop, struct lk_error *err);
/* Everything that uses the loop must have been freed before. NULL is legal. */
void lk_loop_free(struct lk_loop *loop);

/* Turns until lk_loop_stop was called (no turn at all when it was called before), and forgets the
 * stop when it returns, so that the loop can run again. */
void lk_loop_run(struct lk_loop *loop);
/* One turn, waiting at most wait_ms; negative: for as long as it takes. */
void lk_loop_run_once(struct lk_loop *loop, int32_t wait_ms);
/* May be called from a callback, a coroutine, another thread or a signal handler. */
void lk_loop_stop(struct lk_loop *loop);
bool lk_loop_stopping(const struct lk_loop *loop);

struct st_h2o_evloop_t *lk_loop_h2o(struct lk_loop *loop);

/* Whether so many file descriptors are to be had now; LK_ERROR_INTERNAL says why not. h2o aborts
 * when it cannot get one for its own use. */
bool lk_loop_spare_files(size_t n, struct lk_error *err);

/* Monotonic; read once a turn, so it stands still while a callback or coroutine runs. */
uint64_t lk_loop_now_ms(const struct lk_loop *loop);

/* ---- timers: intrusive, one-shot ---- */

struct lk_timer {
    void (*fire)(void *arg);
    void *arg;
    uint64_t at_ms;
    size_t index_; /* in the loop's heap, from 1; 0: not running */
};
static inline struct lk_timer lk_timer(void (*fire)(void *arg), void *arg)
{
    return (struct lk_timer){.fire = fire, .arg = arg};
}
static inline bool lk_timer_is_running(const struct lk_timer *timer)
{
    return timer->index_ != 0;
}
/* Starts, or starts anew. Never early. */
void lk_timer_start(struct lk_loop *loop, struct lk_timer *timer, uint64_t delay_ms);
/* Legal when it is not running. */
void lk_timer_stop(struct lk_loop *loop, struct lk_timer *timer);

/* ---- file descriptors ---- */

/* events: EPOLLIN, EPOLLOUT; level-triggered. Regular files, which epoll refuses, count as always
 * ready. The watch is the caller's and must stay put until lk_loop_unwatch. */
struct lk_watch {
    int fd;
    void (*ready)(void *arg, uint32_t events);
    void *arg;
    uint32_t events_;
    bool always_ready_;
    struct lk_watch *next_;
};
bool lk_loop_watch(struct lk_loop *loop, struct lk_watch *watch, uint32_t events,
                   struct lk_error *err);
/* Changes what is watched for; 0 pauses. */
void lk_loop_rewatch(struct lk_loop *loop, struct lk_watch *watch, uint32_t events);
void lk_loop_unwatch(struct lk_loop *loop, struct lk_watch *watch);

/* Has fn(arg) called once on the loop's own stack, after whatever runs now has returned: later in
 * this turn or in the next. */
void lk_loop_defer(struct lk_loop *loop, void (*fn)(void *arg), void *arg);

/* The same from any thread (not from a signal handler), in the order of the calls. What has not run
 * when the loop is freed never does; nobody may post from then on. */
void lk_loop_post(struct lk_loop *loop, void (*fn)(void *arg), void *arg);

#endif
