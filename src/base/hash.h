/*
 * A 64-bit hash that tells texts apart: whether rows are those of before, whether a token came back
 * as it was given out. Who wants to can make two texts that have the same one, so nothing that
 * needs a secret may stand on it.
 */
#ifndef LK_BASE_HASH_H
#define LK_BASE_HASH_H

#include "base/str.h"

#include <stdint.h>

/* Of the bytes after what `seed` stands for: 0, or the hash of what came before. */
uint64_t lk_hash(uint64_t seed, struct lk_str bytes);

#endif
