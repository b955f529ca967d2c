/*
 * The model system__activity as data: who ran what, when and with what result, how content is used,
 * what was built, sent and changed. The columns are those that Looker's own explores have, as far
 * as anything here asks for them; every other field is refused (activity_query.c answers the
 * queries). Also the queries that run now, and stopping them.
 */
#include "sandbox.h"

#include "activity.h"

#include <stdlib.h>

/* ---- explores ---- */

#define COMMON_USER                                                                                \
    {"user.id", SB_A_NUMBER, NULL}, {"user.email", SB_A_TEXT, NULL},                               \
    {                                                                                              \
        "user.name", SB_A_TEXT, NULL                                                               \
    }
#define TIMES(name)                                                                                \
    {name "_time", SB_A_TIME, name},                                                               \
    {                                                                                              \
        name "_date", SB_A_DATE, name                                                              \
    }

static const struct sb_activity_column history_columns[] = {
    {"history.id", SB_A_NUMBER, NULL},
    TIMES("history.created"),
    {"history.status", SB_A_TEXT, NULL},
    {"history.source", SB_A_TEXT, NULL},
    {"history.issuer_source", SB_A_TEXT, NULL},
    {"history.result_source", SB_A_TEXT, NULL},
    {"history.connection_name", SB_A_TEXT, NULL},
    {"history.message", SB_A_TEXT, NULL},
    {"history.runtime", SB_A_NUMBER, NULL},
    {"history.real_dash_id", SB_A_TEXT, NULL},
    {"query.id", SB_A_NUMBER, NULL},
    {"query.model", SB_A_TEXT, NULL},
    {"query.view", SB_A_TEXT, NULL},
    {"query.slug", SB_A_TEXT, NULL},
    {"query.formatted_fields", SB_A_TEXT, NULL},
    {"query.filters", SB_A_TEXT, NULL},
    COMMON_USER,
    {"dashboard.title", SB_A_TEXT, NULL},
    {"look.id", SB_A_NUMBER, NULL},
    {"look.title", SB_A_TEXT, NULL},
    {"history.query_run_count", SB_A_COUNT, NULL},
    {"history.average_runtime", SB_A_AVERAGE, "history.runtime"},
    {"history.max_runtime", SB_A_MAX, "history.runtime"},
    {"history.most_recent_query_date", SB_A_LATEST, "history.created"},
    {NULL, 0, NULL},
};
static const struct sb_activity_column content_usage_columns[] = {
    {"content_usage.content_id", SB_A_TEXT, NULL},
    {"content_usage.content_title", SB_A_TEXT, NULL},
    {"content_usage.content_type", SB_A_TEXT, NULL},
    TIMES("content_usage.last_accessed"),
    {"content_usage.days_since_last_accessed", SB_A_DAYS, "content_usage.last_accessed"},
    {"content_usage.other_count", SB_A_NUMBER, NULL},
    {"content_usage.api_count", SB_A_NUMBER, NULL},
    {"content_usage.embed_count", SB_A_NUMBER, NULL},
    {"content_usage.favorite_count", SB_A_NUMBER, NULL},
    {"content_usage.schedule_count", SB_A_NUMBER, NULL},
    {"dashboard.deleted_date", SB_A_DATE, "dashboard.deleted"},
    {"look.deleted_date", SB_A_DATE, "look.deleted"},
    {NULL, 0, NULL},
};
static const struct sb_activity_column pdt_columns[] = {
    {"pdt_event_log.id", SB_A_NUMBER, NULL},
    TIMES("pdt_event_log.created"),
    {"pdt_event_log.connection", SB_A_TEXT, NULL},
    {"pdt_event_log.model_name", SB_A_TEXT, NULL},
    {"pdt_event_log.view_name", SB_A_TEXT, NULL},
    {"pdt_event_log.table_name", SB_A_TEXT, NULL},
    {"pdt_event_log.action", SB_A_TEXT, NULL},
    {"pdt_event_log.action_data", SB_A_TEXT, NULL},
    {"pdt_event_log.tid", SB_A_TEXT, NULL},
    {"pdt_event_log.count", SB_A_COUNT, NULL},
    {NULL, 0, NULL},
};
static const struct sb_activity_column schedule_columns[] = {
    {"scheduled_job.id", SB_A_NUMBER, NULL},
    TIMES("scheduled_job.created"),
    TIMES("scheduled_job.finalized"),
    {"scheduled_job.name", SB_A_TEXT, NULL},
    {"scheduled_job.status", SB_A_TEXT, NULL},
    {"scheduled_job.status_detail", SB_A_TEXT, NULL},
    {"scheduled_job.count", SB_A_COUNT, NULL},
    {"scheduled_plan.id", SB_A_NUMBER, NULL},
    {"scheduled_plan.name", SB_A_TEXT, NULL},
    {"scheduled_plan.content_type_id", SB_A_TEXT, NULL},
    COMMON_USER,
    {NULL, 0, NULL},
};
static const struct sb_activity_column event_columns[] = {
    {"event.id", SB_A_NUMBER, NULL},
    TIMES("event.created"),
    {"event.name", SB_A_TEXT, NULL},
    {"event.category", SB_A_TEXT, NULL},
    {"event.is_api_call", SB_A_YESNO, NULL},
    {"event.is_admin", SB_A_YESNO, NULL},
    {"event.sudo_user_id", SB_A_NUMBER, NULL},
    {"event.count", SB_A_COUNT, NULL},
    COMMON_USER,
    {NULL, 0, NULL},
};
static const struct sb_activity_column dashboard_columns[] = {
    {"query.model", SB_A_TEXT, NULL},
    {"query.view", SB_A_TEXT, NULL},
    {"dashboard.id", SB_A_NUMBER, NULL},
    {"dashboard.deleted_date", SB_A_DATE, "dashboard.deleted"},
    {"dashboard.count", SB_A_DISTINCT, "dashboard.id"},
    {NULL, 0, NULL},
};
static const struct sb_activity_column look_columns[] = {
    {"query.model", SB_A_TEXT, NULL},         {"query.view", SB_A_TEXT, NULL},
    {"look.id", SB_A_NUMBER, NULL},           {"look.deleted_date", SB_A_DATE, "look.deleted"},
    {"look.count", SB_A_DISTINCT, "look.id"}, {NULL, 0, NULL},
};

