/*
 * What the workers share (shared.h).
 */
#include "shared.h"

#include "leasing.h"

#include <time.h>
#include <unistd.h>

bool lk_shared_init(struct lk_shared *shared, const struct lk_config *config,
                    const struct lk_toolset *toolset, unsigned n_workers, struct lk_error *err)
{
    struct lk_lease_store_options leases;

    *shared = (struct lk_shared){
        .config = config,
        .toolset = toolset,
        .log = {.fd = STDERR_FILENO, .level = config->log_level},
        .n_workers = n_workers,
        .started_s = (int64_t)time(NULL),
        .jwks = lk_jwks_store_new(),
        .gate = mcp_gate_new(
            &(struct mcp_gate_options){.max_running = (uint32_t)config->max_in_flight,
                                       .max_waiting = (uint32_t)config->max_queue,
                                       .max_downloads = (uint32_t)config->max_exports}),
    };
    lk_seal_init(&shared->seal,
                 config->signing_key.len > 0 ? config->signing_key : config->client_secret);
    leases = lk_leasing_options(config, &shared->log);
    if (!config->state_dir_given && config->lease_url.len == 0 &&
        !lk_leasing_can_keep(config->state_dir)) {
        /* Calls in dev mode are kept apart all the same; who asks for a branch is told. */
        lk_log_info(&shared->log, "lease.in_memory", lk_log_str("not_writable", config->state_dir),
                    lk_log_text("remedy", "set LOOKER_STATE_DIR to borrow branches"));
        leases.state_dir = (struct lk_str){0};
    }
    if (lk_lease_shared_new(&leases, &shared->leases, err))
        return true;
    mcp_gate_free(shared->gate);
    lk_jwks_store_free(shared->jwks);
    return false;
}

void lk_shared_clean_up(struct lk_shared *shared)
{
    mcp_gate_free(shared->gate);
    lk_lease_shared_free(shared->leases);
    lk_jwks_store_free(shared->jwks);
}

uint32_t lk_shared_part(const struct lk_shared *shared, int64_t limit, uint32_t least)
{
    uint32_t part = (uint32_t)((limit + shared->n_workers - 1) / shared->n_workers);

    return part > least ? part : least;
}
