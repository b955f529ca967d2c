/*
 * Heap allocation that cannot fail (base/memory.h). Called by the arena, the buffers, and the
 * runtime for what outlives a call.
 */
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

static void out_of_memory(size_t size) __attribute__((noreturn));
static void out_of_memory(size_t size)
{
    fprintf(stderr, "out of memory: %zu bytes more were refused; give the process more\n", size);
    abort();
}

void *lk_memory_new(size_t size)
{
    void *ptr = calloc(1, size > 0 ? size : 1);
    if (ptr == NULL)
        out_of_memory(size);
    return ptr;
}

void *lk_memory_resize(void *ptr, size_t size)
{
    void *moved = realloc(ptr, size > 0 ? size : 1);
    if (moved == NULL)
        out_of_memory(size);
    return moved;
}
