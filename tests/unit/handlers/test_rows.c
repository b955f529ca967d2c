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
        "POST /queries/run/json_detail",
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
    fake_answers("POST /queries/run/json_detail", body);
    fake_context.max_result_bytes = 2 * detail;
    assert_str(at(run_tool("query", DETAIL), "detail/fields/x"), "\"123456789\"");
    fake_context.max_result_bytes = 2 * detail - 1;
    assert_str(at(run_tool("query", DETAIL), "detail"), "(absent)");
}

/* The rows are not repeated in the detail, however their name is spelt. */
static void test_escaped_name_of_the_rows(void **state)
{
    (void)state;
    fake_answers("POST /queries/run/json_detail", "{\"d\\u0061ta\":[{\"v.a\":1}],\"i\\u0064\":1}");
    assert_str(run_tool("query", DETAIL),
               "{\"detail\":{\"i\\u0064\":1},\"count\":1,\"items\":[{\"v.a\":1}]}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_large_detail_leaves_room_for_the_rows),
        TEST(test_detail_takes_half_of_the_room),
        TEST(test_escaped_name_of_the_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
