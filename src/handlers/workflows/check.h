/*
 * What the parts of check_branch share: each looks at the branch and at production in its own way
 * and tells what the branch has that production has not.
 *
 *     check_branch.c ── the branch, the parts (several at once), the verdict
 *         check_lookml.c   validation of the project
 *         check_tests.c    LookML tests
 *         check_content.c  content validation
 *         check_explores.c queries of no rows for each explore
 *
 * A part that cannot observe something says so; it stops no other.
 */
#ifndef LK_HANDLERS_WORKFLOWS_CHECK_H
#define LK_HANDLERS_WORKFLOWS_CHECK_H

#include "handlers/heartbeat.h"
#include "handlers/items.h"
#include "handlers/steps.h"
#include "json/type.h"

struct lk_check {
    struct lk_steps steps;
    struct mcp_call *call;
    struct lk_arena *arena;
    struct lk_str project_id;
    uint64_t timeout_ms;                   /* of each part */
    const struct lk_string_list *explores; /* "model/explore" each, or "all"; absent: none */
    struct lk_heartbeat heartbeat;
};

/* What a part found. Counts are of findings: errors and warnings, failing tests, errors of content,
 * failing explores; below 0 they are not known. */
struct lk_check_part {
    const char *name;
    bool wanted;
    bool seen;         /* what the branch has was observed, all of it */
    int64_t looked_at; /* tests or explores; below 0: says nothing */
    int64_t branch, production, on_both, gone;
    int64_t n_breaking; /* new ones that the branch should not have */
    int64_t n_doubtful; /* of which that is not known */
    struct lk_items fresh, doubtful;
    struct lk_str note; /* why something was not observed, or empty */
};

void lk_check_lookml(struct lk_check *check, struct lk_check_part *part);
void lk_check_tests(struct lk_check *check, struct lk_check_part *part);
void lk_check_content(struct lk_check *check, struct lk_check_part *part);
void lk_check_explores(struct lk_check *check, struct lk_check_part *part);
/* Whether each is "model/explore" (or "model::explore"), or all are one "all". */
bool lk_check_explores_named(const struct lk_string_list *explores, struct lk_error *err);
/* Awaits. LK_ERROR_ARGUMENT: one that is named is neither on the branch nor in production, with the
 * nearest that is. What cannot be told now is no error. */
bool lk_check_explores_exist(const struct lk_check *check, struct lk_error *err);

/* ---- check_branch.c ---- */

/* The same request on the branch and in production. */
struct lk_check_sides {
    bool has_branch, has_production;
    struct lk_str branch, production; /* JSON */
};

/* Awaits. Both at once; what fails is a step that failed. */
void lk_check_ask_sides(struct lk_check *check, const char *branch_step,
                        const char *production_step, struct lk_api_request request,
                        enum lk_json_type expected, struct lk_check_sides *ret_sides);

/* Awaits. One request within the part's time; false: the step `step` failed. */
bool lk_check_ask(struct lk_check *check, const char *step, struct lk_api_request request,
                  enum lk_json_type expected, struct lk_str *ret_text);

/* The list of that name in an answer; else an empty one, and false. With a step, that has then
 * failed. */
bool lk_check_list(struct lk_check *check, const char *step, struct lk_str object, const char *name,
                   struct lk_str *ret_list);

/* Tells the client how far it is. */
void lk_check_progress(struct lk_check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
