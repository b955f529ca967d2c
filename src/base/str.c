/*
 * The parts of base/str.h that are too long for a header: trimming, lists and UTF-8.
 */
#include "base/str.h"

#include "base/bytes.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool lk_str_eq_secret(struct lk_str a, struct lk_str b)
{
    unsigned char different = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        different |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
    return different == 0;
}

bool lk_str_icontains(struct lk_str s, struct lk_str part)
{
    for (size_t i = 0; part.len > 0 && i + part.len <= s.len; i++) {
        if (strncasecmp(s.ptr + i, part.ptr, part.len) == 0)
            return true;
    }
    return part.len == 0;
}

struct lk_str lk_str_trim(struct lk_str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

struct lk_str lk_str_take(struct lk_str *rest, char separator)
{
    const char *end = rest->len > 0 ? memchr(rest->ptr, separator, rest->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - rest->ptr) : rest->len;
    size_t taken = end != NULL ? len + 1 : len;
    struct lk_str item = lk_str_n(rest->ptr, len);

    if (taken > 0)
        *rest = lk_str_n(rest->ptr + taken, rest->len - taken);
    return item;
}

/* The table of RFC 3629 section 4: the second byte has a range of its own after E0, ED, F0, F4. */
size_t lk_utf8_length(const char *at, const char *end)
{
    const unsigned char *p = (const unsigned char *)at;
    size_t left = (size_t)(end - at);

    if (left == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4 || left < 2)
        return 0;
    if (p[0] < 0xE0)
        return (p[1] & 0xC0) == 0x80 ? 2 : 0;

    unsigned char low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high || left < 3 || (p[2] & 0xC0) != 0x80)
        return 0;
    if (p[0] < 0xF0)
        return 3;
    return left >= 4 && (p[3] & 0xC0) == 0x80 ? 4 : 0;
}

bool lk_str_is_utf8(struct lk_str s)
{
    const char *at = s.ptr;
    const char *end = lk_str_end(s);

    while (at < end) {
        at = lk_ascii_run(at, end);
        if (at == end)
            break;
        size_t n = lk_utf8_length(at, end);
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

struct lk_str lk_str_cut(struct lk_str s, size_t max_bytes)
{
    if (s.len <= max_bytes)
        return s;
    size_t len = max_bytes;
    /* At most three steps back: longer runs of continuation bytes are no UTF-8 to begin with. */
    for (int i = 0; i < 3 && len > 0 && ((unsigned char)s.ptr[len] & 0xC0) == 0x80; i++)
        len--;
    return lk_str_n(s.ptr, len);
}
