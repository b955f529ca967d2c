/*
 * The limit on a request's head. h2o has one of its own, but answers it with a line of text that is
 * no JSON and says nothing, and closes in the face of a client that is still sending. So what it
 * reads passes by here first: instead of a head that is too large it gets to see a request that
 * says nothing, which http_routes.c knows by connection->head_too_large and answers, and the rest
 * of the head is taken in and thrown away as after a 413. Called by http.c and http_routes.c.
 */
#include "transport/http_internal.h"

/* The request, its headers, and an empty line before and behind them. */
#define MAX_LINES (LK_HTTP_MAX_HEADERS + 3)

/* Longer than what h2o has looked at before, since it remembers that, and shorter than what it
 * takes for a request; what comes behind it is never looked at. */
static void put_instead(h2o_buffer_t *input)
{
    size_t end =
        input->size < 2 * LK_HTTP_MAX_HEAD_BYTES ? input->size : 2 * LK_HTTP_MAX_HEAD_BYTES;
    static const struct lk_str begin =
        LK_STR_INIT("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Fill: ");

    memset(input->bytes, 'x', input->size);
    memcpy(input->bytes, begin.ptr, begin.len);
    memcpy(input->bytes + end - 4, "\r\n\r\n", 4);
}

static bool starts_line(struct lk_str text, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = text.ptr, *end = lk_str_end(text); at != NULL;) {
        if ((size_t)(end - at) >= len && strncasecmp(at, name, len) == 0)
            return true;
        at = memchr(at, '\n', (size_t)(end - at));
        at = at != NULL ? at + 1 : NULL;
    }
    return false;
}

/* A head that has ended within the limits is not, whatever comes behind it. */
static bool is_too_large(struct lk_str seen, bool more)
{
    const char *at = seen.ptr, *end = lk_str_end(seen);

    for (unsigned line = 0; line < MAX_LINES; line++) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));

        if (lf == NULL)
            return more;
        if (line > 0 && (lf == at || (lf == at + 1 && *at == '\r')))
            return false;
        at = lf + 1;
    }
    return true;
}

static void on_read(h2o_socket_t *sock, const char *err)
{
    struct connection *connection = sock->on_close.data;
    h2o_buffer_t *input = sock->input;
    bool more = input->size > LK_HTTP_MAX_HEAD_BYTES;
    struct lk_str seen = lk_str_n(input->bytes, more ? LK_HTTP_MAX_HEAD_BYTES : input->size);

    if (err == NULL && !connection->busy && is_too_large(seen, more)) {
        connection->head_too_large = true;
        connection->token_too_large = starts_line(seen, "authorization:");
        put_instead(input);
    }
    if (err == NULL && !connection->no_more)
        lk_http_hold_request(connection);
    connection->read(sock, err);
}

void lk_http_head_watch(struct connection *connection)
{
    h2o_socket_t *sock = connection->sock;

    if (sock == NULL || sock->_cb.read == NULL || sock->_cb.read == on_read)
        return;
    connection->read = sock->_cb.read;
    sock->_cb.read = on_read;
}

static void watch_again(void *arg)
{
    struct connection *connection = arg;

    lk_http_route_next(connection);
    connection->watching_soon = false;
    lk_http_head_watch(connection);
    lk_http_connection_release(connection);
}

/* h2o begins to read the next request after it has told of the end of this one, or takes it from
 * what it has read already. */
void lk_http_head_watch_soon(struct connection *connection)
{
    if (connection->watching_soon)
        return;
    connection->watching_soon = true;
    lk_loop_defer(connection->server->options.loop, watch_again, connection);
}
