/*
 * describe_operation: an operation's row as JSON. Types are written once each, by name, in the
 * order in which they are met, so that types that hold each other need no care. Asks Looker
 * nothing.
 *
 *     "body": {"type": "Query", "types": {"Query": {"fields": "list<string>", …}, …}}
 */
#include "handlers/api_tools/operations.h"
#include "handlers/context.h"
#include "handlers/items.h"
#include "looker_tools.h"

#define MAX_TEXT_BYTES 4096

struct part {
    struct lk_arena *arena;
    struct lk_json_writer *w;
    size_t max_bytes; /* of the whole answer */
    bool body;        /* what is sent: readOnly fields are left out, required ones marked */
    bool sends_read_only, partial; /* as struct lk_body_rules */
    const struct lk_type **types;  /* that were met, in order */
    int64_t *levels;
    size_t n_types, max_types;
    size_t n_written;
};

static bool is_shown(const struct part *part, const struct lk_field *field)
{
    return !part->body || part->sends_read_only || (field->flags & LK_FIELD_READ_ONLY) == 0;
}

/* "string, required, one of asc, desc" */
static void write_field(struct lk_json_writer *w, const struct lk_field *field, const char *place,
                        bool required)
{
    struct lk_buf text;

    lk_buf_init(&text, MAX_TEXT_BYTES);
    lk_type_put(&text, field);
    if (place != NULL)
        lk_buf_printf(&text, ", in %s", place);
    if (required)
        lk_buf_lit(&text, ", required");
    if ((field->flags & LK_FIELD_DEPRECATED) != 0)
        lk_buf_lit(&text, ", deprecated");
    if (field->rule != NULL && field->rule->values != NULL) {
        const char *const *value = field->rule->values;
        for (; *value != NULL; value++)
            lk_buf_printf(&text, "%s%s", value == field->rule->values ? ", one of " : ", ", *value);
    }
    lk_json_member_string(w, field->name, lk_buf_view(&text));
    lk_buf_free(&text);
}

/* ---- types ---- */

static void meet(struct part *part, const struct lk_field *field, int64_t level)
{
    if (field->kind != LK_KIND_OBJECT)
        return;
    for (size_t i = 0; i < part->n_types; i++) {
        if (part->types[i] == field->type)
            return;
    }
    if (part->n_types == part->max_types) {
        size_t more = part->max_types * 2 + 16;
        const struct lk_type **types = lk_arena_array(part->arena, more, sizeof(*types));
        int64_t *levels = lk_arena_array(part->arena, more, sizeof(*levels));
        if (part->n_types > 0) {
            memcpy(types, part->types, part->n_types * sizeof(*types));
            memcpy(levels, part->levels, part->n_types * sizeof(*levels));
        }
        part->types = types;
        part->levels = levels;
        part->max_types = more;
    }
    part->types[part->n_types] = field->type;
    part->levels[part->n_types++] = level;
}

/* False when there is no room for it; then nothing is written. */
static bool write_type(struct part *part, const struct lk_type *type, int64_t level)
{
    struct lk_json_writer before = *part->w;
    size_t length = before.buf->len;
    bool partial = part->partial && level == 1;

    lk_json_key(part->w, type->name);
    lk_json_begin_object(part->w);
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct lk_field *field = &type->fields[i];
        bool required = part->body && !partial && (field->flags & LK_FIELD_REQUIRED) != 0;
        if (is_shown(part, field))
            write_field(part->w, field, NULL, required);
    }
    lk_json_end_object(part->w);
    /* The first one is what was asked for. */
    if (part->n_written > 0 && part->w->buf->len > part->max_bytes) {
        lk_buf_truncate(part->w->buf, length);
        *part->w = before;
        return false;
    }
    part->n_written++;
    for (size_t i = 0; i < type->n_fields; i++) {
        if (is_shown(part, &type->fields[i]))
            meet(part, &type->fields[i], level + 1);
    }
    return true;
}

