/*
 * compare_query: rows are told apart by their dimensions, what only one side has is named, and what
 * cannot be compared is not called equal.
 */
#include "fake_steps.h"

#define EXPLORE "GET /lookml_models/m/explores/e"
#define RUN FAKE_ROWS("json_detail")
#define DEFINE "POST /queries?fields=id"
#define BASE "{\"project_id\":\"shop\",\"branch\":\"b\",\"model\":\"m\",\"view\":\"e\",\"fields\":"
#define ARGS BASE "[\"v.d\",\"v.n\"]}"
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

#define HAS(dimensions, measures)                                                                  \
    "{\"project_name\":\"shop\",\"fields\":{\"dimensions\":[" dimensions                           \
    "],\"measures\":[" measures "]}}"
#define D "{\"name\":\"v.d\"}"
#define M "{\"name\":\"v.n\"}"
#define NEW "{\"name\":\"v.new\"}"
#define RESULT(dimensions, measures, rows)                                                         \
    "{\"fields\":{\"dimensions\":[" dimensions "],\"measures\":[" measures                         \
    "],\"table_calculations\":[],\"pivots\":[]},\"data\":[" rows "]}"
#define ROW_(d, n) "{\"v.d\":{\"value\":" d "},\"v.n\":{\"value\":" n ",\"rendered\":\"x\"}}"
#define ROWS(rows) RESULT(D, M, rows)

static const char *text_at(struct lk_str answer, const char *path)
{
    return lk_arena_cstr(fake_arena, at(answer, path));
}

/* The query that was defined for a side. */
static const char *defined(bool dev)
{
    for (size_t i = 0; i < fake_n_requests; i++) {
        if (fake_in_dev[i] == dev && strncmp(fake_requests[i], DEFINE, strlen(DEFINE)) == 0)
            return fake_requests[i];
    }
    fail_msg("no query was defined");
    return NULL;
}

static size_t count(const char *request)
{
    size_t n = 0;

    for (size_t i = 0; i < fake_n_requests; i++)
        n += strcmp(fake_requests[i], request) == 0;
    return n;
}

static void play(const char *branch, const char *production)
{
    fake_forget();
    fake_answers(EXPLORE, HAS(D, M));
    fake_answers(RUN, branch);
    fake_answers(RUN, production);
}

static struct lk_str compare(const char *branch, const char *production)
{
    play(branch, production);
    return run_tool("compare_query", ARGS);
}

static void test_rows_that_differ(void **state)
{
    (void)state;
    struct lk_str answer =
        compare(ROWS(ROW_("\"a\"", "1") "," ROW_("\"b\"", "3") "," ROW_("\"d\"", "9")),
                ROWS(ROW_("\"a\"", "1") "," ROW_("\"b\"", "2") "," ROW_("\"c\"", "4")));
    assert_json(answer, "equal", "false");
    assert_json(answer, "rows",
                "{\"branch\":3,\"production\":3,\"same\":1,\"changed\":1,\"added\":1,"
                "\"removed\":1}");
    assert_json(answer, "key", "[\"v.d\"]");
    assert_json(answer, "columns_changed", "{\"v.n\":1}");
    assert_json(answer, "changed/items/0",
                "{\"key\":{\"v.d\":\"b\"},\"columns\":{\"v.n\":{\"production\":2,\"branch\":3}}}");
    assert_json(answer, "added/items", "[{\"v.d\":\"d\",\"v.n\":9}]");
    assert_json(answer, "removed/items", "[{\"v.d\":\"c\",\"v.n\":4}]");
    assert_json(answer, "same_order", "true");
    assert_true(fake_in_dev[0]);
    assert_false(fake_in_dev[1]);
    assert_int_equal(fake_n_requests, 8);
    assert_string_equal(defined(false), defined(true));
    assert_string_equal(defined(true), DEFINE " {\"fields\":[\"v.d\",\"v.n\"],\"limit\":\"500\","
                                              "\"model\":\"m\",\"view\":\"e\"}");
}

