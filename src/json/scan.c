/*
 * Reading checked JSON in place (json/scan.h). Called by whoever looks into an answer of Looker's
 * without decoding it into a struct.
 */
#include "json/scan.h"

#include "json/skip.h"

enum lk_json_type lk_json_type(struct lk_str value)
{
    const char *end = lk_str_end(value);
    const char *at = lk_json_skip_space(value.ptr, end);

    if (at == end)
        return LK_JSON_INVALID;
    switch (*at) {
    case '{':
        return LK_JSON_OBJECT;
    case '[':
        return LK_JSON_ARRAY;
    case '"':
        return LK_JSON_STRING;
    case 't':
    case 'f':
        return LK_JSON_BOOLEAN;
    case 'n':
        return LK_JSON_NULL;
    default:
        return *at == '-' || (*at >= '0' && *at <= '9') ? LK_JSON_NUMBER : LK_JSON_INVALID;
    }
}

struct lk_json_iter lk_json_iter(struct lk_str value)
{
    struct lk_json_iter it = {.end = lk_str_end(value)};

    it.at = lk_json_skip_space(value.ptr, it.end);
    if (it.at == it.end || (*it.at != '{' && *it.at != '['))
        return (struct lk_json_iter){0};
    it.object = *it.at == '{';
    it.at++;
    return it;
}

bool lk_json_next(struct lk_json_iter *it, struct lk_str *ret_key, struct lk_str *ret_value)
{
    struct lk_str key = {0};
    const char *at = lk_json_skip_comma(it->at, it->end);

    if (at == it->end || *at == '}' || *at == ']') {
        it->at = it->end;
        return false;
    }
    if (it->object)
        at = lk_json_read_key(at, it->end, &key);
    it->at = lk_json_skip_value(at, it->end);
    if (ret_key != NULL)
        *ret_key = key;
    if (ret_value != NULL)
        *ret_value = lk_str_n(at, (size_t)(it->at - at));
    return true;
}

/* The key as a string value; its quotes stand around it in the text. */
static struct lk_str with_quotes(struct lk_str key)
{
    return lk_str_n(key.ptr - 1, key.len + 2);
}

bool lk_json_key_eq(struct lk_str key, struct lk_str name)
{
    if (key.len <= name.len) /* an escape is longer than what it stands for */
        return lk_str_eq(key, name) && !lk_json_key_escaped(key);
    return lk_json_key_escaped(key) && lk_json_string_eq(with_quotes(key), name);
}

struct lk_str lk_json_decode_key(struct lk_arena *arena, struct lk_str key)
{
    return lk_json_decode_string(arena, with_quotes(key));
}

bool lk_json_get(struct lk_str object, struct lk_str key, struct lk_str *ret_value)
{
    struct lk_json_iter it = lk_json_iter(object);
    struct lk_str name, value;

    if (!it.object)
        return false;
    while (lk_json_next(&it, &name, &value)) {
        if (lk_json_key_eq(name, key)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

bool lk_json_get_path(struct lk_str object, const char *const *path, struct lk_str *ret_value)
{
    for (; *path != NULL; path++) {
        if (!lk_json_get(object, lk_str(*path), &object))
            return false;
    }
    *ret_value = object;
    return true;
}

size_t lk_json_count(struct lk_str value)
{
    struct lk_json_iter it = lk_json_iter(value);
    size_t n = 0;

    while (lk_json_next(&it, NULL, NULL))
        n++;
    return n;
}

/* The text between the quotes, or false when it is no string. */
static bool string_inside(struct lk_str value, struct lk_str *ret_inside)
{
    value = lk_str_trim(value);
    if (value.len < 2 || value.ptr[0] != '"')
        return false;
    *ret_inside = lk_str_n(value.ptr + 1, value.len - 2);
    return true;
}

struct lk_str lk_json_decode_string(struct lk_arena *arena, struct lk_str value)
{
    struct lk_str inside;
    char out[4];
    size_t n, len = 0;

    if (!string_inside(value, &inside))
        return (struct lk_str){0};
    if (inside.len == 0 || memchr(inside.ptr, '\\', inside.len) == NULL)
        return inside;

    /* Decoding never makes a string longer. */
    char *text = lk_arena_alloc(arena, inside.len + 1);
    const char *end = lk_str_end(inside);
    for (const char *at = inside.ptr; at < end;) {
        at = lk_json_decode_char(at, end, out, &n);
        memcpy(text + len, out, n);
        len += n;
    }
    return lk_str_n(text, len);
}

bool lk_json_string_eq(struct lk_str value, struct lk_str text)
{
    struct lk_str inside;
    char out[4];
    size_t n, len = 0;

    if (!string_inside(value, &inside))
        return false;
    const char *end = lk_str_end(inside);
    for (const char *at = inside.ptr; at < end; len += n) {
        at = lk_json_decode_char(at, end, out, &n);
        if (n > text.len - len || memcmp(text.ptr + len, out, n) != 0)
            return false;
    }
    return len == text.len;
}

size_t lk_json_string_length(struct lk_str value)
{
    struct lk_str inside;
    char out[4];
    size_t n, len = 0;

    if (!string_inside(value, &inside))
        return 0;
    const char *end = lk_str_end(inside);
    for (const char *at = inside.ptr; at < end; len += n)
        at = lk_json_decode_char(at, end, out, &n);
    return len;
}

struct lk_str lk_json_get_string(struct lk_arena *arena, struct lk_str object, struct lk_str key)
{
    struct lk_str value;

    if (!lk_json_get(object, key, &value))
        return (struct lk_str){0};
    return lk_json_decode_string(arena, value);
}

bool lk_json_is_true(struct lk_str value)
{
    return lk_str_eq(lk_str_trim(value), LK_STR("true"));
}

bool lk_json_integer(struct lk_str value, int64_t *ret_integer)
{
    value = lk_str_trim(value);
    bool negative = value.len > 0 && value.ptr[0] == '-';
    size_t i = negative ? 1 : 0;
    int64_t integer = 0;

    if (i == value.len)
        return false;
    for (; i < value.len; i++) {
        int digit = value.ptr[i] - '0';
        /* Summed up below zero, where one more fits. */
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(integer, (int64_t)10, &integer) ||
            __builtin_sub_overflow(integer, (int64_t)digit, &integer))
            return false;
    }
    if (!negative && __builtin_sub_overflow((int64_t)0, integer, &integer))
        return false;
    *ret_integer = integer;
    return true;
}
