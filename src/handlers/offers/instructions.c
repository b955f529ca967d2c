/*
 * What the server says of itself to a model: which tool to start with, and what all answers have in
 * common. Sentences about tools that are not served are left out (offers.h). Called by offers.c.
 */
#include "handlers/offers/internal.h"

#include <assert.h>

#define MAX_TOOLS 6

static const struct {
    const char *tools[MAX_TOOLS]; /* that it names */
    const char *text;
} sentences[] = {
    {{NULL}, "Looker, a business intelligence platform, as tools."},
    {{"list_models", "get_explore", "list_dimensions", "list_measures"},
     "Data questions: find the model and explore (list_models, get_explore), then pick fields "
     "(list_dimensions, list_measures; names are view.field)."},
    {{"query", "query_sql"},
     "`query` gets the rows. Queries go through LookML models: joins, measures and access rules "
     "are "
     "Looker's, so prefer `query` to writing SQL, and use query_sql only to see the SQL that a "
     "query becomes."},
    {{"get_query_result"},
     "A query that takes long answers with its query_task_id: get_query_result waits for the "
     "rows."},
    {{"search_content", "run_look", "run_dashboard"},
     "Existing content: search_content, then run_look or run_dashboard."},
    {{"list_connections", "list_schemas", "list_tables", "list_columns"},
     "What lies under the models: list_connections, then list_schemas, list_tables, list_columns."},
    {{"create_dashboard", "add_dashboard_filter", "add_dashboard_element", "create_look"},
     "New dashboards: create_dashboard, add_dashboard_filter, add_dashboard_element, each with the "
     "ids that the one before answered; create_look saves one query."},
    {{"list_projects", "list_project_files", "get_file"},
     "LookML: list_projects, then list_project_files and get_file."},
    {{"list_git_branches"}, "Branches of LookML: list_git_branches."},
    {{"check_branch"}, "A branch before it is merged: check_branch."},
    {{"list_users", "list_groups", "list_roles"},
     "Who may do what: list_users, list_groups, list_roles."},
    {{"get_query_history"}, "Who ran what: get_query_history."},
    {{"list_folders"}, "Where content is: list_folders."},
    {{"render_query", "render_look", "render_dashboard"},
     "Pictures and PDFs: render_query, render_look, render_dashboard."},
    {{"health_pulse"}, "Whether the instance is well: health_pulse."},
    {{"search_operations", "describe_operation", "call_operation"},
     "What no tool does: search_operations, describe_operation, call_operation."},
    {{NULL},
     "Lists come as {\"count\",\"items\"}; when an answer says `truncated` or has `next_offset`, "
     "it "
     "also says how to get the rest: narrow the question first (fewer fields, filters, a lower "
     "limit) rather than page through everything."},
    {{NULL},
     "Tools that change more than one thing answer `steps`, `changed` and `left_to_do`, also when "
     "one step failed: read left_to_do before going on. Before deleting, deploying or taking "
     "access "
     "away, tell the user what will happen (many tools preview it with dry_run, or without "
     "confirm) "
     "and let them decide. Errors say what was wrong and what to do; an error about an argument "
     "will not go away by calling again unchanged."},
};

void lk_offers_instruct(struct lk_offers *offers, const struct mcp_tool *const *tools,
                        size_t n_tools)
{
    struct lk_buf text;

    lk_buf_init(&text, sizeof(offers->instructions) - 1);
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
        if (lk_offers_has_all(tools, n_tools, sentences[i].tools))
            lk_buf_printf(&text, "%s%s", text.len > 0 ? " " : "", sentences[i].text);
    }
    if (offers->n_resources > 0)
        lk_buf_lit(&text, " Resources (looker://…) show without a tool call what some tools do.");
    if (offers->n_prompts > 0)
        lk_buf_lit(&text, " Prompts begin common work.");
    assert(!text.overflow); /* with all tools there is room for all */
    memcpy(offers->instructions, text.ptr, text.len);
    offers->instructions[text.len] = '\0';
    lk_buf_free(&text);
}
