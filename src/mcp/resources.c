/*
 * Resources: listing them and their templates, reading one. Called by methods.c; what a running
 * call may ask (mcp/resource.h) stands here too.
 *
 *     read ──> the row of the address ──> its tool, if it has one ──> its `read` ──> contents
 *                  └─ none: not found
 */
#include "mcp/internal.h"

/* ---- lists ---- */

static void put_if(struct lk_json_writer *w, const char *key, struct lk_str value)
{
    if (value.len != 0)
        lk_json_member_string(w, key, value);
}

static void write_listed(struct lk_json_writer *w, const char *key,
                         const struct mcp_listed_resource *resource, enum mcp_revision revision)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, key, resource->uri);
    lk_json_member_string(w, "name", resource->name);
    if (revision >= MCP_2025_06_18)
        put_if(w, "title", resource->title);
    put_if(w, "description", resource->description);
    put_if(w, "mimeType", resource->mime_type);
    lk_json_end_object(w);
}

/* Those with variables, or those without. */
static void write_rows(struct lk_json_writer *w, const struct mcp_server *server, bool templates,
                       enum mcp_revision revision)
{
    for (size_t i = 0; i < server->options.n_resources; i++) {
        const struct mcp_resource *resource = server->options.resources[i];

        if (mcp_resource_is_template(resource) == templates)
            write_listed(w, templates ? "uriTemplate" : "uri",
                         &(struct mcp_listed_resource){
                             .uri = lk_str(resource->uri),
                             .name = lk_str(resource->name),
                             .title = lk_str(resource->title),
                             .description = lk_str(resource->description),
                             .mime_type = lk_str(resource->mime_type),
                         },
                         revision);
    }
}

/* Every cursor is unknown where there is one page. */
static bool refuse_cursor(struct mcp_request *request)
{
    struct lk_str cursor;

    if (!lk_json_get(request->message.params, LK_STR("cursor"), &cursor) ||
        lk_json_type(cursor) == LK_JSON_NULL)
        return false;
    mcp_refuse_params(request, "unknown cursor: there is one page");
    return true;
}

static void reply_rows(struct mcp_request *request, const char *key, bool templates)
{
    struct lk_buf out = mcp_result_begin(request);
    struct lk_json_writer w = lk_json_writer(&out);

    lk_json_begin_object(&w);
    lk_json_key(&w, key);
    lk_json_begin_array(&w);
    write_rows(&w, request->server, templates, request->revision);
    lk_json_end_array(&w);
    if (mcp_is_modern(request->revision))
        mcp_write_cacheable(&out, request->server);
    mcp_result_end(request, &out);
}

void mcp_resources_templates_list(struct mcp_request *request)
{
    if (!refuse_cursor(request))
        reply_rows(request, "resourceTemplates", true);
}

#define LIST_TTL_MS 60000

static bool run_list(struct mcp_call *call, struct lk_error *err)
{
    struct lk_json_writer w = lk_json_writer(&call->answer);

    if (call->cursor.ptr == NULL)
        write_rows(&w, call->server, false, call->revision);
    return call->server->options.list_resources(call, call->cursor, err);
}

static void reply_list(struct mcp_call *call, struct lk_error *err)
{
    struct lk_buf out;

    if (err->kind == LK_ERROR_NONE && call->answer.overflow)
        lk_fail(err, LK_ERROR_LIMIT, "the list is larger than %zu bytes, the limit of one answer",
                call->answer.max_bytes);
    if (err->kind != LK_ERROR_NONE) {
        mcp_result_reply_error(call, err, false);
        return;
    }
    out = mcp_response_begin(call, call->answer.len + 8 * call->next_cursor.len);
    lk_buf_lit(&out, "{\"resources\":[");
    lk_buf_str(&out, lk_buf_view(&call->answer));
    lk_buf_char(&out, ']');
    if (call->next_cursor.ptr != NULL) {
        lk_buf_lit(&out, ",\"nextCursor\":\"");
        lk_json_escape(&out, call->next_cursor);
        lk_buf_char(&out, '"');
    }
    if (mcp_is_modern(call->revision))
        mcp_write_private(&out, call->server, LIST_TTL_MS);
    mcp_response_end(call, &out);
}

static const struct mcp_tool list_row = {.name = "resources/list", .group = &mcp_protocol_group};
static const struct mcp_target list_target = {&list_row, run_list, reply_list};

