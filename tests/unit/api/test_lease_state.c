/*
 * The rules of leases, one by one.
 */
#include "lease_rules.h"

/* ---- who may go ---- */

static void test_what_goes_together(void **state)
{
    static const struct {
        enum lk_claim_mode mode;
        const char *branch, *projects;
        bool with_hold, with_x, with_alone; /* of project a, active */
    } rows[] = {
        {LK_CLAIM_HOLD, "", "a", true, false, false},
        {LK_CLAIM_HOLD, "", "", true, false, false},
        {LK_CLAIM_HOLD, "", "b", true, true, true},
        {LK_CLAIM_BRANCH, "x", "a", false, true, false},
        {LK_CLAIM_BRANCH, "y", "a", false, false, false},
        {LK_CLAIM_BRANCH, "y", "a b", false, false, false},
        {LK_CLAIM_BRANCH, "y", "b", true, true, true},
        {LK_CLAIM_ALONE, "", "a", false, false, false},
        {LK_CLAIM_ALONE, "", "b", true, true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned first = 0; first < 3; first++) {
            state_ = (struct lk_lease_state){.arena = arena};
            if (first == 0)
                hold("h/1", "a");
            else if (first == 1)
                branch("h/1", "x", "a");
            else
                alone("h/1", "a");
            enter("h/2", rows[i].mode, rows[i].branch, rows[i].projects);
            assert_true(is_admitted("h/1"));
            assert_int_equal(is_admitted("h/2"), first == 0   ? rows[i].with_hold
                                                 : first == 1 ? rows[i].with_x
                                                              : rows[i].with_alone);
            leave("h/1");
            assert_true(is_admitted("h/2"));
        }
    }
}

static void test_one_after_the_other(void **state)
{
    (void)state;
    branch("h/1", "x", "a");
    branch("h/2", "y", "a");
    branch("h/3", "z", "a");
    branch("h/4", "y", "a");
    leave("h/1");
    assert_true(is_admitted("h/2"));
    assert_false(is_admitted("h/3"));
    assert_true(is_admitted("h/4")); /* joins the second */
    leave("h/2");
    assert_false(is_admitted("h/3"));
    leave("h/4");
    assert_true(is_admitted("h/3"));
}

static void test_joining_ends_when_somebody_has_waited_long_enough(void **state)
{
    (void)state;
    branch("h/1", "x", "a");
    branch("h/2", "y", "a");
    now_ms += JOIN_MS - 1;
    branch("h/3", "x", "a");
    assert_true(is_admitted("h/3"));
    now_ms += 1;
    branch("h/4", "x", "a");
    assert_false(is_admitted("h/4"));
    leave("h/1");
    leave("h/3");
    assert_true(is_admitted("h/2"));
    assert_false(is_admitted("h/4"));
}

static void test_a_clock_that_was_set_back_lets_nobody_pass_for_ever(void **state)
{
    (void)state;
    branch("h/1", "x", "a");
    branch("h/2", "y", "a");
    now_ms -= 100000;
    branch("h/3", "x", "a");
    assert_false(is_admitted("h/3"));
}

static void test_who_joins_takes_nothing_else_from_those_before(void **state)
{
    (void)state;
    branch("h/1", "x", "a");
    branch("h/2", "y", "a b");
    branch("h/3", "x", "a b"); /* would take b as well */
    branch("h/4", "x", "a");
    assert_false(is_admitted("h/3"));
    assert_true(is_admitted("h/4"));
}

static void test_who_waits_for_something_else_is_no_obstacle(void **state)
{
    (void)state;
    branch("h/1", "x", "a");
    alone("h/2", "a");
    alone("h/3", "b");
    hold("h/4", "c");
    assert_false(is_admitted("h/2"));
    assert_true(is_admitted("h/3"));
    assert_true(is_admitted("h/4"));
    hold("h/5", ""); /* all: behind both */
    assert_false(is_admitted("h/5"));
}

/* ---- the way of a cell ---- */

