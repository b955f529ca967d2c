/*
 * Errors are objects that the caller owns and functions fill. A function that can fail returns
 * bool, takes `struct lk_error *err` last, and writes its ret_ outputs only on success. The first
 * error wins: setting one that is already set changes nothing, so clean-up code may fail in peace.
 */
#ifndef LK_BASE_ERROR_H
#define LK_BASE_ERROR_H

#include "base/str.h"

enum lk_error_kind {
    LK_ERROR_NONE = 0,
    LK_ERROR_ARGUMENT,    /* what the caller sent is wrong; sending it again is useless */
    LK_ERROR_CONFIG,      /* a setting is missing or wrong */
    LK_ERROR_LIMIT,       /* a named limit was met; the message names it and how to go on */
    LK_ERROR_PARSE,       /* a peer sent something that is not what it says it is */
    LK_ERROR_NETWORK,     /* no connection, or it ended too early */
    LK_ERROR_TIMEOUT,     /* no answer in time */
    LK_ERROR_TLS,         /* the peer could not prove who it is */
    LK_ERROR_UPSTREAM,    /* the peer answered with a failing HTTP status (in `status`) */
    LK_ERROR_AUTH,        /* the peer refused our credentials */
    LK_ERROR_CANCELLED,   /* the caller went away or cancelled */
    LK_ERROR_UNSUPPORTED, /* known, but not available here or now */
    LK_ERROR_INTERNAL,    /* a mistake of ours, or of the machine */
};

/*
 * message: one sentence, the cause and the remedy; never a secret.
 * detail:  what a peer or the system said about it, or empty.
 * status:  the HTTP status that the peer answered, or 0.
 * body:    the peer's own answer, as much as is worth forwarding; lives in the call's arena.
 * unsent:  nothing of the request had left, so that the peer cannot have obeyed it.
 */
struct lk_error {
    enum lk_error_kind kind;
    int status;
    char message[640];
    char detail[640];
    struct lk_str body;
    bool unsent;
};

/* Sets *err unless it is set (or NULL) and returns false, so `return lk_fail(err, …)` reads well.
 * Text that does not fit is cut at a character boundary and ends in "...". */
bool lk_fail(struct lk_error *err, enum lk_error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends "; " and the text to the message of an error that is set: a remedy that only a higher
 * layer knows. */
void lk_error_advise(struct lk_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets the detail of an error that has none yet. Without an error (or NULL) nothing happens. */
void lk_error_detail(struct lk_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A stable lower-case word for logs and exit messages: "argument", "timeout", … */
const char *lk_error_kind_name(enum lk_error_kind kind);

#endif
