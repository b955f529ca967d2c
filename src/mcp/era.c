/*
 * Decides revision and era of a message and checks the modern era's _meta and headers (see era.h;
 * the rules are MCP 2026-07-28, basic/index and basic/transports/streamable-http). Does not know
 * what the methods do. Called by receive.c and methods.c.
 */
#include "mcp/internal.h"

#include "json/write.h"

static const char *const revision_names[MCP_N_REVISIONS] = {
    [MCP_REVISION_NONE] = "",        [MCP_2024_11_05] = "2024-11-05",
    [MCP_2025_03_26] = "2025-03-26", [MCP_2025_06_18] = "2025-06-18",
    [MCP_2025_11_25] = "2025-11-25", [MCP_2026_07_28] = "2026-07-28",
};

const char *mcp_revision_name(enum mcp_revision revision)
{
    return revision_names[revision];
}

enum mcp_revision mcp_revision_named(struct lk_str name)
{
    for (enum mcp_revision i = MCP_2024_11_05; i < MCP_N_REVISIONS; i++) {
        if (lk_str_eq(name, lk_str(revision_names[i])))
            return i;
    }
    return MCP_REVISION_NONE;
}

struct lk_str mcp_revisions_json(void)
{
    return LK_STR("[\"2026-07-28\",\"2025-11-25\",\"2025-06-18\",\"2025-03-26\"]");
}

enum mcp_revision mcp_revision_negotiate(struct lk_str requested, bool http)
{
    enum mcp_revision revision = mcp_revision_named(requested);

    if (revision == MCP_REVISION_NONE || mcp_is_modern(revision) ||
        (revision == MCP_2024_11_05 && http))
        return MCP_NEWEST_LEGACY;
    return revision;
}

struct lk_str mcp_header(const struct mcp_inbound *inbound, struct lk_str name)
{
    if (inbound->header == NULL)
        return (struct lk_str){0};
    return inbound->header(inbound->arg, name);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 section 4, with padding. */
static bool base64_decode(struct lk_arena *arena, struct lk_str text, struct lk_str *ret_bytes)
{
    unsigned char *out = lk_arena_alloc(arena, text.len / 4 * 3 + 1);
    size_t len = 0, pad = 0;

    if (text.len % 4 != 0)
        return false;
    while (pad < 2 && pad < text.len && text.ptr[text.len - 1 - pad] == '=')
        pad++;
    for (size_t at = 0; at < text.len; at += 4) {
        unsigned bits = 0;

        for (size_t i = at; i < at + 4; i++) {
            int digit = i >= text.len - pad ? 0 : base64_digit(text.ptr[i]);

            if (digit < 0)
                return false;
            bits = bits << 6 | (unsigned)digit;
        }
        out[len++] = (unsigned char)(bits >> 16);
        out[len++] = (unsigned char)(bits >> 8);
        out[len++] = (unsigned char)bits;
    }
    *ret_bytes = (struct lk_str){(const char *)out, len - pad};
    return true;
}

bool mcp_header_decode(struct lk_arena *arena, struct lk_str value, struct lk_str *ret_value)
{
    static const struct lk_str prefix = LK_STR_INIT("=?base64?"), suffix = LK_STR_INIT("?=");

    for (size_t i = 0; i < value.len; i++) {
        if ((value.ptr[i] < 0x20 && value.ptr[i] != '\t') || value.ptr[i] > 0x7e)
            return false;
    }
    if (value.len >= prefix.len + suffix.len && lk_str_starts(value, prefix) &&
        memcmp(value.ptr + value.len - suffix.len, suffix.ptr, suffix.len) == 0) {
        value.ptr += prefix.len;
        value.len -= prefix.len + suffix.len;
        return base64_decode(arena, value, ret_value);
    }
    *ret_value = value;
    return true;
}

/* How much of a peer's string an error message repeats. */
static struct lk_str shown(struct lk_str s)
{
    return (struct lk_str){s.ptr, s.len < 80 ? s.len : 80};
}

static bool unsupported(struct lk_arena *arena, struct lk_str requested, struct mcp_rpc_error *err)
{
    struct lk_buf data;
    struct lk_json_writer w;

    mcp_rpc_fail(err, MCP_UNSUPPORTED_VERSION, 400,
                 "protocol version \"%.*s\" is not supported; see data.supported",
                 LK_STR_ARG(shown(requested)));
    lk_buf_init(&data, 1024);
    w = lk_json_writer(&data);
    lk_json_begin_object(&w);
    lk_json_member_raw(&w, "supported", mcp_revisions_json());
    lk_json_member_string(&w, "requested", shown(requested));
    lk_json_end_object(&w);
    err->data = lk_arena_str(arena, lk_buf_view(&data));
    lk_buf_free(&data);
    return false;
}

/* The header `name` must say what the body says. */
static bool check_mirror(struct lk_arena *arena, const struct mcp_inbound *inbound,
                         struct lk_str name, struct lk_str body_value, struct mcp_rpc_error *err)
{
    struct lk_str raw = mcp_header(inbound, name), value;

