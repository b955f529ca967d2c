/*
 * add_dashboard_filter: a filter, and the tiles that shall listen to it. Run again after a failure,
 * it finds the filter that it made and goes on with the tiles.
 */
#include "handlers/content/listen.h"
#include "handlers/content/parts.h"
#include "looker_tools.h"
#include "json/codec.h"

struct adding {
    struct mcp_call *call;
    struct lk_arena *arena;
    const struct looker_add_dashboard_filter_args *args;
    struct looker_dashboard dashboard;
    struct looker_dashboard_element **tiles; /* that shall listen */
    size_t n_tiles;
    struct lk_str name;
    struct lk_string model, explore;
    const struct looker_dashboard_filter *existing; /* of an earlier run, or NULL */
    struct lk_steps steps;
};

static struct looker_dashboard_element *find_tile(struct adding *adding, struct lk_str id)
{
    for (size_t i = 0; i < adding->dashboard.dashboard_elements.len; i++) {
        struct looker_dashboard_element *element = &adding->dashboard.dashboard_elements.items[i];
        if (lk_str_eq(element->id.value, id))
            return element;
    }
    return NULL;
}

/* The tiles must be of the dashboard and have something to filter. */
static bool find_tiles(struct adding *adding, struct lk_error *err)
{
    const struct lk_string_list *ids = &adding->args->tiles;
    const struct lk_listens listens = {
        &(struct lk_listen){adding->name, adding->args->dimension.value}, 1};
    struct looker_result_maker_filterables_list ignored;

    adding->tiles = lk_arena_array(adding->arena, ids->len, sizeof(*adding->tiles));
    for (size_t i = 0; i < ids->len; i++) {
        struct looker_dashboard_element *tile = find_tile(adding, ids->items[i]);
        struct lk_error why = {0};
        if (tile == NULL)
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "tiles: the dashboard has no tile with the id \"%.*s\"; get_dashboard "
                           "shows its tiles",
                           LK_STR_ARG(ids->items[i]));
        if (!lk_listens_apply(adding->arena, tile, &listens, &ignored, &why))
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "tiles: %s. Leave it out, and bind it with update_dashboard_element",
                           why.message);
        adding->tiles[adding->n_tiles++] = tile;
    }
    return true;
}

/* ---- model and explore: a field means nothing without ---- */

static struct lk_str view_of(struct lk_str field)
{
    const char *dot = memchr(field.ptr, '.', field.len);

    return dot != NULL ? lk_str_n(field.ptr, (size_t)(dot - field.ptr)) : (struct lk_str){0};
}

/* How well the query knows the dimension: it uses it, or another field of its view, or is about its
 * view; or none of these. */
static int kinship(const struct looker_query *query, struct lk_str dimension)
{
    struct lk_str view = view_of(dimension);
    int best = lk_str_eq(query->view.value, view) ? 2 : 1;

    for (size_t i = 0; i < query->fields.len; i++) {
        if (lk_str_eq(query->fields.items[i], dimension))
            return 4;
        if (view.len > 0 && lk_str_eq(view_of(query->fields.items[i]), view))
            best = 3;
    }
    return best;
}

/* Those of the filter that is there; of a new one those of the tile that knows the dimension best,
 * out of the tiles that shall listen, if any were named. Absent when no tile has a query. */
static void find_explore(struct adding *adding)
{
    int best = 0;

    if (adding->existing != NULL) {
        adding->model = adding->existing->model;
        adding->explore = adding->existing->explore;
        return;
    }
    adding->model = adding->args->model;
    adding->explore = adding->args->explore;
    if (adding->model.is == LK_PRESENT || adding->explore.is == LK_PRESENT)
        return;
    for (size_t i = 0; i < adding->dashboard.dashboard_elements.len; i++) {
        const struct looker_dashboard_element *element =
            &adding->dashboard.dashboard_elements.items[i];
        const struct looker_query *query = lk_element_query(element);
        int how = query != NULL ? kinship(query, adding->args->dimension.value) : 0;
        for (size_t k = 0; how > 0 && k < adding->n_tiles; k++)
            how += adding->tiles[k] == element ? 10 : 0;
        if (how <= best)
            continue;
        best = how;
        adding->model = query->model;
        adding->explore = query->view;
    }
}

/* ---- the filter ---- */

/* A name belongs to one filter of a dashboard. */
static bool check_name(struct adding *adding, struct lk_error *err)
{
    const struct looker_dashboard_filter_list *filters = &adding->dashboard.dashboard_filters;

    for (size_t i = 0; i < filters->len; i++) {
        const struct looker_dashboard_filter *filter = &filters->items[i];
        if (!lk_str_ieq(filter->name.value, adding->name))
            continue;
        if (!lk_str_eq(filter->dimension.value, adding->args->dimension.value) ||
            adding->args->tiles.len == 0)
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "the dashboard has a filter \"%.*s\" already (id %.*s): change it with "
                           "update_dashboard_filter, or give this one another name",
                           LK_STR_ARG(filter->name.value), LK_STR_ARG(filter->id.value));
        adding->existing = filter;
        adding->name = filter->name.value;
    }
    return true;
}

