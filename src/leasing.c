/*
 * Where the leases are kept (leasing.h). Called by src/config.c.
 */
#include "leasing.h"

#include "handlers/ci_users.h"
#include "rt/redis.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

/* Absolute, since a relative one would be another directory for every place that the server is
 * started in. */
static struct lk_str directory(char *const *env, const char *name)
{
    size_t len = strlen(name);
    struct lk_str value = {0};

    for (; *env != NULL; env++) {
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
            value = lk_str(*env + len + 1);
    }
    return value.len > 0 && value.ptr[0] == '/' ? value : (struct lk_str){0};
}

struct lk_setting_text lk_leasing_state_dir(struct lk_arena *arena, char *const *env)
{
    struct lk_str service = directory(env, "STATE_DIRECTORY"); /* several are joined by colons */
    struct lk_str xdg = directory(env, "XDG_STATE_HOME"), home = directory(env, "HOME");

    if (service.len > 0)
        return (struct lk_setting_text){lk_arena_str(arena, lk_str_take(&service, ':')),
                                        "default: STATE_DIRECTORY"};
    if (xdg.len > 0)
        return (struct lk_setting_text){
            lk_arena_printf(arena, "%.*s/looker-mcp-server", LK_STR_ARG(xdg)),
            "default: below XDG_STATE_HOME"};
    if (home.len > 0)
        return (struct lk_setting_text){
            lk_arena_printf(arena, "%.*s/.local/state/looker-mcp-server", LK_STR_ARG(home)),
            "default: below HOME"};
    return (struct lk_setting_text){0};
}

static bool check_ci_users(struct lk_str names, struct lk_error *err)
{
    size_t n = 0;

    while (names.len > 0)
        n += lk_str_trim(lk_str_take(&names, ',')).len > 0;
    return n <= LK_CI_USERS_MAX ||
           lk_fail(err, LK_ERROR_CONFIG, "LOOKER_CI_USERS: it names %zu users; at most %d may be",
                   n, LK_CI_USERS_MAX);
}

bool lk_leasing_check(struct lk_arena *arena, const struct lk_config *config, struct lk_error *err)
{
    struct lk_redis_url url;
    struct lk_error error = {0};

    if (config->state_dir.len > 0 && config->state_dir.ptr[0] != '/')
        return lk_fail(err, LK_ERROR_CONFIG,
                       "LOOKER_STATE_DIR=%.*s: an absolute path is expected, such as "
                       "/var/lib/looker-mcp-server",
                       LK_STR_ARG(config->state_dir));
    if (config->lease_url.len > 0 && !lk_redis_url_parse(arena, config->lease_url, &url, &error))
        return lk_fail(err, LK_ERROR_CONFIG, "LOOKER_LEASE_URL: %s", error.message);
    return check_ci_users(config->ci_users, err);
}

bool lk_leasing_can_keep(struct lk_str state_dir)
{
    char path[PATH_MAX];
    size_t len = state_dir.len;

    if (len == 0 || len >= sizeof(path) || state_dir.ptr[0] != '/')
        return false;
    memcpy(path, state_dir.ptr, len);
    path[len] = '\0';
    while (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) != 0 && errno == ENOENT && len > 1) {
        while (len > 1 && path[len - 1] != '/')
            len--;
        while (len > 1 && path[len - 1] == '/')
            len--;
        path[len] = '\0';
    }
    return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0;
}

struct lk_lease_store_options lk_leasing_options(const struct lk_config *config,
                                                 const struct lk_log *log)
{
    return (struct lk_lease_store_options){
        .redis_url = config->lease_url,
        .state_dir = config->state_dir,
        .prefix = config->base_url,
        .ttl_ms = config->lease_ttl_ms,
        .verify_tls = config->verify_tls,
        .ca_file = config->ca_file.len > 0 ? config->ca_file.ptr : NULL,
        .log = log,
    };
}
