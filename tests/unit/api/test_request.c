/*
 * What goes over the wire for an operation: api/request.c over the real generated rows.
 */
#include "../with_arena.h"

#include "api/request.h"
#include "looker_ops.h"

#define ROOT LK_STR("https://looker.example.com/api/4.0")

static struct lk_wire_request build(struct lk_api_request request)
{
    struct lk_wire_request wire = {0};
    struct lk_error error = {0};

    if (!lk_request_build(arena, ROOT, request, &wire, &error))
        fail_msg("%s", error.message);
    return wire;
}

static struct lk_error refuse(struct lk_api_request request)
{
    struct lk_wire_request wire = {0};
    struct lk_error error = {0};

    assert_false(lk_request_build(arena, ROOT, request, &wire, &error));
    return error;
}

static void test_plain(void **state)
{
    struct lk_wire_request wire = build(looker_me(NULL));

    (void)state;
    assert_string_equal(wire.url, "https://looker.example.com/api/4.0/user");
    assert_null(wire.content_type);
}

static void test_path_segments_are_encoded(void **state)
{
    struct looker_find_git_branch_params params = {
        .project_id = lk_string(LK_STR("a b")),
        .branch_name = lk_string(LK_STR("feature/\xc3\xa9?#%")),
    };

    (void)state;
    assert_string_equal(build(looker_find_git_branch(&params)).url,
                        "https://looker.example.com/api/4.0/projects/a%20b/git_branch/"
                        "feature%2F%C3%A9%3F%23%25");
}

static void test_query_values(void **state)
{
    struct looker_run_query_params params = {
        .query_id = lk_string(LK_STR("12")),
        .result_format = lk_string(LK_STR("json")),
        .limit = lk_integer(-1),
        .cache = lk_boolean(false),
        .apply_vis = lk_boolean(true),
        .path_prefix = lk_string(LK_STR("a&b=c+d")),
    };

    (void)state;
    assert_string_equal(build(looker_run_query(&params)).url,
                        "https://looker.example.com/api/4.0/queries/12/run/json?apply_vis=true&"
                        "cache=false&limit=-1&path_prefix=a%26b%3Dc%2Bd");
}

static void test_null_and_absent_are_left_out(void **state)
{
    struct looker_run_query_params params = {
        .query_id = lk_string(LK_STR("12")),
        .result_format = lk_string(LK_STR("csv")),
        .limit = {.is = LK_NULL},
    };

    (void)state;
    assert_string_equal(build(looker_run_query(&params)).url,
                        "https://looker.example.com/api/4.0/queries/12/run/csv");
}

static void test_bad_path_values(void **state)
{
    static const char *const bad[] = {"",     ".",     "..",    "../users/5",
                                      "1/..", "1/./2", "..\\1", "1/../../users/5"};
    struct looker_user_params params = {0};

    (void)state;
    assert_int_equal(refuse(looker_user(NULL)).kind, LK_ERROR_ARGUMENT);
    assert_int_equal(refuse(looker_user(&params)).kind, LK_ERROR_ARGUMENT);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        params.user_id = lk_string(lk_str(bad[i]));
        assert_int_equal(refuse(looker_user(&params)).kind, LK_ERROR_ARGUMENT);
    }
    /* Dots that are not alone are a name like any other. */
    params.user_id = lk_string(LK_STR("..."));
    assert_string_equal(build(looker_user(&params)).url,
                        "https://looker.example.com/api/4.0/users/...");
    params.user_id = lk_string(LK_STR("a..b/.c/d."));
    assert_string_equal(build(looker_user(&params)).url,
                        "https://looker.example.com/api/4.0/users/a..b%2F.c%2Fd.");
}

static void test_json_body(void **state)
{
    struct lk_str fields[] = {LK_STR("orders.id"), LK_STR("orders.\"x\"")};
    struct looker_query query = {
        .model = lk_string(LK_STR("thelook")),
        .view = lk_string(LK_STR("orders")),
        .fields = {fields, 2, LK_PRESENT},
        .filters = lk_json(LK_STR("{\"orders.status\":\"a,b\"}")),
        .limit = {.is = LK_NULL},
    };
    struct lk_wire_request wire = build(looker_create_query(NULL, &query));

    (void)state;
    assert_string_equal(wire.content_type, "application/json");
    assert_str(wire.body, "{\"fields\":[\"orders.id\",\"orders.\\\"x\\\"\"],"
                          "\"filters\":{\"orders.status\":\"a,b\"},\"limit\":null,"
                          "\"model\":\"thelook\",\"view\":\"orders\"}");
}

static void test_form_body(void **state)
{
    struct looker_login_form form = {
        .client_id = lk_string(LK_STR("id")),
        .client_secret = lk_string(LK_STR("a&b =%")),
    };
    struct lk_wire_request wire = build(looker_login(&form));

    (void)state;
    assert_string_equal(wire.url, "https://looker.example.com/api/4.0/login");
    assert_string_equal(wire.content_type, "application/x-www-form-urlencoded");
    assert_str(wire.body, "client_id=id&client_secret=a%26b%20%3D%25");
}

static void test_missing_body(void **state)
{
    struct lk_error error = refuse(looker_create_query(NULL, NULL));

    (void)state;
    assert_int_equal(error.kind, LK_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "create_query"));
}

static void test_limits(void **state)
{
    static char text[LK_MAX_URL_BYTES + 1];
    struct looker_user_params params;
    struct looker_query query = {0};

    (void)state;
    memset(text, 'x', sizeof(text));
    params = (struct looker_user_params){.user_id = lk_string(lk_str_n(text, sizeof(text)))};
    assert_int_equal(refuse(looker_user(&params)).kind, LK_ERROR_LIMIT);
    query.model = lk_string(lk_str_n(calloc(1, LK_MAX_BODY_BYTES), LK_MAX_BODY_BYTES));
    assert_int_equal(refuse(looker_create_query(NULL, &query)).kind, LK_ERROR_LIMIT);
    free((char *)(uintptr_t)query.model.value.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_path_segments_are_encoded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_query_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_null_and_absent_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_path_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_json_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_form_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
