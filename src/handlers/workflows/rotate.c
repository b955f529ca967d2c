/*
 * rotate_api_credentials: a new API key for a user, then the end of the previous one. In that
 * order, so that there is no moment without a key; and never the end of the key that this server
 * logs in with.
 */
#include "handlers/ids.h"
#include "handlers/workflows/people.h"
#include "looker_tools.h"

struct rotation {
    struct lk_steps steps;
    struct lk_arena *arena;
    struct lk_str user_id, previous_id; /* previous_id empty: nothing is to be deleted */
    struct lk_str keys;                 /* those that the user had, as JSON */
};

static struct lk_str find_key(struct rotation *r, struct lk_str id)
{
    struct lk_json_iter it = lk_json_iter(r->keys);
    struct lk_str key;

    while (lk_json_next(&it, NULL, &key)) {
        if (lk_str_eq(lk_id(r->arena, key, "id"), id))
            return key;
    }
    return (struct lk_str){0};
}

static bool read_keys(struct rotation *r)
{
    static const char step[] = "read_credentials";
    struct looker_all_user_credentials_api3s_params params = {
        .user_id = lk_string(r->user_id),
        .fields = lk_string(LK_STR("id,client_id,created_at,is_disabled")),
    };

    if (!lk_steps_ask(&r->steps, step, looker_all_user_credentials_api3s(&params), LK_JSON_ARRAY,
                      &r->keys))
        return false;
    struct lk_string_list ids = lk_ids(r->arena, r->keys);
    if (r->previous_id.len > 0 && !lk_ids_have(&ids, r->previous_id)) {
        lk_steps_refuse(&r->steps, step,
                        "delete_previous_id: user %.*s has no API credentials with the id %.*s "
                        "(there are: %.*s); nothing was created",
                        LK_STR_ARG(r->user_id), LK_STR_ARG(r->previous_id),
                        LK_STR_ARG(ids.len > 0 ? lk_ids_text(r->arena, &ids) : LK_STR("none")));
        return false;
    }
    lk_steps_done(&r->steps, step, "%zu: %.*s", ids.len,
                  LK_STR_ARG(ids.len > 0 ? lk_ids_text(r->arena, &ids) : LK_STR("none")));
    return true;
}

/* The server would lock itself out. */
static bool check_not_ours(struct rotation *r)
{
    struct lk_str ours = lk_tool_context(r->steps.call)->client_id;
    struct lk_str key = find_key(r, r->previous_id);

    if (ours.len == 0 || !lk_str_eq(lk_json_get_string(r->arena, key, LK_STR("client_id")), ours))
        return true;
    lk_steps_refuse(&r->steps, "check_own_credentials",
                    "delete_previous_id: this server itself logs in with the API credentials "
                    "%.*s; create new ones without delete_previous_id, give them to the server "
                    "(LOOKER_CLIENT_ID, LOOKER_CLIENT_SECRET), restart it, and delete these after "
                    "that",
                    LK_STR_ARG(r->previous_id));
    return false;
}

static bool create_key(struct rotation *r)
{
    static const char step[] = "create_user_credentials_api3";
    static const char *const shown[] = {"id", "client_id", "client_secret"};
    struct looker_create_user_credentials_api3_params params = {.user_id = lk_string(r->user_id)};
    struct lk_str created;

    if (!lk_steps_ask(&r->steps, step, looker_create_user_credentials_api3(&params), LK_JSON_OBJECT,
                      &created)) {
        if (r->steps.in_doubt)
            lk_steps_left(&r->steps,
                          "see with list_credentials_api3 whether user %.*s has credentials more "
                          "than before: nobody knows their secret, so delete them",
                          LK_STR_ARG(r->user_id));
        return false;
    }
    struct lk_str id = lk_id(r->arena, created, "id");
    lk_json_key(&r->steps.w, "credentials");
    lk_json_begin_object(&r->steps.w);
    for (size_t i = 0; i < 3; i++) {
        struct lk_str value = lk_id(r->arena, created, shown[i]);
        if (value.len > 0)
            lk_json_member_string(&r->steps.w, shown[i], value);
    }
    lk_json_end_object(&r->steps.w);
    lk_steps_done(&r->steps, step, "credentials %.*s", LK_STR_ARG(id));
    lk_steps_changed(&r->steps, "created API credentials %.*s of user %.*s", LK_STR_ARG(id),
                     LK_STR_ARG(r->user_id));
    if (lk_json_get_string(r->arena, created, LK_STR("client_secret")).len == 0) {
        lk_steps_refuse(&r->steps, "check_secret",
                        "Looker's answer has no client_secret, so nobody can use the new "
                        "credentials %.*s; the previous ones were kept: delete the new ones with "
                        "delete_credentials_api3, and create others in Looker's Admin, Users",
                        LK_STR_ARG(id));
        return false;
    }
    lk_steps_left(&r->steps, "store the client_secret now: Looker does not show it again");
    return true;
}

static void delete_key(struct rotation *r)
{
    static const char step[] = "delete_user_credentials_api3";
    struct looker_delete_user_credentials_api3_params params = {
        .user_id = lk_string(r->user_id),
        .credentials_api3_id = lk_string(r->previous_id),
    };
    struct lk_api_answer answer;

    if (!lk_steps_call(&r->steps, step, looker_delete_user_credentials_api3(&params), &answer)) {
        lk_steps_left(&r->steps,
                      "the new credentials exist and the previous ones (%.*s) still work: delete "
                      "them with delete_credentials_api3; calling this tool again would create "
                      "more",
                      LK_STR_ARG(r->previous_id));
        return;
    }
    lk_steps_done(&r->steps, step, "credentials %.*s", LK_STR_ARG(r->previous_id));
    lk_steps_changed(&r->steps, "deleted API credentials %.*s of user %.*s",
                     LK_STR_ARG(r->previous_id), LK_STR_ARG(r->user_id));
}

static void plan(struct rotation *r)
{
    lk_steps_planned(&r->steps, "create_user_credentials_api3", "new credentials for user %.*s",
                     LK_STR_ARG(r->user_id));
    if (r->previous_id.len > 0)
        lk_steps_planned(&r->steps, "delete_user_credentials_api3", "credentials %.*s",
                         LK_STR_ARG(r->previous_id));
}

bool lk_handler_rotate_api_credentials(struct mcp_call *call, const void *args_,
                                       struct lk_error *err)
{
    const struct looker_rotate_api_credentials_args *args = args_;
    struct rotation *r = lk_arena_new_object(mcp_call_arena(call), struct rotation);
    struct lk_str user;

    r->arena = mcp_call_arena(call);
    r->previous_id = args->delete_previous_id.value;
    lk_steps_begin(&r->steps, call);
    r->steps.preview = args->dry_run.value;

    /* 1. Whose, which ones there are, and may the previous one go: fatal. */
    bool ready =
        lk_people_find(&r->steps, "find_user", args->user_id.value, LK_PEOPLE_FIELDS, &user);
    if (ready) {
        r->user_id = lk_id(r->arena, user, "id");
        ready = read_keys(r) && check_not_ours(r);
    }
    if (ready && lk_member_is_true(user, "is_disabled"))
        lk_steps_left(&r->steps, "the user is disabled: no credentials of theirs work");
    /* 2. The new ones, then the end of the previous ones: fatal. */
    if (ready && r->steps.preview)
        plan(r);
    else if (ready && create_key(r) && r->previous_id.len > 0)
        delete_key(r);
    return lk_steps_end(&r->steps, err);
}
