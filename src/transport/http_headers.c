/*
 * What a call may ask of its request, copied: the request can go before the call. Headers, the
 * address of this server, that of the client, and the request id. Called by http_mcp.c,
 * http_export.c and http_auth.c.
 */
#include "transport/http_internal.h"

#include <netdb.h>
#include <netinet/in.h>

static const char mcp_headers[] = "mcp-protocol-version,mcp-method,mcp-name,traceparent,tracestate,"
                                  "baggage";

struct copying {
    struct lk_http_headers *headers;
    struct lk_arena *arena;
    h2o_req_t *req;
};

static bool count_header(void *arg, struct lk_str name)
{
    size_t *n = arg;

    (void)name;
    ++*n;
    return false;
}

static bool copy_header(void *arg, struct lk_str name)
{
    struct copying *copying = arg;
    struct lk_http_headers *headers = copying->headers;
    struct lk_str value = lk_http_header(copying->req, name);

    if (value.ptr != NULL) /* one that says nothing is there all the same */
        headers->items[headers->n++] =
            (struct lk_http_field){name, lk_arena_str(copying->arena, value)};
    return false;
}

/* Mcp-Param-*, whose names only the tools know. One that comes twice is copied twice, both times as
 * the list that it then is. */
static void copy_mirrored(const struct copying *copying)
{
    static const struct lk_str prefix = LK_STR_INIT("mcp-param-");
    struct lk_http_headers *headers = copying->headers;
    h2o_req_t *req = copying->req;

    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_iovec_t *raw = req->headers.entries[i].name;
        struct lk_str name = lk_str_n(raw->base, raw->len);

        if (name.len < prefix.len || !lk_str_ieq(lk_str_n(name.ptr, prefix.len), prefix))
            continue;
        headers->items[headers->n++] =
            (struct lk_http_field){lk_arena_str(copying->arena, name),
                                   lk_arena_str(copying->arena, lk_http_header(req, name))};
    }
}

void lk_http_headers_copy(struct lk_http_headers *headers, struct lk_arena *arena,
                          struct lk_http_server *server, h2o_req_t *req)
{
    const struct lk_str lists[] = {lk_str(mcp_headers), server->options.forward_headers};
    struct copying copying = {headers, arena, req};
    size_t n = req->headers.size; /* that many mirrored arguments at most */

    for (size_t i = 0; i < 2; i++)
        lk_http_list_any(lists[i], count_header, &n);
    headers->items = lk_arena_array(arena, n, sizeof(*headers->items));
    headers->n = 0;
    for (size_t i = 0; i < 2; i++)
        lk_http_list_any(lists[i], copy_header, &copying);
    copy_mirrored(&copying);
}

struct lk_str lk_http_headers_get(const struct lk_http_headers *headers, struct lk_str name)
{
    for (size_t i = 0; i < headers->n; i++) {
        if (lk_str_ieq(headers->items[i].name, name))
            return headers->items[i].value;
    }
    return (struct lk_str){0};
}

struct lk_str lk_http_origin(struct lk_arena *arena, h2o_req_t *req)
{
    return lk_arena_printf(arena, "%.*s://%.*s", (int)req->scheme->name.len, req->scheme->name.base,
                           (int)req->authority.len, req->authority.base);
}

struct lk_str lk_http_from(struct lk_arena *arena, h2o_req_t *req)
{
    struct sockaddr_storage address = {0};
    const struct sockaddr_in *in = (const void *)&address;
    const struct sockaddr_in6 *in6 = (const void *)&address;
    struct lk_str from = {0};

    (void)h2o_socket_getpeername(lk_http_connection(req)->sock, (void *)&address);
    if (address.ss_family == AF_INET)
        from = lk_str_n((const char *)&in->sin_addr, 4);
    else if (address.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        from = lk_str_n((const char *)&in6->sin6_addr + 12, 4);
    else if (address.ss_family == AF_INET6)
        from = lk_str_n((const char *)&in6->sin6_addr, 8);
    return lk_arena_str(arena, from);
}

struct lk_str lk_http_request_id(struct lk_http_server *server, h2o_req_t *req,
                                 struct lk_arena *arena)
{
    struct lk_str id = lk_http_header(req, LK_STR("x-request-id"));
    h2o_iovec_t copy;

    id = mcp_is_request_id(id) ? lk_arena_str(arena, id)
                               : mcp_make_request_id(arena, &server->random);
    copy = h2o_strdup(&req->pool, id.ptr, id.len);
    lk_http_add_header(req, LK_STR("x-request-id"), lk_str_n(copy.base, copy.len));
    return id;
}

struct lk_str lk_http_client(struct lk_arena *arena, h2o_req_t *req)
{
    struct sockaddr_storage address = {0};
    socklen_t len = h2o_socket_getpeername(lk_http_connection(req)->sock, (void *)&address);
    char text[INET6_ADDRSTRLEN];

    if (getnameinfo((const void *)&address, len, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
        return (struct lk_str){0};
    return lk_arena_str(arena, lk_str(text));
}
