/*
 * Starts the workers, watches for signals, and ends in order (serve.h): the listener, then every
 * worker on its own thread, then the main thread's.
 *
 * A worker is built and taken down by the main thread, and used by its own in between.
 */
#include "serve.h"

#include "base/memory.h"
#include "looker_ops.h"
#include "posture.h"
#include "rt/co.h"
#include "transport/http.h"
#include "transport/stdio.h"
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How long a stop waits for calls in flight, for branches to be given back, and for Looker to take
 * the logout. */
#define FINISH_MS 5000
#define GIVE_BACK_MS 5000
#define LOGOUT_MS 2000

/* Descriptors that are no client's: of the process, and of each worker, its connections to Looker
 * among them. */
#define FILES_RESERVED 32
#define FILES_A_WORKER 96

struct service;

/* A worker and its thread. */
struct seat {
    struct service *service;
    struct lk_worker worker;
    struct lk_http_server *http;
    bool built, started;
    uint64_t grace_ms;
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

static struct lk_worker *first(const struct service *service)
{
    return &service->seats[0].worker;
}

/* ---- how many ---- */

/* What a container may use is often less than the machine has (cgroup v2). */
static unsigned quota(void)
{
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    unsigned long used, period;
    unsigned n = 0;

    if (file != NULL && fscanf(file, "%lu %lu", &used, &period) == 2 && period > 0)
        n = (unsigned)((used + period - 1) / period);
    if (file != NULL)
        fclose(file);
    return n;
}

unsigned lk_serve_workers(const struct lk_config *config)
{
    unsigned limit = quota(), n = 1;
    cpu_set_t set;

    if (config->command != LK_COMMAND_SERVE || lk_str_eq(config->transport, LK_STR("stdio")))
        return 1;
    if (config->threads > 0)
        return (unsigned)config->threads;
    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
        n = (unsigned)CPU_COUNT(&set);
    if (limit > 0 && limit < n)
        n = limit;
    return n < 256 ? n : 256;
}

/* ---- the end ---- */

static void check_end(struct service *service)
{
    if (service->first_stopped && service->n_running == 0)
        lk_loop_stop(first(service)->loop);
}

/* On the main thread. */
static void on_seat_ended(void *arg)
{
    struct seat *seat = arg;

    seat->service->n_running--;
    check_end(seat->service);
}

/* On the seat's thread: nothing of its HTTP server is left. */
static void on_stopped(void *arg)
{
    struct seat *seat = arg;
    struct service *service = seat->service;

    if (seat != service->seats) {
        lk_loop_stop(seat->worker.loop);
        return;
    }
    service->first_stopped = true;
    check_end(service);
}

static void stop_seat(void *arg)
{
    struct seat *seat = arg;

    if (seat->http != NULL)
        lk_http_server_stop(seat->http, seat->grace_ms, on_stopped, seat);
    else
        on_stopped(seat);
}

/* The transports let calls finish, cancel those that do not, and then stop their loops. */
static void stop(struct service *service)
{
    uint64_t grace_ms = service->ending ? 1 : FINISH_MS; /* asked twice: do not wait */

    if (service->stdio != NULL) {
        lk_stdio_close(service->stdio);
        return;
    }
    if (service->listener != NULL)
        lk_http_listener_stop(service->listener);
    for (unsigned i = 0; i < service->n_seats; i++) {
        struct seat *seat = &service->seats[i];

        seat->grace_ms = grace_ms;
        if (i == 0)
            stop_seat(seat);
        else if (seat->started)
            lk_loop_post(seat->worker.loop, stop_seat, seat);
    }
    service->ending = true;
}

/* ---- another certificate ---- */

static bool read_tls(const struct service *service, struct lk_http_tls **ret_tls,
                     struct lk_error *err)
{
    const struct lk_config *config = service->shared->config;

