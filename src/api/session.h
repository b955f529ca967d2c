/*
 * One session at Looker: an access token of one principal in one workspace, which all its calls
 * share. (The workspace is a property of the session.)
 *
 *     none ──login──> logging in ──ok──> valid ──near expiry, or a 401──> none
 *                          └─ failed ──> none      (those who waited get the same error)
 *
 * One login at a time: calls that come meanwhile wait for it. It runs on a coroutine of its own,
 * which no caller's end cuts off: Looker would have a session then that nobody ends. The sessions
 * are kept by api/pool.h.
 */
#ifndef LK_API_SESSION_H
#define LK_API_SESSION_H

#include "api/api.h"

struct lk_pool;
struct lk_session_waiter;

struct lk_session {
    struct lk_pool *pool;
    struct lk_arena *arena; /* of this struct */
    struct lk_principal principal;
    bool dev;             /* its workspace is dev, not production */
    char *token;          /* NUL-terminated; NULL: none */
    uint64_t renew_at_ms; /* loop time from which it is not used any more */
    uint64_t generation;  /* counts logins */
    bool logging_in;
    struct lk_co *co;            /* that logs in or out; NULL: none */
    struct lk_error login_error; /* of the last login, for those who waited */
    struct lk_session_waiter *waiters;
    /* The pool's. */
    unsigned users;         /* requests that hold it */
    uint64_t idle_since_ms; /* when there is none */
    struct lk_session *next;
};

/* A token as one request uses it. */
struct lk_token {
    const char *text; /* in the arena */
    uint64_t generation;
};

struct lk_session *lk_session_new(struct lk_pool *pool, const struct lk_principal *principal,
                                  bool dev);
/* Wipes the token and frees memory; no I/O. */
void lk_session_free(struct lk_session *session);

/* Awaits. A valid token, logging in if there is none. */
bool lk_session_token(struct lk_session *session, struct lk_arena *arena,
                      struct lk_token *ret_token, struct lk_error *err);

/* Looker answered 401 to that token: unless it has been replaced already, it is dropped. */
void lk_session_drop(struct lk_session *session, uint64_t generation);

/* Awaits. Ends the session at Looker, if it has a token of its own. Failing is logged, no more. */
void lk_session_end(struct lk_session *session);

#endif
