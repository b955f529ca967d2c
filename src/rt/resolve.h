/*
 * Names to addresses without blocking the loop: the C library's resolver on a thread of its own.
 */
#ifndef LK_RT_RESOLVE_H
#define LK_RT_RESOLVE_H

#include "rt/loop.h"

#include <sys/socket.h>

#define LK_RESOLVE_MAX 4

struct lk_address {
    struct sockaddr_storage addr;
    socklen_t len;
};

/* addresses: n of them, at most LK_RESOLVE_MAX, in the order to try; none: trouble says why. */
typedef void lk_resolve_done(void *arg, const struct lk_address *addresses, size_t n,
                             const char *trouble);

/* Calls done once on the loop, never from inside this; or NULL, with the error, and never. host is
 * NUL-terminated and copied. The result is dead when done is called. */
struct lk_resolve;
struct lk_resolve *lk_resolve_start(struct lk_loop *loop, const char *host, uint16_t port,
                                    lk_resolve_done *done, void *arg, struct lk_error *err);
/* Then done is not called; the thread ends by itself. */
void lk_resolve_cancel(struct lk_resolve *resolve);

#endif
