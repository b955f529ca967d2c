/*
 * The sessions of a worker, by principal and workspace.
 *
 *     take ──> found, or made ──> users++ ──> one request ──> give: users--
 *                                                              └─ idle for too long, or one too
 *                                                                 many: logged out and gone
 *
 * Who takes a session gives it back; one that is held is never ended.
 */
#ifndef LK_API_POOL_H
#define LK_API_POOL_H

#include "api/session.h"

struct lk_pool {
    const struct lk_api_options *options;
    struct lk_str root; /* "https://HOST/api/4.0" */
    struct lk_session *sessions;
    size_t n;
    struct lk_timer sweep;
    unsigned views;             /* that share it; api.c's */
    struct lk_session *leaving; /* not in `sessions` any more, and being logged out */
    size_t busy;                /* logins and logouts under way */
    struct lk_co *waiting;      /* for them to end */
};

void lk_pool_init(struct lk_pool *pool, const struct lk_api_options *options, struct lk_str root);
/* No I/O: see lk_pool_end. */
void lk_pool_free(struct lk_pool *pool);

struct lk_session *lk_pool_take(struct lk_pool *pool, const struct lk_principal *principal,
                                bool dev);
void lk_pool_give(struct lk_session *session);

/* Session.c's: a login has ended. */
void lk_pool_done(struct lk_pool *pool);

/* Awaits. Lets logins end, logs out all sessions, some at a time, and frees what the pool holds. No
 * call may run any more. Cancelled, it cuts off what is under way, and has ended soon. */
void lk_pool_end(struct lk_pool *pool);

#endif
