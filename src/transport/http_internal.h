/*
 * What the files of the HTTP transport share.
 *
 *     http_listen.c   the listening socket, and which server gets a connection
 *     http.c          connections, start and stop
 *     http_tls.c      certificate and key, and the handshake
 *     http_routes.c   a request to its route; what every answer has
 *     http_head.c     how large the head of a request may be
 *     http_memory.c   how large all requests and answers may be together
 *     http_guard.c    may this request come in? framing, Host, Origin
 *     http_auth.c     who calls? tokens, challenges, metadata
 *     http_mcp.c      POST /mcp: the exchange between h2o's request and the core
 *     http_headers.c  what a call may ask of its request
 *     http_export.c   GET /export/LINK: a file that a call sends
 *     http_stream.c   an answer of several messages (text/event-stream)
 *     http_ready.c    GET /readyz
 *     http_page.c     GET / and /page.css
 */
#ifndef LK_TRANSPORT_HTTP_INTERNAL_H
#define LK_TRANSPORT_HTTP_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "rt/co.h"
#include "transport/http.h"

#include <h2o.h>
#include <stdatomic.h>

#define LK_HTTP_MAX_STATUSES 24
#define LK_HTTP_MAX_HEAD_BYTES ((size_t)64 * 1024)
#define LK_HTTP_MAX_HEADERS 100 /* h2o's */

struct admission;
struct exchange;
struct probe;

/* One client connection, from accept until its socket is closed (and drained, after a 413). */
struct connection {
    struct lk_http_server *server;
    struct connection *next, **link;
    /* Of server->idle, while no whole request has come in, it listens or waits for the verdict of
     * /readyz, the client does not take its answer, or what it still sends after a 413 is taken in.
     */
    h2o_linklist_t idle;
    h2o_socket_t *sock; /* NULL once closed */
    struct exchange *exchange;
    bool busy;    /* a request has come in whole and is not answered yet */
    bool no_more; /* lk_http_read_no_more */
    bool untaken; /* the answer, for too long */
    struct lk_timer untaken_timer;
    h2o_socket_cb read;                   /* h2o's, behind http_head.c's */
    bool head_too_large, token_too_large; /* of the request that comes now */
    size_t held_bytes;                    /* http_memory.c's */
    bool watching_soon, over;             /* over: freed when that is done */
    h2o_req_t *next_request;              /* came in with the one before; has not had its turn */
    struct lk_http_tls *tls;              /* held; NULL: plain */
    struct lk_timer handshake_timer;
    int drain_fd;
    struct lk_watch drain;
    struct lk_timer drain_timer;
    uint64_t drain_until_ms; /* not waited for more from then on */
};

struct readiness {
    bool known, ok, checking;
    struct lk_co *co;        /* that is checking */
    enum lk_error_kind kind; /* why not */
    uint64_t checked_ms;
    struct probe *waiting;
};

struct lk_http_listener {
    struct lk_http_listener_options options;
    char *host;
    h2o_socket_t *socket; /* NULL: stopped */
    bool accepting;       /* else it waits for one to end, or for descriptors */
    atomic_bool paused;   /* who ends a connection is to tell */
    uint16_t port;
    bool loopback; /* bound to such an address */
    atomic_uint n_connections;
    atomic_uint_fast64_t n_accepted, n_evicted;
    atomic_size_t held_bytes; /* by all connections of all servers together */
    struct lk_http_server *servers;
    uint64_t next_limit_warning_ms, next_accept_warning_ms;
    struct lk_timer timer;
};