static void test_there_and_back(void **state)
{
    (void)state;
    branch("h/1", "x", "a");
    branch("h/2", "x", "a");
    assert_int_equal(step("h/1", "a"), LK_STEP_MOVE);
    assert_int_equal(cell("a")->phase, LK_CELL_MOVING);
    assert_str(cell("a")->by, "h/1");
    assert_str(cell("a")->user_id, "7");
    assert_int_equal(step("h/1", "a"), LK_STEP_MOVE); /* asked again: the same */
    assert_int_equal(step("h/2", NULL), LK_STEP_WAIT);
    lk_state_home(&state_, cell("a"), LK_STR("main"));
    lk_state_there(&state_, cell("a"), false);
    assert_int_equal(step("h/1", NULL), LK_STEP_READY);
    assert_int_equal(step("h/2", NULL), LK_STEP_READY);
    leave("h/1");
    assert_int_equal(cell("a")->phase, LK_CELL_THERE);
    leave("h/2");
    assert_int_equal(cell("a")->phase, LK_CELL_RETURNING);
    assert_str(cell("a")->by, "h/2");
    assert_ptr_equal(lk_state_returning(&state_, LK_STR("h/2")), cell("a"));
    branch("h/3", "x", "a");
    assert_int_equal(step("h/3", NULL), LK_STEP_WAIT);
    hold("h/4", "");
    lk_state_remove_cell(&state_, cell("a"));
    assert_int_equal(step("h/3", "a"), LK_STEP_MOVE);
}

static void test_fences_grow(void **state)
{
    uint64_t fence;

    (void)state;
    branch("h/1", "x", "b a");
    move("h/1", "a", "main");
    fence = cell("a")->fence;
    assert_true(fence >= now_ms); /* also after a document was deleted */
    move("h/1", "b", "main");
    assert_true(cell("b")->fence > fence);
    assert_int_equal(step("h/1", NULL), LK_STEP_READY);
}

static void test_what_was_not_moved_is_not_given_back(void **state)
{
    (void)state;
    branch("h/1", "x", "a b c");
    move("h/1", "a", "x");
    assert_int_equal(step("h/1", "b"), LK_STEP_MOVE);
    lk_state_there(&state_, cell("b"), true);
    assert_int_equal(step("h/1", "c"), LK_STEP_MOVE); /* home was not read yet */
    leave("h/1");
    assert_int_equal(state_.n_cells, 0);
}

static void test_who_fails_while_moving_gives_back(void **state)
{
    (void)state;
    branch("h/1", "x", "a");
    branch("h/2", "x", "a");
    assert_int_equal(step("h/1", "a"), LK_STEP_MOVE);
    lk_state_home(&state_, cell("a"), LK_STR("main"));
    leave("h/1");
    assert_int_equal(cell("a")->phase, LK_CELL_RETURNING); /* though another waits for it */
    assert_str(cell("a")->by, "h/1");
    assert_int_equal(step("h/2", NULL), LK_STEP_WAIT);
}

static void test_who_waits_leaves_nothing(void **state)
{
    (void)state;
    branch("h/1", "x", "a");
    move("h/1", "a", "main");
    branch("h/2", "x", "b a");
    branch("h/3", "y", "a");
    leave("h/3");
    leave("h/3");
    leave("h/2");
    assert_int_equal(cell("a")->phase, LK_CELL_THERE);
    assert_int_equal(state_.n_claims, 1);
    assert_int_equal(step("h/3", NULL), LK_STEP_LOST);
}

static void test_the_stuck_are_tried_by_the_next(void **state)
{
    struct lk_mover regardless;
    struct lk_cell *found;

    (void)state;
    branch("h/1", "x", "a");
    move("h/1", "a", "main");
    leave("h/1");
    lk_state_stuck(&state_, cell("a"), LK_STR("no such branch"));
    assert_str(cell("a")->trouble, "no such branch");
    assert_null(lk_state_returning(&state_, LK_STR("h/1")));
    alone("h/2", "a");
    regardless = mover("h/2");
    regardless.regardless = true;
    assert_int_equal(lk_state_step(&state_, &regardless, &found), LK_STEP_READY);
    assert_int_equal(step("h/2", "a"), LK_STEP_SETTLE);
    assert_int_equal(step("h/2", "a"), LK_STEP_SETTLE);
    assert_str(cell("a")->by, "h/2");
    leave("h/2");
    hold("h/3", "");
    assert_int_equal(step("h/3", NULL), LK_STEP_WAIT);
    hold("h/4", "b");
    assert_int_equal(step("h/4", NULL), LK_STEP_READY);
}

