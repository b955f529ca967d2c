/*
 * The dev workspace around a tool call: which arguments go together, which lease a call asks for,
 * what it finds in its answer when that ends badly. The rows are the real ones; leases, Looker and
 * the CI users are what the test says.
 */
#define FAKE_REAL_WORKSPACE
#include "fake_looker.h"

#include "handlers/ci_users.h"

/* ---- what it stands on ---- */

struct lk_api {
    struct lk_principal principal;
};

struct lk_lease {
    struct lk_lease_wish wish;
    struct lk_lease_end end;
};

struct lk_ci_loan {
    bool given;
};

static struct lk_api api;
static struct lk_lease lease;
static struct lk_ci_loan loan;
static int n_taken, n_given, n_given_unseen;
static struct lk_error take_error;
static struct lk_workspace *workspace;
static struct lk_error err;
/* Of the last call. */
static struct lk_tool_context context;
static struct lk_str restore, ci_user, note, wait_note;
static unsigned n_notes;
static struct lk_error kept; /* that it failed with, though its answer was kept */
static bool nobody_waits;

const struct lk_principal *lk_api_principal(const struct lk_api *view)
{
    return &view->principal;
}

bool lk_lease_take(struct lk_leases *leases, const struct lk_lease_wish *wish,
                   struct lk_lease **ret_lease, struct lk_error *ret_err)
{
    (void)leases;
    if (take_error.kind != LK_ERROR_NONE) {
        *ret_err = take_error;
        return false;
    }
    n_taken++;
    lease.wish = *wish;
    *ret_lease = &lease;
    return true;
}

void lk_lease_give(struct lk_lease *of, struct lk_arena *in, struct lk_lease_end *ret_end)
{
    assert_ptr_equal(of, &lease);
    n_given++;
    n_given_unseen += in == NULL;
    if (ret_end != NULL)
        *ret_end = lease.end;
}

static uint64_t shut_ms;

uint64_t lk_lease_shut_ms(const struct lk_lease *of)
{
    (void)of;
    return shut_ms;
}

bool lk_lease_covers(const struct lk_lease *of, struct lk_str project)
{
    return lk_str_eq(project, of->wish.projects[0]) || lk_str_eq(project, LK_STR("imported"));
}

bool lk_ci_users_borrow(struct lk_ci_users *users, struct lk_arena *in,
                        const struct lk_lease_wish *wish, struct lk_ci_loan **ret_loan,
                        struct lk_lease **ret_lease, struct lk_error *ret_err)
{
    (void)users;
    (void)in;
    *ret_loan = &loan;
    return lk_lease_take(NULL, wish, ret_lease, ret_err);
}

struct lk_str lk_ci_loan_id(const struct lk_ci_loan *of)
{
    (void)of;
    return LK_STR("77");
}

struct lk_str lk_ci_loan_email(const struct lk_ci_loan *of)
{
    (void)of;
    return LK_STR("ci@x.io");
}

uint64_t lk_ci_loan_shut_ms(const struct lk_ci_loan *of)
{
    (void)of;
    return shut_ms;
}

void lk_ci_users_give(struct lk_ci_loan *of)
{
    if (of != NULL)
        of->given = true;
}

bool mcp_call_is_awaited(const struct mcp_call *call)
{
    (void)call;
    return !nobody_waits;
}

void mcp_call_add_member(struct mcp_call *call, const char *name, struct lk_str json)
{
    (void)call;
    n_notes += strcmp(name, "branch_note") == 0;
    *(strcmp(name, "restore") == 0       ? &restore
      : strcmp(name, "branch_note") == 0 ? &note
      : strcmp(name, "wait_note") == 0   ? &wait_note
                                         : &ci_user) = json;
}

void mcp_call_fail_answer(struct mcp_call *call, const struct lk_error *failure)
{
    (void)call;
    kept = *failure;
}

/* ---- calls ---- */

static int set_up(void **state)
{
    if (fake_set_up(state) != 0)
        return -1;
    fake_answers("GET /user", "{\"id\":\"1\"}");
    api = (struct lk_api){0};
    fake_guarded = NULL;
    fake_lease = NULL;
    lease = (struct lk_lease){0};
    loan = (struct lk_ci_loan){0};
    n_taken = n_given = n_given_unseen = 0;
    take_error = err = (struct lk_error){0};
    workspace =
        lk_workspace_new(&(struct lk_workspace_options){.ci_users = (struct lk_ci_users *)&loan});
    return 0;
}

