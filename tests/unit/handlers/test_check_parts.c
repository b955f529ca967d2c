/*
 * check_branch, part by part: LookML tests, content, explores.
 */
#include "fake_check.h"

/* ---- tests ---- */

static void test_tests_that_fail_on_the_branch_only(void **state)
{
    (void)state;
    play_tests("[" RESULT("ok", "true") "," RESULT("new", "false") "," RESULT(
                   "old", "false") "," RESULT("there", "false") "]",
               "[" LISTED("ok") "," LISTED("new") "," LISTED("old") "," LISTED("there") "]");
    fake_answers(RUN, "[]");
    fake_answers(RUN, "[" RESULT("old", "false") "]");
    fake_answers(RUN, "[" RESULT("there", "true") "]");
    struct lk_str answer = run_tool("check_branch", TESTS_ONLY);
    assert_json(answer, "valid", "false");
    assert_json(answer, "new/tests/total", "2");
    assert_json(answer, "new/tests/items/0",
                "{\"test_name\":\"new\",\"model_name\":\"m\",\"file_path\":\"t.lkml\","
                "\"line_number\":7,\"in_production\":\"absent\",\"errors\":[]}");
    assert_json(answer, "new/tests/items/1/in_production", "\"passes\"");
    assert_json(answer, "checks/tests",
                "{\"valid\":false,\"run\":4,\"branch\":3,\"production\":null,\"on_both\":1,"
                "\"gone\":null}");
    assert_string_equal(request_of(RUN "?model=m&test=new"), RUN "?model=m&test=new");
}

static void test_tests_that_fail_on_both(void **state)
{
    (void)state;
    play_tests("[" RESULT("old", "false") "]", "[" LISTED("old") "]");
    struct lk_str answer = run_tool("check_branch", TESTS_ONLY);
    assert_json(answer, "valid", "true");
    assert_json(answer, "checks/tests/on_both", "1");
}

static void test_a_test_that_production_cannot_be_asked_about(void **state)
{
    (void)state;
    play_tests("[" RESULT("t", "false") "]", "[" LISTED("t") "]");
    fake_keeps_silent(RUN);
    struct lk_str answer = run_tool("check_branch", TESTS_ONLY);
    assert_json(answer, "valid", "null");
    assert_json(answer, "undecided/tests/items/0/in_production", "null");
    assert_contains(text_at(answer, "steps"), "raise timeout (540 seconds)");
}

static void test_tests_that_did_not_run(void **state)
{
    (void)state;
    play_tests("[" RESULT("a", "true") "]", "[" LISTED("a") "," LISTED("b") "]");
    struct lk_str answer = run_tool("check_branch", TESTS_ONLY);
    assert_json(answer, "valid", "null");
    assert_contains(text_at(answer, "checks/tests/note"), "1 of the 2 tests");
    assert_step(answer, "test_production", "skipped");
    play_tests("[]", "[]");
    answer = run_tool("check_branch", TESTS_ONLY);
    assert_json(answer, "valid", "true");
    assert_json(answer, "checks/tests/run", "0");
}

static void test_many_failing_tests_are_asked_for_at_once(void **state)
{
    struct lk_buf list, other;

    (void)state;
    lk_buf_init(&list, 8192);
    lk_buf_init(&other, 8192);
    for (int i = 0; i < 21; i++) {
        lk_buf_printf(&list, "%s{\"model_name\":\"m\",\"test_name\":\"t%d\",\"success\":false}",
                      i > 0 ? "," : "[", i);
        lk_buf_printf(&other, "%s{\"model_name\":\"m\",\"test_name\":\"t%d\",\"success\":%s}",
                      i > 0 ? "," : "[", i, i == 3 ? "true" : "false");
    }
    lk_buf_lit(&list, "]");
    lk_buf_lit(&other, "]");
    play_tests(lk_arena_cstr(fake_arena, lk_buf_view(&list)), "[]");
    fake_answers(RUN, lk_arena_cstr(fake_arena, lk_buf_view(&other)));
    struct lk_str answer = run_tool("check_branch", TESTS_ONLY);
    assert_json(answer, "new/tests/total", "1");
    assert_json(answer, "new/tests/items/0/test_name", "\"t3\"");
    assert_json(answer, "checks/tests/on_both", "20");
    assert_int_equal(fake_n_requests, 7);
    lk_buf_free(&list);
    lk_buf_free(&other);
}

/* ---- content ---- */

static struct lk_str check_content(const char *branch, const char *production)
{
    play_branch();
    fake_answers(VALIDATE, ERRORS(""));
    fake_answers(CONTENT, branch);
    if (production != NULL)
        fake_answers(CONTENT, production);
    else
        fake_keeps_silent(CONTENT);
    return run_tool("check_branch", CONTENT_ONLY);
}

