/*
 * tools/call: answers, what goes wrong with arguments and tools, limits, cancelling, progress.
 */
#include "harness.h"

#define TEXT(text) "{\"content\":[{\"type\":\"text\",\"text\":\"" text "\"}]"

static void an_answer_is_text(void **state)
{
    assert_string_equal(call_tool(*state, "sleep", "{\"ms\":0}"),
                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" TEXT(
                            "{\\\"slept_ms\\\":0}") ",\"isError\":false}}");
}

static void arguments_may_be_left_out(void **state)
{
    assert_contains(ask(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                                "\"params\":{\"name\":\"test_simple_text\"}}"),
                    "simple text response");
    assert_contains(call_tool(*state, "test_simple_text", "{}"), "simple text response");
}

static void structured_content_where_promised(void **state)
{
    assert_string_equal(
        call_tool(*state, "echo", "{\"text\":\"a\\\"b\\u00e9\",\"times\":2}"),
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" TEXT(
            "{\\\"count\\\":2,\\\"items\\\":[\\\"a\\\\\\\"b\xc3\xa9\\\",\\\"a\\\\\\\"b\xc3\xa9"
            "\\\"]}") ",\"structuredContent\":{\"count\":2,\"items\":[\"a\\\"b\xc3\xa9\","
                      "\"a\\\"b\xc3\xa9\"]},\"isError\":false}}");
    assert_lacks(call_tool(*state, "test_simple_text", "{}"), "structuredContent");
}

/* Structured content came with 2025-06-18. */
static void no_structured_content_before_its_time(void **state)
{
    struct world *world = *state;

    assert_lacks(call_tool(world, "echo", "{\"text\":\"a\"}"), "structuredContent");
    world->headers[0].name = "mcp-protocol-version";
    world->headers[0].value = "2025-06-18";
    assert_contains(call_tool(world, "echo", "{\"text\":\"a\"}"), "structuredContent");
}

/* A message on stdio is one line, whatever the tool forwards. */
static void answers_have_no_line_breaks(void **state)
{
    const char *body = call_tool(*state, "pretty", "{}");

    assert_null(strpbrk(body, "\r\n"));
    assert_contains(body, "\"structuredContent\":{    \"id\": 9007199254740993,   \"name\": "
                          "\"a\\nb\" }");
}

static void bad_arguments_are_the_tools_answer(void **state)
{
    static const struct {
        const char *arguments, *part;
    } cases[] = {
        {"{}", "text"},
        {"{\"text\":[7]}", "text: expected a string"},
        {"{\"text\":\"a\",\"times\":\"2\"}", "times"},
        {"{\"text\":\"a\",\"times\":101}", "times"},
        {"{\"text\":\"a\",\"time\":1}", "did you mean \\\\\\\"times\\\\\\\""},
        {"{\"text\":\"a\",\"times\":9007199254740993}", "beyond 2^53"},
        {"{\"text\":\"a\\u0000b\"}", "u0000"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *body = call_tool(*state, "echo", cases[i].arguments);

        assert_contains(body, "\"text\":\"{\\\"error\\\":\\\"");
        assert_contains(body, cases[i].part);
        assert_contains(body, "\\\"kind\\\":\\\"argument\\\"");
        assert_contains(body, "\"isError\":true}");
        assert_lacks(body, "structuredContent");
    }
}

static void malformed_calls_are_protocol_errors(void **state)
{
    static const struct {
        const char *params, *part;
    } cases[] = {
        {"", "params.name must be a string"},
        {",\"params\":{}", "params.name must be a string"},
        {",\"params\":{\"name\":7}", "params.name must be a string"},
        {",\"params\":{\"name\":\"echo\",\"arguments\":[]}", "params.arguments must be an object"},
        {",\"params\":{\"name\":\"echo\",\"arguments\":\"{}\"}",
         "params.arguments must be an object"},
        {",\"params\":{\"name\":\"slep\"}",
         "unknown tool \\\"slep\\\"; did you mean \\\"sleep\\\"?"},
        {",\"params\":{\"name\":\"entirely_else\"}", "unknown tool \\\"entirely_else\\\"\""},
        {",\"params\":{\"name\":\"\"}", "unknown tool \\\"\\\"\""},
        {",\"params\":{\"name\":\"echo\\u0000\"}", "unknown tool"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];

        snprintf(text, sizeof(text),
                 "{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"tools/call\"%s}", cases[i].params);
        ask(world, text);
        assert_contains(world->body,
                        "{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"error\":{\"code\":-32602,");
        assert_contains(world->body, cases[i].part);
    }
}

static void explain_unserved(struct lk_str tool, struct lk_buf *out)
{
    if (lk_str_eq(tool, LK_STR("slep")))
        lk_buf_lit(out, ": it is asleep");
    if (lk_str_eq(tool, LK_STR("long")))
        for (int i = 0; i < 1000; i++)
            lk_buf_lit(out, ": why?");
}

static int setup_unserved(void **state)
{
    const struct mcp_server_options options = {.explain_unserved = explain_unserved};

    *state = world_new(&options);
    return 0;
}

static void a_tool_that_is_not_served_is_explained(void **state)
{
    struct world *world = *state;

    ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"
               "\"slep\"}}");
    assert_contains(world->body, "\"unknown tool \\\"slep\\\": it is asleep\"");
    ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"
               "\"echoo\"}}");
    assert_contains(world->body, "; did you mean \\\"echo\\\"?\"");
    ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"
               "\"long\"}}");
    assert_contains(world->body, "unknown tool \\\"long\\\": why?");
}

