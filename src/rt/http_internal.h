/*
 * What the files of the HTTP client share.
 *
 *     http.c        one request: checks it, sets up an easy handle, awaits, takes the answer
 *     http_multi.c  curl's multi handle on the loop: sockets, its one time-out, what has finished
 *     http_body.c   the bytes of an answer, and what all of them may take together
 *     http_error.c  from curl's result codes to errors that a user can act on
 */
#ifndef LK_RT_HTTP_INTERNAL_H
#define LK_RT_HTTP_INTERNAL_H

#include "rt/co.h"
#include "rt/http.h"
#include "rt/internal.h"

#include <curl/curl.h>

#define LK_HTTP_CONNECT_TIMEOUT_MS 10000
#define LK_HTTP_MAX_IN_FLIGHT 64
#define LK_HTTP_MAX_ANSWER_BYTES ((size_t)64 * 1024 * 1024)
#define LK_HTTP_MAX_HEADER_BYTES ((size_t)256 * 1024) /* all of an answer's header lines */
#define LK_HTTP_MAX_HEADER_LINES 1000
#define LK_HTTP_MAX_TOTAL_BYTES ((size_t)512 * 1024 * 1024)
#define LK_HTTP_IDLE_HANDLES 64
/* With more requests than that in flight, those beyond read less at a time: what counts then is the
 * memory of so many, most of which wait. */
#define LK_HTTP_MANY 256
#define LK_HTTP_SMALL_BUFFER_BYTES 2048L
#define LK_HTTP_MAX_IDLE_S 118L    /* of a connection that is used again; curl's own default */
#define LK_HTTP_MAX_IDLE_ONCE_S 2L /* the same for what must not reach the peer twice */
#define LK_HTTP_ENCODINGS "gzip, deflate"

struct lk_http_socket;

/* What all answers in memory may take together. They outlive their requests, and may outlive the
 * client. */
struct lk_http_budget {
    size_t used_bytes, max_bytes;
    size_t refs; /* the client, and each body */
};

struct lk_http_body {
    struct lk_buf buf;
    struct lk_http_budget *budget;
};

struct lk_http {
    struct lk_loop *loop;
    struct lk_http_options options; /* with the defaults filled in; strings are copies */
    CURLM *multi;                   /* NULL until the first request */
    struct lk_loop_hook hook;
    struct lk_timer timer;
    bool timeout_is_due; /* curl's; handled by the hook, before the loop waits */
    struct lk_http_socket *sockets, **by_fd;
    size_t n_by_fd, n_connections;    /* open ones, idle or not */
    bool peer_speaks_http1;           /* did in its last answer */
    CURL *idle[LK_HTTP_IDLE_HANDLES]; /* with all set that is the same for each request */
    size_t n_idle;
    size_t n_in_flight, n_waiting;
    struct lk_http_budget *budget;
    struct lk_http_transfer *waiting, **waiting_tail; /* for one of them to end */
    char *user_agent_line;                            /* "User-Agent: …", or NULL */
    bool proxy;                                       /* the environment names one */
};

/* One request; on the stack of the coroutine that awaits it. */
struct lk_http_transfer {
    struct lk_http *http;
    const struct lk_http_request *request;
    struct lk_co *co;
    struct lk_http_transfer *next; /* waiting */
    bool admitted;                 /* one of max_in_flight, */
    bool turn_ended;               /* and not any more */
    CURL *easy;                    /* NULL until then */
    bool small;                    /* lk_http_handle_take */
    struct lk_timer deadline;
    struct lk_http_body *body;
    bool over_budget;
    bool begun;           /* it was, or is about to be, written to a connection */
    struct lk_error *err; /* the caller's, or NULL */
    bool refused;         /* by may_go, which has set it */
    size_t header_bytes, header_lines;
    bool in_header;       /* of the answer that counts, or of a 1xx before it */
    bool header_complete; /* its empty line has come */
    bool header_too_large;
    int64_t retry_after_s;
    uint64_t body_bytes; /* that have come */
    bool paused;         /* what it holds for the sink is as much as it may be */
    bool done, expired;
    CURLcode result;
    char text[CURL_ERROR_SIZE];
};

/* http_multi.c */
bool lk_http_multi_open(struct lk_http *http, struct lk_error *err);
void lk_http_multi_close(struct lk_http *http);
/* Of those that are kept, or a new one: for that *ret_small says that it is not to be kept. */
CURL *lk_http_handle_take(struct lk_http *http, bool *ret_small);
void lk_http_handle_give(struct lk_http *http, CURL *easy, bool small);
/* Whether the body goes to the request's sink; known once a byte of it has come. */
bool lk_http_flows(const struct lk_http_transfer *transfer);

/* http_body.c */
struct lk_http_budget *lk_http_budget_new(size_t max_bytes);
void lk_http_budget_release(struct lk_http_budget *budget);
/* Empty; freed with the arena. */
struct lk_http_body *lk_http_body_new(struct lk_arena *arena, struct lk_http_budget *budget,
                                      size_t max_bytes);
/* False when the answer or all answers together would be too large; *ret_over_budget says which. */
bool lk_http_body_append(struct lk_http_body *body, const char *bytes, size_t len,
                         bool *ret_over_budget);
/* Moves what is there into an empty buffer of the caller's. */
void lk_http_body_move(struct lk_http_body *body, struct lk_buf *ret_buf);
/* Gives the memory back before the arena does. */
void lk_http_body_drop(struct lk_http_body *body);

/* http_error.c: returns false. */
bool lk_http_fail(const struct lk_http_transfer *transfer, struct lk_error *err);

#endif
