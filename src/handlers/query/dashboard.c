/*
 * run_dashboard: every tile of a dashboard, several at a time, with the dashboard's filters. Tiles
 * are tile.c's, filters filters.c's; here is the order of things and who gets how much room.
 */
#include "handlers/ask.h"
#include "handlers/context.h"
#include "handlers/query/filters.h"
#include "handlers/query/tile.h"
#include "looker_tools.h"
#include "rt/parallel.h"
#include "json/project.h"
#include "json/scan.h"

#include <stdlib.h>

/* What a tile takes besides its rows, about. */
#define TILE_OVERHEAD_BYTES 250

struct dashboard {
    struct mcp_call *call;
    struct lk_str json; /* as Looker answered */
    struct lk_filters filters;
    struct lk_tile **tiles;
    size_t n_tiles;
    size_t n_done;
    double told; /* as progress */
    struct lk_tile_env run;
};

/* ---- choosing tiles ---- */

static bool is_named(const struct lk_tile *tile, struct lk_str name)
{
    return lk_str_eq(tile->element.id.value, name) || lk_str_ieq(lk_tile_title(tile), name);
}

static bool is_wanted(const struct lk_tile *tile, const struct lk_string_list *names)
{
    for (size_t i = 0; i < names->len; i++) {
        if (is_named(tile, names->items[i]))
            return true;
    }
    return names->is != LK_PRESENT;
}

/* Each name must be that of a tile. */
static bool check_names(const struct dashboard *dashboard, const struct lk_string_list *names,
                        struct lk_error *err)
{
    for (size_t i = 0; i < names->len; i++) {
        bool found = false;
        for (size_t k = 0; k < dashboard->n_tiles && !found; k++)
            found = is_named(dashboard->tiles[k], names->items[i]);
        if (!found)
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "tiles: the dashboard has no tile with the id or title \"%.*s\"; leave "
                           "tiles out to see all of them",
                           LK_STR_ARG(names->items[i]));
    }
    return true;
}

static bool collect_tiles(struct dashboard *dashboard, const struct lk_string_list *names,
                          struct lk_error *err)
{
    struct lk_arena *arena = dashboard->run.arena;
    struct lk_str elements = LK_STR("[]"), element;

    lk_json_get(dashboard->json, LK_STR("dashboard_elements"), &elements);
    dashboard->tiles = lk_arena_array(arena, lk_json_count(elements), sizeof(*dashboard->tiles));
    struct lk_json_iter it = lk_json_iter(elements);
    while (lk_json_next(&it, NULL, &element)) {
        struct lk_tile *tile = lk_arena_new_object(arena, struct lk_tile);
        lk_tile_init(tile, arena, element);
        if (is_wanted(tile, names))
            dashboard->tiles[dashboard->n_tiles++] = tile;
    }
    return check_names(dashboard, names, err);
}

/* The dashboard's time zone, where it names one: "query_saved_timezone" and the like mean that
 * queries keep theirs or take the reader's. */
static struct lk_str timezone_of(struct lk_arena *arena, struct lk_str dashboard)
{
    struct lk_str zone = lk_json_get_string(arena, dashboard, LK_STR("query_timezone"));
    bool named = memchr(zone.ptr != NULL ? zone.ptr : "", '/', zone.len) != NULL ||
                 lk_str_eq(zone, LK_STR("UTC"));

    return named ? zone : (struct lk_str){0};
}

/* ---- running ---- */

static void run_tile(void *arg, size_t i)
{
    struct dashboard *dashboard = arg;
    struct lk_tile *tile = dashboard->tiles[i];

    lk_tile_run(&dashboard->run, tile);
    dashboard->told = (double)++dashboard->n_done;
    mcp_call_progress(dashboard->call, dashboard->told, (double)dashboard->n_tiles,
                      lk_tile_title(tile));
}

