/*
 * Lines in, lines out (see stdio.h). Does not know what a message says. Called by serve.c.
 *
 *     reading ──(end of input, lk_stdio_close)──> draining ──(drain_ms)──> cancelling ──> ended
 *        └──────────────(output broken)─────────────────────────────────────^
 *
 * Reading pauses while a lot of output waits, so a client that sends without reading fills pipes,
 * not memory.
 */
#include "transport/stdio.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/memory.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)64 * 1024)
#define MAX_MESSAGE_BYTES_DEFAULT ((size_t)4 * 1024 * 1024)
#define DRAIN_MS_DEFAULT 5000
#define CANCEL_MS 2000                                /* for cancelled calls to unwind */
#define PAUSE_READING_BYTES ((size_t)4 * 1024 * 1024) /* of output that waits */

enum phase { READING, DRAINING, CANCELLING, ENDED };

/* A message that waits to be written. */
struct chunk {
    struct chunk *next;
    struct lk_buf bytes;
    size_t written;
};

struct lk_stdio {
    struct lk_stdio_options options;
    enum phase phase;
    struct mcp_peer peer;
    struct lk_watch in, out;
    bool watching_in, watching_out;
    struct lk_timer timer;
    size_t n_open; /* messages handed to the core that have no reply yet */

    struct lk_buf line; /* the beginning of a line whose end has not come */
    bool discarding;    /* the rest of a line that was too long */

    struct chunk *queue, **queue_end;
    size_t queued_bytes;
    bool out_is_socket, out_is_file, out_broken;
    struct lk_str unread; /* what of read_buf has not been taken yet */
    char read_buf[READ_BYTES];
};

static void set_phase(struct lk_stdio *stdio, enum phase phase);
static void go_on_reading(struct lk_stdio *stdio);

/* ---- output ---- */

static void drop_queue(struct lk_stdio *stdio)
{
    struct chunk *next;

    for (struct chunk *chunk = stdio->queue; chunk != NULL; chunk = next) {
        next = chunk->next;
        lk_buf_free(&chunk->bytes);
        free(chunk);
    }
    stdio->queue = NULL;
    stdio->queue_end = &stdio->queue;
    stdio->queued_bytes = 0;
}

/* Ends everything when there is nothing left to wait for. */
static void end_if_done(struct lk_stdio *stdio)
{
    if (stdio->phase != READING && stdio->n_open == 0 && stdio->queue == NULL)
        set_phase(stdio, ENDED);
}

static void output_broke(struct lk_stdio *stdio, int error)
{
    if (stdio->out_broken)
        return;
    stdio->out_broken = true;
    lk_log_warning(stdio->options.log, "stdio.output_broken",
                   lk_log_text("error", strerror(error)));
    drop_queue(stdio);
    set_phase(stdio, CANCELLING);
    end_if_done(stdio);
}

/*
 * Writes what fits without blocking: bytes written, 0 when nothing fits now, -1 on error. A pipe
 * that poll calls writable takes PIPE_BUF bytes at least; sockets can be asked not to block.
 */
