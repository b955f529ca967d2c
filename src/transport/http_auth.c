/*
 * Who calls, by access token (auth.h): the token out of the request, a verification that may take a
 * while, and what is said to those who may not come in (RFC 6750 section 3, RFC 9728 section 5.1).
 * Also what anybody may read: where to get a token, and how the server is set up. Called by
 * http_routes.c.
 *
 *     request ──> token ──known──────────────────────────────────────> then
 *                   └─not seen before──> admission ── coroutine ──┬──> then
 *                                            └ client gone: the   └──> 401, 503
 *                                              coroutine is cancelled
 */
#include "transport/auth_jwt.h"
#include "transport/http_internal.h"

#include <openssl/crypto.h>

#define MAX_JUDGING 256 /* callers that are being verified at once */
#define MAX_CHALLENGE_BYTES 4096
#define MAX_METRICS_BYTES ((size_t)16 * 1024 * 1024)
#define REALM "Bearer realm=\"looker-mcp-server\""

/* A request whose caller is being verified; lives in the arena that its exchange will have. */
struct admission {
    struct lk_http_server *server;
    struct lk_arena *arena;
    struct admission *next, **link;
    struct hold *hold; /* NULL: the request has gone */
    lk_http_admitted *then;
    struct lk_co *co;
    struct lk_str token;
    struct mcp_caller *caller;
    struct lk_error err;
    bool ok;
};

/* The request's side of it, in the request's own pool. */
struct hold {
    h2o_req_t *req;
    struct admission *admission; /* NULL: it has ended */
};

/* ---- challenges ---- */

/* ` name="value"`, of what may stand in such a value (RFC 6750 section 3). */
static void put_parameter(struct lk_buf *out, const char *name, struct lk_str value)
{
    if (value.len == 0)
        return;
    lk_buf_printf(out, ", %s=\"", name);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        lk_buf_char(out, (c < ' ' || c > '~' || c == '"' || c == '\\') ? '?' : c);
    }
    lk_buf_char(out, '"');
}

void lk_http_challenge(struct lk_http_server *server, h2o_req_t *req, const char *error,
                       const char *description, struct lk_str scope)
{
    const struct lk_auth *auth = server->options.auth;
    struct lk_buf out;
    char *copy;

    lk_buf_init(&out, MAX_CHALLENGE_BYTES);
    lk_buf_lit(&out, REALM);
    put_parameter(&out, "error", lk_str(error));
    put_parameter(&out, "error_description", lk_str(description));
    if (auth != NULL) {
        put_parameter(&out, "resource_metadata", lk_auth_metadata_url(auth));
        put_parameter(&out, "scope", scope);
    }
    copy = h2o_mem_alloc_pool(&req->pool, out.len + 1);
    memcpy(copy, out.ptr, out.len);
    lk_http_add_header(req, LK_STR("www-authenticate"), lk_str_n(copy, out.len));
    lk_buf_free(&out);
}

void lk_http_challenge_token(struct lk_http_server *server, h2o_req_t *req, const char *why)
{
    struct lk_auth *auth = server->options.auth;
    struct lk_str scope = auth != NULL ? lk_auth_scopes(auth) : (struct lk_str){0};

    lk_http_challenge(server, req, why != NULL ? "invalid_token" : NULL, why, scope);
}

void lk_http_refuse_token(struct lk_http_server *server, h2o_req_t *req, const char *why)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_str id = lk_http_request_id(server, req, arena);

    /* Every client that signs in begins without a token. */
    if (why != NULL)
        lk_log_info(server->options.log, "auth.refused", lk_log_str("request_id", id),
                    lk_log_str("client", lk_http_client(arena, req)), lk_log_text("why", why));
    lk_arena_free(arena);
    lk_http_challenge_token(server, req, why);
    lk_http_refuse(req, 401, why != NULL ? why : "a bearer token is required");
}

void lk_http_demand_scope(struct lk_http_server *server, h2o_req_t *req,
                          const struct mcp_caller *caller, struct lk_str scope)
{
    struct lk_buf all;

    /* A client asks for what the challenge says, and nothing else: what it has must stand there. */
    lk_buf_init(&all, MAX_CHALLENGE_BYTES / 2);
    if (caller != NULL && caller->scope.len > 0 && lk_buf_str(&all, caller->scope))
        lk_buf_char(&all, ' ');
    lk_buf_str(&all, scope);
    lk_http_challenge(server, req, "insufficient_scope", "the access token lacks a scope",
                      all.overflow ? scope : lk_buf_view(&all));
    lk_buf_free(&all);
}

static void refuse_request(struct lk_http_server *server, h2o_req_t *req, const char *why)
{
    lk_http_challenge(server, req, "invalid_request", why, (struct lk_str){0});
    lk_http_refuse(req, 400, why);
}

/* ---- the token of a request ---- */

