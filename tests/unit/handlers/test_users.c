/*
 * Finding a user by id or e-mail address: never somebody else.
 */
#include "fake_looker.h"

#include "handlers/users.h"

#define ADA "{\"id\":\"2\",\"email\":\"ada_l@example.com\"}"
#define ADAM "{\"id\":\"3\",\"email\":\"adaml@example.com\"}"

static const char *wanted;

/* A tool that answers the user, or {"none":true}. */
static bool by_email(struct mcp_call *call, const void *args, struct lk_error *err)
{
    struct lk_str user;

    (void)args;
    if (!lk_user_by_email(NULL, mcp_call_arena(call), lk_str(wanted), "role_ids", &user, err))
        return false;
    return lk_buf_str(mcp_call_answer(call), user.len > 0 ? user : LK_STR("{\"none\":true}"));
}

static bool find(struct mcp_call *call, const void *args, struct lk_error *err)
{
    struct lk_str user;

    (void)args;
    return lk_user_find(NULL, mcp_call_arena(call), lk_str(wanted), NULL, &user, err) &&
           lk_buf_str(mcp_call_answer(call), user);
}

static const char *ask(mcp_tool_fn *fn, const char *text)
{
    static struct mcp_tool tool;
    struct lk_str answer = {0};

    wanted = text;
    tool = (struct mcp_tool){.name = "find", .run = fn};
    fake_error = (struct lk_error){0};
    fake_call(&tool, "{}", 0, &answer);
    return lk_arena_cstr(fake_arena, answer);
}

static void test_only_the_very_address_counts(void **state)
{
    (void)state;
    fake_answers("GET /users/search", "[" ADAM "," ADA "]");
    assert_string_equal(ask(by_email, " ADA_L@example.com "), ADA);
    assert_contains(fake_requests[0], "email=ADA_L%40example.com");
    assert_contains(fake_requests[0], "fields=id%2Cemail%2Crole_ids");
}

static void test_nobody_is_nobody(void **state)
{
    (void)state;
    fake_answers("GET /users/search", "[" ADAM ",{\"id\":\"4\",\"email\":null}]");
    assert_string_equal(ask(by_email, "ada_l@example.com"), "{\"none\":true}");
    ask(find, "ada_l@example.com");
    assert_int_equal(fake_error.kind, LK_ERROR_ARGUMENT);
    assert_contains(fake_error.message, "ada_l@example.com");
    assert_contains(fake_error.message, "list_users");
}

static void test_two_with_one_address_are_an_error(void **state)
{
    (void)state;
    fake_answers("GET /users/search", "[" ADA ",{\"id\":\"9\",\"email\":\"Ada_L@Example.com\"}]");
    ask(find, "ada_l@example.com");
    assert_int_equal(fake_error.kind, LK_ERROR_ARGUMENT);
    assert_contains(fake_error.message, "2 and 9");
}

static const char *full_page(void)
{
    struct lk_str page = LK_STR("[" ADAM);

    for (int i = 1; i < 100; i++)
        page = lk_arena_printf(fake_arena, "%.*s," ADAM, LK_STR_ARG(page));
    return lk_arena_printf(fake_arena, "%.*s]", LK_STR_ARG(page)).ptr;
}

static void test_later_pages_are_read(void **state)
{
    (void)state;
    fake_answers("GET /users/search", full_page());
    fake_answers("GET /users/search", "[" ADA "]");
    assert_string_equal(ask(find, "ada_l@example.com"), ADA);
    assert_contains(fake_requests[0], "offset=0");
    assert_contains(fake_requests[1], "offset=100");
    assert_contains(fake_requests[1], "sorts=id");
}

static void test_a_pattern_that_matches_everybody_ends(void **state)
{
    (void)state;
    fake_answers("GET /users/search", full_page());
    ask(find, "%@%");
    assert_int_equal(fake_error.kind, LK_ERROR_LIMIT);
}

static void test_by_id(void **state)
{
    (void)state;
    fake_answers("GET /users/2", ADA);
    assert_string_equal(ask(find, "2"), ADA);
    ask(find, "77");
    assert_int_equal(fake_error.status, 404);
    assert_contains(fake_error.message, "list_users");
    assert_string_equal(fake_error.detail, "Not found");
}

static void test_an_id_is_compared_as_well(void **state)
{
    (void)state;
    fake_answers("GET /users/2abc", ADA);
    ask(find, "2abc");
    assert_int_equal(fake_error.kind, LK_ERROR_ARGUMENT);
    assert_contains(fake_error.message, "the user 2;");
    fake_answers("GET /users/4", "{\"email\":\"ada_l@example.com\"}");
    ask(find, "4");
    assert_int_equal(fake_error.kind, LK_ERROR_ARGUMENT);
    assert_contains(fake_error.message, "without an id");
}

static void test_other_failures_come_through(void **state)
{
    (void)state;
    fake_fails("GET /users/search", 403, "Not for you");
    ask(find, "a@example.com");
    assert_int_equal(fake_error.status, 403);
    assert_string_equal(fake_error.detail, "Not for you");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_only_the_very_address_counts),
        TEST(test_nobody_is_nobody),
        TEST(test_two_with_one_address_are_an_error),
        TEST(test_later_pages_are_read),
        TEST(test_a_pattern_that_matches_everybody_ends),
        TEST(test_by_id),
        TEST(test_an_id_is_compared_as_well),
        TEST(test_other_failures_come_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