static void write_types(struct part *part, const struct lk_field *root, int64_t depth)
{
    size_t i = 0;

    meet(part, root, 1);
    if (part->n_types == 0 || depth < 1)
        return;
    lk_json_key(part->w, "types");
    lk_json_begin_object(part->w);
    while (i < part->n_types && part->levels[i] <= depth &&
           write_type(part, part->types[i], part->levels[i]))
        i++;
    lk_json_end_object(part->w);
    if (i == part->n_types || part->levels[i] > depth)
        return;
    lk_write_truncated(part->w, part->max_bytes, (int64_t)part->n_written, -1,
                       "types that are named but not listed did not fit: ask for one part, or for "
                       "less depth");
}

/* ---- parts ---- */

static void write_arguments(struct lk_json_writer *w, const struct lk_operation *op)
{
    lk_json_key(w, "arguments");
    lk_json_begin_object(w);
    for (size_t i = 0; op->params != NULL && i < op->params->n_fields; i++) {
        const struct lk_field *field = &op->params->fields[i];
        write_field(w, field, (field->flags & LK_FIELD_PATH) != 0 ? "path" : "query",
                    (field->flags & LK_FIELD_REQUIRED) != 0);
    }
    lk_json_end_object(w);
}

static void write_media(struct lk_json_writer *w, uint8_t media)
{
    static const struct {
        enum lk_media bit;
        const char *name;
    } names[] = {
        {LK_MEDIA_JSON, "application/json"},
        {LK_MEDIA_TEXT, "text/plain"},
        {LK_MEDIA_PNG, "image/png"},
        {LK_MEDIA_JPEG, "image/jpeg"},
        {LK_MEDIA_SVG, "image/svg+xml"},
        {LK_MEDIA_PDF, "application/pdf"},
        {LK_MEDIA_FORM, "application/x-www-form-urlencoded"},
    };

    if (media == LK_MEDIA_JSON)
        return;
    lk_json_key(w, "media");
    lk_json_begin_array(w);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((media & names[i].bit) != 0)
            lk_json_put_cstr(w, names[i].name);
    }
    lk_json_end_array(w);
}

static void write_body(struct part *part, const struct lk_operation *op, int64_t depth)
{
    struct lk_json_writer *w = part->w;
    bool object = (op->body.kind == LK_KIND_OBJECT || op->body.kind == LK_KIND_MAP) &&
                  (op->body.flags & LK_FIELD_LIST) == 0;

    part->body = true;
    part->sends_read_only = op->sends_read_only;
    part->partial = op->method == LK_PATCH;
    lk_json_key(w, "body");
    lk_json_begin_object(w);
    lk_type_write(w, "type", &op->body);
    lk_json_member_boolean(w, "required", (op->body.flags & LK_FIELD_REQUIRED) != 0);
    if (!object)
        lk_json_member_string(w, "send_as", LK_STR("{\"value\": …}"));
    write_media(w, op->body_media);
    write_types(part, &op->body, depth);
    lk_json_end_object(w);
}

static void write_answer(struct part *part, const struct lk_operation *op, int64_t depth)
{
    struct lk_json_writer *w = part->w;

    lk_json_key(w, "answer");
    lk_json_begin_object(w);
    lk_type_write(w, "type", &op->answer);
    if (op->answer.kind != LK_KIND_NONE)
        write_media(w, op->answer_media);
    write_types(part, &op->answer, depth);
    lk_json_end_object(w);
}

bool lk_handler_describe_operation(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_describe_operation_args *args = args_;
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    const struct part part = {
        .arena = mcp_call_arena(call),
        .w = &w,
        .max_bytes = lk_tool_max_result_bytes(lk_tool_context(call)),
    };
    struct part body = part, answer = part;
    const struct lk_str chosen = args->part.value;
    const bool all = lk_str_eq(chosen, LK_STR("all"));
    const struct lk_operation *op;

    if (!lk_operation_find(mcp_call_arena(call), args->operation.value, &op, err))
        return false;
    lk_json_begin_object(&w);
    lk_operation_write(&w, op);
    if (op->rate_limited)
        lk_json_member_boolean(&w, "rate_limited", true);
    if (all || lk_str_eq(chosen, LK_STR("arguments")))
        write_arguments(&w, op);
    if (op->body.kind != LK_KIND_NONE && (all || lk_str_eq(chosen, LK_STR("body"))))
        write_body(&body, op, args->depth.value);
    if (all || lk_str_eq(chosen, LK_STR("answer")))
        write_answer(&answer, op, args->depth.value);
    lk_json_end_object(&w);
    return true;
}
