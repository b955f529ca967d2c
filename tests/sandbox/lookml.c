/*
 * What the files of a project mean: validation, LookML tests, the manifest. No LookML is parsed;
 * words in the files say what comes of them:
 *
 *     syntax_error      an error at that line; in a model file, the model is not validated either
 *     deprecated_word   a warning
 *     not_validated     in a model file: its validation is given up, without an error
 *     must_fail         in an assertion of a test: it does
 *     local_dependency: { project: "NAME" }, remote_dependency: NAME { url: "U" ref: "R" }
 *                       in manifest.lkml: what the project imports
 *
 * Lines that begin with #sandbox say more: edits.c.
 */
#include "projects.h"

#include <stdio.h>
#include <stdlib.h>

static int line_of(const char *text, const char *at)
{
    int line = 1;

    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

static void add_error(cJSON *errors, const cJSON *file, const char *at, bool warning,
                      const char *message)
{
    cJSON *error = cJSON_CreateObject();

    cJSON_AddStringToObject(error, "code", warning ? "deprecated" : "syntax_error");
    cJSON_AddStringToObject(error, "severity", warning ? "warning" : "error");
    cJSON_AddStringToObject(error, "kind", warning ? "deprecation" : "syntax");
    cJSON_AddStringToObject(error, "message", message);
    cJSON_AddStringToObject(error, "file_path", file->string);
    cJSON_AddNumberToObject(error, "line_number", line_of(file->valuestring, at));
    cJSON_AddNullToObject(error, "model_id");
    cJSON_AddNullToObject(error, "explore");
    cJSON_AddItemToArray(errors, error);
}

/* The errors and warnings that lines say; false: there is an error. */
static bool add_said_errors(const cJSON *tree, cJSON *errors)
{
    struct sb_edit edit = {0};
    bool valid = true;

    while (sb_edit_next(tree, &edit)) {
        bool warning = lk_str_eq(edit.word, LK_STR("warning"));
        char *message;

        if (!warning && !lk_str_eq(edit.word, LK_STR("error")))
            continue;
        valid = valid && warning;
        message = sb_strdup(edit.text);
        if (errors != NULL)
            add_error(errors, edit.file, edit.at, warning, message);
        free(message);
    }
    return valid;
}

bool sb_tree_valid(const cJSON *tree, cJSON *errors, cJSON *not_validated)
{
    const cJSON *file;
    bool valid = true;

    cJSON_ArrayForEach(file, tree)
    {
        const char *text = file->valuestring, *at, *model = strstr(file->string, ".model.lkml");
        bool broken = strstr(text, "syntax_error") != NULL;

        for (at = text; (at = strstr(at, "syntax_error")) != NULL; at++)
            if (errors != NULL)
                add_error(errors, file, at, false, "Unexpected word.");
        for (at = text; (at = strstr(at, "deprecated_word")) != NULL; at++)
            if (errors != NULL)
                add_error(errors, file, at, true, "This word is deprecated.");
        if (model != NULL && not_validated != NULL &&
            (broken || strstr(text, "not_validated") != NULL)) {
            const char *slash = strrchr(file->string, '/');
            const char *name = slash != NULL ? slash + 1 : file->string;
            cJSON *item = cJSON_CreateObject();
            char base[128];

            snprintf(base, sizeof(base), "%.*s", (int)(model - name), name);
            cJSON_AddStringToObject(item, "name", base);
            cJSON_AddStringToObject(item, "project_file_id", file->string);
            cJSON_AddItemToArray(not_validated, item);
        }
        valid = valid && !broken;
    }
    return add_said_errors(tree, errors) && valid;
}

/* ---- validation ---- */

static struct sb_collection *results(struct sb_workspace *ws)
{
    return sb_collection(ws->rq->sb->store,
                         lk_arena_printf(ws->rq->arena, "(validation)/%s", ws->project));
}

static struct lk_str results_key(struct sb_workspace *ws)
{
    return ws->dev ? lk_str(ws->rq->token->user_id) : LK_STR("production");
}

static void validate_project(struct sb_request *rq, struct sb_answer *out)
{
    cJSON *errors, *not_validated, *result;
    struct sb_workspace ws;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    result = cJSON_CreateObject();
    errors = cJSON_AddArrayToObject(result, "errors");
    cJSON_AddStringToObject(result, "project_digest", sb_member(ws.branch->json, "ref"));
    not_validated = cJSON_AddArrayToObject(result, "models_not_validated");
    cJSON_AddNumberToObject(result, "computation_time", 0.25);
    sb_tree_valid(ws.tree, errors, not_validated);
    sb_answer_tree(rq, out, 200, result);
    cJSON_AddBoolToObject(result, "stale", false);
    sb_entity_put(results(&ws), results_key(&ws), result);
}

static void project_validation_results(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_workspace ws;
    struct sb_entity *last;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    last = sb_entity(results(&ws), results_key(&ws));
    if (last == NULL)
        return sb_answer_empty(out, 204);
    sb_answer_tree(rq, out, 200, last->json);
}

/* ---- tests ---- */

struct test {
    const cJSON *file;
    const char *start, *end; /* of its block */
    char name[128], explore[128];
    const char *model;
};

/* The word after `key` in the block, "" when it is not there. */
static void word_after(const struct test *test, const char *key, char *word, size_t size)
{
    const char *at = memmem(test->start, (size_t)(test->end - test->start), key, strlen(key));
    size_t n;

    word[0] = '\0';
    if (at == NULL)
        return;
    at += strlen(key);
    at += strspn(at, " ");
    n = strcspn(at, " {\n");
    snprintf(word, size, "%.*s", (int)(n < size ? n : size - 1), at);
}

/* The model of the project that has the explore; "" when none does. */
static const char *model_of(const char *project, const char *explore)
{
    for (size_t i = 0; i < sb_n_models; i++)
        for (size_t j = 0; j < sb_models[i].n_explores && sb_models[i].explores != NULL; j++)
            if (strcmp(sb_models[i].project, project) == 0 &&
                strcmp(sb_models[i].explores[j].name, explore) == 0)
                return sb_models[i].name;
    return "";
}

/* The next test of the file from `at` on. */
static bool next_test(struct sb_workspace *ws, const cJSON *file, const char *at,
                      struct test *ret_test)
{
    const char *start = strstr(at, "test: "), *next;

    if (start == NULL)
        return false;
    next = strstr(start + 1, "\ntest: ");
    *ret_test = (struct test){.file = file, .start = start};
    ret_test->end = next != NULL ? next + 1 : start + strlen(start);
    word_after(ret_test, "test:", ret_test->name, sizeof(ret_test->name));
    word_after(ret_test, "explore_source:", ret_test->explore, sizeof(ret_test->explore));
    ret_test->model = model_of(ws->project, ret_test->explore);
    return true;
}

static unsigned count(const struct test *test, const char *word)
{
    unsigned n = 0;

    for (const char *at = test->start;
         (at = memmem(at, (size_t)(test->end - at), word, strlen(word))) != NULL; at++)
        n++;
    return n;
}

static cJSON *show_test(const struct test *test)
{
    cJSON *json = cJSON_CreateObject();
    char url[400];

    snprintf(url, sizeof(url), "fields=%s.count", test->explore);
    cJSON_AddStringToObject(json, "model_name", test->model);
    cJSON_AddStringToObject(json, "name", test->name);
    cJSON_AddStringToObject(json, "explore_name", test->explore);
    cJSON_AddStringToObject(json, "query_url_params", url);
    cJSON_AddStringToObject(json, "file", test->file->string);
    cJSON_AddNumberToObject(json, "line", line_of(test->file->valuestring, test->start));
    return json;
}

static cJSON *show_result(const struct test *test)
{
    unsigned failed = count(test, "must_fail");
    cJSON *json = cJSON_CreateObject(), *errors, *error;

    cJSON_AddStringToObject(json, "model_name", test->model);
    cJSON_AddStringToObject(json, "test_name", test->name);
    cJSON_AddNumberToObject(json, "assertions_count", count(test, "assert:"));
    cJSON_AddNumberToObject(json, "assertions_failed", failed);
    errors = cJSON_AddArrayToObject(json, "errors");
    cJSON_AddItemToObject(json, "warnings", cJSON_CreateArray());
    cJSON_AddBoolToObject(json, "success", failed == 0);
    if (failed > 0) {
        error = cJSON_CreateObject();
        cJSON_AddStringToObject(error, "code", "test_assertion_failed");
        cJSON_AddStringToObject(error, "severity", "error");
        cJSON_AddStringToObject(error, "kind", "lookml_test");
        cJSON_AddStringToObject(error, "message", "An assertion is false for row 1.");
        cJSON_AddStringToObject(error, "file_path", test->file->string);
        cJSON_AddNumberToObject(error, "line_number",
                                line_of(test->file->valuestring, test->start));
        cJSON_AddStringToObject(error, "explore", test->explore);
        cJSON_AddItemToArray(errors, error);
    }
    return json;
}

/* An absent parameter is met by anything. */
static bool is_wanted(struct sb_request *rq, const char *param, const char *value)
{
    struct lk_str wanted;

    return !sb_query_arg(rq, param, &wanted) || lk_str_eq(wanted, lk_str(value));
}

static void for_tests(struct sb_request *rq, struct sb_answer *out,
                      cJSON *(*show)(const struct test *))
{
    struct sb_workspace ws;
    struct test test;
    const cJSON *file;
    cJSON *list;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    list = cJSON_CreateArray();
    cJSON_ArrayForEach(file, ws.tree)
    {
        if (!is_wanted(rq, "file_id", file->string))
            continue;
        for (const char *at = file->valuestring; next_test(&ws, file, at, &test); at = test.end)
            if (is_wanted(rq, "test", test.name) && is_wanted(rq, "model", test.model))
                cJSON_AddItemToArray(list, show(&test));
    }
    sb_answer_tree(rq, out, 200, list);
    cJSON_Delete(list);
}

static void all_lookml_tests(struct sb_request *rq, struct sb_answer *out)
{
    for_tests(rq, out, show_test);
}

static void run_lookml_test(struct sb_request *rq, struct sb_answer *out)
{
    for_tests(rq, out, show_result);
}

/* ---- the manifest ---- */

/* What stands between the quotes after `key`, before `end`; NULL: nothing does. */
static const char *quoted(struct sb_request *rq, const char *at, const char *end, const char *key)
{
    const char *start = memmem(at, (size_t)(end - at), key, strlen(key)), *stop;

    start = start != NULL ? memchr(start, '"', (size_t)(end - start)) : NULL;
    stop = start != NULL ? memchr(start + 1, '"', (size_t)(end - start - 1)) : NULL;
    if (stop == NULL)
        return NULL;
    return lk_arena_cstr(rq->arena, lk_str_n(start + 1, (size_t)(stop - start - 1)));
}

static void add_import(struct sb_request *rq, cJSON *imports, const char *at, bool remote)
{
    const char *end = strchrnul(at, '}'), *brace = strchrnul(at, '{');
    cJSON *import = cJSON_CreateObject();
    struct lk_str name = lk_str_trim(lk_str_n(at, (size_t)(brace - at)));

    cJSON_AddStringToObject(
        import, "name", remote ? lk_arena_cstr(rq->arena, name) : quoted(rq, at, end, "project:"));
    sb_set_text(import, "url", remote ? quoted(rq, at, end, "url:") : NULL);
    sb_set_text(import, "ref", remote ? quoted(rq, at, end, "ref:") : NULL);
    cJSON_AddBoolToObject(import, "is_remote", remote);
    cJSON_AddItemToArray(imports, import);
}

static void manifest(struct sb_request *rq, struct sb_answer *out)
{
    static const char *const keys[] = {"remote_dependency:", "local_dependency:"};
    struct sb_workspace ws;
    const char *text;
    cJSON *json, *imports;

    if (!sb_workspace_open(rq, out, &ws))
        return;
    text = sb_member(ws.tree, "manifest.lkml");
    json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "can", cJSON_CreateObject());
    cJSON_AddStringToObject(json, "name", ws.project);
    imports = cJSON_AddArrayToObject(json, "imports");
    for (size_t i = 0; i < 2; i++)
        for (const char *at = text; at != NULL && (at = strstr(at, keys[i])) != NULL;) {
            at += strlen(keys[i]);
            add_import(rq, imports, at, i == 0);
        }
    cJSON_AddNullToObject(json, "localization_settings");
    sb_answer_tree(rq, out, 200, json);
    cJSON_Delete(json);
}

const struct sb_handler sb_lookml_handlers[] = {
    {"validate_project", validate_project},
    {"project_validation_results", project_validation_results},
    {"all_lookml_tests", all_lookml_tests},
    {"run_lookml_test", run_lookml_test},
    {"manifest", manifest},
    {0},
};
