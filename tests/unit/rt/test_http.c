/*
 * The HTTP client against a server that answers well, badly, late, half, or not at all.
 */
#include "client.h"
#include "peer.h"

#include <time.h>

struct fixture {
    struct client client;
    struct peer peer;
};

/* ---- the answers ---- */

static bool answer_ok(struct peer_connection *c)
{
    return peer_reply(c, "200 OK", "Content-Type: application/json; charset=utf-8\r\n",
                      "{\"a\":1}");
}

static bool answer_echo(struct peer_connection *c)
{
    return peer_reply(c, "200 OK", "", c->request);
}

static bool answer_chunked(struct peer_connection *c)
{
    return peer_send(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n") &&
           peer_send(c, "5\r\nhello\r\n6\r\n world\r\n0\r\nX: HTTP/1.1\r\n\r\n");
}

static bool answer_204(struct peer_connection *c)
{
    return peer_send(c, "HTTP/1.1 204 No Content\r\n\r\n");
}

/* /large/N: N bytes */
static bool answer_large(struct peer_connection *c)
{
    size_t left = strtoul(c->path + strlen("/large/"), NULL, 10);
    char head[100], block[8192];

    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", left);
    memset(block, 'x', sizeof(block));
    if (!peer_send(c, head))
        return false;
    for (size_t n; left > 0; left -= n) {
        n = left < sizeof(block) ? left : sizeof(block);
        if (!peer_send_n(c, block, n))
            return false;
    }
    return true;
}

/* 100,000 times the character 0 */
static bool answer_gzip(struct peer_connection *c)
{
    static const unsigned char zipped[] = {
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x31, 0x01, 0x00,
        0x00, 0x00, 0xc2, 0xa0, 0x4a, 0xeb, 0x9f, 0xce, 0x1a, 0x1e, 0x40, 0x01, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0xaf, 0x06, 0x85, 0xc2, 0x4d, 0xc5, 0xa0, 0x86, 0x01, 0x00};
    char head[100];

    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
             sizeof(zipped));
    return peer_send(c, head) && peer_send_n(c, (const char *)zipped, sizeof(zipped));
}

static bool answer_redirect(struct peer_connection *c)
{
    return peer_reply(c, "302 Found", "Location: /ok\r\n", "elsewhere");
}

static bool answer_interim(struct peer_connection *c)
{
    return peer_send(c, "HTTP/1.1 103 Early Hints\r\nRetry-After: 7\r\n\r\n") && answer_ok(c);
}

static bool answer_retry(struct peer_connection *c)
{
    return peer_reply(c, "429 Too Many Requests", "retry-after:  17 \r\n", "{}");
}

static bool answer_retry_huge(struct peer_connection *c)
{
    return peer_reply(c, "503 Busy", "Retry-After: 99999999999999999999999\r\n", "");
}

static bool answer_retry_nonsense(struct peer_connection *c)
{
    return peer_reply(c, "503 Busy", "Retry-After: soon\r\n", "");
}

