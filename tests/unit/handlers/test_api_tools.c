/*
 * search_operations, describe_operation, call_operation: what is found, what is refused before
 * anything is sent, and what is sent; how answers come back is in test_api_answers.c.
 */
#include "fake_looker.h"

#include "handlers/api_tools/fields.h"
#include "handlers/api_tools/words.h"

static void allow_writes(void)
{
    fake_context.api_allow_writes = true;
}

static const char *refused(const char *tool, const char *arguments)
{
    size_t sent = fake_n_requests;
    const struct lk_error *err = refuse_tool(tool, arguments);

    assert_int_equal(fake_n_requests, sent);
    return err->message;
}

/* ---- words ---- */

static void assert_word(const char *text, bool camel, const char *expected)
{
    struct lk_str rest = lk_str(text);
    struct lk_word word;
    char joined[200] = "";

    while (lk_word_next(&rest, camel, &word)) {
        if (joined[0] != '\0')
            strcat(joined, " ");
        strncat(joined, word.text, word.len);
    }
    assert_string_equal(joined, expected);
}

static void test_words(void **state)
{
    (void)state;
    assert_word("all_lookml_models", false, "all lookml model");
    assert_word("/queries/{query_id}/run", false, "query query id run");
    assert_word("DBConnectionBase", true, "db connection base");
    assert_word("LookmlModelExplore", true, "lookml model explore");
    assert_word("Boxes, branches; statuses? ACCESS analysis", false,
                "box branch statuse access analysis");
    assert_word(" -- ", false, "");
    /* 60 letters: cut, not overrun. */
    assert_word("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false,
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

static enum lk_likeness likeness(const char *asked, const char *known)
{
    struct lk_str a = lk_str(asked), k = lk_str(known);
    struct lk_word one, other;

    assert_true(lk_word_next(&a, false, &one) && lk_word_next(&k, false, &other));
    return lk_word_likeness(&one, &other);
}

static void test_likeness(void **state)
{
    (void)state;
    assert_int_equal(likeness("dashboards", "dashboard"), LK_SAME);
    assert_int_equal(likeness("dash", "dashboard"), LK_LIKE);
    assert_int_equal(likeness("schedule", "scheduled"), LK_LIKE);
    assert_int_equal(likeness("validation", "validate"), LK_LIKE);
    assert_int_equal(likeness("da", "dashboard"), LK_UNLIKE);
    assert_int_equal(likeness("content", "connection"), LK_UNLIKE);
    assert_int_equal(likeness("username", "user"), LK_UNLIKE);
}

/* ---- search_operations ---- */

static void test_search(void **state)
{
    (void)state;
    struct lk_str answer = run_tool("search_operations", "{\"text\":\"kill a running query\"}");
    assert_str(at(answer, "items/0/operation"), "\"kill_query\"");
    assert_str(at(answer, "items/0/access"), "\"write\"");
    answer = run_tool("search_operations", "{\"text\":\"login\",\"tag\":\"apiauth\"}");
    assert_str(at(answer, "items/0/access"), "\"never\"");
    answer = run_tool("search_operations", "{\"text\":\"run inline query\",\"method\":\"POST\"}");
    assert_str(at(answer, "items/0/operation"), "\"run_inline_query\"");
    assert_str(at(answer, "items/0/access"), "\"read\"");
    assert_str(at(answer, "items/0/body"), "\"Query\"");
    answer = run_tool("search_operations", "{\"text\":\"start pdt build\",\"method\":\"GET\"}");
    assert_str(at(answer, "items/0/access"), "\"write\"");
    /* All words count, also the one that is in no id; and half a match is better than none. */
    answer = run_tool("search_operations", "{\"text\":\"user title\"}");
    assert_string_not_equal(lk_arena_cstr(fake_arena, at(answer, "items/0/operation")), "\"user\"");
    answer = run_tool("search_operations", "{\"text\":\"schedule owner\"}");
    assert_str(at(answer, "items/0/operation"), "\"scheduled_plan\"");
    answer = run_tool("search_operations", "{\"text\":\"xyzzy\"}");
    assert_str(at(answer, "total"), "0");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "hint")), "fewer");
    assert_contains(refused("search_operations", "{\"tag\":\"Nonsense\"}"), "tag");
    assert_contains(fake_error.detail, "RenderTask");
    assert_int_equal(fake_n_requests, 0);
}

