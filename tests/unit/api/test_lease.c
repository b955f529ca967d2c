/*
 * Leases of several processes in a small world (lease_world.h): each thing that can happen to a
 * borrowed branch, one at a time. All of it together, at random: test_lease_model.c.
 */
#include "lease_world.h"

static struct world w;
static struct lk_arena *arena;

static int set_up(void **state)
{
    struct lk_loop *loop;

    (void)state;
    if (!lk_loop_new(&loop, NULL))
        return -1;
    arena = lk_arena_new();
    open_world(&w, loop, 1);
    add_cell(&w, "7", "a");
    add_cell(&w, "7", "b");
    add_cell(&w, "8", "a");
    return 0;
}

static int tear_down(void **state)
{
    struct lk_loop *loop = w.loop;

    (void)state;
    for (size_t i = 0; i < w.n_processes; i++) {
        if (w.processes[i]->leases != NULL)
            end_process(w.processes[i], 60000);
    }
    close_world(&w);
    lk_loop_free(loop);
    lk_arena_free(arena);
    return 0;
}

/* ---- calls ---- */

struct call {
    struct process *process;
    const char *user, *branch, *project;
    enum lk_claim_mode mode;
    bool imports, sets_branch, now_or_never, settles, detached;
    uint64_t begin_ms, hold_ms; /* after the start of the test; for how long */
    /* What became of it. */
    struct lk_co *co;
    struct lk_lease *lease;
    bool ended, taken, held_to_the_end;
    uint64_t taken_ms, ended_ms;
    char saw[16];
    struct lk_error err;
    struct lk_lease_end end;
};

static void run_call(void *arg)
{
    struct call *call = arg;
    struct lk_str project = lk_str(call->project);
    struct lk_lease_wish wish = {
        .user = {.id = lk_str(call->user != NULL ? call->user : "7")},
        .mode = call->mode,
        .branch = lk_str(call->branch),
        .projects = &project,
        .n_projects = call->project != NULL,
        .imports = call->imports,
        .sets_branch = call->sets_branch,
        .now_or_never = call->now_or_never,
        .what = LK_STR("query"),
    };
    const struct fake_cell *cell;

    if (call->begin_ms > 0)
        nap(&w, call->process, call->begin_ms);
    call->taken = lk_lease_take(call->process->leases, &wish, &call->lease, &call->err) &&
                  call->lease != NULL;
    call->taken_ms = w.now_ms;
    if (call->taken) {
        cell = cell_of(&w, call->user != NULL ? call->user : "7",
                       project.len > 0 ? project : LK_STR("a"));
        nap(&w, call->process, call->hold_ms);
        snprintf(call->saw, sizeof(call->saw), "%s", cell->branch);
        call->held_to_the_end = lk_lease_is_held(call->lease);
        if (call->settles)
            lk_lease_settled(call->lease);
        if (call->detached)
            lk_lease_give(call->lease, NULL, NULL);
        else
            lk_lease_give(call->lease, arena, &call->end);
    }
    call->ended_ms = w.now_ms;
    call->ended = true;
    call->co = NULL;
}

static void begin(struct call *call)
{
    if (call->project != NULL && call->branch != NULL && call->mode == LK_CLAIM_HOLD)
        call->mode = LK_CLAIM_BRANCH;
    assert_true(lk_co_start(w.loop, run_call, call, &call->co, NULL));
}

/* Runs until all of them have ended. */
static void finish(struct call *calls, size_t n)
{
    uint64_t until_ms = w.now_ms + 600000;

    run_ready(&w);
    for (size_t i = 0; i < n; i++) {
        while (!calls[i].ended) {
            assert_true(w.now_ms < until_ms);
            assert_true(next_appointment(&w));
            run_ready(&w);
        }
    }
}

static void run(struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        begin(&calls[i]);
    finish(calls, n);
}

static void pass(uint64_t ms)
{
    uint64_t until_ms = w.now_ms + ms;

    run_ready(&w);
    while (w.now_ms < until_ms) {
        bool any = false;

        for (size_t i = 0; i < w.n_appointments; i++)
            any |= due_ms(&w.appointments[i]) <= until_ms;
        if (!any) {
            w.now_ms = until_ms;
            break;
        }
        next_appointment(&w);
        run_ready(&w);
    }
}

static const char *branch_of(const char *project)
{
    return cell_of(&w, "7", lk_str(project))->branch;
}

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (strstr(text, part) == NULL)                                                            \
            fail_msg("\"%s\" is not in \"%s\"", part, text);                                       \
    } while (0)

