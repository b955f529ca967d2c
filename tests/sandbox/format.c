/*
 * Results in each result_format, as streams: a header, rows in pieces of about 64 KiB, a footer.
 * Memory stays the same whatever the number of rows.
 */
#include "sandbox.h"

#include <stdio.h>

#define PIECE_BYTES ((size_t)64 * 1024)

struct sb_format {
    const char *name, *content_type;
    void (*header)(struct lk_buf *buf, const struct sb_plan *plan);
    void (*row)(struct lk_buf *buf, const struct sb_plan *plan, int64_t row);
    void (*footer)(struct lk_buf *buf, const struct sb_plan *plan);
    void (*error)(struct lk_buf *buf, const struct sb_plan *plan);
};

static bool is_measure(const struct sb_column *column)
{
    return (column->field.flags & SB_MEASURE) != 0;
}

/* ---- json ---- */

static void pivot_cells(struct lk_buf *buf, const struct sb_plan *plan,
                        const struct sb_column *column, int64_t row, bool detail)
{
    lk_buf_char(buf, '{');
    for (size_t p = 0; p < SB_PIVOTS; p++) {
        if (p > 0)
            lk_buf_char(buf, ',');
        lk_buf_char(buf, '"');
        lk_json_escape(buf, sb_pivot_key(plan, p));
        lk_buf_str(buf, detail ? LK_STR("\":{\"value\":") : LK_STR("\":"));
        sb_value(buf, plan, column, row * SB_PIVOTS + (int64_t)p, SB_JSON_VALUE);
        if (detail)
            lk_buf_char(buf, '}');
    }
    lk_buf_char(buf, '}');
}

/* The column's key, with the comma in front of it unless it is the first one. */
static void json_key(struct lk_buf *buf, const struct sb_column *column, bool *comma)
{
    size_t skip = *comma ? 0 : 1;

    lk_buf_append(buf, column->json_key.ptr + skip, column->json_key.len - skip);
    *comma = true;
}

static void json_cells(struct lk_buf *buf, const struct sb_plan *plan, int64_t row, bool detail)
{
    bool comma = false;

    lk_buf_char(buf, '{');
    for (size_t c = 0; c < plan->n_columns; c++) {
        const struct sb_column *column = &plan->columns[c];

        if (column->pivot)
            continue;
        json_key(buf, column, &comma);
        if (plan->n_pivots > 0 && is_measure(column)) {
            pivot_cells(buf, plan, column, row, detail);
            continue;
        }
        if (detail)
            lk_buf_lit(buf, "{\"value\":");
        sb_value(buf, plan, column, row, SB_JSON_VALUE);
        if (detail)
            lk_buf_char(buf, '}');
    }
    lk_buf_char(buf, '}');
}

static void json_header(struct lk_buf *buf, const struct sb_plan *plan)
{
    (void)plan;
    lk_buf_char(buf, '[');
}

static void json_row(struct lk_buf *buf, const struct sb_plan *plan, int64_t row)
{
    if (row > 0)
        lk_buf_lit(buf, ",\n");
    json_cells(buf, plan, row, false);
}

static void json_footer(struct lk_buf *buf, const struct sb_plan *plan)
{
    (void)plan;
    lk_buf_char(buf, ']');
}

static void json_error(struct lk_buf *buf, const struct sb_plan *plan)
{
    (void)plan;
    lk_buf_lit(buf, "[{\"looker_error\":\"" SB_BROKEN_TEXT "\"}]");
}

/* ---- json_detail, json_bi ---- */

static void detail_field(struct lk_json_writer *w, const struct sb_plan *plan,
                         const struct sb_column *column)
{
    if (column->field.view[0] != '\0') {
        sb_write_field(plan->arena, w, plan->model, &column->field);
        return;
    }
    lk_json_begin_object(w);
    lk_json_member_string(w, "name", column->name);
    lk_json_member_string(w, "label", column->label);
    lk_json_member_string(w, "type", lk_str(column->field.type));
    lk_json_member_boolean(w, "dynamic", true);
    lk_json_end_object(w);
}

