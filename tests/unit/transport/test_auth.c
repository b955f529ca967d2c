/*
 * Judging callers (auth.h) with an issuer that can be slow, wrong, down, or have new keys; what is
 * remembered; what the server says of itself.
 */
#include "auth_keys.h"

#include "base/buf.h"

#include "../rt/peer.h"
#include "rt/co.h"
#include "transport/auth.h"
#include "transport/auth_jwks.h"

static EVP_PKEY *rsa, *ec, *next_rsa;

/* What the issuer answers; the peer's threads read it. */
static struct {
    _Atomic(const char *) status;
    _Atomic(const char *) body;
    atomic_int delay_ms;
} issuer;

static struct world {
    struct peer peer;
    struct lk_loop *loop;
    struct lk_http *http;
    struct lk_auth *auth;
    int n_asked; /* introspections */
    size_t n_running;
} world;

static bool answer(struct peer_connection *c)
{
    usleep((useconds_t)issuer.delay_ms * 1000);
    return peer_reply(c, issuer.status, "Location: http://127.0.0.1:1/\r\n", issuer.body);
}

static void publish(const char *keys)
{
    issuer.status = "200 OK";
    issuer.body = lk_arena_printf(arena, "{\"keys\":[%s]}", keys).ptr;
}

static bool introspect(void *arg, struct lk_arena *of_call, struct lk_str token,
                       struct mcp_caller *ret_caller, struct lk_error *err)
{
    (void)arg;
    world.n_asked++;
    if (!lk_str_starts(token, LK_STR("good")))
        return lk_fail(err, lk_str_starts(token, LK_STR("odd")) ? LK_ERROR_NETWORK : LK_ERROR_AUTH,
                       "no");
    *ret_caller = (struct mcp_caller){.subject = lk_arena_str(of_call, LK_STR("7")),
                                      .access_token = lk_arena_str(of_call, token)};
    return true;
}

static void open_auth(struct lk_auth_options options)
{
    char uri[64];

    snprintf(uri, sizeof(uri), "http://127.0.0.1:%u/jwks", world.peer.port);
    options.loop = world.loop;
    options.http = world.http;
    options.resource_name = LK_STR("Test");
    options.issuer = LK_STR(ISSUER);
    options.jwks_uri = lk_str(uri);
    options.user_claim = LK_STR("email");
    options.introspect = introspect;
    if (options.resource_uri.len == 0)
        options.resource_uri = LK_STR(RESOURCE);
    world.auth = lk_auth_new(&options);
}

static int begin(void **state)
{
    set_up(state);
    world = (struct world){.peer.answer = answer};
    issuer.delay_ms = 0;
    publish(rsa_jwk(rsa, "\"kid\":\"r\","));
    peer_start(&world.peer);
    assert_true(lk_loop_new(&world.loop, NULL));
    world.http = lk_http_new(world.loop, &(struct lk_http_options){.connect_timeout_ms = 2000});
    return 0;
}

static void run_end(void *arg)
{
    lk_auth_end(world.auth);
    lk_loop_stop(arg);
}

static int end(void **state)
{
    assert_true(lk_co_start(world.loop, run_end, world.loop, NULL, NULL));
    lk_loop_run(world.loop);
    assert_int_equal(lk_co_count(world.loop), 0);
    lk_auth_free(world.auth);
    lk_http_free(world.http);
    lk_loop_free(world.loop);
    peer_stop(&world.peer);
    return tear_down(state);
}

/* ---- one verification ---- */

struct attempt {
    const char *token;
    bool ok;
    struct mcp_caller caller;
    struct lk_error err;
    struct lk_co *co;
};

static void run_attempt(void *arg)
{
    struct attempt *attempt = arg;

    attempt->co = lk_co_self(world.loop);
    attempt->ok =
        lk_auth_verify(world.auth, lk_str(attempt->token), arena, &attempt->caller, &attempt->err);
    if (--world.n_running == 0)
        lk_loop_stop(world.loop);
}

