/*
 * Resources: lists, templates, reading, what is not there.
 */
#include "harness.h"

#include "mcp/resource.h"

#define SERVER_INFO                                                                                \
    "\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"fixture\",\"title\":\"The "     \
    "\\\"fixture\\\"\",\"version\":\"1.2.3\"}}"

static void capabilities_say_what_there_is(void **state)
{
    assert_contains(ask_legacy(*state, "initialize", "\"protocolVersion\":\"2025-11-25\""),
                    "\"capabilities\":{\"tools\":{},\"resources\":{},\"prompts\":{},"
                    "\"completions\":{},\"logging\":{}}");
    assert_contains(ask_modern(*state, "server/discover", ""),
                    "\"capabilities\":{\"tools\":{},\"resources\":{},\"prompts\":{},"
                    "\"completions\":{},\"logging\":{}}");
    /* Completion had no capability then. */
    assert_contains(
        ask_legacy(*state, "initialize", "\"protocolVersion\":\"2024-11-05\""),
        "\"capabilities\":{\"tools\":{},\"resources\":{},\"prompts\":{},\"logging\":{}}");
}

/* A server that has none of them does not know their methods either. */
static void what_is_not_offered_is_unknown(void **state)
{
    static const char *const methods[] = {
        "resources/list", "resources/templates/list", "resources/read",   "prompts/list",
        "prompts/get",    "completion/complete",      "logging/setLevel",
    };

    assert_contains(ask_legacy(*state, "initialize", "\"protocolVersion\":\"2025-11-25\""),
                    "\"capabilities\":{\"tools\":{}}");
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        assert_contains(ask_legacy(*state, methods[i], ""), "\"code\":-32601");
}

/* ---- lists ---- */

static void the_first_page_has_the_fixed_ones_first(void **state)
{
    const char *body = ask_legacy(*state, "resources/list", "");

    assert_contains(body, "\"result\":{\"resources\":[{\"uri\":\"test://static-text\",\"name\":"
                          "\"static-text\",\"title\":\"Static \\\"text\\\"\",\"description\":\"A "
                          "text that does not change.\",\"mimeType\":\"text/plain\"},");
    assert_contains(body, ",{\"uri\":\"test://template/1/data\",\"name\":\"one\"}],"
                          "\"nextCursor\":\"more\"}}");
    assert_lacks(body, "{id}");
}

static void a_cursor_leads_on(void **state)
{
    assert_string_equal(ask_legacy(*state, "resources/list", "\"cursor\":\"more\""),
                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"resources\":[{\"uri\":"
                        "\"test://template/2/data\",\"name\":\"two\"}]}}");
    assert_contains(
        ask_modern(*state, "resources/list", "\"cursor\":\"more\""),
        "}],\"ttlMs\":60000,\"cacheScope\":\"private\",\"resultType\":\"complete\"," SERVER_INFO
        "}}");
}

static void other_cursors_are_refused(void **state)
{
    static const char *const cursors[] = {"\"\"", "\"0\"", "7", "{}", "[\"more\"]"};

    for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        char members[64];

        snprintf(members, sizeof(members), "\"cursor\":%s", cursors[i]);
        assert_contains(ask_modern(*state, "resources/list", members), "\"code\":-32602");
        assert_contains(ask_legacy(*state, "resources/templates/list", members), "\"code\":-32602");
    }
    assert_contains(ask_legacy(*state, "resources/templates/list", "\"cursor\":null"), "result");
}

static void templates_are_for_everyone(void **state)
{
    const char *body = ask_modern(*state, "resources/templates/list", "");

    assert_contains(body, "{\"resourceTemplates\":[{\"uriTemplate\":\"test://template/{id}/data\","
                          "\"name\":\"template\",\"title\":\"Template\",\"description\":\"Data of "
                          "an id.\",\"mimeType\":\"application/json\"},");
    assert_contains(body, "\"ttlMs\":3600000,\"cacheScope\":\"public\"");
    assert_lacks(body, "static-text");
}

