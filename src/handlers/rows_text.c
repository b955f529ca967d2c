/*
 * What has to be known of Markdown and HTML to tell rows of a result (rows_internal.h), and web
 * pages from results. Called by rows.c and rows_fetch.c.
 */
#include "handlers/rows_internal.h"

bool lk_rows_is_page(struct lk_str text)
{
    static const struct lk_str begins[] = {LK_STR_INIT("<!doctype html"), LK_STR_INIT("<html")};

    text = lk_str_trim(text);
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        if (text.len >= begins[i].len && lk_str_ieq(lk_str_n(text.ptr, begins[i].len), begins[i]))
            return true;
    }
    return false;
}

bool lk_rows_fail_page(struct lk_error *err, struct lk_str format)
{
    return lk_fail(err, LK_ERROR_PARSE,
                   "the query was answered with a web page instead of %.*s; something between this "
                   "server and Looker (a proxy, a login page) may have answered",
                   LK_STR_ARG(format));
}

bool lk_rows_is_rule(struct lk_str line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (memchr("|-: \t\r\n", line.ptr[i], 7) == NULL)
            return false;
    }
    return line.len > 0 && memchr(line.ptr, '-', line.len) != NULL;
}

int64_t lk_rows_count_html(struct lk_str text)
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

size_t lk_rows_cut_html(struct lk_str text, size_t max)
{
    static const struct lk_str end = LK_STR_INIT("</tr>");

    if (text.len <= max)
        return text.len;
    for (size_t at = max; at >= end.len; at--) {
        if (lk_str_ieq(lk_str_n(text.ptr + at - end.len, end.len), end))
            return at;
    }
    return lk_str_cut(text, max).len;
}
