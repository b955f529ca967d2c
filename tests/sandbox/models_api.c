/*
 * Models and explores as answers: the list, one model, one explore with its fields, suggestions.
 */
#include "projects.h"

#include <stdio.h>
#include <stdlib.h>

static void write_filter(struct lk_json_writer *w, const char *key, const char *const filter[2])
{
    lk_json_key(w, key);
    lk_json_begin_array(w);
    if (filter[0] != NULL) {
        lk_json_begin_object(w);
        lk_json_member_string(w, "name", lk_str(filter[0]));
        lk_json_member_string(w, "value", lk_str(filter[1]));
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
}

static void write_fields(struct sb_request *rq, struct lk_json_writer *w,
                         const struct sb_model *model, const struct sb_explore *explore)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } sets[] = {{"dimensions", 0},
                {"measures", SB_MEASURE},
                {"filters", SB_FILTER},
                {"parameters", SB_PARAMETER}};
    struct sb_field field;

    lk_json_key(w, "fields");
    lk_json_begin_object(w);
    for (size_t s = 0; s < sizeof(sets) / sizeof(sets[0]); s++) {
        lk_json_key(w, sets[s].name);
        lk_json_begin_array(w);
        for (size_t i = 0; sb_field_at(rq->arena, explore, i, &field); i++)
            if ((field.flags & (SB_MEASURE | SB_FILTER | SB_PARAMETER)) == sets[s].flag)
                sb_write_field(rq->arena, w, model, &field);
        lk_json_end_array(w);
    }
    lk_json_end_object(w);
}

static void write_joins(struct sb_request *rq, struct lk_json_writer *w,
                        const struct sb_explore *explore)
{
    lk_json_key(w, "joins");
    lk_json_begin_array(w);
    for (const char *const *view = explore->views + 1; *view != NULL; view++) {
        lk_json_begin_object(w);
        lk_json_member_string(w, "name", lk_str(*view));
        lk_json_member_string(w, "type", LK_STR("left_outer"));
        lk_json_member_string(w, "relationship", LK_STR("many_to_one"));
        lk_json_member_string(
            w, "sql_on",
            lk_arena_printf(rq->arena, "${%s.%s_id} = ${%s.id} ", explore->views[0], *view, *view));
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
}

static void write_explore(struct sb_request *rq, struct lk_json_writer *w,
                          const struct sb_model *model, const struct sb_explore *explore)
{
    static const char *const yes[] = {"can_total",   "can_save",     "can_pivot_in_db",
                                      "can_explain", "can_subtotal", "has_timezone_support"};
    static const char *const none[] = {"access_filters", "aliases", "errors", "tags", "sets"};

    lk_json_begin_object(w);
    lk_json_member_string(w, "id",
                          lk_arena_printf(rq->arena, "%s::%s", model->name, explore->name));
    lk_json_member_string(w, "name", lk_str(explore->name));
    lk_json_key(w, "description");
    lk_json_put_cstr(w, explore->description);
    lk_json_member_string(w, "label", lk_str(explore->label));
    lk_json_member_string(w, "title", lk_str(explore->label));
    lk_json_member_string(w, "model_name", lk_str(model->name));
    lk_json_member_string(w, "project_name", lk_str(model->project));
    lk_json_member_string(w, "view_name", lk_str(explore->views[0]));
    lk_json_member_string(w, "group_label", lk_str(explore->group_label));
    lk_json_member_boolean(w, "hidden", explore->hidden);
    lk_json_member_string(w, "connection_name", lk_str(model->connection));
    lk_json_member_string(w, "dialect_name", LK_STR("postgres"));
    lk_json_member_string(w, "sql_table_name",
                          lk_arena_printf(rq->arena, "public.%s", explore->views[0]));
    lk_json_key(w, "scopes");
    lk_json_begin_array(w);
    for (const char *const *view = explore->views; *view != NULL; view++)
        lk_json_put_cstr(w, *view);
    lk_json_end_array(w);
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        lk_json_member_boolean(w, yes[i], true);
    write_filter(w, "always_filter", explore->always);
    write_filter(w, "conditionally_filter", explore->conditional);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        lk_json_member_raw(w, none[i], LK_STR("[]"));
    write_fields(rq, w, model, explore);
    write_joins(rq, w, explore);
    lk_json_end_object(w);
}

/* The first explores that were asked for, printed. */
#define MAX_SHOWN 32
struct sb_shown {
    struct {
        uint64_t hash;
        char *text;
        size_t len;
    } items[MAX_SHOWN];
    size_t n;
};

void sb_shown_free(struct sb_shown *shown)
{
    for (size_t i = 0; shown != NULL && i < shown->n; i++)
        free(shown->items[i].text);
    free(shown);
}

static void lookml_model_explore(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str model_name = sb_path_arg(rq, "lookml_model_name");
    struct lk_str name = sb_path_arg(rq, "explore_name");
    uint64_t hash = sb_hash(model_name) * 31 + sb_hash(name);
    const struct sb_model *model;
    struct sb_explore explore;
    struct sb_shown *shown;
    struct lk_json_writer w;
    struct lk_buf *buf;

    if (!sb_explore_seen(rq, model_name, name, &model, &explore))
        return sb_fail_not_found(rq, out);
    if (rq->sb->shown == NULL)
        rq->sb->shown = sb_alloc(sizeof(*shown));
    shown = rq->sb->shown;
    for (size_t i = 0; explore.files == NULL && i < shown->n; i++)
        if (shown->items[i].hash == hash)
            return sb_answer_json(out, 200, lk_str_n(shown->items[i].text, shown->items[i].len));
    buf = sb_buf(rq);
    w = lk_json_writer(buf);
    write_explore(rq, &w, model, &explore);
    sb_answer_json(out, 200, lk_buf_view(buf));
    if (explore.files == NULL && shown->n < MAX_SHOWN) {
        shown->items[shown->n].hash = hash;
        shown->items[shown->n].text = sb_strdup(out->body);
        shown->items[shown->n++].len = out->body.len;
    }
}

/* ---- the list, out of the store so that changes to models show ---- */

static void write_nav(struct lk_json_writer *w, const struct sb_explore *explore)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, "name", lk_str(explore->name));
    lk_json_key(w, "description");
    lk_json_put_cstr(w, explore->description);
    lk_json_member_string(w, "label", lk_str(explore->label));
    lk_json_member_boolean(w, "hidden", explore->hidden);
    lk_json_member_string(w, "group_label", lk_str(explore->group_label));
    lk_json_end_object(w);
}

