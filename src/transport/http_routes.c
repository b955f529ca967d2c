/*
 * From a request to its route, and what every answer has in common. h2o's own error pages (413,
 * broken requests), which it sends before any handler sees the request, are made JSON here as well.
 * Called by h2o.
 */
#include "transport/http_internal.h"

#include "json/write.h"

#include <fcntl.h>
#include <poll.h>

/* ---- answers ---- */

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

#define N_REASONS (sizeof(reasons) / sizeof(reasons[0]))
static_assert(N_REASONS < LK_HTTP_MAX_STATUSES, "there is no counter for the last");

static size_t index_of(int status)
{
    size_t i = 0;

    while (i < N_REASONS && reasons[i].status != status)
        i++;
    return i;
}

static const char *reason_of(int status)
{
    size_t i = index_of(status);

    return i < N_REASONS ? reasons[i].reason : "Unknown";
}

int lk_http_status(size_t i)
{
    return i < N_REASONS ? reasons[i].status : 0;
}

void lk_http_count(struct lk_http_server *server, int status)
{
    atomic_fetch_add_explicit(&server->responses[index_of(status)], 1, memory_order_relaxed);
}

uint64_t lk_http_server_responses(const struct lk_http_server *server, size_t i)
{
    return atomic_load_explicit(&((struct lk_http_server *)server)->responses[i],
                                memory_order_relaxed);
}

struct lk_str lk_http_header(h2o_req_t *req, struct lk_str name)
{
    struct lk_str joined = {0};

    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        struct lk_str value;
        char *both;

        if (!lk_str_ieq(lk_str_n(header->name->base, header->name->len), name))
            continue;
        value = lk_str_trim(lk_str_n(header->value.base, header->value.len));
        if (joined.ptr == NULL) {
            joined = value;
            continue;
        }
        both = h2o_mem_alloc_pool(&req->pool, joined.len + 2 + value.len);
        memcpy(both, joined.ptr, joined.len);
        memcpy(both + joined.len, ", ", 2);
        memcpy(both + joined.len + 2, value.ptr, value.len);
        joined = lk_str_n(both, joined.len + 2 + value.len);
    }
    return joined;
}

void lk_http_add_header(h2o_req_t *req, struct lk_str name, struct lk_str value)
{
    h2o_add_header_by_str(&req->pool, &req->res.headers, name.ptr, name.len, 1, NULL, value.ptr,
                          value.len);
}

void lk_http_respond_as(h2o_req_t *req, int status, struct lk_str type, struct lk_str body)
{
    static h2o_generator_t generator = {NULL, NULL};
    h2o_iovec_t bytes = {.base = (char *)(uintptr_t)body.ptr, .len = body.len};
    bool head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));

    req->res.status = status;
    req->res.reason = reason_of(status);
    req->res.content_length = status == 204 ? SIZE_MAX : body.len;
    if (body.len != 0) {
        lk_http_add_header(req, LK_STR("content-type"), type);
        lk_http_add_header(req, LK_STR("cache-control"), LK_STR("no-store"));
    }
    if (lk_http_connection(req)->server->stopping)
        req->http1_is_persistent = 0;
    lk_http_count(lk_http_connection(req)->server, status);
    lk_http_connection_answered(lk_http_connection(req), body.len);
    h2o_start_response(req, &generator);
    h2o_send(req, &bytes, body.len == 0 || head ? 0 : 1, H2O_SEND_STATE_FINAL);
}

void lk_http_respond_borrow(h2o_req_t *req, int status, struct lk_str body)
{
    lk_http_respond_as(req, status, LK_STR("application/json"), body);
}

void lk_http_respond(h2o_req_t *req, int status, struct lk_str body)
{
    char *copy = h2o_mem_alloc_pool(&req->pool, body.len + 1);

    if (body.len != 0)
        memcpy(copy, body.ptr, body.len);
    lk_http_respond_borrow(req, status, lk_str_n(copy, body.len));
}

/* Into the request's pool. */
static struct lk_str refusal(h2o_req_t *req, const char *message)
{
    struct lk_buf out;
    char *copy;
    size_t len;

