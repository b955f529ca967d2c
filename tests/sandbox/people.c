/*
 * Users, and what the parts about people share. Creating, changing and searching by themselves are
 * generic.c's; groups and roles are groups.c's.
 */
#include "people.h"

#include <stdio.h>

static const char users_json[] =
    "[{\"id\":\"1\",\"first_name\":\"Sandbox\",\"last_name\":\"Service\","
    "\"email\":\"service@example.com\",\"role_ids\":[\"2\"],\"group_ids\":[\"1\"],"
    "\"home_folder_id\":\"1\",\"personal_folder_id\":\"11\",\"is_service_account\":true,"
    "\"locale\":\"en\"},"
    "{\"id\":\"2\",\"first_name\":\"Ada\",\"last_name\":\"Lovelace\","
    "\"email\":\"ada@example.com\",\"role_ids\":[\"1\"],\"group_ids\":[\"1\",\"2\"],"
    "\"home_folder_id\":\"1\",\"personal_folder_id\":\"12\"},"
    "{\"id\":\"3\",\"first_name\":\"Grace\",\"last_name\":\"Hopper\","
    "\"email\":\"grace@example.com\",\"role_ids\":[\"3\"],\"group_ids\":[\"1\",\"3\"],"
    "\"home_folder_id\":\"1\",\"personal_folder_id\":\"13\"},"
    "{\"id\":\"4\",\"first_name\":\"Alan\",\"last_name\":\"Turing\","
    "\"email\":\"alan@example.com\",\"role_ids\":[\"3\"],\"group_ids\":[\"1\"],"
    "\"home_folder_id\":\"1\",\"personal_folder_id\":\"14\"},"
    "{\"id\":\"5\",\"first_name\":\"Alana\",\"last_name\":\"Turing\","
    "\"email\":\"alan_@example.com\",\"role_ids\":[\"3\"],\"group_ids\":[\"1\"],"
    "\"home_folder_id\":\"1\",\"personal_folder_id\":\"15\"},"
    "{\"id\":\"6\",\"first_name\":\"Twin\",\"last_name\":\"One\","
    "\"email\":\"twin@example.com\",\"role_ids\":[\"3\"],\"group_ids\":[\"1\"]},"
    "{\"id\":\"7\",\"first_name\":\"Twin\",\"last_name\":\"Two\","
    "\"email\":\"Twin@example.com\",\"role_ids\":[\"3\"],\"group_ids\":[\"1\"]},"
    "{\"id\":\"8\",\"first_name\":\"Gone\",\"last_name\":\"Away\","
    "\"email\":\"gone@example.com\",\"is_disabled\":true,\"role_ids\":[],\"group_ids\":[\"1\"]},"
    "{\"id\":\"9\",\"first_name\":\"New\",\"last_name\":\"Comer\",\"role_ids\":[],"
    "\"group_ids\":[\"1\"]}]";

/* ---- small things ---- */

struct sb_entity *sb_find(struct sb *sb, const char *path, struct lk_str key)
{
    struct sb_entity *entity = sb_entity(sb_collection(sb->store, lk_str(path)), key);

    return entity != NULL && entity->json != NULL ? entity : NULL;
}

struct sb_entity *sb_find_arg(struct sb_request *rq, struct sb_answer *out, const char *path,
                              const char *param)
{
    struct sb_entity *entity = sb_find(rq->sb, path, sb_path_arg(rq, param));

    if (entity == NULL)
        sb_fail_not_found(rq, out);
    return entity;
}

void sb_answer_thing(struct sb_request *rq, struct sb_answer *out, const char *path,
                     struct sb_entity *entity)
{
    struct sb_collection *c = sb_collection(rq->sb->store, lk_str(path));

    sb_answer_json(out, 200, sb_entity_show(rq, c, entity));
}

void sb_touched(struct sb *sb, const char *path, struct sb_entity *entity)
{
    sb_entity_put(sb_collection(sb->store, lk_str(path)), lk_str(entity->key), entity->json);
}

static void free_tree(void *tree)
{
    cJSON_Delete(tree);
}

cJSON *sb_body(struct sb_request *rq)
{
    cJSON *body = rq->body.len > 0 ? cJSON_ParseWithLength(rq->body.ptr, rq->body.len) : NULL;

    if (body != NULL)
        lk_arena_defer(rq->arena, free_tree, body);
    return body;
}

cJSON *sb_list(cJSON *object, const char *name)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(object, name);

    if (!cJSON_IsArray(list))
        sb_set(object, name, list = cJSON_CreateArray());
    return list;
}

static int index_of(const cJSON *list, const char *text)
{
    const cJSON *item;
    int i = 0;

    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, text) == 0)
            return i;
        i++;
    }
    return -1;
}

bool sb_list_has(const cJSON *list, const char *text)
{
    return index_of(list, text) >= 0;
}

void sb_list_add(cJSON *list, const char *text)
{
    if (!sb_list_has(list, text))
        cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

bool sb_list_drop(cJSON *list, const char *text)
{
    int i = index_of(list, text);

    if (i >= 0)
        cJSON_DeleteItemFromArray(list, i);
    return i >= 0;
}

cJSON *sb_hidden_list(struct sb *sb, const char *path, const char *key)
{
    struct sb_entity *entity = sb_find(sb, path, lk_str(key));

    if (entity == NULL)
        entity =
            sb_entity_put(sb_collection(sb->store, lk_str(path)), lk_str(key), cJSON_CreateArray());
    return entity->json;
}

cJSON *sb_list_find(const cJSON *list, const char *member, const char *text)
{
    cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        const char *value = sb_member(item, member);

        if (value != NULL && strcmp(value, text) == 0)
            return item;
    }
    return NULL;
}