static bool answer_retry_date(struct peer_connection *c)
{
    time_t then = time(NULL) + 100;
    char header[100];

    strftime(header, sizeof(header), "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime(&then));
    return peer_reply(c, "503 Busy", header, "");
}

static bool answer_retry_past(struct peer_connection *c)
{
    return peer_reply(c, "503 Busy", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", "");
}

/* A whole answer that promises a connection, which then ends. */
static bool answer_and_close(struct peer_connection *c)
{
    (void)answer_ok(c);
    return false;
}

static bool cut_at_once(struct peer_connection *c)
{
    (void)c;
    return false;
}

static bool cut_in_header(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 200 OK\r\nContent-Ty");
    return false;
}

static bool cut_in_body(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    return false;
}

static bool cut_in_chunk(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
    return false;
}

static bool answer_not_http(struct peer_connection *c)
{
    peer_send(c, "SSH-2.0-OpenSSH_9.2\r\n");
    return peer_wait_for_close(c);
}

static bool answer_never(struct peer_connection *c)
{
    return peer_wait_for_close(c);
}

static bool answer_half(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    return peer_wait_for_close(c);
}

static bool answer_slowly(struct peer_connection *c)
{
    usleep(50000);
    return answer_ok(c);
}

static bool answer_many_headers(struct peer_connection *c)
{
    if (!peer_send(c, "HTTP/1.1 200 OK\r\n"))
        return false;
    for (int i = 0; i < 2000; i++)
        if (!peer_send(c, "X-Header: value\r\n"))
            return false;
    return peer_send(c, "Content-Length: 0\r\n\r\n");
}

/* Closes an idle connection without having said so: the next request on it is lost. */
static bool answer_then_close(struct peer_connection *c)
{
    if (c->n_requests > 1)
        return false;
    return answer_ok(c);
}

static const struct {
    const char *path;
    bool (*answer)(struct peer_connection *c);
} answers[] = {
    {"/ok-close", answer_and_close},
    {"/ok", answer_ok},
    {"/echo", answer_echo},
    {"/chunked", answer_chunked},
    {"/204", answer_204},
    {"/large/", answer_large},
    {"/gzip", answer_gzip},
    {"/redirect", answer_redirect},
    {"/interim", answer_interim},
    {"/retry/17", answer_retry},
    {"/retry/huge", answer_retry_huge},
    {"/retry/nonsense", answer_retry_nonsense},
    {"/retry/date", answer_retry_date},
    {"/retry/past", answer_retry_past},
    {"/cut/once", cut_at_once},
    {"/cut/header", cut_in_header},
    {"/cut/body", cut_in_body},
    {"/cut/chunk", cut_in_chunk},
    {"/not-http", answer_not_http},
    {"/never", answer_never},
    {"/half", answer_half},
    {"/slowly", answer_slowly},
    {"/many-headers", answer_many_headers},
    {"/then-close", answer_then_close},
};

static bool answer(struct peer_connection *c)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        if (strncmp(c->path, answers[i].path, strlen(answers[i].path)) == 0)
            return answers[i].answer(c);
    return peer_reply(c, "404 Not Found", "", "");
}

/* ---- fixture ---- */

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->peer.answer = answer;
    peer_start(&f->peer);
    client_open(&f->client, &(struct lk_http_options){.verify_tls = true,
                                                      .user_agent = "unit-test",
                                                      .connect_timeout_ms = 60000, /* valgrind */
                                                      .max_in_flight = 128});
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    client_close(&f->client);
    peer_stop(&f->peer);
    free(f);
    return 0;
}

static struct call call_for(const struct fixture *f, const char *path)
{
    struct call call = {0};

    snprintf(call.url, sizeof(call.url), "http://127.0.0.1:%u%s", f->peer.port, path);
    return call;
}

static struct call get(struct fixture *f, const char *path)
{
    struct call call = call_for(f, path);

    call_now(&call, &f->client);
    return call;
}

/* "127.0.0.1:PORT" and neither path nor query. */
static void assert_names_peer(const struct fixture *f, const struct lk_error *err)
{
    char where[40];

    snprintf(where, sizeof(where), "127.0.0.1:%u", f->peer.port);
    assert_has(err->message, where);
    assert_null(strstr(err->message, "secret"));
    assert_null(strstr(err->detail, "secret"));
}

/* ---- good answers ---- */

static void test_answer_and_reuse(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 5; i++) {
        struct call call = get(f, "/ok");

        assert_true(call.ok);
        assert_int_equal(call.answer.status, 200);
        assert_str(call.answer.content_type, "application/json; charset=utf-8");
        assert_str(call.answer.body, "{\"a\":1}");
        assert_int_equal(call.answer.retry_after_s, -1);
    }
    assert_int_equal(f->peer.n_accepted, 1);
}

