/*
 * lk_json_check of json/scan.h: one walk over a text that comes from outside. Open containers are a
 * stack of bits, one for each level (object or array), so nothing recurses and 64 levels are the
 * most there can be. Strings, which are most of a document, go 16 bytes at a time
 * (base/bytes.h).
 *
 *         +------------------ ',' ----------------------+
 *         v                                             |
 *     begin_value -> scalar, empty container -> end_value -> depth 0: only white space is left
 *         |   ^                                  |    ^
 *         +---+ '{' key ':' or '['               +----+ '}' or ']'
 */
#include "base/bytes.h"
#include "json/scan.h"
#include "json/skip.h"

#include <math.h>
#include <stdlib.h>

/* cJSON reads numbers into a buffer of 64 bytes. */
#define MAX_NUMBER_LENGTH 63

struct checker {
    const char *start, *end;
    uint64_t objects; /* the lowest bit: is the innermost open container an object? */
    unsigned depth, max_depth;
    unsigned flags;
    struct lk_error *err;
};

/* All return where they stopped, or NULL after filling the error. */
static const char *fail(const struct checker *c, const char *at, const char *what)
{
    lk_fail(c->err, LK_ERROR_PARSE, "not JSON at byte %zu: %s", (size_t)(at - c->start), what);
    return NULL;
}

static const char *fail_expected(const struct checker *c, const char *at, const char *what)
{
    if (at < c->end)
        lk_fail(c->err, LK_ERROR_PARSE, "not JSON at byte %zu: expected %s",
                (size_t)(at - c->start), what);
    else
        lk_fail(c->err, LK_ERROR_PARSE, "not JSON at byte %zu: the text ends where %s is expected",
                (size_t)(at - c->start), what);
    return NULL;
}

