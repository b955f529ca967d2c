/*
 * Length-carrying strings. Bytes are UTF-8 unless a declaration says otherwise and are not
 * NUL-terminated unless it says so: the terminator appears only at C-library borders
 * (lk_arena_cstr). A null ptr goes with len 0 and means the empty string.
 */
#ifndef LK_BASE_STR_H
#define LK_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct lk_str {
    const char *ptr;
    size_t len;
};

/* A string literal as lk_str, usable in expressions; LK_STR_INIT in static initialisers. */
#define LK_STR(literal) ((struct lk_str){("" literal), sizeof(literal) - 1})
#define LK_STR_INIT(literal)                                                                       \
    {                                                                                              \
        ("" literal), sizeof(literal) - 1                                                          \
    }

/* printf("%.*s", LK_STR_ARG(s)) */
#define LK_STR_ARG(s) ((int)(s).len), ((s).ptr != NULL ? (s).ptr : "")

static inline struct lk_str lk_str(const char *cstr)
{
    return (struct lk_str){cstr, cstr != NULL ? strlen(cstr) : 0};
}

static inline struct lk_str lk_str_n(const char *ptr, size_t len)
{
    return (struct lk_str){ptr, len};
}

/* Behind the last byte; NULL for a null string. */
static inline const char *lk_str_end(struct lk_str s)
{
    return s.len > 0 ? s.ptr + s.len : s.ptr;
}

static inline bool lk_str_eq(struct lk_str a, struct lk_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Of secrets, such as MACs: it takes as long wherever they differ. */
bool lk_str_eq_secret(struct lk_str a, struct lk_str b);

/* ASCII case is ignored, as for HTTP field names (RFC 9110 section 5.1). */
static inline bool lk_str_ieq(struct lk_str a, struct lk_str b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool lk_str_starts(struct lk_str s, struct lk_str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* Whether the part occurs in it, ASCII case ignored; an empty one does everywhere. */
bool lk_str_icontains(struct lk_str s, struct lk_str part);

/* Without leading and trailing spaces, tabs, CR and LF. */
struct lk_str lk_str_trim(struct lk_str s);

/* Takes what stands before the next separator, or all of it, off *rest, and the separator as well.
 * For a list: while (rest.len > 0). */
struct lk_str lk_str_take(struct lk_str *rest, char separator);

/* Whether every byte belongs to well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool lk_str_is_utf8(struct lk_str s);

/* How many bytes the well-formed UTF-8 character at `at` has: 1 to 4, or 0 when there is none. */
size_t lk_utf8_length(const char *at, const char *end);

/* The longest beginning of at most max_bytes that does not end inside a UTF-8 character. */
struct lk_str lk_str_cut(struct lk_str s, size_t max_bytes);

#endif
