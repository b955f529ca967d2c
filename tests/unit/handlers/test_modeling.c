/*
 * The tools about LookML projects: what is looked at before something is written, which verdicts an
 * answer allows, and what is said when Looker is not as its documents have it.
 */
#include "fake_looker.h"

#include <time.h>

#define FILES "GET /projects/p/files"
#define SOME_FILES                                                                                 \
    "[{\"id\":\"17\",\"path\":\"views/"                                                            \
    "a.view.lkml\",\"git_status\":null},{\"id\":\"b.view.lkml\"}]"
#define FILE_OF "\"project_id\":\"p\",\"file_id\":"

/* ---- files ---- */

static void test_a_file_is_read_by_its_path(void **state)
{
    (void)state;
    fake_answers("GET /projects/p/files/file",
                 "{\"id\":\"17\",\"path\":\"views/a.view.lkml\",\"type\":\"view\",\"can\":{}}");
    fake_answers_text("GET /projects/p/file/content", "view: a {}\n");
    struct lk_str answer = run_tool("get_file", "{" FILE_OF "\"17\"}");
    assert_str(answer, "{\"project_id\":\"p\",\"file_id\":\"17\",\"path\":\"views/a.view.lkml\","
                       "\"type\":\"view\",\"content\":\"view: a {}\\n\",\"total_bytes\":11}");
    assert_string_equal(fake_requests[1],
                        "GET /projects/p/file/content?file_path=views%2Fa.view.lkml");
    assert_true(fake_in_dev[0] && fake_in_dev[1]);
    run_tool("get_file", "{" FILE_OF "\"17\",\"dev_mode\":false}");
    assert_false(fake_in_dev[2] || fake_in_dev[3]);
}

static void test_long_files_come_in_pieces(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 4;
    fake_answers("GET /projects/p/files/file", "{\"id\":\"a\"}");
    fake_answers_text("GET /projects/p/file/content", "ab\xc3\xbc\xc3\xb6z");
    struct lk_str answer = run_tool("get_file", "{" FILE_OF "\"a\"}");
    assert_str(at(answer, "content"), "\"ab\xc3\xbc\"");
    assert_str(at(answer, "total_bytes"), "7");
    assert_str(at(answer, "next_offset"), "4");
    assert_str(at(answer, "truncated/limit"), "4");
    /* No piece ends inside a character, nor begins there. */
    fake_context.max_result_bytes = 3;
    answer = run_tool("get_file", "{" FILE_OF "\"a\"}");
    assert_str(at(answer, "content"), "\"ab\"");
    answer = run_tool("get_file", "{" FILE_OF "\"a\",\"offset\":5}");
    assert_str(at(answer, "offset"), "4");
    assert_str(at(answer, "content"), "\"\xc3\xb6z\"");
    assert_str(at(answer, "next_offset"), "(absent)");
    answer = run_tool("get_file", "{" FILE_OF "\"a\",\"offset\":7}");
    assert_str(at(answer, "content"), "\"\"");
    assert_contains(refuse_tool("get_file", "{" FILE_OF "\"a\",\"offset\":8}")->message, "7 bytes");
}

static void test_paths_stay_within_the_project(void **state)
{
    static const char *const bad[] = {"/etc/passwd",    ".",      "..",
                                      "../x",           "a/../b", "./b.view.lkml",
                                      "views//a",       "a//",    "views\\\\a.view.lkml",
                                      ".git/hooks/pre", "a/.GIT", "a\\nb"};
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "{" FILE_OF "\"%s\",\"content\":\"x\"}", bad[i]);
        assert_contains(refuse_tool("create_file", text)->message, "file_id: ");
        snprintf(text, sizeof(text), "{\"project_id\":\"p\",\"path\":\"%s\"}", bad[i]);
        assert_contains(refuse_tool("create_directory", text)->message, "path: ");
        assert_contains(refuse_tool("delete_directory", text)->message, "path: ");
    }
    assert_int_equal(fake_n_requests, 0);
    fake_script("DELETE /projects/p/directories", 204, 0, "");
    assert_str(run_tool("delete_directory", "{\"project_id\":\"p\",\"path\":\"a.b/..c/\"}"),
               "{\"ok\":true,\"project_id\":\"p\",\"path\":\"a.b/..c\"}");
    assert_string_equal(fake_requests[0], "DELETE /projects/p/directories?path=a.b%2F..c");
}

