/*
 * Workspaces of projects: which branch a request sees and which files it has. What is there at the
 * start, too.
 */
#include "projects.h"

#include <stdio.h>
#include <stdlib.h>

#define MAIN_REF "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"
#define OLD_REF "1111111111111111111111111111111111111111"
#define FEATURE_REF "2222222222222222222222222222222222222222"
#define AHEAD_REF "3333333333333333333333333333333333333333"
#define MARGIN_REF "4444444444444444444444444444444444444444"

/* ---- what is there at the start ---- */

#define REMOTE_BLOCKS                                                                              \
    "remote_dependency: blocks {\\n  url: \\\"https://git.example.com/blocks.git\\\"\\n"           \
    "  ref: \\\"v1.2\\\"\\n}\\n"
#define LOCAL(name) "local_dependency: { project: \\\"" name "\\\" }\\n"

static const char thelook_files[] =
    "{\"manifest.lkml\":\"project_name: \\\"thelook\\\"\\n" REMOTE_BLOCKS "\","
    "\"README.md\":\"# The Look\\n\","
    "\"models/thelook.model.lkml\":\"connection: \\\"warehouse\\\"\\ninclude: "
    "\\\"/views/*.view.lkml\\\"\\nexplore: orders {}\\nexplore: order_items {}\\n\","
    "\"views/orders.view.lkml\":\"view: orders {\\n  sql_table_name: public.orders ;;\\n}\\n\","
    "\"views/order_items.view.lkml\":\"view: order_items {}\\n\","
    "\"views/users.view.lkml\":\"view: users {}\\n\","
    "\"views/products.view.lkml\":\"view: products {}\\n\","
    "\"tests/orders.test.lkml\":\"test: orders_have_rows {\\n  explore_source: orders {}\\n"
    "  assert: some_rows { expression: ${orders.count} > 0 ;; }\\n"
    "  assert: not_too_many { expression: ${orders.count} < 10000000 ;; }\\n}\\n"
    "test: revenue_is_known {\\n  explore_source: order_items {}\\n"
    "  assert: revenue { expression: ${order_items.total_sale_price} > 0 ;; }\\n}\\n\","
    "\"dashboards/overview.dashboard.lookml\":\"- dashboard: overview\\n\"}";

static const char feature_files[] =
    "{\"manifest.lkml\":\"project_name: \\\"thelook\\\"\\n" REMOTE_BLOCKS "\","
    "\"models/thelook.model.lkml\":\"connection: \\\"warehouse\\\"\\nexplore: orders {}\\n\","
    "\"views/orders.view.lkml\":\"view: orders {\\n  syntax_error\\n}\\n\","
    "\"views/returns.view.lkml\":\"view: returns {}\\n\","
    "\"tests/orders.test.lkml\":\"test: orders_have_rows {\\n  explore_source: orders {}\\n"
    "  assert: some_rows { expression: ${orders.count} > 0 ;; }\\n}\\n"
    "test: no_returns {\\n  explore_source: orders {}\\n"
    "  assert: none { expression: must_fail ;; }\\n}\\n\"}";

static const char analytics_files[] =
    "{\"analytics.model.lkml\":\"connection: \\\"lake\\\"\\nexplore: sessions {}\\n\","
    "\"empty.model.lkml\":\"connection: \\\"lake\\\"\\n\","
    "\"views/sessions.view.lkml\":\"view: sessions {}\\n\","
    "\"views/events.view.lkml\":\"view: events {}\\n\"}";

/* A branch on which something of every kind is new: errors, a failing test, content that has lost
 * its field, an explore that the database refuses, other rows. */
