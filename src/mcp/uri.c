/*
 * Addresses of resources and their templates (RFC 6570 level 1, RFC 3986 section 3.3): matching
 * one against the other, and writing one. Called by resources.c and complete.c, and by tools
 * through mcp/resource.h.
 */
#include "mcp/internal.h"
#include "rt/http.h"

bool mcp_resource_is_template(const struct mcp_resource *resource)
{
    return resource->n_arguments > 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What may stand in a segment of a path as it is: pchar, but for the percent sign. */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=:@", c) != NULL);
}

/* A part of a path that leads elsewhere, or nowhere. */
static bool has_odd_segment(struct lk_str path)
{
    bool last = false;

    while (!last) {
        const char *slash = memchr(path.ptr, '/', path.len);
        struct lk_str segment = {path.ptr, slash != NULL ? (size_t)(slash - path.ptr) : path.len};

        if (segment.len == 0 || lk_str_eq(segment, LK_STR(".")) || lk_str_eq(segment, LK_STR("..")))
            return true;
        last = slash == NULL;
        path = lk_str_n(segment.ptr + segment.len + 1, path.len - segment.len - (last ? 0 : 1));
    }
    return false;
}

/* False for what is no percent-encoded text, and for text that no name has: control characters,
 * "..", nothing at all. */
static bool decode(struct lk_arena *arena, struct lk_str raw, bool with_slashes,
                   struct lk_str *ret_value)
{
    char *out;
    size_t len = 0;

    if (raw.len == 0 || raw.len > 3 * MCP_MAX_VALUE_BYTES)
        return false;
    out = lk_arena_alloc(arena, raw.len + 1);
    for (size_t i = 0; i < raw.len; i++) {
        int high, low;

        if (raw.ptr[i] != '%') {
            if (!is_plain(raw.ptr[i]) && !(with_slashes && raw.ptr[i] == '/'))
                return false;
            out[len++] = raw.ptr[i];
            continue;
        }
        high = i + 1 < raw.len ? hex_digit(raw.ptr[i + 1]) : -1;
        low = i + 2 < raw.len ? hex_digit(raw.ptr[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        out[len++] = (char)(high << 4 | low);
        i += 2;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f)
            return false;
    }
    *ret_value = lk_str_n(out, len);
    return len <= MCP_MAX_VALUE_BYTES && lk_str_is_utf8(*ret_value) && !has_odd_segment(*ret_value);
}

bool mcp_uri_match(struct lk_arena *arena, const struct mcp_resource *resource, struct lk_str uri,
                   struct lk_str *ret_values)
{
    const char *at = uri.ptr, *end = lk_str_end(uri);
    size_t n = 0;

    for (const char *want = resource->uri; *want != '\0';) {
        bool all;
        const char *from = at;

        if (*want != '{') {
            if (at == end || *at++ != *want++)
                return false;
            continue;
        }
        want = strchr(want, '}') + 1;
        all = resource->arguments[n].with_slashes;
        while (at < end && (all || *at != '/'))
            at++;
        if (!decode(arena, lk_str_n(from, (size_t)(at - from)), all, &ret_values[n++]))
            return false;
    }
    return at == end;
}

void mcp_uri_write(struct lk_buf *out, const char *uri_template, const struct lk_str *values)
{
    for (const char *at = uri_template; *at != '\0'; at++) {
        if (*at != '{') {
            lk_buf_char(out, *at);
            continue;
        }
        lk_http_encode(out, *values++);
        at = strchr(at, '}');
    }
}
