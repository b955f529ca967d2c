/*
 * The workflows that look after the instance: what they say when one of several calls fails, and
 * that they end nothing that they should not.
 */
#include "fake_looker.h"

#include <time.h>

#define RUN "POST /queries/run/json"
#define SEARCH "GET /users/search"

static const char *text(struct lk_str json)
{
    return lk_arena_cstr(fake_arena, json);
}

/* How many requests began so. */
static size_t sent(const char *beginning)
{
    size_t n = 0;

    for (size_t i = 0; i < fake_n_requests; i++)
        n += strncmp(fake_requests[i], beginning, strlen(beginning)) == 0;
    return n;
}

/* "2026-01-31T12:00:00Z", so many days ago. */
static const char *days_ago(int days)
{
    time_t at = time(NULL) - (time_t)days * 86400;
    struct tm tm;
    char buf[40];

    gmtime_r(&at, &tm);
    strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm);
    return lk_arena_cstr(fake_arena, lk_str(buf));
}

/* ---- audit_query_activity ---- */

static void test_sums_that_fail_do_not_take_the_queries_away(void **state)
{
    (void)state;
    fake_context.max_parallel = 1;
    fake_answers(RUN, "[{\"history.id\":7}]");
    fake_fails(RUN, 500, "busy");
    fake_answers(RUN, "[{\"history.status\":\"error\",\"history.query_run_count\":3}]");
    fake_answers(RUN, "[{\"query.view\":\"a\"},{\"query.view\":\"b\"}]");
    fake_fails(RUN, 422, "no such field");
    struct lk_str answer = run_tool("audit_query_activity", "{\"scope\":\"errors\"}");
    assert_str(at(answer, "items"), "[{\"history.id\":7}]");
    assert_str(at(answer, "summary/status"), "500");
    assert_str(at(answer, "summary/errors"), "3");
    assert_str(at(answer, "top_explores/count"), "2");
    assert_str(at(answer, "top_errors/detail"), "\"no such field\"");
    assert_str(at(answer, "outcome"), "\"partial\"");
    assert_contains(fake_requests[0], "\"history.status\":\"error\"");
    assert_null(strstr(fake_requests[2], "\"history.status\":\"error\""));
}

/* What there is room for is kept, and the steps do not call it all. */
static void test_more_queries_than_are_held(void **state)
{
    (void)state;
    fake_context.max_parallel = 1;
    fake_context.max_rows = 1000000;
    fake_context.max_result_bytes = 2000;
    fake_answers_list(RUN, "{\"history.id\":12345678901234567890}", 300000);
    fake_answers(RUN, "[]");
    struct lk_str answer = run_tool("audit_query_activity", "{\"scope\":\"errors\"}");
    int64_t at_least = 0;
    assert_str(at(answer, "truncated/returned"), "27");
    assert_true(lk_json_integer(at(answer, "truncated/total_at_least"), &at_least));
    assert_in_range(at_least, 100000, 200000);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "steps/0/detail")), "rows or more");
}

static void test_without_the_queries_it_has_failed(void **state)
{
    (void)state;
    fake_context.max_parallel = 1;
    fake_fails(RUN, 403, "not you");
    fake_answers(RUN, "[]");
    struct lk_str answer = run_tool("audit_query_activity", "{\"scope\":\"slow\"}");
    assert_str(at(answer, "outcome"), "\"failed\"");
    assert_str(at(answer, "status"), "403");
    assert_str(at(answer, "items"), "(absent)");
}

static void test_scopes_that_lack_what_they_are_about(void **state)
{
    (void)state;
    assert_contains(refuse_tool("audit_query_activity", "{\"scope\":\"by_content\"}")->message,
                    "dashboard_id");
    assert_contains(
        refuse_tool("audit_query_activity", "{\"scope\":\"slow\",\"look_id\":\"one\"}")->message,
        "look_id");
    assert_contains(refuse_tool("audit_query_activity", "{\"scope\":\"everything\"}")->message,
                    "scope");
    assert_int_equal(fake_n_requests, 0);
}

/* ---- audit_instance_health ---- */

#define VALIDATION "GET /content_validation"

static void test_healthy_needs_all_sections(void **state)
{
    (void)state;
    fake_answers(RUN, "[]");
    fake_answers(VALIDATION, "{\"content_with_errors\":[]}");
    struct lk_str answer = run_tool("audit_instance_health", "{}");
    assert_str(at(answer, "healthy"), "true");
    assert_str(at(answer, "outcome"), "\"done\"");

    fake_scripts[1].body = "{}"; /* says nothing, so nothing is known */
    answer = run_tool("audit_instance_health", "{}");
    assert_str(at(answer, "healthy"), "false");
    assert_str(at(answer, "sections_not_read"), "1");
    assert_str(at(answer, "outcome"), "\"partial\"");
}

