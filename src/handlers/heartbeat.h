/*
 * Signs of life while a tool waits for one long call: a progress notification every few seconds, so
 * that clients with a time-out of their own do not give up.
 *
 *     lk_heartbeat_start(&heartbeat, call, LK_HEARTBEAT_MS, LK_STR("running tests"));
 *     … one call that awaits …
 *     lk_heartbeat_stop(&heartbeat);      on every way out
 */
#ifndef LK_HANDLERS_HEARTBEAT_H
#define LK_HANDLERS_HEARTBEAT_H

#include "handlers/context.h"

#define LK_HEARTBEAT_MS 10000

struct lk_heartbeat {
    struct mcp_call *call;
    struct lk_timer timer;
    struct lk_str what;
    uint64_t every_ms, began_ms;
    double n; /* the progress told last; to be set after the start by who told some before */
};

/* `heartbeat` and the text of `what` must outlive the wait; the first sign comes after every_ms. */
void lk_heartbeat_start(struct lk_heartbeat *heartbeat, struct mcp_call *call, uint64_t every_ms,
                        struct lk_str what);
void lk_heartbeat_stop(struct lk_heartbeat *heartbeat);

#endif
