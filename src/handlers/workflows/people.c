/*
 * Finding people, as steps (people.h).
 */
#include "handlers/workflows/people.h"

#include "base/buf.h"
#include "handlers/ids.h"
#include "handlers/users.h"
#include "looker_ops.h"

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
