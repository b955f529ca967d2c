/*
 * provision_user and rotate_api_credentials.
 */
#include "fake_steps.h"

#define ARGS                                                                                       \
    "{\"email\":\"new@example.com\",\"first_name\":\"New\",\"last_name\":\"Person\","              \
    "\"role_ids\":[3,\"4\"],\"group_ids\":[2],\"user_attribute_values\":{\"region\":\"EMEA\","     \
    "\"7\":\"x\"}"
#define ALL ARGS "}"
#define ATTRIBUTES                                                                                 \
    "[{\"id\":\"5\",\"name\":\"region\"},{\"id\":\"6\",\"name\":\"other\"},"                       \
    "{\"id\":\"7\",\"name\":\"seventh\"}]"

static const struct fake_call_row fresh[] = {
    {"find_user", "GET /users/search", "[]", ROW},
    {"find_user", "GET /users/search", "[]", ROW},
    {"check_roles", "GET /roles", "[{\"id\":\"3\"},{\"id\":\"4\"}]", ROW},
    {"check_groups", "GET /groups", "[{\"id\":\"2\"}]", ROW},
    {"check_user_attributes", "GET /user_attributes", ATTRIBUTES, ROW},
    {"create_user", "POST /users", "{\"id\":\"12\",\"group_ids\":[\"1\"]}", ROW},
    {"create_user_credentials_email", "POST /users/12/credentials_email", "{}", CHANGED},
    {"set_user_roles", "GET /users/12/roles", "[{\"id\":\"9\"}]", CHANGED},
    {"set_user_roles", "PUT /users/12/roles", "[]", CHANGED},
    {"add_group_user", "POST /groups/2/users", "{}", CHANGED},
    {"set_user_attribute_user_value", "PATCH /users/12/attribute_values/7", "{}", CHANGED},
    {"send_invite", "POST /users/12/credentials_email/send_password_reset", "{}", CHANGED},
};
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static void play_fresh(size_t failing)
{
    fake_play(fresh, N(fresh), failing);
    fake_answers("PATCH /users/12/attribute_values/5", "{}");
}

static void test_a_new_user_gets_everything(void **state)
{
    (void)state;
    play_fresh(N(fresh));
    struct lk_str answer = run_tool("provision_user", ALL);
    assert_false(fake_failed);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "user_id", "\"12\"");
    assert_json(answer, "created", "true");
    assert_string_equal(
        request_of("POST /users?"),
        "POST /users?fields=id%2Cgroup_ids {\"first_name\":\"New\",\"last_name\":\"Person\"}");
    assert_contains(request_of("POST /users/12/credentials_email"), "new@example.com");
    assert_contains(request_of("PUT /users/12/roles"), " [\"9\",\"3\",\"4\"]");
    assert_string_equal(request_of("POST /groups/2"), "POST /groups/2/users {\"user_id\":\"12\"}");
    assert_contains(request_of("PATCH /users/12/attribute_values/5"), "{\"value\":\"EMEA\"}");
    assert_contains(request_of("PATCH /users/12/attribute_values/7"), "{\"value\":\"x\"}");
    request_of("POST /users/12/credentials_email/send_password_reset");
    assert_int_equal(lk_json_count(at(answer, "changed")), 7);
    assert_json(answer, "left_to_do", "[]");
}

static void test_a_preview_changes_nothing(void **state)
{
    (void)state;
    play_fresh(N(fresh));
    struct lk_str answer = run_tool("provision_user", ARGS ",\"dry_run\":true}");
    assert_json(answer, "outcome", "\"preview\"");
    assert_step(answer, "create_user", "planned");
    assert_step(answer, "send_invite", "planned");
    assert_int_equal(count_writes(), 0);
}

#define ADOPTED                                                                                    \
    "{\"id\":\"12\",\"email\":\"New@Example.com\",\"first_name\":\"New\",\"last_name\":\"P.\","    \
    "\"display_name\":\"New P.\",\"group_ids\":[\"2\"],\"credentials_email\":{\"email\":"          \
    "\"new@example.com\",\"logged_in_at\":\"2024\"}}"

