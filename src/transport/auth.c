/*
 * Judging callers by their tokens (auth.h): what was verified before, what is verified now, and
 * what the server says of itself to clients that look for an authorization server.
 */
#include "transport/auth.h"

#include "base/memory.h"
#include "transport/auth_jwks.h"
#include "transport/auth_seen.h"
#include "json/write.h"

#include <stdlib.h>
#include <time.h>

#define JWKS_TTL_MS ((uint64_t)60 * 60 * 1000)
#define JWKS_COOLDOWN_MS ((uint64_t)5 * 60 * 1000)
#define OPAQUE_MS 60000
#define MAX_OPAQUE_BYTES 4096
#define MAX_METADATA_BYTES ((size_t)64 * 1024)

struct lk_auth {
    struct lk_auth_options options;
    struct lk_arena *arena; /* this struct lives in it as well */
    struct lk_str metadata, metadata_url, metadata_path;
    struct lk_jwks_store *own_store; /* when it shares none */
    struct lk_jwks *jwks;            /* LK_AUTH_PUBLIC */
    struct lk_auth_seen *seen;
    uint64_t seen_generation; /* of the keys that they were verified under */
};

/* ---- metadata ---- */

/* Where the path of an absolute URL begins, or its end. */
static size_t path_at(struct lk_str url)
{
    size_t at = 0;
    unsigned slashes = 0;

    for (; at < url.len; at++) {
        slashes += url.ptr[at] == '/';
        if (slashes == 3)
            break;
    }
    return at;
}

/* RFC 9728 section 3.1: between host and path; a slash that is the whole path is left out. */
static void build_urls(struct lk_auth *auth)
{
    struct lk_str uri = auth->options.resource_uri;
    size_t at = path_at(uri);
    struct lk_str origin = lk_str_n(uri.ptr, at), path = lk_str_n(uri.ptr + at, uri.len - at);

    if (lk_str_eq(path, LK_STR("/")))
        path.len = 0;
    auth->metadata_path = lk_arena_printf(auth->arena, LK_AUTH_WELL_KNOWN "%.*s", LK_STR_ARG(path));
    auth->metadata_url = lk_arena_printf(auth->arena, "%.*s%.*s", LK_STR_ARG(origin),
                                         LK_STR_ARG(auth->metadata_path));
}

static void write_list(struct lk_json_writer *w, const char *key, struct lk_str list)
{
    lk_json_key(w, key);
    lk_json_begin_array(w);
    while (list.len > 0) {
        struct lk_str item = lk_str_take(&list, ' ');

        if (item.len > 0)
            lk_json_put_string(w, item);
    }
    lk_json_end_array(w);
}

static void build_metadata(struct lk_auth *auth)
{
    const struct lk_auth_options *options = &auth->options;
    struct lk_buf out;
    struct lk_json_writer w = lk_json_writer(&out);

    lk_buf_init(&out, MAX_METADATA_BYTES);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "resource", options->resource_uri);
    write_list(&w, "authorization_servers", options->issuer);
    if (options->scopes.len > 0)
        write_list(&w, "scopes_supported", options->scopes);
    write_list(&w, "bearer_methods_supported", LK_STR("header"));
    lk_json_member_string(&w, "resource_name", options->resource_name);
    lk_json_end_object(&w);
    auth->metadata = lk_arena_str(auth->arena, lk_buf_view(&out));
    lk_buf_free(&out);
}

struct lk_str lk_auth_metadata(const struct lk_auth *auth)
{
    return auth->metadata;
}

struct lk_str lk_auth_metadata_url(const struct lk_auth *auth)
{
    return auth->metadata_url;
}

struct lk_str lk_auth_metadata_path(const struct lk_auth *auth)
{
    return auth->metadata_path;
}

struct lk_str lk_auth_scopes(const struct lk_auth *auth)
{
    return auth->options.scopes;
}

enum lk_auth_mode lk_auth_mode(const struct lk_auth *auth)
{
    return auth->options.mode;
}

/* ---- life ---- */

static void copy_strings(struct lk_auth *auth)
{
    struct lk_auth_options *o = &auth->options;
    struct lk_str *const strings[] = {&o->resource_uri, &o->resource_name, &o->issuer,
                                      &o->jwks_uri,     &o->user_claim,    &o->scopes};

    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        *strings[i] = lk_arena_str(auth->arena, *strings[i]);
    if (o->jwks_ttl_ms == 0)
        o->jwks_ttl_ms = JWKS_TTL_MS;
    if (o->jwks_cooldown_ms == 0)
        o->jwks_cooldown_ms = JWKS_COOLDOWN_MS;
    if (o->opaque_ms == 0)
        o->opaque_ms = OPAQUE_MS;
}

