/*
 * What the leases ask of Looker, as requests: as whom and where each goes, and how answers are
 * read. This file stands in for api/api.c.
 */
#include "../with_arena.h"

#include "api/branch.h"
#include "looker_ops.h"

static struct {
    const char *answer;
    int status;
    enum lk_error_kind kind;
    const char *op;
    bool dev;
    struct lk_str project, branch;
    enum lk_principal_kind as;
    bool (*may_go)(void *arg, struct lk_error *err);
    void *may_go_arg;
    unsigned ended;
} fake;

struct lk_api {
    int nothing;
};

static struct lk_api the_api;

struct lk_api *lk_api_as(struct lk_api *api, struct lk_arena *in,
                         const struct lk_principal *principal)
{
    (void)in;
    fake.as = principal->kind;
    return api;
}

void lk_api_ask(struct lk_api *view, bool (*may_go)(void *arg, struct lk_error *err), void *arg)
{
    (void)view;
    fake.may_go = may_go;
    fake.may_go_arg = arg;
}

void lk_api_end(struct lk_api *view)
{
    (void)view;
    fake.ended++;
}

bool lk_api_call(struct lk_api *api, struct lk_arena *in, struct lk_api_request request,
                 struct lk_api_answer *ret_answer, struct lk_error *err)
{
    const struct looker_git_branch *body = request.body;

    (void)api;
    (void)in;
    fake.op = request.op->id;
    fake.dev = request.dev;
    if (body != NULL)
        fake.branch = body->name.value;
    if (fake.kind != LK_ERROR_NONE) {
        lk_fail(err, fake.kind, "failed");
        err->status = fake.status;
        return false;
    }
    *ret_answer = (struct lk_api_answer){.status = 200, .body = lk_str(fake.answer)};
    return true;
}

static struct lk_lease_looker looker;
static const struct lk_lease_user user = {
    .id = LK_STR_INIT("7"),
    .principal = {.kind = LK_AS_USER, .user_id = LK_STR_INIT("7")},
};

static int begin(void **state)
{
    memset(&fake, 0, sizeof(fake));
    looker = lk_branch_looker(&the_api);
    return set_up(state);
}

static void test_the_branch_that_is_checked_out(void **state)
{
    struct lk_str branch;

    (void)state;
    fake.answer = "{\"name\":\"dev-ann-x\",\"ref\":\"abc\"}";
    assert_true(looker.current(looker.arg, arena, &user, LK_STR("shop"), &branch, NULL));
    assert_str(branch, "dev-ann-x");
    assert_string_equal(fake.op, "git_branch");
    assert_true(fake.dev);
    assert_int_equal(fake.as, LK_AS_USER);
    assert_int_equal(fake.ended, 1);
    assert_null(fake.may_go);
}

static void test_an_answer_without_a_branch_is_none(void **state)
{
    static const char *const answers[] = {"{}", "{\"name\":null}", "{\"name\":\"\"}", "[]",
                                          "{\"name\":7,\"ref\":{}}"};
    struct lk_str branch;

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct lk_error err = {0};

        fake.answer = answers[i];
        assert_false(looker.current(looker.arg, arena, &user, LK_STR("shop"), &branch, &err));
        assert_int_equal(err.kind, LK_ERROR_PARSE);
    }
}

static void test_a_check_out_asks_whether_it_still_may(void **state)
{
    struct lk_lease *lease = (struct lk_lease *)(uintptr_t)&fake;
    struct lk_error err = {0};

    (void)state;
    fake.answer = "{\"name\":\"x\"}";
    assert_true(
        looker.check_out(looker.arg, arena, &user, lease, LK_STR("shop"), LK_STR("x"), NULL));
    assert_string_equal(fake.op, "update_git_branch");
    assert_true(fake.dev);
    assert_str(fake.branch, "x");
    assert_ptr_equal(fake.may_go, lk_lease_may_send);
    assert_ptr_equal(fake.may_go_arg, lease);
    fake.kind = LK_ERROR_UPSTREAM;
    fake.status = 404;
    assert_false(
        looker.check_out(looker.arg, arena, &user, lease, LK_STR("shop"), LK_STR("x"), &err));
    assert_int_equal(err.status, 404);
    assert_non_null(strstr(err.message, "project \"shop\" has no branch \"x\": list_git_branches"));
    assert_int_equal(fake.ended, 2);
    fake.status = 422;
    err = (struct lk_error){0};
    assert_false(
        looker.check_out(looker.arg, arena, &user, lease, LK_STR("shop"), LK_STR("x"), &err));
    assert_non_null(strstr(err.message, "failed; branch x of project shop"));
}

