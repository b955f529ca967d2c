/*
 * Pictures and files beside a tool's answer object.
 */
#include "harness.h"

/* What Python's base64 makes of the same bytes. */
#define PIXEL                                                                                      \
    "{\"type\":\"image\",\"mimeType\":\"image/png\",\"data\":\""                                   \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4"                                 \
    "z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC\"}"

static void a_picture_follows_the_answer(void **state)
{
    assert_string_equal(call_tool(*state, "test_image_content", "{}"),
                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\","
                        "\"text\":\"{\\\"text\\\":\\\"One red pixel.\\\"}\"}," PIXEL
                        "],\"isError\":false}}");
}

static void a_text_is_a_resource_as_it_is(void **state)
{
    assert_contains(call_tool(*state, "test_embedded_resource", "{}"),
                    "},{\"type\":\"resource\",\"resource\":{\"uri\":\"test://embedded-resource\","
                    "\"mimeType\":\"text/plain\",\"text\":\"This is an embedded resource content."
                    "\\n\\\"Quoted\\\", too.\"}}],\"isError\":false}}");
}

/* In the order in which the tool added them; bytes that are no text. */
static void several_kinds_together(void **state)
{
    assert_contains(call_tool(*state, "test_multiple_content_types", "{}"),
                    "}," PIXEL ",{\"type\":\"resource\",\"resource\":{\"uri\":"
                    "\"test://mixed-content-resource\",\"mimeType\":"
                    "\"application/octet-stream\",\"blob\":\"/wD+IG5vIHRleHQ=\"}}],");
}

static void in_every_revision(void **state)
{
    static const char *const revisions[] = {"2025-03-26", "2025-06-18", "2025-11-25"};
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(revisions) / sizeof(revisions[0]); i++) {
        world->headers[0].name = "mcp-protocol-version";
        world->headers[0].value = revisions[i];
        assert_contains(call_tool(world, "test_image_content", "{}"), PIXEL);
    }
    world->headers[0].value = "2026-07-28";
    world->headers[1].name = "mcp-method";
    world->headers[1].value = "tools/call";
    world->headers[2].name = "mcp-name";
    world->headers[2].value = "test_image_content";
    assert_contains(ask(world,
                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
                        "\"name\":\"test_image_content\",\"_meta\":{"
                        "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
                        "\"io.modelcontextprotocol/clientCapabilities\":{}}}}"),
                    PIXEL "],\"isError\":false,\"resultType\":\"complete\"");
}

static void a_failure_shows_no_picture(void **state)
{
    const char *body = call_tool(*state, "broken_picture", "{}");

    assert_contains(body, "fell off the wall");
    assert_contains(body, "\"isError\":true");
    assert_lacks(body, "image");
}

#define STDIO(test) cmocka_unit_test_setup_teardown(test, setup_stdio, teardown)
#define HTTP(test) cmocka_unit_test_setup_teardown(test, setup_http, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STDIO(a_picture_follows_the_answer), STDIO(a_text_is_a_resource_as_it_is),
        STDIO(several_kinds_together),       HTTP(in_every_revision),
        STDIO(a_failure_shows_no_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
