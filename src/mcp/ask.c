/*
 * Asking the caller's user in several rounds (MCP 2026-07-28, basic/patterns/mrtr): what came of
 * the round before, what this one asks for, and the state between them. Called by the methods that
 * may do so, by result.c, and by tools through mcp/tool.h.
 *
 * The state goes out as text that the caller can read and not change:
 *
 *     EXPIRY . MAC . state         seconds since 1970 . 64 hex digits . as the call kept it
 *
 * The MAC covers the three things that it must not be used for again with: another time, another
 * request (method, name, arguments), another caller.
 */
#include "mcp/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define STATE_SECONDS 600
#define MAC_BYTES 32

/* ---- the state ---- */

static void seal(const struct mcp_server *server, struct lk_arena *arena, struct lk_str expiry,
                 struct lk_str state, struct lk_str about, char *ret_hex)
{
    struct lk_str text = lk_arena_printf(arena, "%.*s\n%zu\n%.*s%.*s", LK_STR_ARG(expiry),
                                         state.len, LK_STR_ARG(state), LK_STR_ARG(about));
    unsigned char mac[MAC_BYTES];

    server->options.seal(server->options.seal_arg, text, mac);
    for (size_t i = 0; i < MAC_BYTES; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", mac[i]);
}

static bool is_in_time(struct lk_str expiry)
{
    int64_t until;

    return lk_json_integer(expiry, &until) && until >= (int64_t)time(NULL);
}

static bool open_state(struct mcp_request *request, struct lk_str sealed, struct lk_str *ret_state)
{
    struct lk_str expiry = lk_str_take(&sealed, '.'), mac = lk_str_take(&sealed, '.');
    char hex[2 * MAC_BYTES + 1];

    if (expiry.len == 0 || expiry.len > 20 || mac.len != 2 * MAC_BYTES ||
        !lk_json_check(expiry, 1, 0, NULL))
        return false;
    seal(request->server, request->arena, expiry, sealed, request->round.about, hex);
    if (!lk_str_eq_secret(lk_str(hex), mac) || !is_in_time(expiry))
        return false;
    *ret_state = sealed;
    return true;
}

/* ---- what came ---- */

static bool are_objects(struct lk_str map)
{
    struct lk_json_iter it = lk_json_iter(map);
    struct lk_str value;

    if (lk_json_type(map) != LK_JSON_OBJECT)
        return false;
    while (lk_json_next(&it, NULL, &value)) {
        if (lk_json_type(value) != LK_JSON_OBJECT)
            return false;
    }
    return true;
}

static bool read_state(struct mcp_request *request, struct lk_str raw, struct mcp_rpc_error *err)
{
    struct mcp_round *round = &request->round;

    if (lk_json_type(raw) != LK_JSON_STRING)
        return mcp_rpc_fail(err, MCP_INVALID_PARAMS, 400, "params.requestState must be a string");
    if (request->server->options.seal == NULL) /* it never gave one out */
        return true;
    if (!open_state(request,
                    lk_arena_str(request->arena, lk_json_decode_string(request->arena, raw)),
                    &round->state))
        return mcp_rpc_fail(err, MCP_INVALID_PARAMS, 400,
                            "params.requestState is not what this server gave out for this request "
                            "within the last %d minutes; send the request again without it",
                            STATE_SECONDS / 60);
    return true;
}

bool mcp_ask_read(struct mcp_request *request, struct lk_str name, struct lk_str arguments,
                  struct mcp_rpc_error *err)
{
    const struct mcp_caller *caller = request->inbound->caller;
    struct lk_str subject = caller != NULL ? caller->subject : (struct lk_str){0};
    struct mcp_round *round = &request->round;
    struct lk_str params = request->message.params, raw;

