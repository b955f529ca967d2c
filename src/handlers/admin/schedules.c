/*
 * create_schedule and update_schedule: who gets it, in what form, is a list of destinations to
 * Looker; what it delivers and when are choices of one out of several.
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/context.h"
#include "handlers/given.h"
#include "looker_tools.h"
#include "json/project.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const struct lk_projection destination_fields[] = {
    {.name = "address"}, {.name = "format"}, {.name = "id"}, {.name = "message"}, {.name = "type"},
};
static const struct lk_projection schedule_fields[] = {
    {.name = "crontab"},
    {.name = "dashboard_id"},
    {.name = "datagroup"},
    {.name = "enabled"},
    {.name = "filters_string"},
    {.name = "id"},
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
    {.name = "user_id"},
};
static const struct lk_projection schedule_projection = {.fields = schedule_fields,
                                                         .n_fields = N(schedule_fields)};

static bool write_schedule(struct mcp_call *call, struct lk_api_request request,
                           struct lk_error *err)
{
    struct lk_str schedule;

    return lk_ask(lk_tool_context(call)->api, mcp_call_arena(call), request, LK_JSON_OBJECT,
                  &schedule, err) &&
           lk_project(schedule, &schedule_projection, false, mcp_call_answer(call), err);
}

/* ---- to whom ---- */

/* Fills in the plan's destinations: one a recipient, then those that were given as they are.
 * Absent when neither was given. */
static bool bind_destinations(struct lk_arena *arena, const struct lk_string_list *recipients,
                              struct lk_string format, const struct lk_json_list *destinations,
                              struct looker_scheduled_plan *plan, struct lk_error *err)
{
    size_t n_mails = recipients->is == LK_PRESENT ? recipients->len : 0;
    struct lk_object_list given = {0};
    struct looker_scheduled_plan_destination *all;

    if (n_mails == 0 && destinations->is != LK_PRESENT)
        return true;
    if (destinations->is == LK_PRESENT &&
        !lk_given_objects(arena, &looker_scheduled_plan_destination_type, destinations, NULL,
                          "destinations", &given, err))
        return false;
    all = lk_arena_array(arena, n_mails + given.len, sizeof(*all));
    for (size_t i = 0; i < n_mails; i++)
        all[i] = (struct looker_scheduled_plan_destination){
            .type = lk_string(LK_STR("email")),
            .address = lk_string(recipients->items[i]),
            .format = format,
        };
    if (given.len > 0)
        memcpy(all + n_mails, given.items, given.len * sizeof(*all));
    for (size_t i = 0; i < n_mails + given.len; i++)
        if (all[i].type.is != LK_PRESENT || all[i].address.is != LK_PRESENT ||
            all[i].format.is != LK_PRESENT)
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "destinations[%zu]: type, address and format are all needed",
                           i - n_mails);
    plan->scheduled_plan_destination.items = all;
    plan->scheduled_plan_destination.len = n_mails + given.len;
    plan->scheduled_plan_destination.is = LK_PRESENT;
    return true;
}

/* ---- one out of several ---- */

/* The fields of which a schedule has one. */
struct choice {
    struct lk_string *fields[4];
    const char *names; /* as an error says them */
};

static struct choice subject(struct looker_scheduled_plan *plan)
{
    return (struct choice){
        {&plan->look_id, &plan->dashboard_id, &plan->lookml_dashboard_id, &plan->query_id},
        "look_id, dashboard_id, lookml_dashboard_id, query_id"};
}

static struct choice timing(struct looker_scheduled_plan *plan)
{
    return (struct choice){{&plan->crontab, &plan->datagroup}, "crontab, datagroup"};
}

static unsigned n_chosen(const struct choice *choice)
{
    unsigned n = 0;

    for (size_t i = 0; i < N(choice->fields) && choice->fields[i] != NULL; i++)
        n += choice->fields[i]->is == LK_PRESENT;
    return n;
}

static bool check_choice(const struct choice *choice, bool needed, struct lk_error *err)
{
    unsigned n = n_chosen(choice);

    if (n > 1)
        return lk_fail(err, LK_ERROR_ARGUMENT, "give only one of %s: a schedule has one of them",
                       choice->names);
    return n == 1 || !needed || lk_fail(err, LK_ERROR_ARGUMENT, "give one of %s", choice->names);
}

/* A new choice replaces the old one: the others are sent as null. */
static void clear_others(const struct choice *choice)
{
    if (n_chosen(choice) == 0)
        return;
    for (size_t i = 0; i < N(choice->fields) && choice->fields[i] != NULL; i++)
        if (choice->fields[i]->is != LK_PRESENT)
            choice->fields[i]->is = LK_NULL;
}

/* ---- the tools ---- */

static void set_if_absent(struct lk_boolean *value, bool to)
{
    if (value->is != LK_PRESENT)
        *value = lk_boolean(to);
}

bool lk_handler_create_schedule(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_create_schedule_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_scheduled_plan *plan = lk_arena_new_object(arena, struct looker_scheduled_plan);
    struct choice what = subject(plan), when = timing(plan);

    lk_bind_same_names(arena, mcp_call_tool(call)->args, args, &looker_scheduled_plan_type, plan);
    if (!check_choice(&what, true, err) || !check_choice(&when, !lk_is_true(plan->run_once), err) ||
        !bind_destinations(arena, &args->recipients, args->email_format, &args->destinations, plan,
                           err))
        return false;
    if (plan->scheduled_plan_destination.is != LK_PRESENT)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "give recipients or destinations: a schedule delivers to somebody");
    if (plan->look_id.is == LK_PRESENT) {
        set_if_absent(&plan->require_results, false);
        set_if_absent(&plan->require_no_results, false);
        set_if_absent(&plan->require_change, false);
    }
    return write_schedule(call, looker_create_scheduled_plan(plan), err);
}

bool lk_handler_update_schedule(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_update_schedule_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_scheduled_plan *plan = lk_arena_new_object(arena, struct looker_scheduled_plan);
    struct looker_update_scheduled_plan_params params = {.scheduled_plan_id = args->schedule_id};
    struct choice what = subject(plan), when = timing(plan);

    lk_bind_same_names(arena, mcp_call_tool(call)->args, args, &looker_scheduled_plan_type, plan);
    if (!check_choice(&what, false, err) || !check_choice(&when, false, err) ||
        !bind_destinations(arena, &args->recipients, args->email_format, &args->destinations, plan,
                           err))
        return false;
    clear_others(&what);
    clear_others(&when);
    return write_schedule(call, looker_update_scheduled_plan(&params, plan), err) ||
           lk_explain_status(err, 404,
                             "there is no schedule with the id %.*s, or no access to it: "
                             "list_schedules shows what there is",
                             LK_STR_ARG(args->schedule_id.value));
}
