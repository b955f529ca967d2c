/*
 * Fetches the rows of a query, however many there are (rows.h): they come in pieces, each row is
 * looked at once, and what does not fit is never kept. What the format decides is in `formats`.
 * Called by the handlers of the query group.
 *
 *     lk_api_stream ─> take ─┬─> json/flow ─> on_row, on_member    json, json_detail, json_bi
 *                            ├─> records ─> on_record              csv, txt, md
 *                            └─> take_raw                          html, sql
 */
#include "base/hash.h"
#include "handlers/records.h"
#include "handlers/rows_internal.h"
#include "json/flow.h"
#include "json/project.h"

#include <stdlib.h>

/* So much is read on when nothing more fits, to say how many rows there are. */
#define COUNT_ON_BYTES ((size_t)4 * 1024 * 1024)
/* SQL goes out whole, up to this. */
#define MAX_SQL_BYTES ((size_t)4 * 1024 * 1024)
/* Texts that come as a JSON string cannot be taken apart before they are whole. */
#define MAX_STRING_BYTES ((size_t)4 * 1024 * 1024)
/* The highest limit that a call may set (max_bytes). */
#define LARGEST_BYTES ((size_t)4 * 1024 * 1024)
#define DETAIL_FRAME_BYTES (sizeof("\"detail\":{}") - 1)

struct format {
    struct lk_str name;
    uint8_t headers; /* records that are no rows */
    bool records, csv, whole;
};

static const struct format formats[] = {
    {LK_STR_INIT("csv"), 1, true, true, false},  {LK_STR_INIT("txt"), 1, true, false, false},
    {LK_STR_INIT("md"), 2, true, false, false},  {LK_STR_INIT("html"), 0, false, false, false},
    {LK_STR_INIT("sql"), 0, false, false, true},
};

/* NULL: one of the JSON formats. */
static const struct format *format_of(struct lk_str name)
{
    if (lk_rows_is_json(name))
        return NULL;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (lk_str_eq(formats[i].name, name))
            return &formats[i];
    }
    return &formats[0];
}

struct fetch {
    const struct lk_rows_ask *ask;
    const struct format *format; /* NULL: JSON */
    struct lk_arena *arena;
    struct lk_rows *rows;
    struct lk_json_flow flow;
    struct lk_records records;
    struct lk_projection projection; /* without fields: none */
    struct lk_buf projected, string; /* string: a text that came as JSON */
    int64_t n_records;
    bool headless;        /* md whose second line does not say that the first one is a header */
    size_t max_row_bytes; /* a larger one is not held */
    size_t room_bytes;    /* for rows */
    size_t beyond_bytes;  /* read since nothing more fits */
    struct lk_error error;
};

/* ---- rows ---- */

/* bytes: at least, when it was too large to be held. */
static bool fail_room(struct fetch *fetch, size_t bytes)
{
    const struct lk_rows_ask *ask = fetch->ask;
    const char *or_more = bytes == fetch->max_row_bytes ? " or more" : "";

    if (ask->how != NULL)
        return lk_fail(&fetch->error, LK_ERROR_LIMIT,
                       "one row of the result takes %zu bytes%s, and there is room for %zu (the "
                       "limit of a result: LOOKER_MAX_RESULT_BYTES); %s",
                       bytes, or_more, fetch->room_bytes, ask->how);
    return lk_fail(&fetch->error, LK_ERROR_LIMIT,
                   "one row of the result takes %zu bytes%s, and there is room for %zu (the limit "
                   "of a result is %zu: max_bytes, or LOOKER_MAX_RESULT_BYTES); ask for fewer "
                   "fields, or set max_bytes higher",
                   bytes, or_more, fetch->room_bytes, ask->max_bytes);
}

