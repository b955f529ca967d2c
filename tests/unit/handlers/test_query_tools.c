/*
 * query, query_sql, query_url, run_query, run_look: what is sent, what comes back, what is refused.
 */
#include "fake_looker.h"

/* Names are judged in test_validate.c. */
#define ASK "{\"validate\":false,\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.a\",\"v.n\"]"

static void test_query(void **state)
{
    (void)state;
    fake_answers(FAKE_ROWS("json"),
                 "[{\"v.a\":\"x\",\"v.n\":12345678901234567890},\n {\"v.a\":null}]");
    assert_str(run_tool("query", ASK ",\"limit\":5}"),
               "{\"count\":2,\"items\":[{\"v.a\":\"x\",\"v.n\":12345678901234567890},"
               "{\"v.a\":null}]}");
    assert_int_equal(fake_n_requests, 3);
    assert_string_equal(fake_requests[0],
                        "POST /queries?fields=id {\"fields\":[\"v.a\",\"v.n\"],\"limit\":\"5\","
                        "\"model\":\"m\",\"view\":\"v\"}");
    assert_string_equal(
        fake_requests[1],
        "POST /query_tasks?apply_formatting=false&cache=true&fields=id%2Cstatus&"
        "server_table_calcs=false {\"query_id\":\"71\",\"result_format\":\"json\"}");
    assert_string_equal(fake_requests[2], FAKE_ROWS("json"));
}

static void test_every_argument_is_sent(void **state)
{
    (void)state;
    fake_answers(FAKE_ROWS("json"), "[]");
    run_tool("query", ASK ",\"filters\":{\"v.a\":\"x,y\"},\"filter_expression\":\"1=1\","
                          "\"sorts\":[\"v.a desc\"],\"column_limit\":7,\"pivots\":[\"v.p\"],"
                          "\"fill_fields\":[\"v.d\"],\"total\":true,\"row_total\":\"right\","
                          "\"subtotals\":[\"v.a\"],\"query_timezone\":\"UTC\","
                          "\"dynamic_fields\":\"[{\\\"measure\\\":\\\"z\\\"}]\",\"cache\":false,"
                          "\"apply_formatting\":true,\"server_table_calcs\":true}");
    assert_string_equal(
        fake_requests[0],
        "POST /queries?fields=id "
        "{\"column_limit\":\"7\",\"dynamic_fields\":\"[{\\\"measure\\\":\\\"z\\\"}]\","
        "\"fields\":[\"v.a\",\"v.n\"],\"fill_fields\":[\"v.d\"],\"filter_expression\":\"1=1\","
        "\"filters\":{\"v.a\":\"x,y\"},\"limit\":\"500\",\"model\":\"m\",\"pivots\":[\"v.p\"],"
        "\"query_timezone\":\"UTC\",\"row_total\":\"right\",\"sorts\":[\"v.a desc\"],"
        "\"subtotals\":[\"v.a\"],\"total\":true,\"view\":\"v\"}");
}

static void test_limit_is_lowered_and_said(void **state)
{
    (void)state;
    fake_context.max_rows = 2;
    fake_answers(FAKE_ROWS("json"), "[{\"v.a\":1},{\"v.a\":2}]");
    struct lk_str answer = run_tool("query", ASK ",\"limit\":3}");
    assert_contains(fake_requests[0], "\"limit\":\"2\"");
    assert_str(at(answer, "limit_applied"), "2");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "limit_note")), "LOOKER_MAX_ROWS");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "limit_note")), "as a download (export)");
    assert_str(at(answer, "limit_reached"), "true");
    /* Within the maximum nothing is said but that the limit was met. */
    answer = run_tool("query", ASK ",\"limit\":2}");
    assert_str(at(answer, "limit_applied"), "(absent)");
    assert_str(at(answer, "limit"), "2");

    assert_contains(refuse_tool("query", ASK ",\"limit\":-1}")->message, "limit");
    assert_contains(refuse_tool("query", ASK ",\"limit\":0}")->message, "limit");
}