/* What a peer does to an idle connection is noticed once, and costs no turn after turn. */
static void test_an_idle_connection_that_ends(void **state)
{
    struct fixture *f = *state;
    uint64_t until_ms;
    unsigned turns = 0;

    assert_true(get(f, "/ok-close").ok);
    until_ms = lk_loop_now_ms(f->client.loop) + 100;
    while (lk_loop_now_ms(f->client.loop) < until_ms) {
        lk_loop_run_once(f->client.loop, 20);
        turns++;
    }
    assert_true(turns < 20);
    assert_true(get(f, "/ok").ok);
    assert_true(get(f, "/ok").ok);
    assert_int_equal(f->peer.n_accepted, 2);
}

static bool refuse(void *arg, struct lk_error *err)
{
    unsigned *allowed = arg;

    return (*allowed)-- > 0 || lk_fail(err, LK_ERROR_UNSUPPORTED, "not any more");
}

/* Somebody has the last word, when there is a connection already. */
static void test_what_may_not_go(void **state)
{
    struct fixture *f = *state;
    struct call call = call_for(f, "/ok");
    unsigned allowed = 1;

    call.request = (struct lk_http_request){
        .method = "POST", .once = true, .may_go = refuse, .may_go_arg = &allowed};
    call_now(&call, &f->client);
    assert_true(call.ok);
    assert_int_equal(f->peer.n_requests, 1);
    call.err = (struct lk_error){0};
    allowed = 0;
    call_now(&call, &f->client);
    assert_false(call.ok);
    assert_int_equal(call.err.kind, LK_ERROR_UNSUPPORTED);
    assert_string_equal(call.err.message, "not any more");
    assert_true(call.err.unsent);
    assert_int_equal(f->peer.n_requests, 1);
    assert_true(get(f, "/ok").ok); /* the connection is as good as before */
}

/* A connection that closes as a request arrives: sent again, but not what must not be. */
static void test_what_must_not_be_sent_twice(void **state)
{
    struct fixture *f = *state;
    struct call call;

    assert_true(get(f, "/ok").ok);
    call = call_for(f, "/cut/once");
    call.request = (struct lk_http_request){.method = "POST", .once = true};
    call_now(&call, &f->client);
    assert_false(call.ok);
    assert_int_equal(call.err.kind, LK_ERROR_NETWORK);
    assert_has(call.err.message, "without an answer");
    assert_false(call.err.unsent);
    assert_int_equal(f->peer.n_requests, 2);
    for (int i = 0; f->peer.n_accepted < 2 && i < 5000; i++) /* a thread of its own accepts */
        usleep(1000);
    assert_int_equal(f->peer.n_accepted, 2); /* the one that curl opened to send it again */
    assert_true(get(f, "/ok").ok);
    call = call_for(f, "/cut/once");
    call.request = (struct lk_http_request){.method = "POST"};
    call_now(&call, &f->client);
    assert_false(call.ok);
    assert_true(f->peer.n_requests > 4);
}

static void test_bodies_of_all_kinds(void **state)
{
    struct fixture *f = *state;
    struct call call = get(f, "/chunked");

    assert_true(call.ok);
    assert_str(call.answer.body, "hello world");
    call = get(f, "/204");
    assert_true(call.ok);
    assert_int_equal(call.answer.status, 204);
    assert_int_equal(call.answer.body.len, 0);
    assert_int_equal(call.answer.content_type.len, 0);
    call = get(f, "/large/5000000");
    assert_true(call.ok);
    assert_int_equal(call.answer.body.len, 5000000);
    assert_int_equal(call.answer.body.ptr[4999999], 'x');
    call = get(f, "/gzip");
    assert_true(call.ok);
    assert_int_equal(call.answer.body.len, 100000);
    assert_int_equal(call.answer.body.ptr[99999], '0');
    call = get(f, "/missing");
    assert_true(call.ok);
    assert_int_equal(call.answer.status, 404);
    call = get(f, "/interim");
    assert_true(call.ok);
    assert_int_equal(call.answer.status, 200);
    assert_int_equal(call.answer.retry_after_s, -1); /* the one of the interim answer is its own */
    call = get(f, "/redirect");
    assert_true(call.ok);
    assert_int_equal(call.answer.status, 302);
    assert_str(call.answer.body, "elsewhere");
    assert_int_equal(f->peer.n_accepted, 1);
}