/* A row that is too large to be held: the result ends before it, if anything was kept. */
static bool leave_out(struct fetch *fetch)
{
    struct lk_rows *rows = fetch->rows;

    if (rows->seen++ < fetch->ask->skip)
        rows->changed = true; /* no answer had it, so these are other rows */
    else if (rows->count == 0 && !rows->cut)
        return fail_room(fetch, fetch->max_row_bytes);
    else
        rows->cut = true;
    return true;
}

/* A row that was not handed out before: kept, if there is room. `text` is what becomes of it. */
static bool keep(struct fetch *fetch, struct lk_str row, struct lk_str text, bool comma)
{
    struct lk_rows *rows = fetch->rows;
    size_t bytes = text.len + (comma && rows->count > 0 ? 1 : 0);

    if (rows->cut || rows->kept.len + bytes > fetch->room_bytes) {
        if (rows->count == 0 && !rows->cut)
            return fail_room(fetch, bytes);
        rows->cut = true;
        return true;
    }
    if (comma && rows->count > 0)
        lk_buf_char(&rows->kept, ',');
    lk_buf_str(&rows->kept, text);
    rows->count++;
    rows->mark = lk_hash(rows->mark, row);
    return true;
}

/* Whether the row is one of those that answers before had. */
static bool skips(struct fetch *fetch, struct lk_str row)
{
    struct lk_rows *rows = fetch->rows;
    int64_t index = rows->seen++;

    if (index >= fetch->ask->skip)
        return false;
    rows->mark = lk_hash(rows->mark, row);
    if (index + 1 == fetch->ask->skip)
        rows->changed = rows->mark != fetch->ask->mark;
    return true;
}

/* ---- JSON ---- */

/* Whether another row is wanted. */
static bool has_more(const struct fetch *fetch)
{
    return fetch->ask->most_rows <= 0 || fetch->rows->seen < fetch->ask->most_rows;
}

static bool on_row(void *arg, struct lk_str row)
{
    struct fetch *fetch = arg;
    struct lk_str text = row;

    if (row.ptr == NULL)
        return leave_out(fetch) && has_more(fetch);
    if (fetch->rows->seen == 0 && !lk_rows_check_row(fetch->arena, row, &fetch->error))
        return false;
    if (skips(fetch, row))
        return true;
    if (fetch->projection.n_fields > 0 && !fetch->rows->cut) {
        if (fetch->rows->count == 0 &&
            !lk_rows_check_columns(row, &fetch->projection, &fetch->error))
            return false;
        lk_buf_truncate(&fetch->projected, 0);
        if (!lk_project(row, &fetch->projection, false, &fetch->projected, &fetch->error))
            return false;
        text = lk_buf_view(&fetch->projected);
    }
    if (fetch->ask->row != NULL)
        return fetch->ask->row(fetch->ask->arg, text);
    return keep(fetch, row, text, true) && has_more(fetch);
}

/* What of the detail goes into the answer: rows are what was asked for, so it takes half of the
 * room at most, and, when it comes after the rows, no more than they left. */
static void add_detail(struct fetch *fetch, struct lk_str key, struct lk_str value)
{
    struct lk_rows *rows = fetch->rows;
    size_t max = fetch->ask->max_bytes;
    size_t bytes = rows->detail.len + (rows->detail.len > 0 ? 1 : 0) + key.len + 3 + value.len;

    if (rows->detail_left_out)
        return;
    if (value.ptr == NULL || bytes + DETAIL_FRAME_BYTES > max / 2) {
        if (fetch->flow.has_list)
            rows->detail_cut = true;
        else
            rows->detail_left_out = true;
        return;
    }
    if (fetch->flow.has_list && bytes + DETAIL_FRAME_BYTES + rows->kept.len > max) {
        rows->detail_cut = true;
        return;
    }
    if (rows->detail.len > 0)
        lk_buf_char(&rows->detail, ',');
    lk_buf_char(&rows->detail, '"');
    lk_buf_str(&rows->detail, key); /* as it came, with its escapes */
    lk_buf_lit(&rows->detail, "\":");
    lk_buf_str(&rows->detail, value);
    if (!fetch->flow.has_list)
        fetch->room_bytes = max - bytes - DETAIL_FRAME_BYTES;
}