static void start(struct attempt *attempt, const char *token)
{
    *attempt = (struct attempt){.token = token};
    world.n_running++;
    assert_true(lk_co_start(world.loop, run_attempt, attempt, NULL, NULL));
}

static struct attempt verify(const char *token)
{
    struct attempt attempt;

    start(&attempt, token);
    lk_loop_run(world.loop);
    return attempt;
}

static void good(const char *token)
{
    struct attempt attempt = verify(token);

    if (!attempt.ok)
        fail_msg("%s", attempt.err.message);
}

static struct lk_error bad(const char *token, enum lk_error_kind kind)
{
    struct attempt attempt = verify(token);

    assert_false(attempt.ok);
    if (attempt.err.kind != kind)
        fail_msg("%s: %s", lk_error_kind_name(attempt.err.kind), attempt.err.message);
    return attempt.err;
}

static bool known(const char *token)
{
    struct mcp_caller caller;

    return lk_auth_known(world.auth, lk_str(token), arena, &caller);
}

static void turn_for(int ms)
{
    uint64_t until;

    lk_loop_run_once(world.loop, 0);
    until = lk_loop_now_ms(world.loop) + (uint64_t)ms;
    while (lk_loop_now_ms(world.loop) < until)
        lk_loop_run_once(world.loop, 5);
}

#define R "{\"alg\":\"RS256\",\"kid\":\"r\"}"
#define NEXT "{\"alg\":\"RS256\",\"kid\":\"next\"}"

/* ---- keys ---- */

static void all_wait_for_one_fetch(void **state)
{
    struct attempt attempts[20];
    const char *token = sign(rsa, R, claims_with(""));

    (void)state;
    issuer.delay_ms = 50;
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC});
    for (size_t i = 0; i < 20; i++)
        start(&attempts[i], token);
    lk_loop_run(world.loop);
    for (size_t i = 0; i < 20; i++)
        assert_true(attempts[i].ok);
    assert_int_equal(world.peer.n_requests, 1);
    assert_str(attempts[3].caller.user, "ada@example.com");
    assert_str(attempts[3].caller.subject, "u1");
    assert_str(attempts[3].caller.scope, "openid a");
    assert_int_equal(attempts[3].caller.access_token.len, 0);
}

static void warming_up_fetches_once(void **state)
{
    (void)state;
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC});
    lk_auth_warm_up(world.auth);
    good(sign(rsa, R, claims_with("")));
    lk_auth_warm_up(world.auth);
    assert_int_equal(world.peer.n_requests, 1);
}

static void who_goes_away_does_not_wait(void **state)
{
    struct attempt one, other;

    (void)state;
    issuer.delay_ms = 100;
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC});
    start(&one, sign(rsa, R, claims_with("")));
    start(&other, sign(rsa, R, claims_with("")));
    lk_co_cancel(one.co);
    lk_loop_run(world.loop);
    assert_int_equal(one.err.kind, LK_ERROR_CANCELLED);
    assert_true(other.ok);
}

static void without_keys_nobody_is_judged(void **state)
{
    static const char *const bodies[] = {
        "",
        "<html>",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\",\"kid\":\"r\"},7,{\"kty\":\"RSA\"}]}",
    };
    const char *token = sign(rsa, R, claims_with(""));

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        issuer.body = bodies[i];
        open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC});
        bad(token, LK_ERROR_PARSE);
        lk_auth_free(world.auth);
    }
    issuer.status = "302 Found";
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC});
    bad(token, LK_ERROR_UPSTREAM);
    bad(token, LK_ERROR_UPSTREAM);
    /* Not asked again at once. */
    assert_int_equal(world.peer.n_requests, sizeof(bodies) / sizeof(bodies[0]) + 1);
    /* What is wrong with the token itself is said all the same. */
    bad("abc", LK_ERROR_AUTH);
}

