/*
 * Leases of several processes in a small world (lease_world.h): who gets one when, cancelling,
 * what Looker refuses, what is imported. What dies and what is forgotten: test_lease_faults.c; all
 * of it together, at random: test_lease_model.c.
 */
#include "lease_calls.h"

static void test_a_branch_is_there_while_it_is_held_and_home_after(void **state)
{
    struct call call = {.process = new_process(&w), .branch = "x", .project = "a", .hold_ms = 50};

    (void)state;
    run(&call, 1);
    assert_true(call.taken);
    assert_true(call.held_to_the_end);
    assert_string_equal(call.saw, "x");
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(call.end.trouble.len, 0);
    assert_false(call.end.lost);
    assert_int_equal(w.puts, 2);
    assert_int_equal(count_documents(&w), 0);
    assert_int_equal(lk_leases_count(call.process->leases)->swaps, 1);
    assert_int_equal(lk_leases_count(call.process->leases)->given_back, 1);
    assert_int_equal(lk_leases_count(call.process->leases)->held, 0);
}

static void test_what_is_there_already_is_not_moved(void **state)
{
    struct call call = {
        .process = new_process(&w), .branch = "dev-7", .project = "a", .hold_ms = 50};

    (void)state;
    run(&call, 1);
    assert_true(call.taken);
    assert_int_equal(w.puts, 0);
    assert_int_equal(count_documents(&w), 0);
}

static void test_calls_for_one_branch_share_a_swap_and_others_take_turns(void **state)
{
    struct process *processes[2] = {new_process(&w), new_process(&w)};
    static const char *const branches[] = {"b0", "b1", "b2", "b3", "b4"};
    struct call calls[50];

    (void)state;
    for (size_t i = 0; i < 50; i++)
        calls[i] = (struct call){
            .process = processes[i % 2], .branch = branches[i % 5], .project = "a", .hold_ms = 40};
    run(calls, 50);
    for (size_t i = 0; i < 50; i++) {
        assert_true(calls[i].taken);
        assert_true(calls[i].held_to_the_end);
        assert_string_equal(calls[i].saw, branches[i % 5]);
    }
    assert_int_equal(w.puts, 10); /* five times there and back */
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(count_documents(&w), 0);
}

