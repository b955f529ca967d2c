/*
 * compare_query: one query on a branch and in production, and what is different. Fields that only
 * one side has are told apart from values that differ: a measure is left out and named, and without
 * a dimension (or anything that decides which rows there are) nothing is compared.
 */
#include "handlers/ask.h"
#include "handlers/query/start.h"
#include "handlers/query/task.h"
#include "handlers/query/validate.h"
#include "handlers/rows.h"
#include "handlers/workflows/rows_diff.h"
#include "handlers/workspace.h"
#include "looker_tools.h"
#include "rt/parallel.h"

#define EXPLORE_TIMEOUT_MS 15000
#define EXPLORE_FIELDS                                                                             \
    "project_name,fields(dimensions(name),measures(name),filters(name),parameters(name)),"         \
    "aliases(name,value)"
#define FORMAT "json_detail"
#define N_SHARES 4
/* Of one side; both are held to be compared. */
#define COMPARED_BYTES_MAX ((size_t)4 * 1024 * 1024)

enum { BRANCH, PRODUCTION };
static const char *const where[] = {"on the branch", "in production"};

struct side {
    enum { UNKNOWN, THERE, ABSENT } explore; /* whether it was read */
    struct lk_str names, measures;           /* "\nview.field\n…\n" */
    struct lk_str project;                   /* that has the model; empty: not known */
    struct looker_query query;               /* without what it does not have */
    struct lk_string_list missing;           /* names of the query that it does not have */
    struct lk_rows *rows;
    struct lk_error failure;
};

struct comparison {
    struct mcp_call *call;
    struct lk_arena *arena;
    struct looker_query query;
    struct side sides[2];
    struct lk_rows_limit limit;
    struct lk_query_wait wait; /* for both */
    struct lk_str why_not;     /* why nothing is compared; empty: it is */
};

/* ---- what each side has ---- */

static void put_names(struct lk_buf *buf, struct lk_arena *arena, struct lk_str object,
                      const char *const *path, const char *member)
{
    struct lk_str list, item;

    if (!lk_json_get_path(object, path, &list))
        return;
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        lk_buf_str(buf, lk_json_get_string(arena, item, lk_str(member)));
        lk_buf_char(buf, '\n');
    }
}

static void take_explore(struct comparison *c, struct side *side, struct lk_str explore)
{
    static const char *const fields[][3] = {{"fields", "dimensions"},
                                            {"fields", "filters"},
                                            {"fields", "parameters"},
                                            {"fields", "measures"}};
    static const char *const aliases[] = {"aliases", NULL};
    struct lk_buf buf;
    size_t measures = 1;

    lk_buf_init(&buf, explore.len + 16);
    lk_buf_char(&buf, '\n');
    put_names(&buf, c->arena, explore, aliases, "name");
    put_names(&buf, c->arena, explore, aliases, "value");
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        measures = buf.len - 1;
        put_names(&buf, c->arena, explore, fields[i], "name");
    }
    side->explore = THERE;
    side->project = lk_json_get_string(c->arena, explore, LK_STR("project_name"));
    side->names = lk_arena_str(c->arena, lk_buf_view(&buf));
    side->measures = lk_str_n(side->names.ptr + measures, side->names.len - measures);
    lk_buf_free(&buf);
}

static void read_explore(void *arg, size_t i)
{
    struct comparison *c = arg;
    struct side *side = &c->sides[i];
    struct looker_lookml_model_explore_params params = {
        .lookml_model_name = c->query.model,
        .explore_name = c->query.view,
        .fields = lk_string(LK_STR(EXPLORE_FIELDS)),
    };
    struct lk_api_request request = lk_in_dev(looker_lookml_model_explore(&params), i == BRANCH);
    struct lk_error failure = {0};
    struct lk_api_answer answer;

    if (lk_api_call_within(lk_tool_context(c->call)->api, c->arena, request, EXPLORE_TIMEOUT_MS,
                           &answer, &failure) &&
        lk_expect_json(&answer, request.op, LK_JSON_OBJECT, &failure))
        take_explore(c, side, answer.body);
    if (side->explore == UNKNOWN && lk_failed_with(&failure, 404)) {
        side->explore = ABSENT;
        side->failure = failure;
    }
}

