/*
 * What the tools about a project's files and branches ask in the same way.
 */
#ifndef LK_HANDLERS_MODELING_PROJECT_H
#define LK_HANDLERS_MODELING_PROJECT_H

#include "handlers/context.h"
#include "json/type.h"

/* Awaits. The files of the project, as JSON [{id, path, git_status}]; dev: of the dev workspace,
 * else of production. Errors: those of lk_ask, with a better one for 404. */
bool lk_project_files(struct mcp_call *call, struct lk_string project_id, bool dev,
                      struct lk_str *ret_files, struct lk_error *err);

/* The file of that id or path in such a list; false: there is none. */
bool lk_project_file(struct lk_str files, struct lk_str id_or_path, struct lk_str *ret_file);

/* What Looker says of a file that is not committed as it is ("modified", "added", …); empty: it is,
 * or Looker does not say. */
struct lk_str lk_project_file_change(struct lk_arena *arena, struct lk_str file);

/* Whether the text is a path below the root of a project. "../x", "/x", "a//b" and the like lead
 * out of it, or to a file that has another path as well; what is in ".git" is no LookML. */
bool lk_is_project_path(struct lk_str path);

/* The string member of a JSON object, or `otherwise` when it is not there or empty. */
struct lk_str lk_text_member(struct lk_arena *arena, struct lk_str object, const char *name,
                             struct lk_str otherwise);

#endif
