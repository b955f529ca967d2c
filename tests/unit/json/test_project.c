/*
 * json/project: which bytes are forwarded; and json/sift, which does the same with text in pieces.
 */
#include "../test.h"

#include "json/project.h"
#include "json/scan.h"
#include "json/sift.h"

#include <stdio.h>

static const struct lk_projection explore_fields[] = {
    {.name = "label"},
    {.name = "name"},
};
static const struct lk_projection model_fields[] = {
    {.name = "explores", .fields = explore_fields, .n_fields = 2, .drop_if_true = "hidden"},
    {.name = "id"},
    {.name = "meta", .drop_if_true = "hidden"},
    {.name = "name"},
};
/* {explores{label, name} without hidden ones, id, meta whole without hidden ones, name} */
static const struct lk_projection model = {.fields = model_fields, .n_fields = 4};
static const struct lk_projection all = {0};
static const struct lk_projection all_but_hidden = {.drop_if_true = "hidden"};

static char output[4096];

/* The text in pieces of so many bytes, each in memory of its own. */
static bool sift(const struct lk_projection *projection, bool drop, struct lk_str text,
                 size_t piece_bytes, struct lk_buf *out, struct lk_error *err)
{
    struct lk_json_sift sift;
    bool ok = true;

    lk_json_sift_init(&sift, projection, drop, out);
    for (size_t at = 0; ok && at < text.len; at += piece_bytes) {
        size_t len = text.len - at < piece_bytes ? text.len - at : piece_bytes;
        char *piece = malloc(len);
        memcpy(piece, text.ptr + at, len);
        ok = lk_json_sift_feed(&sift, lk_str_n(piece, len), err);
        free(piece);
    }
    ok = ok && lk_json_sift_end(&sift, err);
    lk_json_sift_free(&sift);
    return ok;
}

/* Without the white space between tokens. */
static void squeeze(char *text)
{
    char *to = text;
    bool string = false;

    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '"')
            string = !string;
        if (!string && *from == ' ')
            continue;
        *to++ = *from;
        if (*from == '\\')
            *to++ = *++from;
    }
    *to = '\0';
}

static void assert_sifts(const struct lk_projection *projection, bool drop, struct lk_str text,
                         const char *expected_)
{
    static const size_t sizes[] = {1, 2, 3, 5, 8, 10000};
    char expected[4096];

    snprintf(expected, sizeof(expected), "%s", expected_);
    squeeze(expected);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct lk_error err = {0};
        struct lk_buf out;
        lk_buf_init(&out, 4000);
        if (!sift(projection, drop, text, sizes[i], &out, &err))
            fail_msg("%s: %.*s", err.message, LK_STR_ARG(text));
        squeeze(out.ptr);
        assert_string_equal(out.ptr, expected);
        lk_buf_free(&out);
    }
}

static const char *project(const struct lk_projection *projection, bool drop, const char *text)
{
    struct lk_error err = {0};
    struct lk_buf out;
    size_t len = strlen(text);
    char *copy = malloc(len); /* of exactly this size */
    memcpy(copy, text, len);
    assert_true(lk_json_check(lk_str_n(copy, len), 64, 0, &err));
    lk_buf_init(&out, sizeof(output) - 1);
    assert_true(lk_project(lk_str_n(copy, len), projection, drop, &out, &err));
    strcpy(output, out.ptr != NULL ? out.ptr : "");
    assert_true(lk_json_check(lk_str(output), 64, 0, &err));
    assert_sifts(projection, drop, lk_str_n(copy, len), output);
    lk_buf_free(&out);
    free(copy);
    return output;
}

static void escaped_names_are_names(void **state)
{
    (void)state;
    assert_string_equal(project(&model, true,
                                "{\"n\\u0061me\":1,\"\\u0069d\": 2,\"\\u0069\":3,\"\\u0069ds\":4,"
                                "\"explores\":[{\"nam\\u0065\":\"x\",\"hi\\u0064den\":true},"
                                "{\"nam\\u0065\":\"y\"}]}"),
                        "{\"n\\u0061me\":1,\"\\u0069d\":2,\"explores\":[{\"nam\\u0065\":\"y\"}]}");
    assert_string_equal(project(&all_but_hidden, true, "{\"hi\\u0064den\":true}"), "null");
}

