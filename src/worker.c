/*
 * Puts a worker together and takes it apart again. Serving is serve.c's.
 */
#include "worker.h"

#include "api/branch.h"
#include "handlers/query/export.h"
#include "handlers/query/known.h"
#include "posture.h"
#include "rt/co.h"

#define MAX_COROUTINES ((size_t)24576) /* of the process: see lk_co_set_max */
#define MAX_HEADER_NAMES_BYTES ((size_t)16 * 1024)

static bool admit(struct mcp_call *call, struct lk_error *err)
{
    const struct lk_tool_context *tools = mcp_call_context(call);

    return lk_export_open(call, err) && lk_workspace_check(call, err) &&
           lk_identity_admit(tools->identity, call, err) && lk_workspace_enter(call, err);
}

static void put_caller(const struct mcp_call *call, struct lk_buf *out)
{
    const struct lk_tool_context *tools = mcp_call_context((struct mcp_call *)call);

    lk_identity_put_caller(tools->identity, call, out);
}

static void on_ended(struct mcp_call *call, const struct lk_error *err)
{
    const struct lk_tool_context *tools = mcp_call_context(call);

    lk_identity_ended(tools->identity, call, err);
}

/* The first worker does, for all. */
static bool load_plugin(struct lk_worker *worker, struct lk_error *err)
{
    const struct lk_config *config = worker->config;
    struct lk_shared *shared = worker->shared;

    if (config->identity_plugin.len == 0 || shared->plugin != NULL)
        return true;
    worker->owns_plugin = lk_plugin_load(
        &(struct lk_plugin_options){
            .loop = worker->loop,
            .log = &shared->log,
            .path = config->identity_plugin,
            .timeout_ms = config->identity_timeout_ms,
        },
        &shared->plugin, err);
    return worker->owns_plugin;
}

/* Which request headers decide as whom calls run, the plug-in's among them. */
static bool list_headers(struct lk_worker *worker, struct lk_error *err)
{
    const struct lk_config *config = worker->config;
    struct lk_buf *headers = &worker->identity_headers;

    lk_buf_printf(headers, "%.*s,%.*s", LK_STR_ARG(config->user_email_header),
                  LK_STR_ARG(config->user_token_header));
    if (worker->shared->plugin == NULL)
        return true;
    lk_buf_printf(headers, ",%.*s", LK_STR_ARG(lk_plugin_headers(worker->shared->plugin)));
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
        .jwks_store = worker->shared->jwks,
        .user_claim = config->mcp_user_claim,
        .scopes = lk_posture_scopes(config),
        .introspect = lk_introspect,
        .introspect_arg = &worker->introspect,
    });
}

/* Towards Looker: the HTTP client and the sessions. */
static void connect_api(struct lk_worker *worker)
{
    const struct lk_config *config = worker->config;

    worker->http =
        lk_http_new(worker->loop,
                    &(struct lk_http_options){
                        .verify_tls = config->verify_tls,
                        .ca_file = config->ca_file.len > 0 ? config->ca_file.ptr : NULL,
                        .user_agent = "looker-mcp-server/" LK_VERSION,
                        .max_in_flight = lk_shared_part(worker->shared, config->max_concurrency, 1),
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
        .max_sessions = lk_shared_part(worker->shared, config->max_sessions, 2),
        .counters = &worker->looker,
    });
}

/* Who may use which branch. */
static bool open_leases(struct lk_worker *worker, struct lk_error *err)
{
    const struct lk_config *config = worker->config;

    if (!lk_lease_store_open(worker->shared->leases, worker->loop, &worker->lease_store, err))
        return false;
    worker->leases = lk_leases_new(&(struct lk_leases_options){
        .loop = worker->loop,
        .log = &worker->log,
        .store = worker->lease_store,
        .durable = lk_lease_shared_is_durable(worker->shared->leases),
        .ttl_ms = config->lease_ttl_ms,
        .wait_ms = config->branch_wait_ms,
        .looker = lk_branch_looker(worker->api),
        .count = &worker->lease_count,
    });
    worker->ci_users = lk_ci_users_new(&(struct lk_ci_users_options){
        .tools = &worker->tools,
        .leases = worker->leases,
        .names = config->ci_users,
        .wait_ms = config->branch_wait_ms,
    });
    worker->workspace = lk_workspace_new(
        &(struct lk_workspace_options){.leases = worker->leases, .ci_users = worker->ci_users});
    worker->tools.workspace = worker->workspace;
    return true;
}

