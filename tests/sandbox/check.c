/*
 * Strictness: a request is held against its operation's row, and everything that the row does not
 * have is refused. Looker itself ignores unknown query parameters and some unknown fields; the
 * sandbox turns that into failures so that tests see them.
 */
#include "sandbox.h"

#include <stdio.h>

#define MAX_PROBLEMS 16
#define DOCUMENTATION_URL "https://cloud.google.com/looker/docs/"

struct problems {
    struct lk_arena *arena;
    struct {
        struct lk_str field, message;
        const char *code;
    } items[MAX_PROBLEMS];
    size_t n;
};

static void problem(struct problems *p, struct lk_str field, const char *code, const char *message)
{
    if (p->n == MAX_PROBLEMS)
        return;
    p->items[p->n].field = field;
    p->items[p->n].code = code;
    p->items[p->n].message = lk_arena_str(p->arena, lk_str(message));
    p->n++;
}

static const char *kind_name(unsigned kind)
{
    static const char *const names[] = {
        [LK_KIND_NONE] = "nothing",       [LK_KIND_STRING] = "a string",
        [LK_KIND_INTEGER] = "an integer", [LK_KIND_NUMBER] = "a number",
        [LK_KIND_BOOLEAN] = "a boolean",  [LK_KIND_OBJECT] = "an object",
        [LK_KIND_MAP] = "an object",      [LK_KIND_ANY] = "anything",
    };

    return names[kind];
}

/* ---- query parameters ---- */

static bool in_values(const struct lk_rule *rule, struct lk_str text)
{
    if (rule == NULL || rule->values == NULL)
        return true;
    for (const char *const *v = rule->values; *v != NULL; v++)
        if (lk_str_eq(lk_str(*v), text))
            return true;
    return false;
}

static bool fits_kind(const struct lk_field *field, struct lk_str text)
{
    int64_t integer;

    switch (field->kind) {
    case LK_KIND_INTEGER:
        return sb_parse_int(text, &integer);
    case LK_KIND_NUMBER:
        return lk_json_check(text, 1, 0, NULL) && lk_json_type(text) == LK_JSON_NUMBER;
    case LK_KIND_BOOLEAN:
        return lk_str_eq(text, LK_STR("true")) || lk_str_eq(text, LK_STR("false"));
    case LK_KIND_STRING:
        return in_values(field->rule, text);
    default:
        return true;
    }
}

static bool fits_param(const struct lk_field *field, struct lk_str text)
{
    if ((field->flags & LK_FIELD_LIST) == 0)
        return fits_kind(field, text);
    for (;;) {
        const char *comma = memchr(text.ptr, ',', text.len);
        size_t len = comma != NULL ? (size_t)(comma - text.ptr) : text.len;

        if (!fits_kind(field, lk_str_n(text.ptr, len)))
            return false;
        if (comma == NULL)
            return true;
        text = lk_str_n(comma + 1, text.len - len - 1);
    }
}

/* One "name=value"; false with *out set. */
static bool take_param(struct sb_request *rq, struct sb_answer *out, struct lk_str pair)
{
    const char *equals = memchr(pair.ptr, '=', pair.len);
    size_t name_len = equals != NULL ? (size_t)(equals - pair.ptr) : pair.len;
    struct lk_str name, value = {0}, rest;
    const struct lk_field *field;

    rest = equals != NULL ? lk_str_n(equals + 1, pair.len - name_len - 1) : (struct lk_str){0};
    if (!sb_percent_decode(rq->arena, lk_str_n(pair.ptr, name_len), true, &name) ||
        !sb_percent_decode(rq->arena, rest, true, &value)) {
        sb_fail(rq, out, 400, "Malformed query string");
        return false;
    }
    field = rq->route->op->params != NULL ? lk_type_field(rq->route->op->params, name) : NULL;
    if (field == NULL || (field->flags & LK_FIELD_PATH) != 0) {
        sb_fail(rq, out, 400, "%s has no query parameter \"%.*s\"", rq->route->op->id,
                LK_STR_ARG(name));
        return false;
    }
    for (size_t i = 0; i < rq->n_params; i++) {
        if (rq->params[i].field == field) {
            sb_fail(rq, out, 400, "Query parameter \"%s\" given twice", field->name);
            return false;
        }
    }
    if (!fits_param(field, value)) {
        sb_fail(rq, out, 400, "Query parameter \"%s\" must be %s%s, got \"%.*s\"", field->name,
                kind_name(field->kind), in_values(field->rule, value) ? "" : " of its enum",
                LK_STR_ARG(value));
        return false;
    }
    rq->params[rq->n_params++] = (struct sb_param){field, value};
    return true;
}