static void test_a_file_without_its_text(void **state)
{
    (void)state;
    fake_answers("GET /projects/p/files/file", "{\"id\":\"a\",\"type\":\"view\"}");
    struct lk_str answer = run_tool("get_file", "{" FILE_OF "\"a\"}");
    assert_str(at(answer, "content"), "null");
    assert_str(at(answer, "type"), "\"view\"");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "content_note")), "not its text");

    /* Any other failure is one of the call. */
    fake_fails("GET /projects/p/file/content", 500, "broken");
    assert_int_equal(refuse_tool("get_file", "{" FILE_OF "\"a\"}")->status, 500);
    fake_fails("GET /projects/p/files/file", 404, "Not found");
    fake_n_scripts = 0;
    const struct lk_error *err = refuse_tool("get_file", "{" FILE_OF "\"z\"}");
    assert_contains(err->message, "\"z\"");
    assert_contains(err->message, "list_project_files");
}

static void test_writing_looks_first(void **state)
{
    (void)state;
    fake_answers(FILES, SOME_FILES);
    const char *taken = "{" FILE_OF "\"views/a.view.lkml\",\"content\":\"x\"}";
    const char *free_path = "{" FILE_OF "\"views/n.view.lkml\",\"content\":\"x\"}";

    assert_contains(refuse_tool("create_file", taken)->message, "left as it is");
    assert_contains(refuse_tool("update_file", free_path)->message, "create_file");
    assert_contains(refuse_tool("delete_file", "{" FILE_OF "\"views/n.view.lkml\"}")->message,
                    "list_project_files");
    assert_int_equal(fake_n_requests, 3);
    assert_string_equal(fake_requests[0], "GET /projects/p/files?fields=id%2Cpath%2Cgit_status");
    assert_true(fake_in_dev[0]);
}

static void test_writing(void **state)
{
    (void)state;
    fake_answers(FILES, SOME_FILES);
    fake_script("POST /projects/p/files", 204, 0, "");
    fake_script("PUT /projects/p/files", 204, 0, "");
    fake_script("DELETE /projects/p/files", 204, 0, "");
    assert_str(run_tool("create_file", "{" FILE_OF "\"n.lkml\",\"content\":\"\"}"),
               "{\"ok\":true,\"action\":\"created\",\"project_id\":\"p\",\"file_id\":\"n.lkml\","
               "\"bytes\":0}");
    assert_string_equal(fake_requests[1],
                        "POST /projects/p/files {\"content\":\"\",\"path\":\"n.lkml\"}");
    /* By its id; what is written goes to the path. */
    run_tool("update_file", "{" FILE_OF "\"17\",\"content\":\"x\"}");
    assert_string_equal(fake_requests[3],
                        "PUT /projects/p/files {\"content\":\"x\",\"path\":\"views/a.view.lkml\"}");
    run_tool("delete_file", "{" FILE_OF "\"b.view.lkml\"}");
    assert_string_equal(fake_requests[5], "DELETE /projects/p/files?file_path=b.view.lkml");
}

static void test_a_looker_that_writes_no_files(void **state)
{
    (void)state;
    fake_answers(FILES, SOME_FILES);
    const struct lk_error *err =
        refuse_tool("update_file", "{" FILE_OF "\"17\",\"content\":\"x\"}");
    assert_int_equal(err->status, 404);
    assert_contains(err->message, "nothing was changed");
    /* What Looker says itself is left alone, such as of a branch that may not be changed. */
    fake_fails("PUT /projects/p/files", 403, "read-only");
    err = refuse_tool("update_file", "{" FILE_OF "\"17\",\"content\":\"x\"}");
    assert_string_equal(err->detail, "read-only");
    fake_n_scripts = 0;
    fake_answers(FILES, SOME_FILES);
    fake_keeps_silent("PUT /projects/p/files");
    err = refuse_tool("update_file", "{" FILE_OF "\"17\",\"content\":\"x\"}");
    assert_contains(err->message, "look with get_file");
    /* No list, no write. */
    fake_n_scripts = fake_n_requests = 0;
    refuse_tool("create_file", "{" FILE_OF "\"n\",\"content\":\"x\"}");
    assert_int_equal(fake_n_requests, 1);
}

