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
#include "handlers/rows.h"
#include "json/codec.h"
#include "json/flow.h"

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
    (void)err;
    lk_json_begin_object(&run->w);
    lk_json_member_string(&run->w, run->binding->text_name,
                          lk_rows_text(mcp_call_arena(run->call), &run->answer));
    lk_json_end_object(&run->w);
    return true;
}

/* What to do about it, as far as it is known. */
static bool explain(const struct run *run, const struct lk_api_request *request,
                    struct lk_error *err)
{
    const struct mcp_tool *tool = mcp_call_tool(run->call);

    if ((tool->hints & MCP_IDEMPOTENT) == 0 && lk_may_have_happened(request->op, err))
        lk_error_advise(err, "Looker may have done it all the same: look before calling again");
    if (request->op->remedy != NULL)
        return lk_explain_status(err, 404, "%s", request->op->remedy);
    if (run->binding->not_found != NULL)
        return lk_explain_status(err, 404, "%s", run->binding->not_found);
    return lk_names_explain(run->type, run->args, err);
}

/* ---- lists ---- */

/* A list that comes in pieces, item by item. */
struct listing {
    struct run *run;
    struct lk_items items;
    struct lk_json_flow flow;
    bool drop, by_looker;
    int64_t offset, limit;
    int64_t n;      /* items that came */
    int64_t resume; /* where in Looker's list the first one stands that was cut; below 0: none */
    bool empty;     /* instead of a list there is null */
    bool no_json;
    struct lk_error error;
};

static bool is_dropped(const struct lk_projection *projection, bool drop, struct lk_str item)
{
    struct lk_str mark;

    return drop && projection != NULL && projection->drop_if_true != NULL &&
           lk_json_get(item, lk_str(projection->drop_if_true), &mark) && lk_json_is_true(mark);
}

/* ptr NULL: it is too large to be held. */
static bool on_item(void *arg, struct lk_str item)
{
    struct listing *listing = arg;
    const struct lk_projection *projection = listing->run->binding->projection;
    struct lk_items *items = &listing->items;
    int64_t index = listing->n++;

    if ((item.ptr != NULL && is_dropped(projection, listing->drop, item)) || !lk_items_next(items))
        return true;
    if (item.ptr == NULL) {
        lk_items_end_too_large(items);
    } else {
        /* What there is no room for is cut below. */
        lk_project(item, projection, listing->drop, &items->buf, NULL);
        if (lk_items_end(items))
            return true;
    }
    listing->resume = index;
    return !listing->by_looker; /* else the rest is counted */
}

static bool fail_no_list(const struct lk_operation *op, struct lk_error *err)
{
    return lk_fail(err, LK_ERROR_PARSE, "Looker's answer to %s has no list where it should be",
                   op->id);
}

/* The member that should be the list, and is none. */
static bool on_member(void *arg, struct lk_str key, struct lk_str value)
{
    struct listing *listing = arg;
    const struct lk_binding *binding = listing->run->binding;

    if (binding->items == NULL || listing->flow.has_list ||
        !lk_json_key_eq(key, lk_str(binding->items[0])))
        return true;
    listing->empty = lk_json_type(value) == LK_JSON_NULL;
    return listing->empty || fail_no_list(binding->op, &listing->error);
}

static bool take(void *arg, enum lk_media media, struct lk_str bytes)
{
    struct listing *listing = arg;

    listing->no_json = media != LK_MEDIA_JSON;
    return !listing->no_json && lk_json_flow_feed(&listing->flow, bytes, &listing->error);
}

/* Whether what came was what should have come. */
static bool end_list(struct listing *listing, bool stopped, struct lk_error *err)
{
    const struct lk_binding *binding = listing->run->binding;
    enum lk_json_type expected = binding->items != NULL ? LK_JSON_OBJECT : LK_JSON_ARRAY;
    struct lk_api_answer sample = {.media = LK_MEDIA_JSON};

    if (listing->no_json)
        sample = (struct lk_api_answer){.media = LK_MEDIA_TEXT, .body = LK_STR("?")};
    else if (listing->flow.type == LK_JSON_ARRAY)
        sample.body = LK_STR("[]");
    else if (listing->flow.type == LK_JSON_OBJECT)
        sample.body = LK_STR("{}");
    if ((sample.body.len > 0 || listing->error.kind == LK_ERROR_NONE) &&
        !lk_expect_json(&sample, binding->op, expected, err))
        return false;
    if (listing->error.kind == LK_ERROR_NONE && !stopped)
        (void)lk_json_flow_end(&listing->flow, &listing->error);
    if (listing->error.kind == LK_ERROR_NONE)
        return true;
    lk_fail(err, listing->error.kind, "Looker's answer to %s: %s", binding->op->id,
            listing->error.message);
    return false;
}

