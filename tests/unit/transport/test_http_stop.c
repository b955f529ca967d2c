/*
 * How the HTTP transport stops: what is answered, what is cut, and how long it may take.
 */
#include "http_harness.h"

#include <dirent.h>

static void stopping_lets_calls_finish(void **state)
{
    struct world *world = *state;
    struct client idle = client_new(world), half = client_new(world), busy = client_new(world);

    post_with(world, &idle, "", PING);
    assert_contains(response(world, &idle), PONG);
    send_text(world, &half, "POST /mcp HT", 12);
    post_with(world, &busy, "", SLEEP("1000"));
    turn(world, 5);
    lk_http_server_stop(world->http, 5000, on_stopped, world);
    turn(world, 2);
    assert_null(response(world, &idle));
    assert_null(response(world, &half));
    assert_int_equal(mcp_server_in_flight(world->mcp), 1); /* they did not wait for it */
    assert_false(world->stopped);
    assert_contains(response(world, &busy), "slept_ms");
    assert_contains(busy.body, "Connection: close");
    until_stopped(world);
    client_free(&idle);
    client_free(&half);
    client_free(&busy);
}

static void stopping_does_not_wait_for_ever(void **state)
{
    struct world *world = *state;
    struct client legacy = client_new(world), modern = client_new(world), deaf = client_new(world);

    post_with(world, &legacy, "", SLEEP("50000"));
    post_with(world, &modern, MODERN, MODERN_SLEEP("50000"));
    post_with(world, &deaf, "", BIG);
    turn(world, 5);
    lk_http_server_stop(world->http, 30, on_stopped, world);
    assert_contains(response(world, &legacy), "the server is shutting down");
    assert_contains(response(world, &modern), "the server is shutting down");
    until_stopped(world); /* although one client does not read its answer */
    client_free(&legacy);
    client_free(&modern);
    client_free(&deaf);
}

static void a_connection_kept_by_its_answer_does_not_hold_up_the_stop(void **state)
{
    struct world *world = *state;
    struct client last = client_new(world), more = client_new(world);
    uint64_t began_ms;

    post_with(world, &last, "", BIG);
    post_with(world, &more, "", BIG);
    post_with(world, &more, MODERN, MODERN_SLEEP("50"));
    turn(world, 5);
    lk_http_server_stop(world->http, 20000, on_stopped, world);
    began_ms = lk_loop_now_ms(world->loop);
    assert_true(strlen(response(world, &last)) > 8000000);
    assert_contains(last.body, "Connection: keep-alive"); /* as it was said before the stop */
    assert_null(response(world, &last));
    assert_true(strlen(response(world, &more)) > 8000000);
    assert_contains(response(world, &more), "slept_ms"); /* it had come before the stop */
    assert_contains(more.body, "Connection: close");
    until_stopped(world);
    assert_in_range(lk_loop_now_ms(world->loop) - began_ms, 0, 15000);
    client_free(&last);
    client_free(&more);
}

static void what_has_come_before_the_stop_is_answered(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);

    post_with(world, &client, "", PING);
    assert_contains(response(world, &client), PONG);
    post_with(world, &client, MODERN, MODERN_SLEEP("50")); /* not read yet */
    lk_http_server_stop(world->http, 5000, on_stopped, world);
    assert_contains(response(world, &client), "slept_ms");
    until_stopped(world);
    client_free(&client);
}

static void a_second_stop_only_shortens_the_wait(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world), deaf = client_new(world);
    uint64_t began_ms;

    post_with(world, &client, "", SLEEP("50000"));
    post_with(world, &deaf, "", BIG);
    turn(world, 5);
    lk_http_server_stop(world->http, 50000, on_stopped, world);
    lk_http_server_stop(world->http, 30, NULL, NULL);
    lk_http_server_stop(world->http, 60000, NULL, NULL);
    assert_contains(response(world, &client), "the server is shutting down");
    assert_false(world->stopped); /* one client does not read; cancelled calls have two seconds */
    began_ms = lk_loop_now_ms(world->loop);
    lk_http_server_stop(world->http, 10, NULL, NULL);
    until_stopped(world);
    assert_in_range(lk_loop_now_ms(world->loop) - began_ms, 10, 1500);
    lk_http_server_stop(world->http, 0, NULL, NULL);
    client_free(&client);
    client_free(&deaf);
}

static int n_open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n;
}

static void a_body_too_large_while_stopping_leaves_no_descriptor(void **state)
{
    struct world *world = *state;
    const char *text = "POST /mcp HTTP/1.1\r\n" HOST JSON "Content-Length: 1000000\r\n\r\n";
    int before = n_open_descriptors();
    struct client client = client_new(world);

    turn(world, 2);
    send_text(world, &client, text, strlen(text));
    lk_http_server_stop(world->http, 1000, on_stopped, world);
    until_stopped(world);
    client_free(&client);
    turn(world, 2);
    assert_int_equal(n_open_descriptors(), before - 1); /* the listening one has gone */
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stopping_lets_calls_finish),
        TEST(stopping_does_not_wait_for_ever),
        TEST(a_connection_kept_by_its_answer_does_not_hold_up_the_stop),
        TEST(what_has_come_before_the_stop_is_answered),
        TEST(a_second_stop_only_shortens_the_wait),
        TEST(a_body_too_large_while_stopping_leaves_no_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
