/*
 * The HTTP transport over loopback sockets: routes and guards, requests that are slow, large or
 * broken, clients that leave, readiness, the limits, the way it stops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture/tools.h"
#include "rt/co.h"
#include "transport/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_BODY 10000

struct world {
    struct lk_loop *loop;
    struct mcp_server *mcp;
    struct fixture_context context;
    struct lk_http_server *http;
    bool stopped;
    int n_ready_calls;
    uint64_t ready_takes_ms;
    enum lk_error_kind not_ready; /* LK_ERROR_NONE: it is */
};

struct client {
    int fd;
    char *text;
    size_t len;
    bool closed; /* by the server */
    int status;  /* of the last response */
    char *body;
};

/* ---- the server ---- */

static bool is_ready(void *arg, struct lk_error *err)
{
    struct world *world = arg;

    world->n_ready_calls++;
    if (!lk_co_sleep(world->loop, world->ready_takes_ms, err))
        return false;
    if (world->not_ready != LK_ERROR_NONE)
        return lk_fail(err, world->not_ready, "the secret is %s", "hunter2");
    return true;
}

static struct world *world_new(struct lk_http_server_options options)
{
    struct world *world = calloc(1, sizeof(*world));
    struct mcp_server_options mcp = {.name = "fixture",
                                     .version = "1",
                                     .tools = fixture_tools,
                                     .n_tools = fixture_n_tools,
                                     .tool_context = &world->context};
    struct lk_error err = {0};

    signal(SIGPIPE, SIG_IGN);
    assert_true(lk_loop_new(&world->loop, &err));
    world->context.loop = mcp.loop = world->loop;
    world->mcp = mcp_server_new(&mcp);
    options.loop = world->loop;
    options.server = world->mcp;
    options.max_body_bytes = MAX_BODY;
    options.ready_arg = world;
    if (!lk_http_server_new(&options, &world->http, &err))
        fail_msg("%s", err.message);
    return world;
}

static int setup(void **state)
{
    *state = world_new((struct lk_http_server_options){.forward_headers = LK_STR("X-User, X-B")});
    return 0;
}

static void on_stopped(void *arg)
{
    struct world *world = arg;

    world->stopped = true;
}

static void turn(struct world *world, int turns)
{
    for (int i = 0; i < turns; i++)
        lk_loop_run_once(world->loop, 5);
}

static void until_stopped(struct world *world)
{
    for (int i = 0; i < 2000 && !world->stopped; i++)
        turn(world, 1);
    assert_true(world->stopped);
    assert_int_equal(mcp_server_in_flight(world->mcp), 0);
}

static int teardown(void **state)
{
    struct world *world = *state;

    if (!world->stopped) {
        lk_http_server_stop(world->http, 0, on_stopped, world);
        until_stopped(world);
    }
    lk_http_server_free(world->http);
    turn(world, 2); /* h2o frees what was closed on its next turn */
    mcp_server_free(world->mcp);
    lk_loop_free(world->loop);
    free(world);
    return 0;
}

/* ---- clients ---- */

static struct client client_new(struct world *world)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(lk_http_server_port(world->http)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct client client = {.fd = socket(AF_INET, SOCK_STREAM, 0)};

    assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    fcntl(client.fd, F_SETFL, O_NONBLOCK);
    return client;
}

static void client_free(struct client *client)
{
    close(client->fd);
    free(client->text);
    free(client->body);
}

/* False when the server closed before all was sent; what it said can still be read. */
static bool send_text(struct world *world, struct client *client, const char *text, size_t len)
{
    while (len != 0) {
        ssize_t n = send(client->fd, text, len, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN)
            return false;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
        if (len != 0)
            turn(world, 1);
    }
    return true;
}

static void collect(struct client *client)
{
    char bytes[65536];
    ssize_t n;

    while ((n = recv(client->fd, bytes, sizeof(bytes), 0)) > 0) {
        client->text = realloc(client->text, client->len + (size_t)n + 1);
        memcpy(client->text + client->len, bytes, (size_t)n);
        client->len += (size_t)n;
        client->text[client->len] = '\0';
    }
    if (n == 0 || errno == ECONNRESET)
        client->closed = true;
}

