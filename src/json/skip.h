/*
 * Stepping over checked JSON, shared by the readers of this folder (scan, project, the codec). On
 * text that did not pass lk_json_check the results are meaningless, but nothing is read at or
 * beyond `end`.
 */
#ifndef LK_JSON_SKIP_H
#define LK_JSON_SKIP_H

#include "base/bytes.h"
#include "base/str.h"

static inline bool lk_json_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *lk_json_skip_space(const char *at, const char *end)
{
    while (at < end && lk_json_is_space(*at))
        at++;
    return at;
}

/* White space and commas: what stands between two members or items. */
static inline const char *lk_json_skip_comma(const char *at, const char *end)
{
    while (at < end && (lk_json_is_space(*at) || *at == ','))
        at++;
    return at;
}

/* The first quote or backslash, or end. */
const char *lk_json_find_quote(const char *at, const char *end);
/* The first quote or bracket of either kind, or end. */
const char *lk_json_find_structure(const char *at, const char *end);

/* at: behind the opening quote. Returns what follows the closing one. */
const char *lk_json_skip_string(const char *at, const char *end);

/* at: on the value's first character. Returns what follows the value. Does not recurse. */
const char *lk_json_skip_value(const char *at, const char *end);

/* at: inside a container, between values or on the start of one. Returns what follows the bracket
 * that closes it. */
const char *lk_json_skip_rest(const char *at, const char *end);

/* Reads `"key" :` at the quote. Returns where the value begins; the key comes without quotes. */
const char *lk_json_read_key(const char *at, const char *end, struct lk_str *ret_key);

/* ---- a value that comes in pieces, of any text: only its brackets and quotes are looked at ----
 */

struct lk_json_pass {
    size_t depth_;
    bool in_string_, escaped_, scalar_;
};

static inline bool lk_json_ends_scalar(char c)
{
    return lk_json_is_space(c) || c == ',' || c == ']' || c == '}';
}

/* A value that begins with that character, which has not been passed yet. */
struct lk_json_pass lk_json_pass_begin(char first);
/* The rest of an object or list that has been entered. */
struct lk_json_pass lk_json_pass_rest(void);

/* Returns what follows the value, or end when it goes on there: *ret_done says which. A number ends
 * only with the character behind it. */
const char *lk_json_pass(struct lk_json_pass *pass, const char *at, const char *end,
                         bool *ret_done);

/* Four hexadecimal digits; they must be there. */
bool lk_json_hex4(const char *at, unsigned *ret_code);

/* Decodes the character at `at` of a string's inside: an escape, or one byte that stands for
 * itself. Writes 1 to 4 bytes and their number; returns what follows. */
const char *lk_json_decode_char(const char *at, const char *end, char out[4], size_t *ret_len);

#endif