static void test_rows_are_cut_at_the_byte_limit(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 25;
    fake_answers(FAKE_ROWS("json"), "[{\"v.a\":1},{\"v.a\":2},{\"v.a\":3}]");
    struct lk_str answer = run_tool("query", ASK "}");
    assert_str(at(answer, "count"), "2");
    assert_str(at(answer, "items"), "[{\"v.a\":1},{\"v.a\":2}]");
    assert_str(at(answer, "truncated/reason"), "\"result_bytes\"");
    assert_str(at(answer, "truncated/returned"), "2");
    assert_str(at(answer, "truncated/total"), "3");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "truncated/how")), "fewer fields");
    fake_context.max_result_bytes = 29; /* nine a row, and the commas between them */
    assert_str(at(run_tool("query", ASK "}"), "count"), "3");
    fake_context.max_result_bytes = 28;
    assert_str(at(run_tool("query", ASK "}"), "count"), "2");
    fake_context.max_result_bytes = 8;
    const struct lk_error *err = refuse_tool("query", ASK "}");
    assert_int_equal(err->kind, LK_ERROR_LIMIT);
    assert_contains(err->message, "one row of the result takes 9 bytes");
    assert_contains(err->message, "max_bytes");
}

static void test_detail(void **state)
{
    (void)state;
    fake_answers(FAKE_ROWS("json_detail"),
                 "{\"id\":\"q\",\"errors\":[],\"data\":[{\"v.a\":{\"value\":1}}],\"fields\":{}}");
    assert_str(run_tool("query", ASK ",\"result_format\":\"json_detail\"}"),
               "{\"detail\":{\"id\":\"q\",\"errors\":[],\"fields\":{}},\"count\":1,"
               "\"items\":[{\"v.a\":{\"value\":1}}]}");
    fake_answers(FAKE_ROWS("json_bi"), "{\"metadata\":{\"x\":1},\"rows\":[{\"v.a\":1}]}");
    assert_str(run_tool("query", ASK ",\"result_format\":\"json_bi\"}"),
               "{\"detail\":{\"metadata\":{\"x\":1}},\"count\":1,\"items\":[{\"v.a\":1}]}");
}

static void test_text_formats(void **state)
{
    (void)state;
    fake_answers_text(FAKE_ROWS("csv"), "A,N\n\xc3\xa4,1\nb,2\n");
    assert_str(run_tool("query", ASK ",\"result_format\":\"csv\"}"),
               "{\"format\":\"csv\",\"text\":\"A,N\\n\xc3\xa4,1\\nb,2\\n\"}");
    assert_str(
        at(run_tool("query", ASK ",\"result_format\":\"csv\",\"limit\":2}"), "limit_reached"),
        "true");
    fake_context.max_result_bytes = 10;
    struct lk_str cut = run_tool("query", ASK ",\"result_format\":\"csv\"}");
    assert_str(at(cut, "text"), "\"A,N\\n\xc3\xa4,1\\n\"");
    assert_str(at(cut, "truncated/returned"), "1");
    assert_str(at(cut, "truncated/total"), "2");
    /* Without a line's end, between characters. */
    fake_context.max_result_bytes = 2;
    fake_answers_text(FAKE_ROWS("html"), "a\xc3\xa4");
    cut = run_tool("query", ASK ",\"result_format\":\"html\"}");
    assert_str(at(cut, "text"), "\"a\"");
    assert_str(at(cut, "truncated/returned_bytes"), "1");
    assert_str(at(cut, "cursor"), "(absent)");
    assert_contains(refuse_tool("query", ASK ",\"result_format\":\"png\"}")->message, "json");
}

static struct lk_str reached(const char *format, const char *text, int limit)
{
    char route[64], arguments[200];

    snprintf(route, sizeof(route), FAKE_ROWS("%s"), format);
    snprintf(arguments, sizeof(arguments), ASK ",\"result_format\":\"%s\",\"limit\":%d}", format,
             limit);
    fake_answers_text(lk_arena_cstr(fake_arena, lk_str(route)), text);
    return at(run_tool("query", arguments), "limit_reached");
}

static void test_rows_of_texts_are_counted(void **state)
{
    static const char md[] = "| A | N |\n| --- | :-: |\n| x | 1 |\n| - | - |\n";
    static const char html[] = "<table><tr><th>A</th></tr>\n<TR class=r><TD>1<td>2</TR>"
                               "<tr><td>3</tr></table>";

    (void)state;
    assert_str(reached("md", md, 2), "true");
    assert_str(reached("md", md, 3), "(absent)");
    assert_str(reached("md", "| A |\n|---|", 1), "(absent)");
    assert_str(reached("md", "x 1\ny 2", 2), "true"); /* nothing is known of it */
    assert_str(reached("md", "", 1), "(absent)");
    assert_str(reached("html", html, 2), "true");
    assert_str(reached("html", html, 3), "(absent)");
    assert_str(reached("html", "<t", 1), "(absent)");
}