static void test_a_project_that_is_missing_is_told_from_a_branch(void **state)
{
    struct lk_error err = {0};
    struct lk_str branch;

    (void)state;
    fake.kind = LK_ERROR_UPSTREAM;
    fake.status = 404;
    assert_false(looker.current(looker.arg, arena, &user, LK_STR("shop"), &branch, &err));
    assert_int_equal(err.kind, LK_ERROR_UPSTREAM);
    assert_int_equal(err.status, 404);
    assert_non_null(strstr(err.message, "no project \"shop\", or no access to it: list_projects"));
    assert_null(strstr(err.message, "branch"));
    fake.kind = LK_ERROR_AUTH; /* somebody who may not go there */
    err = (struct lk_error){0};
    assert_false(looker.current(looker.arg, arena, &user, LK_STR("shop"), &branch, &err));
    assert_string_equal(err.message, "failed");
}

static void test_which_failures_leave_it_open_whether_the_branch_moved(void **state)
{
    static const struct {
        enum lk_error_kind kind;
        int status;
        bool unsent, unsure;
    } rows[] = {
        {LK_ERROR_UPSTREAM, 404, false, false}, {LK_ERROR_UPSTREAM, 422, false, false},
        {LK_ERROR_UPSTREAM, 500, false, true},  {LK_ERROR_UPSTREAM, 504, false, true},
        {LK_ERROR_TIMEOUT, 0, false, true},     {LK_ERROR_TIMEOUT, 0, true, false},
        {LK_ERROR_NETWORK, 0, false, true},     {LK_ERROR_NETWORK, 0, true, false},
        {LK_ERROR_CANCELLED, 0, false, true},   {LK_ERROR_PARSE, 200, false, true},
        {LK_ERROR_AUTH, 401, false, false},     {LK_ERROR_ARGUMENT, 0, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lk_error err = {
            .kind = rows[i].kind, .status = rows[i].status, .unsent = rows[i].unsent};

        assert_int_equal(lk_lease_is_unsure(&err), rows[i].unsure);
    }
}

static void test_only_a_404_says_that_there_is_no_such_branch(void **state)
{
    bool has = false;
    struct lk_error err = {0};

    (void)state;
    fake.answer = "{\"name\":\"x\"}";
    assert_true(
        looker.has_branch(looker.arg, arena, &user, LK_STR("shop"), LK_STR("x"), &has, NULL));
    assert_true(has);
    assert_string_equal(fake.op, "find_git_branch");
    fake.kind = LK_ERROR_UPSTREAM;
    fake.status = 404;
    assert_true(
        looker.has_branch(looker.arg, arena, &user, LK_STR("shop"), LK_STR("x"), &has, NULL));
    assert_false(has);
    fake.status = 500;
    assert_false(
        looker.has_branch(looker.arg, arena, &user, LK_STR("shop"), LK_STR("x"), &has, &err));
    fake.kind = LK_ERROR_AUTH; /* of the login: it says nothing about the branch */
    fake.status = 404;
    assert_false(
        looker.has_branch(looker.arg, arena, &user, LK_STR("shop"), LK_STR("x"), &has, NULL));
    assert_int_equal(err.status, 500);
}

static void test_imports_are_the_local_ones(void **state)
{
    struct lk_str *projects;
    size_t n = 7;

    (void)state;
    fake.answer = "{\"name\":\"shop\",\"imports\":[{\"name\":\"base\",\"is_remote\":false},"
                  "{\"name\":\"far\",\"is_remote\":true,\"url\":\"git://x\"},{\"name\":\"more\"},"
                  "{\"name\":null},{}]}";
    assert_true(
        looker.imports(looker.arg, arena, &user, LK_STR("shop"), false, &projects, &n, NULL));
    assert_false(fake.dev);
    assert_int_equal(n, 2);
    assert_str(projects[0], "base");
    assert_str(projects[1], "more");
    assert_true(
        looker.imports(looker.arg, arena, &user, LK_STR("shop"), true, &projects, &n, NULL));
    assert_true(fake.dev);
    fake.answer = "{}";
    assert_true(
        looker.imports(looker.arg, arena, &user, LK_STR("shop"), true, &projects, &n, NULL));
    assert_int_equal(n, 0);
}

static void test_a_project_without_a_manifest_imports_nothing(void **state)
{
    struct lk_str *projects;
    size_t n = 7;
    struct lk_error err = {0};

    (void)state;
    fake.kind = LK_ERROR_UPSTREAM;
    fake.status = 404;
    assert_true(
        looker.imports(looker.arg, arena, &user, LK_STR("shop"), false, &projects, &n, NULL));
    assert_int_equal(n, 0);
    fake.kind = LK_ERROR_TIMEOUT;
    fake.status = 0;
    assert_false(
        looker.imports(looker.arg, arena, &user, LK_STR("shop"), false, &projects, &n, &err));
    assert_int_equal(err.kind, LK_ERROR_TIMEOUT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_branch_that_is_checked_out),
        TEST(test_an_answer_without_a_branch_is_none),
        TEST(test_a_project_that_is_missing_is_told_from_a_branch),
        TEST(test_a_check_out_asks_whether_it_still_may),
        TEST(test_which_failures_leave_it_open_whether_the_branch_moved),
        TEST(test_only_a_404_says_that_there_is_no_such_branch),
        TEST(test_imports_are_the_local_ones),
        TEST(test_a_project_without_a_manifest_imports_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
