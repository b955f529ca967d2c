/*
 * Query tasks: a query that runs beside, for as long as tests say.
 *
 *     POST /query_tasks ──> added ──> running ──(sb_tasks.seconds are over)──> complete, or error
 *                             └──────────┴── DELETE /running_queries/{id} ──> killed
 *
 * Time is the sandbox's own, which runs `speed` times as fast as a clock. As at Looker, a task runs
 * in the workspace in which it was created, its result is its user's, and what the database said of
 * a query that failed comes as a 400, but for json_detail.
 */
#include "sandbox.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_TASKS 65536 /* the newest are kept */

struct task {
    uint64_t number; /* 0: none */
    uint64_t began_ms;
    char *query_id, *format, *source, *look_id, *dashboard_id;
    char user_id[24], workspace[16];
    int64_t limit; /* INT64_MIN: the query's */
    double seconds, speed;
    bool formatted, seen, killed;
};

struct sb_tasks {
    struct task items[MAX_TASKS]; /* number n stands at n % MAX_TASKS */
    uint64_t n;
    double seconds, speed; /* of those that begin now */
};

struct sb_tasks *sb_tasks_new(void)
{
    struct sb_tasks *tasks = sb_alloc(sizeof(*tasks));

    tasks->speed = 1;
    return tasks;
}

static void forget(struct task *task)
{
    free(task->query_id);
    free(task->format);
    free(task->source);
    free(task->look_id);
    free(task->dashboard_id);
    *task = (struct task){0};
}

void sb_tasks_free(struct sb_tasks *tasks)
{
    for (size_t i = 0; i < MAX_TASKS; i++)
        forget(&tasks->items[i]);
    free(tasks);
}

/* {"seconds": 600, "speed": 100}: how long each task runs from now on, and how fast time passes. */
void sb_tasks_set(struct sb_request *rq, struct sb_answer *out)
{
    cJSON *tree = cJSON_ParseWithLength(rq->body.ptr != NULL ? rq->body.ptr : "", rq->body.len);
    const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(tree, "seconds"),
                *speed = cJSON_GetObjectItemCaseSensitive(tree, "speed");

    if (!cJSON_IsNumber(seconds) || seconds->valuedouble < 0 ||
        (speed != NULL && !(cJSON_IsNumber(speed) && speed->valuedouble > 0))) {
        sb_fail(rq, out, 400, "queries: expected seconds, and a speed above 0");
    } else {
        rq->sb->tasks->seconds = seconds->valuedouble;
        rq->sb->tasks->speed = speed != NULL ? speed->valuedouble : 1;
        sb_answer_empty(out, 204);
    }
    cJSON_Delete(tree);
}

/* ---- one of them ---- */

static double runtime(const struct task *task)
{
    return (double)(sb_now_ms() - task->began_ms) / 1000 * task->speed;
}

static bool is_over(const struct task *task)
{
    return runtime(task) >= task->seconds;
}

static bool is_broken(struct sb *sb, const struct task *task)
{
    struct lk_str json;

    return sb_query_find(sb, lk_str(task->query_id), &json) &&
           memmem(json.ptr, json.len, "orders.broken", 13) != NULL;
}

static const char *status_of(struct sb *sb, const struct task *task)
{
    if (task->killed)
        return "killed";
    if (!task->seen)
        return "added";
    if (!is_over(task))
        return "running";
    return is_broken(sb, task) ? "error" : "complete";
}

static bool is_running(const struct task *task)
{
    return task->number != 0 && !task->killed && !is_over(task);
}

static struct lk_str id_of(struct sb_request *rq, const struct task *task)
{
    return lk_arena_printf(rq->arena, "%016llx%016llx",
                           (unsigned long long)sb_hash(lk_str(task->query_id)),
                           (unsigned long long)task->number);
}

static struct task *by_id(struct sb_request *rq, struct lk_str id)
{
    char digits[17] = {0};
    struct task *task;
    uint64_t number;

    if (id.len != 32)
        return NULL;
    memcpy(digits, id.ptr + 16, 16);
    number = strtoull(digits, NULL, 16);
    task = &rq->sb->tasks->items[number % MAX_TASKS];
    return number != 0 && task->number == number && lk_str_eq(id_of(rq, task), id) ? task : NULL;
}

/* Of the caller; somebody else's is not there. */
static struct task *find(struct sb_request *rq)
{
    struct task *task = by_id(rq, sb_path_arg(rq, "query_task_id"));

    return task != NULL && strcmp(task->user_id, rq->token->user_id) == 0 ? task : NULL;
}

/* ---- showing one ---- */

static void put_field(struct sb_request *rq, struct lk_json_writer *w, const struct lk_field *field,
                      const struct task *task)
{
    const char *const texts[][2] = {
        {"query_id", task->query_id},         {"result_format", task->format},
        {"look_id", task->look_id},           {"source", task->source},
        {"dashboard_id", task->dashboard_id}, {"status", status_of(rq->sb, task)},
    };
    struct lk_str json;

    lk_json_key(w, field->name);
    if (strcmp(field->name, "id") == 0)
        return lk_json_put_string(w, id_of(rq, task));
    if (strcmp(field->name, "runtime") == 0)
        return lk_json_put_number(w, runtime(task));
    if (strcmp(field->name, "query") == 0 && sb_query_find(rq->sb, lk_str(task->query_id), &json))
        return lk_json_put_raw(w, json);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(field->name, texts[i][0]) == 0 && texts[i][1] != NULL)
            return lk_json_put_string(w, lk_str(texts[i][1]));
    }
    if (field->kind == LK_KIND_BOOLEAN)
        return lk_json_put_boolean(w, strcmp(field->name, "cache") == 0);
    lk_json_put_raw(w, field->kind == LK_KIND_MAP ? LK_STR("{}") : LK_STR("null"));
}

