/*
 * What the assembly hands to the tools, through mcp_call_context(). A worker has one, and each call
 * a copy of it whose `api` is that of whom the call runs as.
 */
#ifndef LK_HANDLERS_CONTEXT_H
#define LK_HANDLERS_CONTEXT_H

#include "api/api.h"
#include "base/log.h"
#include "mcp/tool.h"
#include "rt/loop.h"

#define LK_DEFAULT_MAX_ROWS 5000
#define LK_DEFAULT_MAX_RESULT_BYTES                                                                \
    ((size_t)100 * 1000) /* about 25,000 tokens: clients cut there */
#define LK_DEFAULT_MAX_EXPORT_ROWS 1000000
#define LK_DEFAULT_MAX_RENDER_BYTES ((size_t)8 * 1024 * 1024)
#define LK_DEFAULT_PARALLEL 8
#define LK_DEFAULT_QUERY_WAIT_MS 50000ULL /* many clients give up after 60 s */

struct lk_known;     /* handlers/query/known.h */
struct lk_workspace; /* handlers/workspace.h */
struct lk_visit;     /* the same */

struct lk_tool_context {
    struct lk_loop *loop;
    struct lk_api *api; /* Looker as the caller of this tool sees it */
    const struct lk_log *log;
    struct lk_known *known;   /* fields that explores have; NULL: none is remembered */
    int64_t max_rows;         /* LOOKER_MAX_ROWS: of one query; 0: LK_DEFAULT_MAX_ROWS */
    size_t max_result_bytes;  /* LOOKER_MAX_RESULT_BYTES: rows and list items stop there;
                                 0: LK_DEFAULT_MAX_RESULT_BYTES */
    size_t max_render_bytes;  /* LOOKER_MAX_RENDER_BYTES: of one image or PDF; 0:
                                 LK_DEFAULT_MAX_RENDER_BYTES */
    uint64_t call_timeout_ms; /* LOOKER_CALL_TIMEOUT: after it a call is cancelled; 0: never */
    uint64_t query_wait_ms;   /* LOOKER_QUERY_WAIT: after it a query answers with its id; 0:
                                 LK_DEFAULT_QUERY_WAIT_MS */
    uint32_t max_parallel;    /* Looker calls that one tool call makes at once; 0:
                                 LK_DEFAULT_PARALLEL */
    struct lk_str client_id;  /* LOOKER_CLIENT_ID: the API key that the server itself
                                 logs in with; empty: none */
    int64_t max_export_rows;  /* LOOKER_MAX_EXPORT_ROWS: of one download; 0:
                                 LK_DEFAULT_MAX_EXPORT_ROWS */
    struct lk_str public_url; /* LOOKER_PUBLIC_URL: for links; empty: where the client is */
    /* Seals links: writes the 32 bytes of a MAC. NULL: there are none. */
    void (*seal)(void *arg, struct lk_str text, unsigned char *ret_mac);
    void *seal_arg;
    bool api_allow_writes;          /* LOOKER_API_ALLOW_WRITES: of call_operation */
    struct lk_identity *identity;   /* decides as whom calls run (handlers/identity.h) */
    struct lk_workspace *workspace; /* leases on dev workspaces; NULL: nobody keeps any */
    struct lk_visit *visit;         /* of this call to its dev workspace; NULL: none */
    struct lk_str workspace_name;   /* which LookML it sees in dev mode, to tell it from that of
                                       others: user and branch; empty: not known */
};

static inline const struct lk_tool_context *lk_tool_context(struct mcp_call *call)
{
    return mcp_call_context(call);
}

static inline int64_t lk_tool_max_rows(const struct lk_tool_context *context)
{
    return context->max_rows > 0 ? context->max_rows : LK_DEFAULT_MAX_ROWS;
}

static inline int64_t lk_tool_max_export_rows(const struct lk_tool_context *context)
{
    return context->max_export_rows > 0 ? context->max_export_rows : LK_DEFAULT_MAX_EXPORT_ROWS;
}

static inline size_t lk_tool_max_result_bytes(const struct lk_tool_context *context)
{
    return context->max_result_bytes > 0 ? context->max_result_bytes : LK_DEFAULT_MAX_RESULT_BYTES;
}

static inline uint32_t lk_tool_max_parallel(const struct lk_tool_context *context)
{
    return context->max_parallel > 0 ? context->max_parallel : LK_DEFAULT_PARALLEL;
}

/* How long a call may wait for what Looker does: before it would be cancelled it must have fetched
 * the outcome, or have said how to go on. */
static inline uint64_t lk_tool_most_wait_ms(const struct mcp_call *call)
{
    uint64_t left_ms = mcp_call_left_ms(call);

    return left_ms < UINT32_MAX ? left_ms / 10 * 8 : UINT32_MAX;
}

static inline uint64_t lk_tool_query_wait_ms(const struct lk_tool_context *context)
{
    return context->query_wait_ms > 0 ? context->query_wait_ms : LK_DEFAULT_QUERY_WAIT_MS;
}

static inline size_t lk_tool_max_render_bytes(const struct lk_tool_context *context)
{
    return context->max_render_bytes > 0 ? context->max_render_bytes : LK_DEFAULT_MAX_RENDER_BYTES;
}

#endif