static int tear_down(void **state)
{
    lk_workspace_free(workspace);
    return fake_tear_down(state);
}

static struct mcp_call *new_call(const char *name, const char *arguments)
{
    struct mcp_call *call = lk_arena_new_object(fake_arena, struct mcp_call);
    cJSON *tree;

    err = kept = (struct lk_error){0};
    restore = ci_user = note = wait_note = (struct lk_str){0};
    n_notes = 0;
    nobody_waits = false;
    context = (struct lk_tool_context){.loop = fake_loop, .api = &api, .workspace = workspace};
    *call = (struct mcp_call){.tool = fake_tool(name), .arena = fake_arena, .context = &context};
    if (call->tool->args == NULL)
        return call;
    call->args = lk_arena_alloc(fake_arena, call->tool->args->size);
    assert_true(lk_tree_parse(fake_arena, lk_str(arguments), &tree, NULL));
    if (!lk_decode_arguments(fake_arena, call->tool->args, tree, call->args, &err))
        fail_msg("%s: %s", name, err.message);
    return call;
}

static bool entered;

static void enter(void *arg)
{
    entered = lk_workspace_check(arg, &err) && lk_workspace_enter(arg, &err);
}

/* Up to where its tool would run. Nothing here waits. */
static bool begin(struct mcp_call *call)
{
    err = (struct lk_error){0};
    assert_true(lk_co_start(fake_loop, enter, call, NULL, NULL));
    return entered;
}

static const char *refusal(const char *name, const char *arguments)
{
    struct mcp_call *call = new_call(name, arguments);

    if (lk_workspace_check(call, &err))
        fail_msg("%s took %s", name, arguments);
    assert_int_equal(err.kind, LK_ERROR_ARGUMENT);
    assert_int_equal(n_taken, 0);
    return err.message;
}

#define assert_says(text, part) assert_non_null(strstr(text, part))

#define QUERY "\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.f\"]"

/* Those of the coverage table, with what they need beside. */
static const struct {
    const char *name, *rest;
    bool own_project;            /* project_id is theirs, branch or not */
    enum { OFF, ON, NEVER } dev; /* default of dev_mode; NEVER: it has none, and is there always */
} borrowing[] = {
    {"query", QUERY, false, OFF},
    {"query_sql", QUERY, false, OFF},
    {"query_url", QUERY, false, OFF},
    {"run_query", "\"query_id\":\"1\"", false, OFF},
    {"run_look", "\"look_id\":\"1\"", false, OFF},
    {"render_query", QUERY ",\"width\":9,\"height\":9", false, OFF},
    {"list_project_files", "", true, ON},
    {"get_file", "\"file_id\":\"a.lkml\"", true, ON},
    {"create_file", "\"file_id\":\"a.lkml\",\"content\":\"\"", true, NEVER},
    {"update_file", "\"file_id\":\"a.lkml\",\"content\":\"\"", true, NEVER},
    {"delete_file", "\"file_id\":\"a.lkml\"", true, NEVER},
    {"validate_project", "", true, OFF},
    {"list_lookml_tests", "", true, OFF},
    {"run_lookml_tests", "", true, OFF},
};
#define N_BORROWING (sizeof(borrowing) / sizeof(borrowing[0]))

static const char *with(size_t i, const char *more)
{
    const char *rest = borrowing[i].rest;

    return lk_arena_printf(fake_arena, "{%s%s%s}", rest,
                           rest[0] != '\0' && more[0] != '\0' ? "," : "", more)
        .ptr;
}

static bool dev_mode(const struct mcp_call *call)
{
    const struct lk_field *field = lk_type_field(call->tool->args, LK_STR("dev_mode"));
    struct lk_boolean value;

    if (field == NULL)
        return true;
    memcpy(&value, (const char *)call->args + field->offset, sizeof(value));
    return lk_is_true(value);
}

/* ---- which go together ---- */