/* Titles came with 2025-06-18. */
static void no_title_before_its_time(void **state)
{
    ask_legacy(*state, "initialize", "\"protocolVersion\":\"2025-03-26\"");
    assert_lacks(ask_legacy(*state, "resources/list", ""), "title");
    assert_lacks(ask_legacy(*state, "resources/templates/list", ""), "title");
}

static void without_a_callback_there_is_one_page(void **state)
{
    struct world *world = world_new(&(struct mcp_server_options){
        .resources = fixture_resources, .n_resources = fixture_n_resources});

    assert_contains(ask_modern(world, "resources/list", ""), "\"cacheScope\":\"public\"");
    assert_contains(ask_modern(world, "resources/list", "\"cursor\":\"more\""), "-32602");
    world_free(world);
    (void)state;
}

/* ---- reading ---- */

static const char *read_uri(struct world *world, bool modern, const char *uri)
{
    char members[512];

    snprintf(members, sizeof(members), "\"uri\":\"%s\"", uri);
    return modern ? ask_modern(world, "resources/read", members)
                  : ask_legacy(world, "resources/read", members);
}

static void a_text_is_read(void **state)
{
    assert_string_equal(
        read_uri(*state, false, "test://static-text"),
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"contents\":[{\"uri\":\"test://static-text\","
        "\"mimeType\":\"text/plain\",\"text\":\"This is the content of the static text "
        "resource.\"}]}}");
    assert_contains(
        read_uri(*state, true, "test://static-text"),
        "}],\"ttlMs\":5000,\"cacheScope\":\"private\",\"resultType\":\"complete\"," SERVER_INFO
        "}}");
    assert_contains(read_uri(*state, true, "test://static-binary"),
                    "\"mimeType\":\"image/png\",\"blob\":\"iVBORw0K/w==\"}],\"ttlMs\":0");
}

static void a_template_is_read_by_its_values(void **state)
{
    assert_contains(read_uri(*state, false, "test://template/123/data"),
                    "{\"uri\":\"test://template/123/data\",\"mimeType\":\"application/json\","
                    "\"text\":\"{\\\"id\\\":\\\"123\\\",\\\"templateTest\\\":true}\"}");
    assert_contains(read_uri(*state, false, "test://template/a%2Fb%20%C3%A9%25/data"),
                    "{\\\"id\\\":\\\"a/b \xc3\xa9%\\\"");
    /* Several contents, and addresses of their own. */
    assert_contains(read_uri(*state, false, "test://tree/a/views/x%20y.lkml"),
                    "[{\"uri\":\"test://tree/a/views/x%20y.lkml\",\"mimeType\":\"text/plain\","
                    "\"text\":\"a\"},{\"uri\":\"test://other\",\"mimeType\":\"text/x-path\","
                    "\"text\":\"views/x y.lkml\"}]");
}

static void a_tool_reads_it(void **state)
{
    assert_contains(read_uri(*state, false, "test://echo/a%22b"),
                    "\"text\":\"{\\\"count\\\":2,\\\"items\\\":[\\\"a\\\\\\\"b\\\",\\\"a\\\\\\\"b"
                    "\\\"]}\"}]}}");
    assert_contains(read_uri(*state, false, "test://failing"),
                    "\"code\":-32603,\"message\":\"this tool \\\"always\\\" fails\",\"data\":{"
                    "\"uri\":\"test://failing\",\"error\":");
}

