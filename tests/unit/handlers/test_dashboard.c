/*
 * run_dashboard: tiles of every kind, filters, failures, room, concurrency, cancelling.
 */
#include "fake_looker.h"

#define QUERY(extra)                                                                               \
    "\"query\":{\"id\":\"1\",\"client_id\":\"c\",\"model\":\"m\",\"view\":\"v\","                  \
    "\"fields\":[\"v.a\"]" extra "}"
#define LISTENS                                                                                    \
    "\"result_maker\":{\"filterables\":[{\"listen\":[{\"dashboard_filter_name\":\"State\","        \
    "\"field\":\"v.st\"},{\"dashboard_filter_name\":\"Day\",\"field\":\"v.day\"}]}]}"
#define FILTERS                                                                                    \
    "\"dashboard_filters\":[{\"name\":\"State\",\"title\":\"US State\",\"default_value\":\"CA\"}," \
    "{\"name\":\"Day\",\"title\":\"Day\",\"default_value\":null}]"
#define ROWS FAKE_ROWS("json")

static void dashboard(const char *elements)
{
    fake_answers("GET /dashboards/7",
                 lk_arena_printf(fake_arena,
                                 "{\"id\":\"7\",\"title\":\"D\",\"x\":1," FILTERS
                                 ",\"dashboard_elements\":[%s]}",
                                 elements)
                     .ptr);
}

static void test_query_tile_with_filters(void **state)
{
    (void)state;
    dashboard("{\"id\":\"1\",\"title\":\"T\",\"type\":\"vis\"," LISTENS "," QUERY(
        ",\"filters\":{\"v.st\":\"TX\",\"v.day\":\"1 day\",\"v.z\":\"9\"},"
        "\"filter_config\":{\"a\":1},\"vis_config\":{\"b\":1},\"limit\":\"20\"") "}");
    fake_answers(ROWS, "[{\"v.a\":1}]");
    assert_str(run_tool("run_dashboard", "{\"dashboard_id\":\"7\"}"),
               "{\"dashboard\":{\"id\":\"7\",\"title\":\"D\"},\"filters\":[{\"name\":\"State\","
               "\"title\":\"US State\",\"value\":\"CA\",\"source\":\"default\"}],\"count\":1,"
               "\"failed\":0,\"items\":[{\"id\":\"1\",\"title\":\"T\",\"kind\":\"query\","
               "\"count\":1,\"items\":[{\"v.a\":1}]}]}");
    /* The default replaces the tile's own; a filter without a value leaves it alone. */
    assert_contains(fake_requests[1],
                    " {\"fields\":[\"v.a\"],\"filters\":{\"v.day\":\"1 day\",\"v.z\":\"9\","
                    "\"v.st\":\"CA\"},\"limit\":\"20\",\"model\":\"m\",\"view\":\"v\"}");

    /* By title, in any case; an empty value lifts. */
    run_tool("run_dashboard", "{\"dashboard_id\":\"7\",\"limit\":5,\"filters\":{\"us state\":"
                              "\"\\\"a, b\\\"\",\"Day\":\"\"}}");
    assert_contains(fake_requests[5],
                    "\"filters\":{\"v.z\":\"9\",\"v.st\":\"\\\"a, b\\\"\",\"v.day\":\"\"},"
                    "\"limit\":\"5\"");
}

static void test_required_filters(void **state)
{
    (void)state;
    fake_answers("GET /dashboards/7",
                 "{\"id\":\"7\",\"dashboard_filters\":[{\"name\":\"Day\",\"required\":true,"
                 "\"default_value\":\"\"},{\"name\":\"State\",\"required\":true,\"default_value\":"
                 "\"CA\"}],\"dashboard_elements\":[{\"id\":\"1\",\"title\":\"T\"," QUERY("") "}]}");
    fake_answers(ROWS, "[]");
    const struct lk_error *err = refuse_tool("run_dashboard", "{\"dashboard_id\":\"7\"}");
    assert_int_equal(err->kind, LK_ERROR_ARGUMENT);
    assert_contains(err->message, "needs a value for \"Day\"");
    assert_int_equal(fake_n_requests, 1);
    run_tool("run_dashboard", "{\"dashboard_id\":\"7\",\"filters\":{\"Day\":\"7 days\"}}");
    assert_int_equal(fake_n_requests, 5);
    /* Nor may it be lifted. */
    err = refuse_tool("run_dashboard", "{\"dashboard_id\":\"7\",\"filters\":{\"Day\":\"7 days\","
                                       "\"State\":\"\"}}");
    assert_contains(err->message, "needs a value for \"State\"");
}

