/*
 * Whether a failing answer repeats a secret of the request that it answers. Gateways are known to
 * show the request that they refuse; what they show is then kept from callers and the log.
 */
#ifndef LK_API_ECHO_H
#define LK_API_ECHO_H

#include "base/arena.h"

/* Whether `text` has the value of a member of `body`, at any depth, whose name says that it is a
 * secret (password, client_secret, …), as it is or JSON-escaped, once or twice. `form`: body is a
 * form, else JSON, checked; an empty body has none. Values of fewer than four bytes are not looked
 * for. */
bool lk_echoes_secret(struct lk_arena *arena, struct lk_str body, bool form, struct lk_str text);

#endif
