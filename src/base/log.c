/*
 * Log lines (base/log.h): each is put together in memory and written with one write(2) of PIPE_BUF
 * bytes at most, which pipes take whole or not at all: lines of several threads or processes do not
 * mix, and none loses its end. A line that cannot be written at once is dropped: logging never
 * stops the server, not even when stderr is a pipe that nobody reads.
 */
#include "base/log.h"

#include "base/buf.h"
#include "base/escape.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENT_BYTES 128
#define MAX_VALUE_BYTES 1024
#define MIN_CUT_BYTES 32   /* of a value that is cut to fit; shorter ones are left out */
#define LINE_TAIL_BYTES 32 /* what closes a line */

static const char *const level_names[] = {"debug", "info", "warning", "error"};

static void put_time(struct lk_buf *line)
{
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    lk_buf_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", utc.tm_year + 1900, utc.tm_mon + 1,
                  utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000);
}

static void put_field(struct lk_buf *line, const struct lk_log_field *field, size_t max_text_bytes)
{
    lk_buf_lit(line, ",\"");
    lk_escape_json(line, lk_str(field->name));
    lk_buf_lit(line, "\":");
    switch (field->kind) {
    case LK_LOG_TEXT:
        lk_buf_char(line, '"');
        lk_escape_json(line, lk_str_cut(field->text, max_text_bytes));
        lk_buf_char(line, '"');
        break;
    case LK_LOG_INTEGER:
        lk_buf_printf(line, "%" PRId64, field->integer);
        break;
    case LK_LOG_BOOLEAN:
        lk_buf_str(line, field->integer != 0 ? LK_STR("true") : LK_STR("false"));
        break;
    }
}

/* Makes a text shorter until the field fits, or leaves it out. False when the line lacks
 * something. */
static bool fit_field(struct lk_buf *line, const struct lk_log_field *field)
{
    size_t before = line->len;

    for (size_t max = MAX_VALUE_BYTES; max >= MIN_CUT_BYTES; max /= 2) {
        put_field(line, field, max);
        if (!line->overflow && line->len <= PIPE_BUF - LINE_TAIL_BYTES)
            return max == MAX_VALUE_BYTES;
        lk_buf_truncate(line, before);
        if (field->kind != LK_LOG_TEXT)
            break;
    }
    return false;
}

/* A pipe that poll calls writable takes PIPE_BUF bytes at once and whole. */
static void write_line(int fd, const struct lk_buf *line)
{
    struct pollfd out = {.fd = fd, .events = POLLOUT};
    ssize_t n;

    do
        n = poll(&out, 1, 0) > 0 ? write(fd, line->ptr, line->len) : 0;
    while (n < 0 && errno == EINTR);
}

void lk_log_write(const struct lk_log *log, enum lk_log_level level, const char *event,
                  const struct lk_log_field *fields, size_t n_fields)
{
    if (log == NULL || level < log->level)
        return;
    int saved_errno = errno; /* callers log between a failing call and their look at errno */
    bool whole = true;
    struct lk_buf line;
    lk_buf_init(&line, PIPE_BUF);

    lk_buf_lit(&line, "{\"ts\":\"");
    put_time(&line);
    lk_buf_printf(&line, "\",\"level\":\"%s\",\"event\":\"", level_names[level]);
    lk_escape_json(&line, lk_str_cut(lk_str(event), MAX_EVENT_BYTES));
    lk_buf_char(&line, '"');
    for (size_t i = 0; i < n_fields; i++)
        whole = fit_field(&line, &fields[i]) && whole;
    if (!whole)
        lk_buf_lit(&line, ",\"truncated\":true");
    lk_buf_lit(&line, "}\n");
    write_line(log->fd, &line);
    lk_buf_free(&line);
    errno = saved_errno;
}

bool lk_log_level_parse(struct lk_str name, enum lk_log_level *ret_level)
{
    static const struct {
        struct lk_str name;
        enum lk_log_level level;
    } levels[] = {
        {LK_STR_INIT("debug"), LK_LOG_DEBUG},     {LK_STR_INIT("info"), LK_LOG_INFO},
        {LK_STR_INIT("warning"), LK_LOG_WARNING}, {LK_STR_INIT("warn"), LK_LOG_WARNING},
        {LK_STR_INIT("error"), LK_LOG_ERROR},     {LK_STR_INIT("critical"), LK_LOG_ERROR},
    };
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (lk_str_ieq(name, levels[i].name)) {
            *ret_level = levels[i].level;
            return true;
        }
    }
    return false;
}
