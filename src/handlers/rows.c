/*
 * What query results have in common (rows.h): how many rows may be asked for, how Looker reports a
 * query that failed, and lists of rows that are in memory already. Called by the handlers of the
 * query group, and by rows_fetch.c and rows_put.c.
 */
#include "handlers/rows_internal.h"

#include "handlers/items.h"
#include "json/scan.h"

#include <inttypes.h>
#include <stdio.h>

struct lk_rows_limit lk_rows_limit(int64_t max_rows, int64_t requested, int64_t saved)
{
    int64_t wanted = requested > 0 ? requested : saved > 0 ? saved : max_rows;

    return (struct lk_rows_limit){
        .requested = requested > 0 ? requested : 0,
        .applied = wanted < max_rows ? wanted : max_rows,
        .max_rows = max_rows,
    };
}

size_t lk_rows_max_bytes(const struct lk_tool_context *context, struct lk_integer requested)
{
    return requested.is == LK_PRESENT && requested.value > 0 ? (size_t)requested.value
                                                             : lk_tool_max_result_bytes(context);
}

/* ---- errors inside a 200 ---- */

bool lk_rows_fail(struct lk_error *err, struct lk_str text, struct lk_str more)
{
    lk_fail(err, LK_ERROR_UPSTREAM,
            "Looker could not run the query; the detail says why. Field names come from "
            "list_dimensions and list_measures");
    /* No status: its 200 would say that the query went well. */
    lk_error_detail(err, "%.*s%s%.*s", LK_STR_ARG(text), more.len > 0 ? ": " : "",
                    LK_STR_ARG(more));
    return false;
}

/* {"looker_error":"…"} */
bool lk_rows_check_row(struct lk_arena *arena, struct lk_str row, struct lk_error *err)
{
    struct lk_str text;

    return !lk_json_get(row, LK_STR("looker_error"), &text) ||
           lk_rows_fail(err, lk_json_decode_string(arena, text), (struct lk_str){0});
}

/* [{"message":"…","message_details":"…"}]; null or [] when there are none. */
bool lk_rows_check_errors(struct lk_arena *arena, struct lk_str errors, struct lk_error *err)
{
    struct lk_json_iter it = lk_json_iter(errors);
    struct lk_str first;

    if (!lk_json_next(&it, NULL, &first))
        return true;
    if (lk_json_type(first) == LK_JSON_STRING)
        return lk_rows_fail(err, lk_json_decode_string(arena, first), (struct lk_str){0});
    return lk_rows_fail(err, lk_json_get_string(arena, first, LK_STR("message")),
                        lk_json_get_string(arena, first, LK_STR("message_details")));
}

bool lk_rows_check_member(struct lk_arena *arena, struct lk_str key, struct lk_str value,
                          struct lk_error *err)
{
    if (value.ptr != NULL && lk_json_key_eq(key, LK_STR("looker_error")))
        return lk_rows_fail(err, lk_json_decode_string(arena, value), (struct lk_str){0});
    return value.ptr == NULL || !lk_json_key_eq(key, LK_STR("errors")) ||
           lk_rows_check_errors(arena, value, err);
}

bool lk_rows_check_columns(struct lk_str row, const struct lk_projection *columns,
                           struct lk_error *err)
{
    for (size_t i = 0; columns != NULL && i < columns->n_fields; i++) {
        struct lk_str value, name = lk_str(columns->fields[i].name);

        if (!lk_json_get(row, name, &value))
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "fields: the rows have no column \"%.*s\"; leave fields out once to see "
                           "their columns",
                           LK_STR_ARG(name));
    }
    return true;
}

/* {"errors":[…],…} */
static bool check_object(struct lk_arena *arena, struct lk_str body, struct lk_error *err)
{
    struct lk_str errors;

    return lk_rows_check_row(arena, body, err) && (!lk_json_get(body, LK_STR("errors"), &errors) ||
                                                   lk_rows_check_errors(arena, errors, err));
}

static bool check_list(struct lk_arena *arena, struct lk_str body, struct lk_error *err)
{
    struct lk_json_iter it = lk_json_iter(body);
    struct lk_str row;

    return !lk_json_next(&it, NULL, &row) || lk_rows_check_row(arena, row, err);
}

bool lk_rows_fail_json(struct lk_error *err, const struct lk_error *why)
{
    return lk_fail(err, why->kind, "Looker's answer to the query: %s", why->message);
}

bool lk_rows_fail_kind(struct lk_error *err, struct lk_str format, const char *what)
{
    return lk_fail(err, LK_ERROR_PARSE, "Looker answered the query with %s instead of %.*s", what,
                   LK_STR_ARG(lk_rows_is_json(format)            ? LK_STR("rows")
                              : lk_str_eq(format, LK_STR("sql")) ? LK_STR("SQL")
                                                                 : format));
}

bool lk_rows_is_json(struct lk_str format)
{
    return lk_str_starts(format, LK_STR("json"));
}

