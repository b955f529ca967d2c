/*
 * Asking System Activity, Looker's model of its own history (model system__activity): who ran what,
 * how content is used, what was built and sent. Times in answers are UTC.
 *
 *     struct lk_activity_query query = {.explore = "history", .fields =
 * "history.id,history.runtime", .sorts = "history.runtime desc", .limit = 10};
 *     lk_activity_filter(&query, "history.created_date", LK_STR("7 days"));
 *     lk_activity_filter(&query, "user.email", lk_filter_exactly(arena, email));
 *     lk_activity_ask(context, arena, &query, &list, err)      list.rows: [{"history.id":…}, …]
 */
#ifndef LK_HANDLERS_ACTIVITY_H
#define LK_HANDLERS_ACTIVITY_H

#include "handlers/context.h"
#include "handlers/rows.h"
#include "json/write.h"

#define LK_ACTIVITY_FILTERS_MAX 12

struct lk_activity_query {
    const char *explore;
    const char *fields; /* separated by commas */
    const char *sorts;  /* the same; NULL: none */
    int64_t limit;
    struct {
        const char *field;
        struct lk_str expression;
    } filters[LK_ACTIVITY_FILTERS_MAX];
    size_t n_filters;
};

/* Adds a filter, an expression of Looker's filter language; an empty one adds none. */
void lk_activity_filter(struct lk_activity_query *query, const char *field,
                        struct lk_str expression);

/*
 * Awaits. The rows as a JSON list, which holds LK_ACTIVITY_HELD_BYTES of them (or the limit of a
 * result, when that is more) however many there are; its total says whether that is all. Errors:
 * those of lk_rows_fetch; 403 and 404 say which permission is missing; what Looker reports inside a
 * 200 has status 0 and its words in `detail`.
 */
#define LK_ACTIVITY_HELD_BYTES ((size_t)1024 * 1024)
bool lk_activity_ask(const struct lk_tool_context *context, struct lk_arena *arena,
                     const struct lk_activity_query *query, struct lk_rows_list *ret_list,
                     struct lk_error *err);

/*
 * Awaits. The same, but each row goes to row(arg, row) as it comes, and is gone when that returns:
 * for so many that they should not be held together. *ret_n: how many came.
 */
bool lk_activity_each(const struct lk_tool_context *context, struct lk_arena *arena,
                      const struct lk_activity_query *query,
                      bool (*row)(void *arg, struct lk_str row), void *arg, int64_t *ret_n,
                      struct lk_error *err);

/*
 * Awaits. The rows as the members of an open answer object, cut as they come: count, items, and
 * what lk_rows_put says of limits. query->limit is what the caller asked for; LOOKER_MAX_ROWS
 * lowers it.
 */
bool lk_activity_write(struct mcp_call *call, struct lk_json_writer *w,
                       struct lk_activity_query *query, struct lk_error *err);

/* A member of a row: a number (0 when it has none), or a string's or number's text (empty when it
 * is null). */
double lk_row_number(struct lk_str row, const char *name);
struct lk_str lk_row_text(struct lk_arena *arena, struct lk_str row, const char *name);

/* ---- filter expressions ---- */

/* That text and no other: what has a meaning in Looker's filters (comma, quote, %, _, ^, a leading
 * minus, NULL) is escaped. Empty when the text is. */
struct lk_str lk_filter_exactly(struct lk_arena *arena, struct lk_str text);
/* Each of the texts between commas exactly. */
struct lk_str lk_filter_any_of(struct lk_arena *arena, struct lk_str list);
/* ">=12.5" */
struct lk_str lk_filter_at_least(struct lk_arena *arena, double number);

/* Whether the id can be compared with a field that is a number; empty is fine too.
 * LK_ERROR_ARGUMENT names the argument. */
bool lk_filter_check_id(const char *argument, struct lk_str id, struct lk_error *err);

#endif
