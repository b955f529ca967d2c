/*
 * json/codec: lk_decode_arguments. The messages are what a model reads, so they are compared whole.
 */
#include "../with_arena.h"
#include "codec_sample.h"

#include "json/tree.h"

#include <time.h>

static const cJSON *parse(const char *text)
{
    struct lk_error err = {0};
    cJSON *tree = NULL;
    if (!lk_tree_parse(arena, lk_str(text), &tree, &err))
        fail_msg("%s: %s", text, err.message);
    return tree;
}

static struct sample decode(const char *text)
{
    struct lk_error err = {0};
    struct sample sample;
    memset(&sample, 0xAA, sizeof(sample)); /* every byte must be written */
    if (!lk_decode_arguments(arena, &sample_type, parse(text), &sample, &err))
        fail_msg("%s: %s", text, err.message);
    return sample;
}

static void refused(const char *text, const char *message)
{
    struct lk_error err = {0};
    struct sample sample, before;
    memset(&sample, 0xAA, sizeof(sample));
    before = sample;
    if (lk_decode_arguments(arena, &sample_type, parse(text), &sample, &err))
        fail_msg("%s passed", text);
    assert_int_equal(err.kind, LK_ERROR_ARGUMENT);
    assert_string_equal(err.message, message);
    assert_memory_equal(&sample, &before, sizeof(sample));
}

/* Other members of an object that has the required ones. */
static void refused_with(const char *members, const char *message)
{
    refused(lk_arena_printf(arena, "{\"model\":\"m\",\"fields\":[\"f\"],%s}", members).ptr,
            message);
}

static void every_kind_is_decoded(void **state)
{
    (void)state;
    struct sample s = decode(
        "{\"any\":[1,{\"a\":9007199254740991}],\"anys\":[null,1,\"x\"],\"cache\":false,"
        "\"fields\":[\"a\",\"\\u00fc\"],\"filters\":{\"a.b\":\"x\\ny\"},\"flags\":[true,false],"
        "\"format\":\"csv\",\"limit\":7,\"map\":{\"k\":[]},\"maps\":[{\"n\":1},{}],\"model\":\"m\","
        "\"numbers\":[1,2.5,-1e3],\"part\":{\"name\":\"p\",\"depth\":1,\"parts\":[{\"name\":\"q\"}]"
        "},"
        "\"parts\":[{\"name\":\"r\"},{\"name\":\"s\",\"depth\":-3}],\"ratio\":0.5,"
        "\"secret\":\"hush\",\"types\":[],\"whole\":[0,9007199254740992]}");
    assert_str(s.any.value, "[1,{\"a\":9007199254740991}]");
    assert_int_equal(s.anys.len, 3);
    assert_str(s.anys.items[0], "null");
    assert_str(s.anys.items[2], "\"x\"");
    assert_int_equal(s.cache.is, LK_PRESENT);
    assert_false(s.cache.value);
    assert_int_equal(s.fields.len, 2);
    assert_str(s.fields.items[1], "\xc3\xbc");
    assert_str(s.filters.value, "{\"a.b\":\"x\\ny\"}");
    assert_true(s.flags.items[0] && !s.flags.items[1]);
    assert_str(s.format.value, "csv");
    assert_int_equal(s.limit.value, 7);
    assert_str(s.map.value, "{\"k\":[]}");
    assert_str(s.maps.items[0], "{\"n\":1}");
    assert_str(s.model.value, "m");
    assert_true(s.numbers.len == 3 && s.numbers.items[1] == 2.5 && s.numbers.items[2] == -1000);
    assert_int_equal(s.part.is, LK_PRESENT);
    assert_str(s.part.value->name.value, "p");
    assert_str(s.part.value->parts.items[0].name.value, "q");
    assert_int_equal(s.part.value->parts.items[0].depth.is, LK_ABSENT);
    assert_int_equal(s.parts.len, 2);
    assert_int_equal(s.parts.items[1].depth.value, -3);
    assert_true(s.ratio.value == 0.5);
    assert_str(s.secret.value, "hush");
    assert_int_equal(s.types.is, LK_PRESENT);
    assert_int_equal(s.types.len, 0); /* given, so not the default */
    assert_true(s.whole.items[1] == INT64_C(9007199254740992));
}

