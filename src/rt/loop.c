/*
 * The loop: h2o's evloop with a private epoll as one of its sockets, watched fds, deferred
 * functions and the order of a turn (internal.h has the drawing). Timers are in timer.c.
 * Called by everything that runs on a worker thread.
 */
#include "base/memory.h"
#include "rt/internal.h"

#include <assert.h>
#include <errno.h>
#include <h2o/socket.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t lk_loop_now_ms(const struct lk_loop *loop)
{
    struct lk_loop *cache = (struct lk_loop *)loop;

    /* Read by the first who asks after the wait: many turns need no clock at all. */
    if (!loop->in_turn || !loop->now_is_known) {
        cache->now_ms = clock_ms();
        cache->now_is_known = loop->in_turn;
    }
    return loop->now_ms;
}

/* Ends the wait of a turn, from any thread. */
static void wake(struct lk_loop *loop)
{
    static const uint64_t one = 1;

    (void)!write(loop->event_fd, &one, sizeof(one));
}

/* ---- the private epoll ---- */

static void run_rounds(struct lk_loop *loop);
static void take_posted(struct lk_loop *loop);

static void on_epoll_readable(h2o_socket_t *socket, const char *err)
{
    struct lk_loop *loop = socket->data;
    int n;

    (void)err;
    n = epoll_wait(loop->epoll_fd, loop->batch, LK_LOOP_BATCH, 0);
    loop->batch_len = n > 0 ? n : 0;
    for (loop->batch_next = 0; loop->batch_next < loop->batch_len;) {
        struct epoll_event *event = &loop->batch[loop->batch_next++];
        struct lk_watch *watch = event->data.ptr;

        if (watch != NULL)
            watch->ready(watch->arg, event->events);
    }
    loop->batch_len = 0;
    /* Here, not after h2o's turn: what coroutines write to h2o's sockets completes in this turn. */
    run_rounds(loop);
}

static void on_event_fd(void *arg, uint32_t events)
{
    struct lk_loop *loop = arg;
    uint64_t count;

    /* Only there to end a wait: whoever wrote to it has set loop->stop, or posted, before. */
    (void)events;
    (void)!read(loop->event_fd, &count, sizeof(count));
    take_posted(loop);
}

bool lk_loop_spare_files(size_t n, struct lk_error *err)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    bool ok = fd >= 0 && (n <= 1 || lk_loop_spare_files(n - 1, err));

    if (fd < 0)
        lk_fail(err, LK_ERROR_INTERNAL, "cannot open what an event loop needs: %s",
                strerror(errno));
    else
        close(fd);
    return ok;
}

static bool open_epoll(struct lk_loop *loop, struct lk_error *err)
{
    if (!lk_loop_spare_files(2, err))
        return false;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        return lk_fail(err, LK_ERROR_INTERNAL, "cannot create an epoll: %s", strerror(errno));
    loop->h2o = h2o_evloop_create();
    loop->socket = h2o_evloop_socket_create(loop->h2o, loop->epoll_fd, H2O_SOCKET_FLAG_DONT_READ);
    loop->socket->data = loop;
    h2o_socket_read_start(loop->socket, on_epoll_readable);

    loop->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->event_fd < 0)
        return lk_fail(err, LK_ERROR_INTERNAL, "cannot create an eventfd: %s", strerror(errno));
    loop->event_watch = (struct lk_watch){.fd = loop->event_fd, .ready = on_event_fd, .arg = loop};
    return lk_loop_watch(loop, &loop->event_watch, EPOLLIN, err);
}

bool lk_loop_new(struct lk_loop **ret_loop, struct lk_error *err)
{
    struct lk_loop *loop = lk_memory_new(sizeof(*loop));

    loop->epoll_fd = loop->timer_fd = loop->event_fd = -1;
    atomic_init(&loop->stop, false);
    pthread_mutex_init(&loop->post_mutex, NULL);
    loop->co = lk_co_state_new();
    if (!open_epoll(loop, err) || !lk_timers_init(loop, err)) {
        lk_loop_free(loop);
        return false;
    }
    *ret_loop = loop;
    return true;
}

