/*
 * User attributes and their values: of users, of groups in the order of their rank, and defaults.
 * "(group_values)" holds a list of UserAttributeGroupValue by attribute, "(user_values)" a list of
 * {user_attribute_id, value} by user.
 */
#include "people.h"

#include <stdio.h>

static void all_group_values(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *attribute = sb_find_arg(rq, out, "/user_attributes", "user_attribute_id");

    if (attribute != NULL)
        sb_answer_tree(rq, out, 200, sb_hidden_list(rq->sb, "(group_values)", attribute->key));
}

static bool is_hidden(const struct sb_entity *attribute)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(attribute->json, "value_is_hidden"));
}

static cJSON *group_value(const struct sb_entity *attribute, const char *group_id,
                          const char *value, int rank)
{
    cJSON *row = cJSON_CreateObject();
    char id[64];

    snprintf(id, sizeof(id), "%s-%s", attribute->key, group_id);
    sb_set_text(row, "id", id);
    sb_set_text(row, "group_id", group_id);
    sb_set_text(row, "user_attribute_id", attribute->key);
    sb_set_text(row, "value", value);
    sb_set(row, "rank", cJSON_CreateNumber(rank));
    sb_set(row, "value_is_hidden", cJSON_CreateBool(is_hidden(attribute)));
    return row;
}

/* Replaces all values that groups have of the attribute. */
static void set_group_values(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *attribute = sb_find_arg(rq, out, "/user_attributes", "user_attribute_id");
    const cJSON *row;
    cJSON *rows;
    int rank = 0;

    if (attribute == NULL)
        return;
    cJSON_ArrayForEach(row, sb_body(rq))
    {
        const char *group_id = sb_member(row, "group_id");

        if (group_id == NULL || sb_find(rq->sb, "/groups", lk_str(group_id)) == NULL)
            return sb_fail_field(rq, out, "group_id", "invalid", "there is no such group");
    }
    rows = cJSON_CreateArray();
    cJSON_ArrayForEach(row, sb_body(rq))
    {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(row, "rank");

        rank = cJSON_IsNumber(own) ? own->valueint : rank + 1;
        cJSON_AddItemToArray(rows, group_value(attribute, sb_member(row, "group_id"),
                                               sb_member(row, "value"), rank));
    }
    sb_entity_put(sb_collection(rq->sb->store, LK_STR("(group_values)")), lk_str(attribute->key),
                  rows);
    sb_answer_tree(rq, out, 200, rows);
}

static void update_group_value(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *group = sb_find_arg(rq, out, "/groups", "group_id");
    struct sb_entity *attribute =
        group != NULL ? sb_find_arg(rq, out, "/user_attributes", "user_attribute_id") : NULL;
    const char *value = sb_member(sb_body(rq), "value");
    cJSON *rows, *row;

    if (attribute == NULL)
        return;
    rows = sb_hidden_list(rq->sb, "(group_values)", attribute->key);
    row = sb_list_find(rows, "group_id", group->key);
    if (row == NULL)
        cJSON_AddItemToArray(
            rows, row = group_value(attribute, group->key, value, cJSON_GetArraySize(rows) + 1));
    sb_set_text(row, "value", value);
    sb_answer_tree(rq, out, 200, row);
}

/* Takes the value out of that list; false: there is none. */
static bool drop(cJSON *rows, const char *member, const char *id)
{
    cJSON *row = sb_list_find(rows, member, id);

    if (row != NULL)
        cJSON_Delete(cJSON_DetachItemViaPointer(rows, row));
    return row != NULL;
}

static void delete_group_value(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *group = sb_find_arg(rq, out, "/groups", "group_id");
    struct sb_entity *attribute =
        group != NULL ? sb_find_arg(rq, out, "/user_attributes", "user_attribute_id") : NULL;

    if (attribute == NULL)
        return;
    if (!drop(sb_hidden_list(rq->sb, "(group_values)", attribute->key), "group_id", group->key))
        return sb_fail_not_found(rq, out);
    sb_answer_empty(out, 204);
}

/* ---- values of a user ---- */

static cJSON *user_value(const struct sb_entity *attribute, const char *user_id, const char *value,
                         const char *source, int rank)
{
    static const char *const copied[] = {"name", "label", "user_can_edit", "value_is_hidden"};
    cJSON *row = cJSON_CreateObject();

    for (size_t i = 0; i < 4; i++)
        sb_set(row, copied[i],
               cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(attribute->json, copied[i]), true));
    sb_set_text(row, "user_id", user_id);
    sb_set_text(row, "user_attribute_id", attribute->key);
    sb_set_text(row, "value", is_hidden(attribute) ? NULL : value);
    sb_set_text(row, "source", source);
    sb_set(row, "rank", cJSON_CreateNumber(rank));
    return row;
}

/* Adds what the user has of the attribute, the value that counts first: the user's own, those of
 * the groups by rank, the default. */
static void add_values(struct sb *sb, cJSON *rows, const struct sb_entity *attribute,
                       const struct sb_entity *user)
{
    const cJSON *own = sb_list_find(sb_hidden_list(sb, "(user_values)", user->key),
                                    "user_attribute_id", attribute->key);
    const char *default_value = sb_member(attribute->json, "default_value");
    const cJSON *row;
    int rank = 1;

    if (own != NULL)
        cJSON_AddItemToArray(
            rows, user_value(attribute, user->key, sb_member(own, "value"), "user", rank++));
    cJSON_ArrayForEach(row, sb_hidden_list(sb, "(group_values)", attribute->key))
    {
        if (sb_is_member(sb, user->json, sb_member(row, "group_id")))
            cJSON_AddItemToArray(
                rows, user_value(attribute, user->key, sb_member(row, "value"), "group", rank++));
    }
    if (default_value != NULL)
        cJSON_AddItemToArray(rows,
                             user_value(attribute, user->key, default_value, "default", rank));
}

