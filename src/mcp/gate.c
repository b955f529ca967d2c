/*
 * Places, queues and turns (gate.h).
 *
 * Every caller of whom something runs, waits or is downloaded has a lane. Lanes with a queue are in
 * a ring, and `turn` is the one that is looked at first when a place is free. What a door is to be
 * told waits in its list until its loop comes to it, so that a ticket which leaves meanwhile is
 * simply not found there any more.
 */
#include "mcp/gate.h"

#include "base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define BUCKETS 1024
#define MAX_RUNNING 1024
#define MAX_DOWNLOADS 16
#define MAX_KEY_BYTES 256 /* of longer ones the end counts: tokens differ there */
#define RESERVED_PART 8   /* one place in so many is for callers of whom nothing runs */

struct queue {
    struct mcp_ticket *first, **end;
    uint32_t n;
};

struct mcp_lane {
    struct mcp_lane *next;           /* of the bucket */
    struct mcp_lane *after, *before; /* in the ring, while something waits */
    struct queue queue;
    uint32_t n_running, n_downloads;
    size_t key_len;
    char key[MAX_KEY_BYTES];
};

struct mcp_door {
    struct mcp_gate *gate;
    struct mcp_door_options options;
    struct queue news; /* granted and dropped, to be told */
    bool posted;
    struct mcp_door *next;
};

struct mcp_gate {
    struct mcp_gate_options options;
    uint32_t max_common;   /* places that are not reserved */
    pthread_mutex_t mutex; /* guards what follows */
    struct mcp_lane *buckets[BUCKETS];
    struct mcp_lane *turn; /* NULL: nothing waits */
    struct mcp_gate_count count;
    uint32_t n_downloads;
    struct mcp_door *doors;
};

/* ---- queues ---- */

static void append(struct queue *queue, struct mcp_ticket *ticket)
{
    if (queue->first == NULL)
        queue->end = &queue->first;
    ticket->next = NULL;
    ticket->link = queue->end;
    *queue->end = ticket;
    queue->end = &ticket->next;
    queue->n++;
}

static void take_out(struct queue *queue, struct mcp_ticket *ticket)
{
    *ticket->link = ticket->next;
    if (ticket->next != NULL)
        ticket->next->link = ticket->link;
    else
        queue->end = ticket->link;
    ticket->next = NULL;
    ticket->link = NULL;
    queue->n--;
}

/* ---- lanes ---- */

/* FNV-1a; which bucket a caller gets does not matter to anybody. */
static size_t bucket_of(struct lk_str key)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.ptr[i]) * 16777619u;
    return hash % BUCKETS;
}

static struct mcp_lane *find_lane(struct mcp_gate *gate, struct lk_str caller)
{
    size_t len = caller.len < MAX_KEY_BYTES ? caller.len : MAX_KEY_BYTES;
    struct lk_str key = lk_str_n(caller.len > 0 ? caller.ptr + caller.len - len : "", len);
    struct mcp_lane **at = &gate->buckets[bucket_of(key)];
    struct mcp_lane *lane = *at;

    while (lane != NULL && !lk_str_eq(lk_str_n(lane->key, lane->key_len), key))
        lane = lane->next;
    if (lane != NULL)
        return lane;
    lane = lk_memory_new(sizeof(*lane));
    memcpy(lane->key, key.ptr, key.len);
    lane->key_len = key.len;
    lane->next = *at;
    *at = lane;
    return lane;
}

static void free_if_empty(struct mcp_gate *gate, struct mcp_lane *lane)
{
    struct mcp_lane **at = &gate->buckets[bucket_of(lk_str_n(lane->key, lane->key_len))];

    if (lane->n_running != 0 || lane->queue.n != 0 || lane->n_downloads != 0)
        return;
    while (*at != lane)
        at = &(*at)->next;
    *at = lane->next;
    free(lane);
}

static void join_ring(struct mcp_gate *gate, struct mcp_lane *lane)
{
    struct mcp_lane *turn = gate->turn;

    if (turn == NULL) {
        gate->turn = lane->after = lane->before = lane;
        return;
    }
    lane->after = turn; /* the last one to get its turn */
    lane->before = turn->before;
    turn->before->after = lane;
    turn->before = lane;
}

static void leave_ring(struct mcp_gate *gate, struct mcp_lane *lane)
{
    if (gate->turn == lane)
        gate->turn = lane->after != lane ? lane->after : NULL;
    lane->before->after = lane->after;
    lane->after->before = lane->before;
    lane->after = lane->before = NULL;
}

