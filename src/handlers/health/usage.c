/*
 * What is there against what is used (usage.h). Called by health_analyze, health_vacuum and
 * find_stale_content.
 */
#include "handlers/health/usage.h"

#include "handlers/activity.h"
#include "handlers/ask.h"
#include "handlers/explore/fields.h"
#include "handlers/rows.h"
#include "looker_ops.h"

#include <stdlib.h>

/* Rows of usage that are read at most. */
#define ROWS_MAX 50000
#define QUERIES_OF_EXPLORE_MAX 5000
/* How long Looker keeps the history, unless it is told otherwise. */
#define HISTORY_DAYS 90

static struct lk_str window(struct lk_arena *arena, int64_t days)
{
    return lk_arena_printf(arena, "%lld days", (long long)days);
}

/* ---- models and explores ---- */

static void count_explores(struct lk_str models, size_t *ret_models, size_t *ret_explores)
{
    struct lk_json_iter it = lk_json_iter(models);
    struct lk_str model, explores;

    *ret_models = *ret_explores = 0;
    while (lk_json_next(&it, NULL, &model)) {
        (*ret_models)++;
        if (lk_json_get(model, LK_STR("explores"), &explores))
            *ret_explores += lk_json_count(explores);
    }
}

static void add_model(struct lk_usage *usage, struct lk_arena *arena, struct lk_str json)
{
    struct lk_used_model *model = &usage->models[usage->n_models++];
    struct lk_str explores, explore;

    *model = (struct lk_used_model){
        .project = lk_json_get_string(arena, json, LK_STR("project_name")),
        .name = lk_json_get_string(arena, json, LK_STR("name")),
    };
    if (!lk_json_get(json, LK_STR("explores"), &explores))
        return;
    struct lk_json_iter it = lk_json_iter(explores);
    while (lk_json_next(&it, NULL, &explore)) {
        usage->explores[usage->n_explores++] = (struct lk_used_explore){
            .model = model->name,
            .name = lk_json_get_string(arena, explore, LK_STR("name")),
            .hidden = lk_is_hidden(explore),
        };
        model->n_explores++;
    }
}

static bool list_models(const struct lk_tool_context *context, struct lk_arena *arena,
                        struct lk_str model, struct lk_usage *usage, struct lk_error *err)
{
    struct looker_all_lookml_models_params params = {
        .fields = lk_string(LK_STR("name,project_name,explores(name,hidden)")),
    };
    struct lk_str models, item;
    size_t n_models, n_explores;

    if (!lk_ask(context->api, arena, looker_all_lookml_models(&params), LK_JSON_ARRAY, &models,
                err))
        return false;
    count_explores(models, &n_models, &n_explores);
    usage->models = lk_arena_array(arena, n_models, sizeof(*usage->models));
    usage->explores = lk_arena_array(arena, n_explores, sizeof(*usage->explores));
    struct lk_json_iter it = lk_json_iter(models);
    while (lk_json_next(&it, NULL, &item)) {
        if (model.len == 0 || lk_str_eq(lk_json_get_string(arena, item, LK_STR("name")), model))
            add_model(usage, arena, item);
    }
    if (model.len > 0 && usage->n_models == 0)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "model: there is no model \"%.*s\", or no access to it: list_models shows "
                       "what there is",
                       LK_STR_ARG(model));
    return true;
}

/* Explores are few thousands at most and rows fewer: walking is quick enough. */
static struct lk_used_explore *find_explore(struct lk_usage *usage, struct lk_str model,
                                            struct lk_str name)
{
    for (size_t i = 0; i < usage->n_explores; i++) {
        if (lk_str_eq(usage->explores[i].name, name) && lk_str_eq(usage->explores[i].model, model))
            return &usage->explores[i];
    }
    return NULL;
}

/* What is added up, and where a row says how much of it there is. */
struct counting {
    struct lk_usage *usage;
    struct lk_arena *arena; /* of the usage */
    enum { QUERIES, LOOKS, DASHBOARDS } what;
};