static void test_requests_as_they_were_meant(void **state)
{
    static const char *const headers[] = {"Authorization: token t0", "content-type: text/x", NULL};
    static const char *const methods[] = {"PATCH", "POST", "PUT", "DELETE", "GET"};
    struct fixture *f = *state;
    struct call call = call_for(f, "/echo?q=1%202");
    char line[80];

    call.request = (struct lk_http_request){
        .method = "PATCH", .headers = headers, .has_body = true, .body = LK_STR("{\"b\":2}")};
    call_now(&call, &f->client);
    assert_true(call.ok);
    assert_has(call.answer.body.ptr, "PATCH /echo?q=1%202 HTTP/1.1\r\n");
    assert_has(call.answer.body.ptr, "\r\nAuthorization: token t0\r\n");
    assert_has(call.answer.body.ptr, "\r\ncontent-type: text/x\r\n");
    assert_has(call.answer.body.ptr, "\r\nUser-Agent: unit-test\r\n");
    assert_has(call.answer.body.ptr, "\r\nContent-Length: 7\r\n");
    assert_has(call.answer.body.ptr, "\r\n\r\n{\"b\":2}");

    /* Handles are used again; nothing of the last request may be left on them. */
    for (size_t i = 0; i < 5; i++) {
        bool says_length = i < 3;

        call = call_for(f, "/echo");
        call.request.method = methods[i];
        call_now(&call, &f->client);
        assert_true(call.ok);
        snprintf(line, sizeof(line), "%s /echo HTTP/1.1\r\n", methods[i]);
        assert_has(call.answer.body.ptr, line);
        assert_null(strstr(call.answer.body.ptr, "Authorization"));
        assert_null(strcasestr(call.answer.body.ptr, "Content-Type"));
        assert_null(strstr(call.answer.body.ptr, "Expect"));
        assert_int_equal(strstr(call.answer.body.ptr, "\r\nContent-Length: 0\r\n") != NULL,
                         says_length);
    }
    call = call_for(f, "/ok");
    call.request.method = "HEAD";
    call_now(&call, &f->client);
    assert_true(call.ok);
    assert_int_equal(call.answer.body.len, 0);
    assert_true(get(f, "/ok").ok);
}

/* curl would like to wait for "100 Continue" first, which this server never says. */
static void test_a_large_body_is_sent_at_once(void **state)
{
    enum { BYTES = 1200 * 1024 };
    struct fixture *f = *state;
    struct call call = call_for(f, "/echo");
    char *body = malloc(BYTES);

    memset(body, 'b', BYTES);
    call.request =
        (struct lk_http_request){.method = "POST", .has_body = true, .body = lk_str_n(body, BYTES)};
    call_now(&call, &f->client);
    assert_true(call.ok);
    assert_true(call.answer.body.len > BYTES);
    assert_int_equal(call.answer.body.ptr[call.answer.body.len - 1], 'b');
    assert_null(strcasestr(call.answer.body.ptr, "Expect"));
    free(body);
}

static void test_retry_after(void **state)
{
    struct fixture *f = *state;
    struct call call = get(f, "/retry/17");

    assert_true(call.ok);
    assert_int_equal(call.answer.status, 429);
    assert_int_equal(call.answer.retry_after_s, 17);
    assert_int_equal(get(f, "/retry/huge").answer.retry_after_s, INT32_MAX);
    assert_int_equal(get(f, "/retry/nonsense").answer.retry_after_s, -1);
    assert_int_equal(get(f, "/retry/past").answer.retry_after_s, 0);
    call = get(f, "/retry/date");
    assert_in_range(call.answer.retry_after_s, 90, 100);
}

/* ---- bad answers ---- */