static void wait_in(struct mcp_gate *gate, struct mcp_lane *lane, struct mcp_ticket *ticket)
{
    if (lane->queue.n == 0)
        join_ring(gate, lane);
    append(&lane->queue, ticket);
    gate->count.waiting++;
    ticket->state = MCP_TICKET_WAITING;
}

static void wait_no_more(struct mcp_gate *gate, struct mcp_ticket *ticket)
{
    struct mcp_lane *lane = ticket->lane;

    take_out(&lane->queue, ticket);
    gate->count.waiting--;
    if (lane->queue.n == 0)
        leave_ring(gate, lane);
}

/* ---- turns ---- */

static bool may_run(const struct mcp_gate *gate, const struct mcp_lane *lane)
{
    return gate->count.running < gate->max_common ||
           (gate->count.running < gate->options.max_running && lane->n_running == 0);
}

static void run(struct mcp_gate *gate, struct mcp_ticket *ticket, enum mcp_ticket_state state)
{
    gate->count.running++;
    ticket->lane->n_running++;
    ticket->state = state;
}

static void on_door(void *arg);

static void tell(struct mcp_ticket *ticket)
{
    struct mcp_door *door = ticket->door;

    append(&door->news, ticket);
    if (!door->posted)
        lk_loop_post(door->options.loop, on_door, door);
    door->posted = true;
}

/* Gives the free places away, until there is none or nobody who may have it. */
static void grant(struct mcp_gate *gate)
{
    const struct mcp_lane *last_refused = NULL;

    while (gate->turn != NULL && gate->turn != last_refused &&
           gate->count.running < gate->options.max_running) {
        struct mcp_lane *lane = gate->turn;
        struct mcp_ticket *ticket = lane->queue.first;

        gate->turn = lane->after;
        if (!may_run(gate, lane)) {
            if (last_refused == NULL)
                last_refused = lane;
            continue;
        }
        last_refused = NULL;
        wait_no_more(gate, ticket);
        run(gate, ticket, MCP_TICKET_GRANTED);
        tell(ticket);
    }
}

/* The last one of the caller who has most waiting, if that is more than `lane` would have. */
static bool drop_for(struct mcp_gate *gate, const struct mcp_lane *lane)
{
    struct mcp_lane *longest = gate->turn;
    struct mcp_ticket *ticket;

    if (longest == NULL)
        return false;
    for (struct mcp_lane *l = longest->after; l != gate->turn; l = l->after) {
        if (l->queue.n > longest->queue.n)
            longest = l;
    }
    if (longest->queue.n <= lane->queue.n + 1)
        return false;
    ticket = longest->queue.first;
    while (ticket->next != NULL)
        ticket = ticket->next;
    wait_no_more(gate, ticket);
    ticket->state = MCP_TICKET_DROPPED;
    ticket->lane = NULL; /* it had others waiting, so the lane stays */
    gate->count.refused++;
    tell(ticket);
    return true;
}

enum mcp_ticket_state mcp_gate_enter(struct mcp_door *door, struct mcp_ticket *ticket,
                                     struct lk_str caller)
{
    struct mcp_gate *gate = door->gate;
    enum mcp_ticket_state state;
    struct mcp_lane *lane;

    pthread_mutex_lock(&gate->mutex);
    lane = find_lane(gate, caller);
    *ticket = (struct mcp_ticket){.door = door, .lane = lane};
    if (lane->queue.n == 0 && may_run(gate, lane)) {
        run(gate, ticket, MCP_TICKET_RUNNING);
    } else if (gate->count.waiting < gate->options.max_waiting || drop_for(gate, lane)) {
        wait_in(gate, lane, ticket);
    } else {
        gate->count.refused++;
        free_if_empty(gate, lane);
    }
    state = ticket->state; /* soon it may be another, by another thread */
    pthread_mutex_unlock(&gate->mutex);
    return state;
}

static void leave(struct mcp_gate *gate, struct mcp_ticket *ticket)
{
    struct mcp_lane *lane = ticket->lane;

    if (ticket->state == MCP_TICKET_WAITING)
        wait_no_more(gate, ticket);
    if (ticket->state == MCP_TICKET_GRANTED || ticket->state == MCP_TICKET_DROPPED)
        take_out(&ticket->door->news, ticket);
    if (ticket->state == MCP_TICKET_GRANTED || ticket->state == MCP_TICKET_RUNNING) {
        gate->count.running--;
        lane->n_running--;
    }
    ticket->state = MCP_TICKET_OUT;
    grant(gate);
    if (lane != NULL)
        free_if_empty(gate, lane);
}

