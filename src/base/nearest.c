/*
 * Optimal string alignment distance over three rows; see nearest.h.
 */
#include "base/nearest.h"

#define MAX_WORD 64

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

unsigned lk_distance(struct lk_str a, struct lk_str b, unsigned limit)
{
    unsigned rows[3][MAX_WORD + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2], *spare;

    if (a.len > MAX_WORD || b.len > MAX_WORD)
        return limit + 1;
    for (unsigned j = 0; j <= b.len; j++)
        above[j] = before[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned differ = lower(a.ptr[i - 1]) != lower(b.ptr[j - 1]);

            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + differ);
            if (i > 1 && j > 1 && lower(a.ptr[i - 1]) == lower(b.ptr[j - 2]) &&
                lower(a.ptr[i - 2]) == lower(b.ptr[j - 1]) && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b.len] > limit ? limit + 1 : above[b.len];
}

const char *lk_nearest(struct lk_str word, const char *(*name)(const void *arg, size_t i),
                       const void *arg)
{
    size_t third = word.len / 3;
    unsigned limit = third < 1 ? 1 : third > 3 ? 3 : (unsigned)third;
    const char *best = NULL, *candidate;

    for (size_t i = 0; (candidate = name(arg, i)) != NULL; i++) {
        unsigned distance = lk_distance(word, lk_str(candidate), limit);

        if (distance <= limit) {
            best = candidate;
            limit = distance - (distance > 0);
        }
    }
    return best;
}
