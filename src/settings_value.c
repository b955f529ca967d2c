/*
 * Reads the text of one setting as its row says: what is legal, and what is said of what is not.
 * Knows nothing of where texts come from; src/config.c calls it for every row.
 */
#include "settings.h"

#include "base/buf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

bool lk_setting_boolean(struct lk_str text, bool *ret_value)
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

/* name, address or [IPv6 address] */
static bool is_host(struct lk_str text)
{
    if (text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
        return consists_of(lk_str_n(text.ptr + 1, text.len - 2), ":.");
    return consists_of(text, "-._");
}

/* a host, and perhaps a port */
static bool is_authority(struct lk_str text)
{
    bool bracket = text.len > 0 && text.ptr[0] == '[';
    const char *end = text.len > 0 ? memchr(text.ptr, bracket ? ']' : ':', text.len) : NULL;
    size_t host = end != NULL ? (size_t)(end - text.ptr) + bracket : text.len;
    struct lk_str port = {text.ptr + host, text.len - host};
    double number;

    if (!is_host(lk_str_n(text.ptr, host)))
        return false;
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

bool lk_setting_is_url(struct lk_str text)
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

/* scheme://host[:port], which is what a browser sends. */
static bool is_origin(struct lk_str text)
{
    const char *colon = text.len > 0 ? memchr(text.ptr, ':', text.len) : NULL;
    size_t scheme = colon != NULL ? (size_t)(colon - text.ptr) : 0;
    struct lk_str rest = {text.ptr + scheme, text.len - scheme};

    return scheme > 0 && consists_of(lk_str_n(text.ptr, scheme), "+-.") &&
           lk_str_starts(rest, LK_STR("://")) && is_authority(lk_str_n(rest.ptr + 3, rest.len - 3));
}

/* A list as it will be compared with: without blanks, empty entries and slashes at the end. An
 * entry that could never match would lock everybody out in silence. */
static bool read_list(struct lk_arena *arena, const struct lk_setting *setting,
                      const struct lk_setting_text *text, struct lk_str *ret_list,
                      struct lk_error *err)
{
    bool origins = setting->kind == LK_SETTING_ORIGINS;
    struct lk_str rest = text->text;
    struct lk_buf list;
    bool ok = true;

    lk_buf_init(&list, text->text.len + 1);
    while (ok && rest.len > 0) {
        struct lk_setting_text entry = {lk_str_trim(lk_str_take(&rest, ',')), text->source};

        if (entry.text.len == 0)
            continue;
        if (origins && entry.text.ptr[entry.text.len - 1] == '/')
            entry.text.len--;
        ok = origins ? is_origin(entry.text) || fail_setting(setting, &entry,
                                                             "origins such as "
                                                             "https://chat.example.com (scheme, "
                                                             "host, perhaps a port)",
                                                             err)
                     : is_host(entry.text) || fail_setting(setting, &entry,
                                                           "host names such as "
                                                           "looker.example.com (no scheme, port "
                                                           "or path)",
                                                           err);
        lk_buf_printf(&list, "%s%.*s", list.len > 0 ? "," : "", LK_STR_ARG(entry.text));
    }
    if (ok)
        *ret_list = lk_arena_str(arena, lk_buf_view(&list));
    lk_buf_free(&list);
    return ok;
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

bool lk_setting_read(struct lk_arena *arena, const struct lk_setting *setting,
                     const struct lk_setting_text *text, void *value, struct lk_error *err)
{
    char expected[160];
    double number = 0;

    switch (setting->kind) {
    case LK_SETTING_BOOLEAN:
        return lk_setting_boolean(text->text, value) ||
               fail_setting(setting, text, "true or false", err);
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
        if (!lk_setting_is_url(text->text))
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
        if (access(lk_arena_cstr(arena, text->text), R_OK) != 0)
            return fail_setting(setting, text, "a file that can be read", err);
        break;
    case LK_SETTING_ORIGINS:
    case LK_SETTING_HOSTS:
        return read_list(arena, setting, text, value, err);
    case LK_SETTING_TEXT:
    case LK_SETTING_SECRET:
        break;
    }
    if (value != NULL)
        *(struct lk_str *)value = lk_arena_str(arena, text->text);
    return true;
}
