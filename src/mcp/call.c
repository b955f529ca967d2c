/*
 * A call: from a request that a method has understood to a coroutine that runs what is asked for,
 * and back to a reply; cancelling, the time limit, progress. What it is a call of is its target;
 * does not write results (result.c). Called by the methods, and by tools through mcp/tool.h.
 *
 *     new, launch ──> its turn ──> coroutine: admit, target->run ──> finish: target->reply
 *          └─ an error: at once to finish     ^ cancel: its awaits fail, it unwinds and returns
 */
#include "mcp/internal.h"

#include <stddef.h>

#define MAX_KEY_BYTES ((size_t)64 * 1024)
#define CALL_OF(ticket_)                                                                           \
    ((struct mcp_call *)(void *)((char *)(ticket_)-offsetof(struct mcp_call, ticket)))

const struct mcp_group mcp_protocol_group = {"mcp", "Calls of the protocol itself.", true};

void mcp_call_link(struct mcp_call *call, struct mcp_call **list)
{
    struct mcp_peer *peer = call->inbound.peer;

    call->next = *list;
    call->link = list;
    if (call->next != NULL)
        call->next->link = &call->next;
    *list = call;
    if (peer->http)
        return;
    call->peer_next = peer->calls_;
    call->peer_link = &peer->calls_;
    if (call->peer_next != NULL)
        call->peer_next->peer_link = &call->peer_next;
    peer->calls_ = call;
}

void mcp_call_unlink(struct mcp_call *call)
{
    *call->link = call->next;
    if (call->next != NULL)
        call->next->link = call->link;
    if (call->peer_link == NULL)
        return;
    *call->peer_link = call->peer_next;
    if (call->peer_next != NULL)
        call->peer_next->peer_link = call->peer_link;
}

void mcp_call_explain_cancel(const struct mcp_call *call, struct lk_error *err)
{
    if (err->kind != LK_ERROR_CANCELLED)
        return;
    if (call->cancel == MCP_BY_TIMEOUT) {
        *err = (struct lk_error){0};
        lk_fail(err, LK_ERROR_TIMEOUT,
                "the call took longer than its limit of %llu ms (%s) and was cancelled; ask for "
                "less, or have the limit raised",
                (unsigned long long)call->server->options.call_timeout_ms,
                call->server->options.call_timeout_name);
    } else if (call->cancel == MCP_BY_SHUTDOWN) {
        *err = (struct lk_error){0};
        lk_fail(err, LK_ERROR_CANCELLED, "the server is shutting down; try again in a moment");
    }
}

/* ---- its end ---- */

static enum mcp_outcome outcome_of(const struct mcp_call *call, const struct lk_error *err)
{
    if (call->cancel == MCP_BY_CALLER)
        return MCP_OUTCOME_CANCELLED;
    return err->kind != LK_ERROR_NONE || call->failed ? MCP_OUTCOME_ERROR : MCP_OUTCOME_OK;
}

/* One line a call. */
static void log_end(const struct mcp_call *call, enum mcp_outcome outcome, int64_t ms,
                    struct lk_str caller, const struct lk_error *err)
{
    bool failed = outcome == MCP_OUTCOME_ERROR;
    size_t bytes = call->downloads ? (size_t)call->sent_bytes : call->answer.len;
    struct lk_log_field fields[10];
    size_t n = 0;

    fields[n++] = lk_log_str("request_id", call->request_id);
    fields[n++] = lk_log_text("tool", call->tool->name);
    fields[n++] = lk_log_text("outcome", mcp_outcome_name(outcome));
    fields[n++] = lk_log_int("ms", ms);
    if (!failed && (bytes > 0 || call->downloads)) /* prompts and completion write theirs later */
        fields[n++] = lk_log_int("bytes", (int64_t)bytes);
    if (failed && err->kind != LK_ERROR_NONE) /* else its answer says how */
        fields[n++] = lk_log_text("kind", lk_error_kind_name(err->kind));
    if (failed && err->status != 0) /* there is none when nobody answered */
        fields[n++] = lk_log_int("status", err->status);
    if (caller.len > 0)
        fields[n++] = lk_log_str("caller", caller);
    if (call->trace.id.len > 0)
        fields[n++] = lk_log_str("trace_id", call->trace.id);
    lk_log_write(call->server->options.log, LK_LOG_INFO, failed ? "mcp.call_failed" : "mcp.call",
                 fields, n);
}

