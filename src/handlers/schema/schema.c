/*
 * list_tables: Looker nests the tables in their schemas, which cannot be paged; here they are one
 * flat list. The other tools of the group are manifest rows.
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/context.h"
#include "handlers/each.h"
#include "handlers/items.h"
#include "handlers/names.h"
#include "looker_tools.h"

static void write_table(struct lk_json_writer *w, struct lk_str schema_name, struct lk_str table)
{
    struct lk_str value;

    lk_json_begin_object(w);
    lk_json_member_raw(w, "schema_name", schema_name);
    if (lk_json_get(table, LK_STR("name"), &value))
        lk_json_member_raw(w, "name", value);
    if (lk_json_get(table, LK_STR("rows"), &value) && lk_json_type(value) != LK_JSON_NULL)
        lk_json_member_raw(w, "rows", value);
    lk_json_end_object(w);
}

struct tables {
    struct lk_items items;
    bool limit_hit;
};

/* The tables of one of the schemas that Looker answers. */
static bool add_tables(void *arg, struct lk_str schema)
{
    struct tables *all = arg;
    struct lk_items *items = &all->items;
    struct lk_str schema_name = LK_STR("null"), tables = LK_STR("[]"), table, hit;

    if (lk_json_get(schema, LK_STR("table_limit_hit"), &hit) && lk_json_is_true(hit))
        all->limit_hit = true;

    lk_json_get(schema, LK_STR("name"), &schema_name);
    lk_json_get(schema, LK_STR("tables"), &tables);
    struct lk_json_iter it = lk_json_iter(tables);
    while (lk_json_next(&it, NULL, &table)) {
        struct lk_json_writer w = lk_json_writer(&items->buf);
        if (lk_items_next(items)) {
            write_table(&w, schema_name, table);
            lk_items_end(items);
        }
    }
    return true;
}

bool lk_handler_list_tables(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_list_tables_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct tables *tables = lk_arena_new_object(arena, struct tables);
    struct lk_items *items = &tables->items;

    struct looker_connection_tables_params params = {0};
    lk_bind_same_names(arena, &looker_list_tables_args_type, args,
                       &looker_connection_tables_params_type, &params);
    params.fields = lk_string(LK_STR("name,is_default,table_limit_hit,tables(name,rows)"));
    const struct lk_each each = {
        .request = looker_connection_tables(&params), .item = add_tables, .arg = tables};
    lk_items_init(items, arena, lk_tool_max_result_bytes(context), args->offset.value,
                  args->limit.value);
    if (!lk_each(context->api, arena, &each, err))
        return lk_names_explain(&looker_list_tables_args_type, args, err);
    if (!lk_items_check(items, err))
        return false;
    lk_json_begin_object(&w);
    lk_items_write(items, &w, items->offered, lk_items_next_offset(items));
    if (items->offered == 0)
        lk_names_write_hint(&w, &looker_list_tables_args_type, args);
    if (tables->limit_hit)
        lk_json_member_boolean(&w, "table_limit_hit", true);
    lk_json_end_object(&w);
    return true;
}
