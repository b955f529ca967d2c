/*
 * Reads the command line into texts of settings, and prints --help from the same table.
 */
#include "cli.h"

#include "base/nearest.h"

#include <stdio.h>

static const struct {
    const char *word;
    enum lk_command command;
    const char *help;
} commands[] = {
    {"--list-tools", LK_COMMAND_LIST_TOOLS, "print the tools of the chosen groups and exit"},
    {"--check", LK_COMMAND_CHECK,
     "check settings, certificate, reachability, credentials and leases, and exit"},
    {"--version", LK_COMMAND_VERSION, "print the version and exit"},
    {"--help", LK_COMMAND_HELP, "print this and exit"},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int flag_index(struct lk_str flag)
{
    for (size_t i = 0; i < lk_n_settings; i++) {
        if (lk_settings[i].flag != NULL && lk_str_eq(lk_str(lk_settings[i].flag), flag))
            return (int)i;
    }
    return -1;
}

/* All flags with their dashes cut off, for did-you-mean. */
static const char *flag_name(const void *arg, size_t i)
{
    static const char *const more[] = {"env-file"};

    (void)arg;
    if (i < N_COMMANDS)
        return commands[i].word + 2;
    i -= N_COMMANDS;
    if (i < lk_n_settings)
        return lk_settings[i].flag != NULL ? lk_settings[i].flag : "";
    return i == lk_n_settings ? more[0] : NULL;
}

/* "client-secret" for "LOOKER_CLIENT_SECRET". */
static bool names_variable(struct lk_str flag, const char *variable)
{
    const char *at = variable + strlen("LOOKER_");

    if (strlen(at) != flag.len)
        return false;
    for (size_t i = 0; i < flag.len; i++) {
        char c = flag.ptr[i] == '-' ? '_' : flag.ptr[i];

        if ((c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) != at[i])
            return false;
    }
    return true;
}

static bool fail_flag(struct lk_str flag, struct lk_error *err)
{
    const char *near;

    for (size_t i = 0; i < lk_n_settings; i++) {
        if (lk_settings[i].flag == NULL && names_variable(flag, lk_settings[i].variable))
            return lk_fail(err, LK_ERROR_CONFIG,
                           "--%.*s is no flag, since command lines are public: set %s in the "
                           "environment or a file",
                           LK_STR_ARG(flag), lk_settings[i].variable);
    }
    near = lk_nearest(flag, flag_name, NULL);
    if (near != NULL && near[0] != '\0')
        return lk_fail(err, LK_ERROR_CONFIG, "unknown flag --%.*s; did you mean --%s?",
                       LK_STR_ARG(flag), near);
    return lk_fail(err, LK_ERROR_CONFIG, "unknown flag --%.*s; --help lists them",
                   LK_STR_ARG(flag));
}

static bool take_command(const char *word, struct lk_cli *cli)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(word, commands[i].word) == 0)
            return cli->command = commands[i].command, true;
    }
    if (strcmp(word, "-h") == 0)
        return cli->command = LK_COMMAND_HELP, true;
    return false;
}

/* "no-verify-ssl" to "verify-ssl"; false when the rest is no boolean flag. */
static bool cut_no(struct lk_str *flag)
{
    struct lk_str rest;
    int index;

    if (!lk_str_starts(*flag, LK_STR("no-")))
        return false;
    rest = lk_str_n(flag->ptr + 3, flag->len - 3);
    index = flag_index(rest);
    if (index < 0 || lk_settings[index].kind != LK_SETTING_BOOLEAN)
        return false;
    return *flag = rest, true;
}

/* The value of `--flag` when none was joined to it. A boolean flag takes the next word only if it
 * reads as a boolean. */
static const char *next_value(int argc, char *const *argv, int *at, bool boolean)
{
    const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;
    bool value;

    if (boolean && (next == NULL || !lk_setting_boolean(lk_str(next), &value)))
        return "true";
    *at += next != NULL;
    return next;
}

