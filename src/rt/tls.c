/*
 * The client's side of TLS (tls.h): OpenSSL on the socket itself. Its error queue belongs to the
 * thread, so it is emptied before each call that is judged by it.
 */
#include "rt/tls.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct lk_tls_context {
    SSL_CTX *ctx;
};

struct lk_tls {
    SSL *ssl;
};

/* The youngest of the queue's errors, which is the one nearest to the cause. */
static bool fail(const char *what, struct lk_error *err)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    return lk_fail(err, LK_ERROR_TLS, "%s: %s", what,
                   reason != NULL ? reason : "the TLS library does not say why");
}

bool lk_tls_context_new(bool verify, const char *ca_file, struct lk_tls_context **ret_context,
                        struct lk_error *err)
{
    struct lk_tls_context *context = lk_memory_new(sizeof(*context));
    bool ok;

    ERR_clear_error();
    context->ctx = SSL_CTX_new(TLS_client_method());
    ok = context->ctx != NULL && SSL_CTX_set_min_proto_version(context->ctx, TLS1_2_VERSION) == 1;
    if (!ok)
        fail("cannot set up TLS", err);
    else if (!(ok = ca_file != NULL ? SSL_CTX_load_verify_file(context->ctx, ca_file) == 1
                                    : SSL_CTX_set_default_verify_paths(context->ctx) == 1))
        fail("the CA certificates cannot be read", err);
    if (!ok) {
        lk_tls_context_free(context);
        return false;
    }
    SSL_CTX_set_mode(context->ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context->ctx, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    *ret_context = context;
    return true;
}

void lk_tls_context_free(struct lk_tls_context *context)
{
    if (context == NULL)
        return;
    SSL_CTX_free(context->ctx);
    free(context);
}

/* An address is compared with the certificate's addresses, and no server name is sent for it. */
static bool set_host(SSL *ssl, const char *host)
{
    unsigned char bytes[16];

    if (inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

bool lk_tls_new(struct lk_tls_context *context, int fd, const char *host, struct lk_tls **ret_tls,
                struct lk_error *err)
{
    struct lk_tls *tls = lk_memory_new(sizeof(*tls));

    ERR_clear_error();
    tls->ssl = SSL_new(context->ctx);
    if (tls->ssl == NULL || SSL_set_fd(tls->ssl, fd) != 1 || !set_host(tls->ssl, host)) {
        fail("cannot set up TLS", err);
        lk_tls_free(tls);
        return false;
    }
    SSL_set_connect_state(tls->ssl);
    *ret_tls = tls;
    return true;
}

void lk_tls_free(struct lk_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    free(tls);
}

/* What `result`, not positive, of an SSL_ function means. */
static enum lk_tls_step judge(struct lk_tls *tls, int result, struct lk_error *err)
{
    long verified = SSL_get_verify_result(tls->ssl);

    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return LK_TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return LK_TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return LK_TLS_CLOSED;
    case SSL_ERROR_SYSCALL:
        return LK_TLS_CLOSED; /* the socket failed */
    default:
        if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
            return LK_TLS_CLOSED;
        if (verified != X509_V_OK && SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE)
            lk_fail(err, LK_ERROR_TLS, "the certificate cannot be verified: %s",
                    X509_verify_cert_error_string(verified));
        else
            fail("TLS failed", err);
        return LK_TLS_FAILED;
    }
}

enum lk_tls_step lk_tls_handshake(struct lk_tls *tls, struct lk_error *err)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(tls->ssl);
    return result == 1 ? LK_TLS_DONE : judge(tls, result, err);
}

enum lk_tls_step lk_tls_read(struct lk_tls *tls, char *bytes, size_t size, size_t *ret_n,
                             struct lk_error *err)
{
    int result;

    ERR_clear_error();
    result = SSL_read_ex(tls->ssl, bytes, size, ret_n);
    return result == 1 ? LK_TLS_DONE : judge(tls, result, err);
}

enum lk_tls_step lk_tls_write(struct lk_tls *tls, const char *bytes, size_t len, size_t *ret_n,
                              struct lk_error *err)
{
    int result;

    ERR_clear_error();
    result = SSL_write_ex(tls->ssl, bytes, len, ret_n);
    return result == 1 ? LK_TLS_DONE : judge(tls, result, err);
}
