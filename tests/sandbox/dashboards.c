/*
 * Dashboards, their tiles and filters as lists, LookML dashboards (their ids have "::") and
 * importing them. The tiles themselves are in tiles.c.
 */
#include "content.h"

#include <stdio.h>

static const char dashboards_json[] =
    "[{\"id\":\"1\",\"title\":\"Business Pulse\",\"description\":\"Orders and revenue\","
    "\"folder_id\":\"2\",\"user_id\":\"2\",\"slug\":\"pulse\",\"view_count\":300},"
    "{\"id\":\"2\",\"title\":\"Web Traffic\",\"folder_id\":\"3\",\"user_id\":\"3\","
    "\"slug\":\"web\",\"view_count\":42},"
    "{\"id\":\"3\",\"title\":\"Empty Dashboard\",\"folder_id\":\"1\",\"user_id\":\"2\","
    "\"slug\":\"empty\",\"view_count\":0},"
    "{\"id\":\"thelook::overview\",\"title\":\"Overview (LookML)\",\"folder_id\":\"1\","
    "\"lookml_link_id\":\"thelook::overview\",\"readonly\":true,\"view_count\":5}]";

/* ---- dashboards ---- */

bool sb_is_lookml(const char *id)
{
    return strstr(id, "::") != NULL;
}

static void decorate_dashboard(struct sb *sb, cJSON *dashboard)
{
    static const char *const parts[] = {"dashboard_elements", "dashboard_filters",
                                        "dashboard_layouts"};
    static const char *const paths[] = {"/dashboard_elements", "/dashboard_filters",
                                        "/dashboard_layouts"};
    const char *id = sb_member(dashboard, "id");
    char url[128];

    sb_add_folder(sb, dashboard);
    for (size_t i = 0; i < 3; i++)
        sb_set(dashboard, parts[i], sb_belonging(sb, paths[i], "dashboard_id", id));
    snprintf(url, sizeof(url), "/dashboards/%s", id);
    sb_set_text(dashboard, "url", url);
}

/* What is in the trash, and what LookML has, is found only where it is asked for. */
static bool is_shown(struct sb_request *rq, const cJSON *dashboard)
{
    struct lk_str ignored;

    if (strcmp(rq->route->op->id, "search_dashboards") == 0 &&
        sb_is_lookml(sb_member(dashboard, "id")))
        return false;
    return sb_query_arg(rq, "deleted", &ignored) || !sb_is_trash(dashboard);
}

void sb_seed_dashboards(struct sb *sb)
{
    sb_seed(sb, "/dashboards", "dashboard", "id", dashboards_json);
    sb_collection(sb->store, LK_STR("/dashboards"))->decorate = decorate_dashboard;
    sb_collection(sb->store, LK_STR("/dashboards"))->fits = is_shown;
    sb_seed_tiles(sb);
}

static void create_dashboard(struct sb_request *rq, struct sb_answer *out)
{
    const cJSON *body = sb_body(rq);
    const char *title = sb_member(body, "title"), *folder = sb_member(body, "folder_id");
    struct sb_entity *dashboard;

    if (title == NULL || folder == NULL)
        return sb_fail_field(rq, out, title == NULL ? "title" : "folder_id", "missing_field",
                             "A dashboard needs a title and a folder");
    if (!sb_may_stand(rq, out, "/dashboards", folder, title, NULL))
        return;
    sb_generic(rq, out);
    dashboard = sb_created(rq, out, "/dashboards");
    if (dashboard == NULL)
        return;
    sb_set_text(dashboard->json, "user_id", rq->token->user_id);
    sb_add_layout(rq->sb, dashboard->key);
    sb_touched(rq->sb, "/dashboards", dashboard);
    sb_answer_thing(rq, out, "/dashboards", dashboard);
}

static void update_dashboard(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *dashboard = sb_find_arg(rq, out, "/dashboards", "dashboard_id");
    const cJSON *body = sb_body(rq);
    const char *title = sb_member(body, "title"), *folder = sb_member(body, "folder_id");

    if (dashboard == NULL)
        return;
    if (sb_is_lookml(dashboard->key))
        return sb_fail(rq, out, 403, "LookML dashboards are changed in LookML");
    if ((title != NULL || folder != NULL) &&
        !sb_may_stand(rq, out, "/dashboards",
                      folder != NULL ? folder : sb_member(dashboard->json, "folder_id"),
                      title != NULL ? title : sb_member(dashboard->json, "title"), dashboard->key))
        return;
    sb_generic(rq, out);
}

void sb_dashboard_delete(struct sb *sb, const char *id)
{
    cJSON *layouts = sb_belonging(sb, "/dashboard_layouts", "dashboard_id", id);
    const cJSON *layout;

    cJSON_ArrayForEach(layout, layouts)
    {
        sb_delete_those(sb, "/dashboard_layout_components", "dashboard_layout_id",
                        sb_member(layout, "id"));
    }
    cJSON_Delete(layouts);
    sb_delete_those(sb, "/dashboard_layouts", "dashboard_id", id);
    sb_delete_those(sb, "/dashboard_elements", "dashboard_id", id);
    sb_delete_those(sb, "/dashboard_filters", "dashboard_id", id);
    sb_delete_those(sb, "/dashboards", "id", id);
}

static void delete_dashboard(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *dashboard = sb_find_arg(rq, out, "/dashboards", "dashboard_id");

    if (dashboard == NULL)
        return;
    sb_dashboard_delete(rq->sb, lk_arena_cstr(rq->arena, lk_str(dashboard->key)));
    sb_answer_empty(out, 204);
}

/* ---- LookML dashboards ---- */

