/*
 * Logging in and out, and the token between the two (session.h). Single flight: whoever finds no
 * valid token starts a login, and waits for it like everyone else. Sending requests under it, and
 * what to do when Looker refuses one, is api.c; which sessions there are, pool.c.
 */
#include "api/session.h"

#include "api/exchange.h"
#include "api/pool.h"
#include "api/retry.h"
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

static bool is_valid(const struct lk_session *session)
{
    return session->token != NULL &&
           lk_loop_now_ms(session->pool->options->loop) < session->renew_at_ms;
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

static void keep_token(struct lk_session *session, const struct looker_access_token *answer)
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
    session->renew_at_ms = lk_loop_now_ms(session->pool->options->loop) + (uint64_t)usable_ms;
    session->generation++;
}

/* ---- logging in ---- */

static bool ask(const struct lk_session *session, struct lk_arena *arena,
                struct lk_api_request request, const char *token, struct lk_api_answer *ret_answer,
                struct lk_error *err)
{
    return lk_retry_perform(session->pool->options, session->pool->root, arena,
                            &(struct lk_exchange){.request = request, .token = token}, ret_answer,
                            err);
}

/* Looker says 404 to credentials that it does not know. */
static bool explain_refusal(const struct lk_session *session, struct lk_error *err)
{
    int status = err->status;

    if (err->kind == LK_ERROR_UPSTREAM && (status == 401 || status == 403 || status == 404)) {
        *err = (struct lk_error){0};
        lk_fail(err, LK_ERROR_AUTH, "%s",
                session->principal.kind == LK_AS_KEYS
                    ? "Looker refused the API credentials that this call was to run under"
                    : "Looker refused the API credentials; check LOOKER_CLIENT_ID, "
                      "LOOKER_CLIENT_SECRET and LOOKER_BASE_URL");
        err->status = status;
    }
    return false;
}

/* With API keys: the principal's own, or those of the service account. */
static bool log_in_keys(const struct lk_session *session, struct lk_arena *arena,
                        struct lk_api_answer *ret_answer, struct lk_error *err)
{
    const struct lk_api_options *options = session->pool->options;
    const struct lk_principal *principal = &session->principal;
    bool own = principal->kind == LK_AS_KEYS;
    struct lk_str client_id = own ? principal->client_id : options->client_id;
    struct lk_str client_secret = own ? principal->client_secret : options->client_secret;
    struct looker_login_form form = {
        .client_id = lk_string(client_id),
        .client_secret = lk_string(client_secret),
    };

    if (client_id.len == 0 || client_secret.len == 0)
        return lk_fail(err, LK_ERROR_AUTH,
                       "no Looker credentials: set LOOKER_CLIENT_ID and LOOKER_CLIENT_SECRET");
    return ask(session, arena, looker_login(&form), NULL, ret_answer, err) ||
           explain_refusal(session, err);
}

/* Awaits. Whether the user's own record says so; token: of the service account. */
static bool is_disabled(const struct lk_session *session, struct lk_arena *arena, const char *token)
{
    struct looker_user_params params = {
        .user_id = lk_string(session->principal.user_id),
        .fields = lk_string(LK_STR("id,is_disabled")),
    };
    struct looker_user user = {0};
    struct lk_api_answer answer;
    struct lk_error ignored = {0};

    return ask(session, arena, looker_user(&params), token, &answer, &ignored) &&
           lk_decode_answer(arena, &looker_user_type, answer.body, &user, &ignored) &&
           lk_is_true(user.is_disabled);
}