static void test_over_the_limit(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {"/large/1001?secret", "/gzip?secret"};
    struct call call = call_for(f, "/large/1000");

    call.request.max_answer_bytes = 1000;
    call_now(&call, &f->client);
    assert_true(call.ok);
    assert_int_equal(call.answer.body.len, 1000);
    for (size_t i = 0; i < 2; i++) {
        call = call_for(f, paths[i]);
        call.request.max_answer_bytes = 1000;
        call_now(&call, &f->client);
        assert_false(call.ok);
        assert_int_equal(call.err.kind, LK_ERROR_LIMIT);
        assert_has(call.err.message, "1000 bytes");
        assert_names_peer(f, &call.err);
    }
    call = get(f, "/many-headers?secret");
    assert_false(call.ok);
    assert_int_equal(call.err.kind, LK_ERROR_LIMIT);
    assert_has(call.err.message, "header");
    assert_names_peer(f, &call.err);
}

/* Two answers, each within its limit, but not both at once. */
static void test_over_the_budget(void **state)
{
    struct fixture *f = *state;
    struct client narrow;
    struct call call;

    client_open(&narrow, &(struct lk_http_options){.verify_tls = true, .max_total_bytes = 6000000});
    call = call_for(f, "/large/5000000");
    call_now(&call, &narrow);
    assert_true(call.ok);
    for (int i = 0; i < 2; i++) { /* what failed takes nothing */
        call = call_for(f, "/large/2000000");
        call_now(&call, &narrow);
        assert_false(call.ok);
        assert_int_equal(call.err.kind, LK_ERROR_LIMIT);
        assert_has(call.err.message, "6000000 bytes");
    }
    lk_arena_free(narrow.arena);
    narrow.arena = lk_arena_new();
    call = call_for(f, "/large/5000000");
    call_now(&call, &narrow);
    assert_true(call.ok);
    client_close(&narrow); /* whose arena is freed last */
}

static void test_cut_off(void **state)
{
    static const struct {
        const char *path, *says;
    } cases[] = {
        {"/cut/once?secret", "without an answer"},
        {"/cut/header?secret", "17 bytes of its header and 0 of its body"},
        {"/cut/body?secret", "40 bytes of its header and 9 of its body"},
        {"/cut/chunk?secret", "3 of its body"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct call call = get(f, cases[i].path);

        assert_false(call.ok);
        assert_int_equal(call.err.kind, LK_ERROR_NETWORK);
        assert_has(call.err.message, cases[i].says);
        assert_names_peer(f, &call.err);
        assert_false(call.err.unsent); /* the peer may have done what was asked */
    }
    assert_true(get(f, "/ok").ok);
}

static void test_not_http(void **state)
{
    struct fixture *f = *state;
    struct call call = get(f, "/not-http?secret");

    assert_false(call.ok);
    assert_int_equal(call.err.kind, LK_ERROR_NETWORK);
    assert_has(call.err.message, "HTTP");
    assert_names_peer(f, &call.err);
}

static void test_time_out(void **state)
{
    static const struct {
        const char *path, *says;
    } cases[] = {
        {"/never?secret", "did not answer within 100 ms"},
        {"/half?secret", "4 of its body"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct call call = call_for(f, cases[i].path);

        call.request.timeout_ms = 100;
        call_now(&call, &f->client);
        assert_false(call.ok);
        assert_int_equal(call.err.kind, LK_ERROR_TIMEOUT);
        assert_has(call.err.message, cases[i].says);
        assert_names_peer(f, &call.err);
        assert_in_range(call.took_ms, 100, 3000);
    }
}

/* ---- no connection ---- */

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct call call = {0};
    struct peer gone = {.answer = answer};

    peer_start(&gone); /* a port that was free a moment ago */
    peer_stop(&gone);
    snprintf(call.url, sizeof(call.url), "http://127.0.0.1:%u/?secret", gone.port);
    call_now(&call, &f->client);
    assert_false(call.ok);
    assert_int_equal(call.err.kind, LK_ERROR_NETWORK);
    assert_has(call.err.message, "refused the connection");
    assert_true(call.err.unsent);
    assert_null(strstr(call.err.message, "secret"));
}

static void test_unresolvable(void **state)
{
    struct fixture *f = *state;
    struct call call = {.url = "http://no-such-host.invalid/?secret"};

    call_now(&call, &f->client);
    assert_false(call.ok);
    /* Where no name server can be reached, it takes its time to find out. */
    assert_true(call.err.kind == LK_ERROR_NETWORK || call.err.kind == LK_ERROR_TIMEOUT);
    assert_has(call.err.message, "no-such-host.invalid:80");
    assert_null(strstr(call.err.message, "secret"));
}

static void test_nonsense_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "/path",
                                      "ftp://127.0.0.1/",
                                      "file:///etc/passwd",
                                      "http://127.0.0.1/a b",
                                      "http://127.0.0.1/\r\nX: y",
                                      "http://",
                                      "http://127.0.0.1:99999/"};
    static const char *const two_lines[] = {"X: y\r\nAuthorization: other", NULL};
    struct fixture *f = *state;
    struct call call;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        call = (struct call){.request.url = bad[i]};
        call_now(&call, &f->client);
        assert_false(call.ok);
        assert_int_equal(call.err.kind, LK_ERROR_ARGUMENT);
    }
    call = call_for(f, "/ok");
    call.request.headers = two_lines;
    call_now(&call, &f->client);
    assert_false(call.ok);
    assert_int_equal(call.err.kind, LK_ERROR_ARGUMENT);
    assert_int_equal(f->peer.n_accepted, 0);
}

