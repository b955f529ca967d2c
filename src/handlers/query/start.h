/*
 * Beginning a query in Looker, and stopping it there: the two requests of task.c's that have to
 * come to an end even when the call that they are for has none.
 *
 *     caller ──start──> [coroutine: POST /query_tasks] ──> the task ──> caller
 *       └─ cancelled: was it sent? no: it is not sent. yes: when the task is there, it is killed.
 */
#ifndef LK_HANDLERS_QUERY_START_H
#define LK_HANDLERS_QUERY_START_H

#include "handlers/query/task.h"

/* Awaits. The task's JSON. */
bool lk_query_start(const struct lk_tool_context *context, struct lk_arena *arena,
                    const struct lk_query_order *order, struct lk_str query_id,
                    struct lk_str result_format, struct lk_str *ret_task, struct lk_error *err);

/* Does not wait, and works when the calling coroutine is cancelled. What came of it is logged.
 * In production's workspace, whatever the query's: the call that had a claim on the other is over.
 */
void lk_query_kill(const struct lk_tool_context *context, struct lk_str task_id);

#endif
