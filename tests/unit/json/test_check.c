/*
 * json/scan: lk_json_check. Every text is copied into a block of exactly its size, so that a
 * sanitizer sees any read beyond it.
 */
#include "../test.h"

#include "base/buf.h"
#include "json/scan.h"

#include <stdio.h>

static bool check(struct lk_str text, unsigned depth, unsigned flags, struct lk_error *err)
{
    char *copy = malloc(text.len > 0 ? text.len : 1);
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    bool ok = lk_json_check(lk_str_n(copy, text.len), depth, flags, err);
    free(copy);
    return ok;
}

static void assert_good(struct lk_str text)
{
    struct lk_error err = {0};
    if (!check(text, 64, 0, &err))
        fail_msg("%.*s: %s", LK_STR_ARG(text), err.message);
}

static void assert_bad(struct lk_str text, const char *message)
{
    struct lk_error err = {0};
    if (check(text, 64, 0, &err))
        fail_msg("%.*s passed", LK_STR_ARG(text));
    assert_int_equal(err.kind, LK_ERROR_PARSE);
    if (message != NULL)
        assert_string_equal(err.message, message);
}

static void accepts_what_rfc_8259_allows(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        " \t\r\n1 \t\r\n",
        "\"\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[[],{},[{}]]",
        "{\"a\":1,\"a\":2}",
        "{ \"a\" : [ 1 , 2 ] , \"b\" : { } }",
        "0",
        "-0",
        "-1",
        "10",
        "1.5",
        "1e5",
        "1E+5",
        "1e-5",
        "0.0e0",
        "-0.5",
        "123456789012345678901234567890",
        "1e999",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fc\\uD83D\\uDE00\\u0000\"",
        "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_good(lk_str(texts[i]));
}

static void says_where_and_what_is_wrong(void **state)
{
    (void)state;
    assert_bad(LK_STR(""), "not JSON at byte 0: the text ends where a value is expected");
    assert_bad(lk_str(NULL), "not JSON at byte 0: the text ends where a value is expected");
    assert_bad(LK_STR("{\"a\":1,\"b\":2 \"c\":3}"), "not JSON at byte 13: expected ',' or '}'");
    assert_bad(LK_STR("[1 2]"), "not JSON at byte 3: expected ',' or ']'");
    assert_bad(LK_STR("[1"), "not JSON at byte 2: the text ends where ',' or ']' is expected");
    assert_bad(LK_STR("[1}"), "not JSON at byte 2: expected ',' or ']'");
    assert_bad(LK_STR("{]"), "not JSON at byte 1: expected a member name or '}'");
    assert_bad(LK_STR("{\"a\":1,}"), "not JSON at byte 7: expected a member name");
    assert_bad(LK_STR("{\"a\" 1}"), "not JSON at byte 5: expected ':'");
    assert_bad(LK_STR("[1,]"), "not JSON at byte 3: expected a value");
    assert_bad(LK_STR("1 2"), "not JSON at byte 2: more text follows the value");
    assert_bad(LK_STR("\"a"), "not JSON at byte 2: the text ends inside a string");
    assert_bad(LK_STR("\"a\nb\""),
               "not JSON at byte 2: a control character in a string must be escaped");
    assert_bad(LK_STR("\"\\x\""), "not JSON at byte 1: no such escape in a string");
    assert_bad(LK_STR("\"\\u12g4\""), "not JSON at byte 3: \\u needs four hexadecimal digits");
    assert_bad(LK_STR("\"\\ud800\""), "not JSON at byte 1: half of a surrogate pair");
    assert_bad(LK_STR("\"abc\xff\""), "not JSON at byte 4: not UTF-8");
    assert_bad(LK_STR("01"), "not JSON at byte 0: a number must not begin with 0");
}