static void exactly_the_tools_of_the_table_borrow(void **state)
{
    /* And those that are for nothing else. */
    static const char *const others[] = {"check_branch", "compare_query"};
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < LOOKER_TOOL_COUNT; i++) {
        const struct lk_binding *binding = looker_tools[i].binding;
        bool known = false;

        if (binding == NULL || binding->workspace == NULL ||
            binding->workspace->how != LK_WORKSPACE_BORROW)
            continue;
        for (size_t k = 0; k < N_BORROWING; k++)
            known |= strcmp(borrowing[k].name, looker_tools[i].name) == 0;
        for (size_t k = 0; k < 2; k++)
            known |= strcmp(others[k], looker_tools[i].name) == 0;
        if (!known)
            fail_msg("%s borrows", looker_tools[i].name);
        n++;
    }
    assert_int_equal(n, N_BORROWING + 2);
}

static void partners_are_missed_before_anything_is_asked(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_BORROWING; i++) {
        const char *name = borrowing[i].name;

        assert_says(refusal(name, with(i, "\"project_id\":\"p\",\"branch\":\"\"")),
                    "branch: it is blank");
        assert_says(refusal(name, with(i, "\"project_id\":\"p\",\"branch\":\" \\t\"")),
                    "branch: it is blank");
        assert_says(refusal(name, with(i, "\"project_id\":\"p\",\"branch\":\" b\"")),
                    "branch: it begins");
        assert_says(refusal(name, with(i, "\"project_id\":\"  \",\"branch\":\"b\"")),
                    "project_id: it is blank");
        assert_says(refusal(name, with(i, "\"project_id\":\"p \",\"branch\":\"b\"")),
                    "project_id: it begins");
        assert_says(refusal(name, with(i, "\"project_id\":\"p\",\"imports\":true")), "imports: ");
        assert_says(refusal(name, with(i, "\"project_id\":\"p\",\"act_as_user\":\"pool\"")),
                    "give branch and project_id too");
        if (borrowing[i].own_project)
            continue;
        assert_says(refusal(name, with(i, "\"branch\":\"b\"")), "branch: give project_id too");
        assert_says(refusal(name, with(i, "\"project_id\":\"p\"")), "project_id: it only says");
    }
    assert_says(refusal("switch_git_branch", "{\"project_id\":\"p\",\"branch_name\":\"b\","
                                             "\"act_as_user\":\" pool\"}"),
                "this tool takes none");
    assert_says(refusal("render_look",
                        "{\"look_id\":\"1\",\"width\":9,\"height\":9,\"act_as_user\":\"pool\"}"),
                "this tool takes none");
    assert_says(refusal("create_directory", "{\"project_id\":\" \",\"path\":\"d\"}"), "project_id");
    assert_int_equal((int)fake_n_requests, 0);
}

/* ---- what is asked for ---- */

static void a_branch_is_borrowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_BORROWING; i++) {
        struct mcp_call *call = new_call(
            borrowing[i].name,
            with(i, i % 2 == 0 ? "\"project_id\":\"p\",\"branch\":\"b\",\"imports\":true"
                               : "\"project_id\":\"p\",\"branch\":\"b\",\"imports\":false"));

        assert_true(begin(call));
        assert_int_equal(lease.wish.mode, LK_CLAIM_BRANCH);
        assert_str(lease.wish.branch, "b");
        assert_int_equal(lease.wish.n_projects, 1);
        assert_str(lease.wish.projects[0], "p");
        assert_int_equal(lease.wish.imports, i % 2 == 0);
        assert_str(lease.wish.what, borrowing[i].name);
        assert_str(lease.wish.user.id, "1");
        assert_ptr_equal(fake_lease, &lease);
        assert_true(dev_mode(call)); /* the branch implies it */
        lk_workspace_leave(call, &err);
        assert_null(fake_lease);
        assert_ptr_equal(fake_guarded, &api);
        assert_int_equal(n_given, (int)i + 1);
    }
    assert_int_equal((int)fake_n_requests, 1); /* who it is, once */
}

static void a_model_of_another_project_is_told(void **state)
{
    struct mcp_call *call = new_call("query", "{" QUERY ",\"project_id\":\"p\",\"branch\":\"b\"}");

    (void)state;
    lk_workspace_tell_project(call, LK_STR("m"), LK_STR("other")); /* it has not entered */
    assert_true(begin(call));
    lk_workspace_tell_project(call, LK_STR("m"), LK_STR("p"));
    lk_workspace_tell_project(call, LK_STR("m"), LK_STR("imported"));
    lk_workspace_tell_project(call, LK_STR("m"), LK_STR(""));
    assert_int_equal(n_notes, 0);
    lk_workspace_tell_project(call, LK_STR("m"), LK_STR("other"));
    assert_int_equal(n_notes, 1);
    assert_says(lk_arena_cstr(fake_arena, note),
                "\"model m belongs to project other, and branch b was borrowed in project p: ");
    assert_says(lk_arena_cstr(fake_arena, note), "give project_id other\"");
    lk_workspace_leave(call, &err);
    call = new_call("query", "{" QUERY ",\"dev_mode\":true}");
    assert_true(begin(call));
    lk_workspace_tell_project(call, LK_STR("m"), LK_STR("other")); /* it has borrowed none */
    assert_int_equal(n_notes, 0);
    lk_workspace_leave(call, &err);
}

