/*
 * json/type and json/codec: answers into structs, structs into JSON, and the check of a text
 * against a table.
 */
#include "../with_arena.h"
#include "codec_sample.h"

#include "json/scan.h"

#include <math.h>

static struct lk_str checked(const char *text)
{
    struct lk_error err = {0};
    if (!lk_json_check(lk_str(text), 64, 0, &err))
        fail_msg("%s: %s", text, err.message);
    return lk_str(text);
}

static struct sample decode(const char *text)
{
    struct lk_error err = {0};
    struct sample sample;
    memset(&sample, 0xAA, sizeof(sample));
    if (!lk_decode_answer(arena, &sample_type, checked(text), &sample, &err))
        fail_msg("%s: %s", text, err.message);
    return sample;
}

static void refused(const char *text, const char *message)
{
    struct lk_error err = {0};
    struct sample sample;
    if (lk_decode_answer(arena, &sample_type, checked(text), &sample, &err))
        fail_msg("%s passed", text);
    assert_int_equal(err.kind, LK_ERROR_PARSE);
    assert_string_equal(err.message, message);
}

/* ---- type ---- */

static void fields_are_found_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_type.n_fields; i++)
        assert_ptr_equal(lk_type_field(&sample_type, lk_str(sample_fields[i].name)),
                         &sample_fields[i]);
    static const char *const unknown[] = {"", "a", "anyx", "an", "modem", "zzz", "wholes", "Model"};
    for (size_t i = 0; i < N_FIELDS(unknown); i++)
        assert_null(lk_type_field(&sample_type, lk_str(unknown[i])));
    assert_null(lk_type_field(&sample_type, lk_str_n("any\0", 4)));
    assert_non_null(lk_type_field(&sample_type, lk_str_n("anys", 3)));
    const struct lk_type empty = {.name = "Empty"};
    assert_null(lk_type_field(&empty, LK_STR("a")));
}

/* ---- answers ---- */

static void answers_are_decoded(void **state)
{
    (void)state;
    struct sample s = decode(
        " {\"new_in_this_release\":{\"limit\":[1]},\"any\": {\"x\": 9007199254740993} ,"
        "\"anys\":[null,[2]],\"cache\":true,\"fields\":[\"a\\tb\",null,\"c\"],\"filters\":{\"k\":1}"
        ","
        "\"flags\":[false,true],\"format\":\"neither\",\"limit\":9007199254740993,\"map\":{},"
        "\"maps\":[{}],\"model\":\"m\",\"numbers\":[1,2.5],\"part\":{\"name\":\"p\",\"zz\":0},"
        "\"parts\":[{\"depth\":2},null],\"ratio\":1e2,\"secret\":null,\"whole\":[-1,5.0,5e1]} ");
    assert_str(s.any.value, "{\"x\": 9007199254740993}");
    assert_str(s.anys.items[0], "null");
    assert_true(lk_is_true(s.cache));
    assert_int_equal(s.fields.len, 3);
    assert_str(s.fields.items[0], "a\tb");
    assert_int_equal(s.fields.items[1].len, 0);
    assert_str(s.filters.value, "{\"k\":1}"); /* as it came, whatever the values are */
    assert_true(!s.flags.items[0] && s.flags.items[1]);
    assert_str(s.format.value, "neither"); /* rules are for arguments */
    assert_true(s.limit.value == INT64_C(9007199254740993));
    assert_str(s.map.value, "{}");
    assert_true(s.numbers.items[1] == 2.5);
    assert_str(s.part.value->name.value, "p");
    assert_int_equal(s.part.value->depth.is, LK_ABSENT);
    assert_int_equal(s.parts.len, 2);
    assert_int_equal(s.parts.items[0].depth.value, 2);
    assert_int_equal(s.parts.items[1].depth.is, LK_ABSENT);
    assert_true(s.ratio.value == 100);
    assert_int_equal(s.secret.is, LK_NULL);
    assert_int_equal(s.types.is, LK_ABSENT); /* no defaults */
    assert_true(s.whole.items[1] == 5 && s.whole.items[2] == 50);
}

static void null_absent_and_empty_are_told_apart(void **state)
{
    (void)state;
    struct sample s =
        decode("{\"model\":null,\"fields\":[],\"part\":null,\"cache\":null,\"any\":null,"
               "\"parts\":null,\"limit\":null,\"ratio\":null,\"format\":\"\"}");
    assert_int_equal(s.model.is, LK_NULL);
    assert_int_equal(s.fields.is, LK_PRESENT);
    assert_int_equal(s.fields.len, 0);
    assert_int_equal(s.part.is, LK_NULL);
    assert_null(s.part.value);
    assert_int_equal(s.cache.is, LK_NULL);
    assert_int_equal(s.any.is, LK_NULL);
    assert_int_equal(s.parts.is, LK_NULL);
    assert_int_equal(s.limit.is, LK_NULL);
    assert_int_equal(s.ratio.is, LK_NULL);
    assert_int_equal(s.format.is, LK_PRESENT);
    assert_int_equal(s.map.is, LK_ABSENT);
}

