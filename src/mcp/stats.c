/*
 * Counting calls (mcp/stats.h). Called by call.c, and by the assembly to read.
 */
#include "mcp/stats.h"

#include "mcp/internal.h"

const uint32_t mcp_duration_bounds_ms[MCP_N_BOUNDS] = {
    5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 60000, 300000,
};

/* One of them writes, so no two additions meet. */
static void add(atomic_uint_least64_t *to, uint64_t n)
{
    atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static uint64_t get(const atomic_uint_least64_t *from)
{
    return atomic_load_explicit((atomic_uint_least64_t *)from, memory_order_relaxed);
}

const char *mcp_outcome_name(enum mcp_outcome outcome)
{
    static const char *const names[] = {"ok", "error", "cancelled"};

    return names[outcome];
}

size_t mcp_stats_count(const struct mcp_server *server)
{
    return server->options.n_tools + 1 + (server->options.download != NULL);
}

const char *mcp_stats_name(const struct mcp_server *server, size_t i)
{
    size_t n_tools = server->options.n_tools;

    if (i < n_tools)
        return server->by_name[i]->name;
    return i == n_tools ? "(protocol)" : server->options.download->name;
}

void mcp_stats_note(struct mcp_server *server, const struct mcp_tool *tool,
                    enum mcp_outcome outcome, uint64_t ms)
{
    size_t i = tool == server->options.download ? server->options.n_tools + 1
                                                : mcp_tool_index(server, lk_str(tool->name));
    struct mcp_stats_row *row = &server->stats[i];
    size_t interval = 0;

    while (interval < MCP_N_BOUNDS && ms > mcp_duration_bounds_ms[interval])
        interval++;
    add(&row->n[outcome], 1);
    add(&row->ms, ms);
    add(&row->intervals[interval], 1);
}

void mcp_stats_add(const struct mcp_server *server, size_t i, struct mcp_call_stats *sum)
{
    const struct mcp_stats_row *row = &server->stats[i];

    for (size_t j = 0; j < MCP_N_OUTCOMES; j++)
        sum->n[j] += get(&row->n[j]);
    for (size_t j = 0; j <= MCP_N_BOUNDS; j++)
        sum->intervals[j] += get(&row->intervals[j]);
    sum->ms += get(&row->ms);
}