/* Awaits. What Looker means by refusing to impersonate; never a reason to run as somebody else. */
static bool explain_sudo(const struct lk_session *session, struct lk_arena *arena,
                         const char *token, struct lk_error *err)
{
    const char *why = err->status == 404
                          ? "there is no such user, or the service account may not "
                            "impersonate (it takes the Admin role, or the "
                            "permission sudo)"
                          : "the service account may not impersonate this user (it "
                            "takes the Admin role, or the permission sudo; on "
                            "Google Cloud core only embed users can be impersonated)";
    int status = err->status;
    char detail[sizeof(err->detail)];

    if (err->kind != LK_ERROR_UPSTREAM || (status != 401 && status != 403 && status != 404))
        return false;
    memcpy(detail, err->detail, sizeof(detail));
    *err = (struct lk_error){0};
    if (is_disabled(session, arena, token))
        why = "this user is disabled in Looker; an admin can enable it (update_user with "
              "is_disabled: false), or name another user";
    lk_fail(err, LK_ERROR_AUTH, "Looker did not let this call run as user %.*s: %s",
            LK_STR_ARG(session->principal.user_id), why);
    err->status = status;
    lk_error_detail(err, "%s", detail);
    return false;
}

/* Under a session of the service account, which may have ended without our knowing. */
static bool log_in_user(const struct lk_session *session, struct lk_arena *arena,
                        struct lk_api_answer *ret_answer, struct lk_error *err)
{
    static const struct lk_principal service = {.kind = LK_AS_SERVICE};
    struct looker_login_user_params params = {
        .user_id = lk_string(session->principal.user_id),
        .associative = lk_boolean(session->principal.associative),
    };
    struct lk_session *admin = lk_pool_take(session->pool, &service, false);
    bool ok = false;

    for (int tries = 0; tries < 2; tries++) {
        struct lk_error failure = {0};
        struct lk_token token;

        if (!lk_session_token(admin, arena, &token, err))
            break;
        ok = ask(session, arena, looker_login_user(&params), token.text, ret_answer, &failure);
        if (!ok && failure.status == 401 && tries == 0) {
            lk_session_drop(admin, token.generation);
            continue;
        }
        if (!ok) {
            explain_sudo(session, arena, token.text, &failure);
            *err = failure;
        }
        break;
    }
    lk_pool_give(admin);
    return ok;
}

/* New sessions are in production. One that stays there is of no use, and is ended. */
static bool enter_dev(const struct lk_session *session, struct lk_arena *arena, const char *token,
                      struct lk_error *err)
{
    struct looker_api_session body = {.workspace_id = lk_string(LK_STR("dev"))};
    struct lk_api_answer answer;

    if (ask(session, arena, looker_update_session(&body), token, &answer, err))
        return true;
    if (err->kind == LK_ERROR_UPSTREAM && err->status < 500 && err->status != 429)
        err->kind = LK_ERROR_AUTH;
    lk_error_advise(err, "the dev workspace could not be entered: it takes the permission develop");
    ask(session, arena, looker_logout(), token, &answer, NULL);
    return false;
}

static void log_login(const struct lk_session *session, bool ok, const struct lk_error *err)
{
    const struct lk_log *log = session->pool->options->log;
    const struct lk_principal *principal = &session->principal;
    struct lk_str user = principal->kind == LK_AS_USER   ? principal->user_id
                         : principal->kind == LK_AS_KEYS ? principal->client_id
                                                         : LK_STR("service");

    if (ok)
        lk_log_debug(log, "looker.login", lk_log_str("as", user),
                     lk_log_text("workspace", session->dev ? "dev" : "production"),
                     lk_log_int("generation", (int64_t)session->generation));
    else
        lk_log_warning(log, "looker.login_failed", lk_log_str("as", user),
                       lk_log_text("kind", lk_error_kind_name(err->kind)),
                       lk_log_int("status", err->status), lk_log_text("message", err->message));
}

static bool log_in(struct lk_session *session, struct lk_error *err)
{
    struct lk_arena *arena = lk_arena_new();
    struct looker_access_token token = {0};
    struct lk_api_answer answer;
    bool ok = (session->principal.kind == LK_AS_USER ? log_in_user(session, arena, &answer, err)
                                                     : log_in_keys(session, arena, &answer, err)) &&
              lk_decode_answer(arena, &looker_access_token_type, answer.body, &token, err) &&
              check_token(&token, err) &&
              (!session->dev ||
               enter_dev(session, arena, lk_arena_cstr(arena, token.access_token.value), err));

    if (ok)
        keep_token(session, &token);
    log_login(session, ok, err);
    lk_arena_free(arena);
    err->body = (struct lk_str){0}; /* went with the arena */
    return ok;
}

