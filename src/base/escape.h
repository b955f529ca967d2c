/*
 * Escaping for JSON strings. It stands in base because log lines need it too; everything else
 * writes JSON through json/write.h.
 */
#ifndef LK_BASE_ESCAPE_H
#define LK_BASE_ESCAPE_H

#include "base/buf.h"

/* Appends the bytes as the inside of a JSON string (no quotes): quotes, backslashes and control
 * characters escaped, each byte that is not part of well-formed UTF-8 replaced with U+FFFD. */
void lk_escape_json(struct lk_buf *buf, struct lk_str bytes);

#endif
