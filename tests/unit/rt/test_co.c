/*
 * Coroutines: starting, parking, waking, cancelling and nesting them, many at once, reusing their
 * stacks, and what becomes of one that needs more stack than it has.
 */
#include "../test.h"

#include "base/buf.h"
#include "rt/co.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    struct lk_loop *loop;
    struct lk_buf trace; /* what happened, a letter each */
    struct lk_co *co;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    lk_buf_init(&f->trace, 4096);
    *state = f;
    return lk_loop_new(&f->loop, NULL) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    lk_loop_free(f->loop);
    lk_buf_free(&f->trace);
    free(f);
    return 0;
}

static void turns(struct fixture *f, int n)
{
    while (n-- > 0)
        lk_loop_run_once(f->loop, 0);
}

/* ---- one coroutine ---- */

static void returns_at_once(void *arg)
{
    struct fixture *f = arg;

    assert_non_null(lk_co_self(f->loop));
    lk_buf_char(&f->trace, 'a');
}

static void test_runs_at_once_and_ends(void **state)
{
    struct fixture *f = *state;
    struct lk_co *co = (struct lk_co *)f;

    assert_true(lk_co_start(f->loop, returns_at_once, f, &co, NULL));
    assert_str(lk_buf_view(&f->trace), "a");
    assert_null(co);
    assert_null(lk_co_self(f->loop));
    assert_int_equal(lk_co_count(f->loop), 0);
    assert_true(lk_co_start(f->loop, returns_at_once, f, NULL, NULL));
    assert_str(lk_buf_view(&f->trace), "aa");
}

static void parks_twice(void *arg)
{
    struct fixture *f = arg;

    lk_buf_char(&f->trace, 'a');
    lk_co_park(f->loop);
    lk_buf_char(&f->trace, 'b');
    lk_co_park(f->loop);
    lk_buf_char(&f->trace, 'c');
}

static void test_parks_until_woken(void **state)
{
    struct fixture *f = *state;
    struct lk_co *co;

    assert_true(lk_co_start(f->loop, parks_twice, f, &co, NULL));
    assert_non_null(co);
    assert_int_equal(lk_co_count(f->loop), 1);
    turns(f, 3);
    assert_str(lk_buf_view(&f->trace), "a");
    lk_co_wake(co);
    lk_co_wake(co); /* the second changes nothing */
    assert_str(lk_buf_view(&f->trace), "a");
    turns(f, 3);
    assert_str(lk_buf_view(&f->trace), "ab");
    lk_co_wake(co);
    turns(f, 1);
    assert_str(lk_buf_view(&f->trace), "abc");
    assert_int_equal(lk_co_count(f->loop), 0);
}

/* A wake must not leave the loop waiting although there is something to run. */
static void test_does_not_wait_when_one_is_ready(void **state)
{
    struct fixture *f = *state;
    uint64_t before = lk_loop_now_ms(f->loop);

    assert_true(lk_co_start(f->loop, parks_twice, f, &f->co, NULL));
    lk_co_wake(f->co);
    lk_loop_run_once(f->loop, 5000);
    lk_co_wake(f->co);
    lk_loop_run_once(f->loop, 5000);
    assert_true(lk_loop_now_ms(f->loop) - before < 2000);
    assert_str(lk_buf_view(&f->trace), "abc");
}

/* ---- cancelling and sleeping ---- */

static void sleeps_long(void *arg)
{
    struct fixture *f = arg;
    struct lk_error err = {0};

    assert_false(lk_co_sleep(f->loop, 60000, &err));
    assert_int_equal(err.kind, LK_ERROR_CANCELLED);
    lk_buf_char(&f->trace, 'x');
    assert_false(lk_co_sleep(f->loop, 60000, NULL)); /* every later await fails as well */
    lk_buf_char(&f->trace, 'y');
}

static void test_cancel_fails_this_and_later_awaits(void **state)
{
    struct fixture *f = *state;
    struct lk_co *co;

    assert_true(lk_co_start(f->loop, sleeps_long, f, &co, NULL));
    turns(f, 2);
    assert_str(lk_buf_view(&f->trace), "");
    assert_false(lk_co_cancelled(co));
    lk_co_cancel(co);
    assert_true(lk_co_cancelled(co));
    turns(f, 1);
    assert_str(lk_buf_view(&f->trace), "xy");
    assert_int_equal(lk_co_count(f->loop), 0);

    /* The stack that it leaves behind is clean: the next one on it is not cancelled. */
    assert_true(lk_co_start(f->loop, parks_twice, f, &co, NULL));
    assert_false(lk_co_cancelled(co));
    lk_co_wake(co);
    turns(f, 1);
    lk_co_wake(co);
    turns(f, 1);
}

