/*
 * Answers with progress: when they are a stream, what goes out on it, clients that leave or do not
 * read.
 */
#include "http_harness.h"

#define STREAM "Accept: application/json, text/event-stream\r\n"
#define PROGRESS                                                                                   \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"                \
    "\"test_tool_with_progress\",\"_meta\":{\"progressToken\":\"t\"}}}"
#define WORK(arguments)                                                                            \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"work\","       \
    "\"arguments\":{" arguments "},\"_meta\":{\"progressToken\":7}}}"
#define MODERN_WORK(arguments)                                                                     \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"work\","       \
    "\"arguments\":{" arguments "},\"_meta\":{\"progressToken\":7,"                                \
    "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                                  \
    "\"io.modelcontextprotocol/clientCapabilities\":{}}}}"
#define MODERN_STREAM                                                                              \
    STREAM "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: work\r\n"

static int setup_lively(void **state)
{
    *state = world_new((struct lk_http_server_options){.keep_alive_ms = 30});
    return 0;
}

/* Reads on until the text has come, for ten seconds at most. */
static void await_text(struct world *world, struct client *client, const char *text)
{
    for (int i = 0; i < 2000; i++) {
        collect(client);
        if (client->text != NULL && strstr(client->text, text) != NULL)
            return;
        if (client->closed)
            break;
        turn(world, 1);
    }
    fail_msg("\"%s\" did not come: %.600s", text, client->text != NULL ? client->text : "");
}

/* Takes the chunks of HTTP/1.1 out of what came: the body of the stream. */
static char *take_stream(struct client *client)
{
    char *at = strstr(client->text, "\r\n\r\n") + 4, *body = calloc(1, client->len + 1);
    size_t len = 0, size;

    while ((size = strtoul(at, &at, 16)) != 0) {
        assert_memory_equal(at, "\r\n", 2);
        memcpy(body + len, at + 2, size);
        len += size;
        at += 2 + size + 2;
    }
    assert_memory_equal(at, "\r\n\r\n", 4);
    at += 4;
    client->len -= (size_t)(at - client->text);
    memmove(client->text, at, client->len + 1);
    return body;
}

/* That the body is whole events and comments, nothing else. */
static void check_events(const char *body)
{
    while (*body != '\0') {
        if (strncmp(body, ": ", 2) != 0) {
            assert_memory_equal(body, "event: message\ndata: {", 22);
            assert_memory_equal(strchr(body + 22, '\n') - 1, "}\n\n", 3);
        }
        body = strstr(body, "\n\n") + 2;
    }
}

/* ---- what a stream is ---- */

#define EVENT(json) "event: message\ndata: " json "\n\n"
#define TOLD(progress)                                                                             \
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":"    \
    "\"t\",\"progress\":" progress "}}"

static void progress_comes_before_the_answer(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);
    char *body;

    for (int i = 0; i < 3; i++) { /* on one connection */
        post_with(world, &client, STREAM, PROGRESS);
        await_text(world, &client, "\r\n0\r\n\r\n");
        assert_contains(client.text, "HTTP/1.1 200 OK\r\n");
        assert_contains(client.text, "\r\ncontent-type: text/event-stream\r\n");
        assert_contains(client.text, "\r\ncache-control: no-cache\r\n");
        assert_contains(client.text, "\r\nx-accel-buffering: no\r\n");
        assert_contains(client.text, "\r\ntransfer-encoding: chunked\r\n");
        assert_lacks(client.text, "ontent-Length");
        body = take_stream(&client);
        assert_string_equal(
            body,
            EVENT(TOLD("0,\"total\":100,\"message\":\"begun\"")) EVENT(
                TOLD("50,\"total\":100,\"message\":\"half\"")) EVENT(TOLD("100,\"total\":100"))
                EVENT("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":"
                      "\"text\",\"text\":\"{\\\"text\\\":\\\"done\\\"}\"}],\"isError\":false}}"));
        free(body);
    }
    post_with(world, &client, STREAM, PING);
    assert_contains(response(world, &client), PONG);
    client_free(&client);
}

static void each_message_goes_out_at_once(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);

    post_with(world, &client, STREAM, WORK("\"steps\":2,\"ms\":100"));
    await_text(world, &client, "\"progress\":1,");
    assert_lacks(client.text, "\"progress\":2,");
    await_text(world, &client, "\"progress\":2,");
    assert_lacks(client.text, "\"result\"");
    await_text(world, &client, "\"result\"");
    client_free(&client);
}