static void numbers_serve_as_strings_and_the_first_member_counts(void **state)
{
    (void)state;
    struct sample s = decode("{\"model\":12345678901234567890,\"model\":\"second\"}");
    assert_str(s.model.value, "12345678901234567890");
}

/* Many encoders write "/" as "\\/", and some all that is not ASCII as \\u. */
static void escaped_names_are_names(void **state)
{
    const struct lk_field root = {.kind = LK_KIND_OBJECT, .type = &sample_type};
    const char *text = "{\"\\u006dodel\":\"m\",\"fields\":[\"f\"],\"lim\\u0069t\":\"x\"}";
    struct lk_error err = {0};

    (void)state;
    struct sample s = decode("{\"\\u006dodel\":\"m\",\"p\\u0061rt\":{\"n\\u0061me\":\"n\"},"
                             "\"\\u006d\":1,\"\\u006dodels\":1,\"\\/\":1}");
    assert_str(s.model.value, "m");
    assert_str(s.part.value->name.value, "n");
    assert_false(lk_check_value(&root, checked(text), &err));
    assert_non_null(strstr(err.message, "expected an integer"));
}

static void other_kinds_are_named(void **state)
{
    (void)state;
    refused("[]", "Sample: expected an object, got a list");
    refused("null", "Sample: expected an object, got null");
    refused("\"<html>\"", "Sample: expected an object, got the string \"<html>\"");
    refused("{\"model\":{}}", "Sample.model: expected a string, got an object");
    refused("{\"model\":true}", "Sample.model: expected a string, got true");
    refused("{\"limit\":\"5\"}",
            "Sample.limit: expected an integer from 1 to 50000, got the string \"5\"");
    refused("{\"limit\":5.5}",
            "Sample.limit: expected an integer from 1 to 50000, got the number 5.5");
    refused("{\"limit\":99999999999999999999}",
            "Sample.limit: expected an integer from 1 to 50000, "
            "got the integer 99999999999999999999");
    refused("{\"ratio\":1e999}",
            "Sample.ratio: expected a number from 0 to 1, got the number 1e999");
    refused("{\"cache\":0}", "Sample.cache: expected true or false, got the integer 0");
    refused("{\"fields\":\"a\"}",
            "Sample.fields: expected a list of strings, got the string \"a\"");
    refused("{\"map\":[]}", "Sample.map: expected an object, got a list");
    refused("{\"part\":[]}", "Sample.part: expected an object, got a list");
    refused("{\"parts\":[{},{\"parts\":[{\"name\":[1]}]}]}",
            "Sample.parts[1].parts[0].name: expected a string, got a list");
    refused("{\"secret\":{\"a\":\"hunter2\"}}",
            "Sample.secret: expected a string of at most 8 bytes, got an object");
}

static void lists_of_objects_are_decoded(void **state)
{
    (void)state;
    struct lk_error err = {0};
    struct lk_object_list list = {.len = 77};
    assert_true(lk_decode_answer_list(arena, &sample_part_type,
                                      checked("[{\"name\":\"a\"},{\"name\":\"b\"}]"), &list, &err));
    assert_int_equal(list.len, 2);
    assert_int_equal(list.is, LK_PRESENT);
    assert_str(((struct sample_part *)list.items)[1].name.value, "b");
    assert_true(lk_decode_answer_list(arena, &sample_part_type, checked("[]"), &list, &err));
    assert_int_equal(list.len, 0);
    list.len = 77;
    assert_false(lk_decode_answer_list(arena, &sample_part_type, checked("{}"), &list, &err));
    assert_string_equal(err.message, "Part: expected a list of objects, got an object");
    memset(&err, 0, sizeof(err));
    assert_false(lk_decode_answer_list(arena, &sample_part_type, checked("[{},5]"), &list, &err));
    assert_string_equal(err.message, "Part[1]: expected an object, got the integer 5");
    assert_int_equal(list.len, 77);
}

