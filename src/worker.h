/*
 * One worker: everything that a thread needs to serve, hung off one struct. Nothing in it is shared
 * with another worker but the settings, which are read-only.
 *
 *     worker ── loop ── http client ── api (session) ── tool context ── mcp server ── transport
 */
#ifndef LK_WORKER_H
#define LK_WORKER_H

#include "api/api.h"
#include "base/log.h"
#include "config.h"
#include "handlers/identity.h"
#include "introspect.h"
#include "mcp/server.h"
#include "page.h"
#include "rt/http.h"
#include "rt/loop.h"
#include "toolset.h"
#include "transport/auth.h"

struct lk_worker {
    const struct lk_config *config;
    struct lk_log log;
    struct lk_loop *loop;
    struct lk_http *http;
    struct lk_api *api;
    struct lk_api_counters looker;
    struct lk_tool_context tools;
    size_t n_tools;
    struct lk_page page;
    struct lk_buf identity_headers; /* comma-separated, for the transport to keep */
    struct lk_plugin *plugin;       /* NULL: none */
    struct lk_identity *identity;
    struct lk_introspect introspect;
    struct lk_auth *auth; /* NULL: callers bring no access tokens */
    struct mcp_server *mcp;
};

/* Builds all of it, bottom up; makes no request. On failure nothing is left. */
bool lk_worker_init(struct lk_worker *worker, const struct lk_config *config,
                    const struct lk_toolset *toolset, struct lk_error *err);
/* Takes it down. The loop must have stopped and no call be in flight. */
void lk_worker_clean_up(struct lk_worker *worker);

/* Runs fn(arg) on a coroutine and turns the loop until it has returned. */
bool lk_worker_run(struct lk_worker *worker, void (*fn)(void *arg), void *arg,
                   struct lk_error *err);

/* Serves until end of input or SIGTERM or SIGINT; then lets calls finish, cancels those that do
 * not, and logs out. False with LK_ERROR_CONFIG (the port is taken, say) or LK_ERROR_INTERNAL. */
bool lk_worker_serve(struct lk_worker *worker, struct lk_error *err);

#endif
