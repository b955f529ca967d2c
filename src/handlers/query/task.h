/*
 * A query that runs in Looker for as long as it takes: Looker's query tasks, from the definition to
 * the rows. What is asked, and what becomes of the rows, is its callers' business.
 *
 *     POST /queries ──> POST /query_tasks ──> GET …/results until it is no 202 ──> rows
 *                              │                    └── the wait is over: the id, to go on with
 *                              └── cancelled from here on: DELETE /running_queries/{id}, once
 *
 * A query that takes less than some seconds costs three requests (two when it is saved already);
 * only then its status is looked at, which says whether it waits in Looker or runs.
 */
#ifndef LK_HANDLERS_QUERY_TASK_H
#define LK_HANDLERS_QUERY_TASK_H

#include "handlers/rows.h"
#include "looker_ops.h"
#include "looker_types.h"
#include "json/write.h"

/* Who waits, for how long, and who hears of it. */
struct lk_query_wait {
    const struct lk_tool_context *context;
    uint64_t began_ms, until_ms; /* loop time */
    uint64_t dev_until_ms; /* the same for a query in the dev workspace, which is not handed out */
    /* Called at each look while Looker works; or NULL. */
    void (*tell)(void *arg, struct lk_str status, uint64_t waited_ms);
    void *arg;
};

/*
 * How long a call waits for queries: max_wait_seconds if it is given, otherwise LOOKER_QUERY_WAIT,
 * since clients give up after a time of their own (but in the dev workspace the call has to see the
 * query's end). Never so long that the call would be cancelled before it has answered. Progress
 * goes to the call.
 */
struct lk_query_wait lk_query_wait(struct mcp_call *call, struct lk_number max_wait_seconds);

struct lk_query_order {
    const struct looker_query *query;    /* is created first; or NULL, and then: */
    struct lk_str query_id;              /* of one that is saved */
    struct lk_str look_id, dashboard_id; /* what it belongs to, for System Activity; or empty */
    struct lk_str fields;                /* wanted of a query that is created; empty: its id */
    struct looker_create_query_task_params params; /* how to run it; without `fields` */
    bool dev;
};

/* What came of it. */
struct lk_query_run {
    struct lk_str created; /* JSON of the query that was created, with order.fields */
    struct lk_str query_id, task_id, status;
    struct lk_rows *rows; /* NULL: the wait was over, and Looker goes on with it */
};

/*
 * Awaits the rows, or the end of the wait. ask: which rows, in which format; without `request`.
 * Errors: those of lk_rows_fetch; LK_ERROR_UPSTREAM with Looker's words in `detail` when the query
 * failed or was stopped there; LK_ERROR_TIMEOUT when the wait for a query in the dev workspace was
 * over: it is killed, since the branch that it means is given back when the call ends. An error
 * that leaves the query running says how to go on. Cancelling kills the query, on a coroutine of
 * its own.
 */
bool lk_query_run(const struct lk_query_wait *wait, struct lk_arena *arena,
                  const struct lk_query_order *order, const struct lk_rows_ask *ask,
                  struct lk_query_run *ret_run, struct lk_error *err);

/* The same for a query that runs already; it knows the format, and the limit as far as anybody
 * does: ask's are not used. */
bool lk_query_await(const struct lk_query_wait *wait, struct lk_arena *arena, struct lk_str task_id,
                    const struct lk_rows_ask *ask, struct lk_query_run *ret_run,
                    struct lk_error *err);

/* Writes the members query_task_id, status, waited_seconds and how of a query whose rows
 * are not there. */
void lk_query_write_handle(const struct lk_query_wait *wait, const struct lk_query_run *run,
                           struct lk_json_writer *w);

#endif