static void refuses_what_is_not_json(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "nul",
        "nulL",
        "True",
        "tru",
        "truee",
        "NaN",
        "Infinity",
        "-",
        "+1",
        ".5",
        "1.",
        "1.e5",
        "1e",
        "1e+",
        "1e-",
        "-01",
        "00",
        "0x10",
        "1_000",
        "--1",
        "1.5.5",
        "'a'",
        "{a:1}",
        "{1:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{,}",
        "[,]",
        "[,1]",
        "[1,,2]",
        "[1",
        "{\"a\":1",
        "]",
        "}",
        ",",
        ":",
        "[1]]",
        "{}}",
        "/**/1",
        "1//",
        "\xef\xbb\xbf"
        "1",
        "\"\\",
        "\"\\u",
        "\"\\u00",
        "\"\\u0000",
        "\"\\ud83d\\u",
        "\"\\ud83d\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\n\"",
        "\"\\ud83d\\u0041\"",
        "\"\t\"",
        "\"\x1f\"",
        "\"\\a\"",
        "\"\\U0041\"",
        "\v1",
        "\f1",
        "\xc2\xa0"
        "1",
        "{\"a\":1;\"b\":2}",
        "{\"a\"=1}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_bad(lk_str(texts[i]), NULL);
    assert_bad(LK_STR("\"\\udc00\\udc00\""), NULL); /* two second halves */
    assert_bad(lk_str_n("1\0", 2), NULL);
    assert_bad(lk_str_n("\"\0\"", 3), NULL);
    assert_bad(lk_str_n("\"\\\0\"", 4), NULL);
    assert_bad(lk_str_n("\0", 1), NULL);
}

static void refuses_invalid_utf8_at_every_place(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "\x80",         "\xc0\x80",     "\xc1\xbf",         "\xe0\x9f\xbf",     "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
        "\xc3",         "\xe2\x82",     "\xf0\x9f\x98",
    };
    char text[80];
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        for (int before = 0; before < 40; before++) {
            int n = snprintf(text, sizeof(text), "\"%*s%s x\"", before, "", broken[i]);
            assert_bad(lk_str_n(text, (size_t)n), NULL);
            n = snprintf(text, sizeof(text), "{\"%*s%s\":1}", before, "", broken[i]);
            assert_bad(lk_str_n(text, (size_t)n), NULL);
        }
    }
}

static void every_plain_byte_may_stand_everywhere_in_a_string(void **state)
{
    (void)state;
    char text[42];
    for (unsigned c = 0; c < 256; c++) {
        for (size_t place = 1; place < 41; place++) {
            memset(text, 'x', sizeof(text));
            text[0] = text[41] = '"';
            text[place] = (char)c;
            bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
            struct lk_error err = {0};
            if (check(lk_str_n(text, sizeof(text)), 64, 0, &err) != plain)
                fail_msg("byte %02x at %zu", c, place);
        }
    }
}

static const char sample[] =
    "{\"id\":\"42\",\"n\":-12.5e+3,\"list\":[1,true,false,null,{\"k\":[]},\"\\u00fc\\ud83d\\ude00"
    "\\n\"],\"text\":\"sixteen bytes and more \xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80 of it\"}";

static void refuses_a_document_cut_at_any_byte(void **state)
{
    (void)state;
    assert_good(lk_str(sample));
    for (size_t len = 0; len < sizeof(sample) - 1; len++)
        assert_bad(lk_str_n(sample, len), NULL);
}

/* Any byte changed to any other: no crash, no overrun, and valid UTF-8 when it passes. */
static void survives_every_single_change(void **state)
{
    (void)state;
    char text[sizeof(sample)];
    for (size_t i = 0; i < sizeof(sample) - 1; i++) {
        for (unsigned c = 0; c < 256; c++) {
            struct lk_error err = {0};
            memcpy(text, sample, sizeof(sample));
            text[i] = (char)c;
            if (check(lk_str_n(text, sizeof(sample) - 1), 64, 0, &err))
                assert_true(lk_str_is_utf8(lk_str_n(text, sizeof(sample) - 1)));
            else
                assert_int_equal(err.kind, LK_ERROR_PARSE);
        }
    }
}

static struct lk_str nested(char *text, size_t levels, bool objects)
{
    size_t len = 0;
    for (size_t i = 0; i < levels; i++) {
        bool object = objects && i % 2 == 0;
        len += (size_t)sprintf(text + len, "%s", object ? "{\"a\":" : "[");
    }
    text[len++] = '1';
    for (size_t i = levels; i-- > 0;)
        text[len++] = objects && i % 2 == 0 ? '}' : ']';
    return lk_str_n(text, len);
}

