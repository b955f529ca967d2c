/*
 * Edit distance for error messages (json/nearest.h): optimal string alignment over three rows.
 */
#include "json/nearest.h"

#include <ctype.h>

#define MAX_LENGTH 64 /* longer names are not compared */

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

static unsigned distance(struct lk_str a, struct lk_str b)
{
    unsigned rows[3][MAX_LENGTH + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];

    for (unsigned j = 0; j <= b.len; j++)
        above[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned cost = same(a.ptr[i - 1], b.ptr[j - 1]) ? 0 : 1;
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
            if (i > 1 && j > 1 && same(a.ptr[i - 1], b.ptr[j - 2]) &&
                same(a.ptr[i - 2], b.ptr[j - 1]) && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        unsigned *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b.len];
}

const char *lk_nearest(struct lk_str text, const char *(*name)(const void *list, size_t i),
                       const void *list, size_t n)
{
    const char *nearest = NULL;
    unsigned limit = text.len / 3 > 2 ? (unsigned)(text.len / 3) : 2;

    if (text.len == 0 || text.len > MAX_LENGTH)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        struct lk_str known = lk_str(name(list, i));
        if (known.len == 0 || known.len > MAX_LENGTH)
            continue;
        unsigned edits = distance(text, known);
        if (edits <= limit && edits < text.len && edits < known.len) {
            nearest = known.ptr;
            if (edits == 0)
                break;
            limit = edits - 1;
        }
    }
    return nearest;
}
