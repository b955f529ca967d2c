/*
 * What a tile shows: making the query, or the merged result, that stands behind it.
 */
#ifndef LK_HANDLERS_CONTENT_TILE_QUERY_H
#define LK_HANDLERS_CONTENT_TILE_QUERY_H

#include "handlers/steps.h"
#include "looker_types.h"

/* The arguments query_* of the tools for tiles; what is absent stays as it is. */
struct lk_tile_query {
    struct lk_string model, view;
    struct lk_string_list fields, sorts, pivots;
    struct lk_json filters, vis_config;
    struct lk_integer limit;
};

/* Whether any of them was given. */
bool lk_tile_query_is_given(const struct lk_tile_query *given);

/*
 * Awaits. A query like `base` (NULL: none) with what was given in its place; vis_config is merged,
 * member by member, where null takes a member away. When names of fields were given, they and the
 * others are judged as in query/validate.h.
 */
bool lk_tile_query_make(struct mcp_call *call, const struct looker_query *base,
                        const struct lk_tile_query *given, struct looker_query *ret_query,
                        struct lk_error *err);

/* Awaits. The step "create_query". */
bool lk_query_create(struct lk_steps *steps, const struct looker_query *query,
                     struct lk_string *ret_query_id);

/* Awaits. The step "create_merge_query", of queries that exist. Items are objects
 * {query_id, name, merge_fields: [{field_name, source_field_name}]}. */
bool lk_tile_merge_create(struct lk_steps *steps, const struct lk_json_list *queries,
                          struct lk_string *ret_merge_id);

#endif
