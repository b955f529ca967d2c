/*
 * add_dashboard_element, update_dashboard_element, add_dashboard_filter, create_look: what happens
 * when a step fails, and that nothing is lost on the way. generate_embed_url: what it refuses.
 */
#include "fake_steps.h"

#define HEARD(name, field) "{\"dashboard_filter_name\":\"" name "\",\"field\":\"" field "\"}"
#define FILTERABLE(listen)                                                                         \
    "{\"model\":\"m\",\"view\":\"v\",\"name\":\"q\",\"x\":1,\"listen\":[" listen "]}"
#define MAKER(filterables) "\"result_maker\":{\"id\":\"1\",\"filterables\":[" filterables "]}"
#define QUERY                                                                                      \
    "\"query_id\":\"5\",\"query\":{\"id\":\"5\",\"client_id\":\"c\",\"model\":\"m\",\"view\":"     \
    "\"v\","                                                                                       \
    "\"fields\":[\"v.a\"],\"limit\":\"9\",\"filter_config\":{\"a\":1},"                            \
    "\"vis_config\":{\"type\":\"bar\",\"a\":1,\"b\":2}}"
#define TILE(listen)                                                                               \
    "{\"id\":\"7\",\"dashboard_id\":\"2\",\"type\":\"vis\"," QUERY "," MAKER(FILTERABLE(listen)) "}"
#define PLACE                                                                                      \
    "{\"id\":\"31\",\"dashboard_element_id\":\"7\",\"row\":1,\"column\":2,\"width\":3,"            \
    "\"height\":4}"
#define FILTERS                                                                                    \
    "\"dashboard_filters\":[{\"id\":\"1\",\"name\":\"State\",\"title\":\"US State\","              \
    "\"dimension\":\"v.st\"},{\"id\":\"2\",\"name\":\"Day\",\"title\":\"Day\"}]"
#define LAYOUTS                                                                                    \
    "\"dashboard_layouts\":[{\"id\":\"8\",\"active\":false,\"dashboard_layout_components\":["      \
    "{\"id\":\"30\",\"dashboard_element_id\":\"7\"}]},{\"id\":\"9\",\"active\":true,"              \
    "\"dashboard_layout_components\":[{\"id\":\"29\",\"dashboard_element_id\":\"7\","              \
    "\"deleted\":true}," PLACE "]}]"
#define DASHBOARD "{\"id\":\"2\"," FILTERS "," LAYOUTS "}"
#define MOVED                                                                                      \
    "{\"id\":\"31\",\"dashboard_element_id\":\"7\",\"row\":9,\"column\":2,\"width\":3,"            \
    "\"height\":4}"
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- adding ---- */

#define ADD                                                                                        \
    "{\"dashboard_id\":\"2\",\"title\":\"T\",\"query_model\":\"m\",\"query_view\":\"v\","          \
    "\"query_fields\":[\"v.a\"],\"listen\":{\"us state\":\"v.st\"},\"row\":9}"

static const struct fake_call_row adding[] = {
    {"create_query", "POST /queries", "{\"id\":\"5\"}", ROW},
    {"create_tile", "POST /dashboard_elements", TILE(""), ROW},
    {"bind_filters", "PATCH /dashboard_elements/7", TILE(HEARD("State", "v.st")), CHANGED},
    {"place_tile", "PATCH /dashboard_layout_components/31", MOVED, CHANGED},
};

/* What is read before, and not a step: the explore cannot be, so Looker judges the fields. */
static void play_adding(size_t failing)
{
    fake_play(adding, N(adding), failing);
    fake_answers("GET /dashboards/2", DASHBOARD);
}

static void test_a_tile_from_query_to_place(void **state)
{
    (void)state;
    play_adding(N(adding));
    struct lk_str answer = run_tool("add_dashboard_element", ADD);
    assert_false(fake_failed);
    assert_json(answer, "id", "\"7\"");
    assert_json(answer, "query_id", "\"5\"");
    assert_json(answer, "listen", "{\"State\":\"v.st\"}");
    assert_json(answer, "position", "{\"row\":9,\"column\":2,\"width\":3,\"height\":4}");
    assert_string_equal(request_of("PATCH /dashboard_layout_components"),
                        "PATCH /dashboard_layout_components/31 {\"row\":9}");
    assert_contains(request_of("PATCH /dashboard_elements/7"),
                    "{\"result_maker\":{\"filterables\":[{\"listen\":[" HEARD("State", "v.st"));
}

