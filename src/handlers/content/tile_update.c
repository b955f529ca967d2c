/*
 * update_dashboard_element: what a tile says, shows, listens to, and where it stands. Reads the
 * tile first; what is not named survives, also the filters it listens to when its query is
 * replaced.
 */
#include "handlers/ask.h"
#include "handlers/content/listen.h"
#include "handlers/content/parts.h"
#include "handlers/content/tile_query.h"
#include "handlers/query/tile.h"
#include "looker_tools.h"
#include "json/codec.h"

struct updating {
    struct mcp_call *call;
    struct lk_arena *arena;
    const struct looker_update_dashboard_element_args *args;
    struct lk_tile tile;        /* as it was */
    struct lk_tile_query given; /* of its query */
    struct looker_query query;  /* with these */
    struct lk_listens listens;
    struct lk_position position;
    const struct looker_dashboard_layout_component *component;
    struct lk_steps steps;
    struct looker_dashboard_element element; /* as it is now */
};

static bool ask_object(struct updating *u, struct lk_api_request request, struct lk_str *ret_text,
                       struct lk_error *err)
{
    return lk_ask(lk_tool_context(u->call)->api, u->arena, request, LK_JSON_OBJECT, ret_text, err);
}

static bool read_tile(struct updating *u, struct lk_error *err)
{
    struct looker_dashboard_element_params params = {.dashboard_element_id =
                                                         u->args->dashboard_element_id};
    struct lk_str text;

    if (!ask_object(u, looker_dashboard_element(&params), &text, err))
        return lk_explain_status(err, 404,
                                 "there is no tile \"%.*s\", or no access to it: get_dashboard "
                                 "shows the tiles of a dashboard",
                                 LK_STR_ARG(u->args->dashboard_element_id.value));
    lk_tile_init(&u->tile, u->arena, text);
    if (u->tile.error.kind != LK_ERROR_NONE) {
        *err = u->tile.error;
        return false;
    }
    u->element = u->tile.element;
    u->element.id = u->args->dashboard_element_id;
    return true;
}

/* ---- what does not go together ---- */

static int sources(const struct looker_update_dashboard_element_args *args)
{
    return (args->look_id.is == LK_PRESENT) + (args->query_id.is == LK_PRESENT) +
           (args->merge_result_id.is == LK_PRESENT);
}

static bool check(const struct updating *u, struct lk_error *err)
{
    const struct looker_update_dashboard_element_args *args = u->args;
    bool words = args->body_text.is == LK_PRESENT || args->subtitle_text.is == LK_PRESENT;
    bool query = lk_tile_query_is_given(&u->given);
    const char *kind = lk_tile_kind_name(u->tile.kind);

    if (sources(args) + query > 1)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "a tile has one source: give either query_* and vis_config, which change "
                       "its own query, or one of query_id, look_id and merge_result_id");
    if (query && u->tile.kind != LK_TILE_QUERY)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "tile %.*s has no query of its own to change (kind: %s)%s",
                       LK_STR_ARG(u->element.id.value), kind,
                       u->tile.kind == LK_TILE_LOOK ? "; change its Look with update_look, or give "
                                                      "query_id for a query in the Look's place"
                                                    : "");
    if (words && u->tile.kind != LK_TILE_TEXT)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "body_text and subtitle_text are for text tiles, and tile %.*s is none "
                       "(kind: %s); note_text puts words beside it",
                       LK_STR_ARG(u->element.id.value), kind);
    return true;
}

/* The filters and the layout of the dashboard, as far as they are needed. */
static bool prepare(struct updating *u, struct lk_error *err)
{
    struct looker_dashboard *dashboard = lk_arena_new_object(u->arena, struct looker_dashboard);
    bool move = lk_position_is_given(&u->position);

    if (!move && u->args->listen.is != LK_PRESENT)
        return true;
    if (!lk_dashboard_read(u->call, u->tile.element.dashboard_id.value,
                           "id,dashboard_filters,dashboard_layouts", dashboard, err) ||
        !lk_listens_resolve(u->arena, u->args->listen, &dashboard->dashboard_filters, &u->listens,
                            err))
        return false;
    u->component = lk_layout_find(dashboard, u->args->dashboard_element_id.value);
    return !move || u->component != NULL ||
           lk_layout_fail_missing(u->args->dashboard_element_id.value, err);
}

