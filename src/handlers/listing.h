/*
 * Lists that Looker pages, as the answer of handlers that choose between operations.
 */
#ifndef LK_HANDLERS_LISTING_H
#define LK_HANDLERS_LISTING_H

#include "base/error.h"
#include "mcp/tool.h"
#include "json/project.h"

/* A page as Looker answered it, and what of it goes into the answer. */
struct lk_page {
    struct lk_str list;                     /* a checked JSON array */
    int64_t offset, limit;                  /* with which it was asked for */
    bool (*leaves_out)(struct lk_str item); /* NULL: no item */
    const struct lk_projection *projection; /* of each item; NULL: whole */
    /* In place of the projection, unless NULL: appends the item's JSON. */
    void (*write)(struct lk_arena *arena, struct lk_str item, struct lk_buf *out);
};

/*
 * Writes {"count":n,"items":[…]}, with next_offset when there may be another page, and truncated
 * when the byte limit cut this one. Errors: LK_ERROR_LIMIT as of lk_items_check.
 */
bool lk_write_page(struct mcp_call *call, const struct lk_page *page, struct lk_error *err);

#endif