/* It may be another project's than the one whose branch was borrowed. */
static void test_whose_the_model_is_is_told(void **state)
{
    (void)state;
    fake_n_told = 0;
    compare(ROWS(""), ROWS(""));
    assert_string_equal(fake_told, "m shop");
    assert_int_equal(fake_n_told, 1);
    assert_contains(fake_requests[0], "fields=project_name%2Cfields");
    /* On the branch, if it is there. */
    fake_forget();
    fake_fails(EXPLORE, 404, "Not found");
    fake_answers(EXPLORE, HAS(D, M));
    fake_told[0] = '\0';
    run_tool("compare_query", ARGS);
    assert_string_equal(fake_told, "m shop");
}

static void test_rows_that_are_equal(void **state)
{
    (void)state;
    struct lk_str answer =
        compare(ROWS(ROW_("1", "1") "," ROW_("2", "2")), ROWS(ROW_("2", "2") "," ROW_("1", "1")));
    assert_json(answer, "equal", "true");
    assert_json(answer, "equal_note", "(absent)");
    assert_json(answer, "same_order", "false");
    assert_json(answer, "rows/same", "2");
    answer = compare(ROWS(""), ROWS(""));
    assert_json(answer, "equal", "true");
    answer = compare(ROWS(""), ROWS(ROW_("1", "1")));
    assert_json(answer, "equal", "false");
    assert_json(answer, "rows/removed", "1");
}

/* As Looker writes them: a text that looks like a number is none, and no digit is rounded away. */
static void test_values_that_nearly_agree(void **state)
{
    static const char *const values[][2] = {{"1", "\"1\""},
                                            {"1", "1.0"},
                                            {"12345678901234567890", "12345678901234567891"},
                                            {"null", "0"},
                                            {"\"\"", "null"}};

    (void)state;
    for (size_t i = 0; i < N(values); i++) {
        const char *rows[2];
        for (size_t j = 0; j < 2; j++)
            rows[j] =
                lk_arena_printf(fake_arena, ROWS("{\"v.d\":{\"value\":1},\"v.n\":{\"value\":%s}}"),
                                values[i][j])
                    .ptr;
        struct lk_str answer = compare(rows[0], rows[1]);
        assert_json(answer, "equal", "false");
        assert_json(answer, "rows/changed", "1");
    }
}

/* Two rows of one key are two rows. */
static void test_keys_that_are_not_unique(void **state)
{
    (void)state;
    struct lk_str answer = compare(ROWS(ROW_("1", "1") "," ROW_("1", "2") "," ROW_("1", "3")),
                                   ROWS(ROW_("1", "1") "," ROW_("1", "2")));
    assert_json(answer, "rows/same", "2");
    assert_json(answer, "rows/added", "1");
    answer =
        compare(RESULT("", M, "{\"v.n\":{\"value\":1}}"), RESULT("", M, "{\"v.n\":{\"value\":2}}"));
    assert_json(answer, "key", "[]");
    assert_json(answer, "changed/items/0/key", "{}");
    assert_json(answer, "changed/items/0/columns/v.n", "{\"production\":2,\"branch\":1}");
}

static void test_a_key_is_no_concatenation(void **state)
{
    (void)state;
    struct lk_str answer =
        compare(RESULT(D "," NEW, "", "{\"v.d\":{\"value\":1},\"v.new\":{\"value\":12}}"),
                RESULT(D "," NEW, "", "{\"v.d\":{\"value\":11},\"v.new\":{\"value\":2}}"));
    assert_json(answer, "rows/added", "1");
    assert_json(answer, "rows/removed", "1");
}

#define PIVOTED(cells)                                                                             \
    "{\"fields\":{\"dimensions\":[" D "],\"pivots\":[{\"name\":\"v.p\"}],\"measures\":[" M         \
    "]},\"data\":[{\"v.d\":{\"value\":1},\"v.n\":{" cells "}}]}"

