/*
 * The two eras and their revisions: what is negotiated, what each revision's answers have, and what
 * the modern era demands of _meta and headers.
 */
#include "harness.h"

#define VERSION "\"io.modelcontextprotocol/protocolVersion\":"
#define CAPABILITIES "\"io.modelcontextprotocol/clientCapabilities\":{}"
#define META "\"_meta\":{" VERSION "\"2026-07-28\"," CAPABILITIES "}"
#define SERVER_INFO                                                                                \
    "\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"fixture\",\"title\":\"The "     \
    "\\\"fixture\\\"\",\"version\":\"1.2.3\"}}"

static void set_headers(struct world *world, const char *version, const char *method,
                        const char *name)
{
    const char *const names[] = {"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"};
    const char *const values[] = {version, method, name};

    for (size_t i = 0; i < 3; i++) {
        world->headers[i].name = names[i];
        world->headers[i].value = values[i] != NULL ? values[i] : "";
    }
}

/* A modern request with id 1 and the headers that belong to it. */
static const char *modern(struct world *world, const char *method, const char *name,
                          const char *more_params)
{
    char text[1024];

    set_headers(world, "2026-07-28", method, name);
    snprintf(text, sizeof(text),
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{" META "%s}}", method,
             more_params);
    return ask(world, text);
}

static const char *initialize(struct world *world, const char *version)
{
    char text[512];

    snprintf(text, sizeof(text),
             "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
             "\"protocolVersion\":%s,\"capabilities\":{},\"clientInfo\":{\"name\":\"c\","
             "\"version\":\"1\"}}}",
             version);
    return ask(world, text);
}

/* ---- legacy ---- */

static void initialize_answers_whole(void **state)
{
    assert_string_equal(
        initialize(*state, "\"2025-11-25\""),
        "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-11-25\","
        "\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"fixture\",\"title\":\"The "
        "\\\"fixture\\\"\",\"version\":\"1.2.3\"},\"instructions\":\"Use it\\nwell.\"}}");
    assert_string_equal(
        initialize(*state, "\"2025-03-26\""),
        "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-03-26\","
        "\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"fixture\",\"version\":"
        "\"1.2.3\"},\"instructions\":\"Use it\\nwell.\"}}");
}

static void initialize_negotiates(void **state)
{
    static const struct {
        const char *asked, *on_stdio, *on_http;
    } cases[] = {
        {"\"2024-11-05\"", "2024-11-05", "2025-11-25"},
        {"\"2025-03-26\"", "2025-03-26", "2025-03-26"},
        {"\"2025-06-18\"", "2025-06-18", "2025-06-18"},
        {"\"2025-11-25\"", "2025-11-25", "2025-11-25"},
        {"\"2026-07-28\"", "2025-11-25", "2025-11-25"},
        {"\"1999-01-01\"", "2025-11-25", "2025-11-25"},
        {"\"\"", "2025-11-25", "2025-11-25"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char part[64];

        for (int http = 0; http < 2; http++) {
            world->peer = (struct mcp_peer){.http = http != 0};
            snprintf(part, sizeof(part), "\"protocolVersion\":\"%s\"",
                     http ? cases[i].on_http : cases[i].on_stdio);
            assert_contains(initialize(world, cases[i].asked), part);
        }
    }
    assert_contains(initialize(world, "7"), "\"code\":-32602");
    assert_contains(ask(world, "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\"}"),
                    "\"code\":-32602");
}

#define LIST "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"

static void the_list_has_what_the_revision_knows(void **state)
{
    struct world *world = *state;

    initialize(world, "\"2024-11-05\"");
    ask(world, LIST);
    assert_contains(world->body,
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":"
                    "\"test_simple_text\",\"description\":\"Answers a fixed text.\","
                    "\"inputSchema\":{\"type\":\"object\",\"additionalProperties\":false}},{");
    assert_lacks(world->body, "title\"");
    assert_lacks(world->body, "annotations");
    assert_lacks(world->body, "outputSchema");

    initialize(world, "\"2025-03-26\"");
    ask(world, LIST);
    assert_contains(world->body, "\"annotations\":{\"readOnlyHint\":true,\"destructiveHint\":false,"
                                 "\"idempotentHint\":true,\"openWorldHint\":false}},{");
    assert_contains(world->body, "\"annotations\":{\"readOnlyHint\":false,\"destructiveHint\":true,"
                                 "\"idempotentHint\":false,\"openWorldHint\":true}},{");
    assert_lacks(world->body, "title\":\"Echo");
    assert_lacks(world->body, "outputSchema");

    initialize(world, "\"2025-06-18\"");
    ask(world, LIST);
    assert_contains(world->body,
                    "{\"name\":\"echo\",\"title\":\"Echo \\\"it\\\"\",\"description\"");
    assert_contains(world->body, "\"outputSchema\":{\"type\":\"object\"");
    assert_lacks(world->body, "ttlMs");
    assert_lacks(world->body, "resultType");
    assert_null(strchr(world->body, '\n'));
}

static void there_is_one_page(void **state)
{
    struct world *world = *state;

    assert_contains(ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":"
                               "{\"cursor\":\"\"}}"),
                    "\"code\":-32602");
    assert_contains(ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":"
                               "{\"cursor\":null}}"),
                    "\"tools\":[");
    assert_lacks(ask(world, LIST), "nextCursor");
}

