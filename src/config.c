/*
 * Loads the settings: collects a text for each row of the table from every source, the strongest
 * last, then reads the texts into struct lk_config. Flags and sub-commands are src/cli.c's, files
 * src/settings_file.c's.
 */
#include "config.h"

#include "base/buf.h"
#include "base/nearest.h"
#include "cli.h"
#include "settings.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_WARNINGS 16
#define MAX_SECRET_FILE_BYTES ((size_t)4096)

struct loader {
    struct lk_arena *arena;
    struct lk_setting_text *texts; /* a setting each */
    struct lk_setting_text *sdk;   /* the same, as LOOKERSDK_* have it */
    struct lk_setting_text *ini;   /* as looker.ini has it */
    const char **warnings;
    size_t n_warnings;
};

static void warn(struct loader *loader, const char *text)
{
    if (loader->n_warnings < MAX_WARNINGS)
        loader->warnings[loader->n_warnings++] = text;
    else
        loader->warnings[MAX_WARNINGS - 1] = "and more that is not a setting of this program";
}

static const char *setting_name(const void *arg, size_t i)
{
    (void)arg;
    return i < lk_n_settings ? lk_settings[i].variable : NULL;
}

/* Kubernetes sets these for a Service named "looker": LOOKER_PORT=tcp://…, LOOKER_SERVICE_HOST,
 * LOOKER_PORT_8080_TCP_ADDR and the like. They are nobody's settings. */
static bool is_service_link(struct lk_str name, struct lk_str value)
{
    return lk_str_starts(name, LK_STR("LOOKER_SERVICE_")) ||
           lk_str_starts(name, LK_STR("LOOKER_PORT_")) ||
           (lk_str_eq(name, LK_STR("LOOKER_PORT")) &&
            (lk_str_starts(value, LK_STR("tcp://")) || lk_str_starts(value, LK_STR("udp://"))));
}

/* One variable of the environment or of .env. Empty values count as not given. */
static bool found_variable(void *arg, struct lk_str name, struct lk_str value, const char *source,
                           struct lk_error *err)
{
    struct loader *loader = arg;
    const char *near;
    int index;

    if (!lk_str_starts(name, LK_STR("LOOKER_")) || value.len == 0 || is_service_link(name, value))
        return true;
    index = lk_setting_index(name);
    if (index >= 0) {
        loader->texts[index] = (struct lk_setting_text){value, source};
        return true;
    }
    near = lk_nearest(name, setting_name, NULL);
    if (near != NULL)
        return lk_fail(err, LK_ERROR_CONFIG, "%.*s (%s) is not a setting; did you mean %s?",
                       LK_STR_ARG(name), source, near);
    warn(loader, lk_arena_printf(loader->arena, "%.*s (%s) is not a setting of this program",
                                 LK_STR_ARG(name), source)
                     .ptr);
    return true;
}

/* One key of looker.ini, or LOOKERSDK_… without its prefix. Keys of the SDKs that mean nothing
 * here are passed over. */
static void keep_sdk_key(struct lk_setting_text *texts, struct lk_str name, struct lk_str value,
                         const char *source)
{
    for (size_t i = 0; value.len > 0 && i < lk_n_settings; i++) {
        if (lk_settings[i].sdk_name != NULL && lk_str_ieq(name, lk_str(lk_settings[i].sdk_name)))
            texts[i] = (struct lk_setting_text){value, source};
    }
}

static bool found_ini_key(void *arg, struct lk_str name, struct lk_str value, const char *source,
                          struct lk_error *err)
{
    struct loader *loader = arg;

    (void)err;
    keep_sdk_key(loader->ini, name, value, source);
    return true;
}

static bool read_environment(struct loader *loader, char *const *env, bool sdk,
                             struct lk_error *err)
{
    static const struct lk_str prefix = LK_STR_INIT("LOOKERSDK_");

