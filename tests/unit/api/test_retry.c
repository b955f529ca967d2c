/*
 * What is sent again, and after how long. The trying itself is tested against the sandbox.
 */
#include "../test.h"

#include "api/retry.h"
#include "looker_ops.h"

static struct lk_error failed(enum lk_error_kind kind, int status, bool unsent)
{
    return (struct lk_error){.kind = kind, .status = status, .unsent = unsent};
}

static bool applies(enum looker_op op, enum lk_error_kind kind, int status, bool unsent)
{
    struct lk_error failure = failed(kind, status, unsent);

    return lk_retry_applies(&looker_ops[op], &failure);
}

/* A read, what is idempotent by its method, what only computes. */
static const enum looker_op repeatable[] = {
    LOOKER_OP_ALL_CONNECTIONS, LOOKER_OP_QUERY_TASK,       LOOKER_OP_QUERY_TASK_RESULTS,
    LOOKER_OP_DELETE_LOOK,     LOOKER_OP_KILL_QUERY,       LOOKER_OP_UPDATE_GIT_BRANCH,
    LOOKER_OP_LOGIN,           LOOKER_OP_VALIDATE_PROJECT, LOOKER_OP_CREATE_QUERY,
};
/* Runs something at the database. */
static const enum looker_op running[] = {LOOKER_OP_RUN_INLINE_QUERY, LOOKER_OP_RUN_QUERY,
                                         LOOKER_OP_RUN_LOOK, LOOKER_OP_RUN_SQL_QUERY};
/* Acts, each time that it arrives. */
static const enum looker_op acting[] = {
    LOOKER_OP_CREATE_QUERY_TASK, LOOKER_OP_CREATE_USER,    LOOKER_OP_UPDATE_USER,
    LOOKER_OP_START_PDT_BUILD,   LOOKER_OP_UPDATE_SESSION, LOOKER_OP_SCHEDULED_PLAN_RUN_ONCE,
    LOOKER_OP_CREATE_LOOK,       LOOKER_OP_STOP_PDT_BUILD,
};

#define EACH(i, list) for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)

static void assert_all(bool repeats, bool runs, bool acts, enum lk_error_kind kind, int status,
                       bool unsent)
{
    EACH(i, repeatable)
    assert_int_equal(applies(repeatable[i], kind, status, unsent), repeats);
    EACH(i, running)
    assert_int_equal(applies(running[i], kind, status, unsent), runs);
    EACH(i, acting)
    assert_int_equal(applies(acting[i], kind, status, unsent), acts);
}

static void test_what_may_be_repeated(void **state)
{
    (void)state;
    EACH(i, repeatable)
    assert_true(lk_may_be_repeated(&looker_ops[repeatable[i]]));
    EACH(i, running)
    assert_false(lk_may_be_repeated(&looker_ops[running[i]]));
    EACH(i, acting)
    assert_false(lk_may_be_repeated(&looker_ops[acting[i]]));
}

static void test_what_may_be_sent_again(void **state)
{
    static const int final[] = {301, 400, 401, 403, 404, 409, 422, 500, 501, 504};

    (void)state;
    assert_all(true, true, true, LK_ERROR_NETWORK, 0, true);
    assert_all(true, true, true, LK_ERROR_UPSTREAM, 429, false);
    assert_all(true, false, false, LK_ERROR_NETWORK, 0, false);
    assert_all(true, false, false, LK_ERROR_UPSTREAM, 502, false);
    assert_all(true, false, false, LK_ERROR_UPSTREAM, 503, false);
    EACH(i, final)
    assert_all(false, false, false, LK_ERROR_UPSTREAM, final[i], false);
}

static void test_what_does_not_pass_by_itself(void **state)
{
    static const enum lk_error_kind kinds[] = {
        LK_ERROR_TIMEOUT, LK_ERROR_TLS,    LK_ERROR_LIMIT,     LK_ERROR_PARSE,
        LK_ERROR_AUTH,    LK_ERROR_CONFIG, LK_ERROR_CANCELLED, LK_ERROR_INTERNAL,
    };

    (void)state;
    EACH(i, kinds)
    {
        assert_all(false, false, false, kinds[i], 0, false);
        assert_all(false, false, false, kinds[i], 0, true);
        assert_all(false, false, false, kinds[i], 429, false); /* of a login before */
    }
}

/* Least and most that chance makes of it. */
static void assert_pause(unsigned tries, int status, int64_t retry_after_s, uint64_t least,
                         uint64_t most)
{
    uint64_t seen_least = UINT64_MAX, seen_most = 0;

    for (uint32_t random = 0; random < 40000; random++) {
        uint64_t ms = lk_retry_pause_ms(tries, status, retry_after_s, random);

        seen_least = ms < seen_least ? ms : seen_least;
        seen_most = ms > seen_most ? ms : seen_most;
    }
    assert_int_equal(seen_least, least);
    assert_int_equal(seen_most, most);
}

static void test_pauses(void **state)
{
    (void)state;
    assert_pause(1, 0, -1, 125, 250);
    assert_pause(2, 503, -1, 250, 500);
    assert_pause(3, 502, -1, 500, 1000);
    assert_pause(1, 429, -1, 500, 1000);
    assert_pause(3, 429, -1, 2000, 4000);
    /* What is asked for is waited for in full, whichever try it is. */
    assert_pause(1, 429, 7, 7000, 7250);
    assert_pause(3, 503, 7, 7000, 7250);
    assert_pause(1, 503, 0, 0, 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_may_be_repeated),
        cmocka_unit_test(test_what_may_be_sent_again),
        cmocka_unit_test(test_what_does_not_pass_by_itself),
        cmocka_unit_test(test_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
