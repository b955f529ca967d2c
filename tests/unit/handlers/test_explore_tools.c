/*
 * list_models, get_model, get_explore, list_dimensions, list_measures, list_tables, search_content.
 */
#include "fake_looker.h"

#include "handlers/explore/fields.h"

static const char models[] =
    "[{\"name\":\"shop\",\"label\":\"Shop\",\"project_name\":\"p\",\"explores\":["
    "{\"name\":\"orders\",\"label\":\"Order Items\",\"group_label\":\"Sales\",\"hidden\":false},"
    "{\"name\":\"secret\",\"label\":\"S\",\"group_label\":null,\"hidden\":true}]},"
    "{\"name\":\"hr\",\"label\":\"\",\"project_name\":\"p\",\"explores\":null},"
    "{\"name\":\"web\",\"label\":\"Web\",\"project_name\":\"q\",\"explores\":["
    "{\"name\":\"events\",\"label\":\"Events\",\"hidden\":false},"
    "{\"name\":\"orders\",\"label\":\"Web Orders\",\"hidden\":false}]}]";

static void test_models(void **state)
{
    (void)state;
    fake_answers("GET /lookml_models", models);
    assert_str(run_tool("list_models", "{}"),
               "{\"count\":3,\"total\":3,\"items\":["
               "{\"name\":\"shop\",\"label\":\"Shop\",\"project_name\":\"p\",\"explores\":["
               "{\"name\":\"orders\",\"label\":\"Order Items\",\"group_label\":\"Sales\"}]},"
               "{\"name\":\"hr\",\"project_name\":\"p\",\"explores\":[]},"
               "{\"name\":\"web\",\"label\":\"Web\",\"project_name\":\"q\",\"explores\":["
               "{\"name\":\"events\",\"label\":\"Events\"},{\"name\":\"orders\",\"label\":\"Web "
               "Orders\"}]}]}");
    assert_contains(fake_requests[0], "exclude_hidden=true");
    assert_contains(fake_requests[0], "explores%28name%2Clabel%2Cgroup_label%2Chidden%29");

    struct lk_str all = run_tool("list_models", "{\"include_hidden\":true,\"limit\":1}");
    assert_str(at(all, "items/0/explores/1"),
               "{\"name\":\"secret\",\"label\":\"S\",\"hidden\":true}");
    assert_str(at(all, "next_offset"), "1");
    assert_contains(fake_requests[1], "exclude_hidden=false");

    struct lk_str names = run_tool("list_models", "{\"include_explores\":false}");
    assert_str(at(names, "items/1"), "{\"name\":\"hr\",\"project_name\":\"p\"}");
    assert_null(strstr(fake_requests[2], "explores"));
}

static void test_models_are_searched(void **state)
{
    (void)state;
    fake_answers("GET /lookml_models", models);
    struct lk_str found = run_tool("list_models", "{\"search\":\"order ITEMS\"}");
    assert_str(at(found, "total"), "1");
    assert_str(at(found, "items/0/name"), "\"shop\"");
    /* A model that matches by itself keeps all explores; another only those that match. */
    found = run_tool("list_models", "{\"search\":\"web\"}");
    assert_str(at(found, "items/0/explores/0/name"), "\"events\"");
    found = run_tool("list_models", "{\"search\":\"orders web\"}");
    assert_str(at(found, "items/0/explores"), "[{\"name\":\"orders\",\"label\":\"Web Orders\"}]");
    /* A hidden explore is not found, unless hidden ones are wanted. */
    assert_str(at(run_tool("list_models", "{\"search\":\"secret\"}"), "count"), "0");
    assert_str(
        at(run_tool("list_models", "{\"search\":\"secret\",\"include_hidden\":true}"), "count"),
        "1");
    assert_str(at(run_tool("list_models", "{\"search\":\"  \"}"), "count"), "3");
}

