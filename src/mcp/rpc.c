/*
 * Reads JSON-RPC messages and writes its errors (see rpc.h). Does not know methods or eras. Called
 * by receive.c and the methods.
 */
#include "mcp/rpc.h"

#include "mcp/era.h"
#include "json/write.h"

#include <stdarg.h>
#include <stdio.h>

#define ERROR_BYTES_MAX ((size_t)64 * 1024)

bool mcp_rpc_fail(struct mcp_rpc_error *err, int code, int http_status, const char *format, ...)
{
    va_list args;

    err->code = code;
    err->http_status = http_status;
    err->data = (struct lk_str){0};
    va_start(args, format);
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return false;
}

bool mcp_is_id(struct lk_str value)
{
    size_t at = 0;

    if (value.len == 0)
        return false;
    if (value.ptr[0] == '"')
        return true;
    if (value.ptr[0] == '-')
        at = 1;
    if (at == value.len)
        return false;
    for (; at < value.len; at++) {
        if (value.ptr[at] < '0' || value.ptr[at] > '9')
            return false;
    }
    return true;
}

/* The members of a message that matter, as they were found. */
struct members {
    struct lk_str jsonrpc, id, method, params, result, error;
};

/* False when one of them comes twice: an intermediary could read the other one. */
static bool collect(struct lk_str text, struct members *members, const char **ret_twice)
{
    const struct {
        struct lk_str key;
        struct lk_str *value;
    } known[] = {
        {LK_STR_INIT("jsonrpc"), &members->jsonrpc}, {LK_STR_INIT("id"), &members->id},
        {LK_STR_INIT("method"), &members->method},   {LK_STR_INIT("params"), &members->params},
        {LK_STR_INIT("result"), &members->result},   {LK_STR_INIT("error"), &members->error},
    };
    struct lk_json_iter it = lk_json_iter(text);
    struct lk_str key, value;

    *ret_twice = NULL;
    while (lk_json_next(&it, &key, &value)) {
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            if (!lk_json_key_eq(key, known[i].key))
                continue;
            if (known[i].value->len != 0 && *ret_twice == NULL)
                *ret_twice = known[i].key.ptr;
            else
                *known[i].value = value;
        }
    }
    return *ret_twice == NULL;
}

/* The first of the names that more than one member of the object has, or NULL. */
static const char *find_twice(struct lk_str object, const struct lk_str *names, size_t n_names)
{
    struct lk_json_iter it = lk_json_iter(object);
    struct lk_str key;
    unsigned seen = 0;

    while (lk_json_next(&it, &key, NULL)) {
        for (size_t i = 0; i < n_names; i++) {
            if (!lk_json_key_eq(key, names[i]))
                continue;
            if ((seen & 1u << i) != 0)
                return names[i].ptr;
            seen |= 1u << i;
        }
    }
    return NULL;
}

/* As in collect: what decides what a message does must not depend on who reads it. */
static bool check_once(const struct mcp_message *message, struct mcp_rpc_error *err)
{
    static const struct lk_str of_params[] = {
        LK_STR_INIT("_meta"),          LK_STR_INIT("name"),
        LK_STR_INIT("arguments"),      LK_STR_INIT("uri"),
        LK_STR_INIT("cursor"),         LK_STR_INIT("protocolVersion"),
        LK_STR_INIT("requestId"),      LK_STR_INIT("ref"),
        LK_STR_INIT("argument"),       LK_STR_INIT("level"),
        LK_STR_INIT("context"),        LK_STR_INIT("notifications"),
        LK_STR_INIT("inputResponses"), LK_STR_INIT("requestState"),
    };
    static const struct lk_str of_meta[] = {
        LK_STR_INIT(MCP_META_VERSION),
        LK_STR_INIT(MCP_META_CAPABILITIES),
        LK_STR_INIT("progressToken"),
        LK_STR_INIT(MCP_META_LOG_LEVEL),
    };
    const char *twice =
        find_twice(message->params, of_params, sizeof(of_params) / sizeof(of_params[0]));

    if (twice != NULL)
        return mcp_rpc_fail(err, MCP_INVALID_PARAMS, 400, "params.%s stands there twice", twice);
    twice = find_twice(message->meta, of_meta, sizeof(of_meta) / sizeof(of_meta[0]));
    if (twice != NULL)
        return mcp_rpc_fail(err, MCP_INVALID_PARAMS, 400, "params._meta[\"%s\"] stands there twice",
                            twice);
    return true;
}

