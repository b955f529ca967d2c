/*
 * The directory of lease_store_file.c, its lock, and the files by which it is told who is alive.
 */
#include "api/lease_store_file.h"

#include "base/memory.h"
#include "rt/co.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define MAKE_TRIES 5
#define INSTANCE_PREFIX "instance-"

/* store->data */
struct files {
    int instance_fd; /* -1: not registered yet */
};

bool lk_lease_file_fail(const struct lk_lease_store *store, const char *what, const char *name,
                        struct lk_error *err)
{
    struct lk_str dir = store->shared->options.state_dir;

    return lk_fail(err, LK_ERROR_INTERNAL,
                   "cannot %s %.*s%s%s: %s; that directory (LOOKER_STATE_DIR) keeps which branches "
                   "are borrowed, so none is until it can be used",
                   what, LK_STR_ARG(dir), name != NULL ? "/" : "", name != NULL ? name : "",
                   strerror(errno));
}

/* ---- the directory ---- */

/* 0, or errno of what failed first. */
static int make_all(char *path)
{
    int why = 0;

    for (char *at = path + 1;; at++) {
        char end = *at;

        if (end != '/' && end != '\0')
            continue;
        *at = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST && why == 0)
            why = errno;
        *at = end;
        if (end == '\0')
            return why;
    }
}

/* Another server that only tries (--check, or at its start) may take directories above away again
 * in between, so that is tried anew. */
int lk_lease_directory_make(const char *path)
{
    char *copy = lk_memory_new(strlen(path) + 1);
    int why = 0, fd = -1;

    strcpy(copy, path);
    for (int tries = 0; tries < MAKE_TRIES && fd < 0; tries++) {
        why = make_all(copy);
        fd = open(path, DIRECTORY_FLAGS);
        if (fd < 0 && errno != ENOENT)
            break;
    }
    free(copy);
    if (fd < 0 && why != 0)
        errno = why;
    return fd;
}

bool lk_lease_directory_open(const struct lk_lease_store *store, bool make, int *ret_fd,
                             struct lk_error *err)
{
    const char *path = store->shared->options.state_dir.ptr;
    struct stat st;
    int fd = open(path, DIRECTORY_FLAGS);

    if (fd < 0 && errno == ENOENT) {
        if (!make)
            return *ret_fd = -1, true;
        fd = lk_lease_directory_make(path);
        if (fd < 0)
            return lk_lease_file_fail(store, "make", NULL, err);
    }
    if (fd < 0)
        return lk_lease_file_fail(store, "open", NULL, err);
    if (fstat(fd, &st) != 0 || (st.st_uid != geteuid() && st.st_uid != 0) ||
        (st.st_mode & 022) != 0) {
        close(fd);
        return lk_fail(err, LK_ERROR_CONFIG,
                       "LOOKER_STATE_DIR=%s: others than this user can write there, who could have "
                       "branches switched; name a directory below it, which is then made, or take "
                       "that right away (chmod go-w)",
                       path);
    }
    *ret_fd = fd;
    return true;
}

bool lk_lease_file_sync(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL; /* a file system that cannot sync a directory */
}

/* ---- locks ---- */

static bool pause_for(const struct lk_lease_store *store, uint64_t ms, struct lk_error *err)
{
    struct timespec ts = {.tv_nsec = (long)ms * 1000000};

    if (lk_co_self(store->loop) != NULL)
        return lk_co_sleep(store->loop, ms, err);
    nanosleep(&ts, NULL);
    return true;
}

static uint64_t clock_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool lk_lease_directory_lock(const struct lk_lease_store *store, int dir_fd, int *ret_fd,
                             struct lk_error *err)
{
    uint64_t limit_ms = store->shared->options.lock_ms, until_ms = clock_ms() + limit_ms,
             wait_ms = 1;
    int fd = openat(dir_fd, LK_LEASE_LOCK_FILE,
                    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

    if (fd < 0)
        return lk_lease_file_fail(store, "open", LK_LEASE_LOCK_FILE, err);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        bool waits = errno == EWOULDBLOCK || errno == EINTR;

        if (!waits) {
            lk_lease_file_fail(store, "lock", LK_LEASE_LOCK_FILE, err);
        } else if (clock_ms() >= until_ms) {
            lk_fail(err, LK_ERROR_TIMEOUT,
                    "another process has held %.*s/" LK_LEASE_LOCK_FILE " for more than %" PRIu64
                    " ms; is one stopped?",
                    LK_STR_ARG(store->shared->options.state_dir), limit_ms);
            waits = false;
        }
        if (!waits || !pause_for(store, wait_ms, err)) {
            close(fd);
            return false;
        }
        wait_ms = wait_ms < 16 ? wait_ms * 2 : 16;
    }
    *ret_fd = fd;
    return true;
}

