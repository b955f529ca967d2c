/*
 * The words of the codec's errors (json/explain.h). Called by arguments.c, answer.c and conform.c
 * of this folder. Each message is put together in a small bounded buffer; what peers sent is quoted
 * up to a few words, and never when the field is secret.
 */
#include "json/explain.h"

#include "base/buf.h"
#include "base/nearest.h"
#include "json/layout.h"

#define MAX_MESSAGE_BYTES 639 /* struct lk_error.message without its NUL */
#define MAX_QUOTE_BYTES 48
#define MAX_PATH_BYTES 160
#define MAX_LIST_BYTES 280

static bool is_secret(const struct lk_field *field)
{
    return (field->flags & LK_FIELD_SECRET) != 0;
}

/* ---- pieces ---- */

static void put_quoted(struct lk_buf *out, struct lk_str text)
{
    struct lk_str shown = lk_str_cut(text, MAX_QUOTE_BYTES);
    lk_buf_printf(out, "\"%.*s%s\"", LK_STR_ARG(shown), shown.len < text.len ? "..." : "");
}

static void put_path(struct lk_buf *out, const struct lk_path *path)
{
    if (path == NULL)
        return;
    put_path(out, path->up);
    if (out->len > MAX_PATH_BYTES)
        return;
    switch (path->step) {
    case LK_PATH_NAME:
        if (out->len > 0 && path->name.len > 0)
            lk_buf_char(out, '.');
        lk_buf_str(out, path->name);
        break;
    case LK_PATH_INDEX:
        lk_buf_printf(out, "[%zu]", path->index);
        break;
    case LK_PATH_KEY:
        lk_buf_char(out, '[');
        put_quoted(out, path->name);
        lk_buf_char(out, ']');
        break;
    }
}

/* The i-th name of a list, or NULL after the last. */
typedef const char *name_fn(const void *list, size_t i);

static const char *value_name(const void *list, size_t i)
{
    return ((const char *const *)list)[i];
}

/* ---- names that callers bring along ---- */

/* Declared, but not to be had: nobody is to be led there. */
static bool is_unavailable(const struct lk_field *field)
{
    return field->rule != NULL && field->rule->unavailable != NULL;
}

/* The fields of a type that a caller may be told of. */
struct known {
    const struct lk_type *type; /* or NULL */
    bool writable;              /* without those that are readOnly */
};

/* The i-th field's name, those that are not to be had at the end. */
static const char *known_name(const void *list, size_t i)
{
    const struct known *known = list;

    for (int late = 0; known->type != NULL && late < 2; late++) {
        for (size_t k = 0; k < known->type->n_fields; k++) {
            const struct lk_field *field = &known->type->fields[k];
            if (known->writable && (field->flags & LK_FIELD_READ_ONLY) != 0)
                continue;
            if (is_unavailable(field) == (late > 0) && i-- == 0)
                return field->name;
        }
    }
    return NULL;
}

static const char *with_alias(const struct lk_type *type, struct lk_str name)
{
    for (size_t i = 0; type != NULL && i < type->n_fields; i++) {
        const struct lk_rule *rule = type->fields[i].rule;
        const char *const *alias = rule != NULL ? rule->aliases : NULL;

        for (; alias != NULL && *alias != NULL; alias++) {
            if (lk_str_eq(name, lk_str(*alias)))
                return type->fields[i].name;
        }
    }
    return NULL;
}

/* model for model_name, look_id for look. */
static const char *with_or_without_ending(const struct lk_type *type, struct lk_str name)
{
    static const struct lk_str endings[] = {LK_STR_INIT("_name"), LK_STR_INIT("_id")};

    for (size_t i = 0; type != NULL && i < type->n_fields; i++) {
        struct lk_str known = lk_str(type->fields[i].name);
        struct lk_str shorter = known.len < name.len ? known : name;
        struct lk_str longer = known.len < name.len ? name : known;
        struct lk_str rest = lk_str_n(longer.ptr + shorter.len, longer.len - shorter.len);
        if (!lk_str_starts(longer, shorter) || is_unavailable(&type->fields[i]))
            continue;
        if (lk_str_eq(rest, endings[0]) || lk_str_eq(rest, endings[1]))
            return type->fields[i].name;
    }
    return NULL;
}

