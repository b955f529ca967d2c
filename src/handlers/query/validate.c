/*
 * Queries judged by the names in them (validate.h). The explore's own list of names decides, read
 * anew whenever a name is not known from before: what Looker would accept is never held back.
 */
#include "handlers/query/validate.h"

#include "handlers/ask.h"
#include "handlers/bind.h"
#include "handlers/query/known.h"
#include "handlers/query/similar.h"
#include "handlers/workspace.h"
#include "looker_ops.h"
#include "json/scan.h"

/* Some explores take Looker long; then the query goes out without having been judged. */
#define EXPLORE_TIMEOUT_MS 15000
#define NAMES                                                                                      \
    "project_name,fields(dimensions(name),measures(name),filters(name),parameters(name)),"         \
    "aliases(name,value)"
#define SHOWN_BYTES 60 /* of a name that is wrong */
#define MAX_SHOWN 4    /* wrong names in one error */

/* ---- the query ---- */

/* dynamic_fields travels as text, and Looker's own complaint about bad text helps nobody. */
static bool check_dynamic_fields(struct lk_str text, struct lk_error *err)
{
    struct lk_error why = {0};

    if (!lk_json_check(text, LK_JSON_MAX_DEPTH, 0, &why))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "dynamic_fields: expected the JSON text of an array of objects: %s",
                       why.message);
    if (lk_json_type(text) != LK_JSON_ARRAY)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "dynamic_fields: expected the JSON text of an array of objects, such as "
                       "[{\"table_calculation\":\"share\",\"expression\":\"…\"}]");
    return true;
}

bool lk_query_from_args(struct mcp_call *call, const void *args, struct looker_query *ret_query,
                        struct lk_error *err)
{
    struct looker_query query = {0};

    lk_bind_same_names(mcp_call_arena(call), mcp_call_tool(call)->args, args, &looker_query_type,
                       &query);
    if (query.dynamic_fields.is == LK_PRESENT &&
        !check_dynamic_fields(query.dynamic_fields.value, err))
        return false;
    *ret_query = query;
    return true;
}

/* ---- the names in it ---- */

static void add_list(struct lk_query_names *names, const char *place,
                     const struct lk_string_list *list)
{
    for (size_t i = 0; i < list->len; i++)
        names->items[names->n++] = (struct lk_query_name){place, lk_str_trim(list->items[i])};
}

/* "orders.count desc 1": what stands before the first space. */
static void add_sorts(struct lk_query_names *names, const struct lk_string_list *sorts)
{
    for (size_t i = 0; i < sorts->len; i++) {
        struct lk_str text = lk_str_trim(sorts->items[i]);
        const char *space = memchr(text.ptr != NULL ? text.ptr : "", ' ', text.len);
        if (space != NULL)
            text.len = (size_t)(space - text.ptr);
        names->items[names->n++] = (struct lk_query_name){"sorts", text};
    }
}

static struct lk_query_names names_in(struct lk_arena *arena, const struct looker_query *query)
{
    struct lk_str filters = query->filters.value, key;
    struct lk_json_iter it = lk_json_iter(filters);
    size_t n_filters = filters.len > 0 ? lk_json_count(filters) : 0;
    size_t n = query->fields.len + query->pivots.len + query->sorts.len + query->fill_fields.len +
               query->subtotals.len + n_filters;
    struct lk_query_names names = {.items = lk_arena_array(arena, n, sizeof(*names.items))};

    add_list(&names, "fields", &query->fields);
    while (names.n < n && n_filters > 0 && lk_json_next(&it, &key, NULL))
        names.items[names.n++] = (struct lk_query_name){"filters", lk_json_decode_key(arena, key)};
    add_sorts(&names, &query->sorts);
    add_list(&names, "pivots", &query->pivots);
    add_list(&names, "fill_fields", &query->fill_fields);
    add_list(&names, "subtotals", &query->subtotals);
    return names;
}

/* Whether the name is a text somewhere in dynamic_fields: the name of a custom field or table
 * calculation. Looker knows several forms of them, so any member counts. */
