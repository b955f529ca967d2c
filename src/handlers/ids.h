/*
 * Lists of ids, as memberships are read, changed and written back: in the form in which the
 * constructors of requests take them.
 */
#ifndef LK_HANDLERS_IDS_H
#define LK_HANDLERS_IDS_H

#include "base/arena.h"
#include "json/type.h"

/* The member of an object that is an id: the text of a string, the digits of a number; empty when
 * it is neither. */
struct lk_str lk_id(struct lk_arena *arena, struct lk_str object, const char *member);

/* The ids in a JSON list: of strings and numbers themselves, of objects their member `id`; what is
 * none of these is left out. Present, also when empty; a text that is no list has none. */
struct lk_string_list lk_ids(struct lk_arena *arena, struct lk_str list);

bool lk_ids_have(const struct lk_string_list *ids, struct lk_str id);

/* A copy with the id at its end, unless it is there; a copy without it. */
struct lk_string_list lk_ids_with(struct lk_arena *arena, const struct lk_string_list *ids,
                                  struct lk_str id);
struct lk_string_list lk_ids_without(struct lk_arena *arena, const struct lk_string_list *ids,
                                     struct lk_str id);

/* Those of `ids` that `others` does not have, each once. */
struct lk_string_list lk_ids_missing(struct lk_arena *arena, const struct lk_string_list *ids,
                                     const struct lk_string_list *others);

/* "1, 2, 3", for people; of more than 50 the rest as "and 7 more". */
struct lk_str lk_ids_text(struct lk_arena *arena, const struct lk_string_list *ids);

#endif
