/*
 * GET /export/LINK: a file, from a call that sends it piece by piece (mcp_server_download). Called
 * by http_routes.c.
 *
 * A piece is handed to h2o, and the call waits until the kernel has taken it; meanwhile the call
 * fetches nothing. So a slow client costs one piece of memory, and it may be slow, but not stand
 * still: after STALL_MS without having taken a piece its connection is ended.
 *
 *     call ──send_head──> headers ──send──> h2o ──proceed──> the call goes on ──reply──> last chunk
 *                                             └─ an error after the headers: the connection
 *                                                breaks, so that the file is not taken for whole
 */
#include "transport/http_internal.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#define STALL_MS 60000
#define PREFIX "/export/"

struct export
{
    h2o_generator_t generator; /* first: h2o hands it back */
    struct lk_http_server *server;
    struct lk_arena *arena; /* this struct lives in it as well */
    int holders;            /* h2o's request, the core */
    h2o_req_t *req;         /* NULL: disposed of */
    struct mcp_call *call;  /* NULL: none, or it has replied */
    struct mcp_peer peer;
    const struct mcp_caller *caller; /* or NULL */
    struct lk_http_headers headers;
    bool replied, begun, busy; /* busy: h2o has a piece */
    struct lk_co *waiting;     /* for it to be taken */
    struct lk_timer stall;
    struct lk_watch hangup;
    bool watching;
};

static void release(struct export *export)
{
    if (--export->holders == 0)
        lk_arena_free(export->arena);
}

static struct lk_str on_header(void *arg, struct lk_str name)
{
    struct export *export = arg;

    return lk_http_headers_get(&export->headers, name);
}

static struct lk_str on_from(void *arg)
{
    struct export *export = arg;

    return export->req != NULL ? lk_http_from(export->arena, export->req) : (struct lk_str){0};
}

static void on_demand_scope(void *arg, struct lk_str scope)
{
    struct export *export = arg;

    if (export->req != NULL && !export->begun)
        lk_http_demand_scope(export->server, export->req, export->caller, scope);
}

static void on_refuse_caller(void *arg)
{
    struct export *export = arg;

    if (export->req != NULL && !export->begun)
        lk_http_challenge_token(export->server, export->req, "the token is good no more");
}

/* ---- sending ---- */

static void wake(struct export *export)
{
    lk_timer_stop(export->server->options.loop, &export->stall);
    if (export->waiting != NULL)
        lk_co_wake(export->waiting);
}

static void on_taken(h2o_generator_t *generator, h2o_req_t *req)
{
    struct export *export = (struct export *)generator;

    (void)req;
    export->busy = false;
    wake(export);
}

/* h2o closes a connection that it cannot write to. */
static void break_off(struct export *export)
{
    if (export->req != NULL)
        shutdown(h2o_socket_get_fd(lk_http_connection(export->req)->sock), SHUT_RDWR);
}

static void on_stall(void *arg)
{
    struct export *export = arg;

    lk_log_info(export->server->options.log, "http.export_stalled",
                lk_log_int("seconds", STALL_MS / 1000));
    break_off(export);
}

static bool fail_gone(struct lk_error *err)
{
    return lk_fail(err, LK_ERROR_CANCELLED, "the client is gone");
}

static bool on_send_head(void *arg, struct lk_str content_type, struct lk_str name,
                         struct lk_error *err)
{
    struct export *export = arg;
    h2o_req_t *req = export->req;
    struct lk_str disposition;

    if (req == NULL)
        return fail_gone(err);
    disposition = lk_arena_printf(export->arena, "attachment; filename=\"%.*s\"", LK_STR_ARG(name));
    export->begun = true;
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = SIZE_MAX;
    lk_http_add_header(req, LK_STR("content-type"), lk_arena_str(export->arena, content_type));
    lk_http_add_header(req, LK_STR("content-disposition"), disposition);
    lk_http_add_header(req, LK_STR("cache-control"), LK_STR("no-store"));
    lk_http_add_header(req, LK_STR("x-accel-buffering"), LK_STR("no"));
    /* Before HTTP/1.1 the end of the connection is the end of the file. */
    if (export->server->stopping || req->version < 0x101)
        req->http1_is_persistent = 0;
    lk_http_count(export->server, 200);
    h2o_start_response(req, &export->generator);
    return true;
}

