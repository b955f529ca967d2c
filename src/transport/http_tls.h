/*
 * TLS towards clients: a certificate chain and its key, read from PEM files into what connections
 * are accepted with. TLS 1.2 and 1.3; of application protocols http/1.1 only (http.h says why).
 */
#ifndef LK_TRANSPORT_HTTP_TLS_H
#define LK_TRANSPORT_HTTP_TLS_H

#include "base/error.h"
#include "base/log.h"

struct lk_http_tls; /* never changed once it is read: safe to use from any thread */

struct lk_http_tls_files {
    const char *cert, *key;           /* paths; the certificate first, then those that signed it */
    const char *cert_name, *key_name; /* what users call the two, for errors */
};

/*
 * Reads both. A certificate that has expired, or is not valid yet, is served all the same, and a
 * warning logged. Errors: LK_ERROR_CONFIG: a file cannot be read or is not PEM, the key is
 * encrypted, or belongs to another certificate.
 */
bool lk_http_tls_read(const struct lk_http_tls_files *files, const struct lk_log *log,
                      struct lk_http_tls **ret_tls, struct lk_error *err);

/* One holder more, one less; the last one frees it. NULL is legal. */
struct lk_http_tls *lk_http_tls_hold(struct lk_http_tls *tls);
void lk_http_tls_release(struct lk_http_tls *tls);

#endif
