/*
 * Queries of System Activity (activity.h): one run_inline_query each. Called by the handlers of the
 * groups audit, health and workflows.
 */
#include "handlers/activity.h"

#include "handlers/ask.h"
#include "handlers/rows.h"
#include "looker_ops.h"

#include <assert.h>
#include <stdlib.h>

#define FILTERS_BYTES_MAX ((size_t)64 * 1024)

static const struct lk_str json = LK_STR_INIT("json");

void lk_activity_filter(struct lk_activity_query *query, const char *field,
                        struct lk_str expression)
{
    if (expression.len == 0)
        return;
    /* One too many, left out in silence, would answer with everybody's history. */
    assert(query->n_filters < LK_ACTIVITY_FILTERS_MAX);
    query->filters[query->n_filters].field = field;
    query->filters[query->n_filters++].expression = expression;
}

static struct lk_string_list split(struct lk_arena *arena, const char *names)
{
    struct lk_str rest = lk_str(names);
    size_t n = 1;

    if (names == NULL)
        return (struct lk_string_list){0};
    for (size_t i = 0; i < rest.len; i++)
        n += rest.ptr[i] == ',';
    struct lk_string_list list = {.items = lk_arena_array(arena, n, sizeof(struct lk_str)),
                                  .is = LK_PRESENT};
    while (rest.len > 0)
        list.items[list.len++] = lk_str_take(&rest, ',');
    return list;
}

static struct lk_buf *new_buf(struct lk_arena *arena)
{
    struct lk_buf *buf = lk_arena_new_object(arena, struct lk_buf);

    lk_buf_init(buf, FILTERS_BYTES_MAX);
    lk_arena_defer(arena, lk_buf_free_deferred, buf);
    return buf;
}

static struct lk_json filters_json(struct lk_arena *arena, const struct lk_activity_query *query)
{
    struct lk_buf *buf = new_buf(arena);
    struct lk_json_writer w = lk_json_writer(buf);

    lk_json_begin_object(&w);
    for (size_t i = 0; i < query->n_filters; i++)
        lk_json_member_string(&w, query->filters[i].field, query->filters[i].expression);
    lk_json_end_object(&w);
    return (struct lk_json){lk_buf_view(buf), LK_PRESENT};
}

/* Replaces what rows.c says for people who wrote the query themselves. */
static bool explain(struct lk_error *err, const char *explore)
{
    static const char *const missing =
        "System Activity (model system__activity, explore %s) is not open to this user: it takes "
        "an admin, or a role with the permission see_system_activity and access to that model";

    lk_explain_status(err, 403, missing, explore);
    lk_explain_status(err, 404, missing, explore);
    lk_explain_status(err, 0,
                      "System Activity (explore %s) did not answer, and detail says why; dates are "
                      "Looker filter expressions such as \"7 days\"",
                      explore);
    return lk_explain_status(err, 422,
                             "System Activity (explore %s) refused the query, and detail says why; "
                             "dates are Looker filter expressions such as \"7 days\"",
                             explore);
}

/* Awaits. How the rows are to come is in *ask: max_bytes, limit, row. */
static bool fetch(const struct lk_tool_context *context, struct lk_arena *arena,
                  const struct lk_activity_query *query, struct lk_rows_ask *ask,
                  struct lk_rows **ret_rows, struct lk_error *err)
{
    const struct looker_run_inline_query_params params = {.result_format = lk_string(json)};
    const struct looker_query body = {
        .model = lk_string(LK_STR("system__activity")),
        .view = lk_string(lk_str(query->explore)),
        .fields = split(arena, query->fields),
        .sorts = split(arena, query->sorts),
        .filters = filters_json(arena, query),
        .limit = lk_string(lk_arena_printf(arena, "%lld", (long long)query->limit)),
        .query_timezone = lk_string(LK_STR("UTC")),
    };

    ask->request = looker_run_inline_query(&params, &body);
    ask->format = json;
    ask->how = "ask for less: a shorter time, or more of the filters that this tool has (or have "
               "LOOKER_MAX_RESULT_BYTES raised)";
    return lk_rows_fetch(context->api, arena, ask, ret_rows, err) || explain(err, query->explore);
}

bool lk_activity_ask(const struct lk_tool_context *context, struct lk_arena *arena,
                     const struct lk_activity_query *query, struct lk_rows_list *ret_list,
                     struct lk_error *err)
{
    size_t max_bytes = lk_tool_max_result_bytes(context);
    struct lk_rows_ask ask = {
        .max_bytes = max_bytes > LK_ACTIVITY_HELD_BYTES ? max_bytes : LK_ACTIVITY_HELD_BYTES};
    struct lk_rows *rows;

