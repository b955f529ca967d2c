/*
 * Who runs, who waits, and whose turn it is; then the same from several threads at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mcp/gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX 64

struct call {
    struct mcp_ticket ticket; /* first: callbacks get it */
    char name;
    bool runs, dropped;
};

static struct world {
    struct lk_loop *loop;
    struct mcp_gate *gate;
    struct mcp_door *door;
    char order[MAX]; /* who was granted a place, in order */
} world;

static void granted(struct mcp_ticket *ticket)
{
    struct call *call = (struct call *)ticket;
    size_t len = strlen(world.order);

    call->runs = true;
    world.order[len] = call->name;
}

static void dropped(struct mcp_ticket *ticket)
{
    ((struct call *)ticket)->dropped = true;
}

static void open_gate(uint32_t max_running, uint32_t max_waiting)
{
    world = (struct world){0};
    assert_true(lk_loop_new(&world.loop, NULL));
    world.gate = mcp_gate_new(
        &(struct mcp_gate_options){.max_running = max_running, .max_waiting = max_waiting});
    world.door = mcp_door_new(world.gate, &(struct mcp_door_options){world.loop, granted, dropped});
}

static int close_gate(void **state)
{
    (void)state;
    assert_int_equal(mcp_gate_count(world.gate).running, 0);
    assert_int_equal(mcp_gate_count(world.gate).waiting, 0);
    lk_loop_free(world.loop);
    mcp_gate_free(world.gate);
    return 0;
}

static enum mcp_ticket_state enter(struct call *call, char name)
{
    enum mcp_ticket_state state;

    *call = (struct call){.name = name};
    state = mcp_gate_enter(world.door, &call->ticket, lk_str_n(&name, 1));
    call->runs = state == MCP_TICKET_RUNNING;
    return state;
}

static void turn(void)
{
    for (int i = 0; i < 3; i++)
        lk_loop_run_once(world.loop, 0);
}

static void leave(struct call *call)
{
    mcp_gate_leave(&call->ticket);
    turn();
}

/* Everybody who runs leaves, one after the other, until nobody is left. */
static void let_all_end(struct call *calls, size_t n)
{
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < n; i++) {
            if (!calls[i].runs)
                continue;
            calls[i].runs = false;
            leave(&calls[i]);
            any = true;
        }
    }
}

static void so_many_run_and_the_rest_waits(void **state)
{
    struct call calls[5];

    (void)state;
    open_gate(2, 2);
    assert_int_equal(enter(&calls[0], 'a'), MCP_TICKET_RUNNING);
    assert_int_equal(enter(&calls[1], 'a'), MCP_TICKET_RUNNING);
    assert_int_equal(enter(&calls[2], 'a'), MCP_TICKET_WAITING);
    assert_int_equal(enter(&calls[3], 'a'), MCP_TICKET_WAITING);
    assert_int_equal(enter(&calls[4], 'a'), MCP_TICKET_OUT);
    assert_int_equal(mcp_gate_count(world.gate).refused, 1);
    turn();
    assert_string_equal(world.order, "");
    leave(&calls[0]);
    assert_true(calls[2].runs && !calls[3].runs);
    leave(&calls[3]); /* has enough of waiting */
    leave(&calls[1]);
    leave(&calls[2]);
    leave(&calls[4]);
    assert_string_equal(world.order, "a");
}

static void without_a_queue_nobody_waits(void **state)
{
    struct call calls[2];

    (void)state;
    open_gate(1, 0);
    assert_int_equal(enter(&calls[0], 'a'), MCP_TICKET_RUNNING);
    assert_int_equal(enter(&calls[1], 'b'), MCP_TICKET_OUT);
    leave(&calls[0]);
}

static void callers_take_turns(void **state)
{
    static const char names[] = "xaaaabbc";
    struct call calls[8];

    (void)state;
    open_gate(1, 100);
    for (size_t i = 0; i < 8; i++)
        enter(&calls[i], names[i]);
    let_all_end(calls, 8);
    assert_string_equal(world.order, "abcabaa");
}

