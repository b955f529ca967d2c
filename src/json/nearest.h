/*
 * "Did you mean": the known name that is nearest to one that is not known.
 */
#ifndef LK_JSON_NEAREST_H
#define LK_JSON_NEAREST_H

#include "base/str.h"

/*
 * The name of name(list, 0 … n-1) with the fewest edits (insert, delete, replace, swap of two
 * neighbours; ASCII case does not count), or NULL when none is near: more than two edits and more
 * than a third of the text's length, or as many edits as the shorter of the two has characters.
 */
const char *lk_nearest(struct lk_str text, const char *(*name)(const void *list, size_t i),
                       const void *list, size_t n);

#endif