static void test_pivoted_columns(void **state)
{
    (void)state;
    struct lk_str answer =
        compare(PIVOTED("\"x\\\"y\":{\"value\":1},\"value\":{\"value\":2},\"new\":{\"value\":3}"),
                PIVOTED("\"value\":{\"value\":2},\"x\\\"y\":{\"value\":1}"));
    assert_json(answer, "equal", "false");
    assert_json(answer, "changed/items/0/columns/v.n/production", "{\"value\":2,\"x\\\"y\":1}");
    assert_json(answer, "changed/items/0/columns/v.n/branch",
                "{\"x\\\"y\":1,\"value\":2,\"new\":3}");
    answer = compare(PIVOTED("\"a\":{\"value\":1},\"value\":{\"value\":2}"),
                     PIVOTED("\"value\":{\"value\":2},\"a\":{\"value\":1}"));
    assert_json(answer, "equal", "true");
    answer = compare(PIVOTED("\"value\":{\"value\":2}"), PIVOTED("\"value\":{\"value\":3}"));
    assert_json(answer, "equal", "false");
    /* What is null on one side and not there on the other is the same. */
    answer = compare(PIVOTED("\"a\":{\"value\":null}"), PIVOTED(""));
    assert_json(answer, "equal", "true");
}

static void test_results_of_other_dimensions(void **state)
{
    (void)state;
    struct lk_str answer = compare(RESULT(D, M, ""), RESULT(D "," NEW, M, ""));
    assert_json(answer, "equal", "null");
    assert_contains(text_at(answer, "equal_note"), "dimensions");
    answer = compare(PIVOTED(""), ROWS(ROW_("1", "1")));
    assert_json(answer, "equal", "null");
    answer = compare("{\"data\":[]}", "{\"data\":[]}");
    assert_json(answer, "equal", "null");
}

/* ---- fields that only one side has ---- */

static void play_new(const char *branch, const char *production)
{
    fake_forget();
    fake_answers(EXPLORE, branch);
    fake_answers(EXPLORE, production);
    fake_answers(RUN, ROWS(ROW_("1", "1")));
}

static void test_a_measure_that_only_the_branch_has(void **state)
{
    (void)state;
    play_new(HAS(D, M "," NEW), HAS(D, M));
    struct lk_str answer = run_tool("compare_query", BASE "[\"v.d\",\"v.n\",\"v.new\"]}");
    assert_json(answer, "equal", "false");
    assert_json(answer, "only_on_branch", "[\"v.new\"]");
    assert_json(answer, "only_in_production", "(absent)");
    assert_contains(text_at(answer, "equal_note"), "the others are equal");
    assert_contains(defined(true), "[\"v.d\",\"v.n\",\"v.new\"]");
    assert_contains(defined(false), "[\"v.d\",\"v.n\"]");
    play_new(HAS(D, M), HAS(D, M "," NEW));
    answer = run_tool("compare_query", BASE "[\"v.d\",\"v.n\",\"v.new\"]}");
    assert_json(answer, "only_in_production", "[\"v.new\"]");
    assert_contains(defined(true), "[\"v.d\",\"v.n\"]");
}

static void test_fields_without_which_it_is_another_query(void **state)
{
    static const char *const rests[] = {
        "[\"v.d\",\"v.n\"],\"filters\":{\"v.new\":\"1\"}}",
        "[\"v.d\",\"v.new\"],\"sorts\":[\"v.new desc\"]}",
        "[\"v.d\",\"v.new\"],\"filter_expression\":\"${v.new} > 1\"}",
        "[\"v.d\",\"v.new\"],\"dynamic_fields\":\"[{\\\"expression\\\":\\\"${v.new}\\\"}]\"}",
        "[\"v.new\"]}",
    };

    (void)state;
    for (size_t i = 0; i < N(rests); i++) {
        play_new(HAS(D, M "," NEW), HAS(D, M));
        struct lk_str answer =
            run_tool("compare_query", lk_arena_printf(fake_arena, BASE "%s", rests[i]).ptr);
        assert_json(answer, "equal", "null");
        assert_json(answer, "only_on_branch", "[\"v.new\"]");
        assert_contains(text_at(answer, "equal_note"), "not compared");
        assert_int_equal(fake_n_requests, 2);
    }
    /* a dimension decides which rows there are */
    play_new(HAS(D, M), HAS(D "," NEW, M));
    struct lk_str answer = run_tool("compare_query", BASE "[\"v.d\",\"v.new\"]}");
    assert_json(answer, "equal", "null");
    assert_json(answer, "only_in_production", "[\"v.new\"]");
    assert_contains(text_at(answer, "equal_note"), "only in production");
}

