/*
 * Answers that are taken piece by piece (struct lk_http_sink): whole, stopped, slowly, and from
 * peers that break off, fall silent or compress all the same.
 */
#include "client.h"
#include "peer.h"

#define SIZE ((size_t)3 * 1000 * 1000)

/* What is at that place of the peer's long answer. */
static char byte_at(size_t i)
{
    return (char)('a' + i % 23);
}

struct fixture {
    struct client client;
    struct peer peer;
    /* the sink */
    size_t got, enough, largest, n_pieces; /* enough: stops there; 0: takes all */
    unsigned delay_ms;                     /* a piece */
    bool wrong, woken;
    int status;
    char content_type[64];
};

/* ---- the peer ---- */

static bool send_bytes(struct peer_connection *c, size_t n)
{
    char block[8192];

    for (size_t done = 0, len; done < n; done += len) {
        len = n - done < sizeof(block) ? n - done : sizeof(block);
        for (size_t i = 0; i < len; i++)
            block[i] = byte_at(done + i);
        if (!peer_send_n(c, block, len))
            return false;
    }
    return true;
}

static bool send_head(struct peer_connection *c, const char *status)
{
    char head[200];

    snprintf(head, sizeof(head),
             "HTTP/1.1 %s\r\nContent-Type: text/csv\r\nContent-Length: %zu\r\n\r\n", status, SIZE);
    return peer_send(c, head);
}

static bool answer_in_chunks(struct peer_connection *c)
{
    char size[20];

    peer_send(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0, n = 1; at < 20000; at += n, n = n % 97 + 1) {
        char bytes[100];

        for (size_t i = 0; i < n; i++)
            bytes[i] = byte_at(at + i);
        snprintf(size, sizeof(size), "%zx\r\n", n);
        if (!peer_send(c, size) || !peer_send_n(c, bytes, n) || !peer_send(c, "\r\n"))
            return false;
    }
    return peer_send(c, "0\r\n\r\n");
}

/* Compressed though nobody asked for it: 23,000 bytes of the same. */
static bool answer_gzip(struct peer_connection *c)
{
    static const unsigned char zipped[] = {
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc8, 0xb7, 0x01, 0x80,
        0x20, 0x00, 0x00, 0xb0, 0x5b, 0xb1, 0x8b, 0x0a, 0x62, 0x7d, 0x9f, 0x99, 0x1f, 0x92, 0x31,
        0xa1, 0xeb, 0x87, 0x71, 0x9a, 0x97, 0x35, 0x6e, 0xfb, 0x91, 0xf2, 0x59, 0xae, 0xfb, 0x79,
        0xbf, 0x3f, 0x68, 0xad, 0xb5, 0xd6, 0x5a, 0x6b, 0xad, 0xb5, 0xd6, 0x5a, 0x6b, 0xad, 0xb5,
        0xd6, 0x5a, 0x6b, 0xad, 0xb5, 0xd6, 0x5a, 0x6b, 0xad, 0xb5, 0xd6, 0x5a, 0x6b, 0xad, 0xb5,
        0xd6, 0x5a, 0x6b, 0xad, 0xb5, 0xd6, 0x5a, 0x6b, 0xad, 0xb5, 0xd6, 0x5a, 0x6b, 0xad, 0xb5,
        0xd6, 0x5a, 0x6b, 0xad, 0xb5, 0xd6, 0x5a, 0x6b, 0xad, 0xb5, 0xd6, 0x5a, 0xeb, 0xb6, 0x2b,
        0xce, 0x95, 0xa0, 0x09, 0xd8, 0x59, 0x00, 0x00,
    };
    char head[100];

    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
             sizeof(zipped));
    return peer_send(c, head) && peer_send_n(c, (const char *)zipped, sizeof(zipped));
}

static bool trickle(struct peer_connection *c)
{
    bool ok = send_head(c, "200 OK");

    for (size_t i = 0; ok && i < 200; i++) {
        char byte = byte_at(i);

        usleep(50000);
        ok = peer_send_n(c, &byte, 1);
    }
    return ok;
}

