/*
 * Prompts: listing them, getting one. Called by methods.c, and by complete.c for their arguments.
 */
#include "mcp/internal.h"

const struct mcp_prompt *mcp_prompt_find(const struct mcp_server *server, struct lk_str name)
{
    for (size_t i = 0; i < server->options.n_prompts; i++) {
        if (lk_str_eq(name, lk_str(server->options.prompts[i]->name)))
            return server->options.prompts[i];
    }
    return NULL;
}

/* ---- the list ---- */

static void write_argument(struct lk_json_writer *w, const struct mcp_argument *argument,
                           enum mcp_revision revision)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, "name", lk_str(argument->name));
    if (revision >= MCP_2025_06_18 && argument->title != NULL)
        lk_json_member_string(w, "title", lk_str(argument->title));
    lk_json_member_string(w, "description", lk_str(argument->description));
    lk_json_member_boolean(w, "required", argument->required);
    lk_json_end_object(w);
}

static void write_prompt(struct lk_json_writer *w, const struct mcp_prompt *prompt,
                         enum mcp_revision revision)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, "name", lk_str(prompt->name));
    if (revision >= MCP_2025_06_18 && prompt->title != NULL)
        lk_json_member_string(w, "title", lk_str(prompt->title));
    lk_json_member_string(w, "description", lk_str(prompt->description));
    if (prompt->n_arguments > 0) {
        lk_json_key(w, "arguments");
        lk_json_begin_array(w);
        for (size_t i = 0; i < prompt->n_arguments; i++)
            write_argument(w, &prompt->arguments[i], revision);
        lk_json_end_array(w);
    }
    lk_json_end_object(w);
}

void mcp_prompts_list(struct mcp_request *request)
{
    const struct mcp_server_options *options = &request->server->options;
    struct lk_str cursor;
    struct lk_json_writer w;
    struct lk_buf out;

    if (lk_json_get(request->message.params, LK_STR("cursor"), &cursor) &&
        lk_json_type(cursor) != LK_JSON_NULL) {
        mcp_refuse_params(request, "unknown cursor: all prompts come in one page");
        return;
    }
    out = mcp_result_begin(request);
    w = lk_json_writer(&out);
    lk_json_begin_object(&w);
    lk_json_key(&w, "prompts");
    lk_json_begin_array(&w);
    for (size_t i = 0; i < options->n_prompts; i++)
        write_prompt(&w, options->prompts[i], request->revision);
    lk_json_end_array(&w);
    if (mcp_is_modern(request->revision))
        mcp_write_cacheable(&out, request->server);
    mcp_result_end(request, &out);
}

/* ---- getting one ---- */

static bool run_get(struct mcp_call *call, struct lk_error *err)
{
    return call->prompt->get(call, err);
}

static void write_messages(struct mcp_call *call, struct lk_buf *out)
{
    lk_buf_lit(out, "{\"description\":\"");
    lk_json_escape(out, lk_str(call->prompt->description));
    lk_buf_lit(out, "\",\"messages\":[");
    for (const struct mcp_block *block = call->blocks; block != NULL; block = block->next) {
        lk_buf_printf(
            out, "{\"role\":\"%s\",\"content\":", block->from_assistant ? "assistant" : "user");
        mcp_content_write(out, &block->content, call->revision);
        lk_buf_char(out, '}');
        if (block->next != NULL)
            lk_buf_char(out, ',');
    }
    lk_buf_char(out, ']');
}

static void reply_get(struct mcp_call *call, struct lk_error *err)
{
    struct lk_buf out;
    size_t room = 6 * strlen(call->prompt->description);

    if (mcp_result_reply_early(call, err))
        return;
    if (err->kind == LK_ERROR_NONE && call->blocks == NULL)
        lk_fail(err, LK_ERROR_INTERNAL, "the prompt said nothing");
    if (err->kind != LK_ERROR_NONE) {
        mcp_result_reply_error(call, err, false);
        return;
    }
    for (const struct mcp_block *block = call->blocks; block != NULL; block = block->next)
        room += mcp_content_room(&block->content) + 64;
    out = mcp_response_begin(call, room);
    write_messages(call, &out);
    if (mcp_is_modern(call->revision))
        mcp_write_complete(&out, call->server);
    mcp_response_end(call, &out);
}

static const struct mcp_tool get_row = {.name = "prompts/get", .group = &mcp_protocol_group};
static const struct mcp_target get_target = {&get_row, run_get, reply_get};

