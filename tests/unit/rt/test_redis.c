/*
 * The Redis client against a redis-server: replies, users, restarts, stalls; and against peers that
 * are none, or that misbehave.
 */
#include "../redis_server.h"
#include "certificate.h"

#include "rt/co.h"
#include "rt/redis.h"

#include <pthread.h>

#define MAX_WORDS 8

static struct lk_loop *loop;
static struct lk_arena *arena;
static struct lk_redis *redis;
static size_t n_running;

struct ask {
    struct lk_str words[MAX_WORDS];
    size_t n_words;
    struct lk_co *co;
    bool ok;
    struct lk_redis_value value;
    struct lk_error err;
    uint64_t took_ms;
};

static void run_ask(void *arg)
{
    struct ask *ask = arg;
    uint64_t before_ms = lk_loop_now_ms(loop);

    ask->co = lk_co_self(loop);
    ask->ok = lk_redis_command(redis, arena, ask->words, ask->n_words, &ask->value, &ask->err);
    ask->took_ms = lk_loop_now_ms(loop) - before_ms;
    ask->co = NULL;
    if (--n_running == 0)
        lk_loop_stop(loop);
}

static void begin(struct ask *ask, const char *const *words)
{
    for (; words[ask->n_words] != NULL; ask->n_words++)
        ask->words[ask->n_words] = lk_str(words[ask->n_words]);
    n_running++;
    assert_true(lk_co_start(loop, run_ask, ask, NULL, NULL));
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct ask ask(const char *const *words)
{
    static struct ask one;

    one = (struct ask){0};
    begin(&one, words);
    while (n_running > 0)
        lk_loop_run_once(loop, 1000);
    return one;
}

#define assert_in(text, part) assert_in_(text, part, __FILE__, __LINE__)
static void assert_in_(const char *text, const char *part, const char *file, int line)
{
    if (strstr(text, part) == NULL)
        print_error("\"%s\" lacks \"%s\"\n", text, part);
    _assert_true(strstr(text, part) != NULL, "text has part", file, line);
}

static void assert_failed(const struct ask *one, enum lk_error_kind kind, const char *message)
{
    if (one->ok || one->err.kind != kind)
        print_error("%s: %s (%s)\n", lk_error_kind_name(one->err.kind), one->err.message,
                    one->err.detail);
    assert_false(one->ok);
    assert_int_equal(one->err.kind, kind);
    assert_in(one->err.message, message);
    assert_null(strstr(one->err.message, "sesame"));
    assert_null(strstr(one->err.detail, "sesame"));
}

static void open_client(const char *url, const struct lk_redis_options *options)
{
    struct lk_redis_options with_url = options != NULL ? *options : (struct lk_redis_options){0};
    struct lk_error err = {0};

    with_url.url = lk_str(url);
    if (with_url.timeout_ms == 0)
        with_url.timeout_ms = 20000; /* where time is not what the test is about */
    assert_true(lk_loop_new(&loop, NULL));
    arena = lk_arena_new();
    if (!lk_redis_new(loop, &with_url, &redis, &err))
        fail_msg("%s", err.message);
}

static void close_client(void)
{
    lk_redis_free(redis);
    assert_int_equal(lk_co_count(loop), 0);
    lk_loop_free(loop);
    lk_arena_free(arena);
}

static void open_to(uint16_t port, const char *format, const struct lk_redis_options *options)
{
    char url[128];

    snprintf(url, sizeof(url), format, port);
    open_client(url, options);
}

/* ---- a real server ---- */

static void test_replies(void **state)
{
    struct redis_server server = {0};
    struct ask one;

    (void)state;
    redis_start(&server);
    open_to(server.port, "redis://127.0.0.1:%u", NULL);
    assert_str(ask(WORDS("PING")).value.text, "PONG");
    one = ask(WORDS("GET", "nothing"));
    assert_true(one.ok);
    assert_int_equal(one.value.kind, LK_REDIS_NIL);
    one = ask(WORDS("INCRBY", "n", "-41"));
    assert_int_equal(one.value.kind, LK_REDIS_INTEGER);
    assert_int_equal(one.value.integer, -41);
    one = ask(WORDS("EVAL", "return {'a', 7, {false, 'b'}, {}}", "0"));
    assert_int_equal(one.value.kind, LK_REDIS_ARRAY);
    assert_int_equal(one.value.n_items, 4);
    assert_str(one.value.items[0].text, "a");
    assert_int_equal(one.value.items[1].integer, 7);
    assert_int_equal(one.value.items[2].items[0].kind, LK_REDIS_NIL);
    assert_str(one.value.items[2].items[1].text, "b");
    assert_int_equal(one.value.items[3].n_items, 0);
    one = ask(WORDS("EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "0"));
    assert_true(one.ok); /* what an error reply means is for the caller to say */
    assert_int_equal(one.value.kind, LK_REDIS_ERROR);
    assert_true(lk_str_starts(one.value.text, LK_STR("NOSCRIPT")));
    assert_false(lk_redis_fail(redis, &one.value, &one.err));
    assert_int_equal(one.err.kind, LK_ERROR_UPSTREAM);
    assert_in(one.err.message, "127.0.0.1:");
    assert_in(one.err.detail, "NOSCRIPT");
    close_client();
    redis_end(&server);
}

static void test_bytes_of_any_kind_and_many(void **state)
{
    enum { N = 3 * 1024 * 1024 };
    struct redis_server server = {0};
    struct lk_redis_value value;
    struct ask one = {.words = {LK_STR_INIT("SET"), LK_STR_INIT("k")}, .n_words = 3};
    char *bytes = malloc(N);

    (void)state;
    for (size_t i = 0; i < N; i++)
        bytes[i] = (char)(i * 7 % 256);
    redis_start(&server);
    open_to(server.port, "redis://localhost:%u", NULL);
    one.words[2] = lk_str_n(bytes, N);
    n_running = 1;
    assert_true(lk_co_start(loop, run_ask, &one, NULL, NULL));
    while (n_running > 0)
        lk_loop_run_once(loop, 1000);
    assert_true(one.ok);
    value = ask(WORDS("GET", "k")).value;
    assert_int_equal(value.text.len, N);
    assert_memory_equal(value.text.ptr, bytes, N);
    free(bytes);
    close_client();
    redis_end(&server);
}

static void test_many_at_once_keep_their_order(void **state)
{
    enum { N = 300 };
    static struct ask asks[N];
    static char texts[N][8];
    struct redis_server server = {0};

    (void)state;
    redis_start(&server);
    open_to(server.port, "redis://127.0.0.1:%u", NULL);
    memset(asks, 0, sizeof(asks));
    for (int i = 0; i < N; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%d", i);
        begin(&asks[i], WORDS("ECHO", texts[i]));
        if (i == N / 2) /* half of them while it connects, half of them later */
            lk_loop_run_once(loop, 10);
        if (i % 10 == 3 && asks[i].co != NULL)
            lk_co_cancel(asks[i].co); /* its reply comes all the same */
    }
    while (n_running > 0)
        lk_loop_run_once(loop, 1000);
    for (int i = 0; i < N; i++) {
        if (i % 10 == 3) {
            assert_failed(&asks[i], LK_ERROR_CANCELLED, "cancelled");
        } else {
            assert_true(asks[i].ok);
            assert_str(asks[i].value.text, texts[i]);
        }
    }
    close_client();
    redis_end(&server);
}

static void test_users_and_databases(void **state)
{
    struct redis_server server = {.arguments = {"--requirepass", "open sesame", "--user", "clerk",
                                                "on", ">ses@me/2", "~lk:*", "+@all"}};
    struct ask one;

    (void)state;
    redis_start(&server);
    open_to(server.port, "redis://:open%%20sesame@127.0.0.1:%u/3", NULL);
    assert_true(ask(WORDS("SET", "where", "three")).ok);
    close_client();
    open_to(server.port, "redis://:open%%20sesame@127.0.0.1:%u", NULL);
    assert_int_equal(ask(WORDS("GET", "where")).value.kind, LK_REDIS_NIL);
    close_client();

    open_to(server.port, "redis://clerk:ses%%40me%%2f2@127.0.0.1:%u/", NULL);
    assert_str(ask(WORDS("SET", "lk:1", "x")).value.text, "OK");
    one = ask(WORDS("GET", "others"));
    assert_int_equal(one.value.kind, LK_REDIS_ERROR);
    lk_redis_fail(redis, &one.value, &one.err);
    assert_int_equal(one.err.kind, LK_ERROR_AUTH);
    close_client();

    open_to(server.port, "redis://:sesame@127.0.0.1:%u", NULL);
    one = ask(WORDS("PING"));
    assert_failed(&one, LK_ERROR_AUTH, "refuses the user or the password");
    one = ask(WORDS("PING")); /* and says so again */
    assert_failed(&one, LK_ERROR_AUTH, "refuses the user or the password");
    close_client();
    open_to(server.port, "redis://127.0.0.1:%u/1", NULL);
    one = ask(WORDS("PING"));
    assert_failed(&one, LK_ERROR_AUTH, "wants a password");
    close_client();
    open_to(server.port, "redis://127.0.0.1:%u", NULL);
    one = ask(WORDS("PING"));
    assert_true(lk_str_starts(one.value.text, LK_STR("NOAUTH")));
    close_client();
    open_to(server.port, "redis://:open%%20sesame@127.0.0.1:%u/99", NULL);
    one = ask(WORDS("PING"));
    assert_failed(&one, LK_ERROR_UPSTREAM, "does not have this database");
    close_client();
    redis_end(&server);
}

static void test_killed_and_started_again(void **state)
{
    struct redis_server server = {0};
    struct ask waiting = {0}, one;

    (void)state;
    redis_start(&server);
    open_to(server.port, "redis://127.0.0.1:%u", NULL);
    assert_true(ask(WORDS("PING")).ok);
    begin(&waiting, WORDS("BLPOP", "never", "0"));
    lk_loop_run_once(loop, 0);
    redis_kill(&server);
    while (n_running > 0)
        lk_loop_run_once(loop, 1000);
    assert_failed(&waiting, LK_ERROR_NETWORK, "before it answered");
    one = ask(WORDS("PING"));
    assert_failed(&one, LK_ERROR_NETWORK, "cannot be reached");
    assert_in(one.err.detail, "refused");
    redis_start(&server);
    assert_str(ask(WORDS("PING")).value.text, "PONG");

    /* A connection that nobody used when it was lost is not even noticed. */
    redis_kill(&server);
    lk_loop_run_once(loop, 1000);
    redis_start(&server);
    assert_str(ask(WORDS("PING")).value.text, "PONG");
    close_client();
    redis_end(&server);
}

static void test_stalled(void **state)
{
    struct lk_redis_options options = {.timeout_ms = 200};
    struct redis_server server = {0};
    struct ask first = {0}, second = {0}, one;

    (void)state;
    redis_start(&server);
    open_to(server.port, "redis://127.0.0.1:%u", &options);
    assert_true(ask(WORDS("PING")).ok);
    kill(server.pid, SIGSTOP);
    begin(&first, WORDS("PING"));
    begin(&second, WORDS("PING"));
    lk_co_cancel(first.co);
    while (n_running > 0)
        lk_loop_run_once(loop, 1000);
    assert_failed(&first, LK_ERROR_CANCELLED, "cancelled");
    assert_failed(&second, LK_ERROR_TIMEOUT, "within 200 ms");
    assert_true(second.took_ms >= 199 && second.took_ms < 3000);
    one = ask(WORDS("PING")); /* the kernel takes the connection, nobody answers */
    assert_failed(&one, LK_ERROR_TIMEOUT, "within 200 ms");
    kill(server.pid, SIGCONT);
    do /* not before it was scheduled again */
        one = ask(WORDS("PING"));
    while (!one.ok && one.err.kind == LK_ERROR_TIMEOUT);
    assert_str(one.value.text, "PONG");
    close_client();
    redis_end(&server);
}

static void test_tls(void **state)
{
    struct certificate good = certificate_new("DNS:localhost,IP:127.0.0.1", 3600);
    struct certificate other = certificate_new("DNS:elsewhere.example.com", 3600);
    char key_file[] = "/tmp/lk-key-XXXXXX";
    FILE *key = fdopen(mkstemp(key_file), "w");
    struct lk_redis_options trusting = {.verify_tls = true, .ca_file = good.file};
    struct lk_redis_options doubting = {.verify_tls = true, .ca_file = other.file};
    struct lk_redis_options blind = {.verify_tls = false};
    struct redis_server server = {.arguments = {"--tls-cert-file", good.file, "--tls-key-file",
                                                key_file, "--tls-ca-cert-file", good.file,
                                                "--tls-auth-clients", "no"},
                                  .tls = true};
    struct ask one;

    (void)state;
    assert_int_equal(PEM_write_PrivateKey(key, good.key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(key);
    redis_start(&server);
    open_to(server.port, "rediss://localhost:%u", &trusting);
    assert_str(ask(WORDS("PING")).value.text, "PONG");
    redis_kill(&server);
    one = ask(WORDS("PING"));
    assert_failed(&one, LK_ERROR_NETWORK, "");
    redis_start(&server);
    assert_str(ask(WORDS("PING")).value.text, "PONG");
    close_client();
    open_to(server.port, "rediss://127.0.0.1:%u/1", &trusting);
    assert_true(ask(WORDS("SET", "k", "v")).ok);
    close_client();
    open_to(server.port, "rediss://127.0.0.2:%u", &trusting); /* of which it does not tell */
    one = ask(WORDS("PING"));
    assert_false(one.ok);
    close_client();
    open_to(server.port, "rediss://localhost:%u", &doubting);
    one = ask(WORDS("PING"));
    assert_failed(&one, LK_ERROR_TLS, "by TLS");
    assert_in(one.err.detail, "certificate");
    close_client();
    open_to(server.port, "rediss://localhost:%u", &blind);
    assert_true(ask(WORDS("PING")).ok);
    close_client();
    open_to(server.port, "redis://localhost:%u", NULL); /* it speaks TLS only */
    one = ask(WORDS("PING"));
    assert_false(one.ok);
    close_client();
    trusting.ca_file = "/nonexistent";
    open_to(server.port, "rediss://localhost:%u", &trusting);
    one = ask(WORDS("PING"));
    assert_failed(&one, LK_ERROR_TLS, "by TLS");
    close_client();
    redis_end(&server);
    unlink(key_file);
    certificate_free(&good);
    certificate_free(&other);
}

/* ---- peers that are none ---- */

/* Takes one connection after the other, says its text once it was told something, and keeps the
 * connection or closes it. */
struct liar {
    const char *text;
    size_t len, repeat;
    bool hang_up;
    int fd;
    uint16_t port;
    pthread_t thread;
};

static void *lie(void *arg)
{
    struct liar *liar = arg;
    char bytes[256];
    int fd;

    while ((fd = accept(liar->fd, NULL, NULL)) >= 0) {
        if (read(fd, bytes, sizeof(bytes)) > 0) {
            for (size_t i = 0; i < liar->repeat; i++)
                (void)!send(fd, liar->text, liar->len, MSG_NOSIGNAL);
            while (!liar->hang_up && read(fd, bytes, sizeof(bytes)) > 0)
                ;
        }
        close(fd);
    }
    return NULL;
}

static void liar_start(struct liar *liar)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    liar->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(liar->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(liar->fd, 16), 0);
    assert_int_equal(getsockname(liar->fd, (struct sockaddr *)&address, &len), 0);
    liar->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&liar->thread, NULL, lie, liar), 0);
}

static void liar_end(struct liar *liar)
{
    shutdown(liar->fd, SHUT_RDWR);
    pthread_join(liar->thread, NULL);
    close(liar->fd);
}

static struct ask ask_liar(const char *text, size_t len, size_t repeat, bool hang_up)
{
    struct lk_redis_options options = {.timeout_ms = repeat > 1 ? 20000 : 150};
    struct liar liar = {.text = text, .len = len, .repeat = repeat, .hang_up = hang_up};
    struct ask one;

    liar_start(&liar);
    open_to(liar.port, "redis://127.0.0.1:%u", &options);
    one = ask(WORDS("GET", "k"));
    close_client();
    liar_end(&liar);
    return one;
}

#define SAY(text) ask_liar(text, sizeof(text) - 1, 1, false)

static void test_peers_that_are_none(void **state)
{
    static char zeros[65536];
    struct ask one;

    (void)state;
    one = SAY("HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_failed(&one, LK_ERROR_PARSE, "does not speak the protocol of Redis");
    one = SAY("\r\n\r\n");
    assert_failed(&one, LK_ERROR_PARSE, "does not speak");
    one = SAY("$-5\r\n");
    assert_failed(&one, LK_ERROR_PARSE, "does not speak");
    one = SAY("$99999999999999999999\r\n");
    assert_failed(&one, LK_ERROR_PARSE, "does not speak");
    one = SAY(":1x\r\n");
    assert_failed(&one, LK_ERROR_PARSE, "does not speak");
    one = SAY("*2147483647\r\n");
    assert_failed(&one, LK_ERROR_LIMIT, "65536 items");
    one = SAY("*60000\r\n*60000\r\n");
    assert_failed(&one, LK_ERROR_LIMIT, "65536 items");
    one = SAY("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n");
    assert_failed(&one, LK_ERROR_PARSE, "does not speak");
    one = SAY("+OK\r\n+OK\r\n");
    assert_true(one.ok); /* the first one was asked for; then the connection is given up */
    one = SAY("$5\r\nab");
    assert_failed(&one, LK_ERROR_TIMEOUT, "within 150 ms");
    one = SAY("");
    assert_failed(&one, LK_ERROR_TIMEOUT, "within 150 ms");
    one = ask_liar("$5\r\nab", 6, 1, true);
    assert_failed(&one, LK_ERROR_NETWORK, "before it answered");
    one = ask_liar(zeros, sizeof(zeros), 200, true);
    assert_failed(&one, LK_ERROR_PARSE, "does not speak");
    memset(zeros, 'x', sizeof(zeros));
    memcpy(zeros, "$500000000\r\n", 12);
    one = ask_liar(zeros, sizeof(zeros), 200, true);
    assert_failed(&one, LK_ERROR_LIMIT, "8388608 bytes");
}

static void test_names_that_are_none(void **state)
{
    struct ask one;

    (void)state;
    open_client("redis://:sesame@no-such-host.invalid", NULL);
    one = ask(WORDS("PING"));
    assert_failed(&one, LK_ERROR_NETWORK, "no-such-host.invalid:6379 cannot be reached");
    assert_true(one.err.detail[0] != '\0');
    close_client();
}

/* A look-up cannot be interrupted; the client is closed without waiting for it. */
static void test_closed_while_it_connects(void **state)
{
    struct ask one = {0};

    (void)state;
    open_client("redis://127.0.0.1:1", NULL);
    begin(&one, WORDS("PING"));
    lk_co_cancel(one.co);
    while (n_running > 0)
        lk_loop_run_once(loop, 1000);
    assert_failed(&one, LK_ERROR_CANCELLED, "cancelled");
    close_client();
}

static void test_urls(void **state)
{
    static const char *const wrong[] = {
        "",
        "http://h",
        "redis:/h",
        "redis://",
        "redis://:6379",
        "redis://sesame@h",
        "redis://user:@h",
        "redis://:%zz@h",
        "redis://:sesame%4@h",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:12x",
        "redis://h:",
        "redis://h/x",
        "redis://h/1/2",
        "redis://h/99999999999",
        "redis://h?db=1",
        "redis://[::1",
        "redis://[::1]x",
        "redis://h h",
        "redis://:sesa\tme@h",
        "redis://:sesame@h,i",
    };
    struct lk_redis_url url;

    (void)state;
    arena = lk_arena_new();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct lk_error err = {0};

        if (lk_redis_url_parse(arena, lk_str(wrong[i]), &url, &err))
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_int_equal(err.kind, LK_ERROR_CONFIG);
        assert_in(err.message, "redis://[[user]:password@]host[:port][/db]");
        assert_null(strstr(err.message, "sesame"));
    }
    assert_true(lk_redis_url_parse(arena, LK_STR("rediss://u%3a1:p@:ss/%25@[fe80::1]:7000/15"),
                                   &url, NULL));
    assert_true(url.tls);
    assert_str(url.host, "fe80::1");
    assert_str(url.user, "u:1");
    assert_str(url.password, "p@:ss/%");
    assert_int_equal(url.port, 7000);
    assert_int_equal(url.db, 15);
    assert_true(lk_redis_url_parse(arena, LK_STR("redis://cache.example.com"), &url, NULL));
    assert_false(url.tls);
    assert_str(url.host, "cache.example.com");
    assert_int_equal(url.port, 6379);
    assert_int_equal(url.db, 0);
    assert_int_equal(url.password.len, 0);
    lk_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_bytes_of_any_kind_and_many),
        cmocka_unit_test(test_many_at_once_keep_their_order),
        cmocka_unit_test(test_users_and_databases),
        cmocka_unit_test(test_killed_and_started_again),
        cmocka_unit_test(test_stalled),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_peers_that_are_none),
        cmocka_unit_test(test_names_that_are_none),
        cmocka_unit_test(test_closed_while_it_connects),
        cmocka_unit_test(test_urls),
    };

    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
