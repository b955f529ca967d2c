/*
 * The browser and API sessions of Looker's users. Looker lists them user by user only, so "all
 * sessions" means reading the users in pages.
 */
#ifndef LK_HANDLERS_SESSIONS_H
#define LK_HANDLERS_SESSIONS_H

#include "handlers/context.h"
#include "json/write.h"

#define LK_SESSION_USERS_PAGE 500

/* Awaits. Users with their sessions, by id: [{"id","email","sessions":[…]}, …]. Fewer than `limit`
 * means that these were the last. */
bool lk_sessions_page(const struct lk_tool_context *context, struct lk_arena *arena, int64_t offset,
                      int64_t limit, struct lk_str *ret_users, struct lk_error *err);

/* Awaits. Which user has the session; LK_ERROR_ARGUMENT when none does. */
bool lk_sessions_find_owner(const struct lk_tool_context *context, struct lk_arena *arena,
                            struct lk_str session_id, struct lk_str *ret_user_id,
                            struct lk_error *err);

/* Writes one session as an object: whose it is, then what is known of it. email may be empty. */
void lk_sessions_write(struct lk_json_writer *w, struct lk_arena *arena, struct lk_str user_id,
                       struct lk_str email, struct lk_str session);

/* Seconds since the epoch of "2026-01-31T12:00:00.000+00:00" and the like (no offset: UTC), or of a
 * number that is that already. False when it is no such text. */
bool lk_time_parse(struct lk_str text, int64_t *ret_seconds);

#endif
