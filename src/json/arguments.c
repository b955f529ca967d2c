/*
 * lk_decode_arguments and lk_decode_body of json/codec.h: a cJSON tree, as strict as a schema, into
 * the struct that a tool's handler gets, or that goes to Looker. What a model may get wrong is
 * answered with words from json/explain.h.
 */
#include "json/codec.h"
#include "json/explain.h"
#include "json/layout.h"
#include "json/tree.h"

#include <math.h>
#include <stdlib.h>

#define EXACT_INTEGER 9007199254740992.0 /* 2^53 */

struct decoder {
    struct lk_arena *arena;
    struct lk_explain explain;
    const struct lk_body_rules *body; /* NULL: arguments */
};

static bool decode_object(const struct decoder *d, const struct lk_type *type,
                          const struct lk_path *path, const cJSON *tree, void *object);

/* ---- what came ---- */

static struct lk_str number_text(struct lk_arena *arena, double value)
{
    struct lk_buf buf;
    struct lk_json_writer w = lk_json_writer(&buf);

    lk_buf_init(&buf, 64);
    lk_json_put_number(&w, value);
    struct lk_str text = lk_arena_str(arena, lk_buf_view(&buf));
    lk_buf_free(&buf);
    return text;
}

static struct lk_found describe(struct lk_arena *arena, const cJSON *tree)
{
    switch (tree->type & 0xFF) {
    case cJSON_String:
        return (struct lk_found){.type = LK_JSON_STRING, .text = lk_str(tree->valuestring)};
    case cJSON_Number:
        return (struct lk_found){.type = LK_JSON_NUMBER,
                                 .text = number_text(arena, tree->valuedouble)};
    case cJSON_True:
        return (struct lk_found){.type = LK_JSON_BOOLEAN, .text = LK_STR("true")};
    case cJSON_False:
        return (struct lk_found){.type = LK_JSON_BOOLEAN, .text = LK_STR("false")};
    case cJSON_Array:
        return (struct lk_found){.type = LK_JSON_ARRAY};
    case cJSON_Object:
        return (struct lk_found){.type = LK_JSON_OBJECT};
    default:
        return (struct lk_found){.type = LK_JSON_NULL};
    }
}

/*
 * What to write instead of it, or NULL. Maps of strings are filters, and one that were dropped
 * because it is null would widen the question in silence.
 */
static const char *remedy(const struct lk_path *path, const struct lk_field *field,
                          const cJSON *tree)
{
    if (field->kind != LK_KIND_STRING || lk_field_is_list(field))
        return NULL;
    if (path->step == LK_PATH_KEY && cJSON_IsNull(tree))
        return "write \"NULL\" to match missing values, or leave the filter out";
    if (path->step == LK_PATH_KEY && cJSON_IsArray(tree))
        return "write \"a,b\" to match either of several values";
    if (path->step == LK_PATH_NAME && (cJSON_IsObject(tree) || cJSON_IsObject(tree->child)))
        return "write it as JSON text, in a string";
    return NULL;
}

static bool fail_kind(const struct decoder *d, const struct lk_path *path,
                      const struct lk_field *field, bool item, const cJSON *tree)
{
    struct lk_found found = describe(d->arena, tree);

    found.remedy = remedy(path, field, tree);
    return lk_explain_kind(&d->explain, path, field, item, found);
}

static bool is_integral(const cJSON *tree)
{
    return cJSON_IsNumber(tree) && fabs(tree->valuedouble) <= EXACT_INTEGER &&
           trunc(tree->valuedouble) == tree->valuedouble;
}

/* ---- one value; all write the payload to out ---- */

static bool decode_string(const struct decoder *d, const struct lk_field *field,
                          const struct lk_path *path, const cJSON *tree, void *out)
{
    const struct lk_rule *rule = field->rule;
    struct lk_str text;

    if (cJSON_IsString(tree))
        text = lk_str(tree->valuestring);
    else if (is_integral(tree)) /* ids are strings to Looker, and often numbers to a model */
        text = number_text(d->arena, tree->valuedouble);
    else
        return fail_kind(d, path, field, true, tree);

    if (rule != NULL && rule->values != NULL) {
        const char *const *value = rule->values;
        while (*value != NULL && !lk_str_eq(text, lk_str(*value)))
            value++;
        if (*value == NULL)
            return fail_kind(d, path, field, true, tree);
    }
    if (!lk_rule_allows_length(rule, text.len))
        return lk_explain_length(&d->explain, path, field, text.len);
    memcpy(out, &text, sizeof(text));
    return true;
}

