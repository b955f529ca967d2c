/*
 * Prompts, and completion of their arguments and of the variables of resources.
 */
#include "harness.h"

static void the_list_has_arguments(void **state)
{
    const char *body = ask_modern(*state, "prompts/list", "");

    assert_contains(body, "\"result\":{\"prompts\":[{\"name\":\"test_simple_prompt\",\"title\":"
                          "\"Simple\",\"description\":\"Says one thing.\"},{\"name\":"
                          "\"test_prompt_with_arguments\",\"description\":\"Says its arguments.\","
                          "\"arguments\":[{\"name\":\"arg1\",\"title\":\"The first\","
                          "\"description\":\"First test argument\",\"required\":true},");
    assert_contains(body, "\"required\":false}");
    assert_contains(body,
                    "\"ttlMs\":3600000,\"cacheScope\":\"public\",\"resultType\":\"complete\"");
    assert_contains(ask_modern(*state, "prompts/list", "\"cursor\":\"1\""), "\"code\":-32602");
    ask_legacy(*state, "initialize", "\"protocolVersion\":\"2025-03-26\"");
    assert_lacks(ask_legacy(*state, "prompts/list", ""), "title");
}

static void a_prompt_is_messages(void **state)
{
    assert_string_equal(
        ask_legacy(*state, "prompts/get", "\"name\":\"test_simple_prompt\""),
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"description\":\"Says one thing.\","
        "\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"This is a "
        "simple prompt for testing.\"}}]}}");
    assert_contains(ask_modern(*state, "prompts/get",
                               "\"name\":\"test_prompt_with_arguments\",\"arguments\":{\"arg1\":"
                               "\"a\\\"b\",\"arg2\":\"\\u00e9\"}"),
                    "arg1='a\\\"b', arg2='\xc3\xa9'\"}}],\"resultType\":\"complete\"");
    assert_contains(ask_modern(*state, "prompts/get",
                               "\"name\":\"test_prompt_with_arguments\",\"arguments\":{\"arg1\":"
                               "\"a\",\"arg2\":\"b\",\"note\":\"\"}"),
                    "arg2='b' and a note");
    assert_contains(ask_legacy(*state, "prompts/get",
                               "\"name\":\"test_prompt_with_embedded_resource\",\"arguments\":{"
                               "\"resourceUri\":\"test://x\"}"),
                    "[{\"role\":\"user\",\"content\":{\"type\":\"resource\",\"resource\":{\"uri\":"
                    "\"test://x\",\"mimeType\":\"text/plain\",\"text\":\"Embedded");
    assert_contains(ask_legacy(*state, "prompts/get", "\"name\":\"test_prompt_with_image\""),
                    "{\"role\":\"assistant\",\"content\":{\"type\":\"image\",\"mimeType\":"
                    "\"image/png\",\"data\":\"iVBORw==\"}},{\"role\":\"user\"");
}

#define ARGUMENTS(text) "\"name\":\"test_prompt_with_arguments\",\"arguments\":" text

