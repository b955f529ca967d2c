/*
 * The group render: what is asked for, how it is waited for, what may come of it.
 */
#include "fake_looker.h"

#define PNG "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
#define LOOK "{\"look_id\":\"4\",\"width\":640,\"height\":480"
#define TASK(status)                                                                               \
    "{\"id\":\"t1\",\"status\":\"" status "\",\"result_format\":\"png\",\"width\":640,"            \
    "\"height\":480,\"runtime\":2.50,\"look_id\":\"4\",\"query_id\":null}"
#define CREATE_LOOK "POST /render_tasks/looks/4/png"
#define LOOK_AT "GET /render_tasks/t1"
#define RESULTS "GET /render_tasks/t1/results"

static void answers_png(void)
{
    fake_answers_bytes(RESULTS, LK_MEDIA_PNG, PNG, sizeof(PNG) - 1);
}

static uint64_t clock_ms(void)
{
    return lk_loop_now_ms(fake_loop);
}

/* ---- to the end ---- */

static void a_picture(void **state)
{
    (void)state;
    fake_answers(CREATE_LOOK, TASK("enqueued_for_query"));
    fake_answers(LOOK_AT, TASK("querying"));
    fake_answers(LOOK_AT, TASK("success"));
    answers_png();
    assert_str(run_tool("render_look", LOOK "}"),
               "{\"render_task_id\":\"t1\",\"status\":\"success\",\"mime_type\":\"image/png\","
               "\"bytes\":16,\"result_format\":\"png\",\"width\":640,\"height\":480,"
               "\"runtime\":2.50,\"look_id\":\"4\"}");
    assert_int_equal(fake_n_requests, 4);
    assert_contains(fake_requests[0], "height=480");
    assert_contains(fake_requests[0], "width=640");
    assert_contains(fake_requests[0], "fields=id%2Cstatus%2Cstatus_detail");
    assert_contains(fake_requests[1], "fields=id%2Cstatus");
    assert_int_equal(fake_n_progress, 2);
    assert_int_equal(fake_n_contents, 1);
    assert_int_equal(fake_contents[0].kind, MCP_CONTENT_IMAGE);
    assert_str(fake_contents[0].mime_type, "image/png");
    assert_int_equal(fake_contents[0].bytes.len, 16);
    assert_memory_equal(fake_contents[0].bytes.ptr, PNG, 16);
}

static void a_document(void **state)
{
    static const char pdf[] = "%PDF-1.7\0\xff";

    (void)state;
    fake_answers("POST /render_tasks/dashboards/a%3A%3Ab/pdf",
                 "{\"id\":\"t1\",\"status\":\"success\",\"result_format\":\"pdf\"}");
    fake_answers_bytes(RESULTS, LK_MEDIA_PDF, pdf, sizeof(pdf) - 1);
    struct lk_str answer =
        run_tool("render_dashboard", "{\"dashboard_id\":\"a::b\",\"width\":1,\"height\":2}");
    assert_str(at(answer, "bytes"), "10");
    assert_str(at(answer, "result_format"), "\"pdf\"");
    assert_string_equal(fake_requests[0] + strlen(fake_requests[0]) - 2, "{}");
    assert_int_equal(fake_n_requests, 2); /* nothing to wait for, nothing to look up */
    assert_int_equal(fake_contents[0].kind, MCP_CONTENT_BLOB);
    assert_str(fake_contents[0].uri, "looker://render_tasks/t1/results.pdf");
    assert_memory_equal(fake_contents[0].bytes.ptr, pdf, 10);
}

