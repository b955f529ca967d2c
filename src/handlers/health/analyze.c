/*
 * health_analyze (how much models, explores, projects and content are used) and health_vacuum (what
 * of them is not used at all). Both read the same counts (usage.c); neither changes anything.
 */
#include "handlers/health/usage.h"

#include "handlers/activity.h"
#include "handlers/ask.h"
#include "looker_tools.h"
#include "rt/parallel.h"

#include <stdlib.h>

/* What the two tools have in common. */
struct job {
    struct mcp_call *call;
    const struct lk_tool_context *context;
    struct lk_arena *arena;
    struct lk_json_writer w;
    struct lk_items items;
    struct lk_usage usage;
    struct lk_str model;
    int64_t days;
};

static struct job *new_job(struct mcp_call *call, struct lk_string model, int64_t days,
                           int64_t offset, int64_t limit)
{
    struct job *job = lk_arena_new_object(mcp_call_arena(call), struct job);

    *job = (struct job){
        .call = call,
        .context = lk_tool_context(call),
        .arena = mcp_call_arena(call),
        .w = lk_json_writer(mcp_call_answer(call)),
        .model = model.value,
        .days = days,
    };
    lk_items_init(&job->items, job->arena, lk_tool_max_result_bytes(job->context), offset, limit);
    return job;
}

static void put_last_query(struct lk_json_writer *w, struct lk_str last_query)
{
    if (last_query.len > 0)
        lk_json_member_string(w, "last_query", last_query);
}

/* ---- models and projects ---- */

static int by_model_queries(const void *a_, const void *b_)
{
    const struct lk_used_model *a = a_, *b = b_;

    return (a->queries < b->queries) - (a->queries > b->queries);
}

static void put_model(struct job *job, const struct lk_used_model *model)
{
    struct lk_json_writer w = lk_json_writer(&job->items.buf);

    if (!lk_items_next(&job->items))
        return;
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "model", model->name);
    lk_json_member_string(&w, "project", model->project);
    lk_json_member_integer(&w, "explores", (int64_t)model->n_explores);
    lk_json_member_integer(&w, "unused_explores", (int64_t)model->n_unused);
    lk_json_member_integer(&w, "queries", model->queries);
    put_last_query(&w, model->last_query);
    lk_json_end_object(&w);
    lk_items_end(&job->items);
}

/* unused: only those that nobody queried. */
static bool put_models(struct job *job, bool unused)
{
    qsort(job->usage.models, job->usage.n_models, sizeof(*job->usage.models), by_model_queries);
    for (size_t i = 0; i < job->usage.n_models; i++) {
        if (!unused || job->usage.models[i].queries == 0)
            put_model(job, &job->usage.models[i]);
    }
    return true;
}

static void put_project(struct job *job, struct lk_str id)
{
    struct lk_json_writer w = lk_json_writer(&job->items.buf);
    int64_t models = 0, unused_models = 0, explores = 0, unused = 0, queries = 0;

    if (!lk_items_next(&job->items))
        return;
    for (size_t i = 0; i < job->usage.n_models; i++) {
        const struct lk_used_model *model = &job->usage.models[i];
        if (!lk_str_eq(model->project, id))
            continue;
        models++;
        unused_models += model->queries == 0;
        explores += (int64_t)model->n_explores;
        unused += (int64_t)model->n_unused;
        queries += model->queries;
    }
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "project", id);
    lk_json_member_integer(&w, "models", models);
    lk_json_member_integer(&w, "unused_models", unused_models);
    lk_json_member_integer(&w, "explores", explores);
    lk_json_member_integer(&w, "unused_explores", unused);
    lk_json_member_integer(&w, "queries", queries);
    lk_json_end_object(&w);
    lk_items_end(&job->items);
}

static bool put_projects(struct job *job, struct lk_error *err)
{
    struct looker_all_projects_params params = {.fields = lk_string(LK_STR("id"))};
    struct lk_str list, project;

    if (!lk_ask(job->context->api, job->arena, looker_all_projects(&params), LK_JSON_ARRAY, &list,
                err))
        return false;
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &project))
        put_project(job, lk_json_get_string(job->arena, project, LK_STR("id")));
    return true;
}

/* ---- explores ---- */

