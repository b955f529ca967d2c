/*
 * Trace context: what is taken, what is not, and what goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/trace.h"

#include <string.h>

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define PARENT "00-" ID "-" SPAN "-01"

static const struct lk_str none = {0};

static void assert_str(struct lk_str text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static void what_is_taken(void **state)
{
    struct lk_trace trace;

    (void)state;
    assert_true(lk_trace_read(LK_STR(PARENT), LK_STR("a=b,c=d"), LK_STR("user=1"), &trace));
    assert_str(trace.id, ID);
    assert_str(trace.flags, "01");
    assert_str(trace.state, "a=b,c=d");
    assert_str(trace.baggage, "user=1");
    assert_true(
        lk_trace_read(LK_STR("cc-" ID "-" SPAN "-03-what the future brings"), none, none, &trace));
    assert_str(trace.flags, "03");
}

static void what_is_not(void **state)
{
    static const char *const wrong[] = {
        "",
        "00",
        "00-" ID "-" SPAN,
        "00-" ID "-" SPAN "-01-more",
        "00-" ID "-" SPAN "-1",
        "ff-" ID "-" SPAN "-01",
        "0-" ID "-" SPAN "-011",
        "0x-" ID "-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" ID "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-" SPAN "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-0" SPAN "-01",
        "00-" ID "-" SPAN "-01\r\nX-Evil: 1",
        " 00-" ID "-" SPAN "-01",
    };
    struct lk_trace trace;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (lk_trace_read(lk_str(wrong[i]), LK_STR("a=b"), LK_STR("c=d"), &trace))
            fail_msg("taken: %s", wrong[i]);
        assert_int_equal(trace.id.len + trace.state.len, 0);
        assert_str(trace.baggage, "c=d");
    }
}

static void what_no_header_may_have_is_left_out(void **state)
{
    static char long_text[LK_TRACE_MAX_BAGGAGE_BYTES + 1];
    struct lk_trace trace;

    (void)state;
    memset(long_text, 'a', sizeof(long_text));
    assert_true(
        lk_trace_read(LK_STR(PARENT), LK_STR("a=b\r\nX-Evil: 1"), LK_STR("k=\xc3\xa4"), &trace));
    assert_int_equal(trace.state.len + trace.baggage.len, 0);
    assert_true(lk_trace_read(LK_STR(PARENT), lk_str_n(long_text, LK_TRACE_MAX_STATE_BYTES + 1),
                              lk_str_n(long_text, sizeof(long_text)), &trace));
    assert_int_equal(trace.state.len + trace.baggage.len, 0);
    assert_true(lk_trace_read(LK_STR(PARENT), lk_str_n(long_text, LK_TRACE_MAX_STATE_BYTES),
                              lk_str_n(long_text, sizeof(long_text) - 1), &trace));
    assert_true(trace.state.len != 0 && trace.baggage.len != 0);
}

static void what_goes_on(void **state)
{
    struct lk_trace trace;
    struct lk_buf out;

    (void)state;
    assert_true(lk_trace_read(LK_STR(PARENT), none, none, &trace));
    lk_buf_init(&out, LK_TRACE_PARENT_BYTES);
    lk_trace_put_parent(&out, &trace, 0xabc);
    assert_str(lk_buf_view(&out), "00-" ID "-0000000000000abc-01");
    lk_buf_free(&out);
}

static void a_copy_has_strings_of_its_own(void **state)
{
    struct lk_arena *arena = lk_arena_new();
    char parent[] = PARENT, vendor[] = "vendor=1", baggage[] = "k=v";
    struct lk_trace trace;
    const struct lk_trace *copy;

    (void)state;
    assert_null(lk_trace_copy(arena, NULL));
    assert_true(lk_trace_read(lk_str(parent), lk_str(vendor), lk_str(baggage), &trace));
    copy = lk_trace_copy(arena, &trace);
    memset(parent, 'x', sizeof(parent));
    memset(vendor, 'x', sizeof(vendor));
    memset(baggage, 'x', sizeof(baggage));
    assert_str(copy->id, ID);
    assert_str(copy->flags, "01");
    assert_str(copy->state, "vendor=1");
    assert_str(copy->baggage, "k=v");
    lk_arena_free(arena);
}

static void numbers_differ(void **state)
{
    struct lk_random a = {0}, b = {0};
    uint64_t seen[100];

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        seen[i] = lk_random_next(i % 2 == 0 ? &a : &b);
        for (size_t j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken),
        cmocka_unit_test(what_is_not),
        cmocka_unit_test(what_no_header_may_have_is_left_out),
        cmocka_unit_test(what_goes_on),
        cmocka_unit_test(a_copy_has_strings_of_its_own),
        cmocka_unit_test(numbers_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