static void absent_and_null_become_the_default_or_stay_absent(void **state)
{
    (void)state;
    struct sample s = decode("{\"model\":\"m\",\"fields\":[\"f\"],\"limit\":null,\"cache\":null}");
    assert_int_equal(s.limit.is, LK_PRESENT);
    assert_int_equal(s.limit.value, 500);
    assert_int_equal(s.types.len, 1);
    assert_str(s.types.items[0], "dashboard");
    assert_int_equal(s.cache.is, LK_ABSENT);
    assert_int_equal(s.part.is, LK_ABSENT);
    assert_int_equal(s.filters.is, LK_ABSENT);
    for (size_t i = 0; i < sample_type.n_fields; i++) {
        const char *name = sample_fields[i].name;
        bool present = !strcmp(name, "model") || !strcmp(name, "fields") ||
                       !strcmp(name, "limit") || !strcmp(name, "types");
        assert_int_equal(lk_field_presence(&sample_fields[i], &s),
                         present ? LK_PRESENT : LK_ABSENT);
    }
}

static void integers_serve_as_strings_and_5_0_as_integer(void **state)
{
    (void)state;
    struct sample s = decode("{\"model\":42,\"fields\":[9007199254740991,\"x\",-1],\"limit\":5.0,"
                             "\"filters\":{\"id\":7}}");
    assert_str(s.model.value, "42");
    assert_str(s.fields.items[0], "9007199254740991");
    assert_str(s.fields.items[2], "-1");
    assert_int_equal(s.limit.value, 5);
    assert_str(s.filters.value, "{\"id\":\"7\"}");
    refused("{\"model\":1.5}", "model: expected a string, got the number 1.5");
    refused("{\"model\":1e300}", "model: expected a string, got the number 1e+300");
    refused("{\"model\":true}", "model: expected a string, got true");
    refused_with("\"format\":5", "format: expected one of \"json\", \"csv\", \"txt\", got the "
                                 "integer 5");
}

static void wrong_kinds_are_named(void **state)
{
    (void)state;
    refused_with("\"limit\":\"ten\"",
                 "limit: expected an integer from 1 to 50000, got the string \"ten\"");
    refused_with("\"limit\":\"500\"",
                 "limit: expected an integer from 1 to 50000, got the string \"500\"");
    refused_with("\"limit\":1.5", "limit: expected an integer from 1 to 50000, got the number 1.5");
    refused_with("\"limit\":0", "limit: expected an integer from 1 to 50000, got the integer 0");
    refused_with("\"limit\":50001",
                 "limit: expected an integer from 1 to 50000, got the integer 50001");
    refused_with("\"limit\":1e17",
                 "limit: expected an integer from 1 to 50000, got the number 1e+17");
    refused_with("\"limit\":[1]", "limit: expected an integer from 1 to 50000, got a list");
    refused_with("\"cache\":\"true\"", "cache: expected true or false, got the string \"true\"");
    refused_with("\"cache\":1", "cache: expected true or false, got the integer 1");
    refused_with("\"ratio\":1.25", "ratio: expected a number from 0 to 1, got the number 1.25");
    refused_with("\"ratio\":\"\"", "ratio: expected a number from 0 to 1, got an empty string");
    refused_with("\"map\":\"{}\"", "map: expected an object, got the string \"{}\"");
    refused_with("\"filters\":[]",
                 "filters: expected an object whose values are strings, got a list");
    refused_with("\"part\":\"p\"", "part: expected an object, got the string \"p\"");
    refused_with("\"part\":[]", "part: expected an object, got a list");
    refused_with("\"format\":\"jsno\"", "format: expected one of \"json\", \"csv\", \"txt\", got "
                                        "the string \"jsno\"; did you mean \"json\"?");
    refused_with("\"format\":\"\"",
                 "format: expected one of \"json\", \"csv\", \"txt\", got an empty string");
    refused_with("\"types\":\"look\"", "types: expected a list of strings, each one of "
                                       "\"dashboard\", \"look\", got the string \"look\"");
    refused("{\"model\":\"a string of many, many more words than an error should ever quote\"}",
            "missing required argument \"fields\": a list of strings");
    refused("{\"fields\":\"a string of many, many more words than an error should quote\"}",
            "fields: expected a list of strings, got the string \"a string of many, many more "
            "words than an error ...\"");
    refused("[]", "arguments: expected an object, got a list");
    refused("\"{}\"", "arguments: expected an object, got the string \"{}\"");
    refused("null", "arguments: expected an object, got null");
}

