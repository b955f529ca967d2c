/*
 * list_active_sessions, get_session, terminate_session. Looker has sessions under their user only;
 * without user_id the owner is looked for among all users, page by page.
 */
#include "handlers/sessions.h"

#include "handlers/ask.h"
#include "handlers/items.h"
#include "looker_tools.h"

/* Offers the sessions of one user to the list. Returns false when there is no more room. */
static bool put_sessions(struct lk_items *items, struct lk_arena *arena, struct lk_str sessions,
                         struct lk_str user_id, struct lk_str email)
{
    struct lk_json_iter it = lk_json_iter(sessions);
    struct lk_str session;

    while (lk_json_next(&it, NULL, &session)) {
        struct lk_json_writer w = lk_json_writer(&items->buf);
        if (!lk_items_next(items))
            return false;
        lk_sessions_write(&w, arena, user_id, email, session);
        if (!lk_items_end(items))
            return false;
    }
    return true;
}

static bool list_of_user(struct mcp_call *call, struct lk_items *items, struct lk_str user_id,
                         struct lk_error *err)
{
    struct looker_all_user_sessions_params params = {.user_id = lk_string(user_id)};
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_str sessions;

    if (!lk_ask(lk_tool_context(call)->api, arena, looker_all_user_sessions(&params), LK_JSON_ARRAY,
                &sessions, err))
        return lk_explain_status(err, 404,
                                 "there is no user with this id, or no access to it: search for it "
                                 "with list_users");
    put_sessions(items, arena, sessions, user_id, (struct lk_str){0});
    return true;
}

/* The sessions of the users of one page. A user whose sessions do not fit any more begins the next
 * page: their sessions are taken back. */
static bool list_of_page(struct mcp_call *call, struct lk_items *items, int64_t offset,
                         int64_t limit, int64_t *ret_users, int64_t *ret_next, struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_str users, user, sessions;
    int64_t n = 0;

    if (!lk_sessions_page(lk_tool_context(call), arena, offset, limit, &users, err))
        return false;
    struct lk_json_iter it = lk_json_iter(users);
    while (lk_json_next(&it, NULL, &user)) {
        struct lk_items before = *items;
        if (lk_json_get(user, LK_STR("sessions"), &sessions) &&
            !put_sessions(items, arena, sessions, lk_json_get_string(arena, user, LK_STR("id")),
                          lk_json_get_string(arena, user, LK_STR("email")))) {
            if (n > 0) {
                size_t len = before.buf.len;
                before.buf = items->buf;
                before.cut = true;
                *items = before;
                lk_buf_truncate(&items->buf, len);
            }
            break;
        }
        n++;
    }
    *ret_users = n;
    *ret_next = n < (int64_t)lk_json_count(users) || n >= limit ? offset + (n > 0 ? n : 1) : -1;
    return true;
}

bool lk_handler_list_active_sessions(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_list_active_sessions_args *args = args_;
    struct lk_items *items = lk_arena_new_object(mcp_call_arena(call), struct lk_items);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    int64_t users = 1, next = -1;

    lk_items_init(items, mcp_call_arena(call), lk_tool_max_result_bytes(lk_tool_context(call)), 0,
                  -1);
    if (args->user_id.is == LK_PRESENT) {
        if (!list_of_user(call, items, args->user_id.value, err))
            return false;
    } else if (!list_of_page(call, items, args->offset.value, args->limit.value, &users, &next,
                             err)) {
        return false;
    }
    if (!lk_items_check(items, err))
        return false;
    lk_json_begin_object(&w);
    lk_json_member_integer(&w, "users_looked_at", users);
    lk_items_write(items, &w, -1, next);
    lk_json_end_object(&w);
    return true;
}

/* The owner as the caller says, or as found. */
static bool owner_of(struct mcp_call *call, struct lk_string user_id, struct lk_str session_id,
                     struct lk_str *ret_user_id, struct lk_error *err)
{
    if (user_id.is == LK_PRESENT) {
        *ret_user_id = user_id.value;
        return true;
    }
    return lk_sessions_find_owner(lk_tool_context(call), mcp_call_arena(call), session_id,
                                  ret_user_id, err);
}

static bool explain_session(struct lk_error *err)
{
    return lk_explain_status(err, 404,
                             "this user has no such session, or no access to it: "
                             "list_active_sessions shows those that there are");
}

bool lk_handler_get_session(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_get_session_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_str user_id, session;

    /* 1. Whose it is: fatal. */
    if (!owner_of(call, args->user_id, args->session_id.value, &user_id, err))
        return false;

    /* 2. The session. */
    struct looker_user_session_params params = {.user_id = lk_string(user_id),
                                                .session_id = args->session_id};
    if (!lk_ask(lk_tool_context(call)->api, arena, looker_user_session(&params), LK_JSON_OBJECT,
                &session, err))
        return explain_session(err);
    lk_sessions_write(&w, arena, user_id, (struct lk_str){0}, session);
    return true;
}

bool lk_handler_terminate_session(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_terminate_session_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_api_answer answer;
    struct lk_str user_id;

    /* 1. Whose it is: fatal. */
    if (!owner_of(call, args->user_id, args->session_id.value, &user_id, err))
        return false;

    /* 2. The end of it. */
    struct looker_delete_user_session_params params = {.user_id = lk_string(user_id),
                                                       .session_id = args->session_id};
    if (!lk_api_call(lk_tool_context(call)->api, arena, looker_delete_user_session(&params),
                     &answer, err))
        return explain_session(err);
    lk_json_begin_object(&w);
    lk_json_member_boolean(&w, "ok", true);
    lk_json_member_string(&w, "session_id", args->session_id.value);
    lk_json_member_string(&w, "user_id", user_id);
    lk_json_end_object(&w);
    return true;
}