static int by_explore_queries(const void *a_, const void *b_)
{
    const struct lk_used_explore *a = a_, *b = b_;

    return (a->queries < b->queries) - (a->queries > b->queries);
}

/* content: with the Looks and dashboards on it, for those that nobody queried. */
static void put_explore(struct job *job, const struct lk_used_explore *explore, bool content)
{
    struct lk_json_writer w = lk_json_writer(&job->items.buf);

    if (!lk_items_next(&job->items))
        return;
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "model", explore->model);
    lk_json_member_string(&w, "explore", explore->name);
    lk_json_member_boolean(&w, "hidden", explore->hidden);
    if (content) {
        lk_json_member_integer(&w, "looks", explore->looks);
        lk_json_member_integer(&w, "dashboards", explore->dashboards);
    } else {
        lk_json_member_integer(&w, "queries", explore->queries);
        put_last_query(&w, explore->last_query);
    }
    lk_json_end_object(&w);
    lk_items_end(&job->items);
}

static bool put_explores(struct job *job)
{
    qsort(job->usage.explores, job->usage.n_explores, sizeof(*job->usage.explores),
          by_explore_queries);
    for (size_t i = 0; i < job->usage.n_explores; i++)
        put_explore(job, &job->usage.explores[i], false);
    return true;
}

static bool put_unused_explores(struct job *job, struct lk_error *err)
{
    if (!lk_usage_add_content(job->context, job->arena, &job->usage, err))
        return false;
    for (size_t i = 0; i < job->usage.n_explores; i++) {
        if (job->usage.explores[i].queries == 0)
            put_explore(job, &job->usage.explores[i], true);
    }
    return true;
}

/* ---- fields ---- */

struct fields_job {
    struct job *job;
    size_t first; /* explore */
    struct lk_field_usage *usages;
    struct lk_error *errors;
};

static void read_fields(void *arg, size_t i)
{
    struct fields_job *fields = arg;
    struct job *job = fields->job;

    lk_usage_of_fields(job->context, job->arena, &job->usage.explores[fields->first + i], job->days,
                       &fields->usages[i], &fields->errors[i]);
}

static void put_fields(struct job *job, const struct lk_used_explore *explore,
                       const struct lk_field_usage *usage, const struct lk_error *error)
{
    struct lk_json_writer w = lk_json_writer(&job->items.buf);

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "model", explore->model);
    lk_json_member_string(&w, "explore", explore->name);
    lk_json_member_integer(&w, "queries", explore->queries);
    if (error->kind != LK_ERROR_NONE) {
        lk_write_part_error(&w, error);
    } else {
        lk_json_member_integer(&w, "fields", (int64_t)usage->n_fields);
        lk_json_member_integer(&w, "unused", (int64_t)usage->n_unused);
        lk_json_key(&w, "unused_fields");
        lk_json_begin_array(&w);
        for (size_t i = 0; i < usage->n_unused; i++)
            lk_json_put_string(&w, usage->unused[i]);
        lk_json_end_array(&w);
        if (usage->cut)
            lk_json_member_string(&w, "note",
                                  LK_STR("more queries than are read: fields of rare ones may be "
                                         "among the unused"));
    }
    lk_json_end_object(&w);
    lk_items_end(&job->items);
}

/* Two calls an explore, so only for those of this page. */
static bool put_unused_fields(struct job *job, struct lk_error *err)
{
    const struct lk_items *items = &job->items;
    size_t n = job->usage.n_explores, first = (size_t)items->offset < n ? (size_t)items->offset : n;
    struct fields_job *fields = lk_arena_new_object(job->arena, struct fields_job);

    n = n - first < (size_t)items->limit ? n - first : (size_t)items->limit;
    *fields = (struct fields_job){
        .job = job,
        .first = first,
        .usages = lk_arena_array(job->arena, n, sizeof(*fields->usages)),
        .errors = lk_arena_array(job->arena, n, sizeof(*fields->errors)),
    };
    if (!lk_parallel(job->context->loop, lk_tool_max_parallel(job->context), n, read_fields, fields,
                     err))
        return false;
    for (size_t i = 0; i < job->usage.n_explores; i++) {
        if (lk_items_next(&job->items))
            put_fields(job, &job->usage.explores[i], &fields->usages[i - first],
                       &fields->errors[i - first]);
    }
    return true;
}

/* ---- content ---- */

