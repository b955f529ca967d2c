/*
 * check_branch, explores: each is asked for all of its dimensions and no rows, which has the
 * database compile its SQL, and then for all of its measures: apart, so that a measure that fails
 * everywhere does not hide a dimension that fails only here. Those that fail on the branch are
 * asked in production as well, with the fields that they have there.
 */
#include "handlers/ask.h"
#include "handlers/query/validate.h"
#include "handlers/rows.h"
#include "handlers/workflows/check.h"
#include "looker_ops.h"
#include "looker_types.h"
#include "rt/parallel.h"
#include "json/scan.h"

#define MAX_EXPLORES 2000
#define FIELDS_A_QUERY 500 /* an explore with more is asked in several queries */
#define EXPLORE_FIELDS "source_file,errors,fields(dimensions(name,hidden),measures(name,hidden))"
#define SHOWN_BYTES 1000 /* of what Looker says of one */

enum state { NOT_KNOWN, WORKS, FAILS, ABSENT };

struct side {
    enum state state;
    struct lk_str error; /* of one that fails or is not known */
};

struct explore {
    struct lk_str model, name;
    struct lk_str file; /* on the branch; empty: not known */
    struct side branch, production;
};

struct explores {
    struct lk_check *check;
    struct explore *items;
    size_t n, n_done;
    uint64_t ends_ms;        /* the part's time */
    struct lk_error failure; /* the first that kept something from being known */
};

/* ---- which ---- */

/* "model/explore" or "model::explore" */
static bool split(struct lk_str text, struct lk_str *ret_model, struct lk_str *ret_name)
{
    const char *at = memmem(text.ptr, text.len, "::", 2);
    size_t n = at != NULL ? 2 : 1;

    if (at == NULL)
        at = memchr(text.ptr, '/', text.len);
    if (at == NULL)
        return false;
    *ret_model = lk_str_n(text.ptr, (size_t)(at - text.ptr));
    *ret_name = lk_str_n(at + n, (size_t)(lk_str_end(text) - at) - n);
    return ret_model->len > 0 && ret_name->len > 0 &&
           memchr(ret_name->ptr, '/', ret_name->len) == NULL;
}

static bool is_all(const struct lk_string_list *explores)
{
    return explores->len == 1 && lk_str_ieq(lk_str_trim(explores->items[0]), LK_STR("all"));
}

bool lk_check_explores_named(const struct lk_string_list *explores, struct lk_error *err)
{
    struct lk_str model, name;

    for (size_t i = 0; i < explores->len && !is_all(explores); i++) {
        if (!split(lk_str_trim(explores->items[i]), &model, &name))
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "explores[%zu]: expected \"model/explore\" such as \"thelook/orders\", "
                           "or [\"all\"] for those of all models of the project",
                           i);
    }
    return true;
}

static bool is_listed(struct lk_str models, struct lk_str model, struct lk_str name)
{
    struct lk_json_iter it = lk_json_iter(models), of_model;
    struct lk_str item, list, explore, value;

    while (lk_json_next(&it, NULL, &item)) {
        if (!lk_json_get(item, LK_STR("name"), &value) || !lk_json_string_eq(value, model))
            continue;
        lk_check_list(NULL, NULL, item, "explores", &list);
        of_model = lk_json_iter(list);
        while (lk_json_next(&of_model, NULL, &explore)) {
            if (lk_json_get(explore, LK_STR("name"), &value) && lk_json_string_eq(value, name))
                return true;
        }
    }
    return false;
}

/* Awaits. */
static bool is_missing(const struct lk_check *check, struct lk_str model, struct lk_str name,
                       bool dev, struct lk_error *ret_failure)
{
    struct looker_lookml_model_explore_params params = {
        .lookml_model_name = lk_string(model),
        .explore_name = lk_string(name),
        .fields = lk_string(LK_STR("name")),
    };
    struct lk_str ignored;

    return !lk_ask(lk_tool_context(check->call)->api, check->arena,
                   lk_in_dev(looker_lookml_model_explore(&params), dev), LK_JSON_OBJECT, &ignored,
                   ret_failure) &&
           lk_failed_with(ret_failure, 404);
}

