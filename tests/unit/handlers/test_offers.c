/*
 * Resources and prompts of Looker: that their rows fit the tools, what is listed and suggested, and
 * files that cannot be read whole.
 */
#include "fake_looker.h"

#include "handlers/offers/internal.h"

/* ---- mcp/resource.h and mcp/prompt.h, as the functions under test see them ---- */

static const char *values[8][2]; /* what mcp_call_value knows, up to a NULL */
static struct lk_buf told;       /* what was suggested or listed, a line each */
static char next_cursor[64];

static void tell(struct lk_str line)
{
    lk_buf_str(&told, line);
    lk_buf_char(&told, '\n');
}

struct lk_str mcp_call_value(const struct mcp_call *call, const char *name)
{
    (void)call;
    for (size_t i = 0; i < 8 && values[i][0] != NULL; i++) {
        if (strcmp(values[i][0], name) == 0)
            return lk_str(values[i][1]);
    }
    return (struct lk_str){0};
}

void mcp_call_suggest(struct mcp_call *call, struct lk_str value)
{
    (void)call;
    tell(value);
}

void mcp_call_add_resource(struct mcp_call *call, const struct mcp_listed_resource *resource)
{
    (void)call;
    tell(resource->uri);
}

void mcp_call_set_next_cursor(struct mcp_call *call, struct lk_str cursor)
{
    (void)call;
    snprintf(next_cursor, sizeof(next_cursor), "%.*s", LK_STR_ARG(cursor));
}

void mcp_call_add_message(struct mcp_call *call, bool from_assistant,
                          const struct mcp_content *content)
{
    (void)call;
    assert_false(from_assistant);
    tell(content->bytes);
}

const struct mcp_prompt *mcp_call_prompt(const struct mcp_call *call)
{
    (void)call;
    return NULL; /* what prompts say is tested end to end */
}

/* ---- running one of them, on a coroutine ---- */

static bool (*with_text)(struct mcp_call *call, struct lk_str text, struct lk_error *err);
static bool (*without)(struct mcp_call *call, struct lk_error *err);
static struct lk_str text_given;
static const char *answer_before; /* what the tool before it wrote; NULL: none */

static bool run_it(struct mcp_call *call, const void *args, struct lk_error *err)
{
    (void)args;
    if (answer_before != NULL)
        lk_buf_str(mcp_call_answer(call), lk_str(answer_before));
    else
        lk_buf_lit(mcp_call_answer(call), "{}");
    return with_text != NULL ? with_text(call, text_given, err) : without(call, err);
}

static const struct mcp_tool pseudo = {.name = "pseudo", .run = run_it};

static bool run(void)
{
    struct lk_str answer;

    fake_error = (struct lk_error){0};
    lk_buf_free(&told);
    lk_buf_init(&told, 1000000);
    next_cursor[0] = '\0';
    return fake_call(&pseudo, "{}", 0, &answer);
}

static const char *suggested(bool (*fn)(struct mcp_call *call, struct lk_str typed,
                                        struct lk_error *err))
{
    with_text = fn;
    text_given = LK_STR("");
    assert_true(run());
    return told.ptr != NULL ? told.ptr : "";
}

static int tear_down(void **state)
{
    lk_buf_free(&told);
    memset(values, 0, sizeof(values));
    with_text = NULL;
    without = NULL;
    answer_before = NULL;
    return fake_tear_down(state);
}

/* ---- the rows ---- */

static const struct mcp_tool *all_tools[1000];

static struct lk_offers *choose(size_t n)
{
    static struct lk_offers offers;

    for (size_t i = 0; i < LOOKER_TOOL_COUNT; i++)
        all_tools[i] = &looker_tools[i];
    lk_offers_choose(&offers, all_tools, n);
    return &offers;
}

/* What a resource hands its tool are arguments that this has, and all that it needs. */
static void resources_fit_their_tools(void **state)
{
    struct lk_offers *offers = choose(LOOKER_TOOL_COUNT);
    size_t n_with_tool = 0;

    (void)state;
    assert_int_equal(offers->n_resources, LK_N_RESOURCES);
    assert_ptr_equal(offers->list_resources, lk_list_explores);
    for (size_t i = 0; i < offers->n_resources; i++) {
        const struct mcp_resource *row = offers->resources[i];
        struct lk_error err = {0};
        struct lk_buf text;
        cJSON *tree;

        if (row->tool == NULL)
            continue;
        n_with_tool++;
        assert_true((row->tool->hints & MCP_READ_ONLY) != 0);
        lk_buf_init(&text, 1000);
        for (size_t j = 0; j < row->n_arguments; j++)
            lk_buf_printf(&text, "%s\"%s\":\"1\"", j == 0 ? "{" : ",", row->tool_arguments[j]);
        if (row->tool_constants != NULL)
            lk_buf_printf(&text, ",%s", row->tool_constants);
        lk_buf_char(&text, '}');
        assert_true(lk_tree_parse(fake_arena, lk_buf_view(&text), &tree, &err));
        if (!lk_decode_arguments(fake_arena, row->tool->args, tree,
                                 lk_arena_alloc(fake_arena, row->tool->args->size), &err))
            fail_msg("%s: %s", row->uri, err.message);
        lk_buf_free(&text);
    }
    assert_int_equal(n_with_tool, 3);
}