    for (; *env != NULL; env++) {
        const char *equals = strchr(*env, '=');
        struct lk_str name, value;

        if (equals == NULL)
            continue;
        name = lk_str_n(*env, (size_t)(equals - *env));
        value = lk_str_trim(lk_str(equals + 1));
        if (!sdk) {
            if (!found_variable(loader, name, value, "environment", err))
                return false;
        } else if (lk_str_starts(name, prefix)) {
            keep_sdk_key(loader->sdk, lk_str_n(name.ptr + prefix.len, name.len - prefix.len), value,
                         lk_arena_printf(loader->arena, "%.*s", LK_STR_ARG(name)).ptr);
        }
    }
    return true;
}

static bool is_given(const struct lk_setting_text *texts, const char *variable)
{
    return texts[lk_setting_index(lk_str(variable))].source != NULL;
}

static bool given(const struct loader *loader, const char *variable)
{
    return is_given(loader->texts, variable);
}

/* Whether this source says where Looker is, or who calls. */
static bool names_looker(const struct lk_setting_text *texts)
{
    return is_given(texts, "LOOKER_BASE_URL") || is_given(texts, "LOOKER_CLIENT_ID") ||
           is_given(texts, "LOOKER_CLIENT_SECRET") || is_given(texts, "LOOKER_CLIENT_SECRET_FILE");
}

/* One source for all of it, so that no secret goes to a host that another one named. */
static void fall_back_to_sdk(struct loader *loader)
{
    const struct lk_setting_text *from = names_looker(loader->sdk) ? loader->sdk : loader->ini;

    if (names_looker(loader->texts))
        return;
    if (from == loader->sdk && names_looker(loader->ini))
        warn(loader,
             "looker.ini is passed over: LOOKERSDK_* variables name address or credentials, "
             "and the two are not mixed");
    for (size_t i = 0; i < lk_n_settings; i++) {
        if (loader->texts[i].source == NULL)
            loader->texts[i] = from[i];
    }
}

static bool fail_setting(const struct lk_setting *setting, const struct lk_setting_text *given_text,
                         const char *expected, struct lk_error *err)
{
    bool secret = setting->kind == LK_SETTING_SECRET ||
                  (setting->kind == LK_SETTING_URL &&
                   memchr(given_text->text.ptr, '@', given_text->text.len) != NULL);

    return lk_fail(err, LK_ERROR_CONFIG, "%s (%s): expected %s, got \"%.*s\"", setting->variable,
                   given_text->source, expected,
                   LK_STR_ARG(secret ? LK_STR("…") : given_text->text));
}

static bool read_boolean(struct lk_str text, bool *ret_value)
{
    static const struct lk_str yes[] = {LK_STR_INIT("true"), LK_STR_INIT("1"), LK_STR_INIT("yes"),
                                        LK_STR_INIT("on")};
    static const struct lk_str no[] = {LK_STR_INIT("false"), LK_STR_INIT("0"), LK_STR_INIT("no"),
                                       LK_STR_INIT("off")};

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (lk_str_ieq(text, yes[i]))
            return *ret_value = true, true;
        if (lk_str_ieq(text, no[i]))
            return *ret_value = false, true;
    }
    return false;
}

static bool read_number(struct lk_str text, double min, double max, bool integer, double *ret_value)
{
    char digits[32];
    char *end;
    double value;

    if (text.len == 0 || text.len >= sizeof(digits) || strspn(text.ptr, "0123456789.") < text.len)
        return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    value = strtod(digits, &end);
    if (*end != '\0' || value < min || value > max || (integer && floor(value) != value))
        return false;
    return *ret_value = value, true;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Of these characters or letters and digits. */
static bool consists_of(struct lk_str text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_alphanumeric(text.ptr[i]) &&
            (text.ptr[i] == '\0' || strchr(others, text.ptr[i]) == NULL))
            return false;
    }
    return text.len > 0;
}

