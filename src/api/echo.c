/*
 * Secrets of a request in its answer (echo.h). Called by api/exchange.c for failing answers. Names
 * decide rather than the tables' writeOnly, since not every secret is declared so.
 */
#include "api/echo.h"

#include "json/scan.h"

#include <string.h>

#define MIN_SECRET_BYTES 4

static bool contains(struct lk_str text, struct lk_str part)
{
    return part.len >= MIN_SECRET_BYTES && text.len >= part.len &&
           memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What four hex digits at `at` mean, or -1. */
static int code_unit(const char *at, const char *end)
{
    int code = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);

        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

static size_t put_utf8(char *out, unsigned code)
{
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char heads[] = {0, 0, 0xC0, 0xE0, 0xF0};

    for (size_t i = len - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(heads[len] | code);
    return len;
}

/* The bytes of the \u escape, or of two that are one character, at `at`; 0 when there is none. */
static size_t take_code(const char *at, const char *end, char *out, size_t *len)
{
    int code = end - at > 5 && at[0] == '\\' && at[1] == 'u' ? code_unit(at + 2, end) : -1;
    int low = -1;

    if (code < 0)
        return 0;
    if (code >= 0xD800 && code < 0xDC00 && end - at > 11 && at[6] == '\\' && at[7] == 'u')
        low = code_unit(at + 8, end);
    if (low >= 0xDC00 && low < 0xE000)
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    *len += put_utf8(out + *len, (unsigned)code);
    return code >= 0x10000 ? 12 : 6;
}

/* The text with JSON's escapes replaced, wherever they stand: it may be JSON, or have some in it.
 */
static struct lk_str unescape(struct lk_arena *arena, struct lk_str text)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *at = text.ptr, *end = lk_str_end(text), *letter;
    char *out = lk_arena_alloc(arena, text.len);
    size_t len = 0, taken;

    while (at < end) {
        taken = take_code(at, end, out, &len);
        if (taken == 0 && end - at > 1 && at[0] == '\\' && at[1] != '\0' &&
            (letter = strchr(letters, at[1])) != NULL) {
            out[len++] = meant[letter - letters];
            taken = 2;
        } else if (taken == 0) {
            out[len++] = *at;
            taken = 1;
        }
        at += taken;
    }
    return lk_str_n(out, len);
}

/* A text as it is, and as a reader of JSON, and of JSON in JSON, sees it. */
struct readings {
    struct lk_str texts[3];
};

static struct readings read_in_all_ways(struct lk_arena *arena, struct lk_str text)
{
    struct readings readings = {.texts = {text}};

    for (int i = 1; i < 3; i++)
        readings.texts[i] = unescape(arena, readings.texts[i - 1]);
    return readings;
}

static bool repeats(const struct readings *readings, struct lk_str secret)
{
    for (int i = 0; i < 3; i++) {
        if (contains(readings->texts[i], secret))
            return true;
    }
    return false;
}

static bool names_secret(struct lk_str name)
{
    static const struct lk_str words[] = {LK_STR_INIT("password"), LK_STR_INIT("secret"),
                                          LK_STR_INIT("token"), LK_STR_INIT("certificate")};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (contains(name, words[i]))
            return true;
    }
    return false;
}

/* As deep as JSON is allowed to be. */
static bool echoes_member(struct lk_arena *arena, struct lk_str json, bool secret,
                          const struct readings *text)
{
    struct lk_json_iter it;
    struct lk_str key, value;

    if (lk_json_type(json) == LK_JSON_STRING)
        return secret && repeats(text, lk_json_decode_string(arena, json));
    it = lk_json_iter(json);
    while (lk_json_next(&it, &key, &value)) {
        bool named = key.len > 0 && names_secret(lk_json_decode_key(arena, key));

        if (echoes_member(arena, value, secret || named, text))
            return true;
    }
    return false;
}

static struct lk_str percent_decode(struct lk_arena *arena, struct lk_str value)
{
    char *out = lk_arena_alloc(arena, value.len);
    size_t len = 0;

    for (size_t i = 0; i < value.len; i++) {
        int high = value.len - i > 2 ? hex_digit(value.ptr[i + 1]) : -1;
        int low = value.len - i > 2 ? hex_digit(value.ptr[i + 2]) : -1;

        if (value.ptr[i] == '%' && high >= 0 && low >= 0) {
            out[len++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[len++] = value.ptr[i];
        }
    }
    return lk_str_n(out, len);
}

static bool echoes_field(struct lk_arena *arena, struct lk_str form, const struct readings *text)
{
    while (form.len > 0) {
        struct lk_str value = lk_str_take(&form, '&');
        struct lk_str name = lk_str_take(&value, '=');

        if (names_secret(name) &&
            (repeats(text, value) || repeats(text, percent_decode(arena, value))))
            return true;
    }
    return false;
}

bool lk_echoes_secret(struct lk_arena *arena, struct lk_str body, bool form, struct lk_str text)
{
    struct readings readings;

    if (body.len == 0 || text.len == 0)
        return false;
    readings = read_in_all_ways(arena, text);
    return form ? echoes_field(arena, body, &readings)
                : echoes_member(arena, body, false, &readings);
}
