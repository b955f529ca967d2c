/*
 * The MCP core: a message comes in, an answer goes out. Knows JSON-RPC, both protocol eras and the
 * registries of tools, resources and prompts; knows neither transports nor Looker.
 *
 *     transport ── mcp_server_receive(message, headers, reply) ──> rpc: parse, exact id
 *                        era: modern (_meta) or legacy ──> method ──> a call ──> coroutine
 *     transport <── reply(http_status, body) exactly once ────────────────────────────┘
 *
 * Stateless: a request is answered from itself alone (stdio keeps the negotiated revision, in the
 * transport's mcp_peer).
 */
#ifndef MCP_SERVER_H
#define MCP_SERVER_H

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "mcp/gate.h"
#include "mcp/prompt.h"
#include "rt/loop.h"

struct mcp_server;

/* Letters, digits and a few signs, 128 at most: fit for a log and a header. */
bool mcp_is_request_id(struct lk_str text);
/* One that nobody else has. */
struct lk_str mcp_make_request_id(struct lk_arena *arena, struct lk_random *random);

/* Borrowed: must outlive the server. */
struct mcp_server_options {
    struct lk_loop *loop;
    const struct lk_log *log;
    const char *name, *title, *version;  /* serverInfo */
    const char *instructions;            /* under 2,048 characters */
    const struct mcp_tool *const *tools; /* the tools to serve, in the order to list them */
    size_t n_tools;
    const struct mcp_resource *const *resources; /* likewise; the core lists those without variables
                                                    before what list_resources adds */
    size_t n_resources;
    /* Adds one page of further resources (mcp_call_add_resource); the cursor is one that it has
     * given out, or anything else that a client made up (an LK_ERROR_ARGUMENT), ptr NULL for the
     * first page. On a coroutine, admitted, may await. NULL: there are no others. */
    bool (*list_resources)(struct mcp_call *call, struct lk_str cursor, struct lk_error *err);
    const struct mcp_prompt *const *prompts;
    size_t n_prompts;
    bool logs; /* its calls may send log messages (mcp_call_log) */
    /* Seals what a call keeps for its next round (mcp_call_keep_state): writes the 32 bytes of a
     * MAC, of a key that all replicas share and nobody else. NULL: calls keep nothing. */
    void (*seal)(void *arg, struct lk_str text, unsigned char *ret_mac);
    void *seal_arg;
    /* What mcp_server_download runs: its arguments are what that is given, and instead of an answer
     * it has mcp_call_send. Never listed, nor called in another way. NULL: there are no downloads.
     */
    const struct mcp_tool *download;
    const char *max_downloads_name; /* what users call the limit of the gate on them; NULL:
                                       "max_downloads" */
    void *tool_context;             /* what mcp_call_context answers */
    /* Asked before each call runs, on its coroutine; false makes the error the call's answer. Calls
     * are those of tools and prompts, reading and listing resources, and completion. NULL: every
     * call may run. */
    bool (*admit)(struct mcp_call *call, struct lk_error *err);
    /* Called on the coroutine of each call that was asked about, after it was refused or its tool
     * has run: err->kind is LK_ERROR_NONE for a success, and what it sets there instead is the
     * answer. It may await, though the call may be cancelled. NULL: there is nothing to do. */
    void (*leave)(struct mcp_call *call, struct lk_error *err);
    /* Told of each call that was asked about, when it has ended, how: err->kind is LK_ERROR_NONE
     * for a success. It does not await. NULL: nobody wants to know. */
    void (*ended)(struct mcp_call *call, const struct lk_error *err);
    /* Appends to the error for a tool that is not served why it is not, such as "; it is …": for
     * tools that are there and were not chosen. NULL, or when it appends nothing: it is unknown. */
    void (*explain_unserved)(struct lk_str tool, struct lk_buf *out);
    bool keep_arguments;     /* for mcp_call_arguments */
    size_t max_answer_bytes; /* of one tool's answer object; 0: 8 MiB */
    /* Says which calls may run; the others wait, or are refused with an isError. NULL: a gate of
     * its own, for which the next three are. */
    struct mcp_gate *gate;
    uint32_t max_in_flight; /* 0: 1,024 */
    uint32_t max_queue;
    uint32_t max_downloads; /* 0: 16 */
    /* What users call the two limits, for the error that says that they were met; NULL:
     * "max_in_flight", "max_queue". */
    const char *max_in_flight_name, *max_queue_name;
    /* Appends who the call is from, beside whom the transport has verified: what callers are told
     * apart by when they share the places. NULL, or when neither says anything: where the message
     * came from (mcp_inbound.from). */
    void (*caller_key)(const struct mcp_call *call, struct lk_buf *out);
    const char *call_timeout_name; /* as max_in_flight_name; NULL: "call_timeout_ms" */
    uint64_t call_timeout_ms;      /* a tool call is cancelled after it and answers so; 0: none */
    /* Serve a modern request although its MCP-Protocol-Version header differs from its _meta: a
     * hosted client is known to send 2025-11-25 in the one and 2026-07-28 in the other. */
    bool lenient_version_header;
};