/* ---- tests ---- */

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
    assert_int_equal(lk_leases_count(call.process->leases).swaps, 1);
    assert_int_equal(lk_leases_count(call.process->leases).given_back, 1);
    assert_int_equal(lk_leases_count(call.process->leases).held, 0);
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
    assert_true(calls[2].taken);
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
    assert_int_equal(lk_leases_count(process->leases).waiting, 0);
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
                                           "x was borrowed: no such branch");
    assert_str(first.end.project, "a");
    assert_str(first.end.home, "dev-7");
    assert_int_equal(count_documents(&w), 1);
    assert_int_equal(lk_leases_count(process->leases).stuck, 1);
    run(&second, 1);
    assert_false(second.taken);
    assert_contains(second.err.message, "project a of user 7 is not back on branch dev-7");
    assert_int_equal(count_documents(&w), 1);
    w.odds.put_refused = 0;
    run(&third, 1);
    assert_true(third.taken);
    assert_string_equal(third.saw, "dev-7");
    assert_int_equal(count_documents(&w), 0);
    assert_int_equal(lk_leases_count(process->leases).stuck, 0);
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
    assert_int_equal(lk_leases_count(process->leases).stuck, 0);
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
    assert_int_equal(lk_leases_count(process->leases).stuck, 0);
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

/* ---- processes die ---- */

static void test_what_a_dead_process_left_is_put_right_at_the_start_of_the_next(void **state)
{
    (void)state;
    /* At every moment of a call's life. */
    for (uint64_t at_ms = 1; at_ms < 260; at_ms += 3) {
        struct process *victim = new_process(&w), *next;
        struct call call = {.process = victim, .branch = "x", .project = "a", .hold_ms = 100};

        w.n_processes = 0; /* few are alive at once */
        w.processes[w.n_processes++] = victim;
        begin(&call);
        pass(at_ms);
        kill_process(victim);
        if (call.co != NULL)
            lk_co_cancel(call.co);
        end_process(victim, 0);
        finish(&call, 1);
        next = new_process(&w);
        lk_leases_recover(next->leases);
        pass(LK_LEASE_LATE_MS + 500);
        assert_string_equal(branch_of("a"), "dev-7");
        assert_int_equal(count_documents(&w), 0);
        end_process(next, 1000);
        free(victim);
        free(next);
        w.n_processes = 0;
    }
}

static void test_a_caller_settles_what_a_dead_process_left(void **state)
{
    struct process *victim = new_process(&w), *next = new_process(&w);
    struct call lost = {.process = victim, .branch = "x", .project = "a", .hold_ms = 9000};
    struct call call = {.process = next, .branch = "y", .project = "a", .hold_ms = 10};

    (void)state;
    begin(&lost);
    pass(200);
    assert_string_equal(branch_of("a"), "x");
    kill_process(victim);
    lk_co_cancel(lost.co);
    end_process(victim, 0);
    run(&call, 1);
    assert_true(call.taken);
    assert_string_equal(call.saw, "y");
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(count_documents(&w), 0);
}

/* Where the store cannot tell who is dead, time does. */
static void test_a_claim_that_nobody_renews_runs_out(void **state)
{
    struct process *victim = new_process(&w), *next = new_process(&w);
    struct call lost = {.process = victim, .branch = "x", .project = "a", .hold_ms = 9000};
    struct call call = {.process = next, .branch = "y", .project = "a", .hold_ms = 10};

    (void)state;
    w.knows_the_dead = false;
    begin(&lost);
    pass(200);
    kill_process(victim);
    lk_co_cancel(lost.co);
    end_process(victim, 0);
    run(&call, 1);
    assert_true(call.taken);
    assert_true(call.taken_ms >= 1000000 + TTL_MS);
    assert_string_equal(call.saw, "y");
    assert_string_equal(branch_of("a"), "dev-7");
}

static void test_a_process_that_was_stopped_notices_by_itself(void **state)
{
    struct process *victim = new_process(&w), *next = new_process(&w);
    struct call frozen = {.process = victim, .branch = "x", .project = "a", .hold_ms = 500};
    struct call call = {.process = next, .branch = "y", .project = "a", .hold_ms = 4000};

    (void)state;
    begin(&frozen);
    pass(200);
    assert_true(lk_lease_is_held(frozen.lease));
    victim->frozen_until_ms = w.now_ms + TTL_MS * 2;
    begin(&call);
    pass(TTL_MS);
    assert_false(lk_lease_is_held(frozen.lease));
    finish(&call, 1);
    finish(&frozen, 1);
    assert_true(call.taken);
    assert_string_equal(call.saw, "y");
    assert_false(frozen.held_to_the_end);
    assert_true(frozen.end.lost);
    assert_contains(frozen.end.trouble.ptr, "was lost");
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(count_documents(&w), 0);
}

