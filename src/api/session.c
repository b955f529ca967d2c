/*
 * Login, and the token that all calls of a worker share. Single flight: whoever finds no valid
 * token logs in, everyone else waits for that login. It does not retry and does not log out
 * (api/api.c does).
 */
#include "api/session.h"

#include "api/exchange.h"
#include "looker_ops.h"
#include "rt/co.h"
#include "json/codec.h"

#include <stdlib.h>

/* A token is renewed this long before it expires, or at 9/10 of its life if that is later: a call
 * that is sent with it must still arrive in time. */
#define RENEW_MARGIN_S 60
#define MAX_TOKEN_BYTES 4096

struct lk_session_waiter {
    struct lk_co *co;
    bool done;
    struct lk_session_waiter *next;
};

static bool is_valid(const struct lk_session *session, const struct lk_loop *loop)
{
    return session->token != NULL && lk_loop_now_ms(loop) < session->renew_at_ms;
}

/* The token that is kept does not linger in freed memory; copies in the arenas of calls may. */
static void forget_token(struct lk_session *session)
{
    if (session->token != NULL) {
        explicit_bzero(session->token, strlen(session->token));
        free(session->token);
        session->token = NULL;
    }
}

/* What can stand in a header. Anything else would fail each call for as long as the token lives. */
static bool is_token(struct lk_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    }
    return text.len <= MAX_TOKEN_BYTES;
}

static bool check_token(const struct looker_access_token *answer, struct lk_error *err)
{
    if (answer->access_token.is != LK_PRESENT || answer->access_token.value.len == 0)
        return lk_fail(err, LK_ERROR_PARSE, "Looker's answer to login has no access_token");
    if (!is_token(answer->access_token.value))
        return lk_fail(err, LK_ERROR_PARSE,
                       "the access_token in Looker's answer to login cannot be sent: it is longer "
                       "than %d bytes, or not of visible ASCII characters",
                       MAX_TOKEN_BYTES);
    return true;
}

static void keep_token(struct lk_session *session, const struct lk_loop *loop,
                       const struct looker_access_token *answer)
{
    int64_t life_s = answer->expires_in.is == LK_PRESENT ? answer->expires_in.value : 0;
    int64_t usable_ms;

    if (life_s <= 0 || life_s > 365 * 86400)
        life_s = 3600; /* Looker's default; a 401 corrects a wrong guess */
    /* In milliseconds: a token must be good for something, or logging in would never end. */
    usable_ms = life_s > RENEW_MARGIN_S * 10 ? (life_s - RENEW_MARGIN_S) * 1000 : life_s * 900;
    forget_token(session);
    session->token = strndup(answer->access_token.value.ptr, answer->access_token.value.len);
    if (session->token == NULL)
        abort();
    session->renew_at_ms = lk_loop_now_ms(loop) + (uint64_t)usable_ms;
    session->generation++;
}

/* New sessions are in production. One that stays there is of no use, and is ended. */
static bool enter_dev(const struct lk_api_options *options, struct lk_str root,
                      struct lk_arena *arena, const char *token, struct lk_error *err)
{
    struct looker_api_session body = {.workspace_id = lk_string(LK_STR("dev"))};
    struct lk_api_answer answer;

    if (lk_exchange_perform(
            options, root, arena,
            &(struct lk_exchange){.request = looker_update_session(&body), .token = token}, &answer,
            NULL, err))
        return true;
    lk_error_advise(err, "the dev workspace could not be entered: it takes the permission develop");
    lk_exchange_perform(options, root, arena,
                        &(struct lk_exchange){.request = looker_logout(), .token = token}, &answer,
                        NULL, NULL);
    return false;
}

/* Looker says 404 to credentials that it does not know. */
static bool explain_refusal(struct lk_error *err)
{
    int status = err->status;

    if (err->kind == LK_ERROR_UPSTREAM && (status == 401 || status == 403 || status == 404)) {
        *err = (struct lk_error){0};
        lk_fail(err, LK_ERROR_AUTH,
                "Looker refused the API credentials; check LOOKER_CLIENT_ID, "
                "LOOKER_CLIENT_SECRET and LOOKER_BASE_URL");
        err->status = status;
    }
    return false;
}

