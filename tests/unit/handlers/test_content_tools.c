/*
 * get_dashboard, list_lookml_dashboards, generate_embed_url, validate_content, and the conversions
 * that boards and searches use.
 */
#include "fake_looker.h"

static void assert_json(struct lk_str answer, const char *path, const char *expected)
{
    assert_string_equal(lk_arena_cstr(fake_arena, at(answer, path)), expected);
}

/* ---- get_dashboard ---- */

#define COMPONENT(element, row)                                                                    \
    "{\"dashboard_element_id\":\"" element "\",\"row\":" row ",\"column\":2,\"width\":3,"          \
    "\"height\":4,\"granular_row\":9}"
static const char dashboard[] =
    "{\"id\":\"7\",\"title\":\"D\",\"description\":null,\"deleted\":false,\"url\":\"\",\"can\":{},"
    "\"folder\":{\"id\":\"2\",\"name\":\"F\",\"looks\":[]},\"dashboard_filters\":[{\"id\":\"1\","
    "\"name\":\"State\",\"title\":\"State\",\"required\":false,\"default_value\":\"\",\"field\":{},"
    "\"row\":0}],\"dashboard_layouts\":[{\"id\":\"5\",\"active\":false,"
    "\"dashboard_layout_components\":[" COMPONENT("1", "8") "," COMPONENT(
        "2", "9") "]},{\"id\":\"6\",\"active\":true,\"dashboard_layout_components\":"
                  "[" COMPONENT("1", "0") "]}],\"dashboard_elements\":["
                                          "{\"id\":\"1\",\"title\":\"A\",\"query_id\":"
                                          "\"3\",\"query\":{\"id\":\"3\",\"model\":\"m\","
                                          "\"view\":\"v\",\"fields\":[\"v.a\"],"
                                          "\"filters\":{},\"pivots\":null,\"limit\":\"5\","
                                          "\"vis_config\":{\"type\":\"bar\",\"x\":1}},"
                                          "\"result_maker\":{\"filterables\":[{\"listen\":"
                                          "["
                                          "{\"dashboard_filter_name\":\"State\",\"field\":"
                                          "\"v.s\"},{\"dashboard_filter_name\":\"State\","
                                          "\"field\":\"v.t\"}]}]}},"
                                          "{\"id\":\"2\",\"type\":\"text\",\"title_text\":"
                                          "\"T\",\"body_text\":\"B\"},"
                                          "{\"id\":\"3\",\"type\":\"button\"},"
                                          "{\"id\":\"4\",\"title\":\"broken\",\"look\":7}]"
                                          "}";

static void test_what_a_dashboard_is_made_of(void **state)
{
    (void)state;
    fake_answers("GET /dashboards/7", dashboard);
    struct lk_str answer = run_tool("get_dashboard", "{\"dashboard_id\":7}");
    /* Nothing that says nothing. */
    assert_str(at(answer, "description"), "(absent)");
    assert_str(at(answer, "deleted"), "(absent)");
    assert_json(answer, "folder", "{\"id\":\"2\",\"name\":\"F\"}");
    assert_json(answer, "filters",
                "[{\"id\":\"1\",\"name\":\"State\",\"title\":\"State\",\"row\":0}]");
    assert_json(answer, "count", "4");
    assert_json(
        answer, "items/0",
        "{\"id\":\"1\",\"title\":\"A\",\"kind\":\"query\",\"position\":{\"row\":0,\"column\":2,"
        "\"width\":3,\"height\":4},\"query\":{\"id\":\"3\",\"model\":\"m\",\"view\":\"v\","
        "\"fields\":[\"v.a\"],\"limit\":\"5\"},\"vis_type\":\"bar\",\"listen\":{\"State\":"
        "\"v.s, v.t\"}}");
    /* A tile that only another layout places. */
    assert_json(
        answer, "items/1",
        "{\"id\":\"2\",\"title\":\"T\",\"kind\":\"text\",\"position\":{\"row\":9,\"column\":2,"
        "\"width\":3,\"height\":4},\"body_text\":\"B\"}");
    assert_json(answer, "items/2",
                "{\"id\":\"3\",\"title\":\"\",\"kind\":\"other\",\"type\":\"button\"}");
    assert_json(answer, "items/3/title", "\"broken\"");
}

static void test_parts_of_a_dashboard(void **state)
{
    (void)state;
    fake_answers("GET /dashboards/7", dashboard);
    struct lk_str answer = run_tool(
        "get_dashboard", "{\"dashboard_id\":\"7\",\"include_vis_config\":true,\"offset\":3}");
    assert_json(answer, "count", "1");
    assert_json(answer, "total", "4");
    answer = run_tool("get_dashboard", "{\"dashboard_id\":\"7\",\"include_vis_config\":true}");
    assert_json(answer, "items/0/vis_config", "{\"type\":\"bar\",\"x\":1}");
    /* What does not fit is on the next page. */
    fake_context.max_result_bytes = 300;
    answer = run_tool("get_dashboard", "{\"dashboard_id\":\"7\"}");
    assert_json(answer, "count", "1");
    assert_json(answer, "next_offset", "1");
    assert_contains(refuse_tool("get_dashboard", "{\"dashboard_id\":\"8\"}")->message,
                    "list_dashboards");
}

