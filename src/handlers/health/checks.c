/*
 * What health_pulse looks at (checks.h): things of the moment through the API (connections,
 * datagroups, running queries, legacy features), things of the last days through System Activity.
 * What does not work now has failed; what went wrong or slowly in the past is a warning.
 */
#include "handlers/health/checks.h"

#include "handlers/activity.h"
#include "handlers/ask.h"
#include "looker_ops.h"
#include "rt/parallel.h"

#define ITEMS_MAX 10
#define SLOW_SECONDS 30
#define RUNAWAY_SECONDS 600
#define PARALLEL_TESTS 4

const char *lk_check_status_name(enum lk_check_status status)
{
    static const char *const names[] = {
        [LK_CHECK_OK] = "ok",
        [LK_CHECK_WARNING] = "warning",
        [LK_CHECK_UNKNOWN] = "unknown",
        [LK_CHECK_FAILED] = "failed",
    };
    return names[status];
}

void lk_check_init(struct lk_check *check, const struct lk_check *kind,
                   const struct lk_tool_context *context, struct lk_arena *arena,
                   struct lk_str date_range, size_t max_bytes)
{
    *check = *kind;
    check->context = context;
    check->arena = arena;
    check->date_range = date_range;
    lk_items_init(&check->items, arena, max_bytes, 0, -1);
}

/* Begins an object among the items, if there is room for one more; lk_items_end ends it. */
static bool begin_item(struct lk_check *check, struct lk_json_writer *ret_w)
{
    if (!lk_items_next(&check->items))
        return false;
    *ret_w = lk_json_writer(&check->items.buf);
    lk_json_begin_object(ret_w);
    return true;
}

static void end_item(struct lk_check *check, struct lk_json_writer *w)
{
    lk_json_end_object(w);
    lk_items_end(&check->items);
}

static void put_row(struct lk_check *check, struct lk_str row)
{
    if (!lk_items_next(&check->items))
        return;
    lk_buf_str(&check->items.buf, row);
    lk_items_end(&check->items);
}

static void worsen(struct lk_check *check, enum lk_check_status status)
{
    if (status > check->status)
        check->status = status;
}

static bool ask_list(struct lk_check *check, struct lk_api_request request, struct lk_str *ret_list)
{
    return lk_ask(check->context->api, check->arena, request, LK_JSON_ARRAY, ret_list,
                  &check->error);
}

/* ---- connections ---- */

struct connection {
    struct lk_str name;
    struct lk_str results; /* of its tests, as JSON */
    struct lk_error error;
};
struct connections {
    struct lk_check *check;
    struct connection *items;
    size_t n;
};

/* Looker's own, which it does not test. */
static bool is_internal(struct lk_str name)
{
    return lk_str_eq(name, LK_STR("looker")) || lk_str_starts(name, LK_STR("looker__"));
}

static void test_one(void *arg, size_t i)
{
    struct connections *all = arg;
    struct connection *connection = &all->items[i];
    struct looker_test_connection_params params = {.connection_name = lk_string(connection->name)};

    lk_ask(all->check->context->api, all->check->arena, looker_test_connection(&params),
           LK_JSON_ARRAY, &connection->results, &connection->error);
}

/* Judges the results of one connection; what did not pass becomes an item. */
static enum lk_check_status judge(struct lk_check *check, const struct connection *connection)
{
    struct lk_json_iter it = lk_json_iter(connection->results);
    struct lk_json_writer w;
    enum lk_check_status worst = LK_CHECK_OK;
    struct lk_str result, message = {0};

    if (connection->error.kind != LK_ERROR_NONE) {
        worst = LK_CHECK_UNKNOWN;
        message = connection->error.detail[0] != '\0' ? lk_str(connection->error.detail)
                                                      : lk_str(connection->error.message);
    } else if (lk_json_count(connection->results) == 0) {
        worst = LK_CHECK_UNKNOWN;
        message = LK_STR("Looker has no test for it");
    }
    while (worst == LK_CHECK_OK && lk_json_next(&it, NULL, &result)) {
        struct lk_str status = lk_json_get_string(check->arena, result, LK_STR("status"));
        if (lk_str_ieq(status, LK_STR("success")))
            continue;
        worst = lk_str_starts(status, LK_STR("warn")) ? LK_CHECK_WARNING : LK_CHECK_FAILED;
        message = lk_json_get_string(check->arena, result, LK_STR("message"));
    }
    if (worst != LK_CHECK_OK && begin_item(check, &w)) {
        lk_json_member_string(&w, "connection", connection->name);
        lk_json_member_string(&w, "status", lk_str(lk_check_status_name(worst)));
        if (connection->error.status != 0)
            lk_json_member_integer(&w, "http_status", connection->error.status);
        lk_json_member_string(&w, "message", message);
        end_item(check, &w);
    }
    return worst;
}