/* Calls that take long do not shut out who comes later. */
static void places_are_kept_for_who_has_none(void **state)
{
    struct call hog[20], others[4];

    (void)state;
    open_gate(16, 100); /* two of them are reserved */
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(enter(&hog[i], 'h'), i < 14 ? MCP_TICKET_RUNNING : MCP_TICKET_WAITING);
    assert_int_equal(enter(&others[0], 'a'), MCP_TICKET_RUNNING);
    assert_int_equal(enter(&others[1], 'a'), MCP_TICKET_WAITING);
    assert_int_equal(enter(&others[2], 'b'), MCP_TICKET_RUNNING);
    assert_int_equal(enter(&others[3], 'c'), MCP_TICKET_WAITING);
    others[0].runs = false;
    leave(&others[0]); /* its place is for those of whom nothing runs, though h has waited longer */
    assert_string_equal(world.order, "a");
    others[2].runs = false;
    leave(&others[2]);
    assert_string_equal(world.order, "ac");
    let_all_end(hog, 20);
    let_all_end(others, 4);
}

static void a_full_queue_drops_who_has_most_waiting(void **state)
{
    struct call calls[6];

    (void)state;
    open_gate(1, 3);
    enter(&calls[0], 'x');
    enter(&calls[1], 'a');
    enter(&calls[2], 'a');
    enter(&calls[3], 'a');
    assert_int_equal(enter(&calls[4], 'b'), MCP_TICKET_WAITING);
    turn();
    assert_true(calls[3].dropped && !calls[1].dropped && !calls[2].dropped);
    assert_int_equal(enter(&calls[5], 'b'), MCP_TICKET_OUT); /* no more than a has */
    assert_int_equal(mcp_gate_count(world.gate).refused, 2);
    let_all_end(calls, 6);
    assert_string_equal(world.order, "aba");
}

static void leaving_before_it_is_told(void **state)
{
    struct call calls[4];

    (void)state;
    open_gate(1, 2);
    enter(&calls[0], 'x');
    enter(&calls[1], 'a');
    enter(&calls[2], 'a');
    enter(&calls[3], 'b'); /* a's second one is dropped */
    mcp_gate_leave(&calls[2].ticket);
    mcp_gate_leave(&calls[0].ticket); /* the place is a's */
    mcp_gate_leave(&calls[1].ticket);
    mcp_gate_leave(&calls[1].ticket);
    turn();
    assert_false(calls[1].runs || calls[2].dropped);
    assert_string_equal(world.order, "b");
    leave(&calls[3]);
}

static void long_names_count_by_their_end(void **state)
{
    struct mcp_ticket tickets[3] = {{0}};
    char name[1000];

    (void)state;
    open_gate(8, 10); /* one place is reserved */
    memset(name, 'n', sizeof(name));
    for (size_t i = 0; i < 7; i++) {
        static struct mcp_ticket hog[7];

        hog[i] = (struct mcp_ticket){0};
        mcp_gate_enter(world.door, &hog[i], lk_str_n(name, sizeof(name)));
        if (i == 6) {
            assert_int_equal(mcp_gate_enter(world.door, &tickets[0], lk_str_n(name, 999)),
                             MCP_TICKET_WAITING); /* cut, it is the same */
            name[999] = 'm';
            assert_int_equal(mcp_gate_enter(world.door, &tickets[1], lk_str_n(name, 1000)),
                             MCP_TICKET_RUNNING);
            for (size_t j = 0; j < 7; j++)
                mcp_gate_leave(&hog[j]);
        }
    }
    mcp_gate_leave(&tickets[0]);
    mcp_gate_leave(&tickets[1]);
    turn();
}

/* ---- threads ---- */

#define THREADS 4
#define CALLS 3000
#define AT_ONCE 40

struct thread {
    pthread_t id;
    struct lk_loop *loop;
    struct mcp_door *door;
    unsigned n_begun, n_over, seed;
    struct call *calls;
};

static atomic_int n_running, most_running;

struct timed {
    struct mcp_ticket ticket;
    struct thread *thread;
    struct lk_timer timer;
};

static void begin_more(struct thread *thread);

static void over(struct timed *timed)
{
    struct thread *thread = timed->thread;

    thread->n_over++;
    free(timed);
    begin_more(thread);
    if (thread->n_over == CALLS)
        lk_loop_stop(thread->loop);
}

static void end_timed(void *arg)
{
    struct timed *timed = arg;

    atomic_fetch_sub(&n_running, 1);
    mcp_gate_leave(&timed->ticket);
    over(timed);
}