    lk_buf_init(&out, 4096);
    lk_buf_lit(&out, "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"");
    lk_json_escape(&out, lk_str(message));
    lk_buf_lit(&out, "\"}}");
    len = out.len;
    copy = h2o_mem_alloc_pool(&req->pool, len + 1);
    memcpy(copy, out.ptr, len);
    lk_buf_free(&out);
    return lk_str_n(copy, len);
}

void lk_http_refuse(h2o_req_t *req, int status, const char *message)
{
    lk_http_respond_borrow(req, status, refusal(req, message));
}

struct dispose_hook {
    void (*fn)(void *arg);
    void *arg;
};

static void run_dispose_hook(void *memory)
{
    struct dispose_hook *hook = memory;

    hook->fn(hook->arg);
}

void lk_http_on_dispose(h2o_req_t *req, void (*fn)(void *arg), void *arg)
{
    struct dispose_hook *hook = h2o_mem_alloc_shared(&req->pool, sizeof(*hook), run_dispose_hook);

    *hook = (struct dispose_hook){fn, arg};
}

/* ---- routes ---- */

#define NO_SUCH_PATH "no such path; MCP is at /mcp"

static void refuse_method(h2o_req_t *req, struct lk_str allow)
{
    lk_http_add_header(req, LK_STR("allow"), allow);
    lk_http_refuse(req, 405, "this path does not have that method; see the Allow header");
}

/* What a browser asks before it lets a page of an allowed origin call. */
static void answer_preflight(h2o_req_t *req, struct lk_str methods)
{
    struct lk_str wanted = lk_http_header(req, LK_STR("access-control-request-headers"));

    lk_http_add_header(req, LK_STR("access-control-allow-methods"), methods);
    if (wanted.len != 0)
        lk_http_add_header(req, LK_STR("access-control-allow-headers"), wanted);
    lk_http_add_header(req, LK_STR("access-control-max-age"), LK_STR("600"));
    lk_http_respond(req, 204, (struct lk_str){0});
}

static bool is_json(h2o_req_t *req)
{
    struct lk_str type = lk_http_header(req, LK_STR("content-type"));

    return lk_str_ieq(lk_str_trim(lk_str_take(&type, ';')), LK_STR("application/json"));
}

static bool is_method(h2o_req_t *req, struct lk_str method)
{
    return lk_str_eq(lk_str_n(req->method.base, req->method.len), method);
}

static void on_admitted(struct lk_http_server *server, h2o_req_t *req, struct lk_arena *arena,
                        const struct mcp_caller *caller)
{
    if (is_method(req, LK_STR("POST")) && is_json(req) &&
        req->entity.len <= server->options.max_body_bytes) {
        lk_http_mcp_post(server, req, arena, caller);
        return;
    }
    lk_arena_free(arena);
    if (!is_method(req, LK_STR("POST")))
        refuse_method(req, LK_STR("POST"));
    else if (!is_json(req))
        lk_http_refuse(req, 415, "the body must be JSON, with Content-Type: application/json");
    else
        lk_http_refuse(req, 413, "the body is too large");
}

static void route_mcp(struct lk_http_server *server, h2o_req_t *req)
{
    if (!lk_http_guard_place(server, req))
        return;
    if (is_method(req, LK_STR("OPTIONS")) && lk_http_header(req, LK_STR("origin")).len != 0)
        answer_preflight(req, LK_STR("POST, OPTIONS"));
    else
        lk_http_admit(server, req, on_admitted);
}

static void route_export(struct lk_http_server *server, h2o_req_t *req)
{
    if (!lk_http_guard_place(server, req))
        return;
    if (is_method(req, LK_STR("GET")))
        lk_http_admit(server, req, lk_http_export_get);
    else if (is_method(req, LK_STR("OPTIONS")) && lk_http_header(req, LK_STR("origin")).len != 0)
        answer_preflight(req, LK_STR("GET, OPTIONS"));
    else
        refuse_method(req, LK_STR("GET"));
}

static bool is_read(h2o_req_t *req)
{
    return is_method(req, LK_STR("GET")) || is_method(req, LK_STR("HEAD"));
}

static void route_health(struct lk_http_server *server, h2o_req_t *req)
{
    (void)server;
    if (is_read(req))
        lk_http_respond(req, 200, LK_STR("{\"status\":\"ok\"}"));
    else
        refuse_method(req, LK_STR("GET, HEAD"));
}

static void route_ready(struct lk_http_server *server, h2o_req_t *req)
{
    if (is_read(req))
        lk_http_ready_get(server, req);
    else
        refuse_method(req, LK_STR("GET, HEAD"));
}

static void route_metadata(struct lk_http_server *server, h2o_req_t *req)
{
    if (is_read(req)) {
        lk_http_metadata_get(server, req);
    } else if (is_method(req, LK_STR("OPTIONS"))) {
        lk_http_add_header(req, LK_STR("access-control-allow-origin"), LK_STR("*"));
        answer_preflight(req, LK_STR("GET, HEAD, OPTIONS"));
    } else {
        refuse_method(req, LK_STR("GET, HEAD, OPTIONS"));
    }
}

static void route_introspect(struct lk_http_server *server, h2o_req_t *req)
{
    if (is_read(req))
        lk_http_introspect_get(server, req);
    else
        refuse_method(req, LK_STR("GET, HEAD"));
}

static void route_for_people(struct lk_http_server *server, h2o_req_t *req,
                             void (*get)(struct lk_http_server *server, h2o_req_t *req))
{
    if (server->options.page == NULL)
        lk_http_refuse(req, 404, NO_SUCH_PATH);
    else if (!is_read(req))
        refuse_method(req, LK_STR("GET, HEAD"));
    else if (lk_http_guard_place(server, req))
        get(server, req);
}

static void route_page(struct lk_http_server *server, h2o_req_t *req)
{
    route_for_people(server, req, lk_http_page_get);
}

static void route_style(struct lk_http_server *server, h2o_req_t *req)
{
    route_for_people(server, req, lk_http_style_get);
}

static void route_metrics(struct lk_http_server *server, h2o_req_t *req)
{
    if (server->options.metrics == NULL)
        lk_http_refuse(req, 404, "no metrics here: set LOOKER_METRICS_TOKEN");
    else if (is_read(req))
        lk_http_metrics_get(server, req);
    else
        refuse_method(req, LK_STR("GET, HEAD"));
}

static const struct {
    struct lk_str path;
    void (*run)(struct lk_http_server *server, h2o_req_t *req);
} routes[] = {
    {LK_STR_INIT("/mcp"), route_mcp},
    {LK_STR_INIT("/mcp/"), route_mcp},
    {LK_STR_INIT("/healthz"), route_health},
    {LK_STR_INIT("/readyz"), route_ready},
    {LK_STR_INIT("/_introspect"), route_introspect},
    {LK_STR_INIT("/metrics"), route_metrics},
    {LK_STR_INIT("/"), route_page},
    {LK_STR_INIT("/page.css"), route_style},
};

struct handler {
    h2o_handler_t super;
    struct lk_http_server *server;
};

static void on_answered(void *arg)
{
    struct connection *connection = arg;

    connection->next_request = NULL;
    lk_http_connection_rest(connection);
    lk_http_head_watch_soon(connection);
    if (connection->server->stopping) /* begun before, the answer promised to keep the connection */
        lk_http_read_no_more(connection);
}

/* Closing while the client still sends would reset the connection and take the answer with it. */
static void drain_afterwards(struct connection *connection)
{
    connection->drain_fd = fcntl(h2o_socket_get_fd(connection->sock), F_DUPFD_CLOEXEC, 3);
}

static void refuse_head(struct lk_http_server *server, h2o_req_t *req)
{
    drain_afterwards(lk_http_connection(req));
    req->http1_is_persistent = 0;
    if (lk_http_connection(req)->token_too_large &&
        (server->options.auth != NULL || server->options.auth_token.len != 0))
        lk_http_refuse_token(server, req, "the token is too long");
    else
        lk_http_refuse(req, 431,
                       "the headers of the request are more than 100, or larger than 65536 bytes, "
                       "the limits");
}

static void route(struct lk_http_server *server, h2o_req_t *req)
{
    struct lk_str path = {req->path.base,
                          req->query_at == SIZE_MAX ? req->path.len : req->query_at};

    if (lk_http_connection(req)->head_too_large) {
        refuse_head(server, req);
        return;
    }
    if (!lk_http_guard_framing(req) ||
        (server->options.auth != NULL && !lk_http_guard_query(server, req)))
        return;
    if (lk_http_is_metadata(server, path)) {
        route_metadata(server, req);
        return;
    }
    if (lk_http_is_export(path)) {
        route_export(server, req);
        return;
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (lk_str_eq(path, routes[i].path)) {
            routes[i].run(server, req);
            return;
        }
    }
    lk_http_refuse(req, 404, NO_SUCH_PATH);
}

/* Of requests that came together each waits for a turn of the loop of its own. h2o would have all
 * of them answered before it looks at another connection, and also when the answer before could not
 * be written since nobody is there any more. */
static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    struct connection *connection = lk_http_connection(req);

