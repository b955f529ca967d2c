/*
 * get_dashboard: what a dashboard is made of, for whoever is about to change it. The rows behind
 * the tiles are run_dashboard's.
 */
#include "handlers/ask.h"
#include "handlers/content/listen.h"
#include "handlers/content/parts.h"
#include "handlers/items.h"
#include "handlers/query/tile.h"
#include "looker_tools.h"
#include "json/codec.h"

#define DASHBOARD_FIELDS                                                                           \
    "id,title,description,folder,slug,url,deleted,lookml_link_id,readonly,query_timezone,"         \
    "refresh_interval,crossfilter_enabled,user_id,updated_at,dashboard_filters,"                   \
    "dashboard_elements,dashboard_layouts"

struct overview {
    struct mcp_call *call;
    struct lk_arena *arena;
    const struct looker_get_dashboard_args *args;
    struct lk_str json;                /* as Looker answered */
    struct looker_dashboard dashboard; /* its layouts only */
};

/* The rest is passed on as it is: a tile that makes no sense shall not take the others away. */
static bool read_layouts(struct overview *o, struct lk_error *err)
{
    struct lk_object_list layouts;
    struct lk_str list;

    if (!lk_json_get(o->json, LK_STR("dashboard_layouts"), &list) ||
        lk_json_type(list) != LK_JSON_ARRAY)
        return true;
    if (!lk_decode_answer_list(o->arena, &looker_dashboard_layout_type, list, &layouts, err))
        return false;
    o->dashboard.dashboard_layouts =
        (struct looker_dashboard_layout_list){layouts.items, layouts.len, LK_PRESENT};
    return true;
}

static bool read_it(struct overview *o, struct lk_error *err)
{
    struct looker_dashboard_params params = {
        .dashboard_id = o->args->dashboard_id,
        .fields = lk_string(LK_STR(DASHBOARD_FIELDS)),
    };

    if (lk_ask(lk_tool_context(o->call)->api, o->arena, looker_dashboard(&params), LK_JSON_OBJECT,
               &o->json, err))
        return read_layouts(o, err);
    return lk_explain_status(err, 404,
                             "there is no dashboard \"%.*s\", or no access to it: list_dashboards, "
                             "list_lookml_dashboards and search_content find dashboards",
                             LK_STR_ARG(o->args->dashboard_id.value));
}

/* The members that have something in them, as Looker sent them. */
static void put_members(struct lk_json_writer *w, struct lk_str object, const char *const *names)
{
    struct lk_str value;

    for (; *names != NULL; names++) {
        if (!lk_json_get(object, lk_str(*names), &value) || lk_json_type(value) == LK_JSON_NULL)
            continue;
        if (lk_str_eq(value, LK_STR("false")) || lk_str_eq(value, LK_STR("\"\"")) ||
            lk_str_eq(value, LK_STR("[]")) || lk_str_eq(value, LK_STR("{}")))
            continue;
        lk_json_member_raw(w, *names, value);
    }
}

static void write_folder(struct lk_json_writer *w, struct lk_str dashboard)
{
    static const char *const members[] = {"id", "name", NULL};
    struct lk_str folder;

    if (!lk_json_get(dashboard, LK_STR("folder"), &folder) ||
        lk_json_type(folder) != LK_JSON_OBJECT)
        return;
    lk_json_key(w, "folder");
    lk_json_begin_object(w);
    put_members(w, folder, members);
    lk_json_end_object(w);
}

static void write_filters(struct lk_json_writer *w, struct lk_str dashboard)
{
    static const char *const members[] = {"id",
                                          "name",
                                          "title",
                                          "type",
                                          "model",
                                          "explore",
                                          "dimension",
                                          "default_value",
                                          "row",
                                          "required",
                                          "allow_multiple_values",
                                          "listens_to_filters",
                                          "ui_config",
                                          NULL};
    struct lk_str list = LK_STR("[]"), filter;

    lk_json_get(dashboard, LK_STR("dashboard_filters"), &list);
    lk_json_key(w, "filters");
    lk_json_begin_array(w);
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &filter)) {
        lk_json_begin_object(w);
        put_members(w, filter, members);
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
}

/* ---- tiles ---- */

