/*
 * Lists that are looked at item by item (handlers/each.h, handlers/listing.h), and the tools that
 * read theirs so: however long they are, and when they are none.
 */
#include "fake_looker.h"

#define TABLES "GET /connections/c/tables"
#define MODELS "GET /lookml_models"

/* 200,000 of them, of which nothing is kept but what the answer shows. */
static void test_long_lists(void **state)
{
    static const struct {
        const char *tool, *arguments, *route, *item;
        const char *total; /* NULL: Looker pages, and nobody counts the rest */
    } cases[] = {
        {"list_groups", "{\"offset\":5}", "GET /groups", "{\"id\":\"1\",\"name\":\"g\"}", NULL},
        {"list_schedules", "{\"offset\":5}", "GET /scheduled_plans/search",
         "{\"id\":\"1\",\"name\":\"g\"}", NULL},
        {"search_content", "{\"query_string\":\"x\",\"offset\":5}", "GET /content/x",
         "{\"content_id\":\"1\",\"title\":\"x\"}", NULL},
        {"list_lookml_dashboards", "{\"offset\":5}", "GET /dashboards/lookml/search",
         "{\"id\":\"m::1\",\"title\":\"x\"}", NULL},
        {"list_models", "{}", MODELS, "{\"name\":\"m\",\"label\":\"M\"}", "200000"},
        {"list_tables", "{\"connection_name\":\"c\"}", TABLES,
         "{\"name\":\"s\",\"tables\":[{\"name\":\"t\"}]}", "200000"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t next = 0;
        fake_n_scripts = 0;
        fake_context.max_result_bytes = 1000;
        fake_answers_list(cases[i].route, cases[i].item, 200000);
        struct lk_str answer = run_tool(cases[i].tool, cases[i].arguments);
        size_t count = lk_json_count(at(answer, "items"));
        assert_in_range(count, 10, 60);
        assert_true(lk_json_integer(at(answer, "next_offset"), &next));
        assert_int_equal(next, count + (cases[i].total == NULL ? 5 : 0));
        assert_str(at(answer, "total"), cases[i].total != NULL ? cases[i].total : "(absent)");
        if (cases[i].total == NULL)
            assert_int_equal(fake_n_poured, 60000);
    }
}

static void test_lists_that_are_none(void **state)
{
    static const char *const bodies[] = {"{}",       "{\"a\":[]}", "[{\"name\":\"m\"}", "[{},]",
                                         "\"list\"", "[nul]",      "[] and x",          ""};

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        fake_n_scripts = 0;
        fake_answers(MODELS, bodies[i]);
        const struct lk_error *err = refuse_tool("list_models", "{}");
        assert_int_equal(err->kind, LK_ERROR_PARSE);
        if (strstr(err->message, "Looker's answer to all_lookml_models") == NULL)
            fail_msg("%s: %s", bodies[i], err->message);
    }
    fake_n_scripts = 0;
    fake_answers_text(MODELS, "<html>");
    assert_contains(refuse_tool("list_models", "{}")->message, "not JSON");
    fake_n_scripts = 0;
    fake_fails(MODELS, 403, "Not for you");
    assert_int_equal(refuse_tool("list_models", "{}")->status, 403);
}

/* ---- what is beside the list ---- */

static struct lk_str validate(const char *body)
{
    fake_n_scripts = 0;
    fake_answers("GET /content_validation", body);
    return run_tool("validate_content", "{}");
}

static void test_members_beside_the_list(void **state)
{
    (void)state;
    struct lk_str answer =
        validate("{\"total_looks_validated\":5,\"content_with_errors\":[{\"errors\":[]},"
                 "{\"errors\":[]}],\"id\":\"x\",\"computation_time\":1.5}");
    assert_str(at(answer, "looks_validated"), "5");
    assert_str(at(answer, "computation_time"), "1.5");
    assert_str(at(answer, "total"), "2");
    answer = validate("{\"content_with_errors\":null,\"computation_time\":1.5}");
    assert_str(at(answer, "computation_time"), "1.5");
    assert_str(at(answer, "total"), "0");
    /* One that is too large to be held is not there. */
    answer = validate(lk_arena_printf(fake_arena,
                                      "{\"total_looks_validated\":%05000d,"
                                      "\"content_with_errors\":[],\"computation_time\":2}",
                                      0)
                          .ptr);
    assert_str(at(answer, "looks_validated"), "(absent)");
    assert_str(at(answer, "computation_time"), "2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_long_lists),
        TEST(test_lists_that_are_none),
        TEST(test_members_beside_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
