/*
 * create_user and update_user: nobody is made twice, and what failed is said.
 */
#include "fake_steps.h"

#define WHOLE                                                                                      \
    "{\"first_name\":\"Mary\",\"last_name\":\"Jackson\",\"email\":\" mary@example.com \","         \
    "\"role_ids\":[3,\"3\"],\"group_ids\":[\"2\",5]}"
#define ADA                                                                                        \
    "{\"id\":\"2\",\"email\":\"Mary@Example.com\",\"role_ids\":[\"1\",\"3\"],"                     \
    "\"group_ids\":[\"1\",\"2\"],\"is_disabled\":true}"
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct fake_call_row creating[] = {
    {"find_user", "GET /users/search", "[]", ROW},
    {"create_user", "POST /users", "{\"id\":\"12\"}", ROW},
    {"create_email_login", "POST /users/12/credentials_email", "{\"email\":\"x\"}", CHANGED},
    {"set_roles", "PUT /users/12/roles", "[]", CHANGED},
    {"add_to_group", "POST /groups/2/users", "{\"id\":\"12\"}", CHANGED},
    {"add_to_group", "POST /groups/5/users", "{\"id\":\"12\"}", CHANGED},
};
static const struct fake_call_row completing[] = {
    {"find_user", "GET /users/search", "[" ADA "]", ROW},
    {"set_roles", "GET /users/2/roles", "[{\"id\":\"1\"}]", ROW},
    {"set_roles", "PUT /users/2/roles", "[]", ROW},
    {"add_to_group", "POST /groups/5/users", "{\"id\":\"2\"}", CHANGED},
};
static const struct fake_call_row updating[] = {
    {"update_user", "PATCH /users/2", "{\"id\":\"2\"}", ROW},
    {"set_roles", "PUT /users/2/roles", "[]", CHANGED},
};
#define UPDATE "{\"user_id\":2,\"first_name\":\"Augusta\",\"role_ids\":[\"3\",3]}"

static void test_a_user_is_made_in_parts(void **state)
{
    (void)state;
    fake_play(creating, N(creating), N(creating));
    struct lk_str answer = run_tool("create_user", WHOLE);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "user_id", "\"12\"");
    assert_json(answer, "created", "true");
    assert_json(answer, "left_to_do", "[]");
    /* Neither address nor roles nor groups: Looker refuses them here. */
    assert_string_equal(
        request_of("POST /users?"),
        "POST /users?fields=id {\"first_name\":\"Mary\",\"last_name\":\"Jackson\"}");
    assert_contains(request_of("POST /users/12/credentials_email"),
                    "{\"email\":\"mary@example.com\"}");
    assert_contains(request_of("PUT /users/12/roles"), "[\"3\"]");
    assert_contains(request_of("POST /groups/5/users"), "{\"user_id\":\"12\"}");
}

static void test_nobody_is_made_twice(void **state)
{
    (void)state;
    fake_play(completing, N(completing), N(completing));
    struct lk_str answer = run_tool("create_user", WHOLE);
    assert_json(answer, "created", "false");
    assert_json(answer, "user_id", "\"2\"");
    assert_step(answer, "create_user", "skipped");
    assert_contains(lk_arena_cstr(fake_arena, at(step_of(answer, "create_user"), "detail")),
                    "is disabled");
    assert_not_sent("POST /users");
    /* Roles are added to those given directly, not put in their place. */
    assert_contains(request_of("GET /users/2/roles"), "direct_association_only=true");
    assert_contains(request_of("PUT /users/2/roles"), "[\"1\",\"3\"]");
    assert_not_sent("POST /groups/2/users");
}

static void test_what_is_complete_is_left_alone(void **state)
{
    (void)state;
    fake_answers("GET /users/search", "[" ADA "]");
    fake_answers("GET /users/2/roles", "[{\"id\":\"3\"},{\"id\":\"1\"}]");
    struct lk_str answer =
        run_tool("create_user", "{\"first_name\":\"M\",\"last_name\":\"J\",\"email\":"
                                "\"mary@example.com\",\"role_ids\":[3],\"group_ids\":[2]}");
    assert_int_equal(count_writes(), 0);
    assert_json(answer, "changed", "[]");
    assert_json(answer, "outcome", "\"done\"");
}

/* `_` is a wildcard to Looker's search: somebody who is found is not yet the one. */
static void test_a_similar_address_is_somebody_else(void **state)
{
    (void)state;
    fake_answers("GET /users/search", "[{\"id\":\"5\",\"email\":\"maryXann@example.com\"}]");
    fake_answers("POST /users", "{\"id\":\"12\"}");
    fake_answers("POST /users/12/credentials_email", "{}");
    struct lk_str answer = run_tool("create_user", "{\"first_name\":\"M\",\"last_name\":\"J\","
                                                   "\"email\":\"mary_ann@example.com\"}");
    assert_json(answer, "user_id", "\"12\"");
    assert_json(answer, "outcome", "\"done\"");
}