static void items_are_named_by_path(void **state)
{
    (void)state;
    refused("{\"fields\":[\"a\",\"b\",{}]}",
            "fields[2]: expected a string of at least 1 byte, got an object");
    refused("{\"fields\":[\"a\",null]}",
            "fields[1]: expected a string of at least 1 byte, got null");
    refused("{\"fields\":[\"a\",\"\"]}",
            "fields[1]: expected a string of at least 1 byte, got an empty string");
    refused_with("\"types\":[\"look\",\"dashbord\"]",
                 "types[1]: expected one of \"dashboard\", \"look\", got the string \"dashbord\"; "
                 "did you mean \"dashboard\"?");
    refused_with("\"whole\":[1,-1]",
                 "whole[1]: expected an integer of at least 0, got the integer -1");
    refused_with("\"flags\":[true,0]", "flags[1]: expected true or false, got the integer 0");
    refused_with("\"filters\":{\"a.b\":\"x\",\"c.d\":[1]}",
                 "filters[\"c.d\"]: expected a string, got a list; write \"a,b\" to match either "
                 "of several values");
    refused_with("\"maps\":[{},{\"n\":\"x\"}]",
                 "maps[1][\"n\"]: expected an integer, got the string \"x\"");
    refused_with("\"maps\":[5]",
                 "maps[0]: expected an object whose values are integers, got the integer 5");
    refused_with("\"part\":{\"name\":\"p\",\"parts\":[{\"name\":\"q\"},{\"name\":[]}]}",
                 "part.parts[1].name: expected a string, got a list");
}

static void lists_and_maps_have_sizes(void **state)
{
    (void)state;
    refused("{\"fields\":[]}", "fields: expected a list of 1 to 3 items, got an empty one");
    refused("{\"fields\":[\"a\",\"b\",\"c\",\"d\"]}",
            "fields: expected a list of 1 to 3 items, got one of 4 items");
    refused_with("\"filters\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}",
                 "filters: expected an object of at most 2 members, got one of 3 members");
    decode("{\"model\":\"m\",\"fields\":[\"a\",\"b\",\"c\"],"
           "\"filters\":{\"a\":\"1\",\"b\":\"2\"}}");
}

/* Dropped, it would let every row through that the filter should have kept out. */
static void null_in_a_map_is_refused(void **state)
{
    (void)state;
    refused_with("\"filters\":{\"orders.status\":null}",
                 "filters[\"orders.status\"]: expected a string, got null; write \"NULL\" to match "
                 "missing values, or leave the filter out");
    refused_with("\"maps\":[{\"n\":null}]", "maps[0][\"n\"]: expected an integer, got null");
    assert_int_equal(decode("{\"model\":\"m\",\"fields\":[\"a\"],\"filters\":null}").filters.is,
                     LK_ABSENT);
    assert_str(decode("{\"model\":\"m\",\"fields\":[\"a\"],\"map\":{\"k\":null}}").map.value,
               "{\"k\":null}");
}

static void json_in_place_of_its_text_is_told(void **state)
{
    (void)state;
    refused("{\"fields\":[\"a\"],\"model\":[{\"a\":1}]}",
            "model: expected a string, got a list; write it as JSON text, in a string");
    refused("{\"fields\":[\"a\"],\"model\":{}}",
            "model: expected a string, got an object; write it as JSON text, in a string");
    refused("{\"fields\":[\"a\"],\"model\":[\"m\"]}", "model: expected a string, got a list");
}

