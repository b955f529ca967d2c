/*
 * json/scan: stepping through checked text. Texts lie in blocks of exactly their size; some tests
 * step through text that was never checked, which gives nonsense but must not read beyond it.
 */
#include "../test.h"

#include "json/scan.h"

static void types_go_by_the_first_character(void **state)
{
    (void)state;
    assert_int_equal(lk_json_type(LK_STR(" {}")), LK_JSON_OBJECT);
    assert_int_equal(lk_json_type(LK_STR("\n[]")), LK_JSON_ARRAY);
    assert_int_equal(lk_json_type(LK_STR("\"\"")), LK_JSON_STRING);
    assert_int_equal(lk_json_type(LK_STR("-1")), LK_JSON_NUMBER);
    assert_int_equal(lk_json_type(LK_STR("0")), LK_JSON_NUMBER);
    assert_int_equal(lk_json_type(LK_STR("true")), LK_JSON_BOOLEAN);
    assert_int_equal(lk_json_type(LK_STR("false")), LK_JSON_BOOLEAN);
    assert_int_equal(lk_json_type(LK_STR("null")), LK_JSON_NULL);
    assert_int_equal(lk_json_type(LK_STR("")), LK_JSON_INVALID);
    assert_int_equal(lk_json_type(lk_str(NULL)), LK_JSON_INVALID);
    assert_int_equal(lk_json_type(LK_STR("  ")), LK_JSON_INVALID);
    assert_int_equal(lk_json_type(LK_STR("x")), LK_JSON_INVALID);
}

static const char document[] =
    " { \"a\" : 1 , \"b\":\"x,]}\\\"\",\"c\" :[ {\"d\":[1,[2]]} , \"}\" ],\"e\\n\":{},\"f\":-1.5e3,"
    "\"long\":{\"t\":\"a string of more than sixteen bytes \\\\\",\"u\":[[],[[\"]\"]]]},\"z\":null "
    "} ";

static void members_come_as_slices(void **state)
{
    (void)state;
    static const char *const expected[][2] = {
        {"a", "1"},
        {"b", "\"x,]}\\\"\""},
        {"c", "[ {\"d\":[1,[2]]} , \"}\" ]"},
        {"e\\n", "{}"},
        {"f", "-1.5e3"},
        {"long", "{\"t\":\"a string of more than sixteen bytes \\\\\",\"u\":[[],[[\"]\"]]]}"},
        {"z", "null"},
    };
    struct lk_json_iter it = lk_json_iter(lk_str(document));
    struct lk_str key, value;
    for (size_t i = 0; i < 7; i++) {
        assert_true(lk_json_next(&it, &key, &value));
        assert_str(key, expected[i][0]);
        assert_str(value, expected[i][1]);
    }
    assert_false(lk_json_next(&it, &key, &value));
    assert_false(lk_json_next(&it, NULL, NULL)); /* and stays there */
    assert_int_equal(lk_json_count(lk_str(document)), 7);
}

static void items_have_no_keys(void **state)
{
    (void)state;
    struct lk_json_iter it = lk_json_iter(LK_STR("[1 , \"a,b\",[2,3],{\"k\":[4]},true]"));
    static const char *const expected[] = {"1", "\"a,b\"", "[2,3]", "{\"k\":[4]}", "true"};
    struct lk_str key = LK_STR("old"), value;
    for (size_t i = 0; i < 5; i++) {
        assert_true(lk_json_next(&it, &key, &value));
        assert_int_equal(key.len, 0);
        assert_str(value, expected[i]);
    }
    assert_false(lk_json_next(&it, &key, &value));
}

static void scalars_have_no_items(void **state)
{
    (void)state;
    static const char *const scalars[] = {"1", "\"[1]\"", "null", "true", "", " "};
    for (size_t i = 0; i < 6; i++) {
        struct lk_json_iter it = lk_json_iter(lk_str(scalars[i]));
        assert_false(lk_json_next(&it, NULL, NULL));
        assert_int_equal(lk_json_count(lk_str(scalars[i])), 0);
    }
    assert_int_equal(lk_json_count(lk_str(NULL)), 0);
    assert_int_equal(lk_json_count(LK_STR("[]")), 0);
    assert_int_equal(lk_json_count(LK_STR("{ }")), 0);
}

