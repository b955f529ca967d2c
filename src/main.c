/*
 * looker-mcp-server: reads the settings and does what was asked for.
 */
#include "commands.h"
#include "config.h"
#include "serve.h"
#include "toolset.h"
#include "worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

/* One line, whatever was in the setting that it quotes. */
static int fail(struct lk_error *error)
{
    for (char *c = error->message; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    fprintf(stderr, "looker-mcp-server: %s%s%s\n", error->message,
            error->detail[0] != '\0' ? ": " : "", error->detail);
    return error->kind == LK_ERROR_CONFIG ? LK_EXIT_USAGE : LK_EXIT_FAILURE;
}

static int serve(struct lk_shared *shared)
{
    struct lk_error error = {0};

    for (const char *const *warning = shared->config->warnings; *warning != NULL; warning++)
        lk_log_warning(&shared->log, "config.warning", lk_log_text("message", *warning));
    return lk_serve(shared, &error) ? LK_EXIT_OK : fail(&error);
}

/* `call` and --check: one worker, no client. */
static int command(struct lk_shared *shared)
{
    struct lk_error error = {0};
    struct lk_worker worker;
    int status;

    if (!lk_worker_init(&worker, shared, &error))
        return fail(&error);
    status = shared->config->command == LK_COMMAND_CALL ? lk_command_call(&worker, shared->toolset)
                                                        : lk_command_check(&worker);
    lk_worker_clean_up(&worker);
    return status;
}

static int run(struct lk_arena *arena, const struct lk_config *config)
{
    bool call = config->command == LK_COMMAND_CALL;
    struct lk_str groups = call && config->groups.len == 0 ? LK_STR("all") : config->groups;
    struct lk_toolset toolset;
    struct lk_shared shared;
    struct lk_error error = {0};
    int status;

    if (!lk_toolset_select(arena, groups, &toolset, &error))
        return fail(&error);
    if (config->command == LK_COMMAND_LIST_TOOLS)
        return lk_command_list_tools(&toolset);
    signal(SIGPIPE, SIG_IGN);
    if (!lk_shared_init(&shared, config, &toolset, lk_serve_workers(config), &error))
        return fail(&error);
    status = config->command == LK_COMMAND_SERVE ? serve(&shared) : command(&shared);
    lk_shared_clean_up(&shared);
    return status;
}

/* Started with a standard stream closed, the next file or socket would get its number, and be read
 * as MCP or written to as a log. */
static void fill_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* The secrets are in memory, and in the environment besides: no core dump has them, and no other
 * process of the same user reads them, a debugger among them. */
static void hide_memory(bool hide)
{
    (void)prctl(PR_SET_DUMPABLE, hide ? 0 : 1);
}

int main(int argc, char **argv)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_config config;
    struct lk_error error = {0};
    int status = LK_EXIT_OK;

    hide_memory(true);
    fill_standard_streams();
    if (!lk_config_load(arena, argc, argv, environ, &config, &error)) {
        status = fail(&error);
    } else if (config.command == LK_COMMAND_HELP) {
        lk_config_help(stdout);
    } else if (config.command == LK_COMMAND_VERSION) {
        printf("looker-mcp-server %s\n", LK_VERSION);
    } else {
        hide_memory(!config.core_dumps);
        status = run(arena, &config);
    }
    lk_arena_free(arena);
    return status;
}
