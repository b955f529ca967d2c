/*
 * Datagroups set to now, and the builds of derived tables, whose state Looker puts as JSON into a
 * text (resp_text) of its answer.
 */
#include "handlers/ask.h"
#include "handlers/context.h"
#include "handlers/names.h"
#include "looker_tools.h"
#include "json/project.h"

#include <time.h>

/* ---- reset_datagroup, trigger_datagroup ---- */

static const struct lk_projection datagroup_fields[] = {
    {.name = "created_at"},    {.name = "id"},
    {.name = "model_name"},    {.name = "name"},
    {.name = "stale_before"},  {.name = "trigger_check_at"},
    {.name = "trigger_error"}, {.name = "trigger_value"},
    {.name = "triggered_at"},
};
static const struct lk_projection datagroup_projection = {
    .fields = datagroup_fields,
    .n_fields = sizeof(datagroup_fields) / sizeof(datagroup_fields[0]),
};

_Static_assert(sizeof(struct looker_reset_datagroup_args) ==
                   sizeof(struct looker_trigger_datagroup_args),
               "both take a datagroup_id");

bool lk_handler_touch_datagroup(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_reset_datagroup_args *args = args_;
    struct looker_update_datagroup_params params = {.datagroup_id = args->datagroup_id};
    struct lk_integer now = lk_integer((int64_t)time(NULL));
    struct looker_datagroup body = {0};
    struct lk_str datagroup;

    if (strcmp(mcp_call_tool(call)->name, "reset_datagroup") == 0)
        body.stale_before = now;
    else
        body.triggered_at = now;
    if (!lk_ask(lk_tool_context(call)->api, mcp_call_arena(call),
                looker_update_datagroup(&params, &body), LK_JSON_OBJECT, &datagroup, err))
        return lk_names_explain(&looker_reset_datagroup_args_type, args, err);
    return lk_project(datagroup, &datagroup_projection, false, mcp_call_answer(call), err);
}

/* ---- builds ---- */

/* The object in resp_text; false when there is none. text: what stands there instead. */
static bool state_of(struct lk_arena *arena, struct lk_str build, struct lk_str *ret_state,
                     struct lk_str *ret_text)
{
    *ret_text = lk_str_trim(lk_json_get_string(arena, build, LK_STR("resp_text")));
    *ret_state = *ret_text;
    return ret_text->len > 0 && lk_json_check(*ret_text, LK_JSON_MAX_DEPTH, 0, NULL) &&
           lk_json_type(*ret_text) == LK_JSON_OBJECT;
}

/* The id and what the state says, as members of the open object. */
static void write_build(struct lk_json_writer *w, struct lk_arena *arena, struct lk_str build)
{
    struct lk_str id, state, text, key, value;

    if (lk_json_get(build, LK_STR("materialization_id"), &id))
        lk_json_member_raw(w, "materialization_id", id);
    if (!state_of(arena, build, &state, &text)) {
        if (text.len > 0)
            lk_json_member_string(w, "looker_said", text);
        return;
    }
    struct lk_json_iter it = lk_json_iter(state);
    while (lk_json_next(&it, &key, &value)) {
        key = lk_json_decode_key(arena, key);
        if (lk_str_eq(key, LK_STR("materialization_id")))
            continue;
        lk_json_key_str(w, key);
        lk_json_put_raw(w, value);
    }
}

static bool explain_build(struct lk_error *err)
{
    return lk_explain_status(err, 404,
                             "there is no such build, or Looker has forgotten it: start_pdt_build "
                             "answers materialization_id");
}

static struct lk_string as_text(struct lk_boolean value)
{
    return lk_is_true(value) ? lk_string(LK_STR("true")) : (struct lk_string){0};
}

bool lk_handler_start_pdt_build(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_start_pdt_build_args *args = args_;
    struct looker_start_pdt_build_params params = {
        .model_name = args->model_name,
        .view_name = args->view_name,
        .force_rebuild = as_text(args->force_rebuild),
        .force_full_incremental = as_text(args->force_full_incremental),
        .workspace = args->workspace,
        .source = args->source,
    };
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_str build;

    if (!lk_ask(lk_tool_context(call)->api, mcp_call_arena(call), looker_start_pdt_build(&params),
                LK_JSON_OBJECT, &build, err))
        return lk_explain_status(err, 404,
                                 "there is no view \"%.*s\" with a derived table in the model "
                                 "\"%.*s\", or its connection does not allow PDT control by API "
                                 "(update_connection: pdt_api_control_enabled)",
                                 LK_STR_ARG(args->view_name.value),
                                 LK_STR_ARG(args->model_name.value));
    lk_json_begin_object(&w);
    write_build(&w, mcp_call_arena(call), build);
    lk_json_end_object(&w);
    return true;
}

bool lk_handler_check_pdt_build(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_check_pdt_build_args *args = args_;
    struct looker_check_pdt_build_params params = {.materialization_id = args->materialization_id};
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_str build;

    if (!lk_ask(lk_tool_context(call)->api, mcp_call_arena(call), looker_check_pdt_build(&params),
                LK_JSON_OBJECT, &build, err))
        return explain_build(err);
    lk_json_begin_object(&w);
    write_build(&w, mcp_call_arena(call), build);
    lk_json_end_object(&w);
    return true;
}

/* Whether the status of a build says that it was ended. */
static bool is_stopped(struct lk_str status)
{
    static const char *const words[] = {"killed", "cancelled", "canceled", "stopped"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (lk_str_ieq(status, lk_str(words[i])))
            return true;
    return false;
}

/* Writes `stopped` and `status`, as far as a look at the build shows them. */
static void write_status_after(struct mcp_call *call, struct lk_json_writer *w,
                               struct lk_string build_id)
{
    struct looker_check_pdt_build_params params = {.materialization_id = build_id};
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_str build, state, text, status = {0};
    struct lk_error failure = {0};

    bool asked = lk_ask(lk_tool_context(call)->api, arena, looker_check_pdt_build(&params),
                        LK_JSON_OBJECT, &build, &failure);
    if (asked && state_of(arena, build, &state, &text))
        status = lk_json_get_string(arena, state, LK_STR("status"));
    lk_json_key(w, "stopped");
    if (status.len == 0) {
        lk_json_put_null(w);
        lk_json_member_string(
            w, "note",
            LK_STR("not known whether it has stopped: Looker took the request, but "
                   "its status could not be read; see check_pdt_build"));
        if (!asked)
            lk_json_member_string(w, "status_error", lk_str(failure.message));
        return;
    }
    lk_json_put_boolean(w, is_stopped(status));
    lk_json_member_string(w, "status", status);
}

bool lk_handler_stop_pdt_build(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_stop_pdt_build_args *args = args_;
    struct looker_stop_pdt_build_params params = {
        .materialization_id = args->materialization_id,
        .source = args->source,
    };
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_str build, said, text;

    /* 1. The request. */
    if (!lk_ask(lk_tool_context(call)->api, arena, looker_stop_pdt_build(&params), LK_JSON_OBJECT,
                &build, err))
        return explain_build(err);

    /* 2. What came of it. */
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "materialization_id", args->materialization_id.value);
    write_status_after(call, &w, args->materialization_id);
    if (state_of(arena, build, &said, &text))
        lk_json_member_raw(&w, "looker_said", said);
    else if (text.len > 0)
        lk_json_member_string(&w, "looker_said", text);
    lk_json_end_object(&w);
    return true;
}