static void recursive_types_go_as_deep_as_the_text_may(void **state)
{
    (void)state;
    struct lk_buf buf;
    struct lk_error err = {0};
    struct sample_part part;
    lk_buf_init(&buf, 10000);
    for (int i = 0; i < 31; i++)
        lk_buf_lit(&buf, "{\"parts\":[");
    lk_buf_lit(&buf, "{\"name\":\"deep\"}");
    for (int i = 0; i < 31; i++)
        lk_buf_lit(&buf, "]}");
    assert_true(lk_decode_answer(arena, &sample_part_type, checked(buf.ptr), &part, &err));
    const struct sample_part *at = &part;
    for (int i = 0; i < 31; i++)
        at = &at->parts.items[0];
    assert_str(at->name.value, "deep");

    struct lk_buf again;
    lk_buf_init(&again, 10000);
    lk_encode(&sample_part_type, &part, &again);
    assert_string_equal(again.ptr, buf.ptr);
    lk_buf_free(&again);
    lk_buf_free(&buf);
}

/* ---- encode ---- */

static void what_is_absent_is_left_out(void **state)
{
    (void)state;
    struct lk_buf out;
    lk_buf_init(&out, 1000);
    struct sample s = {0};
    lk_encode(&sample_type, &s, &out);
    assert_string_equal(out.ptr, "{}");
    lk_buf_truncate(&out, 0);
    s.model = lk_string(LK_STR("a\"b"));
    s.limit.is = LK_NULL;
    s.cache = lk_boolean(false);
    s.ratio = lk_number((double)NAN);
    s.part.is = LK_NULL;
    s.fields.is = LK_PRESENT;
    lk_encode(&sample_type, &s, &out);
    assert_string_equal(out.ptr,
                        "{\"cache\":false,\"fields\":[],\"limit\":null,\"model\":\"a\\\"b\","
                        "\"part\":null,\"ratio\":null}");
    lk_buf_free(&out);
}

static void what_was_decoded_is_encoded_again(void **state)
{
    (void)state;
    const char *text =
        "{\"any\":{\"x\": "
        "12345678901234567890},\"anys\":[null,1],\"cache\":true,\"fields\":[\"a\"],"
        "\"filters\":{\"k\":1},\"flags\":[false],\"format\":null,\"limit\":-9223372036854775808,"
        "\"map\":{},\"maps\":[{\"a\":1}],\"model\":\"\xc3\xbc\\n\",\"numbers\":[0.1,100],"
        "\"part\":{\"depth\":1,\"name\":null},\"parts\":[{},{\"name\":\"x\",\"parts\":[]}],"
        "\"ratio\":2.5,\"types\":null,\"whole\":[9223372036854775807]}";
    struct sample s = decode(text);
    struct lk_buf out;
    lk_buf_init(&out, 10000);
    lk_encode(&sample_type, &s, &out);
    assert_string_equal(out.ptr, text);
    lk_buf_free(&out);

    lk_buf_init(&out, 20);
    lk_encode(&sample_type, &s, &out);
    assert_true(out.overflow);
    lk_buf_free(&out);
}

static void single_values_are_encoded(void **state)
{
    (void)state;
    struct lk_buf out;
    struct lk_str texts[] = {LK_STR("a"), LK_STR("b")};
    const struct lk_string_list list = {texts, 2, LK_PRESENT};
    const struct lk_json raw = lk_json(LK_STR("[1,{}]"));
    struct sample_part part = {.name = lk_string(LK_STR("p"))};
    const struct sample_part_ref ref = {&part, LK_PRESENT};
    const struct sample_part_ref hollow = {NULL, LK_PRESENT};
    const struct lk_integer absent = {0};
    const struct {
        const char *field;
        const void *value;
        const char *expected;
    } cases[] = {
        {"fields", &list, "[\"a\",\"b\"]"}, {"any", &raw, "[1,{}]"},
        {"part", &ref, "{\"name\":\"p\"}"}, {"part", &hollow, "null"},
        {"limit", &absent, "null"},
    };
    lk_buf_init(&out, 1000);
    for (size_t i = 0; i < N_FIELDS(cases); i++) {
        lk_buf_truncate(&out, 0);
        lk_encode_value(lk_type_field(&sample_type, lk_str(cases[i].field)), cases[i].value, &out);
        assert_string_equal(out.ptr, cases[i].expected);
    }
    lk_buf_free(&out);
}

/* ---- check ---- */

static const struct lk_field body = {.kind = LK_KIND_OBJECT, .type = &sample_type};

static void conforms(const char *text)
{
    struct lk_error err = {0};
    if (!lk_check_value(&body, checked(text), &err))
        fail_msg("%s: %s", text, err.message);
}

static void conforms_not(const char *text, const char *message)
{
    struct lk_error err = {0};
    if (lk_check_value(&body, checked(text), &err))
        fail_msg("%s passed", text);
    assert_int_equal(err.kind, LK_ERROR_ARGUMENT);
    assert_string_equal(err.message, message);
}

