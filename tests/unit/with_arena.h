/*
 * For tests that need an arena and no more: one a test, freed with it.
 */
#ifndef LK_TEST_WITH_ARENA_H
#define LK_TEST_WITH_ARENA_H

#include "test.h"

#include "base/arena.h"

static struct lk_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = lk_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lk_arena_free(arena);
    return 0;
}

#endif
