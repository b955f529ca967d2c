/*
 * health_pulse, health_analyze, health_vacuum: verdicts that were observed, counts against what is
 * there, and what is said when a part of it could not be had.
 */
#include "fake_looker.h"

#define RUN "POST /queries/run/json"

/* Everything is well: scripts 0 to 6. */
static void all_is_well(void)
{
    fake_answers("GET /connections", "[{\"name\":\"looker\"},{\"name\":\"looker__ilooker\"},"
                                     "{\"name\":\"a\"},{\"name\":\"b\"}]");
    fake_answers("PUT /connections/a/test", "[{\"status\":\"success\"},{\"status\":\"success\"}]");
    fake_answers("PUT /connections/b/test", "[{\"status\":\"success\"}]");
    fake_answers("GET /datagroups", "[{\"name\":\"d\",\"trigger_error\":null},{\"name\":\"e\"}]");
    fake_answers("GET /running_queries", "[{\"runtime\":599.9}]");
    fake_answers("GET /legacy_features", "[{\"name\":\"f\",\"enabled\":false}]");
    fake_answers(RUN, "[]");
}

/* Which check of the answer has that name. */
static struct lk_str check(struct lk_str answer, const char *name)
{
    struct lk_json_iter it = lk_json_iter(at(answer, "checks"));
    struct lk_str item;

    while (lk_json_next(&it, NULL, &item)) {
        if (lk_json_string_eq(at(item, "check"), lk_str(name)))
            return item;
    }
    return LK_STR("{}");
}

static void test_healthy_is_said_when_all_was_seen(void **state)
{
    (void)state;
    all_is_well();
    struct lk_str answer = run_tool("health_pulse", "{}");
    assert_str(at(answer, "healthy"), "true");
    assert_str(at(answer, "status"), "\"healthy\"");
    assert_int_equal(lk_json_count(at(answer, "checks")), 9);
    assert_str(at(check(answer, "connections"), "detail"),
               "\"2 of 2 connections passed Looker's tests\"");
}

