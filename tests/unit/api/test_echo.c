/*
 * Secrets of a request that its answer repeats: api/echo.c.
 */
#include "../with_arena.h"

#include "api/echo.h"

static bool json(const char *body, const char *text)
{
    return lk_echoes_secret(arena, lk_str(body), false, lk_str(text));
}

static bool form(const char *body, const char *text)
{
    return lk_echoes_secret(arena, lk_str(body), true, lk_str(text));
}

static void test_members_that_are_secrets(void **state)
{
    (void)state;
    assert_true(json("{\"password\":\"hunter2\"}", "bad request: hunter2!"));
    assert_true(json("{\"a\":{\"b\":[1,{\"pdt_password\":\"hunter2\"}]}}", "hunter2"));
    assert_true(json("{\"client_secret\":{\"value\":[\"hunter2\"]}}", "x hunter2"));
    assert_true(json("{\"authorization_token\":\"hunter2\"}", "hunter2"));
    assert_true(json("{\"x_certificate\":\"MIIB\"}", "MIIB"));
    assert_true(json("{\"pass\\u0077ord\":\"hunter2\"}", "hunter2"));
}

static void test_what_is_no_secret_or_not_repeated(void **state)
{
    (void)state;
    assert_false(json("{\"password\":\"hunter2\"}", "hunter3 hunter"));
    assert_false(json("{\"password\":\"hunter2\"}", ""));
    assert_false(json("{\"name\":\"hunter2\"}", "no connection hunter2"));
    assert_false(json("{\"password\":\"abc\"}", "abc")); /* it could be any word's part */
    assert_false(json("{\"password\":12345678,\"secret\":true,\"token\":null}", "12345678 true"));
    assert_false(json("{\"password\":\"\"}", "anything"));
    assert_false(json("[\"hunter2\"]", "hunter2"));
    assert_false(json("\"hunter2\"", "hunter2"));
    assert_false(json("", "hunter2"));
}

static void test_escaped(void **state)
{
    const char *body = "{\"password\":\"a\\\"b\\\\c\\u00e9\"}";

    (void)state;
    assert_true(json(body, "as it is: a\"b\\c\xc3\xa9"));
    assert_true(json(body, "{\"password\":\"a\\\"b\\\\c\\u00e9\"}"));
    assert_true(
        json(body, "{\"message\":\"{\\\"password\\\":\\\"a\\\\\\\"b\\\\\\\\c\\\\u00e9\\\"}\"}"));
    assert_true(json("{\"password\":\"d\xc3\xa9j\xc3\xa0\"}", "d\\u00e9j\\u00E0 d\\u00"));
    assert_true(json("{\"password\":\"d\xc3\xa9j\xc3\xa0\"}", "d\\\\u00e9j\\\\u00e0"));
    assert_true(json("{\"password\":\"\xf0\x9f\x94\x91!\"}", "\\ud83d\\udd11!"));
    assert_true(json("{\"password\":\"\\ud83d\\udd11!\"}", "\xf0\x9f\x94\x91!"));
    assert_true(json("{\"password\":\"a/b/c\"}", "a\\/b\\/c\\"));
    assert_false(json("{\"password\":\"abcd\"}", "\\u00 \\ud83d\\u \\ud83d\\ud83d \\x \\u12"));
    assert_false(json(body, "a\\b"));
}

static void test_forms(void **state)
{
    (void)state;
    assert_true(form("client_id=abcd&client_secret=s3%2Fcr%65t", "it was s3/cret"));
    assert_true(form("client_id=abcd&client_secret=s3%2Fcr%65t", "s3%2Fcr%65t"));
    assert_false(form("client_id=abcd&client_secret=s3cret", "abcd"));
    assert_true(form("client_secret=abc%", "abc%"));
    assert_true(form("client_secret=abcd%2", "abcd%2"));
    assert_false(form("client_secret", "client_secret"));
    assert_false(form("&&=&client_secret=", "client_secret="));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_members_that_are_secrets),
        TEST(test_what_is_no_secret_or_not_repeated),
        TEST(test_escaped),
        TEST(test_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
