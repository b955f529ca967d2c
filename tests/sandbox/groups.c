/*
 * Groups and roles, and who is in them. Creating and searching by themselves are generic.c's.
 */
#include "people.h"

/* ---- who is in what ---- */

static bool is_below(struct sb *sb, const char *group_id, const char *above, unsigned depth)
{
    const cJSON *child;

    if (strcmp(group_id, above) == 0)
        return true;
    cJSON_ArrayForEach(child, sb_hidden_list(sb, "(group_groups)", above))
    {
        if (depth < 16 && is_below(sb, group_id, child->valuestring, depth + 1))
            return true;
    }
    return false;
}

bool sb_is_member(struct sb *sb, const cJSON *user, const char *group_id)
{
    const cJSON *own;

    cJSON_ArrayForEach(own, cJSON_GetObjectItemCaseSensitive(user, "group_ids"))
    {
        if (is_below(sb, own->valuestring, group_id, 0))
            return true;
    }
    return false;
}

static bool has_role(struct sb *sb, const cJSON *user, const char *role_id, bool direct_only)
{
    const cJSON *group;

    if (sb_list_has(cJSON_GetObjectItemCaseSensitive(user, "role_ids"), role_id))
        return true;
    if (direct_only)
        return false;
    cJSON_ArrayForEach(group, sb_hidden_list(sb, "(role_groups)", role_id))
    {
        if (sb_is_member(sb, user, group->valuestring))
            return true;
    }
    return false;
}

/* The body's ids, all of which must exist at the path; NULL: *out is the refusal. */
static cJSON *ids_in_body(struct sb_request *rq, struct sb_answer *out, const char *path)
{
    cJSON *ids = sb_body(rq);
    const cJSON *id;

    cJSON_ArrayForEach(id, ids)
    {
        if (!cJSON_IsString(id) || sb_find(rq->sb, path, lk_str(id->valuestring)) == NULL) {
            sb_fail_field(rq, out, path + 1, "invalid", "names one that does not exist");
            return NULL;
        }
    }
    return ids;
}

/* ---- groups ---- */

static bool in_group(struct sb_request *rq, const struct sb_entity *user, const char *group_id)
{
    (void)rq;
    return sb_list_has(cJSON_GetObjectItemCaseSensitive(user->json, "group_ids"), group_id);
}

static void all_group_users(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *group = sb_find_arg(rq, out, "/groups", "group_id");

    if (group != NULL)
        sb_answer_those(rq, out, "/users", in_group, group->key);
}

static bool in_parent(struct sb_request *rq, const struct sb_entity *group, const char *parent_id)
{
    return sb_list_has(sb_hidden_list(rq->sb, "(group_groups)", parent_id), group->key);
}

static void all_group_groups(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *group = sb_find_arg(rq, out, "/groups", "group_id");

    if (group != NULL)
        sb_answer_those(rq, out, "/groups", in_parent, group->key);
}

static void add_group_user(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *group = sb_find_arg(rq, out, "/groups", "group_id");
    struct lk_str user_id = lk_json_get_string(rq->arena, rq->body, LK_STR("user_id"));
    struct sb_entity *user = sb_find(rq->sb, "/users", user_id);

    if (group == NULL)
        return;
    if (user == NULL)
        return sb_fail_field(rq, out, "user_id", "invalid", "there is no such user");
    sb_list_add(sb_list(user->json, "group_ids"), group->key);
    sb_user_changed(rq->sb, user);
    sb_answer_thing(rq, out, "/users", user);
}

static void delete_group_user(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *group = sb_find_arg(rq, out, "/groups", "group_id");
    struct sb_entity *user = group != NULL ? sb_find_arg(rq, out, "/users", "user_id") : NULL;

    if (user == NULL)
        return;
    if (!sb_list_drop(sb_list(user->json, "group_ids"), group->key))
        return sb_fail_not_found(rq, out);
    sb_user_changed(rq->sb, user);
    sb_answer_empty(out, 204);
}

