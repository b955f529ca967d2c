/*
 * validate_content: Looker's content validator, its counts and what it found, in short.
 */
#include "handlers/content/broken.h"
#include "handlers/context.h"
#include "handlers/each.h"
#include "handlers/heartbeat.h"
#include "handlers/items.h"
#include "looker_tools.h"
#include "json/scan.h"

/* Looker runs nothing but reads every piece of content: minutes on a large instance. */
#define VALIDATION_TIMEOUT_MS ((uint64_t)9 * 60 * 1000)
#define MAX_COUNTS_BYTES ((size_t)64 * 1024)

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

struct validation {
    struct lk_arena *arena;
    struct lk_string model;
    struct lk_items items;
    struct lk_buf counts; /* the other members of the answer, as an object that is open */
};

static bool on_content(void *arg, struct lk_str content)
{
    struct validation *validation = arg;
    struct lk_items *items = &validation->items;

    if (is_about(validation->arena, content, validation->model) && lk_items_next(items)) {
        lk_broken_write(content, NULL, NULL, &items->buf);
        lk_items_end(items);
    }
    return true;
}

static void on_count(void *arg, struct lk_str key, struct lk_str value)
{
    struct validation *validation = arg;

    if (lk_json_type(value) == LK_JSON_NUMBER)
        lk_buf_printf(&validation->counts, "%s\"%.*s\":%.*s", validation->counts.len > 1 ? "," : "",
                      LK_STR_ARG(key), LK_STR_ARG(value));
}

static bool write_answer(struct mcp_call *call, struct validation *validation, struct lk_error *err)
{
    struct lk_items *items = &validation->items;
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_str counts;

    if (!lk_items_check(items, err))
        return false;
    lk_buf_char(&validation->counts, '}');
    counts = lk_buf_view(&validation->counts);
    lk_json_begin_object(&w);
    lk_json_member_integer(&w, "content_with_errors", items->offered);
    lk_put_present(&w, "looks_validated", counts, "total_looks_validated");
    lk_put_present(&w, "dashboard_elements_validated", counts,
                   "total_dashboard_elements_validated");
    lk_put_present(&w, "dashboard_filters_validated", counts, "total_dashboard_filters_validated");
    lk_put_present(&w, "scheduled_plans_validated", counts, "total_scheduled_plans_validated");
    lk_put_present(&w, "alerts_validated", counts, "total_alerts_validated");
    lk_put_present(&w, "explores_validated", counts, "total_explores_validated");
    lk_put_present(&w, "computation_time", counts, "computation_time");
    lk_items_write(items, &w, items->offered, lk_items_next_offset(items));
    lk_json_end_object(&w);
    return true;
}

bool lk_handler_validate_content(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_validate_content_args *args = args_;
    struct looker_content_validation_params params = {.project_names = args->project_names,
                                                      .space_ids = args->folder_ids};
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct validation *validation = lk_arena_new_object(arena, struct validation);
    const struct lk_each each = {
        .request = lk_in_dev(looker_content_validation(&params), lk_is_true(args->dev_mode)),
        .timeout_ms = VALIDATION_TIMEOUT_MS,
        .list = "content_with_errors",
        .item = on_content,
        .member = on_count,
        .arg = validation,
    };
    struct lk_heartbeat heartbeat;

    validation->arena = arena;
    validation->model = args->model;
    lk_items_init(&validation->items, arena, lk_tool_max_result_bytes(context), args->offset.value,
                  args->limit.value);
    lk_buf_init(&validation->counts, MAX_COUNTS_BYTES);
    lk_arena_defer(arena, lk_buf_free_deferred, &validation->counts);
    lk_buf_char(&validation->counts, '{');
    lk_heartbeat_start(&heartbeat, call, LK_HEARTBEAT_MS, LK_STR("validating content"));
    bool asked = lk_each(context->api, arena, &each, err);
    lk_heartbeat_stop(&heartbeat);
    return asked && write_answer(call, validation, err);
}