static void a_wait_for_an_empty_store_is_told(void **state)
{
    struct mcp_call *call = new_call("query", "{" QUERY ",\"project_id\":\"p\",\"branch\":\"b\"}");

    (void)state;
    shut_ms = 12345;
    assert_true(begin(call));
    assert_says(lk_arena_cstr(fake_arena, wait_note), "\"12.3 s of this call were a wait: ");
    assert_says(lk_arena_cstr(fake_arena, wait_note), "LOOKER_LEASE_TTL");
    lk_workspace_leave(call, &err);
    shut_ms = 0;
    call = new_call("query", "{" QUERY ",\"dev_mode\":true}");
    assert_true(begin(call));
    assert_int_equal(wait_note.len, 0);
    lk_workspace_leave(call, &err);
}

static void without_a_branch_the_cell_is_held(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_BORROWING; i++) {
        const char *project = borrowing[i].own_project ? "\"project_id\":\"p\"" : "";
        struct mcp_call *call = new_call(borrowing[i].name, with(i, project));
        int before = n_taken;

        assert_true(begin(call));
        assert_int_equal(n_taken - before, borrowing[i].dev != OFF);
        assert_int_equal(dev_mode(call), borrowing[i].dev != OFF);
        assert_ptr_equal(fake_lease, borrowing[i].dev != OFF ? &lease : NULL);
        lk_workspace_leave(call, &err);
        if (borrowing[i].dev != OFF)
            continue;
        call = new_call(borrowing[i].name,
                        with(i, borrowing[i].own_project ? "\"project_id\":\"p\",\"dev_mode\":true"
                                                         : "\"dev_mode\":true"));
        assert_true(begin(call));
        assert_int_equal(lease.wish.mode, LK_CLAIM_HOLD);
        assert_int_equal(lease.wish.n_projects, borrowing[i].own_project ? 1 : 0);
        lk_workspace_leave(call, &err);
    }
    assert_int_equal(n_given, n_taken);
}