static void http_version_header(void **state)
{
    static const char *const served[] = {"2025-03-26", "2025-06-18", "2025-11-25"};
    static const char *const refused[] = {"2024-11-05", "1999-01-01", "2027-01-01", "x"};
    struct world *world = *state;

    for (size_t i = 0; i < 3; i++) {
        set_headers(world, served[i], NULL, NULL);
        assert_contains(ask(world, LIST), "\"tools\":[");
    }
    for (size_t i = 0; i < 4; i++) {
        set_headers(world, refused[i], NULL, NULL);
        assert_contains(ask(world, LIST), "\"id\":1,\"error\":{\"code\":-32022,");
        assert_int_equal(world->status, 400);
        assert_contains(world->body, "\"data\":{\"supported\":[\"2026-07-28\",\"2025-11-25\",");
    }
}

/* ---- modern ---- */

static void discover_answers_whole(void **state)
{
    assert_string_equal(
        modern(*state, "server/discover", NULL, ""),
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"supportedVersions\":[\"2026-07-28\","
        "\"2025-11-25\",\"2025-06-18\",\"2025-03-26\"],\"capabilities\":{\"tools\":{}},"
        "\"instructions\":\"Use it\\nwell.\",\"ttlMs\":3600000,\"cacheScope\":\"public\","
        "\"resultType\":\"complete\"," SERVER_INFO "}}");
}

static void modern_results_say_what_they_are(void **state)
{
    struct world *world = *state;

    modern(world, "tools/list", NULL, "");
    assert_int_equal(world->status, 200);
    assert_contains(world->body, "],\"ttlMs\":3600000,\"cacheScope\":\"public\",\"resultType\":"
                                 "\"complete\"," SERVER_INFO "}}");
    assert_contains(world->body, "\"outputSchema\"");
    assert_contains(
        modern(world, "tools/call", "test_simple_text", ",\"name\":\"test_simple_text\""),
        "\"isError\":false,\"resultType\":\"complete\"," SERVER_INFO "}}");
    assert_contains(
        modern(world, "tools/call", "test_error_handling", ",\"name\":\"test_error_handling\""),
        "\"isError\":true,\"resultType\":\"complete\",");
}

static void what_is_gone_is_unknown(void **state)
{
    static const char *const gone[] = {"initialize", "ping", "logging/setLevel",
                                       "resources/subscribe", "no/such"};
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        modern(world, gone[i], NULL, "");
        assert_contains(world->body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,");
        assert_int_equal(world->status, 404);
    }
}

static void meta_must_be_complete(void **state)
{
    static const struct {
        const char *params;
        int code;
    } cases[] = {
        {"", -32602},
        {",\"params\":{}", -32602},
        {",\"params\":{\"_meta\":{}}", -32602},
        {",\"params\":{\"_meta\":{" CAPABILITIES "}}", -32602},
        {",\"params\":{\"_meta\":{" VERSION "\"2026-07-28\"}}", -32602},
        {",\"params\":{\"_meta\":{" VERSION "\"2026-07-28\","
         "\"io.modelcontextprotocol/clientCapabilities\":1}}",
         -32602},
        {",\"params\":{\"_meta\":{" VERSION "20260728," CAPABILITIES "}}", -32602},
        {",\"params\":{\"_meta\":{" VERSION "\"2025-11-25\"," CAPABILITIES "}}", -32020},
    };
    struct world *world = *state;

    set_headers(world, "2026-07-28", "tools/list", NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512], part[64];

        snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"%s}",
                 cases[i].params);
        snprintf(part, sizeof(part), "\"id\":1,\"error\":{\"code\":%d,", cases[i].code);
        assert_contains(ask(world, text), part);
        assert_int_equal(world->status, 400);
    }
}

