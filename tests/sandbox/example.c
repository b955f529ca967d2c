/*
 * Values out of nothing but a type table: full ones for answers that nobody prepared, blank ones
 * for what was just created and has little set. Also how a body is merged into such a value.
 */
#include "sandbox.h"

#include <stdio.h>

#define MAX_DEPTH 3

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), e = strlen(end);

    return n >= e && strcmp(name + n - e, end) == 0;
}

static cJSON *example_string(const struct lk_field *field)
{
    const char *name = field->name != NULL ? field->name : "text";
    char text[128];

    if (field->rule != NULL && field->rule->values != NULL && field->rule->values[0] != NULL)
        return cJSON_CreateString(field->rule->values[0]);
    if (strcmp(name, "id") == 0 || ends_with(name, "_id") || ends_with(name, "_ids"))
        return cJSON_CreateString("1");
    if (ends_with(name, "_at"))
        return cJSON_CreateString("2026-01-15T09:30:00.000+00:00");
    if (strstr(name, "email") != NULL)
        return cJSON_CreateString("ada@example.com");
    if (ends_with(name, "url") || ends_with(name, "uri"))
        return cJSON_CreateString("https://looker.example.com/example");
    snprintf(text, sizeof(text), "example %s", name);
    return cJSON_CreateString(text);
}

static cJSON *example_scalar(unsigned kind, const struct lk_field *field, bool full)
{
    switch (kind) {
    case LK_KIND_STRING:
        return full ? example_string(field) : cJSON_CreateString("");
    case LK_KIND_INTEGER:
        return cJSON_CreateNumber(full ? 1 : 0);
    case LK_KIND_NUMBER:
        return cJSON_CreateNumber(full ? 1.5 : 0);
    case LK_KIND_BOOLEAN:
        return cJSON_CreateFalse();
    default:
        return cJSON_CreateObject();
    }
}

static cJSON *example_map(const struct lk_field *field, bool full)
{
    struct lk_field value = {.kind = field->map_kind};
    cJSON *map = cJSON_CreateObject();

    if (full && field->map_kind != LK_KIND_NONE && field->map_kind != LK_KIND_ANY &&
        field->map_kind != LK_KIND_OBJECT)
        cJSON_AddItemToObject(map, "example", example_scalar(field->map_kind, &value, true));
    return map;
}

cJSON *sb_example(const struct lk_field *field, bool full, unsigned depth)
{
    struct lk_field item = *field;
    cJSON *list;

    if (!full && (field->flags & LK_FIELD_NULLABLE) != 0)
        return cJSON_CreateNull();
    if ((field->flags & LK_FIELD_LIST) != 0) {
        list = cJSON_CreateArray();
        item.flags &= (uint16_t)~LK_FIELD_LIST;
        if (full && (item.kind != LK_KIND_OBJECT || depth < MAX_DEPTH))
            cJSON_AddItemToArray(list, sb_example(&item, full, depth));
        return list;
    }
    if (field->kind == LK_KIND_OBJECT && field->type != NULL)
        return sb_example_object(field->type, full, depth + 1);
    if (field->kind == LK_KIND_MAP)
        return example_map(field, full);
    return example_scalar(field->kind, field, full);
}

cJSON *sb_example_object(const struct lk_type *type, bool full, unsigned depth)
{
    cJSON *object = cJSON_CreateObject();

    for (size_t i = 0; i < type->n_fields; i++) {
        const struct lk_field *field = &type->fields[i];

        if ((field->flags & LK_FIELD_WRITE_ONLY) != 0)
            continue;
        if (field->kind == LK_KIND_OBJECT && (field->flags & LK_FIELD_LIST) == 0 &&
            (field->flags & LK_FIELD_REQUIRED) == 0 && (!full || depth >= MAX_DEPTH))
            continue;
        cJSON_AddItemToObject(object, field->name, sb_example(field, full, depth));
    }
    return object;
}

void sb_merge(const struct lk_type *type, cJSON *into, const cJSON *from)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, from)
    {
        const struct lk_field *field =
            type != NULL && item->string != NULL ? lk_type_field(type, lk_str(item->string)) : NULL;
        cJSON *old;

        if (item->string == NULL || (type != NULL && field == NULL) ||
            (field != NULL && (field->flags & LK_FIELD_WRITE_ONLY) != 0))
            continue;
        old = cJSON_GetObjectItemCaseSensitive(into, item->string);
        if (field != NULL && field->kind == LK_KIND_OBJECT && cJSON_IsObject(old) &&
            cJSON_IsObject(item)) {
            sb_merge(field->type, old, item);
            continue;
        }
        if (old != NULL)
            cJSON_ReplaceItemInObjectCaseSensitive(into, item->string, cJSON_Duplicate(item, true));
        else
            cJSON_AddItemToObject(into, item->string, cJSON_Duplicate(item, true));
    }
}
