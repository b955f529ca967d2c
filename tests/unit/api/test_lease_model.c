/*
 * Leases under everything at once, at random: calls of all kinds from several processes on a few
 * cells, cancelled at any time, while processes die or are frozen, the store is away, slow or
 * empty, clocks are set, check-outs fail, time out or arrive late, and a person moves branches by
 * hand. At each step:
 *
 *   - nobody moves a cell under a call that holds it (so never two branches at once in one cell)
 *   - who holds a branch sees it, from the beginning to the end
 *   - nobody waits longer than the limit and what failing requests take
 *   - when all is over, each cell is where it was, and the journal is empty
 *
 * Each run is made from a seed, which is printed when it goes wrong:
 *
 *     LEASE_SEED=123 test_lease_model     that run alone, with the log of the leases
 *     LEASE_RUNS=100000 LEASE_FIRST=20000 test_lease_model  more of them, others
 *
 * The same runs without leases have to go wrong, or the model sees nothing.
 */
#include "lease_looker.h"

#define RUNS 10000
#define BLIND_RUNS 300
#define MAX_CALLS 7
#define MAX_EVENTS 5
#define OVERTIME_MS 60000 /* requests that fail, on top of the wait */
#define HEAL_MS 45000

struct run;

struct call {
    struct run *run;
    struct process *process;
    const char *user;
    enum lk_claim_mode mode;
    const char *branch;
    struct lk_str projects[2];
    size_t n_projects;
    bool imports, sets_branch, detached;
    uint64_t begin_ms, hold_ms;
    unsigned number;
    struct lk_co *co;
    bool taken, ended;
};

struct reaping {
    struct process *process;
    struct run *run;
};

struct counts {
    unsigned calls, taken, swaps, deaths, freezes, cancels, absences, losses, jumps, moves, lost;
};

struct run {
    struct world w;
    uint64_t seed;
    bool blind;     /* without leases */
    bool forgetful; /* the store may lose all it has */
    bool heavy;
    struct call calls[MAX_CALLS];
    size_t n_calls;
    struct process *living[3];
    size_t n_living, n_reaping;
    struct reaping reapings[MAX_PROCESSES];
    unsigned n_moves, n_events;
    struct counts *counts;
    struct lk_log log;
};

static const char *const USERS[] = {"7", "8"};
static const char *const BRANCHES[] = {"x", "y", "z"};

/* ---- a call ---- */

static struct holder *count_on(struct call *call, struct lk_lease *lease, const char *project,
                               const char *expects)
{
    struct world *w = &call->run->w;
    struct fake_cell *cell = cell_of(w, call->user, lk_str(project));
    struct holder *h =
        hold_cell(w, call->process, lease, cell, expects != NULL ? expects : cell->branch);

    if (strcmp(h->expects, cell->branch) != 0) {
        h->disturbed = cell->disturbed;
        if (!cell->disturbed && is_held(h))
            violate(w, "at %llu ms call %u got branch %s, but user %s project %s is on %s",
                    (unsigned long long)w->now_ms, call->number, h->expects, call->user, project,
                    cell->branch);
    }
    return h;
}

/* What of the cells the call may count on, when it has its lease. */
static size_t hold_cells(struct call *call, struct lk_lease *lease, struct holder *held[4])
{
    struct world *w = &call->run->w;
    const char *expects = call->mode == LK_CLAIM_BRANCH ? call->branch : NULL;
    size_t n = 0;

    for (size_t i = 0; i < call->n_projects; i++)
        held[n++] = count_on(call, lease, call->projects[i].ptr, expects);
    for (size_t i = 0; call->n_projects == 0 && i < w->n_cells; i++) {
        if (strcmp(w->cells[i].user, call->user) == 0)
            held[n++] = count_on(call, lease, w->cells[i].project, NULL);
    }
    if (expects != NULL && call->imports && w->imports != NULL && call->n_projects == 1 &&
        lk_str_eq(call->projects[0], LK_STR("a")))
        held[n++] = count_on(call, lease, "b", w->lacks == NULL ? expects : NULL);
    return n;
}