/* name, address or [IPv6 address], and perhaps a port */
static bool is_authority(struct lk_str text)
{
    bool bracket = text.len > 0 && text.ptr[0] == '[';
    const char *end = text.len > 0 ? memchr(text.ptr, bracket ? ']' : ':', text.len) : NULL;
    struct lk_str host = {text.ptr, end != NULL ? (size_t)(end - text.ptr) : text.len};
    struct lk_str port = {0};
    double number;

    if (bracket && (end == NULL || !consists_of(lk_str_n(host.ptr + 1, host.len - 1), ":.")))
        return false;
    if (!bracket && !consists_of(host, "-._"))
        return false;
    port = lk_str_n(host.ptr + host.len + bracket, text.len - host.len - bracket);
    if (port.len == 0)
        return true;
    return port.ptr[0] == ':' && consists_of(lk_str_n(port.ptr + 1, port.len - 1), "") &&
           read_number(lk_str_n(port.ptr + 1, port.len - 1), 1, 65535, true, &number);
}

/* RFC 9110 section 5.6.2. A name that no request can have would switch the header off in silence.
 */
static bool is_header_name(struct lk_str text)
{
    return consists_of(text, "!#$%&'*+-.^_`|~") && text.len <= LK_MAX_HEADER_NAME;
}

/* http(s)://host[:port][/path]; no credentials, query or fragment. */
static bool is_url(struct lk_str text)
{
    struct lk_str rest = {0};
    size_t authority = 0;

    if (lk_str_starts(text, LK_STR("https://")))
        rest = lk_str_n(text.ptr + 8, text.len - 8);
    else if (lk_str_starts(text, LK_STR("http://")))
        rest = lk_str_n(text.ptr + 7, text.len - 7);
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] <= ' ' || rest.ptr[i] > '~' ||
            strchr("?#@\"<>\\^`{|}", rest.ptr[i]) != NULL)
            return false;
    }
    while (authority < rest.len && rest.ptr[authority] != '/')
        authority++;
    return is_authority(lk_str_n(rest.ptr, authority));
}

static bool is_choice(struct lk_str text, const char *choices)
{
    while (*choices != '\0') {
        size_t len = strcspn(choices, "|");

        if (lk_str_eq(text, lk_str_n(choices, len)))
            return true;
        choices += len + (choices[len] == '|');
    }
    return false;
}

static bool read_text(struct loader *loader, const struct lk_setting *setting,
                      const struct lk_setting_text *text, void *value, struct lk_error *err)
{
    char expected[160];
    double number = 0;

    switch (setting->kind) {
    case LK_SETTING_BOOLEAN:
        return read_boolean(text->text, value) || fail_setting(setting, text, "true or false", err);
    case LK_SETTING_LOG_LEVEL:
        return lk_log_level_parse(text->text, value) ||
               fail_setting(setting, text, "DEBUG, INFO, WARNING or ERROR", err);
    case LK_SETTING_INTEGER:
    case LK_SETTING_SECONDS:
        snprintf(expected, sizeof(expected), "%s from %.12g to %.12g",
                 setting->kind == LK_SETTING_INTEGER ? "a whole number" : "seconds", setting->min,
                 setting->max);
        if (!read_number(text->text, setting->min, setting->max,
                         setting->kind == LK_SETTING_INTEGER, &number))
            return fail_setting(setting, text, expected, err);
        if (setting->kind == LK_SETTING_INTEGER)
            *(int64_t *)value = (int64_t)number;
        else
            *(uint64_t *)value = (uint64_t)(number * 1000);
        return true;
    case LK_SETTING_URL:
        if (!is_url(text->text))
            return fail_setting(setting, text, "a URL such as https://mycompany.looker.com", err);
        break;
    case LK_SETTING_HEADER:
        if (!is_header_name(text->text))
            return fail_setting(setting, text, "the name of one HTTP header", err);
        break;
    case LK_SETTING_CHOICE:
        snprintf(expected, sizeof(expected), "one of %s", setting->choices);
        if (!is_choice(text->text, setting->choices))
            return fail_setting(setting, text, expected, err);
        break;
    case LK_SETTING_FILE:
        if (access(lk_arena_cstr(loader->arena, text->text), R_OK) != 0)
            return fail_setting(setting, text, "a file that can be read", err);
        break;
    case LK_SETTING_TEXT:
    case LK_SETTING_SECRET:
        break;
    }
    if (value != NULL)
        *(struct lk_str *)value = lk_arena_str(loader->arena, text->text);
    return true;
}

