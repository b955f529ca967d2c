/*
 * Render tasks and what they render. A task goes one step further at each look:
 *
 *     enqueued_for_query ──> querying ──> rendering ──> success, or failure when the query is one
 *                                            │          that the database refuses
 *                                            └ SB_ENDLESS_WIDTH: for ever
 *
 * As Looker, a tile that fails does not make its dashboard fail. Unlike Looker, filters that the
 * dashboard does not have are refused.
 */
#include "sandbox.h"

#include <stdio.h>

#define SB_ENDLESS_WIDTH 999
#define MAX_SIDE 20000

void sb_seed_renders(struct sb *sb)
{
    sb_collection(sb->store, LK_STR("/render_tasks"))->strict = true;
}

static struct sb_collection *tasks(struct sb_request *rq)
{
    return sb_collection(rq->sb->store, LK_STR("/render_tasks"));
}

static struct sb_entity *find(struct sb_request *rq, const char *path, struct lk_str key)
{
    struct sb_entity *entity = sb_entity(sb_collection(rq->sb->store, lk_str(path)), key);

    return entity != NULL && entity->json != NULL ? entity : NULL;
}

static void set(cJSON *object, const char *name, cJSON *value)
{
    cJSON_ReplaceItemInObjectCaseSensitive(object, name, value);
}

/* ---- what may be asked for ---- */

static bool is_one_of(struct lk_str value, const char *const *values)
{
    for (; *values != NULL; values++) {
        if (lk_str_eq(value, lk_str(*values)))
            return true;
    }
    return false;
}

/* False: *out is the refusal. */
static bool check_size(struct sb_request *rq, struct sb_answer *out)
{
    static const char *const names[] = {"width", "height"};

    for (size_t i = 0; i < 2; i++) {
        int64_t side = sb_query_int(rq, names[i], 0);

        if (side < 1 || side > MAX_SIDE) {
            sb_fail_field(rq, out, names[i], "invalid", "is no size in pixels");
            return false;
        }
    }
    return true;
}

static bool check_format(struct sb_request *rq, struct sb_answer *out, bool pdf)
{
    static const char *const formats[] = {"png", "jpg", NULL};
    struct lk_str format = sb_path_arg(rq, "result_format");

    if (is_one_of(format, formats) || (pdf && lk_str_eq(format, LK_STR("pdf"))))
        return check_size(rq, out);
    sb_fail_field(rq, out, "result_format", "invalid", "is none that this can be rendered to");
    return false;
}

static bool has_filter(struct sb_request *rq, const char *dashboard_id, struct lk_str name)
{
    const struct sb_collection *c = sb_collection(rq->sb->store, LK_STR("/dashboard_filters"));

    for (size_t i = 0; i < c->n; i++) {
        const cJSON *filter = c->items[i].json;
        const char *owner = filter != NULL ? sb_member(filter, "dashboard_id") : NULL;

        if (owner != NULL && strcmp(owner, dashboard_id) == 0 &&
            lk_str_eq(name, lk_str(sb_member(filter, "name"))))
            return true;
    }
    return false;
}

/* name=value&name=value, percent-encoded. */
static bool check_filters(struct sb_request *rq, struct sb_answer *out, const char *dashboard_id,
                          struct lk_str filters)
{
    while (filters.len > 0) {
        struct lk_str value = lk_str_take(&filters, '&');
        struct lk_str name = lk_str_take(&value, '='), decoded;

        if (name.len == 0 || !sb_percent_decode(rq->arena, value, true, &decoded) ||
            !sb_percent_decode(rq->arena, name, true, &name) ||
            !has_filter(rq, dashboard_id, name)) {
            sb_fail_field(rq, out, "dashboard_filters", "invalid",
                          "is not the query string of filters that the dashboard has");
            return false;
        }
    }
    return true;
}

