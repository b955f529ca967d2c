/*
 * Accepting connections and handing them out (http_listen.h). Called by serve.c, and by http.c for
 * what the servers tell of their connections.
 *
 * The counts are atomic, since servers on other threads change them.
 */
#include "transport/http_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 16
#define ACCEPT_PAUSE_MS 100 /* when descriptors have run out */
#define WARN_EVERY_MS 60000 /* at most */
#define LISTEN_BACKLOG 4096
#define RECEIVE_BUFFER_BYTES (256 * 1024)
#define MAX_CONNECTIONS 1024

static void on_accept(h2o_socket_t *socket, const char *err);

/* ---- binding ---- */

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
    int on = 1, receive_bytes = RECEIVE_BUFFER_BYTES, error;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    /* Connections inherit it. h2o reads all that the kernel has: so much, and no more, does a
     * client get in that sends requests faster than they are answered. */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
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

static bool bind_to(struct lk_http_listener *listener, int *ret_fd, struct lk_error *err)
{
    const char *host = listener->host;
    struct sockaddr_storage bound;
    socklen_t bound_len = sizeof(bound);
    struct addrinfo *found;
    char port[8];
    int failed, fd;

    snprintf(port, sizeof(port), "%u", listener->options.port);
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
    listener->port = ntohs(((const struct sockaddr_in *)(const void *)&bound)->sin_port);
    listener->loopback = is_loopback((const struct sockaddr *)(const void *)&bound);
    *ret_fd = fd;
    return true;
}

/* ---- who gets it ---- */

static uint32_t load_of(const struct lk_http_server *server)
{
    return atomic_load_explicit(&server->load, memory_order_relaxed);
}

static struct lk_http_server *least_loaded(const struct lk_http_listener *listener)
{
    struct lk_http_server *least = listener->servers;

    for (struct lk_http_server *s = least->next; s != NULL; s = s->next) {
        if (load_of(s) < load_of(least))
            least = s;
    }
    return least;
}

static void evict(void *arg)
{
    lk_http_server_evict(arg);
}

/* Of the servers the one with most idle connections that it has not been asked to end yet, or NULL.
 */
static struct lk_http_server *most_idle(const struct lk_http_listener *listener)
{
    struct lk_http_server *most = NULL;
    uint32_t n_most = 0;

    for (struct lk_http_server *s = listener->servers; s != NULL; s = s->next) {
        uint32_t idle = atomic_load(&s->n_idle), leaving = atomic_load(&s->n_leaving);

        if (idle > leaving && idle - leaving > n_most) {
            n_most = idle - leaving;
            most = s;
        }
    }
    return most;
}

static void make_room(struct lk_http_listener *listener)
{
    struct lk_http_server *most = most_idle(listener);

    if (most == NULL)
        return;
    atomic_fetch_add(&most->n_leaving, 1);
    atomic_fetch_add(&listener->n_evicted, 1);
    if (most->options.loop == listener->options.loop)
        evict(most);
    else
        lk_loop_post(most->options.loop, evict, most);
}

struct handover {
    struct lk_http_server *server;
    int fd;
};

static void take_over(void *arg)
{
    struct handover handover = *(struct handover *)arg;

    free(arg);
    lk_http_server_take(handover.server, handover.fd);
}

static void hand_out(struct lk_http_listener *listener, int fd)
{
    struct lk_http_server *server = least_loaded(listener);
    struct handover *handover;

    atomic_fetch_add(&listener->n_connections, 1);
    atomic_fetch_add(&listener->n_accepted, 1);
    atomic_fetch_add(&server->load, 1);
    if (server->options.loop == listener->options.loop) {
        lk_http_server_take(server, fd);
        return;
    }
    handover = lk_memory_new(sizeof(*handover));
    *handover = (struct handover){server, fd};
    lk_loop_post(server->options.loop, take_over, handover);
}

/* ---- accepting ---- */

static bool is_full(const struct lk_http_listener *listener)
{
    return atomic_load(&listener->n_connections) >= listener->options.max_connections;
}

static bool can_accept(const struct lk_http_listener *listener)
{
    return !is_full(listener) || most_idle(listener) != NULL;
}

static void resume(void *arg)
{
    struct lk_http_listener *listener = arg;

    if (listener->socket == NULL || listener->accepting || listener->servers == NULL)
        return;
    /* In this order: whoever frees a place after the look is told to say so. */
    atomic_store(&listener->paused, true);
    if (!can_accept(listener))
        return;
    atomic_store(&listener->paused, false);
    listener->accepting = true;
    h2o_socket_read_start(listener->socket, on_accept);
}

void lk_http_listener_wake(struct lk_http_listener *listener, const struct lk_http_server *server)
{
    if (!atomic_load(&listener->paused) || !atomic_exchange(&listener->paused, false))
        return;
    if (server->options.loop == listener->options.loop)
        resume(listener);
    else
        lk_loop_post(listener->options.loop, resume, listener);
}

