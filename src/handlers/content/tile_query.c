/*
 * Queries behind tiles (tile_query.h). Looker's queries never change, so changing one means making
 * another. Used by add_dashboard_element and update_dashboard_element.
 */
#include "handlers/content/tile_query.h"

#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/query/validate.h"
#include "looker_ops.h"
#include "json/codec.h"
#include "json/tree.h"

#include <inttypes.h>

#define MAX_VIS_BYTES ((size_t)1024 * 1024)

bool lk_tile_query_is_given(const struct lk_tile_query *given)
{
    return given->model.is == LK_PRESENT || given->view.is == LK_PRESENT ||
           given->fields.is == LK_PRESENT || given->sorts.is == LK_PRESENT ||
           given->pivots.is == LK_PRESENT || given->filters.is == LK_PRESENT ||
           given->vis_config.is == LK_PRESENT || given->limit.is == LK_PRESENT;
}

/* The members of `changes` in place of those of `old`; null takes one away. */
static bool merge_vis(struct lk_arena *arena, struct lk_str old, struct lk_str changes,
                      struct lk_json *ret_merged, struct lk_error *err)
{
    struct lk_json_iter it = lk_json_iter(old);
    struct lk_str key, value, ignored;
    struct lk_buf buf;
    struct lk_json_writer w = lk_json_writer(&buf);
    bool ok;

    lk_buf_init(&buf, MAX_VIS_BYTES);
    lk_json_begin_object(&w);
    while (lk_json_next(&it, &key, &value)) {
        struct lk_str name = lk_json_decode_key(arena, key);
        if (lk_json_get(changes, name, &ignored))
            continue;
        lk_json_key_str(&w, name);
        lk_json_put_raw(&w, value);
    }
    it = lk_json_iter(changes);
    while (lk_json_next(&it, &key, &value)) {
        if (lk_json_type(value) == LK_JSON_NULL)
            continue;
        lk_json_key_str(&w, lk_json_decode_key(arena, key));
        lk_json_put_raw(&w, value);
    }
    lk_json_end_object(&w);
    ok = !buf.overflow;
    if (ok)
        *ret_merged = lk_json(lk_arena_str(arena, lk_buf_view(&buf)));
    else
        lk_fail(err, LK_ERROR_LIMIT, "vis_config: larger than %zu bytes with what the tile has",
                MAX_VIS_BYTES);
    lk_buf_free(&buf);
    return ok;
}

static bool put_in(struct lk_arena *arena, const struct lk_tile_query *given,
                   struct looker_query *query, struct lk_error *err)
{
    if (given->model.is == LK_PRESENT)
        query->model = given->model;
    if (given->view.is == LK_PRESENT)
        query->view = given->view;
    if (given->fields.is == LK_PRESENT)
        query->fields = given->fields;
    if (given->sorts.is == LK_PRESENT)
        query->sorts = given->sorts;
    if (given->pivots.is == LK_PRESENT)
        query->pivots = given->pivots;
    if (given->limit.is == LK_PRESENT)
        query->limit = lk_string(lk_arena_printf(arena, "%" PRId64, given->limit.value));
    if (given->filters.is == LK_PRESENT)
        query->filters = given->filters;
    return given->vis_config.is != LK_PRESENT ||
           merge_vis(arena, query->vis_config.value, given->vis_config.value, &query->vis_config,
                     err);
}

static bool names_fields(const struct lk_tile_query *given)
{
    return given->fields.is == LK_PRESENT || given->sorts.is == LK_PRESENT ||
           given->pivots.is == LK_PRESENT || given->filters.is == LK_PRESENT;
}

bool lk_tile_query_make(struct mcp_call *call, const struct looker_query *base,
                        const struct lk_tile_query *given, struct looker_query *ret_query,
                        struct lk_error *err)
{
    struct looker_query query = base != NULL ? *base : (struct looker_query){0};

    lk_clear_read_only(&looker_query_type, &query);
    query.client_id = (struct lk_string){0};   /* would have to be new */
    query.filter_config = (struct lk_json){0}; /* how a person sees the filters; outranks them */
    if (!put_in(mcp_call_arena(call), given, &query, err) ||
        (names_fields(given) && !lk_query_validate(call, &query, false, err)))
        return false;
    *ret_query = query;
    return true;
}

bool lk_query_create(struct lk_steps *steps, const struct looker_query *query,
                     struct lk_string *ret_query_id)
{
    struct lk_arena *arena = mcp_call_arena(steps->call);
    struct looker_create_query_params params = {.fields = lk_string(LK_STR("id"))};
    struct lk_error failure = {0};
    struct lk_str text;

    if (!lk_ask(lk_tool_context(steps->call)->api, arena, looker_create_query(&params, query),
                LK_JSON_OBJECT, &text, &failure)) {
        lk_query_explain(steps->call, query, false, &failure);
        lk_steps_failed(steps, "create_query", true, &failure);
        return false;
    }
    *ret_query_id = lk_string(lk_json_get_string(arena, text, LK_STR("id")));
    lk_steps_done(steps, "create_query", "query %.*s", LK_STR_ARG(ret_query_id->value));
    return true;
}

/* ---- merged results ---- */

static bool decode_source(struct lk_arena *arena, struct lk_str text, size_t i,
                          struct looker_merge_query_source_query *ret_source, struct lk_error *err)
{
    struct lk_error why = {0};
    cJSON *tree = NULL;

    if (lk_tree_parse(arena, text, &tree, &why) &&
        lk_decode_arguments(arena, &looker_merge_query_source_query_type, tree, ret_source, &why) &&
        (ret_source->query_id.value.len > 0 || ret_source->query_slug.value.len > 0 ||
         lk_fail(&why, LK_ERROR_ARGUMENT, "query_id is missing")))
        return true;
    return lk_fail(err, LK_ERROR_ARGUMENT, "merge_queries[%zu]: %s", i, why.message);
}

bool lk_tile_merge_create(struct lk_steps *steps, const struct lk_json_list *queries,
                          struct lk_string *ret_merge_id)
{
    struct lk_arena *arena = mcp_call_arena(steps->call);
    struct looker_create_merge_query_params params = {.fields = lk_string(LK_STR("id"))};
    struct looker_merge_query body = {
        .source_queries = {lk_arena_array(arena, queries->len, sizeof(*body.source_queries.items)),
                           queries->len, LK_PRESENT}};
    struct lk_error failure = {0};
    struct lk_str text;

    for (size_t i = 0; i < queries->len; i++) {
        if (!decode_source(arena, queries->items[i], i, &body.source_queries.items[i], &failure)) {
            lk_steps_failed(steps, "create_merge_query", true, &failure);
            return false;
        }
    }
    if (!lk_steps_ask(steps, "create_merge_query", looker_create_merge_query(&params, &body),
                      LK_JSON_OBJECT, &text))
        return false;
    *ret_merge_id = lk_string(lk_json_get_string(arena, text, LK_STR("id")));
    lk_steps_done(steps, "create_merge_query", "merged result %.*s",
                  LK_STR_ARG(ret_merge_id->value));
    return true;
}
