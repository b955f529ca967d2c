/*
 * The keys of an issuer as one JWK Set (RFC 7517 section 5) has them: read once, never changed, and
 * shared by threads through a count of who holds it. Called by auth_jwks.c.
 */
#ifndef LK_TRANSPORT_AUTH_KEY_SET_H
#define LK_TRANSPORT_AUTH_KEY_SET_H

#include "base/log.h"
#include "transport/auth_jwt.h"

#define LK_JWKS_MAX_KEYS 64

struct lk_key_set;

/* A key that is broken leaves the others what they are, and is logged. Errors: LK_ERROR_PARSE (no
 * JWK Set, or one without a key for RS256 or ES256), LK_ERROR_LIMIT. */
bool lk_key_set_read(struct lk_str text, const struct lk_log *log, struct lk_key_set **ret_set,
                     struct lk_error *err);

/* One holder more, one less; the last one frees it. NULL is legal. */
struct lk_key_set *lk_key_set_hold(struct lk_key_set *set);
void lk_key_set_release(struct lk_key_set *set);

size_t lk_key_set_count(const struct lk_key_set *set);
/* Whether both were read from the same text. */
bool lk_key_set_equal(const struct lk_key_set *a, const struct lk_key_set *b);

/* A token that names a key is held to the keys of that name; one that names none to the only key of
 * its algorithm. */
enum lk_key_verdict { LK_KEY_VERIFIED, LK_KEY_WRONG_SIGNATURE, LK_KEY_UNKNOWN };
enum lk_key_verdict lk_key_set_try(const struct lk_key_set *set, const struct lk_jwt *jwt);

#endif
