/*
 * Projects and their files, as production and as a developer's workspace have them. What the files
 * mean is in lookml.c, branches and deploys in git.c.
 */
#include "projects.h"

/* A string member of the body, "" when it is not there. */
static const char *body_text(struct sb_request *rq, const char *name)
{
    return lk_arena_cstr(rq->arena, lk_json_get_string(rq->arena, rq->body, lk_str(name)));
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

/* ---- projects ---- */

static void create_project(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *c = sb_collection(rq->sb->store, LK_STR("/projects"));
    struct lk_str name = lk_json_get_string(rq->arena, rq->body, LK_STR("name"));
    struct sb_entity *entity = sb_entity(c, name);
    cJSON *project;

    if (name.len == 0)
        return sb_fail_field(rq, out, "name", "missing_field", "name is required");
    if (entity != NULL && entity->json != NULL)
        return sb_fail_field(rq, out, "name", "already_exists", "a project of that name exists");
    if (body_text(rq, "git_remote_url")[0] != '\0')
        return sb_fail_field(rq, out, "git_remote_url", "invalid", "set it with update_project");
    project = sb_example_object(rq->route->op->answer.type, false, 0);
    sb_set_text(project, "id", lk_arena_cstr(rq->arena, name));
    sb_set_text(project, "name", lk_arena_cstr(rq->arena, name));
    sb_set_text(project, "git_production_branch_name", "main");
    sb_set_text(project, "pull_request_mode", "off");
    entity = sb_entity_put(c, name, project);
    sb_answer_json(out, 200, sb_entity_show(rq, c, entity));
}

/* Looker connects to the remote when it changes. */
static void update_project(struct sb_request *rq, struct sb_answer *out)
{
    if (strstr(body_text(rq, "git_remote_url"), "unreachable") != NULL)
        return sb_fail(rq, out, 400, "Cannot connect to the git remote");
    sb_generic(rq, out);
}

/* ---- files ---- */

static const char *kind_of(const char *path)
{
    static const char *const kinds[][2] = {
        {".model.lkml", "model"},     {".view.lkml", "view"},
        {".explore.lkml", "explore"}, {".dashboard.lookml", "dashboard"},
        {".test.lkml", "test"},       {"manifest.lkml", "project_manifest"},
        {".md", "document"},          {".lkml", "lookml"},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (ends_with(path, kinds[i][0]))
            return kinds[i][1];
    return "unknown";
}

static cJSON *show_file(struct sb_workspace *ws, const cJSON *file)
{
    const char *path = file->string, *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path, *dot = strchr(name, '.'), *ref;
    const cJSON *committed = cJSON_GetObjectItemCaseSensitive(
        sb_ref_tree(ws, sb_member(ws->branch->json, "ref"), &ref), path);
    bool readonly = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(ws->branch->json, "readonly"));
    cJSON *shown = cJSON_CreateObject(), *status;

    cJSON_AddItemToObject(shown, "can", cJSON_CreateObject());
    sb_set_text(shown, "id", path);
    sb_set_text(shown, "path", path);
    sb_set_text(shown, "title",
                lk_arena_cstr(ws->rq->arena,
                              dot != NULL ? lk_str_n(name, (size_t)(dot - name)) : lk_str(name)));
    sb_set_text(shown, "type", kind_of(path));
    sb_set_text(shown, "extension", dot);
    sb_set_text(shown, "mime_type", "text/plain");
    cJSON_AddBoolToObject(shown, "editable", ws->dev && !readonly);
    if (committed != NULL && strcmp(committed->valuestring, file->valuestring) == 0) {
        cJSON_AddNullToObject(shown, "git_status");
        return shown;
    }
    status = cJSON_AddObjectToObject(shown, "git_status");
    cJSON_AddStringToObject(status, "action", committed == NULL ? "added" : "modified");
    cJSON_AddBoolToObject(status, "conflict", false);
    cJSON_AddBoolToObject(status, "revertable", true);
    cJSON_AddStringToObject(status, "text", committed == NULL ? "New file" : "Changed file");
    return shown;
}

static bool is_directory(const cJSON *member)
{
    return ends_with(member->string, "/");
}

static void all_project_files(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;
    cJSON *list;
    const cJSON *file;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    list = cJSON_CreateArray();
    cJSON_ArrayForEach(file, ws.tree) if (!is_directory(file))
        cJSON_AddItemToArray(list, show_file(&ws, file));
    sb_answer_tree(rq, out, 200, list);
    cJSON_Delete(list);
}

/* The file that a query parameter names, or NULL: *out says 404. */
static const cJSON *named_file(struct sb_workspace *ws, struct sb_answer *out, const char *param)
{
    struct lk_str path = {0};
    const cJSON *file;

    sb_query_arg(ws->rq, param, &path);
    file = cJSON_GetObjectItemCaseSensitive(ws->tree, lk_arena_cstr(ws->rq->arena, path));
    if (file == NULL || is_directory(file)) {
        sb_fail_not_found(ws->rq, out);
        return NULL;
    }
    return file;
}

static void project_file(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;
    const cJSON *file;
    cJSON *shown;

    if (!sb_workspace_open(rq, out, &ws) || (file = named_file(&ws, out, "file_id")) == NULL)
        return;
    shown = show_file(&ws, file);
    sb_answer_tree(rq, out, 200, shown);
    cJSON_Delete(shown);
}

static void answer_text(struct sb_request *rq, struct sb_answer *out, const char *text)
{
    *out = (struct sb_answer){200, "text/plain; charset=utf-8",
                              .body = lk_arena_str(rq->arena, lk_str(text))};
}

static void get_file_content(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;
    const cJSON *file;

    if (sb_workspace_open(rq, out, &ws) && (file = named_file(&ws, out, "file_path")) != NULL)
        answer_text(rq, out, file->valuestring);
}

/* For writing: false when the branch is not the user's to change. */
static bool open_writable(struct sb_request *rq, struct sb_answer *out, struct sb_workspace *ret_ws)
{
    if (!sb_workspace_open(rq, out, ret_ws))
        return false;
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(ret_ws->branch->json, "readonly"))) {
        sb_fail(rq, out, 403, "The branch %s is read-only", ret_ws->branch->key);
        return false;
    }
    return true;
}

