/*
 * What the files of the Redis client share.
 *
 *     redis.c        commands: their order, their deadlines, who awaits them
 *     redis_conn.c   the connection: from a name to a socket that has said AUTH and SELECT
 *     redis_reply.c  from bytes to values
 *     redis_url.c    what a URL says
 */
#ifndef LK_RT_REDIS_INTERNAL_H
#define LK_RT_REDIS_INTERNAL_H

#include "base/buf.h"
#include "rt/co.h"
#include "rt/redis.h"
#include "rt/resolve.h"
#include "rt/tls.h"

#include <hiredis/hiredis.h>

#define LK_REDIS_MAX_OUT_BYTES ((size_t)32 * 1024 * 1024) /* commands that wait to be sent */

enum lk_redis_state {
    LK_REDIS_CLOSED,
    LK_REDIS_RESOLVING,
    LK_REDIS_CONNECTING,
    LK_REDIS_SHAKING, /* TLS */
    LK_REDIS_GREETING,
    LK_REDIS_OPEN,
};

/* A command that was not answered yet. Outlives its coroutine when that is cancelled, because the
 * reply, which comes all the same, has to find its place. */
struct lk_redis_slot {
    struct lk_redis *redis;
    struct lk_co *co; /* NULL: nobody wants the reply any more */
    struct lk_redis_slot *next;
    struct lk_timer deadline;
    char *command; /* hiredis' to free */
    size_t command_len;
    bool sent, done;
    bool ok; /* done: there is a value; otherwise an error */
    struct lk_redis_value value;
    struct lk_arena *arena; /* of the value */
    struct lk_error err;
};

/* Reads replies, each into an arena of its own. */
struct lk_redis_replies {
    redisReader *reader; /* NULL: none yet */
    struct lk_arena *arena;
    size_t bytes; /* since the last reply was complete */
    int items;    /* places in its arrays */
    bool too_large;
};

struct lk_redis {
    struct lk_loop *loop;
    struct lk_arena *arena; /* of what the URL says */
    struct lk_redis_url url;
    struct lk_str name;
    uint64_t timeout_ms;
    bool verify_tls;
    const char *ca_file;

    enum lk_redis_state state;
    struct lk_resolve *resolve;
    struct lk_address addresses[LK_RESOLVE_MAX];
    size_t n_addresses, next_address;
    struct lk_timer attempt; /* of connecting to one of them */
    struct lk_watch watch;   /* fd -1: no socket */
    struct lk_tls_context *tls_context;
    struct lk_tls *tls;
    bool tls_read_wants_write; /* TLS has to write before it can read on */
    struct lk_redis_replies replies;
    struct lk_buf out;
    size_t out_sent;
    unsigned greetings; /* replies to AUTH and SELECT that are still to come */

    struct lk_redis_slot *slots, **slots_tail; /* in the order of the replies */
};

/* redis.c */
/* The next reply, in its arena, which is taken over; false when nobody has asked for one. */
bool lk_redis_deliver(struct lk_redis *redis, const struct lk_redis_value *value,
                      struct lk_arena *arena);
/* The connection is lost: all that wait are told. */
void lk_redis_fail_all(struct lk_redis *redis, const struct lk_error *error);
/* The connection is open: what has waited for it may go into `out`. */
void lk_redis_send_waiting(struct lk_redis *redis);

/* redis_conn.c */
/* Begins to connect if it has not. */
void lk_redis_connect(struct lk_redis *redis);
/* Sends what is in `out`. */
void lk_redis_flush(struct lk_redis *redis);
/* error: for those that wait; NULL: nobody does. */
void lk_redis_close(struct lk_redis *redis, const struct lk_error *error);

/* redis_reply.c */
bool lk_redis_replies_feed(struct lk_redis_replies *replies, const char *bytes, size_t len);
/* A reply that is complete: its value, and the arena, now the caller's. *ret_any is false when
 * there is none yet. Errors: LK_ERROR_PARSE, LK_ERROR_LIMIT (without the host's name). */
bool lk_redis_replies_next(struct lk_redis_replies *replies, bool *ret_any,
                           struct lk_redis_value *ret_value, struct lk_arena **ret_arena,
                           struct lk_error *err);
void lk_redis_replies_clean_up(struct lk_redis_replies *replies);
/* For a message: one line of printable ASCII, of at most max_bytes. */
struct lk_str lk_redis_printable(struct lk_arena *arena, struct lk_str text, size_t max_bytes);

#endif
