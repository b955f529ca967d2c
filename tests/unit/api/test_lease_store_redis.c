/*
 * Leases in Redis: what happens when it comes up empty, is away, loses a connection in the middle
 * of a save, or has in its keys what nobody wrote there.
 */
#include "lease_store_harness.h"

#include <poll.h>
#include <pthread.h>

/* A command that the store does not have, by a connection of its own. */
static void tell_redis(const struct redis_server *server, const char *inline_command)
{
    char reply[256];
    int fd = redis_connect_(server->port);

    assert_int_equal(write(fd, "SELECT 2\r\n", 10), 10);
    assert_true(read(fd, reply, sizeof(reply)) > 0);
    assert_int_equal(write(fd, inline_command, strlen(inline_command)), strlen(inline_command));
    assert_int_equal(write(fd, "\r\n", 2), 2);
    assert_true(read(fd, reply, sizeof(reply)) > 0);
    if (reply[0] == '-')
        fail_msg("%s: %s", inline_command, reply);
    close(fd);
}

static struct deed try_load(struct fixture *f, const char *key)
{
    struct deed d = {.store = f->one, .key = lk_str(key)};

    run_deed(f, do_load, &d);
    return d;
}

/* Stores on a redis-server of their own. */
static void move_to(struct fixture *f, uint16_t port)
{
    close_stores(f);
    snprintf(f->url, sizeof(f->url), "redis://127.0.0.1:%u/2", port);
    f->options.redis_url = lk_str(f->url);
    assert_true(open_stores(f));
}

static void test_closed_at_first(void **state)
{
    struct fixture *f = *state;
    struct lk_lease_doc first = load(f, f->one, "7"), later = first;

    assert_true(first.closed_until_ms > first.now_ms);
    assert_true(first.closed_until_ms <= first.now_ms + 1000);
    put(f, "7", "a"); /* who held something before may say so */
    while (later.closed_until_ms != 0) {
        later = load(f, f->other, "7");
        assert_true(later.closed_until_ms == first.closed_until_ms || later.closed_until_ms == 0);
        assert_true((later.closed_until_ms == 0) == (later.now_ms >= first.closed_until_ms));
    }
    assert_str(later.text, "a");
    assert_int_equal(load(f, f->other, "8").closed_until_ms, 0);
}

static void test_started_again_without_its_data(void **state)
{
    struct fixture *f = *state;
    struct redis_server server = {0};
    struct lk_lease_doc there, absent, after;

    redis_start(&server);
    move_to(f, server.port);
    absent = load(f, f->one, "8");
    put(f, "7", "a");
    there = load(f, f->one, "7");
    while (load(f, f->one, "7").closed_until_ms != 0)
        ;
    redis_kill(&server);
    redis_start(&server);
    /* What was made up before is refused, also where there was nothing before, and nothing is now.
     */
    assert_false(save(f, f->one, "7", there.version, "b"));
    assert_false(save(f, f->one, "8", absent.version, "b"));
    after = load(f, f->one, "7");
    assert_int_equal(after.text.len, 0);
    assert_true(after.closed_until_ms > after.now_ms);
    assert_false(save(f, f->one, "7", there.version, "b"));
    assert_false(save(f, f->other, "8", absent.version, "b"));
    assert_true(save(f, f->one, "7", after.version, "c"));
    redis_end(&server);
}

static void test_started_again_with_its_data(void **state)
{
    struct fixture *f = *state;
    struct redis_server server = {.arguments = {"--appendonly", "yes"}};
    struct lk_lease_doc doc;

    redis_start(&server);
    move_to(f, server.port);
    put(f, "7", "a");
    doc = load(f, f->one, "7");
    redis_kill(&server);
    redis_start(&server);
    assert_str(load(f, f->other, "7").text, "a");
    assert_true(save(f, f->one, "7", doc.version, "b"));
    redis_end(&server);
}

static void test_away(void **state)
{
    struct fixture *f = *state;
    struct redis_server server = {.arguments = {"--requirepass", "sesame"}};
    struct deed d, k, s, c;

    redis_start(&server);
    close_stores(f);
    snprintf(f->url, sizeof(f->url), "redis://:sesame@127.0.0.1:%u", server.port);
    f->options.redis_url = lk_str(f->url);
    assert_true(open_stores(f));
    put(f, "7", "a");
    redis_kill(&server);
    d = try_load(f, "7");
    k = s = c = (struct deed){.store = f->one, .key = LK_STR("7"), .text = LK_STR("b")};
    run_deed(f, do_keys, &k);
    run_deed(f, do_save, &s);
    run_deed(f, do_check, &c);
    assert_false(d.ok || k.ok || s.ok || c.ok);
    assert_int_equal(d.err.kind, LK_ERROR_NETWORK);
    for (int i = 0; i < 4; i++) {
        const struct lk_error *err = &(const struct deed *[]){&d, &k, &s, &c}[i]->err;

        assert_in(err->message, "Redis at 127.0.0.1:");
        assert_in(err->message, "LOOKER_LEASE_URL");
        assert_null(strstr(err->message, "sesame"));
        assert_null(strstr(err->detail, "sesame"));
    }
    redis_start(&server);
    put(f, "7", "b"); /* by itself */
    redis_end(&server);
}