struct lk_http_server {
    struct lk_http_server_options options; /* defaults filled in, lists copied */
    struct lk_arena *arena;
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    struct lk_http_listener *listener;
    struct lk_http_listener *own_listener; /* when it shares none */
    struct lk_http_server *next;           /* of the listener's */
    bool loopback_hosts_only;
    struct connection *connections;
    uint32_t n_connections;
    /* For the listener: all connections, those on their way here among them; those that wait for a
     * request or listen; and how many of these it has asked to end. */
    atomic_uint load, n_idle, n_leaving;
    h2o_linklist_t idle;     /* the longest idle first */
    struct lk_random random; /* for request ids */
    struct lk_http_tls *tls; /* for new connections; NULL: plain */
    atomic_uint_least64_t responses[LK_HTTP_MAX_STATUSES], n_failed_handshakes;
    struct lk_timer stop_timer;
    size_t n_open; /* messages whose caller is being verified, or that have no reply yet */
    struct admission *admissions; /* those whose caller is being verified */
    size_t n_judging;
    bool stopping, cancelled, reported;
    void (*stopped)(void *arg);
    void *stopped_arg;
    struct readiness readiness;
    uint64_t next_memory_warning_ms;
};

struct connection *lk_http_connection(h2o_req_t *req);
/* Ends the connection of a request that has not been answered, without another byte. */
void lk_http_abort(h2o_req_t *req);
/* Ends the connection in the middle of an answer that was begun. Nothing of it may be on its way.
 */
void lk_http_break(h2o_req_t *req);
/* A request that has come already is answered, then the connection ends. */
void lk_http_read_no_more(struct connection *connection);
/* Reports the end of a stop when nothing is left to wait for. */
void lk_http_check_stopped(struct lk_http_server *server);

/* Frees a connection that is over and not waited for. */
void lk_http_connection_release(struct connection *connection);

/* A whole request has come in; it has been answered; it is a client's that only listens, so this is
 * one of those to be ended first although it waits for its answer. */
void lk_http_connection_begin(struct connection *connection);
void lk_http_connection_rest(struct connection *connection);
void lk_http_connection_spare(struct connection *connection);
/* Ends it without another byte in either direction. */
void lk_http_connection_cut(struct connection *connection);
/* It counts as idle from now on, and not for longer. */
void lk_http_connection_renew(struct connection *connection);
/* The last of its answer, so many bytes, is handed to h2o: if the client does not take it soon,
 * this is likewise one of those to be ended first. */
void lk_http_connection_answered(struct connection *connection, size_t bytes);

/* ---- http.c, for http_listen.c; on the server's own thread ---- */

/* A connection that was accepted for this server. */
void lk_http_server_take(struct lk_http_server *server, int fd);
/* Ends the connection that has been idle for longest. */
void lk_http_server_evict(struct lk_http_server *server);

/* From now on h2o reads requests from it. */
void lk_http_connection_open(struct connection *connection);

/* ---- http_tls.c ---- */

/* Makes the handshake, then lk_http_connection_open; or closes the connection. */
void lk_http_tls_begin(struct connection *connection);
/* The connection is closed; legal for one that never began. */
void lk_http_tls_end(struct connection *connection);

/* ---- http_listen.c ---- */

/* On the listener's thread, or before any other runs. */
void lk_http_listener_join(struct lk_http_listener *listener, struct lk_http_server *server);
void lk_http_listener_leave(struct lk_http_listener *listener, struct lk_http_server *server);
/* From the server's thread: one of its connections is idle now, or is no more. */
void lk_http_listener_wake(struct lk_http_listener *listener, const struct lk_http_server *server);
void lk_http_listener_ended(struct lk_http_listener *listener, const struct lk_http_server *server);

/* ---- http_head.c ---- */

void lk_http_head_watch(struct connection *connection);
void lk_http_head_watch_soon(struct connection *connection);

/* ---- http_memory.c ---- */

/* More of its request has been read. */
void lk_http_hold_request(struct connection *connection);
/* So many bytes of its answer wait for the client to take them. */
void lk_http_hold_answer(struct connection *connection, size_t bytes);
/* Neither is in memory any more. */
void lk_http_hold_nothing(struct connection *connection);

/* ---- http_routes.c ---- */

void lk_http_register_routes(struct lk_http_server *server, h2o_hostconf_t *host);
/* It is the turn of the connection's next request, if that has come in already. */
void lk_http_route_next(struct connection *connection);

