/*
 * The answers of tools that take several steps.
 */
#include "fake_looker.h"

#include "handlers/ask.h"
#include "handlers/steps.h"

#include <unistd.h>

/* Runs a function as a tool; its answer, or an empty text when it failed altogether. */
static struct lk_str run_steps(mcp_tool_fn *fn)
{
    static struct mcp_tool tool;
    struct lk_str answer = {0};

    tool = (struct mcp_tool){.name = "task", .run = fn};
    fake_error = (struct lk_error){0};
    fake_call(&tool, "{}", 0, &answer);
    return answer;
}

static void assert_json(struct lk_str answer, const char *path, const char *expected)
{
    struct lk_str got = at(answer, path);

    if (!lk_str_eq(got, lk_str(expected)))
        print_error("%s in %.*s\n", path, LK_STR_ARG(answer));
    assert_string_equal(lk_arena_cstr(fake_arena, got), expected);
}

static bool all_kinds(struct mcp_call *call, const void *args, struct lk_error *err)
{
    struct lk_steps steps;

    (void)args;
    lk_steps_begin(&steps, call);
    lk_json_member_string(&steps.w, "id", LK_STR("7"));
    lk_steps_done(&steps, "make", "user %d \"%s\"", 7, "x");
    lk_steps_skipped(&steps, "keep", "%s", "");
    lk_steps_planned(&steps, "later", "p");
    lk_steps_not_done(&steps, "never", "n");
    lk_steps_changed(&steps, "made user %d", 7);
    lk_steps_changed(&steps, "and more");
    lk_steps_left(&steps, "rest");
    assert_false(lk_steps_have_failed(&steps));
    return lk_steps_end(&steps, err);
}

static void test_the_whole_form(void **state)
{
    (void)state;
    struct lk_str answer = run_steps(all_kinds);
    assert_string_equal(lk_arena_cstr(fake_arena, answer),
                        "{\"id\":\"7\",\"outcome\":\"done\",\"steps\":["
                        "{\"step\":\"make\",\"status\":\"done\",\"detail\":\"user 7 \\\"x\\\"\"},"
                        "{\"step\":\"keep\",\"status\":\"skipped\"},"
                        "{\"step\":\"later\",\"status\":\"planned\",\"detail\":\"p\"},"
                        "{\"step\":\"never\",\"status\":\"not_done\",\"detail\":\"n\"}],"
                        "\"changed\":[\"made user 7\",\"and more\"],\"left_to_do\":[\"rest\"]}");
    assert_false(fake_failed);
}

static bool preview(struct mcp_call *call, const void *args, struct lk_error *err)
{
    struct lk_steps steps;

    (void)args;
    lk_steps_begin(&steps, call);
    steps.preview = true;
    return lk_steps_end(&steps, err);
}

static void test_a_preview_is_called_one(void **state)
{
    (void)state;
    struct lk_str answer = run_steps(preview);
    assert_string_equal(lk_arena_cstr(fake_arena, answer),
                        "{\"outcome\":\"preview\",\"steps\":[],\"changed\":[],\"left_to_do\":[]}");
}

/* Three calls: one that may fail, two that may not. */
static bool calls(struct mcp_call *call, const void *args, struct lk_error *err)
{
    struct looker_user_params params = {.user_id = lk_string(LK_STR("7"))};
    struct lk_api_answer answer;
    struct lk_str text;
    struct lk_steps steps;

    (void)args;
    lk_steps_begin(&steps, call);
    if (lk_steps_try(&steps, "look", looker_all_folders(NULL), &answer))
        lk_steps_done(&steps, "look", "%zu bytes", answer.body.len);
    if (lk_steps_call(&steps, "make", looker_create_user(NULL, NULL), &answer)) {
        lk_steps_done(&steps, "make", "%zu bytes", answer.body.len);
        lk_steps_changed(&steps, "made");
    }
    if (!lk_steps_have_failed(&steps) &&
        lk_steps_ask(&steps, "read", looker_user(&params), LK_JSON_OBJECT, &text))
        lk_steps_done(&steps, "read", "%.*s", LK_STR_ARG(text));
    return lk_steps_end(&steps, err);
}

