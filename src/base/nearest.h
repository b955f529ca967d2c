/*
 * Did you mean …? The word of a list that a misspelt one is nearest to.
 */
#ifndef LK_BASE_NEAREST_H
#define LK_BASE_NEAREST_H

#include "base/str.h"

/* How many single-character insertions, deletions, replacements and swaps of neighbours lead from
 * one to the other, ASCII case ignored; at most limit + 1. Words over 64 bytes are limit + 1 apart.
 */
unsigned lk_distance(struct lk_str a, struct lk_str b, unsigned limit);

/* The nearest within a third of the word's length (at least 1, at most 3 edits), or NULL. `name`
 * answers the i-th candidate, or NULL after the last. */
const char *lk_nearest(struct lk_str word, const char *(*name)(const void *arg, size_t i),
                       const void *arg);

#endif
