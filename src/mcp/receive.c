/*
 * The way of a message through the core: checked, taken apart, given its revision, run. Called by
 * the transports through mcp_server_receive, and by batch.c for each message of a batch.
 */
#include "mcp/internal.h"

static void reply_unreadable(const struct mcp_inbound *inbound, const struct lk_error *why)
{
    struct mcp_rpc_error err;

    /* Too deep is JSON all the same. */
    mcp_rpc_fail(&err, why->kind == LK_ERROR_LIMIT ? MCP_INVALID_REQUEST : MCP_PARSE_ERROR, 400,
                 "%.400s", why->message);
    mcp_reply_error(inbound, (struct lk_str){0}, &err);
}

/* A stdio peer gets no answer to what was no request; over HTTP every POST has one. */
static void refuse(const struct mcp_request *request, const struct mcp_rpc_error *err)
{
    if (request->message.kind != MCP_REQUEST && !request->inbound->peer->http)
        mcp_reply_nothing(request->inbound);
    else
        mcp_reply_error(request->inbound, request->message.id, err);
}

static void process(struct mcp_request *request, struct lk_str text)
{
    struct mcp_rpc_error err;

    if (!mcp_message_read(request->arena, text, &request->message, &err) ||
        !mcp_era_decide(request->arena, request->inbound, &request->message,
                        request->server->options.lenient_version_header, &request->revision,
                        &err)) {
        refuse(request, &err);
        return;
    }
    if (request->batched && mcp_is_modern(request->revision)) {
        mcp_rpc_fail(&err, MCP_INVALID_REQUEST, 400, "%s has no batches",
                     mcp_revision_name(request->revision));
        refuse(request, &err);
        return;
    }
    switch (request->message.kind) {
    case MCP_REQUEST:
        mcp_method_run(request);
        break;
    case MCP_NOTIFICATION:
        mcp_notification_take(request);
        break;
    case MCP_RESPONSE: /* nobody was asked anything */
        mcp_reply_nothing(request->inbound);
        break;
    }
}

struct mcp_call *mcp_receive_one(struct mcp_server *server, struct lk_arena *arena,
                                 const struct mcp_inbound *inbound, struct lk_str text,
                                 bool batched)
{
    struct mcp_request request = {
        .server = server, .inbound = inbound, .arena = arena, .batched = batched};

    process(&request, text);
    lk_arena_free(request.arena);
    return request.started;
}

void mcp_server_receive(struct mcp_server *server, const struct mcp_inbound *inbound,
                        struct mcp_call **ret_call)
{
    struct lk_str text = lk_str_trim(inbound->body);
    struct lk_arena *arena;
    struct lk_error why = {0};
    struct mcp_call *started = NULL;

    if (ret_call != NULL)
        *ret_call = NULL;
    if (!lk_json_check(text, LK_JSON_MAX_DEPTH, 0, &why)) {
        reply_unreadable(inbound, &why);
        return;
    }
    arena = lk_arena_new();
    if (lk_json_type(text) == LK_JSON_ARRAY)
        mcp_receive_batch(server, arena, inbound, text);
    else
        started = mcp_receive_one(server, arena, inbound, text, false);
    if (ret_call != NULL)
        *ret_call = started;
}
