/*
 * JSON-RPC 2.0 as MCP uses it: taking a message apart without losing a digit of its id, and
 * writing error responses. Internal to src/mcp.
 *
 * A message is scanned in place (json/scan.h), never parsed into doubles: the id and the
 * progressToken are the slices of the text that they occupy and are echoed as they came.
 */
#ifndef MCP_RPC_H
#define MCP_RPC_H

#include "base/arena.h"
#include "base/buf.h"
#include "mcp/server.h"
#include "json/scan.h"

/* The codes that this server uses, and no others. */
enum mcp_rpc_code {
    MCP_PARSE_ERROR = -32700,
    MCP_INVALID_REQUEST = -32600,
    MCP_METHOD_NOT_FOUND = -32601,
    MCP_INVALID_PARAMS = -32602,
    MCP_INTERNAL_ERROR = -32603,
    MCP_RESOURCE_NOT_FOUND = -32002,  /* before 2026-07-28 */
    MCP_HEADER_MISMATCH = -32020,     /* 2026-07-28 */
    MCP_MISSING_CAPABILITY = -32021,  /* 2026-07-28 */
    MCP_UNSUPPORTED_VERSION = -32022, /* 2026-07-28 */
};

struct mcp_rpc_error {
    int code;
    int http_status;
    char message[512];
    struct lk_str data; /* JSON text, or empty */
};

/* Fills *err and returns false. */
bool mcp_rpc_fail(struct mcp_rpc_error *err, int code, int http_status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

enum mcp_message_kind { MCP_REQUEST, MCP_NOTIFICATION, MCP_RESPONSE };

struct mcp_message {
    enum mcp_message_kind kind;
    struct lk_str id;     /* raw JSON text; empty: none */
    struct lk_str method; /* decoded */
    struct lk_str params; /* raw JSON object, or empty */
    struct lk_str meta;   /* raw JSON object params._meta, or empty */
};

/*
 * Takes one message apart. `text` is checked JSON. On failure ret_message->id is set all the same
 * when it could be read, so that the error can echo it. Strings point into the text or the arena.
 */
bool mcp_message_read(struct lk_arena *arena, struct lk_str text, struct mcp_message *ret_message,
                      struct mcp_rpc_error *err);

/* A string, or an integer without fraction and exponent, of any size. */
bool mcp_is_id(struct lk_str value);

/* Appends {"jsonrpc":"2.0","id":…,"result": ; the caller appends the result and "}". */
void mcp_write_head(struct lk_buf *out, struct lk_str id);
/* Appends JSON text with its line breaks (only ever white space between tokens) made spaces, since
 * a message on stdio is one line. */
void mcp_write_json_line(struct lk_buf *out, struct lk_str json);

void mcp_reply_error(const struct mcp_inbound *inbound, struct lk_str id,
                     const struct mcp_rpc_error *err);
/* Nothing to say: a notification taken, a response ignored, a call that its caller cancelled. */
void mcp_reply_nothing(const struct mcp_inbound *inbound);

#endif
