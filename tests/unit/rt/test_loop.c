/*
 * The loop: timers, watched fds, deferred functions, and what other threads may ask of it.
 */
#include "../test.h"

#include "base/buf.h"
#include "rt/loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct fixture {
    struct lk_loop *loop;
    struct lk_buf trace;
    struct lk_timer timers[8];
};

/* A timer's or watch's argument: the fixture and which one it is. */
struct tag {
    struct fixture *f;
    char letter;
    struct lk_timer *stop; /* what the callback stops or unwatches */
    struct lk_watch *unwatch;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    lk_buf_init(&f->trace, 4096);
    *state = f;
    return lk_loop_new(&f->loop, NULL) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    lk_loop_free(f->loop);
    lk_buf_free(&f->trace);
    free(f);
    return 0;
}

/* Turns until the trace has so many letters, at most two seconds. */
static void turn_until(struct fixture *f, size_t len)
{
    uint64_t until = lk_loop_now_ms(f->loop) + 2000;

    while (f->trace.len < len && lk_loop_now_ms(f->loop) < until)
        lk_loop_run_once(f->loop, 100);
}

static void note(void *arg)
{
    struct tag *tag = arg;

    lk_buf_char(&tag->f->trace, tag->letter);
    if (tag->stop != NULL)
        lk_timer_stop(tag->f->loop, tag->stop);
    if (tag->unwatch != NULL)
        lk_loop_unwatch(tag->f->loop, tag->unwatch);
}

static void note_ready(void *arg, uint32_t events)
{
    (void)events;
    note(arg);
}

/* ---- timers ---- */

static void test_timers_fire_in_order(void **state)
{
    static const uint64_t delays[] = {30, 5, 20, 0, 10};
    struct fixture *f = *state;
    struct tag tags[5];

    for (unsigned i = 0; i < 5; i++) {
        tags[i] = (struct tag){.f = f, .letter = (char)('a' + i)};
        f->timers[i] = lk_timer(note, &tags[i]);
        lk_timer_start(f->loop, &f->timers[i], delays[i]);
    }
    turn_until(f, 5);
    assert_str(lk_buf_view(&f->trace), "dbeca");
}

static void test_many_timers_fire_in_order(void **state)
{
    enum { N = 2000 };
    struct fixture *f = *state;
    struct lk_timer *timers = calloc(N, sizeof(*timers));
    struct tag tag = {.f = f, .letter = '.'};
    unsigned seed = 7, stopped = 0;

    f->trace.max_bytes = N;
    for (unsigned i = 0; i < N; i++) {
        timers[i] = lk_timer(note, &tag);
        seed = seed * 1103515245 + 12345;
        lk_timer_start(f->loop, &timers[i], (seed >> 16) % 50);
    }
    for (unsigned i = 0; i < N; i += 3, stopped++)
        lk_timer_stop(f->loop, &timers[i]);
    turn_until(f, N - stopped);
    lk_loop_run_once(f->loop, 60);
    assert_int_equal(f->trace.len, N - stopped);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(timers[i].index_, 0);
    free(timers);
}

static void test_restart_moves_a_timer(void **state)
{
    struct fixture *f = *state;
    struct tag a = {.f = f, .letter = 'a'}, b = {.f = f, .letter = 'b'};
    uint64_t start = lk_loop_now_ms(f->loop);

    f->timers[0] = lk_timer(note, &a);
    f->timers[1] = lk_timer(note, &b);
    lk_timer_start(f->loop, &f->timers[0], 5);
    lk_timer_start(f->loop, &f->timers[1], 20);
    lk_timer_start(f->loop, &f->timers[0], 40); /* later */
    turn_until(f, 2);
    assert_str(lk_buf_view(&f->trace), "ba");
    assert_true(lk_loop_now_ms(f->loop) - start >= 40);

    lk_timer_start(f->loop, &f->timers[0], 60000);
    lk_timer_start(f->loop, &f->timers[0], 5); /* earlier */
    turn_until(f, 3);
    assert_str(lk_buf_view(&f->trace), "baa");
}