static bool decode_integer(const struct decoder *d, const struct lk_field *field,
                           const struct lk_path *path, const cJSON *tree, void *out)
{
    if (!is_integral(tree) || !lk_rule_allows_number(field->rule, tree->valuedouble))
        return fail_kind(d, path, field, true, tree);
    int64_t value = (int64_t)tree->valuedouble;
    memcpy(out, &value, sizeof(value));
    return true;
}

static bool decode_number(const struct decoder *d, const struct lk_field *field,
                          const struct lk_path *path, const cJSON *tree, void *out)
{
    if (!cJSON_IsNumber(tree) || !lk_rule_allows_number(field->rule, tree->valuedouble))
        return fail_kind(d, path, field, true, tree);
    memcpy(out, &tree->valuedouble, sizeof(tree->valuedouble));
    return true;
}

static bool decode_boolean(const struct decoder *d, const struct lk_field *field,
                           const struct lk_path *path, const cJSON *tree, void *out)
{
    if (!cJSON_IsBool(tree))
        return fail_kind(d, path, field, true, tree);
    bool value = cJSON_IsTrue(tree);
    memcpy(out, &value, sizeof(value));
    return true;
}

static bool decode_struct(const struct decoder *d, const struct lk_field *field,
                          const struct lk_path *path, const cJSON *tree, void *out)
{
    if (!cJSON_IsObject(tree))
        return fail_kind(d, path, field, true, tree);
    return decode_object(d, field->type, path, tree, out);
}

static bool write_map(const struct decoder *d, const struct lk_field *field,
                      const struct lk_path *path, const cJSON *tree, struct lk_json_writer *w);

/* The writer's text, copied into the arena, becomes the payload. */
static bool decode_text(const struct decoder *d, const struct lk_field *field,
                        const struct lk_path *path, const cJSON *tree, void *out)
{
    struct lk_buf buf;
    struct lk_json_writer w = lk_json_writer(&buf);
    bool ok = true;

    /* Bounded by the message that the tree came from. */
    lk_buf_init(&buf, SIZE_MAX);
    if (field->kind == LK_KIND_MAP)
        ok = write_map(d, field, path, tree, &w);
    else
        lk_tree_write(tree, &w);
    if (ok) {
        struct lk_str text = lk_arena_str(d->arena, lk_buf_view(&buf));
        memcpy(out, &text, sizeof(text));
    }
    lk_buf_free(&buf);
    return ok;
}

typedef bool decode_fn(const struct decoder *d, const struct lk_field *field,
                       const struct lk_path *path, const cJSON *tree, void *out);

static decode_fn *const decoders[] = {
    [LK_KIND_STRING] = decode_string, [LK_KIND_INTEGER] = decode_integer,
    [LK_KIND_NUMBER] = decode_number, [LK_KIND_BOOLEAN] = decode_boolean,
    [LK_KIND_OBJECT] = decode_struct, [LK_KIND_MAP] = decode_text,
    [LK_KIND_ANY] = decode_text,
};

/* ---- containers ---- */

