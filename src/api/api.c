/*
 * Calls to Looker: a session for each exchange, and one more try after a 401. The exchange itself
 * is api/exchange.c, sending it again when Looker is not there api/retry.c, the token
 * api/session.c, and which sessions there are api/pool.c.
 */
#include "api/api.h"

#include "api/exchange.h"
#include "api/guard.h"
#include "api/pool.h"
#include "api/retry.h"
#include "base/memory.h"
#include "looker_ops.h"
#include "rt/co.h"

#include <stdlib.h>

/* What all views of one worker share. */
struct shared {
    struct lk_arena *arena;
    struct lk_api_options options;
    struct lk_pool pool;
    struct ending *endings; /* pools of views that are being ended */
    struct beside *besides; /* what runs beside the calls */
    struct lk_co *waiting;  /* for both */
};

struct lk_api {
    struct shared *shared;
    struct lk_principal principal;
    struct lk_pool *pool;         /* the shared one, or, without pooling, the view's own */
    uint64_t until_ms;            /* 0: no end */
    const struct lk_trace *trace; /* or NULL */
    bool guarded;
    struct lk_lease *lease;                          /* of a guarded one; NULL: none */
    bool (*may_go)(void *arg, struct lk_error *err); /* NULL: nobody is asked */
    void *may_go_arg;
};

static bool is_pooled(const struct lk_api *api)
{
    return api->pool == &api->shared->pool;
}

struct lk_api *lk_api_new(const struct lk_api_options *options)
{
    struct lk_arena *arena = lk_arena_new();
    struct shared *shared = lk_arena_new_object(arena, struct shared);
    struct lk_api *api = lk_arena_new_object(arena, struct lk_api);

    *shared = (struct shared){.arena = arena, .options = *options};
    lk_pool_init(&shared->pool, &shared->options,
                 lk_arena_printf(arena, "%.*s/api/%.*s", LK_STR_ARG(options->base_url),
                                 LK_STR_ARG(options->api_version)));
    *api = (struct lk_api){.shared = shared, .pool = &shared->pool};
    return api;
}

void lk_api_free(struct lk_api *api)
{
    if (api == NULL)
        return;
    lk_pool_free(&api->shared->pool);
    lk_arena_free(api->shared->arena);
}

/* ---- views ---- */

struct lk_api *lk_api_as(struct lk_api *api, struct lk_arena *arena,
                         const struct lk_principal *principal)
{
    struct shared *shared = api->shared;
    struct lk_api *view = lk_arena_new_object(arena, struct lk_api);

    *view = (struct lk_api){
        .shared = shared,
        .principal = lk_principal_copy(arena, principal),
        .pool = &shared->pool,
    };
    if (!shared->options.pool_sessions) {
        view->pool = lk_memory_new(sizeof(*view->pool));
        lk_pool_init(view->pool, &shared->options, shared->pool.root);
        view->pool->views = 1;
    }
    return view;
}

void lk_api_set_end(struct lk_api *view, uint64_t until_ms)
{
    view->until_ms = until_ms;
}

const struct lk_principal *lk_api_principal(const struct lk_api *view)
{
    return &view->principal;
}

void lk_api_guard(struct lk_api *view, struct lk_lease *lease)
{
    view->guarded = true;
    view->lease = lease;
}

void lk_api_ask(struct lk_api *view, bool (*may_go)(void *arg, struct lk_error *err), void *arg)
{
    view->may_go = may_go;
    view->may_go_arg = arg;
}

void lk_api_set_trace(struct lk_api *view, const struct lk_trace *trace)
{
    view->trace = trace;
}

struct ending {
    struct shared *shared;
    struct lk_pool *pool;
    struct lk_co *co;
    struct ending *next;
};

static void end_pool(void *arg)
{
    struct ending *ending = arg;
    struct shared *shared = ending->shared;
    struct ending **at = &shared->endings;

    lk_pool_end(ending->pool);
    while (*at != ending)
        at = &(*at)->next;
    *at = ending->next;
    free(ending->pool);
    free(ending);
    if (shared->waiting != NULL)
        lk_co_wake(shared->waiting);
}