    return lk_http_tls_read(
        &(struct lk_http_tls_files){
            .cert = config->tls_cert_file.ptr,
            .key = config->tls_key_file.ptr,
            .cert_name = "LOOKER_TLS_CERT_FILE",
            .key_name = "LOOKER_TLS_KEY_FILE",
        },
        &service->shared->log, ret_tls, err);
}

static void change_tls(void *arg)
{
    struct handed_tls *handed = arg;

    lk_http_server_set_tls(handed->seat->http, handed->tls);
    lk_http_tls_release(handed->tls);
    free(handed);
}

static void reload_tls(struct service *service)
{
    struct lk_http_tls *tls;
    struct lk_error err = {0};

    if (!read_tls(service, &tls, &err)) {
        lk_log_error(&service->shared->log, "tls.reload_failed", lk_log_text("error", err.message),
                     lk_log_text("detail", err.detail));
        return;
    }
    lk_http_tls_release(service->tls);
    service->tls = tls;
    for (unsigned i = 0; i < service->n_seats; i++) {
        struct handed_tls *handed = lk_memory_new(sizeof(*handed));

        *handed = (struct handed_tls){&service->seats[i], lk_http_tls_hold(tls)};
        if (i == 0)
            change_tls(handed);
        else
            lk_loop_post(service->seats[i].worker.loop, change_tls, handed);
    }
    lk_log_info(&service->shared->log, "tls.reloaded");
}

/* ---- signals ---- */

static void on_signal(void *arg, uint32_t events)
{
    struct service *service = arg;
    struct signalfd_siginfo info;

    (void)events;
    if (read(service->signals.fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP) {
        if (!service->ending)
            reload_tls(service);
        return;
    }
    lk_log_info(&service->shared->log, "server.stopping",
                lk_log_int("signal", (int64_t)info.ssi_signo));
    stop(service);
}

/* Before there are threads, which inherit that these signals are blocked. */
static bool watch_signals(struct service *service, struct lk_error *err)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (service->tls != NULL) /* otherwise it ends the process, as when a terminal closes */
        sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        return lk_fail(err, LK_ERROR_INTERNAL, "cannot watch for signals: %s", strerror(errno));
    service->signals = (struct lk_watch){.fd = fd, .ready = on_signal, .arg = service};
    return lk_loop_watch(first(service)->loop, &service->signals, EPOLLIN, err);
}

/* ---- transports ---- */

/* /readyz: does Looker answer, and take the credentials if there are any? Asked anew each time,
 * since a token from before says nothing of now. */
static bool is_ready(void *arg, struct lk_error *err)
{
    struct lk_worker *worker = arg;
    struct lk_arena *arena = lk_arena_new();
    struct looker_me_params params = {.fields = lk_string(LK_STR("id"))};
    struct lk_api_answer answer;
    bool ok = worker->config->client_id.len > 0
                  ? lk_api_call(worker->api, arena, looker_me(&params), &answer, err)
                  : lk_api_reach(worker->api, arena, NULL, err);

    if (err != NULL)
        err->body = (struct lk_str){0}; /* goes with the arena */
    lk_arena_free(arena);
    return ok;
}

static bool open_stdio(struct service *service, struct lk_error *err)
{
    struct lk_worker *worker = first(service);
    bool ok = lk_stdio_new(
        &(struct lk_stdio_options){
            .loop = worker->loop,
            .log = &worker->log,
            .server = worker->mcp,
            .in_fd = STDIN_FILENO,
            .out_fd = STDOUT_FILENO,
            .max_message_bytes = (size_t)worker->config->max_request_bytes,
            .max_message_name = "LOOKER_MAX_REQUEST_BYTES",
            .drain_ms = FINISH_MS,
        },
        &service->stdio, err);

    if (ok) /* or whoever starts it in a terminal thinks that it hangs */
        lk_log_info(&worker->log, "stdio.serving",
                    lk_log_int("tools", (int64_t)service->shared->toolset->n_tools));
    return ok;
}

static bool open_http(struct seat *seat, struct lk_error *err)
{
    struct lk_worker *worker = &seat->worker;
    const struct lk_config *config = worker->config;
    struct lk_str metadata_url =
        worker->auth != NULL ? lk_auth_metadata_url(worker->auth) : (struct lk_str){0};
    struct lk_arena *arena = lk_arena_new();
    bool ok = lk_http_server_new(
        &(struct lk_http_server_options){
            .loop = worker->loop,
            .log = &worker->log,
            .server = worker->mcp,
            .listener = seat->service->listener,
            .tls = seat->service->tls,
            .max_body_name = "LOOKER_MAX_REQUEST_BYTES",
            .max_body_bytes = (size_t)config->max_request_bytes,
            .request_timeout_ms = config->request_timeout_ms,
            .allowed_origins = config->allowed_origins,
            .allowed_hosts = config->allowed_hosts,
            .auth = worker->auth,
            .auth_token = config->auth_token,
            .posture = lk_posture_json(arena, config, metadata_url,
                                       seat->service->shared->toolset->n_tools),
            .introspect_token = config->introspect_token,
            .forward_headers = lk_buf_view(&worker->identity_headers),
            .ready = is_ready,
            .ready_arg = worker,
            .page = lk_page_is_wanted(config) ? lk_page_write : NULL,
            .page_arg = &worker->page,
            .page_style = lk_page_style(),
        },
        &seat->http, err);

    lk_arena_free(arena);
    return ok;
}

/* As many files as the system lets this process have, and no more clients than that allows. */
static uint32_t max_connections(const struct service *service)
{
    int64_t wanted = service->shared->config->max_connections;
    int64_t reserved = FILES_RESERVED + (int64_t)FILES_A_WORKER * service->n_seats;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return (uint32_t)wanted;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur == RLIM_INFINITY || (int64_t)files.rlim_cur >= wanted + reserved)
        return (uint32_t)wanted;
    lk_log_warning(&service->shared->log, "http.fewer_connections", lk_log_int("wanted", wanted),
                   lk_log_int("open_files", (int64_t)files.rlim_cur),
                   lk_log_text("remedy", "raise the limit on open files (ulimit -n, LimitNOFILE) "
                                         "or lower LOOKER_MAX_CONNECTIONS"));
    wanted = (int64_t)files.rlim_cur - reserved;
    return wanted > 1 ? (uint32_t)wanted : 1;
}