/* One member of a map whose values are scalars of a kind. */
static bool write_map_value(const struct decoder *d, const struct lk_field *map,
                            const struct lk_path *path, const cJSON *tree, struct lk_json_writer *w)
{
    const struct lk_field field = {
        .name = map->name, .kind = map->map_kind, .flags = map->flags & LK_FIELD_SECRET};
    union {
        struct lk_str text;
        int64_t integer;
        double number;
        bool boolean;
    } value;

    if (!decoders[field.kind](d, &field, path, tree, &value))
        return false;
    if (field.kind == LK_KIND_STRING)
        lk_json_put_string(w, value.text);
    else
        lk_tree_write(tree, w);
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A name that comes twice in an object, or NULL. Sorted, since a map may have as many members as a
 * message has room for. */
static const char *find_twice(struct lk_arena *arena, const cJSON *tree)
{
    size_t n = 0;
    const char **names = lk_arena_array(arena, (size_t)cJSON_GetArraySize(tree), sizeof(*names));
    const cJSON *item;

    cJSON_ArrayForEach(item, tree) names[n++] = item->string;
    qsort(names, n, sizeof(*names), compare_names);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(names[i - 1], names[i]) == 0)
            return names[i];
    }
    return NULL;
}

static bool write_map(const struct decoder *d, const struct lk_field *field,
                      const struct lk_path *path, const cJSON *tree, struct lk_json_writer *w)
{
    const cJSON *item;
    const char *twice;
    size_t n = 0;
    bool typed = field->map_kind >= LK_KIND_STRING && field->map_kind <= LK_KIND_BOOLEAN;

    if (!cJSON_IsObject(tree))
        return fail_kind(d, path, field, true, tree);
    twice = find_twice(d->arena, tree);
    if (twice != NULL) {
        struct lk_path there = lk_path_key(path, lk_str(twice));
        return lk_explain_twice(&d->explain, &there);
    }
    lk_json_begin_object(w);
    cJSON_ArrayForEach(item, tree)
    {
        struct lk_path here = lk_path_key(path, lk_str(item->string));
        n++;
        lk_json_key(w, item->string);
        if (!typed)
            lk_tree_write(item, w);
        else if (!write_map_value(d, field, &here, item, w))
            return false;
    }
    lk_json_end_object(w);
    if (!lk_field_is_list(field) && !lk_rule_allows_count(field->rule, n))
        return lk_explain_count(&d->explain, path, field, n);
    return true;
}

static bool decode_list(const struct decoder *d, const struct lk_field *field,
                        const struct lk_path *path, const cJSON *tree, void *value)
{
    const cJSON *item;
    size_t i = 0;

    if (!cJSON_IsArray(tree))
        return fail_kind(d, path, field, false, tree);
    size_t len = (size_t)cJSON_GetArraySize(tree);
    if (!lk_rule_allows_count(field->rule, len))
        return lk_explain_count(&d->explain, path, field, len);

    unsigned char *items = lk_layout_new_items(d->arena, field, value, len);
    size_t size = lk_layout_item_size(field);
    cJSON_ArrayForEach(item, tree)
    {
        struct lk_path here = lk_path_index(path, i);
        if (!decoders[field->kind](d, field, &here, item, items + i * size))
            return false;
        i++;
    }
    return true;
}

/* Into the wrapper at `value`; tree is not null. */
static bool decode_field(const struct decoder *d, const struct lk_field *field,
                         const struct lk_path *path, const cJSON *tree, void *value)
{
    bool ok;

    if (lk_field_is_list(field)) {
        ok = decode_list(d, field, path, tree, value);
    } else {
        void *out =
            field->kind == LK_KIND_OBJECT ? lk_layout_new_object(d->arena, field, value) : value;
        ok = decoders[field->kind](d, field, path, tree, out);
    }
    if (ok)
        lk_layout_set_presence(field, value, LK_PRESENT);
    return ok;
}

/* What is declared but cannot be honoured; false asks for nothing. */
static bool check_available(const struct decoder *d, const struct lk_field *field,
                            const cJSON *tree)
{
    if (field->rule == NULL || field->rule->unavailable == NULL || cJSON_IsFalse(tree))
        return true;
    return lk_fail(d->explain.err, LK_ERROR_UNSUPPORTED,
                   "%s is not available in this version of the server; remove the argument (%s)",
                   field->name, field->rule->unavailable);
}

/* Whether what is required may be missing all the same: in the root of a PATCH. */
static bool is_optional(const struct decoder *d, const struct lk_path *path)
{
    return d->body != NULL && d->body->partial && path != NULL && path->up == NULL;
}

