/*
 * Names of a query against those of its explore: what is held back, what never is, what is
 * remembered; and what an error says of models and explores that do not exist.
 */
#include "fake_looker.h"

#include "handlers/query/known.h"
#include "handlers/query/similar.h"

#define EXPLORE "GET /lookml_models/m/explores/v"
#define ROWS FAKE_ROWS("json")
#define RUN 3 /* requests that it takes to run a query */
#define ASK(more) "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.status\",\"v.count\"]" more "}"
#define FIELDS                                                                                     \
    "{\"project_name\":\"shop\",\"fields\":{\"dimensions\":[{\"name\":\"v.status\"},"              \
    "{\"name\":\"v.created_date\"},"                                                               \
    "{\"name\":\"u.state\"},{\"name\":\"v.traffic_source\"}],\"measures\":[{\"name\":\"v.count\"}" \
    "],\"filters\":[{\"name\":\"v.date_range\"}],\"parameters\":[{\"name\":\"v.timeframe\"}]},"    \
    "\"aliases\":[{\"name\":\"v.old_status\",\"value\":\"v.status\"}]}"

static void known_names(void)
{
    fake_answers(EXPLORE, FIELDS);
    fake_answers(ROWS, "[]");
}

static void test_what_is_there_is_asked(void **state)
{
    (void)state;
    known_names();
    run_tool("query", ASK(",\"filters\":{\"v.date_range\":\"7 days\",\"v.timeframe\":\"day\","
                          "\"u.state\":\"CA\",\"v.count\":\">1\"},\"sorts\":[\"v.count desc 1\","
                          "\" v.status asc\"],\"pivots\":[\"v.status\"],\"fill_fields\":["
                          "\"v.created_date\"],\"subtotals\":[\"v.old_status\"]"));
    assert_int_equal(fake_n_requests, 1 + RUN);
    assert_contains(fake_requests[0],
                    "fields=project_name%2Cfields%28dimensions%28name%29%2Cmeasures%28");
    assert_contains(fake_requests[1], "POST /queries?");
    /* Nothing is remembered without a memory. */
    run_tool("query", ASK(""));
    assert_int_equal(fake_n_requests, 2 * (1 + RUN));
}

static void test_a_name_without_end_is_not_compared(void **state)
{
    char name[5001];
    const char *text;
    const struct lk_str contained = LK_STR("v.status");

    (void)state;
    memset(name, 's', 5000);
    memcpy(name, "v.status", 8);
    name[5000] = '\0';
    assert_int_equal(lk_similar(fake_arena, lk_str(name), &contained, 1).n, 0);
    known_names();
    text = lk_arena_printf(fake_arena, "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"%s\"]}", name)
               .ptr;
    assert_contains(refuse_tool("query", text)->message, "ssss...\" (fields)");
}

static void test_what_is_not_there_is_not(void **state)
{
    static const struct {
        const char *arguments, *said;
    } cases[] = {
        {ASK(",\"filters\":{\"v.statuss\":\"x\"}"),
         "\"v.statuss\" (filters; did you mean \"v.status\"?)"},
        {ASK(",\"sorts\":[\"v.coutn desc\"]"), "\"v.coutn\" (sorts; did you mean \"v.count\"?)"},
        {ASK(",\"pivots\":[\"u.status\"]"), "\"u.status\" (pivots; did you mean \"v.status\""},
        {ASK(",\"fill_fields\":[\"v.created\"]"), "(fill_fields; did you mean \"v.created_date\""},
        {ASK(",\"subtotals\":[\"state\"]"), "\"state\" (subtotals; did you mean \"u.state\""},
        {"{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.nonsense\",\"V Traffic Source\"]}",
         "\"v.nonsense\" (fields), \"V Traffic Source\" (fields; did you mean "
         "\"v.traffic_source\""},
        {"{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"V.Status\"]}", "did you mean \"v.status\""},
    };

    (void)state;
    known_names();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static const char *const tools[] = {"query", "query_sql", "query_url"};
        for (size_t t = 0; t < 3; t++) {
            fake_n_requests = 0;
            const struct lk_error *err = refuse_tool(tools[t], cases[i].arguments);
            assert_int_equal(err->kind, LK_ERROR_ARGUMENT);
            assert_contains(err->message, "the explore m::v has no field ");
            assert_contains(err->message, cases[i].said);
            assert_contains(err->message, "list_dimensions");
            assert_contains(err->message, "validate: false");
            assert_int_equal(fake_n_requests, 1);
        }
    }
}

