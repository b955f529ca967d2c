/*
 * Datagroups, builds of derived tables and their graphs, and runs of continuous integration. A
 * build is `running` when it is first looked at and `complete` at the second look; so is a run.
 */
#include "projects.h"

#include <stdio.h>
#include <time.h>

void sb_seed_derived(struct sb *sb)
{
    sb_seed(sb, "/datagroups", "datagroup", "id",
            "[{\"id\":\"1\",\"model_name\":\"thelook\",\"name\":\"nightly\","
            "\"created_at\":1735689600,\"stale_before\":1767225600,"
            "\"trigger_check_at\":1767229200,\"trigger_value\":\"2026-01-01\","
            "\"triggered_at\":1767225600},"
            "{\"id\":\"2\",\"model_name\":\"analytics\",\"name\":\"hourly\","
            "\"created_at\":1735689600,\"trigger_check_at\":1767229200,"
            "\"trigger_error\":\"relation etl_log does not exist\"}]");
    sb_entity_put(sb_collection(sb->store, LK_STR("(builds)")), LK_STR("1"),
                  cJSON_Parse("{\"view\":\"orders\",\"status\":\"complete\"}"));
    sb_entity_put(sb_collection(sb->store, LK_STR("(ci)/thelook")), LK_STR("1"),
                  cJSON_Parse("{\"run_id\":\"1\",\"suite_id\":\"7\",\"branch\":\"hotfix\","
                              "\"status\":\"passed\"}"));
}

/* ---- datagroups ---- */

/* Neither time may lie ahead. */
static void update_datagroup(struct sb_request *rq, struct sb_answer *out)
{
    static const char *const times[] = {"stale_before", "triggered_at"};
    struct lk_str value;
    int64_t seconds;

    for (size_t i = 0; i < 2; i++)
        if (lk_json_get(rq->body, lk_str(times[i]), &value) && lk_json_integer(value, &seconds) &&
            seconds > (int64_t)time(NULL) + 5)
            return sb_fail_field(rq, out, times[i], "invalid", "cannot be in the future");
    sb_generic(rq, out);
}

/* ---- builds ---- */

static void answer_build(struct sb_request *rq, struct sb_answer *out, const char *id,
                         const char *text)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "materialization_id", id);
    sb_set_text(json, "resp_text", text);
    sb_answer_tree(rq, out, 200, json);
    cJSON_Delete(json);
}

static bool view_known(struct lk_str model, struct lk_str view)
{
    for (size_t i = 0; i < sb_n_models; i++) {
        if (!lk_str_eq(lk_str(sb_models[i].name), model))
            continue;
        for (size_t j = 0; j < sb_n_model_fields; j++)
            if (lk_str_eq(lk_str(sb_model_fields[j].view), view))
                return true;
    }
    return false;
}

static bool workspace_known(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str workspace;

    if (!sb_query_arg(rq, "workspace", &workspace) || lk_str_eq(workspace, LK_STR("dev")) ||
        lk_str_eq(workspace, LK_STR("production")))
        return true;
    sb_fail(rq, out, 400, "workspace is dev or production");
    return false;
}

static void start_pdt_build(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *c = sb_collection(rq->sb->store, LK_STR("(builds)"));
    struct lk_str view = sb_path_arg(rq, "view_name");
    char id[32];
    cJSON *build;

    if (!workspace_known(rq, out))
        return;
    if (!view_known(sb_path_arg(rq, "model_name"), view))
        return sb_fail_not_found(rq, out);
    snprintf(id, sizeof(id), "%08x", (unsigned)c->n + 0x5eed);
    build = cJSON_CreateObject();
    sb_set_text(build, "view", lk_arena_cstr(rq->arena, view));
    sb_set_text(build, "status", "added");
    sb_entity_put(c, lk_str(id), build);
    answer_build(rq, out, id, NULL);
}

static struct sb_entity *named_build(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *build = sb_entity(sb_collection(rq->sb->store, LK_STR("(builds)")),
                                        sb_path_arg(rq, "materialization_id"));

    if (build == NULL)
        sb_fail_not_found(rq, out);
    return build;
}

static void check_pdt_build(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *build = named_build(rq, out);
    const char *status, *now;
    char text[512];

    if (build == NULL)
        return;
    status = sb_member(build->json, "status");
    now = strcmp(status, "added") == 0     ? "running"
          : strcmp(status, "running") == 0 ? "complete"
                                           : status;
    now = lk_arena_cstr(rq->arena, lk_str(now));
    sb_set_text(build->json, "status", now);
    snprintf(text, sizeof(text),
             "{\"status\":\"%s\",\"runtime\":%s,\"message\":\"Materialize %s\","
             "\"task_slug\":\"%s\"}",
             now, strcmp(now, "complete") == 0 ? "12.5" : "null", sb_member(build->json, "view"),
             build->key);
    answer_build(rq, out, build->key, text);
}

static void stop_pdt_build(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *build = named_build(rq, out);
    const char *status;
    bool stopped;
    char text[256];

    if (build == NULL)
        return;
    status = sb_member(build->json, "status");
    stopped = strcmp(status, "added") == 0 || strcmp(status, "running") == 0;
    if (stopped)
        sb_set_text(build->json, "status", "killed");
    snprintf(text, sizeof(text), "{\"success\":%s,\"message\":\"%s\"}", stopped ? "true" : "false",
             stopped ? "Build stopped" : "There is no such build running");
    answer_build(rq, out, build->key, text);
}