static bool log_in(struct lk_session *session, const struct lk_api_options *options,
                   struct lk_str root, struct lk_error *err)
{
    struct lk_arena *arena = lk_arena_new();
    struct looker_login_form form = {
        .client_id = lk_string(options->client_id),
        .client_secret = lk_string(options->client_secret),
    };
    struct looker_access_token token = {0};
    struct lk_api_answer answer;
    bool ok;

    ok = (lk_exchange_perform(options, root, arena,
                              &(struct lk_exchange){.request = looker_login(&form)}, &answer, NULL,
                              err) ||
          explain_refusal(err)) &&
         lk_decode_answer(arena, &looker_access_token_type, answer.body, &token, err) &&
         check_token(&token, err) &&
         (!session->dev ||
          enter_dev(options, root, arena, lk_arena_cstr(arena, token.access_token.value), err));
    if (ok)
        keep_token(session, options->loop, &token);
    if (ok)
        lk_log_debug(options->log, "looker.login",
                     lk_log_int("generation", (int64_t)session->generation));
    else
        lk_log_warning(options->log, "looker.login_failed",
                       lk_log_text("kind", lk_error_kind_name(err->kind)),
                       lk_log_int("status", err->status), lk_log_text("message", err->message));
    lk_arena_free(arena);
    err->body = (struct lk_str){0}; /* went with the arena */
    return ok;
}

static void finish_waiters(struct lk_session *session)
{
    struct lk_session_waiter *waiter = session->waiters;

    session->waiters = NULL;
    while (waiter != NULL) {
        struct lk_session_waiter *next = waiter->next;

        waiter->done = true;
        lk_co_wake(waiter->co);
        waiter = next;
    }
}

static bool lead_login(struct lk_session *session, const struct lk_api_options *options,
                       struct lk_str root, struct lk_error *err)
{
    struct lk_error error = {0};
    bool ok;

    session->logging_in = true;
    ok = log_in(session, options, root, &error);
    session->logging_in = false;
    session->login_error = error;
    finish_waiters(session);
    if (!ok && err != NULL && err->kind == LK_ERROR_NONE)
        *err = error;
    return ok;
}

/* False when this call was cancelled or the login that it waited for failed. A leader that was
 * cancelled says nothing about Looker: then the caller tries again itself. */
static bool follow_login(struct lk_session *session, struct lk_loop *loop, struct lk_error *err)
{
    struct lk_session_waiter self = {.co = lk_co_self(loop), .next = session->waiters};
    struct lk_session_waiter **at;

    session->waiters = &self;
    while (!self.done && !lk_co_cancelled(self.co))
        lk_co_park(loop);
    if (!self.done) {
        for (at = &session->waiters; *at != &self; at = &(*at)->next)
            ;
        *at = self.next;
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled while waiting for a login");
    }
    if (session->login_error.kind == LK_ERROR_NONE ||
        session->login_error.kind == LK_ERROR_CANCELLED)
        return true;
    if (err != NULL && err->kind == LK_ERROR_NONE)
        *err = session->login_error;
    return false;
}

bool lk_session_token(struct lk_session *session, const struct lk_api_options *options,
                      struct lk_str root, struct lk_arena *arena, struct lk_token *ret_token,
                      struct lk_error *err)
{
    if (options->client_id.len == 0 || options->client_secret.len == 0)
        return lk_fail(err, LK_ERROR_AUTH,
                       "no Looker credentials: set LOOKER_CLIENT_ID and LOOKER_CLIENT_SECRET");
    while (!is_valid(session, options->loop)) {
        if (session->logging_in ? !follow_login(session, options->loop, err)
                                : !lead_login(session, options, root, err))
            return false;
    }
    *ret_token = (struct lk_token){
        .text = lk_arena_cstr(arena, lk_str(session->token)),
        .generation = session->generation,
    };
    return true;
}

void lk_session_drop(struct lk_session *session, uint64_t generation)
{
    if (session->generation == generation)
        forget_token(session);
}

void lk_session_clear(struct lk_session *session)
{
    forget_token(session);
}
