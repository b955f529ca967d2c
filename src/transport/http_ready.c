/*
 * GET /readyz: the verdict of the ready callback, asked on a coroutine and remembered for a moment,
 * so that probes do not hammer what it asks. Probes that come while it is being asked wait for it.
 * Called by http_routes.c.
 */
#include "transport/http_internal.h"

#include "json/write.h"

/* A request that waits; in its own pool, unlinked when that goes. */
struct probe {
    struct probe *next, **link;
    h2o_req_t *req;
    void (*then)(struct lk_http_server *server, h2o_req_t *req);
};

static void answer(struct lk_http_server *server, h2o_req_t *req)
{
    const struct readiness *readiness = &server->readiness;
    struct lk_buf out;

    if (readiness->ok) {
        lk_http_respond(req, 200, LK_STR("{\"status\":\"ready\"}"));
        return;
    }
    lk_buf_init(&out, 256);
    lk_buf_printf(&out, "{\"status\":\"not ready\",\"reason\":\"%s\"}",
                  lk_error_kind_name(readiness->kind));
    lk_http_respond(req, 503, lk_buf_view(&out));
    lk_buf_free(&out);
}

static void unlink_probe(void *arg)
{
    struct probe *probe = arg;

    if (probe->link == NULL)
        return;
    *probe->link = probe->next;
    if (probe->next != NULL)
        probe->next->link = probe->link;
    probe->link = NULL;
}

static void check(void *arg)
{
    struct lk_http_server *server = arg;
    struct readiness *readiness = &server->readiness;
    struct lk_error err = {0};
    bool ok;

    readiness->co = lk_co_self(server->options.loop);
    ok = server->options.ready(server->options.ready_arg, &err);
    if (!readiness->known || ok != readiness->ok) {
        if (ok)
            lk_log_info(server->options.log, "http.ready");
        else
            lk_log_warning(server->options.log, "http.not_ready",
                           lk_log_text("kind", lk_error_kind_name(err.kind)),
                           lk_log_text("error", err.message));
    }
    readiness->known = true;
    readiness->checking = false;
    readiness->co = NULL;
    readiness->ok = ok;
    readiness->kind = err.kind;
    readiness->checked_ms = lk_loop_now_ms(server->options.loop);
    while (readiness->waiting != NULL) {
        struct probe *probe = readiness->waiting;

        unlink_probe(probe);
        probe->then(server, probe->req);
    }
    lk_http_check_stopped(server);
}

void lk_http_ready_drop(struct lk_http_server *server)
{
    struct readiness *readiness = &server->readiness;

    if (readiness->co != NULL)
        lk_co_cancel(readiness->co);
    while (readiness->waiting != NULL) {
        struct probe *probe = readiness->waiting;

        unlink_probe(probe);
        lk_http_abort(probe->req);
    }
}

void lk_http_ready_give_up(struct connection *connection)
{
    struct probe *probe = connection->server->readiness.waiting;

    while (probe != NULL && lk_http_connection(probe->req) != connection)
        probe = probe->next;
    if (probe == NULL)
        return;
    unlink_probe(probe);
    lk_http_refuse(probe->req, 503, "the verdict takes too long for so many to wait for it");
}

static void wait_for_verdict(struct readiness *readiness, h2o_req_t *req,
                             void (*then)(struct lk_http_server *server, h2o_req_t *req))
{
    struct probe *probe = h2o_mem_alloc_pool(&req->pool, sizeof(*probe));

    *probe = (struct probe){readiness->waiting, &readiness->waiting, req, then};
    if (probe->next != NULL)
        probe->next->link = &probe->next;
    readiness->waiting = probe;
    lk_http_on_dispose(req, unlink_probe, probe);
    lk_http_connection_spare(lk_http_connection(req));
}

void lk_http_when_ready_is_known(struct lk_http_server *server, h2o_req_t *req,
                                 void (*then)(struct lk_http_server *server, h2o_req_t *req))
{
    struct readiness *readiness = &server->readiness;
    uint64_t now = lk_loop_now_ms(server->options.loop);

    if (server->options.ready == NULL)
        readiness->ok = readiness->known = true;
    if (readiness->known && (server->options.ready == NULL ||
                             now - readiness->checked_ms < server->options.ready_cache_ms)) {
        then(server, req);
        return;
    }
    wait_for_verdict(readiness, req, then);
    if (readiness->checking)
        return;
    readiness->checking = true;
    if (lk_co_start(server->options.loop, check, server, NULL, NULL))
        return;
    readiness->checking = false;
    unlink_probe(readiness->waiting);
    readiness->ok = false;
    readiness->kind = LK_ERROR_LIMIT;
    then(server, req);
}

void lk_http_ready_get(struct lk_http_server *server, h2o_req_t *req)
{
    lk_http_when_ready_is_known(server, req, answer);
}
