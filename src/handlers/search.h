/*
 * Searching in names and labels: all words must occur somewhere.
 */
#ifndef LK_HANDLERS_SEARCH_H
#define LK_HANDLERS_SEARCH_H

#include "base/arena.h"
#include "base/str.h"

struct lk_search {
    struct lk_str *words;
    size_t n_words;
};

/* Splits at white space. Of an empty text comes a search that everything matches. */
struct lk_search lk_search(struct lk_arena *arena, struct lk_str text);

/*
 * Whether each word occurs in one of the members of that name (NULL-terminated list) of a checked
 * JSON object; ASCII case is ignored. Strings are compared decoded, lists as their JSON text.
 */
bool lk_search_object(struct lk_arena *arena, const struct lk_search *search, struct lk_str object,
                      const char *const *members);

#endif
