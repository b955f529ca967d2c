/*
 * See auth_seen.h. The hash chooses a row of a few places; within it the place that is free, over,
 * or unused for longest is taken.
 */
#include "transport/auth_seen.h"

#include "base/memory.h"
#include "transport/auth.h"

#include <openssl/sha.h>
#include <stdlib.h>

#define PLACES 8 /* in a row */
#define ROWS (LK_AUTH_REMEMBERED / PLACES)

struct place {
    unsigned char hash[SHA256_DIGEST_LENGTH];
    int64_t until_s; /* 0: free */
    uint64_t used;
    bool access_token;
    size_t subject_len, user_len, scope_len;
    char *text; /* the three, one after the other */
};

struct lk_auth_seen {
    struct place rows[ROWS][PLACES];
    uint64_t uses;
};

struct lk_auth_seen *lk_auth_seen_new(void)
{
    return lk_memory_new(sizeof(struct lk_auth_seen));
}

static void empty(struct place *place)
{
    free(place->text);
    *place = (struct place){0};
}

void lk_auth_seen_clear(struct lk_auth_seen *seen)
{
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < PLACES; j++)
            empty(&seen->rows[i][j]);
    }
}

void lk_auth_seen_free(struct lk_auth_seen *seen)
{
    if (seen == NULL)
        return;
    lk_auth_seen_clear(seen);
    free(seen);
}

static struct place *row_of(struct lk_auth_seen *seen, struct lk_str token,
                            unsigned char hash[SHA256_DIGEST_LENGTH])
{
    SHA256((const unsigned char *)token.ptr, token.len, hash);
    return seen->rows[(hash[0] | (unsigned)hash[1] << 8) % ROWS];
}

/* Or NULL. */
static struct place *find(struct place *row, const unsigned char *hash)
{
    for (size_t i = 0; i < PLACES; i++) {
        if (row[i].until_s != 0 && memcmp(row[i].hash, hash, SHA256_DIGEST_LENGTH) == 0)
            return &row[i];
    }
    return NULL;
}

bool lk_auth_seen_get(struct lk_auth_seen *seen, struct lk_str token, int64_t now_s,
                      struct lk_arena *arena, struct mcp_caller *ret_caller)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct place *place = find(row_of(seen, token, hash), hash);
    const char *text;

    if (place == NULL || now_s >= place->until_s)
        return false;
    place->used = ++seen->uses;
    text = place->text;
    *ret_caller = (struct mcp_caller){
        .subject = lk_arena_str(arena, lk_str_n(text, place->subject_len)),
        .user = lk_arena_str(arena, lk_str_n(text + place->subject_len, place->user_len)),
        .scope = lk_arena_str(
            arena, lk_str_n(text + place->subject_len + place->user_len, place->scope_len)),
    };
    if (place->access_token)
        ret_caller->access_token = lk_arena_str(arena, token);
    return true;
}

static struct place *make_room(struct place *row, int64_t now_s)
{
    struct place *oldest = row;

    for (size_t i = 0; i < PLACES; i++) {
        if (row[i].until_s <= now_s) /* a free one, too */
            return &row[i];
        if (row[i].used < oldest->used)
            oldest = &row[i];
    }
    return oldest;
}

static char *append(char *at, struct lk_str s)
{
    if (s.len > 0)
        memcpy(at, s.ptr, s.len);
    return at + s.len;
}

void lk_auth_seen_put(struct lk_auth_seen *seen, struct lk_str token,
                      const struct mcp_caller *caller, int64_t now_s, int64_t until_s)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct place *row = row_of(seen, token, hash), *place = find(row, hash);

    if (until_s <= now_s)
        return;
    if (place == NULL)
        place = make_room(row, now_s);
    empty(place);
    memcpy(place->hash, hash, sizeof(hash));
    place->until_s = until_s;
    place->used = ++seen->uses;
    place->access_token = caller->access_token.len > 0;
    place->subject_len = caller->subject.len;
    place->user_len = caller->user.len;
    place->scope_len = caller->scope.len;
    place->text = lk_memory_new(caller->subject.len + caller->user.len + caller->scope.len + 1);
    append(append(append(place->text, caller->subject), caller->user), caller->scope);
}

void lk_auth_seen_drop(struct lk_auth_seen *seen, struct lk_str token)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct place *place = find(row_of(seen, token, hash), hash);

    if (place != NULL)
        empty(place);
}