/* ---- graphs ---- */

static void answer_graph(struct sb_request *rq, struct sb_answer *out, const char *text)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "graph_text", text);
    sb_answer_tree(rq, out, 200, json);
    cJSON_Delete(json);
}

static void graph_for_model(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str model = sb_path_arg(rq, "model"), format;

    if (sb_entity(sb_collection(rq->sb->store, LK_STR("/lookml_models")), model) == NULL &&
        !lk_str_eq(model, LK_STR("1")))
        return sb_fail_not_found(rq, out);
    if (sb_query_arg(rq, "format", &format) && !lk_str_eq(format, LK_STR("dot")))
        return sb_fail(rq, out, 400, "format is dot");
    answer_graph(rq, out,
                 lk_arena_printf(rq->arena,
                                 "digraph {\n  \"%.*s.monthly\" -> \"%.*s.daily\"%s;\n}\n",
                                 LK_STR_ARG(model), LK_STR_ARG(model),
                                 sb_query_bool(rq, "color", false) ? " [color=green]" : "")
                     .ptr);
}

static void graph_for_view(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str view = sb_path_arg(rq, "view"), models = LK_STR("thelook");

    if (!workspace_known(rq, out))
        return;
    sb_query_arg(rq, "models", &models);
    answer_graph(rq, out,
                 lk_arena_printf(rq->arena, "digraph {\n  \"%.*s.%.*s\" -> \"%.*s.daily\";\n}\n",
                                 LK_STR_ARG(models), LK_STR_ARG(view), LK_STR_ARG(models))
                     .ptr);
}

/* ---- continuous integration ---- */

static struct sb_collection *runs(struct sb_request *rq)
{
    return sb_collection(rq->sb->store, lk_arena_printf(rq->arena, "(ci)/%.*s",
                                                        LK_STR_ARG(sb_path_arg(rq, "project_id"))));
}

static void set_if_given(struct sb_request *rq, cJSON *run, const char *member)
{
    struct lk_str value = lk_json_get_string(rq->arena, rq->body, lk_str(member));

    sb_set_text(run, member, value.len > 0 ? lk_arena_cstr(rq->arena, value) : NULL);
}

static void create_ci_run(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_collection *c = runs(rq);
    struct sb_workspace ws;
    cJSON *run, *answer;
    char id[32];

    if (!sb_workspace_open(rq, out, &ws))
        return;
    snprintf(id, sizeof(id), "%zu", c->n + 100);
    run = cJSON_CreateObject();
    set_if_given(rq, run, "suite_id");
    set_if_given(rq, run, "branch");
    set_if_given(rq, run, "commit");
    sb_set_text(run, "run_id", id);
    sb_set_text(run, "status", "queued");
    sb_entity_put(c, lk_str(id), run);
    answer = cJSON_CreateObject();
    cJSON_AddStringToObject(answer, "run_id", id);
    cJSON_AddStringToObject(answer, "status", "queued");
    sb_answer_tree(rq, out, 200, answer);
    cJSON_Delete(answer);
}

/* A run of a branch named "…fails" does. */
static void get_ci_run(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_entity *kept = sb_entity(runs(rq), sb_path_arg(rq, "run_id"));
    const char *status, *branch;
    cJSON *answer, *run, *state;

    if (kept == NULL)
        return sb_fail_not_found(rq, out);
    status = sb_member(kept->json, "status");
    branch = sb_member(kept->json, "branch");
    if (strcmp(status, "queued") == 0)
        sb_set_text(kept->json, "status", "running");
    else if (strcmp(status, "running") == 0)
        sb_set_text(kept->json, "status",
                    branch != NULL && strstr(branch, "fails") != NULL ? "failed" : "passed");
    answer = cJSON_CreateObject();
    run = sb_example_object(sb_operation("get_ci_run")->answer.type->fields[0].type, false, 0);
    sb_set_text(run, "run_id", kept->key);
    sb_set_text(run, "suite_id", sb_member(kept->json, "suite_id"));
    sb_set_text(run, "status", sb_member(kept->json, "status"));
    sb_set_text(run, "trigger", "manual");
    sb_set_text(run, "title", "Nightly checks");
    sb_set_text(run, "created_at", "2026-01-15T09:30:00.000+00:00");
    state = cJSON_CreateObject();
    sb_set_text(state, "branch", branch);
    sb_set_text(state, "commit_ref", sb_member(kept->json, "commit"));
    cJSON_DeleteItemFromObjectCaseSensitive(run, "git_state");
    cJSON_AddItemToObject(run, "git_state", state);
    cJSON_AddItemToObject(answer, "run", run);
    sb_answer_tree(rq, out, 200, answer);
    cJSON_Delete(answer);
}

/* As far as anybody knows, Looker has no such route. */
static void list_ci_runs(struct sb_request *rq, struct sb_answer *out)
{
    sb_fail_not_found(rq, out);
}

const struct sb_handler sb_derived_handlers[] = {
    {"update_datagroup", update_datagroup},
    {"start_pdt_build", start_pdt_build},
    {"check_pdt_build", check_pdt_build},
    {"stop_pdt_build", stop_pdt_build},
    {"graph_derived_tables_for_model", graph_for_model},
    {"graph_derived_tables_for_view", graph_for_view},
    {"create_ci_run", create_ci_run},
    {"get_ci_run", get_ci_run},
    {"list_ci_runs", list_ci_runs},
    {0},
};
