/*
 * disable_stale_sessions: login sessions that were neither begun nor extended for long, of all
 * users, and on request their end. Sessions of the account that this server runs as stay: one of
 * them may be its own. A session whose age Looker does not say stays as well.
 */
#include "handlers/ask.h"
#include "handlers/ids.h"
#include "handlers/sessions.h"
#include "handlers/steps.h"
#include "looker_tools.h"

#include <time.h>

#define DAY_SECONDS 86400

struct stale {
    struct lk_str user_id, email, session_id, json;
    int64_t days;
};

struct search {
    struct lk_steps *steps;
    struct lk_arena *arena, *page; /* for what is kept; for the users of one page */
    struct lk_str own_id;
    int64_t now, max_age_days;
    struct stale *items; /* room for `limit` */
    size_t n, limit;
    int64_t users, sessions, more, own, unknown;
};

/* Whole days since the session was begun or extended last; below 0: unknown. */
static int64_t days_since_use(const struct search *search, struct lk_str session)
{
    static const char *const members[] = {"created_at", "extended_at"};
    int64_t latest = -1, at;

    for (size_t i = 0; i < 2; i++) {
        struct lk_str text = lk_json_get_string(search->page, session, lk_str(members[i]));
        if (lk_time_parse(text, &at) && at > latest)
            latest = at;
    }
    if (latest < 0)
        return -1;
    return latest < search->now ? (search->now - latest) / DAY_SECONDS : 0;
}

static void look_at_user(struct search *search, struct lk_str user)
{
    struct lk_str sessions = LK_STR("[]"), session;
    struct lk_str id = lk_id(search->page, user, "id");

    search->users++;
    lk_json_get(user, LK_STR("sessions"), &sessions);
    struct lk_json_iter it = lk_json_iter(sessions);
    while (lk_json_next(&it, NULL, &session)) {
        int64_t days = days_since_use(search, session);
        search->sessions++;
        search->unknown += days < 0;
        if (days < search->max_age_days)
            continue;
        if (lk_str_eq(id, search->own_id)) {
            search->own++;
        } else if (search->n == search->limit) {
            search->more++;
        } else {
            struct lk_str kept = lk_arena_str(search->arena, session);
            search->items[search->n++] =
                (struct stale){lk_arena_str(search->arena, id),
                               lk_arena_str(search->arena, lk_json_get_string(search->page, user,
                                                                              LK_STR("email"))),
                               lk_id(search->arena, kept, "id"), kept, days};
        }
    }
}

/* Awaits. One page of users; how many there were on it, or below 0 when it failed, which a step
 * says. */
static int64_t look_at_page(struct search *search, int64_t offset)
{
    const struct lk_tool_context *context = lk_tool_context(search->steps->call);
    struct lk_error failure = {0};
    struct lk_str users, user;

    if (!lk_sessions_page(context, search->page, offset, LK_SESSION_USERS_PAGE, &users, &failure)) {
        failure.body = lk_arena_str(search->arena, failure.body);
        lk_steps_failed(search->steps, "read_sessions", true, &failure);
        return -1;
    }
    struct lk_json_iter it = lk_json_iter(users);
    while (lk_json_next(&it, NULL, &user))
        look_at_user(search, user);
    return (int64_t)lk_json_count(users);
}

/* Awaits. All users, page by page. False: a page failed. */
static bool look_at_all(struct search *search)
{
    int64_t offset = 0, n;

    do {
        search->page = lk_arena_new();
        n = look_at_page(search, offset);
        lk_arena_free(search->page);
        if (n < 0)
            return false;
        offset += n;
        if (n > 0)
            mcp_call_progress(search->steps->call, (double)offset, 0, LK_STR("users read"));
    } while (n == LK_SESSION_USERS_PAGE);
    lk_steps_done(search->steps, "read_sessions",
                  "%lld sessions of %lld users; %lld unused for %lld days",
                  (long long)search->sessions, (long long)search->users,
                  (long long)(search->n + (size_t)(search->more + search->own)),
                  (long long)search->max_age_days);
    return true;
}

