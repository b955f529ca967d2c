/*
 * Coroutines: a tool call is straight-line code that awaits. Each runs on an mmap'd stack with a
 * guard page below it; stacks are pooled a loop. A coroutine is started, parks, is woken by a
 * callback of the loop, and ends by returning. It is never killed: cancelling makes its next await
 * (or the one it is in) fail with LK_ERROR_CANCELLED, and it unwinds by itself.
 *
 *     start ──> running ──park──> parked ──wake──> ready (next turn) ──> running ──return──> gone
 *
 * "Awaits" in a declaration means: parks the calling coroutine, may only be called on one.
 * Keep no static or thread-local state across an await. Stack: LK_CO_STACK_BYTES; no large arrays.
 */
#ifndef LK_RT_CO_H
#define LK_RT_CO_H

#include "base/error.h"
#include "rt/loop.h"

#define LK_CO_STACK_BYTES ((size_t)256 * 1024) /* address space; only touched pages cost memory */
#define LK_CO_MAX 4096                         /* coroutines of one loop at once, by default */

struct lk_co;

/* Another maximum than LK_CO_MAX for this loop. Each has a mapping and its guard page, and the
 * kernel allows a process 65,530 mappings (vm.max_map_count). */
void lk_co_set_max(struct lk_loop *loop, size_t max);

/* Runs fn(arg) on a coroutine, at once, until it parks or ends. Callable from a callback or from
 * another coroutine. *ret_co may be NULL. It is dead as soon as fn returned; when that was before
 * lk_co_start returns, NULL is stored. Fails with LK_ERROR_LIMIT at the maximum, or when no stack
 * can be had. */
bool lk_co_start(struct lk_loop *loop, void (*fn)(void *arg), void *arg, struct lk_co **ret_co,
                 struct lk_error *err);

/* The running coroutine of this loop, or NULL on the loop's own stack. */
struct lk_co *lk_co_self(const struct lk_loop *loop);

/* Awaits lk_co_wake. Wakes may be spurious: the caller checks its own condition in a loop, and
 * lk_co_cancelled with it, since parking does not look at that. */
void lk_co_park(struct lk_loop *loop);
/* Makes a parked coroutine ready: the loop runs it, later in this turn or in the next, never inside
 * the caller. Harmless when it is ready already or running. */
void lk_co_wake(struct lk_co *co);

/* From now on every await of the coroutine fails; wakes it when it is parked. */
void lk_co_cancel(struct lk_co *co);
bool lk_co_cancelled(const struct lk_co *co);

/* Awaits. False with LK_ERROR_CANCELLED when cancelled before the time was over. */
bool lk_co_sleep(struct lk_loop *loop, uint64_t delay_ms, struct lk_error *err);

/* How many coroutines of this loop have not ended. */
size_t lk_co_count(const struct lk_loop *loop);

#endif