/* Moves the branch on purpose, as switch_git_branch does. */
static void move_alone(struct call *call, struct lk_lease *lease, struct holder *own)
{
    struct world *w = &call->run->w;
    struct fake_cell *cell = cell_of(w, call->user, call->projects[0]);
    struct late_put *put;
    char name[16];

    if (lease != NULL && !lk_lease_is_held(lease))
        return;
    snprintf(name, sizeof(name), "alone-%u", call->number);
    put = send_put(w, cell, lk_str(name), below(w, 40), own->id);
    put->rightful = true;
    if (!nap(w, call->process, 45) && lease != NULL)
        lk_lease_doubt(lease);
    if (lease != NULL)
        lk_lease_settled(lease);
}

static void use(struct call *call, struct lk_lease *lease)
{
    struct world *w = &call->run->w;
    struct holder *held[4];
    size_t n = hold_cells(call, lease, held);
    uint64_t steps = 1 + below(w, 4);
    bool goes_on = true;

    trace(w, "call %u has its lease", call->number);
    call->taken = true;
    call->run->counts->taken++;
    if (call->mode == LK_CLAIM_ALONE)
        move_alone(call, lease, held[0]);
    for (uint64_t i = 0; i < steps && goes_on; i++)
        goes_on = nap(w, call->process, call->hold_ms / steps);
    for (size_t i = 0; i < n; i++) {
        if (held[i]->lease == lease && held[i]->process == call->process)
            *held[i] = (struct holder){0};
    }
}

static void give(struct call *call, struct lk_lease *lease)
{
    struct world *w = &call->run->w;
    struct lk_arena *arena;
    struct lk_lease_end end;
    uint64_t begun_ms = w->now_ms;

    if (call->detached) {
        lk_lease_give(lease, NULL, NULL);
        return;
    }
    arena = lk_arena_new();
    lk_lease_give(lease, arena, &end);
    call->run->counts->lost += end.lost;
    lk_arena_free(arena);
    if (w->now_ms - begun_ms > OVERTIME_MS)
        violate(w, "call %u took %llu ms to give back", call->number,
                (unsigned long long)(w->now_ms - begun_ms));
}

/* What calls would do without leases: read, check out, run, check out what was there. */
static void run_blind(struct call *call)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_lease_user user = {.id = lk_str(call->user)};
    struct lk_str homes[2];
    bool ok = true, move = call->mode == LK_CLAIM_BRANCH;

    for (size_t i = 0; ok && move && i < call->n_projects; i++)
        ok = fake_current(call->process, arena, &user, call->projects[i], &homes[i], NULL) &&
             fake_check_out(call->process, arena, &user, NULL, call->projects[i],
                            lk_str(call->branch), NULL);
    call->imports = false;
    if (ok)
        use(call, NULL);
    for (size_t i = 0; ok && move && i < call->n_projects; i++)
        ok = fake_check_out(call->process, arena, &user, NULL, call->projects[i], homes[i], NULL);
    lk_arena_free(arena);
}

static void run_leased(struct call *call)
{
    struct world *w = &call->run->w;
    struct lk_lease *lease = NULL;
    uint64_t begun_ms = w->now_ms;
    struct lk_error err = {0};
    struct lk_lease_wish wish = {
        .user = {.id = lk_str(call->user)},
        .mode = call->mode,
        .branch = lk_str(call->branch),
        .projects = call->projects,
        .n_projects = call->n_projects,
        .imports = call->imports && call->mode == LK_CLAIM_BRANCH,
        .sets_branch = call->sets_branch,
        .now_or_never = call->number % 8 == 7,
        .what = LK_STR("query"),
    };

    if (lk_lease_take(call->process->leases, &wish, &lease, &err) && lease != NULL) {
        use(call, lease);
        give(call, lease);
    }
    if (!call->taken && w->now_ms - begun_ms > WAIT_MS + OVERTIME_MS)
        violate(w, "call %u waited %llu ms: %s", call->number,
                (unsigned long long)(w->now_ms - begun_ms), err.message);
}