/* While the tiles run, none of which may end for long: the progress grows by less than a tile. */
static void tell_waiting(void *arg, struct lk_str status, uint64_t waited_ms)
{
    struct dashboard *dashboard = arg;

    (void)status;
    dashboard->told += ((double)dashboard->n_done + 1 - dashboard->told) / 1000;
    mcp_call_progress(dashboard->call, dashboard->told, (double)dashboard->n_tiles,
                      lk_arena_printf(dashboard->run.arena, "%zu of %zu tiles, %llu s",
                                      dashboard->n_done, dashboard->n_tiles,
                                      (unsigned long long)waited_ms / 1000));
}

/* ---- the answer ---- */

static int compare_sizes(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return (x > y) - (x < y);
}

/* The most bytes of rows that each result may have for all to stay within the budget: small ones
 * leave what they do not need to the others. */
static size_t fair_share(size_t *sizes, size_t n, size_t budget)
{
    qsort(sizes, n, sizeof(*sizes), compare_sizes);
    for (size_t i = 0; i < n; i++) {
        size_t share = budget / (n - i);
        if (sizes[i] > share)
            return share;
        budget -= sizes[i];
    }
    return SIZE_MAX;
}

static size_t share_of_rows(const struct dashboard *dashboard)
{
    size_t max_bytes = lk_tool_max_result_bytes(dashboard->run.context), taken = 0, n = 0, k = 0;

    for (size_t i = 0; i < dashboard->n_tiles; i++) {
        const struct lk_tile *tile = dashboard->tiles[i];
        n += tile->n_results;
        taken += TILE_OVERHEAD_BYTES + tile->element.body_text.value.len;
    }
    size_t *sizes = lk_arena_array(dashboard->run.arena, n, sizeof(*sizes));
    for (size_t i = 0; i < dashboard->n_tiles; i++) {
        const struct lk_tile *tile = dashboard->tiles[i];
        for (size_t r = 0; r < tile->n_results; r++)
            sizes[k++] = tile->results[r].list.rows.len;
    }
    /* Rows get a quarter of the room at least, whatever the texts take. */
    size_t budget = taken < max_bytes - max_bytes / 4 ? max_bytes - taken : max_bytes / 4;
    return fair_share(sizes, n, budget);
}

static bool write_answer(struct dashboard *dashboard, struct lk_error *err)
{
    static const struct lk_projection fields[] = {
        {.name = "description"}, {.name = "id"}, {.name = "title"}};
    static const struct lk_projection projection = {.fields = fields, .n_fields = 3};
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(dashboard->call));
    size_t share = share_of_rows(dashboard);
    int64_t failed = 0, running = 0;

    for (size_t i = 0; i < dashboard->n_tiles; i++) {
        failed += lk_tile_failed(dashboard->tiles[i]);
        running += lk_tile_runs(dashboard->tiles[i]);
    }
    lk_json_begin_object(&w);
    lk_json_key(&w, "dashboard");
    if (!lk_project(dashboard->json, &projection, false, w.buf, err))
        return false;
    w.comma = true;
    lk_json_key(&w, "filters");
    lk_filters_write(&dashboard->filters, &w);
    lk_json_member_integer(&w, "count", (int64_t)dashboard->n_tiles);
    lk_json_member_integer(&w, "failed", failed);
    if (running > 0) {
        lk_json_member_integer(&w, "running", running);
        lk_json_member_string(&w, "how",
                              LK_STR("Looker goes on with those that have a query_task_id: "
                                     "get_query_result waits for the rows of each"));
    }
    lk_json_key(&w, "items");
    lk_json_begin_array(&w);
    for (size_t i = 0; i < dashboard->n_tiles; i++)
        lk_tile_write(dashboard->tiles[i], &w, share);
    lk_json_end_array(&w);
    lk_json_end_object(&w);
    return true;
}

/* ---- finding it ---- */

