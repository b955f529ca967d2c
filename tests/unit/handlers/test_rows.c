/*
 * Query results within a byte limit (handlers/rows.h), as far as test_query_tools.c has them not.
 */
#include "fake_looker.h"

#define DETAIL                                                                                     \
    "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.a\"],\"result_format\":\"json_detail\"}"

static void test_large_detail_leaves_room_for_the_rows(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 1000;
    fake_answers(
        FAKE_ROWS("json_detail"),
        lk_arena_printf(fake_arena,
                        "{\"fields\":{\"x\":\"%02000d\"},\"data\":[{\"v.a\":1},{\"v.a\":2}]}", 0)
            .ptr);
    struct lk_str answer = run_tool("query", DETAIL);
    assert_str(at(answer, "detail"), "(absent)");
    assert_str(at(answer, "detail_left_out/limit"), "500");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "detail_left_out/how")),
                    "result_format json");
    assert_str(at(answer, "items"), "[{\"v.a\":1},{\"v.a\":2}]");
    assert_str(at(answer, "truncated"), "(absent)");
    assert_in_range(answer.len, 100, 1000);
}

static void test_detail_takes_half_of_the_room(void **state)
{
    static const char body[] =
        "{\"fields\":{\"x\":\"123456789\"},\"data\":[{\"v.a\":1},{\"v.a\":2}]}";
    const size_t detail = strlen("\"detail\":{\"fields\":{\"x\":\"123456789\"}}");

    (void)state;
    fake_answers(FAKE_ROWS("json_detail"), body);
    fake_context.max_result_bytes = 2 * detail;
    assert_str(at(run_tool("query", DETAIL), "detail/fields/x"), "\"123456789\"");
    fake_context.max_result_bytes = 2 * detail - 1;
    assert_str(at(run_tool("query", DETAIL), "detail"), "(absent)");
}

/* The rows are not repeated in the detail, however their name is spelt. */
static void test_escaped_name_of_the_rows(void **state)
{
    (void)state;
    fake_answers(FAKE_ROWS("json_detail"), "{\"d\\u0061ta\":[{\"v.a\":1}],\"i\\u0064\":1}");
    assert_str(run_tool("query", DETAIL),
               "{\"detail\":{\"i\\u0064\":1},\"count\":1,\"items\":[{\"v.a\":1}]}");
}

/* ---- going on with a cursor ---- */

#define ASK "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.a\"]"
#define MORE(cursor) lk_arena_printf(fake_arena, "{\"cursor\":%.*s}", LK_STR_ARG(cursor)).ptr

static void test_a_cursor_goes_on_row_by_row(void **state)
{
    static const char rows[] = "[{\"v.a\":1},{\"v.a\":2}, {\"v.a\":[3]},{\"v.a\":4},{\"v.a\":5}]";

    (void)state;
    fake_context.max_result_bytes = 22;
    fake_answers(FAKE_ROWS("json"), rows);
    fake_answers("POST /queries", "{\"id\":\"77\"}");
    struct lk_str answer = run_tool("query", ASK ",\"limit\":40,\"cache\":false}");
    assert_str(at(answer, "items"), "[{\"v.a\":1},{\"v.a\":2}]");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "truncated/how")), "run_query");

    answer = run_tool("run_query", MORE(at(answer, "cursor")));
    assert_str(at(answer, "query"), "{\"id\":\"77\"}");
    assert_str(at(answer, "items"), "[{\"v.a\":[3]},{\"v.a\":4}]");
    assert_str(at(answer, "offset"), "2");
    assert_str(at(answer, "truncated/total"), "5");
    assert_contains(fake_requests[4], "POST /query_tasks?");
    assert_contains(fake_requests[4], "{\"query_id\":\"77\"");
    assert_contains(fake_requests[4], "limit=40&");
    assert_contains(fake_requests[4], "cache=false");

    answer = run_tool("run_query", MORE(at(answer, "cursor")));
    assert_str(at(answer, "items"), "[{\"v.a\":5}]");
    assert_str(at(answer, "offset"), "4");
    assert_str(at(answer, "truncated"), "(absent)");
    assert_str(at(answer, "cursor"), "(absent)");
    assert_str(at(answer, "result_changed"), "(absent)");
}