bool sb_check_params(struct sb_request *rq, struct sb_answer *out)
{
    const struct lk_type *type = rq->route->op->params;
    struct lk_str rest = rq->query;

    if (strcmp(rq->route->op->id, "login") == 0 && rest.len > 0) {
        sb_fail(rq, out, 400, "Credentials belong into the form body, never into the URL");
        return false;
    }
    while (rest.len > 0) {
        const char *amp = memchr(rest.ptr, '&', rest.len);
        size_t len = amp != NULL ? (size_t)(amp - rest.ptr) : rest.len;

        if (rq->n_params == SB_MAX_PARAMS) {
            sb_fail(rq, out, 400, "Too many query parameters");
            return false;
        }
        if (!take_param(rq, out, lk_str_n(rest.ptr, len)))
            return false;
        rest = amp != NULL ? lk_str_n(amp + 1, rest.len - len - 1) : (struct lk_str){0};
    }
    for (size_t i = 0; type != NULL && i < type->n_fields; i++) {
        const struct lk_field *field = &type->fields[i];
        struct lk_str ignored;

        if ((field->flags & LK_FIELD_REQUIRED) != 0 && (field->flags & LK_FIELD_PATH) == 0 &&
            !sb_query_arg(rq, field->name, &ignored)) {
            sb_fail(rq, out, 400, "Query parameter \"%s\" is required", field->name);
            return false;
        }
    }
    for (size_t i = 0; i < rq->n_segments; i++) {
        if (rq->route->names[i] != NULL && !fits_param(rq->route->names[i], rq->segments[i])) {
            sb_fail(rq, out, 400, "Path parameter \"%s\" must be %s", rq->route->names[i]->name,
                    kind_name(rq->route->names[i]->kind));
            return false;
        }
    }
    return true;
}

/* ---- bodies ---- */

static void check_value(struct problems *p, const struct lk_field *field, struct lk_str text,
                        struct lk_str path);

/* Looker wants some bodies all of whose fields are marked readOnly. */
static bool all_read_only(const struct lk_type *type)
{
    for (size_t i = 0; i < type->n_fields; i++)
        if ((type->fields[i].flags & LK_FIELD_READ_ONLY) == 0)
            return false;
    return true;
}

static struct lk_str join(struct problems *p, struct lk_str path, struct lk_str key)
{
    return lk_arena_printf(p->arena, "%.*s%s%.*s", LK_STR_ARG(path), path.len > 0 ? "." : "",
                           LK_STR_ARG(key));
}

static void check_object(struct problems *p, const struct lk_type *type, struct lk_str text,
                         struct lk_str path)
{
    struct lk_json_iter it = lk_json_iter(text);
    bool *seen = lk_arena_array(p->arena, type->n_fields + 1u, sizeof(bool));
    bool lenient = all_read_only(type);
    struct lk_str key, value;

    while (lk_json_next(&it, &key, &value)) {
        const struct lk_field *field = lk_type_field(type, key);

        if (field == NULL) {
            problem(p, join(p, path, key), "invalid", "is not a field that exists here");
            continue;
        }
        if (seen[field - type->fields])
            problem(p, join(p, path, key), "invalid", "is there twice");
        seen[field - type->fields] = true;
        if ((field->flags & LK_FIELD_READ_ONLY) != 0 && !lenient)
            problem(p, join(p, path, key), "invalid", "is read-only");
        else
            check_value(p, field, value, join(p, path, key));
    }
    for (size_t i = 0; i < type->n_fields; i++)
        if ((type->fields[i].flags & LK_FIELD_REQUIRED) != 0 && !seen[i] &&
            ((type->fields[i].flags & LK_FIELD_READ_ONLY) == 0 || lenient))
            problem(p, join(p, path, lk_str(type->fields[i].name)), "missing_field", "is required");
}

static bool fits(const struct lk_field *field, enum lk_json_type type, struct lk_str text)
{
    int64_t integer;

    switch (field->kind) {
    case LK_KIND_STRING:
        return type == LK_JSON_STRING;
    case LK_KIND_INTEGER:
        return type == LK_JSON_NUMBER && lk_json_integer(text, &integer);
    case LK_KIND_NUMBER:
        return type == LK_JSON_NUMBER;
    case LK_KIND_BOOLEAN:
        return type == LK_JSON_BOOLEAN;
    case LK_KIND_OBJECT:
    case LK_KIND_MAP:
        return type == LK_JSON_OBJECT;
    default:
        return true;
    }
}

static void check_one(struct problems *p, const struct lk_field *field, struct lk_str text,
                      struct lk_str path)
{
    enum lk_json_type type = lk_json_type(text);

