/*
 * A render task of Looker's, from its creation to the picture in the answer. What is rendered is
 * the business of render.c.
 */
#ifndef LK_HANDLERS_RENDER_TASK_H
#define LK_HANDLERS_RENDER_TASK_H

#include "api/api.h"
#include "handlers/context.h"

/* What is wanted of a task, for the requests that create one. */
#define LK_RENDER_FIELDS                                                                           \
    "id,status,status_detail,result_format,width,height,runtime,query_runtime,render_runtime,"     \
    "query_id,look_id,dashboard_id,lookml_dashboard_id,dashboard_element_id"

struct lk_render_order {
    struct lk_api_request create; /* the task; with LK_RENDER_FIELDS as its `fields` */
    const char *not_found;        /* says what a 404 to it means */
    double max_wait_seconds;
};

/*
 * Awaits. Creates the task and answers the call: with the picture, or, when that takes longer than
 * max_wait_seconds (or than the call may), with its id and how to go on. Errors: those of
 * lk_api_call; LK_ERROR_UPSTREAM with Looker's reason in `detail` when the render failed;
 * LK_ERROR_LIMIT when the picture is larger than LOOKER_MAX_RENDER_BYTES; LK_ERROR_PARSE when it is
 * not what was asked for. Once the task exists, an error that does not end it names its id.
 */
bool lk_render_create(struct mcp_call *call, const struct lk_render_order *order,
                      struct lk_error *err);

/* The same for a task that exists. */
bool lk_render_fetch(struct mcp_call *call, struct lk_str id, double max_wait_seconds,
                     struct lk_error *err);

#endif
