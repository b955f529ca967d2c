/*
 * Skipping uninteresting bytes many at a time: 16 with SSE2 (every x86-64), 8 in a plain register
 * elsewhere, one by one at the end. Nothing is read at or beyond `end`. Used where whole documents
 * are walked: UTF-8, JSON strings.
 */
#ifndef LK_BASE_BYTES_H
#define LK_BASE_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define LK_BYTES_ALL(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Nonzero when one of the eight bytes is zero (may also be nonzero for a byte above a zero one). */
static inline uint64_t lk_bytes_zero(uint64_t word)
{
    return (word - LK_BYTES_ALL(1)) & ~word & LK_BYTES_ALL(0x80);
}

/* The first byte that is not ASCII, or end. */
static inline const char *lk_ascii_run(const char *at, const char *end)
{
    uint64_t word;
    while (end - at >= 8) {
        memcpy(&word, at, 8);
        if ((word & LK_BYTES_ALL(0x80)) != 0)
            break;
        at += 8;
    }
    while (at < end && (unsigned char)*at < 0x80)
        at++;
    return at;
}

/* Whether a byte may stand in a JSON string as it is and is ASCII. */
static inline bool lk_is_plain(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

/* The first byte that is a quote, a backslash, a control character or not ASCII, or end. */
static inline const char *lk_plain_run(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(0x20);
    while (end - at >= 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* The comparison is signed, so bytes from 0x80 on count as below space, as they should. */
        __m128i special = _mm_or_si128(
            _mm_cmplt_epi8(block, space),
            _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash)));
        unsigned mask = (unsigned)_mm_movemask_epi8(special);
        if (mask != 0)
            return at + __builtin_ctz(mask);
        at += 16;
    }
#else
    uint64_t word;
    while (end - at >= 8) {
        memcpy(&word, at, 8);
        uint64_t special =
            lk_bytes_zero(word ^ LK_BYTES_ALL('"')) | lk_bytes_zero(word ^ LK_BYTES_ALL('\\')) |
            ((word - LK_BYTES_ALL(0x20)) & LK_BYTES_ALL(0x80)) | (word & LK_BYTES_ALL(0x80));
        if (special != 0)
            break;
        at += 8;
    }
#endif
    while (at < end && lk_is_plain(*at))
        at++;
    return at;
}

#endif
