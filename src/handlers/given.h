/*
 * Objects of the API that a caller gives whole, as arguments of type object or object[].
 */
#ifndef LK_HANDLERS_GIVEN_H
#define LK_HANDLERS_GIVEN_H

#include "base/arena.h"
#include "base/error.h"
#include "json/type.h"

/*
 * Decodes the JSON text of an object into a struct of `type`, to be sent: as strictly as arguments
 * are read (json/codec.h). Only the fields of `allowed` (NULL-terminated) may be given; NULL: those
 * that are not readOnly. `place` ("destinations[2]") begins the message of every error, which is
 * LK_ERROR_ARGUMENT.
 */
bool lk_given_object(struct lk_arena *arena, const struct lk_type *type, struct lk_str json,
                     const char *const *allowed, struct lk_str place, void *ret_object,
                     struct lk_error *err);

/* The same for a list, into an array of such structs. `name` is the argument's. */
bool lk_given_objects(struct lk_arena *arena, const struct lk_type *type,
                      const struct lk_json_list *list, const char *const *allowed, const char *name,
                      struct lk_object_list *ret_list, struct lk_error *err);

#endif
