/*
 * list_groups and list_schedules: each stands on two operations, one that lists and one that
 * searches.
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/context.h"
#include "handlers/listing.h"
#include "looker_tools.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define GROUP_FIELDS "can_add_to_content_metadata,externally_managed,id,name,user_count"
static const struct lk_projection group_fields[] = {
    {.name = "can_add_to_content_metadata"},
    {.name = "externally_managed"},
    {.name = "id"},
    {.name = "name"},
    {.name = "user_count"},
};
static const struct lk_projection group_projection = {.fields = group_fields,
                                                      .n_fields = N(group_fields)};

bool lk_handler_list_groups(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_list_groups_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_string fields = lk_string(LK_STR(GROUP_FIELDS));
    struct looker_all_groups_params all = {
        .fields = fields, .sorts = args->sorts, .limit = args->limit, .offset = args->offset};
    struct looker_search_groups_params search = {
        .name = lk_contains(arena, args->name),
        .fields = fields,
        .sorts = args->sorts,
        .limit = args->limit,
        .offset = args->offset,
    };
    struct lk_api_request request =
        args->name.is == LK_PRESENT ? looker_search_groups(&search) : looker_all_groups(&all);

    return lk_answer_page(call,
                          &(struct lk_page){.request = request,
                                            .offset = args->offset.value,
                                            .limit = args->limit.value,
                                            .projection = &group_projection},
                          err);
}

static const struct lk_projection destination_fields[] = {
    {.name = "address"},
    {.name = "format"},
    {.name = "message"},
    {.name = "type"},
};
static const struct lk_projection owner_fields[] = {
    {.name = "display_name"},
    {.name = "id"},
};
/* All that is set of a schedule but the details of its rendering. */
static const struct lk_projection schedule_fields[] = {
    {.name = "crontab"},
    {.name = "dashboard_id"},
    {.name = "datagroup"},
    {.name = "enabled"},
    {.name = "filters_string"},
    {.name = "id"},
    {.name = "last_run_at"},
    {.name = "look_id"},
    {.name = "lookml_dashboard_id"},
    {.name = "name"},
    {.name = "next_run_at"},
    {.name = "query_id"},
    {.name = "run_as_recipient"},
    {.name = "run_once"},
    {.name = "scheduled_plan_destination",
     .fields = destination_fields,
     .n_fields = N(destination_fields)},
    {.name = "timezone"},
    {.name = "title"},
    {.name = "user", .fields = owner_fields, .n_fields = N(owner_fields)},
    {.name = "user_id"},
};
static const struct lk_projection schedule_projection = {.fields = schedule_fields,
                                                         .n_fields = N(schedule_fields)};

/* Looker shows the caller's own plans unless it is told whose. */
bool lk_handler_list_schedules(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_list_schedules_args *args = args_;
    struct looker_search_scheduled_plans_params params = {
        .user_id = args->user_id,
        .name = args->name,
        .look_id = args->look_id,
        .dashboard_id = args->dashboard_id,
        .lookml_dashboard_id = args->lookml_dashboard_id,
        .recipient = args->recipient,
        .sorts = args->sorts,
        .limit = args->limit,
        .offset = args->offset,
    };

    if (args->user_id.is != LK_PRESENT && args->all_users.value)
        params.all_users = lk_boolean(true);
    return lk_answer_page(call,
                          &(struct lk_page){.request = looker_search_scheduled_plans(&params),
                                            .offset = args->offset.value,
                                            .limit = args->limit.value,
                                            .projection = &schedule_projection},
                          err) ||
           lk_explain_status(err, 403,
                             "Looker does not show the schedules of others to this account, "
                             "which takes the permission see_schedules: with all_users false "
                             "you get your own");
}
