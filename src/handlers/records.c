/*
 * Lines and CSV records of text that comes in pieces (records.h). Called by rows_fetch.c.
 */
#include "handlers/records.h"

void lk_records_init(struct lk_records *records, size_t max_bytes)
{
    lk_buf_init(&records->held_, max_bytes);
    records->quoted_ = records->passing_ = false;
}

void lk_records_free(struct lk_records *records)
{
    lk_buf_free(&records->held_);
}

/* What follows the record's line break, or NULL when it does not end here. */
static const char *find_end(struct lk_records *records, const char *at, const char *end)
{
    const char *newline;

    if (!records->csv) {
        newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        return newline != NULL ? newline + 1 : NULL;
    }
    /* A quote that is escaped by another one leaves and enters at once. */
    for (; at < end; at++) {
        if (*at == '"')
            records->quoted_ = !records->quoted_;
        else if (*at == '\n' && !records->quoted_)
            return at + 1;
    }
    return NULL;
}

static bool fail_too_large(size_t max_bytes, struct lk_error *err)
{
    return lk_fail(err, LK_ERROR_LIMIT, "one row is larger than %zu bytes", max_bytes);
}

/* So many bytes more of a record that is too large, from now on at the latest. */
static bool pass(struct lk_records *records, size_t bytes, struct lk_error *err)
{
    struct lk_buf *held = &records->held_;

    if (!records->passes_large)
        return fail_too_large(held->max_bytes, err);
    if (!records->passing_)
        records->passed_ = held->len;
    records->passing_ = true;
    lk_buf_truncate(held, 0);
    records->passed_ += bytes;
    return records->passed_ <= LK_RECORDS_MAX_BYTES || fail_too_large(LK_RECORDS_MAX_BYTES, err);
}

/* One that is whole: `part` is its end, of which nothing is held yet. */
static bool hand_on(struct lk_records *records, struct lk_str part, struct lk_error *err)
{
    struct lk_buf *held = &records->held_;
    struct lk_str record = part;
    bool more;

    if (!records->passing_ && held->len + part.len > held->max_bytes &&
        !pass(records, part.len, err))
        return false;
    if (records->passing_) {
        record = (struct lk_str){0};
    } else if (held->len > 0) {
        lk_buf_str(held, part);
        record = lk_buf_view(held);
    }
    more = records->record(records->arg, record);
    records->passing_ = false;
    lk_buf_truncate(held, 0);
    return more;
}

bool lk_records_feed(struct lk_records *records, struct lk_str piece, struct lk_error *err)
{
    struct lk_buf *held = &records->held_;
    const char *at = piece.ptr, *end = lk_str_end(piece);

    while (at < end) {
        const char *after = find_end(records, at, end);
        struct lk_str part = lk_str_n(at, (size_t)((after != NULL ? after : end) - at));

        if (after == NULL)
            return records->passing_ || held->len + part.len > held->max_bytes
                       ? pass(records, part.len, err)
                       : lk_buf_str(held, part);
        if (!hand_on(records, part, err))
            return false;
        at = after;
    }
    return true;
}

bool lk_records_end(struct lk_records *records, struct lk_error *err)
{
    return (records->held_.len == 0 && !records->passing_) ||
           hand_on(records, (struct lk_str){0}, err);
}