static bool on_member(void *arg, struct lk_str key, struct lk_str value)
{
    struct fetch *fetch = arg;

    if (!lk_rows_check_member(fetch->arena, key, value, &fetch->error))
        return false;
    fetch->rows->has_detail = true;
    add_detail(fetch, key, value);
    if (fetch->rows->detail_left_out) {
        lk_buf_truncate(&fetch->rows->detail, 0);
        fetch->room_bytes = fetch->ask->max_bytes;
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct lk_projection *left = a, *right = b;

    return strcmp(left->name, right->name);
}

struct lk_projection *lk_rows_columns(struct lk_arena *arena, const struct lk_string_list *fields)
{
    struct lk_projection *root = lk_arena_new_object(arena, struct lk_projection);
    struct lk_projection *nodes = lk_arena_array(arena, fields->len, sizeof(*nodes));
    uint16_t n = 0;

    for (size_t i = 0; i < fields->len; i++)
        nodes[i].name = lk_arena_cstr(arena, fields->items[i]);
    qsort(nodes, fields->len, sizeof(*nodes), by_name);
    for (size_t i = 0; i < fields->len; i++) {
        if (n == 0 || strcmp(nodes[n - 1].name, nodes[i].name) != 0)
            nodes[n++] = nodes[i];
    }
    *root = (struct lk_projection){.fields = nodes, .n_fields = n};
    return root;
}

/* ---- text ---- */

static bool on_record(void *arg, struct lk_str record)
{
    struct fetch *fetch = arg;
    struct lk_rows *rows = fetch->rows;
    int64_t n = fetch->n_records++;

    fetch->headless = fetch->headless || (n == 1 && fetch->format->headers == 2 &&
                                          (record.ptr == NULL || !lk_rows_is_rule(record)));
    if (n >= fetch->format->headers || fetch->headless) {
        if (record.ptr == NULL)
            return leave_out(fetch) && has_more(fetch);
        return skips(fetch, record) || (keep(fetch, record, record, false) && has_more(fetch));
    }
    if (record.ptr == NULL || record.len > fetch->room_bytes / 2)
        return lk_fail(&fetch->error, LK_ERROR_LIMIT,
                       "the names of the columns take more than half of the limit of a result "
                       "(%zu bytes: max_bytes, or LOOKER_MAX_RESULT_BYTES); ask for fewer fields, "
                       "or set max_bytes higher",
                       fetch->ask->max_bytes);
    lk_buf_str(&rows->kept, record);
    return true;
}

static bool take_raw(struct fetch *fetch, struct lk_str bytes)
{
    struct lk_rows *rows = fetch->rows;
    size_t room = rows->kept.max_bytes - rows->kept.len;

    if (bytes.len > room && fetch->format->whole)
        return lk_fail(&fetch->error, LK_ERROR_LIMIT,
                       "the SQL is larger than %zu bytes, and half of it would be no use",
                       MAX_SQL_BYTES);
    rows->cut = rows->cut || bytes.len > room;
    return lk_buf_append(&rows->kept, bytes.ptr, bytes.len < room ? bytes.len : room);
}

static bool feed_text(struct fetch *fetch, struct lk_str bytes)
{
    return fetch->format->records ? lk_records_feed(&fetch->records, bytes, &fetch->error)
                                  : take_raw(fetch, bytes);
}

/* What came as JSON where a text was to come is one all the same when it is a string. */
static bool end_string(struct fetch *fetch)
{
    struct lk_str json = lk_buf_view(&fetch->string);
    enum lk_json_type type = lk_json_type(json);

    if (json.len == 0)
        return true;
    if (!lk_json_check(json, LK_JSON_MAX_DEPTH, 0, &fetch->error))
        return false;
    if (type == LK_JSON_OBJECT || type == LK_JSON_ARRAY) {
        struct lk_api_answer answer = {.media = LK_MEDIA_JSON, .body = json};

        return lk_rows_check(fetch->arena, &answer, fetch->ask->format, &fetch->error) &&
               lk_rows_fail_kind(&fetch->error, fetch->ask->format, "JSON");
    }
    if (type != LK_JSON_STRING)
        return lk_rows_fail_kind(&fetch->error, fetch->ask->format, "JSON");
    return feed_text(fetch, lk_json_decode_string(fetch->arena, json));
}

static bool end_text(struct fetch *fetch)
{
    struct lk_rows *rows = fetch->rows;
    struct lk_str format = fetch->ask->format;

    if (!end_string(fetch) ||
        (fetch->format->records && rows->whole && !lk_records_end(&fetch->records, &fetch->error)))
        return false;
    if (fetch->format->whole && rows->kept.len == 0)
        return lk_rows_fail_kind(&fetch->error, format, "nothing");
    if (!lk_str_eq(format, LK_STR("html")) && lk_rows_is_page(lk_buf_view(&rows->kept)))
        return lk_rows_fail_page(&fetch->error, format);
    if (!fetch->format->records && !fetch->format->whole && rows->kept.len > fetch->ask->max_bytes)
        rows->cut = true;
    if (!fetch->format->records && rows->cut)
        lk_buf_truncate(&rows->kept,
                        lk_rows_cut_html(lk_buf_view(&rows->kept), fetch->ask->max_bytes));
    if (fetch->headless) /* so the first one was a row as well */
        rows->seen++;
    if (lk_str_eq(format, LK_STR("html")) && !rows->cut)
        rows->seen = lk_rows_count_html(lk_buf_view(&rows->kept));
    return true;
}

/* ---- the transfer ---- */

static bool take(void *arg, enum lk_media media, struct lk_str bytes)
{
    struct fetch *fetch = arg;
    bool cut = fetch->rows->cut, more;
    struct lk_error why = {0};

    if (fetch->format == NULL && media != LK_MEDIA_JSON)
        return lk_rows_fail_kind(&fetch->error, fetch->ask->format, "text");
    if (fetch->format == NULL)
        more = lk_json_flow_feed(&fetch->flow, bytes, &why) ||
               (why.kind != LK_ERROR_NONE && lk_rows_fail_json(&fetch->error, &why));
    else if (media != LK_MEDIA_JSON)
        more = feed_text(fetch, bytes);
    else
        more = lk_buf_str(&fetch->string, bytes) ||
               lk_fail(&fetch->error, LK_ERROR_LIMIT,
                       "Looker answered with a JSON string of more than %zu bytes instead of text; "
                       "ask for result_format json",
                       MAX_STRING_BYTES);
    if (cut)
        fetch->beyond_bytes += bytes.len;
    return more && fetch->beyond_bytes <= COUNT_ON_BYTES;
}

static bool end_json(struct fetch *fetch)
{
    const struct lk_json_flow *flow = &fetch->flow;
    struct lk_str format = fetch->ask->format;
    struct lk_error why = {0};

    if (flow->type == LK_JSON_INVALID)
        return lk_rows_fail_kind(&fetch->error, format, "nothing");
    if (!fetch->rows->whole)
        return true;
    if (!lk_json_flow_end(flow, &why))
        return lk_rows_fail_json(&fetch->error, &why);
    return flow->has_list || lk_rows_fail_kind(&fetch->error, format, "an object that has none");
}

static void free_fetch(void *arg)
{
    struct fetch *fetch = arg;

    lk_json_flow_free(&fetch->flow);
    lk_records_free(&fetch->records);
    lk_buf_free(&fetch->projected);
    lk_buf_free(&fetch->string);
}

static void free_rows(void *arg)
{
    struct lk_rows *rows = arg;

    lk_buf_free(&rows->kept);
    lk_buf_free(&rows->detail);
}

static struct fetch *new_fetch(struct lk_arena *arena, const struct lk_rows_ask *ask)
{
    static const char *const lists[] = {"data", "rows", NULL};
    struct fetch *fetch = lk_arena_new_object(arena, struct fetch);
    struct lk_rows *rows = lk_arena_new_object(arena, struct lk_rows);
    const struct format *format = format_of(ask->format);
    /* A row may shrink when it is projected; and one that is passed over may have been handed out
     * within a higher limit. */
    size_t max_bytes =
        ask->skip > 0 && ask->max_bytes < LARGEST_BYTES ? LARGEST_BYTES : ask->max_bytes;
    size_t max_row = max_bytes * 2 + 64 * 1024;

    *fetch = (struct fetch){.ask = ask,
                            .format = format,
                            .arena = arena,
                            .rows = rows,
                            .records = {.passes_large = true, .record = on_record, .arg = fetch},
                            .max_row_bytes = max_row,
                            .room_bytes = ask->max_bytes};
    fetch->records.csv = format != NULL && format->csv;
    lk_json_flow_init(&fetch->flow, &(struct lk_json_flow_options){
                                        .lists = lists,
                                        .max_item_bytes = max_row,
                                        .passes_large_items = true,
                                        .max_member_bytes = ask->max_bytes / 2 + 1024,
                                        .item = on_row,
                                        .member = on_member,
                                        .arg = fetch,
                                    });
    lk_records_init(&fetch->records, max_row);
    lk_buf_init(&fetch->projected, max_row);
    lk_buf_init(&fetch->string, MAX_STRING_BYTES);
    lk_arena_defer(arena, free_fetch, fetch);
    lk_buf_init(&rows->kept, format != NULL && format->whole ? MAX_SQL_BYTES : ask->max_bytes + 8);
    lk_buf_init(&rows->detail, ask->max_bytes);
    rows->format = ask->format;
    rows->limit = ask->limit;
    rows->max_bytes = ask->max_bytes;
    rows->how = ask->how;
    rows->skipped = ask->skip;
    lk_arena_defer(arena, free_rows, rows);
    return fetch;
}

static bool picks_columns(const struct lk_rows_ask *ask)
{
    return ask->fields != NULL && ask->fields->is == LK_PRESENT && ask->fields->len > 0;
}

bool lk_rows_check_ask(const struct lk_rows_ask *ask, struct lk_error *err)
{
    return !picks_columns(ask) || format_of(ask->format) == NULL ||
           lk_fail(err, LK_ERROR_ARGUMENT,
                   "fields picks columns of JSON rows; with result_format %.*s leave it out",
                   LK_STR_ARG(ask->format));
}

bool lk_rows_fetch(struct lk_api *api, struct lk_arena *arena, const struct lk_rows_ask *ask,
                   struct lk_rows **ret_rows, struct lk_error *err)
{
    struct fetch *fetch = new_fetch(arena, ask);
    const struct lk_api_sink sink = {.take = take, .arg = fetch};
    struct lk_api_answer answer;

    if (!lk_rows_check_ask(ask, err))
        return false;
    if (picks_columns(ask))
        fetch->projection = *lk_rows_columns(arena, ask->fields);
    if (!lk_api_stream(api, arena, ask->request, ask->timeout_ms, &sink, &answer, err))
        return false;
    if (answer.status == 202) {
        fetch->rows->pending = true;
        *ret_rows = fetch->rows;
        return true;
    }
    fetch->rows->whole = !answer.stopped;
    if (fetch->error.kind != LK_ERROR_NONE ||
        !(fetch->format == NULL ? end_json(fetch) : end_text(fetch))) {
        fetch->error.body = (struct lk_str){0};
        if (err != NULL && err->kind == LK_ERROR_NONE)
            *err = fetch->error;
        return false;
    }
    if (fetch->rows->seen < ask->skip)
        fetch->rows->changed = true;
    *ret_rows = fetch->rows;
    return true;
}
