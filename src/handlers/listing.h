/*
 * Lists that Looker pages, as the answer of handlers that choose between operations.
 */
#ifndef LK_HANDLERS_LISTING_H
#define LK_HANDLERS_LISTING_H

#include "base/error.h"
#include "mcp/tool.h"
#include "json/project.h"

/*
 * Writes {"count":n,"items":[…]}, each item projected, from a page that was asked for with this
 * offset and limit; next_offset when there may be another page, truncated when the byte limit cut
 * this one. list: a checked JSON array.
 */
bool lk_write_page(struct mcp_call *call, struct lk_str list,
                   const struct lk_projection *projection, int64_t offset, int64_t limit,
                   struct lk_error *err);

#endif
