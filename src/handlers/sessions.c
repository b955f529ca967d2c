/*
 * Sessions of users (sessions.h). Called by the sessions tools of the group audit and by the
 * workflow that ends old ones.
 */
#include "handlers/sessions.h"

#include "handlers/ask.h"
#include "looker_ops.h"

#include <stdio.h>
#include <time.h>

/* Of users: more than any instance has, so that one that ignores `offset` is not read for ever. */
#define MAX_USERS ((int64_t)200 * 1000)

bool lk_sessions_page(const struct lk_tool_context *context, struct lk_arena *arena, int64_t offset,
                      int64_t limit, struct lk_str *ret_users, struct lk_error *err)
{
    struct looker_search_users_params params = {
        .fields = lk_string(LK_STR("id,email,sessions")),
        .sorts = lk_string(LK_STR("id")),
        .limit = lk_integer(limit),
        .offset = lk_integer(offset),
    };

    return lk_ask(context->api, arena, looker_search_users(&params), LK_JSON_ARRAY, ret_users, err);
}

/* The id of the user of the page who has the session, or empty. */
static struct lk_str owner_in(struct lk_arena *arena, struct lk_str users, struct lk_str session_id)
{
    struct lk_json_iter it = lk_json_iter(users);
    struct lk_str user, sessions, session;

    while (lk_json_next(&it, NULL, &user)) {
        if (!lk_json_get(user, LK_STR("sessions"), &sessions))
            continue;
        struct lk_json_iter each = lk_json_iter(sessions);
        while (lk_json_next(&each, NULL, &session)) {
            if (lk_str_eq(lk_json_get_string(arena, session, LK_STR("id")), session_id))
                return lk_json_get_string(arena, user, LK_STR("id"));
        }
    }
    return (struct lk_str){0};
}

bool lk_sessions_find_owner(const struct lk_tool_context *context, struct lk_arena *arena,
                            struct lk_str session_id, struct lk_str *ret_user_id,
                            struct lk_error *err)
{
    int64_t seen = 0, n = LK_SESSION_USERS_PAGE;
    struct lk_str users, owner = {0};

    while (n == LK_SESSION_USERS_PAGE && seen < MAX_USERS) {
        struct lk_arena *scratch = lk_arena_new();
        if (!lk_sessions_page(context, scratch, seen, LK_SESSION_USERS_PAGE, &users, err)) {
            if (err != NULL)
                err->body = lk_arena_str(arena, err->body);
            lk_arena_free(scratch);
            return false;
        }
        n = (int64_t)lk_json_count(users);
        seen += n;
        owner = lk_arena_str(arena, owner_in(scratch, users, session_id));
        lk_arena_free(scratch);
        if (owner.len > 0) {
            *ret_user_id = owner;
            return true;
        }
    }
    return lk_fail(
        err, LK_ERROR_ARGUMENT,
        "session_id: none of the %lld users that are shown to this account has a session "
        "\"%.*s\"; it may have ended: list_active_sessions shows those that there are",
        (long long)seen, LK_STR_ARG(session_id));
}

void lk_sessions_write(struct lk_json_writer *w, struct lk_arena *arena, struct lk_str user_id,
                       struct lk_str email, struct lk_str session)
{
    static const char *const members[] = {
        "created_at", "extended_at",      "expires_at", "credentials_type", "ip_address",
        "browser",    "operating_system", "city",       "country",          "sudo_user_id",
    };
    struct lk_str value;

    lk_json_begin_object(w);
    lk_json_member_string(w, "id", lk_json_get_string(arena, session, LK_STR("id")));
    lk_json_member_string(w, "user_id", user_id);
    if (email.len > 0)
        lk_json_member_string(w, "email", email);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (lk_json_get(session, lk_str(members[i]), &value) && lk_json_type(value) != LK_JSON_NULL)
            lk_json_member_raw(w, members[i], value);
    }
    lk_json_end_object(w);
}

/* ---- times ---- */

/* "+02:00", "-0530", "Z" or nothing, as seconds east of UTC. */
static bool parse_offset(const char *text, int *ret_seconds)
{
    int hours, minutes = 0;

    *ret_seconds = 0;
    if (*text == '\0' || strcmp(text, "Z") == 0 || strcmp(text, " UTC") == 0)
        return true;
    if ((*text != '+' && *text != '-') || (sscanf(text + 1, "%2d:%2d", &hours, &minutes) != 2 &&
                                           sscanf(text + 1, "%2d%2d", &hours, &minutes) < 1))
        return false;
    *ret_seconds = (*text == '-' ? -60 : 60) * (hours * 60 + minutes);
    return true;
}

bool lk_time_parse(struct lk_str text, int64_t *ret_seconds)
{
    struct tm tm = {0};
    char buf[64];
    char between;
    int n = 0, offset;

    if (lk_json_integer(text, ret_seconds))
        return true;
    if (text.len >= sizeof(buf) || text.len == 0)
        return false;
    memcpy(buf, text.ptr, text.len);
    buf[text.len] = '\0';
    if (sscanf(buf, "%4d-%2d-%2d%c%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &between,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &n) != 7 ||
        (between != 'T' && between != ' '))
        return false;
    const char *rest = buf + n;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (!parse_offset(rest, &offset))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ret_seconds = (int64_t)timegm(&tm) - offset;
    return true;
}
