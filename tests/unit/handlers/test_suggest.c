/*
 * suggest_field_values: Looker's suggestions, and what is said or done when it has none.
 */
#include "fake_looker.h"

#define OF(field) "{\"model_name\":\"m\",\"explore_name\":\"o\",\"field_name\":\"" field "\""
#define ROUTE(field) "GET /models/m/views/o/fields/" field "/suggestions"
#define EXPLORE "GET /lookml_models/m/explores/o"
#define NONE "{\"suggestions\":[],\"error\":null,\"hit_limit\":false}"

static const char explore[] =
    "{\"fields\":{\"dimensions\":[{\"name\":\"u.state\",\"suggestable\":true,"
    "\"suggest_explore\":\"o\",\"suggest_dimension\":\"u.state\"},"
    "{\"name\":\"u.age\",\"suggestable\":false},"
    "{\"name\":\"u.st\",\"suggestable\":true,\"suggest_explore\":\"states\","
    "\"suggest_dimension\":\"states.code\"},"
    "{\"name\":\"u.size\",\"suggestions\":[\"S\",\"M\",\"Small\"]}],"
    "\"filters\":null,\"parameters\":[{\"name\":\"o.frame\",\"suggestions\":[],\"enumerations\":["
    "{\"label\":\"Day\",\"value\":\"day\"},{\"label\":\"Week\",\"value\":\"week\"},{\"label\":"
    "\"?\"}]}],\"measures\":[{\"name\":\"o.count\"}]}}";

static struct lk_str hint(const char *arguments)
{
    struct lk_str answer = run_tool("suggest_field_values", arguments);

    assert_str(at(answer, "count"), "0");
    assert_str(at(answer, "hit_limit"), "false");
    return lk_str(lk_arena_cstr(fake_arena, at(answer, "hint")));
}

static void test_values(void **state)
{
    (void)state;
    fake_answers(ROUTE("u.state"), "{\"suggestions\":[\"CA\",null,\"N\\\"Y\",\"TX\"],\"error\":"
                                   "null,\"hit_limit\":true}");
    assert_str(run_tool("suggest_field_values", OF("u.state") "}"),
               "{\"count\":3,\"total\":3,\"items\":[\"CA\",\"N\\\"Y\",\"TX\"],\"hit_limit\":true}");
    assert_string_equal(fake_requests[0], ROUTE("u.state"));
    struct lk_str page = run_tool("suggest_field_values",
                                  OF("u.state") ",\"term\":\"a b\",\"filters\":{\"u.c\":\"US,UK\"},"
                                                "\"limit\":1,\"offset\":1}");
    assert_str(at(page, "items"), "[\"N\\\"Y\"]");
    assert_str(at(page, "next_offset"), "2");
    assert_string_equal(fake_requests[1],
                        ROUTE("u.state") "?filters=%7B%22u.c%22%3A%22US%2CUK%22%7D&term=a%20b");
}

static void test_values_of_the_model(void **state)
{
    (void)state;
    fake_answers(ROUTE("o.frame"), NONE);
    fake_fails(ROUTE("u.size"), 400, "not suggestable");
    fake_answers(EXPLORE, explore);
    assert_str(run_tool("suggest_field_values", OF("o.frame") "}"),
               "{\"count\":2,\"total\":2,\"items\":[\"day\",\"week\"],\"hit_limit\":false}");
    assert_contains(fake_requests[1], "measures%28name%29");
    /* Looker has not looked for the term in them. */
    struct lk_str answer = run_tool("suggest_field_values", OF("u.size") ",\"term\":\"s\"}");
    assert_str(at(answer, "items"), "[\"S\",\"Small\"]");
    assert_contains(hint(OF("u.size") ",\"term\":\"x\"}").ptr, "none of its values");
}

static void test_another_field_has_them(void **state)
{
    (void)state;
    fake_answers(ROUTE("u.st"), NONE);
    fake_answers(EXPLORE, explore);
    fake_answers("GET /models/m/views/states/fields/states.code/suggestions",
                 "{\"suggestions\":[\"CA\"]}");
    assert_str(at(run_tool("suggest_field_values", OF("u.st") ",\"term\":\"c\"}"), "items"),
               "[\"CA\"]");
    assert_contains(fake_requests[2], "states.code/suggestions?term=c");
    fake_scripts[2].body = NONE;
    assert_contains(hint(OF("u.st") "}").ptr, "query the field alone");
    fake_scripts[2].status = 500;
    assert_int_equal(refuse_tool("suggest_field_values", OF("u.st") "}")->status, 500);
}

static void test_why_there_are_none(void **state)
{
    (void)state;
    fake_answers(EXPLORE, explore);
    fake_answers(ROUTE("u.age"), NONE);
    fake_answers(ROUTE("u.state"), NONE);
    fake_answers(ROUTE("o.count"), "{\"suggestions\":null}");
    assert_contains(hint(OF("u.age") "}").ptr, "suggestable is false");
    assert_contains(hint(OF("o.count") "}").ptr, "a measure");
    assert_contains(hint(OF("u.state") "}").ptr, "query the field alone");
    assert_contains(hint(OF("u.state") ",\"term\":\"zz\"}").ptr, "leave out term");
    assert_contains(hint(OF("u.state") ",\"filters\":{\"u.age\":\"1\"}}").ptr, "leave out term");
}

static void test_wrong_names(void **state)
{
    (void)state;
    const struct lk_error *err = refuse_tool("suggest_field_values", OF("u.stat") "}");
    assert_contains(err->message, "no explore \"o\" in model \"m\"");
    assert_int_equal(err->status, 404);
    fake_answers(EXPLORE, explore);
    err = refuse_tool("suggest_field_values", OF("u.stat") "}");
    assert_int_equal(err->kind, LK_ERROR_ARGUMENT);
    assert_contains(err->message, "no field \"u.stat\"; did you mean \"u.state\"");
    /* The name is right, and Looker still says no: in its own words. */
    fake_fails(ROUTE("u.state"), 403, "not allowed");
    err = refuse_tool("suggest_field_values", OF("u.state") "}");
    assert_int_equal(err->status, 403);
    assert_string_equal(err->detail, "not allowed");
    fake_answers(ROUTE("u.age"), "{\"suggestions\":[],\"error\":\"relation gone\"}");
    err = refuse_tool("suggest_field_values", OF("u.age") "}");
    assert_int_equal(err->kind, LK_ERROR_UPSTREAM);
    assert_string_equal(err->detail, "relation gone");
    /* Nothing else is asked when nobody answers as one. */
    fake_refuses(ROUTE("u.st"), 401);
    fake_n_requests = 0;
    assert_int_equal(refuse_tool("suggest_field_values", OF("u.st") "}")->kind, LK_ERROR_AUTH);
    assert_int_equal(fake_n_requests, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values),
        TEST(test_values_of_the_model),
        TEST(test_another_field_has_them),
        TEST(test_why_there_are_none),
        TEST(test_wrong_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
