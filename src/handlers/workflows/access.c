/*
 * grant_access and revoke_access: one user or group more or less in a role. Looker only takes the
 * whole list of a role's members, so it is read, changed by one, written, and read again: nobody
 * else may come or go.
 *
 * Only direct members are read. The others have the role through a group, and writing them back
 * would give it to each of them directly, where it stays when they leave the group.
 */
#include "handlers/ask.h"
#include "handlers/ids.h"
#include "handlers/workflows/people.h"
#include "looker_tools.h"

struct access {
    struct lk_steps steps;
    struct lk_arena *arena;
    const char *write_step;
    struct lk_str role_id, role; /* its id, and "role 3 (Viewer)" */
    struct lk_str id, who;       /* the principal's id, and "user 2 (Ada Lovelace, …)" */
    bool user;                   /* rather than a group */
    bool grant;                  /* rather than revoke */
    bool dry_run;
    struct lk_string_list before, after;
};

static struct lk_str title(struct lk_arena *arena, const char *kind, struct lk_str object)
{
    return lk_arena_printf(arena, "%s %.*s (%.*s)", kind, LK_STR_ARG(lk_id(arena, object, "id")),
                           LK_STR_ARG(lk_json_get_string(arena, object, LK_STR("name"))));
}

/* One GET that finds a thing by id; a 404 is explained by the tool that shows the ids. */
static bool find(struct access *a, const char *step, struct lk_api_request request,
                 const char *kind, const char *tool, struct lk_str *ret_id, struct lk_str *ret_text)
{
    struct lk_error failure = {0};
    struct lk_str object;

    if (!lk_ask(lk_tool_context(a->steps.call)->api, a->arena, request, LK_JSON_OBJECT, &object,
                &failure)) {
        lk_explain_status(&failure, 404,
                          "there is no such %s, or no access to it: %s shows the ids", kind, tool);
        lk_steps_failed(&a->steps, step, true, &failure);
        return false;
    }
    *ret_id = lk_id(a->arena, object, "id");
    *ret_text = title(a->arena, kind, object);
    lk_steps_done(&a->steps, step, "%.*s", LK_STR_ARG(*ret_text));
    return true;
}

static bool find_principal(struct access *a, struct lk_str id)
{
    struct looker_group_params group = {
        .group_id = lk_string(id),
        .fields = lk_string(LK_STR("id,name")),
    };
    struct lk_str user;

    if (!a->user)
        return find(a, "find_group", looker_group(&group), "group", "list_groups", &a->id, &a->who);
    if (!lk_people_find(&a->steps, "find_user", id, LK_PEOPLE_FIELDS, &user))
        return false;
    a->id = lk_id(a->arena, user, "id");
    a->who = lk_people_title(a->arena, user);
    return true;
}

static struct lk_api_request members_request(struct access *a, bool direct,
                                             struct looker_role_users_params *users,
                                             struct looker_role_groups_params *groups)
{
    *users = (struct looker_role_users_params){
        .role_id = lk_string(a->role_id),
        .fields = lk_string(LK_STR("id")),
        .direct_association_only = lk_boolean(direct),
    };
    *groups = (struct looker_role_groups_params){
        .role_id = lk_string(a->role_id),
        .fields = lk_string(LK_STR("id")),
    };
    return a->user ? looker_role_users(users) : looker_role_groups(groups);
}

static bool read_members(struct access *a, const char *step, struct lk_string_list *ret_ids)
{
    struct looker_role_users_params users;
    struct looker_role_groups_params groups;
    struct lk_str list;

    if (!lk_steps_ask(&a->steps, step, members_request(a, true, &users, &groups), LK_JSON_ARRAY,
                      &list))
        return false;
    *ret_ids = lk_ids(a->arena, list);
    lk_steps_done(&a->steps, step, "%zu %s %.*s directly", ret_ids->len,
                  a->user ? (ret_ids->len == 1 ? "user has" : "users have")
                          : (ret_ids->len == 1 ? "group has" : "groups have"),
                  LK_STR_ARG(a->role));
    return true;
}

static bool write_members(struct access *a, const struct lk_string_list *ids)
{
    struct looker_set_role_users_params users = {.role_id = lk_string(a->role_id)};
    struct looker_set_role_groups_params groups = {.role_id = lk_string(a->role_id)};
    struct lk_api_answer answer;

    if (!lk_steps_call(&a->steps, a->write_step,
                       a->user ? looker_set_role_users(&users, ids)
                               : looker_set_role_groups(&groups, ids),
                       &answer))
        return false;
    lk_steps_done(&a->steps, a->write_step, "wrote %zu member%s: %s %.*s", ids->len,
                  ids->len == 1 ? "" : "s", a->grant ? "all of before and" : "all of before but",
                  LK_STR_ARG(a->who));
    lk_steps_changed(&a->steps, "%.*s %s %.*s", LK_STR_ARG(a->who),
                     a->grant ? "was given" : "no longer has", LK_STR_ARG(a->role));
    return true;
}

/* Whoever was given the role by others at the same time stays, and is named. */
static void tell_verified(struct access *a, const struct lk_string_list *wanted)
{
    struct lk_string_list others = lk_ids_missing(a->arena, &a->after, wanted);

    if (others.len == 0)
        lk_steps_done(&a->steps, "verify", "nobody else was added or lost");
    else
        lk_steps_done(&a->steps, "verify", "nobody was lost; meanwhile somebody else added %s %.*s",
                      a->user ? "users" : "groups", LK_STR_ARG(lk_ids_text(a->arena, &others)));
}