static bool among(struct lk_arena *arena, struct lk_str names, struct lk_str name)
{
    struct lk_str line = lk_arena_printf(arena, "\n%.*s\n", LK_STR_ARG(name));

    return names.len > 0 && memmem(names.ptr, names.len, line.ptr, line.len) != NULL;
}

static bool has(const struct lk_string_list *list, struct lk_str name)
{
    for (size_t i = 0; i < list->len; i++) {
        if (lk_str_eq(list->items[i], name))
            return true;
    }
    return false;
}

static void find_missing(struct comparison *c, struct side *side)
{
    struct lk_query_names names = lk_query_names(c->arena, &c->query);

    side->missing.items = lk_arena_array(c->arena, names.n, sizeof(*side->missing.items));
    for (size_t i = 0; i < names.n && side->explore == THERE && side->names.len > 1; i++) {
        struct lk_str name = names.items[i].text;
        if (!among(c->arena, side->names, name) && !has(&side->missing, name))
            side->missing.items[side->missing.len++] = name;
    }
}

/* ---- what can be compared ---- */

/* Whether the query is still the same question without the name: a measure that is only shown. */
static bool can_do_without(struct comparison *c, const struct side *other, struct lk_str name)
{
    struct lk_query_names names = lk_query_names(c->arena, &c->query);
    struct lk_str formulas[] = {c->query.dynamic_fields.value, c->query.filter_expression.value};

    for (size_t i = 0; i < names.n; i++) {
        if (lk_str_eq(names.items[i].text, name) && strcmp(names.items[i].place, "fields") != 0)
            return false;
    }
    for (size_t i = 0; i < 2; i++) {
        if (formulas[i].len > 0 &&
            memmem(formulas[i].ptr, formulas[i].len, name.ptr, name.len) != NULL)
            return false;
    }
    return among(c->arena, other->measures, name);
}

/* The query without what the side lacks; or says why there is nothing to compare. */
static void adapt(struct comparison *c, size_t i)
{
    struct side *side = &c->sides[i], *other = &c->sides[1 - i];
    struct lk_string_list fields = {.is = LK_PRESENT};

    side->query = c->query;
    for (size_t m = 0; m < side->missing.len && c->why_not.len == 0; m++) {
        if (!can_do_without(c, other, side->missing.items[m]))
            c->why_not = lk_arena_printf(
                c->arena,
                "not compared: only %s is there a field %.*s, and without it the query would be "
                "another one",
                i == BRANCH ? "in production" : "on the branch",
                LK_STR_ARG(side->missing.items[m]));
    }
    fields.items = lk_arena_array(c->arena, c->query.fields.len, sizeof(*fields.items));
    for (size_t f = 0; f < c->query.fields.len; f++) {
        if (!has(&side->missing, lk_str_trim(c->query.fields.items[f])))
            fields.items[fields.len++] = c->query.fields.items[f];
    }
    side->query.fields = fields;
    if (fields.len == 0 && c->why_not.len == 0)
        c->why_not =
            lk_arena_printf(c->arena, "not compared: none of the fields exists %s", where[i]);
}

/* Neither side has it: a mistake, for which the nearest names help. */
static bool fail_unknown(struct comparison *c, struct lk_str name, struct lk_error *err)
{
    return lk_query_validate(c->call, &c->query, false, err) &&
           lk_fail(err, LK_ERROR_ARGUMENT,
                   "the explore has no field \"%.*s\", on the branch as little as in production: "
                   "list_dimensions and list_measures show what there is",
                   LK_STR_ARG(name));
}