/* Takes one whole response off what came, when it is there. */
static bool take_response(struct client *client, bool head)
{
    const char *end = client->text != NULL ? strstr(client->text, "\r\n\r\n") : NULL;
    const char *length;
    size_t header_len, body_len;

    if (end == NULL)
        return false;
    header_len = (size_t)(end - client->text) + 4;
    length = strstr(client->text, "Content-Length: ");
    body_len = length != NULL && length < end && !head ? strtoul(length + 16, NULL, 10) : 0;
    if (client->len < header_len + body_len)
        return false;
    assert_int_equal(sscanf(client->text, "HTTP/1.1 %d ", &client->status), 1);
    free(client->body);
    client->body = strndup(client->text, header_len + body_len);
    client->len -= header_len + body_len;
    memmove(client->text, client->text + header_len + body_len, client->len + 1);
    return true;
}

/* The whole response, header and body, for ten seconds at most; NULL when the server closed. */
static const char *response(struct world *world, struct client *client)
{
    for (int i = 0; i < 2000; i++) {
        collect(client);
        if (take_response(client, false))
            return client->body;
        if (client->closed)
            return NULL;
        turn(world, 1);
    }
    fail_msg("no response");
    return NULL;
}

static void post_with(struct world *world, struct client *client, const char *headers,
                      const char *body)
{
    char *text;
    int len = asprintf(&text,
                       "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                       "%sContent-Length: %zu\r\n\r\n%s",
                       headers, strlen(body), body);

    send_text(world, client, text, (size_t)len);
    free(text);
}

/* One request on a connection of its own; the response is kept in a static buffer. */
static const char *exchange(struct world *world, const char *text, int expected_status)
{
    static char kept[65536];
    struct client client = client_new(world);

    send_text(world, &client, text, strlen(text));
    if (response(world, &client) == NULL)
        fail_msg("closed without a response: %s", text);
    if (client.status != expected_status)
        fail_msg("%d was expected: %s\n%s", expected_status, text, client.body);
    snprintf(kept, sizeof(kept), "%s", client.body);
    client_free(&client);
    return kept;
}

static const char *ask(struct world *world, const char *headers, const char *body, int status)
{
    char text[16384];

    snprintf(text, sizeof(text), "POST /mcp HTTP/1.1\r\n%sContent-Length: %zu\r\n\r\n%s", headers,
             strlen(body), body);
    return exchange(world, text, status);
}

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        const char *text_ = (text), *part_ = (part);                                               \
        if (strstr(text_, part_) == NULL)                                                          \
            fail_msg("\"%s\" is not in: %.600s", part_, text_);                                    \
    } while (0)
#define assert_lacks(text, part)                                                                   \
    do {                                                                                           \
        const char *text_ = (text), *part_ = (part);                                               \
        if (strstr(text_, part_) != NULL)                                                          \
            fail_msg("\"%s\" is in: %.600s", part_, text_);                                        \
    } while (0)

#define HOST "Host: localhost\r\n"
#define JSON "Content-Type: application/json\r\n"
#define PING "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"
#define PONG "\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"
#define SLEEP(ms)                                                                                  \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"sleep\","      \
    "\"arguments\":{\"ms\":" ms "}}}"
#define MODERN_SLEEP(ms)                                                                           \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"sleep\","      \
    "\"arguments\":{\"ms\":" ms "},\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":"        \
    "\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}}}"
#define MODERN "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name:  sleep \r\n"

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

