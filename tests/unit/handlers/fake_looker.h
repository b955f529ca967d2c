/*
 * Runs a tool from its JSON arguments to its JSON answer, with a scripted Looker below it: this
 * file stands in for api/api.c and mcp/call.c. Each test program includes it once.
 *
 *     fake_answers("GET /user", "{\"id\":\"1\"}");   consumed by path, in order; the last one stays
 *     run_tool("whoami", "{}")                      the answer, or fails the test
 *     fake_requests[i]                              "POST /queries/run/json {…body…}"
 */
#ifndef LK_TEST_FAKE_LOOKER_H
#define LK_TEST_FAKE_LOOKER_H

#include "../test.h"

#include "api/api.h"
#include "api/request.h"
#include "base/arena.h"
#include "handlers/context.h"
#include "handlers/workspace.h"
#include "looker_tools.h"
#include "rt/co.h"
#include "json/codec.h"
#include "json/scan.h"
#include "json/tree.h"

#include <stdio.h>
#include <string.h>

#define FAKE_MAX 128
#define FAKE_SILENT (-1)

struct mcp_call {
    const struct mcp_tool *tool;
    void *args;
    struct lk_arena *arena;
    struct lk_buf answer;
    struct lk_tool_context *context;
    bool failed;
};

struct fake_script {
    const char *route; /* "GET /user", without the query string */
    const char *body;
    int status; /* below 0: the login before the call failed with it */
    enum lk_media media;
    bool used;
};

static struct lk_arena *fake_arena;
static struct lk_loop *fake_loop;
static struct fake_script fake_scripts[FAKE_MAX];
static size_t fake_lens[FAKE_MAX]; /* of bodies that are no text; 0: it is one */
static size_t fake_n_scripts;
static char *fake_requests[FAKE_MAX];
static bool fake_in_dev[FAKE_MAX]; /* of each request: that it goes to the dev workspace */
static size_t fake_n_requests;
static uint64_t fake_timeout_ms; /* of the last call that had one of its own */
static unsigned fake_in_flight, fake_most_in_flight, fake_delay_ms;
static const char *fake_cancel_at; /* the route whose request is under way when the caller cancels;
                                      goes with a delay; NULL: none */
static struct lk_co *fake_caller;
static const struct mcp_caller *fake_caller_is; /* as the transport has verified it */
static struct lk_str fake_origin;               /* where the client reached the server */
static struct lk_buf fake_sent;                 /* of a download: its header line, and its bytes */
static size_t fake_leaves_after;                /* bytes after which its client is gone */
static size_t fake_piece_bytes;                 /* in which lk_api_stream hands answers over */
static size_t fake_n_poured;                    /* bytes that the last one handed over */
static struct lk_tool_context fake_context;
static struct lk_error fake_error;
static unsigned fake_n_logged; /* messages for the client */
static double fake_progress;
static unsigned fake_n_progress; /* of the last call */
static struct mcp_content fake_contents[FAKE_MAX];
static size_t fake_n_contents; /* of the last call */
#ifndef FAKE_REAL_WORKSPACE
static struct lk_workspace_stay fake_stay; /* the last one that a handler asked for */
static unsigned fake_n_told;               /* calls of lk_workspace_tell_project, */
static char fake_told[64];                 /* and "model project" of the last */
#endif
static unsigned fake_n_stays;
static bool fake_failed; /* the last call said so of its own answer (mcp_call_set_failed) */

static void fake_script(const char *route, int status, enum lk_media media, const char *body)
{
    assert_true(fake_n_scripts < FAKE_MAX);
    fake_lens[fake_n_scripts] = 0;
    fake_scripts[fake_n_scripts++] = (struct fake_script){route, body, status, media, false};
}

__attribute__((unused)) static void fake_answers(const char *route, const char *body)
{
    fake_script(route, 200, LK_MEDIA_JSON, body);
}

/* The same with so many of one item in a list, in pieces as they may come over the wire. */
__attribute__((unused)) static void fake_answers_list(const char *route, const char *item, size_t n)
{
    size_t len = strlen(item);
    char *text = lk_arena_alloc(fake_arena, n * (len + 1) + 2);

    for (size_t i = 0; i < n; i++) {
        text[i * (len + 1)] = i == 0 ? '[' : ',';
        memcpy(text + i * (len + 1) + 1, item, len);
    }
    text[n * (len + 1)] = ']';
    fake_piece_bytes = 60000;
    fake_answers(route, text);
}