static bool open_listener(struct service *service, struct lk_error *err)
{
    const struct lk_config *config = service->shared->config;

    return lk_http_listener_new(
        &(struct lk_http_listener_options){
            .loop = first(service)->loop,
            .log = &service->shared->log,
            .host = config->host,
            .port = (uint16_t)config->port,
            .max_connections = max_connections(service),
            .tls = service->tls != NULL,
        },
        &service->listener, err);
}

/* ---- threads ---- */

static void log_out(void *arg)
{
    struct lk_worker *worker = arg;

    lk_leases_end(worker->leases, GIVE_BACK_MS);
    lk_auth_end(worker->auth);
    lk_api_logout(worker->api, LOGOUT_MS);
}

/* Never returns: h2o keeps free memory a thread, which would be lost with the thread. */
static void *run_thread(void *arg)
{
    struct seat *seat = arg;

    lk_loop_run(seat->worker.loop);
    (void)lk_worker_run(&seat->worker, log_out, &seat->worker, &seat->error);
    lk_loop_post(first(seat->service)->loop, on_seat_ended, seat);
    atomic_store(&seat->parked, true);
    for (;;)
        pause();
    return NULL;
}

static bool start_threads(struct service *service, struct lk_error *err)
{
    for (unsigned i = 1; i < service->n_seats; i++) {
        struct seat *seat = &service->seats[i];
        int failed = pthread_create(&seat->thread, NULL, run_thread, seat);

        if (failed != 0)
            return lk_fail(err, LK_ERROR_INTERNAL,
                           "cannot start thread %u of %u (LOOKER_THREADS): %s", i + 1,
                           service->n_seats, strerror(failed));
        seat->started = true;
        service->n_running++;
    }
    return true;
}

static void await_parking(const struct service *service)
{
    for (unsigned i = 1; i < service->n_seats; i++) {
        while (service->seats[i].started && !atomic_load(&service->seats[i].parked))
            sched_yield();
    }
}

/* ---- all ---- */

static bool build(struct service *service, struct lk_error *err)
{
    for (unsigned i = 0; i < service->n_seats; i++) {
        struct seat *seat = &service->seats[i];

        seat->service = service;
        seat->built = lk_worker_init(&seat->worker, service->shared, err);
        if (!seat->built)
            return false;
    }
    return true;
}

static bool open_all(struct service *service, struct lk_error *err)
{
    if (lk_str_eq(service->shared->config->transport, LK_STR("stdio")))
        return open_stdio(service, err);
    if (!open_listener(service, err))
        return false;
    for (unsigned i = 0; i < service->n_seats; i++) {
        if (!open_http(&service->seats[i], err))
            return false;
    }
    if (first(service)->auth != NULL)
        lk_auth_warm_up(first(service)->auth);
    return true;
}

static void take_down(struct service *service)
{
    lk_stdio_free(service->stdio);
    for (unsigned i = service->n_seats; i-- > 0;)
        lk_http_server_free(service->seats[i].http);
    lk_http_listener_free(service->listener);
    lk_http_tls_release(service->tls);
    if (service->signals.fd >= 0) {
        lk_loop_unwatch(first(service)->loop, &service->signals);
        close(service->signals.fd);
    }
    for (unsigned i = service->n_seats; i-- > 0;) {
        if (service->seats[i].built)
            lk_worker_clean_up(&service->seats[i].worker);
    }
    free(service->seats);
}

bool lk_serve(struct lk_shared *shared, struct lk_error *err)
{
    struct service service = {
        .shared = shared,
        .n_seats = shared->n_workers,
        .seats = lk_memory_new(shared->n_workers * sizeof(struct seat)),
        .signals = {.fd = -1},
    };
    bool https = shared->config->tls_cert_file.len > 0 &&
                 !lk_str_eq(shared->config->transport, LK_STR("stdio"));
    bool ok = (!https || read_tls(&service, &service.tls, err)) && build(&service, err) &&
              watch_signals(&service, err) && open_all(&service, err);

    if (ok) {
        ok = start_threads(&service, err);
        if (!ok)
            stop(&service);
        lk_leases_recover(first(&service)->leases);
        lk_loop_run(first(&service)->loop);
        await_parking(&service);
        ok = lk_worker_run(first(&service), log_out, first(&service), err) && ok;
    }
    take_down(&service);
    return ok;
}