/* Each page is a table of its own, and a line break between quotes ends no row. */
static void test_pages_of_csv(void **state)
{
    static const char text[] = "A,B\n1,\"x\ny\"\n2,\"\"\"\n\"\n3,\"z\"";

    (void)state;
    fake_context.max_result_bytes = 12;
    fake_answers_text(FAKE_ROWS("csv"), text);
    fake_answers("POST /queries", "{\"id\":\"77\"}");
    struct lk_str answer = run_tool("query", ASK ",\"result_format\":\"csv\"}");
    assert_str(at(answer, "text"), "\"A,B\\n1,\\\"x\\ny\\\"\\n\"");
    assert_str(at(answer, "truncated/total"), "3");
    answer = run_tool("run_query", MORE(at(answer, "cursor")));
    assert_str(at(answer, "text"), "\"A,B\\n2,\\\"\\\"\\\"\\n\\\"\\n\"");
    answer = run_tool("run_query", MORE(at(answer, "cursor")));
    assert_str(at(answer, "text"), "\"A,B\\n3,\\\"z\\\"\"");
    assert_str(at(answer, "cursor"), "(absent)");
}

static void test_pages_of_a_look(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 12;
    fake_answers("GET /looks/3", "{\"id\":\"3\",\"query\":{\"id\":\"8\",\"limit\":\"20\"}}");
    fake_answers(FAKE_ROWS("json"), "[{\"v.a\":1,\"v.b\":{\"x\":1}},{\"v.b\":2,\"v.a\":3}]");
    struct lk_str answer = run_tool("run_look", "{\"look_id\":\"3\",\"fields\":[\"v.a\"],"
                                                "\"apply_vis\":true,\"dev_mode\":true}");
    assert_str(at(answer, "items"), "[{\"v.a\":1}]");
    answer = run_tool("run_query", MORE(at(answer, "cursor")));
    assert_str(at(answer, "look"), "{\"id\":\"3\"}");
    assert_str(at(answer, "items"), "[{\"v.a\":3}]");
    assert_contains(fake_requests[3], "apply_vis=true");
    assert_contains(fake_requests[3], "limit=20");
    assert_contains(fake_requests[3], "{\"look_id\":\"3\",\"query_id\":\"8\"");
    assert_true(fake_in_dev[3] && fake_in_dev[4]);
}

static void test_a_result_that_changed_meanwhile(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 10;
    fake_answers(FAKE_ROWS("json"), "[{\"v.a\":1},{\"v.a\":2}]");
    fake_answers(FAKE_ROWS("json"), "[{\"v.a\":2},{\"v.a\":1}]");
    fake_answers(FAKE_ROWS("json"), "[]");
    fake_answers("POST /queries", "{\"id\":\"77\"}");
    struct lk_str cursor = at(run_tool("query", ASK "}"), "cursor");
    struct lk_str answer = run_tool("run_query", MORE(cursor));
    assert_str(at(answer, "items"), "[{\"v.a\":1}]");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "result_changed")), "come twice");
    answer = run_tool("run_query", MORE(cursor));
    assert_str(at(answer, "items"), "[]");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "result_changed")), "missing");
}

static void test_a_cursor_that_is_none(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 10;
    fake_answers(FAKE_ROWS("json"), "[{\"v.a\":1},{\"v.a\":2}]");
    fake_answers("POST /queries", "{\"id\":\"77\"}");
    struct lk_str cursor =
        lk_json_decode_string(fake_arena, at(run_tool("query", ASK "}"), "cursor"));
    size_t before = fake_n_requests;
    char text[1000], arguments[1100];

    for (size_t i = 0; i < cursor.len; i++) {
        snprintf(text, sizeof(text), "%.*s", LK_STR_ARG(cursor));
        text[i] = text[i] == 'x' ? 'y' : 'x';
        snprintf(arguments, sizeof(arguments), "{\"cursor\":\"%s\"}", text);
        const struct lk_error *err = refuse_tool("run_query", arguments);
        assert_int_equal(err->kind, LK_ERROR_ARGUMENT);
        assert_contains(err->message, "cursor");
        snprintf(arguments, sizeof(arguments), "{\"cursor\":\"%.*s\"}", (int)i, cursor.ptr);
        assert_int_equal(refuse_tool("run_query", arguments)->kind, LK_ERROR_ARGUMENT);
    }
    assert_contains(refuse_tool("run_query", "{}")->message, "query_id is missing");
    snprintf(arguments, sizeof(arguments), "{\"cursor\":\"%.*s\",\"limit\":5}", LK_STR_ARG(cursor));
    assert_contains(refuse_tool("run_query", arguments)->message, "leave query_id, limit");
    static const char *const others[] = {"\"export\":\"csv\"", "\"result_format\":\"csv\"",
                                         "\"apply_formatting\":true"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        snprintf(arguments, sizeof(arguments), "{\"cursor\":\"%.*s\",%s}", LK_STR_ARG(cursor),
                 others[i]);
        assert_contains(refuse_tool("run_query", arguments)->message, "cursor");
    }
    snprintf(arguments, sizeof(arguments), ASK ",\"cursor\":\"%.*s\"}", LK_STR_ARG(cursor));
    assert_contains(refuse_tool("query", arguments)->message, "pass it to run_query");
    assert_int_equal(fake_n_requests, before);
}