static bool check_dashboard(struct sb_request *rq, struct sb_answer *out, const char *dashboard_id)
{
    static const char *const papers[] = {"letter", "legal", "tabloid", "a0", "a1",
                                         "a2",     "a3",    "a4",      "a5", NULL};
    static const char *const styles[] = {"tiled", "single_column", NULL};
    bool pdf = lk_str_eq(sb_path_arg(rq, "result_format"), LK_STR("pdf"));
    struct lk_str paper, style;

    if (sb_query_arg(rq, "pdf_paper_size", &paper) && (!pdf || !is_one_of(paper, papers))) {
        sb_fail_field(rq, out, "pdf_paper_size", "invalid", "is no size of a PDF's paper");
        return false;
    }
    style = lk_json_get_string(rq->arena, rq->body, LK_STR("dashboard_style"));
    if (style.len > 0 && !is_one_of(style, styles)) {
        sb_fail_field(rq, out, "dashboard_style", "invalid", "is no layout");
        return false;
    }
    return check_filters(rq, out, dashboard_id,
                         lk_json_get_string(rq->arena, rq->body, LK_STR("dashboard_filters")));
}

/* ---- creating ---- */

/* A task for what `source` names; the rest of it comes from the request. */
static void create(struct sb_request *rq, struct sb_answer *out, const char *source,
                   const char *source_id)
{
    struct sb_collection *c = tasks(rq);
    cJSON *task = sb_example_object(rq->route->op->answer.type, false, 0);
    struct lk_str id, format = sb_path_arg(rq, "result_format");

    id = lk_arena_printf(rq->arena, "%016llx",
                         (unsigned long long)sb_hash(lk_str(source)) + (uint64_t)c->next_id++);
    set(task, "id", cJSON_CreateString(lk_arena_cstr(rq->arena, id)));
    set(task, source, cJSON_CreateString(source_id));
    set(task, "result_format", cJSON_CreateString(lk_arena_cstr(rq->arena, format)));
    set(task, "width", cJSON_CreateNumber((double)sb_query_int(rq, "width", 0)));
    set(task, "height", cJSON_CreateNumber((double)sb_query_int(rq, "height", 0)));
    set(task, "status", cJSON_CreateString("enqueued_for_query"));
    set(task, "user_id", cJSON_CreateString(rq->token->user_id));
    set(task, "created_at", cJSON_CreateString("2026-01-02T03:04:05.000+00:00"));
    if (rq->body.len > 0) {
        cJSON *body = cJSON_ParseWithLength(rq->body.ptr, rq->body.len);

        sb_merge(rq->route->op->answer.type, task, body);
        cJSON_Delete(body);
    }
    sb_answer_json(out, 200, sb_entity_show(rq, c, sb_entity_put(c, id, task)));
}

static void create_for_query(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str id = sb_path_arg(rq, "query_id"), json;

    if (!sb_query_find(rq->sb, id, &json))
        return sb_fail_not_found(rq, out);
    if (check_format(rq, out, false))
        create(rq, out, "query_id", lk_arena_cstr(rq->arena, id));
}

static void create_for_entity(struct sb_request *rq, struct sb_answer *out, const char *path,
                              const char *id_name)
{
    struct sb_entity *entity = find(rq, path, sb_path_arg(rq, id_name));

    if (entity == NULL)
        return sb_fail_not_found(rq, out);
    if (check_format(rq, out, false))
        create(rq, out, id_name, entity->key);
}

static void create_for_look(struct sb_request *rq, struct sb_answer *out)
{
    create_for_entity(rq, out, "/looks", "look_id");
}

static void create_for_element(struct sb_request *rq, struct sb_answer *out)
{
    create_for_entity(rq, out, "/dashboard_elements", "dashboard_element_id");
}

