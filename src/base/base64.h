/*
 * Base64 (RFC 4648 section 4), for bytes that have to stand in JSON, and base64url (section 5) as
 * JSON Web Signatures have it.
 */
#ifndef LK_BASE_BASE64_H
#define LK_BASE_BASE64_H

#include "base/buf.h"

/* How many characters `len` bytes make. */
static inline size_t lk_base64_len(size_t len)
{
    return (len + 2) / 3 * 4;
}

/* Appends the bytes in base64, with padding and without line breaks. False on overflow, as the
 * other appends. */
bool lk_base64(struct lk_buf *buf, struct lk_str bytes);

/* Appends the bytes in base64url without padding. */
bool lk_base64url(struct lk_buf *buf, struct lk_str bytes);

/* Decodes base64url without padding (RFC 7515 section 2) into out, which has room for 3/4 of the
 * text. Strict, so that no two texts mean the same bytes: false, with *ret_len untouched, for any
 * other character, `=` included, an impossible length, and bits left over that are not zero. */
bool lk_base64url_decode(struct lk_str text, unsigned char *out, size_t *ret_len);

#endif
