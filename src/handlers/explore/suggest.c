/*
 * suggest_field_values: one call when the field has suggestions. When it has none, a second one
 * reads what the explore says about the field: the name may be wrong, the values may stand in the
 * LookML itself, or another field may be the one to ask.
 */
#include "handlers/ask.h"
#include "handlers/context.h"
#include "handlers/explore/fields.h"
#include "handlers/items.h"
#include "handlers/query/similar.h"
#include "looker_tools.h"
#include "json/scan.h"

#define FIELD_FIELDS "name,suggestable,suggestions,enumerations,suggest_explore,suggest_dimension"
#define NAME_FIELDS                                                                                \
    "fields(dimensions(" FIELD_FIELDS "),filters(" FIELD_FIELDS "),parameters(" FIELD_FIELDS       \
    "),measures(name))"

/* Values, or why there are none. */
struct found {
    struct lk_str values; /* JSON list of strings or of {"value":…}; empty: none */
    bool hit_limit;       /* Looker itself stopped early */
    bool of_lookml;       /* they stand in the model: Looker has not looked for the term */
    const char *hint;
};

static bool has_values(const struct found *found)
{
    return found->values.len > 0 && lk_json_count(found->values) > 0;
}

/* Awaits. What Looker suggests for the field, which may be nothing. */
static bool ask_values(struct mcp_call *call, const struct looker_suggest_field_values_args *args,
                       struct lk_str explore, struct lk_str field, struct found *ret_found,
                       struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_model_fieldname_suggestions_params params = {
        .model_name = args->model_name,
        .view_name = lk_string(explore),
        .field_name = lk_string(field),
        .term = args->term,
        .filters = args->filters,
    };
    struct lk_str answer, list = {0}, limited = {0};

    if (!lk_ask(lk_tool_context(call)->api, arena, looker_model_fieldname_suggestions(&params),
                LK_JSON_OBJECT, &answer, err))
        return false;
    struct lk_str why = lk_json_get_string(arena, answer, LK_STR("error"));
    if (why.len > 0) {
        lk_fail(err, LK_ERROR_UPSTREAM, "Looker could not look up the values of this field");
        lk_error_detail(err, "%.*s", LK_STR_ARG(why));
        return false;
    }
    if (lk_json_get(answer, LK_STR("suggestions"), &list) && lk_json_type(list) != LK_JSON_ARRAY)
        list = (struct lk_str){0};
    lk_json_get(answer, LK_STR("hit_limit"), &limited);
    *ret_found =
        (struct found){.values = list, .hit_limit = limited.len > 0 && lk_json_is_true(limited)};
    return true;
}

/* ---- when there are none ---- */

static const char *const categories[] = {"dimensions", "filters", "parameters", "measures"};
enum { MEASURES = 3 };

/* The field in the explore's JSON, and where it stands; false: with the names that there are. */
static bool find_field(struct lk_arena *arena, struct lk_str explore, struct lk_str name,
                       struct lk_str *ret_field, size_t *ret_category, struct lk_error *err)
{
    struct lk_str list, item, *names;
    size_t n = 0;
    struct lk_buf buf;

    for (size_t i = 0; i < 4; i++) {
        const char *path[] = {"fields", categories[i], NULL};
        n += lk_json_get_path(explore, path, &list) ? lk_json_count(list) : 0;
    }
    names = lk_arena_array(arena, n, sizeof(*names));
    n = 0;
    for (size_t i = 0; i < 4; i++) {
        const char *path[] = {"fields", categories[i], NULL};
        struct lk_json_iter it =
            lk_json_iter(lk_json_get_path(explore, path, &list) ? list : LK_STR("[]"));
        while (lk_json_next(&it, NULL, &item)) {
            names[n] = lk_json_get_string(arena, item, LK_STR("name"));
            if (lk_str_eq(names[n++], name)) {
                *ret_field = item;
                *ret_category = i;
                return true;
            }
        }
    }
    struct lk_similar similar = lk_similar(arena, name, names, n);
    lk_buf_init(&buf, 400);
    lk_similar_put(&buf, &similar);
    lk_fail(err, LK_ERROR_ARGUMENT,
            "field_name: the explore has no field \"%.*s\"%.*s list_dimensions shows what there is",
            LK_STR_ARG(name), LK_STR_ARG(similar.n > 0 ? lk_buf_view(&buf) : LK_STR(":")));
    lk_buf_free(&buf);
    return false;
}

/* The member, when it is a list with something in it. */
static bool get_list(struct lk_str field, const char *member, struct lk_str *ret_list)
{
    return lk_json_get(field, lk_str(member), ret_list) &&
           lk_json_type(*ret_list) == LK_JSON_ARRAY && lk_json_count(*ret_list) > 0;
}

