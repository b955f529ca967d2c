/*
 * Tools that are one API call: manifest rows as they were generated, and rows written by hand for
 * what no manifest uses yet.
 */
#include "fake_looker.h"

#include "handlers/bind.h"
#include "handlers/binding.h"

static void test_object_is_projected(void **state)
{
    (void)state;
    fake_answers("GET /user", "{\"id\":\"7\",\"display_name\":\"Ada\",\"sessions\":[1],"
                              "\"email\":\"ada@example.com\",\"role_ids\":[\"2\"]}");
    assert_str(run_tool("whoami", "{}"), "{\"id\":\"7\",\"display_name\":\"Ada\","
                                         "\"email\":\"ada@example.com\",\"role_ids\":[\"2\"]}");
    assert_contains(fake_requests[0], "/user?fields=id%2Cdisplay_name");
}

static void test_list_is_paged_here(void **state)
{
    (void)state;
    fake_answers("GET /connections/a%2Fb/databases", "[\"w\",\"x\",\"y\",\"z\"]");
    assert_str(run_tool("list_databases", "{\"connection_name\":\"a/b\",\"limit\":2,\"offset\":1}"),
               "{\"count\":2,\"total\":4,\"items\":[\"x\",\"y\"],\"next_offset\":3}");
    assert_str(run_tool("list_databases", "{\"connection_name\":\"a/b\",\"offset\":3}"),
               "{\"count\":1,\"total\":4,\"items\":[\"z\"]}");
    assert_str(run_tool("list_databases", "{\"connection_name\":\"a/b\",\"offset\":9}"),
               "{\"count\":0,\"total\":4,\"items\":[]}");
}

static void test_list_stops_at_the_byte_limit(void **state)
{
    (void)state;
    fake_context.max_result_bytes = 12;
    fake_answers("GET /connections/c/databases", "[\"aaaa\",\"bbbb\",\"cccc\"]");
    struct lk_str first = run_tool("list_databases", "{\"connection_name\":\"c\"}");
    assert_str(at(first, "count"), "1");
    assert_str(at(first, "next_offset"), "1");
    assert_str(at(first, "truncated/reason"), "\"result_bytes\"");
    assert_str(at(first, "truncated/limit"), "12");
    assert_str(at(run_tool("list_databases", "{\"connection_name\":\"c\",\"offset\":1}"), "items"),
               "[\"bbbb\"]");
    /* Larger than the limit by itself: paging must get past it all the same. */
    fake_context.max_result_bytes = 3;
    assert_str(at(run_tool("list_databases", "{\"connection_name\":\"c\",\"offset\":2}"), "items"),
               "[\"cccc\"]");
}

static void test_no_secrets_of_connections(void **state)
{
    (void)state;
    fake_answers("GET /connections",
                 "[{\"name\":\"c\",\"host\":\"db.internal\",\"username\":\"u\",\"password\":\"p\","
                 "\"certificate\":\"x\",\"dialect_name\":\"postgres\"}]");
    assert_str(at(run_tool("list_connections", "{}"), "items"),
               "[{\"name\":\"c\",\"dialect_name\":\"postgres\"}]");
}

static void test_answer_of_another_form(void **state)
{
    (void)state;
    fake_answers("GET /connections", "{\"message\":\"?\"}");
    assert_int_equal(refuse_tool("list_connections", "{}")->kind, LK_ERROR_PARSE);
    fake_answers_text("GET /user", "<html>");
    assert_int_equal(refuse_tool("whoami", "{}")->kind, LK_ERROR_PARSE);
}

