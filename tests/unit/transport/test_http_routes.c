/*
 * The HTTP transport's routes and guards: what is where, which headers reach core and tools, which
 * origins, hosts and tokens may come in.
 */
#include "http_harness.h"

/* ---- routes ---- */

static void routes(void **state)
{
    static const struct {
        const char *request;
        int status;
        const char *part;
    } cases[] = {
        {"GET /healthz", 200, "\r\n\r\n{\"status\":\"ok\"}"},
        {"GET /readyz", 200, "\r\n\r\n{\"status\":\"ready\"}"},
        {"GET /healthz?x=1", 200, "{\"status\":\"ok\"}"},
        {"POST /healthz", 405, "allow: GET, HEAD\r\n"},
        {"DELETE /readyz", 405, "allow: GET, HEAD\r\n"},
        {"GET /mcp", 405, "allow: POST\r\n"},
        {"DELETE /mcp", 405, "allow: POST\r\n"},
        {"PUT /mcp", 405, "allow: POST\r\n"},
        {"OPTIONS /mcp", 405, "allow: POST\r\n"},
        {"GET /", 404, "MCP is at /mcp"},
        {"POST /mcpx", 404, "MCP is at /mcp"},
        {"POST /mcp/../healthz", 404, "MCP is at /mcp"},
        {"GET /../../etc/passwd", 404, "MCP is at /mcp"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];

        snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" HOST "\r\n", cases[i].request);
        assert_contains(exchange(*state, text, cases[i].status), cases[i].part);
    }
}

static void head_has_no_body(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);
    const char *text = "HEAD /healthz HTTP/1.1\r\n" HOST "\r\n";

    send_text(world, &client, text, strlen(text));
    for (int i = 0; i < 100 && !take_response(&client, true); i++) {
        turn(world, 1);
        collect(&client);
    }
    assert_int_equal(client.status, 200);
    turn(world, 3);
    collect(&client);
    assert_int_equal(client.len, 0);
    client_free(&client);
}

static void messages_and_notifications(void **state)
{
    assert_contains(ask(*state, HOST JSON, PING, 200), PONG);
    assert_contains(
        ask(*state, HOST "Content-Type: Application/JSON; charset=utf-8\r\n", PING, 200), PONG);
    assert_contains(ask(*state, HOST JSON,
                        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", 202),
                    "Content-Length: 0\r\n");
    assert_contains(ask(*state, HOST JSON, "nonsense", 400), "-32700");
    assert_contains(ask(*state, HOST JSON, "", 400), "-32700");
    assert_contains(ask(*state, HOST JSON, SLEEP("20"), 200), "slept_ms");
    assert_contains(ask(*state, HOST JSON "MCP-Protocol-Version: 1999-01-01\r\n", PING, 400),
                    "-32022");
    assert_contains(ask(*state, HOST, PING, 415), "application/json");
    assert_contains(ask(*state, HOST "Content-Type: text/plain\r\n", PING, 415), "-32600");
}

static void one_connection_many_requests(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);

    for (int i = 0; i < 3; i++) {
        post_with(world, &client, "", PING);
        assert_contains(response(world, &client), PONG);
    }
    post_with(world, &client, "", SLEEP("30")); /* pipelined: answered in order */
    post_with(world, &client, "", PING);
    assert_contains(response(world, &client), "slept_ms");
    assert_contains(response(world, &client), PONG);
    client_free(&client);
}

static void headers_reach_core_and_tools(void **state)
{
    struct world *world = *state;
    const char *call = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
                       "\"name\":\"header\",\"arguments\":{\"name\":\"x-user\"}}}";

    assert_contains(ask(world, HOST JSON "x-USER:  a@b.c  \r\n", call, 200), "\\\"a@b.c\\\"");
    assert_contains(ask(world, HOST JSON "X-Other: a\r\n", call, 200), "{\\\"value\\\":\\\"\\\"}");
    assert_contains(ask(world, HOST JSON "X-User: a\r\nX-User: b\r\n", call, 200), "\\\"a, b\\\"");
    assert_contains(ask(world, HOST JSON MODERN, MODERN_SLEEP("1"), 200), "resultType");
    /* Of two that differ, none may win. */
    assert_contains(ask(world, HOST JSON MODERN "Mcp-Name: echo\r\n", MODERN_SLEEP("1"), 400),
                    "-32020");
}

/* Whose names only the tools know. */
static void mirrored_arguments_reach_the_core(void **state)
{
    struct world *world = *state;
    const char *call = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
                       "\"name\":\"mirror\",\"arguments\":{\"region\":\"eu\"},\"_meta\":{"
                       "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
                       "\"io.modelcontextprotocol/clientCapabilities\":{}}}}";
    const char *head = HOST JSON "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n"
                                 "Mcp-Name: mirror\r\n";
    char headers[512];

    snprintf(headers, sizeof(headers), "%sMCP-PARAM-Region:  eu \r\n", head);
    assert_contains(ask(world, headers, call, 200), "\\\"eu\\\"");
    snprintf(headers, sizeof(headers), "%sMcp-Param-Region: us\r\n", head);
    assert_contains(ask(world, headers, call, 400), "-32020");
    snprintf(headers, sizeof(headers), "%sMcp-Param-Region: eu\r\nMcp-Param-Region: us\r\n", head);
    assert_contains(ask(world, headers, call, 400), "-32020");
    assert_contains(ask(world, head, call, 400), "-32020");
}

