/*
 * subscriptions/listen (MCP 2026-07-28): a request that stays open so that the server could tell
 * about changes. What this server lists never changes while it runs, and Looker tells nobody when
 * something changes there, so it agrees to an empty filter; who listens has a stream that is kept
 * alive, and hears when the server stops. Called by methods.c, server.c and call.c.
 *
 *     listen ──> acknowledged ──> …… ──> the server stops: a result
 *                                  └───> the client leaves, or cancels: nothing
 *
 * It is a call without a coroutine. It does not count as in flight, so listeners take no room from
 * those who work. Over HTTP each is a connection, and one that counts as idle where connections are
 * at their limit; on stdio this is the limit:
 */
#include "mcp/internal.h"

#define LISTENING_MAX 16

static const struct mcp_tool listen_row = {.name = "subscriptions/listen",
                                           .group = &mcp_protocol_group};
static const struct mcp_target listen_target = {.row = &listen_row};

static void write_subscription(struct lk_buf *out, struct lk_str id)
{
    lk_buf_lit(out, "{\"" MCP_META_SUBSCRIPTION "\":");
    lk_buf_str(out, id);
}

static void acknowledge(struct mcp_call *call)
{
    struct lk_buf out;

    lk_buf_init(&out, 1024 + call->id.len);
    lk_buf_lit(&out, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\","
                     "\"params\":{\"_meta\":");
    write_subscription(&out, call->id);
    lk_buf_lit(&out, "},\"notifications\":{}}}");
    call->inbound.notify(call->inbound.arg, lk_buf_view(&out));
    lk_buf_free(&out);
}

/* A filter with members that are not what they should be is refused, and not read as another. */
static bool check_filter(struct lk_str filter)
{
    static const struct lk_str booleans[] = {
        LK_STR_INIT("toolsListChanged"),
        LK_STR_INIT("promptsListChanged"),
        LK_STR_INIT("resourcesListChanged"),
    };
    struct lk_str value, uri;

    for (size_t i = 0; i < sizeof(booleans) / sizeof(booleans[0]); i++) {
        if (lk_json_get(filter, booleans[i], &value) && lk_json_type(value) != LK_JSON_BOOLEAN)
            return false;
    }
    if (!lk_json_get(filter, LK_STR("resourceSubscriptions"), &value))
        return true;
    if (lk_json_type(value) != LK_JSON_ARRAY)
        return false;
    struct lk_json_iter it = lk_json_iter(value);
    while (lk_json_next(&it, NULL, &uri)) {
        if (lk_json_type(uri) != LK_JSON_STRING)
            return false;
    }
    return true;
}

void mcp_listen(struct mcp_request *request)
{
    struct mcp_peer *peer = request->inbound->peer;
    struct lk_str filter;
    struct mcp_call *call;

    if (!lk_json_get(request->message.params, LK_STR("notifications"), &filter) ||
        lk_json_type(filter) != LK_JSON_OBJECT || !check_filter(filter)) {
        mcp_refuse_params(request, "params.notifications must be an object of what to hear of: "
                                   "toolsListChanged, promptsListChanged, resourcesListChanged "
                                   "(booleans), resourceSubscriptions (a list of URIs)");
        return;
    }
    if (request->inbound->notify == NULL) {
        mcp_refuse_params(request, "listening needs a stream: send Accept: application/json, "
                                   "text/event-stream");
        return;
    }
    if (peer->n_listening_ >= LISTENING_MAX) {
        mcp_refuse_params(request,
                          "there are %d subscriptions already, the limit of one "
                          "connection; cancel one first",
                          LISTENING_MAX);
        return;
    }
    call = mcp_call_new(request, &listen_target);
    mcp_call_link(call, &call->server->listening);
    peer->n_listening_++;
    request->started = call;
    acknowledge(call);
}

void mcp_listen_end(struct mcp_call *call, bool graceful)
{
    struct lk_arena *arena = call->arena;
    struct lk_buf out;

    mcp_call_unlink(call);
    call->inbound.peer->n_listening_--;
    if (!graceful) {
        mcp_reply_nothing(&call->inbound);
    } else {
        lk_buf_init(&out, 4096 + 2 * call->id.len);
        mcp_write_head(&out, call->id);
        lk_buf_lit(&out, "{\"resultType\":\"complete\",\"_meta\":");
        write_subscription(&out, call->id);
        lk_buf_lit(&out, ",\"" MCP_META_SERVER_INFO "\":");
        mcp_write_server_info(&out, call->server, call->revision);
        lk_buf_lit(&out, "}}}");
        call->inbound.reply(call->inbound.arg, 200, &out);
        lk_buf_free(&out);
    }
    lk_buf_free(&call->answer);
    lk_buf_free(&call->asks);
    lk_arena_free(arena);
}

bool mcp_call_is_listening(const struct mcp_call *call)
{
    return call->target == &listen_target;
}

void mcp_call_end_listening(struct mcp_call *call)
{
    mcp_listen_end(call, true);
}
