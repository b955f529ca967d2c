/*
 * What may go to the dev workspace: only under a lease that is held, and what moves the branch only
 * under one that has the project to itself.
 */
#include "../test.h"

#include "api/guard.h"
#include "looker_ops.h"

/* ---- a lease that is what the test says ---- */

struct lk_lease {
    enum lk_claim_mode mode;
    const char *project;
    bool lost;
};

bool lk_lease_is_held(const struct lk_lease *lease)
{
    return !lease->lost;
}

enum lk_claim_mode lk_lease_mode(const struct lk_lease *lease)
{
    return lease->mode;
}

bool lk_lease_covers(const struct lk_lease *lease, struct lk_str project)
{
    return lk_str_eq(lk_str(lease->project), project);
}

/* ---- asking ---- */

static struct lk_error err;

static enum lk_error_kind ask(struct lk_lease *lease, struct lk_api_request request)
{
    struct lk_guard guard = {&lease, &request};
    bool ok;

    err = (struct lk_error){0};
    ok = lk_guard_check(&guard, &err);
    assert_int_equal(ok, err.kind == LK_ERROR_NONE);
    assert_int_equal(err.unsent, !ok);
    return err.kind;
}

static struct lk_api_request reset(const char *project)
{
    static struct looker_reset_project_to_remote_params params;

    params.project_id = lk_string(lk_str(project));
    return looker_reset_project_to_remote(&params);
}

static void production_is_nobodys_business(void **state)
{
    struct lk_api_request request = looker_me(NULL), file = looker_create_project_file(NULL, NULL);

    (void)state;
    assert_false(lk_guard_applies(&request));
    request.dev = true;
    assert_true(lk_guard_applies(&request));
    assert_true(lk_guard_applies(&file)); /* it goes there by itself */
}

static void every_move_is_marked(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOOKER_OP_COUNT; i++) {
        const struct lk_operation *op = &looker_ops[i];
        struct lk_api_request request = {.op = op};

        if (op->branch == LK_BRANCH_STAYS)
            continue;
        assert_true(lk_guard_applies(&request));
        assert_true(op->needs_dev);
        assert_non_null(lk_type_field(op->params, LK_STR("project_id")));
    }
}

static void nothing_goes_there_without_a_lease(void **state)
{
    struct lk_lease lease = {.mode = LK_CLAIM_HOLD, .project = "p"};

    (void)state;
    assert_int_equal(ask(NULL, lk_in_dev(looker_me(NULL), true)), LK_ERROR_INTERNAL);
    assert_int_equal(ask(&lease, lk_in_dev(looker_me(NULL), true)), LK_ERROR_NONE);
}

static void a_lost_lease_is_none(void **state)
{
    struct lk_lease lease = {.mode = LK_CLAIM_BRANCH, .project = "p", .lost = true};

    (void)state;
    assert_int_equal(ask(&lease, lk_in_dev(looker_me(NULL), true)), LK_ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "lost its hold"));
    lease.lost = false;
    assert_int_equal(ask(&lease, lk_in_dev(looker_me(NULL), true)), LK_ERROR_NONE);
}

static void a_lease_that_is_let_go_of_is_none(void **state)
{
    struct lk_lease lease = {.mode = LK_CLAIM_HOLD, .project = "p"}, *now = &lease;
    struct lk_api_request request = lk_in_dev(looker_me(NULL), true);
    struct lk_guard guard = {&now, &request};

    (void)state;
    assert_true(lk_guard_check(&guard, &err));
    now = NULL; /* the call has ended while its request was on its way */
    assert_false(lk_guard_check(&guard, &err));
}

static void a_move_takes_the_project_alone(void **state)
{
    struct lk_lease lease = {.project = "p"};

    (void)state;
    for (int mode = LK_CLAIM_HOLD; mode <= LK_CLAIM_ALONE; mode++) {
        lease.mode = (enum lk_claim_mode)mode;
        assert_int_equal(ask(&lease, reset("p")),
                         mode == LK_CLAIM_ALONE ? LK_ERROR_NONE : LK_ERROR_INTERNAL);
        assert_int_equal(ask(&lease, reset("q")), LK_ERROR_INTERNAL);
        assert_non_null(strstr(err.message, "\"q\""));
    }
    lease.lost = true;
    assert_int_equal(ask(&lease, reset("p")), LK_ERROR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(production_is_nobodys_business),
        cmocka_unit_test(every_move_is_marked),
        cmocka_unit_test(nothing_goes_there_without_a_lease),
        cmocka_unit_test(a_lost_lease_is_none),
        cmocka_unit_test(a_lease_that_is_let_go_of_is_none),
        cmocka_unit_test(a_move_takes_the_project_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
