/*
 * Borrowing branches: a claim on cells of a Looker user's dev workspace (api/lease_state.h has the
 * rules), held for the length of a tool call.
 *
 *     lk_lease_take ── actor: enter ── wait for its turn ── [settle] ── [check out] ──> held
 *     lk_lease_give ── actor: leave ── last one: check out what was there before ──> end
 *
 * Each claim has a coroutine of its own, its actor, which does all that must not be cut off in the
 * middle: whoever took the claim only waits for it. A caller that is cancelled while it waits, or
 * that gives back, leaves the rest to the actor. Swaps are written to the store before they are
 * made.
 */
#ifndef LK_API_LEASE_H
#define LK_API_LEASE_H

#include "api/lease_state.h"
#include "api/lease_store.h"
#include "api/principal.h"

struct lk_lease;

/* Looker, as the leases need it; the real one is api/branch.c. All await, on an actor's coroutine,
 * and take the user as whom they run. */
struct lk_lease_user {
    struct lk_str id; /* Looker's id of the user */
    struct lk_principal principal;
};
struct lk_lease_looker {
    void *arg;
    /* The name of the branch that is checked out in the user's dev workspace. */
    bool (*current)(void *arg, struct lk_arena *arena, const struct lk_lease_user *user,
                    struct lk_str project, struct lk_str *ret_branch, struct lk_error *err);
    /* lk_lease_may_send(lease, …) is to be asked right before it is sent. */
    bool (*check_out)(void *arg, struct lk_arena *arena, const struct lk_lease_user *user,
                      struct lk_lease *lease, struct lk_str project, struct lk_str branch,
                      struct lk_error *err);
    bool (*has_branch)(void *arg, struct lk_arena *arena, const struct lk_lease_user *user,
                       struct lk_str project, struct lk_str branch, bool *ret_has,
                       struct lk_error *err);
    /* The projects that this one imports by local dependency, from its manifest in production or in
     * the dev workspace. */
    bool (*imports)(void *arg, struct lk_arena *arena, const struct lk_lease_user *user,
                    struct lk_str project, bool dev, struct lk_str **ret_projects, size_t *ret_n,
                    struct lk_error *err);
};

/* The time by which leases run out here: one that goes on while the machine sleeps, so that a
 * process which was stopped notices by itself that it has lost them. */
struct lk_lease_clock {
    void *arg;
    uint64_t (*now_ms)(void *arg);
    void (*start)(void *arg, struct lk_timer *timer, uint64_t delay_ms);
    void (*stop)(void *arg, struct lk_timer *timer);
};

/* lease: a struct lk_lease. False with LK_ERROR_TIMEOUT, unsent, when it may have expired, so that
 * others may be at its cells by now. */
bool lk_lease_may_send(void *lease, struct lk_error *err);
/* Whether Looker may have moved a branch although the request for it failed so. */
bool lk_lease_is_unsure(const struct lk_error *failure);

/* What is, and what happened so far, for metrics. One worker writes, others may read. */
struct lk_leases_count {
    _Atomic size_t held, waiting;
    _Atomic size_t stuck; /* cells that it could not give back */
    /* Branches checked out; given back, also those that the dead have left; neither. */
    _Atomic uint64_t swaps, given_back, failed;
};

/* Borrowed: must outlive the leases. */
struct lk_leases_options {
    struct lk_loop *loop;
    const struct lk_log *log;
    struct lk_lease_store *store;
    bool durable;     /* lk_lease_shared_is_durable: without it nothing is borrowed */
    uint64_t ttl_ms;  /* a claim is renewed every third of it */
    uint64_t wait_ms; /* LOOKER_BRANCH_WAIT */
    uint64_t poll_ms; /* how often who waits looks what other processes did; 0: 100 */
    struct lk_lease_looker looker;
    const struct lk_lease_clock *clock; /* NULL: CLOCK_BOOTTIME and the loop's timers */
    struct lk_leases_count *count;      /* NULL: it counts for itself */
};

/* A worker's. */
struct lk_leases;
struct lk_leases *lk_leases_new(const struct lk_leases_options *options);
/* After lk_leases_end. NULL is legal. */
void lk_leases_free(struct lk_leases *leases);

