/*
 * JSON-RPC as a client sees it: ids that come back as they went, errors with the right code, what
 * is no message, batches.
 */
#include "harness.h"

#define PONG(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{}}"

static void ids_come_back_exactly(void **state)
{
    static const char *const ids[] = {"0",
                                      "-7",
                                      "\"\"",
                                      "\"abc\"",
                                      "9007199254740993",
                                      "123456789012345678901234567890",
                                      "\"a\\u0041\\n\\\"\\/\"",
                                      "\"\\u0000\"",
                                      "\"\\ud83d\\ude00 \xc3\xa9\""};

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char text[256], expected[256];

        snprintf(text, sizeof(text), " {\"method\":\"ping\" , \"id\": %s ,\"jsonrpc\":\"2.0\"}\n",
                 ids[i]);
        snprintf(expected, sizeof(expected), PONG("%s"), ids[i]);
        assert_string_equal(ask(*state, text), expected);
    }
}

/* Member names may be escaped as any string; PHP writes "/" as "\/" unless told otherwise. */
static void escaped_names_are_read(void **state)
{
    assert_string_equal(
        ask(*state, "{\"\\u006asonrpc\":\"2.0\",\"\\u0069d\":1,\"m\\u0065thod\":\"ping\"}"),
        PONG("1"));
    assert_non_null(
        strstr(ask(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server\\/discover\","
                           "\"params\":{\"_meta\":{\"io.modelcontextprotocol\\/"
                           "protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol\\/"
                           "clientCapabilities\":{}}}}"),
               "\"supportedVersions\""));
}

/* Each message and the whole error that answers it. */
static void bad_messages(void **state)
{
    static const struct {
        const char *text, *code, *id; /* id: as answered, NULL: none */
        int status;
    } cases[] = {
        {"", "-32700", NULL, 400},
        {"   \n", "-32700", NULL, 400},
        {"nonsense", "-32700", NULL, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"", "-32700", NULL, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} x", "-32700", NULL, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", "-32700", NULL, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\\ud800\"}", "-32700", NULL, 400},
        {"1", "-32600", NULL, 400},
        {"\"ping\"", "-32600", NULL, 400},
        {"null", "-32600", NULL, 400},
        {"{}", "-32600", NULL, 400},
        {"{\"id\":5,\"method\":\"ping\"}", "-32600", "5", 400},
        {"{\"jsonrpc\":2.0,\"id\":5,\"method\":\"ping\"}", "-32600", "5", 400},
        {"{\"jsonrpc\":\"1.0\",\"id\":\"x\",\"method\":\"ping\"}", "-32600", "\"x\"", 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":5}", "-32600", "5", 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":7}", "-32600", "5", 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", "-32600", NULL, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1.0,\"method\":\"ping\"}", "-32600", NULL, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1e3,\"method\":\"ping\"}", "-32600", NULL, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"ping\"}", "-32600", NULL, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", "-32600", NULL, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"ping\"}", "-32600", NULL, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"method\":\"x\"}", "-32600", "1", 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", "-32600", "1", 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"m\\u0065thod\":\"x\"}", "-32600", "1",
         400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\","
         "\"name\":\"sleep\"}}",
         "-32602", "1", 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\","
         "\"arguments\":{},\"argument\\u0073\":{}}}",
         "-32602", "1", 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"_meta\":{},\"_meta\":{}}"
         "}",
         "-32602", "1", 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"_meta\":{"
         "\"progressToken\":1,\"progressToken\":2}}}",
         "-32602", "1", 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\",\"params\":[]}", "-32602", "5", 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\",\"params\":null}", "-32602", "5", 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\",\"params\":{\"_meta\":1}}", "-32602",
         "5", 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"nope\"}", "-32601", "5", 200},
        {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"server/discover\"}", "-32601", "5", 200},
        {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"\"}", "-32601", "5", 200},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char start[256];

        ask(world, cases[i].text);
        snprintf(start, sizeof(start),
                 "{\"jsonrpc\":\"2.0\",%s%s%s\"error\":{\"code\":%s,\"message\":\"",
                 cases[i].id != NULL ? "\"id\":" : "", cases[i].id != NULL ? cases[i].id : "",
                 cases[i].id != NULL ? "," : "", cases[i].code);
        if (strncmp(world->body, start, strlen(start)) != 0 || world->status != cases[i].status)
            fail_msg("%s: %d %s", cases[i].text, world->status, world->body);
    }
}

static void deep_nesting_is_refused(void **state)
{
    struct world *world = *state;
    size_t depth = 10000;
    char *text = malloc(depth * 2 + 1);

    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    give_n(world, text, depth * 2);
    assert_int_equal(world->n_replies, 1);
    assert_contains(world->body, "\"code\":-32600");
    free(text);
}

/* A name that is no text, and one that goes on for ever, are quoted without harm. */
static void odd_names_are_quoted(void **state)
{
    struct world *world = *state;
    char text[8192];
    int len =
        snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%04000d\"}", 7);

    give_n(world, text, (size_t)len);
    assert_contains(world->body, "unknown method \\\"0000");
    assert_true(strlen(world->body) < 400);
    assert_contains(ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\\\"\\n\\u0001\"}"),
                    "unknown method \\\"a\\\"\\n\\u0001\\\"");
}