static void test_fields_that_nobody_has(void **state)
{
    (void)state;
    play_new(HAS(D, M), HAS(D, M));
    refuse_tool("compare_query", BASE "[\"v.d\",\"v.nn\"]}");
    assert_contains(fake_error.message, "\"v.nn\"");
    assert_contains(fake_error.message, "v.n");
    assert_int_equal(fake_n_requests, 3);
    refuse_tool("compare_query", BASE "[]}");
    refuse_tool("compare_query", BASE "[\"v.d\"],\"dynamic_fields\":\"x\"}");
    assert_contains(fake_error.message, "dynamic_fields");
}

static void test_an_explore_that_is_not_there(void **state)
{
    (void)state;
    fake_forget();
    fake_answers(EXPLORE, HAS(D, M));
    fake_fails(EXPLORE, 404, "Not found");
    struct lk_str answer = run_tool("compare_query", ARGS);
    assert_json(answer, "equal", "null");
    assert_contains(text_at(answer, "equal_note"), "no explore e in model m in production");
    assert_int_equal(fake_n_requests, 2);
    fake_forget();
    refuse_tool("compare_query", ARGS);
    assert_contains(fake_error.message, "explore");
    assert_int_equal(fake_error.status, 404);
}

/* Then Looker decides. */
static void test_an_explore_that_cannot_be_read(void **state)
{
    (void)state;
    play(ROWS(ROW_("1", "1")), ROWS(ROW_("1", "1")));
    fake_scripts[0].status = 500;
    struct lk_str answer = run_tool("compare_query", ARGS);
    assert_json(answer, "equal", "true");
}

/* ---- limits and failures ---- */

static void test_the_limit(void **state)
{
    static const char limited[] = BASE "[\"v.d\",\"v.n\"],\"limit\":2}";

    (void)state;
    play(ROWS(ROW_("1", "1") "," ROW_("2", "1")), ROWS(ROW_("2", "1") "," ROW_("3", "1")));
    struct lk_str answer = run_tool("compare_query", limited);
    assert_json(answer, "equal", "false");
    assert_contains(text_at(answer, "equal_note"), "limit of 2 rows");
    play(ROWS(ROW_("1", "1") "," ROW_("2", "1")), ROWS(ROW_("1", "1") "," ROW_("2", "1")));
    answer = run_tool("compare_query", limited);
    assert_json(answer, "equal", "true");
    assert_json(answer, "limit_applied", "(absent)");
    fake_context.max_rows = 2;
    play(ROWS(ROW_("1", "1") "," ROW_("2", "1")), ROWS(ROW_("1", "1") "," ROW_("2", "1")));
    answer = run_tool("compare_query", ARGS);
    assert_json(answer, "equal", "null");
    assert_contains(text_at(answer, "equal_note"), "LOOKER_MAX_ROWS");
    assert_json(answer, "limit_applied", "2");
    play(ROWS(ROW_("1", "1") "," ROW_("2", "1")), ROWS(ROW_("1", "1") "," ROW_("2", "2")));
    assert_json(run_tool("compare_query", ARGS), "equal", "false");
    play(ROWS(ROW_("1", "1") "," ROW_("2", "1")), ROWS(ROW_("1", "1") "," ROW_("2", "1")));
    answer = run_tool("compare_query", ARGS);
    assert_contains(defined(true), "\"limit\":\"2\"");
}