static void detail_fields(struct lk_json_writer *w, const struct sb_plan *plan)
{
    static const char *const sets[] = {"dimensions", "measures", "table_calculations", "pivots"};

    lk_json_key(w, "fields");
    lk_json_begin_object(w);
    for (size_t s = 0; s < 4; s++) {
        lk_json_key(w, sets[s]);
        lk_json_begin_array(w);
        for (size_t c = 0; c < plan->n_columns; c++) {
            const struct sb_column *column = &plan->columns[c];
            size_t set = column->pivot ? 3 : column->table_calc ? 2 : is_measure(column) ? 1 : 0;

            if (set == s)
                detail_field(w, plan, column);
        }
        lk_json_end_array(w);
    }
    lk_json_end_object(w);
}

static void detail_pivots(struct lk_json_writer *w, const struct sb_plan *plan)
{
    lk_json_key(w, "pivots");
    lk_json_begin_array(w);
    for (size_t p = 0; plan->n_pivots > 0 && p < SB_PIVOTS; p++) {
        lk_json_begin_object(w);
        lk_json_member_string(w, "key", sb_pivot_key(plan, p));
        lk_json_member_boolean(w, "is_total", false);
        lk_json_key(w, "data");
        lk_json_begin_object(w);
        for (size_t c = 0; c < plan->n_columns; c++) {
            if (!plan->columns[c].pivot)
                continue;
            lk_json_key_str(w, plan->columns[c].name);
            lk_json_put_string(w, sb_pivot_key(plan, p));
        }
        lk_json_end_object(w);
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
}

static void totals(struct lk_buf *buf, const struct sb_plan *plan)
{
    bool comma = false;

    lk_buf_char(buf, '{');
    for (size_t c = 0; c < plan->n_columns; c++) {
        if (!is_measure(&plan->columns[c]))
            continue;
        json_key(buf, &plan->columns[c], &comma);
        lk_buf_lit(buf, "{\"value\":");
        sb_value(buf, plan, &plan->columns[c], plan->all, SB_JSON_VALUE);
        lk_buf_char(buf, '}');
    }
    lk_buf_char(buf, '}');
}

static void detail_header(struct lk_buf *buf, const struct sb_plan *plan)
{
    struct lk_json_writer w = lk_json_writer(buf);

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "id", lk_str("0123456789abcdef"));
    lk_json_member_string(&w, "model", lk_str(plan->model->name));
    lk_json_member_string(&w, "explore", lk_str(plan->explore.name));
    lk_json_member_string(&w, "ran_at", LK_STR("2026-01-15T09:30:00+00:00"));
    lk_json_member_raw(&w, "runtime", LK_STR("0.125"));
    lk_json_member_string(&w, "timezone", LK_STR("UTC"));
    lk_json_member_boolean(&w, "from_cache", false);
    lk_json_member_boolean(&w, "has_totals", plan->totals);
    lk_json_member_boolean(&w, "has_row_totals", plan->row_totals);
    lk_json_member_boolean(&w, "truncated", plan->rows < plan->all);
    lk_json_member_boolean(&w, "max_column_limit_exceeded", false);
    lk_json_member_raw(&w, "errors", LK_STR("[]"));
    lk_json_member_raw(&w, "warnings", LK_STR("[]"));
    detail_fields(&w, plan);
    detail_pivots(&w, plan);
    if (plan->totals) {
        lk_buf_lit(buf, ",\"totals_data\":");
        totals(buf, plan);
    }
    lk_buf_lit(buf, ",\"data\":[");
}

static void detail_row(struct lk_buf *buf, const struct sb_plan *plan, int64_t row)
{
    if (row > 0)
        lk_buf_lit(buf, ",\n");
    json_cells(buf, plan, row, true);
}

static void detail_footer(struct lk_buf *buf, const struct sb_plan *plan)
{
    struct lk_buf sql;

    lk_buf_init(&sql, SB_MAX_TEXT_BYTES);
    sb_write_sql(&sql, plan);
    lk_buf_lit(buf, "],\"sql\":\"");
    lk_json_escape(buf, lk_buf_view(&sql));
    lk_buf_lit(buf, "\"}");
    lk_buf_free(&sql);
}

static void detail_error(struct lk_buf *buf, const struct sb_plan *plan)
{
    (void)plan;
    lk_buf_lit(buf, "{\"fields\":{},\"data\":[],\"errors\":[{\"message\":"
                    "\"The warehouse database encountered an error while running this query.\","
                    "\"message_details\":\"column orders.broken does not exist\","
                    "\"params\":\"SELECT orders.broken\",\"error_pos\":7,\"level\":\"error\","
                    "\"fatal\":true}]}");
}