/* Fills defaults in and says what is missing. */
static bool complete_object(const struct decoder *d, const struct lk_type *type,
                            const struct lk_path *path, void *object)
{
    const struct lk_field **missing = lk_arena_array(d->arena, type->n_fields, sizeof(*missing));
    size_t n_missing = 0;

    for (size_t i = 0; i < type->n_fields; i++) {
        const struct lk_field *field = &type->fields[i];
        if (lk_field_presence(field, object) != LK_ABSENT)
            continue;
        if (field->rule != NULL && field->rule->default_json != NULL) {
            if (!lk_decode_field_text(d->arena, field, lk_str(field->rule->default_json),
                                      lk_layout_value(field, object), d->explain.err))
                return false;
        } else if ((field->flags & LK_FIELD_REQUIRED) != 0 && !is_optional(d, path)) {
            missing[n_missing++] = field;
        }
    }
    return n_missing == 0 || lk_explain_missing(&d->explain, path, missing, n_missing);
}

static bool is_refused(const struct decoder *d, const struct lk_field *field)
{
    return d->body != NULL && !d->body->sends_read_only && (field->flags & LK_FIELD_READ_ONLY) != 0;
}

static bool decode_object(const struct decoder *d, const struct lk_type *type,
                          const struct lk_path *path, const cJSON *tree, void *object)
{
    const cJSON *item;
    bool *seen = lk_arena_array(d->arena, type->n_fields, sizeof(*seen));

    cJSON_ArrayForEach(item, tree)
    {
        struct lk_str name = lk_str(item->string);
        const struct lk_field *field = lk_type_field(type, name);
        if (field == NULL)
            return lk_explain_unknown(&d->explain, path, type, name);
        struct lk_path here = lk_path_name(path, name);
        if (seen[field - type->fields])
            return lk_explain_twice(&d->explain, &here);
        seen[field - type->fields] = true;
        if (is_refused(d, field))
            return lk_explain_read_only(&d->explain, &here);
        if (cJSON_IsNull(item) && d->body != NULL)
            lk_layout_set_presence(field, lk_layout_value(field, object), LK_NULL);
        if (!cJSON_IsNull(item) &&
            (!decode_field(d, field, &here, item, lk_layout_value(field, object)) ||
             !check_available(d, field, item)))
            return false;
    }
    return complete_object(d, type, path, object);
}

bool lk_decode_arguments(struct lk_arena *arena, const struct lk_type *type, const cJSON *tree,
                         void *ret_object, struct lk_error *err)
{
    const struct decoder d = {
        .arena = arena, .explain = {.err = err, .kind = LK_ERROR_ARGUMENT, .noun = "argument"}};
    static const struct lk_type no_arguments = {.name = "no arguments"};
    static const struct lk_field root = {.name = "arguments", .kind = LK_KIND_OBJECT};
    const struct lk_path path = lk_path_name(NULL, LK_STR("arguments"));
    const cJSON empty = {.type = cJSON_Object};

    if (type == NULL)
        type = &no_arguments;
    if (tree == NULL)
        tree = &empty;
    if (!cJSON_IsObject(tree))
        return fail_kind(&d, &path, &root, false, tree);
    void *object = lk_arena_alloc(arena, type->size);
    if (!decode_object(&d, type, NULL, tree, object))
        return false;
    if (type->size > 0)
        memcpy(ret_object, object, type->size);
    return true;
}

bool lk_decode_body(struct lk_arena *arena, const struct lk_field *body, const cJSON *tree,
                    const struct lk_body_rules *rules, const void **ret_body, struct lk_error *err)
{
    const struct decoder d = {
        .arena = arena,
        .explain = {.err = err,
                    .kind = LK_ERROR_ARGUMENT,
                    .noun = "field",
                    .writable = !rules->sends_read_only},
        .body = rules,
    };
    const struct lk_path path = lk_path_name(NULL, LK_STR("body"));
    struct lk_object_list *value = lk_arena_new_object(arena, struct lk_object_list);

    if (!decode_field(&d, body, &path, tree, value))
        return false;
    bool object = body->kind == LK_KIND_OBJECT && !lk_field_is_list(body);
    *ret_body = object ? value->items : value;
    return true;
}