static void check_connections(struct lk_check *check)
{
    struct looker_all_connections_params params = {.fields = lk_string(LK_STR("name"))};
    struct connections *all = lk_arena_new_object(check->arena, struct connections);
    struct lk_str list, item;
    size_t passed = 0;

    if (!ask_list(check, looker_all_connections(&params), &list))
        return;
    *all = (struct connections){
        .check = check,
        .items = lk_arena_array(check->arena, lk_json_count(list), sizeof(*all->items)),
    };
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        struct lk_str name = lk_json_get_string(check->arena, item, LK_STR("name"));
        if (!is_internal(name))
            all->items[all->n++].name = name;
    }
    if (!lk_parallel(check->context->loop, PARALLEL_TESTS, all->n, test_one, all, &check->error))
        return;
    for (size_t i = 0; i < all->n; i++) {
        enum lk_check_status status = judge(check, &all->items[i]);
        passed += status == LK_CHECK_OK;
        worsen(check, status);
    }
    if (all->n == 0)
        worsen(check, LK_CHECK_UNKNOWN);
    check->detail = lk_arena_printf(check->arena, "%zu of %zu connections passed Looker's tests",
                                    passed, all->n);
}

/* ---- datagroups, running queries, legacy features ---- */

static void check_datagroups(struct lk_check *check)
{
    struct lk_str list, item;
    size_t failed = 0;

    if (!ask_list(check, looker_all_datagroups(), &list))
        return;
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        struct lk_json_writer w;
        struct lk_str error = lk_json_get_string(check->arena, item, LK_STR("trigger_error"));
        if (error.len == 0 || ++failed > ITEMS_MAX || !begin_item(check, &w))
            continue;
        lk_json_member_string(&w, "datagroup",
                              lk_json_get_string(check->arena, item, LK_STR("name")));
        lk_json_member_string(&w, "model",
                              lk_json_get_string(check->arena, item, LK_STR("model_name")));
        lk_json_member_string(&w, "trigger_error", error);
        end_item(check, &w);
    }
    if (failed > 0)
        worsen(check, LK_CHECK_FAILED);
    check->detail = lk_arena_printf(check->arena, "the trigger of %zu of %zu datagroups fails",
                                    failed, lk_json_count(list));
}

static void check_running_queries(struct lk_check *check)
{
    double longest = 0;
    size_t n = 0, runaways = 0;
    struct lk_str list, item;

    if (!ask_list(check, looker_all_running_queries(), &list))
        return;
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        struct lk_json_writer w;
        double runtime = lk_row_number(item, "runtime");
        n++;
        longest = runtime > longest ? runtime : longest;
        if (runtime < RUNAWAY_SECONDS || ++runaways > ITEMS_MAX || !begin_item(check, &w))
            continue;
        lk_json_member_string(&w, "query_task_id",
                              lk_json_get_string(check->arena, item, LK_STR("query_task_id")));
        lk_json_key(&w, "runtime");
        lk_json_put_number(&w, runtime);
        end_item(check, &w);
    }
    if (runaways > 0)
        worsen(check, LK_CHECK_WARNING);
    check->detail = lk_arena_printf(check->arena,
                                    "%zu queries run, %zu of them for %d s or more; longest %.0f s",
                                    n, runaways, RUNAWAY_SECONDS, longest);
}

static void check_legacy_features(struct lk_check *check)
{
    size_t enabled = 0;
    struct lk_str list, item, value;

    if (!ask_list(check, looker_all_legacy_features(), &list))
        return;
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        struct lk_json_writer w;
        if (!lk_json_get(item, LK_STR("enabled"), &value) || !lk_json_is_true(value) ||
            ++enabled > ITEMS_MAX || !begin_item(check, &w))
            continue;
        lk_json_member_string(&w, "feature",
                              lk_json_get_string(check->arena, item, LK_STR("name")));
        end_item(check, &w);
    }
    if (enabled > 0)
        worsen(check, LK_CHECK_WARNING);
    check->detail = lk_arena_printf(check->arena, "%zu legacy features are enabled", enabled);
}

/* ---- the last days, by System Activity ---- */