static void failures_say_what_is_known(void **state)
{
    assert_string_equal(
        call_tool(*state, "test_error_handling", "{}"),
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" TEXT(
            "{\\\"error\\\":\\\"this tool \\\\\\\"always\\\\\\\" fails\\\",\\\"kind\\\":"
            "\\\"unsupported\\\"}") ",\"isError\":true}}");
    assert_string_equal(
        call_tool(*state, "test_error_handling", "{\"how\":\"upstream\"}"),
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" TEXT(
            "{\\\"error\\\":\\\"the peer said no\\\",\\\"kind\\\":\\\"upstream\\\",\\\"status\\\":"
            "422,\\\"detail\\\":\\\"it is in a bad mood\\\",\\\"body\\\":{\\\"message\\\":"
            "\\\"Validation Failed\\\",\\n \\\"errors\\\":[9007199254740993]}}") ",\"isError\":"
                                                                                 "true}}");
    assert_contains(call_tool(*state, "test_error_handling", "{\"how\":\"text\"}"),
                    "\\\"body\\\":\\\"<html>\xef\xbf\xbd not JSON</html>\\\"}");
    assert_contains(call_tool(*state, "test_error_handling", "{\"how\":\"silent\"}"),
                    "\\\"kind\\\":\\\"internal\\\"");
}

static void a_tool_that_breaks_its_promise_is_an_error(void **state)
{
    assert_contains(call_tool(*state, "silent", "{}"), "\"isError\":true");
    assert_contains(call_tool(*state, "broken", "{}"), "\"isError\":true");
    assert_lacks(call_tool(*state, "broken", "{}"), "structuredContent");
}

/* ---- limits ---- */

static int setup_limits(void **state)
{
    const struct mcp_server_options options = {
        .max_answer_bytes = 1000, .max_in_flight = 2, .call_timeout_ms = 30};

    *state = world_new(&options);
    return 0;
}

static void answers_have_a_limit(void **state)
{
    assert_contains(call_tool(*state, "big", "{\"bytes\":900}"), "\"isError\":false");
    assert_contains(call_tool(*state, "big", "{\"bytes\":1000}"),
                    "larger than 1000 bytes, the limit of one answer (max_answer_bytes); ask for "
                    "fewer");
    assert_contains(call_tool(*state, "big", "{\"bytes\":100000}"), "\"isError\":true");
}

static void large_answers_arrive_whole(void **state)
{
    struct world *world = *state;

    assert_contains(call_tool(world, "big", "{\"bytes\":5000000}"), "\"isError\":false");
    assert_true(strlen(world->body) > 5000000 && strlen(world->body) < 5000200);
}

#define SLEEP(id, ms)                                                                              \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\",\"params\":{\"name\":\"sleep\"," \
    "\"arguments\":{\"ms\":" ms "}}}"

static int setup_queue(void **state)
{
    const struct mcp_server_options options = {
        .max_in_flight = 1, .max_queue = 2, .call_timeout_ms = 2000};

    *state = world_new(&options);
    return 0;
}

