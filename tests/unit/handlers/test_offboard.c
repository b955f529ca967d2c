/*
 * offboard_user: access ends first, nothing of others is touched, nothing is thrown away unasked.
 */
#include "fake_steps.h"

#define ADA                                                                                        \
    "{\"id\":\"2\",\"email\":\"ada@example.com\",\"display_name\":\"Ada\","                        \
    "\"personal_folder_id\":\"12\"}"
#define GRACE                                                                                      \
    "{\"id\":\"3\",\"email\":\"grace@example.com\",\"display_name\":\"Grace\","                    \
    "\"personal_folder_id\":\"13\"}"
/* One in a shared folder, one in the personal one, one below that, one of somebody else. */
#define LOOKS                                                                                      \
    "[{\"id\":\"1\",\"title\":\"Orders\",\"user_id\":\"2\",\"folder\":{\"id\":\"5\"}},"            \
    "{\"id\":\"2\",\"title\":\"Mine\",\"user_id\":\"2\",\"folder\":{\"id\":\"12\"}},"              \
    "{\"id\":\"3\",\"user_id\":\"2\",\"folder\":{\"id\":\"99\",\"creator_id\":\"2\","              \
    "\"is_personal_descendant\":true}},"                                                           \
    "{\"id\":\"4\",\"user_id\":\"7\",\"folder\":{\"id\":\"5\"}}]"
#define ALERTS "[{\"id\":\"1\",\"owner_id\":\"2\"},{\"id\":\"2\",\"owner_id\":\"3\"}]"
#define TAKEN "{\"user_id\":\"3\"}"

#define LEAVE "{\"user_id\":\"2\"}"
#define HAND "{\"user_id\":\"2\",\"transfer_to\":\"3\"}"
#define DELETE "{\"user_id\":\"2\",\"deactivate_only\":false}"
#define HAND_AND_DELETE "{\"user_id\":\"2\",\"deactivate_only\":false,\"transfer_to\":\"3\"}"

static const struct fake_call_row all[] = {
    {"find_user", "GET /users/2", ADA, ROW},
    {"find_own_user", "GET /user", "{\"id\":\"1\"}", ROW},
    {"find_new_owner", "GET /users/3", GRACE, ROW},
    {"list_looks", "GET /looks/search", LOOKS, CHANGED},
    {"list_dashboards", "GET /dashboards/search", "[{\"id\":\"8\",\"user_id\":\"2\"}]", CHANGED},
    {"list_schedules", "GET /scheduled_plans", "[{\"id\":\"6\",\"user_id\":\"2\"}]", CHANGED},
    {"list_alerts", "GET /alerts/search", ALERTS, CHANGED},
    {"list_boards", "GET /boards/search", "[{\"id\":\"9\",\"user_id\":\"2\"}]", CHANGED},
    {"list_sessions", "GET /users/2/sessions", "[{\"id\":\"51\"},{\"id\":\"52\"}]", CHANGED},
    {"list_api_credentials", "GET /users/2/credentials_api3", "[{\"id\":\"61\"}]", CHANGED},
    {"disable_user", "PATCH /users/2", "{\"id\":\"2\",\"is_disabled\":true}", CHANGED},
    {"delete_sessions", "DELETE /users/2/sessions/51", "\"\"", CHANGED},
    {"delete_sessions", "DELETE /users/2/sessions/52", "\"\"", CHANGED},
    {"delete_api_credentials", "DELETE /users/2/credentials_api3/61", "\"\"", CHANGED},
    {"transfer_looks", "PATCH /looks/1", TAKEN, CHANGED},
    {"transfer_looks", "PATCH /looks/2", TAKEN, CHANGED},
    {"transfer_looks", "PATCH /looks/3", TAKEN, CHANGED},
    {"transfer_dashboards", "PATCH /dashboards/8", TAKEN, CHANGED},
    {"transfer_schedules", "PATCH /scheduled_plans/6", TAKEN, CHANGED},
    {"transfer_alerts", "PATCH /alerts/1", "{\"owner_id\":\"3\"}", CHANGED},
    {"transfer_boards", "PATCH /boards/9", TAKEN, CHANGED},
    {"delete_user", "DELETE /users/2", "\"\"", CHANGED},
};
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static const char *text_at(struct lk_str answer, const char *path)
{
    return lk_arena_cstr(fake_arena, at(answer, path));
}