static void test_the_third_section_fails(void **state)
{
    (void)state;
    fake_context.max_parallel = 1;
    fake_answers(RUN, "[]");
    fake_answers(RUN, "[{\"query.view\":\"slow\"}]");
    fake_fails(RUN, 404, "no explore");
    fake_answers(RUN, "[]");
    fake_answers(VALIDATION,
                 "{\"content_with_errors\":[{\"look\":null,\"dashboard_element\":{\"id\":\"5\","
                 "\"dashboard_id\":\"1\"},\"dashboard\":{\"id\":\"1\"},\"errors\":[{\"message\":"
                 "\"gone\"}]},{\"look\":{\"id\":\"2\",\"title\":\"L\"}}]}");
    struct lk_str answer = run_tool("audit_instance_health", "{\"limit\":1}");
    assert_str(at(answer, "healthy"), "false");
    assert_str(at(answer, "sections_with_findings"), "2");
    assert_str(at(answer, "sections/failed_schedules/status"), "404");
    assert_str(at(answer, "sections/failed_pdt_builds/count"), "0");
    assert_str(at(answer, "sections/content_errors/items"),
               "[{\"kind\":\"dashboard_element\",\"id\":\"5\",\"dashboard_id\":\"1\","
               "\"errors\":[\"gone\"]}]");
    assert_str(at(answer, "content_with_errors"), "2");
    assert_str(at(answer, "steps/2/status"), "\"failed\"");
}

static void test_no_section_at_all(void **state)
{
    (void)state;
    fake_fails(RUN, 403, "not you");
    fake_fails(VALIDATION, 403, "not you either");
    struct lk_str answer = run_tool("audit_instance_health", "{}");
    assert_str(at(answer, "outcome"), "\"failed\"");
    assert_str(at(answer, "healthy"), "false");
    assert_str(at(answer, "detail"), "\"not you\"");
}

/* ---- investigate_runaway_queries ---- */

#define RUNNING "GET /running_queries"
#define KILL "{\"action\":\"kill\"}"

static void test_only_what_runs_too_long_for_sure_is_stopped(void **state)
{
    (void)state;
    fake_answers(RUNNING,
                 text(lk_arena_printf(
                     fake_arena,
                     "[{\"query_task_id\":\"short\",\"runtime\":299.9},"
                     "{\"query_task_id\":\"long\",\"runtime\":300},"
                     "{\"query_task_id\":\"old\",\"runtime\":null,\"created_at\":\"%s\"},"
                     "{\"query_task_id\":\"who knows\",\"runtime\":null},{\"runtime\":9999}]",
                     days_ago(1))));
    fake_answers("DELETE /running_queries/long", "{}");
    fake_answers("DELETE /running_queries/old", "{}");
    struct lk_str answer = run_tool("investigate_runaway_queries", KILL);
    assert_str(at(answer, "count"), "3");
    assert_str(at(answer, "runtime_unknown"), "1");
    assert_int_equal(sent("DELETE"), 2);
    assert_int_equal(lk_json_count(at(answer, "changed")), 2);
    assert_str(at(answer, "steps/3/status"), "\"skipped\""); /* without an id */
    assert_str(at(answer, "outcome"), "\"done\"");

    fake_n_requests = 0;
    answer = run_tool("investigate_runaway_queries", "{}");
    assert_int_equal(sent("DELETE"), 0);
    assert_str(at(answer, "outcome"), "\"preview\"");
}

static void test_one_that_cannot_be_stopped_does_not_save_the_others(void **state)
{
    (void)state;
    fake_answers(RUNNING, "[{\"query_task_id\":\"a\",\"runtime\":400},"
                          "{\"query_task_id\":\"b\",\"runtime\":400},"
                          "{\"query_task_id\":\"c\",\"runtime\":400}]");
    fake_fails("DELETE /running_queries/a", 403, "not yours");
    fake_fails("DELETE /running_queries/b", 404, "no such task");
    fake_answers("DELETE /running_queries/c", "{}");
    struct lk_str answer = run_tool("investigate_runaway_queries", KILL);
    assert_str(at(answer, "outcome"), "\"failed\"");
    assert_str(at(answer, "status"), "403");
    assert_str(at(answer, "steps/1/status"), "\"failed\"");
    assert_str(at(answer, "steps/2/status"), "\"skipped\"");
    assert_str(at(answer, "steps/3/status"), "\"done\"");
    assert_contains(text(at(answer, "left_to_do/0")), "query a still runs");
    assert_int_equal(lk_json_count(at(answer, "changed")), 1);
}