static void write_model(struct lk_arena *arena, struct lk_json_writer *w,
                        const struct sb_model *model)
{
    const struct sb_model *found;
    struct sb_explore explore;

    lk_json_begin_object(w);
    lk_json_member_string(w, "name", lk_str(model->name));
    lk_json_member_string(w, "label", lk_str(model->label));
    lk_json_member_string(w, "project_name", lk_str(model->project));
    lk_json_member_boolean(w, "has_content", model->n_explores > 0);
    lk_json_member_boolean(w, "unlimited_db_connections", false);
    lk_json_key(w, "allowed_db_connection_names");
    lk_json_begin_array(w);
    lk_json_put_cstr(w, model->connection);
    lk_json_end_array(w);
    lk_json_key(w, "explores");
    lk_json_begin_array(w);
    for (size_t i = 0; i < model->n_explores; i++) {
        char name[40] = "wide";

        if (model->explores != NULL) {
            write_nav(w, &model->explores[i]);
            continue;
        }
        if (i + 1 < model->n_explores)
            snprintf(name, sizeof(name), "explore_%03zu", i + 1);
        if (sb_explore_find(arena, lk_str(model->name), lk_str(name), &found, &explore))
            write_nav(w, &explore);
    }
    lk_json_end_array(w);
    lk_json_end_object(w);
}

void sb_seed_models(struct sb *sb)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_buf buf;
    struct lk_json_writer w = lk_json_writer(&buf);

    lk_buf_init(&buf, SB_MAX_TEXT_BYTES);
    lk_json_begin_array(&w);
    for (size_t i = 0; i < sb_n_models; i++)
        write_model(arena, &w, &sb_models[i]);
    lk_json_end_array(&w);
    sb_seed(sb, "/lookml_models", "lookml_model", "name", buf.ptr);
    lk_buf_free(&buf);
    lk_arena_free(arena);
    sb_seed(sb, "/projects", "project", "id",
            "[{\"id\":\"thelook\",\"name\":\"thelook\",\"uses_git\":true,"
            "\"git_remote_url\":\"git@git.example.com:shop/thelook.git\",\"is_example\":false,"
            "\"git_production_branch_name\":\"main\",\"pull_request_mode\":\"off\","
            "\"validation_required\":true,\"has_production_counterpart\":true},"
            "{\"id\":\"analytics\",\"name\":\"analytics\",\"uses_git\":true},"
            "{\"id\":\"big\",\"name\":\"big\",\"uses_git\":false},"
            "{\"id\":\"retail\",\"name\":\"retail\",\"uses_git\":true},"
            "{\"id\":\"common\",\"name\":\"common\",\"uses_git\":true},"
            "{\"id\":\"finance\",\"name\":\"finance\",\"uses_git\":true}]");
}

/* A copy without hidden explores; false when nothing is left and empty ones are not wanted. */
static bool show_model(struct sb_request *rq, const cJSON *model, struct lk_json_writer *w)
{
    cJSON *copy = cJSON_Duplicate(model, true);
    cJSON *explores;
    bool kept = true;

    sb_edit_model(rq, copy);
    explores = cJSON_GetObjectItemCaseSensitive(copy, "explores");
    if (sb_query_bool(rq, "exclude_hidden", false)) {
        for (int i = cJSON_GetArraySize(explores) - 1; i >= 0; i--) {
            const cJSON *explore = cJSON_GetArrayItem(explores, i);

            if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(explore, "hidden")))
                cJSON_DeleteItemFromArray(explores, i);
        }
    }
    if (sb_query_bool(rq, "exclude_empty", false) && cJSON_GetArraySize(explores) == 0)
        kept = false;
    else
        lk_json_put_raw(w, sb_print(rq, copy));
    cJSON_Delete(copy);
    return kept;
}

