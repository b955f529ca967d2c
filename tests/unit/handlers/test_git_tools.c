/*
 * Deploys, resets and deploy keys: what is shown before work is lost, and what is said when a step
 * fails after another was done.
 */
#include "fake_looker.h"

#define CURRENT "GET /projects/p/git_branch"
#define FILES "GET /projects/p/files"
#define BRANCH(name, ref) "{\"name\":\"" name "\",\"ref\":\"" ref "\",\"ahead_count\":2,\"can\":{}}"
#define P "{\"project_id\":\"p\""

static const char *text_at(struct lk_str answer, const char *path)
{
    return lk_arena_cstr(fake_arena, at(answer, path));
}

/* ---- deploys ---- */

static void test_a_deploy_tells_what_it_changed(void **state)
{
    (void)state;
    fake_answers(CURRENT, BRANCH("main", "aaa"));
    fake_answers(CURRENT, BRANCH("main", "bbb"));
    fake_script("POST /projects/p/deploy_to_production", 204, 0, "");
    struct lk_str answer = run_tool("deploy_to_production", P "}");
    assert_str(at(answer, "production_before"),
               "{\"name\":\"main\",\"ref\":\"aaa\",\"ahead_count\":2}");
    assert_str(at(answer, "production_after/ref"), "\"bbb\"");
    assert_str(at(answer, "changed"), "[\"production of p went from aaa to bbb\"]");
    assert_str(at(answer, "left_to_do"), "[]");
    assert_true(!fake_in_dev[0] && !fake_in_dev[2]);

    /* The same commit as before is nothing new. */
    answer = run_tool("deploy_to_production", P "}");
    assert_contains(text_at(answer, "changed/0"), "same commit");
}

static void test_a_branch_or_a_ref_is_deployed(void **state)
{
    (void)state;
    fake_answers(CURRENT, BRANCH("main", "aaa"));
    fake_script("POST /projects/p/deploy_ref_to_production", 200, LK_MEDIA_JSON, "\"\"");
    run_tool("deploy_to_production", P ",\"branch\":\"feature/a b\"}");
    assert_string_equal(fake_requests[1],
                        "POST /projects/p/deploy_ref_to_production?branch=feature%2Fa%20b");
    run_tool("deploy_to_production", P ",\"ref\":\"abc\"}");
    assert_string_equal(fake_requests[4], "POST /projects/p/deploy_ref_to_production?ref=abc");
    assert_int_equal(fake_n_requests, 6);
    assert_contains(
        refuse_tool("deploy_to_production", P ",\"ref\":\"a\",\"branch\":\"b\"}")->message,
        "not both");
    assert_contains(refuse_tool("deploy_to_production", P ",\"ref\":\"\"}")->message, "ref");
    assert_int_equal(fake_n_requests, 6);
}

static void test_a_deploy_that_fails(void **state)
{
    (void)state;
    fake_answers(CURRENT, BRANCH("main", "aaa"));
    fake_fails("POST /projects/p/deploy_to_production", 422, "merge first");
    struct lk_str answer = run_tool("deploy_to_production", P "}");
    assert_true(fake_failed);
    assert_str(at(answer, "outcome"), "\"failed\"");
    assert_str(at(answer, "steps/1/status"), "\"failed\"");
    assert_str(at(answer, "steps/1/detail"), "\"merge first\"");
    assert_str(at(answer, "changed"), "[]");
    assert_int_equal(fake_n_requests, 2);

    /* Without an answer nobody knows whether it was done. */
    fake_n_scripts = 0;
    fake_answers(CURRENT, BRANCH("main", "aaa"));
    fake_keeps_silent("POST /projects/p/deploy_to_production");
    answer = run_tool("deploy_to_production", P "}");
    assert_true(fake_failed);
    assert_contains(text_at(answer, "left_to_do/0"), "look whether deploy has happened");
}

static void test_a_first_deploy_has_no_production_before(void **state)
{
    (void)state;
    fake_fails(CURRENT, 404, "Not found");
    fake_answers(CURRENT, BRANCH("main", "aaa"));
    fake_script("POST /projects/p/deploy_to_production", 204, 0, "");
    struct lk_str answer = run_tool("deploy_to_production", P "}");
    assert_false(fake_failed);
    assert_str(at(answer, "outcome"), "\"done\"");
    assert_str(at(answer, "steps/0/status"), "\"skipped\"");
    assert_str(at(answer, "production_before"), "(absent)");
    assert_str(at(answer, "production_after/ref"), "\"aaa\"");

    /* Nor is it said where production stands when that cannot be seen. */
    fake_n_scripts = 0;
    fake_answers(CURRENT, BRANCH("main", "aaa"));
    fake_fails(CURRENT, 500, "away");
    fake_script("POST /projects/p/deploy_to_production", 204, 0, "");
    answer = run_tool("deploy_to_production", P "}");
    assert_str(at(answer, "production_after"), "(absent)");
    assert_contains(text_at(answer, "left_to_do/0"), "get_git_branch");
}

