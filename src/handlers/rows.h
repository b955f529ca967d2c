/*
 * Query results as answers: rows of any result_format and of any number, held to a byte limit, and
 * Looker's errors that come with status 200.
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

/* The limit of a result in bytes: the requested one, or the server's when none was (0). */
size_t lk_rows_max_bytes(const struct lk_tool_context *context, struct lk_integer requested);

/*
 * Whether the answer to a query holds a result. Looker reports most failures of a query with status
 * 200: [{"looker_error":"…"}] for json, {"errors":[…]} for json_detail and json_bi. Those are
 * LK_ERROR_UPSTREAM with Looker's text in `detail`. `format` is the result_format.
 */
bool lk_rows_check(struct lk_arena *arena, const struct lk_api_answer *answer, struct lk_str format,
                   struct lk_error *err);

/* ---- results of any size: fetched piece by piece, cut to fit, written ---- */

/* What to fetch, and how much of it. Borrowed; an ask may be on the stack. */
struct lk_rows_ask {
    struct lk_api_request request; /* is answered with the rows of a query */
    uint64_t timeout_ms;           /* as of lk_api_stream */
    struct lk_str format;          /* the result_format that it asks for */
    struct lk_rows_limit limit;
    size_t max_bytes;                    /* of rows and detail together */
    const struct lk_string_list *fields; /* only these columns of each row; NULL, absent: all */
    int64_t skip;                        /* rows that the answers before had */
    uint64_t mark;                       /* `mark` of the last of them */
    int64_t most_rows; /* the transfer is ended after so many, where Looker takes no limit; 0: it
                          is not */
    const char *how;   /* what to do about rows that had to be cut, for who cannot set max_bytes;
                          lives as long as the rows; NULL: as of a query */
    /* JSON rows only: each is looked at instead of being kept, and is gone when this returns.
     * False: that was enough. NULL: they are kept. */
    bool (*row)(void *arg, struct lk_str row);
    void *arg;
};

/* What came. Lives in the arena. */
struct lk_rows {
    struct lk_str format;
    struct lk_rows_limit limit;
    size_t max_bytes;
    int64_t skipped;
    struct lk_buf kept;   /* JSON rows with commas between them, or text */
    struct lk_buf detail; /* the other members of an answer that is an object, with commas */
    bool has_detail, detail_left_out, detail_cut;
    int64_t count;   /* rows in `kept` */
    int64_t seen;    /* rows that came: those that were skipped, kept, and left out */
    bool cut;        /* rows were left out */
    bool whole;      /* the answer was read to its end: `seen` is all there are */
    bool pending;    /* Looker has no answer yet (202): there are none of these */
    bool changed;    /* what was skipped is not what it was when `ask->mark` was made */
    uint64_t mark;   /* of all rows up to the last that was kept: a hash */
    const char *how; /* as of the ask */
};

/*
 * Awaits. Fetches the rows from Looker and keeps what fits: whole rows, after those to skip,
 * projected before their bytes are counted. Memory stays within a few times max_bytes whatever
 * comes; once nothing more fits, a few MiB are still read to count the rows, and then the transfer
 * is ended. Errors: those of lk_api_stream and of lk_rows_check; LK_ERROR_LIMIT when the first row
 * alone is larger than max_bytes; LK_ERROR_ARGUMENT for fields of a format that is not JSON.
 */
bool lk_rows_fetch(struct lk_api *api, struct lk_arena *arena, const struct lk_rows_ask *ask,
                   struct lk_rows **ret_rows, struct lk_error *err);

/* Whether it may be asked so, before anything runs for it. */
bool lk_rows_check_ask(const struct lk_rows_ask *ask, struct lk_error *err);

/* Whether the rest can be fetched with a skip; not so of html and sql. */
bool lk_rows_can_go_on(const struct lk_rows *rows);

/*
 * Writes them as members of the open object:
 *
 *     count, items [, detail]     json, json_detail, json_bi
 *     detail_left_out             in its place when it takes half of the room
 *     format, text                csv, txt, md, html, sql; the header of a table is on each page
 *     offset                      rows that the answers before had
 *     limit_reached, limit        as many rows as were asked for: there may be more
 *     limit_applied, limit_note   the requested limit was above the maximum
 *     truncated                   cut at max_bytes: reason, limit, returned, total or
 *                                 total_at_least, how
 *     cursor                      to go on with
 *     result_changed              of rows->changed: what to make of it
 *
 * cursor: empty: there is none. SQL is never cut: half a statement is no use.
 */
void lk_rows_put(struct lk_json_writer *w, const struct lk_rows *rows, struct lk_str cursor);

/* ---- lists that are there already ---- */

struct lk_rows_list {
    struct lk_str rows; /* a JSON array */
    int64_t total;      /* of all rows, more than the array has when it was cut before */
    bool at_least;      /* there may be more of them */
};

/* The rows that were kept, as such a list with memory of its own. They must be JSON. */
struct lk_rows_list lk_rows_list(struct lk_arena *arena, const struct lk_rows *rows);

/* Writes it as the members count, items, limit_… and truncated. how: what to do to see the rest,
 * when the rows had to be cut. */
void lk_rows_write_list(struct lk_json_writer *w, const struct lk_rows_list *list,
                        const struct lk_rows_limit *limit, size_t max_bytes, const char *how);

/* The text of a result that is not rows, also when it came as a JSON string. */
struct lk_str lk_rows_text(struct lk_arena *arena, const struct lk_api_answer *answer);

#endif
