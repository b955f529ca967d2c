/*
 * Fetching and keeping the keys of an issuer (auth_jwks.h).
 */
#include "transport/auth_jwks.h"

#include "base/memory.h"
#include "rt/co.h"
#include "json/scan.h"

#include <stdlib.h>

#define FETCH_TIMEOUT_MS 10000
#define RETRY_MS 5000       /* after a failure, while there are no keys */
#define RETRY_KEPT_MS 60000 /* while there are */
#define MAX_DEPTH 16

/* A set of keys, as one fetch brought it. */
struct key_set {
    struct lk_arena *arena; /* this struct and the names live in it */
    struct lk_str text;     /* what it was read from */
    struct lk_jwt_key keys[LK_JWKS_MAX_KEYS];
    size_t n;
};

struct waiter {
    struct lk_co *co;
    bool done;
    struct waiter *next;
};

struct lk_jwks {
    struct lk_jwks_options options;
    struct key_set *set; /* NULL: never had any */
    uint64_t fetched_ms;
    uint64_t retry_ms;     /* not fetched again before, after a failure */
    uint64_t forced_ms;    /* the last fetch for a key that was not there; 0: none */
    struct lk_error error; /* of the last fetch; LK_ERROR_NONE: it went well */
    struct lk_co *fetching;
    struct waiter *waiters;
    bool ending;
};

/* ---- reading ---- */

static void free_set(struct key_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->n; i++)
        lk_jwt_key_free(&set->keys[i]);
    lk_arena_free(set->arena);
}

/* A key that is broken leaves the others what they are. */
static void add_key(struct lk_jwks *jwks, struct key_set *set, struct lk_str jwk)
{
    struct lk_error err = {0};

    if (lk_json_type(jwk) == LK_JSON_OBJECT &&
        lk_jwt_key_read(set->arena, jwk, &set->keys[set->n], &err))
        set->n++;
    else if (err.kind == LK_ERROR_PARSE)
        lk_log_warning(jwks->options.log, "auth.jwks_key_skipped",
                       lk_log_text("error", err.message));
}

static struct key_set *read_set(struct lk_jwks *jwks, struct lk_str text, struct lk_error *err)
{
    struct lk_arena *arena = lk_arena_new();
    struct key_set *set = lk_arena_new_object(arena, struct key_set);
    struct lk_str list, item;
    struct lk_json_iter it;

    set->arena = arena;
    set->text = lk_arena_str(arena, text);
    if (!lk_json_check(set->text, MAX_DEPTH, LK_JSON_REFUSE_NUL, err))
        goto failed;
    if (!lk_json_get(set->text, LK_STR("keys"), &list) || lk_json_type(list) != LK_JSON_ARRAY) {
        lk_fail(err, LK_ERROR_PARSE, "the answer is no JWK Set: it has no list \"keys\"");
        goto failed;
    }
    if (lk_json_count(list) > LK_JWKS_MAX_KEYS) {
        lk_fail(err, LK_ERROR_LIMIT, "the JWK Set has more than %d keys", LK_JWKS_MAX_KEYS);
        goto failed;
    }
    it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item))
        add_key(jwks, set, item);
    if (set->n == 0) {
        lk_fail(err, LK_ERROR_PARSE, "the JWK Set has no key for RS256 or ES256 signatures");
        goto failed;
    }
    return set;
failed:
    free_set(set);
    return NULL;
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

static void take_set(struct lk_jwks *jwks, struct key_set *set)
{
    struct key_set *old = jwks->set;
    bool changed = old == NULL || !lk_str_eq(old->text, set->text);

    jwks->set = set;
    jwks->fetched_ms = lk_loop_now_ms(jwks->options.loop);
    if (changed) {
        lk_log_info(jwks->options.log, "auth.jwks_loaded", lk_log_int("keys", (int64_t)set->n));
        if (jwks->options.changed != NULL)
            jwks->options.changed(jwks->options.arg);
    }
    free_set(old);
}