static bool read_all(struct loader *loader, struct lk_config *config, struct lk_error *err)
{
    struct lk_buf sources;

    lk_buf_init(&sources, (size_t)64 * 1024);
    for (size_t i = 0; i < lk_n_settings; i++) {
        const struct lk_setting *setting = &lk_settings[i];
        struct lk_setting_text text = loader->texts[i];
        void *value = setting->offset != LK_NO_OFFSET ? (char *)config + setting->offset : NULL;
        bool secret = setting->kind == LK_SETTING_SECRET;

        if (text.source == NULL && setting->default_text != NULL)
            text = (struct lk_setting_text){lk_str(setting->default_text), "default"};
        if (text.source == NULL)
            continue;
        if (!read_text(loader, setting, &text, value, err)) {
            lk_buf_free(&sources);
            return false;
        }
        lk_buf_printf(&sources, "%s=%.*s (%s)\n", setting->variable,
                      LK_STR_ARG(secret ? LK_STR("***") : text.text), text.source);
    }
    config->sources = lk_arena_str(loader->arena, lk_buf_view(&sources));
    lk_buf_free(&sources);
    return true;
}

/* The stronger of LOOKER_CLIENT_SECRET and LOOKER_CLIENT_SECRET_FILE cannot be told when both are
 * given, so that is refused. */
static bool read_secret_file(struct loader *loader, struct lk_config *config, struct lk_error *err)
{
    const struct lk_setting_text *file =
        &loader->texts[lk_setting_index(LK_STR("LOOKER_CLIENT_SECRET_FILE"))];

    if (file->source == NULL)
        return true;
    if (given(loader, "LOOKER_CLIENT_SECRET"))
        return lk_fail(
            err, LK_ERROR_CONFIG,
            "LOOKER_CLIENT_SECRET and LOOKER_CLIENT_SECRET_FILE are both set; unset one");
    if (!lk_settings_read_file(loader->arena, lk_arena_cstr(loader->arena, file->text),
                               MAX_SECRET_FILE_BYTES, &config->client_secret, err))
        return false;
    config->client_secret = lk_str_trim(config->client_secret);
    if (config->client_secret.len == 0)
        return lk_fail(err, LK_ERROR_CONFIG, "LOOKER_CLIENT_SECRET_FILE (%s): the file is empty",
                       file->source);
    return true;
}

static bool is_loopback(struct lk_str host)
{
    return lk_str_starts(host, LK_STR("127.")) || lk_str_eq(host, LK_STR("::1")) ||
           lk_str_eq(host, LK_STR("[::1]")) || lk_str_ieq(host, LK_STR("localhost"));
}

/* "https://x.looker.com:19999/api/4.0/" as people paste it, to "https://x.looker.com:19999". */
static void trim_base_url(struct lk_config *config)
{
    static const struct lk_str tails[] = {LK_STR_INIT("/"), LK_STR_INIT("/api/4.0"),
                                          LK_STR_INIT("/api"), LK_STR_INIT("/")};
    struct lk_str *url = &config->base_url;

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        while (url->len > tails[i].len &&
               memcmp(url->ptr + url->len - tails[i].len, tails[i].ptr, tails[i].len) == 0)
            url->len -= tails[i].len;
    }
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

