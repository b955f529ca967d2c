/*
 * Loads the settings: collects a text for each row of the table from every source, the strongest
 * last, then reads the texts into struct lk_config. Flags and sub-commands are src/cli.c's, files
 * src/settings_file.c's, and what one text may be is src/settings_value.c's.
 */
#include "config.h"

#include "base/buf.h"
#include "base/nearest.h"
#include "cli.h"
#include "leasing.h"
#include "posture.h"
#include "settings.h"

#include <stdlib.h>

#define MAX_WARNINGS 16
#define MAX_SECRET_FILE_BYTES ((size_t)4096)

struct loader {
    struct lk_arena *arena;
    struct lk_setting_text *texts;  /* a setting each */
    struct lk_setting_text *file;   /* the same, as .env has it */
    struct lk_setting_text *env;    /* as the environment has it */
    struct lk_setting_text *sdk;    /* as LOOKERSDK_* have it */
    struct lk_setting_text *ini;    /* as looker.ini has it */
    struct lk_setting_text *likely; /* text: a name that was probably meant for this setting */
    struct lk_setting_text *found;  /* which of them is being read */
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

/* What other programs call some settings; too far from ours for a did-you-mean. */
static const char *likely_meant(struct lk_str name)
{
    static const struct {
        struct lk_str name;
        const char *meant;
    } names[] = {
        {LK_STR_INIT("LOOKER_URL"), "LOOKER_BASE_URL"},
        {LK_STR_INIT("LOOKER_API_URL"), "LOOKER_BASE_URL"},
        {LK_STR_INIT("LOOKER_API_BASE_URL"), "LOOKER_BASE_URL"},
        {LK_STR_INIT("LOOKER_HOST_URL"), "LOOKER_BASE_URL"},
        {LK_STR_INIT("LOOKER_INSTANCE_URL"), "LOOKER_BASE_URL"},
        {LK_STR_INIT("LOOKER_API_CLIENT_ID"), "LOOKER_CLIENT_ID"},
        {LK_STR_INIT("LOOKER_API3_CLIENT_ID"), "LOOKER_CLIENT_ID"},
        {LK_STR_INIT("LOOKER_API_CLIENT_SECRET"), "LOOKER_CLIENT_SECRET"},
        {LK_STR_INIT("LOOKER_API3_CLIENT_SECRET"), "LOOKER_CLIENT_SECRET"},
        {LK_STR_INIT("LOOKER_MAX_ANSWER_BYTES"), "LOOKER_MAX_RESULT_BYTES"}, /* its former name */
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (lk_str_eq(name, names[i].name))
            return names[i].meant;
    }
    return NULL;
}

/* Their absence lets everybody in. */
static bool is_gate(struct lk_str name)
{
    return lk_str_eq(name, LK_STR("LOOKER_MCP_AUTH_TOKEN")) ||
           lk_str_eq(name, LK_STR("LOOKER_MCP_INTROSPECT_TOKEN")) ||
           lk_str_eq(name, LK_STR("LOOKER_METRICS_TOKEN"));
}

/* One variable of the environment or of .env. Empty values count as not given, but for gates. */
static bool found_variable(void *arg, struct lk_str name, struct lk_str value, const char *source,
                           struct lk_error *err)
{
    struct loader *loader = arg;
    const char *near, *meant;
    int index;