static void test_content_shows_its_new_errors_only(void **state)
{
    (void)state;
    struct lk_str answer = check_content(
        BROKEN(LOOK("1", FIELD("a") "," FIELD("b") "," FIELD("c")) "," LOOK("2", FIELD("a"))),
        BROKEN(LOOK("1", FIELD("b")) "," LOOK("2", FIELD("a")) "," LOOK("3", FIELD("a"))));
    assert_json(answer, "valid", "false");
    assert_json(answer, "new/content/total", "1");
    assert_json(answer, "new/content/items/0",
                "{\"kind\":\"look\",\"id\":\"1\",\"title\":\"L\",\"errors\":["
                "{\"message\":\"gone\",\"model\":\"m\",\"field\":\"a\"},"
                "{\"message\":\"gone\",\"model\":\"m\",\"field\":\"c\"}]}");
    assert_json(answer, "checks/content",
                "{\"valid\":false,\"branch\":4,\"production\":3,\"on_both\":2,\"gone\":1}");
    assert_string_equal(request_of(CONTENT), CONTENT "?project_names=shop");
}

static void test_content_without_production(void **state)
{
    (void)state;
    struct lk_str answer = check_content(BROKEN(LOOK("1", FIELD("a"))), NULL);
    assert_json(answer, "valid", "null");
    assert_json(answer, "undecided/content/items/0/id", "\"1\"");
    answer = check_content("{}", BROKEN(""));
    assert_json(answer, "valid", "null");
    assert_json(answer, "new/content", "null");
    answer = check_content(BROKEN(LOOK("1", FIELD("a"))), BROKEN(LOOK("1", FIELD("a"))));
    assert_json(answer, "valid", "true");
}

/* ---- explores ---- */

static void play_explore(const char *branch, const char *production)
{
    play_branch();
    fake_answers(VALIDATE, ERRORS(""));
    fake_answers(EXPLORE, DIMENSIONS);
    fake_answers(QUERY, branch);
    fake_answers(QUERY, production);
}

static void test_an_explore_that_the_database_refuses(void **state)
{
    (void)state;
    play_explore(REFUSED("no column x at 12"), "[]");
    struct lk_str answer = run_tool("check_branch", EXPLORES_ONLY);
    assert_json(answer, "valid", "false");
    assert_json(answer, "new/explores/items/0",
                "{\"model\":\"m\",\"explore\":\"e\",\"file_path\":\"m.lkml\","
                "\"error\":\"no column x at 12\",\"in_production\":\"works\"}");
    assert_string_equal(request_of(QUERY), QUERY " {\"fields\":[\"v.a\"],\"limit\":\"0\","
                                                 "\"model\":\"m\",\"view\":\"e\"}");
    /* only the positions in the SQL are others */
    play_explore(REFUSED("no column x at 12"), REFUSED("no column x at 9"));
    answer = run_tool("check_branch", EXPLORES_ONLY);
    assert_json(answer, "valid", "true");
    assert_json(answer, "checks/explores",
                "{\"valid\":true,\"run\":1,\"branch\":1,\"production\":null,\"on_both\":1,"
                "\"gone\":null}");
    play_explore(REFUSED("no column x"), REFUSED("no column y"));
    answer = run_tool("check_branch", EXPLORES_ONLY);
    assert_json(answer, "valid", "false");
    assert_json(answer, "new/explores/items/0/production_error", "\"no column y\"");
    play_explore("[]", "[]");
    answer = run_tool("check_branch", EXPLORES_ONLY);
    assert_json(answer, "valid", "true");
    assert_int_equal(fake_n_requests, 8);
}

static void test_measures_are_compiled_apart_from_dimensions(void **state)
{
    (void)state;
    play_branch();
    fake_answers(VALIDATE, ERRORS(""));
    fake_answers(EXPLORE, DIMENSIONS);
    fake_answers(QUERY, "[]");
    fake_answers(QUERY, REFUSED("no column n"));
    fake_answers(QUERY, "[]");
    struct lk_str answer = run_tool("check_branch", EXPLORES_ONLY);
    assert_json(answer, "valid", "false");
    assert_json(answer, "new/explores/items/0/error", "\"no column n\"");
    assert_json(answer, "new/explores/items/0/in_production", "\"works\"");
    request_of(QUERY " {\"fields\":[\"v.a\"]");
    request_of(QUERY " {\"fields\":[\"v.n\"]");
    /* Where they fail on both sides, a dimension that fails here only is still found. */
    play_branch();
    fake_answers(VALIDATE, ERRORS(""));
    fake_answers(EXPLORE, DIMENSIONS);
    fake_answers(QUERY, REFUSED("no column a"));
    fake_answers(QUERY, "[]");
    fake_answers(QUERY, REFUSED("no column n"));
    answer = run_tool("check_branch", EXPLORES_ONLY);
    assert_json(answer, "valid", "false");
    assert_json(answer, "new/explores/items/0/error", "\"no column a\"");
}

