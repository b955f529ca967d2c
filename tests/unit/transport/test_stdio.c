/*
 * The stdio transport over real pipes: lines of every cut, lines that are too long, an end of input
 * in the middle of things, a reader that does not read or has gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture/tools.h"
#include "transport/stdio.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_MESSAGE 1000

struct world {
    struct lk_loop *loop;
    struct mcp_server *server;
    struct fixture_context context;
    struct lk_stdio *stdio;
    int in[2], out[2]; /* [0] is read from */
    char *text;        /* all that came out and was not taken yet */
    size_t len;
    bool ended; /* the transport has stopped the loop */
};

static struct world *world_new(bool socket_out, uint64_t drain_ms)
{
    struct world *world = calloc(1, sizeof(*world));
    struct mcp_server_options server = {.name = "fixture",
                                        .version = "1",
                                        .tools = fixture_tools,
                                        .n_tools = fixture_n_tools,
                                        .tool_context = &world->context};
    struct lk_stdio_options options = {.max_message_bytes = MAX_MESSAGE, .drain_ms = drain_ms};
    struct lk_error err = {0};

    signal(SIGPIPE, SIG_IGN);
    assert_true(lk_loop_new(&world->loop, &err));
    assert_int_equal(pipe(world->in), 0);
    if (socket_out)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world->out), 0);
    else
        assert_int_equal(pipe(world->out), 0);
    fcntl(world->out[0], F_SETFL, O_NONBLOCK);
    world->context.loop = server.loop = world->loop;
    world->server = mcp_server_new(&server);
    options.loop = world->loop;
    options.server = world->server;
    options.in_fd = world->in[0];
    options.out_fd = world->out[1];
    assert_true(lk_stdio_new(&options, &world->stdio, &err));
    return world;
}

static int setup(void **state)
{
    *state = world_new(false, 0);
    return 0;
}

static int setup_socket(void **state)
{
    *state = world_new(true, 0);
    return 0;
}

static int setup_impatient(void **state)
{
    *state = world_new(false, 50);
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    lk_stdio_free(world->stdio);
    assert_int_equal(mcp_server_in_flight(world->server), 0);
    mcp_server_free(world->server);
    lk_loop_free(world->loop);
    for (int i = 0; i < 2; i++) {
        if (world->in[i] >= 0)
            close(world->in[i]);
        if (world->out[i] >= 0)
            close(world->out[i]);
    }
    free(world->text);
    free(world);
    return 0;
}

static void close_fd(int *fd)
{
    close(*fd);
    *fd = -1;
}

static void collect(struct world *world)
{
    ssize_t n;

    do {
        world->text = realloc(world->text, world->len + 65536 + 1);
        n = read(world->out[0], world->text + world->len, 65536);
        if (n > 0)
            world->len += (size_t)n;
        world->text[world->len] = '\0';
    } while (n > 0);
}

static void turn(struct world *world, int turns, bool reading)
{
    for (int i = 0; i < turns; i++) {
        lk_loop_run_once(world->loop, 5);
        world->ended = world->ended || lk_loop_stopping(world->loop);
        if (reading)
            collect(world);
    }
}

/* Turns until n whole lines have come, for ten seconds at most. */
static const char *lines(struct world *world, int n)
{
    for (int i = 0; i < 2000; i++) {
        int found = 0;

        for (size_t at = 0; at < world->len; at++)
            found += world->text[at] == '\n';
        if (found >= n) {
            assert_int_equal(found, n);
            return world->text;
        }
        turn(world, 1, true);
    }
    fail_msg("%d lines were expected: %s", n, world->text != NULL ? world->text : "nothing");
    return NULL;
}

static void forget(struct world *world)
{
    world->len = 0;
}

static void until_ended(struct world *world)
{
    for (int i = 0; i < 1000 && !world->ended; i++)
        turn(world, 1, world->out[0] >= 0);
    assert_true(world->ended);
}

static void type(struct world *world, const char *text)
{
    assert_int_equal(write(world->in[1], text, strlen(text)), strlen(text));
}

#define PING(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"ping\"}"
#define PONG(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{}}\n"
#define CALL(id, tool, arguments)                                                                  \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\",\"params\":{\"name\":\"" tool    \
    "\",\"arguments\":" arguments ",\"_meta\":{\"progressToken\":\"t\"}}}\n"

static void a_message_a_line(void **state)
{
    struct world *world = *state;

    type(world, PING("1") "\n\n \t\r\n" PING("2") "\r\n" PING("3") "\n");
    assert_string_equal(lines(world, 3), PONG("1") PONG("2") PONG("3"));
}

