/*
 * What the files of the service share.
 *
 *     serve.c       threads, signals, the end
 *     serve_open.c  the transports of a worker
 *     metrics.c     GET /metrics
 */
#ifndef LK_SERVE_INTERNAL_H
#define LK_SERVE_INTERNAL_H

#include "serve.h"
#include "transport/http.h"
#include "transport/stdio.h"
#include "worker.h"

#include <pthread.h>
#include <stdatomic.h>

#define LK_SERVICE_FINISH_MS 5000 /* how long a stop waits for calls in flight */

struct service;

/* A worker and its thread. */
struct seat {
    struct service *service;
    struct lk_worker worker;
    struct lk_http_server *http;
    bool built, started;
    atomic_uint grace_ms; /* for its stop */
    struct lk_error error;
    pthread_t thread;
    atomic_bool parked; /* its thread touches nothing any more */
};

/* A certificate on its way to a seat's thread. */
struct handed_tls {
    struct seat *seat;
    struct lk_http_tls *tls; /* held */
};

struct service {
    struct lk_shared *shared;
    struct seat *seats; /* the first is the main thread's */
    unsigned n_seats, n_running;
    struct lk_stdio *stdio;
    struct lk_http_listener *listener;
    struct lk_http_tls *tls; /* NULL: plain HTTP */
    struct lk_watch signals;
    bool ending, first_stopped;
};

static inline struct lk_worker *lk_service_first(const struct service *service)
{
    return &service->seats[0].worker;
}

/* serve_open.c: bound, but nothing turns a loop yet. */
bool lk_service_open_stdio(struct service *service, struct lk_error *err);
bool lk_service_open_listener(struct service *service, struct lk_error *err);
bool lk_service_open_http(struct seat *seat, struct lk_error *err);

/* metrics.c: all workers' numbers, in the Prometheus text format (0.0.4). arg: struct service.
 * From any thread, while they are built. */
void lk_service_write_metrics(void *arg, struct lk_buf *out);

#endif
