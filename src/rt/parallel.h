/*
 * Several things at once on coroutines, and none left behind when the caller goes on.
 */
#ifndef LK_RT_PARALLEL_H
#define LK_RT_PARALLEL_H

#include "base/error.h"
#include "rt/co.h"

#include <stdint.h>

/*
 * Awaits. Calls fn(arg, i) once for each i below n, on coroutines, at most `parallel` (1 at least)
 * at a time, in this order of beginning; returns when all have returned. Cancelling the caller
 * cancels those that run and begins no other; then LK_ERROR_CANCELLED, at once for a caller that
 * was cancelled before. When no coroutine can be had, the caller's own does the work.
 */
bool lk_parallel(struct lk_loop *loop, uint32_t parallel, size_t n, void (*fn)(void *arg, size_t i),
                 void *arg, struct lk_error *err);

#endif