static void test_stop_inside_a_callback(void **state)
{
    struct fixture *f = *state;
    struct tag a = {.f = f, .letter = 'a', .stop = &f->timers[1]};
    struct tag b = {.f = f, .letter = 'b'}, c = {.f = f, .letter = 'c', .stop = &f->timers[2]};

    f->timers[0] = lk_timer(note, &a);
    f->timers[1] = lk_timer(note, &b);
    f->timers[2] = lk_timer(note, &c); /* stops itself, which is no longer running: legal */
    lk_timer_start(f->loop, &f->timers[0], 5);
    lk_timer_start(f->loop, &f->timers[1], 5);
    lk_timer_start(f->loop, &f->timers[2], 15);
    turn_until(f, 2);
    lk_loop_run_once(f->loop, 20);
    assert_str(lk_buf_view(&f->trace), "ac");
}

static void start_again(void *arg)
{
    struct tag *tag = arg;

    lk_buf_char(&tag->f->trace, tag->letter);
    lk_timer_start(tag->f->loop, &tag->f->timers[0], 0);
}

static void test_a_timer_that_restarts_itself_lets_others_run(void **state)
{
    struct fixture *f = *state;
    struct tag a = {.f = f, .letter = 'a'};
    uint64_t before = lk_loop_now_ms(f->loop);

    f->timers[0] = lk_timer(start_again, &a);
    lk_timer_start(f->loop, &f->timers[0], 0);
    for (int i = 0; i < 10; i++)
        lk_loop_run_once(f->loop, 1000); /* returns; does not wait either */
    assert_true(f->trace.len >= 5 && f->trace.len <= 10);
    assert_true(lk_loop_now_ms(f->loop) - before < 1000);
    lk_timer_stop(f->loop, &f->timers[0]);
}

static uint64_t clock_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Not even by the part of a millisecond that had passed when it was started. */
static void test_timers_are_never_early(void **state)
{
    struct fixture *f = *state;
    struct tag a = {.f = f, .letter = 'a'};

    f->timers[0] = lk_timer(note, &a);
    for (size_t i = 1; i <= 5; i++) {
        uint64_t before = clock_us();

        lk_timer_start(f->loop, &f->timers[0], 3);
        turn_until(f, i);
        assert_true(clock_us() - before >= 3000);
    }
}

static void test_timers_outlive_a_long_pause(void **state)
{
    struct fixture *f = *state;
    struct tag a = {.f = f, .letter = 'a'};
    uint64_t before;

    lk_loop_run_once(f->loop, 0);
    usleep(30000); /* the time of the last turn is old by now */
    f->timers[0] = lk_timer(note, &a);
    before = lk_loop_now_ms(f->loop);
    lk_timer_start(f->loop, &f->timers[0], 25);
    turn_until(f, 1);
    assert_true(lk_loop_now_ms(f->loop) - before >= 25);
}

/* ---- watches ---- */

static void test_watches_a_pipe(void **state)
{
    struct fixture *f = *state;
    struct tag tag = {.f = f, .letter = 'r'};
    struct lk_watch watch;
    char byte;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    watch = (struct lk_watch){.fd = fds[0], .ready = note_ready, .arg = &tag};
    assert_true(lk_loop_watch(f->loop, &watch, EPOLLIN, NULL));
    lk_loop_run_once(f->loop, 0);
    assert_str(lk_buf_view(&f->trace), "");
    assert_int_equal(write(fds[1], "x", 1), 1);
    lk_loop_run_once(f->loop, 1000);
    lk_loop_run_once(f->loop, 1000); /* level-triggered */
    assert_str(lk_buf_view(&f->trace), "rr");
    lk_loop_rewatch(f->loop, &watch, 0);
    lk_loop_run_once(f->loop, 0);
    assert_str(lk_buf_view(&f->trace), "rr");
    lk_loop_rewatch(f->loop, &watch, EPOLLIN);
    lk_loop_run_once(f->loop, 1000);
    assert_str(lk_buf_view(&f->trace), "rrr");
    assert_int_equal(read(fds[0], &byte, 1), 1);
    close(fds[1]); /* the end is an event as well */
    lk_loop_run_once(f->loop, 1000);
    assert_str(lk_buf_view(&f->trace), "rrrr");
    lk_loop_unwatch(f->loop, &watch);
    lk_loop_run_once(f->loop, 0);
    assert_str(lk_buf_view(&f->trace), "rrrr");
    close(fds[0]);
}

