/*
 * Lists that Looker pages, as the answer of handlers that choose between operations.
 */
#ifndef LK_HANDLERS_LISTING_H
#define LK_HANDLERS_LISTING_H

#include "api/api.h"
#include "base/error.h"
#include "mcp/tool.h"
#include "json/project.h"

/* The page that is asked for, and what of it goes into the answer. */
struct lk_page {
    struct lk_api_request request;          /* is answered with a list */
    int64_t offset, limit;                  /* with which it was asked for */
    bool (*leaves_out)(struct lk_str item); /* NULL: no item */
    const struct lk_projection *projection; /* of each item; NULL: whole */
    /* In place of the projection, unless NULL: appends the item's JSON. */
    void (*write)(struct lk_arena *arena, struct lk_str item, struct lk_buf *out);
};

/*
 * Awaits. Reads the page item by item, and writes {"count":n,"items":[…]}, with next_offset when
 * there may be another page, and truncated when the byte limit cut this one. Errors: those of
 * lk_each; LK_ERROR_LIMIT as of lk_items_check.
 */
bool lk_answer_page(struct mcp_call *call, const struct lk_page *page, struct lk_error *err);

#endif
