/*
 * Questions to System Activity, sessions of users, and the tools of the group audit made of them.
 */
#include "fake_looker.h"

#include "handlers/activity.h"
#include "handlers/sessions.h"

#define RUN "POST /queries/run/json"

static struct lk_str exactly(const char *text)
{
    return lk_filter_exactly(fake_arena, lk_str(text));
}

static void test_filter_values_mean_themselves(void **state)
{
    (void)state;
    assert_str(exactly("ada@example.com"), "ada@example.com");
    assert_str(exactly("  a_b%c,d\"e^f "), "a^_b^%c^,d^\"e^^f");
    assert_str(exactly("-x-y"), "^-x-y");
    assert_str(exactly("null"), "\"null\"");
    assert_str(exactly("NOT EMPTY"), "\"NOT EMPTY\"");
    assert_str(exactly("  "), "");
    assert_str(lk_filter_any_of(fake_arena, LK_STR(" login,, create_look ,-a,")),
               "login,create^_look,^-a");
    assert_str(lk_filter_any_of(fake_arena, LK_STR(" , ")), "");
    assert_str(lk_filter_at_least(fake_arena, 12.5), ">=12.5");
    assert_str(lk_filter_at_least(fake_arena, 300), ">=300");
}

static void test_a_question(void **state)
{
    (void)state;
    fake_context.max_rows = 2;
    fake_answers(RUN, "[{\"history.id\":1},{\"history.id\":2}]");
    struct lk_str answer = run_tool("get_query_history", "{\"user_email\":\"a_b@x\"}");
    assert_string_equal(
        fake_requests[0],
        "POST /queries/run/json {\"fields\":[\"history.id\",\"history.created_time\","
        "\"history.status\",\"history.source\",\"history.runtime\",\"history.connection_name\","
        "\"history.message\",\"query.id\",\"query.model\",\"query.view\",\"user.id\",\"user."
        "email\","
        "\"history.real_dash_id\",\"dashboard.title\",\"look.id\",\"look.title\"],"
        "\"filters\":{\"history.created_date\":\"7 days\",\"user.email\":\"a^_b@x\"},"
        "\"limit\":\"2\",\"model\":\"system__activity\",\"query_timezone\":\"UTC\","
        "\"sorts\":[\"history.created_time desc\"],\"view\":\"history\"}");
    assert_str(at(answer, "count"), "2");
    assert_str(at(answer, "items/1"), "{\"history.id\":2}");
    assert_str(at(answer, "limit_applied"), "2"); /* of the 500 that are the default */
}

static void test_slow_ones_come_longest_first(void **state)
{
    (void)state;
    fake_answers(RUN, "[]");
    run_tool("get_query_history", "{\"min_runtime_seconds\":0.5}");
    assert_contains(fake_requests[0], "\"sorts\":[\"history.runtime desc\"]");
    assert_contains(fake_requests[0], "\"history.runtime\":\">=0.5\"");
}

static void test_all_content_has_no_filter_of_its_type(void **state)
{
    (void)state;
    fake_answers(RUN, "[]");
    run_tool("get_content_usage", "{}");
    assert_contains(fake_requests[0],
                    "\"filters\":{\"content_usage.last_accessed_date\":\"30 days\"}");
}

static void test_ids_that_are_no_numbers(void **state)
{
    (void)state;
    assert_contains(refuse_tool("get_schedule_history", "{\"schedule_id\":\"1,2\"}")->message,
                    "schedule_id");
    assert_contains(refuse_tool("get_query_history", "{\"look_id\":\">0\"}")->message, "look_id");
    assert_int_equal(fake_n_requests, 0);
}

static void test_it_is_not_open(void **state)
{
    static const int statuses[] = {403, 404};

    (void)state;
    fake_fails(RUN, 0, "no such model");
    for (size_t i = 0; i < 2; i++) {
        fake_scripts[0].status = statuses[i];
        const struct lk_error *err = refuse_tool("get_pdt_build_log", "{}");
        assert_int_equal(err->status, statuses[i]);
        assert_contains(err->message, "pdt_event_log");
        assert_contains(err->message, "see_system_activity");
        assert_string_equal(err->detail, "no such model");
    }
    fake_scripts[0].status = 500; /* nothing is known of that */
    assert_null(strstr(refuse_tool("get_pdt_build_log", "{}")->message, "see_system_activity"));
}