static void calls_wait_for_their_turn(void **state)
{
    struct world *world = *state;

    assert_non_null(give(world, SLEEP("1", "20")));
    assert_non_null(give(world, SLEEP("2", "20")));
    assert_non_null(give(world, SLEEP("3", "20")));
    assert_int_equal(world->n_replies, 0);
    assert_null(give(world, SLEEP("4", "20")));
    assert_contains(world->body, "\"id\":4");
    assert_contains(world->body, "1 calls run, the limit (max_in_flight), and as many wait as may "
                                 "(2, max_queue)");
    for (int i = 0; i < 3; i++) {
        static const char *const ids[] = {"\"id\":1", "\"id\":2", "\"id\":3"};

        wait_replies(world, 2 + i);
        assert_contains(world->body, ids[i]);
        assert_contains(world->body, "\"isError\":false");
    }
    assert_contains(call_tool(world, "sleep", "{\"ms\":1}"), "\"isError\":false");
}

static void a_call_is_cancelled_while_it_waits(void **state)
{
    struct world *world = *state;

    give(world, SLEEP("1", "50"));
    give(world, SLEEP("2", "60000"));
    give(world, SLEEP("3", "1"));
    give(world, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
                "\"requestId\":2}}");
    wait_replies(world, 4); /* of the notification, the cancelled one (empty), 1 and 3 */
    assert_contains(world->body, "\"id\":3");
    assert_contains(world->body, "\"isError\":false");
    give(world, SLEEP("4", "60000"));
    give(world, SLEEP("5", "60000"));
    mcp_server_cancel_all(world->server);
    wait_replies(world, 6);
    assert_contains(world->body, "shutting down");
}

static int setup_hurried_queue(void **state)
{
    const struct mcp_server_options options = {
        .max_in_flight = 1, .max_queue = 2, .call_timeout_ms = 600};

    *state = world_new(&options);
    return 0;
}

static void the_wait_counts_as_time(void **state)
{
    struct world *world = *state;

    give(world, SLEEP("1", "300"));
    give(world, SLEEP("2", "500"));
    wait_replies(world, 1);
    assert_contains(world->body, "\"isError\":false");
    wait_replies(world, 2);
    assert_contains(world->body, "longer than its limit of 600 ms");
}

static void calls_in_flight_have_a_limit(void **state)
{
    struct world *world = *state;

    assert_non_null(give(world, SLEEP("1", "10")));
    assert_non_null(give(world, SLEEP("2", "10")));
    assert_int_equal(mcp_server_in_flight(world->server), 2);
    assert_null(give(world, SLEEP("3", "10")));
    assert_int_equal(world->n_replies, 1);
    assert_contains(world->body, "\"id\":3");
    assert_contains(world->body, "2 calls run, the limit (max_in_flight), and as many wait as may "
                                 "(0, max_queue)");
    assert_contains(world->body, "\\\"kind\\\":\\\"limit\\\"");
    wait_replies(world, 3);
    assert_contains(call_tool(world, "sleep", "{\"ms\":1}"), "\"isError\":false");
}

static void a_call_that_takes_too_long_is_cancelled(void **state)
{
    struct world *world = *state;

    assert_contains(call_tool(world, "sleep", "{\"ms\":50000}"), "its limit of 30 ms");
    assert_contains(world->body, "\\\"kind\\\":\\\"timeout\\\"");
    assert_contains(world->body, "\"isError\":true");
    assert_int_equal(world->context.n_cancelled, 1);
}

/* ---- cancelling ---- */

static void a_cancelled_call_says_nothing(void **state)
{
    struct world *world = *state;

    assert_non_null(give(world, SLEEP("1", "50000")));
    assert_non_null(give(world, SLEEP("\"1\"", "20")));
    give(world, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
                "\"requestId\":1,\"reason\":\"changed my mind\"}}");
    assert_int_equal(world->n_replies, 1);
    wait_replies(world, 2);
    assert_string_equal(world->body, "");
    assert_int_equal(world->context.n_cancelled, 1);
    wait_replies(world, 3); /* the one whose id is a string went on */
    assert_contains(world->body, "\"id\":\"1\"");
}

/* Over HTTP an id says nothing about whose call it is. */
static void http_calls_are_not_cancelled_by_id(void **state)
{
    struct world *world = *state;

    give(world, SLEEP("1", "20"));
    give(world, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
                "\"requestId\":1}}");
    wait_replies(world, 2);
    assert_contains(world->body, "slept_ms");
}

static void a_client_that_goes_cancels(void **state)
{
    struct world *world = *state;
    struct mcp_call *call = give(world, SLEEP("1", "50000"));

    assert_false(mcp_call_ends_with_client(call));
    mcp_call_cancel(call);
    mcp_call_cancel(call);
    wait_replies(world, 1);
    assert_string_equal(world->body, "");
}