static bool put_value(struct mcp_request *request, const struct mcp_prompt *prompt,
                      struct lk_str name, struct lk_str raw, struct lk_str *values)
{
    for (size_t i = 0; i < prompt->n_arguments; i++) {
        if (!lk_str_eq(name, lk_str(prompt->arguments[i].name)))
            continue;
        if (lk_json_type(raw) != LK_JSON_STRING ||
            lk_json_string_length(raw) > MCP_MAX_VALUE_BYTES || values[i].ptr != NULL) {
            mcp_refuse_params(request, "argument %s: expected one string of at most %zu bytes",
                              prompt->arguments[i].name, MCP_MAX_VALUE_BYTES);
            return false;
        }
        values[i] = lk_arena_str(request->arena, lk_json_decode_string(request->arena, raw));
        return true;
    }
    mcp_refuse_params(request, "unknown argument \"%.*s\" of the prompt %s",
                      name.len < 100 ? (int)name.len : 100, name.ptr, prompt->name);
    return false;
}

/* False when it has been refused. */
static bool read_values(struct mcp_request *request, const struct mcp_prompt *prompt,
                        struct lk_str arguments, struct lk_str *values)
{
    struct lk_json_iter it = lk_json_iter(arguments);
    struct lk_str key, raw;

    while (lk_json_next(&it, &key, &raw)) {
        if (!put_value(request, prompt, lk_json_decode_key(request->arena, key), raw, values))
            return false;
    }
    for (size_t i = 0; i < prompt->n_arguments; i++) {
        /* A form that was left empty says as much as none. */
        if (!prompt->arguments[i].required || lk_str_trim(values[i]).len != 0)
            continue;
        mcp_refuse_params(request, "argument %s of the prompt %s is missing: %s",
                          prompt->arguments[i].name, prompt->name,
                          prompt->arguments[i].description);
        return false;
    }
    return true;
}

static const struct mcp_prompt *named_prompt(struct mcp_request *request)
{
    const struct mcp_prompt *prompt;
    struct lk_str name;

    if (!mcp_param_string(request, request->message.params, "name", &name)) {
        mcp_refuse_params(request, "params.name must be a string");
        return NULL;
    }
    prompt = mcp_prompt_find(request->server, name);
    if (prompt == NULL)
        mcp_refuse_params(request, "unknown prompt \"%.*s\"; prompts/list says which there are",
                          name.len < 100 ? (int)name.len : 100, name.ptr);
    return prompt;
}

/* {"prompt":…,"arguments":{…}} */
static struct lk_str kept_arguments(const struct mcp_call *call)
{
    struct lk_buf out;
    struct lk_json_writer w = lk_json_writer(&out);
    struct lk_str text;

    lk_buf_init(&out, 4096 + MCP_MAX_VALUES * 6 * MCP_MAX_VALUE_BYTES);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "prompt", lk_str(call->prompt->name));
    lk_json_key(&w, "arguments");
    lk_json_begin_object(&w);
    for (size_t i = 0; i < call->n_values; i++) {
        if (call->values[i].ptr != NULL)
            lk_json_member_string(&w, call->known[i].name, call->values[i]);
    }
    lk_json_end_object(&w);
    lk_json_end_object(&w);
    text = lk_arena_str(call->arena, lk_buf_view(&out));
    lk_buf_free(&out);
    return text;
}

void mcp_prompts_get(struct mcp_request *request)
{
    struct lk_str *values = lk_arena_array(request->arena, MCP_MAX_VALUES, sizeof(*values));
    const struct mcp_prompt *prompt = named_prompt(request);
    struct mcp_rpc_error rpc_err;
    struct lk_str arguments = {0};
    struct lk_error err = {0};
    struct mcp_call *call;

    if (prompt == NULL)
        return;
    if (lk_json_get(request->message.params, LK_STR("arguments"), &arguments) &&
        lk_json_type(arguments) != LK_JSON_OBJECT) {
        mcp_refuse_params(request, "params.arguments must be an object");
        return;
    }
    if (!read_values(request, prompt, arguments, values))
        return;
    if (!mcp_ask_read(request, lk_str(prompt->name), arguments, &rpc_err)) {
        mcp_reply_error(request->inbound, request->message.id, &rpc_err);
        return;
    }
    call = mcp_call_new(request, &get_target);
    call->prompt = prompt;
    call->known = prompt->arguments;
    call->values = values;
    call->n_values = prompt->n_arguments;
    if (call->server->options.keep_arguments)
        call->arguments = kept_arguments(call);
    mcp_call_launch(request, call, &err);
}

const struct mcp_prompt *mcp_call_prompt(const struct mcp_call *call)
{
    return call->prompt;
}