struct lk_auth *lk_auth_new(const struct lk_auth_options *options)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_auth *auth = lk_arena_new_object(arena, struct lk_auth);

    auth->arena = arena;
    auth->options = *options;
    copy_strings(auth);
    build_urls(auth);
    build_metadata(auth);
    auth->seen = lk_auth_seen_new();
    if (options->mode == LK_AUTH_PUBLIC && options->jwks_store == NULL)
        auth->own_store = lk_jwks_store_new();
    if (options->mode == LK_AUTH_PUBLIC)
        auth->jwks = lk_jwks_new(&(struct lk_jwks_options){
            .store = options->jwks_store != NULL ? options->jwks_store : auth->own_store,
            .loop = options->loop,
            .http = options->http,
            .log = options->log,
            .uri = auth->options.jwks_uri.ptr,
            .ttl_ms = auth->options.jwks_ttl_ms,
            .cooldown_ms = auth->options.jwks_cooldown_ms,
        });
    return auth;
}

void lk_auth_free(struct lk_auth *auth)
{
    if (auth == NULL)
        return;
    lk_jwks_free(auth->jwks);
    lk_jwks_store_free(auth->own_store);
    lk_auth_seen_free(auth->seen);
    lk_arena_free(auth->arena);
}

void lk_auth_warm_up(struct lk_auth *auth)
{
    if (auth->jwks != NULL)
        lk_jwks_warm_up(auth->jwks);
}

bool lk_auth_ready(struct lk_auth *auth, struct lk_error *err)
{
    return auth->jwks == NULL || lk_jwks_ready(auth->jwks, err);
}

void lk_auth_end(struct lk_auth *auth)
{
    if (auth != NULL && auth->jwks != NULL)
        lk_jwks_end(auth->jwks);
}

/* ---- verifying ---- */

static int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

/* A key that was taken back must not live on in what was verified with it. */
static void forget_if_changed(struct lk_auth *auth)
{
    uint64_t generation = auth->jwks != NULL ? lk_jwks_generation(auth->jwks) : 0;

    if (generation != auth->seen_generation)
        lk_auth_seen_clear(auth->seen);
    auth->seen_generation = generation;
}

bool lk_auth_known(struct lk_auth *auth, struct lk_str token, struct lk_arena *arena,
                   struct mcp_caller *ret_caller)
{
    forget_if_changed(auth);
    return token.len <= LK_JWT_MAX_BYTES &&
           /* Or a key that was taken back would be good for as long as nobody new comes. */
           (auth->jwks == NULL || lk_jwks_is_fresh(auth->jwks)) &&
           lk_auth_seen_get(auth->seen, token, now_s(), arena, ret_caller);
}

void lk_auth_forget(struct lk_auth *auth, struct lk_str token)
{
    lk_auth_seen_drop(auth->seen, token);
}

static bool verify_jwt(struct lk_auth *auth, struct lk_str token, struct lk_arena *arena,
                       struct mcp_caller *ret_caller, struct lk_error *err)
{
    const struct lk_auth_options *options = &auth->options;
    struct lk_jwt_expected expected = {
        .issuer = options->issuer,
        .audience = options->resource_uri,
        .user_claim = options->user_claim,
        .now_s = now_s(),
    };
    struct lk_jwt_claims claims;
    uint64_t generation;
    struct lk_jwt jwt;

    if (!lk_jwt_read(arena, token, &jwt, err) ||
        !lk_jwt_judge(arena, &jwt, &expected, &claims, err) ||
        !lk_jwks_verify(auth->jwks, &jwt, &generation, err))
        return false;
    *ret_caller =
        (struct mcp_caller){.subject = claims.subject, .user = claims.user, .scope = claims.scope};
    forget_if_changed(auth);
    if (generation == auth->seen_generation)
        lk_auth_seen_put(auth->seen, token, ret_caller, now_s(),
                         claims.expires_s + LK_JWT_LEEWAY_S);
    return true;
}

/* RFC 6750 section 2.1: b64token. Anything else is not worth a question. */
static bool is_token(struct lk_str token)
{
    size_t len = token.len;

    while (len > 0 && token.ptr[len - 1] == '=')
        len--;
    for (size_t i = 0; i < len; i++) {
        char c = token.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("-._~+/", c) != NULL)))
            return false;
    }
    return len > 0 && token.len <= MAX_OPAQUE_BYTES;
}

static bool verify_opaque(struct lk_auth *auth, struct lk_str token, struct lk_arena *arena,
                          struct mcp_caller *ret_caller, struct lk_error *err)
{
    const struct lk_auth_options *options = &auth->options;

    if (!is_token(token))
        return lk_fail(err, LK_ERROR_AUTH, "the token has no form that a token can have");
    if (!options->introspect(options->introspect_arg, arena, token, ret_caller, err))
        return false;
    lk_auth_seen_put(auth->seen, token, ret_caller, now_s(),
                     now_s() + (int64_t)((options->opaque_ms + 999) / 1000));
    return true;
}

bool lk_auth_verify(struct lk_auth *auth, struct lk_str token, struct lk_arena *arena,
                    struct mcp_caller *ret_caller, struct lk_error *err)
{
    return auth->options.mode == LK_AUTH_PUBLIC
               ? verify_jwt(auth, token, arena, ret_caller, err)
               : verify_opaque(auth, token, arena, ret_caller, err);
}