/* ---- limits ---- */

static void test_a_call_has_its_own_limit(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 10;
    fake_answers(FAKE_ROWS("json"), "[{\"v.a\":1},{\"v.a\":2}]");
    fake_answers("POST /queries", "{\"id\":\"77\"}");
    assert_str(at(run_tool("query", ASK ",\"max_bytes\":1000}"), "count"), "2");
    assert_contains(refuse_tool("query", ASK ",\"max_bytes\":999}")->message, "1000");
    assert_contains(refuse_tool("query", ASK ",\"max_bytes\":4194305}")->message, "4194304");
}

/* When nothing more fits, the rest is counted for a while and then not fetched. */
static void test_the_rest_of_a_long_answer_is_left(void **state)
{
    const size_t n = 600000, each = 12; /* bytes */
    char *text = lk_arena_alloc(fake_arena, n * each + 2);

    (void)state;
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * each, i == 0 ? "[{\"v.a\":123}" : ",{\"v.a\":123}", each);
    text[n * each] = ']';
    fake_piece_bytes = 60000;
    fake_answers(FAKE_ROWS("json"), text);
    fake_answers("POST /queries", "{\"id\":\"77\"}");
    struct lk_str answer = run_tool("query", ASK ",\"max_bytes\":1000}");
    assert_str(at(answer, "truncated/total"), "(absent)");
    assert_str(at(answer, "truncated/limit"), "1000");
    int64_t at_least = 0;
    assert_true(lk_json_integer(at(answer, "truncated/total_at_least"), &at_least));
    assert_in_range(at_least, 100000, 400000);
    assert_in_range(fake_n_poured, 4000000, 4600000);
}

/* ---- rows that cannot be held ---- */

/* "…"; as the value of a row it is larger than any row that is looked at within 1,000 bytes. */
static const char *large(void)
{
    return lk_arena_printf(fake_arena, "\"%0100000d\"", 0).ptr;
}

static void test_a_large_row_ends_a_result(void **state)
{
    const char *body =
        lk_arena_printf(fake_arena, "[{\"v.a\":1},{\"v.a\":%s},{\"v.a\":3}]", large()).ptr;

    (void)state;
    fake_context.max_result_bytes = 1000;
    fake_answers(FAKE_ROWS("json"), body);
    fake_answers("POST /queries", "{\"id\":\"77\"}");
    struct lk_str answer = run_tool("query", ASK "}");
    assert_str(at(answer, "items"), "[{\"v.a\":1}]");
    assert_str(at(answer, "truncated/total"), "3");
    struct lk_str cursor = at(answer, "cursor");
    const struct lk_error *err = refuse_tool("run_query", MORE(cursor));
    assert_int_equal(err->kind, LK_ERROR_LIMIT);
    assert_contains(err->message, "takes 100010 bytes, and there is room for 1000 ");
    assert_contains(err->message, "max_bytes higher");
    answer =
        run_tool("run_query", lk_arena_printf(fake_arena, "{\"cursor\":%.*s,\"max_bytes\":100015}",
                                              LK_STR_ARG(cursor))
                                  .ptr);
    assert_str(at(answer, "truncated/returned"), "1");
    /* The next answer passes over it, whatever its own limit is. */
    cursor = at(answer, "cursor");
    answer =
        run_tool("run_query", lk_arena_printf(fake_arena, "{\"cursor\":%.*s,\"max_bytes\":1000}",
                                              LK_STR_ARG(cursor))
                                  .ptr);
    assert_str(at(answer, "items"), "[{\"v.a\":3}]");
    assert_str(at(answer, "result_changed"), "(absent)");
}