static void create_for_dashboard(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *dashboard = find(rq, "/dashboards", sb_path_arg(rq, "dashboard_id"));

    if (dashboard == NULL)
        return sb_fail_not_found(rq, out);
    if (check_format(rq, out, true) && check_dashboard(rq, out, dashboard->key))
        create(rq, out,
               strstr(dashboard->key, "::") != NULL ? "lookml_dashboard_id" : "dashboard_id",
               dashboard->key);
}

/* ---- looking ---- */

/* Whether the query behind a Look, a tile or the task itself names the field that the database
 * refuses. */
static bool is_broken(struct sb_request *rq, const cJSON *thing)
{
    const char *query_id = sb_member(thing, "query_id"), *look_id = sb_member(thing, "look_id"),
               *element_id = sb_member(thing, "dashboard_element_id");
    struct sb_entity *entity = NULL;
    struct lk_str query;

    if (look_id != NULL)
        entity = find(rq, "/looks", lk_str(look_id));
    else if (element_id != NULL)
        entity = find(rq, "/dashboard_elements", lk_str(element_id));
    if (entity != NULL)
        return is_broken(rq, entity->json);
    return query_id != NULL && sb_query_find(rq->sb, lk_str(query_id), &query) &&
           memmem(query.ptr, query.len, "orders.broken", 13) != NULL;
}

static void finish(struct sb_request *rq, cJSON *task)
{
    bool broken = is_broken(rq, task);

    set(task, "status", cJSON_CreateString(broken ? "failure" : "success"));
    set(task, "finalized_at", cJSON_CreateString("2026-01-02T03:04:07.500+00:00"));
    set(task, "query_runtime", cJSON_CreateNumber(0.5));
    set(task, "render_runtime", cJSON_CreateNumber(2));
    set(task, "runtime", cJSON_CreateNumber(2.5));
    if (broken)
        set(task, "status_detail",
            cJSON_CreateString("The database refused the query: column BROKEN does not exist"));
}

static void advance(struct sb_request *rq, struct sb_entity *entity)
{
    cJSON *task = entity->json;
    const char *status = sb_member(task, "status");
    const cJSON *width = cJSON_GetObjectItemCaseSensitive(task, "width");

    if (strcmp(status, "enqueued_for_query") == 0)
        set(task, "status", cJSON_CreateString("querying"));
    else if (strcmp(status, "querying") == 0)
        set(task, "status", cJSON_CreateString("rendering"));
    else if (strcmp(status, "rendering") == 0 && width->valuedouble != SB_ENDLESS_WIDTH)
        finish(rq, task);
    sb_entity_put(tasks(rq), lk_str(entity->key), task);
}

static void render_task(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *task = find(rq, "/render_tasks", sb_path_arg(rq, "render_task_id"));

    if (task == NULL)
        return sb_fail_not_found(rq, out);
    advance(rq, task);
    sb_answer_json(out, 200, sb_entity_show(rq, tasks(rq), task));
}

static void render_task_results(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *task = find(rq, "/render_tasks", sb_path_arg(rq, "render_task_id"));
    const char *status = task != NULL ? sb_member(task->json, "status") : "failure";

    if (strcmp(status, "failure") == 0)
        return sb_fail_not_found(rq, out);
    if (strcmp(status, "success") != 0) {
        out->headers[out->n_headers++] = (struct sb_header){LK_STR("retry-after"), LK_STR("1")};
        return sb_answer_empty(out, 202);
    }
    sb_answer_picture(rq, out, sb_member(task->json, "result_format"),
                      (int64_t)cJSON_GetObjectItemCaseSensitive(task->json, "width")->valuedouble,
                      (int64_t)cJSON_GetObjectItemCaseSensitive(task->json, "height")->valuedouble);
}

const struct sb_handler sb_renders_handlers[] = {
    {"create_dashboard_element_render_task", create_for_element},
    {"create_dashboard_render_task", create_for_dashboard},
    {"create_look_render_task", create_for_look},
    {"create_query_render_task", create_for_query},
    {"render_task", render_task},
    {"render_task_results", render_task_results},
    {0},
};
