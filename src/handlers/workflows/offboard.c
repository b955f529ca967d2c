/*
 * offboard_user: shuts a user out and hands over what they own. Everything is read before anything
 * is changed, and access ends first: the account, then sessions and API keys, then the work goes to
 * its new owner, and only when all of that is done is the account deleted, if it is to be.
 */
#include "handlers/ask.h"
#include "handlers/ids.h"
#include "handlers/workflows/owned.h"
#include "handlers/workflows/people.h"
#include "looker_tools.h"

#define USER_FIELDS LK_PEOPLE_FIELDS ",personal_folder_id"

struct offboarding {
    struct lk_steps steps;
    struct lk_arena *arena;
    const struct looker_offboard_user_args *args;
    struct lk_str user, user_id, who;
    struct lk_str heir_id, heir; /* empty: nobody gets anything */
    struct lk_str folder_id;     /* for what is in the personal folder; empty: it stays */
    struct lk_owned owned;
    struct lk_string_list sessions, keys;
};

/* ---- reading ---- */

static bool find_people(struct offboarding *o)
{
    const struct looker_offboard_user_args *args = o->args;
    struct lk_str me, heir;

    if (!lk_people_find(&o->steps, "find_user", args->user_id.value, USER_FIELDS, &o->user) ||
        !lk_people_find_me(&o->steps, &me))
        return false;
    o->user_id = lk_id(o->arena, o->user, "id");
    o->who = lk_people_title(o->arena, o->user);
    if (lk_str_eq(o->user_id, me)) {
        lk_steps_refuse(&o->steps, "find_own_user",
                        "user_id: %.*s is the user whom this server runs as, which it cannot "
                        "off-board",
                        LK_STR_ARG(o->who));
        return false;
    }
    lk_steps_done(&o->steps, "find_own_user", "user %.*s, somebody else", LK_STR_ARG(me));
    if (args->transfer_to.is != LK_PRESENT)
        return true;
    if (!lk_people_find(&o->steps, "find_new_owner", args->transfer_to.value, USER_FIELDS, &heir))
        return false;
    o->heir_id = lk_id(o->arena, heir, "id");
    o->heir = lk_people_title(o->arena, heir);
    o->folder_id = args->transfer_folder_id.is == LK_PRESENT
                       ? args->transfer_folder_id.value
                       : lk_id(o->arena, heir, "personal_folder_id");
    if (!lk_str_eq(o->heir_id, o->user_id) && !lk_member_is_true(heir, "is_disabled"))
        return true;
    lk_steps_refuse(&o->steps, "find_new_owner", "transfer_to: %.*s %s", LK_STR_ARG(o->heir),
                    lk_str_eq(o->heir_id, o->user_id) ? "is the user who leaves"
                                                      : "cannot log in, so give it to another");
    return false;
}

/* A list of things to end; what is not asked for is not read. */
static void read_list(struct offboarding *o, bool wanted, const char *step,
                      struct lk_api_request request, struct lk_string_list *ret_ids)
{
    struct lk_str list;

    if (!wanted) {
        lk_steps_skipped(&o->steps, step, "not asked for");
        return;
    }
    if (!lk_steps_ask(&o->steps, step, request, LK_JSON_ARRAY, &list))
        return;
    *ret_ids = lk_ids(o->arena, list);
    lk_steps_done(&o->steps, step, "%zu", ret_ids->len);
}

static void read_access(struct offboarding *o)
{
    struct looker_all_user_sessions_params sessions = {
        .user_id = lk_string(o->user_id),
        .fields = lk_string(LK_STR("id")),
    };
    struct looker_all_user_credentials_api3s_params keys = {
        .user_id = lk_string(o->user_id),
        .fields = lk_string(LK_STR("id")),
    };

    read_list(o, o->args->terminate_sessions.value, "list_sessions",
              looker_all_user_sessions(&sessions), &o->sessions);
    read_list(o, o->args->revoke_api_credentials.value, "list_api_credentials",
              looker_all_user_credentials_api3s(&keys), &o->keys);
}