/* Content that was opened within these days, most viewed first. */
static bool write_used_content(struct job *job, struct lk_error *err)
{
    struct lk_activity_query query = {
        .explore = "content_usage",
        .fields = "content_usage.content_type,content_usage.content_id,content_usage.content_title,"
                  "content_usage.other_count,content_usage.last_accessed_date",
        .sorts = "content_usage.other_count desc",
        .limit = job->items.limit,
    };

    lk_activity_filter(&query, "content_usage.last_accessed_date",
                       lk_arena_printf(job->arena, "%lld days", (long long)job->days));
    if (!lk_activity_write(job->call, &job->w, &query, err))
        return false;
    lk_json_end_object(&job->w);
    return true;
}

static bool write_unused_content(struct job *job, struct lk_error *err)
{
    if (!lk_usage_write_unopened(job->call, &job->w, LK_STR("all"), job->days, job->items.limit,
                                 err))
        return false;
    lk_json_end_object(&job->w);
    return true;
}

/* ---- the tools ---- */

static bool keep_explore(struct job *job, struct lk_string explore, struct lk_error *err)
{
    struct lk_usage *usage = &job->usage;

    for (size_t i = 0; explore.is == LK_PRESENT && i < usage->n_explores; i++) {
        if (lk_str_eq(usage->explores[i].name, explore.value)) {
            usage->explores = &usage->explores[i];
            usage->n_explores = 1;
            return true;
        }
    }
    return explore.is != LK_PRESENT ||
           lk_fail(err, LK_ERROR_ARGUMENT,
                   "explore: model \"%.*s\" has no explore \"%.*s\"; get_model shows what it has",
                   LK_STR_ARG(job->model), LK_STR_ARG(explore.value));
}

bool lk_handler_health_analyze(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_health_analyze_args *args = args_;
    struct lk_str type = args->analysis_type.value;
    struct job *job =
        new_job(call, args->model, args->days.value, args->offset.value, args->limit.value);
    bool ok;

    /* 1. Content has counts of its own. */
    if (lk_str_eq(type, LK_STR("content"))) {
        lk_usage_begin(&job->w, "analysis_type", type, job->days);
        return write_used_content(job, err);
    }

    /* 2. What there is, and how often it was queried: fatal. */
    if (!lk_usage_load(job->context, job->arena, job->model, job->days, &job->usage, err))
        return false;

    /* 3. As asked for. */
    lk_usage_begin(&job->w, "analysis_type", type, job->days);
    if (lk_str_eq(type, LK_STR("projects")))
        ok = put_projects(job, err);
    else if (lk_str_eq(type, LK_STR("explores")))
        ok = put_explores(job);
    else
        ok = put_models(job, false);
    return ok && lk_usage_end(&job->w, &job->items, job->days, err);
}

bool lk_handler_health_vacuum(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_health_vacuum_args *args = args_;
    struct lk_str scope = args->scope.value;
    struct job *job =
        new_job(call, args->model, args->days.value, args->offset.value, args->limit.value);
    bool of_fields = lk_str_eq(scope, LK_STR("fields")), ok;

    /* 1. Content has counts of its own. */
    if (lk_str_eq(scope, LK_STR("content"))) {
        lk_usage_begin(&job->w, "scope", scope, job->days);
        return write_unused_content(job, err);
    }
    if (of_fields && args->model.is != LK_PRESENT)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "model: scope \"fields\" looks at the explores of one model; name it");

    /* 2. What there is, and how often it was queried: fatal. */
    if (!lk_usage_load(job->context, job->arena, job->model, job->days, &job->usage, err) ||
        (of_fields && !keep_explore(job, args->explore, err)))
        return false;

    /* 3. What of it nobody uses. */
    lk_usage_begin(&job->w, "scope", scope, job->days);
    lk_json_member_integer(&job->w, "models_looked_at", (int64_t)job->usage.n_models);
    lk_json_member_integer(&job->w, "explores_looked_at", (int64_t)job->usage.n_explores);
    if (of_fields)
        ok = put_unused_fields(job, err);
    else if (lk_str_eq(scope, LK_STR("models")))
        ok = put_models(job, true);
    else
        ok = put_unused_explores(job, err);
    return ok && lk_usage_end(&job->w, &job->items, job->days, err);
}