/* `; did you mean "view"?`, or nothing. */
static bool put_meant(struct lk_buf *out, const struct known *known, struct lk_str name)
{
    const char *meant = with_alias(known->type, name);

    if (meant == NULL)
        meant = with_or_without_ending(known->type, name);
    if (meant == NULL)
        meant = lk_nearest(name, known_name, known);
    if (meant == NULL)
        return false;
    lk_buf_printf(out, "; did you mean \"%s\"?", meant);
    return true;
}

/* `"json", "csv"`, or without quotes; a long list is cut. */
static void put_names(struct lk_buf *out, name_fn *name, const void *list, const char *quote)
{
    size_t begin = out->len, i, n;

    for (i = 0; name(list, i) != NULL; i++) {
        if (out->len - begin > MAX_LIST_BYTES)
            break;
        lk_buf_printf(out, "%s%s%s%s", i > 0 ? ", " : "", quote, name(list, i), quote);
    }
    for (n = i; name(list, n) != NULL; n++)
        ;
    if (n > i)
        lk_buf_printf(out, " and %zu more", n - i);
}

static void put_range(struct lk_buf *out, const struct lk_rule *rule)
{
    if (rule == NULL)
        return;
    if (rule->has_min && rule->has_max)
        lk_buf_printf(out, " from %.15g to %.15g", rule->min, rule->max);
    else if (rule->has_min)
        lk_buf_printf(out, " of at least %.15g", rule->min);
    else if (rule->has_max)
        lk_buf_printf(out, " of at most %.15g", rule->max);
}

/* " of 2 to 10 bytes"; nothing when there is no limit. */
static void put_amount(struct lk_buf *out, uint32_t min, uint32_t max, const char *unit)
{
    if (min > 0 && max > 0)
        lk_buf_printf(out, " of %u to %u %ss", min, max, unit);
    else if (min > 0)
        lk_buf_printf(out, " of at least %u %s%s", min, unit, min > 1 ? "s" : "");
    else if (max > 0)
        lk_buf_printf(out, " of at most %u %s%s", max, unit, max > 1 ? "s" : "");
}

static const char *kind_name(uint8_t kind)
{
    static const char *const names[] = {
        [LK_KIND_NONE] = "nothing",          [LK_KIND_STRING] = "a string",
        [LK_KIND_INTEGER] = "an integer",    [LK_KIND_NUMBER] = "a number",
        [LK_KIND_BOOLEAN] = "true or false", [LK_KIND_OBJECT] = "an object",
        [LK_KIND_MAP] = "an object",         [LK_KIND_ANY] = "any JSON value",
    };
    return names[kind];
}

static const char *kind_plural(uint8_t kind)
{
    static const char *const names[] = {
        [LK_KIND_NONE] = "nothing",     [LK_KIND_STRING] = "strings",
        [LK_KIND_INTEGER] = "integers", [LK_KIND_NUMBER] = "numbers",
        [LK_KIND_BOOLEAN] = "booleans", [LK_KIND_OBJECT] = "objects",
        [LK_KIND_MAP] = "objects",      [LK_KIND_ANY] = "any JSON values",
    };
    return names[kind];
}

static void put_one_expected(struct lk_buf *out, const struct lk_field *field)
{
    const struct lk_rule *rule = field->rule;

    if (field->kind == LK_KIND_STRING && rule != NULL && rule->values != NULL) {
        lk_buf_lit(out, "one of ");
        put_names(out, value_name, rule->values, "\"");
        return;
    }
    lk_buf_str(out, lk_str(kind_name(field->kind)));
    if (field->kind == LK_KIND_INTEGER || field->kind == LK_KIND_NUMBER)
        put_range(out, rule);
    else if (field->kind == LK_KIND_STRING && rule != NULL)
        put_amount(out, rule->min_length, rule->max_length, "byte");
    else if (field->kind == LK_KIND_MAP && field->map_kind != LK_KIND_NONE &&
             field->map_kind != LK_KIND_ANY)
        lk_buf_printf(out, " whose values are %s", kind_plural(field->map_kind));
}

