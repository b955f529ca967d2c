/*
 * Reading and judging one JWT (auth_jwt.h). A token is bounded before anything is done with it, its
 * JSON is checked before it is looked at, and what could be read in two ways is refused. Keys and
 * signatures, which are OpenSSL's work, are auth_key.c.
 */
#include "transport/auth_jwt.h"

#include "base/base64.h"
#include "base/buf.h"
#include "json/scan.h"

#include <math.h>
#include <stdlib.h>

#define MAX_DEPTH 16
#define MAX_MEMBERS 256 /* of one object: each is compared with each */
#define MAX_USER_BYTES 320
#define LAST_SECOND 253402300799 /* of the year 9999 */

static const struct {
    const char *name;
    enum lk_jwt_alg alg;
} algorithms[] = {
    {"RS256", LK_JWT_RS256},
    {"ES256", LK_JWT_ES256},
};

const char *lk_jwt_alg_name(enum lk_jwt_alg alg)
{
    return algorithms[alg].name;
}

static bool refuse(struct lk_error *err, const char *why)
{
    return lk_fail(err, LK_ERROR_AUTH, "%s", why);
}

static bool has(struct lk_str object, struct lk_str name)
{
    struct lk_str value;

    return lk_json_get(object, name, &value);
}

/* ---- form ---- */

static bool decode(struct lk_arena *arena, struct lk_str text, struct lk_str *ret_bytes)
{
    char *bytes = lk_arena_alloc(arena, text.len / 4 * 3 + 3);
    size_t len;

    if (!lk_base64url_decode(text, (unsigned char *)bytes, &len))
        return false;
    *ret_bytes = lk_str_n(bytes, len);
    return true;
}

/* Parsers differ in which of two members of a name they take. */
static bool each_member_once(struct lk_arena *arena, struct lk_str object)
{
    struct lk_str *names = lk_arena_array(arena, MAX_MEMBERS, sizeof(*names)), name;
    struct lk_json_iter it = lk_json_iter(object);
    size_t n = 0;

    while (lk_json_next(&it, &name, NULL)) {
        if (n == MAX_MEMBERS)
            return false;
        names[n] = lk_json_decode_key(arena, name);
        for (size_t i = 0; i < n; i++) {
            if (lk_str_eq(names[i], names[n]))
                return false;
        }
        n++;
    }
    return true;
}

/* The JSON object that a part of the token encodes. */
static bool read_object(struct lk_arena *arena, struct lk_str part, struct lk_str *ret_object)
{
    struct lk_str object;

    if (part.len == 0 || !decode(arena, part, &object) ||
        !lk_json_check(object, MAX_DEPTH, LK_JSON_REFUSE_NUL, NULL) ||
        lk_json_type(object) != LK_JSON_OBJECT || !each_member_once(arena, object))
        return false;
    *ret_object = object;
    return true;
}

/* ---- header ---- */

static bool read_alg(struct lk_arena *arena, struct lk_str header, enum lk_jwt_alg *ret_alg)
{
    struct lk_str name = lk_json_get_string(arena, header, LK_STR("alg"));

    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (lk_str_eq(name, lk_str(algorithms[i].name)))
            return *ret_alg = algorithms[i].alg, true;
    }
    return false;
}

/* Other types are signed by the same keys and are no access tokens: logout tokens, DPoP proofs …
 * (RFC 8725 section 3.11). */
static bool is_access_token_type(struct lk_arena *arena, struct lk_str header)
{
    static const struct lk_str types[] = {LK_STR_INIT("JWT"), LK_STR_INIT("at+jwt"),
                                          LK_STR_INIT("application/at+jwt")};
    struct lk_str type;

    if (!has(header, LK_STR("typ")))
        return true;
    type = lk_json_get_string(arena, header, LK_STR("typ"));
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (lk_str_ieq(type, types[i]))
            return true;
    }
    return false;
}