static const char margin_files[] =
    "{\"manifest.lkml\":\"project_name: \\\"thelook\\\"\\n" REMOTE_BLOCKS "\","
    "\"README.md\":\"# The Look\\n\","
    "\"models/thelook.model.lkml\":\"# Margins\\nconnection: \\\"warehouse\\\"\\n"
    "explore: orders {}\\nexplore: order_items {}\\n"
    "#sandbox error Could not find a view named \\\"margins\\\".\\n\","
    "\"views/orders.view.lkml\":\"view: orders {\\n  sql_table_name: public.orders ;;\\n}\\n"
    "#sandbox changes_values orders.count 3\\n#sandbox skips_rows orders 2\\n\","
    "\"views/order_items.view.lkml\":\"view: order_items {}\\n"
    "#sandbox adds_measure order_items.margin\\n\","
    "\"views/users.view.lkml\":\"view: users {}\\n#sandbox removes_field users.average_age\\n\","
    "\"views/products.view.lkml\":\"view: products {}\\n#sandbox breaks_explore products\\n"
    "#sandbox warning The parameter \\\"label_from\\\" is deprecated.\\n\","
    "\"tests/orders.test.lkml\":\"test: orders_have_rows {\\n  explore_source: orders {}\\n"
    "  assert: some_rows { expression: ${orders.count} > 0 ;; }\\n}\\n"
    "test: margin_is_known {\\n  explore_source: order_items {}\\n"
    "  assert: margin { expression: must_fail ;; }\\n}\\n\"}";

void sb_set_number(cJSON *object, const char *name, double value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    cJSON_AddNumberToObject(object, name, value);
}

static struct sb_collection *of_project(struct sb *sb, const char *kind, const char *project)
{
    char path[256];

    snprintf(path, sizeof(path), "(%s)/%s", kind, project);
    return sb_collection(sb->store, lk_str(path));
}

struct sb_collection *sb_branches(struct sb *sb, const char *project)
{
    return of_project(sb, "branches", project);
}

static void put_tree(struct sb *sb, const char *project, const char *ref, const char *json)
{
    cJSON *tree = cJSON_Parse(json);

    if (tree == NULL)
        abort(); /* a slip in our own fixture */
    sb_entity_put(of_project(sb, "trees", project), lk_str(ref), tree);
}

static cJSON *new_branch(const char *name, const char *ref, const char *remote_ref)
{
    cJSON *branch = sb_example_object(sb_operation("git_branch")->answer.type, false, 0);

    sb_set_text(branch, "name", name);
    sb_set_text(branch, "ref", ref);
    sb_set_text(branch, "remote_ref", remote_ref);
    sb_set_text(branch, "remote", remote_ref != NULL ? "origin" : NULL);
    sb_set_text(branch, "remote_name", remote_ref != NULL ? name : NULL);
    sb_set_number(branch, "commit_at", 1767225600);
    sb_set_number(branch, "ahead_count", 0);
    sb_set_number(branch, "behind_count", 0);
    cJSON_ReplaceItemInObjectCaseSensitive(branch, "is_local", cJSON_CreateBool(true));
    cJSON_ReplaceItemInObjectCaseSensitive(branch, "is_remote",
                                           cJSON_CreateBool(remote_ref != NULL));
    return branch;
}

static struct sb_entity *put_branch(struct sb *sb, const char *project, const char *name,
                                    const char *ref, const char *remote_ref)
{
    return sb_entity_put(sb_branches(sb, project), lk_str(name), new_branch(name, ref, remote_ref));
}

static void put_production(struct sb *sb, const char *project, const char *files)
{
    struct sb_entity *branch;

    put_tree(sb, project, MAIN_REF, files);
    branch = put_branch(sb, project, "main", MAIN_REF, MAIN_REF);
    cJSON_ReplaceItemInObjectCaseSensitive(branch->json, "is_production", cJSON_CreateBool(true));
    cJSON_ReplaceItemInObjectCaseSensitive(branch->json, "readonly", cJSON_CreateBool(true));
}

/* retail imports common and finance, finance imports common. finance lacks the branch. */
static void seed_imports(struct sb *sb)
{
    put_production(sb, "common", "{\"manifest.lkml\":\"project_name: \\\"common\\\"\\n\"}");
    put_production(sb, "finance",
                   "{\"manifest.lkml\":\"project_name: \\\"finance\\\"\\n" LOCAL("common") "\"}");
    put_production(sb, "retail",
                   "{\"manifest.lkml\":\"project_name: \\\"retail\\\"\\n" LOCAL("common")
                       LOCAL("finance") REMOTE_BLOCKS "\"}");
    put_branch(sb, "retail", "feature/tax", MAIN_REF, MAIN_REF);
    put_branch(sb, "common", "feature/tax", MAIN_REF, MAIN_REF);
}