/* Names that neither side has, and an explore that is on neither, are mistakes: false. */
static bool judge_names(struct comparison *c, struct lk_error *err)
{
    struct side *branch = &c->sides[BRANCH], *production = &c->sides[PRODUCTION];

    if (branch->explore == ABSENT && production->explore == ABSENT) {
        *err = branch->failure;
        return lk_query_explain(c->call, &c->query, true, err);
    }
    for (size_t i = 0; i < 2; i++) {
        find_missing(c, &c->sides[i]);
        if (c->sides[i].explore == ABSENT)
            c->why_not = lk_arena_printf(
                c->arena, "not compared: there is no explore %.*s in model %.*s %s",
                LK_STR_ARG(c->query.view.value), LK_STR_ARG(c->query.model.value), where[i]);
    }
    for (size_t i = 0; i < branch->missing.len; i++) {
        if (has(&production->missing, branch->missing.items[i]))
            return fail_unknown(c, branch->missing.items[i], err);
    }
    adapt(c, BRANCH);
    adapt(c, PRODUCTION);
    return true;
}

/* ---- running ---- */

static void run_side(void *arg, size_t i)
{
    struct comparison *c = arg;
    struct side *side = &c->sides[i];
    struct lk_query_order order = {.query = &side->query, .dev = i == BRANCH};
    const struct lk_rows_ask ask = {
        .format = LK_STR(FORMAT),
        .limit = c->limit,
        .max_bytes = COMPARED_BYTES_MAX,
        .how = "ask for fewer fields",
    };
    struct lk_query_run run;

    if (!lk_query_run(&c->wait, c->arena, &order, &ask, &run, &side->failure))
        return;
    side->rows = run.rows;
    if (run.rows == NULL) {
        lk_query_kill(c->wait.context, run.task_id);
        lk_fail(&side->failure, LK_ERROR_TIMEOUT,
                "Looker did not end the query in time, and it was stopped; narrow it, or have "
                "LOOKER_CALL_TIMEOUT raised");
    } else if (run.rows->detail_left_out || run.rows->detail_cut ||
               (run.rows->cut && run.rows->detail.len == 0)) {
        lk_fail(&side->failure, LK_ERROR_LIMIT,
                "the result is larger than the %zu bytes that can be compared; ask for fewer "
                "fields or rows",
                COMPARED_BYTES_MAX);
    }
}

/* How many rows of each side are compared, or below 0 when all are: what one side lacks because it
 * did not fit must not look removed. */
static int64_t most_rows(const struct comparison *c)
{
    int64_t most = -1;

    for (size_t i = 0; i < 2; i++) {
        const struct lk_rows *rows = c->sides[i].rows;
        if (rows->cut && (most < 0 || rows->count < most))
            most = rows->count;
    }
    return most;
}

/* The failure of a side, with where it was; what the other did is worth knowing. */
static bool fail_side(struct comparison *c, size_t i, struct lk_error *err)
{
    const struct lk_error *failure = &c->sides[i].failure;
    bool other_works = c->sides[1 - i].failure.kind == LK_ERROR_NONE;

    if (failure->kind == LK_ERROR_NONE)
        return true;
    lk_fail(err, failure->kind, "%s%s: %s", where[i],
            other_works
                ? (i == BRANCH ? ", though not in production" : ", though not on the branch")
                : "",
            failure->message);
    lk_error_detail(err, "%s", failure->detail);
    if (err != NULL) {
        err->status = failure->status;
        err->body = failure->body;
    }
    return false;
}

/* ---- the answer ---- */

static void write_names(struct lk_json_writer *w, const char *key,
                        const struct lk_string_list *names)
{
    if (names->len == 0)
        return;
    lk_json_key(w, key);
    lk_json_begin_array(w);
    for (size_t i = 0; i < names->len; i++)
        lk_json_put_string(w, names->items[i]);
    lk_json_end_array(w);
}