static void a_render_that_fails(void **state)
{
    (void)state;
    fake_answers(CREATE_LOOK,
                 "{\"id\":\"t1\",\"status\":\"failure\",\"status_detail\":\"no \\\"x\\\"\"}");
    const struct lk_error *err = refuse_tool("render_look", LOOK "}");
    assert_int_equal(err->kind, LK_ERROR_UPSTREAM);
    assert_contains(err->message, "render task t1");
    assert_string_equal(err->detail, "no \"x\"");
    assert_int_equal(fake_n_requests, 1);

    fake_scripts[0].body = "{\"id\":\"t1\",\"status\":\"failure\",\"status_detail\":null}";
    assert_contains(refuse_tool("render_look", LOOK "}")->message, "does not say why");
    fake_scripts[0].body = "{\"status\":\"success\"}";
    assert_contains(refuse_tool("render_look", LOOK "}")->message, "has no id");
}

/* ---- waiting ---- */

static void what_outlasts_its_wait_can_be_fetched(void **state)
{
    uint64_t began_ms = clock_ms();

    (void)state;
    fake_answers(CREATE_LOOK, TASK("enqueued_for_query"));
    fake_answers(LOOK_AT, TASK("rendering"));
    struct lk_str answer = run_tool("render_look", LOOK ",\"max_wait_seconds\":0}");
    assert_str(at(answer, "status"), "\"rendering\"");
    assert_str(at(answer, "looker_status"), "\"enqueued_for_query\"");
    assert_str(at(answer, "render_task_id"), "\"t1\"");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "how")), "get_render");
    assert_int_equal(fake_n_requests, 1);
    assert_int_equal(fake_n_contents, 0);
    assert_in_range(clock_ms() - began_ms, 0, 200);

    /* At 250, 625, 1187 and 1400 ms. */
    began_ms = clock_ms();
    answer = run_tool("render_look", LOOK ",\"max_wait_seconds\":1.4}");
    assert_str(at(answer, "looker_status"), "\"rendering\"");
    assert_str(at(answer, "waited_seconds"), "1");
    assert_in_range(clock_ms() - began_ms, 1400, 2500);
    assert_int_equal(fake_n_requests, 1 + 1 + 4);

    fake_answers(LOOK_AT, TASK("success"));
    answers_png();
    answer = run_tool("get_render", "{\"render_task_id\":\"t1\"}");
    assert_str(at(answer, "status"), "\"success\"");
    assert_str(at(answer, "bytes"), "16");
    assert_int_equal(fake_n_contents, 1);
}

/* Or the call would be cancelled, and nobody would learn the id. */
static void waiting_ends_before_the_call_does(void **state)
{
    uint64_t began_ms = clock_ms();

    (void)state;
    fake_context.call_timeout_ms = 500;
    fake_answers(CREATE_LOOK, TASK("enqueued_for_query"));
    fake_answers(LOOK_AT, TASK("rendering"));
    assert_str(at(run_tool("render_look", LOOK "}"), "status"), "\"rendering\"");
    assert_in_range(clock_ms() - began_ms, 350, 480);
}

static void a_cancelled_call_stops_looking(void **state)
{
    struct lk_str answer = {0};
    uint64_t began_ms = clock_ms();

    (void)state;
    fake_answers(CREATE_LOOK, TASK("enqueued_for_query"));
    fake_answers(LOOK_AT, TASK("rendering"));
    assert_false(fake_call(fake_tool("render_look"), LOOK "}", 400, &answer));
    assert_int_equal(fake_error.kind, LK_ERROR_CANCELLED);
    assert_in_range(clock_ms() - began_ms, 390, 600);
    assert_int_equal(fake_n_requests, 2);
}