static void members_are_found_by_name(void **state)
{
    (void)state;
    struct lk_str value = LK_STR("untouched");
    const struct lk_str text = LK_STR("{\"x\":{\"k\":1},\"k\":2,\"k\":3,\"y\":{\"z\":[4]}}");
    assert_true(lk_json_get(text, LK_STR("k"), &value)); /* not the nested one, not the second */
    assert_str(value, "2");
    assert_false(lk_json_get(text, LK_STR("z"), &value));
    assert_false(lk_json_get(text, LK_STR(""), &value));
    assert_false(lk_json_get(LK_STR("[\"k\"]"), LK_STR(""), &value));
    assert_false(lk_json_get(LK_STR("5"), LK_STR("k"), &value));
    assert_str(value, "2");
    assert_true(lk_json_get_path(text, (const char *const[]){"y", "z", NULL}, &value));
    assert_str(value, "[4]");
    assert_true(lk_json_get_path(text, (const char *const[]){NULL}, &value));
    assert_true(lk_str_eq(value, text));
    value = LK_STR("untouched");
    assert_false(lk_json_get_path(text, (const char *const[]){"y", "q", NULL}, &value));
    assert_false(lk_json_get_path(text, (const char *const[]){"k", "z", NULL}, &value));
    assert_str(value, "untouched");
}

static void names_are_compared_decoded(void **state)
{
    (void)state;
    struct lk_str value = LK_STR("untouched");
    const struct lk_str text =
        LK_STR("{\"a\\/b\":1,\"\\u006b\":2,\"k\":3,\"k\\u006b\":4,\"\\\\k\":5}");
    assert_true(lk_json_get(text, LK_STR("a/b"), &value)); /* as PHP writes it */
    assert_str(value, "1");
    assert_true(lk_json_get(text, LK_STR("k"), &value));
    assert_str(value, "2");
    assert_true(lk_json_get(text, LK_STR("\\k"), &value));
    assert_str(value, "5");
    assert_false(lk_json_get(text, LK_STR("a\\/b"), &value));
}

static void strings_are_decoded(void **state)
{
    (void)state;
    struct lk_arena *arena = lk_arena_new();
    const struct lk_str plain = LK_STR(" \"abc\xc3\xbc\" ");
    assert_ptr_equal(lk_json_decode_string(arena, plain).ptr, plain.ptr + 2); /* not copied */
    assert_str(lk_json_decode_string(arena, plain), "abc\xc3\xbc");
    const struct lk_str escaped =
        LK_STR("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00fC\\u20AC\\ud83d\\ude00\\uffff\\u007fz\"");
    const char *decoded = "a\"\\/\b\f\n\r\tA\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf\x7fz";
    assert_str(lk_json_decode_string(arena, escaped), decoded);
    assert_true(lk_json_string_eq(escaped, lk_str(decoded)));
    assert_int_equal(lk_json_string_length(escaped), strlen(decoded));
    struct lk_str nul = lk_json_decode_string(arena, LK_STR("\"a\\u0000b\""));
    assert_int_equal(nul.len, 3);
    assert_memory_equal(nul.ptr, "a\0b", 3);
    assert_true(
        lk_str_is_utf8(lk_json_decode_string(arena, LK_STR("\"\\udbff\\udfff\\ud800\\udc00\""))));

    assert_int_equal(lk_json_decode_string(arena, LK_STR("\"\"")).len, 0);
    assert_int_equal(lk_json_decode_string(arena, LK_STR("5")).len, 0);
    assert_int_equal(lk_json_decode_string(arena, lk_str(NULL)).len, 0);
    assert_str(lk_json_get_string(arena, LK_STR("{\"a\":\"x\\ty\"}"), LK_STR("a")), "x\ty");
    assert_int_equal(lk_json_get_string(arena, LK_STR("{\"a\":5}"), LK_STR("a")).len, 0);
    assert_int_equal(lk_json_get_string(arena, LK_STR("{}"), LK_STR("a")).len, 0);
    lk_arena_free(arena);
}

