/*
 * add_dashboard_element: a tile of any kind, from its query to its place. What can be known to be
 * wrong is found before anything is made; what fails after the tile exists is left for
 * update_dashboard_element, since adding again would add a second tile.
 */
#include "handlers/content/listen.h"
#include "handlers/content/parts.h"
#include "handlers/content/tile_query.h"
#include "handlers/query/tile.h"
#include "looker_tools.h"
#include "json/codec.h"

struct adding {
    struct mcp_call *call;
    const struct looker_add_dashboard_element_args *args;
    struct lk_tile_query given; /* of a new query */
    struct looker_query query;
    struct lk_listens listens;
    struct lk_position position;
    struct lk_steps steps;
    struct looker_dashboard_element body;    /* as it is sent */
    struct looker_dashboard_element element; /* as Looker made it */
};

static struct adding begin(struct mcp_call *call,
                           const struct looker_add_dashboard_element_args *args)
{
    return (struct adding){
        .call = call,
        .args = args,
        .given = {.model = args->query_model,
                  .view = args->query_view,
                  .fields = args->query_fields,
                  .sorts = args->query_sorts,
                  .pivots = args->query_pivots,
                  .filters = args->query_filters,
                  .vis_config = args->vis_config,
                  .limit = args->query_limit},
        .position = {args->row, args->column, args->width, args->height},
        .body = {.dashboard_id = args->dashboard_id,
                 .look_id = args->look_id,
                 .query_id = args->query_id,
                 .merge_result_id = args->merge_result_id,
                 .note_text = args->note_text},
    };
}

static bool is_text(const struct looker_add_dashboard_element_args *args)
{
    return args->body_text.is == LK_PRESENT || args->subtitle_text.is == LK_PRESENT;
}

/* One source at most; a new query needs its three parts. */
static bool check_source(const struct adding *adding, struct lk_error *err)
{
    const struct looker_add_dashboard_element_args *args = adding->args;
    bool query = lk_tile_query_is_given(&adding->given);
    int sources = query + is_text(args) + (args->look_id.is == LK_PRESENT) +
                  (args->query_id.is == LK_PRESENT) + (args->merge_result_id.is == LK_PRESENT) +
                  (args->merge_queries.is == LK_PRESENT);

    if (sources > 1)
        return lk_fail(
            err, LK_ERROR_ARGUMENT,
            "a tile has one source: give either query_model, query_view and query_fields "
            "(with the other query_* and vis_config), or one of query_id, look_id, "
            "merge_queries, merge_result_id and body_text");
    if (query && (args->query_model.value.len == 0 || args->query_view.value.len == 0 ||
                  args->query_fields.len == 0))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "a new query needs query_model, query_view and query_fields; for one that "
                       "exists give query_id alone");
    if (args->listen.is == LK_PRESENT && (sources == 0 || is_text(args)))
        return lk_fail(err, LK_ERROR_ARGUMENT, "listen: a text tile has nothing to filter");
    return true;
}

static bool check_listens(struct adding *adding, struct lk_error *err)
{
    struct looker_dashboard dashboard;

    if (adding->args->listen.is != LK_PRESENT)
        return true;
    return lk_dashboard_read(adding->call, adding->args->dashboard_id.value, "id,dashboard_filters",
                             &dashboard, err) &&
           lk_listens_resolve(mcp_call_arena(adding->call), adding->args->listen,
                              &dashboard.dashboard_filters, &adding->listens, err);
}

static bool check_query(struct adding *adding, struct lk_error *err)
{
    return !lk_tile_query_is_given(&adding->given) ||
           lk_tile_query_make(adding->call, NULL, &adding->given, &adding->query, err);
}

/* The query or merged result, if it has to be made. */
static bool make_source(struct adding *adding)
{
    if (lk_tile_query_is_given(&adding->given))
        return lk_query_create(&adding->steps, &adding->query, &adding->body.query_id);
    if (adding->args->merge_queries.is == LK_PRESENT)
        return lk_tile_merge_create(&adding->steps, &adding->args->merge_queries,
                                    &adding->body.merge_result_id);
    return true;
}

/* Without a source the title is all there is: a heading. */
static void set_words(struct adding *adding)
{
    const struct looker_add_dashboard_element_args *args = adding->args;
    struct looker_dashboard_element *body = &adding->body;
    bool has_source = body->query_id.is == LK_PRESENT || body->look_id.is == LK_PRESENT ||
                      body->merge_result_id.is == LK_PRESENT;
    bool other = !lk_str_eq(args->type.value, LK_STR("vis"));

    body->type = has_source || other ? args->type : lk_string(LK_STR("text"));
    if (has_source || !lk_str_eq(body->type.value, LK_STR("text"))) {
        body->title = args->title;
        return;
    }
    body->title_text = args->title;
    body->body_text = args->body_text;
    body->subtitle_text = args->subtitle_text;
}

