/*
 * Binding of arguments (bind.h): walks the rows that the generator made of a manifest entry, and
 * moves value wrappers (json/type.h) from struct to struct. Does not check values: the arguments
 * were validated, and the rows were proved against the spec, before.
 */
#include "handlers/bind.h"

#include "base/buf.h"
#include "json/codec.h"
#include "json/layout.h"

#include <inttypes.h>

/* ---- conversions: from the argument's wrapper to the target's ---- */

static size_t wrapper_size(const struct lk_field *field)
{
    if (field->flags & LK_FIELD_LIST)
        return sizeof(struct lk_object_list);
    switch (field->kind) {
    case LK_KIND_INTEGER:
        return sizeof(struct lk_integer);
    case LK_KIND_NUMBER:
        return sizeof(struct lk_number);
    case LK_KIND_BOOLEAN:
        return sizeof(struct lk_boolean);
    case LK_KIND_OBJECT:
        return sizeof(struct lk_object_ref);
    default:
        return sizeof(struct lk_string);
    }
}

struct lk_string lk_join_comma(struct lk_arena *arena, const struct lk_string_list *list)
{
    size_t len = 0, at = 0;

    if (list->is != LK_PRESENT)
        return (struct lk_string){0};
    for (size_t i = 0; i < list->len; i++)
        len += list->items[i].len + 1;
    char *text = lk_arena_alloc(arena, len + 1);
    for (size_t i = 0; i < list->len; i++) {
        if (i > 0)
            text[at++] = ',';
        if (list->items[i].len > 0)
            memcpy(text + at, list->items[i].ptr, list->items[i].len);
        at += list->items[i].len;
    }
    return lk_string(lk_str_n(text, at));
}

static struct lk_string to_string(struct lk_arena *arena, const struct lk_field *field,
                                  const void *value)
{
    struct lk_buf buf;
    struct lk_string string;

    if (field->kind == LK_KIND_INTEGER)
        return lk_string(
            lk_arena_printf(arena, "%" PRId64, ((const struct lk_integer *)value)->value));
    /* Numbers and booleans are texts as JSON writes them. */
    lk_buf_init(&buf, 64);
    lk_encode_value(field, value, &buf);
    string = lk_string(lk_arena_str(arena, lk_buf_view(&buf)));
    lk_buf_free(&buf);
    return string;
}

static struct lk_string_list to_strings(struct lk_arena *arena, const struct lk_integer_list *list)
{
    struct lk_string_list strings = {
        .items = lk_arena_array(arena, list->len, sizeof(*strings.items)),
        .len = list->len,
        .is = LK_PRESENT,
    };
    for (size_t i = 0; i < list->len; i++)
        strings.items[i] = lk_arena_printf(arena, "%" PRId64, list->items[i]);
    return strings;
}

struct lk_string lk_contains(struct lk_arena *arena, struct lk_string text)
{
    struct lk_str s = text.value;

    if (text.is != LK_PRESENT || s.len == 0 || memchr(s.ptr, '%', s.len) != NULL)
        return text;
    return lk_string(lk_arena_printf(arena, "%%%.*s%%", LK_STR_ARG(s)));
}

/* Writes to the target's wrapper; `field` and `value` are the argument's. */
static void convert(struct lk_arena *arena, enum lk_bind_convert how, const struct lk_field *field,
                    const void *value, void *target)
{
    switch (how) {
    case LK_CONVERT_NONE:
        memcpy(target, value, wrapper_size(field));
        break;
    case LK_CONVERT_JOIN_COMMA:
        *(struct lk_string *)target = lk_join_comma(arena, value);
        break;
    case LK_CONVERT_TO_STRING:
        *(struct lk_string *)target = to_string(arena, field, value);
        break;
    case LK_CONVERT_TO_STRINGS:
        *(struct lk_string_list *)target = to_strings(arena, value);
        break;
    case LK_CONVERT_FILLED:
        *(struct lk_boolean *)target = lk_boolean(((const struct lk_string *)value)->value.len > 0);
        break;
    case LK_CONVERT_CONTAINS:
        *(struct lk_string *)target = lk_contains(arena, *(const struct lk_string *)value);
        break;
    }
}

/* ---- rows ---- */