static void test_each_step_of_adding_fails(void **state)
{
    static const char *const left[] = {"no tile", "no tile", "does not listen", "where Looker put"};

    (void)state;
    for (size_t i = 0; i < N(adding); i++) {
        play_adding(i);
        struct lk_str answer = run_tool("add_dashboard_element", ADD);
        assert_true(fake_failed);
        assert_json(answer, "status", "403");
        assert_step(answer, adding[i].step, "failed");
        if (i > 0)
            assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do/0")), left[i]);
        else
            assert_step(answer, "create_tile", "not_done");
        assert_int_equal(lk_json_count(at(answer, "changed")) > 0, i > 1);
        /* Who binds in vain still places the tile. */
        if (i == 2)
            assert_step(answer, "place_tile", "done");
    }
}

/* The field is readOnly in Looker's document: whether it was taken is looked at. */
static void test_a_binding_that_was_not_taken_is_noticed(void **state)
{
    (void)state;
    fake_answers("POST /queries", "{\"id\":\"5\"}");
    fake_answers("POST /dashboard_elements", TILE(""));
    fake_answers("PATCH /dashboard_elements/7", TILE(""));
    fake_answers("PATCH /dashboard_layout_components/31", MOVED);
    fake_answers("GET /dashboards/2", DASHBOARD);
    struct lk_str answer = run_tool("add_dashboard_element", ADD);
    assert_true(fake_failed);
    assert_step(answer, "bind_filters", "failed");
    assert_str(at(answer, "listen"), "(absent)");
}

static void test_what_cannot_be_added_is_not_begun(void **state)
{
    static const struct {
        const char *more, *words;
    } wrong[] = {
        {"\"look_id\":\"1\",\"query_id\":\"2\"", "one source"},
        {"\"look_id\":\"1\",\"vis_config\":{\"type\":\"bar\"}", "one source"},
        {"\"query_view\":\"v\",\"query_fields\":[\"v.a\"]", "query_model"},
        {"\"query_model\":\"m\",\"query_view\":\"v\",\"query_fields\":[]", "query_fields"},
        {"\"body_text\":\"B\",\"listen\":{\"State\":\"v.st\"}", "text tile"},
        {"\"query_id\":\"5\",\"listen\":{\"Town\":\"v.st\"}", "its filters: State, Day"},
    };

    (void)state;
    fake_answers("GET /dashboards/2", DASHBOARD);
    for (size_t i = 0; i < N(wrong); i++) {
        const char *arguments = lk_arena_printf(fake_arena,
                                                "{\"dashboard_id\":\"2\",\"title\":"
                                                "\"T\",%s}",
                                                wrong[i].more)
                                    .ptr;
        assert_contains(refuse_tool("add_dashboard_element", arguments)->message, wrong[i].words);
    }
    assert_int_equal(count_writes(), 0);
}

static void test_a_layout_without_the_tile(void **state)
{
    (void)state;
    fake_answers("POST /dashboard_elements", "{\"id\":\"70\"}");
    fake_answers("GET /dashboards/2", DASHBOARD);
    struct lk_str answer =
        run_tool("add_dashboard_element",
                 "{\"dashboard_id\":\"2\",\"title\":\"T\",\"body_text\":\"B\",\"width\":3}");
    assert_true(fake_failed);
    assert_step(answer, "place_tile", "failed");
    assert_json(answer, "id", "\"70\"");
}