static void bi_header(struct lk_buf *buf, const struct sb_plan *plan)
{
    struct lk_json_writer w = lk_json_writer(buf);

    lk_json_begin_object(&w);
    lk_json_key(&w, "metadata");
    lk_json_begin_object(&w);
    detail_fields(&w, plan);
    detail_pivots(&w, plan);
    lk_json_end_object(&w);
    lk_buf_lit(buf, ",\"rows\":[");
}

static void bi_footer(struct lk_buf *buf, const struct sb_plan *plan)
{
    (void)plan;
    lk_buf_lit(buf, "]}");
}

/* ---- csv, txt, md, html: one walk over the cells with different seams ---- */

struct seams {
    struct lk_str row_start, between, row_end;
    enum sb_value_style style;
};

static const struct seams csv_seams = {LK_STR_INIT(""), LK_STR_INIT(","), LK_STR_INIT("\n"),
                                       SB_CSV_VALUE};
static const struct seams txt_seams = {LK_STR_INIT(""), LK_STR_INIT("\t"), LK_STR_INIT("\n"),
                                       SB_PLAIN_VALUE};
static const struct seams md_seams = {LK_STR_INIT("| "), LK_STR_INIT(" | "), LK_STR_INIT(" |\n"),
                                      SB_PLAIN_VALUE};
static const struct seams html_seams = {LK_STR_INIT("<tr><td>"), LK_STR_INIT("</td><td>"),
                                        LK_STR_INIT("</td></tr>\n"), SB_HTML_VALUE};

/* row -1: labels; row -2: dashes. */
static void cells(struct lk_buf *buf, const struct sb_plan *plan, int64_t row,
                  const struct seams *seams)
{
    bool between = false;

    lk_buf_str(buf, seams->row_start);
    for (size_t c = 0; c < plan->n_columns; c++) {
        const struct sb_column *column = &plan->columns[c];
        bool pivoted = plan->n_pivots > 0 && is_measure(column);

        for (size_t p = 0; p < (column->pivot ? 0 : pivoted ? SB_PIVOTS : 1); p++) {
            if (between)
                lk_buf_str(buf, seams->between);
            between = true;
            if (row >= 0) {
                sb_value(buf, plan, column, pivoted ? row * SB_PIVOTS + (int64_t)p : row,
                         seams->style);
            } else if (row == -2) {
                lk_buf_lit(buf, "---");
            } else {
                if (pivoted) {
                    lk_buf_str(buf, sb_pivot_key(plan, p));
                    lk_buf_char(buf, ' ');
                }
                lk_buf_str(buf, column->label);
            }
        }
    }
    lk_buf_str(buf, seams->row_end);
}

static void csv_header(struct lk_buf *buf, const struct sb_plan *plan)
{
    cells(buf, plan, -1, &csv_seams);
}

static void csv_row(struct lk_buf *buf, const struct sb_plan *plan, int64_t row)
{
    cells(buf, plan, row, &csv_seams);
}

static void txt_header(struct lk_buf *buf, const struct sb_plan *plan)
{
    cells(buf, plan, -1, &txt_seams);
}

static void txt_row(struct lk_buf *buf, const struct sb_plan *plan, int64_t row)
{
    cells(buf, plan, row, &txt_seams);
}

static void md_header(struct lk_buf *buf, const struct sb_plan *plan)
{
    cells(buf, plan, -1, &md_seams);
    cells(buf, plan, -2, &md_seams);
}

static void md_row(struct lk_buf *buf, const struct sb_plan *plan, int64_t row)
{
    cells(buf, plan, row, &md_seams);
}

static void html_header(struct lk_buf *buf, const struct sb_plan *plan)
{
    lk_buf_lit(buf, "<table>\n");
    cells(buf, plan, -1, &html_seams);
}

static void html_row(struct lk_buf *buf, const struct sb_plan *plan, int64_t row)
{
    cells(buf, plan, row, &html_seams);
}

static void html_footer(struct lk_buf *buf, const struct sb_plan *plan)
{
    (void)plan;
    lk_buf_lit(buf, "</table>\n");
}

static void no_footer(struct lk_buf *buf, const struct sb_plan *plan)
{
    (void)buf;
    (void)plan;
}

static void text_error(struct lk_buf *buf, const struct sb_plan *plan)
{
    (void)plan;
    lk_buf_lit(buf, "ERROR: " SB_BROKEN_TEXT "\n");
}

/* ---- sql ---- */