/* ---- views from tables ---- */

#define VIEWS "{\"project_id\":\"p\",\"connection\":\"c\",\"tables\":"

static void test_views_are_told_by_the_files_that_are_new(void **state)
{
    (void)state;
    fake_answers(FILES, SOME_FILES);
    fake_answers(FILES, "[{\"id\":\"17\",\"path\":\"views/a.view.lkml\"},{\"id\":\"b.view.lkml\"},"
                        "{\"id\":\"x\",\"path\":\"views/t.view.lkml\"}]");
    fake_script("POST /projects/p/generate", 204, 0, "");
    struct lk_str answer =
        run_tool("create_views_from_tables",
                 VIEWS "[{\"schema\":\"s\",\"table_name\":\"t\"},{\"schema\":\"s\",\"table_name\":"
                       "\"a\",\"columns\":[{\"column_name\":\"id\"}]}]}");
    assert_str(at(answer, "new_files"), "[\"views/t.view.lkml\"]");
    assert_str(at(answer, "outcome"), "\"done\"");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do")),
                    "1 table gave no new file");
    assert_string_equal(
        fake_requests[1],
        "POST /projects/p/generate?connection=c&file_type_for_explores=none&folder_name=views "
        "{\"tables\":[{\"schema\":\"s\",\"table_name\":\"t\"},{\"columns\":[{\"column_name\":"
        "\"id\"}],\"schema\":\"s\",\"table_name\":\"a\"}]}");
}

static void test_views_that_fail_in_the_middle(void **state)
{
    (void)state;
    assert_contains(
        refuse_tool("create_views_from_tables", VIEWS "[{\"schema\":\"s\",\"name\":\"t\"}]}")
            ->message,
        "tables[0]: unknown argument \"name\"");
    assert_contains(
        refuse_tool("create_views_from_tables",
                    VIEWS "[{\"schema\":\"s\",\"table_name\":\"t\",\"columns\":[{\"name\":1}]}]}")
            ->message,
        "tables[0]: unknown field \"name\" in columns[0]");
    assert_int_equal(fake_n_requests, 0);

    fake_answers(FILES, SOME_FILES);
    fake_fails("POST /projects/p/generate", 422, "no such table");
    struct lk_str answer =
        run_tool("create_views_from_tables", VIEWS "[{\"schema\":\"s\",\"table_name\":\"t\"}]}");
    assert_true(fake_failed);
    assert_str(at(answer, "steps/1/status"), "\"failed\"");
    assert_str(at(answer, "changed"), "[]");

    /* Written, but not to be seen: a success that says so. */
    fake_n_scripts = 0;
    fake_answers(FILES, SOME_FILES);
    fake_fails(FILES, 500, "away");
    fake_script("POST /projects/p/generate", 204, 0, "");
    answer =
        run_tool("create_views_from_tables", VIEWS "[{\"schema\":\"s\",\"table_name\":\"t\"}]}");
    assert_false(fake_failed);
    assert_str(at(answer, "outcome"), "\"partial\"");
    assert_str(at(answer, "new_files"), "(absent)");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do")), "list_project_files");
}

static void test_directories_of_any_form(void **state)
{
    (void)state;
    fake_answers("GET /projects/p/directories", "[\"a\",{\"path\":\"b\"}]");
    struct lk_str answer = run_tool("list_directories", "{\"project_id\":\"p\"}");
    assert_str(answer, "{\"count\":2,\"total\":2,\"items\":[\"a\",{\"path\":\"b\"}]}");
    assert_true(fake_in_dev[0]);
    fake_answers("GET /projects/q/directories", "{\"directories\":[]}");
    assert_int_equal(refuse_tool("list_directories", "{\"project_id\":\"q\"}")->kind,
                     LK_ERROR_PARSE);
    assert_contains(refuse_tool("list_directories", "{\"project_id\":\"r\"}")->message,
                    "list_project_files");
}

/* ---- verdicts ---- */