/* Rows are what went wrong: none is fine, some are a warning. `what`: "dashboards with …". */
static void check_rows(struct lk_check *check, struct lk_activity_query *query, const char *what)
{
    struct lk_rows_list list;
    struct lk_str row;
    size_t n = 0;

    query->limit = ITEMS_MAX + 1;
    if (!lk_activity_ask(check->context, check->arena, query, &list, &check->error))
        return;
    struct lk_json_iter it = lk_json_iter(list.rows);
    while (n < ITEMS_MAX && lk_json_next(&it, NULL, &row)) {
        put_row(check, row);
        n++;
    }
    if (n > 0)
        worsen(check, LK_CHECK_WARNING);
    if ((int64_t)n < list.total)
        check->detail = lk_arena_printf(check->arena, "more than %zu %s", n, what);
    else
        check->detail = lk_arena_printf(check->arena, "%zu %s", n, what);
}

static void check_slow_dashboards(struct lk_check *check)
{
    struct lk_activity_query query = {
        .explore = "history",
        .fields =
            "history.real_dash_id,dashboard.title,history.query_run_count,history.max_runtime",
        .sorts = "history.query_run_count desc",
    };

    lk_activity_filter(&query, "history.created_date", check->date_range);
    lk_activity_filter(&query, "history.real_dash_id", LK_STR("-NULL"));
    lk_activity_filter(&query, "history.status", LK_STR("complete"));
    lk_activity_filter(&query, "history.runtime", lk_filter_at_least(check->arena, SLOW_SECONDS));
    check_rows(check, &query, "dashboards had queries of 30 s or more");
}

static void check_failing_queries(struct lk_check *check)
{
    struct lk_activity_query query = {
        .explore = "history",
        .fields = "query.model,query.view,history.real_dash_id,look.id,history.message,"
                  "history.query_run_count",
        .sorts = "history.query_run_count desc",
    };

    lk_activity_filter(&query, "history.created_date", check->date_range);
    lk_activity_filter(&query, "history.status", LK_STR("error"));
    check_rows(check, &query, "kinds of queries failed (by explore, content and message)");
}

/* The slowest explores on average; those that are slow count. */
static void check_slow_explores(struct lk_check *check)
{
    struct lk_activity_query query = {
        .explore = "history",
        .fields = "query.model,query.view,history.average_runtime,history.query_run_count",
        .sorts = "history.average_runtime desc",
        .limit = ITEMS_MAX,
    };
    struct lk_rows_list list;
    struct lk_str row;
    size_t n = 0;

    lk_activity_filter(&query, "history.created_date", check->date_range);
    lk_activity_filter(&query, "query.model", LK_STR("-NULL,-system^_^_activity"));
    if (!lk_activity_ask(check->context, check->arena, &query, &list, &check->error))
        return;
    struct lk_json_iter it = lk_json_iter(list.rows);
    while (lk_json_next(&it, NULL, &row)) {
        if (lk_row_number(row, "history.average_runtime") < SLOW_SECONDS)
            break;
        put_row(check, row);
        n++;
    }
    if (n > 0)
        worsen(check, LK_CHECK_WARNING);
    check->detail =
        lk_arena_printf(check->arena, "%zu of the %d slowest explores took %d s or more on average",
                        n, ITEMS_MAX, SLOW_SECONDS);
}

static void check_schedules(struct lk_check *check)
{
    struct lk_activity_query query = {
        .explore = "scheduled_plan",
        .fields = "scheduled_plan.id,scheduled_job.name,scheduled_job.status_detail,"
                  "scheduled_job.count",
        .sorts = "scheduled_job.count desc",
    };

    lk_activity_filter(&query, "scheduled_job.created_date", check->date_range);
    lk_activity_filter(&query, "scheduled_job.status", LK_STR("failure"));
    check_rows(check, &query, "schedules failed");
}

static void check_pdt_builds(struct lk_check *check)
{
    struct lk_activity_query query = {
        .explore = "pdt_event_log",
        .fields = "pdt_event_log.model_name,pdt_event_log.view_name,pdt_event_log.action,"
                  "pdt_event_log.action_data,pdt_event_log.count",
        .sorts = "pdt_event_log.count desc",
    };

    lk_activity_filter(&query, "pdt_event_log.created_date", check->date_range);
    lk_activity_filter(&query, "pdt_event_log.action", LK_STR("%error%"));
    check_rows(check, &query, "kinds of errors of persistent derived tables");
}

const struct lk_check lk_checks[] = {
    {.name = "connections", .run = check_connections},
    {.name = "datagroups", .run = check_datagroups},
    {.name = "running_queries", .run = check_running_queries},
    {.name = "slow_dashboards", .run = check_slow_dashboards},
    {.name = "failing_queries", .run = check_failing_queries},
    {.name = "slow_explores", .run = check_slow_explores},
    {.name = "schedules", .run = check_schedules},
    {.name = "pdt_builds", .run = check_pdt_builds},
    {.name = "legacy_features", .run = check_legacy_features},
};
const size_t lk_n_checks = sizeof(lk_checks) / sizeof(lk_checks[0]);
