/*
 * validate_project and run_lookml_tests: verdicts, each said only when Looker's answer carries it.
 */
#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/context.h"
#include "handlers/heartbeat.h"
#include "handlers/items.h"
#include "handlers/modeling/findings.h"
#include "handlers/names.h"
#include "looker_tools.h"
#include "json/project.h"

static bool is_list(struct lk_str object, const char *name, struct lk_str *ret_list)
{
    *ret_list = LK_STR("[]");
    return lk_json_get(object, lk_str(name), ret_list) && lk_json_type(*ret_list) == LK_JSON_ARRAY;
}

/* ---- how many of each: {"syntax":2,"deprecation":1} ---- */

#define MAX_WORDS 24

struct tally {
    struct lk_str words[MAX_WORDS];
    int64_t counts[MAX_WORDS];
    size_t n;
    int64_t others; /* of words that there is no room for */
};

static void count_word(struct tally *tally, struct lk_str word)
{
    size_t i = 0;

    while (i < tally->n && !lk_str_eq(tally->words[i], word))
        i++;
    if (i == MAX_WORDS) {
        tally->others++;
        return;
    }
    if (i == tally->n)
        tally->words[tally->n++] = word;
    tally->counts[i]++;
}

static void write_tally(struct lk_json_writer *w, const char *name, const struct tally *tally)
{
    lk_json_key(w, name);
    lk_json_begin_object(w);
    for (size_t i = 0; i < tally->n; i++) {
        lk_json_key_str(w, tally->words[i]);
        lk_json_put_integer(w, tally->counts[i]);
    }
    if (tally->others > 0)
        lk_json_member_integer(w, "(others)", tally->others);
    lk_json_end_object(w);
}

/* ---- validate_project ---- */

static void write_verdict(struct lk_json_writer *w, bool errors_known, int64_t n_serious,
                          int64_t n_not_validated)
{
    lk_json_key(w, "valid");
    if (n_serious > 0) {
        lk_json_put_boolean(w, false);
    } else if (!errors_known || n_not_validated > 0) {
        lk_json_put_null(w);
        lk_json_member_string(
            w, "valid_note",
            errors_known
                ? LK_STR("not known: Looker found no error, but did not validate the models "
                         "in models_not_validated")
                : LK_STR("not known: Looker's answer has no list of errors, so the project "
                         "may not have been compiled at all"));
    } else {
        lk_json_put_boolean(w, true);
    }
}

/* The errors as items: serious ones, or the others. */
static void add_errors(struct lk_items *items, struct lk_arena *arena, struct lk_str errors,
                       bool serious)
{
    struct lk_json_iter it = lk_json_iter(errors);
    struct lk_str error;

    while (lk_json_next(&it, NULL, &error)) {
        if (lk_finding_is_serious(arena, error) != serious || !lk_items_next(items))
            continue;
        lk_project(error, &lk_finding_projection, false, &items->buf, NULL);
        lk_items_end(items);
    }
}

static void count_errors(struct lk_arena *arena, struct lk_str errors, struct tally *kinds,
                         struct tally *severities, int64_t *ret_serious)
{
    struct lk_json_iter it = lk_json_iter(errors);
    struct lk_str error, word;

    *ret_serious = 0;
    while (lk_json_next(&it, NULL, &error)) {
        *ret_serious += lk_finding_is_serious(arena, error);
        word = lk_json_get_string(arena, error, LK_STR("kind"));
        count_word(kinds, word.len > 0 ? word : LK_STR("(none)"));
        word = lk_json_get_string(arena, error, LK_STR("severity"));
        count_word(severities, word.len > 0 ? word : LK_STR("(none)"));
    }
}

bool lk_handler_validate_project(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_validate_project_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_items *items = lk_arena_new_object(arena, struct lk_items);
    struct tally *kinds = lk_arena_new_object(arena, struct tally);
    struct tally *severities = lk_arena_new_object(arena, struct tally);
    struct looker_validate_project_params params = {.project_id = args->project_id};
    struct lk_str answer, errors, skipped;
    struct lk_heartbeat heartbeat;
    int64_t n_serious;

    /* 1. Looker's findings, which may take long. */
    lk_heartbeat_start(&heartbeat, call, LK_HEARTBEAT_MS, LK_STR("validating"));
    bool asked = lk_ask(context->api, arena,
                        lk_in_dev(looker_validate_project(&params), args->dev_mode.value),
                        LK_JSON_OBJECT, &answer, err);
    lk_heartbeat_stop(&heartbeat);
    if (!asked)
        return lk_names_explain(&looker_validate_project_args_type, args, err);
    bool known = is_list(answer, "errors", &errors);
    if (!is_list(answer, "models_not_validated", &skipped))
        skipped = LK_STR("[]");
    count_errors(arena, errors, kinds, severities, &n_serious);

    /* 2. The page, the worst first. */
    lk_items_init(items, arena, lk_tool_max_result_bytes(context), args->offset.value,
                  args->limit.value);
    add_errors(items, arena, errors, true);
    add_errors(items, arena, errors, false);
    if (!lk_items_check(items, err))
        return false;

    /* 3. The verdict. */
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "project_id", args->project_id.value);
    lk_json_member_string(&w, "workspace",
                          args->dev_mode.value ? LK_STR("dev") : LK_STR("production"));
    write_verdict(&w, known, n_serious, (int64_t)lk_json_count(skipped));
    write_tally(&w, "severities", severities);
    write_tally(&w, "kinds", kinds);
    lk_json_member_raw(&w, "models_not_validated", skipped);
    lk_json_key(&w, "errors");
    lk_json_begin_object(&w);
    lk_items_write(items, &w, items->offered, lk_items_next_offset(items));
    lk_json_end_object(&w);
    lk_json_end_object(&w);
    return true;
}

