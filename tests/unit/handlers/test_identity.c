/*
 * As whom a call runs when a plug-in, a verified caller and act_as_user meet: who wins, and that
 * nobody is ever given more. Looker is not asked for anything but who a user is.
 */
#include "../test.h"

#include "handlers/identity.h"
#include "handlers/workspace.h"
#include "rt/co.h"

#include <stdio.h>
#include <string.h>

struct args {
    struct lk_string act_as_user;
};
static const struct lk_field fields[] = {{.name = "act_as_user", .kind = LK_KIND_STRING}};
static const struct lk_type type = {
    .name = "args", .fields = fields, .n_fields = 1, .size = sizeof(struct args)};
static const struct mcp_group group = {.name = "g"};
static const struct mcp_tool tool = {.name = "t", .group = &group, .args = &type};

struct mcp_call {
    struct lk_arena *arena;
    struct args args;
    void *context;
    const struct mcp_caller *caller;
    const char *email; /* of the header */
    char demanded[50];
    bool refused; /* the caller was */
};

/* ---- what it stands on ---- */

struct lk_api {
    struct lk_principal principal;
};

struct lk_api *lk_api_as(struct lk_api *api, struct lk_arena *arena,
                         const struct lk_principal *principal)
{
    struct lk_api *view = lk_arena_new_object(arena, struct lk_api);

    (void)api;
    view->principal = lk_principal_copy(arena, principal);
    return view;
}

void lk_api_set_end(struct lk_api *view, uint64_t until_ms)
{
    (void)view;
    (void)until_ms;
}

void lk_api_set_trace(struct lk_api *view, const struct lk_trace *trace)
{
    (void)view;
    (void)trace;
}

void lk_api_end(struct lk_api *view)
{
    (void)view;
}

/* Everybody whom it is asked for is user 42, whatever the address. */
bool lk_api_call(struct lk_api *api, struct lk_arena *arena, struct lk_api_request request,
                 struct lk_api_answer *ret_answer, struct lk_error *err)
{
    bool search = strcmp(request.op->id, "search_users") == 0;

    (void)api;
    (void)err;
    *ret_answer = (struct lk_api_answer){
        .status = 200,
        .media = LK_MEDIA_JSON,
        .body = lk_arena_str(arena, search ? LK_STR("[{\"id\":\"42\",\"email\":\"ada@x.io\"}]")
                                           : LK_STR("{\"id\":\"7\",\"email\":\"u7@x.io\"}")),
    };
    return true;
}

const struct mcp_tool *mcp_call_tool(const struct mcp_call *call)
{
    (void)call;
    return &tool;
}

struct lk_arena *mcp_call_arena(struct mcp_call *call)
{
    return call->arena;
}

const void *mcp_call_args(const struct mcp_call *call)
{
    return &call->args;
}

uint64_t mcp_call_left_ms(const struct mcp_call *call)
{
    (void)call;
    return UINT64_MAX;
}

const struct lk_trace *mcp_call_trace(const struct mcp_call *call)
{
    (void)call;
    return NULL;
}

void *mcp_call_context(struct mcp_call *call)
{
    return call->context;
}

void mcp_call_set_context(struct mcp_call *call, void *context)
{
    call->context = context;
}

struct lk_str mcp_call_arguments(const struct mcp_call *call)
{
    (void)call;
    return (struct lk_str){0};
}

struct lk_str mcp_call_header(const struct mcp_call *call, struct lk_str name)
{
    return lk_str_ieq(name, LK_STR("X-User-Email")) ? lk_str(call->email) : (struct lk_str){0};
}

const struct mcp_caller *mcp_call_caller(const struct mcp_call *call)
{
    return call->caller;
}

struct lk_str mcp_call_request_id(const struct mcp_call *call)
{
    (void)call;
    return LK_STR("request-1");
}

void mcp_call_refuse_caller(struct mcp_call *call)
{
    call->refused = true;
}

void mcp_call_demand_scope(struct mcp_call *call, struct lk_str scope)
{
    snprintf(call->demanded, sizeof(call->demanded), "%.*s", LK_STR_ARG(scope));
}

/* The CI users: one, who is free. */
bool lk_is_ci_pool(struct lk_str act_as_user)
{
    return lk_str_eq(act_as_user, LK_STR("pool"));
}

