/*
 * The buffer of base/buf.h. Memory doubles, so n appends cost O(n), and never exceeds the maximum
 * by more than the terminating NUL.
 */
#include "base/buf.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAPACITY ((size_t)256)

void lk_buf_init(struct lk_buf *buf, size_t max_bytes)
{
    *buf = (struct lk_buf){.max_bytes = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX - 1};
}

void lk_buf_free(struct lk_buf *buf)
{
    free(buf->ptr);
    lk_buf_init(buf, buf->max_bytes);
}

void lk_buf_free_deferred(void *buf)
{
    lk_buf_free(buf);
}

/* need: bytes with the NUL, at most max_bytes + 1. */
static void grow(struct lk_buf *buf, size_t need)
{
    size_t cap = buf->cap < FIRST_CAPACITY ? FIRST_CAPACITY : buf->cap;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
    if (cap - 1 > buf->max_bytes)
        cap = buf->max_bytes + 1;
    buf->ptr = lk_memory_resize(buf->ptr, cap);
    buf->cap = cap;
}

char *lk_buf_reserve(struct lk_buf *buf, size_t len)
{
    if (buf->overflow || len > buf->max_bytes - buf->len) {
        buf->overflow = true;
        return NULL;
    }
    if (buf->cap - buf->len <= len)
        grow(buf, buf->len + len + 1);
    buf->ptr[buf->len + len] = '\0';
    return buf->ptr + buf->len;
}

bool lk_buf_append(struct lk_buf *buf, const void *bytes, size_t len)
{
    if (len == 0)
        return !buf->overflow;
    char *room = lk_buf_reserve(buf, len);
    if (room == NULL)
        return false;
    memcpy(room, bytes, len);
    buf->len += len;
    return true;
}

bool lk_buf_str(struct lk_buf *buf, struct lk_str s)
{
    return lk_buf_append(buf, s.ptr, s.len);
}

bool lk_buf_char(struct lk_buf *buf, char c)
{
    char *room = lk_buf_reserve(buf, 1);
    if (room == NULL)
        return false;
    *room = c;
    buf->len++;
    return true;
}

bool lk_buf_printf(struct lk_buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len <= 0)
        return len == 0 && !buf->overflow;

    char *room = lk_buf_reserve(buf, (size_t)len);
    if (room == NULL)
        return false;
    va_start(args, format);
    vsnprintf(room, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
    return true;
}

void lk_buf_truncate(struct lk_buf *buf, size_t len)
{
    if (len < buf->len)
        buf->len = len;
    if (buf->ptr != NULL)
        buf->ptr[buf->len] = '\0';
    buf->overflow = false;
}
