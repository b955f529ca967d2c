/*
 * Settings: flags > environment > .env > LOOKERSDK_* and looker.ini > default. Loaded once, before
 * anything else; read-only afterwards, shared by all workers.
 *
 * LOOKERSDK_* and looker.ini are what users of Looker's SDKs have. Unlike those SDKs this takes
 * address and credentials from one of the two alone, and only when nothing else sets any of them: a
 * looker.ini that lies in the working directory cannot direct somebody's secret to its host. A .env
 * that lies there may name the host (with a warning), but not weaken how it is verified.
 */
#ifndef LK_CONFIG_H
#define LK_CONFIG_H

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"

#include <stdint.h>
#include <stdio.h>

enum lk_command {
    LK_COMMAND_SERVE,
    LK_COMMAND_HELP,
    LK_COMMAND_VERSION,
    LK_COMMAND_LIST_TOOLS,
    LK_COMMAND_CHECK,
    LK_COMMAND_CALL,
};

struct lk_config {
    enum lk_command command;
    const char *call_tool;      /* LK_COMMAND_CALL */
    const char *call_arguments; /* JSON text; "-": standard input; NULL: {} */

    struct lk_str base_url; /* without a trailing slash */
    struct lk_str api_version;
    struct lk_str client_id;
    struct lk_str client_secret;
    struct lk_str deployment_type;
    uint64_t timeout_ms;      /* of one exchange with Looker */
    uint64_t call_timeout_ms; /* of one tool call */
    uint64_t query_wait_ms;   /* before a query answers with its id */
    int64_t max_rows;
    int64_t max_result_bytes; /* of one tool's answer */
    int64_t max_export_rows, max_exports;
    struct lk_str public_url;  /* without a trailing slash; empty: none */
    struct lk_str signing_key; /* a secret; empty: none */
    bool api_allow_writes;     /* call_operation may change something */
    int64_t max_render_bytes;  /* of one image or PDF */
    bool verify_tls;
    struct lk_str ca_file; /* NUL-terminated; empty: the system's */

    struct lk_str transport; /* "stdio" or "streamable-http" */
    struct lk_str host;      /* bind address */
    int64_t port;
    struct lk_str groups; /* comma-separated, or "all"; empty: the default ones */
    int64_t max_request_bytes;
    int64_t max_in_flight, max_queue;
    int64_t max_concurrency;
    int64_t threads; /* 0: as many as there are processors */
    int64_t max_connections;
    int64_t max_client_bytes;
    struct lk_str tls_cert_file, tls_key_file; /* NUL-terminated; both empty: plain HTTP */
    uint64_t request_timeout_ms;               /* for a request to come in, and between two */

    struct lk_str state_dir; /* NUL-terminated; empty: there is none */
    bool state_dir_given;    /* by somebody; not the default */
    struct lk_str lease_url; /* redis[s]://…, with a password in it; empty: none */
    uint64_t lease_ttl_ms;
    uint64_t branch_wait_ms;
    struct lk_str ci_users; /* comma-separated: ids or e-mail addresses */

    bool sudo_as_user;
    bool sudo_associative;
    bool session_pool;        /* false: every call logs in and out */
    uint64_t session_idle_ms; /* a session unused for so long is ended */
    int64_t max_sessions;
    struct lk_str user_email_header;
    struct lk_str user_token_header;
    bool trust_identity_headers;   /* of verified callers */
    struct lk_str identity_plugin; /* path of a shared library, or empty */
    uint64_t identity_timeout_ms;  /* for one answer of its */
    struct lk_str page;            /* "auto", "true" or "false" */
    struct lk_str mcp_mode;        /* "dev", "public" or "looker_oauth" */
    struct lk_str mcp_jwks_uri, mcp_issuer_url, mcp_resource_uri;
    struct lk_str mcp_user_claim, mcp_act_as_scope, mcp_scopes;
    bool lenient_version;
    struct lk_str auth_token;       /* LOOKER_MCP_AUTH_TOKEN, or empty */
    struct lk_str introspect_token; /* LOOKER_MCP_INTROSPECT_TOKEN, or empty */
    struct lk_str metrics_token;    /* LOOKER_METRICS_TOKEN, or empty */
    struct lk_str allowed_origins;  /* comma-separated; empty: loopback origins */
    struct lk_str allowed_hosts;    /* comma-separated; empty: see transport/http.h */

    enum lk_log_level log_level;
    bool core_dumps; /* debuggers and core dumps may see this process's memory */

    struct lk_str sources;       /* for --check: "NAME=value (source)" lines, secrets masked */
    const char *const *warnings; /* NULL-terminated; to be logged once the log is up */
};

/*
 * Reads everything. Errors: LK_ERROR_CONFIG with one line that names the setting, where it stands,
 * what is wrong and what would be right (exit status 2). Secrets are never quoted.
 */
bool lk_config_load(struct lk_arena *arena, int argc, char *const *argv, char *const *env,
                    struct lk_config *ret_config, struct lk_error *err);

/* --help: usage, commands, every flag with its variable and default, exit statuses. */
void lk_config_help(FILE *out);

#endif
