/*
 * The identity plug-in: replies now, later, twice, too late, from many threads; cancelling; tables
 * that are refused. The plug-in is this file, and so is the call.
 */
#include "../test.h"

#include "handlers/plugin.h"
#include "rt/co.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct mcp_call {
    struct lk_arena *arena;
    const char *arguments, *mood;
    bool verified;
};

static const struct mcp_group group = {.name = "things"};
static const struct mcp_tool tool = {.name = "a_tool", .group = &group};
static const struct mcp_caller caller = {
    .subject = LK_STR_INIT("s-1"), .user = LK_STR_INIT("ada@example.com"), .scope = {NULL, 0}};

const struct mcp_tool *mcp_call_tool(const struct mcp_call *call)
{
    (void)call;
    return &tool;
}

struct lk_arena *mcp_call_arena(struct mcp_call *call)
{
    return call->arena;
}

struct lk_str mcp_call_arguments(const struct mcp_call *call)
{
    return lk_str(call->arguments);
}

struct lk_str mcp_call_header(const struct mcp_call *call, struct lk_str name)
{
    if (lk_str_ieq(name, LK_STR("x-mood")))
        return lk_str(call->mood);
    return lk_str_ieq(name, LK_STR("X-Empty")) ? LK_STR("") : (struct lk_str){0};
}

const struct mcp_caller *mcp_call_caller(const struct mcp_call *call)
{
    return call->verified ? &caller : NULL;
}

/* ---- the plug-in ---- */

static struct {
    const struct looker_identity_host *host;
    const char *headers;
    int init_status;
    uint64_t asked[2000], cancelled[2000];
    unsigned n_asked, n_cancelled, n_destroyed;
    char seen[500];
    struct looker_identity identity; /* what `resolve` replies at once, when it has a kind */
    int replies;                     /* so many times */
} p;

static int init(const struct looker_identity_host *host, struct looker_identity_setup *setup)
{
    assert_true(host->size >= sizeof(*host) && setup->size >= sizeof(*setup));
    p.host = host;
    setup->state = &p;
    setup->headers = p.headers;
    if (p.init_status != 0)
        memset(setup->error, 'e', sizeof(setup->error)); /* not even ended */
    return p.init_status;
}

static void resolve(void *state, const struct looker_identity_request *request)
{
    assert_ptr_equal(state, &p);
    p.asked[p.n_asked++] = request->id;
    snprintf(p.seen, sizeof(p.seen), "%s %s %s %zu %s %s %s", request->tool, request->group,
             request->arguments, request->n_headers,
             request->n_headers > 0 ? request->headers[0].name : "-",
             request->n_headers > 0 ? request->headers[0].value : "-",
             request->caller != NULL ? request->caller->user : "-");
    for (int i = 0; i < p.replies; i++)
        p.host->reply(p.host, request->id, &p.identity);
}

static void cancel(void *state, uint64_t request)
{
    (void)state;
    p.cancelled[p.n_cancelled++] = request;
}

static void destroy(void *state)
{
    (void)state;
    p.n_destroyed++;
}

static const struct looker_identity_plugin table = {
    .abi = LOOKER_IDENTITY_ABI,
    .size = sizeof(table),
    .name = "mine",
    .init = init,
    .resolve = resolve,
    .cancel = cancel,
    .destroy = destroy,
};

static void reply_user(uint64_t id, const char *user)
{
    struct looker_identity identity = {
        .size = sizeof(identity), .kind = LOOKER_IDENTITY_USER, .user = user};

    p.host->reply(p.host, id, &identity);
}

/* ---- running ---- */

struct world {
    struct lk_loop *loop;
    struct lk_plugin *plugin;
};

struct asking {
    struct world *world;
    struct mcp_call call;
    struct lk_co *co;
    struct lk_plugin_identity identity;
    struct lk_error err;
    bool ok, ended;
};

static struct lk_plugin_options options(struct world *world, uint64_t timeout_ms)
{
    return (struct lk_plugin_options){
        .loop = world->loop, .path = LK_STR("/p.so"), .timeout_ms = timeout_ms};
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    memset(&p, 0, sizeof(p));
    p.headers = "X-Mood";
    *state = world;
    return lk_loop_new(&world->loop, NULL) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    lk_plugin_free(world->plugin);
    assert_int_equal(p.n_destroyed, world->plugin != NULL);
    lk_loop_free(world->loop);
    free(world);
    return 0;
}