bool lk_check_explores_exist(const struct lk_check *check, struct lk_error *err)
{
    const struct lk_string_list *named = check->explores;
    struct looker_all_lookml_models_params params = {
        .fields = lk_string(LK_STR("name,explores(name)")),
    };
    struct lk_str models, model, name;
    struct lk_error failure = {0};

    if (named->len == 0 || is_all(named) ||
        !lk_ask(lk_tool_context(check->call)->api, check->arena,
                lk_in_dev(looker_all_lookml_models(&params), true), LK_JSON_ARRAY, &models,
                &failure))
        return true; /* what cannot be told now shows when they are asked */
    for (size_t i = 0; i < named->len; i++) {
        struct lk_error here = {0}, there = {0};

        if (!split(lk_str_trim(named->items[i]), &model, &name) || is_listed(models, model, name) ||
            !is_missing(check, model, name, true, &here) ||
            !is_missing(check, model, name, false, &there))
            continue;
        lk_explain_explore(check->call, lk_string(model), lk_string(name), &there);
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "explores[%zu]: on the branch as little as in production: %s", i,
                       there.message);
    }
    return true;
}

static void take_model(struct explores *explores, struct lk_str model)
{
    struct lk_arena *arena = explores->check->arena;
    struct lk_str list, item;

    lk_check_list(NULL, NULL, model, "explores", &list);
    struct lk_json_iter it = lk_json_iter(list);
    while (explores->n < MAX_EXPLORES && lk_json_next(&it, NULL, &item))
        explores->items[explores->n++] = (struct explore){
            .model = lk_json_get_string(arena, model, LK_STR("name")),
            .name = lk_json_get_string(arena, item, LK_STR("name")),
        };
}

/* Those of the models of the project, as the branch has them. */
static bool list_all(struct explores *explores, struct lk_check_part *part)
{
    struct lk_check *check = explores->check;
    struct looker_all_lookml_models_params params = {
        .fields = lk_string(LK_STR("name,project_name,explores(name)")),
    };
    struct lk_str list, model, project;
    size_t n = 0;

    if (!lk_check_ask(check, "list_explores", lk_in_dev(looker_all_lookml_models(&params), true),
                      LK_JSON_ARRAY, &list))
        return false;
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &model)) {
        if (!lk_json_get(model, LK_STR("project_name"), &project) ||
            !lk_json_string_eq(project, check->project_id))
            continue;
        struct lk_str of_model;
        lk_check_list(NULL, NULL, model, "explores", &of_model);
        n += lk_json_count(of_model);
        take_model(explores, model);
    }
    lk_steps_done(&check->steps, "list_explores", "%zu in the project's models", n);
    if (n <= explores->n)
        return true;
    part->n_doubtful += (int64_t)(n - explores->n);
    part->note = lk_arena_printf(check->arena, "only the first %zu of %zu explores were looked at",
                                 explores->n, n);
    return true;
}

static bool choose(struct explores *explores, struct lk_check_part *part)
{
    const struct lk_string_list *named = explores->check->explores;
    bool all = is_all(named);

    explores->items = lk_arena_array(explores->check->arena, all ? MAX_EXPLORES : named->len,
                                     sizeof(*explores->items));
    if (all)
        return list_all(explores, part);
    for (size_t i = 0; i < named->len; i++) {
        struct explore *explore = &explores->items[explores->n++];
        split(lk_str_trim(named->items[i]), &explore->model, &explore->name);
    }
    return true;
}

/* ---- one ---- */

/* Whether the failure is what Looker or the database says of the query. */
static bool is_verdict(const struct lk_error *failure)
{
    return failure->kind == LK_ERROR_UPSTREAM && (failure->status == 0 || failure->status == 400 ||
                                                  failure->status == 404 || failure->status == 422);
}

static struct lk_str words_of(struct lk_arena *arena, const struct lk_error *failure)
{
    struct lk_str text = lk_str(failure->detail[0] != '\0' ? failure->detail : failure->message);

    return lk_arena_str(arena, lk_str_cut(text, SHOWN_BYTES));
}

static void fail_side(struct explores *explores, struct side *side, const struct lk_error *failure)
{
    side->state = is_verdict(failure) ? FAILS : NOT_KNOWN;
    side->error = words_of(explores->check->arena, failure);
    if (side->state == NOT_KNOWN && explores->failure.kind == LK_ERROR_NONE)
        explores->failure = *failure;
}

/* Awaits. A call within what is left of the part's time. */
static bool ask(struct explores *explores, struct lk_arena *arena, struct lk_api_request request,
                struct lk_api_answer *ret_answer, struct lk_error *err)
{
    const struct lk_tool_context *context = lk_tool_context(explores->check->call);
    uint64_t now_ms = lk_loop_now_ms(context->loop);

