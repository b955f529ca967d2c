/*
 * What the kinds of store (lease_store_memory.c and its neighbours) share, and what a test needs to
 * add one of its own: the dispatch, and telling the other workers of the process of a change.
 */
#ifndef LK_API_LEASE_STORE_INTERNAL_H
#define LK_API_LEASE_STORE_INTERNAL_H

#include "api/lease_store.h"

#include <pthread.h>

#define LK_LEASE_LOCK_MS 5000

/* Functions as in api/lease_store.h, for documents that are kept in one way. open, close, start and
 * free may be NULL. */
struct lk_lease_kind {
    bool durable;
    /* shared->data; on failure nothing is left. */
    bool (*start)(struct lk_lease_shared *shared, struct lk_error *err);
    void (*free)(struct lk_lease_shared *shared);
    /* store->data; the instance is set. */
    bool (*open)(struct lk_lease_store *store, struct lk_error *err);
    void (*close)(struct lk_lease_store *store);
    bool (*load)(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str key,
                 struct lk_lease_doc *ret_doc, struct lk_error *err);
    bool (*save)(struct lk_lease_store *store, struct lk_str key, uint64_t version,
                 struct lk_str text, bool durable, bool *ret_saved, struct lk_error *err);
    bool (*keys)(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str **ret_keys,
                 size_t *ret_n, struct lk_error *err);
    bool (*is_alive)(struct lk_lease_store *store, struct lk_str instance);
    bool (*check)(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str *ret_where,
                  struct lk_error *err);
};

struct lk_lease_shared {
    const struct lk_lease_kind *kind;
    struct lk_lease_store_options options; /* strings copied */
    struct lk_arena *arena;
    void *data;            /* the kind's */
    pthread_mutex_t mutex; /* guards `stores`, their mailboxes, and what the kind guards with it */
    struct lk_lease_store *stores;
};

struct lk_lease_store {
    struct lk_lease_shared *shared;
    struct lk_loop *loop;
    struct lk_str instance; /* in the arena */
    struct lk_arena *arena;
    void *data; /* the kind's */
    void (*changed)(void *arg, struct lk_str key);
    void *changed_arg;
    /* What other workers have changed and this one was not told of yet; the eventfd wakes it. */
    int event_fd;
    struct lk_watch event_watch;
    struct lk_lease_letter *mailbox;
    struct lk_lease_store *next;
};

extern const struct lk_lease_kind lk_lease_memory, lk_lease_file, lk_lease_redis;

/* A shared of that kind; data is what the kind's start finds. */
bool lk_lease_shared_of(const struct lk_lease_kind *kind,
                        const struct lk_lease_store_options *options, void *data,
                        struct lk_lease_shared **ret_shared, struct lk_error *err);

/* CLOCK_REALTIME in ms. */
uint64_t lk_lease_wall_ms(void);

/* For a document that others may have seen before this process began: random, not 0, below 2^63. A
 * number that was counted up could come back after a loss, and with it an old claim to it. */
uint64_t lk_lease_new_version(void);

#endif
