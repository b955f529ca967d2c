/*
 * Signs of life of a tool that waits.
 */
#include "fake_looker.h"

#include "handlers/heartbeat.h"

static uint64_t wait_ms;

static bool waits(struct mcp_call *call, const void *args, struct lk_error *err)
{
    struct lk_heartbeat heartbeat;

    (void)args;
    lk_heartbeat_start(&heartbeat, call, 20, LK_STR("waiting"));
    bool ok = lk_co_sleep(lk_tool_context(call)->loop, wait_ms, err);
    lk_heartbeat_stop(&heartbeat);
    lk_buf_lit(mcp_call_answer(call), "{}");
    return ok;
}

static bool run_waiting(uint64_t ms, uint64_t cancel_after_ms)
{
    static const struct mcp_tool tool = {.name = "waits", .run = waits};
    struct lk_str answer;

    wait_ms = ms;
    fake_error = (struct lk_error){0};
    return fake_call(&tool, "{}", cancel_after_ms, &answer);
}

static void test_it_beats_while_the_tool_waits(void **state)
{
    (void)state;
    assert_true(run_waiting(130, 0));
    assert_in_range((uintmax_t)fake_progress, 2, 6);
}

static void test_it_is_silent_before_and_after(void **state)
{
    (void)state;
    assert_true(run_waiting(1, 0));
    assert_true(lk_co_count(fake_loop) == 0 && fake_progress < 1);
    /* Nothing fires later, when the heartbeat is gone. */
    struct lk_timer timer = lk_timer((void (*)(void *))(uintptr_t)lk_loop_stop, fake_loop);
    lk_timer_start(fake_loop, &timer, 60);
    lk_loop_run(fake_loop);
    assert_true(fake_progress < 1);
}

static void test_a_cancelled_wait_ends_it(void **state)
{
    (void)state;
    assert_false(run_waiting(5000, 50));
    assert_int_equal(fake_error.kind, LK_ERROR_CANCELLED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_beats_while_the_tool_waits),
        TEST(test_it_is_silent_before_and_after),
        TEST(test_a_cancelled_wait_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
