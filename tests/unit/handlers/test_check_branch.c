/*
 * check_branch: what production has wrong as well is not held against the branch, what could not be
 * observed is not called valid, and no part's failure hides what another has found. Tests, content
 * and explores: test_check_parts.c.
 */
#include "fake_check.h"

/* Of a validation only. */
static struct lk_str validate(const char *branch, const char *production)
{
    play_branch();
    fake_answers(VALIDATE, branch);
    if (production != NULL)
        fake_answers(VALIDATE, production);
    else
        fake_fails(VALIDATE, 500, "down");
    return run_tool("check_branch", LOOKML_ONLY);
}

static void test_what_production_has_too_is_not_new(void **state)
{
    (void)state;
    struct lk_str answer = validate(ERRORS(ERROR("a (v:12)", 12) "," ERROR("b", 3) "," WARNING),
                                    ERRORS(ERROR("a (v:7)", 7) "," WARNING "," ERROR("c", 3)));
    assert_false(fake_failed);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "valid", "false");
    assert_json(answer, "branch", "\"b\"");
    assert_json(answer, "ref", "\"abc\"");
    assert_json(answer, "new/lookml/total", "1");
    assert_json(answer, "new/lookml/items/0/message", "\"b\"");
    assert_json(answer, "new/lookml/items/0/file_path", "\"v.lkml\"");
    assert_json(answer, "new/lookml/items/0/line_number", "3");
    assert_json(answer, "checks/lookml",
                "{\"valid\":false,\"branch\":3,\"production\":3,\"on_both\":2,\"gone\":1}");
    assert_json(answer, "new/tests", "null");
    assert_json(answer, "checks/content", "null");
    assert_step(answer, "tests", "skipped");
    assert_true(fake_in_dev[1]);
    assert_false(fake_in_dev[2]);
    assert_int_equal(fake_n_requests, 4);
}

/* The same error twice on the branch and once in production is one new error. */
static void test_errors_are_counted(void **state)
{
    (void)state;
    struct lk_str answer = validate(ERRORS(ERROR("a", 1) "," ERROR("a", 2)), ERRORS(ERROR("a", 9)));
    assert_json(answer, "valid", "false");
    assert_json(answer, "new/lookml/total", "1");
    assert_json(answer, "checks/lookml/on_both", "1");
    assert_json(answer, "checks/lookml/gone", "0");
    answer = validate(ERRORS(ERROR("a", 1)), ERRORS(ERROR("a", 9) "," ERROR("a", 10)));
    assert_json(answer, "valid", "true");
    assert_json(answer, "checks/lookml/gone", "1");
}

static void test_warnings_do_not_make_it_invalid(void **state)
{
    (void)state;
    struct lk_str answer = validate(ERRORS(WARNING), ERRORS(""));
    assert_json(answer, "valid", "true");
    assert_json(answer, "new/lookml/total", "1");
    /* serious ones come first */
    answer = validate(ERRORS(WARNING "," ERROR("a", 1)), ERRORS(""));
    assert_json(answer, "new/lookml/items/0/message", "\"a\"");
    assert_json(answer, "new/lookml/items/1/message", "\"old\"");
}

static void test_errors_that_production_cannot_be_asked_about(void **state)
{
    (void)state;
    struct lk_str answer = validate(ERRORS(ERROR("a", 1)), NULL);
    assert_false(fake_failed);
    assert_json(answer, "outcome", "\"partial\"");
    assert_json(answer, "valid", "null");
    assert_contains(text_at(answer, "valid_note"), "lookml");
    assert_json(answer, "new/lookml/total", "0");
    assert_json(answer, "undecided/lookml/items/0/message", "\"a\"");
    assert_json(answer, "checks/lookml",
                "{\"valid\":null,\"branch\":1,\"production\":null,\"on_both\":null,\"gone\":null}");
    /* Without errors there is nothing that could be new. */
    answer = validate(ERRORS(""), NULL);
    assert_json(answer, "valid", "true");
    assert_json(answer, "undecided", "(absent)");
    answer = validate(ERRORS(WARNING), NULL);
    assert_json(answer, "valid", "true");
    assert_json(answer, "undecided/lookml/total", "1");
}

