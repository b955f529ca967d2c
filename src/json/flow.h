/*
 * JSON that comes in pieces: finds the items of one list in it, so that neither the text nor the
 * list is ever in memory as a whole; what is held is one item at a time.
 *
 *     [item, item, …]                            the text is the list
 *     {"a": …, "data": [item, item, …], …}       or a member of it is, whose name is known
 *
 * Where a piece ends does not matter. Every item and member that is handed on has passed
 * lk_json_check, but for what is handed on without its text, of which only the brackets and quotes
 * were looked at.
 */
#ifndef LK_JSON_FLOW_H
#define LK_JSON_FLOW_H

#include "base/buf.h"
#include "base/error.h"
#include "json/scan.h"
#include "json/skip.h"

/* So large may one item or member be at all, though it be passed over: what does not end is not an
 * answer. More is LK_ERROR_LIMIT. */
#define LK_JSON_FLOW_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* For max_item_bytes of lists that are projected: so large one item may be as it comes, to be held;
 * what is left of it is another matter. */
#define LK_JSON_FLOW_ITEM_BYTES ((size_t)16 * 1024 * 1024)

/* Borrowed strings; they must outlive the flow. */
struct lk_json_flow_options {
    const char *const *lists; /* names of the member that is the list, NULL-terminated; the first
                                 that is there counts. NULL: only a text that is a list has one */
    size_t max_item_bytes;    /* a larger one is LK_ERROR_LIMIT, unless: */
    bool passes_large_items;  /* they are handed on without their text */
    size_t max_member_bytes;  /* a larger one is handed on without its value */
    /* What is handed on is gone when these return; false: that was enough. `key` is as of
     * lk_json_next, and ptr of an item or value is NULL when it was too large. `member` may be
     * NULL. */
    bool (*item)(void *arg, struct lk_str item);
    bool (*member)(void *arg, struct lk_str key, struct lk_str value);
    void *arg;
};

struct lk_json_flow {
    struct lk_json_flow_options options;
    enum lk_json_type type; /* of the text; LK_JSON_INVALID: nothing has come */
    bool has_list;
    bool enough;   /* said item or member */
    size_t bytes_; /* of the pieces before this one */
    const char *piece_;
    size_t value_at_; /* where in the text the value began that comes */
    uint8_t state_;
    bool nested_;   /* the list is a member */
    bool in_value_; /* a value or key comes */
    bool passing_;  /* it is too large to be handed on */
    struct lk_json_pass pass_;
    struct lk_buf held_, key_;
};

void lk_json_flow_init(struct lk_json_flow *flow, const struct lk_json_flow_options *options);
void lk_json_flow_free(struct lk_json_flow *flow);

/* Takes the next piece. False: enough (flow->enough), or an error: LK_ERROR_LIMIT for an item that
 * is too large or nested too deep, LK_ERROR_PARSE for what is no JSON, no list and no object. */
bool lk_json_flow_feed(struct lk_json_flow *flow, struct lk_str piece, struct lk_error *err);

/* The text is at its end: LK_ERROR_PARSE when it should not be. */
bool lk_json_flow_end(const struct lk_json_flow *flow, struct lk_error *err);

#endif
