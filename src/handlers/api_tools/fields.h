/*
 * A projection that a caller writes, in the manifest's syntax: `id, title, folder{id, name}`.
 * Looker's own, with parentheses, is understood as well.
 */
#ifndef LK_HANDLERS_API_TOOLS_FIELDS_H
#define LK_HANDLERS_API_TOOLS_FIELDS_H

#include "base/arena.h"
#include "base/error.h"
#include "json/project.h"
#include "json/type.h"

/*
 * Parses and checks it against the type that it is about: NULL when that is not known, as with the
 * rows of a query. A list stands for its items. LK_ERROR_ARGUMENT names the place.
 */
bool lk_fields_parse(struct lk_arena *arena, struct lk_str text, const struct lk_type *type,
                     const struct lk_projection **ret_projection, struct lk_error *err);

#endif
