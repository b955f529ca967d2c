/*
 * Who may talk to this server, and who they are: OAuth 2.1 access tokens as a resource server
 * judges them (RFC 6750, RFC 9068, RFC 9728). Knows HTTP to the outside, not h2o and not MCP's
 * messages.
 *
 *     LK_AUTH_PUBLIC   JWTs of one issuer for this resource; keys from its JWK Set (auth_jwks.h)
 *     LK_AUTH_OPAQUE   tokens that only their issuer can judge: `introspect` asks it
 *
 *     token ──> seen before, and not expired? ──yes──> caller            (no await)
 *                    └─no──> lk_auth_verify ──> caller, remembered until the token expires
 *                                           └─> refused (401), or cannot be judged now (503)
 *
 * Tokens are remembered by their SHA-256, never as they are; those of before a change of the
 * issuer's keys are forgotten.
 */
#ifndef LK_TRANSPORT_AUTH_H
#define LK_TRANSPORT_AUTH_H

#include "base/error.h"
#include "base/log.h"
#include "mcp/tool.h"
#include "rt/http.h"
#include "rt/loop.h"

#define LK_AUTH_WELL_KNOWN "/.well-known/oauth-protected-resource"
/* How many tokens are remembered. */
#define LK_AUTH_REMEMBERED 1024

struct lk_auth;
struct lk_jwks_store; /* auth_jwks.h */

enum lk_auth_mode { LK_AUTH_PUBLIC, LK_AUTH_OPAQUE };

/* Strings are copied; pointers must outlive it. */
struct lk_auth_options {
    enum lk_auth_mode mode;
    struct lk_loop *loop;
    const struct lk_log *log;
    struct lk_http *http;        /* for the JWK Set */
    struct lk_str resource_uri;  /* this server's own, https: `aud` and the metadata's `resource` */
    struct lk_str resource_name; /* for people */
    struct lk_str issuer;        /* `iss`, compared exactly; the metadata's authorization server */
    struct lk_str jwks_uri;      /* LK_AUTH_PUBLIC */
    struct lk_jwks_store *jwks_store; /* the keys, shared by threads; NULL: its own */
    struct lk_str user_claim;         /* whose text becomes mcp_caller.user */
    struct lk_str scopes; /* space-separated, what clients should ask for: the metadata's
                             scopes_supported, and named in challenges; empty: not said */
    /* LK_AUTH_OPAQUE: awaits who a token belongs to. Fills the caller (in the arena), access_token
     * included. LK_ERROR_AUTH: nobody; any other error: it could not be asked. */
    bool (*introspect)(void *arg, struct lk_arena *arena, struct lk_str token,
                       struct mcp_caller *ret_caller, struct lk_error *err);
    void *introspect_arg;
    /* For tests; 0: the defaults. */
    uint64_t jwks_ttl_ms;      /* 1 h */
    uint64_t jwks_cooldown_ms; /* between two refreshes for unknown keys: 5 min */
    uint64_t opaque_ms;        /* for how long an introspected token is taken as such: 60 s */
};

struct lk_auth *lk_auth_new(const struct lk_auth_options *options);
/* No verification may be under way, and lk_auth_end have returned. NULL is legal. */
void lk_auth_free(struct lk_auth *auth);

/* Begins to fetch the keys, so that the first caller need not wait and a mistake in the settings
 * shows in the log. */
void lk_auth_warm_up(struct lk_auth *auth);
/* Awaits. Whether tokens can be judged at all; an error says why not. */
bool lk_auth_ready(struct lk_auth *auth, struct lk_error *err);
/* Awaits. Nothing is fetched any more. NULL is legal. */
void lk_auth_end(struct lk_auth *auth);

enum lk_auth_mode lk_auth_mode(const struct lk_auth *auth);

/* Whether the token has been verified before and is still good: then *ret_caller, in the arena. */
bool lk_auth_known(struct lk_auth *auth, struct lk_str token, struct lk_arena *arena,
                   struct mcp_caller *ret_caller);

/*
 * Awaits. Errors: LK_ERROR_AUTH: the token is refused; the message says why in words that may go
 * into a challenge (no quotes, no token). Any other: it cannot be judged now (fail closed; 503).
 */
bool lk_auth_verify(struct lk_auth *auth, struct lk_str token, struct lk_arena *arena,
                    struct mcp_caller *ret_caller, struct lk_error *err);

/* Forgets a token, of which its issuer has said that it is good no more. */
void lk_auth_forget(struct lk_auth *auth, struct lk_str token);

struct lk_str lk_auth_scopes(const struct lk_auth *auth);

/* The protected resource metadata (RFC 9728 section 2), as JSON; lives as long as auth. */
struct lk_str lk_auth_metadata(const struct lk_auth *auth);
/* Its absolute URL (section 3.1: the path is inserted), and that URL's path. */
struct lk_str lk_auth_metadata_url(const struct lk_auth *auth);
struct lk_str lk_auth_metadata_path(const struct lk_auth *auth);

#endif
