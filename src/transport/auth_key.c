/*
 * The public keys of an issuer, and signatures under them: what auth_jwt.h has that is OpenSSL's
 * work. A key is taken only if it is of a kind that is used here, and then for one algorithm.
 */
#include "transport/auth_jwt.h"

#include "base/base64.h"
#include "json/scan.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192 /* larger ones only cost time, at each token */
#define EXPONENT_BITS_MAX 64
#define P256_BYTES 32
#define MAX_NUMBER_BYTES (RSA_BITS_MAX / 8 + 1)

/* ---- one JWK ---- */

static bool skip(struct lk_error *err, const char *why)
{
    return lk_fail(err, LK_ERROR_UNSUPPORTED, "%s", why);
}

/* The bytes of a base64url member, at most MAX_NUMBER_BYTES. */
static bool read_bytes(struct lk_arena *arena, struct lk_str jwk, struct lk_str name,
                       struct lk_str *ret_bytes)
{
    struct lk_str text = lk_json_get_string(arena, jwk, name);
    unsigned char *bytes = lk_arena_alloc(arena, MAX_NUMBER_BYTES + 3);
    size_t len;

    if (text.len == 0 || text.len > (MAX_NUMBER_BYTES * 4 + 2) / 3 ||
        !lk_base64url_decode(text, bytes, &len))
        return false;
    *ret_bytes = lk_str_n((char *)bytes, len);
    return true;
}

static const unsigned char *bytes_of(struct lk_str s)
{
    return (const unsigned char *)s.ptr;
}

/* NULL when OpenSSL does not take it. */
static EVP_PKEY *build(const char *type, OSSL_PARAM_BLD *params)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *list = OSSL_PARAM_BLD_to_param(params);
    EVP_PKEY *pkey = NULL;

    if (context == NULL || list == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, list) != 1)
        pkey = NULL;
    OSSL_PARAM_free(list);
    EVP_PKEY_CTX_free(context);
    return pkey;
}

static bool read_rsa(struct lk_arena *arena, struct lk_str jwk, EVP_PKEY **ret_pkey,
                     struct lk_error *err)
{
    OSSL_PARAM_BLD *params = OSSL_PARAM_BLD_new();
    struct lk_str n_bytes, e_bytes;
    BIGNUM *n = NULL, *e = NULL;
    EVP_PKEY *pkey = NULL;
    int bits;

