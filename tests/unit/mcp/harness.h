/*
 * What the tests of src/mcp share: a server with the fixture's tools, and a transport that keeps
 * what it is told.
 */
#ifndef TEST_MCP_HARNESS_H
#define TEST_MCP_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture/tools.h"
#include "mcp/server.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_HEADERS 8

struct world {
    struct lk_loop *loop;
    struct mcp_server_options options;
    struct mcp_server *server;
    struct fixture_context context;
    struct mcp_peer peer;
    struct {
        const char *name, *value;
    } headers[MAX_HEADERS];
    bool can_notify;
    int n_replies, status;
    char *body; /* of the last reply */
    int n_notifications;
    char *notifications; /* a line each */
};

static inline struct lk_str world_header(void *arg, struct lk_str name)
{
    struct world *world = arg;

    for (size_t i = 0; i < MAX_HEADERS && world->headers[i].name != NULL; i++) {
        if (lk_str_ieq(name, lk_str(world->headers[i].name)))
            return lk_str(world->headers[i].value);
    }
    return (struct lk_str){0};
}

static inline void world_reply(void *arg, int http_status, struct lk_buf *body)
{
    struct world *world = arg;

    assert_false(body->overflow);
    free(world->body);
    world->body = strndup(body->ptr != NULL ? body->ptr : "", body->len);
    world->status = http_status;
    world->n_replies++;
}

static inline void world_notify(void *arg, struct lk_str message)
{
    struct world *world = arg;
    char *joined;

    assert_true(asprintf(&joined, "%s%.*s\n", world->notifications, LK_STR_ARG(message)) > 0);
    free(world->notifications);
    world->notifications = joined;
    world->n_notifications++;
}

static inline struct world *world_new(const struct mcp_server_options *more)
{
    struct world *world = calloc(1, sizeof(*world));
    struct lk_error err = {0};

    assert_true(lk_loop_new(&world->loop, &err));
    if (more != NULL)
        world->options = *more;
    world->options.loop = world->loop;
    world->options.name = "fixture";
    world->options.title = "The \"fixture\"";
    world->options.version = "1.2.3";
    world->options.instructions = "Use it\nwell.";
    world->options.tools = fixture_tools;
    world->options.n_tools = fixture_n_tools;
    world->options.tool_context = &world->context;
    world->context.loop = world->loop;
    world->server = mcp_server_new(&world->options);
    assert_non_null(world->server);
    world->body = strdup("");
    world->notifications = strdup("");
    return world;
}

static inline void world_free(struct world *world)
{
    assert_int_equal(mcp_server_in_flight(world->server), 0);
    mcp_server_free(world->server);
    lk_loop_free(world->loop);
    free(world->body);
    free(world->notifications);
    free(world);
}

/* A toy, in place of a MAC: the tests need one that differs, not one that is hard to forge. */
static inline void world_seal(void *arg, struct lk_str text, unsigned char *ret_mac)
{
    (void)arg;
    for (size_t i = 0; i < 32; i++)
        ret_mac[i] = (unsigned char)(7 * i + 1);
    for (size_t i = 0; i < text.len; i++)
        ret_mac[i % 32] = (unsigned char)(31 * ret_mac[i % 32] + (unsigned char)text.ptr[i]);
}

/* On stdio, with all that the fixture has. */
static inline int setup_offers(void **state)
{
    *state = world_new(&(struct mcp_server_options){
        .resources = fixture_resources,
        .n_resources = fixture_n_resources,
        .list_resources = fixture_list_resources,
        .prompts = fixture_prompts,
        .n_prompts = fixture_n_prompts,
        .logs = true,
        .seal = world_seal,
        .keep_arguments = true,
    });
    return 0;
}

static inline int setup_stdio(void **state)
{
    *state = world_new(NULL);
    return 0;
}

static inline int setup_http(void **state)
{
    struct world *world = world_new(NULL);

    world->peer.http = true;
    *state = world;
    return 0;
}

static inline int teardown(void **state)
{
    world_free(*state);
    return 0;
}

/* Hands the message over. Its memory goes at once, as a transport's may. */
static inline struct mcp_call *give_n(struct world *world, const char *text, size_t len)
{
    char *copy = malloc(len + 1);
    struct mcp_inbound inbound = {
        .peer = &world->peer,
        .body = {copy, len},
        .header = world->peer.http ? world_header : NULL,
        .reply = world_reply,
        .notify = world->can_notify ? world_notify : NULL,
        .arg = world,
    };
    struct mcp_call *call;

    memcpy(copy, text, len);
    mcp_server_receive(world->server, &inbound, &call);
    memset(copy, 'X', len);
    free(copy);
    return call;
}

static inline struct mcp_call *give(struct world *world, const char *text)
{
    return give_n(world, text, strlen(text));
}

/* Turns the loop until there are n replies, for five seconds at most. */
static inline void wait_replies(struct world *world, int n)
{
    for (int i = 0; i < 500 && world->n_replies < n; i++)
        lk_loop_run_once(world->loop, 10);
    assert_int_equal(world->n_replies, n);
}

/* The reply to a message, as a string. */
static inline const char *ask(struct world *world, const char *text)
{
    int before = world->n_replies;

    give(world, text);
    wait_replies(world, before + 1);
    return world->body;
}

/* A request with id 1; `members` are those of params, or "". In the modern era when modern is set.
 */
#define MODERN_META_WITH(capabilities, more)                                                       \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                       \
    "\"io.modelcontextprotocol/clientCapabilities\":" capabilities more "}"
#define MODERN_META MODERN_META_WITH("{}", "")

static inline char *request_text(const char *method, const char *meta, const char *members)
{
    char *text;

    assert_true(
        asprintf(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{%s%s%s}}",
                 method, meta, meta[0] != '\0' && members[0] != '\0' ? "," : "", members) > 0);
    return text;
}

static inline const char *ask_with(struct world *world, const char *meta, const char *method,
                                   const char *members)
{
    char *text = request_text(method, meta, members);

    ask(world, text);
    free(text);
    return world->body;
}

static inline const char *ask_legacy(struct world *world, const char *method, const char *members)
{
    return ask_with(world, "", method, members);
}

static inline const char *ask_modern(struct world *world, const char *method, const char *members)
{
    return ask_with(world, MODERN_META, method, members);
}

/* Asks a named tool with a raw arguments object and id 1. */
static inline const char *call_tool(struct world *world, const char *name, const char *arguments)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"%s\","
             "\"arguments\":%s}}",
             name, arguments);
    return ask(world, text);
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

#endif
