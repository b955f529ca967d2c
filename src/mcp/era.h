/*
 * Protocol revisions and the two eras. Which era a request belongs to is decided request by
 * request, from its body first. Internal to src/mcp.
 *
 *     _meta has io.modelcontextprotocol/protocolVersion ──> modern: checked and served from itself
 *     no such _meta, the header names a modern revision ──> refused: the _meta is missing
 *     otherwise ──> legacy: initialize's revision (stdio), or the header's (HTTP)
 */
#ifndef MCP_ERA_H
#define MCP_ERA_H

#include "mcp/rpc.h"

/* In the order of their dates. */
enum mcp_revision {
    MCP_REVISION_NONE = 0,
    MCP_2024_11_05,
    MCP_2025_03_26,
    MCP_2025_06_18,
    MCP_2025_11_25,
    MCP_2026_07_28,
    MCP_N_REVISIONS,
};
#define MCP_NEWEST_LEGACY MCP_2025_11_25
#define MCP_META_VERSION "io.modelcontextprotocol/protocolVersion"
#define MCP_META_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"
#define MCP_META_LOG_LEVEL "io.modelcontextprotocol/logLevel"
#define MCP_META_SUBSCRIPTION "io.modelcontextprotocol/subscriptionId"
#define MCP_META_SERVER_INFO "io.modelcontextprotocol/serverInfo"

static inline bool mcp_is_modern(enum mcp_revision revision)
{
    return revision == MCP_2026_07_28;
}

const char *mcp_revision_name(enum mcp_revision revision);
/* MCP_REVISION_NONE for a name that this server does not know. */
enum mcp_revision mcp_revision_named(struct lk_str name);
/* The revisions that server/discover and the refusal of a revision offer, newest first, as a JSON
 * array. 2024-11-05, spoken on stdio only and never by a client that reads this list, is not in it.
 */
struct lk_str mcp_revisions_json(void);

/* What initialize settles on when the client asks for `requested`. */
enum mcp_revision mcp_revision_negotiate(struct lk_str requested, bool http);

/*
 * Decides the revision of one message and holds it to that revision's rules for _meta and headers.
 * `lenient` lets the version header of a modern request differ from its _meta. Errors:
 * MCP_INVALID_PARAMS (missing _meta fields), MCP_UNSUPPORTED_VERSION, MCP_HEADER_MISMATCH.
 */
bool mcp_era_decide(struct lk_arena *arena, const struct mcp_inbound *inbound,
                    const struct mcp_message *message, bool lenient,
                    enum mcp_revision *ret_revision, struct mcp_rpc_error *err);

/* The revision that a message of the legacy era has here, before its body is known (batches). */
enum mcp_revision mcp_era_legacy(const struct mcp_inbound *inbound);

/* The value of an HTTP header; empty on stdio. */
struct lk_str mcp_header(const struct mcp_inbound *inbound, struct lk_str name);

/* Decodes =?base64?…?= (into the arena); any other value is itself. False when it is malformed or
 * has bytes that a header must not have. */
bool mcp_header_decode(struct lk_arena *arena, struct lk_str value, struct lk_str *ret_value);

#endif