static int setup_guarded(void **state)
{
    *state = world_new((struct lk_http_server_options){
        .allowed_origins = LK_STR("https://app.example.com , https://b.example.com"),
        .allowed_hosts = LK_STR("mcp.example.com"),
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
    ask(world, NAME JSON TOKEN "Origin: https://c.example.com\r\n", PING, 403);
    ask(world, NAME JSON TOKEN "Origin: http://localhost\r\n", PING, 403);
    ask(world, HOST JSON TOKEN, PING, 403);
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

/* ---- requests that are slow, large or broken ---- */

static void a_byte_at_a_time(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);
    const char *text = "POST /mcp HTTP/1.1\r\n" HOST JSON "Content-Length: 40\r\n\r\n" PING;

    for (const char *c = text; *c != '\0'; c++) {
        send_text(world, &client, c, 1);
        turn(world, 1);
    }
    assert_contains(response(world, &client), PONG);
    client_free(&client);
}

static void chunks_are_put_together(void **state)
{
    assert_contains(exchange(*state,
                             "POST /mcp HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n"
                             "8\r\n{\"jsonrp\r\n20\r\nc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"
                             "\r\n0\r\n\r\n",
                             200),
                    PONG);
}

static void large_bodies(void **state)
{
    struct world *world = *state;
    size_t size = 40 * 1000 * 1000;
    char *text = malloc(size);
    struct client client = client_new(world);
    int header;

    memset(text, ' ', size);
    memcpy(text, PING, strlen(PING));
    text[MAX_BODY] = '\0';
    post_with(world, &client, "", text); /* exactly the limit */
    assert_contains(response(world, &client), PONG);
    client_free(&client);

    memset(text, ' ', size);
    header =
        snprintf(text, 200, "POST /mcp HTTP/1.1\r\n" HOST JSON "Content-Length: %zu\r\n\r\n", size);
    text[header] = ' ';
    client = client_new(world);
    assert_true(send_text(world, &client, text, size)); /* all of it, before reading */
    assert_contains(response(world, &client),
                    "larger than 10000 bytes, the limit (max_body_bytes)");
    assert_int_equal(client.status, 413);
    client_free(&client);
    free(text);

    assert_contains(
        exchange(world, "POST /mcp HTTP/1.1\r\n" HOST JSON "Content-Length: 10001\r\n\r\n", 413),
        "content-type: application/json");
    assert_contains(ask(world, HOST JSON, PING, 200), PONG);
}

static void broken_requests(void **state)
{
    static const char *const texts[] = {
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /mcp HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
        "POST /mcp HTTP/1.1\r\n" HOST "Content-Length: abc\r\n\r\n",
        "POST /mcp HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n",
        "POST /mcp HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        exchange(*state, texts[i], 400);
}

static int setup_hurried(void **state)
{
    *state = world_new((struct lk_http_server_options){.request_timeout_ms = 50});
    return 0;
}

static void slow_requests_are_cut_off(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world), busy = client_new(world);

    post_with(world, &busy, "", SLEEP("200")); /* a slow answer is another matter */
    send_text(world, &client, "POST /mcp HTTP/1.1\r\nHost: lo", 28);
    assert_null(response(world, &client));
    client_free(&client);
    assert_contains(response(world, &busy), "slept_ms");
    client_free(&busy);
}

/* ---- clients that leave ---- */

static void legacy_calls_outlive_their_client(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);

    post_with(world, &client, "", SLEEP("50"));
    turn(world, 3);
    assert_int_equal(world->context.n_started, 1);
    client_free(&client);
    for (int i = 0; i < 100 && world->context.n_ended == 0; i++)
        turn(world, 1);
    assert_int_equal(world->context.n_ended, 1);
    assert_int_equal(world->context.n_cancelled, 0);
    assert_contains(ask(world, HOST JSON, PING, 200), PONG);
}

static void modern_calls_end_with_their_client(void **state)
{
    struct world *world = *state;

    for (int half = 0; half < 2; half++) {
        struct client client = client_new(world);

        post_with(world, &client, MODERN, MODERN_SLEEP("50000"));
        turn(world, 3);
        assert_int_equal(world->context.n_started, half + 1);
        if (half)
            shutdown(client.fd, SHUT_WR);
        else
            client_free(&client);
        for (int i = 0; i < 100 && mcp_server_in_flight(world->mcp) != 0; i++)
            turn(world, 1);
        assert_int_equal(world->context.n_cancelled, half + 1);
        if (half) {
            assert_null(response(world, &client)); /* nothing more is sent */
            client_free(&client);
        }
    }
}

/* The answer that races with the client's going is dropped, whichever comes first. */
static void leaving_at_any_moment(void **state)
{
    struct world *world = *state;

    for (int turns = 0; turns < 12; turns++) {
        for (int modern = 0; modern < 2; modern++) {
            struct client client = client_new(world);

            post_with(world, &client, modern ? MODERN : "",
                      modern ? MODERN_SLEEP("15") : SLEEP("15"));
            turn(world, turns);
            client_free(&client);
        }
    }
    for (int i = 0; i < 100 && mcp_server_in_flight(world->mcp) != 0; i++)
        turn(world, 1);
    assert_contains(ask(world, HOST JSON, PING, 200), PONG);
}

static void a_large_answer_is_not_read(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);

    post_with(
        world, &client, "",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"big\","
        "\"arguments\":{\"bytes\":8000000}}}");
    turn(world, 5);
    assert_contains(ask(world, HOST JSON, PING, 200), PONG);
    client_free(&client);
    turn(world, 5);
    client = client_new(world);
    post_with(
        world, &client, "",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"big\","
        "\"arguments\":{\"bytes\":8000000}}}");
    assert_true(strlen(response(world, &client)) > 8000000);
    client_free(&client);
}