/* One `--flag[=value]`; *at is moved past the value when it is the next word. */
static bool take_flag(int argc, char *const *argv, int *at, struct lk_cli *cli,
                      struct lk_error *err)
{
    const char *word = argv[*at] + 2;
    const char *equals = strchr(word, '=');
    struct lk_str flag = equals != NULL ? lk_str_n(word, (size_t)(equals - word)) : lk_str(word);
    bool env_file = lk_str_eq(flag, LK_STR("env-file"));
    bool no = cut_no(&flag);
    int index = flag_index(flag);
    const char *value = equals != NULL ? equals + 1 : no ? "false" : NULL;
    bool boolean = index >= 0 && lk_settings[index].kind == LK_SETTING_BOOLEAN;

    if (index < 0 && !env_file)
        return fail_flag(flag, err);
    if (no && equals != NULL)
        return lk_fail(err, LK_ERROR_CONFIG, "--no-%.*s takes no value", LK_STR_ARG(flag));
    if (value == NULL)
        value = next_value(argc, argv, at, boolean);
    if (value == NULL || value[0] == '\0')
        return lk_fail(err, LK_ERROR_CONFIG, "--%.*s needs a value", LK_STR_ARG(flag));
    if (env_file)
        cli->env_file = value;
    else
        cli->texts[index] = (struct lk_setting_text){lk_str(value), "command line"};
    return true;
}

/* call TOOL ['JSON'|-] */
static bool take_word(const char *word, struct lk_cli *cli, struct lk_error *err)
{
    if (cli->command != LK_COMMAND_CALL && strcmp(word, "call") == 0)
        return cli->command = LK_COMMAND_CALL, true;
    if (cli->command == LK_COMMAND_CALL && cli->call_tool == NULL)
        return cli->call_tool = word, true;
    if (cli->command == LK_COMMAND_CALL && cli->call_arguments == NULL)
        return cli->call_arguments = word, true;
    return lk_fail(err, LK_ERROR_CONFIG, "unexpected word \"%s\"; --help shows the usage", word);
}

bool lk_cli_parse(int argc, char *const *argv, struct lk_cli *cli, struct lk_error *err)
{
    for (int i = 1; i < argc; i++) {
        bool ok = take_command(argv[i], cli) ||
                  (strncmp(argv[i], "--", 2) == 0 ? take_flag(argc, argv, &i, cli, err)
                                                  : take_word(argv[i], cli, err));

        if (!ok)
            return false;
    }
    if (cli->command == LK_COMMAND_CALL && cli->call_tool == NULL)
        return lk_fail(err, LK_ERROR_CONFIG,
                       "call needs a tool's name: looker-mcp-server call TOOL ['JSON'|-]");
    return true;
}

void lk_config_help(FILE *out)
{
    fprintf(out,
            "looker-mcp-server %s: Looker over the Model Context Protocol\n\n"
            "Usage:\n"
            "  looker-mcp-server [FLAGS]                      serve MCP over stdio\n"
            "  looker-mcp-server --transport streamable-http  serve MCP over HTTP at /mcp\n"
            "  looker-mcp-server call TOOL ['JSON'|-]         run one tool and print its answer\n\n"
            "Commands:\n",
            LK_VERSION);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-22s %s\n", commands[i].word, commands[i].help);
    fprintf(out, "\nSettings (flag, variable; flags > environment > .env > LOOKERSDK_* and "
                 "looker.ini > default):\n");
    for (size_t i = 0; i < lk_n_settings; i++) {
        const struct lk_setting *s = &lk_settings[i];

        fprintf(out, "  %s%-22s %s\n      %s", s->flag != NULL ? "--" : "  ",
                s->flag != NULL ? s->flag : "(no flag)", s->variable, s->help);
        if (s->choices != NULL)
            fprintf(out, " [%s]", s->choices);
        if (s->default_text != NULL)
            fprintf(out, " (default: %s)", s->default_text);
        fputc('\n', out);
    }
    fprintf(out,
            "  --env-file               file to read instead of .env; /dev/null: none\n\n"
            "A flag of true or false alone means true; --no-NAME means false.\n\n"
            "Exit status: 0 success; 1 failure at run time (a verdict of --check, an error "
            "answered to call);\n2 wrong usage or settings; 128 + n: signal n ended a call.\n");
}
