/*
 * The state of leases as text and back, and documents that are none.
 */
#include "lease_rules.h"

#include "base/buf.h"

static struct lk_str text(const struct lk_lease_state *of)
{
    struct lk_buf buf;
    struct lk_str copy;

    lk_buf_init(&buf, LK_STATE_MAX_BYTES);
    lk_state_write(of, &buf);
    copy = lk_arena_str(arena, lk_buf_view(&buf));
    lk_buf_free(&buf);
    return copy;
}

static void test_a_state_is_read_as_it_was_written(void **state)
{
    struct lk_lease_state read;
    struct lk_error err = {0};

    (void)state;
    assert_int_equal(text(&state_).len, 0);
    branch("h/1", "feature/\"\xc3\xa4\"\n", "b a b");
    move("h/1", "a", "main");
    step("h/1", "b");
    hold("h/2", "c");
    alone("h/3", "a");
    branch("h/4", "z", "s");
    move("h/4", "s", "main");
    leave("h/4");
    lk_state_stuck(&state_, cell("s"), LK_STR("why \xe2\x9c\x97"));
    cell("s")->unsure = cell("s")->service = true;
    assert_true(lk_state_read(arena, text(&state_), &read, &err));
    assert_false(read.changed);
    assert_int_equal(read.n_claims, 3);
    assert_int_equal(read.claims[0].n_projects, 2);
    assert_int_equal(read.n_cells, 3);
    assert_true(lk_str_eq(text(&read), text(&state_)));
    assert_true(lk_state_read(arena, (struct lk_str){0}, &read, &err));
    assert_int_equal(read.n_claims + read.n_cells, 0);
}

#define CLAIM                                                                                      \
    "{\"id\":\"h/1\",\"instance\":\"h\",\"mode\":\"hold\",\"branch\":\"\",\"projects\":[],"        \
    "\"what\":\"\",\"since_ms\":1,\"admitted_ms\":0,\"until_ms\":2}"
#define CELL                                                                                       \
    "{\"project\":\"a\",\"home\":\"m\",\"branch\":\"x\",\"phase\":\"there\",\"as_is\":false,"      \
    "\"unsure\":false,\"by\":\"\",\"by_until_ms\":0,\"since_ms\":1,\"fence\":1,"                   \
    "\"trouble\":\"\",\"user_id\":\"7\",\"service\":false}"
#define DOCUMENT(claims, cells)                                                                    \
    "{\"version\":1,\"fence\":1,\"claims\":[" claims "],\"cells\":[" cells "]}"

static struct lk_str replaced(const char *text_, const char *what, const char *by)
{
    const char *at = strstr(text_, what);

    assert_non_null(at);
    return lk_arena_printf(arena, "%.*s%s%s", (int)(at - text_), text_, by, at + strlen(what));
}

static void test_what_contradicts_itself_is_no_document(void **state)
{
    static const char good[] = DOCUMENT(CLAIM, CELL);
    static const char *const swaps[][2] = {
        {"\"version\":1,", ""},
        {"\"version\":1", "\"version\":\"1\""},
        {"\"fence\":1,\"claims\"", "\"fence\":-1,\"claims\""},
        {"\"fence\":1,\"claims\"", "\"fence\":1.5,\"claims\""},
        {"\"claims\":[", "\"claim\":["},
        {"\"h/1\"", "\"\""},
        {"\"h/1\"", "7"},
        {"\"hold\"", "\"keep\""},
        {"\"hold\"", "\"branch\""},
        {"\"projects\":[]", "\"projects\":[\"\"]"},
        {"\"projects\":[]", "\"projects\":[7]"},
        {"\"projects\":[]", "\"projects\":{}"},
        {"\"until_ms\":2", "\"until_ms\":99999999999999999999"},
        {CLAIM, CLAIM "," CLAIM},
        {CLAIM, "7"},
        {CELL, CELL "," CELL},
        {"\"project\":\"a\"", "\"project\":\"\""},
        {"\"home\":\"m\"", "\"home\":\"\""},
        {"\"branch\":\"x\"", "\"branch\":\"\""},
        {"\"there\"", "\"here\""},
        {"\"as_is\":false", "\"as_is\":0"},
        {"\"service\":false", "\"service\":null"},
        {"\"trouble\":\"\"", "\"trouble\":null"},
        {"\"user_id\":\"7\"", "\"user_id\":\"\\u0000\""},
    };
    struct lk_lease_state read;

    (void)state;
    assert_true(lk_state_read(arena, lk_str(good), &read, NULL));
    for (size_t i = 0; i < sizeof(swaps) / sizeof(swaps[0]); i++) {
        struct lk_error err = {0};

        if (lk_state_read(arena, replaced(good, swaps[i][0], swaps[i][1]), &read, &err))
            fail_msg("%s was read", swaps[i][1]);
        assert_int_equal(err.kind, LK_ERROR_PARSE);
        assert_true(err.message[0] != '\0');
    }
}

static void test_of_another_version(void **state)
{
    struct lk_lease_state read;
    struct lk_error err = {0};

    (void)state;
    assert_false(lk_state_read(arena, replaced(DOCUMENT("", ""), "\"version\":1", "\"version\":2"),
                               &read, &err));
    assert_int_equal(err.kind, LK_ERROR_UNSUPPORTED);
}

/* Every document that was cut short, and every one with one byte that is wrong: read or refused,
 * never worse. */
static void test_a_damaged_document_does_no_harm(void **state)
{
    static const char good[] = DOCUMENT(CLAIM, CELL);
    struct lk_lease_state read;

    (void)state;
    for (size_t len = 1; len < sizeof(good) - 1; len++) {
        struct lk_error err = {0};
        char *cut = malloc(len);

        memcpy(cut, good, len);
        assert_false(lk_state_read(arena, lk_str_n(cut, len), &read, &err));
        assert_int_equal(err.kind, LK_ERROR_PARSE);
        free(cut);
    }
    for (size_t at = 0; at < sizeof(good) - 1; at++) {
        static const char bytes[] = "\"{[0x,\\\xff";

        for (size_t b = 0; b < sizeof(bytes); b++) {
            char *bad = strdup(good);
            struct lk_mover m = {.id = LK_STR("h/1"), .now_ms = 5, .until_ms = 9};
            struct lk_cell *found;

            bad[at] = bytes[b];
            if (lk_state_read(arena, lk_str_n(bad, sizeof(good) - 1), &read, NULL)) {
                lk_state_admit(&read, 5, JOIN_MS);
                lk_state_step(&read, &m, &found);
                lk_state_leave(&read, &m);
            }
            free(bad);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_state_is_read_as_it_was_written),
        TEST(test_what_contradicts_itself_is_no_document),
        TEST(test_of_another_version),
        TEST(test_a_damaged_document_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
