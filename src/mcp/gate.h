/*
 * Which calls may run: so many at once in the whole process, the rest waits, and nobody's calls
 * keep those of others from running.
 *
 *     enter ──> room? ──yes──> runs ──> leave ──> whose turn is it? ──> granted
 *                 └─no──> its caller's queue ──────────^
 *                             └─ as many wait as may: the caller who has most waiting loses one
 *
 * Places that become free go round robin over the callers who wait. An eighth of all places is for
 * callers of whom nothing runs, so that who has filled the rest with long calls does not shut out
 * the next one. Who a caller is, the assembly says (mcp_server_options.caller_key).
 *
 * Thread-safe. A server on another thread's loop hears of it by a post to that loop.
 */
#ifndef MCP_GATE_H
#define MCP_GATE_H

#include "base/str.h"
#include "rt/loop.h"

/* One a process. */
struct mcp_gate;

struct mcp_gate_options {
    uint32_t max_running;   /* 0: 1,024 */
    uint32_t max_waiting;   /* 0: nobody waits */
    uint32_t max_downloads; /* 0: 16 */
};

struct mcp_gate *mcp_gate_new(const struct mcp_gate_options *options);
/* All tickets have left, and the loops of all doors do not run any more. NULL is legal. */
void mcp_gate_free(struct mcp_gate *gate);

uint32_t mcp_gate_max_running(const struct mcp_gate *gate);
uint32_t mcp_gate_max_waiting(const struct mcp_gate *gate);

struct mcp_lane; /* of a caller */

/* Downloads take as long as their readers like, so they are bounded apart as well, and one caller
 * gets half of them. NULL: as many are under way as may be, or (*ret_own) of this caller's. */
struct mcp_lane *mcp_gate_begin_download(struct mcp_gate *gate, struct lk_str caller,
                                         bool *ret_own);
void mcp_gate_end_download(struct mcp_gate *gate, struct mcp_lane *lane);
uint32_t mcp_gate_max_downloads(const struct mcp_gate *gate);

struct mcp_gate_count {
    uint32_t running, waiting;
    uint64_t refused; /* so far: found no place to wait, or lost it to another caller */
};
struct mcp_gate_count mcp_gate_count(struct mcp_gate *gate);

/* A server's way to it, on its loop; freed with the gate. */
struct mcp_door;

struct mcp_ticket;
/* Both are called on the loop, never from within a function of this header. */
struct mcp_door_options {
    struct lk_loop *loop;
    void (*granted)(struct mcp_ticket *ticket); /* it runs from now on */
    void (*dropped)(struct mcp_ticket *ticket); /* it waits no more; it has left */
};
struct mcp_door *mcp_door_new(struct mcp_gate *gate, const struct mcp_door_options *options);

enum mcp_ticket_state {
    MCP_TICKET_OUT, /* not entered, or left */
    MCP_TICKET_WAITING,
    MCP_TICKET_GRANTED, /* and not told yet */
    MCP_TICKET_DROPPED, /* likewise */
    MCP_TICKET_RUNNING,
};

/* One call; zeroed at first. All of it is the gate's. */
struct mcp_ticket {
    enum mcp_ticket_state state;
    struct mcp_door *door;
    struct mcp_lane *lane;
    struct mcp_ticket *next, **link; /* of the lane's queue, or of what the door is to tell */
};

/* RUNNING, WAITING, or OUT: there is no room. `caller` is compared byte for byte, and copied. */
enum mcp_ticket_state mcp_gate_enter(struct mcp_door *door, struct mcp_ticket *ticket,
                                     struct lk_str caller);
/* It does not run or wait any more. Legal for one that is out. */
void mcp_gate_leave(struct mcp_ticket *ticket);

#endif