static void add_group_group(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *group = sb_find_arg(rq, out, "/groups", "group_id");
    struct lk_str child_id = lk_json_get_string(rq->arena, rq->body, LK_STR("group_id"));
    struct sb_entity *child = sb_find(rq->sb, "/groups", child_id);

    if (group == NULL)
        return;
    if (child == NULL || is_below(rq->sb, group->key, child->key, 0))
        return sb_fail_field(rq, out, "group_id", "invalid", "cannot be put into this group");
    sb_list_add(sb_hidden_list(rq->sb, "(group_groups)", group->key), child->key);
    sb_answer_thing(rq, out, "/groups", child);
}

static void delete_group_from_group(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *group = sb_find_arg(rq, out, "/groups", "group_id");
    struct sb_entity *child =
        group != NULL ? sb_find_arg(rq, out, "/groups", "deleting_group_id") : NULL;

    if (child == NULL)
        return;
    if (!sb_list_drop(sb_hidden_list(rq->sb, "(group_groups)", group->key), child->key))
        return sb_fail_not_found(rq, out);
    sb_answer_empty(out, 204);
}

/* Takes the id out of the lists at a hidden path. */
static void forget_in_lists(struct sb *sb, const char *path, const char *id)
{
    struct sb_collection *c = sb_collection(sb->store, lk_str(path));

    for (size_t i = 0; i < c->n; i++)
        sb_list_drop(c->items[i].json, id);
}

/* Takes the id out of that member of all users. */
static void forget_in_users(struct sb *sb, const char *member, const char *id)
{
    struct sb_collection *users = sb_collection(sb->store, LK_STR("/users"));

    for (size_t i = 0; i < users->n; i++)
        if (users->items[i].json != NULL && sb_list_drop(sb_list(users->items[i].json, member), id))
            sb_user_changed(sb, &users->items[i]);
}

static void delete_group(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *group = sb_find_arg(rq, out, "/groups", "group_id");

    if (group == NULL)
        return;
    if (strcmp(group->key, SB_EVERYBODY) == 0)
        return sb_fail(rq, out, 403, "The group of all users cannot be deleted");
    forget_in_users(rq->sb, "group_ids", group->key);
    forget_in_lists(rq->sb, "(group_groups)", group->key);
    forget_in_lists(rq->sb, "(role_groups)", group->key);
    sb_attributes_forget_group(rq->sb, group->key);
    sb_entity_delete(group);
    sb_answer_empty(out, 204);
}

static void decorate_group(struct sb *sb, cJSON *group)
{
    const struct sb_collection *users = sb_collection(sb->store, LK_STR("/users"));
    const char *id = sb_member(group, "id");
    int n = 0;

    for (size_t i = 0; id != NULL && i < users->n; i++)
        n += users->items[i].json != NULL &&
             sb_list_has(cJSON_GetObjectItemCaseSensitive(users->items[i].json, "group_ids"), id);
    sb_set(group, "user_count", cJSON_CreateNumber(n));
}

/* ---- roles ---- */

static bool of_role(struct sb_request *rq, const struct sb_entity *user, const char *role_id)
{
    return has_role(rq->sb, user->json, role_id,
                    sb_query_bool(rq, "direct_association_only", false));
}

static void role_users(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *role = sb_find_arg(rq, out, "/roles", "role_id");

    if (role != NULL)
        sb_answer_those(rq, out, "/users", of_role, role->key);
}

static void set_role_users(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *role = sb_find_arg(rq, out, "/roles", "role_id");
    const cJSON *ids = role != NULL ? ids_in_body(rq, out, "/users") : NULL, *id;

    if (ids == NULL)
        return;
    forget_in_users(rq->sb, "role_ids", role->key);
    cJSON_ArrayForEach(id, ids)
    {
        struct sb_entity *user = sb_find(rq->sb, "/users", lk_str(id->valuestring));

        sb_list_add(sb_list(user->json, "role_ids"), role->key);
        sb_user_changed(rq->sb, user);
    }
    sb_answer_those(rq, out, "/users", of_role, role->key);
}

