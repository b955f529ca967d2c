/*
 * A fixed number of slots; the one that ends first makes room. An explore's names are kept as their
 * hashes in order: two names with the same hash would let one wrong name through to Looker, no
 * more.
 */
#include "handlers/query/known.h"

#include <stdlib.h>

#define N_SLOTS 64
#define MAX_NAMES 16384
#define LIFE_MS (5 * 60 * 1000)

struct slot {
    struct lk_arena *arena; /* NULL: empty */
    struct lk_str explore, project;
    uint64_t *hashes;
    size_t n;
    uint64_t until_ms;
};

struct lk_known {
    struct lk_arena *arena;
    struct slot slots[N_SLOTS];
};

struct lk_known *lk_known_new(void)
{
    struct lk_arena *arena = lk_arena_new();
    struct lk_known *known = lk_arena_new_object(arena, struct lk_known);

    known->arena = arena;
    return known;
}

void lk_known_free(struct lk_known *known)
{
    if (known == NULL)
        return;
    for (size_t i = 0; i < N_SLOTS; i++)
        lk_arena_free(known->slots[i].arena);
    lk_arena_free(known->arena);
}

/* FNV-1a */
static uint64_t hash_of(struct lk_str name)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.ptr[i]) * 0x100000001b3u;
    return hash;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static const struct slot *find(const struct lk_known *known, struct lk_str explore, uint64_t now_ms)
{
    for (size_t i = 0; known != NULL && i < N_SLOTS; i++) {
        const struct slot *slot = &known->slots[i];
        if (slot->arena != NULL && lk_str_eq(slot->explore, explore))
            return slot->until_ms > now_ms ? slot : NULL;
    }
    return NULL;
}

/* The slot of that explore, or the one that ends first; empty ones end at 0. */
static struct slot *slot_for(struct lk_known *known, struct lk_str explore)
{
    struct slot *best = &known->slots[0];

    for (size_t i = 0; i < N_SLOTS; i++) {
        struct slot *slot = &known->slots[i];
        if (slot->arena != NULL && lk_str_eq(slot->explore, explore))
            return slot;
        if (slot->until_ms < best->until_ms)
            best = slot;
    }
    return best;
}

void lk_known_learn(struct lk_known *known, struct lk_str explore, struct lk_str project,
                    const struct lk_str *names, size_t n, uint64_t now_ms)
{
    if (known == NULL || n > MAX_NAMES)
        return;
    struct slot *slot = slot_for(known, explore);
    struct lk_arena *arena = lk_arena_new();

    lk_arena_free(slot->arena);
    *slot = (struct slot){
        .arena = arena,
        .explore = lk_arena_str(arena, explore),
        .project = lk_arena_str(arena, project),
        .hashes = lk_arena_array(arena, n, sizeof(*slot->hashes)),
        .n = n,
        .until_ms = now_ms + LIFE_MS,
    };
    for (size_t i = 0; i < n; i++)
        slot->hashes[i] = hash_of(names[i]);
    qsort(slot->hashes, n, sizeof(*slot->hashes), compare);
}

bool lk_known_explore(const struct lk_known *known, struct lk_str explore, uint64_t now_ms)
{
    return find(known, explore, now_ms) != NULL;
}

bool lk_known_has(const struct lk_known *known, struct lk_str explore, struct lk_str name,
                  uint64_t now_ms)
{
    const struct slot *slot = find(known, explore, now_ms);
    uint64_t hash = hash_of(name);

    return slot != NULL && bsearch(&hash, slot->hashes, slot->n, sizeof(hash), compare) != NULL;
}

struct lk_str lk_known_project(const struct lk_known *known, struct lk_str explore, uint64_t now_ms)
{
    const struct slot *slot = find(known, explore, now_ms);

    return slot != NULL ? slot->project : (struct lk_str){0};
}
