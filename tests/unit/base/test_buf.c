/*
 * base/buf: growth up to the maximum and not a byte more, sticky overflow, the NUL at the end.
 */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void grows_and_stays_terminated(void **state)
{
    (void)state;
    struct lk_buf buf;
    lk_buf_init(&buf, 1 << 20);
    assert_null(buf.ptr);
    assert_int_equal(lk_buf_view(&buf).len, 0);
    for (int i = 0; i < 100000; i++) {
        assert_true(lk_buf_char(&buf, (char)('a' + i % 26)));
        assert_int_equal(buf.ptr[buf.len], '\0');
    }
    assert_int_equal(buf.len, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buf.ptr[i], 'a' + i % 26);
    assert_true(buf.cap <= 2 * 131072);
    lk_buf_free(&buf);
    assert_null(buf.ptr);
    assert_true(lk_buf_lit(&buf, "again")); /* the maximum is still there */
    assert_string_equal(buf.ptr, "again");
    lk_buf_free(&buf);
}

static void takes_exactly_the_maximum(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 255, 256, 257, 511, 512, 1000, 4096};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct lk_buf buf;
        lk_buf_init(&buf, sizes[i]);
        for (size_t n = 0; n < sizes[i]; n++)
            assert_true(lk_buf_char(&buf, 'x'));
        assert_false(buf.overflow);
        assert_true(buf.cap <= sizes[i] + 1);
        assert_false(lk_buf_char(&buf, 'y'));
        assert_int_equal(buf.len, sizes[i]);
        assert_int_equal(buf.ptr[sizes[i]], '\0');
        lk_buf_free(&buf);
    }
}

static void overflow_is_sticky_until_truncated(void **state)
{
    (void)state;
    struct lk_buf buf;
    lk_buf_init(&buf, 8);
    assert_true(lk_buf_lit(&buf, "12345"));
    assert_false(lk_buf_lit(&buf, "6789"));
    assert_true(buf.overflow);
    assert_false(lk_buf_char(&buf, '6')); /* would fit, but something is missing before it */
    assert_false(lk_buf_append(&buf, "", 0));
    assert_false(lk_buf_printf(&buf, "%d", 6));
    assert_false(lk_buf_printf(&buf, "%s", ""));
    assert_null(lk_buf_reserve(&buf, 1));
    assert_string_equal(buf.ptr, "12345");
    lk_buf_truncate(&buf, 2);
    assert_false(buf.overflow);
    assert_string_equal(buf.ptr, "12");
    lk_buf_truncate(&buf, 100); /* never longer */
    assert_int_equal(buf.len, 2);
    assert_true(lk_buf_printf(&buf, "%03d%s", 7, "abc"));
    assert_string_equal(buf.ptr, "12007abc");
    assert_false(lk_buf_printf(&buf, "z"));
    lk_buf_free(&buf);
}

static void huge_lengths_do_not_wrap(void **state)
{
    (void)state;
    struct lk_buf buf;
    lk_buf_init(&buf, 16);
    assert_true(lk_buf_lit(&buf, "abc"));
    assert_null(lk_buf_reserve(&buf, SIZE_MAX));
    lk_buf_truncate(&buf, 3);
    assert_null(lk_buf_reserve(&buf, SIZE_MAX - 2));
    lk_buf_free(&buf);

    lk_buf_init(&buf, SIZE_MAX);
    assert_true(lk_buf_lit(&buf, "abc"));
    assert_true(buf.cap < 4096);
    lk_buf_free(&buf);
}

static void zeroed_buffers_hold_nothing(void **state)
{
    (void)state;
    struct lk_buf buf = {0};
    assert_false(lk_buf_char(&buf, 'x'));
    assert_true(buf.overflow);
    lk_buf_free_deferred(&buf);
    lk_buf_truncate(&buf, 0);
    assert_false(buf.overflow);
    assert_true(lk_buf_str(&buf, lk_str(NULL)));
    assert_null(buf.ptr);
}

static void reserved_room_is_the_callers(void **state)
{
    (void)state;
    struct lk_buf buf;
    lk_buf_init(&buf, 1000);
    char *room = lk_buf_reserve(&buf, 500);
    memset(room, 'r', 500);
    buf.len += 500;
    assert_int_equal(buf.ptr[500], '\0');
    room = lk_buf_reserve(&buf, 500);
    memset(room, 's', 10);
    buf.len += 10;
    lk_buf_truncate(&buf, buf.len);
    assert_int_equal(strlen(buf.ptr), 510);
    lk_buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(takes_exactly_the_maximum),
        cmocka_unit_test(overflow_is_sticky_until_truncated),
        cmocka_unit_test(huge_lengths_do_not_wrap),
        cmocka_unit_test(zeroed_buffers_hold_nothing),
        cmocka_unit_test(reserved_room_is_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
