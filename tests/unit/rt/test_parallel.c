/*
 * Several things at once: how many, in which order, and what a cancel of the caller does, before
 * and while they run.
 */
#include "../test.h"

#include "rt/parallel.h"

#include <stdlib.h>

#define N 6

struct fixture {
    struct lk_loop *loop;
    struct lk_co *caller;
    unsigned running, most, begun, ended_well;
    bool cancel_first, ok;
    struct lk_error err;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    *state = f;
    return lk_loop_new(&f->loop, NULL) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    lk_loop_free(f->loop);
    free(f);
    return 0;
}

static void one(void *arg, size_t i)
{
    struct fixture *f = arg;

    assert_int_equal(f->begun, i);
    f->begun++;
    if (++f->running > f->most)
        f->most = f->running;
    f->ended_well += lk_co_sleep(f->loop, 5, NULL);
    f->running--;
}

static void call(void *arg)
{
    struct fixture *f = arg;

    if (f->cancel_first)
        lk_co_cancel(lk_co_self(f->loop));
    f->ok = lk_parallel(f->loop, 2, N, one, f, &f->err);
    assert_int_equal(f->running, 0);
}

static void run(struct fixture *f, unsigned cancel_at)
{
    assert_true(lk_co_start(f->loop, call, f, &f->caller, NULL));
    while (lk_co_count(f->loop) > 0) {
        if (cancel_at > 0 && f->begun >= cancel_at)
            lk_co_cancel(f->caller);
        lk_loop_run_once(f->loop, 50);
    }
}

static void test_all_of_them_and_few_at_a_time(void **state)
{
    struct fixture *f = *state;

    run(f, 0);
    assert_true(f->ok);
    assert_int_equal(f->ended_well, N);
    assert_int_equal(f->most, 2);
}

static void test_a_cancel_begins_no_other(void **state)
{
    struct fixture *f = *state;

    run(f, 1);
    assert_false(f->ok);
    assert_int_equal(f->err.kind, LK_ERROR_CANCELLED);
    assert_int_equal(f->begun, 2);
    assert_int_equal(f->ended_well, 0);
}

static void test_a_caller_that_was_cancelled_begins_none(void **state)
{
    struct fixture *f = *state;

    f->cancel_first = true;
    run(f, 0);
    assert_false(f->ok);
    assert_int_equal(f->err.kind, LK_ERROR_CANCELLED);
    assert_int_equal(f->begun, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_of_them_and_few_at_a_time),
        TEST(test_a_cancel_begins_no_other),
        TEST(test_a_caller_that_was_cancelled_begins_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