static void start_plugin(struct world *world, uint64_t timeout_ms)
{
    struct lk_plugin_options with = options(world, timeout_ms);
    struct lk_error err = {0};

    if (!lk_plugin_new(&with, &table, &world->plugin, &err))
        fail_msg("%s", err.message);
}

static void run_asking(void *arg)
{
    struct asking *asking = arg;

    asking->ok = lk_plugin_ask(asking->world->plugin, asking->world->loop, &asking->call,
                               &asking->identity, &asking->err);
    asking->ended = true;
}

static struct asking *start_asking(struct world *world, struct mcp_call call)
{
    struct asking *asking = calloc(1, sizeof(*asking));

    asking->world = world;
    asking->call = call;
    asking->call.arena = lk_arena_new();
    assert_true(lk_co_start(world->loop, run_asking, asking, &asking->co, NULL));
    return asking;
}

static void turn(struct world *world, int n)
{
    for (int i = 0; i < n; i++)
        lk_loop_run_once(world->loop, 5);
}

static void turn_until_ended(struct asking *asking)
{
    uint64_t until = lk_loop_now_ms(asking->world->loop) + 10000;

    while (!asking->ended && lk_loop_now_ms(asking->world->loop) < until)
        lk_loop_run_once(asking->world->loop, 10000);
    assert_true(asking->ended);
}

static void free_asking(struct asking *asking)
{
    lk_arena_free(asking->call.arena);
    free(asking);
}

/* ---- replies ---- */

static void test_a_reply_at_once(void **state)
{
    struct world *world = *state;
    struct asking *asking;

    p.identity = (struct looker_identity){
        .size = sizeof(p.identity), .kind = LOOKER_IDENTITY_TOKEN, .access_token = "t0k"};
    p.replies = 2; /* the second finds nobody */
    p.headers = " X-Empty ,,X-Mood, X-Absent";
    start_plugin(world, 5000);
    assert_str(lk_plugin_headers(world->plugin), p.headers);
    asking = start_asking(world, (struct mcp_call){.arguments = "{\"a\":1}", .mood = "blue"});
    assert_int_equal(p.n_asked, 0); /* not on the coroutine's stack */
    turn_until_ended(asking);
    assert_true(asking->ok);
    assert_int_equal(asking->identity.kind, LOOKER_IDENTITY_TOKEN);
    assert_str(asking->identity.access_token, "t0k");
    assert_string_equal(p.seen, "a_tool things {\"a\":1} 2 X-Empty  -");
    assert_int_equal(p.n_cancelled, 0);
    free_asking(asking);
}

static void test_what_is_not_there(void **state)
{
    struct world *world = *state;
    struct asking *asking;

    p.identity =
        (struct looker_identity){.size = sizeof(p.identity), .kind = LOOKER_IDENTITY_NO_OPINION};
    p.replies = 1;
    start_plugin(world, 5000);
    asking = start_asking(world, (struct mcp_call){.verified = true});
    turn_until_ended(asking);
    assert_true(asking->ok);
    assert_string_equal(p.seen, "a_tool things {} 0 - - ada@example.com");
    free_asking(asking);
}

static void *reply_later(void *arg)
{
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    reply_user(*(const uint64_t *)arg, "7");
    return NULL;
}

static void test_a_reply_from_a_thread(void **state)
{
    struct world *world = *state;
    struct asking *asking;
    pthread_t thread;

    start_plugin(world, 60000);
    asking = start_asking(world, (struct mcp_call){0});
    turn(world, 3);
    assert_false(asking->ended);
    assert_int_equal(pthread_create(&thread, NULL, reply_later, &p.asked[0]), 0);
    turn_until_ended(asking);
    pthread_join(thread, NULL);
    assert_true(asking->ok);
    assert_str(asking->identity.user, "7");
    free_asking(asking);
}

static void test_replies_to_nobody(void **state)
{
    struct world *world = *state;
    struct asking *asking;

    start_plugin(world, 60000);
    reply_user(1, "7"); /* to a request that will come */
    asking = start_asking(world, (struct mcp_call){0});
    reply_user(0, "7");
    reply_user(UINT64_MAX, "7");
    turn(world, 4);
    assert_false(asking->ended);
    reply_user(p.asked[0], "8");
    reply_user(p.asked[0], "9");
    turn_until_ended(asking);
    assert_str(asking->identity.user, "8");
    reply_user(p.asked[0], "10");
    turn(world, 2);
    free_asking(asking);
}

