/*
 * One HTTP exchange with Looker for an operation: built, sent, and its answer judged. Login, calls
 * and logout all go through here; sessions and retries are above it.
 */
#ifndef LK_API_EXCHANGE_H
#define LK_API_EXCHANGE_H

#include "api/api.h"

struct lk_exchange {
    struct lk_api_request request;
    const char *token;   /* NULL: unauthenticated */
    uint64_t timeout_ms; /* 0: the API's */
    uint64_t until_ms;   /* loop time at which the call ends that it is for; 0: not known */
    const struct lk_trace *trace;   /* NULL: none */
    const struct lk_api_sink *sink; /* for the body of a 2xx answer; NULL: the answer has it */
    bool *poured;                   /* set when a piece has gone into the sink; or NULL */
    /* As lk_http_request's. */
    bool (*may_go)(void *arg, struct lk_error *err);
    void *may_go_arg;
};

/*
 * Awaits. Success is a 2xx answer of a media type that the operation declares, whose JSON is
 * checked. Failing statuses are LK_ERROR_UPSTREAM with err->status set; *ret_retry_after_s
 * (may be NULL) is written in every case: Retry-After in seconds, or -1. err may be NULL.
 */
bool lk_exchange_perform(const struct lk_api_options *options, struct lk_str root,
                         struct lk_arena *arena, const struct lk_exchange *exchange,
                         struct lk_api_answer *ret_answer, int64_t *ret_retry_after_s,
                         struct lk_error *err);

#endif