static void test_merged_tiles(void **state)
{
    static const char two[] =
        "{\"id\":\"7\"," MAKER("{\"model\":\"m\",\"view\":\"a\",\"name\":\"A\",\"listen\":[]},"
                               "{\"model\":\"m\",\"view\":\"b\",\"name\":\"B\",\"listen\":[]}") "}";
    struct lk_str answer;

    (void)state;
    fake_answers("GET /dashboards/2", DASHBOARD);
    fake_answers("POST /merge_queries", "{\"id\":\"m1\"}");
    fake_answers("POST /dashboard_elements", two);
    fake_answers(
        "PATCH /dashboard_elements/7",
        "{\"id\":\"7\"," MAKER("{\"name\":\"A\",\"listen\":[" HEARD(
            "State", "x.st") "]},{\"name\":\"B\",\"listen\":[" HEARD("State", "b.st") "]}") "}");
    answer = run_tool("add_dashboard_element",
                      "{\"dashboard_id\":\"2\",\"title\":\"T\",\"merge_queries\":[{\"query_id\":1,"
                      "\"name\":\"A\"},{\"query_id\":\"2\",\"name\":\"B\",\"merge_fields\":["
                      "{\"field_name\":\"a.x\",\"source_field_name\":\"b.x\"}]}],"
                      "\"listen\":{\"State\":\"a: x.st, b.st\"}}");
    assert_false(fake_failed);
    assert_json(answer, "merge_result_id", "\"m1\"");
    assert_json(answer, "listen", "{\"State\":\"A: x.st, B: b.st\"}");
    assert_contains(request_of("POST /merge_queries"),
                    "\"merge_fields\":[{\"field_name\":\"a.x\",\"source_field_name\":\"b.x\"}]");

    /* Which query is meant has to be said, unless its explore says it. */
    answer = run_tool("add_dashboard_element",
                      "{\"dashboard_id\":\"2\",\"title\":\"T\",\"merge_result_id\":\"m1\","
                      "\"listen\":{\"State\":\"x.st\"}}");
    assert_true(fake_failed);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "error")), "its queries: A, B");

    fake_forget();
    answer = run_tool("add_dashboard_element",
                      "{\"dashboard_id\":\"2\",\"title\":\"T\",\"merge_queries\":[{\"name\":\"A\"},"
                      "{\"query_id\":\"2\",\"nam\":\"B\"}]}");
    assert_true(fake_failed);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "error")),
                    "merge_queries[0]: query_id is missing");
    assert_int_equal(fake_n_requests, 0);
}

/* ---- changing ---- */

#define UPDATE                                                                                     \
    "{\"dashboard_element_id\":\"7\",\"title\":\"New\",\"vis_config\":{\"type\":\"line\","         \
    "\"a\":null},\"listen\":{\"Day\":\"v.day\"},\"row\":9}"

static const struct fake_call_row updating[] = {
    {"create_query", "POST /queries", "{\"id\":\"6\"}", ROW},
    {"update_tile", "PATCH /dashboard_elements/7", TILE(""), ROW},
    {"bind_filters", "PATCH /dashboard_elements/7",
     TILE(HEARD("State", "v.st") "," HEARD("Day", "v.day")), CHANGED},
    {"place_tile", "PATCH /dashboard_layout_components/31", MOVED, CHANGED},
};

static void play_updating(size_t failing)
{
    fake_play(updating, N(updating), failing);
    fake_answers("GET /dashboard_elements/7", TILE(HEARD("State", "v.st")));
    fake_answers("GET /dashboards/2", DASHBOARD);
}

/* Looker drops what the tile listened to when its query is replaced. */
static void test_a_new_query_keeps_what_the_tile_listened_to(void **state)
{
    (void)state;
    play_updating(N(updating));
    struct lk_str answer = run_tool("update_dashboard_element", UPDATE);
    assert_false(fake_failed);
    assert_json(answer, "listen", "{\"State\":\"v.st\",\"Day\":\"v.day\"}");
    /* What a query is told apart by stays behind, the rest goes along. */
    assert_string_equal(request_of("POST /queries"),
                        "POST /queries?fields=id {\"fields\":[\"v.a\"],\"limit\":\"9\",\"model\":"
                        "\"m\",\"view\":\"v\",\"vis_config\":{\"b\":2,\"type\":\"line\"}}");
    assert_string_equal(request_of("PATCH /dashboard_elements/7"),
                        "PATCH /dashboard_elements/7 {\"query_id\":\"6\",\"title\":\"New\"}");
    assert_contains(fake_requests[4], "\"listen\":[" HEARD("State", "v.st") "," HEARD(
                                          "Day", "v.day") "],\"model\":\"m\",\"name\":\"q\"");
}

static void test_each_step_of_changing_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(updating); i++) {
        play_updating(i);
        struct lk_str answer = run_tool("update_dashboard_element", UPDATE);
        assert_true(fake_failed);
        assert_json(answer, "status", "403");
        assert_step(answer, updating[i].step, "failed");
        if (i < 2)
            assert_step(answer, "bind_filters", "not_done");
        if (i < 3)
            assert_step(answer, "place_tile", "done");
        if (i == 2) {
            /* Both have to be bound again: the one that was lost, too. */
            assert_int_equal(lk_json_count(at(answer, "left_to_do")), 2);
            assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do/0")), "v.st");
        }
    }
}

