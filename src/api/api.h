/*
 * Looker as its operations: a request in C values goes out as HTTP, under a session, and comes back
 * as bytes. A `struct lk_api` is Looker as one principal sees it: a worker has one for the service
 * account, and gives each tool call a view for whom the call runs as. They share the sessions.
 *
 *     lk_api_call ── session ── login (once; renewed before expiry and once after a 401)
 *               └── request (api/request.c: path, query, body from the tables)
 *               └── rt/http
 */
#ifndef LK_API_API_H
#define LK_API_API_H

#include "api/operation.h"
#include "api/principal.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/trace.h"
#include "looker_ops.h"
#include "rt/co.h"
#include "rt/http.h"
#include "rt/loop.h"

struct lk_api;
struct lk_lease;

/* How a request to Looker ended: not answered, or with a status of that hundred. */
enum lk_api_class {
    LK_API_NO_ANSWER,
    LK_API_2XX,
    LK_API_3XX,
    LK_API_4XX,
    LK_API_5XX,
    LK_API_CLASSES
};

/* What happened so far, for metrics; all but `sessions` grow only. One worker writes, others may
 * read. */
struct lk_api_counters {
    _Atomic uint64_t requests; /* sent to Looker, logins and repetitions included */
    _Atomic uint64_t failures; /* of those: no answer, or one that is none of 2xx */
    /* Sent again: after a 429; after a 502 or 503; after no answer. */
    _Atomic uint64_t retries_limited, retries_unavailable, retries_network;
    _Atomic int64_t sessions; /* at the moment: logged in, or about to be */
    _Atomic uint32_t by_operation[LOOKER_OP_COUNT][LK_API_CLASSES]; /* `requests`, taken apart */
};

/* Borrowed: must outlive the lk_api. */
struct lk_api_options {
    struct lk_loop *loop;
    struct lk_http *http;
    const struct lk_log *log;
    struct lk_str base_url;    /* "https://looker.example.com[:19999]", without a trailing slash */
    struct lk_str api_version; /* "4.0" */
    struct lk_str client_id;   /* empty: no service account; every call fails with LK_ERROR_AUTH */
    struct lk_str client_secret;
    uint64_t timeout_ms; /* for one exchange */
    size_t max_answer_bytes;
    bool pool_sessions;       /* false: each view logs in, and out again when it ends */
    uint64_t session_idle_ms; /* a session that nobody uses for so long is ended; 0: never */
    uint32_t max_sessions;    /* above it, the one unused for longest is ended; 0: no maximum */
    struct lk_api_counters *counters; /* NULL: nobody counts */
};

struct lk_api *lk_api_new(const struct lk_api_options *options);
/* NULL is legal. Does not log out: see lk_api_logout. */
void lk_api_free(struct lk_api *api);

/* The same Looker as another principal, until lk_api_end. Lives in the arena. */
struct lk_api *lk_api_as(struct lk_api *api, struct lk_arena *arena,
                         const struct lk_principal *principal);
/* The call that the view is for ends at this loop time: nothing waits beyond it, neither for its
 * turn nor to be sent again. 0: it has no end. */
void lk_api_set_end(struct lk_api *view, uint64_t until_ms);
/* Its requests carry this, each under a span of its own; borrowed, NULL: none. */
void lk_api_set_trace(struct lk_api *view, const struct lk_trace *trace);
/* As whom it runs. */
const struct lk_principal *lk_api_principal(const struct lk_api *view);
/*
 * From now on the view's requests go out in the dev workspace only while `lease` is held, which is
 * looked at right before each is sent; one that moves the branch needs LK_CLAIM_ALONE on its
 * project. NULL: none goes there. What is sent without the lease that it takes is a mistake of ours
 * (LK_ERROR_INTERNAL); a lease that is lost is an error that says so. A view that is not guarded is
 * free to do anything: for the leases' own requests.
 */
