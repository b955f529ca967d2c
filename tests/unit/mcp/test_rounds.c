/*
 * Asking the caller's user in rounds: what is asked, what comes back, and state that nobody can
 * change or use for something else.
 */
#include "harness.h"

#define ALL "{\"elicitation\":{},\"sampling\":{},\"roots\":{}}"

/* A tools/call by a client with these capabilities; more: further members of params, or "". */
static const char *call_with(void **state, const char *tool, const char *capabilities,
                             const char *more)
{
    struct world *world = *state;
    char *meta, *members;

    assert_true(asprintf(&meta, MODERN_META_WITH("%s", ""), capabilities) > 0);
    assert_true(asprintf(&members, "\"name\":\"test_%s\",\"arguments\":{}%s", tool, more) > 0);
    ask_with(world, meta, "tools/call", members);
    free(meta);
    free(members);
    return world->body;
}

/* The requestState of the last answer, as it stands in the JSON. */
static char *state_of(void **state)
{
    static const char key[] = "\"requestState\":\"";
    const char *from = strstr(((struct world *)*state)->body, key), *to;

    assert_non_null(from);
    from += sizeof(key) - 1;
    for (to = from; *to != '"'; to++)
        to += *to == '\\';
    return strndup(from, (size_t)(to - from));
}

static const char *answer_with(void **state, const char *tool, const char *answers,
                               const char *request_state)
{
    char *more;

    assert_true(asprintf(&more, ",\"inputResponses\":%s,\"requestState\":\"%s\"", answers,
                         request_state) > 0);
    call_with(state, tool, ALL, more);
    free(more);
    return ((struct world *)*state)->body;
}

static void a_question_is_a_result(void **state)
{
    assert_string_equal(
        call_with(state, "input_required_result_elicitation", ALL, ""),
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"resultType\":\"input_required\","
        "\"inputRequests\":{\"user_name\":{\"method\":\"elicitation/create\",\"params\":{\"mode\":"
        "\"form\",\"message\":\"What is your name?\",\"requestedSchema\":{\"type\":\"object\","
        "\"properties\":{\"name\":{\"type\":\"string\"}},\"required\":[\"name\"]}}}},\"_meta\":{"
        "\"io.modelcontextprotocol/serverInfo\":{\"name\":\"fixture\",\"title\":\"The "
        "\\\"fixture\\\"\",\"version\":\"1.2.3\"}}}}");
    assert_contains(
        call_with(state, "input_required_result_multiple_inputs", ALL, ""),
        "\"client_roots\":{\"method\":\"roots/list\",\"params\":{}}},\"requestState\":\"");
}

static void an_answer_ends_it(void **state)
{
    assert_contains(call_with(state, "input_required_result_elicitation", ALL,
                              ",\"inputResponses\":{\"other\":{},\"user_name\":{\"action\":"
                              "\"accept\"}}"),
                    "\\\"answers\\\":{\\\"user_name\\\":{\\\"action\\\":\\\"accept\\\"}}");
    assert_contains(((struct world *)*state)->body, "\"resultType\":\"complete\"");
    /* An answer to something else is asked for again. */
    assert_contains(call_with(state, "input_required_result_elicitation", ALL,
                              ",\"inputResponses\":{\"wrong\":{}}"),
                    "input_required");
}