static void what_is_not_there(void **state)
{
    static const char *const uris[] = {
        "test://nothing",
        "",
        "test://static-text/",
        "test://static-tex",
        "TEST://static-text",
        "test://template//data",
        "test://template/1/2/data",
        "test://template/1/dat",
        "test://template/1/data/",
        "test://template/%/data",
        "test://template/%4/data",
        "test://template/%zz/data",
        "test://template/%00/data",
        "test://template/%0A/data",
        "test://template/%7f/data",
        "test://template/%ff/data",
        "test://template/%c0%af/data",
        "test://template/a b/data",
        "test://template/a?b/data",
        "test://template/a#b/data",
        "test://template/\\u00e9/data",
        "test://template/{id}/data",
        "test://template/../data",
        "test://template/%2e%2E/data",
        "test://template/./data",
        "test://template/a%2F..%2Fb/data",
        "test://template/%2Fetc/data",
        "test://tree/a/",
        "test://tree/a",
        "test://tree/a/../b",
        "test://tree/a/b/..",
        "test://tree/a/b//c",
        "test://tree/a//etc/passwd",
        "test://tree/a/%2E%2E/%2E%2E/b",
    };

    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        assert_contains(read_uri(*state, false, uris[i]), "\"error\":{\"code\":-32002,");
        assert_contains(read_uri(*state, true, uris[i]), "\"error\":{\"code\":-32602,");
        assert_contains(((struct world *)*state)->body, ",\"data\":{\"uri\":\"");
    }
}

static void what_the_peer_says_is_gone(void **state)
{
    assert_contains(read_uri(*state, false, "test://template/gone/data"),
                    "\"error\":{\"code\":-32002,\"message\":\"there is no data of that id\","
                    "\"data\":{\"uri\":\"test://template/gone/data\",\"error\":");
    assert_contains(read_uri(*state, true, "test://template/gone/data"), "\"code\":-32602,");
    assert_contains(read_uri(*state, false, "test://template/bad/data"), "\"code\":-32602,");
    assert_contains(read_uri(*state, true, "test://template/down/data"),
                    "\"code\":-32603,\"message\":\"the peer is down\"");
    assert_contains(read_uri(*state, true, "test://silent"), "\"code\":-32603,");
}

static void malformed_reads(void **state)
{
    static const char *const members[] = {
        "",
        "\"uri\":7",
        "\"uri\":null",
        "\"uri\":{\"uri\":\"test://static-text\"}",
        "\"uri\":\"test://static-text\",\"uri\":\"test://slow\"",
    };

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        assert_contains(ask_modern(*state, "resources/read", members[i]), "\"code\":-32602");
}

static void a_value_has_a_limit(void **state)
{
    static char members[3 * 8192 + 200];
    size_t len = (size_t)sprintf(members, "\"uri\":\"test://template/");

    memset(members + len, 'a', MCP_MAX_VALUE_BYTES);
    strcpy(members + len + MCP_MAX_VALUE_BYTES, "/data\"");
    assert_contains(ask_legacy(*state, "resources/read", members), "\"result\"");
    memset(members + len, 'a', MCP_MAX_VALUE_BYTES + 1);
    strcpy(members + len + MCP_MAX_VALUE_BYTES + 1, "/data\"");
    assert_contains(ask_legacy(*state, "resources/read", members), "\"code\":-32002");
}

static void reading_is_cancelled_like_a_tool(void **state)
{
    struct world *world = *state;

    give(world, "{\"jsonrpc\":\"2.0\",\"id\":\"r\",\"method\":\"resources/read\",\"params\":{"
                "\"uri\":\"test://slow\"}}");
    lk_loop_run_once(world->loop, 10);
    assert_int_equal(mcp_server_in_flight(world->server), 1);
    give(world, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
                "\"requestId\":\"r\"}}");
    wait_replies(world, 2);
    assert_string_equal(world->body, "");
    assert_int_equal(world->context.n_cancelled, 1);
}

static void reading_counts_as_in_flight(void **state)
{
    struct world *world = world_new(&(struct mcp_server_options){
        .resources = fixture_resources, .n_resources = fixture_n_resources, .max_in_flight = 1});
    struct mcp_call *call = give(world, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
                                        "\"resources/read\",\"params\":{\"uri\":\"test://slow\"}}");

    assert_contains(read_uri(world, false, "test://static-text"),
                    "\"code\":-32603,\"message\":\"the server is busy: 1 calls run, the limit");
    mcp_call_cancel(call);
    wait_replies(world, 2);
    world_free(world);
    (void)state;
}