    lk_http_connection_begin(connection);
    lk_http_on_dispose(req, on_answered, connection);
    if (connection->watching_soon) /* nothing has been read since the answer before */
        connection->next_request = req;
    else
        route(((struct handler *)handler)->server, req);
    return 0;
}

static bool is_gone(const struct connection *connection)
{
    struct pollfd fd = {.fd = h2o_socket_get_fd(connection->sock)};

    return poll(&fd, 1, 0) > 0; /* an error, or both directions are shut down */
}

void lk_http_route_next(struct connection *connection)
{
    h2o_req_t *req = connection->next_request;

    if (req == NULL)
        return;
    connection->next_request = NULL;
    if (is_gone(connection))
        lk_http_abort(req);
    else
        route(connection->server, req);
}

/* ---- h2o's own errors ---- */

struct error_filter {
    h2o_filter_t super;
    struct lk_http_server *server;
};

struct error_stream {
    h2o_ostream_t super;
    struct lk_str body;
};

static void send_error_body(h2o_ostream_t *stream, h2o_req_t *req, h2o_iovec_t *bufs, size_t n,
                            h2o_send_state_t state)
{
    struct error_stream *self = (struct error_stream *)stream;
    h2o_iovec_t body = {.base = (char *)(uintptr_t)self->body.ptr, .len = self->body.len};

    (void)bufs;
    (void)n;
    h2o_ostream_send_next(stream, req, &body, 1, state);
}