static void chosen_fields_keep_their_bytes_and_order(void **state)
{
    (void)state;
    assert_string_equal(project(&model, true,
                                " { \"name\" : \"n\\u00fc\" , \"x\":[{\"id\":1}], \"id\": "
                                "9007199254740993 ,\"y\":{} } "),
                        "{\"name\":\"n\\u00fc\",\"id\":9007199254740993}");
    assert_string_equal(project(&model, true, "{\"id\":123456789012345678901234567890}"),
                        "{\"id\":123456789012345678901234567890}");
    assert_string_equal(project(&model, true, "{\"id\":1.10e+02,\"name\":null}"),
                        "{\"id\":1.10e+02,\"name\":null}");
    assert_string_equal(project(&model, true, "{\"id\":{\"new\": [ 1, 2 ]}}"),
                        "{\"id\":{\"new\": [ 1, 2 ]}}");
    assert_string_equal(project(&model, true, "{\"x\":1}"), "{}");
    assert_string_equal(project(&model, true, "{}"), "{}");
    assert_string_equal(project(&model, true, "{\"nam\":1,\"names\":2,\"\":3,\"Name\":4}"), "{}");
}

static void names_that_begin_alike_are_told_apart(void **state)
{
    (void)state;
    static const struct lk_projection fields[] = {
        {.name = "id"}, {.name = "id_a"}, {.name = "id_ab"}, {.name = "id_b"}, {.name = "idx"}};
    const struct lk_projection alike = {.fields = fields, .n_fields = 5};
    const char *text = "{\"id\":1,\"id_a\":2,\"id_ab\":3,\"id_b\":4,\"idx\":5}";
    assert_string_equal(project(&alike, true, text), text);
    assert_string_equal(project(&alike, true, "{\"i\":1,\"id_\":2,\"id_abc\":3,\"idxx\":4}"), "{}");
}

static void lists_stand_for_their_items(void **state)
{
    (void)state;
    assert_string_equal(project(&model, true, "[{\"id\":1,\"x\":2},{\"x\":3},{\"id\":4}]"),
                        "[{\"id\":1},{},{\"id\":4}]");
    assert_string_equal(project(&model, true, "[[{\"id\":1,\"x\":2}],[],[[{\"x\":1}]]]"),
                        "[[{\"id\":1}],[],[[{}]]]");
    assert_string_equal(project(&model, true, "[]"), "[]");
    assert_string_equal(project(&model, true, "[1,null,\"x\",{\"x\":1}]"), "[1,null,\"x\",{}]");
    assert_string_equal(
        project(&model, false,
                "{\"explores\":[ {\"name\":\"a\",\"fields\":{\"name\":\"no\"},\"label\":\"A\"} , "
                "{\"label\":\"B\"}],\"id\":2}"),
        "{\"explores\":[{\"name\":\"a\",\"label\":\"A\"},{\"label\":\"B\"}],\"id\":2}");
    assert_string_equal(project(&model, false, "{\"explores\":{\"name\":\"a\",\"x\":1}}"),
                        "{\"explores\":{\"name\":\"a\"}}");
    assert_string_equal(project(&model, false, "{\"explores\":null}"), "{\"explores\":null}");
    assert_string_equal(project(&model, false, "\"text\""), "\"text\"");
}

static void hidden_objects_are_dropped_on_request(void **state)
{
    (void)state;
    const char *text = "{\"explores\":[{\"name\":\"a\",\"hidden\":true,\"label\":\"A\"},"
                       "{\"hidden\":false,\"name\":\"b\"},{\"hidden\":true},{\"name\":\"c\"},"
                       "{\"name\":\"d\",\"x\":{\"hidden\":true}},{\"hidden\":true,\"y\":[{}]}]}";
    assert_string_equal(project(&model, true, text), "{\"explores\":[{\"name\":\"b\"},"
                                                     "{\"name\":\"c\"},{\"name\":\"d\"}]}");
    assert_string_equal(project(&model, false, text),
                        "{\"explores\":[{\"name\":\"a\",\"label\":\"A\"},{\"name\":\"b\"},{},"
                        "{\"name\":\"c\"},{\"name\":\"d\"},{}]}");
    /* the root of the model does not drop */
    assert_string_equal(project(&model, true, "{\"id\":1,\"hidden\":true}"), "{\"id\":1}");
    /* only the literal true drops */
    assert_string_equal(project(&model, true,
                                "{\"explores\":[{\"hidden\":\"true\",\"name\":1},"
                                "{\"hidden\":1,\"name\":2},{\"hidden\":null}]}"),
                        "{\"explores\":[{\"name\":1},{\"name\":2},{}]}");
}

