/*
 * Parts of dashboards (parts.h). Used by get_dashboard and by all that changes tiles and filters.
 */
#include "handlers/content/parts.h"

#include "handlers/ask.h"
#include "looker_ops.h"
#include "json/codec.h"

bool lk_dashboard_read(struct mcp_call *call, struct lk_str id, const char *fields,
                       struct looker_dashboard *ret_dashboard, struct lk_error *err)
{
    struct looker_dashboard_params params = {
        .dashboard_id = lk_string(id),
        .fields = lk_string(lk_str(fields)),
    };
    struct lk_str text;

    if (lk_ask(lk_tool_context(call)->api, mcp_call_arena(call), looker_dashboard(&params),
               LK_JSON_OBJECT, &text, err))
        return lk_decode_answer(mcp_call_arena(call), &looker_dashboard_type, text, ret_dashboard,
                                err);
    return lk_explain_status(err, 404,
                             "there is no dashboard \"%.*s\", or no access to it: list_dashboards "
                             "and search_content find dashboards",
                             LK_STR_ARG(id));
}

/* ---- layout ---- */

static bool is_gone(struct lk_boolean deleted)
{
    return lk_is_true(deleted);
}

static const struct looker_dashboard_layout_component *
find_in(const struct looker_dashboard_layout *layout, struct lk_str element_id)
{
    for (size_t i = 0; i < layout->dashboard_layout_components.len; i++) {
        const struct looker_dashboard_layout_component *component =
            &layout->dashboard_layout_components.items[i];
        if (!is_gone(component->deleted) &&
            lk_str_eq(component->dashboard_element_id.value, element_id))
            return component;
    }
    return NULL;
}

const struct looker_dashboard_layout_component *
lk_layout_find(const struct looker_dashboard *dashboard, struct lk_str element_id)
{
    const struct looker_dashboard_layout_component *found = NULL;

    /* The active one, or else the last that places the tile. */
    for (size_t i = 0; i < dashboard->dashboard_layouts.len; i++) {
        const struct looker_dashboard_layout *layout = &dashboard->dashboard_layouts.items[i];
        const struct looker_dashboard_layout_component *component = find_in(layout, element_id);
        if (component == NULL || is_gone(layout->deleted))
            continue;
        found = component;
        if (lk_is_true(layout->active))
            break;
    }
    return found;
}

bool lk_layout_fail_missing(struct lk_str element_id, struct lk_error *err)
{
    return lk_fail(
        err, LK_ERROR_UPSTREAM,
        "Looker's layout of the dashboard has no place for tile %.*s, so it can be moved "
        "in Looker itself only",
        LK_STR_ARG(element_id));
}

struct lk_position lk_layout_position(const struct looker_dashboard_layout_component *component)
{
    return (struct lk_position){component->row, component->column, component->width,
                                component->height};
}

bool lk_layout_place(struct lk_steps *steps,
                     const struct looker_dashboard_layout_component *component,
                     const struct lk_position *position, struct lk_position *ret_position)
{
    struct lk_arena *arena = mcp_call_arena(steps->call);
    struct looker_update_dashboard_layout_component_params params = {
        .dashboard_layout_component_id = component->id};
    struct looker_dashboard_layout_component body = {.row = position->row,
                                                     .column = position->column,
                                                     .width = position->width,
                                                     .height = position->height},
                                             placed;
    struct lk_error failure = {0};
    struct lk_str text;

    if (!lk_steps_ask(steps, "place_tile", looker_update_dashboard_layout_component(&params, &body),
                      LK_JSON_OBJECT, &text))
        return false;
    if (!lk_decode_answer(arena, &looker_dashboard_layout_component_type, text, &placed,
                          &failure)) {
        lk_steps_failed(steps, "place_tile", true, &failure);
        return false;
    }
    *ret_position = lk_layout_position(&placed);
    lk_steps_done(steps, "place_tile", "row %lld, column %lld, %lld wide, %lld high",
                  (long long)placed.row.value, (long long)placed.column.value,
                  (long long)placed.width.value, (long long)placed.height.value);
    return true;
}

static void write_integer(struct lk_json_writer *w, const char *key, struct lk_integer value)
{
    if (value.is == LK_PRESENT)
        lk_json_member_integer(w, key, value.value);
}

void lk_position_write(struct lk_json_writer *w, const struct lk_position *position)
{
    lk_json_key(w, "position");
    lk_json_begin_object(w);
    write_integer(w, "row", position->row);
    write_integer(w, "column", position->column);
    write_integer(w, "width", position->width);
    write_integer(w, "height", position->height);
    lk_json_end_object(w);
}

/* ---- elements ---- */

const struct looker_query *lk_element_query(const struct looker_dashboard_element *element)
{
    if (element->query.is == LK_PRESENT)
        return element->query.value;
    if (element->look.is == LK_PRESENT && element->look.value->query.is == LK_PRESENT)
        return element->look.value->query.value;
    if (element->result_maker.is == LK_PRESENT &&
        element->result_maker.value->query.is == LK_PRESENT)
        return element->result_maker.value->query.value;
    return NULL;
}

void lk_write_filled(struct lk_json_writer *w, const char *key, struct lk_string value)
{
    if (value.value.len > 0)
        lk_json_member_string(w, key, value.value);
}