void sb_write_sql(struct lk_buf *buf, const struct sb_plan *plan)
{
    struct lk_str filters, key, value;
    const char *lead = "\nWHERE ";

    lk_buf_lit(buf, "SELECT");
    for (size_t c = 0; c < plan->n_columns; c++)
        lk_buf_printf(buf, "%s\n    %s%.*s%s AS \"%.*s\"", c > 0 ? "," : "",
                      is_measure(&plan->columns[c]) ? "SUM(" : "",
                      LK_STR_ARG(plan->columns[c].name), is_measure(&plan->columns[c]) ? ")" : "",
                      LK_STR_ARG(plan->columns[c].name));
    lk_buf_printf(buf, "\nFROM public.%s AS %s", plan->explore.views[0], plan->explore.views[0]);
    if (lk_json_get(plan->query, LK_STR("filters"), &filters)) {
        struct lk_json_iter it = lk_json_iter(filters);

        while (lk_json_next(&it, &key, &value)) {
            lk_buf_printf(buf, "%s%.*s ~ '%.*s'", lead, LK_STR_ARG(key),
                          (int)(value.len > 2 ? value.len - 2 : 0), value.ptr + 1);
            lead = " AND ";
        }
    }
    lk_buf_printf(buf, "\nORDER BY 1 %s\nLIMIT %lld\n", plan->descending ? "DESC" : "ASC",
                  (long long)plan->rows);
}

/* ---- the stream ---- */

static bool next_piece(struct sb_stream *stream, struct lk_buf *buf)
{
    struct sb_plan *plan = (struct sb_plan *)stream;
    size_t start = buf->len;

    if (plan->state == 0) {
        plan->format->header(buf, plan);
        plan->state = 1;
    }
    while (plan->at < plan->rows && buf->len - start < PIECE_BYTES)
        plan->format->row(buf, plan, plan->at++);
    if (plan->at < plan->rows)
        return true;
    plan->format->footer(buf, plan);
    return false;
}

#define JSON "application/json"
#define TEXT "text/plain; charset=utf-8"

static const struct sb_format formats[] = {
    {"json", JSON, json_header, json_row, json_footer, json_error},
    {"inline_json", JSON, json_header, json_row, json_footer, json_error},
    {"json_detail", JSON, detail_header, detail_row, detail_footer, detail_error},
    {"json_fe", JSON, detail_header, detail_row, detail_footer, detail_error},
    {"json_bi", JSON, bi_header, detail_row, bi_footer, detail_error},
    {"csv", "text/csv; charset=utf-8", csv_header, csv_row, no_footer, text_error},
    {"txt", TEXT, txt_header, txt_row, no_footer, text_error},
    {"md", "text/markdown; charset=utf-8", md_header, md_row, no_footer, text_error},
    {"html", "text/html; charset=utf-8", html_header, html_row, html_footer, text_error},
};

/* One black pixel, as a PNG; the same as a JPEG; an empty ZIP archive. */
static const char png[] =
    "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9c"
    "c`\0\0\0\x02\0\x01H\xaf\xa4q\0\0\0\0IEND\xae"
    "B`\x82";
static const char jpeg[] = "\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xd9";
static const char empty_zip[] = "PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

static const struct {
    const char *name, *content_type;
    struct lk_str body;
} images[] = {
    {"png", "image/png", {png, sizeof(png) - 1}},
    {"jpg", "image/jpeg", {jpeg, sizeof(jpeg) - 1}},
    {"xlsx",
     "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
     {empty_zip, sizeof(empty_zip)}},
};

bool sb_format_answer(struct sb_request *rq, struct sb_answer *out, struct sb_plan *plan,
                      struct lk_str format)
{
    struct lk_buf *buf;

    out->status = 200;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (!lk_str_eq(format, lk_str(formats[i].name)))
            continue;
        out->content_type = formats[i].content_type;
        plan->format = &formats[i];
        plan->stream.next = next_piece;
        if (!plan->broken) {
            out->stream = &plan->stream;
            return true;
        }
        buf = sb_buf(rq);
        formats[i].error(buf, plan);
        out->body = lk_buf_view(buf);
        return true;
    }
    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        if (lk_str_eq(format, lk_str(images[i].name))) {
            out->content_type = images[i].content_type;
            out->body = images[i].body;
            return true;
        }
    }
    if (lk_str_eq(format, LK_STR("sql"))) {
        buf = sb_buf(rq);
        sb_write_sql(buf, plan);
        out->content_type = TEXT;
        out->body = lk_buf_view(buf);
        return true;
    }
    return false;
}
