/*
 * Several questions to System Activity at once, each of which may fail by itself: what the audits
 * are made of.
 */
#ifndef LK_HANDLERS_WORKFLOWS_SECTIONS_H
#define LK_HANDLERS_WORKFLOWS_SECTIONS_H

#include "handlers/activity.h"
#include "handlers/steps.h"

struct lk_section {
    const char *name;
    struct lk_activity_query query;
    struct lk_rows_list list; /* its rows are "[]" until they were read */
    struct lk_error error;
};

/* Awaits. Reads them all; a failure is in its section. False only when the call was cancelled. */
bool lk_sections_read(struct mcp_call *call, struct lk_section *sections, size_t n,
                      struct lk_error *err);

/* Says of each section, as a step, how many rows were read or why none; needed: the task has failed
 * when one of those first ones has. */
void lk_sections_report(struct lk_steps *steps, const struct lk_section *sections, size_t n,
                        size_t needed);

/* Writes a section as a member: {"count","items"[,"more":true]} of at most `limit` rows, or its
 * error. */
void lk_sections_write(struct lk_json_writer *w, const struct lk_section *section, size_t limit,
                       size_t max_bytes);

#endif
