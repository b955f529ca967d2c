/*
 * Schedules, connections and attribute values: what a caller gives as objects is checked, choices
 * are one of several, and what an update leaves out stays.
 */
#include "fake_steps.h"

#define PLAN "{\"id\":\"1\",\"name\":\"Pulse\",\"scheduled_plan_destination\":[]}"

static const char *body_of(const char *beginning)
{
    return strchr(request_of(beginning), '{');
}

/* ---- schedules ---- */

static void test_recipients_become_destinations(void **state)
{
    (void)state;
    fake_answers("POST /scheduled_plans", PLAN);
    run_tool("create_schedule",
             "{\"name\":\"Pulse\",\"dashboard_id\":7,\"crontab\":\"0 6 * * *\","
             "\"recipients\":[\"a@example.com\",\"b@example.com\"],"
             "\"destinations\":[{\"type\":\"s3\",\"address\":\"s3://x\",\"format\":\"csv\","
             "\"secret_parameters\":\"{}\"}]}");
    assert_string_equal(
        body_of("POST /scheduled_plans"),
        "{\"crontab\":\"0 6 * * *\",\"dashboard_id\":\"7\",\"name\":\"Pulse\","
        "\"scheduled_plan_destination\":["
        "{\"address\":\"a@example.com\",\"format\":\"wysiwyg_pdf\",\"type\":\"email\"},"
        "{\"address\":\"b@example.com\",\"format\":\"wysiwyg_pdf\",\"type\":\"email\"},"
        "{\"address\":\"s3://x\",\"format\":\"csv\",\"secret_parameters\":\"{}\","
        "\"type\":\"s3\"}]}");
}

static void test_an_update_keeps_what_it_does_not_name(void **state)
{
    (void)state;
    fake_answers("PATCH /scheduled_plans/1", PLAN);
    run_tool("update_schedule", "{\"schedule_id\":1,\"enabled\":false}");
    assert_string_equal(body_of("PATCH "), "{\"enabled\":false}");
    fake_forget();
    fake_answers("PATCH /scheduled_plans/1", PLAN);
    run_tool("update_schedule", "{\"schedule_id\":1,\"email_format\":\"csv\"}");
    assert_string_equal(body_of("PATCH "), "{}");
    fake_forget();
    fake_answers("PATCH /scheduled_plans/1", PLAN);
    run_tool("update_schedule", "{\"schedule_id\":1,\"crontab\":\"0 1 * * *\",\"query_id\":4}");
    assert_string_equal(body_of("PATCH "),
                        "{\"crontab\":\"0 1 * * *\",\"dashboard_id\":null,\"datagroup\":null,"
                        "\"look_id\":null,\"lookml_dashboard_id\":null,\"query_id\":\"4\"}");
}

