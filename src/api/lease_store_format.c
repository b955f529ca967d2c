/*
 * Names and contents of the files of leases (lease_store_file.h). The checksum finds accidents; it
 * is no protection against whoever may write there.
 */
#include "api/lease_store_file.h"

#include <inttypes.h>
#include <stdio.h>

#define MAGIC "looker-mcp-server lease 1 "

/* FNV-1a, 64 bits; the length of each part counts as well, so that no two lists of parts are one.
 */
static uint64_t hash(uint64_t sum, struct lk_str s)
{
    for (size_t i = 0; i < s.len; i++)
        sum = (sum ^ (unsigned char)s.ptr[i]) * UINT64_C(0x100000001b3);
    return (sum ^ s.len) * UINT64_C(0x100000001b3);
}

#define HASH_START UINT64_C(0xcbf29ce484222325)

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static struct lk_str name_start(struct lk_arena *arena, struct lk_str prefix)
{
    return lk_arena_printf(arena, "lease-%016" PRIx64 "-", hash(HASH_START, prefix));
}

struct lk_str lk_lease_file_name(struct lk_arena *arena, struct lk_str prefix, struct lk_str key)
{
    static const char digits[] = "0123456789abcdef";
    struct lk_str start = name_start(arena, prefix);
    char *name = lk_arena_alloc(arena, start.len + key.len * 3 + 1);
    size_t len = start.len;

    memcpy(name, start.ptr, start.len);
    for (size_t i = 0; i < key.len; i++) {
        unsigned char c = (unsigned char)key.ptr[i];

        if (is_plain(key.ptr[i])) {
            name[len++] = key.ptr[i];
            continue;
        }
        name[len++] = '%';
        name[len++] = digits[c >> 4];
        name[len++] = digits[c & 15];
    }
    return lk_str_n(name, len);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool lk_lease_file_key(struct lk_arena *arena, struct lk_str prefix, struct lk_str name,
                       struct lk_str *ret_key)
{
    struct lk_str start = name_start(arena, prefix), rest;
    size_t len = 0;
    char *key;

    if (!lk_str_starts(name, start) || name.len == start.len)
        return false;
    rest = lk_str_n(name.ptr + start.len, name.len - start.len);
    key = lk_arena_alloc(arena, rest.len + 1);
    for (size_t i = 0; i < rest.len; i++) {
        int high = i + 2 < rest.len ? hex_digit(rest.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(rest.ptr[i + 2]) : -1;

        if (is_plain(rest.ptr[i])) {
            key[len++] = rest.ptr[i];
            continue;
        }
        if (rest.ptr[i] != '%' || low < 0)
            return false;
        key[len++] = (char)(high * 16 + low);
        i += 2;
    }
    *ret_key = lk_str_n(key, len);
    return true;
}

static uint64_t checksum(const struct lk_lease_file *file, struct lk_str prefix, struct lk_str key)
{
    uint64_t sum = (HASH_START ^ file->version) + file->synced;

    return hash(hash(hash(sum, prefix), key), file->text);
}

struct lk_str lk_lease_file_encode(struct lk_arena *arena, struct lk_str prefix, struct lk_str key,
                                   const struct lk_lease_file *file)
{
    struct lk_str text = file->text;
    struct lk_str head =
        lk_arena_printf(arena, MAGIC "%" PRIu64 " %s %zu %016" PRIx64 "\n%.*s\n%.*s\n",
                        file->version, file->synced ? "synced" : "not", text.len,
                        checksum(file, prefix, key), LK_STR_ARG(prefix), LK_STR_ARG(key));
    char *bytes = lk_arena_alloc(arena, head.len + text.len + 1);

    memcpy(bytes, head.ptr, head.len);
    if (text.len > 0)
        memcpy(bytes + head.len, text.ptr, text.len);
    return lk_str_n(bytes, head.len + text.len);
}

static bool number(struct lk_str text, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *ret_value = value;
    return text.len > 0;
}

bool lk_lease_file_decode(struct lk_arena *arena, struct lk_str bytes, struct lk_str prefix,
                          struct lk_str key, struct lk_lease_file *ret_file)
{
    struct lk_str rest = bytes, head, flag;
    struct lk_lease_file file = {0};
    size_t before_text = prefix.len + key.len + 2;
    uint64_t len;
    char sum[20];

    if (!lk_str_starts(rest, LK_STR(MAGIC)))
        return false;
    rest = lk_str_n(rest.ptr + strlen(MAGIC), rest.len - strlen(MAGIC));
    head = lk_str_take(&rest, '\n');
    if (!number(lk_str_take(&head, ' '), &file.version) || file.version == 0)
        return false;
    flag = lk_str_take(&head, ' ');
    file.synced = lk_str_eq(flag, LK_STR("synced"));
    if ((!file.synced && !lk_str_eq(flag, LK_STR("not"))) ||
        !number(lk_str_take(&head, ' '), &len) || rest.len < before_text ||
        len != rest.len - before_text)
        return false;
    file.text = lk_str_n(rest.ptr + before_text, len);
    snprintf(sum, sizeof(sum), "%016" PRIx64, checksum(&file, prefix, key));
    if (!lk_str_eq(head, lk_str(sum)) || !lk_str_eq(lk_str_take(&rest, '\n'), prefix) ||
        !lk_str_eq(lk_str_take(&rest, '\n'), key))
        return false;
    file.text = lk_arena_str(arena, file.text);
    *ret_file = file;
    return true;
}