static void test_totals_that_do_not_show_are_noted(void **state)
{
    static const char *const asked[] = {"\"total\":true", "\"row_total\":\"left\"",
                                        "\"subtotals\":[\"v.a\"]"};
    char arguments[200];

    (void)state;
    fake_answers(FAKE_ROWS("json"), "[]");
    fake_answers(FAKE_ROWS("json_detail"), "{\"data\":[],\"totals_data\":{}}");
    for (size_t i = 0; i < 3; i++) {
        snprintf(arguments, sizeof(arguments), ASK ",%s}", asked[i]);
        assert_contains(lk_arena_cstr(fake_arena, at(run_tool("query", arguments), "totals_note")),
                        "json_detail");
        snprintf(arguments, sizeof(arguments), ASK ",%s,\"result_format\":\"json_detail\"}",
                 asked[i]);
        assert_str(at(run_tool("query", arguments), "totals_note"), "(absent)");
    }
    assert_str(at(run_tool("query", ASK ",\"total\":false,\"subtotals\":[]}"), "totals_note"),
               "(absent)");
    assert_contains(refuse_tool("query", ASK ",\"row_total\":\"rigth\"}")->message,
                    "did you mean \"right\"");
}

static void test_errors_inside_a_200(void **state)
{
    (void)state;
    fake_answers(FAKE_ROWS("json"), "[{\"looker_error\":\"Unknown column \\\"z\\\"\"}]");
    const struct lk_error *err = refuse_tool("query", ASK "}");
    assert_int_equal(err->kind, LK_ERROR_UPSTREAM);
    assert_string_equal(err->detail, "Unknown column \"z\"");
    assert_int_equal(err->status, 0); /* of the answer's 200 nobody would make sense */
    fake_answers(FAKE_ROWS("json_detail"),
                 "{\"data\":[],\"errors\":[{\"message\":\"Bad\",\"message_details\":\"why\"}]}");
    err = refuse_tool("query", ASK ",\"result_format\":\"json_detail\"}");
    assert_string_equal(err->detail, "Bad: why");
    /* A column that happens to be called so in a later row is data. */
    fake_scripts[0].body = "[{\"v.a\":1},{\"looker_error\":\"x\"}]";
    assert_str(at(run_tool("query", ASK "}"), "count"), "2");
    fake_scripts[0] = (struct fake_script){FAKE_ROWS("json"), "no rows", 200, LK_MEDIA_TEXT, false};
    assert_int_equal(refuse_tool("query", ASK "}")->kind, LK_ERROR_PARSE);
}

static void test_remedies(void **state)
{
    (void)state;
    fake_fails("POST /queries", 404, "Not found");
    assert_contains(refuse_tool("query", ASK "}")->message,
                    "no explore \"v\" in model \"m\", or no access to it: list_models");
    fake_fails("POST /queries", 422, "fields is invalid");
    const struct lk_error *err = refuse_tool("query", ASK "}");
    assert_contains(err->message, "list_dimensions");
    assert_string_equal(err->detail, "fields is invalid");
}

static void test_share_url(void **state)
{
    (void)state;
    fake_answers(FAKE_ROWS("json"), "[]");
    fake_answers("POST /queries", "{\"id\":\"9\",\"share_url\":\"https://l/x/S\"}");
    assert_str(run_tool("query", ASK ",\"share_url\":true}"),
               "{\"count\":0,\"items\":[],\"share_url\":\"https://l/x/S\",\"query_id\":\"9\"}");
    assert_int_equal(fake_n_requests, 3); /* the link is that of the query that runs */
    /* Without the link the SQL still comes. */
    fake_answers_text("POST /queries/run/sql", "SELECT 1");
    fake_scripts[1].status = 403;
    struct lk_str answer = run_tool("query", ASK ",\"share_url\":true,\"result_format\":\"sql\"}");
    assert_str(at(answer, "text"), "\"SELECT 1\"");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "share_url_error")), "403");
}

static void test_dynamic_fields_must_be_a_list(void **state)
{
    (void)state;
    assert_contains(refuse_tool("query", ASK ",\"dynamic_fields\":\"[{]\"}")->message,
                    "dynamic_fields");
    assert_contains(refuse_tool("query_sql", ASK ",\"dynamic_fields\":\"{}\"}")->message,
                    "dynamic_fields");
    assert_int_equal(fake_n_requests, 0);
}