static void note_failure(struct lk_jwks *jwks, const struct lk_error *err)
{
    if (err->kind == LK_ERROR_CANCELLED)
        return;
    jwks->retry_ms =
        lk_loop_now_ms(jwks->options.loop) + (jwks->set != NULL ? RETRY_KEPT_MS : RETRY_MS);
    lk_log_warning(jwks->options.log, "auth.jwks_failed",
                   lk_log_text("kind", lk_error_kind_name(err->kind)),
                   lk_log_text("error", err->message), lk_log_text("detail", err->detail),
                   lk_log_bool("last_good_keys_kept", jwks->set != NULL));
}

static void fetch(void *arg)
{
    struct lk_jwks *jwks = arg;
    struct lk_arena *arena = lk_arena_new();
    struct lk_error err = {0};
    struct key_set *set = NULL;
    struct lk_str text;

    jwks->fetching = lk_co_self(jwks->options.loop);
    if (fetch_text(jwks, arena, &text, &err))
        set = read_set(jwks, text, &err);
    err.body = (struct lk_str){0};
    lk_arena_free(arena);
    if (set != NULL)
        take_set(jwks, set);
    else
        note_failure(jwks, &err);
    jwks->error = err;
    jwks->fetching = NULL;
    for (struct waiter *w = jwks->waiters; w != NULL; w = w->next) {
        w->done = true;
        lk_co_wake(w->co);
    }
}

static bool start_fetch(struct lk_jwks *jwks, struct lk_error *err)
{
    if (jwks->ending)
        return lk_fail(err, LK_ERROR_CANCELLED, "the server is stopping");
    if (jwks->fetching != NULL)
        return true;
    return lk_co_start(jwks->options.loop, fetch, jwks, NULL, err);
}

static void remove_waiter(struct lk_jwks *jwks, const struct waiter *waiter)
{
    struct waiter **at = &jwks->waiters;

    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
}

/* Awaits the fetch that is under way, if there is one. False only when cancelled. */
static bool wait_for_fetch(struct lk_jwks *jwks, struct lk_error *err)
{
    struct waiter waiter = {.co = lk_co_self(jwks->options.loop), .next = jwks->waiters};

    if (jwks->fetching == NULL)
        return true;
    jwks->waiters = &waiter;
    while (!waiter.done && !lk_co_cancelled(waiter.co))
        lk_co_park(jwks->options.loop);
    remove_waiter(jwks, &waiter);
    if (waiter.done)
        return true;
    return lk_fail(err, LK_ERROR_CANCELLED, "the caller has gone");
}

static bool fail_without_keys(const struct lk_jwks *jwks, struct lk_error *err)
{
    if (jwks->error.kind == LK_ERROR_NONE)
        return lk_fail(err, LK_ERROR_INTERNAL, "the keys of the issuer were not fetched");
    return lk_fail(err, jwks->error.kind, "the keys of the issuer could not be fetched: %s",
                   jwks->error.message);
}

/* So old keys are fetched anew beside the calls that use them. */
static uint64_t renewal_age_ms(const struct lk_jwks *jwks)
{
    return jwks->options.ttl_ms / 5 * 4;
}

bool lk_jwks_is_fresh(const struct lk_jwks *jwks)
{
    return jwks->set != NULL &&
           lk_loop_now_ms(jwks->options.loop) - jwks->fetched_ms < renewal_age_ms(jwks);
}

/* Awaits, if it must, until there are keys that may be used. */
static bool have_keys(struct lk_jwks *jwks, struct lk_error *err)
{
    uint64_t now = lk_loop_now_ms(jwks->options.loop);
    uint64_t age = now - jwks->fetched_ms, ttl = jwks->options.ttl_ms;
    bool may_fetch = now >= jwks->retry_ms, failing = jwks->error.kind != LK_ERROR_NONE;

    if (lk_jwks_is_fresh(jwks) && !failing)
        return true;
    if (may_fetch && !start_fetch(jwks, err))
        return jwks->set != NULL;
    /* Nobody waits for a peer that has failed before while there is something to go on with. */
    if (jwks->set != NULL && (age < ttl || failing))
        return true;
    return wait_for_fetch(jwks, err) && (jwks->set != NULL || fail_without_keys(jwks, err));
}