static void test_two_with_one_address_are_an_error(void **state)
{
    (void)state;
    fake_answers("GET /users/search", "[" ADA ",{\"id\":\"7\",\"email\":\"mary@example.com\"}]");
    struct lk_str answer = run_tool("create_user", WHOLE);
    assert_true(fake_failed);
    assert_int_equal(count_writes(), 0);
    assert_json(answer, "created", "false");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "error")), "2 and 7");
}

static const char *left(struct lk_str answer)
{
    return lk_arena_cstr(fake_arena, at(answer, "left_to_do"));
}

static void test_failures_of_create_user_say_what_is_left(void **state)
{
    (void)state;
    fail_each_step("create_user", WHOLE, creating, N(creating));
    fail_each_step("create_user", WHOLE, completing, N(completing));

    fake_play(creating, N(creating), 1);
    assert_contains(left(run_tool("create_user", WHOLE)), "nobody was created");
    /* The login failed: a second call would not find the user, so it is told not to. */
    fake_play(creating, N(creating), 2);
    struct lk_str answer = run_tool("create_user", WHOLE);
    assert_json(answer, "user_id", "\"12\"");
    assert_json(answer, "created", "true");
    assert_contains(left(answer), "create_credentials_email");
    assert_contains(left(answer), "would create a second user");
    assert_null(strstr(left(answer), "call create_user again"));
    assert_contains(left(answer), "user 12 the roles 3 with set_user_roles");
    assert_contains(left(answer), "user 12 into group 2 with add_group_user");
    /* The second group failed: the first is not named. */
    fake_play(creating, N(creating), 5);
    answer = run_tool("create_user", WHOLE);
    assert_contains(left(answer), "into group 5");
    assert_null(strstr(left(answer), "into group 2"));
    assert_null(strstr(left(answer), "roles"));
    assert_contains(left(answer), "call create_user again with the same email");
    /* Of somebody who was there before, set_user_roles would take the other roles away. */
    fake_play(completing, N(completing), 2);
    answer = run_tool("create_user", WHOLE);
    assert_contains(left(answer), "add the roles 3 to those of user 2");
    assert_null(strstr(left(answer), "set_user_roles"));
}

/* Whether there is a user now is not known: it must not be said that there is none. */
static void test_a_creation_without_an_answer(void **state)
{
    (void)state;
    fake_forget();
    fake_answers("GET /users/search", "[]");
    fake_keeps_silent("POST /users");
    struct lk_str answer = run_tool("create_user", WHOLE);
    assert_true(fake_failed);
    assert_null(strstr(left(answer), "nobody was created"));
    assert_contains(left(answer), "look with list_users whether Mary Jackson is there");
    assert_int_equal(count_writes(), 1);
    /* One without an id is none that could be gone on with. */
    fake_forget();
    fake_answers("GET /users/search", "[]");
    fake_answers("POST /users", "{}");
    answer = run_tool("create_user", WHOLE);
    assert_json(answer, "kind", "\"parse\"");
    assert_contains(left(answer), "look with list_users");
    assert_int_equal(count_writes(), 1);
}

static void test_update_user_sends_what_is_given(void **state)
{
    (void)state;
    fake_play(updating, N(updating), N(updating));
    struct lk_str answer = run_tool("update_user", UPDATE);
    assert_json(answer, "outcome", "\"done\"");
    assert_contains(request_of("PATCH /users/2"), "{\"first_name\":\"Augusta\"}");
    assert_contains(request_of("PUT /users/2/roles"), "[\"3\"]");

    fake_forget();
    fake_answers("PUT /users/2/roles", "[]");
    answer = run_tool("update_user", "{\"user_id\":\"2\",\"role_ids\":[]}");
    assert_step(answer, "update_user", "skipped");
    assert_contains(request_of("PUT /users/2/roles"), "[]");

    fake_forget();
    assert_contains(refuse_tool("update_user", "{\"user_id\":\"2\"}")->message,
                    "nothing to change");
    assert_int_equal(fake_n_requests, 0);
}

static void test_failures_of_update_user(void **state)
{
    (void)state;
    fail_each_step("update_user", UPDATE, updating, N(updating));
    fake_play(updating, N(updating), 0);
    struct lk_str answer = run_tool("update_user", UPDATE);
    assert_step(answer, "set_roles", "not_done");
    assert_int_equal(count_writes(), 1);
    fake_play(updating, N(updating), 1);
    assert_contains(left(run_tool("update_user", UPDATE)), "they are as before");
    fake_forget();
    fake_answers("PATCH /users/2", "{}");
    fake_keeps_silent("PUT /users/2/roles");
    assert_null(strstr(left(run_tool("update_user", UPDATE)), "as before"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_user_is_made_in_parts),
        TEST(test_nobody_is_made_twice),
        TEST(test_what_is_complete_is_left_alone),
        TEST(test_a_similar_address_is_somebody_else),
        TEST(test_two_with_one_address_are_an_error),
        TEST(test_failures_of_create_user_say_what_is_left),
        TEST(test_a_creation_without_an_answer),
        TEST(test_update_user_sends_what_is_given),
        TEST(test_failures_of_update_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
