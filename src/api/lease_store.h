/*
 * Where the states of the leases are kept: one document a Looker user, changed by compare and swap,
 * so that threads, processes and replicas agree on it. It is the journal as well: what it says
 * after a crash is what has to be put right. Knows nothing of what a document says.
 *
 *     lk_lease_shared     one a process: memory, or files in LOOKER_STATE_DIR (processes of one
 *        └─ lk_lease_store   one a worker   machine), or Redis (all replicas; LOOKER_LEASE_URL)
 *
 * A document is saved only over the version that was loaded, which is what keeps somebody who was
 * stalled from writing after others have gone on. What it cannot fence is Looker, which takes no
 * token that would tell an old request from a new one: a request that was sent in time may arrive
 * late. Nor can it bring back what Redis acknowledged and then lost without coming up empty, as a
 * fail-over to a replica may.
 */
#ifndef LK_API_LEASE_STORE_H
#define LK_API_LEASE_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "rt/loop.h"

/* Borrowed: must outlive what is made of it. */
struct lk_lease_store_options {
    struct lk_str redis_url; /* LOOKER_LEASE_URL, "redis://[[user]:password@]host[:port][/db]" or
                                rediss://; empty: not Redis */
    struct lk_str state_dir; /* LOOKER_STATE_DIR; empty as well: memory, which survives nothing */
    struct lk_str prefix;    /* of all keys; tells Looker instances apart: their base URL */
    uint64_t ttl_ms;         /* for how long a claim is good that nobody renews */
    bool verify_tls;         /* rediss: the certificate and its name */
    const char *ca_file;     /* rediss: PEM bundle, or NULL: the system's */
    uint64_t lock_ms; /* files: how long another process may hold the directory's lock; 0: 5,000 */
    const struct lk_log *log;
};

/* Thread-safe, made once a process, freed after all its stores. LK_ERROR_CONFIG: the URL is none.
 * Does not connect, and makes no directory: the first document that is saved does (0700), so that a
 * server that never borrows leaves nothing behind. lk_lease_store_check tells whether it can. */
struct lk_lease_shared;
bool lk_lease_shared_new(const struct lk_lease_store_options *options,
                         struct lk_lease_shared **ret_shared, struct lk_error *err);
void lk_lease_shared_free(struct lk_lease_shared *shared);

/* Whether what is written survives the process: nothing may be borrowed otherwise. */
bool lk_lease_shared_is_durable(const struct lk_lease_shared *shared);

/* A worker's way to it. Registers `instance` as alive for as long as it is open. */
struct lk_lease_store;
bool lk_lease_store_open(struct lk_lease_shared *shared, struct lk_loop *loop,
                         struct lk_lease_store **ret_store, struct lk_error *err);
/* NULL is legal. */
void lk_lease_store_close(struct lk_lease_store *store);

/* Unique among all processes and restarts: host, pid and random digits. */
struct lk_str lk_lease_store_instance(const struct lk_lease_store *store);

struct lk_lease_doc {
    struct lk_str text; /* in the arena; empty: there is none yet */
    uint64_t version;
    uint64_t now_ms;          /* Unix time by the clock that all who share the store go by */
    uint64_t closed_until_ms; /* Redis that has come up empty: until then nobody may begin anything
                                 new, so that those who held leases before can say so. 0: open */
};

/* Awaits. Errors: LK_ERROR_NETWORK, LK_ERROR_TIMEOUT and the others of rt/redis.h: the store cannot
 * be reached (bounded by a few seconds; the message names the host, never the password), and after
 * a save it is unknown whether it was done; LK_ERROR_INTERNAL: a file cannot be read or written, or
 * is damaged, which is never taken for empty; LK_ERROR_TIMEOUT: another process does not let go of
 * the directory; LK_ERROR_CONFIG: others can write there. */
bool lk_lease_store_load(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str key,
                         struct lk_lease_doc *ret_doc, struct lk_error *err);

/* Awaits. Replaces the document if it still has that version; *ret_saved is false when somebody was
 * quicker. text empty: deletes it. durable: on disk before this returns (a file is synced). */
bool lk_lease_store_save(struct lk_lease_store *store, struct lk_str key, uint64_t version,
                         struct lk_str text, bool durable, bool *ret_saved, struct lk_error *err);

/* Awaits. All keys that have a document, for what a crash left behind. */
bool lk_lease_store_keys(struct lk_lease_store *store, struct lk_arena *arena,
                         struct lk_str **ret_keys, size_t *ret_n, struct lk_error *err);

/* Whether the process that registered this instance still runs, where that can be told: with files
 * (a lock that the kernel drops with the process) and memory. Redis: always true, expiry tells. */
bool lk_lease_store_is_alive(struct lk_lease_store *store, struct lk_str instance);

/* fn(arg, key) is called on the store's loop after another worker of this process has changed a
 * document. What other processes change is not told of: poll. NULL: stop. */
void lk_lease_store_watch(struct lk_lease_store *store, void (*fn)(void *arg, struct lk_str key),
                          void *arg);

/* Awaits. For --check: whether documents could be saved now; *ret_where says where, for people. */
bool lk_lease_store_check(struct lk_lease_store *store, struct lk_arena *arena,
                          struct lk_str *ret_where, struct lk_error *err);

#endif
