/*
 * Finding a user by id or e-mail address (users.h). Called by the tools about people.
 */
#include "handlers/users.h"

#include "handlers/ask.h"
#include "looker_ops.h"

/* An address has at most a few wildcards (`_` is legal in one), so one page nearly always does. */
#define PAGE 100
#define MAX_PAGES 20

static struct lk_string user_fields(struct lk_arena *arena, const char *fields)
{
    bool more = fields != NULL && fields[0] != '\0';

    return lk_string(lk_arena_printf(arena, "id,email%s%s", more ? "," : "", more ? fields : ""));
}

/* What to look for: a whole address, or what stands before the @ of one. */
struct wanted {
    struct lk_str text;
    bool local_part;
};

static bool is_it(const struct wanted *wanted, struct lk_str address)
{
    struct lk_str rest = address;

    if (!wanted->local_part)
        return lk_str_ieq(address, wanted->text);
    return lk_is_email(address) && lk_str_ieq(lk_str_take(&rest, '@'), wanted->text);
}

/* Takes the user out of a page who is meant; two of them are an error. */
static bool look_through(struct lk_arena *arena, struct lk_str page, const struct wanted *wanted,
                         struct lk_str *found, struct lk_error *err)
{
    struct lk_json_iter it = lk_json_iter(page);
    struct lk_str user;

    while (lk_json_next(&it, NULL, &user)) {
        if (!is_it(wanted, lk_json_get_string(arena, user, LK_STR("email"))))
            continue;
        if (found->len > 0)
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "several users have the e-mail address \"%.*s%s\", among them %.*s and "
                           "%.*s: name the one you mean by id",
                           LK_STR_ARG(wanted->text), wanted->local_part ? "@..." : "",
                           LK_STR_ARG(lk_json_get_string(arena, *found, LK_STR("id"))),
                           LK_STR_ARG(lk_json_get_string(arena, user, LK_STR("id"))));
        *found = user;
    }
    return true;
}

static bool search(struct lk_api *api, struct lk_arena *arena, const struct wanted *wanted,
                   const char *fields, struct lk_str *ret_user, struct lk_error *err)
{
    struct lk_str found = {0}, page;
    struct looker_search_users_params params = {
        .email = lk_string(wanted->local_part
                               ? lk_arena_printf(arena, "%.*s@%%", LK_STR_ARG(wanted->text))
                               : wanted->text),
        .fields = user_fields(arena, fields),
        .sorts = lk_string(LK_STR("id")),
        .limit = lk_integer(PAGE),
    };

    for (int64_t i = 0; i < MAX_PAGES; i++) {
        params.offset = lk_integer(i * PAGE);
        if (!lk_ask(api, arena, looker_search_users(&params), LK_JSON_ARRAY, &page, err) ||
            !look_through(arena, page, wanted, &found, err))
            return false;
        if (lk_json_count(page) < PAGE) {
            *ret_user = found;
            return true;
        }
    }
    return lk_fail(err, LK_ERROR_LIMIT,
                   "more than %d users match the e-mail address \"%.*s\" as a pattern: give the "
                   "whole address, or the user's id",
                   PAGE * MAX_PAGES, LK_STR_ARG(wanted->text));
}

bool lk_user_by_email(struct lk_api *api, struct lk_arena *arena, struct lk_str email,
                      const char *fields, struct lk_str *ret_user, struct lk_error *err)
{
    const struct wanted wanted = {lk_str_trim(email), false};

    return search(api, arena, &wanted, fields, ret_user, err);
}

bool lk_user_by_local_part(struct lk_api *api, struct lk_arena *arena, struct lk_str local_part,
                           const char *fields, struct lk_str *ret_user, struct lk_error *err)
{
    const struct wanted wanted = {lk_str_trim(local_part), true};

    return search(api, arena, &wanted, fields, ret_user, err);
}

/* A backend that reads "2abc" as 2 must not give us somebody else. */
static bool find_by_id(struct lk_api *api, struct lk_arena *arena, struct lk_str id,
                       const char *fields, struct lk_str *ret_user, struct lk_error *err)
{
    struct looker_user_params params = {
        .user_id = lk_string(id),
        .fields = user_fields(arena, fields),
    };
    struct lk_str user, found;

    if (!lk_ask(api, arena, looker_user(&params), LK_JSON_OBJECT, &user, err))
        return lk_explain_status(err, 404,
                                 "there is no user with the id %.*s, or no access to it: "
                                 "list_users shows who there is, and an e-mail address is "
                                 "accepted as well",
                                 LK_STR_ARG(id));
    found = lk_json_get_string(arena, user, LK_STR("id"));
    if (!lk_str_eq(found, id))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "asked for the user with the id %.*s, Looker answered with the user %.*s; "
                       "list_users shows who there is",
                       LK_STR_ARG(id), LK_STR_ARG(found.len > 0 ? found : LK_STR("without an id")));
    *ret_user = user;
    return true;
}

bool lk_user_find(struct lk_api *api, struct lk_arena *arena, struct lk_str id_or_email,
                  const char *fields, struct lk_str *ret_user, struct lk_error *err)
{
    struct lk_str user;

    if (!lk_is_email(id_or_email))
        return find_by_id(api, arena, id_or_email, fields, ret_user, err);
    if (!lk_user_by_email(api, arena, id_or_email, fields, &user, err))
        return false;
    if (user.len == 0)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "no user has the e-mail address \"%.*s\"; list_users shows who there is",
                       LK_STR_ARG(lk_str_trim(id_or_email)));
    *ret_user = user;
    return true;
}
