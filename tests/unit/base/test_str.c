/*
 * base/str: trimming, UTF-8 and cutting, mostly with bytes that are not UTF-8.
 */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* In a block of its own size, so that a sanitizer sees any read beyond it. */
static bool is_utf8_exact(const char *bytes, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, bytes, len);
    bool ok = lk_str_is_utf8(lk_str_n(copy, len));
    free(copy);
    return ok;
}
#define IS_UTF8(literal) is_utf8_exact((literal), sizeof(literal) - 1)

static void compares_without_terminators(void **state)
{
    (void)state;
    const char text[3] = {'a', 'b', 'c'};
    assert_true(lk_str_eq(lk_str_n(text, 3), LK_STR("abc")));
    assert_false(lk_str_eq(lk_str_n(text, 2), LK_STR("abc")));
    assert_true(lk_str_eq(lk_str(NULL), LK_STR("")));
    assert_true(lk_str_eq_secret(lk_str_n(text, 3), LK_STR("abc")));
    assert_true(lk_str_eq_secret(lk_str(NULL), LK_STR("")));
    assert_false(lk_str_eq_secret(lk_str_n(text, 2), LK_STR("abc")));
    assert_false(lk_str_eq_secret(LK_STR("xbc"), LK_STR("abc")));
    assert_false(lk_str_eq_secret(LK_STR("abc\x80"), LK_STR("abc\0")));
    assert_true(lk_str_ieq(LK_STR("Content-Type"), LK_STR("content-tYPE")));
    assert_false(lk_str_ieq(LK_STR("a"), LK_STR("b")));
    assert_true(lk_str_icontains(LK_STR("Order Items"), LK_STR("ER it")));
    assert_true(lk_str_icontains(LK_STR("abc"), LK_STR("C")));
    assert_true(lk_str_icontains(lk_str(NULL), LK_STR("")));
    assert_false(lk_str_icontains(LK_STR("ab"), LK_STR("abc")));
    assert_true(lk_str_starts(LK_STR("abc"), LK_STR("ab")));
    assert_true(lk_str_starts(LK_STR("abc"), LK_STR("")));
    assert_false(lk_str_starts(LK_STR("ab"), LK_STR("abc")));
    assert_null(lk_str_end(lk_str(NULL)));
}

static void trims_only_the_ends(void **state)
{
    (void)state;
    assert_true(lk_str_eq(lk_str_trim(LK_STR(" \t\r\na b \n")), LK_STR("a b")));
    assert_int_equal(lk_str_trim(LK_STR(" \t ")).len, 0);
    assert_int_equal(lk_str_trim(lk_str(NULL)).len, 0);
    assert_true(lk_str_eq(lk_str_trim(LK_STR("\va")), LK_STR("\va")));
}