static void looks_that_fail(void **state)
{
    (void)state;
    fake_answers(CREATE_LOOK, TASK("enqueued_for_query"));
    fake_fails(LOOK_AT, 503, "busy");
    fake_fails(LOOK_AT, 429, "slowly");
    fake_answers(LOOK_AT, TASK("success"));
    answers_png();
    assert_str(at(run_tool("render_look", LOOK "}"), "status"), "\"success\"");

    fake_n_scripts = 1; /* what would not pass by itself */
    fake_fails(LOOK_AT, 403, "yours no more");
    const struct lk_error *err = refuse_tool("render_look", LOOK "}");
    assert_int_equal(err->status, 403);
    assert_contains(err->message, "get_render with render_task_id t1");
    assert_string_equal(err->detail, "yours no more");

    fake_n_scripts = 1; /* what does not pass */
    fake_n_requests = 0;
    fake_fails(LOOK_AT, 503, "busy");
    err = refuse_tool("render_look", LOOK "}");
    assert_int_equal(err->status, 503);
    assert_contains(err->message, "t1");
    assert_int_equal(fake_n_requests, 4);

    fake_n_scripts = 0; /* rendered, and lost on the way */
    fake_answers(CREATE_LOOK, TASK("success"));
    fake_keeps_silent(RESULTS);
    err = refuse_tool("render_look", LOOK "}");
    assert_int_equal(err->kind, LK_ERROR_TIMEOUT);
    assert_contains(err->message, "get_render with render_task_id t1");
}

/* ---- results ---- */

static void results_that_are_not_there(void **state)
{
    (void)state;
    fake_answers(CREATE_LOOK, TASK("success"));
    fake_script(RESULTS, 202, LK_MEDIA_TEXT, "");
    answers_png();
    assert_str(at(run_tool("render_look", LOOK "}"), "status"), "\"success\"");
    assert_int_equal(fake_n_requests, 3);

    fake_n_scripts = 2;
    struct lk_str answer = run_tool("render_look", LOOK ",\"max_wait_seconds\":0.3}");
    assert_str(at(answer, "status"), "\"rendering\"");
    assert_str(at(answer, "render_task_id"), "\"t1\"");

    fake_n_scripts = 1;
    fake_fails(RESULTS, 404, "Not found");
    assert_contains(refuse_tool("render_look", LOOK "}")->message, "no longer there");
    fake_n_scripts = 1;
    fake_fails(RESULTS, 403, "no");
    assert_int_equal(refuse_tool("render_look", LOOK "}")->status, 403);
}

static void results_that_are_too_large(void **state)
{
    (void)state;
    fake_answers(CREATE_LOOK, TASK("success"));
    answers_png();
    fake_context.max_render_bytes = 16;
    run_tool("render_look", LOOK "}");
    fake_context.max_render_bytes = 15;
    const struct lk_error *err = refuse_tool("render_look", LOOK "}");
    assert_int_equal(err->kind, LK_ERROR_LIMIT);
    assert_contains(err->message, "16 bytes and 15 are allowed (LOOKER_MAX_RENDER_BYTES)");
    assert_contains(err->message, "smaller width or height");
    assert_int_equal(fake_n_contents, 0);
}