void sb_seed_projects(struct sb *sb)
{
    struct sb_entity *branch;

    put_production(sb, "thelook", thelook_files);
    put_production(sb, "analytics", analytics_files);
    seed_imports(sb);
    put_production(sb, "big", "{\"big.model.lkml\":\"connection: \\\"warehouse\\\"\\n\"}");
    put_tree(sb, "thelook", OLD_REF, "{\"models/thelook.model.lkml\":\"explore: orders {}\\n\"}");
    put_tree(sb, "thelook", FEATURE_REF, feature_files);
    put_tree(sb, "thelook", AHEAD_REF, thelook_files);
    put_branch(sb, "thelook", "feature/returns", FEATURE_REF, FEATURE_REF);
    put_tree(sb, "thelook", MARGIN_REF, margin_files);
    put_branch(sb, "thelook", "feature/margin", MARGIN_REF, MARGIN_REF);
    branch = put_branch(sb, "thelook", "hotfix", AHEAD_REF, MAIN_REF);
    sb_set_number(branch->json, "ahead_count", 2);
    sb_set_number(branch->json, "behind_count", 1);
    branch = put_branch(sb, "thelook", "dev-ada-lovelace-x2kq", MAIN_REF, NULL);
    sb_set_text(branch->json, "owner_name", "Ada Lovelace");
    cJSON_ReplaceItemInObjectCaseSensitive(branch->json, "personal", cJSON_CreateBool(true));
    cJSON_ReplaceItemInObjectCaseSensitive(branch->json, "readonly", cJSON_CreateBool(true));
}

/* ---- workspaces ---- */

static struct sb_entity *find_live(struct sb_collection *c, const char *key)
{
    struct sb_entity *entity = sb_entity(c, lk_str(key));

    return entity != NULL && entity->json != NULL ? entity : NULL;
}

struct sb_entity *sb_production_branch(struct sb_workspace *ws)
{
    struct sb_collection *c = sb_branches(ws->rq->sb, ws->project);

    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].json != NULL &&
            cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(c->items[i].json, "is_production")))
            return &c->items[i];
    put_production(ws->rq->sb, ws->project, "{}");
    return sb_production_branch(ws);
}

/* A user who was never in the dev workspace begins on a branch of their own. */
static struct sb_entity *personal_branch(struct sb_workspace *ws)
{
    struct sb *sb = ws->rq->sb;
    const char *user = ws->rq->token->user_id;
    struct sb_entity *who = sb_entity(sb_collection(sb->store, LK_STR("/users")), lk_str(user));
    const char *name = who != NULL && who->json != NULL ? sb_member(who->json, "display_name") : "";
    const char *ref =
        lk_arena_cstr(ws->rq->arena, lk_str(sb_member(sb_production_branch(ws)->json, "ref")));
    struct sb_entity *branch;
    char text[128], *c;

    snprintf(text, sizeof(text), "dev-%s-%04x", name != NULL ? name : "",
             (unsigned)(sb_hash(lk_str(user)) & 0xffff));
    for (c = text; *c != '\0'; c++)
        *c = *c == ' ' ? '-' : (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    branch = find_live(sb_branches(sb, ws->project), text);
    if (branch != NULL)
        return branch;
    branch = put_branch(sb, ws->project, text, ref, ref);
    sb_set_text(branch->json, "owner_name", name);
    cJSON_ReplaceItemInObjectCaseSensitive(branch->json, "personal", cJSON_CreateBool(true));
    return branch;
}

static struct sb_entity *current_branch(struct sb_workspace *ws)
{
    struct sb_collection *c = of_project(ws->rq->sb, "current", ws->project);
    struct sb_entity *current = find_live(c, ws->rq->token->user_id), *branch = NULL;

