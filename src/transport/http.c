/*
 * The HTTP server's listener and connections, its start and its end (see http.h). Called by
 * worker.c.
 *
 *     listening ──stop──> draining ──grace──> calls cancelled ──CLOSE_MS──> connections cut
 *                            └─────────── no connection left: stopped(arg) ──────────┘
 */
#include "transport/http_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <h2o/version.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 16
#define ACCEPT_PAUSE_MS 100 /* when descriptors have run out */
#define WARN_EVERY_MS 60000 /* at most */
#define CLOSE_MS 2000       /* for cancelled calls to answer */
#define DRAIN_IDLE_MS 5000  /* for more of what a client still sends after a 413 to come */
#define DRAIN_MS 60000      /* for all of it */
#define UNACKED_MS 60000    /* a client that reads nothing for so long is gone */
#define STALLED_LISTEN_BACKLOG 1024

static void on_accept(h2o_socket_t *listener, const char *err);

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

void lk_http_read_no_more(struct connection *connection)
{
    if (connection->sock == NULL)
        return;
    /* h2o still gets what the kernel has, then the end, at which it closes. */
    connection->no_more = true;
    shutdown(h2o_socket_get_fd(connection->sock), SHUT_RD);
}

static void resume_accepting(struct lk_http_server *server)
{
    if (server->accepting || server->stopping ||
        server->n_connections >= server->options.max_connections)
        return;
    server->accepting = true;
    h2o_socket_read_start(server->listener, on_accept);
}

static void pause_accepting(struct lk_http_server *server)
{
    server->accepting = false;
    h2o_socket_read_stop(server->listener);
}

static void report_stopped(void *arg)
{
    struct lk_http_server *server = arg;

    if (server->stopped != NULL)
        server->stopped(server->stopped_arg);
}

void lk_http_check_stopped(struct lk_http_server *server)
{
    if (!server->stopping || server->reported || server->n_connections != 0 ||
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
    if (connection->drain_fd >= 0)
        close(connection->drain_fd);
    connection->over = true;
    lk_http_connection_release(connection);
    resume_accepting(server);
    lk_http_check_stopped(server);
}

/* ---- taking in the rest after a 413 ---- */

static void end_drain(void *arg)
{
    struct connection *connection = arg;

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
    return true;
}

static void on_close(void *arg)
{
    struct connection *connection = arg;

    connection->sock = NULL;
    if (connection->drain_fd < 0 || connection->server->stopping || !start_drain(connection))
        end_connection(connection);
}

/* ---- accepting ---- */

/* Under load a limit is met anew with every connection that ends: one line a minute says it. */
static bool time_to_warn(struct lk_http_server *server, uint64_t *next_ms)
{
    uint64_t now_ms = lk_loop_now_ms(server->options.loop);

    if (now_ms < *next_ms)
        return false;
    *next_ms = now_ms + WARN_EVERY_MS;
    return true;
}

static void on_accept_timer(void *arg)
{
    resume_accepting(arg);
}

static void accept_one(struct lk_http_server *server, h2o_socket_t *sock)
{
    struct connection *connection = lk_memory_new(sizeof(*connection));
    unsigned unacked_ms = UNACKED_MS;

    setsockopt(h2o_socket_get_fd(sock), IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms,
               sizeof(unacked_ms));
    connection->server = server;
    connection->sock = sock;
    connection->drain_fd = -1;
    connection->next = server->connections;
    connection->link = &server->connections;
    if (connection->next != NULL)
        connection->next->link = &connection->next;
    server->connections = connection;
    server->n_connections++;
    sock->on_close.cb = on_close;
    sock->on_close.data = connection;
    h2o_accept(&server->accept, sock);
    lk_http_head_watch_soon(connection);
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    struct lk_http_server *server = listener->data;

    if (err != NULL)
        return;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        h2o_socket_t *sock;

        if (server->n_connections >= server->options.max_connections) {
            pause_accepting(server);
            if (time_to_warn(server, &server->next_limit_warning_ms))
                lk_log_warning(server->options.log, "http.connection_limit",
                               lk_log_int("max_connections", server->options.max_connections));
            return;
        }
        sock = h2o_evloop_socket_accept(listener);
        if (sock == NULL && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
            if (time_to_warn(server, &server->next_accept_warning_ms))
                lk_log_error(server->options.log, "http.accept_failed",
                             lk_log_text("error", strerror(errno)));
            pause_accepting(server);
            lk_timer_start(server->options.loop, &server->accept_timer, ACCEPT_PAUSE_MS);
        }
        if (sock == NULL)
            return;
        accept_one(server, sock);
    }
}

/* ---- start ---- */

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;

        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)address;

        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    }
    return false;
}

/* Returns -1 with errno. */
static int listen_on(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, error;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
        listen(fd, STALLED_LISTEN_BACKLOG) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/*
 * The first address that can be listened on. A port in use ends the search: on another address of
 * that name the server would stand beside the one that its clients reach. Returns -1 with errno.
 */
static int listen_on_first(const struct addrinfo *addresses)
{
    int fd = -1;

    errno = EADDRNOTAVAIL;
    for (const struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next) {
        fd = listen_on(a);
        if (fd < 0 && errno == EADDRINUSE)
            break;
    }
    return fd;
}

/* As getaddrinfo. Of localhost the IPv4 addresses if it has any: many clients try no other. */
static int resolve(const char *host, const char *port, struct addrinfo **ret_found)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};

    if (strcasecmp(host, "localhost") == 0) {
        hints.ai_family = AF_INET;
        if (getaddrinfo(host, port, &hints, ret_found) == 0)
            return 0;
        hints.ai_family = AF_UNSPEC;
    }
    return getaddrinfo(host, port, &hints, ret_found);
}