static void test_a_clock_that_is_set_forward_takes_no_lease_away(void **state)
{
    struct process *one = new_process(&w), *other = new_process(&w);
    struct call holder = {.process = one, .branch = "x", .project = "a", .hold_ms = 5000};
    struct call waiter = {.process = other, .branch = "y", .project = "a", .begin_ms = 4000};

    (void)state;
    begin(&holder);
    begin(&waiter);
    pass(4500);
    w.wall_jump_ms = 3600000;
    finish(&holder, 1);
    finish(&waiter, 1);
    assert_true(holder.held_to_the_end);
    assert_false(holder.end.lost);
    assert_string_equal(holder.saw, "x");
    assert_true(waiter.taken);
    assert_string_equal(waiter.saw, "y");
}

/* ---- the store ---- */

static void test_nothing_is_borrowed_while_the_store_is_away(void **state)
{
    struct call call = {.process = new_process(&w), .branch = "x", .project = "a"};

    (void)state;
    w.away = true;
    run(&call, 1);
    assert_false(call.taken);
    assert_int_equal(call.err.kind, LK_ERROR_NETWORK);
    assert_int_equal(w.puts, 0);
    assert_true(call.ended_ms < 1000000 + 2000);
}

static void test_a_short_absence_of_the_store_harms_nobody(void **state)
{
    struct process *process = new_process(&w);
    struct call calls[] = {
        {.process = process, .branch = "x", .project = "a", .hold_ms = 3000},
        {.process = process, .branch = "y", .project = "a", .begin_ms = 100, .hold_ms = 10},
    };

    (void)state;
    begin(&calls[0]);
    begin(&calls[1]);
    pass(1500);
    w.away = true;
    pass(1200);
    w.away = false;
    finish(calls, 2);
    assert_true(calls[0].held_to_the_end);
    assert_string_equal(calls[0].saw, "x");
    assert_true(calls[1].taken);
    assert_string_equal(branch_of("a"), "dev-7");
}

static void test_a_long_absence_loses_the_lease_and_the_branch_comes_back_after_it(void **state)
{
    struct process *process = new_process(&w);
    struct call call = {.process = process, .branch = "x", .project = "a", .hold_ms = 1000};

    (void)state;
    begin(&call);
    pass(500);
    w.away = true;
    finish(&call, 1);
    assert_true(call.end.lost);
    assert_string_equal(branch_of("a"), "x");
    assert_int_equal(lk_leases_count(process->leases).stuck, 1);
    w.away = false;
    pass(TTL_MS * 3);
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(count_documents(&w), 0);
    assert_int_equal(lk_leases_count(process->leases).stuck, 0);
}

static void test_a_store_that_forgot_all_is_told_again(void **state)
{
    struct process *one = new_process(&w), *other = new_process(&w);
    struct call calls[] = {
        {.process = one, .branch = "x", .project = "a", .hold_ms = 1500},
        {.process = other, .branch = "x", .project = "a", .hold_ms = 6500},
        {.process = other, .branch = "y", .project = "a", .begin_ms = 1200, .hold_ms = 10},
    };

    (void)state;
    w.knows_the_dead = false;
    for (size_t i = 0; i < 3; i++)
        begin(&calls[i]);
    pass(1000);
    empty_store(&w);
    finish(calls, 2);
    assert_true(calls[0].held_to_the_end);
    assert_true(calls[1].held_to_the_end);
    assert_string_equal(calls[1].saw, "x");
    assert_int_equal(calls[1].end.trouble.len, 0);
    finish(calls, 3);
    pass(10000);
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(count_documents(&w), 0);
}

static void test_a_store_that_forgot_what_could_not_be_given_back_is_told_too(void **state)
{
    struct process *process = new_process(&w);
    struct call call = {.process = process, .branch = "x", .project = "a", .hold_ms = 1000};

    (void)state;
    w.knows_the_dead = false;
    begin(&call);
    pass(500);
    w.away = true;
    finish(&call, 1);
    empty_store(&w);
    w.away = false;
    pass(TTL_MS * 4);
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(count_documents(&w), 0);
    assert_int_equal(lk_leases_count(process->leases).stuck, 0);
}