static bool is_dynamic(struct lk_arena *arena, struct lk_str list, struct lk_str name)
{
    struct lk_json_iter it = lk_json_iter(list), members;
    struct lk_str item, value;

    while (list.len > 0 && lk_json_next(&it, NULL, &item)) {
        members = lk_json_iter(item);
        while (lk_json_type(item) == LK_JSON_OBJECT && lk_json_next(&members, NULL, &value)) {
            if (lk_json_type(value) == LK_JSON_STRING &&
                lk_str_eq(lk_json_decode_string(arena, value), name))
                return true;
        }
    }
    return false;
}

struct lk_query_names lk_query_names(struct lk_arena *arena, const struct looker_query *query)
{
    struct lk_query_names names = names_in(arena, query);
    size_t kept = 0;

    for (size_t i = 0; i < names.n; i++) {
        if (!is_dynamic(arena, query->dynamic_fields.value, names.items[i].text))
            names.items[kept++] = names.items[i];
    }
    names.n = kept;
    return names;
}

/* ---- the names in the explore ---- */

struct explore {
    struct lk_str *names;
    size_t n;
    struct lk_str project; /* empty: Looker does not say */
};

/* Branches differ in their fields, and a user's workspace is nobody else's. */
static struct lk_str explore_key(struct mcp_call *call, const struct looker_query *query, bool dev)
{
    struct lk_str workspace = lk_tool_context(call)->workspace_name;

    return lk_arena_printf(mcp_call_arena(call), "%s%.*s%s%.*s::%.*s", dev ? "dev:" : "",
                           dev ? (int)workspace.len : 0, workspace.ptr, dev ? ":" : "",
                           LK_STR_ARG(query->model.value), LK_STR_ARG(query->view.value));
}

/* The list at the path of the explore's JSON, or an empty one. */
static struct lk_str list_at(struct lk_str explore, const char *a, const char *b)
{
    const char *path[] = {a, b, NULL};
    struct lk_str list;

    return lk_json_get_path(explore, path, &list) && lk_json_type(list) == LK_JSON_ARRAY
               ? list
               : LK_STR("[]");
}

static void collect(struct lk_arena *arena, struct lk_str list, const char *member,
                    struct explore *into)
{
    struct lk_json_iter it = lk_json_iter(list);
    struct lk_str item;

    while (lk_json_next(&it, NULL, &item)) {
        struct lk_str name = lk_json_get_string(arena, item, lk_str(member));
        if (name.len > 0)
            into->names[into->n++] = name;
    }
}

/* Awaits. False when it could not be read or has no fields to judge by. */
static bool ask_names(struct mcp_call *call, const struct looker_query *query, bool dev,
                      struct explore *ret_explore, struct lk_error *ret_failure)
{
    static const char *const categories[] = {"dimensions", "measures", "filters", "parameters"};
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_lookml_model_explore_params params = {
        .lookml_model_name = query->model,
        .explore_name = query->view,
        .fields = lk_string(LK_STR(NAMES)),
    };
    struct lk_api_request request = lk_in_dev(looker_lookml_model_explore(&params), dev);
    struct lk_api_answer answer;
    size_t n = 0;

    if (!lk_api_call_within(lk_tool_context(call)->api, arena, request, EXPLORE_TIMEOUT_MS, &answer,
                            ret_failure) ||
        !lk_expect_json(&answer, request.op, LK_JSON_OBJECT, ret_failure))
        return false;
    struct lk_str aliases = list_at(answer.body, "aliases", NULL);
    for (size_t i = 0; i < 4; i++)
        n += lk_json_count(list_at(answer.body, "fields", categories[i]));
    struct explore explore = {
        .names = lk_arena_array(arena, n + 2 * lk_json_count(aliases), sizeof(*explore.names)),
        .project = lk_json_get_string(arena, answer.body, LK_STR("project_name")),
    };
    for (size_t i = 0; i < 4; i++)
        collect(arena, list_at(answer.body, "fields", categories[i]), "name", &explore);
    if (explore.n == 0)
        return false;
    /* Old names, which go on working. */
    collect(arena, aliases, "name", &explore);
    collect(arena, aliases, "value", &explore);
    *ret_explore = explore;
    return true;
}

/* ---- the judgement ---- */

static bool has(const struct explore *explore, struct lk_str name)
{
    for (size_t i = 0; i < explore->n; i++) {
        if (lk_str_eq(explore->names[i], name))
            return true;
    }
    return false;
}