/* A page of Looker's is not read on when nothing more of it fits. */
static void test_what_does_not_fit_is_not_fetched(void **state)
{
    struct lk_buf body;

    (void)state;
    lk_buf_init(&body, 1000000);
    lk_buf_lit(&body, "[{\"id\":\"0\"}");
    for (int i = 1; i < 5000; i++)
        lk_buf_printf(&body, ",{\"id\":\"%d\"}", i);
    lk_buf_char(&body, ']');
    fake_context.max_result_bytes = 50;
    fake_answers("GET /users/search", body.ptr);
    struct lk_str answer = run_tool("list_users", "{\"limit\":1000,\"offset\":20}");
    assert_str(at(answer, "count"), "4");
    assert_str(at(answer, "next_offset"), "24");
    assert_in_range(fake_n_poured, 40, 200);
    lk_buf_free(&body);
}

static void test_broken_lists(void **state)
{
    static const char *const bodies[] = {"null", "\"x\"", "{}", "7"};

    (void)state;
    fake_answers("GET /connections", "");
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        fake_scripts[0].body = bodies[i];
        const struct lk_error *err = refuse_tool("list_connections", "{}");
        assert_int_equal(err->kind, LK_ERROR_PARSE);
        assert_contains(err->message, "all_connections");
    }
}

static void test_upstream_error_passes(void **state)
{
    (void)state;
    fake_fails("GET /connections", 403, "not allowed");
    const struct lk_error *err = refuse_tool("list_connections", "{}");
    assert_int_equal(err->status, 403);
    assert_string_equal(err->detail, "not allowed");
}

/* ---- rows by hand ---- */

static const struct lk_field *find(const struct lk_type *type, const char *name)
{
    const struct lk_field *field = lk_type_field(type, lk_str(name));
    assert_non_null(field);
    return field;
}

static uint16_t index_in(const struct lk_type *type, const char *name)
{
    return (uint16_t)(find(type, name) - type->fields);
}

struct hidden_args {
    struct lk_boolean include_hidden;
    struct lk_integer limit;
    struct lk_integer offset;
};
static const struct lk_field hidden_fields[] = {
    {"include_hidden", NULL, NULL, offsetof(struct hidden_args, include_hidden), 0, LK_KIND_BOOLEAN,
     0},
    {"limit", NULL, NULL, offsetof(struct hidden_args, limit), 0, LK_KIND_INTEGER, 0},
    {"offset", NULL, NULL, offsetof(struct hidden_args, offset), 0, LK_KIND_INTEGER, 0},
};
static const struct lk_type hidden_type = {"hidden", hidden_fields, 3, sizeof(struct hidden_args)};

/* Looks searched with pages by Looker, hidden ones dropped. */
static struct lk_str run_paged(const char *arguments)
{
    static const struct lk_projection fields[] = {{.name = "id"}};
    static const struct lk_projection projection = {
        .fields = fields, .n_fields = 1, .drop_if_true = "hidden"};
    const struct lk_type *params = &looker_all_lookml_models_params_type;
    struct lk_bind binds[] = {
        {1, LK_BIND_PARAM, LK_CONVERT_NONE, index_in(params, "limit"), NULL},
        {2, LK_BIND_PARAM, LK_CONVERT_NONE, index_in(params, "offset"), NULL},
    };
    struct lk_binding binding = {
        .op = &looker_ops[LOOKER_OP_ALL_LOOKML_MODELS],
        .binds = binds,
        .n_binds = 2,
        .form = LK_ANSWER_LIST,
        .projection = &projection,
        .keep_arg = 0,
        .limit_arg = 1,
        .offset_arg = 2,
        .paged_by_looker = true,
    };
    struct mcp_tool tool = {
        .name = "paged", .args = &hidden_type, .run = lk_handler_generic, .binding = &binding};
    struct lk_str answer = {0};

    assert_true(fake_call(&tool, arguments, 0, &answer));
    return answer;
}

