/*
 * The table of settings, one row each: its variable, its flag, how its text is read and where the
 * value goes. src/config.c walks it to load, src/cli.c to print --help; README's table is checked
 * against it by a test.
 */
#ifndef LK_SETTINGS_H
#define LK_SETTINGS_H

#include "config.h"

enum lk_setting_kind {
    LK_SETTING_TEXT,
    LK_SETTING_SECRET,  /* text that is never printed; no flag, since command lines are public */
    LK_SETTING_FILE,    /* text; the file must be readable */
    LK_SETTING_HEADER,  /* the name of an HTTP header, LK_MAX_HEADER_NAME bytes at most */
    LK_SETTING_URL,     /* http(s)://host[:port][/path] */
    LK_SETTING_ORIGINS, /* scheme://host[:port], comma-separated; a slash at the end is cut off */
    LK_SETTING_HOSTS,   /* host names without scheme or port, comma-separated */
    LK_SETTING_CHOICE,  /* one of `choices` */
    LK_SETTING_BOOLEAN,
    LK_SETTING_INTEGER, /* min..max */
    LK_SETTING_SECONDS, /* min..max, fractions allowed; stored as milliseconds */
    LK_SETTING_LOG_LEVEL,
};

#define LK_NO_OFFSET ((size_t)-1)
#define LK_MAX_HEADER_NAME 100

struct lk_setting {
    const char *variable; /* LOOKER_… */
    const char *flag;     /* without the dashes; NULL: none */
    enum lk_setting_kind kind;
    size_t offset;            /* in struct lk_config; LK_NO_OFFSET: used by the loader only */
    const char *default_text; /* NULL: empty */
    const char *sdk_name; /* what LOOKERSDK_… and looker.ini call it; NULL: they do not have it */
    const char *choices;  /* "a|b", for LK_SETTING_CHOICE */
    double min, max;
    const char *help;
};

extern const struct lk_setting lk_settings[];
extern const size_t lk_n_settings;

/* A row's index by variable, or -1. */
int lk_setting_index(struct lk_str variable);

/* Where a text came from, for messages. */
struct lk_setting_text {
    struct lk_str text;
    const char *source; /* "environment", ".env line 3", "--port", NULL: not given */
};

/* Stores what the text means at `value`, which may be NULL for kinds that are texts. Otherwise
 * LK_ERROR_CONFIG: what was expected, what there was; secrets are not quoted. */
bool lk_setting_read(struct lk_arena *arena, const struct lk_setting *setting,
                     const struct lk_setting_text *text, void *value, struct lk_error *err);

/* http(s)://host[:port][/path]; no credentials, query or fragment. */
bool lk_setting_is_url(struct lk_str text);

/* true/1/yes/on or false/0/no/off, any case; false when the text is none of them. */
bool lk_setting_boolean(struct lk_str text, bool *ret_value);

/*
 * Calls found(arg, name, value, source) for each LOOKER_…=VALUE of a .env file (comments, `export`,
 * and quotes as shells and dotenv have them) or each key of the [Looker] section of a looker.ini.
 * Everything else in the file is other programs' and may have any form; a value of theirs in quotes
 * may span lines. A missing file, or a directory of that name, is no error unless `required`.
 * LK_ERROR_CONFIG names file and line.
 */
typedef bool lk_setting_found(void *arg, struct lk_str name, struct lk_str value,
                              const char *source, struct lk_error *err);
bool lk_settings_read_env_file(struct lk_arena *arena, const char *path, bool required,
                               lk_setting_found *found, void *arg, struct lk_error *err);
bool lk_settings_read_ini_file(struct lk_arena *arena, const char *path, lk_setting_found *found,
                               void *arg, struct lk_error *err);

/* A whole small file; LK_ERROR_CONFIG when it cannot be read or is larger than max_bytes. */
bool lk_settings_read_file(struct lk_arena *arena, const char *path, size_t max_bytes,
                           struct lk_str *ret_text, struct lk_error *err);

#endif
