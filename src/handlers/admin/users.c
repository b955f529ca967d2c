/*
 * create_user and update_user. A user is made in parts, since Looker's request for one takes
 * neither address nor roles nor groups.
 *
 * create_user:
 *     1. look whether somebody has the address; then that is the user, and nobody is created
 *     2. create the user
 *     3. give the e-mail login
 *     4. add the roles to those that the user has
 *     5. put the user into the groups that miss
 *
 * Each is needed; when one fails, the rest is not tried, and the answer says what is left, by tool.
 * A second call with the same address does just that.
 */
#include "handlers/users.h"

#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/ids.h"
#include "handlers/steps.h"
#include "looker_tools.h"

struct task {
    struct lk_steps steps;
    struct lk_arena *arena;
    const struct looker_create_user_args *args;
    struct lk_str user_id;
    struct lk_str user; /* as Looker showed the one who was there before; empty: there was none */
};

static struct lk_str joined(struct lk_arena *arena, const struct lk_string_list *ids)
{
    return ids->len > 0 ? lk_ids_text(arena, ids) : LK_STR("none");
}

/* Each once. */
static struct lk_string_list once(struct lk_arena *arena, const struct lk_string_list *ids)
{
    return lk_ids_missing(arena, ids, &(struct lk_string_list){0});
}

/* ---- create_user ---- */

/* False: the task has failed. */
static bool find_user(struct task *task)
{
    struct lk_error failure = {0};
    struct lk_str mark;
    bool is_disabled;

    if (task->args->email.is != LK_PRESENT)
        return true;
    if (!lk_user_by_email(lk_tool_context(task->steps.call)->api, task->arena,
                          task->args->email.value, "role_ids,group_ids,is_disabled", &task->user,
                          &failure)) {
        lk_steps_failed(&task->steps, "find_user", true, &failure);
        return false;
    }
    if (task->user.len == 0)
        return true;
    task->user_id = lk_id(task->arena, task->user, "id");
    is_disabled = lk_json_get(task->user, LK_STR("is_disabled"), &mark) && lk_json_is_true(mark);
    lk_steps_skipped(&task->steps, "create_user",
                     "user %.*s has this address already%s; their name and settings stay as they "
                     "are",
                     LK_STR_ARG(task->user_id), is_disabled ? ", and is disabled" : "");
    lk_steps_skipped(&task->steps, "create_email_login", "it is there");
    return true;
}

static bool create_user(struct task *task)
{
    const struct looker_create_user_args *args = task->args;
    struct looker_user body = {0};
    struct looker_create_user_params params = {.fields = lk_string(LK_STR("id"))};
    struct lk_api_request request = looker_create_user(&params, &body);
    struct lk_str answer;

    lk_bind_same_names(task->arena, mcp_call_tool(task->steps.call)->args, args, &looker_user_type,
                       &body);
    lk_clear_read_only(&looker_user_type, &body); /* what goes other ways: email, role_ids, … */
    if (!lk_steps_ask(&task->steps, "create_user", request, LK_JSON_OBJECT, &answer))
        return false;
    task->user_id = lk_id(task->arena, answer, "id");
    if (task->user_id.len == 0) {
        struct lk_error failure = {0};
        lk_fail(&failure, LK_ERROR_PARSE, "Looker answered with a user that has no id");
        lk_steps_call_failed(&task->steps, "create_user", true, request.op, &failure);
        return false;
    }
    lk_steps_done(&task->steps, "create_user", "user %.*s", LK_STR_ARG(task->user_id));
    lk_steps_changed(&task->steps, "created user %.*s (%.*s %.*s)", LK_STR_ARG(task->user_id),
                     LK_STR_ARG(args->first_name.value), LK_STR_ARG(args->last_name.value));
    return true;
}

static bool create_login(struct task *task)
{
    struct looker_create_user_credentials_email_params params = {
        .user_id = lk_string(task->user_id),
        .fields = lk_string(LK_STR("email")),
    };
    struct looker_credentials_email body = {
        .email = lk_string(lk_str_trim(task->args->email.value)),
        .forced_password_reset_at_next_login = task->args->forced_password_reset_at_next_login,
    };
    struct lk_api_answer answer;

    if (task->args->email.is != LK_PRESENT) {
        lk_steps_skipped(&task->steps, "create_email_login", "no email was given");
        return true;
    }
    if (!lk_steps_call(&task->steps, "create_email_login",
                       looker_create_user_credentials_email(&params, &body), &answer))
        return false;
    lk_steps_done(&task->steps, "create_email_login", "%.*s", LK_STR_ARG(body.email.value));
    lk_steps_changed(&task->steps, "user %.*s signs in as %.*s", LK_STR_ARG(task->user_id),
                     LK_STR_ARG(body.email.value));
    return true;
}

