/*
 * Dashboard tiles (tile.h). A tile's own query is sent with the dashboard's filters put in, instead
 * of by id, which could not be filtered. Called by dashboard.c, many at a time: all that is
 * kept is in the tile and in the call's arena.
 */
#include "handlers/query/tile.h"

#include "handlers/ask.h"
#include "handlers/bind.h"
#include "looker_ops.h"
#include "json/codec.h"
#include "json/scan.h"

/* ---- what it is ---- */

static struct lk_str first(struct lk_str a, struct lk_str b)
{
    return a.len > 0 ? a : b;
}

static const struct looker_result_maker_with_id_vis_config_and_dynamic_fields *
result_maker(const struct lk_tile *tile)
{
    static const struct looker_result_maker_with_id_vis_config_and_dynamic_fields none;
    const struct looker_dashboard_element *element = &tile->element;

    return element->result_maker.is == LK_PRESENT ? element->result_maker.value : &none;
}

static const struct looker_look_with_query *look_of(const struct lk_tile *tile)
{
    static const struct looker_look_with_query none;

    return tile->element.look.is == LK_PRESENT ? tile->element.look.value : &none;
}

static struct lk_str merge_id(const struct lk_tile *tile)
{
    return first(tile->element.merge_result_id.value, result_maker(tile)->merge_result_id.value);
}

static enum lk_tile_kind kind_of(const struct lk_tile *tile)
{
    const struct looker_dashboard_element *element = &tile->element;

    if (merge_id(tile).len > 0)
        return LK_TILE_MERGED;
    if (result_maker(tile)->sql_query_id.value.len > 0)
        return LK_TILE_SQL;
    if (element->look.is == LK_PRESENT || element->look_id.value.len > 0)
        return LK_TILE_LOOK;
    if (element->query.is == LK_PRESENT || element->query_id.value.len > 0 ||
        result_maker(tile)->query.is == LK_PRESENT || result_maker(tile)->query_id.value.len > 0)
        return LK_TILE_QUERY;
    if (lk_str_eq(element->type.value, LK_STR("text")) || element->body_text.value.len > 0 ||
        element->title_text.value.len > 0)
        return LK_TILE_TEXT;
    return LK_TILE_OTHER;
}

void lk_tile_init(struct lk_tile *tile, struct lk_arena *arena, struct lk_str element)
{
    *tile = (struct lk_tile){.kind = LK_TILE_OTHER};
    if (!lk_decode_answer(arena, &looker_dashboard_element_type, element, &tile->element,
                          &tile->error)) {
        tile->element = (struct looker_dashboard_element){
            .id = lk_string(lk_json_get_string(arena, element, LK_STR("id"))),
            .title = lk_string(lk_json_get_string(arena, element, LK_STR("title"))),
        };
        return;
    }
    tile->kind = kind_of(tile);
}

struct lk_str lk_tile_title(const struct lk_tile *tile)
{
    return first(first(tile->element.title.value, tile->element.title_text.value),
                 look_of(tile)->title.value);
}

/* ---- rows ---- */

static const char how_cut[] =
    "run fewer tiles at once (tiles), narrow the dashboard's filters, or query the explore itself "
    "(or have LOOKER_MAX_RESULT_BYTES raised)";

/* Awaits. Runs what answers with rows as JSON and cannot be a task, in memory of its own. Looker
 * takes no limit for it, so no more is read than the limit allows. */
static void run_rows(const struct lk_tile_env *run, struct lk_api_request request,
                     struct lk_tile_result *result)
{
    const struct lk_rows_ask ask = {.request = request,
                                    .format = LK_STR("json"),
                                    .limit = result->limit,
                                    .max_bytes = lk_tool_max_result_bytes(run->context),
                                    .most_rows = result->limit.applied,
                                    .how = how_cut};
    struct lk_arena *scratch = lk_arena_new();
    struct lk_rows *rows;

    if (lk_rows_fetch(run->context->api, scratch, &ask, &rows, &result->error))
        result->list = lk_rows_list(run->arena, rows);
    result->error.body = lk_arena_str(run->arena, result->error.body);
    lk_arena_free(scratch);
}

