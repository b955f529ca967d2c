/*
 * Arguments that stand in a header as well (x-mcp-header), and content that not every revision
 * knows.
 */
#include "harness.h"

/* A modern call of `mirror` over HTTP; the header lines are NAME: VALUE pairs up to a NULL. */
static const char *mirror(struct world *world, const char *arguments, ...)
{
    char members[300];
    size_t n = 3;
    va_list pairs;

    memset(world->headers, 0, sizeof(world->headers));
    world->headers[0].name = "mcp-protocol-version";
    world->headers[0].value = "2026-07-28";
    world->headers[1].name = "mcp-method";
    world->headers[1].value = "tools/call";
    world->headers[2].name = "mcp-name";
    world->headers[2].value = "mirror";
    va_start(pairs, arguments);
    while ((world->headers[n].name = va_arg(pairs, const char *)) != NULL)
        world->headers[n++].value = va_arg(pairs, const char *);
    va_end(pairs);
    snprintf(members, sizeof(members), "\"name\":\"mirror\"%s%s",
             arguments[0] != '\0' ? ",\"arguments\":" : "", arguments);
    return ask_modern(world, "tools/call", members);
}

static void what_agrees_is_let_in(void **state)
{
    struct world *world = *state;

    assert_contains(mirror(world, "", NULL), "\"isError\":false");
    assert_contains(mirror(world, "{\"region\":null}", NULL), "\"isError\":false");
    assert_contains(mirror(world, "{\"region\":\"eu\"}", "Mcp-Param-Region", "eu", NULL),
                    "{\\\"region\\\":\\\"eu\\\"}");
    assert_contains(mirror(world, "{\"region\":\"\"}", "Mcp-Param-Region", "", NULL),
                    "\"isError\":false");
    assert_contains(
        mirror(world, "{\"region\":\"\\u00e9\"}", "mcp-param-region", "=?base64?w6k=?=", NULL),
        "\xc3\xa9");
    assert_contains(
        mirror(world, "{\"region\":\"=?base64?w6k=\"}", "mcp-param-region", "=?base64?w6k=", NULL),
        "base64");
    assert_contains(mirror(world, "{\"count\":42,\"urgent\":true}", "mcp-param-count", "42.0",
                           "mcp-param-urgent", "true", NULL),
                    "\"isError\":false");
    assert_contains(
        mirror(world, "{\"where\":{\"street\":\"High\"}}", "mcp-param-street", "High", NULL),
        "\"isError\":false");
}

static void what_differs_is_refused(void **state)
{
    static const struct {
        const char *arguments, *header, *value;
    } cases[] = {
        {"{\"region\":\"eu\"}", NULL, NULL},
        {"{\"region\":\"eu\"}", "mcp-param-region", "us"},
        {"{\"region\":\"eu\"}", "mcp-param-region", "EU"},
        {"{\"region\":\"eu\"}", "mcp-param-region", ""},
        {"{\"region\":\"Hello\"}", "mcp-param-region", "=?base64?SGVsbG8?="},
        {"{\"region\":\"Hello\"}", "mcp-param-region", "=?base64?SGVs!!!bG8=?="},
        {"{\"region\":\"e\\u0007\"}", "mcp-param-region", "e\a"},
        {"", "mcp-param-region", "eu"},
        {"{}", "mcp-param-region", ""},
        {"{\"region\":null}", "mcp-param-region", "null"},
        {"{\"count\":42}", "mcp-param-count", "43"},
        {"{\"count\":42}", "mcp-param-count", "42x"},
        {"{\"count\":42}", "mcp-param-count", "0x2a"},
        {"{\"count\":42}", "mcp-param-count", ""},
        {"{\"urgent\":true}", "mcp-param-urgent", "false"},
        {"{\"urgent\":true}", "mcp-param-urgent", "True"},
        {"{\"where\":{\"street\":\"High\"}}", "mcp-param-street", "Low"},
        {"{\"where\":{\"street\":\"High\"}}", NULL, NULL},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_contains(mirror(world, cases[i].arguments, cases[i].header, cases[i].value, NULL),
                        "\"error\":{\"code\":-32020,");
        assert_int_equal(world->status, 400);
    }
}

/* Where there are no such headers, none is missed. */
static void on_stdio_there_are_none(void **state)
{
    struct world *world = *state;

    world->peer.http = false;
    assert_contains(
        ask_modern(world, "tools/call", "\"name\":\"mirror\",\"arguments\":{\"region\":\"eu\"}"),
        "\"isError\":false");
    world->peer.http = true;
    memset(world->headers, 0, sizeof(world->headers));
    assert_contains(call_tool(world, "mirror", "{\"region\":\"eu\"}"), "\"isError\":false");
}

/* ---- content ---- */

static const char *in_revision(struct world *world, const char *revision, const char *tool)
{
    char members[64];

    world->peer.http = false;
    snprintf(members, sizeof(members), "\"protocolVersion\":\"%s\"", revision);
    ask_legacy(world, "initialize", members);
    snprintf(members, sizeof(members), "\"name\":\"%s\"", tool);
    return ask_legacy(world, "tools/call", members);
}

static void a_sound(void **state)
{
    assert_contains(in_revision(*state, "2025-03-26", "test_audio_content"),
                    ",{\"type\":\"audio\",\"mimeType\":\"audio/wav\",\"data\":\"UklGRiQ");
    assert_contains(in_revision(*state, "2024-11-05", "test_audio_content"),
                    ",{\"type\":\"text\",\"text\":\"A sound that this protocol revision cannot "
                    "carry: audio/wav\"}]");
}

static void a_link(void **state)
{
    assert_contains(in_revision(*state, "2025-06-18", "link"),
                    ",{\"type\":\"resource_link\",\"uri\":\"test://static-text\",\"name\":\"The "
                    "\\\"text\\\"\",\"mimeType\":\"text/plain\"}]");
    assert_contains(in_revision(*state, "2025-03-26", "link"),
                    ",{\"type\":\"text\",\"text\":\"The \\\"text\\\": test://static-text\"}]");
}

#define HTTP(test) cmocka_unit_test_setup_teardown(test, setup_http, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP(what_agrees_is_let_in),
        HTTP(what_differs_is_refused),
        HTTP(on_stdio_there_are_none),
        HTTP(a_sound),
        HTTP(a_link),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