    if (value.len == 0 && is_gate(name))
        return lk_fail(err, LK_ERROR_CONFIG,
                       "%.*s (%s) is set but empty, which would let everybody in; give it a value "
                       "or unset it",
                       LK_STR_ARG(name), source);
    if (!lk_str_starts(name, LK_STR("LOOKER_")) || value.len == 0 || is_service_link(name, value))
        return true;
    index = lk_setting_index(name);
    if (index >= 0) {
        loader->found[index] = (struct lk_setting_text){value, source};
        return true;
    }
    meant = likely_meant(name);
    if (meant != NULL) {
        loader->likely[lk_setting_index(lk_str(meant))] = (struct lk_setting_text){name, source};
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

/* A name that was probably meant for a setting stops the start only if the setting is missing. */
static bool check_likely(struct loader *loader, struct lk_error *err)
{
    for (size_t i = 0; i < lk_n_settings; i++) {
        const struct lk_setting_text *likely = &loader->likely[i];

        if (likely->source == NULL)
            continue;
        if (loader->texts[i].source == NULL)
            return lk_fail(err, LK_ERROR_CONFIG, "%.*s (%s) is not a setting; did you mean %s?",
                           LK_STR_ARG(likely->text), likely->source, lk_settings[i].variable);
        warn(loader, lk_arena_printf(loader->arena, "%.*s (%s) is not a setting of this program",
                                     LK_STR_ARG(likely->text), likely->source)
                         .ptr);
    }
    return true;
}

/* The text that counts, when it is that of the .env file. */
static const struct lk_setting_text *from_file(const struct loader *loader, const char *variable)
{
    int index = lk_setting_index(lk_str(variable));
    const struct lk_setting_text *text = &loader->texts[index];

    return text->source != NULL && text->source == loader->file[index].source ? text : NULL;
}

/*
 * Clients start servers in the directory of a project, and a project's .env may be anybody's. It
 * may not weaken how the host is verified that credentials from elsewhere go to, say what is to be
 * done with them, nor have a library loaded; --env-file says that the file is meant.
 */
static bool check_env_file(struct loader *loader, struct lk_error *err)
{
    static const char *const credentials[] = {"LOOKER_CLIENT_ID", "LOOKER_CLIENT_SECRET",
                                              "LOOKER_CLIENT_SECRET_FILE"};
    static const char *const trust[] = {"LOOKER_VERIFY_SSL", "LOOKER_CA_FILE"};
    static const char *const journal[] = {"LOOKER_LEASE_URL", "LOOKER_STATE_DIR"};
    const struct lk_setting_text *text = from_file(loader, "LOOKER_IDENTITY_PLUGIN");
    const char *foreign = NULL;
    bool verify = false;

    if (text != NULL)
        return lk_fail(err, LK_ERROR_CONFIG,
                       "LOOKER_IDENTITY_PLUGIN (%s) may not name code to run from a file that was "
                       "found by chance; if the file is yours, say --env-file .env",
                       text->source);
    for (size_t i = 0; i < sizeof(credentials) / sizeof(credentials[0]); i++) {
        if (given(loader, credentials[i]) && from_file(loader, credentials[i]) == NULL)
            foreign = credentials[i];
    }
    for (size_t i = 0; foreign != NULL && i < sizeof(trust) / sizeof(trust[0]); i++) {
        text = from_file(loader, trust[i]);
        if (text != NULL && !(lk_setting_boolean(text->text, &verify) && verify))
            return lk_fail(err, LK_ERROR_CONFIG,
                           "%s (%s) may not decide how Looker is verified while %s comes from "
                           "elsewhere; if the file is yours, say --env-file .env",
                           trust[i], text->source, foreign);
    }
    for (size_t i = 0; foreign != NULL && i < sizeof(journal) / sizeof(journal[0]); i++) {
        text = from_file(loader, journal[i]);
        if (text != NULL)
            return lk_fail(err, LK_ERROR_CONFIG,
                           "%s (%s) may not decide where it is read which branches to give back "
                           "while %s comes from elsewhere; if the file is yours, say --env-file "
                           ".env",
                           journal[i], text->source, foreign);
    }
    text = from_file(loader, "LOOKER_BASE_URL");
    if (foreign != NULL && text != NULL)
        warn(loader, lk_arena_printf(loader->arena,
                                     "LOOKER_BASE_URL (%s) says where the credentials go, which "
                                     "come from elsewhere",
                                     text->source)
                         .ptr);
    return true;
}

static void suit_command(struct loader *loader, const char *name, struct lk_str value)
{
    if (!given(loader, name))
        loader->texts[lk_setting_index(lk_str(name))] =
            (struct lk_setting_text){value, "default of this command"};
}

/* Between the lines of an answer nobody wants to read a log; and who waits in a shell has no client
 * that gives up before the call does. */
static void suit_shell(struct loader *loader, enum lk_command command)
{
    if (command == LK_COMMAND_CALL || command == LK_COMMAND_CHECK)
        suit_command(loader, "LOOKER_LOG_LEVEL", LK_STR("ERROR"));
    if (command == LK_COMMAND_CALL)
        suit_command(loader, "LOOKER_QUERY_WAIT", LK_STR("86400"));
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
        if (text.source == NULL) {
            lk_buf_printf(&sources, "%s= (not set)\n", setting->variable);
            continue;
        }
        if (!lk_setting_read(loader->arena, setting, &text, value, err)) {
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

static void warn_of(void *arg, const char *text)
{
    warn(arg, text);
}

/* What no single row can say. */
static bool check_together(struct loader *loader, struct lk_config *config, struct lk_error *err)
{
    /* They say who may call in a mode that asks for access tokens. */
    static const char *const without_effect[] = {"LOOKER_MCP_JWKS_URI", "LOOKER_MCP_ISSUER_URL",
                                                 "LOOKER_MCP_RESOURCE_URI", "LOOKER_MCP_SCOPES"};
    bool serves = config->command == LK_COMMAND_SERVE || config->command == LK_COMMAND_CHECK ||
                  config->command == LK_COMMAND_CALL;

    if (serves && config->base_url.len == 0)
        return lk_fail(err, LK_ERROR_CONFIG,
                       "LOOKER_BASE_URL is not set: the address of Looker, such as "
                       "https://mycompany.looker.com");
    if ((config->client_id.len == 0) != (config->client_secret.len == 0))
        return lk_fail(err, LK_ERROR_CONFIG, "%s is set, but %s is not: both or neither",
                       config->client_id.len > 0 ? "LOOKER_CLIENT_ID" : "LOOKER_CLIENT_SECRET",
                       config->client_id.len > 0 ? "LOOKER_CLIENT_SECRET" : "LOOKER_CLIENT_ID");
    if (lk_str_ieq(config->user_email_header, config->user_token_header))
        return lk_fail(err, LK_ERROR_CONFIG,
                       "LOOKER_USER_EMAIL_HEADER and LOOKER_USER_TOKEN_HEADER are both \"%.*s\"; "
                       "give each a header of its own",
                       LK_STR_ARG(config->user_token_header));
    if (config->identity_plugin.len > 0 && config->identity_plugin.ptr[0] != '/')
        return lk_fail(err, LK_ERROR_CONFIG,
                       "LOOKER_IDENTITY_PLUGIN=%.*s: an absolute path is expected, such as "
                       "/usr/local/lib/looker/identity.so",
                       LK_STR_ARG(config->identity_plugin));
    if ((config->tls_cert_file.len == 0) != (config->tls_key_file.len == 0))
        return lk_fail(
            err, LK_ERROR_CONFIG, "%s is set, but %s is not: both or neither",
            config->tls_cert_file.len > 0 ? "LOOKER_TLS_CERT_FILE" : "LOOKER_TLS_KEY_FILE",
            config->tls_cert_file.len > 0 ? "LOOKER_TLS_KEY_FILE" : "LOOKER_TLS_CERT_FILE");
    if (!lk_leasing_check(loader->arena, config, err) || !lk_posture_check(config, err))
        return false;
    for (size_t i = 0; i < sizeof(without_effect) / sizeof(without_effect[0]); i++) {
        if (lk_str_eq(config->mcp_mode, LK_STR("dev")) && given(loader, without_effect[i]))
            warn(loader, lk_arena_printf(loader->arena, "%s has no effect in LOOKER_MCP_MODE=dev",
                                         without_effect[i])
                             .ptr);
    }
    lk_posture_warn(config, warn_of, loader);
    return true;
}

static bool read_sources(struct loader *loader, const struct lk_cli *cli, char *const *env,
                         struct lk_error *err)
{
    const char *path = cli->env_file != NULL ? cli->env_file : ".env";

    loader->found = loader->file;
    if (!lk_settings_read_ini_file(loader->arena, "looker.ini", found_ini_key, loader, err) ||
        !read_environment(loader, env, true, err) ||
        !lk_settings_read_env_file(loader->arena, path, cli->env_file != NULL, found_variable,
                                   loader, err))
        return false;
    loader->found = loader->env;
    if (!read_environment(loader, env, false, err))
        return false;
    for (size_t i = 0; i < lk_n_settings; i++) {
        const struct lk_setting_text *strongest[] = {&cli->texts[i], &loader->env[i],
                                                     &loader->file[i]};

        for (size_t j = 0; j < 3 && loader->texts[i].source == NULL; j++)
            loader->texts[i] = *strongest[j];
    }
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
        .file = lk_arena_array(arena, lk_n_settings, sizeof(struct lk_setting_text)),
        .env = lk_arena_array(arena, lk_n_settings, sizeof(struct lk_setting_text)),
        .likely = lk_arena_array(arena, lk_n_settings, sizeof(struct lk_setting_text)),
        .sdk = lk_arena_array(arena, lk_n_settings, sizeof(struct lk_setting_text)),
        .ini = lk_arena_array(arena, lk_n_settings, sizeof(struct lk_setting_text)),
        .warnings = lk_arena_array(arena, MAX_WARNINGS + 1, sizeof(char *)),
    };

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
    if (!read_sources(&loader, &cli, env, err))
        return false;
    fall_back_to_sdk(&loader);
    config.state_dir_given = given(&loader, "LOOKER_STATE_DIR");
    if (!config.state_dir_given)
        loader.texts[lk_setting_index(LK_STR("LOOKER_STATE_DIR"))] =
            lk_leasing_state_dir(arena, env);
    if (!check_likely(&loader, err) || (cli.env_file == NULL && !check_env_file(&loader, err)))
        return false;
    suit_shell(&loader, cli.command);
    if (!read_all(&loader, &config, err) || !read_secret_file(&loader, &config, err))
        return false;
    trim_base_url(&config);
    if (!check_together(&loader, &config, err))
        return false;
    config.warnings = loader.warnings;
    *ret_config = config;
    return true;
}
