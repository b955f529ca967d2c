/*
 * Writes the response of a tool call, straight into the one buffer that the transport sends: the
 * answer object as text, as structuredContent where the tool promises it, or the error object with
 * isError. Called by call.c.
 */
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

void mcp_result_reply(struct mcp_call *call, struct lk_error *err)
{
    bool modern = mcp_is_modern(call->revision);
    bool structured =
        call->tool->output_schema != NULL && call->revision >= MCP_2025_06_18 && !call->failed;
    struct lk_buf out, error_text;
    struct lk_str text;

    lk_buf_init(&error_text, 8 * (MCP_ERROR_BODY_BYTES_MAX + sizeof(struct lk_error)));
    if (err->kind == LK_ERROR_NONE)
        check_answer(call, structured, err);
    if (err->kind != LK_ERROR_NONE) {
        struct lk_json_writer w = lk_json_writer(&error_text);

        lk_json_begin_object(&w);
        mcp_write_error(&w, err);
        lk_json_end_object(&w);
        structured = false;
    }
    text = err->kind != LK_ERROR_NONE ? lk_buf_view(&error_text) : lk_buf_view(&call->answer);
    /* Escaping makes a byte six at most; JSON text grows by its quotes only, a few in a hundred. */
    lk_buf_init(&out, 8 * (text.len + 1024) + call->id.len);
    lk_buf_reserve(&out, text.len + text.len / 4 + (structured ? text.len : 0) + 512);
    mcp_write_head(&out, call->id);
    lk_buf_lit(&out, "{\"content\":[{\"type\":\"text\",\"text\":\"");
    lk_json_escape(&out, text);
    lk_buf_lit(&out, "\"}]");
    if (structured) {
        lk_buf_lit(&out, ",\"structuredContent\":");
        mcp_write_json_line(&out, text);
    }
    lk_buf_printf(&out, ",\"isError\":%s",
                  err->kind != LK_ERROR_NONE || call->failed ? "true" : "false");
    if (modern)
        mcp_write_complete(&out, call->server);
    lk_buf_lit(&out, "}}");
    call->inbound.reply(call->inbound.arg, 200, &out);
    lk_buf_free(&out);
    lk_buf_free(&error_text);
}
