/*
 * One access token: what is read, what it has to claim, and by whom it has to be signed. Most of it
 * is tokens that must be refused, though their signature is right.
 */
#include "auth_keys.h"

#include "base/base64.h"
#include "base/buf.h"

static EVP_PKEY *rsa, *ec, *other_rsa;
static struct lk_jwt_key rsa_key, ec_key;

static struct lk_jwt_key key_of(const char *jwk)
{
    struct lk_jwt_key key;
    struct lk_error err = {0};

    if (!lk_jwt_key_read(arena, lk_str(jwk), &key, &err))
        fail_msg("%s", err.message);
    return key;
}

static int set_up_keys(void **state)
{
    set_up(state);
    rsa_key = key_of(rsa_jwk(rsa, "\"kid\":\"r\","));
    ec_key = key_of(ec_jwk(ec, "\"kid\":\"e\","));
    return 0;
}

static int tear_down_keys(void **state)
{
    lk_jwt_key_free(&rsa_key);
    lk_jwt_key_free(&ec_key);
    return tear_down(state);
}

static bool judge(const char *token, struct lk_jwt_claims *ret_claims, struct lk_error *err)
{
    struct lk_jwt_expected expected = {.issuer = LK_STR(ISSUER),
                                       .audience = LK_STR(RESOURCE),
                                       .user_claim = LK_STR("email"),
                                       .now_s = (int64_t)time(NULL)};
    struct lk_jwt jwt;

    *err = (struct lk_error){0};
    if (!lk_jwt_read(arena, lk_str(token), &jwt, err) ||
        !lk_jwt_judge(arena, &jwt, &expected, ret_claims, err))
        return false;
    return lk_jwt_signed_by(&jwt, &rsa_key) || lk_jwt_signed_by(&jwt, &ec_key) ||
           lk_fail(err, LK_ERROR_AUTH, "signature");
}

static struct lk_jwt_claims accepted(const char *token)
{
    struct lk_jwt_claims claims;
    struct lk_error err;

    if (!judge(token, &claims, &err))
        fail_msg("%s: %s", err.message, token);
    return claims;
}