static bool is_listed(struct lk_str list, const char *id)
{
    for (;;) {
        const char *comma = memchr(list.ptr, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.ptr) : list.len;

        if (lk_str_eq(lk_str_n(list.ptr, len), lk_str(id)))
            return true;
        if (comma == NULL)
            return false;
        list = lk_str_n(comma + 1, list.len - len - 1);
    }
}

static void user_values(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user = sb_find_arg(rq, out, "/users", "user_id");
    const struct sb_collection *c = sb_collection(rq->sb->store, LK_STR("/user_attributes"));
    bool all = sb_query_bool(rq, "all_values", false);
    struct lk_str wanted;
    cJSON *rows;

    if (user == NULL)
        return;
    rows = cJSON_CreateArray();
    for (size_t i = 0; i < c->n; i++) {
        int before = cJSON_GetArraySize(rows);

        if (c->items[i].json == NULL || (sb_query_arg(rq, "user_attribute_ids", &wanted) &&
                                         !is_listed(wanted, c->items[i].key)))
            continue;
        add_values(rq->sb, rows, &c->items[i], user);
        if (cJSON_GetArraySize(rows) == before && sb_query_bool(rq, "include_unset", false))
            cJSON_AddItemToArray(rows, user_value(&c->items[i], user->key, NULL, NULL, 1));
        while (!all && cJSON_GetArraySize(rows) > before + 1)
            cJSON_DeleteItemFromArray(rows, before + 1);
    }
    sb_answer_tree(rq, out, 200, rows);
    cJSON_Delete(rows);
}

static void set_user_value(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user = sb_find_arg(rq, out, "/users", "user_id");
    struct sb_entity *attribute =
        user != NULL ? sb_find_arg(rq, out, "/user_attributes", "user_attribute_id") : NULL;
    const char *value = sb_member(sb_body(rq), "value");
    cJSON *rows, *row;

    if (attribute == NULL)
        return;
    rows = sb_hidden_list(rq->sb, "(user_values)", user->key);
    drop(rows, "user_attribute_id", attribute->key);
    row = cJSON_CreateObject();
    sb_set_text(row, "user_attribute_id", attribute->key);
    sb_set_text(row, "value", value);
    cJSON_AddItemToArray(rows, row);
    row = user_value(attribute, user->key, value, "user", 1);
    sb_answer_tree(rq, out, 200, row);
    cJSON_Delete(row);
}

static void delete_user_value(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *user = sb_find_arg(rq, out, "/users", "user_id");
    struct sb_entity *attribute =
        user != NULL ? sb_find_arg(rq, out, "/user_attributes", "user_attribute_id") : NULL;

    if (attribute == NULL)
        return;
    if (!drop(sb_hidden_list(rq->sb, "(user_values)", user->key), "user_attribute_id",
              attribute->key))
        return sb_fail_not_found(rq, out);
    sb_answer_empty(out, 204);
}

void sb_attributes_forget_group(struct sb *sb, const char *group_id)
{
    struct sb_collection *c = sb_collection(sb->store, LK_STR("(group_values)"));

    for (size_t i = 0; i < c->n; i++)
        drop(c->items[i].json, "group_id", group_id);
}

void sb_seed_attributes(struct sb *sb)
{
    struct sb_entity *region;
    cJSON *row;

    sb_seed(sb, "/user_attributes", "user_attribute", "id",
            "[{\"id\":\"1\",\"name\":\"department\",\"label\":\"Department\",\"type\":\"string\","
            "\"user_can_view\":true},"
            "{\"id\":\"2\",\"name\":\"region\",\"label\":\"Region\",\"type\":\"string\","
            "\"default_value\":\"EMEA\",\"user_can_view\":true,\"user_can_edit\":true},"
            "{\"id\":\"3\",\"name\":\"warehouse_key\",\"label\":\"Warehouse key\","
            "\"type\":\"string\",\"value_is_hidden\":true,"
            "\"hidden_value_domain_whitelist\":\"db.example.com/*\"},"
            "{\"id\":\"4\",\"name\":\"locale\",\"label\":\"Locale\",\"type\":\"string\","
            "\"default_value\":\"en\",\"is_system\":true,\"is_permanent\":true}]");
    region = sb_find(sb, "/user_attributes", LK_STR("2"));
    cJSON_AddItemToArray(sb_hidden_list(sb, "(group_values)", "2"),
                         group_value(region, "2", "AMER", 1));
    row = cJSON_CreateObject();
    sb_set_text(row, "user_attribute_id", "1");
    sb_set_text(row, "value", "Engines");
    cJSON_AddItemToArray(sb_hidden_list(sb, "(user_values)", "2"), row);
}

const struct sb_handler sb_attributes_handlers[] = {
    {"all_user_attribute_group_values", all_group_values},
    {"set_user_attribute_group_values", set_group_values},
    {"update_user_attribute_group_value", update_group_value},
    {"delete_user_attribute_group_value", delete_group_value},
    {"user_attribute_user_values", user_values},
    {"set_user_attribute_user_value", set_user_value},
    {"delete_user_attribute_user_value", delete_user_value},
    {0},
};