static void test_pages_by_looker_count_hidden_items(void **state)
{
    (void)state;
    fake_answers("GET /lookml_models", "[{\"id\":1},{\"id\":2,\"hidden\":true},{\"id\":3}]");
    /* Looker gave a full page of three, of which one is not shown: the next one begins at 13. */
    assert_str(run_paged("{\"limit\":3,\"offset\":10}"),
               "{\"count\":2,\"items\":[{\"id\":1},{\"id\":3}],\"next_offset\":13}");
    assert_string_equal(fake_requests[0], "GET /lookml_models?limit=3&offset=10");
    assert_str(run_paged("{\"limit\":9,\"include_hidden\":true}"),
               "{\"count\":3,\"items\":[{\"id\":1},{\"id\":2},{\"id\":3}]}");
    /* Cut by bytes before the third: it is on the next page. */
    fake_context.max_result_bytes = 9;
    struct lk_str cut = run_paged("{\"limit\":3,\"offset\":10}");
    assert_str(at(cut, "next_offset"), "12");
    assert_str(at(cut, "items"), "[{\"id\":1}]");
}

struct id_args {
    struct lk_integer number;
    struct lk_string_list names;
    struct lk_integer_list ids;
    struct lk_string title;
};
static const struct lk_field id_fields[] = {
    {"ids", NULL, NULL, offsetof(struct id_args, ids), LK_FIELD_LIST, LK_KIND_INTEGER, 0},
    {"names", NULL, NULL, offsetof(struct id_args, names), LK_FIELD_LIST, LK_KIND_STRING, 0},
    {"number", NULL, NULL, offsetof(struct id_args, number), 0, LK_KIND_INTEGER, 0},
    {"title", NULL, NULL, offsetof(struct id_args, title), 0, LK_KIND_STRING, 0},
};
static const struct lk_type id_type = {"ids", id_fields, 4, sizeof(struct id_args)};

static struct lk_str run_bound(const struct lk_operation *op, const struct lk_bind *binds,
                               uint16_t n_binds, enum lk_answer_form form, const char *arguments)
{
    struct lk_binding binding = {
        .op = op,
        .binds = binds,
        .n_binds = n_binds,
        .form = (uint8_t)form,
        .text_name = "sql",
        .keep_arg = -1,
        .limit_arg = -1,
        .offset_arg = -1,
    };
    struct mcp_tool tool = {
        .name = "bound", .args = &id_type, .run = lk_handler_generic, .binding = &binding};
    struct lk_str answer = {0};

    if (!fake_call(&tool, arguments, 0, &answer))
        fail_msg("%s", fake_error.message);
    return answer;
}

static void test_conversions_and_whole_bodies(void **state)
{
    const struct lk_operation *op = &looker_ops[LOOKER_OP_SET_ROLE_USERS];
    struct lk_bind binds[] = {
        {2, LK_BIND_PARAM, LK_CONVERT_TO_STRING, index_in(op->params, "role_id"), NULL},
        {0, LK_BIND_BODY, LK_CONVERT_TO_STRINGS, 0, NULL},
    };
    const struct lk_operation *search = &looker_ops[LOOKER_OP_SEARCH_CONTENT];
    struct lk_bind joined[] = {
        {2, LK_BIND_PARAM, LK_CONVERT_TO_STRING, index_in(search->params, "terms"), NULL},
        {1, LK_BIND_PARAM, LK_CONVERT_JOIN_COMMA, index_in(search->params, "types"), NULL},
        {-1, LK_BIND_PARAM, LK_CONVERT_NONE, index_in(search->params, "limit"), "50"},
    };

    (void)state;
    fake_answers("PUT /roles/5/users", "[]");
    assert_str(run_bound(op, binds, 2, LK_ANSWER_LIST, "{\"number\":5,\"ids\":[1,-2]}"),
               "{\"count\":0,\"total\":0,\"items\":[]}");
    assert_string_equal(fake_requests[0], "PUT /roles/5/users [\"1\",\"-2\"]");

    fake_answers("GET /content/9", "[]");
    run_bound(search, joined, 3, LK_ANSWER_LIST, "{\"number\":9,\"names\":[\"look\",\"x\"]}");
    assert_string_equal(fake_requests[1], "GET /content/9?limit=50&types=look%2Cx");
}