/* Leaves in `names` what neither is known nor comes from dynamic_fields. */
static void drop_known(struct mcp_call *call, const struct looker_query *query, struct lk_str key,
                       struct lk_query_names *names)
{
    const struct lk_tool_context *context = lk_tool_context(call);
    uint64_t now_ms = lk_loop_now_ms(context->loop);
    size_t kept = 0;

    for (size_t i = 0; i < names->n; i++) {
        struct lk_str text = names->items[i].text;
        if (!lk_known_has(context->known, key, text, now_ms) &&
            !is_dynamic(mcp_call_arena(call), query->dynamic_fields.value, text))
            names->items[kept++] = names->items[i];
    }
    names->n = kept;
}

static bool fail_unknown(struct lk_arena *arena, const struct looker_query *query,
                         const struct lk_query_names *wrong, const struct explore *explore,
                         struct lk_error *err)
{
    struct lk_buf buf;

    lk_buf_init(&buf, 420);
    for (size_t i = 0; i < wrong->n && i < MAX_SHOWN; i++) {
        struct lk_str text = wrong->items[i].text, shown = lk_str_cut(text, SHOWN_BYTES);
        struct lk_similar similar = lk_similar(arena, text, explore->names, explore->n);
        lk_buf_printf(&buf, "%s\"%.*s%s\" (%s", i > 0 ? ", " : "", LK_STR_ARG(shown),
                      shown.len < text.len ? "..." : "", wrong->items[i].place);
        lk_similar_put(&buf, &similar);
        lk_buf_char(&buf, ')');
    }
    if (wrong->n > MAX_SHOWN)
        lk_buf_printf(&buf, " and %zu more", wrong->n - MAX_SHOWN);
    lk_fail(err, LK_ERROR_ARGUMENT,
            "the explore %.*s::%.*s has no field %.*s. list_dimensions and list_measures show what "
            "there is; validate: false asks Looker all the same",
            LK_STR_ARG(query->model.value), LK_STR_ARG(query->view.value),
            LK_STR_ARG(lk_buf_view(&buf)));
    lk_buf_free(&buf);
    return false;
}

static void tell_project(struct mcp_call *call, const struct looker_query *query, bool dev,
                         struct lk_str project)
{
    if (dev)
        lk_workspace_tell_project(call, query->model.value, project);
}

bool lk_query_validate(struct mcp_call *call, const struct looker_query *query, bool dev,
                       struct lk_error *err)
{
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_str key = explore_key(call, query, dev);
    struct lk_query_names names = names_in(arena, query);
    struct lk_error failure = {0};
    struct explore explore;
    size_t kept = 0;

    /* 1. What is known from before needs no request. */
    drop_known(call, query, key, &names);
    if (names.n == 0) {
        tell_project(call, query, dev,
                     lk_known_project(context->known, key, lk_loop_now_ms(context->loop)));
        return true;
    }

    /* 2. The explore as it is now; without it Looker decides. */
    if (!ask_names(call, query, dev, &explore, &failure)) {
        if (failure.kind == LK_ERROR_CANCELLED && err != NULL)
            *err = failure;
        return failure.kind != LK_ERROR_CANCELLED;
    }
    lk_known_learn(context->known, key, explore.project, explore.names, explore.n,
                   lk_loop_now_ms(context->loop));
    tell_project(call, query, dev, explore.project);

    /* 3. What it does not have is wrong. */
    for (size_t i = 0; i < names.n; i++) {
        if (!has(&explore, names.items[i].text))
            names.items[kept++] = names.items[i];
    }
    names.n = kept;
    return kept == 0 || fail_unknown(arena, query, &names, &explore, err);
}

/* ---- why Looker refused ---- */

/* Awaits. The names of a list's items; false when it cannot be had. */
static bool ask_list(struct mcp_call *call, struct lk_api_request request, const char *member,
                     struct explore *ret_names, struct lk_error *ret_failure)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct lk_str text;

    if (!lk_ask(lk_tool_context(call)->api, arena, request,
                member != NULL ? LK_JSON_OBJECT : LK_JSON_ARRAY, &text, ret_failure))
        return false;
    if (member != NULL)
        text = list_at(text, member, NULL);
    *ret_names = (struct explore){
        .names = lk_arena_array(arena, lk_json_count(text), sizeof(*ret_names->names))};
    collect(arena, text, "name", ret_names);
    return true;
}