static void write_head(struct lk_json_writer *w, const struct comparison *c, const bool *equal,
                       struct lk_str note)
{
    lk_json_key(w, "equal");
    if (equal != NULL)
        lk_json_put_boolean(w, *equal);
    else
        lk_json_put_null(w);
    if (note.len > 0)
        lk_json_member_string(w, "equal_note", note);
    write_names(w, "only_on_branch", &c->sides[PRODUCTION].missing);
    write_names(w, "only_in_production", &c->sides[BRANCH].missing);
}

static void write_counts(struct lk_json_writer *w, const struct lk_rows_diff *diff)
{
    lk_json_key(w, "rows");
    lk_json_begin_object(w);
    lk_json_member_integer(w, "branch", diff->n_branch);
    lk_json_member_integer(w, "production", diff->n_production);
    lk_json_member_integer(w, "same", diff->same);
    lk_json_member_integer(w, "changed", diff->changed);
    lk_json_member_integer(w, "added", diff->added);
    lk_json_member_integer(w, "removed", diff->removed);
    lk_json_end_object(w);
    lk_json_member_boolean(w, "same_order", diff->same_order);
    lk_json_key(w, "key");
    lk_json_begin_array(w);
    for (size_t i = 0; i < diff->key.len; i++)
        lk_json_put_string(w, diff->key.items[i]);
    lk_json_end_array(w);
    lk_json_key(w, "columns_changed");
    lk_json_begin_object(w);
    for (size_t i = 0; i < diff->columns.len; i++) {
        if (diff->changes[i] == 0)
            continue;
        lk_json_key_str(w, diff->columns.items[i]);
        lk_json_put_integer(w, diff->changes[i]);
    }
    lk_json_end_object(w);
}

static bool write_items(struct lk_json_writer *w, const char *key, struct lk_items *items,
                        struct lk_error *err)
{
    if (!lk_items_check(items, err))
        return false;
    lk_json_key(w, key);
    lk_json_begin_object(w);
    lk_items_write(items, w, items->offered, -1);
    lk_json_end_object(w);
    return true;
}

static bool lacks_columns(const struct comparison *c)
{
    return c->sides[0].missing.len + c->sides[1].missing.len > 0;
}

/* Whether rows may be missing behind the limit, and of which that matters. */
static struct lk_str limit_note(struct comparison *c, const struct lk_rows_diff *diff,
                                bool *ret_unknown)
{
    const struct lk_rows_limit *limit = &c->limit;
    bool met = diff->n_branch >= limit->applied || diff->n_production >= limit->applied;
    bool differ = diff->added + diff->removed + diff->changed > 0;

    *ret_unknown = !differ && (diff->most_rows >= 0 || (met && limit->applied < limit->requested));
    if (diff->most_rows >= 0)
        return lk_arena_printf(c->arena,
                               "%sonly the first %lld rows of each side were compared, since more "
                               "than %zu bytes are not%s; filter, or ask for fewer fields",
                               differ ? "" : "not known: ", (long long)diff->most_rows,
                               COMPARED_BYTES_MAX,
                               differ ? ", so rows that are added or removed here may only have "
                                        "moved across that line"
                                      : "");
    if (*ret_unknown)
        return lk_arena_printf(c->arena,
                               "not known: the first %lld rows are equal, and LOOKER_MAX_ROWS "
                               "allows no more; filter, or group more coarsely",
                               (long long)limit->applied);
    if (met && diff->added + diff->removed > 0)
        return lk_arena_printf(c->arena,
                               "the limit of %lld rows was met, so rows that are added or removed "
                               "here may only have moved across it",
                               (long long)limit->applied);
    if (!lacks_columns(c))
        return (struct lk_str){0};
    return differ ? LK_STR("counted in the columns that both have")
                  : LK_STR("only one side has some of the columns; the others are equal");
}

static struct lk_rows_side side_of(const struct comparison *c, size_t i)
{
    const struct lk_rows *rows = c->sides[i].rows;