    if (now_ms >= explores->ends_ms)
        return lk_fail(err, LK_ERROR_TIMEOUT,
                       "the time for explores was over (timeout, %.0f seconds): raise it, or name "
                       "fewer explores",
                       (double)explores->check->timeout_ms / 1000);
    return lk_api_call_within(context->api, arena, request, explores->ends_ms - now_ms, ret_answer,
                              err);
}

/* kind: "dimensions" or "measures". Those that are shown, or hidden ones if that is all there is.
 */
static struct lk_string_list choose_fields(struct lk_arena *arena, struct lk_str explore,
                                           const char *kind)
{
    const char *const path[] = {"fields", kind, NULL};
    struct lk_str list = LK_STR("[]"), item, hidden;
    struct lk_string_list fields = {.is = LK_PRESENT};

    lk_json_get_path(explore, path, &list);
    fields.items = lk_arena_array(arena, lk_json_count(list) + 1, sizeof(*fields.items));
    for (int with_hidden = 0; with_hidden < 2 && fields.len == 0; with_hidden++) {
        struct lk_json_iter it = lk_json_iter(list);
        while (lk_json_next(&it, NULL, &item)) {
            if (!with_hidden && lk_json_get(item, LK_STR("hidden"), &hidden) &&
                lk_json_is_true(hidden))
                continue;
            fields.items[fields.len++] = lk_json_get_string(arena, item, LK_STR("name"));
        }
    }
    return fields;
}

/* What Looker itself says is wrong with the explore. */
static bool has_errors(struct lk_arena *arena, struct lk_str explore, struct lk_str *ret_text)
{
    struct lk_str errors, first;
    struct lk_json_iter it;

    if (!lk_json_get(explore, LK_STR("errors"), &errors))
        return false;
    it = lk_json_iter(errors);
    if (lk_json_type(errors) != LK_JSON_ARRAY || !lk_json_next(&it, NULL, &first))
        return false;
    *ret_text = lk_json_get_string(arena, first, LK_STR("message"));
    return true;
}

/* Awaits. The queries of the explore, until one fails. */
static void query(struct explores *explores, struct lk_arena *arena, const struct explore *explore,
                  bool dev, struct side *side, struct lk_string_list fields)
{
    struct looker_run_inline_query_params params = {.result_format = lk_string(LK_STR("json"))};
    struct lk_error failure = {0};
    struct lk_api_answer answer;

    side->state = WORKS;
    for (size_t i = 0; i < fields.len && side->state == WORKS; i += FIELDS_A_QUERY) {
        struct looker_query body = {
            .model = lk_string(explore->model),
            .view = lk_string(explore->name),
            .fields = {.is = LK_PRESENT, .items = fields.items + i},
            .limit = lk_string(LK_STR("0")),
        };
        body.fields.len = fields.len - i < FIELDS_A_QUERY ? fields.len - i : FIELDS_A_QUERY;
        if (!ask(explores, arena, lk_in_dev(looker_run_inline_query(&params, &body), dev), &answer,
                 &failure) ||
            !lk_rows_check(arena, &answer, params.result_format.value, &failure))
            fail_side(explores, side, &failure);
    }
}

/* Awaits. Its answers are large and many: each has an arena of its own. */
static void look_at(struct explores *explores, struct explore *explore, bool dev)
{
    struct side *side = dev ? &explore->branch : &explore->production;
    struct lk_arena *arena = lk_arena_new();
    struct looker_lookml_model_explore_params params = {
        .lookml_model_name = lk_string(explore->model),
        .explore_name = lk_string(explore->name),
        .fields = lk_string(LK_STR(EXPLORE_FIELDS)),
    };
    struct lk_api_request request = lk_in_dev(looker_lookml_model_explore(&params), dev);
    struct lk_error failure = {0};
    struct lk_api_answer answer;
    struct lk_str text;

    if (!ask(explores, arena, request, &answer, &failure) ||
        !lk_expect_json(&answer, request.op, LK_JSON_OBJECT, &failure)) {
        fail_side(explores, side, &failure);
        if (lk_failed_with(&failure, 404))
            *side = (struct side){ABSENT, LK_STR("there is no such explore")};
    } else if (has_errors(arena, answer.body, &text)) {
        *side = (struct side){FAILS,
                              lk_arena_str(explores->check->arena, lk_str_cut(text, SHOWN_BYTES))};
    } else {
        query(explores, arena, explore, dev, side, choose_fields(arena, answer.body, "dimensions"));
        if (side->state == WORKS)
            query(explores, arena, explore, dev, side,
                  choose_fields(arena, answer.body, "measures"));
    }
    if (dev && failure.kind == LK_ERROR_NONE)
        explore->file = lk_arena_str(explores->check->arena,
                                     lk_json_get_string(arena, answer.body, LK_STR("source_file")));
    lk_arena_free(arena);
}