static void on_error_setup(h2o_filter_t *filter, h2o_req_t *req, h2o_ostream_t **slot)
{
    struct lk_http_server *server = ((struct error_filter *)filter)->server;
    struct connection *connection = lk_http_connection(req);
    struct error_stream *stream =
        (struct error_stream *)h2o_add_ostream(req, sizeof(*stream), slot);
    char text[200];

    if (req->res.status == 413) {
        snprintf(text, sizeof(text),
                 "the request body is larger than %zu bytes, the limit (%s); send less",
                 server->options.max_body_bytes, server->options.max_body_name);
        drain_afterwards(connection);
    } else {
        snprintf(text, sizeof(text), "not a request that this server understands: %s",
                 req->res.reason);
    }
    lk_http_count(server, req->res.status);
    lk_http_connection_answered(connection, 0);
    stream->super.do_send = send_error_body;
    stream->body = refusal(req, text);
    memset(&req->res.headers, 0, sizeof(req->res.headers));
    lk_http_add_header(req, LK_STR("content-type"), LK_STR("application/json"));
    req->res.content_length = stream->body.len;
    h2o_setup_next_ostream(req, slot);
}

void lk_http_register_routes(struct lk_http_server *server, h2o_hostconf_t *host)
{
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    struct handler *handler = (struct handler *)h2o_create_handler(path, sizeof(*handler));
    struct error_filter *filter =
        (struct error_filter *)h2o_create_filter(&host->fallback_path, sizeof(*filter));

    handler->super.on_req = on_request;
    handler->server = server;
    filter->super.on_setup_ostream = on_error_setup;
    filter->server = server;
}
