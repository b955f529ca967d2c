/*
 * What the files of the lease manager share (lease.h): the claims of one worker, by user.
 *
 *     lk_leases ── room (a user with claims here) ── lk_lease (a claim, or a settling), its actor
 *         │          └── keeper: renews them all, and looks whether the document has changed
 *         └── looker: now and then, what others have left behind
 *
 * lease.c         taking and giving, start and end
 * lease_room.c    rooms: renewal, waking, whose turn a transaction is
 * lease_txn.c     transactions on the user's document
 * lease_actor.c   an actor: from entering to leaving
 * lease_imports.c which projects it is about
 * lease_move.c    checking a branch out, and what was there before
 * lease_look.c    what was left behind
 */
#ifndef LK_API_LEASE_INTERNAL_H
#define LK_API_LEASE_INTERNAL_H

#include "api/lease.h"
#include "rt/co.h"

#define LK_LEASE_MAX_PROJECTS 32 /* with all that they import */

/* ---- a worker's ---- */

/* A cell that this worker could not give back; looked after until somebody has. */
struct lk_leftover {
    struct lk_arena *arena;
    struct lk_str key;
    struct lk_cell cell;
    struct lk_leftover *next;
};

struct lk_leases {
    struct lk_leases_options options;
    struct lk_lease_clock own_clock;
    struct lk_str instance;
    uint64_t last_number; /* of ids */
    uint64_t margin_ms;   /* a lease ends this much earlier here than in the store */
    struct lk_lease_room *rooms;
    struct lk_leases_count *count, own_count;

    /* The store's clock by ours: between low and high, since clock_since_ms (0: not known). */
    int64_t clock_low_ms, clock_high_ms;
    uint64_t clock_since_ms;

    struct lk_co *looker; /* NULL: does not run */
    bool looker_woken, looks;
    bool recovers; /* the next look is the first of the process */
    bool shut;     /* the store has come up empty, and the log has it */
    bool told_ttl; /* the log has it that others have another ttl_ms */
    struct lk_leftover *leftovers;
    uint64_t next_try_ms, try_delay_ms; /* of what is stuck */

    bool ending;
    size_t n_running; /* coroutines */
    struct lk_co *ender;
};

uint64_t lk_leases_now_ms(const struct lk_leases *leases);
struct lk_str lk_leases_new_id(struct lk_leases *leases, struct lk_arena *arena);
/* Starts a coroutine that lk_leases_end waits for; it calls lk_leases_done last of all. */
bool lk_leases_start(struct lk_leases *leases, void (*fn)(void *arg), void *arg,
                     struct lk_error *err);
void lk_leases_done(struct lk_leases *leases);

/* ---- rooms ---- */

struct lk_room_waiter;

struct lk_lease_room {
    struct lk_leases *leases;
    struct lk_arena *arena;
    struct lk_str key; /* the user's id */
    struct lk_lease *first;
    size_t n_waiting; /* actors that wait for somebody else */
    bool locked;      /* a transaction runs */
    struct lk_room_waiter *queue;
    struct lk_buf seen;  /* the document when it was last looked at, or as it was saved here */
    uint64_t renewed_ms; /* when that was sent */
    struct lk_co *keeper;
    bool keeper_woken;
    bool away; /* the store could not be reached the last time */
    unsigned looks;
    struct lk_lease_room *next;
};

/* Puts the actor into the room of its user. LK_ERROR_LIMIT when that has no keeper and none can be
 * started. */
bool lk_room_add(struct lk_leases *leases, struct lk_lease *actor, struct lk_error *err);
void lk_room_remove(struct lk_lease *actor);
/* The one with that id, or NULL. */
struct lk_lease *lk_room_actor(const struct lk_lease_room *room, struct lk_str id);
/* An actor begins or ends to wait for others: what they do is looked for as long as one does. */
void lk_room_waits(struct lk_lease_room *room, bool begins);
/* Has those that wait look again for whom that state has news; NULL: all of them. */
void lk_room_wake(struct lk_lease_room *room, const struct lk_lease_state *state);
/* That is the document now, for all that is known here. */
void lk_room_seen(struct lk_lease_room *room, struct lk_str text);
/* Of lk_lease_store_watch; arg: the leases. */
void lk_rooms_changed(void *arg, struct lk_str key);
/* Awaits. */
bool lk_room_lock(struct lk_lease_room *room, struct lk_error *err);
void lk_room_unlock(struct lk_lease_room *room);

/*
 * A transaction: the document is read, changed and saved if nobody else did so meanwhile.
 *
 *     do {
 *         if (!lk_txn_begin(room, &txn, err)) …
 *         … txn.state …
 *     } while (lk_txn_commit(&txn, err) == LK_TXN_AGAIN);
 *
 * One at a time in a room. begin notes which of the room's actors have lost their claims, and
 * leaves the dead out; commit renews all of the room.
 */
