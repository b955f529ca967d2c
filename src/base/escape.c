/*
 * JSON string escaping (base/escape.h): plain runs are copied whole, so long texts cost little more
 * than a memcpy. Called by the log and by json/write.
 */
#include "base/escape.h"

#include "base/bytes.h"

/* The letter of the short escapes; the other control characters have none. */
static char short_escape(unsigned char c)
{
    static const char letters[128] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',  ['\f'] = 'f',
        ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\',
    };
    return letters[c & 0x7F];
}

/* Appends the one byte at `at`, which cannot stand as it is. */
static void escape_byte(struct lk_buf *buf, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char letter = short_escape(c);

    if (c >= 0x80) {
        lk_buf_lit(buf, "\xEF\xBF\xBD");
    } else if (letter != 0) {
        const char escape[2] = {'\\', letter};
        lk_buf_append(buf, escape, sizeof(escape));
    } else {
        const char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        lk_buf_append(buf, escape, sizeof(escape));
    }
}

void lk_escape_json(struct lk_buf *buf, struct lk_str bytes)
{
    const char *at = bytes.ptr;
    const char *end = lk_str_end(bytes);
    const char *run = at; /* what is not appended yet and needs no escape */

    while (at < end) {
        at = lk_plain_run(at, end);
        if (at == end)
            break;
        size_t n = (unsigned char)*at >= 0x80 ? lk_utf8_length(at, end) : 0;
        if (n > 0) {
            at += n;
            continue;
        }
        lk_buf_append(buf, run, (size_t)(at - run));
        escape_byte(buf, (unsigned char)*at);
        run = ++at;
    }
    if (run < end)
        lk_buf_append(buf, run, (size_t)(end - run));
}