static void test_model(void **state)
{
    (void)state;
    fake_answers("GET /lookml_models/a%20b",
                 "{\"name\":\"a b\",\"label\":\"A\",\"allowed_db_connection_names\":[\"c\"],"
                 "\"has_content\":true,\"explores\":[{\"name\":\"x\",\"description\":\"first\"},"
                 "{\"name\":\"y\",\"description\":\"second\"},{\"name\":\"z\",\"hidden\":true}]}");
    assert_str(run_tool("get_model", "{\"model_name\":\"a b\",\"limit\":1}"),
               "{\"name\":\"a b\",\"label\":\"A\",\"allowed_db_connection_names\":[\"c\"],"
               "\"has_content\":true,\"explores\":{\"count\":1,\"total\":2,\"items\":["
               "{\"name\":\"x\",\"description\":\"first\"}],\"next_offset\":1}}");
    assert_str(at(run_tool("get_model", "{\"model_name\":\"a b\",\"search\":\"SECOND\"}"),
                  "explores/items/0/name"),
               "\"y\"");
    assert_contains(refuse_tool("get_model", "{\"model_name\":\"nope\"}")->message,
                    "no model \"nope\", or no access to it: list_models");
}

static const char explore[] =
    "{\"name\":\"o\",\"label\":\"O\",\"description\":null,\"can_total\":true,\"hidden\":false,"
    "\"always_filter\":[{\"name\":\"o.day\",\"value\":\"7 days\"}],\"can\":{\"x\":true},"
    "\"joins\":[{\"name\":\"users\",\"sql_on\":\"a=b\",\"outer_only\":null,\"from\":null}],"
    "\"fields\":{\"dimensions\":["
    "{\"name\":\"o.day\",\"label\":\"O Day\",\"label_short\":\"Day\",\"type\":\"date\","
    "\"hidden\":false,\"tags\":[],\"synonyms\":[\"Datum\"],\"description\":\"\","
    "\"is_timeframe\":true,\"suggest_dimension\":\"o.day\",\"suggest_explore\":\"o\",\"sql\":\"${"
    "TABLE}.day\"},"
    "{\"name\":\"users.st\",\"label\":\"St\",\"label_short\":\"St\",\"type\":\"string\","
    "\"suggestions\":[\"CA\",\"NY\"],\"view_label\":\"U\",\"hidden\":false,"
    "\"suggest_dimension\":\"users.state\",\"suggest_explore\":\"users\"},"
    "{\"name\":\"o.key\",\"label\":\"Key\",\"type\":\"number\",\"hidden\":true}],"
    "\"measures\":[{\"name\":\"o.count\",\"label\":\"Count\",\"label_short\":\"Count\","
    "\"type\":\"count\",\"filters\":[{\"field\":\"o.x\",\"condition\":\"1\"}]}],"
    "\"filters\":null,\"parameters\":[]}}";

#define ROUTE "GET /lookml_models/m/explores/o"
#define OF_EXPLORE "{\"model_name\":\"m\",\"explore_name\":\"o\""

static void test_dimensions(void **state)
{
    (void)state;
    fake_answers(ROUTE, explore);
    assert_str(run_tool("list_dimensions", OF_EXPLORE "}"),
               "{\"count\":2,\"total\":2,\"items\":["
               "{\"name\":\"o.day\",\"label\":\"O Day\",\"type\":\"date\",\"synonyms\":[\"Datum\"],"
               "\"is_timeframe\":true},"
               "{\"name\":\"users.st\",\"label\":\"St\",\"type\":\"string\",\"suggestions\":["
               "\"CA\",\"NY\"],\"view_label\":\"U\",\"suggest_dimension\":\"users.state\","
               "\"suggest_explore\":\"users\"}]}");
    assert_contains(fake_requests[0], "fields=fields%28dimensions%28");
    assert_null(strstr(fake_requests[0], "sql"));

    assert_str(
        at(run_tool("list_dimensions", OF_EXPLORE ",\"include_hidden\":true}"), "items/2/hidden"),
        "true");
    assert_str(at(run_tool("list_dimensions", OF_EXPLORE ",\"search\":\"datum\"}"), "count"), "1");
    struct lk_str of_view = run_tool("list_dimensions", OF_EXPLORE ",\"view\":\"users\"}");
    assert_str(at(of_view, "items/0/name"), "\"users.st\"");
    assert_str(at(of_view, "total"), "1");
    assert_str(at(run_tool("list_dimensions", OF_EXPLORE ",\"view\":\"user\"}"), "total"), "0");
    struct lk_str page = run_tool("list_dimensions", OF_EXPLORE ",\"limit\":1,\"offset\":1}");
    assert_str(at(page, "items/0/name"), "\"users.st\"");
    assert_str(at(page, "next_offset"), "(absent)");
}