/* What no single row can say. */
static bool check_together(struct loader *loader, struct lk_config *config, struct lk_error *err)
{
    /* What they are about, impersonation and OAuth, is refused. */
    static const char *const without_effect[] = {
        "LOOKER_DEPLOYMENT_TYPE", "LOOKER_SUDO_ASSOCIATIVE", "LOOKER_MCP_JWKS_URI",
        "LOOKER_MCP_ISSUER_URL", "LOOKER_MCP_RESOURCE_URI"};
    bool serves = config->command == LK_COMMAND_SERVE || config->command == LK_COMMAND_CHECK ||
                  config->command == LK_COMMAND_CALL;
    bool http = lk_str_eq(config->transport, LK_STR("streamable-http"));

    if (serves && config->base_url.len == 0)
        return lk_fail(err, LK_ERROR_CONFIG,
                       "LOOKER_BASE_URL is not set: the address of Looker, such as "
                       "https://mycompany.looker.com");
    if ((config->client_id.len == 0) != (config->client_secret.len == 0))
        return lk_fail(err, LK_ERROR_CONFIG, "%s is set, but %s is not: both or neither",
                       config->client_id.len > 0 ? "LOOKER_CLIENT_ID" : "LOOKER_CLIENT_SECRET",
                       config->client_id.len > 0 ? "LOOKER_CLIENT_SECRET" : "LOOKER_CLIENT_ID");
    if (!lk_str_eq(config->mcp_mode, LK_STR("dev")))
        return lk_fail(err, LK_ERROR_CONFIG,
                       "LOOKER_MCP_MODE=%.*s is not available in this version, only dev; put an "
                       "authenticating gateway in front instead",
                       LK_STR_ARG(config->mcp_mode));
    if (serves && config->client_id.len == 0)
        warn(loader, "no LOOKER_CLIENT_ID and LOOKER_CLIENT_SECRET: every tool call will fail");
    if (config->base_url.len > 0 && lk_str_starts(config->base_url, LK_STR("http://")) &&
        !is_loopback(url_host(config->base_url)))
        warn(loader, "LOOKER_BASE_URL is http: credentials and data travel unencrypted");
    if (!config->verify_tls)
        warn(loader, "LOOKER_VERIFY_SSL is false: whoever is on the way can read and change all");
    if (http && !is_loopback(config->host) && config->auth_token.len == 0)
        warn(loader, "LOOKER_HOST is not loopback and callers are not authenticated: whoever "
                     "reaches the port acts as the service account");
    for (size_t i = 0; i < sizeof(without_effect) / sizeof(without_effect[0]); i++) {
        if (given(loader, without_effect[i]))
            warn(loader, lk_arena_printf(loader->arena, "%s has no effect in this version",
                                         without_effect[i])
                             .ptr);
    }
    if (config->auth_token.len > 0)
        warn(loader,
             "LOOKER_MCP_AUTH_TOKEN is deprecated: a shared token says nothing of who calls");
    return true;
}

bool lk_config_load(struct lk_arena *arena, int argc, char *const *argv, char *const *env,
                    struct lk_config *ret_config, struct lk_error *err)
{
    struct lk_config config = {0};
    struct lk_cli cli = {.env_file = NULL};
    struct loader loader = {
        .arena = arena,
        .texts = lk_arena_array(arena, lk_n_settings, sizeof(struct lk_setting_text)),
        .sdk = lk_arena_array(arena, lk_n_settings, sizeof(struct lk_setting_text)),
        .ini = lk_arena_array(arena, lk_n_settings, sizeof(struct lk_setting_text)),
        .warnings = lk_arena_array(arena, MAX_WARNINGS + 1, sizeof(char *)),
    };

    /* The weakest first; each overwrites what was there. */
    cli.texts = lk_arena_array(arena, lk_n_settings, sizeof(struct lk_setting_text));
    if (!lk_cli_parse(argc, argv, &cli, err))
        return false;
    config.command = cli.command;
    config.call_tool = cli.call_tool;
    config.call_arguments = cli.call_arguments;
    if (cli.command == LK_COMMAND_HELP || cli.command == LK_COMMAND_VERSION) {
        *ret_config = config;
        return true;
    }
    if (!lk_settings_read_ini_file(arena, "looker.ini", found_ini_key, &loader, err) ||
        !read_environment(&loader, env, true, err) ||
        !lk_settings_read_env_file(arena, cli.env_file != NULL ? cli.env_file : ".env",
                                   cli.env_file != NULL, found_variable, &loader, err) ||
        !read_environment(&loader, env, false, err))
        return false;
    for (size_t i = 0; i < lk_n_settings; i++) {
        if (cli.texts[i].source != NULL)
            loader.texts[i] = cli.texts[i];
    }
    fall_back_to_sdk(&loader);
    if (!read_all(&loader, &config, err) || !read_secret_file(&loader, &config, err))
        return false;
    trim_base_url(&config);
    if (!check_together(&loader, &config, err))
        return false;
    config.warnings = loader.warnings;
    *ret_config = config;
    return true;
}
