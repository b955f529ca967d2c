/*
 * What Looker finds wrong with LookML: the errors of a validation, and those of LookML tests.
 */
#ifndef LK_HANDLERS_MODELING_FINDINGS_H
#define LK_HANDLERS_MODELING_FINDINGS_H

#include "base/arena.h"
#include "json/project.h"

/* What tools show of an error, and of the result of a test. */
extern const struct lk_projection lk_finding_projection;
extern const struct lk_projection lk_test_result_projection;

/* Warnings and remarks leave LookML valid; all else, also what we do not know, does not. */
bool lk_finding_is_serious(struct lk_arena *arena, struct lk_str error);

/*
 * A text by which an error is told from others in another version of the same LookML: what it says
 * of what in which file, without the line, which moves when something is written above it. Numbers
 * in the message do not count either where they are such a line ("orders.view.lkml:12", "line 3").
 */
struct lk_str lk_finding_key(struct lk_arena *arena, struct lk_str error);

/* A message for that: its line numbers replaced. */
struct lk_str lk_without_lines(struct lk_arena *arena, struct lk_str message);

/* Whether the result of a test says success. */
bool lk_test_succeeded(struct lk_str result);

#endif
