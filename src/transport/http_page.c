/*
 * GET / and GET /page.css: what is for people, written by the assembly (options.page). The page
 * tells the verdict of /readyz, so it may have to wait for it. Called by http_routes.c.
 */
#include "transport/http_internal.h"

#define MAX_PAGE_BYTES ((size_t)4 * 1024 * 1024)

/* No script runs, nothing is loaded from elsewhere, and no other site frames it. */
static void add_policy(h2o_req_t *req)
{
    lk_http_add_header(req, LK_STR("content-security-policy"),
                       LK_STR("default-src 'none'; style-src 'self'; img-src data:; "
                              "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"));
    lk_http_add_header(req, LK_STR("x-content-type-options"), LK_STR("nosniff"));
    lk_http_add_header(req, LK_STR("referrer-policy"), LK_STR("no-referrer"));
}

/* What the reader's browser calls this server. It is copied into a shell, so it may have no other
 * characters than a host and a port have. */
static struct lk_str host_of(struct lk_http_server *server, h2o_req_t *req)
{
    static const struct lk_str allowed =
        LK_STR_INIT("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:[]");
    h2o_iovec_t named = req->input.authority;
    struct lk_str host = lk_str_n(named.base, named.len);
    char *own;

    if (named.base == (*req->conn->hosts)->authority.hostport.base) /* h2o's, for want of one */
        host.len = 0;
    for (size_t i = 0; i < host.len; i++) {
        if (memchr(allowed.ptr, host.ptr[i], allowed.len) == NULL)
            host.len = 0;
    }
    if (host.len > 0)
        return host;
    own = h2o_mem_alloc_pool(&req->pool, 32);
    return lk_str_n(own, (size_t)snprintf(own, 32, "127.0.0.1:%u", lk_http_server_port(server)));
}

static void free_page(void *arg)
{
    lk_buf_free(arg);
}

static void answer(struct lk_http_server *server, h2o_req_t *req)
{
    struct lk_buf *out = h2o_mem_alloc_pool(&req->pool, sizeof(*out));
    struct lk_http_page_facts facts = {
        .ready = server->readiness.ok,
        .trouble = server->readiness.kind,
        .tls = req->scheme == &H2O_URL_SCHEME_HTTPS,
        .host = host_of(server, req),
    };

    lk_buf_init(out, MAX_PAGE_BYTES);
    lk_http_on_dispose(req, free_page, out);
    server->options.page(server->options.page_arg, &facts, out);
    add_policy(req);
    lk_http_respond_as(req, 200, LK_STR("text/html; charset=utf-8"), lk_buf_view(out));
}

void lk_http_page_get(struct lk_http_server *server, h2o_req_t *req)
{
    lk_http_when_ready_is_known(server, req, answer);
}

void lk_http_style_get(struct lk_http_server *server, h2o_req_t *req)
{
    add_policy(req);
    lk_http_respond_as(req, 200, LK_STR("text/css; charset=utf-8"), server->options.page_style);
}