    if (current != NULL)
        branch = find_live(sb_branches(ws->rq->sb, ws->project), current->json->valuestring);
    return branch != NULL ? branch : personal_branch(ws);
}

void sb_checkout(struct sb_workspace *ws, struct sb_entity *branch)
{
    sb_entity_put(of_project(ws->rq->sb, "current", ws->project), lk_str(ws->rq->token->user_id),
                  cJSON_CreateString(branch->key));
    cJSON_ReplaceItemInObjectCaseSensitive(branch->json, "is_local", cJSON_CreateBool(true));
    ws->branch = branch;
    ws->tree = sb_branch_tree(ws, branch);
}

static const char *work_key(struct sb_workspace *ws, const struct sb_entity *branch)
{
    return lk_arena_printf(ws->rq->arena, "%s\n%s", ws->rq->token->user_id, branch->key).ptr;
}

cJSON *sb_branch_tree(struct sb_workspace *ws, struct sb_entity *branch)
{
    struct sb *sb = ws->rq->sb;
    struct sb_entity *work = find_live(of_project(sb, "work", ws->project), work_key(ws, branch));

    if (work != NULL && ws->dev)
        return work->json;
    return find_live(of_project(sb, "trees", ws->project), sb_member(branch->json, "ref"))->json;
}

cJSON *sb_workspace_edit(struct sb_workspace *ws)
{
    struct sb_collection *c = of_project(ws->rq->sb, "work", ws->project);
    const char *key = work_key(ws, ws->branch);
    struct sb_entity *work = find_live(c, key);

    if (work == NULL)
        work = sb_entity_put(c, lk_str(key), cJSON_Duplicate(ws->tree, true));
    ws->tree = work->json;
    return ws->tree;
}

void sb_workspace_discard(struct sb_workspace *ws)
{
    struct sb_entity *work =
        find_live(of_project(ws->rq->sb, "work", ws->project), work_key(ws, ws->branch));

    if (work != NULL)
        sb_entity_delete(work);
    ws->tree = sb_branch_tree(ws, ws->branch);
}

cJSON *sb_ref_tree(struct sb_workspace *ws, const char *name, const char **ret_ref)
{
    struct sb *sb = ws->rq->sb;
    struct sb_entity *branch = find_live(sb_branches(sb, ws->project), name), *tree;
    const char *ref = branch != NULL ? sb_member(branch->json, "ref") : name;

    tree = find_live(of_project(sb, "trees", ws->project), ref);
    if (tree == NULL)
        return NULL;
    *ret_ref = tree->key;
    return tree->json;
}

const char *sb_commit(struct sb_workspace *ws, const cJSON *tree)
{
    struct sb_collection *c = of_project(ws->rq->sb, "trees", ws->project);
    cJSON *copy = cJSON_Duplicate(tree, true);
    char ref[48];

    snprintf(ref, sizeof(ref), "%024x%016llx", (unsigned)c->n + 1,
             (unsigned long long)sb_hash(sb_print(ws->rq, copy)));
    return sb_entity_put(c, lk_str(ref), copy)->key;
}

/* False: there is no such project. */
static bool open_project(struct sb_request *rq, struct lk_str id, struct sb_workspace *ret_ws)
{
    struct sb_entity *project = sb_entity(sb_collection(rq->sb->store, LK_STR("/projects")), id);

    if (project == NULL || project->json == NULL)
        return false;
    *ret_ws = (struct sb_workspace){.rq = rq, .project = project->key};
    ret_ws->dev = strcmp(rq->token->workspace, "dev") == 0;
    ret_ws->branch = ret_ws->dev ? current_branch(ret_ws) : sb_production_branch(ret_ws);
    ret_ws->tree = sb_branch_tree(ret_ws, ret_ws->branch);
    return true;
}

bool sb_workspace_open(struct sb_request *rq, struct sb_answer *out, struct sb_workspace *ret_ws)
{
    if (!open_project(rq, sb_path_arg(rq, "project_id"), ret_ws)) {
        sb_fail_not_found(rq, out);
        return false;
    }
    rq->branch = ret_ws->branch->key;
    return true;
}

const cJSON *sb_seen_files(struct sb_request *rq, const char *project, const char **ret_branch)
{
    struct sb_workspace ws;

    if (!open_project(rq, lk_str(project), &ws))
        return NULL;
    if (ret_branch != NULL)
        *ret_branch = ws.branch->key;
    return ws.tree;
}
