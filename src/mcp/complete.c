/*
 * completion/complete: what the argument of a prompt, or the variable of a resource's address, may
 * be. The row names all candidates; here they are held against what was typed, ranked and bounded.
 * Called by methods.c, and by rows through mcp_call_suggest.
 */
#include "mcp/internal.h"

#define MAX_TYPED_BYTES 1000

/* ---- candidates ---- */

static bool is_kept(const struct lk_str *values, size_t n, struct lk_str value)
{
    for (size_t i = 0; i < n && i < MCP_MAX_COMPLETIONS; i++) {
        if (lk_str_eq(values[i], value))
            return true;
    }
    return false;
}

/* What begins as it was typed comes before what only has it somewhere; case is ignored. */
void mcp_call_suggest(struct mcp_call *call, struct lk_str value)
{
    struct mcp_suggestions *all = call->suggestions;
    struct lk_str typed = call->typed;
    bool starts = value.len >= typed.len && lk_str_ieq(lk_str_n(value.ptr, typed.len), typed);
    struct lk_str *values = starts ? all->starts : all->contains;
    size_t *n = starts ? &all->n_starts : &all->n_contains;

    if (value.len == 0 || (!starts && !lk_str_icontains(value, typed)) ||
        is_kept(values, *n, value))
        return;
    if (*n < MCP_MAX_COMPLETIONS)
        values[*n] = value;
    ++*n;
}

static bool run_complete(struct mcp_call *call, struct lk_error *err)
{
    return call->argument->complete(call, call->typed, err);
}

static void write_values(struct lk_json_writer *w, const struct mcp_suggestions *all)
{
    size_t n = 0;

    for (size_t i = 0; i < all->n_starts && n < MCP_MAX_COMPLETIONS; i++, n++)
        lk_json_put_string(w, all->starts[i]);
    for (size_t i = 0; i < all->n_contains && n < MCP_MAX_COMPLETIONS; i++, n++)
        lk_json_put_string(w, all->contains[i]);
}

static void write_completion(struct lk_buf *out, const struct mcp_suggestions *all)
{
    struct lk_json_writer w = lk_json_writer(out);
    size_t total = all->n_starts + all->n_contains;

    lk_json_begin_object(&w);
    lk_json_key(&w, "completion");
    lk_json_begin_object(&w);
    lk_json_key(&w, "values");
    lk_json_begin_array(&w);
    write_values(&w, all);
    lk_json_end_array(&w);
    lk_json_member_integer(&w, "total", (int64_t)total);
    lk_json_member_boolean(&w, "hasMore", total > MCP_MAX_COMPLETIONS);
    lk_json_end_object(&w);
}

static void reply_complete(struct mcp_call *call, struct lk_error *err)
{
    struct lk_buf out;
    size_t room = 0;

    if (err->kind != LK_ERROR_NONE) {
        mcp_result_reply_error(call, err, false);
        return;
    }
    for (size_t i = 0; i < MCP_MAX_COMPLETIONS; i++)
        room += 16 + 6 * (call->suggestions->starts[i].len + call->suggestions->contains[i].len);
    out = mcp_response_begin(call, room);
    write_completion(&out, call->suggestions);
    if (mcp_is_modern(call->revision))
        mcp_write_complete(&out, call->server);
    mcp_response_end(call, &out);
}

static const struct mcp_tool complete_row = {.name = "completion/complete",
                                             .group = &mcp_protocol_group};
static const struct mcp_target complete_target = {&complete_row, run_complete, reply_complete};

/* ---- what is completed ---- */

/* What the request refers to. */
struct subject {
    const char *kind, *name; /* "prompt" or "resource"; how it is known */
    const struct mcp_argument *arguments;
    size_t n_arguments;
};

static bool find_prompt(struct mcp_request *request, struct lk_str ref, struct subject *ret_subject)
{
    const struct mcp_prompt *prompt;
    struct lk_str name;

    if (!mcp_param_string(request, ref, "name", &name)) {
        mcp_refuse_params(request, "params.ref.name must be a string");
        return false;
    }
    prompt = mcp_prompt_find(request->server, name);
    if (prompt == NULL) {
        mcp_refuse_params(request, "unknown prompt \"%.*s\"; prompts/list says which there are",
                          name.len < 100 ? (int)name.len : 100, name.ptr);
        return false;
    }
    *ret_subject = (struct subject){"prompt", prompt->name, prompt->arguments, prompt->n_arguments};
    return true;
}

/* By its template, or by an address that is one of it. */
static bool find_resource(struct mcp_request *request, struct lk_str ref,
                          struct subject *ret_subject)
{
    const struct mcp_server_options *options = &request->server->options;
    struct lk_str uri, values[MCP_MAX_VALUES];

