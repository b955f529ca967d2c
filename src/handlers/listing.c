/*
 * A page of a list as an answer (listing.h).
 */
#include "handlers/listing.h"

#include "handlers/context.h"
#include "handlers/items.h"
#include "json/scan.h"

bool lk_write_page(struct mcp_call *call, struct lk_str list,
                   const struct lk_projection *projection, int64_t offset, int64_t limit,
                   struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_items *items = lk_arena_new_object(arena, struct lk_items);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_json_iter it = lk_json_iter(list);
    int64_t n = 0, next = -1;
    struct lk_str item;

    lk_items_init(items, arena, lk_tool_max_answer_bytes(lk_tool_context(call)), 0, -1);
    for (; lk_json_next(&it, NULL, &item); n++) {
        if (!lk_items_next(items))
            continue;
        /* What there is no room for is cut below. */
        lk_project(item, projection, false, &items->buf, NULL);
        if (!lk_items_end(items))
            next = offset + n;
    }
    if (!lk_items_check(items, err))
        return false;
    if (next < 0 && n >= limit)
        next = offset + n;
    lk_json_begin_object(&w);
    lk_items_write(items, &w, -1, next);
    lk_json_end_object(&w);
    return true;
}
