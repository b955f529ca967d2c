/*
 * Puts a worker together, serves, and takes it apart again in order: no new calls, those in flight
 * end (or are cancelled), the session at Looker ends, the loop stops.
 */
#include "worker.h"

#include "handlers/query/known.h"
#include "looker_ops.h"
#include "posture.h"
#include "rt/co.h"
#include "transport/http.h"
#include "transport/stdio.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How long a stop waits for calls in flight, and for Looker to take the logout. */
#define FINISH_MS 5000
#define LOGOUT_MS 2000

#define MAX_HEADER_NAMES_BYTES ((size_t)16 * 1024)

static const char instructions[] =
    "Looker, a business intelligence platform, as tools. Data questions: find the model and "
    "explore (list_models, get_explore), pick fields (list_dimensions, list_measures; names are "
    "view.field), then `query`. Queries go through LookML models: joins, measures and access rules "
    "are Looker's, so prefer `query` to writing SQL, and use query_sql only to see the SQL that a "
    "query becomes. Existing content: search_content, then run_look or run_dashboard. What lies "
    "under the models: list_connections, then list_schemas, list_tables, list_columns. New "
    "dashboards: create_dashboard, add_dashboard_filter, add_dashboard_element, each with the ids "
    "that the one before answered; create_look saves one query. Lists come as "
    "{\"count\",\"items\"}; when an answer says `truncated` or has `next_offset`, it also says how "
    "to get the rest: narrow the question first (fewer fields, filters, a lower limit) rather than "
    "page through everything. Tools that change more than one thing answer `steps`, `changed` and "
    "`left_to_do`, also when one step failed: read left_to_do before going on. Before deleting, "
    "deploying or taking access away, tell the user what will happen (many tools preview it with "
    "dry_run, or without confirm) and let them decide. Errors say what was wrong and what to do; "
    "an error about an argument will not go away by calling again unchanged.";

static bool admit(struct mcp_call *call, struct lk_error *err)
{
    const struct lk_tool_context *tools = mcp_call_context(call);

    return lk_identity_admit(tools->identity, call, err);
}

static void on_ended(struct mcp_call *call, const struct lk_error *err)
{
    const struct lk_tool_context *tools = mcp_call_context(call);

    lk_identity_ended(tools->identity, call, err);
}

/* And which request headers decide as whom calls run, the plug-in's among them. */
static bool load_plugin(struct lk_worker *worker, struct lk_error *err)
{
    const struct lk_config *config = worker->config;
    struct lk_buf *headers = &worker->identity_headers;

    lk_buf_printf(headers, "%.*s,%.*s", LK_STR_ARG(config->user_email_header),
                  LK_STR_ARG(config->user_token_header));
    if (config->identity_plugin.len == 0)
        return true;
    if (!lk_plugin_load(
            &(struct lk_plugin_options){
                .loop = worker->loop,
                .log = &worker->log,
                .path = config->identity_plugin,
                .timeout_ms = config->identity_timeout_ms,
            },
            &worker->plugin, err))
        return false;
    lk_buf_printf(headers, ",%.*s", LK_STR_ARG(lk_plugin_headers(worker->plugin)));
    if (headers->overflow)
        return lk_fail(err, LK_ERROR_CONFIG,
                       "LOOKER_IDENTITY_PLUGIN: the names of the headers that the plug-in asks for "
                       "are longer than %zu bytes together",
                       MAX_HEADER_NAMES_BYTES);
    return true;
}

static void on_token_refused(void *arg, struct lk_str token)
{
    const struct lk_worker *worker = arg;

    if (worker->auth != NULL)
        lk_auth_forget(worker->auth, token);
}

/* Callers over HTTP show access tokens, or (mode dev) they do not. */
static struct lk_auth *new_auth(struct lk_worker *worker)
{
    const struct lk_config *config = worker->config;
    bool opaque = lk_str_eq(config->mcp_mode, LK_STR("looker_oauth"));

    if (lk_str_eq(config->mcp_mode, LK_STR("dev")) ||
        !lk_str_eq(config->transport, LK_STR("streamable-http")) ||
        config->command != LK_COMMAND_SERVE) /* `call` is whoever has a shell here */
        return NULL;
    worker->introspect = (struct lk_introspect){worker->api, &worker->log};
    return lk_auth_new(&(struct lk_auth_options){
        .mode = opaque ? LK_AUTH_OPAQUE : LK_AUTH_PUBLIC,
        .loop = worker->loop,
        .log = &worker->log,
        .http = worker->http,
        .resource_uri = config->mcp_resource_uri,
        .resource_name = LK_STR("Looker (looker-mcp-server)"),
        .issuer = opaque ? config->base_url : config->mcp_issuer_url,
        .jwks_uri = config->mcp_jwks_uri,
        .user_claim = config->mcp_user_claim,
        .scopes = lk_posture_scopes(config),
        .introspect = lk_introspect,
        .introspect_arg = &worker->introspect,
    });
}