static void test_fields_are_chosen(void **state)
{
    (void)state;
    fake_answers(ROUTE, explore);
    assert_str(at(run_tool("list_dimensions", OF_EXPLORE ",\"fields\":[\"sql\",\"name\",\"sql\"]}"),
                  "items/0"),
               "{\"name\":\"o.day\",\"sql\":\"${TABLE}.day\"}");
    /* What finding takes is asked for, and not shown. */
    assert_contains(fake_requests[0], "fields=fields%28dimensions%28sql%2Cname%2Chidden%2Clabel%2C"
                                      "field_group_label%2Cdescription%2Csynonyms%2Ctags%29%29");
    assert_str(
        at(run_tool("list_dimensions", OF_EXPLORE ",\"search\":\"datum\",\"fields\":[\"type\"]}"),
           "items"),
        "[{\"type\":\"date\"}]");
    /* What was chosen is shown, also where it says nothing. */
    assert_str(at(run_tool("list_dimensions",
                           OF_EXPLORE ",\"limit\":1,\"fields\":[\"suggest_dimension\"]}"),
                  "items"),
               "[{\"suggest_dimension\":\"o.day\"}]");
    fake_n_requests = 0;
    const struct lk_error *err =
        refuse_tool("list_measures", OF_EXPLORE ",\"fields\":[\"name\",\"colour\"]}");
    assert_contains(err->message, "fields: items have no \"colour\"; they have ");
    assert_contains(err->message, "value_format_name");
    assert_int_equal(fake_n_requests, 0);
}

static void test_filters_and_parameters(void **state)
{
    (void)state;
    fake_answers(ROUTE, "{\"fields\":{\"filters\":[{\"name\":\"o.range\"}],\"parameters\":[{"
                        "\"name\":\"o.frame\",\"enumerations\":[{\"value\":\"day\"}]}]}}");
    assert_str(at(run_tool("list_dimensions", OF_EXPLORE ",\"kind\":\"filter\"}"), "items"),
               "[{\"name\":\"o.range\"}]");
    assert_contains(fake_requests[0], "fields=fields%28filters%28");
    assert_str(at(run_tool("list_dimensions", OF_EXPLORE ",\"kind\":\"parameter\"}"), "items/0"),
               "{\"name\":\"o.frame\",\"enumerations\":[{\"value\":\"day\"}]}");
    assert_contains(refuse_tool("list_dimensions", OF_EXPLORE ",\"kind\":\"measure\"}")->message,
                    "kind");
}

static void test_measures(void **state)
{
    (void)state;
    fake_answers(ROUTE, explore);
    assert_str(run_tool("list_measures", OF_EXPLORE "}"),
               "{\"count\":1,\"total\":1,\"items\":[{\"name\":\"o.count\",\"label\":\"Count\","
               "\"type\":\"count\",\"filters\":[{\"field\":\"o.x\",\"condition\":\"1\"}]}]}");
    assert_contains(
        refuse_tool("list_measures", "{\"model_name\":\"m\",\"explore_name\":\"x\"}")->message,
        "no explore \"x\" in model \"m\"");
}

static void test_explore(void **state)
{
    (void)state;
    fake_answers(ROUTE, explore);
    struct lk_str whole = run_tool("get_explore", OF_EXPLORE "}");
    assert_str(at(whole, "always_filter/0/value"), "\"7 days\"");
    assert_str(at(whole, "joins"), "[{\"name\":\"users\",\"sql_on\":\"a=b\"}]");
    assert_str(at(whole, "can"), "(absent)");
    assert_str(at(whole, "fields/filters"), "{\"count\":0,\"total\":0,\"items\":[]}");
    assert_str(at(whole, "fields/dimensions/items/0"),
               "{\"name\":\"o.day\",\"label_short\":\"Day\",\"type\":\"date\"}");
    assert_str(at(whole, "truncated"), "(absent)");

    struct lk_str bare = run_tool("get_explore", OF_EXPLORE ",\"include_fields\":false}");
    assert_str(at(bare, "fields"), "(absent)");
    assert_null(strstr(fake_requests[1], "dimensions"));
    assert_str(at(run_tool("get_explore", OF_EXPLORE ",\"include_hidden\":true}"),
                  "fields/dimensions/total"),
               "3");
}