static void test_a_validation_that_says_nothing(void **state)
{
    (void)state;
    struct lk_str answer = validate("{}", ERRORS(""));
    assert_json(answer, "valid", "null");
    assert_json(answer, "new/lookml", "null");
    assert_json(answer, "outcome", "\"partial\"");
    assert_step(answer, "validate_branch", "failed");
    answer = validate(ERRORS(ERROR("a", 1)), "{\"errors\":null}");
    assert_json(answer, "valid", "null");
    assert_step(answer, "validate_production", "failed");
}

static void test_models_that_were_not_validated(void **state)
{
    static const char skipped[] = "{\"errors\":[],\"models_not_validated\":[{\"name\":\"m\"}]}";

    (void)state;
    struct lk_str answer = validate(skipped, ERRORS(""));
    assert_json(answer, "valid", "null");
    assert_contains(text_at(answer, "checks/lookml/note"), "m");
    answer = validate(skipped, skipped);
    assert_json(answer, "valid", "true");
    assert_json(answer, "checks/lookml/note", "(absent)");
}

static void test_findings_are_bounded(void **state)
{
    (void)state;
    play_branch();
    fake_answers(VALIDATE, ERRORS(ERROR("a", 1) "," ERROR("b", 2) "," ERROR("c", 3)));
    fake_answers(VALIDATE, ERRORS(""));
    struct lk_str answer =
        run_tool("check_branch", ARGS ",\"tests\":false,\"content\":false,\"limit\":2}");
    assert_json(answer, "new/lookml/count", "2");
    assert_json(answer, "new/lookml/total", "3");
    fake_context.max_result_bytes = 1500; /* 150 for each list */
    play_branch();
    fake_answers(VALIDATE, ERRORS(ERROR("a", 1) "," ERROR("b", 2) "," ERROR("c", 3)));
    fake_answers(VALIDATE, ERRORS(""));
    answer = run_tool("check_branch", LOOKML_ONLY);
    assert_json(answer, "new/lookml/total", "3");
    assert_json(answer, "new/lookml/truncated/reason", "\"result_bytes\"");
    assert_json(answer, "valid", "false");
}

/* ---- the branch itself ---- */

static void test_another_branch_is_checked_out(void **state)
{
    (void)state;
    fake_forget();
    fake_answers("GET " P "/git_branch", "{\"name\":\"other\"}");
    struct lk_str answer = run_tool("check_branch", LOOKML_ONLY);
    assert_true(fake_failed);
    assert_contains(text_at(answer, "error"), "branch other checked out instead of b");
    assert_json(answer, "valid", "(absent)");
    assert_int_equal(fake_n_requests, 1);
}

static void test_a_branch_that_moves_meanwhile(void **state)
{
    static const char *const after[] = {"{\"name\":\"other\",\"ref\":\"abc\"}",
                                        "{\"name\":\"b\",\"ref\":\"def\"}"};

    (void)state;
    for (size_t i = 0; i < N(after); i++) {
        play_branch();
        fake_answers("GET " P "/git_branch", after[i]);
        fake_answers(VALIDATE, ERRORS(ERROR("a", 1)));
        fake_answers(VALIDATE, ERRORS(""));
        struct lk_str answer = run_tool("check_branch", LOOKML_ONLY);
        assert_json(answer, "valid", "null");
        assert_contains(text_at(answer, "valid_note"), "stayed the same");
        assert_json(answer, "new/lookml/total", "1");
        assert_step(answer, "read_branch_again", "failed");
    }
}

static void test_commits_that_are_not_there_yet(void **state)
{
    (void)state;
    fake_forget();
    fake_answers("GET " P "/git_branch", "{\"name\":\"b\",\"ref\":\"abc\",\"behind_count\":3}");
    fake_answers(VALIDATE, ERRORS(""));
    struct lk_str answer = run_tool("check_branch", LOOKML_ONLY);
    assert_json(answer, "behind", "3");
    assert_contains(text_at(answer, "left_to_do/0"), "lacks (3)");
    assert_contains(text_at(answer, "left_to_do/0"), "check out b with switch_git_branch");
    assert_json(answer, "valid", "null");
    assert_contains(text_at(answer, "valid_note"), "3 commits");
}

/* ---- what goes wrong ---- */