/* what: such as `explore "x"`, which the word is the name of. */
static void explain_missing(struct lk_arena *arena, struct lk_error *err, struct lk_str what,
                            struct lk_str word, const struct explore *there_are)
{
    struct lk_similar similar = lk_similar(arena, word, there_are->names, there_are->n);
    struct lk_buf buf;

    lk_buf_init(&buf, 400);
    lk_similar_put(&buf, &similar);
    lk_explain_status(err, err->status, "there is no %.*s, or no access to it%.*s%s",
                      LK_STR_ARG(what), LK_STR_ARG(lk_buf_view(&buf)),
                      similar.n > 0 ? " list_models shows them all"
                                    : ": list_models shows what there is");
    lk_buf_free(&buf);
}

/* Awaits. Whether it is the model or the explore that does not exist; then says so. */
static bool explain_names(struct mcp_call *call, const struct looker_query *query, bool dev,
                          struct lk_error *err)
{
    struct lk_arena *arena = mcp_call_arena(call);
    struct looker_lookml_model_params model = {
        .lookml_model_name = query->model,
        .fields = lk_string(LK_STR("name,explores(name)")),
    };
    struct looker_all_lookml_models_params all = {.fields = lk_string(LK_STR("name"))};
    struct lk_error failure = {0}, ignored = {0};
    struct explore there_are;

    if (query->view.is == LK_PRESENT) {
        if (ask_list(call, lk_in_dev(looker_lookml_model(&model), dev), "explores", &there_are,
                     &failure)) {
            if (has(&there_are, query->view.value))
                return false;
            explain_missing(arena, err,
                            lk_arena_printf(arena, "explore \"%.*s\" in model \"%.*s\"",
                                            LK_STR_ARG(query->view.value),
                                            LK_STR_ARG(query->model.value)),
                            query->view.value, &there_are);
            return true;
        }
        if (!lk_failed_with(&failure, 404))
            return false;
    }
    if (!ask_list(call, lk_in_dev(looker_all_lookml_models(&all), dev), NULL, &there_are,
                  &ignored) ||
        has(&there_are, query->model.value))
        return false;
    explain_missing(arena, err,
                    lk_arena_printf(arena, "model \"%.*s\"", LK_STR_ARG(query->model.value)),
                    query->model.value, &there_are);
    return true;
}

static bool explain_no_explore(struct lk_error *err, const struct looker_query *query)
{
    return lk_explain_status(err, 404,
                             "there is no explore \"%.*s\" in model \"%.*s\", or no access to it: "
                             "list_models shows what there is",
                             LK_STR_ARG(query->view.value), LK_STR_ARG(query->model.value));
}

bool lk_query_explain(struct mcp_call *call, const struct looker_query *query, bool dev,
                      struct lk_error *err)
{
    const struct lk_tool_context *context = lk_tool_context(call);
    bool refused = lk_failed_with(err, 404) || lk_failed_with(err, 400) || lk_failed_with(err, 422);
    bool seen = lk_known_explore(context->known, explore_key(call, query, dev),
                                 lk_loop_now_ms(context->loop));

    if (!refused || (!seen && explain_names(call, query, dev, err)))
        return false;
    explain_no_explore(err, query);
    return lk_explain_status(
        err, 422,
        "Looker refused the query as invalid, and detail says why; list_models "
        "names models and explores, list_dimensions and list_measures their fields");
}

bool lk_explain_explore(struct mcp_call *call, struct lk_string model, struct lk_string explore,
                        struct lk_error *err)
{
    struct looker_query query = {.model = model, .view = explore};

    if (!lk_failed_with(err, 404) || explain_names(call, &query, false, err))
        return false;
    if (explore.is != LK_PRESENT)
        return lk_explain_status(err, 404,
                                 "there is no model \"%.*s\", or no access to it: list_models "
                                 "shows what there is",
                                 LK_STR_ARG(model.value));
    return explain_no_explore(err, &query);
}
