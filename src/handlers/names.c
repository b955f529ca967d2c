/*
 * Which tool shows which names (names.h). Called by generic.c and schema.c.
 */
#include "handlers/names.h"

#include "base/buf.h"
#include "handlers/ask.h"

#define MAX_WORDS_BYTES 300

enum word { WORD_ARG, WORD_WHAT, WORD_TOOL, N_WORDS };

/* In the order in which one comes from the other. whole: it says which thing is meant, or in which
 * one to look, so it narrows no list. */
static const struct {
    const char *words[N_WORDS];
    bool whole;
} sources[] = {
    {{"connection_name", "connection", "list_connections"}, true},
    {{"project_id", "project", "list_projects"}, true},
    {{"branch_name", "branch", "list_git_branches"}, true},
    {{"test_id", "test", "list_git_connection_tests"}, true},
    {{"datagroup_id", "datagroup", "list_datagroups"}, true},
    {{"file_id", "file", "list_project_files"}, false},
    {{"database", "database", "list_databases"}, false},
    {{"schema_name", "schema", "list_schemas"}, false},
    {{"table_name", "table", "list_tables"}, false},
    {{"table_filter", NULL, NULL}, false},
    {{"query_task_id", "running query", "list_running_queries"}, true},
    {{"user_id", "user", "list_users"}, true},
    {{"group_id", "group", "list_groups"}, true},
    {{"parent_group_id", "parent group", "list_groups"}, true},
    {{"role_id", "role", "list_roles"}, true},
    {{"permission_set_id", "permission set", "list_permission_sets"}, true},
    {{"model_set_id", "model set", "list_model_sets"}, true},
    {{"schedule_id", "schedule", "list_schedules"}, true},
    {{"user_attribute_id", "user attribute", "list_user_attributes"}, true},
    {{"credentials_api3_id", "API key", "list_credentials_api3"}, true},
    {{"look_id", "Look", "list_looks"}, true},
    {{"dashboard_id", "dashboard", "list_dashboards"}, true},
    {{"lookml_dashboard_id", "LookML dashboard", "list_lookml_dashboards"}, true},
    {{"dashboard_element_id", "tile", "get_dashboard"}, true},
    {{"dashboard_filter_id", "dashboard filter", "get_dashboard"}, true},
    {{"folder_id", "folder", "list_folders"}, true},
    {{"parent_id", "folder", "list_folders"}, true},
    {{"board_id", "board", "list_boards"}, true},
    {{"board_section_id", "board section", "get_board"}, true},
    {{"board_item_id", "board item", "get_board"}, true},
};
#define N_SOURCES (sizeof(sources) / sizeof(sources[0]))

static bool is_given(size_t source, const struct lk_type *type, const void *args)
{
    const struct lk_field *field =
        type == NULL ? NULL : lk_type_field(type, lk_str(sources[source].words[WORD_ARG]));

    return field != NULL && lk_field_presence(field, args) == LK_PRESENT;
}

static bool is_said(enum word word, const size_t *said, size_t n, size_t source)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(sources[said[i]].words[word], sources[source].words[word]) == 0)
            return true;
    }
    return false;
}

/* "a, b and c": that word of those that were given, each once. Returns how many. */
static size_t put_given(struct lk_buf *out, const struct lk_type *type, const void *args,
                        bool whole_too, enum word word, const char *last)
{
    size_t given[N_SOURCES], n = 0;

    for (size_t i = 0; i < N_SOURCES; i++) {
        if (is_given(i, type, args) && sources[i].words[word] != NULL &&
            (whole_too || !sources[i].whole) && !is_said(word, given, n, i))
            given[n++] = i;
    }
    for (size_t i = 0; i < n; i++)
        lk_buf_printf(out, "%s%s",
                      i == 0      ? ""
                      : i + 1 < n ? ", "
                                  : last,
                      sources[given[i]].words[word]);
    return n;
}

static void put_tools(struct lk_buf *out, const struct lk_type *type, const void *args)
{
    size_t n = put_given(out, type, args, true, WORD_TOOL, " and ");

    lk_buf_str(out, n > 1 ? LK_STR(" show") : LK_STR(" shows"));
}

bool lk_names_explain(const struct lk_type *type, const void *args, struct lk_error *err)
{
    struct lk_buf words;

    if (!lk_failed_with(err, 404))
        return false;
    lk_buf_init(&words, MAX_WORDS_BYTES);
    lk_buf_lit(&words, "there is no such ");
    if (put_given(&words, type, args, true, WORD_WHAT, " or ") > 0) {
        lk_buf_lit(&words, ", or no access to it: ");
        put_tools(&words, type, args);
        lk_buf_lit(&words, " what there is");
        lk_explain_status(err, 404, "%.*s", LK_STR_ARG(lk_buf_view(&words)));
    }
    lk_buf_free(&words);
    return false;
}

void lk_names_write_hint(struct lk_json_writer *w, const struct lk_type *type, const void *args)
{
    struct lk_buf words;

    lk_buf_init(&words, MAX_WORDS_BYTES);
    lk_buf_lit(&words, "nothing matches ");
    if (put_given(&words, type, args, false, WORD_ARG, " and ") > 0) {
        lk_buf_lit(&words, "; ");
        put_tools(&words, type, args);
        lk_buf_lit(&words, " what there is");
        lk_json_member_string(w, "hint", lk_buf_view(&words));
    }
    lk_buf_free(&words);
}