static void dropped_members_take_their_key_with_them(void **state)
{
    (void)state;
    assert_string_equal(
        project(&model, true,
                "{\"id\":1,\"explores\":{\"name\":\"a\",\"hidden\":true},\"name\":2}"),
        "{\"id\":1,\"name\":2}");
    assert_string_equal(project(&model, true, "{\"explores\":{\"hidden\":true},\"name\":2}"),
                        "{\"name\":2}");
    assert_string_equal(
        project(&model, true, "{\"id\":1,\"meta\":{\"a\":[{\"b\":1}],\"hidden\":true},\"name\":2}"),
        "{\"id\":1,\"name\":2}");
    assert_string_equal(project(&model, true,
                                "{\"meta\":[{\"a\": 1,\"hidden\":false}, {\"hidden\":"
                                "true,\"b\":[2]},{\"c\":{\"hidden\":true}}]}"),
                        "{\"meta\":[{\"a\": 1,\"hidden\":false},{\"c\":{\"hidden\":true}}]}");
}

static void whole_values_are_copied(void **state)
{
    (void)state;
    const char *text = "[ {\"hidden\": true}, {\"a\":1} ]";
    assert_string_equal(project(NULL, true, text), text);
    assert_string_equal(project(&all, true, text), text);
    assert_string_equal(project(&all_but_hidden, false, text), text);
    assert_string_equal(project(&all_but_hidden, true, text), "[{\"a\":1}]");
    assert_string_equal(project(&all_but_hidden, true, "{\"a\":1,\"hidden\":true}"), "null");
    assert_string_equal(project(&all_but_hidden, true, "{ }"), "{ }");
    const struct lk_projection shown = {
        .fields = model_fields, .n_fields = 4, .drop_if_true = "hidden"};
    assert_string_equal(project(&shown, true, "{\"id\":1,\"hidden\":true}"), "null");
    assert_string_equal(project(&shown, false, "{\"id\":1,\"hidden\":true}"), "{\"id\":1}");
}

static void every_maximum_ends_in_a_limit_error_or_the_whole(void **state)
{
    (void)state;
    const char *text =
        "[{\"id\":1,\"x\":2,\"explores\":[{\"name\":\"a\"},{\"hidden\":true,\"name\":"
        "\"b\"}]},{\"id\":2,\"explores\":[{\"name\":\"bb\",\"hidden\":true}]}]";
    const char *whole = "[{\"id\":1,\"explores\":[{\"name\":\"a\"}]},{\"id\":2,\"explores\":[]}]";
    for (size_t max = 0; max < 200; max++) {
        struct lk_error err = {0};
        struct lk_buf out;
        lk_buf_init(&out, max);
        if (lk_project(lk_str(text), &model, true, &out, &err)) {
            assert_string_equal(out.ptr, whole);
        } else {
            assert_true(max < strlen(whole) + 40);
            assert_int_equal(err.kind, LK_ERROR_LIMIT);
            char message[200];
            snprintf(message, sizeof(message),
                     "the answer is larger than %zu bytes; ask for fewer fields or fewer items",
                     max);
            assert_string_equal(err.message, message);
        }
        assert_true(out.len <= max);
        lk_buf_truncate(&out, 0);
        err = (struct lk_error){0};
        if (sift(&model, true, lk_str(text), 3, &out, &err)) {
            assert_string_equal(out.ptr, whole);
        } else {
            assert_true(max < strlen(whole) + 40);
            assert_int_equal(err.kind, LK_ERROR_LIMIT);
        }
        assert_true(out.len <= max);
        lk_buf_free(&out);
    }
}

static void unchecked_text_is_not_overrun(void **state)
{
    (void)state;
    const char text[] = "[{\"id\":\"\\\"\",\"explores\":[{\"name\":\"a\",\"hidden\":true},{}],"
                        "\"meta\":{\"a\":[[]],\"hidden\":false}},null]";
    struct lk_arena *arena = lk_arena_new();
    for (size_t len = 0; len < sizeof(text); len++) {
        for (size_t i = 0; i <= len; i++) {
            struct lk_buf out;
            char *copy = malloc(len > 0 ? len : 1);
            memcpy(copy, text, len);
            if (i < len)
                copy[i] = "\"\\{}[]:,x\0"[i % 10];
            lk_buf_init(&out, 1000);
            (void)lk_project(lk_str_n(copy, len), &model, true, &out, NULL);
            lk_buf_free(&out);
            /* What is JSON nowhere is none in pieces, unless in what is passed over. */
            struct lk_error err = {0};
            if (lk_json_check(lk_str_n(copy, len), 64, 0, NULL))
                assert_sifts(&all, false, lk_str_n(copy, len),
                             lk_arena_cstr(arena, lk_str_n(copy, len)));
            else
                assert_false(sift(&all, false, lk_str_n(copy, len), 1 + i % 4, &out, &err));
            lk_buf_free(&out);
            (void)sift(&model, true, lk_str_n(copy, len), 1 + i % 4, &out, &err);
            lk_buf_free(&out);
            free(copy);
        }
    }
    lk_arena_free(arena);
}