static void reply(struct mcp_call *call, struct lk_error *err)
{
    if (call->cancel == MCP_BY_CALLER)
        mcp_reply_nothing(&call->inbound);
    else
        call->target->reply(call, err);
}

static void finish(struct mcp_call *call, struct lk_error *err)
{
    struct mcp_server *server = call->server;
    const struct mcp_caller *caller = call->inbound.caller;
    /* What the transport has lent is gone after the reply. */
    struct lk_str who =
        caller != NULL ? lk_arena_str(call->arena, caller->subject) : (struct lk_str){0};
    int64_t ms = (int64_t)(lk_loop_now_ms(server->options.loop) - call->started_ms);

    lk_timer_stop(server->options.loop, &call->timeout);
    if (call->link != NULL) {
        mcp_call_unlink(call);
        server->n_calls--;
    }
    if (call->download_lane != NULL)
        mcp_gate_end_download(server->options.gate, call->download_lane);
    mcp_call_explain_cancel(call, err);
    if (call->admitted && server->options.ended != NULL)
        server->options.ended(call, err);
    reply(call, err);
    mcp_stats_note(server, call->tool, outcome_of(call, err), (uint64_t)ms);
    log_end(call, outcome_of(call, err), ms, who, err);
    if (call->ended != NULL)
        *call->ended = true;
    mcp_gate_leave(&call->ticket);
    lk_buf_free(&call->answer);
    lk_buf_free(&call->asks);
    lk_arena_free(call->arena);
}

static void run(void *arg)
{
    struct mcp_call *call = arg;
    struct lk_error err = {0};

    call->co = lk_co_self(call->server->options.loop);
    call->admitted = true;
    if ((call->server->options.admit != NULL && !call->server->options.admit(call, &err)) ||
        !call->target->run(call, &err))
        lk_fail(&err, LK_ERROR_INTERNAL, "the tool failed without saying why");
    else
        err = (struct lk_error){0};
    if (call->server->options.leave != NULL)
        call->server->options.leave(call, &err);
    finish(call, &err);
}

static void on_timeout(void *arg)
{
    struct mcp_call *call = arg;

    if (call->cancel == MCP_NOT_CANCELLED)
        mcp_call_cancel_by(call, MCP_BY_TIMEOUT);
}

static struct lk_str progress_token(struct lk_arena *arena, struct lk_str meta)
{
    struct lk_str token;

    if (!lk_json_get(meta, LK_STR("progressToken"), &token) || !mcp_is_id(token))
        return (struct lk_str){0};
    return lk_arena_str(arena, token);
}

struct mcp_call *mcp_call_new(struct mcp_request *request, const struct mcp_target *target)
{
    struct mcp_server *server = request->server;
    struct lk_arena *arena = request->arena;
    struct mcp_call *call = lk_arena_new_object(arena, struct mcp_call);

    *call = (struct mcp_call){
        .server = server,
        .arena = arena,
        .target = target,
        .tool = target->row,
        .context = server->options.tool_context,
        .inbound = *request->inbound,
        .id = lk_arena_str(arena, request->message.id),
        .progress_token = progress_token(arena, request->message.meta),
        .revision = request->revision,
        .log_level = mcp_log_level_of(request),
        .round = request->round,
        .timeout = lk_timer(on_timeout, call),
        .started_ms = lk_loop_now_ms(server->options.loop),
    };
    mcp_trace_begin(call, request->message.meta);
    call->inbound.body = (struct lk_str){0};
    lk_buf_init(&call->answer, server->options.max_answer_bytes);
    lk_buf_init(&call->asks, server->options.max_answer_bytes);
    request->arena = NULL;
    return call;
}

/* ---- its turn ---- */

static void begin(struct mcp_call *call)
{
    struct lk_error err = {0};

    if (!lk_co_start(call->server->options.loop, run, call, NULL, &err))
        finish(call, &err);
}

