/*
 * Cursors (cursor.h): base64url of eight bytes that are a hash of the rest, and a JSON object with
 * short names, what is not set left out.
 *
 *     q query id   l Look id   f format   n limit   b max_bytes   r row   m mark   o options
 *     w branch   p its project   c columns
 */
#include "handlers/query/cursor.h"

#include "base/base64.h"
#include "base/hash.h"
#include "json/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK_BYTES 8
#define SEED UINT64_C(0x6c6b637572736f72) /* so that other texts with a hash are none */

/* The bits of o. */
enum { DEV = 1, FORMATTED = 2, VIS = 4, CALCS = 8, NO_CACHE = 16, IMPORTS = 32 };

static void put_text(struct lk_json_writer *w, const char *name, struct lk_str text)
{
    if (text.len > 0)
        lk_json_member_string(w, name, text);
}

static void put_number(struct lk_json_writer *w, const char *name, int64_t number)
{
    if (number != 0)
        lk_json_member_integer(w, name, number);
}

static void write_json(struct lk_buf *out, const struct lk_cursor *cursor)
{
    struct lk_json_writer w = lk_json_writer(out);
    char mark[24];

    snprintf(mark, sizeof(mark), "%" PRIx64, cursor->mark);
    lk_json_begin_object(&w);
    put_text(&w, "q", cursor->query_id);
    put_text(&w, "l", cursor->look_id);
    put_text(&w, "t", cursor->task_id);
    put_text(&w, "f", cursor->format);
    put_number(&w, "n", cursor->limit);
    put_number(&w, "b", cursor->max_bytes);
    put_number(&w, "r", cursor->row);
    put_text(&w, "m", lk_str(mark));
    put_number(&w, "o",
               (cursor->dev ? DEV : 0) | (cursor->apply_formatting ? FORMATTED : 0) |
                   (cursor->apply_vis ? VIS : 0) | (cursor->server_table_calcs ? CALCS : 0) |
                   (cursor->no_cache ? NO_CACHE : 0) | (cursor->imports ? IMPORTS : 0));
    put_text(&w, "w", cursor->branch);
    put_text(&w, "p", cursor->project);
    if (cursor->fields.len > 0) {
        lk_json_key(&w, "c");
        lk_json_begin_array(&w);
        for (size_t i = 0; i < cursor->fields.len; i++)
            lk_json_put_string(&w, cursor->fields.items[i]);
        lk_json_end_array(&w);
    }
    lk_json_end_object(&w);
}

struct lk_str lk_cursor_write(struct lk_arena *arena, const struct lk_cursor *cursor)
{
    struct lk_buf plain, text;
    struct lk_str result = {0};
    uint64_t check;

    lk_buf_init(&plain, LK_CURSOR_MAX_BYTES / 4 * 3);
    lk_buf_init(&text, LK_CURSOR_MAX_BYTES);
    lk_buf_append(&plain, "12345678", CHECK_BYTES);
    write_json(&plain, cursor);
    if (!plain.overflow) {
        check = lk_hash(SEED, lk_str_n(plain.ptr + CHECK_BYTES, plain.len - CHECK_BYTES));
        memcpy(plain.ptr, &check, CHECK_BYTES);
        if (lk_base64url(&text, lk_buf_view(&plain)))
            result = lk_arena_str(arena, lk_buf_view(&text));
    }
    lk_buf_free(&plain);
    lk_buf_free(&text);
    return result;
}

static int64_t get_number(struct lk_str json, const char *name)
{
    struct lk_str value;
    int64_t number = 0;

    if (lk_json_get(json, lk_str(name), &value))
        (void)lk_json_integer(value, &number);
    return number;
}

static struct lk_string_list get_fields(struct lk_arena *arena, struct lk_str json)
{
    struct lk_string_list fields = {0};
    struct lk_str list, item, *items;

    if (!lk_json_get(json, LK_STR("c"), &list))
        return fields;
    items = lk_arena_array(arena, lk_json_count(list), sizeof(*items));
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item))
        items[fields.len++] = lk_json_decode_string(arena, item);
    fields.items = items;
    fields.is = LK_PRESENT;
    return fields;
}

/* The JSON object in the text, or false when it is not one of ours. */
static bool open_text(struct lk_arena *arena, struct lk_str text, struct lk_str *ret_json)
{
    unsigned char *bytes;
    uint64_t check;
    size_t len = 0;
    struct lk_str json;

    text = lk_str_trim(text);
    if (text.len > LK_CURSOR_MAX_BYTES)
        return false;
    bytes = lk_arena_alloc(arena, text.len + 1);
    if (!lk_base64url_decode(text, bytes, &len) || len <= CHECK_BYTES)
        return false;
    json = lk_str_n((const char *)bytes + CHECK_BYTES, len - CHECK_BYTES);
    memcpy(&check, bytes, CHECK_BYTES);
    if (check != lk_hash(SEED, json) || !lk_json_check(json, 4, 0, NULL))
        return false;
    *ret_json = json;
    return true;
}

bool lk_cursor_read(struct lk_arena *arena, struct lk_str text, struct lk_cursor *ret_cursor,
                    struct lk_error *err)
{
    struct lk_cursor cursor;
    struct lk_str json;
    int64_t options;

    if (!open_text(arena, text, &json))
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "cursor: this is none, or not all of it; pass the `cursor` of an answer "
                       "exactly as it came, or run the query again without one");
    options = get_number(json, "o");
    cursor = (struct lk_cursor){
        .query_id = lk_json_get_string(arena, json, LK_STR("q")),
        .look_id = lk_json_get_string(arena, json, LK_STR("l")),
        .task_id = lk_json_get_string(arena, json, LK_STR("t")),
        .format = lk_json_get_string(arena, json, LK_STR("f")),
        .limit = get_number(json, "n"),
        .max_bytes = get_number(json, "b"),
        .row = get_number(json, "r"),
        .mark =
            strtoull(lk_arena_cstr(arena, lk_json_get_string(arena, json, LK_STR("m"))), NULL, 16),
        .dev = (options & DEV) != 0,
        .apply_formatting = (options & FORMATTED) != 0,
        .apply_vis = (options & VIS) != 0,
        .server_table_calcs = (options & CALCS) != 0,
        .no_cache = (options & NO_CACHE) != 0,
        .branch = lk_json_get_string(arena, json, LK_STR("w")),
        .project = lk_json_get_string(arena, json, LK_STR("p")),
        .imports = (options & IMPORTS) != 0,
        .fields = get_fields(arena, json),
    };
    /* Whoever makes one up gets no further than this. */
    if (cursor.query_id.len == 0 || cursor.format.len == 0 || cursor.row < 0 || cursor.limit < 0 ||
        cursor.max_bytes < 0)
        return lk_fail(err, LK_ERROR_ARGUMENT, "cursor: it does not say what to go on with");
    *ret_cursor = cursor;
    return true;
}
