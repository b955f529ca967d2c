/*
 * Scheduled plans and alerts: whose they are, who may see them, and what a plan must have.
 */
#include "people.h"

#include <stdio.h>

#define NEXT "2026-01-16T06:00:00.000+00:00"

/* ---- plans ---- */

/* The caller's own, unless another's or everybody's are asked for. */
static bool is_in_scope(struct sb_request *rq, const cJSON *plan)
{
    struct lk_str owner = lk_str(rq->token->user_id), id = {0};

    if (sb_query_bool(rq, "all_users", false))
        return true;
    if (sb_query_arg(rq, "user_id", &id))
        owner = id;
    return lk_str_eq(lk_str(sb_member(plan, "user_id")), owner);
}

/* Whether a destination has that in the member, where the parameter asks for it. */
static bool destination_fits(struct sb_request *rq, const cJSON *plan, const char *param,
                             const char *member)
{
    const cJSON *destination;
    struct lk_str wanted;

    if (!sb_query_arg(rq, param, &wanted))
        return true;
    cJSON_ArrayForEach(destination,
                       cJSON_GetObjectItemCaseSensitive(plan, "scheduled_plan_destination"))
    {
        const char *value = sb_member(destination, member);

        if (value != NULL && sb_like(lk_str(value), wanted))
            return true;
    }
    return false;
}

static bool owner_fits(struct sb_request *rq, const cJSON *plan, const char *param,
                       const char *member)
{
    struct sb_entity *user = sb_find(rq->sb, "/users", lk_str(sb_member(plan, "user_id")));
    const char *name = user != NULL ? sb_member(user->json, member) : NULL;
    struct lk_str wanted;

    return !sb_query_arg(rq, param, &wanted) || (name != NULL && sb_like(lk_str(name), wanted));
}

static bool plan_fits(struct sb_request *rq, const cJSON *plan)
{
    return is_in_scope(rq, plan) && destination_fits(rq, plan, "recipient", "address") &&
           destination_fits(rq, plan, "destination_type", "type") &&
           destination_fits(rq, plan, "delivery_format", "format") &&
           owner_fits(rq, plan, "user_first_name", "first_name") &&
           owner_fits(rq, plan, "user_last_name", "last_name");
}

static bool is_about(struct sb_request *rq, const struct sb_entity *plan, const char *member)
{
    const char *id = sb_member(plan->json, member);

    return id != NULL && lk_str_eq(lk_str(id), rq->segments[2]) && is_in_scope(rq, plan->json);
}

/* /scheduled_plans/look/{look_id}: the parameter's name is the member's. */
static void plans_for(struct sb_request *rq, struct sb_answer *out)
{
    sb_answer_those(rq, out, "/scheduled_plans", is_about, rq->route->names[2]->name);
}

static bool is_set(const cJSON *plan, const char *member)
{
    const char *text = sb_member(plan, member);

    return text != NULL && *text != '\0';
}

/* What Looker asks of a plan beside types; false: *out is the refusal. */
static bool is_complete(struct sb_request *rq, struct sb_answer *out, const cJSON *plan)
{
    const cJSON *to = cJSON_GetObjectItemCaseSensitive(plan, "scheduled_plan_destination");
    const char *owner = sb_member(plan, "user_id");
    int targets = is_set(plan, "look_id") + is_set(plan, "dashboard_id") +
                  is_set(plan, "lookml_dashboard_id") + is_set(plan, "query_id");
    int when = is_set(plan, "crontab") + is_set(plan, "datagroup");
    bool once = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(plan, "run_once"));

    if (!is_set(plan, "name"))
        sb_fail_field(rq, out, "name", "missing_field", "is required");
    else if (targets != 1)
        sb_fail_field(rq, out, "dashboard_id", "invalid",
                      "exactly one of look_id, dashboard_id, lookml_dashboard_id, query_id");
    else if (when > 1 || (when == 0 && !once))
        sb_fail_field(rq, out, "crontab", "invalid", "exactly one of crontab and datagroup");
    else if (cJSON_GetArraySize(to) == 0)
        sb_fail_field(rq, out, "scheduled_plan_destination", "missing_field",
                      "at least one destination is required");
    else if (owner != NULL && sb_find(rq->sb, "/users", lk_str(owner)) == NULL)
        sb_fail_field(rq, out, "user_id", "invalid", "there is no such user");
    else
        return true;
    return false;
}

