/*
 * The command line: flags, a flag a setting, and what to do.
 */
#ifndef LK_CLI_H
#define LK_CLI_H

#include "settings.h"

struct lk_cli {
    enum lk_command command;
    const char *call_tool;
    const char *call_arguments;
    const char *env_file;          /* --env-file, or NULL */
    struct lk_setting_text *texts; /* in: one zeroed entry a setting; out: those that were given */
};

/* `--name value` and `--name=value`; a boolean flag alone means true, `--no-name` false.
 * LK_ERROR_CONFIG names the word that is wrong, and what was probably meant. */
bool lk_cli_parse(int argc, char *const *argv, struct lk_cli *cli, struct lk_error *err);

#endif
