/*
 * What all kinds of store have in common: which kind the options ask for, the name of an instance,
 * and telling the other workers of the process when one has changed a document (through an eventfd
 * each, so that closing a store leaves nothing behind in somebody's loop).
 */
#include "api/lease_store_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

struct lk_lease_letter {
    struct lk_lease_letter *next;
    size_t len;
    char key[];
};

uint64_t lk_lease_wall_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t lk_lease_new_version(void)
{
    uint64_t version = 0;

    while (version == 0) {
        if (getrandom(&version, sizeof(version), 0) != sizeof(version))
            version = lk_lease_wall_ms() ^ (uint64_t)(uintptr_t)&version;
        version >>= 1;
    }
    return version;
}

/* ---- shared ---- */

bool lk_lease_shared_of(const struct lk_lease_kind *kind,
                        const struct lk_lease_store_options *options, void *data,
                        struct lk_lease_shared **ret_shared, struct lk_error *err)
{
    struct lk_lease_shared *shared = lk_memory_new(sizeof(*shared));
    struct lk_arena *arena = lk_arena_new();

    *shared = (struct lk_lease_shared){
        .kind = kind,
        .options =
            {
                .redis_url = lk_arena_str(arena, options->redis_url),
                .state_dir = lk_arena_str(arena, options->state_dir),
                .prefix = lk_arena_str(arena, options->prefix),
                .ttl_ms = options->ttl_ms,
                .verify_tls = options->verify_tls,
                .ca_file = options->ca_file,
                .lock_ms = options->lock_ms > 0 ? options->lock_ms : LK_LEASE_LOCK_MS,
                .log = options->log,
            },
        .arena = arena,
        .data = data,
    };
    pthread_mutex_init(&shared->mutex, NULL);
    if (kind->start != NULL && !kind->start(shared, err)) {
        pthread_mutex_destroy(&shared->mutex);
        lk_arena_free(arena);
        free(shared);
        return false;
    }
    *ret_shared = shared;
    return true;
}

bool lk_lease_shared_new(const struct lk_lease_store_options *options,
                         struct lk_lease_shared **ret_shared, struct lk_error *err)
{
    const struct lk_lease_kind *kind = options->redis_url.len > 0   ? &lk_lease_redis
                                       : options->state_dir.len > 0 ? &lk_lease_file
                                                                    : &lk_lease_memory;

    return lk_lease_shared_of(kind, options, NULL, ret_shared, err);
}

void lk_lease_shared_free(struct lk_lease_shared *shared)
{
    if (shared == NULL)
        return;
    if (shared->kind->free != NULL)
        shared->kind->free(shared);
    pthread_mutex_destroy(&shared->mutex);
    lk_arena_free(shared->arena);
    free(shared);
}

bool lk_lease_shared_is_durable(const struct lk_lease_shared *shared)
{
    return shared->kind->durable;
}

/* ---- telling of changes ---- */

static void free_letters(struct lk_lease_letter *letter)
{
    while (letter != NULL) {
        struct lk_lease_letter *next = letter->next;

        free(letter);
        letter = next;
    }
}

static void read_letters(void *arg, uint32_t events)
{
    struct lk_lease_store *store = arg;
    struct lk_lease_letter *letters;
    uint64_t count;

    (void)events;
    (void)!read(store->event_fd, &count, sizeof(count));
    pthread_mutex_lock(&store->shared->mutex);
    letters = store->mailbox;
    store->mailbox = NULL;
    pthread_mutex_unlock(&store->shared->mutex);
    for (struct lk_lease_letter *letter = letters; letter != NULL; letter = letter->next) {
        if (store->changed != NULL)
            store->changed(store->changed_arg, lk_str_n(letter->key, letter->len));
    }
    free_letters(letters);
}

static void post_letter(struct lk_lease_store *to, struct lk_str key)
{
    static const uint64_t one = 1;
    struct lk_lease_letter *letter = to->mailbox;

    while (letter != NULL && !lk_str_eq(lk_str_n(letter->key, letter->len), key))
        letter = letter->next;
    if (letter != NULL)
        return;
    letter = lk_memory_new(sizeof(*letter) + key.len);
    letter->len = key.len;
    if (key.len > 0)
        memcpy(letter->key, key.ptr, key.len);
    letter->next = to->mailbox;
    to->mailbox = letter;
    (void)!write(to->event_fd, &one, sizeof(one));
}

static void tell_others(struct lk_lease_store *store, struct lk_str key)
{
    struct lk_lease_shared *shared = store->shared;

    pthread_mutex_lock(&shared->mutex);
    for (struct lk_lease_store *other = shared->stores; other != NULL; other = other->next) {
        if (other != store && other->changed != NULL)
            post_letter(other, key);
    }
    pthread_mutex_unlock(&shared->mutex);
}