static void test_many_wrong_names_are_counted(void **state)
{
    (void)state;
    known_names();
    const struct lk_error *err = refuse_tool(
        "query",
        "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]}");
    assert_contains(err->message, "\"d\" (fields) and 2 more");
}

static void test_unless_told_not_to(void **state)
{
    (void)state;
    fake_answers(ROWS, "[]");
    run_tool("query", ASK(",\"validate\":false,\"pivots\":[\"v.no\"]"));
    assert_int_equal(fake_n_requests, RUN);
}

/* Looker knows custom fields in several forms. */
static void test_dynamic_fields_count(void **state)
{
    (void)state;
    known_names();
    run_tool("query",
             "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"share\",\"big\",\"bin\"],\"sorts\":["
             "\"share desc\"],\"dynamic_fields\":\"[{\\\"table_calculation\\\":\\\"share\\\"},"
             "{\\\"measure\\\":\\\"big\\\",\\\"filters\\\":{\\\"a\\\":\\\"b\\\"}},"
             "{\\\"dimension\\\":\\\"bin\\\"},7]\"}");
    /* No name of the explore is left to ask for. */
    assert_int_equal(fake_n_requests, RUN);
    assert_contains(refuse_tool("query", "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"shar\"],"
                                         "\"dynamic_fields\":\"[{\\\"table_calculation\\\":"
                                         "\\\"share\\\"}]\"}")
                        ->message,
                    "\"shar\" (fields)");
}

/* What cannot be judged is Looker's to judge. */
static void test_an_explore_that_cannot_be_read(void **state)
{
    static const int statuses[] = {403, 404, 429, 500};

    (void)state;
    fake_answers(ROWS, "[]");
    for (size_t i = 0; i < 4; i++) {
        fake_fails(EXPLORE, statuses[i], "no");
        run_tool("query", ASK(""));
        fake_scripts[1].used = true;
        assert_contains(fake_requests[fake_n_requests - 1], ROWS);
    }
    assert_int_equal(fake_n_requests, 4 * (1 + RUN));
    fake_answers(EXPLORE, "{\"fields\":null}");
    run_tool("query", ASK(""));
    fake_answers(EXPLORE, "[]");
    run_tool("query", ASK(""));
    assert_int_equal(fake_n_requests, 6 * (1 + RUN));
}

static void test_cancelled_while_it_is_read(void **state)
{
    struct lk_str answer;

    (void)state;
    known_names();
    fake_delay_ms = 300;
    assert_false(fake_call(fake_tool("query"), ASK(""), 50, &answer));
    assert_int_equal(fake_error.kind, LK_ERROR_CANCELLED);
    assert_int_equal(fake_n_requests, 1);
}

/* ---- remembering ---- */

static void test_names_are_remembered(void **state)
{
    (void)state;
    known_names();
    fake_context.known = lk_known_new();
    run_tool("query", ASK(""));
    run_tool("query", ASK(",\"sorts\":[\"v.traffic_source\"]"));
    assert_int_equal(fake_n_requests, 1 + 2 * RUN);
    /* Not for another explore, nor for the dev workspace. */
    fake_answers("GET /lookml_models/m/explores/w", FIELDS);
    run_tool("query", "{\"model\":\"m\",\"view\":\"w\",\"fields\":[\"v.count\"]}");
    run_tool("query", ASK(",\"dev_mode\":true"));
    assert_int_equal(fake_n_requests, 3 + 4 * RUN);
    /* A name that was not there then may be there now: it is looked up, never held back. */
    fake_answers(EXPLORE,
                 "{\"fields\":{\"dimensions\":[{\"name\":\"v.new\"},{\"name\":\"v.count\"}]}}");
    run_tool("query", "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.new\",\"v.count\"]}");
    assert_int_equal(fake_n_requests, 4 + 5 * RUN);
    run_tool("query", "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.new\"]}");
    assert_int_equal(fake_n_requests, 4 + 6 * RUN);
    refuse_tool("query", ASK(""));
    lk_known_free(fake_context.known);
}

