/*
 * Leases when processes die or are stopped, clocks are set, the store is away or forgets, and at
 * the end (lease_world.h).
 */
#include "lease_calls.h"

#include <sys/mman.h>
#include <unistd.h>

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
    assert_str(frozen.end.project, "a");
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(count_documents(&w), 0);
}

/* The answer that it waits for when it is stopped is old when it goes on. */
static void test_what_was_seen_before_a_stop_is_no_proof(void **state)
{
    (void)state;
    for (uint64_t at_ms = 0; at_ms < 200; at_ms += 3) {
        struct process *process = new_process(&w);
        struct call call = {.process = process, .branch = "x", .project = "a"};
        unsigned puts = w.puts;

        w.odds.put_timeout = 1000;
        w.late_ms = LK_LEASE_LATE_MS - 60;
        begin(&call);
        while (w.puts == puts) {
            assert_true(next_appointment(&w));
            run_ready(&w);
        }
        w.odds.put_timeout = 0;
        pass(500 + at_ms);
        process->frozen_until_ms = w.now_ms + 3000;
        finish(&call, 1);
        assert_false(call.taken);
        pass(4000);
        assert_string_equal(branch_of("a"), "dev-7");
        assert_int_equal(count_documents(&w), 0);
        end_process(process, 1000);
        free(process);
        w.n_processes = 0;
        w.late_ms = 0;
    }
}

/* Whoever is stopped on the way to giving back does not give back any more when others have. */
static void test_nothing_is_sent_after_a_stop_that_was_too_long(void **state)
{
    (void)state;
    w.knows_the_dead = false;
    for (uint64_t at_ms = 0; at_ms < 160; at_ms += 2) {
        struct process *victim = new_process(&w), *other = new_process(&w);
        struct call frozen = {.process = victim, .branch = "x", .project = "a", .hold_ms = 20};
        struct call call = {
            .process = other, .branch = "y", .project = "a", .begin_ms = 200, .hold_ms = 5000};

        begin(&frozen);
        begin(&call);
        pass(at_ms);
        victim->frozen_until_ms = w.now_ms + TTL_MS * 2;
        finish(&frozen, 1);
        finish(&call, 1);
        assert_true(call.taken);
        assert_int_equal(w.violations, 0);
        pass(10000);
        assert_string_equal(branch_of("a"), "dev-7");
        end_process(victim, 1000);
        end_process(other, 1000);
        free(victim);
        free(other);
        w.n_processes = 0;
    }
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
    assert_contains(call.end.trouble.ptr, "project a of user 7 may still be on branch x");
    assert_str(call.end.project, "a");
    assert_str(call.end.home, "dev-7");
    assert_string_equal(branch_of("a"), "x");
    assert_int_equal(lk_leases_count(process->leases)->stuck, 1);
    w.away = false;
    pass(TTL_MS * 3);
    assert_string_equal(branch_of("a"), "dev-7");
    assert_int_equal(count_documents(&w), 0);
    assert_int_equal(lk_leases_count(process->leases)->stuck, 0);
}

static void test_who_held_it_as_it_was_and_lost_that_has_nothing_to_give_back(void **state)
{
    struct call call = {.process = new_process(&w), .mode = LK_CLAIM_HOLD, .project = "a"};

    (void)state;
    call.hold_ms = 1000;
    begin(&call);
    pass(500);
    w.away = true;
    finish(&call, 1);
    assert_true(call.end.lost);
    assert_int_equal(call.end.trouble.len, 0);
}