static void test_any_check_that_fails_or_is_not_made(void **state)
{
    static const struct {
        int script;
        const char *body;
        int http;
        const char *check, *status, *overall;
    } cases[] = {
        {0, "[]", 200, "connections", "\"unknown\"", "\"unknown\""},
        {0, "not yours", 403, "connections", "\"unknown\"", "\"unknown\""},
        {1, "[{\"status\":\"error\",\"message\":\"m\"}]", 200, "connections", "\"failed\"",
         "\"failed\""},
        {1, "[{\"status\":\"warning\"}]", 200, "connections", "\"warning\"", "\"warning\""},
        {1, "[]", 200, "connections", "\"unknown\"", "\"unknown\""},
        {2, "slow down", 429, "connections", "\"unknown\"", "\"unknown\""},
        {3, "[{\"name\":\"d\",\"trigger_error\":\"no table\"}]", 200, "datagroups", "\"failed\"",
         "\"failed\""},
        {3, "gone", 404, "datagroups", "\"unknown\"", "\"unknown\""},
        {4, "[{\"query_task_id\":\"t\",\"runtime\":600}]", 200, "running_queries", "\"warning\"",
         "\"warning\""},
        {5, "[{\"name\":\"old\",\"enabled\":true}]", 200, "legacy_features", "\"warning\"",
         "\"warning\""},
        {6, "no", 404, "pdt_builds", "\"unknown\"", "\"unknown\""},
        {6, "[{\"looker_error\":\"no\"}]", 200, "schedules", "\"unknown\"", "\"unknown\""},
        {6, "[{\"history.average_runtime\":30}]", 200, "slow_explores", "\"warning\"",
         "\"warning\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_n_scripts = fake_n_requests = 0;
        all_is_well();
        fake_scripts[cases[i].script].body = cases[i].body;
        fake_scripts[cases[i].script].status = cases[i].http;
        struct lk_str answer = run_tool("health_pulse", "{}");
        assert_str(at(answer, "healthy"), "false");
        assert_str(at(answer, "status"), cases[i].overall);
        assert_str(at(check(answer, cases[i].check), "status"), cases[i].status);
    }
}

static void test_what_failed_outweighs_what_is_unknown(void **state)
{
    (void)state;
    all_is_well();
    fake_scripts[1].body = "[{\"status\":\"error\",\"message\":\"no route\"}]";
    fake_scripts[2].status = 422;
    fake_scripts[2].body = "not now";
    struct lk_str found = check(run_tool("health_pulse", "{}"), "connections");
    assert_str(at(found, "status"), "\"failed\"");
    assert_str(at(found, "items/0"), "{\"connection\":\"a\",\"status\":\"failed\","
                                     "\"message\":\"no route\"}");
    assert_str(at(found, "items/1"), "{\"connection\":\"b\",\"status\":\"unknown\","
                                     "\"http_status\":422,\"message\":\"not now\"}");
}

/* However much there is to say, the answer stays JSON, and stays small. */
static void test_more_findings_than_fit(void **state)
{
    char connections[16 * 1024] = "[", result[4 * 1024], message[3 * 1024], name[40];

    (void)state;
    memset(message, 'x', sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    snprintf(result, sizeof(result), "[{\"status\":\"error\",\"message\":\"%s\"}]", message);
    fake_answers("GET /connections", connections);
    for (int i = 0; i < 50; i++) {
        sprintf(connections + strlen(connections), "%s{\"name\":\"c%d\"}", i > 0 ? "," : "", i);
        snprintf(name, sizeof(name), "PUT /connections/c%d/test", i);
        fake_answers(lk_arena_cstr(fake_arena, lk_arena_str(fake_arena, lk_str(name))), result);
    }
    strcat(connections, "]");
    struct lk_str answer = run_tool("health_pulse", "{\"checks\":[\"connections\"]}");
    struct lk_str found = check(answer, "connections");
    assert_str(at(answer, "status"), "\"failed\"");
    assert_str(at(found, "detail"), "\"0 of 50 connections passed Looker's tests\"");
    assert_true(answer.len < LK_DEFAULT_MAX_RESULT_BYTES);
    assert_int_equal(lk_json_count(at(found, "items")), 16);
    assert_str(at(found, "truncated/returned"), "16");
}

static void test_only_some_checks(void **state)
{
    (void)state;
    all_is_well();
    struct lk_str answer = run_tool("health_pulse", "{\"checks\":[\"datagroups\"]}");
    assert_int_equal(lk_json_count(at(answer, "checks")), 1);
    assert_int_equal(fake_n_requests, 1);
    assert_contains(refuse_tool("health_pulse", "{\"checks\":[\"weather\"]}")->message, "checks");
}

/* ---- usage ---- */

static const char models[] =
    "[{\"name\":\"m\",\"project_name\":\"p\",\"explores\":[{\"name\":\"a\",\"hidden\":false},"
    "{\"name\":\"b\",\"hidden\":true}]},{\"name\":\"n\",\"project_name\":\"p\",\"explores\":["
    "{\"name\":\"a\"}]},{\"name\":\"o\",\"project_name\":\"q\",\"explores\":null}]";
static const char history[] =
    "[{\"query.model\":\"m\",\"query.view\":\"b\",\"history.query_run_count\":3,"
    "\"history.most_recent_query_date\":\"2026-02-01\"},"
    "{\"query.model\":\"m\",\"query.view\":\"gone\",\"history.query_run_count\":9},"
    "{\"query.model\":\"n\",\"query.view\":\"a\",\"history.query_run_count\":5,"
    "\"history.most_recent_query_date\":\"2026-03-01\"}]";

static void test_models_with_the_most_used_first(void **state)
{
    (void)state;
    fake_answers("GET /lookml_models", models);
    fake_answers(RUN, history);
    assert_str(at(run_tool("health_analyze", "{}"), "items"),
               "[{\"model\":\"n\",\"project\":\"p\",\"explores\":1,\"unused_explores\":0,"
               "\"queries\":5,\"last_query\":\"2026-03-01\"},"
               "{\"model\":\"m\",\"project\":\"p\",\"explores\":2,\"unused_explores\":1,"
               "\"queries\":3,\"last_query\":\"2026-02-01\"},"
               "{\"model\":\"o\",\"project\":\"q\",\"explores\":0,\"unused_explores\":0,"
               "\"queries\":0}]");
    assert_contains(fake_requests[1], "\"query.model\":\"-NULL\"");
    assert_contains(fake_requests[1], "\"limit\":\"50000\"");
    struct lk_str answer =
        run_tool("health_analyze", "{\"analysis_type\":\"explores\",\"limit\":1,\"days\":91}");
    assert_str(at(answer, "items"), "[{\"model\":\"n\",\"explore\":\"a\",\"hidden\":false,"
                                    "\"queries\":5,\"last_query\":\"2026-03-01\"}]");
    assert_str(at(answer, "next_offset"), "1");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "note")), "90 days");
}

