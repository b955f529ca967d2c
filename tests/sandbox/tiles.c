/*
 * Tiles of dashboards, their filters, and the layouts with a component for each tile.
 *
 * A tile listens to filters through its result maker, which has one entry (filterable) for each of
 * its queries. The entries are made anew when the query changes, and what the tile listened to is
 * then gone: whoever changes it has to see to that.
 */
#include "content.h"

#include <stdio.h>

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

static const char layouts_json[] =
    "[{\"id\":\"1\",\"dashboard_id\":\"1\",\"type\":\"newspaper\",\"active\":true},"
    "{\"id\":\"2\",\"dashboard_id\":\"2\",\"type\":\"newspaper\",\"active\":true},"
    "{\"id\":\"3\",\"dashboard_id\":\"3\",\"type\":\"newspaper\",\"active\":true},"
    "{\"id\":\"4\",\"dashboard_id\":\"thelook::overview\",\"type\":\"newspaper\","
    "\"active\":true}]";

/* ---- tiles: the result maker ---- */

static cJSON *filterable(struct sb *sb, const char *query_id, const char *name)
{
    cJSON *item = cJSON_CreateObject();
    struct lk_str json;
    cJSON *query = query_id != NULL && sb_query_find(sb, lk_str(query_id), &json)
                       ? cJSON_ParseWithLength(json.ptr, json.len)
                       : NULL;

    sb_set_text(item, "model", sb_member(query, "model"));
    sb_set_text(item, "view", sb_member(query, "view"));
    sb_set_text(item, "name", name);
    sb_set(item, "listen", cJSON_CreateArray());
    cJSON_Delete(query);
    return item;
}

/* The query that the element shows, or NULL: its own or its Look's. */
static const char *query_of(struct sb *sb, const cJSON *element)
{
    const char *look_id = sb_member(element, "look_id"), *own = sb_member(element, "query_id");
    struct sb_entity *look = look_id != NULL ? sb_find(sb, "/looks", lk_str(look_id)) : NULL;

    return own != NULL ? own : look != NULL ? sb_member(look->json, "query_id") : NULL;
}

static cJSON *filterables(struct sb *sb, const cJSON *element)
{
    const char *merge_id = sb_member(element, "merge_result_id"), *query_id = query_of(sb, element);
    struct sb_entity *merge =
        merge_id != NULL ? sb_find(sb, "/merge_queries", lk_str(merge_id)) : NULL;
    cJSON *list = cJSON_CreateArray();
    const cJSON *sources =
        merge != NULL ? cJSON_GetObjectItemCaseSensitive(merge->json, "source_queries") : NULL;
    const cJSON *source;

    if (merge == NULL && query_id != NULL)
        cJSON_AddItemToArray(list, filterable(sb, query_id, NULL));
    cJSON_ArrayForEach(source, sources)
    {
        cJSON_AddItemToArray(
            list, filterable(sb, sb_member(source, "query_id"), sb_member(source, "name")));
    }
    return list;
}

/* Makes it anew for an element with a source. */
static void make_result_maker(struct sb *sb, cJSON *element)
{
    const char *merge_id = sb_member(element, "merge_result_id"), *query_id = query_of(sb, element);
    cJSON *maker;

    if (query_id == NULL && merge_id == NULL)
        return;
    maker = cJSON_CreateObject();
    sb_set_text(maker, "id", sb_member(element, "id"));
    sb_set_text(maker, "query_id", merge_id == NULL ? query_id : NULL);
    sb_set_text(maker, "merge_result_id", merge_id);
    sb_set_text(maker, "sql_query_id", NULL);
    sb_set(maker, "vis_config", cJSON_CreateNull());
    sb_set(maker, "filterables", filterables(sb, element));
    sb_set(element, "result_maker", maker);
    sb_set_text(element, "result_maker_id", sb_member(element, "id"));
}

static void decorate_element(struct sb *sb, cJSON *element)
{
    const char *look_id = sb_member(element, "look_id");
    struct sb_entity *look = look_id != NULL ? sb_find(sb, "/looks", lk_str(look_id)) : NULL;
    cJSON *maker = cJSON_GetObjectItemCaseSensitive(element, "result_maker");

    sb_add_query(sb, element, sb_member(element, "query_id"));
    if (cJSON_IsObject(maker))
        sb_add_query(sb, maker, sb_member(maker, "query_id"));
    if (look != NULL) {
        cJSON *copy = cJSON_Duplicate(look->json, true);

        sb_collection(sb->store, LK_STR("/looks"))->decorate(sb, copy);
        sb_set(element, "look", copy);
    }
}

/* ---- layouts ---- */

