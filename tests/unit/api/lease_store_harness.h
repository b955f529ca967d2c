/*
 * Two stores of the same documents on one loop, in memory, files or Redis, and saving and loading
 * from a test's own stack.
 */
#ifndef LK_TEST_LEASE_STORE_HARNESS_H
#define LK_TEST_LEASE_STORE_HARNESS_H

#include "../redis_server.h"

#include "api/lease_store.h"
#include "rt/co.h"

enum kind { IN_MEMORY, IN_FILES, IN_REDIS };

struct fixture {
    enum kind kind;
    struct lk_lease_store_options options;
    struct lk_loop *loop;
    struct lk_arena *arena;
    struct lk_lease_shared *shared;
    struct lk_lease_store *one, *other;
    char folder[64]; /* IN_FILES: LOOKER_STATE_DIR is "state" in it, and not there yet */
    char path[128], url[64];
    unsigned told;
    char last[16];
};

/* One for all tests of a program: starting it takes longer than most of them. */
static struct redis_server redis_of_all;

static inline void remove_all(const char *folder)
{
    pid_t pid = fork();

    if (pid == 0) {
        execlp("rm", "rm", "-rf", folder, NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

static inline bool open_stores(struct fixture *f)
{
    return lk_lease_shared_new(&f->options, &f->shared, NULL) &&
           lk_lease_store_open(f->shared, f->loop, &f->one, NULL) &&
           lk_lease_store_open(f->shared, f->loop, &f->other, NULL);
}

static inline void close_stores(struct fixture *f)
{
    lk_lease_store_close(f->one);
    lk_lease_store_close(f->other);
    lk_lease_shared_free(f->shared);
    f->one = f->other = NULL;
    f->shared = NULL;
}

/* *state is an enum kind * before, and the fixture after. */
static inline int set_up(void **state)
{
    static unsigned n;
    struct fixture *f = calloc(1, sizeof(*f));

    f->kind = *(const enum kind *)*state;
    *state = f;
    f->arena = lk_arena_new();
    f->options = (struct lk_lease_store_options){
        .prefix = lk_arena_printf(f->arena, "https://looker-%u.example.com:19999", n++),
        .ttl_ms = 1000,
    };
    if (f->kind == IN_FILES) {
        snprintf(f->folder, sizeof(f->folder), "/tmp/lk-lease-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        snprintf(f->path, sizeof(f->path), "%s/a/state", f->folder);
        f->options.state_dir = lk_str(f->path);
    }
    if (f->kind == IN_REDIS) {
        if (redis_of_all.port == 0)
            redis_start(&redis_of_all);
        snprintf(f->url, sizeof(f->url), "redis://127.0.0.1:%u/2", redis_of_all.port);
        f->options.redis_url = lk_str(f->url);
    }
    return lk_loop_new(&f->loop, NULL) && open_stores(f) ? 0 : -1;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;

    close_stores(f);
    lk_loop_free(f->loop);
    if (f->folder[0] != '\0')
        remove_all(f->folder);
    lk_arena_free(f->arena);
    free(f);
    return 0;
}

static inline int end_redis(void **state)
{
    (void)state;
    if (redis_of_all.port != 0)
        redis_end(&redis_of_all);
    return 0;
}

/* ---- one thing, to its end ---- */

struct deed {
    struct lk_lease_store *store;
    struct lk_arena *arena;
    struct lk_str key, text;
    uint64_t version;
    bool durable;
    struct lk_lease_doc doc;
    struct lk_str *keys, where;
    size_t n_keys;
    bool saved, ok, ended;
    struct lk_error err;
};

static inline void do_load(void *arg)
{
    struct deed *d = arg;

    d->ok = lk_lease_store_load(d->store, d->arena, d->key, &d->doc, &d->err);
    d->ended = true;
}

static inline void do_save(void *arg)
{
    struct deed *d = arg;

    d->ok =
        lk_lease_store_save(d->store, d->key, d->version, d->text, d->durable, &d->saved, &d->err);
    d->ended = true;
}

static inline void do_keys(void *arg)
{
    struct deed *d = arg;

    d->ok = lk_lease_store_keys(d->store, d->arena, &d->keys, &d->n_keys, &d->err);
    d->ended = true;
}

static inline void do_check(void *arg)
{
    struct deed *d = arg;

    d->ok = lk_lease_store_check(d->store, d->arena, &d->where, &d->err);
    d->ended = true;
}

static inline void run_deed(struct fixture *f, void (*fn)(void *arg), struct deed *d)
{
    d->arena = f->arena;
    assert_true(lk_co_start(f->loop, fn, d, NULL, NULL));
    while (!d->ended)
        lk_loop_run_once(f->loop, 1000);
}

static inline struct lk_lease_doc load(struct fixture *f, struct lk_lease_store *store,
                                       const char *key)
{
    struct deed d = {.store = store, .key = lk_str(key)};

    run_deed(f, do_load, &d);
    if (!d.ok)
        fail_msg("%s (%s)", d.err.message, d.err.detail);
    return d.doc;
}

static inline bool save(struct fixture *f, struct lk_lease_store *store, const char *key,
                        uint64_t version, const char *text)
{
    struct deed d = {.store = store,
                     .key = lk_str(key),
                     .version = version,
                     .text = lk_str(text),
                     .durable = true};

    run_deed(f, do_save, &d);
    if (!d.ok)
        fail_msg("%s (%s)", d.err.message, d.err.detail);
    return d.saved;
}

/* Over whatever there is. */
static inline void put(struct fixture *f, const char *key, const char *text)
{
    assert_true(save(f, f->one, key, load(f, f->one, key).version, text));
}

#define assert_in(text, part) assert_in_(text, part, __FILE__, __LINE__)
static inline void assert_in_(const char *text, const char *part, const char *file, int line)
{
    if (strstr(text, part) == NULL)
        print_error("\"%s\" lacks \"%s\"\n", text, part);
    _assert_true(strstr(text, part) != NULL, "text has part", file, line);
}

#endif
