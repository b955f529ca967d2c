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
    };
}

void lk_shared_clean_up(struct lk_shared *shared)
{
    lk_jwks_store_free(shared->jwks);
}

uint32_t lk_shared_part(const struct lk_shared *shared, int64_t limit, uint32_t least)
{
    uint32_t part = (uint32_t)((limit + shared->n_workers - 1) / shared->n_workers);

    return part > least ? part : least;
}