static void test_a_threshold_that_everything_meets(void **state)
{
    (void)state;
    assert_contains(
        refuse_tool("investigate_runaway_queries", "{\"threshold_seconds\":0}")->message,
        "threshold_seconds");
}

/* ---- find_stale_content ---- */

static const char *some_dashboards(void)
{
    return text(
        lk_arena_printf(fake_arena,
                        "[{\"id\":\"1\",\"title\":\"used\",\"view_count\":0},"
                        "{\"id\":\"2\",\"title\":\"counted\",\"view_count\":3},"
                        "{\"id\":\"3\",\"title\":\"opened\",\"last_accessed_at\":\"%s\"},"
                        "{\"id\":\"4\",\"title\":\"young\",\"created_at\":\"%s\"},"
                        "{\"id\":\"5\",\"title\":\"old\",\"created_at\":\"%s\",\"view_count\":0}]",
                        days_ago(3), days_ago(3), days_ago(300)));
}

static void test_never_opened_is_what_nothing_speaks_for(void **state)
{
    (void)state;
    fake_answers(RUN, "[{\"content_usage.content_id\":\"9\"}]");
    fake_answers(RUN,
                 "[{\"content_usage.content_type\":\"look\",\"content_usage.content_id\":\"5\"},"
                 "{\"content_usage.content_type\":\"dashboard\","
                 "\"content_usage.content_id\":\"1\"}]");
    fake_answers("GET /dashboards/search", some_dashboards());
    struct lk_str answer = run_tool("find_stale_content", "{\"content_type\":\"dashboard\"}");
    assert_str(at(answer, "items"), "[{\"content_usage.content_id\":\"9\"}]");
    assert_str(at(answer, "never_opened/looked_at"), "5");
    assert_str(at(answer, "never_opened/items/0/content_id"), "\"5\"");
    assert_str(at(answer, "never_opened/items/1"), "(absent)");
    assert_int_equal(sent("GET /looks"), 0);
    assert_contains(fake_requests[0], "\"content_usage.content_type\":\"dashboard\"");
    assert_contains(fake_requests[0], "\"dashboard.deleted_date\":\"NULL\"");
}

static void test_what_was_used_cannot_be_read(void **state)
{
    (void)state;
    fake_answers(RUN, "[]");
    fake_fails(RUN, 500, "busy");
    struct lk_str answer = run_tool("find_stale_content", "{}");
    /* Then nothing may be called never opened. */
    assert_str(at(answer, "never_opened/count"), "(absent)");
    assert_str(at(answer, "steps/1/status"), "\"failed\"");
    assert_str(at(answer, "outcome"), "\"partial\"");
    assert_int_equal(fake_n_requests, 2);
}

/* As many rows as were asked for: what is not among them may have been opened all the same. */
static void test_more_was_used_than_is_read(void **state)
{
    struct lk_buf rows;

    (void)state;
    lk_buf_init(&rows, (size_t)4 << 20);
    lk_buf_char(&rows, '[');
    for (int i = 0; i < 50000; i++)
        lk_buf_printf(&rows, "%s{\"content_usage.content_id\":\"%d\"}", i > 0 ? "," : "", i);
    lk_buf_char(&rows, ']');
    fake_answers(RUN, "[]");
    fake_answers(RUN, rows.ptr);
    struct lk_str answer = run_tool("find_stale_content", "{}");
    assert_str(at(answer, "never_opened"), "(absent)");
    assert_str(at(answer, "steps/1/status"), "\"failed\"");
    assert_int_equal(fake_n_requests, 2);
    lk_buf_free(&rows);
}

static void test_usage_cannot_be_read(void **state)
{
    (void)state;
    fake_fails(RUN, 404, "no such model");
    struct lk_str answer = run_tool("find_stale_content", "{}");
    assert_str(at(answer, "outcome"), "\"failed\"");
    assert_contains(text(at(answer, "error")), "see_system_activity");
    assert_int_equal(fake_n_requests, 1);
}

/* ---- disable_stale_sessions ---- */

#define TERMINATE "{\"action\":\"terminate\"}"

