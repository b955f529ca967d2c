/*
 * The transports of the service: stdio, or the HTTP listener and a server for each worker behind
 * it. Called by serve.c.
 */
#include "looker_ops.h"
#include "posture.h"
#include "serve_internal.h"

#include <sys/resource.h>
#include <unistd.h>

/* Descriptors that are no client's: of the process, of each worker, and one for each request to
 * Looker and each download. */
#define FILES_RESERVED 32
#define FILES_A_WORKER 16

/* /readyz: can tokens be judged, does Looker answer, and take the credentials if there are any?
 * Asked anew each time, since a token from before says nothing of now. */
static bool is_ready(void *arg, struct lk_error *err)
{
    struct lk_worker *worker = arg;
    struct lk_arena *arena = lk_arena_new();
    struct looker_me_params params = {.fields = lk_string(LK_STR("id"))};
    struct lk_api_answer answer;
    bool ok = worker->auth == NULL || lk_auth_ready(worker->auth, err);

    if (ok && worker->config->client_id.len > 0)
        ok = lk_api_call(worker->api, arena, looker_me(&params), &answer, err);
    else if (ok)
        ok = lk_api_reach(worker->api, arena, NULL, err);
    if (err != NULL)
        err->body = (struct lk_str){0}; /* goes with the arena */
    lk_arena_free(arena);
    return ok;
}

bool lk_service_open_stdio(struct service *service, struct lk_error *err)
{
    struct lk_worker *worker = lk_service_first(service);
    bool ok = lk_stdio_new(
        &(struct lk_stdio_options){
            .loop = worker->loop,
            .log = &worker->log,
            .server = worker->mcp,
            .in_fd = STDIN_FILENO,
            .out_fd = STDOUT_FILENO,
            .max_message_bytes = (size_t)worker->config->max_request_bytes,
            .max_message_name = "LOOKER_MAX_REQUEST_BYTES",
            .drain_ms = LK_SERVICE_FINISH_MS,
        },
        &service->stdio, err);

    if (ok) /* or whoever starts it in a terminal thinks that it hangs */
        lk_log_info(&worker->log, "stdio.serving",
                    lk_log_int("tools", (int64_t)service->shared->toolset->n_tools));
    return ok;
}

/* Where callers need a token, these need one as well. */
static bool metrics_are_served(const struct lk_config *config)
{
    bool open = lk_str_eq(config->mcp_mode, LK_STR("dev")) && config->auth_token.len == 0;

    return open || config->metrics_token.len > 0;
}

bool lk_service_open_http(struct seat *seat, struct lk_error *err)
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
            .max_client_bytes = (size_t)config->max_client_bytes,
            .request_timeout_ms = config->request_timeout_ms,
            .allowed_origins = config->allowed_origins,
            .allowed_origins_name = "LOOKER_ALLOWED_ORIGINS",
            .allowed_hosts = config->allowed_hosts,
            .allowed_hosts_name = "LOOKER_ALLOWED_HOSTS",
            .public_url = worker->tools.public_url,
            .auth = worker->auth,
            .auth_token = config->auth_token,
            .posture = lk_posture_json(arena, config, metadata_url,
                                       seat->service->shared->toolset->n_tools),
            .introspect_token = config->introspect_token,
            .forward_headers = lk_buf_view(&worker->identity_headers),
            .ready = is_ready,
            .ready_arg = worker,
            .metrics = metrics_are_served(config) ? lk_service_write_metrics : NULL,
            .metrics_arg = seat->service,
            .metrics_token = config->metrics_token,
            .page = lk_page_is_wanted(config) ? lk_page_write : NULL,
            .page_arg = &worker->page,
            .page_style = lk_page_style(),
        },
        &seat->http, err);

    lk_arena_free(arena);
    return ok;
}

/* No more clients than open files allow. */
static uint32_t max_connections(const struct service *service)
{
    int64_t wanted = service->shared->config->max_connections;
    int64_t reserved = FILES_RESERVED + (int64_t)FILES_A_WORKER * service->n_seats +
                       service->shared->config->max_concurrency +
                       service->shared->config->max_exports;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return (uint32_t)wanted;
    if (files.rlim_cur == RLIM_INFINITY || (int64_t)files.rlim_cur >= wanted + reserved)
        return (uint32_t)wanted;
    lk_log_warning(&service->shared->log, "http.fewer_connections", lk_log_int("wanted", wanted),
                   lk_log_int("open_files", (int64_t)files.rlim_cur),
                   lk_log_text("remedy", "raise the limit on open files (ulimit -n, LimitNOFILE) "
                                         "or lower LOOKER_MAX_CONNECTIONS"));
    wanted = (int64_t)files.rlim_cur - reserved;
    return wanted > 1 ? (uint32_t)wanted : 1;
}

bool lk_service_open_listener(struct service *service, struct lk_error *err)
{
    const struct lk_config *config = service->shared->config;

    return lk_http_listener_new(
        &(struct lk_http_listener_options){
            .loop = lk_service_first(service)->loop,
            .log = &service->shared->log,
            .host = config->host,
            .port = (uint16_t)config->port,
            .max_connections = max_connections(service),
            .tls = service->tls != NULL,
        },
        &service->listener, err);
}
