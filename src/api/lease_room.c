/*
 * Rooms (lease_internal.h): who has to do with one user, whose turn it is to change the document,
 * and the keeper, which renews the claims of the room and has those that wait look again when
 * somebody else has changed something.
 */
#include "api/lease_internal.h"

#define MAX_TRIES 100   /* of a renewal that others keep winning from */
#define LOOKS_A_WAKE 10 /* after so many looks all that wait try again: others may have died */

/* ---- waiting ---- */

struct nap {
    struct lk_co *co;
    bool over;
};

static void end_nap(void *arg)
{
    struct nap *nap = arg;

    nap->over = true;
    lk_co_wake(nap->co);
}

bool lk_leases_wait(struct lk_leases *leases, bool *woken, uint64_t delay_ms)
{
    const struct lk_lease_clock *clock = leases->options.clock;
    struct nap nap = {.co = lk_co_self(leases->options.loop)};
    struct lk_timer timer = lk_timer(end_nap, &nap);

    if (delay_ms != UINT64_MAX)
        clock->start(clock->arg, &timer, delay_ms);
    while (!*woken && !nap.over && !lk_co_cancelled(nap.co))
        lk_co_park(leases->options.loop);
    clock->stop(clock->arg, &timer);
    *woken = false;
    return !lk_co_cancelled(nap.co);
}

/* ---- one transaction at a time ---- */

struct lk_room_waiter {
    struct lk_co *co;
    bool locked;
    struct lk_room_waiter *next;
};

bool lk_room_lock(struct lk_lease_room *room, struct lk_error *err)
{
    struct lk_loop *loop = room->leases->options.loop;
    struct lk_room_waiter self = {.co = lk_co_self(loop)};
    struct lk_room_waiter **at;

    if (!room->locked) {
        room->locked = true;
        return true;
    }
    for (at = &room->queue; *at != NULL; at = &(*at)->next)
        ;
    *at = &self;
    while (!self.locked && !lk_co_cancelled(self.co))
        lk_co_park(loop);
    if (self.locked)
        return true;
    for (at = &room->queue; *at != &self; at = &(*at)->next)
        ;
    *at = self.next;
    return lk_fail(err, LK_ERROR_CANCELLED, "cancelled");
}

void lk_room_unlock(struct lk_lease_room *room)
{
    struct lk_room_waiter *next = room->queue;

    room->locked = next != NULL;
    if (next == NULL)
        return;
    room->queue = next->next;
    next->locked = true;
    lk_co_wake(next->co);
}

/* ---- the keeper ---- */

struct lk_lease *lk_room_actor(const struct lk_lease_room *room, struct lk_str id)
{
    struct lk_lease *actor = room->first;

    while (actor != NULL && !lk_str_eq(actor->id, id))
        actor = actor->next;
    return actor;
}

/* Those that are not admitted in it have nothing to look for: whoever changes a state admits all
 * that may go. */
void lk_room_wake(struct lk_lease_room *room, const struct lk_lease_state *state)
{
    for (struct lk_lease *actor = room->first; actor != NULL; actor = actor->next) {
        const struct lk_claim *claim = NULL;

        if (actor->phase != LK_ACTOR_WAITS)
            continue;
        if (state != NULL)
            claim = lk_state_claim(state, actor->id);
        if (claim == NULL || claim->admitted_ms != 0)
            lk_actor_wake(actor);
    }
}

static void wake_keeper(struct lk_lease_room *room)
{
    room->keeper_woken = true;
    if (room->keeper != NULL)
        lk_co_wake(room->keeper);
}

void lk_rooms_changed(void *arg, struct lk_str key)
{
    struct lk_leases *leases = arg;

    for (struct lk_lease_room *room = leases->rooms; room != NULL; room = room->next) {
        if (lk_str_eq(room->key, key) && room->n_waiting > 0)
            wake_keeper(room);
    }
}

void lk_room_waits(struct lk_lease_room *room, bool begins)
{
    if (begins && room->n_waiting++ == 0)
        wake_keeper(room);
    else if (!begins)
        room->n_waiting--;
}

static bool renew(struct lk_lease_room *room)
{
    struct lk_error failure = {0};
    enum lk_txn_end end = LK_TXN_AGAIN;
    struct lk_txn txn;

    for (unsigned tries = 0; end == LK_TXN_AGAIN && tries < MAX_TRIES; tries++) {
        if (!lk_txn_begin(room, &txn, &failure))
            return false;
        txn.state.changed |= txn.state.n_claims > 0 || txn.state.n_cells > 0;
        end = lk_txn_commit(&txn, &failure);
    }
    return end == LK_TXN_SAVED;
}