static void test_schedules_that_cannot_be(void **state)
{
    static const struct {
        const char *tool, *arguments, *word;
    } rows[] = {
        {"create_schedule", "{\"name\":\"x\",\"crontab\":\"c\",\"recipients\":[\"a@b\"]}",
         "one of look_id, dashboard_id"},
        {"create_schedule",
         "{\"name\":\"x\",\"look_id\":1,\"query_id\":2,\"crontab\":\"c\",\"recipients\":[\"a@b\"]}",
         "only one of look_id"},
        {"create_schedule", "{\"name\":\"x\",\"look_id\":1,\"recipients\":[\"a@b\"]}",
         "one of crontab, datagroup"},
        {"create_schedule",
         "{\"name\":\"x\",\"look_id\":1,\"crontab\":\"c\",\"datagroup\":\"d\",\"recipients\":"
         "[\"a@b\"]}",
         "only one of crontab"},
        {"create_schedule", "{\"name\":\"x\",\"look_id\":1,\"crontab\":\"c\"}", "recipients"},
        {"create_schedule",
         "{\"name\":\"x\",\"look_id\":1,\"crontab\":\"c\",\"recipients\":[\"a@b\"],"
         "\"destinations\":[{\"type\":\"email\",\"address\":\"x\"}]}",
         "destinations[0]: type, address and format"},
        {"update_schedule",
         "{\"schedule_id\":\"1\",\"destinations\":[{\"type\":\"email\",\"address\":\"x\","
         "\"format\":\"csv\",\"looker_recipient\":true}]}",
         "destinations[0]: \"looker_recipient\" cannot be set"},
        {"update_schedule", "{\"schedule_id\":\"1\",\"destinations\":[{},{\"fromat\":\"csv\"}]}",
         "fromat"},
        {"update_schedule", "{\"schedule_id\":\"1\",\"look_id\":\"1\",\"query_id\":\"1\"}",
         "only one of look_id"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_contains(refuse_tool(rows[i].tool, rows[i].arguments)->message, rows[i].word);
        assert_int_equal(fake_error.kind, LK_ERROR_ARGUMENT);
        assert_int_equal(fake_n_requests, 0);
    }
    fake_fails("PATCH /scheduled_plans/9", 404, "Not found");
    assert_contains(refuse_tool("update_schedule", "{\"schedule_id\":\"9\"}")->message,
                    "list_schedules");
}

static void test_schedules_of_everybody_or_of_one(void **state)
{
    (void)state;
    fake_answers("GET /scheduled_plans/search", "[" PLAN "," PLAN "]");
    struct lk_str answer = run_tool("list_schedules", "{\"limit\":2,\"offset\":4}");
    assert_contains(fake_requests[0], "all_users=true");
    assert_json(answer, "next_offset", "6");
    run_tool("list_schedules", "{\"user_id\":3}");
    assert_contains(fake_requests[1], "user_id=3");
    assert_null(strstr(fake_requests[1], "all_users"));
    run_tool("list_schedules", "{\"all_users\":false}");
    assert_null(strstr(fake_requests[2], "all_users"));
    fake_forget();
    fake_fails("GET /scheduled_plans/search", 403, "No");
    assert_contains(refuse_tool("list_schedules", "{}")->message, "all_users false");
}

static void test_groups_are_listed_or_searched(void **state)
{
    (void)state;
    fake_answers("GET /groups", "[{\"id\":\"1\",\"name\":\"All\",\"can\":{\"show\":true}}]");
    struct lk_str answer = run_tool("list_groups", "{}");
    assert_json(answer, "items/0", "{\"id\":\"1\",\"name\":\"All\"}");
    assert_json(answer, "next_offset", "(absent)");
    fake_answers("GET /groups/search", "[]");
    run_tool("list_groups", "{\"name\":\"an\"}");
    assert_contains(fake_requests[1], "name=%25an%25");
}

/* ---- connections ---- */

#define CONNECTION                                                                                 \
    "{\"name\":\"w\",\"host\":\"h\",\"password\":\"hunter2\",\"certificate\":\"hunter2\"}"

static void test_secrets_never_come_back(void **state)
{
    (void)state;
    fake_answers("POST /connections", CONNECTION);
    struct lk_str answer =
        run_tool("create_connection", "{\"name\":\"w\",\"dialect_name\":\"postgres\",\"port\":5432,"
                                      "\"password\":\"hunter2\",\"pdt_context_override\":"
                                      "{\"context\":\"pdt\",\"port\":5433}}");
    assert_json(answer, "host", "\"h\"");
    assert_null(strstr(lk_arena_cstr(fake_arena, answer), "hunter2"));
    assert_contains(body_of("POST /connections"), "\"port\":\"5432\"");
    assert_contains(body_of("POST /connections"),
                    "\"pdt_context_override\":{\"context\":\"pdt\",\"port\":\"5433\"}");
    fake_answers("GET /connections/w", CONNECTION);
    answer = run_tool("get_connection", "{\"name\":\"w\"}");
    assert_null(strstr(lk_arena_cstr(fake_arena, answer), "hunter2"));
}

static void test_settings_are_emptied(void **state)
{
    (void)state;
    fake_answers("PATCH /connections/w", CONNECTION);
    run_tool("update_connection",
             "{\"name\":\"w\",\"clear_fields\":[\"pdt_context_override\",\"max_queries\"]}");
    assert_string_equal(body_of("PATCH "), "{\"max_queries\":null,\"pdt_context_override\":null}");
}

static void test_settings_that_cannot_be(void **state)
{
    static const char *const rows[][2] = {
        {"{\"name\":\"w\",\"clear_fields\":[\"created_at\"]}", "created_at"},
        {"{\"name\":\"w\",\"clear_fields\":[\"name\"]}", "name"},
        {"{\"name\":\"w\",\"clear_fields\":[\"clear_fields\"]}", "clear_fields"},
        {"{\"name\":\"w\",\"clear_fields\":[\"ssl\"]}", "always has a value"},
        {"{\"name\":\"w\",\"clear_fields\":[\"host\"],\"host\":\"x\"}", "also given a value"},
        {"{\"name\":\"w\",\"pdt_context_override\":{\"pasword\":\"hunter2\"}}", "pasword"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_contains(refuse_tool("update_connection", rows[i][0])->message, rows[i][1]);
        assert_null(strstr(fake_error.message, "hunter2"));
        assert_int_equal(fake_n_requests, 0);
    }
    fake_fails("PATCH /connections/w", 404, "Not found");
    assert_contains(refuse_tool("update_connection", "{\"name\":\"w\"}")->message,
                    "list_connections");
}

/* ---- attributes ---- */

#define VALUES "/user_attributes/2/group_values"

static void test_groups_that_lose_a_value_are_named(void **state)
{
    (void)state;
    fake_answers("GET " VALUES, "[{\"group_id\":\"2\",\"value\":\"AMER\"},"
                                "{\"group_id\":\"3\",\"value\":null}]");
    fake_answers("POST " VALUES, "[{\"group_id\":\"3\",\"value\":\"x\",\"can\":{}}]");
    struct lk_str answer =
        run_tool("set_user_attribute_group_values",
                 "{\"user_attribute_id\":2,\"values\":[{\"group_id\":3,\"value\":\"x\"}]}");
    assert_string_equal(request_of("POST "),
                        "POST " VALUES " [{\"group_id\":\"3\",\"value\":\"x\"}]");
    assert_json(answer, "count", "1");
    assert_json(answer, "items", "[{\"group_id\":\"3\",\"value\":\"x\"}]");
    assert_json(answer, "removed", "[{\"group_id\":\"2\",\"value\":\"AMER\"}]");
}

static void test_nothing_is_replaced_unread(void **state)
{
    (void)state;
    fake_fails("GET " VALUES, 404, "Not found");
    fake_answers("POST " VALUES, "[]");
    assert_contains(refuse_tool("set_user_attribute_group_values",
                                "{\"user_attribute_id\":\"2\",\"values\":[]}")
                        ->message,
                    "list_user_attributes");
    assert_int_equal(count_writes(), 0);
    fake_forget();
    fake_answers("GET " VALUES, "[]");
    fake_fails("POST " VALUES, 422, "Not so");
    refuse_tool("set_user_attribute_group_values", "{\"user_attribute_id\":\"2\",\"values\":[]}");
    assert_int_equal(fake_error.status, 422);
}

static void test_an_attribute_keeps_what_the_api_asks_for(void **state)
{
    (void)state;
    fake_answers("GET /user_attributes/2",
                 "{\"name\":\"region\",\"label\":\"Region\",\"type\":\"string\"}");
    fake_answers("PATCH /user_attributes/2", "{\"id\":\"2\",\"can\":{}}");
    struct lk_str answer =
        run_tool("update_user_attribute", "{\"user_attribute_id\":2,\"default_value\":\"\"}");
    assert_string_equal(body_of("PATCH "), "{\"default_value\":\"\",\"label\":\"Region\","
                                           "\"name\":\"region\",\"type\":\"string\"}");
    assert_string_equal(lk_arena_cstr(fake_arena, answer), "{\"id\":\"2\"}");
    fake_forget();
    fake_fails("GET /user_attributes/2", 404, "Not found");
    fake_answers("PATCH /user_attributes/2", "{}");
    assert_contains(refuse_tool("update_user_attribute", "{\"user_attribute_id\":2}")->message,
                    "list_user_attributes");
    assert_int_equal(count_writes(), 0);
}

/* ---- what a 404 means ---- */

static void test_missing_credentials_are_no_missing_user(void **state)
{
    (void)state;
    fake_fails("GET /users/2/credentials_ldap", 404, "Not found");
    assert_contains(refuse_tool("get_credentials_ldap", "{\"user_id\":2}")->message,
                    "no LDAP login");
    assert_string_equal(fake_error.detail, "Not found");
    fake_fails("GET /users/2", 404, "Not found");
    assert_contains(refuse_tool("get_user", "{\"user_id\":2}")->message, "list_users");
    fake_fails("GET /users/2/credentials_saml", 500, "Oops");
    refuse_tool("get_credentials_saml", "{\"user_id\":2}");
    assert_null(strstr(fake_error.message, "no SAML login"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_recipients_become_destinations),
        TEST(test_an_update_keeps_what_it_does_not_name),
        TEST(test_schedules_that_cannot_be),
        TEST(test_schedules_of_everybody_or_of_one),
        TEST(test_groups_are_listed_or_searched),
        TEST(test_secrets_never_come_back),
        TEST(test_settings_are_emptied),
        TEST(test_settings_that_cannot_be),
        TEST(test_groups_that_lose_a_value_are_named),
        TEST(test_nothing_is_replaced_unread),
        TEST(test_an_attribute_keeps_what_the_api_asks_for),
        TEST(test_missing_credentials_are_no_missing_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
