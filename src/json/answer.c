/*
 * lk_decode_answer of json/codec.h: checked text straight into structs, without a tree between,
 * leniently: what the tables do not know is skipped. Only handlers that reason about an answer come
 * here; what is forwarded stays text.
 *
 * The recursion follows the text, which lk_json_check has capped at LK_JSON_MAX_DEPTH.
 */
#include "json/codec.h"
#include "json/explain.h"
#include "json/layout.h"
#include "json/scan.h"

#include <math.h>
#include <stdlib.h>

struct decoder {
    struct lk_arena *arena;
    struct lk_explain explain;
};

static bool decode_object(const struct decoder *d, const struct lk_type *type,
                          const struct lk_path *path, struct lk_str text, void *object);

static bool parse_number(struct lk_arena *arena, struct lk_str text, double *ret_value)
{
    char small[64];
    const char *cstr = small;

    if (lk_json_type(text) != LK_JSON_NUMBER)
        return false;
    if (text.len < sizeof(small)) {
        memcpy(small, text.ptr, text.len);
        small[text.len] = '\0';
    } else {
        cstr = lk_arena_cstr(arena, text);
    }
    *ret_value = strtod(cstr, NULL);
    return isfinite(*ret_value);
}

/* 5, and 5.0 or 5e0 as long as a double holds them exactly. */
static bool parse_integer(struct lk_arena *arena, struct lk_str text, int64_t *ret_value)
{
    double value;

    if (lk_json_integer(text, ret_value))
        return true;
    if (!parse_number(arena, text, &value) || trunc(value) != value ||
        fabs(value) > 9007199254740992.0)
        return false;
    *ret_value = (int64_t)value;
    return true;
}

/* Writes the payload of a value that is not null to out. */
static bool decode_value(const struct decoder *d, const struct lk_field *field,
                         const struct lk_path *path, struct lk_str text, void *out)
{
    enum lk_json_type type = lk_json_type(text);
    struct lk_str string = text;
    int64_t integer;
    double number;
    bool boolean = lk_json_is_true(text);

    switch ((enum lk_kind)field->kind) {
    case LK_KIND_STRING:
        if (type == LK_JSON_STRING)
            string = lk_json_decode_string(d->arena, text);
        else if (type != LK_JSON_NUMBER)
            break;
        memcpy(out, &string, sizeof(string));
        return true;
    case LK_KIND_INTEGER:
        if (!parse_integer(d->arena, text, &integer))
            break;
        memcpy(out, &integer, sizeof(integer));
        return true;
    case LK_KIND_NUMBER:
        if (!parse_number(d->arena, text, &number))
            break;
        memcpy(out, &number, sizeof(number));
        return true;
    case LK_KIND_BOOLEAN:
        if (type != LK_JSON_BOOLEAN)
            break;
        memcpy(out, &boolean, sizeof(boolean));
        return true;
    case LK_KIND_OBJECT:
        if (type != LK_JSON_OBJECT)
            break;
        return decode_object(d, field->type, path, text, out);
    case LK_KIND_MAP:
        if (type != LK_JSON_OBJECT)
            break;
        memcpy(out, &text, sizeof(text));
        return true;
    case LK_KIND_ANY:
        memcpy(out, &text, sizeof(text));
        return true;
    case LK_KIND_NONE:
        return true;
    }
    return lk_explain_kind(&d->explain, path, field, true, lk_found_text(text));
}

/* Null items keep a zeroed payload: an empty string, an object of absent fields. */
static bool decode_list(const struct decoder *d, const struct lk_field *field,
                        const struct lk_path *path, struct lk_str text, void *value)
{
    struct lk_json_iter it = lk_json_iter(text);
    struct lk_str item;

    if (lk_json_type(text) != LK_JSON_ARRAY)
        return lk_explain_kind(&d->explain, path, field, false, lk_found_text(text));
    unsigned char *items = lk_layout_new_items(d->arena, field, value, lk_json_count(text));
    size_t size = lk_layout_item_size(field);
    for (size_t i = 0; lk_json_next(&it, NULL, &item); i++) {
        struct lk_path here = lk_path_index(path, i);
        bool null = lk_json_type(item) == LK_JSON_NULL && field->kind != LK_KIND_ANY;
        if (!null && !decode_value(d, field, &here, item, items + i * size))
            return false;
    }
    return true;
}

/* Into the wrapper at `value`. */
static bool decode_field(const struct decoder *d, const struct lk_field *field,
                         const struct lk_path *path, struct lk_str text, void *value)
{
    bool ok;

    if (lk_json_type(text) == LK_JSON_NULL) {
        lk_layout_set_presence(field, value, LK_NULL);
        return true;
    }
    if (lk_field_is_list(field)) {
        ok = decode_list(d, field, path, text, value);
    } else {
        bool object = field->kind == LK_KIND_OBJECT && lk_json_type(text) == LK_JSON_OBJECT;
        void *out = object ? lk_layout_new_object(d->arena, field, value) : value;
        ok = decode_value(d, field, path, text, out);
    }
    if (ok)
        lk_layout_set_presence(field, value, LK_PRESENT);
    return ok;
}

static bool decode_object(const struct decoder *d, const struct lk_type *type,
                          const struct lk_path *path, struct lk_str text, void *object)
{
    struct lk_json_iter it = lk_json_iter(text);
    struct lk_str name, value;

    while (lk_json_next(&it, &name, &value)) {
        const struct lk_field *field = lk_layout_key_field(type, name);
        /* Of a member that comes twice the first counts, as in lk_json_get. */
        if (field == NULL || lk_field_presence(field, object) != LK_ABSENT)
            continue;
        struct lk_path here = lk_path_name(path, name);
        if (!decode_field(d, field, &here, value, lk_layout_value(field, object)))
            return false;
    }
    return true;
}

static struct decoder decoder_for(struct lk_arena *arena, struct lk_error *err)
{
    return (struct decoder){.arena = arena,
                            .explain = {.err = err, .kind = LK_ERROR_PARSE, .noun = "field"}};
}

bool lk_decode_answer(struct lk_arena *arena, const struct lk_type *type, struct lk_str text,
                      void *ret_object, struct lk_error *err)
{
    const struct decoder d = decoder_for(arena, err);
    const struct lk_field root = {.name = type->name, .kind = LK_KIND_OBJECT, .type = type};
    const struct lk_path path = lk_path_name(NULL, lk_str(type->name));
    void *object = lk_arena_alloc(arena, type->size);

    if (!decode_value(&d, &root, &path, text, object))
        return false;
    memcpy(ret_object, object, type->size);
    return true;
}

bool lk_decode_answer_list(struct lk_arena *arena, const struct lk_type *type, struct lk_str text,
                           struct lk_object_list *ret_list, struct lk_error *err)
{
    const struct decoder d = decoder_for(arena, err);
    const struct lk_field root = {
        .name = type->name, .kind = LK_KIND_OBJECT, .type = type, .flags = LK_FIELD_LIST};
    const struct lk_path path = lk_path_name(NULL, lk_str(type->name));
    struct lk_object_list list = {.is = LK_PRESENT};

    if (!decode_list(&d, &root, &path, text, &list))
        return false;
    *ret_list = list;
    return true;
}

bool lk_decode_field_text(struct lk_arena *arena, const struct lk_field *field, struct lk_str text,
                          void *value, struct lk_error *err)
{
    const struct decoder d = decoder_for(arena, err);
    const struct lk_path path = lk_path_name(NULL, lk_str(field->name));

    return decode_field(&d, field, &path, text, value);
}
