/*
 * A client of Redis or Valkey: commands over one connection a loop, pipelined in their order, each
 * with a deadline. Connects when the first command is given, and again after the connection was
 * lost, by the next one. hiredis writes the commands and reads the replies (RESP2); sockets, TLS
 * and time are the loop's, so that nothing here ever blocks it, the resolver included.
 *
 *     closed ──command──> resolving ──> connecting ──> [TLS] ──> greeting ──> open
 *        ^                                                    (AUTH, SELECT)    │
 *        └────────── lost, refused, or a command that was not answered ─────────┘
 */
#ifndef LK_RT_REDIS_H
#define LK_RT_REDIS_H

#include "base/arena.h"
#include "base/error.h"
#include "rt/loop.h"

#define LK_REDIS_TIMEOUT_MS 3000
#define LK_REDIS_MAX_REPLY_BYTES ((size_t)8 * 1024 * 1024)
#define LK_REDIS_MAX_ITEMS 65536 /* in the arrays of one reply */

struct lk_redis_url {
    bool tls;
    struct lk_str host; /* without brackets; NUL-terminated, as all texts here */
    uint16_t port;      /* 6379 unless given */
    uint32_t db;
    struct lk_str user, password; /* percent-decoded; empty: none */
};

/* "redis[s]://[[user]:password@]host[:port][/db]". LK_ERROR_CONFIG says what is wrong and quotes
 * nothing, since there is a password in it. */
bool lk_redis_url_parse(struct lk_arena *arena, struct lk_str url, struct lk_redis_url *ret_url,
                        struct lk_error *err);

struct lk_redis_options {
    struct lk_str url;   /* copied */
    bool verify_tls;     /* for rediss: the certificate and its name */
    const char *ca_file; /* PEM bundle to verify them with, or NULL: the system's; borrowed */
    uint64_t timeout_ms; /* of one command, connecting included; 0: LK_REDIS_TIMEOUT_MS */
};

/* Does not connect. LK_ERROR_CONFIG: the URL is none. */
struct lk_redis;
bool lk_redis_new(struct lk_loop *loop, const struct lk_redis_options *options,
                  struct lk_redis **ret_redis, struct lk_error *err);
/* Closes the connection. Nobody may await a command. NULL is legal. */
void lk_redis_free(struct lk_redis *redis);

/* "host:port", for messages. */
struct lk_str lk_redis_name(const struct lk_redis *redis);

enum lk_redis_kind {
    LK_REDIS_NIL,
    LK_REDIS_TEXT, /* bulk or simple string */
    LK_REDIS_INTEGER,
    LK_REDIS_ARRAY,
    LK_REDIS_ERROR, /* `text` is what Redis says: "NOSCRIPT No matching script" */
};

struct lk_redis_value {
    enum lk_redis_kind kind;
    struct lk_str text; /* any bytes */
    int64_t integer;
    struct lk_redis_value *items;
    size_t n_items;
};

/*
 * Awaits the reply to one command, which is *ret_value, an error reply too; it lives in the arena.
 * Errors, all within timeout_ms, whose messages name host and port and nothing of the URL besides:
 * LK_ERROR_NETWORK (cannot be reached, or was lost before it answered: the command may have been
 * obeyed), LK_ERROR_TIMEOUT (the same), LK_ERROR_TLS, LK_ERROR_AUTH (AUTH or SELECT refused),
 * LK_ERROR_PARSE (does not speak Redis' protocol), LK_ERROR_LIMIT (a reply that is too large),
 * LK_ERROR_CANCELLED.
 */
bool lk_redis_command(struct lk_redis *redis, struct lk_arena *arena, const struct lk_str *words,
                      size_t n_words, struct lk_redis_value *ret_value, struct lk_error *err);

/* What an error reply means, as an error: LK_ERROR_AUTH for NOAUTH, WRONGPASS and NOPERM, otherwise
 * LK_ERROR_UPSTREAM; the reply is its detail. Returns false. */
bool lk_redis_fail(const struct lk_redis *redis, const struct lk_redis_value *value,
                   struct lk_error *err);

#endif