static void test_an_address_that_exists_is_completed(void **state)
{
    (void)state;
    fake_answers("GET /users/search", "[" ADOPTED "]");
    fake_answers("GET /roles", "[{\"id\":\"3\"},{\"id\":\"4\"}]");
    fake_answers("GET /groups", "[{\"id\":\"2\"}]");
    fake_answers("GET /user_attributes", ATTRIBUTES);
    fake_answers("GET /users/12/roles", "[{\"id\":\"3\"},{\"id\":\"4\"},{\"id\":\"8\"}]");
    fake_answers("GET /users/12/attribute_values",
                 "[{\"user_attribute_id\":\"5\",\"value\":\"EMEA\",\"source\":\"User\"},"
                 "{\"user_attribute_id\":\"7\",\"value\":\"x\",\"source\":\"group\"}]");
    fake_answers("PATCH /users/12/attribute_values/7", "{}");
    struct lk_str answer = run_tool("provision_user", ALL);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "created", "false");
    assert_step(answer, "create_user", "skipped");
    assert_step(answer, "create_user_credentials_email", "skipped");
    assert_step(answer, "set_user_roles", "skipped");
    assert_step(answer, "add_group_user", "skipped");
    assert_step(answer, "send_invite", "skipped");
    assert_int_equal(count_writes(), 1);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do/0")), "New P.");
}

static void test_two_with_the_address_are_refused(void **state)
{
    (void)state;
    fake_answers("GET /users/search",
                 "[" ADOPTED ",{\"id\":\"13\",\"email\":\"new@example.com\"}]");
    struct lk_str answer = run_tool("provision_user", ALL);
    assert_true(fake_failed);
    assert_json(answer, "kind", "\"argument\"");
    assert_int_equal(count_writes(), 0);
}

static void test_a_disabled_user_is_refused(void **state)
{
    (void)state;
    fake_answers("GET /users/search",
                 "[{\"id\":\"13\",\"email\":\"new@example.com\",\"is_disabled\":true}]");
    struct lk_str answer = run_tool("provision_user", ALL);
    assert_true(fake_failed);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "error")), "is disabled");
    assert_int_equal(count_writes(), 0);
}

/* Who comes through single sign-on gets no password beside it. */
static void test_no_second_way_in(void **state)
{
    (void)state;
    fake_answers("GET /users/search",
                 "[{\"id\":\"12\",\"email\":\"new@example.com\",\"first_name\":\"N\","
                 "\"last_name\":\"P\",\"credentials_email\":null}]");
    struct lk_str answer =
        run_tool("provision_user",
                 "{\"email\":\"new@example.com\",\"first_name\":\"N\",\"last_name\":\"P\"}");
    assert_json(answer, "outcome", "\"done\"");
    assert_step(answer, "create_user_credentials_email", "skipped");
    assert_step(answer, "send_invite", "skipped");
    assert_int_equal(count_writes(), 0);
}

/* After a first call whose second step failed, there is a user without an address. */
static void test_a_second_call_does_not_make_a_second_user(void **state)
{
    static const char left_over[] =
        "[{\"id\":\"11\",\"email\":\"old@example.com\",\"first_name\":\"New\","
        "\"last_name\":\"Person\",\"credentials_email\":{\"email\":\"old@example.com\"}},"
        "{\"id\":\"12\",\"email\":null,\"first_name\":\"New\",\"last_name\":\"Person\","
        "\"credentials_email\":null,\"credentials_api3\":[],\"group_ids\":[]},"
        "{\"id\":\"14\",\"email\":\"\",\"first_name\":\"New\",\"last_name\":\"Person\","
        "\"credentials_api3\":[{\"id\":\"1\"}]}]";

    (void)state;
    play_fresh(6);
    struct lk_str answer = run_tool("provision_user", ALL);
    assert_true(fake_failed);
    assert_json(answer, "user_id", "\"12\"");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do/0")), "call again");
    assert_not_sent("PUT /users/12/roles");

    fake_forget();
    fake_answers("GET /users/search", "[]");
    fake_answers("GET /users/search", left_over);
    for (size_t i = 2; i < N(fresh); i++)
        fake_answers(fresh[i].route, fresh[i].body);
    fake_answers("PATCH /users/12/attribute_values/5", "{}");
    fake_answers("GET /users/12/attribute_values", "[]");
    answer = run_tool("provision_user", ALL);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "created", "false");
    assert_not_sent("POST /users?");
    assert_step(answer, "create_user_credentials_email", "done");
    assert_step(answer, "send_invite", "done");
}