void lk_room_seen(struct lk_lease_room *room, struct lk_str text)
{
    lk_buf_truncate(&room->seen, 0);
    lk_buf_str(&room->seen, text);
}

/* Wakes those for whom the document has news, if it was changed since the last look. */
static void look(struct lk_lease_room *room)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_lease_state state;
    struct lk_error failure = {0};
    struct lk_lease_doc doc;

    if (lk_lease_store_load(room->leases->options.store, arena, room->key, &doc, &failure) &&
        !lk_str_eq(doc.text, lk_buf_view(&room->seen)) &&
        lk_state_read(arena, doc.text, &state, &failure)) {
        lk_room_seen(room, doc.text);
        lk_room_wake(room, &state);
    }
    lk_arena_free(arena);
    if (++room->looks % LOOKS_A_WAKE == 0)
        lk_room_wake(room, NULL);
}

/* Until when the keeper has nothing to do. */
static uint64_t next_wait_ms(const struct lk_lease_room *room, uint64_t renew_at_ms)
{
    const struct lk_leases_options *options = &room->leases->options;
    uint64_t now_ms = lk_leases_now_ms(room->leases);
    uint64_t wait_ms = renew_at_ms > now_ms ? renew_at_ms - now_ms : 1;

    return room->n_waiting > 0 && wait_ms > options->poll_ms ? options->poll_ms : wait_ms;
}

static void close_room(struct lk_lease_room *room)
{
    struct lk_leases *leases = room->leases;
    struct lk_lease_room **at = &leases->rooms;

    while (*at != room)
        at = &(*at)->next;
    *at = room->next;
    lk_buf_free(&room->seen);
    lk_arena_free(room->arena);
    lk_leases_done(leases);
}

static void keep(void *arg)
{
    struct lk_lease_room *room = arg;
    struct lk_leases *leases = room->leases;
    uint64_t third_ms = leases->options.ttl_ms / 3, failed_ms = 0;

    room->keeper = lk_co_self(leases->options.loop);
    while (room->first != NULL) {
        uint64_t at_ms = failed_ms != 0 ? failed_ms + third_ms / 4 : room->renewed_ms + third_ms;

        if (lk_co_cancelled(room->keeper)) {
            lk_co_park(leases->options.loop); /* until the last of them has gone */
            continue;
        }
        if (lk_leases_now_ms(leases) >= at_ms) {
            uint64_t begun_ms = lk_leases_now_ms(leases);

            failed_ms = renew(room) ? 0 : begun_ms;
            if (failed_ms == 0)
                room->renewed_ms = begun_ms;
        } else if (room->n_waiting > 0) {
            look(room);
        }
        at_ms = failed_ms != 0 ? failed_ms + third_ms / 4 : room->renewed_ms + third_ms;
        if (room->first != NULL)
            (void)lk_leases_wait(leases, &room->keeper_woken, next_wait_ms(room, at_ms));
    }
    close_room(room);
}

/* ---- coming and going ---- */

static struct lk_lease_room *room_of(struct lk_leases *leases, struct lk_str key)
{
    struct lk_lease_room *room = leases->rooms;
    struct lk_arena *arena;

    while (room != NULL && !lk_str_eq(room->key, key))
        room = room->next;
    if (room != NULL)
        return room;
    arena = lk_arena_new();
    room = lk_arena_new_object(arena, struct lk_lease_room);
    *room = (struct lk_lease_room){.leases = leases,
                                   .arena = arena,
                                   .key = lk_arena_str(arena, key),
                                   .renewed_ms = lk_leases_now_ms(leases),
                                   .next = leases->rooms};
    lk_buf_init(&room->seen, LK_STATE_MAX_BYTES);
    leases->rooms = room;
    return room;
}

static void unlink_actor(struct lk_lease *actor)
{
    struct lk_lease **at = &actor->room->first;

    while (*at != actor)
        at = &(*at)->next;
    *at = actor->next;
}

bool lk_room_add(struct lk_leases *leases, struct lk_lease *actor, struct lk_error *err)
{
    struct lk_lease_room *room = room_of(leases, actor->user.id);

    actor->room = room;
    actor->next = room->first;
    room->first = actor;
    if (room->keeper != NULL || lk_leases_start(leases, keep, room, err))
        return true;
    unlink_actor(actor);
    leases->rooms = room->next; /* it was made just now */
    lk_arena_free(room->arena);
    return false;
}

void lk_room_remove(struct lk_lease *actor)
{
    unlink_actor(actor);
    if (actor->room->first == NULL)
        wake_keeper(actor->room);
}