static bool count_row(void *arg, struct lk_str row)
{
    struct counting *counting = arg;
    struct lk_str model = lk_row_text(counting->arena, row, "query.model");
    struct lk_str view = lk_row_text(counting->arena, row, "query.view");
    struct lk_used_explore *explore = find_explore(counting->usage, model, view);

    if (explore == NULL)
        return true;
    switch (counting->what) {
    case QUERIES:
        explore->queries += (int64_t)lk_row_number(row, "history.query_run_count");
        explore->last_query = lk_arena_str(
            counting->arena, lk_row_text(counting->arena, row, "history.most_recent_query_date"));
        break;
    case LOOKS:
        explore->looks += (int64_t)lk_row_number(row, "look.count");
        break;
    case DASHBOARDS:
        explore->dashboards += (int64_t)lk_row_number(row, "dashboard.count");
        break;
    }
    return true;
}

/* Awaits. Counts rows by query.model and query.view; fails when they may not be all. */
static bool count_rows(const struct lk_tool_context *context, struct counting *counting,
                       struct lk_activity_query *query, struct lk_str model, struct lk_error *err)
{
    int64_t n;

    query->limit = ROWS_MAX;
    lk_activity_filter(query, "query.model",
                       model.len > 0 ? lk_filter_exactly(counting->arena, model) : LK_STR("-NULL"));
    if (!lk_activity_each(context, counting->arena, query, count_row, counting, &n, err))
        return false;
    if (n >= ROWS_MAX)
        return lk_fail(err, LK_ERROR_LIMIT,
                       "System Activity has more than %d combinations of model and explore; name a "
                       "model to look at one at a time",
                       ROWS_MAX);
    return true;
}

bool lk_usage_load(const struct lk_tool_context *context, struct lk_arena *arena,
                   struct lk_str model, int64_t days, struct lk_usage *ret_usage,
                   struct lk_error *err)
{
    struct lk_usage usage = {.days = days};
    struct lk_activity_query query = {
        .explore = "history",
        .fields = "query.model,query.view,history.query_run_count,history.most_recent_query_date",
    };
    struct counting *counting = lk_arena_new_object(arena, struct counting);

    *counting = (struct counting){.usage = &usage, .arena = arena, .what = QUERIES};
    lk_activity_filter(&query, "history.created_date", window(arena, days));
    if (!list_models(context, arena, model, &usage, err) ||
        !count_rows(context, counting, &query, model, err))
        return false;
    for (size_t m = 0, e = 0; m < usage.n_models; m++) {
        struct lk_used_model *sum = &usage.models[m];
        for (size_t end = e + sum->n_explores; e < end; e++) {
            const struct lk_used_explore *explore = &usage.explores[e];
            sum->queries += explore->queries;
            sum->n_unused += explore->queries == 0;
            /* Dates that are written alike compare as text. */
            if (explore->last_query.len > 0 &&
                (sum->last_query.len == 0 ||
                 memcmp(explore->last_query.ptr, sum->last_query.ptr, sum->last_query.len) > 0))
                sum->last_query = explore->last_query;
        }
    }
    *ret_usage = usage;
    return true;
}

bool lk_usage_add_content(const struct lk_tool_context *context, struct lk_arena *arena,
                          struct lk_usage *usage, struct lk_error *err)
{
    struct lk_activity_query queries[] = {
        {.explore = "look", .fields = "query.model,query.view,look.count"},
        {.explore = "dashboard", .fields = "query.model,query.view,dashboard.count"},
    };
    struct counting *counting = lk_arena_new_object(arena, struct counting);

