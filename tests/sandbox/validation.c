/*
 * GET /content_validation: what is broken at all times, and the Looks and tiles that ask for a
 * field or an explore that the branch in the request's workspace has removed (edits.c).
 */
#include "content.h"
#include "projects.h"

/* What is broken: where, in which project, and whether only production has it. */
static const struct {
    const char *project, *folder;
    bool production_only;
    const char *json;
} broken[] = {
    {"thelook", "1", false,
     "{\"id\":\"1\",\"look\":{\"id\":\"4\",\"title\":\"Broken Look\",\"short_url\":\"/looks/4\","
     "\"folder\":{\"id\":\"1\",\"name\":\"Shared\"}},\"errors\":[{\"message\":"
     "\"Unknown field "
     "\\\"orders.broken\\\"\",\"model_name\":\"thelook\",\"explore_name\":\"orders\","
     "\"field_name\":\"orders.broken\",\"removable\":true}]}"},
    {"thelook", "2", false,
     "{\"id\":\"2\",\"dashboard\":{\"id\":\"1\",\"title\":\"Business Pulse\",\"description\":null,"
     "\"url\":\"/dashboards/1\",\"folder\":{\"id\":\"2\",\"name\":\"Sales\"}},"
     "\"dashboard_element\":{\"id\":\"7\",\"dashboard_id\":\"1\",\"title\":\"Fails\",\"type\":"
     "\"vis\","
     "\"query_id\":\"5\"},\"errors\":[{\"message\":\"Unknown field \\\"orders.broken\\\"\","
     "\"model_name\":\"thelook\",\"explore_name\":\"orders\",\"field_name\":\"orders.broken\","
     "\"removable\":true},{\"message\":\"Unknown field \\\"orders.lost\\\"\",\"model_name\":"
     "\"thelook\",\"explore_name\":\"orders\",\"field_name\":\"orders.lost\",\"removable\":true}]"
     "}"},
    {"analytics", "3", true,
     "{\"id\":\"3\",\"dashboard\":{\"id\":\"2\",\"title\":\"Web Traffic\",\"folder\":{\"id\":\"3\","
     "\"name\":\"Web\"}},\"dashboard_filter\":{\"id\":\"2\",\"dashboard_id\":\"2\",\"name\":"
     "\"Date\","
     "\"title\":\"Date\",\"type\":\"date_filter\"},\"errors\":[{\"message\":"
     "\"Could not find explore \\\"visits\\\"\",\"model_name\":\"analytics\",\"explore_name\":"
     "\"visits\",\"field_name\":null,\"removable\":false}]}"},
};

static bool is_among(struct sb_request *rq, const char *param, const char *name)
{
    struct lk_str list;

    if (!sb_query_arg(rq, param, &list))
        return true;
    while (list.len > 0)
        if (lk_str_eq(lk_str_take(&list, ','), lk_str(name)))
            return true;
    return false;
}

/* ---- what a branch has removed ---- */

struct search {
    struct sb_request *rq;
    struct lk_json_writer w;
    int64_t next_id;
};

static void put_error(struct lk_json_writer *w, const char *what, struct lk_str name,
                      const cJSON *query, bool field)
{
    struct lk_buf text;

    lk_buf_init(&text, 1024);
    lk_buf_printf(&text, "%s \"%.*s\"", what, LK_STR_ARG(name));
    lk_json_begin_object(w);
    lk_json_member_string(w, "message", lk_buf_view(&text));
    lk_json_member_string(w, "model_name", lk_str(sb_member(query, "model")));
    lk_json_member_string(w, "explore_name", lk_str(sb_member(query, "view")));
    lk_json_key(w, "field_name");
    lk_json_put_cstr(w, field ? name.ptr : NULL);
    lk_json_member_boolean(w, "removable", field);
    lk_json_end_object(w);
    lk_buf_free(&text);
}

/* Writes the errors of the query when w is not NULL, and says how many there are. */
static size_t query_errors(const cJSON *query, const cJSON *files, struct lk_json_writer *w)
{
    static const char *const lists[] = {"fields", "filters"};
    struct lk_str view = lk_str(sb_member(query, "view"));
    const cJSON *item;
    size_t n = 0;

    if (sb_edited(files, "removes_explore", view, NULL)) {
        if (w != NULL)
            put_error(w, "Could not find explore", view, query, false);
        return 1;
    }
    for (size_t i = 0; i < 2; i++) {
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(query, lists[i]))
        {
            const char *name = i == 0 ? item->valuestring : item->string;

            if (name == NULL || !sb_edited(files, "removes_field", lk_str(name), NULL))
                continue;
            n++;
            if (w != NULL)
                put_error(w, "Unknown field", lk_str(name), query, true);
        }
    }
    return n;
}

static const char *project_of(const cJSON *query)
{
    const char *model = sb_member(query, "model");

    for (size_t i = 0; model != NULL && i < sb_n_models; i++)
        if (strcmp(sb_models[i].name, model) == 0)
            return sb_models[i].project;
    return NULL;
}

static void put_folder(struct search *s, const char *id)
{
    struct sb_entity *folder = sb_find(s->rq->sb, "/folders", lk_str(id));

    lk_json_key(&s->w, "folder");
    lk_json_begin_object(&s->w);
    lk_json_member_string(&s->w, "id", lk_str(id));
    lk_json_key(&s->w, "name");
    lk_json_put_cstr(&s->w, folder != NULL ? sb_member(folder->json, "name") : NULL);
    lk_json_end_object(&s->w);
}

