/*
 * Walks the committed tables as their readers do and complains of what would make one of them
 * misread: unsorted fields, offsets outside the struct, a path whose parameters are not there, a
 * binding that points nowhere. Prints the input schema of each tool, one a line. Run by
 * test_generate.py.
 */
#include "looker_tools.h"

#include <stdio.h>
#include <stdlib.h>

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s\n", what, name);
    exit(1);
}

static size_t wrapper_size(const struct lk_field *field)
{
    if (field->flags & LK_FIELD_LIST)
        return sizeof(struct lk_string_list);
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

/* The wrappers of all fields fill the struct: none overlaps, none stands outside. */
static void check_type(const struct lk_type *type)
{
    unsigned char used[8192] = {0};

    if (type->size > sizeof(used))
        fail("struct too large for this test", type->name);
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct lk_field *field = &type->fields[i];
        size_t size = wrapper_size(field);

        if (i > 0 && strcmp(type->fields[i - 1].name, field->name) >= 0)
            fail("fields not sorted", type->name);
        if (field->offset + size > type->size)
            fail("field outside its struct", field->name);
        if ((field->kind == LK_KIND_OBJECT) != (field->type != NULL))
            fail("object and type disagree", field->name);
        if ((field->kind == LK_KIND_MAP) != (field->map_kind != LK_KIND_NONE))
            fail("map and map_kind disagree", field->name);
        for (size_t at = 0; at < size; at++)
            if (used[field->offset + at]++ != 0)
                fail("fields overlap", field->name);
    }
}

static const struct lk_field *find(const struct lk_type *type, const char *name, size_t len)
{
    for (size_t i = 0; type != NULL && i < type->n_fields; i++)
        if (strlen(type->fields[i].name) == len && memcmp(type->fields[i].name, name, len) == 0)
            return &type->fields[i];
    return NULL;
}

static void check_operation(const struct lk_operation *op)
{
    size_t in_path = 0, declared = 0;

    if (op->params != NULL)
        check_type(op->params);
    for (const char *open = strchr(op->path, '{'); open != NULL; open = strchr(open + 1, '{')) {
        const char *close = strchr(open, '}');
        const struct lk_field *field = find(op->params, open + 1, (size_t)(close - open - 1));

        if (field == NULL || !(field->flags & LK_FIELD_PATH) || !(field->flags & LK_FIELD_REQUIRED))
            fail("path parameter missing", op->id);
        in_path++;
    }
    for (size_t i = 0; op->params != NULL && i < op->params->n_fields; i++)
        declared += (op->params->fields[i].flags & LK_FIELD_PATH) != 0;
    if (in_path != declared)
        fail("path parameters that are not in the path", op->id);
    if (op->success[0] < 200 || op->success[0] > 299)
        fail("no success status", op->id);
    if ((op->body.kind == LK_KIND_NONE) != (op->body_media == 0))
        fail("body without media type, or the reverse", op->id);
    if ((op->answer.kind == LK_KIND_NONE) != (op->answer_media == 0))
        fail("answer without media type, or the reverse", op->id);
    if ((op->origin == LK_UNVERIFIED) != (op->remedy != NULL))
        fail("unverified and remedy disagree", op->id);
    if (op->body.kind == LK_KIND_OBJECT)
        check_type(op->body.type);
    if (op->answer.kind == LK_KIND_OBJECT)
        check_type(op->answer.type);
}

static void check_workspace(const struct mcp_tool *tool, const struct lk_workspace_use *use)
{
    const struct {
        int16_t arg;
        uint8_t kind;
        bool wanted;
    } args[] = {
        {use->dev_arg, LK_KIND_BOOLEAN, false},
        {use->branch_arg, LK_KIND_STRING, use->how == LK_WORKSPACE_BORROW},
        {use->project_arg, LK_KIND_STRING,
         use->how == LK_WORKSPACE_BORROW || use->how == LK_WORKSPACE_ALONE},
        {use->imports_arg, LK_KIND_BOOLEAN, false},
    };

    for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++) {
        if (args[i].arg < 0 ? args[i].wanted
                            : tool->args == NULL || args[i].arg >= tool->args->n_fields ||
                                  tool->args->fields[args[i].arg].kind != args[i].kind)
            fail("argument of the workspace that is not there", tool->name);
    }
}

static void check_binding(const struct mcp_tool *tool)
{
    const struct lk_binding *binding = tool->binding;
    int n_args = tool->args != NULL ? tool->args->n_fields : 0;

    if (binding == NULL)
        return;
    if (binding->workspace != NULL)
        check_workspace(tool, binding->workspace);
    if (binding->op == NULL) {
        if (binding->workspace == NULL || binding->n_binds != 0)
            fail("binding that says nothing", tool->name);
        return;
    }
    for (size_t i = 0; i < binding->n_binds; i++) {
        const struct lk_bind *bind = &binding->binds[i];
        const struct lk_type *target =
            bind->target == LK_BIND_PARAM ? binding->op->params : binding->op->body.type;

        if (bind->target != LK_BIND_BODY && (target == NULL || bind->field >= target->n_fields))
            fail("binding to a field that is not there", tool->name);
        if (bind->arg >= n_args || (bind->arg < 0) != (bind->constant != NULL))
            fail("binding of an argument that is not there", tool->name);
        if (bind->arg >= 0 && bind->target != LK_BIND_BODY && bind->convert == LK_CONVERT_NONE &&
            tool->args->fields[bind->arg].kind != target->fields[bind->field].kind)
            fail("binding between kinds", tool->name);
    }
    if (binding->keep_arg >= n_args || binding->limit_arg >= n_args ||
        binding->offset_arg >= n_args)
        fail("control argument that is not there", tool->name);
}

int main(void)
{
    for (size_t i = 0; i < LOOKER_OP_COUNT; i++) {
        if (i > 0 && strcmp(looker_ops[i - 1].id, looker_ops[i].id) >= 0)
            fail("operations not sorted", looker_ops[i].id);
        check_operation(&looker_ops[i]);
    }
    for (size_t i = 0; i < LOOKER_TOOL_COUNT; i++) {
        const struct mcp_tool *tool = &looker_tools[i];

        if (tool->group < looker_groups || tool->group >= looker_groups + LOOKER_GROUP_COUNT)
            fail("tool without a group", tool->name);
        if (tool->args != NULL)
            check_type(tool->args);
        check_binding(tool);
        puts(tool->input_schema);
    }
    return 0;
}
