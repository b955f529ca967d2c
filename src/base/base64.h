/*
 * Base64 (RFC 4648 section 4), for bytes that have to stand in JSON.
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

#endif