static const char *some_sessions(void)
{
    return text(lk_arena_printf(
        fake_arena,
        "[{\"id\":\"1\",\"sessions\":[{\"id\":\"own\",\"created_at\":\"%s\"}]},"
        "{\"id\":\"2\",\"email\":\"a@x\",\"sessions\":[{\"id\":\"a\",\"created_at\":\"%s\"},"
        "{\"id\":\"kept\",\"created_at\":\"%s\",\"extended_at\":\"%s\"},"
        "{\"id\":\"dark\",\"created_at\":\"some day\"}]},"
        "{\"id\":\"3\",\"sessions\":[{\"id\":\"b\",\"created_at\":\"%s\"},"
        "{\"id\":\"c\",\"created_at\":\"%s\"}]},{\"id\":\"4\"}]",
        days_ago(500), days_ago(91), days_ago(500), days_ago(2), days_ago(100), days_ago(100)));
}

static void test_stale_ones_are_ended_and_others_stay(void **state)
{
    (void)state;
    fake_answers("GET /user", "{\"id\":\"1\"}");
    fake_answers(SEARCH, some_sessions());
    fake_answers("DELETE /users/2/sessions/a", "{}");
    fake_fails("DELETE /users/3/sessions/b", 422, "busy");
    fake_answers("DELETE /users/3/sessions/c", "{}");
    struct lk_str answer = run_tool("disable_stale_sessions", TERMINATE);
    assert_int_equal(sent("DELETE"), 3);
    assert_str(at(answer, "own_left_alone"), "1");
    assert_str(at(answer, "age_unknown"), "1");
    assert_str(at(answer, "items/0/days_unused"), "91");
    assert_str(at(answer, "outcome"), "\"failed\"");
    assert_int_equal(lk_json_count(at(answer, "changed")), 2);
    assert_str(at(answer, "steps/3/status"), "\"failed\"");
    assert_contains(text(at(answer, "left_to_do/0")), "session b of user 3");

    /* Again: the one that is there is tried, those that are gone are no mistake. */
    fake_scripts[2].status = fake_scripts[4].status = 404;
    fake_scripts[3].status = 200;
    fake_scripts[3].body = "{}";
    answer = run_tool("disable_stale_sessions", TERMINATE);
    assert_str(at(answer, "outcome"), "\"done\"");
    assert_int_equal(lk_json_count(at(answer, "changed")), 1);
}

static void test_nothing_is_ended_unless_all_were_seen(void **state)
{
    (void)state;
    fake_answers("GET /user", "{\"id\":\"1\"}");
    fake_fails(SEARCH, 403, "not an admin");
    struct lk_str answer = run_tool("disable_stale_sessions", TERMINATE);
    assert_str(at(answer, "outcome"), "\"failed\"");
    assert_str(at(answer, "detail"), "\"not an admin\"");

    fake_scripts[0].status = 500;
    answer = run_tool("disable_stale_sessions", TERMINATE);
    assert_str(at(answer, "status"), "500");
    assert_int_equal(sent("DELETE"), 0);
}

static void test_the_second_page_fails(void **state)
{
    struct lk_buf users;

    (void)state;
    lk_buf_init(&users, 1 << 20);
    for (int i = 1; i <= 500; i++)
        lk_buf_printf(&users, "%c{\"id\":\"%d\",\"sessions\":[%s]}", i > 1 ? ',' : '[', i,
                      i == 2 ? "{\"id\":\"s\",\"created_at\":\"2001-01-01T00:00:00Z\"}" : "");
    lk_buf_char(&users, ']');
    fake_answers("GET /user", "{\"id\":\"1\"}");
    fake_answers(SEARCH, users.ptr);
    fake_fails(SEARCH, 500, "busy");
    struct lk_str answer = run_tool("disable_stale_sessions", TERMINATE);
    assert_str(at(answer, "count"), "1");
    assert_str(at(answer, "steps/2/status"), "\"not_done\"");
    assert_str(at(answer, "outcome"), "\"failed\"");
    assert_int_equal(sent("DELETE"), 0);
    lk_buf_free(&users);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_sums_that_fail_do_not_take_the_queries_away),
        T(test_more_queries_than_are_held),
        T(test_without_the_queries_it_has_failed),
        T(test_scopes_that_lack_what_they_are_about),
        T(test_healthy_needs_all_sections),
        T(test_the_third_section_fails),
        T(test_no_section_at_all),
        T(test_only_what_runs_too_long_for_sure_is_stopped),
        T(test_one_that_cannot_be_stopped_does_not_save_the_others),
        T(test_a_threshold_that_everything_meets),
        T(test_never_opened_is_what_nothing_speaks_for),
        T(test_what_was_used_cannot_be_read),
        T(test_more_was_used_than_is_read),
        T(test_usage_cannot_be_read),
        T(test_stale_ones_are_ended_and_others_stay),
        T(test_nothing_is_ended_unless_all_were_seen),
        T(test_the_second_page_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