static void a_hundred_at_once(void **state)
{
    struct world *world = *state;
    struct client clients[100];

    for (int i = 0; i < 100; i++) {
        clients[i] = client_new(world);
        post_with(world, &clients[i], i % 2 ? MODERN : "",
                  i % 2 ? MODERN_SLEEP("100") : SLEEP("100"));
    }
    for (int i = 0; i < 100 && mcp_server_in_flight(world->mcp) < 100; i++)
        turn(world, 1);
    assert_int_equal(mcp_server_in_flight(world->mcp), 100);
    for (int i = 0; i < 100; i++) {
        assert_contains(response(world, &clients[i]), "slept_ms");
        client_free(&clients[i]);
    }
}

/* ---- readiness ---- */

static int setup_ready(void **state)
{
    struct world *world =
        world_new((struct lk_http_server_options){.ready = is_ready, .ready_cache_ms = 100});

    world->ready_takes_ms = 20;
    *state = world;
    return 0;
}

#define READYZ "GET /readyz HTTP/1.1\r\n" HOST "\r\n"

static void readiness_is_asked_once_for_many(void **state)
{
    struct world *world = *state;
    struct client clients[5];

    for (int i = 0; i < 5; i++) {
        clients[i] = client_new(world);
        send_text(world, &clients[i], READYZ, strlen(READYZ));
    }
    turn(world, 2);
    client_free(&clients[2]); /* it waits no longer */
    for (int i = 0; i < 5; i++) {
        if (i == 2)
            continue;
        assert_contains(response(world, &clients[i]), "{\"status\":\"ready\"}");
        client_free(&clients[i]);
    }
    exchange(world, READYZ, 200);
    assert_int_equal(world->n_ready_calls, 1);
    world->not_ready = LK_ERROR_AUTH;
    for (int i = 0; i < 30; i++) /* until the verdict is old */
        turn(world, 1);
    assert_contains(exchange(world, READYZ, 503),
                    "\r\n\r\n{\"status\":\"not ready\",\"reason\":\"auth\"}");
    assert_lacks(exchange(world, READYZ, 503), "hunter2");
    assert_int_equal(world->n_ready_calls, 2);
}

static void stopping_does_not_wait_for_readiness(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);

    world->ready_takes_ms = 50000;
    send_text(world, &client, READYZ, strlen(READYZ));
    turn(world, 3);
    lk_http_server_stop(world->http, 10, on_stopped, world);
    until_stopped(world);
    client_free(&client);
}

/* ---- limits, start and stop ---- */

static int setup_few(void **state)
{
    *state = world_new((struct lk_http_server_options){.max_connections = 2});
    return 0;
}

static void connections_beyond_the_limit_wait(void **state)
{
    struct world *world = *state;
    struct client a = client_new(world), b = client_new(world), c = client_new(world);

    post_with(world, &a, "", PING);
    post_with(world, &b, "", PING);
    post_with(world, &c, "", PING);
    assert_contains(response(world, &a), PONG);
    assert_contains(response(world, &b), PONG);
    turn(world, 10);
    collect(&c);
    assert_int_equal(c.len, 0);
    client_free(&a);
    assert_contains(response(world, &c), PONG);
    client_free(&b);
    client_free(&c);
}

