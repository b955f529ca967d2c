/*
 * What the files of handlers/offers share.
 */
#ifndef LK_HANDLERS_OFFERS_INTERNAL_H
#define LK_HANDLERS_OFFERS_INTERNAL_H

#include "handlers/offers/offers.h"

#define LK_EXPLORE_URI "looker://models/{model}/explores/{explore}"

/* offers.c: whether all tools of these names, up to a NULL, are served. */
bool lk_offers_has_all(const struct mcp_tool *const *tools, size_t n_tools,
                       const char *const *names);

/* instructions.c: after the resources and prompts were chosen. */
void lk_offers_instruct(struct lk_offers *offers, const struct mcp_tool *const *tools,
                        size_t n_tools);

/* read.c: mcp_resource.read, and struct mcp_server_options.list_resources. */
bool lk_read_file(struct mcp_call *call, struct lk_error *err);
bool lk_read_look(struct mcp_call *call, struct lk_error *err);
bool lk_list_explores(struct mcp_call *call, struct lk_str cursor, struct lk_error *err);

/* suggest.c: mcp_argument.complete. Each uses what is known of the arguments before it: model and
 * explore, project. What Looker does not have, or hides from the caller, is not suggested; that is
 * no error. */
bool lk_suggest_model(struct mcp_call *call, struct lk_str typed, struct lk_error *err);
bool lk_suggest_explore(struct mcp_call *call, struct lk_str typed, struct lk_error *err);
bool lk_suggest_field(struct mcp_call *call, struct lk_str typed, struct lk_error *err);
bool lk_suggest_project(struct mcp_call *call, struct lk_str typed, struct lk_error *err);
bool lk_suggest_branch(struct mcp_call *call, struct lk_str typed, struct lk_error *err);
bool lk_suggest_path(struct mcp_call *call, struct lk_str typed, struct lk_error *err);
bool lk_suggest_dashboard(struct mcp_call *call, struct lk_str typed, struct lk_error *err);
bool lk_suggest_look(struct mcp_call *call, struct lk_str typed, struct lk_error *err);

/* prompts.c: of rows with the same name, which stand together, the first one that can be is
 * offered. */
#define LK_N_PROMPT_ROWS 5
struct lk_prompt_row {
    struct mcp_prompt prompt;
    const char *const *tools; /* that its text names; NULL-terminated */
};
extern const struct lk_prompt_row lk_prompt_rows[LK_N_PROMPT_ROWS];

#endif
