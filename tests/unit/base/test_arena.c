/*
 * base/arena: alignment, zeroes, sizes around the chunk sizes, order of the deferred functions.
 */
#include "base/arena.h"

#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_zero(const unsigned char *ptr, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (ptr[i] != 0)
            fail_msg("byte %zu of %zu is not zero", i, size);
}

static void allocations_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct lk_arena *arena = lk_arena_new();
    unsigned char *blocks[600];
    for (size_t size = 0; size < 600; size++) {
        blocks[size] = lk_arena_alloc(arena, size);
        assert_non_null(blocks[size]);
        assert_int_equal((uintptr_t)blocks[size] % 16, 0);
        assert_zero(blocks[size], size);
        memset(blocks[size], (int)(size & 0xFF), size);
    }
    for (size_t size = 0; size < 600; size++)
        for (size_t i = 0; i < size; i++)
            assert_int_equal(blocks[size][i], size & 0xFF);
    lk_arena_free(arena);
}

static void sizes_around_the_chunks_work(void **state)
{
    (void)state;
    struct lk_arena *arena = lk_arena_new();
    for (size_t size = 1024; size <= 1 << 20; size *= 2) {
        for (size_t around = size - 65; around <= size + 65; around++) {
            unsigned char *block = lk_arena_alloc(arena, around);
            block[0] = 1;
            block[around - 1] = 1;
        }
    }
    unsigned char *small = lk_arena_alloc(arena, 8);
    assert_zero(small, 8);
    lk_arena_free(arena);
}

static void strings_are_copied_and_terminated(void **state)
{
    (void)state;
    struct lk_arena *arena = lk_arena_new();
    char source[] = "abcdef";
    struct lk_str copy = lk_arena_str(arena, lk_str_n(source, 3));
    source[0] = 'X';
    assert_int_equal(copy.len, 3);
    assert_string_equal(copy.ptr, "abc");
    assert_string_equal(lk_arena_cstr(arena, lk_str(NULL)), "");
    struct lk_str text = lk_arena_printf(arena, "%s-%d", "x", 42);
    assert_string_equal(text.ptr, "x-42");
    assert_int_equal(text.len, 4);
    text = lk_arena_printf(arena, "%*s", 100000, "x");
    assert_int_equal(text.len, 100000);
    assert_int_equal(text.ptr[99999], 'x');
    int *numbers = lk_arena_array(arena, 3, sizeof(int));
    assert_zero((unsigned char *)numbers, 3 * sizeof(int));
    assert_non_null(lk_arena_array(arena, 0, sizeof(int)));
    lk_arena_free(arena);
}

struct trace {
    struct lk_arena *arena;
    char text[16];
};

static void note_a(void *arg)
{
    strcat(((struct trace *)arg)->text, "a");
}

static void note_b_and_defer_a(void *arg)
{
    struct trace *trace = arg;
    strcat(trace->text, "b");
    (void)lk_arena_alloc(trace->arena, 10000);
    lk_arena_defer(trace->arena, note_a, trace);
}

static void note_c(void *arg)
{
    strcat(((struct trace *)arg)->text, "c");
}

static void deferred_functions_run_last_first(void **state)
{
    (void)state;
    struct trace trace = {.arena = lk_arena_new()};
    lk_arena_defer(trace.arena, note_a, &trace);
    lk_arena_defer(trace.arena, note_b_and_defer_a, &trace);
    lk_arena_defer(trace.arena, note_c, &trace);
    lk_arena_free(trace.arena);
    assert_string_equal(trace.text, "cbaa");
    lk_arena_free(NULL);
}

static void an_impossible_size_ends_the_process(void **state)
{
    (void)state;
    int output[2];
    char message[4096] = "";
    assert_int_equal(pipe(output), 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(output[1], STDERR_FILENO);
        struct lk_arena *arena = lk_arena_new();
        lk_arena_array(arena, SIZE_MAX / 2, 3);
        _exit(0);
    }
    close(output[1]);
    size_t len = 0;
    ssize_t n;
    while (len < sizeof(message) - 1 &&
           (n = read(output[0], message + len, sizeof(message) - 1 - len)) > 0)
        len += (size_t)n;
    close(output[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(len > 0); /* ours, or the sanitizer's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_zeroed_aligned_and_apart),
        cmocka_unit_test(sizes_around_the_chunks_work),
        cmocka_unit_test(strings_are_copied_and_terminated),
        cmocka_unit_test(deferred_functions_run_last_first),
        cmocka_unit_test(an_impossible_size_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
