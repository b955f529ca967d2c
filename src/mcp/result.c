/*
 * Writes the response of a tool call, straight into the one buffer that the transport sends: the
 * answer object as text, as structuredContent where the tool promises it, the pictures and files
 * beside it, or the error object with isError. Called by call.c.
 */
#include "base/base64.h"
#include "mcp/internal.h"
#include "json/write.h"

/* What the tool wrote must be there, whole, and the object that was promised. */
static void check_answer(const struct mcp_call *call, bool structured, struct lk_error *err)
{
    if (call->answer.overflow)
        lk_fail(err, LK_ERROR_LIMIT,
                "the answer is larger than %zu bytes, the limit of one answer (max_answer_bytes); "
                "ask for fewer rows or fields, or page through it",
                call->answer.max_bytes);
    else if (lk_json_type(lk_buf_view(&call->answer)) != LK_JSON_OBJECT)
        lk_fail(err, LK_ERROR_INTERNAL, "the tool wrote no answer object");
    else if (structured)
        (void)lk_json_check(lk_buf_view(&call->answer), LK_JSON_MAX_DEPTH, 0, err);
}

/* What the blocks take at most; base64 grows by a third, escaped text sixfold. */
static size_t room_for_blocks(const struct mcp_block *block)
{
    size_t room = 0;

    for (; block != NULL; block = block->next) {
        const struct mcp_content *content = &block->content;

        room += 128 + 6 * (content->mime_type.len + content->uri.len);
        room += content->kind == MCP_CONTENT_TEXT ? 6 * content->bytes.len
                                                  : lk_base64_len(content->bytes.len);
    }
    return room;
}

static void put_escaped(struct lk_buf *out, const char *before, struct lk_str text)
{
    lk_buf_str(out, lk_str(before));
    lk_json_escape(out, text);
    lk_buf_char(out, '"');
}

static void write_block(struct lk_buf *out, const struct mcp_content *content)
{
    bool image = content->kind == MCP_CONTENT_IMAGE;

    if (image) {
        put_escaped(out, ",{\"type\":\"image\",\"mimeType\":\"", content->mime_type);
    } else {
        put_escaped(out, ",{\"type\":\"resource\",\"resource\":{\"uri\":\"", content->uri);
        put_escaped(out, ",\"mimeType\":\"", content->mime_type);
    }
    if (content->kind == MCP_CONTENT_TEXT) {
        put_escaped(out, ",\"text\":\"", content->bytes);
    } else {
        lk_buf_str(out, image ? LK_STR(",\"data\":\"") : LK_STR(",\"blob\":\""));
        lk_base64(out, content->bytes);
        lk_buf_char(out, '"');
    }
    lk_buf_str(out, image ? LK_STR("}") : LK_STR("}}"));
}

/* {"content":[…],…}, a whole response. */
static void write_response(const struct mcp_call *call, struct lk_str text, bool is_error,
                           bool structured, struct lk_buf *out)
{
    const struct mcp_block *blocks = is_error ? NULL : call->blocks;
    size_t blocks_bytes = room_for_blocks(blocks);

    /* Escaping makes a byte six at most; JSON text grows by its quotes only, a few in a hundred. */
    lk_buf_init(out, 8 * (text.len + 1024) + call->id.len + blocks_bytes);
    lk_buf_reserve(out, text.len + text.len / 4 + (structured ? text.len : 0) + 512 + blocks_bytes);
    mcp_write_head(out, call->id);
    lk_buf_lit(out, "{\"content\":[{\"type\":\"text\",\"text\":\"");
    lk_json_escape(out, text);
    lk_buf_lit(out, "\"}");
    for (; blocks != NULL; blocks = blocks->next)
        write_block(out, &blocks->content);
    lk_buf_char(out, ']');
    if (structured) {
        lk_buf_lit(out, ",\"structuredContent\":");
        mcp_write_json_line(out, text);
    }
    lk_buf_printf(out, ",\"isError\":%s", is_error ? "true" : "false");
    if (mcp_is_modern(call->revision))
        mcp_write_complete(out, call->server);
    lk_buf_lit(out, "}}");
}

/* What the transport can say in its own terms. */
static int http_status(struct mcp_call *call)
{
    const struct mcp_inbound *inbound = &call->inbound;

    if (call->refused_caller && inbound->refuse_caller != NULL) {
        inbound->refuse_caller(inbound->arg);
        return 401;
    }
    if (call->demanded_scope.len == 0 || inbound->demand_scope == NULL)
        return 200;
    inbound->demand_scope(inbound->arg, call->demanded_scope);
    return 403;
}

void mcp_result_reply(struct mcp_call *call, struct lk_error *err)
{
    bool structured =
        call->tool->output_schema != NULL && call->revision >= MCP_2025_06_18 && !call->failed;
    struct lk_buf out, error_text;

    lk_buf_init(&error_text, 8 * (MCP_ERROR_BODY_BYTES_MAX + sizeof(struct lk_error)));
    if (err->kind == LK_ERROR_NONE)
        check_answer(call, structured, err);
    if (err->kind != LK_ERROR_NONE) {
        struct lk_json_writer w = lk_json_writer(&error_text);

        lk_json_begin_object(&w);
        mcp_write_error(&w, err);
        lk_json_end_object(&w);
        write_response(call, lk_buf_view(&error_text), true, false, &out);
    } else {
        write_response(call, lk_buf_view(&call->answer), call->failed, structured, &out);
    }
    call->inbound.reply(call->inbound.arg, http_status(call), &out);
    lk_buf_free(&out);
    lk_buf_free(&error_text);
}
