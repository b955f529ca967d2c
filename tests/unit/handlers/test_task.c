/*
 * Queries that take their time: how they are waited for, what each end of them means, and what
 * happens to them in Looker when the call ends first.
 */
#include "fake_looker.h"

#define ASK "{\"validate\":false,\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.a\"]"
#define TASK "GET /query_tasks/T"
#define RESULTS "GET /query_tasks/T/results"
#define KILL "DELETE /running_queries/T"
#define ROWS "[{\"v.a\":1}]"

static void task_is(const char *status)
{
    fake_answers("POST /query_tasks",
                 lk_arena_printf(fake_arena, "{\"id\":\"T\",\"status\":\"%s\"}", status).ptr);
}

static void not_yet(void)
{
    fake_script(RESULTS, 202, LK_MEDIA_JSON, "{\"status\":\"running\",\"data\":[{\"no\":1}]}");
}

static size_t count(const char *request)
{
    size_t n = 0;

    for (size_t i = 0; i < fake_n_requests; i++)
        n += strcmp(fake_requests[i], request) == 0;
    return n;
}

/* What comes with a 202 is no result, and three requests are all that it takes when it is short. */
static void test_results_are_asked_for_until_they_are_there(void **state)
{
    (void)state;
    task_is("added");
    not_yet();
    not_yet();
    fake_answers(RESULTS, ROWS);
    assert_str(run_tool("query", ASK "}"), "{\"count\":1,\"items\":[{\"v.a\":1}]}");
    assert_int_equal(count(RESULTS), 3);
    assert_int_equal(fake_n_requests, 5);
    assert_int_equal(fake_n_progress, 2);
    assert_string_equal(fake_requests[1] + strlen(fake_requests[1]) - 40,
                        "{\"query_id\":\"71\",\"result_format\":\"json\"}");
    assert_int_equal(count(KILL), 0);
}

static void test_the_wait_ends_with_a_handle(void **state)
{
    (void)state;
    task_is("added");
    not_yet();
    uint64_t begun_ms = lk_loop_now_ms(fake_loop);
    struct lk_str answer = run_tool("query", ASK ",\"max_wait_seconds\":0.3,\"share_url\":true}");
    assert_in_range(lk_loop_now_ms(fake_loop) - begun_ms, 300, 2000);
    assert_str(at(answer, "query_task_id"), "\"T\"");
    assert_str(at(answer, "status"), "\"running\"");
    assert_str(at(answer, "waited_seconds"), "0");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "how")), "get_query_result");
    assert_str(at(answer, "items"), "(absent)");
    assert_str(at(answer, "share_url"), "\"https://l/x/sl\"");
    assert_int_equal(count(KILL), 0); /* it goes on */

    /* Not at all: what is known of it is what Looker said when it began. */
    fake_n_requests = 0;
    answer = run_tool("query", ASK ",\"max_wait_seconds\":0}");
    assert_str(at(answer, "status"), "\"added\"");
    assert_int_equal(fake_n_requests, 2);
}

/* For how long: what the call says, and never so long that it would be cancelled. */
static void test_how_long(void **state)
{
    static const struct {
        const char *more;
        uint64_t query_wait_ms, call_timeout_ms, least_ms;
    } cases[] = {
        {"", 250, 0, 250},
        {"", 60000, 400, 320},
        {",\"max_wait_seconds\":0.1", 60000, 0, 100},
        {",\"max_wait_seconds\":30", 100, 400, 320},
    };

    (void)state;
    task_is("added");
    not_yet();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_context.query_wait_ms = cases[i].query_wait_ms;
        fake_context.call_timeout_ms = cases[i].call_timeout_ms;
        lk_loop_run_once(fake_loop, 0);
        uint64_t begun_ms = lk_loop_now_ms(fake_loop);
        run_tool("query", lk_arena_printf(fake_arena, ASK "%s}", cases[i].more).ptr);
        assert_in_range(lk_loop_now_ms(fake_loop) - begun_ms, cases[i].least_ms,
                        cases[i].least_ms + 1500);
    }
}

