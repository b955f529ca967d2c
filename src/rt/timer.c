/*
 * Timers: a binary heap whose entries know their place, and one timerfd. The timerfd is set again
 * only when the earliest deadline becomes earlier; a timer that is stopped leaves it set, and the
 * turn that it then causes for nothing sets it to what is earliest by then. Nearly every timer here
 * is a time-out that is stopped long before it is due, so this saves a system call for each.
 */
#include "base/memory.h"
#include "rt/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define FOREVER_MS UINT64_MAX

static void place(struct lk_loop *loop, struct lk_timer *timer, size_t index)
{
    loop->heap[index] = timer;
    timer->index_ = index;
}

/* Moves a timer from where it stands, towards the top or the bottom, to where it belongs. */
static void settle(struct lk_loop *loop, struct lk_timer *timer)
{
    size_t at = timer->index_, child;

    while (at > 1 && loop->heap[at / 2]->at_ms > timer->at_ms) {
        place(loop, loop->heap[at / 2], at);
        at /= 2;
    }
    while ((child = at * 2) <= loop->heap_len) {
        if (child < loop->heap_len && loop->heap[child + 1]->at_ms < loop->heap[child]->at_ms)
            child++;
        if (loop->heap[child]->at_ms >= timer->at_ms)
            break;
        place(loop, loop->heap[child], at);
        at = child;
    }
    place(loop, timer, at);
}

static void arm(struct lk_loop *loop)
{
    uint64_t at_ms = loop->heap_len > 0 ? loop->heap[1]->at_ms : FOREVER_MS;
    struct itimerspec spec = {0};

    if (at_ms >= loop->armed_ms)
        return;
    spec.it_value.tv_sec = (time_t)(at_ms / 1000);
    spec.it_value.tv_nsec = (long)(at_ms % 1000) * 1000000 + 1; /* all zeros would disarm it */
    if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) == 0)
        loop->armed_ms = at_ms;
}

static void on_timer_fd(void *arg, uint32_t events)
{
    struct lk_loop *loop = arg;
    uint64_t expirations;

    (void)events;
    if (read(loop->timer_fd, &expirations, sizeof(expirations)) == sizeof(expirations))
        loop->armed_ms = FOREVER_MS;
}

bool lk_timers_init(struct lk_loop *loop, struct lk_error *err)
{
    loop->armed_ms = FOREVER_MS;
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->timer_fd < 0)
        return lk_fail(err, LK_ERROR_INTERNAL, "cannot create a timerfd: %s", strerror(errno));
    loop->timer_watch = (struct lk_watch){.fd = loop->timer_fd, .ready = on_timer_fd, .arg = loop};
    return lk_loop_watch(loop, &loop->timer_watch, EPOLLIN, err);
}

void lk_timers_clean_up(struct lk_loop *loop)
{
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
    free(loop->heap);
}

void lk_timer_start(struct lk_loop *loop, struct lk_timer *timer, uint64_t delay_ms)
{
    uint64_t now_ms = lk_loop_now_ms(loop);

    /* The clock is read in whole milliseconds, so one more makes sure that none is early. */
    if (delay_ms > 0)
        delay_ms = delay_ms < FOREVER_MS - now_ms - 1 ? delay_ms + 1 : FOREVER_MS - now_ms - 1;
    timer->at_ms = now_ms + delay_ms;
    if (timer->index_ == 0) {
        if (loop->heap_len + 1 >= loop->heap_cap) {
            loop->heap_cap = loop->heap_cap * 2 + 64;
            loop->heap = lk_memory_resize(loop->heap, loop->heap_cap * sizeof(struct lk_timer *));
        }
        timer->index_ = ++loop->heap_len;
    }
    settle(loop, timer);
    arm(loop);
}

void lk_timer_stop(struct lk_loop *loop, struct lk_timer *timer)
{
    struct lk_timer *last;
    size_t index = timer->index_;

    if (index == 0)
        return;
    timer->index_ = 0;
    last = loop->heap[loop->heap_len--];
    if (last != timer) {
        last->index_ = index;
        settle(loop, last);
    }
}

void lk_timers_run(struct lk_loop *loop)
{
    size_t budget = loop->heap_len; /* one that a callback starts with delay 0 waits a turn */
    uint64_t now_ms;
    struct lk_timer *timer;

    if (budget == 0)
        return;
    now_ms = lk_loop_now_ms(loop);
    while (budget-- > 0 && loop->heap_len > 0 && loop->heap[1]->at_ms <= now_ms) {
        timer = loop->heap[1];
        lk_timer_stop(loop, timer);
        timer->fire(timer->arg);
    }
    arm(loop);
}