static void notifications_and_responses_get_no_answer(void **state)
{
    static const char *const texts[] = {
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/roots/list_changed\",\"params\":{}}",
        ("{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"sleep\","
         "\"arguments\":{\"ms\":1}}}"),
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":9}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1,\"message\":\"x\"}}",
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_string_equal(ask(world, texts[i]), "");
        assert_int_equal(world->status, 202);
    }
    assert_int_equal(world->context.n_started, 0);
}

/* On stdio nobody waits for an answer to what was no request. */
static void bad_notification_is_silent_on_stdio(void **state)
{
    struct world *world = *state;

    assert_string_equal(
        ask(world, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":[]}"), "");
    world->peer.http = true;
    assert_contains(
        ask(world, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":[]}"),
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32602,");
    assert_int_equal(world->status, 400);
}

/* ---- batches ---- */

#define PING(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"ping\"}"
#define SLEEP(id, ms)                                                                              \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\",\"params\":{\"name\":\"sleep\"," \
    "\"arguments\":{\"ms\":" ms "}}}"
#define NOTE "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"

static void batches_are_gathered_in_order(void **state)
{
    struct world *world = *state;

    assert_string_equal(ask(world, "[" PING("1") "," NOTE "," PING("\"b\"") ",17]"),
                        "[" PONG("1") "," PONG(
                            "\"b\"") ",{\"jsonrpc\":\"2.0\",\"error\":{\"code\":"
                                     "-32600,\"message\":\"a message must be a JSON object\"}}]");
    assert_int_equal(world->status, 200);

    give(world, "[" SLEEP("1", "20") "," PING("2") "," SLEEP("3", "1") "]");
    assert_int_equal(world->n_replies, 1);
    wait_replies(world, 2);
    assert_true(strstr(world->body, "\"id\":1,") < strstr(world->body, "\"id\":2,"));
    assert_true(strstr(world->body, "\"id\":2,") < strstr(world->body, "\"id\":3,"));
    assert_contains(world->body, "slept_ms\\\":20");
}

static void batch_of_notifications_is_accepted(void **state)
{
    struct world *world = *state;

    assert_string_equal(ask(world, "[" NOTE "," NOTE "]"), "");
    assert_int_equal(world->status, 202);
}

static void bad_batches(void **state)
{
    struct world *world = *state;
    char many[8192] = "[" PING("1");

    assert_contains(ask(world, "[]"), "-32600");
    assert_int_equal(world->status, 400);
    assert_contains(ask(world,
                        "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
                        "\"protocolVersion\":\"2025-03-26\"}}]"),
                    "[{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32600,");
    assert_contains(ask(world, "[[" PING("1") "]]"), "must be a JSON object");
    for (int i = 0; i < 64; i++)
        strcat(many, "," PING("1"));
    strcat(many, "]");
    assert_contains(ask(world, many), "at most 64");
}

static void batches_exist_in_one_revision_only(void **state)
{
    struct world *world = *state;

    world->headers[0].name = "MCP-Protocol-Version";
    world->headers[0].value = "2025-06-18";
    assert_contains(ask(world, "[" PING("1") "]"), "batches exist in revision 2025-03-26 only");
    assert_int_equal(world->status, 400);
    world->headers[0].value = "2025-03-26";
    assert_string_equal(ask(world, "[" PING("1") "]"), "[" PONG("1") "]");
    world->headers[0].value = "2026-07-28";
    assert_contains(ask(world, "[" PING("1") "]"), "\"code\":-32600");
    world->headers[0].name = NULL;
    assert_contains(
        ask(world, "[{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{\"_meta\":{"
                   "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}}]"),
        "2026-07-28 has no batches");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids_come_back_exactly, setup_stdio, teardown),
        cmocka_unit_test_setup_teardown(escaped_names_are_read, setup_stdio, teardown),
        cmocka_unit_test_setup_teardown(bad_messages, setup_http, teardown),
        cmocka_unit_test_setup_teardown(bad_messages, setup_stdio, teardown),
        cmocka_unit_test_setup_teardown(deep_nesting_is_refused, setup_http, teardown),
        cmocka_unit_test_setup_teardown(odd_names_are_quoted, setup_stdio, teardown),
        cmocka_unit_test_setup_teardown(notifications_and_responses_get_no_answer, setup_stdio,
                                        teardown),
        cmocka_unit_test_setup_teardown(notifications_and_responses_get_no_answer, setup_http,
                                        teardown),
        cmocka_unit_test_setup_teardown(bad_notification_is_silent_on_stdio, setup_stdio, teardown),
        cmocka_unit_test_setup_teardown(batches_are_gathered_in_order, setup_http, teardown),
        cmocka_unit_test_setup_teardown(batch_of_notifications_is_accepted, setup_http, teardown),
        cmocka_unit_test_setup_teardown(bad_batches, setup_http, teardown),
        cmocka_unit_test_setup_teardown(batches_exist_in_one_revision_only, setup_http, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