/* Deleting a user throws away what they own, so somebody must have decided about that. */
static bool may_go_on(struct offboarding *o)
{
    bool deletes = !o->args->deactivate_only.value;

    if (!deletes || o->args->discard_content.value)
        return true;
    if (o->heir_id.len > 0 && o->owned.personal > 0 && o->folder_id.len == 0) {
        lk_steps_refuse(&o->steps, "delete_user",
                        "%zu things are in the personal folder of %.*s, which goes to the trash "
                        "with the account, and %.*s has no personal folder to take them: name a "
                        "folder with transfer_folder_id, or discard_content=true; nothing was "
                        "changed",
                        o->owned.personal, LK_STR_ARG(o->who), LK_STR_ARG(o->heir));
        return false;
    }
    if (o->heir_id.len > 0)
        return true;
    if (o->owned.total == 0 && !o->owned.incomplete)
        return true;
    lk_steps_refuse(&o->steps, "delete_user",
                    "%.*s %s %.*s, which would go to the trash with the account (schedules for "
                    "good); say who gets it with transfer_to, or discard_content=true; nothing was "
                    "changed",
                    LK_STR_ARG(o->who), o->owned.incomplete ? "may own more than" : "owns",
                    LK_STR_ARG(lk_owned_text(o->arena, &o->owned)));
    return false;
}

/* ---- doing ---- */

static void disable(struct offboarding *o)
{
    struct looker_update_user_params params = {
        .user_id = lk_string(o->user_id),
        .fields = lk_string(LK_STR("id,is_disabled")),
    };
    struct looker_user body = {.is_disabled = lk_boolean(true)};
    struct lk_api_answer answer;

    if (lk_member_is_true(o->user, "is_disabled")) {
        lk_steps_skipped(&o->steps, "disable_user", "is disabled already");
        return;
    }
    if (!lk_steps_call(&o->steps, "disable_user", looker_update_user(&params, &body), &answer))
        return;
    lk_steps_done(&o->steps, "disable_user", "%.*s can no longer log in", LK_STR_ARG(o->who));
    lk_steps_changed(&o->steps, "disabled user %.*s", LK_STR_ARG(o->user_id));
}

static struct lk_api_request session_request(struct offboarding *o, struct lk_str id, void *room)
{
    struct looker_delete_user_session_params *params = room;

    *params = (struct looker_delete_user_session_params){
        .user_id = lk_string(o->user_id),
        .session_id = lk_string(id),
    };
    return looker_delete_user_session(params);
}

static struct lk_api_request key_request(struct offboarding *o, struct lk_str id, void *room)
{
    struct looker_delete_user_credentials_api3_params *params = room;

    *params = (struct looker_delete_user_credentials_api3_params){
        .user_id = lk_string(o->user_id),
        .credentials_api3_id = lk_string(id),
    };
    return looker_delete_user_credentials_api3(params);
}

/* Ends each of them; one that is gone already is as good. */
static void end_all(struct offboarding *o, const char *step, const char *what,
                    const struct lk_string_list *ids,
                    struct lk_api_request (*make)(struct offboarding *, struct lk_str, void *))
{
    struct lk_api *api = lk_tool_context(o->steps.call)->api;
    struct lk_string_list left = {0};
    const struct lk_operation *op = NULL; /* of the first that failed */
    struct lk_error first = {0};
    struct lk_api_answer answer;
    union {
        struct looker_delete_user_session_params session;
        struct looker_delete_user_credentials_api3_params key;
    } room;

    if (ids->len == 0) {
        lk_steps_skipped(&o->steps, step, "there are none");
        return;
    }
    for (size_t i = 0; i < ids->len; i++) {
        struct lk_api_request request = make(o, ids->items[i], &room);
        struct lk_error failure = {0};
        if (lk_api_call(api, o->arena, request, &answer, &failure) || lk_failed_with(&failure, 404))
            continue;
        left = lk_ids_with(o->arena, &left, ids->items[i]);
        if (op == NULL) {
            op = request.op;
            first = failure;
        }
    }
    if (ids->len > left.len)
        lk_steps_changed(&o->steps, "ended %zu %s of user %.*s", ids->len - left.len, what,
                         LK_STR_ARG(o->user_id));
    if (left.len == 0) {
        lk_steps_done(&o->steps, step, "%zu", ids->len);
        return;
    }
    lk_steps_call_failed(&o->steps, step, true, op, &first);
    lk_steps_left(&o->steps, "%zu of %zu %s could not be ended (%.*s): call again", left.len,
                  ids->len, what, LK_STR_ARG(lk_ids_text(o->arena, &left)));
}

