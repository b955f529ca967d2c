/*
 * Lists in answers (handlers/items.h): what is taken, what is left for the next page, and what no
 * answer has room for. Windows and pages are in test_generic.c.
 */
#include "fake_looker.h"

#include "handlers/items.h"

#define MIB ((size_t)1024 * 1024)

/* A string of so many bytes in JSON. */
static bool add(struct lk_items *items, size_t len)
{
    char *text = malloc(len);
    bool taken = false;

    memset(text, 'x', len);
    text[0] = text[len - 1] = '"';
    if (lk_items_next(items)) {
        lk_buf_append(&items->buf, text, len);
        taken = lk_items_end(items);
    }
    free(text);
    return taken;
}

static struct lk_items *new_items(size_t max_bytes)
{
    struct lk_items *items = lk_arena_new_object(fake_arena, struct lk_items);

    lk_items_init(items, fake_arena, max_bytes, 0, -1);
    return items;
}

static void test_a_high_limit_holds(void **state)
{
    struct lk_items *items = new_items(20 * MIB);

    (void)state;
    assert_true(add(items, 9 * MIB));
    assert_true(add(items, 9 * MIB));
    assert_false(add(items, 9 * MIB));
    assert_false(add(items, 5)); /* none behind one that was cut */
    assert_true(items->cut);
    assert_int_equal(lk_items_next_offset(items), 2);
    assert_true(lk_items_check(items, NULL));
}

static void test_no_room_for_the_first(void **state)
{
    struct lk_items *items = new_items(1000);
    struct lk_error err = {0};

    (void)state;
    assert_false(add(items, 6 * MIB));
    assert_false(add(items, 5)); /* and this one does not make it good */
    assert_false(lk_items_check(items, &err));
    assert_int_equal(err.kind, LK_ERROR_LIMIT);
    assert_contains(err.message, "larger than 4195304 bytes");
}

static void test_no_room_for_the_second(void **state)
{
    struct lk_buf body;

    (void)state;
    lk_buf_init(&body, 10 * MIB);
    lk_buf_lit(&body, "[\"a\",\"");
    memset(lk_buf_reserve(&body, 9 * MIB), 'x', 9 * MIB);
    body.len += 9 * MIB;
    lk_buf_lit(&body, "\"]");
    fake_context.max_result_bytes = 1000;
    fake_answers("GET /connections/c/databases", body.ptr);
    struct lk_str answer = run_tool("list_databases", "{\"connection_name\":\"c\"}");
    assert_str(at(answer, "items"), "[\"a\"]");
    assert_str(at(answer, "next_offset"), "1");
    assert_str(at(answer, "truncated/limit"), "1000");
    assert_contains(
        refuse_tool("list_databases", "{\"connection_name\":\"c\",\"offset\":1}")->message,
        "one item of the list");
    lk_buf_free(&body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

/* As it comes an item may be so large that it is not even looked at; the others can be had. */
static void test_an_item_that_cannot_be_held(void **state)
{
    struct lk_buf body;

    (void)state;
    fake_piece_bytes = MIB;
    lk_buf_init(&body, 20 * MIB);
    lk_buf_lit(&body, "[\"a\",\"");
    memset(lk_buf_reserve(&body, 17 * MIB), 'x', 17 * MIB);
    body.len += 17 * MIB;
    lk_buf_lit(&body, "\",\"c\"]");
    fake_answers("GET /connections/c/databases", body.ptr);
    struct lk_str answer = run_tool("list_databases", "{\"connection_name\":\"c\"}");
    assert_str(at(answer, "items"), "[\"a\"]");
    assert_str(at(answer, "total"), "3");
    assert_str(at(answer, "next_offset"), "1");
    assert_contains(
        refuse_tool("list_databases", "{\"connection_name\":\"c\",\"offset\":1}")->message,
        "set offset to skip that item");
    answer = run_tool("list_databases", "{\"connection_name\":\"c\",\"offset\":2}");
    assert_str(at(answer, "items"), "[\"c\"]");
    lk_buf_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_high_limit_holds),
        TEST(test_no_room_for_the_first),
        TEST(test_no_room_for_the_second),
        TEST(test_an_item_that_cannot_be_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