/* The query that the tile has (embedded, or fetched by its id) with the changes. */
static bool prepare_query(struct updating *u, struct lk_error *err)
{
    const struct looker_query *base = lk_element_query(&u->tile.element);
    struct looker_query_params params = {.query_id = u->tile.element.query_id};
    struct looker_query fetched;
    struct lk_str text;

    if (!lk_tile_query_is_given(&u->given))
        return true;
    if (base == NULL) {
        if (!ask_object(u, looker_query(&params), &text, err) ||
            !lk_decode_answer(u->arena, &looker_query_type, text, &fetched, err))
            return false;
        base = &fetched;
    }
    return lk_tile_query_make(u->call, base, &u->given, &u->query, err);
}

/* ---- what it says and shows ---- */

/* A source that takes the place of another one. */
static void replace_source(const struct updating *u, struct looker_dashboard_element *body)
{
    struct lk_string gone = {{0}, LK_NULL};
    const struct looker_dashboard_element *old = &u->tile.element;

    if (body->query_id.is != LK_PRESENT && old->query_id.is == LK_PRESENT)
        body->query_id = gone;
    if (body->look_id.is != LK_PRESENT && old->look_id.is == LK_PRESENT)
        body->look_id = gone;
    if (body->merge_result_id.is != LK_PRESENT && old->merge_result_id.is == LK_PRESENT)
        body->merge_result_id = gone;
}

/* True also when nothing of this was asked for. */
static bool change_tile(struct updating *u)
{
    const struct looker_update_dashboard_element_args *args = u->args;
    struct looker_update_dashboard_element_params params = {.dashboard_element_id =
                                                                args->dashboard_element_id};
    struct looker_dashboard_element body = {
        .title_hidden = args->title_hidden,
        .note_text = args->note_text,
        .body_text = args->body_text,
        .subtitle_text = args->subtitle_text,
        .look_id = args->look_id,
        .query_id = args->query_id,
        .merge_result_id = args->merge_result_id,
        .refresh_interval = args->refresh_interval,
    };
    struct lk_error failure = {0};
    struct lk_str answer;

    *(u->tile.kind == LK_TILE_TEXT ? &body.title_text : &body.title) = args->title;
    if (lk_tile_query_is_given(&u->given) &&
        !lk_query_create(&u->steps, &u->query, &body.query_id)) {
        lk_steps_not_done(&u->steps, "update_tile", "it needs the query");
        return false;
    }
    if (body.query_id.is == LK_PRESENT || sources(args) > 0)
        replace_source(u, &body);
    else if (args->title.is != LK_PRESENT && args->title_hidden.is != LK_PRESENT &&
             args->note_text.is != LK_PRESENT && args->body_text.is != LK_PRESENT &&
             args->subtitle_text.is != LK_PRESENT && args->refresh_interval.is != LK_PRESENT)
        return true;
    if (!lk_steps_ask(&u->steps, "update_tile", looker_update_dashboard_element(&params, &body),
                      LK_JSON_OBJECT, &answer))
        return false;
    if (!lk_decode_answer(u->arena, &looker_dashboard_element_type, answer, &u->element,
                          &failure)) {
        lk_steps_failed(&u->steps, "update_tile", true, &failure);
        return false;
    }
    u->element.id = args->dashboard_element_id;
    lk_steps_done(&u->steps, "update_tile", "tile %.*s", LK_STR_ARG(u->element.id.value));
    lk_steps_changed(&u->steps, "changed tile %.*s", LK_STR_ARG(u->element.id.value));
    return true;
}

/* ---- what it listens to ---- */

static bool same_explore(const struct updating *u)
{
    const struct looker_query *old = lk_element_query(&u->tile.element);
    const struct looker_query *now = lk_element_query(&u->element);

    return old != NULL && now != NULL && lk_str_eq(old->model.value, now->model.value) &&
           lk_str_eq(old->view.value, now->view.value);
}