static void test_projects_without_models_count_too(void **state)
{
    (void)state;
    fake_answers("GET /lookml_models", models);
    fake_answers("GET /projects", "[{\"id\":\"p\"},{\"id\":\"idle\"}]");
    fake_answers(RUN, history);
    struct lk_str answer = run_tool("health_analyze", "{\"analysis_type\":\"projects\"}");
    assert_str(at(answer, "items"),
               "[{\"project\":\"p\",\"models\":2,\"unused_models\":0,\"explores\":3,"
               "\"unused_explores\":1,\"queries\":8},{\"project\":\"idle\",\"models\":0,"
               "\"unused_models\":0,\"explores\":0,\"unused_explores\":0,\"queries\":0}]");
    fake_scripts[1].status = 403;
    assert_int_equal(refuse_tool("health_analyze", "{\"analysis_type\":\"projects\"}")->status,
                     403);
}

static void test_usage_that_cannot_be_read_calls_nothing_unused(void **state)
{
    (void)state;
    fake_answers("GET /lookml_models", models);
    fake_fails(RUN, 404, "Not found");
    assert_contains(refuse_tool("health_vacuum", "{}")->message, "see_system_activity");
    /* Nor when the content on the explores is what is missing: the third of three calls. */
    fake_n_scripts = fake_n_requests = 0;
    fake_answers("GET /lookml_models", models);
    fake_answers(RUN, history);
    fake_answers(RUN, "[{\"query.model\":\"m\",\"query.view\":\"a\",\"look.count\":2}]");
    fake_fails(RUN, 500, "busy");
    assert_int_equal(refuse_tool("health_vacuum", "{}")->status, 500);
    assert_int_equal(fake_n_requests, 4);
}

static void test_unused_explores_with_their_content(void **state)
{
    (void)state;
    fake_answers("GET /lookml_models", models);
    fake_answers(RUN, history);
    fake_answers(RUN, "[{\"query.model\":\"m\",\"query.view\":\"a\",\"look.count\":2}]");
    fake_answers(RUN, "[{\"query.model\":\"m\",\"query.view\":\"a\",\"dashboard.count\":1},"
                      "{\"query.model\":\"x\",\"query.view\":\"a\",\"dashboard.count\":1}]");
    assert_str(run_tool("health_vacuum", "{}"),
               "{\"scope\":\"explores\",\"days\":90,\"models_looked_at\":3,"
               "\"explores_looked_at\":3,\"count\":1,\"total\":1,\"items\":[{\"model\":\"m\","
               "\"explore\":\"a\",\"hidden\":false,\"looks\":2,\"dashboards\":1}]}");
}