static bool ask_dashboard(struct dashboard *dashboard, struct lk_str id, struct lk_error *err)
{
    struct looker_dashboard_params params = {
        .dashboard_id = lk_string(id),
        .fields = lk_string(LK_STR("id,title,description,query_timezone,dashboard_filters,"
                                   "dashboard_elements")),
    };

    return lk_ask(dashboard->run.context->api, dashboard->run.arena, looker_dashboard(&params),
                  LK_JSON_OBJECT, &dashboard->json, err);
}

/* The id of the dashboard with that slug, or empty. The search matches patterns and ignores case,
 * so what it finds is compared. */
static bool find_slug(struct dashboard *dashboard, struct lk_str slug, struct lk_str *ret_id,
                      struct lk_error *err)
{
    struct lk_arena *arena = dashboard->run.arena;
    struct lk_str found, item;
    struct looker_search_dashboards_params params = {
        .slug = lk_string(slug),
        .fields = lk_string(LK_STR("id,slug")),
    };

    if (!lk_ask(dashboard->run.context->api, arena, looker_search_dashboards(&params),
                LK_JSON_ARRAY, &found, err))
        return false;
    *ret_id = (struct lk_str){0};
    struct lk_json_iter it = lk_json_iter(found);
    while (ret_id->len == 0 && lk_json_next(&it, NULL, &item)) {
        if (lk_str_eq(lk_json_get_string(arena, item, LK_STR("slug")), slug))
            *ret_id = lk_json_get_string(arena, item, LK_STR("id"));
    }
    return true;
}

/* By id; what is not one may be a slug, unless it is a LookML dashboard's. */
static bool ask_by_any(struct dashboard *dashboard, struct lk_str id, struct lk_error *err)
{
    struct lk_error failure = {0};
    struct lk_str by_slug = {0};

    if (ask_dashboard(dashboard, id, &failure))
        return true;
    if (lk_failed_with(&failure, 404) && memmem(id.ptr, id.len, "::", 2) == NULL) {
        if (!find_slug(dashboard, id, &by_slug, err))
            return false;
        if (by_slug.len > 0)
            return ask_dashboard(dashboard, by_slug, err);
    }
    *err = failure;
    return false;
}

static bool find_dashboard(struct dashboard *dashboard, struct lk_str id, struct lk_error *err)
{
    return ask_by_any(dashboard, id, err) ||
           lk_explain_status(err, 404,
                             "there is no dashboard with this id or slug, or no access to it: "
                             "search_content finds dashboards by title");
}

bool lk_handler_run_dashboard(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_run_dashboard_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct dashboard *dashboard = lk_arena_new_object(arena, struct dashboard);

    *dashboard = (struct dashboard){
        .call = call,
        .run = {.context = context,
                .arena = arena,
                .filters = &dashboard->filters,
                .limit = lk_rows_limit(lk_tool_max_rows(context), args->limit.value, 0).applied},
    };

    /* 1. The dashboard, with its filters and tiles: fatal. */
    if (!find_dashboard(dashboard, args->dashboard_id.value, err))
        return false;
    if (!lk_filters_of_dashboard(arena, dashboard->json, args->filters.value, &dashboard->filters,
                                 err) ||
        !collect_tiles(dashboard, &args->tiles, err))
        return false;

    dashboard->run.timezone = timezone_of(arena, dashboard->json);
    dashboard->run.dashboard_id = lk_json_get_string(arena, dashboard->json, LK_STR("id"));
    dashboard->run.wait = lk_query_wait(call, (struct lk_number){0});
    dashboard->run.wait.tell = tell_waiting;
    dashboard->run.wait.arg = dashboard;

    /* 2. The tiles, several at a time: each failure is recorded with its tile. */
    if (!lk_parallel(context->loop, lk_tool_max_parallel(context), dashboard->n_tiles, run_tile,
                     dashboard, err))
        return false;

    /* 3. All of it, within one answer. */
    return write_answer(dashboard, err);
}
