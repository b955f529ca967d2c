/*
 * The arena of base/arena.h. Chunks double from 4 KiB to 256 KiB; what would waste a good part of a
 * chunk gets one of its own, put behind the newest so that this one stays in use. Under
 * AddressSanitizer the unused part of a chunk is poisoned, so overruns between two allocations are
 * seen as well.
 */
#include "base/arena.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define LK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LK_ASAN 1
#endif
#endif
#ifdef LK_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(ptr, size) ((void)(ptr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(ptr, size) ((void)(ptr), (void)(size))
#endif

#define ALIGNMENT ((size_t)16)
#define FIRST_CHUNK ((size_t)4 << 10)
#define SMALL_CHUNK ((size_t)1 << 10)
#define LAST_CHUNK ((size_t)256 << 10)

struct chunk {
    struct chunk *older;
    size_t size; /* of data */
    size_t used;
    _Alignas(16) unsigned char data[];
};

struct deferred {
    struct deferred *earlier;
    void (*fn)(void *arg);
    void *arg;
};

struct lk_arena {
    struct chunk *newest;
    struct deferred *last;
    size_t next_size; /* of the next ordinary chunk, its head included */
};

static struct chunk *new_chunk(size_t data_size)
{
    /* Not zeroed here: most calls use a small part of their last chunk. */
    struct chunk *chunk = lk_memory_resize(NULL, sizeof(*chunk) + data_size);
    *chunk = (struct chunk){.size = data_size};
    ASAN_POISON_MEMORY_REGION(chunk->data, data_size);
    return chunk;
}

/* `rounded` is `size` rounded up to the alignment; only `size` bytes become accessible. */
static void *take(struct chunk *chunk, size_t size, size_t rounded)
{
    void *ptr = chunk->data + chunk->used;
    chunk->used += rounded;
    ASAN_UNPOISON_MEMORY_REGION(ptr, size);
    memset(ptr, 0, size);
    return ptr;
}

struct lk_arena *lk_arena_new(void)
{
    struct lk_arena *arena = lk_memory_new(sizeof(*arena));
    arena->next_size = FIRST_CHUNK;
    return arena;
}

struct lk_arena *lk_arena_new_small(void)
{
    struct lk_arena *arena = lk_arena_new();

    arena->next_size = SMALL_CHUNK;
    return arena;
}

void lk_arena_free(struct lk_arena *arena)
{
    if (arena == NULL)
        return;
    /* A deferred function may allocate and may defer: the list is read anew each time. */
    while (arena->last != NULL) {
        struct deferred *deferred = arena->last;
        arena->last = deferred->earlier;
        deferred->fn(deferred->arg);
    }
    struct chunk *chunk = arena->newest;
    while (chunk != NULL) {
        struct chunk *older = chunk->older;
        ASAN_UNPOISON_MEMORY_REGION(chunk->data, chunk->size);
        free(chunk);
        chunk = older;
    }
    free(arena);
}

static void *alloc_slow(struct lk_arena *arena, size_t size, size_t rounded)
{
    size_t ordinary = arena->next_size - sizeof(struct chunk);

    if (rounded > ordinary / 2) {
        struct chunk *own = new_chunk(rounded);
        if (arena->newest == NULL) {
            arena->newest = own;
        } else {
            own->older = arena->newest->older;
            arena->newest->older = own;
        }
        return take(own, size, rounded);
    }

    struct chunk *chunk = new_chunk(ordinary);
    chunk->older = arena->newest;
    arena->newest = chunk;
    if (arena->next_size < LAST_CHUNK)
        arena->next_size *= 2;
    return take(chunk, size, rounded);
}

void *lk_arena_alloc(struct lk_arena *arena, size_t size)
{
    if (size == 0)
        size = 1;
    if (size > SIZE_MAX / 2)
        (void)lk_memory_new(size); /* ends the process */
    size_t rounded = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);

    struct chunk *chunk = arena->newest;
    if (chunk != NULL && chunk->size - chunk->used >= rounded)
        return take(chunk, size, rounded);
    return alloc_slow(arena, size, rounded);
}

void *lk_arena_array(struct lk_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        bytes = SIZE_MAX; /* lk_arena_alloc ends the process */
    return lk_arena_alloc(arena, bytes);
}

struct lk_str lk_arena_str(struct lk_arena *arena, struct lk_str s)
{
    char *copy = lk_arena_alloc(arena, s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    return lk_str_n(copy, s.len);
}

const char *lk_arena_cstr(struct lk_arena *arena, struct lk_str s)
{
    return lk_arena_str(arena, s).ptr;
}

struct lk_str lk_arena_printf(struct lk_arena *arena, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return lk_arena_str(arena, LK_STR(""));

    char *text = lk_arena_alloc(arena, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return lk_str_n(text, (size_t)len);
}

void lk_arena_defer(struct lk_arena *arena, void (*fn)(void *arg), void *arg)
{
    struct deferred *deferred = lk_arena_new_object(arena, struct deferred);
    *deferred = (struct deferred){.earlier = arena->last, .fn = fn, .arg = arg};
    arena->last = deferred;
}