struct lk_txn {
    struct lk_lease_room *room;
    struct lk_arena *arena;
    struct lk_lease_state state;
    uint64_t now_ms;  /* the store's clock */
    uint64_t sent_ms; /* ours, from before it was read */
    uint64_t version;
    bool closed;                 /* nobody may begin anything new */
    uint64_t closed_ms;          /* for so long */
    bool empty;                  /* there is no document */
    bool durable;                /* set before committing: to be on disk by then */
    struct lk_str last_instance; /* whether it is alive has been asked */
    bool last_alive;
};
enum lk_txn_end { LK_TXN_SAVED, LK_TXN_AGAIN, LK_TXN_FAILED };
bool lk_txn_begin(struct lk_lease_room *room, struct lk_txn *txn, struct lk_error *err);
enum lk_txn_end lk_txn_commit(struct lk_txn *txn, struct lk_error *err);
/* Instead of committing. */
void lk_txn_abandon(struct lk_txn *txn);
/* The queue moves on, unless the store is closed. Committing a change does it too. */
void lk_txn_admit(struct lk_txn *txn);
struct lk_mover lk_txn_mover(const struct lk_txn *txn, const struct lk_lease *actor);

/* ---- actors ---- */

/* What an actor knows of a cell that it uses or moves, to tell when the store forgot it. */
struct lk_known_cell {
    struct lk_cell cell; /* strings in the actor's arena */
    struct lk_known_cell *next;
};

enum lk_actor_phase {
    LK_ACTOR_WAITS, /* for its turn, or for its branch */
    LK_ACTOR_HOLDS,
    LK_ACTOR_LEAVES,
    LK_ACTOR_ENDED,
};

struct lk_lease {
    struct lk_leases *leases;
    struct lk_lease_room *room;
    struct lk_arena *arena;
    struct lk_lease *next; /* in the room */
    unsigned users;        /* who took it, and its actor */

    struct lk_lease_user user;
    struct lk_lease_wish wish; /* copied */
    struct lk_str *projects;   /* what the claim is about: with imports more than was wished */
    size_t n_projects;
    struct lk_str id;
    bool entered;   /* the claim may be in the document */
    bool confirmed; /* it was */
    bool lost;
    bool leaving;                   /* that it is not in the document any more is no loss */
    bool held;                      /* somebody had it */
    uint64_t since_ms, admitted_ms; /* as in the document */
    uint64_t deadline_ms;           /* ours: until then it cannot have expired */
    struct lk_known_cell *cells;

    enum lk_actor_phase phase;
    struct lk_co *co;    /* the actor's */
    struct lk_co *owner; /* who waits for a change of phase */
    bool woken;
    bool given; /* nobody wants it any more */
    bool settled, doubted;
    bool refused; /* now_or_never */
    struct lk_lease_refusal refusal;
    uint64_t shut_since_ms, shut_ms; /* ours: the store is empty, since when (0: it is not), and
                                        for how long it was */
    struct lk_error error;
    struct lk_lease_end end; /* in the arena */
};

/* A new one with one user; room set by lk_room_add. wish NULL: it settles only. */
struct lk_lease *lk_lease_new(struct lk_leases *leases, const struct lk_lease_user *user,
                              const struct lk_lease_wish *wish);
void lk_lease_unref(struct lk_lease *lease);

/* The actor's coroutine. */
void lk_actor_run(void *lease);
/* Awaits a wake, at most delay_ms. False once the actor's coroutine is cancelled. */
bool lk_actor_wait(struct lk_lease *actor, uint64_t delay_ms);
void lk_actor_wake(struct lk_lease *actor);
/* Awaits the same as lk_actor_wait on any coroutine of the leases, by *woken. */
bool lk_leases_wait(struct lk_leases *leases, bool *woken, uint64_t delay_ms);

/*
 * Runs change(actor, txn, arg) in a transaction until it is saved. When change returns false
 * nothing is saved, and so does this, with its error. insist: a store that cannot be reached is
 * tried again for as long as the lease cannot have run out.
 */
bool lk_actor_change(struct lk_lease *actor, bool insist,
                     bool (*change)(struct lk_lease *actor, struct lk_txn *txn, void *arg,
                                    struct lk_error *err),
                     void *arg, struct lk_error *err);
/* What it has borrowed is looked after from here, since the store could not be told, or forgot it;
 * actor->end says why. */
void lk_actor_leave_over(struct lk_lease *actor, const char *why);
/* What it knows of the cell of that project, or NULL; good until the next transaction. */
struct lk_cell *lk_actor_known(const struct lk_lease *actor, struct lk_str project);

/* ---- imports ---- */

/* Adds to actor->projects what they import, as production or the dev workspace has it. */
bool lk_actor_add_imports(struct lk_lease *actor, bool dev, bool *ret_more, struct lk_error *err);

/* ---- moving: on the actor's coroutine ---- */

/* Checks the branch out in the cell of that project, which is MOVING by the actor. */
bool lk_actor_move(struct lk_lease *actor, struct lk_str project, struct lk_error *err);

/* Gives back the cell of that project, which is RETURNING by the actor. False when it could not:
 * the cell is stuck, with the trouble in *err, or not the actor's any more. What there is to tell
 * is logged, and noted in actor->end. left_behind: by others, who are gone. */
bool lk_actor_settle(struct lk_lease *actor, struct lk_str project, bool left_behind,
                     struct lk_error *err);

/* ---- looking ---- */

bool lk_looker_start(struct lk_leases *leases);
/* The cell is to be settled once the store is there again. */
void lk_leases_leave_over(struct lk_leases *leases, struct lk_str key, const struct lk_cell *cell);
/* It is no more. */
void lk_leases_forget(struct lk_leases *leases, struct lk_str key, struct lk_str project,
                      uint64_t fence);

#endif
