/*
 * Calls to Looker as handlers make them: with an answer of the expected JSON type, and with errors
 * that say what this tool knows about them.
 */
#ifndef LK_HANDLERS_ASK_H
#define LK_HANDLERS_ASK_H

#include "api/api.h"
#include "json/scan.h"
#include "json/write.h"

/*
 * Awaits. lk_api_call whose answer must be JSON of that type. Errors: those of lk_api_call, and
 * LK_ERROR_PARSE for an answer of another form.
 */
bool lk_ask(struct lk_api *api, struct lk_arena *arena, struct lk_api_request request,
            enum lk_json_type expected, struct lk_str *ret_text, struct lk_error *err);

/* The check of lk_ask by itself. */
bool lk_expect_json(const struct lk_api_answer *answer, const struct lk_operation *op,
                    enum lk_json_type expected, struct lk_error *err);

/* Whether Looker answered the operation itself with that status. (An error that has it may also
 * come from the login before: that is LK_ERROR_AUTH, and says nothing about what was asked for.) */
bool lk_failed_with(const struct lk_error *err, int status);

/*
 * Whether a request that failed so may have been obeyed all the same: it changes something, and no
 * answer came that could be read (none at all, the 502 or 504 of a gateway, another form). Then
 * nothing may be said to be as it was before.
 */
bool lk_may_have_happened(const struct lk_operation *op, const struct lk_error *failure);

/* Says it better, where a tool knows what that HTTP status means here: replaces the message of an
 * error that lk_failed_with; leaves other errors alone, and Looker's own words in `detail` and
 * `body`. Returns false. */
bool lk_explain_status(struct lk_error *err, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes an error into the object that tells of one part of an answer: mcp_write_error without
 * Looker's own body, since an answer of many parts has no room for many of these. */
void lk_write_part_error(struct lk_json_writer *w, const struct lk_error *err);

#endif
