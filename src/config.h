/*
 * Settings: flags > environment > .env > looker.ini / LOOKERSDK_* > default. Loaded once, before
 * anything else; read-only afterwards, shared by all workers.
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

enum lk_transport { LK_TRANSPORT_STDIO, LK_TRANSPORT_HTTP };

struct lk_config {
    enum lk_command command;
    const char *call_tool;      /* LK_COMMAND_CALL */
    const char *call_arguments; /* JSON text; "-": standard input; NULL: {} */

    struct lk_str base_url; /* without a trailing slash */
    struct lk_str api_version;
    struct lk_str client_id;
    struct lk_str client_secret;
    bool google_cloud_core; /* LOOKER_DEPLOYMENT_TYPE */
    uint64_t timeout_ms;
    int64_t max_rows;
    bool verify_tls;
    const char *ca_file; /* or NULL */

    enum lk_transport transport;
    struct lk_str host; /* bind address */
    bool host_given;
    uint16_t port;
    struct lk_str groups; /* comma-separated, or "all"; empty: the default ones */

    bool sudo_as_user;
    bool sudo_associative;
    struct lk_str user_email_header;
    struct lk_str user_token_header;
    struct lk_str auth_token;      /* LOOKER_MCP_AUTH_TOKEN, or empty */
    struct lk_str allowed_origins; /* comma-separated; empty: loopback origins */

    enum lk_log_level log_level;

    /* Where each setting came from, for --check; and what to warn of once the log is up. */
    const char *const *warnings; /* NULL-terminated */
};

/*
 * Reads everything. Errors: LK_ERROR_CONFIG with one line that names the setting, where it stands,
 * what is wrong and what would be right (exit status 2). Secrets are never quoted.
 */
bool lk_config_load(struct lk_arena *arena, int argc, char *const *argv, char *const *environ_,
                    struct lk_config *ret_config, struct lk_error *err);

/* --help: usage, commands, every flag with its variable and default, exit statuses. */
void lk_config_help(FILE *out);

/* --check: each setting, its value (secrets as "set"), and where it came from. */
void lk_config_print(const struct lk_config *config, FILE *out);

#endif
