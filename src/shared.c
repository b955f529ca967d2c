/*
 * What the workers share (shared.h).
 */
#include "shared.h"

#include <unistd.h>

void lk_shared_init(struct lk_shared *shared, const struct lk_config *config,
                    const struct lk_toolset *toolset, unsigned n_workers)
{
    *shared = (struct lk_shared){
        .config = config,
        .toolset = toolset,
        .log = {.fd = STDERR_FILENO, .level = config->log_level},
        .n_workers = n_workers,
        .jwks = lk_jwks_store_new(),
        .gate =
            mcp_gate_new(&(struct mcp_gate_options){.max_running = (uint32_t)config->max_in_flight,
                                                    .max_waiting = (uint32_t)config->max_queue}),
    };
}

void lk_shared_clean_up(struct lk_shared *shared)
{
    mcp_gate_free(shared->gate);
    lk_jwks_store_free(shared->jwks);
}

uint32_t lk_shared_part(const struct lk_shared *shared, int64_t limit, uint32_t least)
{
    uint32_t part = (uint32_t)((limit + shared->n_workers - 1) / shared->n_workers);

    return part > least ? part : least;
}
