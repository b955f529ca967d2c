/*
 * bootstrap_lookml_project and provision_connection: what exists is continued or left alone, never
 * overwritten.
 */
#include "fake_steps.h"

#define P "/projects/shop"
#define SSH "{\"name\":\"shop\",\"git_remote_url\":\"git@example.com:acme/shop.git\"}"
#define HTTPS                                                                                      \
    "{\"name\":\"shop\",\"git_remote_url\":\"https://example.com/acme/shop.git\","                 \
    "\"git_username\":\"looker\",\"git_password\":\"t0ken\"}"
#define DRY                                                                                        \
    "{\"name\":\"shop\",\"git_remote_url\":\"git@example.com:acme/shop.git\",\"dry_run\":true}"

static const struct fake_call_row fresh[] = {
    {"create_project", "POST /projects", "{\"id\":\"shop\"}", ROW},
    {"create_git_deploy_key", "POST " P "/git/deploy_key", "ssh-rsa AAAA looker\n", TEXT | CHANGED},
    {"update_project", "PATCH " P, "{\"id\":\"shop\"}", CHANGED},
};
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static const char *text_at(struct lk_str answer, const char *path)
{
    return lk_arena_cstr(fake_arena, at(answer, path));
}

static void test_a_project_a_key_and_a_repository(void **state)
{
    (void)state;
    fake_play(fresh, N(fresh), N(fresh));
    struct lk_str answer = run_tool("bootstrap_lookml_project", SSH);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "project_id", "\"shop\"");
    assert_json(answer, "deploy_key", "\"ssh-rsa AAAA looker\"");
    assert_json(answer, "git_connected", "true");
    assert_string_equal(request_of("POST /projects "), "POST /projects {\"name\":\"shop\"}");
    assert_contains(request_of("PATCH " P),
                    "{\"git_remote_url\":\"git@example.com:acme/shop.git\",\"git_service_name\":"
                    "\"github\",\"pull_request_mode\":\"links\"}");
    assert_contains(text_at(answer, "left_to_do/0"), "write access");
}

/* Nobody can have added a key that was made a moment ago. */
static void test_the_first_call_waits_for_the_key(void **state)
{
    (void)state;
    fake_play(fresh, 2, N(fresh));
    fake_fails("PATCH " P, 400, "Cannot connect to the git remote");
    struct lk_str answer = run_tool("bootstrap_lookml_project", SSH);
    assert_false(fake_failed);
    assert_json(answer, "outcome", "\"partial\"");
    assert_json(answer, "git_connected", "false");
    assert_step(answer, "update_project", "failed");
    assert_contains(text_at(answer, "left_to_do/0"), "add deploy_key");
    assert_contains(text_at(answer, "left_to_do/1"), "call again");
}

static void test_the_second_call_connects(void **state)
{
    (void)state;
    fake_forget();
    fake_answers("GET " P, "{\"id\":\"shop\",\"name\":\"shop\",\"git_remote_url\":null}");
    fake_answers_text("GET " P "/git/deploy_key", "ssh-rsa AAAA looker");
    fake_answers("PATCH " P, "{\"id\":\"shop\"}");
    struct lk_str answer = run_tool("bootstrap_lookml_project", SSH);
    assert_json(answer, "outcome", "\"done\"");
    assert_step(answer, "create_project", "skipped");
    assert_step(answer, "create_git_deploy_key", "skipped");
    assert_json(answer, "deploy_key", "\"ssh-rsa AAAA looker\"");
    assert_int_equal(count_writes(), 1);
    /* By then it is a failure when it does not connect. */
    fake_forget();
    fake_answers("GET " P, "{\"id\":\"shop\",\"git_remote_url\":\"\"}");
    fake_answers_text("GET " P "/git/deploy_key", "ssh-rsa AAAA looker");
    fake_fails("PATCH " P, 400, "Cannot connect to the git remote");
    answer = run_tool("bootstrap_lookml_project", SSH);
    assert_true(fake_failed);
    assert_json(answer, "detail", "\"Cannot connect to the git remote\"");
}

static void test_what_is_connected_is_left_alone(void **state)
{
    (void)state;
    fake_forget();
    fake_answers("GET " P, "{\"id\":\"shop\",\"git_remote_url\":\"git@example.com:acme/shop.git\","
                           "\"git_service_name\":\"github\",\"pull_request_mode\":\"links\"}");
    fake_answers_text("GET " P "/git/deploy_key", "ssh-rsa AAAA looker");
    struct lk_str answer = run_tool("bootstrap_lookml_project", SSH);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "git_connected", "true");
    assert_int_equal(count_writes(), 0);
}