void mcp_call_granted(struct mcp_ticket *ticket)
{
    struct mcp_call *call = CALL_OF(ticket);

    call->queued = false;
    begin(call);
}

void mcp_call_dropped(struct mcp_ticket *ticket)
{
    struct mcp_call *call = CALL_OF(ticket);
    const struct mcp_server_options *options = &call->server->options;
    struct lk_error err = {0};

    call->queued = false;
    lk_fail(&err, LK_ERROR_LIMIT,
            "%u calls wait for their turn, the limit (%s), most of them from this caller, so this "
            "one made room for another caller's; send fewer at once, or try again in a moment",
            mcp_gate_max_waiting(options->gate), options->max_queue_name);
    finish(call, &err);
}

static void end_queued(void *arg)
{
    struct mcp_call *call = arg;
    struct lk_error err = {0};

    lk_fail(&err, LK_ERROR_CANCELLED, "cancelled before its turn came");
    finish(call, &err);
}

static void refuse(struct mcp_call *call)
{
    const struct mcp_server_options *options = &call->server->options;
    struct lk_error err = {0};

    lk_fail(&err, LK_ERROR_LIMIT,
            "the server is busy: %u calls run, the limit (%s), and as many wait as may (%u, %s); "
            "try again in a moment",
            mcp_gate_max_running(options->gate), options->max_in_flight_name,
            mcp_gate_max_waiting(options->gate), options->max_queue_name);
    finish(call, &err);
}

void mcp_call_write_key(struct mcp_call *call, struct lk_buf *key)
{
    const struct mcp_server_options *options = &call->server->options;
    const struct mcp_inbound *inbound = &call->inbound;

    lk_buf_init(key, MAX_KEY_BYTES);
    if (inbound->caller != NULL)
        lk_buf_str(key, inbound->caller->subject);
    if (options->caller_key != NULL)
        options->caller_key(call, key);
    if (key->len == 0 && inbound->from != NULL)
        lk_buf_str(key, inbound->from(inbound->arg));
}

static enum mcp_ticket_state enter(struct mcp_call *call)
{
    enum mcp_ticket_state state;
    struct lk_buf key;

    mcp_call_write_key(call, &key);
    state = mcp_gate_enter(call->server->door, &call->ticket, lk_buf_view(&key));
    lk_buf_free(&key);
    return state;
}

static void start(struct mcp_request *request, struct mcp_call *call)
{
    struct mcp_server *server = call->server;
    bool ended = false;

    call->ended = &ended;
    mcp_call_link(call, &server->calls);
    server->n_calls++;
    if (server->options.call_timeout_ms != 0 && !call->downloads)
        lk_timer_start(server->options.loop, &call->timeout, server->options.call_timeout_ms);
    switch (enter(call)) {
    case MCP_TICKET_RUNNING:
        begin(call);
        break;
    case MCP_TICKET_OUT:
        refuse(call);
        break;
    default:
        call->queued = true;
        break;
    }
    if (ended)
        return;
    call->ended = NULL;
    request->started = call;
}

void mcp_call_launch(struct mcp_request *request, struct mcp_call *call, struct lk_error *err)
{
    if (err->kind != LK_ERROR_NONE)
        finish(call, err);
    else
        start(request, call);
}

/* ---- mcp/server.h and mcp/tool.h ---- */

void mcp_call_cancel_by(struct mcp_call *call, enum mcp_cancel why)
{
    if (call->cancel == MCP_NOT_CANCELLED)
        call->cancel = why;
    if (call->queued) {
        call->queued = false;
        mcp_gate_leave(&call->ticket);
        lk_timer_stop(call->server->options.loop, &call->timeout);
        lk_loop_defer(call->server->options.loop, end_queued, call);
    } else if (call->co != NULL) {
        lk_co_cancel(call->co);
    }
}

void mcp_call_cancel(struct mcp_call *call)
{
    if (mcp_call_is_listening(call))
        mcp_listen_end(call, false);
    else
        mcp_call_cancel_by(call, MCP_BY_CALLER);
}