static const char *check_literal(const struct checker *c, const char *at, struct lk_str literal)
{
    if (!lk_str_starts(lk_str_n(at, (size_t)(c->end - at)), literal))
        return fail_expected(c, at, "a value");
    return at + literal.len;
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* What a tree of doubles (cJSON) would change: integers beyond 2^53, and what becomes infinite. */
static const char *check_exact(const struct checker *c, const char *begin, const char *end,
                               bool integer, bool exponent)
{
    static const char limit[] = "9007199254740992";
    const size_t limit_length = sizeof(limit) - 1;
    const char *digits = *begin == '-' ? begin + 1 : begin;
    size_t length = (size_t)(end - digits);
    char text[MAX_NUMBER_LENGTH + 1];

    if (integer &&
        (length > limit_length || (length == limit_length && memcmp(digits, limit, length) > 0))) {
        lk_fail(c->err, LK_ERROR_PARSE,
                "the integer at byte %zu is beyond 2^53 and would lose digits; send it as a string",
                (size_t)(begin - c->start));
        return NULL;
    }
    length = (size_t)(end - begin);
    if (length > MAX_NUMBER_LENGTH) {
        lk_fail(c->err, LK_ERROR_PARSE, "the number at byte %zu has more than %d characters",
                (size_t)(begin - c->start), MAX_NUMBER_LENGTH);
        return NULL;
    }
    if (exponent) {
        memcpy(text, begin, length);
        text[length] = '\0';
        if (!isfinite(strtod(text, NULL))) {
            lk_fail(c->err, LK_ERROR_PARSE, "the number at byte %zu is too large",
                    (size_t)(begin - c->start));
            return NULL;
        }
    }
    return end;
}

static const char *check_number(const struct checker *c, const char *begin)
{
    const char *end = c->end;
    const char *at = *begin == '-' ? begin + 1 : begin;
    bool integer = true, exponent = false;

    const char *digits = at;
    at = skip_digits(at, end);
    if (at == digits)
        return fail_expected(c, at, "a digit");
    if (*digits == '0' && at - digits > 1)
        return fail(c, digits, "a number must not begin with 0");
    if (at < end && *at == '.') {
        integer = false;
        digits = ++at;
        at = skip_digits(at, end);
        if (at == digits)
            return fail_expected(c, at, "a digit");
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        integer = false;
        exponent = true;
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        digits = at;
        at = skip_digits(at, end);
        if (at == digits)
            return fail_expected(c, at, "a digit");
    }
    if ((c->flags & LK_JSON_REFUSE_INEXACT) != 0)
        return check_exact(c, begin, at, integer, exponent);
    return at;
}

/* at: the first of the four digits. */
static const char *check_hex4(const struct checker *c, const char *at, unsigned *ret_code)
{
    if (c->end - at < 4 || !lk_json_hex4(at, ret_code))
        return fail(c, at, "\\u needs four hexadecimal digits");
    return at + 4;
}

/* at: the backslash. */
static const char *check_escape(const struct checker *c, const char *at)
{
    unsigned code, low;
    const char *begin = at;

    at++;
    if (at == c->end)
        return fail_expected(c, at, "an escape");
    if (*at != 'u') {
        if (strchr("\"\\/bfnrt", *at) == NULL || *at == '\0')
            return fail(c, begin, "no such escape in a string");
        return at + 1;
    }
    at = check_hex4(c, at + 1, &code);
    if (at == NULL)
        return NULL;
    if (code == 0 && (c->flags & LK_JSON_REFUSE_NUL) != 0)
        return fail(c, begin, "\\u0000 is not supported in strings");
    if (code < 0xD800 || code > 0xDFFF)
        return at;
    if (code > 0xDBFF || c->end - at < 2 || at[0] != '\\' || at[1] != 'u')
        return fail(c, begin, "half of a surrogate pair");
    at = check_hex4(c, at + 2, &low);
    if (at != NULL && (low < 0xDC00 || low > 0xDFFF))
        return fail(c, begin, "half of a surrogate pair");
    return at;
}

/* at: behind the opening quote. */
static const char *check_string(const struct checker *c, const char *at)
{
    const char *end = c->end;

    while (at != NULL) {
        at = lk_plain_run(at, end);
        if (at == end)
            return fail(c, at, "the text ends inside a string");
        if (*at == '"')
            return at + 1;
        if (*at == '\\') {
            at = check_escape(c, at);
        } else if ((unsigned char)*at < 0x20) {
            return fail(c, at, "a control character in a string must be escaped");
        } else {
            size_t n;
            do {
                n = lk_utf8_length(at, end);
                if (n == 0)
                    return fail(c, at, "not UTF-8");
                at += n;
            } while (at < end && (unsigned char)*at >= 0x80);
        }
    }
    return NULL;
}

/* A member name and its colon. */
static const char *check_key(const struct checker *c, const char *at, const char *expected)
{
    at = lk_json_skip_space(at, c->end);
    if (at == c->end || *at != '"')
        return fail_expected(c, at, expected);
    at = check_string(c, at + 1);
    if (at == NULL)
        return NULL;
    at = lk_json_skip_space(at, c->end);
    if (at == c->end || *at != ':')
        return fail_expected(c, at, "':'");
    return at + 1;
}

/* at: behind the bracket. *ret_ended: the container is empty and its closing bracket comes next. */
static const char *open_container(struct checker *c, const char *at, bool object, bool *ret_ended)
{
    if (c->depth == c->max_depth) {
        lk_fail(c->err, LK_ERROR_LIMIT, "nesting deeper than %u levels at byte %zu", c->max_depth,
                (size_t)(at - 1 - c->start));
        return NULL;
    }
    c->depth++;
    c->objects = c->objects << 1 | object;
    at = lk_json_skip_space(at, c->end);
    *ret_ended = at < c->end && *at == (object ? '}' : ']');
    if (*ret_ended || !object)
        return at;
    return check_key(c, at, "a member name or '}'");
}

/* Reads a scalar, or what comes before the first value of a container. */
static const char *begin_value(struct checker *c, const char *at, bool *ret_ended)
{
    at = lk_json_skip_space(at, c->end);
    *ret_ended = true;
    if (at == c->end)
        return fail_expected(c, at, "a value");
    switch (*at) {
    case '"':
        return check_string(c, at + 1);
    case '{':
    case '[':
        return open_container(c, at + 1, *at == '{', ret_ended);
    case 't':
        return check_literal(c, at, LK_STR("true"));
    case 'f':
        return check_literal(c, at, LK_STR("false"));
    case 'n':
        return check_literal(c, at, LK_STR("null"));
    default:
        if (*at != '-' && (*at < '0' || *at > '9'))
            return fail_expected(c, at, "a value");
        return check_number(c, at);
    }
}

/* Closes containers up to the next comma; stands before a value then, or the text is complete. */
static const char *end_value(struct checker *c, const char *at)
{
    while (c->depth > 0) {
        bool object = (c->objects & 1) != 0;
        at = lk_json_skip_space(at, c->end);
        if (at < c->end && *at == ',')
            return object ? check_key(c, at + 1, "a member name") : at + 1;
        if (at == c->end || *at != (object ? '}' : ']'))
            return fail_expected(c, at, object ? "',' or '}'" : "',' or ']'");
        c->depth--;
        c->objects >>= 1;
        at++;
    }
    return at;
}

bool lk_json_check(struct lk_str text, unsigned max_depth, unsigned flags, struct lk_error *err)
{
    const char *at = text.ptr != NULL ? text.ptr : "";
    struct checker c = {
        .start = at,
        .end = at + text.len,
        .max_depth = max_depth < LK_JSON_MAX_DEPTH ? max_depth : LK_JSON_MAX_DEPTH,
        .flags = flags,
        .err = err,
    };
    bool ended;

    do {
        at = begin_value(&c, at, &ended);
        if (at != NULL && ended)
            at = end_value(&c, at);
        if (at == NULL)
            return false;
    } while (c.depth > 0);

    at = lk_json_skip_space(at, c.end);
    if (at != c.end)
        return fail(&c, at, "more text follows the value") != NULL;
    return true;
}
