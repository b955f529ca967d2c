/*
 * Transactions of this worker on the document of a user (lease_internal.h), and what its actors
 * learn from each: that a claim was lost, or that the store has forgotten it and is told again.
 */
#include "api/lease_internal.h"

#define MAX_TRIES 1000 /* of a transaction that others keep winning from */
#define DRIFT_SHARE 2  /* of the margin: by how much the store's clock may go astray */
#define RETRY_MS 50    /* doubles up to a second */

/* ---- what the room's actors know ---- */

static bool has_time(const struct lk_lease *actor)
{
    return lk_leases_now_ms(actor->leases) < actor->deadline_ms;
}

static void lose(struct lk_lease *actor)
{
    actor->lost = true;
    if (actor->phase == LK_ACTOR_HOLDS)
        lk_log_warning(
            actor->leases->options.log, "lease.lost", lk_log_str("user_id", actor->user.id),
            lk_log_str("project", actor->n_projects > 0 ? actor->projects[0] : (struct lk_str){0}),
            lk_log_str("branch", actor->wish.branch), lk_log_str("tool", actor->wish.what));
    lk_actor_wake(actor);
}

static void put_claim(struct lk_txn *txn, const struct lk_lease *actor)
{
    struct lk_claim claim = {
        .id = actor->id,
        .instance = actor->leases->instance,
        .mode = actor->wish.mode,
        .branch = actor->wish.branch,
        .projects = actor->projects,
        .n_projects = actor->n_projects,
        .what = actor->wish.what,
        .since_ms = actor->since_ms,
        .admitted_ms = actor->admitted_ms,
    };

    lk_state_enter(&txn->state, &claim);
}

static void check_claim(struct lk_txn *txn, struct lk_lease *actor)
{
    const struct lk_claim *claim = lk_state_claim(&txn->state, actor->id);

    if (claim != NULL) {
        actor->confirmed = true;
    } else if (!actor->confirmed || actor->lost || actor->leaving) {
        return;
    } else if (txn->closed && has_time(actor)) {
        put_claim(txn, actor); /* the store forgot it, and nobody can have begun anything since */
    } else {
        if (txn->empty)
            lk_actor_leave_over(actor, "it does not know of this call any more");
        lose(actor);
    }
}

static bool uses(const struct lk_lease *actor, const struct lk_cell *cell)
{
    if (lk_str_eq(cell->by, actor->id))
        return true;
    if (!actor->entered || actor->admitted_ms == 0 || actor->wish.mode != LK_CLAIM_BRANCH ||
        !lk_str_eq(cell->branch, actor->wish.branch))
        return false;
    for (size_t i = 0; i < actor->n_projects; i++) {
        if (lk_str_eq(actor->projects[i], cell->project))
            return true;
    }
    return false;
}

static struct lk_cell copy_cell(struct lk_arena *arena, const struct lk_cell *cell)
{
    struct lk_cell copy = *cell;

    copy.project = lk_arena_str(arena, cell->project);
    copy.home = lk_arena_str(arena, cell->home);
    copy.branch = lk_arena_str(arena, cell->branch);
    copy.by = lk_arena_str(arena, cell->by);
    copy.trouble = lk_arena_str(arena, cell->trouble);
    copy.user_id = lk_arena_str(arena, cell->user_id);
    return copy;
}

static bool same_cell(const struct lk_cell *a, const struct lk_cell *b)
{
    return a->fence == b->fence && a->change == b->change;
}

struct lk_cell *lk_actor_known(const struct lk_lease *actor, struct lk_str project)
{
    for (struct lk_known_cell *known = actor->cells; known != NULL; known = known->next) {
        if (lk_str_eq(known->cell.project, project))
            return &known->cell;
    }
    return NULL;
}