static void test_a_store_that_forgot_all_is_told_again(void **state)
{
    struct process *one = new_process(&w), *other = new_process(&w);
    struct call calls[] = {
        /* Gives back before the other has said that it is there. */
        {.process = one, .branch = "x", .project = "a", .hold_ms = 1350},
        {.process = other, .branch = "x", .project = "a", .hold_ms = 6500},
        {.process = other, .branch = "y", .project = "a", .begin_ms = 2500, .hold_ms = 10},
    };

    (void)state;
    w.knows_the_dead = false;
    for (size_t i = 0; i < 3; i++)
        begin(&calls[i]);
    pass(1300);
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

/* What was logged there since the last time, in the arena. */
static const char *read_log(const struct lk_log *log)
{
    char *text = lk_arena_alloc(arena, 20000);
    ssize_t n = pread(log->fd, text, 19999, 0);

    assert_true(n >= 0);
    text[n] = '\0';
    assert_int_equal(ftruncate(log->fd, 0), 0);
    assert_int_equal(lseek(log->fd, 0, SEEK_SET), 0);
    return text;
}

static size_t count_events(const char *text, const char *event)
{
    size_t n = 0;

    for (; (text = strstr(text, event)) != NULL; text++)
        n++;
    return n;
}

static void test_that_a_store_came_up_empty_is_said(void **state)
{
    struct process *process = new_process(&w);
    struct call calls[] = {
        {.process = process, .branch = "x", .project = "a", .hold_ms = 10},
        {.process = process, .branch = "y", .project = "a", .now_or_never = true},
        {.process = process, .project = "b", .begin_ms = 100, .hold_ms = 10},
    };
    const struct lk_log log = {.fd = memfd_create("log", 0)};
    const char *text;

    (void)state;
    process->leases->options.log = &log;
    empty_store(&w);
    run(calls, 3);
    assert_true(calls[0].taken);
    assert_in_range(calls[0].shut_ms, TTL_MS - 300, TTL_MS + 300);
    assert_true(calls[2].taken);
    assert_in_range(calls[2].shut_ms, TTL_MS - 400, TTL_MS + 300);
    assert_false(calls[1].taken);
    assert_contains(calls[1].refusal.why,
                    "has to wait: the store of leases (LOOKER_LEASE_URL) has come up");
    assert_contains(calls[1].refusal.why, " ms nothing new begins");
    assert_true(calls[1].refusal.shut);
    text = read_log(&log);
    assert_int_equal(count_events(text, "\"lease.store_empty\""), 1);
    assert_non_null(strstr(text, "\"nothing_begins_for_ms\":"));
    /* Nobody waits for what is over, and it is said again when it is again. */
    calls[0] = (struct call){.process = process, .branch = "x", .project = "a"};
    run(calls, 1);
    assert_int_equal(calls[0].shut_ms, 0);
    assert_int_equal(count_events(read_log(&log), "lease.store_empty"), 0);
    empty_store(&w);
    calls[0] = (struct call){.process = process, .branch = "x", .project = "a"};
    run(calls, 1);
    assert_int_equal(count_events(read_log(&log), "lease.store_empty"), 1);
    /* It is the answer of who does not wait that long. */
    empty_store(&w);
    process->leases->options.wait_ms = 500;
    calls[0] = (struct call){.process = process, .branch = "x", .project = "a"};
    run(calls, 1);
    assert_false(calls[0].taken);
    assert_int_equal(calls[0].err.kind, LK_ERROR_TIMEOUT);
    assert_contains(calls[0].err.message, "has come up empty, and for another ");
    close(log.fd);
}

static void test_that_others_have_another_time_is_said(void **state)
{
    struct process *shorter = new_process(&w), *longer = new_process(&w);
    const struct lk_log log = {.fd = memfd_create("log", 0)};
    const char *text;

    (void)state;
    w.knows_the_dead = false;
    shorter->leases->options.log = &log;
    for (int differs = 0; differs < 2; differs++) {
        struct call calls[] = {
            {.process = longer, .branch = "x", .project = "a", .hold_ms = TTL_MS * 4},
            {.process = shorter, .branch = "x", .project = "a", .hold_ms = TTL_MS * 4},
        };

        longer->leases->options.ttl_ms = differs ? TTL_MS * 3 : TTL_MS;
        run(calls, 2);
        text = read_log(&log);
        assert_int_equal(count_events(text, "\"lease.ttl_differs\""), differs);
    }
    assert_non_null(strstr(text, "LOOKER_LEASE_TTL"));
    close(log.fd);
}

/* The second has seen the cell on its way, the first knows that it is there, and speaks later. */
static void test_newer_knowledge_wins_when_the_store_forgot(void **state)
{
    struct process *one = new_process(&w), *other = new_process(&w);
    struct call calls[] = {
        {.process = one, .branch = "x", .project = "a", .hold_ms = 6000},
        {.process = other, .branch = "x", .project = "a", .begin_ms = 5, .hold_ms = 100},
    };

    (void)state;
    w.knows_the_dead = false;
    begin(&calls[0]);
    begin(&calls[1]);
    while (calls[0].lease == NULL) {
        assert_true(next_appointment(&w));
        run_ready(&w);
    }
    assert_null(calls[1].lease);
    empty_store(&w);
    finish(calls, 2);
    assert_true(calls[1].taken);
    assert_true(calls[0].held_to_the_end);
    assert_string_equal(calls[1].saw, "x");
    pass(1000);
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
    assert_int_equal(lk_leases_count(process->leases)->stuck, 0);
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_a_dead_process_left_is_put_right_at_the_start_of_the_next),
        TEST(test_a_caller_settles_what_a_dead_process_left),
        TEST(test_a_claim_that_nobody_renews_runs_out),
        TEST(test_a_process_that_was_stopped_notices_by_itself),
        TEST(test_what_was_seen_before_a_stop_is_no_proof),
        TEST(test_nothing_is_sent_after_a_stop_that_was_too_long),
        TEST(test_a_clock_that_is_set_forward_takes_no_lease_away),
        TEST(test_nothing_is_borrowed_while_the_store_is_away),
        TEST(test_a_short_absence_of_the_store_harms_nobody),
        TEST(test_a_long_absence_loses_the_lease_and_the_branch_comes_back_after_it),
        TEST(test_who_held_it_as_it_was_and_lost_that_has_nothing_to_give_back),
        TEST(test_a_store_that_forgot_all_is_told_again),
        TEST(test_that_a_store_came_up_empty_is_said),
        TEST(test_that_others_have_another_time_is_said),
        TEST(test_newer_knowledge_wins_when_the_store_forgot),
        TEST(test_a_store_that_forgot_what_could_not_be_given_back_is_told_too),
        TEST(test_a_damaged_journal_is_set_aside),
        TEST(test_a_journal_of_another_version_stays),
        TEST(test_without_something_durable_nothing_is_borrowed),
        TEST(test_the_end_gives_back_what_is_held),
        TEST(test_the_end_is_bounded_and_the_journal_keeps_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
