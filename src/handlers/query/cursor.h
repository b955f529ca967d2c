/*
 * Going on with a result that was cut: the cursor names what was run and how, and how many rows
 * have been handed out. It is all there is: nothing is kept here, so any replica can go on. Looker
 * has no row offset; the same is run again, out of Looker's cache as a rule, and rows are passed
 * over. A hash of those shows whether they are still the same.
 *
 * A cursor grants nothing: whoever sends one reads what they may read. It is checked against
 * mistakes, not against forgery.
 */
#ifndef LK_HANDLERS_QUERY_CURSOR_H
#define LK_HANDLERS_QUERY_CURSOR_H

#include "handlers/rows.h"

struct lk_cursor {
    struct lk_str query_id;
    struct lk_str look_id; /* the Look that it belongs to, or empty */
    struct lk_str task_id; /* the query task whose result it is, which is looked at again instead of
                              running the query; or empty */
    struct lk_str format;
    int64_t limit;     /* rows that Looker was asked for */
    int64_t max_bytes; /* of an answer; 0: the server's limit */
    int64_t row;       /* how many have been handed out */
    uint64_t mark;     /* lk_rows.mark of them */
    bool dev;          /* in the dev workspace */
    bool apply_formatting, apply_vis, server_table_calcs, no_cache;
    /* What was borrowed for it; empty: nothing. */
    struct lk_str branch, project;
    bool imports;
    struct lk_string_list fields;
};

/* Letters, digits, - and _. */
struct lk_str lk_cursor_write(struct lk_arena *arena, const struct lk_cursor *cursor);

/* Fails with LK_ERROR_ARGUMENT for anything that lk_cursor_write has not written. */
#define LK_CURSOR_MAX_BYTES 16000
bool lk_cursor_read(struct lk_arena *arena, struct lk_str text, struct lk_cursor *ret_cursor,
                    struct lk_error *err);

#endif