static void test_errors_inside_a_200(void **state)
{
    (void)state;
    fake_answers(RUN, "[{\"looker_error\":\"no field event.nope\"}]");
    const struct lk_error *err = refuse_tool("get_user_activity_log", "{}");
    assert_contains(err->message, "System Activity (explore event)");
    assert_string_equal(err->detail, "no field event.nope");
    fake_scripts[0].body = "{}";
    assert_int_equal(refuse_tool("get_user_activity_log", "{}")->kind, LK_ERROR_PARSE);
}

static void test_history_is_cut_as_it_comes(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 1000;
    fake_context.max_rows = 1000000;
    fake_answers_list(RUN, "{\"history.id\":123,\"history.message\":\"x\"}", 300000);
    struct lk_str answer = run_tool("get_query_history", "{\"limit\":50000}");
    assert_str(at(answer, "count"), "24");
    assert_str(at(answer, "truncated/returned"), "24");
    assert_str(at(answer, "truncated/total"), "(absent)");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "truncated/how")), "a shorter time");
    assert_in_range(fake_n_poured, 4000000, 4600000);
    /* A message that fits nowhere is no empty history. */
    fake_context.max_result_bytes = 30;
    assert_contains(refuse_tool("get_query_history", "{}")->message, "a shorter time");
}

/* ---- times ---- */

static int64_t parsed(const char *text)
{
    int64_t seconds = -1;

    return lk_time_parse(lk_str(text), &seconds) ? seconds : -1;
}

static void test_times(void **state)
{
    (void)state;
    assert_int_equal(parsed("1970-01-02T00:00:00Z"), 86400);
    assert_int_equal(parsed("2026-01-15T09:30:00.000+00:00"), 1768469400);
    assert_int_equal(parsed("2026-01-15 09:30:00"), 1768469400);
    assert_int_equal(parsed("2026-01-15 09:30:00 UTC"), 1768469400);
    assert_int_equal(parsed("2026-01-15T11:30:00+02:00"), 1768469400);
    assert_int_equal(parsed("2026-01-15T04:00:00-0530"), 1768469400);
    assert_int_equal(parsed("1768469400"), 1768469400);
    assert_int_equal(parsed(""), -1);
    assert_int_equal(parsed("2026-01-15"), -1);
    assert_int_equal(parsed("2026-01-15x09:30:00"), -1);
    assert_int_equal(parsed("2026-01-15T09:30:00 or so"), -1);
    assert_int_equal(parsed("yesterday, in the late afternoon, or maybe it was the day before it"),
                     -1);
}

/* ---- sessions ---- */

#define SEARCH "GET /users/search"

/* So many users; the last of them has session 9. */
static const char *users(int n)
{
    struct lk_buf *buf = lk_arena_new_object(fake_arena, struct lk_buf);

    lk_buf_init(buf, 1 << 20);
    lk_arena_defer(fake_arena, lk_buf_free_deferred, buf);
    for (int i = 1; i <= n; i++)
        lk_buf_printf(buf, "%c{\"id\":\"%d\",\"email\":\"u%d@x\",\"sessions\":[%s]}",
                      i > 1 ? ',' : '[', i, i, i == n ? "{\"id\":\"9\",\"city\":null}" : "");
    lk_buf_char(buf, ']');
    return buf->ptr;
}

static void test_the_owner_is_on_the_second_page(void **state)
{
    (void)state;
    fake_answers(SEARCH, users(500));
    fake_answers(SEARCH, "[{\"id\":\"700\",\"email\":\"z@x\",\"sessions\":[{\"id\":\"31\"}]}]");
    fake_answers("GET /users/700/sessions/31", "{\"id\":\"31\",\"browser\":\"B\",\"url\":\"u\"}");
    assert_str(run_tool("get_session", "{\"session_id\":31}"),
               "{\"id\":\"31\",\"user_id\":\"700\",\"browser\":\"B\"}");
    assert_string_equal(
        fake_requests[1],
        "GET /users/search?fields=id%2Cemail%2Csessions&limit=500&offset=500&sorts=id");
}

