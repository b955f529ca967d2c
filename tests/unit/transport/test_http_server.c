/*
 * The HTTP transport under strain: requests that are slow, large or broken, clients that leave,
 * readiness, the limits.
 */
#include "http_harness.h"

/* ---- requests that are slow, large or broken ---- */

static void a_byte_at_a_time(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);
    const char *text = "POST /mcp HTTP/1.1\r\n" HOST JSON "Content-Length: 40\r\n\r\n" PING;

    for (const char *c = text; *c != '\0'; c++) {
        send_text(world, &client, c, 1);
        turn(world, 1);
    }
    assert_contains(response(world, &client), PONG);
    client_free(&client);
}

static void chunks_are_put_together(void **state)
{
    assert_contains(exchange(*state,
                             "POST /mcp HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n"
                             "8\r\n{\"jsonrp\r\n20\r\nc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"
                             "\r\n0\r\n\r\n",
                             200),
                    PONG);
}

static void large_bodies(void **state)
{
    struct world *world = *state;
    size_t size = 40 * 1000 * 1000;
    char *text = malloc(size);
    struct client client = client_new(world);
    int header;

    memset(text, ' ', size);
    memcpy(text, PING, strlen(PING));
    text[MAX_BODY] = '\0';
    post_with(world, &client, "", text); /* exactly the limit */
    assert_contains(response(world, &client), PONG);
    client_free(&client);

    memset(text, ' ', size);
    header =
        snprintf(text, 200, "POST /mcp HTTP/1.1\r\n" HOST JSON "Content-Length: %zu\r\n\r\n", size);
    text[header] = ' ';
    client = client_new(world);
    assert_true(send_text(world, &client, text, size)); /* all of it, before reading */
    assert_contains(response(world, &client),
                    "larger than 10000 bytes, the limit (max_body_bytes)");
    assert_int_equal(client.status, 413);
    client_free(&client);
    free(text);

    assert_contains(
        exchange(world, "POST /mcp HTTP/1.1\r\n" HOST JSON "Content-Length: 10001\r\n\r\n", 413),
        "content-type: application/json");
    assert_contains(ask(world, HOST JSON, PING, 200), PONG);
}

static void broken_requests(void **state)
{
    static const char *const texts[] = {
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /mcp HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
        "POST /mcp HTTP/1.1\r\n" HOST "Content-Length: abc\r\n\r\n",
        "POST /mcp HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n",
        "POST /mcp HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        exchange(*state, texts[i], 400);
}

static int setup_hurried(void **state)
{
    *state = world_new((struct lk_http_server_options){.request_timeout_ms = 50});
    return 0;
}

static void slow_requests_are_cut_off(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world), busy = client_new(world);

    post_with(world, &busy, "", SLEEP("200")); /* a slow answer is another matter */
    send_text(world, &client, "POST /mcp HTTP/1.1\r\nHost: lo", 28);
    assert_null(response(world, &client));
    client_free(&client);
    assert_contains(response(world, &busy), "slept_ms");
    client_free(&busy);
}

/* ---- clients that leave ---- */

static void legacy_calls_outlive_their_client(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);

    post_with(world, &client, "", SLEEP("50"));
    turn(world, 3);
    assert_int_equal(world->context.n_started, 1);
    client_free(&client);
    for (int i = 0; i < 100 && world->context.n_ended == 0; i++)
        turn(world, 1);
    assert_int_equal(world->context.n_ended, 1);
    assert_int_equal(world->context.n_cancelled, 0);
    assert_contains(ask(world, HOST JSON, PING, 200), PONG);
}

static void modern_calls_end_with_their_client(void **state)
{
    struct world *world = *state;

    for (int half = 0; half < 2; half++) {
        struct client client = client_new(world);

        post_with(world, &client, MODERN, MODERN_SLEEP("50000"));
        turn(world, 3);
        assert_int_equal(world->context.n_started, half + 1);
        if (half)
            shutdown(client.fd, SHUT_WR);
        else
            client_free(&client);
        for (int i = 0; i < 100 && mcp_server_in_flight(world->mcp) != 0; i++)
            turn(world, 1);
        assert_int_equal(world->context.n_cancelled, half + 1);
        if (half) {
            assert_null(response(world, &client)); /* nothing more is sent */
            client_free(&client);
        }
    }
}

/* The answer that races with the client's going is dropped, whichever comes first. */
static void leaving_at_any_moment(void **state)
{
    struct world *world = *state;

    for (int turns = 0; turns < 12; turns++) {
        for (int modern = 0; modern < 2; modern++) {
            struct client client = client_new(world);

            post_with(world, &client, modern ? MODERN : "",
                      modern ? MODERN_SLEEP("15") : SLEEP("15"));
            turn(world, turns);
            client_free(&client);
        }
    }
    for (int i = 0; i < 100 && mcp_server_in_flight(world->mcp) != 0; i++)
        turn(world, 1);
    assert_contains(ask(world, HOST JSON, PING, 200), PONG);
}

static void a_large_answer_is_not_read(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);

    post_with(world, &client, "", BIG);
    turn(world, 5);
    assert_contains(ask(world, HOST JSON, PING, 200), PONG);
    client_free(&client);
    turn(world, 5);
    client = client_new(world);
    post_with(world, &client, "", BIG);
    assert_true(strlen(response(world, &client)) > 8000000);
    client_free(&client);
}