/* ---- one login at a time ---- */

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

static void run_login(void *arg)
{
    struct lk_session *session = arg;
    struct lk_pool *pool = session->pool;
    struct lk_error error = {0};

    log_in(session, &error);
    session->logging_in = false;
    session->co = NULL;
    session->login_error = error;
    finish_waiters(session);
    lk_pool_give(session);
    lk_pool_done(pool);
}

static bool start_login(struct lk_session *session, struct lk_error *err)
{
    session->logging_in = true;
    session->users++;
    session->pool->busy++;
    if (lk_co_start(session->pool->options->loop, run_login, session, &session->co, err))
        return true;
    session->logging_in = false;
    session->users--;
    session->pool->busy--;
    return false;
}

static bool login_result(const struct lk_session *session, struct lk_error *err)
{
    if (session->login_error.kind == LK_ERROR_NONE)
        return true;
    if (err != NULL && err->kind == LK_ERROR_NONE)
        *err = session->login_error;
    return false;
}

/* False when this call was cancelled, or the login failed. */
static bool follow_login(struct lk_session *session, struct lk_error *err)
{
    struct lk_loop *loop = session->pool->options->loop;
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
    return login_result(session, err);
}

/* A token that somebody else logged in with is there, and is theirs: it is not moved to another
 * workspace under the hands of its owner. */
static bool given_token(const struct lk_session *session, struct lk_arena *arena,
                        struct lk_token *ret_token, struct lk_error *err)
{
    if (session->dev)
        return lk_fail(err, LK_ERROR_UNSUPPORTED,
                       "this call needs the dev workspace, and a caller's own Looker token is used "
                       "in the workspace that it is in; use act_as_user or the service account");
    if (!is_token(session->principal.token))
        return lk_fail(err, LK_ERROR_AUTH, "the caller's Looker token is not one that can be sent");
    *ret_token = (struct lk_token){.text = lk_arena_cstr(arena, session->principal.token)};
    return true;
}

bool lk_session_token(struct lk_session *session, struct lk_arena *arena,
                      struct lk_token *ret_token, struct lk_error *err)
{
    if (session->principal.kind == LK_AS_TOKEN)
        return given_token(session, arena, ret_token, err);
    while (!is_valid(session)) {
        if (!session->logging_in && !start_login(session, err))
            return false;
        /* One that ended at once left its result. */
        if (session->logging_in ? !follow_login(session, err) : !login_result(session, err))
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

void lk_session_end(struct lk_session *session)
{
    struct lk_arena *arena;
    const char *token;
    struct lk_api_answer answer;
    struct lk_error error = {0};

    if (session->token == NULL)
        return;
    arena = lk_arena_new();
    token = lk_arena_cstr(arena, lk_str(session->token)); /* it may be dropped meanwhile */
    forget_token(session);
    if (!lk_exchange_perform(session->pool->options, session->pool->root, arena,
                             &(struct lk_exchange){.request = looker_logout(), .token = token},
                             &answer, NULL, &error))
        lk_log_info(session->pool->options->log, "looker.logout_failed",
                    lk_log_text("kind", lk_error_kind_name(error.kind)),
                    lk_log_int("status", error.status));
    lk_arena_free(arena);
}

/* ---- lifecycle ---- */

struct lk_session *lk_session_new(struct lk_pool *pool, const struct lk_principal *principal,
                                  bool dev)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_session *session = lk_arena_new_object(arena, struct lk_session);

    *session = (struct lk_session){
        .pool = pool,
        .arena = arena,
        .principal = lk_principal_copy(arena, principal),
        .dev = dev,
        .idle_since_ms = lk_loop_now_ms(pool->options->loop),
    };
    return session;
}

/* Of our own copy. */
static void wipe(struct lk_str secret)
{
    if (secret.len > 0)
        explicit_bzero((void *)(uintptr_t)secret.ptr, secret.len);
}

void lk_session_free(struct lk_session *session)
{
    forget_token(session);
    wipe(session->principal.token);
    wipe(session->principal.client_secret);
    lk_arena_free(session->arena);
}
