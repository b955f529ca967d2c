/*
 * json/flow: items found in JSON that comes in pieces. Each text comes whole, a byte at a time, and
 * cut in two at every place; pieces lie in blocks of exactly their size, so that reading beyond one
 * shows.
 */
#include "../test.h"

#include "json/flow.h"

#include <stdio.h>
#include <stdlib.h>

/* Everything that was handed on: "item;item;key=value;…" */
struct seen {
    struct lk_buf text;
    int enough_after; /* items; -1: never */
    int n;
};

static bool on_item(void *arg, struct lk_str item)
{
    struct seen *seen = arg;

    lk_buf_str(&seen->text, item.ptr != NULL ? item : LK_STR("(large)"));
    lk_buf_char(&seen->text, ';');
    return ++seen->n != seen->enough_after;
}

static bool on_member(void *arg, struct lk_str key, struct lk_str value)
{
    struct seen *seen = arg;

    lk_buf_str(&seen->text, key);
    lk_buf_char(&seen->text, '=');
    lk_buf_str(&seen->text, value.ptr != NULL ? value : LK_STR("(large)"));
    lk_buf_char(&seen->text, ';');
    return true;
}

static bool passes_large_items; /* the flows of the test */

static const char *const lists[] = {"data", "rows", NULL};

static struct lk_json_flow_options options_for(struct seen *seen)
{
    *seen = (struct seen){.enough_after = -1};
    lk_buf_init(&seen->text, 100000);
    return (struct lk_json_flow_options){
        .lists = lists,
        .max_item_bytes = 100,
        .passes_large_items = passes_large_items,
        .max_member_bytes = 60,
        .item = on_item,
        .member = on_member,
        .arg = seen,
    };
}

/* In a block of its own. */
static bool feed(struct lk_json_flow *flow, const char *bytes, size_t len, struct lk_error *err)
{
    char *piece = malloc(len > 0 ? len : 1);
    bool ok;

    memcpy(piece, bytes, len);
    ok = lk_json_flow_feed(flow, lk_str_n(piece, len), err);
    free(piece);
    return ok;
}

/* Whether the text passes when it is cut at a and at b; what was handed on is in *seen. */
static bool flows(struct seen *seen, const char *text, size_t a, size_t b, struct lk_error *err)
{
    const struct lk_json_flow_options options = options_for(seen);
    struct lk_json_flow flow;
    bool ok;

    lk_json_flow_init(&flow, &options);
    ok = feed(&flow, text, a, err) && feed(&flow, text + a, b - a, err) &&
         feed(&flow, text + b, strlen(text) - b, err) && lk_json_flow_end(&flow, err);
    lk_json_flow_free(&flow);
    return ok;
}

static void assert_flows(const char *text, const char *expected)
{
    size_t len = strlen(text);
    struct lk_error err = {0};
    struct seen seen;

    for (size_t a = 0; a <= len; a++) {
        size_t b = a + (a % 3) < len ? a + (a % 3) : len; /* pieces of 0, 1 and 2 bytes between */
        if (!flows(&seen, text, a, b, &err))
            fail_msg("%s cut at %zu and %zu: %s", text, a, b, err.message);
        if (!lk_str_eq(lk_buf_view(&seen.text), lk_str(expected)))
            fail_msg("%s cut at %zu and %zu: %.*s", text, a, b,
                     LK_STR_ARG(lk_buf_view(&seen.text)));
        lk_buf_free(&seen.text);
    }
}

static void assert_refused(const char *text, enum lk_error_kind kind)
{
    size_t len = strlen(text);
    struct seen seen;

    for (size_t a = 0; a <= len; a++) {
        struct lk_error err = {0};

        if (flows(&seen, text, a, len, &err))
            fail_msg("%s cut at %zu passed", text, a);
        if (err.kind != kind)
            fail_msg("%s cut at %zu: %s (%s)", text, a, lk_error_kind_name(err.kind), err.message);
        lk_buf_free(&seen.text);
    }
}

/* ---- what it finds ---- */

static void items_of_a_list(void **state)
{
    (void)state;
    assert_flows("[]", "");
    assert_flows(" [ \n ] ", "");
    assert_flows("[1]", "1;");
    assert_flows("[ {\"a\":1} ,\n{\"a\":[2,{}]},[],[[]],\"x\",-1.5e3 , true,null ]\n",
                 "{\"a\":1};{\"a\":[2,{}]};[];[[]];\"x\";-1.5e3;true;null;");
    assert_flows("[\"a\\\"]\",{\"k\\\\\":\"}\\\\\"},\"\\u005d\",\"\xc3\xa4\xf0\x9f\x98\x80\"]",
                 "\"a\\\"]\";{\"k\\\\\":\"}\\\\\"};\"\\u005d\";\"\xc3\xa4\xf0\x9f\x98\x80\";");
    assert_flows(
        "[{\"a string of more than sixteen bytes\":\"another one, with ] and } and \\\" \"},"
        "0]",
        "{\"a string of more than sixteen bytes\":\"another one, with ] and } and \\\" "
        "\"};0;");
}

