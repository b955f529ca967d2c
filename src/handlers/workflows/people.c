/*
 * Finding people, as steps (people.h).
 */
#include "handlers/workflows/people.h"

#include "handlers/ask.h"
#include "handlers/ids.h"
#include "handlers/users.h"
#include "looker_ops.h"

/* Beside the e-mail login, which shows as the address. */
#define OTHER_LOGINS                                                                               \
    "credentials_api3,credentials_embed,credentials_google,credentials_ldap,"                      \
    "credentials_looker_openid,credentials_oidc,credentials_saml,credentials_workforce,"           \
    "is_service_account"

bool lk_member_is_true(struct lk_str object, const char *member)
{
    struct lk_str value;

    return lk_json_get(object, lk_str(member), &value) && lk_json_is_true(value);
}

struct lk_str lk_people_title(struct lk_arena *arena, struct lk_str user)
{
    struct lk_str id = lk_id(arena, user, "id");
    struct lk_str name = lk_json_get_string(arena, user, LK_STR("display_name"));
    struct lk_str email = lk_json_get_string(arena, user, LK_STR("email"));
    const char *disabled = lk_member_is_true(user, "is_disabled") ? ", disabled" : "";

    if (name.len == 0 && email.len == 0)
        return lk_arena_printf(arena, "user %.*s", LK_STR_ARG(id));
    return lk_arena_printf(arena, "user %.*s (%.*s%s%.*s%s)", LK_STR_ARG(id), LK_STR_ARG(name),
                           name.len > 0 && email.len > 0 ? ", " : "", LK_STR_ARG(email), disabled);
}

bool lk_people_find(struct lk_steps *steps, const char *step, struct lk_str id_or_email,
                    const char *fields, struct lk_str *ret_user)
{
    struct lk_arena *arena = mcp_call_arena(steps->call);
    struct lk_error failure = {0};
    struct lk_str user;

    if (!lk_user_find(lk_tool_context(steps->call)->api, arena, id_or_email, fields, &user,
                      &failure)) {
        lk_steps_failed(steps, step, true, &failure);
        return false;
    }
    lk_steps_done(steps, step, "%.*s", LK_STR_ARG(lk_people_title(arena, user)));
    *ret_user = user;
    return true;
}

bool lk_people_find_me(struct lk_steps *steps, struct lk_str *ret_id)
{
    struct looker_me_params params = {.fields = lk_string(LK_STR("id"))};
    struct lk_str me;

    if (!lk_steps_ask(steps, "find_own_user", looker_me(&params), LK_JSON_OBJECT, &me))
        return false;
    *ret_id = lk_id(mcp_call_arena(steps->call), me, "id");
    return true;
}

/* Whether somebody, or a program, could log in as this user. */
static bool has_login(struct lk_arena *arena, struct lk_str user)
{
    struct lk_str rest = LK_STR(OTHER_LOGINS), value;

    while (rest.len > 0) {
        if (lk_json_get(user, lk_str_take(&rest, ','), &value) &&
            (lk_json_is_true(value) || lk_json_count(value) > 0))
            return true;
    }
    return lk_json_get_string(arena, user, LK_STR("email")).len > 0;
}

bool lk_people_find_left_over(struct lk_api *api, struct lk_arena *arena, struct lk_str first_name,
                              struct lk_str last_name, const char *fields, struct lk_str *ret_user,
                              struct lk_error *err)
{
    struct looker_search_users_params params = {
        .first_name = lk_string(first_name),
        .last_name = lk_string(last_name),
        .fields = lk_string(lk_arena_printf(arena, "id,email,%s,%s", fields, OTHER_LOGINS)),
        .limit = lk_integer(100),
    };
    struct lk_str list, user, found = {0};

    if (!lk_ask(api, arena, looker_search_users(&params), LK_JSON_ARRAY, &list, err))
        return false;
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &user)) {
        struct lk_str first = lk_json_get_string(arena, user, LK_STR("first_name"));
        struct lk_str last = lk_json_get_string(arena, user, LK_STR("last_name"));
        if (!lk_str_eq(first, first_name) || !lk_str_eq(last, last_name) ||
            has_login(arena, user) || lk_member_is_true(user, "is_disabled"))
            continue;
        if (found.len > 0)
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "the users %.*s and %.*s have this name and no login, probably left by "
                           "earlier calls: delete what is not wanted, then call again",
                           LK_STR_ARG(lk_id(arena, found, "id")),
                           LK_STR_ARG(lk_id(arena, user, "id")));
        found = user;
    }
    *ret_user = found;
    return true;
}
