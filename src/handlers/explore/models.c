/*
 * list_models and get_model: models and their explores. One call each; searching and paging are
 * ours. Explores themselves are in explore.c.
 */
#include "handlers/ask.h"
#include "handlers/context.h"
#include "handlers/each.h"
#include "handlers/explore/fields.h"
#include "handlers/items.h"
#include "handlers/query/validate.h"
#include "handlers/search.h"
#include "looker_tools.h"
#include "json/scan.h"

#define FIELDS(table) .fields = (table), .n_fields = sizeof(table) / sizeof((table)[0])

static const struct lk_projection listed_explore_fields[] = {
    {.name = "group_label"}, {.name = "hidden"}, {.name = "label"}, {.name = "name"}};
static const struct lk_projection listed_explore = {FIELDS(listed_explore_fields)};
static const struct lk_projection listed_model_fields[] = {
    {.name = "label"}, {.name = "name"}, {.name = "project_name"}};
static const struct lk_projection listed_model = {FIELDS(listed_model_fields)};

static const struct lk_projection explore_fields[] = {{.name = "description"},
                                                      {.name = "group_label"},
                                                      {.name = "hidden"},
                                                      {.name = "label"},
                                                      {.name = "name"}};
static const struct lk_projection model_explore = {FIELDS(explore_fields)};
static const struct lk_projection model_fields[] = {{.name = "allowed_db_connection_names"},
                                                    {.name = "has_content"},
                                                    {.name = "label"},
                                                    {.name = "name"},
                                                    {.name = "project_name"},
                                                    {.name = "unlimited_db_connections"}};
static const struct lk_projection model = {FIELDS(model_fields)};

static const char *const searched_model[] = {"name", "label", NULL};
static const char *const searched_explore[] = {"name", "label", "group_label", "description", NULL};

/* The explores of a model; none when Looker says null. */
static struct lk_str find_explores(struct lk_str of_model)
{
    struct lk_str explores;

    return lk_json_get(of_model, LK_STR("explores"), &explores) ? explores : LK_STR("[]");
}

static bool is_shown(struct lk_arena *arena, struct lk_str explore, bool include_hidden,
                     const struct lk_search *search)
{
    return (include_hidden || !lk_is_hidden(explore)) &&
           lk_search_object(arena, search, explore, searched_explore);
}

/* ---- list_models ---- */

struct listing {
    struct lk_arena *arena;
    struct lk_search search;
    bool include_hidden, include_explores;
    struct lk_items *items;
};

static bool has_match(const struct listing *listing, struct lk_str of_model)
{
    struct lk_json_iter it = lk_json_iter(find_explores(of_model));
    struct lk_str explore;

    while (lk_json_next(&it, NULL, &explore)) {
        if (is_shown(listing->arena, explore, listing->include_hidden, &listing->search))
            return true;
    }
    return false;
}

/* search: which explores to show. */
static void write_model(const struct listing *listing, struct lk_json_writer *w,
                        struct lk_str of_model, const struct lk_search *search)
{
    struct lk_json_iter it = lk_json_iter(find_explores(of_model));
    struct lk_str explore;

    lk_json_begin_object(w);
    lk_write_short_members(w, of_model, &listed_model);
    if (listing->include_explores) {
        lk_json_key(w, "explores");
        lk_json_begin_array(w);
        while (lk_json_next(&it, NULL, &explore)) {
            if (is_shown(listing->arena, explore, listing->include_hidden, search))
                lk_write_short(w, explore, &listed_explore);
        }
        lk_json_end_array(w);
    }
    lk_json_end_object(w);
}

/* A model that matches by itself shows all its explores; otherwise those that match. */
static bool add_model(void *arg, struct lk_str of_model)
{
    const struct lk_search everything = {0};
    const struct listing *listing = arg;
    bool itself = lk_search_object(listing->arena, &listing->search, of_model, searched_model);

    if ((!itself && !has_match(listing, of_model)) || !lk_items_next(listing->items))
        return true;
    struct lk_json_writer w = lk_json_writer(&listing->items->buf);
    write_model(listing, &w, of_model, itself ? &everything : &listing->search);
    lk_items_end(listing->items);
    return true;
}

bool lk_handler_list_models(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_list_models_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_items *items = lk_arena_new_object(arena, struct lk_items);
    struct listing listing = {
        .arena = arena,
        .search = lk_search(arena, args->search.value),
        .include_hidden = lk_is_true(args->include_hidden),
        .include_explores = lk_is_true(args->include_explores),
        .items = items,
    };
    bool need_explores = listing.include_explores || listing.search.n_words > 0;

    struct looker_all_lookml_models_params params = {
        .fields = lk_string(need_explores ? LK_STR("name,label,project_name,"
                                                   "explores(name,label,group_label,hidden)")
                                          : LK_STR("name,label,project_name")),
        .exclude_hidden = lk_boolean(!listing.include_hidden),
    };
    const struct lk_each each = {
        .request = looker_all_lookml_models(&params), .item = add_model, .arg = &listing};
    lk_items_init(items, arena, lk_tool_max_result_bytes(context), args->offset.value,
                  args->limit.value);
    if (!lk_each(context->api, arena, &each, err) || !lk_items_check(items, err))
        return false;
    lk_json_begin_object(&w);
    lk_items_write(items, &w, items->offered, lk_items_next_offset(items));
    lk_json_end_object(&w);
    return true;
}

/* ---- get_model ---- */

bool lk_handler_get_model(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_get_model_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_items *items = lk_arena_new_object(arena, struct lk_items);
    struct lk_search search = lk_search(arena, args->search.value);
    struct lk_str found, explore;

    struct looker_lookml_model_params params = {
        .lookml_model_name = args->model_name,
        .fields = lk_string(LK_STR("name,label,project_name,has_content,"
                                   "allowed_db_connection_names,unlimited_db_connections,"
                                   "explores(name,label,description,group_label,hidden)")),
    };
    if (!lk_ask(context->api, arena, looker_lookml_model(&params), LK_JSON_OBJECT, &found, err))
        return lk_explain_explore(call, args->model_name, (struct lk_string){0}, err);

    lk_items_init(items, arena, lk_tool_max_result_bytes(context), args->offset.value,
                  args->limit.value);
    struct lk_json_iter it = lk_json_iter(find_explores(found));
    while (lk_json_next(&it, NULL, &explore)) {
        if (!is_shown(arena, explore, lk_is_true(args->include_hidden), &search) ||
            !lk_items_next(items))
            continue;
        struct lk_json_writer item = lk_json_writer(&items->buf);
        lk_write_short(&item, explore, &model_explore);
        lk_items_end(items);
    }
    if (!lk_items_check(items, err))
        return false;
    lk_json_begin_object(&w);
    lk_write_short_members(&w, found, &model);
    lk_json_key(&w, "explores");
    lk_json_begin_object(&w);
    lk_items_write(items, &w, items->offered, lk_items_next_offset(items));
    lk_json_end_object(&w);
    lk_json_end_object(&w);
    return true;
}