static void write_file(struct sb_request *rq, struct sb_answer *out, bool create)
{
    const char *path = body_text(rq, "path");
    const char *content = body_text(rq, "content");
    struct sb_workspace ws;

    if (!open_writable(rq, out, &ws))
        return;
    if (path[0] == '\0' || path[0] == '/' || strstr(path, "..") != NULL)
        return sb_fail_field(rq, out, "path", "invalid", "a path relative to the project's root");
    if ((cJSON_GetObjectItemCaseSensitive(ws.tree, path) != NULL) == create) {
        if (create)
            return sb_fail(rq, out, 409, "File %s exists already", path);
        return sb_fail_not_found(rq, out);
    }
    sb_set_text(sb_workspace_edit(&ws), path, content);
    sb_answer_empty(out, 204);
}

static void create_file(struct sb_request *rq, struct sb_answer *out)
{
    write_file(rq, out, true);
}

static void update_file(struct sb_request *rq, struct sb_answer *out)
{
    write_file(rq, out, false);
}

static void delete_file(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;
    const cJSON *file;

    if (!open_writable(rq, out, &ws) || (file = named_file(&ws, out, "file_path")) == NULL)
        return;
    cJSON_DeleteItemFromObjectCaseSensitive(sb_workspace_edit(&ws),
                                            lk_arena_cstr(rq->arena, lk_str(file->string)));
    sb_answer_empty(out, 204);
}

/* ---- directories ---- */

static void list_directories(struct sb_request *rq, struct sb_answer *out)
{
    cJSON *names = cJSON_CreateObject(), *list = cJSON_CreateArray();
    struct sb_workspace ws;
    const cJSON *member;

    if (sb_workspace_open(rq, out, &ws)) {
        cJSON_ArrayForEach(member, ws.tree)
        {
            for (const char *slash = strchr(member->string, '/'); slash != NULL;
                 slash = strchr(slash + 1, '/'))
                sb_set_text(names,
                            lk_arena_cstr(rq->arena, lk_str_n(member->string,
                                                              (size_t)(slash - member->string))),
                            "");
        }
        cJSON_ArrayForEach(member, names)
            cJSON_AddItemToArray(list, cJSON_CreateString(member->string));
        sb_answer_tree(rq, out, 200, list);
    }
    cJSON_Delete(names);
    cJSON_Delete(list);
}

