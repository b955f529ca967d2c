/*
 * See bag.h. Sorted once, then searched: lists of thousands are compared in no time.
 */
#include "handlers/workflows/bag.h"

#include <assert.h>
#include <stdlib.h>

void lk_bag_init(struct lk_bag *bag, struct lk_arena *arena, size_t max)
{
    *bag = (struct lk_bag){
        .items = lk_arena_array(arena, max, sizeof(*bag->items)),
        .max = max,
    };
}

void lk_bag_put(struct lk_bag *bag, struct lk_str key, size_t number)
{
    assert(bag->n < bag->max && !bag->sorted);
    bag->items[bag->n++] = (struct lk_bag_item){.key = key, .number = number};
}

static int compare_keys(struct lk_str a, struct lk_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *a_, const void *b_)
{
    const struct lk_bag_item *a = a_, *b = b_;
    int order = compare_keys(a->key, b->key);

    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

/* The first item of the key, or NULL. */
static struct lk_bag_item *find(const struct lk_bag *bag, struct lk_str key)
{
    size_t low = 0, high = bag->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_keys(bag->items[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < bag->n && lk_str_eq(bag->items[low].key, key) ? &bag->items[low] : NULL;
}

bool lk_bag_take(struct lk_bag *bag, struct lk_str key, size_t *ret_number)
{
    struct lk_bag_item *first, *item;

    if (!bag->sorted && bag->n > 0)
        qsort(bag->items, bag->n, sizeof(*bag->items), compare);
    bag->sorted = true;
    first = find(bag, key);
    if (first == NULL)
        return false;
    item = first + first->taken;
    if (item == bag->items + bag->n || !lk_str_eq(item->key, key))
        return false;
    first->taken++;
    bag->n_taken++;
    if (ret_number != NULL)
        *ret_number = item->number;
    return true;
}

void lk_bag_each_left(const struct lk_bag *bag, void (*fn)(void *arg, size_t number), void *arg)
{
    for (size_t i = 0; i < bag->n;) {
        const struct lk_bag_item *first = &bag->items[i];
        for (; i < bag->n && lk_str_eq(bag->items[i].key, first->key); i++) {
            if (&bag->items[i] >= first + first->taken)
                fn(arg, bag->items[i].number);
        }
    }
}