/* ---- who may ---- */

static bool refuse(struct mcp_call *call, struct lk_error *err)
{
    struct lk_str *seen = mcp_call_context(call);

    *seen = (struct lk_str){0};
    return lk_fail(err, LK_ERROR_AUTH, "%s/%s %.*s", mcp_call_tool(call)->group->name,
                   mcp_call_tool(call)->name, LK_STR_ARG(mcp_call_arguments(call)));
}

/* All of them are asked about, under names that can be told apart. */
static void every_call_is_admitted(void **state)
{
    static const struct {
        const char *method, *members, *part;
    } cases[] = {
        {"resources/read", "\"uri\":\"test://static-text\"",
         "mcp/resources/read {\\\"uri\\\":\\\"test://static-text\\\"}"},
        {"resources/read", "\"uri\":\"test://echo/a%20b\"",
         "fixture/echo {\\\"text\\\":\\\"a b\\\",\\\"times\\\":2}"},
        {"resources/list", "", "mcp/resources/list {}"},
        {"prompts/get", "\"name\":\"test_simple_prompt\"",
         "mcp/prompts/get {\\\"prompt\\\":\\\"test_simple_prompt\\\",\\\"arguments\\\":{}}"},
        {"prompts/get",
         "\"name\":\"test_prompt_with_arguments\",\"arguments\":{\"arg2\":\"b\",\"arg1\":\"a\"}",
         "\\\"arguments\\\":{\\\"arg1\\\":\\\"a\\\",\\\"arg2\\\":\\\"b\\\"}}"},
        {"completion/complete",
         "\"ref\":{\"type\":\"ref/prompt\",\"name\":\"test_prompt_with_arguments\"},"
         "\"argument\":{\"name\":\"arg2\",\"value\":\"v\"},\"context\":{\"arguments\":{\"arg1\":"
         "\"a\"}}",
         "mcp/completion/complete {\\\"prompt\\\":\\\"test_prompt_with_arguments\\\",\\\"argument"
         "\\\":\\\"arg2\\\",\\\"value\\\":\\\"v\\\",\\\"context\\\":{\\\"arg1\\\":\\\"a\\\"}}"},
    };
    struct lk_str seen;
    struct world *world = *state;
    struct mcp_server *refusing;
    struct mcp_server_options options = world->options;

    options.admit = refuse;
    options.tool_context = &seen;
    refusing = mcp_server_new(&options);
    mcp_server_free(world->server);
    world->server = refusing;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_contains(ask_modern(world, cases[i].method, cases[i].members), "\"code\":-32603");
        assert_contains(world->body, cases[i].part);
        assert_contains(world->body, "\"kind\":\"auth\"");
    }
}

#define OFFERS(test) cmocka_unit_test_setup_teardown(test, setup_offers, teardown)
#define STDIO(test) cmocka_unit_test_setup_teardown(test, setup_stdio, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OFFERS(capabilities_say_what_there_is),
        STDIO(what_is_not_offered_is_unknown),
        OFFERS(the_first_page_has_the_fixed_ones_first),
        OFFERS(a_cursor_leads_on),
        OFFERS(other_cursors_are_refused),
        OFFERS(templates_are_for_everyone),
        OFFERS(no_title_before_its_time),
        cmocka_unit_test(without_a_callback_there_is_one_page),
        OFFERS(a_text_is_read),
        OFFERS(a_template_is_read_by_its_values),
        OFFERS(a_tool_reads_it),
        OFFERS(what_is_not_there),
        OFFERS(what_the_peer_says_is_gone),
        OFFERS(malformed_reads),
        OFFERS(a_value_has_a_limit),
        OFFERS(reading_is_cancelled_like_a_tool),
        cmocka_unit_test(reading_counts_as_in_flight),
        OFFERS(every_call_is_admitted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
