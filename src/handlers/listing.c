/*
 * A page of a list as an answer (listing.h).
 */
#include "handlers/listing.h"

#include "handlers/context.h"
#include "handlers/each.h"
#include "handlers/items.h"

struct reading {
    const struct lk_page *page;
    struct lk_arena *arena;
    struct lk_items items;
    int64_t n, next; /* items that came; where the first one stands that was cut, or below 0 */
};

static bool on_item(void *arg, struct lk_str item)
{
    struct reading *reading = arg;
    const struct lk_page *page = reading->page;
    struct lk_items *items = &reading->items;
    int64_t index = reading->n++;

    if ((page->leaves_out != NULL && page->leaves_out(item)) || !lk_items_next(items))
        return true;
    /* What there is no room for is cut below. */
    if (page->write != NULL)
        page->write(reading->arena, item, &items->buf);
    else
        lk_project(item, page->projection, false, &items->buf, NULL);
    if (lk_items_end(items))
        return true;
    reading->next = page->offset + index;
    return false;
}

bool lk_answer_page(struct mcp_call *call, const struct lk_page *page, struct lk_error *err)
{
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct reading *reading = lk_arena_new_object(arena, struct reading);
    const struct lk_each each = {.request = page->request, .item = on_item, .arg = reading};
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));

    reading->page = page;
    reading->arena = arena;
    reading->next = -1;
    lk_items_init(&reading->items, arena, lk_tool_max_result_bytes(context), 0, -1);
    if (!lk_each(context->api, arena, &each, err) || !lk_items_check(&reading->items, err))
        return false;
    if (reading->next < 0 && reading->n >= page->limit)
        reading->next = page->offset + reading->n;
    lk_json_begin_object(&w);
    lk_items_write(&reading->items, &w, -1, reading->next);
    lk_json_end_object(&w);
    return true;
}