static void hand_over(struct offboarding *o)
{
    if (o->owned.total == 0)
        return;
    if (o->heir_id.len > 0) {
        lk_owned_hand_over(&o->steps, &o->owned, o->heir_id, o->folder_id);
        if (o->owned.personal > 0 && o->folder_id.len == 0)
            lk_steps_left(&o->steps,
                          "what is in the personal folder of %.*s is still there: %.*s has no "
                          "personal folder to take it; name one with transfer_folder_id",
                          LK_STR_ARG(o->who), LK_STR_ARG(o->heir));
        return;
    }
    if (o->args->deactivate_only.value)
        lk_steps_left(&o->steps,
                      "%.*s still owns %.*s, and schedules of a disabled user do not run: call "
                      "again with transfer_to to hand it over",
                      LK_STR_ARG(o->who), LK_STR_ARG(lk_owned_text(o->arena, &o->owned)));
}

static void delete_account(struct offboarding *o)
{
    struct looker_delete_user_params params = {.user_id = lk_string(o->user_id)};
    struct lk_api_answer answer;

    if (o->args->deactivate_only.value)
        return;
    if (lk_steps_have_failed(&o->steps)) {
        lk_steps_not_done(&o->steps, "delete_user", "something before it failed");
        lk_steps_left(&o->steps, "user %.*s is not deleted: call again once the cause is mended",
                      LK_STR_ARG(o->user_id));
        return;
    }
    if (!lk_steps_call(&o->steps, "delete_user", looker_delete_user(&params), &answer))
        return;
    lk_steps_done(&o->steps, "delete_user", "%.*s", LK_STR_ARG(o->who));
    lk_steps_changed(&o->steps, "deleted user %.*s", LK_STR_ARG(o->user_id));
}

/* ---- the preview ---- */

static void plan(struct offboarding *o)
{
    if (lk_member_is_true(o->user, "is_disabled"))
        lk_steps_skipped(&o->steps, "disable_user", "is disabled already");
    else
        lk_steps_planned(&o->steps, "disable_user", "%.*s", LK_STR_ARG(o->who));
    if (o->sessions.len > 0)
        lk_steps_planned(&o->steps, "delete_sessions", "%zu", o->sessions.len);
    if (o->keys.len > 0)
        lk_steps_planned(&o->steps, "delete_api_credentials", "%zu", o->keys.len);
    if (o->heir_id.len > 0 && o->owned.total > 0)
        lk_steps_planned(&o->steps, "transfer", "%.*s to %.*s",
                         LK_STR_ARG(lk_owned_text(o->arena, &o->owned)), LK_STR_ARG(o->heir));
    else
        hand_over(o); /* says what would be left */
    if (!o->args->deactivate_only.value)
        lk_steps_planned(&o->steps, "delete_user", "%.*s", LK_STR_ARG(o->who));
}

static void carry_out(struct offboarding *o)
{
    disable(o);
    end_all(o, "delete_sessions", "sessions", &o->sessions, session_request);
    end_all(o, "delete_api_credentials", "API credentials", &o->keys, key_request);
    hand_over(o);
    delete_account(o);
}

bool lk_handler_offboard_user(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_offboard_user_args *args = args_;
    struct offboarding *o = lk_arena_new_object(mcp_call_arena(call), struct offboarding);

    o->arena = mcp_call_arena(call);
    o->args = args;
    if (args->transfer_folder_id.is == LK_PRESENT && args->transfer_to.is != LK_PRESENT)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "transfer_folder_id says where the new owner gets things: give transfer_to "
                       "as well");
    lk_steps_begin(&o->steps, call);
    o->steps.preview = args->dry_run.value;

    /* 1. Who leaves, and who takes over: fatal. */
    if (find_people(o)) {
        /* 2. What they own: recorded, but fatal for handing over and deleting, which need all. */
        bool needed =
            o->heir_id.len > 0 || (!args->deactivate_only.value && !args->discard_content.value);
        lk_owned_read(&o->steps, o->user, needed, &o->owned);
        /* 3. Where they are logged in: recorded; the rest is done all the same. */
        read_access(o);
        /* 4. All of it, access first. */
        if (may_go_on(o)) {
            if (o->steps.preview)
                plan(o);
            else
                carry_out(o);
        }
        lk_json_member_string(&o->steps.w, "user_id", o->user_id);
        lk_json_key(&o->steps.w, "owned");
        lk_owned_write(&o->steps.w, &o->owned);
    }
    return lk_steps_end(&o->steps, err);
}
