/*
 * Blocks of content: pictures, sounds, files, links, text, each as the caller's revision knows it.
 * Called by result.c, resources.c and prompts.c.
 */
#include "base/base64.h"
#include "mcp/internal.h"

/* Base64 grows by a third, escaped text sixfold. */
size_t mcp_content_room(const struct mcp_content *content)
{
    bool text = content->kind == MCP_CONTENT_TEXT || content->kind == MCP_CONTENT_WORDS;

    return 256 +
           6 * (content->mime_type.len + content->uri.len + content->name.len +
                content->description.len) +
           (text ? 6 * content->bytes.len : lk_base64_len(content->bytes.len));
}

static void put_escaped(struct lk_buf *out, const char *before, struct lk_str text)
{
    lk_buf_str(out, lk_str(before));
    lk_json_escape(out, text);
    lk_buf_char(out, '"');
}

static void put_base64(struct lk_buf *out, const char *before, struct lk_str bytes)
{
    lk_buf_str(out, lk_str(before));
    lk_base64(out, bytes);
    lk_buf_char(out, '"');
}

void mcp_content_write_resource(struct lk_buf *out, const struct mcp_content *content)
{
    put_escaped(out, "{\"uri\":\"", content->uri);
    put_escaped(out, ",\"mimeType\":\"", content->mime_type);
    if (content->kind == MCP_CONTENT_TEXT)
        put_escaped(out, ",\"text\":\"", content->bytes);
    else
        put_base64(out, ",\"blob\":\"", content->bytes);
    lk_buf_char(out, '}');
}

static void write_link(struct lk_buf *out, const struct mcp_content *content)
{
    put_escaped(out, "{\"type\":\"resource_link\",\"uri\":\"", content->uri);
    put_escaped(out, ",\"name\":\"", content->name);
    if (content->description.len != 0)
        put_escaped(out, ",\"description\":\"", content->description);
    if (content->mime_type.len != 0)
        put_escaped(out, ",\"mimeType\":\"", content->mime_type);
    lk_buf_char(out, '}');
}

/* For revisions that do not know the kind yet. */
static void write_words_instead(struct lk_buf *out, const struct mcp_content *content)
{
    if (content->kind == MCP_CONTENT_LINK) {
        lk_buf_lit(out, "{\"type\":\"text\",\"text\":\"");
        lk_json_escape(out, content->name);
        put_escaped(out, ": ", content->uri);
    } else {
        put_escaped(
            out, "{\"type\":\"text\",\"text\":\"A sound that this protocol revision cannot carry: ",
            content->mime_type);
    }
    lk_buf_char(out, '}');
}

void mcp_content_write(struct lk_buf *out, const struct mcp_content *content,
                       enum mcp_revision revision)
{
    switch (content->kind) {
    case MCP_CONTENT_IMAGE:
        put_escaped(out, "{\"type\":\"image\",\"mimeType\":\"", content->mime_type);
        put_base64(out, ",\"data\":\"", content->bytes);
        lk_buf_char(out, '}');
        break;
    case MCP_CONTENT_AUDIO:
        if (revision < MCP_2025_03_26) {
            write_words_instead(out, content);
            break;
        }
        put_escaped(out, "{\"type\":\"audio\",\"mimeType\":\"", content->mime_type);
        put_base64(out, ",\"data\":\"", content->bytes);
        lk_buf_char(out, '}');
        break;
    case MCP_CONTENT_LINK:
        if (revision < MCP_2025_06_18)
            write_words_instead(out, content);
        else
            write_link(out, content);
        break;
    case MCP_CONTENT_WORDS:
        put_escaped(out, "{\"type\":\"text\",\"text\":\"", content->bytes);
        lk_buf_char(out, '}');
        break;
    case MCP_CONTENT_BLOB:
    case MCP_CONTENT_TEXT:
        lk_buf_lit(out, "{\"type\":\"resource\",\"resource\":");
        mcp_content_write_resource(out, content);
        lk_buf_char(out, '}');
        break;
    }
}
