/*
 * Shapes query results (rows.h). Rows are found with json/scan and copied as they came; nothing is
 * decoded but error texts. Called by the handlers of the query group.
 */
#include "handlers/rows.h"

#include "handlers/items.h"
#include "json/scan.h"

#include <inttypes.h>
#include <stdio.h>

#define NARROW "narrow the question: fewer fields, more filters or a coarser grouping"
static const char how_detail[] =
    "ask for fewer fields, since each is described there (or have LOOKER_MAX_RESULT_BYTES raised); "
    "result_format json has the rows alone";
static const char how_json[] =
    NARROW "; result_format csv takes less room a row (or have LOOKER_MAX_RESULT_BYTES raised)";
static const char how_text[] = NARROW " (or have LOOKER_MAX_RESULT_BYTES raised)";

struct lk_rows_limit lk_rows_limit(int64_t max_rows, int64_t requested, int64_t saved)
{
    int64_t wanted = requested > 0 ? requested : saved > 0 ? saved : max_rows;

    return (struct lk_rows_limit){
        .requested = requested > 0 ? requested : 0,
        .applied = wanted < max_rows ? wanted : max_rows,
        .max_rows = max_rows,
    };
}

/* ---- errors inside a 200 ---- */

static bool fail_query(struct lk_error *err, struct lk_str text, struct lk_str more)
{
    lk_fail(err, LK_ERROR_UPSTREAM,
            "Looker could not run the query; the detail says why. Field names come from "
            "list_dimensions and list_measures");
    /* No status: its 200 would say that the query went well. */
    lk_error_detail(err, "%.*s%s%.*s", LK_STR_ARG(text), more.len > 0 ? ": " : "",
                    LK_STR_ARG(more));
    return false;
}

/* [{"looker_error":"…"}] */
static bool check_list(struct lk_arena *arena, const struct lk_api_answer *answer,
                       struct lk_error *err)
{
    struct lk_json_iter it = lk_json_iter(answer->body);
    struct lk_str row, text;

    if (!lk_json_next(&it, NULL, &row) || !lk_json_get(row, LK_STR("looker_error"), &text))
        return true;
    return fail_query(err, lk_json_decode_string(arena, text), (struct lk_str){0});
}

/* {"errors":[{"message":"…","message_details":"…"}],…}; null or [] when there are none. */
static bool check_object(struct lk_arena *arena, const struct lk_api_answer *answer,
                         struct lk_error *err)
{
    struct lk_str errors, first, text;

    if (lk_json_get(answer->body, LK_STR("looker_error"), &text))
        return fail_query(err, lk_json_decode_string(arena, text), (struct lk_str){0});
    if (!lk_json_get(answer->body, LK_STR("errors"), &errors))
        return true;
    struct lk_json_iter it = lk_json_iter(errors);
    if (!lk_json_next(&it, NULL, &first))
        return true;
    if (lk_json_type(first) == LK_JSON_STRING)
        return fail_query(err, lk_json_decode_string(arena, first), (struct lk_str){0});
    return fail_query(err, lk_json_get_string(arena, first, LK_STR("message")),
                      lk_json_get_string(arena, first, LK_STR("message_details")));
}

static bool is_json_format(struct lk_str format)
{
    return lk_str_starts(format, LK_STR("json"));
}

static bool is_page(struct lk_str text)
{
    static const struct lk_str begins[] = {LK_STR_INIT("<!doctype html"), LK_STR_INIT("<html")};

    text = lk_str_trim(text);
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        if (text.len >= begins[i].len && lk_str_ieq(lk_str_n(text.ptr, begins[i].len), begins[i]))
            return true;
    }
    return false;
}

/* Looker states no schema for texts, so this is all that tells a result from something else. */
static bool check_text(const struct lk_api_answer *answer, enum lk_json_type type,
                       struct lk_str format, struct lk_error *err)
{
    bool sql = lk_str_eq(format, LK_STR("sql"));

    if (type != LK_JSON_INVALID && type != LK_JSON_STRING)
        return lk_fail(err, LK_ERROR_PARSE, "Looker answered the query with JSON instead of %.*s",
                       LK_STR_ARG(format));
    if (sql && answer->body.len == 0)
        return lk_fail(err, LK_ERROR_PARSE,
                       "Looker answered the query with nothing instead of SQL");
    if (!lk_str_eq(format, LK_STR("html")) && is_page(answer->body))
        return lk_fail(err, LK_ERROR_PARSE,
                       "the query was answered with a web page instead of %.*s; something between "
                       "this server and Looker (a proxy, a login page) may have answered",
                       LK_STR_ARG(format));
    return true;
}

static struct lk_str find_rows(struct lk_str body, const char **ret_member);

bool lk_rows_check(struct lk_arena *arena, const struct lk_api_answer *answer, struct lk_str format,
                   struct lk_error *err)
{
    enum lk_json_type type =
        answer->media == LK_MEDIA_JSON ? lk_json_type(answer->body) : LK_JSON_INVALID;
    const char *member = NULL;