static void test_a_large_row_of_text(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 1000;
    fake_answers_text(FAKE_ROWS("csv"), lk_arena_printf(fake_arena, "A\n1\n%s\n3\n", large()).ptr);
    fake_answers("POST /queries", "{\"id\":\"77\"}");
    struct lk_str answer = run_tool("query", ASK ",\"result_format\":\"csv\"}");
    assert_str(at(answer, "text"), "\"A\\n1\\n\"");
    assert_str(at(answer, "truncated/total"), "3");
    fake_answers_text(FAKE_ROWS("csv"), large());
    assert_contains(refuse_tool("query", ASK ",\"result_format\":\"csv\"}")->message,
                    "names of the columns");
}

static void test_a_large_row_is_the_first(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 1000;
    fake_answers(FAKE_ROWS("json"), lk_arena_printf(fake_arena, "[{\"v.a\":%s}]", large()).ptr);
    assert_contains(refuse_tool("query", ASK "}")->message, "takes 67536 bytes or more");
}

/* What comes behind the rows that fit is counted, and nothing else. */
static void test_a_large_row_behind_the_cut(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 10;
    fake_answers(
        FAKE_ROWS("json"),
        lk_arena_printf(fake_arena, "[{\"v.a\":1},{\"v.a\":2},{\"v.a\":%s}]", large()).ptr);
    fake_answers("POST /queries", "{\"id\":\"77\"}");
    struct lk_str answer = run_tool("query", ASK "}");
    assert_str(at(answer, "items"), "[{\"v.a\":1}]");
    assert_str(at(answer, "truncated/total"), "3");
}

static void test_html_ends_at_a_row(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 60;
    fake_answers_text(
        FAKE_ROWS("html"),
        "<table><tr><td>1</td></tr><TR><td>2</td></TR><tr><td>\xc3\xa4</td></tr></table>");
    struct lk_str answer = run_tool("query", ASK ",\"result_format\":\"html\"}");
    assert_str(at(answer, "text"), "\"<table><tr><td>1</td></tr><TR><td>2</td></TR>\"");
    assert_str(at(answer, "truncated/returned_bytes"), "45");
}

static void test_columns_of_rows(void **state)
{
    (void)state;
    fake_answers("GET /queries/5", "{\"id\":\"5\",\"limit\":\"10\"}");
    fake_answers(FAKE_ROWS("json"),
                 "[{\"v.a\":1,\"v.b\":2,\"v.c\":3},{\"v.a\":4,\"v.b\":5,\"v.c\":6}]");
    assert_str(
        at(run_tool("run_query", "{\"query_id\":\"5\",\"fields\":[\"v.c\",\"v.a\",\"v.c\"]}"),
           "items"),
        "[{\"v.a\":1,\"v.c\":3},{\"v.a\":4,\"v.c\":6}]");
    const struct lk_error *err =
        refuse_tool("run_query", "{\"query_id\":\"5\",\"fields\":[\"v.a\",\"v.z\"]}");
    assert_int_equal(err->kind, LK_ERROR_ARGUMENT);
    assert_contains(err->message, "no column \"v.z\"");
    assert_contains(refuse_tool("run_query", "{\"query_id\":\"5\",\"fields\":[\"v.a\"],"
                                             "\"result_format\":\"csv\"}")
                        ->message,
                    "result_format csv");
    assert_string_equal(fake_requests[fake_n_requests - 1] + 4,
                        "/queries/5?fields=id%2Cslug%2Cmodel%2C"
                        "view%2Cfields%2Cpivots%2Cfilters%2C"
                        "sorts%2Climit%2Cshare_url");
}

static void test_answers_that_end_too_early(void **state)
{
    (void)state;
    fake_script(FAKE_ROWS("json"), 200, LK_MEDIA_TEXT, "");
    assert_contains(refuse_tool("query", ASK "}")->message, "nothing instead of rows");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_large_detail_leaves_room_for_the_rows),
        TEST(test_detail_takes_half_of_the_room),
        TEST(test_escaped_name_of_the_rows),
        TEST(test_a_cursor_goes_on_row_by_row),
        TEST(test_pages_of_csv),
        TEST(test_pages_of_a_look),
        TEST(test_a_result_that_changed_meanwhile),
        TEST(test_a_cursor_that_is_none),
        TEST(test_a_call_has_its_own_limit),
        TEST(test_the_rest_of_a_long_answer_is_left),
        TEST(test_a_large_row_ends_a_result),
        TEST(test_a_large_row_of_text),
        TEST(test_a_large_row_is_the_first),
        TEST(test_a_large_row_behind_the_cut),
        TEST(test_html_ends_at_a_row),
        TEST(test_columns_of_rows),
        TEST(test_answers_that_end_too_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