    if (!fits(field, type, text)) {
        char message[64];

        snprintf(message, sizeof(message), "must be %s", kind_name(field->kind));
        problem(p, path, "invalid", message);
        return;
    }
    if (field->kind == LK_KIND_OBJECT && field->type != NULL)
        check_object(p, field->type, text, path);
    if (field->kind == LK_KIND_STRING &&
        !in_values(field->rule, lk_json_decode_string(p->arena, text)))
        problem(p, path, "invalid", "is not one of the allowed values");
    if (field->kind == LK_KIND_MAP && field->map_kind != LK_KIND_NONE &&
        field->map_kind != LK_KIND_ANY && field->map_kind != LK_KIND_OBJECT) {
        struct lk_field item = {.kind = field->map_kind};
        struct lk_json_iter it = lk_json_iter(text);
        struct lk_str key, value;

        while (lk_json_next(&it, &key, &value))
            check_value(p, &item, value, join(p, path, key));
    }
}

static void check_value(struct problems *p, const struct lk_field *field, struct lk_str text,
                        struct lk_str path)
{
    struct lk_json_iter it;
    struct lk_str item;
    size_t i = 0;

    if (lk_json_type(text) == LK_JSON_NULL && (field->flags & LK_FIELD_NULLABLE) != 0)
        return;
    if ((field->flags & LK_FIELD_LIST) == 0) {
        check_one(p, field, text, path);
        return;
    }
    if (lk_json_type(text) != LK_JSON_ARRAY) {
        problem(p, path, "invalid", "must be a list");
        return;
    }
    it = lk_json_iter(text);
    while (lk_json_next(&it, NULL, &item))
        check_one(p, field, item, lk_arena_printf(p->arena, "%.*s[%zu]", LK_STR_ARG(path), i++));
}

static bool refuse(struct sb_request *rq, struct sb_answer *out, const struct problems *p)
{
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "message", LK_STR("Validation Failed"));
    lk_json_key(&w, "errors");
    lk_json_begin_array(&w);
    for (size_t i = 0; i < p->n; i++) {
        lk_json_begin_object(&w);
        lk_json_member_string(&w, "field",
                              p->items[i].field.len > 0 ? p->items[i].field : LK_STR("body"));
        lk_json_member_string(&w, "code", lk_str(p->items[i].code));
        lk_json_member_string(&w, "message", p->items[i].message);
        lk_json_member_string(&w, "documentation_url", LK_STR(DOCUMENTATION_URL));
        lk_json_end_object(&w);
    }
    lk_json_end_array(&w);
    lk_json_member_string(&w, "documentation_url", LK_STR(DOCUMENTATION_URL));
    lk_json_end_object(&w);
    sb_answer_json(out, 422, lk_buf_view(buf));
    return false;
}

/* The media type of Content-Type, without parameters. */
static struct lk_str media_type(const struct sb_request *rq)
{
    struct lk_str value = sb_header(rq, "content-type");
    const char *semicolon = memchr(value.ptr != NULL ? value.ptr : "", ';', value.len);

    return lk_str_trim(semicolon != NULL ? lk_str_n(value.ptr, (size_t)(semicolon - value.ptr))
                                         : value);
}

static const char *media_name(unsigned media)
{
    return media == LK_MEDIA_FORM   ? "application/x-www-form-urlencoded"
           : media == LK_MEDIA_TEXT ? "text/plain"
                                    : "application/json";
}

bool sb_check_body(struct sb_request *rq, struct sb_answer *out)
{
    const struct lk_operation *op = rq->route->op;
    struct problems problems = {.arena = rq->arena};
    struct lk_error err = {0};

    if (op->body.kind == LK_KIND_NONE) {
        if (rq->body.len == 0)
            return true;
        sb_fail(rq, out, 400, "%s takes no body", op->id);
        return false;
    }
    if (rq->body.len == 0) {
        if ((op->body.flags & LK_FIELD_REQUIRED) == 0)
            return true;
        sb_fail(rq, out, 400, "%s needs a body", op->id);
        return false;
    }
    if (!lk_str_ieq(media_type(rq), lk_str(media_name(op->body_media)))) {
        sb_fail(rq, out, 415, "Content-Type must be %s, got \"%.*s\"", media_name(op->body_media),
                LK_STR_ARG(media_type(rq)));
        return false;
    }
    if (op->body_media != LK_MEDIA_JSON)
        return true;
    if (!lk_json_check(rq->body, LK_JSON_MAX_DEPTH, 0, &err)) {
        sb_fail(rq, out, 400, "Problem parsing JSON: %s", err.message);
        return false;
    }
    check_value(&problems, &op->body, rq->body, (struct lk_str){0});
    return problems.n == 0 || refuse(rq, out, &problems);
}