static void shutdown_answers_what_was_in_flight(void **state)
{
    struct world *world = *state;

    give(world, SLEEP("1", "50000"));
    give(world, SLEEP("2", "50000"));
    mcp_server_cancel_all(world->server);
    wait_replies(world, 2);
    assert_contains(world->body, "the server is shutting down");
    assert_contains(world->body, "\"isError\":true");
}

/* ---- progress ---- */

static void progress_is_told_when_asked_for(void **state)
{
    struct world *world = *state;

    world->can_notify = true;
    ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"
               "\"test_tool_with_progress\",\"_meta\":{\"progressToken\":9007199254740993}}}");
    assert_string_equal(
        world->notifications,
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":"
        "9007199254740993,\"progress\":0,\"total\":100,\"message\":\"begun\"}}\n"
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":"
        "9007199254740993,\"progress\":50,\"total\":100,\"message\":\"half\"}}\n"
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":"
        "9007199254740993,\"progress\":100,\"total\":100}}\n");
    call_tool(world, "test_tool_with_progress", "{}");
    assert_int_equal(world->n_notifications, 3);
    ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"
               "\"test_tool_with_progress\",\"_meta\":{\"progressToken\":1.5}}}");
    assert_int_equal(world->n_notifications, 3);
}

static void progress_needs_a_way(void **state)
{
    struct world *world = *state;

    assert_contains(ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":"
                               "{\"name\":\"test_tool_with_progress\",\"_meta\":{\"progressToken\":"
                               "\"t\"}}}"),
                    "\"isError\":false");
    assert_int_equal(world->n_notifications, 0);
}

static void tools_may_ask_for_headers(void **state)
{
    struct world *world = *state;

    world->headers[0].name = "X-User";
    world->headers[0].value = "a@b.c";
    assert_contains(call_tool(world, "header", "{\"name\":\"x-user\"}"), "a@b.c");
    assert_contains(call_tool(world, "header", "{\"name\":\"x-other\"}"),
                    "{\\\"value\\\":\\\"\\\"}");
}

static void duplicate_names_are_a_mistake(void **state)
{
    const struct mcp_tool *const twice[] = {fixture_tools[0], fixture_tools[1], fixture_tools[0]};
    struct world *world = *state;
    struct mcp_server_options options = world->options;

    options.tools = twice;
    options.n_tools = 3;
    assert_null(mcp_server_new(&options));
}

#define STDIO(test) cmocka_unit_test_setup_teardown(test, setup_stdio, teardown)
#define HTTP(test) cmocka_unit_test_setup_teardown(test, setup_http, teardown)
#define LIMITS(test) cmocka_unit_test_setup_teardown(test, setup_limits, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STDIO(an_answer_is_text),
        STDIO(arguments_may_be_left_out),
        STDIO(structured_content_where_promised),
        HTTP(no_structured_content_before_its_time),
        STDIO(answers_have_no_line_breaks),
        STDIO(bad_arguments_are_the_tools_answer),
        STDIO(malformed_calls_are_protocol_errors),
        STDIO(failures_say_what_is_known),
        STDIO(a_tool_that_breaks_its_promise_is_an_error),
        LIMITS(answers_have_a_limit),
        STDIO(large_answers_arrive_whole),
        LIMITS(calls_in_flight_have_a_limit),
        cmocka_unit_test_setup_teardown(a_tool_that_is_not_served_is_explained, setup_unserved,
                                        teardown),
        cmocka_unit_test_setup_teardown(calls_wait_for_their_turn, setup_queue, teardown),
        cmocka_unit_test_setup_teardown(a_call_is_cancelled_while_it_waits, setup_queue, teardown),
        cmocka_unit_test_setup_teardown(the_wait_counts_as_time, setup_hurried_queue, teardown),
        LIMITS(a_call_that_takes_too_long_is_cancelled),
        STDIO(a_cancelled_call_says_nothing),
        HTTP(http_calls_are_not_cancelled_by_id),
        HTTP(a_client_that_goes_cancels),
        HTTP(shutdown_answers_what_was_in_flight),
        STDIO(progress_is_told_when_asked_for),
        STDIO(progress_needs_a_way),
        HTTP(tools_may_ask_for_headers),
        STDIO(duplicate_names_are_a_mistake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
