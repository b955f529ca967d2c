/*
 * Resources as the registry knows them: what is listed, how an address leads to a row, who reads
 * it. A row whose address has variables is a template (RFC 6570, level 1):
 *
 *     looker://models/{model}/explores/{explore}     each value percent-encoded
 *
 * Reading is a call like a tool's: on a coroutine, in flight, admitted and cancelled as one.
 */
#ifndef MCP_RESOURCE_H
#define MCP_RESOURCE_H

#include "mcp/tool.h"

#define MCP_MAX_VALUES 8                       /* variables of a resource, arguments of a prompt */
#define MCP_MAX_VALUE_BYTES ((size_t)8 * 1024) /* of one of them */
#define MCP_MAX_COMPLETIONS 100                /* in one answer (MCP, CompleteResult) */

/* A variable of a resource, or an argument of a prompt. */
struct mcp_argument {
    const char *name, *title, *description;
    bool required;     /* of a prompt's; a variable always is */
    bool with_slashes; /* of a resource's last variable: it takes all that is left of the address */
    /*
     * Names what this one may be, with mcp_call_suggest, for a caller who has typed some of it (or
     * nothing: empty). The others that are known already are mcp_call_value's. On a coroutine, and
     * may await. All that there are will do: the core ranks them and takes those that fit. NULL:
     * there is nothing to suggest.
     */
    bool (*complete)(struct mcp_call *call, struct lk_str typed, struct lk_error *err);
};

struct mcp_resource {
    const char *uri; /* with {variable}s: a template */
    const char *name, *title, *description;
    const char *mime_type;
    const struct mcp_argument *arguments; /* its variables, in their order */
    size_t n_arguments;
    /*
     * The tool that reads it, with the variables as its arguments: then who may not call the one
     * may not read the other. NULL: `read` does.
     */
    const struct mcp_tool *tool;
    const char *const *tool_arguments; /* what the tool calls each variable; NULL: the same */
    const char *tool_constants; /* further members of its arguments, `"a":1,"b":2`, or NULL */
    /*
     * Adds what was read with mcp_call_add_content: texts and blobs; an empty `uri` is the one that
     * was asked for. With a `tool` it runs after that, and finds what it wrote in mcp_call_answer;
     * NULL: that is the text. An error of status 404 means that there is no such resource.
     */
    bool (*read)(struct mcp_call *call, struct lk_error *err);
    const void *binding; /* what `read` needs to know of this row; opaque here */
    uint32_t ttl_ms;     /* for how long what was read may be believed (2026-07-28) */
};

/* What resources/list shows beside the rows without variables. Strings may be empty, but for `uri`
 * and `name`; they are copied. */
struct mcp_listed_resource {
    struct lk_str uri, name, title, description, mime_type;
};
void mcp_call_add_resource(struct mcp_call *call, const struct mcp_listed_resource *resource);
/* There is another page, which this leads to. Copied. */
void mcp_call_set_next_cursor(struct mcp_call *call, struct lk_str cursor);

const struct mcp_resource *mcp_call_resource(const struct mcp_call *call); /* that is read */
struct lk_str mcp_call_uri(const struct mcp_call *call);                   /* as it was asked for */

/* The value of a variable or argument, decoded; ptr NULL when it was not given. */
struct lk_str mcp_call_value(const struct mcp_call *call, const char *name);

/* One of the values that an argument may have; must live as long as mcp_call_arena(call). */
void mcp_call_suggest(struct mcp_call *call, struct lk_str value);

/* Appends the address that the values (one a variable, in their order) make of a template. */
void mcp_uri_write(struct lk_buf *out, const char *uri_template, const struct lk_str *values);

#endif