static void a_hundred_at_once(void **state)
{
    struct world *world = *state;
    struct client clients[100];

    for (int i = 0; i < 100; i++) {
        clients[i] = client_new(world);
        post_with(world, &clients[i], i % 2 ? MODERN : "",
                  i % 2 ? MODERN_SLEEP("100") : SLEEP("100"));
    }
    for (int i = 0; i < 100 && mcp_server_in_flight(world->mcp) < 100; i++)
        turn(world, 1);
    assert_int_equal(mcp_server_in_flight(world->mcp), 100);
    for (int i = 0; i < 100; i++) {
        assert_contains(response(world, &clients[i]), "slept_ms");
        client_free(&clients[i]);
    }
}

/* ---- readiness ---- */

static int setup_ready(void **state)
{
    struct world *world =
        world_new((struct lk_http_server_options){.ready = is_ready, .ready_cache_ms = 100});

    world->ready_takes_ms = 20;
    *state = world;
    return 0;
}

#define READYZ "GET /readyz HTTP/1.1\r\n" HOST "\r\n"

static void readiness_is_asked_once_for_many(void **state)
{
    struct world *world = *state;
    struct client clients[5];

    for (int i = 0; i < 5; i++) {
        clients[i] = client_new(world);
        send_text(world, &clients[i], READYZ, strlen(READYZ));
    }
    turn(world, 2);
    client_free(&clients[2]); /* it waits no longer */
    for (int i = 0; i < 5; i++) {
        if (i == 2)
            continue;
        assert_contains(response(world, &clients[i]), "{\"status\":\"ready\"}");
        client_free(&clients[i]);
    }
    exchange(world, READYZ, 200);
    assert_int_equal(world->n_ready_calls, 1);
    world->not_ready = LK_ERROR_AUTH;
    for (int i = 0; i < 30; i++) /* until the verdict is old */
        turn(world, 1);
    assert_contains(exchange(world, READYZ, 503),
                    "\r\n\r\n{\"status\":\"not ready\",\"reason\":\"auth\"}");
    assert_lacks(exchange(world, READYZ, 503), "hunter2");
    assert_int_equal(world->n_ready_calls, 2);
}

static void stopping_does_not_wait_for_readiness(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);

    world->ready_takes_ms = 50000;
    send_text(world, &client, READYZ, strlen(READYZ));
    turn(world, 3);
    lk_http_server_stop(world->http, 10, on_stopped, world);
    until_stopped(world);
    client_free(&client);
}

/* ---- limits ---- */

static int setup_few(void **state)
{
    *state = world_new((struct lk_http_server_options){.max_connections = 2});
    return 0;
}

static void connections_beyond_the_limit_wait(void **state)
{
    struct world *world = *state;
    struct client a = client_new(world), b = client_new(world), c;

    post_with(world, &a, "", SLEEP("300"));
    post_with(world, &b, "", SLEEP("300"));
    turn(world, 10);
    c = client_new(world);
    post_with(world, &c, "", PING);
    turn(world, 10);
    collect(&c);
    assert_int_equal(c.len, 0);
    assert_contains(response(world, &a), "\"isError\":false");
    assert_contains(response(world, &b), "\"isError\":false");
    assert_contains(response(world, &c), PONG);
    client_free(&a);
    client_free(&b);
    client_free(&c);
}

/* Who only holds connections open keeps nobody out. */
static void the_longest_idle_makes_room(void **state)
{
    struct world *world = *state;
    struct client a = client_new(world), b, c;

    post_with(world, &a, "", PING);
    assert_contains(response(world, &a), PONG);
    b = client_new(world);
    send_text(world, &b, "POST /mcp HTTP/1.1\r\nX", 21);
    turn(world, 10);
    post_with(world, &a, "", PING); /* idle again, after b */
    assert_contains(response(world, &a), PONG);
    c = client_new(world);
    post_with(world, &c, "", PING);
    assert_contains(response(world, &c), PONG);
    collect(&b);
    assert_true(b.closed);
    post_with(world, &a, "", PING);
    assert_contains(response(world, &a), PONG);
    client_free(&a);
    client_free(&b);
    client_free(&c);
}

static void the_limit_is_logged_once_however_often_it_is_met(void **state)
{
    FILE *file = tmpfile();
    const struct lk_log log = {.fd = fileno(file), .level = LK_LOG_WARNING};
    struct world *world =
        world_new((struct lk_http_server_options){.max_connections = 1, .log = &log});
    char text[4096];
    size_t len;

    for (int i = 0; i < 20; i++) {
        struct client a = client_new(world), b = client_new(world);

        post_with(world, &b, "", PING);
        turn(world, 2);
        client_free(&a);
        assert_contains(response(world, &b), PONG);
        client_free(&b);
    }
    *state = world;
    teardown(state);
    rewind(file);
    len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    fclose(file);
    assert_contains(text, "\"event\":\"http.connection_limit\",\"max_connections\":1}\n");
    assert_null(strstr(strchr(text, '\n'), "connection_limit"));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH(test, setup_) cmocka_unit_test_setup_teardown(test, setup_, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_byte_at_a_time),
        TEST(chunks_are_put_together),
        TEST(large_bodies),
        TEST(broken_requests),
        WITH(slow_requests_are_cut_off, setup_hurried),
        TEST(legacy_calls_outlive_their_client),
        TEST(modern_calls_end_with_their_client),
        TEST(leaving_at_any_moment),
        TEST(a_large_answer_is_not_read),
        TEST(a_hundred_at_once),
        WITH(readiness_is_asked_once_for_many, setup_ready),
        WITH(stopping_does_not_wait_for_readiness, setup_ready),
        WITH(connections_beyond_the_limit_wait, setup_few),
        WITH(the_longest_idle_makes_room, setup_few),
        cmocka_unit_test(the_limit_is_logged_once_however_often_it_is_met),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