static void limits_of_a_set(void **state)
{
    struct lk_buf keys;

    (void)state;
    lk_buf_init(&keys, 1 << 20);
    for (int i = 0; i < 65; i++)
        lk_buf_printf(&keys, "%s{\"kty\":\"oct\"}", i > 0 ? "," : "");
    publish(keys.ptr);
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC});
    bad(sign(rsa, R, claims_with("")), LK_ERROR_LIMIT);
    lk_auth_free(world.auth);
    lk_buf_truncate(&keys, 0);
    lk_buf_str(&keys, lk_str(rsa_jwk(rsa, "\"kid\":\"r\",")));
    for (int i = 0; i < 300 * 1024; i++)
        lk_buf_char(&keys, ' ');
    publish(keys.ptr);
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC});
    bad(sign(rsa, R, claims_with("")), LK_ERROR_LIMIT);
    lk_buf_free(&keys);
}

static void a_new_key_is_looked_for_once_in_the_cool_down(void **state)
{
    const char *made_up = sign(rsa, "{\"alg\":\"RS256\",\"kid\":\"made up\"}", claims_with(""));

    (void)state;
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC, .jwks_cooldown_ms = 2000});
    good(sign(rsa, R, claims_with("")));
    publish(lk_arena_printf(arena, "%s,%s", rsa_jwk(rsa, "\"kid\":\"r\","),
                            rsa_jwk(next_rsa, "\"kid\":\"next\","))
                .ptr);
    good(sign(next_rsa, NEXT, claims_with("")));
    assert_int_equal(world.peer.n_requests, 2);
    for (int i = 0; i < 10; i++)
        bad(made_up, LK_ERROR_AUTH);
    good(sign(rsa, R, claims_with(",\"x\":1")));
    assert_int_equal(world.peer.n_requests, 2);
    turn_for(2050);
    bad(made_up, LK_ERROR_AUTH);
    bad(made_up, LK_ERROR_AUTH);
    assert_int_equal(world.peer.n_requests, 3);
}

/* A wrong signature under a key that is there is no reason to ask. */
static void keys_are_found_by_name_and_kind(void **state)
{
    (void)state;
    publish(lk_arena_printf(arena, "%s,%s,%s,%s", rsa_jwk(rsa, "\"kid\":\"r\","),
                            rsa_jwk(next_rsa, "\"kid\":\"r\","), ec_jwk(ec, "\"kid\":\"r\","),
                            "{\"kty\":\"OKP\",\"kid\":\"r\"}")
                .ptr);
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC});
    good(sign(rsa, R, claims_with("")));
    good(sign(next_rsa, R, claims_with("")));
    good(sign(ec, "{\"alg\":\"ES256\",\"kid\":\"r\"}", claims_with("")));
    good(sign(ec, "{\"alg\":\"ES256\"}", claims_with(""))); /* the only one of its kind */
    bad(sign(ec, R, claims_with("")), LK_ERROR_AUTH);
    assert_int_equal(world.peer.n_requests, 1);
    bad(sign(rsa, "{\"alg\":\"RS256\"}", claims_with("")), LK_ERROR_AUTH); /* which one? */
    bad(sign(rsa, "{\"alg\":\"RS256\",\"kid\":\"\"}", claims_with("")), LK_ERROR_AUTH);
}

static void keys_are_renewed_in_time(void **state)
{
    const char *token = sign(rsa, R, claims_with(""));

    (void)state;
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC, .jwks_ttl_ms = 3000});
    good(token);
    turn_for(2450);
    issuer.delay_ms = 300;
    good(token); /* does not wait: the fetch goes on beside it */
    assert_int_equal(lk_co_count(world.loop), 1);
    turn_for(500);
    assert_int_equal(world.peer.n_requests, 2);
    issuer.delay_ms = 0;
    turn_for(3100); /* nobody asks */
    publish(rsa_jwk(next_rsa, "\"kid\":\"next\","));
    bad(token, LK_ERROR_AUTH); /* waits, and is not let in */
    good(sign(next_rsa, NEXT, claims_with("")));
}

