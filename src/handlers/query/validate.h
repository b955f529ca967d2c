/*
 * A query out of a tool's arguments, judged before Looker is asked for anything that costs: by
 * query, query_sql and query_url, and by the tools that save a query in a Look or a tile.
 *
 *     if (!lk_query_from_args(call, args, &query, err) ||
 *         (validate && !lk_query_validate(call, &query, dev, err)))
 *         return false;
 *     …lk_ask(…looker_create_query(&params, &query)…) || lk_query_explain(call, &query, dev, err)
 */
#ifndef LK_HANDLERS_QUERY_VALIDATE_H
#define LK_HANDLERS_QUERY_VALIDATE_H

#include "handlers/context.h"
#include "looker_types.h"

/*
 * The arguments (a struct of the tool's own type) that have the names of a Query's fields, as one;
 * what they point at is shared. Errors: LK_ERROR_ARGUMENT for dynamic_fields that are not the JSON
 * text of a list.
 */
bool lk_query_from_args(struct mcp_call *call, const void *args, struct looker_query *ret_query,
                        struct lk_error *err);

/*
 * Awaits, except when all names are known already (known.h). That the explore has every name in
 * fields, filters, sorts, pivots, fill_fields and subtotals; names that occur in dynamic_fields
 * count. When the explore cannot be read there is nothing to judge by: true, and Looker decides.
 * dev: look in the dev workspace, as the query itself will; that the model is none of the project
 * whose branch was borrowed is told then (lk_workspace_tell_project).
 * Errors: LK_ERROR_ARGUMENT with each wrong name, its place and the nearest ones that there are;
 * LK_ERROR_CANCELLED.
 */
bool lk_query_validate(struct mcp_call *call, const struct looker_query *query, bool dev,
                       struct lk_error *err);

/* A name of a field that the query asks for, and the argument that it stands in. */
struct lk_query_name {
    const char *place;
    struct lk_str text;
};

struct lk_query_names {
    struct lk_query_name *items;
    size_t n;
};

/* Those in fields, filters, sorts, pivots, fill_fields and subtotals that do not come from
 * dynamic_fields. */
struct lk_query_names lk_query_names(struct lk_arena *arena, const struct looker_query *query);

/*
 * Awaits. Says better why Looker refused the query (404, 400 and 422; other errors stay as they
 * are): which model or explore does not exist, with the nearest ones that do. Returns false.
 */
bool lk_query_explain(struct mcp_call *call, const struct looker_query *query, bool dev,
                      struct lk_error *err);

/* Awaits. The same of a 404 to a request for an explore in production; explore absent: for a
 * model. Returns false. */
bool lk_explain_explore(struct mcp_call *call, struct lk_string model, struct lk_string explore,
                        struct lk_error *err);

#endif
