/*
 * From the arguments of a tool to the params and body of an operation, by the tables.
 */
#ifndef LK_HANDLERS_BIND_H
#define LK_HANDLERS_BIND_H

#include "api/operation.h"
#include "base/arena.h"
#include "base/error.h"
#include "handlers/binding.h"

/*
 * Makes the request that the binding describes. Values are shared with `args`, which must outlive
 * the request; converted ones and the structs live in the arena. An absent argument binds nothing.
 * Errors: LK_ERROR_INTERNAL for a constant that does not fit its field (a generator's mistake).
 */
bool lk_bind_request(struct lk_arena *arena, const struct lk_binding *binding,
                     const struct lk_type *args_type, const void *args,
                     struct lk_api_request *ret_request, struct lk_error *err);

/*
 * For handlers whose arguments mirror an object of the API: copies each argument into the field of
 * the same name, if there is one of the same form; an integer also becomes the text of a string
 * field (Looker keeps the limits of a query as strings).
 */
void lk_bind_same_names(struct lk_arena *arena, const struct lk_type *args_type, const void *args,
                        const struct lk_type *type, void *object);

/* The list as one comma-separated string; absent when the list is. */
struct lk_string lk_join_comma(struct lk_arena *arena, const struct lk_string_list *list);

/* The SQL LIKE pattern of what contains the text: %text%. A text with a % is a pattern already, and
 * an empty one stays empty. */
struct lk_string lk_contains(struct lk_arena *arena, struct lk_string text);

/* Makes all readOnly fields absent, so that an object that came from Looker can be sent back. */
void lk_clear_read_only(const struct lk_type *type, void *object);

#endif