static void test_each_step_that_fails(void **state)
{
    static const struct fake_call_row rows[] = {
        {"read_branch", "GET " P "/git_branch", BRANCH, ROW},
        {"validate_branch", VALIDATE, ERRORS(""), MAY_FAIL},
        {"validate_production", VALIDATE, ERRORS(""), MAY_FAIL},
        {"test_branch", RUN, "[" RESULT("t", "false") "]", MAY_FAIL},
        {"list_tests", LIST, "[" LISTED("t") "]", MAY_FAIL},
        {"test_production", RUN, "[" RESULT("t", "false") "]", MAY_FAIL},
        {"content_branch", CONTENT, BROKEN(""), MAY_FAIL},
        {"content_production", CONTENT, BROKEN(""), MAY_FAIL},
        {"list_explores", "GET /lookml_models",
         "[{\"name\":\"m\",\"project_name\":\"shop\",\"explores\":[{\"name\":\"e\"}]}]", MAY_FAIL},
        {"explores", EXPLORE, DIMENSIONS, MAY_FAIL},
        {"explores", QUERY, REFUSED("no"), MAY_FAIL},
        {"explores", EXPLORE, DIMENSIONS, MAY_FAIL},
        {"explores", QUERY, REFUSED("no"), MAY_FAIL},
        {"read_branch_again", "GET " P "/git_branch", BRANCH, MAY_FAIL},
    };

    (void)state;
    fake_play(rows, N(rows), N(rows));
    struct lk_str answer = run_tool("check_branch", ARGS ",\"explores\":[\"all\"]}");
    assert_json(answer, "valid", "true");
    assert_json(answer, "outcome", "\"done\"");
    fail_each_step("check_branch", ARGS ",\"explores\":[\"all\"]}", rows, N(rows));
    /* What fails in one part does not hide the others. */
    for (size_t i = 1; i < N(rows) - 1; i++) {
        size_t judged = 0;
        fake_play(rows, N(rows), i);
        answer = run_tool("check_branch", ARGS ",\"explores\":[\"all\"]}");
        judged += lk_json_is_true(at(answer, "checks/lookml/valid"));
        judged += lk_json_is_true(at(answer, "checks/tests/valid"));
        judged += lk_json_is_true(at(answer, "checks/content/valid"));
        judged += lk_json_is_true(at(answer, "checks/explores/valid"));
        assert_in_range(judged, 3, 4);
    }
}

static void test_a_call_that_is_cancelled(void **state)
{
    static const char *const routes[] = {"GET " P "/git_branch", VALIDATE, RUN, CONTENT, EXPLORE};

    (void)state;
    for (size_t i = 0; i < N(routes); i++) {
        struct lk_str answer;
        play_tests("[" RESULT("t", "false") "]", "[]");
        fake_answers(CONTENT, BROKEN(""));
        fake_answers(EXPLORE, DIMENSIONS);
        fake_answers(QUERY, "[]");
        fake_delay_ms = 1;
        fake_cancel_at = routes[i];
        assert_false(
            fake_call(fake_tool("check_branch"), ARGS ",\"explores\":[\"m/e\"]}", 0, &answer));
        assert_int_equal(fake_error.kind, LK_ERROR_CANCELLED);
        assert_int_equal(fake_in_flight, 0);
    }
}

static void test_several_things_are_asked_at_once(void **state)
{
    (void)state;
    play_tests("[]", "[]");
    fake_answers(CONTENT, BROKEN(""));
    fake_delay_ms = 2;
    run_tool("check_branch", ARGS "}");
    assert_int_equal(fake_most_in_flight, 5);
    assert_true(fake_n_progress >= 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_production_has_too_is_not_new),
        TEST(test_errors_are_counted),
        TEST(test_warnings_do_not_make_it_invalid),
        TEST(test_errors_that_production_cannot_be_asked_about),
        TEST(test_a_validation_that_says_nothing),
        TEST(test_models_that_were_not_validated),
        TEST(test_findings_are_bounded),
        TEST(test_another_branch_is_checked_out),
        TEST(test_a_branch_that_moves_meanwhile),
        TEST(test_commits_that_are_not_there_yet),
        TEST(test_each_step_that_fails),
        TEST(test_a_call_that_is_cancelled),
        TEST(test_several_things_are_asked_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
