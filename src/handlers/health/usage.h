/*
 * Models and explores with how often they were queried: all that there are, from the models' list,
 * beside what System Activity counted in a number of days.
 */
#ifndef LK_HANDLERS_HEALTH_USAGE_H
#define LK_HANDLERS_HEALTH_USAGE_H

#include "handlers/context.h"
#include "handlers/items.h"

struct lk_used_explore {
    struct lk_str model, name, last_query; /* last_query: a date, or empty */
    int64_t queries;
    int64_t looks, dashboards; /* that are made of it; lk_usage_add_content */
    bool hidden;
};
struct lk_used_model {
    struct lk_str project, name, last_query;
    int64_t queries;
    size_t n_explores, n_unused;
};
struct lk_usage {
    struct lk_used_explore *explores;
    size_t n_explores;
    struct lk_used_model *models;
    size_t n_models;
    int64_t days;
};

/*
 * Awaits. model: only that one (LK_ERROR_ARGUMENT when there is none); empty: all. Both lists in
 * Looker's order. LK_ERROR_LIMIT when System Activity has more than can be read.
 */
bool lk_usage_load(const struct lk_tool_context *context, struct lk_arena *arena,
                   struct lk_str model, int64_t days, struct lk_usage *ret_usage,
                   struct lk_error *err);

/* Awaits. Counts the Looks and dashboards on each explore. */
bool lk_usage_add_content(const struct lk_tool_context *context, struct lk_arena *arena,
                          struct lk_usage *usage, struct lk_error *err);

/* The fields of one explore that are not hidden, and which of them no query of these days names. */
struct lk_field_usage {
    size_t n_fields;
    struct lk_str *unused;
    size_t n_unused;
    bool cut; /* there were more queries than were read: what seems unused may not be */
};
/* Awaits. */
bool lk_usage_of_fields(const struct lk_tool_context *context, struct lk_arena *arena,
                        const struct lk_used_explore *explore, int64_t days,
                        struct lk_field_usage *ret_usage, struct lk_error *err);

/* Awaits. Dashboards and Looks that were not opened for so many days, longest first, as the members
 * count and items of an open answer. content_type: all, dashboard or look. */
bool lk_usage_write_unopened(struct mcp_call *call, struct lk_json_writer *w,
                             struct lk_str content_type, int64_t days, int64_t limit,
                             struct lk_error *err);

/* ---- answers ---- */

/* Opens the answer: what was asked for and what was looked at. */
void lk_usage_begin(struct lk_json_writer *w, const char *kind_name, struct lk_str kind,
                    int64_t days);
/* Closes a list answer with what usage cannot know. */
bool lk_usage_end(struct lk_json_writer *w, struct lk_items *items, int64_t days,
                  struct lk_error *err);

#endif