/* Awaits. What the field itself says: values of the model, another field to ask, or a hint. */
static bool ask_field(struct mcp_call *call, const struct looker_suggest_field_values_args *args,
                      struct lk_str field, size_t category, struct found *ret_found,
                      struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct found found = {.of_lookml = true};
    struct lk_str other_explore = lk_json_get_string(arena, field, LK_STR("suggest_explore"));
    struct lk_str other = lk_json_get_string(arena, field, LK_STR("suggest_dimension"));
    struct lk_str suggestable;

    if (get_list(field, "enumerations", &found.values) ||
        get_list(field, "suggestions", &found.values)) {
        *ret_found = found;
        return true;
    }
    if (other_explore.len > 0 && other.len > 0 &&
        (!lk_str_eq(other_explore, args->explore_name.value) ||
         !lk_str_eq(other, args->field_name.value))) {
        if (!ask_values(call, args, other_explore, other, ret_found, err))
            return false;
        if (has_values(ret_found))
            return true;
    }
    found = (struct found){.hint = "nothing matches; leave out term and filters to see more"};
    if (category == MEASURES)
        found.hint = "a measure is computed by each query: filter it by numbers, such as \">10\"";
    else if (lk_json_get(field, LK_STR("suggestable"), &suggestable) &&
             !lk_json_is_true(suggestable))
        found.hint = "Looker makes no suggestions for this field (suggestable is false): query it "
                     "alone to see its values";
    else if (args->term.value.len == 0 && args->filters.is != LK_PRESENT)
        found.hint = "Looker has no suggestions: query the field alone to see its values";
    *ret_found = found;
    return true;
}

/* Awaits. failure: why Looker suggests nothing, or unset when it just has nothing. */
static bool find_out(struct mcp_call *call, const struct looker_suggest_field_values_args *args,
                     struct found *found, struct lk_error *failure, struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_str explore, field;
    size_t category = 0;

    if (!lk_ask_explore(call, args->model_name, args->explore_name, LK_STR(NAME_FIELDS), &explore,
                        err) ||
        !find_field(arena, explore, args->field_name.value, &field, &category, err))
        return false;
    if (!ask_field(call, args, field, category, found, err))
        return false;
    if (failure->kind != LK_ERROR_NONE && !has_values(found)) {
        *err = *failure;
        return false;
    }
    return true;
}

/* ---- the answer ---- */

static void add_values(struct lk_arena *arena, const struct found *found, struct lk_str term,
                       struct lk_items *items)
{
    struct lk_json_iter it = lk_json_iter(found->values);
    struct lk_str value;

    while (found->values.len > 0 && lk_json_next(&it, NULL, &value)) {
        if (lk_json_type(value) == LK_JSON_OBJECT && !lk_json_get(value, LK_STR("value"), &value))
            continue;
        if (lk_json_type(value) == LK_JSON_NULL ||
            (found->of_lookml && !lk_str_icontains(lk_json_decode_string(arena, value), term)) ||
            !lk_items_next(items))
            continue;
        lk_buf_str(&items->buf, value);
        lk_items_end(items);
    }
}

bool lk_handler_suggest_field_values(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_suggest_field_values_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_items *items = lk_arena_new_object(arena, struct lk_items);
    struct lk_error failure = {0};
    struct found found = {0};

    /* 1. Looker's suggestions. What is neither wrong names nor a failed lookup ends here. */
    if (!ask_values(call, args, args->explore_name.value, args->field_name.value, &found,
                    &failure) &&
        failure.kind != LK_ERROR_UPSTREAM) {
        *err = failure;
        return false;
    }

    /* 2. Without any: why, and from where else. */
    if (!has_values(&found) && !find_out(call, args, &found, &failure, err))
        return false;

    /* 3. A page of them. */
    lk_items_init(items, arena, lk_tool_max_result_bytes(lk_tool_context(call)), args->offset.value,
                  args->limit.value);
    add_values(arena, &found, args->term.value, items);
    if (!lk_items_check(items, err))
        return false;
    lk_json_begin_object(&w);
    lk_items_write(items, &w, items->offered, lk_items_next_offset(items));
    lk_json_member_boolean(&w, "hit_limit", found.hit_limit);
    if (items->offered == 0)
        lk_json_member_string(&w, "hint",
                              found.hint != NULL ? lk_str(found.hint)
                                                 : LK_STR("none of its values has the term"));
    lk_json_end_object(&w);
    return true;
}
