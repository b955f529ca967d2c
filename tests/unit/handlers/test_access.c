/*
 * grant_access and revoke_access: nobody else comes or goes.
 */
#include "fake_steps.h"

#define ROLE "{\"id\":\"3\",\"name\":\"Viewer\",\"permission_set\":{}}"
#define ADA "{\"id\":\"2\",\"email\":\"ada@example.com\",\"display_name\":\"Ada Lovelace\"}"
#define GRANT "{\"principal_type\":\"user\",\"principal_id\":\"2\",\"role_id\":\"3\"}"
#define DRY                                                                                        \
    "{\"principal_type\":\"user\",\"principal_id\":\"2\",\"role_id\":\"3\",\"dry_run\":true}"
#define GROUP "{\"principal_type\":\"group\",\"principal_id\":2,\"role_id\":3}"

static const struct fake_call_row granting[] = {
    {"find_role", "GET /roles/3", ROLE, ROW},
    {"find_user", "GET /users/2", ADA, ROW},
    {"read_members", "GET /roles/3/users", "[{\"id\":\"1\"},{\"id\":5}]", ROW},
    {"set_role_users", "PUT /roles/3/users", "[]", ROW},
    {"read_members_again", "GET /roles/3/users", "[{\"id\":\"1\"},{\"id\":\"2\"},{\"id\":\"5\"}]",
     CHANGED},
};
static const struct fake_call_row revoking[] = {
    {"find_role", "GET /roles/3", ROLE, ROW},
    {"find_user", "GET /users/2", ADA, ROW},
    {"read_members", "GET /roles/3/users", "[{\"id\":\"1\"},{\"id\":\"2\"},{\"id\":\"5\"}]", ROW},
    {"set_role_users", "PUT /roles/3/users", "[]", ROW},
    {"read_members_again", "GET /roles/3/users", "[{\"id\":\"1\"},{\"id\":\"5\"}]", CHANGED},
    {"read_members_through_groups", "GET /roles/3/users", "[{\"id\":\"1\"},{\"id\":\"5\"}]",
     CHANGED | MAY_FAIL},
};
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static void test_granting_keeps_everybody(void **state)
{
    (void)state;
    fake_play(granting, N(granting), N(granting));
    struct lk_str answer = run_tool("grant_access", GRANT);
    assert_false(fake_failed);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "role", "\"role 3 (Viewer)\"");
    assert_string_equal(request_of("PUT "), "PUT /roles/3/users [\"1\",\"5\",\"2\"]");
    assert_step(answer, "verify", "done");
    assert_json(answer, "changed/0",
                "\"user 2 (Ada Lovelace, ada@example.com) was given role 3 (Viewer)\"");
    /* Those who have it through a group are not read: they would get it directly. */
    assert_contains(request_of("GET /roles/3/users"), "direct_association_only=true");
}

static void test_what_is_there_is_not_written(void **state)
{
    (void)state;
    fake_answers("GET /roles/3", ROLE);
    fake_answers("GET /users/2", ADA);
    fake_answers("GET /roles/3/users", "[{\"id\":\"2\"}]");
    struct lk_str answer = run_tool("grant_access", GRANT);
    assert_step(answer, "set_role_users", "skipped");
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "changed", "[]");
    assert_int_equal(count_writes(), 0);
}

static void test_a_preview_writes_nothing(void **state)
{
    (void)state;
    fake_play(granting, N(granting), N(granting));
    struct lk_str answer = run_tool("grant_access", DRY);
    assert_step(answer, "set_role_users", "planned");
    assert_json(answer, "outcome", "\"preview\"");
    assert_int_equal(count_writes(), 0);
    fake_play(revoking, N(revoking), N(revoking));
    answer = run_tool("revoke_access", DRY);
    assert_step(answer, "set_role_users", "planned");
    assert_json(answer, "outcome", "\"preview\"");
    assert_int_equal(count_writes(), 0);
}

static void test_somebody_who_came_meanwhile_is_named(void **state)
{
    (void)state;
    fake_play(granting, N(granting) - 1, N(granting));
    fake_answers("GET /roles/3/users", "[{\"id\":\"1\"},{\"id\":\"2\"},{\"id\":\"5\"},"
                                       "{\"id\":\"8\"}]");
    struct lk_str answer = run_tool("grant_access", GRANT);
    assert_false(fake_failed);
    assert_json(step_of(answer, "verify"), "detail",
                "\"nobody was lost; meanwhile somebody else added users 8\"");
}

