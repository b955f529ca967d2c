/*
 * Commands: each gets a slot in the queue, which is the order in which replies come, and a
 * deadline. Whoever is cancelled leaves its slot behind for the reply.
 */
#include "rt/redis_internal.h"

#include "base/memory.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

bool lk_redis_new(struct lk_loop *loop, const struct lk_redis_options *options,
                  struct lk_redis **ret_redis, struct lk_error *err)
{
    struct lk_redis *redis = lk_memory_new(sizeof(*redis));
    const struct lk_redis_url *url = &redis->url;

    *redis = (struct lk_redis){
        .loop = loop,
        .arena = lk_arena_new(),
        .timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : LK_REDIS_TIMEOUT_MS,
        .verify_tls = options->verify_tls,
        .ca_file = options->ca_file,
        .watch = {.fd = -1},
    };
    redis->slots_tail = &redis->slots;
    lk_buf_init(&redis->out, LK_REDIS_MAX_OUT_BYTES);
    if (!lk_redis_url_parse(redis->arena, options->url, &redis->url, err)) {
        lk_redis_free(redis);
        return false;
    }
    redis->name = lk_arena_printf(
        redis->arena, memchr(url->host.ptr, ':', url->host.len) != NULL ? "[%.*s]:%u" : "%.*s:%u",
        LK_STR_ARG(url->host), url->port);
    *ret_redis = redis;
    return true;
}

struct lk_str lk_redis_name(const struct lk_redis *redis)
{
    return redis->name;
}

/* ---- slots ---- */

static void slot_free(struct lk_redis_slot *slot)
{
    lk_timer_stop(slot->redis->loop, &slot->deadline);
    redisFreeCommand(slot->command);
    lk_arena_free(slot->arena);
    free(slot);
}

static void unlink_slot(struct lk_redis_slot *slot)
{
    struct lk_redis *redis = slot->redis;
    struct lk_redis_slot **link = &redis->slots;

    while (*link != slot)
        link = &(*link)->next;
    *link = slot->next;
    if (redis->slots_tail == &slot->next)
        redis->slots_tail = link;
}

/* Takes the slot out of the queue and hands it to whoever awaits it, if anybody still does. */
static void finish(struct lk_redis_slot *slot)
{
    unlink_slot(slot);
    lk_timer_stop(slot->redis->loop, &slot->deadline);
    slot->done = true;
    if (slot->co != NULL)
        lk_co_wake(slot->co);
    else
        slot_free(slot);
}

bool lk_redis_deliver(struct lk_redis *redis, const struct lk_redis_value *value,
                      struct lk_arena *arena)
{
    struct lk_redis_slot *slot = redis->slots;

    if (slot == NULL || !slot->sent) {
        lk_arena_free(arena);
        return false;
    }
    slot->ok = true;
    slot->value = *value;
    slot->arena = arena;
    finish(slot);
    return true;
}

void lk_redis_fail_all(struct lk_redis *redis, const struct lk_error *error)
{
    while (redis->slots != NULL) {
        struct lk_redis_slot *slot = redis->slots;

        slot->err = *error;
        finish(slot);
    }
}

static void on_deadline(void *arg)
{
    struct lk_redis_slot *slot = arg;
    struct lk_redis *redis = slot->redis;
    bool open = redis->state == LK_REDIS_OPEN;
    struct lk_error error = {0};

    lk_fail(&error, LK_ERROR_TIMEOUT,
            open ? "Redis at %.*s did not answer within %" PRIu64 " ms"
                 : "Redis at %.*s could not be reached within %" PRIu64 " ms",
            LK_STR_ARG(redis->name), redis->timeout_ms);
    if (open) { /* those behind it have nothing better to expect of this connection */
        lk_redis_close(redis, &error);
        return;
    }
    slot->err = error;
    finish(slot);
    if (redis->slots == NULL)
        lk_redis_close(redis, NULL);
}

static struct lk_redis_slot *slot_new(struct lk_redis *redis, const struct lk_str *words,
                                      size_t n_words)
{
    struct lk_redis_slot *slot = lk_memory_new(sizeof(*slot));
    struct lk_arena *arena = lk_arena_new();
    const char **texts = lk_arena_array(arena, n_words, sizeof(*texts));
    size_t *lens = lk_arena_array(arena, n_words, sizeof(*lens));
    int len;

    for (size_t i = 0; i < n_words; i++) {
        texts[i] = words[i].len > 0 ? words[i].ptr : "";
        lens[i] = words[i].len;
    }
    slot->redis = redis;
    slot->co = lk_co_self(redis->loop);
    slot->deadline = lk_timer(on_deadline, slot);
    len = redisFormatCommandArgv(&slot->command, (int)n_words, texts, lens);
    slot->command_len = len > 0 ? (size_t)len : 0;
    lk_arena_free(arena);
    return slot;
}