static void results_that_are_something_else(void **state)
{
    static const struct {
        enum lk_media media;
        const char *bytes;
    } cases[] = {
        {LK_MEDIA_PNG, "<html>"},            /* by its bytes */
        {LK_MEDIA_PNG, "\xff\xd8\xff\xe0"},  /* another format's bytes */
        {LK_MEDIA_JPEG, "\xff\xd8\xff\xe0"}, /* another format than was asked for */
        {LK_MEDIA_PDF, "\x89PNG\r\n\x1a\n"},
        {LK_MEDIA_PNG, "\x89PN"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_n_scripts = 0;
        fake_answers(CREATE_LOOK, TASK("success"));
        fake_answers_bytes(RESULTS, cases[i].media, cases[i].bytes, strlen(cases[i].bytes));
        const struct lk_error *err = refuse_tool("render_look", LOOK "}");
        assert_int_equal(err->kind, LK_ERROR_PARSE);
        assert_contains(err->message, "render task t1 is no png");
        assert_int_equal(fake_n_contents, 0);
    }
    fake_n_scripts = 0; /* a task that does not say what it renders */
    fake_answers(LOOK_AT, "{\"id\":\"t1\",\"status\":\"success\",\"result_format\":null}");
    fake_answers_bytes(RESULTS, LK_MEDIA_JPEG, "\xff\xd8\xff\xe0", 4);
    struct lk_str answer = run_tool("get_render", "{\"render_task_id\":\"t1\"}");
    assert_str(at(answer, "mime_type"), "\"image/jpeg\"");
}

/* ---- what is asked for ---- */

#define DASHBOARD "{\"dashboard_id\":\"1\",\"width\":10,\"height\":20"
#define FILTERS                                                                                    \
    "{\"id\":\"1\",\"dashboard_filters\":[{\"name\":\"State\",\"title\":\"Where\","                \
    "\"default_value\":\"CA\"},{\"name\":\"Kind\",\"default_value\":\"not sent\"},"                \
    "{\"name\":\"Order Date\",\"default_value\":\"7 days\"}]}"

static void filters_of_a_dashboard(void **state)
{
    (void)state;
    fake_answers("GET /dashboards/1", FILTERS);
    fake_answers("POST /render_tasks/dashboards/1/png", TASK("enqueued_for_query"));
    run_tool("render_dashboard",
             DASHBOARD ",\"result_format\":\"png\",\"max_wait_seconds\":0,\"dashboard_filters\":"
                       "{\"order date\":\"\",\"where\":\"a&b=c,\\\"d+e\\\" \\u00e9/\"}}");
    assert_contains(fake_requests[1],
                    " {\"dashboard_filters\":\"State=a%26b%3Dc%2C%22d%2Be%22%20%C3%A9%2F"
                    "&Order%20Date=\"}");
    fake_n_requests = 0;
    const struct lk_error *err =
        refuse_tool("render_dashboard", DASHBOARD ",\"dashboard_filters\":{\"Stat\":\"x\"}}");
    assert_int_equal(err->kind, LK_ERROR_ARGUMENT);
    assert_contains(err->message, "no filter \"Stat\"; its filters: State, Kind, Order Date");
    assert_int_equal(fake_n_requests, 1);

    fake_n_scripts = 0;
    assert_contains(
        refuse_tool("render_dashboard", DASHBOARD ",\"dashboard_filters\":{\"State\":\"x\"}}")
            ->message,
        "no dashboard with this id");
}

static void how_a_dashboard_looks(void **state)
{
    (void)state;
    fake_answers("POST /render_tasks/dashboards/1/pdf", TASK("enqueued_for_query"));
    run_tool("render_dashboard",
             DASHBOARD ",\"max_wait_seconds\":0,\"dashboard_filters\":{},\"theme\":\"My & Co\","
                       "\"long_tables\":false,\"pdf_paper_size\":\"a3\",\"pdf_landscape\":true,"
                       "\"dashboard_style\":\"tiled\",\"tab_ids\":[\"1\",2]}");
    assert_int_equal(fake_n_requests, 1);
    assert_contains(fake_requests[0], "theme=My%20%26%20Co");
    assert_contains(fake_requests[0], "long_tables=false");
    assert_contains(fake_requests[0], "pdf_paper_size=a3");
    assert_contains(fake_requests[0], "pdf_landscape=true");
    assert_contains(fake_requests[0], " {\"dashboard_style\":\"tiled\",\"tab_ids\":[\"1\",\"2\"]}");

    assert_contains(refuse_tool("render_dashboard",
                                DASHBOARD ",\"result_format\":\"jpg\",\"pdf_landscape\":true}")
                        ->message,
                    "pdf_landscape goes with result_format pdf only");
    assert_contains(refuse_tool("render_dashboard",
                                DASHBOARD ",\"result_format\":\"png\",\"pdf_paper_size\":\"a4\"}")
                        ->message,
                    "pdf_paper_size goes with");
    assert_int_equal(fake_n_requests, 1);
}

static void arguments_that_are_wrong(void **state)
{
    static const char *const cases[][2] = {
        {"{\"look_id\":\"4\",\"width\":0,\"height\":480}", "width"},
        {"{\"look_id\":\"4\",\"width\":640,\"height\":10001}", "height"},
        {LOOK ",\"result_format\":\"pdf\"}", "result_format"},
        {LOOK ",\"max_wait_seconds\":-1}", "max_wait_seconds"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_contains(refuse_tool("render_look", cases[i][0])->message, cases[i][1]);
    assert_int_equal(fake_n_requests, 0);
}

static void things_that_do_not_exist(void **state)
{
    (void)state;
    assert_contains(refuse_tool("render_look", LOOK "}")->message, "search_content");
    assert_contains(refuse_tool("render_dashboard_tile",
                                "{\"dashboard_element_id\":\"m::d::e\",\"width\":1,\"height\":1}")
                        ->message,
                    "run_dashboard shows the tiles");
    assert_contains(fake_requests[1], "/render_tasks/dashboard_elements/m%3A%3Ad%3A%3Ae/png?");
    assert_contains(refuse_tool("render_dashboard", DASHBOARD "}")->message, "search_content");
    assert_contains(refuse_tool("get_render", "{\"render_task_id\":\"t1\"}")->message,
                    "no render task with this id");
    /* A task that is gone says nothing of the Look. */
    fake_answers(CREATE_LOOK, TASK("enqueued_for_query"));
    const struct lk_error *err = refuse_tool("render_look", LOOK "}");
    assert_int_equal(err->status, 404);
    assert_null(strstr(err->message, "no Look"));
    assert_contains(err->message, "t1");
}

/* ---- queries ---- */

#define QUERY                                                                                      \
    "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.a\"],\"width\":10,\"height\":20,"             \
    "\"validate\":false"

static void a_query_is_saved_and_rendered(void **state)
{
    (void)state;
    fake_context.max_rows = 100;
    fake_answers("POST /queries", "{\"id\":\"17\"}");
    fake_answers("POST /render_tasks/queries/17/jpg", TASK("enqueued_for_query"));
    run_tool("render_query", QUERY ",\"result_format\":\"jpg\",\"max_wait_seconds\":0,"
                                   "\"vis_config\":{\"type\":\"looker_pie\",\"x\":[1.5]},"
                                   "\"filters\":{\"v.a\":\"x\"}}");
    assert_string_equal(fake_requests[0],
                        "POST /queries?fields=id {\"fields\":[\"v.a\"],\"filters\":{\"v.a\":\"x\"},"
                        "\"limit\":\"100\",\"model\":\"m\",\"view\":\"v\",\"vis_config\":"
                        "{\"type\":\"looker_pie\",\"x\":[1.5]}}");
    assert_contains(fake_requests[1], "width=10");

    fake_answers("POST /queries", "{}");
    assert_contains(refuse_tool("render_query", QUERY "}")->message, "has no id");
    fake_n_requests = 0;
    assert_contains(refuse_tool("render_query", QUERY ",\"dynamic_fields\":\"{}\"}")->message,
                    "dynamic_fields");
    assert_int_equal(fake_n_requests, 0);
}

/* Before a minute of rendering shows that a name was misspelt. */
static void names_of_fields_are_checked(void **state)
{
    (void)state;
    fake_answers("GET /lookml_models/m/explores/v",
                 "{\"fields\":{\"dimensions\":[{\"name\":\"v.ab\"}],\"measures\":[]}}");
    const struct lk_error *err =
        refuse_tool("render_query", "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.a\"],"
                                    "\"width\":10,\"height\":20}");
    assert_int_equal(err->kind, LK_ERROR_ARGUMENT);
    assert_contains(err->message, "v.ab");
    assert_int_equal(fake_n_requests, 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_picture),
        TEST(a_document),
        TEST(a_render_that_fails),
        TEST(what_outlasts_its_wait_can_be_fetched),
        TEST(waiting_ends_before_the_call_does),
        TEST(a_cancelled_call_stops_looking),
        TEST(looks_that_fail),
        TEST(results_that_are_not_there),
        TEST(results_that_are_too_large),
        TEST(results_that_are_something_else),
        TEST(filters_of_a_dashboard),
        TEST(how_a_dashboard_looks),
        TEST(arguments_that_are_wrong),
        TEST(things_that_do_not_exist),
        TEST(a_query_is_saved_and_rendered),
        TEST(names_of_fields_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