/* Every request of a call, and none of the next one. */
static void test_dev_mode(void **state)
{
    static const struct {
        const char *tool, *arguments;
        size_t n_requests;
    } cases[] = {
        {"query", "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.a\"],\"share_url\":true", 4},
        {"query_sql", "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.a\"]", 2},
        {"query_url", "{\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.a\"]", 2},
        {"run_query", "{\"query_id\":\"1\"", 3},
        {"run_look", "{\"look_id\":\"1\"", 3},
    };
    char arguments[200];

    (void)state;
    fake_answers("GET /lookml_models/m/explores/v",
                 "{\"fields\":{\"measures\":[{\"name\":\"v.a\"}]}}");
    fake_answers(FAKE_ROWS("json"), "[]");
    fake_answers_text("POST /queries/run/sql", "SELECT 1");
    fake_answers("POST /queries", "{\"id\":\"9\"}");
    fake_answers("GET /queries/1", "{\"id\":\"1\"}");
    fake_answers("GET /looks/1", "{\"id\":\"1\",\"query_id\":\"1\"}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int dev = 1; dev >= 0; dev--) {
            fake_n_requests = 0;
            snprintf(arguments, sizeof(arguments), "%s,\"dev_mode\":%s}", cases[i].arguments,
                     dev ? "true" : "false");
            run_tool(cases[i].tool, arguments);
            assert_int_equal(fake_n_requests, cases[i].n_requests);
            for (size_t r = 0; r < fake_n_requests; r++)
                assert_int_equal(fake_in_dev[r], dev);
        }
    }
}

static void test_sql(void **state)
{
    (void)state;
    fake_answers_text("POST /queries/run/sql", "SELECT 1\nFROM \"t\"");
    assert_str(run_tool("query_sql", ASK ",\"limit\":9999999}"),
               "{\"sql\":\"SELECT 1\\nFROM \\\"t\\\"\"}");
    assert_contains(fake_requests[0], "\"limit\":\"5000\"");
    fake_script("POST /queries/run/sql", 200, LK_MEDIA_JSON, "\"SELECT 2\"");
    assert_str(run_tool("query_sql", ASK "}"), "{\"sql\":\"SELECT 2\"}");
}

/* A 200 that is no result is not made into one. */
static void test_what_is_no_result(void **state)
{
    (void)state;
    fake_answers_text("POST /queries/run/sql", " <!DOCTYPE HTML><html>Sign in</html>");
    assert_contains(refuse_tool("query_sql", ASK "}")->message, "web page instead of sql");
    fake_answers_text(FAKE_ROWS("csv"), "<html><body>Sign in</body></html>");
    assert_contains(refuse_tool("query", ASK ",\"result_format\":\"csv\"}")->message, "web page");
    fake_answers_text(FAKE_ROWS("html"), "<html><body>rows</body></html>");
    run_tool("query", ASK ",\"result_format\":\"html\"}");
    fake_answers_text("POST /queries/run/sql", "");
    assert_contains(refuse_tool("query_sql", ASK "}")->message, "nothing instead of SQL");
    fake_answers("POST /queries/run/sql", "[1,null]");
    assert_contains(refuse_tool("query_sql", ASK "}")->message, "JSON instead of SQL");
    fake_answers(FAKE_ROWS("json"), "{\"unexpected\":true}");
    assert_contains(refuse_tool("query", ASK "}")->message, "an object that has none");
    fake_answers(FAKE_ROWS("json_detail"), "{\"fields\":{},\"data\":null}");
    assert_contains(refuse_tool("query", ASK ",\"result_format\":\"json_detail\"}")->message,
                    "an object that has none");
}

static void test_url(void **state)
{
    (void)state;
    fake_answers("POST /queries", "{\"id\":\"9\",\"slug\":\"S\",\"share_url\":\"https://l/x/S\","
                                  "\"url\":\"/explore/m/v\",\"can\":{}}");
    assert_str(run_tool("query_url", ASK "}"),
               "{\"share_url\":\"https://l/x/S\",\"query_id\":\"9\",\"slug\":\"S\"}");
    assert_contains(fake_requests[0], "fields=id%2Cslug%2Cshare_url ");
}

static void test_saved_query(void **state)
{
    (void)state;
    fake_answers("GET /queries/12", "{\"id\":\"12\",\"model\":\"m\",\"limit\":\"3\"}");
    fake_answers(FAKE_ROWS("json"), "[{\"v.a\":1}]");
    assert_str(run_tool("run_query", "{\"query_id\":\"12\",\"apply_vis\":true}"),
               "{\"query\":{\"id\":\"12\",\"model\":\"m\",\"limit\":\"3\"},\"count\":1,\"items\":["
               "{\"v.a\":1}]}");
    assert_contains(fake_requests[1], "apply_vis=true");
    assert_contains(fake_requests[1], "limit=3&");
    run_tool("run_query", "{\"query_id\":\"12\",\"limit\":7}");
    assert_contains(fake_requests[4], "limit=7&");
    /* Saved as unlimited: the maximum holds. */
    fake_scripts[0].body = "{\"id\":\"12\",\"limit\":\"-1\"}";
    run_tool("run_query", "{\"query_id\":\"12\"}");
    assert_contains(fake_requests[7], "limit=5000&");

    fake_answers("GET /queries/slug/12ab", "{\"id\":\"12\"}");
    run_tool("run_query", "{\"query_id\":\"12ab\"}");
    assert_contains(fake_requests[10], "{\"query_id\":\"12\",\"result_format\":\"json\"}");
    assert_contains(refuse_tool("run_query", "{\"query_id\":\"13\"}")->message, "no query");
    assert_contains(refuse_tool("run_query", "{\"query_id\":\"no/slug\"}")->message, "qid=");
}