static void lines_may_come_in_pieces(void **state)
{
    struct world *world = *state;
    const char *text = PING("1") "\n" PING("\"\xc3\xa9\"") "\n";

    for (const char *c = text; *c != '\0'; c++) {
        assert_int_equal(write(world->in[1], c, 1), 1);
        turn(world, 1, true);
    }
    assert_string_equal(lines(world, 2), PONG("1") PONG("\"\xc3\xa9\""));
}

static void nonsense_is_answered_and_forgotten(void **state)
{
    struct world *world = *state;

    type(world, "nonsense\n\xff\xfe\n{\"jsonrpc\":\"2.0\",\"id\":1,\n" PING("2") "\n");
    lines(world, 4);
    assert_int_equal(strncmp(world->text, "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,", 40),
                     0);
    assert_non_null(strstr(world->text, "\n" PONG("2")));
}

static void type_line_of(struct world *world, size_t bytes)
{
    char *line = malloc(bytes + 2);
    size_t start = strlen(PING("1"));

    memset(line, ' ', bytes);
    memcpy(line, PING("1"), start);
    line[bytes] = '\n';
    line[bytes + 1] = '\0';
    for (size_t at = 0; at <= bytes; at += 4096) {
        size_t n = bytes + 1 - at < 4096 ? bytes + 1 - at : 4096;

        assert_int_equal(write(world->in[1], line + at, n), n);
        turn(world, 1, true);
    }
    free(line);
}

static void long_lines_are_dropped(void **state)
{
    struct world *world = *state;

    type_line_of(world, MAX_MESSAGE);
    assert_string_equal(lines(world, 1), PONG("1"));
    for (size_t bytes = MAX_MESSAGE + 1; bytes < 1000000; bytes *= 30) {
        forget(world);
        type_line_of(world, bytes);
        type(world, PING("2") "\n");
        lines(world, 2);
        assert_non_null(strstr(world->text, "more than 1000 bytes, the limit of one line"));
        assert_non_null(strstr(world->text, "\n" PONG("2")));
    }
}

static void answers_come_as_calls_end(void **state)
{
    struct world *world = *state;

    type(world, CALL("1", "sleep", "{\"ms\":60}") PING("2") "\n" CALL("3", "sleep", "{\"ms\":5}"));
    lines(world, 3);
    assert_true(strstr(world->text, "\"id\":2") < strstr(world->text, "\"id\":3"));
    assert_true(strstr(world->text, "\"id\":3") < strstr(world->text, "\"id\":1"));
}

static void progress_comes_before_the_answer(void **state)
{
    struct world *world = *state;

    type(world, CALL("1", "test_tool_with_progress", "{}"));
    lines(world, 4);
    assert_true(strstr(world->text, "\"progress\":100") < strstr(world->text, "\"id\":1"));
}

static void a_cancelled_call_is_silent(void **state)
{
    struct world *world = *state;

    type(world, CALL("7", "sleep", "{\"ms\":50000}"));
    type(world, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
                "\"requestId\":7}}\n" PING("8") "\n");
    assert_string_equal(lines(world, 1), PONG("8"));
    turn(world, 5, true);
    assert_string_equal(lines(world, 1), PONG("8"));
    assert_int_equal(world->context.n_cancelled, 1);
}

/* ---- the end ---- */

static void the_end_of_input_ends(void **state)
{
    struct world *world = *state;

    type(world, PING("1") "\n" PING("2"));
    close_fd(&world->in[1]);
    until_ended(world);
    assert_string_equal(lines(world, 2), PONG("1") PONG("2"));
}

static void calls_in_flight_may_finish(void **state)
{
    struct world *world = *state;

    type(world, CALL("1", "sleep", "{\"ms\":80}"));
    close_fd(&world->in[1]);
    turn(world, 2, true);
    assert_false(world->ended);
    until_ended(world);
    assert_non_null(strstr(lines(world, 1), "slept_ms"));
}

static void calls_in_flight_may_not_take_for_ever(void **state)
{
    struct world *world = *state;

    type(world, CALL("1", "sleep", "{\"ms\":50000}"));
    close_fd(&world->in[1]);
    until_ended(world);
    assert_non_null(strstr(lines(world, 1), "the server is shutting down"));
}

static void closing_is_like_the_end_of_input(void **state)
{
    struct world *world = *state;

    type(world, PING("1") "\n");
    lines(world, 1);
    lk_stdio_close(world->stdio);
    until_ended(world);
}

