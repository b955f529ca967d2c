/*
 * What became of the calls of a server, for metrics: by tool, how many ended how and how long they
 * took. The server's thread writes, any thread may read; numbers that belong together may be one
 * call apart.
 */
#ifndef MCP_STATS_H
#define MCP_STATS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct mcp_server;

enum mcp_outcome { MCP_OUTCOME_OK, MCP_OUTCOME_ERROR, MCP_OUTCOME_CANCELLED, MCP_N_OUTCOMES };
/* "ok", "error", "cancelled" */
const char *mcp_outcome_name(enum mcp_outcome outcome);

/* Upper ends of the intervals that durations are counted in, in milliseconds; the last interval has
 * no end. */
#define MCP_N_BOUNDS 13
extern const uint32_t mcp_duration_bounds_ms[MCP_N_BOUNDS];

struct mcp_call_stats {
    uint64_t n[MCP_N_OUTCOMES];
    uint64_t ms;                          /* all together */
    uint64_t intervals[MCP_N_BOUNDS + 1]; /* calls in each, not summed up */
};

/* The tools, sorted by name, and after them one for all other calls (of prompts, resources and
 * completion), and one for downloads, if there are any. */
size_t mcp_stats_count(const struct mcp_server *server);
const char *mcp_stats_name(const struct mcp_server *server, size_t i);
/* Adds to what is there. */
void mcp_stats_add(const struct mcp_server *server, size_t i, struct mcp_call_stats *sum);

#endif