static void test_a_handle_is_redeemed(void **state)
{
    (void)state;
    fake_answers(TASK,
                 "{\"id\":\"T\",\"status\":\"running\",\"result_format\":\"csv\",\"query_id\":"
                 "\"71\",\"query\":{\"limit\":\"2\"}}");
    not_yet();
    fake_answers_text(RESULTS, "A\n1\n2\n");
    assert_str(run_tool("get_query_result", "{\"query_task_id\":\"T\"}"),
               "{\"format\":\"csv\",\"text\":\"A\\n1\\n2\\n\",\"limit_reached\":true,\"limit\":2}");
    assert_contains(fake_requests[0],
                    "fields=id%2Cstatus%2Cresult_format%2Cquery_id%2Cquery%28limit");
    assert_int_equal(fake_n_requests, 3);
    /* It may take longer yet. */
    fake_scripts[2].status = 202;
    assert_str(
        at(run_tool("get_query_result", "{\"query_task_id\":\"T\",\"max_wait_seconds\":0.1}"),
           "status"),
        "\"running\"");
    /* As little of it as its caller wants. */
    fake_answers(TASK, "{\"id\":\"T\",\"status\":\"complete\",\"result_format\":\"json\","
                       "\"query_id\":\"71\",\"query\":{\"limit\":\"500\"}}");
    struct lk_buf rows;
    lk_buf_init(&rows, 10000);
    for (int i = 0; i < 200; i++)
        lk_buf_printf(&rows, "%s{\"n\":%d,\"m\":\"not wanted\"}", i == 0 ? "[" : ",", i);
    lk_buf_char(&rows, ']');
    fake_answers(RESULTS, lk_arena_cstr(fake_arena, lk_buf_view(&rows)));
    lk_buf_free(&rows);
    struct lk_str answer = run_tool(
        "get_query_result", "{\"query_task_id\":\"T\",\"max_bytes\":1000,\"fields\":[\"n\"]}");
    assert_contains(lk_arena_cstr(fake_arena, answer), "\"items\":[{\"n\":0},{\"n\":1}");
    assert_contains(lk_arena_cstr(fake_arena, answer), "\"cursor\":");
    const struct lk_error *err = refuse_tool("get_query_result", "{\"query_task_id\":\"U\"}");
    assert_contains(err->message, "no query task with this id");
}

/* What it means depends on the branch, which is given back when the call ends. */
static void test_no_handle_in_the_dev_workspace(void **state)
{
    (void)state;
    fake_context.query_wait_ms = 50;
    fake_context.call_timeout_ms = 400;
    task_is("added");
    not_yet();
    fake_script(KILL, 204, LK_MEDIA_TEXT, "");
    for (int i = 0; i < 2; i++) {
        fake_n_requests = 0;
        lk_loop_run_once(fake_loop, 0);
        uint64_t begun_ms = lk_loop_now_ms(fake_loop);
        const struct lk_error *err =
            refuse_tool("query", i == 0 ? ASK ",\"dev_mode\":true}"
                                        : ASK ",\"dev_mode\":true,\"max_wait_seconds\":0.1}");
        assert_int_equal(err->kind, LK_ERROR_TIMEOUT);
        assert_contains(err->message, "dev workspace");
        assert_in_range(lk_loop_now_ms(fake_loop) - begun_ms, i == 0 ? 320 : 100, 1500);
        assert_int_equal(count(KILL), 1);
    }
}

/* The cursor of such a result goes on with the same result: nothing runs again. */
static void test_pages_of_what_ran_already(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 20;
    fake_answers(TASK,
                 "{\"id\":\"T\",\"status\":\"complete\",\"result_format\":\"json\",\"query_id\":"
                 "\"71\",\"query\":{\"limit\":\"-1\"}}");
    fake_answers(RESULTS, "[{\"v.a\":1},{\"v.a\":2},{\"v.a\":3}]");
    struct lk_str answer = run_tool("get_query_result", "{\"query_task_id\":\"T\"}");
    assert_str(at(answer, "items"), "[{\"v.a\":1},{\"v.a\":2}]");
    assert_str(at(answer, "limit_reached"), "(absent)");
    answer = run_tool(
        "run_query",
        lk_arena_printf(fake_arena, "{\"cursor\":%.*s}", LK_STR_ARG(at(answer, "cursor"))).ptr);
    assert_str(answer,
               "{\"query\":{\"id\":\"71\"},\"count\":1,\"items\":[{\"v.a\":3}],\"offset\":2}");
    assert_int_equal(fake_n_requests, 4);
}