static void strings_are_compared_decoded(void **state)
{
    (void)state;
    assert_true(lk_json_string_eq(LK_STR("\"\\u0061b\""), LK_STR("ab")));
    assert_false(lk_json_string_eq(LK_STR("\"\\u0061b\""), LK_STR("abc")));
    assert_false(lk_json_string_eq(LK_STR("\"abc\""), LK_STR("ab")));
    assert_false(lk_json_string_eq(LK_STR("\"\\u20ac\""), LK_STR("\xe2\x82")));
    assert_true(lk_json_string_eq(LK_STR("\"\""), lk_str(NULL)));
    assert_false(lk_json_string_eq(LK_STR("5"), LK_STR("5")));
    assert_int_equal(lk_json_string_length(LK_STR("5")), 0);
}

static void integers_fit_or_are_refused(void **state)
{
    (void)state;
    int64_t value = 7;
    assert_true(lk_json_integer(LK_STR("0"), &value));
    assert_int_equal(value, 0);
    assert_true(lk_json_integer(LK_STR(" -42 "), &value));
    assert_int_equal(value, -42);
    assert_true(lk_json_integer(LK_STR("9223372036854775807"), &value));
    assert_true(value == INT64_MAX);
    assert_true(lk_json_integer(LK_STR("-9223372036854775808"), &value));
    assert_true(value == INT64_MIN);
    value = 7;
    static const char *const bad[] = {"9223372036854775808",
                                      "-9223372036854775809",
                                      "123456789012345678901234567890",
                                      "1.0",
                                      "1e3",
                                      "\"1\"",
                                      "true",
                                      "-",
                                      "",
                                      "null",
                                      "[1]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(lk_json_integer(lk_str(bad[i]), &value));
    assert_int_equal(value, 7);
    assert_true(lk_json_is_true(LK_STR(" true")));
    assert_false(lk_json_is_true(LK_STR("\"true\"")));
    assert_false(lk_json_is_true(LK_STR("false")));
    assert_false(lk_json_is_true(LK_STR("")));
}

/* Steps through everything below the value, as deep as it goes. */
static size_t walk(struct lk_arena *arena, struct lk_str value)
{
    struct lk_json_iter it = lk_json_iter(value);
    struct lk_str key, item;
    size_t n = 1;
    (void)lk_json_decode_string(arena, value);
    (void)lk_json_string_length(value);
    while (lk_json_next(&it, &key, &item)) {
        assert_true(item.ptr >= value.ptr && item.ptr + item.len <= value.ptr + value.len);
        n += walk(arena, item);
    }
    return n;
}

static void unchecked_text_is_not_overrun(void **state)
{
    (void)state;
    struct lk_arena *arena = lk_arena_new();
    for (size_t len = 1; len < sizeof(document); len++) {
        char *copy = malloc(len);
        memcpy(copy, document, len);
        (void)walk(arena, lk_str_n(copy, len));
        for (size_t i = 0; i < len; i += 3) {
            copy[i] = "\"\\{}[]:,u\0"[i % 10];
            (void)walk(arena, lk_str_n(copy, len));
        }
        free(copy);
    }
    lk_arena_free(arena);
}

static void deep_values_are_skipped_without_recursion(void **state)
{
    (void)state;
    const size_t levels = 1000000;
    char *text = malloc(2 * levels + 5);
    text[0] = '[';
    memset(text + 1, '[', levels);
    memset(text + 1 + levels, ']', levels);
    memcpy(text + 1 + 2 * levels, ",7]", 4);
    struct lk_json_iter it = lk_json_iter(lk_str_n(text, 2 * levels + 4));
    struct lk_str value;
    assert_true(lk_json_next(&it, NULL, &value));
    assert_int_equal(value.len, 2 * levels);
    assert_true(lk_json_next(&it, NULL, &value));
    assert_str(value, "7");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_go_by_the_first_character),
        cmocka_unit_test(members_come_as_slices),
        cmocka_unit_test(items_have_no_keys),
        cmocka_unit_test(scalars_have_no_items),
        cmocka_unit_test(members_are_found_by_name),
        cmocka_unit_test(names_are_compared_decoded),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(strings_are_compared_decoded),
        cmocka_unit_test(integers_fit_or_are_refused),
        cmocka_unit_test(unchecked_text_is_not_overrun),
        cmocka_unit_test(deep_values_are_skipped_without_recursion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