/* The roles that the user has directly; of a new user, none. */
static bool read_roles(struct task *task, struct lk_string_list *ret_roles)
{
    struct looker_user_roles_params params = {
        .user_id = lk_string(task->user_id),
        .fields = lk_string(LK_STR("id")),
        .direct_association_only = lk_boolean(true),
    };
    struct lk_str roles = LK_STR("[]");

    if (task->user.len > 0 &&
        !lk_steps_ask(&task->steps, "set_roles", looker_user_roles(&params), LK_JSON_ARRAY, &roles))
        return false;
    *ret_roles = lk_ids(task->arena, roles);
    return true;
}

static bool add_roles(struct task *task)
{
    const struct lk_string_list *wanted = &task->args->role_ids;
    struct looker_set_user_roles_params params = {
        .user_id = lk_string(task->user_id),
        .fields = lk_string(LK_STR("id")),
    };
    struct lk_string_list all, more;
    struct lk_api_answer answer;

    if (wanted->is != LK_PRESENT || wanted->len == 0) {
        lk_steps_skipped(&task->steps, "set_roles", "no role_ids were given");
        return true;
    }
    if (!read_roles(task, &all))
        return false;
    more = lk_ids_missing(task->arena, wanted, &all);
    if (more.len == 0) {
        lk_steps_skipped(&task->steps, "set_roles", "the user has them");
        return true;
    }
    for (size_t i = 0; i < more.len; i++)
        all = lk_ids_with(task->arena, &all, more.items[i]);
    if (!lk_steps_call(&task->steps, "set_roles", looker_set_user_roles(&params, &all), &answer))
        return false;
    lk_steps_done(&task->steps, "set_roles", "added %.*s", LK_STR_ARG(joined(task->arena, &more)));
    lk_steps_changed(&task->steps, "user %.*s has the roles %.*s", LK_STR_ARG(task->user_id),
                     LK_STR_ARG(joined(task->arena, &all)));
    return true;
}

/* The groups that the user is not in yet. */
static struct lk_string_list missing_groups(const struct task *task)
{
    struct lk_str groups = LK_STR("[]");

    if (task->user.len > 0)
        lk_json_get(task->user, LK_STR("group_ids"), &groups);
    struct lk_string_list had = lk_ids(task->arena, groups);
    return lk_ids_missing(task->arena, &task->args->group_ids, &had);
}

static bool add_to_group(struct task *task, struct lk_str group_id)
{
    struct looker_add_group_user_params params = {.group_id = lk_string(group_id)};
    struct looker_group_id_for_group_user_inclusion body = {.user_id = lk_string(task->user_id)};
    struct lk_api_answer answer;

    if (!lk_steps_call(&task->steps, "add_to_group", looker_add_group_user(&params, &body),
                       &answer))
        return false;
    lk_steps_done(&task->steps, "add_to_group", "group %.*s", LK_STR_ARG(group_id));
    lk_steps_changed(&task->steps, "put user %.*s into group %.*s", LK_STR_ARG(task->user_id),
                     LK_STR_ARG(group_id));
    return true;
}

static bool add_groups(struct task *task, size_t *ret_done)
{
    struct lk_string_list missing = missing_groups(task);

    *ret_done = 0;
    if (missing.len == 0)
        lk_steps_skipped(&task->steps, "add_to_group",
                         task->args->group_ids.len == 0 ? "no group_ids were given"
                                                        : "the user is in all of them");
    for (size_t i = 0; i < missing.len; i++, (*ret_done)++)
        if (!add_to_group(task, missing.items[i]))
            return false;
    return true;
}

/* What a failure leaves undone: the steps that were not tried, and the tools that do them. */
static void say_what_is_left(struct task *task, bool login_done, bool roles_done,
                             size_t groups_done)
{
    struct lk_steps *steps = &task->steps;
    const struct looker_create_user_args *args = task->args;
    struct lk_string_list groups = missing_groups(task);
    struct lk_string_list roles = once(task->arena, &args->role_ids);
    bool retry = args->email.is == LK_PRESENT && (login_done || task->user_id.len == 0);

    if (task->user_id.len == 0 && steps->in_doubt) {
        lk_steps_left(steps,
                      "look with list_users whether %.*s %.*s is there: if not, call create_user "
                      "again; if so, give that user what is missing, since another create_user "
                      "would create a second one",
                      LK_STR_ARG(args->first_name.value), LK_STR_ARG(args->last_name.value));
        return;
    }
    if (task->user_id.len == 0) {
        lk_steps_left(steps, "nobody was created: mend the cause and call create_user again");
        return;
    }
    if (!login_done && args->email.is == LK_PRESENT)
        lk_steps_left(steps,
                      "give user %.*s the address %.*s with create_credentials_email; until then "
                      "another create_user would create a second user",
                      LK_STR_ARG(task->user_id), LK_STR_ARG(lk_str_trim(args->email.value)));
    if (!roles_done && roles.len > 0 && task->user.len > 0)
        /* Not with set_user_roles: that would take away what the user had before. */
        lk_steps_left(steps, "add the roles %.*s to those of user %.*s",
                      LK_STR_ARG(joined(task->arena, &roles)), LK_STR_ARG(task->user_id));
    else if (!roles_done && roles.len > 0)
        lk_steps_left(steps, "give user %.*s the roles %.*s with set_user_roles",
                      LK_STR_ARG(task->user_id), LK_STR_ARG(joined(task->arena, &roles)));
    for (size_t i = groups_done; i < groups.len; i++)
        lk_steps_left(steps, "put user %.*s into group %.*s with add_group_user",
                      LK_STR_ARG(task->user_id), LK_STR_ARG(groups.items[i]));
    if (retry)
        lk_steps_left(steps, "or call create_user again with the same email: it does what is left");
}

