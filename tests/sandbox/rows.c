/*
 * The values of a result: each is a function of the field's name and the row's number, so that any
 * row can be made without the ones before it, the same in every format and at every time.
 */
#include "sandbox.h"

#include <stdio.h>

static uint64_t mix(uint64_t h)
{
    h ^= h >> 30;
    h *= 0xbf58476d1ce4e5b9ULL;
    h ^= h >> 27;
    h *= 0x94d049bb133111ebULL;
    return h ^ (h >> 31);
}

/* ---- appending without printf: these run a million times ---- */

static void put_unsigned(struct lk_buf *buf, uint64_t value, unsigned min_digits)
{
    char digits[24];
    size_t n = sizeof(digits);

    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0 || sizeof(digits) - n < min_digits);
    lk_buf_append(buf, digits + n, sizeof(digits) - n);
}

static void put_cents(struct lk_buf *buf, uint64_t cents)
{
    put_unsigned(buf, cents / 100, 1);
    lk_buf_char(buf, '.');
    put_unsigned(buf, cents % 100, 2);
}

/* Year, month and day of a day number since 1970-01-01 (after H. Hinnant's public algorithm). */
static void civil(int64_t days, unsigned *ret_y, unsigned *ret_m, unsigned *ret_d)
{
    int64_t z = days + 719468, era = z / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;

    *ret_d = doy - (153 * mp + 2) / 5 + 1;
    *ret_m = mp < 10 ? mp + 3 : mp - 9;
    *ret_y = (unsigned)((int64_t)yoe + era * 400) + (*ret_m <= 2);
}

static void put_date(struct lk_buf *buf, const char *type, int64_t days, uint64_t h)
{
    unsigned y, m, d;

    if (strcmp(type, "date_week") == 0)
        days -= (days + 3) % 7;
    civil(days, &y, &m, &d);
    put_unsigned(buf, y, 4);
    if (strcmp(type, "date_year") == 0)
        return;
    lk_buf_char(buf, '-');
    put_unsigned(buf, m, 2);
    if (strcmp(type, "date_month") == 0)
        return;
    lk_buf_char(buf, '-');
    put_unsigned(buf, d, 2);
    if (strcmp(type, "date_time") != 0)
        return;
    lk_buf_char(buf, ' ');
    put_unsigned(buf, h % 24, 2);
    lk_buf_char(buf, ':');
    put_unsigned(buf, h / 24 % 60, 2);
    lk_buf_char(buf, ':');
    put_unsigned(buf, h / 1440 % 60, 2);
}

#define FIRST_DAY 19358 /* 2023-01-01 */

static int64_t day_of(const struct sb_column *column, int64_t row, uint64_t h)
{
    int64_t step = 1;

    if (!column->first)
        return FIRST_DAY + (int64_t)(h % 1096);
    if (strcmp(column->field.type, "date_week") == 0)
        step = 7;
    else if (strcmp(column->field.type, "date_month") == 0)
        return FIRST_DAY + row % 20000 * 30436 / 1000 + 1;
    else if (strcmp(column->field.type, "date_year") == 0)
        step = 366;
    return FIRST_DAY + row * step % 2900000;
}

static void put_number(struct lk_buf *buf, const struct sb_column *column, uint64_t h)
{
    const char *format = column->field.value_format_name, *type = column->field.type;

    if (format != NULL && strcmp(format, "percent_2") == 0) {
        lk_buf_lit(buf, "0.");
        put_unsigned(buf, h % 9000 + 1000, 4);
    } else if (strcmp(type, "sum") == 0) {
        put_cents(buf, h % 10000000);
    } else if (strcmp(type, "average") == 0 || strcmp(type, "median") == 0 ||
               (format != NULL && strcmp(format, "usd") == 0)) {
        put_cents(buf, h % 50000);
    } else if (column->field.flags & SB_MEASURE) {
        put_unsigned(buf, h % 5000 + 1, 1);
    } else {
        put_unsigned(buf, h % 100, 1);
    }
}

