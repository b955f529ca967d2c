/*
 * Who may use which branch: the state of one Looker user's dev workspace as all that share it agree
 * on it, and the rules by which it changes. Looker keeps one branch a user and project, a single
 * mutable cell; here each cell that is borrowed is written down, and so is everybody who uses or
 * waits for one. Pure: no I/O, no clock of its own. Kept by api/lease_store.h, driven by
 * api/lease.h.
 *
 *     claim: waiting ──admitted──> active ──left──> gone        (or expired: its holder died)
 *     cell:  (none) ──> moving ──> there ──last one leaves──> returning ──> (none)
 *                          └── holder died ──> orphan <── holder died ──┘      └─ failed ─> stuck
 *
 * Compatible at the same time, where their projects meet: holds with holds, and claims of the same
 * branch with each other. Claims are admitted in the order in which they came; one may pass those
 * that wait for something else, to join what is active, until the first of them has waited join_ms.
 * A claim is admitted for all its projects at once or for none, so there is no deadlock.
 */
#ifndef LK_API_LEASE_STATE_H
#define LK_API_LEASE_STATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

enum lk_claim_mode {
    LK_CLAIM_HOLD,   /* the cells as they are: no swap slips under what runs there */
    LK_CLAIM_BRANCH, /* a branch, borrowed: checked out for the first, given back by the last */
    LK_CLAIM_ALONE,  /* nobody else: what moves the branch on purpose */
};

struct lk_claim {
    struct lk_str id;       /* unique among all processes: "<instance>/<number>" */
    struct lk_str instance; /* the process (and thread) that made it */
    enum lk_claim_mode mode;
    struct lk_str branch;    /* LK_CLAIM_BRANCH */
    struct lk_str *projects; /* sorted; none: all of the user */
    size_t n_projects;
    struct lk_str what;   /* the tool, for whoever has to wait: "query" */
    uint64_t since_ms;    /* wall clock (Unix, ms): when it came; when it was admitted */
    uint64_t admitted_ms; /* 0: it waits */
    uint64_t until_ms;    /* it has expired then, unless renewed */
};

enum lk_cell_phase {
    LK_CELL_MOVING,    /* `by` is having the branch checked out; home is empty until it is known */
    LK_CELL_THERE,     /* the branch is checked out */
    LK_CELL_RETURNING, /* `by` is giving it back */
    LK_CELL_STUCK,     /* giving it back failed: why is in `trouble`; tried again by the next */
};

struct lk_cell {
    struct lk_str project;
    struct lk_str
        home; /* what was checked out before; the same as `branch`: nothing to give back */
    struct lk_str branch; /* what was borrowed */
    enum lk_cell_phase phase;
    struct lk_str by;     /* the claim, or the settling, that moves it */
    uint64_t by_until_ms; /* MOVING, RETURNING: `by` has died if it did not renew */
    uint64_t since_ms;
    uint64_t fence;        /* of this borrowing: grows for ever */
    struct lk_str trouble; /* STUCK */
    /* As whom it can be given back when those who borrowed it are gone. */
    struct lk_str user_id;
    bool service; /* the service account's own */
};

/* Grow as needed; live in the arena. */
struct lk_lease_state {
    struct lk_arena *arena;
    struct lk_claim *claims; /* in the order in which they came */
    size_t n_claims;
    struct lk_cell *cells;
    size_t n_cells;
    uint64_t fence; /* the last one given */
};

/* What is next for a claim. */
enum lk_lease_step {
    LK_STEP_WAIT,   /* somebody else is in the way, or moves the cell */
    LK_STEP_SETTLE, /* *ret_cell was left behind: give it back (now RETURNING by this claim) */
    LK_STEP_MOVE,   /* *ret_cell is to be moved (now MOVING by this claim): read home, then
                       lk_state_home, check out, lk_state_there */
    LK_STEP_READY,  /* it may go on */
    LK_STEP_LOST,   /* it is not in the state any more: it expired */
};

#endif