/* A pooled connection that the server has closed in the meantime is no error. */
static void test_closed_while_idle(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 3; i++)
        assert_true(get(f, "/then-close").ok);
    assert_int_equal(f->peer.n_accepted, 3);
}

/* ---- cancelling and many ---- */

static void cancel(void *arg)
{
    struct call *call = arg;

    lk_co_cancel(call->co);
}

static void test_cancel_in_mid_transfer(void **state)
{
    static const char *const paths[] = {"/never?secret", "/half?secret"};
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        struct call call = call_for(f, paths[i]);
        struct lk_timer timer = lk_timer(cancel, &call);

        call_start(&call, &f->client);
        lk_timer_start(f->client.loop, &timer, 50);
        lk_loop_run(f->client.loop);
        assert_false(call.ok);
        assert_int_equal(call.err.kind, LK_ERROR_CANCELLED);
        assert_names_peer(f, &call.err);
        assert_in_range(call.took_ms, 50, 3000);
    }
    assert_true(get(f, "/ok").ok);
}

static void test_cancel_before_anything_was_sent(void **state)
{
    struct fixture *f = *state;
    struct call call = call_for(f, "/ok");

    call_start(&call, &f->client);
    lk_co_cancel(call.co);
    lk_loop_run(f->client.loop);
    assert_false(call.ok);
    assert_int_equal(call.err.kind, LK_ERROR_CANCELLED);
}

static void test_a_hundred_at_once(void **state)
{
    enum { N = 100 };
    struct fixture *f = *state;
    struct call *calls = calloc(N, sizeof(*calls));

    for (int i = 0; i < N; i++) {
        calls[i] = call_for(f, i % 10 == 3   ? "/cut/body"
                               : i % 10 == 5 ? "/large/70000"
                                             : "/slowly");
        call_start(&calls[i], &f->client);
    }
    lk_loop_run(f->client.loop);
    for (int i = 0; i < N; i++) {
        if (calls[i].ok != (i % 10 != 3))
            fail_msg("%s: %s", calls[i].url, calls[i].ok ? "ok" : calls[i].err.message);
        if (calls[i].ok)
            assert_int_equal(calls[i].answer.body.len, i % 10 == 5 ? 70000 : 7);
    }
    assert_int_equal(f->peer.n_accepted, N); /* not one after the other */
    free(calls);
}