/* A string value goes into `buf` raw. */
static void put_text(struct lk_buf *buf, const struct sb_column *column, int64_t row, uint64_t h)
{
    static const char *const words[] = {"Amber", "Birch", "Cedar",  "Dune", "Ember", "Fjord",
                                        "Grove", "Heath", "Indigo", "Jade", "Kelp",  "Lark",
                                        "Moss",  "Nord",  "Opal",   "Pine"};
    const struct sb_field *field = &column->field;

    if (column->n_values > 0) {
        size_t n = column->n_values;

        lk_buf_str(buf, lk_str(field->values[(column->first ? (uint64_t)row : h) % n]));
        if (column->first && (size_t)row >= n) {
            lk_buf_char(buf, ' ');
            put_unsigned(buf, (uint64_t)row / n + 1, 1);
        }
    } else if (strcmp(field->type, "location") == 0) {
        put_cents(buf, h % 6000 + 100);
        lk_buf_lit(buf, ",-");
        put_cents(buf, h / 6000 % 12000 + 100);
    } else if (strcmp(field->type, "zipcode") == 0) {
        put_unsigned(buf, h % 100000, 5);
    } else if (strcmp(field->type, "list") == 0) {
        lk_buf_lit(buf, "Chrome|Safari");
    } else if (strcmp(field->name, "email") == 0) {
        lk_buf_lit(buf, "customer");
        put_unsigned(buf, column->first ? (uint64_t)row : h % 1000000, 6);
        lk_buf_lit(buf, "@example.com");
    } else {
        lk_buf_str(buf, lk_str(words[h % 16]));
        lk_buf_char(buf, ' ');
        put_unsigned(buf, column->first ? (uint64_t)row + 1 : h / 16 % 10000, 1);
    }
}

/* ---- presentation ---- */

static void put_csv(struct lk_buf *buf, struct lk_str text)
{
    if (memchr(text.ptr, ',', text.len) == NULL && memchr(text.ptr, '"', text.len) == NULL &&
        memchr(text.ptr, '\n', text.len) == NULL) {
        lk_buf_str(buf, text);
        return;
    }
    lk_buf_char(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            lk_buf_char(buf, '"');
        lk_buf_char(buf, text.ptr[i]);
    }
    lk_buf_char(buf, '"');
}

static void put_html(struct lk_buf *buf, struct lk_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '<':
            lk_buf_lit(buf, "&lt;");
            break;
        case '&':
            lk_buf_lit(buf, "&amp;");
            break;
        default:
            lk_buf_char(buf, text.ptr[i]);
        }
    }
}

/* A string or formatted value in the style, from where it was put raw: buf[from…]. */
static void present(struct lk_buf *buf, size_t from, enum sb_value_style style)
{
    char text[1024];
    size_t len = buf->len - from;
    struct lk_str raw;

    if (buf->overflow)
        return;
    if (len > sizeof(text))
        len = sizeof(text);
    memcpy(text, buf->ptr + from, len);
    raw = lk_str_n(text, len);
    lk_buf_truncate(buf, from);
    if (style == SB_CSV_VALUE) {
        put_csv(buf, raw);
    } else if (style == SB_HTML_VALUE) {
        put_html(buf, raw);
    } else if (style == SB_JSON_VALUE) {
        lk_buf_char(buf, '"');
        lk_json_escape(buf, raw);
        lk_buf_char(buf, '"');
    } else {
        lk_buf_str(buf, raw);
    }
}

static bool is_null(const struct sb_column *column, uint64_t h)
{
    return column->field.group != NULL && strcmp(column->field.group, "returned") == 0 &&
           !column->first && h % 5 != 0;
}

void sb_value(struct lk_buf *buf, const struct sb_plan *plan, const struct sb_column *column,
              int64_t row, enum sb_value_style style)
{
    int64_t at = plan->descending ? plan->all - 1 - row : row;
    uint64_t h = mix(column->hash + (uint64_t)at * 0x9e3779b97f4a7c15ULL);
    const char *type = column->field.type;
    bool number = sb_is_number_type(type);
    size_t from = buf->len;

    if (column->n_fixed > 0) {
        lk_buf_str(buf, column->fixed[h % column->n_fixed]);
    } else if (is_null(column, h)) {
        if (style == SB_JSON_VALUE)
            lk_buf_lit(buf, "null");
        return;
    } else if (column->field.flags & SB_PRIMARY_KEY) {
        put_unsigned(buf, (uint64_t)at + 1, 1);
    } else if (strncmp(type, "date", 4) == 0) {
        put_date(buf, type, day_of(column, at, h), h);
    } else if (number) {
        if (plan->formatted && column->field.value_format_name != NULL &&
            strcmp(column->field.value_format_name, "usd") == 0)
            lk_buf_char(buf, '$');
        put_number(buf, column, h);
    } else if (strcmp(type, "yesno") == 0) {
        lk_buf_str(buf, h % 2 == 0 ? LK_STR("Yes") : LK_STR("No"));
    } else {
        put_text(buf, column, at, h);
    }
    if (!number || plan->formatted)
        present(buf, from, style);
}

struct lk_str sb_pivot_key(const struct sb_plan *plan, size_t i)
{
    static const char *const others[SB_PIVOTS] = {"one", "two", "three"};

    for (size_t c = 0; c < plan->n_columns; c++) {
        const struct sb_column *column = &plan->columns[c];

        if (column->pivot)
            return lk_str(column->n_values > i ? column->field.values[i] : others[i]);
    }
    return lk_str(others[i]);
}
