/*
 * Tokens that were verified, and whose they are, by SHA-256: bounded; the one unused for longest
 * makes room. Called by auth.c.
 */
#ifndef LK_TRANSPORT_AUTH_SEEN_H
#define LK_TRANSPORT_AUTH_SEEN_H

#include "mcp/tool.h"

#include <stdint.h>

struct lk_auth_seen;

struct lk_auth_seen *lk_auth_seen_new(void);
/* NULL is legal. */
void lk_auth_seen_free(struct lk_auth_seen *seen);

/* Whether the token is remembered, now_s being before the time until which it was to be; then
 * *ret_caller, in the arena. */
bool lk_auth_seen_get(struct lk_auth_seen *seen, struct lk_str token, int64_t now_s,
                      struct lk_arena *arena, struct mcp_caller *ret_caller);
/* access_token, if the caller has one, is taken to be the token, and not kept. */
void lk_auth_seen_put(struct lk_auth_seen *seen, struct lk_str token,
                      const struct mcp_caller *caller, int64_t now_s, int64_t until_s);
void lk_auth_seen_drop(struct lk_auth_seen *seen, struct lk_str token);
void lk_auth_seen_clear(struct lk_auth_seen *seen);

#endif
