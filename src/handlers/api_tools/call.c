/*
 * call_operation: any operation of the tables, held against its row before anything is sent, and
 * its answer cut to size. Nothing here knows an operation by name: what may be called, and what
 * never, is said in spec/overlay.yaml.
 */
#include "handlers/api_tools/answer.h"
#include "handlers/api_tools/fields.h"
#include "handlers/api_tools/operations.h"
#include "handlers/ask.h"
#include "handlers/context.h"
#include "handlers/workspace.h"
#include "looker_tools.h"
#include "json/codec.h"
#include "json/tree.h"

struct calling {
    struct mcp_call *call;
    const struct lk_tool_context *context;
    struct lk_arena *arena;
    const struct looker_call_operation_args *args;
    const struct lk_operation *op;
    void *params; /* the op->params struct, or NULL */
    const struct lk_projection *projection;
    int64_t skip; /* items of a list that are left out here, not by Looker */
};

/* ---- 1. may it be called? ---- */

static bool check_access(const struct calling *c, struct lk_error *err)
{
    switch (lk_operation_access(c->op)) {
    case LK_ACCESS_READ:
        return true;
    case LK_ACCESS_NEVER:
        return lk_fail(err, LK_ERROR_UNSUPPORTED,
                       "%s is about the session that all calls of this server share, and is never "
                       "called for a client",
                       c->op->id);
    case LK_ACCESS_WRITE:
        break;
    }
    if (c->context->api_allow_writes)
        return true;
    return lk_fail(err, LK_ERROR_UNSUPPORTED,
                   "%s changes something at Looker, which call_operation may not do here: whoever "
                   "runs this server can allow it with LOOKER_API_ALLOW_WRITES=true",
                   c->op->id);
}

/* ---- 2. what is sent ---- */

/* The value of a parameter, or NULL when the operation has none of that name and kind. */
static void *find_param(const struct calling *c, const char *name, enum lk_kind kind)
{
    const struct lk_field *field =
        c->op->params != NULL ? lk_type_field(c->op->params, lk_str(name)) : NULL;

    if (field == NULL || field->kind != kind ||
        (field->flags & (LK_FIELD_LIST | LK_FIELD_PATH)) != 0)
        return NULL;
    return (char *)c->params + field->offset;
}

static int64_t integer_param(const struct calling *c, const char *name, int64_t otherwise)
{
    const struct lk_integer *value = find_param(c, name, LK_KIND_INTEGER);

    return value != NULL && value->is == LK_PRESENT ? value->value : otherwise;
}

/* Some operations only read, unless a parameter says otherwise. */
static bool check_acting(const struct calling *c, struct lk_error *err)
{
    const struct lk_boolean *acting =
        c->op->acts_if != NULL ? find_param(c, c->op->acts_if, LK_KIND_BOOLEAN) : NULL;

    if (acting == NULL || !lk_is_true(*acting) || c->context->api_allow_writes)
        return true;
    return lk_fail(err, LK_ERROR_UNSUPPORTED,
                   "%s with %s changes something at Looker, which call_operation may not do here: "
                   "leave it out, or have whoever runs this server allow it with "
                   "LOOKER_API_ALLOW_WRITES=true",
                   c->op->id, c->op->acts_if);
}

/* `offset` and `fields` of the tool go to Looker where the operation has them, too. */
static void add_params(struct calling *c)
{
    struct lk_integer *offset = find_param(c, "offset", LK_KIND_INTEGER);
    struct lk_string *fields = find_param(c, "fields", LK_KIND_STRING);

    if (c->args->offset.is == LK_PRESENT && offset != NULL)
        *offset = c->args->offset;
    else
        c->skip = c->args->offset.value;
    if (c->projection != NULL && fields != NULL && fields->is == LK_ABSENT)
        *fields = lk_string(lk_projection_text(c->arena, c->projection));
}

static bool read_arguments(struct calling *c, struct lk_error *err)
{
    cJSON *tree = NULL;

    if (c->args->arguments.is == LK_PRESENT &&
        !lk_tree_parse(c->arena, c->args->arguments.value, &tree, err))
        return false;
    if (c->op->params != NULL)
        c->params = lk_arena_alloc(c->arena, c->op->params->size);
    if (lk_decode_arguments(c->arena, c->op->params, tree, c->params, err))
        return check_acting(c, err);
    lk_error_advise(err, "these are the names inside of `arguments`");
    return false;
}

/* What is no object comes as {"value": …}. */
static bool unwrap(const cJSON **tree, struct lk_error *err)
{
    const cJSON *value = lk_tree_get(*tree, "value");

    if (value == NULL || value->next != NULL || value->prev != value)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "body: this one is no object; write {\"value\": …} with nothing beside it");
    *tree = value;
    return true;
}