static void closing_twice_does_not_wait(void **state)
{
    struct world *world = *state;
    uint64_t began = lk_loop_now_ms(world->loop);

    type(world, CALL("1", "sleep", "{\"ms\":50000}"));
    turn(world, 2, true);
    lk_stdio_close(world->stdio);
    turn(world, 2, true);
    assert_false(world->ended);
    lk_stdio_close(world->stdio);
    until_ended(world);
    assert_in_range(lk_loop_now_ms(world->loop) - began, 0, 5000);
    assert_non_null(strstr(lines(world, 1), "the server is shutting down"));
}

/* ---- readers that do not read ---- */

static void output_waits_for_its_reader(void **state)
{
    struct world *world = *state;
    int in_flags = fcntl(world->in[0], F_GETFL), out_flags = fcntl(world->out[1], F_GETFL);

    for (int i = 0; i < 3; i++)
        type(world, CALL("1", "big", "{\"bytes\":1000000}"));
    type(world, CALL("2", "sleep", "{\"ms\":1}"));
    turn(world, 50, false);
    lines(world, 4);
    assert_true(world->len > 3000000 && world->len < 3002000);
    assert_non_null(strstr(world->text, "abcdefghijklmnopqrstuvwxyzabc"));
    /* What other processes share was left as it is. */
    assert_int_equal(fcntl(world->in[0], F_GETFL), in_flags);
    assert_int_equal(fcntl(world->out[1], F_GETFL), out_flags);
}

/* A client that only sends is not read from without end. */
static void input_waits_for_the_output(void **state)
{
    struct world *world = *state;
    const char *text = CALL("1", "big", "{\"bytes\":50000}");
    size_t asked = 3000, sent = 0, came = 0;

    fcntl(world->in[1], F_SETFL, O_NONBLOCK);
    for (int refused = 0; refused < 20 && sent < asked; turn(world, 1, false)) {
        while (sent < asked && write(world->in[1], text, strlen(text)) > 0)
            sent++;
        refused++;
    }
    assert_true(sent < asked);
    assert_true(world->context.n_started < 200); /* answers of 50,000 bytes, up to 4 MiB */
    asked = sent;
    for (int i = 0; i < 20000 && came < asked; i++) {
        turn(world, 1, true);
        for (size_t at = 0; at < world->len; at++)
            came += world->text[at] == '\n';
        forget(world);
    }
    assert_int_equal(came, asked);
    type(world, PING("2") "\n");
    assert_string_equal(lines(world, 1), PONG("2"));
}

static void output_without_a_reader_ends(void **state)
{
    struct world *world = *state;

    type(world, CALL("1", "sleep", "{\"ms\":50000}"));
    turn(world, 2, true);
    close_fd(&world->out[0]);
    type(world, PING("1") "\n");
    until_ended(world);
    assert_int_equal(world->context.n_cancelled, 1);
}

static void output_may_be_a_file(void **state)
{
    struct world *world = *state;
    struct lk_stdio_options options = {.loop = world->loop, .server = world->server};
    char path[] = "/tmp/test_stdio_XXXXXX", text[256] = "";
    struct lk_error err = {0};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    unlink(path);
    lk_stdio_free(world->stdio);
    options.in_fd = world->in[0];
    options.out_fd = fd;
    assert_true(lk_stdio_new(&options, &world->stdio, &err));
    type(world, PING("1") "\n");
    close_fd(&world->in[1]);
    until_ended(world);
    assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
    assert_string_equal(text, PONG("1"));
    close(fd);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define SOCKET(test) cmocka_unit_test_setup_teardown(test, setup_socket, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_a_line),
        TEST(lines_may_come_in_pieces),
        TEST(nonsense_is_answered_and_forgotten),
        TEST(long_lines_are_dropped),
        TEST(answers_come_as_calls_end),
        TEST(progress_comes_before_the_answer),
        TEST(a_cancelled_call_is_silent),
        TEST(the_end_of_input_ends),
        TEST(calls_in_flight_may_finish),
        cmocka_unit_test_setup_teardown(calls_in_flight_may_not_take_for_ever, setup_impatient,
                                        teardown),
        TEST(closing_is_like_the_end_of_input),
        TEST(closing_twice_does_not_wait),
        TEST(output_waits_for_its_reader),
        TEST(input_waits_for_the_output),
        TEST(output_without_a_reader_ends),
        TEST(output_may_be_a_file),
        SOCKET(a_message_a_line),
        SOCKET(output_waits_for_its_reader),
        SOCKET(input_waits_for_the_output),
        SOCKET(output_without_a_reader_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