/* ---- guards ---- */

static void origins(void **state)
{
    struct world *world = *state;
    static const char *const good[] = {"http://localhost", "http://localhost:6274",
                                       "https://127.0.0.1:1", "http://[::1]:8080",
                                       "HTTP://LOCALHOST"};
    static const char *const bad[] = {"http://evil.com",
                                      "http://localhost.evil.com",
                                      "http://localhost:80@evil",
                                      "http://127.0.0.1.evil.com",
                                      "null",
                                      "file://localhost",
                                      "http://[::1].evil.com",
                                      "http://",
                                      "http://localhost:1/../x",
                                      "http://[::1"};
    char headers[256];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(headers, sizeof(headers), HOST JSON "Origin: %s\r\n", good[i]);
        assert_contains(ask(world, headers, PING, 200), "access-control-allow-origin: ");
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(headers, sizeof(headers), HOST JSON "Origin: %s\r\n", bad[i]);
        assert_lacks(ask(world, headers, PING, 403), "access-control");
    }
    assert_lacks(ask(world, HOST JSON, PING, 200), "access-control");
}

static void preflight(void **state)
{
    const char *answer = exchange(*state,
                                  "OPTIONS /mcp HTTP/1.1\r\n" HOST
                                  "Origin: http://localhost:6274\r\nAccess-Control-Request-Headers:"
                                  " content-type,mcp-method\r\n\r\n",
                                  204);

    assert_contains(answer, "access-control-allow-origin: http://localhost:6274\r\n");
    assert_contains(answer, "access-control-allow-headers: content-type,mcp-method\r\n");
    assert_contains(answer, "access-control-allow-methods: POST, OPTIONS\r\n");
    assert_lacks(answer, "Content-Length");
    assert_lacks(
        exchange(*state, "OPTIONS /mcp HTTP/1.1\r\n" HOST "Origin: http://evil.com\r\n\r\n", 403),
        "access-control");
}

static void hosts_on_loopback(void **state)
{
    ask(*state, "Host: 127.0.0.1:80\r\n" JSON, PING, 200);
    ask(*state, "Host: [::1]\r\n" JSON, PING, 200);
    ask(*state, "Host: LocalHost:9\r\n" JSON, PING, 200);
    ask(*state, "Host: evil.com\r\n" JSON, PING, 403);
    ask(*state, "Host: localhost.evil.com\r\n" JSON, PING, 403);
    ask(*state, "Host: localhost:x\r\n" JSON, PING, 403);
    ask(*state, "Host: localhost:1@evil.com\r\n" JSON, PING, 403);
    exchange(*state, "GET /healthz HTTP/1.1\r\nHost: evil.com\r\n\r\n", 200);
}

/* What a gateway in front could read as another request than this server does. */
static void one_reading_of_each_request(void **state)
{
    static const char *const two_lengths[] = {
        "Content-Length: 40\r\nContent-Length: 3\r\n\r\n" PING "GET /x",
        "Content-Length: 3\r\ncontent-length: 40\r\n\r\n" PING "GET /x",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n28\r\n" PING "\r\n0\r\n\r\nGET /x",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n28\r\n" PING "\r\n0\r\n\r\nGET /x",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n28\r\n" PING
        "\r\n0\r\n\r\nGET /x",
    };
    char text[512];

    for (size_t i = 0; i < sizeof(two_lengths) / sizeof(two_lengths[0]); i++) {
        snprintf(text, sizeof(text), "POST /mcp HTTP/1.1\r\n" HOST JSON "%s", two_lengths[i]);
        const char *answer = exchange(*state, text, 400);
        assert_contains(answer, "how long the body is");
        assert_contains(answer, "Connection: close\r\n");
    }
    assert_contains(ask(*state, HOST "Host: evil.com\r\n" JSON, PING, 400), "one Host header");
    assert_contains(ask(*state, "Host: evil.com\r\n" HOST JSON, PING, 400), "one Host header");
    assert_contains(ask(*state, JSON, PING, 400), "one Host header");
    exchange(*state, "GET /healthz HTTP/1.0\r\n\r\n", 200);
    assert_contains(exchange(*state,
                             "POST /mcp HTTP/1.1\r\n" HOST JSON
                             "Transfer-Encoding: chunked\r\n\r\n28\r\n" PING "\r\n0\r\n\r\n",
                             200),
                    PONG);
    /* A body that looks like headers is none. */
    assert_contains(ask(*state, HOST JSON, "\r\nHost: a\r\nContent-Length: 1\r\n", 400), "-32700");
}

