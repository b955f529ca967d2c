/*
 * provision_user: a user with a login, roles, groups and attribute values, in one call that can be
 * made again. Somebody who has the address already is taken over and given what is missing; so is
 * a user of that very name whom nobody can log in as, because that is what a call leaves behind
 * that could not give the new user the address. Roles and groups are added, never taken away.
 */
#include "handlers/ask.h"
#include "handlers/ids.h"
#include "handlers/users.h"
#include "handlers/workflows/people.h"
#include "looker_tools.h"

#define USER_FIELDS                                                                                \
    LK_PEOPLE_FIELDS ",first_name,last_name,group_ids,credentials_email(email,logged_in_at,"       \
                     "password_reset_url,password_reset_url_expired)"
struct attribute {
    struct lk_str id, name, value;
};

struct provision {
    struct lk_steps steps;
    struct lk_arena *arena;
    const struct looker_provision_user_args *args;
    struct lk_str email;
    struct lk_str user;    /* as found or created; empty: not yet */
    struct lk_str user_id; /* empty: not yet */
    bool created;
    struct attribute *attributes;
    size_t n_attributes;
};

/* ---- who it is ---- */

static void mention_other_name(struct provision *p)
{
    struct lk_str first = lk_json_get_string(p->arena, p->user, LK_STR("first_name"));
    struct lk_str last = lk_json_get_string(p->arena, p->user, LK_STR("last_name"));

    if (!lk_str_eq(first, p->args->first_name.value) || !lk_str_eq(last, p->args->last_name.value))
        lk_steps_left(&p->steps,
                      "the user is called \"%.*s %.*s\" in Looker, which was left so: update_user "
                      "changes it",
                      LK_STR_ARG(first), LK_STR_ARG(last));
}

static bool find_user(struct provision *p)
{
    struct lk_api *api = lk_tool_context(p->steps.call)->api;
    struct lk_str user = {0};
    struct lk_error failure = {0};
    bool by_email = true;

    if (!lk_user_by_email(api, p->arena, p->email, USER_FIELDS, &user, &failure) ||
        (user.len == 0 &&
         !lk_people_find_left_over(api, p->arena, p->args->first_name.value,
                                   p->args->last_name.value, USER_FIELDS, &user, &failure))) {
        lk_steps_failed(&p->steps, "find_user", true, &failure);
        return false;
    }
    if (user.len == 0) {
        lk_steps_done(&p->steps, "find_user", "nobody has the address %.*s yet",
                      LK_STR_ARG(p->email));
        return true;
    }
    by_email = lk_json_get_string(p->arena, user, LK_STR("email")).len > 0;
    p->user = user;
    p->user_id = lk_id(p->arena, user, "id");
    if (lk_member_is_true(user, "is_disabled")) {
        lk_steps_refuse(&p->steps, "find_user",
                        "%.*s has this address and is disabled: enable the account with "
                        "update_user (is_disabled false), then call again",
                        LK_STR_ARG(lk_people_title(p->arena, user)));
        return false;
    }
    lk_steps_done(&p->steps, "find_user", "%.*s %s: what is missing will be added",
                  LK_STR_ARG(lk_people_title(p->arena, user)),
                  by_email ? "has the address already"
                           : "has this name and no login, probably left by an earlier call");
    mention_other_name(p);
    return true;
}

/* ---- what the user is to get: all of it must exist before anything is changed ---- */

static bool check_ids(struct provision *p, const char *step, const char *kind, const char *tool,
                      const struct lk_string_list *ids, struct lk_api_request request)
{
    struct lk_str list;

    if (ids->len == 0)
        return true;
    if (!lk_steps_ask(&p->steps, step, request, LK_JSON_ARRAY, &list))
        return false;
    struct lk_string_list known = lk_ids(p->arena, list);
    struct lk_string_list missing = lk_ids_missing(p->arena, ids, &known);
    if (missing.len > 0) {
        lk_steps_refuse(&p->steps, step, "%s_ids: there is no %s %.*s; %s shows the ids", kind,
                        kind, LK_STR_ARG(lk_ids_text(p->arena, &missing)), tool);
        return false;
    }
    lk_steps_done(&p->steps, step, "%.*s", LK_STR_ARG(lk_ids_text(p->arena, ids)));
    return true;
}