static bool is_named(struct lk_str query, const char *name)
{
    size_t len = strlen(name);

    return query.len > len && strncasecmp(query.ptr, name, len) == 0 && query.ptr[len] == '=';
}

static bool is_token_parameter(struct lk_str query)
{
    static const char *const names[] = {"access_token", "authorization", "auth_token", "token"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (is_named(query, names[i]))
            return true;
    }
    return false;
}

/* Query strings end up in logs and histories (RFC 6750 section 5.3). */
bool lk_http_guard_query(struct lk_http_server *server, h2o_req_t *req)
{
    struct lk_str rest;

    if (req->query_at == SIZE_MAX)
        return true;
    rest = lk_str_n(req->path.base + req->query_at + 1, req->path.len - req->query_at - 1);
    while (rest.len != 0) {
        if (is_token_parameter(lk_str_take(&rest, '&'))) {
            refuse_request(server, req,
                           "invalid_request: a token must not stand in the query string; send it "
                           "in the Authorization header");
            return false;
        }
    }
    return true;
}

static size_t count_headers(h2o_req_t *req, struct lk_str name)
{
    size_t n = 0;

    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];

        n += lk_str_ieq(lk_str_n(header->name->base, header->name->len), name);
    }
    return n;
}

/* Answers and returns false when that cannot be told. Without a token *ret_token is empty. */
static bool bearer_token(struct lk_http_server *server, h2o_req_t *req, struct lk_str *ret_token)
{
    static const struct lk_str scheme = LK_STR_INIT("bearer ");
    struct lk_str sent = lk_http_header(req, LK_STR("authorization"));

    if (count_headers(req, LK_STR("authorization")) > 1) {
        refuse_request(server, req, "invalid_request: there is more than one Authorization header");
        return false;
    }
    *ret_token = (struct lk_str){0};
    if (sent.len > scheme.len && strncasecmp(sent.ptr, scheme.ptr, scheme.len) == 0)
        *ret_token = lk_str_trim(lk_str_n(sent.ptr + scheme.len, sent.len - scheme.len));
    return true;
}

/* Held against a token that is the same for all; nothing but its length shows in the time. */
static bool check_shared(struct lk_http_server *server, h2o_req_t *req, struct lk_str wanted)
{
    struct lk_str token;

    if (!bearer_token(server, req, &token))
        return false;
    if (token.len == wanted.len && CRYPTO_memcmp(token.ptr, wanted.ptr, wanted.len) == 0)
        return true;
    lk_http_refuse_token(server, req,
                         lk_http_header(req, LK_STR("authorization")).len == 0
                             ? NULL
                             : "the bearer token is not the one of this server");
    return false;
}

/* ---- admissions ---- */

static void unlink_admission(struct admission *admission)
{
    *admission->link = admission->next;
    if (admission->next != NULL)
        admission->next->link = admission->link;
    admission->server->n_judging--;
    admission->server->n_open--;
}

static void on_gone(void *arg)
{
    struct hold *hold = arg;

    if (hold->admission == NULL)
        return;
    hold->admission->hold = NULL;
    if (hold->admission->co != NULL)
        lk_co_cancel(hold->admission->co);
}

/* The request lets go of it, and can be answered. */
static h2o_req_t *detach(struct admission *admission)
{
    h2o_req_t *req = admission->hold->req;

    admission->hold->admission = NULL;
    admission->hold = NULL;
    return req;
}

static void answer_failure(struct lk_http_server *server, h2o_req_t *req, struct lk_arena *arena,
                           const struct lk_error *err)
{
    if (err->kind == LK_ERROR_AUTH) {
        lk_http_refuse_token(server, req, err->message);
        return;
    }
    lk_log_warning(server->options.log, "auth.cannot_judge",
                   lk_log_str("request_id", lk_http_request_id(server, req, arena)),
                   lk_log_text("kind", lk_error_kind_name(err->kind)),
                   lk_log_text("error", err->message));
    lk_http_add_header(req, LK_STR("retry-after"), LK_STR("5"));
    lk_http_refuse(req, 503,
                   "the access token cannot be verified at the moment, as the authorization server "
                   "or its keys are not to be had; try again in a moment");
}

/* On the loop's own stack. */
static void end_admission(void *arg)
{
    struct admission *admission = arg;
    struct lk_http_server *server = admission->server;
    struct lk_arena *arena = admission->arena;
    h2o_req_t *req = admission->hold != NULL ? detach(admission) : NULL;

    unlink_admission(admission);
    if (req != NULL && admission->ok && !server->cancelled) {
        admission->then(server, req, arena, admission->caller);
        arena = NULL;
    } else if (req != NULL && !admission->ok) {
        answer_failure(server, req, arena, &admission->err);
    } else if (req != NULL) {
        lk_http_refuse(req, 503, "the server is shutting down; try again in a moment");
    }
    lk_arena_free(arena);
    lk_http_check_stopped(server);
}

