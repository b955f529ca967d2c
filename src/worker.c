/*
 * Puts a worker together, serves, and takes it apart again in order: no new calls, those in flight
 * end (or are cancelled), the session at Looker ends, the loop stops.
 */
#include "worker.h"

#include "rt/co.h"
#include "transport/http.h"
#include "transport/stdio.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How long a stop waits for calls in flight, for them to unwind once cancelled, and for Looker to
 * take the logout. */
#define FINISH_MS 5000
#define UNWIND_MS 2000
#define LOGOUT_MS 2000

static const char instructions[] =
    "Looker, a business intelligence platform, as tools. Data questions: find the model and "
    "explore "
    "(list_models, get_explore), pick fields (list_dimensions, list_measures; names are "
    "view.field), then `query`. Queries go through LookML models: joins, measures and access rules "
    "are Looker's, so prefer `query` to writing SQL, and use query_sql only to see the SQL that a "
    "query becomes. Existing content: search_content, then run_look or run_dashboard. What lies "
    "under the models: list_connections, then list_schemas, list_tables, list_columns. Lists come "
    "as "
    "{\"count\",\"items\"}; when an answer says `truncated` or has `next_offset`, it also says how "
    "to get the rest: narrow the question first (fewer fields, filters, a lower limit) rather than "
    "page through everything. Errors say what was wrong and what to do; an error about an argument "
    "will not go away by calling again unchanged.";

bool lk_worker_init(struct lk_worker *worker, const struct lk_config *config,
                    const struct lk_toolset *toolset, struct lk_error *err)
{
    *worker = (struct lk_worker){
        .config = config,
        .log = {.fd = STDERR_FILENO, .level = config->log_level},
    };
    if (!lk_loop_new(&worker->loop, err))
        return false;
    worker->http = lk_http_new(worker->loop,
                               &(struct lk_http_options){
                                   .verify_tls = config->verify_tls,
                                   .ca_file = config->ca_file.len > 0 ? config->ca_file.ptr : NULL,
                                   .user_agent = "looker-mcp-server/" LK_VERSION,
                               });
    worker->api = lk_api_new(&(struct lk_api_options){
        .loop = worker->loop,
        .http = worker->http,
        .log = &worker->log,
        .base_url = config->base_url,
        .api_version = config->api_version,
        .client_id = config->client_id,
        .client_secret = config->client_secret,
        .timeout_ms = config->timeout_ms,
    });
    worker->tools = (struct lk_tool_context){
        .loop = worker->loop,
        .api = worker->api,
        .log = &worker->log,
        .max_rows = config->max_rows,
        .max_answer_bytes = (size_t)config->max_answer_bytes,
        .sudo_as_user = config->sudo_as_user,
    };
    worker->mcp = mcp_server_new(&(struct mcp_server_options){
        .loop = worker->loop,
        .log = &worker->log,
        .name = "looker-mcp-server",
        .title = "Looker",
        .version = LK_VERSION,
        .instructions = instructions,
        .tools = toolset->tools,
        .n_tools = toolset->n_tools,
        .tool_context = &worker->tools,
        .max_in_flight = (uint32_t)config->max_in_flight,
    });
    if (worker->mcp == NULL) {
        lk_worker_clean_up(worker);
        return lk_fail(err, LK_ERROR_INTERNAL, "two tools have the same name");
    }
    return true;
}

void lk_worker_clean_up(struct lk_worker *worker)
{
    mcp_server_free(worker->mcp);
    lk_api_free(worker->api);
    lk_http_free(worker->http);
    lk_loop_free(worker->loop);
    *worker = (struct lk_worker){0};
}

/* ---- one coroutine, to its end ---- */

struct run {
    struct lk_worker *worker;
    void (*fn)(void *arg);
    void *arg;
};

static void run_and_stop(void *arg)
{
    struct run *run = arg;

    run->fn(run->arg);
    lk_loop_stop(run->worker->loop);
}