static bool any_edited(struct sb_request *rq)
{
    for (size_t i = 0; i < sb_n_models; i++)
        if (sb_edited_files(rq, sb_models[i].project) != NULL)
            return true;
    return false;
}

static void all_lookml_models(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *c = sb_collection(rq->sb->store, LK_STR("/lookml_models"));
    bool filter = sb_query_bool(rq, "exclude_hidden", false) ||
                  sb_query_bool(rq, "exclude_empty", false) || any_edited(rq);
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    if (!filter)
        return sb_generic(rq, out);
    int64_t offset = sb_query_int(rq, "offset", 0), limit = sb_query_int(rq, "limit", -1);
    lk_json_begin_array(&w);
    for (size_t i = 0; i < c->n && limit != 0; i++) {
        struct lk_json_writer before = w;
        size_t len = buf->len;

        if (c->items[i].json == NULL || !show_model(rq, c->items[i].json, &w))
            continue;
        if (offset > 0) {
            offset--;
            lk_buf_truncate(buf, len);
            w = before;
        } else {
            limit--;
        }
    }
    lk_json_end_array(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

/* ---- suggestions ---- */

/* As Looker does: at most so many of a field with any number of values. */
#define MAX_SUGGESTIONS 500

static bool is_suggested(struct sb_request *rq, struct lk_str value, struct lk_str term)
{
    return term.len == 0 ||
           sb_like(value, lk_arena_printf(rq->arena, "%%%.*s%%", LK_STR_ARG(term)));
}

/* The values of the field that have the term; true when there are more. */
static bool write_suggestions(struct sb_request *rq, struct lk_json_writer *w,
                              const struct sb_field *field, struct lk_str term)
{
    bool listed = (field->flags & (SB_MEASURE | SB_PARAMETER | SB_FILTER)) == 0;
    bool many = listed && field->values == NULL && strcmp(field->type, "string") == 0;
    size_t n = 0;

    for (const char *const *v = field->values; listed && v != NULL && *v != NULL; v++)
        if (is_suggested(rq, lk_str(*v), term))
            lk_json_put_cstr(w, *v);
    for (size_t i = 0; many && i < 10000; i++) {
        struct lk_str value = lk_arena_printf(rq->arena, "%s %04zu", field->name, i);

        if (!is_suggested(rq, value, term))
            continue;
        if (n++ == MAX_SUGGESTIONS)
            return true;
        lk_json_put_string(w, value);
    }
    return false;
}

/* `filters` is a JSON object of expressions for fields of the explore. */
static bool check_filters(struct sb_request *rq, struct sb_answer *out,
                          const struct sb_explore *explore)
{
    struct lk_str filters, key;
    struct lk_json_iter it;
    struct sb_field field;

    if (!sb_query_arg(rq, "filters", &filters))
        return true;
    it = lk_json_iter(filters);
    while (lk_json_next(&it, &key, NULL)) {
        if (!sb_field_find(rq->arena, explore, lk_json_decode_key(rq->arena, key), &field)) {
            sb_fail(rq, out, 400, "filters: \"%.*s\" is not a field of the explore",
                    LK_STR_ARG(key));
            return false;
        }
    }
    return true;
}

static void suggestions(struct sb_request *rq, struct sb_answer *out)
{
    const struct sb_model *model;
    struct sb_explore explore;
    struct sb_field field;
    struct lk_str term = {0}, name = sb_path_arg(rq, "field_name");
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);
    bool more;

    if (!sb_explore_seen(rq, sb_path_arg(rq, "model_name"), sb_path_arg(rq, "view_name"), &model,
                         &explore) ||
        !sb_field_find(rq->arena, &explore, name, &field))
        return sb_fail_not_found(rq, out);
    if (!check_filters(rq, out, &explore))
        return;
    sb_query_arg(rq, "term", &term);
    lk_json_begin_object(&w);
    lk_json_key(&w, "suggestions");
    lk_json_begin_array(&w);
    more = write_suggestions(rq, &w, &field, term);
    lk_json_end_array(&w);
    lk_json_key(&w, "error");
    lk_json_put_null(&w);
    lk_json_member_boolean(&w, "from_cache", true);
    lk_json_member_boolean(&w, "hit_limit", more);
    lk_json_member_boolean(&w, "used_calcite_materialization", false);
    lk_json_end_object(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

const struct sb_handler sb_model_handlers[] = {
    {"all_lookml_models", all_lookml_models},
    {"lookml_model_explore", lookml_model_explore},
    {"model_fieldname_suggestions", suggestions},
    {0},
};