static struct lk_str validate(const char *looker)
{
    fake_n_scripts = 0;
    fake_answers("POST /projects/p/validate", looker);
    return run_tool("validate_project", "{\"project_id\":\"p\"}");
}

static void test_valid_is_said_only_when_seen(void **state)
{
    static const struct {
        const char *looker, *valid;
    } verdicts[] = {
        {"{\"errors\":[],\"models_not_validated\":[]}", "true"},
        {"{\"errors\":[],\"models_not_validated\":null}", "true"},
        {"{\"errors\":[{\"severity\":\"warning\"},{\"severity\":\"info\"}]}", "true"},
        {"{\"errors\":[{\"severity\":\"error\"}],\"models_not_validated\":[]}", "false"},
        {"{\"errors\":[{\"severity\":\"fatal\"}],\"models_not_validated\":[{\"name\":\"m\"}]}",
         "false"},
        {"{\"errors\":[{\"severity\":\"something new\"}]}", "false"},
        {"{\"errors\":[{\"message\":\"no severity\"}]}", "false"},
        {"{\"errors\":[],\"models_not_validated\":[{\"name\":\"m\"}]}", "null"},
        {"{\"errors\":[{\"severity\":\"warning\"}],\"models_not_validated\":[{\"name\":\"m\"}]}",
         "null"},
        {"{\"errors\":null,\"models_not_validated\":[]}", "null"},
        {"{}", "null"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        struct lk_str answer = validate(verdicts[i].looker);
        assert_str(at(answer, "valid"), verdicts[i].valid);
        bool noted = !lk_str_eq(at(answer, "valid_note"), LK_STR("(absent)"));
        assert_int_equal(noted, strcmp(verdicts[i].valid, "null") == 0);
    }
    fake_n_scripts = 0;
    fake_answers("POST /projects/p/validate", "[]");
    assert_int_equal(refuse_tool("validate_project", "{\"project_id\":\"p\"}")->kind,
                     LK_ERROR_PARSE);
}

static void test_errors_are_paged_the_worst_first(void **state)
{
    (void)state;
    fake_answers("POST /projects/p/validate",
                 "{\"errors\":[{\"severity\":\"warning\",\"kind\":\"k\",\"message\":\"w\"},"
                 "{\"severity\":\"error\",\"message\":\"e\",\"params\":{\"x\":1}},"
                 "{\"severity\":\"error\",\"kind\":\"k\",\"message\":\"f\"}]}");
    struct lk_str answer =
        run_tool("validate_project", "{\"project_id\":\"p\",\"dev_mode\":true,\"limit\":2}");
    assert_true(fake_in_dev[0]);
    assert_str(at(answer, "workspace"), "\"dev\"");
    assert_str(at(answer, "severities"), "{\"warning\":1,\"error\":2}");
    assert_str(at(answer, "kinds"), "{\"k\":2,\"(none)\":1}");
    assert_str(at(answer, "errors"),
               "{\"count\":2,\"total\":3,\"items\":[{\"severity\":\"error\",\"message\":\"e\"},"
               "{\"severity\":\"error\",\"kind\":\"k\",\"message\":\"f\"}],\"next_offset\":2}");
    answer = run_tool("validate_project", "{\"project_id\":\"p\",\"offset\":2}");
    assert_str(at(answer, "errors/items/0/message"), "\"w\"");
    /* The verdict is about all of them, whatever the page. */
    assert_str(at(answer, "valid"), "false");
}

static void test_tests_passed_only_when_all_did(void **state)
{
    static const struct {
        const char *looker, *passed, *failed;
    } verdicts[] = {
        {"[{\"success\":true,\"assertions_count\":2}]", "true", "0"},
        {"[{\"success\":true},{\"success\":false,\"assertions_failed\":1}]", "false", "1"},
        {"[{\"success\":true},{\"test_name\":\"no verdict\"}]", "false", "1"},
        {"[{\"success\":null}]", "false", "1"},
        {"[]", "null", "0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        fake_n_scripts = 0;
        fake_answers("GET /projects/p/lookml_tests/run", verdicts[i].looker);
        struct lk_str answer = run_tool("run_lookml_tests", "{\"project_id\":\"p\"}");
        assert_str(at(answer, "passed"), verdicts[i].passed);
        assert_str(at(answer, "failed"), verdicts[i].failed);
    }
    assert_int_equal(fake_timeout_ms, 1800 * 1000);
    fake_n_scripts = 0;
    fake_keeps_silent("GET /projects/p/lookml_tests/run");
    const struct lk_error *err =
        refuse_tool("run_lookml_tests", "{\"project_id\":\"p\",\"timeout\":30}");
    assert_int_equal(err->kind, LK_ERROR_TIMEOUT);
    assert_contains(err->message, "raise timeout (30 seconds)");
}

static void test_failures_come_first(void **state)
{
    (void)state;
    fake_answers("GET /projects/p/lookml_tests/run",
                 "[{\"test_name\":\"a\",\"success\":true,\"assertions_count\":2},"
                 "{\"test_name\":\"b\",\"success\":false,\"assertions_count\":3,"
                 "\"assertions_failed\":1,\"errors\":[{\"message\":\"m\",\"params\":{}}]}]");
    struct lk_str answer = run_tool(
        "run_lookml_tests", "{\"project_id\":\"p\",\"dev_mode\":true,\"timeout\":1.5,"
                            "\"limit\":1,\"model\":\"m\",\"test\":\"t\",\"file_id\":\"f\"}");
    assert_str(at(answer, "assertions"), "5");
    assert_str(at(answer, "assertions_failed"), "1");
    assert_str(at(answer, "items/0/test_name"), "\"b\"");
    assert_str(at(answer, "items/0/errors"), "[{\"message\":\"m\"}]");
    assert_str(at(answer, "next_offset"), "1");
    assert_string_equal(fake_requests[0],
                        "GET /projects/p/lookml_tests/run?file_id=f&model=m&test=t");
    assert_int_equal(fake_timeout_ms, 1500);
    assert_true(fake_in_dev[0]);
}

/* ---- projects, datagroups, builds ---- */

static void test_project_settings(void **state)
{
    (void)state;
    fake_answers("PATCH /projects/p", "{\"id\":\"p\",\"can\":{},\"git_service_name\":\"bare\"}");
    assert_str(run_tool("update_project", "{\"project_id\":\"p\",\"bare_repository\":true}"),
               "{\"id\":\"p\",\"git_service_name\":\"bare\"}");
    assert_string_equal(
        fake_requests[0],
        "PATCH /projects/p {\"git_remote_url\":null,\"git_service_name\":\"bare\"}");
    run_tool("update_project", "{\"project_id\":\"p\",\"allow_warnings\":false}");
    assert_string_equal(fake_requests[1], "PATCH /projects/p {\"allow_warnings\":false}");

    assert_contains(refuse_tool("update_project", "{\"project_id\":\"p\"}")->message, "nothing");
    assert_contains(
        refuse_tool("update_project", "{\"project_id\":\"p\",\"bare_repository\":false}")->message,
        "nothing");
    assert_contains(refuse_tool("update_project", "{\"project_id\":\"p\",\"bare_repository\":true,"
                                                  "\"git_service_name\":\"github\"}")
                        ->message,
                    "bare_repository");
    assert_int_equal(fake_n_requests, 2);
}

static void test_datagroups_are_set_to_now(void **state)
{
    long long seconds = 0;
    long long before = (long long)time(NULL);

    (void)state;
    fake_answers("PATCH /datagroups/3", "{\"id\":\"3\",\"can\":{}}");
    assert_str(run_tool("reset_datagroup", "{\"datagroup_id\":3}"), "{\"id\":\"3\"}");
    assert_int_equal(
        sscanf(fake_requests[0], "PATCH /datagroups/3 {\"stale_before\":%lld}", &seconds), 1);
    assert_in_range(seconds, before, time(NULL));
    run_tool("trigger_datagroup", "{\"datagroup_id\":\"3\"}");
    assert_int_equal(
        sscanf(fake_requests[1], "PATCH /datagroups/3 {\"triggered_at\":%lld}", &seconds), 1);
    assert_in_range(seconds, before, time(NULL));
    assert_contains(refuse_tool("reset_datagroup", "{\"datagroup_id\":\"4\"}")->message,
                    "list_datagroups");
}

static void test_build_states_of_any_form(void **state)
{
    static const struct {
        const char *looker, *answer;
    } builds[] = {
        {"{\"materialization_id\":\"7\",\"resp_text\":\"{\\\"status\\\":\\\"running\\\","
         "\\\"runtime\\\":null,\\\"materialization_id\\\":\\\"x\\\"}\"}",
         "{\"materialization_id\":\"7\",\"status\":\"running\",\"runtime\":null}"},
        {"{\"materialization_id\":\"7\",\"resp_text\":null}", "{\"materialization_id\":\"7\"}"},
        {"{\"materialization_id\":\"7\",\"resp_text\":\"queued\"}",
         "{\"materialization_id\":\"7\",\"looker_said\":\"queued\"}"},
        {"{\"materialization_id\":\"7\",\"resp_text\":\"{'status': 'x'}\"}",
         "{\"materialization_id\":\"7\",\"looker_said\":\"{'status': 'x'}\"}"},
        {"{\"materialization_id\":\"7\",\"resp_text\":\"[1]\"}",
         "{\"materialization_id\":\"7\",\"looker_said\":\"[1]\"}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
        fake_n_scripts = 0;
        fake_answers("GET /derived_table/7/status", builds[i].looker);
        assert_str(run_tool("check_pdt_build", "{\"materialization_id\":\"7\"}"), builds[i].answer);
    }
    fake_answers("GET /derived_table/m/v/start", "{\"materialization_id\":\"8\"}");
    assert_str(run_tool("start_pdt_build", "{\"model_name\":\"m\",\"view_name\":\"v\","
                                           "\"force_rebuild\":true}"),
               "{\"materialization_id\":\"8\"}");
    assert_string_equal(fake_requests[5],
                        "GET /derived_table/m/v/start?force_rebuild=true&workspace=production");
    assert_contains(refuse_tool("check_pdt_build", "{\"materialization_id\":\"9\"}")->message,
                    "start_pdt_build");
}

static void test_stopped_is_said_only_when_seen(void **state)
{
    static const struct {
        const char *status, *stopped;
    } statuses[] = {
        {"{\"resp_text\":\"{\\\"status\\\":\\\"killed\\\"}\"}", "true"},
        {"{\"resp_text\":\"{\\\"status\\\":\\\"running\\\"}\"}", "false"},
        {"{\"resp_text\":\"{\\\"status\\\":\\\"complete\\\"}\"}", "false"},
        {"{\"resp_text\":null}", "null"},
        {NULL, "null"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        fake_n_scripts = 0;
        fake_answers("GET /derived_table/7/stop",
                     "{\"resp_text\":\"{\\\"success\\\":true}\",\"materialization_id\":\"7\"}");
        if (statuses[i].status != NULL)
            fake_answers("GET /derived_table/7/status", statuses[i].status);
        struct lk_str answer = run_tool("stop_pdt_build", "{\"materialization_id\":\"7\"}");
        assert_str(at(answer, "stopped"), statuses[i].stopped);
        assert_str(at(answer, "looker_said/success"), "true");
    }
    fake_n_scripts = 0;
    assert_int_equal(refuse_tool("stop_pdt_build", "{\"materialization_id\":\"7\"}")->status, 404);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_file_is_read_by_its_path),
        TEST(test_long_files_come_in_pieces),
        TEST(test_paths_stay_within_the_project),
        TEST(test_a_file_without_its_text),
        TEST(test_writing_looks_first),
        TEST(test_writing),
        TEST(test_a_looker_that_writes_no_files),
        TEST(test_views_are_told_by_the_files_that_are_new),
        TEST(test_views_that_fail_in_the_middle),
        TEST(test_directories_of_any_form),
        TEST(test_valid_is_said_only_when_seen),
        TEST(test_errors_are_paged_the_worst_first),
        TEST(test_tests_passed_only_when_all_did),
        TEST(test_failures_come_first),
        TEST(test_project_settings),
        TEST(test_datagroups_are_set_to_now),
        TEST(test_build_states_of_any_form),
        TEST(test_stopped_is_said_only_when_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
