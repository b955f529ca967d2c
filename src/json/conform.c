/*
 * lk_check_value of json/codec.h: does a text conform to a table? Nothing is built or allocated but
 * the words of an error. The recursion follows the text, capped at LK_JSON_MAX_DEPTH levels.
 */
#include "json/codec.h"
#include "json/explain.h"
#include "json/layout.h"
#include "json/scan.h"

#include <stdlib.h>

static bool check_object(const struct lk_explain *explain, const struct lk_type *type,
                         const struct lk_path *path, struct lk_str text);

static bool fail_kind(const struct lk_explain *explain, const struct lk_path *path,
                      const struct lk_field *field, bool item, struct lk_str text)
{
    return lk_explain_kind(explain, path, field, item, lk_found_text(text));
}

static bool check_string(const struct lk_explain *explain, const struct lk_field *field,
                         const struct lk_path *path, struct lk_str text)
{
    const struct lk_rule *rule = field->rule;

    if (lk_json_type(text) != LK_JSON_STRING)
        return fail_kind(explain, path, field, true, text);
    if (rule == NULL)
        return true;
    if (rule->values != NULL) {
        const char *const *value = rule->values;
        while (*value != NULL && !lk_json_string_eq(text, lk_str(*value)))
            value++;
        if (*value == NULL)
            return fail_kind(explain, path, field, true, text);
    }
    size_t length = lk_json_string_length(text);
    if (!lk_rule_allows_length(rule, length))
        return lk_explain_length(explain, path, field, length);
    return true;
}

/* Of an integer the text decides, since a double would round: digits, or digits and ".0". */
static bool is_integral(struct lk_str text)
{
    const char *point = memchr(text.ptr, '.', text.len);
    int64_t integer;

    if (point != NULL) {
        size_t whole = (size_t)(point - text.ptr);
        for (size_t i = whole + 1; i < text.len; i++)
            if (text.ptr[i] != '0')
                return false;
        text.len = whole;
    }
    return lk_json_integer(text, &integer);
}

static bool check_number(const struct lk_explain *explain, const struct lk_field *field,
                         const struct lk_path *path, struct lk_str text)
{
    char digits[128];

    if (lk_json_type(text) != LK_JSON_NUMBER ||
        (field->kind == LK_KIND_INTEGER && !is_integral(text)))
        return fail_kind(explain, path, field, true, text);
    if (text.len < sizeof(digits)) {
        memcpy(digits, text.ptr, text.len);
        digits[text.len] = '\0';
        if (!lk_rule_allows_number(field->rule, strtod(digits, NULL)))
            return fail_kind(explain, path, field, true, text);
    }
    return true;
}

static bool check_map(const struct lk_explain *explain, const struct lk_field *field,
                      const struct lk_path *path, struct lk_str text);

/* One value that is no list and not null. */
static bool check_one(const struct lk_explain *explain, const struct lk_field *field,
                      const struct lk_path *path, struct lk_str text)
{
    switch ((enum lk_kind)field->kind) {
    case LK_KIND_STRING:
        return check_string(explain, field, path, text);
    case LK_KIND_INTEGER:
    case LK_KIND_NUMBER:
        return check_number(explain, field, path, text);
    case LK_KIND_BOOLEAN:
        return lk_json_type(text) == LK_JSON_BOOLEAN || fail_kind(explain, path, field, true, text);
    case LK_KIND_OBJECT:
        if (lk_json_type(text) != LK_JSON_OBJECT)
            return fail_kind(explain, path, field, true, text);
        return check_object(explain, field->type, path, text);
    case LK_KIND_MAP:
        return check_map(explain, field, path, text);
    case LK_KIND_ANY:
        return true;
    case LK_KIND_NONE:
        break;
    }
    return fail_kind(explain, path, field, true, text);
}

static bool check_map(const struct lk_explain *explain, const struct lk_field *field,
                      const struct lk_path *path, struct lk_str text)
{
    const struct lk_field value_field = {
        .name = field->name, .kind = field->map_kind, .flags = field->flags & LK_FIELD_SECRET};
    struct lk_json_iter it = lk_json_iter(text);
    struct lk_str key, value;
    size_t n = 0;
    bool typed = field->map_kind >= LK_KIND_STRING && field->map_kind <= LK_KIND_BOOLEAN;

    if (lk_json_type(text) != LK_JSON_OBJECT)
        return fail_kind(explain, path, field, true, text);
    for (; lk_json_next(&it, &key, &value); n++) {
        struct lk_path here = lk_path_key(path, key);
        if (typed && lk_json_type(value) != LK_JSON_NULL &&
            !check_one(explain, &value_field, &here, value))
            return false;
    }
    if (!lk_field_is_list(field) && !lk_rule_allows_count(field->rule, n))
        return lk_explain_count(explain, path, field, n);
    return true;
}

static bool check_list(const struct lk_explain *explain, const struct lk_field *field,
                       const struct lk_path *path, struct lk_str text)
{
    struct lk_json_iter it = lk_json_iter(text);
    struct lk_str item;
    size_t n = 0;

    if (lk_json_type(text) != LK_JSON_ARRAY)
        return fail_kind(explain, path, field, false, text);
    for (; lk_json_next(&it, NULL, &item); n++) {
        struct lk_path here = lk_path_index(path, n);
        if (!check_one(explain, field, &here, item))
            return false;
    }
    if (!lk_rule_allows_count(field->rule, n))
        return lk_explain_count(explain, path, field, n);
    return true;
}

static bool check_field(const struct lk_explain *explain, const struct lk_field *field,
                        const struct lk_path *path, struct lk_str text)
{
    if (lk_json_type(text) == LK_JSON_NULL)
        return true;
    return lk_field_is_list(field) ? check_list(explain, field, path, text)
                                   : check_one(explain, field, path, text);
}

static bool check_object(const struct lk_explain *explain, const struct lk_type *type,
                         const struct lk_path *path, struct lk_str text)
{
    struct lk_json_iter it = lk_json_iter(text);
    struct lk_str name, value;

    while (lk_json_next(&it, &name, &value)) {
        const struct lk_field *field = lk_layout_key_field(type, name);
        if (field == NULL)
            return lk_explain_unknown(explain, path, type, name);
        struct lk_path here = lk_path_name(path, name);
        if (!check_field(explain, field, &here, value))
            return false;
    }
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct lk_field *field = &type->fields[i];
        if ((field->flags & LK_FIELD_REQUIRED) != 0 &&
            !lk_json_get(text, lk_str(field->name), &value))
            return lk_explain_missing(explain, path, &field, 1);
    }
    return true;
}

bool lk_check_value(const struct lk_field *field, struct lk_str text, struct lk_error *err)
{
    const struct lk_explain explain = {.err = err, .kind = LK_ERROR_ARGUMENT, .noun = "field"};
    const struct lk_path path = lk_path_name(NULL, lk_str(field->name));

    return check_field(&explain, field, &path, lk_str_trim(text));
}
