/*
 * A dashboard's filters: the value that each has in this run, and what that makes of a tile's
 * query.
 */
#ifndef LK_HANDLERS_QUERY_FILTERS_H
#define LK_HANDLERS_QUERY_FILTERS_H

#include "base/arena.h"
#include "base/error.h"
#include "looker_types.h"
#include "json/write.h"

struct lk_filter {
    struct lk_str name;  /* what tiles listen to */
    struct lk_str title; /* what people see; may be empty */
    struct lk_str value; /* a filter expression */
    bool applies;        /* false: no default, and none was given */
    bool given;          /* by the caller, in place of the default */
};

struct lk_filters {
    struct lk_filter *items;
    size_t len;
};

/* The filters with their defaults. */
struct lk_filters lk_filters_of(struct lk_arena *arena,
                                const struct looker_dashboard_filter_list *filters);

/* The one with that name, or else the first that has it as its name or title but for ASCII case;
 * NULL when there is none. */
struct lk_filter *lk_filters_find(const struct lk_filters *filters, struct lk_str name);

/* LK_ERROR_ARGUMENT with the filters that there are; place: of which argument. */
bool lk_filters_fail_unknown(const struct lk_filters *filters, const char *place,
                             struct lk_str name, struct lk_error *err);

/*
 * given: JSON text of the caller's {"name or title": "expression"}, or empty. Names are compared
 * without ASCII case. Errors: LK_ERROR_ARGUMENT for a name that the dashboard does not have, with
 * those that it has, and for a filter that must have a value and has none.
 */
bool lk_filters_resolve(struct lk_arena *arena, const struct looker_dashboard_filter_list *filters,
                        struct lk_str given, struct lk_filters *ret_filters, struct lk_error *err);

/* The same for a dashboard's JSON as Looker answers it, with its member dashboard_filters. Errors:
 * as well those of decoding that. */
bool lk_filters_of_dashboard(struct lk_arena *arena, struct lk_str dashboard, struct lk_str given,
                             struct lk_filters *ret_filters, struct lk_error *err);

/*
 * The query's `filters` with those of the dashboard that the tile listens to put in. A filter
 * without a value leaves the tile's own filter on that field alone; an empty value that was given
 * lifts it. query_filters: JSON text of an object, or empty. Errors: LK_ERROR_LIMIT when they are
 * larger than 1 MiB together.
 */
bool lk_filters_apply(struct lk_arena *arena, const struct lk_filters *filters,
                      const struct looker_result_maker_filterables *listener,
                      struct lk_json query_filters, struct lk_json *ret_filters,
                      struct lk_error *err);

/* Writes [{"name":…,"title":…,"value":…,"source":"default"|"argument"}], those that apply. */
void lk_filters_write(const struct lk_filters *filters, struct lk_json_writer *w);

#endif