__attribute__((unused)) static void fake_answers_text(const char *route, const char *body)
{
    fake_script(route, 200, LK_MEDIA_TEXT, body);
}

__attribute__((unused)) static void fake_answers_bytes(const char *route, enum lk_media media,
                                                       const char *bytes, size_t len)
{
    fake_script(route, 200, media, "");
    fake_scripts[fake_n_scripts - 1].body = bytes;
    fake_lens[fake_n_scripts - 1] = len;
}

__attribute__((unused)) static void fake_fails(const char *route, int status, const char *detail)
{
    fake_script(route, status, LK_MEDIA_JSON, detail);
}

/* Looker's login fails with that status. */
__attribute__((unused)) static void fake_refuses(const char *route, int status)
{
    fake_script(route, -status, LK_MEDIA_JSON, "Not found");
}

/* The answer does not come in time. */
__attribute__((unused)) static void fake_keeps_silent(const char *route)
{
    fake_script(route, FAKE_SILENT, LK_MEDIA_JSON, "");
}

/* The first script of the route that was not used, or its last one. */
static struct fake_script *fake_find(const char *route)
{
    struct fake_script *found = NULL;

    for (size_t i = 0; i < fake_n_scripts; i++) {
        if (strcmp(fake_scripts[i].route, route) != 0)
            continue;
        found = &fake_scripts[i];
        if (!found->used)
            break;
    }
    if (found != NULL)
        found->used = true;
    return found;
}

/*
 * What no script is about: a query that is created, and one that is run, are there. So that it is
 * enough to script the rows, FAKE_ROWS("json").
 */
#define FAKE_ROWS(format) "GET /query_tasks/T-" format "/results"
static struct fake_script *fake_query(const char *route, struct lk_str body)
{
    static struct fake_script made = {.status = 200, .media = LK_MEDIA_JSON};
    struct lk_str format = {0};

    if (strcmp(route, "POST /queries") == 0) {
        made.body = "{\"id\":\"71\",\"slug\":\"sl\",\"share_url\":\"https://l/x/sl\"}";
    } else if (strcmp(route, "POST /query_tasks") == 0) {
        format = lk_json_get_string(fake_arena, body, LK_STR("result_format"));
        made.body = lk_arena_printf(fake_arena, "{\"id\":\"T-%.*s\",\"status\":\"complete\"}",
                                    LK_STR_ARG(format))
                        .ptr;
    } else {
        return NULL;
    }
    return &made;
}

/* ---- api/api.h ---- */

static bool fake_ask(struct lk_arena *arena, struct lk_api_request request,
                     struct lk_api_answer *ret_answer, struct lk_error *err)
{
    struct lk_wire_request wire;
    char route[300];

    if (lk_co_cancelled(lk_co_self(fake_loop)))
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled before the request was sent");
    if (!lk_request_build(fake_arena, LK_STR(""), request, &wire, err))
        return false;
    assert_true(fake_n_requests < FAKE_MAX);
    struct lk_str line =
        lk_arena_printf(fake_arena, "%s %s%s%.*s", lk_method_name(request.op->method), wire.url,
                        wire.body.len > 0 ? " " : "", LK_STR_ARG(wire.body));
    fake_in_dev[fake_n_requests] = request.dev || request.op->needs_dev;
    fake_requests[fake_n_requests++] = (char *)(uintptr_t)lk_arena_cstr(fake_arena, line);
    if (request.attempt != NULL)
        request.attempt->begun = true;
    snprintf(route, sizeof(route), "%s %.*s", lk_method_name(request.op->method),
             (int)strcspn(wire.url, "?"), wire.url);

    if (++fake_in_flight > fake_most_in_flight)
        fake_most_in_flight = fake_in_flight;
    if (fake_cancel_at != NULL && strcmp(route, fake_cancel_at) == 0)
        lk_co_cancel(fake_caller);
    bool awake = fake_delay_ms == 0 || lk_co_sleep(fake_loop, fake_delay_ms, err);
    fake_in_flight--;
    if (!awake)
        return false;

