/*
 * POST /mcp: the exchange between h2o's request and the MCP core. Called by http_routes.c.
 *
 * Either side may end first. h2o's request goes when its connection breaks; the core's call goes
 * when the tool has returned. So the exchange is a record of its own, held by both:
 *
 *     h2o request <── req ── exchange ── call ──> mcp call
 *        └ disposed: req = NULL,             └ reply: call = NULL,
 *          a modern call is cancelled          answer sent, or dropped when req is NULL
 *
 * It has its own copy of the headers that the core and tools may ask for later. The answer is one
 * JSON body, unless the call has something to tell before it, or takes so long that a proxy would
 * think the connection dead: the first notification, or the first silence, makes it a stream.
 */
#include "transport/http_internal.h"

#include <sys/epoll.h>
#include <sys/socket.h>

struct exchange {
    struct lk_http_server *server;
    struct lk_arena *arena; /* this struct lives in it as well */
    int holders;            /* h2o's request, the core */
    h2o_req_t *req;         /* NULL: disposed of */
    struct mcp_call *call;  /* NULL: none, or it has replied */
    bool replied, dropped;
    struct mcp_peer peer;
    const struct mcp_caller *caller; /* or NULL */
    struct lk_http_headers headers;
    struct lk_buf body;           /* the answer, until h2o has sent it */
    struct lk_http_stream stream; /* begun by the first notification, or by `silence` */
    struct lk_timer silence;      /* of clients that take a stream */
    struct lk_watch hangup;
    bool watching;
};

static void release(struct exchange *exchange)
{
    if (--exchange->holders != 0)
        return;
    lk_buf_free(&exchange->body);
    lk_arena_free(exchange->arena);
}

static struct lk_str on_header(void *arg, struct lk_str name)
{
    const struct exchange *exchange = arg;

    return lk_http_headers_get(&exchange->headers, name);
}

static struct lk_str on_from(void *arg)
{
    struct exchange *exchange = arg;

    return exchange->req != NULL ? lk_http_from(exchange->arena, exchange->req)
                                 : (struct lk_str){0};
}

/* ---- the two ends ---- */

static void stop_watching(struct exchange *exchange)
{
    if (!exchange->watching)
        return;
    exchange->watching = false;
    lk_loop_unwatch(exchange->server->options.loop, &exchange->hangup);
}

static void on_notify(void *arg, struct lk_str message)
{
    struct exchange *exchange = arg;

    if (exchange->req == NULL || exchange->dropped || exchange->replied)
        return;
    if (exchange->stream.req == NULL)
        lk_http_stream_begin(&exchange->stream, exchange->server, exchange->req);
    lk_http_stream_send(&exchange->stream, message);
}

static void on_silence(void *arg)
{
    struct exchange *exchange = arg;

    if (exchange->req == NULL || exchange->dropped || exchange->stream.req != NULL)
        return;
    lk_http_stream_begin(&exchange->stream, exchange->server, exchange->req);
    lk_http_stream_keep_alive(&exchange->stream);
}

static void on_demand_scope(void *arg, struct lk_str scope)
{
    struct exchange *exchange = arg;

    if (exchange->req != NULL && !exchange->dropped && exchange->stream.req == NULL)
        lk_http_demand_scope(exchange->server, exchange->req, exchange->caller, scope);
}

static void on_refuse_caller(void *arg)
{
    struct exchange *exchange = arg;

    if (exchange->req != NULL && !exchange->dropped && exchange->stream.req == NULL)
        lk_http_challenge_token(exchange->server, exchange->req, "the token is good no more");
}

static void on_reply(void *arg, int http_status, struct lk_buf *body)
{
    struct exchange *exchange = arg;
    struct lk_http_server *server = exchange->server;

    exchange->replied = true;
    server->n_open--;
    exchange->call = NULL;
    stop_watching(exchange);
    lk_timer_stop(server->options.loop, &exchange->silence);
    if (exchange->req != NULL && !exchange->dropped) {
        exchange->body = *body;
        *body = (struct lk_buf){0};
        if (exchange->stream.req != NULL)
            lk_http_stream_end(&exchange->stream, lk_buf_view(&exchange->body));
        else
            lk_http_respond_borrow(exchange->req, http_status, lk_buf_view(&exchange->body));
    }
    release(exchange);
    lk_http_check_stopped(server);
}