static bool read_kid(struct lk_arena *arena, struct lk_str header, struct lk_str *ret_kid)
{
    struct lk_str value;

    if (!lk_json_get(header, LK_STR("kid"), &value))
        return *ret_kid = (struct lk_str){0}, true;
    if (lk_json_type(value) != LK_JSON_STRING)
        return false;
    *ret_kid = lk_json_decode_string(arena, value);
    return true;
}

static bool read_header(struct lk_arena *arena, struct lk_str part, struct lk_jwt *jwt,
                        struct lk_error *err)
{
    struct lk_str header;

    if (!read_object(arena, part, &header))
        return refuse(err, "the header of the token is not what that of a JWT has to be");
    if (!read_alg(arena, header, &jwt->alg))
        return refuse(err, "the token is not signed with RS256 or ES256");
    if (has(header, LK_STR("crit")))
        return refuse(err, "the token demands extensions (crit), and this server has none");
    if (!is_access_token_type(arena, header))
        return refuse(err, "the token is of another type (typ) than an access token");
    if (!read_kid(arena, header, &jwt->kid))
        return refuse(err, "the name of the key (kid) in the token is no text");
    return true;
}

bool lk_jwt_read(struct lk_arena *arena, struct lk_str token, struct lk_jwt *ret_jwt,
                 struct lk_error *err)
{
    struct lk_str rest = token, header, claims;
    struct lk_jwt jwt = {.alg = LK_JWT_RS256};

    if (token.len > LK_JWT_MAX_BYTES)
        return lk_fail(err, LK_ERROR_AUTH, "the token is longer than %zu bytes", LK_JWT_MAX_BYTES);
    header = lk_str_take(&rest, '.');
    claims = lk_str_take(&rest, '.');
    if (rest.len == 0 || memchr(rest.ptr, '.', rest.len) != NULL)
        return refuse(err, "the token is not a signed JWT: three parts with dots between them");
    if (!read_header(arena, header, &jwt, err))
        return false;
    if (!read_object(arena, claims, &jwt.claims))
        return refuse(err, "the claims of the token are not what those of a JWT have to be");
    if (!decode(arena, rest, &jwt.signature))
        return refuse(err, "the signature of the token is not base64url");
    jwt.signed_ = lk_str_n(token.ptr, header.len + 1 + claims.len);
    *ret_jwt = jwt;
    return true;
}

/* ---- claims ---- */

static bool text_is(struct lk_str claims, struct lk_str name, struct lk_str wanted)
{
    struct lk_str value;

    return lk_json_get(claims, name, &value) && lk_json_string_eq(value, wanted);
}

/* A text, or a list that has it (RFC 7519 section 4.1.3). */
static bool is_for(struct lk_str claims, struct lk_str audience)
{
    struct lk_str value, item;
    struct lk_json_iter it;

    if (!lk_json_get(claims, LK_STR("aud"), &value))
        return false;
    if (lk_json_type(value) == LK_JSON_STRING)
        return lk_json_string_eq(value, audience);
    it = lk_json_iter(value);
    while (lk_json_type(value) == LK_JSON_ARRAY && lk_json_next(&it, NULL, &item)) {
        if (lk_json_string_eq(item, audience))
            return true;
    }
    return false;
}

/* A NumericDate, fractions cut off. *ret_there: the claim is there, and must be a date then. */
static bool read_date(struct lk_str claims, struct lk_str name, bool *ret_there, int64_t *ret_s)
{
    struct lk_str value;
    char digits[64];
    double seconds;

    *ret_there = lk_json_get(claims, name, &value);
    if (!*ret_there)
        return true;
    if (lk_json_type(value) != LK_JSON_NUMBER || value.len >= sizeof(digits))
        return false;
    memcpy(digits, value.ptr, value.len);
    digits[value.len] = '\0';
    seconds = strtod(digits, NULL);
    if (!(seconds >= 0 && seconds <= (double)LAST_SECOND))
        return false;
    *ret_s = (int64_t)floor(seconds);
    return true;
}

