/*
 * Where the names come from that tools take: said when a name was wrong or
 * nothing matched it.
 */
#ifndef LK_HANDLERS_NAMES_H
#define LK_HANDLERS_NAMES_H

#include "base/error.h"
#include "json/type.h"
#include "json/write.h"

/* Says of an error that Looker answered with 404 which of the arguments may be wrong and which
 * tools show the right ones; leaves other errors, and tools without such arguments, alone. Returns
 * false. args: a struct of `type`. */
bool lk_names_explain(const struct lk_type *type, const void *args, struct lk_error *err);

/* Writes the member `hint` of a list that is empty, when arguments narrowed it. */
void lk_names_write_hint(struct lk_json_writer *w, const struct lk_type *type, const void *args);

#endif