void mcp_gate_leave(struct mcp_ticket *ticket)
{
    if (ticket->door == NULL)
        return;
    pthread_mutex_lock(&ticket->door->gate->mutex);
    if (ticket->state != MCP_TICKET_OUT)
        leave(ticket->door->gate, ticket);
    pthread_mutex_unlock(&ticket->door->gate->mutex);
}

/* ---- telling ---- */

/* The next one, in its new state; NULL: no more. */
static struct mcp_ticket *next_news(struct mcp_door *door, bool *ret_granted)
{
    struct mcp_ticket *ticket;

    pthread_mutex_lock(&door->gate->mutex);
    ticket = door->news.first;
    if (ticket == NULL) {
        door->posted = false;
    } else {
        take_out(&door->news, ticket);
        *ret_granted = ticket->state == MCP_TICKET_GRANTED;
        ticket->state = *ret_granted ? MCP_TICKET_RUNNING : MCP_TICKET_OUT;
    }
    pthread_mutex_unlock(&door->gate->mutex);
    return ticket;
}

static void on_door(void *arg)
{
    struct mcp_door *door = arg;
    struct mcp_ticket *ticket;
    bool granted;

    while ((ticket = next_news(door, &granted)) != NULL) {
        if (granted)
            door->options.granted(ticket);
        else
            door->options.dropped(ticket);
    }
}

/* ---- life ---- */

struct mcp_gate *mcp_gate_new(const struct mcp_gate_options *options)
{
    struct mcp_gate *gate = lk_memory_new(sizeof(*gate));

    gate->options = *options;
    if (gate->options.max_running == 0)
        gate->options.max_running = MAX_RUNNING;
    if (gate->options.max_downloads == 0)
        gate->options.max_downloads = MAX_DOWNLOADS;
    gate->max_common = gate->options.max_running - gate->options.max_running / RESERVED_PART;
    pthread_mutex_init(&gate->mutex, NULL);
    return gate;
}

void mcp_gate_free(struct mcp_gate *gate)
{
    struct mcp_door *next;

    if (gate == NULL)
        return;
    assert(gate->count.running == 0 && gate->count.waiting == 0 && gate->n_downloads == 0);
    for (struct mcp_door *door = gate->doors; door != NULL; door = next) {
        next = door->next;
        free(door);
    }
    pthread_mutex_destroy(&gate->mutex);
    free(gate);
}

uint32_t mcp_gate_max_running(const struct mcp_gate *gate)
{
    return gate->options.max_running;
}

uint32_t mcp_gate_max_waiting(const struct mcp_gate *gate)
{
    return gate->options.max_waiting;
}

uint32_t mcp_gate_max_downloads(const struct mcp_gate *gate)
{
    return gate->options.max_downloads;
}

struct mcp_lane *mcp_gate_begin_download(struct mcp_gate *gate, struct lk_str caller, bool *ret_own)
{
    uint32_t max = gate->options.max_downloads;
    struct mcp_lane *lane;
    bool room, own;

    pthread_mutex_lock(&gate->mutex);
    lane = find_lane(gate, caller);
    room = gate->n_downloads < max;
    own = room && lane->n_downloads >= (max + 1) / 2;
    if (room && !own) {
        gate->n_downloads++;
        lane->n_downloads++;
    } else {
        free_if_empty(gate, lane);
        lane = NULL;
    }
    pthread_mutex_unlock(&gate->mutex);
    *ret_own = own;
    return lane;
}

void mcp_gate_end_download(struct mcp_gate *gate, struct mcp_lane *lane)
{
    pthread_mutex_lock(&gate->mutex);
    gate->n_downloads--;
    lane->n_downloads--;
    free_if_empty(gate, lane);
    pthread_mutex_unlock(&gate->mutex);
}

struct mcp_gate_count mcp_gate_count(struct mcp_gate *gate)
{
    struct mcp_gate_count count;

    pthread_mutex_lock(&gate->mutex);
    count = gate->count;
    pthread_mutex_unlock(&gate->mutex);
    return count;
}

struct mcp_door *mcp_door_new(struct mcp_gate *gate, const struct mcp_door_options *options)
{
    struct mcp_door *door = lk_memory_new(sizeof(*door));

    door->gate = gate;
    door->options = *options;
    pthread_mutex_lock(&gate->mutex);
    door->next = gate->doors;
    gate->doors = door;
    pthread_mutex_unlock(&gate->mutex);
    return door;
}