static void one_body_when_there_is_no_need_or_no_way(void **state)
{
    static const struct {
        const char *headers, *body;
    } cases[] = {
        {"", PROGRESS}, /* nothing said of streams */
        {"Accept: */*\r\n", PROGRESS},
        {"Accept: application/json\r\n", PROGRESS},
        {"Accept: application/json, text/event-stream;q=0\r\n", PROGRESS},
        {"Accept: application/json, text/event-stream; q = 0.000\r\n", PROGRESS},
        {STREAM, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"
                 "\"test_tool_with_progress\"}}"}, /* no token */
        {STREAM, WORK("\"ms\":5")},                /* nothing to tell */
        {STREAM, WORK("\"steps\":\"x\"")},         /* arguments that are wrong */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char headers[300];
        const char *answer;

        snprintf(headers, sizeof(headers), HOST JSON "%s", cases[i].headers);
        answer = ask(*state, headers, cases[i].body, 200);
        assert_contains(answer, "content-type: application/json\r\n");
        assert_contains(answer, "\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\"");
    }
}

static void the_accept_header_as_clients_write_it(void **state)
{
    static const char *const headers[] = {
        "Accept: text/event-stream\r\n",
        "Accept: TEXT/Event-Stream\r\n",
        "Accept: application/json;q=0.9,text/event-stream;q=0.5\r\n",
        "Accept: application/json\r\nAccept: text/event-stream;charset=utf-8\r\n",
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct client client = client_new(world);

        post_with(world, &client, headers[i], PROGRESS);
        await_text(world, &client, "\"result\"");
        assert_contains(client.text, "text/event-stream");
        client_free(&client);
    }
}

/* A proxy may speak it: there the connection's end is the stream's. */
static void http_1_0(void **state)
{
    static const char request[] =
        "POST /mcp HTTP/1.0\r\nConnection: keep-alive\r\n" HOST JSON STREAM;
    struct world *world = *state;
    struct client client = client_new(world);
    char text[2000];
    int len = snprintf(text, sizeof(text), "%sContent-Length: %zu\r\n\r\n%s", request,
                       strlen(PROGRESS), PROGRESS);

    send_text(world, &client, text, (size_t)len);
    for (int i = 0; i < 2000 && !client.closed; i++) {
        collect(&client);
        turn(world, 1);
    }
    assert_true(client.closed);
    assert_contains(client.text, "Connection: close\r\n");
    assert_lacks(client.text, "chunked");
    assert_contains(client.text, "\r\n\r\nevent: message\ndata: {\"jsonrpc\"");
    assert_string_equal(client.text + client.len - 19, "\"isError\":false}}\n\n");
    client_free(&client);
}

/* Its answers come together as the last event. */
static void a_batch(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);
    char *body;

    post_with(world, &client, STREAM,
              "[" PROGRESS ",{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}]");
    await_text(world, &client, "\r\n0\r\n\r\n");
    body = take_stream(&client);
    assert_contains(body, "\"progress\":100");
    assert_contains(body, "data: [{\"jsonrpc\":\"2.0\",\"id\":1,");
    assert_contains(body, ",{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}]\n\n");
    free(body);
    client_free(&client);
}

/* Proxies close what is silent for long. */
static void a_silent_stream_has_comments(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);
    char *body;
    int n = 0;

    post_with(world, &client, STREAM, WORK("\"steps\":1,\"ms\":300"));
    await_text(world, &client, "\r\n0\r\n\r\n");
    body = take_stream(&client);
    check_events(body);
    for (char *at = body; (at = strstr(at, "\n\n: keep-alive\n\n")) != NULL; at++)
        n++;
    assert_in_range(n, 3, 10);
    assert_contains(body, "\"result\"");
    assert_string_equal(body + strlen(body) - 19, "\"isError\":false}}\n\n"); /* none after it */
    free(body);
    turn(world, 20);
    collect(&client);
    assert_int_equal(client.len, 0);
    client_free(&client);
}