    lk_activity_filter(&queries[0], "look.deleted_date", LK_STR("NULL"));
    lk_activity_filter(&queries[1], "dashboard.deleted_date", LK_STR("NULL"));
    for (size_t i = 0; i < 2; i++) {
        *counting =
            (struct counting){.usage = usage, .arena = arena, .what = i == 0 ? LOOKS : DASHBOARDS};
        if (!count_rows(context, counting, &queries[i], (struct lk_str){0}, err))
            return false;
    }
    return true;
}

/* ---- fields ---- */

/* Names that many rows have in common, each kept about once: those of the sorted beginning are
 * there once, and a name that is among them is not taken again. */
struct names {
    struct lk_arena *arena;
    struct lk_str *items;
    size_t n, n_sorted, cap;
};

static int compare_names(const void *a_, const void *b_)
{
    const struct lk_str *a = a_, *b = b_;
    size_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->ptr, b->ptr, len);

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static void sort_names(struct names *names)
{
    size_t n = 0;

    if (names->n > 0)
        qsort(names->items, names->n, sizeof(*names->items), compare_names);
    for (size_t i = 0; i < names->n; i++) {
        if (n == 0 || compare_names(&names->items[n - 1], &names->items[i]) != 0)
            names->items[n++] = names->items[i];
    }
    names->n = names->n_sorted = n;
}

static bool has_name(const struct names *names, struct lk_str name)
{
    return names->n_sorted > 0 &&
           bsearch(&name, names->items, names->n_sorted, sizeof(name), compare_names) != NULL;
}

