/*
 * The prompts: texts that set a model to work on what people come with, naming the tools to use and
 * in which order. They need nothing of Looker but for completing their arguments. Called by the MCP
 * core.
 */
#include "handlers/offers/internal.h"
#include "json/scan.h"

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_TEXT_BYTES ((size_t)128 * 1024)

static struct lk_str given(struct mcp_call *call, const char *name)
{
    return lk_str_trim(mcp_call_value(call, name));
}

/* Says the text, which it frees, as the user. */
static bool say(struct mcp_call *call, struct lk_buf *text)
{
    struct mcp_content content = {.kind = MCP_CONTENT_WORDS,
                                  .bytes = lk_arena_str(mcp_call_arena(call), lk_buf_view(text))};

    mcp_call_add_message(call, false, &content);
    lk_buf_free(text);
    return true;
}

/* ---- explore_dataset ---- */

static bool explore_dataset(struct mcp_call *call, struct lk_error *err)
{
    struct lk_str model = given(call, "model"), explore = given(call, "explore"),
                  field = given(call, "field"), question = given(call, "question");
    struct lk_buf text;

    (void)err;
    lk_buf_init(&text, MAX_TEXT_BYTES);
    lk_buf_lit(&text, "Explore a dataset in Looker for me and tell me what it can answer.\n\n");
    if (question.len > 0)
        lk_buf_printf(&text, "My question: %.*s\n\n", LK_STR_ARG(question));
    if (model.len > 0 && explore.len > 0)
        lk_buf_printf(&text,
                      "1. Read the explore: get_explore with model_name=%.*s and "
                      "explore_name=%.*s. Note its joins and the filters that it insists on.\n",
                      LK_STR_ARG(model), LK_STR_ARG(explore));
    else
        lk_buf_printf(
            &text,
            "1. Find the explore%s%.*s: list_models%s%.*s, with %s as `search`; then read "
            "the one that fits with get_explore. If several fit, say how they differ and "
            "ask me.\n",
            explore.len > 0 ? " " : "", LK_STR_ARG(explore), model.len > 0 ? ", in the model " : "",
            LK_STR_ARG(model), explore.len > 0 ? "its name" : "words of the subject");
    lk_buf_lit(&text, "2. Look at the fields by list_dimensions and list_measures; names are "
                      "view.field, and only names that you have seen there exist.\n");
    if (field.len > 0)
        lk_buf_printf(&text,
                      "3. Start from %.*s: what values it has (suggest_field_values), and how the "
                      "main measures spread over it.\n",
                      LK_STR_ARG(field));
    else
        lk_buf_lit(&text, "3. Pick the few dimensions and measures that matter most and see which "
                          "values they have (suggest_field_values).\n");
    lk_buf_lit(
        &text,
        "4. Run small queries with `query`: a total, one over time, one or two by a "
        "dimension. Keep limits low and filter dates.\n"
        "5. Report: what one row of the explore stands for, which period it covers, the main "
        "figures with the query behind each, what looked odd (gaps, nulls, duplicates), "
        "and three questions worth asking next. Say what you did not check.");
    return say(call, &text);
}

static const struct mcp_argument explore_arguments[] = {
    {"model", "Model", "LookML model; left out: the right one is looked for.", false, false,
     lk_suggest_model},
    {"explore", "Explore", "Explore of the model.", false, false, lk_suggest_explore},
    {"field", "Field", "Field to start from, as view.field.", false, false, lk_suggest_field},
    {"question", "Question", "What you want to know, in your own words.", false, false, NULL},
};
static const char *const explore_tools[] = {
    "list_models", "get_explore", "list_dimensions", "list_measures", "suggest_field_values",
    "query",       NULL};

/* ---- validate_pull_request ---- */

/* How it is checked: by the one tool that compares with production, where that is served. */
static const char by_check_branch[] =
    "2. check_branch, with explores=[\"all\"] if the project is small, else those that the change "
    "touches: new errors, failing tests and broken content. Trust its `valid`; null means that "
    "something could not be observed.\n"
    "3. list_project_files and get_file for the files that the findings and the description name: "
    "read what was changed and why it fails.\n"
    "4. compare_query for a figure or two that the change is about: do the rows differ as its "
    "author meant them to?\n\n";
static const char by_single_steps[] =
    "2. validate_project: errors and warnings. Validate production as well and keep apart "
    "what is new on the branch.\n"
    "3. list_lookml_tests and run_lookml_tests: which data tests fail, with their SQL errors.\n"
    "4. list_project_files and get_file for the files that the errors and the description "
    "name: read what was changed and why it fails.\n"
    "5. For each explore that the change touches, compare its fields on the branch with those "
    "of production (get_explore): fields that were removed or renamed break dashboards and "
    "Looks.\n\n";

