/*
 * The leases of one machine in files (LOOKER_STATE_DIR):
 *
 *     lease-<hash of the prefix>-<key>   a document; replaced by renaming, so it is whole
 *     temporary                          the next one, while it is written
 *     instance-<instance>                locked for as long as that store is open; the kernel drops
 *                                        the lock with the process, however it ends
 *     lock                               held by whoever changes any of these
 *
 * The directory is made when the first document is saved. Nobody else may be able to write there,
 * since what stands there is done at Looker. Locks are asked for and not waited for in the kernel,
 * because the loop has other things to do; what is written is a few kilobytes. It is synced to disk
 * where a swap depends on it, and so is what replaces such a document, until it is removed: a
 * machine that loses power must not find it empty.
 *
 * flock() tells processes of one machine apart, and that is how far this goes: a directory that
 * several machines mount is not for this.
 */
#include "api/lease_store_file.h"

#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- documents ---- */

static bool read_all(int fd, struct lk_buf *bytes)
{
    char *room;
    ssize_t n;

    while ((room = lk_buf_reserve(bytes, 4096)) != NULL && (n = read(fd, room, 4096)) != 0) {
        if (n > 0)
            bytes->len += (size_t)n;
        else if (errno != EINTR)
            return false;
    }
    lk_buf_truncate(bytes, bytes->len);
    return room != NULL || (errno = EFBIG, false);
}

/* A document that is not there has version 0 and no text. */
static bool read_document(const struct lk_lease_store *store, struct lk_arena *arena, int dir_fd,
                          struct lk_str key, struct lk_lease_file *ret_file, struct lk_error *err)
{
    struct lk_str prefix = store->shared->options.prefix;
    const char *name = lk_lease_file_name(arena, prefix, key).ptr;
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct lk_buf bytes;
    struct stat st;
    bool ok;

    *ret_file = (struct lk_lease_file){0};
    if (fd < 0)
        return errno == ENOENT || lk_lease_file_fail(store, "open", name, err);
    lk_buf_init(&bytes, LK_LEASE_FILE_MAX_BYTES + 16384);
    ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (!ok)
        lk_fail(err, LK_ERROR_INTERNAL, "%.*s/%s is not a file",
                LK_STR_ARG(store->shared->options.state_dir), name);
    else if (!(ok = read_all(fd, &bytes)))
        lk_lease_file_fail(store, "read", name, err);
    else if (!(ok = lk_lease_file_decode(arena, lk_buf_view(&bytes), prefix, key, ret_file)))
        lk_fail(err, LK_ERROR_INTERNAL,
                "%.*s/%s is damaged, so it cannot be told which branches are borrowed there; see "
                "that each project of that Looker user has the branch that it should have, and "
                "remove the file",
                LK_STR_ARG(store->shared->options.state_dir), name);
    lk_buf_free(&bytes);
    close(fd);
    return ok;
}

static bool load(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str key,
                 struct lk_lease_doc *ret_doc, struct lk_error *err)
{
    struct lk_lease_file file = {0};
    int dir_fd;
    bool ok = true;

    if (!lk_lease_directory_open(store, false, &dir_fd, err))
        return false;
    if (dir_fd >= 0) {
        ok = read_document(store, arena, dir_fd, key, &file, err);
        close(dir_fd);
    }
    if (ok)
        *ret_doc = (struct lk_lease_doc){
            .text = file.text, .version = file.version, .now_ms = lk_lease_wall_ms()};
    return ok;
}