/* Both are ready in one batch; whichever comes first takes the other out. */
static void test_unwatched_in_the_same_batch(void **state)
{
    struct fixture *f = *state;
    struct lk_watch *watches = calloc(2, sizeof(*watches));
    struct tag a = {.f = f, .letter = 'x', .unwatch = &watches[1]};
    struct tag b = {.f = f, .letter = 'x', .unwatch = &watches[0]};
    int one[2], two[2];

    assert_int_equal(pipe(one) | pipe(two), 0);
    watches[0] = (struct lk_watch){.fd = one[0], .ready = note_ready, .arg = &a};
    watches[1] = (struct lk_watch){.fd = two[0], .ready = note_ready, .arg = &b};
    assert_true(lk_loop_watch(f->loop, &watches[0], EPOLLIN, NULL));
    assert_true(lk_loop_watch(f->loop, &watches[1], EPOLLIN, NULL));
    assert_int_equal(write(one[1], "x", 1) + write(two[1], "x", 1), 2);
    lk_loop_run_once(f->loop, 1000);
    assert_str(lk_buf_view(&f->trace), "x");
    lk_loop_unwatch(f->loop, &watches[0]);
    lk_loop_unwatch(f->loop, &watches[1]);
    close(one[0]);
    close(one[1]);
    close(two[0]);
    close(two[1]);
    free(watches);
}

static void test_a_regular_file_is_always_ready(void **state)
{
    struct fixture *f = *state;
    FILE *file = tmpfile();
    struct lk_watch watch, other;
    struct tag tag = {.f = f, .letter = 'f'}, last = {.f = f, .letter = 'g', .unwatch = &other};
    uint64_t before = lk_loop_now_ms(f->loop);

    watch = (struct lk_watch){.fd = fileno(file), .ready = note_ready, .arg = &tag};
    assert_true(lk_loop_watch(f->loop, &watch, EPOLLIN, NULL));
    lk_loop_run_once(f->loop, 5000);
    lk_loop_run_once(f->loop, 5000);
    assert_str(lk_buf_view(&f->trace), "ff");
    assert_true(lk_loop_now_ms(f->loop) - before < 2000);
    lk_loop_rewatch(f->loop, &watch, 0);
    lk_loop_run_once(f->loop, 0);
    assert_str(lk_buf_view(&f->trace), "ff");
    lk_loop_rewatch(f->loop, &watch, EPOLLOUT);
    other = (struct lk_watch){.fd = fileno(file), .ready = note_ready, .arg = &last};
    assert_true(lk_loop_watch(f->loop, &other, EPOLLIN, NULL)); /* unwatches itself */
    lk_loop_run_once(f->loop, 0);
    lk_loop_unwatch(f->loop, &watch);
    lk_loop_run_once(f->loop, 0);
    assert_str(lk_buf_view(&f->trace), "ffgf");
    fclose(file);
}

static void test_refuses_what_is_no_fd(void **state)
{
    struct fixture *f = *state;
    struct lk_watch watch = {.fd = 9999, .ready = note_ready};
    struct lk_error err = {0};

    assert_false(lk_loop_watch(f->loop, &watch, EPOLLIN, &err));
    assert_int_equal(err.kind, LK_ERROR_INTERNAL);
    assert_non_null(strstr(err.message, "9999"));
}

/* ---- deferring and stopping ---- */

static void defer_another(void *arg)
{
    struct tag *tag = arg;

    note(tag);
    if (tag->f->trace.len < 4)
        lk_loop_defer(tag->f->loop, defer_another, tag);
}

static void test_defers(void **state)
{
    struct fixture *f = *state;
    struct tag a = {.f = f, .letter = 'a'}, b = {.f = f, .letter = 'b'};

    lk_loop_defer(f->loop, note, &b);
    lk_loop_defer(f->loop, defer_another, &a);
    assert_str(lk_buf_view(&f->trace), "");
    turn_until(f, 4);
    assert_str(lk_buf_view(&f->trace), "baaa");
}

static void *stop_soon(void *loop)
{
    usleep(20000);
    lk_loop_stop(loop);
    return NULL;
}

static void test_stops_from_a_thread(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;

    for (int i = 0; i < 2; i++) { /* it can run again after it was stopped */
        assert_int_equal(pthread_create(&thread, NULL, stop_soon, f->loop), 0);
        lk_loop_run(f->loop);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_false(lk_loop_stopping(f->loop));
    }
    lk_loop_stop(f->loop);
    assert_true(lk_loop_stopping(f->loop));
    lk_loop_run(f->loop); /* was stopped before */
}

