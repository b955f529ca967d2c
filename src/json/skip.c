/*
 * Stepping over checked JSON (json/skip.h). Strings and nested values go 16 bytes at a time where
 * SSE2 is there: in a projection most bytes are those that are left out.
 */
#include "json/skip.h"

#include <stdint.h>

const char *lk_json_find_quote(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    while (end - at >= 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        unsigned mask = (unsigned)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash)));
        if (mask != 0)
            return at + __builtin_ctz(mask);
        at += 16;
    }
#endif
    while (at < end && *at != '"' && *at != '\\')
        at++;
    return at;
}

const char *lk_json_find_structure(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i open = _mm_set1_epi8('{');
    const __m128i close = _mm_set1_epi8('}');
    const __m128i fold = _mm_set1_epi8(0x20); /* makes [ { and ] }; no other byte of JSON clashes */
    while (end - at >= 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i folded = _mm_or_si128(block, fold);
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(
            _mm_cmpeq_epi8(block, quote),
            _mm_or_si128(_mm_cmpeq_epi8(folded, open), _mm_cmpeq_epi8(folded, close))));
        if (mask != 0)
            return at + __builtin_ctz(mask);
        at += 16;
    }
#endif
    while (at < end && *at != '"' && (*at | 0x20) != '{' && (*at | 0x20) != '}')
        at++;
    return at;
}

const char *lk_json_skip_string(const char *at, const char *end)
{
    for (;;) {
        at = lk_json_find_quote(at, end);
        if (at == end)
            return end;
        if (*at == '"')
            return at + 1;
        if (end - at < 2)
            return end;
        at += 2; /* the backslash and what it escapes; of \u the digits are plain */
    }
}

const char *lk_json_skip_rest(const char *at, const char *end)
{
    size_t depth = 1;

    while (depth > 0) {
        at = lk_json_find_structure(at, end);
        if (at == end)
            return end;
        char c = *at++;
        if (c == '"')
            at = lk_json_skip_string(at, end);
        else if ((c | 0x20) == '{')
            depth++;
        else
            depth--;
    }
    return at;
}

const char *lk_json_skip_value(const char *at, const char *end)
{
    if (at == end)
        return end;
    if (*at == '"')
        return lk_json_skip_string(at + 1, end);
    if (*at == '{' || *at == '[')
        return lk_json_skip_rest(at + 1, end);
    while (at < end && *at != ',' && *at != '}' && *at != ']' && !lk_json_is_space(*at))
        at++;
    return at;
}

const char *lk_json_read_key(const char *at, const char *end, struct lk_str *ret_key)
{
    const char *begin = at + 1;
    const char *after = lk_json_skip_string(begin, end);

    *ret_key = lk_str_n(begin, after > begin ? (size_t)(after - begin) - 1 : 0);
    at = lk_json_skip_space(after, end);
    if (at < end && *at == ':')
        at++;
    return lk_json_skip_space(at, end);
}

bool lk_json_hex4(const char *at, unsigned *ret_code)
{
    unsigned code = 0;

    for (int i = 0; i < 4; i++) {
        char c = at[i];
        if (c >= '0' && c <= '9')
            code = code << 4 | (unsigned)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            code = code << 4 | (unsigned)((c | 0x20) - 'a' + 10);
        else
            return false;
    }
    *ret_code = code;
    return true;
}

static size_t put_utf8(unsigned code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

const char *lk_json_decode_char(const char *at, const char *end, char out[4], size_t *ret_len)
{
    static const char plain[128] = {
        ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
    };
    unsigned code, low;

    *ret_len = 1;
    out[0] = *at;
    if (*at != '\\' || end - at < 2)
        return at + 1;
    if (at[1] != 'u' || end - at < 6 || !lk_json_hex4(at + 2, &code)) {
        char letter = plain[at[1] & 0x7F];
        out[0] = letter != 0 ? letter : at[1];
        return at + 2;
    }
    at += 6;
    if (code >= 0xD800 && code <= 0xDBFF && end - at >= 6 && lk_json_hex4(at + 2, &low)) {
        code = 0x10000 + ((code - 0xD800) << 10) + ((low - 0xDC00) & 0x3FF);
        at += 6;
    }
    *ret_len = put_utf8(code, out);
    return at;
}

/* ---- in pieces ---- */

struct lk_json_pass lk_json_pass_begin(char first)
{
    return (struct lk_json_pass){.scalar_ = first != '"' && first != '{' && first != '['};
}

struct lk_json_pass lk_json_pass_rest(void)
{
    return (struct lk_json_pass){.depth_ = 1};
}

static const char *pass_string(struct lk_json_pass *pass, const char *at, const char *end)
{
    while (at < end) {
        if (pass->escaped_) {
            pass->escaped_ = false;
            at++;
            continue;
        }
        at = lk_json_find_quote(at, end);
        if (at == end)
            return end;
        if (*at++ == '"') {
            pass->in_string_ = false;
            return at;
        }
        pass->escaped_ = true;
    }
    return end;
}

const char *lk_json_pass(struct lk_json_pass *pass, const char *at, const char *end, bool *ret_done)
{
    *ret_done = false;
    while (at < end) {
        if (pass->in_string_) {
            at = pass_string(pass, at, end);
            if (pass->in_string_)
                return end;
        } else if (pass->scalar_) {
            while (at < end && !lk_json_ends_scalar(*at))
                at++;
            *ret_done = at < end;
            return at;
        } else {
            at = lk_json_find_structure(at, end);
            if (at == end)
                return end;
            pass->in_string_ = *at == '"';
            if (!pass->in_string_)
                pass->depth_ += (*at | 0x20) == '{' ? 1 : (size_t)-1;
            at++;
        }
        if (pass->depth_ == 0 && !pass->in_string_) {
            *ret_done = true;
            return at;
        }
    }
    return end;
}
