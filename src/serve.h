/*
 * Serving: a worker on stdio, or one a thread behind one HTTP listener, until the end.
 *
 *     main thread: first worker, listener, signals, the identity plug-in
 *     others:      a worker each
 *
 *     SIGHUP ──> the certificate is read again, if there is one
 *     SIGTERM, SIGINT ──> no new connections ──> every worker lets its calls finish, cancels those
 *     that do not, logs out ──> its thread is done ──> the main thread ends last
 */
#ifndef LK_SERVE_H
#define LK_SERVE_H

#include "shared.h"
#include "transport/http_tls.h"

/* How many workers these settings mean: LOOKER_THREADS over HTTP, otherwise one. Without that
 * setting it is the processors that this process may use. */
unsigned lk_serve_workers(const struct lk_config *config);

/* Serves until end of input (stdio), SIGTERM or SIGINT; asked twice, it does not wait. False with
 * LK_ERROR_CONFIG (the port is taken, say) or LK_ERROR_INTERNAL (a thread or a worker cannot be
 * had); then nothing runs any more. */
bool lk_serve(struct lk_shared *shared, struct lk_error *err);

/* Reads LOOKER_TLS_CERT_FILE and LOOKER_TLS_KEY_FILE, which are set; as lk_http_tls_read. */
bool lk_serve_read_tls(const struct lk_config *config, const struct lk_log *log,
                       struct lk_http_tls **ret_tls, struct lk_error *err);

#endif