static void what_moves_the_branch_has_it_alone(void **state)
{
    static const struct {
        const char *name, *arguments;
        bool sets;
    } cases[] = {
        {"switch_git_branch", "{\"project_id\":\"p\",\"branch_name\":\"b\"}", true},
        {"create_git_branch", "{\"project_id\":\"p\",\"branch_name\":\"b\"}", true},
        {"delete_git_branch", "{\"project_id\":\"p\",\"branch_name\":\"b\"}", false},
        {"deploy_to_production", "{\"project_id\":\"p\",\"branch\":\"b\"}", false},
        {"reset_to_production", "{\"project_id\":\"p\"}", false},
        {"reset_git_branch_to_remote", "{\"project_id\":\"p\"}", false},
        {"rollback_to_production", "{\"project_id\":\"p\"}", false},
        {"bootstrap_lookml_project", "{\"name\":\"p\",\"git_remote_url\":\"git@h:a/b.git\"}",
         false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mcp_call *call = new_call(cases[i].name, cases[i].arguments);

        if (!begin(call))
            fail_msg("%s: %s", cases[i].name, err.message);
        assert_int_equal(lease.wish.mode, LK_CLAIM_ALONE);
        assert_int_equal(lease.wish.sets_branch, cases[i].sets);
        assert_str(lease.wish.projects[0], "p");
        assert_str(lease.wish.branch, "");
        lk_workspace_leave(call, &err);
    }
}

static void others_ask_for_nothing(void **state)
{
    struct mcp_call *call = new_call("list_models", "{}");

    (void)state;
    api.principal = (struct lk_principal){.kind = LK_AS_USER, .user_id = LK_STR("9")};
    assert_true(begin(call));
    assert_ptr_equal(fake_guarded, &api);
    lk_workspace_leave(call, &err);
    call = new_call("call_operation", "{\"operation\":\"me\",\"dev_mode\":true}");
    assert_true(begin(call)); /* it takes it by itself */
    assert_int_equal(n_taken, 0);
    assert_true(lk_workspace_take(
        call, &(struct lk_workspace_stay){.how = LK_WORKSPACE_HOLD, .project = LK_STR("q")}, &err));
    assert_int_equal(lease.wish.mode, LK_CLAIM_HOLD);
    assert_str(lease.wish.projects[0], "q");
    assert_ptr_equal(fake_lease, &lease);
    lk_workspace_leave(call, &err);
    assert_int_equal(n_given, 1);
    call = new_call("call_operation", "{\"operation\":\"me\"}");
    assert_false(
        lk_workspace_take(call, &(struct lk_workspace_stay){.how = LK_WORKSPACE_ALONE}, &err));
}

/* ---- whose ---- */

static void it_is_the_workspace_of_whom_the_call_runs_as(void **state)
{
    const char *arguments = "{" QUERY ",\"dev_mode\":true}";

    (void)state;
    api.principal = (struct lk_principal){.kind = LK_AS_USER, .user_id = LK_STR("9")};
    assert_true(begin(new_call("query", arguments)));
    assert_str(lease.wish.user.id, "9");
    assert_int_equal((int)fake_n_requests, 0);
    for (int i = 0; i < 2; i++) {
        api.principal = (struct lk_principal){.kind = LK_AS_KEYS, .client_id = LK_STR("abc")};
        assert_true(begin(new_call("query", arguments)));
        assert_str(lease.wish.user.id, "1");
        assert_str(lease.wish.user.principal.client_id, "abc");
        assert_int_equal((int)fake_n_requests, 1);
    }
    api.principal = (struct lk_principal){.kind = LK_AS_SERVICE};
    assert_true(begin(new_call("query", arguments)));
    assert_int_equal((int)fake_n_requests, 2);
    /* A token is in the workspace that its owner put it in. */
    n_taken = 0;
    api.principal = (struct lk_principal){.kind = LK_AS_TOKEN, .token = LK_STR("t")};
    assert_false(begin(new_call("query", arguments)));
    assert_int_equal(err.kind, LK_ERROR_UNSUPPORTED);
    assert_int_equal(n_taken, 0);
    assert_true(begin(new_call("query", "{" QUERY "}")));
}

/* Fields that one branch has are not taken for known on another. */
static void branches_are_told_apart(void **state)
{
    static const char *const arguments[] = {
        "{" QUERY ",\"dev_mode\":true}",
        "{" QUERY ",\"branch\":\"a\",\"project_id\":\"p\"}",
        "{" QUERY ",\"branch\":\"b\",\"project_id\":\"p\"}",
        "{" QUERY ",\"branch\":\"b\",\"project_id\":\"q\"}",
        "{" QUERY ",\"branch\":\"b\",\"project_id\":\"q\",\"imports\":true}",
    };
    struct lk_str names[10];

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        struct mcp_call *call = new_call("query", arguments[i % 5]);

        api.principal =
            (struct lk_principal){.kind = LK_AS_USER, .user_id = i < 5 ? LK_STR("8") : LK_STR("9")};
        assert_true(begin(call));
        names[i] = context.workspace_name;
        for (size_t k = 0; k < i; k++)
            assert_false(lk_str_eq(names[i], names[k]));
    }
}

/* ---- how it ends ---- */

static struct mcp_call *borrow(const char *name)
{
    struct mcp_call *call =
        strcmp(name, "query") == 0
            ? new_call(name, "{" QUERY ",\"branch\":\"b\",\"project_id\":\"p\"}")
            : new_call(name, "{\"project_id\":\"p\",\"file_id\":\"a\",\"branch\":\"b\"}");

    assert_true(begin(call));
    return call;
}

static void what_was_not_given_back_is_in_the_answer(void **state)
{
    struct mcp_call *call = borrow("query");

    (void)state;
    lk_workspace_leave(call, &err);
    assert_str(restore, "");
    lease.end = (struct lk_lease_end){.trouble = LK_STR("Looker said \"no\""),
                                      .project = LK_STR("p"),
                                      .home = LK_STR("main"),
                                      .found = LK_STR("b")};
    call = borrow("query");
    lk_workspace_leave(call, &err);
    assert_str(restore, "{\"project_id\":\"p\",\"branch\":\"b\",\"home\":\"main\","
                        "\"error\":\"Looker said \\\"no\\\"\"}");
    assert_int_equal(err.kind, LK_ERROR_NONE);
    /* Also of a call that has failed. */
    call = borrow("query");
    lk_fail(&err, LK_ERROR_UPSTREAM, "no such field");
    lk_workspace_leave(call, &err);
    assert_true(restore.len > 0);
    assert_string_equal(err.message, "no such field");
}

