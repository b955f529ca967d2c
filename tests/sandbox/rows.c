/*
 * The values of a result: each is a function of the field's name and the row's number, so that any
 * row can be made without the ones before it, the same in every format and at every time. A value
 * is put together in a cell on the stack and then presented; a million rows pass through here.
 */
#include "sandbox.h"

#include <stdio.h>

#define CELL_BYTES 512

struct cell {
    char text[CELL_BYTES];
    size_t len;
};

static uint64_t mix(uint64_t h)
{
    h ^= h >> 30;
    h *= 0xbf58476d1ce4e5b9ULL;
    h ^= h >> 27;
    h *= 0x94d049bb133111ebULL;
    return h ^ (h >> 31);
}

static void put_str(struct cell *cell, struct lk_str s)
{
    size_t room = CELL_BYTES - cell->len;

    if (s.len > room)
        s.len = room;
    memcpy(cell->text + cell->len, s.ptr, s.len);
    cell->len += s.len;
}

static void put_char(struct cell *cell, char c)
{
    if (cell->len < CELL_BYTES)
        cell->text[cell->len++] = c;
}

static void put_unsigned(struct cell *cell, uint64_t value, unsigned min_digits)
{
    char digits[24];
    size_t n = sizeof(digits);

    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0 || sizeof(digits) - n < min_digits);
    put_str(cell, lk_str_n(digits + n, sizeof(digits) - n));
}

static void put_cents(struct cell *cell, uint64_t cents)
{
    put_unsigned(cell, cents / 100, 1);
    put_char(cell, '.');
    put_unsigned(cell, cents % 100, 2);
}

/* ---- which value a field has ---- */

static enum sb_value_kind kind_of(const struct sb_field *field)
{
    static const struct {
        const char *type;
        enum sb_value_kind kind;
    } types[] = {
        {"date_time", SB_TIME}, {"date_date", SB_DATE},    {"date", SB_DATE},
        {"date_week", SB_WEEK}, {"date_month", SB_MONTH},  {"date_year", SB_YEAR},
        {"yesno", SB_YESNO},    {"location", SB_LOCATION}, {"zipcode", SB_ZIP},
        {"sum", SB_SUM},        {"average", SB_AVERAGE},   {"median", SB_AVERAGE},
    };
    const char *format = field->value_format_name != NULL ? field->value_format_name : "";

    if (field->flags & SB_PRIMARY_KEY)
        return SB_KEY;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].type, field->type) == 0)
            return types[i].kind;
    if (!sb_is_number_type(field->type))
        return strcmp(field->name, "email") == 0 ? SB_EMAIL : SB_TEXT;
    if (strcmp(format, "percent_2") == 0)
        return SB_RATE;
    if (strcmp(format, "usd") == 0)
        return SB_AVERAGE;
    return field->flags & SB_MEASURE ? SB_COUNT : SB_INTEGER;
}

void sb_column_prepare(struct sb_column *column)
{
    column->kind = (uint8_t)kind_of(&column->field);
    column->number = sb_is_number_type(column->field.type);
    column->nullable = column->field.group != NULL && strcmp(column->field.group, "returned") == 0;
}

/* ---- dates ---- */