/* Those of a collection whose member is that text, decorated. */
cJSON *sb_belonging(struct sb *sb, const char *path, const char *member, const char *text)
{
    struct sb_collection *c = sb_collection(sb->store, lk_str(path));
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < c->n; i++) {
        const char *value = c->items[i].json != NULL ? sb_member(c->items[i].json, member) : NULL;
        cJSON *copy;

        if (value == NULL || text == NULL || strcmp(value, text) != 0)
            continue;
        copy = cJSON_Duplicate(c->items[i].json, true);
        if (c->decorate != NULL)
            c->decorate(sb, copy);
        cJSON_AddItemToArray(list, copy);
    }
    return list;
}

static void decorate_layout(struct sb *sb, cJSON *layout)
{
    sb_set(layout, "dashboard_layout_components",
           sb_belonging(sb, "/dashboard_layout_components", "dashboard_layout_id",
                        sb_member(layout, "id")));
}

static void decorate_component(struct sb *sb, cJSON *component)
{
    const char *id = sb_member(component, "dashboard_element_id");
    struct sb_entity *element = id != NULL ? sb_find(sb, "/dashboard_elements", lk_str(id)) : NULL;

    if (element != NULL)
        sb_set_text(component, "element_title", sb_member(element->json, "title"));
}

static double number(const cJSON *object, const char *member)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, member);

    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* A place for the tile below all others in the layout of its dashboard. */
void sb_add_component(struct sb *sb, const cJSON *element)
{
    struct sb_collection *c = sb_collection(sb->store, LK_STR("/dashboard_layout_components"));
    cJSON *layouts =
        sb_belonging(sb, "/dashboard_layouts", "dashboard_id", sb_member(element, "dashboard_id"));
    const cJSON *layout = cJSON_GetArrayItem(layouts, 0), *other;
    cJSON *component = sb_example_object(c->type, false, 0);
    char key[32];
    double row = 0;

    cJSON_ArrayForEach(other,
                       cJSON_GetObjectItemCaseSensitive(layout, "dashboard_layout_components"))
    {
        double end = number(other, "row") + number(other, "height");
        row = end > row ? end : row;
    }
    snprintf(key, sizeof(key), "%lld", (long long)c->next_id++);
    sb_set_text(component, "id", key);
    sb_set_text(component, "dashboard_layout_id", sb_member(layout, "id"));
    sb_set_text(component, "dashboard_element_id", sb_member(element, "id"));
    sb_set(component, "row", cJSON_CreateNumber(row));
    sb_set(component, "column", cJSON_CreateNumber(0));
    sb_set(component, "width", cJSON_CreateNumber(8));
    sb_set(component, "height", cJSON_CreateNumber(6));
    sb_entity_put(c, lk_str(key), component);
    cJSON_Delete(layouts);
}

void sb_add_layout(struct sb *sb, const char *dashboard_id)
{
    struct sb_collection *c = sb_collection(sb->store, LK_STR("/dashboard_layouts"));
    cJSON *layout = sb_example_object(c->type, false, 0);
    char key[32];

    snprintf(key, sizeof(key), "%lld", (long long)c->next_id++);
    sb_set_text(layout, "id", key);
    sb_set_text(layout, "dashboard_id", dashboard_id);
    sb_set_text(layout, "type", "newspaper");
    sb_set(layout, "active", cJSON_CreateTrue());
    sb_entity_put(c, lk_str(key), layout);
}

void sb_delete_those(struct sb *sb, const char *path, const char *member, const char *text)
{
    struct sb_collection *c = sb_collection(sb->store, lk_str(path));

    for (size_t i = 0; i < c->n; i++) {
        const char *value = c->items[i].json != NULL ? sb_member(c->items[i].json, member) : NULL;

        if (value != NULL && strcmp(value, text) == 0)
            sb_entity_delete(&c->items[i]);
    }
}

static void layout_components(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *layout = sb_find_arg(rq, out, "/dashboard_layouts", "dashboard_layout_id");
    cJSON *list;

    if (layout == NULL)
        return;
    list = sb_belonging(rq->sb, "/dashboard_layout_components", "dashboard_layout_id", layout->key);
    sb_answer_tree(rq, out, 200, list);
    cJSON_Delete(list);
}

/* ---- seeding ---- */

void sb_seed_tiles(struct sb *sb)
{
    struct sb_collection *elements;

    sb_seed(sb, "/dashboard_elements", "dashboard_element", "id", elements_json);
    sb_seed(sb, "/dashboard_filters", "dashboard_filter", "id", filters_json);
    sb_seed(sb, "/dashboard_layouts", "dashboard_layout", "id", layouts_json);
    sb_seed(sb, "/dashboard_layout_components", "dashboard_layout_component", "id", "[]");
    sb_collection(sb->store, LK_STR("/dashboard_layouts"))->decorate = decorate_layout;
    sb_collection(sb->store, LK_STR("/dashboard_layout_components"))->decorate = decorate_component;
    sb_collection(sb->store, LK_STR("/dashboard_layout_components"))->next_id = 1;
    elements = sb_collection(sb->store, LK_STR("/dashboard_elements"));
    elements->decorate = decorate_element;
    for (size_t i = 0; i < elements->n; i++) {
        cJSON *element = elements->items[i].json;

        /* Two have one of their own. */
        if (!cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(element, "result_maker")))
            make_result_maker(sb, element);
        sb_add_component(sb, element);
    }
}