static void test_whose_the_model_is_is_told_of_the_dev_workspace(void **state)
{
    (void)state;
    known_names();
    fake_context.known = lk_known_new();
    fake_n_told = 0;
    run_tool("query", ASK(""));
    assert_int_equal(fake_n_told, 0);
    run_tool("query", ASK(",\"dev_mode\":true"));
    assert_int_equal(fake_n_told, 1);
    assert_string_equal(fake_told, "m shop");
    fake_told[0] = '\0';
    /* From memory as well, and before a name is found wrong. */
    run_tool("query", ASK(",\"dev_mode\":true"));
    assert_int_equal(fake_n_requests, 2 + 3 * RUN);
    assert_string_equal(fake_told, "m shop");
    refuse_tool("query", ASK(",\"dev_mode\":true,\"sorts\":[\"v.none\"]"));
    assert_int_equal(fake_n_told, 3);
    lk_known_free(fake_context.known);
}

static void test_memory_is_bounded(void **state)
{
    struct lk_known *known = lk_known_new();
    struct lk_str name = LK_STR("v.a"), *many = lk_arena_array(fake_arena, 16385, sizeof(*many));
    char explore[20];
    size_t left = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(explore, sizeof(explore), "m::%d", i);
        lk_known_learn(known, lk_str(explore), LK_STR("p"), &name, 1, 1000 + (uint64_t)i);
    }
    for (int i = 0; i < 100; i++) {
        snprintf(explore, sizeof(explore), "m::%d", i);
        left += lk_known_has(known, lk_str(explore), name, 2000);
        assert_false(lk_known_has(known, lk_str(explore), LK_STR("v.b"), 2000));
    }
    assert_int_equal(left, 64);
    assert_true(lk_known_explore(known, LK_STR("m::99"), 2000));
    assert_false(lk_known_explore(known, LK_STR("m::1"), 2000));
    /* Each for five minutes. */
    assert_true(lk_known_has(known, LK_STR("m::99"), name, 1099 + 299999));
    assert_false(lk_known_has(known, LK_STR("m::99"), name, 1099 + 300000));
    /* Learnt again, it is the same slot. */
    lk_known_learn(known, LK_STR("m::98"), LK_STR("q"), &name, 0, 3000);
    assert_false(lk_known_has(known, LK_STR("m::98"), name, 3000));
    assert_true(lk_known_has(known, LK_STR("m::40"), name, 3000));
    for (size_t i = 0; i < 16385; i++)
        many[i] = name;
    lk_known_learn(known, LK_STR("huge"), LK_STR("p"), many, 16385, 3000);
    assert_false(lk_known_explore(known, LK_STR("huge"), 3000));
    lk_known_learn(NULL, LK_STR("m::1"), LK_STR("p"), &name, 1, 1);
    assert_false(lk_known_has(NULL, LK_STR("m::1"), name, 1));
    assert_str(lk_known_project(known, LK_STR("m::40"), 3000), "p");
    assert_str(lk_known_project(known, LK_STR("m::98"), 3000), "q");
    assert_int_equal(lk_known_project(known, LK_STR("huge"), 3000).len, 0);
    assert_int_equal(lk_known_project(known, LK_STR("m::40"), 500000).len, 0);
    assert_int_equal(lk_known_project(NULL, LK_STR("m::40"), 1).len, 0);
    lk_known_free(known);
    lk_known_free(NULL);
}

/* ---- models and explores that do not exist ---- */

