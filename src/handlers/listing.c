/*
 * A page of a list as an answer (listing.h).
 */
#include "handlers/listing.h"

#include "handlers/context.h"
#include "handlers/items.h"
#include "json/scan.h"

bool lk_write_page(struct mcp_call *call, const struct lk_page *page, struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_items *items = lk_arena_new_object(arena, struct lk_items);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_json_iter it = lk_json_iter(page->list);
    int64_t n = 0, next = -1;
    struct lk_str item;

    lk_items_init(items, arena, lk_tool_max_result_bytes(lk_tool_context(call)), 0, -1);
    for (; lk_json_next(&it, NULL, &item); n++) {
        if ((page->leaves_out != NULL && page->leaves_out(item)) || !lk_items_next(items))
            continue;
        /* What there is no room for is cut below. */
        if (page->write != NULL)
            page->write(arena, item, &items->buf);
        else
            lk_project(item, page->projection, false, &items->buf, NULL);
        if (!lk_items_end(items))
            next = page->offset + n;
    }
    if (!lk_items_check(items, err))
        return false;
    if (next < 0 && n >= page->limit)
        next = page->offset + n;
    lk_json_begin_object(&w);
    lk_items_write(items, &w, -1, next);
    lk_json_end_object(&w);
    return true;
}
