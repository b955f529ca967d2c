/*
 * Calls to Looker: a session for each exchange, one more try after a 401, and patience when Looker
 * limits requests. The exchange itself is api/exchange.c, the token api/session.c.
 */
#include "api/api.h"

#include "api/exchange.h"
#include "api/session.h"
#include "looker_ops.h"
#include "rt/co.h"

#include <stdlib.h>

/* A 429 means that nothing was done, so any method may be sent again. Waiting is for short limits
 * only; longer ones are the caller's to wait for. */
#define RATE_LIMIT_RETRIES 2
#define RATE_LIMIT_MAX_WAIT_S 3

struct lk_api {
    struct lk_api_options options;
    struct lk_str root; /* "https://HOST/api/4.0" */
    struct lk_arena *arena;
    struct lk_session sessions[2]; /* in production, in dev */
};

struct lk_api *lk_api_new(const struct lk_api_options *options)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_api *api = lk_arena_new_object(arena, struct lk_api);

    api->arena = arena;
    api->options = *options;
    api->sessions[1].dev = true;
    api->root = lk_arena_printf(arena, "%.*s/api/%.*s", LK_STR_ARG(options->base_url),
                                LK_STR_ARG(options->api_version));
    return api;
}

void lk_api_free(struct lk_api *api)
{
    if (api == NULL)
        return;
    lk_session_clear(&api->sessions[0]);
    lk_session_clear(&api->sessions[1]);
    lk_arena_free(api->arena);
}

/* False when the caller should hear of the limit, or (then *failure says so) was cancelled. */
static bool wait_for_limit(struct lk_api *api, int64_t retry_after_s, unsigned tries,
                           struct lk_error *failure)
{
    int64_t wait_s = retry_after_s >= 0 ? retry_after_s : (int64_t)1 << tries;
    struct lk_error cancelled = {0};

    if (tries >= RATE_LIMIT_RETRIES || wait_s > RATE_LIMIT_MAX_WAIT_S)
        return false;
    if (lk_co_sleep(api->options.loop, (uint64_t)wait_s * 1000, &cancelled))
        return true;
    *failure = cancelled;
    return false;
}

static void log_failure(const struct lk_api *api, const char *event, const struct lk_operation *op,
                        const struct lk_error *failure)
{
    const struct lk_log_field fields[] = {lk_log_text("operation", op->id),
                                          lk_log_text("kind", lk_error_kind_name(failure->kind)),
                                          lk_log_int("status", failure->status)};

    /* The status last, as there is none when nobody answered. */
    lk_log_write(api->options.log, LK_LOG_INFO, event, fields, failure->status != 0 ? 3 : 2);
}

bool lk_api_call_within(struct lk_api *api, struct lk_arena *arena, struct lk_api_request request,
                        uint64_t timeout_ms, struct lk_api_answer *ret_answer, struct lk_error *err)
{
    struct lk_session *session = &api->sessions[request.dev || request.op->needs_dev];
    unsigned limited = 0, refused = 0;

    for (;;) {
        struct lk_error failure = {0};
        struct lk_token token;
        int64_t retry_after_s;

        if (!lk_session_token(session, &api->options, api->root, arena, &token, err))
            return false;
        if (lk_exchange_perform(&api->options, api->root, arena,
                                &(struct lk_exchange){.request = request,
                                                      .token = token.text,
                                                      .timeout_ms = timeout_ms},
                                ret_answer, &retry_after_s, &failure))
            return true;
        if (failure.status == 401) {
            lk_session_drop(session, token.generation);
            if (refused++ == 0)
                continue;
            failure.kind = LK_ERROR_AUTH;
        }
        if (failure.status == 429 && wait_for_limit(api, retry_after_s, limited++, &failure))
            continue;
        log_failure(api, "looker.call_failed", request.op, &failure);
        if (err != NULL && err->kind == LK_ERROR_NONE)
            *err = failure;
        return false;
    }
}

bool lk_api_call(struct lk_api *api, struct lk_arena *arena, struct lk_api_request request,
                 struct lk_api_answer *ret_answer, struct lk_error *err)
{
    return lk_api_call_within(api, arena, request, 0, ret_answer, err);
}

bool lk_api_reach(struct lk_api *api, struct lk_arena *arena, int *ret_status, struct lk_error *err)
{
    struct lk_error failure = {0};
    struct lk_api_answer answer;
    bool ok = lk_exchange_perform(&api->options, api->root, arena,
                                  &(struct lk_exchange){.request = looker_versions(NULL)}, &answer,
                                  NULL, &failure);

    /* Whatever it says, it is there. */
    if (!ok && failure.kind != LK_ERROR_UPSTREAM && failure.kind != LK_ERROR_PARSE) {
        if (err != NULL && err->kind == LK_ERROR_NONE)
            *err = failure;
        return false;
    }
    if (ret_status != NULL)
        *ret_status = ok ? answer.status : failure.status;
    return true;
}

static void log_out(struct lk_api *api, struct lk_session *session, uint64_t timeout_ms)
{
    struct lk_arena *arena;
    const char *token;
    struct lk_api_answer answer;
    struct lk_error error = {0};

    if (session->token == NULL)
        return;
    arena = lk_arena_new();
    token = lk_arena_cstr(arena, lk_str(session->token)); /* it may be dropped meanwhile */
    if (!lk_exchange_perform(&api->options, api->root, arena,
                             &(struct lk_exchange){.request = looker_logout(),
                                                   .token = token,
                                                   .timeout_ms = timeout_ms},
                             &answer, NULL, &error))
        log_failure(api, "looker.logout_failed", looker_logout().op, &error);
    lk_session_clear(session);
    lk_arena_free(arena);
}

void lk_api_logout(struct lk_api *api, uint64_t timeout_ms)
{
    log_out(api, &api->sessions[0], timeout_ms);
    log_out(api, &api->sessions[1], timeout_ms);
}