    if ((type == LK_JSON_ARRAY && !check_list(arena, answer, err)) ||
        (type == LK_JSON_OBJECT && !check_object(arena, answer, err)))
        return false;
    if (!is_json_format(format))
        return check_text(answer, type, format, err);
    if (type == LK_JSON_OBJECT)
        (void)find_rows(answer->body, &member);
    if (type == LK_JSON_ARRAY || member != NULL)
        return true;
    return lk_fail(err, LK_ERROR_PARSE, "Looker answered the query with %s instead of rows",
                   answer->body.len == 0    ? "nothing"
                   : type == LK_JSON_OBJECT ? "an object that has none"
                                            : "text");
}

/* ---- rows ---- */

/* Where the rows are: the answer itself, or its member `data` (json_detail) or `rows` (json_bi). */
static struct lk_str find_rows(struct lk_str body, const char **ret_member)
{
    static const char *const members[] = {"data", "rows"};
    struct lk_str rows;

    *ret_member = NULL;
    if (lk_json_type(body) == LK_JSON_ARRAY)
        return body;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (lk_json_get(body, lk_str(members[i]), &rows) && lk_json_type(rows) == LK_JSON_ARRAY) {
            *ret_member = members[i];
            return rows;
        }
    }
    return LK_STR("[]");
}

/* All members of the answer but the rows. */
static void write_whole_detail(struct lk_json_writer *w, struct lk_str body,
                               const char *rows_member)
{
    struct lk_json_iter it = lk_json_iter(body);
    struct lk_str key, value;

    lk_json_key(w, "detail");
    lk_json_begin_object(w);
    while (lk_json_next(&it, &key, &value)) {
        if (rows_member == NULL || !lk_json_key_eq(key, lk_str(rows_member))) {
            if (w->comma)
                lk_buf_char(w->buf, ',');
            lk_buf_char(w->buf, '"');
            lk_buf_str(w->buf, key); /* as it came, with its escapes */
            lk_buf_lit(w->buf, "\":");
            lk_buf_str(w->buf, value);
            w->comma = true;
        }
    }
    lk_json_end_object(w);
}

/* The same, unless it takes more than half of the room: rows are what was asked for. Then the
 * answer says so. Returns the bytes that this takes. */
static size_t write_detail(struct lk_json_writer *w, struct lk_str body, const char *rows_member,
                           size_t max_bytes)
{
    size_t before = w->buf->len, bytes;
    bool comma = w->comma;

    write_whole_detail(w, body, rows_member);
    bytes = w->buf->len - before;
    if (bytes <= max_bytes / 2 && !w->buf->overflow)
        return bytes;
    lk_buf_truncate(w->buf, before);
    w->comma = comma;
    lk_json_key(w, "detail_left_out");
    lk_json_begin_object(w);
    lk_json_member_string(w, "reason", LK_STR("result_bytes"));
    lk_json_member_integer(w, "limit", (int64_t)(max_bytes / 2));
    lk_json_member_string(w, "how", lk_str(how_detail));
    lk_json_end_object(w);
    return w->buf->len - before;
}

static void write_limit(struct lk_json_writer *w, int64_t rows, const struct lk_rows_limit *limit)
{
    if (limit->applied > 0 && rows >= limit->applied) {
        lk_json_member_boolean(w, "limit_reached", true);
        lk_json_member_integer(w, "limit", limit->applied);
    }
    if (limit->requested > limit->applied && limit->applied > 0) {
        char note[160];
        snprintf(note, sizeof(note),
                 "limit %" PRId64 " is above this server's maximum of %" PRId64
                 " rows (LOOKER_MAX_ROWS) and was lowered to it",
                 limit->requested, limit->max_rows);
        lk_json_member_integer(w, "limit_applied", limit->applied);
        lk_json_member_string(w, "limit_note", lk_str(note));
    }
}

void lk_rows_write_list(struct lk_json_writer *w, struct lk_str rows, size_t total,
                        const struct lk_rows_limit *limit, size_t max_bytes, const char *how)
{
    struct lk_json_iter it = lk_json_iter(rows);
    struct lk_str row;
    size_t bytes = 0, count = 0;

    while (lk_json_next(&it, NULL, &row) && (bytes += row.len + 1) <= max_bytes)
        count++;
    lk_json_member_integer(w, "count", (int64_t)count);
    lk_json_key(w, "items");
    lk_json_begin_array(w);
    it = lk_json_iter(rows);
    for (size_t i = 0; i < count && lk_json_next(&it, NULL, &row); i++)
        lk_json_put_raw(w, row);
    lk_json_end_array(w);
    write_limit(w, (int64_t)total, limit);
    if (count < total)
        lk_write_truncated(w, max_bytes, (int64_t)count, (int64_t)total, how);
}