static void write_found(const struct search *search)
{
    struct lk_json_writer *w = &search->steps->w;

    lk_json_member_integer(w, "max_age_days", search->max_age_days);
    lk_json_member_integer(w, "users_looked_at", search->users);
    lk_json_member_integer(w, "sessions_looked_at", search->sessions);
    lk_json_member_integer(w, "own_left_alone", search->own);
    lk_json_member_integer(w, "age_unknown", search->unknown);
    lk_json_member_integer(w, "count", (int64_t)search->n);
    lk_json_key(w, "items");
    lk_json_begin_array(w);
    for (size_t i = 0; i < search->n; i++) {
        lk_json_begin_object(w);
        lk_json_member_integer(w, "days_unused", search->items[i].days);
        lk_json_key(w, "session");
        lk_sessions_write(w, search->arena, search->items[i].user_id, search->items[i].email,
                          search->items[i].json);
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
    if (search->more > 0)
        lk_steps_left(search->steps, "%lld more stale sessions: call again, or with a higher limit",
                      (long long)search->more);
}

/* Awaits. One step. False: the call was cancelled. */
static bool terminate(struct lk_steps *steps, const struct stale *stale)
{
    struct looker_delete_user_session_params params = {
        .user_id = lk_string(stale->user_id),
        .session_id = lk_string(stale->session_id),
    };
    struct lk_api_request request = looker_delete_user_session(&params);
    struct lk_error failure = {0};
    struct lk_api_answer answer;

    if (lk_api_call(lk_tool_context(steps->call)->api, mcp_call_arena(steps->call), request,
                    &answer, &failure)) {
        lk_steps_done(steps, "terminate_session", "%.*s of user %.*s",
                      LK_STR_ARG(stale->session_id), LK_STR_ARG(stale->user_id));
        lk_steps_changed(steps, "ended session %.*s of user %.*s", LK_STR_ARG(stale->session_id),
                         LK_STR_ARG(stale->user_id));
    } else if (lk_failed_with(&failure, 404)) {
        lk_steps_skipped(steps, "terminate_session", "%.*s of user %.*s is not there any more",
                         LK_STR_ARG(stale->session_id), LK_STR_ARG(stale->user_id));
    } else {
        bool doubt = lk_steps_call_failed(steps, "terminate_session", true, request.op, &failure);
        lk_steps_left(steps, "session %.*s of user %.*s %s: terminate_session",
                      LK_STR_ARG(stale->session_id), LK_STR_ARG(stale->user_id),
                      doubt ? "may still be there" : "is still there");
    }
    return failure.kind != LK_ERROR_CANCELLED;
}

bool lk_handler_disable_stale_sessions(struct mcp_call *call, const void *args_,
                                       struct lk_error *err)
{
    const struct looker_disable_stale_sessions_args *args = args_;
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_steps *steps = lk_arena_new_object(arena, struct lk_steps);
    struct search *search = lk_arena_new_object(arena, struct search);
    struct looker_me_params params = {.fields = lk_string(LK_STR("id"))};
    bool end = lk_str_eq(args->action.value, LK_STR("terminate")), cancelled = false;
    struct lk_str me;

    *search = (struct search){
        .steps = steps,
        .arena = arena,
        .now = time(NULL),
        .max_age_days = args->max_age_days.value,
        .items = lk_arena_array(arena, (size_t)args->limit.value, sizeof(struct stale)),
        .limit = (size_t)args->limit.value,
    };
    lk_steps_begin(steps, call);
    steps->preview = !end;

    /* 1. Who we are, 2. everybody's sessions: fatal, before anything is ended. */
    bool ok = lk_steps_ask(steps, "whoami", looker_me(&params), LK_JSON_OBJECT, &me);
    if (ok) {
        search->own_id = lk_id(arena, me, "id");
        lk_steps_done(steps, "whoami", "user %.*s, whose sessions stay",
                      LK_STR_ARG(search->own_id));
        ok = look_at_all(search);
    }
    write_found(search);

    /* 3. Each of the stale ones ended, on request; one that cannot be does not save the others. */
    for (size_t i = 0; i < search->n && !cancelled; i++) {
        if (!ok)
            lk_steps_not_done(steps, "terminate_session", "%.*s of user %.*s",
                              LK_STR_ARG(search->items[i].session_id),
                              LK_STR_ARG(search->items[i].user_id));
        else if (end)
            cancelled = !terminate(steps, &search->items[i]);
        else
            lk_steps_planned(steps, "terminate_session", "%.*s of user %.*s",
                             LK_STR_ARG(search->items[i].session_id),
                             LK_STR_ARG(search->items[i].user_id));
    }
    if (ok && !end && search->n > 0)
        lk_steps_left(steps, "action: \"terminate\" ends these %zu sessions", search->n);
    return lk_steps_end(steps, err);
}