static bool judge_dates(struct lk_str claims, int64_t now_s, int64_t *ret_expires_s,
                        struct lk_error *err)
{
    bool expires, begins, issued;
    int64_t exp = 0, nbf = 0, iat = 0;

    if (!read_date(claims, LK_STR("exp"), &expires, &exp) ||
        !read_date(claims, LK_STR("nbf"), &begins, &nbf) ||
        !read_date(claims, LK_STR("iat"), &issued, &iat))
        return refuse(err, "a time in the token (exp, nbf, iat) is no time");
    if (!expires)
        return refuse(err, "the token does not say until when it is valid (exp)");
    if (exp + LK_JWT_LEEWAY_S <= now_s)
        return refuse(err, "the token has expired");
    if (begins && nbf - LK_JWT_LEEWAY_S > now_s)
        return refuse(err, "the token is not valid yet (nbf)");
    if (issued && iat - LK_JWT_LEEWAY_S > now_s)
        return refuse(err, "the token was issued in the future (iat)");
    *ret_expires_s = exp;
    return true;
}

/* `scope` is a text (RFC 8693 section 4.2); `scp` is a text or a list. */
static struct lk_str read_scope(struct lk_arena *arena, struct lk_str claims)
{
    struct lk_str scope = lk_json_get_string(arena, claims, LK_STR("scope")), value, item;
    struct lk_buf joined;
    struct lk_json_iter it;

    if (has(claims, LK_STR("scope")) || !lk_json_get(claims, LK_STR("scp"), &value))
        return scope;
    if (lk_json_type(value) == LK_JSON_STRING)
        return lk_json_decode_string(arena, value);
    lk_buf_init(&joined, claims.len);
    it = lk_json_iter(value);
    while (lk_json_type(value) == LK_JSON_ARRAY && lk_json_next(&it, NULL, &item)) {
        if (lk_json_type(item) != LK_JSON_STRING)
            continue;
        if (joined.len > 0)
            lk_buf_char(&joined, ' ');
        lk_buf_str(&joined, lk_json_decode_string(arena, item));
    }
    scope = lk_arena_str(arena, lk_buf_view(&joined));
    lk_buf_free(&joined);
    return scope;
}

/* At some issuers everybody may type in any address as theirs; those say that it is not verified.
 */
static bool judge_user(struct lk_arena *arena, struct lk_str claims, struct lk_str name,
                       struct lk_str *ret_user, struct lk_error *err)
{
    struct lk_str verified;

    if (lk_str_eq(name, LK_STR("email")) &&
        lk_json_get(claims, LK_STR("email_verified"), &verified) && !lk_json_is_true(verified) &&
        !lk_json_string_eq(verified, LK_STR("true")))
        return refuse(err, "the issuer has not verified the address in the token (email_verified)");
    *ret_user = lk_json_get_string(arena, claims, name);
    if (ret_user->len > MAX_USER_BYTES)
        return refuse(err, "the claim of the token that names the user is too long");
    return true;
}

bool lk_jwt_judge(struct lk_arena *arena, const struct lk_jwt *jwt,
                  const struct lk_jwt_expected *expected, struct lk_jwt_claims *ret_claims,
                  struct lk_error *err)
{
    struct lk_jwt_claims claims = {.expires_s = 0};

    if (!text_is(jwt->claims, LK_STR("iss"), expected->issuer))
        return refuse(err, "the token is from another issuer (iss) than this server trusts");
    if (!is_for(jwt->claims, expected->audience))
        return refuse(err, "the token is not for this server (aud)");
    if (!judge_dates(jwt->claims, expected->now_s, &claims.expires_s, err) ||
        !judge_user(arena, jwt->claims, expected->user_claim, &claims.user, err))
        return false;
    claims.subject = lk_json_get_string(arena, jwt->claims, LK_STR("sub"));
    claims.scope = read_scope(arena, jwt->claims);
    *ret_claims = claims;
    return true;
}
