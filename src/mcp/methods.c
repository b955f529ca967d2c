/*
 * The methods and notifications, by name and era, and the small ones among them: initialize, ping,
 * tools/list, server/discover, notifications/cancelled. The others have files of their own. Called
 * by receive.c.
 */
#include "mcp/internal.h"
#include "json/write.h"

#include <stdarg.h>
#include <stdio.h>

#define RESULT_BYTES_MAX ((size_t)64 * 1024 * 1024)

enum era { LEGACY = 1, MODERN = 2 };

bool mcp_param_string(struct mcp_request *request, struct lk_str object, const char *key,
                      struct lk_str *ret_value)
{
    struct lk_str raw;

    if (!lk_json_get(object, lk_str(key), &raw) || lk_json_type(raw) != LK_JSON_STRING)
        return false;
    *ret_value = lk_arena_str(request->arena, lk_json_decode_string(request->arena, raw));
    return true;
}

void mcp_refuse_params(const struct mcp_request *request, const char *format, ...)
{
    struct mcp_rpc_error err;
    char message[400];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    mcp_rpc_fail(&err, MCP_INVALID_PARAMS, 200, "%s", message);
    mcp_reply_error(request->inbound, request->message.id, &err);
}

struct lk_buf mcp_result_begin(const struct mcp_request *request)
{
    struct lk_buf out;

    lk_buf_init(&out, RESULT_BYTES_MAX + request->message.id.len);
    mcp_write_head(&out, request->message.id);
    return out;
}

void mcp_result_end(const struct mcp_request *request, struct lk_buf *out)
{
    lk_buf_lit(out, "}}");
    request->inbound->reply(request->inbound->arg, 200, out);
    lk_buf_free(out);
}

static void initialize(struct mcp_request *request)
{
    const struct mcp_server_options *options = &request->server->options;
    struct mcp_peer *peer = request->inbound->peer;
    enum mcp_revision revision;
    struct lk_str version;
    struct lk_buf out;
    struct lk_json_writer w;

    if (!lk_json_get(request->message.params, LK_STR("protocolVersion"), &version) ||
        lk_json_type(version) != LK_JSON_STRING) {
        mcp_refuse_params(request, "params.protocolVersion must be a string");
        return;
    }
    revision = mcp_revision_negotiate(lk_json_decode_string(request->arena, version), peer->http);
    if (!peer->http)
        peer->legacy_revision_ = (uint8_t)revision;
    out = mcp_result_begin(request);
    w = lk_json_writer(&out);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "protocolVersion", lk_str(mcp_revision_name(revision)));
    lk_json_key(&w, "capabilities");
    mcp_write_capabilities(&out, request->server, revision);
    w.comma = true;
    lk_json_key(&w, "serverInfo");
    mcp_write_server_info(&out, request->server, revision);
    w.comma = true;
    if (options->instructions != NULL)
        lk_json_member_string(&w, "instructions", lk_str(options->instructions));
    mcp_result_end(request, &out);
}

static void ping(struct mcp_request *request)
{
    struct lk_buf out = mcp_result_begin(request);

    lk_buf_char(&out, '{');
    mcp_result_end(request, &out);
}

static void discover(struct mcp_request *request)
{
    const struct mcp_server_options *options = &request->server->options;
    struct lk_buf out = mcp_result_begin(request);
    struct lk_json_writer w = lk_json_writer(&out);

    lk_json_begin_object(&w);
    lk_json_member_raw(&w, "supportedVersions", mcp_revisions_json());
    lk_json_key(&w, "capabilities");
    mcp_write_capabilities(&out, request->server, request->revision);
    w.comma = true;
    if (options->instructions != NULL)
        lk_json_member_string(&w, "instructions", lk_str(options->instructions));
    mcp_write_cacheable(&out, request->server);
    mcp_result_end(request, &out);
}