static void test_search_pages(void **state)
{
    (void)state;
    struct lk_str all = run_tool("search_operations", "{\"limit\":500}");
    struct lk_str second = run_tool("search_operations", "{\"limit\":10,\"offset\":10}");
    assert_str(at(second, "next_offset"), "20");
    assert_str(at(second, "items/0/operation"),
               lk_arena_cstr(fake_arena, at(all, "items/10/operation")));
    fake_context.max_result_bytes = 1000;
    struct lk_str cut = run_tool("search_operations", "{\"limit\":500}");
    assert_true(cut.len < 1500);
    assert_str(at(cut, "truncated/limit"), "1000");
    assert_str(at(cut, "next_offset"), lk_arena_cstr(fake_arena, at(cut, "count")));
}

/* ---- describe_operation ---- */

static void test_describe(void **state)
{
    (void)state;
    struct lk_str answer =
        run_tool("describe_operation", "{\"operation\":\"create_dashboard_element\"}");
    assert_str(at(answer, "arguments/apply_filters"), "\"boolean, in query\"");
    assert_str(at(answer, "body/types/DashboardElement/title"), "\"string\"");
    assert_str(at(answer, "body/types/DashboardElement/id"), "(absent)");
    assert_str(at(answer, "answer/types/DashboardElement/id"), "\"string\"");
    assert_str(at(answer, "answer/types/Query"), "(absent)");

    answer = run_tool("describe_operation", "{\"operation\":\"create_query\",\"part\":\"body\"}");
    assert_str(at(answer, "body/types/Query/model"), "\"string, required\"");
    assert_str(at(answer, "arguments"), "(absent)");
    answer = run_tool("describe_operation", "{\"operation\":\"look\",\"part\":\"arguments\"}");
    assert_str(at(answer, "arguments/look_id"), "\"string, in path, required\"");
    answer = run_tool("describe_operation", "{\"operation\":\"create_query\",\"depth\":0}");
    assert_str(at(answer, "body/types"), "(absent)");
    answer = run_tool("describe_operation", "{\"operation\":\"update_project_file\"}");
    assert_str(at(answer, "workspace"), "\"dev\"");
    assert_str(at(answer, "origin"), "\"observed\"");
    assert_str(at(answer, "body/types/ProjectFileContent/path"), "\"string, required\"");
}

static void test_describe_the_odd_ones(void **state)
{
    (void)state;
    struct lk_str answer =
        run_tool("describe_operation", "{\"operation\":\"parse_saml_idp_metadata\"}");
    assert_str(at(answer, "body/type"), "\"string\"");
    assert_str(at(answer, "body/media"), "[\"text/plain\"]");
    assert_str(at(answer, "access"), "\"read\"");
    answer = run_tool("describe_operation", "{\"operation\":\"render_task_results\"}");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "answer/media")), "application/pdf");
    answer = run_tool("describe_operation", "{\"operation\":\"logout\"}");
    assert_str(at(answer, "access"), "\"never\"");
    /* A PATCH wants nothing of its own fields. */
    answer = run_tool("describe_operation",
                      "{\"operation\":\"update_user_attribute\",\"part\":\"body\"}");
    assert_null(strstr(lk_arena_cstr(fake_arena, at(answer, "body/types")), "required"));
}

