/*
 * Filling the error objects of base/error.h.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

/* What vsnprintf had no room for ends in "...", never inside a character. */
static void mark_cut(char *text, size_t size, int len)
{
    static const char dots[] = "...";

    if (len < 0)
        text[0] = '\0';
    else if ((size_t)len >= size)
        memcpy(text + lk_str_cut(lk_str_n(text, size - 1), size - sizeof(dots)).len, dots,
               sizeof(dots));
}

static void print_cut(char *text, size_t size, const char *format, va_list args)
{
    mark_cut(text, size, vsnprintf(text, size, format, args));
}

bool lk_fail(struct lk_error *err, enum lk_error_kind kind, const char *format, ...)
{
    va_list args;

    if (err == NULL || err->kind != LK_ERROR_NONE)
        return false;
    err->kind = kind;
    va_start(args, format);
    print_cut(err->message, sizeof(err->message), format, args);
    va_end(args);
    return false;
}

void lk_error_advise(struct lk_error *err, const char *format, ...)
{
    char advice[sizeof(err->message)];
    size_t len, room;
    va_list args;

    if (err == NULL || err->kind == LK_ERROR_NONE)
        return;
    va_start(args, format);
    print_cut(advice, sizeof(advice), format, args);
    va_end(args);
    len = strlen(err->message);
    room = sizeof(err->message) - len;
    if (room > 16) /* less would hold no word of it */
        mark_cut(err->message + len, room, snprintf(err->message + len, room, "; %s", advice));
}

void lk_error_detail(struct lk_error *err, const char *format, ...)
{
    va_list args;

    if (err == NULL || err->kind == LK_ERROR_NONE || err->detail[0] != '\0')
        return;
    va_start(args, format);
    print_cut(err->detail, sizeof(err->detail), format, args);
    va_end(args);
}

const char *lk_error_kind_name(enum lk_error_kind kind)
{
    static const char *const names[] = {
        [LK_ERROR_NONE] = "none",           [LK_ERROR_ARGUMENT] = "argument",
        [LK_ERROR_CONFIG] = "config",       [LK_ERROR_LIMIT] = "limit",
        [LK_ERROR_PARSE] = "parse",         [LK_ERROR_NETWORK] = "network",
        [LK_ERROR_TIMEOUT] = "timeout",     [LK_ERROR_TLS] = "tls",
        [LK_ERROR_UPSTREAM] = "upstream",   [LK_ERROR_AUTH] = "auth",
        [LK_ERROR_CANCELLED] = "cancelled", [LK_ERROR_UNSUPPORTED] = "unsupported",
        [LK_ERROR_INTERNAL] = "internal",
    };
    size_t i = (size_t)kind;
    return i < sizeof(names) / sizeof(names[0]) ? names[i] : "internal";
}
