/*
 * Prompts as the registry knows them: what is listed, which arguments they take, who writes them.
 * Getting one is a call like a tool's: on a coroutine, in flight, admitted and cancelled as one.
 */
#ifndef MCP_PROMPT_H
#define MCP_PROMPT_H

#include "mcp/resource.h"

struct mcp_prompt {
    const char *name, *title, *description;
    const struct mcp_argument *arguments;
    size_t n_arguments;
    /* Writes the messages with mcp_call_add_message; at least one. The arguments are
     * mcp_call_value's; the required ones are there. */
    bool (*get)(struct mcp_call *call, struct lk_error *err);
    const void *binding; /* opaque here */
};

const struct mcp_prompt *mcp_call_prompt(const struct mcp_call *call);

/* As mcp_call_add_content, said by the user or (from_assistant) by the model. */
void mcp_call_add_message(struct mcp_call *call, bool from_assistant,
                          const struct mcp_content *content);

#endif