static void malformed_answers_are_refused(void **state)
{
    static const char *const cases[] = {
        ",\"inputResponses\":null",
        ",\"inputResponses\":[]",
        ",\"inputResponses\":\"{}\"",
        ",\"inputResponses\":{\"user_name\":12345}",
        ",\"inputResponses\":{\"user_name\":{},\"other\":null}",
        ",\"inputResponses\":{},\"inputResponses\":{\"user_name\":{}}",
        ",\"requestState\":7",
        ",\"requestState\":null",
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_contains(call_with(state, "input_required_result_elicitation", ALL, cases[i]),
                        "\"error\":{\"code\":-32602");
}

static void a_client_that_cannot_is_told(void **state)
{
    static const char *const lacking[] = {"{}", "{\"elicitation\":{},\"roots\":{}}"};

    for (size_t i = 0; i < 2; i++) {
        assert_contains(call_with(state, "missing_capability", lacking[i], ""),
                        "\"error\":{\"code\":-32021,");
        assert_contains(((struct world *)*state)->body,
                        "\"data\":{\"requiredCapabilities\":{\"sampling\":{}}}}}");
        assert_int_equal(((struct world *)*state)->status, 400);
    }
    /* Before 2026-07-28 nobody can. */
    ask_legacy(*state, "tools/call", "\"name\":\"test_missing_capability\"");
    assert_contains(((struct world *)*state)->body, "\"isError\":true");
    assert_contains(((struct world *)*state)->body, "sampling/createMessage");
}

static void only_what_the_client_can(void **state)
{
    const char *body =
        call_with(state, "input_required_result_capabilities", "{\"sampling\":{}}", "");

    assert_contains(body, "sampling/createMessage");
    assert_lacks(body, "elicitation");
    assert_lacks(body, "roots");
}

static void state_comes_back(void **state)
{
    char *sealed;

    call_with(state, "input_required_result_request_state", ALL, "");
    sealed = state_of(state);
    assert_contains(
        answer_with(state, "input_required_result_request_state", "{\"confirm\":{}}", sealed),
        "\\\"state\\\":\\\"state-ok\\\"");
    free(sealed);
}

static void state_of_several_rounds(void **state)
{
    char *first, *second;

    call_with(state, "input_required_result_multi_round", ALL, "");
    first = state_of(state);
    assert_contains(answer_with(state, "input_required_result_multi_round",
                                "{\"step1\":{\"name\":\"A \\\"b\\\"\\n\"}}", first),
                    "\"step2\":");
    second = state_of(state);
    assert_string_not_equal(first, second);
    assert_contains(
        answer_with(state, "input_required_result_multi_round", "{\"step2\":{}}", second),
        "\\\"state\\\":\\\"{\\\\\\\"name\\\\\\\":\\\\\\\"A");
    free(first);
    free(second);
}

static void changed_state_is_refused(void **state)
{
    static const char tool[] = "input_required_result_tampered_state";
    char *sealed, *changed;
    size_t len;

    call_with(state, tool, ALL, "");
    sealed = state_of(state);
    len = strlen(sealed);
    for (size_t i = 0; i < len; i++) {
        changed = strdup(sealed);
        if (changed[i] == '\\' || (i > 0 && changed[i - 1] == '\\')) {
            free(changed);
            continue;
        }
        changed[i] = changed[i] == '1' ? '2' : '1';
        assert_contains(answer_with(state, tool, "{\"confirm\":{}}", changed),
                        "\"error\":{\"code\":-32602,");
        free(changed);
    }
    assert_true(asprintf(&changed, "%s-TAMPERED", sealed) > 0);
    assert_contains(answer_with(state, tool, "{\"confirm\":{}}", changed), "\"code\":-32602");
    free(changed);
    assert_contains(answer_with(state, tool, "{\"confirm\":{}}", ""), "\"code\":-32602");
    assert_contains(answer_with(state, tool, "{\"confirm\":{}}", "9.x.y"), "\"code\":-32602");
    /* Of another request, and not of this one. */
    assert_contains(
        answer_with(state, "input_required_result_request_state", "{\"confirm\":{}}", sealed),
        "\"code\":-32602");
    assert_contains(answer_with(state, tool, "{\"confirm\":{}}", sealed),
                    "\"resultType\":\"complete\"");
    free(sealed);
}

/* What is signed and out of date. */
static void old_state_is_refused(void **state)
{
    char text[200], sealed[300], *at = sealed;
    unsigned char mac[32];
    static const char about[] =
        "\ntools/call\n40\ntest_input_required_result_request_state\n2\n{}\n";

    for (int late = 0; late < 2; late++) {
        const char *expiry = late == 1 ? "1000000000" : "99999999999";
        int len = snprintf(text, sizeof(text), "%s\n8\nstate-ok%s", expiry, about);

        world_seal(NULL, lk_str_n(text, (size_t)len), mac);
        at = sealed + sprintf(sealed, "%s.", expiry);
        for (size_t i = 0; i < 32; i++)
            at += sprintf(at, "%02x", mac[i]);
        strcpy(at, ".state-ok");
        assert_contains(
            answer_with(state, "input_required_result_request_state", "{\"confirm\":{}}", sealed),
            late == 1 ? "\"code\":-32602" : "\"resultType\":\"complete\"");
    }
}

/* Somebody else's state is of no use. */
static void state_belongs_to_its_caller(void **state)
{
    static const char *const subjects[] = {"ada", "bob", "ada"};
    struct world *world = *state;
    char *sealed = NULL;

    for (int i = 0; i < 3; i++) {
        struct mcp_caller caller = {.subject = lk_str(subjects[i])};
        struct mcp_inbound inbound = {
            .peer = &world->peer, .caller = &caller, .reply = world_reply, .arg = world};
        char *members, *text;
        int before = world->n_replies;

        assert_true(
            asprintf(&members,
                     "\"name\":\"test_input_required_result_request_state\",\"arguments\":{}"
                     "%s%s%s",
                     sealed != NULL ? ",\"inputResponses\":{\"confirm\":{}},"
                                      "\"requestState\":\""
                                    : "",
                     sealed != NULL ? sealed : "", sealed != NULL ? "\"" : "") > 0);
        text = request_text("tools/call", MODERN_META_WITH(ALL, ""), members);
        inbound.body = lk_str(text);
        mcp_server_receive(world->server, &inbound, NULL);
        wait_replies(world, before + 1);
        if (sealed == NULL)
            sealed = state_of(state);
        else
            assert_contains(world->body,
                            i == 1 ? "\"code\":-32602" : "\"resultType\":\"complete\"");
        free(members);
        free(text);
    }
    free(sealed);
}

static void prompts_and_resources_ask_too(void **state)
{
    struct world *world = *state;
    const char *meta = MODERN_META_WITH(ALL, "");

    assert_contains(
        ask_with(world, meta, "prompts/get", "\"name\":\"test_input_required_result_prompt\""),
        "\"inputRequests\":{\"user_context\":");
    assert_contains(ask_with(world, meta, "prompts/get",
                             "\"name\":\"test_input_required_result_prompt\",\"inputResponses\":{"
                             "\"user_context\":{\"action\":\"decline\"}}"),
                    "\"messages\":[");
    assert_contains(ask_with(world, meta, "resources/read", "\"uri\":\"test://asking\""),
                    "\"inputRequests\":{\"why\":");
    assert_lacks(world->body, "ttlMs");
    assert_contains(ask_with(world, meta, "resources/read",
                             "\"uri\":\"test://asking\",\"inputResponses\":{\"why\":{}}"),
                    "\"contents\":[");
    assert_contains(ask_modern(world, "resources/read", "\"uri\":\"test://asking\""),
                    "\"code\":-32021");
}

/* Without a seal nothing is kept, and what a client makes up means nothing. */
static void no_seal_no_state(void **state)
{
    struct world *world = world_new(NULL);
    void *other = world;

    (void)state;
    assert_lacks(call_with(&other, "input_required_result_request_state", ALL, ""), "requestState");
    assert_contains(
        answer_with(&other, "input_required_result_request_state", "{\"confirm\":{}}", "made up"),
        "input_required");
    world_free(world);
}

#define OFFERS(test) cmocka_unit_test_setup_teardown(test, setup_offers, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OFFERS(a_question_is_a_result),        OFFERS(an_answer_ends_it),
        OFFERS(malformed_answers_are_refused), OFFERS(a_client_that_cannot_is_told),
        OFFERS(only_what_the_client_can),      OFFERS(state_comes_back),
        OFFERS(state_of_several_rounds),       OFFERS(changed_state_is_refused),
        OFFERS(old_state_is_refused),          OFFERS(state_belongs_to_its_caller),
        OFFERS(prompts_and_resources_ask_too), cmocka_unit_test(no_seal_no_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