void mcp_resources_list(struct mcp_request *request)
{
    struct lk_str raw, cursor = {0};
    struct lk_error err = {0};
    struct mcp_call *call;

    if (request->server->options.list_resources == NULL) {
        if (!refuse_cursor(request))
            reply_rows(request, "resources", false);
        return;
    }
    if (lk_json_get(request->message.params, LK_STR("cursor"), &raw) &&
        lk_json_type(raw) != LK_JSON_NULL &&
        !mcp_param_string(request, request->message.params, "cursor", &cursor)) {
        mcp_refuse_params(request, "params.cursor must be a string");
        return;
    }
    call = mcp_call_new(request, &list_target);
    call->cursor = cursor;
    if (call->server->options.keep_arguments)
        call->arguments = LK_STR("{}");
    mcp_call_launch(request, call, &err);
}

void mcp_call_add_resource(struct mcp_call *call, const struct mcp_listed_resource *resource)
{
    struct lk_json_writer w = {.buf = &call->answer, .comma = call->answer.len != 0};

    write_listed(&w, "uri", resource, call->revision);
}

void mcp_call_set_next_cursor(struct mcp_call *call, struct lk_str cursor)
{
    call->next_cursor = lk_arena_str(call->arena, cursor);
}

/* ---- reading ---- */

static bool run_read(struct mcp_call *call, struct lk_error *err)
{
    const struct mcp_resource *resource = call->resource;

    if (resource->tool != NULL && !mcp_tool_run(call, err))
        return false;
    if (call->failed)
        return lk_fail(err, LK_ERROR_UPSTREAM, "%s could not read it", resource->tool->name);
    return resource->read == NULL || resource->read(call, err);
}

static bool check_read(struct mcp_call *call, struct lk_error *err)
{
    if (call->blocks != NULL)
        return true;
    if (call->answer.overflow)
        return lk_fail(
            err, LK_ERROR_LIMIT,
            "the resource is larger than %zu bytes, the limit of one answer; a tool reads "
            "it in parts",
            call->answer.max_bytes);
    if (call->answer.len == 0)
        return lk_fail(err, LK_ERROR_INTERNAL, "reading the resource gave nothing");
    mcp_call_add_content(
        call, &(struct mcp_content){.kind = MCP_CONTENT_TEXT, .bytes = lk_buf_view(&call->answer)});
    return true;
}

static void write_contents(struct mcp_call *call, struct lk_buf *out)
{
    lk_buf_lit(out, "{\"contents\":[");
    for (struct mcp_block *block = call->blocks; block != NULL; block = block->next) {
        struct mcp_content content = block->content;

        if (content.uri.len == 0)
            content.uri = call->uri;
        if (content.mime_type.len == 0)
            content.mime_type = lk_str(call->resource->mime_type);
        mcp_content_write_resource(out, &content);
        if (block->next != NULL)
            lk_buf_char(out, ',');
    }
    lk_buf_char(out, ']');
}

static void reply_read(struct mcp_call *call, struct lk_error *err)
{
    struct lk_buf out;
    size_t room = 0;

    if (mcp_result_reply_early(call, err))
        return;
    if (err->kind != LK_ERROR_NONE || !check_read(call, err)) {
        mcp_result_reply_error(call, err, err->status == 404);
        return;
    }
    for (const struct mcp_block *block = call->blocks; block != NULL; block = block->next)
        room += mcp_content_room(&block->content) + 6 * call->uri.len;
    out = mcp_response_begin(call, room);
    write_contents(call, &out);
    if (mcp_is_modern(call->revision))
        mcp_write_private(&out, call->server, call->resource->ttl_ms);
    mcp_response_end(call, &out);
}

static const struct mcp_tool read_row = {.name = "resources/read", .group = &mcp_protocol_group};
static const struct mcp_target read_target = {&read_row, run_read, reply_read};