static void unknown_names_get_a_suggestion(void **state)
{
    (void)state;
    const char *known =
        "any, anys, cache, fields, filters, flags, format, limit, map, maps, model, "
        "numbers, part, parts, ratio, secret, types, whole";
    refused_with("\"filds\":1", lk_arena_printf(arena,
                                                "unknown argument \"filds\"; did you mean "
                                                "\"fields\"? known: %s",
                                                known)
                                    .ptr);
    refused_with("\"dashboard\":1",
                 lk_arena_printf(arena, "unknown argument \"dashboard\"; known: %s", known).ptr);
    refused_with("\"\":1", lk_arena_printf(arena, "unknown argument \"\"; known: %s", known).ptr);
    refused_with("\"part\":{\"nam\":1}", "unknown field \"nam\" in part; did you mean \"name\"? "
                                         "known: depth, name, parts");
    refused_with("\"parts\":[{\"name\":\"a\",\"x\":1}]",
                 "unknown field \"x\" in parts[0]; known: depth, name, parts");
}

static const char *const view_aliases[] = {"explore", "explore_name", NULL};
static const struct lk_rule of_view = {.aliases = view_aliases};
static const struct lk_rule not_yet = {.unavailable = "that comes later"};
static const struct lk_field query_fields[] = {
    {.name = "branch", .kind = LK_KIND_ANY, .rule = &not_yet},
    {.name = "dev_mode", .kind = LK_KIND_BOOLEAN, .rule = &not_yet},
    {.name = "model", .kind = LK_KIND_ANY},
    {.name = "view", .kind = LK_KIND_ANY, .rule = &of_view},
};
/* All members at one place: nothing is read back. */
static const struct lk_type query_type = {"Query", query_fields, 4, sizeof(struct lk_json)};

static struct lk_error decode_query(const char *json)
{
    struct lk_error err = {0};
    struct lk_json out;

    assert_false(lk_decode_arguments(arena, &query_type, parse(json), &out, &err));
    return err;
}