static void add_name(struct names *names, struct lk_str name)
{
    if (has_name(names, name))
        return;
    if (names->n == names->cap)
        sort_names(names);
    if (names->n >= names->cap / 2 && names->n_sorted == names->n) {
        names->cap = names->cap > 0 ? names->cap * 2 : 256;
        struct lk_str *items = lk_arena_array(names->arena, names->cap, sizeof(*items));
        if (names->n > 0)
            memcpy(items, names->items, names->n * sizeof(*items));
        names->items = items;
    }
    names->items[names->n++] = lk_arena_str(names->arena, name);
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

/* Everything in the text that looks like view.field. */
static void add_names(struct names *names, struct lk_str text)
{
    for (size_t i = 0, start; i < text.len; i++) {
        for (start = i; i < text.len && is_name_char(text.ptr[i]); i++)
            ;
        if (i > start && memchr(text.ptr + start, '.', i - start) != NULL)
            add_name(names, lk_str_n(text.ptr + start, i - start));
    }
}

static bool take_names(void *arg, struct lk_str row)
{
    struct names *names = arg;
    struct lk_arena *scratch = lk_arena_new(); /* for texts with escapes */

    add_names(names, lk_row_text(scratch, row, "query.formatted_fields"));
    add_names(names, lk_row_text(scratch, row, "query.filters"));
    lk_arena_free(scratch);
    return true;
}

static void find_unused(struct lk_arena *arena, struct lk_str explore, struct names *used,
                        struct lk_field_usage *usage)
{
    static const char *const kinds[] = {"dimensions", "measures"};
    struct lk_str list, field;

    sort_names(used);
    for (size_t pass = 0; pass < 2; pass++) { /* counts, then keeps */
        for (size_t k = 0; k < 2; k++) {
            const char *path[] = {"fields", kinds[k], NULL};
            if (!lk_json_get_path(explore, path, &list))
                continue;
            struct lk_json_iter it = lk_json_iter(list);
            while (lk_json_next(&it, NULL, &field)) {
                struct lk_str name = lk_json_get_string(used->arena, field, LK_STR("name"));
                if (lk_is_hidden(field))
                    continue;
                if (pass == 0)
                    usage->n_fields++;
                else if (!has_name(used, name))
                    usage->unused[usage->n_unused++] = lk_arena_str(arena, name);
            }
        }
        if (pass == 0)
            usage->unused = lk_arena_array(arena, usage->n_fields, sizeof(*usage->unused));
    }
}

/* The same with scratch memory for what Looker answers, which may be much. */
static bool read_fields(const struct lk_tool_context *context, struct lk_arena *arena,
                        struct lk_arena *scratch, const struct lk_used_explore *explore,
                        int64_t days, struct lk_field_usage *usage, struct lk_error *err)
{
    struct looker_lookml_model_explore_params params = {
        .lookml_model_name = lk_string(explore->model),
        .explore_name = lk_string(explore->name),
        .fields = lk_string(LK_STR("fields(dimensions(name,hidden),measures(name,hidden))")),
    };
    struct lk_activity_query query = {
        .explore = "history",
        .fields = "query.formatted_fields,query.filters,history.query_run_count",
        .sorts = "history.query_run_count desc",
        .limit = QUERIES_OF_EXPLORE_MAX,
    };
    struct names used = {.arena = scratch};
    struct lk_str found;
    int64_t n;

    lk_activity_filter(&query, "history.created_date", window(scratch, days));
    lk_activity_filter(&query, "query.model", lk_filter_exactly(scratch, explore->model));
    lk_activity_filter(&query, "query.view", lk_filter_exactly(scratch, explore->name));
    if (!lk_ask(context->api, scratch, looker_lookml_model_explore(&params), LK_JSON_OBJECT, &found,
                err) ||
        !lk_activity_each(context, scratch, &query, take_names, &used, &n, err))
        return false;
    usage->cut = n >= QUERIES_OF_EXPLORE_MAX;
    find_unused(arena, found, &used, usage);
    return true;
}

bool lk_usage_of_fields(const struct lk_tool_context *context, struct lk_arena *arena,
                        const struct lk_used_explore *explore, int64_t days,
                        struct lk_field_usage *ret_usage, struct lk_error *err)
{
    struct lk_arena *scratch = lk_arena_new();
    struct lk_field_usage usage = {0};
    bool ok = read_fields(context, arena, scratch, explore, days, &usage, err);

    if (ok)
        *ret_usage = usage;
    else
        err->body = lk_arena_str(arena, err->body);
    lk_arena_free(scratch);
    return ok;
}

/* ---- content ---- */

bool lk_usage_write_unopened(struct mcp_call *call, struct lk_json_writer *w,
                             struct lk_str content_type, int64_t days, int64_t limit,
                             struct lk_error *err)
{
    struct lk_activity_query query = {
        .explore = "content_usage",
        .fields = "content_usage.content_type,content_usage.content_id,content_usage.content_title,"
                  "content_usage.days_since_last_accessed,content_usage.last_accessed_date,"
                  "content_usage.other_count,content_usage.schedule_count",
        .sorts = "content_usage.days_since_last_accessed desc",
        .limit = limit,
    };

    lk_activity_filter(&query, "content_usage.days_since_last_accessed",
                       lk_filter_at_least(mcp_call_arena(call), (double)days));
    lk_activity_filter(&query, "dashboard.deleted_date", LK_STR("NULL"));
    lk_activity_filter(&query, "look.deleted_date", LK_STR("NULL"));
    if (!lk_str_eq(content_type, LK_STR("all")))
        lk_activity_filter(&query, "content_usage.content_type", content_type);
    return lk_activity_write(call, w, &query, err);
}

/* ---- answers ---- */

void lk_usage_begin(struct lk_json_writer *w, const char *kind_name, struct lk_str kind,
                    int64_t days)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, kind_name, kind);
    lk_json_member_integer(w, "days", days);
}

bool lk_usage_end(struct lk_json_writer *w, struct lk_items *items, int64_t days,
                  struct lk_error *err)
{
    if (!lk_items_check(items, err))
        return false;
    lk_items_write(items, w, items->offered, lk_items_next_offset(items));
    if (days > HISTORY_DAYS)
        lk_json_member_string(w, "note",
                              LK_STR("Looker keeps about 90 days of queries unless Elite System "
                                     "Activity is on: what was used before counts as unused"));
    lk_json_end_object(w);
    return true;
}
