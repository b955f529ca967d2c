/*
 * What the files of the kind that keeps documents in files share.
 *
 *     lease_store_file.c       documents: loaded, saved, listed
 *     lease_store_directory.c  the directory, its lock, and who is alive
 *     lease_store_format.c     what a file is called and what is in it
 */
#ifndef LK_API_LEASE_STORE_FILE_H
#define LK_API_LEASE_STORE_FILE_H

#include "api/lease_store_internal.h"

#define LK_LEASE_FILE_MAX_BYTES ((size_t)4 * 1024 * 1024) /* of the text */
#define LK_LEASE_FILE_MAX_KEY 64 /* bytes; each may take three in the name of the file */

#define LK_LEASE_LOCK_FILE "lock"
#define LK_LEASE_TEMPORARY_FILE "temporary"

/* ---- lease_store_directory.c ---- */

/* "cannot WHAT DIR/NAME: …", of errno. Returns false. name: NULL for the directory. */
bool lk_lease_file_fail(const struct lk_lease_store *store, const char *what, const char *name,
                        struct lk_error *err);
bool lk_lease_file_sync(int fd); /* or false, with errno */

/* mkdir -p (0700). Opens it; or -1, with errno of what kept it from being made. */
int lk_lease_directory_make(const char *path);
/* *ret_fd: -1 when it is not there and is not to be made. */
bool lk_lease_directory_open(const struct lk_lease_store *store, bool make, int *ret_fd,
                             struct lk_error *err);
/* Awaits it, for a bounded time; closing *ret_fd drops it. On the loop's own stack it sleeps. */
bool lk_lease_directory_lock(const struct lk_lease_store *store, int dir_fd, int *ret_fd,
                             struct lk_error *err);

/* The store's data: its instance's file, which is made and locked when it has something to save. */
bool lk_lease_instance_open(struct lk_lease_store *store, struct lk_error *err);
void lk_lease_instance_close(struct lk_lease_store *store);
/* Under the lock. Again, if somebody has removed the file. */
bool lk_lease_instance_register(const struct lk_lease_store *store, int dir_fd,
                                struct lk_error *err);
bool lk_lease_instance_is_alive(struct lk_lease_store *store, struct lk_str instance);

/* ---- lease_store_format.c ----
 * A line with the version, whether disk has to have it, the length and the checksum, then a line
 * each for prefix and key, then the text:
 *
 *     looker-mcp-server lease 1 <version> synced|not <bytes> <checksum>\n<prefix>\n<key>\n<text>
 */

/* NUL-terminated. */
struct lk_str lk_lease_file_name(struct lk_arena *arena, struct lk_str prefix, struct lk_str key);
/* The key that a file's name stands for; false when it is none, or of another prefix. */
bool lk_lease_file_key(struct lk_arena *arena, struct lk_str prefix, struct lk_str name,
                       struct lk_str *ret_key);

struct lk_lease_file {
    struct lk_str text;
    uint64_t version;
    bool synced;
};
struct lk_str lk_lease_file_encode(struct lk_arena *arena, struct lk_str prefix, struct lk_str key,
                                   const struct lk_lease_file *file);
/* False when anything is not as it was written, or is of another key. */
bool lk_lease_file_decode(struct lk_arena *arena, struct lk_str bytes, struct lk_str prefix,
                          struct lk_str key, struct lk_lease_file *ret_file);

#endif
