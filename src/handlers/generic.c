/*
 * The tools that are one API call: binds the arguments, calls, and shapes the answer as the
 * manifest says (binding.h). Knows no tool in particular; runs every row without a handler of its
 * own.
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/binding.h"
#include "handlers/context.h"
#include "handlers/items.h"
#include "handlers/names.h"
#include "json/codec.h"

struct run {
    struct mcp_call *call;
    const struct lk_tool_context *context;
    const struct lk_binding *binding;
    const struct lk_type *type; /* of args; NULL: none */
    const void *args;
    struct lk_api_answer answer;
    struct lk_json_writer w;
};

/* The value of the integer argument at that index, or `otherwise`. */
static int64_t integer_arg(const struct run *run, int16_t index, int64_t otherwise)
{
    struct lk_integer integer;

    if (index < 0)
        return otherwise;
    memcpy(&integer, (const char *)run->args + run->type->fields[index].offset, sizeof(integer));
    return integer.is == LK_PRESENT ? integer.value : otherwise;
}

/* Whether the boolean argument at that index is there and true. */
static bool is_set(const struct run *run, int16_t index)
{
    struct lk_boolean boolean = {0};

    if (index >= 0)
        memcpy(&boolean, (const char *)run->args + run->type->fields[index].offset,
               sizeof(boolean));
    return lk_is_true(boolean);
}

/* Whether items that are marked as hidden are left out. */
static bool drops(const struct run *run)
{
    return !is_set(run, run->binding->keep_arg);
}

/* {"ok":true,"look_id":"7"}: what was done to what. */
static bool write_done(struct run *run, struct lk_error *err)
{
    (void)err;
    lk_json_begin_object(&run->w);
    lk_json_member_boolean(&run->w, "ok", true);
    for (size_t i = 0; i < run->binding->n_binds; i++) {
        const struct lk_bind *bind = &run->binding->binds[i];
        if (bind->arg < 0 || bind->target != LK_BIND_PARAM ||
            !(run->binding->op->params->fields[bind->field].flags & LK_FIELD_PATH))
            continue;
        const struct lk_field *arg = &run->type->fields[bind->arg];
        lk_json_key(&run->w, arg->name);
        lk_encode_value(arg, (const char *)run->args + arg->offset, run->w.buf);
        run->w.comma = true;
    }
    lk_json_end_object(&run->w);
    return true;
}

static bool write_object(struct run *run, struct lk_error *err)
{
    if (run->answer.body.len == 0)
        return write_done(run, err);
    return lk_expect_json(&run->answer, run->binding->op, LK_JSON_OBJECT, err) &&
           lk_project(run->answer.body, run->binding->projection, drops(run), run->w.buf, err);
}

static bool write_text(struct run *run, struct lk_error *err)
{
    struct lk_str text = run->answer.body;

    (void)err;
    if (run->answer.media == LK_MEDIA_JSON && lk_json_type(text) == LK_JSON_STRING)
        text = lk_json_decode_string(mcp_call_arena(run->call), text);
    lk_json_begin_object(&run->w);
    lk_json_member_string(&run->w, run->binding->text_name, text);
    lk_json_end_object(&run->w);
    return true;
}

/* The list in the answer; null or absent counts as empty. */
static bool find_items(const struct run *run, struct lk_str *ret_items, struct lk_error *err)
{
    const struct lk_binding *binding = run->binding;
    struct lk_str list = run->answer.body;

    if (binding->items == NULL) {
        *ret_items = list;
        return lk_expect_json(&run->answer, binding->op, LK_JSON_ARRAY, err);
    }
    if (!lk_expect_json(&run->answer, binding->op, LK_JSON_OBJECT, err))
        return false;
    if (!lk_json_get_path(list, binding->items, &list) || lk_json_type(list) == LK_JSON_NULL)
        list = LK_STR("[]");
    if (lk_json_type(list) != LK_JSON_ARRAY)
        return lk_fail(err, LK_ERROR_PARSE, "Looker's answer to %s has no list where it should be",
                       binding->op->id);
    *ret_items = list;
    return true;
}

static bool is_dropped(const struct lk_projection *projection, bool drop, struct lk_str item)
{
    struct lk_str mark;

    return drop && projection != NULL && projection->drop_if_true != NULL &&
           lk_json_get(item, lk_str(projection->drop_if_true), &mark) && lk_json_is_true(mark);
}

static bool write_list(struct run *run, struct lk_error *err)
{
    const struct lk_binding *binding = run->binding;
    bool drop = drops(run), by_looker = binding->paged_by_looker;
    int64_t offset = integer_arg(run, binding->offset_arg, 0);
    int64_t limit = integer_arg(run, binding->limit_arg, -1);
    int64_t n = 0, resume = -1; /* where in Looker's list the first item stands that was cut */
    struct lk_str list, item;
    struct lk_items *items = lk_arena_new_object(mcp_call_arena(run->call), struct lk_items);

    if (!find_items(run, &list, err))
        return false;
    lk_items_init(items, mcp_call_arena(run->call), lk_tool_max_result_bytes(run->context),
                  by_looker ? 0 : offset, by_looker ? -1 : limit);
    struct lk_json_iter it = lk_json_iter(list);
    for (; lk_json_next(&it, NULL, &item); n++) {
        if (is_dropped(binding->projection, drop, item) || !lk_items_next(items))
            continue;
        /* What there is no room for is cut below. */
        lk_project(item, binding->projection, drop, &items->buf, NULL);
        if (!lk_items_end(items))
            resume = n;
    }
    if (!lk_items_check(items, err))
        return false;

    int64_t next = lk_items_next_offset(items), total = items->offered;
    if (by_looker) {
        total = -1;
        next = resume >= 0 ? offset + resume : limit > 0 && n >= limit ? offset + n : -1;
    }
    lk_json_begin_object(&run->w);
    lk_items_write(items, &run->w, total, binding->offset_arg >= 0 ? next : -1);
    if (n == 0)
        lk_names_write_hint(&run->w, run->type, run->args);
    lk_json_end_object(&run->w);
    return true;
}

bool lk_handler_generic(struct mcp_call *call, const void *args, struct lk_error *err)
{
    static bool (*const write[])(struct run * run, struct lk_error * err) = {
        [LK_ANSWER_OBJECT] = write_object,
        [LK_ANSWER_LIST] = write_list,
        [LK_ANSWER_TEXT] = write_text,
        [LK_ANSWER_NONE] = write_done,
    };
    const struct mcp_tool *tool = mcp_call_tool(call);
    struct run run = {
        .call = call,
        .context = lk_tool_context(call),
        .binding = tool->binding,
        .type = tool->args,
        .args = args,
        .w = lk_json_writer(mcp_call_answer(call)),
    };
    struct lk_api_request request;

    if (!lk_bind_request(mcp_call_arena(call), run.binding, tool->args, args, &request, err))
        return false;
    request = lk_in_dev(request, is_set(&run, run.binding->dev_arg));
    if (!lk_api_call(run.context->api, mcp_call_arena(call), request, &run.answer, err)) {
        if ((tool->hints & MCP_IDEMPOTENT) == 0 && lk_may_have_happened(request.op, err))
            lk_error_advise(err, "Looker may have done it all the same: look before calling again");
        if (request.op->remedy != NULL)
            return lk_explain_status(err, 404, "%s", request.op->remedy);
        if (run.binding->not_found != NULL)
            return lk_explain_status(err, 404, "%s", run.binding->not_found);
        return lk_names_explain(run.type, args, err);
    }
    return write[run.binding->form](&run, err);
}