static struct lk_loop *signal_loop;

static void on_alarm(int number)
{
    (void)number;
    lk_loop_stop(signal_loop);
}

static void test_stops_from_a_signal_handler(void **state)
{
    struct fixture *f = *state;

    signal_loop = f->loop;
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 20000}, NULL);
    lk_loop_run(f->loop);
    signal(SIGALRM, SIG_DFL);
}

/* ---- from other threads ---- */

enum { POSTERS = 4, POSTS = 5000 };

struct poster {
    struct lk_loop *loop;
    unsigned seen;
    bool out_of_order;
    pthread_t loop_thread;
    struct post {
        struct poster *poster;
        unsigned number;
    } posts[POSTS];
};

static void arrive(void *arg)
{
    struct post *post = arg;
    struct poster *poster = post->poster;

    if (post->number != poster->seen++ || !pthread_equal(pthread_self(), poster->loop_thread))
        poster->out_of_order = true;
}

static void *post_many(void *arg)
{
    struct poster *poster = arg;

    for (unsigned i = 0; i < POSTS; i++) {
        poster->posts[i] = (struct post){poster, i};
        lk_loop_post(poster->loop, arrive, &poster->posts[i]);
    }
    return NULL;
}

static void test_posts_of_threads_arrive_in_order(void **state)
{
    struct fixture *f = *state;
    struct poster *posters = calloc(POSTERS, sizeof(*posters));
    uint64_t until = lk_loop_now_ms(f->loop) + 20000;
    unsigned seen = 0;
    pthread_t threads[POSTERS];

    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i].loop = f->loop;
        posters[i].loop_thread = pthread_self();
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    while (seen < POSTERS * POSTS && lk_loop_now_ms(f->loop) < until) {
        lk_loop_run_once(f->loop, 20000); /* a post that wakes nobody shows here */
        seen = 0;
        for (unsigned i = 0; i < POSTERS; i++)
            seen += posters[i].seen;
    }
    for (unsigned i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(posters[i].out_of_order);
    }
    assert_int_equal(seen, POSTERS * POSTS);
    free(posters);
}

static void *post_soon(void *arg)
{
    struct tag *tag = arg;

    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    lk_loop_post(tag->f->loop, note, tag);
    return NULL;
}

static void test_a_post_ends_the_wait(void **state)
{
    struct fixture *f = *state;
    struct tag tag = {.f = f, .letter = 'p'};
    uint64_t began = lk_loop_now_ms(f->loop);
    pthread_t thread;

    for (size_t i = 1; i <= 2; i++) {
        assert_int_equal(pthread_create(&thread, NULL, post_soon, &tag), 0);
        while (f->trace.len < i && lk_loop_now_ms(f->loop) - began < 10000)
            lk_loop_run_once(f->loop, 10000);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_str(lk_buf_view(&f->trace), "pp");
    assert_true(lk_loop_now_ms(f->loop) - began < 5000);
}

/* From the loop's own thread too, and what never gets to run is no leak. */
static void test_posts_that_nobody_runs(void **state)
{
    struct fixture *f = *state;
    struct tag tag = {.f = f, .letter = 'p'};

    for (int i = 0; i < 100; i++)
        lk_loop_post(f->loop, note, &tag);
    assert_int_equal(f->trace.len, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_timers_fire_in_order),
        TEST(test_many_timers_fire_in_order),
        TEST(test_restart_moves_a_timer),
        TEST(test_stop_inside_a_callback),
        TEST(test_a_timer_that_restarts_itself_lets_others_run),
        TEST(test_timers_are_never_early),
        TEST(test_timers_outlive_a_long_pause),
        TEST(test_watches_a_pipe),
        TEST(test_unwatched_in_the_same_batch),
        TEST(test_a_regular_file_is_always_ready),
        TEST(test_refuses_what_is_no_fd),
        TEST(test_defers),
        TEST(test_stops_from_a_thread),
        TEST(test_stops_from_a_signal_handler),
        TEST(test_posts_of_threads_arrive_in_order),
        TEST(test_a_post_ends_the_wait),
        TEST(test_posts_that_nobody_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
