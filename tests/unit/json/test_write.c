/*
 * json/write and json/tree: what is written can be read again, and no number changes on the way.
 */
#include "../test.h"

#include "json/scan.h"
#include "json/tree.h"
#include "json/write.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>

static void commas_and_colons_come_by_themselves(void **state)
{
    (void)state;
    struct lk_buf buf;
    lk_buf_init(&buf, 1000);
    struct lk_json_writer w = lk_json_writer(&buf);
    lk_json_begin_object(&w);
    lk_json_key(&w, "a");
    lk_json_begin_array(&w);
    lk_json_put_integer(&w, INT64_MIN);
    lk_json_put_null(&w);
    lk_json_begin_array(&w);
    lk_json_end_array(&w);
    lk_json_begin_object(&w);
    lk_json_end_object(&w);
    lk_json_put_boolean(&w, true);
    lk_json_end_array(&w);
    lk_json_key_str(&w, LK_STR("k\"\n"));
    lk_json_put_string(&w, LK_STR("v\\"));
    lk_json_member_string(&w, "s", lk_str(NULL));
    lk_json_member_integer(&w, "i", INT64_MAX);
    lk_json_member_boolean(&w, "b", false);
    lk_json_member_raw(&w, "r", LK_STR("{\"x\": 1}"));
    lk_json_member_raw(&w, "e", lk_str(NULL));
    lk_json_key(&w, "c");
    lk_json_put_cstr(&w, NULL);
    lk_json_key(&w, "d");
    lk_json_put_cstr(&w, "text");
    lk_json_end_object(&w);
    assert_string_equal(
        buf.ptr, "{\"a\":[-9223372036854775808,null,[],{},true],\"k\\\"\\n\":\"v\\\\\",\"s\":\"\","
                 "\"i\":9223372036854775807,\"b\":false,\"r\":{\"x\": 1},\"e\":null,\"c\":null,"
                 "\"d\":\"text\"}");
    struct lk_error err = {0};
    assert_true(lk_json_check(lk_buf_view(&buf), 64, 0, &err));
    lk_buf_free(&buf);
}

static void overflow_never_leaves_more_than_the_maximum(void **state)
{
    (void)state;
    for (size_t max = 0; max < 60; max++) {
        struct lk_buf buf;
        lk_buf_init(&buf, max);
        struct lk_json_writer w = lk_json_writer(&buf);
        lk_json_begin_object(&w);
        for (int i = 0; i < 10; i++) {
            lk_json_member_string(&w, "key", LK_STR("va\nlue"));
            lk_json_key(&w, "n");
            lk_json_put_number(&w, 1.5);
        }
        lk_json_end_object(&w);
        assert_true(buf.overflow);
        assert_true(buf.len <= max);
        lk_buf_free(&buf);
    }
}

static const char *number(double value)
{
    static char text[64];
    struct lk_buf buf;
    lk_buf_init(&buf, 60);
    struct lk_json_writer w = lk_json_writer(&buf);
    lk_json_put_number(&w, value);
    assert_false(buf.overflow);
    strcpy(text, buf.ptr);
    lk_buf_free(&buf);
    return text;
}

static void numbers_are_short_and_exact(void **state)
{
    (void)state;
    assert_string_equal(number(0), "0");
    assert_string_equal(number(5), "5");
    assert_string_equal(number(-5), "-5");
    assert_string_equal(number(0.1), "0.1");
    assert_string_equal(number(1.0 / 3), "0.3333333333333333");
    assert_string_equal(number(0.1 + 0.2), "0.30000000000000004");
    assert_string_equal(number(1e15), "1000000000000000");
    assert_string_equal(number(9007199254740991.0), "9007199254740991");
    assert_string_equal(number(1e22), "1e+22");
    assert_string_equal(number(1.5e-10), "1.5e-10");
    assert_string_equal(number(1.7976931348623157e308), "1.7976931348623157e+308");
    assert_string_equal(number(5e-324), "4.94065645841247e-324");
    assert_string_equal(number((double)NAN), "null");
    assert_string_equal(number((double)INFINITY), "null");
    assert_string_equal(number(-(double)INFINITY), "null");
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        double value;
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        struct lk_error err = {0};
        const char *text = number(value);
        assert_true(lk_json_check(lk_str(text), 64, 0, &err));
        if (strtod(text, NULL) != value)
            fail_msg("%s is not %a", text, value);
    }
}