static void test_time_zone(void **state)
{
    static const struct {
        const char *dashboard, *sent;
    } cases[] = {
        {"Europe/Berlin", "\"query_timezone\":\"Europe/Berlin\""},
        {"UTC", "\"query_timezone\":\"UTC\""},
        {"query_saved_timezone", "\"query_timezone\":\"Asia/Tokyo\""},
        {"", "\"query_timezone\":\"Asia/Tokyo\""},
    };

    (void)state;
    fake_answers(ROWS, "[]");
    for (size_t i = 0; i < 4; i++) {
        fake_answers("GET /dashboards/7",
                     lk_arena_printf(fake_arena,
                                     "{\"id\":\"7\",\"query_timezone\":\"%s\","
                                     "\"dashboard_elements\":[{\"id\":\"1\"," QUERY(
                                         ",\"query_timezone\":\"Asia/Tokyo\"") "}]}",
                                     cases[i].dashboard)
                         .ptr);
        run_tool("run_dashboard", "{\"dashboard_id\":\"7\"}");
        assert_contains(fake_requests[fake_n_requests - 3], cases[i].sent);
    }
}

/* What has no name is not the filter that has no title. */
static void test_filters_without_a_name(void **state)
{
    (void)state;
    fake_answers(
        "GET /dashboards/7",
        "{\"id\":\"7\",\"dashboard_filters\":[{\"name\":\"State\",\"title\":\"\","
        "\"default_value\":\"CA\"}],\"dashboard_elements\":[{\"id\":\"1\",\"title\":\"T\","
        "\"result_maker\":{\"filterables\":[{\"listen\":[{\"field\":\"v.x\"}]}]}," QUERY("") "}]}");
    fake_answers(ROWS, "[]");
    run_tool("run_dashboard", "{\"dashboard_id\":\"7\"}");
    assert_null(strstr(fake_requests[1], "v.x"));
    assert_contains(
        refuse_tool("run_dashboard", "{\"dashboard_id\":\"7\",\"filters\":{\"\":\"NY\"}}")->message,
        "no filter \"\"");
}

static void test_too_large_filters_are_not_sent(void **state)
{
    char *value = malloc(800000);

    (void)state;
    memset(value, 'x', 799999);
    value[799999] = '\0';
    dashboard("{\"id\":\"1\",\"title\":\"T\",\"type\":\"vis\"," LISTENS "," QUERY("") "}");
    struct lk_str answer = run_tool(
        "run_dashboard", lk_arena_printf(fake_arena,
                                         "{\"dashboard_id\":\"7\",\"filters\":{\"State\":\"%s\","
                                         "\"Day\":\"%s\"}}",
                                         value, value)
                             .ptr);
    free(value);
    assert_str(at(answer, "failed"), "1");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "items/0/error")),
                    "larger than 1048576 bytes");
    assert_int_equal(fake_n_requests, 1);
}

/* Looker looks dashboards up by id only; its search takes slugs, as patterns. */
static void test_by_slug(void **state)
{
    (void)state;
    dashboard("");
    fake_answers("GET /dashboards/search",
                 "[{\"id\":\"6\",\"slug\":\"aXb\"},{\"id\":\"7\",\"slug\":\"a_b\"}]");
    assert_str(at(run_tool("run_dashboard", "{\"dashboard_id\":\"a_b\"}"), "dashboard/id"),
               "\"7\"");
    assert_contains(fake_requests[1], "slug=a_b");
    assert_contains(refuse_tool("run_dashboard", "{\"dashboard_id\":\"a%b\"}")->message,
                    "no dashboard");
    /* A search that failed has not found that there is none. */
    fake_fails("GET /dashboards/search", 500, "down");
    const struct lk_error *err = refuse_tool("run_dashboard", "{\"dashboard_id\":\"c\"}");
    assert_int_equal(err->status, 500);
    assert_null(strstr(err->message, "no dashboard"));
    /* LookML dashboards have no slug. */
    fake_n_requests = 0;
    refuse_tool("run_dashboard", "{\"dashboard_id\":\"m::d\"}");
    assert_int_equal(fake_n_requests, 1);
}

static void test_refused_credentials_are_not_a_missing_dashboard(void **state)
{
    (void)state;
    fake_refuses("GET /dashboards/7", 404);
    const struct lk_error *err = refuse_tool("run_dashboard", "{\"dashboard_id\":\"7\"}");
    assert_int_equal(err->kind, LK_ERROR_AUTH);
    assert_string_equal(err->message, "Looker refused the credentials");
    assert_int_equal(fake_n_requests, 1); /* and no slug is looked for */
}