void lk_loop_free(struct lk_loop *loop)
{
    if (loop == NULL)
        return;
    assert(loop->hooks == NULL && lk_co_count(loop) == 0);
    lk_co_state_free(loop->co);
    lk_timers_clean_up(loop);
    if (loop->event_fd >= 0)
        close(loop->event_fd);
    if (loop->h2o != NULL) {
        h2o_socket_close(loop->socket);
        /* h2o 2.2.5 leaves its own epoll fd open here: one for each loop that ever was. */
        h2o_evloop_destroy(loop->h2o);
    }
    free(loop->deferred);
    free(loop->spare);
    free(loop->posted);
    pthread_mutex_destroy(&loop->post_mutex);
    free(loop);
}

struct st_h2o_evloop_t *lk_loop_h2o(struct lk_loop *loop)
{
    return loop->h2o;
}

/* ---- watches ---- */

bool lk_loop_watch(struct lk_loop *loop, struct lk_watch *watch, uint32_t events,
                   struct lk_error *err)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    watch->events_ = events;
    watch->always_ready_ = false;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) == 0)
        return true;
    if (errno != EPERM)
        return lk_fail(err, LK_ERROR_INTERNAL, "cannot watch file descriptor %d: %s", watch->fd,
                       strerror(errno));
    watch->always_ready_ = true;
    watch->next_ = loop->always_ready;
    loop->always_ready = watch;
    return true;
}