uint64_t mcp_call_left_ms(const struct mcp_call *call)
{
    const struct mcp_server_options *options = &call->server->options;
    uint64_t now_ms = lk_loop_now_ms(options->loop);

    if (options->call_timeout_ms == 0 || call->downloads)
        return UINT64_MAX;
    return lk_timer_is_running(&call->timeout) && call->timeout.at_ms > now_ms
               ? call->timeout.at_ms - now_ms
               : 0;
}

bool mcp_call_ends_with_client(const struct mcp_call *call)
{
    return mcp_is_modern(call->revision);
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

void mcp_call_add_content(struct mcp_call *call, const struct mcp_content *content)
{
    mcp_call_add_message(call, false, content);
}

void mcp_call_add_message(struct mcp_call *call, bool from_assistant,
                          const struct mcp_content *content)
{
    struct mcp_block *block = lk_arena_new_object(call->arena, struct mcp_block);

    block->content = *content;
    block->from_assistant = from_assistant;
    if (call->blocks_end == NULL)
        call->blocks_end = &call->blocks;
    *call->blocks_end = block;
    call->blocks_end = &block->next;
}

void mcp_call_set_failed(struct mcp_call *call)
{
    call->failed = true;
}

void mcp_call_fail_answer(struct mcp_call *call, const struct lk_error *err)
{
    if (call->failed)
        return;
    call->failed = true;
    call->failure = lk_arena_new_object(call->arena, struct lk_error);
    *call->failure = *err;
}

void mcp_call_add_member(struct mcp_call *call, const char *name, struct lk_str json)
{
    struct mcp_member *member = lk_arena_new_object(call->arena, struct mcp_member);

    *member = (struct mcp_member){name, json, call->members};
    call->members = member;
}

bool mcp_call_is_awaited(const struct mcp_call *call)
{
    return call->cancel == MCP_NOT_CANCELLED || call->cancel == MCP_BY_TIMEOUT;
}

void *mcp_call_context(struct mcp_call *call)
{
    return call->context;
}

void mcp_call_set_context(struct mcp_call *call, void *context)
{
    call->context = context;
}

const struct mcp_caller *mcp_call_caller(const struct mcp_call *call)
{
    return call->inbound.caller;
}

struct lk_str mcp_call_origin(const struct mcp_call *call)
{
    return call->inbound.origin;
}

void mcp_call_refuse_caller(struct mcp_call *call)
{
    call->refused_caller = true;
}

void mcp_call_demand_scope(struct mcp_call *call, struct lk_str scope)
{
    call->demanded_scope = scope;
}

const void *mcp_call_args(const struct mcp_call *call)
{
    return call->args;
}

void *mcp_call_own_args(struct mcp_call *call)
{
    return call->args;
}

struct lk_str mcp_call_arguments(const struct mcp_call *call)
{
    return call->arguments;
}

struct lk_str mcp_call_header(const struct mcp_call *call, struct lk_str name)
{
    return mcp_header(&call->inbound, name);
}

void mcp_call_progress(struct mcp_call *call, double progress, double total, struct lk_str message)
{
    struct lk_buf out;
    struct lk_json_writer w;

    if (call->progress_token.len == 0 || call->inbound.notify == NULL ||
        call->cancel != MCP_NOT_CANCELLED || (call->has_progress && !(progress > call->progress)))
        return;
    call->has_progress = true;
    call->progress = progress;
    lk_buf_init(&out, 64 * 1024 + call->progress_token.len);
    w = lk_json_writer(&out);
    lk_buf_lit(&out, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":");
    lk_json_begin_object(&w);
    lk_json_member_raw(&w, "progressToken", call->progress_token);
    lk_json_key(&w, "progress");
    lk_json_put_number(&w, progress);
    if (total > 0) {
        lk_json_key(&w, "total");
        lk_json_put_number(&w, total);
    }
    /* 2024-11-05 has no message. */
    if (message.len != 0 && call->revision >= MCP_2025_03_26)
        lk_json_member_string(&w, "message", message);
    lk_json_end_object(&w);
    lk_buf_char(&out, '}');
    if (!out.overflow)
        call->inbound.notify(call->inbound.arg, lk_buf_view(&out));
    lk_buf_free(&out);
}