static void number_destinations(cJSON *plan)
{
    const char *plan_id = sb_member(plan, "id");
    cJSON *destination;
    char id[64];
    int i = 0;

    cJSON_ArrayForEach(destination, sb_list(plan, "scheduled_plan_destination"))
    {
        snprintf(id, sizeof(id), "%s-%d", plan_id != NULL ? plan_id : "", ++i);
        sb_set_text(destination, "id", id);
        sb_set_text(destination, "scheduled_plan_id", plan_id);
        cJSON_DeleteItemFromObjectCaseSensitive(destination, "secret_parameters");
    }
}

static void complete_plan(cJSON *plan)
{
    bool enabled = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(plan, "enabled"));

    number_destinations(plan);
    sb_set_text(plan, "title", sb_member(plan, "name"));
    sb_set_text(plan, "next_run_at", enabled && is_set(plan, "crontab") ? NEXT : NULL);
}

static void create_plan(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *plans = sb_collection(rq->sb->store, LK_STR("/scheduled_plans"));
    cJSON *body = sb_body(rq), *plan;

    if (!is_complete(rq, out, body))
        return;
    sb_generic(rq, out);
    plan = plans->items[plans->n - 1].json;
    if (!is_set(plan, "user_id"))
        sb_set_text(plan, "user_id", rq->token->user_id);
    if (!cJSON_HasObjectItem(body, "enabled"))
        sb_set(plan, "enabled", cJSON_CreateTrue());
    complete_plan(plan);
    sb_touched(rq->sb, "/scheduled_plans", &plans->items[plans->n - 1]);
    sb_answer_thing(rq, out, "/scheduled_plans", &plans->items[plans->n - 1]);
}

static void update_plan(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *plan = sb_find_arg(rq, out, "/scheduled_plans", "scheduled_plan_id");
    cJSON *merged;
    bool good;

    if (plan == NULL)
        return;
    merged = cJSON_Duplicate(plan->json, true);
    sb_merge(rq->route->op->body.type, merged, sb_body(rq));
    good = is_complete(rq, out, merged);
    cJSON_Delete(merged);
    if (!good)
        return;
    sb_generic(rq, out);
    complete_plan(plan->json);
    sb_touched(rq->sb, "/scheduled_plans", plan);
    sb_answer_thing(rq, out, "/scheduled_plans", plan);
}

/* A copy that runs once, with what the body changes. */
static void run_plan_once(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *plans = sb_collection(rq->sb->store, LK_STR("/scheduled_plans"));
    struct sb_entity *plan = sb_find_arg(rq, out, "/scheduled_plans", "scheduled_plan_id");
    char id[24];
    cJSON *copy;

    if (plan == NULL)
        return;
    copy = cJSON_Duplicate(plan->json, true);
    sb_merge(rq->route->op->answer.type, copy, sb_body(rq));
    sb_set(copy, "run_once", cJSON_CreateTrue());
    sb_set_text(copy, "crontab", NULL);
    sb_set_text(copy, "datagroup", NULL);
    snprintf(id, sizeof(id), "%lld", (long long)plans->next_id);
    sb_set_text(copy, "id", id);
    complete_plan(copy);
    sb_answer_thing(rq, out, "/scheduled_plans", sb_entity_put(plans, lk_str(id), copy));
}

static void decorate_plan(struct sb *sb, cJSON *plan)
{
    static const char *const shown[] = {"id", "first_name", "last_name", "display_name"};
    const char *owner = sb_member(plan, "user_id");
    struct sb_entity *user = owner != NULL ? sb_find(sb, "/users", lk_str(owner)) : NULL;
    cJSON *view;

    if (user == NULL)
        return;
    view = cJSON_CreateObject();
    for (size_t i = 0; i < 4; i++)
        sb_set_text(view, shown[i], sb_member(user->json, shown[i]));
    sb_set(plan, "user", view);
}

void sb_schedules_forget_user(struct sb *sb, const char *user_id)
{
    struct sb_collection *c = sb_collection(sb->store, LK_STR("/scheduled_plans"));

    for (size_t i = 0; i < c->n; i++) {
        const char *owner =
            c->items[i].json != NULL ? sb_member(c->items[i].json, "user_id") : NULL;

        if (owner != NULL && strcmp(owner, user_id) == 0)
            sb_entity_delete(&c->items[i]);
    }
}

