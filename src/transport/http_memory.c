/*
 * The limit on what requests and answers take together. A client pays with nothing but time for the
 * memory that it takes here: for a request that does not end, an answer that it does not take. So
 * when that is too much, the one that takes most time is cut off. Called by http.c and http_head.c.
 *
 * A connection holds its request from the first byte until the answer is taken, and the answer from
 * when that is handed to h2o.
 */
#include "transport/http_internal.h"

#define SMALL_BYTES ((size_t)8 * 1024) /* so little is not counted */
#define WARN_EVERY_MS 60000            /* at most */

static void hold(struct connection *connection, size_t bytes)
{
    size_t held = bytes > SMALL_BYTES ? bytes : 0, before = connection->held_bytes;

    if (held > before)
        atomic_fetch_add(&connection->server->listener->held_bytes, held - before);
    else if (held < before)
        atomic_fetch_sub(&connection->server->listener->held_bytes, before - held);
    connection->held_bytes = held;
}

void lk_http_hold_nothing(struct connection *connection)
{
    hold(connection, 0);
}

/* Of those whose client is to do something, the one that waits for it for longest; or NULL. */
static struct connection *slowest(struct lk_http_server *server)
{
    h2o_linklist_t *idle = &server->idle;

    for (h2o_linklist_t *link = idle->next; link != idle; link = link->next) {
        struct connection *c = H2O_STRUCT_FROM_MEMBER(struct connection, idle, link);

        if (c->held_bytes > 0 && c->sock != NULL && (!c->busy || c->untaken))
            return c;
    }
    return NULL;
}

static void cut(struct connection *connection)
{
    struct lk_http_server *server = connection->server;
    uint64_t now_ms = lk_loop_now_ms(server->options.loop);

    hold(connection, 0); /* as good as freed */
    lk_http_connection_cut(connection);
    atomic_fetch_add(&server->listener->n_evicted, 1);
    if (now_ms < server->next_memory_warning_ms)
        return;
    server->next_memory_warning_ms = now_ms + WARN_EVERY_MS;
    lk_log_warning(server->options.log, "http.memory_limit",
                   lk_log_int("max_client_bytes", (int64_t)server->options.max_client_bytes));
}

/* Makes room when it is too much; then it may be `last` that goes, if it is not NULL. */
static void make_room(struct lk_http_server *server, struct connection *last)
{
    struct connection *connection;

    if (atomic_load(&server->listener->held_bytes) <= server->options.max_client_bytes)
        return;
    connection = slowest(server);
    if (connection == NULL)
        connection = last;
    if (connection != NULL)
        cut(connection);
}

void lk_http_hold_request(struct connection *connection)
{
    bool first = connection->held_bytes == 0;

    hold(connection, connection->sock->input->size);
    if (connection->held_bytes == 0)
        return;
    if (first) /* else a client that had been quiet for a while would be taken for a slow one */
        lk_http_connection_renew(connection);
    make_room(connection->server, connection);
}

void lk_http_hold_answer(struct connection *connection, size_t bytes)
{
    hold(connection, connection->sock->input->size + bytes);
    if (connection->held_bytes > 0)
        make_room(connection->server, NULL);
}