/* Where links lead to; empty: to wherever the client found this server. */
static struct lk_str public_origin(const struct lk_config *config)
{
    struct lk_str uri = config->mcp_resource_uri, url = config->public_url;
    const char *host, *path;

    while (url.len > 0 && url.ptr[url.len - 1] == '/')
        url.len--;
    if (url.len > 0 || uri.len == 0)
        return url;
    host = memmem(uri.ptr, uri.len, "://", 3);
    path = host != NULL ? memchr(host + 3, '/', (size_t)(lk_str_end(uri) - host - 3)) : NULL;
    return path != NULL ? lk_str_n(uri.ptr, (size_t)(path - uri.ptr)) : uri;
}

/* What tools work with, and as whom. */
static void equip_tools(struct lk_worker *worker)
{
    const struct lk_config *config = worker->config;

    worker->tools = (struct lk_tool_context){
        .loop = worker->loop,
        .api = worker->api,
        .log = &worker->log,
        .known = lk_known_new(),
        .max_rows = config->max_rows,
        .max_result_bytes = (size_t)config->max_result_bytes,
        .max_render_bytes = (size_t)config->max_render_bytes,
        .max_export_rows = config->max_export_rows,
        .public_url = public_origin(config),
        .seal = lk_seal_make,
        .seal_arg = &worker->shared->seal,
        .call_timeout_ms = config->call_timeout_ms,
        .query_wait_ms = config->query_wait_ms,
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
        .plugin = worker->shared->plugin,
    });
    worker->tools.identity = worker->identity;
    worker->page = (struct lk_page){config, worker->shared->toolset};
    lk_offers_choose(&worker->offers, worker->shared->toolset->tools,
                     worker->shared->toolset->n_tools);
}

static struct mcp_server *new_mcp(struct lk_worker *worker)
{
    const struct lk_config *config = worker->config;
    const struct lk_toolset *toolset = worker->shared->toolset;

    return mcp_server_new(&(struct mcp_server_options){
        .loop = worker->loop,
        .log = &worker->log,
        .name = "looker-mcp-server",
        .title = "Looker",
        .version = LK_VERSION,
        .instructions = worker->offers.instructions,
        .tools = toolset->tools,
        .n_tools = toolset->n_tools,
        .resources = worker->offers.resources,
        .n_resources = worker->offers.n_resources,
        .list_resources = worker->offers.list_resources,
        .prompts = worker->offers.prompts,
        .n_prompts = worker->offers.n_prompts,
        .logs = true,
        .tool_context = &worker->tools,
        .download = &lk_export_tool,
        .max_downloads_name = "LOOKER_MAX_EXPORTS",
        .admit = admit,
        .leave = lk_workspace_leave,
        .ended = on_ended,
        .explain_unserved = lk_toolset_explain,
        .keep_arguments = worker->shared->plugin != NULL,
        .max_in_flight_name = "LOOKER_MAX_IN_FLIGHT",
        .max_queue_name = "LOOKER_MAX_QUEUE",
        .caller_key = put_caller,
        .call_timeout_name = "LOOKER_CALL_TIMEOUT",
        .call_timeout_ms = config->call_timeout_ms,
        .lenient_version_header = config->lenient_version,
        .gate = worker->shared->gate,
    });
}

bool lk_worker_init(struct lk_worker *worker, struct lk_shared *shared, struct lk_error *err)
{
    *worker = (struct lk_worker){.shared = shared, .config = shared->config, .log = shared->log};
    lk_buf_init(&worker->identity_headers, MAX_HEADER_NAMES_BYTES);
    if (!lk_loop_new(&worker->loop, err))
        return false;
    lk_co_set_max(worker->loop, MAX_COROUTINES / shared->n_workers);
    if (!load_plugin(worker, err) || !list_headers(worker, err)) {
        lk_worker_clean_up(worker);
        return false;
    }
    connect_api(worker);
    worker->auth = new_auth(worker);
    equip_tools(worker);
    if (!open_leases(worker, err)) {
        lk_worker_clean_up(worker);
        return false;
    }
    worker->mcp = new_mcp(worker);
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
    lk_workspace_free(worker->workspace);
    lk_ci_users_free(worker->ci_users);
    lk_leases_free(worker->leases);
    lk_lease_store_close(worker->lease_store);
    if (worker->owns_plugin) {
        lk_plugin_free(worker->shared->plugin);
        worker->shared->plugin = NULL;
    }
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
