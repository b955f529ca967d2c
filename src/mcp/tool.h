/*
 * A tool as the registry knows it: what is listed, how its arguments are checked, what runs it.
 * The rows are generated (generated/looker_tools.c) or, in the conformance fixture, written by
 * hand.
 */
#ifndef MCP_TOOL_H
#define MCP_TOOL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/trace.h"
#include "json/type.h"
#include "json/write.h"

struct mcp_call;
struct mcp_tool;

/*
 * Runs one tool call, on a coroutine; it may await. `args` is the decoded and validated struct that
 * tool->args describes (defaults filled in), or NULL when the tool takes none. On success it has
 * written exactly one JSON object to mcp_call_answer(call) and returns true; on failure it has set
 * *err (the core turns that into an isError result) and returns false.
 */
typedef bool mcp_tool_fn(struct mcp_call *call, const void *args, struct lk_error *err);

/* ToolAnnotations of MCP; all four are always stated. */
enum mcp_tool_hint {
    MCP_READ_ONLY = 1 << 0,
    MCP_DESTRUCTIVE = 1 << 1,
    MCP_IDEMPOTENT = 1 << 2,
    MCP_OPEN_WORLD = 1 << 3,
};

struct mcp_group {
    const char *name;
    const char *description;
    bool on_by_default;
};

struct mcp_tool {
    const char *name;
    const char *title;
    const char *description;
    const struct mcp_group *group;
    const char *input_schema;   /* JSON text */
    const char *output_schema;  /* JSON text, or NULL */
    const struct lk_type *args; /* NULL: no arguments */
    mcp_tool_fn *run;
    const void *binding; /* what `run` needs to know of this row; opaque here */
    uint8_t hints;       /* mcp_tool_hint */
};

/* Who the transport has verified the caller to be. What is not known is empty. */
struct mcp_caller {
    struct lk_str subject; /* `sub`, or the id that the issuer has for the user */
    struct lk_str user;    /* the claim that says which user it is, such as an e-mail address */
    struct lk_str scope;   /* space-separated */
    struct lk_str access_token; /* to be used upstream, where it was issued for that; a secret */
};

/* ---- what a running tool may ask of its call ---- */

/* A call that is of no tool (prompts/get, completion/complete, …) has a row with the name of its
 * method, the group "mcp" and no arguments; reading a resource that a tool answers has the tool's.
 */
const struct mcp_tool *mcp_call_tool(const struct mcp_call *call);

/* Freed when the call has been answered. */
struct lk_arena *mcp_call_arena(struct mcp_call *call);

/* Where the answer object goes. Its maximum is the answer limit of the server. */
struct lk_buf *mcp_call_answer(struct mcp_call *call);

/*
 * What a result may carry beside the answer object: a picture, a sound, a file of any kind, or
 * where to fetch one. Bytes and strings are borrowed and must live as long as
 * mcp_call_arena(call); they become base64 in the response itself. `uri` names an embedded
 * resource, and it need not be fetchable, that of a link must be; a `text` resource and words go
 * out as they are and must be UTF-8. A call that fails sends none of them. A kind that the caller's
 * revision does not know yet becomes a line of text that says what it is.
 */
enum mcp_content_kind {
    MCP_CONTENT_IMAGE,
    MCP_CONTENT_BLOB,  /* a resource of bytes */
    MCP_CONTENT_TEXT,  /* a resource of text */
    MCP_CONTENT_AUDIO, /* since 2025-03-26 */
    MCP_CONTENT_LINK,  /* a resource that is elsewhere; since 2025-06-18 */
    MCP_CONTENT_WORDS, /* text, and no resource */
};
struct mcp_content {
    enum mcp_content_kind kind;
    struct lk_str mime_type;         /* not of words; of a link it may be empty */
    struct lk_str uri;               /* of resources and links */
    struct lk_str bytes;             /* not of a link */
    struct lk_str name, description; /* of a link; the description may be empty */
};
/* Comes after the answer object, in the order of the calls. */
void mcp_call_add_content(struct mcp_call *call, const struct mcp_content *content);

/*
 * For a tool of several steps of which one failed: the object that it writes to mcp_call_answer
 * says so itself, in the member `error`, and beside it what was done and what was not. The result
 * then has isError, though `run` returns true.
 */
void mcp_call_set_failed(struct mcp_call *call);

/* Puts why the call was cancelled, where that was its time limit or the server's end, in the place
 * of a plain LK_ERROR_CANCELLED. For tools that write the error into their own answer; what `run`
 * returns is explained anyway. */
void mcp_call_explain_cancel(const struct mcp_call *call, struct lk_error *err);

/* Writes the members error, kind, status, detail and body of an error, what is empty left out, into
 * an open object: the answer of every tool that failed. */
#define MCP_ERROR_BODY_BYTES_MAX ((size_t)64 * 1024)
void mcp_write_error(struct lk_json_writer *w, const struct lk_error *err);

/* A member beside those that the tool writes, in whatever object the call answers with, an error's
 * too; `json` is borrowed like a content's bytes, and no tool may write a member of that name. */
void mcp_call_add_member(struct mcp_call *call, const char *name, struct lk_str json);

/* For `leave`: what the tool answered is kept, but it is a failure, with the members of the error
 * unless the tool has said so itself (mcp_call_set_failed). */
void mcp_call_fail_answer(struct mcp_call *call, const struct lk_error *err);

