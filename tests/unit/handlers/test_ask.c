/*
 * What tools make of Looker's errors.
 */
#include "fake_looker.h"

#define ASK "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.a\"]}"

/* Looker answers a login with unknown credentials with 404. */
static void test_refused_credentials_are_not_a_missing_explore(void **state)
{
    (void)state;
    fake_refuses("POST /queries/run/json", 404);
    const struct lk_error *err = refuse_tool("query", ASK);
    assert_int_equal(err->kind, LK_ERROR_AUTH);
    assert_string_equal(err->message, "Looker refused the credentials");
}

static void test_long_names_are_cut_between_characters(void **state)
{
    char name[256] = "xx", arguments[700];

    (void)state;
    for (size_t i = 2; i + 2 < sizeof(name); i += 2)
        memcpy(name + i, "\xc3\xa4", 3);
    for (size_t shift = 0; shift < 2; shift++) {
        snprintf(arguments, sizeof(arguments),
                 "{\"model\":\"%s\",\"view\":\"%s\",\"fields\":[\"a\"]}", name + shift,
                 name + shift);
        fake_fails("POST /queries/run/json", 404, "Not found");
        assert_true(lk_str_is_utf8(lk_str(refuse_tool("query", arguments)->message)));
    }
    assert_string_equal(fake_error.detail, "Not found");
    assert_int_equal(fake_error.status, 404);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_refused_credentials_are_not_a_missing_explore),
        TEST(test_long_names_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