/* ---- resets ---- */

static void test_a_reset_is_shown_before_it_is_done(void **state)
{
    (void)state;
    fake_answers(CURRENT, "{\"name\":\"dev\",\"ref\":\"aaa\",\"remote_ref\":\"bbb\"}");
    fake_answers(FILES, "[{\"id\":\"a\",\"path\":\"a\",\"git_status\":{\"action\":\"modified\"}},"
                        "{\"id\":\"b\",\"path\":\"b\",\"git_status\":null},{\"id\":\"c\"},"
                        "{\"id\":\"d\",\"path\":\"d\",\"git_status\":{\"action\":null}}]");
    struct lk_str answer = run_tool("reset_git_branch_to_remote", P "}");
    assert_str(at(answer, "outcome"), "\"preview\"");
    assert_str(at(answer, "uncommitted_files"), "[\"a\"]");
    assert_str(at(answer, "uncommitted_changes"), "1");
    assert_contains(text_at(answer, "steps/2/detail"), "bbb");
    assert_contains(text_at(answer, "left_to_do/0"), "confirm=true");
    assert_int_equal(fake_n_requests, 2);
    assert_true(fake_in_dev[0] && fake_in_dev[1]);
    /* false is the same as nothing. */
    run_tool("reset_git_branch_to_remote", P ",\"confirm\":false}");
    assert_int_equal(fake_n_requests, 4);
}

#define NAMED "GET /projects/p/git_branch/x"

