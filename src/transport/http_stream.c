/*
 * An answer of several messages: text/event-stream, one event a message, the last one the response.
 * Called by http_mcp.c.
 *
 *     begin ──> idle ──send, end, 15 s without a word──> writing ──h2o: written──> idle
 *                                                           └─ the last one written: h2o is done
 *
 * h2o takes one piece at a time and says when the kernel has it. What comes meanwhile waits, up to
 * WAITING_BYTES_MAX: a client that does not read loses notifications, never the response, and
 * costs no more than that.
 */
#include "transport/http_internal.h"

#include <sys/socket.h>

#define WAITING_BYTES_MAX ((size_t)64 * 1024)

static const struct lk_str event_begin = LK_STR_INIT("event: message\ndata: ");
static const struct lk_str event_end = LK_STR_INIT("\n\n");

/* ---- does the client take one? ---- */

static bool is_zero_weight(struct lk_str parameter)
{
    struct lk_str name = lk_str_trim(lk_str_take(&parameter, '='));
    struct lk_str value = lk_str_trim(parameter);

    if (!lk_str_ieq(name, LK_STR("q")) || value.len == 0)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != '0' && value.ptr[i] != '.')
            return false;
    }
    return true;
}

static bool is_event_stream(void *arg, struct lk_str item)
{
    (void)arg;
    if (!lk_str_ieq(lk_str_trim(lk_str_take(&item, ';')), LK_STR("text/event-stream")))
        return false;
    while (item.len != 0) {
        if (is_zero_weight(lk_str_take(&item, ';')))
            return false;
    }
    return true;
}

bool lk_http_wants_stream(h2o_req_t *req)
{
    return lk_http_list_any(lk_http_header(req, LK_STR("accept")), is_event_stream, NULL);
}

/* ---- writing ---- */

static h2o_iovec_t piece(struct lk_str text)
{
    return (h2o_iovec_t){.base = (char *)(uintptr_t)text.ptr, .len = text.len};
}

/* Hands h2o what waits, if it can take something. */
static void write_on(struct lk_http_stream *stream)
{
    h2o_iovec_t pieces[4];
    size_t n = 0;

    if (stream->busy || (stream->waiting.len == 0 && !stream->ended))
        return;
    stream->sending = stream->waiting;
    lk_buf_init(&stream->waiting, WAITING_BYTES_MAX);
    if (stream->sending.len != 0)
        pieces[n++] = piece(lk_buf_view(&stream->sending));
    if (stream->last.len != 0) {
        pieces[n++] = piece(event_begin);
        pieces[n++] = piece(stream->last);
        pieces[n++] = piece(event_end);
    }
    stream->busy = true;
    /* When it is the end, nothing of the stream may be touched afterwards. */
    h2o_send(stream->req, pieces, n,
             stream->ended ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

static void on_written(h2o_generator_t *generator, h2o_req_t *req)
{
    struct lk_http_stream *stream = (struct lk_http_stream *)generator;

    (void)req;
    stream->busy = false;
    lk_buf_free(&stream->sending);
    write_on(stream);
}

void lk_http_stream_keep_alive(struct lk_http_stream *stream)
{
    lk_timer_start(stream->server->options.loop, &stream->idle,
                   stream->server->options.keep_alive_ms);
    if (stream->busy)
        return;
    lk_buf_lit(&stream->waiting, ": keep-alive\n\n");
    write_on(stream);
}

static void on_idle(void *arg)
{
    lk_http_stream_keep_alive(arg);
}

/* ---- the life of a stream ---- */

void lk_http_stream_begin(struct lk_http_stream *stream, struct lk_http_server *server,
                          h2o_req_t *req)
{
    *stream = (struct lk_http_stream){
        .generator = {.proceed = on_written},
        .server = server,
        .req = req,
        .idle = lk_timer(on_idle, stream),
    };
    lk_buf_init(&stream->waiting, WAITING_BYTES_MAX);
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = SIZE_MAX;
    lk_http_add_header(req, LK_STR("content-type"), LK_STR("text/event-stream"));
    lk_http_add_header(req, LK_STR("cache-control"), LK_STR("no-cache"));
    lk_http_add_header(req, LK_STR("x-accel-buffering"), LK_STR("no"));
    /* Before HTTP/1.1 the end of the connection is the end of the stream. */
    if (server->stopping || req->version < 0x101)
        req->http1_is_persistent = 0;
    lk_http_count(server, 200);
    h2o_start_response(req, &stream->generator);
    lk_timer_start(server->options.loop, &stream->idle, server->options.keep_alive_ms);
}

void lk_http_stream_send(struct lk_http_stream *stream, struct lk_str message)
{
    struct lk_buf *waiting = &stream->waiting;
    size_t before = waiting->len;

    lk_buf_str(waiting, event_begin);
    lk_buf_str(waiting, message);
    if (!lk_buf_str(waiting, event_end)) {
        lk_buf_truncate(waiting, before);
        return;
    }
    lk_timer_start(stream->server->options.loop, &stream->idle,
                   stream->server->options.keep_alive_ms);
    write_on(stream);
}

void lk_http_stream_end(struct lk_http_stream *stream, struct lk_str last)
{
    lk_timer_stop(stream->server->options.loop, &stream->idle);
    stream->ended = true;
    stream->last = last;
    lk_http_connection_answered(lk_http_connection(stream->req), last.len);
    write_on(stream);
}

void lk_http_stream_abort(struct lk_http_stream *stream)
{
    /* h2o closes a connection when it cannot write to it. */
    shutdown(h2o_socket_get_fd(lk_http_connection(stream->req)->sock), SHUT_RDWR);
    stream->req->http1_is_persistent = 0;
    lk_buf_free(&stream->waiting);
    lk_http_stream_end(stream, (struct lk_str){0});
}

void lk_http_stream_clean_up(struct lk_http_stream *stream)
{
    if (stream->req == NULL)
        return;
    stream->req = NULL;
    lk_timer_stop(stream->server->options.loop, &stream->idle);
    lk_buf_free(&stream->sending);
    lk_buf_free(&stream->waiting);
}
