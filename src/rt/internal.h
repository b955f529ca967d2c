/*
 * What the files of src/rt share and nobody else sees: the loop's insides, and the hooks by which
 * coroutines and the HTTP client take part in a turn.
 *
 *     turn:  wait in h2o's evloop ── its sockets; the private epoll's batch, then rounds
 *            timers that are due, rounds again
 *     rounds: up to LK_LOOP_ROUNDS times, while there is something to do:
 *                deferred functions, hooks (curl), ready coroutines
 *
 * Several rounds, because they feed each other: curl finishes a transfer, the coroutine that
 * awaited it asks for the next, and curl can send that before anyone waits again. Bounded, so that
 * coroutines that wake each other for ever do not starve the sockets.
 */
#ifndef LK_RT_INTERNAL_H
#define LK_RT_INTERNAL_H

#include "rt/co.h"
#include "rt/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>

#define LK_LOOP_BATCH 128 /* events taken from the private epoll in one turn */
#define LK_LOOP_ROUNDS 8

struct st_h2o_socket_t;
struct lk_co_state;

struct lk_loop_hook {
    void (*run)(void *arg); /* called when `wanted`, which it finds reset */
    void *arg;
    bool wanted;
    struct lk_loop_hook *next;
};

struct lk_deferred {
    void (*fn)(void *arg);
    void *arg;
};

struct lk_loop {
    struct st_h2o_evloop_t *h2o;
    struct st_h2o_socket_t *socket; /* the private epoll, as h2o sees it; owns epoll_fd */
    int epoll_fd, timer_fd, event_fd;
    struct lk_watch timer_watch, event_watch;
    atomic_bool stop;

    uint64_t now_ms;
    bool now_is_known; /* in this turn */
    bool in_turn;

    /* Events of the batch being dispatched, so that unwatching can take out those still to come. */
    struct epoll_event batch[LK_LOOP_BATCH];
    int batch_next, batch_len;
    struct lk_watch *always_ready; /* regular files */
    struct lk_watch *always_cursor;

    struct lk_timer **heap; /* from 1; the earliest is heap[1] */
    size_t heap_len, heap_cap;
    uint64_t armed_ms; /* what timer_fd is set to; UINT64_MAX: to nothing */

    struct lk_deferred *deferred; /* a queue that is a plain array: it is emptied every turn */
    size_t deferred_len, deferred_cap;
    struct lk_deferred *spare; /* the array that is being run, swapped with the other */
    size_t spare_cap;

    pthread_mutex_t post_mutex; /* guards what follows: other threads write there */
    struct lk_deferred *posted;
    size_t posted_len, posted_cap;

    struct lk_loop_hook *hooks;
    struct lk_co_state *co;
};

void lk_loop_add_hook(struct lk_loop *loop, struct lk_loop_hook *hook);
void lk_loop_remove_hook(struct lk_loop *loop, struct lk_loop_hook *hook);

/* timer.c */
bool lk_timers_init(struct lk_loop *loop, struct lk_error *err);
void lk_timers_clean_up(struct lk_loop *loop);
void lk_timers_run(struct lk_loop *loop);

/* co.c */
struct lk_co_state *lk_co_state_new(void);
void lk_co_state_free(struct lk_co_state *state);
bool lk_co_any_ready(const struct lk_loop *loop);
/* Resumes those that are ready now; those that they wake wait for the next call. */
void lk_co_run_ready(struct lk_loop *loop);

#endif
