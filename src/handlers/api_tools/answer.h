/*
 * The answer of any operation as the answer of call_operation: taken as it comes, projected before
 * its bytes are counted, and cut to size where it can be cut.
 *
 *     a list            count, items: whole items, with next_offset and truncated
 *     other JSON        answer; what is too large is an error, since half an object is none
 *     text              text: whole lines (records of csv), with truncated
 *     images and such   media_type, bytes: what there was, without it
 */
#ifndef LK_HANDLERS_API_TOOLS_ANSWER_H
#define LK_HANDLERS_API_TOOLS_ANSWER_H

#include "api/api.h"
#include "mcp/tool.h"
#include "json/project.h"

struct lk_answer_ask {
    struct lk_api_request request;
    const struct lk_projection *projection; /* NULL: all of it */
    int64_t skip;          /* items of a list that are left out here, not by Looker */
    bool by_looker;        /* it pages: */
    int64_t offset, limit; /* with which it was asked; limit below 0: none */
    struct lk_str rows;    /* the result_format when the rows of a query come; or empty */
};

/*
 * Awaits. Sends the request and writes the answer. Memory depends on LOOKER_MAX_RESULT_BYTES, and
 * on how large one item of a list is. Errors: those of lk_api_stream; those of lk_rows_check;
 * LK_ERROR_PARSE for what is no JSON; LK_ERROR_LIMIT for what reads, is too large and cannot be
 * cut. What was changed is never said to have failed because its answer is too large.
 */
bool lk_answer_call(struct mcp_call *call, const struct lk_answer_ask *ask, struct lk_error *err);

#endif
