/*
 * The cells: which branch is checked out, by user and project, and how often each was switched. For
 * tests that count switches or want a branch moved behind a client's back.
 */
#include "projects.h"

static struct sb_collection *of_project(struct sb *sb, const char *kind, const char *project)
{
    struct lk_arena *arena = lk_arena_new();
    struct sb_collection *c =
        sb_collection(sb->store, lk_arena_printf(arena, "(%s)/%s", kind, project));

    lk_arena_free(arena);
    return c;
}

static void add_one(cJSON *counts, const char *name)
{
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(counts, name);

    sb_set_number(counts, name, (count != NULL ? count->valuedouble : 0) + 1);
}

void sb_count_switch(struct sb_workspace *ws, const struct sb_entity *to)
{
    struct sb_collection *c = of_project(ws->rq->sb, "switches", ws->project);
    struct sb_entity *counts = sb_entity(c, lk_str(ws->rq->token->user_id));

    if (counts == NULL || counts->json == NULL)
        counts = sb_entity_put(c, lk_str(ws->rq->token->user_id), cJSON_CreateObject());
    add_one(counts->json, "puts");
    if (ws->branch != to)
        add_one(counts->json, "switches");
}

static int64_t count_of(struct sb_entity *counts, const char *name)
{
    const cJSON *count = counts != NULL && counts->json != NULL
                             ? cJSON_GetObjectItemCaseSensitive(counts->json, name)
                             : NULL;

    return count != NULL ? (int64_t)count->valuedouble : 0;
}

void sb_cells_get(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *projects = sb_collection(rq->sb->store, LK_STR("/projects"));
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    lk_json_begin_array(&w);
    for (size_t p = 0; p < projects->n; p++) {
        const char *project = projects->items[p].key;
        struct sb_collection *current = of_project(rq->sb, "current", project);
        struct sb_collection *switches = of_project(rq->sb, "switches", project);

        for (size_t i = 0; i < current->n; i++) {
            struct sb_entity *counts = sb_entity(switches, lk_str(current->items[i].key));

            if (current->items[i].json == NULL)
                continue;
            lk_json_begin_object(&w);
            lk_json_member_string(&w, "user", lk_str(current->items[i].key));
            lk_json_member_string(&w, "project", lk_str(project));
            lk_json_member_string(&w, "branch", lk_str(current->items[i].json->valuestring));
            lk_json_member_integer(&w, "puts", count_of(counts, "puts"));
            lk_json_member_integer(&w, "switches", count_of(counts, "switches"));
            lk_json_end_object(&w);
        }
    }
    lk_json_end_array(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}

void sb_cells_set(struct sb_request *rq, struct sb_answer *out)
{
    cJSON *body = cJSON_ParseWithLength(rq->body.ptr != NULL ? rq->body.ptr : "", rq->body.len);
    const char *user = sb_member(body, "user"), *project = sb_member(body, "project"),
               *name = sb_member(body, "branch");
    struct sb_entity *branch = NULL;

    if (user != NULL && project != NULL && name != NULL)
        branch = sb_entity(sb_branches(rq->sb, project), lk_str(name));
    if (branch != NULL && branch->json != NULL) {
        sb_entity_put(of_project(rq->sb, "current", project), lk_str(user),
                      cJSON_CreateString(name));
        sb_answer_empty(out, 204);
    } else {
        sb_fail(rq, out, 400, "user, project and branch: there is no such branch");
    }
    cJSON_Delete(body);
}

void sb_cells_forget(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *projects = sb_collection(rq->sb->store, LK_STR("/projects"));

    for (size_t p = 0; p < projects->n; p++) {
        struct sb_collection *c = of_project(rq->sb, "switches", projects->items[p].key);

        for (size_t i = 0; i < c->n; i++)
            sb_entity_delete(&c->items[i]);
    }
    sb_answer_empty(out, 204);
}