static bool read_body(struct calling *c, const void **ret_body, struct lk_error *err)
{
    const struct lk_field *body = &c->op->body;
    const struct lk_body_rules rules = {.sends_read_only = c->op->sends_read_only,
                                        .partial = c->op->method == LK_PATCH};
    bool object = (body->kind == LK_KIND_OBJECT || body->kind == LK_KIND_MAP) &&
                  (body->flags & LK_FIELD_LIST) == 0;
    cJSON *parsed;

    *ret_body = NULL;
    if (c->args->body.is != LK_PRESENT) {
        if ((body->flags & LK_FIELD_REQUIRED) == 0)
            return true;
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "%s needs a body; describe_operation shows its fields", c->op->id);
    }
    if (body->kind == LK_KIND_NONE)
        return lk_fail(err, LK_ERROR_ARGUMENT, "body: %s takes none; remove it", c->op->id);
    if (!lk_tree_parse(c->arena, c->args->body.value, &parsed, err))
        return false;
    const cJSON *tree = parsed;
    return (object || unwrap(&tree, err)) &&
           lk_decode_body(c->arena, body, tree, &rules, ret_body, err);
}

/* The document calls the rows of a query a string. */
static bool answers_rows(const struct lk_operation *op)
{
    return op->activity == LK_ACTIVITY_DB_QUERY && op->answer.kind == LK_KIND_STRING;
}

/* Whether the answer, or its items, may have fields, and of which type they are, if it is known. */
static bool read_fields(struct calling *c, struct lk_error *err)
{
    const struct lk_field *answer = &c->op->answer;
    bool json = (c->op->answer_media & LK_MEDIA_JSON) != 0;

    if (c->args->fields.is != LK_PRESENT)
        return true;
    if (!json ||
        (!answers_rows(c->op) && (answer->kind == LK_KIND_NONE || answer->kind == LK_KIND_STRING)))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "fields: what %s answers has none to choose from; remove it", c->op->id);
    return lk_fields_parse(c->arena, c->args->fields.value, answer->type, &c->projection, err);
}

/* ---- 3. where it goes ---- */

static struct lk_str project_of(const struct calling *c)
{
    const struct lk_field *field =
        c->op->params != NULL ? lk_type_field(c->op->params, LK_STR("project_id")) : NULL;
    struct lk_string project = {0};

    if (field != NULL && field->kind == LK_KIND_STRING)
        memcpy(&project, (const char *)c->params + field->offset, sizeof(project));
    return project.value;
}

static bool enter_workspace(const struct calling *c, const struct lk_api_request *request,
                            struct lk_error *err)
{
    if (!lk_goes_to_dev(request))
        return true;
    return lk_workspace_take(
        c->call,
        &(struct lk_workspace_stay){
            .how = c->op->branch != LK_BRANCH_STAYS ? LK_WORKSPACE_ALONE : LK_WORKSPACE_HOLD,
            .project = project_of(c),
            .sets_branch = c->op->branch == LK_BRANCH_SETS,
        },
        err);
}

/* ---- 4. what comes ---- */

/* The result_format of rows, or empty. */
static struct lk_str rows_format(const struct calling *c)
{
    const struct lk_type *params = c->op->params;
    const struct lk_field *field =
        params != NULL ? lk_type_field(params, LK_STR("result_format")) : NULL;
    struct lk_string format = {0};

    if (answers_rows(c->op) && field != NULL && field->kind == LK_KIND_STRING)
        memcpy(&format, (const char *)c->params + field->offset, sizeof(format));
    return format.value;
}

/* Awaits. */
static bool answer(const struct calling *c, const struct lk_api_request *request,
                   struct lk_error *err)
{
    const struct lk_answer_ask ask = {
        .request = *request,
        .projection = c->projection,
        .skip = c->skip,
        .by_looker = find_param(c, "offset", LK_KIND_INTEGER) != NULL,
        .offset = integer_param(c, "offset", 0),
        .limit = integer_param(c, "limit", -1),
        .rows = rows_format(c),
    };

    if (lk_answer_call(c->call, &ask, err))
        return true;
    return c->op->remedy != NULL && lk_explain_status(err, 404, "%s", c->op->remedy);
}

bool lk_handler_call_operation(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    struct calling c = {
        .call = call,
        .context = lk_tool_context(call),
        .arena = mcp_call_arena(call),
        .args = args_,
    };
    struct lk_api_request request = {.dev = lk_is_true(c.args->dev_mode)};

    /* 1. */
    if (!lk_operation_find(c.arena, c.args->operation.value, &c.op, err) || !check_access(&c, err))
        return false;
    /* 2. */
    if (!read_arguments(&c, err) || !read_body(&c, &request.body, err) || !read_fields(&c, err))
        return false;
    add_params(&c);
    request.op = c.op;
    request.params = c.params;
    /* 3. */
    if (!enter_workspace(&c, &request, err))
        return false;
    /* 4. */
    return answer(&c, &request, err);
}