enum { THREADS = 4, CALLS = 400 };

/* Each thread replies to every request, so that most replies are second ones. */
static void *reply_to_all(void *arg)
{
    char user[20];

    (void)arg;
    for (uint64_t id = 1; id <= CALLS; id++) {
        snprintf(user, sizeof(user), "%llu", (unsigned long long)id);
        reply_user(id, user);
        p.host->log(p.host, LOOKER_IDENTITY_LOG_INFO, "a line");
    }
    return NULL;
}

static void test_many_replies_from_many_threads(void **state)
{
    struct world *world = *state;
    struct asking *askings[CALLS];
    pthread_t threads[THREADS];
    char user[20];

    start_plugin(world, 60000);
    for (int i = 0; i < CALLS; i++)
        askings[i] = start_asking(world, (struct mcp_call){0});
    turn(world, 1);
    assert_int_equal(p.n_asked, CALLS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reply_to_all, NULL), 0);
    for (int i = 0; i < CALLS; i++) {
        turn_until_ended(askings[i]);
        snprintf(user, sizeof(user), "%d", i + 1);
        assert_str(askings[i]->identity.user, user);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < CALLS; i++)
        free_asking(askings[i]);
    assert_int_equal(p.n_cancelled, 0);
}

/* ---- no reply ---- */

static void test_no_reply_in_time(void **state)
{
    struct world *world = *state;
    struct asking *asking;

    start_plugin(world, 40);
    asking = start_asking(world, (struct mcp_call){0});
    turn_until_ended(asking);
    assert_false(asking->ok);
    assert_int_equal(asking->err.kind, LK_ERROR_TIMEOUT);
    assert_non_null(strstr(asking->err.message, "mine did not say within 40 ms"));
    assert_int_equal(p.n_cancelled, 1);
    assert_int_equal(p.cancelled[0], p.asked[0]);
    free_asking(asking);
    reply_user(p.asked[0], "7"); /* too late: its call is gone */
    turn(world, 2);
}

static void test_cancelled_while_it_waits(void **state)
{
    struct world *world = *state;
    struct asking *asking;

    start_plugin(world, 60000);
    asking = start_asking(world, (struct mcp_call){0});
    turn(world, 2);
    lk_co_cancel(asking->co);
    turn_until_ended(asking);
    assert_int_equal(asking->err.kind, LK_ERROR_CANCELLED);
    assert_int_equal(p.n_cancelled, 1);
    free_asking(asking);
    reply_user(p.asked[0], "7");
    turn(world, 2);
}

static void test_cancelled_before_it_is_asked(void **state)
{
    struct world *world = *state;
    struct asking *asking;

    start_plugin(world, 60000);
    asking = start_asking(world, (struct mcp_call){0});
    lk_co_cancel(asking->co);
    turn_until_ended(asking);
    assert_int_equal(asking->err.kind, LK_ERROR_CANCELLED);
    assert_int_equal(p.n_asked + p.n_cancelled, 0);
    free_asking(asking);
}

/* ---- what a reply may be ---- */

static void test_replies_that_make_no_sense(void **state)
{
    struct world *world = *state;
    char *long_text = calloc(1, 8194);
    const struct looker_identity identities[] = {
        {0},
        {.size = sizeof(p.identity) - 1, .kind = LOOKER_IDENTITY_SERVICE_ACCOUNT},
        {.size = sizeof(p.identity), .kind = 0},
        {.size = sizeof(p.identity), .kind = 7},
        {.size = sizeof(p.identity), .kind = LOOKER_IDENTITY_USER},
        {.size = sizeof(p.identity), .kind = LOOKER_IDENTITY_USER, .user = " \t"},
        {.size = sizeof(p.identity), .kind = LOOKER_IDENTITY_TOKEN, .access_token = ""},
        {.size = sizeof(p.identity), .kind = LOOKER_IDENTITY_API_KEYS, .client_secret = "s"},
        {.size = sizeof(p.identity), .kind = LOOKER_IDENTITY_USER, .user = long_text},
        {.size = sizeof(p.identity), .kind = LOOKER_IDENTITY_SERVICE_ACCOUNT, .user = long_text},
    };

    memset(long_text, 'x', 8193);
    start_plugin(world, 60000);
    p.replies = 1;
    for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        struct asking *asking;

        p.identity = identities[i];
        asking = start_asking(world, (struct mcp_call){0});
        turn_until_ended(asking);
        assert_false(asking->ok);
        assert_int_equal(asking->err.kind, LK_ERROR_AUTH);
        assert_non_null(strstr(asking->err.message, "makes no sense"));
        free_asking(asking);
    }
    free(long_text);
}

