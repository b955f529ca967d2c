/*
 * A web server for the tests of the HTTP client: a thread a connection, plain sockets or TLS, and
 * an answer chosen by the path, wrong ones above all. It counts the connections that it accepts.
 */
#ifndef LK_TEST_PEER_H
#define LK_TEST_PEER_H

#include "../test.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEER_MAX_CONNECTIONS = 256 };

struct peer_connection;

struct peer {
    /* Answers one request; false: close the connection. */
    bool (*answer)(struct peer_connection *connection);
    SSL_CTX *tls; /* or NULL */
    int fd;
    uint16_t port;
    atomic_int n_accepted, n_requests;
    pthread_t acceptor, threads[PEER_MAX_CONNECTIONS];
    int fds[PEER_MAX_CONNECTIONS]; /* closed by peer_stop; until then only shut down */
};

struct peer_connection {
    struct peer *peer;
    int fd;
    SSL *tls;
    unsigned n_requests;
    size_t len; /* of what was read: one request, NUL-terminated */
    size_t cap;
    char *request;
    const char *path;
    const char *body;
};

static inline long peer_read(struct peer_connection *c, char *bytes, size_t size)
{
    return c->tls != NULL ? SSL_read(c->tls, bytes, (int)size) : recv(c->fd, bytes, size, 0);
}

static inline bool peer_send_n(struct peer_connection *c, const char *bytes, size_t len)
{
    while (len > 0) {
        long n = c->tls != NULL ? SSL_write(c->tls, bytes, (int)len)
                                : send(c->fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static inline bool peer_send(struct peer_connection *c, const char *text)
{
    return peer_send_n(c, text, strlen(text));
}

/* A whole answer; header: further header lines, each with its CRLF. */
static inline bool peer_reply(struct peer_connection *c, const char *status, const char *header,
                              const char *body)
{
    char head[1024];

    snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, header,
             strlen(body));
    return peer_send(c, head) && (strncmp(c->request, "HEAD ", 5) == 0 || peer_send(c, body));
}

/* Blocks until the client has closed the connection. */
static inline bool peer_wait_for_close(struct peer_connection *c)
{
    char byte;

    while (peer_read(c, &byte, 1) > 0)
        ;
    return false;
}

static inline bool peer_read_request(struct peer_connection *c)
{
    const char *length;
    char *end = NULL;
    size_t want = 0;
    long n;

    c->len = 0;
    while (end == NULL || c->len < want) {
        if (c->cap - c->len < 2) {
            size_t end_at = end != NULL ? (size_t)(end - c->request) : 0;

            c->cap = c->cap * 4 + 4096;
            c->request = realloc(c->request, c->cap);
            end = end != NULL ? c->request + end_at : NULL;
        }
        n = peer_read(c, c->request + c->len, c->cap - 1 - c->len);
        if (n <= 0)
            return false;
        c->len += (size_t)n;
        c->request[c->len] = '\0';
        if (end != NULL || (end = strstr(c->request, "\r\n\r\n")) == NULL)
            continue;
        length = strcasestr(c->request, "\r\nContent-Length:");
        want = (size_t)(end + 4 - c->request) +
               (length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0);
    }
    c->body = end + 4;
    c->path = strchr(c->request, '/');
    c->n_requests++;
    c->peer->n_requests++;
    return true;
}

static inline void *peer_serve(void *arg)
{
    struct peer_connection *c = arg;

    if (c->peer->tls != NULL) {
        c->tls = SSL_new(c->peer->tls);
        SSL_set_fd(c->tls, c->fd);
    }
    if (c->tls == NULL || SSL_accept(c->tls) == 1)
        while (peer_read_request(c) && c->peer->answer(c))
            ;
    SSL_free(c->tls);
    shutdown(c->fd, SHUT_RDWR);
    free(c->request);
    free(c);
    return NULL;
}

static inline void *peer_accept(void *arg)
{
    struct peer *peer = arg;
    int fd;

    while ((fd = accept(peer->fd, NULL, NULL)) >= 0) {
        struct peer_connection *c = calloc(1, sizeof(*c));
        int n = peer->n_accepted++; /* before it can answer, or a test may count too few */

        c->peer = peer;
        c->fd = peer->fds[n] = fd;
        if (n == PEER_MAX_CONNECTIONS - 1 ||
            pthread_create(&peer->threads[n], NULL, peer_serve, c) != 0)
            abort();
    }
    return NULL;
}

static inline void peer_start(struct peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    peer->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(peer->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(peer->fd, 256), 0);
    assert_int_equal(getsockname(peer->fd, (struct sockaddr *)&address, &len), 0);
    peer->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&peer->acceptor, NULL, peer_accept, peer), 0);
}

static inline void peer_stop(struct peer *peer)
{
    shutdown(peer->fd, SHUT_RDWR);
    pthread_join(peer->acceptor, NULL);
    for (int i = 0; i < peer->n_accepted; i++)
        shutdown(peer->fds[i], SHUT_RDWR);
    for (int i = 0; i < peer->n_accepted; i++) {
        pthread_join(peer->threads[i], NULL);
        close(peer->fds[i]);
    }
    close(peer->fd);
    SSL_CTX_free(peer->tls);
}

#endif