static void prompts_name_tools_that_there_are(void **state)
{
    (void)state;
    assert_int_equal(choose(LOOKER_TOOL_COUNT)->n_prompts, LK_N_PROMPTS);
    for (size_t i = 0; i < LK_N_PROMPT_ROWS; i++) {
        for (const char *const *name = lk_prompt_rows[i].tools; *name != NULL; name++)
            fake_tool(*name);
    }
}

static void without_tools_there_is_nothing(void **state)
{
    struct lk_offers *offers = choose(0);

    (void)state;
    assert_int_equal(offers->n_resources, 0);
    assert_int_equal(offers->n_prompts, 0);
    assert_null(offers->list_resources);
}

/* ---- suggestions ---- */

#define MODELS                                                                                     \
    "[{\"name\":\"shop\",\"explores\":[{\"name\":\"orders\",\"hidden\":false},"                    \
    "{\"name\":\"secret\",\"hidden\":true},{\"name\":\"a/b \xc3\xa9\"}]},"                         \
    "{\"name\":\"empty\",\"explores\":null},{\"name\":\"old\",\"explores\":[{\"name\":\"x\"}]}]"

static void models_and_explores(void **state)
{
    (void)state;
    fake_answers("GET /lookml_models", MODELS);
    assert_string_equal(suggested(lk_suggest_model), "shop\nempty\nold\n");
    assert_string_equal(suggested(lk_suggest_explore), "orders\na/b \xc3\xa9\nx\n");
    values[0][0] = "model";
    values[0][1] = "old";
    assert_string_equal(suggested(lk_suggest_explore), "x\n");
    values[0][1] = "none";
    assert_string_equal(suggested(lk_suggest_explore), "");
    assert_string_equal(fake_requests[0], "GET /lookml_models?exclude_hidden=true&fields=name");
}

static void fields(void **state)
{
    (void)state;
    assert_string_equal(suggested(lk_suggest_field), "");
    assert_int_equal(fake_n_requests, 0);
    values[0][0] = "model";
    values[0][1] = "shop";
    values[1][0] = "explore";
    values[1][1] = "orders";
    assert_string_equal(suggested(lk_suggest_field), ""); /* 404 */
    fake_answers("GET /lookml_models/shop/explores/orders",
                 "{\"fields\":{\"dimensions\":[{\"name\":\"orders.id\"},{\"name\":\"orders.h\","
                 "\"hidden\":true}],\"measures\":[{\"name\":\"orders.count\"}]}}");
    assert_string_equal(suggested(lk_suggest_field), "orders.id\norders.count\n");
    fake_answers("GET /lookml_models/shop/explores/orders", "{\"fields\":null}");
    assert_string_equal(suggested(lk_suggest_field), "");
}

static void projects_branches_and_files(void **state)
{
    (void)state;
    fake_answers("GET /projects", "[{\"id\":\"shop\"},{\"id\":null},{}]");
    assert_string_equal(suggested(lk_suggest_project),
                        "shop\n\n\n"); /* the core drops what is empty */
    assert_string_equal(suggested(lk_suggest_branch), "");
    assert_string_equal(suggested(lk_suggest_path), "");
    assert_int_equal(fake_n_requests, 1);
    values[0][0] = "project";
    values[0][1] = "shop";
    fake_answers("GET /projects/shop/git_branches", "[{\"name\":\"main\"},{\"name\":\"a/b\"}]");
    fake_answers("GET /projects/shop/files", "[{\"path\":\"views/a.view.lkml\"}]");
    assert_string_equal(suggested(lk_suggest_branch), "main\na/b\n");
    assert_string_equal(suggested(lk_suggest_path), "views/a.view.lkml\n");
    assert_false(fake_in_dev[fake_n_requests - 1]);
}

static void content(void **state)
{
    (void)state;
    fake_answers("GET /dashboards/search", "[{\"id\":\"7\"},{\"id\":\"shop::pulse\"}]");
    fake_answers("GET /looks/search", "[{\"id\":\"3\"}]");
    assert_string_equal(suggested(lk_suggest_dashboard), "7\nshop::pulse\n");
    assert_string_equal(suggested(lk_suggest_look), "3\n");
}

/* What is hidden from the caller is not there; what went wrong is an error. */
static void what_looker_refuses(void **state)
{
    (void)state;
    fake_fails("GET /projects", 403, "Forbidden");
    assert_string_equal(suggested(lk_suggest_project), "");
    fake_fails("GET /projects", 500, "Oh");
    with_text = lk_suggest_project;
    assert_false(run());
    assert_int_equal(fake_error.status, 500);
    fake_refuses("GET /projects", 404); /* of the login: no word about projects */
    assert_false(run());
    assert_int_equal(fake_error.kind, LK_ERROR_AUTH);
    fake_answers("GET /projects", "{\"not\":\"a list\"}");
    assert_false(run());
    assert_int_equal(fake_error.kind, LK_ERROR_PARSE);
}

