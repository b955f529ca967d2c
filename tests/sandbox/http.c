/*
 * Between h2o and the sandbox: a request becomes a struct sb_request, the answer is sent whole, in
 * pieces as they are made, late, dripping, or cut off.
 *
 *     on_request ── sb_handle ── (delay) ── start ── send ── proceed ── send … ── end or cut
 *
 * Everything hangs off the request's own pool, so a client that goes away takes it along.
 */
#include "server.h"

#include <sys/socket.h>

#define DRIP_BYTES 64

struct handler {
    h2o_handler_t super;
    struct sb *sb;
};

struct exchange {
    h2o_generator_t super; /* first */
    h2o_req_t *req;
    struct sb_worker *worker;
    struct lk_arena *arena;
    struct sb_answer answer;
    struct sb_sending sending;
    struct lk_buf piece;
    struct lk_str ready; /* made, not yet sent */
    bool more;           /* the stream has more */
    bool started;
    int64_t left_to_cut; /* -1: no cut */
    h2o_timeout_entry_t timer;
    uint64_t due_ms;
};

static void dispose(void *arg)
{
    struct exchange *x = arg;

    if (h2o_timeout_is_linked(&x->timer))
        h2o_timeout_unlink(&x->timer);
    lk_buf_free(&x->piece);
    lk_arena_free(x->arena);
}

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } table[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Entity"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].status == status)
            return table[i].reason;
    return "Status";
}

/* ---- sending ---- */

static void cut_connection(struct exchange *x)
{
    h2o_socket_t *socket = x->req->conn->callbacks->get_socket(x->req->conn);

    shutdown(h2o_socket_get_fd(socket), SHUT_RDWR);
}

static void refill(struct exchange *x)
{
    if (x->ready.len > 0 || !x->more)
        return;
    lk_buf_truncate(&x->piece, 0);
    x->more = x->answer.stream->next(x->answer.stream, &x->piece);
    x->ready = lk_buf_view(&x->piece);
}

static void send_some(struct exchange *x)
{
    h2o_send_state_t state = H2O_SEND_STATE_IN_PROGRESS;
    h2o_iovec_t vec;
    size_t n;

    refill(x);
    n = x->ready.len;
    if (x->sending.drip_ms >= 0 && n > DRIP_BYTES)
        n = DRIP_BYTES;
    if (x->left_to_cut >= 0 && (int64_t)n > x->left_to_cut)
        n = (size_t)x->left_to_cut;
    if (x->left_to_cut == 0) {
        cut_connection(x);
        h2o_send(x->req, NULL, 0, H2O_SEND_STATE_ERROR);
        return;
    }
    if (x->left_to_cut > 0)
        x->left_to_cut -= (int64_t)n;
    vec = h2o_iovec_init(x->ready.ptr, n);
    x->ready = lk_str_n(x->ready.ptr + n, x->ready.len - n);
    if (x->ready.len == 0 && !x->more && x->left_to_cut < 0)
        state = H2O_SEND_STATE_FINAL;
    if (x->ready.len == 0 && !x->more && x->left_to_cut > 0)
        x->left_to_cut = 0; /* shorter than the cut: it ends without being complete */
    h2o_send(x->req, &vec, 1, state);
}

static void wait_ms(struct exchange *x, int64_t ms)
{
    x->due_ms = sb_now_ms() + (uint64_t)ms;
    h2o_timeout_link(x->worker->context.loop, &x->worker->tick, &x->timer);
}

static void proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    struct exchange *x = (struct exchange *)generator;

    (void)req;
    if (x->sending.drip_ms > 0 && !x->worker->stopping)
        wait_ms(x, x->sending.drip_ms);
    else
        send_some(x);
}

static void add_headers(struct exchange *x)
{
    h2o_req_t *req = x->req;

    if (x->answer.content_type != NULL)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                       x->answer.content_type, strlen(x->answer.content_type));
    for (size_t i = 0; i < x->answer.n_headers; i++)
        h2o_add_header_by_str(&req->pool, &req->res.headers, x->answer.headers[i].name.ptr,
                              x->answer.headers[i].name.len, 1, NULL,
                              x->answer.headers[i].value.ptr, x->answer.headers[i].value.len);
}

static void start(struct exchange *x)
{
    x->started = true;
    x->left_to_cut = x->sending.cut_after_bytes;
    x->req->res.status = x->answer.status;
    x->req->res.reason = reason(x->answer.status);
    add_headers(x);
    x->more = x->answer.stream != NULL;
    if (x->more)
        refill(x);
    else
        x->ready = x->answer.body;
    if (!x->more)
        x->req->res.content_length = x->ready.len;
    if (x->left_to_cut == 0)
        cut_connection(x);
    x->super.proceed = proceed;
    h2o_start_response(x->req, &x->super);
    send_some(x);
}

static void on_tick(h2o_timeout_entry_t *entry)
{
    struct exchange *x = H2O_STRUCT_FROM_MEMBER(struct exchange, timer, entry);

    if (sb_now_ms() < x->due_ms && !x->worker->stopping) {
        h2o_timeout_link(x->worker->context.loop, &x->worker->tick, &x->timer);
        return;
    }
    if (x->started)
        send_some(x);
    else
        start(x);
}

/* ---- receiving ---- */

static void read_request(struct exchange *x, struct sb_request *rq, struct sb *sb)
{
    h2o_req_t *req = x->req;
    size_t path_len = req->query_at != SIZE_MAX ? req->query_at : req->path.len;
    struct sb_header *headers =
        lk_arena_array(x->arena, req->headers.size + 1, sizeof(struct sb_header));

    rq->sb = sb;
    rq->arena = x->arena;
    rq->method = lk_str_n(req->method.base, req->method.len);
    rq->path = lk_str_n(req->path.base, path_len);
    if (path_len < req->path.len)
        rq->query = lk_str_n(req->path.base + path_len + 1, req->path.len - path_len - 1);
    if (req->entity.base != NULL)
        rq->body = lk_str_n(req->entity.base, req->entity.len);
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];

        headers[i].name = lk_str_n(header->name->base, header->name->len);
        headers[i].value = lk_str_n(header->value.base, header->value.len);
    }
    rq->headers = headers;
    rq->n_headers = req->headers.size;
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    struct sb *sb = ((struct handler *)self)->sb;
    struct exchange *x = h2o_mem_alloc_shared(&req->pool, sizeof(*x), dispose);
    struct sb_request rq = {0};

    *x = (struct exchange){.req = req, .arena = lk_arena_new()};
    x->worker = H2O_STRUCT_FROM_MEMBER(struct sb_worker, context, req->conn->ctx);
    x->timer.cb = on_tick;
    lk_buf_init(&x->piece, SB_MAX_TEXT_BYTES);
    read_request(x, &rq, sb);
    if (sb->options.threads > 1)
        pthread_mutex_lock(&sb->lock);
    sb_handle(&rq, &x->answer, &x->sending);
    if (sb->options.threads > 1)
        pthread_mutex_unlock(&sb->lock);
    if (x->sending.delay_ms > 0)
        wait_ms(x, x->sending.delay_ms);
    else
        start(x);
    return 0;
}

void sb_http_register(h2o_globalconf_t *config, struct sb *sb)
{
    h2o_hostconf_t *host =
        h2o_config_register_host(config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    struct handler *handler = (struct handler *)h2o_create_handler(path, sizeof(struct handler));

    handler->super.on_req = on_request;
    handler->sb = sb;
}