/* Forgets the cells that are gone, and remembers those that it uses as they are now. */
static void learn(struct lk_lease *actor, const struct lk_lease_state *state)
{
    struct lk_known_cell **at = &actor->cells;
    const struct lk_claim *claim = lk_state_claim(state, actor->id);

    if (actor->entered && !actor->leaving && claim == NULL)
        return;
    if (claim != NULL) {
        actor->since_ms = claim->since_ms;
        actor->admitted_ms = claim->admitted_ms;
    }
    while (*at != NULL) {
        const struct lk_cell *cell = lk_state_cell(state, (*at)->cell.project);

        if (cell == NULL || !uses(actor, cell))
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
    for (size_t i = 0; i < state->n_cells; i++) {
        const struct lk_cell *cell = &state->cells[i];
        struct lk_cell *known = lk_actor_known(actor, cell->project);
        struct lk_known_cell *added;

        if (!uses(actor, cell) || (known != NULL && same_cell(known, cell)))
            continue;
        if (known != NULL) {
            *known = copy_cell(actor->arena, cell);
            continue;
        }
        added = lk_arena_new_object(actor->arena, struct lk_known_cell);
        *added = (struct lk_known_cell){copy_cell(actor->arena, cell), actor->cells};
        actor->cells = added;
    }
}

static void learn_all(const struct lk_lease_room *room, const struct lk_lease_state *state)
{
    for (struct lk_lease *actor = room->first; actor != NULL; actor = actor->next)
        learn(actor, state);
}

/* Unless somebody has put it in already who knew as much of it. */
static void put_cell(struct lk_txn *txn, const struct lk_cell *known)
{
    struct lk_cell *cell = lk_state_cell(&txn->state, known->project);

    if (cell != NULL && (cell->fence != known->fence || cell->change >= known->change))
        return;
    if (cell != NULL)
        lk_state_remove_cell(&txn->state, cell);
    lk_state_put_cell(&txn->state, known);
}

static void check_actors(struct lk_txn *txn)
{
    for (struct lk_lease *actor = txn->room->first; actor != NULL; actor = actor->next) {
        if (actor->entered)
            check_claim(txn, actor);
        if (!txn->closed || actor->lost || !has_time(actor))
            continue;
        for (struct lk_known_cell *known = actor->cells; known != NULL; known = known->next)
            put_cell(txn, &known->cell);
    }
}

/* ---- the store's clock ---- */

/* Somebody has died when his time is over by the store's clock; when that clock was set, nobody's
 * is for as long as it takes until a full life has passed by our own. */
static bool is_clock_good(struct lk_leases *leases, const struct lk_txn *txn)
{
    int64_t slack = (int64_t)(leases->margin_ms / DRIFT_SHARE);
    uint64_t received_ms = lk_leases_now_ms(leases);
    int64_t low = (int64_t)txn->now_ms - (int64_t)received_ms;
    int64_t high = (int64_t)txn->now_ms - (int64_t)txn->sent_ms;

    if (leases->clock_since_ms == 0 || low > leases->clock_high_ms + slack ||
        high < leases->clock_low_ms - slack) {
        leases->clock_since_ms = received_ms > 0 ? received_ms : 1;
        leases->clock_low_ms = low;
        leases->clock_high_ms = high;
    }
    if (leases->clock_low_ms < low && low <= leases->clock_high_ms)
        leases->clock_low_ms = low;
    if (leases->clock_high_ms > high && high >= leases->clock_low_ms)
        leases->clock_high_ms = high;
    return received_ms - leases->clock_since_ms >= leases->options.ttl_ms;
}

/* ---- transactions ---- */

static bool is_mine(const struct lk_txn *txn, struct lk_str *id)
{
    struct lk_str whole = *id;
    struct lk_str instance = lk_str_take(id, '/');

    *id = instance;
    return lk_str_eq(instance, txn->room->leases->instance) &&
           lk_room_actor(txn->room, whole) != NULL;
}

static bool is_alive(void *arg, struct lk_str id)
{
    struct lk_txn *txn = arg;
    struct lk_leases *leases = txn->room->leases;

    if (is_mine(txn, &id))
        return true;
    if (lk_str_eq(id, leases->instance))
        return false; /* one whose actor is gone */
    if (txn->last_instance.len == 0 || !lk_str_eq(txn->last_instance, id)) {
        txn->last_instance = id;
        txn->last_alive = lk_lease_store_is_alive(leases->options.store, id);
    }
    return txn->last_alive;
}

static bool is_exempt(void *arg, struct lk_str id)
{
    return is_mine(arg, &id);
}

/* A damaged document goes under another name, for a person to look at, and the user starts anew. */
static bool set_aside(struct lk_txn *txn, const struct lk_lease_doc *doc,
                      const struct lk_error *why, struct lk_error *err)
{
    struct lk_leases *leases = txn->room->leases;
    struct lk_str name =
        lk_arena_printf(txn->arena, "%.*s.damaged-%llu", LK_STR_ARG(txn->room->key),
                        (unsigned long long)doc->now_ms);
    bool saved;

    if (!lk_lease_store_save(leases->options.store, name, 0, doc->text, true, &saved, err))
        return false;
    lk_log_error(leases->options.log, "lease.journal_damaged",
                 lk_log_str("user_id", txn->room->key), lk_log_str("kept_as", name),
                 lk_log_text("why", why->message),
                 lk_log_text("remedy", "branches that it says were borrowed may still be checked "
                                       "out; compare it with the user's dev workspace"));
    txn->state = (struct lk_lease_state){.arena = txn->arena, .changed = true};
    return true;
}

static void note_away(struct lk_lease_room *room, bool away, const struct lk_error *err)
{
    const struct lk_log *log = room->leases->options.log;

    if (away && !room->away)
        lk_log_warning(log, "lease.store_away", lk_log_str("user_id", room->key),
                       lk_log_text("why", err->message));
    else if (!away && room->away)
        lk_log_info(log, "lease.store_back", lk_log_str("user_id", room->key));
    room->away = away;
}

/* Says once that nothing can begin, and why. */
static void note_shut(const struct lk_txn *txn)
{
    struct lk_leases *leases = txn->room->leases;

    if (txn->closed && !leases->shut)
        lk_log_warning(leases->options.log, "lease.store_empty",
                       lk_log_int("nothing_begins_for_ms", (int64_t)txn->closed_ms),
                       lk_log_text("why", "the store of leases (LOOKER_LEASE_URL) is new, or has "
                                          "lost its data; who held leases before can say so "
                                          "meanwhile"),
                       lk_log_text("remedy", "let it keep its data"));
    leases->shut = txn->closed;
}

/* Says once that a claim of another server is renewed for longer than ours; it is the one with the
 * shorter time that sees it. */
static void compare_ttl(const struct lk_txn *txn)
{
    struct lk_leases *leases = txn->room->leases;
    uint64_t most_ms = txn->now_ms + leases->options.ttl_ms + leases->margin_ms;

    for (size_t i = 0; i < txn->state.n_claims && !leases->told_ttl; i++) {
        const struct lk_claim *claim = &txn->state.claims[i];

        if (claim->until_ms <= most_ms || claim->instance.len == 0)
            continue;
        leases->told_ttl = true;
        lk_log_warning(leases->options.log, "lease.ttl_differs",
                       lk_log_str("instance", claim->instance),
                       lk_log_int("its_ms_or_more", (int64_t)(claim->until_ms - txn->now_ms)),
                       lk_log_int("our_ms", (int64_t)leases->options.ttl_ms),
                       lk_log_text("remedy", "give all servers the same LOOKER_LEASE_TTL"));
    }
}

static bool load(struct lk_txn *txn, struct lk_error *err)
{
    struct lk_lease_room *room = txn->room;
    struct lk_lease_doc doc = {0};
    struct lk_error failure = {0};

    if (!lk_lease_store_load(room->leases->options.store, txn->arena, room->key, &doc, &failure)) {
        note_away(room, failure.kind != LK_ERROR_CANCELLED, &failure);
        *err = failure;
        return false;
    }
    note_away(room, false, NULL);
    txn->now_ms = doc.now_ms;
    txn->version = doc.version;
    txn->closed = doc.closed_until_ms > doc.now_ms;
    txn->closed_ms = txn->closed ? doc.closed_until_ms - doc.now_ms : 0;
    txn->empty = doc.text.len == 0;
    note_shut(txn);
    if (lk_state_read(txn->arena, doc.text, &txn->state, &failure))
        return true;
    if (failure.kind == LK_ERROR_PARSE)
        return set_aside(txn, &doc, &failure, err);
    return lk_fail(err, failure.kind,
                   "the journal of borrowed branches of user %.*s cannot be "
                   "read: %s",
                   LK_STR_ARG(room->key), failure.message);
}

bool lk_txn_begin(struct lk_lease_room *room, struct lk_txn *txn, struct lk_error *err)
{
    struct lk_error failure = {0};
    struct lk_lease_view view = {.is_alive = is_alive, .is_exempt = is_exempt, .arg = txn};

    if (!lk_room_lock(room, err))
        return false;
    *txn = (struct lk_txn){
        .room = room, .arena = lk_arena_new(), .sent_ms = lk_leases_now_ms(room->leases)};
    if (!load(txn, &failure)) {
        lk_txn_abandon(txn);
        if (err != NULL && err->kind == LK_ERROR_NONE)
            *err = failure;
        return false;
    }
    view.now_ms = txn->now_ms;
    view.expires = is_clock_good(room->leases, txn);
    if (view.expires)
        compare_ttl(txn);
    check_actors(txn);
    (void)lk_state_expire(&txn->state, &view);
    learn_all(room, &txn->state);
    return true;
}

void lk_txn_abandon(struct lk_txn *txn)
{
    lk_arena_free(txn->arena);
    txn->arena = NULL;
    lk_room_unlock(txn->room);
}

void lk_txn_admit(struct lk_txn *txn)
{
    if (!txn->closed)
        lk_state_admit(&txn->state, txn->now_ms, txn->room->leases->options.wait_ms / 6);
}

struct lk_mover lk_txn_mover(const struct lk_txn *txn, const struct lk_lease *actor)
{
    return (struct lk_mover){
        .id = actor->id,
        .now_ms = txn->now_ms,
        .until_ms = txn->now_ms + txn->room->leases->options.ttl_ms,
        .user_id = actor->user.id,
        .service = actor->user.principal.kind == LK_AS_SERVICE,
        .regardless = actor->wish.sets_branch,
    };
}

static void renew_all(struct lk_txn *txn)
{
    uint64_t until_ms = txn->now_ms + txn->room->leases->options.ttl_ms;

    for (size_t i = 0; i < txn->state.n_claims; i++) {
        if (lk_room_actor(txn->room, txn->state.claims[i].id) != NULL)
            txn->state.claims[i].until_ms = until_ms;
    }
    for (size_t i = 0; i < txn->state.n_cells; i++) {
        struct lk_cell *cell = &txn->state.cells[i];

        if (cell->by.len > 0 && lk_room_actor(txn->room, cell->by) != NULL)
            cell->by_until_ms = until_ms;
    }
}

/* Whether something in it is the actor's, and was renewed with it. */
static bool is_in(const struct lk_lease_state *state, const struct lk_lease *actor)
{
    if (lk_state_claim(state, actor->id) != NULL)
        return true;
    for (size_t i = 0; i < state->n_cells; i++) {
        if (lk_str_eq(state->cells[i].by, actor->id))
            return true;
    }
    return false;
}

static void note_saved(struct lk_txn *txn)
{
    struct lk_lease_room *room = txn->room;
    struct lk_leases *leases = room->leases;

    room->renewed_ms = txn->sent_ms;
    for (struct lk_lease *actor = room->first; actor != NULL; actor = actor->next) {
        if (actor->lost)
            continue;
        if (is_in(&txn->state, actor))
            actor->deadline_ms = txn->sent_ms + leases->options.ttl_ms - leases->margin_ms;
        if (actor->entered)
            check_claim(txn, actor);
    }
    learn_all(room, &txn->state);
    lk_room_wake(room, &txn->state);
}

enum lk_txn_end lk_txn_commit(struct lk_txn *txn, struct lk_error *err)
{
    struct lk_lease_room *room = txn->room;
    struct lk_error failure = {0};
    enum lk_txn_end end = LK_TXN_FAILED;
    struct lk_buf text;
    bool saved;

    if (!txn->state.changed) {
        lk_txn_abandon(txn);
        return LK_TXN_SAVED;
    }
    lk_txn_admit(txn);
    renew_all(txn);
    lk_buf_init(&text, LK_STATE_MAX_BYTES);
    lk_state_write(&txn->state, &text);
    if (text.overflow) {
        lk_fail(err, LK_ERROR_LIMIT,
                "too much is going on in the dev workspace of user %.*s: its "
                "journal would have more than %zu bytes; try again later",
                LK_STR_ARG(room->key), LK_STATE_MAX_BYTES);
    } else if (!lk_lease_store_save(room->leases->options.store, room->key, txn->version,
                                    lk_buf_view(&text), txn->durable, &saved, &failure)) {
        note_away(room, failure.kind != LK_ERROR_CANCELLED, &failure);
        if (err != NULL && err->kind == LK_ERROR_NONE)
            *err = failure;
    } else if (saved) {
        note_saved(txn);
        lk_room_seen(room, lk_buf_view(&text));
        end = LK_TXN_SAVED;
    } else {
        end = LK_TXN_AGAIN;
    }
    lk_buf_free(&text);
    lk_txn_abandon(txn);
    return end;
}

bool lk_actor_change(struct lk_lease *actor, bool insist,
                     bool (*change)(struct lk_lease *actor, struct lk_txn *txn, void *arg,
                                    struct lk_error *err),
                     void *arg, struct lk_error *err)
{
    uint64_t delay_ms = RETRY_MS;

    for (unsigned tries = 0; tries < MAX_TRIES;) {
        struct lk_error failure = {0};
        struct lk_txn txn;
        enum lk_txn_end end = LK_TXN_FAILED;

        if (lk_txn_begin(actor->room, &txn, &failure)) {
            if (!change(actor, &txn, arg, err)) {
                lk_txn_abandon(&txn);
                return false;
            }
            end = lk_txn_commit(&txn, &failure);
        }
        if (end == LK_TXN_SAVED)
            return true;
        if (end == LK_TXN_AGAIN) {
            tries++;
            continue;
        }
        /* Without a claim or a cell of its own it has nothing to wait for. */
        if (!insist || !has_time(actor) || !lk_actor_wait(actor, delay_ms)) {
            if (err != NULL && err->kind == LK_ERROR_NONE)
                *err = failure;
            return false;
        }
        delay_ms = delay_ms < 1000 ? delay_ms * 2 : delay_ms;
    }
    return lk_fail(err, LK_ERROR_LIMIT,
                   "too many others use the dev workspace of user %.*s at "
                   "once; try again later",
                   LK_STR_ARG(actor->user.id));
}