#define FIELDS(...)                                                                                \
    "{\"fields\":{\"dimensions\":[" __VA_ARGS__ "],\"measures\":[{\"name\":\"a.n\"}]}}"

static void test_fields_that_no_query_names(void **state)
{
    (void)state;
    fake_context.max_parallel = 1;
    fake_answers("GET /lookml_models", models);
    fake_answers(RUN, history);
    fake_answers(
        "GET /lookml_models/m/explores/a",
        FIELDS("{\"name\":\"a.x\"},{\"name\":\"a.xy\"},{\"name\":\"a.h\",\"hidden\":true}"));
    fake_answers(RUN, "[{\"query.formatted_fields\":\"[\\\"a.xy\\\", \\\"a.n\\\"]\","
                      "\"query.filters\":null}]");
    fake_fails("GET /lookml_models/m/explores/b", 404, "Not found");
    struct lk_str answer = run_tool("health_vacuum", "{\"scope\":\"fields\",\"model\":\"m\"}");
    assert_str(at(answer, "items/0"),
               "{\"model\":\"m\",\"explore\":\"a\",\"queries\":0,\"fields\":3,\"unused\":1,"
               "\"unused_fields\":[\"a.x\"]}");
    /* One explore that cannot be read does not take the others away. */
    assert_str(at(answer, "items/1/status"), "404");
    assert_str(at(answer, "items/1/detail"), "\"Not found\"");
    assert_str(at(answer, "items/1/unused_fields"), "(absent)");
    assert_contains(
        refuse_tool("health_vacuum", "{\"scope\":\"fields\",\"model\":\"m\",\"explore\":\"zz\"}")
            ->message,
        "no explore \"zz\"");
    assert_contains(refuse_tool("health_vacuum", "{\"scope\":\"fields\"}")->message, "model");
}

/* Of what all queries name each name is kept once, and none is lost between the others. */
static void test_many_queries_that_name_the_same(void **state)
{
    struct lk_buf rows;

    (void)state;
    fake_context.max_parallel = 1;
    lk_buf_init(&rows, (size_t)4 << 20);
    lk_buf_char(&rows, '[');
    for (int i = 0; i < 4999; i++)
        lk_buf_printf(&rows,
                      "%s{\"query.formatted_fields\":\"[\\\"a.x\\\", \\\"b.f%d\\\"]\","
                      "\"query.filters\":\"{\\\"c.g%d\\\":1}\"}",
                      i > 0 ? "," : "", i % 1500, i);
    lk_buf_char(&rows, ']');
    fake_piece_bytes = 5000;
    fake_answers("GET /lookml_models", models);
    fake_answers(RUN, history);
    fake_answers("GET /lookml_models/m/explores/a",
                 FIELDS("{\"name\":\"a.x\"},{\"name\":\"b.f1499\"},{\"name\":\"b.f1500\"},"
                        "{\"name\":\"b.f0\"},{\"name\":\"c.g4998\"},{\"name\":\"c.g0\"}"));
    fake_answers(RUN, rows.ptr);
    fake_fails("GET /lookml_models/m/explores/b", 404, "Not found");
    struct lk_str answer = run_tool("health_vacuum", "{\"scope\":\"fields\",\"model\":\"m\"}");
    assert_str(at(answer, "items/0/unused_fields"), "[\"b.f1500\",\"a.n\"]");
    lk_buf_free(&rows);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_healthy_is_said_when_all_was_seen),
        T(test_any_check_that_fails_or_is_not_made),
        T(test_what_failed_outweighs_what_is_unknown),
        T(test_more_findings_than_fit),
        T(test_only_some_checks),
        T(test_models_with_the_most_used_first),
        T(test_projects_without_models_count_too),
        T(test_usage_that_cannot_be_read_calls_nothing_unused),
        T(test_unused_explores_with_their_content),
        T(test_fields_that_no_query_names),
        T(test_many_queries_that_name_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
