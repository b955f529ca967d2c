/*
 * The identity plug-in: a shared library that is asked, before each tool call, as whom it runs. Its
 * side of the border is looker_mcp_identity.h. Asked by handlers/identity.c, which does with the
 * answer what a caller may have; loaded by the worker.
 */
#ifndef LK_HANDLERS_PLUGIN_H
#define LK_HANDLERS_PLUGIN_H

#include "base/log.h"
#include "handlers/looker_mcp_identity.h"
#include "mcp/tool.h"
#include "rt/loop.h"

struct lk_plugin;

/* Borrowed; must outlive it. */
struct lk_plugin_options {
    struct lk_loop *loop; /* on whose thread the plug-in's functions run */
    const struct lk_log *log;
    struct lk_str path;  /* of the library; absolute */
    uint64_t timeout_ms; /* for one reply */
};

/* Loads the library and has it initialise itself. LK_ERROR_CONFIG says what is wrong with it, and
 * what is expected. */
bool lk_plugin_load(const struct lk_plugin_options *options, struct lk_plugin **ret_plugin,
                    struct lk_error *err);
/* The same with a table that is there already: path is not looked at. */
bool lk_plugin_new(const struct lk_plugin_options *options,
                   const struct looker_identity_plugin *table, struct lk_plugin **ret_plugin,
                   struct lk_error *err);
/* No call may be asking, and the loop does not run any more; to be called on its thread, before it
 * is freed. NULL is legal. */
void lk_plugin_free(struct lk_plugin *plugin);

/* The request headers that it wants to see, comma-separated; lives as long as it. */
struct lk_str lk_plugin_headers(const struct lk_plugin *plugin);

/* What it decided: one of NO_OPINION, SERVICE_ACCOUNT, USER, TOKEN and API_KEYS, with the texts
 * that belong to it, which are not empty; in the call's arena. */
struct lk_plugin_identity {
    enum looker_identity_kind kind;
    struct lk_str user, access_token, client_id, client_secret;
};

/*
 * Awaits, on a coroutine of `loop`, which may be another thread's; the plug-in's loop has to turn
 * meanwhile. Errors: LK_ERROR_AUTH (refused, or the reply makes no sense) or, for a refusal with a
 * status from 500, LK_ERROR_UPSTREAM; LK_ERROR_TIMEOUT; LK_ERROR_CANCELLED.
 */
bool lk_plugin_ask(struct lk_plugin *plugin, struct lk_loop *loop, struct mcp_call *call,
                   struct lk_plugin_identity *ret_identity, struct lk_error *err);

/* plugin_file.c: the table of a library, checked. */
bool lk_plugin_open(struct lk_str path, const struct looker_identity_plugin **ret_table,
                    struct lk_error *err);
bool lk_plugin_check(struct lk_str path, const struct looker_identity_plugin *table,
                     struct lk_error *err);

/* plugin_request.c: what it is shown of a call, in the call's arena; without id and time-out. */
struct looker_identity_request lk_plugin_request(struct mcp_call *call, const char *const *headers,
                                                 size_t n_headers);

/* A name that a header can have (RFC 9110 section 5.6.2), of 100 bytes at most. */
bool lk_plugin_is_header_name(struct lk_str name);

#endif