static void test_another_remote_is_not_overwritten(void **state)
{
    (void)state;
    fake_forget();
    fake_answers("GET " P, "{\"id\":\"shop\",\"git_remote_url\":\"git@example.com:other.git\"}");
    struct lk_str answer = run_tool("bootstrap_lookml_project", SSH);
    assert_true(fake_failed);
    assert_contains(text_at(answer, "error"), "git@example.com:other.git");
    assert_int_equal(fake_n_requests, 1);
}

static void test_no_key_over_http(void **state)
{
    (void)state;
    fake_play(fresh, N(fresh), N(fresh));
    struct lk_str answer = run_tool("bootstrap_lookml_project", HTTPS);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "deploy_key", "(absent)");
    assert_not_sent("POST " P "/git");
    assert_contains(request_of("PATCH " P), "\"git_password\":\"t0ken\"");
    assert_null(strstr(lk_arena_cstr(fake_arena, answer), "t0ken"));
}

static void test_a_preview_creates_nothing(void **state)
{
    (void)state;
    fake_play(fresh, N(fresh), N(fresh));
    struct lk_str answer = run_tool("bootstrap_lookml_project", DRY);
    assert_json(answer, "outcome", "\"preview\"");
    assert_step(answer, "create_project", "planned");
    assert_step(answer, "update_project", "planned");
    assert_int_equal(count_writes(), 0);
}

static void test_each_step_of_a_project_that_fails(void **state)
{
    static const struct fake_call_row existing[] = {
        {"find_project", "GET " P, "{\"id\":\"shop\"}", ROW},
        {"read_git_deploy_key", "GET " P "/git/deploy_key", "ssh-rsa AAAA", TEXT},
        {"update_project", "PATCH " P, "{}", ROW},
    };

    (void)state;
    fail_each_step("bootstrap_lookml_project", SSH, fresh, N(fresh));
    fail_each_step("bootstrap_lookml_project", SSH, existing, N(existing));
}

/* ---- provision_connection ---- */

#define C "/connections/shop_db"
#define CONNECTION                                                                                 \
    "{\"name\":\"shop_db\",\"dialect_name\":\"postgres\",\"host\":\"db.example.com\","             \
    "\"port\":5432,\"ssl\":true,\"password\":\"pa55\",\"tmp_db_name\":\"scratch\","                \
    "\"pdts_enabled\":true"
#define PROVISION CONNECTION "}"
#define EXISTING                                                                                   \
    "{\"name\":\"shop_db\",\"dialect_name\":\"postgres\",\"host\":\"db.example.com\","             \
    "\"port\":\"5432\",\"ssl\":true,\"tmp_db_name\":\"scratch\",\"pdts_enabled\":true}"
#define PASSED                                                                                     \
    "[{\"name\":\"connect\",\"status\":\"success\",\"message\":\"Can connect\"},"                  \
    "{\"name\":\"query\",\"status\":\"success\",\"connection_string\":\"jdbc:secret\"}]"

static const struct fake_call_row connecting[] = {
    {"create_connection", "POST /connections", EXISTING, ROW},
    {"test_connection", "PUT " C "/test", PASSED, CHANGED},
};

static void test_a_connection_that_works(void **state)
{
    (void)state;
    fake_play(connecting, N(connecting), N(connecting));
    struct lk_str answer = run_tool("provision_connection", PROVISION);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "healthy", "true");
    assert_json(answer, "tests/1", "{\"name\":\"query\",\"status\":\"success\"}");
    const char *sent = request_of("POST /connections");
    assert_contains(sent, "\"port\":\"5432\"");
    assert_contains(sent, "\"password\":\"pa55\"");
    assert_null(strstr(sent, "pdts_enabled"));
    assert_null(strstr(lk_arena_cstr(fake_arena, answer), "pa55"));
}