/* The header of that name, trimmed; several are joined with ", " (RFC 9110 section 5.3). ptr is
 * NULL only when there is none. */
struct lk_str lk_http_header(h2o_req_t *req, struct lk_str name);
/* `name` and `value` live as long as the request's pool. */
void lk_http_add_header(h2o_req_t *req, struct lk_str name, struct lk_str value);

/* Answers; the body is JSON and is copied, or (_borrow) lives until the request is disposed of. */
void lk_http_respond(h2o_req_t *req, int status, struct lk_str body);
void lk_http_respond_borrow(h2o_req_t *req, int status, struct lk_str body);
/* Of another media type than JSON; the body is borrowed. */
void lk_http_respond_as(h2o_req_t *req, int status, struct lk_str type, struct lk_str body);
/* A JSON-RPC error without id, which is what MCP clients look for in a refusal. */
void lk_http_refuse(h2o_req_t *req, int status, const char *message);

/* For the metrics; every way to answer does. */
void lk_http_count(struct lk_http_server *server, int status);

/* Calls fn(arg) when h2o is done with the request, answered or not. */
void lk_http_on_dispose(h2o_req_t *req, void (*fn)(void *arg), void *arg);

/* ---- http_guard.c ---- */

/* Answers and returns false when the request may not come in. */
bool lk_http_guard_framing(h2o_req_t *req);
bool lk_http_guard_place(struct lk_http_server *server, h2o_req_t *req); /* Host, Origin */

/* Calls each(arg, item) for the trimmed items until one returns true; whether one did. */
bool lk_http_list_any(struct lk_str list, bool (*each)(void *arg, struct lk_str item), void *arg);

/* ---- http_auth.c ---- */

/* The caller is known (NULL: callers are not told apart) and lives in the arena, which goes over to
 * whoever is told. */
typedef void lk_http_admitted(struct lk_http_server *server, h2o_req_t *req, struct lk_arena *arena,
                              const struct mcp_caller *caller);

/* Calls `then`, at once or later, or answers the request itself. */
void lk_http_admit(struct lk_http_server *server, h2o_req_t *req, lk_http_admitted *then);
/* Gives up all verifications, and the connections that wait for them. */
void lk_http_auth_drop(struct lk_http_server *server);

/* Answers and returns false when there is a token in the query string. */
bool lk_http_guard_query(struct lk_http_server *server, h2o_req_t *req);

/* Adds a WWW-Authenticate header; what is NULL or empty is left out. */
void lk_http_challenge(struct lk_http_server *server, h2o_req_t *req, const char *error,
                       const char *description, struct lk_str scope);
/* The challenge of a 401; why is NULL when there was no token. */
void lk_http_challenge_token(struct lk_http_server *server, h2o_req_t *req, const char *why);
/* Answers 401; why is NULL when there was no token. */
void lk_http_refuse_token(struct lk_http_server *server, h2o_req_t *req, const char *why);
/* Adds the challenge of an answer that is a 403 for want of that scope. */
void lk_http_demand_scope(struct lk_http_server *server, h2o_req_t *req,
                          const struct mcp_caller *caller, struct lk_str scope);

bool lk_http_is_metadata(const struct lk_http_server *server, struct lk_str path);
void lk_http_metadata_get(struct lk_http_server *server, h2o_req_t *req);
void lk_http_introspect_get(struct lk_http_server *server, h2o_req_t *req);
void lk_http_metrics_get(struct lk_http_server *server, h2o_req_t *req);

/* ---- http_stream.c ---- */

/* Zeroed: not begun. */
struct lk_http_stream {
    h2o_generator_t generator; /* first: h2o hands it back */
    struct lk_http_server *server;
    h2o_req_t *req;       /* NULL: not begun, or cleaned up */
    struct lk_timer idle; /* then a comment keeps proxies from closing the connection */
    struct lk_buf sending, waiting;
    struct lk_str last; /* the response */
    bool busy, ended;
};

