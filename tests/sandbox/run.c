/*
 * Running queries: saved, inline, of looks, SQL Runner's. Rows come from rows.c, and what runs
 * asynchronously is in tasks.c.
 */
#include "sandbox.h"

#include <stdio.h>

void sb_run_as(struct sb_request *rq, struct sb_answer *out, struct lk_str query,
               struct lk_str format, const struct sb_run_options *options)
{
    struct sb_plan *plan;

    if (sb_is_activity(rq, query))
        return sb_run_activity(rq, out, query, format);
    if (!sb_plan_make(rq, out, lk_arena_str(rq->arena, query), options->limit, &plan))
        return;
    if (options->task && plan->broken && !lk_str_eq(format, LK_STR("json_detail")))
        return sb_fail(rq, out, 400, "%s", SB_BROKEN_TEXT);
    plan->formatted = options->formatted;
    if (!sb_format_answer(rq, out, plan, format))
        sb_fail_field(rq, out, "result_format", "invalid", "is no format that exists");
}

void sb_run(struct sb_request *rq, struct sb_answer *out, struct lk_str query, struct lk_str format)
{
    struct sb_run_options options = {.limit = INT64_MIN};
    struct lk_str ignored;

    if (rq->route->op->params != NULL && sb_query_arg(rq, "limit", &ignored))
        options.limit = sb_query_int(rq, "limit", INT64_MIN);
    options.formatted = sb_query_bool(rq, "apply_formatting", false);
    sb_run_as(rq, out, query, format, &options);
}

static void run_query(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str json;

    if (!sb_query_find(rq->sb, sb_path_arg(rq, "query_id"), &json))
        return sb_fail_not_found(rq, out);
    sb_run(rq, out, json, sb_path_arg(rq, "result_format"));
}

static void run_inline_query(struct sb_request *rq, struct sb_answer *out)
{
    sb_run(rq, out, rq->body, sb_path_arg(rq, "result_format"));
}

static void run_inline_query_attributed(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str query, options, format = {0};

    if (!lk_json_get(rq->body, LK_STR("query"), &query))
        return sb_fail_field(rq, out, "query", "missing_field", "is required");
    if (lk_json_get(rq->body, LK_STR("render_options"), &options))
        format = lk_json_get_string(rq->arena, options, LK_STR("format"));
    sb_run(rq, out, query, format.len > 0 ? format : LK_STR("json"));
}

static void run_look(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *looks = sb_collection(rq->sb->store, LK_STR("/looks"));
    struct sb_entity *look = sb_entity(looks, sb_path_arg(rq, "look_id"));
    const char *query_id =
        look != NULL && look->json != NULL ? sb_member(look->json, "query_id") : NULL;
    struct lk_str json;

    if (query_id == NULL || !sb_query_find(rq->sb, lk_str(query_id), &json))
        return sb_fail_not_found(rq, out);
    sb_run(rq, out, json, sb_path_arg(rq, "result_format"));
}

static void run_url_encoded_query(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "model", sb_path_arg(rq, "model_name"));
    lk_json_member_string(&w, "view", sb_path_arg(rq, "view_name"));
    lk_json_end_object(&w);
    sb_run(rq, out, lk_buf_view(buf), sb_path_arg(rq, "result_format"));
}

/* ---- SQL Runner ---- */

static void create_sql_query(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *c = sb_collection(rq->sb->store, LK_STR("/sql_queries"));
    struct lk_str connection = lk_json_get_string(rq->arena, rq->body, LK_STR("connection_name"));
    const struct lk_type *type = rq->route->op->answer.type;
    struct sb_entity *entity;
    cJSON *query, *body;
    char slug[32];

    if (connection.len > 0 &&
        sb_entity(sb_collection(rq->sb->store, LK_STR("/connections")), connection) == NULL)
        return sb_fail_field(rq, out, "connection_name", "invalid", "is no connection");
    snprintf(slug, sizeof(slug), "s%016llx", (unsigned long long)sb_hash(rq->body));
    query = sb_example_object(type, false, 0);
    body = cJSON_ParseWithLength(rq->body.ptr, rq->body.len);
    sb_merge(type, query, body);
    cJSON_Delete(body);
    cJSON_ReplaceItemInObjectCaseSensitive(query, "slug", cJSON_CreateString(slug));
    entity = sb_entity_put(c, lk_str(slug), query);
    sb_answer_json(out, 200, sb_entity_show(rq, c, entity));
}

static void run_sql_query(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *c = sb_collection(rq->sb->store, LK_STR("/sql_queries"));
    struct sb_entity *entity = sb_entity(c, sb_path_arg(rq, "slug"));

    if (entity == NULL || entity->json == NULL)
        return sb_fail_not_found(rq, out);
    if (lk_str_eq(sb_path_arg(rq, "result_format"), LK_STR("sql"))) {
        out->status = 200;
        out->content_type = "text/plain; charset=utf-8";
        out->body = lk_arena_str(rq->arena, lk_str(sb_member(entity->json, "sql")));
        return;
    }
    sb_run(rq, out,
           LK_STR("{\"model\":\"thelook\",\"view\":\"products\",\"limit\":\"10\",\"fields\":"
                  "[\"products.id\",\"products.name\",\"products.retail_price\"]}"),
           sb_path_arg(rq, "result_format"));
}

const struct sb_handler sb_run_handlers[] = {
    {"run_query", run_query},
    {"run_inline_query", run_inline_query},
    {"run_inline_query_attributed", run_inline_query_attributed},
    {"run_look", run_look},
    {"run_url_encoded_query", run_url_encoded_query},
    {"create_sql_query", create_sql_query},
    {"run_sql_query", run_sql_query},
    {0},
};