void lk_api_end(struct lk_api *view)
{
    struct shared *shared;
    struct ending *ending;
    struct lk_co *co;

    if (view == NULL || is_pooled(view) || --view->pool->views > 0)
        return;
    shared = view->shared;
    ending = lk_memory_new(sizeof(*ending));
    *ending = (struct ending){shared, view->pool, NULL, shared->endings};
    shared->endings = ending;
    view->pool = NULL;
    if (!lk_co_start(shared->options.loop, end_pool, ending, &co, NULL)) {
        shared->endings = ending->next;
        lk_pool_free(ending->pool); /* its tokens end by themselves */
        free(ending->pool);
        free(ending);
    } else if (co != NULL) {
        ending->co = co;
    }
}

/* ---- beside a call ---- */

struct beside {
    struct shared *shared;
    struct lk_arena *arena; /* of this struct */
    struct lk_api view;
    void (*fn)(void *arg, struct lk_api *view);
    void *arg;
    struct lk_co *co;
    struct beside *next;
};

static void unlink_beside(struct beside *beside)
{
    struct beside **at = &beside->shared->besides;

    while (*at != beside)
        at = &(*at)->next;
    *at = beside->next;
}

static void run_beside(void *arg)
{
    struct beside *beside = arg;
    struct shared *shared = beside->shared;

    beside->co = lk_co_self(shared->options.loop);
    beside->fn(beside->arg, &beside->view);
    unlink_beside(beside);
    lk_api_end(&beside->view);
    lk_arena_free(beside->arena);
    if (shared->waiting != NULL)
        lk_co_wake(shared->waiting);
}

bool lk_api_beside(struct lk_api *view, void (*fn)(void *arg, struct lk_api *view), void *arg,
                   struct lk_co **ret_co, struct lk_error *err)
{
    struct shared *shared = view->shared;
    struct lk_arena *arena = lk_arena_new();
    struct beside *beside = lk_arena_new_object(arena, struct beside);

    *beside = (struct beside){.shared = shared,
                              .arena = arena,
                              .view = *view,
                              .fn = fn,
                              .arg = arg,
                              .next = shared->besides};
    beside->view.principal = lk_principal_copy(arena, &view->principal);
    beside->view.trace = lk_trace_copy(arena, view->trace);
    beside->view.until_ms = 0;
    beside->view.pool->views += !is_pooled(view);
    shared->besides = beside;
    if (lk_co_start(shared->options.loop, run_beside, beside, ret_co, err))
        return true;
    shared->besides = beside->next;
    beside->view.pool->views -= !is_pooled(view);
    lk_arena_free(arena);
    return false;
}

/* ---- calls ---- */

static void log_failure(const struct lk_api *api, const char *event, const struct lk_operation *op,
                        const struct lk_error *failure)
{
    const struct lk_log_field fields[] = {lk_log_text("operation", op->id),
                                          lk_log_text("kind", lk_error_kind_name(failure->kind)),
                                          lk_log_int("status", failure->status)};

    /* The status last, as there is none when nobody answered. */
    lk_log_write(api->shared->options.log, LK_LOG_INFO, event, fields,
                 failure->status != 0 ? 3 : 2);
}

static bool is_abandoned(const struct lk_api_request *request)
{
    return request->attempt != NULL && request->attempt->abandoned;
}

static bool call_under(struct lk_api *api, struct lk_session *session, struct lk_arena *arena,
                       struct lk_exchange exchange, struct lk_api_answer *ret_answer,
                       struct lk_error *err)
{
    unsigned refused = 0;

    for (;;) {
        struct lk_error failure = {0};
        struct lk_token token;

        if (!lk_session_token(session, arena, &token, err))
            return false;
        exchange.token = token.text;
        if (lk_retry_perform(&api->shared->options, api->pool->root, arena, &exchange, ret_answer,
                             &failure))
            return true;
        if (failure.status == 401) {
            lk_session_drop(session, token.generation);
            if (refused++ == 0 && api->principal.kind != LK_AS_TOKEN &&
                !is_abandoned(&exchange.request))
                continue;
            failure.kind = LK_ERROR_AUTH;
        }
        log_failure(api, "looker.call_failed", exchange.request.op, &failure);
        if (err != NULL && err->kind == LK_ERROR_NONE)
            *err = failure;
        return false;
    }
}