bool lk_worker_run(struct lk_worker *worker, void (*fn)(void *arg), void *arg, struct lk_error *err)
{
    struct run run = {worker, fn, arg};

    if (!lk_co_start(worker->loop, run_and_stop, &run, NULL, err))
        return false;
    lk_loop_run(worker->loop);
    return true;
}

/* ---- serving ---- */

struct service {
    struct lk_worker *worker;
    struct lk_stdio *stdio;
    struct lk_http_server *http;
    struct lk_watch signals;
    bool ending;
};

static void wait_for_calls(struct lk_worker *worker, uint64_t wait_ms)
{
    uint64_t until_ms = lk_loop_now_ms(worker->loop) + wait_ms;

    while (mcp_server_in_flight(worker->mcp) > 0 && lk_loop_now_ms(worker->loop) < until_ms)
        lk_co_sleep(worker->loop, 10, NULL);
}

static void end_service(void *arg)
{
    struct service *service = arg;
    struct lk_worker *worker = service->worker;

    if (service->http != NULL)
        lk_http_server_stop(service->http);
    wait_for_calls(worker, FINISH_MS);
    mcp_server_cancel_all(worker->mcp);
    wait_for_calls(worker, UNWIND_MS);
    lk_api_logout(worker->api, LOGOUT_MS);
    lk_loop_stop(worker->loop);
}

static void begin_end(struct service *service)
{
    struct lk_error error = {0};

    if (service->ending)
        return;
    service->ending = true;
    if (!lk_co_start(service->worker->loop, end_service, service, NULL, &error))
        lk_loop_stop(service->worker->loop);
}

static void on_input_end(void *arg)
{
    begin_end(arg);
}

static void on_signal(void *arg, uint32_t events)
{
    struct service *service = arg;
    struct signalfd_siginfo info;

    (void)events;
    if (read(service->signals.fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    lk_log_info(&service->worker->log, "server.stopping",
                lk_log_int("signal", (int64_t)info.ssi_signo));
    if (service->ending) /* asked twice: at once */
        lk_loop_stop(service->worker->loop);
    begin_end(service);
}

static bool watch_signals(struct service *service, struct lk_error *err)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        return lk_fail(err, LK_ERROR_INTERNAL, "cannot watch for signals: %s", strerror(errno));
    service->signals = (struct lk_watch){.fd = fd, .ready = on_signal, .arg = service};
    return lk_loop_watch(service->worker->loop, &service->signals, EPOLLIN, err);
}

/* /readyz: can Looker be reached and does it take the credentials? */
static bool is_ready(void *arg, struct lk_error *err)
{
    struct lk_worker *worker = arg;

    return worker->config->client_id.len == 0 || lk_api_login(worker->api, err);
}

static bool open_transport(struct service *service, struct lk_error *err)
{
    struct lk_worker *worker = service->worker;
    const struct lk_config *config = worker->config;

    if (lk_str_eq(config->transport, LK_STR("stdio")))
        return lk_stdio_new(
            &(struct lk_stdio_options){.loop = worker->loop,
                                       .log = &worker->log,
                                       .server = worker->mcp,
                                       .max_message_bytes = (size_t)config->max_request_bytes,
                                       .ended = on_input_end,
                                       .arg = service},
            &service->stdio, err);
    return lk_http_server_new(&(struct lk_http_server_options){.loop = worker->loop,
                                                               .log = &worker->log,
                                                               .server = worker->mcp,
                                                               .ready = is_ready,
                                                               .arg = worker},
                              &service->http, err);
}

bool lk_worker_serve(struct lk_worker *worker, struct lk_error *err)
{
    struct service service = {.worker = worker, .signals = {.fd = -1}};
    bool ok = watch_signals(&service, err) && open_transport(&service, err);

    if (ok)
        lk_loop_run(worker->loop);
    lk_stdio_free(service.stdio);
    lk_http_server_free(service.http);
    if (service.signals.fd >= 0) {
        lk_loop_unwatch(worker->loop, &service.signals);
        close(service.signals.fd);
    }
    return ok;
}
