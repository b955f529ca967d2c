/*
 * An arena: what one call needs is allocated from it and goes all at once when the call ends.
 *
 *     arena -> chunk -> chunk -> chunk        bump allocation in the newest
 *           -> deferred -> deferred           run in reverse order by lk_arena_free
 *
 * Memory exhaustion ends the process with a message: with overcommit there is nothing sane to do,
 * and whatever input can make large is bounded before it gets here (struct lk_buf, limits).
 * Not thread-safe: an arena belongs to one worker.
 */
#ifndef LK_BASE_ARENA_H
#define LK_BASE_ARENA_H

#include "base/str.h"

#include <stdarg.h>

struct lk_arena;

struct lk_arena *lk_arena_new(void);
/* For little, where there may be thousands: begins with a quarter of what others begin with. */
struct lk_arena *lk_arena_new_small(void);

/* Runs the deferred functions, last first, then frees everything. NULL is legal. */
void lk_arena_free(struct lk_arena *arena);

/* Zeroed, aligned for any type, never NULL; size 0 gives a valid pointer. */
void *lk_arena_alloc(struct lk_arena *arena, size_t size);
#define lk_arena_new_object(arena, type) ((type *)lk_arena_alloc((arena), sizeof(type)))
/* count * size with an overflow check. */
void *lk_arena_array(struct lk_arena *arena, size_t count, size_t size);

/* Copies; the copy is NUL-terminated as well. */
struct lk_str lk_arena_str(struct lk_arena *arena, struct lk_str s);
const char *lk_arena_cstr(struct lk_arena *arena, struct lk_str s);
struct lk_str lk_arena_printf(struct lk_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Has fn(arg) called when the arena is freed. */
void lk_arena_defer(struct lk_arena *arena, void (*fn)(void *arg), void *arg);

#endif
