/*
 * base/log and base/escape: what a log reader sees.
 */
#include "base/log.h"

#include "base/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* What `write` logged, with the time replaced by T. */
static char output[256 * 1024];

static const char *logged(enum lk_log_level threshold, enum lk_log_level level, const char *event,
                          const struct lk_log_field *fields, size_t n)
{
    FILE *file = tmpfile();
    const struct lk_log log = {.fd = fileno(file), .level = threshold};
    lk_log_write(&log, level, event, fields, n);
    rewind(file);
    size_t len = fread(output, 1, sizeof(output) - 1, file);
    fclose(file);
    output[len] = '\0';
    /* {"ts":"2026-11-22T07:00:00.123Z" */
    if (len > 31) {
        assert_memory_equal(output, "{\"ts\":\"2", 8);
        assert_int_equal(output[17], 'T');
        assert_int_equal(output[26], '.');
        assert_memory_equal(output + 30, "Z\"", 2);
        return output + 32;
    }
    return output;
}

static void a_line_is_one_json_object(void **state)
{
    (void)state;
    const struct lk_log_field fields[] = {
        lk_log_text("host", "h"), lk_log_int("port", -8080), lk_log_bool("tls", true),
        lk_log_bool("h2", false), lk_log_text("none", NULL),
    };
    assert_string_equal(logged(LK_LOG_INFO, LK_LOG_INFO, "http.listening", fields, 5),
                        ",\"level\":\"info\",\"event\":\"http.listening\",\"host\":\"h\","
                        "\"port\":-8080,\"tls\":true,\"h2\":false,\"none\":\"\"}\n");
}

static void levels_below_the_threshold_are_dropped(void **state)
{
    (void)state;
    assert_string_equal(logged(LK_LOG_WARNING, LK_LOG_INFO, "x", NULL, 0), "");
    assert_string_equal(logged(LK_LOG_WARNING, LK_LOG_WARNING, "x", NULL, 0),
                        ",\"level\":\"warning\",\"event\":\"x\"}\n");
    assert_string_equal(logged(LK_LOG_DEBUG, LK_LOG_ERROR, "x", NULL, 0),
                        ",\"level\":\"error\",\"event\":\"x\"}\n");
    lk_log_error(NULL, "nobody.listens", lk_log_int("n", 1));
    lk_log_error(NULL, "nobody.listens");
}

static void hostile_values_cannot_forge_lines(void **state)
{
    (void)state;
    const struct lk_log_field fields[] = {
        lk_log_str("v", LK_STR("a\"}\n{\"event\":\"forged\"\\\x01\xff\xc3\xbc\x7f")),
    };
    assert_string_equal(logged(LK_LOG_INFO, LK_LOG_INFO, "x", fields, 1),
                        ",\"level\":\"info\",\"event\":\"x\",\"v\":\"a\\\"}\\n{\\\"event\\\":"
                        "\\\"forged\\\"\\\\\\u0001\xef\xbf\xbd\xc3\xbc\x7f\"}\n");
}