    if (read_bytes(arena, jwk, LK_STR("n"), &n_bytes) &&
        read_bytes(arena, jwk, LK_STR("e"), &e_bytes)) {
        n = BN_bin2bn(bytes_of(n_bytes), (int)n_bytes.len, NULL);
        e = BN_bin2bn(bytes_of(e_bytes), (int)e_bytes.len, NULL);
    }
    bits = n != NULL ? BN_num_bits(n) : 0;
    if (e != NULL && bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX && BN_is_odd(n) && BN_is_odd(e) &&
        !BN_is_one(e) && BN_num_bits(e) <= EXPONENT_BITS_MAX && params != NULL &&
        OSSL_PARAM_BLD_push_BN(params, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(params, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        pkey = build("RSA", params);
    OSSL_PARAM_BLD_free(params);
    BN_free(n);
    BN_free(e);
    if (pkey == NULL)
        return lk_fail(err, LK_ERROR_PARSE, "an RSA key that is broken, or not of %d to %d bits",
                       RSA_BITS_MIN, RSA_BITS_MAX);
    *ret_pkey = pkey;
    return true;
}

/* Whether the point lies on the curve. */
static bool is_sound(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool sound = context != NULL && EVP_PKEY_public_check(context) == 1;

    EVP_PKEY_CTX_free(context);
    return sound;
}

static bool read_ec(struct lk_arena *arena, struct lk_str jwk, EVP_PKEY **ret_pkey,
                    struct lk_error *err)
{
    unsigned char point[1 + 2 * P256_BYTES] = {0x04}; /* uncompressed (SEC 1 section 2.3.3) */
    OSSL_PARAM_BLD *params;
    struct lk_str x, y;
    EVP_PKEY *pkey = NULL;

    if (!lk_str_eq(lk_json_get_string(arena, jwk, LK_STR("crv")), LK_STR("P-256")))
        return skip(err, "an EC key on another curve than P-256");
    if (!read_bytes(arena, jwk, LK_STR("x"), &x) || !read_bytes(arena, jwk, LK_STR("y"), &y) ||
        x.len != P256_BYTES || y.len != P256_BYTES)
        return lk_fail(err, LK_ERROR_PARSE, "an EC key without a point of %d bytes each way",
                       P256_BYTES);
    memcpy(point + 1, x.ptr, P256_BYTES);
    memcpy(point + 1 + P256_BYTES, y.ptr, P256_BYTES);
    params = OSSL_PARAM_BLD_new();
    if (params != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(params, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(params, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) ==
            1)
        pkey = build("EC", params);
    OSSL_PARAM_BLD_free(params);
    if (pkey == NULL || !is_sound(pkey)) {
        EVP_PKEY_free(pkey);
        return lk_fail(err, LK_ERROR_PARSE, "an EC key whose point is not on its curve");
    }
    *ret_pkey = pkey;
    return true;
}

/* RFC 7517 sections 4.2 to 4.4: what is not said leaves all open. */
static bool is_for_verifying(struct lk_arena *arena, struct lk_str jwk, enum lk_jwt_alg alg)
{
    struct lk_str value, item;
    struct lk_json_iter it;

    if (lk_json_get(jwk, LK_STR("use"), &value) && !lk_json_string_eq(value, LK_STR("sig")))
        return false;
    if (lk_json_get(jwk, LK_STR("alg"), &value) &&
        !lk_str_eq(lk_json_get_string(arena, jwk, LK_STR("alg")), lk_str(lk_jwt_alg_name(alg))))
        return false;
    if (!lk_json_get(jwk, LK_STR("key_ops"), &value))
        return true;
    it = lk_json_iter(value);
    while (lk_json_type(value) == LK_JSON_ARRAY && lk_json_next(&it, NULL, &item)) {
        if (lk_json_string_eq(item, LK_STR("verify")))
            return true;
    }
    return false;
}

bool lk_jwt_key_read(struct lk_arena *arena, struct lk_str jwk, struct lk_jwt_key *ret_key,
                     struct lk_error *err)
{
    struct lk_str kty = lk_json_get_string(arena, jwk, LK_STR("kty"));
    bool rsa = lk_str_eq(kty, LK_STR("RSA"));
    struct lk_jwt_key key = {.alg = rsa ? LK_JWT_RS256 : LK_JWT_ES256};
    struct lk_str kid;
    bool ok;

    if (!rsa && !lk_str_eq(kty, LK_STR("EC")))
        return skip(err, "a key that is neither RSA nor EC");
    if (!is_for_verifying(arena, jwk, key.alg))
        return skip(err, "a key that is for something else than RS256 or ES256 signatures");
    if (lk_json_get(jwk, LK_STR("kid"), &kid)) {
        if (lk_json_type(kid) != LK_JSON_STRING)
            return lk_fail(err, LK_ERROR_PARSE, "a key whose name (kid) is no text");
        key.kid = lk_arena_str(arena, lk_json_decode_string(arena, kid));
    }
    ok = rsa ? read_rsa(arena, jwk, &key.pkey, err) : read_ec(arena, jwk, &key.pkey, err);
    ERR_clear_error(); /* this thread's queue belongs to TLS connections as well */
    if (ok)
        *ret_key = key;
    return ok;
}

void lk_jwt_key_free(struct lk_jwt_key *key)
{
    EVP_PKEY_free(key->pkey);
    key->pkey = NULL;
}

/* ---- signatures ---- */

/* r and s, 32 bytes each (RFC 7518 section 3.4), as the DER that OpenSSL takes. To be freed with
 * OPENSSL_free; NULL when they are none. */
static unsigned char *der_of(struct lk_str signature, int *ret_len)
{
    ECDSA_SIG *pair;
    unsigned char *der = NULL;
    BIGNUM *r, *s;

    if (signature.len != 2 * P256_BYTES)
        return NULL;
    pair = ECDSA_SIG_new();
    r = BN_bin2bn(bytes_of(signature), P256_BYTES, NULL);
    s = BN_bin2bn(bytes_of(signature) + P256_BYTES, P256_BYTES, NULL);
    if (pair == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(pair, r, s) != 1) {
        BN_free(r);
        BN_free(s);
    } else {
        *ret_len = i2d_ECDSA_SIG(pair, &der);
        if (*ret_len <= 0)
            der = NULL;
    }
    ECDSA_SIG_free(pair);
    return der;
}

static bool verify(const struct lk_jwt *jwt, const struct lk_jwt_key *key,
                   const unsigned char *signature, size_t len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *how = NULL; /* the context's */
    bool ok =
        context != NULL &&
        EVP_DigestVerifyInit(context, &how, EVP_sha256(), NULL, key->pkey) == 1 &&
        (key->alg != LK_JWT_RS256 || EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PADDING) == 1) &&
        EVP_DigestVerify(context, signature, len, bytes_of(jwt->signed_), jwt->signed_.len) == 1;

    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return ok;
}

bool lk_jwt_signed_by(const struct lk_jwt *jwt, const struct lk_jwt_key *key)
{
    unsigned char *der;
    int len = 0;
    bool ok;

    if (jwt->alg != key->alg)
        return false;
    if (key->alg == LK_JWT_RS256)
        return verify(jwt, key, bytes_of(jwt->signature), jwt->signature.len);
    der = der_of(jwt->signature, &len);
    ok = der != NULL && verify(jwt, key, der, (size_t)len);
    OPENSSL_free(der);
    return ok;
}
