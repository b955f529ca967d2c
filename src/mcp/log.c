/*
 * Log messages for the client (notifications/message), and how many it wants: logging/setLevel on
 * stdio, the request's own _meta in 2026-07-28. Has nothing to do with the server's own log. Called
 * by methods.c, era.c, call.c, and by tools through mcp/tool.h.
 *
 *     2026-07-28       what the request says; nothing if it says nothing
 *     stdio            what the client has set, info before that
 *     legacy HTTP      info and above: there is no session that could remember a level
 */
#include "mcp/internal.h"

#define MESSAGE_BYTES_MAX ((size_t)64 * 1024)

static const char *const level_names[MCP_LOG_NOTHING] = {
    [MCP_LOG_DEBUG] = "debug",   [MCP_LOG_INFO] = "info",
    [MCP_LOG_NOTICE] = "notice", [MCP_LOG_WARNING] = "warning",
    [MCP_LOG_ERROR] = "error",   [MCP_LOG_CRITICAL] = "critical",
    [MCP_LOG_ALERT] = "alert",   [MCP_LOG_EMERGENCY] = "emergency",
};

bool mcp_log_level_named(struct lk_str name, enum mcp_log_level *ret_level)
{
    for (enum mcp_log_level i = MCP_LOG_DEBUG; i < MCP_LOG_NOTHING; i++) {
        if (!lk_str_eq(name, lk_str(level_names[i])))
            continue;
        if (ret_level != NULL)
            *ret_level = i;
        return true;
    }
    return false;
}

enum mcp_log_level mcp_log_level_of(const struct mcp_request *request)
{
    const struct mcp_peer *peer = request->inbound->peer;
    enum mcp_log_level level = MCP_LOG_NOTHING;
    struct lk_str raw;

    if (mcp_is_modern(request->revision)) {
        /* era.c has checked it. */
        if (lk_json_get(request->message.meta, LK_STR(MCP_META_LOG_LEVEL), &raw))
            mcp_log_level_named(lk_json_decode_string(request->arena, raw), &level);
        return level;
    }
    return peer->log_level_ != 0 ? (enum mcp_log_level)(peer->log_level_ - 1) : MCP_LOG_INFO;
}

void mcp_logging_set_level(struct mcp_request *request)
{
    struct mcp_peer *peer = request->inbound->peer;
    enum mcp_log_level level;
    struct lk_str name;
    struct lk_buf out;

    if (!mcp_param_string(request, request->message.params, "level", &name) ||
        !mcp_log_level_named(name, &level)) {
        mcp_refuse_params(request, "params.level must be one of " MCP_LOG_LEVELS);
        return;
    }
    if (!peer->http)
        peer->log_level_ = (uint8_t)(level + 1);
    out = mcp_result_begin(request);
    lk_buf_char(&out, '{');
    mcp_result_end(request, &out);
}

void mcp_call_log(struct mcp_call *call, enum mcp_log_level level, const char *logger,
                  struct lk_str text)
{
    struct lk_buf out;
    struct lk_json_writer w;

    if (level < call->log_level || level >= MCP_LOG_NOTHING || call->inbound.notify == NULL ||
        call->cancel != MCP_NOT_CANCELLED || call->n_logged >= MCP_LOG_MESSAGES_MAX)
        return;
    call->n_logged++;
    lk_buf_init(&out, MESSAGE_BYTES_MAX);
    w = lk_json_writer(&out);
    lk_buf_lit(&out, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":");
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "level", lk_str(level_names[level]));
    lk_json_member_string(&w, "logger", lk_str(logger));
    lk_json_member_string(&w, "data", text);
    lk_json_end_object(&w);
    lk_buf_char(&out, '}');
    if (!out.overflow)
        call->inbound.notify(call->inbound.arg, lk_buf_view(&out));
    lk_buf_free(&out);
}