/* ---- rows: the first one names the columns; a time is so many hours ago, nothing is null, and
 * `user` stands for id, e-mail and name ---- */

const struct sb_activity_user sb_activity_users[] = {
    {"service", "1", "service@example.com", "Sandbox Service"},
    {"ada", "2", "ada@example.com", "Ada Lovelace"},
    {"grace", "3", "grace@example.com", "Grace Hopper"},
    {"alan", "4", "alan@example.com", "Alan Turing"},
    {"alana", "5", "alan_@example.com", "Alana Turing"},
    {NULL, NULL, NULL, NULL},
};

#define STATUS_COUNT "[\"orders.status\", \"orders.count\"]"
#define BROKEN "[\"orders.status\", \"orders.broken\"]"
#define MISSING_COLUMN "column orders.broken does not exist"

static const char *const history_rows[] = {
    "history.id|history.created|user|history.status|history.source|history.runtime|query.id|"
    "query.model|query.view|query.formatted_fields|query.filters|history.real_dash_id|"
    "dashboard.title|look.id|look.title|history.message|history.connection_name",
    "101|2|ada|complete|explore|1.5|1|thelook|orders|" STATUS_COUNT "|{}||||||warehouse",
    "102|3|ada|complete|dashboard|64.25|2|thelook|order_items|"
    "[\"orders.created_month\", \"order_items.total_sale_price\"]|{\"orders.status\":\"complete\"}"
    "|1|Business Pulse||||warehouse",
    "103|5|grace|error|look|0.4|5|thelook|orders|" BROKEN "|{}|||4|Broken Look|" MISSING_COLUMN
    "|warehouse",
    "104|30|alana|complete|look|0.8|3|thelook|users|"
    "[\"users.state\", \"users.count\", \"users.average_age\"]|{\"users.country\":\"USA\"}"
    "|||3|Users by State||warehouse",
    "105|50|alan|complete|explore|0.5|3|thelook|users|[\"users.state\", \"users.count\"]|{}"
    "||||||warehouse",
    "106|26|grace|error|dashboard|0.2|5|thelook|orders|" BROKEN
    "|{}|1|Business Pulse|||" MISSING_COLUMN "|warehouse",
    "107|4|grace|killed|explore|900|1|thelook|orders|" STATUS_COUNT "|{}||||||warehouse",
    "108|960|ada|complete|explore|2|7|thelook|products|[\"products.brand\"]|{}||||||warehouse",
    "109|480|alan|complete|explore|3|4|analytics|sessions|"
    "[\"sessions.browser\", \"sessions.count\"]|{}||||||lake",
    "110|3|service|complete|api4|0.1|9|system__activity|history|[\"history.id\"]|{}||||||"
    "looker__internal__analytics",
    NULL,
};

