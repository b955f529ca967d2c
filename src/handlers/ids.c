/*
 * Lists of ids (ids.h). Called by handlers that change memberships. The lists are small enough
 * (roles, groups, the users of a role) to be searched from one end to the other.
 */
#include "handlers/ids.h"

#include "base/buf.h"
#include "json/scan.h"

#define SHOWN 50

static struct lk_str id_of_value(struct lk_arena *arena, struct lk_str value)
{
    if (lk_json_type(value) == LK_JSON_STRING)
        return lk_json_decode_string(arena, value);
    if (lk_json_type(value) == LK_JSON_NUMBER)
        return lk_str_trim(value);
    return (struct lk_str){0};
}

struct lk_str lk_id(struct lk_arena *arena, struct lk_str object, const char *member)
{
    struct lk_str value;

    if (!lk_json_get(object, lk_str(member), &value))
        return (struct lk_str){0};
    return id_of_value(arena, value);
}

static struct lk_string_list room_for(struct lk_arena *arena, size_t n)
{
    return (struct lk_string_list){
        .items = lk_arena_array(arena, n, sizeof(struct lk_str)),
        .is = LK_PRESENT,
    };
}

struct lk_string_list lk_ids(struct lk_arena *arena, struct lk_str list)
{
    struct lk_string_list ids = room_for(arena, lk_json_count(list));
    struct lk_str item;

    if (lk_json_type(list) != LK_JSON_ARRAY)
        return ids;
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        bool object = lk_json_type(item) == LK_JSON_OBJECT;
        struct lk_str id = object ? lk_id(arena, item, "id") : id_of_value(arena, item);
        if (id.len > 0)
            ids.items[ids.len++] = id;
    }
    return ids;
}

bool lk_ids_have(const struct lk_string_list *ids, struct lk_str id)
{
    for (size_t i = 0; i < ids->len; i++) {
        if (lk_str_eq(ids->items[i], id))
            return true;
    }
    return false;
}

struct lk_string_list lk_ids_with(struct lk_arena *arena, const struct lk_string_list *ids,
                                  struct lk_str id)
{
    struct lk_string_list copy = room_for(arena, ids->len + 1);

    for (size_t i = 0; i < ids->len; i++)
        copy.items[copy.len++] = ids->items[i];
    if (!lk_ids_have(ids, id))
        copy.items[copy.len++] = id;
    return copy;
}

struct lk_string_list lk_ids_without(struct lk_arena *arena, const struct lk_string_list *ids,
                                     struct lk_str id)
{
    struct lk_string_list copy = room_for(arena, ids->len);

    for (size_t i = 0; i < ids->len; i++) {
        if (!lk_str_eq(ids->items[i], id))
            copy.items[copy.len++] = ids->items[i];
    }
    return copy;
}

struct lk_string_list lk_ids_missing(struct lk_arena *arena, const struct lk_string_list *ids,
                                     const struct lk_string_list *others)
{
    struct lk_string_list missing = room_for(arena, ids->len);

    for (size_t i = 0; i < ids->len; i++) {
        if (!lk_ids_have(others, ids->items[i]) && !lk_ids_have(&missing, ids->items[i]))
            missing.items[missing.len++] = ids->items[i];
    }
    return missing;
}

struct lk_str lk_ids_text(struct lk_arena *arena, const struct lk_string_list *ids)
{
    struct lk_buf *text = lk_arena_new_object(arena, struct lk_buf);

    lk_buf_init(text, (size_t)64 * 1024);
    lk_arena_defer(arena, lk_buf_free_deferred, text);
    for (size_t i = 0; i < ids->len && i < SHOWN; i++)
        lk_buf_printf(text, "%s%.*s", i > 0 ? ", " : "", LK_STR_ARG(ids->items[i]));
    if (ids->len > SHOWN)
        lk_buf_printf(text, " and %zu more", ids->len - SHOWN);
    return lk_buf_view(text);
}
