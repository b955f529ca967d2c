/*
 * TLS of the HTTP client: what it refuses, and that its errors say which of the reasons it was.
 * Certificates are made when the test runs.
 */
#include "certificate.h"
#include "client.h"
#include "peer.h"

static bool answer(struct peer_connection *c)
{
    return peer_reply(c, "200 OK", "", c->path[1] == 'l' ? "a larger one" : "ok");
}

struct fixture {
    struct certificate certificate;
    struct peer peer;
    struct client client;
};

static void open_fixture(struct fixture *f, const char *names, long valid_s,
                         struct lk_http_options options, bool trust)
{
    *f = (struct fixture){.peer = {.answer = answer}};
    f->certificate = certificate_new(names, valid_s);
    f->peer.tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(f->peer.tls, f->certificate.x509);
    SSL_CTX_use_PrivateKey(f->peer.tls, f->certificate.key);
    peer_start(&f->peer);
    if (trust)
        options.ca_file = f->certificate.file;
    client_open(&f->client, &options);
}

static struct call get(struct fixture *f, const char *path)
{
    struct call call = {0};

    snprintf(call.url, sizeof(call.url), "https://localhost:%u%s", f->peer.port, path);
    call_now(&call, &f->client);
    return call;
}

static void close_fixture(struct fixture *f)
{
    client_close(&f->client);
    peer_stop(&f->peer);
    certificate_free(&f->certificate);
}

#define NAMES "DNS:localhost,IP:127.0.0.1"
#define HOUR 3600
static const struct lk_http_options strict = {.verify_tls = true};

static void assert_refused(const struct call *call, const char *message, const char *detail)
{
    assert_false(call->ok);
    assert_int_equal(call->err.kind, LK_ERROR_TLS);
    assert_has(call->err.message, "localhost:");
    assert_has(call->err.message, message);
    assert_has(call->err.detail, detail);
    assert_null(strstr(call->err.message, "secret"));
    assert_null(strstr(call->err.detail, "secret"));
}

static void test_trusted(void **state)
{
    struct fixture f;

    (void)state;
    open_fixture(&f, NAMES, HOUR, strict, true);
    for (int i = 0; i < 3; i++) {
        struct call call = get(&f, "/");

        assert_true(call.ok);
        assert_str(call.answer.body, "ok");
    }
    assert_int_equal(f.peer.n_accepted, 1);
    close_fixture(&f);
}

static void test_self_signed(void **state)
{
    struct fixture f;
    struct call call;

    (void)state;
    open_fixture(&f, NAMES, HOUR, strict, false);
    call = get(&f, "/?secret");
    assert_refused(&call, "could not prove who it is", "self");
    assert_has(call.err.message, "CA file");
    close_fixture(&f);

    open_fixture(&f, NAMES, HOUR, (struct lk_http_options){.verify_tls = false}, false);
    assert_true(get(&f, "/").ok);
    close_fixture(&f);
}

static void test_expired(void **state)
{
    struct fixture f;
    struct call call;

    (void)state;
    open_fixture(&f, NAMES, -60, strict, true);
    call = get(&f, "/?secret");
    assert_refused(&call, "could not prove who it is", "expired");
    close_fixture(&f);
}

static void test_wrong_name(void **state)
{
    struct fixture f;
    struct call call;

    (void)state;
    open_fixture(&f, "DNS:other.example", HOUR, strict, true);
    call = get(&f, "/?secret");
    assert_refused(&call, "another name", "localhost");
    close_fixture(&f);
}

static void test_old_tls(void **state)
{
    struct fixture f;
    struct call call;

    (void)state;
    open_fixture(&f, NAMES, HOUR, strict, true);
    SSL_CTX_set_security_level(f.peer.tls, 0);
    SSL_CTX_set_max_proto_version(f.peer.tls, TLS1_1_VERSION);
    call = get(&f, "/?secret");
    assert_refused(&call, "TLS 1.2", "");
    close_fixture(&f);
}

static void test_no_tls_at_all(void **state)
{
    struct fixture f;
    struct call call;

    (void)state;
    open_fixture(&f, NAMES, HOUR, strict, true);
    SSL_CTX_free(f.peer.tls);
    f.peer.tls = NULL;
    call = (struct call){.request.timeout_ms = 500};
    snprintf(call.url, sizeof(call.url), "https://localhost:%u/?secret", f.peer.port);
    call_now(&call, &f.client);
    /* It waits for the end of a request that never comes. */
    assert_false(call.ok);
    assert_int_equal(call.err.kind, LK_ERROR_TIMEOUT);
    assert_has(call.err.message, "no connection with localhost");
    close_fixture(&f);
}

static void test_ca_file_missing(void **state)
{
    struct fixture f;
    struct call call;

    (void)state;
    open_fixture(&f, NAMES, HOUR,
                 (struct lk_http_options){.verify_tls = true, .ca_file = "/nonexistent.pem"},
                 false);
    call = get(&f, "/?secret");
    assert_refused(&call, "CA file setting", "/nonexistent.pem");
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trusted),         cmocka_unit_test(test_self_signed),
        cmocka_unit_test(test_expired),         cmocka_unit_test(test_wrong_name),
        cmocka_unit_test(test_old_tls),         cmocka_unit_test(test_no_tls_at_all),
        cmocka_unit_test(test_ca_file_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
