/*
 * What is the same for every caller: the tools/list result of each revision, serverInfo, the
 * capabilities, and the index of the tools by name. A list is written on its first use and kept.
 * Called by methods.c and the files of the methods.
 */
#include "base/nearest.h"
#include "mcp/internal.h"
#include "json/write.h"

#define LIST_BYTES_MAX ((size_t)64 * 1024 * 1024)

void mcp_write_server_info(struct lk_buf *out, const struct mcp_server *server,
                           enum mcp_revision revision)
{
    const struct mcp_server_options *options = &server->options;
    struct lk_json_writer w = lk_json_writer(out);

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "name", lk_str(options->name));
    if (options->title != NULL && revision >= MCP_2025_06_18)
        lk_json_member_string(&w, "title", lk_str(options->title));
    lk_json_member_string(&w, "version", lk_str(options->version));
    lk_json_end_object(&w);
}

/*
 * An hour, for everyone: the tools are fixed for the life of the process and the same for every
 * caller, so only a restart with other groups makes a cached list stale, and then the error about
 * the unknown tool says so.
 */
void mcp_write_cacheable(struct lk_buf *out, const struct mcp_server *server)
{
    lk_buf_lit(out, ",\"ttlMs\":3600000,\"cacheScope\":\"public\"");
    mcp_write_complete(out, server);
}

void mcp_write_private(struct lk_buf *out, const struct mcp_server *server, uint32_t ttl_ms)
{
    lk_buf_printf(out, ",\"ttlMs\":%u,\"cacheScope\":\"private\"", ttl_ms);
    mcp_write_complete(out, server);
}

void mcp_write_complete(struct lk_buf *out, const struct mcp_server *server)
{
    lk_buf_lit(out, ",\"resultType\":\"complete\",\"_meta\":{\"" MCP_META_SERVER_INFO "\":");
    mcp_write_server_info(out, server, MCP_2026_07_28);
    lk_buf_char(out, '}');
}

bool mcp_offers(const struct mcp_server *server, enum mcp_offer offer)
{
    const struct mcp_server_options *options = &server->options;

    switch (offer) {
    case MCP_OFFER_TOOLS:
        return true;
    case MCP_OFFER_RESOURCES:
        return options->n_resources > 0;
    case MCP_OFFER_PROMPTS:
        return options->n_prompts > 0;
    case MCP_OFFER_COMPLETIONS:
        return options->n_resources > 0 || options->n_prompts > 0;
    case MCP_OFFER_LOGGING:
        return options->logs;
    }
    return false;
}

void mcp_write_capabilities(struct lk_buf *out, const struct mcp_server *server,
                            enum mcp_revision revision)
{
    lk_buf_lit(out, "{\"tools\":{}");
    if (mcp_offers(server, MCP_OFFER_RESOURCES))
        lk_buf_lit(out, ",\"resources\":{}");
    if (mcp_offers(server, MCP_OFFER_PROMPTS))
        lk_buf_lit(out, ",\"prompts\":{}");
    /* Before 2025-03-26 completion had no capability. */
    if (mcp_offers(server, MCP_OFFER_COMPLETIONS) && revision >= MCP_2025_03_26)
        lk_buf_lit(out, ",\"completions\":{}");
    if (mcp_offers(server, MCP_OFFER_LOGGING))
        lk_buf_lit(out, ",\"logging\":{}");
    lk_buf_char(out, '}');
}

static void write_annotations(struct lk_json_writer *w, const struct mcp_tool *tool)
{
    lk_json_key(w, "annotations");
    lk_json_begin_object(w);
    lk_json_member_boolean(w, "readOnlyHint", (tool->hints & MCP_READ_ONLY) != 0);
    lk_json_member_boolean(w, "destructiveHint", (tool->hints & MCP_DESTRUCTIVE) != 0);
    lk_json_member_boolean(w, "idempotentHint", (tool->hints & MCP_IDEMPOTENT) != 0);
    lk_json_member_boolean(w, "openWorldHint", (tool->hints & MCP_OPEN_WORLD) != 0);
    lk_json_end_object(w);
}

static void write_schema(struct lk_json_writer *w, const char *key, const char *schema)
{
    lk_json_key(w, key);
    mcp_write_json_line(w->buf, lk_str(schema));
    w->comma = true;
}

static void write_tool(struct lk_json_writer *w, const struct mcp_tool *tool,
                       enum mcp_list_family family)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, "name", lk_str(tool->name));
    if (family >= MCP_LIST_2025_06_18 && tool->title != NULL)
        lk_json_member_string(w, "title", lk_str(tool->title));
    lk_json_member_string(w, "description", lk_str(tool->description));
    write_schema(w, "inputSchema", tool->input_schema);
    if (family >= MCP_LIST_2025_06_18 && tool->output_schema != NULL)
        write_schema(w, "outputSchema", tool->output_schema);
    if (family >= MCP_LIST_2025_03_26)
        write_annotations(w, tool);
    lk_json_end_object(w);
}

static enum mcp_list_family family_of(enum mcp_revision revision)
{
    if (revision == MCP_2024_11_05)
        return MCP_LIST_2024_11_05;
    if (revision == MCP_2025_03_26)
        return MCP_LIST_2025_03_26;
    return mcp_is_modern(revision) ? MCP_LIST_2026_07_28 : MCP_LIST_2025_06_18;
}

struct lk_str mcp_list_result(struct mcp_server *server, enum mcp_revision revision)
{
    enum mcp_list_family family = family_of(revision);
    struct lk_buf *list = &server->lists[family];
    struct lk_json_writer w = lk_json_writer(list);

    if (list->len != 0)
        return lk_buf_view(list);
    lk_buf_init(list, LIST_BYTES_MAX);
    lk_json_begin_object(&w);
    lk_json_key(&w, "tools");
    lk_json_begin_array(&w);
    for (size_t i = 0; i < server->options.n_tools; i++)
        write_tool(&w, server->options.tools[i], family);
    lk_json_end_array(&w);
    if (family == MCP_LIST_2026_07_28)
        mcp_write_cacheable(list, server);
    return lk_buf_view(list);
}

size_t mcp_tool_index(const struct mcp_server *server, struct lk_str name)
{
    size_t from = 0, to = server->options.n_tools;

    while (from < to) {
        size_t mid = from + (to - from) / 2;
        struct lk_str other = lk_str(server->by_name[mid]->name);
        size_t common = name.len < other.len ? name.len : other.len;
        int order = common == 0 ? 0 : memcmp(name.ptr, other.ptr, common);

        if (order == 0 && name.len == other.len)
            return mid;
        if (order < 0 || (order == 0 && name.len < other.len))
            to = mid;
        else
            from = mid + 1;
    }
    return server->options.n_tools;
}

const struct mcp_tool *mcp_tool_find(const struct mcp_server *server, struct lk_str name)
{
    size_t i = mcp_tool_index(server, name);

    return i < server->options.n_tools ? server->by_name[i] : NULL;
}

static const char *tool_name(const void *arg, size_t i)
{
    const struct mcp_server_options *options = arg;

    return i < options->n_tools ? options->tools[i]->name : NULL;
}

const char *mcp_tool_nearest(const struct mcp_server *server, struct lk_str name)
{
    return lk_nearest(name, tool_name, &server->options);
}