static void test_another_explore_is_not_bound_unasked(void **state)
{
    (void)state;
    fake_answers("GET /dashboard_elements/7", TILE(HEARD("State", "v.st")));
    fake_answers(
        "PATCH /dashboard_elements/7",
        "{\"id\":\"7\",\"query_id\":\"8\",\"query\":{\"model\":\"m\",\"view\":\"w\"}," MAKER(
            FILTERABLE("")) "}");
    struct lk_str answer =
        run_tool("update_dashboard_element", "{\"dashboard_element_id\":7,\"query_id\":8}");
    assert_false(fake_failed);
    assert_int_equal(count_writes(), 1);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do/0")), "\"State\\\"");
}

static void test_what_does_not_fit_the_tile_is_refused(void **state)
{
    static const struct {
        const char *tile, *more, *words;
    } wrong[] = {
        {TILE(""), "\"query_id\":\"1\",\"query_limit\":3", "one source"},
        {TILE(""), "\"look_id\":\"1\",\"query_id\":\"3\"", "one source"},
        {TILE(""), "\"body_text\":\"B\"", "note_text"},
        {"{\"id\":\"7\",\"look_id\":\"1\"}", "\"query_limit\":3", "update_look"},
        {"{\"id\":\"7\",\"type\":\"text\",\"body_text\":\"x\"}", "\"vis_config\":{\"a\":1}",
         "kind: text"},
        {"{\"id\":\"7\",\"dashboard_id\":\"2\",\"type\":\"text\",\"body_text\":\"x\"}",
         "\"listen\":{\"Nope\":\"v.a\"}", "no filter"},
        {"{\"id\":\"7\",\"dashboard_id\":\"3\",\"type\":\"text\",\"body_text\":\"x\"}", "\"row\":1",
         "no place"},
    };

    (void)state;
    for (size_t i = 0; i < N(wrong); i++) {
        fake_forget();
        fake_answers("GET /dashboard_elements/7", wrong[i].tile);
        fake_answers("GET /dashboards/2", DASHBOARD);
        fake_answers("GET /dashboards/3", "{\"id\":\"3\"}");
        const char *arguments =
            lk_arena_printf(fake_arena, "{\"dashboard_element_id\":\"7\",%s}", wrong[i].more).ptr;
        assert_contains(refuse_tool("update_dashboard_element", arguments)->message,
                        wrong[i].words);
        assert_int_equal(count_writes(), 0);
    }
    fake_forget();
    assert_contains(
        refuse_tool("update_dashboard_element", "{\"dashboard_element_id\":\"8\"}")->message,
        "get_dashboard");
}

static void test_a_tile_stops_listening(void **state)
{
    (void)state;
    fake_answers("GET /dashboard_elements/7",
                 TILE(HEARD("State", "v.st") "," HEARD("Day", "v.day")));
    fake_answers("GET /dashboards/2", DASHBOARD);
    fake_answers("PATCH /dashboard_elements/7", TILE(HEARD("Day", "v.day")));
    struct lk_str answer =
        run_tool("update_dashboard_element",
                 "{\"dashboard_element_id\":\"7\",\"listen\":{\"State\":\"\",\"Day\":\"v.day\"}}");
    assert_false(fake_failed);
    assert_json(answer, "listen", "{\"Day\":\"v.day\"}");
    assert_contains(request_of("PATCH "), "\"listen\":[" HEARD("Day", "v.day") "]");
    /* It does not, though Looker took the request. */
    fake_forget();
    fake_answers("GET /dashboard_elements/7", TILE(HEARD("State", "v.st")));
    fake_answers("GET /dashboards/2", DASHBOARD);
    fake_answers("PATCH /dashboard_elements/7", TILE(HEARD("State", "v.st")));
    answer = run_tool("update_dashboard_element",
                      "{\"dashboard_element_id\":\"7\",\"listen\":{\"State\":\"\"}}");
    assert_true(fake_failed);
    assert_step(answer, "bind_filters", "failed");
    /* Saying it again changes nothing. */
    fake_forget();
    fake_answers("GET /dashboard_elements/7", TILE(HEARD("Day", "v.day")));
    fake_answers("GET /dashboards/2", DASHBOARD);
    answer = run_tool("update_dashboard_element",
                      "{\"dashboard_element_id\":\"7\",\"listen\":{\"State\":\"\"}}");
    assert_step(answer, "bind_filters", "skipped");
    assert_int_equal(count_writes(), 0);
}