static void test_two_left_overs_are_for_people_to_judge(void **state)
{
    (void)state;
    fake_answers("GET /users/search", "[]");
    fake_answers("GET /users/search",
                 "[{\"id\":\"12\",\"first_name\":\"New\",\"last_name\":\"Person\"},"
                 "{\"id\":\"13\",\"first_name\":\"New\",\"last_name\":\"Person\"}]");
    struct lk_str answer = run_tool("provision_user", ALL);
    assert_true(fake_failed);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "error")), "12 and 13");
    assert_int_equal(count_writes(), 0);
}

static void test_what_is_to_be_given_must_exist(void **state)
{
    static const struct {
        const char *arguments, *says;
    } wrong[] = {
        {"\"role_ids\":[77]", "there is no role 77; list_roles"},
        {"\"group_ids\":[\"88\"]", "there is no group 88; list_groups"},
        {"\"user_attribute_values\":{\"no\":\"x\"}", "\\\"no\\\"; list_user_attributes"},
    };

    (void)state;
    for (size_t i = 0; i < N(wrong); i++) {
        play_fresh(N(fresh));
        struct lk_str arguments = lk_arena_printf(
            fake_arena,
            "{\"email\":\"new@example.com\",\"first_name\":\"N\",\"last_name\":\"P\",%s}",
            wrong[i].arguments);
        struct lk_str answer = run_tool("provision_user", arguments.ptr);
        assert_true(fake_failed);
        assert_contains(lk_arena_cstr(fake_arena, at(answer, "error")), wrong[i].says);
        assert_int_equal(count_writes(), 0);
    }
    refuse_tool("provision_user",
                "{\"email\":\"nobody\",\"first_name\":\"N\",\"last_name\":\"P\"}");
    assert_contains(fake_error.message, "no e-mail address");
}

/* Whatever fails after the login, the rest is given all the same, but the invitation waits. */
static void test_one_failure_does_not_keep_back_the_rest(void **state)
{
    (void)state;
    play_fresh(8);
    struct lk_str answer = run_tool("provision_user", ALL);
    assert_true(fake_failed);
    assert_step(answer, "set_user_roles", "failed");
    assert_step(answer, "add_group_user", "done");
    assert_step(answer, "send_invite", "not_done");
    assert_not_sent("POST /users/12/credentials_email/send");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do/0")), "call again");
}

static void test_no_invitation_on_request(void **state)
{
    (void)state;
    play_fresh(N(fresh));
    struct lk_str answer = run_tool("provision_user", ARGS ",\"send_invite\":false}");
    assert_step(answer, "send_invite", "skipped");
    assert_not_sent("POST /users/12/credentials_email/send");
}

static void test_each_step_of_provisioning_that_fails(void **state)
{
    struct fake_call_row rows[N(fresh)];

    /* With one attribute only, so that every call is a row. */
    (void)state;
    memcpy(rows, fresh, sizeof(rows));
    fail_each_step("provision_user",
                   "{\"email\":\"new@example.com\",\"first_name\":\"New\",\"last_name\":\"Person\","
                   "\"role_ids\":[3,\"4\"],\"group_ids\":[2],"
                   "\"user_attribute_values\":{\"7\":\"x\"}}",
                   rows, N(rows));
}

/* ---- rotate_api_credentials ---- */

#define ROTATE "{\"user_id\":2,\"delete_previous_id\":\"5\"}"
#define ADA "{\"id\":\"2\",\"email\":\"ada@example.com\",\"display_name\":\"Ada\"}"

static const struct fake_call_row rotating[] = {
    {"find_user", "GET /users/2", ADA, ROW},
    {"read_credentials", "GET /users/2/credentials_api3",
     "[{\"id\":\"5\",\"client_id\":\"old\"},{\"id\":\"6\",\"client_id\":\"other\"}]", ROW},
    {"create_user_credentials_api3", "POST /users/2/credentials_api3",
     "{\"id\":\"9\",\"client_id\":\"new\",\"client_secret\":\"s3cret\",\"url\":\"u\"}", ROW},
    {"delete_user_credentials_api3", "DELETE /users/2/credentials_api3/5", "\"\"", CHANGED},
};

