/*
 * lk_api_call as handlers use it (ask.h). Knows no operation in particular.
 */
#include "handlers/ask.h"

#include "mcp/tool.h"

#include <stdarg.h>
#include <stdio.h>

static const char *type_name(enum lk_json_type type)
{
    static const char *const names[] = {
        [LK_JSON_INVALID] = "nothing",   [LK_JSON_NULL] = "null",
        [LK_JSON_BOOLEAN] = "a boolean", [LK_JSON_NUMBER] = "a number",
        [LK_JSON_STRING] = "a string",   [LK_JSON_ARRAY] = "a list",
        [LK_JSON_OBJECT] = "an object",
    };
    return names[type];
}

bool lk_expect_json(const struct lk_api_answer *answer, const struct lk_operation *op,
                    enum lk_json_type expected, struct lk_error *err)
{
    bool json = answer->media == LK_MEDIA_JSON;
    enum lk_json_type got = json ? lk_json_type(answer->body) : LK_JSON_INVALID;

    if (got == expected)
        return true;
    return lk_fail(err, LK_ERROR_PARSE, "Looker's answer to %s should have been %s, but was %s",
                   op->id, type_name(expected),
                   json || answer->body.len == 0 ? type_name(got) : "not JSON");
}

bool lk_ask(struct lk_api *api, struct lk_arena *arena, struct lk_api_request request,
            enum lk_json_type expected, struct lk_str *ret_text, struct lk_error *err)
{
    struct lk_api_answer answer;

    if (!lk_api_call(api, arena, request, &answer, err) ||
        !lk_expect_json(&answer, request.op, expected, err))
        return false;
    *ret_text = answer.body;
    return true;
}

bool lk_failed_with(const struct lk_error *err, int status)
{
    return err != NULL && err->kind == LK_ERROR_UPSTREAM && err->status == status;
}

bool lk_may_have_happened(const struct lk_operation *op, const struct lk_error *failure)
{
    if ((op->method == LK_GET && !op->acts) || failure->unsent)
        return false;
    switch (failure->kind) {
    case LK_ERROR_TIMEOUT:
    case LK_ERROR_NETWORK:
    case LK_ERROR_CANCELLED:
    case LK_ERROR_PARSE:
        return true;
    default: /* 502, 504: a gateway gave up waiting for Looker */
        return lk_failed_with(failure, 502) || lk_failed_with(failure, 504);
    }
}

bool lk_explain_status(struct lk_error *err, int status, const char *format, ...)
{
    char text[sizeof(err->message) + 1]; /* one more, for lk_fail to see that it must cut */
    va_list ap;

    if (!lk_failed_with(err, status))
        return false;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    err->kind = LK_ERROR_NONE;
    return lk_fail(err, LK_ERROR_UPSTREAM, "%s", text);
}

void lk_write_part_error(struct lk_json_writer *w, const struct lk_error *err)
{
    struct lk_error part = *err;

    part.body = (struct lk_str){0};
    mcp_write_error(w, &part);
}
