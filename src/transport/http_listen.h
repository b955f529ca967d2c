/*
 * The listening socket of the process, and who gets its connections: of the servers that share it,
 * one a thread, the one that has fewest. They come in on the thread of one loop, which hands them
 * over to the others.
 *
 *     accept ──> fewest connections ──> that server's loop (lk_loop_post)
 *        │ as many as allowed, or out of descriptors:
 *        ├──> the longest idle one anywhere is ended to make room
 *        └──> none is idle: the rest waits in the kernel's queue
 *
 * One listener for all rather than one a thread (SO_REUSEPORT): the kernel would spread connections
 * by hash, so that of two threads one often gets much more of a handful of clients, and nobody else
 * may open the port beside us.
 */
#ifndef LK_TRANSPORT_HTTP_LISTEN_H
#define LK_TRANSPORT_HTTP_LISTEN_H

#include "base/error.h"
#include "base/log.h"
#include "rt/loop.h"

#include <stdint.h>

struct lk_http_listener;

/* Copied; borrowed pointers must outlive the listener. */
struct lk_http_listener_options {
    struct lk_loop *loop; /* on whose thread it accepts */
    const struct lk_log *log;
    struct lk_str host;       /* address or name to bind; empty: 127.0.0.1 */
    uint16_t port;            /* 0: any */
    uint32_t max_connections; /* of all servers together; 0: 1,024 */
    bool tls;                 /* for the log: the servers speak TLS */
};

/* Binds and listens; accepts once a server has joined (lk_http_server_options.listener). Errors:
 * LK_ERROR_CONFIG, naming host and port (unknown host, port in use, not permitted). */
bool lk_http_listener_new(const struct lk_http_listener_options *options,
                          struct lk_http_listener **ret_listener, struct lk_error *err);

uint16_t lk_http_listener_port(const struct lk_http_listener *listener);

/* Accepts no more. To be called on its thread, before the servers are told to stop. */
void lk_http_listener_stop(struct lk_http_listener *listener);

/* After all servers that joined it. NULL is legal. */
void lk_http_listener_free(struct lk_http_listener *listener);

/* Of all servers together; from any thread. */
uint32_t lk_http_listener_connections(const struct lk_http_listener *listener);
/* Ever accepted, and ended while idle to make room. */
uint64_t lk_http_listener_accepted(const struct lk_http_listener *listener);
uint64_t lk_http_listener_evicted(const struct lk_http_listener *listener);

#endif