static void test_somebody_lost_is_said(void **state)
{
    (void)state;
    fake_play(granting, N(granting) - 1, N(granting));
    fake_answers("GET /roles/3/users", "[{\"id\":\"2\"}]");
    struct lk_str answer = run_tool("grant_access", GRANT);
    assert_true(fake_failed);
    assert_step(answer, "verify", "failed");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "error")), "1, 5");
    assert_json(answer, "changed/1", "(absent)");
}

static void test_revoking_takes_one_out(void **state)
{
    (void)state;
    fake_play(revoking, N(revoking), N(revoking));
    struct lk_str answer = run_tool("revoke_access", GRANT);
    assert_false(fake_failed);
    assert_string_equal(request_of("PUT "), "PUT /roles/3/users [\"1\",\"5\"]");
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "left_to_do", "[]");
}

static void test_a_role_through_a_group_is_left_to_do(void **state)
{
    (void)state;
    fake_play(revoking, N(revoking) - 1, N(revoking));
    fake_answers("GET /roles/3/users", "[{\"id\":\"2\"}]");
    struct lk_str answer = run_tool("revoke_access", GRANT);
    assert_false(fake_failed);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do/0")), "through a group");
    assert_contains(fake_requests[fake_n_requests - 1], "direct_association_only=false");
}

static void test_a_change_that_did_not_happen_is_said(void **state)
{
    (void)state;
    fake_play(revoking, 4, N(revoking));
    fake_answers("GET /roles/3/users", "[{\"id\":\"1\"},{\"id\":\"2\"},{\"id\":\"5\"}]");
    struct lk_str answer = run_tool("revoke_access", GRANT);
    assert_true(fake_failed);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "error")), "still has");
}

static void test_groups(void **state)
{
    (void)state;
    fake_answers("GET /roles/3", ROLE);
    fake_answers("GET /groups/2", "{\"id\":\"2\",\"name\":\"Analysts\"}");
    fake_answers("GET /roles/3/groups", "[]");
    fake_answers("PUT /roles/3/groups", "[]");
    fake_answers("GET /roles/3/groups", "[{\"id\":\"2\"}]");
    struct lk_str answer = run_tool("grant_access", GROUP);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "principal", "\"group 2 (Analysts)\"");
    assert_string_equal(request_of("PUT "), "PUT /roles/3/groups [\"2\"]");

    fake_forget();
    fake_answers("GET /roles/3", ROLE);
    fake_answers("GET /groups/2", "{\"id\":\"2\",\"name\":\"Analysts\"}");
    fake_answers("GET /roles/3/groups", "[{\"id\":\"2\"}]");
    fake_answers("PUT /roles/3/groups", "[]");
    fake_answers("GET /roles/3/groups", "[]");
    answer = run_tool("revoke_access", GROUP);
    assert_json(answer, "outcome", "\"done\"");
    assert_string_equal(request_of("PUT "), "PUT /roles/3/groups []");
}

static void test_by_address(void **state)
{
    (void)state;
    fake_play(granting, N(granting), N(granting));
    fake_answers("GET /users/search", "[" ADA "]");
    run_tool("grant_access", "{\"principal_type\":\"user\",\"principal_id\":\"Ada@example.com\","
                             "\"role_id\":\"3\"}");
    assert_string_equal(request_of("PUT "), "PUT /roles/3/users [\"1\",\"5\",\"2\"]");
}

static void test_names_that_are_not_there(void **state)
{
    (void)state;
    struct lk_str answer = run_tool("grant_access", GRANT);
    assert_true(fake_failed);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "error")), "list_roles");
    fake_forget();
    fake_answers("GET /roles/3", ROLE);
    answer = run_tool("grant_access", GROUP);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "error")), "list_groups");
    refuse_tool("grant_access",
                "{\"principal_type\":\"robot\",\"principal_id\":\"2\",\"role_id\":\"3\"}");
    assert_contains(fake_error.message, "principal_type");
}

static void test_each_step_that_fails(void **state)
{
    (void)state;
    fail_each_step("grant_access", GRANT, granting, N(granting));
    fail_each_step("revoke_access", GRANT, revoking, N(revoking));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_granting_keeps_everybody),
        TEST(test_what_is_there_is_not_written),
        TEST(test_a_preview_writes_nothing),
        TEST(test_somebody_who_came_meanwhile_is_named),
        TEST(test_somebody_lost_is_said),
        TEST(test_revoking_takes_one_out),
        TEST(test_a_role_through_a_group_is_left_to_do),
        TEST(test_a_change_that_did_not_happen_is_said),
        TEST(test_groups),
        TEST(test_by_address),
        TEST(test_names_that_are_not_there),
        TEST(test_each_step_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
