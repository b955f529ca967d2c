/*
 * Borrowing a CI user: who is chosen, who waits for whom, and what a name means. Leases are what
 * the test says others have.
 */
#include "fake_looker.h"

#include "handlers/ci_users.h"

#define N_MAX 8

/* ---- leases: one a user at a time, but for those who want the same branch ---- */

struct lk_lease {
    int unused;
};
static struct lk_lease the_lease;
static struct cell {
    char branch[20];
    int n;
} cells[N_MAX]; /* of the users 1 to 8 */
static int n_asked_for, take_ms;
static bool is_shut; /* the store has come up empty */
static struct lk_error take_error;

bool lk_lease_take(struct lk_leases *leases, const struct lk_lease_wish *wish,
                   struct lk_lease **ret_lease, struct lk_error *err)
{
    struct cell *cell = &cells[atoi(lk_arena_cstr(fake_arena, wish->user.id)) - 1];

    (void)leases;
    assert_true(wish->now_or_never);
    assert_true(lk_str_eq(wish->user.id, wish->user.principal.user_id));
    n_asked_for++;
    if (take_error.kind != LK_ERROR_NONE) {
        *err = take_error;
        return false;
    }
    *ret_lease = NULL;
    if (cell->n > 0 && !lk_str_eq(lk_str(cell->branch), wish->branch)) {
        snprintf(wish->refusal->why, sizeof(wish->refusal->why),
                 "is in use by 1 other call (query) on branch %s", cell->branch);
        return true;
    }
    if (is_shut) {
        *wish->refusal = (struct lk_lease_refusal){"has to wait: it is empty", true};
        return true;
    }
    cell->n++;
    snprintf(cell->branch, sizeof(cell->branch), "%.*s", LK_STR_ARG(wish->branch));
    if (take_ms > 0 && !lk_co_sleep(fake_loop, (uint64_t)take_ms, err)) {
        cell->n--;
        return false;
    }
    *ret_lease = &the_lease;
    return true;
}

/* As whom the next requests are. */
static char as_user[20];

struct lk_api *lk_api_as(struct lk_api *api, struct lk_arena *in,
                         const struct lk_principal *principal)
{
    (void)in;
    snprintf(as_user, sizeof(as_user), "%.*s", LK_STR_ARG(principal->user_id));
    return api;
}

void lk_api_end(struct lk_api *view)
{
    (void)view;
    as_user[0] = '\0';
}

/* ---- borrowers ---- */

static struct lk_ci_users *users;
static int n_ended;

struct borrower {
    const char *branch, *project;
    struct lk_ci_loan *loan; /* NULL: not yet, or no more */
    int user;                /* whom it got; 0: nobody */
    int nth;                 /* to get one */
    struct lk_error err;
    struct lk_co *co;
};

static void borrow(void *arg)
{
    static const struct lk_principal as = {.kind = LK_AS_USER};
    struct borrower *self = arg;
    struct lk_str project = lk_str(self->project != NULL ? self->project : "p");
    const struct lk_lease_wish wish = {
        .user = {.principal = as},
        .mode = LK_CLAIM_BRANCH,
        .branch = lk_str(self->branch),
        .projects = lk_arena_new_object(fake_arena, struct lk_str),
        .n_projects = 1,
        .what = LK_STR("query"),
    };
    struct lk_lease *lease;

    *(struct lk_str *)(uintptr_t)wish.projects = project;
    if (lk_ci_users_borrow(users, fake_arena, &wish, &self->loan, &lease, &self->err)) {
        assert_ptr_equal(lease, &the_lease);
        self->user = atoi(lk_arena_cstr(fake_arena, lk_ci_loan_id(self->loan)));
        self->nth = ++n_ended;
    }
    self->co = NULL;
}

static void start(struct borrower *self)
{
    struct lk_co *co;

    assert_true(lk_co_start(fake_loop, borrow, self, &co, NULL));
    if (self->user == 0 && self->err.kind == LK_ERROR_NONE)
        self->co = co;
}

static void turn(int ms)
{
    uint64_t until = lk_loop_now_ms(fake_loop) + (uint64_t)ms;

    while (lk_loop_now_ms(fake_loop) < until)
        lk_loop_run_once(fake_loop, 5);
}

/* Until it has a user, or an error. */
static void wait_for(const struct borrower *self)
{
    for (int i = 0; i < 1000 && self->user == 0 && self->err.kind == LK_ERROR_NONE; i++)
        lk_loop_run_once(fake_loop, 10);
    assert_true(self->user != 0 || self->err.kind != LK_ERROR_NONE);
}

