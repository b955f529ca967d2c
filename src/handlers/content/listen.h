/*
 * Which dashboard filters a tile listens to, and on which of its fields. Looker keeps it with the
 * tile, as a list for each of its queries (a merged tile has several):
 *
 *     result_maker.filterables: [{model, view, name, listen: [{dashboard_filter_name, field}]}]
 */
#ifndef LK_HANDLERS_CONTENT_LISTEN_H
#define LK_HANDLERS_CONTENT_LISTEN_H

#include "handlers/steps.h"
#include "looker_types.h"

/* What shall be different: the filter is heard on that field. */
struct lk_listen {
    struct lk_str filter; /* its name */
    struct lk_str field;  /* empty: no longer heard. On a merged tile also "query: field", several
                             separated by commas */
};
struct lk_listens {
    struct lk_listen *items;
    size_t len;
};

/*
 * The argument {"filter (name or title)": "view.field"} against the filters that the dashboard has.
 * Errors: LK_ERROR_ARGUMENT for a filter that it does not have, with those that it has.
 */
bool lk_listens_resolve(struct lk_arena *arena, struct lk_json given,
                        const struct looker_dashboard_filter_list *filters,
                        struct lk_listens *ret_listens, struct lk_error *err);

/*
 * The element's filterables with the changes in them; all else in them stays. Errors:
 * LK_ERROR_ARGUMENT when a field cannot be told to one of several queries, or when the tile has
 * nothing to filter.
 */
bool lk_listens_apply(struct lk_arena *arena, const struct looker_dashboard_element *element,
                      const struct lk_listens *listens,
                      struct looker_result_maker_filterables_list *ret_filterables,
                      struct lk_error *err);

/*
 * Awaits. The step `step`: makes the tile listen as the changes say, if it does not already, and
 * looks at Looker's answer whether it does. The element becomes what Looker answered. False when
 * the step has failed.
 */
bool lk_listens_write(struct lk_steps *steps, const char *step,
                      struct looker_dashboard_element *element, const struct lk_listens *listens);

/* What the element heard before and does not hear any more: as changes that bring it back. */
struct lk_listens lk_listens_lost(struct lk_arena *arena,
                                  const struct looker_dashboard_element *before,
                                  const struct looker_dashboard_element *after);

/* Writes the member `listen`, {"filter": "view.field"}; nothing when the tile hears none. */
void lk_listens_show(struct lk_json_writer *w, struct lk_arena *arena,
                     const struct looker_dashboard_element *element);

#endif