/* Nobody may have been lost on the way, and what was asked for must be there. */
static void verify(struct access *a, const struct lk_string_list *wanted)
{
    struct lk_error failure = {0};

    if (!read_members(a, "read_members_again", &a->after)) {
        lk_steps_left(&a->steps,
                      "see with %s that nobody lost %.*s: it was changed, and could not "
                      "be read again",
                      a->user ? "get_role_users" : "get_role_groups", LK_STR_ARG(a->role));
        return;
    }
    struct lk_string_list lost = lk_ids_missing(a->arena, wanted, &a->after);
    if (lost.len > 0)
        lk_fail(&failure, LK_ERROR_UPSTREAM,
                "after the change %.*s lacks %s that it should have: %.*s; give it back to each of "
                "them with grant_access",
                LK_STR_ARG(a->role), a->user ? "users" : "groups",
                LK_STR_ARG(lk_ids_text(a->arena, &lost)));
    else if (!a->grant && lk_ids_have(&a->after, a->id))
        lk_fail(&failure, LK_ERROR_UPSTREAM,
                "Looker took the change, but %.*s still has %.*s directly", LK_STR_ARG(a->who),
                LK_STR_ARG(a->role));
    if (failure.kind != LK_ERROR_NONE)
        lk_steps_failed(&a->steps, "verify", true, &failure);
    else
        tell_verified(a, wanted);
}

/* A user may also have a role through groups, which revoking does not change. */
static void look_for_groups(struct access *a)
{
    struct looker_role_users_params users;
    struct looker_role_groups_params groups;
    struct lk_api_answer answer;

    if (!lk_steps_try(&a->steps, "read_members_through_groups",
                      members_request(a, false, &users, &groups), &answer))
        return;
    struct lk_string_list all = lk_ids(a->arena, answer.body);
    bool has = lk_ids_have(&all, a->id) && (!a->dry_run || !lk_ids_have(&a->before, a->id));
    lk_steps_done(&a->steps, "read_members_through_groups", "%.*s",
                  LK_STR_ARG(has ? LK_STR("has the role through a group") : LK_STR("")));
    if (has)
        lk_steps_left(&a->steps,
                      "%.*s still has %.*s through a group: take them out of the group "
                      "(remove_group_user), or the role from the group (revoke_access)",
                      LK_STR_ARG(a->who), LK_STR_ARG(a->role));
}

static void change(struct access *a)
{
    if (lk_ids_have(&a->before, a->id) == a->grant) {
        lk_steps_skipped(
            &a->steps, a->write_step, "%.*s %s %.*s", LK_STR_ARG(a->who),
            a->grant ? "has it already:" : "does not have it directly:", LK_STR_ARG(a->role));
        return;
    }
    struct lk_string_list wanted = a->grant ? lk_ids_with(a->arena, &a->before, a->id)
                                            : lk_ids_without(a->arena, &a->before, a->id);
    if (a->dry_run)
        lk_steps_planned(&a->steps, a->write_step, "%s %.*s %s the %zu member%s of %.*s",
                         a->grant ? "add" : "remove", LK_STR_ARG(a->who), a->grant ? "to" : "from",
                         a->before.len, a->before.len == 1 ? "" : "s", LK_STR_ARG(a->role));
    else if (write_members(a, &wanted))
        verify(a, &wanted);
}

static bool run(struct access *a, struct lk_str principal_id, struct lk_str role_id,
                struct mcp_call *call, struct lk_error *err)
{
    struct looker_role_params role = {.role_id = lk_string(role_id)};

    a->arena = mcp_call_arena(call);
    a->write_step = a->user ? "set_role_users" : "set_role_groups";
    lk_steps_begin(&a->steps, call);
    a->steps.preview = a->dry_run;

    /* 1. The role and who is meant: fatal, nothing is changed for a name that does not exist. */
    /* 2. Who has the role now: fatal. */
    /* 3. Write the list with one more or less, and see that it is so. */
    if (find(a, "find_role", looker_role(&role), "role", "list_roles", &a->role_id, &a->role) &&
        find_principal(a, principal_id) && read_members(a, "read_members", &a->before))
        change(a);
    /* 4. What revoking cannot take away: recorded. */
    if (!lk_steps_have_failed(&a->steps) && a->user && !a->grant)
        look_for_groups(a);
    if (a->role.len > 0)
        lk_json_member_string(&a->steps.w, "role", a->role);
    if (a->who.len > 0)
        lk_json_member_string(&a->steps.w, "principal", a->who);
    return lk_steps_end(&a->steps, err);
}

bool lk_handler_grant_access(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_grant_access_args *args = args_;
    struct access access = {
        .grant = true,
        .user = lk_str_eq(args->principal_type.value, LK_STR("user")),
        .dry_run = args->dry_run.value,
    };

    return run(&access, args->principal_id.value, args->role_id.value, call, err);
}

bool lk_handler_revoke_access(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_revoke_access_args *args = args_;
    struct access access = {
        .user = lk_str_eq(args->principal_type.value, LK_STR("user")),
        .dry_run = args->dry_run.value,
    };

    return run(&access, args->principal_id.value, args->role_id.value, call, err);
}
