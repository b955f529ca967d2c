/*
 * See base64.h. Three bytes become four characters, straight into the buffer. Called by whoever
 * puts bytes into JSON, and by who reads access tokens.
 */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool lk_base64(struct lk_buf *buf, struct lk_str bytes)
{
    const unsigned char *in = (const unsigned char *)bytes.ptr;
    size_t left = bytes.len;
    char *out = lk_buf_reserve(buf, lk_base64_len(left));

    if (out == NULL)
        return false;
    for (; left >= 3; left -= 3, in += 3, out += 4) {
        unsigned three = (unsigned)in[0] << 16 | (unsigned)in[1] << 8 | in[2];

        out[0] = alphabet[three >> 18];
        out[1] = alphabet[three >> 12 & 63];
        out[2] = alphabet[three >> 6 & 63];
        out[3] = alphabet[three & 63];
    }
    if (left != 0) {
        unsigned rest = (unsigned)in[0] << 16 | (left == 2 ? (unsigned)in[1] << 8 : 0);

        out[0] = alphabet[rest >> 18];
        out[1] = alphabet[rest >> 12 & 63];
        out[2] = '=';
        if (left == 2)
            out[2] = alphabet[rest >> 6 & 63];
        out[3] = '=';
    }
    buf->len += lk_base64_len(bytes.len);
    return true;
}

bool lk_base64url(struct lk_buf *buf, struct lk_str bytes)
{
    size_t before = buf->len;

    if (!lk_base64(buf, bytes))
        return false;
    while (buf->len > before && buf->ptr[buf->len - 1] == '=')
        buf->len--;
    lk_buf_truncate(buf, buf->len);
    for (size_t i = before; i < buf->len; i++) {
        if (buf->ptr[i] == '+')
            buf->ptr[i] = '-';
        else if (buf->ptr[i] == '/')
            buf->ptr[i] = '_';
    }
    return true;
}

/* -1: not in the alphabet of base64url. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool lk_base64url_decode(struct lk_str text, unsigned char *out, size_t *ret_len)
{
    unsigned bits = 0, n_bits = 0;
    size_t len = 0;

    if (text.len % 4 == 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int value = value_of(text.ptr[i]);

        if (value < 0)
            return false;
        bits = bits << 6 | (unsigned)value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[len++] = (unsigned char)(bits >> n_bits);
            bits &= (1u << n_bits) - 1;
        }
    }
    if (bits != 0)
        return false;
    *ret_len = len;
    return true;
}
