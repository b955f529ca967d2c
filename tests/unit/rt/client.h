/*
 * A loop with an HTTP client on it, and one request at a time from a test's own stack.
 */
#ifndef LK_TEST_CLIENT_H
#define LK_TEST_CLIENT_H

#include "../test.h"

#include "rt/co.h"
#include "rt/http.h"

#include <stdio.h>

struct client {
    struct lk_loop *loop;
    struct lk_http *http;
    struct lk_arena *arena;
    size_t n_running;
};

/* One request and what became of it. */
struct call {
    struct client *client;
    struct lk_http_request request;
    char url[512];
    struct lk_co *co;
    bool ok, ended;
    struct lk_http_answer answer;
    struct lk_error err;
    uint64_t took_ms;
};

static inline void client_open(struct client *client, const struct lk_http_options *options)
{
    *client = (struct client){0};
    assert_true(lk_loop_new(&client->loop, NULL));
    client->http = lk_http_new(client->loop, options);
    client->arena = lk_arena_new();
}

static inline void client_close(struct client *client)
{
    lk_http_free(client->http);
    lk_loop_free(client->loop);
    lk_arena_free(client->arena);
}

static inline void call_run(void *arg)
{
    struct call *call = arg;
    struct client *client = call->client;
    uint64_t before = lk_loop_now_ms(client->loop);

    call->co = lk_co_self(client->loop);
    call->ok =
        lk_http_perform(client->http, &call->request, client->arena, &call->answer, &call->err);
    call->took_ms = lk_loop_now_ms(client->loop) - before;
    call->ended = true;
    if (--client->n_running == 0)
        lk_loop_stop(client->loop);
}

/* What the request leaves open is a GET with 10 s. */
static inline void call_start(struct call *call, struct client *client)
{
    call->client = client;
    if (call->request.url == NULL)
        call->request.url = call->url;
    if (call->request.method == NULL)
        call->request.method = "GET";
    if (call->request.timeout_ms == 0)
        call->request.timeout_ms = 10000;
    client->n_running++;
    assert_true(lk_co_start(client->loop, call_run, call, NULL, NULL));
}

static inline void call_now(struct call *call, struct client *client)
{
    call_start(call, client);
    lk_loop_run(client->loop);
    assert_int_equal(lk_co_count(client->loop), 0);
}

#define assert_has(text, part) assert_has_(text, part, __FILE__, __LINE__)
static inline void assert_has_(const char *text, const char *part, const char *file, int line)
{
    if (strstr(text, part) == NULL)
        print_error("\"%s\" lacks \"%s\"\n", text, part);
    _assert_true(strstr(text, part) != NULL, "text has part", file, line);
}

#endif
