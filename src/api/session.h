/*
 * A session of the service account at Looker: one access token that all calls of a worker share
 * that work in the same workspace. (The workspace is a property of the session.)
 *
 *     none ──login──> logging in ──ok──> valid ──near expiry, or a 401──> none
 *                          └─ failed ──> none      (those who waited get the same error)
 *
 * One login at a time: calls that come meanwhile wait for it.
 */
#ifndef LK_API_SESSION_H
#define LK_API_SESSION_H

#include "api/api.h"

struct lk_session_waiter;

struct lk_session {
    bool dev;             /* its workspace is dev, not production */
    char *token;          /* NUL-terminated; NULL: none */
    uint64_t renew_at_ms; /* loop time from which it is not used any more */
    uint64_t generation;  /* counts logins */
    bool logging_in;
    struct lk_error login_error; /* of the last login, for those who waited */
    struct lk_session_waiter *waiters;
};

/* A token as one request uses it. */
struct lk_token {
    const char *text; /* in the arena */
    uint64_t generation;
};

/* Awaits. A valid token, logging in if there is none. */
bool lk_session_token(struct lk_session *session, const struct lk_api_options *options,
                      struct lk_str root, struct lk_arena *arena, struct lk_token *ret_token,
                      struct lk_error *err);

/* Looker answered 401 to that token: unless it has been replaced already, it is dropped. */
void lk_session_drop(struct lk_session *session, uint64_t generation);

/* Frees memory; no I/O. */
void lk_session_clear(struct lk_session *session);

#endif