void lk_lease_store_watch(struct lk_lease_store *store, void (*fn)(void *arg, struct lk_str key),
                          void *arg)
{
    pthread_mutex_lock(&store->shared->mutex);
    store->changed = fn;
    store->changed_arg = arg;
    pthread_mutex_unlock(&store->shared->mutex);
}

/* ---- stores ---- */

/* What may stand in a file's name and in a key. */
static void name_host(char host[48])
{
    char name[256] = "";
    size_t n = 0;

    (void)gethostname(name, sizeof(name) - 1);
    for (const char *at = name; *at != '\0' && n < 47; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || *at == '.' || *at == '-';
        host[n++] = plain ? *at : '-';
    }
    host[n] = '\0';
}

static struct lk_str new_instance(struct lk_arena *arena)
{
    char host[48];
    uint64_t digits = 0;

    name_host(host);
    if (getrandom(&digits, sizeof(digits), 0) != sizeof(digits))
        digits = lk_lease_wall_ms() ^ (uint64_t)(uintptr_t)arena;
    return lk_arena_printf(arena, "%s-%ld-%012llx", host[0] != '\0' ? host : "host", (long)getpid(),
                           (unsigned long long)(digits & UINT64_C(0xffffffffffff)));
}

static void put_in(struct lk_lease_store *store)
{
    pthread_mutex_lock(&store->shared->mutex);
    store->next = store->shared->stores;
    store->shared->stores = store;
    pthread_mutex_unlock(&store->shared->mutex);
}

static void take_out(struct lk_lease_store *store)
{
    struct lk_lease_store **at = &store->shared->stores;

    pthread_mutex_lock(&store->shared->mutex);
    while (*at != store)
        at = &(*at)->next;
    *at = store->next;
    pthread_mutex_unlock(&store->shared->mutex);
}

static void free_store(struct lk_lease_store *store)
{
    if (store->event_fd >= 0) {
        lk_loop_unwatch(store->loop, &store->event_watch);
        close(store->event_fd);
    }
    free_letters(store->mailbox);
    lk_arena_free(store->arena);
    free(store);
}

static bool open_mailbox(struct lk_lease_store *store, struct lk_error *err)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    if (fd < 0)
        return lk_fail(err, LK_ERROR_INTERNAL, "cannot create an eventfd: %s", strerror(errno));
    store->event_watch = (struct lk_watch){.fd = fd, .ready = read_letters, .arg = store};
    if (!lk_loop_watch(store->loop, &store->event_watch, EPOLLIN, err)) {
        close(fd);
        return false;
    }
    store->event_fd = fd;
    return true;
}

bool lk_lease_store_open(struct lk_lease_shared *shared, struct lk_loop *loop,
                         struct lk_lease_store **ret_store, struct lk_error *err)
{
    struct lk_lease_store *store = lk_memory_new(sizeof(*store));

    store->shared = shared;
    store->loop = loop;
    store->event_fd = -1;
    store->arena = lk_arena_new();
    store->instance = new_instance(store->arena);
    if (!open_mailbox(store, err) ||
        (shared->kind->open != NULL && !shared->kind->open(store, err))) {
        free_store(store);
        return false;
    }
    put_in(store);
    *ret_store = store;
    return true;
}

void lk_lease_store_close(struct lk_lease_store *store)
{
    if (store == NULL)
        return;
    take_out(store);
    if (store->shared->kind->close != NULL)
        store->shared->kind->close(store);
    free_store(store);
}

struct lk_str lk_lease_store_instance(const struct lk_lease_store *store)
{
    return store->instance;
}

/* ---- documents ---- */

bool lk_lease_store_load(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str key,
                         struct lk_lease_doc *ret_doc, struct lk_error *err)
{
    return store->shared->kind->load(store, arena, key, ret_doc, err);
}

bool lk_lease_store_save(struct lk_lease_store *store, struct lk_str key, uint64_t version,
                         struct lk_str text, bool durable, bool *ret_saved, struct lk_error *err)
{
    bool saved;

    if (!store->shared->kind->save(store, key, version, text, durable, &saved, err))
        return false;
    if (saved)
        tell_others(store, key);
    *ret_saved = saved;
    return true;
}

bool lk_lease_store_keys(struct lk_lease_store *store, struct lk_arena *arena,
                         struct lk_str **ret_keys, size_t *ret_n, struct lk_error *err)
{
    return store->shared->kind->keys(store, arena, ret_keys, ret_n, err);
}

bool lk_lease_store_is_alive(struct lk_lease_store *store, struct lk_str instance)
{
    return store->shared->kind->is_alive(store, instance);
}

bool lk_lease_store_check(struct lk_lease_store *store, struct lk_arena *arena,
                          struct lk_str *ret_where, struct lk_error *err)
{
    return store->shared->kind->check(store, arena, ret_where, err);
}
