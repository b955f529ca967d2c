/*
 * The leases of all replicas in Redis or Valkey (LOOKER_LEASE_URL; Redis 5 or later, since the
 * scripts read the clock and write). Everything of one Looker is one hash, so that it is there as a
 * whole or not at all, whatever is evicted, flushed or lost:
 *
 *     looker-mcp-server:{<prefix>}:leases
 *         born       ms, by Redis' clock, at which the hash was made anew
 *         v:<key>    the version of a document: random, so that none ever comes back
 *         t:<key>    its text
 *
 * A document that is not there has `born` for its version. So a claim that was made up against what
 * was there before Redis lost its data is refused when it is saved, and whoever loads again sees
 * closed_until_ms and leaves the field to those that still hold something.
 *
 * Each command is a script, sent whole every time: it is half a kilobyte, and a Redis that was
 * started again needs no second round. A save that was not answered because the connection was lost
 * is sent once more: the version that it writes tells whether the first one arrived.
 */
#include "api/lease_store_internal.h"

#include "rt/redis.h"

#include <inttypes.h>
#include <stdio.h>

#define FIRST_VERSION (UINT64_C(1) << 53) /* beyond every `born` */

/* Begins each script: `now` and `born`, which is set if Redis has come up empty, or if its clock
 * was set back. */
#define TOUCH                                                                                      \
    "local t=redis.call('TIME') local now=t[1]*1000+math.floor(t[2]/1000) "                        \
    "local born=redis.call('HGET',KEYS[1],'born') "                                                \
    "if not born or tonumber(born)>now then born=string.format('%.0f',now) "                       \
    "redis.call('HSET',KEYS[1],'born',born) end "

static const char load_script[] =
    TOUCH "local d=redis.call('HMGET',KEYS[1],'v:'..ARGV[1],'t:'..ARGV[1]) "
          "return {d[1] or born,d[2] or '',string.format('%.0f',now),born}";

/* key, the version that is expected, the new version, the text, "1" when it is sent again. Does not
 * touch: a hash that is not there any more is for a load to find out. */
static const char save_script[] =
    "local born=redis.call('HGET',KEYS[1],'born') "
    "local v=redis.call('HGET',KEYS[1],'v:'..ARGV[1]) or born "
    "if v==ARGV[3] or (v and v==born and ARGV[4]=='' and ARGV[5]=='1') then return 1 end "
    "if v~=ARGV[2] then return 0 end "
    "if ARGV[4]=='' then redis.call('HDEL',KEYS[1],'v:'..ARGV[1],'t:'..ARGV[1]) "
    "else redis.call('HSET',KEYS[1],'v:'..ARGV[1],ARGV[3],'t:'..ARGV[1],ARGV[4]) end "
    "return 1";

static const char keys_script[] =
    TOUCH "local r={} for _,f in ipairs(redis.call('HKEYS',KEYS[1])) do "
          "if string.sub(f,1,2)=='v:' then r[#r+1]=string.sub(f,3) end end return r";

static bool start(struct lk_lease_shared *shared, struct lk_error *err)
{
    struct lk_redis_url url;
    struct lk_error error = {0};

    if (lk_redis_url_parse(shared->arena, shared->options.redis_url, &url, &error))
        return true;
    return lk_fail(err, LK_ERROR_CONFIG, "LOOKER_LEASE_URL: %s", error.message);
}

static bool open_store(struct lk_lease_store *store, struct lk_error *err)
{
    const struct lk_lease_store_options *options = &store->shared->options;
    struct lk_redis *redis;

    if (!lk_redis_new(store->loop,
                      &(struct lk_redis_options){
                          .url = options->redis_url,
                          .verify_tls = options->verify_tls,
                          .ca_file = options->ca_file,
                      },
                      &redis, err))
        return false;
    store->data = redis;
    return true;
}

static void close_store(struct lk_lease_store *store)
{
    lk_redis_free(store->data);
}

/* ---- scripts ---- */

static bool advise(struct lk_error *err)
{
    if (err != NULL && err->kind != LK_ERROR_CANCELLED)
        lk_error_advise(err, "it keeps who has borrowed which branch (LOOKER_LEASE_URL), so no "
                             "branch is borrowed until it is well again");
    return false;
}

/* A reply other than that of the script is an error. */
static bool eval(struct lk_lease_store *store, struct lk_arena *arena, const char *script,
                 const struct lk_str *arguments, size_t n, enum lk_redis_kind kind,
                 struct lk_redis_value *ret_value, struct lk_error *err)
{
    struct lk_str words[9] = {
        LK_STR("EVAL"),
        lk_str(script),
        LK_STR("1"),
        lk_arena_printf(arena, "looker-mcp-server:{%.*s}:leases",
                        LK_STR_ARG(store->shared->options.prefix)),
    };
    struct lk_redis_value value;

