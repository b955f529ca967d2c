/*
 * check_branch: what production has wrong as well is not held against the branch, what could not be
 * observed is not called valid, and no part's failure hides what another has found.
 */
#include "fake_steps.h"

#define P "/projects/shop"
#define BRANCH "{\"name\":\"b\",\"ref\":\"abc\",\"ahead_count\":0,\"behind_count\":0}"
#define VALIDATE "POST " P "/validate"
#define RUN "GET " P "/lookml_tests/run"
#define LIST "GET " P "/lookml_tests"
#define CONTENT "GET /content_validation"
#define EXPLORE "GET /lookml_models/m/explores/e"
#define QUERY "POST /queries/run/json"
#define ARGS "{\"project_id\":\"shop\",\"branch\":\"b\""
#define LOOKML_ONLY ARGS ",\"tests\":false,\"content\":false}"
#define TESTS_ONLY ARGS ",\"content\":false}"
#define CONTENT_ONLY ARGS ",\"tests\":false}"
#define EXPLORES_ONLY ARGS ",\"tests\":false,\"content\":false,\"explores\":[\"m/e\"]}"
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

#define ERROR(text, line)                                                                          \
    "{\"severity\":\"error\",\"message\":\"" text                                                  \
    "\",\"file_path\":\"v.lkml\",\"line_number\":" #line "}"
#define WARNING "{\"severity\":\"warning\",\"message\":\"old\",\"file_path\":\"v.lkml\"}"
#define ERRORS(list) "{\"errors\":[" list "],\"models_not_validated\":[]}"
#define RESULT(name, success)                                                                      \
    "{\"model_name\":\"m\",\"test_name\":\"" name "\",\"success\":" success ",\"errors\":[]}"
#define LISTED(name) "{\"model_name\":\"m\",\"name\":\"" name "\",\"file\":\"t.lkml\",\"line\":7}"
#define FIELD(name) "{\"message\":\"gone\",\"model_name\":\"m\",\"field_name\":\"" name "\"}"
#define LOOK(id, errors) "{\"look\":{\"id\":\"" id "\",\"title\":\"L\"},\"errors\":[" errors "]}"
#define BROKEN(list) "{\"content_with_errors\":[" list "]}"
#define DIMENSIONS                                                                                 \
    "{\"source_file\":\"m.lkml\",\"errors\":[],\"fields\":{\"dimensions\":[{\"name\":\"v.a\","     \
    "\"hidden\":false},{\"name\":\"v.h\",\"hidden\":true}],\"measures\":[{\"name\":\"v.n\"}]}}"
#define REFUSED(text) "[{\"looker_error\":\"" text "\"}]"

static const char *text_at(struct lk_str answer, const char *path)
{
    return lk_arena_cstr(fake_arena, at(answer, path));
}

static void play_branch(void)
{
    fake_forget();
    fake_answers("GET " P "/git_branch", BRANCH);
}

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
}

/* ---- tests ---- */

static void play_tests(const char *results, const char *listed)
{
    play_branch();
    fake_answers(VALIDATE, ERRORS(""));
    fake_answers(RUN, results);
    fake_answers(LIST, listed);
}

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
    assert_int_equal(fake_n_requests, 6);
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
    request_of(QUERY " {\"fields\":[\"v.n\"]");
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
        TEST(test_tests_that_fail_on_the_branch_only),
        TEST(test_tests_that_fail_on_both),
        TEST(test_a_test_that_production_cannot_be_asked_about),
        TEST(test_tests_that_did_not_run),
        TEST(test_many_failing_tests_are_asked_for_at_once),
        TEST(test_content_shows_its_new_errors_only),
        TEST(test_content_without_production),
        TEST(test_an_explore_that_the_database_refuses),
        TEST(test_explores_that_are_not_there),
        TEST(test_an_explore_that_cannot_be_looked_at),
        TEST(test_errors_of_an_explore_itself),
        TEST(test_explores_of_all_models_of_the_project),
        TEST(test_an_explore_of_many_fields_is_asked_in_pieces),
        TEST(test_names_of_explores),
        TEST(test_each_step_that_fails),
        TEST(test_a_call_that_is_cancelled),
        TEST(test_several_things_are_asked_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
