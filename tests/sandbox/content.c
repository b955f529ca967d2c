/*
 * Folders, looks and dashboards: what is there at the start, how dashboards and looks are
 * completed with what belongs to them, and the search over all content.
 */
#include "sandbox.h"

static const char folders_json[] =
    "[{\"id\":\"1\",\"name\":\"Shared\",\"parent_id\":null,\"is_shared_root\":true},"
    "{\"id\":\"2\",\"name\":\"Sales\",\"parent_id\":\"1\"},"
    "{\"id\":\"3\",\"name\":\"Web\",\"parent_id\":\"1\"},"
    "{\"id\":\"11\",\"name\":\"Sandbox Service\",\"parent_id\":\"1\",\"is_personal\":true},"
    "{\"id\":\"12\",\"name\":\"Ada Lovelace\",\"parent_id\":\"1\",\"is_personal\":true}]";

static const char looks_json[] =
    "[{\"id\":\"1\",\"title\":\"Orders by Status\",\"query_id\":\"1\",\"folder_id\":\"2\","
    "\"user_id\":\"2\",\"view_count\":120,\"description\":\"How many orders stand where\"},"
    "{\"id\":\"2\",\"title\":\"Revenue by Month\",\"query_id\":\"2\",\"folder_id\":\"2\","
    "\"user_id\":\"2\",\"view_count\":75},"
    "{\"id\":\"3\",\"title\":\"Users by State\",\"query_id\":\"3\",\"folder_id\":\"1\","
    "\"user_id\":\"3\",\"view_count\":8},"
    "{\"id\":\"4\",\"title\":\"Broken Look\",\"query_id\":\"5\",\"folder_id\":\"1\","
    "\"user_id\":\"3\",\"view_count\":1}]";

static const char dashboards_json[] =
    "[{\"id\":\"1\",\"title\":\"Business Pulse\",\"description\":\"Orders and revenue\","
    "\"folder_id\":\"2\",\"user_id\":\"2\",\"slug\":\"pulse\",\"view_count\":300},"
    "{\"id\":\"2\",\"title\":\"Web Traffic\",\"folder_id\":\"3\",\"user_id\":\"3\","
    "\"slug\":\"web\",\"view_count\":42},"
    "{\"id\":\"3\",\"title\":\"Empty Dashboard\",\"folder_id\":\"1\",\"user_id\":\"2\","
    "\"slug\":\"empty\",\"view_count\":0},"
    "{\"id\":\"thelook::overview\",\"title\":\"Overview (LookML)\",\"folder_id\":\"1\","
    "\"lookml_link_id\":\"thelook::overview\",\"readonly\":true,\"view_count\":5}]";

/* One tile of each kind, one that fails. */
static const char elements_json[] =
    "[{\"id\":\"1\",\"dashboard_id\":\"1\",\"type\":\"vis\",\"title\":\"Orders by Status\","
    "\"query_id\":\"1\"},"
    "{\"id\":\"2\",\"dashboard_id\":\"1\",\"type\":\"vis\",\"title\":\"Revenue by Month\","
    "\"look_id\":\"2\"},"
    "{\"id\":\"3\",\"dashboard_id\":\"1\",\"type\":\"vis\",\"title\":\"Users by State\","
    "\"result_maker_id\":\"1\",\"result_maker\":{\"id\":\"1\",\"query_id\":\"3\","
    "\"filterables\":[{\"model\":\"thelook\",\"view\":\"users\",\"name\":\"\",\"listen\":"
    "[{\"dashboard_filter_name\":\"State\",\"field\":\"users.state\"}]}]}},"
    "{\"id\":\"4\",\"dashboard_id\":\"1\",\"type\":\"text\",\"title_text\":\"About\","
    "\"body_text\":\"Numbers are made up.\",\"title\":null},"
    "{\"id\":\"5\",\"dashboard_id\":\"1\",\"type\":\"vis\",\"title\":\"Merged\","
    "\"merge_result_id\":\"merge1\"},"
    "{\"id\":\"6\",\"dashboard_id\":\"1\",\"type\":\"vis\",\"title\":\"From SQL Runner\","
    "\"result_maker_id\":\"2\",\"result_maker\":{\"id\":\"2\",\"sql_query_id\":\"sqlrunner1\"}},"
    "{\"id\":\"7\",\"dashboard_id\":\"1\",\"type\":\"vis\",\"title\":\"Fails\","
    "\"query_id\":\"5\"},"
    "{\"id\":\"8\",\"dashboard_id\":\"2\",\"type\":\"vis\",\"title\":\"Browsers\","
    "\"query_id\":\"4\"},"
    "{\"id\":\"9\",\"dashboard_id\":\"2\",\"type\":\"vis\",\"title\":\"Categories by Status\","
    "\"query_id\":\"6\"},"
    "{\"id\":\"10\",\"dashboard_id\":\"thelook::overview\",\"type\":\"vis\","
    "\"title\":\"Orders\",\"query_id\":\"1\"}]";

