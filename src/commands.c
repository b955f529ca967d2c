/*
 * --list-tools, --check and call. `call` goes through the MCP core like any client's call, so what
 * is seen in a shell is what a model sees.
 */
#include "commands.h"

#include "api/lease_store.h"
#include "base/nearest.h"
#include "leasing.h"
#include "looker_ops.h"
#include "rt/co.h"
#include "serve.h"
#include "json/codec.h"
#include "json/scan.h"
#include "json/write.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define GIVE_BACK_MS 5000
#define LOGOUT_MS 2000

int lk_command_list_tools(const struct lk_toolset *toolset)
{
    for (size_t i = 0; i < toolset->n_tools; i++)
        printf("%-12s %-24s %s\n", toolset->tools[i]->group->name, toolset->tools[i]->name,
               toolset->tools[i]->title);
    return fflush(stdout) == 0 ? LK_EXIT_OK : LK_EXIT_FAILURE;
}

/* ---- --check ---- */

struct check {
    struct lk_worker *worker;
    bool ok;
};

static void print_failure(const char *what, const struct lk_error *error)
{
    printf("%-14s FAILED  %s%s%s%s\n", what, error->message, error->detail[0] != '\0' ? " (" : "",
           error->detail, error->detail[0] != '\0' ? ")" : "");
}

/* What the status says of the address, or NULL if it may be Looker's; a gateway that wants to know
 * who asks (401, 403) may let in the one who has credentials. */
static const char *explain_status(int status)
{
    if ((status >= 200 && status < 300) || status == 401 || status == 403)
        return NULL;
    if (status >= 500 || status == 429)
        return "Looker, or a gateway in front of it, does not serve now; try again later";
    return "there is no Looker API at this address; give scheme and host only";
}

static bool check_reachability(struct lk_worker *worker, struct lk_arena *arena)
{
    const struct lk_config *config = worker->config;
    uint64_t start_ms = lk_loop_now_ms(worker->loop);
    struct lk_error error = {0};
    int status;

    if (!lk_api_reach(worker->api, arena, &status, &error)) {
        print_failure("reachability", &error);
        return false;
    }
    if (explain_status(status) != NULL) {
        printf("%-14s FAILED  %.*s answered HTTP %d: %s\n", "reachability",
               LK_STR_ARG(config->base_url), status, explain_status(status));
        return false;
    }
    printf("%-14s ok      %.*s answered HTTP %d in %" PRIu64 " ms\n", "reachability",
           LK_STR_ARG(config->base_url), status, lk_loop_now_ms(worker->loop) - start_ms);
    return true;
}

static bool check_credentials(struct lk_worker *worker, struct lk_arena *arena)
{
    struct looker_me_params params = {.fields = lk_string(LK_STR("id,display_name,email"))};
    struct looker_user user = {0};
    struct lk_api_answer answer;
    struct lk_error error = {0};

    if (!lk_api_call(worker->api, arena, looker_me(&params), &answer, &error) ||
        !lk_decode_answer(arena, &looker_user_type, answer.body, &user, &error)) {
        print_failure("credentials", &error);
        return false;
    }
    printf("%-14s ok      logged in as %.*s, user id %.*s\n", "credentials",
           LK_STR_ARG(user.display_name.value), LK_STR_ARG(user.id.value));
    return true;
}

/* A default directory that is of no use is no failure: most servers never borrow a branch. */
static bool check_leases(struct lk_worker *worker, struct lk_arena *arena)
{
    const struct lk_config *config = worker->config;
    bool wanted = config->state_dir_given || config->lease_url.len > 0;
    struct lk_lease_store_options options = lk_leasing_options(config, &worker->log);
    struct lk_lease_shared *shared = NULL;
    struct lk_lease_store *store = NULL;
    struct lk_error error = {0};
    struct lk_str where;
    bool ok = lk_lease_shared_new(&options, &shared, &error) &&
              lk_lease_store_open(shared, worker->loop, &store, &error) &&
              lk_lease_store_check(store, arena, &where, &error);

    if (ok)
        printf("%-14s ok      in %.*s\n", "branch leases", LK_STR_ARG(where));
    else if (wanted)
        print_failure("branch leases", &error);
    else
        printf("%-14s none    %s\n", "branch leases", error.message);
    lk_lease_store_close(store);
    lk_lease_shared_free(shared);
    return ok || !wanted;
}

static void tell_ci_user(struct lk_str who, const struct lk_error *why)
{
    if (why != NULL)
        print_failure("CI user", why);
    else
        printf("%-14s ok      %.*s\n", "CI user", LK_STR_ARG(who));
}