#define MODELS                                                                                     \
    "[{\"name\":\"x\",\"explores\":[{\"name\":\"nope\"}]},{\"name\":\"m\",\"explores\":[{"         \
    "\"name\":"                                                                                    \
    "\"e\"},{\"name\":\"orders\"}]}]"

static void test_an_explore_that_is_nowhere_is_a_mistake(void **state)
{
    (void)state;
    fake_forget();
    fake_answers("GET /lookml_models", MODELS);
    fake_answers("GET /lookml_models/m", "{\"explores\":[{\"name\":\"e\"},{\"name\":\"orders\"}]}");
    refuse_tool("check_branch", ARGS ",\"explores\":[\"m/e\",\"m/ordres\"]}");
    assert_int_equal(fake_error.kind, LK_ERROR_ARGUMENT);
    assert_contains(fake_error.message, "explores[1]: on the branch as little as in production: "
                                        "there is no explore \"ordres\" in model \"m\"");
    assert_contains(fake_error.message, "did you mean \"orders\"?");
    assert_int_equal(fake_n_requests, 4); /* the list, it on both sides, and what is there */
    assert_true(fake_in_dev[0] && fake_in_dev[1] && !fake_in_dev[2]);
    /* One that only production has is a finding, one that only the list lacks is looked at. */
    for (int dev = 0; dev < 2; dev++) {
        play_branch();
        fake_answers("GET /lookml_models", "[]");
        fake_answers(VALIDATE, ERRORS(""));
        if (dev == 0)
            fake_fails(EXPLORE, 404, "Not found");
        fake_answers(EXPLORE, DIMENSIONS);
        if (dev == 0)
            fake_fails(EXPLORE, 404, "Not found");
        fake_answers(EXPLORE, DIMENSIONS);
        fake_answers(QUERY, "[]");
        struct lk_str answer = run_tool("check_branch", EXPLORES_ONLY);
        assert_json(answer, "valid", dev == 0 ? "false" : "true");
    }
}

static void test_explores_that_are_not_there(void **state)
{
    (void)state;
    play_branch();
    fake_answers(VALIDATE, ERRORS(""));
    fake_fails(EXPLORE, 404, "Not found");
    fake_answers(EXPLORE, DIMENSIONS);
    fake_answers(QUERY, "[]");
    struct lk_str answer = run_tool("check_branch", EXPLORES_ONLY);
    assert_json(answer, "valid", "false");
    assert_json(answer, "new/explores/items/0/error", "\"there is no such explore\"");
    assert_json(answer, "new/explores/items/0/in_production", "\"works\"");
    /* on neither side: a slip of the pen */
    play_branch();
    fake_answers(VALIDATE, ERRORS(""));
    answer = run_tool("check_branch", EXPLORES_ONLY);
    assert_json(answer, "valid", "null");
    assert_json(answer, "undecided/explores/items/0/in_production", "\"absent\"");
    /* new on the branch, and broken */
    play_branch();
    fake_answers(VALIDATE, ERRORS(""));
    fake_answers(EXPLORE, DIMENSIONS);
    fake_fails(EXPLORE, 404, "Not found");
    fake_answers(QUERY, REFUSED("no"));
    answer = run_tool("check_branch", EXPLORES_ONLY);
    assert_json(answer, "valid", "false");
    assert_json(answer, "new/explores/items/0/in_production", "\"absent\"");
}

static void test_an_explore_that_cannot_be_looked_at(void **state)
{
    (void)state;
    play_branch();
    fake_answers(VALIDATE, ERRORS(""));
    fake_answers(EXPLORE, DIMENSIONS);
    fake_keeps_silent(QUERY);
    struct lk_str answer = run_tool("check_branch", EXPLORES_ONLY);
    assert_json(answer, "valid", "null");
    assert_json(answer, "outcome", "\"partial\"");
    assert_json(answer, "undecided/explores/total", "1");
    assert_step(answer, "explores", "failed");
}

