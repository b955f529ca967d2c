/*
 * get_explore, list_dimensions, list_measures: one explore and its fields. One call each; what is
 * ours is searching, paging and leaving out what is empty, so that an explore with thousands of
 * fields does not flood the caller. Models are in models.c.
 */
#include "handlers/ask.h"
#include "handlers/context.h"
#include "handlers/explore/fields.h"
#include "handlers/items.h"
#include "handlers/query/validate.h"
#include "handlers/search.h"
#include "looker_tools.h"
#include "json/scan.h"

bool lk_ask_explore(struct mcp_call *call, struct lk_string model, struct lk_string explore,
                    struct lk_str fields, struct lk_str *ret_explore, struct lk_error *err)
{
    struct looker_lookml_model_explore_params params = {
        .lookml_model_name = model,
        .explore_name = explore,
        .fields = lk_string(fields),
    };

    return lk_ask(lk_tool_context(call)->api, mcp_call_arena(call),
                  looker_lookml_model_explore(&params), LK_JSON_OBJECT, ret_explore, err) ||
           lk_explain_explore(call, model, explore, err);
}

/* explore.fields.<category>, or an empty list. */
static struct lk_str find_fields(struct lk_str explore, const char *category)
{
    const char *path[] = {"fields", category, NULL};
    struct lk_str list;

    return lk_json_get_path(explore, path, &list) ? list : LK_STR("[]");
}

/* ---- list_dimensions, list_measures ---- */

/* Their arguments are the same, but each has a struct of its own. */
struct wanted {
    struct lk_string model, explore, search, view;
    const struct lk_string_list *fields;
    bool hidden;
    int64_t limit, offset;
};
#define WANTED(args)                                                                               \
    {                                                                                              \
        .model = (args)->model_name, .explore = (args)->explore_name, .search = (args)->search,    \
        .view = (args)->view, .fields = &(args)->fields,                                           \
        .hidden = lk_is_true((args)->include_hidden), .limit = (args)->limit.value,                \
        .offset = (args)->offset.value                                                             \
    }

/* Is the field's name "<view>.…"? */
static bool is_of_view(struct lk_arena *arena, struct lk_str field, struct lk_string view)
{
    struct lk_str name = lk_json_get_string(arena, field, LK_STR("name"));

    return view.is != LK_PRESENT || view.value.len == 0 ||
           (name.len > view.value.len && lk_str_starts(name, view.value) &&
            name.ptr[view.value.len] == '.');
}

static void add_fields(struct lk_arena *arena, const struct wanted *wanted,
                       const struct lk_shown_fields *shown, struct lk_str list,
                       struct lk_items *items)
{
    static const char *const searched[] = {
        "name", "label", "field_group_label", "description", "synonyms", "tags", NULL};
    struct lk_search search = lk_search(arena, wanted->search.value);
    struct lk_json_iter it = lk_json_iter(list);
    struct lk_str field;

    while (lk_json_next(&it, NULL, &field)) {
        if ((lk_is_hidden(field) && !wanted->hidden) || !is_of_view(arena, field, wanted->view) ||
            !lk_search_object(arena, &search, field, searched) || !lk_items_next(items))
            continue;
        struct lk_json_writer w = lk_json_writer(&items->buf);
        lk_write_field(&w, field, shown);
        lk_items_end(items);
    }
}

/* Why a list is empty, as far as the arguments may be the reason. */
static void write_hint(struct lk_json_writer *w, const struct wanted *wanted)
{
    if (wanted->view.is == LK_PRESENT && wanted->view.value.len > 0)
        lk_json_member_string(w, "hint",
                              LK_STR("`view` is the part of a field's name before the dot, such as "
                                     "users of users.state: no field here has that one and matches "
                                     "the rest; leave it out to see them all"));
    else if (wanted->search.value.len > 0)
        lk_json_member_string(w, "hint",
                              LK_STR("no field has all these words; search for fewer of them"));
}

static bool list_fields(struct mcp_call *call, const struct wanted *wanted, const char *category,
                        struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_items *items = lk_arena_new_object(arena, struct lk_items);
    struct lk_str explore;
    struct lk_shown_fields shown;

    if (!lk_choose_fields(arena, wanted->fields, &shown, err) ||
        !lk_ask_explore(call, wanted->model, wanted->explore,
                        lk_arena_printf(arena, "fields(%s(%.*s))", category, LK_STR_ARG(shown.ask)),
                        &explore, err))
        return false;
    lk_items_init(items, arena, lk_tool_max_result_bytes(lk_tool_context(call)), wanted->offset,
                  wanted->limit);
    add_fields(arena, wanted, &shown, find_fields(explore, category), items);
    if (!lk_items_check(items, err))
        return false;
    lk_json_begin_object(&w);
    lk_items_write(items, &w, items->offered, lk_items_next_offset(items));
    if (items->offered == 0)
        write_hint(&w, wanted);
    lk_json_end_object(&w);
    return true;
}

