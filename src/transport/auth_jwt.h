/*
 * One access token in the form of a JWT (RFC 7519, RFC 9068), as a compact JWS (RFC 7515). Reading,
 * judging what it claims, and checking its signature are three steps, cheapest first; only who has
 * passed all three is to be believed. Nothing here awaits. Called by auth.c.
 *
 *     lk_jwt_read ──> lk_jwt_judge ──> a key (auth_jwks.h) ──> lk_jwt_signed_by
 *     form, header    iss aud exp …                             RS256 | ES256
 *
 * The algorithm belongs to the key: an RSA key verifies RS256, a P-256 key ES256, and neither
 * anything else, whatever the header of a token says (CVE-2015-9235).
 */
#ifndef LK_TRANSPORT_AUTH_JWT_H
#define LK_TRANSPORT_AUTH_JWT_H

#include "base/arena.h"
#include "base/error.h"

#include <stdint.h>

#define LK_JWT_MAX_BYTES ((size_t)16 * 1024)
#define LK_JWT_LEEWAY_S 60 /* how far the issuer's clock and this one may be apart */

enum lk_jwt_alg { LK_JWT_RS256, LK_JWT_ES256 };

const char *lk_jwt_alg_name(enum lk_jwt_alg alg);

/* ---- keys ---- */

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

struct lk_jwt_key {
    struct lk_str kid; /* ptr NULL: it has none */
    enum lk_jwt_alg alg;
    struct evp_pkey_st *pkey;
};

/*
 * Reads one JWK (RFC 7517), JSON text that passed lk_json_check: RSA of 2048 to 8192 bits, or EC on
 * P-256, for verifying. *ret_key is to be freed; its kid lives in the arena. Errors:
 * LK_ERROR_UNSUPPORTED for a key of another kind or purpose, LK_ERROR_PARSE for one that is broken
 * or too weak.
 */
bool lk_jwt_key_read(struct lk_arena *arena, struct lk_str jwk, struct lk_jwt_key *ret_key,
                     struct lk_error *err);
void lk_jwt_key_free(struct lk_jwt_key *key);

/* ---- tokens ---- */

/* What a token says of itself. Everything lives in the arena. */
struct lk_jwt {
    enum lk_jwt_alg alg;
    struct lk_str kid;       /* ptr NULL: it names none */
    struct lk_str claims;    /* a JSON object; no member of it comes twice */
    struct lk_str signed_;   /* the bytes that are signed; of the token itself */
    struct lk_str signature; /* bytes */
};

/*
 * Errors: LK_ERROR_AUTH: it is no token that could be accepted. As for all errors of this file, the
 * message may go into a challenge: printable ASCII without quotes, and nothing of the token.
 */
bool lk_jwt_read(struct lk_arena *arena, struct lk_str token, struct lk_jwt *ret_jwt,
                 struct lk_error *err);

struct lk_jwt_expected {
    struct lk_str issuer;     /* `iss`, exactly */
    struct lk_str audience;   /* `aud`, or in it, exactly */
    struct lk_str user_claim; /* see lk_jwt_claims.user */
    int64_t now_s;            /* since 1970 */
};

/* What is not there is empty. Lives in the arena. */
struct lk_jwt_claims {
    struct lk_str subject;
    struct lk_str user;  /* the text of the user claim */
    struct lk_str scope; /* `scope`, or what Okta and Entra call it, `scp`; space-separated */
    int64_t expires_s;   /* since 1970; the leeway is not in it */
};

/* Whether it is for here and now. Errors: LK_ERROR_AUTH. */
bool lk_jwt_judge(struct lk_arena *arena, const struct lk_jwt *jwt,
                  const struct lk_jwt_expected *expected, struct lk_jwt_claims *ret_claims,
                  struct lk_error *err);

bool lk_jwt_signed_by(const struct lk_jwt *jwt, const struct lk_jwt_key *key);

#endif