static void test_unknown_names_are_refused(void **state)
{
    (void)state;
    dashboard("{\"id\":\"1\",\"title\":\"T\"," QUERY("") "}");
    const struct lk_error *err =
        refuse_tool("run_dashboard", "{\"dashboard_id\":\"7\",\"filters\":{\"Stat\":\"CA\"}}");
    assert_int_equal(err->kind, LK_ERROR_ARGUMENT);
    assert_contains(err->message, "no filter \"Stat\"; its filters: State, Day");
    err = refuse_tool("run_dashboard", "{\"dashboard_id\":\"7\",\"tiles\":[\"t\",\"x\"]}");
    assert_contains(err->message, "\"x\"");
    assert_int_equal(fake_n_requests, 2);
    assert_contains(refuse_tool("run_dashboard", "{\"dashboard_id\":\"8\"}")->message,
                    "no dashboard");
}

static void test_every_kind(void **state)
{
    (void)state;
    dashboard(
        "{\"id\":\"1\",\"type\":\"text\",\"title_text\":\"Hi\",\"body_text\":\"there\"},"
        "{\"id\":\"2\",\"look\":{\"id\":\"5\",\"title\":\"L\"," QUERY(
            "") "}},"
                "{\"id\":\"3\",\"title\":\"S\",\"result_maker\":{\"sql_query_id\":\"slug\"}},"
                "{\"id\":\"4\",\"title\":\"M\",\"merge_result_id\":\"mm\",\"result_maker\":{"
                "\"filterables\":[{\"name\":\"second\",\"listen\":[{\"dashboard_filter_name\":"
                "\"State\",\"field\":\"v.st\"}]}]}},"
                "{\"id\":\"5\",\"type\":\"button\"},"
                "{\"id\":\"6\",\"title\":\"ById\",\"query_id\":\"77\"},"
                "{\"id\":\"7\",\"title\":\"ByLook\",\"look_id\":\"88\"},"
                "{\"id\":\"8\",\"title\":\"Maker\",\"result_maker\":{" QUERY(
                    "") "}},"
                        "{\"id\":\"9\",\"merge_result_id\":\"nn\",\"result_maker\":{"
                        "\"filterables\":["
                        "{\"listen\":[]},{\"listen\":[{\"dashboard_filter_name\":\"State\","
                        "\"field\":"
                        "\"v.st\"}]}]}}");
    fake_answers("GET /merge_queries/nn",
                 "{\"source_queries\":[{\"query_id\":\"10\"},{\"query_slug\":\"sl\"}]}");
    fake_answers(ROWS, "[{\"v.a\":1}]");
    fake_answers("POST /sql_queries/slug/run/json", "[{\"x\":1}]");
    fake_answers(
        "GET /merge_queries/mm",
        "{\"source_queries\":[{\"name\":\"first\",\"query_id\":\"10\"},{\"name\":\"second\","
        "\"query_slug\":\"sl\",\"merge_fields\":[{\"field_name\":\"a\","
        "\"source_field_name\":\"v.a\"}]}]}");
    fake_answers("GET /queries/10", "{\"model\":\"m\",\"view\":\"ten\"}");
    fake_answers("GET /queries/slug/sl", "{\"model\":\"m\",\"view\":\"slug\"}");
    fake_answers("GET /queries/77", "{\"model\":\"m\",\"view\":\"v\"}");
    fake_answers("GET /looks/88", "{\"id\":\"88\"," QUERY("") "}");
    struct lk_str answer = run_tool("run_dashboard", "{\"dashboard_id\":\"7\"}");
    assert_str(at(answer, "failed"), "0");
    assert_str(at(answer, "items/0"),
               "{\"id\":\"1\",\"title\":\"Hi\",\"kind\":\"text\",\"text\":\"there\"}");
    assert_str(at(answer, "items/1/title"), "\"L\"");
    assert_str(at(answer, "items/1/kind"), "\"look\"");
    assert_str(at(answer, "items/2"), "{\"id\":\"3\",\"title\":\"S\",\"kind\":\"sql\",\"count\":1,"
                                      "\"items\":[{\"x\":1}]}");
    assert_str(at(answer, "items/3/kind"), "\"merged\"");
    assert_str(at(answer, "items/3/members/0/count"), "1");
    assert_str(at(answer, "items/3/members/1/merge_fields"),
               "[{\"field_name\":\"a\",\"source_field_name\":\"v.a\"}]");
    assert_str(at(answer, "items/4"),
               "{\"id\":\"5\",\"title\":\"\",\"kind\":\"other\",\"type\":\"button\"}");
    for (int i = 5; i < 8; i++) {
        char path[40];
        snprintf(path, sizeof(path), "items/%d/count", i);
        assert_str(at(answer, path), "1");
    }
    assert_str(at(answer, "items/8/members/1/count"), "1");
    /* Of the members, the one that listens is filtered: by name, or by place without one. */
    for (size_t i = 0; i < fake_n_requests; i++) {
        if (strstr(fake_requests[i], "\"view\":\"slug\"") != NULL)
            assert_contains(fake_requests[i], "\"filters\":{\"v.st\":\"CA\"}");
    }
}