static void test_huge_explore_is_cut_and_says_so(void **state)
{
    struct lk_buf buf;
    struct lk_str answer;
    int64_t count = 0;

    (void)state;
    lk_buf_init(&buf, 4 * 1024 * 1024);
    lk_buf_lit(&buf, "{\"name\":\"o\",\"fields\":{\"dimensions\":[");
    for (int i = 0; i < 3000; i++)
        lk_buf_printf(&buf, "%s{\"name\":\"o.field_%d\",\"label_short\":\"Field %d\"}",
                      i > 0 ? "," : "", i, i);
    lk_buf_lit(&buf, "],\"measures\":[");
    for (int i = 0; i < 1000; i++)
        lk_buf_printf(&buf, "%s{\"name\":\"o.count_of_something_%d\"}", i > 0 ? "," : "", i);
    lk_buf_lit(&buf, "]}}");
    fake_context.max_result_bytes = 10000;
    fake_answers(ROUTE, buf.ptr);
    answer = run_tool("get_explore", OF_EXPLORE "}");
    assert_in_range(answer.len, 8000, 11000);
    assert_str(at(answer, "fields/measures/total"), "1000");
    assert_true(lk_json_integer(at(answer, "fields/measures/count"), &count));
    assert_in_range(count, 60, 200); /* half of the room, no more */
    assert_str(at(answer, "fields/dimensions/total"), "3000");
    assert_true(lk_json_integer(at(answer, "fields/dimensions/count"), &count));
    assert_in_range(count, 50, 300);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "truncated/how")), "list_dimensions");

    /* All 3,000 can be had page by page. */
    int64_t offset = 0, seen = 0;
    char arguments[200];
    do {
        snprintf(arguments, sizeof(arguments), OF_EXPLORE ",\"limit\":2000,\"offset\":%lld}",
                 (long long)offset);
        answer = run_tool("list_dimensions", arguments);
        assert_true(lk_json_integer(at(answer, "count"), &count));
        seen += count;
    } while (lk_json_integer(at(answer, "next_offset"), &offset));
    assert_int_equal(seen, 3000);
    lk_buf_free(&buf);
}

/* Every name that we show or ask for must be one that the API has. */
static void check_names(const struct lk_projection *node, const struct lk_type *type)
{
    for (size_t i = 0; i < node->n_fields; i++) {
        const struct lk_field *field = lk_type_field(type, lk_str(node->fields[i].name));
        if (field == NULL)
            fail_msg("%s has no field %s", type->name, node->fields[i].name);
        if (node->fields[i].fields != NULL)
            check_names(&node->fields[i], field->type);
    }
}

static void test_escaped_names_are_names(void **state)
{
    (void)state;
    fake_answers(ROUTE, "{\"l\\u0061bel\":\"O\",\"\\u0066ields\":{\"measures\":["
                        "{\"n\\u0061me\":\"o.n\",\"typ\\u0065\":\"count\"}]}}");
    struct lk_str answer = run_tool("get_explore", OF_EXPLORE "}");
    assert_str(at(answer, "label"), "\"O\"");
    assert_str(at(answer, "fields/measures/items"), "[{\"name\":\"o.n\",\"type\":\"count\"}]");
}

/* A field that is larger than any answer is an error, not half a field. */
static void test_a_field_that_is_too_large(void **state)
{
    char *text = malloc(10000001);

    (void)state;
    memset(text, 'x', 10000000);
    text[10000000] = '\0';
    fake_answers(ROUTE, lk_arena_printf(fake_arena,
                                        "{\"fields\":{\"dimensions\":[{\"name\":\"o.a\","
                                        "\"description\":\"%s\"},{\"name\":\"o.b\"}]}}",
                                        text)
                            .ptr);
    free(text);
    const struct lk_error *err = refuse_tool("get_explore", OF_EXPLORE "}");
    assert_int_equal(err->kind, LK_ERROR_LIMIT);
    assert_contains(err->message, "one item of the list");
}

