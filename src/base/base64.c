/*
 * See base64.h. Three bytes become four characters, straight into the buffer. Called by whoever
 * puts bytes into JSON.
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
