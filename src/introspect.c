/*
 * See introspect.h. Called by transport/auth.c, through src/worker.c.
 */
#include "introspect.h"

#include "looker_ops.h"
#include "json/scan.h"

#define INTROSPECT_TIMEOUT_MS 15000

static bool refuse(const struct lk_introspect *introspect, const struct lk_error *why,
                   struct lk_error *err)
{
    if (why->kind == LK_ERROR_CANCELLED) {
        *err = *why;
        return false;
    }
    if (why->status == 401)
        return lk_fail(err, LK_ERROR_AUTH,
                       "Looker does not accept the token; it may have expired or been revoked");
    lk_log_warning(introspect->log, "auth.introspection_failed",
                   lk_log_text("kind", lk_error_kind_name(why->kind)),
                   lk_log_int("status", why->status), lk_log_text("error", why->message));
    return lk_fail(err, LK_ERROR_AUTH, "Looker did not confirm whose the token is");
}

bool lk_introspect(void *arg, struct lk_arena *arena, struct lk_str token,
                   struct mcp_caller *ret_caller, struct lk_error *err)
{
    const struct lk_introspect *introspect = arg;
    struct lk_api *looker = lk_api_as(introspect->api, arena,
                                      &(struct lk_principal){.kind = LK_AS_TOKEN, .token = token});
    struct looker_me_params params = {.fields = lk_string(LK_STR("id,email"))};
    struct lk_api_answer answer;
    struct lk_error failed = {0};
    bool ok = lk_api_call_within(looker, arena, looker_me(&params), INTROSPECT_TIMEOUT_MS, &answer,
                                 &failed);
    struct mcp_caller caller = {0};

    lk_api_end(looker);
    if (ok) {
        caller.subject = lk_json_get_string(arena, answer.body, LK_STR("id"));
        caller.user = lk_json_get_string(arena, answer.body, LK_STR("email"));
        caller.access_token = token;
        if (caller.subject.len == 0)
            ok = lk_fail(&failed, LK_ERROR_PARSE, "Looker's answer to GET /user has no id");
    }
    if (!ok)
        return refuse(introspect, &failed, err);
    *ret_caller = caller;
    return true;
}