static void test_how_queries_end_badly(void **state)
{
    static const struct {
        const char *status, *message;
        int results; /* the status of the request for them */
    } cases[] = {
        {"killed", "stopped in Looker", 0}, {"expired", "result no more", 0},
        {"Error", "detail says why", 400},  {"failure", "detail says why", 400},
        {"failure", "not why", 202},        {"complete", "result no more", 404},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_n_scripts = fake_n_requests = 0;
        task_is(cases[i].status);
        fake_script(RESULTS, cases[i].results, LK_MEDIA_JSON, "column z does not exist");
        if (cases[i].results == 202)
            fake_scripts[fake_n_scripts - 1].body = "{}";
        const struct lk_error *err = refuse_tool("query", ASK "}");
        assert_int_equal(err->kind, LK_ERROR_UPSTREAM);
        assert_contains(err->message, cases[i].message);
        if (cases[i].results == 400)
            assert_string_equal(err->detail, "column z does not exist");
        assert_int_equal(count(RESULTS), cases[i].results != 0);
        assert_int_equal(count(KILL), 0);
    }
    /* It may end so while it is waited for, too. */
    fake_n_scripts = fake_n_requests = 0;
    task_is("added");
    not_yet();
    fake_fails(RESULTS, 400, "Query was killed");
    assert_string_equal(refuse_tool("query", ASK "}")->detail, "Query was killed");
}

/* A moment in which Looker is not to be reached does not end the wait; a longer one says how to go
 * on. */
static void test_trouble_on_the_way(void **state)
{
    (void)state;
    task_is("added");
    not_yet();
    fake_fails(RESULTS, 503, "down");
    fake_fails(RESULTS, 502, "down");
    fake_answers(RESULTS, ROWS);
    assert_str(at(run_tool("query", ASK "}"), "count"), "1");

    fake_n_scripts = fake_n_requests = 0;
    task_is("added");
    fake_fails(RESULTS, 503, "down");
    const struct lk_error *err = refuse_tool("query", ASK "}");
    assert_int_equal(err->status, 503);
    assert_contains(err->message, "get_query_result with query_task_id T");
    assert_int_equal(count(RESULTS), 3);

    fake_n_scripts = fake_n_requests = 0;
    task_is("added");
    fake_keeps_silent(RESULTS);
    err = refuse_tool("query", ASK "}");
    assert_int_equal(err->kind, LK_ERROR_TIMEOUT);
    assert_contains(err->message, "get_query_result with query_task_id T");
    assert_int_equal(count(RESULTS), 1);
    assert_int_equal(count(KILL), 0);
}

static void test_a_task_that_may_have_begun(void **state)
{
    (void)state;
    fake_keeps_silent("POST /query_tasks");
    const struct lk_error *err = refuse_tool("query", ASK "}");
    assert_contains(err->message, "list_running_queries");
    fake_n_scripts = 0;
    fake_fails("POST /query_tasks", 422, "no");
    assert_null(strstr(refuse_tool("query", ASK "}")->message, "list_running_queries"));
    fake_n_scripts = 0;
    fake_answers("POST /query_tasks", "{\"status\":\"added\"}");
    assert_contains(refuse_tool("query", ASK "}")->message, "no id");
    fake_answers("POST /queries", "{}");
    assert_contains(refuse_tool("query", ASK "}")->message, "no id");
}

/* ---- cancelling ---- */

static bool cancel_after(uint64_t ms)
{
    struct lk_str answer;
    bool ok;

    fake_error = (struct lk_error){0};
    ok = fake_call(fake_tool("query"), ASK "}", ms, &answer);
    assert_true(ok || fake_error.kind == LK_ERROR_CANCELLED);
    return !ok;
}

static void test_cancelled_while_it_is_saved(void **state)
{
    (void)state;
    fake_delay_ms = 100;
    assert_true(cancel_after(30));
    assert_int_equal(fake_n_requests, 1);
}

/* The answer to the request is waited for, or nobody would know what to kill. */
static void test_cancelled_while_it_is_begun(void **state)
{
    (void)state;
    task_is("added");
    fake_script(KILL, 204, LK_MEDIA_TEXT, "");
    fake_delay_ms = 150;
    assert_true(cancel_after(200));
    assert_int_equal(fake_n_requests, 3);
    assert_string_equal(fake_requests[2], KILL);
}

static void test_cancelled_while_it_runs(void **state)
{
    (void)state;
    task_is("added");
    not_yet();
    fake_script(KILL, 204, LK_MEDIA_TEXT, "");
    assert_true(cancel_after(400));
    assert_int_equal(count(KILL), 1);
    assert_string_equal(fake_requests[fake_n_requests - 1], KILL);
    assert_false(fake_in_dev[fake_n_requests - 1]);
}