static void test_holds_share_and_keep_swaps_out(void **state)
{
    struct process *one = new_process(&w), *other = new_process(&w);
    struct call calls[] = {
        {.process = one, .hold_ms = 300},
        {.process = other, .project = "a", .hold_ms = 300},
        {.process = other, .branch = "x", .project = "a", .begin_ms = 10, .hold_ms = 10},
        {.process = one, .branch = "x", .project = "a", .user = "8", .hold_ms = 10},
    };

    (void)state;
    run(calls, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(calls[i].taken);
    assert_string_equal(calls[0].saw, "dev-7");
    assert_string_equal(calls[1].saw, "dev-7");
    assert_true(calls[2].taken_ms >= calls[0].ended_ms - 50);
    assert_true(calls[3].taken_ms < calls[0].ended_ms - 100); /* another user's */
}

static void test_alone_is_alone(void **state)
{
    struct process *one = new_process(&w), *other = new_process(&w);
    struct call calls[] = {
        {.process = one, .mode = LK_CLAIM_ALONE, .project = "a", .hold_ms = 300},
        {.process = other, .project = "a", .begin_ms = 10},
        {.process = other, .mode = LK_CLAIM_ALONE, .project = "a", .begin_ms = 20},
        {.process = other, .mode = LK_CLAIM_ALONE, .project = "b", .begin_ms = 20},
    };

    (void)state;
    run(calls, 4);
    assert_true(calls[1].taken_ms >= calls[0].ended_ms - 50);
    assert_true(calls[2].taken_ms >= calls[1].ended_ms - 50);
    assert_true(calls[3].taken_ms < calls[0].ended_ms - 100);
}

/* Calls for x come all the time; the one for y gets its turn all the same. */
static void test_nobody_starves(void **state)
{
    struct process *one = new_process(&w), *other = new_process(&w);
    struct call calls[41];

    (void)state;
    for (size_t i = 0; i < 40; i++)
        calls[i] = (struct call){.process = i % 2 ? one : other,
                                 .branch = "x",
                                 .project = "a",
                                 .begin_ms = i * 100 + 1,
                                 .hold_ms = 250};
    calls[40] = (struct call){
        .process = one, .branch = "y", .project = "a", .begin_ms = 200, .hold_ms = 20};
    run(calls, 41);
    assert_true(calls[40].taken);
    assert_true(calls[40].taken_ms < 1000000 + 200 + WAIT_MS / 6 + 1000);
    for (size_t i = 0; i < 40; i++)
        assert_true(calls[i].taken);
}

static void test_who_waits_too_long_is_told_for_whom(void **state)
{
    struct process *one = new_process(&w), *other = new_process(&w);
    struct call calls[] = {
        {.process = one, .branch = "x", .project = "a", .hold_ms = WAIT_MS * 2},
        {.process = one, .branch = "x", .project = "a", .hold_ms = WAIT_MS * 2},
        {.process = other, .branch = "y", .project = "a", .begin_ms = 100},
    };
    uint64_t waited_ms;

    (void)state;
    run(calls, 3);
    assert_false(calls[2].taken);
    assert_int_equal(calls[2].err.kind, LK_ERROR_TIMEOUT);
    assert_contains(calls[2].err.message, "project a in the dev workspace of user 7 is in use by "
                                          "2 other calls (query) on branch x since 2027-01-15T08:");
    assert_contains(calls[2].err.message, "LOOKER_BRANCH_WAIT (6 s)");
    assert_contains(calls[2].err.message, "LOOKER_CI_USERS");
    waited_ms = calls[2].ended_ms - 1000100;
    assert_in_range(waited_ms, WAIT_MS, WAIT_MS + 200);
    assert_true(calls[0].held_to_the_end);
    assert_string_equal(branch_of("a"), "dev-7");
}

static void test_now_or_never(void **state)
{
    struct process *one = new_process(&w), *other = new_process(&w);
    struct call calls[] = {
        {.process = one, .branch = "x", .project = "a", .hold_ms = 300},
        {.process = other, .branch = "y", .project = "a", .begin_ms = 100, .now_or_never = true},
        {.process = other, .branch = "x", .project = "a", .begin_ms = 100, .now_or_never = true},
    };

    (void)state;
    run(calls, 3);
    assert_false(calls[1].taken);
    assert_int_equal(calls[1].err.kind, LK_ERROR_NONE);
    assert_true(calls[1].ended_ms < 1000150);
    assert_contains(calls[1].refusal.why,
                    "is in use by 1 other call (query) on branch x since 2027-01-15T08:");
    assert_contains(calls[1].refusal.why, "(in "); /* which process */
    assert_true(calls[2].taken);
    assert_string_equal(calls[2].refusal.why, "");
    assert_false(calls[1].refusal.shut);
    assert_int_equal(count_documents(&w), 0);
}

static void test_a_branch_that_is_not_there_is_an_error_and_home_stays(void **state)
{
    struct call call = {.process = new_process(&w), .branch = "missing", .project = "a"};

    (void)state;
    run(&call, 1);
    assert_false(call.taken);
    assert_int_equal(call.err.kind, LK_ERROR_UPSTREAM);
    assert_int_equal(call.err.status, 404);
    assert_string_equal(branch_of("a"), "dev-7");
    pass(1000);
    assert_int_equal(count_documents(&w), 0);
}

/* ---- cancelling ---- */

static void cancel_after(struct call *call, uint64_t ms)
{
    pass(ms);
    assert_non_null(call->co);
    lk_co_cancel(call->co);
    run_ready(&w);
}

static void test_a_cancel_at_any_time_returns_at_once_and_home_comes_back(void **state)
{
    struct process *process = new_process(&w);

    (void)state;
    for (uint64_t at_ms = 0; at_ms < 200; at_ms += 7) {
        struct call call = {
            .process = process, .branch = "x", .project = "a", .hold_ms = 100, .detached = true};

        begin(&call);
        pass(at_ms);
        if (call.co != NULL)
            lk_co_cancel(call.co);
        run_ready(&w);
        assert_true(call.ended);
        pass(10000);
        assert_string_equal(branch_of("a"), "dev-7");
        assert_int_equal(count_documents(&w), 0);
    }
    assert_int_equal(lk_leases_count(process->leases)->waiting, 0);
}

static void test_a_cancelled_waiter_leaves_the_queue(void **state)
{
    struct process *one = new_process(&w), *other = new_process(&w);
    struct call calls[] = {
        {.process = one, .branch = "x", .project = "a", .hold_ms = 2000},
        {.process = other, .mode = LK_CLAIM_ALONE, .project = "a", .begin_ms = 10},
        {.process = one, .project = "a", .begin_ms = 20, .hold_ms = 10},
    };

    (void)state;
    for (size_t i = 0; i < 3; i++)
        begin(&calls[i]);
    cancel_after(&calls[1], 100);
    assert_true(calls[1].ended);
    assert_int_equal(calls[1].err.kind, LK_ERROR_CANCELLED);
    finish(calls, 3);
    assert_true(calls[2].taken);
}

static void test_giving_back_on_a_cancelled_coroutine_waits_for_it(void **state)
{
    struct call call = {.process = new_process(&w), .branch = "x", .project = "a", .hold_ms = 500};

    (void)state;
    begin(&call);
    cancel_after(&call, 200);
    finish(&call, 1);
    assert_true(call.taken);
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(count_documents(&w), 0);
}

/* ---- Looker fails ---- */

static void test_a_check_out_that_arrives_late_is_undone_before_the_next_call(void **state)
{
    struct process *one = new_process(&w), *other = new_process(&w);
    struct call first = {.process = one, .branch = "x", .project = "a"};
    struct call next = {.process = other, .project = "a", .hold_ms = 5000};

    (void)state;
    w.odds.put_timeout = 1000;
    begin(&first);
    pass(45);
    w.odds.put_timeout = 0;
    begin(&next);
    finish(&first, 1);
    assert_false(first.taken);
    assert_int_equal(first.err.kind, LK_ERROR_TIMEOUT);
    finish(&next, 1);
    assert_true(next.taken);
    assert_string_equal(next.saw, "dev-7");
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(w.violations, 0);
}

static void test_what_is_written_on_a_branch_may_arrive_late(void **state)
{
    struct process *process = new_process(&w);
    struct call first = {.process = process, .branch = "x", .project = "a", .hold_ms = 300};
    struct call next = {.process = process, .branch = "y", .project = "a", .begin_ms = 100};

    (void)state;
    begin(&first);
    begin(&next);
    pass(250);
    lk_lease_doubt(first.lease);
    pass(LK_LEASE_LATE_MS);
    assert_string_equal(branch_of("a"), "x");
    finish(&first, 1);
    assert_true(first.held_to_the_end);
    assert_false(first.end.lost);
    finish(&next, 1);
    assert_true(next.taken);
    assert_true(next.taken_ms >= first.ended_ms);
    assert_string_equal(branch_of("a"), "dev-7");
}

static void test_who_holds_the_workspace_as_it_is_does_not_wait_for_what_is_late(void **state)
{
    struct process *process = new_process(&w);
    struct call first = {.process = process, .project = "a", .hold_ms = 300};
    struct call next = {.process = process, .branch = "y", .project = "a", .begin_ms = 100};

    (void)state;
    begin(&first);
    begin(&next);
    pass(250);
    lk_lease_doubt(first.lease);
    finish(&first, 1);
    finish(&next, 1);
    assert_true(next.taken);
    assert_true(next.taken_ms >= first.ended_ms + LK_LEASE_LATE_MS);
}

static void test_what_cannot_be_given_back_is_said_kept_and_tried_again(void **state)
{
    struct process *process = new_process(&w);
    struct call first = {.process = process, .branch = "x", .project = "a", .hold_ms = 100};
    struct call second = {.process = process, .branch = "y", .project = "a"};
    struct call third = {.process = process, .project = "a"};

    (void)state;
    begin(&first);
    pass(100);
    w.odds.put_refused = 1000;
    finish(&first, 1);
    assert_true(first.taken);
    assert_contains(first.end.trouble.ptr, "project a of user 7 is not back on branch dev-7 after "
                                           "x was borrowed (it is tried again by itself; "
                                           "switch_git_branch settles it at once): no such branch");
    assert_str(first.end.project, "a");
    assert_str(first.end.home, "dev-7");
    assert_int_equal(count_documents(&w), 1);
    assert_int_equal(lk_leases_count(process->leases)->stuck, 1);
    run(&second, 1);
    assert_false(second.taken);
    assert_contains(second.err.message, "project a of user 7 is not back on branch dev-7");
    assert_int_equal(count_documents(&w), 1);
    w.odds.put_refused = 0;
    run(&third, 1);
    assert_true(third.taken);
    assert_string_equal(third.saw, "dev-7");
    assert_int_equal(count_documents(&w), 0);
    assert_int_equal(lk_leases_count(process->leases)->stuck, 0);
}

static void test_what_is_stuck_is_tried_again_without_a_call(void **state)
{
    struct process *process = new_process(&w);
    struct call call = {.process = process, .branch = "x", .project = "a", .hold_ms = 100};

    (void)state;
    begin(&call);
    pass(100);
    w.odds.put_refused = 1000;
    finish(&call, 1);
    pass(TTL_MS * 5);
    assert_string_equal(branch_of("a"), "x");
    w.odds.put_refused = 0;
    pass(TTL_MS * 20);
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(count_documents(&w), 0);
    assert_int_equal(lk_leases_count(process->leases)->stuck, 0);
}

static void test_who_sets_the_branch_goes_on_where_it_is_stuck(void **state)
{
    struct process *process = new_process(&w);
    struct call first = {.process = process, .branch = "x", .project = "a", .hold_ms = 100};
    struct call alone = {.process = process, .mode = LK_CLAIM_ALONE, .project = "a"};
    struct call setter = {.process = process,
                          .mode = LK_CLAIM_ALONE,
                          .project = "a",
                          .sets_branch = true,
                          .settles = true};

    (void)state;
    begin(&first);
    pass(100);
    w.odds.put_refused = 1000;
    finish(&first, 1);
    run(&alone, 1);
    assert_false(alone.taken);
    run(&setter, 1);
    assert_true(setter.taken);
    assert_int_equal(count_documents(&w), 0);
    assert_int_equal(lk_leases_count(process->leases)->stuck, 0);
}

static void test_what_somebody_moved_meanwhile_is_left_alone_and_said(void **state)
{
    struct call call = {.process = new_process(&w), .branch = "x", .project = "a", .hold_ms = 200};

    (void)state;
    begin(&call);
    pass(150);
    snprintf(cell_of(&w, "7", LK_STR("a"))->branch, 16, "hers");
    finish(&call, 1);
    assert_contains(call.end.trouble.ptr, "somebody has checked out branch hers of project a");
    assert_str(call.end.found, "hers");
    assert_string_equal(branch_of("a"), "hers");
    assert_int_equal(count_documents(&w), 0);
}

static void test_what_was_put_back_by_hand_is_no_trouble(void **state)
{
    struct call call = {.process = new_process(&w), .branch = "x", .project = "a", .hold_ms = 200};

    (void)state;
    begin(&call);
    pass(150);
    snprintf(cell_of(&w, "7", LK_STR("a"))->branch, 16, "dev-7");
    finish(&call, 1);
    assert_int_equal(call.end.trouble.len, 0);
    assert_int_equal(w.puts, 1);
}

/* ---- imports ---- */

static bool a_imports_b(struct world *world, const char *user, struct lk_str project, bool dev,
                        const char **ret_import)
{
    (void)world;
    (void)user;
    (void)dev;
    *ret_import = "b";
    return lk_str_eq(project, LK_STR("a"));
}

static bool branch_imports_b(struct world *world, const char *user, struct lk_str project, bool dev,
                             const char **ret_import)
{
    *ret_import = "b";
    return dev && lk_str_eq(project, LK_STR("a")) &&
           strcmp(cell_of(world, user, LK_STR("a"))->branch, "x") == 0;
}

static bool imports_more_and_more(struct world *world, const char *user, struct lk_str project,
                                  bool dev, const char **ret_import)
{
    static char name[40];

    (void)world;
    (void)user;
    (void)dev;
    snprintf(name, sizeof(name), "%.*sb", LK_STR_ARG(project));
    *ret_import = name;
    return true;
}

static void see_b(struct call *call, char saw[16])
{
    begin(call);
    while (!call->ended && call->lease == NULL) {
        assert_true(next_appointment(&w));
        run_ready(&w);
    }
    snprintf(saw, 16, "%s", branch_of("b"));
    finish(call, 1);
}

static void test_imports_come_along(void **state)
{
    struct process *process = new_process(&w);
    struct call calls[3];
    char saw[16];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        calls[i] = (struct call){
            .process = process, .branch = "x", .project = "a", .imports = true, .hold_ms = 10};
    w.imports = a_imports_b;
    see_b(&calls[0], saw);
    assert_string_equal(saw, "x");
    assert_int_equal(w.puts, 4);
    w.imports = branch_imports_b; /* as is seen only when the branch is there */
    see_b(&calls[1], saw);
    assert_string_equal(saw, "x");
    w.imports = a_imports_b;
    w.lacks = "b";
    see_b(&calls[2], saw);
    assert_string_equal(saw, "dev-7");
    assert_true(calls[0].taken && calls[1].taken && calls[2].taken);
    assert_string_equal(branch_of("a"), "dev-7");
    assert_string_equal(branch_of("b"), "dev-7");
    assert_int_equal(count_documents(&w), 0);
}

static void test_an_import_that_is_held_as_it_is_is_nobodys_branch(void **state)
{
    struct process *one = new_process(&w), *other = new_process(&w);
    struct call calls[] = {
        {.process = one, .branch = "x", .project = "a", .imports = true, .hold_ms = 500},
        {.process = other, .branch = "x", .project = "b", .begin_ms = 200},
    };

    (void)state;
    w.imports = a_imports_b;
    w.lacks = "b";
    run(calls, 2);
    assert_true(calls[0].taken);
    assert_false(calls[1].taken);
    assert_contains(calls[1].err.message, "project b had no branch x");
}

static void test_too_many_imports_are_refused(void **state)
{
    struct call call = {.process = new_process(&w), .branch = "x", .project = "a", .imports = true};

    (void)state;
    w.imports = imports_more_and_more;
    run(&call, 1);
    assert_false(call.taken);
    assert_int_equal(call.err.kind, LK_ERROR_LIMIT);
    assert_contains(call.err.message, "more than 32 projects");
    assert_int_equal(w.puts, 0);
}

static void test_all_or_nothing(void **state)
{
    struct call call = {.process = new_process(&w), .branch = "x", .project = "a", .imports = true};

    (void)state;
    w.imports = a_imports_b;
    begin(&call);
    while (strcmp(branch_of("a"), "x") != 0) {
        assert_true(next_appointment(&w));
        run_ready(&w);
    }
    snprintf(w.cells[1].project, sizeof(w.cells[1].project), "gone"); /* b cannot be read */
    finish(&call, 1);
    assert_false(call.taken);
    assert_string_equal(branch_of("a"), "dev-7");
    pass(1000);
    assert_int_equal(count_documents(&w), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_branch_is_there_while_it_is_held_and_home_after),
        TEST(test_what_is_there_already_is_not_moved),
        TEST(test_calls_for_one_branch_share_a_swap_and_others_take_turns),
        TEST(test_holds_share_and_keep_swaps_out),
        TEST(test_alone_is_alone),
        TEST(test_nobody_starves),
        TEST(test_who_waits_too_long_is_told_for_whom),
        TEST(test_now_or_never),
        TEST(test_a_branch_that_is_not_there_is_an_error_and_home_stays),
        TEST(test_a_cancel_at_any_time_returns_at_once_and_home_comes_back),
        TEST(test_a_cancelled_waiter_leaves_the_queue),
        TEST(test_giving_back_on_a_cancelled_coroutine_waits_for_it),
        TEST(test_a_check_out_that_arrives_late_is_undone_before_the_next_call),
        TEST(test_what_is_written_on_a_branch_may_arrive_late),
        TEST(test_who_holds_the_workspace_as_it_is_does_not_wait_for_what_is_late),
        TEST(test_what_cannot_be_given_back_is_said_kept_and_tried_again),
        TEST(test_what_is_stuck_is_tried_again_without_a_call),
        TEST(test_who_sets_the_branch_goes_on_where_it_is_stuck),
        TEST(test_what_somebody_moved_meanwhile_is_left_alone_and_said),
        TEST(test_what_was_put_back_by_hand_is_no_trouble),
        TEST(test_imports_come_along),
        TEST(test_an_import_that_is_held_as_it_is_is_nobodys_branch),
        TEST(test_too_many_imports_are_refused),
        TEST(test_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
