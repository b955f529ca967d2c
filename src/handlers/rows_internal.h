/*
 * What the files about rows share.
 *
 *     rows.c        limits, errors that come with status 200, lists that are there already
 *     rows_fetch.c  results of any size, cut as they come
 *     rows_text.c   Markdown, HTML
 *     rows_put.c    what was fetched, as an answer
 */
#ifndef LK_HANDLERS_ROWS_INTERNAL_H
#define LK_HANDLERS_ROWS_INTERNAL_H

#include "handlers/rows.h"
#include "json/project.h"

bool lk_rows_is_json(struct lk_str format);

/* Whether a text is a web page; that it is one, instead of what was asked for. Returns false. */
bool lk_rows_is_page(struct lk_str text);
bool lk_rows_fail_page(struct lk_error *err, struct lk_str format);
/* Whether it is the line below the names of a Markdown table. */
bool lk_rows_is_rule(struct lk_str line);
/* Rows of an HTML table that have cells of their own, and not headers alone. */
int64_t lk_rows_count_html(struct lk_str text);
/* How much of it makes at most max bytes: up to the end of the last row, or else up to the last
 * whole character. */
size_t lk_rows_cut_html(struct lk_str text, size_t max);

/* The failure of a query, in Looker's words; `more` may be empty. Returns false. */
bool lk_rows_fail(struct lk_error *err, struct lk_str text, struct lk_str more);
/* Of the member `errors` of an answer; true when it holds none. */
bool lk_rows_check_errors(struct lk_arena *arena, struct lk_str errors, struct lk_error *err);
/* Of a row; true when it is one. */
bool lk_rows_check_row(struct lk_arena *arena, struct lk_str row, struct lk_error *err);
/* Of a member of an answer that is an object, with a key and a value as of struct
 * lk_json_flow_options; true when it does not say that the query failed. */
bool lk_rows_check_member(struct lk_arena *arena, struct lk_str key, struct lk_str value,
                          struct lk_error *err);
/* What came is no JSON, or a row of it too large: `why`, where it was found. Returns false. */
bool lk_rows_fail_json(struct lk_error *err, const struct lk_error *why);
/* Something else came instead of rows. Returns false. */
bool lk_rows_fail_kind(struct lk_error *err, struct lk_str format, const char *what);

/* Each row with these columns only; a list that is not empty. */
struct lk_projection *lk_rows_columns(struct lk_arena *arena, const struct lk_string_list *fields);
/* Whether a row has each of them: one that is silently missing would be taken for empty. NULL: all
 * columns. */
bool lk_rows_check_columns(struct lk_str row, const struct lk_projection *columns,
                           struct lk_error *err);

/* The member `truncated` of rows that were cut; at_least: there may be more than total. */
void lk_rows_write_truncated(struct lk_json_writer *w, size_t max_bytes, int64_t returned,
                             int64_t total, bool at_least, const char *how);
/* The members limit_reached to limit_note; rows: how many came. */
void lk_rows_write_limit(struct lk_json_writer *w, int64_t rows, const struct lk_rows_limit *limit);

#endif
