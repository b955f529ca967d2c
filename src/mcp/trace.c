/*
 * By what a call is found again in logs: its request id, and the trace context that its caller
 * sent (base/trace.h), in params._meta or in HTTP headers. Called by call.c.
 */
#include "mcp/internal.h"

#include <inttypes.h>

#define MAX_ID_BYTES 128

static struct lk_str meta_string(struct lk_arena *arena, struct lk_str meta, const char *key)
{
    struct lk_str raw;

    if (!lk_json_get(meta, lk_str(key), &raw) || lk_json_type(raw) != LK_JSON_STRING)
        return (struct lk_str){0};
    return lk_json_decode_string(arena, raw);
}

/* What the message says comes from its sender, a header from whoever passed it on last; so the
 * message wins, as a whole. */
static void read_trace(struct mcp_call *call, struct lk_str meta)
{
    struct lk_arena *arena = call->arena;
    struct lk_str parent = meta_string(arena, meta, "traceparent");
    struct lk_str state = meta_string(arena, meta, "tracestate");
    struct lk_str baggage = meta_string(arena, meta, "baggage");

    if (parent.len == 0) {
        parent = lk_arena_str(arena, mcp_header(&call->inbound, LK_STR("traceparent")));
        state = lk_arena_str(arena, mcp_header(&call->inbound, LK_STR("tracestate")));
    }
    if (baggage.len == 0)
        baggage = lk_arena_str(arena, mcp_header(&call->inbound, LK_STR("baggage")));
    (void)lk_trace_read(parent, state, baggage, &call->trace);
}

bool mcp_is_request_id(struct lk_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("-_.:/+=@", c) != NULL)))
            return false;
    }
    return text.len > 0 && text.len <= MAX_ID_BYTES;
}

struct lk_str mcp_make_request_id(struct lk_arena *arena, struct lk_random *random)
{
    uint64_t high = lk_random_next(random), low = lk_random_next(random);

    return lk_arena_printf(arena, "%016" PRIx64 "%016" PRIx64, high, low);
}

void mcp_trace_begin(struct mcp_call *call, struct lk_str meta)
{
    struct lk_str id = call->inbound.request_id;

    call->request_id = id.len > 0 ? lk_arena_str(call->arena, id)
                                  : mcp_make_request_id(call->arena, &call->server->random);
    read_trace(call, meta);
}

struct lk_str mcp_call_request_id(const struct mcp_call *call)
{
    return call->request_id;
}

const struct lk_trace *mcp_call_trace(const struct mcp_call *call)
{
    return &call->trace;
}
