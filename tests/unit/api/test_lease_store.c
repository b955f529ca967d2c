/*
 * What every kind of store of leases does: compare and swap, the list of keys, who is alive, and
 * that other workers are told of a change.
 */
#include "lease_store_harness.h"

static void test_only_the_version_that_was_read_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct lk_lease_doc none = load(f, f->one, "7"), first, second;

    assert_int_equal(none.text.len, 0);
    assert_true(none.now_ms > UINT64_C(1600000000000));
    assert_true(save(f, f->one, "7", none.version, "a"));
    assert_false(save(f, f->other, "7", none.version, "b"));
    first = load(f, f->other, "7");
    assert_str(first.text, "a");
    assert_true(save(f, f->other, "7", first.version, "b"));
    assert_false(save(f, f->one, "7", first.version, "c"));
    second = load(f, f->one, "7");
    assert_str(second.text, "b");
    assert_str(first.text, "a");
}

static void test_a_document_that_was_deleted_and_made_again_is_another(void **state)
{
    struct fixture *f = *state;
    struct lk_lease_doc first;

    put(f, "7", "a");
    first = load(f, f->one, "7");
    assert_true(save(f, f->one, "7", first.version, ""));
    assert_int_equal(load(f, f->one, "7").text.len, 0);
    assert_false(save(f, f->other, "7", first.version, "late"));
    put(f, "7", "a");
    assert_false(save(f, f->other, "7", first.version, "late"));
    put(f, "8", "");
}

static void test_documents_are_any_text(void **state)
{
    static const char *const keys[] = {"7", "a/b", "..", "user 1%2f\xc3\xa9", "-", "{x}:y*"};
    enum { N = sizeof(keys) / sizeof(keys[0]) };
    struct fixture *f = *state;
    char *large = calloc(1, 300001);
    struct deed d = {.store = f->one};

    memset(large, 'x', 300000);
    for (size_t i = 0; i < N; i++)
        put(f, keys[i], i == 0 ? large : keys[i]);
    assert_str(load(f, f->other, "7").text, large);
    for (size_t i = 1; i < N; i++)
        assert_str(load(f, f->other, keys[i]).text, keys[i]);
    run_deed(f, do_keys, &d);
    assert_true(d.ok);
    assert_int_equal(d.n_keys, N);
    for (size_t i = 0; i < N; i++) {
        bool found = false;

        for (size_t j = 0; j < N; j++)
            found |= lk_str_eq(d.keys[j], lk_str(keys[i]));
        assert_true(found);
    }
    free(large);
}

static struct deed list(struct fixture *f, struct lk_lease_store *store)
{
    struct deed d = {.store = store};

    run_deed(f, do_keys, &d);
    assert_true(d.ok);
    return d;
}

static void test_keys_are_those_with_a_document(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(list(f, f->one).n_keys, 0);
    put(f, "7", "a");
    put(f, "8", "b");
    put(f, "7", "");
    assert_int_equal(list(f, f->other).n_keys, 1);
    assert_str(list(f, f->other).keys[0], "8");
}

static void test_other_lookers_have_other_documents(void **state)
{
    struct fixture *f = *state, theirs = *f;

    if (f->kind == IN_MEMORY) /* of which every one is apart */
        return;
    put(f, "7", "a");
    theirs.options.prefix = LK_STR("https://another.example.com");
    assert_true(open_stores(&theirs));
    assert_int_equal(load(&theirs, theirs.one, "7").text.len, 0);
    put(&theirs, "7", "b");
    assert_int_equal(list(&theirs, theirs.one).n_keys, 1);
    assert_str(load(f, f->one, "7").text, "a");
    put(&theirs, "7", "");
    close_stores(&theirs);
}

static void test_check_says_where(void **state)
{
    static const char *const said[] = {"memory", "files in /tmp/lk-lease-", "Redis at 127.0.0.1:"};
    struct fixture *f = *state;
    struct deed d = {.store = f->one};

    run_deed(f, do_check, &d);
    assert_true(d.ok);
    assert_in(lk_arena_cstr(f->arena, d.where), said[f->kind]);
    assert_int_equal(list(f, f->one).n_keys, 0);
    assert_true(lk_lease_shared_is_durable(f->shared) == (f->kind != IN_MEMORY));
}

