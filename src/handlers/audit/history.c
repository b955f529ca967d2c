/*
 * get_query_history, get_content_usage, get_pdt_build_log, get_schedule_history and
 * get_user_activity_log: one query of System Activity each, whose fields and filters stand here.
 */
#include "handlers/activity.h"
#include "looker_tools.h"

/* The rows as the whole answer. limit: as the caller asked for. */
static bool answer(struct mcp_call *call, struct lk_activity_query *query, struct lk_integer limit,
                   struct lk_error *err)
{
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));

    query->limit = limit.value;
    lk_json_begin_object(&w);
    if (!lk_activity_write(call, &w, query, err))
        return false;
    lk_json_end_object(&w);
    return true;
}

bool lk_handler_get_query_history(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_get_query_history_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_activity_query query = {
        .explore = "history",
        .fields = "history.id,history.created_time,history.status,history.source,history.runtime,"
                  "history.connection_name,history.message,query.id,query.model,query.view,"
                  "user.id,user.email,history.real_dash_id,dashboard.title,look.id,look.title",
        .sorts = "history.created_time desc",
    };

    if (!lk_filter_check_id("look_id", args->look_id.value, err))
        return false;
    lk_activity_filter(&query, "history.created_date", args->date_range.value);
    lk_activity_filter(&query, "user.email", lk_filter_exactly(arena, args->user_email.value));
    lk_activity_filter(&query, "history.real_dash_id",
                       lk_filter_exactly(arena, args->dashboard_id.value));
    lk_activity_filter(&query, "look.id", args->look_id.value);
    lk_activity_filter(&query, "query.model", lk_filter_exactly(arena, args->model.value));
    lk_activity_filter(&query, "query.view", lk_filter_exactly(arena, args->explore.value));
    if (args->min_runtime_seconds.is == LK_PRESENT) {
        query.sorts = "history.runtime desc";
        lk_activity_filter(&query, "history.runtime",
                           lk_filter_at_least(arena, args->min_runtime_seconds.value));
    }
    if (lk_is_true(args->errors_only))
        lk_activity_filter(&query, "history.status", LK_STR("error"));
    return answer(call, &query, args->limit, err);
}

bool lk_handler_get_content_usage(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_get_content_usage_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_activity_query query = {
        .explore = "content_usage",
        .fields = "content_usage.content_type,content_usage.content_id,content_usage.content_title,"
                  "content_usage.other_count,content_usage.api_count,content_usage.embed_count,"
                  "content_usage.schedule_count,content_usage.favorite_count,"
                  "content_usage.last_accessed_time",
        .sorts = "content_usage.other_count desc",
    };

    lk_activity_filter(&query, "content_usage.last_accessed_date", args->date_range.value);
    if (!lk_str_eq(args->content_type.value, LK_STR("all")))
        lk_activity_filter(&query, "content_usage.content_type", args->content_type.value);
    if (args->min_views.value > 0)
        lk_activity_filter(&query, "content_usage.other_count",
                           lk_filter_at_least(arena, (double)args->min_views.value));
    return answer(call, &query, args->limit, err);
}

bool lk_handler_get_pdt_build_log(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_get_pdt_build_log_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_activity_query query = {
        .explore = "pdt_event_log",
        .fields = "pdt_event_log.created_time,pdt_event_log.connection,pdt_event_log.model_name,"
                  "pdt_event_log.view_name,pdt_event_log.table_name,pdt_event_log.action,"
                  "pdt_event_log.action_data,pdt_event_log.tid",
        .sorts = "pdt_event_log.created_time desc",
    };

    lk_activity_filter(&query, "pdt_event_log.created_date", args->date_range.value);
    lk_activity_filter(&query, "pdt_event_log.model_name",
                       lk_filter_exactly(arena, args->model.value));
    lk_activity_filter(&query, "pdt_event_log.view_name",
                       lk_filter_exactly(arena, args->view.value));
    lk_activity_filter(&query, "pdt_event_log.connection",
                       lk_filter_exactly(arena, args->connection.value));
    if (lk_is_true(args->failed_only))
        lk_activity_filter(&query, "pdt_event_log.action", LK_STR("%error%"));
    return answer(call, &query, args->limit, err);
}

bool lk_handler_get_schedule_history(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_get_schedule_history_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_activity_query query = {
        .explore = "scheduled_plan",
        .fields = "scheduled_job.id,scheduled_job.created_time,scheduled_job.finalized_time,"
                  "scheduled_job.name,scheduled_job.status,scheduled_job.status_detail,"
                  "scheduled_plan.id,scheduled_plan.content_type_id,user.id,user.email",
        .sorts = "scheduled_job.created_time desc",
    };

    if (!lk_filter_check_id("schedule_id", args->schedule_id.value, err))
        return false;
    lk_activity_filter(&query, "scheduled_job.created_date", args->date_range.value);
    lk_activity_filter(&query, "scheduled_plan.id", args->schedule_id.value);
    lk_activity_filter(&query, "user.email", lk_filter_exactly(arena, args->user_email.value));
    if (lk_is_true(args->failed_only))
        lk_activity_filter(&query, "scheduled_job.status", LK_STR("failure"));
    return answer(call, &query, args->limit, err);
}

bool lk_handler_get_user_activity_log(struct mcp_call *call, const void *args_,
                                      struct lk_error *err)
{
    const struct looker_get_user_activity_log_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_activity_query query = {
        .explore = "event",
        .fields = "event.id,event.created_time,event.name,event.category,event.is_api_call,"
                  "event.sudo_user_id,user.id,user.email,user.name",
        .sorts = "event.created_time desc",
    };

    lk_activity_filter(&query, "event.created_date", args->date_range.value);
    lk_activity_filter(&query, "user.email", lk_filter_exactly(arena, args->user_email.value));
    lk_activity_filter(&query, "event.name", lk_filter_any_of(arena, args->event_types.value));
    lk_activity_filter(&query, "event.category", lk_filter_exactly(arena, args->category.value));
    return answer(call, &query, args->limit, err);
}
