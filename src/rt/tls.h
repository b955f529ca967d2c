/*
 * TLS over a socket that does not block: for connections that are not curl's. Only this module of
 * rt includes OpenSSL's headers.
 */
#ifndef LK_RT_TLS_H
#define LK_RT_TLS_H

#include "base/error.h"

/* What may be shared by connections. LK_ERROR_TLS: the CA file cannot be used. */
struct lk_tls_context;
bool lk_tls_context_new(bool verify, const char *ca_file, struct lk_tls_context **ret_context,
                        struct lk_error *err);
void lk_tls_context_free(struct lk_tls_context *context); /* NULL is legal */

enum lk_tls_step {
    LK_TLS_DONE,
    LK_TLS_WANT_READ, /* call again when the socket can be read, or written */
    LK_TLS_WANT_WRITE,
    LK_TLS_CLOSED, /* by the peer */
    LK_TLS_FAILED, /* the error is set: LK_ERROR_TLS */
};

/* The client's side of a connection on a connected socket, which stays the caller's. host, as the
 * certificate has to name it (a name or an address), is NUL-terminated and borrowed for the call.
 */
struct lk_tls;
bool lk_tls_new(struct lk_tls_context *context, int fd, const char *host, struct lk_tls **ret_tls,
                struct lk_error *err);
void lk_tls_free(struct lk_tls *tls); /* NULL is legal */

enum lk_tls_step lk_tls_handshake(struct lk_tls *tls, struct lk_error *err);
/* DONE: *ret_n of them, at least one. */
enum lk_tls_step lk_tls_read(struct lk_tls *tls, char *bytes, size_t size, size_t *ret_n,
                             struct lk_error *err);
/* len is not 0. DONE: *ret_n were taken. WANT_…: call again with the same bytes, perhaps more. */
enum lk_tls_step lk_tls_write(struct lk_tls *tls, const char *bytes, size_t len, size_t *ret_n,
                              struct lk_error *err);

#endif
