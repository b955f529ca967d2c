/*
 * What the files of src/mcp share: the server, a request on its way through it, a call.
 *
 *     receive.c ──> rpc.c (take apart) ──> era.c (revision, headers) ──> methods.c
 *         └─ batch.c (2025-03-26)                                          ├─ list.c
 *                                                                          └─ a target:
 *     tools.c  resources.c  prompts.c  complete.c    what a call is a call of
 *     download.c                                     one that answers with a file
 *                        └─> call.c                  its turn (gate.c), its coroutine, its end
 *                               └─> result.c         its answer; blocks of it: content.c
 *     listen.c                                       a call that only waits
 *     log.c, ask.c                                   what a running call may do beside answering
 *     trace.c, stats.c                               what is known of a call afterwards
 */
#ifndef MCP_INTERNAL_H
#define MCP_INTERNAL_H

#include "base/random.h"
#include "mcp/era.h"
#include "mcp/gate.h"
#include "mcp/prompt.h"
#include "mcp/stats.h"
#include "rt/co.h"
#include "json/write.h"

/* The tools/list results that differ: by the fields that a revision knows. */
enum mcp_list_family {
    MCP_LIST_2024_11_05,
    MCP_LIST_2025_03_26, /* and annotations */
    MCP_LIST_2025_06_18, /* and title, outputSchema; 2025-11-25 as well */
    MCP_LIST_2026_07_28, /* and resultType, ttlMs, cacheScope, _meta */
    MCP_N_LISTS,
};

/* As struct mcp_call_stats. */
struct mcp_stats_row {
    atomic_uint_least64_t n[MCP_N_OUTCOMES], ms, intervals[MCP_N_BOUNDS + 1];
};

struct mcp_server {
    struct mcp_server_options options; /* defaults filled in */
    struct lk_random random;
    struct mcp_stats_row *stats; /* mcp_stats_count() of them */
    struct lk_arena *arena;
    const struct mcp_tool **by_name; /* sorted */
    struct lk_buf lists[MCP_N_LISTS];
    struct mcp_gate *own_gate; /* when it shares none */
    struct mcp_door *door;
    struct mcp_call *calls; /* in flight or waiting for their turn, newest first */
    size_t n_calls;
    struct mcp_call *listening; /* subscriptions/listen: these only wait */
};

/* What a request of 2026-07-28 brings for asking its caller's user (ask.c). Copied. */
struct mcp_round {
    struct lk_str capabilities; /* of the client, a JSON object */
    struct lk_str answers;      /* inputResponses, a JSON object, or empty */
    struct lk_str state;        /* verified, or empty */
    struct lk_str about;        /* what the state of the next round is bound to */
};

struct mcp_request {
    struct mcp_server *server;
    const struct mcp_inbound *inbound;
    struct lk_arena *arena; /* NULL once a call has taken it over */
    struct mcp_message message;
    enum mcp_revision revision;
    bool batched;
    struct mcp_round round;
    struct mcp_call *started; /* the call that is under way, or NULL */
};

enum mcp_cancel { MCP_NOT_CANCELLED = 0, MCP_BY_CALLER, MCP_BY_TIMEOUT, MCP_BY_SHUTDOWN };

/* A block of the result beside its text (mcp/tool.h), or a message of a prompt. */
struct mcp_block {
    struct mcp_content content;
    bool from_assistant;
    struct mcp_block *next;
};

/* What a call is a call of. */
struct mcp_target {
    const struct mcp_tool *row; /* for mcp_call_tool, unless the call has its own */
    /* On the call's coroutine. */
    bool (*run)(struct mcp_call *call, struct lk_error *err);
    /* Calls call->inbound.reply once: with the result, or with the error when there is one (kind
     * set; for what is wrong with the result, it may set one itself). */
    void (*reply)(struct mcp_call *call, struct lk_error *err);
};

/* Of the rows of targets. */
extern const struct mcp_group mcp_protocol_group;

/* Suggestions, the best ones. */
struct mcp_suggestions {
    struct lk_str starts[MCP_MAX_COMPLETIONS], contains[MCP_MAX_COMPLETIONS];
    size_t n_starts, n_contains; /* found; the first MCP_MAX_COMPLETIONS are kept */
};

/* A member of the answer beside the tool's own (mcp/tool.h). */
struct mcp_member {
    const char *name;
    struct lk_str json;
    struct mcp_member *next;
};

