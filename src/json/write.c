/*
 * Writing JSON (json/write.h).
 */
#include "json/write.h"

#include "base/escape.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void before_value(struct lk_json_writer *w)
{
    if (w->comma)
        lk_buf_char(w->buf, ',');
    w->comma = true;
}

static void begin(struct lk_json_writer *w, char bracket)
{
    before_value(w);
    lk_buf_char(w->buf, bracket);
    w->comma = false;
}

static void end(struct lk_json_writer *w, char bracket)
{
    lk_buf_char(w->buf, bracket);
    w->comma = true;
}

void lk_json_begin_object(struct lk_json_writer *w)
{
    begin(w, '{');
}

void lk_json_end_object(struct lk_json_writer *w)
{
    end(w, '}');
}

void lk_json_begin_array(struct lk_json_writer *w)
{
    begin(w, '[');
}

void lk_json_end_array(struct lk_json_writer *w)
{
    end(w, ']');
}

void lk_json_key(struct lk_json_writer *w, const char *key)
{
    lk_json_key_str(w, lk_str(key));
}

void lk_json_key_str(struct lk_json_writer *w, struct lk_str key)
{
    lk_json_put_string(w, key);
    lk_buf_char(w->buf, ':');
    w->comma = false;
}

void lk_json_put_string(struct lk_json_writer *w, struct lk_str value)
{
    before_value(w);
    lk_buf_char(w->buf, '"');
    lk_escape_json(w->buf, value);
    lk_buf_char(w->buf, '"');
}

void lk_json_put_cstr(struct lk_json_writer *w, const char *value)
{
    if (value != NULL)
        lk_json_put_string(w, lk_str(value));
    else
        lk_json_put_null(w);
}

void lk_json_put_integer(struct lk_json_writer *w, int64_t value)
{
    before_value(w);
    lk_buf_printf(w->buf, "%" PRId64, value);
}

/* printf's decimal point is the locale's, which may be a comma or several bytes; JSON's is a dot.
 */
static void append_number(struct lk_buf *buf, const char *text)
{
    bool point = false;

    for (; *text != '\0'; text++) {
        if ((*text >= '0' && *text <= '9') || strchr("+-e", *text) != NULL) {
            lk_buf_char(buf, *text);
        } else if (!point) {
            lk_buf_char(buf, '.');
            point = true;
        }
    }
}

void lk_json_put_number(struct lk_json_writer *w, double value)
{
    /* The integers that a double holds exactly are printed as such, never as 1e+15. */
    const double exact = 9007199254740992.0;
    char text[40];

    if (!isfinite(value)) {
        lk_json_put_null(w);
        return;
    }
    if (value == trunc(value) && fabs(value) <= exact) {
        lk_json_put_integer(w, (int64_t)value);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    before_value(w);
    append_number(w->buf, text);
}

void lk_json_put_boolean(struct lk_json_writer *w, bool value)
{
    lk_json_put_raw(w, value ? LK_STR("true") : LK_STR("false"));
}

void lk_json_put_null(struct lk_json_writer *w)
{
    lk_json_put_raw(w, LK_STR("null"));
}

void lk_json_put_raw(struct lk_json_writer *w, struct lk_str json)
{
    before_value(w);
    lk_buf_str(w->buf, json.len > 0 ? json : LK_STR("null"));
}

void lk_json_member_string(struct lk_json_writer *w, const char *key, struct lk_str value)
{
    lk_json_key(w, key);
    lk_json_put_string(w, value);
}

void lk_json_member_integer(struct lk_json_writer *w, const char *key, int64_t value)
{
    lk_json_key(w, key);
    lk_json_put_integer(w, value);
}

void lk_json_member_boolean(struct lk_json_writer *w, const char *key, bool value)
{
    lk_json_key(w, key);
    lk_json_put_boolean(w, value);
}

void lk_json_member_raw(struct lk_json_writer *w, const char *key, struct lk_str json)
{
    lk_json_key(w, key);
    lk_json_put_raw(w, json);
}

void lk_json_escape(struct lk_buf *buf, struct lk_str bytes)
{
    lk_escape_json(buf, bytes);
}