static void timed_granted(struct mcp_ticket *ticket)
{
    struct timed *timed = (struct timed *)ticket;
    int now = atomic_fetch_add(&n_running, 1) + 1, most = atomic_load(&most_running);

    while (now > most && !atomic_compare_exchange_weak(&most_running, &most, now))
        ;
    timed->timer = lk_timer(end_timed, timed);
    lk_timer_start(timed->thread->loop, &timed->timer, 0);
}

static void timed_dropped(struct mcp_ticket *ticket)
{
    over((struct timed *)ticket);
}

/* Keeps so many under way; some give up at once. */
static void begin_more(struct thread *thread)
{
    while (thread->n_begun < CALLS && thread->n_begun - thread->n_over < AT_ONCE) {
        struct timed *timed = calloc(1, sizeof(*timed));
        char name = (char)('a' + rand_r(&thread->seed) % 5);
        enum mcp_ticket_state state;

        timed->thread = thread;
        thread->n_begun++;
        state = mcp_gate_enter(thread->door, &timed->ticket, lk_str_n(&name, 1));
        if (state == MCP_TICKET_RUNNING) {
            timed_granted(&timed->ticket);
        } else if (state == MCP_TICKET_OUT || rand_r(&thread->seed) % 4 == 0) {
            mcp_gate_leave(&timed->ticket);
            thread->n_over++;
            free(timed);
        }
    }
    if (thread->n_over == CALLS)
        lk_loop_stop(thread->loop);
}

static void *run_thread(void *arg)
{
    struct thread *thread = arg;

    begin_more(thread);
    lk_loop_run(thread->loop);
    return NULL;
}

static void from_many_threads(void **state)
{
    struct thread threads[THREADS] = {{0}};

    (void)state;
    open_gate(10, 60);
    for (unsigned i = 0; i < THREADS; i++) {
        struct thread *thread = &threads[i];

        thread->seed = i;
        assert_true(lk_loop_new(&thread->loop, NULL));
        thread->door = mcp_door_new(
            world.gate, &(struct mcp_door_options){thread->loop, timed_granted, timed_dropped});
        assert_int_equal(pthread_create(&thread->id, NULL, run_thread, thread), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i].id, NULL);
        assert_int_equal(threads[i].n_over, CALLS);
        lk_loop_free(threads[i].loop);
    }
    assert_int_equal(atomic_load(&n_running), 0);
    assert_true(atomic_load(&most_running) <= 10 && atomic_load(&most_running) > 1);
}

#define TEST(test) cmocka_unit_test_teardown(test, close_gate)

static void downloads_have_a_limit_of_their_own(void **state)
{
    static const struct lk_str names[] = {LK_STR_INIT("ada"), LK_STR_INIT("bob")};
    struct mcp_lane *lanes[2];
    uint32_t half;
    bool own;

    (void)state;
    open_gate(1, 0);
    half = mcp_gate_max_downloads(world.gate) / 2;
    for (size_t caller = 0; caller < 2; caller++) {
        for (uint32_t i = 0; i < half; i++) {
            lanes[caller] = mcp_gate_begin_download(world.gate, names[caller], &own);
            assert_non_null(lanes[caller]);
        }
        assert_null(mcp_gate_begin_download(world.gate, names[caller], &own));
        assert_int_equal(own, caller == 0); /* then there is room for nobody */
    }
    assert_null(mcp_gate_begin_download(world.gate, LK_STR("eve"), &own));
    mcp_gate_end_download(world.gate, lanes[0]);
    assert_null(mcp_gate_begin_download(world.gate, names[1], &own));
    assert_true(own);
    assert_ptr_equal(mcp_gate_begin_download(world.gate, names[0], &own), lanes[0]);
    for (uint32_t i = 0; i < 2 * half; i++)
        mcp_gate_end_download(world.gate, lanes[i % 2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(so_many_run_and_the_rest_waits),
        TEST(without_a_queue_nobody_waits),
        TEST(callers_take_turns),
        TEST(places_are_kept_for_who_has_none),
        TEST(a_full_queue_drops_who_has_most_waiting),
        TEST(leaving_before_it_is_told),
        TEST(long_names_count_by_their_end),
        TEST(downloads_have_a_limit_of_their_own),
        TEST(from_many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
