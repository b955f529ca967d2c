/*
 * The list of an answer, {"count":n,"items":[…]}, filled item by item within a window (offset,
 * limit) and a byte limit. What does not fit is left for the next page: nothing is lost in silence.
 *
 *     lk_items_init(&items, arena, max_bytes, offset, limit);
 *     for (each item that qualifies)
 *         if (lk_items_next(&items)) {
 *             lk_buf_str(&items.buf, text);
 *             lk_items_end(&items);
 *         }
 *     lk_items_write(&items, &writer, items.offered, lk_items_next_offset(&items));
 */
#ifndef LK_HANDLERS_ITEMS_H
#define LK_HANDLERS_ITEMS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "json/write.h"

struct lk_items {
    struct lk_buf buf; /* the items that were taken, separated by commas */
    size_t max_bytes;
    int64_t offset, limit; /* limit below 0: none */
    int64_t offered;       /* items that qualified, those before offset included */
    int64_t taken;
    bool cut;       /* the byte limit was met: nothing more is taken */
    bool too_large; /* by an item that no answer has room for */
    size_t before_;
};

void lk_items_init(struct lk_items *items, struct lk_arena *arena, size_t max_bytes, int64_t offset,
                   int64_t limit);

/* Counts one more item and says whether it belongs into the answer: then the caller appends its
 * JSON to items->buf and calls lk_items_end. */
bool lk_items_next(struct lk_items *items);

/* Ends an item, of which the buffer may have overflowed. The first one is taken if there is any
 * room for it, so that paging gets on; one that goes beyond the byte limit is taken back, and no
 * other follows. Returns whether it was taken. */
bool lk_items_end(struct lk_items *items);

/* The same of an item that is too large to be had at all: it is not taken. */
void lk_items_end_too_large(struct lk_items *items);

/*
 * Writes the members count, items, and next_offset when there is a next page; `total` before them
 * when all items were offered, and truncated when the byte limit cut the page short.
 *
 * total: of all qualifying items; below 0: not known, and not written.
 * next_offset: below 0: there is no next page, or no way to ask for it.
 */
void lk_items_write(struct lk_items *items, struct lk_json_writer *w, int64_t total,
                    int64_t next_offset);

/* The next page's offset when every item was offered, or -1. */
int64_t lk_items_next_offset(const struct lk_items *items);

/* Fails with LK_ERROR_LIMIT when the first item was larger than any answer may be (some MiB above
 * max_bytes). To be called before lk_items_write. */
bool lk_items_check(const struct lk_items *items, struct lk_error *err);

/* Writes {"reason":"result_bytes","limit":…,"returned":…,"how":…} as the member `truncated`;
 * total below 0: left out. */
void lk_write_truncated(struct lk_json_writer *w, size_t max_bytes, int64_t returned, int64_t total,
                        const char *how);

#endif