static void accepts_utf8(void **state)
{
    (void)state;
    assert_true(IS_UTF8(""));
    assert_true(IS_UTF8("plain ASCII of more than eight bytes\x7f"));
    assert_true(IS_UTF8("\xc2\x80\xdf\xbf"));
    assert_true(IS_UTF8("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"));
    assert_true(IS_UTF8("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
    assert_true(lk_str_is_utf8(lk_str_n("a\0b", 3)));
}

static void refuses_what_is_not_utf8(void **state)
{
    (void)state;
    assert_false(IS_UTF8("\x80"));             /* a continuation alone */
    assert_false(IS_UTF8("\xc0\x80"));         /* overlong NUL */
    assert_false(IS_UTF8("\xc1\xbf"));         /* overlong */
    assert_false(IS_UTF8("\xe0\x9f\xbf"));     /* overlong */
    assert_false(IS_UTF8("\xf0\x8f\xbf\xbf")); /* overlong */
    assert_false(IS_UTF8("\xed\xa0\x80"));     /* a surrogate */
    assert_false(IS_UTF8("\xed\xbf\xbf"));     /* a surrogate */
    assert_false(IS_UTF8("\xf4\x90\x80\x80")); /* beyond U+10FFFF */
    assert_false(IS_UTF8("\xf5\x80\x80\x80"));
    assert_false(IS_UTF8("\xff"));
    assert_false(IS_UTF8("12345678\xfe"));
    /* cut off at every place */
    assert_false(IS_UTF8("\xc2"));
    assert_false(IS_UTF8("\xe2\x82"));
    assert_false(IS_UTF8("\xe2"));
    assert_false(IS_UTF8("\xf0\x9f\x98"));
    assert_false(IS_UTF8("\xf0\x9f"));
    assert_false(IS_UTF8("\xf0"));
    /* a wrong byte at every place */
    assert_false(IS_UTF8("\xc2"
                         "a"));
    assert_false(IS_UTF8("\xe2\x82"
                         "a"));
    assert_false(IS_UTF8("\xf0\x9f\x98"
                         "a"));
    assert_false(IS_UTF8("\xf0\x9f"
                         "a\x80"));
}

static void every_code_point_is_as_long_as_it_should(void **state)
{
    (void)state;
    for (uint32_t c = 0x80; c <= 0x10FFFF; c++) {
        char out[4];
        size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const unsigned char heads[] = {0, 0, 0xC0, 0xE0, 0xF0};
        out[0] = (char)(heads[n] | (c >> (6 * (n - 1))));
        for (size_t i = 1; i < n; i++)
            out[i] = (char)(0x80 | ((c >> (6 * (n - 1 - i))) & 0x3F));
        bool surrogate = c >= 0xD800 && c <= 0xDFFF;
        if (lk_utf8_length(out, out + n) != (surrogate ? 0 : n))
            fail_msg("U+%04X", c);
        if (lk_utf8_length(out, out + n - 1) != 0)
            fail_msg("U+%04X cut off", c);
    }
}

static void cuts_between_characters(void **state)
{
    (void)state;
    struct lk_str euro = LK_STR("a\xe2\x82\xac"
                                "b");
    assert_int_equal(lk_str_cut(euro, 9).len, 5);
    assert_int_equal(lk_str_cut(euro, 5).len, 5);
    assert_int_equal(lk_str_cut(euro, 4).len, 4);
    assert_int_equal(lk_str_cut(euro, 3).len, 1);
    assert_int_equal(lk_str_cut(euro, 2).len, 1);
    assert_int_equal(lk_str_cut(euro, 1).len, 1);
    assert_int_equal(lk_str_cut(euro, 0).len, 0);
    /* not UTF-8 at all: it must end, and not eat everything */
    assert_int_equal(lk_str_cut(LK_STR("\x80\x80\x80\x80\x80\x80\x80\x80"), 7).len, 4);
}

static void takes_items_off_a_list(void **state)
{
    (void)state;
    static const char *const items[] = {"a", "", " b ", "c"};
    struct lk_str rest = LK_STR("a,, b ,c,");
    for (size_t i = 0; i < 4; i++) {
        assert_true(rest.len > 0);
        assert_true(lk_str_eq(lk_str_take(&rest, ','), lk_str(items[i])));
    }
    assert_int_equal(rest.len, 0); /* a separator at the end is no further item */
    assert_int_equal(lk_str_take(&rest, ',').len, 0);

    rest = LK_STR("a,b");
    assert_true(lk_str_eq(lk_str_take(&rest, ';'), LK_STR("a,b")));
    assert_int_equal(rest.len, 0);

    rest = lk_str(NULL);
    assert_null(lk_str_take(&rest, ',').ptr);
    assert_null(rest.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_without_terminators),
        cmocka_unit_test(trims_only_the_ends),
        cmocka_unit_test(takes_items_off_a_list),
        cmocka_unit_test(accepts_utf8),
        cmocka_unit_test(refuses_what_is_not_utf8),
        cmocka_unit_test(every_code_point_is_as_long_as_it_should),
        cmocka_unit_test(cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
