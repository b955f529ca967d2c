/*
 * Secrets of a request in its answer (echo.h). Called by api/exchange.c for failing answers. Names
 * decide rather than the tables' writeOnly, since not every secret is declared so.
 */
#include "api/echo.h"

#include "base/escape.h"
#include "json/scan.h"

#include <string.h>

#define MIN_SECRET_BYTES 4

static bool contains(struct lk_str text, struct lk_str part)
{
    return part.len >= MIN_SECRET_BYTES && text.len >= part.len &&
           memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
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

/* A string's text between its quotes is its value JSON-escaped. A request that is shown as a string
 * of the answer has it escaped twice. */
static bool echoes_string(struct lk_arena *arena, struct lk_str value, struct lk_str text)
{
    struct lk_str escaped = {0};
    struct lk_buf twice;
    bool found;

    if (value.len > 2)
        escaped = lk_str_n(value.ptr + 1, value.len - 2);
    if (contains(text, escaped))
        return true;
    if (!lk_json_key_escaped(escaped))
        return false;
    lk_buf_init(&twice, escaped.len * 2);
    lk_escape_json(&twice, escaped);
    found =
        contains(text, lk_json_decode_string(arena, value)) || contains(text, lk_buf_view(&twice));
    lk_buf_free(&twice);
    return found;
}

/* As deep as JSON is allowed to be. */
static bool echoes_member(struct lk_arena *arena, struct lk_str json, bool secret,
                          struct lk_str text)
{
    struct lk_json_iter it;
    struct lk_str key, value;

    if (lk_json_type(json) == LK_JSON_STRING)
        return secret && echoes_string(arena, json, text);
    it = lk_json_iter(json);
    while (lk_json_next(&it, &key, &value)) {
        bool named = key.len > 0 && names_secret(lk_json_decode_key(arena, key));

        if (echoes_member(arena, value, secret || named, text))
            return true;
    }
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
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

static bool echoes_field(struct lk_arena *arena, struct lk_str form, struct lk_str text)
{
    while (form.len > 0) {
        struct lk_str value = lk_str_take(&form, '&');
        struct lk_str name = lk_str_take(&value, '=');

        if (names_secret(name) &&
            (contains(text, value) || contains(text, percent_decode(arena, value))))
            return true;
    }
    return false;
}

bool lk_echoes_secret(struct lk_arena *arena, struct lk_str body, bool form, struct lk_str text)
{
    if (body.len == 0 || text.len == 0)
        return false;
    return form ? echoes_field(arena, body, text) : echoes_member(arena, body, false, text);
}
