/*
 * One detached thread a look-up. It and the loop's side share the request, and whoever lets go of
 * it last frees it: the resolver cannot be interrupted, so a look-up may outlive everybody who
 * wanted its answer, the loop included.
 */
#include "rt/resolve.h"

#include "base/memory.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct lk_resolve {
    struct lk_loop *loop;
    struct lk_watch watch; /* of the eventfd by which the thread says that it is done */
    lk_resolve_done *done;
    void *arg;
    char *host;
    char port[8];
    struct lk_address addresses[LK_RESOLVE_MAX];
    size_t n;
    int status; /* getaddrinfo's */
    atomic_int refs;
};

static void let_go(struct lk_resolve *self)
{
    if (atomic_fetch_sub(&self->refs, 1) > 1)
        return;
    close(self->watch.fd);
    free(self->host);
    free(self);
}

/* It means this machine, whatever anybody who could be asked says of it, and where nobody knows it
 * (RFC 6761 section 6.3). */
static bool is_localhost(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0;
}

static void *look_up(void *arg)
{
    static const uint64_t one = 1;
    struct lk_resolve *self = arg;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list = NULL;

    self->status = getaddrinfo(is_localhost(self->host) ? NULL : self->host, self->port, &hints,
                               &list); /* of NULL: the loopback addresses */
    for (struct addrinfo *at = list; at != NULL && self->n < LK_RESOLVE_MAX; at = at->ai_next) {
        if (at->ai_addrlen > sizeof(self->addresses[0].addr))
            continue;
        memcpy(&self->addresses[self->n].addr, at->ai_addr, at->ai_addrlen);
        self->addresses[self->n++].len = at->ai_addrlen;
    }
    if (list != NULL)
        freeaddrinfo(list);
    (void)!write(self->watch.fd, &one, sizeof(one));
    let_go(self);
    return NULL;
}

static void on_done(void *arg, uint32_t events)
{
    struct lk_resolve *self = arg;

    (void)events;
    lk_loop_unwatch(self->loop, &self->watch);
    self->done(self->arg, self->addresses, self->n,
               self->n > 0         ? NULL
               : self->status != 0 ? gai_strerror(self->status)
                                   : "the name has no address");
    let_go(self);
}

/* Signals are the main thread's. */
static int start_thread(struct lk_resolve *self)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;
    int status;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    status = pthread_create(&thread, &attributes, look_up, self);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

struct lk_resolve *lk_resolve_start(struct lk_loop *loop, const char *host, uint16_t port,
                                    lk_resolve_done *done, void *arg, struct lk_error *err)
{
    struct lk_resolve *self = lk_memory_new(sizeof(*self));
    size_t size = strlen(host) + 1;
    int status;

    *self = (struct lk_resolve){.loop = loop, .done = done, .arg = arg};
    atomic_init(&self->refs, 1);
    self->host = memcpy(lk_memory_new(size), host, size);
    snprintf(self->port, sizeof(self->port), "%u", port);
    self->watch = (struct lk_watch){
        .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .ready = on_done, .arg = self};
    if (self->watch.fd < 0) {
        lk_fail(err, LK_ERROR_INTERNAL, "cannot create an eventfd: %s", strerror(errno));
        free(self->host);
        free(self);
        return NULL;
    }
    if (!lk_loop_watch(loop, &self->watch, EPOLLIN, err)) {
        let_go(self);
        return NULL;
    }
    atomic_fetch_add(&self->refs, 1);
    status = start_thread(self);
    if (status != 0) {
        lk_loop_unwatch(loop, &self->watch);
        let_go(self);
        let_go(self);
        lk_fail(err, LK_ERROR_INTERNAL, "cannot start a thread to look up a name: %s",
                strerror(status));
        return NULL;
    }
    return self;
}

void lk_resolve_cancel(struct lk_resolve *self)
{
    lk_loop_unwatch(self->loop, &self->watch);
    let_go(self);
}
