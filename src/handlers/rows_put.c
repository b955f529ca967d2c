/*
 * Rows that were fetched (rows.h), as members of an answer: with what is known of the rest, and how
 * to get it. Called by the handlers of the query group.
 */
#include "handlers/rows_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define NARROW "narrow the question: fewer fields, more filters or a coarser grouping"
#define MORE " (max_bytes sets the limit of a call, LOOKER_MAX_RESULT_BYTES that of the server)"
static const char how_detail[] =
    "ask for fewer fields, since each is described there (or set max_bytes higher); result_format "
    "json has the rows alone";
static const char how_json[] = NARROW "; result_format csv takes less room a row" MORE;
static const char how_text[] = NARROW MORE;
static const char how_whole[] =
    NARROW "; this result_format cannot be gone on with, json and csv can" MORE;
static const char how_cursor[] =
    "call run_query with this cursor for the next rows, or " NARROW MORE;

static bool is_json(const struct lk_rows *rows)
{
    return lk_rows_is_json(rows->format);
}

bool lk_rows_can_go_on(const struct lk_rows *rows)
{
    static const struct lk_str others[] = {LK_STR_INIT("html"), LK_STR_INIT("sql")};

    return !lk_str_eq(rows->format, others[0]) && !lk_str_eq(rows->format, others[1]);
}

static void put_detail(struct lk_json_writer *w, const struct lk_rows *rows)
{
    if (!rows->has_detail)
        return;
    if (rows->detail_left_out) {
        lk_json_key(w, "detail_left_out");
        lk_json_begin_object(w);
        lk_json_member_string(w, "reason", LK_STR("result_bytes"));
        lk_json_member_integer(w, "limit", (int64_t)(rows->max_bytes / 2));
        lk_json_member_string(w, "how", lk_str(how_detail));
        lk_json_end_object(w);
        return;
    }
    lk_json_key(w, "detail");
    lk_json_begin_object(w);
    lk_buf_str(w->buf, lk_buf_view(&rows->detail));
    lk_json_end_object(w);
}

static void put_truncated(struct lk_json_writer *w, const struct lk_rows *rows,
                          struct lk_str cursor)
{
    lk_json_key(w, "truncated");
    lk_json_begin_object(w);
    lk_json_member_string(w, "reason", LK_STR("result_bytes"));
    lk_json_member_integer(w, "limit", (int64_t)rows->max_bytes);
    if (lk_rows_can_go_on(rows)) {
        lk_json_member_integer(w, "returned", rows->count);
        lk_json_member_integer(w, rows->whole ? "total" : "total_at_least", rows->seen);
    } else {
        lk_json_member_integer(w, "returned_bytes", (int64_t)rows->kept.len);
    }
    /* Members that Looker puts behind the rows were not read, or had no room. */
    if (rows->detail_cut || (rows->has_detail && !rows->whole))
        lk_json_member_boolean(w, "detail_incomplete", true);
    lk_json_member_string(w, "how",
                          lk_str(rows->how != NULL          ? rows->how
                                 : cursor.len > 0           ? how_cursor
                                 : !lk_rows_can_go_on(rows) ? how_whole
                                 : is_json(rows)            ? how_json
                                                            : how_text));
    lk_json_end_object(w);
}

void lk_rows_put(struct lk_json_writer *w, const struct lk_rows *rows, struct lk_str cursor)
{
    struct lk_str kept = lk_buf_view(&rows->kept);

    if (is_json(rows)) {
        put_detail(w, rows);
        lk_json_member_integer(w, "count", rows->count);
        lk_json_key(w, "items");
        lk_json_begin_array(w);
        if (kept.len > 0)
            lk_json_put_raw(w, kept);
        lk_json_end_array(w);
    } else {
        lk_json_member_string(w, "format", rows->format);
        lk_json_member_string(w, "text", kept);
    }
    if (rows->skipped > 0)
        lk_json_member_integer(w, "offset", rows->skipped);
    lk_rows_write_limit(w, rows->seen, &rows->limit);
    if (rows->cut || rows->detail_cut)
        put_truncated(w, rows, cursor);
    if (cursor.len > 0)
        lk_json_member_string(w, "cursor", cursor);
    if (rows->changed)
        lk_json_member_string(
            w, "result_changed",
            LK_STR("the rows before these are not those that the answers before had: the data "
                   "changed, or the query does not sort by enough fields to order its rows; rows "
                   "may be missing here or come twice. For a consistent result begin again, with "
                   "`sorts` that name all dimensions"));
}
