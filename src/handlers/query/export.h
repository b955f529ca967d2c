/*
 * Whole results as files: a link, which a tool hands out, and the download that it leads to. The
 * link says what to run and how, and is sealed and short-lived; nothing is kept. Who fetches it has
 * to be let in as for every tool call, and the download runs as whom that caller's calls run: for
 * somebody else's link that is somebody else's rights at Looker, and between verified callers it is
 * refused.
 */
#ifndef LK_HANDLERS_QUERY_EXPORT_H
#define LK_HANDLERS_QUERY_EXPORT_H

#include "handlers/context.h"
#include "handlers/query/cursor.h"
#include "json/project.h"

#define LK_EXPORT_SECONDS 600 /* for so long a link may be followed */

/* The tool behind GET /export/LINK; in no group, and never listed. */
extern const struct mcp_tool lk_export_tool;

/* Whether this call can hand out links: it came over HTTP, to a server that has a key. */
bool lk_export_can(struct mcp_call *call);

/*
 * Adds a resource_link to the result. what: the query or Look, format csv or json (then the file
 * has a row a line), options, columns; `limit` rows at most. The other members have no effect.
 * act_as_user: as whom the call runs, or empty. Returns the address; empty when there can be none:
 * over stdio, and of what is in the dev workspace, which a slow reader would keep from others.
 */
struct lk_str lk_export_offer(struct mcp_call *call, const struct lk_cursor *what,
                              struct lk_str act_as_user);

/* Answers with a link in place of rows: {"<name>":{what it is of},"export":{uri, format, limit,
 * limit_note, expires_in_s}}. *what: as of lk_export_offer, without format and limit. Errors:
 * LK_ERROR_UNSUPPORTED where there are no links. */
struct lk_export_ask {
    struct lk_str format; /* csv, jsonl */
    int64_t limit;        /* 0: as many as may be */
    struct lk_str act_as_user;
};
bool lk_export_answer(struct mcp_call *call, const char *name, struct lk_str object,
                      const struct lk_projection *projection, struct lk_cursor *what,
                      const struct lk_export_ask *ask, struct lk_error *err);

/* Before a call of lk_export_tool is admitted: opens the link, and puts into the arguments as whom
 * it is to run. Any other call passes. Errors: LK_ERROR_ARGUMENT for a link that is none, has
 * expired, or was handed out to another caller. */
bool lk_export_open(struct mcp_call *call, struct lk_error *err);

#endif