    struct fake_script *script = fake_find(route);
    if (script == NULL)
        script = fake_query(route, wire.body);
    if (script == NULL || script->status >= 400 || script->status < 0) {
        int status = script != NULL ? abs(script->status) : 404;
        if (script != NULL && script->status == FAKE_SILENT)
            return lk_fail(err, LK_ERROR_TIMEOUT, "Looker did not answer in time");
        if (script != NULL && script->status < 0)
            lk_fail(err, LK_ERROR_AUTH, "Looker refused the credentials");
        lk_fail(err, LK_ERROR_UPSTREAM, "Looker answered %d to %s", status, request.op->id);
        lk_error_detail(err, "%s", script != NULL ? script->body : "Not found");
        if (err != NULL)
            err->status = status;
        return false;
    }
    bool scripted = script >= fake_scripts && script < fake_scripts + FAKE_MAX;
    size_t len = scripted ? fake_lens[script - fake_scripts] : 0;
    /* A copy, so that reading past its end or after its arena shows. */
    *ret_answer = (struct lk_api_answer){
        .status = script->status,
        .media = script->media,
        .body = lk_arena_str(arena, lk_str_n(script->body, len > 0 ? len : strlen(script->body))),
    };
    return true;
}

bool lk_api_call(struct lk_api *api, struct lk_arena *arena, struct lk_api_request request,
                 struct lk_api_answer *ret_answer, struct lk_error *err)
{
    (void)api;
    if (!fake_ask(arena, request, ret_answer, err))
        return false;
    if (ret_answer->media == LK_MEDIA_JSON)
        assert_true(lk_json_check(ret_answer->body, LK_JSON_MAX_DEPTH, 0, NULL));
    return true;
}

bool lk_api_call_within(struct lk_api *api, struct lk_arena *arena, struct lk_api_request request,
                        uint64_t timeout_ms, struct lk_api_answer *ret_answer, struct lk_error *err)
{
    fake_timeout_ms = timeout_ms;
    return lk_api_call(api, arena, request, ret_answer, err);
}

/* In pieces of a few bytes, each in a block of its own. */
bool lk_api_stream(struct lk_api *api, struct lk_arena *arena, struct lk_api_request request,
                   uint64_t timeout_ms, const struct lk_api_sink *sink,
                   struct lk_api_answer *ret_answer, struct lk_error *err)
{
    struct lk_api_answer answer;
    bool more = true;

    (void)api;
    fake_timeout_ms = timeout_ms;
    if (!fake_ask(arena, request, &answer, err))
        return false;
    for (size_t at = 0, n; more && at < answer.body.len; at += n) {
        size_t left = answer.body.len - at;
        char *piece;

        n = left < fake_piece_bytes ? left : fake_piece_bytes;
        piece = malloc(n);
        memcpy(piece, answer.body.ptr + at, n);
        more = sink->take(sink->arg, answer.media, lk_str_n(piece, n));
        free(piece);
        fake_n_poured = at + n;
    }
    answer.body = (struct lk_str){0};
    answer.stopped = !more;
    *ret_answer = answer;
    return true;
}

/* ---- handlers/workspace.h, unless the test is about it ---- */

#ifndef FAKE_REAL_WORKSPACE
bool lk_workspace_take(struct mcp_call *call, const struct lk_workspace_stay *stay,
                       struct lk_error *err)
{
    (void)call;
    (void)err;
    fake_stay = *stay;
    fake_stay.project = lk_arena_str(fake_arena, stay->project);
    fake_n_stays++;
    return true;
}

void lk_workspace_tell_project(struct mcp_call *call, struct lk_str model, struct lk_str project)
{
    (void)call;
    fake_n_told++;
    snprintf(fake_told, sizeof(fake_told), "%.*s %.*s", LK_STR_ARG(model), LK_STR_ARG(project));
}
#endif

struct fake_beside {
    void (*fn)(void *arg, struct lk_api *view);
    void *arg;
};

static void fake_run_beside(void *arg)
{
    struct fake_beside *beside = arg;

    beside->fn(beside->arg, NULL);
    lk_loop_stop(fake_loop); /* fake_call waits for the last coroutine */
}

bool lk_api_beside(struct lk_api *view, void (*fn)(void *arg, struct lk_api *view), void *arg,
                   struct lk_co **ret_co, struct lk_error *err)
{
    struct fake_beside *beside = lk_arena_new_object(fake_arena, struct fake_beside);

    (void)view;
    *beside = (struct fake_beside){fn, arg};
    return lk_co_start(fake_loop, fake_run_beside, beside, ret_co, err);
}

/* As it was last called. */
static struct lk_api *fake_guarded;
static struct lk_lease *fake_lease;