static void test_access_ends_first_then_the_work_goes_over(void **state)
{
    (void)state;
    fake_play(all, N(all), N(all));
    struct lk_str answer = run_tool("offboard_user", HAND);
    assert_false(fake_failed);
    assert_json(answer, "outcome", "\"done\"");
    assert_json(answer, "owned/looks/count", "3");
    assert_json(answer, "owned/alerts/count", "1");
    assert_json(answer, "owned/looks/items/1",
                "{\"id\":\"2\",\"title\":\"Mine\",\"in_personal_folder\":true}");
    assert_string_equal(fake_requests[10],
                        "PATCH /users/2?fields=id%2Cis_disabled {\"is_disabled\":true}");
    assert_contains(request_of("PATCH /looks/1"), " {\"user_id\":\"3\"}");
    assert_contains(request_of("PATCH /looks/2"), "{\"folder_id\":\"13\",\"user_id\":\"3\"}");
    assert_contains(request_of("PATCH /looks/3"), "{\"folder_id\":\"13\",\"user_id\":\"3\"}");
    assert_contains(request_of("PATCH /alerts/1"), "{\"owner_id\":\"3\"}");
    assert_contains(request_of("GET /alerts/search"), "all_owners=true");
    assert_not_sent("PATCH /looks/4");
    assert_not_sent("PATCH /alerts/2");
    assert_not_sent("DELETE /users/2 ");
    assert_json(answer, "left_to_do", "[]");
    assert_int_equal(lk_json_count(at(answer, "changed")), 8);
}

static void test_without_an_heir_it_says_what_is_left(void **state)
{
    (void)state;
    fake_play(all, N(all), N(all));
    struct lk_str answer = run_tool("offboard_user", LEAVE);
    assert_json(answer, "outcome", "\"done\"");
    assert_contains(text_at(answer, "left_to_do/0"),
                    "3 Looks, 1 dashboard, 1 schedule, 1 alert, 1 board");
    assert_contains(text_at(answer, "left_to_do/0"), "transfer_to");
    assert_not_sent("PATCH /looks");
    assert_not_sent("GET /users/3");
}

static void test_only_what_is_asked_for(void **state)
{
    (void)state;
    fake_play(all, N(all), N(all));
    struct lk_str answer = run_tool(
        "offboard_user",
        "{\"user_id\":\"2\",\"terminate_sessions\":false,\"revoke_api_credentials\":false}");
    assert_json(answer, "outcome", "\"done\"");
    assert_step(answer, "list_sessions", "skipped");
    assert_int_equal(count_writes(), 1);
}

static void test_deleting_comes_last(void **state)
{
    (void)state;
    fake_play(all, N(all), N(all));
    struct lk_str answer = run_tool("offboard_user", HAND_AND_DELETE);
    assert_json(answer, "outcome", "\"done\"");
    assert_string_equal(fake_requests[fake_n_requests - 1], "DELETE /users/2");
}

static void test_deleting_is_refused_while_there_is_work(void **state)
{
    (void)state;
    fake_play(all, N(all), N(all));
    struct lk_str answer = run_tool("offboard_user", DELETE);
    assert_true(fake_failed);
    assert_contains(text_at(answer, "error"), "transfer_to, or discard_content=true");
    assert_int_equal(count_writes(), 0);
    /* Also when nothing was found, but not everything could be looked through. */
    fake_forget();
    fake_answers("GET /users/2", ADA);
    fake_answers("GET /user", "{\"id\":\"1\"}");
    fake_answers("GET /looks/search", "[]");
    fake_answers("GET /dashboards/search", "[]");
    fake_answers("GET /scheduled_plans", "[]");
    fake_fails("GET /alerts/search", 403, "Admins only");
    fake_answers("GET /boards/search", "[]");
    fake_answers("GET /users/2/sessions", "[]");
    fake_answers("GET /users/2/credentials_api3", "[]");
    answer = run_tool("offboard_user", DELETE);
    assert_true(fake_failed);
    assert_step(answer, "delete_user", "failed");
    assert_int_equal(count_writes(), 0);
    assert_json(answer, "changed", "[]");
}

static void test_deleting_with_all_that_is_there_on_request(void **state)
{
    (void)state;
    fake_play(all, N(all), N(all));
    struct lk_str answer = run_tool(
        "offboard_user", "{\"user_id\":\"2\",\"deactivate_only\":false,\"discard_content\":true}");
    assert_json(answer, "outcome", "\"done\"");
    assert_step(answer, "delete_user", "done");
    assert_not_sent("PATCH /looks");
}