/* ---- instances ---- */

/* Whether anybody has it locked. */
static bool is_locked(int dir_fd, const char *name, int kind)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool locked;

    if (fd < 0)
        return errno != ENOENT && errno != ELOOP; /* cannot tell: expiry will */
    locked = flock(fd, kind | LOCK_NB) != 0;
    close(fd);
    return locked;
}

/* Removes what the dead have left behind; under the lock, so a temporary file is nobody's. */
static void sweep(int dir_fd)
{
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        bool instance = strncmp(entry->d_name, INSTANCE_PREFIX, strlen(INSTANCE_PREFIX)) == 0;

        if (strcmp(entry->d_name, LK_LEASE_TEMPORARY_FILE) == 0 ||
            (instance && !is_locked(dir_fd, entry->d_name, LOCK_EX)))
            (void)unlinkat(dir_fd, entry->d_name, 0);
    }
    if (dir != NULL)
        closedir(dir);
    else if (copy >= 0)
        close(copy);
}

static struct lk_str instance_file(struct lk_arena *arena, struct lk_str instance)
{
    return lk_arena_printf(arena, INSTANCE_PREFIX "%.*s", LK_STR_ARG(instance));
}

bool lk_lease_instance_register(const struct lk_lease_store *store, int dir_fd,
                                struct lk_error *err)
{
    struct files *files = store->data;
    struct lk_arena *arena;
    struct stat st;
    bool ok;

    if (files->instance_fd >= 0 && fstat(files->instance_fd, &st) == 0 && st.st_nlink > 0)
        return true;
    if (files->instance_fd >= 0)
        close(files->instance_fd);
    sweep(dir_fd);
    arena = lk_arena_new();
    files->instance_fd = openat(dir_fd, instance_file(arena, store->instance).ptr,
                                O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    ok = files->instance_fd >= 0 && flock(files->instance_fd, LOCK_EX | LOCK_NB) == 0;
    if (!ok) {
        lk_lease_file_fail(store, "make", instance_file(arena, store->instance).ptr, err);
        if (files->instance_fd >= 0)
            close(files->instance_fd);
        files->instance_fd = -1; /* the next sweep takes the file */
    }
    lk_arena_free(arena);
    return ok;
}

bool lk_lease_instance_is_alive(struct lk_lease_store *store, struct lk_str instance)
{
    struct lk_arena *arena;
    bool alive;
    int dir_fd;

    if (lk_str_eq(instance, store->instance))
        return true;
    if (instance.len == 0 || instance.len > 200 || memchr(instance.ptr, '/', instance.len) != NULL)
        return false;
    if (!lk_lease_directory_open(store, false, &dir_fd, NULL))
        return true; /* cannot tell: expiry will */
    if (dir_fd < 0)
        return false;
    arena = lk_arena_new();
    alive = is_locked(dir_fd, instance_file(arena, instance).ptr, LOCK_SH);
    lk_arena_free(arena);
    close(dir_fd);
    return alive;
}

bool lk_lease_instance_open(struct lk_lease_store *store, struct lk_error *err)
{
    struct files *files = lk_memory_new(sizeof(*files));

    (void)err;
    files->instance_fd = -1;
    store->data = files;
    return true;
}

void lk_lease_instance_close(struct lk_lease_store *store)
{
    struct files *files = store->data;
    struct lk_arena *arena = lk_arena_new();
    int dir_fd;

    if (files->instance_fd >= 0 && lk_lease_directory_open(store, false, &dir_fd, NULL) &&
        dir_fd >= 0) {
        (void)unlinkat(dir_fd, instance_file(arena, store->instance).ptr, 0);
        close(dir_fd);
    }
    if (files->instance_fd >= 0)
        close(files->instance_fd);
    lk_arena_free(arena);
    free(files);
}