    return (struct lk_rows_side){
        .detail = lk_arena_printf(c->arena, "{%.*s}", LK_STR_ARG(lk_buf_view(&rows->detail))),
        .rows = lk_buf_view(&rows->kept),
    };
}

static bool write_diff(struct comparison *c, int64_t max_differences, struct lk_error *err)
{
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(c->call));
    struct lk_rows_diff *diff = lk_arena_new_object(c->arena, struct lk_rows_diff);
    size_t max_bytes = lk_tool_max_result_bytes(lk_tool_context(c->call)) / N_SHARES;
    bool unknown;

    diff->arena = c->arena;
    diff->branch = side_of(c, BRANCH);
    diff->production = side_of(c, PRODUCTION);
    diff->most_rows = most_rows(c);
    lk_items_init(&diff->changed_items, c->arena, max_bytes, 0, max_differences);
    lk_items_init(&diff->added_items, c->arena, max_bytes, 0, max_differences);
    lk_items_init(&diff->removed_items, c->arena, max_bytes, 0, max_differences);
    lk_json_begin_object(&w);
    if (!lk_rows_diff_fields(diff)) {
        write_head(&w, c, NULL,
                   LK_STR("not compared: the two results do not have the same dimensions"));
        lk_json_end_object(&w);
        return true;
    }
    lk_rows_diff_run(diff);
    bool equal = diff->added + diff->removed + diff->changed == 0 && !lacks_columns(c);
    struct lk_str note = limit_note(c, diff, &unknown);
    write_head(&w, c, unknown ? NULL : &equal, note);
    write_counts(&w, diff);
    if (c->limit.applied < c->limit.requested)
        lk_json_member_integer(&w, "limit_applied", c->limit.applied);
    if (!write_items(&w, "changed", &diff->changed_items, err) ||
        !write_items(&w, "added", &diff->added_items, err) ||
        !write_items(&w, "removed", &diff->removed_items, err))
        return false;
    lk_json_end_object(&w);
    return true;
}

/* Of another project the branch changes nothing, and production would be compared with itself. */
static void tell_project(struct comparison *c)
{
    struct lk_str on_branch = c->sides[BRANCH].project;

    lk_workspace_tell_project(c->call, c->query.model.value,
                              on_branch.len > 0 ? on_branch : c->sides[PRODUCTION].project);
}

bool lk_handler_compare_query(struct mcp_call *call, const void *args_, struct lk_error *err)
{
    const struct looker_compare_query_args *args = args_;
    const struct lk_tool_context *context = lk_tool_context(call);
    struct comparison *c = lk_arena_new_object(mcp_call_arena(call), struct comparison);

    c->call = call;
    c->limit = lk_rows_limit(lk_tool_max_rows(context), args->limit.value, 0);
    c->arena = mcp_call_arena(call);
    if (!lk_query_from_args(call, args, &c->query, err))
        return false;
    c->query.limit = lk_string(lk_arena_printf(c->arena, "%lld", (long long)c->limit.applied));

    /* 1. What the explore has on either side; unknown is no reason not to ask. */
    if (!lk_parallel(context->loop, 2, 2, read_explore, c, err))
        return false;
    tell_project(c);
    if (!judge_names(c, err))
        return false;
    if (c->why_not.len > 0) {
        struct lk_json_writer w = lk_json_writer(mcp_call_answer(call));
        lk_json_begin_object(&w);
        write_head(&w, c, NULL, c->why_not);
        lk_json_end_object(&w);
        return true;
    }

    /* 2. The rows of both, for as long as the call may take: fatal. Production's query could be
     * handed out, but half a comparison is none. */
    c->wait = lk_query_wait(call, (struct lk_number){0});
    c->wait.until_ms = c->wait.dev_until_ms;
    if (!lk_parallel(context->loop, 2, 2, run_side, c, err))
        return false;
    if (!fail_side(c, BRANCH, err) || !fail_side(c, PRODUCTION, err))
        return false;

    /* 3. The difference. */
    return write_diff(c, args->max_differences.value, err);
}
