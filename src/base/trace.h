/*
 * W3C trace context: by which a call can be followed through the programs that it passes
 * (https://www.w3.org/TR/trace-context/, https://www.w3.org/TR/baggage/). This server reports no
 * spans; it hands on what it was given, under a span id of its own for each hop.
 *
 *     traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
 *                     trace id                         parent's span    flags
 */
#ifndef LK_BASE_TRACE_H
#define LK_BASE_TRACE_H

#include "base/arena.h"
#include "base/buf.h"

#include <stdint.h>

#define LK_TRACE_PARENT_BYTES 55
#define LK_TRACE_MAX_STATE_BYTES 512
#define LK_TRACE_MAX_BAGGAGE_BYTES 8192

/* Zeroed: none. Strings are borrowed. */
struct lk_trace {
    struct lk_str id;    /* 32 hexadecimal digits, lower case */
    struct lk_str flags; /* two */
    struct lk_str state, baggage;
};

/*
 * Reads what a caller sent; each of the three may be empty. False, and an empty trace, when there
 * is no traceparent or it is none; then there is no state either. A state that is too long, or has
 * what no header may have, is left out; so is baggage, which counts without a trace too.
 */
bool lk_trace_read(struct lk_str traceparent, struct lk_str tracestate, struct lk_str baggage,
                   struct lk_trace *ret_trace);

/* The same, with its strings in the arena; NULL of NULL. */
const struct lk_trace *lk_trace_copy(struct lk_arena *arena, const struct lk_trace *trace);

/* Appends a traceparent for the next hop, whose span this is (not 0). */
void lk_trace_put_parent(struct lk_buf *out, const struct lk_trace *trace, uint64_t span);

#endif