void lk_api_guard(struct lk_api *view, struct lk_lease *lease)
{
    fake_guarded = view;
    fake_lease = lease;
}

/* ---- mcp/tool.h ---- */

uint64_t mcp_call_left_ms(const struct mcp_call *call)
{
    (void)call;
    return fake_context.call_timeout_ms > 0 ? fake_context.call_timeout_ms : UINT64_MAX;
}

const struct mcp_tool *mcp_call_tool(const struct mcp_call *call)
{
    return call->tool;
}

struct lk_arena *mcp_call_arena(struct mcp_call *call)
{
    return call->arena;
}

struct lk_buf *mcp_call_answer(struct mcp_call *call)
{
    return &call->answer;
}

const void *mcp_call_args(const struct mcp_call *call)
{
    return call->args;
}

void *mcp_call_own_args(struct mcp_call *call)
{
    return call->args;
}

void mcp_call_set_failed(struct mcp_call *call)
{
    call->failed = true;
}

void mcp_call_explain_cancel(const struct mcp_call *call, struct lk_error *err)
{
    (void)call;
    (void)err;
}

const struct mcp_caller *mcp_call_caller(const struct mcp_call *call)
{
    (void)call;
    return fake_caller_is;
}

struct lk_str mcp_call_origin(const struct mcp_call *call)
{
    (void)call;
    return fake_origin;
}

bool mcp_call_send_head(struct mcp_call *call, struct lk_str content_type, struct lk_str name,
                        struct lk_error *err)
{
    (void)call;
    (void)err;
    assert_int_equal(fake_sent.len, 0);
    lk_buf_printf(&fake_sent, "%.*s %.*s\n", LK_STR_ARG(content_type), LK_STR_ARG(name));
    return true;
}

bool mcp_call_send(struct mcp_call *call, struct lk_str bytes, struct lk_error *err)
{
    (void)call;
    if (fake_sent.len > fake_leaves_after)
        return lk_fail(err, LK_ERROR_CANCELLED, "the client is gone");
    return lk_buf_str(&fake_sent, bytes);
}

void *mcp_call_context(struct mcp_call *call)
{
    return call->context;
}

void mcp_call_progress(struct mcp_call *call, double progress, double total, struct lk_str message)
{
    (void)call;
    (void)total;
    (void)message;
    assert_true(progress > fake_progress);
    fake_progress = progress;
    fake_n_progress++;
}

void mcp_call_log(struct mcp_call *call, enum mcp_log_level level, const char *logger,
                  struct lk_str text)
{
    (void)call;
    assert_true(level < MCP_LOG_NOTHING && text.len > 0);
    assert_string_equal(logger, call->tool->name);
    fake_n_logged++;
}

void mcp_call_add_content(struct mcp_call *call, const struct mcp_content *content)
{
    (void)call;
    assert_true(fake_n_contents < FAKE_MAX);
    fake_contents[fake_n_contents++] = *content;
}

/* ---- running ---- */

static int fake_set_up(void **state)
{
    struct lk_error err = {0};

    (void)state;
    fake_arena = lk_arena_new();
    fake_n_scripts = fake_n_requests = 0;
    fake_n_stays = 0;
    fake_in_flight = fake_most_in_flight = fake_delay_ms = 0;
    fake_cancel_at = NULL;
    fake_piece_bytes = 7;
    fake_caller_is = NULL;
    fake_origin = (struct lk_str){0};
    fake_leaves_after = SIZE_MAX;
    lk_buf_init(&fake_sent, (size_t)1024 * 1024);
    fake_n_poured = 0;
    fake_progress = 0;
    fake_error = (struct lk_error){0};
    if (!lk_loop_new(&fake_loop, &err))
        return -1;
    fake_context = (struct lk_tool_context){.loop = fake_loop};
    return 0;
}

static int fake_tear_down(void **state)
{
    (void)state;
    lk_loop_free(fake_loop);
    lk_buf_free(&fake_sent);
    lk_arena_free(fake_arena);
    return 0;
}

struct fake_run {
    struct mcp_call *call;
    const void *args;
    bool ok;
};

static void fake_run(void *arg)
{
    struct fake_run *run = arg;

    fake_caller = lk_co_self(fake_loop);
    run->ok = run->call->tool->run(run->call, run->args, &fake_error);
    lk_loop_stop(fake_loop);
}

