/*
 * The public keys of an issuer: its JWK Set (RFC 7517), fetched and kept, once for all threads. One
 * fetch at a time, on a coroutine of whichever worker needs it first; who needs its outcome waits,
 * on any thread, everybody else goes on with the keys that there are. Called by auth.c.
 *
 *     none ──fetch──> fresh ──4/5 of the TTL──> fresh, fetching beside ──> fresh
 *      │ failed         └──────TTL over, nobody has asked──> stale: who asks waits for a fetch
 *      └> error, and again after RETRY                       └─ failed: the last good keys stay
 *
 * A key that is not among them is looked for by one more fetch, at most one in `cooldown_ms`:
 * anybody can make up names of keys.
 */
#ifndef LK_TRANSPORT_AUTH_JWKS_H
#define LK_TRANSPORT_AUTH_JWKS_H

#include "base/log.h"
#include "rt/http.h"
#include "transport/auth_key_set.h"

#define LK_JWKS_MAX_BYTES ((size_t)256 * 1024)

/* What the threads share: the keys and what is known of fetching them. Made once a process. */
struct lk_jwks_store;
struct lk_jwks_store *lk_jwks_store_new(void);
/* After all that use it. NULL is legal. */
void lk_jwks_store_free(struct lk_jwks_store *store);

/* A worker's way to it; used on the thread of its loop only. */
struct lk_jwks;

/* Borrowed; must outlive it. All that share a store have the same uri and times. */
struct lk_jwks_options {
    struct lk_jwks_store *store;
    struct lk_loop *loop;
    struct lk_http *http;
    const struct lk_log *log;
    const char *uri;
    uint64_t ttl_ms, cooldown_ms;
};

struct lk_jwks *lk_jwks_new(const struct lk_jwks_options *options);
/* lk_jwks_end has returned, or nobody has fetched. NULL is legal. */
void lk_jwks_free(struct lk_jwks *jwks);

/* Fetches, if there is nothing yet, without waiting for it. */
void lk_jwks_warm_up(struct lk_jwks *jwks);
/* Awaits. Cancels the fetch if it is this worker's; it will begin no other. */
void lk_jwks_end(struct lk_jwks *jwks);

/* Awaits. Whether there are keys to judge tokens by; an error says why there are none. */
bool lk_jwks_ready(struct lk_jwks *jwks, struct lk_error *err);

/*
 * Awaits. Whether one of the issuer's keys has signed the token (lk_key_set_try). Errors:
 * LK_ERROR_AUTH: none has, or the key is not the issuer's; LK_ERROR_CANCELLED; any other: there are
 * no keys, and why. *ret_generation: of the keys that it was tried with.
 */
bool lk_jwks_verify(struct lk_jwks *jwks, const struct lk_jwt *jwt, uint64_t *ret_generation,
                    struct lk_error *err);

/* Whether the keys are so young that nothing has to be fetched: then what was verified under them
 * counts without another look. */
bool lk_jwks_is_fresh(const struct lk_jwks *jwks);

/* Grows whenever the keys are others than before: what was verified under the old ones is to be
 * forgotten. */
uint64_t lk_jwks_generation(const struct lk_jwks *jwks);

#endif