static void test_refusals(void **state)
{
    struct world *world = *state;
    const struct {
        uint32_t status;
        const char *message;
        int expected_status;
        enum lk_error_kind kind;
        const char *said;
    } cases[] = {
        {0, "not you", 403, LK_ERROR_AUTH, "mine refused this call: not you"},
        {401, " renew it ", 401, LK_ERROR_AUTH, "call: renew it"},
        {503, "later", 503, LK_ERROR_UPSTREAM, "call: later"},
        {200, "ok?", 403, LK_ERROR_AUTH, "call: ok?"},
        {99999, NULL, 403, LK_ERROR_AUTH, "no reason was given"},
        {0, "\xff\xfe", 403, LK_ERROR_AUTH, "no reason was given"},
    };

    start_plugin(world, 60000);
    p.replies = 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct asking *asking;

        p.identity = (struct looker_identity){.size = sizeof(p.identity),
                                              .kind = LOOKER_IDENTITY_REFUSED,
                                              .status = cases[i].status,
                                              .message = cases[i].message};
        asking = start_asking(world, (struct mcp_call){0});
        turn_until_ended(asking);
        assert_false(asking->ok);
        assert_int_equal(asking->err.kind, cases[i].kind);
        assert_int_equal(asking->err.status, cases[i].expected_status);
        assert_non_null(strstr(asking->err.message, cases[i].said));
        free_asking(asking);
    }
}

/* ---- tables ---- */

static void assert_refused(struct world *world, const struct looker_identity_plugin *refused,
                           const char *said)
{
    struct lk_plugin_options with = options(world, 1000);
    struct lk_plugin *plugin = NULL;
    struct lk_error err = {0};

    assert_false(lk_plugin_new(&with, refused, &plugin, &err));
    assert_null(plugin);
    assert_int_equal(err.kind, LK_ERROR_CONFIG);
    if (strstr(err.message, said) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, said);
}

static void test_tables_that_are_refused(void **state)
{
    struct world *world = *state;
    struct looker_identity_plugin changed = table;
    char many[400] = "";

    assert_refused(world, NULL, "does not know version 1");
    changed.abi = 0;
    assert_refused(world, &changed, "built for version 0");
    changed = table;
    changed.size = sizeof(table) - 1;
    assert_refused(world, &changed, "bytes, but version 1");
    changed = table;
    changed.name = "";
    assert_refused(world, &changed, "no `name`");
    p.init_status = -3;
    assert_refused(world, &table, "could not initialise itself (-3): eeee");
    assert_int_equal(p.n_destroyed, 0);
    p.init_status = 0;
    p.headers = "X-Good, no good";
    assert_refused(world, &table, "\"no good\"");
    assert_int_equal(p.n_destroyed, 1); /* it had been initialised */
    for (int i = 0; i < 33; i++)
        strcat(many, "X-Header,");
    p.headers = many;
    assert_refused(world, &table, "32 headers");
    p.n_destroyed = 0;
}

/* Only name and resolve are needed. */
static void test_a_small_table(void **state)
{
    struct world *world = *state;
    struct looker_identity_plugin bare = {
        .abi = LOOKER_IDENTITY_ABI, .size = sizeof(bare) + 64, .name = "bare"};
    struct lk_plugin_options with = options(world, 1000);
    struct lk_plugin *plugin = NULL;

    bare.resolve = resolve;
    assert_true(lk_plugin_new(&with, &bare, &plugin, NULL));
    assert_int_equal(lk_plugin_headers(plugin).len, 0);
    lk_plugin_free(plugin);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_reply_at_once),
        TEST(test_what_is_not_there),
        TEST(test_a_reply_from_a_thread),
        TEST(test_replies_to_nobody),
        TEST(test_many_replies_from_many_threads),
        TEST(test_no_reply_in_time),
        TEST(test_cancelled_while_it_waits),
        TEST(test_cancelled_before_it_is_asked),
        TEST(test_replies_that_make_no_sense),
        TEST(test_refusals),
        TEST(test_tables_that_are_refused),
        TEST(test_a_small_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
