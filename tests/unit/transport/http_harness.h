/*
 * What the tests of the HTTP transport share: a server on a port of its own, and clients that are
 * plain sockets, in the same thread: whoever waits turns the loop.
 */
#ifndef TEST_HTTP_HARNESS_H
#define TEST_HTTP_HARNESS_H

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

static inline bool is_ready(void *arg, struct lk_error *err)
{
    struct world *world = arg;

    world->n_ready_calls++;
    if (!lk_co_sleep(world->loop, world->ready_takes_ms, err))
        return false;
    if (world->not_ready != LK_ERROR_NONE)
        return lk_fail(err, world->not_ready, "the secret is %s", "hunter2");
    return true;
}

static inline struct world *world_new(struct lk_http_server_options options)
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

static inline int setup(void **state)
{
    *state = world_new((struct lk_http_server_options){.forward_headers = LK_STR("X-User, X-B")});
    return 0;
}

static inline void on_stopped(void *arg)
{
    struct world *world = arg;

    world->stopped = true;
}

static inline void turn(struct world *world, int turns)
{
    for (int i = 0; i < turns; i++)
        lk_loop_run_once(world->loop, 5);
}

static inline void until_stopped(struct world *world)
{
    for (int i = 0; i < 2000 && !world->stopped; i++)
        turn(world, 1);
    assert_true(world->stopped);
    assert_int_equal(mcp_server_in_flight(world->mcp), 0);
}

static inline int teardown(void **state)
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

static inline struct client client_new(struct world *world)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(lk_http_server_port(world->http)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct client client = {.fd = socket(AF_INET, SOCK_STREAM, 0)};

    assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    fcntl(client.fd, F_SETFL, O_NONBLOCK);
    return client;
}

static inline void client_free(struct client *client)
{
    close(client->fd);
    free(client->text);
    free(client->body);
}

/* False when the server closed before all was sent; what it said can still be read. */
static inline bool send_text(struct world *world, struct client *client, const char *text,
                             size_t len)
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

static inline void collect(struct client *client)
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
static inline bool take_response(struct client *client, bool head)
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
static inline const char *response(struct world *world, struct client *client)
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

static inline void post_with(struct world *world, struct client *client, const char *headers,
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
static inline const char *exchange(struct world *world, const char *text, int expected_status)
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

static inline const char *ask(struct world *world, const char *headers, const char *body,
                              int status)
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
/* An answer of 8 MB: more than the kernel takes in one go. */
#define BIG                                                                                        \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"big\","        \
    "\"arguments\":{\"bytes\":8000000}}}"
#define MODERN_SLEEP(ms)                                                                           \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"sleep\","      \
    "\"arguments\":{\"ms\":" ms "},\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":"        \
    "\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}}}"
#define MODERN "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name:  sleep \r\n"

#endif
