/*
 * Links to whole results and what they lead to (handlers/query/export.h), with a Looker and a
 * transport that are scripted.
 */
#include "fake_looker.h"

#include "base/base64.h"
#include "handlers/query/export.h"

static void seal(void *arg, struct lk_str text, unsigned char *ret_mac)
{
    const char *key = arg;

    for (size_t i = 0; i < 32; i++)
        ret_mac[i] = (unsigned char)(key[0] + (char)i);
    for (size_t i = 0; i < text.len; i++)
        ret_mac[i % 32] = (unsigned char)(ret_mac[i % 32] * 31 + text.ptr[i]);
}

static int set_up(void **state)
{
    fake_set_up(state);
    fake_origin = LK_STR("http://127.0.0.1:8080");
    fake_context.seal = seal;
    fake_context.seal_arg = (void *)(uintptr_t) "key";
    fake_answers("GET /queries/5", "{\"id\":\"5\",\"limit\":\"10\"}");
    return 0;
}

/* The path of a link's last part, out of the block beside the answer. */
static struct lk_str link_of(const char *arguments)
{
    struct lk_str answer = run_tool("run_query", arguments), uri;

    assert_int_equal(fake_n_contents, 1);
    assert_int_equal(fake_contents[0].kind, MCP_CONTENT_LINK);
    uri = fake_contents[0].uri;
    assert_true(lk_str_eq(uri, lk_json_decode_string(fake_arena, at(answer, "export/uri"))));
    assert_true(lk_str_starts(uri, LK_STR("http://127.0.0.1:8080/export/")));
    return lk_str_n(uri.ptr + 29, uri.len - 29);
}

static bool opened; /* the last one that was followed */

/* As the core and the assembly do: the link is opened, and then the tool runs. */
static bool follow(struct lk_str link)
{
    struct mcp_call *call = lk_arena_new_object(fake_arena, struct mcp_call);
    struct fake_run run = {.call = call};
    cJSON *tree = NULL;

    fake_error = (struct lk_error){0};
    lk_buf_truncate(&fake_sent, 0);
    *call =
        (struct mcp_call){.tool = &lk_export_tool, .arena = fake_arena, .context = &fake_context};
    void *args = lk_arena_alloc(fake_arena, lk_export_tool.args->size);
    assert_true(lk_tree_parse(fake_arena,
                              lk_arena_printf(fake_arena, "{\"link\":\"%.*s\"}", LK_STR_ARG(link)),
                              &tree, NULL));
    assert_true(lk_decode_arguments(fake_arena, lk_export_tool.args, tree, args, NULL));
    run.args = call->args = args;
    opened = lk_export_open(call, &fake_error);
    if (!opened)
        return false;
    assert_true(lk_co_start(fake_loop, fake_run, &run, NULL, NULL));
    while (lk_co_count(fake_loop) > 0)
        lk_loop_run(fake_loop);
    return run.ok;
}

static void test_csv(void **state)
{
    static const char text[] = "A,B\r\n1,\"x\ny\"\n2,\xc3\xa4";

    (void)state;
    fake_answers_text("GET /queries/5/run/csv", text);
    struct lk_str link = link_of("{\"query_id\":\"5\",\"export\":\"csv\",\"cache\":false}");
    assert_true(follow(link));
    assert_str(lk_buf_view(&fake_sent),
               lk_arena_printf(fake_arena, "text/csv query-5.csv\n%s", text).ptr);
    assert_contains(fake_requests[1], "limit=1000000");
    assert_contains(fake_requests[1], "cache=false");
}

static void test_json_lines(void **state)
{
    (void)state;
    fake_answers("GET /queries/5/run/json",
                 "[ {\"v.a\":1,\n\"v.b\":\"x\\ny\"} ,\r\n{\"v.a\":2,\"v.b\":null}]");
    assert_true(follow(link_of("{\"query_id\":\"5\",\"export\":\"jsonl\",\"limit\":7}")));
    assert_str(lk_buf_view(&fake_sent),
               "application/x-ndjson query-5.jsonl\n"
               "{\"v.a\":1, \"v.b\":\"x\\ny\"}\n{\"v.a\":2,\"v.b\":null}\n");
    assert_contains(fake_requests[1], "limit=7");
    assert_true(follow(link_of("{\"query_id\":\"5\",\"export\":\"jsonl\",\"fields\":[\"v.a\"]}")));
    assert_str(lk_buf_view(&fake_sent),
               "application/x-ndjson query-5.jsonl\n{\"v.a\":1}\n{\"v.a\":2}\n");
}

