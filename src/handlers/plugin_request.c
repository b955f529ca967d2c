/*
 * What an identity plug-in is shown of a call. Called by plugin.c.
 */
#include "handlers/plugin.h"

static void fill_headers(struct mcp_call *call, const char *const *names, size_t n,
                         struct looker_identity_request *request)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_identity_header *headers = lk_arena_array(arena, n + 1, sizeof(*headers));

    for (size_t i = 0; i < n; i++) {
        struct lk_str value = mcp_call_header(call, lk_str(names[i]));

        if (value.ptr != NULL)
            headers[request->n_headers++] = (struct looker_identity_header){
                .name = names[i], .value = lk_arena_cstr(arena, value)};
    }
    request->headers = headers;
}

static void fill_caller(struct mcp_call *call, struct looker_identity_request *request)
{
    const struct mcp_caller *verified = mcp_call_caller(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_identity_caller *caller;

    if (verified == NULL)
        return;
    caller = lk_arena_new_object(arena, struct looker_identity_caller);
    *caller = (struct looker_identity_caller){
        .size = sizeof(*caller),
        .subject = lk_arena_cstr(arena, verified->subject),
        .user = lk_arena_cstr(arena, verified->user),
        .scope = lk_arena_cstr(arena, verified->scope),
    };
    request->caller = caller;
}

struct looker_identity_request lk_plugin_request(struct mcp_call *call, const char *const *headers,
                                                 size_t n_headers)
{
    struct lk_str arguments = mcp_call_arguments(call);
    struct looker_identity_request request = {
        .size = sizeof(request),
        .tool = mcp_call_tool(call)->name,
        .group = mcp_call_tool(call)->group->name,
        .arguments = arguments.len > 0 ? lk_arena_cstr(mcp_call_arena(call), arguments) : "{}",
    };

    fill_headers(call, headers, n_headers, &request);
    fill_caller(call, &request);
    return request;
}
