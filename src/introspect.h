/*
 * LOOKER_MCP_MODE=looker_oauth: whose an opaque token is, Looker is asked by using it (GET /user).
 */
#ifndef LK_INTROSPECT_H
#define LK_INTROSPECT_H

#include "api/api.h"
#include "mcp/tool.h"

struct lk_introspect {
    struct lk_api *api;
    const struct lk_log *log;
};

/*
 * Awaits; as lk_auth_options.introspect has it. Whatever keeps Looker from saying whose the token
 * is, no answer included, is LK_ERROR_AUTH (and logged): nobody comes in unconfirmed. Only
 * LK_ERROR_CANCELLED stays what it is.
 */
bool lk_introspect(void *arg, struct lk_arena *arena, struct lk_str token,
                   struct mcp_caller *ret_caller, struct lk_error *err);

#endif