static void judge(void *arg)
{
    struct admission *admission = arg;
    struct lk_http_server *server = admission->server;

    admission->co = lk_co_self(server->options.loop);
    admission->ok = lk_auth_verify(server->options.auth, admission->token, admission->arena,
                                   admission->caller, &admission->err);
    admission->co = NULL;
    lk_loop_defer(server->options.loop, end_admission, admission);
}

static void start_admission(struct lk_http_server *server, h2o_req_t *req, struct lk_str token,
                            struct lk_arena *arena, struct mcp_caller *caller,
                            lk_http_admitted *then)
{
    struct admission *admission = lk_arena_new_object(arena, struct admission);
    struct hold *hold = h2o_mem_alloc_pool(&req->pool, sizeof(*hold));

    *hold = (struct hold){req, admission};
    *admission = (struct admission){
        .server = server,
        .arena = arena,
        .next = server->admissions,
        .link = &server->admissions,
        .hold = hold,
        .then = then,
        .token = lk_arena_str(arena, token),
        .caller = caller,
    };
    if (admission->next != NULL)
        admission->next->link = &admission->next;
    server->admissions = admission;
    server->n_judging++;
    server->n_open++;
    lk_http_on_dispose(req, on_gone, hold);
    if (!lk_co_start(server->options.loop, judge, admission, NULL, &admission->err))
        end_admission(admission);
}

void lk_http_auth_drop(struct lk_http_server *server)
{
    for (struct admission *a = server->admissions; a != NULL; a = a->next) {
        if (a->co != NULL)
            lk_co_cancel(a->co);
        if (a->hold != NULL)
            lk_http_abort(detach(a));
    }
}

static void admit_token(struct lk_http_server *server, h2o_req_t *req, lk_http_admitted *then)
{
    struct lk_arena *arena;
    struct mcp_caller *caller;
    struct lk_str token;

    if (!bearer_token(server, req, &token))
        return;
    if (token.len == 0 || token.len > LK_JWT_MAX_BYTES) {
        lk_http_refuse_token(server, req, token.len == 0 ? NULL : "the token is too long");
        return;
    }
    arena = lk_arena_new_small();
    caller = lk_arena_new_object(arena, struct mcp_caller);
    if (lk_auth_known(server->options.auth, token, arena, caller)) {
        then(server, req, arena, caller);
    } else if (server->n_judging < MAX_JUDGING) {
        start_admission(server, req, token, arena, caller, then);
    } else {
        lk_arena_free(arena);
        lk_http_add_header(req, LK_STR("retry-after"), LK_STR("1"));
        lk_http_refuse(req, 503,
                       "too many access tokens are being verified; try again in a moment");
    }
}

void lk_http_admit(struct lk_http_server *server, h2o_req_t *req, lk_http_admitted *then)
{
    if (!lk_http_guard_query(server, req))
        return;
    if (server->options.auth != NULL)
        admit_token(server, req, then);
    else if (server->options.auth_token.len == 0 ||
             check_shared(server, req, server->options.auth_token))
        then(server, req, lk_arena_new_small(), NULL);
}

/* ---- what anybody may read ---- */

bool lk_http_is_metadata(const struct lk_http_server *server, struct lk_str path)
{
    const struct lk_auth *auth = server->options.auth;

    return auth != NULL && (lk_str_eq(path, LK_STR(LK_AUTH_WELL_KNOWN)) ||
                            lk_str_eq(path, lk_auth_metadata_path(auth)));
}

/* Any page may read it: clients in browsers look here first. */
void lk_http_metadata_get(struct lk_http_server *server, h2o_req_t *req)
{
    lk_http_add_header(req, LK_STR("access-control-allow-origin"), LK_STR("*"));
    lk_http_respond_borrow(req, 200, lk_auth_metadata(server->options.auth));
}

void lk_http_introspect_get(struct lk_http_server *server, h2o_req_t *req)
{
    if (!lk_http_guard_place(server, req) || !lk_http_guard_query(server, req))
        return;
    if (server->options.introspect_token.len == 0 ||
        check_shared(server, req, server->options.introspect_token))
        lk_http_respond_borrow(req, 200, server->options.posture);
}

static void free_metrics(void *arg)
{
    lk_buf_free(arg);
}

void lk_http_metrics_get(struct lk_http_server *server, h2o_req_t *req)
{
    struct lk_buf *out;

    if (!lk_http_guard_place(server, req) || !lk_http_guard_query(server, req) ||
        (server->options.metrics_token.len != 0 &&
         !check_shared(server, req, server->options.metrics_token)))
        return;
    out = h2o_mem_alloc_pool(&req->pool, sizeof(*out));
    lk_buf_init(out, MAX_METRICS_BYTES);
    lk_http_on_dispose(req, free_metrics, out);
    server->options.metrics(server->options.metrics_arg, out);
    lk_http_respond_as(req, 200, LK_STR("text/plain; version=0.0.4; charset=utf-8"),
                       lk_buf_view(out));
}
