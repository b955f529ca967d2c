/*
 * Builds the URL and body of a request by walking the operation's row over the C values. It does
 * not send anything (api/exchange.c does) and knows no operation by name.
 */
#include "api/request.h"

#include "rt/http.h"
#include "json/codec.h"
#include "json/write.h"

#include <inttypes.h>

/* Appends one item of a list, or a single value, percent-encoded. */
static void append_item(struct lk_buf *url, const struct lk_field *field, const void *item)
{
    switch ((enum lk_kind)field->kind) {
    case LK_KIND_INTEGER:
        lk_buf_printf(url, "%" PRId64, *(const int64_t *)item);
        return;
    case LK_KIND_NUMBER: {
        struct lk_json_writer w = lk_json_writer(url);

        lk_json_put_number(&w, *(const double *)item);
        return;
    }
    case LK_KIND_BOOLEAN:
        lk_buf_str(url, *(const bool *)item ? LK_STR("true") : LK_STR("false"));
        return;
    default: /* strings, and JSON text */
        lk_http_encode(url, *(const struct lk_str *)item);
    }
}

/* Every value wrapper begins with its payload, so the value and a list's items are read alike. */
static void append_value(struct lk_buf *url, const struct lk_field *field, const void *value)
{
    static const size_t item_sizes[] = {
        [LK_KIND_STRING] = sizeof(struct lk_str),
        [LK_KIND_INTEGER] = sizeof(int64_t),
        [LK_KIND_NUMBER] = sizeof(double),
        [LK_KIND_BOOLEAN] = sizeof(bool),
        [LK_KIND_OBJECT] = 0,
        [LK_KIND_MAP] = sizeof(struct lk_str),
        [LK_KIND_ANY] = sizeof(struct lk_str),
    };
    struct lk_object_list list;

    if (!(field->flags & LK_FIELD_LIST)) {
        append_item(url, field, value);
        return;
    }
    memcpy(&list, value, sizeof(list));
    for (size_t i = 0; i < list.len; i++) {
        if (i > 0)
            lk_buf_char(url, ',');
        append_item(url, field, (const char *)list.items + i * item_sizes[field->kind]);
    }
}

static const void *field_value(const struct lk_field *field, const void *object)
{
    return (const char *)object + field->offset;
}

/* Whether a part between slashes is "." or "..": any proxy on the way would resolve it away, some
 * after they have decoded the slashes, and Looker would see another route. */
static bool has_dot_segment(struct lk_str text)
{
    size_t start = 0;

    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != '/' && text.ptr[i] != '\\')
            continue;
        struct lk_str part = lk_str_n(text.ptr + start, i - start);
        if (lk_str_eq(part, LK_STR(".")) || lk_str_eq(part, LK_STR("..")))
            return true;
        start = i + 1;
    }
    return false;
}

/* One "{name}" of the template. An empty segment would name another route. */
static bool append_path_param(struct lk_buf *url, const struct lk_api_request *request,
                              struct lk_str name, struct lk_error *err)
{
    const struct lk_field *field =
        request->op->params != NULL ? lk_type_field(request->op->params, name) : NULL;
    size_t start = url->len;

    if (field == NULL || request->params == NULL ||
        lk_field_presence(field, request->params) != LK_PRESENT)
        return lk_fail(err, LK_ERROR_ARGUMENT, "%s needs a value for %.*s", request->op->id,
                       LK_STR_ARG(name));
    append_value(url, field, field_value(field, request->params));
    if (url->overflow)
        return true; /* reported once, at the end */
    if (url->len == start)
        return lk_fail(err, LK_ERROR_ARGUMENT, "%.*s may not be empty", LK_STR_ARG(name));
    if (field->kind == LK_KIND_STRING && (field->flags & LK_FIELD_LIST) == 0) {
        struct lk_string value;

        memcpy(&value, field_value(field, request->params), sizeof(value));
        if (has_dot_segment(value.value))
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "%.*s may not be \".\" or \"..\", nor have them between slashes",
                           LK_STR_ARG(name));
    }
    return true;
}

static bool append_path(struct lk_buf *url, const struct lk_api_request *request,
                        struct lk_error *err)
{
    const char *at = request->op->path;