static void test_differences_are_bounded(void **state)
{
    (void)state;
    play(ROWS(""), ROWS(ROW_("1", "1") "," ROW_("2", "1") "," ROW_("3", "1")));
    struct lk_str answer =
        run_tool("compare_query", BASE "[\"v.d\",\"v.n\"],\"max_differences\":2}");
    assert_json(answer, "removed/count", "2");
    assert_json(answer, "removed/total", "3");
    assert_json(answer, "rows/removed", "3");
    fake_context.max_result_bytes = 120; /* 30 for each list */
    play(ROWS(""), ROWS(ROW_("1", "1") "," ROW_("2", "1") "," ROW_("3", "1")));
    answer = run_tool("compare_query", ARGS);
    assert_json(answer, "removed/count", "1");
    assert_json(answer, "removed/truncated/reason", "\"result_bytes\"");
}

/* A result whose rows are numbered from 1; `fill`: characters that each has besides. */
static const char *large(int rows, int fill, bool fields_first)
{
    static const char fields[] = "\"fields\":{\"dimensions\":[" D "],\"measures\":[" M "]}";
    struct lk_buf text;

    lk_buf_init(&text, (size_t)32 << 20);
    lk_buf_printf(&text, "{%s\"data\":[",
                  fields_first ? lk_arena_printf(fake_arena, "%s,", fields).ptr : "");
    for (int i = 0; i < rows; i++)
        lk_buf_printf(&text,
                      "%s{\"v.d\":{\"value\":%d,\"rendered\":\"%0*d\"},\"v.n\":{\"value\":1}}",
                      i > 0 ? "," : "", i + 1, fill, 0);
    lk_buf_printf(&text, "]%s%s}", fields_first ? "" : ",", fields_first ? "" : fields);
    const char *result = lk_arena_cstr(fake_arena, lk_buf_view(&text));
    lk_buf_free(&text);
    return result;
}

/* What does not fit on one side is not called removed, and what was not looked at not equal. */
static void test_results_that_are_too_large(void **state)
{
    static const char many[] = BASE "[\"v.d\",\"v.n\"],\"limit\":100000}";

    (void)state;
    fake_context.max_rows = 100000;
    fake_piece_bytes = 60000;
    play(large(5000, 2000, true), large(5000, 1, true));
    struct lk_str answer = run_tool("compare_query", many);
    assert_json(answer, "equal", "null");
    assert_contains(text_at(answer, "equal_note"), "not known: only the first 20");
    assert_json(answer, "removed/count", "0");
    assert_string_equal(text_at(answer, "rows/branch"), text_at(answer, "rows/production"));
    /* Among those that fit is a difference. */
    play(large(5000, 2000, true), ROWS(ROW_("7", "1")));
    answer = run_tool("compare_query", many);
    assert_json(answer, "equal", "false");
    assert_contains(text_at(answer, "equal_note"), "may only have moved");
    /* What the rows are is said behind them, where nobody reads any more. */
    play(ROWS(""), large(9000, 2000, false));
    refuse_tool("compare_query", many);
    assert_int_equal(fake_error.kind, LK_ERROR_LIMIT);
    assert_contains(fake_error.message, "in production, though not on the branch");
    play(ROWS(""), large(1, 1, false));
    assert_json(run_tool("compare_query", many), "rows/removed", "1");
}

#define TASK "POST /query_tasks"
#define STOP "DELETE /running_queries/"

static void play_long(int branch, int production)
{
    play(ROWS(""), ROWS(""));
    fake_n_scripts -= 2;
    fake_answers(TASK, "{\"id\":\"B\",\"status\":\"added\"}");
    fake_answers(TASK, "{\"id\":\"P\",\"status\":\"added\"}");
    fake_script("GET /query_tasks/B/results", branch, LK_MEDIA_JSON, branch == 202 ? "" : ROWS(""));
    fake_script("GET /query_tasks/P/results", production, LK_MEDIA_JSON,
                production == 202 ? "" : ROWS(""));
    fake_script(STOP "B", 204, LK_MEDIA_TEXT, "");
    fake_script(STOP "P", 204, LK_MEDIA_TEXT, "");
}