/* Whether somebody still waits for the answer: not once the caller has cancelled or has gone, nor
 * when the server ends. A call beyond its time limit is waited for. */
bool mcp_call_is_awaited(const struct mcp_call *call);

/* How long it may still take before it is cancelled for its time limit, which runs since it came
 * in, waits included; UINT64_MAX: it has none. */
uint64_t mcp_call_left_ms(const struct mcp_call *call);

/* What the assembly gave the server for its tools (struct mcp_server_options.tool_context), or what
 * `admit` put in its place for this call. */
void *mcp_call_context(struct mcp_call *call);
void mcp_call_set_context(struct mcp_call *call, void *context);

/* The decoded arguments, as `run` gets them. */
const void *mcp_call_args(const struct mcp_call *call);

/* The same for `admit`, which may change them before the tool sees them. */
void *mcp_call_own_args(struct mcp_call *call);

/* The arguments as the caller sent them: the text of a JSON object, in which no name comes twice;
 * empty when there were none, or when the server does not keep them (keep_arguments). Of a call
 * that is of no tool, what it asks for: {"prompt","arguments"}, {"uri"}, or {"prompt" or
 * "resource","argument","value","context"}. */
struct lk_str mcp_call_arguments(const struct mcp_call *call);

/* What the transport said of the caller: the value of an HTTP request header. One that is there but
 * empty has a ptr and len 0; one that is not has ptr NULL. */
struct lk_str mcp_call_header(const struct mcp_call *call, struct lk_str name);

/* By what the call is found again in logs, and what its caller sent to follow it by. */
struct lk_str mcp_call_request_id(const struct mcp_call *call);
const struct lk_trace *mcp_call_trace(const struct mcp_call *call);

/* Under which address the client reached this server, as "https://host:port"; empty: not over HTTP.
 */
struct lk_str mcp_call_origin(const struct mcp_call *call);

/* Of a download (mcp_server_options.download): the header once, then bytes as often as wanted. The
 * second awaits that the client has taken them. False when it is gone. */
bool mcp_call_send_head(struct mcp_call *call, struct lk_str content_type, struct lk_str name,
                        struct lk_error *err);
bool mcp_call_send(struct mcp_call *call, struct lk_str bytes, struct lk_error *err);

/* The caller as the transport has verified it, or NULL when it verifies none. */
const struct mcp_caller *mcp_call_caller(const struct mcp_call *call);

/* The caller's scope does not cover what it asks for. Over HTTP the answer is then a 403 with the
 * challenge insufficient_scope (RFC 6750 section 3.1) that names `scope`; the tool still sets an
 * error. `scope` must outlive the call. */
void mcp_call_demand_scope(struct mcp_call *call, struct lk_str scope);

/* The access token that the caller came with has turned out to be good no more. Over HTTP the
 * answer is then a 401 with the challenge invalid_token; the tool still sets an error. */
void mcp_call_refuse_caller(struct mcp_call *call);

/* Sends notifications/progress if the caller asked for it (a progressToken) and the transport can;
 * `progress` must grow from call to call; total 0: unknown; message may be empty. */
void mcp_call_progress(struct mcp_call *call, double progress, double total, struct lk_str message);

/* RFC 5424 section 6.2.1, the least severe first. */
enum mcp_log_level {
    MCP_LOG_DEBUG,
    MCP_LOG_INFO,
    MCP_LOG_NOTICE,
    MCP_LOG_WARNING,
    MCP_LOG_ERROR,
    MCP_LOG_CRITICAL,
    MCP_LOG_ALERT,
    MCP_LOG_EMERGENCY,
    MCP_LOG_NOTHING, /* no level: nothing is severe enough */
};
/* Sends notifications/message, if the caller wants to see that level and the transport can; at most
 * MCP_LOG_MESSAGES_MAX of a call. `logger` names the part that speaks. Never a secret. */
#define MCP_LOG_MESSAGES_MAX 100
void mcp_call_log(struct mcp_call *call, enum mcp_log_level level, const char *logger,
                  struct lk_str text);

/* ---- asking the caller's user, in several rounds (2026-07-28: multi round-trip requests) ---- */

/*
 * A call that needs to know more asks for it and returns true: its result is then input_required,
 * whatever else it has written, and the client calls again, with what was answered. Nothing is
 * kept meanwhile but what mcp_call_keep_state wraps up in the result.
 *
 * method: elicitation/create, sampling/createMessage or roots/list; params: a JSON object. False
 * when the caller has not declared that it can do that, and with it an error; the answer is then
 * MissingRequiredClientCapability, or, in a revision before 2026-07-28, that error.
 */
bool mcp_call_ask(struct mcp_call *call, const char *key, const char *method, struct lk_str params,
                  struct lk_error *err);
/* Whether it could. */
bool mcp_call_can_ask(const struct mcp_call *call, const char *method);
/* What was answered under that key, a JSON object; empty: nothing yet. Not verified in any way. */
struct lk_str mcp_call_answered(const struct mcp_call *call, const char *key);
/* Comes back with the next round, in mcp_call_state, if that is the same request of the same caller
 * within ten minutes. UTF-8; the caller can read it, and cannot change it. */
void mcp_call_keep_state(struct mcp_call *call, struct lk_str state);
struct lk_str mcp_call_state(const struct mcp_call *call); /* empty: none */

#endif
