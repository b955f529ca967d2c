/*
 * A growable byte buffer with a stated maximum. Overflow is sticky: the append that does not fit
 * and every later one change nothing and set `overflow`, so a writer appends in peace and checks
 * once at the end. The bytes are always followed by a NUL that neither len nor max_bytes counts.
 * What is appended must not lie in the same buffer.
 */
#ifndef LK_BASE_BUF_H
#define LK_BASE_BUF_H

#include "base/str.h"

struct lk_buf {
    char *ptr; /* NULL while empty */
    size_t len;
    size_t cap;
    size_t max_bytes;
    bool overflow;
};

void lk_buf_init(struct lk_buf *buf, size_t max_bytes);
/* A zeroed buffer may be freed; a freed one is initialised again with the same maximum. */
void lk_buf_free(struct lk_buf *buf);
/* lk_buf_free with the signature that lk_arena_defer takes. */
void lk_buf_free_deferred(void *buf);

bool lk_buf_append(struct lk_buf *buf, const void *bytes, size_t len);
bool lk_buf_str(struct lk_buf *buf, struct lk_str s);
bool lk_buf_char(struct lk_buf *buf, char c);
bool lk_buf_printf(struct lk_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define lk_buf_lit(buf, literal) lk_buf_append((buf), ("" literal), sizeof(literal) - 1)

/* Room for len more bytes, or NULL on overflow; the caller writes there and then adds to len. Who
 * adds fewer than len restores the NUL (lk_buf_truncate to the new length does). */
char *lk_buf_reserve(struct lk_buf *buf, size_t len);
/* Cuts back to len bytes (at most the present length) and keeps the memory; clears overflow. */
void lk_buf_truncate(struct lk_buf *buf, size_t len);

static inline struct lk_str lk_buf_view(const struct lk_buf *buf)
{
    return (struct lk_str){buf->ptr, buf->len};
}

#endif
