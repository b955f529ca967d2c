/*
 * What the tools that change dashboards share: reading the parts of one, and where its tiles stand.
 */
#ifndef LK_HANDLERS_CONTENT_PARTS_H
#define LK_HANDLERS_CONTENT_PARTS_H

#include "handlers/steps.h"
#include "looker_types.h"

/* Awaits. The members of the dashboard that `fields` names, such as "id,dashboard_filters". */
bool lk_dashboard_read(struct mcp_call *call, struct lk_str id, const char *fields,
                       struct looker_dashboard *ret_dashboard, struct lk_error *err);

/* Where a tile stands or shall stand; what is absent is not known, or stays. */
struct lk_position {
    struct lk_integer row, column, width, height;
};

static inline bool lk_position_is_given(const struct lk_position *position)
{
    return position->row.is == LK_PRESENT || position->column.is == LK_PRESENT ||
           position->width.is == LK_PRESENT || position->height.is == LK_PRESENT;
}

/* The component of the active layout that places the tile, or NULL. The dashboard was read with
 * dashboard_layouts. */
const struct looker_dashboard_layout_component *
lk_layout_find(const struct looker_dashboard *dashboard, struct lk_str element_id);

/* LK_ERROR_UPSTREAM that says so, for a tile that lk_layout_find did not find. */
bool lk_layout_fail_missing(struct lk_str element_id, struct lk_error *err);

struct lk_position lk_layout_position(const struct looker_dashboard_layout_component *component);

/* Awaits. The step "place_tile": puts the tile there, and stores where it then is. */
bool lk_layout_place(struct lk_steps *steps,
                     const struct looker_dashboard_layout_component *component,
                     const struct lk_position *position, struct lk_position *ret_position);

/* Writes the member `position`, {"row":…,"column":…,"width":…,"height":…}. */
void lk_position_write(struct lk_json_writer *w, const struct lk_position *position);

/* The query of an element as Looker embeds it, or NULL. */
const struct looker_query *lk_element_query(const struct looker_dashboard_element *element);

/* Writes the string member unless it is empty. */
void lk_write_filled(struct lk_json_writer *w, const char *key, struct lk_string value);

#endif
