/*
 * Names like one that does not exist: of fields ("view.field"), explores, models.
 */
#ifndef LK_HANDLERS_QUERY_SIMILAR_H
#define LK_HANDLERS_QUERY_SIMILAR_H

#include "base/arena.h"
#include "base/buf.h"

#define LK_SIMILAR_MAX 3

struct lk_similar {
    struct lk_str names[LK_SIMILAR_MAX]; /* the nearest first; those of the candidates */
    size_t n;
};

/*
 * Of the candidates those that a person or a model may have meant: misspelt by a letter or three,
 * the same field of another view, a field whose name has the word in it, and labels ("Order Items
 * Count" for order_items.count).
 */
struct lk_similar lk_similar(struct lk_arena *arena, struct lk_str word,
                             const struct lk_str *candidates, size_t n);

/* Appends `; did you mean "a", "b" or "c"?`, or nothing. */
void lk_similar_put(struct lk_buf *buf, const struct lk_similar *similar);

#endif