/* Awaits. Runs a query, in memory of its own; what is not there within the wait keeps its id. */
static void run_task(const struct lk_tile_env *run, const struct looker_query *query,
                     struct lk_tile_result *result)
{
    struct lk_query_order order = {
        .query = query,
        .dashboard_id = run->dashboard_id,
        .params = {.server_table_calcs = lk_boolean(query->dynamic_fields.value.len > 0)},
    };
    const struct lk_rows_ask ask = {.format = LK_STR("json"),
                                    .limit = result->limit,
                                    .max_bytes = lk_tool_max_result_bytes(run->context),
                                    .how = how_cut};
    struct lk_arena *scratch = lk_arena_new();
    struct lk_query_run done;

    if (lk_loop_now_ms(run->context->loop) >= run->wait.until_ms) {
        lk_fail(&result->error, LK_ERROR_LIMIT,
                "it was not begun, since the tiles before it took all the time there was; run it "
                "by itself (tiles)");
    } else if (lk_query_run(&run->wait, scratch, &order, &ask, &done, &result->error)) {
        if (done.rows == NULL) {
            result->task_id = lk_arena_str(run->arena, done.task_id);
            result->status = lk_arena_str(run->arena, done.status);
        } else {
            result->list = lk_rows_list(run->arena, done.rows);
        }
    }
    result->error.body = lk_arena_str(run->arena, result->error.body);
    lk_arena_free(scratch);
}

/* Awaits. The query with the dashboard's filters; listener NULL: it listens to none. */
static void run_query(const struct lk_tile_env *run, const struct looker_query *saved,
                      const struct looker_result_maker_filterables *listener,
                      struct lk_tile_result *result)
{
    struct looker_query query = *saved;
    int64_t saved_limit = 0;

    lk_clear_read_only(&looker_query_type, &query);
    query.client_id = (struct lk_string){0};   /* would have to be new */
    query.filter_config = (struct lk_json){0}; /* how a person sees the filters; outranks them */
    query.vis_config = (struct lk_json){0};
    query.visible_ui_sections = (struct lk_string){0};
    if (listener != NULL && !lk_filters_apply(run->arena, run->filters, listener, query.filters,
                                              &query.filters, &result->error))
        return;
    if (run->timezone.len > 0)
        query.query_timezone = lk_string(run->timezone);
    lk_json_integer(saved->limit.value, &saved_limit);
    result->limit = lk_rows_limit(
        run->limit, saved_limit > 0 && saved_limit < run->limit ? saved_limit : run->limit, 0);
    query.limit = lk_string(lk_arena_printf(run->arena, "%lld", (long long)result->limit.applied));
    run_task(run, &query, result);
}

/* Awaits. The saved query of that id or slug. */
static bool fetch_query(const struct lk_tile_env *run, struct lk_str id, struct lk_str slug,
                        struct looker_query *ret_query, struct lk_error *err)
{
    struct looker_query_params by_id = {.query_id = lk_string(id)};
    struct looker_query_for_slug_params by_slug = {.slug = lk_string(slug)};
    struct lk_str text;

    return lk_ask(run->context->api, run->arena,
                  id.len > 0 ? looker_query(&by_id) : looker_query_for_slug(&by_slug),
                  LK_JSON_OBJECT, &text, err) &&
           lk_decode_answer(run->arena, &looker_query_type, text, ret_query, err);
}

static bool fetch_look_query(const struct lk_tile_env *run, struct lk_str look_id,
                             struct looker_query *ret_query, struct lk_error *err)
{
    struct looker_look_params params = {.look_id = lk_string(look_id)};
    struct looker_look_with_query look;
    struct lk_str text;

    if (!lk_ask(run->context->api, run->arena, looker_look(&params), LK_JSON_OBJECT, &text, err) ||
        !lk_decode_answer(run->arena, &looker_look_with_query_type, text, &look, err))
        return false;
    if (look.query.is != LK_PRESENT)
        return lk_fail(err, LK_ERROR_PARSE, "Looker does not say which query the Look runs");
    *ret_query = *look.query.value;
    return true;
}

/* ---- kinds ---- */

