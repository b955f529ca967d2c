/*
 * What the tests of tools of several steps share: a script of calls of which any one can fail, and
 * a look at what the answer says of each step. Included after fake_looker.h.
 */
#ifndef LK_TEST_FAKE_STEPS_H
#define LK_TEST_FAKE_STEPS_H

#include "fake_looker.h"

/* Of a call: its answer is plain text; the task goes on without it; before it something had been
 * changed already. */
enum { ROW = 0, TEXT = 1, MAY_FAIL = 2, CHANGED = 4 };

/* One call that a tool makes, in order, and the step that it belongs to. */
struct fake_call_row {
    const char *step, *route, *body;
    int flags;
};

__attribute__((unused)) static void assert_json(struct lk_str answer, const char *path,
                                                const char *expected)
{
    struct lk_str got = at(answer, path);

    if (!lk_str_eq(got, lk_str(expected)))
        print_error("%s in %.*s\n", path, LK_STR_ARG(answer));
    assert_string_equal(lk_arena_cstr(fake_arena, got), expected);
}

static void fake_forget(void)
{
    fake_n_scripts = fake_n_requests = 0;
    fake_error = (struct lk_error){0};
}

/* All rows, of which number `failing` fails (n or more: none does). */
__attribute__((unused)) static void fake_play(const struct fake_call_row *rows, size_t n,
                                              size_t failing)
{
    fake_forget();
    for (size_t i = 0; i < n; i++) {
        if (i == failing)
            fake_fails(rows[i].route, 403, "Not for you");
        else if (rows[i].flags & TEXT)
            fake_answers_text(rows[i].route, rows[i].body);
        else
            fake_answers(rows[i].route, rows[i].body);
    }
}

/* The last step of that name, as JSON, or an empty text. */
__attribute__((unused)) static struct lk_str step_of(struct lk_str answer, const char *name)
{
    struct lk_json_iter it = lk_json_iter(at(answer, "steps"));
    struct lk_str step, found = {0};

    while (lk_json_next(&it, NULL, &step)) {
        if (lk_json_string_eq(at(step, "step"), lk_str(name)))
            found = step;
    }
    return found;
}

__attribute__((unused)) static void assert_step_(struct lk_str answer, const char *name,
                                                 const char *status, const char *file, int line)
{
    struct lk_str step = step_of(answer, name);
    bool ok = step.len > 0 && lk_json_string_eq(at(step, "status"), lk_str(status));

    if (!ok)
        print_error("step %s is not %s in %.*s\n", name, status, LK_STR_ARG(answer));
    _assert_true(ok, name, file, line);
}
#define assert_step(answer, name, status) assert_step_(answer, name, status, __FILE__, __LINE__)

/* The requests that were not GETs. */
__attribute__((unused)) static size_t count_writes(void)
{
    size_t n = 0;

    for (size_t i = 0; i < fake_n_requests; i++)
        n += strncmp(fake_requests[i], "GET ", 4) != 0;
    return n;
}

/* The first request that begins so, or fails. */
__attribute__((unused)) static const char *request_of(const char *beginning)
{
    for (size_t i = 0; i < fake_n_requests; i++) {
        if (strncmp(fake_requests[i], beginning, strlen(beginning)) == 0)
            return fake_requests[i];
    }
    fail_msg("nothing was sent that begins with %s", beginning);
    return NULL;
}

__attribute__((unused)) static void assert_not_sent(const char *beginning)
{
    for (size_t i = 0; i < fake_n_requests; i++)
        assert_int_not_equal(strncmp(fake_requests[i], beginning, strlen(beginning)), 0);
}

/*
 * Runs the tool once for each row, with that row failing, and checks what holds for every task:
 * the step says failed with Looker's words, the whole is failed or partial, nothing is said to be
 * changed before the first change was made.
 */
__attribute__((unused)) static void fail_each_step(const char *tool, const char *arguments,
                                                   const struct fake_call_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fake_play(rows, n, i);
        struct lk_str answer = run_tool(tool, arguments);
        struct lk_str step = step_of(answer, rows[i].step);
        if (!lk_json_string_eq(at(step, "status"), LK_STR("failed")))
            fail_msg("%s: call %zu (%s) failed, but: %.*s", tool, i, rows[i].step,
                     LK_STR_ARG(answer));
        assert_json(step, "http_status", "403");
        assert_json(step, "detail", "\"Not for you\"");
        if (fake_failed == ((rows[i].flags & MAY_FAIL) != 0))
            fail_msg("%s: call %zu (%s): %.*s", tool, i, rows[i].step, LK_STR_ARG(answer));
        assert_json(answer, "outcome", rows[i].flags & MAY_FAIL ? "\"partial\"" : "\"failed\"");
        if (!(rows[i].flags & MAY_FAIL)) {
            assert_json(answer, "status", "403");
            assert_json(answer, "stopped_at",
                        lk_arena_printf(fake_arena, "\"%s\"", rows[i].step).ptr);
            if ((lk_json_count(at(answer, "changed")) > 0) != ((rows[i].flags & CHANGED) != 0))
                fail_msg("%s: call %zu (%s): %.*s", tool, i, rows[i].step, LK_STR_ARG(answer));
        }
    }
}

#endif