static void test_nothing_is_a_file_too(void **state)
{
    (void)state;
    fake_answers("GET /queries/5/run/json", "[]");
    assert_true(follow(link_of("{\"query_id\":\"5\",\"export\":\"jsonl\"}")));
    assert_str(lk_buf_view(&fake_sent), "application/x-ndjson query-5.jsonl\n");
}

static void test_the_limit_of_the_server(void **state)
{
    (void)state;
    fake_context.max_export_rows = 50;
    fake_answers_text("GET /queries/5/run/csv", "A\n");
    assert_true(follow(link_of("{\"query_id\":\"5\",\"export\":\"csv\",\"limit\":70}")));
    assert_contains(fake_requests[1], "limit=50");
    struct lk_str answer =
        run_tool("run_query", "{\"query_id\":\"5\",\"export\":\"csv\",\"limit\":51}");
    assert_str(at(answer, "export/limit"), "50");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "export/limit_note")),
                    "LOOKER_MAX_EXPORT_ROWS");
    answer = run_tool("run_query", "{\"query_id\":\"5\",\"export\":\"csv\",\"limit\":50}");
    assert_str(at(answer, "export/limit_note"), "(absent)");
}

static void test_links_that_do_not_open(void **state)
{
    struct mcp_caller ada = {.subject = LK_STR("ada")}, eve = {.subject = LK_STR("eve")};
    struct lk_str link;
    char text[2000];

    (void)state;
    fake_caller_is = &ada;
    link = link_of("{\"query_id\":\"5\",\"export\":\"csv\"}");
    size_t before = fake_n_requests;
    for (size_t i = 0; i < link.len; i++) {
        snprintf(text, sizeof(text), "%.*s", LK_STR_ARG(link));
        text[i] = text[i] == 'x' ? 'y' : 'x';
        assert_false(follow(lk_str(text)));
        assert_int_equal(fake_error.kind, LK_ERROR_ARGUMENT);
        assert_false(follow(lk_str_n(link.ptr, i)));
    }
    fake_caller_is = &eve;
    assert_false(follow(link));
    assert_int_equal(fake_error.kind, LK_ERROR_AUTH);
    assert_contains(fake_error.message, "another caller");
    fake_caller_is = NULL;
    assert_false(follow(link));
    fake_caller_is = &ada;
    fake_context.seal_arg = (void *)(uintptr_t) "other";
    assert_false(follow(link));
    assert_contains(fake_error.message, "no link that this server");
    assert_int_equal(fake_n_requests, before);
}

static struct lk_str sealed(const char *json)
{
    struct lk_buf plain, text;
    unsigned char mac[32];

    lk_buf_init(&plain, 1000);
    lk_buf_init(&text, 2000);
    seal(fake_context.seal_arg, lk_str(json), mac);
    lk_buf_append(&plain, mac, sizeof(mac));
    lk_buf_str(&plain, lk_str(json));
    assert_true(lk_base64url(&text, lk_buf_view(&plain)));
    struct lk_str link = lk_arena_str(fake_arena, lk_buf_view(&text));
    lk_buf_free(&plain);
    lk_buf_free(&text);
    return link;
}

static void test_links_expire(void **state)
{
    (void)state;
    assert_false(follow(sealed("{\"e\":1700000000,\"s\":\"\",\"u\":\"\",\"c\":\"x\"}")));
    assert_contains(fake_error.message, "expired");
    assert_false(follow(sealed("{\"s\":\"\",\"u\":\"\",\"c\":\"x\"}")));
    assert_false(follow(sealed("{\"e\":9700000000,\"s\":\"\",\"u\":\"\",\"c\":\"x\"}")));
    assert_true(opened); /* what it should lead to is none */
    assert_contains(fake_error.message, "cursor");
}

/* Follows the link to that answer, of which nothing goes out. */
static const struct lk_error *refused(struct lk_str link, enum lk_media media, const char *body)
{
    fake_script("GET /queries/5/run/csv", 200, media, body);
    fake_script("GET /queries/5/run/json", 200, media, body);
    assert_false(follow(link));
    assert_int_equal(fake_sent.len, 0);
    return &fake_error;
}