    if (raw.ptr == NULL)
        return mcp_rpc_fail(err, MCP_HEADER_MISMATCH, 400, "header %.*s is missing",
                            LK_STR_ARG(name));
    if (!mcp_header_decode(arena, raw, &value))
        return mcp_rpc_fail(err, MCP_HEADER_MISMATCH, 400, "header %.*s is malformed",
                            LK_STR_ARG(name));
    if (!lk_str_eq(value, body_value))
        return mcp_rpc_fail(err, MCP_HEADER_MISMATCH, 400,
                            "header %.*s says \"%.*s\", the body says \"%.*s\"", LK_STR_ARG(name),
                            LK_STR_ARG(shown(value)), LK_STR_ARG(shown(body_value)));
    return true;
}

/* Mcp-Method on every request, Mcp-Name where the request names something. */
static bool check_routing_headers(struct lk_arena *arena, const struct mcp_inbound *inbound,
                                  const struct mcp_message *message, struct mcp_rpc_error *err)
{
    static const struct {
        struct lk_str method, member;
    } named[] = {
        {LK_STR_INIT("tools/call"), LK_STR_INIT("name")},
        {LK_STR_INIT("prompts/get"), LK_STR_INIT("name")},
        {LK_STR_INIT("resources/read"), LK_STR_INIT("uri")},
    };

    if (!check_mirror(arena, inbound, LK_STR("Mcp-Method"), message->method, err))
        return false;
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        struct lk_str name;

        if (!lk_str_eq(message->method, named[i].method))
            continue;
        name = lk_json_get_string(arena, message->params, named[i].member);
        return check_mirror(arena, inbound, LK_STR("Mcp-Name"), name, err);
    }
    return true;
}

static bool decide_modern(struct lk_arena *arena, const struct mcp_inbound *inbound,
                          const struct mcp_message *message, struct lk_str version, bool lenient,
                          struct mcp_rpc_error *err)
{
    struct lk_str name, capabilities, level;
    bool is_request = message->kind == MCP_REQUEST;

    if (lk_json_type(version) != LK_JSON_STRING)
        return mcp_rpc_fail(err, MCP_INVALID_PARAMS, 400,
                            "params._meta[\"" MCP_META_VERSION "\"] must be a string");
    name = lk_json_decode_string(arena, version);
    /* The revision defines no headers for notifications. */
    if (inbound->peer->http && is_request && !lenient &&
        !check_mirror(arena, inbound, LK_STR("MCP-Protocol-Version"), name, err))
        return false;
    if (!mcp_is_modern(mcp_revision_named(name)))
        return unsupported(arena, name, err);
    if (!is_request)
        return true;
    if (!lk_json_get(message->meta, LK_STR(MCP_META_CAPABILITIES), &capabilities) ||
        lk_json_type(capabilities) != LK_JSON_OBJECT)
        return mcp_rpc_fail(err, MCP_INVALID_PARAMS, 400,
                            "params._meta[\"" MCP_META_CAPABILITIES "\"] must be there, an object");
    if (lk_json_get(message->meta, LK_STR(MCP_META_LOG_LEVEL), &level) &&
        (lk_json_type(level) != LK_JSON_STRING ||
         !mcp_log_level_named(lk_json_decode_string(arena, level), NULL)))
        return mcp_rpc_fail(err, MCP_INVALID_PARAMS, 400,
                            "params._meta[\"" MCP_META_LOG_LEVEL
                            "\"] must be one of " MCP_LOG_LEVELS);
    return !inbound->peer->http || check_routing_headers(arena, inbound, message, err);
}

enum mcp_revision mcp_era_legacy(const struct mcp_inbound *inbound)
{
    struct lk_str header;

    if (!inbound->peer->http)
        return inbound->peer->legacy_revision_ != MCP_REVISION_NONE
                   ? (enum mcp_revision)inbound->peer->legacy_revision_
                   : MCP_NEWEST_LEGACY;
    header = mcp_header(inbound, LK_STR("MCP-Protocol-Version"));
    return header.len == 0 ? MCP_2025_03_26 : mcp_revision_named(header);
}

bool mcp_era_decide(struct lk_arena *arena, const struct mcp_inbound *inbound,
                    const struct mcp_message *message, bool lenient,
                    enum mcp_revision *ret_revision, struct mcp_rpc_error *err)
{
    enum mcp_revision revision;
    struct lk_str version;

    if (lk_json_get(message->meta, LK_STR(MCP_META_VERSION), &version)) {
        if (!decide_modern(arena, inbound, message, version, lenient, err))
            return false;
        *ret_revision = MCP_2026_07_28;
        return true;
    }
    revision = mcp_era_legacy(inbound);
    if (mcp_is_modern(revision))
        return mcp_rpc_fail(err, MCP_INVALID_PARAMS, 400,
                            "params._meta[\"" MCP_META_VERSION "\"] is missing, which %s requires",
                            mcp_revision_name(revision));
    if (revision == MCP_REVISION_NONE || (revision == MCP_2024_11_05 && inbound->peer->http))
        return unsupported(arena, mcp_header(inbound, LK_STR("MCP-Protocol-Version")), err);
    *ret_revision = revision;
    return true;
}
