/*
 * Seals: MACs (HMAC-SHA256) that show that a text came from this server, or from a replica of it
 * with the same key. For what is handed out to be brought back, such as links.
 */
#ifndef LK_TRANSPORT_SEAL_H
#define LK_TRANSPORT_SEAL_H

#include "base/str.h"

#define LK_SEAL_BYTES 32

/* Never changes, so any thread may use it. */
struct lk_seal {
    unsigned char key[LK_SEAL_BYTES];
};

/* A key that follows from the secret, the same wherever the secret is; from an empty one, a random
 * key, that nobody else has. */
void lk_seal_init(struct lk_seal *seal, struct lk_str secret);

/* Writes LK_SEAL_BYTES; arg: struct lk_seal. */
void lk_seal_make(void *arg, struct lk_str text, unsigned char *ret_mac);

#endif
