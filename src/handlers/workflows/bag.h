/*
 * A bag of texts with a number each, to find out what one list has that another lacks: put the one
 * list in, take the other out. Each text is there as often as it was put in.
 *
 *     lk_bag_init(&bag, arena, n);
 *     for (each of ours) lk_bag_put(&bag, key, i);
 *     for (each of theirs) if (!lk_bag_take(&bag, key, NULL)) … is new …
 *     lk_bag_left(&bag) are gone
 */
#ifndef LK_HANDLERS_WORKFLOWS_BAG_H
#define LK_HANDLERS_WORKFLOWS_BAG_H

#include "base/arena.h"

struct lk_bag_item {
    struct lk_str key;
    size_t number;
    size_t taken; /* of the first one of its key: how many of them */
};

struct lk_bag {
    struct lk_bag_item *items;
    size_t n, max, n_taken;
    bool sorted;
};

/* For at most `max` texts, which must outlive the bag. */
void lk_bag_init(struct lk_bag *bag, struct lk_arena *arena, size_t max);

/* Not after the first lk_bag_take. */
void lk_bag_put(struct lk_bag *bag, struct lk_str key, size_t number);

/* Takes one out; false: there is none (any more). Of equal ones that with the lowest number comes
 * first. ret_number may be NULL. */
bool lk_bag_take(struct lk_bag *bag, struct lk_str key, size_t *ret_number);

static inline size_t lk_bag_left(const struct lk_bag *bag)
{
    return bag->n - bag->n_taken;
}

/* Calls fn with the number of each that is left, in no particular order. */
void lk_bag_each_left(const struct lk_bag *bag, void (*fn)(void *arg, size_t number), void *arg);

#endif