/* ---- run_lookml_tests ---- */

static int64_t number_of(struct lk_str result, const char *name)
{
    struct lk_str value;
    int64_t number = 0;

    if (lk_json_get(result, lk_str(name), &value))
        lk_json_integer(value, &number);
    return number;
}

struct sums {
    int64_t tests, failed, assertions, assertions_failed;
};

/* Adds the results that succeeded, or the others, and sums them up. */
static void add_results(struct lk_items *items, struct lk_str results, bool success,
                        struct sums *sums)
{
    struct lk_json_iter it = lk_json_iter(results);
    struct lk_str result;

    while (lk_json_next(&it, NULL, &result)) {
        if (lk_test_succeeded(result) != success)
            continue;
        sums->tests++;
        sums->failed += !success;
        sums->assertions += number_of(result, "assertions_count");
        sums->assertions_failed += number_of(result, "assertions_failed");
        if (lk_items_next(items)) {
            lk_project(result, &lk_test_result_projection, false, &items->buf, NULL);
            lk_items_end(items);
        }
    }
}

static void write_sums(struct lk_json_writer *w, const struct looker_run_lookml_tests_args *args,
                       const struct sums *sums)
{
    lk_json_member_string(w, "project_id", args->project_id.value);
    lk_json_member_string(w, "workspace",
                          args->dev_mode.value ? LK_STR("dev") : LK_STR("production"));
    lk_json_key(w, "passed");
    if (sums->tests == 0) {
        lk_json_put_null(w);
        lk_json_member_string(
            w, "passed_note",
            LK_STR("no test ran, so nothing was shown: list_lookml_tests lists the "
                   "tests of the project"));
    } else {
        lk_json_put_boolean(w, sums->failed == 0);
    }
    lk_json_member_integer(w, "tests", sums->tests);
    lk_json_member_integer(w, "failed", sums->failed);
    lk_json_member_integer(w, "assertions", sums->assertions);
    lk_json_member_integer(w, "assertions_failed", sums->assertions_failed);
}

bool lk_handler_run_lookml_tests(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_run_lookml_tests_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
    struct lk_items *items = lk_arena_new_object(arena, struct lk_items);
    struct looker_run_lookml_test_params params = {
        .project_id = args->project_id,
        .file_id = args->file_id,
        .model = args->model,
        .test = args->test,
    };
    struct lk_api_request request =
        lk_in_dev(looker_run_lookml_test(&params), args->dev_mode.value);
    struct lk_api_answer answer;
    struct lk_heartbeat heartbeat;
    struct sums sums = {0};

    /* 1. The tests, which may take long. */
    lk_heartbeat_start(&heartbeat, call, LK_HEARTBEAT_MS, LK_STR("running tests"));
    bool asked = lk_api_call_within(context->api, arena, request,
                                    (uint64_t)(args->timeout.value * 1000), &answer, err);
    lk_heartbeat_stop(&heartbeat);
    if (!asked) {
        if (err->kind == LK_ERROR_TIMEOUT)
            lk_error_advise(err,
                            "raise timeout (%.0f seconds), or run fewer tests at once by model, "
                            "file_id or test",
                            args->timeout.value);
        return lk_names_explain(&looker_run_lookml_tests_args_type, args, err);
    }
    if (!lk_expect_json(&answer, request.op, LK_JSON_ARRAY, err))
        return false;

    /* 2. Failures first. */
    lk_items_init(items, arena, lk_tool_max_result_bytes(context), args->offset.value,
                  args->limit.value);
    add_results(items, answer.body, false, &sums);
    add_results(items, answer.body, true, &sums);
    if (!lk_items_check(items, err))
        return false;
    lk_json_begin_object(&w);
    write_sums(&w, args, &sums);
    lk_items_write(items, &w, items->offered, lk_items_next_offset(items));
    lk_json_end_object(&w);
    return true;
}
