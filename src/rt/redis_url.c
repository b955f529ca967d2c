/*
 * redis[s]://[[user]:password@]host[:port][/db], as redis-cli and the client libraries take it. No
 * message quotes any of it: what is wrong may be a password with a character that had to be
 * escaped.
 */
#include "rt/redis_internal.h"

#define MAX_DB 65535

static bool fail(struct lk_error *err, const char *what)
{
    return lk_fail(err, LK_ERROR_CONFIG,
                   "%s; expected redis://[[user]:password@]host[:port][/db], or rediss:// for TLS, "
                   "special characters in user and password as %%XX",
                   what);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decode(struct lk_arena *arena, struct lk_str text, struct lk_str *ret_text)
{
    char *out = lk_arena_alloc(arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        int high, low;

        if (text.ptr[i] != '%') {
            out[len++] = text.ptr[i];
            continue;
        }
        high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
        low = high >= 0 ? hex_digit(text.ptr[i + 2]) : -1;
        if (low < 0)
            return false;
        out[len++] = (char)(high * 16 + low);
        i += 2;
    }
    *ret_text = lk_str_n(out, len);
    return true;
}

static bool number(struct lk_str text, uint32_t max, uint32_t *ret_value)
{
    uint32_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || i > 5)
            return false;
        value = value * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    if (text.len == 0 || value > max)
        return false;
    *ret_value = value;
    return true;
}

static bool is_host(struct lk_str host, bool bracketed)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '-' || c == '_';

        if (!name && !(bracketed && (c == ':' || c == '%')))
            return false;
    }
    return host.len > 0 && host.len <= 255;
}

static bool take_user(struct lk_arena *arena, struct lk_str text, struct lk_redis_url *url,
                      struct lk_error *err)
{
    struct lk_str user = lk_str_take(&text, ':');

    if (!decode(arena, user, &url->user) || !decode(arena, text, &url->password))
        return fail(err, "user or password has a \"%\" that is not followed by two digits");
    if (url->password.len == 0)
        return fail(err, "there is an \"@\", but no password before it");
    return true;
}

static bool take_host(struct lk_arena *arena, struct lk_str text, struct lk_redis_url *url,
                      struct lk_error *err)
{
    bool bracketed = text.len > 0 && text.ptr[0] == '[';
    const char *end = text.len > 0 ? memchr(text.ptr, bracketed ? ']' : ':', text.len) : NULL;
    size_t host_len = end != NULL ? (size_t)(end - text.ptr) : text.len;
    struct lk_str host = lk_str_n(text.ptr + bracketed, host_len - bracketed), rest;
    uint32_t port = 6379;

    if (bracketed && end == NULL)
        return fail(err, "the address has no closing bracket");
    rest = lk_str_n(text.ptr + host_len + bracketed, text.len - host_len - bracketed);
    if (!is_host(host, bracketed))
        return fail(err, "there is no host");
    if (rest.len > 0 && (rest.ptr[0] != ':' ||
                         !number(lk_str_n(rest.ptr + 1, rest.len - 1), 65535, &port) || port == 0))
        return fail(err, "the port is none");
    url->host = lk_arena_str(arena, host);
    url->port = (uint16_t)port;
    return true;
}

bool lk_redis_url_parse(struct lk_arena *arena, struct lk_str url, struct lk_redis_url *ret_url,
                        struct lk_error *err)
{
    struct lk_redis_url result = {0};
    struct lk_str rest, authority;
    const char *at = NULL;

    result.tls = lk_str_starts(url, LK_STR("rediss://"));
    if (!result.tls && !lk_str_starts(url, LK_STR("redis://")))
        return fail(err, "it does not begin with redis:// or rediss://");
    rest = lk_str_n(url.ptr + 8 + result.tls, url.len - 8 - result.tls);
    /* The last one, so that a password with an "@" is understood all the same. */
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] == '@')
            at = rest.ptr + i;
        if (rest.ptr[i] <= ' ' || rest.ptr[i] == 0x7f)
            return fail(err, "there is a blank or a control character in it");
    }
    if (at != NULL) {
        struct lk_str user = lk_str_n(rest.ptr, (size_t)(at - rest.ptr));

        rest = lk_str_n(at + 1, rest.len - user.len - 1);
        if (!take_user(arena, user, &result, err))
            return false;
    }
    authority = lk_str_take(&rest, '/');
    if (!take_host(arena, authority, &result, err))
        return false;
    if (rest.len > 0 && !number(rest, MAX_DB, &result.db))
        return fail(err, "what follows the host is not the number of a database");
    *ret_url = result;
    return true;
}
