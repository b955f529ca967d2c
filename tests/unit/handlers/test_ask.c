/*
 * What tools make of Looker's errors.
 */
#include "fake_looker.h"

#include "handlers/ask.h"

#define ASK "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.a\"]}"

/* Looker answers a login with unknown credentials with 404. */
static void test_refused_credentials_are_not_a_missing_explore(void **state)
{
    (void)state;
    fake_refuses("POST /queries", 404);
    const struct lk_error *err = refuse_tool("query", ASK);
    assert_int_equal(err->kind, LK_ERROR_AUTH);
    assert_string_equal(err->message, "Looker refused the credentials");
}

static void test_long_words_are_cut_between_characters(void **state)
{
    char text[801];

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    text[800] = '\0';
    for (int shift = 0; shift < 2; shift++) {
        struct lk_error err = {.kind = LK_ERROR_UPSTREAM, .status = 404, .detail = "Not found"};
        assert_false(lk_explain_status(&err, 404, "%s%s", shift ? "x" : "", text));
        assert_true(lk_str_is_utf8(lk_str(err.message)));
        assert_contains(err.message, "\xc3\xa4...");
        assert_int_equal(err.kind, LK_ERROR_UPSTREAM);
        assert_int_equal(err.status, 404);
        assert_string_equal(err.detail, "Not found");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_refused_credentials_are_not_a_missing_explore),
        TEST(test_long_words_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