/* ---- LookML dashboards ---- */

static void test_titles_out_of_lookml(void **state)
{
    (void)state;
    fake_answers("GET /dashboards/lookml/search",
                 "[{\"dashboard_id\":\"m::a\",\"folder_id\":\"1\",\"lookml\":"
                 "\"- dashboard: a\\n  title: \\\"It's: A\\\"\\n  description: \\n\"},"
                 "{\"dashboard_id\":\"m::b\",\"lookml\":\"- title: 'B'\"},"
                 "{\"id\":\"m::c\",\"title\":\"C\",\"lookml\":null}]");
    struct lk_str answer =
        run_tool("list_lookml_dashboards", "{\"title\":\"x\",\"limit\":3,\"offset\":6}");
    assert_json(answer, "items",
                "[{\"id\":\"m::a\",\"title\":\"It's: A\",\"folder_id\":\"1\"},"
                "{\"id\":\"m::b\",\"title\":\"B\"},{\"id\":\"m::c\",\"title\":\"C\"}]");
    assert_json(answer, "next_offset", "9");
    assert_string_equal(fake_requests[0],
                        "GET /dashboards/lookml/search?limit=3&offset=6&title=%25x%25");
    assert_str(at(run_tool("list_lookml_dashboards", "{}"), "next_offset"), "(absent)");
    /* Cut by bytes: nothing is skipped. */
    fake_context.max_result_bytes = 60;
    answer = run_tool("list_lookml_dashboards", "{\"limit\":3,\"offset\":6}");
    assert_json(answer, "count", "1");
    assert_json(answer, "next_offset", "7");
}

/* ---- embedding ---- */

#define PAGE(url, more) "{\"target_url\":\"" url "\"" more "}"

static void test_each_kind_of_link_has_its_address(void **state)
{
    (void)state;
    fake_answers("POST /embed/token_url/me", "{\"url\":\"https://l/x\"}");
    fake_answers("POST /embed/sso_url", "{\"url\":\"https://l/y\"}");
    assert_str(run_tool("generate_embed_url", PAGE("https://l:9/looks/1?a=b", "")),
               "{\"url\":\"https://l/x\",\"runs_as\":\"the caller\",\"single_use\":true}");
    assert_contains(fake_requests[0], "\"target_url\":\"https://l:9/embed/looks/1?a=b\"");
    run_tool("generate_embed_url", PAGE("https://l/embed/looks/1", ""));
    assert_contains(fake_requests[1], "\"target_url\":\"https://l/embed/looks/1\"");
    assert_str(at(run_tool("generate_embed_url", PAGE("https://l/embed/looks/1",
                                                      ",\"external_user_id\":\"u\","
                                                      "\"group_ids\":[1],\"session_length\":0")),
                  "runs_as"),
               "\"u\"");
    assert_string_equal(
        fake_requests[2],
        "POST /embed/sso_url {\"external_user_id\":\"u\",\"force_logout_login\":false,"
        "\"group_ids\":[\"1\"],\"session_length\":0,\"target_url\":\"https://l/looks/1\"}");
}

static void test_links_that_cannot_be_made(void **state)
{
    static const char *const wrong[] = {"/dashboards/1", "dashboards", "https://",
                                        "https:///x",    "ftp://l/x",  "https://l"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *arguments =
            lk_arena_printf(fake_arena, "{\"target_url\":\"%s\"}", wrong[i]).ptr;
        assert_contains(refuse_tool("generate_embed_url", arguments)->message, "complete address");
    }
    assert_contains(
        refuse_tool("generate_embed_url", PAGE("https://l/x", ",\"models\":[\"m\"]"))->message,
        "models goes with external_user_id");
    assert_int_equal(fake_n_requests, 0);
}

/* ---- validation ---- */

static const char validation[] =
    "{\"content_with_errors\":[{\"id\":\"x\",\"look\":{\"id\":\"4\",\"title\":\"L\",\"folder\":"
    "{\"id\":\"1\",\"name\":\"F\",\"x\":1}},\"dashboard\":null,\"errors\":[{\"message\":\"gone\","
    "\"model_name\":\"m\",\"explore_name\":null,\"field_name\":\"v.a\",\"removable\":true}]},"
    "{\"dashboard\":{\"id\":\"2\",\"title\":\"D\",\"folder\":{\"id\":\"3\",\"name\":\"G\"}},"
    "\"dashboard_element\":{\"id\":\"7\",\"title\":null,\"title_text\":\"T\"},\"errors\":null},"
    "{\"scheduled_plan\":{\"id\":\"9\",\"name\":\"P\"},\"errors\":[{\"model_name\":\"n\"}]},"
    "{\"what\":{},\"errors\":[]}],\"total_looks_validated\":12,\"total_alerts_validated\":null,"
    "\"computation_time\":1.50}";