void lk_http_listener_ended(struct lk_http_listener *listener, const struct lk_http_server *server)
{
    atomic_fetch_sub(&listener->n_connections, 1);
    lk_http_listener_wake(listener, server);
}

/* Under load a limit is met anew with every connection that ends: one line a minute says it. */
static bool time_to_warn(const struct lk_http_listener *listener, uint64_t *next_ms)
{
    uint64_t now_ms = lk_loop_now_ms(listener->options.loop);

    if (now_ms < *next_ms)
        return false;
    *next_ms = now_ms + WARN_EVERY_MS;
    return true;
}

static void warn_of_limit(struct lk_http_listener *listener)
{
    if (time_to_warn(listener, &listener->next_limit_warning_ms))
        lk_log_warning(listener->options.log, "http.connection_limit",
                       lk_log_int("max_connections", listener->options.max_connections));
}

/* False when one more may not be accepted now. */
static bool has_room(struct lk_http_listener *listener)
{
    if (can_accept(listener))
        return true;
    warn_of_limit(listener);
    listener->accepting = false;
    h2o_socket_read_stop(listener->socket);
    resume(listener);
    return listener->accepting;
}

static void on_out_of_files(struct lk_http_listener *listener)
{
    if (time_to_warn(listener, &listener->next_accept_warning_ms))
        lk_log_error(listener->options.log, "http.accept_failed",
                     lk_log_text("error", strerror(errno)));
    make_room(listener);
    listener->accepting = false;
    h2o_socket_read_stop(listener->socket);
    lk_timer_start(listener->options.loop, &listener->timer, ACCEPT_PAUSE_MS);
}

static void on_accept(h2o_socket_t *socket, const char *err)
{
    struct lk_http_listener *listener = socket->data;

    if (err != NULL)
        return;
    for (int i = 0; i < ACCEPTS_A_TURN && has_room(listener); i++) {
        int fd = accept4(h2o_socket_get_fd(socket), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
            on_out_of_files(listener);
        if (fd < 0)
            return;
        if (is_full(listener)) { /* it is one too many until the one that goes has gone */
            warn_of_limit(listener);
            make_room(listener);
        }
        hand_out(listener, fd);
    }
}

/* ---- life ---- */

void lk_http_listener_join(struct lk_http_listener *listener, struct lk_http_server *server)
{
    server->next = listener->servers;
    listener->servers = server;
    resume(listener);
}

void lk_http_listener_leave(struct lk_http_listener *listener, struct lk_http_server *server)
{
    struct lk_http_server **at = &listener->servers;

    while (*at != NULL && *at != server)
        at = &(*at)->next;
    if (*at != NULL)
        *at = server->next;
}

bool lk_http_listener_new(const struct lk_http_listener_options *options,
                          struct lk_http_listener **ret_listener, struct lk_error *err)
{
    struct lk_http_listener *listener = lk_memory_new(sizeof(*listener));
    struct lk_str host = options->host.len != 0 ? options->host : LK_STR("127.0.0.1");
    int fd = -1;

    listener->options = *options;
    listener->host = lk_memory_new(host.len + 1);
    memcpy(listener->host, host.ptr, host.len);
    if (listener->options.max_connections == 0)
        listener->options.max_connections = MAX_CONNECTIONS;
    listener->timer = lk_timer(resume, listener);
    if (!bind_to(listener, &fd, err)) {
        lk_http_listener_free(listener);
        return false;
    }
    listener->socket =
        h2o_evloop_socket_create(lk_loop_h2o(options->loop), fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->socket->data = listener;
    lk_log_info(options->log, "http.listening", lk_log_text("host", listener->host),
                lk_log_int("port", listener->port), lk_log_text("path", "/mcp"),
                lk_log_bool("tls", options->tls));
    *ret_listener = listener;
    return true;
}

uint16_t lk_http_listener_port(const struct lk_http_listener *listener)
{
    return listener->port;
}

uint32_t lk_http_listener_connections(const struct lk_http_listener *listener)
{
    return atomic_load(&listener->n_connections);
}

uint64_t lk_http_listener_accepted(const struct lk_http_listener *listener)
{
    return atomic_load(&listener->n_accepted);
}

uint64_t lk_http_listener_evicted(const struct lk_http_listener *listener)
{
    return atomic_load(&listener->n_evicted);
}

void lk_http_listener_stop(struct lk_http_listener *listener)
{
    lk_timer_stop(listener->options.loop, &listener->timer);
    if (listener->socket != NULL)
        h2o_socket_close(listener->socket);
    listener->socket = NULL;
}

void lk_http_listener_free(struct lk_http_listener *listener)
{
    if (listener == NULL)
        return;
    lk_http_listener_stop(listener);
    free(listener->host);
    free(listener);
}
