/*
 * Reading JSON in place. lk_json_check walks a text once and says whether it is strict RFC 8259
 * JSON within limits; after that the other functions step through it without checking again,
 * without recursion and without copies: a value is the slice of the text that it occupies.
 *
 * This is how Looker's answers are read (forwarded, projected, counted). What is taken apart piece
 * by piece, the arguments of tools, becomes a cJSON tree (json/tree.h) instead.
 */
#ifndef LK_JSON_SCAN_H
#define LK_JSON_SCAN_H

#include "base/arena.h"
#include "base/error.h"

#include <stdint.h>

#define LK_JSON_MAX_DEPTH 64

enum lk_json_type {
    LK_JSON_INVALID = 0,
    LK_JSON_NULL,
    LK_JSON_BOOLEAN,
    LK_JSON_NUMBER,
    LK_JSON_STRING,
    LK_JSON_ARRAY,
    LK_JSON_OBJECT,
};

enum lk_json_check_flag {
    LK_JSON_REFUSE_NUL = 1 << 0,     /* the escape \u0000, which C strings would cut at */
    LK_JSON_REFUSE_INEXACT = 1 << 1, /* what cJSON would change: integers beyond +-2^53, numbers
                                        that are infinite as doubles or longer than 63 characters */
};

/*
 * Checks grammar, UTF-8 (raw and in \u escapes: no lone surrogates), nesting (at most max_depth
 * open containers) and that nothing but white space follows. Does not recurse; O(n); allocates
 * nothing. Errors: LK_ERROR_LIMIT for nesting, LK_ERROR_PARSE for all else, with the byte offset.
 */
bool lk_json_check(struct lk_str text, unsigned max_depth, unsigned flags, struct lk_error *err);

/* ---- of checked text only ---- */

/* By the first character that is not white space. */
enum lk_json_type lk_json_type(struct lk_str value);

/*
 * Steps through the members of an object or the items of an array:
 *
 *     struct lk_json_iter it = lk_json_iter(value);
 *     while (lk_json_next(&it, &key, &item)) …
 *
 * `key` is the raw text between the quotes (escapes not decoded; empty for array items); either
 * pointer may be NULL. Anything but an object or array has no items.
 */
struct lk_json_iter {
    const char *at, *end;
    bool object;
};
struct lk_json_iter lk_json_iter(struct lk_str value);
bool lk_json_next(struct lk_json_iter *it, struct lk_str *ret_key, struct lk_str *ret_value);

/* Whether a key of lk_json_next is that name, escapes decoded: many encoders write "/" as "\/". */
bool lk_json_key_eq(struct lk_str key, struct lk_str name);
/* Such a key decoded. Without escapes the result points into the text. */
struct lk_str lk_json_decode_key(struct lk_arena *arena, struct lk_str key);
/* Whether it has escapes; if not, it may be compared as it is. */
static inline bool lk_json_key_escaped(struct lk_str key)
{
    return key.len > 0 && memchr(key.ptr, '\\', key.len) != NULL;
}
/* The member of that name, or false. The first one wins. */
bool lk_json_get(struct lk_str object, struct lk_str key, struct lk_str *ret_value);
/* Follows NULL-terminated member names. */
bool lk_json_get_path(struct lk_str object, const char *const *path, struct lk_str *ret_value);

size_t lk_json_count(struct lk_str value);

/* Decodes a string value (with its quotes). Without escapes the result points into the text. */
struct lk_str lk_json_decode_string(struct lk_arena *arena, struct lk_str value);
/* Whether a string value, decoded, is `text`; and how many bytes it has decoded (0 when it is no
 * string). Neither allocates. */
bool lk_json_string_eq(struct lk_str value, struct lk_str text);
size_t lk_json_string_length(struct lk_str value);
/* get + decode; empty when absent or no string. */
struct lk_str lk_json_get_string(struct lk_arena *arena, struct lk_str object, struct lk_str key);
/* Whether the value is the literal true. */
bool lk_json_is_true(struct lk_str value);
/* False when it is no number without fraction and exponent, or does not fit. */
bool lk_json_integer(struct lk_str value, int64_t *ret_integer);

#endif
