/*
 * Base64: the vectors of RFC 4648, every byte, the buffer's maximum.
 */
#include "../test.h"

#include "base/base64.h"

static void the_vectors_of_the_rfc(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct lk_buf buf;

        lk_buf_init(&buf, 100);
        assert_true(lk_base64(&buf, lk_str(pairs[i][0])));
        assert_int_equal(buf.len, lk_base64_len(strlen(pairs[i][0])));
        assert_str(lk_buf_view(&buf), pairs[i][1]);
        lk_buf_free(&buf);
    }
}

static int value_of(char c)
{
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                      lower[] = "abcdefghijklmnopqrstuvwxyz";

    if (strchr(upper, c) != NULL)
        return (int)(strchr(upper, c) - upper);
    if (strchr(lower, c) != NULL)
        return 26 + (int)(strchr(lower, c) - lower);
    if (c >= '0' && c <= '9')
        return 52 + c - '0';
    return c == '+' ? 62 : 63;
}

/* Each character says six bits of what was put in. */
static void every_byte_survives(void **state)
{
    unsigned char bytes[258];
    struct lk_buf buf;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 7);
    lk_buf_init(&buf, 1000);
    lk_buf_lit(&buf, "before:");
    assert_true(lk_base64(&buf, lk_str_n((const char *)bytes, sizeof(bytes))));
    assert_int_equal(buf.len, 7 + 344);
    for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
        int there = value_of(buf.ptr[7 + bit / 6]) >> (5 - bit % 6) & 1;

        assert_int_equal(there, bytes[bit / 8] >> (7 - bit % 8) & 1);
    }
    assert_int_equal(buf.ptr[buf.len], '\0');
    lk_buf_free(&buf);
}

static void what_does_not_fit_is_not_begun(void **state)
{
    struct lk_buf buf;

    (void)state;
    lk_buf_init(&buf, 7);
    assert_false(lk_base64(&buf, LK_STR("fooba")));
    assert_true(buf.overflow);
    assert_int_equal(buf.len, 0);
    lk_buf_truncate(&buf, 0);
    assert_true(lk_base64(&buf, LK_STR("foo")));
    lk_buf_free(&buf);
}

static void base64url_is_read_strictly(void **state)
{
    static const struct {
        const char *text, *bytes; /* NULL: refused */
    } cases[] = {
        {"", ""},        {"Zg", "f"},        {"Zm8", "fo"},
        {"Zm9v", "foo"}, {"Zm9vYg", "foob"}, {"-_-_", "\xfb\xff\xbf"},
        {"Z", NULL},     {"Zg==", NULL},     {"Zh", NULL},
        {"Zm9", NULL},   {"+/+/", NULL},     {"Zm9v\n", NULL},
        {"Zm 9", NULL},  {"Zm9vYg=", NULL},  {"\xc3\xa9Zm", NULL},
        {"Zm9vY", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char out[16];
        size_t len = 99;
        bool ok = lk_base64url_decode(lk_str(cases[i].text), out, &len);

        if (ok != (cases[i].bytes != NULL))
            fail_msg("\"%s\"", cases[i].text);
        assert_int_equal(len, ok ? strlen(cases[i].bytes) : 99);
        if (ok)
            assert_memory_equal(out, cases[i].bytes, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc),
        cmocka_unit_test(every_byte_survives),
        cmocka_unit_test(what_does_not_fit_is_not_begun),
        cmocka_unit_test(base64url_is_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
