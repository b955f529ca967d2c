/*
 * Reading a JWK Set, and trying its keys on a token (auth_key_set.h).
 */
#include "transport/auth_key_set.h"

#include "json/scan.h"

#include <stdatomic.h>

#define MAX_DEPTH 16

struct lk_key_set {
    struct lk_arena *arena; /* this struct and the names live in it */
    atomic_uint holders;
    struct lk_str text; /* what it was read from */
    struct lk_jwt_key keys[LK_JWKS_MAX_KEYS];
    size_t n;
};

struct lk_key_set *lk_key_set_hold(struct lk_key_set *set)
{
    if (set != NULL)
        atomic_fetch_add(&set->holders, 1);
    return set;
}

void lk_key_set_release(struct lk_key_set *set)
{
    if (set == NULL || atomic_fetch_sub(&set->holders, 1) != 1)
        return;
    for (size_t i = 0; i < set->n; i++)
        lk_jwt_key_free(&set->keys[i]);
    lk_arena_free(set->arena);
}

size_t lk_key_set_count(const struct lk_key_set *set)
{
    return set->n;
}

bool lk_key_set_equal(const struct lk_key_set *a, const struct lk_key_set *b)
{
    return lk_str_eq(a->text, b->text);
}

/* ---- reading ---- */

static void add_key(struct lk_key_set *set, struct lk_str jwk, const struct lk_log *log)
{
    struct lk_error err = {0};

    if (lk_json_type(jwk) == LK_JSON_OBJECT &&
        lk_jwt_key_read(set->arena, jwk, &set->keys[set->n], &err))
        set->n++;
    else if (err.kind == LK_ERROR_PARSE)
        lk_log_warning(log, "auth.jwks_key_skipped", lk_log_text("error", err.message));
}

static bool read_keys(struct lk_key_set *set, const struct lk_log *log, struct lk_error *err)
{
    struct lk_str list, item;
    struct lk_json_iter it;

    if (!lk_json_check(set->text, MAX_DEPTH, LK_JSON_REFUSE_NUL, err))
        return false;
    if (!lk_json_get(set->text, LK_STR("keys"), &list) || lk_json_type(list) != LK_JSON_ARRAY)
        return lk_fail(err, LK_ERROR_PARSE, "the answer is no JWK Set: it has no list \"keys\"");
    if (lk_json_count(list) > LK_JWKS_MAX_KEYS)
        return lk_fail(err, LK_ERROR_LIMIT, "the JWK Set has more than %d keys", LK_JWKS_MAX_KEYS);
    it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item))
        add_key(set, item, log);
    return set->n != 0 ||
           lk_fail(err, LK_ERROR_PARSE, "the JWK Set has no key for RS256 or ES256 signatures");
}

bool lk_key_set_read(struct lk_str text, const struct lk_log *log, struct lk_key_set **ret_set,
                     struct lk_error *err)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_key_set *set = lk_arena_new_object(arena, struct lk_key_set);

    set->arena = arena;
    atomic_init(&set->holders, 1);
    set->text = lk_arena_str(arena, text);
    if (!read_keys(set, log, err)) {
        lk_key_set_release(set);
        return false;
    }
    *ret_set = set;
    return true;
}

/* ---- trying ---- */

static bool is_named(const struct lk_jwt_key *key, struct lk_str kid)
{
    return kid.ptr == NULL || (key->kid.ptr != NULL && lk_str_eq(key->kid, kid));
}

enum lk_key_verdict lk_key_set_try(const struct lk_key_set *set, const struct lk_jwt *jwt)
{
    enum lk_key_verdict verdict = LK_KEY_UNKNOWN;
    size_t n = 0;

    for (size_t i = 0; i < set->n; i++)
        n += set->keys[i].alg == jwt->alg && is_named(&set->keys[i], jwt->kid);
    if (jwt->kid.ptr == NULL && n > 1) /* guessing would cost an operation a key */
        return LK_KEY_UNKNOWN;
    for (size_t i = 0; i < set->n && verdict != LK_KEY_VERIFIED; i++) {
        const struct lk_jwt_key *key = &set->keys[i];

        if (key->alg == jwt->alg && is_named(key, jwt->kid))
            verdict = lk_jwt_signed_by(jwt, key) ? LK_KEY_VERIFIED : LK_KEY_WRONG_SIGNATURE;
    }
    return verdict;
}
