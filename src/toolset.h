/*
 * Which of the generated tools are served: the rows of the chosen groups, in the manifest's order.
 */
#ifndef LK_TOOLSET_H
#define LK_TOOLSET_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "mcp/tool.h"

struct lk_toolset {
    const struct mcp_tool **tools;
    size_t n_tools;
};

/* groups: names separated by commas, "all", or empty for those that are on by default.
 * LK_ERROR_CONFIG names an unknown group, the nearest one and all there are. */
bool lk_toolset_select(struct lk_arena *arena, struct lk_str groups, struct lk_toolset *ret_toolset,
                       struct lk_error *err);

/* For mcp_server_options.explain_unserved: which group has the tool, and how it is served. Nothing
 * for a tool that there is not. */
void lk_toolset_explain(struct lk_str tool, struct lk_buf *out);

#endif