static void test_nothing_is_deleted_after_a_failure(void **state)
{
    (void)state;
    /* Each call after the new owner is known. */
    for (size_t i = 3; i + 1 < N(all); i++) {
        fake_play(all, N(all), i);
        struct lk_str answer = run_tool("offboard_user", HAND_AND_DELETE);
        assert_true(fake_failed);
        assert_step(answer, "delete_user", "not_done");
        assert_not_sent("DELETE /users/2?");
        for (size_t k = 0; k < fake_n_requests; k++)
            assert_string_not_equal(fake_requests[k], "DELETE /users/2");
        /* The account was closed all the same. */
        assert_step(answer, "disable_user", i == 10 ? "failed" : "done");
    }
}

static void test_never_ourselves(void **state)
{
    (void)state;
    fake_answers("GET /users/2", ADA);
    fake_answers("GET /user", "{\"id\":\"2\"}");
    struct lk_str answer = run_tool("offboard_user", LEAVE);
    assert_true(fake_failed);
    assert_contains(text_at(answer, "error"), "the user whom this server runs as");
    assert_int_equal(fake_n_requests, 2);
}

static void test_an_heir_who_cannot_be_one(void **state)
{
    (void)state;
    fake_play(all, 2, N(all));
    struct lk_str answer = run_tool("offboard_user", "{\"user_id\":\"2\",\"transfer_to\":\"2\"}");
    assert_true(fake_failed);
    assert_contains(text_at(answer, "error"), "who leaves");
    fake_play(all, 2, N(all));
    fake_answers("GET /users/3", "{\"id\":\"3\",\"is_disabled\":true}");
    answer = run_tool("offboard_user", HAND);
    assert_true(fake_failed);
    assert_contains(text_at(answer, "error"), "cannot log in");
    assert_int_equal(count_writes(), 0);
    refuse_tool("offboard_user", "{\"user_id\":\"2\",\"transfer_folder_id\":\"4\"}");
    assert_contains(fake_error.message, "transfer_to");
}

static void test_a_folder_for_what_is_personal(void **state)
{
    (void)state;
    fake_play(all, N(all), N(all));
    run_tool("offboard_user",
             "{\"user_id\":\"2\",\"transfer_to\":\"3\",\"transfer_folder_id\":\"77\"}");
    assert_contains(request_of("PATCH /looks/2"), "\"folder_id\":\"77\"");
    /* Nobody's folder: the things change hands where they are. */
    fake_forget();
    fake_answers("GET /users/3", "{\"id\":\"3\",\"email\":\"g@example.com\"}");
    for (size_t i = 0; i < N(all); i++)
        fake_answers(all[i].route, all[i].body);
    struct lk_str answer = run_tool("offboard_user", HAND);
    assert_contains(request_of("PATCH /looks/2"), " {\"user_id\":\"3\"}");
    assert_contains(text_at(answer, "left_to_do/0"), "transfer_folder_id");
}

/* The personal folder goes with the account, and what is in it. */
static void test_nothing_is_deleted_with_a_folder_that_nobody_takes(void **state)
{
    (void)state;
    fake_forget();
    fake_answers("GET /users/3", "{\"id\":\"3\",\"email\":\"g@example.com\"}");
    for (size_t i = 0; i < N(all); i++)
        fake_answers(all[i].route, all[i].body);
    struct lk_str answer = run_tool("offboard_user", HAND_AND_DELETE);
    assert_true(fake_failed);
    assert_contains(text_at(answer, "error"), "transfer_folder_id");
    assert_int_equal(count_writes(), 0);
}

/* A cancel while access ends: what would come after is not begun. */
static void test_a_cancel_before_handing_over(void **state)
{
    struct lk_str answer = {0};

    (void)state;
    fake_play(all, N(all), N(all));
    fake_delay_ms = 1;
    fake_cancel_at = "DELETE /users/2/sessions/51";
    assert_true(fake_call(fake_tool("offboard_user"), HAND, 0, &answer));
    assert_json(answer, "kind", "\"cancelled\"");
    assert_json(answer, "changed/0", "\"disabled user 2\"");
    assert_not_sent("PATCH /looks");
    assert_not_sent("PATCH /boards");
    assert_step(answer, "transfer_boards", "failed");
}

static void test_a_preview_changes_nothing(void **state)
{
    (void)state;
    fake_play(all, N(all), N(all));
    struct lk_str answer = run_tool("offboard_user", "{\"user_id\":\"2\",\"deactivate_only\":false,"
                                                     "\"transfer_to\":\"3\",\"dry_run\":true}");
    assert_json(answer, "outcome", "\"preview\"");
    assert_step(answer, "disable_user", "planned");
    assert_step(answer, "delete_sessions", "planned");
    assert_step(answer, "transfer", "planned");
    assert_step(answer, "delete_user", "planned");
    assert_int_equal(count_writes(), 0);
}