static void text_in_pieces_that_is_none(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
        enum lk_error_kind kind;
    } cases[] = {
        {"", "too early", LK_ERROR_PARSE},
        {"[{\"id\":1}", "too early, at byte 9", LK_ERROR_PARSE},
        {"[{\"id\":1},]", "at byte 10", LK_ERROR_PARSE},
        {"[{\"id\":1} {}]", "at byte 10", LK_ERROR_PARSE},
        {"[{\"id\":1]", "at byte 8", LK_ERROR_PARSE},
        {"{\"id\":1,}", "at byte 8", LK_ERROR_PARSE},
        {"{\"id\":,\"x\":1}", "at byte 6", LK_ERROR_PARSE},
        {"{\"id\" 1}", "at byte 6", LK_ERROR_PARSE},
        {"{id:1}", "at byte 1", LK_ERROR_PARSE},
        {"{\"id\":1}x", "at byte 8", LK_ERROR_PARSE},
        {"<html>", "value", LK_ERROR_PARSE},
        {"{\"id\":[1,nul]}", "not JSON", LK_ERROR_PARSE},
        {"{\"id\":\"\xff\"}", "not JSON", LK_ERROR_PARSE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t piece_bytes = 1; piece_bytes < 12; piece_bytes++) {
            struct lk_error err = {0};
            struct lk_buf out;
            lk_buf_init(&out, 1000);
            assert_false(sift(&model, true, lk_str(cases[i].text), piece_bytes, &out, &err));
            assert_int_equal(err.kind, cases[i].kind);
            if (strstr(err.message, cases[i].expected) == NULL)
                fail_msg("%s: %s", cases[i].text, err.message);
            lk_buf_free(&out);
        }
    }
}

/* However large it is: lists in lists, a long name, and much that nobody asked for. */
static void much_that_is_passed_over(void **state)
{
    static char text[200000];
    struct lk_error err = {0};
    struct lk_buf out;

    (void)state;
    lk_buf_init(&out, 20);
    snprintf(text, sizeof(text), "{\"x\":[%0150000d],\"id\":7}", 0);
    assert_true(sift(&model, true, lk_str(text), 1000, &out, &err));
    assert_string_equal(out.ptr, "{\"id\":7}");
    lk_buf_truncate(&out, 0);
    snprintf(text, sizeof(text), "{\"id\":%0150000d}", 0);
    assert_false(sift(&model, true, lk_str(text), 1000, &out, &err));
    assert_int_equal(err.kind, LK_ERROR_LIMIT);
    lk_buf_free(&out);
    lk_buf_init(&out, 1000);
    memset(text, '[', 100);
    text[100] = '\0';
    assert_false(sift(&model, true, lk_str(text), 7, &out, &err));
    lk_buf_truncate(&out, 0);
    snprintf(text, sizeof(text), "{\"%05000d\":1}", 0);
    err = (struct lk_error){0};
    assert_false(sift(&model, true, lk_str(text), 1000, &out, &err));
    assert_int_equal(err.kind, LK_ERROR_LIMIT);
    lk_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chosen_fields_keep_their_bytes_and_order),
        cmocka_unit_test(escaped_names_are_names),
        cmocka_unit_test(names_that_begin_alike_are_told_apart),
        cmocka_unit_test(lists_stand_for_their_items),
        cmocka_unit_test(hidden_objects_are_dropped_on_request),
        cmocka_unit_test(dropped_members_take_their_key_with_them),
        cmocka_unit_test(whole_values_are_copied),
        cmocka_unit_test(every_maximum_ends_in_a_limit_error_or_the_whole),
        cmocka_unit_test(unchecked_text_is_not_overrun),
        cmocka_unit_test(text_in_pieces_that_is_none),
        cmocka_unit_test(much_that_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
