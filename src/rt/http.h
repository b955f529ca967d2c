/*
 * The HTTP client: requests over one curl multi handle a loop, with connection reuse. Only this
 * module includes curl's header. Knows nothing of Looker.
 */
#ifndef LK_RT_HTTP_H
#define LK_RT_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "rt/loop.h"

struct lk_http;

struct lk_http_options {
    bool verify_tls;     /* peer certificate and host name */
    const char *ca_file; /* PEM bundle, or NULL: the system's */
    const char *user_agent;
    uint32_t connect_timeout_ms; /* 0: 10,000 */
    uint32_t max_in_flight;      /* requests at once; 0: 64; those beyond it wait, first come first
                                    served. With HTTP/1.1 each has a connection of its own. */
    const char *max_in_flight_name; /* what users call it in errors; NULL: no name */
    size_t max_total_bytes; /* of all answers that are in memory at once, until their arenas are
                               freed; 0: 512 MiB */
    bool http1_only;        /* do not negotiate HTTP/2 */
};

/* curl itself is initialised on the first request, so that a start that makes none is quick. */
struct lk_http *lk_http_new(struct lk_loop *loop, const struct lk_http_options *options);
/* No request may be in flight. NULL is legal. */
void lk_http_free(struct lk_http *http);

struct lk_http_answer;

/*
 * Takes the body of an answer piece by piece as it comes, so that it is never in memory as a whole.
 * Only 2xx answers go there: any other is collected as ever.
 *
 * take() runs on the coroutine that awaits the answer, and may await: what comes meanwhile is held
 * back by pausing the transfer, so that no more than about LK_HTTP_WINDOW_BYTES wait here. `head`
 * is the answer with an empty body; the bytes are gone when take() returns. False: that was enough,
 * and the rest is not fetched.
 */
#define LK_HTTP_WINDOW_BYTES ((size_t)64 * 1024)
struct lk_http_sink {
    bool (*take)(void *arg, const struct lk_http_answer *head, struct lk_str bytes);
    void *arg;
    bool endless; /* timeout_ms is for each pause in the answer, not for all of it; and once that
                     comes, it is none of max_in_flight: it may take as long as take() likes */
};

struct lk_http_request {
    const char *method;         /* "GET" … */
    const char *url;            /* absolute; NUL-terminated; logged by nobody */
    const char *const *headers; /* "Name: value", NULL-terminated; or NULL */
    struct lk_str body;         /* borrowed until the call returns */
    bool has_body;
    bool once;               /* must not reach the peer twice */
    uint64_t queue_ms;       /* to wait for its turn, before timeout_ms begins; 0: timeout_ms */
    uint64_t timeout_ms;     /* for the whole exchange, from its turn on, take() not counted; 0:
                                none. Of an endless sink: until the first piece of the body, and then
                                between any two */
    bool *begun;             /* set when the peer is about to see something of it; or NULL */
    size_t max_answer_bytes; /* decompressed; 0: 64 MiB; more is LK_ERROR_LIMIT. Not of what goes
                                into a sink */
    const struct lk_http_sink *sink; /* or NULL: the answer has the body */
    /* Asked right before it is written, when there is a connection, each time that it is; false,
     * with an error: it is not. Called on the loop's stack. NULL: nobody asks. */
    bool (*may_go)(void *arg, struct lk_error *err);
    void *may_go_arg;
};

struct lk_http_answer {
    int status;
    struct lk_str content_type; /* as sent, or empty; in the arena */
    int64_t retry_after_s;      /* Retry-After in seconds, or -1 */
    struct lk_str body;         /* in memory that the arena frees */
    bool stopped;               /* by the sink, which had enough */
};

/*
 * Awaits the answer, whatever its status. Redirects are not followed (credentials would travel).
 * Errors: LK_ERROR_NETWORK (refused, unresolvable, cut off: message says how much had come),
 * LK_ERROR_TIMEOUT, LK_ERROR_TLS, LK_ERROR_LIMIT (also when its turn did not come),
 * LK_ERROR_CANCELLED, and LK_ERROR_ARGUMENT for a URL or header that is none; err->unsent when the
 * peer has seen nothing of it. Messages name host and port, never path, query or headers.
 *
 * A request is sent again, once, when a connection that had been used before turns out to be closed
 * before a byte of the answer came: servers close idle connections at any time. `once` rules that
 * out, and so that it need not fail for it, goes over a connection that was used just now, or a new
 * one.
 */
bool lk_http_perform(struct lk_http *http, const struct lk_http_request *request,
                     struct lk_arena *arena, struct lk_http_answer *ret_answer,
                     struct lk_error *err);

/* What is under way and what waits for its turn, as of now. */
struct lk_http_load {
    size_t in_flight, waiting;
};
struct lk_http_load lk_http_load(const struct lk_http *http);

/* Percent-encodes all but RFC 3986 unreserved characters, `/` included. */
void lk_http_encode(struct lk_buf *buf, struct lk_str s);

#endif