static void test_sql_tiles_obey_the_limit(void **state)
{
    (void)state;
    dashboard("{\"id\":\"3\",\"title\":\"S\",\"result_maker\":{\"sql_query_id\":\"slug\"}}");
    fake_answers("POST /sql_queries/slug/run/json", "\n[{\"x\":1}, {\"x\":2},{\"x\":3}]");
    struct lk_str answer = run_tool("run_dashboard", "{\"dashboard_id\":\"7\",\"limit\":2}");
    assert_str(at(answer, "items/0"),
               "{\"id\":\"3\",\"title\":\"S\",\"kind\":\"sql\",\"count\":2,\"items\":["
               "{\"x\":1},{\"x\":2}],\"limit_reached\":true,\"limit\":2}");
}

/* SQL has no limit of its own: no more is read than goes into the answer, or than counts. */
static void test_sql_tiles_are_cut_as_they_come(void **state)
{
    (void)state;
    dashboard("{\"id\":\"3\",\"title\":\"S\",\"result_maker\":{\"sql_query_id\":\"slug\"}}");
    fake_answers_list("POST /sql_queries/slug/run/json", "{\"x\":1234567890}", 600000);
    struct lk_str answer = run_tool("run_dashboard", "{\"dashboard_id\":\"7\",\"limit\":3}");
    assert_str(at(answer, "items/0/count"), "3");
    assert_str(at(answer, "items/0/truncated"), "(absent)");
    assert_int_equal(fake_n_poured, 60000);
    fake_context.max_rows = 1000000;
    fake_context.max_result_bytes = 1000;
    answer = run_tool("run_dashboard", "{\"dashboard_id\":\"7\",\"limit\":500000}");
    assert_str(at(answer, "items/0/truncated/total"), "(absent)");
    int64_t at_least = 0;
    assert_true(lk_json_integer(at(answer, "items/0/truncated/total_at_least"), &at_least));
    assert_in_range(at_least, 100000, 400000);
    assert_in_range(fake_n_poured, 4000000, 4600000);
}

static void test_failures_stay_with_their_tile(void **state)
{
    (void)state;
    dashboard("{\"id\":\"1\",\"title\":\"A\"," QUERY(
        "") "},"
            "{\"id\":\"2\",\"title\":\"B\",\"query_id\":\"99\"},"
            "{\"id\":\"3\",\"title\":\"C\"," QUERY("") "},"
                                                       "{\"id\":\"4\",\"title\":\"E\",\"query\":7},"
                                                       "{\"id\":\"5\",\"title\":\"F\"," QUERY(
                                                           "") "}");
    fake_answers(ROWS, "[{\"looker_error\":\"boom\"}]");
    fake_fails(ROWS, 500, "down");
    fake_answers(ROWS, "[]");
    struct lk_str answer = run_tool("run_dashboard", "{\"dashboard_id\":\"7\"}");
    assert_str(at(answer, "count"), "5");
    assert_str(at(answer, "failed"), "4");
    assert_str(at(answer, "items/0/detail"), "\"boom\"");
    assert_str(at(answer, "items/1/status"), "404");
    assert_str(at(answer, "items/2/status"), "500");
    assert_str(at(answer, "items/3/title"), "\"E\"");
    assert_str(at(answer, "items/4"),
               "{\"id\":\"5\",\"title\":\"F\",\"kind\":\"query\",\"count\":0,\"items\":[]}");
}