static void test_the_source_before_goes_when_another_comes(void **state)
{
    (void)state;
    fake_answers("GET /dashboard_elements/7", TILE(""));
    fake_answers("PATCH /dashboard_elements/7", "{\"id\":\"7\",\"look_id\":\"3\"}");
    run_tool("update_dashboard_element", "{\"dashboard_element_id\":\"7\",\"look_id\":\"3\"}");
    assert_string_equal(request_of("PATCH "),
                        "PATCH /dashboard_elements/7 {\"look_id\":\"3\",\"query_id\":null}");
}

/* ---- filters ---- */

#define FILTER(more) "{\"dashboard_id\":\"2\",\"title\":\"Town\",\"dimension\":\"v.town\"" more "}"
#define WITH_TILES(...) "{\"id\":\"2\"," FILTERS ",\"dashboard_elements\":[" __VA_ARGS__ "]}"
#define OTHER                                                                                      \
    "{\"id\":\"6\",\"query\":{\"model\":\"m2\",\"view\":\"w\",\"fields\":[\"v.town\"]}," MAKER(    \
        "") "}"

static const struct fake_call_row filtering[] = {
    {"create_filter", "POST /dashboard_filters", "{\"id\":\"40\"}", ROW},
    {"bind_tile", "PATCH /dashboard_elements/7",
     TILE(HEARD("State", "v.st") "," HEARD("Town", "v.town")), CHANGED},
    {"bind_tile", "PATCH /dashboard_elements/6",
     "{\"id\":\"6\"," MAKER("{\"listen\":[" HEARD("Town", "v.town") "]}") "}", CHANGED},
};

static void play_filtering(size_t failing)
{
    fake_play(filtering, N(filtering), failing);
    fake_answers("GET /dashboards/2", WITH_TILES(TILE(HEARD("State", "v.st")) "," OTHER));
}

static void test_a_filter_and_its_tiles(void **state)
{
    (void)state;
    play_filtering(N(filtering));
    struct lk_str answer = run_tool("add_dashboard_filter", FILTER(",\"tiles\":[\"7\",6]"));
    assert_false(fake_failed);
    assert_json(answer, "tiles", "[\"7\",\"6\"]");
    assert_json(answer, "left_to_do", "[]");
    /* The tile that uses the field says which explore it is of. */
    assert_contains(request_of("POST /dashboard_filters"),
                    "\"explore\":\"w\",\"model\":\"m2\",\"name\":\"Town\"");
    assert_contains(request_of("PATCH /dashboard_elements/7"),
                    "\"listen\":[" HEARD("State", "v.st") "," HEARD("Town", "v.town") "]");
    /* A tile that never had an entry gets one for its query. */
    assert_contains(request_of("PATCH /dashboard_elements/6"), "\"model\":\"m2\",\"view\":\"w\"");
}

static void test_one_tile_that_fails_does_not_keep_the_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(filtering); i++) {
        play_filtering(i);
        struct lk_str answer = run_tool("add_dashboard_filter", FILTER(",\"tiles\":[\"7\",\"6\"]"));
        assert_true(fake_failed);
        assert_int_equal(count_writes(), i == 0 ? 1 : 3);
        assert_int_equal(lk_json_count(at(answer, "changed")), i == 0 ? 0 : 2);
        assert_int_equal(lk_json_count(at(answer, "left_to_do")), 1);
    }
}

static void test_a_filter_that_is_there(void **state)
{
    (void)state;
    fake_answers("GET /dashboards/2", WITH_TILES(TILE("")));
    fake_answers("PATCH /dashboard_elements/7", TILE(HEARD("State", "v.st")));
    struct lk_str answer = run_tool("add_dashboard_filter",
                                    "{\"dashboard_id\":\"2\",\"title\":\"state\",\"dimension\":"
                                    "\"v.st\",\"tiles\":[\"7\"]}");
    assert_step(answer, "create_filter", "skipped");
    assert_json(answer, "tiles", "[\"7\"]");
    /* It shows what there is, not what was asked for. */
    assert_json(answer, "title", "\"US State\"");
    assert_json(answer, "type", "(absent)");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "steps/0/detail")),
                    "update_dashboard_filter");
    /* Of that name, but another: not touched. */
    fake_forget();
    fake_answers("GET /dashboards/2", WITH_TILES(TILE("")));
    assert_contains(refuse_tool("add_dashboard_filter",
                                "{\"dashboard_id\":\"2\",\"title\":\"State\",\"dimension\":"
                                "\"v.other\",\"tiles\":[\"7\"]}")
                        ->message,
                    "update_dashboard_filter");
    assert_contains(refuse_tool("add_dashboard_filter", FILTER(",\"tiles\":[\"70\"]"))->message,
                    "\"70\"");
    fake_forget();
    fake_answers("GET /dashboards/2", WITH_TILES("{\"id\":\"7\",\"type\":\"text\"}"));
    assert_contains(refuse_tool("add_dashboard_filter", FILTER(",\"tiles\":[\"7\"]"))->message,
                    "no query");
    assert_int_equal(count_writes(), 0);
}