/* What goes into a challenge must stand between quotes in a header. */
static void refused(const char *token, const char *why)
{
    struct lk_jwt_claims claims;
    struct lk_error err;

    if (judge(token, &claims, &err))
        fail_msg("accepted: %s", token);
    assert_int_equal(err.kind, LK_ERROR_AUTH);
    if (strstr(err.message, why) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", why, err.message);
    for (const char *c = err.message; *c != '\0'; c++)
        assert_true(*c >= ' ' && *c <= '~' && *c != '"' && *c != '\\');
}

static void good_tokens(void **state)
{
    struct lk_jwt_claims claims = accepted(sign(rsa, RS256, claims_with("")));

    (void)state;
    assert_str(claims.subject, "u1");
    assert_str(claims.user, "ada@example.com");
    assert_str(claims.scope, "openid a");
    assert_in_range((uintmax_t)claims.expires_s, (uintmax_t)time(NULL) + 590,
                    (uintmax_t)time(NULL) + 600);
    accepted(sign(ec, ES256, claims_with("")));
    accepted(sign(rsa, "{\"alg\":\"RS256\"}", claims_with(",\"email_verified\":true")));
    accepted(sign(rsa, "{\"typ\":\"JWT\",\"alg\":\"RS256\"}", claims_with(",\"nbf\":1.5")));
    accepted(sign(ec, "{\"alg\":\"ES256\",\"typ\":\"application/AT+JWT\"}", claims_with("")));
    accepted(sign(ec, " { \"a\\u006cg\" : \"ES256\" } ", claims_with("")));
}

static void forms_of_scope(void **state)
{
#define BASE "{\"iss\":\"" ISSUER "\",\"aud\":[\"x\",\"" RESOURCE "\"],\"exp\":99999999999"
    (void)state;
    assert_str(accepted(sign(rsa, RS256, BASE "}")).scope, "");
    assert_str(accepted(sign(rsa, RS256, BASE "}")).user, "");
    assert_str(accepted(sign(rsa, RS256, BASE ",\"scp\":\"a b\"}")).scope, "a b");
    assert_str(accepted(sign(rsa, RS256, BASE ",\"scp\":[\"a\",1,\"b\"]}")).scope, "a b");
    assert_str(accepted(sign(rsa, RS256, BASE ",\"scp\":\"a\",\"scope\":\"c\"}")).scope, "c");
    assert_str(accepted(sign(rsa, RS256, BASE ",\"scp\":\"a\",\"scope\":[\"c\"]}")).scope, "");
    assert_str(accepted(sign(rsa, RS256, BASE ",\"email\":7}")).user, "");
}

static void headers_that_are_refused(void **state)
{
    static const struct {
        const char *header, *why;
    } cases[] = {
        {"{\"alg\":\"none\"}", "RS256 or ES256"},
        {"{\"alg\":\"HS256\"}", "RS256 or ES256"},
        {"{\"alg\":\"PS256\"}", "RS256 or ES256"},
        {"{\"alg\":\"RS512\"}", "RS256 or ES256"},
        {"{\"alg\":\"rs256\"}", "RS256 or ES256"},
        {"{\"alg\":[\"RS256\"]}", "RS256 or ES256"},
        {"{\"alg\":\"ES256\"}", "signature"}, /* an RSA signature */
        {"{}", "RS256 or ES256"},
        {"{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}", "crit"},
        {"{\"alg\":\"RS256\",\"crit\":[]}", "crit"},
        {"{\"alg\":\"RS256\",\"typ\":\"logout+jwt\"}", "typ"},
        {"{\"alg\":\"RS256\",\"typ\":null}", "typ"},
        {"{\"alg\":\"RS256\",\"kid\":7}", "kid"},
        {"{\"alg\":\"RS256\",\"alg\":\"none\"}", "header"},
        {"{\"alg\":\"RS256\",\"al\\u0067\":\"RS256\"}", "header"},
        {"[\"RS256\"]", "header"},
        {"{\"alg\":\"RS256\"", "header"},
        {"{\"alg\":\"RS256\"}{}", "header"},
        {"{\"alg\":\"RS256\",\"x\":\"\\u0000\"}", "header"},
        {"", "header"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refused(sign(rsa, cases[i].header, claims_with("")), cases[i].why);
    refused(sign(ec, "{\"alg\":\"RS256\"}", claims_with("")), "signature");
}

static void claims_that_are_refused(void **state)
{
#define AND ",\"iss\":\"" ISSUER "\",\"aud\":\"" RESOURCE "\""
    static const struct {
        const char *claims, *why;
    } cases[] = {
        {"{\"exp\":99999999999,\"aud\":\"" RESOURCE "\"}", "(iss)"},
        {"{\"iss\":\"" ISSUER "/\",\"exp\":99999999999,\"aud\":\"" RESOURCE "\"}", "(iss)"},
        {"{\"iss\":[\"" ISSUER "\"],\"exp\":99999999999,\"aud\":\"" RESOURCE "\"}", "(iss)"},
        {"{\"iss\":\"" ISSUER "\",\"exp\":99999999999}", "(aud)"},
        {"{\"iss\":\"" ISSUER "\",\"exp\":99999999999,\"aud\":\"" RESOURCE "/\"}", "(aud)"},
        {"{\"iss\":\"" ISSUER "\",\"exp\":99999999999,\"aud\":[]}", "(aud)"},
        {"{\"iss\":\"" ISSUER "\",\"exp\":99999999999,\"aud\":[[\"" RESOURCE "\"]]}", "(aud)"},
        {"{\"iss\":\"" ISSUER "\",\"exp\":99999999999,\"aud\":{\"a\":\"" RESOURCE "\"}}", "(aud)"},
        {"{\"x\":1" AND "}", "until when"},
        {"{\"exp\":\"99999999999\"" AND "}", "no time"},
        {"{\"exp\":null" AND "}", "no time"},
        {"{\"exp\":-1" AND "}", "no time"},
        {"{\"exp\":1e300" AND "}", "no time"},
        {"{\"exp\":9999999999999" AND "}", "no time"}, /* milliseconds */
        {"{\"exp\":1" AND "}", "expired"},
        {"{\"exp\":99999999999,\"nbf\":99999999998" AND "}", "not valid yet"},
        {"{\"exp\":99999999999,\"nbf\":true" AND "}", "no time"},
        {"{\"exp\":99999999999,\"iat\":99999999998" AND "}", "in the future"},
        {"{\"exp\":99999999999,\"exp\":1" AND "}", "claims"},
        {"{\"exp\":99999999999,\"aud\":\"x\"" AND "}", "claims"},
        {"{\"exp\":99999999999,\"\\u0061ud\":\"x\"" AND "}", "claims"},
        {"{\"exp\":99999999999,\"email\":\"a@b\",\"email_verified\":false" AND "}", "not verified"},
        {"{\"exp\":99999999999,\"email\":\"a@b\",\"email_verified\":\"no\"" AND "}",
         "not verified"},
        {"[]", "claims"},
        {"null", "claims"},
        {"", "claims"},
    };
    struct lk_buf many;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refused(sign(rsa, RS256, cases[i].claims), cases[i].why);
    lk_buf_init(&many, 100000);
    for (int i = 0; i < 300; i++)
        lk_buf_printf(&many, ",\"m%d\":1", i);
    refused(sign(rsa, RS256, claims_with(many.ptr)), "claims");
    lk_buf_truncate(&many, 0);
    for (int i = 0; i < 40; i++)
        lk_buf_printf(&many, "%s", i == 0 ? ",\"deep\":[" : "[");
    for (int i = 0; i < 40; i++)
        lk_buf_char(&many, ']');
    refused(sign(rsa, RS256, claims_with(many.ptr)), "claims");
    lk_buf_truncate(&many, 0);
    lk_buf_lit(&many, ",\"email2\":\"");
    for (int i = 0; i < 13000; i++)
        lk_buf_char(&many, 'a');
    lk_buf_char(&many, '"');
    refused(sign(rsa, RS256, claims_with(many.ptr)), "longer than 16384 bytes");
    lk_buf_free(&many);
}

/* Both clocks may be off by the leeway. */
static void the_leeway(void **state)
{
    static const struct {
        const char *format;
        int64_t offset;
        const char *why; /* NULL: accepted */
    } cases[] = {
        {"{\"exp\":%lld" AND "}", -50, NULL},
        {"{\"exp\":%lld" AND "}", -61, "expired"},
        {"{\"exp\":99999999999,\"nbf\":%lld" AND "}", 50, NULL},
        {"{\"exp\":99999999999,\"nbf\":%lld" AND "}", 70, "not valid yet"},
        {"{\"exp\":99999999999,\"iat\":%lld" AND "}", 50, NULL},
        {"{\"exp\":99999999999,\"iat\":%lld" AND "}", 70, "in the future"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char claims[512];
        const char *token;

        snprintf(claims, sizeof(claims), cases[i].format,
                 (long long)(time(NULL) + cases[i].offset));
        token = sign(rsa, RS256, claims);
        if (cases[i].why == NULL)
            accepted(token);
        else
            refused(token, cases[i].why);
    }
}

static void what_is_no_jwt(void **state)
{
    const char *good = sign(rsa, RS256, claims_with(""));
    size_t len = strlen(good);
    char *cut = strdup(good);
    char *big = malloc(1 << 20);

    (void)state;
    refused("", "three parts");
    refused("abc", "three parts");
    refused("..", "three parts");
    refused("a.b", "three parts");
    refused(lk_arena_printf(arena, "%s.x", good).ptr, "three parts");
    refused(lk_arena_printf(arena, "%s=", good).ptr, "base64url");
    refused(lk_arena_printf(arena, "%s==", good).ptr, "base64url");
    refused(lk_arena_printf(arena, "%s\n", good).ptr, "base64url");
    refused(lk_arena_printf(arena, "=%s", good).ptr, "header");
    for (size_t i = 1; i < 60; i++) {
        struct lk_jwt_claims claims;
        struct lk_error err;

        cut[len - i] = '\0';
        assert_false(judge(cut, &claims, &err));
    }
    free(cut);
    memset(big, 'a', 1 << 20);
    big[(1 << 20) - 1] = '\0';
    refused(big, "longer than 16384 bytes");
    free(big);
}

/* Every single change of a character changes what is signed, or the signature, or is not legal. */
static void no_character_may_change(void **state)
{
    EVP_PKEY *const keys[] = {rsa, ec};
    const char *const headers[] = {RS256, ES256};

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const char *good = sign(keys[k], headers[k], claims_with(""));
        char *changed = strdup(good);

        for (size_t i = 0; changed[i] != '\0'; i++) {
            struct lk_jwt_claims claims;
            struct lk_error err;

            changed[i] = good[i] == 'A' ? 'B' : 'A';
            if (judge(changed, &claims, &err))
                fail_msg("accepted with another character at %zu", i);
            changed[i] = good[i];
        }
        free(changed);
    }
}

static void signatures_of_others(void **state)
{
    const char *claims = claims_with("");
    const char *input = lk_arena_printf(arena, "%s.%s", encode(RS256, strlen(RS256)),
                                        encode(claims, strlen(claims)))
                            .ptr;
    const char *public_key = rsa_jwk(rsa, "");
    unsigned char mac[32], zero[64] = {0};
    unsigned len = sizeof(mac);

    (void)state;
    refused(sign(other_rsa, RS256, claims), "signature");
    HMAC(EVP_sha256(), public_key, (int)strlen(public_key), (const void *)input, strlen(input), mac,
         &len);
    refused(lk_arena_printf(arena, "%s.%s", input, encode(mac, len)).ptr, "signature");
    input = lk_arena_printf(arena, "%s.%s", encode(ES256, strlen(ES256)),
                            encode(claims, strlen(claims)))
                .ptr;
    refused(lk_arena_printf(arena, "%s.%s", input, encode(zero, 64)).ptr, "signature");
    refused(lk_arena_printf(arena, "%s.%s", input, encode(zero, 63)).ptr, "signature");
    refused(lk_arena_printf(arena, "%s.%s", input, encode("", 0)).ptr, "three parts");
}

/* Left out, the zero at the end of a number would be read as if it were there. */
static void a_signature_is_64_bytes(void **state)
{
    const char *claims = claims_with("");

    (void)state;
    for (int i = 0; i < 20000; i++) {
        const char *token = sign(ec, ES256, claims), *signature = strrchr(token, '.') + 1;
        unsigned char bytes[80];
        size_t len;

        assert_true(lk_base64url_decode(lk_str(signature), bytes, &len));
        assert_int_equal(len, 64);
        if (bytes[63] != 0)
            continue;
        accepted(token);
        refused(lk_arena_printf(arena, "%.*s%s", (int)(signature - token), token, encode(bytes, 63))
                    .ptr,
                "signature");
        return;
    }
    fail_msg("no signature ends in a zero");
}

/* A key verifies its own algorithm and no other. */
static void the_algorithm_is_the_key_s(void **state)
{
    struct lk_jwt jwt;

    (void)state;
    assert_true(lk_jwt_read(arena, lk_str(sign(rsa, RS256, claims_with(""))), &jwt, NULL));
    assert_true(lk_jwt_signed_by(&jwt, &rsa_key));
    assert_false(lk_jwt_signed_by(&jwt, &ec_key));
    jwt.alg = LK_JWT_ES256;
    assert_false(lk_jwt_signed_by(&jwt, &rsa_key));
}

static void keys_that_are_not_taken(void **state)
{
    EVP_PKEY *weak = EVP_RSA_gen(1024), *p384 = EVP_EC_gen("P-384");
    const char *good = ec_jwk(ec, "");
    char *off_curve = strdup(good);
    const struct {
        const char *jwk;
        enum lk_error_kind kind;
    } cases[] = {
        {"{}", LK_ERROR_UNSUPPORTED},
        {"{\"kty\":\"oct\",\"k\":\"AAAA\"}", LK_ERROR_UNSUPPORTED},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", LK_ERROR_UNSUPPORTED},
        {rsa_jwk(rsa, "\"use\":\"enc\","), LK_ERROR_UNSUPPORTED},
        {rsa_jwk(rsa, "\"alg\":\"RS512\","), LK_ERROR_UNSUPPORTED},
        {rsa_jwk(rsa, "\"alg\":\"ES256\","), LK_ERROR_UNSUPPORTED},
        {rsa_jwk(rsa, "\"alg\":7,"), LK_ERROR_UNSUPPORTED},
        {rsa_jwk(rsa, "\"key_ops\":[\"encrypt\"],"), LK_ERROR_UNSUPPORTED},
        {rsa_jwk(rsa, "\"key_ops\":\"verify\","), LK_ERROR_UNSUPPORTED},
        {rsa_jwk(rsa, "\"kid\":7,"), LK_ERROR_PARSE},
        {rsa_jwk(weak, ""), LK_ERROR_PARSE},
        {"{\"kty\":\"RSA\",\"n\":\"AQAB\"}", LK_ERROR_PARSE},
        {"{\"kty\":\"RSA\",\"n\":\"!\",\"e\":\"AQAB\"}", LK_ERROR_PARSE},
        {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}", LK_ERROR_UNSUPPORTED},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}", LK_ERROR_PARSE},
        {off_curve, LK_ERROR_PARSE},
    };

    (void)state;
    {
        char *y = strstr(off_curve, "\"y\":\"") + 5;

        y[10] = y[10] == 'A' ? 'B' : 'A';
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lk_jwt_key key;
        struct lk_error err = {0};

        if (lk_jwt_key_read(arena, lk_str(cases[i].jwk), &key, &err))
            fail_msg("taken: %s", cases[i].jwk);
        if (err.kind != cases[i].kind)
            fail_msg("%s: %s", err.message, cases[i].jwk);
    }
    free(off_curve);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(p384);
}

static void keys_that_are_taken(void **state)
{
    static const char *const members[] = {"", "\"use\":\"sig\",", "\"alg\":\"RS256\",",
                                          "\"key_ops\":[\"sign\",\"verify\"],",
                                          "\"x5c\":[\"AAAA\"],"};

    (void)state;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        struct lk_jwt_key key = key_of(rsa_jwk(rsa, members[i]));

        assert_int_equal(key.alg, LK_JWT_RS256);
        assert_null(key.kid.ptr);
        lk_jwt_key_free(&key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_tokens, set_up_keys, tear_down_keys),
        cmocka_unit_test_setup_teardown(forms_of_scope, set_up_keys, tear_down_keys),
        cmocka_unit_test_setup_teardown(headers_that_are_refused, set_up_keys, tear_down_keys),
        cmocka_unit_test_setup_teardown(claims_that_are_refused, set_up_keys, tear_down_keys),
        cmocka_unit_test_setup_teardown(the_leeway, set_up_keys, tear_down_keys),
        cmocka_unit_test_setup_teardown(what_is_no_jwt, set_up_keys, tear_down_keys),
        cmocka_unit_test_setup_teardown(no_character_may_change, set_up_keys, tear_down_keys),
        cmocka_unit_test_setup_teardown(signatures_of_others, set_up_keys, tear_down_keys),
        cmocka_unit_test_setup_teardown(a_signature_is_64_bytes, set_up_keys, tear_down_keys),
        cmocka_unit_test_setup_teardown(the_algorithm_is_the_key_s, set_up_keys, tear_down_keys),
        cmocka_unit_test_setup_teardown(keys_that_are_not_taken, set_up_keys, tear_down_keys),
        cmocka_unit_test_setup_teardown(keys_that_are_taken, set_up_keys, tear_down_keys),
    };
    int failed;

    rsa = EVP_RSA_gen(2048);
    other_rsa = EVP_RSA_gen(2048);
    ec = EVP_EC_gen("P-256");
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(other_rsa);
    EVP_PKEY_free(ec);
    return failed;
}