/* What the lease has to know of a request that was sent under it. What Looker takes only in the dev
 * workspace changes it: a branch, or a file on the branch. */
static void note_moved(struct lk_api *api, const struct lk_operation *op, bool ok,
                       const struct lk_error *failure)
{
    if (ok && op->branch == LK_BRANCH_SETS)
        lk_lease_settled(api->lease);
    if (!ok && op->needs_dev && lk_lease_is_unsure(failure))
        lk_lease_doubt(api->lease);
}

static bool call(struct lk_api *api, struct lk_arena *arena, struct lk_exchange exchange,
                 struct lk_api_answer *ret_answer, struct lk_error *err)
{
    const struct lk_api_request *request = &exchange.request;
    struct lk_guard guard = {&api->lease, request};
    /* A token of somebody else's does not enter the workspace at all: see given_token. */
    bool guarded = api->guarded && api->principal.kind != LK_AS_TOKEN && lk_guard_applies(request);
    struct lk_error failure = {0};
    struct lk_session *session;
    bool ok;

    exchange.may_go = api->may_go;
    exchange.may_go_arg = api->may_go_arg;
    if (guarded) {
        if (!lk_guard_check(&guard, err))
            return false;
        exchange.may_go = lk_guard_check;
        exchange.may_go_arg = &guard;
    }
    session = lk_pool_take(api->pool, &api->principal, lk_goes_to_dev(request));
    ok = call_under(api, session, arena, exchange, ret_answer, &failure);
    lk_pool_give(session);
    if (guarded)
        note_moved(api, request->op, ok, &failure);
    if (!ok && err != NULL && err->kind == LK_ERROR_NONE)
        *err = failure;
    return ok;
}

bool lk_api_call_within(struct lk_api *api, struct lk_arena *arena, struct lk_api_request request,
                        uint64_t timeout_ms, struct lk_api_answer *ret_answer, struct lk_error *err)
{
    struct lk_exchange exchange = {.request = request,
                                   .timeout_ms = timeout_ms,
                                   .until_ms = api->until_ms,
                                   .trace = api->trace};

    return call(api, arena, exchange, ret_answer, err);
}

bool lk_api_stream(struct lk_api *api, struct lk_arena *arena, struct lk_api_request request,
                   uint64_t timeout_ms, const struct lk_api_sink *sink,
                   struct lk_api_answer *ret_answer, struct lk_error *err)
{
    struct lk_exchange exchange = {.request = request,
                                   .timeout_ms = timeout_ms,
                                   .until_ms = api->until_ms,
                                   .trace = api->trace,
                                   .sink = sink};

    return call(api, arena, exchange, ret_answer, err);
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
    bool ok = lk_exchange_perform(&api->shared->options, api->pool->root, arena,
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

static void cancel(void *arg)
{
    lk_co_cancel(arg);
}

void lk_api_logout(struct lk_api *api, uint64_t timeout_ms)
{
    struct shared *shared = api->shared;
    struct lk_loop *loop = shared->options.loop;
    struct lk_co *self = lk_co_self(loop);
    struct lk_timer patience = lk_timer(cancel, self);

    if (timeout_ms != 0)
        lk_timer_start(loop, &patience, timeout_ms);
    shared->waiting = self;
    while (shared->endings != NULL || shared->besides != NULL) {
        for (struct ending *e = shared->endings; lk_co_cancelled(self) && e != NULL; e = e->next)
            lk_co_cancel(e->co);
        for (struct beside *b = shared->besides; lk_co_cancelled(self) && b != NULL; b = b->next)
            lk_co_cancel(b->co);
        lk_co_park(loop);
    }
    shared->waiting = NULL;
    lk_pool_end(&shared->pool);
    lk_timer_stop(loop, &patience);
}