static void test_errors_of_an_explore_itself(void **state)
{
    (void)state;
    play_branch();
    fake_answers(VALIDATE, ERRORS(""));
    fake_answers(EXPLORE, "{\"errors\":[{\"message\":\"a join to nothing\"}],\"fields\":{}}");
    fake_answers(EXPLORE, DIMENSIONS);
    fake_answers(QUERY, "[]");
    struct lk_str answer = run_tool("check_branch", EXPLORES_ONLY);
    assert_json(answer, "new/explores/items/0/error", "\"a join to nothing\"");
}

static void test_explores_of_all_models_of_the_project(void **state)
{
    (void)state;
    play_branch();
    fake_answers(VALIDATE, ERRORS(""));
    fake_answers("GET /lookml_models",
                 "[{\"name\":\"m\",\"project_name\":\"shop\",\"explores\":[{\"name\":\"e\"},"
                 "{\"name\":\"f\"}]},{\"name\":\"x\",\"project_name\":\"other\",\"explores\":["
                 "{\"name\":\"g\"}]}]");
    fake_answers(EXPLORE, "{\"fields\":{\"dimensions\":[{\"name\":\"v.h\",\"hidden\":true}]}}");
    fake_answers(
        "GET /lookml_models/m/explores/f",
        "{\"fields\":{\"dimensions\":[],\"measures\":[{\"name\":\"v.n\"},{\"name\":\"w\"}]}}");
    fake_answers(QUERY, "[]");
    struct lk_str answer =
        run_tool("check_branch", ARGS ",\"tests\":false,\"content\":false,\"explores\":[\"all\"]}");
    assert_json(answer, "valid", "true");
    assert_json(answer, "checks/explores/run", "2");
    request_of(QUERY " {\"fields\":[\"v.h\"]");
    request_of(QUERY " {\"fields\":[\"v.n\",\"w\"]");
}

static void test_an_explore_of_many_fields_is_asked_in_pieces(void **state)
{
    struct lk_buf buf;
    size_t n = 0;

    (void)state;
    lk_buf_init(&buf, 65536);
    lk_buf_lit(&buf, "{\"fields\":{\"dimensions\":[");
    for (int i = 0; i < 1001; i++)
        lk_buf_printf(&buf, "%s{\"name\":\"v.f%d\"}", i > 0 ? "," : "", i);
    lk_buf_lit(&buf, "]}}");
    play_branch();
    fake_answers(VALIDATE, ERRORS(""));
    fake_answers(EXPLORE, lk_arena_cstr(fake_arena, lk_buf_view(&buf)));
    fake_answers(QUERY, "[]");
    run_tool("check_branch", EXPLORES_ONLY);
    for (size_t i = 0; i < fake_n_requests; i++)
        n += strncmp(fake_requests[i], QUERY, sizeof(QUERY) - 1) == 0;
    assert_int_equal(n, 3);
    request_of(QUERY " {\"fields\":[\"v.f1000\"]");
    lk_buf_free(&buf);
}

static void test_names_of_explores(void **state)
{
    static const char *const wrong[] = {"e", "/e", "m/", "m/e/f", "", "::e", "all"};

    (void)state;
    for (size_t i = 0; i < N(wrong); i++) {
        struct lk_str arguments = lk_arena_printf(
            fake_arena, "{\"project_id\":\"shop\",\"branch\":\"b\",\"explores\":[\"m/e\",\"%s\"]}",
            wrong[i]);
        fake_forget();
        refuse_tool("check_branch", arguments.ptr);
        assert_contains(fake_error.message, "explores[1]");
        assert_int_equal(fake_n_requests, 0);
    }
    play_explore("[]", "[]");
    struct lk_str answer = run_tool(
        "check_branch", ARGS ",\"tests\":false,\"content\":false,\"explores\":[\" m::e \"]}");
    assert_json(answer, "checks/explores/run", "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tests_that_fail_on_the_branch_only),
        TEST(test_tests_that_fail_on_both),
        TEST(test_a_test_that_production_cannot_be_asked_about),
        TEST(test_tests_that_did_not_run),
        TEST(test_many_failing_tests_are_asked_for_at_once),
        TEST(test_content_shows_its_new_errors_only),
        TEST(test_content_without_production),
        TEST(test_an_explore_that_the_database_refuses),
        TEST(test_measures_are_compiled_apart_from_dimensions),
        TEST(test_an_explore_that_is_nowhere_is_a_mistake),
        TEST(test_explores_that_are_not_there),
        TEST(test_an_explore_that_cannot_be_looked_at),
        TEST(test_errors_of_an_explore_itself),
        TEST(test_explores_of_all_models_of_the_project),
        TEST(test_an_explore_of_many_fields_is_asked_in_pieces),
        TEST(test_names_of_explores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
