/*
 * One worker: everything that a thread needs to serve, hung off one struct. What it shares with the
 * others is behind `shared`.
 *
 *     worker ── loop ── http client ── api (session) ── tool context ── mcp server ── transport
 *        │                                  └── leases ── workspace ──┘
 *        └── shared
 */
#ifndef LK_WORKER_H
#define LK_WORKER_H

#include "api/api.h"
#include "api/lease.h"
#include "base/log.h"
#include "handlers/ci_users.h"
#include "handlers/identity.h"
#include "handlers/offers/offers.h"
#include "handlers/workspace.h"
#include "introspect.h"
#include "mcp/server.h"
#include "page.h"
#include "rt/http.h"
#include "rt/loop.h"
#include "shared.h"
#include "transport/auth.h"

struct lk_worker {
    struct lk_shared *shared;
    const struct lk_config *config; /* shared->config */
    struct lk_log log;
    struct lk_loop *loop;
    struct lk_http *http;
    struct lk_api *api;
    struct lk_api_counters looker;
    struct lk_lease_store *lease_store;
    struct lk_leases *leases;
    struct lk_leases_count lease_count;
    struct lk_ci_users *ci_users; /* NULL: none are named */
    struct lk_workspace *workspace;
    struct lk_tool_context tools;
    struct lk_offers offers;
    struct lk_page page;
    struct lk_buf identity_headers; /* comma-separated, for the transport to keep */
    bool owns_plugin;               /* shared->plugin: it is the first worker */
    struct lk_identity *identity;
    struct lk_introspect introspect;
    struct lk_auth *auth; /* NULL: callers bring no access tokens */
    struct mcp_server *mcp;
};

/* Builds all of it, bottom up; makes no request. The first worker has to be the one that runs on
 * the calling thread. On failure nothing is left. */
bool lk_worker_init(struct lk_worker *worker, struct lk_shared *shared, struct lk_error *err);
/* Takes it down. The loop must have stopped and no call be in flight; the first worker goes last.
 * From any thread. */
void lk_worker_clean_up(struct lk_worker *worker);

/* Runs fn(arg) on a coroutine and turns the loop until it has returned. */
bool lk_worker_run(struct lk_worker *worker, void (*fn)(void *arg), void *arg,
                   struct lk_error *err);

#endif
