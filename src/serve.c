/*
 * Starts the workers, watches for signals, and ends in order (serve.h): the listener, then every
 * worker on its own thread, then the main thread's.
 *
 * A worker is built and taken down by the main thread, and used by its own in between.
 */
#include "base/memory.h"
#include "rt/co.h"
#include "serve_internal.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How long a stop waits for branches to be given back, and for Looker to take the logout. */
#define GIVE_BACK_MS 5000
#define LOGOUT_MS 2000

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
        lk_loop_stop(lk_service_first(service)->loop);
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
        lk_http_server_stop(seat->http, atomic_load(&seat->grace_ms), on_stopped, seat);
    else
        on_stopped(seat);
}

/* The transports let calls finish, cancel those that do not, and then stop their loops. */
static void stop(struct service *service)
{
    unsigned grace_ms = service->ending ? 1 : LK_SERVICE_FINISH_MS; /* asked twice: do not wait */

    if (service->stdio != NULL) {
        lk_stdio_close(service->stdio);
        return;
    }
    if (service->listener != NULL)
        lk_http_listener_stop(service->listener);
    for (unsigned i = 0; i < service->n_seats; i++) {
        struct seat *seat = &service->seats[i];

        atomic_store(&seat->grace_ms, grace_ms);
        if (i == 0)
            stop_seat(seat);
        else if (seat->started)
            lk_loop_post(seat->worker.loop, stop_seat, seat);
    }
    service->ending = true;
}

/* ---- another certificate ---- */

bool lk_serve_read_tls(const struct lk_config *config, const struct lk_log *log,
                       struct lk_http_tls **ret_tls, struct lk_error *err)
{
    return lk_http_tls_read(
        &(struct lk_http_tls_files){
            .cert = config->tls_cert_file.ptr,
            .key = config->tls_key_file.ptr,
            .cert_name = "LOOKER_TLS_CERT_FILE",
            .key_name = "LOOKER_TLS_KEY_FILE",
        },
        log, ret_tls, err);
}

static bool read_tls(const struct service *service, struct lk_http_tls **ret_tls,
                     struct lk_error *err)
{
    return lk_serve_read_tls(service->shared->config, &service->shared->log, ret_tls, err);
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

/* Who closes a terminal wants what runs in it to end; who asks a service to reload does not. */
static bool has_terminal(void)
{
    return isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) || isatty(STDERR_FILENO);
}

/* True if it does not end the service. */
static bool take_hangup(struct service *service)
{
    if (service->tls == NULL && has_terminal())
        return false;
    if (service->ending)
        return true;
    if (service->tls != NULL)
        reload_tls(service);
    else
        lk_log_info(&service->shared->log, "reload.nothing",
                    lk_log_text("why", "only the files of LOOKER_TLS_CERT_FILE and "
                                       "LOOKER_TLS_KEY_FILE are read again, and none are set; "
                                       "other settings need a restart"));
    return true;
}

static void on_signal(void *arg, uint32_t events)
{
    struct service *service = arg;
    struct signalfd_siginfo info;

    (void)events;
    if (read(service->signals.fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP && take_hangup(service))
        return;
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
    if (!lk_str_eq(service->shared->config->transport, LK_STR("stdio")))
        sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        return lk_fail(err, LK_ERROR_INTERNAL, "cannot watch for signals: %s", strerror(errno));
    service->signals = (struct lk_watch){.fd = fd, .ready = on_signal, .arg = service};
    return lk_loop_watch(lk_service_first(service)->loop, &service->signals, EPOLLIN, err);
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
    lk_loop_post(lk_service_first(seat->service)->loop, on_seat_ended, seat);
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
        return lk_service_open_stdio(service, err);
    if (!lk_service_open_listener(service, err))
        return false;
    for (unsigned i = 0; i < service->n_seats; i++) {
        if (!lk_service_open_http(&service->seats[i], err))
            return false;
    }
    if (lk_service_first(service)->auth != NULL)
        lk_auth_warm_up(lk_service_first(service)->auth);
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
        lk_loop_unwatch(lk_service_first(service)->loop, &service->signals);
        close(service->signals.fd);
    }
    for (unsigned i = service->n_seats; i-- > 0;) {
        if (service->seats[i].built)
            lk_worker_clean_up(&service->seats[i].worker);
    }
    free(service->seats);
}

/* As many as the system lets this process have: clients and requests to Looker take one each. */
static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
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
    bool ok;

    raise_file_limit();
    ok = (!https || read_tls(&service, &service.tls, err)) && build(&service, err) &&
         watch_signals(&service, err) && open_all(&service, err);

    if (ok) {
        ok = start_threads(&service, err);
        if (!ok)
            stop(&service);
        lk_leases_recover(lk_service_first(&service)->leases);
        lk_loop_run(lk_service_first(&service)->loop);
        await_parking(&service);
        ok = lk_worker_run(lk_service_first(&service), log_out, lk_service_first(&service), err) &&
             ok;
    }
    take_down(&service);
    return ok;
}