/* ---- the dead ---- */

static const char *dead_host;

static bool is_alive(void *arg, struct lk_str id)
{
    (void)arg;
    return dead_host == NULL || !lk_str_starts(id, lk_str(dead_host));
}

static bool is_exempt(void *arg, struct lk_str id)
{
    (void)arg;
    return lk_str_starts(id, LK_STR("me/"));
}

static size_t expire(bool expires, const char *dead)
{
    struct lk_lease_view view = {
        .now_ms = now_ms, .expires = expires, .is_alive = is_alive, .is_exempt = is_exempt};

    dead_host = dead;
    return lk_state_expire(&state_, &view);
}

static void test_time_kills_only_by_a_clock_that_is_trusted(void **state)
{
    (void)state;
    branch("h/1", "x", "a");
    move("h/1", "a", "main");
    hold("me/1", "b");
    assert_int_equal(expire(true, NULL), 0);
    now_ms += 3000;
    assert_int_equal(expire(false, NULL), 0);
    assert_int_equal(cell("a")->phase, LK_CELL_THERE);
    assert_int_equal(expire(true, NULL), 1);
    assert_int_equal(cell("a")->phase, LK_CELL_ORPHAN);
    assert_false(cell("a")->unsure);
    assert_non_null(lk_state_claim(&state_, LK_STR("me/1")));
    assert_int_equal(expire(true, "me/"), 1); /* whom somebody knows to be dead is not exempt */
}

static void test_the_last_of_a_group_leaves_an_orphan(void **state)
{
    (void)state;
    branch("h/1", "x", "a");
    branch("g/1", "x", "a");
    move("h/1", "a", "main");
    assert_int_equal(expire(false, "h/"), 1);
    assert_int_equal(cell("a")->phase, LK_CELL_THERE);
    assert_int_equal(expire(false, "g/"), 1);
    assert_int_equal(cell("a")->phase, LK_CELL_ORPHAN);
    branch("i/1", "x", "a"); /* nobody knows whether it is still there */
    assert_int_equal(step("i/1", "a"), LK_STEP_SETTLE);
}

static void test_who_dies_while_moving_leaves_it_unsure(void **state)
{
    (void)state;
    branch("h/1", "x", "a b");
    branch("g/1", "x", "a");
    move("h/1", "a", "main");
    leave("g/1");
    assert_int_equal(step("h/1", "b"), LK_STEP_MOVE);
    assert_int_equal(expire(false, "h/"), 1);
    assert_null(cell("b")); /* nothing can have been sent */
    assert_int_equal(cell("a")->phase, LK_CELL_ORPHAN);
    lk_state_remove_cell(&state_, cell("a"));
    branch("h/2", "x", "a");
    step("h/2", "a");
    lk_state_home(&state_, cell("a"), LK_STR("main"));
    assert_int_equal(expire(false, "h/"), 1);
    assert_int_equal(cell("a")->phase, LK_CELL_ORPHAN);
    assert_true(cell("a")->unsure);
    branch("g/2", "x", "a");
    assert_int_equal(step("g/2", "a"), LK_STEP_SETTLE);
    assert_int_equal(expire(false, "g/"), 1);
    assert_true(cell("a")->unsure);
    assert_str(cell("a")->by, "");
}