/* ---- the list ---- */

static char *many_explores(unsigned n)
{
    char *text = malloc(64 * n + 64), *at = text;

    at += sprintf(at, "[{\"name\":\"m\",\"explores\":[{\"name\":\"h\",\"hidden\":true}");
    for (unsigned i = 0; i < n; i++)
        at += sprintf(at, ",{\"name\":\"e%u\",\"label\":\"E\"}", i);
    strcpy(at, "]}]");
    return text;
}

static unsigned count_lines(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < told.len; i++)
        n += told.ptr[i] == '\n';
    return n;
}

static void list_from(const char *cursor)
{
    with_text = lk_list_explores;
    text_given = lk_str(cursor);
    assert_true(run());
}

static void explores_are_listed_by_pages(void **state)
{
    char *text = many_explores(250);

    (void)state;
    fake_answers("GET /lookml_models", text);
    list_from(NULL);
    assert_int_equal(count_lines(), 100);
    assert_memory_equal(told.ptr, "looker://models/m/explores/e0\n", 30);
    assert_string_equal(next_cursor, "100");
    list_from("200");
    assert_int_equal(count_lines(), 50);
    assert_string_equal(next_cursor, "");
    list_from("250");
    assert_int_equal(count_lines(), 0);
    free(text);
    text = many_explores(100); /* exactly a page is no reason for another */
    fake_n_scripts = 0;
    fake_answers("GET /lookml_models", text);
    list_from(NULL);
    assert_int_equal(count_lines(), 100);
    assert_string_equal(next_cursor, "");
    free(text);
    text = many_explores(700);
    fake_n_scripts = 0;
    fake_answers("GET /lookml_models", text);
    list_from("400");
    assert_int_equal(count_lines(), 100);
    assert_string_equal(next_cursor, ""); /* so many are enough */
    free(text);
}

static void names_are_encoded(void **state)
{
    (void)state;
    fake_answers("GET /lookml_models", MODELS);
    list_from(NULL);
    assert_string_equal(told.ptr, "looker://models/shop/explores/orders\n"
                                  "looker://models/shop/explores/a%2Fb%20%C3%A9\n"
                                  "looker://models/old/explores/x\n");
}

static void other_cursors(void **state)
{
    static const char *const cursors[] = {"",   "0",   "-1",   "1.5",       "1e2",
                                          " 1", "1\n", "x",    "0x10",      "9999999999",
                                          "+1", "",    "100 ", "1000000000"};

    (void)state;
    with_text = lk_list_explores;
    for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        text_given = lk_str(cursors[i]);
        assert_false(run());
        assert_int_equal(fake_error.kind, LK_ERROR_ARGUMENT);
    }
    assert_int_equal(fake_n_requests, 0);
}

/* ---- reading ---- */

static bool read_after(const char *answer)
{
    with_text = NULL;
    without = lk_read_file;
    answer_before = answer;
    return run();
}

static void a_file_is_whole_or_an_error(void **state)
{
    (void)state;
    assert_true(read_after("{\"content\":\"view: a {}\\n\",\"total_bytes\":11}"));
    assert_int_equal(fake_n_contents, 1);
    assert_true(lk_str_eq(fake_contents[0].bytes, LK_STR("view: a {}\n")));
    assert_true(read_after("{\"content\":\"\",\"total_bytes\":0}"));
    assert_false(read_after("{\"content\":\"a\",\"total_bytes\":9,\"next_offset\":1}"));
    assert_int_equal(fake_error.kind, LK_ERROR_LIMIT);
    assert_false(read_after("{\"content\":null,\"content_note\":\"not shown\"}"));
    assert_int_equal(fake_error.kind, LK_ERROR_UNSUPPORTED);
    assert_string_equal(fake_error.message, "not shown");
    assert_int_equal(fake_n_contents, 0);
}

static void a_look(void **state)
{
    (void)state;
    values[0][0] = "id";
    values[0][1] = "7";
    without = lk_read_look;
    assert_false(run());
    assert_int_equal(fake_error.status, 404);
    assert_non_null(strstr(fake_error.message, "no Look with the id 7"));
    fake_answers("GET /looks/7", "{\"id\":\"7\"}");
    assert_true(run());
    assert_true(lk_str_eq(fake_contents[0].bytes, LK_STR("{\"id\":\"7\"}")));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, fake_set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(resources_fit_their_tools),
        TEST(prompts_name_tools_that_there_are),
        TEST(without_tools_there_is_nothing),
        TEST(models_and_explores),
        TEST(fields),
        TEST(projects_branches_and_files),
        TEST(content),
        TEST(what_looker_refuses),
        TEST(explores_are_listed_by_pages),
        TEST(names_are_encoded),
        TEST(other_cursors),
        TEST(a_file_is_whole_or_an_error),
        TEST(a_look),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