static void what_the_table_allows_conforms(void **state)
{
    (void)state;
    conforms("{\"model\":\"m\",\"fields\":[\"a\"]}");
    conforms("{\"model\":null,\"fields\":null,\"part\":null,\"limit\":null,\"parts\":null}");
    conforms(" {\"model\":\"m\",\"fields\":[\"a\"],\"any\":[{}],\"anys\":[null,1],\"cache\":true,"
             "\"filters\":{\"a\":\"1\",\"b\":null},\"format\":\"\\u006ason\",\"limit\":50000.0,"
             "\"maps\":[{\"a\":1}],\"numbers\":[1,2.5],\"part\":{\"name\":\"n\",\"parts\":[]},"
             "\"ratio\":1,\"secret\":\"\\u00fc345678\",\"types\":[\"look\"],\"whole\":[0]} ");
    struct lk_error err = {0};
    const struct lk_field anything = {.kind = LK_KIND_ANY};
    assert_true(lk_check_value(&anything, LK_STR("[1]"), &err));
}

static void what_it_does_not_allow_is_named(void **state)
{
    (void)state;
    conforms_not("[]", "expected an object, got a list");
    conforms_not("{}", "missing required field \"fields\": a list of strings");
    conforms_not(
        "{\"fields\":[\"a\"],\"modle\":\"m\"}",
        "unknown field \"modle\"; did you mean \"model\"? known: any, anys, cache, fields, "
        "filters, flags, format, limit, map, maps, model, numbers, part, parts, ratio, "
        "secret, types, whole");
    conforms_not("{\"model\":42}", "model: expected a string, got the integer 42");
    conforms_not("{\"fields\":\"a\"}", "fields: expected a list of strings, got the string \"a\"");
    conforms_not("{\"fields\":[\"a\",1]}",
                 "fields[1]: expected a string of at least 1 byte, got the integer 1");
    conforms_not("{\"fields\":[\"\"]}",
                 "fields[0]: expected a string of at least 1 byte, got an empty string");
    conforms_not("{\"fields\":[]}", "fields: expected a list of 1 to 3 items, got an empty one");
    conforms_not("{\"limit\":[1]}", "limit: expected an integer from 1 to 50000, got a list");
    conforms_not("{\"limit\":1.5}",
                 "limit: expected an integer from 1 to 50000, got the number 1.5");
    conforms_not("{\"limit\":0}", "limit: expected an integer from 1 to 50000, got the integer 0");
    conforms_not("{\"limit\":\"1\"}",
                 "limit: expected an integer from 1 to 50000, got the string \"1\"");
    conforms_not("{\"ratio\":-0.1}", "ratio: expected a number from 0 to 1, got the number -0.1");
    conforms_not("{\"cache\":\"true\"}", "cache: expected true or false, got the string \"true\"");
    conforms_not("{\"format\":\"xml\"}",
                 "format: expected one of \"json\", \"csv\", \"txt\", got the string \"xml\"");
    conforms_not("{\"filters\":{\"a\":1}}", "filters[\"a\"]: expected a string, got the integer 1");
    conforms_not("{\"filters\":{\"a\":\"\",\"b\":\"\",\"c\":\"\"}}",
                 "filters: expected an object of at most 2 members, got one of 3 members");
    conforms_not("{\"map\":\"{}\"}", "map: expected an object, got the string \"{}\"");
    conforms_not("{\"part\":{}}", "missing required field \"name\" in part: a string");
    conforms_not("{\"parts\":[{\"name\":\"a\"},{\"nme\":1}]}",
                 "unknown field \"nme\" in parts[1]; did you mean \"name\"? known: depth, name, "
                 "parts");
    conforms_not("{\"parts\":[null]}", "parts[0]: expected an object, got null");
    conforms_not("{\"secret\":\"hunter2hunter2\"}",
                 "secret: expected a string of at most 8 bytes, got one of 14 bytes");
    conforms_not("{\"secret\":7353}", "secret: expected a string of at most 8 bytes, got a number");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fields_are_found_by_name),
        TEST(answers_are_decoded),
        TEST(null_absent_and_empty_are_told_apart),
        TEST(numbers_serve_as_strings_and_the_first_member_counts),
        TEST(escaped_names_are_names),
        TEST(other_kinds_are_named),
        TEST(lists_of_objects_are_decoded),
        TEST(recursive_types_go_as_deep_as_the_text_may),
        TEST(what_is_absent_is_left_out),
        TEST(what_was_decoded_is_encoded_again),
        TEST(single_values_are_encoded),
        TEST(what_the_table_allows_conforms),
        TEST(what_it_does_not_allow_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