void lk_loop_rewatch(struct lk_loop *loop, struct lk_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    if (watch->events_ == events)
        return;
    watch->events_ = events;
    if (!watch->always_ready_)
        (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void lk_loop_unwatch(struct lk_loop *loop, struct lk_watch *watch)
{
    if (watch->always_ready_) {
        struct lk_watch **link = &loop->always_ready;

        while (*link != NULL && *link != watch)
            link = &(*link)->next_;
        if (*link != NULL)
            *link = watch->next_;
        if (loop->always_cursor == watch)
            loop->always_cursor = watch->next_;
        return;
    }
    /* The fd may be closed already, which took it out: nothing to report then. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    for (int i = loop->batch_next; i < loop->batch_len; i++)
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
}

static bool any_always_ready(const struct lk_loop *loop)
{
    for (const struct lk_watch *watch = loop->always_ready; watch != NULL; watch = watch->next_)
        if ((watch->events_ & (EPOLLIN | EPOLLOUT)) != 0)
            return true;
    return false;
}

static void run_always_ready(struct lk_loop *loop)
{
    struct lk_watch *watch = loop->always_ready;

    while (watch != NULL) {
        uint32_t events = watch->events_ & (EPOLLIN | EPOLLOUT);

        loop->always_cursor = watch->next_; /* unwatching moves it on */
        if (events != 0)
            watch->ready(watch->arg, events);
        watch = loop->always_cursor;
    }
}

/* ---- deferred functions and hooks ---- */

void lk_loop_defer(struct lk_loop *loop, void (*fn)(void *arg), void *arg)
{
    if (loop->deferred_len == loop->deferred_cap) {
        loop->deferred_cap = loop->deferred_cap * 2 + 16;
        loop->deferred =
            lk_memory_resize(loop->deferred, loop->deferred_cap * sizeof(struct lk_deferred));
    }
    loop->deferred[loop->deferred_len++] = (struct lk_deferred){fn, arg};
}

/* Runs what is queued now; what that queues goes into the other array and waits. */
static void run_deferred(struct lk_loop *loop)
{
    struct lk_deferred *queue = loop->deferred;
    size_t len = loop->deferred_len, cap = loop->deferred_cap;

    loop->deferred = loop->spare;
    loop->deferred_cap = loop->spare_cap;
    loop->deferred_len = 0;
    loop->spare = NULL;
    loop->spare_cap = 0;
    for (size_t i = 0; i < len; i++)
        queue[i].fn(queue[i].arg);
    loop->spare = queue;
    loop->spare_cap = cap;
}

/* Only the first of several wakes the loop: it takes all that are there, and the wake comes before
 * that. */
void lk_loop_post(struct lk_loop *loop, void (*fn)(void *arg), void *arg)
{
    bool first;

    pthread_mutex_lock(&loop->post_mutex);
    first = loop->posted_len == 0;
    if (loop->posted_len == loop->posted_cap) {
        loop->posted_cap = loop->posted_cap * 2 + 16;
        loop->posted =
            lk_memory_resize(loop->posted, loop->posted_cap * sizeof(struct lk_deferred));
    }
    loop->posted[loop->posted_len++] = (struct lk_deferred){fn, arg};
    pthread_mutex_unlock(&loop->post_mutex);
    if (first)
        wake(loop);
}

static void take_posted(struct lk_loop *loop)
{
    pthread_mutex_lock(&loop->post_mutex);
    for (size_t i = 0; i < loop->posted_len; i++)
        lk_loop_defer(loop, loop->posted[i].fn, loop->posted[i].arg);
    loop->posted_len = 0;
    pthread_mutex_unlock(&loop->post_mutex);
}

void lk_loop_add_hook(struct lk_loop *loop, struct lk_loop_hook *hook)
{
    hook->next = loop->hooks;
    loop->hooks = hook;
}

void lk_loop_remove_hook(struct lk_loop *loop, struct lk_loop_hook *hook)
{
    for (struct lk_loop_hook **link = &loop->hooks; *link != NULL; link = &(*link)->next)
        if (*link == hook) {
            *link = hook->next;
            return;
        }
}

static void run_hooks(struct lk_loop *loop)
{
    for (struct lk_loop_hook *hook = loop->hooks, *next; hook != NULL; hook = next) {
        next = hook->next;
        if (hook->wanted) {
            hook->wanted = false;
            hook->run(hook->arg);
        }
    }
}

/* ---- turns ---- */

static bool has_work(const struct lk_loop *loop)
{
    if (loop->deferred_len > 0 || lk_co_any_ready(loop))
        return true;
    for (const struct lk_loop_hook *hook = loop->hooks; hook != NULL; hook = hook->next)
        if (hook->wanted)
            return true;
    return false;
}

static void run_rounds(struct lk_loop *loop)
{
    for (int round = 0; round < LK_LOOP_ROUNDS && has_work(loop); round++) {
        run_deferred(loop);
        run_hooks(loop);
        lk_co_run_ready(loop);
    }
}

/* A write that is made outside of h2o's turn may have completed at once; h2o calls back in its next
 * turn, but only after its wait. */
static bool h2o_has_work(const struct lk_loop *loop)
{
    return loop->h2o->_pending_as_client != NULL || loop->h2o->_pending_as_server != NULL;
}

void lk_loop_run_once(struct lk_loop *loop, int32_t wait_ms)
{
    /* h2o takes a negative wait for a huge unsigned one. */
    if (wait_ms < 0)
        wait_ms = INT32_MAX;
    if (has_work(loop) || any_always_ready(loop) || h2o_has_work(loop))
        wait_ms = 0;
    loop->in_turn = true;
    loop->now_is_known = false;
    (void)h2o_evloop_run(loop->h2o, wait_ms);
    lk_timers_run(loop);
    run_always_ready(loop);
    run_rounds(loop);
    loop->in_turn = false;
}

void lk_loop_run(struct lk_loop *loop)
{
    while (!lk_loop_stopping(loop))
        lk_loop_run_once(loop, INT32_MAX);
    atomic_store(&loop->stop, false);
}

void lk_loop_stop(struct lk_loop *loop)
{
    int saved_errno = errno; /* a signal handler must leave it as it was */

    atomic_store(&loop->stop, true);
    wake(loop);
    errno = saved_errno;
}

bool lk_loop_stopping(const struct lk_loop *loop)
{
    return atomic_load(&loop->stop);
}