struct mcp_call {
    struct mcp_server *server;
    struct lk_arena *arena; /* this struct lives in it as well */
    const struct mcp_target *target;
    const struct mcp_tool *tool;
    void *args;
    struct lk_str arguments; /* as they came, when they are kept */
    struct mcp_inbound inbound;
    struct lk_str id, progress_token; /* raw JSON text */
    enum mcp_revision revision;
    enum mcp_cancel cancel;
    void *context; /* for the tool */
    bool refused_caller;
    struct lk_str demanded_scope; /* empty: none is */
    bool admitted;                /* `admit` was asked */
    bool downloads;               /* has no time limit, and sends bytes: */
    uint64_t sent_bytes;
    struct mcp_lane *download_lane; /* where it counts as one; or NULL */
    bool failed;                    /* says the tool of its own answer */
    bool has_progress;
    double progress;              /* the last one sent */
    enum mcp_log_level log_level; /* the least severe that is sent */
    unsigned n_logged;
    struct lk_buf answer;
    struct mcp_block *blocks, **blocks_end; /* in order; the end is NULL while there are none */
    struct mcp_member *members;             /* the last one first */
    struct lk_error *failure;               /* of an answer that is kept all the same; NULL: none */

    /* What is read, got or completed, with the values that came for its arguments. */
    const struct mcp_resource *resource;
    const struct mcp_prompt *prompt;
    const struct mcp_argument *argument; /* that is completed */
    const struct mcp_argument *known;    /* those that the values are of */
    struct lk_str *values;               /* one each; ptr NULL: not given */
    size_t n_values;
    struct lk_str uri, cursor, typed; /* cursor: ptr NULL when there is none */
    struct lk_str next_cursor;        /* likewise */
    struct mcp_suggestions *suggestions;

    struct mcp_round round;         /* what came of the one before */
    struct lk_buf asks;             /* the members of inputRequests */
    struct lk_str kept;             /* state for the next round */
    const char *missing_capability; /* NULL: none is */

    struct mcp_ticket ticket;
    bool queued;      /* waits for its turn */
    struct lk_co *co; /* NULL: queued, or one of ->listening */
    struct lk_timer timeout;
    uint64_t started_ms;
    struct lk_str request_id;
    struct lk_trace trace;                   /* in the arena */
    bool *ended;                             /* the starter's, while it is still on the stack */
    struct mcp_call *next, **link;           /* of server->calls, or ->listening */
    struct mcp_call *peer_next, **peer_link; /* of the stdio peer's calls */
};

/* receive.c: one message (not a batch); takes the arena. Answers through inbound->reply. */
struct mcp_call *mcp_receive_one(struct mcp_server *server, struct lk_arena *arena,
                                 const struct mcp_inbound *inbound, struct lk_str text,
                                 bool batched);
/* batch.c: `text` is a checked JSON array; takes the arena. */
void mcp_receive_batch(struct mcp_server *server, struct lk_arena *arena,
                       const struct mcp_inbound *inbound, struct lk_str text);

/* methods.c */
void mcp_method_run(struct mcp_request *request);
void mcp_notification_take(struct mcp_request *request);

/* tools.c, resources.c, prompts.c, complete.c, listen.c: the methods */
void mcp_tools_call(struct mcp_request *request);
void mcp_resources_list(struct mcp_request *request);
void mcp_resources_templates_list(struct mcp_request *request);
void mcp_resources_read(struct mcp_request *request);
void mcp_prompts_list(struct mcp_request *request);
void mcp_prompts_get(struct mcp_request *request);
void mcp_complete(struct mcp_request *request);
void mcp_listen(struct mcp_request *request);

/* tools.c: what tools/call and resources that a tool reads have in common. Decodes the arguments
 * (JSON text, or empty) into call->args. */
bool mcp_tool_decode(struct mcp_call *call, struct lk_str arguments, struct lk_error *err);
bool mcp_tool_run(struct mcp_call *call, struct lk_error *err);

/* resources.c: whether the address is one of this row; if so, its values, decoded, in the order of
 * the row's variables, in `ret_values`, an array of that many. */
bool mcp_uri_match(struct lk_arena *arena, const struct mcp_resource *resource, struct lk_str uri,
                   struct lk_str *ret_values);
bool mcp_resource_is_template(const struct mcp_resource *resource);
const struct mcp_prompt *mcp_prompt_find(const struct mcp_server *server, struct lk_str name);

/* trace.c: fills request_id and trace; `meta` is params._meta. */
void mcp_trace_begin(struct mcp_call *call, struct lk_str meta);
/* stats.c */
void mcp_stats_note(struct mcp_server *server, const struct mcp_tool *tool,
                    enum mcp_outcome outcome, uint64_t ms);

/* call.c: a call under way. The request's arena becomes the call's. */
struct mcp_call *mcp_call_new(struct mcp_request *request, const struct mcp_target *target);
/* With an error (kind set) it ends at once; otherwise it runs, now or when it is its turn, if there
 * is room for it. */