static void test_healthy_only_when_all_tests_passed(void **state)
{
    static const char one_failed[] = "[{\"name\":\"connect\",\"status\":\"success\"},"
                                     "{\"name\":\"query\",\"status\":\"error\","
                                     "\"message\":\"no such user\"}]";
    static const char *const results[] = {
        "[]",
        one_failed,
        "[{\"name\":\"connect\"}]",
    };

    (void)state;
    for (size_t i = 0; i < N(results); i++) {
        fake_play(connecting, 1, N(connecting));
        fake_answers("PUT " C "/test", results[i]);
        struct lk_str answer = run_tool("provision_connection", PROVISION);
        assert_true(fake_failed);
        assert_json(answer, "healthy", "false");
        assert_json(answer, "changed/0", "\"created connection shop_db\"");
        assert_contains(text_at(answer, "left_to_do/0"), "update_connection");
        if (i == 1)
            assert_json(answer, "detail", "\"query: no such user\"");
    }
}

static void test_one_that_exists_is_tested_not_made(void **state)
{
    (void)state;
    fake_play(connecting, N(connecting), N(connecting));
    fake_answers("GET " C, EXISTING);
    struct lk_str answer = run_tool("provision_connection", PROVISION);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "healthy", "true");
    assert_step(answer, "create_connection", "skipped");
    assert_not_sent("POST /connections");
}

static void test_another_of_that_name_is_not_overwritten(void **state)
{
    (void)state;
    fake_play(connecting, N(connecting), N(connecting));
    fake_answers("GET " C, "{\"name\":\"shop_db\",\"dialect_name\":\"mysql\",\"port\":\"5432\","
                           "\"host\":null,\"ssl\":true,\"tmp_db_name\":\"scratch\"}");
    struct lk_str answer = run_tool("provision_connection", PROVISION);
    assert_true(fake_failed);
    assert_contains(text_at(answer, "error"), "dialect_name is \\\"mysql\\\" there");
    assert_contains(text_at(answer, "error"), "host is \\\"\\\" there");
    assert_null(strstr(text_at(answer, "error"), "port"));
    assert_null(strstr(text_at(answer, "error"), "pa55"));
    assert_int_equal(count_writes(), 0);
}

static void test_derived_tables_need_a_schema(void **state)
{
    (void)state;
    refuse_tool("provision_connection",
                "{\"name\":\"a\",\"dialect_name\":\"postgres\",\"pdts_enabled\":true}");
    assert_contains(fake_error.message, "tmp_db_name");
    refuse_tool("provision_connection", "{\"name\":\"a\",\"dialect_name\":\"postgres\","
                                        "\"pdts_enabled\":false,\"tmp_db_name\":\"s\"}");
    assert_contains(fake_error.message, "pdts_enabled");
    /* Where Looker has decided otherwise, that is said. */
    fake_forget();
    fake_answers("POST /connections", "{\"name\":\"shop_db\",\"pdts_enabled\":false}");
    fake_answers("PUT " C "/test", PASSED);
    struct lk_str answer = run_tool("provision_connection", PROVISION);
    assert_contains(text_at(answer, "left_to_do/0"), "are off");
}

static void test_a_preview_makes_no_connection(void **state)
{
    (void)state;
    fake_play(connecting, N(connecting), N(connecting));
    struct lk_str answer = run_tool("provision_connection", CONNECTION ",\"dry_run\":true}");
    assert_json(answer, "outcome", "\"preview\"");
    assert_step(answer, "create_connection", "planned");
    assert_json(answer, "healthy", "(absent)");
    assert_int_equal(count_writes(), 0);
}

static void test_each_step_of_a_connection_that_fails(void **state)
{
    static const struct fake_call_row existing[] = {
        {"find_connection", "GET " C, EXISTING, ROW},
        {"test_connection", "PUT " C "/test", PASSED, ROW},
    };

    (void)state;
    fail_each_step("provision_connection", PROVISION, connecting, N(connecting));
    fail_each_step("provision_connection", PROVISION, existing, N(existing));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_project_a_key_and_a_repository),
        TEST(test_the_first_call_waits_for_the_key),
        TEST(test_the_second_call_connects),
        TEST(test_what_is_connected_is_left_alone),
        TEST(test_another_remote_is_not_overwritten),
        TEST(test_no_key_over_http),
        TEST(test_a_preview_creates_nothing),
        TEST(test_each_step_of_a_project_that_fails),
        TEST(test_a_connection_that_works),
        TEST(test_healthy_only_when_all_tests_passed),
        TEST(test_one_that_exists_is_tested_not_made),
        TEST(test_another_of_that_name_is_not_overwritten),
        TEST(test_derived_tables_need_a_schema),
        TEST(test_a_preview_makes_no_connection),
        TEST(test_each_step_of_a_connection_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