static bool create(struct adding *adding)
{
    struct lk_arena *arena = mcp_call_arena(adding->call);
    struct looker_create_dashboard_element_params params = {0};
    struct lk_error failure = {0};
    struct lk_str text;

    set_words(adding);
    if (!lk_steps_ask(&adding->steps, "create_tile",
                      looker_create_dashboard_element(&params, &adding->body), LK_JSON_OBJECT,
                      &text))
        return false;
    if (!lk_decode_answer(arena, &looker_dashboard_element_type, text, &adding->element,
                          &failure)) {
        lk_steps_failed(&adding->steps, "create_tile", true, &failure);
        return false;
    }
    lk_steps_done(&adding->steps, "create_tile", "tile %.*s", LK_STR_ARG(adding->element.id.value));
    lk_steps_changed(&adding->steps, "added tile %.*s to dashboard %.*s",
                     LK_STR_ARG(adding->element.id.value),
                     LK_STR_ARG(adding->args->dashboard_id.value));
    return true;
}

/* Looker has placed the new tile by itself; this says where it shall be. */
static bool place(struct adding *adding, struct lk_position *ret_position)
{
    const struct looker_dashboard_layout_component *component = NULL;
    struct lk_str id = adding->element.id.value;
    struct looker_dashboard dashboard;
    struct lk_error failure = {0};

    if (lk_dashboard_read(adding->call, adding->args->dashboard_id.value, "id,dashboard_layouts",
                          &dashboard, &failure)) {
        component = lk_layout_find(&dashboard, id);
        if (component == NULL)
            lk_layout_fail_missing(id, &failure);
    }
    if (component == NULL) {
        lk_steps_failed(&adding->steps, "place_tile", true, &failure);
        return false;
    }
    return lk_layout_place(&adding->steps, component, &adding->position, ret_position);
}

static void write_tile(struct adding *adding)
{
    struct lk_json_writer *w = &adding->steps.w;
    const struct looker_dashboard_element *element = &adding->element;

    lk_write_filled(w, "id", element->id);
    lk_json_member_string(w, "dashboard_id", adding->args->dashboard_id.value);
    lk_json_member_string(w, "title", adding->args->title.value);
    lk_write_filled(w, "type", adding->body.type);
    lk_write_filled(w, "query_id", adding->body.query_id);
    lk_write_filled(w, "look_id", adding->body.look_id);
    lk_write_filled(w, "merge_result_id", adding->body.merge_result_id);
}

/* What is done to the tile once it is there. */
static void finish(struct adding *adding)
{
    struct lk_str id = adding->element.id.value;
    struct lk_position position;

    if (adding->listens.len > 0) {
        if (!lk_listens_write(&adding->steps, "bind_filters", &adding->element, &adding->listens))
            lk_steps_left(&adding->steps,
                          "tile %.*s exists but does not listen to the filters: bind them with "
                          "update_dashboard_element (listen); do not add the tile again",
                          LK_STR_ARG(id));
        lk_listens_show(&adding->steps.w, mcp_call_arena(adding->call), &adding->element);
    }
    if (!lk_position_is_given(&adding->position))
        return;
    if (place(adding, &position))
        lk_position_write(&adding->steps.w, &position);
    else
        lk_steps_left(&adding->steps,
                      "tile %.*s exists, but where Looker put it: move it with "
                      "update_dashboard_element (row, column, width, height)",
                      LK_STR_ARG(id));
}

bool lk_handler_add_dashboard_element(struct mcp_call *call, const void *args, struct lk_error *err)
{
    struct adding adding = begin(call, args);

    /* 1. One source, names that its explore has, and filters that the dashboard has. */
    if (!check_source(&adding, err) || !check_query(&adding, err) || !check_listens(&adding, err))
        return false;
    lk_steps_begin(&adding.steps, call);

    /* 2. What it shows. 3. The tile. */
    if (!make_source(&adding)) {
        lk_steps_not_done(&adding.steps, "create_tile", "there is nothing to show in it");
        return lk_steps_end(&adding.steps, err);
    }
    if (!create(&adding)) {
        lk_steps_left(&adding.steps, "no tile was added");
        return lk_steps_end(&adding.steps, err);
    }
    write_tile(&adding);

    /* 4. Its filters, its place: the tile stays without. */
    finish(&adding);
    return lk_steps_end(&adding.steps, err);
}