static const struct mcp_tool *fake_tool(const char *name)
{
    for (size_t i = 0; i < LOOKER_TOOL_COUNT; i++) {
        if (strcmp(looker_tools[i].name, name) == 0)
            return &looker_tools[i];
    }
    fail_msg("no tool %s", name);
    return NULL;
}

/* cancel_after_ms: 0: never. */
static bool fake_call(const struct mcp_tool *tool, const char *arguments, uint64_t cancel_after_ms,
                      struct lk_str *ret_answer)
{
    struct mcp_call *call = lk_arena_new_object(fake_arena, struct mcp_call);
    struct fake_run run = {.call = call};
    struct lk_co *co = NULL;
    cJSON *tree = NULL;
    void *args = NULL;

    fake_progress = 0;
    fake_n_progress = 0;
    fake_n_contents = 0;
    *call = (struct mcp_call){.tool = tool, .arena = fake_arena, .context = &fake_context};
    lk_buf_init(&call->answer, (size_t)8 * 1024 * 1024);
    lk_arena_defer(fake_arena, lk_buf_free_deferred, &call->answer);
    if (tool->args != NULL) {
        args = lk_arena_alloc(fake_arena, tool->args->size);
        assert_true(lk_tree_parse(fake_arena, lk_str(arguments), &tree, NULL));
        if (!lk_decode_arguments(fake_arena, tool->args, tree, args, &fake_error))
            return false;
    }
    run.args = call->args = args;
    assert_true(lk_co_start(fake_loop, fake_run, &run, &co, NULL));
    if (co != NULL) {
        struct lk_timer timer = lk_timer((void (*)(void *))(uintptr_t)lk_co_cancel, co);
        if (cancel_after_ms > 0)
            lk_timer_start(fake_loop, &timer, cancel_after_ms);
        while (lk_co_count(fake_loop) >
               0) /* a call before may have stopped the loop for this one */
            lk_loop_run(fake_loop);
        lk_timer_stop(fake_loop, &timer);
    }
    assert_int_equal(lk_co_count(fake_loop), 0);
    fake_failed = call->failed;
    if (run.ok) {
        struct lk_str answer = lk_buf_view(&call->answer);
        assert_false(call->answer.overflow);
        assert_true(lk_json_check(answer, LK_JSON_MAX_DEPTH, 0, NULL));
        assert_int_equal(lk_json_type(answer), LK_JSON_OBJECT);
        *ret_answer = answer;
    }
    return run.ok;
}

__attribute__((unused)) static struct lk_str run_tool(const char *name, const char *arguments)
{
    struct lk_str answer = {0};

    if (!fake_call(fake_tool(name), arguments, 0, &answer))
        fail_msg("%s: %s (%s)", name, fake_error.message, fake_error.detail);
    return answer;
}

/* Runs a tool that must fail, and says how. */
__attribute__((unused)) static const struct lk_error *refuse_tool(const char *name,
                                                                  const char *arguments)
{
    struct lk_str answer = {0};

    fake_error = (struct lk_error){0};
    if (fake_call(fake_tool(name), arguments, 0, &answer))
        fail_msg("%s succeeded: %.*s", name, LK_STR_ARG(answer));
    assert_int_not_equal(fake_error.kind, LK_ERROR_NONE);
    return &fake_error;
}

/* The value at a path of member names and list indices ("items/0/name"), as JSON text; or
 * "(absent)". */
__attribute__((unused)) static struct lk_str at(struct lk_str json, const char *path)
{
    while (*path != '\0') {
        size_t len = strcspn(path, "/");
        struct lk_str name = lk_str_n(path, len), value = {0};
        bool found = false;
        if (lk_json_type(json) == LK_JSON_ARRAY) {
            struct lk_json_iter it = lk_json_iter(json);
            for (long i = strtol(path, NULL, 10); i >= 0; i--)
                found = lk_json_next(&it, NULL, &value);
        } else {
            found = lk_json_get(json, name, &value);
        }
        if (!found)
            return LK_STR("(absent)");
        json = value;
        path += len + (path[len] == '/');
    }
    return json;
}

__attribute__((unused)) static void assert_contains_(const char *text, const char *part,
                                                     const char *file, int line)
{
    if (strstr(text, part) == NULL)
        print_error("\"%s\" does not contain \"%s\"\n", text, part);
    _assert_true(strstr(text, part) != NULL, "text contains", file, line);
}
#define assert_contains(text, part) assert_contains_(text, part, __FILE__, __LINE__)

#endif
