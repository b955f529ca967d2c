/*
 * check_branch, LookML tests: all of the project on the branch, and those that fail once more in
 * production, since a test that fails there as well (or because the data is not there yet) says
 * nothing about the branch.
 */
#include "handlers/modeling/findings.h"
#include "handlers/workflows/check.h"
#include "looker_ops.h"
#include "rt/parallel.h"
#include "json/scan.h"

/* More than so many are not asked for one by one, but all tests at once. */
#define MAX_ONE_BY_ONE 20

enum elsewhere { NOT_KNOWN, PASSES, FAILS, ABSENT };

struct failing {
    struct lk_str result; /* on the branch */
    struct lk_str model, name;
    enum elsewhere production;
};

struct tests {
    struct lk_check *check;
    struct lk_str listed; /* Looker's list of the branch's tests: where they are */
    struct failing *failing;
    size_t n_failing, n_results;
};

static bool is_test(const struct failing *test, struct lk_str object, const char *name_member)
{
    struct lk_str model, name;

    return lk_json_get(object, lk_str(name_member), &name) && lk_json_string_eq(name, test->name) &&
           lk_json_get(object, LK_STR("model_name"), &model) &&
           lk_json_string_eq(model, test->model);
}

/* ---- the branch ---- */

static bool run_on_branch(struct tests *tests, struct lk_check_part *part)
{
    struct lk_check *check = tests->check;
    struct looker_run_lookml_test_params params = {.project_id = lk_string(check->project_id)};
    struct lk_str list, result;

    if (!lk_check_ask(check, "test_branch", lk_in_dev(looker_run_lookml_test(&params), true),
                      LK_JSON_ARRAY, &list))
        return false;
    tests->n_results = lk_json_count(list);
    tests->failing = lk_arena_array(check->arena, tests->n_results, sizeof(*tests->failing));
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &result)) {
        if (lk_test_succeeded(result))
            continue;
        tests->failing[tests->n_failing++] = (struct failing){
            .result = result,
            .model = lk_json_get_string(check->arena, result, LK_STR("model_name")),
            .name = lk_json_get_string(check->arena, result, LK_STR("test_name")),
        };
    }
    part->looked_at = (int64_t)tests->n_results;
    part->branch = (int64_t)tests->n_failing;
    lk_steps_done(&check->steps, "test_branch", "%zu tests, %zu failed", tests->n_results,
                  tests->n_failing);
    return true;
}

/* Where tests are; and how many there should be, since a branch that does not compile runs none. */
static void list_tests(struct tests *tests, struct lk_check_part *part)
{
    struct lk_check *check = tests->check;
    struct looker_all_lookml_tests_params params = {.project_id = lk_string(check->project_id)};
    size_t n;

    if (!lk_check_ask(check, "list_tests", lk_in_dev(looker_all_lookml_tests(&params), true),
                      LK_JSON_ARRAY, &tests->listed))
        return;
    n = lk_json_count(tests->listed);
    lk_steps_done(&check->steps, "list_tests", "%zu tests on the branch", n);
    if (n <= tests->n_results)
        return;
    part->n_doubtful += (int64_t)(n - tests->n_results);
    part->note = lk_arena_printf(check->arena, "%zu of the %zu tests of the branch gave no result",
                                 n - tests->n_results, n);
}

/* ---- production ---- */

static void judge(struct failing *test, struct lk_str list)
{
    struct lk_json_iter it = lk_json_iter(list);
    struct lk_str result;

    test->production = ABSENT;
    while (lk_json_next(&it, NULL, &result)) {
        if (is_test(test, result, "test_name"))
            test->production = lk_test_succeeded(result) ? PASSES : FAILS;
    }
}