static void test_a_damaged_journal_is_set_aside(void **state)
{
    struct call call = {.process = new_process(&w), .branch = "x", .project = "a", .hold_ms = 10};
    static const char *const garbage[] = {"{", "null", "{\"version\":1}", "\x01\xff"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct call again = call;
        const struct fake_document *kept = NULL;

        write_document(&w, LK_STR("7"), lk_str(garbage[i]));
        run(&again, 1);
        assert_true(again.taken);
        for (size_t k = 0; k < MAX_DOCUMENTS; k++) {
            if (w.documents[k].len > 0)
                kept = &w.documents[k];
        }
        assert_non_null(kept);
        assert_contains(kept->key, "7.damaged-");
        assert_true(lk_str_eq(lk_str_n(kept->text, kept->len), lk_str(garbage[i])));
        write_document(&w, lk_str(kept->key), (struct lk_str){0});
    }
}

static void test_a_journal_of_another_version_stays(void **state)
{
    struct call call = {.process = new_process(&w), .project = "a"};

    (void)state;
    write_document(&w, LK_STR("7"),
                   LK_STR("{\"version\":2,\"fence\":1,\"claims\":[],\"cells\":[]}"));
    run(&call, 1);
    assert_false(call.taken);
    assert_contains(call.err.message, "another version");
    assert_int_equal(count_documents(&w), 1);
}

static void test_without_something_durable_nothing_is_borrowed(void **state)
{
    struct process *process = new_process(&w);
    struct call borrow = {.process = process, .branch = "x", .project = "a"};
    struct call hold = {.process = process, .project = "a"};

    (void)state;
    process->leases->options.durable = false;
    run(&borrow, 1);
    assert_false(borrow.taken);
    assert_int_equal(borrow.err.kind, LK_ERROR_CONFIG);
    assert_contains(borrow.err.message, "LOOKER_STATE_DIR");
    run(&hold, 1);
    assert_true(hold.taken);
}

/* ---- the end ---- */

static void test_the_end_gives_back_what_is_held(void **state)
{
    struct process *process = new_process(&w);
    struct call call = {
        .process = process, .branch = "x", .project = "a", .hold_ms = 100000, .detached = true};

    (void)state;
    begin(&call);
    pass(200);
    lk_co_cancel(call.co);
    run_ready(&w);
    end_process(process, 5000);
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(count_documents(&w), 0);
}

static void test_the_end_is_bounded_and_the_journal_keeps_the_rest(void **state)
{
    struct process *process = new_process(&w), *next;
    struct call call = {
        .process = process, .branch = "x", .project = "a", .hold_ms = 100000, .detached = true};
    uint64_t begun_ms;

    (void)state;
    begin(&call);
    pass(200);
    w.odds.get_failed = 1000;
    lk_co_cancel(call.co);
    run_ready(&w);
    begun_ms = w.now_ms;
    end_process(process, 300);
    assert_true(w.now_ms - begun_ms < 400);
    assert_int_equal(count_documents(&w), 1);
    w.odds.get_failed = 0;
    next = new_process(&w);
    lk_leases_recover(next->leases);
    pass(LK_LEASE_LATE_MS + 500);
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(count_documents(&w), 0);
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
        TEST(test_what_cannot_be_given_back_is_said_kept_and_tried_again),
        TEST(test_what_is_stuck_is_tried_again_without_a_call),
        TEST(test_who_sets_the_branch_goes_on_where_it_is_stuck),
        TEST(test_what_somebody_moved_meanwhile_is_left_alone_and_said),
        TEST(test_what_was_put_back_by_hand_is_no_trouble),
        TEST(test_what_a_dead_process_left_is_put_right_at_the_start_of_the_next),
        TEST(test_a_caller_settles_what_a_dead_process_left),
        TEST(test_a_claim_that_nobody_renews_runs_out),
        TEST(test_a_process_that_was_stopped_notices_by_itself),
        TEST(test_a_clock_that_is_set_forward_takes_no_lease_away),
        TEST(test_nothing_is_borrowed_while_the_store_is_away),
        TEST(test_a_short_absence_of_the_store_harms_nobody),
        TEST(test_a_long_absence_loses_the_lease_and_the_branch_comes_back_after_it),
        TEST(test_a_store_that_forgot_all_is_told_again),
        TEST(test_a_store_that_forgot_what_could_not_be_given_back_is_told_too),
        TEST(test_a_damaged_journal_is_set_aside),
        TEST(test_a_journal_of_another_version_stays),
        TEST(test_without_something_durable_nothing_is_borrowed),
        TEST(test_the_end_gives_back_what_is_held),
        TEST(test_the_end_is_bounded_and_the_journal_keeps_the_rest),
        TEST(test_imports_come_along),
        TEST(test_an_import_that_is_held_as_it_is_is_nobodys_branch),
        TEST(test_too_many_imports_are_refused),
        TEST(test_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
