/*
 * Whether a request may go to the dev workspace now: under a lease that covers what it does there
 * (api/lease.h) and that is still held.
 */
#ifndef LK_API_GUARD_H
#define LK_API_GUARD_H

#include "api/lease.h"
#include "api/operation.h"

struct lk_guard {
    struct lk_lease *const *lease; /* points to NULL: there is none; looked at each time, since a
                                      call may go while its request is on its way */
    const struct lk_api_request *request;
};

/* Whether it is any of the guard's business. */
bool lk_guard_applies(const struct lk_api_request *request);

/* guard: a struct lk_guard. Errors: LK_ERROR_INTERNAL (the request takes another lease, or one at
 * all), LK_ERROR_UNSUPPORTED (the lease was lost). */
bool lk_guard_check(void *guard, struct lk_error *err);

#endif
