/*
 * Folders, looks and dashboards: what is there at the start, how dashboards and looks are
 * completed with what belongs to them, and the search over all content.
 */
#include "content.h"

#include <stdio.h>

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

static const char merges_json[] =
    "[{\"id\":\"merge1\",\"limit\":\"500\",\"source_queries\":["
    "{\"name\":\"Orders\",\"query_id\":\"1\",\"merge_fields\":["
    "{\"field_name\":\"orders.status\",\"source_field_name\":\"orders.status\"}]},"
    "{\"name\":\"Categories\",\"query_id\":\"6\",\"merge_fields\":["
    "{\"field_name\":\"orders.status\",\"source_field_name\":\"orders.status\"}]}]}]";

/* ---- completing, checking ---- */

void sb_add_query(struct sb *sb, cJSON *thing, const char *query_id)
{
    struct lk_str json;

    if (query_id == NULL || !sb_query_find(sb, lk_str(query_id), &json))
        return;
    sb_set(thing, "query", cJSON_ParseWithLength(json.ptr, json.len));
}

void sb_add_folder(struct sb *sb, cJSON *thing)
{
    const char *id = sb_member(thing, "folder_id");
    struct sb_entity *folder = id != NULL ? sb_find(sb, "/folders", lk_str(id)) : NULL;
    cJSON *object;

    if (folder == NULL)
        return;
    object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "id", folder->key);
    cJSON_AddStringToObject(object, "name", sb_member(folder->json, "name"));
    sb_set(thing, "folder", object);
}

static void decorate_look(struct sb *sb, cJSON *look)
{
    char url[64];

    sb_add_query(sb, look, sb_member(look, "query_id"));
    sb_add_folder(sb, look);
    snprintf(url, sizeof(url), "/looks/%s", sb_member(look, "id"));
    sb_set_text(look, "url", url);
}

bool sb_is_trash(const cJSON *thing)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(thing, "deleted"));
}

/* What is in the trash is not found, unless it is asked for. */
static bool is_shown(struct sb_request *rq, const cJSON *thing)
{
    struct lk_str ignored;

    return sb_query_arg(rq, "deleted", &ignored) || !sb_is_trash(thing);
}

bool sb_may_stand(struct sb_request *rq, struct sb_answer *out, const char *path,
                  const char *folder_id, const char *title, const char *self)
{
    struct sb_collection *c = sb_collection(rq->sb->store, lk_str(path));

    if (folder_id != NULL && sb_find(rq->sb, "/folders", lk_str(folder_id)) == NULL) {
        sb_fail_field(rq, out, "folder_id", "invalid", "There is no such folder");
        return false;
    }
    for (size_t i = 0; folder_id != NULL && title != NULL && i < c->n; i++) {
        const cJSON *other = c->items[i].json;

        if (other == NULL || sb_is_trash(other) ||
            (self != NULL && strcmp(c->items[i].key, self) == 0) ||
            !lk_str_eq(lk_str(sb_member(other, "folder_id")), lk_str(folder_id)) ||
            !lk_str_eq(lk_str(sb_member(other, "title")), lk_str(title)))
            continue;
        sb_fail_field(rq, out, "title", "already_exists",
                      "The title is already in use in this folder");
        return false;
    }
    return true;
}

struct sb_entity *sb_created(struct sb_request *rq, const struct sb_answer *out, const char *path)
{
    struct lk_str id = lk_json_get_string(rq->arena, out->body, LK_STR("id"));

    return out->status == 200 ? sb_find(rq->sb, path, id) : NULL;
}

