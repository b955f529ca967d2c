/*
 * search_content: one call, with results that Looker marks as hidden left out. (Looker's published
 * answer has no such mark, which is why a manifest row cannot say this.)
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/context.h"
#include "handlers/explore/fields.h"
#include "handlers/items.h"
#include "looker_tools.h"
#include "json/project.h"

static const struct lk_projection result_fields[] = {
    {.name = "certification_status"},
    {.name = "content_id"},
    {.name = "description"},
    {.name = "folder_id"},
    {.name = "folder_name"},
    {.name = "hidden"},
    {.name = "model"},
    {.name = "title"},
    {.name = "type"},
    {.name = "view_count"},
};
static const struct lk_projection result_projection = {
    .fields = result_fields,
    .n_fields = sizeof(result_fields) / sizeof(result_fields[0]),
};

bool lk_handler_search_content(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_search_content_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_items *items = lk_arena_new_object(arena, struct lk_items);
    struct lk_str list, item;
    int64_t n = 0, next = -1;

    struct looker_search_content_params params = {
        .terms = args->query_string,
        .types = lk_join_comma(arena, &args->types),
        .limit = args->limit,
        .offset = args->offset,
    };
    if (!lk_ask(context->api, arena, looker_search_content(&params), LK_JSON_ARRAY, &list, err))
        return false;

    lk_items_init(items, arena, lk_tool_max_answer_bytes(context), 0, -1);
    struct lk_json_iter it = lk_json_iter(list);
    for (; lk_json_next(&it, NULL, &item); n++) {
        if ((lk_is_hidden(item) && !lk_is_true(args->include_hidden)) || !lk_items_next(items))
            continue;
        /* What there is no room for is cut below. */
        lk_project(item, &result_projection, false, &items->buf, NULL);
        if (!lk_items_end(items))
            next = args->offset.value + n;
    }
    if (!lk_items_check(items, err))
        return false;
    if (next < 0 && n >= args->limit.value)
        next = args->offset.value + n;
    lk_json_begin_object(&w);
    lk_items_write(items, &w, -1, next);
    lk_json_end_object(&w);
    return true;
}