static void append(struct lk_listens *list, const struct lk_listens *more)
{
    for (size_t i = 0; i < more->len; i++)
        list->items[list->len++] = more->items[i];
}

/* What was asked for, after what the change of its query has taken from it. */
static bool change_listening(struct updating *u)
{
    struct lk_listens lost = lk_listens_lost(u->arena, &u->tile.element, &u->element), all = {0};

    all.items = lk_arena_array(u->arena, lost.len + u->listens.len, sizeof(*all.items));
    if (same_explore(u))
        append(&all, &lost);
    else
        for (size_t i = 0; i < lost.len; i++)
            lk_steps_left(&u->steps,
                          "the tile has another source now and no longer listens to \"%.*s\" "
                          "(before: on %.*s); bind it with listen where it should",
                          LK_STR_ARG(lost.items[i].filter), LK_STR_ARG(lost.items[i].field));
    append(&all, &u->listens);
    if (all.len == 0)
        return true;
    if (!lk_listens_write(&u->steps, "bind_filters", &u->element, &all)) {
        for (size_t i = 0; i < all.len; i++)
            lk_steps_left(&u->steps, "have tile %.*s listen to \"%.*s\" on \"%.*s\"",
                          LK_STR_ARG(u->element.id.value), LK_STR_ARG(all.items[i].filter),
                          LK_STR_ARG(all.items[i].field));
        return false;
    }
    return true;
}

static void write_tile(struct updating *u, const struct lk_position *position)
{
    struct lk_json_writer *w = &u->steps.w;
    struct lk_tile now = {.element = u->element};

    lk_write_filled(w, "id", u->element.id);
    lk_write_filled(w, "dashboard_id", u->tile.element.dashboard_id);
    lk_json_member_string(w, "title", lk_tile_title(&now));
    lk_write_filled(w, "query_id", u->element.query_id);
    lk_write_filled(w, "look_id", u->element.look_id);
    lk_write_filled(w, "merge_result_id", u->element.merge_result_id);
    lk_listens_show(w, u->arena, &u->element);
    if (lk_position_is_given(position))
        lk_position_write(w, position);
}

static struct updating begin(struct mcp_call *call,
                             const struct looker_update_dashboard_element_args *args)
{
    return (struct updating){
        .call = call,
        .arena = mcp_call_arena(call),
        .args = args,
        .given = {.fields = args->query_fields,
                  .sorts = args->query_sorts,
                  .pivots = args->query_pivots,
                  .filters = args->query_filters,
                  .vis_config = args->vis_config,
                  .limit = args->query_limit},
        .position = {args->row, args->column, args->width, args->height},
    };
}

bool lk_handler_update_dashboard_element(struct mcp_call *call, const void *args,
                                         struct lk_error *err)
{
    struct updating *u = lk_arena_new_object(mcp_call_arena(call), struct updating);
    struct lk_position position = {0};

    /* 1. The tile, and what of its dashboard matters: nothing has changed before all fits. */
    *u = begin(call, args);
    if (!read_tile(u, err) || !check(u, err) || !prepare_query(u, err) || !prepare(u, err))
        return false;
    lk_steps_begin(&u->steps, call);

    /* 2. What it says and shows. 3. What it listens to. 4. Where it stands: apart from the others.
     */
    if (!change_tile(u)) {
        if (u->args->listen.is == LK_PRESENT)
            lk_steps_not_done(&u->steps, "bind_filters", "the tile could not be changed");
    } else {
        change_listening(u);
    }
    if (u->component != NULL && lk_position_is_given(&u->position)) {
        if (lk_layout_place(&u->steps, u->component, &u->position, &position))
            lk_steps_changed(&u->steps, "moved tile %.*s", LK_STR_ARG(u->element.id.value));
    } else if (u->component != NULL) {
        position = lk_layout_position(u->component);
    }
    write_tile(u, &position);
    return lk_steps_end(&u->steps, err);
}
