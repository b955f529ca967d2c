/*
 * The HTTP server's connections, its start and its end (see http.h). Called by serve.c, and by
 * http_listen.c for each connection that is to be this server's.
 *
 *     listening ──stop──> draining ──grace──> calls cancelled ──CLOSE_MS──> connections cut
 *                            └─────────── no connection left: stopped(arg) ──────────┘
 */
#include "transport/http_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <h2o/version.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLOSE_MS 2000      /* for cancelled calls to answer */
#define DRAIN_IDLE_MS 5000 /* for more of what a client still sends after a 413 to come */
#define DRAIN_MS 60000     /* for all of it */
#define UNACKED_MS 60000   /* a client that reads nothing for so long is gone */
#define UNTAKEN_MS 1000    /* one that has not taken its answer by then is to be ended as idle */

/* ---- connections ---- */

struct connection *lk_http_connection(h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

void lk_http_abort(h2o_req_t *req)
{
    static h2o_generator_t generator = {NULL, NULL};

    /* h2o closes a connection when it cannot write to it. */
    shutdown(h2o_socket_get_fd(lk_http_connection(req)->sock), SHUT_RDWR);
    req->http1_is_persistent = 0;
    req->res.status = 400;
    req->res.reason = "Bad Request";
    req->res.content_length = 0;
    h2o_start_response(req, &generator);
    h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
}

void lk_http_break(h2o_req_t *req)
{
    shutdown(h2o_socket_get_fd(lk_http_connection(req)->sock), SHUT_RDWR);
    req->http1_is_persistent = 0;
    h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
}

void lk_http_read_no_more(struct connection *connection)
{
    if (connection->sock == NULL)
        return;
    /* h2o still gets what the kernel has, then the end, at which it closes. */
    connection->no_more = true;
    shutdown(h2o_socket_get_fd(connection->sock), SHUT_RD);
}

void lk_http_connection_cut(struct connection *connection)
{
    connection->no_more = true;
    shutdown(h2o_socket_get_fd(connection->sock), SHUT_RDWR);
}

/* ---- which are idle ---- */

static void join_idle(struct connection *connection)
{
    struct lk_http_server *server = connection->server;

    if (h2o_linklist_is_linked(&connection->idle))
        return;
    h2o_linklist_insert(&server->idle, &connection->idle);
    atomic_fetch_add(&server->n_idle, 1);
    lk_http_listener_wake(server->listener, server);
}

static void leave_idle(struct connection *connection)
{
    if (!h2o_linklist_is_linked(&connection->idle))
        return;
    h2o_linklist_unlink(&connection->idle);
    atomic_fetch_sub(&connection->server->n_idle, 1);
}

void lk_http_connection_spare(struct connection *connection)
{
    if (!connection->no_more) /* it ends anyway */
        join_idle(connection);
}

void lk_http_connection_renew(struct connection *connection)
{
    leave_idle(connection);
    lk_http_connection_spare(connection);
}

void lk_http_connection_rest(struct connection *connection)
{
    connection->busy = connection->untaken = false;
    lk_http_hold_nothing(connection);
    lk_timer_stop(connection->server->options.loop, &connection->untaken_timer);
    lk_http_connection_renew(connection);
}

void lk_http_connection_begin(struct connection *connection)
{
    connection->busy = true;
    lk_timer_stop(connection->server->options.loop, &connection->untaken_timer);
    leave_idle(connection);
}

static void on_untaken(void *arg)
{
    struct connection *connection = arg;

    if (connection->no_more) {
        lk_http_connection_cut(connection);
        return;
    }
    connection->untaken = true;
    lk_http_connection_spare(connection);
}

static void await_taking(struct connection *connection)
{
    lk_timer_start(connection->server->options.loop, &connection->untaken_timer, UNTAKEN_MS);
}

void lk_http_connection_answered(struct connection *connection, size_t bytes)
{
    lk_http_hold_answer(connection, bytes);
    await_taking(connection);
}

static void end_drain(void *arg);

void lk_http_server_evict(struct lk_http_server *server)
{
    struct connection *longest;

    atomic_fetch_sub(&server->n_leaving, 1);
    if (h2o_linklist_is_empty(&server->idle))
        return;
    longest = H2O_STRUCT_FROM_MEMBER(struct connection, idle, server->idle.next);
    leave_idle(longest); /* so that the next one is another */
    if (longest->sock == NULL) {
        end_drain(longest);
    } else if (longest->untaken) {
        lk_http_connection_cut(longest);
    } else {
        if (longest->exchange != NULL)
            lk_http_exchange_end_listening(longest->exchange);
        lk_http_ready_give_up(longest);
        lk_http_read_no_more(longest);
        await_taking(longest); /* what is still being written is to be taken soon */
    }
}

/* ---- the end of one ---- */

static void report_stopped(void *arg)
{
    struct lk_http_server *server = arg;

    if (server->stopped != NULL)
        server->stopped(server->stopped_arg);
}

void lk_http_check_stopped(struct lk_http_server *server)
{
    if (!server->stopping || server->reported || atomic_load(&server->load) != 0 ||
        server->n_open != 0 || server->readiness.checking)
        return;
    server->reported = true;
    lk_timer_stop(server->options.loop, &server->stop_timer);
    lk_loop_defer(server->options.loop, report_stopped, server);
}

void lk_http_connection_release(struct connection *connection)
{
    if (connection->over && !connection->watching_soon)
        free(connection);
}

static void end_connection(struct connection *connection)
{
    struct lk_http_server *server = connection->server;

    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    server->n_connections--;
    atomic_fetch_sub(&server->load, 1);
    if (connection->drain_fd >= 0)
        close(connection->drain_fd);
    connection->over = true;
    lk_http_connection_release(connection);
    lk_http_listener_ended(server->listener, server);
    lk_http_check_stopped(server);
}

/* ---- taking in the rest after a 413 ---- */

static void end_drain(void *arg)
{
    struct connection *connection = arg;

    leave_idle(connection);
    lk_loop_unwatch(connection->server->options.loop, &connection->drain);
    lk_timer_stop(connection->server->options.loop, &connection->drain_timer);
    end_connection(connection);
}

static void on_drain(void *arg, uint32_t events)
{
    struct connection *connection = arg;
    struct lk_loop *loop = connection->server->options.loop;
    char bytes[16 * 1024];
    ssize_t n = 0;
    bool more = false;

    (void)events;
    for (int i = 0; i < 16; i++) {
        n = recv(connection->drain_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n <= 0)
            break;
        more = true;
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        end_drain(connection);
    else if (more && lk_loop_now_ms(loop) < connection->drain_until_ms)
        lk_timer_start(loop, &connection->drain_timer, DRAIN_IDLE_MS);
}

static bool start_drain(struct connection *connection)
{
    struct lk_loop *loop = connection->server->options.loop;

    connection->drain =
        (struct lk_watch){.fd = connection->drain_fd, .ready = on_drain, .arg = connection};
    connection->drain_timer = lk_timer(end_drain, connection);
    shutdown(connection->drain_fd, SHUT_WR);
    if (!lk_loop_watch(loop, &connection->drain, EPOLLIN, NULL))
        return false;
    connection->drain_until_ms = lk_loop_now_ms(loop) + DRAIN_MS;
    lk_timer_start(loop, &connection->drain_timer, DRAIN_IDLE_MS);
    join_idle(connection);
    return true;
}

static void on_close(void *arg)
{
    struct connection *connection = arg;

    connection->sock = NULL;
    lk_http_hold_nothing(connection);
    lk_timer_stop(connection->server->options.loop, &connection->untaken_timer);
    leave_idle(connection);
    lk_http_tls_end(connection);
    if (connection->drain_fd < 0 || connection->server->stopping || !start_drain(connection))
        end_connection(connection);
}

/* ---- the beginning of one ---- */

void lk_http_connection_open(struct connection *connection)
{
    h2o_accept(&connection->server->accept, connection->sock);
    lk_http_head_watch_soon(connection);
}

static void accept_one(struct lk_http_server *server, h2o_socket_t *sock)
{
    struct connection *connection = lk_memory_new(sizeof(*connection));

    connection->server = server;
    connection->sock = sock;
    connection->drain_fd = -1;
    connection->untaken_timer = lk_timer(on_untaken, connection);
    connection->next = server->connections;
    connection->link = &server->connections;
    if (connection->next != NULL)
        connection->next->link = &connection->next;
    server->connections = connection;
    server->n_connections++;
    sock->on_close.cb = on_close;
    sock->on_close.data = connection;
    lk_http_connection_rest(connection);
    if (server->tls != NULL)
        lk_http_tls_begin(connection);
    else
        lk_http_connection_open(connection);
}

void lk_http_server_take(struct lk_http_server *server, int fd)
{
    unsigned unacked_ms = UNACKED_MS;
    int on = 1;

    if (server->stopping) {
        close(fd);
        atomic_fetch_sub(&server->load, 1);
        lk_http_listener_ended(server->listener, server);
        lk_http_check_stopped(server);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof(unacked_ms));
    accept_one(server, h2o_evloop_socket_create(lk_loop_h2o(server->options.loop), fd,
                                                H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION));
}

/* ---- start ---- */

static void fill_defaults(struct lk_http_server *server)
{
    struct lk_http_server_options *options = &server->options;

    if (options->max_body_bytes == 0)
        options->max_body_bytes = (size_t)4 * 1024 * 1024;
    if (options->max_body_name == NULL)
        options->max_body_name = "max_body_bytes";
    if (options->allowed_origins_name == NULL)
        options->allowed_origins_name = "allowed_origins";
    if (options->allowed_hosts_name == NULL)
        options->allowed_hosts_name = "allowed_hosts";
    if (options->max_client_bytes == 0)
        options->max_client_bytes = (size_t)256 * 1024 * 1024;
    if (options->max_client_bytes < options->max_body_bytes + LK_HTTP_MAX_HEAD_BYTES)
        options->max_client_bytes = options->max_body_bytes + LK_HTTP_MAX_HEAD_BYTES;
    if (options->request_timeout_ms == 0)
        options->request_timeout_ms = 30000;
    if (options->keep_alive_ms == 0)
        options->keep_alive_ms = 15000;
    if (options->ready_cache_ms == 0)
        options->ready_cache_ms = 3000;
    options->allowed_origins = lk_arena_str(server->arena, options->allowed_origins);
    options->allowed_hosts = lk_arena_str(server->arena, options->allowed_hosts);
    options->public_url = lk_arena_str(server->arena, options->public_url);
    options->auth_token = lk_arena_str(server->arena, options->auth_token);
    options->posture =
        lk_arena_str(server->arena, options->posture.len != 0 ? options->posture : LK_STR("{}"));
    options->introspect_token = lk_arena_str(server->arena, options->introspect_token);
    options->metrics_token = lk_arena_str(server->arena, options->metrics_token);
    options->forward_headers = lk_arena_str(server->arena, options->forward_headers);
}

static void on_stop_timer(void *arg);

static void start_h2o(struct lk_http_server *server)
{
    h2o_hostconf_t *host;

    h2o_config_init(&server->config);
    server->config.server_name = (h2o_iovec_t){.base = NULL, .len = 0};
    server->config.max_request_entity_size = server->options.max_body_bytes;
    server->config.http1.req_timeout = server->options.request_timeout_ms;
    server->config.http1.upgrade_to_http2 = 0;
    host = h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    lk_http_register_routes(server, host);
    h2o_context_init(&server->context, lk_loop_h2o(server->options.loop), &server->config);
    server->accept.ctx = &server->context;
    server->accept.hosts = server->config.hosts;
}

static bool find_listener(struct lk_http_server *server, struct lk_error *err)
{
    const struct lk_http_server_options *options = &server->options;

    server->listener = options->listener;
    if (server->listener == NULL) {
        if (!lk_http_listener_new(
                &(struct lk_http_listener_options){.loop = options->loop,
                                                   .log = options->log,
                                                   .host = options->host,
                                                   .port = options->port,
                                                   .max_connections = options->max_connections},
                &server->own_listener, err))
            return false;
        server->listener = server->own_listener;
    }
    server->loopback_hosts_only =
        options->auth == NULL && options->auth_token.len == 0 && server->listener->loopback;
    return true;
}

bool lk_http_server_new(const struct lk_http_server_options *options,
                        struct lk_http_server **ret_server, struct lk_error *err)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_http_server *server = lk_arena_new_object(arena, struct lk_http_server);

    server->arena = arena;
    server->options = *options;
    fill_defaults(server);
    h2o_linklist_init_anchor(&server->idle);
    if (!lk_loop_spare_files(2, err) || !find_listener(server, err)) {
        lk_arena_free(arena);
        return false;
    }
    server->tls = lk_http_tls_hold(options->tls);
    server->stop_timer = lk_timer(on_stop_timer, server);
    start_h2o(server);
    lk_http_listener_join(server->listener, server);
    *ret_server = server;
    return true;
}

void lk_http_server_set_tls(struct lk_http_server *server, struct lk_http_tls *tls)
{
    lk_http_tls_release(server->tls);
    server->tls = lk_http_tls_hold(tls);
}

uint16_t lk_http_server_port(const struct lk_http_server *server)
{
    return lk_http_listener_port(server->listener);
}

/* ---- stop ---- */

/* Ends the connections that wait for a request, or (all) every one. */
static void close_connections(struct lk_http_server *server, bool all)
{
    struct connection *next;

    for (struct connection *c = server->connections; c != NULL; c = next) {
        next = c->next;
        if (c->sock == NULL)
            end_drain(c);
        else if (all && c->exchange != NULL)
            lk_http_exchange_drop(c->exchange);
        else if (all)
            shutdown(h2o_socket_get_fd(c->sock), SHUT_RDWR);
        else if (!c->busy)
            lk_http_read_no_more(c);
    }
}

static void on_stop_timer(void *arg)
{
    struct lk_http_server *server = arg;

    if (!server->cancelled) {
        server->cancelled = true;
        mcp_server_cancel_all(server->options.server);
        lk_timer_start(server->options.loop, &server->stop_timer, CLOSE_MS);
        return;
    }
    lk_log_warning(server->options.log, "http.connections_cut",
                   lk_log_int("count", server->n_connections));
    lk_http_ready_drop(server);
    lk_http_auth_drop(server);
    close_connections(server, true);
}

void lk_http_server_stop(struct lk_http_server *server, uint64_t grace_ms,
                         void (*stopped)(void *arg), void *arg)
{
    struct lk_loop *loop = server->options.loop;
    bool first = !server->stopping;

    if (first) {
        server->stopping = true;
        server->stopped = stopped;
        server->stopped_arg = arg;
        if (server->own_listener != NULL)
            lk_http_listener_stop(server->own_listener);
        /* Not h2o_context_request_shutdown: that starts a timer for HTTP/2 which outlives us. */
        server->context.shutdown_requested = 1;
        mcp_server_end_listening(server->options.server);
        close_connections(server, false);
    }
    if (server->reported)
        return;
    if (first || lk_loop_now_ms(loop) + grace_ms < server->stop_timer.at_ms)
        lk_timer_start(loop, &server->stop_timer, grace_ms);
    lk_http_check_stopped(server);
}

void lk_http_server_free(struct lk_http_server *server)
{
    if (server == NULL)
        return;
    lk_timer_stop(server->options.loop, &server->stop_timer);
    lk_http_listener_leave(server->listener, server);
    lk_http_listener_free(server->own_listener);
    h2o_context_dispose(&server->context);
#if H2O_LIBRARY_VERSION_MAJOR == 0 && H2O_LIBRARY_VERSION_MINOR == 13
    free(server->context.queue); /* h2o 2.2 closes the queue but forgets its memory */
#endif
    h2o_config_dispose(&server->config);
    lk_http_tls_release(server->tls);
    lk_arena_free(server->arena);
}
