/*
 * Resources and prompts: what a client can put before a model without a tool call, and texts that
 * set it to work; and the instructions, which say with which tool to start. Only those are offered
 * whose tools are served, since a text that names a tool which is not there, or a resource that
 * shows what the tools may not, helps nobody.
 *
 *     looker://models/{model}/explores/{explore}   get_explore
 *     looker://projects/{project}/files/{path}     get_file, in production
 *     looker://dashboards/{id}                     get_dashboard
 *     looker://looks/{id}                          its definition (read.c), where Looks are served
 *
 *     explore_dataset, validate_pull_request, audit_instance, clean_up_content   (prompts.c)
 *
 * All run as the caller's principal, like tools.
 */
#ifndef LK_HANDLERS_OFFERS_OFFERS_H
#define LK_HANDLERS_OFFERS_OFFERS_H

#include "mcp/prompt.h"

#define LK_N_RESOURCES 4
#define LK_N_PROMPTS 4

/* Points into itself: it must stay where it is. */
struct lk_offers {
    struct mcp_resource rows[LK_N_RESOURCES];
    const struct mcp_resource *resources[LK_N_RESOURCES];
    size_t n_resources;
    const struct mcp_prompt *prompts[LK_N_PROMPTS];
    size_t n_prompts;
    /* For struct mcp_server_options: the explores that are not hidden, up to 500; NULL: nothing is
     * listed. */
    bool (*list_resources)(struct mcp_call *call, struct lk_str cursor, struct lk_error *err);
    char instructions[2048];
};

/* What goes with these tools. */
void lk_offers_choose(struct lk_offers *ret_offers, const struct mcp_tool *const *tools,
                      size_t n_tools);

#endif
