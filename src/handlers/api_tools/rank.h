/*
 * Which operations are meant by some words. There is no prose to search in, so what counts are the
 * words of names: of ids most, then of paths and tags, parameters, types, and fields least.
 */
#ifndef LK_HANDLERS_API_TOOLS_RANK_H
#define LK_HANDLERS_API_TOOLS_RANK_H

#include "api/operation.h"
#include "base/arena.h"

struct lk_rank_filter {
    struct lk_str tag; /* empty: any; ASCII case is ignored */
    int method;        /* lk_method; below 0: any */
};

struct lk_ranked {
    const struct lk_operation *op;
    int score;
};

struct lk_ranking {
    struct lk_ranked *rows; /* best first */
    size_t n;
};

/* Of a text without words: all that pass the filter, by id. Otherwise those that match at least
 * half of the words, and not much worse than the best one. */
struct lk_ranking lk_rank_operations(struct lk_arena *arena, struct lk_str text,
                                     const struct lk_rank_filter *filter);

#endif
