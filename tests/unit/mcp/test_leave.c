/*
 * Seeing a call out (leave of mcp/server.h): when it is called, that it may await, and the members
 * that it adds to whatever the call answers.
 */
#include "harness.h"

#include "rt/co.h"

static struct {
    int n_calls;
    enum lk_error_kind kind; /* how the last one had gone */
    bool awaited;
    uint64_t takes_ms;
    bool refuses, fails, keeps;
} left;

static bool admit(struct mcp_call *call, struct lk_error *err)
{
    (void)call;
    return !left.refuses || lk_fail(err, LK_ERROR_AUTH, "not you");
}

static void leave(struct mcp_call *call, struct lk_error *err)
{
    struct fixture_context *context = mcp_call_context(call);

    left.n_calls++;
    left.kind = err->kind;
    left.awaited = mcp_call_is_awaited(call);
    if (left.takes_ms > 0)
        lk_co_sleep(context->loop, left.takes_ms, NULL);
    mcp_call_add_member(call, "restore", LK_STR("{\"home\":\"main\"}"));
    mcp_call_add_member(call, "user", LK_STR("\"7\""));
    if (left.fails)
        lk_fail(err, LK_ERROR_UNSUPPORTED, "it was lost");
    if (left.keeps)
        mcp_call_fail_answer(
            call, &(struct lk_error){.kind = LK_ERROR_UNSUPPORTED, .message = "it was lost"});
}

static int setup(void **state)
{
    memset(&left, 0, sizeof(left));
    *state = world_new(&(struct mcp_server_options){
        .admit = admit, .leave = leave, .max_answer_bytes = 1000, .call_timeout_ms = 300});
    return 0;
}

static void members_stand_beside_the_answer(void **state)
{
    assert_contains(call_tool(*state, "sleep", "{\"ms\":0}"),
                    "\"text\":\"{\\\"slept_ms\\\":0,\\\"user\\\":\\\"7\\\",\\\"restore\\\":"
                    "{\\\"home\\\":\\\"main\\\"}}\"}],\"isError\":false");
    assert_int_equal(left.n_calls, 1);
    assert_int_equal(left.kind, LK_ERROR_NONE);
    assert_true(left.awaited);
    /* What a tool promises to structure says them too. */
    assert_contains(call_tool(*state, "echo", "{\"text\":\"a\"}"),
                    "\"structuredContent\":{\"count\":1,\"items\":[\"a\"],\"user\":\"7\",");
    /* And what a tool forwards with blanks behind it. */
    assert_contains(call_tool(*state, "pretty", "{}"), "\"restore\":{\"home\":\"main\"}}");
}

static void members_stand_in_errors(void **state)
{
    const char *body = call_tool(*state, "test_error_handling", "{}");

    assert_contains(body, "\\\"restore\\\":{\\\"home\\\":\\\"main\\\"}}\"}],\"isError\":true");
    assert_int_not_equal(left.kind, LK_ERROR_NONE);
    left.refuses = true;
    assert_contains(call_tool(*state, "sleep", "{\"ms\":0}"), "\\\"restore\\\"");
    assert_int_equal(left.kind, LK_ERROR_AUTH);
    assert_int_equal(left.n_calls, 2);
}

static void members_find_room_in_an_answer_at_its_limit(void **state)
{
    assert_contains(call_tool(*state, "big", "{\"bytes\":980}"), "restore");
    assert_contains(((struct world *)*state)->body, "\"isError\":false");
}

static void arguments_that_are_wrong_have_nothing_to_leave(void **state)
{
    assert_lacks(call_tool(*state, "sleep", "{\"ms\":\"x\"}"), "restore");
    assert_int_equal(left.n_calls, 0);
}

static void it_can_turn_a_success_into_a_failure(void **state)
{
    const char *body;

    left.fails = true;
    body = call_tool(*state, "sleep", "{\"ms\":0}");
    assert_contains(body, "{\\\"error\\\":\\\"it was lost\\\"");
    assert_contains(body, "\"isError\":true");
    assert_lacks(body, "slept_ms");
    left.fails = false;
    left.keeps = true;
    body = call_tool(*state, "echo", "{\"text\":\"a\"}");
    assert_contains(body, "\\\"items\\\":[\\\"a\\\"]");
    assert_contains(body, "\\\"error\\\":\\\"it was lost\\\",\\\"kind\\\":\\\"unsupported\\\"}");
    assert_contains(body, "\"isError\":true");
    assert_lacks(body, "structuredContent");
}

static void it_is_waited_for(void **state)
{
    left.takes_ms = 30;
    assert_contains(call_tool(*state, "sleep", "{\"ms\":0}"), "restore");
}

static void it_knows_whether_anybody_waits(void **state)
{
    struct world *world = *state;
    struct mcp_call *call = give(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                                        "\"params\":{\"name\":\"sleep\",\"arguments\":{\"ms\":"
                                        "50000}}}");

    mcp_call_cancel(call);
    wait_replies(world, 1);
    assert_string_equal(world->body, "");
    assert_int_equal(left.kind, LK_ERROR_CANCELLED);
    assert_false(left.awaited);
    /* A time limit is not the caller's doing. */
    assert_contains(call_tool(world, "sleep", "{\"ms\":50000}"), "restore");
    assert_true(left.awaited);
    give(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"
                "\"sleep\",\"arguments\":{\"ms\":50000}}}");
    mcp_server_cancel_all(world->server);
    wait_replies(world, 3);
    assert_false(left.awaited);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(members_stand_beside_the_answer),
        TEST(members_stand_in_errors),
        TEST(members_find_room_in_an_answer_at_its_limit),
        TEST(arguments_that_are_wrong_have_nothing_to_leave),
        TEST(it_can_turn_a_success_into_a_failure),
        TEST(it_is_waited_for),
        TEST(it_knows_whether_anybody_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
