/*
 * Who may use which branch: the state of one Looker user's dev workspace as all that share it agree
 * on it, and the rules by which it changes. Looker keeps one branch a user and project, a single
 * mutable cell; here each cell that is borrowed is written down, and so is everybody who uses or
 * waits for one. Pure: no I/O, no clock of its own. Kept by api/lease_store.h, driven by
 * api/lease.h.
 *
 *     claim: waiting ──admitted──> active ──left──> gone        (or expired: its holder died)
 *     cell:  (none) ──> moving ──> there ──last one leaves──> returning ──> (none)
 *                         └─────────┴── holder died ──> orphan ──┘  └─ failed ─> stuck
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

/* How long a request that moves a branch may still take to arrive at Looker when nobody saw how it
 * ended. */
#define LK_LEASE_LATE_MS 2000

enum lk_claim_mode {
    LK_CLAIM_HOLD,   /* the cells as they are: no swap slips under what runs there */
    LK_CLAIM_BRANCH, /* a branch, borrowed: checked out for the first, given back by the last */
    LK_CLAIM_ALONE,  /* nobody else: what moves the branch on purpose */
};

struct lk_claim {
    struct lk_str id;       /* unique among all processes: "<instance>/<number>" */
    struct lk_str instance; /* the process (and thread) that made it; empty: it has died, but its
                               last request may still be under way */
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
    LK_CELL_ORPHAN,    /* all who borrowed it are gone: given back by the next who comes */
    LK_CELL_STUCK,     /* giving it back failed: why is in `trouble`; tried again by the next */
};

struct lk_cell {
    struct lk_str project;
    /* What was checked out before; the same as `branch`: nothing to give back. */
    struct lk_str home;
    struct lk_str branch; /* what was borrowed */
    enum lk_cell_phase phase;
    bool as_is;           /* an import that has no such branch: held, never moved, home is empty */
    bool unsure;          /* a check-out may still arrive at Looker: nobody saw how it ended */
    struct lk_str by;     /* MOVING, RETURNING: the claim, or the settling, that moves it */
    uint64_t by_until_ms; /* `by` has died if it did not renew */
    uint64_t since_ms;
    uint64_t fence;        /* of this borrowing: grows for ever */
    uint64_t change;       /* counts what was written about it: of two versions, which is newer */
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
    bool changed;   /* since it was read */
};

/* ---- as text ---- */

#define LK_STATE_MAX_BYTES ((size_t)4 * 1024 * 1024)
#define LK_STATE_MAX_CLAIMS 1000 /* of one user at once */

/* Empty text is an empty state. Strings are borrowed from the text or live in the arena. Errors:
 * LK_ERROR_PARSE: no such document, or one that contradicts itself; LK_ERROR_UNSUPPORTED: written
 * by another version of this program. */
bool lk_state_read(struct lk_arena *arena, struct lk_str text, struct lk_lease_state *ret_state,
                   struct lk_error *err);
/* Appends JSON; nothing for a state without claims and cells. */
void lk_state_write(const struct lk_lease_state *state, struct lk_buf *out);

/* ---- claims ---- */

/* NULL: none. Pointers into a state hold until a claim or cell is added or goes. */
struct lk_claim *lk_state_claim(const struct lk_lease_state *state, struct lk_str id);
struct lk_cell *lk_state_cell(const struct lk_lease_state *state, struct lk_str project);

bool lk_claim_covers(const struct lk_claim *claim, struct lk_str project);

/* Appends a copy, its projects sorted and each of them once. */
void lk_state_enter(struct lk_lease_state *state, const struct lk_claim *claim);
/* A copy of a cell that is not there; state->fence is not below its fence. */
void lk_state_put_cell(struct lk_lease_state *state, const struct lk_cell *cell);

/* Admits those that wait and may go on now. */
void lk_state_admit(struct lk_lease_state *state, uint64_t now_ms, uint64_t join_ms);

/* Who is dead, by the clock or because somebody knows. */
struct lk_lease_view {
    uint64_t now_ms;
    bool expires; /* false: the clock cannot be trusted now, so nobody is dead because of it */
    bool (*is_alive)(void *arg, struct lk_str id);  /* of a claim, or of what moves a cell */
    bool (*is_exempt)(void *arg, struct lk_str id); /* from expiry: one's own */
    void *arg;
};
/* Drops the claims of the dead, and makes orphans of the cells that they leave behind. Returns how
 * many claims went. */
size_t lk_state_expire(struct lk_lease_state *state, const struct lk_lease_view *view);

/* What is next for a claim. */
enum lk_lease_step {
    LK_STEP_WAIT,   /* somebody else is in the way, or moves the cell */
    LK_STEP_SETTLE, /* *ret_cell was left behind: give it back (now RETURNING by this claim) */
    LK_STEP_MOVE,   /* *ret_cell is to be moved (now MOVING by this claim): read home, then
                       lk_state_home, check out, lk_state_there */
    LK_STEP_READY,  /* it may go on */
    LK_STEP_LOST,   /* it is not in the state any more: it expired */
};

/* Who moves cells, and until when that is believed. */
struct lk_mover {
    struct lk_str id;
    uint64_t now_ms, until_ms;
    struct lk_str user_id; /* for the cells that it makes */
    bool service;
    bool regardless; /* does not mind cells that are stuck */
};
/* For the claim with the id of the mover. *ret_cell is written for SETTLE and MOVE. */
enum lk_lease_step lk_state_step(struct lk_lease_state *state, const struct lk_mover *mover,
                                 struct lk_cell **ret_cell);

/* Takes the claim away, if it is there. The cells that it was the last to use, or was moving, are
 * RETURNING by it from now on; those that need not be returned are gone. */
void lk_state_leave(struct lk_lease_state *state, const struct lk_mover *mover);

/* ---- cells ---- */

/* The next cell that the mover is to return, or NULL. */
struct lk_cell *lk_state_returning(const struct lk_lease_state *state, struct lk_str by);
/* Makes it RETURNING by the mover. */
void lk_state_take_back(struct lk_lease_state *state, struct lk_cell *cell,
                        const struct lk_mover *mover);
void lk_state_doubt(struct lk_lease_state *state, struct lk_cell *cell); /* unsure */
void lk_state_home(struct lk_lease_state *state, struct lk_cell *cell, struct lk_str home);
void lk_state_there(struct lk_lease_state *state, struct lk_cell *cell, bool as_is);
void lk_state_stuck(struct lk_lease_state *state, struct lk_cell *cell, struct lk_str trouble);
/* It is back, or nobody's business any more. */
void lk_state_remove_cell(struct lk_lease_state *state, struct lk_cell *cell);

/* ---- for whoever has to wait ---- */

struct lk_lease_who {
    enum {
        LK_WHO_NOBODY,
        LK_WHO_HOLDS, /* `n` claims are active there */
        LK_WHO_QUEUE, /* `n` claims came earlier and wait */
        LK_WHO_MOVES, /* the cell is being moved, or was left behind */
    } kind;
    enum lk_claim_mode mode; /* of the first of them */
    size_t n;
    struct lk_str project, branch, what, instance; /* project empty: all; what: "a, b" */
    uint64_t since_ms;
};
/* Who is in the way of the claim. */
struct lk_lease_who lk_state_who(const struct lk_lease_state *state, struct lk_str id);

#endif