    if (!mcp_param_string(request, ref, "uri", &uri)) {
        mcp_refuse_params(request, "params.ref.uri must be a string");
        return false;
    }
    for (size_t i = 0; i < options->n_resources; i++) {
        const struct mcp_resource *resource = options->resources[i];

        if (!lk_str_eq(uri, lk_str(resource->uri)) &&
            !mcp_uri_match(request->arena, resource, uri, values))
            continue;
        *ret_subject =
            (struct subject){"resource", resource->uri, resource->arguments, resource->n_arguments};
        return true;
    }
    mcp_refuse_params(request,
                      "unknown resource template \"%.*s\"; resources/templates/list says "
                      "which there are",
                      uri.len < 100 ? (int)uri.len : 100, uri.ptr);
    return false;
}

static bool find_subject(struct mcp_request *request, struct subject *ret_subject)
{
    struct lk_str ref, type;

    if (!lk_json_get(request->message.params, LK_STR("ref"), &ref) ||
        !mcp_param_string(request, ref, "type", &type))
        type = (struct lk_str){0};
    if (lk_str_eq(type, LK_STR("ref/prompt")))
        return find_prompt(request, ref, ret_subject);
    if (lk_str_eq(type, LK_STR("ref/resource")))
        return find_resource(request, ref, ret_subject);
    mcp_refuse_params(request, "params.ref.type must be \"ref/prompt\" or \"ref/resource\"");
    return false;
}

static const struct mcp_argument *
find_argument(struct mcp_request *request, const struct subject *subject, struct lk_str *ret_typed)
{
    struct lk_str argument, name;

    if (!lk_json_get(request->message.params, LK_STR("argument"), &argument) ||
        !mcp_param_string(request, argument, "name", &name) ||
        !mcp_param_string(request, argument, "value", ret_typed) ||
        ret_typed->len > MAX_TYPED_BYTES) {
        mcp_refuse_params(request,
                          "params.argument must have a name and a value, two strings, the value of "
                          "at most %d bytes",
                          MAX_TYPED_BYTES);
        return NULL;
    }
    for (size_t i = 0; i < subject->n_arguments; i++) {
        if (lk_str_eq(name, lk_str(subject->arguments[i].name)))
            return &subject->arguments[i];
    }
    mcp_refuse_params(request, "the %s %.100s has no argument \"%.*s\"", subject->kind,
                      subject->name, name.len < 100 ? (int)name.len : 100, name.ptr);
    return NULL;
}

/* What the client knows of the others; anything that is no such thing is left out. */
static struct lk_str *read_context(struct mcp_request *request, const struct subject *subject)
{
    static const char *const path[] = {"context", "arguments", NULL};
    struct lk_str *values = lk_arena_array(request->arena, MCP_MAX_VALUES, sizeof(*values));
    struct lk_str arguments, value;

    if (!lk_json_get_path(request->message.params, path, &arguments))
        return values;
    for (size_t i = 0; i < subject->n_arguments; i++) {
        if (mcp_param_string(request, arguments, subject->arguments[i].name, &value) &&
            value.len > 0 && value.len <= MCP_MAX_VALUE_BYTES)
            values[i] = value;
    }
    return values;
}

static struct lk_str kept_arguments(const struct mcp_call *call, const struct subject *subject)
{
    struct lk_buf out;
    struct lk_json_writer w = lk_json_writer(&out);
    struct lk_str text;

    lk_buf_init(&out, 16384 + MCP_MAX_VALUES * 6 * MCP_MAX_VALUE_BYTES);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, subject->kind, lk_str(subject->name));
    lk_json_member_string(&w, "argument", lk_str(call->argument->name));
    lk_json_member_string(&w, "value", call->typed);
    lk_json_key(&w, "context");
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

static void reply_nothing_to_suggest(struct mcp_request *request)
{
    static const struct mcp_suggestions none;
    struct lk_buf out = mcp_result_begin(request);

    write_completion(&out, &none);
    if (mcp_is_modern(request->revision))
        mcp_write_complete(&out, request->server);
    mcp_result_end(request, &out);
}

void mcp_complete(struct mcp_request *request)
{
    const struct mcp_argument *argument;
    struct lk_error err = {0};
    struct subject subject;
    struct lk_str typed, *values;
    struct mcp_call *call;

    if (!find_subject(request, &subject))
        return;
    argument = find_argument(request, &subject, &typed);
    if (argument == NULL)
        return;
    if (argument->complete == NULL) {
        reply_nothing_to_suggest(request);
        return;
    }
    values = read_context(request, &subject);
    call = mcp_call_new(request, &complete_target);
    call->argument = argument;
    call->typed = typed;
    call->known = subject.arguments;
    call->values = values;
    call->n_values = subject.n_arguments;
    call->suggestions = lk_arena_new_object(call->arena, struct mcp_suggestions);
    if (call->server->options.keep_arguments)
        call->arguments = kept_arguments(call, &subject);
    mcp_call_launch(request, call, &err);
}