static void nesting_is_limited_without_recursion(void **state)
{
    (void)state;
    struct lk_error err = {0};
    char *text = malloc(10 * 1000 * 1000);

    assert_true(check(nested(text, 64, false), 64, 0, &err));
    assert_true(check(nested(text, 64, true), 64, 0, &err));
    assert_false(check(nested(text, 65, false), 64, 0, &err));
    assert_int_equal(err.kind, LK_ERROR_LIMIT);
    assert_string_equal(err.message, "nesting deeper than 64 levels at byte 64");

    memset(&err, 0, sizeof(err));
    assert_false(check(nested(text, 10000, true), 64, 0, &err));
    assert_int_equal(err.kind, LK_ERROR_LIMIT);
    memset(&err, 0, sizeof(err));
    assert_false(check(nested(text, 1000000, false), 1000000, 0, &err)); /* 64 all the same */
    assert_int_equal(err.kind, LK_ERROR_LIMIT);

    memset(&err, 0, sizeof(err));
    assert_true(check(LK_STR("[1]"), 1, 0, &err));
    assert_true(check(LK_STR("1"), 0, 0, &err));
    assert_false(check(LK_STR("[[1]]"), 1, 0, &err));
    memset(&err, 0, sizeof(err));
    assert_false(check(LK_STR("{}"), 0, 0, &err));
    assert_string_equal(err.message, "nesting deeper than 0 levels at byte 0");

    /* siblings do not add up, and each bracket must match its own */
    memset(&err, 0, sizeof(err));
    assert_true(check(LK_STR("[[],[],{},[{}],{\"a\":{}}]"), 3, 0, &err));
    assert_false(check(LK_STR("[{\"a\":[1}]]"), 64, 0, &err));
    free(text);
}

static void refusals_are_optional(void **state)
{
    (void)state;
    struct lk_error err = {0};
    const unsigned both = LK_JSON_REFUSE_NUL | LK_JSON_REFUSE_INEXACT;

    assert_false(check(LK_STR("[\"a\\u0000\"]"), 64, LK_JSON_REFUSE_NUL, &err));
    assert_string_equal(err.message, "not JSON at byte 3: \\u0000 is not supported in strings");
    memset(&err, 0, sizeof(err));
    assert_false(check(LK_STR("{\"\\u0000\":1}"), 64, both, &err));
    memset(&err, 0, sizeof(err));
    assert_true(check(LK_STR("[\"\\u0001\\u0010\\u0100\\u1000\"]"), 64, both, &err));

    assert_true(
        check(LK_STR("[9007199254740992,-9007199254740992,999999999999999]"), 64, both, &err));
    assert_true(check(LK_STR("[1.5e300,9007199254740993.5,0.1,-0]"), 64, both, &err));
    assert_false(check(LK_STR("{\"id\": 9007199254740993}"), 64, both, &err));
    assert_string_equal(
        err.message,
        "the integer at byte 7 is beyond 2^53 and would lose digits; send it as a string");
    static const char *const inexact[] = {
        "-9007199254740993",
        "10000000000000000",
        "123456789012345678901234567890",
        "1e309",
        "-1e999",
        "0.0000000000000000000000000000000000000000000000000000000000000001",
    };
    for (size_t i = 0; i < sizeof(inexact) / sizeof(inexact[0]); i++) {
        memset(&err, 0, sizeof(err));
        assert_true(check(lk_str(inexact[i]), 64, LK_JSON_REFUSE_NUL, &err));
        assert_false(check(lk_str(inexact[i]), 64, LK_JSON_REFUSE_INEXACT, &err));
        assert_int_equal(err.kind, LK_ERROR_PARSE);
    }
    assert_false(check(LK_STR("["), 64, 0, NULL)); /* nobody wants the words */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_rfc_8259_allows),
        cmocka_unit_test(says_where_and_what_is_wrong),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(refuses_invalid_utf8_at_every_place),
        cmocka_unit_test(every_plain_byte_may_stand_everywhere_in_a_string),
        cmocka_unit_test(refuses_a_document_cut_at_any_byte),
        cmocka_unit_test(survives_every_single_change),
        cmocka_unit_test(nesting_is_limited_without_recursion),
        cmocka_unit_test(refusals_are_optional),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