/* The attribute of that name, or else of that id; or an empty text. */
static struct lk_str find_attribute(struct provision *p, struct lk_str list, struct lk_str name)
{
    struct lk_json_iter it = lk_json_iter(list);
    struct lk_str attribute, by_id = {0};

    while (lk_json_next(&it, NULL, &attribute)) {
        if (lk_str_eq(lk_json_get_string(p->arena, attribute, LK_STR("name")), name))
            return attribute;
        if (lk_str_eq(lk_id(p->arena, attribute, "id"), name))
            by_id = attribute;
    }
    return by_id;
}

static bool check_attributes(struct provision *p)
{
    static const char step[] = "check_user_attributes";
    struct looker_all_user_attributes_params params = {.fields = lk_string(LK_STR("id,name"))};
    struct lk_str values = p->args->user_attribute_values.value, list, key, value;
    struct lk_json_iter it = lk_json_iter(values);

    if (lk_json_count(values) == 0)
        return true;
    if (!lk_steps_ask(&p->steps, step, looker_all_user_attributes(&params), LK_JSON_ARRAY, &list))
        return false;
    p->attributes = lk_arena_array(p->arena, lk_json_count(values), sizeof(*p->attributes));
    while (lk_json_next(&it, &key, &value)) {
        struct lk_str name = lk_json_decode_key(p->arena, key);
        struct lk_str found = find_attribute(p, list, name);
        if (found.len == 0) {
            lk_steps_refuse(&p->steps, step,
                            "user_attribute_values: there is no user attribute with the name or id "
                            "\"%.*s\"; list_user_attributes shows them",
                            LK_STR_ARG(name));
            return false;
        }
        p->attributes[p->n_attributes++] = (struct attribute){
            .id = lk_id(p->arena, found, "id"),
            .name = name,
            .value = lk_json_type(value) == LK_JSON_STRING ? lk_json_decode_string(p->arena, value)
                                                           : lk_str_trim(value),
        };
    }
    lk_steps_done(&p->steps, step, "%zu found", p->n_attributes);
    return true;
}

static bool check_all(struct provision *p)
{
    const struct lk_string_list *roles = &p->args->role_ids, *groups = &p->args->group_ids;
    struct looker_all_roles_params role_params = {
        .fields = lk_string(LK_STR("id")),
        .ids = *roles,
    };
    struct looker_all_groups_params group_params = {
        .fields = lk_string(LK_STR("id")),
        .ids = *groups,
    };

    return check_ids(p, "check_roles", "role", "list_roles", roles,
                     looker_all_roles(&role_params)) &&
           check_ids(p, "check_groups", "group", "list_groups", groups,
                     looker_all_groups(&group_params)) &&
           check_attributes(p);
}

/* ---- making the user ---- */

static bool create_user(struct provision *p)
{
    struct looker_create_user_params params = {.fields = lk_string(LK_STR("id,group_ids"))};
    struct looker_user body = {
        .first_name = p->args->first_name,
        .last_name = p->args->last_name,
        .locale = p->args->locale,
        .home_folder_id = p->args->home_folder_id,
    };

    if (p->user_id.len > 0) {
        lk_steps_skipped(&p->steps, "create_user", "user %.*s exists", LK_STR_ARG(p->user_id));
        return true;
    }
    if (!lk_steps_ask(&p->steps, "create_user", looker_create_user(&params, &body), LK_JSON_OBJECT,
                      &p->user))
        return false;
    p->user_id = lk_id(p->arena, p->user, "id");
    p->created = true;
    lk_steps_done(&p->steps, "create_user", "user %.*s", LK_STR_ARG(p->user_id));
    lk_steps_changed(&p->steps, "created user %.*s", LK_STR_ARG(p->user_id));
    return true;
}