static void write_items(struct listing *listing)
{
    struct run *run = listing->run;
    struct lk_items *items = &listing->items;
    int64_t next = lk_items_next_offset(items), total = items->offered, n = listing->n;

    if (listing->by_looker) {
        total = -1;
        next = listing->resume >= 0                        ? listing->offset + listing->resume
               : listing->limit > 0 && n >= listing->limit ? listing->offset + n
                                                           : -1;
    }
    lk_json_begin_object(&run->w);
    lk_items_write(items, &run->w, total, run->binding->offset_arg >= 0 ? next : -1);
    if (n == 0)
        lk_names_write_hint(&run->w, run->type, run->args);
    lk_json_end_object(&run->w);
}

static void free_flow(void *arg)
{
    lk_json_flow_free(arg);
}

/* Awaits. The answer is never in memory as a whole, only what goes on of it. */
static bool stream_list(struct listing *listing, struct lk_api_request request,
                        struct lk_error *err)
{
    struct run *run = listing->run;
    struct lk_arena *arena = mcp_call_arena(run->call);
    const struct lk_api_sink sink = {.take = take, .arg = listing};

    lk_json_flow_init(&listing->flow, &(struct lk_json_flow_options){
                                          .lists = run->binding->items,
                                          .max_item_bytes = LK_JSON_FLOW_ITEM_BYTES,
                                          .passes_large_items = true,
                                          .max_member_bytes = 64,
                                          .item = on_item,
                                          .member = on_member,
                                          .arg = listing,
                                      });
    lk_arena_defer(arena, free_flow, &listing->flow);
    if (!lk_api_stream(run->context->api, arena, request, 0, &sink, &run->answer, err))
        return explain(run, &request, err);
    return end_list(listing, run->answer.stopped, err);
}

/* Awaits. The same of a list that lies deeper than in a member of the answer. */
static bool read_list(struct listing *listing, struct lk_api_request request, struct lk_error *err)
{
    struct run *run = listing->run;
    const struct lk_binding *binding = run->binding;
    struct lk_str list, item;

    if (!lk_api_call(run->context->api, mcp_call_arena(run->call), request, &run->answer, err))
        return explain(run, &request, err);
    if (!lk_expect_json(&run->answer, binding->op, LK_JSON_OBJECT, err))
        return false;
    if (!lk_json_get_path(run->answer.body, binding->items, &list) ||
        lk_json_type(list) == LK_JSON_NULL)
        list = LK_STR("[]");
    if (lk_json_type(list) != LK_JSON_ARRAY)
        return fail_no_list(binding->op, err);
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item) && on_item(listing, item))
        ;
    return true;
}

/* ---- all ---- */

static bool answer_list(struct run *run, struct lk_api_request request, struct lk_error *err)
{
    const struct lk_binding *binding = run->binding;
    struct lk_arena *arena = mcp_call_arena(run->call);
    struct listing *listing = lk_arena_new_object(arena, struct listing);
    bool deep = binding->items != NULL && binding->items[1] != NULL;

    *listing = (struct listing){
        .run = run,
        .drop = drops(run),
        .by_looker = binding->paged_by_looker,
        .offset = integer_arg(run, binding->offset_arg, 0),
        .limit = integer_arg(run, binding->limit_arg, -1),
        .resume = -1,
    };
    lk_items_init(&listing->items, arena, lk_tool_max_result_bytes(run->context),
                  listing->by_looker ? 0 : listing->offset,
                  listing->by_looker ? -1 : listing->limit);
    if (!(deep ? read_list(listing, request, err) : stream_list(listing, request, err)) ||
        !lk_items_check(&listing->items, err))
        return false;
    write_items(listing);
    return true;
}

bool lk_handler_generic(struct mcp_call *call, const void *args, struct lk_error *err)
{
    static bool (*const write[])(struct run * run, struct lk_error * err) = {
        [LK_ANSWER_OBJECT] = write_object,
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
    if (run.binding->form == LK_ANSWER_LIST)
        return answer_list(&run, request, err);
    if (!lk_api_call(run.context->api, mcp_call_arena(call), request, &run.answer, err))
        return explain(&run, &request, err);
    return write[run.binding->form](&run, err);
}
