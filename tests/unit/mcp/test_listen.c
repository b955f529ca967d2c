/*
 * Who only listens (subscriptions/listen), and log messages for the client.
 */
#include "harness.h"

#include "mcp/era.h"

static int setup_notified(void **state)
{
    setup_offers(state);
    ((struct world *)*state)->can_notify = true;
    return 0;
}

static struct mcp_call *start_with(struct world *world, const char *id, const char *params)
{
    char text[512];

    snprintf(text, sizeof(text),
             "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"subscriptions/listen\",\"params\":{%s,"
             "\"notifications\":%s}}",
             id, MODERN_META, params);
    return give(world, text);
}

#define ACKNOWLEDGED(id)                                                                           \
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\",\"params\":{"    \
    "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":" id "},\"notifications\":{}}}\n"

/* There is nothing to offer, so the filter that was agreed to is empty. */
static void listening_is_acknowledged_first(void **state)
{
    struct world *world = *state;

    assert_non_null(start_with(world, "7",
                               "{\"toolsListChanged\":true,\"resourceSubscriptions\":["
                               "\"test://static-text\"]}"));
    assert_string_equal(world->notifications, ACKNOWLEDGED("7"));
    assert_int_equal(world->n_replies, 0);
    assert_int_equal(mcp_server_in_flight(world->server), 0);
    start_with(world, "\"seven\"", "{}");
    assert_string_equal(world->notifications, ACKNOWLEDGED("7") ACKNOWLEDGED("\"seven\""));
    mcp_server_end_listening(world->server);
    assert_int_equal(world->n_replies, 2);
}

static void the_end_is_a_result(void **state)
{
    struct world *world = *state;

    start_with(world, "\"a\\u0041\"", "{}");
    mcp_server_cancel_all(world->server);
    assert_int_equal(world->n_replies, 1);
    assert_string_equal(
        world->body,
        "{\"jsonrpc\":\"2.0\",\"id\":\"a\\u0041\",\"result\":{\"resultType\":\"complete\","
        "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":\"a\\u0041\","
        "\"io.modelcontextprotocol/serverInfo\":{\"name\":\"fixture\",\"title\":\"The "
        "\\\"fixture\\\"\",\"version\":\"1.2.3\"}}}}");
    assert_int_equal(world->status, 200);
}

/* By the transport, or by a message; the others go on. */
static void who_leaves_hears_nothing(void **state)
{
    struct world *world = *state;
    struct mcp_call *first = start_with(world, "1", "{}");

    start_with(world, "2", "{}");
    start_with(world, "3", "{}");
    assert_true(mcp_call_ends_with_client(first));
    mcp_call_cancel(first);
    assert_int_equal(world->n_replies, 1);
    assert_string_equal(world->body, "");
    give(world, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
                "\"requestId\":2}}");
    assert_int_equal(world->n_replies, 3); /* and that of the notification */
    assert_string_equal(world->body, "");
    mcp_server_end_listening(world->server);
    assert_int_equal(world->n_replies, 4);
    assert_contains(world->body, "\"id\":3,");
}

static void one_connection_has_so_many(void **state)
{
    struct world *world = *state;
    struct mcp_call *last = NULL;

    for (int i = 0; i < 16; i++)
        last = start_with(world, "1", "{}");
    assert_int_equal(world->n_replies, 0);
    assert_null(start_with(world, "1", "{}"));
    assert_contains(world->body, "16 subscriptions already");
    mcp_call_cancel(last);
    assert_non_null(start_with(world, "1", "{}"));
    mcp_server_end_listening(world->server);
    assert_int_equal(world->n_replies, 1 + 1 + 16);
}

static void malformed_filters_are_refused(void **state)
{
    static const char *const filters[] = {
        "null",
        "[]",
        "\"toolsListChanged\"",
        "{\"toolsListChanged\":\"true\"}",
        "{\"promptsListChanged\":1}",
        "{\"resourceSubscriptions\":\"test://static-text\"}",
        "{\"resourceSubscriptions\":[7]}",
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        assert_null(start_with(world, "1", filters[i]));
        assert_contains(world->body, "\"code\":-32602");
    }
    assert_contains(ask_modern(world, "subscriptions/listen", ""), "\"code\":-32602");
    assert_contains(ask_legacy(world, "subscriptions/listen", "\"notifications\":{}"),
                    "\"code\":-32601");
    assert_int_equal(world->n_notifications, 0);
    world->can_notify = false;
    assert_null(start_with(world, "1", "{}"));
    assert_contains(world->body, "text/event-stream");
}