static bool write_all(int fd, struct lk_str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            bytes = lk_str_n(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return true;
}

enum sync { SYNC_NOTHING, SYNC_CONTENT, SYNC_ALL };

/* Under the lock. What fails before the rename has changed nothing. */
static bool replace(const struct lk_lease_store *store, int dir_fd, const char *name,
                    struct lk_str bytes, enum sync sync, struct lk_error *err)
{
    int fd = openat(dir_fd, LK_LEASE_TEMPORARY_FILE,
                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write_all(fd, bytes) && (sync == SYNC_NOTHING || lk_lease_file_sync(fd));

    if (!ok)
        lk_lease_file_fail(store, "write", LK_LEASE_TEMPORARY_FILE, err);
    if (fd >= 0)
        close(fd);
    if (ok && renameat(dir_fd, LK_LEASE_TEMPORARY_FILE, dir_fd, name) != 0)
        ok = lk_lease_file_fail(store, "write", name, err);
    if (!ok)
        (void)unlinkat(dir_fd, LK_LEASE_TEMPORARY_FILE, 0);
    else if (sync == SYNC_ALL && !lk_lease_file_sync(dir_fd))
        ok = lk_lease_file_fail(store, "sync", NULL, err);
    return ok;
}

static bool remove_file(const struct lk_lease_store *store, int dir_fd, const char *name,
                        bool durable, struct lk_error *err)
{
    if (unlinkat(dir_fd, name, 0) != 0 && errno != ENOENT)
        return lk_lease_file_fail(store, "remove", name, err);
    return !durable || lk_lease_file_sync(dir_fd) || lk_lease_file_fail(store, "sync", NULL, err);
}

/* Under the lock. */
static bool save_locked(const struct lk_lease_store *store, struct lk_arena *arena, int dir_fd,
                        struct lk_str key, uint64_t version, struct lk_str text, bool durable,
                        bool *ret_saved, struct lk_error *err)
{
    struct lk_str prefix = store->shared->options.prefix;
    const char *name = lk_lease_file_name(arena, prefix, key).ptr;
    struct lk_lease_file file;
    struct lk_str bytes;
    enum sync sync;

    if (!read_document(store, arena, dir_fd, key, &file, err))
        return false;
    if (file.version != version)
        return *ret_saved = false, true;
    sync = durable ? SYNC_ALL : file.synced ? SYNC_CONTENT : SYNC_NOTHING;
    if (text.len == 0) {
        if (!remove_file(store, dir_fd, name, durable, err))
            return false;
    } else {
        file = (struct lk_lease_file){text, lk_lease_new_version(), sync != SYNC_NOTHING};
        bytes = lk_lease_file_encode(arena, prefix, key, &file);
        if (!lk_lease_instance_register(store, dir_fd, err) ||
            !replace(store, dir_fd, name, bytes, sync, err))
            return false;
    }
    return *ret_saved = true, true;
}

static bool save(struct lk_lease_store *store, struct lk_str key, uint64_t version,
                 struct lk_str text, bool durable, bool *ret_saved, struct lk_error *err)
{
    struct lk_arena *arena;
    int dir_fd, lock_fd;
    bool ok = false;

    if (key.len == 0 || key.len > LK_LEASE_FILE_MAX_KEY || text.len > LK_LEASE_FILE_MAX_BYTES)
        return lk_fail(err, LK_ERROR_LIMIT,
                       "a lease whose key has %zu bytes (limit %d) and whose text has %zu (limit "
                       "%zu) cannot be kept in a file",
                       key.len, LK_LEASE_FILE_MAX_KEY, text.len, LK_LEASE_FILE_MAX_BYTES);
    if (!lk_lease_directory_open(store, text.len > 0, &dir_fd, err))
        return false;
    if (dir_fd < 0) /* there is nothing, and that is what is wanted */
        return *ret_saved = version == 0, true;
    if (lk_lease_directory_lock(store, dir_fd, &lock_fd, err)) {
        arena = lk_arena_new();
        ok = save_locked(store, arena, dir_fd, key, version, text, durable, ret_saved, err);
        lk_arena_free(arena);
        close(lock_fd);
    }
    close(dir_fd);
    return ok;
}

struct key_list {
    struct lk_str *keys;
    size_t n, cap;
};

static void list_key(struct lk_arena *arena, struct key_list *list, struct lk_str key)
{
    if (list->n == list->cap) {
        struct lk_str *larger = lk_arena_array(arena, list->cap * 2 + 16, sizeof(*larger));

        if (list->n > 0)
            memcpy(larger, list->keys, list->n * sizeof(*larger));
        list->keys = larger;
        list->cap = list->cap * 2 + 16;
    }
    list->keys[list->n++] = key;
}

static bool keys(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str **ret_keys,
                 size_t *ret_n, struct lk_error *err)
{
    struct key_list list = {0};
    struct dirent *entry;
    struct lk_str key;
    int dir_fd;
    DIR *dir;

    if (!lk_lease_directory_open(store, false, &dir_fd, err))
        return false;
    if (dir_fd >= 0) {
        dir = fdopendir(dir_fd);
        if (dir == NULL) {
            lk_lease_file_fail(store, "list", NULL, err);
            close(dir_fd);
            return false;
        }
        while ((entry = readdir(dir)) != NULL) {
            if (lk_lease_file_key(arena, store->shared->options.prefix, lk_str(entry->d_name),
                                  &key))
                list_key(arena, &list, key);
        }
        closedir(dir);
    }
    *ret_keys = list.keys;
    *ret_n = list.n;
    return true;
}

/* ---- whether it will do ---- */

static bool try_in(const struct lk_lease_store *store, int dir_fd, struct lk_error *err)
{
    int lock_fd;
    bool ok;

    if (!lk_lease_directory_lock(store, dir_fd, &lock_fd, err))
        return false;
    ok = replace(store, dir_fd, "check", LK_STR("check\n"), SYNC_NOTHING, err) &&
         remove_file(store, dir_fd, "check", false, err);
    close(lock_fd);
    return ok;
}

/* How much of the path is there: the length of the nearest directory above. */
static size_t length_there(struct lk_arena *arena, const char *path)
{
    char *copy = (char *)lk_arena_cstr(arena, lk_arena_str(arena, lk_str(path)));
    struct stat st;
    char *slash;

    while (stat(copy, &st) != 0 && (slash = strrchr(copy, '/')) != NULL && slash != copy)
        *slash = '\0';
    return strlen(copy);
}

/* Asking leaves nothing behind: another directory beside it is made, used and removed, since
 * somebody may begin to use the real one at any time. */
static bool try_beside(const struct lk_lease_store *store, struct lk_arena *arena,
                       struct lk_error *err)
{
    struct lk_str dir = store->shared->options.state_dir;
    char *path, *slash;
    size_t there;
    bool ok;
    int fd;

    while (dir.len > 1 && dir.ptr[dir.len - 1] == '/')
        dir.len--;
    path = (char *)lk_arena_printf(arena, "%.*s.check-%.*s", LK_STR_ARG(dir),
                                   LK_STR_ARG(store->instance))
               .ptr;
    there = length_there(arena, path);
    fd = lk_lease_directory_make(path);
    ok = fd >= 0 ? try_in(store, fd, err) : lk_lease_file_fail(store, "make", NULL, err);
    if (fd >= 0) {
        (void)unlinkat(fd, LK_LEASE_LOCK_FILE, 0);
        close(fd);
    }
    while (strlen(path) > there && (slash = strrchr(path, '/')) != NULL && rmdir(path) == 0)
        *slash = '\0';
    return ok;
}

static bool check(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str *ret_where,
                  struct lk_error *err)
{
    int dir_fd;
    bool ok;

    if (!lk_lease_directory_open(store, false, &dir_fd, err))
        return false;
    ok = dir_fd >= 0 ? try_in(store, dir_fd, err) : try_beside(store, arena, err);
    if (dir_fd >= 0)
        close(dir_fd);
    if (ok)
        *ret_where =
            lk_arena_printf(arena, "files in %.*s", LK_STR_ARG(store->shared->options.state_dir));
    return ok;
}

const struct lk_lease_kind lk_lease_file = {
    .durable = true,
    .open = lk_lease_instance_open,
    .close = lk_lease_instance_close,
    .load = load,
    .save = save,
    .keys = keys,
    .is_alive = lk_lease_instance_is_alive,
    .check = check,
};
