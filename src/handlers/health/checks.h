/*
 * The single checks of health_pulse.
 */
#ifndef LK_HANDLERS_HEALTH_CHECKS_H
#define LK_HANDLERS_HEALTH_CHECKS_H

#include "handlers/context.h"
#include "handlers/items.h"

enum lk_check_status { LK_CHECK_OK, LK_CHECK_WARNING, LK_CHECK_UNKNOWN, LK_CHECK_FAILED };

/* "ok", "warning", "unknown", "failed" */
const char *lk_check_status_name(enum lk_check_status status);

struct lk_check {
    const char *name;
    /* Awaits. Sets status, detail and items, or error. */
    void (*run)(struct lk_check *check);
    const struct lk_tool_context *context;
    struct lk_arena *arena;
    struct lk_str date_range;

    enum lk_check_status status;
    struct lk_str detail;  /* one sentence */
    struct lk_items items; /* the worst ones */
    struct lk_error error; /* why it could not be made */
};

/* All of them, with name and run only. */
extern const struct lk_check lk_checks[];
extern const size_t lk_n_checks;

/* Makes a check of that kind ready to run, whose items have so many bytes. */
void lk_check_init(struct lk_check *check, const struct lk_check *kind,
                   const struct lk_tool_context *context, struct lk_arena *arena,
                   struct lk_str date_range, size_t max_bytes);

#endif