/* Types that hold each other end, and what does not fit is said. */
static void test_describe_deeply(void **state)
{
    (void)state;
    struct lk_str answer = run_tool(
        "describe_operation", "{\"operation\":\"dashboard\",\"depth\":8,\"part\":\"answer\"}");
    assert_str(at(answer, "truncated"), "(absent)");
    assert_str(at(answer, "answer/types/Query/model"), "\"string\"");
    fake_context.max_result_bytes = 2000;
    answer = run_tool("describe_operation",
                      "{\"operation\":\"dashboard\",\"depth\":8,\"part\":\"answer\"}");
    assert_true(answer.len < 4500);
    assert_str(at(answer, "answer/truncated/limit"), "2000");
    assert_str(at(answer, "answer/types/Dashboard/id"), "\"string\"");
    assert_contains(refused("describe_operation", "{\"operation\":\"dashbord\"}"), "\"dashboard\"");
}

/* ---- call_operation: before anything is sent ---- */

static void test_what_changes_something_needs_leave(void **state)
{
    static const char *const writes[] = {"create_look",     "update_look",  "delete_look",
                                         "start_pdt_build", "create_query", "run_sql_query",
                                         "delete_project"};
    static const char *const never[] = {"login", "login_user", "logout", "update_session"};
    char arguments[100];

    (void)state;
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        snprintf(arguments, sizeof(arguments), "{\"operation\":\"%s\"}", writes[i]);
        assert_contains(refused("call_operation", arguments), "LOOKER_API_ALLOW_WRITES=true");
        assert_int_equal(fake_error.kind, LK_ERROR_UNSUPPORTED);
    }
    for (int allowed = 0; allowed < 2; allowed++) {
        fake_context.api_allow_writes = allowed;
        for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
            snprintf(arguments, sizeof(arguments),
                     "{\"operation\":\"%s\",\"arguments\":{\"user_id\":\"2\"}}", never[i]);
            assert_contains(refused("call_operation", arguments), "never");
        }
    }
    fake_context.api_allow_writes = false;
    fake_answers("POST /queries/run/json", "[]");
    run_tool("call_operation", "{\"operation\":\"run_inline_query\",\"arguments\":{"
                               "\"result_format\":\"json\"},\"body\":{\"model\":\"m\","
                               "\"view\":\"v\"}}");
}

static void test_a_query_that_builds_tables_needs_leave(void **state)
{
#define RUN(value)                                                                                 \
    "{\"operation\":\"run_look\",\"arguments\":{\"look_id\":\"1\",\"result_format\":\"json\","     \
    "\"rebuild_pdts\":" value "}}"
    (void)state;
    assert_contains(refused("call_operation", RUN("true")), "LOOKER_API_ALLOW_WRITES=true");
    assert_int_equal(fake_error.kind, LK_ERROR_UNSUPPORTED);
    fake_answers("GET /looks/1/run/json", "[]");
    run_tool("call_operation", RUN("false"));
    allow_writes();
    fake_answers("GET /looks/1/run/json", "[]");
    run_tool("call_operation", RUN("true"));
    assert_str(at(run_tool("describe_operation", "{\"operation\":\"run_look\"}"), "write_if"),
               "\"rebuild_pdts\"");
}

/* What goes to the dev workspace has its lease, by what the row says of the operation. */
static void test_the_dev_workspace_is_taken(void **state)
{
    static const struct {
        const char *arguments, *project;
        int how; /* 0: it stays in production */
        bool sets;
    } cases[] = {
        {"{\"operation\":\"me\"}", "", 0, false},
        {"{\"operation\":\"me\",\"dev_mode\":true}", "", LK_WORKSPACE_HOLD, false},
        {"{\"operation\":\"git_branch\",\"dev_mode\":true,\"arguments\":{\"project_id\":\"p\"}}",
         "p", LK_WORKSPACE_HOLD, false},
        {"{\"operation\":\"update_git_branch\",\"arguments\":{\"project_id\":\"p\"},\"body\":{"
         "\"name\":\"b\"}}",
         "p", LK_WORKSPACE_ALONE, true},
        {"{\"operation\":\"reset_project_to_remote\",\"arguments\":{\"project_id\":\"p\"}}", "p",
         LK_WORKSPACE_ALONE, false},
    };

    (void)state;
    allow_writes();
    fake_answers("GET /user", "{}");
    fake_answers("GET /projects/p/git_branch", "{}");
    fake_answers("PUT /projects/p/git_branch", "{}");
    fake_answers("POST /projects/p/reset_to_remote", "{}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned before = fake_n_stays;

        run_tool("call_operation", cases[i].arguments);
        assert_int_equal(fake_n_stays - before, cases[i].how != 0);
        if (cases[i].how == 0)
            continue;
        assert_int_equal(fake_stay.how, cases[i].how);
        assert_int_equal(fake_stay.sets_branch, cases[i].sets);
        assert_str(fake_stay.project, cases[i].project);
    }
}