/* Nor is a call that has nothing to tell left to them: it becomes a stream when it takes long. */
static void a_long_silence_becomes_a_stream(void **state)
{
    struct world *world = *state;
    struct client taking = client_new(world), plain = client_new(world);
    char *body;

    post_with(world, &plain, "", SLEEP("200"));
    for (int batch = 0; batch < 2; batch++) {
        post_with(world, &taking, STREAM, batch ? "[" SLEEP("200") "]" : SLEEP("200"));
        await_text(world, &taking, "\r\n0\r\n\r\n");
        assert_contains(taking.text, "\r\ncontent-type: text/event-stream\r\n");
        body = take_stream(&taking);
        assert_memory_equal(body, ": keep-alive\n\n", 14);
        assert_contains(body,
                        batch ? "\n\nevent: message\ndata: [{" : "\n\nevent: message\ndata: {");
        assert_contains(body, "slept_ms");
        free(body);
    }
    await_text(world, &plain, "slept_ms");
    assert_contains(plain.text, "\r\ncontent-type: application/json\r\n");
    client_free(&taking);
    client_free(&plain);
}

#define LISTEN                                                                                     \
    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"subscriptions/listen\",\"params\":{"               \
    "\"notifications\":{\"toolsListChanged\":true},\"_meta\":{"                                    \
    "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                                  \
    "\"io.modelcontextprotocol/clientCapabilities\":{}}}}"
#define LISTEN_HEADERS                                                                             \
    STREAM "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n"

/* It is acknowledged, kept alive, and ended with a result when the server stops, at once. */
static void who_listens_has_a_stream(void **state)
{
    struct world *world = *state;
    struct client leaving = client_new(world), staying = client_new(world);
    char *body;

    post_with(world, &leaving, LISTEN_HEADERS, LISTEN);
    post_with(world, &staying, LISTEN_HEADERS, LISTEN);
    await_text(world, &leaving, "subscriptions/acknowledged");
    await_text(world, &staying, ": keep-alive\n\n");
    client_free(&leaving);
    turn(world, 50);
    assert_int_equal(mcp_server_in_flight(world->mcp), 0);
    lk_http_server_stop(world->http, 60000, on_stopped, world);
    await_text(world, &staying, "\r\n0\r\n\r\n");
    body = take_stream(&staying);
    check_events(body);
    assert_memory_equal(body,
                        "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":"
                        "\"notifications/subscriptions/acknowledged\",\"params\":{\"_meta\":{"
                        "\"io.modelcontextprotocol/subscriptionId\":7},\"notifications\":{}}}\n\n",
                        175);
    assert_contains(body, "\"id\":7,\"result\":{\"resultType\":\"complete\",");
    free(body);
    client_free(&staying);
    until_stopped(world);
}

/* ---- clients that leave ---- */

static void legacy_calls_outlive_their_client(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);

    post_with(world, &client, STREAM, WORK("\"steps\":20,\"ms\":10"));
    await_text(world, &client, "\"progress\":1,");
    client_free(&client);
    for (int i = 0; i < 500 && world->context.n_ended == 0; i++)
        turn(world, 1);
    assert_int_equal(world->context.n_steps, 20);
    assert_int_equal(world->context.n_cancelled, 0);
    assert_contains(ask(world, HOST JSON, PING, 200), PONG);
}

static void modern_calls_end_with_their_client(void **state)
{
    struct world *world = *state;

    for (int half = 0; half < 2; half++) {
        struct client client = client_new(world);

        post_with(world, &client, MODERN_STREAM, MODERN_WORK("\"steps\":1000,\"ms\":20"));
        await_text(world, &client, "\"progress\":1,");
        if (half)
            shutdown(client.fd, SHUT_WR);
        else
            client_free(&client);
        for (int i = 0; i < 200 && mcp_server_in_flight(world->mcp) != 0; i++)
            turn(world, 1);
        assert_int_equal(world->context.n_cancelled, half + 1);
        assert_in_range(world->context.n_steps, 1, 30);
        if (half) { /* nothing more is sent, no answer, no proper end */
            for (int i = 0; i < 50; i++) {
                turn(world, 1);
                collect(&client);
            }
            assert_true(client.closed);
            assert_lacks(client.text, "\"result\"");
            assert_lacks(client.text, "\r\n0\r\n");
            client_free(&client);
        }
    }
}

/* Between any two of: the beginning, a notification, a comment, the answer. */
static void leaving_at_any_moment(void **state)
{
    struct world *world = *state;

    for (int turns = 0; turns < 16; turns++) {
        for (int modern = 0; modern < 2; modern++) {
            struct client reading = client_new(world), deaf = client_new(world);

            post_with(world, &reading, modern ? MODERN_STREAM : STREAM,
                      modern ? MODERN_WORK("\"steps\":3,\"ms\":4") : WORK("\"steps\":3,\"ms\":4"));
            post_with(world, &deaf, modern ? MODERN_STREAM : STREAM,
                      modern ? MODERN_WORK("\"steps\":3,\"ms\":4,\"bytes\":6000000")
                             : WORK("\"steps\":3,\"ms\":4,\"bytes\":6000000"));
            turn(world, turns);
            collect(&reading);
            client_free(&reading);
            client_free(&deaf);
        }
    }
    for (int i = 0; i < 200 && mcp_server_in_flight(world->mcp) != 0; i++)
        turn(world, 1);
    assert_contains(ask(world, HOST JSON, PING, 200), PONG);
}

