/*
 * Fetching and keeping the keys of an issuer (auth_jwks.h).
 *
 * All that threads share is behind the store's mutex, which nobody holds across an await. Fetches
 * are numbered. Who waits for one parks on its own loop and is woken by a post to that loop, which
 * the worker that fetched sends to all others; the number tells whether the fetch that has ended is
 * the one that was waited for.
 */
#include "transport/auth_jwks.h"

#include "base/memory.h"
#include "rt/co.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define FETCH_TIMEOUT_MS 10000
#define RETRY_MS 5000       /* after a failure, while there are no keys */
#define RETRY_KEPT_MS 60000 /* while there are */

struct lk_jwks_store {
    pthread_mutex_t mutex;  /* guards all but the generation */
    struct lk_key_set *set; /* NULL: never had any */
    atomic_uint_fast64_t generation;
    uint64_t fetched_ms;
    uint64_t retry_ms;         /* not fetched again before, after a failure */
    uint64_t forced_ms;        /* the last fetch for a key that was not there; 0: none */
    struct lk_error error;     /* of the last fetch; LK_ERROR_NONE: it went well */
    uint64_t n_begun, n_ended; /* fetches; one is under way when they differ */
    struct lk_jwks *members;
};

struct waiter {
    struct lk_co *co;
    struct waiter *next;
};

struct lk_jwks {
    struct lk_jwks_options options;
    struct lk_jwks *next;   /* of the store's members, until it ends */
    bool listed;            /* likewise */
    bool posted;            /* on_posted will run; guarded by the store's mutex */
    struct lk_co *fetching; /* its own fetch */
    struct waiter *waiters;
    bool ending;
};

/* ---- the store ---- */

struct lk_jwks_store *lk_jwks_store_new(void)
{
    struct lk_jwks_store *store = lk_memory_new(sizeof(*store));

    pthread_mutex_init(&store->mutex, NULL);
    atomic_init(&store->generation, 0);
    return store;
}

