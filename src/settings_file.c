/*
 * Reads the two kinds of settings files: .env, and the looker.ini of Looker's SDKs. What a key
 * means is up to the caller (src/config.c).
 */
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE_BYTES ((size_t)64 * 1024)

bool lk_settings_read_file(struct lk_arena *arena, const char *path, size_t max_bytes,
                           struct lk_str *ret_text, struct lk_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char *text;
    size_t len = 0;
    ssize_t n = 0;

    if (fd < 0)
        return lk_fail(err, LK_ERROR_CONFIG, "cannot read %s: %s", path, strerror(errno));
    text = lk_arena_alloc(arena, max_bytes + 1);
    while (len <= max_bytes && (n = read(fd, text + len, max_bytes + 1 - len)) > 0)
        len += (size_t)n;
    if (n < 0)
        lk_fail(err, LK_ERROR_CONFIG, "cannot read %s: %s", path, strerror(errno));
    close(fd);
    if (n < 0)
        return false;
    if (len > max_bytes)
        return lk_fail(err, LK_ERROR_CONFIG, "%s is larger than %zu bytes", path, max_bytes);
    *ret_text = lk_str_n(text, len);
    if (lk_str_starts(*ret_text, LK_STR("\xEF\xBB\xBF"))) /* some editors on Windows begin so */
        *ret_text = lk_str_n(text + 3, len - 3);
    return true;
}

/* Cuts the next line off *text. False at the end. */
static bool next_line(struct lk_str *text, struct lk_str *ret_line)
{
    if (text->len == 0)
        return false;
    *ret_line = lk_str_trim(lk_str_take(text, '\n'));
    return true;
}

static bool split(struct lk_str line, char separator, struct lk_str *ret_name,
                  struct lk_str *ret_value)
{
    const char *at = memchr(line.ptr, separator, line.len);

    if (at == NULL)
        return false;
    *ret_name = lk_str_trim(lk_str_n(line.ptr, (size_t)(at - line.ptr)));
    *ret_value = lk_str_trim(lk_str_n(at + 1, line.len - (size_t)(at + 1 - line.ptr)));
    return ret_name->len > 0;
}

/* 'as it is', "with \" \\ \n escapes", or bare up to " #". False when a quote stays open. */
static bool unquote(struct lk_arena *arena, struct lk_str *value)
{
    char quote = value->len > 0 ? value->ptr[0] : '\0';
    char *out;
    size_t n = 0, i;

    if (quote != '"' && quote != '\'') {
        for (i = 1; i < value->len; i++) {
            if (value->ptr[i] == '#' && (value->ptr[i - 1] == ' ' || value->ptr[i - 1] == '\t'))
                value->len = i;
        }
        if (quote == '#')
            value->len = 0;
        *value = lk_str_trim(*value);
        return true;
    }
    out = lk_arena_alloc(arena, value->len + 1);
    for (i = 1; i < value->len && value->ptr[i] != quote; i++) {
        char c = value->ptr[i];

        if (quote == '"' && c == '\\' && i + 1 < value->len) {
            c = value->ptr[++i];
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        out[n++] = c;
    }
    if (i == value->len)
        return false;
    *value = lk_str_n(out, n);
    return true;
}

/* The quote that ends the value, or NULL; \" does not end one in double quotes. */
static const char *closing_quote(struct lk_str text, char quote)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\' && quote == '"')
            i++;
        else if (text.ptr[i] == quote)
            return text.ptr + i;
    }
    return NULL;
}

/* Other programs' line: when its value opens a quote that a later line of *text closes, and ends
 * with, takes all up to there off *text. Answers the number of lines taken. */
static unsigned skip_value(struct lk_str line, struct lk_str *text)
{
    struct lk_str name, value, rest = *text, last;
    const char *end;
    unsigned n = 0;

    if (line.len == 0 || line.ptr[0] == '#' || !split(line, '=', &name, &value) || value.len == 0 ||
        memchr("\"'`", value.ptr[0], 3) == NULL ||
        closing_quote(lk_str_n(value.ptr + 1, value.len - 1), value.ptr[0]) != NULL)
        return 0;
    end = closing_quote(*text, value.ptr[0]);
    while (end != NULL && rest.ptr <= end && next_line(&rest, &last))
        n++;
    if (n == 0)
        return 0;
    last = lk_str_trim(lk_str_n(end + 1, (size_t)(last.ptr + last.len - (end + 1))));
    if (last.len > 0 && last.ptr[0] != '#')
        return 0; /* that quote opens or closes something else: a line such as A='tis */
    *text = rest;
    return n;
}

static const char *place(struct lk_arena *arena, const char *path, unsigned line)
{
    return lk_arena_printf(arena, "%s line %u", path, line).ptr;
}

/* One setting, its value still in quotes. */
static bool pass_on(struct lk_arena *arena, const char *place, struct lk_str name,
                    struct lk_str value, lk_setting_found *found, void *arg, struct lk_error *err)
{
    if (!unquote(arena, &value))
        return lk_fail(err, LK_ERROR_CONFIG, "%s: the quote after %.*s= is not closed", place,
                       LK_STR_ARG(name));
    return found(arg, name, value, place, err);
}

bool lk_settings_read_env_file(struct lk_arena *arena, const char *path, bool required,
                               lk_setting_found *found, void *arg, struct lk_error *err)
{
    struct lk_str text, line, name, value;
    struct stat status;

    if (!required && (stat(path, &status) != 0 || S_ISDIR(status.st_mode)))
        return true;
    if (!lk_settings_read_file(arena, path, MAX_FILE_BYTES, &text, err))
        return false;
    for (unsigned n = 1; next_line(&text, &line); n++) {
        if (lk_str_starts(line, LK_STR("export ")))
            line = lk_str_trim(lk_str_n(line.ptr + 7, line.len - 7));
        if (!lk_str_starts(line, LK_STR("LOOKER_"))) {
            n += skip_value(line, &text);
            continue;
        }
        if (!split(line, '=', &name, &value))
            return lk_fail(err, LK_ERROR_CONFIG, "%s: expected NAME=value", place(arena, path, n));
        if (!pass_on(arena, place(arena, path, n), name, value, found, arg, err))
            return false;
    }
    return true;
}

bool lk_settings_read_ini_file(struct lk_arena *arena, const char *path, lk_setting_found *found,
                               void *arg, struct lk_error *err)
{
    struct lk_str text, line, name, value;
    bool ours = false;

    if (access(path, F_OK) != 0)
        return true;
    if (!lk_settings_read_file(arena, path, MAX_FILE_BYTES, &text, err))
        return false;
    for (unsigned n = 1; next_line(&text, &line); n++) {
        if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';')
            continue;
        if (line.ptr[0] == '[') {
            ours = lk_str_ieq(line, LK_STR("[Looker]"));
            continue;
        }
        if (!ours)
            continue;
        if (!split(line, '=', &name, &value) && !split(line, ':', &name, &value))
            return lk_fail(err, LK_ERROR_CONFIG, "%s: expected name=value", place(arena, path, n));
        if (!pass_on(arena, place(arena, path, n), name, value, found, arg, err))
            return false;
    }
    return true;
}
