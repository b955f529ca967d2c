/*
 * Users as people name them: by id, or by e-mail address. Looker's search matches patterns and
 * ignores what it does not know, so an address is searched for and then compared: nobody is ever
 * taken for somebody else.
 */
#ifndef LK_HANDLERS_USERS_H
#define LK_HANDLERS_USERS_H

#include "api/api.h"

/* Whether the text is meant as an e-mail address rather than an id. */
static inline bool lk_is_email(struct lk_str text)
{
    return text.len > 0 && memchr(text.ptr, '@', text.len) != NULL;
}

/* Whether it is an id. Anything else is never sent to Looker as one, whose idea of a number may be
 * wider. */
static inline bool lk_is_user_id(struct lk_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    }
    return text.len > 0;
}

/*
 * Awaits. The user with exactly that address (ASCII case is ignored), disabled ones too, as JSON
 * with the members id, email and `fields` (comma-separated; may be NULL or ""). Stores an empty
 * text when there is none: whether that is an error is the caller's to say. Errors: those of
 * lk_api_call; LK_ERROR_ARGUMENT, with the ids, when several users have the address;
 * LK_ERROR_LIMIT when what is given matches thousands of users as a pattern.
 */
bool lk_user_by_email(struct lk_api *api, struct lk_arena *arena, struct lk_str email,
                      const char *fields, struct lk_str *ret_user, struct lk_error *err);

/* Awaits. The same for the one user whose address has that before its @. */
bool lk_user_by_local_part(struct lk_api *api, struct lk_arena *arena, struct lk_str local_part,
                           const char *fields, struct lk_str *ret_user, struct lk_error *err);

/*
 * Awaits. The user with that id, or, if the text has an @, with that address; JSON as above.
 * Errors: also LK_ERROR_ARGUMENT when nobody has the address, and Looker's 404, with the remedy,
 * when nobody has the id; LK_ERROR_ARGUMENT when Looker answers with another user than asked for.
 */
bool lk_user_find(struct lk_api *api, struct lk_arena *arena, struct lk_str id_or_email,
                  const char *fields, struct lk_str *ret_user, struct lk_error *err);

#endif
