/*
 * deploy_lookml_changes, rollback_to_production: nothing reaches production that does not validate,
 * and nothing is called deployed that production was not seen to have.
 */
#include "fake_steps.h"

#define P "/projects/shop"
#define BRANCH "{\"name\":\"dev-ada\",\"ahead_count\":1,\"behind_count\":0,\"is_production\":false}"
#define FILES                                                                                      \
    "[{\"path\":\"old.view.lkml\",\"git_status\":null},{\"path\":\"same.view.lkml\"},"             \
    "{\"path\":\"other.view.lkml\",\"git_status\":{\"action\":\"modified\"}}]"
#define ARGS                                                                                       \
    "{\"project_id\":\"shop\",\"files\":{\"views/new.view.lkml\":\"new\","                         \
    "\"old.view.lkml\":\"changed\",\"same.view.lkml\":\"same\"}"
#define DEPLOY ARGS "}"

static const struct fake_call_row deploying[] = {
    {"read_branch", "GET " P "/git_branch", BRANCH, ROW},
    {"list_files", "GET " P "/files", FILES, ROW},
    /* compare, in the dev workspace: only what exists is read */
    {"compare", "GET " P "/file/content", "old", TEXT},
    {"compare", "GET " P "/file/content", "same\n", TEXT},
    {"write_file", "POST " P "/files", "{}", ROW},
    {"write_file", "PUT " P "/files", "{}", CHANGED},
    {"validate", "POST " P "/validate", "{\"errors\":[]}", CHANGED},
    {"deploy_to_production", "POST " P "/deploy_to_production", "\"\"", CHANGED},
    {"verify_production", "GET " P "/file/content", "new", TEXT},
    {"verify_production", "GET " P "/file/content", "changed", TEXT},
    {"verify_production", "GET " P "/file/content", "same", TEXT},
};
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static const char *text_at(struct lk_str answer, const char *path)
{
    return lk_arena_cstr(fake_arena, at(answer, path));
}

static void test_files_are_written_validated_deployed_and_seen(void **state)
{
    (void)state;
    fake_play(deploying, N(deploying), N(deploying));
    struct lk_str answer = run_tool("deploy_lookml_changes", DEPLOY);
    assert_false(fake_failed);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "deployed", "true");
    assert_json(answer, "branch/name", "\"dev-ada\"");
    assert_json(answer, "files/0/action", "\"created\"");
    assert_json(answer, "files/1/action", "\"updated\"");
    assert_json(answer, "files/2/action", "\"unchanged\"");
    assert_json(answer, "uncommitted_files_before", "[\"other.view.lkml\"]");
    assert_string_equal(request_of("POST " P "/files"),
                        "POST " P "/files {\"content\":\"new\",\"path\":\"views/new.view.lkml\"}");
    assert_contains(request_of("PUT " P "/files"), "old.view.lkml");
    assert_int_equal(count_writes(), 4);
    assert_string_equal(fake_requests[7], "POST " P "/deploy_to_production");
}

static void test_a_branch_that_takes_no_changes(void **state)
{
    (void)state;
    fake_forget();
    fake_answers("GET " P "/git_branch", "{\"name\":\"main\",\"is_production\":true}");
    struct lk_str answer = run_tool("deploy_lookml_changes", DEPLOY);
    assert_true(fake_failed);
    assert_contains(text_at(answer, "error"), "production branch main");
    assert_contains(text_at(answer, "error"), "create_git_branch");
    fake_forget();
    fake_answers("GET " P "/git_branch", "{\"name\":\"dev-bob\",\"readonly\":true}");
    answer = run_tool("deploy_lookml_changes", DEPLOY);
    assert_true(fake_failed);
    assert_int_equal(fake_n_requests, 1);
    fake_forget();
    answer = run_tool("deploy_lookml_changes", DEPLOY);
    assert_contains(text_at(answer, "error"), "list_projects");
}

static void test_errors_are_not_deployed(void **state)
{
    (void)state;
    fake_forget();
    fake_answers("POST " P "/validate",
                 "{\"errors\":[{\"severity\":\"warning\",\"message\":\"w\"},"
                 "{\"severity\":\"error\",\"message\":\"no such field\",\"file_path\":\"old.view."
                 "lkml\",\"line_number\":3,\"kind\":\"x\"},{\"message\":\"no severity\"}],"
                 "\"models_not_validated\":[{\"name\":\"m\"}]}");
    for (size_t i = 0; i < N(deploying); i++) {
        if (i != 6)
            fake_script(deploying[i].route, 200,
                        deploying[i].flags & TEXT ? LK_MEDIA_TEXT : LK_MEDIA_JSON,
                        deploying[i].body);
    }
    struct lk_str answer = run_tool("deploy_lookml_changes", DEPLOY);
    assert_true(fake_failed);
    assert_contains(text_at(answer, "error"), "2 LookML errors");
    assert_json(answer, "validation/errors", "2");
    assert_json(answer, "validation/warnings", "1");
    assert_json(answer, "validation/items/0",
                "{\"severity\":\"error\",\"message\":\"no such field\",\"file_path\":"
                "\"old.view.lkml\",\"line_number\":3}");
    assert_json(answer, "deployed", "false");
    assert_step(answer, "deploy_to_production", "not_done");
    assert_not_sent("POST " P "/deploy_to_production");
    assert_json(answer, "changed/1", "\"updated old.view.lkml in the dev workspace\"");
    assert_contains(text_at(answer, "left_to_do/1"), "production is as it was");
}