/* ---- log messages ---- */

#define MESSAGE(level, text)                                                                       \
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"" level     \
    "\",\"logger\":\"fixture\",\"data\":\"" text "\"}}\n"
#define THREE                                                                                      \
    MESSAGE("info", "Tool execution started")                                                      \
    MESSAGE("info", "Tool processing data") MESSAGE("info", "Tool execution completed")
#define LAST MESSAGE("error", "one \\\"error\\\"")

static const char *logged(struct world *world, const char *meta)
{
    free(world->notifications);
    world->notifications = strdup("");
    ask_with(world, meta, "tools/call", "\"name\":\"test_tool_with_logging\"");
    return world->notifications;
}

static void a_modern_request_says_what_it_wants(void **state)
{
    assert_string_equal(logged(*state, MODERN_META), "");
    assert_string_equal(
        logged(*state, MODERN_META_WITH("{}", ",\"io.modelcontextprotocol/logLevel\":\"warning\"")),
        LAST);
    assert_string_equal(
        logged(*state, MODERN_META_WITH("{}", ",\"io.modelcontextprotocol/logLevel\":\"debug\"")),
        MESSAGE("debug", "in detail") THREE LAST);
}

static void other_levels_are_refused(void **state)
{
    static const char *const levels[] = {"\"\"", "\"INFO\"", "\"warn\"", "7", "null", "{}"};
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        char *meta, members[64];

        assert_true(asprintf(&meta,
                             MODERN_META_WITH("{}", ",\"io.modelcontextprotocol/logLevel\":%s"),
                             levels[i]) > 0);
        assert_string_equal(logged(world, meta), "");
        assert_contains(world->body, "\"code\":-32602");
        free(meta);
        snprintf(members, sizeof(members), "\"level\":%s", levels[i]);
        assert_contains(ask_legacy(world, "logging/setLevel", members), "\"code\":-32602");
    }
    assert_contains(ask_legacy(world, "logging/setLevel", ""), "\"code\":-32602");
    assert_contains(ask_modern(world, "logging/setLevel", "\"level\":\"info\""), "\"code\":-32601");
}

static void a_legacy_peer_sets_its_level(void **state)
{
    struct world *world = *state;

    assert_string_equal(logged(world, ""), THREE LAST);
    assert_string_equal(ask_legacy(world, "logging/setLevel", "\"level\":\"error\""),
                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    assert_string_equal(logged(world, ""), LAST);
    ask_legacy(world, "logging/setLevel", "\"level\":\"emergency\"");
    assert_string_equal(logged(world, ""), "");
    ask_legacy(world, "logging/setLevel", "\"level\":\"debug\"");
    assert_string_equal(logged(world, ""), MESSAGE("debug", "in detail") THREE LAST);
    /* What a modern request wants is its own matter. */
    assert_string_equal(logged(world, MODERN_META), "");
}

/* There is no session that could keep it. */
static void http_keeps_no_level(void **state)
{
    struct world *world = *state;

    world->peer.http = true;
    ask_legacy(world, "logging/setLevel", "\"level\":\"emergency\"");
    assert_int_equal(world->peer.log_level_, 0);
    assert_string_equal(logged(world, ""), THREE LAST);
}

#define NOTIFIED(test) cmocka_unit_test_setup_teardown(test, setup_notified, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NOTIFIED(listening_is_acknowledged_first),
        NOTIFIED(the_end_is_a_result),
        NOTIFIED(who_leaves_hears_nothing),
        NOTIFIED(one_connection_has_so_many),
        NOTIFIED(malformed_filters_are_refused),
        NOTIFIED(a_modern_request_says_what_it_wants),
        NOTIFIED(other_levels_are_refused),
        NOTIFIED(a_legacy_peer_sets_its_level),
        NOTIFIED(http_keeps_no_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