static bool read_params(struct lk_str params, struct mcp_message *message,
                        struct mcp_rpc_error *err)
{
    if (params.len == 0)
        return true;
    if (lk_json_type(params) != LK_JSON_OBJECT)
        return mcp_rpc_fail(err, MCP_INVALID_PARAMS, 400, "params must be an object");
    message->params = params;
    if (lk_json_get(params, LK_STR("_meta"), &message->meta) &&
        lk_json_type(message->meta) != LK_JSON_OBJECT) {
        message->meta = (struct lk_str){0};
        return mcp_rpc_fail(err, MCP_INVALID_PARAMS, 400, "params._meta must be an object");
    }
    return check_once(message, err);
}

bool mcp_message_read(struct lk_arena *arena, struct lk_str text, struct mcp_message *ret_message,
                      struct mcp_rpc_error *err)
{
    struct members members = {0};
    struct mcp_message *message = ret_message;
    const char *twice;
    bool once;

    *message = (struct mcp_message){0};
    if (lk_json_type(text) != LK_JSON_OBJECT)
        return mcp_rpc_fail(err, MCP_INVALID_REQUEST, 400, "a message must be a JSON object");
    once = collect(text, &members, &twice);
    if (mcp_is_id(members.id))
        message->id = members.id;
    if (!once)
        return mcp_rpc_fail(err, MCP_INVALID_REQUEST, 400, "\"%s\" stands there twice", twice);
    if (!lk_str_eq(members.jsonrpc, LK_STR("\"2.0\"")))
        return mcp_rpc_fail(err, MCP_INVALID_REQUEST, 400, "\"jsonrpc\" must be \"2.0\"");
    if (members.method.len == 0 && (members.result.len != 0 || members.error.len != 0)) {
        message->kind = MCP_RESPONSE;
        return true;
    }
    if (members.id.len != 0 && message->id.len == 0)
        return mcp_rpc_fail(err, MCP_INVALID_REQUEST, 400, "\"id\" must be a string or an integer");
    if (lk_json_type(members.method) != LK_JSON_STRING)
        return mcp_rpc_fail(err, MCP_INVALID_REQUEST, 400, "\"method\" must be a string");
    message->method = lk_json_decode_string(arena, members.method);
    message->kind = message->id.len != 0 ? MCP_REQUEST : MCP_NOTIFICATION;
    return read_params(members.params, message, err);
}

void mcp_write_head(struct lk_buf *out, struct lk_str id)
{
    lk_buf_lit(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    lk_buf_str(out, id);
    lk_buf_lit(out, ",\"result\":");
}

void mcp_write_json_line(struct lk_buf *out, struct lk_str json)
{
    size_t start = out->len;

    if (!lk_buf_str(out, json))
        return;
    for (size_t i = start; i < out->len; i++) {
        if (out->ptr[i] == '\n' || out->ptr[i] == '\r')
            out->ptr[i] = ' ';
    }
}

void mcp_reply_error(const struct mcp_inbound *inbound, struct lk_str id,
                     const struct mcp_rpc_error *err)
{
    struct lk_buf out;

    lk_buf_init(&out, ERROR_BYTES_MAX + id.len);
    lk_buf_lit(&out, "{\"jsonrpc\":\"2.0\",");
    if (id.len != 0) {
        lk_buf_lit(&out, "\"id\":");
        lk_buf_str(&out, id);
        lk_buf_char(&out, ',');
    }
    lk_buf_printf(&out, "\"error\":{\"code\":%d,\"message\":\"", err->code);
    lk_json_escape(&out, lk_str(err->message));
    lk_buf_char(&out, '"');
    if (err->data.len != 0) {
        lk_buf_lit(&out, ",\"data\":");
        lk_buf_str(&out, err->data);
    }
    lk_buf_lit(&out, "}}");
    inbound->reply(inbound->arg, err->http_status, &out);
    lk_buf_free(&out);
}

void mcp_reply_nothing(const struct mcp_inbound *inbound)
{
    struct lk_buf out;

    lk_buf_init(&out, 0);
    inbound->reply(inbound->arg, 202, &out);
    lk_buf_free(&out);
}