static ssize_t write_some(struct lk_stdio *stdio, const char *bytes, size_t len)
{
    struct pollfd out = {.fd = stdio->options.out_fd, .events = POLLOUT};
    ssize_t n;

    if (stdio->out_is_socket) {
        n = send(out.fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
        if (!stdio->out_is_file) {
            if (poll(&out, 1, 0) == 0)
                return 0;
            if (len > PIPE_BUF)
                len = PIPE_BUF;
        }
        n = write(out.fd, bytes, len);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n;
}

static void watch_output(struct lk_stdio *stdio, bool on)
{
    struct lk_error err = {0};

    if (on == stdio->watching_out)
        return;
    if (on && !lk_loop_watch(stdio->options.loop, &stdio->out, EPOLLOUT, &err)) {
        output_broke(stdio, EBADF);
        return;
    }
    if (!on)
        lk_loop_unwatch(stdio->options.loop, &stdio->out);
    stdio->watching_out = on;
}

static void flush(struct lk_stdio *stdio)
{
    while (stdio->queue != NULL) {
        struct chunk *chunk = stdio->queue;
        size_t left = chunk->bytes.len - chunk->written;
        ssize_t n = write_some(stdio, chunk->bytes.ptr + chunk->written, left);

        if (n < 0) {
            output_broke(stdio, errno);
            return;
        }
        if (n == 0)
            break;
        chunk->written += (size_t)n;
        stdio->queued_bytes -= (size_t)n;
        if ((size_t)n < left)
            continue;
        stdio->queue = chunk->next;
        if (stdio->queue == NULL)
            stdio->queue_end = &stdio->queue;
        lk_buf_free(&chunk->bytes);
        free(chunk);
    }
    watch_output(stdio, stdio->queue != NULL);
}

static void on_writable(void *arg, uint32_t events)
{
    struct lk_stdio *stdio = arg;

    (void)events;
    flush(stdio);
    go_on_reading(stdio);
    end_if_done(stdio);
}

/* Takes the bytes over; adds the line's end. */
static void enqueue(struct lk_stdio *stdio, struct lk_buf *bytes)
{
    struct chunk *chunk;

    if (bytes->len == 0 || stdio->out_broken)
        return;
    chunk = lk_memory_new(sizeof(*chunk));
    chunk->bytes = *bytes;
    *bytes = (struct lk_buf){0};
    chunk->bytes.max_bytes = chunk->bytes.len + 1;
    chunk->bytes.overflow = false;
    lk_buf_char(&chunk->bytes, '\n');
    *stdio->queue_end = chunk;
    stdio->queue_end = &chunk->next;
    stdio->queued_bytes += chunk->bytes.len;
    if (!stdio->watching_out) /* else the loop says when */
        flush(stdio);
}

/* ---- between the core and the output ---- */

static void on_reply(void *arg, int http_status, struct lk_buf *body)
{
    struct lk_stdio *stdio = arg;

    (void)http_status;
    stdio->n_open--;
    enqueue(stdio, body);
    end_if_done(stdio);
}

static void on_notify(void *arg, struct lk_str message)
{
    struct lk_stdio *stdio = arg;
    struct lk_buf copy;

    lk_buf_init(&copy, message.len + 1);
    lk_buf_str(&copy, message);
    enqueue(stdio, &copy);
    lk_buf_free(&copy);
}

/* ---- input ---- */

static void take_line(struct lk_stdio *stdio, struct lk_str line)
{
    struct mcp_inbound inbound = {
        .peer = &stdio->peer,
        .body = lk_str_trim(line),
        .reply = on_reply,
        .notify = on_notify,
        .arg = stdio,
    };

    if (inbound.body.len == 0)
        return;
    stdio->n_open++;
    mcp_server_receive(stdio->options.server, &inbound, NULL);
}

static void refuse_long_line(struct lk_stdio *stdio)
{
    struct lk_buf out;

    lk_buf_init(&out, 1024);
    lk_buf_printf(
        &out,
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"a message of more "
        "than %zu bytes, the limit of one line (%s), was dropped; send less at a time\"}}",
        stdio->options.max_message_bytes, stdio->options.max_message_name);
    enqueue(stdio, &out);
    lk_buf_free(&out);
}

/* The line goes on with these bytes. */
static void keep(struct lk_stdio *stdio, struct lk_str bytes)
{
    if (stdio->discarding)
        return;
    if (lk_buf_str(&stdio->line, bytes))
        return;
    lk_buf_free(&stdio->line);
    stdio->discarding = true;
    refuse_long_line(stdio);
}

/* These bytes end the line. */
static void finish_line(struct lk_stdio *stdio, struct lk_str bytes)
{
    if (stdio->line.len == 0 && !stdio->discarding && bytes.len <= stdio->line.max_bytes) {
        take_line(stdio, bytes);
        return;
    }
    keep(stdio, bytes);
    if (!stdio->discarding)
        take_line(stdio, lk_buf_view(&stdio->line));
    stdio->discarding = false;
    if (stdio->line.cap > READ_BYTES)
        lk_buf_free(&stdio->line);
    else
        lk_buf_truncate(&stdio->line, 0);
}

static bool must_wait(const struct lk_stdio *stdio)
{
    return stdio->queued_bytes > PAUSE_READING_BYTES;
}

static void take_unread(struct lk_stdio *stdio)
{
    struct lk_str *unread = &stdio->unread;

    while (unread->len != 0 && stdio->phase == READING && !must_wait(stdio)) {
        const char *end = memchr(unread->ptr, '\n', unread->len);
        struct lk_str part = {unread->ptr, end != NULL ? (size_t)(end - unread->ptr) : unread->len};
        size_t used = part.len + (end != NULL);

        unread->ptr += used;
        unread->len -= used;
        if (end != NULL)
            finish_line(stdio, part);
        else
            keep(stdio, part);
    }
}

static void watch_input(struct lk_stdio *stdio, bool on)
{
    if (on == stdio->watching_in)
        return;
    if (on && !lk_loop_watch(stdio->options.loop, &stdio->in, EPOLLIN, NULL)) {
        lk_stdio_close(stdio);
        return;
    }
    if (!on)
        lk_loop_unwatch(stdio->options.loop, &stdio->in);
    stdio->watching_in = on;
}

/* Reads while the reader of the output reads. */
static void go_on_reading(struct lk_stdio *stdio)
{
    take_unread(stdio);
    if (stdio->phase == READING)
        watch_input(stdio, !must_wait(stdio));
}

static void on_readable(void *arg, uint32_t events)
{
    struct lk_stdio *stdio = arg;
    ssize_t n;

    (void)events;
    n = read(stdio->options.in_fd, stdio->read_buf, sizeof(stdio->read_buf));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        stdio->unread = lk_str_n(stdio->read_buf, (size_t)n);
        go_on_reading(stdio);
        return;
    }
    if (n < 0)
        lk_log_warning(stdio->options.log, "stdio.input_broken",
                       lk_log_text("error", strerror(errno)));
    else if (stdio->line.len != 0 && !stdio->discarding)
        take_line(stdio, lk_buf_view(&stdio->line)); /* the last line may lack its end */
    lk_stdio_close(stdio);
}

/* ---- phases ---- */

static void on_timer(void *arg)
{
    struct lk_stdio *stdio = arg;

    set_phase(stdio, stdio->phase == DRAINING ? CANCELLING : ENDED);
}

/* Forward only. */
static void set_phase(struct lk_stdio *stdio, enum phase phase)
{
    struct lk_loop *loop = stdio->options.loop;

    if (phase <= stdio->phase)
        return;
    stdio->phase = phase;
    lk_timer_stop(loop, &stdio->timer);
    watch_input(stdio, false);
    switch (phase) {
    case READING:
        break;
    case DRAINING:
        lk_timer_start(loop, &stdio->timer, stdio->options.drain_ms);
        mcp_server_end_listening(stdio->options.server);
        break;
    case CANCELLING:
        lk_timer_start(loop, &stdio->timer, CANCEL_MS);
        mcp_server_cancel_all(stdio->options.server);
        break;
    case ENDED:
        if (stdio->n_open != 0)
            lk_log_warning(stdio->options.log, "stdio.calls_left",
                           lk_log_int("count", (int64_t)stdio->n_open));
        watch_output(stdio, false);
        lk_loop_stop(loop);
        break;
    }
}

void lk_stdio_close(struct lk_stdio *stdio)
{
    set_phase(stdio, stdio->phase == READING ? DRAINING : CANCELLING);
    end_if_done(stdio);
}

bool lk_stdio_new(const struct lk_stdio_options *options, struct lk_stdio **ret_stdio,
                  struct lk_error *err)
{
    struct lk_stdio *stdio = lk_memory_new(sizeof(*stdio));
    struct stat out;

    stdio->options = *options;
    if (stdio->options.max_message_name == NULL)
        stdio->options.max_message_name = "max_message_bytes";
    if (stdio->options.max_message_bytes == 0)
        stdio->options.max_message_bytes = MAX_MESSAGE_BYTES_DEFAULT;
    if (stdio->options.drain_ms == 0)
        stdio->options.drain_ms = DRAIN_MS_DEFAULT;
    stdio->in = (struct lk_watch){.fd = options->in_fd, .ready = on_readable, .arg = stdio};
    stdio->out = (struct lk_watch){.fd = options->out_fd, .ready = on_writable, .arg = stdio};
    stdio->timer = lk_timer(on_timer, stdio);
    stdio->queue_end = &stdio->queue;
    lk_buf_init(&stdio->line, stdio->options.max_message_bytes);
    if (fstat(options->out_fd, &out) == 0) {
        stdio->out_is_socket = S_ISSOCK(out.st_mode);
        stdio->out_is_file = S_ISREG(out.st_mode);
    }
    if (!lk_loop_watch(options->loop, &stdio->in, EPOLLIN, err)) {
        lk_stdio_free(stdio);
        return false;
    }
    stdio->watching_in = true;
    *ret_stdio = stdio;
    return true;
}

void lk_stdio_free(struct lk_stdio *stdio)
{
    if (stdio == NULL)
        return;
    watch_input(stdio, false);
    watch_output(stdio, false);
    lk_timer_stop(stdio->options.loop, &stdio->timer);
    drop_queue(stdio);
    lk_buf_free(&stdio->line);
    free(stdio);
}