static void bad_prompts_are_refused(void **state)
{
    static const struct {
        const char *members, *part;
    } cases[] = {
        {"", "params.name must be a string"},
        {"\"name\":7", "params.name must be a string"},
        {"\"name\":\"no_such\"", "unknown prompt \\\"no_such\\\""},
        {"\"name\":\"test_prompt_with_arguments\"", "argument arg1 of the prompt"},
        {ARGUMENTS("[]"), "params.arguments must be an object"},
        {ARGUMENTS("{\"arg1\":\"a\"}"), "argument arg2 of the prompt"},
        {ARGUMENTS("{\"arg1\":\"a\",\"arg2\":\"  \"}"), "argument arg2 of the prompt"},
        {ARGUMENTS("{\"arg1\":\"a\",\"arg2\":7}"), "argument arg2: expected one string"},
        {ARGUMENTS("{\"arg1\":\"a\",\"arg1\":\"b\",\"arg2\":\"c\"}"),
         "argument arg1: expected one"},
        {ARGUMENTS("{\"arg1\":\"a\",\"arg2\":\"b\",\"arg3\":\"c\"}"), "unknown argument \\\"arg3"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_contains(ask_modern(*state, "prompts/get", cases[i].members), "\"code\":-32602");
        assert_contains(((struct world *)*state)->body, cases[i].part);
    }
}

static void a_long_argument_is_refused(void **state)
{
    static char members[9000 + 200];
    size_t len = (size_t)sprintf(members, ARGUMENTS("{\"arg1\":\"a\",\"arg2\":\""));

    memset(members + len, 'a', MCP_MAX_VALUE_BYTES + 1);
    strcpy(members + len + MCP_MAX_VALUE_BYTES + 1, "\"}");
    assert_contains(ask_legacy(*state, "prompts/get", members), "at most 8192 bytes");
    strcpy(members + len + MCP_MAX_VALUE_BYTES, "\"}");
    assert_contains(ask_legacy(*state, "prompts/get", members), "\"result\"");
}

static void failures_are_protocol_errors(void **state)
{
    assert_contains(
        ask_modern(*state, "prompts/get", ARGUMENTS("{\"arg1\":\"a\",\"arg2\":\"fail\"}")),
        "\"error\":{\"code\":-32603,\"message\":\"the peer said no\",\"data\":{\"error\":"
        "\"the peer said no\",\"kind\":\"upstream\"}}}");
    assert_contains(
        ask_modern(*state, "prompts/get", ARGUMENTS("{\"arg1\":\"a\",\"arg2\":\"silent\"}")),
        "\"code\":-32603");
}

/* ---- completion ---- */

#define PROMPT "\"ref\":{\"type\":\"ref/prompt\",\"name\":\"test_prompt_with_arguments\"}"
#define TYPED(name, value) ",\"argument\":{\"name\":\"" name "\",\"value\":\"" value "\"}"

static const char *complete(void **state, const char *members)
{
    return ask_modern(*state, "completion/complete", members);
}

/* What begins so comes first; doubles and what does not fit are left out. */
static void suggestions_are_ranked(void **state)
{
    assert_contains(complete(state, PROMPT TYPED("arg1", "test")),
                    "\"result\":{\"completion\":{\"values\":[\"testing\",\"test\",\"testValue1\","
                    "\"a test\"],\"total\":4,\"hasMore\":false},\"resultType\":\"complete\"");
    assert_contains(complete(state, PROMPT TYPED("arg1", "PAR")),
                    "[\"paris\",\"Parma\"],\"total\":2");
    assert_contains(complete(state, PROMPT TYPED("arg1", "zz")), "\"values\":[],\"total\":0");
    assert_contains(complete(state, PROMPT TYPED("arg1", "")), "\"total\":7");
}

static void a_hundred_at_most(void **state)
{
    const char *body = complete(state, PROMPT TYPED("arg2", "") ",\"context\":{\"arguments\":{"
                                                                "\"arg1\":\"x\"}}");

    assert_contains(body, "\"values\":[\"x-0\",");
    assert_contains(body, "\"x-99\"],\"total\":300,\"hasMore\":true}");
    assert_contains(complete(state, PROMPT TYPED("arg2", "-29")), "\"values\":[\"-29\",\"-290\",");
}

static void a_template_s_variables_too(void **state)
{
    assert_contains(complete(state, "\"ref\":{\"type\":\"ref/resource\",\"uri\":"
                                    "\"test://template/{id}/data\"}" TYPED("id", "lon")),
                    "\"values\":[\"london\"]");
    assert_contains(complete(state, "\"ref\":{\"type\":\"ref/resource\",\"uri\":"
                                    "\"test://template/x/data\"}" TYPED("id", "lon")),
                    "\"values\":[\"london\"]");
    /* One that nothing is known of. */
    assert_contains(complete(state, "\"ref\":{\"type\":\"ref/resource\",\"uri\":"
                                    "\"test://tree/{root}/{path}\"}" TYPED("path", "a")),
                    "\"values\":[],\"total\":0,\"hasMore\":false");
}

static void bad_completions_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        PROMPT,
        "\"ref\":{}" TYPED("arg1", ""),
        "\"ref\":[]" TYPED("arg1", ""),
        "\"ref\":\"ref/prompt\"" TYPED("arg1", ""),
        "\"ref\":{\"type\":\"ref/tool\",\"name\":\"echo\"}" TYPED("arg1", ""),
        "\"ref\":{\"type\":\"ref/prompt\"}" TYPED("arg1", ""),
        "\"ref\":{\"type\":\"ref/prompt\",\"name\":\"none\"}" TYPED("arg1", ""),
        "\"ref\":{\"type\":\"ref/resource\",\"name\":\"test_simple_prompt\"}" TYPED("arg1", ""),
        "\"ref\":{\"type\":\"ref/resource\",\"uri\":\"test://none/{id}\"}" TYPED("id", ""),
        PROMPT TYPED("arg9", ""),
        PROMPT ",\"argument\":{\"name\":\"arg1\"}",
        PROMPT ",\"argument\":{\"name\":\"arg1\",\"value\":7}",
        PROMPT ",\"argument\":\"arg1\"",
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_contains(complete(state, cases[i]), "\"code\":-32602");
        assert_contains(ask_legacy(*state, "completion/complete", cases[i]), "\"code\":-32602");
    }
}

static void what_fails_and_what_is_no_context(void **state)
{
    assert_contains(complete(state, PROMPT TYPED("arg2", "") ",\"context\":{\"arguments\":{"
                                                             "\"arg1\":\"fail\"}}"),
                    "\"code\":-32603,\"message\":\"the peer said no\"");
    assert_contains(complete(state, PROMPT TYPED("arg2", "") ",\"context\":{\"arguments\":{"
                                                             "\"arg1\":7}}"),
                    "\"values\":[\"-0\"");
    assert_contains(complete(state, PROMPT TYPED("arg2", "") ",\"context\":7"),
                    "\"values\":[\"-0\"");
}

static void completion_is_cancelled(void **state)
{
    struct world *world = *state;
    char *text = request_text("completion/complete", "", PROMPT TYPED("slow", ""));
    struct mcp_call *call = give(world, text);

    free(text);
    mcp_call_cancel(call);
    wait_replies(world, 1);
    assert_int_equal(world->context.n_cancelled, 1);
}

#define OFFERS(test) cmocka_unit_test_setup_teardown(test, setup_offers, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OFFERS(the_list_has_arguments),
        OFFERS(a_prompt_is_messages),
        OFFERS(bad_prompts_are_refused),
        OFFERS(a_long_argument_is_refused),
        OFFERS(failures_are_protocol_errors),
        OFFERS(suggestions_are_ranked),
        OFFERS(a_hundred_at_most),
        OFFERS(a_template_s_variables_too),
        OFFERS(bad_completions_are_refused),
        OFFERS(what_fails_and_what_is_no_context),
        OFFERS(completion_is_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