    if (!fetch(context, arena, query, &ask, &rows, err))
        return false;
    *ret_list = lk_rows_list(arena, rows);
    return true;
}

bool lk_activity_each(const struct lk_tool_context *context, struct lk_arena *arena,
                      const struct lk_activity_query *query,
                      bool (*row)(void *arg, struct lk_str row), void *arg, int64_t *ret_n,
                      struct lk_error *err)
{
    struct lk_rows_ask ask = {.max_bytes = LK_ACTIVITY_HELD_BYTES, .row = row, .arg = arg};
    struct lk_rows *rows;

    if (!fetch(context, arena, query, &ask, &rows, err))
        return false;
    *ret_n = rows->seen;
    return true;
}

bool lk_activity_write(struct mcp_call *call, struct lk_json_writer *w,
                       struct lk_activity_query *query, struct lk_error *err)
{
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_rows_ask ask = {
        .limit = lk_rows_limit(lk_tool_max_rows(context), query->limit, 0),
        .max_bytes = lk_tool_max_result_bytes(context),
    };
    struct lk_rows *rows;

    query->limit = ask.limit.applied;
    if (!fetch(context, mcp_call_arena(call), query, &ask, &rows, err))
        return false;
    lk_rows_put(w, rows, (struct lk_str){0});
    return true;
}

/* ---- rows ---- */

struct lk_str lk_row_text(struct lk_arena *arena, struct lk_str row, const char *name)
{
    struct lk_str value;

    if (!lk_json_get(row, lk_str(name), &value))
        return (struct lk_str){0};
    if (lk_json_type(value) == LK_JSON_STRING)
        return lk_json_decode_string(arena, value);
    return lk_json_type(value) == LK_JSON_NUMBER ? value : (struct lk_str){0};
}

double lk_row_number(struct lk_str row, const char *name)
{
    struct lk_str value;
    char text[64];

    if (!lk_json_get(row, lk_str(name), &value) || value.len >= sizeof(text) ||
        lk_json_type(value) != LK_JSON_NUMBER)
        return 0;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    return strtod(text, NULL);
}

/* ---- filter expressions ---- */

/* Words that mean something by themselves, whatever their case. */
static bool is_word(struct lk_str text)
{
    return lk_str_ieq(text, LK_STR("NULL")) || lk_str_ieq(text, LK_STR("EMPTY")) ||
           lk_str_ieq(text, LK_STR("NOT NULL")) || lk_str_ieq(text, LK_STR("NOT EMPTY"));
}

static void put_exactly(struct lk_buf *out, struct lk_str text)
{
    bool quoted = is_word(text);

    if (quoted)
        lk_buf_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (memchr("^\",%_", c, 5) != NULL || (c == '-' && i == 0))
            lk_buf_char(out, '^');
        lk_buf_char(out, c);
    }
    if (quoted)
        lk_buf_char(out, '"');
}

struct lk_str lk_filter_exactly(struct lk_arena *arena, struct lk_str text)
{
    struct lk_buf *out = new_buf(arena);

    put_exactly(out, lk_str_trim(text));
    return lk_buf_view(out);
}

struct lk_str lk_filter_any_of(struct lk_arena *arena, struct lk_str list)
{
    struct lk_buf *out = new_buf(arena);

    while (list.len > 0) {
        struct lk_str text = lk_str_trim(lk_str_take(&list, ','));
        if (text.len == 0)
            continue;
        if (out->len > 0)
            lk_buf_char(out, ',');
        put_exactly(out, text);
    }
    return lk_buf_view(out);
}

struct lk_str lk_filter_at_least(struct lk_arena *arena, double number)
{
    struct lk_buf *out = new_buf(arena);
    struct lk_json_writer w = lk_json_writer(out);

    lk_buf_lit(out, ">=");
    lk_json_put_number(&w, number);
    return lk_buf_view(out);
}

bool lk_filter_check_id(const char *argument, struct lk_str id, struct lk_error *err)
{
    for (size_t i = 0; i < id.len; i++) {
        if (id.ptr[i] < '0' || id.ptr[i] > '9')
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "%s: System Activity knows these by number; \"%.*s\" is none", argument,
                           LK_STR_ARG(id));
    }
    return true;
}
