/*
 * The store of leases in memory: compare and swap, the list of keys, who is alive, and that other
 * workers are told of a change.
 */
#include "../test.h"

#include "api/lease_store.h"

#include <stdio.h>

struct fixture {
    struct lk_loop *loop;
    struct lk_arena *arena;
    struct lk_lease_shared *shared;
    struct lk_lease_store *one, *other;
    unsigned told;
    char last[16];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct lk_lease_store_options options = {.ttl_ms = 1000};

    *state = f;
    f->arena = lk_arena_new();
    return lk_loop_new(&f->loop, NULL) && lk_lease_shared_new(&options, &f->shared, NULL) &&
                   lk_lease_store_open(f->shared, f->loop, &f->one, NULL) &&
                   lk_lease_store_open(f->shared, f->loop, &f->other, NULL)
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    lk_lease_store_close(f->one);
    lk_lease_store_close(f->other);
    lk_lease_shared_free(f->shared);
    lk_loop_free(f->loop);
    lk_arena_free(f->arena);
    free(f);
    return 0;
}

static struct lk_lease_doc load(struct fixture *f, struct lk_lease_store *store, const char *key)
{
    struct lk_lease_doc doc;

    assert_true(lk_lease_store_load(store, f->arena, lk_str(key), &doc, NULL));
    return doc;
}

static bool save(struct lk_lease_store *store, const char *key, uint64_t version, const char *text)
{
    bool saved;

    assert_true(lk_lease_store_save(store, lk_str(key), version, lk_str(text), true, &saved, NULL));
    return saved;
}

static void test_only_the_version_that_was_read_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct lk_lease_doc none = load(f, f->one, "7"), first, second;

    assert_int_equal(none.text.len, 0);
    assert_int_equal(none.closed_until_ms, 0);
    assert_true(none.now_ms > UINT64_C(1600000000000));
    assert_true(save(f->one, "7", none.version, "a"));
    assert_false(save(f->other, "7", none.version, "b"));
    first = load(f, f->other, "7");
    assert_str(first.text, "a");
    assert_true(save(f->other, "7", first.version, "b"));
    assert_false(save(f->one, "7", first.version, "c"));
    second = load(f, f->one, "7");
    assert_str(second.text, "b");
    assert_str(first.text, "a");
}

static void test_a_document_that_was_deleted_and_made_again_is_another(void **state)
{
    struct fixture *f = *state;
    struct lk_lease_doc first;

    assert_true(save(f->one, "7", 0, "a"));
    first = load(f, f->one, "7");
    assert_true(save(f->one, "7", first.version, ""));
    assert_int_equal(load(f, f->one, "7").text.len, 0);
    assert_true(save(f->one, "7", 0, "a"));
    assert_false(save(f->other, "7", first.version, "late"));
    assert_true(save(f->one, "8", 0, ""));
}

static void test_keys_are_those_with_a_document(void **state)
{
    struct fixture *f = *state;
    struct lk_str *keys;
    size_t n;

    assert_true(lk_lease_store_keys(f->one, f->arena, &keys, &n, NULL));
    assert_int_equal(n, 0);
    save(f->one, "7", 0, "a");
    save(f->other, "8", 0, "b");
    save(f->one, "7", load(f, f->one, "7").version, "");
    assert_true(lk_lease_store_keys(f->one, f->arena, &keys, &n, NULL));
    assert_int_equal(n, 1);
    assert_str(keys[0], "8");
}

static void test_an_instance_lives_as_long_as_its_store(void **state)
{
    struct fixture *f = *state;
    struct lk_str one = lk_lease_store_instance(f->one);
    struct lk_str other = lk_arena_str(f->arena, lk_lease_store_instance(f->other));

    assert_false(lk_str_eq(one, other));
    assert_null(memchr(one.ptr, '/', one.len));
    assert_true(lk_lease_store_is_alive(f->one, other));
    lk_lease_store_close(f->other);
    f->other = NULL;
    assert_false(lk_lease_store_is_alive(f->one, other));
    assert_true(lk_lease_store_is_alive(f->one, one));
    assert_false(lk_lease_store_is_alive(f->one, LK_STR("")));
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
    save(f->one, "7", 0, "a");
    save(f->one, "7", load(f, f->one, "7").version, "b");
    assert_int_equal(f->told, 0);
    lk_loop_run_once(f->loop, 50);
    assert_int_equal(f->told, 1);
    assert_string_equal(f->last, "7");
    save(f->other, "8", 0, "mine"); /* what oneself changed is no news */
    save(f->one, "7", 0, "lost");   /* nor what was not saved */
    lk_loop_run_once(f->loop, 0);
    assert_int_equal(f->told, 1);
    lk_lease_store_watch(f->other, NULL, NULL);
    save(f->one, "9", 0, "a");
    lk_loop_run_once(f->loop, 0);
    assert_int_equal(f->told, 1);
}

static void test_closing_forgets_what_was_to_be_told(void **state)
{
    struct fixture *f = *state;

    lk_lease_store_watch(f->other, on_change, f);
    save(f->one, "7", 0, "a");
    lk_lease_store_close(f->other);
    f->other = NULL;
    lk_loop_run_once(f->loop, 0);
    assert_int_equal(f->told, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_only_the_version_that_was_read_is_replaced),
        TEST(test_a_document_that_was_deleted_and_made_again_is_another),
        TEST(test_keys_are_those_with_a_document),
        TEST(test_an_instance_lives_as_long_as_its_store),
        TEST(test_others_are_told_of_a_change),
        TEST(test_closing_forgets_what_was_to_be_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