/* Somebody with the address, but without a password of Looker's: single sign-on. They are not
 * given a second way in. */
static bool logs_in_otherwise(struct provision *p)
{
    struct lk_str login;

    return lk_json_get_string(p->arena, p->user, LK_STR("email")).len > 0 &&
           !(lk_json_get(p->user, LK_STR("credentials_email"), &login) && lk_json_count(login) > 0);
}

static bool give_login(struct provision *p)
{
    static const char step[] = "create_user_credentials_email";
    struct looker_create_user_credentials_email_params params = {
        .user_id = lk_string(p->user_id),
        .fields = lk_string(LK_STR("email")),
    };
    struct looker_credentials_email body = {.email = lk_string(p->email)};
    struct lk_str login;
    struct lk_api_answer answer;

    if (lk_json_get(p->user, LK_STR("credentials_email"), &login) && lk_json_count(login) > 0) {
        lk_steps_skipped(&p->steps, step, "the user has an e-mail login");
        return true;
    }
    if (logs_in_otherwise(p)) {
        lk_steps_skipped(&p->steps, step, "the user has the address from another way to log in");
        return true;
    }
    if (!lk_steps_call(&p->steps, step, looker_create_user_credentials_email(&params, &body),
                       &answer)) {
        lk_steps_left(&p->steps,
                      "user %.*s has no login yet: call again (the user is found by name and "
                      "completed), or delete it with delete_user",
                      LK_STR_ARG(p->user_id));
        return false;
    }
    lk_steps_done(&p->steps, step, "%.*s", LK_STR_ARG(p->email));
    lk_steps_changed(&p->steps, "user %.*s can log in with %.*s", LK_STR_ARG(p->user_id),
                     LK_STR_ARG(p->email));
    return true;
}

/* ---- what the user gets ---- */

static void give_roles(struct provision *p)
{
    struct looker_user_roles_params read = {
        .user_id = lk_string(p->user_id),
        .fields = lk_string(LK_STR("id")),
        .direct_association_only = lk_boolean(true),
    };
    struct looker_set_user_roles_params write = {
        .user_id = lk_string(p->user_id),
        .fields = lk_string(LK_STR("id")),
    };
    const struct lk_string_list *wanted = &p->args->role_ids;
    struct lk_str list;
    struct lk_api_answer answer;

    if (wanted->len == 0)
        return;
    if (!lk_steps_ask(&p->steps, "set_user_roles", looker_user_roles(&read), LK_JSON_ARRAY, &list))
        return;
    struct lk_string_list all = lk_ids(p->arena, list);
    struct lk_string_list missing = lk_ids_missing(p->arena, wanted, &all);
    if (missing.len == 0) {
        lk_steps_skipped(&p->steps, "set_user_roles", "has all of them");
        return;
    }
    for (size_t i = 0; i < missing.len; i++)
        all = lk_ids_with(p->arena, &all, missing.items[i]);
    if (!lk_steps_call(&p->steps, "set_user_roles", looker_set_user_roles(&write, &all), &answer))
        return;
    struct lk_str added = lk_ids_text(p->arena, &missing);
    lk_steps_done(&p->steps, "set_user_roles", "added %.*s", LK_STR_ARG(added));
    lk_steps_changed(&p->steps, "gave user %.*s the roles %.*s", LK_STR_ARG(p->user_id),
                     LK_STR_ARG(added));
}