static bool validate_pull_request(struct mcp_call *call, struct lk_error *err)
{
    struct lk_str project = given(call, "project"), branch = given(call, "branch"),
                  changes = given(call, "changes");
    const char *steps = mcp_call_prompt(call)->binding;
    struct lk_buf text;

    (void)err;
    lk_buf_init(&text, MAX_TEXT_BYTES);
    lk_buf_printf(&text,
                  "Check the LookML of the branch %.*s of the Looker project %.*s before it is "
                  "merged. Change nothing: no commit, no deploy, no edit.\n\n",
                  LK_STR_ARG(branch), LK_STR_ARG(project));
    if (changes.len > 0)
        lk_buf_printf(&text, "What it changes, says its author: %.*s\n\n", LK_STR_ARG(changes));
    lk_buf_printf(
        &text,
        "Give project_id=%.*s and branch=%.*s to every tool below that takes a branch. Where one "
        "cannot, say so in the report rather than check another branch in its place.\n\n"
        "1. get_git_branch_by_name: does the branch exist, and how far is it ahead of or behind "
        "its remote?\n%s"
        "Report: a verdict (ready, ready with remarks, not ready), then each finding with file "
        "and line, whether it is new on the branch, and what to do about it. Say which checks "
        "could not be made; a check that was not made is not a check that was passed.",
        LK_STR_ARG(project), LK_STR_ARG(branch), steps);
    return say(call, &text);
}

static const struct mcp_argument pull_request_arguments[] = {
    {"project", "Project", "LookML project of the pull request.", true, false, lk_suggest_project},
    {"branch", "Branch", "Branch that is to be merged.", true, false, lk_suggest_branch},
    {"changes", "Changes", "What the pull request says of itself.", false, false, NULL},
};
static const char *const check_branch_tools[] = {"get_git_branch_by_name", "check_branch",
                                                 "list_project_files",     "get_file",
                                                 "compare_query",          NULL};
static const char *const single_step_tools[] = {
    "get_git_branch_by_name", "validate_project", "list_lookml_tests", "run_lookml_tests",
    "list_project_files",     "get_file",         "get_explore",       NULL};

/* ---- audit_instance ---- */

static const struct {
    const char *name, *steps;
} focuses[] = {
    {"performance", "Performance: audit_query_activity with scope=slow, then scope=frequent; "
                    "investigate_runaway_queries for what runs now.\n"},
    {"errors",
     "Errors: audit_query_activity with scope=errors; the failed schedules and PDT builds "
     "of audit_instance_health.\n"},
    {"usage", "Usage: health_analyze for models and explores, health_vacuum for those that nobody "
              "uses; find_stale_content.\n"},
};

static bool suggest_focus(struct mcp_call *call, struct lk_str typed, struct lk_error *err)
{
    (void)typed;
    (void)err;
    for (size_t i = 0; i < ARRAY_LEN(focuses); i++)
        mcp_call_suggest(call, lk_str(focuses[i].name));
    return true;
}

static bool audit_instance(struct mcp_call *call, struct lk_error *err)
{
    struct lk_str focus = given(call, "focus"), period = given(call, "period");
    bool known = false;
    struct lk_buf text;
    int step = 3;

    lk_buf_init(&text, MAX_TEXT_BYTES);
    if (period.len == 0)
        period = LK_STR("7 days");
    for (size_t i = 0; i < ARRAY_LEN(focuses); i++)
        known = known || lk_str_eq(focus, lk_str(focuses[i].name));
    if (focus.len > 0 && !known)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "argument focus: expected performance, errors or usage, or nothing for all "
                       "three");
    lk_buf_printf(&text,
                  "Audit this Looker instance over the last %.*s and tell me what needs attention. "
                  "Change nothing and end no query or session.\n\n"
                  "1. health_pulse with date_range=\"%.*s\": the state now.\n"
                  "2. audit_instance_health with the same date_range: what failed. It validates "
                  "all content, which may take minutes.\n",
                  LK_STR_ARG(period), LK_STR_ARG(period));
    for (size_t i = 0; i < ARRAY_LEN(focuses); i++) {
        if (!known || lk_str_eq(focus, lk_str(focuses[i].name)))
            lk_buf_printf(&text, "%d. %s", step++, focuses[i].steps);
    }
    lk_buf_lit(&text,
               "\nReport: the three things to do first and why; then findings by severity, each "
               "with the figures, the users, dashboards or explores behind it, and the remedy. "
               "`unknown` and sections that could not be read are not healthy: list them "
               "apart, with the right that was missing.");
    return say(call, &text);
}

