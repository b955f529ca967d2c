/*
 * Writes the response of a tool call, straight into the one buffer that the transport sends: the
 * answer object as text, as structuredContent where the tool promises it, the pictures and files
 * beside it, or the error object with isError. And what the responses of all calls have in common.
 * Called by call.c, through a target, and by the other targets.
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

static void write_members(struct lk_json_writer *w, const struct mcp_call *call)
{
    for (const struct mcp_member *member = call->members; member != NULL; member = member->next)
        lk_json_member_raw(w, member->name, member->json);
    if (call->failure != NULL)
        mcp_write_error(w, call->failure);
}

/* What they take at most. */
static size_t room_for_members(const struct mcp_call *call)
{
    size_t room = 0;

    for (const struct mcp_member *member = call->members; member != NULL; member = member->next)
        room += strlen(member->name) + member->json.len + 8;
    if (call->failure != NULL)
        room += 8 * (MCP_ERROR_BODY_BYTES_MAX + sizeof(struct lk_error));
    return room;
}

/* Opens the object that the tool wrote once more. An answer that met its limit says them all the
 * same. */
static void add_members(struct mcp_call *call)
{
    struct lk_buf *answer = &call->answer;
    struct lk_json_writer w = lk_json_writer(answer);
    struct lk_str object = lk_str_trim(lk_buf_view(answer));
    size_t room = room_for_members(call);

    if (room == 0)
        return;
    answer->max_bytes += room;
    w.comma = !lk_str_eq(object, LK_STR("{}"));
    lk_buf_truncate(answer, (size_t)(object.ptr - answer->ptr) + object.len - 1);
    write_members(&w, call);
    lk_buf_char(answer, '}');
}

/* {"content":[…],…}, a whole response. */
static void write_response(const struct mcp_call *call, struct lk_str text, bool is_error,
                           bool structured, struct lk_buf *out)
{
    const struct mcp_block *blocks = is_error ? NULL : call->blocks;
    size_t blocks_bytes = 0;

    for (const struct mcp_block *block = blocks; block != NULL; block = block->next)
        blocks_bytes += mcp_content_room(&block->content) + 1;

    /* Escaping makes a byte six at most; JSON text grows by its quotes only, a few in a hundred. */
    lk_buf_init(out, 8 * (text.len + 1024) + call->id.len + blocks_bytes);
    lk_buf_reserve(out, text.len + text.len / 4 + (structured ? text.len : 0) + 512 + blocks_bytes);
    mcp_write_head(out, call->id);
    lk_buf_lit(out, "{\"content\":[{\"type\":\"text\",\"text\":\"");
    lk_json_escape(out, text);
    lk_buf_lit(out, "\"}");
    for (; blocks != NULL; blocks = blocks->next) {
        lk_buf_char(out, ',');
        mcp_content_write(out, &blocks->content, call->revision);
    }
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

struct lk_buf mcp_response_begin(struct mcp_call *call, size_t room)
{
    struct lk_buf out;

    lk_buf_init(&out, room + call->id.len + 4096);
    mcp_write_head(&out, call->id);
    return out;
}

void mcp_response_end(struct mcp_call *call, struct lk_buf *out)
{
    lk_buf_lit(out, "}}");
    call->inbound.reply(call->inbound.arg, http_status(call), out);
    lk_buf_free(out);
}

/* input_required, in place of any other result. */
static bool reply_asking(struct mcp_call *call)
{
    struct lk_buf out;

    if (!mcp_ask_pending(call))
        return false;
    out = mcp_response_begin(call, 8 * (call->asks.len + call->kept.len));
    mcp_ask_write(call, &out);
    mcp_response_end(call, &out);
    return true;
}

bool mcp_result_reply_early(struct mcp_call *call, const struct lk_error *err)
{
    return mcp_ask_refuse(call) || (err->kind == LK_ERROR_NONE && reply_asking(call));
}

void mcp_result_reply_error(struct mcp_call *call, const struct lk_error *err, bool not_found)
{
    bool invalid = err->kind == LK_ERROR_ARGUMENT || (not_found && mcp_is_modern(call->revision));
    struct mcp_rpc_error rpc_err;
    struct lk_error brief = *err;
    struct lk_buf data;
    struct lk_json_writer w;

    brief.body = (struct lk_str){0}; /* as long as a peer likes */
    mcp_rpc_fail(&rpc_err,
                 invalid     ? MCP_INVALID_PARAMS
                 : not_found ? MCP_RESOURCE_NOT_FOUND
                             : MCP_INTERNAL_ERROR,
                 http_status(call), "%.*s", LK_STR_ARG(lk_str_cut(lk_str(err->message), 500)));
    lk_buf_init(&data, 8 * sizeof(brief) + 8 * call->uri.len);
    w = lk_json_writer(&data);
    lk_json_begin_object(&w);
    if (call->uri.len != 0)
        lk_json_member_string(&w, "uri", call->uri);
    mcp_write_error(&w, &brief);
    lk_json_end_object(&w);
    rpc_err.data = lk_buf_view(&data);
    mcp_reply_error(&call->inbound, call->id, &rpc_err);
    lk_buf_free(&data);
}

void mcp_result_reply(struct mcp_call *call, struct lk_error *err)
{
    bool structured =
        call->tool->output_schema != NULL && call->revision >= MCP_2025_06_18 && !call->failed;
    struct lk_buf out, error_text;

    if (mcp_result_reply_early(call, err))
        return;
    lk_buf_init(&error_text, 8 * (MCP_ERROR_BODY_BYTES_MAX + sizeof(struct lk_error)));
    if (err->kind == LK_ERROR_NONE)
        check_answer(call, structured, err);
    if (err->kind != LK_ERROR_NONE) {
        struct lk_json_writer w = lk_json_writer(&error_text);

        lk_json_begin_object(&w);
        mcp_write_error(&w, err);
        write_members(&w, call);
        lk_json_end_object(&w);
        write_response(call, lk_buf_view(&error_text), true, false, &out);
    } else {
        add_members(call);
        write_response(call, lk_buf_view(&call->answer), call->failed, structured, &out);
    }
    call->inbound.reply(call->inbound.arg, http_status(call), &out);
    lk_buf_free(&out);
    lk_buf_free(&error_text);
}
