/*
 * Log lines (base/log.h): each is put together in memory and written with one write(2), so lines
 * of several threads or processes do not mix. A line that cannot be written at once is dropped:
 * logging never stops the server, not even when stderr is a pipe that nobody reads.
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

#define MAX_VALUE_BYTES 1024
#define MAX_LINE_BYTES ((size_t)64 << 10)
/* What may always be added to a line that took fields up to MAX_LINE_BYTES. */
#define LINE_TAIL_BYTES 64
#define REST_OF_LINE_MS 100

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

static void put_field(struct lk_buf *line, const struct lk_log_field *field)
{
    lk_buf_lit(line, ",\"");
    lk_escape_json(line, lk_str(field->name));
    lk_buf_lit(line, "\":");
    switch (field->kind) {
    case LK_LOG_TEXT:
        lk_buf_char(line, '"');
        lk_escape_json(line, lk_str_cut(field->text, MAX_VALUE_BYTES));
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

/* A pipe that poll calls writable takes PIPE_BUF bytes without blocking, which is more than nearly
 * every line has. The rest of a longer one must follow, or the next line breaks: that is waited for
 * a little. */
static void write_line(int fd, const struct lk_buf *line)
{
    size_t done = 0;

    while (done < line->len) {
        struct pollfd out = {.fd = fd, .events = POLLOUT};
        size_t left = line->len - done;
        int ready = poll(&out, 1, done == 0 ? 0 : REST_OF_LINE_MS);
        ssize_t n = 0;

        if (ready > 0)
            n = write(fd, line->ptr + done, left < PIPE_BUF ? left : PIPE_BUF);
        if (ready == 0 || ((ready < 0 || n < 0) && errno != EINTR))
            return;
        if (n > 0)
            done += (size_t)n;
    }
}

void lk_log_write(const struct lk_log *log, enum lk_log_level level, const char *event,
                  const struct lk_log_field *fields, size_t n_fields)
{
    if (log == NULL || level < log->level)
        return;
    int saved_errno = errno; /* callers log between a failing call and their look at errno */
    struct lk_buf line;
    lk_buf_init(&line, MAX_LINE_BYTES + LINE_TAIL_BYTES);

    lk_buf_lit(&line, "{\"ts\":\"");
    put_time(&line);
    lk_buf_printf(&line, "\",\"level\":\"%s\",\"event\":\"", level_names[level]);
    lk_escape_json(&line, lk_str_cut(lk_str(event), MAX_VALUE_BYTES));
    lk_buf_char(&line, '"');
    for (size_t i = 0; i < n_fields; i++) {
        size_t before = line.len;
        put_field(&line, &fields[i]);
        if (line.overflow || line.len > MAX_LINE_BYTES) {
            lk_buf_truncate(&line, before);
            lk_buf_lit(&line, ",\"truncated\":true");
            break;
        }
    }
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