/* Its last request may be under way: nobody else goes there until it must have arrived. */
static void test_who_dies_alone_is_in_the_way_a_little_longer(void **state)
{
    (void)state;
    alone("h/1", "a");
    branch("g/1", "x", "a");
    alone("h/2", "a"); /* waits, and has sent nothing */
    assert_int_equal(expire(false, "h/"), 1);
    lk_state_admit(&state_, now_ms, JOIN_MS);
    assert_false(is_admitted("g/1"));
    assert_null(lk_state_claim(&state_, LK_STR("h/1"))); /* for its holder it is lost */
    assert_int_equal(lk_state_who(&state_, LK_STR("g/1")).kind, LK_WHO_HOLDS);
    now_ms += LK_LEASE_LATE_MS - 1;
    assert_int_equal(expire(false, "h/"), 0);
    now_ms += 1;
    assert_int_equal(expire(false, "h/"), 1);
    lk_state_admit(&state_, now_ms, JOIN_MS);
    assert_true(is_admitted("g/1"));
    leave("g/1");
    alone("h/3", "a");
    assert_int_equal(expire(false, "h/"), 0);
    now_ms -= 100000; /* the clock was set back */
    assert_int_equal(expire(false, "h/"), 1);
}

/* ---- who is in the way ---- */

static void test_who_is_in_the_way(void **state)
{
    struct lk_lease_who who;

    (void)state;
    branch("h/1", "x", "a");
    now_ms += 100;
    branch("g/2", "x", "a b");
    branch("g/3", "y", "b");
    who = lk_state_who(&state_, LK_STR("g/3"));
    assert_int_equal(who.kind, LK_WHO_HOLDS);
    assert_int_equal(who.n, 1);
    assert_str(who.project, "b");
    assert_str(who.branch, "x");
    who = lk_state_who(&state_, LK_STR("h/1"));
    assert_int_equal(who.kind, LK_WHO_NOBODY);
    alone("g/4", "a");
    who = lk_state_who(&state_, LK_STR("g/4"));
    assert_int_equal(who.n, 2);
    assert_str(who.what, "query");
    assert_str(who.instance, "host");
    assert_int_equal(who.since_ms, now_ms - 100);
    now_ms += JOIN_MS;
    hold("g/5", "c");
    alone("g/6", "b c");
    leave("g/2");
    leave("g/5");
    who = lk_state_who(&state_, LK_STR("g/6"));
    assert_int_equal(who.kind, LK_WHO_HOLDS); /* g/3 has it now */
    assert_str(who.branch, "y");
}

static void test_a_cell_on_its_way_is_in_the_way(void **state)
{
    struct lk_lease_who who;

    (void)state;
    branch("h/1", "x", "a");
    move("h/1", "a", "main");
    leave("h/1");
    hold("g/1", "");
    who = lk_state_who(&state_, LK_STR("g/1"));
    assert_int_equal(who.kind, LK_WHO_MOVES);
    assert_str(who.project, "a");
    assert_str(who.instance, "h");
}

static void test_a_queue_is_in_the_way(void **state)
{
    struct lk_lease_who who;

    (void)state;
    branch("h/1", "x", "a");
    alone("h/2", "a b");
    hold("h/3", "b");
    who = lk_state_who(&state_, LK_STR("h/3"));
    assert_int_equal(who.kind, LK_WHO_QUEUE);
    assert_int_equal(who.mode, LK_CLAIM_ALONE);
    assert_int_equal(who.n, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_goes_together),
        TEST(test_one_after_the_other),
        TEST(test_joining_ends_when_somebody_has_waited_long_enough),
        TEST(test_a_clock_that_was_set_back_lets_nobody_pass_for_ever),
        TEST(test_who_joins_takes_nothing_else_from_those_before),
        TEST(test_who_waits_for_something_else_is_no_obstacle),
        TEST(test_there_and_back),
        TEST(test_fences_grow),
        TEST(test_what_was_not_moved_is_not_given_back),
        TEST(test_who_fails_while_moving_gives_back),
        TEST(test_who_waits_leaves_nothing),
        TEST(test_the_stuck_are_tried_by_the_next),
        TEST(test_time_kills_only_by_a_clock_that_is_trusted),
        TEST(test_the_last_of_a_group_leaves_an_orphan),
        TEST(test_who_dies_while_moving_leaves_it_unsure),
        TEST(test_who_dies_alone_is_in_the_way_a_little_longer),
        TEST(test_who_is_in_the_way),
        TEST(test_a_cell_on_its_way_is_in_the_way),
        TEST(test_a_queue_is_in_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