static void test_nobody_has_it(void **state)
{
    (void)state;
    fake_answers(SEARCH, users(500));
    fake_answers(SEARCH, "[]");
    assert_contains(refuse_tool("terminate_session", "{\"session_id\":\"31\"}")->message,
                    "none of the 500 users");
    assert_int_equal(fake_n_requests, 2);
}

static void test_the_second_page_fails(void **state)
{
    (void)state;
    fake_answers(SEARCH, users(500));
    fake_fails(SEARCH, 403, "not an admin");
    const struct lk_error *err = refuse_tool("terminate_session", "{\"session_id\":\"31\"}");
    assert_string_equal(err->detail, "not an admin");
    assert_int_equal(fake_n_requests, 2); /* nothing was ended */
}

static void test_ending_it_fails(void **state)
{
    (void)state;
    fake_answers(SEARCH, users(3));
    fake_fails("DELETE /users/3/sessions/9", 404, "Not found");
    const struct lk_error *err = refuse_tool("terminate_session", "{\"session_id\":\"9\"}");
    assert_contains(err->message, "list_active_sessions");
    /* Whose it is may be said: then nobody is searched. */
    fake_n_requests = 0;
    fake_answers("DELETE /users/3/sessions/9", "{}");
    assert_str(run_tool("terminate_session", "{\"session_id\":\"9\",\"user_id\":\"3\"}"),
               "{\"ok\":true,\"session_id\":\"9\",\"user_id\":\"3\"}");
    assert_int_equal(fake_n_requests, 1);
}

static void test_pages_of_users(void **state)
{
    (void)state;
    fake_answers(SEARCH, users(3));
    struct lk_str answer = run_tool("list_active_sessions", "{\"limit\":3,\"offset\":6}");
    assert_str(answer, "{\"users_looked_at\":3,\"count\":1,\"items\":[{\"id\":\"9\","
                       "\"user_id\":\"3\",\"email\":\"u3@x\"}],\"next_offset\":9}");
    /* Fewer than asked for: these were the last. */
    assert_str(at(run_tool("list_active_sessions", "{\"limit\":4}"), "next_offset"), "(absent)");
}

static void test_a_user_whose_sessions_do_not_fit_begins_the_next_page(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 100;
    fake_answers(SEARCH, "[{\"id\":\"1\",\"email\":\"a@x\",\"sessions\":[{\"id\":\"11\"}]},"
                         "{\"id\":\"2\",\"email\":\"b@x\",\"sessions\":[{\"id\":\"21\"},"
                         "{\"id\":\"22\"}]}]");
    struct lk_str answer = run_tool("list_active_sessions", "{}");
    assert_str(at(answer, "count"), "1");
    assert_str(at(answer, "items"), "[{\"id\":\"11\",\"user_id\":\"1\",\"email\":\"a@x\"}]");
    assert_str(at(answer, "next_offset"), "1");
    assert_str(at(answer, "truncated/reason"), "\"result_bytes\"");
}

static void test_sessions_of_one_user(void **state)
{
    (void)state;
    fake_answers("GET /users/7/sessions", "[{\"id\":\"1\",\"created_at\":\"2026\"}]");
    assert_str(run_tool("list_active_sessions", "{\"user_id\":\"7\"}"),
               "{\"users_looked_at\":1,\"count\":1,\"items\":[{\"id\":\"1\",\"user_id\":\"7\","
               "\"created_at\":\"2026\"}]}");
    assert_contains(refuse_tool("list_active_sessions", "{\"user_id\":\"8\"}")->message,
                    "list_users");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_filter_values_mean_themselves),
        T(test_a_question),
        T(test_slow_ones_come_longest_first),
        T(test_all_content_has_no_filter_of_its_type),
        T(test_ids_that_are_no_numbers),
        T(test_it_is_not_open),
        T(test_errors_inside_a_200),
        T(test_history_is_cut_as_it_comes),
        T(test_times),
        T(test_the_owner_is_on_the_second_page),
        T(test_nobody_has_it),
        T(test_the_second_page_fails),
        T(test_ending_it_fails),
        T(test_pages_of_users),
        T(test_a_user_whose_sessions_do_not_fit_begins_the_next_page),
        T(test_sessions_of_one_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