bool lk_worker_init(struct lk_worker *worker, const struct lk_config *config,
                    const struct lk_toolset *toolset, struct lk_error *err)
{
    *worker = (struct lk_worker){
        .config = config,
        .log = {.fd = STDERR_FILENO, .level = config->log_level},
    };
    lk_buf_init(&worker->identity_headers, MAX_HEADER_NAMES_BYTES);
    if (!lk_loop_new(&worker->loop, err))
        return false;
    if (!load_plugin(worker, err)) {
        lk_worker_clean_up(worker);
        return false;
    }
    worker->http = lk_http_new(worker->loop,
                               &(struct lk_http_options){
                                   .verify_tls = config->verify_tls,
                                   .ca_file = config->ca_file.len > 0 ? config->ca_file.ptr : NULL,
                                   .user_agent = "looker-mcp-server/" LK_VERSION,
                                   .max_in_flight = (uint32_t)config->max_concurrency,
                                   .max_in_flight_name = "LOOKER_MAX_CONCURRENCY",
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
        .pool_sessions = config->session_pool,
        .session_idle_ms = config->session_idle_ms,
        .max_sessions = (uint32_t)config->max_sessions,
        .counters = &worker->looker,
    });
    worker->auth = new_auth(worker);
    worker->tools = (struct lk_tool_context){
        .loop = worker->loop,
        .api = worker->api,
        .log = &worker->log,
        .known = lk_known_new(),
        .max_rows = config->max_rows,
        .max_result_bytes = (size_t)config->max_result_bytes,
        .max_render_bytes = (size_t)config->max_render_bytes,
        .call_timeout_ms = config->call_timeout_ms,
        .client_id = config->client_id,
        .api_allow_writes = config->api_allow_writes,
    };
    worker->identity = lk_identity_new(&(struct lk_identity_options){
        .tools = &worker->tools,
        .sudo_as_user = config->sudo_as_user,
        .associative = config->sudo_associative,
        .google_cloud_core = lk_str_eq(config->deployment_type, LK_STR("google_cloud_core")),
        .own_tokens_only = lk_str_eq(config->mcp_mode, LK_STR("looker_oauth")),
        .verified_only = worker->auth != NULL,
        .trust_headers = config->trust_identity_headers,
        .act_as_scope = config->mcp_act_as_scope,
        .token_refused = on_token_refused,
        .token_refused_arg = worker,
        .email_header = config->user_email_header,
        .token_header = config->user_token_header,
        .plugin = worker->plugin,
    });
    worker->tools.identity = worker->identity;
    worker->n_tools = toolset->n_tools;
    worker->page = (struct lk_page){config, toolset};
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
        .admit = admit,
        .ended = on_ended,
        .keep_arguments = worker->plugin != NULL,
        .max_in_flight_name = "LOOKER_MAX_IN_FLIGHT",
        .call_timeout_name = "LOOKER_CALL_TIMEOUT",
        .call_timeout_ms = config->call_timeout_ms,
        .lenient_version_header = config->lenient_version,
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
    lk_auth_free(worker->auth);
    lk_identity_free(worker->identity);
    lk_plugin_free(worker->plugin);
    lk_buf_free(&worker->identity_headers);
    lk_known_free(worker->tools.known);
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

static void stop_loop(void *arg)
{
    lk_loop_stop(arg);
}

/* The transports let calls finish, cancel those that do not, and then stop the loop. */
static void on_signal(void *arg, uint32_t events)
{
    struct service *service = arg;
    struct signalfd_siginfo info;

    (void)events;
    if (read(service->signals.fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    lk_log_info(&service->worker->log, "server.stopping",
                lk_log_int("signal", (int64_t)info.ssi_signo));
    if (service->stdio != NULL)
        lk_stdio_close(service->stdio);
    else /* asked twice: do not wait */
        lk_http_server_stop(service->http, service->ending ? 1 : FINISH_MS, stop_loop,
                            service->worker->loop);
    service->ending = true;
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
    struct lk_worker *worker = service->worker;
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
        lk_log_info(&worker->log, "stdio.serving", lk_log_int("tools", (int64_t)worker->n_tools));
    return ok;
}

static bool open_http(struct service *service, struct lk_error *err)
{
    struct lk_worker *worker = service->worker;
    const struct lk_config *config = worker->config;
    struct lk_str metadata_url =
        worker->auth != NULL ? lk_auth_metadata_url(worker->auth) : (struct lk_str){0};
    struct lk_arena *arena = lk_arena_new();
    bool ok = lk_http_server_new(
        &(struct lk_http_server_options){
            .loop = worker->loop,
            .log = &worker->log,
            .server = worker->mcp,
            .host = config->host,
            .port = (uint16_t)config->port,
            .max_body_name = "LOOKER_MAX_REQUEST_BYTES",
            .max_body_bytes = (size_t)config->max_request_bytes,
            .allowed_origins = config->allowed_origins,
            .allowed_hosts = config->allowed_hosts,
            .auth = worker->auth,
            .auth_token = config->auth_token,
            .posture = lk_posture_json(arena, config, metadata_url, worker->n_tools),
            .introspect_token = config->introspect_token,
            .forward_headers = lk_buf_view(&worker->identity_headers),
            .ready = is_ready,
            .ready_arg = worker,
            .page = lk_page_is_wanted(config) ? lk_page_write : NULL,
            .page_arg = &worker->page,
            .page_style = lk_page_style(),
        },
        &service->http, err);

    lk_arena_free(arena);
    if (ok && worker->auth != NULL)
        lk_auth_warm_up(worker->auth);
    return ok;
}

static void log_out(void *arg)
{
    struct lk_worker *worker = arg;

    lk_auth_end(worker->auth);
    lk_api_logout(worker->api, LOGOUT_MS);
}

bool lk_worker_serve(struct lk_worker *worker, struct lk_error *err)
{
    bool stdio = lk_str_eq(worker->config->transport, LK_STR("stdio"));
    struct service service = {.worker = worker, .signals = {.fd = -1}};
    bool ok = watch_signals(&service, err) &&
              (stdio ? open_stdio(&service, err) : open_http(&service, err));

    if (ok) {
        lk_loop_run(worker->loop);
        ok = lk_worker_run(worker, log_out, worker, err);
    }
    lk_stdio_free(service.stdio);
    lk_http_server_free(service.http);
    if (service.signals.fd >= 0) {
        lk_loop_unwatch(worker->loop, &service.signals);
        close(service.signals.fd);
    }
    return ok;
}