struct binder {
    struct lk_arena *arena;
    const struct lk_operation *op;
    const struct lk_type *args_type;
    const void *args;
    void *params;
    void *body;
};

static const struct lk_field *target_field(const struct binder *b, const struct lk_bind *bind)
{
    switch (bind->target) {
    case LK_BIND_PARAM:
        return &b->op->params->fields[bind->field];
    case LK_BIND_BODY_FIELD:
        return &b->op->body.type->fields[bind->field];
    default:
        return &b->op->body;
    }
}

/* The target's wrapper; the structs are made when the first row needs them. */
static void *target_wrapper(struct binder *b, const struct lk_bind *bind)
{
    const struct lk_field *field = target_field(b, bind);

    if (bind->target == LK_BIND_PARAM)
        return (char *)b->params + field->offset;
    if (bind->target == LK_BIND_BODY)
        return b->body = lk_arena_alloc(b->arena, sizeof(struct lk_object_list));
    return (char *)b->body + field->offset;
}

static bool bind_row(struct binder *b, const struct lk_bind *bind, struct lk_error *err)
{
    if (bind->arg < 0) {
        if (lk_decode_field_text(b->arena, target_field(b, bind), lk_str(bind->constant),
                                 target_wrapper(b, bind), err))
            return true;
        if (err != NULL)
            err->kind = LK_ERROR_INTERNAL;
        return false;
    }
    const struct lk_field *arg = &b->args_type->fields[bind->arg];
    if (lk_field_presence(arg, b->args) == LK_PRESENT)
        convert(b->arena, bind->convert, arg, (const char *)b->args + arg->offset,
                target_wrapper(b, bind));
    return true;
}

bool lk_bind_request(struct lk_arena *arena, const struct lk_binding *binding,
                     const struct lk_type *args_type, const void *args,
                     struct lk_api_request *ret_request, struct lk_error *err)
{
    struct binder b = {.arena = arena, .op = binding->op, .args_type = args_type, .args = args};

    if (b.op->params != NULL)
        b.params = lk_arena_alloc(arena, b.op->params->size);
    for (size_t i = 0; i < binding->n_binds; i++) {
        if (binding->binds[i].target == LK_BIND_BODY_FIELD && b.body == NULL)
            b.body = lk_arena_alloc(arena, b.op->body.type->size);
    }
    for (size_t i = 0; i < binding->n_binds; i++) {
        if (!bind_row(&b, &binding->binds[i], err))
            return false;
    }
    *ret_request = (struct lk_api_request){.op = b.op, .params = b.params, .body = b.body};
    return true;
}

/* ---- by name ---- */

static bool same_form(const struct lk_field *a, const struct lk_field *b)
{
    bool text_a = a->kind == LK_KIND_MAP || a->kind == LK_KIND_ANY;
    bool text_b = b->kind == LK_KIND_MAP || b->kind == LK_KIND_ANY;

    return (a->flags & LK_FIELD_LIST) == (b->flags & LK_FIELD_LIST) && a->kind != LK_KIND_OBJECT &&
           (a->kind == b->kind || (text_a && text_b));
}

void lk_bind_same_names(struct lk_arena *arena, const struct lk_type *args_type, const void *args,
                        const struct lk_type *type, void *object)
{
    for (size_t i = 0; i < args_type->n_fields; i++) {
        const struct lk_field *arg = &args_type->fields[i];
        const struct lk_field *field = lk_type_field(type, lk_str(arg->name));
        if (field == NULL || lk_field_presence(arg, args) != LK_PRESENT)
            continue;
        const void *value = (const char *)args + arg->offset;
        void *target = (char *)object + field->offset;
        if (same_form(arg, field))
            convert(arena, LK_CONVERT_NONE, arg, value, target);
        else if (arg->kind == LK_KIND_INTEGER && field->kind == LK_KIND_STRING &&
                 ((arg->flags | field->flags) & LK_FIELD_LIST) == 0)
            convert(arena, LK_CONVERT_TO_STRING, arg, value, target);
    }
}

void lk_clear_read_only(const struct lk_type *type, void *object)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        if (type->fields[i].flags & LK_FIELD_READ_ONLY)
            memset((char *)object + type->fields[i].offset, 0, wrapper_size(&type->fields[i]));
    }
}