static bool on_send(void *arg, struct lk_str bytes, struct lk_error *err)
{
    struct export *export = arg;
    struct lk_loop *loop = export->server->options.loop;
    struct lk_co *self = lk_co_self(loop);
    h2o_iovec_t piece = {.base = (char *)(uintptr_t)bytes.ptr, .len = bytes.len};

    if (export->req == NULL || lk_co_cancelled(self))
        return fail_gone(err);
    export->busy = true;
    lk_timer_start(loop, &export->stall, STALL_MS);
    h2o_send(export->req, &piece, 1, H2O_SEND_STATE_IN_PROGRESS);
    export->waiting = self;
    /* Also when it was cancelled: h2o still has the bytes. */
    while (export->busy && export->req != NULL) {
        if (lk_co_cancelled(self))
            break_off(export);
        lk_co_park(loop);
    }
    export->waiting = NULL;
    return (export->req != NULL && !lk_co_cancelled(self)) || fail_gone(err);
}

/* ---- the two ends ---- */

static void stop_watching(struct export *export)
{
    if (!export->watching)
        return;
    export->watching = false;
    lk_loop_unwatch(export->server->options.loop, &export->hangup);
}

static void end(h2o_req_t *req)
{
    lk_http_connection_answered(lk_http_connection(req), 0);
    h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
}

static void on_reply(void *arg, int http_status, struct lk_buf *body)
{
    struct export *export = arg;
    struct lk_http_server *server = export->server;
    h2o_req_t *req = export->req;

    export->replied = true;
    server->n_open--;
    export->call = NULL;
    stop_watching(export);
    if (req == NULL)
        ; /* nobody is there to hear of it */
    else if (!export->begun && body->len != 0)
        lk_http_respond(req, http_status, lk_buf_view(body));
    else if (!export->begun)
        lk_http_abort(req);
    else if (http_status == 200)
        end(req);
    else
        lk_http_break(req);
    release(export);
    lk_http_check_stopped(server);
}

static void on_disposed(void *arg)
{
    struct export *export = arg;

    stop_watching(export);
    export->req = NULL;
    wake(export);
    if (export->call != NULL)
        mcp_call_cancel(export->call);
    release(export);
}

/* While the call waits for Looker nothing is written, so h2o would not notice that the client has
 * gone. */
static void on_hangup(void *arg, uint32_t events)
{
    struct export *export = arg;

    (void)events;
    stop_watching(export);
    if (export->call != NULL)
        mcp_call_cancel(export->call);
}

static void watch_client(struct export *export)
{
    struct connection *connection = lk_http_connection(export->req);

    if (connection->no_more) /* by us: it would look as if the client had gone */
        return;
    export->hangup = (struct lk_watch){
        .fd = h2o_socket_get_fd(connection->sock), .ready = on_hangup, .arg = export};
    export->watching =
        lk_loop_watch(export->server->options.loop, &export->hangup, EPOLLRDHUP, NULL);
}

bool lk_http_is_export(struct lk_str path)
{
    return lk_str_starts(path, LK_STR(PREFIX));
}

void lk_http_export_get(struct lk_http_server *server, h2o_req_t *req, struct lk_arena *arena,
                        const struct mcp_caller *caller)
{
    struct export *export = lk_arena_new_object(arena, struct export);
    struct lk_str path = {req->path.base,
                          req->query_at == SIZE_MAX ? req->path.len : req->query_at};
    struct lk_str link = lk_str_n(path.ptr + sizeof(PREFIX) - 1, path.len - sizeof(PREFIX) + 1);
    struct lk_buf arguments;
    struct lk_json_writer w = lk_json_writer(&arguments);
    struct mcp_call *call;

    *export = (struct export){
        .generator = {.proceed = on_taken},
        .server = server,
        .arena = arena,
        .holders = 3, /* and this function */
        .req = req,
        .peer = {.http = true},
        .caller = caller,
        .stall = lk_timer(on_stall, export),
    };
    server->n_open++;
    lk_http_on_dispose(req, on_disposed, export);
    lk_http_headers_copy(&export->headers, arena, server, req);
    lk_buf_init(&arguments, 8 * req->path.len + 64);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "link", link);
    lk_json_end_object(&w);
    mcp_server_download(server->options.server,
                        &(struct mcp_inbound){
                            .peer = &export->peer,
                            .header = on_header,
                            .request_id = lk_http_request_id(server, req, arena),
                            .from = on_from,
                            .caller = caller,
                            .demand_scope = on_demand_scope,
                            .refuse_caller = on_refuse_caller,
                            .reply = on_reply,
                            .send_head = on_send_head,
                            .send = on_send,
                            .arg = export,
                        },
                        lk_buf_view(&arguments), &call);
    lk_buf_free(&arguments);
    if (!export->replied && call != NULL) {
        export->call = call;
        watch_client(export);
    }
    release(export);
}