static void on_branch(void *arg, size_t i)
{
    struct explores *explores = arg;

    look_at(explores, &explores->items[i], true);
    lk_check_progress(explores->check, "explores: %zu of %zu", ++explores->n_done, explores->n);
}

static void in_production(void *arg, size_t i)
{
    struct explores *explores = arg;
    struct explore *explore = &explores->items[i];

    if (explore->branch.state == FAILS || explore->branch.state == ABSENT)
        look_at(explores, explore, false);
}

/* ---- the answer ---- */

/* Whether both say the same: positions in the SQL move. */
static bool same_words(struct lk_str a, struct lk_str b)
{
    size_t i = 0, j = 0;

    for (;;) {
        while (i < a.len && a.ptr[i] >= '0' && a.ptr[i] <= '9')
            i++;
        while (j < b.len && b.ptr[j] >= '0' && b.ptr[j] <= '9')
            j++;
        if (i == a.len || j == b.len)
            return i == a.len && j == b.len;
        if (a.ptr[i++] != b.ptr[j++])
            return false;
    }
}

static void write_explore(struct lk_items *items, const struct explore *explore)
{
    static const char *const words[] = {
        [WORKS] = "works", [FAILS] = "fails in another way", [ABSENT] = "absent"};
    struct lk_json_writer w = lk_json_writer(&items->buf);

    if (!lk_items_next(items))
        return;
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "model", explore->model);
    lk_json_member_string(&w, "explore", explore->name);
    if (explore->file.len > 0)
        lk_json_member_string(&w, "file_path", explore->file);
    lk_json_member_string(&w, "error", explore->branch.error);
    lk_json_key(&w, "in_production");
    lk_json_put_cstr(&w, words[explore->production.state]);
    if (explore->production.error.len > 0 && explore->production.state != ABSENT)
        lk_json_member_string(&w, "production_error", explore->production.error);
    lk_json_end_object(&w);
    lk_items_end(items);
}

static void sort_out(struct lk_check_part *part, const struct explore *explore)
{
    const struct side *branch = &explore->branch, *production = &explore->production;
    bool nowhere = branch->state == ABSENT && production->state == ABSENT;

    if (branch->state == WORKS)
        return;
    part->branch += branch->state != NOT_KNOWN;
    if (branch->state == NOT_KNOWN || production->state == NOT_KNOWN || nowhere) {
        part->n_doubtful++;
        write_explore(&part->doubtful, explore);
    } else if (branch->state == production->state && same_words(branch->error, production->error)) {
        part->on_both++;
    } else {
        part->n_breaking++;
        write_explore(&part->fresh, explore);
    }
}

void lk_check_explores(struct lk_check *check, struct lk_check_part *part)
{
    const struct lk_tool_context *context = lk_tool_context(check->call);
    struct explores explores = {.check = check};
    struct lk_error ignored = {0}; /* cancelled: then they are not known */

    if (!choose(&explores, part))
        return;
    explores.ends_ms = lk_loop_now_ms(context->loop) + check->timeout_ms;
    lk_parallel(context->loop, lk_tool_max_parallel(context), explores.n, on_branch, &explores,
                &ignored);
    lk_parallel(context->loop, lk_tool_max_parallel(context), explores.n, in_production, &explores,
                &ignored);
    part->seen = true;
    part->looked_at = (int64_t)explores.n;
    part->branch = part->on_both = 0;
    for (size_t i = 0; i < explores.n; i++)
        sort_out(part, &explores.items[i]);
    if (explores.failure.kind != LK_ERROR_NONE)
        lk_steps_failed(&check->steps, "explores", false, &explores.failure);
    else
        lk_steps_done(&check->steps, "explores", "%zu explores, %lld failed on the branch",
                      explores.n, (long long)part->branch);
}