/* ---- clients that do not read ---- */

/* 36 MB of progress for a client that reads at the end only: most of it is dropped, the order
 * stays, and the answer comes whole. */
static void a_client_that_falls_behind(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);
    int n = 0, last = 0;
    char *body, *at;

    post_with(world, &client, STREAM,
              WORK("\"steps\":600,\"ms\":1,\"words\":60000,\"bytes\":3000000"));
    for (int i = 0; i < 5000 && world->context.n_ended == 0; i++)
        turn(world, 1);
    assert_int_equal(world->context.n_steps, 600);
    assert_contains(ask(world, HOST JSON, PING, 200), PONG);
    await_text(world, &client, "\r\n0\r\n\r\n");
    body = take_stream(&client);
    check_events(body);
    for (at = body; (at = strstr(at, "\"progress\":")) != NULL; at++, n++) {
        int progress = atoi(at + 11);

        assert_true(progress > last);
        last = progress;
    }
    assert_in_range(n, 2, 400);
    at = strstr(body, "\"result\"");
    assert_non_null(at);
    assert_true(strlen(at) > 3000000);
    assert_null(strstr(at, "\"progress\""));
    free(body);
    client_free(&client);
}

/* Without a pause between them, all that fits into what may wait arrives. */
static void what_waits_is_bounded(void **state)
{
    struct world *world = *state;
    struct client client = client_new(world);
    size_t len;
    char *body;

    post_with(world, &client, STREAM, WORK("\"steps\":1000,\"words\":1000"));
    await_text(world, &client, "\r\n0\r\n\r\n");
    body = take_stream(&client);
    len = strlen(body);
    check_events(body);
    assert_contains(body, "\"progress\":50,");
    assert_lacks(body, "\"progress\":70,");
    assert_contains(body, "\"result\"");
    assert_in_range(len, 50000, 70000);
    free(body);
    client_free(&client);

    client = client_new(world); /* one that alone is too large */
    post_with(world, &client, STREAM, WORK("\"steps\":2,\"words\":66000"));
    await_text(world, &client, "\"result\"");
    assert_lacks(client.text, "\"progress\"");
    client_free(&client);
}

/* ---- the server's end ---- */

static void stopping_ends_streams_with_an_answer(void **state)
{
    struct world *world = *state;
    struct client reading = client_new(world), deaf = client_new(world), late = client_new(world);

    post_with(world, &reading, STREAM, WORK("\"steps\":100,\"ms\":1000"));
    post_with(world, &deaf, STREAM, WORK("\"steps\":100000,\"ms\":1,\"words\":60000"));
    post_with(world, &late, STREAM, SLEEP("1"));
    await_text(world, &reading, "\"progress\":1,");
    for (int i = 0; i < 400 && world->context.n_steps < 400; i++)
        turn(world, 1);
    lk_http_server_stop(world->http, 30, on_stopped, world);
    await_text(world, &reading, "the server is shutting down");
    until_stopped(world); /* although one client does not read its answer */
    client_free(&reading);
    client_free(&deaf);
    client_free(&late);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define LIVELY(test) cmocka_unit_test_setup_teardown(test, setup_lively, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(progress_comes_before_the_answer),
        TEST(each_message_goes_out_at_once),
        TEST(one_body_when_there_is_no_need_or_no_way),
        TEST(the_accept_header_as_clients_write_it),
        TEST(http_1_0),
        TEST(a_batch),
        LIVELY(a_silent_stream_has_comments),
        LIVELY(a_long_silence_becomes_a_stream),
        LIVELY(who_listens_has_a_stream),
        TEST(legacy_calls_outlive_their_client),
        TEST(modern_calls_end_with_their_client),
        TEST(leaving_at_any_moment),
        LIVELY(leaving_at_any_moment),
        TEST(a_client_that_falls_behind),
        TEST(what_waits_is_bounded),
        TEST(stopping_ends_streams_with_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