void sb_answer_those(struct sb_request *rq, struct sb_answer *out, const char *path,
                     bool (*keep)(struct sb_request *rq, const struct sb_entity *thing,
                                  const char *of),
                     const char *of)
{
    struct sb_collection *c = sb_collection(rq->sb->store, lk_str(path));
    struct sb_entity **items = lk_arena_array(rq->arena, c->n + 1, sizeof(struct sb_entity *));
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].json != NULL && keep(rq, &c->items[i], of))
            items[n++] = &c->items[i];
    sb_answer_things(rq, out, c, items, n);
}

/* ---- users ---- */

void sb_user_changed(struct sb *sb, struct sb_entity *user)
{
    static const char *const with_email[] = {"credentials_email",  "credentials_ldap",
                                             "credentials_saml",   "credentials_oidc",
                                             "credentials_google", "credentials_looker_openid"};
    const char *first = sb_member(user->json, "first_name");
    const char *last = sb_member(user->json, "last_name"), *email = NULL;
    char name[256];

    snprintf(name, sizeof(name), "%s %s", first != NULL ? first : "", last != NULL ? last : "");
    sb_set_text(user->json, "display_name",
                first != NULL && last != NULL && *first != '\0' && *last != '\0' ? name : NULL);
    for (size_t i = 0; email == NULL && i < sizeof(with_email) / sizeof(with_email[0]); i++)
        email = sb_member(cJSON_GetObjectItemCaseSensitive(user->json, with_email[i]), "email");
    sb_set_text(user->json, "email", email);
    sb_touched(sb, "/users", user);
}

static void create_user(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *users = sb_collection(rq->sb->store, LK_STR("/users"));
    struct sb_entity *user;

    sb_generic(rq, out);
    user = &users->items[users->n - 1];
    sb_list_add(sb_list(user->json, "group_ids"), SB_EVERYBODY);
    sb_list(user->json, "role_ids");
    sb_user_changed(rq->sb, user);
    sb_answer_thing(rq, out, "/users", user);
}

static void update_user(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user = sb_find_arg(rq, out, "/users", "user_id");

    if (user == NULL)
        return;
    sb_generic(rq, out);
    sb_user_changed(rq->sb, user);
    sb_answer_thing(rq, out, "/users", user);
}

static void trash_content(struct sb *sb, const char *path, const char *user_id)
{
    struct sb_collection *c = sb_collection(sb->store, lk_str(path));

    for (size_t i = 0; i < c->n; i++) {
        const char *owner =
            c->items[i].json != NULL ? sb_member(c->items[i].json, "user_id") : NULL;

        if (owner == NULL || strcmp(owner, user_id) != 0)
            continue;
        sb_set(c->items[i].json, "deleted", cJSON_CreateTrue());
        sb_touched(sb, path, &c->items[i]);
    }
}

static void delete_user(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user = sb_find_arg(rq, out, "/users", "user_id");

    if (user == NULL)
        return;
    if (strcmp(user->key, rq->token->user_id) == 0)
        return sb_fail(rq, out, 403, "Users cannot delete themselves");
    trash_content(rq->sb, "/looks", user->key);
    trash_content(rq->sb, "/dashboards", user->key);
    sb_schedules_forget_user(rq->sb, user->key);
    sb_entity_delete(user);
    sb_answer_empty(out, 204);
}

/* What a search knows beside the members of a user. */
static bool user_fits(struct sb_request *rq, const cJSON *user)
{
    const char *name = sb_member(user, "display_name");
    struct lk_str pattern;

    return !sb_query_arg(rq, "full_name", &pattern) ||
           (name != NULL && sb_like(lk_str(name), pattern));
}

static bool matches_name(struct sb_request *rq, const struct sb_entity *user, const char *pattern)
{
    static const char *const members[] = {"first_name", "last_name", "email"};
    bool fits = false;

    for (size_t i = 0; i < 3; i++) {
        const char *value = sb_member(user->json, members[i]);
        struct lk_str wanted;

        fits |= value != NULL && sb_like(lk_str(value), lk_str(pattern));
        if (sb_query_arg(rq, members[i], &wanted) &&
            (value == NULL || !sb_like(lk_str(value), wanted)))
            return false;
    }
    return fits && (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(user->json, "is_disabled")) ==
                    sb_query_bool(
                        rq, "is_disabled",
                        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(user->json, "is_disabled"))));
}

static void search_users_names(struct sb_request *rq, struct sb_answer *out)
{
    sb_answer_those(rq, out, "/users", matches_name,
                    lk_arena_cstr(rq->arena, sb_path_arg(rq, "pattern")));
}

void sb_seed_people(struct sb *sb)
{
    struct sb_collection *users;

    sb_seed(sb, "/users", "user", "id", users_json);
    sb_seed_groups(sb);
    sb_seed_credentials(sb);
    sb_seed_attributes(sb);
    sb_seed_schedules(sb);
    users = sb_collection(sb->store, LK_STR("/users"));
    users->fits = user_fits;
    for (size_t i = 0; i < users->n; i++)
        sb_user_changed(sb, &users->items[i]);
}

const struct sb_handler sb_people_handlers[] = {
    {"create_user", create_user},
    {"update_user", update_user},
    {"delete_user", delete_user},
    {"search_users_names", search_users_names},
    {0},
};