static bool create(struct adding *adding, struct lk_str *ret_id)
{
    const struct looker_add_dashboard_filter_args *args = adding->args;
    struct looker_create_dashboard_filter_params params = {0};
    struct looker_create_dashboard_filter body = {
        .dashboard_id = args->dashboard_id,
        .name = lk_string(adding->name),
        .title = args->title,
        .type = args->type,
        .dimension = args->dimension,
        .default_value = args->default_value,
        .model = adding->model,
        .explore = adding->explore,
        .allow_multiple_values = args->allow_multiple_values,
        .required = args->required,
        .listens_to_filters = args->listens_to_filters,
        .ui_config = args->ui_config,
        .row = args->row,
    };
    struct lk_str text;

    if (adding->existing != NULL) {
        *ret_id = adding->existing->id.value;
        lk_steps_skipped(&adding->steps, "create_filter",
                         "filter %.*s is there already and stays as it is; update_dashboard_filter "
                         "changes it",
                         LK_STR_ARG(*ret_id));
        return true;
    }
    if (!lk_steps_ask(&adding->steps, "create_filter",
                      looker_create_dashboard_filter(&params, &body), LK_JSON_OBJECT, &text))
        return false;
    *ret_id = lk_json_get_string(adding->arena, text, LK_STR("id"));
    lk_steps_done(&adding->steps, "create_filter", "filter %.*s", LK_STR_ARG(*ret_id));
    lk_steps_changed(&adding->steps, "added filter %.*s to dashboard %.*s", LK_STR_ARG(*ret_id),
                     LK_STR_ARG(args->dashboard_id.value));
    return true;
}

static void write_filter(struct adding *adding, struct lk_str id)
{
    const struct looker_dashboard_filter *existing = adding->existing;
    struct lk_json_writer *w = &adding->steps.w;

    lk_json_member_string(w, "id", id);
    lk_json_member_string(w, "dashboard_id", adding->args->dashboard_id.value);
    lk_json_member_string(w, "name", adding->name);
    lk_write_filled(w, "title", existing != NULL ? existing->title : adding->args->title);
    lk_write_filled(w, "type", existing != NULL ? existing->type : adding->args->type);
    lk_json_member_string(w, "dimension", adding->args->dimension.value);
    lk_write_filled(w, "model", adding->model);
    lk_write_filled(w, "explore", adding->explore);
}

/* Each tile by itself: one that fails does not keep the others. */
static void bind_tiles(struct adding *adding)
{
    const struct lk_listens listens = {
        &(struct lk_listen){adding->name, adding->args->dimension.value}, 1};
    struct lk_json_writer *w = &adding->steps.w;
    bool *bound = lk_arena_array(adding->arena, adding->n_tiles, sizeof(*bound));

    for (size_t i = 0; i < adding->n_tiles; i++) {
        struct lk_str id = adding->tiles[i]->id.value;
        bound[i] = lk_listens_write(&adding->steps, "bind_tile", adding->tiles[i], &listens);
        if (!bound[i])
            lk_steps_left(&adding->steps,
                          "tile %.*s does not listen to the filter: call this tool again, or bind "
                          "it with update_dashboard_element (listen)",
                          LK_STR_ARG(id));
    }
    lk_json_key(w, "tiles");
    lk_json_begin_array(w);
    for (size_t i = 0; i < adding->n_tiles; i++) {
        if (bound[i])
            lk_json_put_string(w, adding->tiles[i]->id.value);
    }
    lk_json_end_array(w);
}

bool lk_handler_add_dashboard_filter(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    struct adding *adding = lk_arena_new_object(mcp_call_arena(call), struct adding);
    const struct looker_add_dashboard_filter_args *args = args_;
    struct lk_str id;

    *adding = (struct adding){.call = call, .arena = mcp_call_arena(call), .args = args};
    adding->name = args->name.value.len > 0 ? args->name.value : args->title.value;

    /* 1. The dashboard: its filters, and its tiles with what they listen to. */
    if (!lk_dashboard_read(call, args->dashboard_id.value,
                           "id,dashboard_filters,dashboard_elements", &adding->dashboard, err) ||
        !check_name(adding, err) || !find_tiles(adding, err))
        return false;
    find_explore(adding);
    lk_steps_begin(&adding->steps, call);

    /* 2. The filter. 3. Its tiles. */
    if (!create(adding, &id)) {
        lk_steps_left(&adding->steps, "no filter was added, and no tile was changed");
        return lk_steps_end(&adding->steps, err);
    }
    write_filter(adding, id);
    bind_tiles(adding);
    if (adding->model.value.len == 0 || adding->explore.value.len == 0)
        lk_steps_left(&adding->steps,
                      "the filter has no model and explore, so it cannot suggest values: set them "
                      "with update_dashboard_filter");
    return lk_steps_end(&adding->steps, err);
}