static bool check_ci_users(struct lk_worker *worker, struct lk_arena *arena)
{
    struct lk_error error = {0};

    if (worker->ci_users == NULL)
        return true;
    if (worker->config->sudo_as_user)
        return lk_ci_users_check(worker->ci_users, arena, tell_ci_user);
    lk_fail(&error, LK_ERROR_CONFIG,
            "LOOKER_SUDO_AS_USER=false keeps everybody from borrowing those of LOOKER_CI_USERS");
    print_failure("CI user", &error);
    return false;
}

/* What is warned of, such as its dates, is said whatever the log's level. */
static bool check_certificate(const struct lk_worker *worker)
{
    struct lk_log log = worker->log;
    struct lk_http_tls *tls;
    struct lk_error error = {0};

    if (worker->config->tls_cert_file.len == 0)
        return true;
    log.level = LK_LOG_WARNING;
    if (!lk_serve_read_tls(worker->config, &log, &tls, &error)) {
        print_failure("certificate", &error);
        return false;
    }
    lk_http_tls_release(tls);
    printf("%-14s ok      in %s, and the key belongs to it\n", "certificate",
           worker->config->tls_cert_file.ptr);
    return true;
}

static void check(void *arg)
{
    struct check *self = arg;
    struct lk_arena *arena = lk_arena_new();
    bool certificate = check_certificate(self->worker);
    bool leases = check_leases(self->worker, arena);

    self->ok = check_reachability(self->worker, arena);
    if (self->ok)
        self->ok = check_credentials(self->worker, arena);
    else
        printf("%-14s FAILED  not tried, for want of a Looker\n", "credentials");
    if (self->ok)
        self->ok = check_ci_users(self->worker, arena);
    self->ok &= leases && certificate;
    lk_api_logout(self->worker->api, LOGOUT_MS);
    lk_arena_free(arena);
}

int lk_command_check(struct lk_worker *worker)
{
    struct check self = {.worker = worker};
    struct lk_error error = {0};

    fwrite(worker->config->sources.ptr, 1, worker->config->sources.len, stdout);
    for (const char *const *warning = worker->config->warnings; *warning != NULL; warning++)
        printf("%-14s %s\n", "warning", *warning);
    printf("%-14s ok      every setting has a legal value\n", "settings");
    fflush(stdout);
    if (!lk_worker_run(worker, check, &self, &error))
        print_failure("check", &error);
    return self.ok ? LK_EXIT_OK : LK_EXIT_FAILURE;
}

/* ---- call ---- */

struct one_call {
    struct lk_worker *worker;
    struct lk_arena *arena;
    struct lk_watch signals;
    int status;
    bool ending; /* a signal came */
};

/* Whoever does not want the answer any more: the call is cancelled, which stops its query at Looker
 * and gives its branch back. Asked twice, nothing is waited for. */
static void on_signal(void *arg, uint32_t events)
{
    struct one_call *call = arg;
    struct signalfd_siginfo info;

    (void)events;
    if (read(call->signals.fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    call->status = LK_EXIT_SIGNAL + (int)info.ssi_signo;
    if (call->ending)
        _exit(call->status);
    call->ending = true;
    mcp_server_cancel_all(call->worker->mcp);
}

static bool watch_signals(struct one_call *call, struct lk_error *err)
{
    const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;
    sigset_t set;
    int fd;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        /* nohup and shells that start something in the background say which are to be ignored */
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, signals[i]);
    }
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
        return lk_fail(err, LK_ERROR_INTERNAL, "cannot watch for signals: %s", strerror(errno));
    call->signals = (struct lk_watch){.fd = fd, .ready = on_signal, .arg = call};
    return lk_loop_watch(call->worker->loop, &call->signals, EPOLLIN, err);
}

static void log_out_and_stop(void *arg)
{
    struct lk_worker *worker = arg;

    lk_leases_end(worker->leases, GIVE_BACK_MS);
    lk_api_logout(worker->api, LOGOUT_MS);
    lk_loop_stop(worker->loop);
}

/* Prints result.content[0].text, or the protocol error. */
static void print_reply(void *arg, int http_status, struct lk_buf *body)
{
    struct one_call *call = arg;
    struct lk_str reply = lk_buf_view(body), result, content, item, failed, error;
    struct lk_json_iter it;

    (void)http_status;
    if (lk_json_get(reply, LK_STR("result"), &result) &&
        lk_json_get(result, LK_STR("content"), &content)) {
        it = lk_json_iter(content);
        while (lk_json_next(&it, NULL, &item)) {
            struct lk_str text = lk_json_get_string(call->arena, item, LK_STR("text"));

            printf("%.*s\n", LK_STR_ARG(text));
        }
        if (!call->ending)
            call->status =
                lk_json_get(result, LK_STR("isError"), &failed) && lk_json_is_true(failed)
                    ? LK_EXIT_FAILURE
                    : LK_EXIT_OK;
    } else if (lk_json_get(reply, LK_STR("error"), &error)) {
        struct lk_str message = lk_json_get_string(call->arena, error, LK_STR("message"));

        fprintf(stderr, "looker-mcp-server: %.*s\n", LK_STR_ARG(message));
    }
    if (!lk_co_start(call->worker->loop, log_out_and_stop, call->worker, NULL, NULL))
        lk_loop_stop(call->worker->loop);
}