static void test_text_that_is_looked_for(void **state)
{
    const struct lk_operation *op = &looker_ops[LOOKER_OP_SEARCH_LOOKS];
    struct lk_bind binds[] = {
        {3, LK_BIND_PARAM, LK_CONVERT_CONTAINS, index_in(op->params, "title"), NULL}};

    (void)state;
    fake_answers("GET /looks/search", "[]");
    run_bound(op, binds, 1, LK_ANSWER_LIST, "{\"title\":\"a b\"}");
    run_bound(op, binds, 1, LK_ANSWER_LIST, "{\"title\":\"a%\"}");
    run_bound(op, binds, 1, LK_ANSWER_LIST, "{\"title\":\"\"}");
    run_bound(op, binds, 1, LK_ANSWER_LIST, "{}");
    assert_string_equal(fake_requests[0], "GET /looks/search?title=%25a%20b%25");
    assert_string_equal(fake_requests[1], "GET /looks/search?title=a%25");
    assert_string_equal(fake_requests[2], "GET /looks/search?title=");
    assert_string_equal(fake_requests[3], "GET /looks/search");
}

/* What would be there twice after a second call is not to be called again blindly. */
static void test_a_change_without_an_answer(void **state)
{
    (void)state;
    fake_keeps_silent("POST /groups");
    assert_contains(refuse_tool("create_group", "{\"name\":\"G\"}")->message,
                    "look before calling again");
    fake_fails("POST /roles", 422, "taken");
    assert_null(
        strstr(refuse_tool("create_role",
                           "{\"name\":\"R\",\"permission_set_id\":\"1\",\"model_set_id\":\"1\"}")
                   ->message,
               "look before"));
    fake_keeps_silent("GET /roles/1");
    assert_null(strstr(refuse_tool("get_role", "{\"role_id\":\"1\"}")->message, "look before"));
}

static void test_nothing_and_text(void **state)
{
    const struct lk_operation *op = &looker_ops[LOOKER_OP_DELETE_LOOK];
    struct lk_bind binds[] = {
        {2, LK_BIND_PARAM, LK_CONVERT_TO_STRING, index_in(op->params, "look_id"), NULL}};

    (void)state;
    fake_script("DELETE /looks/3", 204, LK_MEDIA_JSON, "\"\"");
    assert_str(run_bound(op, binds, 1, LK_ANSWER_NONE, "{\"number\":3}"),
               "{\"ok\":true,\"number\":3}");
    fake_answers_text("DELETE /looks/4", "select \"a\"\n");
    assert_str(run_bound(op, binds, 1, LK_ANSWER_TEXT, "{\"number\":4}"),
               "{\"sql\":\"select \\\"a\\\"\\n\"}");
}

static void test_read_only_fields_are_cleared(void **state)
{
    struct looker_query query = {
        .id = lk_string(LK_STR("1")),
        .model = lk_string(LK_STR("m")),
        .has_table_calculations = lk_boolean(true),
    };

    (void)state;
    lk_clear_read_only(&looker_query_type, &query);
    assert_int_equal(query.id.is, LK_ABSENT);
    assert_int_equal(query.has_table_calculations.is, LK_ABSENT);
    assert_int_equal(query.model.is, LK_PRESENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_object_is_projected),
        TEST(test_list_is_paged_here),
        TEST(test_list_stops_at_the_byte_limit),
        TEST(test_no_secrets_of_connections),
        TEST(test_answer_of_another_form),
        TEST(test_what_does_not_fit_is_not_fetched),
        TEST(test_broken_lists),
        TEST(test_upstream_error_passes),
        TEST(test_pages_by_looker_count_hidden_items),
        TEST(test_conversions_and_whole_bodies),
        TEST(test_text_that_is_looked_for),
        TEST(test_a_change_without_an_answer),
        TEST(test_nothing_and_text),
        TEST(test_read_only_fields_are_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