static bool bind_listener(struct lk_http_server *server, int *ret_fd, struct lk_error *err)
{
    const char *host = lk_arena_cstr(server->arena, server->options.host);
    struct sockaddr_storage bound;
    socklen_t bound_len = sizeof(bound);
    struct addrinfo *found;
    char port[8];
    int failed, fd;

    snprintf(port, sizeof(port), "%u", server->options.port);
    failed = resolve(host, port, &found);
    if (failed != 0)
        return lk_fail(err, LK_ERROR_CONFIG, "cannot listen on %s port %s: %s", host, port,
                       gai_strerror(failed));
    fd = listen_on_first(found);
    failed = errno;
    freeaddrinfo(found);
    if (fd < 0)
        return lk_fail(err, LK_ERROR_CONFIG, "cannot listen on %s port %s: %s", host, port,
                       failed == EADDRINUSE ? "the port is in use; stop what uses it, or choose "
                                              "another one"
                                            : strerror(failed));
    if (getsockname(fd, (struct sockaddr *)&bound, &bound_len) != 0) {
        close(fd);
        return lk_fail(err, LK_ERROR_INTERNAL, "getsockname: %s", strerror(errno));
    }
    /* The port stands in the same place in both families. */
    server->port = ntohs(((const struct sockaddr_in *)(const void *)&bound)->sin_port);
    server->loopback_hosts_only = server->options.auth == NULL &&
                                  server->options.auth_token.len == 0 &&
                                  is_loopback((const struct sockaddr *)(const void *)&bound);
    *ret_fd = fd;
    return true;
}

static void fill_defaults(struct lk_http_server *server)
{
    struct lk_http_server_options *options = &server->options;

    if (options->host.len == 0)
        options->host = LK_STR("127.0.0.1");
    if (options->max_body_bytes == 0)
        options->max_body_bytes = (size_t)4 * 1024 * 1024;
    if (options->max_body_name == NULL)
        options->max_body_name = "max_body_bytes";
    if (options->max_connections == 0)
        options->max_connections = 1024;
    if (options->request_timeout_ms == 0)
        options->request_timeout_ms = 30000;
    if (options->keep_alive_ms == 0)
        options->keep_alive_ms = 15000;
    if (options->ready_cache_ms == 0)
        options->ready_cache_ms = 3000;
    options->host = lk_arena_str(server->arena, options->host);
    options->allowed_origins = lk_arena_str(server->arena, options->allowed_origins);
    options->allowed_hosts = lk_arena_str(server->arena, options->allowed_hosts);
    options->auth_token = lk_arena_str(server->arena, options->auth_token);
    options->posture =
        lk_arena_str(server->arena, options->posture.len != 0 ? options->posture : LK_STR("{}"));
    options->introspect_token = lk_arena_str(server->arena, options->introspect_token);
    options->forward_headers = lk_arena_str(server->arena, options->forward_headers);
}

static void on_stop_timer(void *arg);

static void start_h2o(struct lk_http_server *server, int fd)
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
    server->listener =
        h2o_evloop_socket_create(lk_loop_h2o(server->options.loop), fd, H2O_SOCKET_FLAG_DONT_READ);
    server->listener->data = server;
    resume_accepting(server);
}

bool lk_http_server_new(const struct lk_http_server_options *options,
                        struct lk_http_server **ret_server, struct lk_error *err)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_http_server *server = lk_arena_new_object(arena, struct lk_http_server);
    int fd = -1;

    server->arena = arena;
    server->options = *options;
    fill_defaults(server);
    if (!bind_listener(server, &fd, err)) {
        lk_arena_free(arena);
        return false;
    }
    server->accept_timer = lk_timer(on_accept_timer, server);
    server->stop_timer = lk_timer(on_stop_timer, server);
    start_h2o(server, fd);
    lk_log_info(server->options.log, "http.listening", lk_log_str("host", server->options.host),
                lk_log_int("port", server->port), lk_log_text("path", "/mcp"));
    *ret_server = server;
    return true;
}

uint16_t lk_http_server_port(const struct lk_http_server *server)
{
    return server->port;
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
        lk_timer_stop(loop, &server->accept_timer);
        h2o_socket_close(server->listener);
        server->listener = NULL;
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
    lk_timer_stop(server->options.loop, &server->accept_timer);
    lk_timer_stop(server->options.loop, &server->stop_timer);
    if (server->listener != NULL)
        h2o_socket_close(server->listener);
    h2o_context_dispose(&server->context);
#if H2O_LIBRARY_VERSION_MAJOR == 0 && H2O_LIBRARY_VERSION_MINOR == 13
    free(server->context.queue); /* h2o 2.2 closes the queue but forgets its memory */
#endif
    h2o_config_dispose(&server->config);
    lk_arena_free(server->arena);
}