void lk_jwks_store_free(struct lk_jwks_store *store)
{
    if (store == NULL)
        return;
    lk_key_set_release(store->set);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

static void lock(const struct lk_jwks *jwks)
{
    pthread_mutex_lock(&jwks->options.store->mutex);
}

static void unlock(const struct lk_jwks *jwks)
{
    pthread_mutex_unlock(&jwks->options.store->mutex);
}

static uint64_t now_ms(const struct lk_jwks *jwks)
{
    return lk_loop_now_ms(jwks->options.loop);
}

uint64_t lk_jwks_generation(const struct lk_jwks *jwks)
{
    return atomic_load(&jwks->options.store->generation);
}

/* ---- fetching ---- */

static bool fetch_text(struct lk_jwks *jwks, struct lk_arena *arena, struct lk_str *ret_text,
                       struct lk_error *err)
{
    static const char *const headers[] = {"Accept: application/jwk-set+json, application/json",
                                          NULL};
    struct lk_http_request request = {
        .method = "GET",
        .url = jwks->options.uri,
        .headers = headers,
        .timeout_ms = FETCH_TIMEOUT_MS,
        .max_answer_bytes = LK_JWKS_MAX_BYTES,
    };
    struct lk_http_answer answer;

    if (!lk_http_perform(jwks->options.http, &request, arena, &answer, err))
        return false;
    if (answer.status != 200) {
        lk_fail(err, LK_ERROR_UPSTREAM, "the answer has status %d; redirects are not followed",
                answer.status);
        err->status = answer.status;
        return false;
    }
    *ret_text = answer.body;
    return true;
}

/* With the mutex held. */
static void take_set(struct lk_jwks *jwks, struct lk_key_set *set)
{
    struct lk_jwks_store *store = jwks->options.store;
    struct lk_key_set *old = store->set;
    bool changed = old == NULL || !lk_key_set_equal(old, set);

    store->set = set;
    store->fetched_ms = now_ms(jwks);
    if (changed) {
        atomic_fetch_add(&store->generation, 1);
        lk_log_info(jwks->options.log, "auth.jwks_loaded",
                    lk_log_int("keys", (int64_t)lk_key_set_count(set)));
    }
    lk_key_set_release(old);
}

/* With the mutex held. */
static void note_failure(struct lk_jwks *jwks, const struct lk_error *err)
{
    struct lk_jwks_store *store = jwks->options.store;

    if (err->kind == LK_ERROR_CANCELLED)
        return;
    store->retry_ms = now_ms(jwks) + (store->set != NULL ? RETRY_KEPT_MS : RETRY_MS);
    lk_log_warning(jwks->options.log, "auth.jwks_failed",
                   lk_log_text("kind", lk_error_kind_name(err->kind)),
                   lk_log_text("error", err->message), lk_log_text("detail", err->detail),
                   lk_log_bool("last_good_keys_kept", store->set != NULL));
}

static void wake_all(struct lk_jwks *jwks)
{
    for (struct waiter *w = jwks->waiters; w != NULL; w = w->next)
        lk_co_wake(w->co);
}

static void on_posted(void *arg)
{
    struct lk_jwks *jwks = arg;

    lock(jwks);
    jwks->posted = false;
    unlock(jwks);
    wake_all(jwks);
}

/* With the mutex held. Whoever waits on another thread hears of it. */
static void note_end(struct lk_jwks *jwks)
{
    struct lk_jwks_store *store = jwks->options.store;

    store->n_ended++;
    for (struct lk_jwks *member = store->members; member != NULL; member = member->next) {
        if (member == jwks || member->posted)
            continue;
        lk_loop_post(member->options.loop, on_posted, member);
        member->posted = true;
    }
}

static void fetch(void *arg)
{
    struct lk_jwks *jwks = arg;
    struct lk_jwks_store *store = jwks->options.store;
    struct lk_arena *arena = lk_arena_new();
    struct lk_error err = {0};
    struct lk_key_set *set = NULL;
    struct lk_str text;

    jwks->fetching = lk_co_self(jwks->options.loop);
    if (fetch_text(jwks, arena, &text, &err))
        (void)lk_key_set_read(text, jwks->options.log, &set, &err);
    err.body = (struct lk_str){0};
    lk_arena_free(arena);
    lock(jwks);
    if (set != NULL)
        take_set(jwks, set);
    else
        note_failure(jwks, &err);
    store->error = err;
    note_end(jwks);
    unlock(jwks);
    jwks->fetching = NULL;
    wake_all(jwks);
}

/* With the mutex held. Whether a fetch for a key that is not there may be made now. The one that is
 * under way when the token comes in counts as that. */
static bool may_force(const struct lk_jwks *jwks)
{
    const struct lk_jwks_store *store = jwks->options.store;

    return store->forced_ms == 0 || now_ms(jwks) - store->forced_ms >= jwks->options.cooldown_ms;
}

/* Unless one is under way, on any thread. forced: for a key that is not there. That it is allowed
 * and that it has begun is one step, so that other threads wait for it. */
static bool start_fetch(struct lk_jwks *jwks, bool forced, struct lk_error *err)
{
    struct lk_jwks_store *store = jwks->options.store;
    bool mine;

    if (jwks->ending)
        return lk_fail(err, LK_ERROR_CANCELLED, "the server is stopping");
    lock(jwks);
    mine = store->n_begun == store->n_ended && (!forced || may_force(jwks));
    store->n_begun += mine;
    if (mine && forced)
        store->forced_ms = now_ms(jwks);
    unlock(jwks);
    if (!mine)
        return true;
    if (forced)
        lk_log_info(jwks->options.log, "auth.jwks_refresh", lk_log_text("why", "unknown key"));
    if (lk_co_start(jwks->options.loop, fetch, jwks, NULL, err))
        return true;
    lock(jwks);
    note_end(jwks);
    unlock(jwks);
    return false;
}

static void remove_waiter(struct lk_jwks *jwks, const struct waiter *waiter)
{
    struct waiter **at = &jwks->waiters;

    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
}

static bool has_ended(const struct lk_jwks *jwks, uint64_t number)
{
    bool ended;

    lock(jwks);
    ended = jwks->options.store->n_ended >= number;
    unlock(jwks);
    return ended;
}

/* Awaits the fetch that is under way, if there is one. False only when cancelled. */
static bool wait_for_fetch(struct lk_jwks *jwks, struct lk_error *err)
{
    struct waiter waiter = {.co = lk_co_self(jwks->options.loop), .next = jwks->waiters};
    uint64_t number;
    bool ended;

    lock(jwks);
    number = jwks->options.store->n_begun;
    unlock(jwks);
    jwks->waiters = &waiter;
    while (!(ended = has_ended(jwks, number)) && !lk_co_cancelled(waiter.co))
        lk_co_park(jwks->options.loop);
    remove_waiter(jwks, &waiter);
    return ended || lk_fail(err, LK_ERROR_CANCELLED, "the caller has gone");
}

/* ---- what there is ---- */

/* So old keys are fetched anew beside the calls that use them. */
static uint64_t renewal_age_ms(const struct lk_jwks *jwks)
{
    return jwks->options.ttl_ms / 5 * 4;
}

/* With the mutex held. */
static bool is_fresh(const struct lk_jwks *jwks)
{
    const struct lk_jwks_store *store = jwks->options.store;

    return store->set != NULL && now_ms(jwks) - store->fetched_ms < renewal_age_ms(jwks);
}

bool lk_jwks_is_fresh(const struct lk_jwks *jwks)
{
    bool fresh;

    lock(jwks);
    fresh = is_fresh(jwks);
    unlock(jwks);
    return fresh;
}

static bool fail_without_keys(const struct lk_jwks *jwks, struct lk_error *err)
{
    struct lk_error last;

    lock(jwks);
    last = jwks->options.store->error;
    unlock(jwks);
    if (last.kind == LK_ERROR_NONE)
        return lk_fail(err, LK_ERROR_INTERNAL, "the keys of the issuer were not fetched");
    return lk_fail(err, last.kind, "the keys of the issuer could not be fetched: %s", last.message);
}

/* The caller releases it; NULL: there is none. */
static struct lk_key_set *hold_set(struct lk_jwks *jwks, uint64_t *ret_generation)
{
    struct lk_key_set *set;

    lock(jwks);
    set = lk_key_set_hold(jwks->options.store->set);
    *ret_generation = lk_jwks_generation(jwks);
    unlock(jwks);
    return set;
}

/* Awaits, if it must, until there are keys that may be used. */
static struct lk_key_set *have_keys(struct lk_jwks *jwks, uint64_t *ret_generation,
                                    struct lk_error *err)
{
    const struct lk_jwks_store *store = jwks->options.store;
    struct lk_key_set *set;
    bool good, may_fetch, usable;

    lock(jwks);
    set = lk_key_set_hold(store->set);
    *ret_generation = lk_jwks_generation(jwks);
    good = is_fresh(jwks) && store->error.kind == LK_ERROR_NONE;
    may_fetch = now_ms(jwks) >= store->retry_ms;
    /* Nobody waits for a peer that has failed before while there is something to go on with. */
    usable = set != NULL && (now_ms(jwks) - store->fetched_ms < jwks->options.ttl_ms ||
                             store->error.kind != LK_ERROR_NONE);
    unlock(jwks);
    if (good || (may_fetch && !start_fetch(jwks, false, err) && set != NULL) || usable)
        return set;
    lk_key_set_release(set);
    if (!wait_for_fetch(jwks, err))
        return NULL;
    set = hold_set(jwks, ret_generation);
    if (set == NULL)
        fail_without_keys(jwks, err);
    return set;
}

bool lk_jwks_ready(struct lk_jwks *jwks, struct lk_error *err)
{
    uint64_t generation;
    struct lk_key_set *set = have_keys(jwks, &generation, err);

    if (set == NULL)
        return false;
    lk_key_set_release(set);
    return true;
}

/* ---- verifying ---- */

/* Awaits. A key that is not there may be new. */
static bool look_again(struct lk_jwks *jwks, struct lk_error *err)
{
    return start_fetch(jwks, true, err) && wait_for_fetch(jwks, err);
}

static bool explain(struct lk_jwks *jwks, const struct lk_jwt *jwt, struct lk_error *err)
{
    bool failing;

    lock(jwks);
    failing = jwks->options.store->error.kind != LK_ERROR_NONE;
    unlock(jwks);
    if (failing) /* it may be one of the keys that did not come */
        return fail_without_keys(jwks, err);
    return lk_fail(err, LK_ERROR_AUTH, "%s",
                   jwt->kid.ptr == NULL
                       ? "the token names no key (kid), and the issuer has not exactly one"
                       : "the issuer has no key of that name (kid) and type");
}

bool lk_jwks_verify(struct lk_jwks *jwks, const struct lk_jwt *jwt, uint64_t *ret_generation,
                    struct lk_error *err)
{
    struct lk_key_set *set = have_keys(jwks, ret_generation, err);
    enum lk_key_verdict verdict;

    if (set == NULL)
        return false;
    verdict = lk_key_set_try(set, jwt);
    lk_key_set_release(set);
    if (verdict == LK_KEY_UNKNOWN) {
        if (!look_again(jwks, err))
            return false;
        set = hold_set(jwks, ret_generation);
        verdict = lk_key_set_try(set, jwt);
        lk_key_set_release(set);
    }
    if (verdict == LK_KEY_WRONG_SIGNATURE)
        return lk_fail(err, LK_ERROR_AUTH, "the signature of the token is wrong");
    return verdict == LK_KEY_VERIFIED || explain(jwks, jwt, err);
}

/* ---- life ---- */

struct lk_jwks *lk_jwks_new(const struct lk_jwks_options *options)
{
    struct lk_jwks *jwks = lk_memory_new(sizeof(*jwks));

    jwks->options = *options;
    lock(jwks);
    jwks->next = options->store->members;
    options->store->members = jwks;
    jwks->listed = true;
    unlock(jwks);
    return jwks;
}

void lk_jwks_warm_up(struct lk_jwks *jwks)
{
    bool have;

    lock(jwks);
    have = jwks->options.store->set != NULL;
    unlock(jwks);
    if (!have)
        start_fetch(jwks, false, NULL);
}

/* Nobody posts to it any more. True when a post is still on its way. */
static bool delist(struct lk_jwks *jwks)
{
    struct lk_jwks **at = &jwks->options.store->members;
    bool posted;

    lock(jwks);
    if (jwks->listed) {
        while (*at != jwks)
            at = &(*at)->next;
        *at = jwks->next;
        jwks->listed = false;
    }
    posted = jwks->posted;
    unlock(jwks);
    return posted;
}

void lk_jwks_end(struct lk_jwks *jwks)
{
    struct waiter waiter = {.co = lk_co_self(jwks->options.loop), .next = jwks->waiters};

    jwks->ending = true;
    if (jwks->fetching != NULL)
        lk_co_cancel(jwks->fetching);
    jwks->waiters = &waiter;
    while (jwks->fetching != NULL || delist(jwks))
        lk_co_park(jwks->options.loop);
    remove_waiter(jwks, &waiter);
}

void lk_jwks_free(struct lk_jwks *jwks)
{
    if (jwks == NULL)
        return;
    (void)delist(jwks);
    free(jwks);
}
