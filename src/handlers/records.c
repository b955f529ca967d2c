/*
 * Lines and CSV records of text that comes in pieces (records.h). Called by rows_fetch.c.
 */
#include "handlers/records.h"

void lk_records_init(struct lk_records *records, size_t max_bytes)
{
    lk_buf_init(&records->held_, max_bytes);
    records->enough = records->quoted_ = false;
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

static bool fail_too_large(const struct lk_records *records, struct lk_error *err)
{
    return lk_fail(err, LK_ERROR_LIMIT, "one row is larger than %zu bytes",
                   records->held_.max_bytes);
}

static bool hand_on(struct lk_records *records, struct lk_str record, struct lk_error *err)
{
    if (record.len > records->held_.max_bytes)
        return fail_too_large(records, err);
    records->enough = !records->record(records->arg, record);
    return !records->enough;
}

bool lk_records_feed(struct lk_records *records, struct lk_str piece, struct lk_error *err)
{
    struct lk_buf *held = &records->held_;
    const char *at = piece.ptr, *end = lk_str_end(piece);

    while (at < end) {
        const char *after = find_end(records, at, end);
        struct lk_str part = lk_str_n(at, (size_t)((after != NULL ? after : end) - at));

        if ((after == NULL || held->len > 0) && !lk_buf_str(held, part))
            return fail_too_large(records, err);
        if (after == NULL)
            return true;
        if (!hand_on(records, held->len > 0 ? lk_buf_view(held) : part, err))
            return false;
        lk_buf_truncate(held, 0);
        at = after;
    }
    return true;
}

bool lk_records_end(struct lk_records *records, struct lk_error *err)
{
    return records->held_.len == 0 || hand_on(records, lk_buf_view(&records->held_), err);
}
