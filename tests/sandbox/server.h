/*
 * One thread of the server, as http.c and main.c share it. The only header with h2o in it.
 */
#ifndef SANDBOX_SERVER_H
#define SANDBOX_SERVER_H

#include "sandbox.h"

#include <h2o.h>
#include <semaphore.h>

struct sb_worker {
    h2o_context_t context; /* first: a request leads to its worker through it */
    h2o_accept_ctx_t accept;
    h2o_timeout_t tick; /* delayed answers look at the clock so often */
    h2o_socket_t *listener, *waker;
    h2o_linklist_t connections;
    struct sb *sb;
    int wake_fd; /* readable: stop; a signalfd in the first worker, eventfds in the others */
    struct sb_worker *others; /* of the first one: those to wake too */
    unsigned n_others;
    bool stopping;
    sem_t done;
};

/* Registers the handler of all paths. */
void sb_http_register(h2o_globalconf_t *config, struct sb *sb);

#endif