static bool read_input(struct lk_buf *text, struct lk_error *err)
{
    char bytes[4096];
    ssize_t n;

    while ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0) {
        if (!lk_buf_append(text, bytes, (size_t)n))
            return lk_fail(err, LK_ERROR_LIMIT,
                           "standard input is larger than %zu bytes (LOOKER_MAX_REQUEST_BYTES)",
                           text->max_bytes);
    }
    return n == 0 ||
           lk_fail(err, LK_ERROR_ARGUMENT, "cannot read standard input: %s", strerror(errno));
}

static const char *tool_name(const void *arg, size_t i)
{
    const struct lk_toolset *toolset = arg;

    return i < toolset->n_tools ? toolset->tools[i]->name : NULL;
}

static bool check_tool(const struct lk_toolset *toolset, const char *name, struct lk_error *err)
{
    const char *near;

    for (size_t i = 0; i < toolset->n_tools; i++) {
        if (strcmp(toolset->tools[i]->name, name) == 0)
            return true;
    }
    near = lk_nearest(lk_str(name), tool_name, toolset);
    return lk_fail(err, LK_ERROR_CONFIG,
                   "unknown tool \"%s\"%s%s%s; --list-tools --groups all lists them", name,
                   near != NULL ? " (did you mean \"" : "", near != NULL ? near : "",
                   near != NULL ? "\"?)" : "");
}

/* {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":…,"arguments":…}} */
static bool write_message(const struct lk_config *config, struct lk_buf *message,
                          struct lk_error *err)
{
    struct lk_json_writer w = lk_json_writer(message);
    struct lk_error json_error = {0};
    struct lk_buf input;
    struct lk_str arguments = LK_STR("{}");
    bool ok = true;

    lk_buf_init(&input, (size_t)config->max_request_bytes);
    if (config->call_arguments != NULL && strcmp(config->call_arguments, "-") == 0)
        ok = read_input(&input, err), arguments = lk_buf_view(&input);
    else if (config->call_arguments != NULL)
        arguments = lk_str(config->call_arguments);
    if (ok && !lk_json_check(arguments, LK_JSON_MAX_DEPTH - 4, 0, &json_error))
        ok = lk_fail(err, LK_ERROR_CONFIG, "the arguments are not JSON: %s", json_error.message);
    if (ok && lk_json_type(arguments) != LK_JSON_OBJECT)
        ok = lk_fail(err, LK_ERROR_CONFIG,
                     "the arguments must be a JSON object, such as '{\"limit\":10}'");
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "jsonrpc", LK_STR("2.0"));
    lk_json_member_integer(&w, "id", 1);
    lk_json_member_string(&w, "method", LK_STR("tools/call"));
    lk_json_key(&w, "params");
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "name", lk_str(config->call_tool));
    lk_json_member_raw(&w, "arguments", lk_str_trim(arguments));
    lk_json_end_object(&w);
    lk_json_end_object(&w);
    lk_buf_free(&input);
    return ok;
}

int lk_command_call(struct lk_worker *worker, const struct lk_toolset *toolset)
{
    const struct lk_config *config = worker->config;
    struct one_call call = {.worker = worker,
                            .arena = lk_arena_new(),
                            .signals = {.fd = -1},
                            .status = LK_EXIT_FAILURE};
    struct mcp_peer peer = {0};
    struct lk_error error = {0};
    struct lk_buf message;

    lk_buf_init(&message, (size_t)config->max_request_bytes + 1024);
    if (check_tool(toolset, config->call_tool, &error) && write_message(config, &message, &error) &&
        watch_signals(&call, &error)) {
        mcp_server_receive(
            worker->mcp,
            &(struct mcp_inbound){
                .peer = &peer, .body = lk_buf_view(&message), .reply = print_reply, .arg = &call},
            NULL);
        lk_loop_run(worker->loop);
    } else {
        fprintf(stderr, "looker-mcp-server: %s\n", error.message);
        call.status = error.kind == LK_ERROR_CONFIG ? LK_EXIT_USAGE : LK_EXIT_FAILURE;
    }
    if (call.signals.fd >= 0) {
        lk_loop_unwatch(worker->loop, &call.signals);
        close(call.signals.fd);
    }
    lk_buf_free(&message);
    lk_arena_free(call.arena);
    return fflush(stdout) == 0 ? call.status : LK_EXIT_FAILURE;
}
