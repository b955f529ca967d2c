/*
 * Lists that Looker answers, looked at item by item as they come: for handlers that need one at a
 * time. Neither the text nor the list is ever in memory as a whole.
 */
#ifndef LK_HANDLERS_EACH_H
#define LK_HANDLERS_EACH_H

#include "api/api.h"

/* Borrowed; may be on the stack. */
struct lk_each {
    struct lk_api_request request;
    uint64_t timeout_ms; /* as of lk_api_stream */
    const char *list;    /* the member that is the list; NULL: the answer is it */
    bool (*item)(void *arg, struct lk_str item); /* gone when it returns; false: that was enough */
    /* The other members, up to LK_EACH_MEMBER_BYTES each, as they come before and after the list;
     * key as of lk_json_next. NULL: they are not wanted. */
    void (*member)(void *arg, struct lk_str key, struct lk_str value);
    void *arg;
};

#define LK_EACH_MEMBER_BYTES ((size_t)4 * 1024)

/*
 * Awaits. Errors: those of lk_api_stream; LK_ERROR_PARSE for an answer of another form, or that
 * ends too early; LK_ERROR_LIMIT for an item that is larger than some MiB. One whose list
 * is null has no items; one without it is of another form.
 */
bool lk_each(struct lk_api *api, struct lk_arena *arena, const struct lk_each *each,
             struct lk_error *err);

#endif