static void test_nearest_names(void **state)
{
    (void)state;
    fake_answers("GET /lookml_models", "[{\"name\":\"thelook\"}]");
    fake_answers("GET /lookml_models/m", "{\"explores\":[{\"name\":\"orders\"}]}");
    assert_contains(
        refuse_tool("get_explore", "{\"model_name\":\"m\",\"explore_name\":\"order\"}")->message,
        "no explore \"order\" in model \"m\", or no access to it; did you mean \"orders\"?");
    assert_int_equal(fake_n_requests, 2);
    assert_contains(
        refuse_tool("list_measures", "{\"model_name\":\"the_look\",\"explore_name\":\"orders\"}")
            ->message,
        "no model \"the_look\", or no access to it; did you mean \"thelook\"?");
    fake_n_requests = 0;
    assert_contains(refuse_tool("get_model", "{\"model_name\":\"theloo\"}")->message,
                    "did you mean \"thelook\"?");
    assert_int_equal(fake_n_requests, 2);
}

static void test_names_are_the_apis(void **state)
{
    (void)state;
    check_names(&lk_field_projection, &looker_lookml_model_explore_field_type);
    check_names(&lk_field_short_projection, &looker_lookml_model_explore_field_type);
    check_names(&lk_explore_projection, &looker_lookml_model_explore_type);
}

static void test_tables_are_flat(void **state)
{
    (void)state;
    fake_answers("GET /connections/c/tables",
                 "[{\"name\":\"s\",\"table_limit_hit\":true,\"tables\":[{\"name\":\"a\",\"rows\":"
                 "null},{\"name\":\"b\",\"rows\":5}]},{\"name\":\"t\",\"tables\":null},"
                 "{\"name\":\"u\",\"tables\":[{\"name\":\"a\"}]}]");
    assert_str(run_tool("list_tables", "{\"connection_name\":\"c\",\"schema_name\":\"s\","
                                       "\"table_filter\":\"x\",\"limit\":2,\"offset\":1}"),
               "{\"count\":2,\"total\":3,\"items\":[{\"schema_name\":\"s\",\"name\":\"b\",\"rows\":"
               "5},{\"schema_name\":\"u\",\"name\":\"a\"}],\"table_limit_hit\":true}");
    assert_contains(fake_requests[0], "schema_name=s&table_filter=x");
    assert_null(strstr(fake_requests[0], "limit=2"));
    assert_contains(refuse_tool("list_tables", "{\"connection_name\":\"d\"}")->message,
                    "list_connections");
}

static void test_where_names_come_from(void **state)
{
    static const char nowhere[] = "there is no such connection, or no access to it: "
                                  "list_connections shows what there is";

    (void)state;
    assert_string_equal(refuse_tool("list_databases", "{\"connection_name\":\"d\"}")->message,
                        nowhere);
    assert_string_equal(refuse_tool("list_schemas", "{\"connection_name\":\"d\"}")->message,
                        nowhere);
    assert_string_equal(
        refuse_tool("list_columns", "{\"connection_name\":\"d\",\"database\":\"e\","
                                    "\"schema_name\":\"s\"}")
            ->message,
        "there is no such connection, database or schema, or no access to it: list_connections, "
        "list_databases and list_schemas show what there is");

    /* Two arguments of one kind are said once. */
    assert_string_equal(
        refuse_tool("update_folder", "{\"folder_id\":\"7\",\"parent_id\":\"8\"}")->message,
        "there is no such folder, or no access to it: list_folders shows what there is");
    assert_string_equal(
        refuse_tool("update_board_item", "{\"board_item_id\":\"7\",\"board_section_id\":\"8\"}")
            ->message,
        "there is no such board section or board item, or no access to it: "
        "get_board shows what there is");

    fake_answers("GET /connections/c/columns", "[]");
    fake_answers("GET /connections/c/databases", "[]");
    fake_answers("GET /connections/c/tables", "[{\"name\":\"s\",\"tables\":[]}]");
    assert_str(at(run_tool("list_columns", "{\"connection_name\":\"c\",\"schema_name\":\"s\","
                                           "\"table_name\":\"x\"}"),
                  "hint"),
               "\"nothing matches schema_name and table_name; list_connections, list_schemas and "
               "list_tables show what there is\"");
    assert_contains(
        lk_arena_cstr(fake_arena, at(run_tool("list_tables", "{\"connection_name\":\"c\","
                                                             "\"table_filter\":\"x\"}"),
                                     "hint")),
        "nothing matches table_filter");
    assert_str(at(run_tool("list_databases", "{\"connection_name\":\"c\"}"), "hint"), "(absent)");
}