/* Dashboard 3 was never opened: it has no row. */
static const char *const content_usage_rows[] = {
    "content_usage.content_type|content_usage.content_id|content_usage.content_title|"
    "content_usage.last_accessed|content_usage.other_count|content_usage.api_count|"
    "content_usage.embed_count|content_usage.favorite_count|content_usage.schedule_count|"
    "dashboard.deleted",
    "dashboard|1|Business Pulse|2|300|4|0|2|7|",
    "dashboard|2|Web Traffic|4810|42|0|0|0|0|",
    "dashboard|thelook::overview|thelook::overview|2410|5|0|0|0|0|",
    "dashboard|99|Long Gone|7210|9|0|0|0|0|700",
    "look|1|Orders by Status|24|120|0|0|1|0|",
    "look|2|Revenue by Month|2890|75|0|0|0|0|",
    "look|3|Users by State|30|8|0|0|0|0|",
    "look|4|Broken Look|5|1|0|0|0|1|",
    NULL,
};

static const char *const pdt_rows[] = {
    "pdt_event_log.id|pdt_event_log.created|pdt_event_log.connection|pdt_event_log.model_name|"
    "pdt_event_log.view_name|pdt_event_log.table_name|pdt_event_log.action|"
    "pdt_event_log.action_data|pdt_event_log.tid",
    "1|7|warehouse|thelook|daily_sales|LR_daily_sales|create begin|prod|t1",
    "2|6.9|warehouse|thelook|daily_sales|LR_daily_sales|create complete||t1",
    "3|6|warehouse|thelook|order_facts|LR_order_facts|create sql error|"
    "relation raw.orders does not exist|t2",
    "4|500|warehouse|thelook|order_facts|LR_order_facts|trigger value error|timeout|t3",
    NULL,
};

static const char *const schedule_rows[] = {
    "scheduled_job.id|scheduled_job.created|scheduled_job.finalized|user|scheduled_job.name|"
    "scheduled_job.status|scheduled_job.status_detail|scheduled_plan.id|scheduled_plan.name|"
    "scheduled_plan.content_type_id",
    "1|3|2.9|ada|Weekly revenue|success||7|Weekly revenue|Dashboard 1",
    "2|4|3.9|grace|Broken orders|failure|the mail server refused the recipient|8|Broken orders|"
    "Look 4",
    "3|400|399|ada|Weekly revenue|failure|timed out|7|Weekly revenue|Dashboard 1",
    NULL,
};

static const char *const event_rows[] = {
    "event.id|event.created|user|event.name|event.category|event.is_api_call|event.is_admin|"
    "event.sudo_user_id",
    "1|1|ada|login|auth|No|No|",
    "2|2|alana|login|auth|No|No|",
    "3|3|alan|login|auth|No|No|",
    "4|5|ada|save_project_file|git|No|No|",
    "5|7|grace|update_user_role|user|Yes|Yes|1",
    "6|600|ada|create_dashboard|dashboard|No|No|",
    NULL,
};

static const char *const dashboard_rows[] = {
    "query.model|query.view|dashboard.id",
    "thelook|orders|1",
    "thelook|order_items|1",
    "thelook|users|1",
    "analytics|events|2",
    NULL,
};

static const char *const look_rows[] = {
    "query.model|query.view|look.id",
    "thelook|orders|1",
    "thelook|order_items|2",
    "thelook|users|3",
    NULL,
};