static void test_requests_queue_for_connections(void **state)
{
    enum { N = 20 };
    struct fixture *f = *state;
    struct client narrow;
    struct call *calls = calloc(N + 1, sizeof(*calls));

    client_open(&narrow, &(struct lk_http_options){
                             .verify_tls = true, .max_in_flight = 2, .max_in_flight_name = "MAX"});
    for (int i = 0; i < N; i++) {
        calls[i] = call_for(f, "/slowly");
        call_start(&calls[i], &narrow);
    }
    calls[N] = call_for(f, "/slowly");
    calls[N].request.timeout_ms = 20;
    call_start(&calls[N], &narrow);
    assert_int_equal(lk_http_load(narrow.http).in_flight, 2);
    assert_int_equal(lk_http_load(narrow.http).waiting, N - 1);
    lk_loop_run(narrow.loop);
    assert_int_equal(lk_http_load(narrow.http).in_flight, 0);
    assert_int_equal(lk_http_load(narrow.http).waiting, 0);
    for (int i = 0; i < N; i++)
        assert_true(calls[i].ok);
    assert_false(calls[N].ok);
    assert_int_equal(calls[N].err.kind, LK_ERROR_LIMIT);
    assert_true(calls[N].err.unsent);
    assert_has(calls[N].err.message, "2 requests to 127.0.0.1:");
    assert_has(calls[N].err.message, "the limit (MAX), and the turn of this one");
    assert_true(calls[N].took_ms < 500);
    assert_int_equal(f->peer.n_accepted, 2);
    free(calls);
    client_close(&narrow);
}

/* The time in the queue is not taken from the time for the exchange, nor the other way round. */
static void test_the_queue_has_its_own_time(void **state)
{
    struct fixture *f = *state;
    struct client narrow;
    struct call calls[4];

    client_open(&narrow, &(struct lk_http_options){.verify_tls = true, .max_in_flight = 1});
    for (int i = 0; i < 4; i++) {
        calls[i] = call_for(f, "/slowly");
        calls[i].request.timeout_ms = 2000;
        calls[i].request.queue_ms = i == 3 ? 10 : 10000;
        call_start(&calls[i], &narrow);
    }
    calls[1].request.timeout_ms = 1; /* reads its time when its turn comes */
    lk_loop_run(narrow.loop);
    assert_true(calls[0].ok);
    assert_int_equal(calls[1].err.kind, LK_ERROR_TIMEOUT);
    assert_has(calls[1].err.message, "within 1 ms");
    assert_true(calls[2].ok);
    assert_int_equal(calls[3].err.kind, LK_ERROR_LIMIT);
    assert_has(calls[3].err.message, "within 10 ms");
    client_close(&narrow);
}

static void test_encode(void **state)
{
    struct lk_buf buf;

    (void)state;
    lk_buf_init(&buf, 1000);
    lk_http_encode(&buf, LK_STR("aZ09-._~"));
    lk_http_encode(&buf, LK_STR("/ ?&=+%\"\xc3\xa4\x00\x7f"));
    assert_str(lk_buf_view(&buf), "aZ09-._~%2F%20%3F%26%3D%2B%25%22%C3%A4%00%7F");
    lk_buf_free(&buf);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_answer_and_reuse),
        TEST(test_an_idle_connection_that_ends),
        TEST(test_what_may_not_go),
        TEST(test_what_must_not_be_sent_twice),
        TEST(test_bodies_of_all_kinds),
        TEST(test_requests_as_they_were_meant),
        TEST(test_a_large_body_is_sent_at_once),
        TEST(test_retry_after),
        TEST(test_over_the_limit),
        TEST(test_over_the_budget),
        TEST(test_cut_off),
        TEST(test_not_http),
        TEST(test_time_out),
        TEST(test_refused),
        TEST(test_unresolvable),
        TEST(test_nonsense_is_refused),
        TEST(test_closed_while_idle),
        TEST(test_cancel_in_mid_transfer),
        TEST(test_cancel_before_anything_was_sent),
        TEST(test_a_hundred_at_once),
        TEST(test_requests_queue_for_connections),
        TEST(test_the_queue_has_its_own_time),
        cmocka_unit_test(test_encode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
