/*
 * validate_content: Looker's content validator, its counts and what it found, in short.
 */
#include "handlers/ask.h"
#include "handlers/content/broken.h"
#include "handlers/context.h"
#include "handlers/heartbeat.h"
#include "handlers/items.h"
#include "looker_tools.h"

/* Looker runs nothing but reads every piece of content: minutes on a large instance. */
#define VALIDATION_TIMEOUT_MS ((uint64_t)9 * 60 * 1000)

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
        lk_broken_write(content, NULL, NULL, &items->buf);
        lk_items_end(items);
    }
    if (!lk_items_check(items, err))
        return false;
    lk_json_begin_object(&w);
    lk_json_member_integer(&w, "content_with_errors", items->offered);
    lk_put_present(&w, "looks_validated", answer, "total_looks_validated");
    lk_put_present(&w, "dashboard_elements_validated", answer,
                   "total_dashboard_elements_validated");
    lk_put_present(&w, "dashboard_filters_validated", answer, "total_dashboard_filters_validated");
    lk_put_present(&w, "scheduled_plans_validated", answer, "total_scheduled_plans_validated");
    lk_put_present(&w, "alerts_validated", answer, "total_alerts_validated");
    lk_put_present(&w, "explores_validated", answer, "total_explores_validated");
    lk_put_present(&w, "computation_time", answer, "computation_time");
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