static void test_tiles_share_the_room(void **state)
{
    struct lk_buf big;

    (void)state;
    lk_buf_init(&big, 100000);
    for (int i = 0; i < 500; i++)
        lk_buf_printf(&big, "%s{\"v.a\":\"%d\"}", i > 0 ? "," : "[", i);
    lk_buf_char(&big, ']');
    dashboard("{\"id\":\"1\",\"title\":\"A\"," QUERY(
        "") "},"
            "{\"id\":\"2\",\"title\":\"B\"," QUERY("") "},"
                                                       "{\"id\":\"3\",\"title\":\"C\"," QUERY(
                                                           "") "}");
    fake_answers(ROWS, big.ptr);
    fake_answers(ROWS, lk_arena_printf(fake_arena, "[{\"v.a\":\"%0900d\"}]", 0).ptr);
    fake_answers(ROWS, big.ptr);
    fake_context.max_result_bytes = 4000;
    struct lk_str answer = run_tool("run_dashboard", "{\"dashboard_id\":\"7\",\"limit\":1000}");
    int64_t a = 0, c = 0;
    assert_true(lk_json_integer(at(answer, "items/0/count"), &a));
    assert_true(lk_json_integer(at(answer, "items/2/count"), &c));
    assert_str(at(answer, "items/1/count"), "1");
    assert_int_equal(a, c);
    /* What the small one leaves goes to the others: 4000 - 3 * 250 - 911, halved, at 13 a row. */
    assert_in_range(a, 85, 95);
    assert_str(at(answer, "items/0/truncated/total"), "500");
    /* With what this tool has: it has no result_format. */
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "items/0/truncated/how")), "tiles");
    assert_null(strstr(lk_arena_cstr(fake_arena, at(answer, "items/0/truncated/how")), "csv"));
    assert_in_range(answer.len, 3000, 4700);
    lk_buf_free(&big);
}

static void many_tiles(int n)
{
    struct lk_buf buf;

    lk_buf_init(&buf, 100000);
    for (int i = 0; i < n; i++)
        lk_buf_printf(&buf, "%s{\"id\":\"%d\",\"title\":\"T%d\"," QUERY("") "}", i > 0 ? "," : "",
                      i, i);
    dashboard(buf.ptr);
    fake_answers(ROWS, "[]");
    lk_buf_free(&buf);
}

static void test_tiles_run_at_once_within_a_bound(void **state)
{
    (void)state;
    many_tiles(20);
    fake_delay_ms = 20;
    fake_context.max_parallel = 5;
    struct lk_str answer = run_tool("run_dashboard", "{\"dashboard_id\":\"7\"}");
    assert_int_equal(fake_most_in_flight, 5);
    assert_int_equal(fake_n_requests, 1 + 20 * 3);
    assert_str(at(answer, "items/19/title"), "\"T19\"");
    assert_int_equal((int)fake_progress, 20);

    answer = run_tool("run_dashboard", "{\"dashboard_id\":\"7\",\"tiles\":[\"t3\",\"11\"]}");
    assert_str(at(answer, "count"), "2");
    assert_str(at(answer, "items/1/title"), "\"T11\"");
}

/* Cancelled in the middle of slow calls: none is waited for, and none begins. */
static void test_cancelling_stops_all_tiles(void **state)
{
    struct lk_str answer;

    (void)state;
    many_tiles(30);
    fake_delay_ms = 300;
    fake_context.max_parallel = 4;
    lk_loop_run_once(fake_loop, 0);
    uint64_t begun_ms = lk_loop_now_ms(fake_loop);
    assert_false(fake_call(fake_tool("run_dashboard"), "{\"dashboard_id\":\"7\"}", 350, &answer));
    assert_int_equal(fake_error.kind, LK_ERROR_CANCELLED);
    assert_int_equal(fake_n_requests, 5);
    assert_int_equal(fake_in_flight, 0);
    assert_in_range(lk_loop_now_ms(fake_loop) - begun_ms, 300, 550);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_query_tile_with_filters),
        TEST(test_required_filters),
        TEST(test_time_zone),
        TEST(test_filters_without_a_name),
        TEST(test_too_large_filters_are_not_sent),
        TEST(test_by_slug),
        TEST(test_refused_credentials_are_not_a_missing_dashboard),
        TEST(test_unknown_names_are_refused),
        TEST(test_every_kind),
        TEST(test_sql_tiles_obey_the_limit),
        TEST(test_sql_tiles_are_cut_as_they_come),
        TEST(test_failures_stay_with_their_tile),
        TEST(test_tiles_share_the_room),
        TEST(test_tiles_run_at_once_within_a_bound),
        TEST(test_cancelling_stops_all_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