/* The visualization: its type, or all of it. */
static void write_vis(struct lk_json_writer *w, const struct overview *o,
                      const struct looker_dashboard_element *element)
{
    const struct looker_query *query = lk_element_query(element);
    struct lk_json vis = query != NULL ? query->vis_config : (struct lk_json){0};
    struct lk_str type;

    if (element->result_maker.is == LK_PRESENT &&
        element->result_maker.value->vis_config.is == LK_PRESENT)
        vis = element->result_maker.value->vis_config;
    if (vis.is != LK_PRESENT)
        return;
    if (lk_is_true(o->args->include_vis_config))
        lk_json_member_raw(w, "vis_config", vis.value);
    else if (lk_json_get(vis.value, LK_STR("type"), &type))
        lk_json_member_raw(w, "vis_type", type);
}

static void write_query(struct lk_json_writer *w, const struct lk_tile *tile, struct lk_str json)
{
    static const char *const members[] = {
        "id",    "model", "view",           "fields", "pivots", "filters", "filter_expression",
        "sorts", "limit", "dynamic_fields", NULL};
    static const char *const paths[][4] = {
        {"query", NULL}, {"look", "query", NULL}, {"result_maker", "query", NULL}};
    struct lk_str query;

    for (size_t i = 0; i < 3; i++) {
        if (!lk_json_get_path(json, paths[i], &query) || lk_json_type(query) != LK_JSON_OBJECT)
            continue;
        lk_json_key(w, "query");
        lk_json_begin_object(w);
        put_members(w, query, members);
        lk_json_end_object(w);
        return;
    }
    lk_write_filled(w, "query_id", tile->element.query_id);
}

static void write_tile(const struct overview *o, struct lk_str json, struct lk_buf *buf)
{
    static const char *const members[] = {
        "look_id",   "merge_result_id", "title_hidden",     "subtitle_text",
        "body_text", "note_text",       "refresh_interval", NULL};
    struct lk_json_writer w = lk_json_writer(buf);
    const struct looker_dashboard_layout_component *component;
    struct lk_tile tile;

    lk_tile_init(&tile, o->arena, json);
    lk_json_begin_object(&w);
    lk_write_filled(&w, "id", tile.element.id);
    lk_json_member_string(&w, "title", lk_tile_title(&tile));
    lk_json_member_string(&w, "kind", lk_str(lk_tile_kind_name(tile.kind)));
    if (tile.kind == LK_TILE_OTHER)
        lk_write_filled(&w, "type", tile.element.type);
    component = lk_layout_find(&o->dashboard, tile.element.id.value);
    if (component != NULL) {
        struct lk_position position = lk_layout_position(component);
        lk_position_write(&w, &position);
    }
    put_members(&w, json, members);
    write_query(&w, &tile, json);
    write_vis(&w, o, &tile.element);
    lk_listens_show(&w, o->arena, &tile.element);
    lk_json_end_object(&w);
}

static bool write_tiles(const struct overview *o, struct lk_json_writer *w, struct lk_error *err)
{
    struct lk_items *items = lk_arena_new_object(o->arena, struct lk_items);
    struct lk_str list = LK_STR("[]"), element;

    lk_items_init(items, o->arena, lk_tool_max_result_bytes(lk_tool_context(o->call)),
                  o->args->offset.value, -1);
    lk_json_get(o->json, LK_STR("dashboard_elements"), &list);
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &element)) {
        if (!lk_items_next(items))
            continue;
        write_tile(o, element, &items->buf);
        lk_items_end(items);
    }
    if (!lk_items_check(items, err))
        return false;
    lk_items_write(items, w, items->offered, lk_items_next_offset(items));
    return true;
}

bool lk_handler_get_dashboard(struct mcp_call *call, const void *args, struct lk_error *err)
{
    static const char *const members[] = {"id",
                                          "title",
                                          "description",
                                          "slug",
                                          "url",
                                          "deleted",
                                          "readonly",
                                          "lookml_link_id",
                                          "query_timezone",
                                          "refresh_interval",
                                          "crossfilter_enabled",
                                          "user_id",
                                          "updated_at",
                                          NULL};
    struct overview *o = lk_arena_new_object(mcp_call_arena(call), struct overview);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));

    *o = (struct overview){.call = call, .arena = mcp_call_arena(call), .args = args};
    if (!read_it(o, err))
        return false;
    lk_json_begin_object(&w);
    put_members(&w, o->json, members);
    write_folder(&w, o->json);
    write_filters(&w, o->json);
    if (!write_tiles(o, &w, err))
        return false;
    lk_json_end_object(&w);
    return true;
}
