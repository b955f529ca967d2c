/*
 * Calls that answer with bytes instead of a message: a file that the client fetches (server.h,
 * mcp_server_download). They are in flight, admitted and cancelled as other calls, but have as long
 * as they take, and end with their client. Called by transports that can do it.
 */
#include "mcp/internal.h"

/* What went wrong, in the terms of HTTP. */
static int status_of(const struct mcp_call *call, const struct lk_error *err)
{
    static const struct {
        enum lk_error_kind kind;
        int status;
    } statuses[] = {
        {LK_ERROR_ARGUMENT, 400},    {LK_ERROR_AUTH, 403},      {LK_ERROR_LIMIT, 503},
        {LK_ERROR_TIMEOUT, 504},     {LK_ERROR_CANCELLED, 503}, {LK_ERROR_INTERNAL, 500},
        {LK_ERROR_UNSUPPORTED, 404},
    };

    if (call->refused_caller && call->inbound.refuse_caller != NULL) {
        call->inbound.refuse_caller(call->inbound.arg);
        return 401;
    }
    if (call->demanded_scope.len != 0 && call->inbound.demand_scope != NULL) {
        call->inbound.demand_scope(call->inbound.arg, call->demanded_scope);
        return 403;
    }
    if (err->kind == LK_ERROR_UPSTREAM && (err->status == 403 || err->status == 404))
        return err->status;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i].kind == err->kind)
            return statuses[i].status;
    }
    return 502; /* what is behind this server failed */
}

static void reply(struct mcp_call *call, struct lk_error *err)
{
    struct lk_buf out;
    struct lk_json_writer w = lk_json_writer(&out);

    lk_buf_init(&out, 8 * (MCP_ERROR_BODY_BYTES_MAX + sizeof(struct lk_error)));
    if (err->kind != LK_ERROR_NONE) {
        lk_json_begin_object(&w);
        mcp_write_error(&w, err);
        lk_json_end_object(&w);
    }
    call->inbound.reply(call->inbound.arg, err->kind == LK_ERROR_NONE ? 200 : status_of(call, err),
                        &out);
    lk_buf_free(&out);
}

static bool begin(struct mcp_call *call, struct lk_error *err)
{
    const struct mcp_server_options *options = &call->server->options;
    struct lk_buf key;
    bool own;

    mcp_call_write_key(call, &key);
    call->download_lane = mcp_gate_begin_download(options->gate, lk_buf_view(&key), &own);
    lk_buf_free(&key);
    if (call->download_lane != NULL)
        return true;
    if (own)
        return lk_fail(err, LK_ERROR_LIMIT,
                       "as many downloads of this caller are under way as one caller gets: half of "
                       "%u (%s); try again when one of them has ended",
                       mcp_gate_max_downloads(options->gate), options->max_downloads_name);
    return lk_fail(err, LK_ERROR_LIMIT,
                   "as many downloads are under way as may be at once (%u, %s); try again later",
                   mcp_gate_max_downloads(options->gate), options->max_downloads_name);
}

static const struct mcp_target download_target = {.run = mcp_tool_run, .reply = reply};

void mcp_server_download(struct mcp_server *server, const struct mcp_inbound *inbound,
                         struct lk_str arguments, struct mcp_call **ret_call)
{
    struct mcp_request request = {
        .server = server,
        .inbound = inbound,
        .arena = lk_arena_new(),
        .revision = MCP_2026_07_28, /* it ends with its client */
    };
    struct mcp_call *call = mcp_call_new(&request, &download_target);
    struct lk_error err = {0};

    *ret_call = NULL;
    call->tool = server->options.download;
    call->downloads = true;
    if (begin(call, &err) && mcp_tool_decode(call, arguments, &err) &&
        server->options.keep_arguments)
        call->arguments = lk_arena_str(call->arena, arguments);
    mcp_call_launch(&request, call, &err);
    *ret_call = request.started;
}

bool mcp_call_send_head(struct mcp_call *call, struct lk_str content_type, struct lk_str name,
                        struct lk_error *err)
{
    const struct mcp_inbound *inbound = &call->inbound;

    return inbound->send_head(inbound->arg, content_type, name, err);
}

bool mcp_call_send(struct mcp_call *call, struct lk_str bytes, struct lk_error *err)
{
    const struct mcp_inbound *inbound = &call->inbound;

    if (bytes.len > 0 && !inbound->send(inbound->arg, bytes, err))
        return false;
    call->sent_bytes += bytes.len;
    return true;
}