bool lk_workspace_borrow_user(struct mcp_call *call, bool associative, struct lk_ci_user *ret_user,
                              struct lk_visit **ret_visit, struct lk_error *err)
{
    (void)associative;
    (void)err;
    *ret_user = (struct lk_ci_user){LK_STR("77"), LK_STR("ci-bot-1@x.io")};
    *ret_visit = (struct lk_visit *)call; /* whatever it is */
    return true;
}

/* ---- the plug-in ---- */

static const struct looker_identity_host *host;
static struct looker_identity says;

static int init(const struct looker_identity_host *the_host, struct looker_identity_setup *setup)
{
    (void)setup;
    host = the_host;
    return 0;
}

static void resolve(void *state, const struct looker_identity_request *request)
{
    (void)state;
    says.size = sizeof(says);
    host->reply(host, request->id, &says);
}

static const struct looker_identity_plugin table = {.abi = LOOKER_IDENTITY_ABI,
                                                    .size = sizeof(table),
                                                    .name = "p",
                                                    .init = init,
                                                    .resolve = resolve};

/* ---- running ---- */

struct world {
    struct lk_loop *loop;
    struct lk_tool_context tools;
    struct lk_identity_options options;
    struct mcp_call call;
    struct lk_error err;
    bool ok;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    *state = world;
    if (!lk_loop_new(&world->loop, NULL))
        return -1;
    says = (struct looker_identity){0};
    world->tools.loop = world->loop;
    world->call.arena = lk_arena_new();
    world->options = (struct lk_identity_options){
        .tools = &world->tools,
        .sudo_as_user = true,
        .act_as_scope = LK_STR("looker:act_as"),
        .email_header = LK_STR("X-User-Email"),
        .token_header = LK_STR("X-User-Token"),
    };
    return lk_plugin_new(&(struct lk_plugin_options){.loop = world->loop, .timeout_ms = 5000},
                         &table, &world->options.plugin, NULL)
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    lk_plugin_free(world->options.plugin);
    lk_arena_free(world->call.arena);
    lk_loop_free(world->loop);
    free(world);
    return 0;
}

static void run_admit(void *arg)
{
    struct world *world = arg;
    struct lk_identity *identity = lk_identity_new(&world->options);

    world->call.context = &world->tools;
    world->err = (struct lk_error){0};
    world->ok = lk_identity_admit(identity, &world->call, &world->err);
    lk_identity_ended(identity, &world->call, &world->err);
    lk_identity_free(identity);
    lk_loop_stop(world->loop);
}

/* NULL when it is refused. */
static const struct lk_principal *admit(struct world *world)
{
    const struct lk_tool_context *tools;

    assert_true(lk_co_start(world->loop, run_admit, world, NULL, NULL));
    lk_loop_run(world->loop);
    if (!world->ok) {
        assert_int_not_equal(world->err.kind, LK_ERROR_NONE);
        assert_ptr_equal(world->call.context, &world->tools);
        return NULL;
    }
    tools = world->call.context;
    return &tools->api->principal;
}

static const struct looker_identity answers[] = {
    {.kind = LOOKER_IDENTITY_SERVICE_ACCOUNT},
    {.kind = LOOKER_IDENTITY_USER, .user = "7"},
    {.kind = LOOKER_IDENTITY_TOKEN, .access_token = "t"},
    {.kind = LOOKER_IDENTITY_API_KEYS, .client_id = "i", .client_secret = "s"},
};

static const struct mcp_caller bob = {
    .subject = LK_STR_INIT("b"), .user = LK_STR_INIT("ada@x.io"), .scope = LK_STR_INIT("looker")};

/* ---- tests ---- */

static void test_what_it_says_is_done(void **state)
{
    static const enum lk_principal_kind kinds[] = {LK_AS_SERVICE, LK_AS_USER, LK_AS_TOKEN,
                                                   LK_AS_KEYS};
    struct world *world = *state;

    world->call.email = "ada@x.io"; /* decides nothing */
    for (size_t i = 0; i < 8; i++) {
        const struct lk_principal *principal;

        world->call.caller = i < 4 ? NULL : &bob; /* nor does this */
        says = answers[i % 4];
        principal = admit(world);
        assert_non_null(principal);
        assert_int_equal(principal->kind, kinds[i % 4]);
        assert_str(principal->user_id, i % 4 == 1 ? "7" : "");
        assert_str(principal->token, i % 4 == 2 ? "t" : "");
        assert_str(principal->client_secret, i % 4 == 3 ? "s" : "");
    }
}