static void test_a_branch_that_is_missing_is_told_from_a_project(void **state)
{
    static const struct {
        int named, current; /* 0: it is there */
        const char *says;
    } rows[] = {
        {404, 0, "has no branch \\\"x\\\": list_git_branches"},
        {404, 404, "there is no project \\\"p\\\", or no access to it: list_projects"},
        {404, 500, "no such project or branch"},
        {500, 0, "Looker answered 500"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake_n_scripts = fake_n_requests = 0;
        fake_fails(NAMED, rows[i].named, "Not found");
        if (rows[i].current != 0)
            fake_fails(CURRENT, rows[i].current, "Not found");
        else
            fake_answers(CURRENT, BRANCH("dev", "aaa"));
        struct lk_str answer =
            run_tool("update_git_branch", P ",\"branch_name\":\"x\",\"ref\":\"y\"}");
        assert_contains(text_at(answer, "error"), rows[i].says);
        assert_int_equal(fake_n_requests, rows[i].named == 404 ? 2 : 1);
    }
    fake_n_scripts = fake_n_requests = 0;
    fake_fails(CURRENT, 404, "Not found");
    struct lk_str answer = run_tool("reset_git_branch_to_remote", P "}");
    assert_contains(text_at(answer, "error"), "there is no project \\\"p\\\"");
    assert_int_equal(fake_n_requests, 1);
}

static void test_a_reset_tells_before_and_after(void **state)
{
    (void)state;
    fake_answers(CURRENT, BRANCH("dev", "aaa"));
    fake_answers(CURRENT, BRANCH("dev", "bbb"));
    fake_answers(FILES, "[]");
    fake_script("POST /projects/p/reset_to_remote", 204, 0, "");
    struct lk_str answer = run_tool("reset_git_branch_to_remote", P ",\"confirm\":true}");
    assert_str(at(answer, "outcome"), "\"done\"");
    assert_str(at(answer, "branch_before/ref"), "\"aaa\"");
    assert_str(at(answer, "branch_after/ref"), "\"bbb\"");
    assert_str(at(answer, "changed"), "[\"dev went from aaa to bbb\"]");
    assert_string_equal(fake_requests[2], "POST /projects/p/reset_to_remote");
}

static void test_resets_that_fail(void **state)
{
    (void)state;
    /* Nothing is reset that could not be looked at. */
    struct lk_str answer = run_tool("reset_git_branch_to_remote", P ",\"confirm\":true}");
    assert_true(fake_failed);
    assert_contains(text_at(answer, "error"), "list_projects");
    assert_int_equal(fake_n_requests, 1);

    /* Files that cannot be counted do not stop it. */
    fake_answers(CURRENT, BRANCH("dev", "aaa"));
    fake_fails(FILES, 500, "away");
    fake_fails("POST /projects/p/reset_to_remote", 400, "no remote");
    answer = run_tool("reset_git_branch_to_remote", P ",\"confirm\":true}");
    assert_true(fake_failed);
    assert_str(at(answer, "steps/1/status"), "\"skipped\"");
    assert_str(at(answer, "steps/2/detail"), "\"no remote\"");
    assert_str(at(answer, "changed"), "[]");

    /* Done, but not to be seen. */
    fake_n_scripts = 0;
    fake_answers(CURRENT, BRANCH("dev", "aaa"));
    fake_fails(CURRENT, 500, "away");
    fake_answers(FILES, "[]");
    fake_script("POST /projects/p/reset_to_remote", 204, 0, "");
    answer = run_tool("reset_git_branch_to_remote", P ",\"confirm\":true}");
    assert_false(fake_failed);
    assert_str(at(answer, "outcome"), "\"partial\"");
    assert_str(at(answer, "changed"), "[\"dev was reset\"]");
    assert_contains(text_at(answer, "left_to_do/0"), "get_git_branch");
}

#define TO_REF P ",\"branch_name\":\"feature/a\",\"ref\":\"ccc\""

static void test_a_named_branch_is_reset_to_a_ref(void **state)
{
    (void)state;
    fake_answers("GET /projects/p/git_branch/feature%2Fa", BRANCH("feature/a", "aaa"));
    fake_answers(FILES, "[]");
    struct lk_str answer = run_tool("update_git_branch", TO_REF "}");
    assert_str(at(answer, "outcome"), "\"preview\"");
    assert_contains(text_at(answer, "steps/2/detail"), "reset to ccc");
    assert_int_equal(fake_n_requests, 2);

    fake_answers("PUT /projects/p/git_branch", BRANCH("feature/a", "ccc"));
    fake_answers(CURRENT, BRANCH("feature/a", "ccc"));
    answer = run_tool("update_git_branch", TO_REF ",\"confirm\":true}");
    assert_string_equal(fake_requests[4],
                        "PUT /projects/p/git_branch {\"name\":\"feature/a\",\"ref\":\"ccc\"}");
    assert_str(at(answer, "branch_after/ref"), "\"ccc\"");

    answer = run_tool("update_git_branch",
                      P ",\"branch_name\":\"none\",\"ref\":\"c\",\"confirm\":true}");
    assert_true(fake_failed);
    assert_contains(text_at(answer, "error"), "list_git_branches");
}

/* ---- keys ---- */

static void test_keys_are_text(void **state)
{
    (void)state;
    fake_answers_text("GET /projects/p/git/deploy_key", "ssh-rsa AAA p\n");
    fake_answers("POST /projects/p/git/deploy_key", "\"ssh-rsa BBB p\"");
    assert_str(run_tool("get_git_deploy_key", P "}"),
               "{\"project_id\":\"p\",\"deploy_key\":\"ssh-rsa AAA p\"}");
    assert_str(run_tool("get_project_deploy_key", P "}"),
               "{\"project_id\":\"p\",\"deploy_key\":\"ssh-rsa AAA p\"}");
    assert_str(at(run_tool("create_git_deploy_key", P "}"), "deploy_key"), "\"ssh-rsa BBB p\"");
    run_tool("create_project_deploy_key", P "}");
    assert_string_equal(fake_requests[3], "POST /projects/p/git/deploy_key");
    assert_contains(refuse_tool("get_git_deploy_key", "{\"project_id\":\"q\"}")->message,
                    "create_project_deploy_key");
    assert_contains(refuse_tool("create_git_deploy_key", "{\"project_id\":\"q\"}")->message,
                    "list_projects");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_deploy_tells_what_it_changed),
        TEST(test_a_branch_or_a_ref_is_deployed),
        TEST(test_a_deploy_that_fails),
        TEST(test_a_first_deploy_has_no_production_before),
        TEST(test_a_reset_is_shown_before_it_is_done),
        TEST(test_a_branch_that_is_missing_is_told_from_a_project),
        TEST(test_a_reset_tells_before_and_after),
        TEST(test_resets_that_fail),
        TEST(test_a_named_branch_is_reset_to_a_ref),
        TEST(test_keys_are_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