static void cancels_itself(void *arg)
{
    struct fixture *f = arg;

    lk_co_cancel(lk_co_self(f->loop));
    assert_false(lk_co_sleep(f->loop, 60000, NULL));
    lk_buf_char(&f->trace, 'z');
}

static void test_cancelled_before_it_awaits(void **state)
{
    struct fixture *f = *state;
    struct lk_co *co;

    assert_true(lk_co_start(f->loop, cancels_itself, f, &co, NULL));
    assert_null(co);
    assert_str(lk_buf_view(&f->trace), "z");
}

static void sleeps_a_little(void *arg)
{
    struct fixture *f = arg;
    uint64_t before = lk_loop_now_ms(f->loop);

    assert_true(lk_co_sleep(f->loop, 20, NULL));
    assert_true(lk_loop_now_ms(f->loop) - before >= 20);
    assert_true(lk_loop_now_ms(f->loop) - before < 2000);
    lk_loop_stop(f->loop);
}

static void test_sleeps(void **state)
{
    struct fixture *f = *state;

    assert_true(lk_co_start(f->loop, sleeps_a_little, f, NULL, NULL));
    lk_loop_run(f->loop);
    assert_int_equal(lk_co_count(f->loop), 0);
}

/* ---- several ---- */

static void inner(void *arg)
{
    struct fixture *f = arg;

    lk_buf_char(&f->trace, 'i');
    lk_co_park(f->loop);
    lk_buf_char(&f->trace, 'j');
    lk_co_wake(f->co); /* the outer one; it must not run before this one lets go */
    lk_buf_char(&f->trace, 'k');
}

static void outer(void *arg)
{
    struct fixture *f = arg;
    struct lk_co *self = lk_co_self(f->loop), *child;

    f->co = self;
    lk_buf_char(&f->trace, 'o');
    assert_true(lk_co_start(f->loop, inner, f, &child, NULL));
    assert_ptr_equal(lk_co_self(f->loop), self);
    lk_buf_char(&f->trace, 'p');
    lk_co_wake(child);
    lk_buf_char(&f->trace, 'q');
    lk_co_park(f->loop);
    lk_buf_char(&f->trace, 'r');
}

static void test_nests_starts_but_never_wakes(void **state)
{
    struct fixture *f = *state;

    assert_true(lk_co_start(f->loop, outer, f, NULL, NULL));
    turns(f, 2);
    assert_str(lk_buf_view(&f->trace), "oipqjkr");
    assert_int_equal(lk_co_count(f->loop), 0);
}

struct one_of_many {
    struct lk_loop *loop;
    struct lk_co *co;
    unsigned number, sum;
};

static __attribute__((noinline)) unsigned dig(struct one_of_many *one, unsigned depth)
{
    volatile unsigned here = one->number + depth;

    if (depth == 0)
        lk_co_park(one->loop);
    else
        (void)dig(one, depth - 1);
    return here;
}

static void many(void *arg)
{
    struct one_of_many *one = arg;

    for (unsigned round = 0; round < 5; round++)
        one->sum += dig(one, one->number % 7) - one->number % 7;
}

static void test_a_thousand_at_once(void **state)
{
    enum { N = 1000 };
    struct fixture *f = *state;
    struct one_of_many *all = calloc(N, sizeof(*all));

    for (unsigned i = 0; i < N; i++) {
        all[i] = (struct one_of_many){.loop = f->loop, .number = i};
        assert_true(lk_co_start(f->loop, many, &all[i], &all[i].co, NULL));
    }
    assert_int_equal(lk_co_count(f->loop), N);
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < N; i++)
            lk_co_wake(all[(i * 7) % N].co);
        turns(f, 1);
    }
    assert_int_equal(lk_co_count(f->loop), 0);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(all[i].sum, 5 * i);
    free(all);
}

static void parks_once(void *arg)
{
    lk_co_park(arg);
}

