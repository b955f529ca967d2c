/*
 * tools/call: finds the tool, checks the headers that mirror its arguments, decodes those. Does not
 * run it (call.c), nor write its result (result.c). Called by methods.c, and by resources.c for
 * resources that a tool reads.
 */
#include "mcp/internal.h"

#include "json/codec.h"
#include "json/tree.h"

#include <stdio.h>
#include <stdlib.h>

#define WHY_BYTES_MAX 280 /* of what is added to the error for an unknown tool */

bool mcp_tool_decode(struct mcp_call *call, struct lk_str arguments, struct lk_error *err)
{
    static const struct lk_type none = {.name = "no arguments"};
    const struct lk_type *type = call->tool->args != NULL ? call->tool->args : &none;
    cJSON *tree = NULL;

    if (arguments.len != 0 && !lk_tree_parse(call->arena, arguments, &tree, err)) {
        err->kind = LK_ERROR_ARGUMENT;
        return false;
    }
    call->args = lk_arena_alloc(call->arena, type->size);
    if (!lk_decode_arguments(call->arena, type, tree, call->args, err))
        return false;
    if (call->tool->args == NULL)
        call->args = NULL;
    return true;
}

bool mcp_tool_run(struct mcp_call *call, struct lk_error *err)
{
    return call->tool->run(call, call->args, err);
}

static const struct mcp_target tool_target = {.run = mcp_tool_run, .reply = mcp_result_reply};

static void refuse_unknown(const struct mcp_request *request, struct lk_str name)
{
    const struct mcp_server_options *options = &request->server->options;
    const char *nearest;
    struct lk_buf why;

    lk_buf_init(&why, WHY_BYTES_MAX);
    if (options->explain_unserved != NULL)
        options->explain_unserved(name, &why);
    nearest = why.len == 0 ? mcp_tool_nearest(request->server, name) : NULL;
    if (nearest != NULL)
        lk_buf_printf(&why, "; did you mean \"%s\"?", nearest);
    mcp_refuse_params(request, "unknown tool \"%.*s\"%.*s", name.len < 100 ? (int)name.len : 100,
                      name.ptr, LK_STR_ARG(lk_buf_view(&why)));
    lk_buf_free(&why);
}

static const struct mcp_tool *find_tool(struct mcp_request *request)
{
    const struct mcp_tool *tool;
    struct lk_str name;

    if (!mcp_param_string(request, request->message.params, "name", &name)) {
        mcp_refuse_params(request, "params.name must be a string");
        return NULL;
    }
    tool = mcp_tool_find(request->server, name);
    if (tool == NULL)
        refuse_unknown(request, name);
    return tool;
}

/* ---- x-mcp-header: arguments that stand in a header as well ---- */

#define MIRROR "x-mcp-header"
#define MIRROR_DEPTH_MAX 8

static bool is_same_number(struct lk_str header, struct lk_str value)
{
    char text[2][64], *end[2];
    double number[2];
    const struct lk_str both[2] = {header, value};

    for (int i = 0; i < 2; i++) {
        if (both[i].len == 0 || both[i].len >= sizeof(text[i]))
            return false;
        memcpy(text[i], both[i].ptr, both[i].len);
        text[i][both[i].len] = '\0';
        if (strspn(text[i], "+-.0123456789eE") != both[i].len)
            return false;
        number[i] = strtod(text[i], &end[i]);
        if (*end[i] != '\0')
            return false;
    }
    return number[0] == number[1];
}

static bool is_same(struct lk_arena *arena, struct lk_str header, struct lk_str value)
{
    switch (lk_json_type(value)) {
    case LK_JSON_STRING:
        return lk_str_eq(header, lk_json_decode_string(arena, value));
    case LK_JSON_NUMBER:
        return is_same_number(header, lk_str_trim(value));
    default:
        return lk_str_eq(header, lk_str_trim(value));
    }
}

/* One argument: `value` is its JSON text, empty when it is absent or null. */
static bool check_mirrored(struct mcp_request *request, struct lk_str name, struct lk_str value,
                           struct mcp_rpc_error *err)
{
    struct lk_str header = lk_arena_printf(request->arena, "mcp-param-%.*s", LK_STR_ARG(name));
    struct lk_str raw = mcp_header(request->inbound, header), said;

    if (raw.ptr == NULL && value.len == 0)
        return true;
    if (raw.ptr == NULL)
        return mcp_rpc_fail(err, MCP_HEADER_MISMATCH, 400,
                            "header Mcp-Param-%.*s is missing; it mirrors an argument of this tool "
                            "(x-mcp-header in its inputSchema)",
                            LK_STR_ARG(name));
    if (!mcp_header_decode(request->arena, raw, &said))
        return mcp_rpc_fail(err, MCP_HEADER_MISMATCH, 400, "header Mcp-Param-%.*s is malformed",
                            LK_STR_ARG(name));
    if (value.len == 0 || !is_same(request->arena, said, value))
        return mcp_rpc_fail(err, MCP_HEADER_MISMATCH, 400,
                            "header Mcp-Param-%.*s does not say what the body says",
                            LK_STR_ARG(name));
    return true;
}

static bool check_mirrors(struct mcp_request *request, struct lk_str schema, struct lk_str object,
                          unsigned depth, struct mcp_rpc_error *err)
{
    struct lk_str properties, key, property, value;
    struct lk_json_iter it;

    if (depth == MIRROR_DEPTH_MAX || !lk_json_get(schema, LK_STR("properties"), &properties))
        return true;
    it = lk_json_iter(properties);
    while (lk_json_next(&it, &key, &property)) {
        struct lk_str name = lk_json_get_string(request->arena, property, LK_STR(MIRROR));

        if (!lk_json_get(object, lk_json_decode_key(request->arena, key), &value) ||
            lk_json_type(value) == LK_JSON_NULL)
            value = (struct lk_str){0};
        if (name.len != 0 && !check_mirrored(request, name, value, err))
            return false;
        if (!check_mirrors(request, property, value, depth + 1, err))
            return false;
    }
    return true;
}

static bool check_param_headers(struct mcp_request *request, const struct mcp_tool *tool,
                                struct lk_str arguments, struct mcp_rpc_error *err)
{
    if (!request->inbound->peer->http || !mcp_is_modern(request->revision) ||
        strstr(tool->input_schema, MIRROR) == NULL)
        return true;
    return check_mirrors(request, lk_str(tool->input_schema), arguments, 0, err);
}

/* ---- the method ---- */

void mcp_tools_call(struct mcp_request *request)
{
    struct lk_str arguments = {0};
    const struct mcp_tool *tool = find_tool(request);
    struct mcp_rpc_error rpc_err;
    struct lk_error err = {0};
    struct mcp_call *call;

    if (tool == NULL)
        return;
    if (lk_json_get(request->message.params, LK_STR("arguments"), &arguments) &&
        lk_json_type(arguments) != LK_JSON_OBJECT) {
        mcp_refuse_params(request, "params.arguments must be an object");
        return;
    }
    if (!check_param_headers(request, tool, arguments, &rpc_err) ||
        !mcp_ask_read(request, lk_str(tool->name), arguments, &rpc_err)) {
        mcp_reply_error(request->inbound, request->message.id, &rpc_err);
        return;
    }
    call = mcp_call_new(request, &tool_target);
    call->tool = tool;
    /* Wrong arguments are the tool's answer, not the protocol's. */
    if (mcp_tool_decode(call, arguments, &err) && call->server->options.keep_arguments)
        call->arguments = lk_arena_str(call->arena, arguments);
    mcp_call_launch(request, call, &err);
}