/* ---- connections that are lost between a save and its answer ---- */

struct proxy {
    uint16_t to;
    int fd;
    uint16_t port;
    int drops; /* so many connections end when the answer is to be passed on */
    pthread_t thread;
};

static void *carry(void *arg)
{
    struct proxy *proxy = arg;
    char bytes[4096];
    int client;

    while ((client = accept(proxy->fd, NULL, NULL)) >= 0) {
        struct pollfd fds[2] = {{.fd = client, .events = POLLIN},
                                {.fd = redis_connect_(proxy->to), .events = POLLIN}};
        bool open = true;

        while (open && poll(fds, 2, -1) > 0) {
            for (int i = 0; open && i < 2; i++) {
                ssize_t n = (fds[i].revents & (POLLIN | POLLHUP)) != 0
                                ? read(fds[i].fd, bytes, sizeof(bytes))
                                : -1;

                if (n < 0)
                    continue;
                open = n > 0 && (i == 0 || proxy->drops == 0 || proxy->drops-- == 0);
                if (open)
                    (void)!write(fds[1 - i].fd, bytes, (size_t)n);
            }
        }
        close(fds[0].fd);
        close(fds[1].fd);
    }
    return NULL;
}

static void proxy_start(struct proxy *proxy)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    proxy->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(proxy->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(proxy->fd, 16), 0);
    assert_int_equal(getsockname(proxy->fd, (struct sockaddr *)&address, &len), 0);
    proxy->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&proxy->thread, NULL, carry, proxy), 0);
}

static void proxy_end(struct proxy *proxy)
{
    shutdown(proxy->fd, SHUT_RDWR);
    pthread_join(proxy->thread, NULL);
    close(proxy->fd);
}

static struct deed save_through(struct fixture *f, uint16_t port, const char *text, int drops)
{
    struct proxy proxy = {.to = port, .drops = drops};
    struct fixture g = *f;
    struct deed d = {.key = LK_STR_INIT("7"), .text = lk_str(text)};

    d.version = load(f, f->one, "7").version;
    proxy_start(&proxy);
    snprintf(g.url, sizeof(g.url), "redis://127.0.0.1:%u", proxy.port);
    g.options.redis_url = lk_str(g.url);
    assert_true(open_stores(&g));
    d.store = g.one;
    run_deed(&g, do_save, &d);
    close_stores(&g);
    proxy_end(&proxy);
    return d;
}

/* The first save arrives, its answer does not; the second must not take the first for somebody
 * else's. */
static void test_answer_that_is_lost(void **state)
{
    struct fixture *f = *state;
    struct redis_server server = {0};
    struct deed d;

    redis_start(&server);
    close_stores(f);
    snprintf(f->url, sizeof(f->url), "redis://127.0.0.1:%u", server.port);
    f->options.redis_url = lk_str(f->url);
    assert_true(open_stores(f));
    d = save_through(f, server.port, "a", 1);
    assert_true(d.ok && d.saved);
    assert_str(load(f, f->one, "7").text, "a");
    d = save_through(f, server.port, "b", 2); /* then it is unknown, and said to be */
    assert_false(d.ok);
    assert_int_equal(d.err.kind, LK_ERROR_NETWORK);
    assert_str(load(f, f->one, "7").text, "b");
    d = save_through(f, server.port, "", 1); /* deleted is deleted */
    assert_true(d.ok && d.saved);
    assert_int_equal(load(f, f->one, "7").text.len, 0);
    redis_end(&server);
}

/* ---- two at once ---- */

struct counter {
    struct fixture *f;
    struct lk_lease_store *store;
    unsigned times, conflicts;
    bool ended;
};