static void test_a_filter_of_no_known_explore(void **state)
{
    (void)state;
    fake_answers("GET /dashboards/2", WITH_TILES(""));
    fake_answers("POST /dashboard_filters", "{\"id\":\"40\"}");
    struct lk_str answer = run_tool("add_dashboard_filter", FILTER(""));
    assert_false(fake_failed);
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do/0")),
                    "update_dashboard_filter");
}

/* ---- Looks ---- */

#define LOOK                                                                                       \
    "{\"title\":\"T\",\"model\":\"m\",\"view\":\"v\",\"fields\":[\"v.a\"],\"folder_id\":\"2\","    \
    "\"validate\":false}"

static void test_a_look_is_a_query_first(void **state)
{
    (void)state;
    fake_answers("POST /queries", "{\"id\":5}");
    fake_answers("POST /looks", "{\"id\":\"11\",\"title\":\"T\",\"description\":null,\"x\":1}");
    struct lk_str answer = run_tool("create_look", LOOK);
    assert_json(answer, "id", "\"11\"");
    assert_str(at(answer, "description"), "(absent)");
    assert_str(at(answer, "x"), "(absent)");
    fake_fails("POST /queries", 422, "no such field");
    answer = run_tool("create_look", LOOK);
    assert_true(fake_failed);
    assert_json(answer, "detail", "\"no such field\"");
    assert_step(answer, "create_look", "not_done");
    assert_json(answer, "changed", "[]");
}

static void test_a_look_that_fails_leaves_its_query(void **state)
{
    (void)state;
    fake_answers("POST /queries", "{\"id\":\"5\"}");
    fake_fails("POST /looks", 422, "title taken");
    struct lk_str answer = run_tool("create_look", LOOK);
    assert_true(fake_failed);
    assert_json(answer, "detail", "\"title taken\"");
    assert_json(answer, "query_id", "\"5\"");
    assert_contains(lk_arena_cstr(fake_arena, at(answer, "left_to_do/0")), "Query 5 exists");
}

/* ---- links ---- */

static void test_an_embed_user_without_rights(void **state)
{
    static const char *const without[] = {
        "", ",\"models\":[\"m\"]", ",\"permissions\":[\"access_data\"]", ",\"group_ids\":[]"};

    (void)state;
    for (size_t i = 0; i < N(without); i++) {
        struct lk_str args = lk_arena_printf(fake_arena,
                                             "{\"target_url\":\"https://x.example/looks/1\","
                                             "\"external_user_id\":\"u1\"%s}",
                                             without[i]);
        assert_contains(refuse_tool("generate_embed_url", lk_arena_cstr(fake_arena, args))->message,
                        "both models and permissions");
    }
    assert_int_equal(fake_n_requests, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_tile_from_query_to_place),
        TEST(test_each_step_of_adding_fails),
        TEST(test_a_binding_that_was_not_taken_is_noticed),
        TEST(test_what_cannot_be_added_is_not_begun),
        TEST(test_a_layout_without_the_tile),
        TEST(test_merged_tiles),
        TEST(test_a_new_query_keeps_what_the_tile_listened_to),
        TEST(test_each_step_of_changing_fails),
        TEST(test_another_explore_is_not_bound_unasked),
        TEST(test_what_does_not_fit_the_tile_is_refused),
        TEST(test_a_tile_stops_listening),
        TEST(test_the_source_before_goes_when_another_comes),
        TEST(test_a_filter_and_its_tiles),
        TEST(test_one_tile_that_fails_does_not_keep_the_other),
        TEST(test_a_filter_that_is_there),
        TEST(test_a_filter_of_no_known_explore),
        TEST(test_a_look_is_a_query_first),
        TEST(test_a_look_that_fails_leaves_its_query),
        TEST(test_an_embed_user_without_rights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