/* ---- alerts ---- */

static bool alert_fits(struct sb_request *rq, const cJSON *alert)
{
    bool is_disabled = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(alert, "is_disabled"));

    if (sb_query_bool(rq, "disabled", is_disabled) != is_disabled)
        return false;
    return sb_query_bool(rq, "all_owners", false) ||
           lk_str_eq(lk_str(sb_member(alert, "owner_id")), lk_str(rq->token->user_id));
}

static void decorate_alert(struct sb *sb, cJSON *alert)
{
    struct sb_entity *user = sb_find(sb, "/users", lk_str(sb_member(alert, "owner_id")));

    sb_set_text(alert, "owner_display_name",
                user != NULL ? sb_member(user->json, "display_name") : NULL);
}

#define DESTINATION(address)                                                                       \
    "\"destinations\":[{\"destination_type\":\"EMAIL\",\"email_address\":\"" address "\"}]"
#define PLAN_TO(address, format)                                                                   \
    "\"scheduled_plan_destination\":[{\"type\":\"email\",\"address\":\"" address                   \
    "\",\"format\":\"" format "\"}]"

void sb_seed_schedules(struct sb *sb)
{
    struct sb_collection *plans, *alerts;

    sb_seed(sb, "/scheduled_plans", "scheduled_plan", "id",
            "[{\"id\":\"1\",\"name\":\"Daily pulse\",\"user_id\":\"2\",\"dashboard_id\":\"1\","
            "\"enabled\":true,\"crontab\":\"0 6 * * *\",\"timezone\":\"Europe/London\"," PLAN_TO(
                "ada@example.com",
                "wysiwyg_pdf") "},"
                               "{\"id\":\"2\",\"name\":\"Weekly "
                               "orders\",\"user_id\":\"3\",\"look_id\":\"1\","
                               "\"enabled\":true,\"crontab\":\"0 7 * * "
                               "1\",\"require_results\":true," PLAN_TO(
                                   "grace@example.com",
                                   "csv") "},"
                                          "{\"id\":\"3\",\"name\":\"When "
                                          "rebuilt\",\"user_id\":\"2\",\"look_id\":\"2\","
                                          "\"enabled\":false,\"datagroup\":\"thelook::"
                                          "nightly\"," PLAN_TO("ops@example.com", "csv") "}]");
    sb_seed(sb, "/alerts", "get_alert", "id",
            "[{\"id\":\"1\",\"owner_id\":\"2\",\"custom_title\":\"Revenue drops\","
            "\"comparison_type\":\"LESS_THAN\",\"threshold\":1000,\"cron\":\"0 5 * * *\","
            "\"dashboard_element_id\":\"2\",\"field\":{\"name\":\"order_items.total_sales\","
            "\"title\":\"Total Sales\"}," DESTINATION(
                "ada@example.com") "},"
                                   "{\"id\":\"2\",\"owner_id\":\"3\",\"custom_title\":\"Too many "
                                   "orders\","
                                   "\"comparison_type\":\"GREATER_THAN\",\"threshold\":5000,"
                                   "\"cron\":\"0 5 * * 1\","
                                   "\"dashboard_element_id\":\"1\",\"is_disabled\":true,\"field\":"
                                   "{\"name\":\"orders.count\",\"title\":\"Orders\"}," DESTINATION(
                                       "grace@example.com") "}]");
    plans = sb_collection(sb->store, LK_STR("/scheduled_plans"));
    plans->fits = plan_fits;
    plans->decorate = decorate_plan;
    for (size_t i = 0; i < plans->n; i++)
        complete_plan(plans->items[i].json);
    alerts = sb_collection(sb->store, LK_STR("/alerts"));
    alerts->fits = alert_fits;
    alerts->decorate = decorate_alert;
}

const struct sb_handler sb_schedules_handlers[] = {
    {"create_scheduled_plan", create_plan},
    {"update_scheduled_plan", update_plan},
    {"scheduled_plan_run_once_by_id", run_plan_once},
    {"scheduled_plans_for_look", plans_for},
    {"scheduled_plans_for_dashboard", plans_for},
    {"scheduled_plans_for_lookml_dashboard", plans_for},
    {0},
};