static struct lk_tile_result *new_results(const struct lk_tile_env *run, struct lk_tile *tile,
                                          size_t n)
{
    tile->results = lk_arena_array(run->arena, n, sizeof(*tile->results));
    tile->n_results = n;
    return tile->results;
}

/* The i-th of what can be filtered in the tile, or NULL. */
static const struct looker_result_maker_filterables *listener_at(const struct lk_tile *tile,
                                                                 size_t i)
{
    const struct looker_result_maker_filterables_list *list = &result_maker(tile)->filterables;

    return i < list->len ? &list->items[i] : NULL;
}

/* Awaits. The tile's query: out of the element, or fetched by what it names. */
static bool find_query(const struct lk_tile_env *run, const struct lk_tile *tile,
                       struct looker_query *ret_query, struct lk_error *err)
{
    const struct looker_dashboard_element *element = &tile->element;
    const struct looker_query_ref *embedded[] = {&element->query, &look_of(tile)->query,
                                                 &result_maker(tile)->query};

    for (size_t i = 0; i < sizeof(embedded) / sizeof(embedded[0]); i++) {
        if (embedded[i]->is == LK_PRESENT) {
            *ret_query = *embedded[i]->value;
            return true;
        }
    }
    struct lk_str id = first(first(element->query_id.value, look_of(tile)->query_id.value),
                             result_maker(tile)->query_id.value);
    if (id.len > 0)
        return fetch_query(run, id, (struct lk_str){0}, ret_query, err);
    return fetch_look_query(run, first(element->look_id.value, look_of(tile)->id.value), ret_query,
                            err);
}

static void run_query_tile(const struct lk_tile_env *run, struct lk_tile *tile)
{
    struct looker_query query;

    if (find_query(run, tile, &query, &tile->error))
        run_query(run, &query, listener_at(tile, 0), new_results(run, tile, 1));
}

static void run_sql_tile(const struct lk_tile_env *run, struct lk_tile *tile)
{
    struct looker_run_sql_query_params params = {
        .slug = lk_string(result_maker(tile)->sql_query_id.value),
        .result_format = lk_string(LK_STR("json")),
    };

    new_results(run, tile, 1)->limit = lk_rows_limit(run->limit, run->limit, 0);
    run_rows(run, looker_run_sql_query(&params), tile->results);
}

/* The source query listens under its name, or else in its place. */
static const struct looker_result_maker_filterables *member_listener(const struct lk_tile *tile,
                                                                     struct lk_str name, size_t i)
{
    const struct looker_result_maker_filterables_list *list = &result_maker(tile)->filterables;

    for (size_t k = 0; k < list->len && name.len > 0; k++) {
        if (lk_str_eq(list->items[k].name.value, name))
            return &list->items[k];
    }
    return listener_at(tile, i);
}

static void run_merged_tile(const struct lk_tile_env *run, struct lk_tile *tile)
{
    struct looker_merge_query_params params = {.merge_query_id = lk_string(merge_id(tile))};
    struct looker_merge_query merge;
    struct lk_str text;

    if (!lk_ask(run->context->api, run->arena, looker_merge_query(&params), LK_JSON_OBJECT, &text,
                &tile->error) ||
        !lk_decode_answer(run->arena, &looker_merge_query_type, text, &merge, &tile->error))
        return;
    new_results(run, tile, merge.source_queries.len);
    for (size_t i = 0; i < merge.source_queries.len; i++) {
        struct looker_merge_query_source_query *source = &merge.source_queries.items[i];
        struct lk_tile_result *result = &tile->results[i];
        struct looker_query query;
        struct looker_merge_fields_list *merge_fields =
            lk_arena_new_object(run->arena, struct looker_merge_fields_list);
        *merge_fields = source->merge_fields;
        result->name = source->name.value;
        result->merge_fields = merge_fields;
        if (fetch_query(run, source->query_id.value, source->query_slug.value, &query,
                        &result->error))
            run_query(run, &query, member_listener(tile, source->name.value, i), result);
    }
}

static const struct {
    const char *name;
    void (*run)(const struct lk_tile_env *run, struct lk_tile *tile);
} kinds[] = {
    [LK_TILE_QUERY] = {"query", run_query_tile},
    [LK_TILE_LOOK] = {"look", run_query_tile},
    [LK_TILE_SQL] = {"sql", run_sql_tile},
    [LK_TILE_MERGED] = {"merged", run_merged_tile},
    [LK_TILE_TEXT] = {"text", NULL},
    [LK_TILE_OTHER] = {"other", NULL},
};