static void run_call(void *arg)
{
    struct call *call = arg;
    struct process *process;

    nap(&call->run->w, NULL, call->begin_ms);
    process = call->run->living[call->number % call->run->n_living];
    if (!process->dead && !lk_co_cancelled(lk_co_self(call->run->w.loop))) {
        call->process = process;
        if (call->run->blind)
            run_blind(call);
        else
            run_leased(call);
    }
    call->ended = true;
}

static void make_call(struct run *run, unsigned number)
{
    struct world *w = &run->w;
    struct call *call = &run->calls[number];
    unsigned kind = below(w, 10), projects = below(w, 4);

    *call = (struct call){
        .run = run,
        .number = number,
        .user = USERS[below(w, 8) == 0],
        .mode = kind < 6   ? LK_CLAIM_BRANCH
                : kind < 8 ? LK_CLAIM_HOLD
                           : LK_CLAIM_ALONE,
        .imports = chance(w, 400),
        .sets_branch = chance(w, 500),
        .detached = chance(w, 200),
        .begin_ms = below(w, 1500),
        .hold_ms = 1 + below(w, chance(w, 100) ? 5000 : 300),
    };
    call->branch = BRANCHES[below(w, 3)];
    call->projects[0] = projects < 3 ? LK_STR("a") : LK_STR("b");
    call->projects[1] = LK_STR("b");
    call->n_projects = projects == 2 && call->mode != LK_CLAIM_ALONE ? 2 : 1;
    if (call->mode == LK_CLAIM_HOLD && chance(w, 300))
        call->n_projects = 0;
    run->counts->calls++;
    assert_true(lk_co_start(w->loop, run_call, call, &call->co, NULL));
}

/* ---- what happens to them ---- */

static void cancel_calls_of(struct run *run, const struct process *process)
{
    for (size_t i = 0; i < run->n_calls; i++) {
        if (!run->calls[i].ended && run->calls[i].process == process)
            lk_co_cancel(run->calls[i].co);
    }
}

static void reap(void *arg)
{
    struct reaping *reaping = arg;

    lk_leases_end(reaping->process->leases, 0);
}

static struct process *start_process(struct run *run)
{
    struct process *process = new_process(&run->w);

    if (run->log.fd > 0)
        process->leases->options.log = &run->log;
    if (!run->blind)
        lk_leases_recover(process->leases);
    return process;
}

/* kill -9, and the next one is started. */
static void die(struct run *run)
{
    size_t who = below(&run->w, (unsigned)run->n_living);
    struct process *victim = run->living[who];
    struct reaping *reaping = &run->reapings[run->n_reaping++];

    run->counts->deaths++;
    kill_process(victim);
    cancel_calls_of(run, victim);
    *reaping = (struct reaping){victim, run};
    assert_true(lk_co_start(run->w.loop, reap, reaping, NULL, NULL));
    run->living[who] = start_process(run);
}

static void freeze(struct run *run)
{
    struct process *victim = run->living[below(&run->w, (unsigned)run->n_living)];

    run->counts->freezes++;
    victim->frozen_until_ms = run->w.now_ms + below(&run->w, TTL_MS * 2);
}

static void cancel(struct run *run)
{
    struct call *call = &run->calls[below(&run->w, (unsigned)run->n_calls)];

    run->counts->cancels++;
    if (!call->ended)
        lk_co_cancel(call->co);
}

/* A person switches the branch. */
static void move_by_hand(struct run *run)
{
    struct world *w = &run->w;
    struct fake_cell *cell = &w->cells[below(w, (unsigned)w->n_cells)];

    run->counts->moves++;
    cell->disturbed = true;
    if (cell->n_was < 4)
        memcpy(cell->was[cell->n_was++], cell->rightful, sizeof(cell->rightful));
    snprintf(cell->rightful, sizeof(cell->rightful), "hand-%u", run->n_moves++);
    memcpy(cell->branch, cell->rightful, sizeof(cell->branch));
    for (size_t i = 0; i < MAX_HOLDERS; i++) {
        struct holder *h = &w->holders[i];

        if (h->process != NULL && strcmp(h->user, cell->user) == 0 &&
            strcmp(h->project, cell->project) == 0)
            h->disturbed = true;
    }
}