/* ---- tiles ---- */

static bool sources_exist(struct sb_request *rq, struct sb_answer *out, const cJSON *body)
{
    const char *query = sb_member(body, "query_id"), *look = sb_member(body, "look_id");
    const char *merge = sb_member(body, "merge_result_id"), *missing = NULL;
    struct lk_str ignored;

    if (query != NULL && !sb_query_find(rq->sb, lk_str(query), &ignored))
        missing = "query_id";
    if (look != NULL && sb_find(rq->sb, "/looks", lk_str(look)) == NULL)
        missing = "look_id";
    if (merge != NULL && sb_find(rq->sb, "/merge_queries", lk_str(merge)) == NULL)
        missing = "merge_result_id";
    if (missing != NULL)
        sb_fail_field(rq, out, missing, "invalid", "There is no such thing");
    return missing == NULL;
}

/* The dashboard that a new part names, if users may change it. */
static bool dashboard_is_open(struct sb_request *rq, struct sb_answer *out, const char *id)
{
    if (id == NULL || sb_find(rq->sb, "/dashboards", lk_str(id)) == NULL) {
        sb_fail_field(rq, out, "dashboard_id", id == NULL ? "missing_field" : "invalid",
                      "There is no such dashboard");
        return false;
    }
    if (sb_is_lookml(id))
        sb_fail(rq, out, 403, "LookML dashboards are changed in LookML");
    return !sb_is_lookml(id);
}

static void create_element(struct sb_request *rq, struct sb_answer *out)
{
    const cJSON *body = sb_body(rq);
    struct sb_entity *element;

    if (!dashboard_is_open(rq, out, sb_member(body, "dashboard_id")) ||
        !sources_exist(rq, out, body))
        return;
    sb_generic(rq, out);
    element = sb_created(rq, out, "/dashboard_elements");
    if (element == NULL)
        return;
    make_result_maker(rq->sb, element->json);
    sb_add_component(rq->sb, element->json);
    sb_touched(rq->sb, "/dashboard_elements", element);
    sb_answer_thing(rq, out, "/dashboard_elements", element);
}

static bool names_source(const cJSON *body)
{
    return cJSON_HasObjectItem(body, "query_id") || cJSON_HasObjectItem(body, "look_id") ||
           cJSON_HasObjectItem(body, "merge_result_id");
}

static void update_element(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *element = sb_find_arg(rq, out, "/dashboard_elements", "dashboard_element_id");
    const cJSON *body = sb_body(rq);

    if (element == NULL || !sources_exist(rq, out, body))
        return;
    sb_generic(rq, out);
    element = sb_find_arg(rq, out, "/dashboard_elements", "dashboard_element_id");
    if (element == NULL || out->status != 200 || !names_source(body))
        return;
    make_result_maker(rq->sb, element->json);
    sb_touched(rq->sb, "/dashboard_elements", element);
    sb_answer_thing(rq, out, "/dashboard_elements", element);
}

static void delete_element(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *element = sb_find_arg(rq, out, "/dashboard_elements", "dashboard_element_id");

    if (element == NULL)
        return;
    sb_delete_those(rq->sb, "/dashboard_layout_components", "dashboard_element_id", element->key);
    sb_entity_delete(element);
    sb_answer_empty(out, 204);
}

/* ---- filters ---- */

static void create_filter(struct sb_request *rq, struct sb_answer *out)
{
    const cJSON *body = sb_body(rq);
    const char *dashboard_id = sb_member(body, "dashboard_id"), *name = sb_member(body, "name");
    cJSON *others;
    bool taken;

    if (!dashboard_is_open(rq, out, dashboard_id))
        return;
    others = sb_belonging(rq->sb, "/dashboard_filters", "dashboard_id", dashboard_id);
    taken = name != NULL && sb_list_find(others, "name", name) != NULL;
    cJSON_Delete(others);
    if (taken)
        return sb_fail_field(rq, out, "name", "already_exists",
                             "The dashboard has a filter of that name");
    sb_generic(rq, out);
}

const struct sb_handler sb_tiles_handlers[] = {
    {"dashboard_layout_dashboard_layout_components", layout_components},
    {"create_dashboard_element", create_element},
    {"update_dashboard_element", update_element},
    {"delete_dashboard_element", delete_element},
    {"create_dashboard_filter", create_filter},
    {0},
};
