/*
 * MCP over HTTP/1.1 (Streamable HTTP without sessions), on h2o and the worker's own loop.
 *
 *     POST /mcp       one message, or a 2025-03-26 batch; answered with one JSON body, or, when
 *                     there is progress to tell a client that takes text/event-stream, with that
 *     GET /export/LINK   a file, with mcp_server_options.download: see http_export.c
 *     OPTIONS /mcp    CORS preflight, for allowed origins only
 *     GET /healthz    the process answers
 *     GET /readyz     what the ready callback says, remembered for a moment
 *     GET /           with `page`: a page for people, and /page.css, its style
 *     GET /.well-known/oauth-protected-resource[PATH]   with `auth`: where tokens come from
 *     GET /metrics    with `metrics`: numbers for Prometheus
 *     GET /_introspect                                  how the server is set up
 *
 * HTTP/2 stays off: the packaged h2o lacks the mend for CVE-2023-44487. SIGPIPE must be ignored by
 * the process.
 */
#ifndef LK_TRANSPORT_HTTP_H
#define LK_TRANSPORT_HTTP_H

#include "base/error.h"
#include "base/log.h"
#include "mcp/server.h"
#include "rt/loop.h"
#include "transport/auth.h"
#include "transport/http_listen.h"
#include "transport/http_tls.h"

struct lk_http_server;

/* What the transport tells whoever writes the page. */
struct lk_http_page_facts {
    bool ready;                 /* the verdict of /readyz */
    enum lk_error_kind trouble; /* if not: why */
    bool tls;                   /* the reader came by https */
    struct lk_str host;         /* as the reader named it: host[:port] */
};

/* Copied; borrowed pointers must outlive the server. Lists are comma-separated. */
struct lk_http_server_options {
    struct lk_loop *loop;
    const struct lk_log *log;
    struct mcp_server *server;

    /* Where its connections come from; it joins. NULL: it has a listener of its own, for which the
     * next three are (see http_listen.h). */
    struct lk_http_listener *listener;
    struct lk_str host;
    uint16_t port;
    uint32_t max_connections;

    struct lk_http_tls *tls; /* held by the server; NULL: plain HTTP */

    size_t max_body_bytes;     /* 0: 4 MiB; more is a 413 */
    const char *max_body_name; /* what users call that limit; NULL: "max_body_bytes" */
    size_t max_client_bytes;   /* of requests and answers, of all servers at the listener; at least
                                  one request has room; 0: 256 MiB */
    uint64_t request_timeout_ms; /* to send a whole request, and between two; 0: 30,000 */
    uint64_t keep_alive_ms;      /* between comments on a stream that is silent; 0: 15,000 */

    /* Browser origins that may call, e.g. "https://app.example.com"; empty: loopback ones. A
     * request without Origin comes from no browser and is not held to this. */
    struct lk_str allowed_origins;
    const char *allowed_origins_name; /* what users call that; NULL: "allowed_origins" */
    /* Host names that requests may name (without port). Empty: loopback names when bound to a
     * loopback address without auth or auth_token, since a web page could otherwise reach this
     * server under its own name (DNS rebinding); any name else. */
    struct lk_str allowed_hosts;
    const char *allowed_hosts_name; /* NULL: "allowed_hosts" */
    struct lk_str public_url;       /* where clients find this server: its host may be named as
                                       well; empty: nobody knows */
    struct lk_auth *auth; /* judges the callers of /mcp by their access tokens; NULL: nobody does */
    struct lk_str auth_token; /* without auth: callers send it as a bearer token; empty: none */
    struct lk_str posture;    /* what /_introspect answers, JSON; empty: {} */
    struct lk_str introspect_token; /* and the bearer token that it wants; empty: none */
    /* Appends what /metrics answers, on the thread that is asked; NULL: there is no such path. */
    void (*metrics)(void *arg, struct lk_buf *out);
    void *metrics_arg;
    struct lk_str metrics_token;   /* and the bearer token that it wants; empty: none */
    struct lk_str forward_headers; /* request headers that tools may ask for (mcp_call_header) */

    /* Can the server do its work? Runs on a coroutine, may await. NULL: it always can. */
    bool (*ready)(void *arg, struct lk_error *err);
    void *ready_arg;
    uint64_t ready_cache_ms; /* for how long a verdict stands; 0: 3,000 */

    /* Appends the page at /, HTML, to `out`. It does not await. NULL: there is none, nor a style.
     */
    void (*page)(void *arg, const struct lk_http_page_facts *facts, struct lk_buf *out);
    void *page_arg;
    struct lk_str page_style; /* CSS */
};

/* Serves from the next turn of the loop on. Errors: those of lk_http_listener_new. */
bool lk_http_server_new(const struct lk_http_server_options *options,
                        struct lk_http_server **ret_server, struct lk_error *err);

/* New connections get this certificate from now on, on the thread of the server's loop; those that
 * are open keep theirs. The caller keeps its hold. Not for a server that was plain. */
void lk_http_server_set_tls(struct lk_http_server *server, struct lk_http_tls *tls);

/* What a server has answered: the statuses that there are (0 after the last), and how many of each;
 * and TLS handshakes that came to nothing. From any thread. */
int lk_http_status(size_t i);
uint64_t lk_http_server_responses(const struct lk_http_server *server, size_t i);
uint64_t lk_http_server_failed_handshakes(const struct lk_http_server *server);

/* The port that its listener has bound. */
uint16_t lk_http_server_port(const struct lk_http_server *server);

/*
 * Stops accepting (a listener that is shared has to be stopped before) and closes idle connections
 * at once; requests in flight get grace_ms, then all calls of the MCP server are cancelled (they
 * answer so), then connections are closed. Calls stopped(arg) from the loop when no connection and
 * no call is left; stopped may be NULL. To be called on the thread of the server's loop. A second
 * call can only shorten the wait that is under way; its `stopped` is ignored.
 */
void lk_http_server_stop(struct lk_http_server *server, uint64_t grace_ms,
                         void (*stopped)(void *arg), void *arg);

/* `stopped` has been called, or no connection was ever accepted. NULL is legal. */
void lk_http_server_free(struct lk_http_server *server);

#endif
