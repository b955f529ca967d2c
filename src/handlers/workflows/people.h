/*
 * What the workflows about people share.
 */
#ifndef LK_HANDLERS_WORKFLOWS_PEOPLE_H
#define LK_HANDLERS_WORKFLOWS_PEOPLE_H

#include "handlers/steps.h"

/* What lk_people_title wants of a user, for the `fields` of lk_people_find. */
#define LK_PEOPLE_FIELDS "display_name,is_disabled"

/* Awaits. lk_user_find (handlers/users.h) as a step that the task needs: says what it found, or
 * why not. */
bool lk_people_find(struct lk_steps *steps, const char *step, struct lk_str id_or_email,
                    const char *fields, struct lk_str *ret_user);

/* Awaits. The id of the user whom the server itself runs as, as a step that the task needs. */
bool lk_people_find_me(struct lk_steps *steps, struct lk_str *ret_id);

/*
 * Awaits. A user of exactly that name, enabled, without address or any login: what is left of an
 * attempt to make one that failed half-way. JSON with id, email and `fields`; an empty text when
 * there is none. LK_ERROR_ARGUMENT when there are several: people must choose.
 */
bool lk_people_find_left_over(struct lk_api *api, struct lk_arena *arena, struct lk_str first_name,
                              struct lk_str last_name, const char *fields, struct lk_str *ret_user,
                              struct lk_error *err);

/* "user 2 (Ada Lovelace, ada@example.com)", "…, disabled)" */
struct lk_str lk_people_title(struct lk_arena *arena, struct lk_str user);

/* Whether the member of that name is the literal true. */
bool lk_member_is_true(struct lk_str object, const char *member);

#endif