static void other_names_of_arguments_are_known(void **state)
{
    static const struct {
        const char *said, *hint;
    } cases[] = {
        {"explore", "; did you mean \"view\"? known: model, view, branch, dev_mode"},
        {"explore_name", "; did you mean \"view\"? known: model"},
        {"model_name", "; did you mean \"model\"? known"},
        {"branch_name", "; known: model"}, /* nobody is led to what is not to be had */
        {"_name", "; known: model"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lk_error err = decode_query(lk_arena_printf(arena, "{\"%s\":1}", cases[i].said).ptr);
        const char *rest = strchr(err.message, ';');
        assert_non_null(rest);
        if (strncmp(rest, cases[i].hint, strlen(cases[i].hint)) != 0)
            fail_msg("%s: %s", cases[i].said, err.message);
    }
}

static void unavailable_arguments_are_refused(void **state)
{
    struct lk_error err = {0};
    struct lk_json out;

    (void)state;
    assert_true(lk_decode_arguments(arena, &query_type,
                                    parse("{\"dev_mode\":false,\"branch\":null}"), &out, &err));
    err = decode_query("{\"branch\":\"x\"}");
    assert_int_equal(err.kind, LK_ERROR_UNSUPPORTED);
    assert_string_equal(err.message,
                        "branch is not available in this version of the server; remove "
                        "the argument (that comes later)");
    assert_int_equal(decode_query("{\"dev_mode\":true}").kind, LK_ERROR_UNSUPPORTED);
    assert_int_equal(decode_query("{\"dev_mode\":1}").kind, LK_ERROR_ARGUMENT);
}

static void long_lists_of_known_names_are_cut(void **state)
{
    (void)state;
    struct lk_field many[100];
    for (size_t i = 0; i < 100; i++)
        many[i] = (struct lk_field){.name = lk_arena_printf(arena, "argument_%02zu", i).ptr,
                                    .kind = LK_KIND_ANY};
    const struct lk_type type = {"Many", many, 100, sizeof(struct lk_json)};
    struct lk_error err = {0};
    struct lk_json out;
    assert_false(lk_decode_arguments(arena, &type, parse("{\"zzz\":1}"), &out, &err));
    assert_non_null(strstr(err.message, "argument_00, argument_01, "));
    assert_non_null(strstr(err.message, " and 78 more"));
    assert_in_range(strlen(err.message), 250, 400);
}

static void missing_and_repeated_ones_are_named(void **state)
{
    (void)state;
    refused("{}", "missing required argument \"fields\": a list of strings; and argument "
                  "\"model\": a string");
    refused("{\"part\":{}}", "missing required field \"name\" in part: a string");
    refused("{\"fields\":[\"a\"]}", "missing required argument \"model\": a string");
    refused("{\"fields\":[\"a\"],\"model\":null}", "missing required argument \"model\": a string");
    refused_with("\"part\":{}", "missing required field \"name\" in part: a string");
    refused_with("\"part\":{\"name\":\"a\",\"parts\":[{\"depth\":1}]}",
                 "missing required field \"name\" in part.parts[0]: a string");
    refused_with("\"model\":\"n\"", "model: given twice; send it once");
    refused_with("\"cache\":null,\"cache\":true", "cache: given twice; send it once");
    refused_with("\"part\":{\"name\":\"a\",\"name\":\"b\"}",
                 "part.name: given twice; send it once");
    refused_with("\"filters\":{\"a.b\":\"1\",\"c\":\"2\",\"a.b\":\"1\"}",
                 "filters[\"a.b\"]: given twice; send it once");
    refused_with("\"filters\":{\"c\":null,\"\\u0063\":\"2\"}",
                 "filters[\"c\"]: given twice; send it once");
    refused_with("\"map\":{\"k\":[],\"k\":1}", "map[\"k\"]: given twice; send it once");
    refused_with("\"maps\":[{\"n\":1,\"n\":1}]", "maps[0][\"n\"]: given twice; send it once");
}

/* Comparing each with each would take minutes. */
static void many_members_are_compared_quickly(void **state)
{
    struct lk_buf text;

    (void)state;
    lk_buf_init(&text, (size_t)16 * 1024 * 1024);
    lk_buf_lit(&text, "{\"model\":\"m\",\"fields\":[\"f\"],\"map\":{");
    for (int i = 0; i < 200000; i++)
        lk_buf_printf(&text, "%s\"key%d\":1", i > 0 ? "," : "", i);
    lk_buf_lit(&text, "}}");
    clock_t begun = clock();
    decode(text.ptr);
    assert_true(clock() - begun < 20 * CLOCKS_PER_SEC);
    lk_buf_free(&text);
}

static void secrets_are_never_quoted(void **state)
{
    (void)state;
    refused_with("\"secret\":\"hunter2-hunter2\"",
                 "secret: expected a string of at most 8 bytes, got one of 15 bytes");
    refused_with("\"secret\":31337.5",
                 "secret: expected a string of at most 8 bytes, got a number");
    refused_with("\"secret\":true", "secret: expected a string of at most 8 bytes, got a boolean");
    refused_with("\"secret\":[\"hunter2\"]",
                 "secret: expected a string of at most 8 bytes, got a list");
}

static void secret_strings_of_another_kind_are_not_quoted(void **state)
{
    (void)state;
    static const char *const values[] = {"sesame", NULL};
    static const struct lk_rule rule = {.values = values};
    const struct lk_field pin = {.name = "pin", .kind = LK_KIND_INTEGER, .flags = LK_FIELD_SECRET};
    const struct lk_field word = {
        .name = "word", .kind = LK_KIND_STRING, .flags = LK_FIELD_SECRET, .rule = &rule};
    const struct lk_type pins = {"Pin", &pin, 1, sizeof(struct lk_integer)};
    const struct lk_type words = {"Word", &word, 1, sizeof(struct lk_string)};
    struct lk_error err = {0};
    union {
        struct lk_integer pin;
        struct lk_string word;
    } out;
    assert_false(lk_decode_arguments(arena, &pins, parse("{\"pin\":\"hunter2\"}"), &out, &err));
    assert_string_equal(err.message, "pin: expected an integer, got a string");
    memset(&err, 0, sizeof(err));
    assert_false(lk_decode_arguments(arena, &words, parse("{\"word\":\"sesam\"}"), &out, &err));
    assert_string_equal(err.message, "word: expected one of \"sesame\", got a string");
}

static void tools_without_arguments_take_none(void **state)
{
    (void)state;
    struct lk_error err = {0};
    assert_true(lk_decode_arguments(arena, NULL, NULL, NULL, &err));
    assert_true(lk_decode_arguments(arena, NULL, parse("{}"), NULL, &err));
    assert_false(lk_decode_arguments(arena, NULL, parse("{\"a\":1}"), NULL, &err));
    assert_string_equal(err.message, "unknown argument \"a\"; none is known here");
    struct sample s;
    memset(&err, 0, sizeof(err));
    assert_false(lk_decode_arguments(arena, &sample_type, NULL, &s, &err)); /* counts as {} */
    assert_string_equal(err.message, "missing required argument \"fields\": a list of strings; and "
                                     "argument \"model\": a string");
}

static void hostile_names_and_paths_stay_short(void **state)
{
    (void)state;
    char name[5001];
    memset(name, 'n', 5000);
    name[5000] = '\0';
    struct lk_error err = {0};
    struct sample s;
    const char *text = lk_arena_printf(arena, "{\"%s\":1}", name).ptr;
    assert_false(lk_decode_arguments(arena, &sample_type, parse(text), &s, &err));
    assert_true(strlen(err.message) < 300);
    memset(&err, 0, sizeof(err));
    text = lk_arena_printf(arena, "{\"filters\":{\"%s\":[]}}", name).ptr;
    assert_false(lk_decode_arguments(arena, &sample_type, parse(text), &s, &err));
    assert_true(strlen(err.message) < 150);
    memset(&err, 0, sizeof(err));

    struct lk_buf deep;
    lk_buf_init(&deep, 10000);
    lk_buf_lit(&deep, "{\"part\":{\"name\":\"0\"");
    for (int i = 0; i < 30; i++)
        lk_buf_lit(&deep, ",\"parts\":[{\"name\":\"x\"");
    lk_buf_lit(&deep, ",\"depth\":\"x\"");
    for (int i = 0; i < 30; i++)
        lk_buf_lit(&deep, "}]");
    lk_buf_lit(&deep, "}}");
    assert_false(lk_decode_arguments(arena, &sample_type, parse(deep.ptr), &s, &err));
    assert_memory_equal(err.message, "part.parts[0].parts[0].", 23);
    assert_non_null(strstr(err.message, "expected an integer, got the string \"x\""));
    lk_buf_free(&deep);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_is_decoded),
        TEST(absent_and_null_become_the_default_or_stay_absent),
        TEST(integers_serve_as_strings_and_5_0_as_integer),
        TEST(wrong_kinds_are_named),
        TEST(items_are_named_by_path),
        TEST(lists_and_maps_have_sizes),
        TEST(null_in_a_map_is_refused),
        TEST(json_in_place_of_its_text_is_told),
        TEST(unknown_names_get_a_suggestion),
        TEST(other_names_of_arguments_are_known),
        TEST(unavailable_arguments_are_refused),
        TEST(long_lists_of_known_names_are_cut),
        TEST(missing_and_repeated_ones_are_named),
        TEST(many_members_are_compared_quickly),
        TEST(secrets_are_never_quoted),
        TEST(secret_strings_of_another_kind_are_not_quoted),
        TEST(tools_without_arguments_take_none),
        TEST(hostile_names_and_paths_stay_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