static void test_a_step_that_may_fail_makes_it_partial(void **state)
{
    (void)state;
    fake_fails("GET /folders", 403, "Not for you");
    fake_answers("POST /users", "{}");
    fake_answers("GET /users/7", "{\"id\":\"7\"}");
    struct lk_str answer = run_steps(calls);
    assert_json(answer, "outcome", "\"partial\"");
    assert_json(answer, "error", "(absent)");
    assert_json(answer, "steps/0/status", "\"failed\"");
    assert_json(answer, "steps/0/http_status", "403");
    assert_json(answer, "steps/0/detail", "\"Not for you\"");
    assert_json(answer, "steps/2/detail", "\"{\\\"id\\\":\\\"7\\\"}\"");
    assert_false(fake_failed);
}

static void test_a_needed_step_fails_the_whole(void **state)
{
    (void)state;
    fake_answers("GET /folders", "[]");
    fake_fails("POST /users", 422, "email: taken");
    struct lk_str answer = run_steps(calls);
    assert_true(fake_failed);
    assert_json(answer, "outcome", "\"failed\"");
    assert_json(answer, "status", "422");
    assert_json(answer, "kind", "\"upstream\"");
    assert_json(answer, "detail", "\"email: taken\"");
    assert_json(answer, "steps/1/status", "\"failed\"");
    assert_json(answer, "steps/2", "(absent)");
    assert_json(answer, "changed", "[]");
    assert_int_equal(fake_n_requests, 2);
}

static void test_an_answer_of_another_form_is_a_failure(void **state)
{
    (void)state;
    fake_answers("GET /folders", "[]");
    fake_answers("POST /users", "{}");
    fake_answers("GET /users/7", "[]");
    struct lk_str answer = run_steps(calls);
    assert_true(fake_failed);
    assert_json(answer, "kind", "\"parse\"");
    assert_json(answer, "changed/0", "\"made\"");
}

/* The first needed failure is what the answer says at its top. */
static bool two_failures(struct mcp_call *call, const void *args, struct lk_error *err)
{
    struct lk_steps steps;
    struct lk_error failure = {.kind = LK_ERROR_UPSTREAM, .status = 500, .message = "minor"};

    (void)args;
    lk_steps_begin(&steps, call);
    lk_steps_failed(&steps, "a", false, &failure);
    assert_false(lk_steps_have_failed(&steps));
    lk_steps_refuse(&steps, "b", "not %s", "so");
    assert_true(lk_steps_have_failed(&steps));
    lk_steps_refuse(&steps, "c", "nor so");
    assert_int_equal(steps.n_failed, 3);
    return lk_steps_end(&steps, err);
}

static void test_the_first_needed_failure_stands_at_the_top(void **state)
{
    (void)state;
    struct lk_str answer = run_steps(two_failures);
    assert_true(fake_failed);
    assert_json(answer, "error", "\"not so\"");
    assert_json(answer, "kind", "\"argument\"");
    assert_json(answer, "steps/0/error", "\"minor\"");
    assert_json(answer, "steps/2/error", "\"nor so\"");
}

static void test_cancelled_before_any_change_is_no_report(void **state)
{
    (void)state;
    fake_delay_ms = 1;
    fake_cancel_at = "GET /folders";
    struct lk_str answer = run_steps(calls);
    assert_int_equal(answer.len, 0);
    assert_int_equal(fake_error.kind, LK_ERROR_CANCELLED);
    assert_int_equal(fake_n_requests, 1);
}

/* What the log says of a call that was cancelled at that request. */
static const char *logged(const char *route, struct lk_str *ret_answer)
{
    static char text[4096];
    struct lk_log log = {.level = LK_LOG_INFO};
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    log.fd = ends[1];
    fake_context.log = &log;
    fake_answers("GET /folders", "[]");
    fake_answers("POST /users", "{}");
    fake_delay_ms = 1;
    fake_cancel_at = route;
    *ret_answer = run_steps(calls);
    close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    return text;
}

