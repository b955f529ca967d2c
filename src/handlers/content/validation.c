/*
 * validate_content: Looker's content validator, its counts and what it found, in short.
 */
#include "handlers/ask.h"
#include "handlers/context.h"
#include "handlers/heartbeat.h"
#include "handlers/items.h"
#include "looker_tools.h"

/* Looker runs nothing but reads every piece of content: minutes on a large instance. */
#define VALIDATION_TIMEOUT_MS ((uint64_t)9 * 60 * 1000)

/* The members of which one says what the errors are about. */
static const struct {
    const char *member, *kind;
} kinds[] = {
    /* An element comes with its dashboard, a filter too: the narrower ones first. */
    {"dashboard_element", "dashboard_element"},
    {"dashboard_filter", "dashboard_filter"},
    {"lookml_dashboard_element", "lookml_dashboard_element"},
    {"scheduled_plan", "scheduled_plan"},
    {"alert", "alert"},
    {"look", "look"},
    {"dashboard", "dashboard"},
    {"lookml_dashboard", "lookml_dashboard"},
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static bool get_object(struct lk_str object, const char *member, struct lk_str *ret_value)
{
    return lk_json_get(object, lk_str(member), ret_value) &&
           lk_json_type(*ret_value) == LK_JSON_OBJECT;
}

static void put(struct lk_json_writer *w, const char *key, struct lk_str object, const char *member)
{
    struct lk_str value;

    if (lk_json_get(object, lk_str(member), &value) && lk_json_type(value) != LK_JSON_NULL &&
        !lk_str_eq(value, LK_STR("\"\"")))
        lk_json_member_raw(w, key, value);
}

static void put_title(struct lk_json_writer *w, struct lk_str thing)
{
    static const char *const members[] = {"title", "title_text", "name", "custom_title"};
    struct lk_str value;

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (lk_json_get(thing, lk_str(members[i]), &value) && lk_json_string_length(value) > 0) {
            lk_json_member_raw(w, "title", value);
            return;
        }
    }
}

static void put_errors(struct lk_json_writer *w, struct lk_str content)
{
    struct lk_str list = LK_STR("[]"), item;

    lk_json_get(content, LK_STR("errors"), &list);
    lk_json_key(w, "errors");
    lk_json_begin_array(w);
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        lk_json_begin_object(w);
        put(w, "message", item, "message");
        put(w, "model", item, "model_name");
        put(w, "explore", item, "explore_name");
        put(w, "field", item, "field_name");
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
}

/* The dashboard that an element or filter is on, and the folder of whatever it is. */
static void put_place(struct lk_json_writer *w, struct lk_str content, struct lk_str thing)
{
    struct lk_str dashboard, folder;
    bool on_dashboard = get_object(content, "dashboard", &dashboard) ||
                        get_object(content, "lookml_dashboard", &dashboard);

    if (on_dashboard && dashboard.ptr != thing.ptr) {
        lk_json_key(w, "dashboard");
        lk_json_begin_object(w);
        put(w, "id", dashboard, "id");
        put(w, "title", dashboard, "title");
        lk_json_end_object(w);
    }
    if (get_object(thing, "folder", &folder) ||
        (on_dashboard && get_object(dashboard, "folder", &folder))) {
        lk_json_key(w, "folder");
        lk_json_begin_object(w);
        put(w, "id", folder, "id");
        put(w, "name", folder, "name");
        lk_json_end_object(w);
    }
}

static void write_content(struct lk_str content, struct lk_buf *buf)
{
    struct lk_json_writer w = lk_json_writer(buf);
    const char *kind = "other";
    struct lk_str thing = content;

    for (size_t i = 0; i < N_KINDS; i++) {
        if (get_object(content, kinds[i].member, &thing)) {
            kind = kinds[i].kind;
            break;
        }
    }
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "kind", lk_str(kind));
    put(&w, "id", thing, "id");
    put_title(&w, thing);
    put_place(&w, content, thing);
    put_errors(&w, content);
    lk_json_end_object(&w);
}

/* Whether one of its errors is about the model. */
static bool is_about(struct lk_arena *arena, struct lk_str content, struct lk_string model)
{
    struct lk_str list, item;

    if (model.is != LK_PRESENT)
        return true;
    if (!lk_json_get(content, LK_STR("errors"), &list))
        return false;
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        if (lk_str_eq(lk_json_get_string(arena, item, LK_STR("model_name")), model.value))
            return true;
    }
    return false;
}

static bool write_answer(struct mcp_call *call, const struct looker_validate_content_args *args,
                         struct lk_str answer, struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_items *items = lk_arena_new_object(arena, struct lk_items);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_str list = LK_STR("[]"), content;

    lk_items_init(items, arena, lk_tool_max_result_bytes(lk_tool_context(call)), args->offset.value,
                  args->limit.value);
    lk_json_get(answer, LK_STR("content_with_errors"), &list);
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &content)) {
        if (!is_about(arena, content, args->model) || !lk_items_next(items))
            continue;
        write_content(content, &items->buf);
        lk_items_end(items);
    }
    if (!lk_items_check(items, err))
        return false;
    lk_json_begin_object(&w);
    lk_json_member_integer(&w, "content_with_errors", items->offered);
    put(&w, "looks_validated", answer, "total_looks_validated");
    put(&w, "dashboard_elements_validated", answer, "total_dashboard_elements_validated");
    put(&w, "dashboard_filters_validated", answer, "total_dashboard_filters_validated");
    put(&w, "scheduled_plans_validated", answer, "total_scheduled_plans_validated");
    put(&w, "alerts_validated", answer, "total_alerts_validated");
    put(&w, "explores_validated", answer, "total_explores_validated");
    put(&w, "computation_time", answer, "computation_time");
    lk_items_write(items, &w, items->offered, lk_items_next_offset(items));
    lk_json_end_object(&w);
    return true;
}

bool lk_handler_validate_content(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_validate_content_args *args = args_;
    struct looker_content_validation_params params = {.project_names = args->project_names,
                                                      .space_ids = args->folder_ids};
    struct lk_api_request request =
        lk_in_dev(looker_content_validation(&params), lk_is_true(args->dev_mode));
    struct lk_heartbeat heartbeat;
    struct lk_api_answer answer;

    lk_heartbeat_start(&heartbeat, call, LK_HEARTBEAT_MS, LK_STR("validating content"));
    bool asked = lk_api_call_within(lk_tool_context(call)->api, mcp_call_arena(call), request,
                                    VALIDATION_TIMEOUT_MS, &answer, err);
    lk_heartbeat_stop(&heartbeat);
    return asked && lk_expect_json(&answer, request.op, LK_JSON_OBJECT, err) &&
           write_answer(call, args, answer.body, err);
}