static void nothing_is_known_from_a_lost_lease(void **state)
{
    struct mcp_call *call = borrow("query");

    (void)state;
    lease.end.lost = true;
    lk_workspace_leave(call, &err);
    assert_int_equal(err.kind, LK_ERROR_UNSUPPORTED);
    assert_says(err.message, "lost its hold");
    /* What was changed has to be told all the same. */
    call = borrow("delete_file");
    lk_workspace_leave(call, &err);
    assert_int_equal(err.kind, LK_ERROR_NONE);
    assert_says(kept.message, "look whether");
}

static void nobody_waits_for_a_call_that_was_cancelled(void **state)
{
    struct mcp_call *call = borrow("query");

    (void)state;
    nobody_waits = true;
    lk_workspace_leave(call, &err);
    assert_int_equal(n_given_unseen, 1);
    lk_workspace_leave(call, &err); /* there is nothing more */
    assert_int_equal(n_given, 1);
}

static void what_was_not_taken_is_not_given(void **state)
{
    struct mcp_call *call = new_call("query", "{" QUERY ",\"branch\":\"b\",\"project_id\":\"p\"}");

    (void)state;
    take_error = (struct lk_error){.kind = LK_ERROR_TIMEOUT, .message = "busy"};
    assert_false(begin(call));
    assert_string_equal(err.message, "busy");
    lk_workspace_leave(call, &err);
    assert_int_equal(n_given, 0);
    assert_null(fake_lease);
}

/* ---- CI users ---- */

static void a_ci_user_is_borrowed_with_the_branch(void **state)
{
    struct mcp_call *call = new_call(
        "query", "{" QUERY ",\"branch\":\"b\",\"project_id\":\"p\",\"act_as_user\":\"pool\"}");
    struct lk_ci_user user;

    (void)state;
    assert_true(lk_workspace_check(call, &err));
    assert_true(lk_workspace_borrow_user(call, true, &user, &context.visit, &err));
    assert_str(user.id, "77");
    assert_true(lease.wish.user.principal.associative);
    assert_str(ci_user, "{\"id\":\"77\",\"email\":\"ci@x.io\"}");
    assert_true(lk_workspace_enter(call, &err));
    assert_int_equal(n_taken, 1);
    assert_ptr_equal(fake_lease, &lease);
    assert_false(loan.given);
    lk_workspace_leave(call, &err);
    assert_true(loan.given);
    assert_int_equal(n_given, 1);
}

static void without_ci_users_the_setting_is_named(void **state)
{
    struct mcp_call *call = new_call(
        "query", "{" QUERY ",\"branch\":\"b\",\"project_id\":\"p\",\"act_as_user\":\"pool\"}");
    struct lk_ci_user user;

    (void)state;
    context.workspace = lk_workspace_new(&(struct lk_workspace_options){0});
    assert_false(lk_workspace_borrow_user(call, false, &user, &context.visit, &err));
    assert_int_equal(err.kind, LK_ERROR_ARGUMENT);
    assert_says(err.message, "LOOKER_CI_USERS");
    lk_workspace_free(context.workspace);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(exactly_the_tools_of_the_table_borrow),
        TEST(partners_are_missed_before_anything_is_asked),
        TEST(a_branch_is_borrowed),
        TEST(a_wait_for_an_empty_store_is_told),
        TEST(a_model_of_another_project_is_told),
        TEST(without_a_branch_the_cell_is_held),
        TEST(what_moves_the_branch_has_it_alone),
        TEST(others_ask_for_nothing),
        TEST(it_is_the_workspace_of_whom_the_call_runs_as),
        TEST(branches_are_told_apart),
        TEST(what_was_not_given_back_is_in_the_answer),
        TEST(nothing_is_known_from_a_lost_lease),
        TEST(nobody_waits_for_a_call_that_was_cancelled),
        TEST(what_was_not_taken_is_not_given),
        TEST(a_ci_user_is_borrowed_with_the_branch),
        TEST(without_ci_users_the_setting_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