/* Year, month and day of a day number since 1970-01-01, by counting in 400-year eras from March. */
static void civil(int64_t days, unsigned *ret_y, unsigned *ret_m, unsigned *ret_d)
{
    int64_t z = days + 719468, era = z / 146097;
    unsigned day_of_era = (unsigned)(z - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153; /* from March */

    *ret_d = day_of_year - (153 * month + 2) / 5 + 1;
    *ret_m = month < 10 ? month + 3 : month - 9;
    *ret_y = (unsigned)((int64_t)year_of_era + era * 400) + (*ret_m <= 2);
}

#define FIRST_DAY 19358 /* 2023-01-01 */

/* The first dimension of a query counts up, so that rows differ. */
static int64_t day_of(const struct sb_column *column, int64_t row, uint64_t h)
{
    if (!column->first)
        return FIRST_DAY + (int64_t)(h % 1096);
    switch (column->kind) {
    case SB_WEEK:
        return FIRST_DAY + row * 7 % 2900000;
    case SB_MONTH:
        return FIRST_DAY + row % 90000 * 30437 / 1000 + 1;
    case SB_YEAR:
        return FIRST_DAY + row * 366 % 2900000;
    default:
        return FIRST_DAY + row % 2900000;
    }
}

static void put_date(struct cell *cell, const struct sb_column *column, int64_t row, uint64_t h)
{
    int64_t days = day_of(column, row, h);
    unsigned y, m, d;

    if (column->kind == SB_WEEK)
        days -= (days + 3) % 7;
    civil(days, &y, &m, &d);
    put_unsigned(cell, y, 4);
    if (column->kind == SB_YEAR)
        return;
    put_char(cell, '-');
    put_unsigned(cell, m, 2);
    if (column->kind == SB_MONTH)
        return;
    put_char(cell, '-');
    put_unsigned(cell, d, 2);
    if (column->kind != SB_TIME)
        return;
    put_char(cell, ' ');
    put_unsigned(cell, h % 24, 2);
    put_char(cell, ':');
    put_unsigned(cell, h / 24 % 60, 2);
    put_char(cell, ':');
    put_unsigned(cell, h / 1440 % 60, 2);
}

/* ---- text ---- */

static void put_text(struct cell *cell, const struct sb_column *column, int64_t row, uint64_t h)
{
    static const struct lk_str words[] = {
        LK_STR_INIT("Amber"), LK_STR_INIT("Birch"), LK_STR_INIT("Cedar"),  LK_STR_INIT("Dune"),
        LK_STR_INIT("Ember"), LK_STR_INIT("Fjord"), LK_STR_INIT("Grove"),  LK_STR_INIT("Heath"),
        LK_STR_INIT("Jade"),  LK_STR_INIT("Kelp"),  LK_STR_INIT("Indigo"), LK_STR_INIT("Lark"),
        LK_STR_INIT("Moss"),  LK_STR_INIT("Nord"),  LK_STR_INIT("Opal"),   LK_STR_INIT("Pine"),
    };
    uint64_t n = column->n_values, number = (uint64_t)row;

    if (n > 0) {
        put_str(cell, lk_str(column->field.values[(column->first ? number : h) % n]));
        if (column->first && number >= n) {
            put_char(cell, ' ');
            put_unsigned(cell, number / n + 1, 1);
        }
        return;
    }
    if (strcmp(column->field.type, "list") == 0) {
        put_str(cell, LK_STR("Chrome|Safari"));
        return;
    }
    put_str(cell, words[h % 16]);
    put_char(cell, ' ');
    put_unsigned(cell, column->first ? number + 1 : h / 16 % 10000, 1);
}

static void put_location(struct cell *cell, uint64_t h)
{
    put_cents(cell, h % 6000 + 100);
    put_str(cell, LK_STR(",-"));
    put_cents(cell, h / 6000 % 12000 + 100);
}

static void put_value(struct cell *cell, const struct sb_column *column, int64_t row, uint64_t h)
{
    switch (column->kind) {
    case SB_KEY:
        put_unsigned(cell, (uint64_t)row + 1, 1);
        break;
    case SB_INTEGER:
        put_unsigned(cell, h % 100, 1);
        break;
    case SB_COUNT:
        put_unsigned(cell, h % 5000 + 1, 1);
        break;
    case SB_SUM:
        put_cents(cell, h % 10000000);
        break;
    case SB_AVERAGE:
        put_cents(cell, h % 50000);
        break;
    case SB_RATE:
        put_str(cell, LK_STR("0."));
        put_unsigned(cell, h % 9000 + 1000, 4);
        break;
    case SB_YESNO:
        put_str(cell, h % 2 == 0 ? LK_STR("Yes") : LK_STR("No"));
        break;
    case SB_ZIP:
        put_unsigned(cell, h % 100000, 5);
        break;
    case SB_LOCATION:
        put_location(cell, h);
        break;
    case SB_EMAIL:
        put_str(cell, LK_STR("customer"));
        put_unsigned(cell, column->first ? (uint64_t)row : h % 1000000, 6);
        put_str(cell, LK_STR("@example.com"));
        break;
    case SB_TEXT:
        put_text(cell, column, row, h);
        break;
    default:
        put_date(cell, column, row, h);
    }
}

/* ---- presentation ---- */

static bool has_any_of(struct lk_str text, const char *bytes)
{
    for (; *bytes != '\0'; bytes++)
        if (memchr(text.ptr, *bytes, text.len) != NULL)
            return true;
    return false;
}

static void present_csv(struct lk_buf *buf, struct lk_str text)
{
    if (!has_any_of(text, ",\"\n")) {
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

static void present_html(struct lk_buf *buf, struct lk_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '<')
            lk_buf_lit(buf, "&lt;");
        else if (text.ptr[i] == '&')
            lk_buf_lit(buf, "&amp;");
        else
            lk_buf_char(buf, text.ptr[i]);
    }
}

static void present_json(struct lk_buf *buf, struct lk_str text)
{
    char *room;

    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= ' ' && text.ptr[i] != '"' && text.ptr[i] != '\\')
            continue;
        lk_buf_char(buf, '"');
        lk_json_escape(buf, text);
        lk_buf_char(buf, '"');
        return;
    }
    room = lk_buf_reserve(buf, text.len + 2);
    if (room == NULL)
        return;
    room[0] = '"';
    memcpy(room + 1, text.ptr, text.len);
    room[text.len + 1] = '"';
    buf->len += text.len + 2;
}

static void present(struct lk_buf *buf, struct lk_str text, enum sb_value_style style)
{
    switch (style) {
    case SB_JSON_VALUE:
        present_json(buf, text);
        break;
    case SB_CSV_VALUE:
        present_csv(buf, text);
        break;
    case SB_HTML_VALUE:
        present_html(buf, text);
        break;
    case SB_PLAIN_VALUE:
        lk_buf_str(buf, text);
    }
}

void sb_value(struct lk_buf *buf, const struct sb_plan *plan, const struct sb_column *column,
              int64_t row, enum sb_value_style style)
{
    int64_t at = (plan->descending ? plan->all - 1 - row : row) + plan->explore.skips;
    uint64_t h = mix(column->hash + (uint64_t)at * 0x9e3779b97f4a7c15ULL);
    struct lk_str text;
    struct cell cell;

    cell.len = 0;
    if (at < 0)
        at = -at;
    if (column->changes > 0 && at % column->changes == 0)
        h = mix(h + 1);
    if (column->n_fixed > 0) {
        text = column->fixed[h % column->n_fixed];
    } else if (column->nullable && !column->first && h % 5 != 0) {
        if (style == SB_JSON_VALUE)
            lk_buf_lit(buf, "null");
        return;
    } else {
        if (plan->formatted && (column->kind == SB_SUM || column->kind == SB_AVERAGE))
            put_char(&cell, '$');
        put_value(&cell, column, at, h);
        text = lk_str_n(cell.text, cell.len);
    }
    if (column->number && !plan->formatted)
        lk_buf_str(buf, text);
    else
        present(buf, text, style);
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
