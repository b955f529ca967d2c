/*
 * The only doors to the heap. Exhaustion ends the process with a message on standard error: with
 * overcommit there is nothing sane to do, and whatever input can make large is bounded before it
 * gets here (struct lk_buf, the limits of config.h).
 */
#ifndef LK_BASE_MEMORY_H
#define LK_BASE_MEMORY_H

#include <stddef.h>

/* Zeroed, never NULL, freed with free(). size 0 counts as 1. */
void *lk_memory_new(size_t size) __attribute__((malloc, returns_nonnull));
/* realloc that never fails; what is new is not zeroed. */
void *lk_memory_resize(void *ptr, size_t size) __attribute__((returns_nonnull));

#endif
