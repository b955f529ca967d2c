/*
 * What the tools of group api share: operations by their id, what may be done with each, and how
 * they and their types are written.
 */
#ifndef LK_HANDLERS_API_TOOLS_OPERATIONS_H
#define LK_HANDLERS_API_TOOLS_OPERATIONS_H

#include "api/operation.h"
#include "base/arena.h"
#include "base/error.h"
#include "json/write.h"

/* The operation of that id. LK_ERROR_ARGUMENT names those that may be meant. */
bool lk_operation_find(struct lk_arena *arena, struct lk_str id, const struct lk_operation **ret_op,
                       struct lk_error *err);

enum lk_access {
    LK_ACCESS_READ,  /* changes nothing */
    LK_ACCESS_WRITE, /* changes something, or may */
    LK_ACCESS_NEVER, /* about the session that all calls share */
};
enum lk_access lk_operation_access(const struct lk_operation *op);

/* The members operation, method, path, tag, access, and, where they say something, status,
 * deprecated, workspace, origin and remedy. */
void lk_operation_write(struct lk_json_writer *w, const struct lk_operation *op);

/* "string", "list<Look>", "map<any>": the type of a field, body or answer as the facts write it. */
void lk_type_put(struct lk_buf *out, const struct lk_field *field);
/* The same as a member. */
void lk_type_write(struct lk_json_writer *w, const char *key, const struct lk_field *field);

#endif