static const char filters_json[] =
    "[{\"id\":\"1\",\"dashboard_id\":\"1\",\"name\":\"State\",\"title\":\"State\","
    "\"type\":\"field_filter\",\"default_value\":\"California\",\"model\":\"thelook\","
    "\"explore\":\"users\",\"dimension\":\"users.state\",\"row\":0,"
    "\"allow_multiple_values\":true},"
    "{\"id\":\"2\",\"dashboard_id\":\"2\",\"name\":\"Date\",\"title\":\"Date\","
    "\"type\":\"date_filter\",\"default_value\":\"7 days\",\"row\":0}]";

static const char merges_json[] =
    "[{\"id\":\"merge1\",\"limit\":\"500\",\"source_queries\":["
    "{\"name\":\"Orders\",\"query_id\":\"1\",\"merge_fields\":["
    "{\"field_name\":\"orders.status\",\"source_field_name\":\"orders.status\"}]},"
    "{\"name\":\"Categories\",\"query_id\":\"6\",\"merge_fields\":["
    "{\"field_name\":\"orders.status\",\"source_field_name\":\"orders.status\"}]}]}]";

/* ---- completing ---- */

static void add_query(struct sb *sb, cJSON *thing, const char *query_id)
{
    struct lk_str json;

    if (query_id == NULL || !sb_query_find(sb, lk_str(query_id), &json))
        return;
    cJSON_DeleteItemFromObjectCaseSensitive(thing, "query");
    cJSON_AddItemToObject(thing, "query", cJSON_ParseWithLength(json.ptr, json.len));
}

static void add_folder(struct sb *sb, cJSON *thing)
{
    const char *id = sb_member(thing, "folder_id");
    struct sb_entity *folder =
        id != NULL ? sb_entity(sb_collection(sb->store, LK_STR("/folders")), lk_str(id)) : NULL;
    cJSON *object;

    if (folder == NULL || folder->json == NULL)
        return;
    object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "id", id);
    cJSON_AddStringToObject(object, "name", sb_member(folder->json, "name"));
    cJSON_DeleteItemFromObjectCaseSensitive(thing, "folder");
    cJSON_AddItemToObject(thing, "folder", object);
}

static void decorate_look(struct sb *sb, cJSON *look)
{
    add_query(sb, look, sb_member(look, "query_id"));
    add_folder(sb, look);
}

static void decorate_element(struct sb *sb, cJSON *element)
{
    const char *look_id = sb_member(element, "look_id");
    cJSON *maker = cJSON_GetObjectItemCaseSensitive(element, "result_maker");
    struct sb_entity *look =
        look_id != NULL ? sb_entity(sb_collection(sb->store, LK_STR("/looks")), lk_str(look_id))
                        : NULL;

    add_query(sb, element, sb_member(element, "query_id"));
    if (cJSON_IsObject(maker))
        add_query(sb, maker, sb_member(maker, "query_id"));
    if (look != NULL && look->json != NULL) {
        cJSON *copy = cJSON_Duplicate(look->json, true);

        decorate_look(sb, copy);
        cJSON_DeleteItemFromObjectCaseSensitive(element, "look");
        cJSON_AddItemToObject(element, "look", copy);
    }
}

/* The things of a collection that belong to the dashboard. */
static cJSON *belonging(struct sb *sb, const char *path, const char *dashboard_id)
{
    struct sb_collection *c = sb_collection(sb->store, lk_str(path));
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < c->n; i++) {
        const char *id =
            c->items[i].json != NULL ? sb_member(c->items[i].json, "dashboard_id") : NULL;
        cJSON *copy;

        if (id == NULL || dashboard_id == NULL || strcmp(id, dashboard_id) != 0)
            continue;
        copy = cJSON_Duplicate(c->items[i].json, true);
        if (c->decorate != NULL)
            c->decorate(sb, copy);
        cJSON_AddItemToArray(list, copy);
    }
    return list;
}

static void decorate_dashboard(struct sb *sb, cJSON *dashboard)
{
    static const char *const parts[] = {"dashboard_elements", "dashboard_filters",
                                        "dashboard_layouts"};
    static const char *const paths[] = {"/dashboard_elements", "/dashboard_filters",
                                        "/dashboard_layouts"};

    add_folder(sb, dashboard);
    for (size_t i = 0; i < 3; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(dashboard, parts[i]);
        cJSON_AddItemToObject(dashboard, parts[i],
                              belonging(sb, paths[i], sb_member(dashboard, "id")));
    }
}