/* The first member below the directory, or NULL. */
static const cJSON *below(const cJSON *tree, const char *directory)
{
    const cJSON *member;

    cJSON_ArrayForEach(
        member, tree) if (lk_str_starts(lk_str(member->string), lk_str(directory))) return member;
    return NULL;
}

static void create_directory(struct sb_request *rq, struct sb_answer *out)
{
    const char *path = body_text(rq, "path");
    struct sb_workspace ws;

    if (!open_writable(rq, out, &ws))
        return;
    path = lk_arena_printf(rq->arena, "%s/", path).ptr;
    if (path[0] == '/')
        return sb_fail_field(rq, out, "path", "invalid", "a path relative to the project's root");
    if (below(ws.tree, path) != NULL)
        return sb_fail(rq, out, 409, "Directory %s exists already", path);
    sb_set_text(sb_workspace_edit(&ws), path, "");
    answer_text(rq, out, "Directory created");
}

static void delete_directory(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str given = {0};
    struct sb_workspace ws;
    const cJSON *member;
    const char *path;
    cJSON *tree;

    if (!open_writable(rq, out, &ws))
        return;
    sb_query_arg(rq, "path", &given);
    path = lk_arena_printf(rq->arena, "%.*s/", LK_STR_ARG(given)).ptr;
    if (below(ws.tree, path) == NULL)
        return sb_fail_not_found(rq, out);
    tree = sb_workspace_edit(&ws);
    while ((member = below(tree, path)) != NULL)
        cJSON_DeleteItemFromObjectCaseSensitive(tree,
                                                lk_arena_cstr(rq->arena, lk_str(member->string)));
    answer_text(rq, out, "Directory deleted");
}

/* ---- views from tables ---- */

static void generate_view(struct sb_workspace *ws, struct lk_str folder, struct lk_str table)
{
    struct lk_arena *arena = ws->rq->arena;
    struct lk_str name = lk_json_get_string(arena, table, LK_STR("table_name"));
    struct lk_str schema = lk_json_get_string(arena, table, LK_STR("schema"));
    struct lk_str path = lk_arena_printf(arena, "%.*s%s%.*s.view.lkml", LK_STR_ARG(folder),
                                         folder.len > 0 ? "/" : "", LK_STR_ARG(name));
    struct lk_str text = lk_arena_printf(arena, "view: %.*s {\n  sql_table_name: %.*s.%.*s ;;\n}\n",
                                         LK_STR_ARG(name), LK_STR_ARG(schema), LK_STR_ARG(name));

    sb_set_text(sb_workspace_edit(ws), path.ptr, text.ptr);
}

static void generate_views(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str connection = LK_STR("warehouse"), folder = LK_STR("views"), kind, list, key, item;
    struct lk_json_iter it;
    struct sb_workspace ws;

    if (!open_writable(rq, out, &ws))
        return;
    sb_query_arg(rq, "connection", &connection);
    if (sb_entity(sb_collection(rq->sb->store, LK_STR("/connections")), connection) == NULL)
        return sb_fail(rq, out, 400, "There is no connection \"%.*s\"", LK_STR_ARG(connection));
    sb_query_arg(rq, "folder_name", &folder);
    if (sb_query_arg(rq, "file_type_for_explores", &kind) && !lk_str_eq(kind, LK_STR("none")) &&
        !lk_str_eq(kind, LK_STR("model")) && !lk_str_eq(kind, LK_STR("explore")))
        return sb_fail(rq, out, 400, "file_type_for_explores is model, explore or none");
    if (lk_json_get(rq->body, LK_STR("tables"), &list)) {
        it = lk_json_iter(list);
        while (lk_json_next(&it, &key, &item))
            generate_view(&ws, folder, item);
    }
    sb_answer_empty(out, 204);
}

const struct sb_handler sb_projects_handlers[] = {
    {"create_project", create_project},
    {"update_project", update_project},
    {"all_project_files", all_project_files},
    {"project_file", project_file},
    {"get_project_file_content", get_file_content},
    {"create_project_file", create_file},
    {"update_project_file", update_file},
    {"delete_project_file", delete_file},
    {"list_project_directories", list_directories},
    {"create_project_directory", create_directory},
    {"delete_project_directory", delete_directory},
    {"generate_project_views", generate_views},
    {0},
};