    for (;;) {
        const char *open = strchr(at, '{');
        const char *close = open != NULL ? strchr(open, '}') : NULL;

        if (close == NULL)
            return lk_buf_str(url, lk_str(at)), true;
        lk_buf_append(url, at, (size_t)(open - at));
        if (!append_path_param(url, request, lk_str_n(open + 1, (size_t)(close - open - 1)), err))
            return false;
        at = close + 1;
    }
}

static bool append_query(struct lk_buf *url, const struct lk_api_request *request,
                         struct lk_error *err)
{
    const struct lk_type *params = request->op->params;
    char separator = '?';

    for (size_t i = 0; params != NULL && i < params->n_fields; i++) {
        const struct lk_field *field = &params->fields[i];

        if (field->flags & LK_FIELD_PATH)
            continue;
        if (request->params == NULL || lk_field_presence(field, request->params) != LK_PRESENT) {
            if (field->flags & LK_FIELD_REQUIRED)
                return lk_fail(err, LK_ERROR_ARGUMENT, "%s needs a value for %s", request->op->id,
                               field->name);
            continue;
        }
        lk_buf_char(url, separator);
        separator = '&';
        lk_http_encode(url, lk_str(field->name));
        lk_buf_char(url, '=');
        append_value(url, field, field_value(field, request->params));
    }
    return true;
}

/* application/x-www-form-urlencoded, for login. */
static void write_form(struct lk_buf *out, const struct lk_type *type, const void *object)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct lk_field *field = &type->fields[i];

        if (lk_field_presence(field, object) != LK_PRESENT)
            continue;
        if (out->len > 0)
            lk_buf_char(out, '&');
        lk_http_encode(out, lk_str(field->name));
        lk_buf_char(out, '=');
        append_value(out, field, field_value(field, object));
    }
}

static const char *write_body(struct lk_buf *out, const struct lk_api_request *request)
{
    const struct lk_field *body = &request->op->body;
    bool object = body->kind == LK_KIND_OBJECT && !(body->flags & LK_FIELD_LIST);

    switch (request->op->body_media) {
    case LK_MEDIA_FORM:
        write_form(out, body->type, request->body);
        return "application/x-www-form-urlencoded";
    case LK_MEDIA_TEXT:
        lk_buf_str(out, ((const struct lk_string *)request->body)->value);
        return "text/plain; charset=utf-8";
    default:
        if (object)
            lk_encode(body->type, request->body, out);
        else
            lk_encode_value(body, request->body, out);
        return "application/json";
    }
}

bool lk_request_build(struct lk_arena *arena, struct lk_str root, struct lk_api_request request,
                      struct lk_wire_request *ret_wire, struct lk_error *err)
{
    struct lk_wire_request wire = {0};
    struct lk_buf url, body;
    bool ok = false;

    lk_buf_init(&url, LK_MAX_URL_BYTES);
    lk_buf_init(&body, LK_MAX_BODY_BYTES);
    lk_buf_str(&url, root);
    if (!append_path(&url, &request, err) || !append_query(&url, &request, err))
        goto out;
    if (url.overflow) {
        lk_fail(err, LK_ERROR_LIMIT,
                "the request's URL would be longer than %zu bytes; send shorter arguments",
                LK_MAX_URL_BYTES);
        goto out;
    }
    if (request.op->body.kind != LK_KIND_NONE) {
        if (request.body != NULL) {
            wire.content_type = write_body(&body, &request);
        } else if (request.op->body.flags & LK_FIELD_REQUIRED) {
            lk_fail(err, LK_ERROR_ARGUMENT, "%s needs a body", request.op->id);
            goto out;
        }
    }
    if (body.overflow) {
        lk_fail(err, LK_ERROR_LIMIT,
                "the request's body would be larger than %zu bytes; send less at once",
                LK_MAX_BODY_BYTES);
        goto out;
    }
    wire.url = lk_arena_cstr(arena, lk_buf_view(&url));
    wire.body = lk_arena_str(arena, lk_buf_view(&body));
    *ret_wire = wire;
    ok = true;
out:
    lk_buf_free(&url);
    lk_buf_free(&body);
    return ok;
}