static int setup_guarded(void **state)
{
    *state = world_new((struct lk_http_server_options){
        .allowed_origins = LK_STR("https://app.example.com , https://b.example.com"),
        .allowed_hosts = LK_STR("mcp.example.com"),
        .allowed_hosts_name = "THE_HOSTS",
        .public_url = LK_STR("https://looker.example.com:8443/mcp"),
        .auth_token = LK_STR("s3cret-token"),
    });
    return 0;
}

#define NAME "Host: mcp.example.com:8443\r\n"
#define TOKEN "Authorization: Bearer s3cret-token\r\n"

static void configured_origins_and_hosts(void **state)
{
    struct world *world = *state;

    ask(world, NAME JSON TOKEN, PING, 200);
    ask(world, NAME JSON TOKEN "Origin: https://b.example.com\r\n", PING, 200);
    assert_contains(ask(world, NAME JSON TOKEN "Origin: https://c.example.com\r\n", PING, 403),
                    "add it to allowed_origins");
    ask(world, NAME JSON TOKEN "Origin: http://localhost\r\n", PING, 403);
    assert_contains(ask(world, HOST JSON TOKEN, PING, 403), "add it to THE_HOSTS");
    /* By its own name it can be called. */
    ask(world, "Host: LOOKER.example.com\r\n" JSON TOKEN, PING, 200);
    ask(world, "Host: example.com\r\n" JSON TOKEN, PING, 403);
    ask(world, "Host: looker.example.com.evil.example\r\n" JSON TOKEN, PING, 403);
}

static void bearer_token(void **state)
{
    struct world *world = *state;
    static const char *const wrong[] = {
        "Bearer s3cret-toke", "Bearer s3cret-token2", "Bearer ",
        "Basic s3cret-token", "s3cret-token",         "Bearer S3CRET-TOKEN"};
    char headers[256];

    ask(world, NAME JSON "authorization: bearer   s3cret-token\r\n", PING, 200);
    assert_lacks(ask(world, NAME JSON, PING, 401), "invalid_token");
    assert_contains(ask(world, NAME JSON, PING, 401),
                    "www-authenticate: Bearer realm=\"looker-mcp-server\"\r\n");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        snprintf(headers, sizeof(headers), NAME JSON "Authorization: %s\r\n", wrong[i]);
        assert_contains(ask(world, headers, PING, 401), "error=\"invalid_token\"");
    }
    assert_lacks(ask(world, NAME JSON "Authorization: Bearer x\r\n", PING, 401), "s3cret");
    exchange(world, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200);
    exchange(world, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", 200);
}

static void no_token_in_the_query(void **state)
{
    struct world *world = *state;

    exchange(world,
             "POST /mcp?a=1&access_token=s3cret-token HTTP/1.1\r\n" NAME JSON TOKEN
             "Content-Length: 2\r\n\r\n{}",
             400);
    exchange(world,
             "POST /mcp?token=s3cret-token HTTP/1.1\r\n" NAME JSON "Content-Length: 2\r\n\r\n{}",
             400);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH(test, setup_) cmocka_unit_test_setup_teardown(test, setup_, teardown)

/* On a new connection, and on one that has had requests; in one piece and in many. */
static void a_head_has_a_limit(void **state)
{
    struct world *world = *state;
    size_t sizes[] = {60000, 70000, 500000};
    char *filler = malloc(500001);

    memset(filler, 'a', 500000);
    for (size_t i = 0; i < 6; i++) {
        struct client client = client_new(world);
        const char *begin = "GET /healthz HTTP/1.1\r\n" HOST "X-Big: ";

        if (i % 2 == 1) {
            post_with(world, &client, "", PING);
            assert_non_null(response(world, &client));
        }
        send_text(world, &client, begin, strlen(begin));
        turn(world, 2);
        send_text(world, &client, filler, sizes[i / 2]);
        send_text(world, &client, "\r\n\r\n", 4);
        assert_non_null(response(world, &client));
        assert_int_equal(client.status, i < 2 ? 200 : 431);
        if (i >= 2)
            assert_contains(client.body,
                            "\"the headers of the request are more than 100, or larger than");
        client_free(&client);
    }
    free(filler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(routes),
        TEST(head_has_no_body),
        TEST(messages_and_notifications),
        TEST(one_connection_many_requests),
        TEST(headers_reach_core_and_tools),
        TEST(mirrored_arguments_reach_the_core),
        TEST(origins),
        TEST(preflight),
        TEST(hosts_on_loopback),
        TEST(one_reading_of_each_request),
        TEST(a_head_has_a_limit),
        WITH(configured_origins_and_hosts, setup_guarded),
        WITH(bearer_token, setup_guarded),
        WITH(no_token_in_the_query, setup_guarded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