static bool knows(const struct process *process, const struct lk_cell *cell)
{
    const struct lk_lease_room *room = process->leases->rooms;

    for (; room != NULL; room = room->next) {
        for (const struct lk_lease *actor = room->first; actor != NULL; actor = actor->next) {
            const struct lk_cell *known = lk_actor_known(actor, cell->project);

            if (known != NULL && lk_str_eq(known->home, cell->home) &&
                known->fence == cell->fence && !actor->lost)
                return true;
        }
    }
    return false;
}

/* What only the store knows is gone when it forgets: what was left by one process to another which
 * has not looked since, for an instant. */
static bool can_be_forgotten(const struct run *run)
{
    const struct world *w = &run->w;
    struct lk_arena *arena = lk_arena_new();
    bool known = true;

    for (size_t i = 0; i < MAX_DOCUMENTS; i++) {
        struct lk_lease_state state = {0};

        if (w->documents[i].len > 0)
            assert_true(lk_state_read(arena, lk_str_n(w->documents[i].text, w->documents[i].len),
                                      &state, NULL));
        for (size_t c = 0; c < state.n_cells; c++) {
            bool by_one = state.cells[c].home.len == 0;

            for (size_t p = 0; p < run->n_living; p++)
                by_one |= knows(run->living[p], &state.cells[c]);
            known &= by_one;
        }
    }
    lk_arena_free(arena);
    return known;
}

static void leave_store(struct run *run)
{
    struct world *w = &run->w;
    struct process *one = run->living[below(w, (unsigned)run->n_living)];
    bool all = chance(w, 500);

    run->counts->absences++;
    w->away = all;
    one->cut_off = !all;
    nap(w, NULL, below(w, run->forgetful ? TTL_MS / 4 : TTL_MS * 2));
    if (run->forgetful && can_be_forgotten(run)) {
        run->counts->losses++;
        empty_store(w);
    }
    w->away = one->cut_off = false;
}

static void happen(struct run *run)
{
    struct world *w = &run->w;

    switch (below(w, 7)) {
    case 0:
        if (!run->forgetful && run->n_reaping < 8)
            die(run);
        break;
    case 1:
        if (!run->forgetful)
            freeze(run);
        break;
    case 2:
    case 3:
        cancel(run);
        break;
    case 4:
        if (run->seed % 4 == 0)
            move_by_hand(run);
        break;
    case 5:
        if (!w->away)
            leave_store(run);
        break;
    default:
        if (run->forgetful)
            break; /* how long it is closed for is told by that clock */
        run->counts->jumps++;
        w->wall_jump_ms += (int64_t)below(w, 20000) - 10000;
    }
}

static void fate(void *arg)
{
    struct run *run = arg;

    for (; run->n_events > 0; run->n_events--) {
        nap(&run->w, NULL, below(&run->w, 700));
        happen(run);
    }
}

/* ---- a run ---- */

static bool a_imports_b(struct world *world, const char *user, struct lk_str project, bool dev,
                        const char **ret_import)
{
    (void)world;
    (void)user;
    (void)dev;
    *ret_import = "b";
    return lk_str_eq(project, LK_STR("a"));
}

/* Seen only on the branch. */
static bool branch_imports_b(struct world *world, const char *user, struct lk_str project, bool dev,
                             const char **ret_import)
{
    *ret_import = "b";
    return dev && lk_str_eq(project, LK_STR("a")) &&
           strncmp(cell_of(world, user, LK_STR("a"))->branch, "dev", 3) != 0;
}

