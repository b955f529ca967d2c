/*
 * The body of an answer, counted against what all answers in memory may take together: one answer
 * has a limit of its own, but many at once would add up. Called by http.c and http_multi.c.
 */
#include "base/memory.h"
#include "rt/http_internal.h"

#include <stdlib.h>

struct lk_http_budget *lk_http_budget_new(size_t max_bytes)
{
    struct lk_http_budget *budget = lk_memory_new(sizeof(*budget));

    budget->max_bytes = max_bytes;
    budget->refs = 1;
    return budget;
}

void lk_http_budget_release(struct lk_http_budget *budget)
{
    if (--budget->refs == 0)
        free(budget);
}

void lk_http_body_drop(struct lk_http_body *body)
{
    body->budget->used_bytes -= body->buf.len;
    lk_buf_free(&body->buf);
}

void lk_http_body_move(struct lk_http_body *body, struct lk_buf *ret_buf)
{
    *ret_buf = body->buf;
    body->budget->used_bytes -= body->buf.len;
    lk_buf_init(&body->buf, ret_buf->max_bytes);
}

static void free_body(void *arg)
{
    struct lk_http_body *body = arg;

    lk_http_body_drop(body);
    lk_http_budget_release(body->budget);
}

struct lk_http_body *lk_http_body_new(struct lk_arena *arena, struct lk_http_budget *budget,
                                      size_t max_bytes)
{
    struct lk_http_body *body = lk_arena_new_object(arena, struct lk_http_body);

    lk_buf_init(&body->buf, max_bytes);
    body->budget = budget;
    budget->refs++;
    lk_arena_defer(arena, free_body, body);
    return body;
}

bool lk_http_body_append(struct lk_http_body *body, const char *bytes, size_t len,
                         bool *ret_over_budget)
{
    struct lk_http_budget *budget = body->budget;

    *ret_over_budget = len > budget->max_bytes - budget->used_bytes;
    if (*ret_over_budget || !lk_buf_append(&body->buf, bytes, len))
        return false;
    budget->used_bytes += len;
    return true;
}
