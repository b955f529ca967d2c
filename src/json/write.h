/*
 * Writing JSON, compactly, into a struct lk_buf. The writer keeps track of commas and colons;
 * overflow is the buffer's (check buf->overflow once, at the end).
 *
 *     struct lk_json_writer w = lk_json_writer(buf);
 *     lk_json_begin_object(&w);
 *     lk_json_key(&w, "count"); lk_json_put_integer(&w, n);
 *     lk_json_key(&w, "items"); lk_json_put_raw(&w, text);
 *     lk_json_end_object(&w);
 */
#ifndef LK_JSON_WRITE_H
#define LK_JSON_WRITE_H

#include "base/buf.h"

#include <stdint.h>

struct lk_json_writer {
    struct lk_buf *buf;
    bool comma; /* the next value or key is preceded by one */
};

static inline struct lk_json_writer lk_json_writer(struct lk_buf *buf)
{
    return (struct lk_json_writer){.buf = buf};
}

void lk_json_begin_object(struct lk_json_writer *w);
void lk_json_end_object(struct lk_json_writer *w);
void lk_json_begin_array(struct lk_json_writer *w);
void lk_json_end_array(struct lk_json_writer *w);

void lk_json_key(struct lk_json_writer *w, const char *key);
void lk_json_key_str(struct lk_json_writer *w, struct lk_str key);

void lk_json_put_string(struct lk_json_writer *w, struct lk_str value);
void lk_json_put_cstr(struct lk_json_writer *w, const char *value); /* NULL: null */
void lk_json_put_integer(struct lk_json_writer *w, int64_t value);
void lk_json_put_number(struct lk_json_writer *w,
                        double value); /* shortest that reads back the same;
                                          NaN and infinity become null */
void lk_json_put_boolean(struct lk_json_writer *w, bool value);
void lk_json_put_null(struct lk_json_writer *w);
/* Text that is JSON already; empty text becomes null. */
void lk_json_put_raw(struct lk_json_writer *w, struct lk_str json);

/* Key and value in one. */
void lk_json_member_string(struct lk_json_writer *w, const char *key, struct lk_str value);
void lk_json_member_integer(struct lk_json_writer *w, const char *key, int64_t value);
void lk_json_member_boolean(struct lk_json_writer *w, const char *key, bool value);
void lk_json_member_raw(struct lk_json_writer *w, const char *key, struct lk_str json);

/* Appends the bytes as the inside of a JSON string (no quotes), escaping what must be; bytes that
 * are not UTF-8 become U+FFFD. A JSON document forwarded inside a string goes through here. */
void lk_json_escape(struct lk_buf *buf, struct lk_str bytes);

#endif
