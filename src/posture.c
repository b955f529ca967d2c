/*
 * See posture.h. Called by src/config.c, and by src/serve.c for what the server says of itself.
 */
#include "posture.h"

#include "settings.h"
#include "json/write.h"

static bool is_mode(const struct lk_config *config, const char *mode)
{
    return lk_str_eq(config->mcp_mode, lk_str(mode));
}

static bool is_http(const struct lk_config *config)
{
    return lk_str_eq(config->transport, LK_STR("streamable-http"));
}

/* ---- errors ---- */

static bool refuse(struct lk_error *err, const char *setting, const char *what, struct lk_str value)
{
    /* A password in a URL shall not stand in a log. */
    if (value.len > 0 && memchr(value.ptr, '@', value.len) != NULL)
        value = LK_STR("…");
    if (value.len == 0)
        return lk_fail(err, LK_ERROR_CONFIG, "DeploymentPostureError: %s %s", setting, what);
    return lk_fail(err, LK_ERROR_CONFIG, "DeploymentPostureError: %s %s, not \"%.*s\"", setting,
                   what, LK_STR_ARG(value));
}

/* query: one may follow. */
static bool check_uri(const char *setting, struct lk_str uri, const char *example, bool query,
                      struct lk_error *err)
{
    struct lk_str rest = uri, plain = query ? lk_str_take(&rest, '?') : uri;
    char what[200];

    if (uri.len > 0 && memchr(uri.ptr, '#', uri.len) != NULL)
        return refuse(err, setting, "must not have a fragment (#)", uri);
    if (lk_str_starts(uri, LK_STR("https://")) && lk_setting_is_url(plain) &&
        (rest.len == 0 || !query || lk_str_is_utf8(rest)))
        return true;
    snprintf(what, sizeof(what), "%s absolute https:// URL such as %s",
             uri.len == 0 ? "is not set: it has to be an" : "must be an", example);
    return refuse(err, setting, what, uri);
}

static bool check_public(const struct lk_config *config, struct lk_error *err)
{
    return check_uri("LOOKER_MCP_JWKS_URI", config->mcp_jwks_uri,
                     "https://auth.example.com/.well-known/jwks.json", true, err) &&
           check_uri("LOOKER_MCP_ISSUER_URL", config->mcp_issuer_url, "https://auth.example.com",
                     false, err);
}

bool lk_posture_check(const struct lk_config *config, struct lk_error *err)
{
    bool serves = config->command == LK_COMMAND_SERVE || config->command == LK_COMMAND_CHECK;

    if (!serves || is_mode(config, "dev"))
        return true;
    if (!is_http(config))
        return refuse(err, "LOOKER_MCP_MODE",
                      "other than dev needs LOOKER_TRANSPORT=streamable-http: access tokens come "
                      "with HTTP requests",
                      (struct lk_str){0});
    if (config->auth_token.len > 0)
        return refuse(err, "LOOKER_MCP_AUTH_TOKEN",
                      "is a token that all callers share, and is not accepted beside "
                      "LOOKER_MCP_MODE=public or looker_oauth; unset it",
                      (struct lk_str){0});
    if (is_mode(config, "public") && !check_public(config, err))
        return false;
    if (!check_uri("LOOKER_MCP_RESOURCE_URI", config->mcp_resource_uri,
                   "https://looker-mcp.example.com/mcp", false, err))
        return false;
    return !is_mode(config, "looker_oauth") ||
           check_uri("LOOKER_BASE_URL", config->base_url, "https://mycompany.looker.com", false,
                     err);
}

/* ---- warnings ---- */

static bool is_loopback(struct lk_str host)
{
    return lk_str_starts(host, LK_STR("127.")) || lk_str_eq(host, LK_STR("::1")) ||
           lk_str_eq(host, LK_STR("[::1]")) || lk_str_ieq(host, LK_STR("localhost"));
}

static struct lk_str url_host(struct lk_str url)
{
    const char *start = strstr(url.ptr, "://");
    struct lk_str rest = lk_str_n(start + 3, url.len - (size_t)(start + 3 - url.ptr));
    size_t len = 0;

    if (rest.ptr[0] == '[') {
        while (len < rest.len && rest.ptr[len++] != ']')
            ;
        return lk_str_n(rest.ptr, len);
    }
    while (len < rest.len && rest.ptr[len] != ':' && rest.ptr[len] != '/')
        len++;
    return lk_str_n(rest.ptr, len);
}

