/*
 * Looking into the generated tables (json/type.h) and into the structs that they describe
 * (json/layout.h). The tables are trusted: the generator checked them.
 */
#include "json/type.h"

#include "json/layout.h"
#include "json/scan.h"

/* strcmp of text that is not terminated. */
static int compare_name(struct lk_str text, const char *name)
{
    size_t len = strlen(name);
    size_t common = text.len < len ? text.len : len;
    int order = common > 0 ? memcmp(text.ptr, name, common) : 0;
    if (order != 0)
        return order;
    return text.len < len ? -1 : text.len > len;
}

const struct lk_field *lk_type_field(const struct lk_type *type, struct lk_str name)
{
    size_t low = 0, high = type->n_fields;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_name(name, type->fields[middle].name);
        if (order == 0)
            return &type->fields[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct lk_field *lk_layout_key_field(const struct lk_type *type, struct lk_str key)
{
    if (!lk_json_key_escaped(key))
        return lk_type_field(type, key);
    for (size_t i = 0; i < type->n_fields; i++) {
        if (lk_json_key_eq(key, lk_str(type->fields[i].name)))
            return &type->fields[i];
    }
    return NULL;
}

static size_t presence_offset(const struct lk_field *field)
{
    static const size_t offsets[] = {
        [LK_KIND_STRING] = offsetof(struct lk_string, is),
        [LK_KIND_INTEGER] = offsetof(struct lk_integer, is),
        [LK_KIND_NUMBER] = offsetof(struct lk_number, is),
        [LK_KIND_BOOLEAN] = offsetof(struct lk_boolean, is),
        [LK_KIND_OBJECT] = offsetof(struct lk_object_ref, is),
        [LK_KIND_MAP] = offsetof(struct lk_json, is),
        [LK_KIND_ANY] = offsetof(struct lk_json, is),
    };
    return lk_field_is_list(field) ? offsetof(struct lk_object_list, is) : offsets[field->kind];
}

enum lk_presence lk_layout_presence(const struct lk_field *field, const void *value)
{
    return ((const uint8_t *)value)[presence_offset(field)];
}

void lk_layout_set_presence(const struct lk_field *field, void *value, enum lk_presence is)
{
    ((uint8_t *)value)[presence_offset(field)] = (uint8_t)is;
}

enum lk_presence lk_field_presence(const struct lk_field *field, const void *object)
{
    return lk_layout_presence(field, (const uint8_t *)object + field->offset);
}

size_t lk_layout_item_size(const struct lk_field *field)
{
    static const size_t sizes[] = {
        [LK_KIND_STRING] = sizeof(struct lk_str), [LK_KIND_INTEGER] = sizeof(int64_t),
        [LK_KIND_NUMBER] = sizeof(double),        [LK_KIND_BOOLEAN] = sizeof(bool),
        [LK_KIND_MAP] = sizeof(struct lk_str),    [LK_KIND_ANY] = sizeof(struct lk_str),
    };
    return field->kind == LK_KIND_OBJECT ? field->type->size : sizes[field->kind];
}

void *lk_layout_new_items(struct lk_arena *arena, const struct lk_field *field, void *value,
                          size_t len)
{
    struct lk_object_list list = {.len = len};

    list.items = lk_arena_array(arena, len, lk_layout_item_size(field));
    memcpy(value, &list, offsetof(struct lk_object_list, is));
    return list.items;
}

void *lk_layout_new_object(struct lk_arena *arena, const struct lk_field *field, void *value)
{
    struct lk_object_ref ref = {.value = lk_arena_alloc(arena, field->type->size)};

    memcpy(value, &ref, offsetof(struct lk_object_ref, is));
    return ref.value;
}