bool lk_handler_create_user(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    struct task task = {.arena = mcp_call_arena(call), .args = args_};
    bool login = false, roles = false, groups = false, found;
    size_t groups_done = 0;

    lk_steps_begin(&task.steps, call);
    found = find_user(&task);
    if (found && (task.user.len > 0 || create_user(&task))) {
        login = task.user.len > 0 || create_login(&task);
        roles = login && add_roles(&task);
        groups = roles && add_groups(&task, &groups_done);
    }
    if (!groups)
        say_what_is_left(&task, login, roles, groups_done);
    if (task.user_id.len > 0)
        lk_json_member_string(&task.steps.w, "user_id", task.user_id);
    lk_json_member_boolean(&task.steps.w, "created", task.user.len == 0 && task.user_id.len > 0);
    return lk_steps_end(&task.steps, err);
}

/* ---- update_user ---- */

/* Whether any field but the roles is to be changed. */
static bool bind_user(struct mcp_call *call, const void *args, struct looker_user *ret_body)
{
    lk_bind_same_names(mcp_call_arena(call), mcp_call_tool(call)->args, args, &looker_user_type,
                       ret_body);
    lk_clear_read_only(&looker_user_type, ret_body);
    for (size_t i = 0; i < looker_user_type.n_fields; i++)
        if (lk_field_presence(&looker_user_type.fields[i], ret_body) == LK_PRESENT)
            return true;
    return false;
}

static bool update_fields(struct lk_steps *steps, struct lk_string user_id,
                          const struct looker_user *body)
{
    struct looker_update_user_params params = {.user_id = user_id,
                                               .fields = lk_string(LK_STR("id"))};
    struct lk_api_answer answer;

    if (!lk_steps_call(steps, "update_user", looker_update_user(&params, body), &answer))
        return false;
    lk_steps_done(steps, "update_user", "user %.*s", LK_STR_ARG(user_id.value));
    lk_steps_changed(steps, "updated user %.*s", LK_STR_ARG(user_id.value));
    return true;
}

static bool set_roles(struct lk_steps *steps, struct lk_string user_id,
                      const struct lk_string_list *role_ids)
{
    struct lk_arena *arena = mcp_call_arena(steps->call);
    struct looker_set_user_roles_params params = {.user_id = user_id,
                                                  .fields = lk_string(LK_STR("id"))};
    struct lk_string_list roles = once(arena, role_ids);
    struct lk_api_answer answer;

    if (!lk_steps_call(steps, "set_roles", looker_set_user_roles(&params, &roles), &answer)) {
        lk_steps_left(steps, "set the roles of user %.*s with set_user_roles%s",
                      LK_STR_ARG(user_id.value), steps->in_doubt ? "" : "; they are as before");
        return false;
    }
    lk_steps_done(steps, "set_roles", "%.*s", LK_STR_ARG(joined(arena, &roles)));
    lk_steps_changed(steps, "the direct roles of user %.*s are: %.*s", LK_STR_ARG(user_id.value),
                     LK_STR_ARG(joined(arena, &roles)));
    return true;
}

bool lk_handler_update_user(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_update_user_args *args = args_;
    struct looker_user body = {0};
    bool fields = bind_user(call, args, &body), roles = args->role_ids.is == LK_PRESENT;
    struct lk_steps steps;

    if (!fields && !roles)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "nothing to change: give one of first_name, last_name, is_disabled, "
                       "role_ids, home_folder_id, locale, ui_state, models_dir_validated, "
                       "can_manage_api3_creds");
    lk_steps_begin(&steps, call);
    lk_json_member_string(&steps.w, "user_id", args->user_id.value);
    if (!fields)
        lk_steps_skipped(&steps, "update_user", "only roles change");
    else if (!update_fields(&steps, args->user_id, &body) && roles)
        lk_steps_not_done(&steps, "set_roles", "the user could not be updated");
    if (!lk_steps_have_failed(&steps) && roles)
        set_roles(&steps, args->user_id, &args->role_ids);
    return lk_steps_end(&steps, err);
}