static void set_scene(struct run *run, struct lk_loop *loop)
{
    struct world *w = &run->w;

    open_world(w, loop, run->seed);
    for (size_t i = 0; i < 2; i++) {
        add_cell(w, USERS[i], "a");
        add_cell(w, USERS[i], "b");
    }
    run->forgetful = run->seed % 8 == 1;
    w->knows_the_dead = !run->forgetful && chance(w, 500);
    if (run->seed % 3 == 0)
        w->odds = (struct odds){.put_refused = 50,
                                .put_failed = 60,
                                .put_timeout = 80,
                                .get_failed = 60,
                                .store_slow = 200,
                                .store_lost = 20};
    if (run->seed % 3 == 1)
        w->odds.store_slow = 300;
    if (run->seed % 5 == 0 && !run->forgetful)
        w->odds.stopped = 40;
    switch (below(w, 4)) {
    case 0:
        w->imports = a_imports_b;
        w->lacks = chance(w, 300) ? "b" : NULL;
        break;
    case 1:
        w->imports = branch_imports_b;
        break;
    default:
        break;
    }
}

static void end_all(void *arg)
{
    struct process *process = arg;

    lk_leases_end(process->leases, 20000);
}

static bool may_be(const struct fake_cell *cell, const char *branch)
{
    for (unsigned i = 0; cell->disturbed && i < cell->n_was; i++) {
        if (strcmp(cell->was[i], branch) == 0)
            return true;
    }
    return strcmp(cell->rightful, branch) == 0;
}

static void check_the_end(struct run *run)
{
    struct world *w = &run->w;

    for (size_t i = 0; i < w->n_cells; i++) {
        if (!may_be(&w->cells[i], w->cells[i].branch))
            violate(w, "in the end user %s project %s is on %s, not on %s", w->cells[i].user,
                    w->cells[i].project, w->cells[i].branch, w->cells[i].rightful);
    }
    for (size_t i = 0; !run->blind && i < MAX_DOCUMENTS; i++) {
        if (w->documents[i].len > 0)
            violate(w, "in the end the journal says %.*s", (int)w->documents[i].len,
                    w->documents[i].text);
    }
}

/* All that was wrong with the world passes; what there is to put right is put right then. */
static void heal(struct run *run)
{
    struct world *w = &run->w;
    uint64_t until_ms = w->now_ms + HEAL_MS;

    w->away = false;
    w->odds = (struct odds){0};
    for (size_t i = 0; i < w->n_processes; i++) {
        w->processes[i]->cut_off = false;
        w->processes[i]->frozen_until_ms = 0;
    }
    while (w->now_ms < until_ms && (count_documents(w) > 0 || run->blind) && next_appointment(w))
        run_ready(w);
    for (size_t i = 0; i < run->n_living; i++)
        assert_true(lk_co_start(w->loop, end_all, run->living[i], NULL, NULL));
    if (!run_world(w, 0, w->now_ms + OVERTIME_MS)) {
        print_error("LEASE_SEED=%llu: the leases do not end (%s)\n", (unsigned long long)run->seed,
                    w->violation);
        exit(1); /* nothing can be freed */
    }
}

static void close_run(struct run *run)
{
    struct world *w = &run->w;

    for (size_t i = 0; i < w->n_processes; i++) {
        run->counts->swaps += (unsigned)lk_leases_count(w->processes[i]->leases)->swaps;
        lk_leases_free(w->processes[i]->leases);
        lk_lease_store_close(w->processes[i]->store);
    }
    close_world(w);
}

static bool calls_end(struct run *run, uint64_t until_ms)
{
    struct world *w = &run->w;

    run_ready(w);
    while (run->n_events > 0) {
        if (!next_appointment(w))
            return false;
        run_ready(w);
    }
    for (size_t i = 0; i < run->n_calls; i++) {
        while (!run->calls[i].ended) {
            if (w->now_ms > until_ms || !next_appointment(w))
                return false;
            run_ready(w);
        }
    }
    return true;
}