/* Each revision's tools/list answer is written once, when it is first asked for. NULL on duplicate
 * names (programmer mistake). */
struct mcp_server *mcp_server_new(const struct mcp_server_options *options);
/* All calls must have ended (mcp_server_in_flight() == 0). NULL is legal. */
void mcp_server_free(struct mcp_server *server);

size_t mcp_server_in_flight(const struct mcp_server *server);
/* Cancels all calls in flight; they answer as they unwind. */
void mcp_server_cancel_all(struct mcp_server *server);
/* Answers those who only wait for notifications (subscriptions/listen), so that nobody has to wait
 * for them: for a transport that is about to stop. mcp_server_cancel_all does it too. */
void mcp_server_end_listening(struct mcp_server *server);

/* One connection's worth of legacy state. HTTP has a zeroed one a request. */
struct mcp_peer {
    bool http;                /* false: stdio */
    uint8_t legacy_revision_; /* what initialize settled on; stdio only */
    uint8_t log_level_;       /* what logging/setLevel asked for, plus 1; 0: nothing; stdio only */
    uint8_t n_listening_;     /* subscriptions/listen */
    struct mcp_call *calls_;  /* in flight, for notifications/cancelled; stdio only */
};

/* One message as a transport hands it over. The struct is copied; what it points to must live until
 * `reply` was called, except `body`, which may go when mcp_server_receive returns. */
struct mcp_inbound {
    struct mcp_peer *peer;
    struct lk_str body; /* the message, or the batch */
    /* The value of an HTTP request header: len 0 when it is there but empty, ptr NULL as well when
     * it is not; NULL function: there are none. */
    struct lk_str (*header)(void *arg, struct lk_str name);
    /* By which its sender or the transport will look for it in the log (mcp_is_request_id); empty:
     * one is made. */
    struct lk_str request_id;
    /* Where it comes from, such as a network address: bytes that are the same for the same place.
     * NULL: not known. */
    struct lk_str (*from)(void *arg);
    /* Who was verified to send it, until `reply` was called; NULL: nobody was verified. */
    const struct mcp_caller *caller;
    /* Under which address the client reached this server: "https://host:port". Empty: under none.
     */
    struct lk_str origin;
    /*
     * Called exactly once, possibly before mcp_server_receive returns. http_status: 200 with a
     * JSON body, 202 and an empty body for accepted notifications, 400/404 with a JSON-RPC error.
     * 403: the answer asks for a scope, which demand_scope was called with before. 401:
     * refuse_caller was called before. On stdio an empty body means: write nothing. *body may be
     * taken over by copying the struct and zeroing the original; otherwise it is freed afterwards.
     */
    void (*reply)(void *arg, int http_status, struct lk_buf *body);
    /* Sends a notification that belongs to this request before its reply; NULL: cannot. */
    void (*notify)(void *arg, struct lk_str message);
    /*
     * Of a download: sends the header, with a media type and a name for the file, and then what is
     * in it; both fail when the client is gone. `send` awaits that the client has taken the bytes,
     * which is what holds a call back that is faster than its client.
     */
    bool (*send_head)(void *arg, struct lk_str content_type, struct lk_str name,
                      struct lk_error *err);
    bool (*send)(void *arg, struct lk_str bytes, struct lk_error *err);
    /* Called before a reply with status 403. NULL: the status is 200 then. */
    void (*demand_scope)(void *arg, struct lk_str scope);
    /* Called before a reply with status 401. NULL: the status is 200 then. */
    void (*refuse_caller)(void *arg);
    void *arg;
};

/*
 * Takes one message. *ret_call (may be NULL) is the call that it started, for
 * mcp_call_cancel, valid until `reply` was called; NULL when it was answered at once.
 */
void mcp_server_receive(struct mcp_server *server, const struct mcp_inbound *inbound,
                        struct mcp_call **ret_call);

/*
 * Runs options.download with these arguments (the text of a JSON object). Its call has no time
 * limit, and whoever starts it cancels it when the client goes. `reply` gets status 200 and nothing
 * when all was sent, and otherwise a status that says what went wrong and the error as JSON
 * (nothing when it was cancelled); when that comes after send_head, the file is not whole, and the
 * client has to be told. *ret_call as of mcp_server_receive.
 */
void mcp_server_download(struct mcp_server *server, const struct mcp_inbound *inbound,
                         struct lk_str arguments, struct mcp_call **ret_call);

/* The caller is gone or has cancelled. reply is still called, with an empty body, once the call has
 * unwound. */
void mcp_call_cancel(struct mcp_call *call);

/* Whether it is one that only listens, for as long as it may: nothing is lost when it ends early.
 */
bool mcp_call_is_listening(const struct mcp_call *call);
/* Ends such a call at once, with its result. */
void mcp_call_end_listening(struct mcp_call *call);

/* Whether a client that goes away has cancelled this call: so it is in the modern era, while a
 * legacy call runs on to its end. */
bool mcp_call_ends_with_client(const struct mcp_call *call);

#endif