/* Whether the Accept header names text/event-stream. A mere wildcard does not count: who sends that
 * may expect JSON all the same. */
bool lk_http_wants_stream(h2o_req_t *req);
/* Answers 200 and the headers. */
void lk_http_stream_begin(struct lk_http_stream *stream, struct lk_http_server *server,
                          h2o_req_t *req);
/* One message, without line breaks; copied. Dropped when the client is too far behind. */
void lk_http_stream_send(struct lk_http_stream *stream, struct lk_str message);
/* A comment, which tells proxies and clients that it is not forgotten, and nothing else. */
void lk_http_stream_keep_alive(struct lk_http_stream *stream);
/* The response, after all that was sent before; borrowed until the request is disposed of. The
 * stream may be gone when this returns. */
void lk_http_stream_end(struct lk_http_stream *stream, struct lk_str last);
/* Ends the connection instead, without another byte. The stream may be gone when this returns. */
void lk_http_stream_abort(struct lk_http_stream *stream);
/* To be called when the request is disposed of; a stream that was not begun is legal. */
void lk_http_stream_clean_up(struct lk_http_stream *stream);

/* ---- http_headers.c ---- */

struct lk_http_field {
    struct lk_str name, value;
};
struct lk_http_headers {
    struct lk_http_field *items;
    size_t n;
};
/* Copies what calls may ask for: the protocol's headers, and options.forward_headers. */
void lk_http_headers_copy(struct lk_http_headers *headers, struct lk_arena *arena,
                          struct lk_http_server *server, h2o_req_t *req);
/* ptr NULL: there is none. */
struct lk_str lk_http_headers_get(const struct lk_http_headers *headers, struct lk_str name);
/* "https://host:port", as the request names this server. */
struct lk_str lk_http_origin(struct lk_arena *arena, h2o_req_t *req);
/* The client's address, as bytes; of IPv6 the network, since a host there has as many addresses as
 * it likes. */
struct lk_str lk_http_from(struct lk_arena *arena, h2o_req_t *req);
/* The same as people write it, for logs; empty: it is not known. */
struct lk_str lk_http_client(struct lk_arena *arena, h2o_req_t *req);
/* By which the client, or a gateway, knows the request; else one of our own. The answer gets it as
 * a header. */
struct lk_str lk_http_request_id(struct lk_http_server *server, h2o_req_t *req,
                                 struct lk_arena *arena);

/* ---- http_export.c ---- */

bool lk_http_is_export(struct lk_str path);
/* The arena goes over to the export; the caller, in it, may be NULL. */
void lk_http_export_get(struct lk_http_server *server, h2o_req_t *req, struct lk_arena *arena,
                        const struct mcp_caller *caller);

/* ---- http_mcp.c, http_ready.c, http_page.c ---- */

/* The arena goes over to the exchange; the caller, in it, may be NULL. */
void lk_http_mcp_post(struct lk_http_server *server, h2o_req_t *req, struct lk_arena *arena,
                      const struct mcp_caller *caller);
/* The client is to be told that there is nothing more to hear, if it only listens. */
void lk_http_exchange_end_listening(struct exchange *exchange);
/* The exchange's client is to be dropped, whatever its call does. */
void lk_http_exchange_drop(struct exchange *exchange);
void lk_http_ready_get(struct lk_http_server *server, h2o_req_t *req);
/* Calls `then` once server->readiness is known, at once or later; not if the client goes first. */
void lk_http_when_ready_is_known(struct lk_http_server *server, h2o_req_t *req,
                                 void (*then)(struct lk_http_server *server, h2o_req_t *req));
/* The connection is to end: if its client waits for the verdict, it gets none. */
void lk_http_ready_give_up(struct connection *connection);
/* Cancels the check, and drops who waits for it. */
void lk_http_ready_drop(struct lk_http_server *server);
void lk_http_page_get(struct lk_http_server *server, h2o_req_t *req);
void lk_http_style_get(struct lk_http_server *server, h2o_req_t *req);

#endif