/* Half a comparison is none: neither side is handed out, nor left running. */
static void test_a_side_that_takes_too_long(void **state)
{
    (void)state;
    fake_context.call_timeout_ms = 500;
    fake_context.query_wait_ms = 1; /* which is not waited for */
    for (int i = 0; i < 2; i++) {
        play_long(i == 0 ? 202 : 200, i == 0 ? 200 : 202);
        refuse_tool("compare_query", ARGS);
        assert_int_equal(fake_error.kind, LK_ERROR_TIMEOUT);
        assert_contains(fake_error.message, i == 0 ? "on the branch, though not in production"
                                                   : "in production, though not on the branch");
        assert_contains(fake_error.message, "LOOKER_CALL_TIMEOUT");
        assert_int_equal(count(STOP "B"), i == 0);
        assert_int_equal(count(STOP "P"), i == 1);
    }
    play_long(202, 202);
    fake_answers("GET /query_tasks/B/results", ROWS(""));
    fake_answers("GET /query_tasks/P/results", ROWS(""));
    assert_json(run_tool("compare_query", ARGS), "equal", "true");
    assert_int_equal(count(STOP "B") + count(STOP "P"), 0);
}

static void test_cancelled_while_both_run(void **state)
{
    struct lk_str answer;

    (void)state;
    play_long(202, 202);
    fake_delay_ms = 1;
    fake_cancel_at = "GET /query_tasks/P/results";
    assert_false(fake_call(fake_tool("compare_query"), ARGS, 0, &answer));
    assert_int_equal(fake_error.kind, LK_ERROR_CANCELLED);
    assert_int_equal(count(STOP "B"), 1);
    assert_int_equal(count(STOP "P"), 1);
    assert_int_equal(fake_in_flight, 0);
}

static void test_a_query_that_fails_on_one_side(void **state)
{
    static const char refused[] = "{\"errors\":[{\"message\":\"no such column\"}],\"data\":[]}";

    (void)state;
    play(refused, ROWS(""));
    refuse_tool("compare_query", ARGS);
    assert_contains(fake_error.message, "on the branch, though not in production");
    assert_contains(fake_error.detail, "no such column");
    play(ROWS(""), refused);
    refuse_tool("compare_query", ARGS);
    assert_contains(fake_error.message, "in production, though not on the branch");
    play(refused, refused);
    refuse_tool("compare_query", ARGS);
    assert_contains(fake_error.message, "on the branch: ");
    play(ROWS(""), ROWS(""));
    fake_scripts[1].status = 403;
    fake_scripts[1].body = "Not for you";
    refuse_tool("compare_query", ARGS);
    assert_int_equal(fake_error.status, 403);
    assert_contains(fake_error.detail, "Not for you");
}

static void test_a_call_that_is_cancelled(void **state)
{
    static const char *const routes[] = {EXPLORE, RUN};

    (void)state;
    for (size_t i = 0; i < N(routes); i++) {
        struct lk_str answer;
        play(ROWS(""), ROWS(""));
        fake_delay_ms = 1;
        fake_cancel_at = routes[i];
        assert_false(fake_call(fake_tool("compare_query"), ARGS, 0, &answer));
        assert_int_equal(fake_error.kind, LK_ERROR_CANCELLED);
        assert_int_equal(fake_in_flight, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rows_that_differ),
        TEST(test_rows_that_are_equal),
        TEST(test_whose_the_model_is_is_told),
        TEST(test_values_that_nearly_agree),
        TEST(test_keys_that_are_not_unique),
        TEST(test_a_key_is_no_concatenation),
        TEST(test_pivoted_columns),
        TEST(test_results_of_other_dimensions),
        TEST(test_a_measure_that_only_the_branch_has),
        TEST(test_fields_without_which_it_is_another_query),
        TEST(test_fields_that_nobody_has),
        TEST(test_an_explore_that_is_not_there),
        TEST(test_an_explore_that_cannot_be_read),
        TEST(test_the_limit),
        TEST(test_differences_are_bounded),
        TEST(test_results_that_are_too_large),
        TEST(test_a_side_that_takes_too_long),
        TEST(test_cancelled_while_both_run),
        TEST(test_a_query_that_fails_on_one_side),
        TEST(test_a_call_that_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
