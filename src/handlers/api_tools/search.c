/*
 * search_operations: operations of the tables, ranked. Asks Looker nothing.
 */
#include "base/nearest.h"
#include "handlers/api_tools/operations.h"
#include "handlers/api_tools/rank.h"
#include "handlers/context.h"
#include "handlers/items.h"
#include "looker_tools.h"

static const char *operation_tag(const void *arg, size_t i)
{
    (void)arg;
    if (i >= LOOKER_OP_COUNT)
        return NULL;
    return looker_ops[i].tag != NULL ? looker_ops[i].tag : "";
}

static bool is_first_of_tag(size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (strcmp(operation_tag(NULL, k), operation_tag(NULL, i)) == 0)
            return false;
    }
    return *operation_tag(NULL, i) != '\0';
}

/* All of them: there are some forty, and a wrong one is seldom a mere misspelling. */
static bool check_tag(struct lk_str tag, struct lk_error *err)
{
    struct lk_buf known;
    const char *near;

    for (size_t i = 0; i < LOOKER_OP_COUNT; i++) {
        if (tag.len == 0 || lk_str_ieq(tag, lk_str(operation_tag(NULL, i))))
            return true;
    }
    lk_buf_init(&known, 2048);
    for (size_t i = 0; i < LOOKER_OP_COUNT; i++) {
        if (is_first_of_tag(i))
            lk_buf_printf(&known, "%s%s", known.len > 0 ? ", " : "", operation_tag(NULL, i));
    }
    near = lk_nearest(tag, operation_tag, NULL);
    lk_fail(err, LK_ERROR_ARGUMENT, "tag: there is none \"%.*s\"%s%s%s", LK_STR_ARG(tag),
            near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
            near != NULL ? "\"?" : "; detail has all there are");
    lk_error_detail(err, "%.*s", LK_STR_ARG(lk_buf_view(&known)));
    lk_buf_free(&known);
    return false;
}

static int method_of(struct lk_str name)
{
    for (int method = LK_GET; method <= LK_DELETE; method++) {
        if (lk_str_eq(name, lk_str(lk_method_name((enum lk_method)method))))
            return method;
    }
    return -1;
}

static void write_item(struct lk_json_writer *w, const struct lk_operation *op)
{
    lk_json_begin_object(w);
    lk_operation_write(w, op);
    if (op->body.kind != LK_KIND_NONE)
        lk_type_write(w, "body", &op->body);
    if (op->answer.kind != LK_KIND_NONE)
        lk_type_write(w, "answer", &op->answer);
    lk_json_end_object(w);
}

bool lk_handler_search_operations(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_search_operations_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_items *items = lk_arena_new_object(arena, struct lk_items);
    const struct lk_rank_filter filter = {.tag = lk_str_trim(args->tag.value),
                                          .method = method_of(args->method.value)};

    if (!check_tag(filter.tag, err))
        return false;
    struct lk_ranking ranking = lk_rank_operations(arena, args->text.value, &filter);
    lk_items_init(items, arena, lk_tool_max_result_bytes(lk_tool_context(call)), args->offset.value,
                  args->limit.value);
    for (size_t i = 0; i < ranking.n; i++) {
        struct lk_json_writer item = lk_json_writer(&items->buf);
        if (!lk_items_next(items))
            continue;
        write_item(&item, ranking.rows[i].op);
        lk_items_end(items);
    }
    lk_json_begin_object(&w);
    lk_items_write(items, &w, items->offered, lk_items_next_offset(items));
    if (ranking.n == 0)
        lk_json_member_string(&w, "hint",
                              LK_STR("no operation has these words in its names; try fewer or "
                                     "other ones, or leave tag and method out"));
    lk_json_end_object(&w);
    return true;
}