const char *lk_tile_kind_name(enum lk_tile_kind kind)
{
    return kinds[kind].name;
}

void lk_tile_run(const struct lk_tile_env *run, struct lk_tile *tile)
{
    if (kinds[tile->kind].run != NULL && tile->error.kind == LK_ERROR_NONE)
        kinds[tile->kind].run(run, tile);
}

bool lk_tile_failed(const struct lk_tile *tile)
{
    bool failed = tile->error.kind != LK_ERROR_NONE;

    for (size_t i = 0; i < tile->n_results; i++)
        failed = failed || tile->results[i].error.kind != LK_ERROR_NONE;
    return failed;
}

bool lk_tile_runs(const struct lk_tile *tile)
{
    bool runs = false;

    for (size_t i = 0; i < tile->n_results; i++)
        runs = runs || tile->results[i].task_id.len > 0;
    return runs;
}

/* ---- the answer ---- */

static void write_error(struct lk_json_writer *w, const struct lk_error *error)
{
    lk_json_member_string(w, "error", lk_str(error->message));
    if (error->status != 0)
        lk_json_member_integer(w, "status", error->status);
    if (error->detail[0] != '\0')
        lk_json_member_string(w, "detail", lk_str(error->detail));
}

static void write_result(struct lk_json_writer *w, const struct lk_tile_result *result,
                         size_t max_bytes)
{
    if (result->error.kind != LK_ERROR_NONE) {
        write_error(w, &result->error);
    } else if (result->task_id.len > 0) {
        lk_json_member_string(w, "query_task_id", result->task_id);
        lk_json_member_string(w, "status", result->status);
    } else {
        lk_rows_write_list(w, &result->list, &result->limit, max_bytes, how_cut);
    }
}

static void write_members(struct lk_json_writer *w, const struct lk_tile *tile, size_t max_bytes)
{
    lk_json_key(w, "members");
    lk_json_begin_array(w);
    for (size_t i = 0; i < tile->n_results; i++) {
        const struct lk_tile_result *result = &tile->results[i];
        lk_json_begin_object(w);
        lk_json_member_string(w, "name", result->name);
        lk_json_key(w, "merge_fields");
        lk_json_begin_array(w);
        for (size_t k = 0; k < result->merge_fields->len; k++) {
            lk_json_begin_object(w);
            lk_json_member_string(w, "field_name", result->merge_fields->items[k].field_name.value);
            lk_json_member_string(w, "source_field_name",
                                  result->merge_fields->items[k].source_field_name.value);
            lk_json_end_object(w);
        }
        lk_json_end_array(w);
        write_result(w, result, max_bytes);
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
}

static void write_text(struct lk_json_writer *w, const struct looker_dashboard_element *element)
{
    const struct lk_str parts[] = {element->subtitle_text.value, element->body_text.value};

    lk_json_member_string(w, parts[0].len > 0 ? "subtitle" : "text", first(parts[0], parts[1]));
    if (parts[0].len > 0 && parts[1].len > 0)
        lk_json_member_string(w, "text", parts[1]);
}

void lk_tile_write(const struct lk_tile *tile, struct lk_json_writer *w, size_t max_bytes)
{
    const struct looker_dashboard_element *element = &tile->element;

    lk_json_begin_object(w);
    lk_json_member_string(w, "id", element->id.value);
    lk_json_member_string(w, "title", lk_tile_title(tile));
    lk_json_member_string(w, "kind", lk_str(kinds[tile->kind].name));
    if (tile->error.kind != LK_ERROR_NONE)
        write_error(w, &tile->error);
    else if (tile->kind == LK_TILE_MERGED)
        write_members(w, tile, max_bytes);
    else if (tile->kind == LK_TILE_TEXT)
        write_text(w, element);
    else if (tile->kind == LK_TILE_OTHER)
        lk_json_member_string(w, "type", element->type.value);
    else
        write_result(w, &tile->results[0], max_bytes);
    lk_json_end_object(w);
}