static void give(struct borrower *self)
{
    cells[self->user - 1].n--;
    lk_ci_users_give(self->loan);
    self->loan = NULL;
}

static void make(const char *names, uint64_t wait_ms)
{
    users = lk_ci_users_new(&(struct lk_ci_users_options){
        .tools = &fake_context, .names = lk_str(names), .wait_ms = wait_ms});
    assert_non_null(users);
}

static int set_up(void **state)
{
    memset(cells, 0, sizeof(cells));
    n_ended = n_asked_for = take_ms = 0;
    is_shut = false;
    take_error = (struct lk_error){0};
    users = NULL;
    if (fake_set_up(state) != 0)
        return -1;
    fake_answers("GET /users/1", "{\"id\":\"1\",\"email\":\"ci-bot-1@x.io\"}");
    fake_answers("GET /users/2", "{\"id\":\"2\",\"email\":\"ci-bot-2@x.io\"}");
    fake_answers("GET /users/3", "{\"id\":\"3\"}");
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(lk_co_count(fake_loop), 0);
    lk_ci_users_free(users);
    return fake_tear_down(state);
}

/* ---- names ---- */

static void nobody_is_no_pool(void **state)
{
    (void)state;
    assert_null(lk_ci_users_new(&(struct lk_ci_users_options){.names = LK_STR("")}));
    assert_null(lk_ci_users_new(&(struct lk_ci_users_options){.names = LK_STR(" , ,")}));
}

static void names_are_ids_addresses_or_what_stands_before_the_at(void **state)
{
    struct borrower a = {.branch = "a"}, b = {.branch = "b"}, c = {.branch = "c"};

    (void)state;
    make("2, ci-bot-1@x.io ,ci_bot", 1000);
    fake_answers("GET /users/search", "[{\"id\":\"1\",\"email\":\"CI-bot-1@x.io\"}]");
    /* What the pattern finds beside. */
    fake_answers("GET /users/search", "[{\"id\":\"8\",\"email\":\"cixbot@x.io\"},"
                                      "{\"id\":\"4\",\"email\":\"Ci_Bot@y.io\"},{\"id\":\"5\"}]");
    start(&a);
    start(&b);
    start(&c);
    assert_int_equal(a.user, 2);
    assert_int_equal(b.user, 1);
    assert_int_equal(c.user, 4);
    assert_str(lk_ci_loan_email(b.loan), "CI-bot-1@x.io");
    assert_contains(fake_requests[2], "email=ci_bot%40%25");
    assert_int_equal(fake_n_requests, 3); /* once */
}