/* The violation, or NULL. */
static const char *run_seed(struct run *run, struct lk_loop *loop)
{
    struct world *w = &run->w;

    set_scene(run, loop);
    w->traces = run->log.fd > 0;
    run->n_calls = 2 + below(w, MAX_CALLS - 1);
    run->n_events = below(w, MAX_EVENTS + 1);
    run->n_living = 1 + below(w, 3);
    for (size_t i = 0; i < run->n_living; i++)
        run->living[i] = start_process(run);
    for (unsigned i = 0; i < run->n_calls; i++)
        make_call(run, i);
    assert_true(lk_co_start(w->loop, fate, run, NULL, NULL));
    if (!calls_end(run, w->now_ms + WAIT_MS + 3 * OVERTIME_MS))
        violate(w, "a call waits for ever");
    heal(run);
    check_the_end(run);
    close_run(run);
    return w->violations > 0 ? w->violation : NULL;
}

/* ---- tests ---- */

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void test_nothing_goes_wrong_with_leases(void **state)
{
    uint64_t only = from_environment("LEASE_SEED", 0);
    uint64_t runs = only != 0 ? 1 : from_environment("LEASE_RUNS", RUNS);
    uint64_t first = from_environment("LEASE_FIRST", 1);
    struct run *run = calloc(1, sizeof(*run));
    struct counts counts = {0};
    struct lk_loop *loop;
    unsigned failures = 0;

    (void)state;
    assert_true(lk_loop_new(&loop, NULL));
    for (uint64_t i = 0; i < runs && failures < 5; i++) {
        const char *violation;

        *run = (struct run){.seed = only != 0 ? only : first + i, .counts = &counts};
        if (only != 0)
            run->log = (struct lk_log){.fd = 2};
        violation = run_seed(run, loop);
        if (violation != NULL) {
            print_error("LEASE_SEED=%llu: %s\n", (unsigned long long)run->seed, violation);
            failures++;
        }
    }
    print_message("seeds %llu to %llu: %u calls, %u of them with a lease (%u lost), %u swaps; %u "
                  "deaths, %u freezes, %u cancels, %u absences of the store, %u times empty after "
                  "it, %u jumps of the clock, %u moves by hand\n",
                  (unsigned long long)(only != 0 ? only : first),
                  (unsigned long long)(only != 0 ? only : first + runs - 1), counts.calls,
                  counts.taken, counts.lost, counts.swaps, counts.deaths, counts.freezes,
                  counts.cancels, counts.absences, counts.losses, counts.jumps, counts.moves);
    lk_loop_free(loop);
    free(run);
    assert_int_equal(failures, 0);
}

static void test_without_leases_the_model_sees_it_go_wrong(void **state)
{
    struct run *run = calloc(1, sizeof(*run));
    struct counts counts = {0};
    struct lk_loop *loop;
    uint64_t runs = from_environment("LEASE_RUNS", BLIND_RUNS);
    unsigned seen = 0, moved = 0, wrong = 0, left = 0;

    (void)state;
    if (runs > BLIND_RUNS)
        runs = BLIND_RUNS;
    assert_true(lk_loop_new(&loop, NULL));
    for (uint64_t i = 0; i < runs; i++) {
        const char *violation;

        *run = (struct run){.seed = 1 + i, .blind = true, .counts = &counts};
        violation = run_seed(run, loop);
        if (violation == NULL)
            continue;
        seen++;
        moved += strstr(violation, " goes from ") != NULL;
        wrong += strstr(violation, " got branch ") != NULL;
        left += strstr(violation, "in the end ") != NULL;
    }
    print_message(
        "without leases %u of %u runs go wrong; what is seen first is a cell that moves under "
        "a call in %u, a call on another branch than its own in %u, a cell that is not "
        "back in %u\n",
        seen, (unsigned)runs, moved, wrong, left);
    lk_loop_free(loop);
    free(run);
    assert_true(seen > runs / 4);
    assert_true(moved > 0 && left > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_goes_wrong_with_leases),
        cmocka_unit_test(test_without_leases_the_model_sees_it_go_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
