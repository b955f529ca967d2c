/*
 * Answers of call_operation: lists, objects, text and what is none of these, of any size, and what
 * Looker says of a query that failed.
 */
#include "fake_looker.h"

#define CALL(operation, more) "{\"operation\":\"" operation "\"" more "}"
#define BODY(operation, body) CALL(operation, ",\"body\":" body)

static void allow_writes(void)
{
    fake_context.api_allow_writes = true;
}

static void test_lists(void **state)
{
    (void)state;
    fake_answers("GET /connections",
                 "[{\"name\":\"a\",\"port\":1},{\"name\":\"b\"},{\"name\":\"c\"}]");
    assert_str(
        run_tool("call_operation", CALL("all_connections", ",\"fields\":\"name\"")),
        "{\"operation\":\"all_connections\",\"status\":200,\"count\":3,\"total\":3,\"items\":"
        "[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}");
    struct lk_str answer = run_tool("call_operation", CALL("all_connections", ",\"offset\":2"));
    assert_str(at(answer, "items"), "[{\"name\":\"c\"}]");

    fake_context.max_result_bytes = 20;
    answer = run_tool("call_operation", CALL("all_connections", ",\"fields\":\"name\""));
    assert_str(at(answer, "count"), "1");
    assert_str(at(answer, "next_offset"), "1");
    answer =
        run_tool("call_operation", CALL("all_connections", ",\"fields\":\"name\",\"offset\":1"));
    assert_str(at(answer, "items"), "[{\"name\":\"b\"}]");
    assert_str(at(answer, "next_offset"), "2");
}

/* What was changed is not to be changed again for the rest of a long answer. */
static void test_lists_of_what_was_changed(void **state)
{
    (void)state;
    fake_context.api_allow_writes = true;
    fake_context.max_result_bytes = 20;
    fake_answers("PUT /roles/2/users", "[{\"id\":\"3\",\"x\":1},{\"id\":\"4\",\"x\":1}]");
    struct lk_str answer =
        run_tool("call_operation", CALL("set_role_users", ",\"arguments\":{\"role_id\":\"2\"},"
                                                          "\"body\":{\"value\":[3,4]}"));
    assert_str(at(answer, "count"), "1");
    assert_str(at(answer, "total"), "2");
    assert_str(at(answer, "next_offset"), "(absent)");
}

/* Where Looker pages by itself, its offset is the one that counts. */
static void test_lists_that_looker_pages(void **state)
{
    (void)state;
    fake_answers("GET /users", "[{\"id\":\"4\"},{\"id\":\"5\"}]");
    struct lk_str answer =
        run_tool("call_operation", CALL("all_users", ",\"arguments\":{\"limit\":2},\"offset\":3"));
    assert_string_equal(fake_requests[0], "GET /users?limit=2&offset=3");
    assert_str(at(answer, "next_offset"), "5");
    assert_str(at(answer, "total"), "(absent)");
    fake_context.max_result_bytes = 12;
    answer = run_tool("call_operation", CALL("all_users", ",\"arguments\":{\"offset\":3}"));
    assert_str(at(answer, "next_offset"), "4");
}

static void test_large_answers(void **state)
{
    (void)state;
    allow_writes();
    fake_context.max_result_bytes = 30;
    fake_answers("GET /looks/1", "{\"id\":\"1\",\"title\":\"a title of some length\"}");
    const struct lk_error *err =
        refuse_tool("call_operation", CALL("look", ",\"arguments\":{\"look_id\":\"1\"}"));
    assert_int_equal(err->kind, LK_ERROR_LIMIT);
    assert_contains(err->message, "LOOKER_MAX_RESULT_BYTES (30)");
    run_tool("call_operation",
             CALL("look", ",\"arguments\":{\"look_id\":\"1\"},\"fields\":\"id\""));

    /* Of what was done it must not be said that it failed. */
    fake_answers("POST /looks", "{\"id\":\"1\",\"title\":\"a title of some length\"}");
    struct lk_str answer = run_tool("call_operation", BODY("create_look", "{\"title\":\"x\"}"));
    assert_str(at(answer, "answer"), "(absent)");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "truncated/how")), "it was done");
}