static void test_wrong_arguments(void **state)
{
    (void)state;
    allow_writes();
#define CALL(operation, more) "{\"operation\":\"" operation "\"" more "}"
    assert_contains(refused("call_operation", CALL("look", "")), "\"look_id\"");
    assert_contains(refused("call_operation", CALL("look", ",\"arguments\":{\"id\":\"1\"}")),
                    "unknown argument \"id\"");
    assert_contains(refused("call_operation", CALL("all_looks", ",\"arguments\":{\"fields\":[]}")),
                    "fields: expected a string");
    assert_contains(refused("call_operation", CALL("look", ",\"arguments\":{\"look_id\":\"..\"}")),
                    "look_id");
    assert_contains(refused("call_operation", CALL("versions", ",\"arguments\":{\"x\":1}")),
                    "\"x\"");
    assert_contains(refused("call_operation", CALL("me", ",\"body\":{}")), "takes none");
}

static void test_wrong_bodies(void **state)
{
    (void)state;
    allow_writes();
    assert_contains(refused("call_operation", CALL("create_query", "")), "needs a body");
#define BODY(operation, body) CALL(operation, ",\"body\":" body)
    assert_string_equal(refused("call_operation", BODY("create_query", "{\"model\":\"m\"}")),
                        "missing required field \"view\" in body: a string");
    assert_contains(refused("call_operation", BODY("create_query", "{\"id\":\"1\"}")),
                    "body.id: is read-only");
    const char *message = refused("call_operation", BODY("create_look", "{\"tite\":\"1\"}"));
    assert_contains(message, "unknown field \"tite\" in body; did you mean \"title\"?");
    assert_null(strstr(message, "embed_url")); /* read-only: not among what is known */
    assert_contains(
        refused("call_operation", BODY("create_look", "{\"title\":\"a\",\"title\":\"b\"}")),
        "body");
    assert_contains(refused("call_operation",
                            BODY("create_merge_query", "{\"source_queries\":[{\"name\":1.5}]}")),
                    "body.source_queries[0].name: expected a string");
    assert_contains(
        refused("call_operation",
                BODY("set_role_users\",\"arguments\":{\"role_id\":\"1\"},\"x\":\"", "{}")),
        "unknown argument \"x\"");
#define USERS(body) CALL("set_role_users", ",\"arguments\":{\"role_id\":\"1\"},\"body\":" body)
    assert_contains(refused("call_operation", USERS("{\"value\":[1],\"more\":1}")), "{\"value\"");
    assert_contains(refused("call_operation", USERS("{\"value\":\"1\"}")),
                    "body: expected a list of strings");
    assert_contains(refused("call_operation", USERS("{\"value\":[true]}")), "body[0]");
    assert_contains(refused("call_operation", USERS("{\"value\":null}")), "body");
}

