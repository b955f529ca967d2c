/*
 * The leases of one process in its memory, shared by its workers (lease_store.h). Nothing of it
 * survives, so nothing is borrowed on the strength of it.
 */
#include "api/lease_store_internal.h"

#include "base/memory.h"

#include <stdlib.h>

struct document {
    struct document *next;
    char *key, *text; /* NUL-terminated as well */
    size_t key_len, text_len;
    uint64_t version;
};

struct memory {
    struct document *documents;
    uint64_t version; /* of the last change of any of them: a new document is never taken for an
                         older one of the same key */
};

static char *copy(struct lk_str text)
{
    char *bytes = lk_memory_new(text.len + 1);

    if (text.len > 0)
        memcpy(bytes, text.ptr, text.len);
    return bytes;
}

static bool start(struct lk_lease_shared *shared, struct lk_error *err)
{
    (void)err;
    shared->data = lk_memory_new(sizeof(struct memory));
    return true;
}

static void free_document(struct document *document)
{
    free(document->key);
    free(document->text);
    free(document);
}

static void free_all(struct lk_lease_shared *shared)
{
    struct memory *memory = shared->data;

    while (memory->documents != NULL) {
        struct document *document = memory->documents;

        memory->documents = document->next;
        free_document(document);
    }
    free(memory);
}

/* Where the link to it is, or the end. */
static struct document **find(struct memory *memory, struct lk_str key)
{
    struct document **at = &memory->documents;

    while (*at != NULL && !lk_str_eq(lk_str_n((*at)->key, (*at)->key_len), key))
        at = &(*at)->next;
    return at;
}

static bool load(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str key,
                 struct lk_lease_doc *ret_doc, struct lk_error *err)
{
    struct lk_lease_shared *shared = store->shared;
    const struct document *document;

    (void)err;
    *ret_doc = (struct lk_lease_doc){.now_ms = lk_lease_wall_ms()};
    pthread_mutex_lock(&shared->mutex);
    document = *find(shared->data, key);
    if (document != NULL) {
        ret_doc->text = lk_arena_str(arena, lk_str_n(document->text, document->text_len));
        ret_doc->version = document->version;
    }
    pthread_mutex_unlock(&shared->mutex);
    return true;
}

static void replace(struct memory *memory, struct document **at, struct lk_str key,
                    struct lk_str text)
{
    struct document *document = *at;

    if (document != NULL && text.len == 0) {
        *at = document->next;
        free_document(document);
        return;
    }
    if (document == NULL) {
        if (text.len == 0)
            return;
        document = *at = lk_memory_new(sizeof(*document));
        document->key = copy(key);
        document->key_len = key.len;
    }
    free(document->text);
    document->text = copy(text);
    document->text_len = text.len;
    document->version = ++memory->version;
}

static bool save(struct lk_lease_store *store, struct lk_str key, uint64_t version,
                 struct lk_str text, bool durable, bool *ret_saved, struct lk_error *err)
{
    struct lk_lease_shared *shared = store->shared;
    struct document **at;

    (void)durable;
    (void)err;
    pthread_mutex_lock(&shared->mutex);
    at = find(shared->data, key);
    *ret_saved = (*at != NULL ? (*at)->version : 0) == version;
    if (*ret_saved)
        replace(shared->data, at, key, text);
    pthread_mutex_unlock(&shared->mutex);
    return true;
}

static bool keys(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str **ret_keys,
                 size_t *ret_n, struct lk_error *err)
{
    struct lk_lease_shared *shared = store->shared;
    const struct memory *memory = shared->data;
    size_t n = 0;

    (void)err;
    pthread_mutex_lock(&shared->mutex);
    for (const struct document *d = memory->documents; d != NULL; d = d->next)
        n++;
    *ret_keys = lk_arena_array(arena, n, sizeof(**ret_keys));
    *ret_n = n;
    n = 0;
    for (const struct document *d = memory->documents; d != NULL; d = d->next)
        (*ret_keys)[n++] = lk_arena_str(arena, lk_str_n(d->key, d->key_len));
    pthread_mutex_unlock(&shared->mutex);
    return true;
}

static bool is_alive(struct lk_lease_store *store, struct lk_str instance)
{
    const struct lk_lease_store *other;

    pthread_mutex_lock(&store->shared->mutex);
    other = store->shared->stores;
    while (other != NULL && !lk_str_eq(other->instance, instance))
        other = other->next;
    pthread_mutex_unlock(&store->shared->mutex);
    return other != NULL;
}

static bool check(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str *ret_where,
                  struct lk_error *err)
{
    (void)store;
    (void)arena;
    (void)err;
    *ret_where = LK_STR("memory, which does not survive this process; branches cannot be borrowed "
                        "until LOOKER_STATE_DIR names a directory, or LOOKER_LEASE_URL a Redis");
    return true;
}

const struct lk_lease_kind lk_lease_memory = {
    .start = start,
    .free = free_all,
    .load = load,
    .save = save,
    .keys = keys,
    .is_alive = is_alive,
    .check = check,
};