static void items_of_a_member(void **state)
{
    (void)state;
    assert_flows("{}", "");
    assert_flows("{\"a\":1}", "a=1;");
    assert_flows("{\"a\" : [1] , \"data\" : [ {\"x\":1} , 2 ] ,\"b\":{\"data\":[3]}}",
                 "a=[1];{\"x\":1};2;b={\"data\":[3]};");
    assert_flows("{\"rows\":[],\"errors\":null}", "errors=null;");
    assert_flows("{\"d\\u0061ta\":[1],\"\\u0061\":2}", "1;\\u0061=2;"); /* however it is spelt */
    assert_flows("{\"data\":{\"x\":[1]},\"rows\":[2]}", "data={\"x\":[1]};2;");
    assert_flows("{\"data\":[1],\"data\":[2]}", "1;data=[2];"); /* the first one is the list */
    assert_flows("{\"\":\"\",\"\\\"\":{}}", "=\"\";\\\"={};");
    assert_flows("{\"datas\":[1],\"dat\":[2]}", "datas=[1];dat=[2];");
}

static void a_large_member_comes_without_its_value(void **state)
{
    (void)state;
    assert_flows("{\"a\":\"123456789012345678901234567890123456789012345678901234567890\",\"b\":1,"
                 "\"data\":[7]}",
                 "a=(large);b=1;7;");
    assert_flows("{\"a\":\"1234567890123456789012345678901234567890123456789012345678\"}",
                 "a=\"1234567890123456789012345678901234567890123456789012345678\";");
}

static void what_is_of_no_interest(void **state)
{
    struct seen seen;
    struct lk_json_flow_options options = options_for(&seen);
    struct lk_json_flow flow;
    struct lk_error err = {0};

    (void)state;
    options.member = NULL;
    options.lists = NULL;
    lk_json_flow_init(&flow, &options);
    assert_int_equal(flow.type, LK_JSON_INVALID);
    assert_true(feed(&flow, "{\"data\":[1]}", 12, &err));
    assert_true(lk_json_flow_end(&flow, &err));
    assert_int_equal(flow.type, LK_JSON_OBJECT);
    assert_false(flow.has_list);
    assert_int_equal(seen.n, 0);
    lk_json_flow_free(&flow);
    lk_buf_free(&seen.text);
}

static void enough_is_enough(void **state)
{
    struct seen seen;
    struct lk_json_flow_options options = options_for(&seen);
    struct lk_json_flow flow;
    struct lk_error err = {0};

    (void)state;
    seen.enough_after = 2;
    lk_json_flow_init(&flow, &options);
    assert_false(feed(&flow, "[1,2,3,oops", 11, &err));
    assert_true(flow.enough);
    assert_int_equal(err.kind, LK_ERROR_NONE);
    assert_int_equal(seen.n, 2);
    lk_json_flow_free(&flow);
    lk_buf_free(&seen.text);
}

/* ---- what it refuses ---- */

static void broken_text(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "[",
        "{",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "[1]]",
        "[1],",
        "[1] x",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":1",
        "{\"a\":1]",
        "{\"a\":1}}",
        "{,}",
        "{\"a\"::1}",
        "x",
        "1",
        "\"text\"",
        "null",
        "[nul]",
        "[01]",
        "[{\"a\":1]",
        "[{]}]",
        "[\"\\x\"]",
        "[\"a\nb\"]",
        "[\"\xff\"]",
        "[\"\\ud800\"]",
        "[{\"a\" \"b\"}]",
        "[1:2]",
        "{\"data\":[1}",
        "{\"data\":[1]",
        "{\"data\":[1] 2}",
        "{\"\\x\":1}",
        "[tru\"e\"]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_refused(texts[i], LK_ERROR_PARSE);
}