/* A caller whose token is known asks for the keys in time as well. */
static void what_is_remembered_does_not_outlive_its_key(void **state)
{
    const char *token = sign(rsa, R, claims_with(""));

    (void)state;
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC, .jwks_ttl_ms = 2000});
    good(token);
    assert_true(known(token));
    publish(rsa_jwk(next_rsa, "\"kid\":\"next\","));
    turn_for(1700);
    assert_false(known(token));
    good(token); /* the keys are fetched beside it */
    turn_for(400);
    bad(token, LK_ERROR_AUTH);
}

/* A key that did not come is not a key that there is not. */
static void an_unknown_key_while_the_issuer_fails(void **state)
{
    const char *token = sign(next_rsa, NEXT, claims_with(""));

    (void)state;
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC});
    good(sign(rsa, R, claims_with("")));
    issuer.status = "502 Oops";
    bad(token, LK_ERROR_UPSTREAM);
    good(sign(rsa, R, claims_with(",\"x\":1")));
}

static void the_last_good_keys_are_kept(void **state)
{
    (void)state;
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC, .jwks_ttl_ms = 50});
    good(sign(rsa, R, claims_with("")));
    for (int i = 0; i < 5; i++) {
        issuer.status = i % 2 == 0 ? "500 Oops" : "200 OK";
        issuer.body = "{\"keys\":[]}";
        turn_for(60);
        good(sign(rsa, R, claims_with("")));
    }
    bad(sign(next_rsa, NEXT, claims_with("")), LK_ERROR_UPSTREAM);
}

/* ---- what is remembered ---- */

static void a_verified_token_is_remembered(void **state)
{
    const char *token = sign(rsa, R, claims_with(""));
    struct mcp_caller caller;

    (void)state;
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC});
    assert_false(known(token));
    bad(sign(next_rsa, R, claims_with("")), LK_ERROR_AUTH);
    good(token);
    assert_true(lk_auth_known(world.auth, lk_str(token), arena, &caller));
    assert_str(caller.user, "ada@example.com");
    assert_str(caller.subject, "u1");
    assert_str(caller.scope, "openid a");
    assert_int_equal(caller.access_token.len, 0);
    assert_false(known(sign(next_rsa, R, claims_with(""))));
    lk_auth_forget(world.auth, lk_str(token));
    assert_false(known(token));
}

static void until_it_expires(void **state)
{
    char claims[256];
    const char *token;

    (void)state;
    snprintf(claims, sizeof(claims),
             "{\"iss\":\"" ISSUER "\",\"aud\":\"" RESOURCE "\",\"exp\":%lld}",
             (long long)time(NULL) - LK_JWT_LEEWAY_S + 2);
    token = sign(rsa, R, claims);
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC});
    good(token);
    assert_true(known(token));
    turn_for(2100);
    assert_false(known(token));
    bad(token, LK_ERROR_AUTH);
}

static void until_the_keys_change(void **state)
{
    const char *token = sign(rsa, R, claims_with(""));

    (void)state;
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC});
    good(token);
    publish(rsa_jwk(next_rsa, "\"kid\":\"next\","));
    good(sign(next_rsa, NEXT, claims_with("")));
    assert_false(known(token));
    bad(token, LK_ERROR_AUTH);
}

static void no_more_than_so_many(void **state)
{
    int n = 0;
    char token[32];

    (void)state;
    open_auth((struct lk_auth_options){.mode = LK_AUTH_OPAQUE});
    for (int i = 0; i < 3 * LK_AUTH_REMEMBERED; i++) {
        snprintf(token, sizeof(token), "good%d", i);
        good(token);
        assert_true(known(token));
    }
    for (int i = 0; i < 3 * LK_AUTH_REMEMBERED; i++) {
        snprintf(token, sizeof(token), "good%d", i);
        n += known(token);
    }
    assert_in_range(n, LK_AUTH_REMEMBERED / 2, LK_AUTH_REMEMBERED);
}

