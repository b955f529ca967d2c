/*
 * What the arguments of prompts and the variables of resources may be (internal.h): one request to
 * Looker each, for no more than the names. Called by the MCP core, which ranks them.
 */
#include "handlers/ask.h"
#include "handlers/context.h"
#include "handlers/explore/fields.h"
#include "handlers/offers/internal.h"
#include "looker_ops.h"

/* Looks and dashboards, of which there are many: those that are viewed most. */
#define CONTENT_LIMIT 200

/* *ret_text is NULL when Looker has nothing of that name, or shows it to somebody else. */
static bool ask(struct mcp_call *call, struct lk_api_request request, enum lk_json_type expected,
                struct lk_str *ret_text, struct lk_error *err)
{
    struct lk_error failure = {0};

    *ret_text = (struct lk_str){0};
    if (lk_ask(lk_tool_context(call)->api, mcp_call_arena(call), request, expected, ret_text,
               &failure) ||
        lk_failed_with(&failure, 404) || lk_failed_with(&failure, 403))
        return true;
    *err = failure;
    return false;
}

/* That member of each item of a list. */
static void suggest_members(struct mcp_call *call, struct lk_str list, const char *key,
                            bool also_hidden)
{
    struct lk_json_iter it = lk_json_iter(list);
    struct lk_str item;

    while (lk_json_next(&it, NULL, &item)) {
        if (also_hidden || !lk_is_hidden(item))
            mcp_call_suggest(call, lk_json_get_string(mcp_call_arena(call), item, lk_str(key)));
    }
}

static bool ask_models(struct mcp_call *call, struct lk_str fields, struct lk_str *ret_models,
                       struct lk_error *err)
{
    struct looker_all_lookml_models_params params = {
        .fields = lk_string(fields),
        .exclude_hidden = lk_boolean(true),
    };

    return ask(call, looker_all_lookml_models(&params), LK_JSON_ARRAY, ret_models, err);
}

bool lk_suggest_model(struct mcp_call *call, struct lk_str typed, struct lk_error *err)
{
    struct lk_str models;

    (void)typed;
    if (!ask_models(call, LK_STR("name"), &models, err))
        return false;
    suggest_members(call, models, "name", true);
    return true;
}

/* Of the model, or of all of them while none is chosen. */
bool lk_suggest_explore(struct mcp_call *call, struct lk_str typed, struct lk_error *err)
{
    struct lk_str chosen = mcp_call_value(call, "model"), models, model, explores;

    (void)typed;
    if (!ask_models(call, LK_STR("name,explores(name,hidden)"), &models, err))
        return false;
    struct lk_json_iter it = lk_json_iter(models);
    while (lk_json_next(&it, NULL, &model)) {
        struct lk_str name = lk_json_get_string(mcp_call_arena(call), model, LK_STR("name"));

        if ((chosen.len == 0 || lk_str_eq(name, chosen)) &&
            lk_json_get(model, LK_STR("explores"), &explores))
            suggest_members(call, explores, "name", false);
    }
    return true;
}

bool lk_suggest_field(struct mcp_call *call, struct lk_str typed, struct lk_error *err)
{
    static const char *const kinds[] = {"dimensions", "measures"};
    struct looker_lookml_model_explore_params params = {
        .lookml_model_name = lk_string(mcp_call_value(call, "model")),
        .explore_name = lk_string(mcp_call_value(call, "explore")),
        .fields = lk_string(LK_STR("fields(dimensions(name,hidden),measures(name,hidden))")),
    };
    struct lk_str explore, fields, list;

    (void)typed;
    if (params.lookml_model_name.value.len == 0 || params.explore_name.value.len == 0)
        return true; /* fields of what? */
    if (!ask(call, looker_lookml_model_explore(&params), LK_JSON_OBJECT, &explore, err))
        return false;
    if (!lk_json_get(explore, LK_STR("fields"), &fields))
        return true;
    for (size_t i = 0; i < 2; i++) {
        if (lk_json_get(fields, lk_str(kinds[i]), &list))
            suggest_members(call, list, "name", false);
    }
    return true;
}

bool lk_suggest_project(struct mcp_call *call, struct lk_str typed, struct lk_error *err)
{
    struct looker_all_projects_params params = {.fields = lk_string(LK_STR("id"))};
    struct lk_str projects;

    (void)typed;
    if (!ask(call, looker_all_projects(&params), LK_JSON_ARRAY, &projects, err))
        return false;
    suggest_members(call, projects, "id", true);
    return true;
}

bool lk_suggest_branch(struct mcp_call *call, struct lk_str typed, struct lk_error *err)
{
    struct looker_all_git_branches_params params = {.project_id =
                                                        lk_string(mcp_call_value(call, "project"))};
    struct lk_str branches;

    (void)typed;
    if (params.project_id.value.len == 0)
        return true;
    if (!ask(call, looker_all_git_branches(&params), LK_JSON_ARRAY, &branches, err))
        return false;
    suggest_members(call, branches, "name", true);
    return true;
}

bool lk_suggest_path(struct mcp_call *call, struct lk_str typed, struct lk_error *err)
{
    struct looker_all_project_files_params params = {
        .project_id = lk_string(mcp_call_value(call, "project")),
        .fields = lk_string(LK_STR("path")),
    };
    struct lk_str files;

    (void)typed;
    if (params.project_id.value.len == 0)
        return true;
    if (!ask(call, looker_all_project_files(&params), LK_JSON_ARRAY, &files, err))
        return false;
    suggest_members(call, files, "path", true);
    return true;
}

bool lk_suggest_dashboard(struct mcp_call *call, struct lk_str typed, struct lk_error *err)
{
    struct looker_search_dashboards_params params = {
        .fields = lk_string(LK_STR("id")),
        .sorts = lk_string(LK_STR("view_count desc")),
        .limit = lk_integer(CONTENT_LIMIT),
    };
    struct lk_str dashboards;

    (void)typed;
    if (!ask(call, looker_search_dashboards(&params), LK_JSON_ARRAY, &dashboards, err))
        return false;
    suggest_members(call, dashboards, "id", true);
    return true;
}

bool lk_suggest_look(struct mcp_call *call, struct lk_str typed, struct lk_error *err)
{
    struct looker_search_looks_params params = {
        .fields = lk_string(LK_STR("id")),
        .sorts = lk_string(LK_STR("view_count desc")),
        .limit = lk_integer(CONTENT_LIMIT),
    };
    struct lk_str looks;

    (void)typed;
    if (!ask(call, looker_search_looks(&params), LK_JSON_ARRAY, &looks, err))
        return false;
    suggest_members(call, looks, "id", true);
    return true;
}