/* ---- verifying ---- */

enum verdict { VERIFIED, WRONG_SIGNATURE, NO_SUCH_KEY };

static bool is_named(const struct lk_jwt_key *key, struct lk_str kid)
{
    return kid.ptr == NULL || (key->kid.ptr != NULL && lk_str_eq(key->kid, kid));
}

static enum verdict try_keys(const struct key_set *set, const struct lk_jwt *jwt)
{
    enum verdict verdict = NO_SUCH_KEY;
    size_t n = 0;

    for (size_t i = 0; i < set->n; i++)
        n += set->keys[i].alg == jwt->alg && is_named(&set->keys[i], jwt->kid);
    if (jwt->kid.ptr == NULL && n > 1) /* guessing would cost an operation a key */
        return NO_SUCH_KEY;
    for (size_t i = 0; i < set->n && verdict != VERIFIED; i++) {
        const struct lk_jwt_key *key = &set->keys[i];

        if (key->alg == jwt->alg && is_named(key, jwt->kid))
            verdict = lk_jwt_signed_by(jwt, key) ? VERIFIED : WRONG_SIGNATURE;
    }
    return verdict;
}

/* Whether a fetch for a key that is not there may be made now; then it counts as made. */
static bool may_force(struct lk_jwks *jwks)
{
    uint64_t now = lk_loop_now_ms(jwks->options.loop);

    if (jwks->forced_ms != 0 && now - jwks->forced_ms < jwks->options.cooldown_ms)
        return false;
    jwks->forced_ms = now;
    return true;
}

/* Awaits. A key that is not there may be new. The fetch that is under way when the token comes in
 * counts as well. */
static bool look_again(struct lk_jwks *jwks, struct lk_error *err)
{
    if (jwks->fetching == NULL && may_force(jwks)) {
        lk_log_info(jwks->options.log, "auth.jwks_refresh", lk_log_text("why", "unknown key"));
        if (!start_fetch(jwks, err))
            return false;
    }
    return wait_for_fetch(jwks, err);
}

bool lk_jwks_verify(struct lk_jwks *jwks, const struct lk_jwt *jwt, struct lk_error *err)
{
    enum verdict verdict;

    if (!have_keys(jwks, err))
        return false;
    verdict = try_keys(jwks->set, jwt);
    if (verdict == NO_SUCH_KEY) {
        if (!look_again(jwks, err))
            return false;
        verdict = try_keys(jwks->set, jwt);
    }
    if (verdict == VERIFIED)
        return true;
    if (verdict == WRONG_SIGNATURE)
        return lk_fail(err, LK_ERROR_AUTH, "the signature of the token is wrong");
    if (jwks->error.kind != LK_ERROR_NONE) /* it may be one of the keys that did not come */
        return fail_without_keys(jwks, err);
    return lk_fail(err, LK_ERROR_AUTH, "%s",
                   jwt->kid.ptr == NULL
                       ? "the token names no key (kid), and the issuer has not exactly one"
                       : "the issuer has no key of that name (kid) and type");
}

/* ---- life ---- */

struct lk_jwks *lk_jwks_new(const struct lk_jwks_options *options)
{
    struct lk_jwks *jwks = lk_memory_new(sizeof(*jwks));

    jwks->options = *options;
    return jwks;
}

void lk_jwks_warm_up(struct lk_jwks *jwks)
{
    if (jwks->set == NULL)
        start_fetch(jwks, NULL);
}

void lk_jwks_end(struct lk_jwks *jwks)
{
    jwks->ending = true;
    if (jwks->fetching != NULL)
        lk_co_cancel(jwks->fetching);
    while (jwks->fetching != NULL && wait_for_fetch(jwks, NULL))
        ;
}

void lk_jwks_free(struct lk_jwks *jwks)
{
    if (jwks == NULL)
        return;
    free_set(jwks->set);
    free(jwks);
}