/* They go by piece by piece, and what is counted is what is left of an item. */
static void test_lists_of_any_length(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 1000;
    fake_answers_list("GET /connections", "{\"name\":\"a\",\"host\":\"b\"}", 200000);
    struct lk_str answer = run_tool("call_operation", CALL("all_connections", ""));
    assert_str(at(answer, "count"), "41");
    assert_str(at(answer, "total"), "200000");
    assert_str(at(answer, "next_offset"), "41");
    assert_str(at(answer, "truncated/returned"), "41");
    answer = run_tool("call_operation",
                      CALL("all_connections", ",\"fields\":\"name\",\"offset\":199990"));
    assert_str(at(answer, "count"), "10");
    assert_str(at(answer, "next_offset"), "(absent)");
    /* Where Looker pages nobody counts the rest. */
    fake_answers_list("GET /users", "{\"id\":\"1\",\"email\":\"b\"}", 200000);
    answer = run_tool("call_operation", CALL("all_users", ",\"offset\":7"));
    assert_string_equal(fake_requests[2], "GET /users?offset=7");
    assert_str(at(answer, "count"), "43");
    assert_str(at(answer, "next_offset"), "50");
    assert_int_equal(fake_n_poured, 60000);
    /* One item that nothing has room for. */
    fake_answers("GET /roles",
                 lk_arena_printf(fake_arena, "[{\"id\":\"1\"},{\"id\":\"%05000000d\"}]", 0).ptr);
    fake_piece_bytes = 60000;
    answer = run_tool("call_operation", CALL("all_roles", ""));
    assert_str(at(answer, "count"), "1");
    assert_contains(refuse_tool("call_operation", CALL("all_roles", ",\"offset\":1"))->message,
                    "one item of the list is larger");
}

static void test_objects_of_any_size(void **state)
{
    static const char look[] = CALL("look", ",\"arguments\":{\"look_id\":\"1\"}");
    static const char its_id[] =
        CALL("look", ",\"arguments\":{\"look_id\":\"1\"},\"fields\":\"id,folder{name}\"");

    (void)state;
    allow_writes();
    fake_piece_bytes = 5000;
    fake_context.max_result_bytes = 100;
    fake_answers("GET /looks/1",
                 lk_arena_printf(fake_arena,
                                 "{\"title\":\"%0300000d\",\"folder\":{\"id\":%0300000d,"
                                 "\"name\":\"f\"},\"id\":\"1\"}",
                                 1, 1)
                     .ptr);
    assert_str(at(run_tool("call_operation", its_id), "answer"),
               "{\"folder\":{\"name\":\"f\"},\"id\":\"1\"}");
    assert_in_range(fake_n_poured, 600000, 700000);
    assert_int_equal(refuse_tool("call_operation", look)->kind, LK_ERROR_LIMIT);
    assert_int_equal(fake_n_poured, 5000); /* that was enough to see it */
    fake_answers("POST /looks", fake_scripts[0].body);
    run_tool("call_operation", BODY("create_look", "{\"title\":\"x\"}"));
    assert_in_range(fake_n_poured, 600000, 700000); /* nothing is cut off that may be at work */
}

static void test_answers_that_are_not_whole(void **state)
{
    static const char *const bodies[] = {"{\"id\":\"1\"", "{\"id\":1,}",   "{\"id\":1} x",
                                         "[{\"id\":1}",   "[{\"id\":1},]", "nul"};

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        fake_n_scripts = 0;
        fake_answers("GET /looks/1", bodies[i]);
        const struct lk_error *err =
            refuse_tool("call_operation", CALL("look", ",\"arguments\":{\"look_id\":\"1\"}"));
        assert_int_equal(err->kind, LK_ERROR_PARSE);
        assert_contains(err->message, "Looker's answer to look: ");
    }
    fake_script("GET /query_tasks/1/results", 202, LK_MEDIA_TEXT, "");
    assert_contains(
        lk_arena_cstr(fake_arena, at(run_tool("call_operation",
                                              CALL("query_task_results",
                                                   ",\"arguments\":{\"query_task_id\":\"1\"}")),
                                     "note")),
        "call again later");
}

#define RUN_QUERY(format)                                                                          \
    CALL("run_query", ",\"arguments\":{\"query_id\":\"1\",\"result_format\":\"" format "\"}")

static void test_rows_as_text(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 22;
    fake_answers_text("GET /queries/1/run/csv", "a,b\n1,\"x\ny\"\n2,\"long\nlines\"\n");
    struct lk_str answer = run_tool("call_operation", RUN_QUERY("csv"));
    assert_str(at(answer, "text"), "\"a,b\\n1,\\\"x\\ny\\\"\\n\"");
    assert_str(at(answer, "truncated/returned_bytes"), "12");
    assert_str(at(answer, "truncated/total_bytes"), "27");
    fake_answers_text(
        "GET /queries/1/run/txt",
        "a\tb\n1\t\"x\n\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc");
    assert_str(at(run_tool("call_operation", RUN_QUERY("txt")), "text"),
               "\"a\\tb\\n1\\t\\\"x\\n\"");
    /* Half a statement is none. */
    fake_answers_text("GET /queries/1/run/sql", "SELECT 1\nFROM a\nWHERE b\nORDER BY 1");
    assert_contains(refuse_tool("call_operation", RUN_QUERY("sql"))->message, "(22)");
    fake_answers_text("GET /queries/1/run/md", "<!doctype html><p>Log in</p>\n");
    assert_contains(refuse_tool("call_operation", RUN_QUERY("md"))->message, "web page");
    fake_answers("GET /queries/1/run/html", "\"a table\"");
    assert_str(at(run_tool("call_operation", RUN_QUERY("html")), "answer"), "\"a table\"");
}