static void unsupported_versions_are_named(void **state)
{
    struct world *world = *state;

    set_headers(world, "v999", "tools/list", NULL);
    assert_string_equal(
        ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
                   "" VERSION "\"v999\"," CAPABILITIES "}}}"),
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32022,\"message\":\"protocol version "
        "\\\"v999\\\" is not supported; see data.supported\",\"data\":{\"supported\":["
        "\"2026-07-28\",\"2025-11-25\",\"2025-06-18\",\"2025-03-26\"],\"requested\":\"v999\"}}}");
    assert_int_equal(world->status, 400);
}

static void headers_mirror_the_body(void **state)
{
    static const struct {
        const char *version, *method, *name;
        bool served;
    } cases[] = {
        {"2026-07-28", "tools/call", "echo", true},
        {"2026-07-28", "tools/call", "=?base64?ZWNobw==?=", true},
        {NULL, "tools/call", "echo", false},
        {"2025-11-25", "tools/call", "echo", false},
        {"2026-07-28", NULL, "echo", false},
        {"2026-07-28", "TOOLS/CALL", "echo", false},
        {"2026-07-28", "tools/list", "echo", false},
        {"2026-07-28", "tools/call", NULL, false},
        {"2026-07-28", "tools/call", "Echo", false},
        {"2026-07-28", "tools/call", "echo, echo", false},
        {"2026-07-28", "tools/call", "=?base64?ZWNobw=?=", false},
        {"2026-07-28", "tools/call", "=?base64?ZWN*bw==?=", false},
        {"2026-07-28", "tools/call", "=?base64?====?=", false},
        {"2026-07-28", "tools/call", "=?BASE64?ZWNobw==?=", false},
        {"2026-07-28", "tools/call", "=?base64?", false},
        {"2026-07-28", "tools/call", "ech\xc3\xb6", false},
        {"2026-07-28", "tools/call", "ec\x01ho", false},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_headers(world, cases[i].version, cases[i].method, cases[i].name);
        ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{" META
                   ",\"name\":\"echo\",\"arguments\":{\"text\":\"x\"}}}");
        if (cases[i].served ? world->status != 200
                            : world->status != 400 || strstr(world->body, ":-32020,") == NULL)
            fail_msg("case %zu: %d %s", i, world->status, world->body);
    }
}

/* stdio has no headers, so there is nothing to compare. */
static void modern_on_stdio_needs_no_headers(void **state)
{
    struct world *world = *state;

    assert_contains(ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":"
                               "{" META ",\"name\":\"echo\",\"arguments\":{\"text\":\"x\"}}}"),
                    "\"resultType\":\"complete\"");
    /* Request by request: the next one is legacy again. */
    assert_lacks(call_tool(world, "echo", "{\"text\":\"x\"}"), "resultType");
}

static void modern_calls_end_with_their_client(void **state)
{
    struct world *world = *state;
    struct mcp_call *call;

    set_headers(world, "2026-07-28", "tools/call", "sleep");
    call = give(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{" META
                       ",\"name\":\"sleep\",\"arguments\":{\"ms\":50000}}}");
    assert_true(mcp_call_ends_with_client(call));
    mcp_call_cancel(call);
    wait_replies(world, 1);
}

static int setup_lenient(void **state)
{
    const struct mcp_server_options options = {.lenient_version_header = true};
    struct world *world = world_new(&options);

    world->peer.http = true;
    *state = world;
    return 0;
}

static void a_known_slip_may_be_tolerated(void **state)
{
    struct world *world = *state;

    set_headers(world, "2025-11-25", "tools/list", NULL);
    assert_contains(ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":"
                               "{" META "}}"),
                    "\"resultType\":\"complete\"");
    set_headers(world, "2025-11-25", "tools/call", NULL);
    assert_contains(ask(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":"
                               "{" META "}}"),
                    ":-32020,");
}

#define STDIO(test) cmocka_unit_test_setup_teardown(test, setup_stdio, teardown)
#define HTTP(test) cmocka_unit_test_setup_teardown(test, setup_http, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STDIO(initialize_answers_whole),
        STDIO(initialize_negotiates),
        STDIO(the_list_has_what_the_revision_knows),
        STDIO(there_is_one_page),
        HTTP(http_version_header),
        HTTP(discover_answers_whole),
        STDIO(discover_answers_whole),
        HTTP(modern_results_say_what_they_are),
        HTTP(what_is_gone_is_unknown),
        STDIO(what_is_gone_is_unknown),
        HTTP(meta_must_be_complete),
        HTTP(unsupported_versions_are_named),
        HTTP(headers_mirror_the_body),
        STDIO(modern_on_stdio_needs_no_headers),
        HTTP(modern_calls_end_with_their_client),
        cmocka_unit_test_setup_teardown(a_known_slip_may_be_tolerated, setup_lenient, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