static void put_expected(struct lk_buf *out, const struct lk_field *field, bool item)
{
    if (!lk_field_is_list(field) || item) {
        put_one_expected(out, field);
        return;
    }
    lk_buf_printf(out, "a list of %s", kind_plural(field->kind));
    if (field->rule != NULL && field->rule->values != NULL) {
        lk_buf_lit(out, ", each one of ");
        put_names(out, value_name, field->rule->values, "\"");
    }
}

static bool is_integer_text(struct lk_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '.' || text.ptr[i] == 'e' || text.ptr[i] == 'E')
            return false;
    return true;
}

static void put_found(struct lk_buf *out, struct lk_found found, bool secret)
{
    struct lk_str shown = lk_str_cut(found.text, MAX_QUOTE_BYTES);

    switch (found.type) {
    case LK_JSON_STRING:
        if (found.text.len == 0) {
            lk_buf_lit(out, "an empty string");
        } else if (secret) {
            lk_buf_lit(out, "a string");
        } else {
            lk_buf_lit(out, "the string ");
            put_quoted(out, found.text);
        }
        break;
    case LK_JSON_NUMBER:
        if (secret)
            lk_buf_lit(out, "a number");
        else
            lk_buf_printf(out, "the %s %.*s", is_integer_text(found.text) ? "integer" : "number",
                          LK_STR_ARG(shown));
        break;
    case LK_JSON_BOOLEAN:
        if (secret)
            lk_buf_lit(out, "a boolean");
        else
            lk_buf_str(out, shown);
        break;
    case LK_JSON_ARRAY:
        lk_buf_lit(out, "a list");
        break;
    case LK_JSON_OBJECT:
        lk_buf_lit(out, "an object");
        break;
    default:
        lk_buf_lit(out, "null");
    }
}

/* ---- whole messages ---- */

struct lk_found lk_found_text(struct lk_str json)
{
    struct lk_found found = {.type = lk_json_type(json), .text = lk_str_trim(json)};

    if (found.type == LK_JSON_STRING) {
        found.text.ptr++;
        found.text.len -= 2;
    }
    return found;
}

static bool finish(const struct lk_explain *explain, struct lk_buf *message)
{
    lk_fail(explain->err, explain->kind, "%.*s", LK_STR_ARG(lk_buf_view(message)));
    lk_buf_free(message);
    return false;
}

/* Begins a message with "path: expected "; the root without a name has no path. */
static struct lk_buf begin_expected(const struct lk_path *path)
{
    struct lk_buf message;

    lk_buf_init(&message, MAX_MESSAGE_BYTES);
    put_path(&message, path);
    if (message.len > 0)
        lk_buf_lit(&message, ": ");
    lk_buf_lit(&message, "expected ");
    return message;
}

bool lk_explain_kind(const struct lk_explain *explain, const struct lk_path *path,
                     const struct lk_field *field, bool item, struct lk_found found)
{
    struct lk_buf message = begin_expected(path);
    const struct lk_rule *rule = field->rule;
    const char *near = NULL;

    put_expected(&message, field, item);
    lk_buf_lit(&message, ", got ");
    put_found(&message, found, is_secret(field));
    if (item && rule != NULL && rule->values != NULL && found.type == LK_JSON_STRING &&
        !is_secret(field))
        near = lk_nearest(found.text, value_name, rule->values);
    if (near != NULL)
        lk_buf_printf(&message, "; did you mean \"%s\"?", near);
    if (found.remedy != NULL)
        lk_buf_printf(&message, "; %s", found.remedy);
    return finish(explain, &message);
}

bool lk_explain_length(const struct lk_explain *explain, const struct lk_path *path,
                       const struct lk_field *field, size_t length)
{
    struct lk_buf message = begin_expected(path);

    put_one_expected(&message, field);
    if (length == 0)
        lk_buf_lit(&message, ", got an empty string");
    else
        lk_buf_printf(&message, ", got one of %zu byte%s", length, length > 1 ? "s" : "");
    return finish(explain, &message);
}