/* A PATCH that Looker takes without doing it. */
static void test_an_owner_that_stays_is_said(void **state)
{
    (void)state;
    fake_forget();
    fake_answers("PATCH /dashboards/8", "{\"user_id\":\"2\"}");
    for (size_t i = 0; i < N(all); i++)
        fake_answers(all[i].route, all[i].body);
    struct lk_str answer = run_tool("offboard_user", HAND);
    assert_true(fake_failed);
    assert_contains(text_at(step_of(answer, "transfer_dashboards"), "error"), "left the owner");
    assert_contains(text_at(answer, "left_to_do/0"), "1 of 1 dashboards");
    assert_step(answer, "transfer_boards", "done");
}

/* What was done is done: the second call ends what is left. */
static void test_a_second_call_finishes(void **state)
{
    static const struct fake_call_row rest[] = {
        {"", "GET /users/2", "{\"id\":\"2\",\"email\":\"a@example.com\",\"is_disabled\":true}",
         ROW},
        {"", "GET /user", "{\"id\":\"1\"}", ROW},
        {"", "GET /users/3", GRACE, ROW},
        {"", "GET /looks/search", "[{\"id\":\"1\",\"user_id\":\"2\"}]", ROW},
        {"", "GET /dashboards/search", "[]", ROW},
        {"", "GET /scheduled_plans", "[]", ROW},
        {"", "GET /alerts/search", "[]", ROW},
        {"", "GET /boards/search", "[]", ROW},
        {"", "GET /users/2/sessions", "[]", ROW},
        {"", "GET /users/2/credentials_api3", "[]", ROW},
        {"", "PATCH /looks/1", TAKEN, ROW},
    };

    (void)state;
    fake_play(rest, N(rest), N(rest));
    struct lk_str answer = run_tool("offboard_user", HAND);
    assert_json(answer, "outcome", "\"done\"");
    assert_step(answer, "disable_user", "skipped");
    assert_step(answer, "delete_sessions", "skipped");
    assert_int_equal(count_writes(), 1);
}

static void test_a_session_that_is_gone_is_ended(void **state)
{
    (void)state;
    fake_forget();
    fake_fails("DELETE /users/2/sessions/51", 404, "Not found");
    for (size_t i = 0; i < N(all); i++) {
        if (i != 11)
            fake_answers(all[i].route, all[i].body);
    }
    struct lk_str answer = run_tool("offboard_user", LEAVE);
    assert_step(answer, "delete_sessions", "done");
    assert_false(fake_failed);
}

static void test_every_page_is_read(void **state)
{
    struct lk_str page = LK_STR("[{\"id\":\"100\",\"user_id\":\"2\"}");

    (void)state;
    for (int i = 1; i < 500; i++)
        page = lk_arena_printf(fake_arena, "%.*s,{\"id\":\"%d\",\"user_id\":\"2\"}",
                               LK_STR_ARG(page), 100 + i);
    fake_forget();
    fake_answers("GET /looks/search", lk_arena_printf(fake_arena, "%.*s]", LK_STR_ARG(page)).ptr);
    for (size_t i = 0; i < N(all); i++)
        fake_answers(all[i].route, all[i].body);
    struct lk_str answer = run_tool("offboard_user", LEAVE);
    assert_json(answer, "owned/looks/count", "503");
    assert_int_equal(lk_json_count(at(answer, "owned/looks/items")), 100);
    assert_contains(fake_requests[3], "offset=500");
}

static void test_each_step_that_fails(void **state)
{
    (void)state;
    fail_each_step("offboard_user", HAND_AND_DELETE, all, N(all));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_access_ends_first_then_the_work_goes_over),
        TEST(test_without_an_heir_it_says_what_is_left),
        TEST(test_only_what_is_asked_for),
        TEST(test_deleting_comes_last),
        TEST(test_deleting_is_refused_while_there_is_work),
        TEST(test_deleting_with_all_that_is_there_on_request),
        TEST(test_nothing_is_deleted_after_a_failure),
        TEST(test_never_ourselves),
        TEST(test_an_heir_who_cannot_be_one),
        TEST(test_a_folder_for_what_is_personal),
        TEST(test_nothing_is_deleted_with_a_folder_that_nobody_takes),
        TEST(test_a_cancel_before_handing_over),
        TEST(test_a_preview_changes_nothing),
        TEST(test_an_owner_that_stays_is_said),
        TEST(test_a_second_call_finishes),
        TEST(test_a_session_that_is_gone_is_ended),
        TEST(test_every_page_is_read),
        TEST(test_each_step_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