static const struct mcp_argument audit_arguments[] = {
    {"focus", "Focus", "performance, errors or usage; left out: all three.", false, false,
     suggest_focus},
    {"period", "Period", "How far to look back, such as \"30 days\"; left out: 7 days.", false,
     false, NULL},
};
static const char *const audit_tools[] = {
    "health_pulse",  "audit_instance_health",       "audit_query_activity", "health_analyze",
    "health_vacuum", "investigate_runaway_queries", "find_stale_content",   NULL};

/* ---- clean_up_content ---- */

/* So that it can stand where a tool wants a number of at least 1. */
static bool is_number_of_days(struct lk_str text)
{
    int64_t days;

    return text.len <= 4 && lk_json_check(text, 1, 0, NULL) && lk_json_integer(text, &days) &&
           days > 0;
}

static bool clean_up_content(struct mcp_call *call, struct lk_error *err)
{
    struct lk_str days = given(call, "days"), folder = given(call, "folder");
    struct lk_buf text;

    if (days.len == 0)
        days = LK_STR("180");
    if (!is_number_of_days(days))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "argument days: expected a number of days, such as 180");
    lk_buf_init(&text, MAX_TEXT_BYTES);
    lk_buf_printf(&text,
                  "Help me clean up dashboards and Looks in Looker that nobody needs.\n\n"
                  "1. find_stale_content with min_days_unused=%.*s: what nobody opened.\n"
                  "2. validate_content: what is broken, since it refers to fields that do not "
                  "exist.\n",
                  LK_STR_ARG(days));
    if (folder.len > 0)
        lk_buf_printf(&text, "3. Keep to the folder %.*s and the folders in it.\n",
                      LK_STR_ARG(folder));
    else
        lk_buf_lit(&text, "3. Sort what you found by folder and owner.\n");
    lk_buf_lit(
        &text,
        "4. Look at each candidate before you propose it (get_dashboard; for Looks list_looks): "
        "schedules, boards and other dashboards may use it although nobody opens it.\n"
        "5. Show me a table: title, id, folder, owner, last opened, broken or not, and what you "
        "propose (keep, mend, move to the trash). Then stop and wait for my decision.\n"
        "6. Only what I agreed to: update_dashboard or update_look with deleted=true, which can be "
        "undone; delete_dashboard and delete_look cannot, so do not use them. Report what was "
        "done and what was not.");
    return say(call, &text);
}

static const struct mcp_argument clean_up_arguments[] = {
    {"days", "Days", "For how many days it was not opened; left out: 180.", false, false, NULL},
    {"folder", "Folder", "Folder to keep to, by name or id; left out: all.", false, false, NULL},
};
static const char *const clean_up_tools[] = {"find_stale_content",
                                             "validate_content",
                                             "get_dashboard",
                                             "list_looks",
                                             "update_dashboard",
                                             "update_look",
                                             NULL};

/* ---- the rows ---- */

#define ARGUMENTS(table) .arguments = (table), .n_arguments = ARRAY_LEN(table)

#define PULL_REQUEST_ROW(steps, tools_)                                                            \
    {                                                                                              \
        {.name = "validate_pull_request",                                                          \
         .title = "Validate a pull request",                                                       \
         .description = "Checks the LookML of a branch before it is merged, and changes nothing.", \
         ARGUMENTS(pull_request_arguments),                                                        \
         .get = validate_pull_request,                                                             \
         .binding = (steps)},                                                                      \
            (tools_)                                                                               \
    }

const struct lk_prompt_row lk_prompt_rows[LK_N_PROMPT_ROWS] = {
    {{.name = "explore_dataset",
      .title = "Explore a dataset",
      .description = "Finds out what an explore holds and what it can answer.",
      ARGUMENTS(explore_arguments),
      .get = explore_dataset},
     explore_tools},
    PULL_REQUEST_ROW(by_check_branch, check_branch_tools),
    PULL_REQUEST_ROW(by_single_steps, single_step_tools),
    {{.name = "audit_instance",
      .title = "Audit the instance",
      .description = "Finds what fails, what is slow and what nobody uses.",
      ARGUMENTS(audit_arguments),
      .get = audit_instance},
     audit_tools},
    {{.name = "clean_up_content",
      .title = "Clean up content",
      .description =
          "Finds dashboards and Looks that nobody needs, and asks before any is removed.",
      ARGUMENTS(clean_up_arguments),
      .get = clean_up_content},
     clean_up_tools},
};