static void opaque_tokens(void **state)
{
    struct mcp_caller caller;
    char *long_token = calloc(1, 5001);

    (void)state;
    open_auth((struct lk_auth_options){.mode = LK_AUTH_OPAQUE, .opaque_ms = 1000});
    good("good-1");
    assert_true(lk_auth_known(world.auth, LK_STR("good-1"), arena, &caller));
    assert_str(caller.access_token, "good-1");
    assert_str(caller.subject, "7");
    bad("bad", LK_ERROR_AUTH);
    bad("odd", LK_ERROR_NETWORK);
    assert_int_equal(world.n_asked, 3);
    assert_false(known("bad") || known("odd") || known("good-2"));
    memset(long_token, 'g', 5000);
    bad(long_token, LK_ERROR_AUTH);
    bad("good one", LK_ERROR_AUTH);
    bad("good\"one", LK_ERROR_AUTH);
    bad("good\xc3\xa9", LK_ERROR_AUTH);
    bad("=", LK_ERROR_AUTH);
    assert_int_equal(world.n_asked, 3);
    turn_for(2000);
    assert_false(known("good-1"));
    assert_int_equal(world.peer.n_requests, 0);
    free(long_token);
}

/* ---- metadata ---- */

static void where_the_metadata_is(void **state)
{
    static const struct {
        const char *resource, *url, *path;
    } cases[] = {
        {"https://a.example/mcp", "https://a.example" LK_AUTH_WELL_KNOWN "/mcp",
         LK_AUTH_WELL_KNOWN "/mcp"},
        {"https://a.example", "https://a.example" LK_AUTH_WELL_KNOWN, LK_AUTH_WELL_KNOWN},
        {"https://a.example/", "https://a.example" LK_AUTH_WELL_KNOWN, LK_AUTH_WELL_KNOWN},
        {"https://a.example:8443/x/y/", "https://a.example:8443" LK_AUTH_WELL_KNOWN "/x/y/",
         LK_AUTH_WELL_KNOWN "/x/y/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        lk_auth_free(world.auth);
        open_auth((struct lk_auth_options){.mode = LK_AUTH_OPAQUE,
                                           .resource_uri = lk_str(cases[i].resource)});
        assert_str(lk_auth_metadata_url(world.auth), cases[i].url);
        assert_str(lk_auth_metadata_path(world.auth), cases[i].path);
    }
}

static void what_the_metadata_says(void **state)
{
    (void)state;
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC, .scopes = LK_STR("openid  email")});
    assert_str(lk_auth_metadata(world.auth),
               "{\"resource\":\"" RESOURCE "\",\"authorization_servers\":[\"" ISSUER "\"],"
               "\"scopes_supported\":[\"openid\",\"email\"],"
               "\"bearer_methods_supported\":[\"header\"],\"resource_name\":\"Test\"}");
    lk_auth_free(world.auth);
    open_auth((struct lk_auth_options){.mode = LK_AUTH_PUBLIC});
    assert_null(strstr(lk_auth_metadata(world.auth).ptr, "scopes_supported"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_wait_for_one_fetch),
        TEST(warming_up_fetches_once),
        TEST(who_goes_away_does_not_wait),
        TEST(without_keys_nobody_is_judged),
        TEST(limits_of_a_set),
        TEST(a_new_key_is_looked_for_once_in_the_cool_down),
        TEST(keys_are_found_by_name_and_kind),
        TEST(keys_are_renewed_in_time),
        TEST(what_is_remembered_does_not_outlive_its_key),
        TEST(an_unknown_key_while_the_issuer_fails),
        TEST(the_last_good_keys_are_kept),
        TEST(a_verified_token_is_remembered),
        TEST(until_it_expires),
        TEST(until_the_keys_change),
        TEST(no_more_than_so_many),
        TEST(opaque_tokens),
        TEST(where_the_metadata_is),
        TEST(what_the_metadata_says),
    };
    int failed;

    rsa = EVP_RSA_gen(2048);
    next_rsa = EVP_RSA_gen(2048);
    ec = EVP_EC_gen("P-256");
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(next_rsa);
    EVP_PKEY_free(ec);
    return failed;
}