static void test_wrong_fields(void **state)
{
    (void)state;
#define FIELDS(text) CALL("me", ",\"fields\":\"" text "\"")
    assert_contains(refused("call_operation", FIELDS("")), "missing at the end");
    assert_contains(refused("call_operation", FIELDS("id,,email")), "missing at \",email\"");
    assert_contains(refused("call_operation", FIELDS("id,id")), "named twice");
    assert_contains(refused("call_operation", FIELDS("id}")), "comma is missing at \"}\"");
    assert_contains(refused("call_operation", FIELDS("credentials_email{email")), "}");
    assert_contains(refused("call_operation", FIELDS("credentials_email(email}")), ")");
    assert_contains(refused("call_operation", FIELDS("credentials_email{nope}")), "nope");
    assert_contains(refused("call_operation", FIELDS("email{x}")), "{x}");
    assert_contains(refused("call_operation", FIELDS("emial")), "\"email\"");
    char deep[400] =
        "{\"operation\":\"run_inline_query\",\"arguments\":{\"result_format\":\"json\"},"
        "\"body\":{\"model\":\"m\",\"view\":\"v\"},\"fields\":\"";
    for (int i = 0; i < 40; i++)
        strcat(deep, "a{");
    strcat(deep, "\"}");
    assert_contains(refused("call_operation", deep), "too many braces");
    assert_contains(
        refused("call_operation", CALL("content_thumbnail", ",\"arguments\":{\"type\":"
                                                            "\"look\",\"resource_id\":"
                                                            "\"1\"},\"fields\":\"id\"")),
        "none to choose from");
}

/* ---- call_operation: what is sent ---- */

static void test_what_is_sent(void **state)
{
    (void)state;
    allow_writes();
    fake_answers("PATCH /looks/7", "{\"id\":\"7\",\"title\":\"t\",\"folder\":{\"id\":\"1\"}}");
    struct lk_str answer =
        run_tool("call_operation", CALL("update_look", ",\"arguments\":{\"look_id\":7},\"body\":{"
                                                       "\"title\":\"t\",\"description\":null},"
                                                       "\"fields\":\"id, folder{id}\""));
    assert_string_equal(fake_requests[0], "PATCH /looks/7?fields=folder%28id%29%2Cid "
                                          "{\"description\":null,\"title\":\"t\"}");
    assert_str(answer, "{\"operation\":\"update_look\",\"status\":200,\"answer\":{\"id\":\"7\","
                       "\"folder\":{\"id\":\"1\"}}}");

    /* `fields` of Looker's own is the caller's, if given. */
    fake_answers("GET /looks/7", "{\"id\":\"7\"}");
    run_tool("call_operation", CALL("look", ",\"arguments\":{\"look_id\":\"7\",\"fields\":\"id\"},"
                                            "\"fields\":\"id,title\""));
    assert_string_equal(fake_requests[1], "GET /looks/7?fields=id");

    fake_answers("PUT /roles/2/users", "[]");
    run_tool("call_operation", CALL("set_role_users", ",\"arguments\":{\"role_id\":\"2\"},"
                                                      "\"body\":{\"value\":[3,\"4\"]}"));
    assert_string_equal(fake_requests[2], "PUT /roles/2/users [\"3\",\"4\"]");

    fake_answers("POST /parse_saml_idp_metadata", "{}");
    run_tool("call_operation", BODY("parse_saml_idp_metadata", "{\"value\":\"<xml/>\"}"));
    assert_string_equal(fake_requests[3], "POST /parse_saml_idp_metadata <xml/>");

    /* Bodies that are nothing but read-only fields. */
    fake_answers("POST /groups/1/users", "{}");
    run_tool("call_operation", CALL("add_group_user", ",\"arguments\":{\"group_id\":\"1\"},"
                                                      "\"body\":{\"user_id\":5}"));
    assert_string_equal(fake_requests[4], "POST /groups/1/users {\"user_id\":\"5\"}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_words),
        TEST(test_likeness),
        TEST(test_search),
        TEST(test_search_pages),
        TEST(test_describe),
        TEST(test_describe_the_odd_ones),
        TEST(test_describe_deeply),
        TEST(test_what_changes_something_needs_leave),
        TEST(test_a_query_that_builds_tables_needs_leave),
        TEST(test_the_dev_workspace_is_taken),
        TEST(test_wrong_arguments),
        TEST(test_wrong_bodies),
        TEST(test_wrong_fields),
        TEST(test_what_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
