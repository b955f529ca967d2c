/*
 * list_lookml_dashboards. The items of Looker's answer have their title in the LookML only.
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/context.h"
#include "handlers/items.h"
#include "looker_tools.h"

static struct lk_str first_string(struct lk_arena *arena, struct lk_str object, const char *a,
                                  const char *b)
{
    struct lk_str text = lk_json_get_string(arena, object, lk_str(a));

    return text.len > 0 ? text : lk_json_get_string(arena, object, lk_str(b));
}

/* The value of the first line "title: …" of the LookML, or empty. */
static struct lk_str title_in(struct lk_str lookml)
{
    while (lookml.len > 0) {
        struct lk_str line = lk_str_trim(lk_str_take(&lookml, '\n'));
        if (lk_str_starts(line, LK_STR("- ")))
            line = lk_str_n(line.ptr + 2, line.len - 2);
        if (!lk_str_starts(line, LK_STR("title:")))
            continue;
        line = lk_str_trim(lk_str_n(line.ptr + 6, line.len - 6));
        if (line.len > 1 && (line.ptr[0] == '"' || line.ptr[0] == '\'') &&
            line.ptr[line.len - 1] == line.ptr[0])
            line = lk_str_n(line.ptr + 1, line.len - 2);
        return line;
    }
    return (struct lk_str){0};
}

static void put_filled(struct lk_json_writer *w, const char *key, struct lk_str value)
{
    if (value.len > 0)
        lk_json_member_string(w, key, value);
}

static void write_item(struct lk_arena *arena, struct lk_str item, struct lk_buf *buf)
{
    struct lk_json_writer w = lk_json_writer(buf);
    struct lk_str title = lk_json_get_string(arena, item, LK_STR("title"));

    if (title.len == 0)
        title = title_in(lk_json_get_string(arena, item, LK_STR("lookml")));
    lk_json_begin_object(&w);
    put_filled(&w, "id", first_string(arena, item, "dashboard_id", "id"));
    put_filled(&w, "title", title);
    put_filled(&w, "description", lk_json_get_string(arena, item, LK_STR("description")));
    put_filled(&w, "folder_id", lk_json_get_string(arena, item, LK_STR("folder_id")));
    lk_json_end_object(&w);
}

static bool ask(struct mcp_call *call, const struct looker_list_lookml_dashboards_args *args,
                struct lk_str *ret_list, struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_search_lookml_dashboards_params params = {
        .title = lk_contains(arena, args->title),
        .folder_id = args->folder_id,
        .limit = args->limit,
        .offset = args->offset,
    };

    return lk_ask(lk_tool_context(call)->api, arena, looker_search_lookml_dashboards(&params),
                  LK_JSON_ARRAY, ret_list, err);
}

bool lk_handler_list_lookml_dashboards(struct mcp_call *call, const void *args_,
                                       struct lk_error *err)
{
    const struct looker_list_lookml_dashboards_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_items *items = lk_arena_new_object(arena, struct lk_items);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    int64_t n = 0, resume = -1, next = -1;
    struct lk_str list, item;

    if (!ask(call, args, &list, err))
        return false;
    lk_items_init(items, arena, lk_tool_max_answer_bytes(lk_tool_context(call)), 0, -1);
    struct lk_json_iter it = lk_json_iter(list);
    for (; lk_json_next(&it, NULL, &item); n++) {
        if (!lk_items_next(items))
            continue;
        write_item(arena, item, &items->buf);
        if (!lk_items_end(items))
            resume = n;
    }
    if (!lk_items_check(items, err))
        return false;
    if (resume >= 0 || n >= args->limit.value)
        next = args->offset.value + (resume >= 0 ? resume : n);
    lk_json_begin_object(&w);
    lk_items_write(items, &w, -1, next);
    lk_json_end_object(&w);
    return true;
}