static void join_groups(struct provision *p)
{
    struct lk_str list = LK_STR("[]");

    lk_json_get(p->user, LK_STR("group_ids"), &list);
    struct lk_string_list present = lk_ids(p->arena, list);
    for (size_t i = 0; i < p->args->group_ids.len; i++) {
        struct lk_str id = p->args->group_ids.items[i];
        struct looker_add_group_user_params params = {.group_id = lk_string(id)};
        struct looker_group_id_for_group_user_inclusion body = {
            .user_id = lk_string(p->user_id),
        };
        struct lk_api_answer answer;
        if (lk_ids_have(&present, id)) {
            lk_steps_skipped(&p->steps, "add_group_user", "is in group %.*s", LK_STR_ARG(id));
        } else if (lk_steps_call(&p->steps, "add_group_user", looker_add_group_user(&params, &body),
                                 &answer)) {
            lk_steps_done(&p->steps, "add_group_user", "group %.*s", LK_STR_ARG(id));
            lk_steps_changed(&p->steps, "put user %.*s into group %.*s", LK_STR_ARG(p->user_id),
                             LK_STR_ARG(id));
        }
    }
}

/* Whether the user has this very value of their own, as Looker's answer says. */
static bool has_value(struct provision *p, struct lk_str values, const struct attribute *attribute)
{
    struct lk_json_iter it = lk_json_iter(values);
    struct lk_str row, value;

    while (lk_json_next(&it, NULL, &row)) {
        struct lk_str source = lk_json_get_string(p->arena, row, LK_STR("source"));
        if (lk_str_eq(lk_id(p->arena, row, "user_attribute_id"), attribute->id) &&
            lk_str_ieq(lk_str_cut(source, 4), LK_STR("user")) &&
            lk_json_get(row, LK_STR("value"), &value) && lk_json_string_eq(value, attribute->value))
            return true;
    }
    return false;
}

static void set_attributes(struct provision *p)
{
    static const char step[] = "set_user_attribute_user_value";
    struct looker_user_attribute_user_values_params read = {
        .user_id = lk_string(p->user_id),
        .fields = lk_string(LK_STR("user_attribute_id,value,source")),
    };
    struct lk_str values = LK_STR("[]");

    if (p->n_attributes > 0 && !p->created &&
        !lk_steps_ask(&p->steps, step, looker_user_attribute_user_values(&read), LK_JSON_ARRAY,
                      &values))
        return;
    for (size_t i = 0; i < p->n_attributes; i++) {
        const struct attribute *attribute = &p->attributes[i];
        struct looker_set_user_attribute_user_value_params params = {
            .user_id = lk_string(p->user_id),
            .user_attribute_id = lk_string(attribute->id),
        };
        struct looker_user_attribute_with_value body = {.value = lk_string(attribute->value)};
        struct lk_api_answer answer;
        if (has_value(p, values, attribute)) {
            lk_steps_skipped(&p->steps, step, "%.*s has this value", LK_STR_ARG(attribute->name));
        } else if (lk_steps_call(&p->steps, step,
                                 looker_set_user_attribute_user_value(&params, &body), &answer)) {
            lk_steps_done(&p->steps, step, "%.*s", LK_STR_ARG(attribute->name));
            lk_steps_changed(&p->steps, "set the attribute %.*s of user %.*s",
                             LK_STR_ARG(attribute->name), LK_STR_ARG(p->user_id));
        }
    }
}

/* ---- the invitation ---- */

/* Why there is no need for another e-mail, or NULL. */
static const char *no_invitation(struct provision *p)
{
    struct lk_str login, value;

    if (!p->args->send_invite.value)
        return "not asked for";
    if (logs_in_otherwise(p))
        return "the user has no password of Looker's";
    if (!lk_json_get(p->user, LK_STR("credentials_email"), &login))
        return NULL;
    if (lk_json_get_string(p->arena, login, LK_STR("logged_in_at")).len > 0)
        return "the user has logged in before";
    if (lk_json_get_string(p->arena, login, LK_STR("password_reset_url")).len > 0 &&
        lk_json_get(login, LK_STR("password_reset_url_expired"), &value) &&
        lk_str_eq(lk_str_trim(value), LK_STR("false")))
        return "an e-mail with a link that is still valid has been sent";
    return NULL;
}