static void test_refuses_too_many(void **state)
{
    struct fixture *f = *state;
    struct lk_co **all = calloc(LK_CO_MAX, sizeof(*all));
    struct lk_error err = {0};

    for (size_t i = 0; i < LK_CO_MAX; i++)
        assert_true(lk_co_start(f->loop, parks_once, f->loop, &all[i], NULL));
    assert_false(lk_co_start(f->loop, parks_once, f->loop, NULL, &err));
    assert_int_equal(err.kind, LK_ERROR_LIMIT);
    assert_non_null(strstr(err.message, "4096"));
    lk_co_wake(all[17]);
    turns(f, 1);
    assert_true(lk_co_start(f->loop, parks_once, f->loop, &all[17], NULL));
    for (size_t i = 0; i < LK_CO_MAX; i++)
        lk_co_wake(all[i]);
    turns(f, 1);
    assert_int_equal(lk_co_count(f->loop), 0);

    err = (struct lk_error){0};
    lk_co_set_max(f->loop, 1);
    assert_true(lk_co_start(f->loop, parks_once, f->loop, &all[0], NULL));
    assert_false(lk_co_start(f->loop, parks_once, f->loop, NULL, &err));
    assert_non_null(strstr(err.message, "1 calls are in progress"));
    lk_co_wake(all[0]);
    turns(f, 1);
    free(all);
}

/* Two that wake each other for ever must leave the loop able to do other things. */
static void ping_pong(void *arg)
{
    struct fixture *f = arg;
    struct lk_co *other = f->co;

    f->co = lk_co_self(f->loop);
    while (!lk_co_cancelled(lk_co_self(f->loop))) {
        if (other == NULL)
            other = f->co;
        lk_co_wake(other);
        lk_co_park(f->loop);
        other = f->co != lk_co_self(f->loop) ? f->co : other;
    }
}

static void count_ticks(void *arg)
{
    ++*(int *)arg;
}

static void test_busy_coroutines_do_not_starve_timers(void **state)
{
    struct fixture *f = *state;
    struct lk_co *a, *b;
    int ticks = 0;
    struct lk_timer timer = lk_timer(count_ticks, &ticks);

    assert_true(lk_co_start(f->loop, ping_pong, f, &a, NULL));
    assert_true(lk_co_start(f->loop, ping_pong, f, &b, NULL));
    lk_timer_start(f->loop, &timer, 5);
    for (int i = 0; i < 2000000 && ticks == 0; i++)
        lk_loop_run_once(f->loop, 1000);
    assert_int_equal(ticks, 1);
    lk_co_cancel(a);
    lk_co_cancel(b);
    turns(f, 3);
    assert_int_equal(lk_co_count(f->loop), 0);
}

/* ---- the guard page ---- */

/* Each frame points to the one before, so that no compiler makes a loop of it. */
static __attribute__((noinline)) unsigned overflow(unsigned depth, const volatile char *before)
{
    volatile char frame[512];

    frame[0] = before[0];
    frame[511] = (char)depth;
    return depth == 0 ? 0 : overflow(depth - 1, frame) + (unsigned)frame[511];
}

static void overflows(void *arg)
{
    const volatile char first = 1;

    lk_co_park(arg);
    (void)overflow(600, &first); /* some 300 KiB on a stack of 256 KiB */
}

/* The stacks made after it lie right below it, so without a guard page nothing would be noticed. */
static void overflow_among_others(struct lk_loop *loop)
{
    struct lk_co *co;

    lk_co_start(loop, overflows, loop, &co, NULL);
    for (int i = 0; i < 4; i++)
        lk_co_start(loop, parks_once, loop, NULL, NULL);
    lk_co_wake(co);
    lk_loop_run_once(loop, 0);
}

static void test_overflow_hits_the_guard_page(void **state)
{
    struct fixture *f = *state;
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGSEGV, SIG_DFL); /* cmocka's handler would need the stack that is gone */
        (void)!freopen("/dev/null", "w", stderr);
        overflow_among_others(f->loop);
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
#ifdef __SANITIZE_ADDRESS__
    assert_true(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 0));
#else
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
#endif
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_runs_at_once_and_ends),
        TEST(test_parks_until_woken),
        TEST(test_does_not_wait_when_one_is_ready),
        TEST(test_cancel_fails_this_and_later_awaits),
        TEST(test_cancelled_before_it_awaits),
        TEST(test_sleeps),
        TEST(test_nests_starts_but_never_wakes),
        TEST(test_a_thousand_at_once),
        TEST(test_refuses_too_many),
        TEST(test_busy_coroutines_do_not_starve_timers),
        TEST(test_overflow_hits_the_guard_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