static void test_what_is_broken_in_short(void **state)
{
    (void)state;
    fake_answers("GET /content_validation", validation);
    assert_str(
        run_tool("validate_content", "{}"),
        "{\"content_with_errors\":4,\"looks_validated\":12,\"computation_time\":1.50,\"count\":4,"
        "\"total\":4,\"items\":[{\"kind\":\"look\",\"id\":\"4\",\"title\":\"L\",\"folder\":{\"id\":"
        "\"1\",\"name\":\"F\"},\"errors\":[{\"message\":\"gone\",\"model\":\"m\",\"field\":"
        "\"v.a\"}]},{\"kind\":\"dashboard_element\",\"id\":\"7\",\"title\":\"T\",\"dashboard\":{"
        "\"id\":\"2\",\"title\":\"D\"},\"folder\":{\"id\":\"3\",\"name\":\"G\"},\"errors\":[]},"
        "{\"kind\":\"scheduled_plan\",\"id\":\"9\",\"title\":\"P\",\"errors\":[{\"model\":\"n\"}]},"
        "{\"kind\":\"other\",\"errors\":[]}]}");
    assert_string_equal(fake_requests[0], "GET /content_validation");
    struct lk_str one = run_tool("validate_content", "{\"limit\":1,\"offset\":1}");
    assert_json(one, "items/0/id", "\"7\"");
    assert_json(one, "next_offset", "2");
    one = run_tool("validate_content",
                   "{\"model\":\"n\",\"project_names\":[\"p\"],\"folder_ids\":[1,\"2\"]}");
    assert_json(one, "content_with_errors", "1");
    assert_json(one, "items/0/id", "\"9\"");
    assert_string_equal(fake_requests[2], "GET /content_validation?project_names=p&space_ids=1,2");
}

static void test_a_validation_that_says_nothing(void **state)
{
    (void)state;
    fake_answers("GET /content_validation", "{\"content_with_errors\":null}");
    assert_str(run_tool("validate_content", "{}"),
               "{\"content_with_errors\":0,\"count\":0,\"total\":0,\"items\":[]}");
    fake_scripts[0].body = "{\"content_with_errors\":{}}";
    assert_contains(refuse_tool("validate_content", "{}")->message, "content_with_errors");
    fake_scripts[0].body = "{\"computation_time\":1}";
    assert_contains(refuse_tool("validate_content", "{}")->message, "content_with_errors");
    fake_answers("GET /content_validation", "[]");
    assert_contains(refuse_tool("validate_content", "{}")->message, "content_validation");
}

/* ---- one call each ---- */

static void test_pinned_things_have_titles_of_their_own(void **state)
{
    (void)state;
    fake_answers("POST /board_items", "{\"id\":\"1\"}");
    fake_answers("PATCH /board_items/1", "{\"id\":\"1\"}");
    run_tool("create_board_item",
             "{\"board_section_id\":\"1\",\"url\":\"https://x\",\"title\":\"T\"}");
    assert_contains(fake_requests[0],
                    " {\"board_section_id\":\"1\",\"custom_title\":\"T\",\"custom_url\":"
                    "\"https://x\",\"use_custom_title\":true,\"use_custom_url\":true}");
    run_tool("update_board_item", "{\"board_item_id\":\"1\",\"description\":\"\"}");
    assert_contains(fake_requests[1],
                    " {\"custom_description\":\"\",\"use_custom_description\":false}");
}

static void test_ids_that_are_not_there(void **state)
{
    (void)state;
    assert_contains(refuse_tool("delete_look", "{\"look_id\":\"9\"}")->message, "list_looks");
    assert_contains(refuse_tool("create_folder", "{\"name\":\"x\",\"parent_id\":\"9\"}")->message,
                    "list_folders");
    assert_contains(refuse_tool("delete_board_item", "{\"board_item_id\":\"9\"}")->message,
                    "get_board");
}

static void test_searches_leave_out_the_trash(void **state)
{
    (void)state;
    fake_answers("GET /looks/search", "[]");
    fake_answers("GET /dashboards/search", "[]");
    run_tool("list_looks", "{\"title\":\"a_b\",\"folder_id\":2}");
    assert_contains(fake_requests[0], "?deleted=false&");
    assert_contains(fake_requests[0], "&folder_id=2&limit=50&offset=0&title=%25a_b%25");
    run_tool("list_dashboards", "{\"deleted\":true}");
    assert_contains(fake_requests[1], "?deleted=true&");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_a_dashboard_is_made_of),
        TEST(test_parts_of_a_dashboard),
        TEST(test_titles_out_of_lookml),
        TEST(test_each_kind_of_link_has_its_address),
        TEST(test_links_that_cannot_be_made),
        TEST(test_what_is_broken_in_short),
        TEST(test_a_validation_that_says_nothing),
        TEST(test_pinned_things_have_titles_of_their_own),
        TEST(test_ids_that_are_not_there),
        TEST(test_searches_leave_out_the_trash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
