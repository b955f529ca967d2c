/*
 * Replies, read by hiredis and built in an arena. The sizes that a reply claims to have are not
 * believed: a reply is refused when its arrays have more than LK_REDIS_MAX_ITEMS places together,
 * or when more than LK_REDIS_MAX_REPLY_BYTES of it have come.
 */
#include "rt/redis_internal.h"

static struct lk_redis_value *place(const redisReadTask *task)
{
    struct lk_redis_value *parent;

    if (task->parent != NULL) {
        parent = task->parent->obj;
        return &parent->items[task->idx];
    }
    return lk_arena_new_object(((struct lk_redis_replies *)task->privdata)->arena,
                               struct lk_redis_value);
}

static void *create_string(const redisReadTask *task, char *text, size_t len)
{
    struct lk_redis_replies *replies = task->privdata;
    struct lk_redis_value *value = place(task);

    value->kind = task->type == REDIS_REPLY_ERROR ? LK_REDIS_ERROR : LK_REDIS_TEXT;
    value->text = lk_arena_str(replies->arena, lk_str_n(text, len));
    return value;
}

static void *create_array(const redisReadTask *task, int n)
{
    struct lk_redis_replies *replies = task->privdata;
    struct lk_redis_value *value;

    if (n > LK_REDIS_MAX_ITEMS - replies->items) {
        replies->too_large = true;
        return NULL;
    }
    replies->items += n;
    value = place(task);
    value->kind = LK_REDIS_ARRAY;
    value->n_items = (size_t)n;
    value->items = lk_arena_array(replies->arena, value->n_items, sizeof(*value->items));
    return value;
}

static void *create_integer(const redisReadTask *task, long long integer)
{
    struct lk_redis_value *value = place(task);

    value->kind = LK_REDIS_INTEGER;
    value->integer = integer;
    return value;
}

static void *create_nil(const redisReadTask *task)
{
    return place(task); /* zeroed, which is nil */
}

static void free_nothing(void *object)
{
    (void)object; /* the arena does */
}

bool lk_redis_replies_feed(struct lk_redis_replies *replies, const char *bytes, size_t len)
{
    static redisReplyObjectFunctions functions = {create_string, create_array, create_integer,
                                                  create_nil, free_nothing};

    if (replies->reader == NULL) {
        replies->reader = redisReaderCreateWithFunctions(&functions);
        if (replies->reader == NULL)
            return false;
        replies->reader->privdata = replies;
    }
    if (replies->arena == NULL)
        replies->arena = lk_arena_new();
    replies->bytes += len;
    return redisReaderFeed(replies->reader, bytes, len) == REDIS_OK;
}

bool lk_redis_replies_next(struct lk_redis_replies *replies, bool *ret_any,
                           struct lk_redis_value *ret_value, struct lk_arena **ret_arena,
                           struct lk_error *err)
{
    void *reply = NULL;

    if (replies->arena == NULL)
        replies->arena = lk_arena_new();
    if (redisReaderGetReply(replies->reader, &reply) != REDIS_OK && !replies->too_large)
        return lk_fail(err, LK_ERROR_PARSE, "does not speak the protocol of Redis");
    if (replies->too_large || (reply == NULL && replies->bytes > LK_REDIS_MAX_REPLY_BYTES))
        return lk_fail(err, LK_ERROR_LIMIT, "sends a reply of more than %zu bytes or %d items",
                       LK_REDIS_MAX_REPLY_BYTES, LK_REDIS_MAX_ITEMS);
    *ret_any = reply != NULL;
    if (reply == NULL)
        return true;
    *ret_value = *(struct lk_redis_value *)reply;
    *ret_arena = replies->arena;
    replies->arena = NULL;
    replies->items = 0;
    replies->bytes = replies->reader->len - replies->reader->pos;
    return true;
}

void lk_redis_replies_clean_up(struct lk_redis_replies *replies)
{
    if (replies->reader != NULL)
        redisReaderFree(replies->reader);
    lk_arena_free(replies->arena);
    *replies = (struct lk_redis_replies){0};
}

struct lk_str lk_redis_printable(struct lk_arena *arena, struct lk_str text, size_t max_bytes)
{
    size_t len = text.len < max_bytes ? text.len : max_bytes;
    char *copy = lk_arena_alloc(arena, len + 1);

    for (size_t i = 0; i < len; i++)
        copy[i] = text.ptr[i] >= ' ' && text.ptr[i] < 0x7f ? text.ptr[i] : '?';
    return lk_str_n(copy, len);
}