/* The JSON object that the tool takes. */
static struct lk_str tool_arguments(struct lk_arena *arena, const struct mcp_resource *resource,
                                    const struct lk_str *values)
{
    struct lk_buf out;
    struct lk_json_writer w = lk_json_writer(&out);
    struct lk_str text;

    lk_buf_init(&out, MCP_MAX_VALUES * 8 * MCP_MAX_VALUE_BYTES);
    lk_json_begin_object(&w);
    for (size_t i = 0; i < resource->n_arguments; i++)
        lk_json_member_string(&w,
                              resource->tool_arguments != NULL ? resource->tool_arguments[i]
                                                               : resource->arguments[i].name,
                              values[i]);
    if (resource->tool_constants != NULL) {
        lk_buf_char(&out, ',');
        lk_buf_str(&out, lk_str(resource->tool_constants));
    }
    lk_json_end_object(&w);
    text = lk_arena_str(arena, lk_buf_view(&out));
    lk_buf_free(&out);
    return text;
}

static struct lk_str uri_arguments(struct lk_arena *arena, struct lk_str uri)
{
    struct lk_buf out;
    struct lk_json_writer w = lk_json_writer(&out);
    struct lk_str text;

    lk_buf_init(&out, 64 + 6 * uri.len);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "uri", uri);
    lk_json_end_object(&w);
    text = lk_arena_str(arena, lk_buf_view(&out));
    lk_buf_free(&out);
    return text;
}

/* The row of an address, and the values in it (an array of MCP_MAX_VALUES). */
static const struct mcp_resource *find(struct mcp_request *request, struct lk_str uri,
                                       struct lk_str *ret_values)
{
    const struct mcp_server_options *options = &request->server->options;

    for (size_t i = 0; i < options->n_resources; i++) {
        if (mcp_uri_match(request->arena, options->resources[i], uri, ret_values))
            return options->resources[i];
    }
    return NULL;
}

static void refuse_unknown(struct mcp_request *request, struct lk_str uri)
{
    struct lk_str arguments = uri_arguments(request->arena, lk_str_cut(uri, 2000));
    struct mcp_rpc_error err;

    mcp_rpc_fail(
        &err, mcp_is_modern(request->revision) ? MCP_INVALID_PARAMS : MCP_RESOURCE_NOT_FOUND, 200,
        "there is no resource with that URI; resources/list and resources/templates/list "
        "say which there are, and values in a URI are percent-encoded");
    err.data = arguments;
    mcp_reply_error(request->inbound, request->message.id, &err);
}

static struct mcp_call *new_read(struct mcp_request *request, const struct mcp_resource *resource,
                                 struct lk_str uri, struct lk_str *values, struct lk_error *err)
{
    struct mcp_call *call = mcp_call_new(request, &read_target);
    struct lk_str arguments;

    call->resource = resource;
    call->uri = uri;
    call->known = resource->arguments;
    call->values = values;
    call->n_values = resource->n_arguments;
    if (resource->tool == NULL) {
        arguments = uri_arguments(call->arena, uri);
    } else {
        call->tool = resource->tool;
        arguments = tool_arguments(call->arena, resource, values);
        mcp_tool_decode(call, arguments, err);
    }
    if (call->server->options.keep_arguments)
        call->arguments = arguments;
    return call;
}

void mcp_resources_read(struct mcp_request *request)
{
    struct lk_str *values = lk_arena_array(request->arena, MCP_MAX_VALUES, sizeof(*values));
    const struct mcp_resource *resource;
    struct mcp_rpc_error rpc_err;
    struct lk_error err = {0};
    struct mcp_call *call;
    struct lk_str uri;

    if (!mcp_param_string(request, request->message.params, "uri", &uri)) {
        mcp_refuse_params(request, "params.uri must be a string");
        return;
    }
    resource = find(request, uri, values);
    if (resource == NULL) {
        refuse_unknown(request, uri);
        return;
    }
    if (!mcp_ask_read(request, uri, (struct lk_str){0}, &rpc_err)) {
        mcp_reply_error(request->inbound, request->message.id, &rpc_err);
        return;
    }
    call = new_read(request, resource, uri, values, &err);
    mcp_call_launch(request, call, &err);
}

const struct mcp_resource *mcp_call_resource(const struct mcp_call *call)
{
    return call->resource;
}

struct lk_str mcp_call_uri(const struct mcp_call *call)
{
    return call->uri;
}

struct lk_str mcp_call_value(const struct mcp_call *call, const char *name)
{
    for (size_t i = 0; i < call->n_values; i++) {
        if (strcmp(call->known[i].name, name) == 0)
            return call->values[i];
    }
    return (struct lk_str){0};
}