static bool group_of_role(struct sb_request *rq, const struct sb_entity *group, const char *role_id)
{
    return sb_list_has(sb_hidden_list(rq->sb, "(role_groups)", role_id), group->key);
}

static void role_groups(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *role = sb_find_arg(rq, out, "/roles", "role_id");

    if (role != NULL)
        sb_answer_those(rq, out, "/groups", group_of_role, role->key);
}

static void set_role_groups(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *role = sb_find_arg(rq, out, "/roles", "role_id");
    const cJSON *ids = role != NULL ? ids_in_body(rq, out, "/groups") : NULL;

    if (ids == NULL)
        return;
    sb_entity_put(sb_collection(rq->sb->store, LK_STR("(role_groups)")), lk_str(role->key),
                  cJSON_Duplicate(ids, true));
    sb_answer_those(rq, out, "/groups", group_of_role, role->key);
}

static bool role_of_user(struct sb_request *rq, const struct sb_entity *role, const char *user_id)
{
    return has_role(rq->sb, sb_find(rq->sb, "/users", lk_str(user_id))->json, role->key,
                    sb_query_bool(rq, "direct_association_only", false));
}

static void user_roles(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user = sb_find_arg(rq, out, "/users", "user_id");

    if (user != NULL)
        sb_answer_those(rq, out, "/roles", role_of_user, user->key);
}

static void set_user_roles(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user = sb_find_arg(rq, out, "/users", "user_id");
    const cJSON *ids = user != NULL ? ids_in_body(rq, out, "/roles") : NULL;

    if (ids == NULL)
        return;
    sb_set(user->json, "role_ids", cJSON_Duplicate(ids, true));
    sb_user_changed(rq->sb, user);
    sb_answer_those(rq, out, "/roles", role_of_user, user->key);
}

/* The sets of a role, as they are now. */
static void decorate_role(struct sb *sb, cJSON *role)
{
    static const char *const members[] = {"permission_set", "model_set"};
    static const char *const paths[] = {"/permission_sets", "/model_sets"};

    for (size_t i = 0; i < 2; i++) {
        const char *id = sb_member(cJSON_GetObjectItemCaseSensitive(role, members[i]), "id");
        struct sb_entity *set = id != NULL ? sb_find(sb, paths[i], lk_str(id)) : NULL;

        if (set != NULL)
            sb_set(role, members[i], cJSON_Duplicate(set->json, true));
    }
}

/* permission_set_id and model_set_id are only ever sent; what is kept is which set that is. False:
 * *out is the refusal. */
static bool take_sets(struct sb_request *rq, struct sb_answer *out, bool creates, cJSON *role)
{
    static const char *const members[] = {"permission_set", "model_set"};
    static const char *const paths[] = {"/permission_sets", "/model_sets"};

    for (size_t i = 0; i < 2; i++) {
        struct lk_str name = lk_arena_printf(rq->arena, "%s_id", members[i]);
        struct lk_str id = lk_json_get_string(rq->arena, rq->body, name);

        if (id.len == 0 && !creates)
            continue;
        if (sb_find(rq->sb, paths[i], id) == NULL) {
            sb_fail_field(rq, out, name.ptr, "invalid", "there is no such set");
            return false;
        }
        if (role != NULL) {
            cJSON *set = cJSON_CreateObject();

            sb_set_text(set, "id", sb_find(rq->sb, paths[i], id)->key);
            sb_set(role, members[i], set);
        }
    }
    return true;
}