/* The request was on its way: whether Looker obeyed is not known, so it is not silent. */
static void test_cancelled_while_changing_is_reported_and_logged(void **state)
{
    struct lk_str answer;

    (void)state;
    const char *log = logged("POST /users", &answer);
    assert_true(fake_failed);
    assert_json(answer, "kind", "\"cancelled\"");
    assert_json(answer, "changed", "[]");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do/0")), "look whether make");
    assert_contains(log, "tool.cancelled_midway");
    assert_contains(log, "\"tool\":\"task\"");
    assert_contains(log, "look whether make");
}

static void test_cancelled_between_changes_is_logged(void **state)
{
    struct lk_str answer;

    (void)state;
    assert_contains(logged("GET /users/7", &answer), "\"changed\":\"\\\"made\\\"\"");
    assert_string_equal(logged("GET /folders", &answer), "");
}

static void assert_doubt(int status, bool doubt)
{
    struct lk_error failure = {.kind = LK_ERROR_UPSTREAM, .status = status};

    assert_int_equal(lk_may_have_happened(looker_create_user(NULL, NULL).op, &failure), doubt);
}

static void test_what_may_have_happened(void **state)
{
    struct looker_user_params params = {.user_id = lk_string(LK_STR("7"))};
    struct lk_error failure = {.kind = LK_ERROR_PARSE};

    (void)state;
    assert_true(lk_may_have_happened(looker_create_user(NULL, NULL).op, &failure));
    assert_false(lk_may_have_happened(looker_user(&params).op, &failure));
    assert_doubt(504, true);
    assert_doubt(502, true);
    assert_doubt(422, false);
    assert_doubt(500, false);
}

static void test_cancelled_after_a_change_is_reported(void **state)
{
    (void)state;
    fake_answers("GET /folders", "[]");
    fake_answers("POST /users", "{}");
    fake_delay_ms = 1;
    fake_cancel_at = "GET /users/7";
    struct lk_str answer = run_steps(calls);
    assert_true(fake_failed);
    assert_json(answer, "kind", "\"cancelled\"");
    assert_json(answer, "changed/0", "\"made\"");
    assert_json(answer, "steps/2/step", "\"read\"");
}

/* More than there is room for, and details longer than any fixed buffer. */
static bool very_many(struct mcp_call *call, const void *args, struct lk_error *err)
{
    struct lk_steps steps;
    char text[3001];

    (void)args;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    lk_steps_begin(&steps, call);
    for (int i = 0; i < 200; i++) {
        lk_steps_done(&steps, "write", "%d %s", i, text);
        lk_steps_changed(&steps, "%s", text);
        lk_steps_left(&steps, "%s", text);
    }
    return lk_steps_end(&steps, err);
}

static void test_long_lists_are_cut_between_entries(void **state)
{
    int64_t left_out = 0;

    (void)state;
    struct lk_str answer = run_steps(very_many);
    assert_int_equal(lk_json_string_length(at(answer, "steps/0/detail")), 3002);
    assert_true(lk_json_integer(at(answer, "steps_left_out"), &left_out));
    assert_int_equal(lk_json_count(at(answer, "steps")) + (size_t)left_out, 200);
    assert_true(lk_json_integer(at(answer, "changed_left_out"), &left_out));
    assert_int_equal(lk_json_count(at(answer, "changed")) + (size_t)left_out, 200);
    assert_true(lk_json_integer(at(answer, "left_to_do_left_out"), &left_out));
    assert_true(answer.len < (size_t)1024 * 1024);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_whole_form),
        TEST(test_a_preview_is_called_one),
        TEST(test_a_step_that_may_fail_makes_it_partial),
        TEST(test_a_needed_step_fails_the_whole),
        TEST(test_an_answer_of_another_form_is_a_failure),
        TEST(test_the_first_needed_failure_stands_at_the_top),
        TEST(test_cancelled_before_any_change_is_no_report),
        TEST(test_cancelled_while_changing_is_reported_and_logged),
        TEST(test_cancelled_between_changes_is_logged),
        TEST(test_what_may_have_happened),
        TEST(test_cancelled_after_a_change_is_reported),
        TEST(test_long_lists_are_cut_between_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
