/*
 * Log lines: one JSON object a line on standard error (or another fd), never on standard output.
 *
 *     {"ts":"2026-11-22T07:00:00.123Z","level":"info","event":"http.listening","port":8080}
 *
 *     lk_log_info(log, "http.listening", lk_log_text("host", host), lk_log_int("port", 8080));
 *
 * Events are dotted lower-case words. Values are escaped and cut at 1,024 bytes; a line stays
 * within PIPE_BUF, values are cut further (or left out) for that, and `"truncated":true` says so.
 * Never pass a secret or a token: there is no filter that would save you.
 */
#ifndef LK_BASE_LOG_H
#define LK_BASE_LOG_H

#include "base/str.h"

#include <stdint.h>

enum lk_log_level { LK_LOG_DEBUG, LK_LOG_INFO, LK_LOG_WARNING, LK_LOG_ERROR };

struct lk_log {
    int fd;
    enum lk_log_level level; /* lines below it are dropped */
};

struct lk_log_field {
    const char *name;
    enum { LK_LOG_TEXT, LK_LOG_INTEGER, LK_LOG_BOOLEAN } kind;
    struct lk_str text;
    int64_t integer;
};

static inline struct lk_log_field lk_log_str(const char *name, struct lk_str value)
{
    return (struct lk_log_field){.name = name, .kind = LK_LOG_TEXT, .text = value};
}
static inline struct lk_log_field lk_log_text(const char *name, const char *value)
{
    return lk_log_str(name, lk_str(value));
}
static inline struct lk_log_field lk_log_int(const char *name, int64_t value)
{
    return (struct lk_log_field){.name = name, .kind = LK_LOG_INTEGER, .integer = value};
}
static inline struct lk_log_field lk_log_bool(const char *name, bool value)
{
    return (struct lk_log_field){.name = name, .kind = LK_LOG_BOOLEAN, .integer = value};
}

/* Writes one line with one write(2), or drops it when it would have to wait. log may be NULL:
 * nothing happens. errno stays as it is. */
void lk_log_write(const struct lk_log *log, enum lk_log_level level, const char *event,
                  const struct lk_log_field *fields, size_t n_fields);

#define LK_LOG_(log, level, event, ...)                                                            \
    lk_log_write((log), (level), (event), (const struct lk_log_field[]){{0}, ##__VA_ARGS__} + 1,   \
                 sizeof((const struct lk_log_field[]){{0}, ##__VA_ARGS__}) /                       \
                         sizeof(struct lk_log_field) -                                             \
                     1)
#define lk_log_debug(log, event, ...) LK_LOG_(log, LK_LOG_DEBUG, event, ##__VA_ARGS__)
#define lk_log_info(log, event, ...) LK_LOG_(log, LK_LOG_INFO, event, ##__VA_ARGS__)
#define lk_log_warning(log, event, ...) LK_LOG_(log, LK_LOG_WARNING, event, ##__VA_ARGS__)
#define lk_log_error(log, event, ...) LK_LOG_(log, LK_LOG_ERROR, event, ##__VA_ARGS__)

/* Debug/INFO/warning/…, any case. False when it is none of the four (WARN and CRITICAL count). */
bool lk_log_level_parse(struct lk_str name, enum lk_log_level *ret_level);

#endif
