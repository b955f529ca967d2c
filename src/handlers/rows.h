/*
 * Query results as answers: rows of any result_format, held to a byte limit, and Looker's errors
 * that come with status 200.
 */
#ifndef LK_HANDLERS_ROWS_H
#define LK_HANDLERS_ROWS_H

#include "api/api.h"
#include "handlers/context.h"
#include "json/write.h"

struct lk_rows_limit {
    int64_t requested; /* 0: none was */
    int64_t applied;   /* what Looker was asked for; 0: none */
    int64_t max_rows;  /* LOOKER_MAX_ROWS */
};

/* The requested limit, or the saved one when none was requested (0), lowered to max_rows; a saved
 * one below 1 means unlimited, and becomes max_rows. */
struct lk_rows_limit lk_rows_limit(int64_t max_rows, int64_t requested, int64_t saved);

/*
 * Whether the answer to a query holds a result. Looker reports most failures of a query with status
 * 200: [{"looker_error":"…"}] for json, {"errors":[…]} for json_detail and json_bi. Those are
 * LK_ERROR_UPSTREAM with Looker's text in `detail`. `format` is the result_format.
 */
bool lk_rows_check(struct lk_arena *arena, const struct lk_api_answer *answer, struct lk_str format,
                   struct lk_error *err);

/*
 * Writes a result that passed lk_rows_check as members of the open object:
 *
 *     count, items [, detail]                  json, json_detail, json_bi
 *     detail_left_out                          in its place when it takes half of the room
 *     format, text                             csv, txt, md, html, sql
 *     limit_reached: true, limit               as many rows as were asked for: there may be more
 *     limit_applied, limit_note                the requested limit was above the maximum
 *     truncated                                cut at max_bytes, between rows or lines
 *
 * SQL is never cut: half a statement is no use.
 */
void lk_rows_write(struct lk_json_writer *w, struct lk_arena *arena,
                   const struct lk_api_answer *answer, struct lk_str format,
                   const struct lk_rows_limit *limit, size_t max_bytes);

/* The same for a JSON array of rows, of which `total` there are (more than the array has when it
 * was cut before). how: what to do to see the rest, when the rows had to be cut. */
void lk_rows_write_list(struct lk_json_writer *w, struct lk_str rows, size_t total,
                        const struct lk_rows_limit *limit, size_t max_bytes, const char *how);

/* The text of a result that is not rows, also when it came as a JSON string. */
struct lk_str lk_rows_text(struct lk_arena *arena, const struct lk_api_answer *answer);

#endif