static void test_what_is_no_csv(void **state)
{
    struct lk_str link = link_of("{\"query_id\":\"5\",\"export\":\"csv\"}");
    static const char *const others[] = {"[]", "{}", "\"A,B\\n\"", "7", "oops", "[{"};

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_contains(refused(link, LK_MEDIA_JSON, others[i])->message, "JSON instead of csv");
    assert_string_equal(refused(link, LK_MEDIA_JSON, "[{\"looker_error\":\"bad\"}]")->detail,
                        "bad");
    assert_string_equal(
        refused(link, LK_MEDIA_JSON, "{\"errors\":[{\"message\":\"worse\"}]}")->detail, "worse");
    assert_contains(refused(link, LK_MEDIA_TEXT, " \r\n<!DOCTYPE html><p>Sign in")->message,
                    "web page");
    assert_contains(
        refused(link, LK_MEDIA_TEXT, lk_arena_printf(fake_arena, "<html>%05000d", 0).ptr)->message,
        "web page");
}

static void test_what_are_no_lines(void **state)
{
    struct lk_str link = link_of("{\"query_id\":\"5\",\"export\":\"jsonl\"}");

    (void)state;
    assert_contains(refused(link, LK_MEDIA_TEXT, "oops")->message, "text instead of rows");
    assert_string_equal(refused(link, LK_MEDIA_JSON, "[{\"looker_error\":\"bad\"}]")->detail,
                        "bad");
    assert_string_equal(refused(link, LK_MEDIA_JSON, "{\"looker_error\":\"bad\"}")->detail, "bad");
    assert_string_equal(
        refused(link, LK_MEDIA_JSON, "{\"errors\":[{\"message\":\"worse\"}]}")->detail, "worse");
    assert_contains(refused(link, LK_MEDIA_JSON, "{\"data\":[{\"v.a\":1}]}")->message,
                    "an object that has none");
    assert_contains(refused(link, LK_MEDIA_JSON, "[")->message, "ends too early");
    link = link_of("{\"query_id\":\"5\",\"export\":\"jsonl\",\"fields\":[\"v.a\",\"v.z\"]}");
    assert_contains(refused(link, LK_MEDIA_JSON, "[{\"v.a\":1}]")->message, "no column \"v.z\"");
}

/* What is looked at first is sent once, in its place. */
static void test_csv_in_small_pieces(void **state)
{
    char *text = lk_arena_alloc(fake_arena, 5001);

    (void)state;
    for (size_t i = 0; i < 5000; i++)
        text[i] = i % 100 == 99 ? '\n' : (char)('a' + i % 26);
    fake_piece_bytes = 100;
    fake_answers_text("GET /queries/5/run/csv", text);
    assert_true(follow(link_of("{\"query_id\":\"5\",\"export\":\"csv\"}")));
    assert_str(lk_buf_view(&fake_sent),
               lk_arena_printf(fake_arena, "text/csv query-5.csv\n%s", text).ptr);
}

/* Then nothing more is fetched. */
static void test_the_client_leaves(void **state)
{
    (void)state;
    fake_answers_text("GET /queries/5/run/csv", lk_arena_printf(fake_arena, "%05000d", 0).ptr);
    struct lk_str link = link_of("{\"query_id\":\"5\",\"export\":\"csv\"}");
    fake_leaves_after = 25;
    assert_false(follow(link));
    assert_int_equal(fake_error.kind, LK_ERROR_CANCELLED);
    assert_in_range(fake_n_poured, 1024, 1100);
}

static void test_where_there_are_no_links(void **state)
{
    (void)state;
    assert_contains(refuse_tool("run_query", "{\"query_id\":\"5\",\"export\":\"csv\","
                                             "\"dev_mode\":true}")
                        ->message,
                    "export is of production");
    fake_origin = (struct lk_str){0};
    const struct lk_error *err =
        refuse_tool("run_query", "{\"query_id\":\"5\",\"export\":\"csv\"}");
    assert_int_equal(err->kind, LK_ERROR_UNSUPPORTED);
    assert_contains(err->message, "streamable-http");
    assert_contains(refuse_tool("run_query", "{\"query_id\":\"5\",\"export\":\"csv\","
                                             "\"fields\":[\"v.a\"]}")
                        ->message,
                    "leave it out");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_csv),
        TEST(test_json_lines),
        TEST(test_nothing_is_a_file_too),
        TEST(test_the_limit_of_the_server),
        TEST(test_links_that_do_not_open),
        TEST(test_links_expire),
        TEST(test_what_is_no_csv),
        TEST(test_what_are_no_lines),
        TEST(test_csv_in_small_pieces),
        TEST(test_the_client_leaves),
        TEST(test_where_there_are_no_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