static bool answer(struct peer_connection *c)
{
    if (strncmp(c->path, "/trickle ", 9) == 0)
        return trickle(c);
    if (strncmp(c->path, "/whole ", 7) == 0)
        return send_head(c, "200 OK") && send_bytes(c, SIZE);
    if (strncmp(c->path, "/chunks ", 8) == 0)
        return answer_in_chunks(c);
    if (strncmp(c->path, "/failed ", 8) == 0)
        return peer_reply(c, "500 Oops", "", "what went wrong");
    if (strncmp(c->path, "/empty ", 7) == 0)
        return peer_send(c, "HTTP/1.1 204 No Content\r\n\r\n");
    if (strncmp(c->path, "/gzip ", 6) == 0)
        return answer_gzip(c);
    if (strncmp(c->path, "/echo ", 6) == 0)
        return peer_reply(c, "500 Oops", "", c->request);
    send_head(c, "200 OK");
    send_bytes(c, 200000);
    if (strncmp(c->path, "/silent ", 8) == 0)
        return peer_wait_for_close(c);
    return false; /* cut off */
}

/* ---- the sink ---- */

static bool take(void *arg, const struct lk_http_answer *head, struct lk_str bytes)
{
    struct fixture *f = arg;

    assert_int_equal(head->body.len, 0);
    f->status = head->status;
    snprintf(f->content_type, sizeof(f->content_type), "%.*s", LK_STR_ARG(head->content_type));
    for (size_t i = 0; i < bytes.len; i++)
        f->wrong = f->wrong || bytes.ptr[i] != byte_at(f->got + i);
    f->got += bytes.len;
    f->n_pieces++;
    if (bytes.len > f->largest)
        f->largest = bytes.len;
    if (f->delay_ms > 0 && !lk_co_sleep(f->client.loop, f->delay_ms, NULL)) {
        f->woken = true;
        return false;
    }
    return f->enough == 0 || f->got < f->enough;
}

static struct call call_for(struct fixture *f, const char *path, struct lk_http_sink *sink)
{
    struct call call = {0};

    *sink = (struct lk_http_sink){.take = take, .arg = f};
    snprintf(call.url, sizeof(call.url), "http://127.0.0.1:%u%s", f->peer.port, path);
    call.request.sink = sink;
    f->got = f->n_pieces = f->largest = 0;
    return call;
}

static struct call stream(struct fixture *f, const char *path)
{
    struct lk_http_sink sink;
    struct call call = call_for(f, path, &sink);