void lk_api_guard(struct lk_api *view, struct lk_lease *lease);
/* Has may_go(arg, err) asked right before each of the view's requests is sent, again when it is
 * sent again; false: it is not, with that error. For a view that is not guarded. */
void lk_api_ask(struct lk_api *view, bool (*may_go)(void *arg, struct lk_error *err), void *arg);
/* To be called once for each view, when nothing of it runs any more; NULL is legal. Does not wait:
 * what is to be logged out is logged out beside. */
void lk_api_end(struct lk_api *view);

/*
 * Runs fn(arg, view) on a coroutine of its own, with a view of the same principal (and the same
 * sessions) that ends with it: for what has to be finished when the call that wants it is gone. It
 * has the lease of the view that it comes from, until lk_api_guard takes it away, which has to
 * happen before that is given back.
 * lk_api_logout waits for it, and cancels it when its time is over. Works on a coroutine that is
 * cancelled. *ret_co (may be NULL) as lk_co_start has it, and so the errors.
 */
bool lk_api_beside(struct lk_api *view, void (*fn)(void *arg, struct lk_api *view), void *arg,
                   struct lk_co **ret_co, struct lk_error *err);

struct lk_api_answer {
    int status;
    enum lk_media media; /* one bit; JSON bodies have passed lk_json_check */
    struct lk_str body;  /* empty for 204 */
    bool stopped;        /* lk_api_stream: the sink had enough */
};

/*
 * Awaits. Logs in when needed, sends, again where that helps and may be (api/retry.h), and answers
 * 2xx answers only. The answer lives in the arena.
 * Errors: those of lk_http_perform; LK_ERROR_AUTH (401 even with a new token, or login refused);
 * LK_ERROR_UPSTREAM for any other status, with Looker's own message in `detail` (validation errors
 * spelled out) and its bytes in `body`; LK_ERROR_PARSE when a JSON answer is not JSON;
 * LK_ERROR_ARGUMENT when a value cannot be sent (in the path an empty one, or one with "." or
 * ".." between its slashes).
 */
bool lk_api_call(struct lk_api *api, struct lk_arena *arena, struct lk_api_request request,
                 struct lk_api_answer *ret_answer, struct lk_error *err);

/* The same with a time-out of its own for slow operations; 0: the API's. */
bool lk_api_call_within(struct lk_api *api, struct lk_arena *arena, struct lk_api_request request,
                        uint64_t timeout_ms, struct lk_api_answer *ret_answer,
                        struct lk_error *err);

/*
 * Takes the body of a 2xx answer piece by piece (struct lk_http_sink says how: on the calling
 * coroutine, may await, false stops). The media type is one that the operation declares; that JSON
 * is JSON nobody has checked.
 */
struct lk_api_sink {
    bool (*take)(void *arg, enum lk_media media, struct lk_str bytes);
    void *arg;
    bool endless; /* the time-out is for each pause in the answer, not for all of it */
};

/*
 * Awaits. As lk_api_call, but the answer goes into the sink, and is never in memory as a whole:
 * ret_answer has no body. What fails before the first piece is tried again as ever; after it
 * nothing is. What take() takes does not count towards the time-out (0: the API's). What comes with
 * a 202 is not the answer yet, and goes nowhere.
 */
bool lk_api_stream(struct lk_api *api, struct lk_arena *arena, struct lk_api_request request,
                   uint64_t timeout_ms, const struct lk_api_sink *sink,
                   struct lk_api_answer *ret_answer, struct lk_error *err);

/* Awaits any HTTP answer from where Looker should be, without credentials; its status is stored
 * (ret_status may be NULL). It shows that somebody is there, not that it is Looker. */
bool lk_api_reach(struct lk_api *api, struct lk_arena *arena, int *ret_status,
                  struct lk_error *err);

/* Awaits. Ends all sessions at Looker, views' included, in at most timeout_ms altogether (0:
 * however long it takes); those left then end by themselves. When the time was over, the calling
 * coroutine is cancelled. No call may run any more. */
void lk_api_logout(struct lk_api *api, uint64_t timeout_ms);

#endif