/* Why a lease is not to be had at once. */
struct lk_lease_refusal {
    char why[400]; /* "is in use by ...", to stand behind the name of a user */
    bool shut;     /* the store has come up empty, so that nobody gets one */
};

struct lk_lease_wish {
    struct lk_lease_user user;
    enum lk_claim_mode mode;
    struct lk_str branch; /* LK_CLAIM_BRANCH */
    const struct lk_str
        *projects; /* LK_CLAIM_BRANCH and _ALONE: one or more; _HOLD: none means all */
    size_t n_projects;
    bool imports;     /* LK_CLAIM_BRANCH: and all that the projects import, recursively, each on the
                         same branch where it has one, otherwise held as it is */
    bool sets_branch; /* LK_CLAIM_ALONE: what was to be given back and could not is forgotten when
                         this succeeds, since the branch is set on purpose (lk_lease_settled) */
    bool now_or_never;  /* do not wait: *ret_lease is NULL when it is not free, which is no error */
    struct lk_str what; /* the tool; for errors that others get */
    struct lk_lease_refusal *refusal; /* now_or_never: written when it is not free; NULL: nobody
                                         asks */
};

/*
 * Awaits its turn, and for LK_CLAIM_BRANCH that the branch is checked out. Errors: LK_ERROR_TIMEOUT
 * after wait_ms (who holds the cell, with which branch, since when, and what to do);
 * LK_ERROR_UPSTREAM and the like when the branch cannot be checked out (it is given back, or the
 * error says that it could not be); those of the store (nothing runs unguarded); LK_ERROR_CONFIG
 * when nothing durable keeps the journal; LK_ERROR_CANCELLED. After an error nothing is held.
 */
bool lk_lease_take(struct lk_leases *leases, const struct lk_lease_wish *wish,
                   struct lk_lease **ret_lease, struct lk_error *err);

/* For how much of its wait the store had come up empty, so that nothing could begin. */
uint64_t lk_lease_shut_ms(const struct lk_lease *lease);

/* Whether it is still held: false once it may have expired, by the real clock, not the loop's. To
 * be asked before each request that is sent under it. */
bool lk_lease_is_held(const struct lk_lease *lease);
enum lk_claim_mode lk_lease_mode(const struct lk_lease *lease);
/* Whether it is about that project. */
bool lk_lease_covers(const struct lk_lease *lease, struct lk_str project);
/* For LK_CLAIM_ALONE: the branch was set on purpose, so nothing older is given back any more. */
void lk_lease_settled(struct lk_lease *lease);

/* A request that moves the branch, or writes on it, was sent, and nobody saw how it ended. The
 * branch stays, and others wait, a little longer (LK_LEASE_LATE_MS) than the holder has the lease,
 * so that what arrives late does what it was meant to. */
void lk_lease_doubt(struct lk_lease *lease);

/* How giving back went: nothing to say, unless `trouble` has a sentence (in the arena). */
struct lk_lease_end {
    bool lost; /* it was not held to the end: what was done under it counts for nothing */
    struct lk_str trouble; /* the branch could not be given back, or somebody moved it meanwhile */
    struct lk_str project, home, found; /* of the first such cell */
};

/*
 * Awaits that it is given back, also on a coroutine that is cancelled (bounded by the time-outs of
 * its requests), and frees the lease. arena and ret_end NULL: does not wait, and what goes wrong is
 * in the log and the journal only.
 */
void lk_lease_give(struct lk_lease *lease, struct lk_arena *arena, struct lk_lease_end *ret_end);

/* Tries whether anything can be kept in the store (log, if not). Starts putting right what
 * processes that died have left behind, and goes on looking for it now and then. What somebody has
 * moved meanwhile is reported (log) and left alone. Does not await. */
void lk_leases_recover(struct lk_leases *leases);

/* Awaits. Everything that is held is given back, in at most timeout_ms; the journal keeps what is
 * left. No call may run any more. */
void lk_leases_end(struct lk_leases *leases, uint64_t timeout_ms);

const struct lk_leases_count *lk_leases_count(const struct lk_leases *leases);

#endif