static void a_name_that_is_not_one_users_is_an_error(void **state)
{
    static const struct {
        const char *names, *found, *says;
    } cases[] = {
        {"ci", "[]", "no user has an e-mail address \"ci@...\""},
        {"ci", "[{\"id\":\"8\",\"email\":\"ci2@x.io\"}]", "no user has"},
        {"ci", "[{\"id\":\"1\",\"email\":\"ci@x.io\"},{\"id\":\"2\",\"email\":\"ci@y.io\"}]",
         "several users have the e-mail address \"ci@...\""},
        {"1,99", NULL, "there is no user with the id 99"},
        {"1,ci", "[{\"id\":\"1\",\"email\":\"ci@x.io\"}]", "names the user 1 twice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct borrower a = {.branch = "a"};

        make(cases[i].names, 1000);
        if (cases[i].found != NULL)
            fake_answers("GET /users/search", cases[i].found);
        start(&a);
        assert_int_equal(a.err.kind, LK_ERROR_CONFIG);
        assert_contains(a.err.message, cases[i].says);
        assert_contains(a.err.message, "LOOKER_CI_USERS");
        assert_int_equal(n_asked_for, 0);
        lk_ci_users_free(users);
    }
    users = NULL;
}

static char told[1000];
static bool all_well;

static void tell(struct lk_str who, const struct lk_error *why)
{
    size_t len = strlen(told);

    assert_int_equal(as_user[0], '\0');
    snprintf(told + len, sizeof(told) - len, "%.*s | ",
             LK_STR_ARG(why != NULL ? lk_str(why->message) : who));
}

static void check(void *arg)
{
    (void)arg;
    told[0] = '\0';
    all_well = lk_ci_users_check(users, fake_arena, tell);
}

static void each_is_tried_and_told_of(void **state)
{
    (void)state;
    make("1,ci-bot-1@x.io,3,7,2", 1000);
    fake_answers("GET /users/search", "[{\"id\":\"1\",\"email\":\"ci-bot-1@x.io\"}]");
    fake_fails("GET /users/7", 404, "Not found");
    fake_answers("GET /session", "{\"workspace_id\":\"dev\"}");
    fake_refuses("GET /session", 403);
    fake_answers("GET /session", "{\"workspace_id\":\"dev\"}");
    assert_true(lk_co_start(fake_loop, check, NULL, NULL, NULL));
    assert_false(all_well);
    assert_contains(told, "\"1\" is user 1, ci-bot-1@x.io | ");
    assert_contains(told, "names the user 1 twice, as \"1\" and \"ci-bot-1@x.io\" | ");
    assert_contains(told, "Looker refused the credentials; LOOKER_CI_USERS names \"3\" | ");
    assert_contains(told, "no user with the id 7");
    assert_contains(told, "LOOKER_CI_USERS names \"7\" | ");
    assert_contains(told, "| \"2\" is user 2, ci-bot-2@x.io | ");
    assert_true(fake_in_dev[1]);
    lk_ci_users_free(users);
    make("2", 1000);
    assert_true(lk_co_start(fake_loop, check, NULL, NULL, NULL));
    assert_true(all_well);
}

/* ---- who is chosen ---- */

static void each_branch_has_a_user_of_its_own(void **state)
{
    struct borrower all[3] = {{.branch = "a"}, {.branch = "b"}, {.branch = "c"}};

    (void)state;
    take_ms = 20; /* at once, not one after the other */
    make("1,2,3", 1000);
    for (int i = 0; i < 3; i++)
        start(&all[i]);
    turn(30);
    for (int i = 0; i < 3; i++)
        assert_int_equal(all[i].user, i + 1);
}

static void the_same_branch_has_the_same_user(void **state)
{
    struct borrower a = {.branch = "a"}, again = {.branch = "a"};
    struct borrower other = {.branch = "a", .project = "q"};

    (void)state;
    make("1,2,3", 1000);
    start(&a);
    start(&again);
    start(&other); /* it is only a name */
    assert_int_equal(a.user, 1);
    assert_int_equal(again.user, 1);
    assert_int_equal(other.user, 2);
    assert_int_equal(n_asked_for, 3);
}

static void the_one_unused_for_longest_is_next(void **state)
{
    struct borrower all[4] = {{.branch = "a"}, {.branch = "b"}, {.branch = "c"}, {.branch = "d"}};

    (void)state;
    make("1,2,3", 1000);
    for (int i = 0; i < 4; i++) {
        start(&all[i]);
        assert_int_equal(all[i].user, i % 3 + 1);
        give(&all[i]);
    }
}

static void a_user_of_another_project_is_better_than_none(void **state)
{
    struct borrower a = {.branch = "a"}, b = {.branch = "a", .project = "q"};

    (void)state;
    make("1", 1000);
    start(&a);
    start(&b); /* whether the cells meet is for the lease to say */
    assert_int_equal(b.user, 1);
}

static void whom_others_use_is_not_chosen(void **state)
{
    struct borrower a = {.branch = "a"};

    (void)state;
    cells[0] = (struct cell){"theirs", 1};
    make("1,2", 1000);
    start(&a);
    assert_int_equal(a.user, 2);
    assert_int_equal(n_asked_for, 2);
}

/* ---- waiting ---- */

static void the_first_who_came_is_the_first_who_is_served(void **state)
{
    struct borrower a = {.branch = "a"},
                    all[3] = {{.branch = "b"}, {.branch = "c"}, {.branch = "d"}};

    (void)state;
    make("1", 5000);
    start(&a);
    for (int i = 0; i < 3; i++)
        start(&all[i]);
    turn(30);
    assert_int_equal(n_ended, 1);
    give(&a);
    for (int i = 0; i < 3; i++) {
        wait_for(&all[i]);
        assert_int_equal(all[i].nth, i + 2);
        if (i < 2)
            assert_int_equal(all[i + 1].user, 0);
        give(&all[i]);
    }
}

static void whoever_becomes_free_first_is_taken(void **state)
{
    struct borrower a = {.branch = "a"}, b = {.branch = "b"}, c = {.branch = "c"};

    (void)state;
    make("1,2", 5000);
    start(&a);
    start(&b);
    start(&c);
    turn(10);
    assert_int_equal(c.user, 0);
    give(&b);
    wait_for(&c);
    assert_int_equal(c.user, 2);
}

static void what_others_give_back_is_noticed(void **state)
{
    struct borrower a = {.branch = "a"};

    (void)state;
    cells[0] = (struct cell){"theirs", 1};
    make("1", 5000);
    start(&a);
    turn(50);
    assert_int_equal(a.user, 0);
    assert_int_equal(n_asked_for, 1); /* not all the time */
    cells[0].n = 0;
    wait_for(&a);
    assert_int_equal(a.user, 1);
}

/* It does not hold up whoever waits for another: the branch is there. But not for ever. */
static void one_may_pass_to_join_for_a_while(void **state)
{
    struct borrower a = {.branch = "a"}, b = {.branch = "b"}, again = {.branch = "a"};

    (void)state;
    make("1", 9000);
    start(&a);
    start(&b);
    start(&again);
    wait_for(&again);
    assert_int_equal(again.user, 1);
    assert_int_equal(b.user, 0);
    turn(2300);
    give(&again);
    again = (struct borrower){.branch = "a"};
    start(&again);
    turn(300);
    assert_int_equal(again.user, 0);
    give(&a);
    wait_for(&b);
    assert_int_equal(again.user, 0);
    give(&b);
    wait_for(&again);
}

static void who_waited_for_too_long_hears_what_they_are_busy_with(void **state)
{
    struct borrower a = {.branch = "feature/a"}, b = {.branch = "b"};

    (void)state;
    cells[1] = (struct cell){"theirs", 1};
    make("1,ci-bot-2@x.io", 300);
    fake_answers("GET /users/search", "[{\"id\":\"2\",\"email\":\"ci-bot-2@x.io\"}]");
    start(&a);
    start(&b);
    wait_for(&b);
    assert_int_equal(b.err.kind, LK_ERROR_TIMEOUT);
    assert_contains(b.err.message, "none of the 2 CI users");
    assert_contains(b.err.message, "LOOKER_BRANCH_WAIT");
    assert_contains(b.err.detail, "1 has feature/a of p (query, for 0 s)");
    assert_contains(b.err.detail,
                    "ci-bot-2@x.io is in use by 1 other call (query) on branch theirs");
}

static void who_waited_for_an_empty_store_hears_so(void **state)
{
    struct borrower a = {.branch = "a"}, b = {.branch = "b"}, c = {.branch = "c"};

    (void)state;
    is_shut = true;
    make("1,2", 300);
    start(&a);
    wait_for(&a);
    assert_int_equal(a.err.kind, LK_ERROR_TIMEOUT);
    assert_contains(a.err.detail, "1 has to wait: it is empty; 2 has to wait: it is empty");
    lk_ci_users_free(users);
    make("1,2", 5000);
    start(&b);
    turn(100);
    assert_int_equal(b.user, 0);
    is_shut = false;
    wait_for(&b);
    assert_in_range(lk_ci_loan_shut_ms(b.loan), 90, 4000);
    /* Who waits for others does not. */
    start(&c);
    assert_int_equal(lk_ci_loan_shut_ms(c.loan), 0);
}

static void one_who_is_cancelled_leaves_the_line(void **state)
{
    struct borrower a = {.branch = "a"}, b = {.branch = "b"}, c = {.branch = "c"};

    (void)state;
    make("1", 5000);
    start(&a);
    start(&b);
    start(&c);
    lk_co_cancel(b.co);
    wait_for(&b);
    assert_int_equal(b.err.kind, LK_ERROR_CANCELLED);
    give(&a);
    wait_for(&c);
    assert_int_equal(c.user, 1);
}

static void an_error_names_the_user(void **state)
{
    struct borrower a = {.branch = "a"}, b = {.branch = "a"};

    (void)state;
    make("1", 1000);
    take_error = (struct lk_error){.kind = LK_ERROR_UPSTREAM, .message = "there is no such branch"};
    start(&a);
    assert_int_equal(a.err.kind, LK_ERROR_UPSTREAM);
    assert_contains(a.err.message, "there is no such branch; this was as the CI user \"1\"");
    take_error = (struct lk_error){0};
    start(&b);
    assert_int_equal(b.user, 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_is_no_pool),
        TEST(names_are_ids_addresses_or_what_stands_before_the_at),
        TEST(a_name_that_is_not_one_users_is_an_error),
        TEST(each_is_tried_and_told_of),
        TEST(each_branch_has_a_user_of_its_own),
        TEST(the_same_branch_has_the_same_user),
        TEST(the_one_unused_for_longest_is_next),
        TEST(a_user_of_another_project_is_better_than_none),
        TEST(whom_others_use_is_not_chosen),
        TEST(the_first_who_came_is_the_first_who_is_served),
        TEST(whoever_becomes_free_first_is_taken),
        TEST(what_others_give_back_is_noticed),
        TEST(one_may_pass_to_join_for_a_while),
        TEST(who_waited_for_too_long_hears_what_they_are_busy_with),
        TEST(who_waited_for_an_empty_store_hears_so),
        TEST(one_who_is_cancelled_leaves_the_line),
        TEST(an_error_names_the_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
