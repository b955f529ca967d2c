/*
 * update_user_attribute: Looker's API wants name, label and type in every update, so those that are
 * not to change are read first and sent as they are.
 *
 * set_user_attribute_group_values: the call replaces what was there, so what was there is read
 * first, and what got lost is said.
 *
 *     1. check the rows
 *     2. read the values that groups have now
 *     3. set the new ones
 *     4. answer with them, and with those groups that lost a value
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/context.h"
#include "handlers/given.h"
#include "looker_tools.h"
#include "json/project.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const struct lk_projection value_fields[] = {
    {.name = "group_id"},          {.name = "id"},    {.name = "rank"},
    {.name = "user_attribute_id"}, {.name = "value"}, {.name = "value_is_hidden"},
};
static const struct lk_projection value_projection = {.fields = value_fields,
                                                      .n_fields = N(value_fields)};

static const struct lk_projection attribute_fields[] = {
    {.name = "default_value"},
    {.name = "hidden_value_domain_whitelist"},
    {.name = "id"},
    {.name = "is_permanent"},
    {.name = "is_system"},
    {.name = "label"},
    {.name = "name"},
    {.name = "type"},
    {.name = "user_can_edit"},
    {.name = "user_can_view"},
    {.name = "value_is_hidden"},
};
static const struct lk_projection attribute_projection = {.fields = attribute_fields,
                                                          .n_fields = N(attribute_fields)};

static bool no_such_attribute(struct lk_error *err)
{
    return lk_explain_status(err, 404,
                             "there is no such user attribute, or no access to it: "
                             "list_user_attributes shows what there is");
}

/* ---- set_user_attribute_group_values ---- */

/* Each row names a group of its own and a value; ranks are in all rows or in none. */
static bool check_rows(const struct looker_user_attribute_group_value_list *rows,
                       struct lk_error *err)
{
    for (size_t i = 0; i < rows->len; i++) {
        const struct looker_user_attribute_group_value *row = &rows->items[i];

        if (row->group_id.is != LK_PRESENT || row->value.is != LK_PRESENT)
            return lk_fail(err, LK_ERROR_ARGUMENT, "values[%zu]: %s is missing", i,
                           row->group_id.is != LK_PRESENT ? "group_id" : "value");
        if (row->rank.is != rows->items[0].rank.is)
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "values[%zu]: Looker wants rank in all values or in none; without it "
                           "the order counts",
                           i);
        for (size_t j = 0; j < i; j++)
            if (lk_str_eq(rows->items[j].group_id.value, row->group_id.value))
                return lk_fail(err, LK_ERROR_ARGUMENT,
                               "values[%zu]: the group %.*s is already in values[%zu]; a group has "
                               "one value",
                               i, LK_STR_ARG(row->group_id.value), j);
    }
    return true;
}

static bool is_among(struct lk_str group_id,
                     const struct looker_user_attribute_group_value_list *rows)
{
    for (size_t i = 0; i < rows->len; i++)
        if (lk_str_eq(rows->items[i].group_id.value, group_id))
            return true;
    return false;
}

static void write_removed(struct lk_json_writer *w, struct lk_arena *arena, struct lk_str before,
                          const struct looker_user_attribute_group_value_list *rows)
{
    struct lk_json_iter it = lk_json_iter(before);
    struct lk_str row, value;

    lk_json_key(w, "removed");
    lk_json_begin_array(w);
    while (lk_json_next(&it, NULL, &row)) {
        struct lk_str group_id = lk_json_get_string(arena, row, LK_STR("group_id"));

        if (is_among(group_id, rows))
            continue;
        lk_json_begin_object(w);
        lk_json_member_string(w, "group_id", group_id);
        if (lk_json_get(row, LK_STR("value"), &value))
            lk_json_member_raw(w, "value", value);
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
}

static bool write_values(struct lk_json_writer *w, struct lk_str after, struct lk_error *err)
{
    struct lk_json_iter it = lk_json_iter(after);
    struct lk_str row;

    lk_json_member_integer(w, "count", (int64_t)lk_json_count(after));
    lk_json_key(w, "items");
    lk_json_begin_array(w);
    while (lk_json_next(&it, NULL, &row)) {
        if (w->comma)
            lk_buf_char(w->buf, ',');
        if (!lk_project(row, &value_projection, false, w->buf, err))
            return false;
        w->comma = true;
    }
    lk_json_end_array(w);
    return true;
}

bool lk_handler_set_user_attribute_group_values(struct mcp_call *call, const void *args_,
                                                struct lk_error *err)
{
    static const char *const may_be_set[] = {"group_id", "rank", "value", NULL};
    const struct looker_set_user_attribute_group_values_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct looker_all_user_attribute_group_values_params all = {.user_attribute_id =
                                                                    args->user_attribute_id};
    struct looker_set_user_attribute_group_values_params params = {.user_attribute_id =
                                                                       args->user_attribute_id};
    struct looker_user_attribute_group_value_list rows;
    struct lk_object_list given;
    struct lk_str before, after;

    if (!lk_given_objects(arena, &looker_user_attribute_group_value_type, &args->values, may_be_set,
                          "values", &given, err))
        return false;
    memcpy(&rows, &given, sizeof(rows));
    if (!check_rows(&rows, err))
        return false;

    if (!lk_ask(context->api, arena, looker_all_user_attribute_group_values(&all), LK_JSON_ARRAY,
                &before, err))
        return no_such_attribute(err);
    if (!lk_ask(context->api, arena, looker_set_user_attribute_group_values(&params, &rows),
                LK_JSON_ARRAY, &after, err))
        return false;

    lk_json_begin_object(&w);
    if (!write_values(&w, after, err))
        return false;
    write_removed(&w, arena, before, &rows);
    lk_json_end_object(&w);
    return true;
}

/* ---- update_user_attribute ---- */

/* Fills in what the API requires and the caller left as it is. */
static bool complete(struct mcp_call *call, struct lk_string id, struct looker_user_attribute *body,
                     struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_user_attribute_params params = {.user_attribute_id = id,
                                                  .fields = lk_string(LK_STR("label,name,type"))};
    struct lk_string *const members[] = {&body->label, &body->name, &body->type};
    static const char *const names[] = {"label", "name", "type"};
    struct lk_str now;

    if (body->label.is == LK_PRESENT && body->name.is == LK_PRESENT && body->type.is == LK_PRESENT)
        return true;
    if (!lk_ask(lk_tool_context(call)->api, arena, looker_user_attribute(&params), LK_JSON_OBJECT,
                &now, err))
        return no_such_attribute(err);
    for (size_t i = 0; i < N(members); i++)
        if (members[i]->is != LK_PRESENT)
            *members[i] = lk_string(lk_json_get_string(arena, now, lk_str(names[i])));
    return true;
}

bool lk_handler_update_user_attribute(struct mcp_call *call, const void *args_,
                                      struct lk_error *err)
{
    const struct looker_update_user_attribute_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_update_user_attribute_params params = {.user_attribute_id =
                                                             args->user_attribute_id};
    struct looker_user_attribute body = {0};
    struct lk_str after;

    lk_bind_same_names(arena, mcp_call_tool(call)->args, args, &looker_user_attribute_type, &body);
    if (!complete(call, args->user_attribute_id, &body, err))
        return false;
    if (!lk_ask(lk_tool_context(call)->api, arena, looker_update_user_attribute(&params, &body),
                LK_JSON_OBJECT, &after, err))
        return no_such_attribute(err);
    return lk_project(after, &attribute_projection, false, mcp_call_answer(call), err);
}
