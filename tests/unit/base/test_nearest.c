/*
 * Did you mean …? What counts as near.
 */
#include "../test.h"

#include "base/nearest.h"

static const char *word(const void *arg, size_t i)
{
    return ((const char *const *)arg)[i];
}

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(lk_distance(LK_STR("fields"), LK_STR("fields"), 9), 0);
    assert_int_equal(lk_distance(LK_STR("fields"), LK_STR("FIELDS"), 9), 0);
    assert_int_equal(lk_distance(LK_STR("filds"), LK_STR("fields"), 9), 1);
    assert_int_equal(lk_distance(LK_STR("feilds"), LK_STR("fields"), 9), 1);
    assert_int_equal(lk_distance(LK_STR("kitten"), LK_STR("sitting"), 9), 3);
    assert_int_equal(lk_distance(LK_STR(""), LK_STR("abc"), 9), 3);
    assert_int_equal(lk_distance(LK_STR("abc"), LK_STR("xyz"), 1), 2);
}

static void test_long_words_are_far(void **state)
{
    char text[65];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(lk_distance(lk_str_n(text, 65), lk_str_n(text, 65), 3), 4);
    assert_int_equal(lk_distance(lk_str_n(text, 64), lk_str_n(text, 64), 3), 0);
}

static void test_nearest(void **state)
{
    const char *words[] = {"model", "view", "fields", "filters", NULL};
    const char *none[] = {NULL};

    (void)state;
    assert_string_equal(lk_nearest(LK_STR("filds"), word, words), "fields");
    assert_string_equal(lk_nearest(LK_STR("filter"), word, words), "filters");
    assert_string_equal(lk_nearest(LK_STR("view"), word, words), "view");
    assert_null(lk_nearest(LK_STR("dashboard"), word, words));
    assert_null(lk_nearest(LK_STR(""), word, words));
    assert_null(lk_nearest(LK_STR("x"), word, none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_long_words_are_far),
        cmocka_unit_test(test_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
