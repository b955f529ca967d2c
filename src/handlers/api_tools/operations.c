/*
 * Operations by id, and as JSON; see operations.h.
 */
#include "handlers/api_tools/operations.h"

#include "base/nearest.h"
#include "handlers/api_tools/rank.h"
#include "looker_ops.h"

#define MAX_SUGGESTIONS 5

static const char *operation_id(const void *arg, size_t i)
{
    (void)arg;
    return i < LOOKER_OP_COUNT ? looker_ops[i].id : NULL;
}

/* Misspelt ids are found by their letters, others by their words. */
static bool fail_unknown(struct lk_arena *arena, struct lk_str id, struct lk_error *err)
{
    const char *near = lk_nearest(id, operation_id, NULL);
    struct lk_str shown = lk_str_cut(id, 100);
    struct lk_ranking ranking = {0};
    struct lk_buf meant;

    if (near == NULL)
        ranking = lk_rank_operations(arena, id, &(struct lk_rank_filter){.method = -1});
    lk_buf_init(&meant, 400);
    if (near != NULL)
        lk_buf_printf(&meant, "\"%s\"", near);
    for (size_t i = 0; i < ranking.n && i < MAX_SUGGESTIONS; i++)
        lk_buf_printf(&meant, "%s%s", i > 0 ? ", " : "one of ", ranking.rows[i].op->id);
    lk_fail(
        err, LK_ERROR_ARGUMENT,
        "operation: there is no operation \"%.*s\"%s%.*s%s search_operations finds them by words",
        LK_STR_ARG(shown), meant.len > 0 ? "; did you mean " : ";", LK_STR_ARG(lk_buf_view(&meant)),
        meant.len > 0 ? "?" : "");
    lk_buf_free(&meant);
    return false;
}

bool lk_operation_find(struct lk_arena *arena, struct lk_str id, const struct lk_operation **ret_op,
                       struct lk_error *err)
{
    size_t low = 0, high = LOOKER_OP_COUNT;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct lk_str found = lk_str(looker_ops[middle].id);
        int order = memcmp(id.ptr, found.ptr, id.len < found.len ? id.len : found.len);
        if (order == 0 && id.len == found.len) {
            *ret_op = &looker_ops[middle];
            return true;
        }
        if (order < 0 || (order == 0 && id.len < found.len))
            high = middle;
        else
            low = middle + 1;
    }
    return fail_unknown(arena, id, err);
}

enum lk_access lk_operation_access(const struct lk_operation *op)
{
    if (op->of_session)
        return LK_ACCESS_NEVER;
    if (op->reads || (op->method == LK_GET && !op->acts))
        return LK_ACCESS_READ;
    return LK_ACCESS_WRITE;
}

void lk_operation_write(struct lk_json_writer *w, const struct lk_operation *op)
{
    static const char *const access[] = {
        [LK_ACCESS_READ] = "read", [LK_ACCESS_WRITE] = "write", [LK_ACCESS_NEVER] = "never"};
    static const char *const status[] = {
        [LK_BETA] = "beta", [LK_ALPHA] = "alpha", [LK_STATUS_DEPRECATED] = "deprecated"};
    static const char *const origin[] = {
        [LK_OBSERVED] = "observed", [LK_UNVERIFIED] = "unverified"};

    lk_json_member_string(w, "operation", lk_str(op->id));
    lk_json_member_string(w, "method", lk_str(lk_method_name((enum lk_method)op->method)));
    lk_json_member_string(w, "path", lk_str(op->path));
    if (op->tag != NULL)
        lk_json_member_string(w, "tag", lk_str(op->tag));
    lk_json_member_string(w, "access", lk_str(access[lk_operation_access(op)]));
    if (op->acts_if != NULL)
        lk_json_member_string(w, "write_if", lk_str(op->acts_if));
    if (op->origin != LK_PUBLISHED)
        lk_json_member_string(w, "origin", lk_str(origin[op->origin]));
    else if (op->stability != LK_STABLE)
        lk_json_member_string(w, "status", lk_str(status[op->stability]));
    if (op->deprecated && op->stability != LK_STATUS_DEPRECATED)
        lk_json_member_boolean(w, "deprecated", true);
    if (op->needs_dev)
        lk_json_member_string(w, "workspace", LK_STR("dev"));
    if (op->remedy != NULL)
        lk_json_member_string(w, "remedy", lk_str(op->remedy));
}

void lk_type_put(struct lk_buf *out, const struct lk_field *field)
{
    static const char *const names[] = {
        [LK_KIND_NONE] = "nothing",  [LK_KIND_STRING] = "string",   [LK_KIND_INTEGER] = "integer",
        [LK_KIND_NUMBER] = "number", [LK_KIND_BOOLEAN] = "boolean", [LK_KIND_OBJECT] = "object",
        [LK_KIND_MAP] = "map",       [LK_KIND_ANY] = "any",
    };
    bool list = (field->flags & LK_FIELD_LIST) != 0;

    lk_buf_printf(out, "%s%s", list ? "list<" : "",
                  field->kind == LK_KIND_OBJECT ? field->type->name : names[field->kind]);
    if (field->kind == LK_KIND_MAP)
        lk_buf_printf(out, "<%s>", names[field->map_kind]);
    if (list)
        lk_buf_char(out, '>');
}

void lk_type_write(struct lk_json_writer *w, const char *key, const struct lk_field *field)
{
    struct lk_buf text;

    lk_buf_init(&text, 256);
    lk_type_put(&text, field);
    lk_json_member_string(w, key, lk_buf_view(&text));
    lk_buf_free(&text);
}
