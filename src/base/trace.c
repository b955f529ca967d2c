/*
 * Reading and writing trace context (base/trace.h).
 */
#include "base/trace.h"

#include <inttypes.h>

static bool is_hex(struct lk_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return text.len != 0;
}

static bool is_zero(struct lk_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '0')
            return false;
    }
    return true;
}

/* What later versions append after another dash is not looked at (section 3.2.4). */
static bool read_parent(struct lk_str text, struct lk_trace *trace)
{
    struct lk_str version, id, span, flags, rest = text;

    if (text.len < LK_TRACE_PARENT_BYTES)
        return false;
    version = lk_str_take(&rest, '-');
    id = lk_str_take(&rest, '-');
    span = lk_str_take(&rest, '-');
    flags = lk_str_take(&rest, '-');
    if (version.len != 2 || !is_hex(version) || lk_str_eq(version, LK_STR("ff")) ||
        (lk_str_eq(version, LK_STR("00")) && text.len != LK_TRACE_PARENT_BYTES))
        return false;
    if (id.len != 32 || !is_hex(id) || is_zero(id) || span.len != 16 || !is_hex(span) ||
        is_zero(span) || flags.len != 2 || !is_hex(flags))
        return false;
    trace->id = id;
    trace->flags = flags;
    return true;
}

/* It goes into a header as it is. */
static struct lk_str printable(struct lk_str text, size_t max_bytes)
{
    if (text.len > max_bytes)
        return (struct lk_str){0};
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < ' ' || text.ptr[i] > '~')
            return (struct lk_str){0};
    }
    return text;
}

bool lk_trace_read(struct lk_str traceparent, struct lk_str tracestate, struct lk_str baggage,
                   struct lk_trace *ret_trace)
{
    struct lk_trace trace = {.baggage = printable(baggage, LK_TRACE_MAX_BAGGAGE_BYTES)};
    bool ok = read_parent(traceparent, &trace);

    if (ok)
        trace.state = printable(tracestate, LK_TRACE_MAX_STATE_BYTES);
    *ret_trace = trace;
    return ok;
}

const struct lk_trace *lk_trace_copy(struct lk_arena *arena, const struct lk_trace *trace)
{
    struct lk_trace *copy;

    if (trace == NULL)
        return NULL;
    copy = lk_arena_new_object(arena, struct lk_trace);
    *copy = (struct lk_trace){.id = lk_arena_str(arena, trace->id),
                              .flags = lk_arena_str(arena, trace->flags),
                              .state = lk_arena_str(arena, trace->state),
                              .baggage = lk_arena_str(arena, trace->baggage)};
    return copy;
}

void lk_trace_put_parent(struct lk_buf *out, const struct lk_trace *trace, uint64_t span)
{
    lk_buf_printf(out, "00-%.*s-%016" PRIx64 "-%.*s", LK_STR_ARG(trace->id), span,
                  LK_STR_ARG(trace->flags));
}