void sb_seed_content(struct sb *sb)
{
    sb_seed(sb, "/folders", "folder", "id", folders_json);
    sb_seed(sb, "/looks", "look", "id", looks_json);
    sb_seed(sb, "/dashboards", "dashboard", "id", dashboards_json);
    sb_seed(sb, "/dashboard_elements", "dashboard_element", "id", elements_json);
    sb_seed(sb, "/dashboard_filters", "dashboard_filter", "id", filters_json);
    sb_seed(sb, "/dashboard_layouts", "dashboard_layout", "id",
            "[{\"id\":\"1\",\"dashboard_id\":\"1\",\"type\":\"newspaper\",\"active\":true}]");
    sb_seed(sb, "/merge_queries", "merge_query", "id", merges_json);
    sb_seed(sb, "/sql_queries", "sql_query", "slug",
            "[{\"slug\":\"sqlrunner1\",\"sql\":\"SELECT id, name, retail_price FROM products\","
            "\"model_name\":\"thelook\"}]");
    sb_collection(sb->store, LK_STR("/looks"))->decorate = decorate_look;
    sb_collection(sb->store, LK_STR("/dashboards"))->decorate = decorate_dashboard;
    sb_collection(sb->store, LK_STR("/dashboard_elements"))->decorate = decorate_element;
}

/* ---- the parts of one dashboard ---- */

static void list_parts(struct sb_request *rq, struct sb_answer *out, const char *path)
{
    struct lk_str id = sb_path_arg(rq, "dashboard_id");
    struct sb_entity *dashboard =
        sb_entity(sb_collection(rq->sb->store, LK_STR("/dashboards")), id);
    cJSON *list;

    if (dashboard == NULL || dashboard->json == NULL)
        return sb_fail_not_found(rq, out);
    list = belonging(rq->sb, path, dashboard->key);
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

/* ---- GET /content/{terms} ---- */

struct search {
    struct sb_request *rq;
    struct lk_json_writer w;
    struct lk_str pattern, types;
    int64_t offset, limit; /* limit -1: none */
};

static bool wanted_type(const struct search *s, const char *type)
{
    return s->types.len == 0 || memmem(s->types.ptr, s->types.len, type, strlen(type)) != NULL;
}

static void search_in(struct search *s, const char *path, const char *type)
{
    struct sb_collection *c = sb_collection(s->rq->sb->store, lk_str(path));

    for (size_t i = 0; wanted_type(s, type) && i < c->n; i++) {
        const cJSON *thing = c->items[i].json;
        const char *title = thing != NULL ? sb_member(thing, "title") : NULL;
        const cJSON *views;

        if (title == NULL || !sb_like(lk_str(title), s->pattern))
            continue;
        if (s->offset > 0) {
            s->offset--;
            continue;
        }
        if (s->limit == 0)
            return;
        s->limit--;
        lk_json_begin_object(&s->w);
        lk_json_member_string(&s->w, "content_id", lk_str(c->items[i].key));
        lk_json_member_string(&s->w, "type", lk_str(type));
        lk_json_member_string(&s->w, "title", lk_str(title));
        lk_json_key(&s->w, "description");
        lk_json_put_cstr(&s->w, sb_member(thing, "description"));
        lk_json_key(&s->w, "folder_id");
        lk_json_put_cstr(&s->w, sb_member(thing, "folder_id"));
        views = cJSON_GetObjectItemCaseSensitive(thing, "view_count");
        lk_json_member_integer(&s->w, "view_count",
                               cJSON_IsNumber(views) ? (int64_t)views->valuedouble : 0);
        lk_json_end_object(&s->w);
    }
}

static void search_content(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_buf *buf = sb_buf(rq);
    int64_t per_page = sb_query_int(rq, "per_page", -1);
    struct search s = {
        .rq = rq,
        .w = lk_json_writer(buf),
        .pattern = lk_arena_printf(rq->arena, "%%%.*s%%", LK_STR_ARG(sb_path_arg(rq, "terms"))),
        .offset = per_page > 0 ? (sb_query_int(rq, "page", 1) - 1) * per_page
                               : sb_query_int(rq, "offset", 0),
        .limit = sb_query_int(rq, "limit", per_page),
    };

    sb_query_arg(rq, "types", &s.types);
    lk_json_begin_array(&s.w);
    search_in(&s, "/dashboards", "dashboard");
    search_in(&s, "/looks", "look");
    lk_json_end_array(&s.w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

const struct sb_handler sb_content_handlers[] = {
    {"dashboard_dashboard_elements", dashboard_elements},
    {"dashboard_dashboard_filters", dashboard_filters},
    {"dashboard_dashboard_layouts", dashboard_layouts},
    {"search_content", search_content},
    {0},
};
