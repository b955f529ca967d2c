/*
 * Settings: where they may stand, which wins, and what is refused with which words.
 */
#include "../test.h"

#include "config.h"
#include "settings.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define URL "LOOKER_BASE_URL=https://looker.example.com"

static struct lk_arena *arena;
static char directory[64];

/* Each test starts in an empty directory, where .env and looker.ini are looked for. */
static int set_up(void **state)
{
    (void)state;
    arena = lk_arena_new();
    snprintf(directory, sizeof(directory), "/tmp/lk-config-XXXXXX");
    return mkdtemp(directory) == NULL || chdir(directory) != 0;
}

static int tear_down(void **state)
{
    static const char *const files[] = {".env", "looker.ini", "secret", "other.env"};

    (void)state;
    lk_arena_free(arena);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(files[i]);
    return chdir("/") != 0 || rmdir(directory) != 0;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

#define LIST(...)                                                                                  \
    (char *const[])                                                                                \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static bool load(char *const *argv, char *const *env, struct lk_config *config,
                 struct lk_error *error)
{
    int argc = 0;

    while (argv[argc] != NULL)
        argc++;
    *error = (struct lk_error){0};
    return lk_config_load(arena, argc, argv, env, config, error);
}

static struct lk_config accept(char *const *argv, char *const *env)
{
    struct lk_config config;
    struct lk_error error;

    if (!load(argv, env, &config, &error))
        fail_msg("%s", error.message);
    return config;
}

/* The error must be one line that has every given part. */
static void refuse(char *const *argv, char *const *env, char *const *parts)
{
    struct lk_config config;
    struct lk_error error;

    assert_false(load(argv, env, &config, &error));
    assert_int_equal(error.kind, LK_ERROR_CONFIG);
    assert_null(strchr(error.message, '\n'));
    for (; *parts != NULL; parts++) {
        if (strstr(error.message, *parts) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", *parts, error.message);
    }
}

#define NO_ARGS LIST("server")

static void test_defaults(void **state)
{
    struct lk_config config = accept(NO_ARGS, LIST(URL));

    (void)state;
    assert_str(config.base_url, "https://looker.example.com");
    assert_str(config.transport, "stdio");
    assert_str(config.host, "127.0.0.1");
    assert_int_equal(config.port, 8080);
    assert_int_equal(config.timeout_ms, 60000);
    assert_int_equal(config.max_rows, 5000);
    assert_true(config.verify_tls);
    assert_true(config.sudo_as_user);
    assert_int_equal(config.log_level, LK_LOG_INFO);
    assert_int_equal(config.command, LK_COMMAND_SERVE);
}

static void test_precedence(void **state)
{
    struct lk_config config;

    (void)state;
    put(".env", "LOOKER_BASE_URL=https://dotenv.example.com\nLOOKER_PORT=1\nLOOKER_MAX_ROWS=1\n"
                "LOOKER_TIMEOUT=1\n");
    put("looker.ini", "[Looker]\nbase_url=https://ini.example.com\nverify_ssl=false\ntimeout=9\n");
    config = accept(LIST("server", "--port", "3"),
                    LIST("LOOKER_PORT=2", "LOOKER_MAX_ROWS=2", "LOOKERSDK_TIMEOUT=8"));
    assert_int_equal(config.port, 3);
    assert_int_equal(config.max_rows, 2);
    assert_int_equal(config.timeout_ms, 1000);
    assert_str(config.base_url, "https://dotenv.example.com");
    assert_true(config.verify_tls);
}

static void test_sdk_settings(void **state)
{
    struct lk_config config;

    (void)state;
    put("looker.ini", "; comment\n[Other]\nbase_url=https://no.example.com\n[Looker]\n"
                      "base_url = \"https://ini.example.com:19999\"\nclient_id=a\n"
                      "client_secret=b\nverify_ssl=false\nunknown=1\n");
    config = accept(NO_ARGS, LIST("LOOKERSDK_OTHER=1"));
    assert_str(config.base_url, "https://ini.example.com:19999");
    assert_str(config.client_id, "a");
    assert_str(config.client_secret, "b");
    assert_false(config.verify_tls);
    config = accept(NO_ARGS, LIST("LOOKERSDK_BASE_URL=https://env.example.com",
                                  "LOOKERSDK_CLIENT_ID=c", "LOOKERSDK_CLIENT_SECRET=d"));
    assert_str(config.base_url, "https://env.example.com");
    assert_str(config.client_secret, "d");
    assert_true(config.verify_tls);
    assert_non_null(strstr(config.warnings[0], "looker.ini is passed over"));
}

/* Whoever can put a looker.ini into the working directory must not get the secret that way. */
static void test_sdk_sources_are_not_mixed(void **state)
{
    (void)state;
    put("looker.ini", "[Looker]\nbase_url=https://ini.example.com\n");
    refuse(NO_ARGS, LIST("LOOKERSDK_CLIENT_ID=a", "LOOKERSDK_CLIENT_SECRET=b"),
           LIST("LOOKER_BASE_URL is not set"));
}

static void test_settings_without_effect(void **state)
{
    struct lk_config config =
        accept(NO_ARGS, LIST(URL, "LOOKER_CLIENT_ID=i", "LOOKER_CLIENT_SECRET=s",
                             "LOOKER_SUDO_ASSOCIATIVE=true", "LOOKER_MCP_JWKS_URI=x"));

    (void)state;
    assert_string_equal(config.warnings[0],
                        "LOOKER_MCP_JWKS_URI has no effect in LOOKER_MCP_MODE=dev");
    assert_null(config.warnings[1]);
}

#define PUBLIC                                                                                     \
    URL, "LOOKER_CLIENT_ID=i", "LOOKER_CLIENT_SECRET=s", "LOOKER_TRANSPORT=streamable-http",       \
        "LOOKER_MCP_MODE=public", "LOOKER_MCP_ISSUER_URL=https://issuer.example.com/",             \
        "LOOKER_MCP_JWKS_URI=https://issuer.example.com/jwks?p=1",                                 \
        "LOOKER_MCP_RESOURCE_URI=https://mcp.example.com/mcp"

/* What is compared exactly is left as it was given; tests/e2e/test_auth.py has what is refused. */
static void test_posture(void **state)
{
    struct lk_config config = accept(NO_ARGS, LIST(PUBLIC, "LOOKER_HOST=0.0.0.0"));

    (void)state;
    assert_str(config.mcp_issuer_url, "https://issuer.example.com/");
    assert_str(config.mcp_jwks_uri, "https://issuer.example.com/jwks?p=1");
    assert_non_null(strstr(config.warnings[0], "plain HTTP"));
    assert_null(config.warnings[1]);
    config = accept(NO_ARGS, LIST(PUBLIC, "LOOKER_SUDO_AS_USER=false", "LOOKER_VERIFY_SSL=no"));
    assert_non_null(strstr(config.warnings[0], "every tool call will fail"));
    assert_non_null(strstr(config.warnings[1], "LOOKER_VERIFY_SSL"));
    assert_non_null(strstr(config.warnings[2], "LOOKER_MCP_JWKS_URI"));
    assert_null(config.warnings[3]);
    config = accept(LIST("server", "--mcp-mode", "looker_oauth"), LIST(PUBLIC));
    assert_non_null(strstr(config.warnings[0], "needs no LOOKER_CLIENT_ID"));
    assert_null(config.warnings[1]);
    config = accept(LIST("server", "call", "whoami"), LIST(URL, "LOOKER_MCP_MODE=public"));
    assert_str(config.mcp_mode, "public");
}

static void test_many_warnings(void **state)
{
    char names[20][32];
    char *env[22] = {URL};
    struct lk_config config;

    (void)state;
    for (int i = 0; i < 20; i++) {
        snprintf(names[i], sizeof(names[i]), "LOOKER_ELSEWHERE_%c%c=1", 'A' + i, 'Z' - i);
        env[i + 1] = names[i];
    }
    config = accept(NO_ARGS, env);
    assert_string_equal(config.warnings[15], "and more that is not a setting of this program");
    assert_null(config.warnings[16]);
}

/* The ini's secret must not be sent to a host that somebody else named. */
static void test_sdk_credentials_stay_with_their_host(void **state)
{
    struct lk_config config;

    (void)state;
    put("looker.ini", "[Looker]\nbase_url=https://ini.example.com\nclient_id=a\nclient_secret=b\n");
    config = accept(NO_ARGS, LIST(URL));
    assert_str(config.base_url, "https://looker.example.com");
    assert_int_equal(config.client_id.len, 0);
    assert_int_equal(config.client_secret.len, 0);
}

static void test_env_file_syntax(void **state)
{
    struct lk_config config;

    (void)state;
    put("other.env", "# comment\n\nexport LOOKER_BASE_URL='https://q.example.com'\r\n"
                     "LOOKER_CLIENT_ID=\"a \\\"b\\\"\" # quoted\nLOOKER_CLIENT_SECRET=p#q # bare\n"
                     "OTHER_PROGRAM=1\nLOOKER_PORT=\n");
    config = accept(LIST("server", "--env-file", "other.env"), LIST("A=b"));
    assert_str(config.base_url, "https://q.example.com");
    assert_str(config.client_id, "a \"b\"");
    assert_str(config.client_secret, "p#q");
    assert_int_equal(config.port, 8080);
    put("other.env", "\xEF\xBB\xBFLOOKER_BASE_URL=http://[::1]:19999/looker_a/\r\n");
    config = accept(LIST("server", "--env-file", "other.env"), LIST("A=b"));
    assert_str(config.base_url, "http://[::1]:19999/looker_a");
}

static void test_bad_env_files(void **state)
{
    (void)state;
    put(".env", "LOOKER_PORT=1\nLOOKER_HOST\n");
    refuse(NO_ARGS, LIST(URL), LIST(".env line 2", "NAME=value"));
    put(".env", "A=\"one\ntwo\"\nLOOKER_HOST\n"); /* lines that are passed over count */
    refuse(NO_ARGS, LIST(URL), LIST(".env line 3", "NAME=value"));
    put(".env", "LOOKER_CLIENT_ID='open\n");
    refuse(NO_ARGS, LIST(URL), LIST(".env line 1", "LOOKER_CLIENT_ID", "quote"));
    put(".env", "\nLOOKER_PORTT=1\n");
    refuse(NO_ARGS, LIST(URL), LIST(".env line 2", "LOOKER_PORTT", "LOOKER_PORT?"));
    unlink(".env");
    refuse(LIST("server", "--env-file", "none.env"), LIST(URL), LIST("none.env", "No such file"));
}

static void accept_env_file(const char *text)
{
    put(".env", text);
    assert_int_equal(accept(NO_ARGS, LIST(URL)).port, 7);
}

/* Clients start the server in the directory of a project, whose .env is for its own programs. */
static void test_env_files_of_other_programs(void **state)
{
    (void)state;
    accept_env_file("just words\n=x\nexport\nKEY: value\nA='open\nLOOKER_PORT=7\n");
    accept_env_file("KEY=\"-----BEGIN\nLOOKER_ is text\nit's\n-----END\" # key\nLOOKER_PORT=7\n");
    accept_env_file("export KEY='one\nLOOKER_ two'\nexport LOOKER_PORT='7'\n");
    accept_env_file("KEY=\"a \\\" b\nLOOKER_ is text\n\"\nLOOKER_PORT=7\n");
    accept_env_file("A='tis\nLOOKER_PORT='7'\n");
    accept_env_file("A=\"{\"b\":\"c\"}\"\nLOOKER_PORT=7\nB=\"\n");
    accept_env_file("LOOKER_PORT=7\nA=\"");
    unlink(".env");
    assert_int_equal(mkdir(".env", 0700), 0); /* a Python environment, say */
    assert_int_equal(accept(NO_ARGS, LIST(URL)).port, 8080);
    assert_int_equal(rmdir(".env"), 0);
}

#define CREDENTIALS "LOOKER_CLIENT_ID=i", "LOOKER_CLIENT_SECRET=s"

/* Nor may a repository that somebody cloned weaken how the host is verified. */
static void test_env_file_and_trust(void **state)
{
    struct lk_config config;

    (void)state;
    put(".env", "LOOKER_VERIFY_SSL=false\n");
    refuse(NO_ARGS, LIST(URL, CREDENTIALS),
           LIST("LOOKER_VERIFY_SSL", ".env line 1", "--env-file .env"));
    refuse(NO_ARGS,
           LIST("LOOKERSDK_BASE_URL=https://l.example.com", "LOOKERSDK_CLIENT_ID=i",
                "LOOKERSDK_CLIENT_SECRET=s"),
           LIST("LOOKER_VERIFY_SSL", ".env line 1"));
    refuse(LIST("server", "--client-id", "i"), LIST(URL), LIST("LOOKER_VERIFY_SSL"));
    assert_false(accept(LIST("server", "--env-file", ".env"), LIST(URL, CREDENTIALS)).verify_tls);
    assert_true(accept(LIST("server", "--env-file", "/dev/null"), LIST(URL)).verify_tls);
    assert_true(accept(NO_ARGS, LIST(URL, CREDENTIALS, "LOOKER_VERIFY_SSL=true")).verify_tls);
    assert_false(accept(NO_ARGS, LIST(URL)).verify_tls); /* no credentials, nothing to lose */
    put(".env", "LOOKER_VERIFY_SSL=true\n");
    assert_true(accept(NO_ARGS, LIST(URL, CREDENTIALS)).verify_tls);
    put("secret", "s\n");
    put(".env", "LOOKER_CA_FILE=secret\n");
    refuse(NO_ARGS, LIST(URL, CREDENTIALS), LIST("LOOKER_CA_FILE", ".env line 1"));
    refuse(NO_ARGS, LIST(URL, "LOOKER_CLIENT_ID=i", "LOOKER_CLIENT_SECRET_FILE=secret"),
           LIST("LOOKER_CA_FILE", ".env line 1"));
    put(".env", URL "\nLOOKER_CLIENT_ID=i\nLOOKER_CLIENT_SECRET=s\nLOOKER_VERIFY_SSL=no\n");
    config = accept(NO_ARGS, LIST("A=b"));
    assert_false(config.verify_tls);
    assert_non_null(strstr(config.warnings[0], "LOOKER_VERIFY_SSL"));
    assert_null(config.warnings[1]);
}

static void test_env_file_may_name_the_host(void **state)
{
    struct lk_config config;

    (void)state;
    put(".env", URL "\n");
    config = accept(NO_ARGS, LIST(CREDENTIALS));
    assert_str(config.base_url, "https://looker.example.com");
    assert_non_null(strstr(config.warnings[0], "LOOKER_BASE_URL (.env line 1)"));
    assert_null(accept(LIST("server", "--env-file", ".env"), LIST(CREDENTIALS)).warnings[0]);
    assert_null(accept(NO_ARGS, LIST(URL, CREDENTIALS)).warnings[0]);
}

static void test_where_leases_are_kept(void **state)
{
    struct lk_config config = accept(NO_ARGS, LIST(URL));

    (void)state;
    assert_int_equal(config.state_dir.len, 0); /* nothing tells where */
    assert_int_equal(config.lease_ttl_ms, 30000);
    assert_int_equal(config.branch_wait_ms, 60000);
    assert_str(accept(NO_ARGS, LIST(URL, "HOME=/home/x")).state_dir,
               "/home/x/.local/state/looker-mcp-server");
    assert_str(accept(NO_ARGS, LIST(URL, "HOME=/home/x", "XDG_STATE_HOME=/x/state")).state_dir,
               "/x/state/looker-mcp-server");
    assert_str(accept(NO_ARGS, LIST(URL, "HOME=/home/x", "XDG_STATE_HOME=relative")).state_dir,
               "/home/x/.local/state/looker-mcp-server");
    config = accept(NO_ARGS, LIST(URL, "XDG_STATE_HOME=/x", "STATE_DIRECTORY=/var/lib/a:/b"));
    assert_str(config.state_dir, "/var/lib/a");
    assert_false(config.state_dir_given);
    assert_int_equal(config.state_dir.ptr[config.state_dir.len], '\0');
    config = accept(LIST("server", "--state-dir", "/s"), LIST(URL, "STATE_DIRECTORY=/var/lib/a"));
    assert_str(config.state_dir, "/s");
    assert_true(config.state_dir_given);
    refuse(NO_ARGS, LIST(URL, "LOOKER_STATE_DIR=state"),
           LIST("LOOKER_STATE_DIR=state", "absolute", "/var/lib/looker-mcp-server"));
}

static void test_lease_settings(void **state)
{
    static const char secret[] = "LOOKER_LEASE_URL=redis://:sesame@cache.example.com:6380/1";
    struct lk_config config =
        accept(NO_ARGS, LIST(URL, (char *)secret, "LOOKER_LEASE_TTL=1.5", "LOOKER_BRANCH_WAIT=0",
                             "LOOKER_CI_USERS=12,ci@example.com"));
    struct lk_error error;

    (void)state;
    assert_str(config.lease_url, secret + strlen("LOOKER_LEASE_URL="));
    assert_int_equal(config.lease_ttl_ms, 1500);
    assert_int_equal(config.branch_wait_ms, 0);
    assert_str(config.ci_users, "12,ci@example.com");
    assert_null(strstr(config.sources.ptr, "sesame"));
    assert_null(strstr(config.sources.ptr, "cache.example.com"));
    assert_false(load(NO_ARGS, LIST(URL, "LOOKER_LEASE_URL=redis://sesame@h"), &config, &error));
    assert_non_null(strstr(error.message, "LOOKER_LEASE_URL: "));
    assert_null(strstr(error.message, "sesame"));
    refuse(LIST("server", "--lease-url", "redis://h"), LIST(URL), LIST("LOOKER_LEASE_URL"));
    refuse(NO_ARGS, LIST(URL, "LOOKER_LEASE_TTL=0.9"), LIST("LOOKER_LEASE_TTL", "from 1 to 600"));
    refuse(NO_ARGS, LIST(URL, "LOOKER_BRANCH_WAIT=-1"), LIST("LOOKER_BRANCH_WAIT"));
}

static void test_ci_users_have_a_limit(void **state)
{
    char users[512] = "LOOKER_CI_USERS=, 1 ,,";
    size_t len = strlen(users);

    (void)state;
    for (int i = 2; i <= 64; i++)
        len += (size_t)snprintf(users + len, sizeof(users) - len, "%d,", i);
    accept(NO_ARGS, LIST(URL, users));
    snprintf(users + len, sizeof(users) - len, "65");
    refuse(NO_ARGS, LIST(URL, users), LIST("LOOKER_CI_USERS", "65 users", "at most 64"));
}

/* Who says where it is read which branches are to be given back has them switched. */
static void test_env_file_and_leases(void **state)
{
    static const char *const texts[] = {"LOOKER_LEASE_URL=redis://h\n", "LOOKER_STATE_DIR=/s\n"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        put(".env", texts[i]);
        refuse(NO_ARGS, LIST(URL, CREDENTIALS),
               LIST(i == 0 ? "LOOKER_LEASE_URL" : "LOOKER_STATE_DIR", ".env line 1",
                    "--env-file .env"));
        accept(LIST("server", "--env-file", ".env"), LIST(URL, CREDENTIALS));
        accept(NO_ARGS, LIST(URL));
    }
}

static void test_boolean_flags(void **state)
{
    struct lk_config config;

    (void)state;
    assert_false(accept(LIST("s", "--verify-ssl", "false"), LIST(URL)).verify_tls);
    assert_false(accept(LIST("s", "--verify-ssl=off"), LIST(URL)).verify_tls);
    assert_false(accept(LIST("s", "--no-verify-ssl"), LIST(URL)).verify_tls);
    assert_true(accept(LIST("s", "--verify-ssl"), LIST(URL)).verify_tls);
    config = accept(LIST("s", "--verify-ssl", "call", "whoami"), LIST(URL));
    assert_true(config.verify_tls);
    assert_string_equal(config.call_tool, "whoami");
    config = accept(LIST("s", "--no-verify-ssl", "call", "whoami"), LIST(URL));
    assert_false(config.verify_tls);
    refuse(LIST("s", "--verify-ssl", "maybe"), LIST(URL), LIST("unexpected word \"maybe\""));
    refuse(LIST("s", "--no-verify-ssl=true"), LIST(URL), LIST("--no-verify-ssl takes no value"));
    refuse(LIST("s", "--no-port"), LIST(URL), LIST("unknown flag --no-port"));
}

static void test_lists_are_normalised(void **state)
{
    struct lk_config config = accept(
        NO_ARGS, LIST(URL, "LOOKER_ALLOWED_ORIGINS= https://a.example.com/, ,http://[::1]:80,",
                      "LOOKER_ALLOWED_HOSTS=a.example.com , [::1]"));

    (void)state;
    assert_str(config.allowed_origins, "https://a.example.com,http://[::1]:80");
    assert_str(config.allowed_hosts, "a.example.com,[::1]");
}

static void test_names_that_others_use(void **state)
{
    struct lk_config config;

    (void)state;
    refuse(NO_ARGS, LIST("LOOKER_URL=https://x.example.com"),
           LIST("LOOKER_URL (environment)", "did you mean LOOKER_BASE_URL?"));
    refuse(NO_ARGS, LIST(URL, "LOOKER_API_CLIENT_SECRET=hunter2"),
           LIST("did you mean LOOKER_CLIENT_SECRET?"));
    refuse(NO_ARGS, LIST(URL, CREDENTIALS, "LOOKER_MAX_ANSWER_BYTES=5000"), /* its former name */
           LIST("LOOKER_MAX_ANSWER_BYTES (environment)", "did you mean LOOKER_MAX_RESULT_BYTES?"));
    config = accept(NO_ARGS, LIST(URL, CREDENTIALS, "LOOKER_URL=https://x.example.com"));
    assert_non_null(strstr(config.warnings[0], "LOOKER_URL (environment) is not a setting"));
    config = accept(NO_ARGS, LIST(URL, CREDENTIALS, "LOOKER_TOKEN=x"));
    assert_non_null(strstr(config.warnings[0], "LOOKER_TOKEN"));
}

static void test_log_level_of_commands(void **state)
{
    (void)state;
    assert_int_equal(accept(LIST("s", "call", "whoami"), LIST(URL)).log_level, LK_LOG_ERROR);
    assert_int_equal(accept(LIST("s", "--check"), LIST(URL)).log_level, LK_LOG_ERROR);
    assert_int_equal(accept(LIST("s", "call", "whoami"), LIST(URL)).query_wait_ms, 86400000);
    assert_int_equal(accept(LIST("s", "--check"), LIST(URL)).query_wait_ms, 50000);
    assert_int_equal(
        accept(LIST("s", "--query-wait", "2", "call", "whoami"), LIST(URL)).query_wait_ms, 2000);
    assert_int_equal(accept(LIST("s", "--check"), LIST(URL, "LOOKER_LOG_LEVEL=DEBUG")).log_level,
                     LK_LOG_DEBUG);
}

static void test_sources(void **state)
{
    struct lk_config config = accept(LIST("s", "--port", "9"), LIST(URL));
    const char *sources = lk_arena_cstr(arena, config.sources);

    (void)state;
    assert_non_null(strstr(sources, "LOOKER_PORT=9 (command line)\n"));
    assert_non_null(strstr(sources, "LOOKER_HOST=127.0.0.1 (default)\n"));
    assert_non_null(strstr(sources, "LOOKER_CLIENT_SECRET= (not set)\n"));
}

static void test_bad_values(void **state)
{
    static const struct {
        char *variable;
        char *expected;
    } cases[] = {
        {"LOOKER_PORT=abc", "a whole number from 0 to 65535"},
        {"LOOKER_PORT=65536", "a whole number from 0 to 65535"},
        {"LOOKER_PORT=-1", "a whole number"},
        {"LOOKER_PORT=1.5", "a whole number"},
        {"LOOKER_TIMEOUT=0", "seconds from 0.1"},
        {"LOOKER_TIMEOUT=1e9", "seconds"},
        {"LOOKER_TIMEOUT=nan", "seconds"},
        {"LOOKER_VERIFY_SSL=maybe", "true or false"},
        {"LOOKER_TRANSPORT=sse", "stdio|streamable-http"},
        {"LOOKER_LOG_LEVEL=loud", "DEBUG, INFO, WARNING or ERROR"},
        {"LOOKER_API_VERSION=3.1", "4.0"},
        {"LOOKER_BASE_URL=looker.example.com", "a URL"},
        {"LOOKER_BASE_URL=ftp://looker.example.com", "a URL"},
        {"LOOKER_BASE_URL=https://user:pw@looker.example.com", "a URL"},
        {"LOOKER_BASE_URL=https://", "a URL"},
        {"LOOKER_BASE_URL=https://looker.example.com:99999", "a URL"},
        {"LOOKER_BASE_URL=https://looker.example.com:0", "a URL"},
        {"LOOKER_BASE_URL=https://looker.example.com:", "a URL"},
        {"LOOKER_BASE_URL=https://looker.example.com:1.", "a URL"},
        {"LOOKER_BASE_URL=https://looker.example.com:x", "a URL"},
        {"LOOKER_BASE_URL=https://[::1", "a URL"},
        {"LOOKER_BASE_URL=https://[]:1", "a URL"},
        {"LOOKER_BASE_URL=https://[::1]9", "a URL"},
        {"LOOKER_BASE_URL=https://:19999", "a URL"},
        {"LOOKER_BASE_URL=https://a\x7f", "a URL"},
        {"LOOKER_BASE_URL=https://m\xc3\xbcller.example.com", "a URL"},
        /* Names that no header can have: the check of the identity headers would be off. */
        {"LOOKER_USER_EMAIL_HEADER=X-User-Email:", "one HTTP header"},
        {"LOOKER_USER_EMAIL_HEADER=X-A,X-B", "one HTTP header"},
        {"LOOKER_USER_TOKEN_HEADER=X User Token", "one HTTP header"},
        {"LOOKER_USER_TOKEN_HEADER="
         "X2345678901234567890123456789012345678901234567890"
         "X2345678901234567890123456789012345678901234567890X",
         "one HTTP header"},
        {"LOOKER_USER_EMAIL_HEADER=x-user-token", "a header of its own"},
        /* Entries that no request can match. */
        {"LOOKER_ALLOWED_ORIGINS=*", "origins such as https://"},
        {"LOOKER_ALLOWED_ORIGINS=https://a.example.com,b.example.com", "got \"b.example.com\""},
        {"LOOKER_ALLOWED_ORIGINS=https://a.example.com/app", "origins such as https://"},
        {"LOOKER_ALLOWED_ORIGINS=https://*.example.com", "origins such as https://"},
        {"LOOKER_ALLOWED_ORIGINS=https://a.example.com:x", "origins such as https://"},
        {"LOOKER_ALLOWED_HOSTS=https://a.example.com", "host names such as"},
        {"LOOKER_ALLOWED_HOSTS=a.example.com:8080", "host names such as"},
        {"LOOKER_ALLOWED_HOSTS=*", "host names such as"},
        {"LOOKER_MCP_AUTH_TOKEN=", "set but empty"},
        {"LOOKER_MCP_AUTH_TOKEN= ", "set but empty"},
        {"LOOKER_CA_FILE=/does/not/exist", "a file that can be read"},
        {"LOOKER_MCP_INTROSPECT_TOKEN=", "set but empty"},
        {"LOOKER_MCP_MODE=public", "DeploymentPostureError: LOOKER_MCP_MODE"},
        {"LOOKER_MCP_MODE=open", "dev|public|looker_oauth"},
        {"LOOKER_MAX_ROW=5", "did you mean LOOKER_MAX_ROWS?"},
        {"LOOKER_CLINET_ID=5", "did you mean LOOKER_CLIENT_ID?"},
        {"LOOKER_CLIENT_ID=alone", "LOOKER_CLIENT_SECRET is not"},
        {"LOOKER_CLIENT_SECRET=alone", "LOOKER_CLIENT_ID is not"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refuse(NO_ARGS, LIST(URL, cases[i].variable), LIST(cases[i].expected));
    refuse(NO_ARGS, LIST("LOOKER_BASE_URL=https://user:pass-word@looker.example.com"),
           LIST("LOOKER_BASE_URL", "got \"…\""));
    refuse(NO_ARGS, LIST("A=b"), LIST("LOOKER_BASE_URL is not set"));
}

static void test_bad_flags(void **state)
{
    (void)state;
    refuse(LIST("server", "--prot", "1"), LIST(URL), LIST("--prot", "did you mean --port?"));
    refuse(LIST("server", "--zzzzzz"), LIST(URL), LIST("unknown flag --zzzzzz", "--help"));
    refuse(LIST("server", "--port"), LIST(URL), LIST("--port needs a value"));
    refuse(LIST("server", "--port", "x"), LIST(URL), LIST("LOOKER_PORT", "command line"));
    refuse(LIST("server", "serve"), LIST(URL), LIST("unexpected word \"serve\""));
    refuse(LIST("server", "call"), LIST(URL), LIST("call needs a tool"));
    refuse(LIST("server", "--client-secret", "x"), LIST(URL),
           LIST("public", "set LOOKER_CLIENT_SECRET"));
}

static void test_secrets_are_never_shown(void **state)
{
    struct lk_config config =
        accept(NO_ARGS, LIST(URL, "LOOKER_CLIENT_ID=i", "LOOKER_CLIENT_SECRET=hunter2",
                             "LOOKER_MCP_AUTH_TOKEN=tok3n"));

    (void)state;
    config.sources = lk_arena_str(arena, config.sources);
    assert_null(strstr(config.sources.ptr, "hunter2"));
    assert_null(strstr(config.sources.ptr, "tok3n"));
    assert_non_null(strstr(config.sources.ptr, "LOOKER_CLIENT_SECRET=*** (environment)"));
}

static void test_secret_file(void **state)
{
    struct lk_config config;

    (void)state;
    put("secret", "s3cret\n");
    config = accept(LIST("server", "--client-secret-file=secret"), LIST(URL, "LOOKER_CLIENT_ID=i"));
    assert_str(config.client_secret, "s3cret");
    refuse(LIST("server", "--client-secret-file=secret"),
           LIST(URL, "LOOKER_CLIENT_ID=i", "LOOKER_CLIENT_SECRET=x"), LIST("both set"));
    put("secret", "\n");
    refuse(LIST("server", "--client-secret-file=secret"), LIST(URL, "LOOKER_CLIENT_ID=i"),
           LIST("empty"));
    refuse(LIST("server", "--client-secret-file=none"), LIST(URL), LIST("a file that can be read"));
}

/* Kubernetes adds these to every pod when a Service is named "looker". */
static void test_service_links_are_no_settings(void **state)
{
    struct lk_config config =
        accept(NO_ARGS, LIST(URL, "LOOKER_PORT=tcp://10.0.0.1:80", "LOOKER_SERVICE_HOST=10.0.0.1",
                             "LOOKER_PORT_80_TCP_ADDR=10.0.0.1"));

    (void)state;
    assert_int_equal(config.port, 8080);
    assert_null(config.warnings[1]);
}

static void test_base_url_is_trimmed(void **state)
{
    static char *const urls[] = {
        "LOOKER_BASE_URL=https://l.example.com/", "LOOKER_BASE_URL=https://l.example.com/api/4.0/",
        "LOOKER_BASE_URL=https://l.example.com/api/4.0", "LOOKER_BASE_URL=https://l.example.com//"};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_str(accept(NO_ARGS, LIST(urls[i])).base_url, "https://l.example.com");
}

static void test_warnings(void **state)
{
    struct lk_config config = accept(
        LIST("server", "--transport", "streamable-http", "--host", "0.0.0.0", "--verify-ssl=no"),
        LIST("LOOKER_BASE_URL=http://l.example.com", "LOOKER_UNHEARD_OF=1", "LOOKER_CLIENT_ID=i",
             "LOOKER_CLIENT_SECRET=s"));
    static const char *const parts[] = {"LOOKER_UNHEARD_OF", "unencrypted", "LOOKER_VERIFY_SSL",
                                        "not loopback"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(config.warnings[i]);
        assert_non_null(strstr(config.warnings[i], parts[i]));
    }
    assert_null(config.warnings[4]);
    config = accept(LIST("server", "--transport", "streamable-http", "--host", "0.0.0.0"),
                    LIST(URL, CREDENTIALS, "LOOKER_MCP_AUTH_TOKEN=t"));
    assert_non_null(strstr(config.warnings[0], "plain HTTP"));
}

static void test_commands(void **state)
{
    struct lk_config config = accept(LIST("server", "call", "query", "{\"a\":1}"), LIST(URL));

    (void)state;
    assert_int_equal(config.command, LK_COMMAND_CALL);
    assert_string_equal(config.call_tool, "query");
    assert_string_equal(config.call_arguments, "{\"a\":1}");
    assert_int_equal(accept(LIST("s", "--help"), LIST("LOOKER_PORT=x")).command, LK_COMMAND_HELP);
    assert_int_equal(accept(LIST("s", "--list-tools"), LIST("A=b")).command, LK_COMMAND_LIST_TOOLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_precedence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sdk_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sdk_credentials_stay_with_their_host, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sdk_sources_are_not_mixed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_settings_without_effect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_posture, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_warnings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_env_file_syntax, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_env_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_env_files_of_other_programs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_env_file_and_trust, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_env_file_may_name_the_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_boolean_flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lists_are_normalised, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_that_others_use, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_log_level_of_commands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sources, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_secrets_are_never_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_secret_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_service_links_are_no_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_base_url_is_trimmed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_where_leases_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lease_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ci_users_have_a_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_env_file_and_leases, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_warnings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commands, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