static bool title_fits(struct sb_request *rq, const cJSON *dashboard)
{
    struct lk_str pattern;

    return !sb_query_arg(rq, "title", &pattern) ||
           sb_like(lk_str(sb_member(dashboard, "title")), pattern);
}

static bool folder_fits(struct sb_request *rq, const cJSON *dashboard)
{
    struct lk_str id;

    return !sb_query_arg(rq, "folder_id", &id) ||
           lk_str_eq(lk_str(sb_member(dashboard, "folder_id")), id);
}

static void search_lookml_dashboards(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *c = sb_collection(rq->sb->store, LK_STR("/dashboards"));
    int64_t limit = sb_query_int(rq, "limit", INT64_MAX), offset = sb_query_int(rq, "offset", 0);
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < c->n && limit > 0; i++) {
        const cJSON *dashboard = c->items[i].json;
        cJSON *item;

        if (dashboard == NULL || !sb_is_lookml(c->items[i].key) || !title_fits(rq, dashboard) ||
            !folder_fits(rq, dashboard) || offset-- > 0)
            continue;
        limit--;
        item = cJSON_CreateObject();
        sb_set_text(item, "dashboard_id", c->items[i].key);
        sb_set_text(item, "folder_id", sb_member(dashboard, "folder_id"));
        sb_set_text(item, "lookml",
                    lk_arena_printf(rq->arena, "- dashboard: %s\n  title: \"%s\"\n",
                                    strstr(c->items[i].key, "::") + 2,
                                    sb_member(dashboard, "title"))
                        .ptr);
        cJSON_AddItemToArray(list, item);
    }
    sb_answer_tree(rq, out, 200, list);
    cJSON_Delete(list);
}

/* The tiles of one dashboard on another one. */
static void copy_elements(struct sb *sb, const char *from, const char *to)
{
    struct sb_collection *c = sb_collection(sb->store, LK_STR("/dashboard_elements"));
    size_t n = c->n;

    for (size_t i = 0; i < n; i++) {
        const char *owner =
            c->items[i].json != NULL ? sb_member(c->items[i].json, "dashboard_id") : NULL;
        cJSON *copy;
        char key[32];

        if (owner == NULL || strcmp(owner, from) != 0)
            continue;
        copy = cJSON_Duplicate(c->items[i].json, true);
        snprintf(key, sizeof(key), "%lld", (long long)c->next_id++);
        sb_set_text(copy, "id", key);
        sb_set_text(copy, "dashboard_id", to);
        sb_entity_put(c, lk_str(key), copy);
        sb_add_component(sb, copy);
    }
}

static void import_lookml_dashboard(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *c = sb_collection(rq->sb->store, LK_STR("/dashboards"));
    struct sb_entity *original = sb_find_arg(rq, out, "/dashboards", "lookml_dashboard_id"), *made;
    const char *folder = lk_arena_cstr(rq->arena, sb_path_arg(rq, "space_id"));
    const char *title = sb_member(sb_body(rq), "title"), *from;
    cJSON *copy;
    char key[32];

    if (original == NULL)
        return;
    if (!sb_is_lookml(original->key))
        return sb_fail(rq, out, 404, "%s is no LookML dashboard", original->key);
    if (sb_find(rq->sb, "/folders", lk_str(folder)) == NULL)
        return sb_fail_not_found(rq, out);
    from = lk_arena_cstr(rq->arena, lk_str(original->key));
    copy = cJSON_Duplicate(original->json, true);
    if (title == NULL)
        title = sb_member(copy, "title");
    if (!sb_may_stand(rq, out, "/dashboards", folder, title, NULL)) {
        cJSON_Delete(copy);
        return;
    }
    snprintf(key, sizeof(key), "%lld", (long long)c->next_id++);
    sb_set_text(copy, "id", key);
    sb_set_text(copy, "title", title);
    sb_set_text(copy, "folder_id", folder);
    sb_set_text(copy, "lookml_link_id", from);
    sb_set(copy, "readonly", cJSON_CreateFalse());
    made = sb_entity_put(c, lk_str(key), copy);
    sb_add_layout(rq->sb, key);
    copy_elements(rq->sb, from, key);
    sb_answer_thing(rq, out, "/dashboards", made);
}

/* ---- the parts of one dashboard ---- */

static void list_parts(struct sb_request *rq, struct sb_answer *out, const char *path)
{
    struct sb_entity *dashboard = sb_find_arg(rq, out, "/dashboards", "dashboard_id");
    cJSON *list;

    if (dashboard == NULL)
        return;
    list = sb_belonging(rq->sb, path, "dashboard_id", dashboard->key);
    sb_answer_tree(rq, out, 200, list);
    cJSON_Delete(list);
}

static void dashboard_elements(struct sb_request *rq, struct sb_answer *out)
{
    list_parts(rq, out, "/dashboard_elements");
}

static void dashboard_filters(struct sb_request *rq, struct sb_answer *out)
{
    list_parts(rq, out, "/dashboard_filters");
}

static void dashboard_layouts(struct sb_request *rq, struct sb_answer *out)
{
    list_parts(rq, out, "/dashboard_layouts");
}

const struct sb_handler sb_dashboards_handlers[] = {
    {"create_dashboard", create_dashboard},
    {"update_dashboard", update_dashboard},
    {"delete_dashboard", delete_dashboard},
    {"search_lookml_dashboards", search_lookml_dashboards},
    {"import_lookml_dashboard", import_lookml_dashboard},
    {"dashboard_dashboard_elements", dashboard_elements},
    {"dashboard_dashboard_filters", dashboard_filters},
    {"dashboard_dashboard_layouts", dashboard_layouts},
    {0},
};