static void test_without_validation_on_request(void **state)
{
    (void)state;
    fake_play(deploying, N(deploying), N(deploying));
    struct lk_str answer = run_tool("deploy_lookml_changes", ARGS ",\"validate\":false}");
    assert_json(answer, "outcome", "\"done\"");
    assert_step(answer, "validate", "skipped");
    assert_json(answer, "validation", "(absent)");
    assert_not_sent("POST " P "/validate");
}

static void test_a_file_that_fails_is_named_and_the_others_are_written(void **state)
{
    (void)state;
    fake_play(deploying, N(deploying), 4);
    struct lk_str answer = run_tool("deploy_lookml_changes", DEPLOY);
    assert_true(fake_failed);
    assert_contains(text_at(answer, "error"), "views/new.view.lkml: ");
    assert_json(answer, "files/0/action", "\"failed\"");
    assert_json(answer, "files/1/action", "\"updated\"");
    assert_step(answer, "validate", "not_done");
    assert_step(answer, "deploy_to_production", "not_done");
    assert_not_sent("POST " P "/validate");
}

static void test_a_second_call_writes_only_what_is_missing(void **state)
{
    static const char *const texts[] = {"changed", "same", "new", "changed", "same"};

    (void)state;
    fake_forget();
    for (size_t i = 0; i < N(texts); i++)
        fake_answers_text("GET " P "/file/content", texts[i]);
    for (size_t i = 0; i < N(deploying); i++) {
        if (!(deploying[i].flags & TEXT))
            fake_answers(deploying[i].route, deploying[i].body);
    }
    struct lk_str answer = run_tool("deploy_lookml_changes", DEPLOY);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "files/1/action", "\"unchanged\"");
    assert_not_sent("PUT " P "/files");
}

static void test_a_deploy_that_production_does_not_show(void **state)
{
    (void)state;
    fake_play(deploying, 8, N(deploying));
    fake_answers_text("GET " P "/file/content", "before");
    struct lk_str answer = run_tool("deploy_lookml_changes", DEPLOY);
    assert_true(fake_failed);
    assert_step(answer, "deploy_to_production", "done");
    assert_step(answer, "verify_production", "failed");
    assert_json(answer, "deployed", "(absent)");
    assert_contains(text_at(answer, "left_to_do/0"), "committed");
    /* Not to be seen is not the same as not there. */
    fake_play(deploying, 9, 8);
    answer = run_tool("deploy_lookml_changes", DEPLOY);
    assert_false(fake_failed);
    assert_json(answer, "outcome", "\"partial\"");
    assert_json(answer, "deployed", "(absent)");
}

/* Production may have it or not: neither is said. */
static void test_a_deploy_without_an_answer(void **state)
{
    (void)state;
    fake_forget();
    fake_keeps_silent("POST " P "/deploy_to_production");
    for (size_t i = 0; i < N(deploying); i++)
        if (strcmp(deploying[i].step, "deploy_to_production") != 0)
            fake_script(deploying[i].route, 200,
                        deploying[i].flags & TEXT ? LK_MEDIA_TEXT : LK_MEDIA_JSON,
                        deploying[i].body);
    struct lk_str answer = run_tool("deploy_lookml_changes", DEPLOY);
    assert_true(fake_failed);
    assert_json(answer, "deployed", "(absent)");
    assert_null(strstr(text_at(answer, "left_to_do"), "production is as it was"));
    assert_contains(text_at(answer, "left_to_do"), "whether production has it is not known");
}

static void test_a_preview_writes_nothing(void **state)
{
    (void)state;
    fake_play(deploying, N(deploying), N(deploying));
    struct lk_str answer = run_tool("deploy_lookml_changes", ARGS ",\"dry_run\":true}");
    assert_json(answer, "outcome", "\"preview\"");
    assert_json(answer, "files/0/action", "\"to_create\"");
    assert_json(answer, "files/1/action", "\"to_update\"");
    assert_step(answer, "deploy_to_production", "planned");
    assert_int_equal(count_writes(), 0);
}