static void count(void *arg)
{
    struct counter *counter = arg;
    struct lk_arena *arena = lk_arena_new();

    while (counter->times > 0) {
        struct lk_lease_doc doc = {0};
        struct lk_str text;
        bool saved = false;

        if (!lk_lease_store_load(counter->store, arena, LK_STR("n"), &doc, NULL))
            break;
        text = lk_arena_printf(arena, "%lu",
                               doc.text.len > 0 ? strtoul(doc.text.ptr, NULL, 10) + 1 : 1);
        if (!lk_lease_store_save(counter->store, LK_STR("n"), doc.version, text, true, &saved,
                                 NULL))
            break;
        counter->times -= saved;
        counter->conflicts += !saved;
    }
    lk_arena_free(arena);
    counter->ended = true;
}

static void test_nothing_is_lost_between_two(void **state)
{
    struct fixture *f = *state;
    struct counter one = {f, f->one, 50, 0, false}, other = {f, f->other, 50, 0, false};

    assert_true(lk_co_start(f->loop, count, &one, NULL, NULL));
    assert_true(lk_co_start(f->loop, count, &other, NULL, NULL));
    while (!one.ended || !other.ended)
        lk_loop_run_once(f->loop, 1000);
    assert_str(load(f, f->one, "n").text, "100");
    assert_true(one.conflicts + other.conflicts > 0);
}

/* ---- what nobody wrote there ---- */

static void put_field(const struct fixture *f, const char *field, const char *value)
{
    char command[256];

    snprintf(command, sizeof(command), "HSET looker-mcp-server:{%.*s}:leases %s %s",
             LK_STR_ARG(f->options.prefix), field, value);
    tell_redis(&redis_of_all, command);
}

static void test_fields_that_make_no_sense(void **state)
{
    struct fixture *f = *state;
    struct deed d;
    char command[256];

    put(f, "7", "a");
    put_field(f, "v:7", "-1");
    d = try_load(f, "7");
    assert_false(d.ok);
    assert_int_equal(d.err.kind, LK_ERROR_UPSTREAM);
    put_field(f, "v:7", "99999999999999999999999");
    assert_false(try_load(f, "7").ok);
    put_field(f, "born", "yesterday");
    assert_false(try_load(f, "8").ok);

    /* A clock that was set back: as if it had come up empty. */
    put_field(f, "born", "9999999999999");
    d = try_load(f, "8");
    assert_true(d.ok);
    assert_true(d.doc.closed_until_ms > d.doc.now_ms &&
                d.doc.closed_until_ms <= d.doc.now_ms + 1000);

    snprintf(command, sizeof(command), "SET looker-mcp-server:{%.*s}:leases 1",
             LK_STR_ARG(f->options.prefix));
    tell_redis(&redis_of_all, command);
    d = try_load(f, "7");
    assert_false(d.ok);
    assert_in(d.err.detail, "WRONGTYPE");
}

/* What a user has to be granted who may do this and nothing else. */
static void test_rights_that_suffice(void **state)
{
    struct fixture *f = *state;
    struct redis_server server = {.arguments = {"--user", "lease", "on", ">secret",
                                                "~looker-mcp-server:*", "+select", "+eval", "+time",
                                                "+hget", "+hmget", "+hset", "+hdel", "+hkeys"}};
    struct deed k = {0};

    redis_start(&server);
    close_stores(f);
    snprintf(f->url, sizeof(f->url), "redis://lease:secret@127.0.0.1:%u/1", server.port);
    f->options.redis_url = lk_str(f->url);
    assert_true(open_stores(f));
    put(f, "7", "a");
    put(f, "8", "b");
    put(f, "7", "");
    k.store = f->one;
    run_deed(f, do_keys, &k);
    assert_true(k.ok);
    assert_int_equal(k.n_keys, 1);
    redis_end(&server);
}

static void test_urls_that_are_none(void **state)
{
    static const char *const urls[] = {"http://:sesame@h", "redis://:sesame@h:99999", "sesame"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct lk_lease_store_options options = f->options;
        struct lk_lease_shared *shared;
        struct lk_error err = {0};

        options.redis_url = lk_str(urls[i]);
        assert_false(lk_lease_shared_new(&options, &shared, &err));
        assert_int_equal(err.kind, LK_ERROR_CONFIG);
        assert_in(err.message, "LOOKER_LEASE_URL: ");
        assert_null(strstr(err.message, "sesame"));
    }
}

int main(void)
{
    static enum kind redis = IN_REDIS;
#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, set_up, tear_down, &redis)
    const struct CMUnitTest tests[] = {
        TEST(test_closed_at_first),
        TEST(test_started_again_without_its_data),
        TEST(test_started_again_with_its_data),
        TEST(test_away),
        TEST(test_answer_that_is_lost),
        TEST(test_nothing_is_lost_between_two),
        TEST(test_fields_that_make_no_sense),
        TEST(test_rights_that_suffice),
        TEST(test_urls_that_are_none),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, end_redis);
}