void sb_seed_content(struct sb *sb)
{
    struct sb_collection *looks;

    sb_seed(sb, "/folders", "folder", "id", folders_json);
    sb_seed(sb, "/looks", "look", "id", looks_json);
    sb_seed(sb, "/merge_queries", "merge_query", "id", merges_json);
    sb_seed(sb, "/sql_queries", "sql_query", "slug",
            "[{\"slug\":\"sqlrunner1\",\"sql\":\"SELECT id, name, retail_price FROM products\","
            "\"model_name\":\"thelook\"}]");
    looks = sb_collection(sb->store, LK_STR("/looks"));
    looks->decorate = decorate_look;
    looks->fits = is_shown;
    sb_seed_dashboards(sb);
    sb_seed_boards(sb);
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

/* ---- Looks ---- */

static bool query_exists(struct sb_request *rq, struct sb_answer *out, const char *query_id)
{
    struct lk_str ignored;

    if (query_id != NULL && sb_query_find(rq->sb, lk_str(query_id), &ignored))
        return true;
    sb_fail_field(rq, out, "query_id", query_id == NULL ? "missing_field" : "invalid",
                  "A Look needs a query that exists");
    return false;
}

static void create_look(struct sb_request *rq, struct sb_answer *out)
{
    const cJSON *body = sb_body(rq);
    const char *title = sb_member(body, "title"), *folder = sb_member(body, "folder_id");
    struct sb_entity *look;

    if (title == NULL || folder == NULL)
        return sb_fail_field(rq, out, title == NULL ? "title" : "folder_id", "missing_field",
                             "A Look needs a title and a folder");
    if (!query_exists(rq, out, sb_member(body, "query_id")) ||
        !sb_may_stand(rq, out, "/looks", folder, title, NULL))
        return;
    sb_generic(rq, out);
    look = sb_created(rq, out, "/looks");
    if (look == NULL)
        return;
    sb_set_text(look->json, "user_id", rq->token->user_id);
    sb_set_text(look->json, "updated_at", SB_NOW);
    sb_touched(rq->sb, "/looks", look);
    sb_answer_thing(rq, out, "/looks", look);
}

static void update_look(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *look = sb_find_arg(rq, out, "/looks", "look_id");
    const cJSON *body = sb_body(rq);
    const char *title = sb_member(body, "title"), *folder = sb_member(body, "folder_id");

    if (look == NULL)
        return;
    if (sb_member(body, "query_id") != NULL && !query_exists(rq, out, sb_member(body, "query_id")))
        return;
    if ((title != NULL || folder != NULL) &&
        !sb_may_stand(rq, out, "/looks",
                      folder != NULL ? folder : sb_member(look->json, "folder_id"),
                      title != NULL ? title : sb_member(look->json, "title"), look->key))
        return;
    sb_generic(rq, out);
}

/* ---- embedding ---- */

/* Where the path of a complete address begins; 0: it is none. */
static size_t path_at(struct lk_str url)
{
    const char *host = memmem(url.ptr, url.len, "://", 3), *slash;

    if (host == NULL)
        return 0;
    slash = memchr(host + 3, '/', (size_t)(lk_str_end(url) - host - 3));
    return slash != NULL ? (size_t)(slash - url.ptr) : 0;
}

static void answer_embed_url(struct sb_request *rq, struct sb_answer *out, const char *user)
{
    struct lk_str target = lk_json_get_string(rq->arena, rq->body, LK_STR("target_url"));
    size_t at = path_at(target);
    cJSON *answer = cJSON_CreateObject();

    cJSON_AddStringToObject(
        answer, "url",
        lk_arena_printf(rq->arena, "%s/login/embed%.*s?nonce=%llx&external_user_id=%s&signature=s",
                        rq->sb->base_url, (int)(target.len - at), target.ptr + at,
                        (unsigned long long)sb_hash(rq->body), user)
            .ptr);
    sb_answer_tree(rq, out, 200, answer);
    cJSON_Delete(answer);
}

static bool has_items(const cJSON *body, const char *name)
{
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(body, name)) > 0;
}

static void create_sso_embed_url(struct sb_request *rq, struct sb_answer *out)
{
    const cJSON *body = sb_body(rq);
    struct lk_str target = lk_json_get_string(rq->arena, rq->body, LK_STR("target_url"));
    size_t at = path_at(target);
    const char *user = sb_member(body, "external_user_id");

    if (at == 0 || lk_str_starts(lk_str_n(target.ptr + at, target.len - at), LK_STR("/embed/")))
        return sb_fail_field(rq, out, "target_url", "invalid",
                             "must be the complete address of a page");
    if (user == NULL)
        return sb_fail_field(rq, out, "external_user_id", "missing_field", "is required");
    if (!has_items(body, "group_ids") &&
        !(has_items(body, "models") && has_items(body, "permissions")))
        return sb_fail_field(rq, out, "permissions", "missing_field",
                             "group_ids, or models and permissions, are required");
    answer_embed_url(rq, out, user);
}

static void create_embed_url_as_me(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str target = lk_json_get_string(rq->arena, rq->body, LK_STR("target_url"));
    size_t at = path_at(target);

    if (at == 0 || !lk_str_starts(lk_str_n(target.ptr + at, target.len - at), LK_STR("/embed/")))
        return sb_fail_field(rq, out, "target_url", "invalid",
                             "must be a complete address whose path begins with /embed");
    answer_embed_url(rq, out, rq->token->user_id);
}

const struct sb_handler sb_content_handlers[] = {
    {"search_content", search_content},
    {"create_look", create_look},
    {"update_look", update_look},
    {"create_sso_embed_url", create_sso_embed_url},
    {"create_embed_url_as_me", create_embed_url_as_me},
    {0},
};