static void test_paths_that_lead_elsewhere(void **state)
{
    static const char *const wrong[] = {"",     "/a.lkml", "../a.lkml", "a/../../b",
                                        "a//b", "a/./b",   "views/"};

    (void)state;
    for (size_t i = 0; i < N(wrong); i++) {
        struct lk_str arguments = lk_arena_printf(
            fake_arena, "{\"project_id\":\"shop\",\"files\":{\"%s\":\"x\"}}", wrong[i]);
        fake_forget();
        refuse_tool("deploy_lookml_changes", arguments.ptr);
        assert_contains(fake_error.message, "files");
        assert_int_equal(fake_n_requests, 0);
    }
    refuse_tool("deploy_lookml_changes", "{\"project_id\":\"shop\",\"files\":{}}");
    refuse_tool("deploy_lookml_changes", "{\"project_id\":\"shop\",\"files\":{\"a.lkml\":{}}}");
}

static void test_each_step_of_deploying_that_fails(void **state)
{
    static const struct fake_call_row rows[] = {
        {"read_branch", "GET " P "/git_branch", BRANCH, ROW},
        {"list_files", "GET " P "/files", FILES, ROW},
        {"write_file", "POST " P "/files", "{}", ROW},
        {"validate", "POST " P "/validate", "{\"errors\":[]}", CHANGED},
        {"deploy_to_production", "POST " P "/deploy_to_production", "\"\"", CHANGED},
        {"verify_production", "GET " P "/file/content", "new", TEXT | CHANGED | MAY_FAIL},
    };

    (void)state;
    fail_each_step("deploy_lookml_changes",
                   "{\"project_id\":\"shop\",\"files\":{\"new.view.lkml\":\"new\"}}", rows,
                   N(rows));
}

/* ---- rollback_to_production ---- */

static const struct fake_call_row resetting[] = {
    {"read_branch", "GET " P "/git_branch", BRANCH, ROW},
    {"list_changes", "GET " P "/files", FILES, ROW},
    {"reset_to_production", "POST " P "/reset_to_production", "\"\"", ROW},
    {"verify", "GET " P "/files", "[{\"path\":\"old.view.lkml\",\"git_status\":{}}]", CHANGED},
    {"read_branch", "GET " P "/git_branch", "{\"name\":\"dev-ada\"}", CHANGED},
};

static void test_nothing_is_lost_without_confirmation(void **state)
{
    (void)state;
    fake_play(resetting, N(resetting), N(resetting));
    struct lk_str answer = run_tool("rollback_to_production", "{\"project_id\":\"shop\"}");
    assert_json(answer, "outcome", "\"preview\"");
    assert_json(answer, "uncommitted_files", "[\"other.view.lkml\"]");
    assert_json(answer, "branch", "{\"name\":\"dev-ada\",\"ahead\":1,\"behind\":0}");
    assert_contains(text_at(step_of(answer, "reset_to_production"), "detail"),
                    "1 files and 1 commits");
    assert_contains(text_at(answer, "left_to_do/0"), "confirm=true");
    assert_int_equal(count_writes(), 0);
}

static void test_a_confirmed_reset(void **state)
{
    (void)state;
    fake_play(resetting, N(resetting), N(resetting));
    struct lk_str answer =
        run_tool("rollback_to_production", "{\"project_id\":\"shop\",\"confirm\":true}");
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "left_to_do", "[]");
    assert_int_equal(count_writes(), 1);
    /* What Looker left is said. */
    fake_play(resetting, 3, N(resetting));
    fake_answers("GET " P "/files", FILES);
    answer = run_tool("rollback_to_production", "{\"project_id\":\"shop\",\"confirm\":true}");
    assert_true(fake_failed);
    assert_step(answer, "verify", "failed");
}

static void test_each_step_of_resetting_that_fails(void **state)
{
    (void)state;
    fail_each_step("rollback_to_production", "{\"project_id\":\"shop\",\"confirm\":true}",
                   resetting, N(resetting));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_files_are_written_validated_deployed_and_seen),
        TEST(test_a_branch_that_takes_no_changes),
        TEST(test_errors_are_not_deployed),
        TEST(test_without_validation_on_request),
        TEST(test_a_file_that_fails_is_named_and_the_others_are_written),
        TEST(test_a_second_call_writes_only_what_is_missing),
        TEST(test_a_deploy_that_production_does_not_show),
        TEST(test_a_deploy_without_an_answer),
        TEST(test_a_preview_writes_nothing),
        TEST(test_paths_that_lead_elsewhere),
        TEST(test_each_step_of_deploying_that_fails),
        TEST(test_nothing_is_lost_without_confirmation),
        TEST(test_a_confirmed_reset),
        TEST(test_each_step_of_resetting_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
