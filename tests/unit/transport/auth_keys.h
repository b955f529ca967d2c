/*
 * An issuer for the tests of callers' authentication: keys, their JWKs, and tokens signed with
 * them, well-formed or not. All texts are freed with `arena` (with_arena.h).
 */
#ifndef LK_TEST_AUTH_KEYS_H
#define LK_TEST_AUTH_KEYS_H

#include "../with_arena.h"

#include "transport/auth_jwt.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <time.h>

#define ISSUER "https://issuer.example.com"
#define RESOURCE "https://looker-mcp.example.com/mcp"
#define RS256 "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"r\"}"
#define ES256 "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"e\"}"

static inline const char *encode(const void *bytes, size_t len)
{
    char *text = lk_arena_alloc(arena, len / 3 * 4 + 5);

    EVP_EncodeBlock((unsigned char *)text, bytes, (int)len);
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c == '=' ? '\0' : *c;
    return text;
}

static inline const char *encode_number(EVP_PKEY *pkey, const char *name, int bytes)
{
    BIGNUM *number = NULL;
    unsigned char text[2048];
    int len;

    assert_int_equal(EVP_PKEY_get_bn_param(pkey, name, &number), 1);
    len = bytes > 0 ? BN_bn2binpad(number, text, bytes) : BN_bn2bin(number, text);
    BN_free(number);
    return encode(text, (size_t)len);
}

/* members: more of them, each with a comma behind it. */
static inline const char *rsa_jwk(EVP_PKEY *pkey, const char *members)
{
    return lk_arena_printf(arena, "{%s\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", members,
                           encode_number(pkey, OSSL_PKEY_PARAM_RSA_N, 0),
                           encode_number(pkey, OSSL_PKEY_PARAM_RSA_E, 0))
        .ptr;
}

static inline const char *ec_jwk(EVP_PKEY *pkey, const char *members)
{
    return lk_arena_printf(arena, "{%s\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}",
                           members, encode_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, 32),
                           encode_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, 32))
        .ptr;
}

static inline const char *raw_of_der(const unsigned char *der, size_t len)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
    unsigned char raw[64];

    BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32);
    ECDSA_SIG_free(pair);
    return encode(raw, 64);
}

/* Signed with the key's own algorithm, whatever the header says. */
static inline const char *sign(EVP_PKEY *pkey, const char *header, const char *claims)
{
    const char *input = lk_arena_printf(arena, "%s.%s", encode(header, strlen(header)),
                                        encode(claims, strlen(claims)))
                            .ptr;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char bytes[1024];
    size_t len = sizeof(bytes);
    bool ec = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC;

    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pkey), 1);
    assert_int_equal(EVP_DigestSign(context, bytes, &len, (const void *)input, strlen(input)), 1);
    EVP_MD_CTX_free(context);
    return lk_arena_printf(arena, "%s.%s", input, ec ? raw_of_der(bytes, len) : encode(bytes, len))
        .ptr;
}

/* Claims that are good, with `more` (each with a comma before it) at their end. */
static inline const char *claims_with(const char *more)
{
    long long now = (long long)time(NULL);

    return lk_arena_printf(arena,
                           "{\"iss\":\"" ISSUER "\",\"aud\":\"" RESOURCE "\",\"sub\":\"u1\","
                           "\"email\":\"ada@example.com\",\"scope\":\"openid a\","
                           "\"iat\":%lld,\"exp\":%lld%s}",
                           now, now + 600, more)
        .ptr;
}

#endif
