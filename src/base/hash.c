/*
 * The hash of hash.h: eight bytes at a time, each mixed in by a multiplication whose upper half is
 * folded back, so that every bit of the input can change every bit of the result.
 */
#include "base/hash.h"

static uint64_t mix(uint64_t h, uint64_t word)
{
    unsigned __int128 product =
        (unsigned __int128)(h ^ word ^ 0x9e3779b97f4a7c15U) * 0xd6e8feb86659fd93U;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t lk_hash(uint64_t seed, struct lk_str bytes)
{
    const char *at = bytes.ptr, *end = lk_str_end(bytes);
    uint64_t h = mix(seed, bytes.len), word;

    for (; end - at >= 8; at += 8) {
        memcpy(&word, at, 8);
        h = mix(h, word);
    }
    word = 0;
    if (at < end)
        memcpy(&word, at, (size_t)(end - at));
    return mix(mix(h, word), 0x2545f4914f6cdd1dU);
}