static void create_role(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *roles = sb_collection(rq->sb->store, LK_STR("/roles"));

    if (!take_sets(rq, out, true, NULL))
        return;
    sb_generic(rq, out);
    take_sets(rq, out, true, roles->items[roles->n - 1].json);
    sb_answer_thing(rq, out, "/roles", &roles->items[roles->n - 1]);
}

static void update_role(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *role = sb_find_arg(rq, out, "/roles", "role_id");

    if (role == NULL || !take_sets(rq, out, false, role->json))
        return;
    sb_generic(rq, out);
}

static void delete_role(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *role = sb_find_arg(rq, out, "/roles", "role_id");

    if (role == NULL)
        return;
    forget_in_users(rq->sb, "role_ids", role->key);
    sb_entity_put(sb_collection(rq->sb->store, LK_STR("(role_groups)")), lk_str(role->key),
                  cJSON_CreateArray());
    sb_entity_delete(role);
    sb_answer_empty(out, 204);
}

void sb_seed_groups(struct sb *sb)
{
    sb_seed(sb, "/permission_sets", "permission_set", "id",
            "[{\"id\":\"1\",\"name\":\"Admin\",\"built_in\":true,\"all_access\":true,"
            "\"permissions\":[\"administer\",\"develop\",\"access_data\",\"see_looks\"]},"
            "{\"id\":\"2\",\"name\":\"Developer\",\"built_in\":true,"
            "\"permissions\":[\"access_data\",\"develop\",\"see_looks\",\"see_lookml\"]},"
            "{\"id\":\"3\",\"name\":\"Viewer\",\"permissions\":[\"access_data\",\"see_looks\"]}]");
    sb_seed(sb, "/model_sets", "model_set", "id",
            "[{\"id\":\"1\",\"name\":\"All\",\"built_in\":true,\"all_access\":true,\"models\":[]},"
            "{\"id\":\"2\",\"name\":\"Shop\",\"models\":[\"thelook\"]}]");
    sb_seed(sb, "/roles", "role", "id",
            "[{\"id\":\"1\",\"name\":\"Developer\",\"permission_set\":{\"id\":\"2\"},"
            "\"model_set\":{\"id\":\"1\"}},"
            "{\"id\":\"2\",\"name\":\"Admin\",\"permission_set\":{\"id\":\"1\"},"
            "\"model_set\":{\"id\":\"1\"}},"
            "{\"id\":\"3\",\"name\":\"Viewer\",\"permission_set\":{\"id\":\"3\"},"
            "\"model_set\":{\"id\":\"2\"}}]");
    sb_seed(sb, "/groups", "group", "id",
            "[{\"id\":\"1\",\"name\":\"All Users\",\"include_by_default\":true},"
            "{\"id\":\"2\",\"name\":\"Analysts\",\"can_add_to_content_metadata\":true},"
            "{\"id\":\"3\",\"name\":\"Analysts EU\",\"can_add_to_content_metadata\":true}]");
    sb_list_add(sb_hidden_list(sb, "(group_groups)", "2"), "3");
    sb_list_add(sb_hidden_list(sb, "(role_groups)", "3"), "2");
    sb_collection(sb->store, LK_STR("/groups"))->decorate = decorate_group;
    sb_collection(sb->store, LK_STR("/roles"))->decorate = decorate_role;
}

const struct sb_handler sb_groups_handlers[] = {
    {"all_group_users", all_group_users},
    {"all_group_groups", all_group_groups},
    {"add_group_user", add_group_user},
    {"delete_group_user", delete_group_user},
    {"add_group_group", add_group_group},
    {"delete_group_from_group", delete_group_from_group},
    {"delete_group", delete_group},
    {"role_users", role_users},
    {"set_role_users", set_role_users},
    {"role_groups", role_groups},
    {"set_role_groups", set_role_groups},
    {"user_roles", user_roles},
    {"set_user_roles", set_user_roles},
    {"create_role", create_role},
    {"update_role", update_role},
    {"delete_role", delete_role},
    {0},
};
