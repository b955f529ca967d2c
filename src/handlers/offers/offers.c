/*
 * The rows of the resources, and which of them and of the prompts go with the tools that are served
 * (offers.h). Called by the worker.
 */
#include "handlers/offers/internal.h"

static const struct mcp_argument explore_variables[] = {
    {.name = "model", .complete = lk_suggest_model},
    {.name = "explore", .complete = lk_suggest_explore},
};
static const char *const explore_names[] = {"model_name", "explore_name"};

static const struct mcp_argument file_variables[] = {
    {.name = "project", .complete = lk_suggest_project},
    {.name = "path", .with_slashes = true, .complete = lk_suggest_path},
};
static const char *const file_names[] = {"project_id", "file_id"};

static const struct mcp_argument dashboard_variable[] = {
    {.name = "id", .complete = lk_suggest_dashboard},
};
static const char *const dashboard_name[] = {"dashboard_id"};

static const struct mcp_argument look_variable[] = {{.name = "id", .complete = lk_suggest_look}};

/* A resource, and the tool that has to be served for it. */
static const struct {
    const char *tool;
    struct mcp_resource row;
} resources[LK_N_RESOURCES] = {
    {"get_explore",
     {
         .uri = LK_EXPLORE_URI,
         .name = "explore",
         .title = "Explore",
         .description = "What can be queried in one explore: its fields with types and "
                        "descriptions, joins, and the filters that it insists on.",
         .mime_type = "application/json",
         .arguments = explore_variables,
         .n_arguments = 2,
         .tool_arguments = explore_names,
         .ttl_ms = 60000,
     }},
    {"get_file",
     {
         .uri = "looker://projects/{project}/files/{path}",
         .name = "lookml-file",
         .title = "LookML file",
         .description = "The text of a file of a LookML project as production has it. "
                        "Drafts on branches are read with get_file.",
         .mime_type = "text/plain",
         .arguments = file_variables,
         .n_arguments = 2,
         .tool_arguments = file_names,
         .tool_constants = "\"dev_mode\":false",
         .read = lk_read_file,
     }},
    {"get_dashboard",
     {
         .uri = "looker://dashboards/{id}",
         .name = "dashboard",
         .title = "Dashboard",
         .description = "What a dashboard is made of: filters, tiles and their queries, without "
                        "data.",
         .mime_type = "application/json",
         .arguments = dashboard_variable,
         .n_arguments = 1,
         .tool_arguments = dashboard_name,
     }},
    {"run_look",
     {
         .uri = "looker://looks/{id}",
         .name = "look",
         .title = "Look",
         .description = "A saved query: model, explore, fields, filters, sorts, without data.",
         .mime_type = "application/json",
         .arguments = look_variable,
         .n_arguments = 1,
         .read = lk_read_look,
     }},
};

static const struct mcp_tool *find(const struct mcp_tool *const *tools, size_t n_tools,
                                   const char *name)
{
    for (size_t i = 0; i < n_tools; i++) {
        if (strcmp(tools[i]->name, name) == 0)
            return tools[i];
    }
    return NULL;
}

bool lk_offers_has_all(const struct mcp_tool *const *tools, size_t n_tools,
                       const char *const *names)
{
    for (; *names != NULL; names++) {
        if (find(tools, n_tools, *names) == NULL)
            return false;
    }
    return true;
}

void lk_offers_choose(struct lk_offers *ret_offers, const struct mcp_tool *const *tools,
                      size_t n_tools)
{
    struct lk_offers *offers = ret_offers;

    *offers = (struct lk_offers){0};
    for (size_t i = 0; i < LK_N_RESOURCES; i++) {
        const struct mcp_tool *tool = find(tools, n_tools, resources[i].tool);
        struct mcp_resource *row = &offers->rows[offers->n_resources];

        if (tool == NULL)
            continue;
        *row = resources[i].row;
        if (row->tool_arguments != NULL)
            row->tool = tool;
        if (strcmp(row->uri, LK_EXPLORE_URI) == 0)
            offers->list_resources = lk_list_explores;
        offers->resources[offers->n_resources++] = row;
    }
    for (size_t i = 0; i < LK_N_PROMPT_ROWS; i++) {
        const struct mcp_prompt *prompt = &lk_prompt_rows[i].prompt;
        size_t n = offers->n_prompts;

        if (lk_offers_has_all(tools, n_tools, lk_prompt_rows[i].tools) &&
            (n == 0 || strcmp(offers->prompts[n - 1]->name, prompt->name) != 0))
            offers->prompts[offers->n_prompts++] = prompt;
    }
    lk_offers_instruct(offers, tools, n_tools);
}