static void test_new_credentials_then_the_end_of_the_old(void **state)
{
    (void)state;
    fake_play(rotating, N(rotating), N(rotating));
    struct lk_str answer = run_tool("rotate_api_credentials", ROTATE);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "credentials",
                "{\"id\":\"9\",\"client_id\":\"new\",\"client_secret\":\"s3cret\"}");
    assert_string_equal(fake_requests[3], "DELETE /users/2/credentials_api3/5");
    assert_int_equal(fake_n_requests, 4);
}

static void test_nothing_is_deleted_unasked(void **state)
{
    (void)state;
    fake_play(rotating, N(rotating), N(rotating));
    struct lk_str answer = run_tool("rotate_api_credentials", "{\"user_id\":\"2\"}");
    assert_json(answer, "outcome", "\"done\"");
    assert_not_sent("DELETE");
}

/* The secret is shown once: also when the step after it fails. */
static void test_the_secret_survives_a_failure(void **state)
{
    (void)state;
    fake_play(rotating, N(rotating), 3);
    struct lk_str answer = run_tool("rotate_api_credentials", ROTATE);
    assert_true(fake_failed);
    assert_json(answer, "credentials/client_secret", "\"s3cret\"");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do/1")),
                    "delete_credentials_api3");
}

/* A key that nobody can use is no reason to delete the one that works. */
static void test_no_secret_no_deletion(void **state)
{
    (void)state;
    fake_forget();
    fake_answers("POST /users/2/credentials_api3", "{\"id\":\"9\",\"client_id\":\"new\"}");
    for (size_t i = 0; i < N(rotating); i++)
        if (i != 2)
            fake_answers(rotating[i].route, rotating[i].body);
    struct lk_str answer = run_tool("rotate_api_credentials", ROTATE);
    assert_true(fake_failed);
    assert_not_sent("DELETE");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "error")), "previous ones were kept");
    /* Whether there are more now is not known either. */
    fake_play(rotating, 2, 2);
    fake_keeps_silent("POST /users/2/credentials_api3");
    answer = run_tool("rotate_api_credentials", ROTATE);
    assert_not_sent("DELETE");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do")), "list_credentials_api3");
}

static void test_credentials_that_may_not_go(void **state)
{
    (void)state;
    fake_play(rotating, N(rotating), N(rotating));
    struct lk_str answer =
        run_tool("rotate_api_credentials", "{\"user_id\":2,\"delete_previous_id\":\"77\"}");
    assert_true(fake_failed);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "error")), "5, 6");
    assert_int_equal(count_writes(), 0);

    fake_play(rotating, N(rotating), N(rotating));
    fake_context.client_id = LK_STR("old");
    answer = run_tool("rotate_api_credentials", ROTATE);
    assert_true(fake_failed);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "error")), "this server itself");
    assert_int_equal(count_writes(), 0);
}

static void test_a_preview_creates_no_credentials(void **state)
{
    (void)state;
    fake_play(rotating, N(rotating), N(rotating));
    struct lk_str answer = run_tool(
        "rotate_api_credentials", "{\"user_id\":2,\"delete_previous_id\":\"5\",\"dry_run\":true}");
    assert_step(answer, "create_user_credentials_api3", "planned");
    assert_step(answer, "delete_user_credentials_api3", "planned");
    assert_json(answer, "credentials", "(absent)");
    assert_int_equal(count_writes(), 0);
}

static void test_each_step_of_rotating_that_fails(void **state)
{
    (void)state;
    fail_each_step("rotate_api_credentials", ROTATE, rotating, N(rotating));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_user_gets_everything),
        TEST(test_a_preview_changes_nothing),
        TEST(test_an_address_that_exists_is_completed),
        TEST(test_two_with_the_address_are_refused),
        TEST(test_a_disabled_user_is_refused),
        TEST(test_no_second_way_in),
        TEST(test_a_second_call_does_not_make_a_second_user),
        TEST(test_two_left_overs_are_for_people_to_judge),
        TEST(test_what_is_to_be_given_must_exist),
        TEST(test_one_failure_does_not_keep_back_the_rest),
        TEST(test_no_invitation_on_request),
        TEST(test_each_step_of_provisioning_that_fails),
        TEST(test_new_credentials_then_the_end_of_the_old),
        TEST(test_nothing_is_deleted_unasked),
        TEST(test_the_secret_survives_a_failure),
        TEST(test_no_secret_no_deletion),
        TEST(test_credentials_that_may_not_go),
        TEST(test_a_preview_creates_no_credentials),
        TEST(test_each_step_of_rotating_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