bool lk_handler_list_dimensions(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_list_dimensions_args *args = args_;
    struct wanted wanted = WANTED(args);
    /* The names of the kinds, and of the lists that hold them. */
    return list_fields(
        call, &wanted,
        lk_arena_printf(mcp_call_arena(call), "%.*ss", LK_STR_ARG(args->kind.value)).ptr, err);
}

bool lk_handler_list_measures(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_list_measures_args *args = args_;
    struct wanted wanted = WANTED(args);
    return list_fields(call, &wanted, "measures", err);
}

/* ---- get_explore ---- */

/* In the order in which they are written: what a query must know first comes first, and the byte
 * limit meets the dimensions. */
static const char *const categories[] = {"filters", "parameters", "measures", "dimensions"};
#define N_CATEGORIES (sizeof(categories) / sizeof(categories[0]))

static struct lk_str explore_fields_parameter(struct lk_arena *arena, bool with_fields)
{
    struct lk_str own = lk_projection_text(arena, &lk_explore_projection);
    struct lk_str names = lk_projection_text(arena, &lk_field_short_projection);

    if (!with_fields)
        return own;
    return lk_arena_printf(
        arena, "%.*s,fields(dimensions(%.*s),measures(%.*s),filters(%.*s),parameters(%.*s))",
        LK_STR_ARG(own), LK_STR_ARG(names), LK_STR_ARG(names), LK_STR_ARG(names),
        LK_STR_ARG(names));
}

struct overview {
    struct lk_arena *arena;
    struct lk_str explore;
    bool hidden;      /* these too */
    size_t max_bytes; /* of the answer */
    bool cut;         /* a category had to be */
};

/* Writes one category within max_bytes. */
static bool write_category(struct overview *overview, struct lk_json_writer *w,
                           const char *category, size_t max_bytes, struct lk_error *err)
{
    struct lk_items *items = lk_arena_new_object(overview->arena, struct lk_items);
    struct lk_json_iter it = lk_json_iter(find_fields(overview->explore, category));
    struct lk_str field;

    lk_items_init(items, overview->arena, max_bytes, 0, -1);
    while (lk_json_next(&it, NULL, &field)) {
        if ((lk_is_hidden(field) && !overview->hidden) || !lk_items_next(items))
            continue;
        struct lk_json_writer item = lk_json_writer(&items->buf);
        lk_write_short(&item, field, &lk_field_short_projection);
        lk_items_end(items);
    }
    if (!lk_items_check(items, err))
        return false;
    overview->cut = overview->cut || items->cut;
    items->cut = false; /* said once, for all categories */
    lk_json_key(w, category);
    lk_json_begin_object(w);
    lk_items_write(items, w, items->offered, -1);
    lk_json_end_object(w);
    return true;
}

static bool write_categories(struct overview *overview, struct lk_json_writer *w,
                             struct lk_error *err)
{
    lk_json_key(w, "fields");
    lk_json_begin_object(w);
    for (size_t i = 0; i < N_CATEGORIES; i++) {
        size_t max_bytes = overview->max_bytes;
        size_t left = w->buf->len < max_bytes ? max_bytes - w->buf->len : 0;
        bool last = i + 1 == N_CATEGORIES;
        if (!write_category(overview, w, categories[i], last ? left : left / 2, err))
            return false;
    }
    lk_json_end_object(w);
    return true;
}

bool lk_handler_get_explore(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_get_explore_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    bool with_fields = lk_is_true(args->include_fields);
    struct overview overview = {
        .arena = arena,
        .hidden = lk_is_true(args->include_hidden),
        .max_bytes = lk_tool_max_result_bytes(lk_tool_context(call)),
    };

    if (!lk_ask_explore(call, args->model_name, args->explore_name,
                        explore_fields_parameter(arena, with_fields), &overview.explore, err))
        return false;
    lk_json_begin_object(&w);
    lk_write_short_members(&w, overview.explore, &lk_explore_projection);
    if (with_fields && !write_categories(&overview, &w, err))
        return false;
    if (overview.cut) {
        lk_json_key(&w, "truncated");
        lk_json_begin_object(&w);
        lk_json_member_string(&w, "reason", LK_STR("result_bytes"));
        lk_json_member_integer(&w, "limit", (int64_t)overview.max_bytes);
        lk_json_member_string(&w, "how",
                              LK_STR("count and total show where fields are missing; "
                                     "list_dimensions and list_measures search and page"));
        lk_json_end_object(&w);
    }
    lk_json_end_object(&w);
    return true;
}