bool lk_explain_count(const struct lk_explain *explain, const struct lk_path *path,
                      const struct lk_field *field, size_t count)
{
    struct lk_buf message = begin_expected(path);
    bool list = lk_field_is_list(field);
    const char *unit = list ? "item" : "member";

    lk_buf_printf(&message, "%s", list ? "a list" : "an object");
    put_amount(&message, field->rule->min_items, field->rule->max_items, unit);
    if (count == 0)
        lk_buf_lit(&message, ", got an empty one");
    else
        lk_buf_printf(&message, ", got one of %zu %s%s", count, unit, count > 1 ? "s" : "");
    return finish(explain, &message);
}

/* `argument "x"` at the root, `field "x" in query` below it. */
static void put_member(struct lk_buf *out, const struct lk_explain *explain,
                       const struct lk_path *path, struct lk_str name)
{
    struct lk_buf where;

    lk_buf_init(&where, MAX_PATH_BYTES * 2);
    put_path(&where, path);
    lk_buf_printf(out, "%s ", where.len > 0 ? "field" : explain->noun);
    put_quoted(out, name);
    if (where.len > 0)
        lk_buf_printf(out, " in %.*s", LK_STR_ARG(lk_buf_view(&where)));
    lk_buf_free(&where);
}

bool lk_explain_unknown(const struct lk_explain *explain, const struct lk_path *path,
                        const struct lk_type *type, struct lk_str name)
{
    const struct known known = {.type = type, .writable = explain->writable};
    struct lk_buf message;
    bool some = known_name(&known, 0) != NULL;

    lk_buf_init(&message, MAX_MESSAGE_BYTES);
    lk_buf_lit(&message, "unknown ");
    put_member(&message, explain, path, name);
    if (put_meant(&message, &known, name))
        lk_buf_lit(&message, " known: ");
    else
        lk_buf_str(&message, some ? LK_STR("; known: ") : LK_STR("; none is known here"));
    put_names(&message, known_name, &known, "");
    return finish(explain, &message);
}

bool lk_explain_missing(const struct lk_explain *explain, const struct lk_path *path,
                        const struct lk_field *const *fields, size_t n_fields)
{
    struct lk_buf message;

    lk_buf_init(&message, MAX_MESSAGE_BYTES);
    for (size_t i = 0; i < n_fields; i++) {
        lk_buf_str(&message, i == 0 ? LK_STR("missing required ") : LK_STR("; and "));
        put_member(&message, explain, path, lk_str(fields[i]->name));
        lk_buf_lit(&message, ": ");
        put_expected(&message, fields[i], false);
    }
    return finish(explain, &message);
}

bool lk_explain_read_only(const struct lk_explain *explain, const struct lk_path *path)
{
    struct lk_buf message;

    lk_buf_init(&message, MAX_MESSAGE_BYTES);
    put_path(&message, path);
    lk_buf_lit(&message, ": is read-only, Looker sets it by itself; leave it out");
    return finish(explain, &message);
}

bool lk_explain_twice(const struct lk_explain *explain, const struct lk_path *path)
{
    struct lk_buf message;

    lk_buf_init(&message, MAX_MESSAGE_BYTES);
    put_path(&message, path);
    lk_buf_lit(&message, ": given twice; send it once");
    return finish(explain, &message);
}

/* ---- rules ---- */

bool lk_rule_allows_number(const struct lk_rule *rule, double value)
{
    return rule == NULL ||
           ((!rule->has_min || value >= rule->min) && (!rule->has_max || value <= rule->max));
}

bool lk_rule_allows_length(const struct lk_rule *rule, size_t length)
{
    return rule == NULL ||
           (length >= rule->min_length && (rule->max_length == 0 || length <= rule->max_length));
}

bool lk_rule_allows_count(const struct lk_rule *rule, size_t count)
{
    return rule == NULL ||
           (count >= rule->min_items && (rule->max_items == 0 || count <= rule->max_items));
}