static void test_no_opinion(void **state)
{
    struct world *world = *state;
    const struct lk_principal *principal;

    says.kind = LOOKER_IDENTITY_NO_OPINION;
    assert_int_equal(admit(world)->kind, LK_AS_SERVICE);
    world->call.email = "ada@x.io";
    assert_str(admit(world)->user_id, "42");
    world->call.email = NULL;
    world->call.caller = &bob;
    principal = admit(world);
    assert_int_equal(principal->kind, LK_AS_USER);
    assert_str(principal->user_id, "42");
}

static void test_callers_own_tokens_only(void **state)
{
    static const struct mcp_caller owner = {.subject = LK_STR_INIT("b"),
                                            .access_token = LK_STR_INIT("own")};
    struct world *world = *state;

    world->options.own_tokens_only = true;
    world->call.caller = &owner;
    for (size_t i = 0; i < 4; i++) {
        says = answers[i];
        assert_null(admit(world));
        assert_int_equal(world->err.kind, LK_ERROR_AUTH);
        assert_non_null(strstr(world->err.message, "looker_oauth"));
    }
    says = (struct looker_identity){.kind = LOOKER_IDENTITY_NO_OPINION};
    assert_str(admit(world)->token, "own");
    says = (struct looker_identity){.kind = LOOKER_IDENTITY_REFUSED, .message = "no"};
    assert_null(admit(world));
}

static void test_no_impersonation(void **state)
{
    struct world *world = *state;

    world->options.sudo_as_user = false;
    says = answers[1];
    assert_null(admit(world));
    assert_non_null(strstr(world->err.message, "LOOKER_SUDO_AS_USER=false"));
    says = answers[2];
    assert_int_equal(admit(world)->kind, LK_AS_TOKEN);
    world->call.args.act_as_user = lk_string(LK_STR("9"));
    assert_null(admit(world));
    assert_int_equal(world->err.kind, LK_ERROR_ARGUMENT);
}

static void test_act_as_user(void **state)
{
    struct world *world = *state;

    world->call.args.act_as_user = lk_string(LK_STR("ada@x.io"));
    for (size_t i = 0; i < 4; i++) {
        const struct lk_principal *principal;

        says = answers[i];
        principal = admit(world);
        assert_int_equal(principal->kind, LK_AS_USER);
        assert_str(principal->user_id, "42");
    }
    says = (struct looker_identity){.kind = LOOKER_IDENTITY_REFUSED, .message = "not as ada"};
    assert_null(admit(world));
    assert_non_null(strstr(world->err.message, "not as ada"));
    /* A plug-in's word is no scope. */
    says = answers[0];
    world->call.caller = &bob;
    assert_null(admit(world));
    assert_string_equal(world->call.demanded, "looker:act_as");
}

/* It takes what act_as_user takes. */
static void test_any_ci_user(void **state)
{
    struct world *world = *state;
    const struct lk_tool_context *tools;

    says = (struct looker_identity){.kind = LOOKER_IDENTITY_NO_OPINION};
    world->call.args.act_as_user = lk_string(LK_STR(" pool "));
    assert_str(admit(world)->user_id, "77");
    tools = world->call.context;
    assert_ptr_equal(tools->visit, &world->call);
    world->call.caller = &bob;
    assert_null(admit(world));
    assert_string_equal(world->call.demanded, "looker:act_as");
    world->call.caller = NULL;
    world->options.sudo_as_user = false;
    assert_null(admit(world));
}

static void test_refusals_and_nonsense(void **state)
{
    static const struct looker_identity refusals[] = {
        {.kind = LOOKER_IDENTITY_REFUSED},
        {.kind = 0},
        {.kind = 99},
        {.kind = LOOKER_IDENTITY_USER},
        {.kind = LOOKER_IDENTITY_USER, .user = "me"},
        {.kind = LOOKER_IDENTITY_USER, .user = "7/../1"},
        {.kind = LOOKER_IDENTITY_USER, .user = "nobody@x.io"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        says = refusals[i];
        assert_null(admit(world));
        assert_int_equal(world->err.kind, LK_ERROR_AUTH);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_it_says_is_done),
        TEST(test_no_opinion),
        TEST(test_callers_own_tokens_only),
        TEST(test_no_impersonation),
        TEST(test_act_as_user),
        TEST(test_any_ci_user),
        TEST(test_refusals_and_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
