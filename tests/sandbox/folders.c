/*
 * Folders: their tree and what is in them. A folder's name is its own among its siblings; deleting
 * one deletes all that is in it.
 */
#include "content.h"

static bool is_in(struct sb_request *rq, const struct sb_entity *thing, const char *folder_id)
{
    (void)rq;
    return !sb_is_trash(thing->json) &&
           lk_str_eq(lk_str(sb_member(thing->json, "folder_id")), lk_str(folder_id));
}

static bool is_child(struct sb_request *rq, const struct sb_entity *folder, const char *parent_id)
{
    (void)rq;
    return lk_str_eq(lk_str(sb_member(folder->json, "parent_id")), lk_str(parent_id));
}

static void decorate_folder(struct sb *sb, cJSON *folder)
{
    struct sb_collection *c = sb_collection(sb->store, LK_STR("/folders"));
    const char *id = sb_member(folder, "id");
    double children = 0;

    for (size_t i = 0; i < c->n; i++)
        children += c->items[i].json != NULL && is_child(NULL, &c->items[i], id);
    sb_set(folder, "child_count", cJSON_CreateNumber(children));
}

void sb_seed_folders(struct sb *sb)
{
    sb_collection(sb->store, LK_STR("/folders"))->decorate = decorate_folder;
}

/* ---- what is in one ---- */

static void those(struct sb_request *rq, struct sb_answer *out, const char *path,
                  bool (*keep)(struct sb_request *, const struct sb_entity *, const char *))
{
    struct sb_entity *folder = sb_find_arg(rq, out, "/folders", "folder_id");

    if (folder != NULL)
        sb_answer_those(rq, out, path, keep, folder->key);
}

static void folder_children(struct sb_request *rq, struct sb_answer *out)
{
    those(rq, out, "/folders", is_child);
}

static bool is_named_child(struct sb_request *rq, const struct sb_entity *folder,
                           const char *parent_id)
{
    struct lk_str pattern;

    return is_child(rq, folder, parent_id) &&
           (!sb_query_arg(rq, "name", &pattern) ||
            sb_like(lk_str(sb_member(folder->json, "name")), pattern));
}

static void folder_children_search(struct sb_request *rq, struct sb_answer *out)
{
    those(rq, out, "/folders", is_named_child);
}

static void folder_looks(struct sb_request *rq, struct sb_answer *out)
{
    those(rq, out, "/looks", is_in);
}

static void folder_dashboards(struct sb_request *rq, struct sb_answer *out)
{
    those(rq, out, "/dashboards", is_in);
}

/* Whether the folder with that id is a, or lies in it. */
static bool lies_in(struct sb *sb, const char *id, const char *a)
{
    for (int depth = 0; id != NULL && depth < 100; depth++) {
        struct sb_entity *folder;

        if (strcmp(id, a) == 0)
            return true;
        folder = sb_find(sb, "/folders", lk_str(id));
        id = folder != NULL ? sb_member(folder->json, "parent_id") : NULL;
    }
    return false;
}

static bool is_ancestor(struct sb_request *rq, const struct sb_entity *folder, const char *of)
{
    return strcmp(folder->key, of) != 0 && lies_in(rq->sb, of, folder->key);
}

static void folder_ancestors(struct sb_request *rq, struct sb_answer *out)
{
    those(rq, out, "/folders", is_ancestor);
}

/* ---- changing ---- */

static bool may_be_called(struct sb_request *rq, struct sb_answer *out, const char *parent_id,
                          const char *name, const char *self)
{
    struct sb_collection *c = sb_collection(rq->sb->store, LK_STR("/folders"));

    if (sb_find(rq->sb, "/folders", lk_str(parent_id)) == NULL) {
        sb_fail_field(rq, out, "parent_id", "invalid", "There is no such folder");
        return false;
    }
    for (size_t i = 0; i < c->n; i++) {
        const cJSON *other = c->items[i].json;

        if (other == NULL || (self != NULL && strcmp(c->items[i].key, self) == 0) ||
            !is_child(rq, &c->items[i], parent_id) ||
            !lk_str_ieq(lk_str(sb_member(other, "name")), lk_str(name)))
            continue;
        sb_fail_field(rq, out, "name", "already_exists", "A folder here has that name");
        return false;
    }
    return true;
}

static void create_folder(struct sb_request *rq, struct sb_answer *out)
{
    const cJSON *body = sb_body(rq);
    struct sb_entity *folder;

    if (!may_be_called(rq, out, sb_member(body, "parent_id"), sb_member(body, "name"), NULL))
        return;
    sb_generic(rq, out);
    folder = sb_created(rq, out, "/folders");
    if (folder == NULL)
        return;
    sb_set_text(folder->json, "creator_id", rq->token->user_id);
    sb_touched(rq->sb, "/folders", folder);
    sb_answer_thing(rq, out, "/folders", folder);
}

static void update_folder(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *folder = sb_find_arg(rq, out, "/folders", "folder_id");
    const cJSON *body = sb_body(rq);
    const char *name = sb_member(body, "name"), *parent = sb_member(body, "parent_id");

    if (folder == NULL)
        return;
    if (sb_member(folder->json, "parent_id") == NULL)
        return sb_fail(rq, out, 403, "The root cannot be changed");
    if (parent != NULL && lies_in(rq->sb, parent, folder->key))
        return sb_fail_field(rq, out, "parent_id", "invalid", "A folder cannot lie in itself");
    if (may_be_called(rq, out, parent != NULL ? parent : sb_member(folder->json, "parent_id"),
                      name != NULL ? name : sb_member(folder->json, "name"), folder->key))
        sb_generic(rq, out);
}

/* The Looks and dashboards in the folder and in those that lie in it. */
static void empty_out(struct sb *sb, const char *id)
{
    struct sb_collection *looks = sb_collection(sb->store, LK_STR("/looks"));
    struct sb_collection *dashboards = sb_collection(sb->store, LK_STR("/dashboards"));

    for (size_t i = 0; i < looks->n; i++)
        if (looks->items[i].json != NULL &&
            lies_in(sb, sb_member(looks->items[i].json, "folder_id"), id))
            sb_entity_delete(&looks->items[i]);
    for (size_t i = 0; i < dashboards->n; i++)
        if (dashboards->items[i].json != NULL &&
            lies_in(sb, sb_member(dashboards->items[i].json, "folder_id"), id))
            sb_dashboard_delete(sb, dashboards->items[i].key);
}

static void delete_tree(struct sb *sb, const char *id)
{
    struct sb_collection *c = sb_collection(sb->store, LK_STR("/folders"));

    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].json != NULL && is_child(NULL, &c->items[i], id))
            delete_tree(sb, c->items[i].key);
    sb_entity_delete(sb_find(sb, "/folders", lk_str(id)));
}

static void delete_folder(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *folder = sb_find_arg(rq, out, "/folders", "folder_id");

    if (folder == NULL)
        return;
    if (sb_member(folder->json, "parent_id") == NULL)
        return sb_fail(rq, out, 403, "The root cannot be deleted");
    empty_out(rq->sb, folder->key);
    delete_tree(rq->sb, folder->key);
    sb_answer_empty(out, 204);
}

const struct sb_handler sb_folders_handlers[] = {
    {"folder_children", folder_children},
    {"folder_children_search", folder_children_search},
    {"folder_ancestors", folder_ancestors},
    {"folder_looks", folder_looks},
    {"folder_dashboards", folder_dashboards},
    {"create_folder", create_folder},
    {"update_folder", update_folder},
    {"delete_folder", delete_folder},
    {0},
};
