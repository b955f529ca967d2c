/*
 * What the workers of a process share, beside the settings, which are read-only: made once, before
 * the first worker, and taken down after the last. Everything in it is safe to use from any thread.
 */
#ifndef LK_SHARED_H
#define LK_SHARED_H

#include "api/lease_store.h"
#include "config.h"
#include "handlers/plugin.h"
#include "mcp/gate.h"
#include "toolset.h"
#include "transport/auth_jwks.h"
#include "transport/seal.h"

struct lk_shared {
    const struct lk_config *config;
    const struct lk_toolset *toolset;
    struct lk_log log;
    unsigned n_workers;
    int64_t started_s; /* Unix time */
    struct lk_jwks_store *jwks;
    struct mcp_gate *gate;
    struct lk_lease_shared *leases; /* where it is kept who has which branch */
    struct lk_seal seal;
    struct lk_plugin *plugin; /* loaded by the first worker, on whose thread its functions run */
};

/* n_workers: how many there are going to be, one or more. On failure (LK_ERROR_CONFIG) nothing is
 * left. */
bool lk_shared_init(struct lk_shared *shared, const struct lk_config *config,
                    const struct lk_toolset *toolset, unsigned n_workers, struct lk_error *err);
void lk_shared_clean_up(struct lk_shared *shared);

/* A worker's part of a limit that is the process's; at least `least`. */
uint32_t lk_shared_part(const struct lk_shared *shared, int64_t limit, uint32_t least);

#endif