static void numbers_ignore_the_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "ps_AF.UTF-8"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (setlocale(LC_NUMERIC, names[i]) == NULL)
            continue;
        assert_string_equal(number(1234.5), "1234.5");
        assert_string_equal(number(1.5e-10), "1.5e-10");
        setlocale(LC_NUMERIC, "C");
    }
}

/* ---- tree ---- */

static void trees_are_written_as_they_came(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",
        "[]",
        "{}",
        "{\"a\":[1,2.5,true,false,null,\"x\\n\xc3\xbc\"],\"b\":{\"c\":{}}}",
        "[9007199254740991,-9007199254740992,9007199254740992,1000000000000001,0.1]",
        "[0.30000000000000004,1e+22]",
    };
    struct lk_arena *arena = lk_arena_new();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct lk_error err = {0};
        cJSON *tree = NULL;
        struct lk_buf buf;
        lk_buf_init(&buf, 1000);
        struct lk_json_writer w = lk_json_writer(&buf);
        assert_true(lk_tree_parse(arena, lk_str(texts[i]), &tree, &err));
        lk_tree_write(tree, &w);
        assert_string_equal(buf.ptr, texts[i]);
        lk_buf_free(&buf);
    }
    lk_arena_free(arena);
}

static void trees_are_refused_where_cjson_would_lie(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum lk_error_kind kind;
    } bad[] = {
        {"", LK_ERROR_PARSE},
        {"{\"a\":1}x", LK_ERROR_PARSE},
        {"[9007199254740993]", LK_ERROR_PARSE},
        {"[\"\\u0000\"]", LK_ERROR_PARSE},
        {"[1e400]", LK_ERROR_PARSE},
        {"\xef\xbb\xbf{}", LK_ERROR_PARSE},
        {"[1.000000000000000000000000000000000000000000000000000000000000000]", LK_ERROR_PARSE},
    };
    struct lk_arena *arena = lk_arena_new();
    cJSON *tree = NULL;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct lk_error err = {0};
        assert_false(lk_tree_parse(arena, lk_str(bad[i].text), &tree, &err));
        assert_int_equal(err.kind, bad[i].kind);
        assert_null(tree);
    }
    char deep[20001];
    memset(deep, '[', 10000);
    memset(deep + 10000, ']', 10000);
    struct lk_error err = {0};
    assert_false(lk_tree_parse(arena, lk_str_n(deep, 20000), &tree, &err));
    assert_int_equal(err.kind, LK_ERROR_LIMIT);
    memset(&err, 0, sizeof(err));
    assert_true(lk_tree_parse(arena, lk_str_n(deep + 10000 - 64, 128), &tree, &err));
    lk_arena_free(arena);
}

static void members_are_read(void **state)
{
    (void)state;
    struct lk_arena *arena = lk_arena_new();
    struct lk_error err = {0};
    cJSON *tree = NULL;
    /* not terminated: the byte behind the text is another object's */
    assert_true(lk_tree_parse(arena, lk_str_n("{\"a\":\"x\",\"n\":12}3", 16), &tree, &err));
    assert_str(lk_tree_string(tree, "a"), "x");
    assert_int_equal(lk_tree_string(tree, "n").len, 0);
    assert_int_equal(lk_tree_string(tree, "A").len, 0);
    assert_int_equal(lk_tree_string(NULL, "a").len, 0);
    assert_non_null(lk_tree_get(tree, "n"));
    assert_null(lk_tree_get(tree, "N"));
    assert_null(lk_tree_get(NULL, "a"));
    assert_null(lk_tree_get(lk_tree_get(tree, "n"), "a"));
    lk_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_colons_come_by_themselves),
        cmocka_unit_test(overflow_never_leaves_more_than_the_maximum),
        cmocka_unit_test(numbers_are_short_and_exact),
        cmocka_unit_test(numbers_ignore_the_locale),
        cmocka_unit_test(trees_are_written_as_they_came),
        cmocka_unit_test(trees_are_refused_where_cjson_would_lie),
        cmocka_unit_test(members_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