void lk_posture_warn(const struct lk_config *config, void (*warn)(void *arg, const char *text),
                     void *arg)
{
    bool serves = config->command == LK_COMMAND_SERVE || config->command == LK_COMMAND_CHECK ||
                  config->command == LK_COMMAND_CALL;
    bool tokens = !is_mode(config, "dev"), shared = config->auth_token.len > 0;
    bool reachable = is_http(config) && !is_loopback(config->host);
    const struct {
        bool is;
        const char *text;
    } doubts[] = {
        {serves && config->client_id.len == 0 && config->identity_plugin.len == 0 &&
             !is_mode(config, "looker_oauth"),
         "no LOOKER_CLIENT_ID and LOOKER_CLIENT_SECRET: every tool call will fail"},
        {is_mode(config, "looker_oauth") && config->client_id.len > 0,
         "LOOKER_MCP_MODE=looker_oauth needs no LOOKER_CLIENT_ID and LOOKER_CLIENT_SECRET: only "
         "/readyz uses them"},
        {is_mode(config, "public") && !config->sudo_as_user,
         "LOOKER_MCP_MODE=public with LOOKER_SUDO_AS_USER=false: calls run as the user of the "
         "access token, and that is switched off, so every tool call will fail"},
        {config->base_url.len > 0 && lk_str_starts(config->base_url, LK_STR("http://")) &&
             !is_loopback(url_host(config->base_url)),
         "LOOKER_BASE_URL is http: credentials and data travel unencrypted"},
        {!config->verify_tls,
         "LOOKER_VERIFY_SSL is false: whoever is on the way can read and change all"},
        {!config->verify_tls && is_mode(config, "public"),
         "LOOKER_VERIFY_SSL is false: whoever is on the way to LOOKER_MCP_JWKS_URI can be any "
         "user; name the authority in LOOKER_CA_FILE instead"},
        {reachable && !tokens && !shared,
         "LOOKER_HOST is not loopback and callers are not authenticated: whoever reaches the port "
         "acts as the service account"},
        {reachable && (tokens || shared) && config->tls_cert_file.len == 0,
         "LOOKER_HOST is not loopback and this server speaks plain HTTP: who is on the way reads "
         "the tokens of callers; set LOOKER_TLS_CERT_FILE, unless a gateway in front speaks TLS"},
        {shared, "LOOKER_MCP_AUTH_TOKEN is deprecated: a shared token says nothing of who calls"},
    };

    for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
        if (doubts[i].is)
            warn(arg, doubts[i].text);
    }
}

/* ---- what is said of it ---- */

struct lk_str lk_posture_scopes(const struct lk_config *config)
{
    if (config->mcp_scopes.len > 0)
        return config->mcp_scopes;
    if (is_mode(config, "looker_oauth"))
        return LK_STR("cors_api"); /* Looker answers invalid_scope to whoever asks for none */
    /* With `email` OpenID providers put the claim of that name into tokens. */
    return lk_str_eq(config->mcp_user_claim, LK_STR("email")) ? LK_STR("openid email")
                                                              : LK_STR("openid");
}

struct lk_str lk_posture_json(struct lk_arena *arena, const struct lk_config *config,
                              struct lk_str metadata_url, size_t n_tools)
{
    struct lk_buf out;
    struct lk_json_writer w = lk_json_writer(&out);
    bool public = is_mode(config, "public");
    struct lk_str text;

    lk_buf_init(&out, (size_t)64 * 1024);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "server", LK_STR("looker-mcp-server"));
    lk_json_member_string(&w, "version", LK_STR(LK_VERSION));
    lk_json_member_string(&w, "mode", config->mcp_mode);
    lk_json_member_boolean(&w, "callers_authenticated",
                           !is_mode(config, "dev") || config->auth_token.len > 0);
    if (metadata_url.len > 0) {
        lk_json_member_string(&w, "resource", config->mcp_resource_uri);
        lk_json_member_string(&w, "resource_metadata", metadata_url);
        lk_json_member_string(&w, "issuer", public ? config->mcp_issuer_url : config->base_url);
    }
    if (public)
        lk_json_member_raw(&w, "algorithms", LK_STR("[\"RS256\",\"ES256\"]"));
    lk_json_member_boolean(&w, "impersonation",
                           config->sudo_as_user && !is_mode(config, "looker_oauth"));
    lk_json_member_integer(&w, "tools", (int64_t)n_tools);
    lk_json_end_object(&w);
    text = lk_arena_str(arena, lk_buf_view(&out));
    lk_buf_free(&out);
    return text;
}