static void test_look(void **state)
{
    (void)state;
    fake_answers("GET /looks/42", "{\"id\":\"42\",\"title\":\"T\",\"public_url\":\"x\",\"folder\":{"
                                  "\"id\":\"1\",\"name\":\"F\",\"is_embed\":false},\"query\":{"
                                  "\"id\":\"8\",\"model\":\"m\",\"vis_config\":{\"a\":1}}}");
    fake_answers(FAKE_ROWS("json"), "[{\"v.a\":1}]");
    assert_str(run_tool("run_look", "{\"look_id\":\"42\"}"),
               "{\"look\":{\"id\":\"42\",\"title\":\"T\",\"folder\":{\"id\":\"1\",\"name\":\"F\"},"
               "\"query\":{\"id\":\"8\",\"model\":\"m\"}},\"count\":1,\"items\":[{\"v.a\":1}]}");
    /* Saved without a limit: the maximum holds. */
    assert_contains(fake_requests[1], "limit=5000");
    assert_contains(fake_requests[1], "{\"look_id\":\"42\",\"query_id\":\"8\",");
    fake_answers("GET /looks/43", "{\"query_id\":\"9\",\"query\":{\"limit\":\"20\"}}");
    run_tool("run_look", "{\"look_id\":\"43\"}");
    assert_contains(fake_requests[4], "limit=20");
    assert_contains(fake_requests[4], "\"query_id\":\"9\"");
    run_tool("run_look", "{\"look_id\":\"43\",\"limit\":30}");
    assert_contains(fake_requests[7], "limit=30");
    fake_answers_text(FAKE_ROWS("txt"), "A\tB\n");
    assert_str(at(run_tool("run_look", "{\"look_id\":\"42\",\"result_format\":\"txt\"}"), "format"),
               "\"txt\"");
    assert_contains(refuse_tool("run_look", "{\"look_id\":\"1\"}")->message, "search_content");
    fake_answers("GET /looks/44", "{\"id\":\"44\"}");
    assert_contains(refuse_tool("run_look", "{\"look_id\":\"44\"}")->message, "which query");
}

/* Looker writes it without running anything: one request, and no task. */
static void test_saved_sql(void **state)
{
    (void)state;
    fake_answers("GET /queries/12", "{\"id\":\"12\"}");
    fake_answers_text("GET /queries/12/run/sql", "SELECT 12");
    fake_answers("GET /looks/42", "{\"id\":\"42\",\"query_id\":\"12\"}");
    assert_str(at(run_tool("run_query", "{\"query_id\":\"12\",\"result_format\":\"sql\"}"), "text"),
               "\"SELECT 12\"");
    assert_str(at(run_tool("run_look", "{\"look_id\":\"42\",\"result_format\":\"sql\"}"), "text"),
               "\"SELECT 12\"");
    assert_int_equal(fake_n_requests, 4);
    fake_answers_text("POST /queries/run/sql", "SELECT 1");
    assert_str(at(run_tool("query", ASK ",\"result_format\":\"sql\"}"), "text"), "\"SELECT 1\"");
    assert_int_equal(fake_n_requests, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_query),
        TEST(test_what_is_no_result),
        TEST(test_every_argument_is_sent),
        TEST(test_limit_is_lowered_and_said),
        TEST(test_rows_are_cut_at_the_byte_limit),
        TEST(test_detail),
        TEST(test_text_formats),
        TEST(test_rows_of_texts_are_counted),
        TEST(test_totals_that_do_not_show_are_noted),
        TEST(test_errors_inside_a_200),
        TEST(test_remedies),
        TEST(test_share_url),
        TEST(test_dynamic_fields_must_be_a_list),
        TEST(test_dev_mode),
        TEST(test_sql),
        TEST(test_url),
        TEST(test_saved_query),
        TEST(test_look),
        TEST(test_saved_sql),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