static void send_slot(struct lk_redis_slot *slot)
{
    struct lk_redis *redis = slot->redis;

    if (!lk_buf_append(&redis->out, slot->command, slot->command_len)) {
        lk_buf_truncate(&redis->out, redis->out.len); /* those that did fit may go */
        lk_fail(&slot->err, LK_ERROR_LIMIT,
                "more than %zu bytes of commands wait for Redis at %.*s; try again later",
                LK_REDIS_MAX_OUT_BYTES, LK_STR_ARG(redis->name));
        finish(slot);
        return;
    }
    slot->sent = true;
    redisFreeCommand(slot->command);
    slot->command = NULL;
}

void lk_redis_send_waiting(struct lk_redis *redis)
{
    struct lk_redis_slot *next;

    for (struct lk_redis_slot *slot = redis->slots; slot != NULL; slot = next) {
        next = slot->next;
        if (!slot->sent)
            send_slot(slot);
    }
}

/* ---- what others call ---- */

static bool give_up(struct lk_redis_slot *slot, struct lk_error *err)
{
    struct lk_redis *redis = slot->redis;

    slot->co = NULL;
    if (!slot->sent) {
        finish(slot);
        if (redis->slots == NULL && redis->state != LK_REDIS_OPEN)
            lk_redis_close(redis, NULL);
    }
    return lk_fail(err, LK_ERROR_CANCELLED, "cancelled while waiting for Redis");
}

bool lk_redis_command(struct lk_redis *redis, struct lk_arena *arena, const struct lk_str *words,
                      size_t n_words, struct lk_redis_value *ret_value, struct lk_error *err)
{
    struct lk_redis_slot *slot;
    bool ok;

    assert(lk_co_self(redis->loop) != NULL && n_words > 0);
    if (lk_co_cancelled(lk_co_self(redis->loop)))
        return lk_fail(err, LK_ERROR_CANCELLED, "cancelled before Redis was asked");
    slot = slot_new(redis, words, n_words);
    *redis->slots_tail = slot;
    redis->slots_tail = &slot->next;
    lk_timer_start(redis->loop, &slot->deadline, redis->timeout_ms);
    if (redis->state == LK_REDIS_OPEN) {
        send_slot(slot);
        lk_redis_flush(redis);
    } else {
        lk_redis_connect(redis);
    }
    while (!slot->done && !lk_co_cancelled(slot->co))
        lk_co_park(redis->loop);
    if (!slot->done)
        return give_up(slot, err);
    ok = slot->ok;
    if (ok) {
        *ret_value = slot->value;
        lk_arena_defer(arena, (void (*)(void *))lk_arena_free, slot->arena);
        slot->arena = NULL;
    } else if (err != NULL && err->kind == LK_ERROR_NONE) {
        *err = slot->err;
    }
    slot_free(slot);
    return ok;
}

static bool begins(struct lk_str text, const char *word)
{
    return lk_str_starts(text, lk_str(word));
}

bool lk_redis_fail(const struct lk_redis *redis, const struct lk_redis_value *value,
                   struct lk_error *err)
{
    bool refused = begins(value->text, "NOAUTH") || begins(value->text, "WRONGPASS") ||
                   begins(value->text, "NOPERM");
    struct lk_arena *arena = lk_arena_new();

    lk_fail(err, refused ? LK_ERROR_AUTH : LK_ERROR_UPSTREAM,
            refused ? "Redis at %.*s does not let this user in, or not do this"
                    : "Redis at %.*s refused a command",
            LK_STR_ARG(redis->name));
    lk_error_detail(
        err, "%.*s",
        LK_STR_ARG(lk_redis_printable(
            arena, value->kind == LK_REDIS_ERROR ? value->text : LK_STR("an odd reply"), 300)));
    lk_arena_free(arena);
    return false;
}

void lk_redis_free(struct lk_redis *redis)
{
    if (redis == NULL)
        return;
    lk_redis_close(redis, NULL);
    while (redis->slots != NULL) { /* of coroutines that were cancelled */
        assert(redis->slots->co == NULL);
        finish(redis->slots);
    }
    lk_tls_context_free(redis->tls_context);
    lk_buf_free(&redis->out);
    lk_arena_free(redis->arena);
    free(redis);
}