const struct sb_activity_explore sb_activity_explores[] = {
    {"history", history_columns, history_rows},
    {"content_usage", content_usage_columns, content_usage_rows},
    {"pdt_event_log", pdt_columns, pdt_rows},
    {"scheduled_plan", schedule_columns, schedule_rows},
    {"event", event_columns, event_rows},
    {"dashboard", dashboard_columns, dashboard_rows},
    {"look", look_columns, look_rows},
    {NULL, NULL, NULL},
};

/* ---- what runs now ---- */

void sb_seed_activity(struct sb *sb)
{
    struct sb_collection *c = sb_collection(sb->store, LK_STR("/running_queries"));

    c->type = sb_operation("all_running_queries")->answer.type;
    static const char *const running[] = {
        "{\"id\":\"901\",\"query_task_id\":\"running-short\",\"status\":\"running\","
        "\"runtime\":12.5,\"source\":\"explore\",\"connection_name\":\"warehouse\","
        "\"query_id\":\"1\",\"user\":{\"id\":\"2\",\"display_name\":\"Ada Lovelace\"},"
        "\"query\":{\"id\":\"1\",\"model\":\"thelook\",\"view\":\"orders\"}}",
        "{\"id\":\"902\",\"query_task_id\":\"running-long\",\"status\":\"running\","
        "\"runtime\":725,\"source\":\"dashboard\",\"connection_name\":\"warehouse\","
        "\"query_id\":\"2\",\"user\":{\"id\":\"3\",\"display_name\":\"Grace Hopper\"},"
        "\"query\":{\"id\":\"2\",\"model\":\"thelook\",\"view\":\"order_items\"}}",
        "{\"id\":\"903\",\"query_task_id\":\"running-longer\",\"status\":\"running\","
        "\"runtime\":4100,\"source\":\"sqlrunner\",\"connection_name\":\"lake\","
        "\"user\":{\"id\":\"3\",\"display_name\":\"Grace Hopper\"}}",
    };
    c->strict = c->listed = true;
    for (size_t i = 0; i < sizeof(running) / sizeof(running[0]); i++) {
        cJSON *given = cJSON_Parse(running[i]), *query = sb_example_object(c->type, false, 0);

        if (given == NULL)
            abort(); /* a slip in our own fixture */
        sb_merge(c->type, query, given);
        sb_entity_put(c, lk_str(sb_member(query, "query_task_id")), query);
        cJSON_Delete(given);
    }
}

static void all_running_queries(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *c = sb_collection(rq->sb->store, LK_STR("/running_queries"));
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    lk_json_begin_array(&w);
    for (size_t i = 0; i < c->n; i++) {
        if (c->items[i].json != NULL)
            lk_json_put_raw(&w, sb_entity_show(rq, c, &c->items[i]));
    }
    sb_tasks_write_running(rq, &w);
    lk_json_end_array(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

static void kill_query(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *running = sb_collection(rq->sb->store, LK_STR("/running_queries"));
    struct lk_str id = sb_path_arg(rq, "query_task_id");
    struct sb_entity *query = sb_entity(running, id);

    if (query != NULL && query->json != NULL)
        sb_entity_delete(query);
    else if (!sb_tasks_kill(rq, id))
        return sb_fail_not_found(rq, out);
    sb_answer_empty(out, 204);
}

/* ---- what is broken ---- */

static void test_connection(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str name = sb_path_arg(rq, "connection_name");
    struct sb_entity *connection =
        sb_entity(sb_collection(rq->sb->store, LK_STR("/connections")), name);

    if (connection == NULL || connection->json == NULL)
        return sb_fail_not_found(rq, out);
    if (lk_str_eq(name, LK_STR("reporting_db")))
        return sb_answer_json(out, 200,
                              LK_STR("[{\"name\":\"connect\",\"status\":\"error\","
                                     "\"message\":\"no route to reporting.example.com\"}]"));
    sb_answer_json(
        out, 200,
        LK_STR("[{\"name\":\"connect\",\"status\":\"success\",\"message\":\"Can connect\"},"
               "{\"name\":\"query\",\"status\":\"success\",\"message\":\"Can run a query\"}]"));
}

const struct sb_handler sb_activity_handlers[] = {
    {"test_connection", test_connection},
    {"all_running_queries", all_running_queries},
    {"kill_query", kill_query},
    {0},
};