static void on_disposed(void *arg)
{
    struct exchange *exchange = arg;

    stop_watching(exchange);
    lk_http_stream_clean_up(&exchange->stream);
    lk_http_connection(exchange->req)->exchange = NULL;
    exchange->req = NULL;
    if (exchange->call != NULL && mcp_call_ends_with_client(exchange->call))
        mcp_call_cancel(exchange->call);
    release(exchange);
}

void lk_http_exchange_end_listening(struct exchange *exchange)
{
    if (exchange->call != NULL && mcp_call_is_listening(exchange->call))
        mcp_call_end_listening(exchange->call);
}

void lk_http_exchange_drop(struct exchange *exchange)
{
    stop_watching(exchange);
    if (exchange->replied) { /* the answer is being sent: let that fail */
        shutdown(h2o_socket_get_fd(lk_http_connection(exchange->req)->sock), SHUT_RDWR);
    } else if (!exchange->dropped) {
        exchange->dropped = true;
        if (exchange->stream.req != NULL)
            lk_http_stream_abort(&exchange->stream);
        else
            lk_http_abort(exchange->req);
    }
}

static void on_hangup(void *arg, uint32_t events)
{
    (void)events;
    lk_http_exchange_drop(arg);
}

/*
 * While a call is under way h2o does not read from the connection, so it would not notice that the
 * client has gone. A client that only shuts its sending side down counts as gone as well.
 */
static void watch_client(struct exchange *exchange)
{
    struct connection *connection = lk_http_connection(exchange->req);
    struct lk_error err = {0};

    if (connection->no_more) /* by us: it would look as if the client had gone */
        return;
    exchange->hangup = (struct lk_watch){
        .fd = h2o_socket_get_fd(connection->sock), .ready = on_hangup, .arg = exchange};
    exchange->watching =
        lk_loop_watch(exchange->server->options.loop, &exchange->hangup, EPOLLRDHUP, &err);
    if (!exchange->watching)
        lk_log_warning(exchange->server->options.log, "http.cannot_watch",
                       lk_log_text("error", err.message));
}

/* Until the reply. A batch is more than one call: NULL. */
static void wait_for(struct exchange *exchange, struct mcp_call *call, bool takes_stream)
{
    struct lk_http_server *server = exchange->server;
    struct connection *connection = lk_http_connection(exchange->req);

    exchange->call = call;
    if (call != NULL && mcp_call_is_listening(call)) {
        if (connection->no_more || server->stopping) { /* nobody would end it any more */
            mcp_call_end_listening(call);
            return;
        }
        lk_http_connection_spare(connection);
    }
    if (call != NULL && mcp_call_ends_with_client(call))
        watch_client(exchange);
    if (takes_stream)
        lk_timer_start(server->options.loop, &exchange->silence, server->options.keep_alive_ms);
}

void lk_http_mcp_post(struct lk_http_server *server, h2o_req_t *req, struct lk_arena *arena,
                      const struct mcp_caller *caller)
{
    struct exchange *exchange = lk_arena_new_object(arena, struct exchange);
    struct mcp_inbound inbound = {
        .peer = &exchange->peer,
        .body = {req->entity.base, req->entity.len},
        .header = on_header,
        .from = on_from,
        .caller = caller,
        .origin = lk_http_origin(arena, req),
        .demand_scope = on_demand_scope,
        .refuse_caller = on_refuse_caller,
        .reply = on_reply,
        .notify = lk_http_wants_stream(req) ? on_notify : NULL,
        .arg = exchange,
    };
    struct mcp_call *call;

    server->n_open++;
    exchange->server = server;
    exchange->arena = arena;
    exchange->caller = caller;
    exchange->holders = 3; /* and this function */
    exchange->req = req;
    exchange->peer.http = true;
    exchange->silence = lk_timer(on_silence, exchange);
    lk_http_connection(req)->exchange = exchange;
    lk_http_on_dispose(req, on_disposed, exchange);
    lk_http_headers_copy(&exchange->headers, arena, server, req);
    inbound.request_id = lk_http_request_id(server, req, arena);
    mcp_server_receive(server->options.server, &inbound, &call);
    if (!exchange->replied)
        wait_for(exchange, call, inbound.notify != NULL);
    release(exchange);
}