static void run_in_production(void *arg, size_t i)
{
    struct tests *tests = arg;
    struct failing *test = &tests->failing[i];
    struct looker_run_lookml_test_params params = {
        .project_id = lk_string(tests->check->project_id),
        .model = lk_string(test->model),
        .test = lk_string(test->name),
    };
    struct lk_str list;

    if (test->model.len == 0) /* of a test that cannot even be compiled */
        params.model = (struct lk_string){0};
    if (lk_check_ask(tests->check, "test_production", looker_run_lookml_test(&params),
                     LK_JSON_ARRAY, &list))
        judge(test, list);
}

static void run_all_in_production(struct tests *tests)
{
    struct looker_run_lookml_test_params params = {
        .project_id = lk_string(tests->check->project_id),
    };
    struct lk_str list;

    if (!lk_check_ask(tests->check, "test_production", looker_run_lookml_test(&params),
                      LK_JSON_ARRAY, &list))
        return;
    for (size_t i = 0; i < tests->n_failing; i++)
        judge(&tests->failing[i], list);
}

static void ask_production(struct tests *tests)
{
    const struct lk_tool_context *context = lk_tool_context(tests->check->call);
    struct lk_error ignored = {0}; /* cancelled: then they are not known */
    size_t n_known = 0;

    if (tests->n_failing == 0) {
        lk_steps_skipped(&tests->check->steps, "test_production", "no test failed on the branch");
        return;
    }
    if (tests->n_failing > MAX_ONE_BY_ONE)
        run_all_in_production(tests);
    else
        lk_parallel(context->loop, lk_tool_max_parallel(context), tests->n_failing,
                    run_in_production, tests, &ignored);
    for (size_t i = 0; i < tests->n_failing; i++)
        n_known += tests->failing[i].production != NOT_KNOWN;
    if (n_known == tests->n_failing)
        lk_steps_done(&tests->check->steps, "test_production",
                      "%zu tests that failed on the branch", n_known);
}

/* ---- the answer ---- */

static void put_location(struct lk_json_writer *w, const struct tests *tests,
                         const struct failing *test)
{
    struct lk_json_iter it = lk_json_iter(tests->listed);
    struct lk_str listed, value;

    while (tests->listed.len > 0 && lk_json_next(&it, NULL, &listed)) {
        if (!is_test(test, listed, "name"))
            continue;
        if (lk_json_get(listed, LK_STR("file"), &value))
            lk_json_member_raw(w, "file_path", value);
        if (lk_json_get(listed, LK_STR("line"), &value))
            lk_json_member_raw(w, "line_number", value);
        return;
    }
}

static void write_test(struct lk_items *items, const struct tests *tests,
                       const struct failing *test)
{
    static const char *const words[] = {[PASSES] = "passes", [ABSENT] = "absent"};
    struct lk_json_writer w = lk_json_writer(&items->buf);
    struct lk_str errors;

    if (!lk_items_next(items))
        return;
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "test_name", test->name);
    lk_json_member_string(&w, "model_name", test->model);
    put_location(&w, tests, test);
    lk_json_key(&w, "in_production");
    lk_json_put_cstr(&w, words[test->production]);
    lk_check_list(NULL, NULL, test->result, "errors", &errors);
    lk_json_key(&w, "errors");
    lk_project(errors, &lk_finding_projection, true, &items->buf, NULL);
    w.comma = true;
    lk_json_end_object(&w);
    lk_items_end(items);
}

void lk_check_tests(struct lk_check *check, struct lk_check_part *part)
{
    struct tests tests = {.check = check};

    part->seen = run_on_branch(&tests, part);
    if (!part->seen)
        return;
    list_tests(&tests, part);
    ask_production(&tests);
    part->on_both = 0;
    for (size_t i = 0; i < tests.n_failing; i++) {
        struct failing *test = &tests.failing[i];
        part->on_both += test->production == FAILS;
        if (test->production == FAILS)
            continue;
        part->n_doubtful += test->production == NOT_KNOWN;
        part->n_breaking += test->production != NOT_KNOWN;
        write_test(test->production == NOT_KNOWN ? &part->doubtful : &part->fresh, &tests, test);
    }
}
