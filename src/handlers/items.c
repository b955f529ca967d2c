/*
 * Lists in answers (items.h): window, byte limit, next page. Called by all handlers that answer
 * with a list, generic.c included.
 */
#include "handlers/items.h"

/* So much one item may be larger than the byte limit: the first one, which is taken all the same,
 * or one that is written and then taken back. */
#define ITEM_ROOM_BYTES ((size_t)4 * 1024 * 1024)

void lk_items_init(struct lk_items *items, struct lk_arena *arena, size_t max_bytes, int64_t offset,
                   int64_t limit)
{
    *items = (struct lk_items){.max_bytes = max_bytes, .offset = offset, .limit = limit};
    lk_buf_init(&items->buf, max_bytes + ITEM_ROOM_BYTES);
    lk_arena_defer(arena, lk_buf_free_deferred, &items->buf);
}

bool lk_items_next(struct lk_items *items)
{
    int64_t index = items->offered++;

    if (items->cut || index < items->offset || (items->limit >= 0 && items->taken >= items->limit))
        return false;
    items->before_ = items->buf.len;
    if (items->taken > 0)
        lk_buf_char(&items->buf, ',');
    return true;
}

void lk_items_end_too_large(struct lk_items *items)
{
    items->too_large = items->taken == 0;
    lk_buf_truncate(&items->buf, items->before_);
    items->cut = true;
}

bool lk_items_end(struct lk_items *items)
{
    if (items->buf.overflow || (items->taken > 0 && items->buf.len > items->max_bytes)) {
        lk_items_end_too_large(items);
        return false;
    }
    items->taken++;
    return true;
}

int64_t lk_items_next_offset(const struct lk_items *items)
{
    int64_t next = items->offset + items->taken;

    return next < items->offered ? next : -1;
}

bool lk_items_check(const struct lk_items *items, struct lk_error *err)
{
    if (!items->too_large)
        return true;
    return lk_fail(err, LK_ERROR_LIMIT,
                   "one item of the list is larger than %zu bytes, more than an answer may hold; "
                   "narrow the request, or set offset to skip that item where the tool has offset",
                   items->buf.max_bytes);
}

void lk_items_write(struct lk_items *items, struct lk_json_writer *w, int64_t total,
                    int64_t next_offset)
{
    lk_json_member_integer(w, "count", items->taken);
    if (total >= 0)
        lk_json_member_integer(w, "total", total);
    lk_json_key(w, "items");
    lk_json_begin_array(w);
    if (items->taken > 0)
        lk_json_put_raw(w, lk_buf_view(&items->buf));
    lk_json_end_array(w);
    if (next_offset >= 0)
        lk_json_member_integer(w, "next_offset", next_offset);
    if (items->cut)
        lk_write_truncated(w, items->max_bytes, items->taken, total,
                           next_offset >= 0 ? "call again with offset set to next_offset"
                                            : "narrow the request: this tool has no pages (or have "
                                              "LOOKER_MAX_RESULT_BYTES raised)");
}

void lk_write_truncated(struct lk_json_writer *w, size_t max_bytes, int64_t returned, int64_t total,
                        const char *how)
{
    lk_json_key(w, "truncated");
    lk_json_begin_object(w);
    lk_json_member_string(w, "reason", LK_STR("result_bytes"));
    lk_json_member_integer(w, "limit", (int64_t)max_bytes);
    lk_json_member_integer(w, "returned", returned);
    if (total >= 0)
        lk_json_member_integer(w, "total", total);
    lk_json_member_string(w, "how", lk_str(how));
    lk_json_end_object(w);
}