    if (!mcp_is_modern(request->revision))
        return true;
    lk_json_get(request->message.meta, LK_STR(MCP_META_CAPABILITIES), &raw);
    round->capabilities = lk_arena_str(request->arena, raw);
    if (request->server->options.seal != NULL) /* else a copy of all arguments for nothing */
        round->about =
            lk_arena_printf(request->arena, "\n%.*s\n%zu\n%.*s\n%zu\n%.*s\n%.*s",
                            LK_STR_ARG(request->message.method), name.len, LK_STR_ARG(name),
                            arguments.len, LK_STR_ARG(arguments), LK_STR_ARG(subject));
    if (lk_json_get(params, LK_STR("inputResponses"), &raw)) {
        if (!are_objects(raw))
            return mcp_rpc_fail(err, MCP_INVALID_PARAMS, 400,
                                "params.inputResponses must be an object of objects");
        round->answers = lk_arena_str(request->arena, raw);
    }
    return !lk_json_get(params, LK_STR("requestState"), &raw) || read_state(request, raw, err);
}

/* ---- what is asked ---- */

static const struct {
    const char *method, *capability;
} askable[] = {
    {"elicitation/create", "elicitation"},
    {"sampling/createMessage", "sampling"},
    {"roots/list", "roots"},
};

static const char *capability_for(const char *method)
{
    for (size_t i = 0; i < sizeof(askable) / sizeof(askable[0]); i++) {
        if (strcmp(method, askable[i].method) == 0)
            return askable[i].capability;
    }
    return NULL;
}

bool mcp_call_can_ask(const struct mcp_call *call, const char *method)
{
    const char *capability = capability_for(method);
    struct lk_str value;

    return capability != NULL && lk_json_get(call->round.capabilities, lk_str(capability), &value);
}

bool mcp_call_ask(struct mcp_call *call, const char *key, const char *method, struct lk_str params,
                  struct lk_error *err)
{
    struct lk_json_writer w = {.buf = &call->asks, .comma = call->asks.len != 0};

    if (!mcp_call_can_ask(call, method)) {
        call->missing_capability = capability_for(method);
        return lk_fail(err, LK_ERROR_UNSUPPORTED,
                       "this needs a client that can do %s and says so, in protocol revision "
                       "2026-07-28",
                       method);
    }
    lk_json_key(&w, key);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "method", lk_str(method));
    lk_json_member_raw(&w, "params", params);
    lk_json_end_object(&w);
    return true;
}

struct lk_str mcp_call_answered(const struct mcp_call *call, const char *key)
{
    struct lk_str value;

    return lk_json_get(call->round.answers, lk_str(key), &value) ? value : (struct lk_str){0};
}

void mcp_call_keep_state(struct mcp_call *call, struct lk_str state)
{
    call->kept = lk_arena_str(call->arena, state);
}

struct lk_str mcp_call_state(const struct mcp_call *call)
{
    return call->round.state;
}

/* ---- the result of this round ---- */

bool mcp_ask_pending(const struct mcp_call *call)
{
    return call->asks.len != 0;
}

void mcp_ask_write(struct mcp_call *call, struct lk_buf *out)
{
    char expiry[24], hex[2 * MAC_BYTES + 1];

    lk_buf_lit(out, "{\"resultType\":\"input_required\",\"inputRequests\":{");
    mcp_write_json_line(out, lk_buf_view(&call->asks));
    lk_buf_char(out, '}');
    if (call->kept.ptr != NULL && call->server->options.seal != NULL) {
        snprintf(expiry, sizeof(expiry), "%" PRId64, (int64_t)time(NULL) + STATE_SECONDS);
        seal(call->server, call->arena, lk_str(expiry), call->kept, call->round.about, hex);
        lk_buf_printf(out, ",\"requestState\":\"%s.%s.", expiry, hex);
        lk_json_escape(out, call->kept);
        lk_buf_char(out, '"');
    }
    lk_buf_lit(out, ",\"_meta\":{\"" MCP_META_SERVER_INFO "\":");
    mcp_write_server_info(out, call->server, call->revision);
    lk_buf_char(out, '}');
}

bool mcp_ask_refuse(struct mcp_call *call)
{
    struct mcp_rpc_error err;

    if (call->missing_capability == NULL || !mcp_is_modern(call->revision))
        return false;
    mcp_rpc_fail(&err, MCP_MISSING_CAPABILITY, 400,
                 "this needs a client with the capability \"%s\", which the request's "
                 "_meta[\"" MCP_META_CAPABILITIES "\"] does not declare",
                 call->missing_capability);
    err.data = lk_arena_printf(call->arena, "{\"requiredCapabilities\":{\"%s\":{}}}",
                               call->missing_capability);
    mcp_reply_error(&call->inbound, call->id, &err);
    return true;
}
