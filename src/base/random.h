/*
 * Numbers that differ from all others, for ids that people look for in logs. Fast, and no secret
 * must depend on them.
 */
#ifndef LK_BASE_RANDOM_H
#define LK_BASE_RANDOM_H

#include <stdint.h>

struct lk_random {
    uint64_t state; /* 0: not begun */
};

uint64_t lk_random_next(struct lk_random *random);

#endif