static void show(struct sb_request *rq, struct sb_answer *out, const struct task *task)
{
    const struct lk_type *type = rq->route->op->answer.type;
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    lk_json_begin_object(&w);
    for (size_t i = 0; i < type->n_fields; i++)
        put_field(rq, &w, &type->fields[i], task);
    lk_json_end_object(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

/* ---- operations ---- */

static char *body_text(struct sb_request *rq, const char *name)
{
    struct lk_str text = lk_json_get_string(rq->arena, rq->body, lk_str(name));

    return text.len > 0 ? sb_strdup(text) : NULL;
}

/* So that the record says on which branch it was asked for. Whether the explore is there is found
 * out when the rows are made, as late as can be: until then the branch has to stay checked out. */
static void note_branch(struct sb_request *rq, struct lk_str query)
{
    const struct sb_model *model;
    struct sb_explore explore;

    (void)sb_explore_seen(rq, lk_json_get_string(rq->arena, query, LK_STR("model")),
                          lk_json_get_string(rq->arena, query, LK_STR("view")), &model, &explore);
}

static void create_query_task(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_tasks *tasks = rq->sb->tasks;
    struct lk_str query_id = lk_json_get_string(rq->arena, rq->body, LK_STR("query_id")), json;
    struct task *task;

    if (!sb_query_find(rq->sb, query_id, &json))
        return sb_fail_field(rq, out, "query_id", "invalid", "is no query");
    note_branch(rq, json);
    task = &tasks->items[++tasks->n % MAX_TASKS];
    forget(task);
    *task = (struct task){
        .number = tasks->n,
        .began_ms = sb_now_ms(),
        .query_id = sb_strdup(query_id),
        .format = body_text(rq, "result_format"),
        .source = body_text(rq, "source"),
        .look_id = body_text(rq, "look_id"),
        .dashboard_id = body_text(rq, "dashboard_id"),
        .seconds = tasks->seconds,
        .speed = tasks->speed,
        .limit = sb_query_int(rq, "limit", INT64_MIN),
        .formatted = sb_query_bool(rq, "apply_formatting", false),
    };
    snprintf(task->user_id, sizeof(task->user_id), "%s", rq->token->user_id);
    snprintf(task->workspace, sizeof(task->workspace), "%s", rq->token->workspace);
    show(rq, out, task);
}

static void query_task(struct sb_request *rq, struct sb_answer *out)
{
    struct task *task = find(rq);

    if (task == NULL)
        return sb_fail_not_found(rq, out);
    task->seen = true;
    show(rq, out, task);
}

static void query_task_results(struct sb_request *rq, struct sb_answer *out)
{
    struct task *task = find(rq);
    struct sb_token there = *rq->token, *here = rq->token;
    struct lk_str json;

    if (task == NULL || !sb_query_find(rq->sb, lk_str(task->query_id), &json))
        return sb_fail_not_found(rq, out);
    task->seen = true;
    if (task->killed)
        return sb_fail(rq, out, 400, "Query was killed");
    if (!is_over(task)) /* as Looker does, with something that is no result */
        return sb_answer_json(out, 202, LK_STR("{\"status\":\"running\"}"));
    memcpy(there.workspace, task->workspace, sizeof(there.workspace));
    rq->token = &there;
    sb_run_as(
        rq, out, json, lk_arena_str(rq->arena, lk_str(task->format)),
        &(struct sb_run_options){.limit = task->limit, .formatted = task->formatted, .task = true});
    rq->token = here;
}

const struct sb_handler sb_tasks_handlers[] = {
    {"create_query_task", create_query_task},
    {"query_task", query_task},
    {"query_task_results", query_task_results},
    {0},
};

/* ---- what runs ---- */

size_t sb_tasks_running(const struct sb_tasks *tasks)
{
    size_t n = 0;

    for (size_t i = 0; i < MAX_TASKS && i <= tasks->n; i++)
        n += is_running(&tasks->items[i]);
    return n;
}

static void write_running(struct sb_request *rq, struct lk_json_writer *w, const struct task *task)
{
    const struct lk_type *type = rq->route->op->answer.type;
    cJSON *query = sb_example_object(type, false, 0), *user = cJSON_CreateObject();

    sb_set_text(user, "id", task->user_id);
    sb_set(query, "user", user);
    sb_set_text(query, "id",
                lk_arena_printf(rq->arena, "%llu", (unsigned long long)(1000 + task->number)).ptr);
    sb_set_text(query, "query_task_id", lk_arena_cstr(rq->arena, id_of(rq, task)));
    sb_set_text(query, "query_id", task->query_id);
    sb_set_text(query, "status", "running");
    sb_set_text(query, "source", "api4");
    sb_set(query, "runtime", cJSON_CreateNumber(runtime(task)));
    lk_json_put_raw(w, sb_print(rq, query));
    cJSON_Delete(query);
}

void sb_tasks_write_running(struct sb_request *rq, struct lk_json_writer *w)
{
    const struct sb_tasks *tasks = rq->sb->tasks;

    for (size_t i = 0; i < MAX_TASKS && i <= tasks->n; i++) {
        if (is_running(&tasks->items[i]))
            write_running(rq, w, &tasks->items[i]);
    }
}

bool sb_tasks_kill(struct sb_request *rq, struct lk_str id)
{
    struct task *task = by_id(rq, id);

    if (task == NULL || !is_running(task))
        return false;
    task->killed = true;
    return true;
}
