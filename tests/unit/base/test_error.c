/*
 * base/error: the first error wins, and texts are cut between characters.
 */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void the_first_error_wins(void **state)
{
    (void)state;
    struct lk_error err = {0};
    assert_false(lk_fail(&err, LK_ERROR_TIMEOUT, "no answer in %d ms", 500));
    assert_false(lk_fail(&err, LK_ERROR_INTERNAL, "later"));
    assert_int_equal(err.kind, LK_ERROR_TIMEOUT);
    assert_string_equal(err.message, "no answer in 500 ms");
    lk_error_detail(&err, "one");
    lk_error_detail(&err, "two");
    assert_string_equal(err.detail, "one");
}

static void null_and_unset_errors_are_legal(void **state)
{
    (void)state;
    struct lk_error err = {0};
    assert_false(lk_fail(NULL, LK_ERROR_PARSE, "nobody listens"));
    lk_error_detail(NULL, "nobody listens");
    lk_error_detail(&err, "of no error");
    assert_string_equal(err.detail, "");
}

/* A message of `n` bytes "x" and then two-byte characters, longer than the field. */
static void cut_at(size_t n)
{
    struct lk_error err = {0};
    char text[2000] = {0};
    memset(text, 'x', n);
    for (size_t i = n; i < 1990; i += 2)
        memcpy(text + i, "\xc3\xbc", 2);
    lk_fail(&err, LK_ERROR_PARSE, "%s", text);
    size_t len = strlen(err.message);
    assert_in_range(len, sizeof(err.message) - 5, sizeof(err.message) - 1);
    assert_true(lk_str_is_utf8(lk_str(err.message)));
    assert_string_equal(err.message + len - 3, "...");
}

static void long_texts_end_in_dots_between_characters(void **state)
{
    (void)state;
    cut_at(0);
    cut_at(1);

    struct lk_error err = {0};
    char text[640];
    memset(text, 'x', 639);
    text[639] = '\0';
    lk_fail(&err, LK_ERROR_PARSE, "%s", text);
    assert_string_equal(err.message, text); /* fits exactly */
    lk_error_detail(&err, "%sy", text);
    assert_int_equal(strlen(err.detail), 639);
    assert_string_equal(err.detail + 636, "...");
}

static void advice_follows_the_message(void **state)
{
    (void)state;
    struct lk_error err = {0};
    char text[640];

    lk_error_advise(NULL, "nobody listens");
    lk_error_advise(&err, "of no error");
    assert_string_equal(err.message, "");
    lk_fail(&err, LK_ERROR_TIMEOUT, "no answer in %d ms", 500);
    lk_error_advise(&err, "wait %s", "longer");
    assert_string_equal(err.message, "no answer in 500 ms; wait longer");

    for (size_t len = 600; len < 640; len++) {
        memset(text, 'x', len);
        text[len] = '\0';
        err = (struct lk_error){0};
        lk_fail(&err, LK_ERROR_TIMEOUT, "%s", text);
        lk_error_advise(&err, "advice that is longer than what is left of the message");
        assert_true(strlen(err.message) >= len && strlen(err.message) < sizeof(err.message));
        assert_memory_equal(err.message, text, len);
    }
}

static void kinds_have_names(void **state)
{
    (void)state;
    assert_string_equal(lk_error_kind_name(LK_ERROR_ARGUMENT), "argument");
    assert_string_equal(lk_error_kind_name(LK_ERROR_INTERNAL), "internal");
    for (int kind = LK_ERROR_NONE; kind <= LK_ERROR_INTERNAL; kind++)
        assert_non_null(lk_error_kind_name((enum lk_error_kind)kind));
    assert_string_equal(lk_error_kind_name((enum lk_error_kind)99), "internal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_error_wins),
        cmocka_unit_test(null_and_unset_errors_are_legal),
        cmocka_unit_test(long_texts_end_in_dots_between_characters),
        cmocka_unit_test(advice_follows_the_message),
        cmocka_unit_test(kinds_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