static void invite(struct provision *p)
{
    static const char step[] = "send_invite";
    struct looker_send_user_credentials_email_password_reset_params params = {
        .user_id = lk_string(p->user_id),
        .fields = lk_string(LK_STR("email")),
    };
    const char *reason = no_invitation(p);
    struct lk_api_answer answer;

    if (reason != NULL) {
        lk_steps_skipped(&p->steps, step, "%s", reason);
        return;
    }
    if (lk_steps_have_failed(&p->steps)) {
        lk_steps_not_done(&p->steps, step, "the user does not have everything yet");
        return;
    }
    if (!lk_steps_call(&p->steps, step, looker_send_user_credentials_email_password_reset(&params),
                       &answer)) {
        lk_steps_left(&p->steps, "the user exists but may not have been invited: the e-mail can "
                                 "also be sent from Looker's Admin, Users");
        return;
    }
    lk_steps_done(&p->steps, step, "to %.*s", LK_STR_ARG(p->email));
    lk_steps_changed(&p->steps, "Looker sent %.*s an e-mail to set a password",
                     LK_STR_ARG(p->email));
}

/* ---- the preview ---- */

static void plan(struct provision *p)
{
    const struct looker_provision_user_args *args = p->args;

    if (p->user_id.len == 0)
        lk_steps_planned(&p->steps, "create_user", "%.*s %.*s, %.*s",
                         LK_STR_ARG(args->first_name.value), LK_STR_ARG(args->last_name.value),
                         LK_STR_ARG(p->email));
    else
        lk_steps_skipped(&p->steps, "create_user", "user %.*s exists", LK_STR_ARG(p->user_id));
    if (args->role_ids.len > 0)
        lk_steps_planned(&p->steps, "set_user_roles", "add %.*s",
                         LK_STR_ARG(lk_ids_text(p->arena, &args->role_ids)));
    if (args->group_ids.len > 0)
        lk_steps_planned(&p->steps, "add_group_user", "%.*s",
                         LK_STR_ARG(lk_ids_text(p->arena, &args->group_ids)));
    for (size_t i = 0; i < p->n_attributes; i++)
        lk_steps_planned(&p->steps, "set_user_attribute_user_value", "%.*s",
                         LK_STR_ARG(p->attributes[i].name));
    const char *reason = no_invitation(p);
    if (reason != NULL)
        lk_steps_skipped(&p->steps, "send_invite", "%s", reason);
    else
        lk_steps_planned(&p->steps, "send_invite", "to %.*s", LK_STR_ARG(p->email));
}

bool lk_handler_provision_user(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_provision_user_args *args = args_;
    struct provision *p = lk_arena_new_object(mcp_call_arena(call), struct provision);

    p->arena = mcp_call_arena(call);
    p->args = args;
    p->email = lk_str_trim(args->email.value);
    if (!lk_is_email(p->email))
        return lk_fail(err, LK_ERROR_ARGUMENT, "email: \"%.*s\" is no e-mail address",
                       LK_STR_ARG(p->email));
    lk_steps_begin(&p->steps, call);
    p->steps.preview = args->dry_run.value;

    /* 1. Who has the address, and does everything exist that is to be given: fatal. */
    bool ready = find_user(p) && check_all(p);
    /* 2. The user and a login: fatal. */
    if (ready && p->steps.preview) {
        plan(p);
    } else if (ready && create_user(p) && give_login(p)) {
        /* 3. Roles, groups, attributes: one that fails does not keep back the others. */
        give_roles(p);
        join_groups(p);
        set_attributes(p);
        /* 4. The invitation, when all of that is there. */
        invite(p);
    }
    if (lk_steps_have_failed(&p->steps))
        lk_steps_left(&p->steps,
                      "call again with the same arguments once the cause is mended: "
                      "what is there is kept, and what is missing is added%s",
                      args->send_invite.value ? "; the invitation is sent at the end" : "");
    if (p->user_id.len > 0)
        lk_json_member_string(&p->steps.w, "user_id", p->user_id);
    lk_json_member_string(&p->steps.w, "email", p->email);
    lk_json_member_boolean(&p->steps.w, "created", p->created);
    return lk_steps_end(&p->steps, err);
}