    call_now(&call, &f->client);
    return call;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->peer.answer = answer;
    peer_start(&f->peer);
    client_open(&f->client, &(struct lk_http_options){.verify_tls = true});
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

/* ---- what comes ---- */

static void test_all_of_it_comes_in_order(void **state)
{
    struct fixture *f = *state;
    struct call call = stream(f, "/whole");

    assert_true(call.ok);
    assert_false(call.answer.stopped);
    assert_int_equal(call.answer.status, 200);
    assert_int_equal(call.answer.body.len, 0);
    assert_int_equal(f->got, SIZE);
    assert_false(f->wrong);
    assert_int_equal(f->status, 200);
    assert_string_equal(f->content_type, "text/csv");

    call = stream(f, "/chunks");
    assert_true(call.ok);
    assert_in_range(f->got, 20000, 20100);
    assert_false(f->wrong);

    call = stream(f, "/gzip");
    assert_true(call.ok);
    assert_int_equal(f->got, 23000);
    assert_false(f->wrong);
    assert_int_equal(f->peer.n_accepted, 1); /* the connection goes on to serve */
}

static void test_other_answers_are_collected(void **state)
{
    struct fixture *f = *state;
    struct call call = stream(f, "/failed");

    assert_true(call.ok);
    assert_int_equal(call.answer.status, 500);
    assert_memory_equal(call.answer.body.ptr, "what went wrong", 15);
    assert_int_equal(f->n_pieces, 0);
    call = stream(f, "/empty");
    assert_true(call.ok);
    assert_int_equal(call.answer.status, 204);
    assert_int_equal(f->n_pieces, 0);
    /* What is compressed cannot be held back well. */
    call = stream(f, "/echo");
    assert_non_null(strstr(call.answer.body.ptr, "Accept-Encoding: identity\r\n"));
}

static void test_the_sink_stops_it(void **state)
{
    struct fixture *f = *state;
    struct call call;

    f->enough = 100000;
    call = stream(f, "/whole");
    assert_true(call.ok);
    assert_true(call.answer.stopped);
    assert_in_range(f->got, 100000, 100000 + 2 * LK_HTTP_WINDOW_BYTES);
    f->enough = 0;
    assert_true(stream(f, "/whole").ok); /* as if nothing had been */
    assert_int_equal(f->got, SIZE);
}

/* Nobody holds more than a window for it, however slow it is. */
static void test_a_slow_sink(void **state)
{
    struct fixture *f = *state;
    struct call call;

    f->delay_ms = 1;
    call = stream(f, "/whole");
    assert_true(call.ok);
    assert_int_equal(f->got, SIZE);
    assert_false(f->wrong);
    assert_true(f->largest <= LK_HTTP_WINDOW_BYTES + 32 * 1024);
}

/* The time counts while nothing comes, not while the sink is at work; meanwhile what is held back
 * stays with the peer. */
static void test_a_sink_that_takes_longer_than_the_time_out(void **state)
{
    struct fixture *f = *state;
    struct lk_http_sink sink;
    struct call call = call_for(f, "/whole", &sink);

    f->delay_ms = 150;
    f->enough = 2 * LK_HTTP_WINDOW_BYTES;
    call.request.timeout_ms = 100;
    call_now(&call, &f->client);
    assert_true(call.ok);
    assert_true(call.answer.stopped);
}

/* ---- what does not ---- */

/* Bytes that come one by one do not make more time, unless there is no end to be expected. */
static void test_the_peer_trickles(void **state)
{
    struct fixture *f = *state;
    struct lk_http_sink sink;
    struct call call = call_for(f, "/trickle", &sink);

    call.request.timeout_ms = 200;
    call_now(&call, &f->client);
    assert_false(call.ok);
    assert_int_equal(call.err.kind, LK_ERROR_TIMEOUT);
    assert_has(call.err.message, "was not complete within 200 ms");
    call = call_for(f, "/trickle", &sink);
    sink.endless = true;
    f->enough = 12; /* bytes, 50 ms apart */
    call.request.timeout_ms = 400;
    call_now(&call, &f->client);
    assert_true(call.ok);
    assert_true(call.took_ms > 400);
}

static void test_the_peer_falls_silent(void **state)
{
    struct fixture *f = *state;
    struct lk_http_sink sink;
    struct call call = call_for(f, "/silent", &sink);

    sink.endless = true;
    call.request.timeout_ms = 200;
    call_now(&call, &f->client);
    assert_false(call.ok);
    assert_int_equal(call.err.kind, LK_ERROR_TIMEOUT);
    assert_has(call.err.message, "stood still for 200 ms after 200000 bytes");
    assert_int_equal(f->got, 200000);
}

static void test_the_peer_breaks_off(void **state)
{
    struct fixture *f = *state;
    struct call call = stream(f, "/cut");

    assert_false(call.ok);
    assert_int_equal(call.err.kind, LK_ERROR_NETWORK);
    assert_has(call.err.message, "200000 of its body had come");
    assert_int_equal(f->got, 200000);
}

static void cancel(void *arg)
{
    lk_co_cancel(*(struct lk_co **)arg);
}

static void test_cancelled_while_it_waits(void **state)
{
    struct fixture *f = *state;
    struct lk_http_sink sink;
    struct call call = call_for(f, "/silent", &sink);
    struct lk_timer timer = lk_timer(cancel, &call.co);

    lk_timer_start(f->client.loop, &timer, 100);
    call_now(&call, &f->client);
    assert_false(call.ok);
    assert_int_equal(call.err.kind, LK_ERROR_CANCELLED);
}

static void test_cancelled_while_the_sink_waits(void **state)
{
    struct fixture *f = *state;
    struct lk_http_sink sink;
    struct call call = call_for(f, "/whole", &sink);
    struct lk_timer timer = lk_timer(cancel, &call.co);

    f->delay_ms = 60000;
    lk_timer_start(f->client.loop, &timer, 100);
    call_now(&call, &f->client);
    assert_true(f->woken);
    assert_true(call.answer.stopped);
    assert_true(f->got <= 2 * LK_HTTP_WINDOW_BYTES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_of_it_comes_in_order),
        TEST(test_other_answers_are_collected),
        TEST(test_the_sink_stops_it),
        TEST(test_a_slow_sink),
        TEST(test_a_sink_that_takes_longer_than_the_time_out),
        TEST(test_the_peer_trickles),
        TEST(test_the_peer_falls_silent),
        TEST(test_the_peer_breaks_off),
        TEST(test_cancelled_while_it_waits),
        TEST(test_cancelled_while_the_sink_waits),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