static void tools_list(struct mcp_request *request)
{
    struct lk_str cursor, list;
    struct lk_buf out;

    /* There is one page, so no cursor was ever given out. */
    if (lk_json_get(request->message.params, LK_STR("cursor"), &cursor) &&
        lk_json_type(cursor) != LK_JSON_NULL) {
        mcp_refuse_params(request, "unknown cursor: all tools come in one page");
        return;
    }
    list = mcp_list_result(request->server, request->revision);
    out = mcp_result_begin(request);
    lk_buf_reserve(&out, list.len + 2);
    lk_buf_str(&out, list);
    mcp_result_end(request, &out);
}

static const struct {
    struct lk_str name;
    unsigned eras;
    void (*run)(struct mcp_request *request);
    enum mcp_offer offer; /* of servers that offer this only */
} methods[] = {
    {LK_STR_INIT("tools/call"), LEGACY | MODERN, mcp_tools_call, MCP_OFFER_TOOLS},
    {LK_STR_INIT("tools/list"), LEGACY | MODERN, tools_list, MCP_OFFER_TOOLS},
    {LK_STR_INIT("resources/read"), LEGACY | MODERN, mcp_resources_read, MCP_OFFER_RESOURCES},
    {LK_STR_INIT("resources/list"), LEGACY | MODERN, mcp_resources_list, MCP_OFFER_RESOURCES},
    {LK_STR_INIT("resources/templates/list"), LEGACY | MODERN, mcp_resources_templates_list,
     MCP_OFFER_RESOURCES},
    {LK_STR_INIT("prompts/get"), LEGACY | MODERN, mcp_prompts_get, MCP_OFFER_PROMPTS},
    {LK_STR_INIT("prompts/list"), LEGACY | MODERN, mcp_prompts_list, MCP_OFFER_PROMPTS},
    {LK_STR_INIT("completion/complete"), LEGACY | MODERN, mcp_complete, MCP_OFFER_COMPLETIONS},
    {LK_STR_INIT("subscriptions/listen"), MODERN, mcp_listen, MCP_OFFER_TOOLS},
    {LK_STR_INIT("logging/setLevel"), LEGACY, mcp_logging_set_level, MCP_OFFER_LOGGING},
    {LK_STR_INIT("server/discover"), MODERN, discover, MCP_OFFER_TOOLS},
    {LK_STR_INIT("initialize"), LEGACY, initialize, MCP_OFFER_TOOLS},
    {LK_STR_INIT("ping"), LEGACY, ping, MCP_OFFER_TOOLS},
};

void mcp_method_run(struct mcp_request *request)
{
    bool modern = mcp_is_modern(request->revision);
    struct lk_str name = request->message.method;
    struct mcp_rpc_error err;

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (!lk_str_eq(name, methods[i].name) || !(methods[i].eras & (modern ? MODERN : LEGACY)) ||
            !mcp_offers(request->server, methods[i].offer))
            continue;
        if (request->batched && methods[i].run == initialize) {
            mcp_rpc_fail(&err, MCP_INVALID_REQUEST, 400, "initialize must not be in a batch");
            mcp_reply_error(request->inbound, request->message.id, &err);
            return;
        }
        methods[i].run(request);
        return;
    }
    /* Modern clients tell an unknown method from a legacy server by status and body. */
    mcp_rpc_fail(&err, MCP_METHOD_NOT_FOUND, modern ? 404 : 200, "unknown method \"%.*s\"",
                 name.len < 100 ? (int)name.len : 100, name.ptr);
    mcp_reply_error(request->inbound, request->message.id, &err);
}

/*
 * Only on stdio: there the peer's calls are known. Over HTTP a notification is a request of its
 * own, and an id from who knows whom must not end someone else's call.
 */
static void cancelled(struct mcp_request *request)
{
    struct mcp_call *next;
    struct lk_str id;

    if (!lk_json_get(request->message.params, LK_STR("requestId"), &id))
        return;
    for (struct mcp_call *call = request->inbound->peer->calls_; call != NULL; call = next) {
        next = call->peer_next; /* a subscription is gone at once */
        if (lk_str_eq(call->id, id))
            mcp_call_cancel(call);
    }
}

void mcp_notification_take(struct mcp_request *request)
{
    if (!request->inbound->peer->http &&
        lk_str_eq(request->message.method, LK_STR("notifications/cancelled")))
        cancelled(request);
    mcp_reply_nothing(request->inbound);
}