    for (size_t i = 0; i < n; i++)
        words[4 + i] = arguments[i];
    if (!lk_redis_command(store->data, arena, words, 4 + n, &value, err))
        return false;
    if (value.kind != kind)
        return lk_redis_fail(store->data, &value, err);
    *ret_value = value;
    return true;
}

static struct lk_str print_version(char text[24], uint64_t version)
{
    return lk_str_n(text, (size_t)snprintf(text, 24, "%" PRIu64, version));
}

static bool number(const struct lk_redis_value *value, uint64_t *ret_number)
{
    uint64_t result = 0;

    for (size_t i = 0; i < value->text.len; i++) {
        if (value->text.ptr[i] < '0' || value->text.ptr[i] > '9' || i > 18)
            return false;
        result = result * 10 + (uint64_t)(value->text.ptr[i] - '0');
    }
    *ret_number = result;
    return value->kind == LK_REDIS_TEXT && value->text.len > 0;
}

static bool load(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str key,
                 struct lk_lease_doc *ret_doc, struct lk_error *err)
{
    struct lk_lease_doc doc = {0};
    struct lk_redis_value value;
    uint64_t born_ms;

    if (!eval(store, arena, load_script, &key, 1, LK_REDIS_ARRAY, &value, err))
        return advise(err);
    if (value.n_items != 4 || !number(&value.items[0], &doc.version) ||
        !number(&value.items[2], &doc.now_ms) || !number(&value.items[3], &born_ms)) {
        lk_redis_fail(store->data, &value, err);
        return advise(err);
    }
    doc.text = value.items[1].text;
    if (doc.now_ms < born_ms + store->shared->options.ttl_ms)
        doc.closed_until_ms = born_ms + store->shared->options.ttl_ms;
    *ret_doc = doc;
    return true;
}

static bool save(struct lk_lease_store *store, struct lk_str key, uint64_t version,
                 struct lk_str text, bool durable, bool *ret_saved, struct lk_error *err)
{
    struct lk_arena *arena = lk_arena_new();
    char expected[24], mine[24];
    struct lk_str arguments[] = {key, print_version(expected, version),
                                 print_version(mine, lk_lease_new_version() | FIRST_VERSION), text,
                                 LK_STR("0")};
    struct lk_redis_value value;
    struct lk_error error = {0};
    bool ok;

    (void)durable; /* how much Redis may lose is its own setting */
    ok = eval(store, arena, save_script, arguments, 5, LK_REDIS_INTEGER, &value, &error);
    if (!ok && error.kind == LK_ERROR_NETWORK) {
        error = (struct lk_error){0};
        arguments[4] = LK_STR("1");
        ok = eval(store, arena, save_script, arguments, 5, LK_REDIS_INTEGER, &value, &error);
    }
    if (ok)
        *ret_saved = value.integer == 1;
    lk_arena_free(arena);
    if (ok)
        return true;
    advise(&error);
    if (err != NULL && err->kind == LK_ERROR_NONE)
        *err = error;
    return false;
}

static bool keys(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str **ret_keys,
                 size_t *ret_n, struct lk_error *err)
{
    struct lk_redis_value value;
    struct lk_str *result;

    if (!eval(store, arena, keys_script, NULL, 0, LK_REDIS_ARRAY, &value, err))
        return advise(err);
    result = lk_arena_array(arena, value.n_items, sizeof(*result));
    for (size_t i = 0; i < value.n_items; i++)
        result[i] = value.items[i].text;
    *ret_keys = result;
    *ret_n = value.n_items;
    return true;
}

static bool is_alive(struct lk_lease_store *store, struct lk_str instance)
{
    (void)store;
    (void)instance;
    return true; /* when it has died, what it held expires */
}

/* Loading is asking whether one may write as well: it touches. */
static bool check(struct lk_lease_store *store, struct lk_arena *arena, struct lk_str *ret_where,
                  struct lk_error *err)
{
    struct lk_lease_doc doc;

    if (!load(store, arena, LK_STR("check"), &doc, err))
        return false;
    *ret_where = lk_arena_printf(arena, "Redis at %.*s", LK_STR_ARG(lk_redis_name(store->data)));
    return true;
}

const struct lk_lease_kind lk_lease_redis = {
    .durable = true,
    .start = start,
    .open = open_store,
    .close = close_store,
    .load = load,
    .save = save,
    .keys = keys,
    .is_alive = is_alive,
    .check = check,
};