static void a_start_that_fails_says_why(void **state)
{
    struct world *world = *state;
    struct lk_http_server_options options = {.loop = world->loop, .server = world->mcp};
    struct lk_http_server *server;
    struct lk_error err = {0};
    char port[16];

    options.port = lk_http_server_port(world->http);
    snprintf(port, sizeof(port), "port %u:", options.port);
    assert_false(lk_http_server_new(&options, &server, &err));
    assert_int_equal(err.kind, LK_ERROR_CONFIG);
    assert_contains(err.message, "127.0.0.1");
    assert_contains(err.message, port);
    assert_contains(err.message, "in use");

    err = (struct lk_error){0};
    options.host = LK_STR("no.such.host.invalid");
    assert_false(lk_http_server_new(&options, &server, &err));
    assert_contains(err.message, "no.such.host.invalid");

    err = (struct lk_error){0};
    options.host = LK_STR("203.0.113.1"); /* not ours */
    assert_false(lk_http_server_new(&options, &server, &err));
    assert_contains(err.message, "203.0.113.1");
}

static void stopping_lets_calls_finish(void **state)
{
    struct world *world = *state;
    struct client idle = client_new(world), half = client_new(world), busy = client_new(world);

    post_with(world, &idle, "", PING);
    assert_contains(response(world, &idle), PONG);
    send_text(world, &half, "POST /mcp HT", 12);
    post_with(world, &busy, "", SLEEP("1000"));
    turn(world, 5);
    lk_http_server_stop(world->http, 5000, on_stopped, world);
    turn(world, 2);
    assert_null(response(world, &idle));
    assert_null(response(world, &half));
    assert_int_equal(mcp_server_in_flight(world->mcp), 1); /* they did not wait for it */
    assert_false(world->stopped);
    assert_contains(response(world, &busy), "slept_ms");
    assert_contains(busy.body, "Connection: close");
    until_stopped(world);
    client_free(&idle);
    client_free(&half);
    client_free(&busy);
}

static void stopping_does_not_wait_for_ever(void **state)
{
    struct world *world = *state;
    struct client legacy = client_new(world), modern = client_new(world), deaf = client_new(world);

    post_with(world, &legacy, "", SLEEP("50000"));
    post_with(world, &modern, MODERN, MODERN_SLEEP("50000"));
    post_with(
        world, &deaf, "",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"big\","
        "\"arguments\":{\"bytes\":8000000}}}");
    turn(world, 5);
    lk_http_server_stop(world->http, 30, on_stopped, world);
    assert_contains(response(world, &legacy), "the server is shutting down");
    assert_contains(response(world, &modern), "the server is shutting down");
    until_stopped(world); /* although one client does not read its answer */
    client_free(&legacy);
    client_free(&modern);
    client_free(&deaf);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH(test, setup_) cmocka_unit_test_setup_teardown(test, setup_, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(routes),
        TEST(head_has_no_body),
        TEST(messages_and_notifications),
        TEST(one_connection_many_requests),
        TEST(headers_reach_core_and_tools),
        TEST(origins),
        TEST(preflight),
        TEST(hosts_on_loopback),
        WITH(configured_origins_and_hosts, setup_guarded),
        WITH(bearer_token, setup_guarded),
        WITH(no_token_in_the_query, setup_guarded),
        TEST(a_byte_at_a_time),
        TEST(chunks_are_put_together),
        TEST(large_bodies),
        TEST(broken_requests),
        WITH(slow_requests_are_cut_off, setup_hurried),
        TEST(legacy_calls_outlive_their_client),
        TEST(modern_calls_end_with_their_client),
        TEST(leaving_at_any_moment),
        TEST(a_large_answer_is_not_read),
        TEST(a_hundred_at_once),
        WITH(readiness_is_asked_once_for_many, setup_ready),
        WITH(stopping_does_not_wait_for_readiness, setup_ready),
        WITH(connections_beyond_the_limit_wait, setup_few),
        TEST(a_start_that_fails_says_why),
        TEST(stopping_lets_calls_finish),
        TEST(stopping_does_not_wait_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