void mcp_call_launch(struct mcp_request *request, struct mcp_call *call, struct lk_error *err);
/* By what the gate tells its caller from others; to be freed. */
void mcp_call_write_key(struct mcp_call *call, struct lk_buf *key);
/* Whoever cancels first has the reason; the call ends later, never within this function. */
void mcp_call_cancel_by(struct mcp_call *call, enum mcp_cancel why);
/* What the gate tells. */
void mcp_call_granted(struct mcp_ticket *ticket);
void mcp_call_dropped(struct mcp_ticket *ticket);
void mcp_call_link(struct mcp_call *call, struct mcp_call **list);
void mcp_call_unlink(struct mcp_call *call);

/* listen.c: ends it, with a result (graceful) or without a word. */
void mcp_listen_end(struct mcp_call *call, bool graceful);

/* log.c: logging/setLevel; the level of that name (false: there is none; ret_level may be NULL);
 * the least severe level that a call may send. */
#define MCP_LOG_LEVELS "debug, info, notice, warning, error, critical, alert, emergency"
void mcp_logging_set_level(struct mcp_request *request);
bool mcp_log_level_named(struct lk_str name, enum mcp_log_level *ret_level);
enum mcp_log_level mcp_log_level_of(const struct mcp_request *request);

/* ask.c: fills request->round; `name` and `arguments` (as they came) are what the request is about.
 */
bool mcp_ask_read(struct mcp_request *request, struct lk_str name, struct lk_str arguments,
                  struct mcp_rpc_error *err);
/* Whether the call has asked for something; then its result is this, without the last brace. */
bool mcp_ask_pending(const struct mcp_call *call);
void mcp_ask_write(struct mcp_call *call, struct lk_buf *out);
/* Replies, if the call needed what its client cannot do. */
bool mcp_ask_refuse(struct mcp_call *call);

/* content.c: as the revision knows it; at most so many bytes. */
void mcp_content_write(struct lk_buf *out, const struct mcp_content *content,
                       enum mcp_revision revision);
size_t mcp_content_room(const struct mcp_content *content);
/* The object that resources/read has in `contents`. */
void mcp_content_write_resource(struct lk_buf *out, const struct mcp_content *content);

/* A string member of params, copied into the request's arena; false when it is not there or is no
 * string. */
bool mcp_param_string(struct mcp_request *request, struct lk_str object, const char *key,
                      struct lk_str *ret_value);
void mcp_refuse_params(const struct mcp_request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The result object is written by the caller, from its first brace on, without the last one. */
struct lk_buf mcp_result_begin(const struct mcp_request *request);
void mcp_result_end(const struct mcp_request *request, struct lk_buf *out);

/* list.c: the result object of tools/list, without its last brace. */
struct lk_str mcp_list_result(struct mcp_server *server, enum mcp_revision revision);
/* The Implementation object of this server as the revision knows it. */
void mcp_write_server_info(struct lk_buf *out, const struct mcp_server *server,
                           enum mcp_revision revision);
/* The members that every modern result has, and the ones that a cacheable one has as well; each
 * begins with a comma. */
void mcp_write_complete(struct lk_buf *out, const struct mcp_server *server);
void mcp_write_cacheable(struct lk_buf *out, const struct mcp_server *server);
/* Of what is the caller's own. */
void mcp_write_private(struct lk_buf *out, const struct mcp_server *server, uint32_t ttl_ms);
/* What a server has, and says so; tools it always has. */
enum mcp_offer {
    MCP_OFFER_TOOLS,
    MCP_OFFER_RESOURCES,
    MCP_OFFER_PROMPTS,
    MCP_OFFER_COMPLETIONS,
    MCP_OFFER_LOGGING,
};
bool mcp_offers(const struct mcp_server *server, enum mcp_offer offer);
/* The ServerCapabilities object. */
void mcp_write_capabilities(struct lk_buf *out, const struct mcp_server *server,
                            enum mcp_revision revision);
const struct mcp_tool *mcp_tool_find(const struct mcp_server *server, struct lk_str name);
/* Its place in by_name; n_tools when there is none of that name. */
size_t mcp_tool_index(const struct mcp_server *server, struct lk_str name);
/* The name of a tool that is nearest to this one, or NULL when none is near. */
const char *mcp_tool_nearest(const struct mcp_server *server, struct lk_str name);

/* result.c */
void mcp_result_reply(struct mcp_call *call, struct lk_error *err); /* of a tool */
/* When the call needs something of its client first: replies with that, or that it cannot have it.
 */
bool mcp_result_reply_early(struct mcp_call *call, const struct lk_error *err);
/* A JSON-RPC error; `not_found`: what was asked for is not there. */
void mcp_result_reply_error(struct mcp_call *call, const struct lk_error *err, bool not_found);
/* The response of a call: with room for the id and `room` bytes of result, which the caller writes,
 * from its first brace on, without the last one. */
struct lk_buf mcp_response_begin(struct mcp_call *call, size_t room);
void mcp_response_end(struct mcp_call *call, struct lk_buf *out);

#endif