static void long_values_are_cut_between_characters(void **state)
{
    (void)state;
    char text[3001] = "x";
    for (size_t i = 1; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xbc", 2);
    const struct lk_log_field fields[] = {lk_log_text("v", text)};
    const char *line = logged(LK_LOG_INFO, LK_LOG_INFO, "x", fields, 1);
    const char *value = strstr(line, "\"v\":\"") + 5;
    assert_int_equal(strlen(value), 1023 + 3); /* 1024 would split a character */
    assert_true(lk_str_is_utf8(lk_str(value)));
}

static void too_many_values_leave_a_valid_line(void **state)
{
    (void)state;
    char text[1025];
    memset(text, 1, 1024); /* each byte takes six */
    text[1024] = '\0';
    struct lk_log_field fields[40];
    for (size_t i = 0; i < 40; i++)
        fields[i] = lk_log_text("v", text);
    const char *line = logged(LK_LOG_INFO, LK_LOG_INFO, "x", fields, 40);
    size_t len = strlen(line);
    assert_in_range(len, PIPE_BUF - 32 - 400, PIPE_BUF - 32);
    assert_string_equal(line + len - 20, "\",\"truncated\":true}\n");
}

static void a_long_value_leaves_room_for_the_next(void **state)
{
    (void)state;
    char text[1025], expected[4096] = ",\"level\":\"info\",\"event\":\"x\",\"v\":\"";
    memset(text, 1, 1024);
    text[1024] = '\0';
    const struct lk_log_field fields[] = {lk_log_text("v", text), lk_log_int("status", 503)};
    for (int i = 0; i < 512; i++)
        strcat(expected, "\\u0001");
    strcat(expected, "\",\"status\":503,\"truncated\":true}\n");
    assert_string_equal(logged(LK_LOG_INFO, LK_LOG_INFO, "x", fields, 2), expected);
}

/* A pipe with room for one page: a line that needs more could only be written in part. */
static void no_line_is_ever_written_in_part(void **state)
{
    (void)state;
    static char text[1024];
    struct lk_log_field fields[20];
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_true(fcntl(fds[1], F_SETPIPE_SZ, 4096) >= 4096);
    const struct lk_log log = {.fd = fds[1]};
    memset(text, 'x', sizeof(text) - 1);
    for (size_t i = 0; i < 20; i++)
        fields[i] = lk_log_text("v", text);
    for (size_t n_fields = 0; n_fields <= 20; n_fields++) {
        lk_log_write(&log, LK_LOG_INFO, "first", fields, n_fields);
        lk_log_write(&log, LK_LOG_INFO, "second", fields,
                     n_fields); /* finds the pipe full, or not */
        ssize_t n = read(fds[0], output, sizeof(output) - 1);
        assert_in_range(n, 1, 4096);
        output[n] = '\0';
        assert_memory_equal(output, "{\"ts\":", 6);
        assert_string_equal(output + n - 2, "}\n");
        const char *second = strstr(output, "\"second\"");
        assert_true(second == NULL || strchr(output, '\n') < second);
    }
    close(fds[0]);
    close(fds[1]);
}

static void a_full_or_closed_stream_changes_nothing(void **state)
{
    (void)state;
    int full[2];
    assert_int_equal(pipe2(full, O_NONBLOCK), 0);
    const struct lk_log log = {.fd = full[1]};
    errno = 42;
    for (int i = 0; i < 5000; i++)
        lk_log_info(&log, "fill", lk_log_int("i", i));
    assert_int_equal(errno, 42);
    close(full[0]);
    close(full[1]);
    lk_log_info(&log, "closed");
    assert_int_equal(errno, 42);
}

static void a_pipe_that_nobody_reads_stops_nothing(void **state)
{
    (void)state;
    static char long_text[1024];
    struct lk_log_field long_fields[20];
    int fds[2];
    assert_int_equal(pipe(fds), 0); /* blocking, as stderr is */
    const struct lk_log log = {.fd = fds[1]};
    memset(long_text, 'x', sizeof(long_text) - 1);
    for (size_t i = 0; i < 20; i++)
        long_fields[i] = lk_log_text("v", long_text);
    alarm(20); /* the whole program ends if it blocks */
    for (int i = 0; i < 5000; i++)
        lk_log_info(&log, "fill", lk_log_int("i", i));
    lk_log_write(&log, LK_LOG_INFO, "long", long_fields, 20);
    alarm(0);

    /* Whole lines only, and logging goes on when there is room again. */
    ssize_t n = read(fds[0], output, sizeof(output));
    assert_in_range(n, 32 * 1024, sizeof(output) - 1);
    assert_int_equal(output[n - 1], '\n');
    lk_log_info(&log, "again");
    n = read(fds[0], output, sizeof(output) - 1);
    assert_in_range(n, 1, 100);
    output[n] = '\0';
    assert_non_null(strstr(output, "\"event\":\"again\"}\n"));
    close(fds[0]);
    close(fds[1]);
}

static void level_names_are_read_in_any_case(void **state)
{
    (void)state;
    enum lk_log_level level = LK_LOG_DEBUG;
    assert_true(lk_log_level_parse(LK_STR("WARN"), &level));
    assert_int_equal(level, LK_LOG_WARNING);
    assert_true(lk_log_level_parse(LK_STR("Critical"), &level));
    assert_int_equal(level, LK_LOG_ERROR);
    assert_true(lk_log_level_parse(LK_STR("debug"), &level));
    assert_int_equal(level, LK_LOG_DEBUG);
    assert_true(lk_log_level_parse(LK_STR("INFO"), &level));
    assert_int_equal(level, LK_LOG_INFO);
    assert_false(lk_log_level_parse(LK_STR("verbose"), &level));
    assert_false(lk_log_level_parse(LK_STR(""), &level));
    assert_false(lk_log_level_parse(LK_STR("info "), &level));
    assert_int_equal(level, LK_LOG_INFO);
}

/* ---- escape ---- */

static void escapes_every_byte_at_every_place(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        for (size_t place = 0; place < 40; place++) {
            char *text = malloc(40);
            struct lk_buf out;
            lk_buf_init(&out, 1000);
            memset(text, 'x', 40);
            text[place] = (char)c;
            lk_escape_json(&out, lk_str_n(text, 40));
            char expected[8];
            if (c == '"' || c == '\\')
                snprintf(expected, sizeof(expected), "\\%c", (int)c);
            else if (c == '\n' || c == '\t' || c == '\r' || c == '\b' || c == '\f')
                snprintf(expected, sizeof(expected), "\\%c", "btn-fr"[c - 8]);
            else if (c < 0x20)
                snprintf(expected, sizeof(expected), "\\u%04x", c);
            else if (c >= 0x80)
                snprintf(expected, sizeof(expected), "\xef\xbf\xbd");
            else
                snprintf(expected, sizeof(expected), "%c", (int)c);
            size_t n = strlen(expected);
            assert_int_equal(out.len, 39 + n);
            assert_memory_equal(out.ptr + place, expected, n);
            assert_int_equal(out.ptr[place + n], place < 39 ? 'x' : '\0');
            lk_buf_free(&out);
            free(text);
        }
    }
}

static void replaces_broken_utf8_and_keeps_the_rest(void **state)
{
    (void)state;
    struct lk_buf out;
    lk_buf_init(&out, 1000);
    lk_escape_json(&out, LK_STR("\xf0\x9f\x98\x80|\xe2\x82|\xed\xa0\x80|\xc3"));
    assert_string_equal(out.ptr, "\xf0\x9f\x98\x80|\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd"
                                 "\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd");
    lk_buf_truncate(&out, 0);
    lk_escape_json(&out, lk_str(NULL));
    assert_int_equal(out.len, 0);
    lk_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_one_json_object),
        cmocka_unit_test(levels_below_the_threshold_are_dropped),
        cmocka_unit_test(hostile_values_cannot_forge_lines),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(too_many_values_leave_a_valid_line),
        cmocka_unit_test(a_long_value_leaves_room_for_the_next),
        cmocka_unit_test(no_line_is_ever_written_in_part),
        cmocka_unit_test(a_full_or_closed_stream_changes_nothing),
        cmocka_unit_test(a_pipe_that_nobody_reads_stops_nothing),
        cmocka_unit_test(level_names_are_read_in_any_case),
        cmocka_unit_test(escapes_every_byte_at_every_place),
        cmocka_unit_test(replaces_broken_utf8_and_keeps_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