static void test_nearest_explore(void **state)
{
    (void)state;
    fake_fails("POST /queries", 404, "Not found");
    fake_answers("GET /lookml_models/m",
                 "{\"explores\":[{\"name\":\"orders\"},{\"name\":\"users\"}]}");
    const struct lk_error *err =
        refuse_tool("query", "{\"model\":\"m\",\"view\":\"ordres\",\"fields\":[\"o.x\"]}");
    assert_string_equal(err->message, "there is no explore \"ordres\" in model \"m\", or no access "
                                      "to it; did you mean \"orders\"? list_models shows them all");
    assert_int_equal(err->status, 404);
    assert_string_equal(err->detail, "Not found");
    err = refuse_tool("query", "{\"model\":\"m\",\"view\":\"zzz\",\"fields\":[\"o.x\"]}");
    assert_contains(err->message, "or no access to it: list_models shows what there is");
    /* It is there: then the 404 was about something else. */
    err = refuse_tool("query", "{\"model\":\"m\",\"view\":\"orders\",\"fields\":[\"o.x\"]}");
    assert_contains(err->message, "no explore \"orders\" in model \"m\", or no access");
}

static void test_nearest_model(void **state)
{
    (void)state;
    fake_fails("POST /queries", 422, "invalid");
    fake_answers("GET /lookml_models", "[{\"name\":\"thelook\"},{\"name\":\"web\"}]");
    const struct lk_error *err =
        refuse_tool("query", "{\"model\":\"the_look\",\"view\":\"v\",\"fields\":[\"o.x\"]}");
    assert_contains(err->message, "there is no model \"the_look\"");
    assert_contains(err->message, "did you mean \"thelook\"?");
    assert_int_equal(err->status, 422);
    /* What cannot be looked up is not said. */
    fake_scripts[1].status = 403;
    err = refuse_tool("query", "{\"model\":\"the_look\",\"view\":\"v\",\"fields\":[\"o.x\"]}");
    assert_contains(err->message, "refused the query as invalid");
}

static void test_other_failures_are_left_alone(void **state)
{
    (void)state;
    fake_fails("POST /queries", 503, "down");
    fake_answers("GET /lookml_models/m", "{\"explores\":[]}");
    assert_contains(refuse_tool("query", ASK(",\"validate\":false"))->message, "503");
    assert_int_equal(fake_n_requests, 1);
}

/* ---- similar names ---- */

static void test_similar(void **state)
{
    const struct lk_str names[] = {
        LK_STR("orders.status"),      LK_STR("orders.count"),       LK_STR("users.count"),
        LK_STR("order_items.count"),  LK_STR("orders.total_price"), LK_STR("orders.total_profit"),
        LK_STR("orders.total_value"), LK_STR("orders.a"),
    };
    struct lk_similar similar = lk_similar(fake_arena, LK_STR("count"), names, 8);

    (void)state;
    assert_int_equal(similar.n, 3);
    assert_str(similar.names[0], "orders.count");
    similar = lk_similar(fake_arena, LK_STR("Order Items Count"), names, 8);
    assert_str(similar.names[0], "order_items.count");
    similar = lk_similar(fake_arena, LK_STR("orders.total"), names, 8);
    assert_int_equal(similar.n, 3);
    assert_str(similar.names[2], "orders.total_value");
    assert_int_equal(lk_similar(fake_arena, LK_STR("xyzzy.quux"), names, 8).n, 0);
    assert_int_equal(lk_similar(fake_arena, LK_STR(""), names, 8).n, 0);
    assert_int_equal(lk_similar(fake_arena, LK_STR("x"), names, 0).n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_there_is_asked),
        TEST(test_what_is_not_there_is_not),
        TEST(test_a_name_without_end_is_not_compared),
        TEST(test_many_wrong_names_are_counted),
        TEST(test_unless_told_not_to),
        TEST(test_dynamic_fields_count),
        TEST(test_an_explore_that_cannot_be_read),
        TEST(test_cancelled_while_it_is_read),
        TEST(test_names_are_remembered),
        TEST(test_whose_the_model_is_is_told_of_the_dev_workspace),
        TEST(test_memory_is_bounded),
        TEST(test_nearest_explore),
        TEST(test_nearest_model),
        TEST(test_other_failures_are_left_alone),
        TEST(test_similar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
