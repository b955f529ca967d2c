/*
 * Text that comes in pieces, taken apart into lines, or, as CSV, into records: there a line break
 * between quotes belongs to the field (RFC 4180 section 2).
 */
#ifndef LK_HANDLERS_RECORDS_H
#define LK_HANDLERS_RECORDS_H

#include "base/buf.h"
#include "base/error.h"

/* So large may one record be at all, though it be passed over. More is LK_ERROR_LIMIT. */
#define LK_RECORDS_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct lk_records {
    bool csv;
    bool passes_large; /* records that are too large are handed on without their text */
    /* The record with its line break, which the last one may lack; gone when this returns. ptr
     * NULL: it was too large. False: that was enough. */
    bool (*record)(void *arg, struct lk_str record);
    void *arg;
    bool quoted_, passing_; /* the piece before ended between quotes, in one that is too large */
    size_t passed_;         /* bytes of that one */
    struct lk_buf held_;    /* the beginning of a record */
};

/* What is not set in *records, is. A record above max_bytes is LK_ERROR_LIMIT, unless passes_large.
 */
void lk_records_init(struct lk_records *records, size_t max_bytes);
void lk_records_free(struct lk_records *records);

/* False: that was enough (*err is left as it was), or the error. */
bool lk_records_feed(struct lk_records *records, struct lk_str piece, struct lk_error *err);
bool lk_records_end(struct lk_records *records, struct lk_error *err);

#endif
