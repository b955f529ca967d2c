/*
 * Lines and CSV records of text that comes in pieces (handlers/records.h): each text comes cut at
 * every place, in blocks of exactly the size of the piece.
 */
#include "../test.h"

#include "handlers/records.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_BYTES 12

/* What was handed on, each with a bar behind it. */
static struct lk_buf seen;
static int enough_after; /* records; 0: never */

static bool on_record(void *arg, struct lk_str record)
{
    (void)arg;
    lk_buf_str(&seen, record.ptr != NULL ? record : LK_STR("(large)"));
    lk_buf_char(&seen, '|');
    return --enough_after != 0;
}

static bool feed(struct lk_records *records, struct lk_str piece, struct lk_error *err)
{
    char *block = malloc(piece.len + 1);
    bool ok;

    memcpy(block, piece.ptr, piece.len);
    ok = lk_records_feed(records, lk_str_n(block, piece.len), err);
    free(block);
    return ok;
}

/* Cut at a and one byte behind it. */
static bool passes(struct lk_records records, struct lk_str text, size_t a, struct lk_error *err)
{
    size_t b = a < text.len ? a + 1 : a;
    bool ok;

    lk_buf_truncate(&seen, 0);
    records.record = on_record;
    lk_records_init(&records, MAX_BYTES);
    ok = feed(&records, lk_str_n(text.ptr, a), err) &&
         feed(&records, lk_str_n(text.ptr + a, b - a), err) &&
         feed(&records, lk_str_n(text.ptr + b, text.len - b), err) && lk_records_end(&records, err);
    lk_records_free(&records);
    return ok;
}

static void assert_records(struct lk_records records, const char *text, const char *expected)
{
    for (size_t a = 0; a <= strlen(text); a++) {
        struct lk_error err = {0};

        if (!passes(records, lk_str(text), a, &err) ||
            !lk_str_eq(lk_buf_view(&seen), lk_str(expected)))
            fail_msg("%s cut at %zu: %.*s %s", text, a, LK_STR_ARG(lk_buf_view(&seen)),
                     err.message);
    }
}

static const struct lk_records lines = {.csv = false}, csv = {.csv = true};
static const struct lk_records long_lines = {.passes_large = true};
static const struct lk_records long_csv = {.csv = true, .passes_large = true};

static void test_lines(void **state)
{
    (void)state;
    assert_records(lines, "", "");
    assert_records(lines, "a", "a|");
    assert_records(lines, "a\n", "a\n|");
    assert_records(lines, "a\r\n\n\"b\nc\"", "a\r\n|\n|\"b\n|c\"|");
    assert_records(lines, "12345678901\n123456789012", "12345678901\n|123456789012|");
}

static void test_csv(void **state)
{
    (void)state;
    assert_records(csv, "a,b\r\n1,\"x\r\ny\"\r\n", "a,b\r\n|1,\"x\r\ny\"\r\n|");
    assert_records(csv, "\"\"\"\n\"\n\"\"\n2", "\"\"\"\n\"\n|\"\"\n|2|");
    assert_records(csv, "\"open\n2", "\"open\n2|"); /* the end is one all the same */
}

static void test_large_records(void **state)
{
    struct lk_error err = {0};

    (void)state;
    for (size_t a = 0; a <= 15; a++) {
        err = (struct lk_error){0};
        assert_false(passes(lines, LK_STR("1\n1234567890123"), a, &err));
        assert_int_equal(err.kind, LK_ERROR_LIMIT);
        assert_string_equal(err.message, "one row is larger than 12 bytes");
    }
    assert_records(long_lines, "1\n123456789012\n2\n1234567890123", "1\n|(large)|2\n|(large)|");
    assert_records(long_csv, "1\n\"234567890\n\"\"\n23456789\"\n3", "1\n|(large)|3|");
}

/* What is passed over ends as well. */
static void test_a_record_without_end(void **state)
{
    struct lk_records records = long_csv;
    static const char piece[1024 * 1024] = "\"";
    struct lk_error err = {0};
    size_t n = 0;

    (void)state;
    records.record = on_record;
    lk_records_init(&records, MAX_BYTES);
    while (lk_records_feed(&records, lk_str_n(piece + (n > 0), sizeof(piece) - 1), &err))
        n++;
    assert_int_equal(n, 64);
    assert_int_equal(err.kind, LK_ERROR_LIMIT);
    lk_records_free(&records);
}

static void test_enough(void **state)
{
    struct lk_error err = {0};

    (void)state;
    enough_after = 2;
    assert_false(passes(lines, LK_STR("1\n2\n3\n"), 1, &err));
    assert_int_equal(err.kind, LK_ERROR_NONE);
    assert_true(lk_str_eq(lk_buf_view(&seen), LK_STR("1\n|2\n|")));
    enough_after = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),         cmocka_unit_test(test_csv),
        cmocka_unit_test(test_large_records), cmocka_unit_test(test_a_record_without_end),
        cmocka_unit_test(test_enough),
    };

    lk_buf_init(&seen, 10000);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lk_buf_free(&seen);
    return failed;
}
