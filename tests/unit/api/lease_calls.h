/*
 * Calls in the world of leases, for tests that look at one thing at a time: each takes a lease,
 * holds it for a while, and gives it back.
 */
#ifndef LK_TEST_LEASE_CALLS_H
#define LK_TEST_LEASE_CALLS_H

#include "lease_looker.h"

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
    if (w.violations > 0)
        print_error("%s\n", w.violation);
    close_world(&w);
    lk_loop_free(loop);
    lk_arena_free(arena);
    return w.violations > 0 ? -1 : 0;
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
    uint64_t shut_ms;                /* of its wait */
    struct lk_lease_refusal refusal; /* now_or_never */
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
    struct lk_lease_refusal refusal = {0};

    wish.refusal = call->now_or_never ? &refusal : NULL;
    if (call->begin_ms > 0)
        nap(&w, call->process, call->begin_ms);
    call->taken = lk_lease_take(call->process->leases, &wish, &call->lease, &call->err) &&
                  call->lease != NULL;
    call->taken_ms = w.now_ms;
    call->refusal = refusal;
    if (call->taken) {
        struct holder *holder;

        call->shut_ms = lk_lease_shut_ms(call->lease);
        cell = cell_of(&w, call->user != NULL ? call->user : "7",
                       project.len > 0 ? project : LK_STR("a"));
        holder = hold_cell(&w, call->process, call->lease, cell, cell->branch);
        nap(&w, call->process, call->hold_ms);
        *holder = (struct holder){0};
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

#endif