static void put_thing(struct search *s, const char *kind, const cJSON *thing, const char *folder)
{
    lk_json_key(&s->w, kind);
    lk_json_begin_object(&s->w);
    lk_json_member_string(&s->w, "id", lk_str(sb_member(thing, "id")));
    lk_json_key(&s->w, "title");
    lk_json_put_cstr(&s->w, sb_member(thing, "title"));
    if (folder != NULL)
        put_folder(s, folder);
    lk_json_end_object(&s->w);
}

/* dashboard: the one that the tile `thing` is on; NULL: it is a Look. */
static void check_thing(struct search *s, const cJSON *thing, const char *query_id,
                        const cJSON *dashboard)
{
    const char *folder = sb_member(dashboard != NULL ? dashboard : thing, "folder_id");
    const cJSON *files = NULL;
    const char *project;
    struct lk_str text;
    cJSON *query;

    if (query_id == NULL || folder == NULL || !sb_query_find(s->rq->sb, lk_str(query_id), &text))
        return;
    query = cJSON_ParseWithLength(text.ptr, text.len);
    project = project_of(query);
    if (project != NULL && is_among(s->rq, "project_names", project) &&
        is_among(s->rq, "space_ids", folder))
        files = sb_edited_files(s->rq, project);
    if (files != NULL && query_errors(query, files, NULL) > 0) {
        lk_json_begin_object(&s->w);
        lk_json_member_string(&s->w, "id",
                              lk_arena_printf(s->rq->arena, "%lld", (long long)s->next_id++));
        if (dashboard != NULL)
            put_thing(s, "dashboard", dashboard, folder);
        put_thing(s, dashboard != NULL ? "dashboard_element" : "look", thing,
                  dashboard != NULL ? NULL : folder);
        lk_json_key(&s->w, "errors");
        lk_json_begin_array(&s->w);
        query_errors(query, files, &s->w);
        lk_json_end_array(&s->w);
        lk_json_end_object(&s->w);
    }
    cJSON_Delete(query);
}

static void check_looks(struct search *s)
{
    struct sb_collection *looks = sb_collection(s->rq->sb->store, LK_STR("/looks"));

    for (size_t i = 0; i < looks->n; i++) {
        const cJSON *look = looks->items[i].json;

        if (look != NULL && !sb_is_trash(look))
            check_thing(s, look, sb_member(look, "query_id"), NULL);
    }
}

static void check_tiles(struct search *s)
{
    struct sb_collection *tiles = sb_collection(s->rq->sb->store, LK_STR("/dashboard_elements"));

    for (size_t i = 0; i < tiles->n; i++) {
        const cJSON *tile = tiles->items[i].json;
        const char *id = tile != NULL ? sb_member(tile, "dashboard_id") : NULL, *query_id;
        struct sb_entity *dashboard =
            id != NULL ? sb_find(s->rq->sb, "/dashboards", lk_str(id)) : NULL;

        if (dashboard == NULL || sb_is_lookml(id) || sb_is_trash(dashboard->json))
            continue;
        query_id = sb_member(tile, "query_id");
        if (query_id == NULL)
            query_id =
                sb_member(cJSON_GetObjectItemCaseSensitive(tile, "result_maker"), "query_id");
        check_thing(s, tile, query_id, dashboard->json);
    }
}

/* ---- the answer ---- */

static void content_validation(struct sb_request *rq, struct sb_answer *out)
{
    bool dev = strcmp(rq->token->workspace, "dev") == 0;
    struct lk_buf *buf = sb_buf(rq);
    struct search s = {.rq = rq, .w = lk_json_writer(buf), .next_id = 101};
    struct lk_str projects;

    if (sb_query_arg(rq, "project_names", &projects) &&
        memchr(projects.ptr, ',', projects.len) == NULL)
        sb_seen_files(rq, lk_arena_cstr(rq->arena, projects), &rq->branch);
    lk_json_begin_object(&s.w);
    lk_json_key(&s.w, "content_with_errors");
    lk_json_begin_array(&s.w);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        if (is_among(rq, "project_names", broken[i].project) &&
            is_among(rq, "space_ids", broken[i].folder) && !(dev && broken[i].production_only))
            lk_json_put_raw(&s.w, lk_str(broken[i].json));
    check_looks(&s);
    check_tiles(&s);
    lk_json_end_array(&s.w);
    lk_json_member_raw(&s.w, "computation_time", LK_STR("1.25"));
    lk_json_member_integer(&s.w, "total_looks_validated", 4);
    lk_json_member_integer(&s.w, "total_dashboard_elements_validated", 10);
    lk_json_member_integer(&s.w, "total_dashboard_filters_validated", 2);
    lk_json_member_integer(&s.w, "total_scheduled_plans_validated", 2);
    lk_json_member_integer(&s.w, "total_alerts_validated", 1);
    lk_json_member_integer(&s.w, "total_explores_validated", 9);
    lk_json_end_object(&s.w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

const struct sb_handler sb_validation_handlers[] = {
    {"content_validation", content_validation},
    {0},
};