static void test_rows_that_are_none(void **state)
{
    static const char *const bodies[] = {
        "{\"fields\":{},\"errors\":[{\"message\":\"no such column\"}],\"data\":[]}",
        "{\"data\":[{\"a\":1}],\"errors\":[\"no such column\"]}",
        "{\"looker_error\":\"no such column\"}",
        "[{\"looker_error\":\"no such column\"}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        fake_n_scripts = 0;
        fake_answers("GET /queries/1/run/json_detail", bodies[i]);
        assert_string_equal(refuse_tool("call_operation", RUN_QUERY("json_detail"))->detail,
                            "no such column");
    }
    fake_n_scripts = 0;
    fake_answers("GET /queries/1/run/json_detail", "{\"fields\":{}}");
    assert_contains(refuse_tool("call_operation", RUN_QUERY("json_detail"))->message, "none");
    fake_answers("GET /queries/1/run/csv", "[]");
    assert_contains(refuse_tool("call_operation", RUN_QUERY("csv"))->message, "JSON instead of");
    fake_n_scripts = 0;
    fake_answers("GET /queries/1/run/json_detail", "{\"fields\":{},\"data\":[{\"a\":1}]}");
    assert_str(at(run_tool("call_operation", RUN_QUERY("json_detail")), "answer/data"),
               "[{\"a\":1}]");
}

static void test_other_answers(void **state)
{
    (void)state;
    allow_writes();
    fake_answers_text("GET /queries/1/run/csv", "a,b\n1,2\n");
    struct lk_str answer = run_tool(
        "call_operation",
        CALL("run_query", ",\"arguments\":{\"query_id\":\"1\",\"result_format\":\"csv\"}"));
    assert_str(at(answer, "text"), "\"a,b\\n1,2\\n\"");
    fake_script("GET /queries/1/run/png", 200, LK_MEDIA_PNG, "\x89PNG");
    answer = run_tool(
        "call_operation",
        CALL("run_query", ",\"arguments\":{\"query_id\":\"1\",\"result_format\":\"png\"}"));
    assert_str(at(answer, "media_type"), "\"image/png\"");
    assert_str(at(answer, "bytes"), "4");
    fake_answers_text("GET /queries/1/run/xlsx", "PK\x03\xff\xfe");
    answer = run_tool(
        "call_operation",
        CALL("run_query", ",\"arguments\":{\"query_id\":\"1\",\"result_format\":\"xlsx\"}"));
    assert_str(at(answer, "media_type"), "\"application/octet-stream\"");
    fake_script("DELETE /looks/1", 204, LK_MEDIA_TEXT, "");
    assert_str(
        run_tool("call_operation", CALL("delete_look", ",\"arguments\":{\"look_id\":\"1\"}")),
        "{\"operation\":\"delete_look\",\"status\":204,\"ok\":true}");
    /* A failed query comes with status 200. */
    fake_answers("GET /queries/1/run/json", "[{\"looker_error\":\"no such column\"}]");
    assert_string_equal(
        refuse_tool("call_operation", CALL("run_query", ",\"arguments\":{\"query_id\":\"1\","
                                                        "\"result_format\":\"json\"}"))
            ->detail,
        "no such column");
}

static void test_lookers_own_errors(void **state)
{
    (void)state;
    allow_writes();
    fake_fails("DELETE /projects/p", 404, "Not found");
    const struct lk_error *err = refuse_tool(
        "call_operation", CALL("delete_project", ",\"arguments\":{\"project_id\":\"p\"}"));
    assert_contains(err->message, "deleted in Looker itself");
    assert_int_equal(err->status, 404);
    fake_fails("POST /looks", 422, "title is taken");
    err = refuse_tool("call_operation", BODY("create_look", "{\"title\":\"x\"}"));
    assert_string_equal(err->detail, "title is taken");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lists),
        TEST(test_lists_of_what_was_changed),
        TEST(test_lists_that_looker_pages),
        TEST(test_large_answers),
        TEST(test_lists_of_any_length),
        TEST(test_objects_of_any_size),
        TEST(test_answers_that_are_not_whole),
        TEST(test_rows_as_text),
        TEST(test_rows_that_are_none),
        TEST(test_other_answers),
        TEST(test_lookers_own_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
