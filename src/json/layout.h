/*
 * Where the payload and the presence of a value stand, by the field's kind (json/type.h): what the
 * files of the codec share.
 *
 *     string, map, any    { ptr, len,  is }      list of anything    { items, len, is }
 *     integer, number     { 8 bytes,   is }      object              { pointer,    is }
 *     boolean             { 1 byte,    is }
 */
#ifndef LK_JSON_LAYOUT_H
#define LK_JSON_LAYOUT_H

#include "base/arena.h"
#include "base/error.h"
#include "json/type.h"

static inline bool lk_field_is_list(const struct lk_field *field)
{
    return (field->flags & LK_FIELD_LIST) != 0;
}

/* The wrapper of the field's value in the struct at `object`. */
static inline void *lk_layout_value(const struct lk_field *field, void *object)
{
    return (unsigned char *)object + field->offset;
}

/* The presence byte of the wrapper at `value`. */
enum lk_presence lk_layout_presence(const struct lk_field *field, const void *value);
void lk_layout_set_presence(const struct lk_field *field, void *value, enum lk_presence is);

/* lk_type_field by a key of lk_json_next, whose escapes are not decoded. */
const struct lk_field *lk_layout_key_field(const struct lk_type *type, struct lk_str key);

/* Bytes of one item of a list; of an object, the size of its struct. */
size_t lk_layout_item_size(const struct lk_field *field);

/* Zeroed room for the payload of a list with so many items, or for an object; the wrapper at
 * `value` is made to point there. */
void *lk_layout_new_items(struct lk_arena *arena, const struct lk_field *field, void *value,
                          size_t len);
void *lk_layout_new_object(struct lk_arena *arena, const struct lk_field *field, void *value);

/* Decodes checked text into the wrapper at `value`, leniently (json/answer.c): defaults of
 * arguments go this way as well. */
bool lk_decode_field_text(struct lk_arena *arena, const struct lk_field *field, struct lk_str text,
                          void *value, struct lk_error *err);

#endif
