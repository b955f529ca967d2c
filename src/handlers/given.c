/*
 * Objects that a caller gives whole (given.h). Called by tools whose arguments hold rows or
 * settings in Looker's own form.
 */
#include "handlers/given.h"

#include "base/buf.h"
#include "json/codec.h"
#include "json/tree.h"

#include <stdio.h>

#define MAX_NAMES_BYTES 500

static bool may_be_given(const struct lk_field *field, const char *const *allowed)
{
    if (allowed == NULL)
        return (field->flags & LK_FIELD_READ_ONLY) == 0;
    for (; *allowed != NULL; allowed++)
        if (strcmp(*allowed, field->name) == 0)
            return true;
    return false;
}

static bool refuse(const struct lk_type *type, const char *const *allowed, const char *name,
                   struct lk_str place, struct lk_error *err)
{
    struct lk_buf names;

    lk_buf_init(&names, MAX_NAMES_BYTES);
    for (size_t i = 0; i < type->n_fields; i++)
        if (may_be_given(&type->fields[i], allowed))
            lk_buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", type->fields[i].name);
    lk_fail(err, LK_ERROR_ARGUMENT, "%.*s: \"%s\" cannot be set; what can: %.*s", LK_STR_ARG(place),
            name, LK_STR_ARG(lk_buf_view(&names)));
    lk_buf_free(&names);
    return false;
}

bool lk_given_object(struct lk_arena *arena, const struct lk_type *type, struct lk_str json,
                     const char *const *allowed, struct lk_str place, void *ret_object,
                     struct lk_error *err)
{
    struct lk_error problem = {0};
    cJSON *tree;

    if (!lk_tree_parse(arena, json, &tree, &problem) ||
        !lk_decode_arguments(arena, type, tree, ret_object, &problem))
        return lk_fail(err, LK_ERROR_ARGUMENT, "%.*s: %s", LK_STR_ARG(place), problem.message);
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct lk_field *field = &type->fields[i];

        if (lk_field_presence(field, ret_object) != LK_ABSENT && !may_be_given(field, allowed))
            return refuse(type, allowed, field->name, place, err);
    }
    return true;
}

bool lk_given_objects(struct lk_arena *arena, const struct lk_type *type,
                      const struct lk_json_list *list, const char *const *allowed, const char *name,
                      struct lk_object_list *ret_list, struct lk_error *err)
{
    char *items = lk_arena_array(arena, list->len + 1, type->size);

    for (size_t i = 0; i < list->len; i++)
        if (!lk_given_object(arena, type, list->items[i], allowed,
                             lk_arena_printf(arena, "%s[%zu]", name, i), items + i * type->size,
                             err))
            return false;
    *ret_list = (struct lk_object_list){.items = items, .len = list->len, .is = LK_PRESENT};
    return true;
}