static void test_cancelled_while_its_rows_are_fetched(void **state)
{
    (void)state;
    fake_script("DELETE /running_queries/T-json", 204, LK_MEDIA_TEXT, "");
    fake_answers(FAKE_ROWS("json"), ROWS);
    fake_delay_ms = 100;
    assert_true(cancel_after(250));
    assert_int_equal(fake_n_requests, 3); /* it was complete: nothing runs */
    /* When nobody knew whether it was, it is killed to be sure. */
    fake_n_scripts = fake_n_requests = 0;
    task_is("added");
    fake_answers(RESULTS, ROWS);
    fake_script(KILL, 404, LK_MEDIA_JSON, "Not found");
    assert_true(cancel_after(275));
    assert_int_equal(count(KILL), 1);
}

/* Whoever waits for a result is asked by nobody else whether it is still wanted. */
static void test_cancelled_while_a_handle_is_redeemed(void **state)
{
    struct lk_str answer;

    (void)state;
    fake_answers(TASK, "{\"id\":\"T\",\"status\":\"running\",\"result_format\":\"json\"}");
    not_yet();
    fake_script(KILL, 204, LK_MEDIA_TEXT, "");
    assert_false(
        fake_call(fake_tool("get_query_result"), "{\"query_task_id\":\"T\"}", 200, &answer));
    assert_int_equal(count(KILL), 1);
}

/* Each tile its own. */
static void test_cancelled_dashboard(void **state)
{
    struct lk_str answer;

    (void)state;
    fake_answers("GET /dashboards/7",
                 "{\"id\":\"7\",\"dashboard_elements\":["
                 "{\"id\":\"1\",\"query\":{\"model\":\"m\",\"view\":\"v\"}},"
                 "{\"id\":\"2\",\"query\":{\"model\":\"m\",\"view\":\"v\"}}]}");
    task_is("added");
    fake_answers("POST /query_tasks", "{\"id\":\"U\",\"status\":\"added\"}");
    not_yet();
    fake_script("GET /query_tasks/U/results", 202, LK_MEDIA_JSON, "{}");
    fake_script(KILL, 204, LK_MEDIA_TEXT, "");
    fake_script("DELETE /running_queries/U", 204, LK_MEDIA_TEXT, "");
    assert_false(fake_call(fake_tool("run_dashboard"), "{\"dashboard_id\":\"7\"}", 300, &answer));
    assert_int_equal(count(KILL), 1);
    assert_int_equal(count("DELETE /running_queries/U"), 1);
}

/* ---- dashboards ---- */

static void test_tiles_that_take_long(void **state)
{
    (void)state;
    fake_context.query_wait_ms = 250;
    fake_context.max_parallel = 1;
    fake_answers("GET /dashboards/7",
                 "{\"id\":\"7\",\"dashboard_elements\":["
                 "{\"id\":\"1\",\"title\":\"A\",\"query\":{\"model\":\"m\",\"view\":\"v\"}},"
                 "{\"id\":\"2\",\"title\":\"B\",\"query\":{\"model\":\"m\",\"view\":\"v\"}}]}");
    task_is("added");
    not_yet();
    struct lk_str answer = run_tool("run_dashboard", "{\"dashboard_id\":\"7\"}");
    assert_str(at(answer, "running"), "1");
    assert_str(at(answer, "failed"), "1");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "how")), "get_query_result");
    assert_str(at(answer, "items/0"), "{\"id\":\"1\",\"title\":\"A\",\"kind\":\"query\","
                                      "\"query_task_id\":\"T\",\"status\":\"running\"}");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "items/1/error")), "not begun");
    assert_contains(fake_requests[2], "{\"dashboard_id\":\"7\",\"query_id\":\"71\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_results_are_asked_for_until_they_are_there),
        TEST(test_the_wait_ends_with_a_handle),
        TEST(test_how_long),
        TEST(test_a_handle_is_redeemed),
        TEST(test_no_handle_in_the_dev_workspace),
        TEST(test_pages_of_what_ran_already),
        TEST(test_how_queries_end_badly),
        TEST(test_trouble_on_the_way),
        TEST(test_a_task_that_may_have_begun),
        TEST(test_cancelled_while_it_is_saved),
        TEST(test_cancelled_while_it_is_begun),
        TEST(test_cancelled_while_it_runs),
        TEST(test_cancelled_while_its_rows_are_fetched),
        TEST(test_cancelled_while_a_handle_is_redeemed),
        TEST(test_cancelled_dashboard),
        TEST(test_tiles_that_take_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