/* Looker states no schema for texts, so this is all that tells a result from something else. */
static bool check_text(const struct lk_api_answer *answer, enum lk_json_type type,
                       struct lk_str format, struct lk_error *err)
{
    bool sql = lk_str_eq(format, LK_STR("sql"));

    if (type != LK_JSON_INVALID && type != LK_JSON_STRING)
        return lk_rows_fail_kind(err, format, "JSON");
    if (sql && answer->body.len == 0)
        return lk_rows_fail_kind(err, format, "nothing");
    if (!lk_str_eq(format, LK_STR("html")) && lk_rows_is_page(answer->body))
        return lk_rows_fail_page(err, format);
    return true;
}

/* {"data":[…],…} of json_detail, {"rows":[…],…} of json_bi */
static bool has_rows(struct lk_str body)
{
    static const struct lk_str members[] = {LK_STR_INIT("data"), LK_STR_INIT("rows")};
    struct lk_str rows;

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (lk_json_get(body, members[i], &rows) && lk_json_type(rows) == LK_JSON_ARRAY)
            return true;
    }
    return false;
}

bool lk_rows_check(struct lk_arena *arena, const struct lk_api_answer *answer, struct lk_str format,
                   struct lk_error *err)
{
    enum lk_json_type type =
        answer->media == LK_MEDIA_JSON ? lk_json_type(answer->body) : LK_JSON_INVALID;

    if ((type == LK_JSON_ARRAY && !check_list(arena, answer->body, err)) ||
        (type == LK_JSON_OBJECT && !check_object(arena, answer->body, err)))
        return false;
    if (!lk_rows_is_json(format))
        return check_text(answer, type, format, err);
    if (type == LK_JSON_ARRAY || (type == LK_JSON_OBJECT && has_rows(answer->body)))
        return true;
    return lk_rows_fail_kind(err, format,
                             answer->body.len == 0    ? "nothing"
                             : type == LK_JSON_OBJECT ? "an object that has none"
                                                      : "text");
}

/* ---- lists ---- */

void lk_rows_write_truncated(struct lk_json_writer *w, size_t max_bytes, int64_t returned,
                             int64_t total, bool at_least, const char *how)
{
    lk_json_key(w, "truncated");
    lk_json_begin_object(w);
    lk_json_member_string(w, "reason", LK_STR("result_bytes"));
    lk_json_member_integer(w, "limit", (int64_t)max_bytes);
    lk_json_member_integer(w, "returned", returned);
    lk_json_member_integer(w, at_least ? "total_at_least" : "total", total);
    lk_json_member_string(w, "how", lk_str(how));
    lk_json_end_object(w);
}

void lk_rows_write_limit(struct lk_json_writer *w, int64_t rows, const struct lk_rows_limit *limit)
{
    if (limit->applied > 0 && rows >= limit->applied) {
        lk_json_member_boolean(w, "limit_reached", true);
        lk_json_member_integer(w, "limit", limit->applied);
    }
    if (limit->requested > limit->applied && limit->applied > 0) {
        char note[240];
        snprintf(note, sizeof(note),
                 "limit %" PRId64 " is above this server's maximum of %" PRId64
                 " rows (LOOKER_MAX_ROWS) and was lowered to it; over HTTP run_query and run_look "
                 "have more of them as a download (export)",
                 limit->requested, limit->max_rows);
        lk_json_member_integer(w, "limit_applied", limit->applied);
        lk_json_member_string(w, "limit_note", lk_str(note));
    }
}

struct lk_rows_list lk_rows_list(struct lk_arena *arena, const struct lk_rows *rows)
{
    return (struct lk_rows_list){
        .rows = lk_arena_printf(arena, "[%.*s]", LK_STR_ARG(lk_buf_view(&rows->kept))),
        .total = rows->seen,
        .at_least = !rows->whole,
    };
}

void lk_rows_write_list(struct lk_json_writer *w, const struct lk_rows_list *list,
                        const struct lk_rows_limit *limit, size_t max_bytes, const char *how)
{
    struct lk_json_iter it = lk_json_iter(list->rows);
    struct lk_str row;
    size_t bytes = 0;
    int64_t count = 0;

    while (lk_json_next(&it, NULL, &row) && (bytes += row.len + 1) <= max_bytes)
        count++;
    lk_json_member_integer(w, "count", count);
    lk_json_key(w, "items");
    lk_json_begin_array(w);
    it = lk_json_iter(list->rows);
    for (int64_t i = 0; i < count && lk_json_next(&it, NULL, &row); i++)
        lk_json_put_raw(w, row);
    lk_json_end_array(w);
    lk_rows_write_limit(w, list->total, limit);
    if (count < list->total)
        lk_rows_write_truncated(w, max_bytes, count, list->total, list->at_least, how);
}

struct lk_str lk_rows_text(struct lk_arena *arena, const struct lk_api_answer *answer)
{
    if (answer->media == LK_MEDIA_JSON && lk_json_type(answer->body) == LK_JSON_STRING)
        return lk_json_decode_string(arena, answer->body);
    return answer->body;
}