static void limits(void **state)
{
    char text[400];

    (void)state;
    /* 100 bytes pass, quotes included; 101 do not. */
    snprintf(text, sizeof(text), "[\"%098d\"]", 0);
    {
        struct seen seen;
        for (size_t a = 0; a < strlen(text); a++) {
            struct lk_error err = {0};
            assert_true(flows(&seen, text, a, a, &err));
            lk_buf_free(&seen.text);
        }
    }
    snprintf(text, sizeof(text), "[1,\"%099d\"]", 0);
    assert_refused(text, LK_ERROR_LIMIT);
    /* Never more than 64 open at once, the list included. */
    memset(text, '[', 66);
    memset(text + 66, ']', 66);
    text[132] = '\0';
    {
        struct seen seen;
        struct lk_json_flow_options options = options_for(&seen);
        struct lk_json_flow flow;
        struct lk_error err = {0};

        options.max_item_bytes = 1000;
        lk_json_flow_init(&flow, &options);
        assert_false(feed(&flow, text, 132, &err));
        assert_int_equal(err.kind, LK_ERROR_LIMIT);
        lk_json_flow_free(&flow);
        lk_buf_free(&seen.text);
    }
}

static void large_items_are_passed_over(void **state)
{
    char text[600];

    (void)state;
    passes_large_items = true;
    snprintf(text, sizeof(text), "[1,\"%099d\",{\"a\":[\"]\\\"\",\"%0200d\"]},\"%098d\",2]", 0, 0,
             7);
    assert_flows(text, "1;(large);(large);"
                       "\"00000000000000000000000000000000000000000000000000"
                       "000000000000000000000000000000000000000000000007\";2;");
    snprintf(text, sizeof(text), "[\"%0300d", 0);
    assert_refused(text, LK_ERROR_PARSE);
    passes_large_items = false;
}

static void what_is_passed_over_ends(void **state)
{
    static char piece[1024 * 1024];
    struct lk_json_flow_options options;
    struct lk_json_flow flow;
    struct lk_error err = {0};
    struct seen seen;
    size_t n = 0;

    (void)state;
    passes_large_items = true;
    options = options_for(&seen);
    passes_large_items = false;
    memset(piece, 'a', sizeof(piece));
    lk_json_flow_init(&flow, &options);
    assert_true(lk_json_flow_feed(&flow, LK_STR("[1,\""), &err));
    while (n < 100 && lk_json_flow_feed(&flow, lk_str_n(piece, sizeof(piece)), &err))
        n++;
    assert_int_equal(n, LK_JSON_FLOW_MAX_BYTES / sizeof(piece) - 1);
    assert_int_equal(err.kind, LK_ERROR_LIMIT);
    assert_non_null(strstr(err.message, "the item at byte 3 is larger than 67108864"));
    lk_json_flow_free(&flow);
    lk_buf_free(&seen.text);
}

static void assert_says(const char *text, const char *expected)
{
    struct lk_error err = {0};
    struct seen seen;

    for (size_t a = 0; a <= strlen(text); a++) {
        err = (struct lk_error){0};
        assert_false(flows(&seen, text, a, a, &err));
        if (strcmp(err.message, expected) != 0)
            fail_msg("cut at %zu: %s", a, err.message);
        lk_buf_free(&seen.text);
    }
}

/* Bytes are counted from the beginning of all, wherever it is cut. */
static void errors_say_where(void **state)
{
    char text[400];

    (void)state;
    assert_says("[1, ,2]", "not JSON at byte 4: a value is missing");
    assert_says("{\"a\":1 \"b\":2}", "not JSON at byte 7: another character was to come");
    assert_says("[1,2", "not JSON at byte 4: the text ends too early");
    assert_says("[1, {\"a\":NaN}]",
                "in what begins at byte 4: not JSON at byte 5: expected a value");
    assert_says("{\"a\":1,\"\\x\":2}",
                "in what begins at byte 7: not JSON at byte 1: no such escape in a string");
    snprintf(text, sizeof(text), "[1, \"%099d\"]", 0);
    assert_says(text, "the item at byte 4 is larger than 100 bytes");
}

static void long_key(void **state)
{
    static char text[10000];

    (void)state;
    snprintf(text, sizeof(text), "{\"%05000d\":1}", 0);
    {
        struct seen seen;
        struct lk_error err = {0};
        assert_false(flows(&seen, text, 10, 3000, &err));
        assert_int_equal(err.kind, LK_ERROR_LIMIT);
        lk_buf_free(&seen.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_of_a_list),
        cmocka_unit_test(items_of_a_member),
        cmocka_unit_test(a_large_member_comes_without_its_value),
        cmocka_unit_test(what_is_of_no_interest),
        cmocka_unit_test(enough_is_enough),
        cmocka_unit_test(broken_text),
        cmocka_unit_test(limits),
        cmocka_unit_test(large_items_are_passed_over),
        cmocka_unit_test(what_is_passed_over_ends),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(long_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