static void write_json(struct lk_json_writer *w, struct lk_str body,
                       const struct lk_rows_limit *limit, size_t max_bytes)
{
    const char *member;
    struct lk_str rows = find_rows(body, &member);
    size_t detail = 0;

    if (lk_json_type(body) == LK_JSON_OBJECT)
        detail = write_detail(w, body, member, max_bytes);
    lk_rows_write_list(w, rows, lk_json_count(rows), limit,
                       detail < max_bytes ? max_bytes - detail : 0, how_json);
}

/* ---- text ---- */

/* At most max bytes: up to the last line's end, or else up to the last whole character. */
static struct lk_str cut_lines(struct lk_str text, size_t max)
{
    const char *end;
    size_t len = max;

    if (text.len <= max)
        return text;
    end = memrchr(text.ptr, '\n', max);
    if (end != NULL)
        return lk_str_n(text.ptr, (size_t)(end - text.ptr) + 1);
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--;
    return lk_str_n(text.ptr, len);
}

/*
 * Rows of a text, for limit_reached, which is a hint: what the formats leave open (line breaks
 * inside quotes, a header that looks like a row) may make the count too high by a row or two, so
 * that the answer says too often rather than too seldom that there may be more.
 */

static int64_t count_lines(struct lk_str text)
{
    int64_t n = text.len > 0 && text.ptr[text.len - 1] != '\n';

    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '\n';
    return n;
}

/* The first line is the header. */
static int64_t count_csv(struct lk_str text)
{
    return count_lines(text) - 1;
}

/* What stands below the line of dashes. */
static int64_t count_md(struct lk_str text)
{
    for (const char *p = text.ptr, *end = text.ptr + text.len, *line_end; p < end; p = line_end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        line_end = newline != NULL ? newline + 1 : end;
        const char *odd = p;
        while (odd < line_end && memchr("|-: \t\r\n", *odd, 7) != NULL)
            odd++;
        if (odd == line_end && memchr(p, '-', (size_t)(line_end - p)) != NULL)
            return count_lines(lk_str_n(line_end, (size_t)(end - line_end)));
    }
    return count_lines(text);
}

/* Rows of the table that have cells of their own, and not headers alone. */
static int64_t count_html(struct lk_str text)
{
    static const struct lk_str row = LK_STR_INIT("<tr"), cell = LK_STR_INIT("<td");
    bool counted = true;
    int64_t n = 0;

    for (size_t i = 0; i + row.len <= text.len; i++) {
        struct lk_str here = lk_str_n(text.ptr + i, row.len);
        if (lk_str_ieq(here, row)) {
            counted = false;
        } else if (!counted && lk_str_ieq(here, cell)) {
            counted = true;
            n++;
        }
    }
    return n;
}

static const struct {
    struct lk_str format;
    int64_t (*rows)(struct lk_str text);
} counters[] = {
    {LK_STR_INIT("csv"), count_csv},
    {LK_STR_INIT("txt"), count_csv},
    {LK_STR_INIT("md"), count_md},
    {LK_STR_INIT("html"), count_html},
};

/* 0 for a format that has no rows. */
static int64_t count_rows(struct lk_str text, struct lk_str format)
{
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        if (lk_str_eq(format, counters[i].format))
            return counters[i].rows(text);
    }
    return 0;
}

static void write_text(struct lk_json_writer *w, struct lk_str text, struct lk_str format,
                       const struct lk_rows_limit *limit, size_t max_bytes)
{
    bool sql = lk_str_eq(format, LK_STR("sql"));
    struct lk_str cut = sql ? text : cut_lines(text, max_bytes);

    lk_json_member_string(w, "format", format);
    lk_json_member_string(w, "text", cut);
    if (!sql)
        write_limit(w, count_rows(text, format), limit);
    if (cut.len < text.len) {
        lk_json_key(w, "truncated");
        lk_json_begin_object(w);
        lk_json_member_string(w, "reason", LK_STR("result_bytes"));
        lk_json_member_integer(w, "limit", (int64_t)max_bytes);
        lk_json_member_integer(w, "returned_bytes", (int64_t)cut.len);
        lk_json_member_integer(w, "total_bytes", (int64_t)text.len);
        lk_json_member_string(w, "how", lk_str(how_text));
        lk_json_end_object(w);
    }
}

struct lk_str lk_rows_text(struct lk_arena *arena, const struct lk_api_answer *answer)
{
    if (answer->media == LK_MEDIA_JSON && lk_json_type(answer->body) == LK_JSON_STRING)
        return lk_json_decode_string(arena, answer->body);
    return answer->body;
}

void lk_rows_write(struct lk_json_writer *w, struct lk_arena *arena,
                   const struct lk_api_answer *answer, struct lk_str format,
                   const struct lk_rows_limit *limit, size_t max_bytes)
{
    if (is_json_format(format))
        write_json(w, answer->body, limit, max_bytes);
    else
        write_text(w, lk_rows_text(arena, answer), format, limit, max_bytes);
}
