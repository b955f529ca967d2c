/*
 * The server's lifecycle (see mcp/server.h). Called by the assembly.
 */
#include "mcp/internal.h"

#include <assert.h>
#include <stdlib.h>

static int compare_names(const void *a, const void *b)
{
    const struct mcp_tool *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* Sorted by name; false when two tools share one. */
static bool index_tools(struct mcp_server *server)
{
    size_t n = server->options.n_tools;

    server->by_name = lk_arena_array(server->arena, n, sizeof(struct mcp_tool *));
    if (n == 0)
        return true;
    memcpy(server->by_name, server->options.tools, n * sizeof(struct mcp_tool *));
    qsort(server->by_name, n, sizeof(struct mcp_tool *), compare_names);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(server->by_name[i - 1]->name, server->by_name[i]->name) == 0)
            return false;
    }
    return true;
}

/* Programmer mistakes in the rows. */
static void check_rows(const struct mcp_server_options *options)
{
    for (size_t i = 0; i < options->n_resources; i++) {
        const struct mcp_resource *resource = options->resources[i];
        size_t n = 0;

        for (const char *at = resource->uri; *at != '\0'; at++)
            n += *at == '{';
        assert(n == resource->n_arguments && n <= MCP_MAX_VALUES);
        assert(resource->tool != NULL || resource->read != NULL);
        (void)n;
    }
    for (size_t i = 0; i < options->n_prompts; i++)
        assert(options->prompts[i]->n_arguments <= MCP_MAX_VALUES);
}

struct mcp_server *mcp_server_new(const struct mcp_server_options *options)
{
    struct lk_arena *arena = lk_arena_new();
    struct mcp_server *server = lk_arena_new_object(arena, struct mcp_server);

    server->arena = arena;
    server->options = *options;
    if (server->options.max_downloads_name == NULL)
        server->options.max_downloads_name = "max_downloads";
    if (server->options.max_answer_bytes == 0)
        server->options.max_answer_bytes = (size_t)8 * 1024 * 1024;
    if (server->options.call_timeout_name == NULL)
        server->options.call_timeout_name = "call_timeout_ms";
    if (server->options.max_in_flight_name == NULL)
        server->options.max_in_flight_name = "max_in_flight";
    if (server->options.max_queue_name == NULL)
        server->options.max_queue_name = "max_queue";
    check_rows(&server->options);
    if (!index_tools(server)) {
        lk_arena_free(arena);
        return NULL;
    }
    server->stats = lk_arena_array(arena, mcp_stats_count(server), sizeof(struct mcp_stats_row));
    if (options->gate == NULL)
        server->options.gate = server->own_gate =
            mcp_gate_new(&(struct mcp_gate_options){.max_running = options->max_in_flight,
                                                    .max_waiting = options->max_queue,
                                                    .max_downloads = options->max_downloads});
    server->door =
        mcp_door_new(server->options.gate, &(struct mcp_door_options){.loop = options->loop,
                                                                      .granted = mcp_call_granted,
                                                                      .dropped = mcp_call_dropped});
    return server;
}

void mcp_server_free(struct mcp_server *server)
{
    if (server == NULL)
        return;
    for (size_t i = 0; i < MCP_N_LISTS; i++)
        lk_buf_free(&server->lists[i]);
    mcp_gate_free(server->own_gate);
    lk_arena_free(server->arena);
}

size_t mcp_server_in_flight(const struct mcp_server *server)
{
    return server->n_calls;
}

void mcp_server_end_listening(struct mcp_server *server)
{
    while (server->listening != NULL)
        mcp_listen_end(server->listening, true);
}

void mcp_server_cancel_all(struct mcp_server *server)
{
    struct mcp_call *next;

    mcp_server_end_listening(server);
    for (struct mcp_call *call = server->calls; call != NULL; call = next) {
        next = call->next;
        mcp_call_cancel_by(call, MCP_BY_SHUTDOWN);
    }
}
