/*
 * Reading certificate and key (http_tls.h), and the handshake of a connection. Called by serve.c at
 * the start and on SIGHUP, and by http.c.
 *
 *     accepted ──> handshake ──> h2o reads requests
 *                      └─ failed, or REQUEST_TIMEOUT over: closed
 *
 * The handshake is made here rather than by h2o_accept, which takes a client that talks about h2 at
 * its word.
 */
#include "transport/http_tls.h"

#include "transport/http_internal.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

/* An SSL_CTX counts its holders itself; it is this struct under another name. */
static SSL_CTX *context(struct lk_http_tls *tls)
{
    return (SSL_CTX *)tls;
}

struct lk_http_tls *lk_http_tls_hold(struct lk_http_tls *tls)
{
    if (tls != NULL)
        SSL_CTX_up_ref(context(tls));
    return tls;
}

void lk_http_tls_release(struct lk_http_tls *tls)
{
    SSL_CTX_free(context(tls));
}

/* ---- reading ---- */

static bool fail(struct lk_error *err, const char *name, const char *path, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    lk_fail(err, LK_ERROR_CONFIG, "%s=%s: %s", name, path, what);
    if (reason != NULL)
        lk_error_detail(err, "%s", reason);
    ERR_clear_error();
    return false;
}

/* There is nobody to ask. */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
    bool *asked = arg;

    (void)buf;
    (void)size;
    (void)rwflag;
    *asked = true;
    return -1;
}

static bool read_files(SSL_CTX *ctx, const struct lk_http_tls_files *files, struct lk_error *err)
{
    bool encrypted = false;

    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, &encrypted);
    if (SSL_CTX_use_certificate_chain_file(ctx, files->cert) != 1)
        return fail(err, files->cert_name, files->cert,
                    "a readable file with a certificate chain in PEM is expected");
    if (SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM) == 1)
        return true;
    if (encrypted)
        return fail(err, files->key_name, files->key,
                    "the key is encrypted, and there is nobody to ask for the password; store it "
                    "without one, readable for this server alone");
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
        return fail(err, files->key_name, files->key,
                    "the key does not belong to the certificate; give both of one and the same");
    return fail(err, files->key_name, files->key,
                "a readable file with the certificate's private key in PEM is expected");
}

static void check_dates(SSL_CTX *ctx, const struct lk_http_tls_files *files,
                        const struct lk_log *log)
{
    const X509 *cert = SSL_CTX_get0_certificate(ctx);

    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
        lk_log_warning(log, "tls.certificate_expired", lk_log_text("file", files->cert));
    else if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
        lk_log_warning(log, "tls.certificate_not_valid_yet", lk_log_text("file", files->cert));
}

/* Only http/1.1: who offers protocols and not that one is refused (RFC 7301 section 3.2). */
static int select_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                           const unsigned char *offered, unsigned offered_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof(ours) - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void set_up(SSL_CTX *ctx)
{
    static const unsigned char name[] = "looker-mcp-server";

    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* most connections are idle */
    SSL_CTX_set_session_id_context(ctx, name, sizeof(name) - 1);
    SSL_CTX_set_alpn_select_cb(ctx, select_protocol, NULL);
}

bool lk_http_tls_read(const struct lk_http_tls_files *files, const struct lk_log *log,
                      struct lk_http_tls **ret_tls, struct lk_error *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL)
        return fail(err, files->cert_name, files->cert, "OpenSSL has no memory for it");
    if (!read_files(ctx, files, err)) {
        SSL_CTX_free(ctx);
        return false;
    }
    SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
    set_up(ctx);
    check_dates(ctx, files, log);
    *ret_tls = (struct lk_http_tls *)ctx;
    return true;
}

/* ---- the handshake ---- */

uint64_t lk_http_server_failed_handshakes(const struct lk_http_server *server)
{
    return atomic_load_explicit(&((struct lk_http_server *)server)->n_failed_handshakes,
                                memory_order_relaxed);
}

static void on_handshake(h2o_socket_t *sock, const char *why)
{
    struct connection *connection = sock->on_close.data;
    struct lk_http_server *server = connection->server;

    lk_timer_stop(server->options.loop, &connection->handshake_timer);
    ERR_clear_error();
    if (why == NULL) {
        lk_http_connection_open(connection);
        return;
    }
    atomic_fetch_add_explicit(&server->n_failed_handshakes, 1, memory_order_relaxed);
    lk_log_debug(server->options.log, "tls.handshake_failed", lk_log_text("why", why));
    h2o_socket_close(sock);
}

static void on_too_slow(void *arg)
{
    struct connection *connection = arg;

    atomic_fetch_add_explicit(&connection->server->n_failed_handshakes, 1, memory_order_relaxed);
    h2o_socket_close(connection->sock);
}

void lk_http_tls_begin(struct connection *connection)
{
    struct lk_http_server *server = connection->server;

    connection->tls = lk_http_tls_hold(server->tls);
    connection->handshake_timer = lk_timer(on_too_slow, connection);
    lk_timer_start(server->options.loop, &connection->handshake_timer,
                   server->options.request_timeout_ms);
    h2o_socket_ssl_handshake(connection->sock, context(connection->tls), NULL, on_handshake);
}

void lk_http_tls_end(struct connection *connection)
{
    lk_timer_stop(connection->server->options.loop, &connection->handshake_timer);
    lk_http_tls_release(connection->tls);
    connection->tls = NULL;
}
