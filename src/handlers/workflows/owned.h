/*
 * What belongs to a user: Looks, dashboards, schedules, alerts and boards; and giving it to
 * somebody else. Part of offboard_user.
 */
#ifndef LK_HANDLERS_WORKFLOWS_OWNED_H
#define LK_HANDLERS_WORKFLOWS_OWNED_H

#include "handlers/steps.h"

enum lk_owned_kind {
    LK_OWNED_LOOKS,
    LK_OWNED_DASHBOARDS,
    LK_OWNED_SCHEDULES,
    LK_OWNED_ALERTS,
    LK_OWNED_BOARDS,
    LK_OWNED_KINDS,
};

struct lk_owned_item {
    struct lk_str id, title;
    bool in_personal_folder;  /* in the user's own, or below it */
    bool given;               /* to the new owner */
    bool in_doubt;            /* it may be, though no answer said so */
    struct lk_error *failure; /* or why not; NULL: it was not tried */
};

struct lk_owned_list {
    struct lk_owned_item *items;
    size_t n;
};

struct lk_owned {
    struct lk_owned_list lists[LK_OWNED_KINDS];
    size_t total, personal; /* of all kinds; of these in the personal folder */
    bool incomplete;        /* a list could not be read: there may be more */
};

/* Awaits. All that the user (JSON with id and personal_folder_id) owns, page by page, a step a
 * kind. A list that cannot be read is a failed step, needed or not, and makes it incomplete. */
void lk_owned_read(struct lk_steps *steps, struct lk_str user, bool needed, struct lk_owned *owned);

/* Writes {"looks": {"count": 2, "items": [{"id", "title"}, …]}, …}: of each kind the first 100. */
void lk_owned_write(struct lk_json_writer *w, const struct lk_owned *owned);

/* "2 Looks, 1 schedule" */
struct lk_str lk_owned_text(struct lk_arena *arena, const struct lk_owned *owned);

/*
 * Awaits. Makes it the property of that user, several things at a time, a step a kind; what is in
 * the personal folder moves to folder_id as well, unless that is empty. Looker's answer must name
 * the new owner, or the thing counts as not handed over. Failed steps are needed ones, and what
 * did not go is listed as left to do. A call again goes on with the rest.
 */
void lk_owned_hand_over(struct lk_steps *steps, struct lk_owned *owned, struct lk_str new_owner_id,
                        struct lk_str folder_id);

#endif