static void test_empty_lists_of_fields_say_why(void **state)
{
    (void)state;
    fake_answers("GET /lookml_models/m/explores/e",
                 "{\"fields\":{\"dimensions\":[{\"name\":\"v.a\"}]}}");
    assert_contains(
        lk_arena_cstr(fake_arena, at(run_tool("list_dimensions", "{\"model_name\":\"m\","
                                                                 "\"explore_name\":\"e\","
                                                                 "\"view\":\"e\"}"),
                                     "hint")),
        "before the dot");
    assert_contains(
        lk_arena_cstr(fake_arena, at(run_tool("list_dimensions", "{\"model_name\":\"m\","
                                                                 "\"explore_name\":\"e\","
                                                                 "\"search\":\"zz\"}"),
                                     "hint")),
        "fewer");
    assert_str(at(run_tool("list_dimensions", "{\"model_name\":\"m\",\"explore_name\":\"e\","
                                              "\"view\":\"v\",\"offset\":5}"),
                  "hint"),
               "(absent)");
}

static void test_columns(void **state)
{
    (void)state;
    fake_answers("GET /connections/c/columns",
                 "[{\"name\":\"t\",\"schema_name\":\"s\",\"columns\":[{\"name\":\"id\","
                 "\"data_type_looker\":\"number\",\"snippets\":[]}]}]");
    assert_str(run_tool("list_columns", "{\"connection_name\":\"c\",\"table_name\":\"t\"}"),
               "{\"count\":1,\"total\":1,\"items\":[{\"name\":\"t\",\"schema_name\":\"s\","
               "\"columns\":[{\"name\":\"id\",\"data_type_looker\":\"number\"}]}]}");
    assert_contains(fake_requests[0], "table_names=t");
}

static void test_search(void **state)
{
    (void)state;
    fake_answers("GET /content/a%2Fb%20c",
                 "[{\"content_id\":\"1\",\"title\":\"A\",\"can\":{}},{\"content_id\":\"2\","
                 "\"hidden\":true}]");
    assert_str(run_tool("search_content", "{\"query_string\":\"a/b c\",\"types\":[\"look\","
                                          "\"dashboard\"],\"limit\":2,\"offset\":4}"),
               "{\"count\":1,\"items\":[{\"content_id\":\"1\",\"title\":\"A\"}],"
               "\"next_offset\":6}");
    assert_string_equal(fake_requests[0],
                        "GET /content/a%2Fb%20c?limit=2&offset=4&types=look%2Cdashboard");
    assert_str(
        at(run_tool("search_content", "{\"query_string\":\"a/b c\",\"include_hidden\":true}"),
           "count"),
        "2");
    assert_contains(
        refuse_tool("search_content", "{\"query_string\":\"x\",\"types\":[\"board\"]}")->message,
        "types");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_models),
        TEST(test_models_are_searched),
        TEST(test_model),
        TEST(test_dimensions),
        TEST(test_fields_are_chosen),
        TEST(test_filters_and_parameters),
        TEST(test_measures),
        TEST(test_explore),
        TEST(test_huge_explore_is_cut_and_says_so),
        TEST(test_escaped_names_are_names),
        TEST(test_a_field_that_is_too_large),
        TEST(test_nearest_names),
        TEST(test_names_are_the_apis),
        TEST(test_tables_are_flat),
        TEST(test_where_names_come_from),
        TEST(test_empty_lists_of_fields_say_why),
        TEST(test_columns),
        TEST(test_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
