/*
 * What the files of src/mcp share: the server, a request on its way through it, a tool call.
 *
 *     receive.c ──> rpc.c (take apart) ──> era.c (revision, headers) ──> methods.c
 *         └─ batch.c (2025-03-26)                                          ├─ list.c
 *                                                                          └─ call.c ──> result.c
 */
#ifndef MCP_INTERNAL_H
#define MCP_INTERNAL_H

#include "mcp/era.h"
#include "rt/co.h"

/* The tools/list results that differ: by the fields that a revision knows. */
enum mcp_list_family {
    MCP_LIST_2024_11_05,
    MCP_LIST_2025_03_26, /* and annotations */
    MCP_LIST_2025_06_18, /* and title, outputSchema; 2025-11-25 as well */
    MCP_LIST_2026_07_28, /* and resultType, ttlMs, cacheScope, _meta */
    MCP_N_LISTS,
};

struct mcp_server {
    struct mcp_server_options options; /* defaults filled in */
    struct lk_arena *arena;
    const struct mcp_tool **by_name; /* sorted */
    struct lk_buf lists[MCP_N_LISTS];
    struct mcp_call *calls; /* in flight, newest first */
    size_t n_calls;
};

struct mcp_request {
    struct mcp_server *server;
    const struct mcp_inbound *inbound;
    struct lk_arena *arena; /* NULL once a call has taken it over */
    struct mcp_message message;
    enum mcp_revision revision;
    bool batched;
    struct mcp_call *started; /* the tool call that is under way, or NULL */
};

enum mcp_cancel { MCP_NOT_CANCELLED = 0, MCP_BY_CALLER, MCP_BY_TIMEOUT, MCP_BY_SHUTDOWN };

/* A block of the result beside its text (mcp/tool.h). */
struct mcp_block {
    struct mcp_content content;
    struct mcp_block *next;
};

struct mcp_call {
    struct mcp_server *server;
    struct lk_arena *arena; /* this struct lives in it as well */
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
    bool failed;                  /* says the tool of its own answer */
    bool has_progress;
    double progress; /* the last one sent */
    struct lk_buf answer;
    struct mcp_block *blocks, **blocks_end; /* in order; the end is NULL while there are none */
    struct lk_co *co;
    struct lk_timer timeout;
    uint64_t started_ms;
    bool *ended;                             /* the starter's, while it is still on the stack */
    struct mcp_call *next, **link;           /* of server->calls */
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

/* call.c: tools/call */
void mcp_call_start(struct mcp_request *request);

/* list.c: the whole result object of tools/list. */
struct lk_str mcp_list_result(struct mcp_server *server, enum mcp_revision revision);
/* The Implementation object of this server as the revision knows it. */
void mcp_write_server_info(struct lk_buf *out, const struct mcp_server *server,
                           enum mcp_revision revision);
/* The members that every modern result has, and the ones that a cacheable one has as well; each
 * begins with a comma. */
void mcp_write_complete(struct lk_buf *out, const struct mcp_server *server);
void mcp_write_cacheable(struct lk_buf *out, const struct mcp_server *server);
const struct mcp_tool *mcp_tool_find(const struct mcp_server *server, struct lk_str name);
/* The name of a tool that is nearest to this one, or NULL when none is near. */
const char *mcp_tool_nearest(const struct mcp_server *server, struct lk_str name);

/* result.c: replies with the call's answer, or with the error when there is one (kind set). */
void mcp_result_reply(struct mcp_call *call, struct lk_error *err);

#endif