static void test_an_instance_lives_as_long_as_its_store(void **state)
{
    struct fixture *f = *state;
    struct lk_str one = lk_lease_store_instance(f->one);
    struct lk_str other = lk_arena_str(f->arena, lk_lease_store_instance(f->other));

    assert_false(lk_str_eq(one, other));
    assert_null(memchr(one.ptr, '/', one.len));
    put(f, "7", "a");
    assert_true(save(f, f->other, "8", load(f, f->other, "8").version, "b"));
    assert_true(lk_lease_store_is_alive(f->one, other));
    lk_lease_store_close(f->other);
    f->other = NULL;
    assert_true(lk_lease_store_is_alive(f->one, one));
    if (f->kind == IN_REDIS) { /* where only expiry can tell */
        assert_true(lk_lease_store_is_alive(f->one, other));
        return;
    }
    assert_false(lk_lease_store_is_alive(f->one, other));
    assert_false(lk_lease_store_is_alive(f->one, LK_STR("")));
    assert_false(lk_lease_store_is_alive(f->one, LK_STR("../lock")));
}

static void on_change(void *arg, struct lk_str key)
{
    struct fixture *f = arg;

    f->told++;
    snprintf(f->last, sizeof(f->last), "%.*s", LK_STR_ARG(key));
}

static void test_others_are_told_of_a_change(void **state)
{
    struct fixture *f = *state;

    lk_lease_store_watch(f->other, on_change, f);
    put(f, "7", "a");
    put(f, "7", "b");
    for (int i = 0; i < 100 && f->told == 0; i++)
        lk_loop_run_once(f->loop, 50);
    lk_loop_run_once(f->loop, 0);
    f->told = 0;
    put(f, "7", "c");
    for (int i = 0; i < 100 && f->told == 0; i++)
        lk_loop_run_once(f->loop, 50);
    assert_int_equal(f->told, 1);
    assert_string_equal(f->last, "7");
    save(f, f->other, "8", load(f, f->other, "8").version,
         "mine");                    /* what oneself changed is no news */
    save(f, f->one, "7", 0, "lost"); /* nor what was not saved */
    lk_loop_run_once(f->loop, 0);
    assert_int_equal(f->told, 1);
    lk_lease_store_watch(f->other, NULL, NULL);
    put(f, "9", "a");
    lk_loop_run_once(f->loop, 0);
    assert_int_equal(f->told, 1);
}

static void test_closing_forgets_what_was_to_be_told(void **state)
{
    struct fixture *f = *state;

    lk_lease_store_watch(f->other, on_change, f);
    put(f, "7", "a");
    f->told = 0;
    lk_lease_store_close(f->other);
    f->other = NULL;
    lk_loop_run_once(f->loop, 0);
    assert_int_equal(f->told, 0);
}

int main(void)
{
    static enum kind memory = IN_MEMORY, files = IN_FILES, redis = IN_REDIS;
#define OF_ALL_KINDS(name)                                                                         \
    cmocka_unit_test_prestate_setup_teardown(name, set_up, tear_down, &memory),                    \
        cmocka_unit_test_prestate_setup_teardown(name, set_up, tear_down, &files),                 \
        cmocka_unit_test_prestate_setup_teardown(name, set_up, tear_down, &redis)
    const struct CMUnitTest tests[] = {
        OF_ALL_KINDS(test_only_the_version_that_was_read_is_replaced),
        OF_ALL_KINDS(test_a_document_that_was_deleted_and_made_again_is_another),
        OF_ALL_KINDS(test_documents_are_any_text),
        OF_ALL_KINDS(test_keys_are_those_with_a_document),
        OF_ALL_KINDS(test_other_lookers_have_other_documents),
        OF_ALL_KINDS(test_check_says_where),
        OF_ALL_KINDS(test_an_instance_lives_as_long_as_its_store),
        OF_ALL_KINDS(test_others_are_told_of_a_change),
        OF_ALL_KINDS(test_closing_forgets_what_was_to_be_told),
    };
    return cmocka_run_group_tests(tests, NULL, end_redis);
}
