/*
 * How an error reads in an answer (mcp_write_error of mcp/tool.h). Called by result.c, and by tools
 * that put an error beside what they did achieve.
 */
#include "mcp/tool.h"
#include "json/scan.h"

void mcp_write_error(struct lk_json_writer *w, const struct lk_error *err)
{
    struct lk_str body = err->body;

    lk_json_member_string(w, "error", lk_str(err->message));
    lk_json_member_string(w, "kind", lk_str(lk_error_kind_name(err->kind)));
    if (err->status != 0)
        lk_json_member_integer(w, "status", err->status);
    if (err->detail[0] != '\0')
        lk_json_member_string(w, "detail", lk_str(err->detail));
    if (body.len == 0)
        return;
    if (body.len > MCP_ERROR_BODY_BYTES_MAX)
        body.len = MCP_ERROR_BODY_BYTES_MAX; /* cut JSON is no JSON: it goes out as a string */
    if (lk_json_check(body, LK_JSON_MAX_DEPTH, 0, NULL))
        lk_json_member_raw(w, "body", lk_str_trim(body));
    else
        lk_json_member_string(w, "body", body);
}
