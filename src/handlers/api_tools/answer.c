/*
 * Answers of operations that nobody here knows (answer.h). What comes decides how it is taken:
 *
 *     lk_api_stream ─> take ─┬─ [ ─> json/flow ─> on_item ─> items.h
 *                            ├─ other JSON ─> json/sift ─> value
 *                            └─ anything else ─> its beginning, and its size
 */
#include "handlers/api_tools/answer.h"

#include "handlers/api_tools/operations.h"
#include "handlers/context.h"
#include "handlers/items.h"
#include "handlers/records.h"
#include "handlers/rows.h"
#include "json/flow.h"
#include "json/sift.h"
#include "json/skip.h"

#define MAX_ERRORS_BYTES ((size_t)64 * 1024)
#define CHARACTER_BYTES 4 /* at most, in UTF-8 */

static const struct lk_str csv = LK_STR_INIT("csv"), sql = LK_STR_INIT("sql");

struct taking {
    struct mcp_call *call;
    const struct lk_answer_ask *ask;
    struct lk_arena *arena;
    const struct lk_operation *op;
    size_t max_bytes;
    bool reads; /* it changes nothing: what is not wanted need not be waited for */
    enum { NOTHING, LIST, VALUE, RAW } kind;
    enum lk_media media;
    size_t bytes;             /* that came */
    struct lk_json_flow flow; /* of a list; of an object, to see whether it says that it failed */
    struct lk_items items;
    int64_t n, next; /* items that came; where the first one stands that was cut, or below 0 */
    struct lk_json_sift sift;
    struct lk_buf out;      /* the value, or the beginning of what is raw */
    bool object, too_large; /* the value is one; does not fit */
    struct lk_api_answer answer;
    struct lk_error error,
        json_error; /* the second: what came is no JSON, or not as it should be */
};

static bool has_rows(const struct taking *taking)
{
    return taking->ask->rows.len > 0;
}

/* Looker reports most failures of a query with status 200; sample: as much of the answer as shows
 * it. */
static bool check_rows(struct taking *taking, enum lk_media media, struct lk_str sample)
{
    const struct lk_api_answer answer = {.status = 200, .media = media, .body = sample};

    return !has_rows(taking) ||
           lk_rows_check(taking->arena, &answer, taking->ask->rows, &taking->error);
}

/* ---- a list ---- */

/* ptr NULL: it is too large to be held. */
static bool on_item(void *arg, struct lk_str item)
{
    struct taking *taking = arg;
    struct lk_items *items = &taking->items;
    int64_t index = taking->n++;

    if (index == 0 && item.ptr != NULL && has_rows(taking) &&
        !check_rows(taking, LK_MEDIA_JSON,
                    lk_arena_printf(taking->arena, "[%.*s]", LK_STR_ARG(item))))
        return false;
    if (!lk_items_next(items))
        return true;
    if (item.ptr == NULL) {
        lk_items_end_too_large(items);
    } else {
        /* What there is no room for is cut below. */
        lk_project(item, taking->ask->projection, false, &items->buf, NULL);
        if (lk_items_end(items))
            return true;
    }
    taking->next = index;
    return !taking->reads || !taking->ask->by_looker; /* else the rest is counted */
}

static void begin_list(struct taking *taking)
{
    lk_items_init(&taking->items, taking->arena, taking->max_bytes, taking->ask->skip, -1);
    lk_json_flow_init(&taking->flow, &(struct lk_json_flow_options){
                                         .max_item_bytes = taking->ask->projection != NULL
                                                               ? LK_JSON_FLOW_ITEM_BYTES
                                                               : taking->items.buf.max_bytes,
                                         .passes_large_items = true,
                                         .item = on_item,
                                         .arg = taking,
                                     });
    taking->kind = LIST;
}

/* ---- other JSON ---- */

static bool on_row(void *arg, struct lk_str row)
{
    (void)arg;
    (void)row;
    return true;
}

/* {"errors":[…],…} */
static bool on_member(void *arg, struct lk_str key, struct lk_str value)
{
    struct taking *taking = arg;

    if (value.ptr == NULL ||
        (!lk_json_key_eq(key, LK_STR("errors")) && !lk_json_key_eq(key, LK_STR("looker_error"))))
        return true;
    return check_rows(taking, LK_MEDIA_JSON,
                      lk_arena_printf(taking->arena, "{\"%.*s\":%.*s,\"data\":[]}", LK_STR_ARG(key),
                                      LK_STR_ARG(value)));
}

static void begin_value(struct taking *taking)
{
    static const char *const lists[] = {"data", "rows", NULL};

    lk_buf_init(&taking->out, taking->max_bytes);
    lk_json_sift_init(&taking->sift, taking->ask->projection, false, &taking->out);
    lk_json_flow_init(&taking->flow, &(struct lk_json_flow_options){
                                         .lists = lists,
                                         .passes_large_items = true,
                                         .max_member_bytes = MAX_ERRORS_BYTES,
                                         .item = on_row,
                                         .member = on_member,
                                         .arg = taking,
                                     });
    taking->kind = VALUE;
}

static bool take_value(struct taking *taking, struct lk_str bytes)
{
    if (taking->too_large)
        return true;
    if (taking->object && has_rows(taking) &&
        !lk_json_flow_feed(&taking->flow, bytes, &taking->json_error))
        return false;
    if (lk_json_sift_feed(&taking->sift, bytes, &taking->json_error))
        return true;
    taking->too_large = taking->out.overflow;
    if (!taking->too_large)
        return false;
    taking->json_error = (struct lk_error){0};
    return !taking->reads;
}

/* ---- as it comes ---- */

static void begin(struct taking *taking, enum lk_media media, char first)
{
    taking->media = media;
    if (media == LK_MEDIA_JSON && first == '[') {
        begin_list(taking);
    } else if (media == LK_MEDIA_JSON) {
        taking->object = first == '{';
        begin_value(taking);
    } else {
        lk_buf_init(&taking->out, taking->max_bytes + CHARACTER_BYTES);
        taking->kind = RAW;
    }
}

static bool take(void *arg, enum lk_media media, struct lk_str bytes)
{
    struct taking *taking = arg;
    const char *end = lk_str_end(bytes);
    const char *at = media == LK_MEDIA_JSON ? lk_json_skip_space(bytes.ptr, end) : bytes.ptr;

    if (taking->kind == NOTHING && at < end)
        begin(taking, media, *at);
    taking->bytes += bytes.len;
    switch (taking->kind) {
    case LIST:
        return lk_json_flow_feed(&taking->flow, bytes, &taking->json_error);
    case VALUE:
        return take_value(taking, bytes);
    case RAW: {
        size_t room = taking->out.max_bytes - taking->out.len;
        return lk_buf_append(&taking->out, bytes.ptr, bytes.len < room ? bytes.len : room);
    }
    default:
        return true;
    }
}

/* ---- the answer ---- */

static struct lk_json_writer begin_answer(struct taking *taking)
{
    struct lk_json_writer w = lk_json_writer(mcp_call_answer(taking->call));

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "operation", lk_str(taking->op->id));
    lk_json_member_integer(&w, "status", taking->answer.status);
    return w;
}

/* It is too large. What has been read can be read again; of what was changed the caller must learn
 * that it was. */
static bool leave_out(struct taking *taking, struct lk_error *err)
{
    if (taking->reads)
        return lk_fail(err, LK_ERROR_LIMIT,
                       "the answer of %s is larger than LOOKER_MAX_RESULT_BYTES (%zu), and half of "
                       "it would be no use; ask for less: name the `fields` to keep, or narrow it "
                       "with `arguments`",
                       taking->op->id, taking->max_bytes);
    struct lk_json_writer w = begin_answer(taking);
    lk_write_truncated(&w, taking->max_bytes, 0, -1,
                       "it was done, but the answer is too large: name the `fields` to keep");
    lk_json_end_object(&w);
    return true;
}

static bool write_list(struct taking *taking, struct lk_error *err)
{
    const struct lk_answer_ask *ask = taking->ask;
    struct lk_items *items = &taking->items;
    int64_t next = taking->next;

    if (!lk_items_check(items, err))
        return false;
    if (next >= 0 && ask->by_looker)
        next += ask->offset;
    else if (next < 0 && ask->by_looker && ask->limit > 0 && taking->n >= ask->limit)
        next = ask->offset + taking->n;
    /* A call for the next page would do it once more. */
    if (!taking->reads)
        next = -1;
    struct lk_json_writer w = begin_answer(taking);
    lk_items_write(items, &w, ask->by_looker ? -1 : items->offered, next);
    lk_json_end_object(&w);
    return true;
}

static bool write_value(struct taking *taking, struct lk_error *err)
{
    struct lk_json_writer w;

    if (taking->too_large)
        return leave_out(taking, err);
    w = begin_answer(taking);
    lk_json_member_raw(&w, "answer", lk_buf_view(&taking->out));
    lk_json_end_object(&w);
    return true;
}

static bool add_record(void *arg, struct lk_str record)
{
    *(size_t *)arg += record.len;
    return true;
}

/* How much of the text is whole lines (of csv: records). */
static size_t whole_lines(const struct taking *taking, struct lk_str text)
{
    size_t bytes = 0;
    struct lk_records records = {
        .csv = lk_str_eq(taking->ask->rows, csv), .record = add_record, .arg = &bytes};

    lk_records_init(&records, text.len);
    (void)lk_records_feed(&records, text, NULL);
    lk_records_free(&records);
    return bytes;
}

static bool write_text(struct taking *taking, struct lk_str text, struct lk_error *err)
{
    bool cut = taking->bytes > taking->max_bytes;
    struct lk_json_writer w;

    if (cut)
        text.len = whole_lines(taking, lk_str_n(text.ptr, taking->max_bytes));
    if (cut && (text.len == 0 || !taking->reads || lk_str_eq(taking->ask->rows, sql)))
        return leave_out(taking, err);
    w = begin_answer(taking);
    lk_json_member_string(&w, "text", text);
    if (cut) {
        lk_json_key(&w, "truncated");
        lk_json_begin_object(&w);
        lk_json_member_string(&w, "reason", LK_STR("result_bytes"));
        lk_json_member_integer(&w, "limit", (int64_t)taking->max_bytes);
        lk_json_member_integer(&w, "returned_bytes", (int64_t)text.len);
        lk_json_member_integer(&w, "total_bytes", (int64_t)taking->bytes);
        lk_json_member_string(&w, "how",
                              LK_STR("narrow it with `arguments`; run_query and run_look page "
                                     "through the rows of a query (or have "
                                     "LOOKER_MAX_RESULT_BYTES raised)"));
        lk_json_end_object(&w);
    }
    lk_json_end_object(&w);
    return true;
}

static bool write_binary(struct taking *taking, const char *media_type)
{
    struct lk_json_writer w = begin_answer(taking);

    lk_json_member_string(&w, "media_type", lk_str(media_type));
    lk_json_member_integer(&w, "bytes", (int64_t)taking->bytes);
    lk_json_member_string(&w, "note",
                          LK_STR("call_operation shows no binary content; the tools of the group "
                                 "render return images and PDF"));
    lk_json_end_object(&w);
    return true;
}

/* Spreadsheets come under names that nobody declares. */
static bool is_text(const struct taking *taking, struct lk_str beginning)
{
    struct lk_str whole = beginning;

    if (taking->bytes > taking->max_bytes)
        whole = lk_str_cut(beginning, taking->max_bytes);
    return lk_str_is_utf8(whole) && memchr(whole.ptr, '\0', whole.len) == NULL;
}

static bool write_raw(struct taking *taking, struct lk_error *err)
{
    struct lk_str beginning = lk_buf_view(&taking->out);

    switch (taking->media) {
    case LK_MEDIA_PNG:
        return write_binary(taking, "image/png");
    case LK_MEDIA_JPEG:
        return write_binary(taking, "image/jpeg");
    case LK_MEDIA_PDF:
        return write_binary(taking, "application/pdf");
    default:
        return is_text(taking, beginning) ? write_text(taking, beginning, err)
                                          : write_binary(taking, "application/octet-stream");
    }
}

static bool write_nothing(struct taking *taking)
{
    struct lk_json_writer w = begin_answer(taking);

    if (taking->reads && taking->answer.status == 202)
        lk_json_member_string(&w, "note", LK_STR("it is not there yet; call again later"));
    else
        lk_json_member_boolean(&w, "ok", true);
    lk_json_end_object(&w);
    return true;
}

static bool write_answer(struct taking *taking, struct lk_error *err)
{
    switch (taking->kind) {
    case LIST:
        return write_list(taking, err);
    case VALUE:
        return write_value(taking, err);
    case RAW:
        return write_raw(taking, err);
    default:
        return write_nothing(taking);
    }
}

/* ---- all ---- */

/* Whether what came came whole, as far as it was wanted, and is what should have come. */
static bool end(struct taking *taking)
{
    bool whole = !taking->answer.stopped;
    struct lk_str sample;

    switch (taking->kind) {
    case LIST:
        return (!whole || lk_json_flow_end(&taking->flow, &taking->json_error)) &&
               (taking->n > 0 || check_rows(taking, LK_MEDIA_JSON, LK_STR("[]")));
    case VALUE:
        if (taking->too_large)
            return true;
        sample = !taking->object         ? lk_buf_view(&taking->out)
                 : taking->flow.has_list ? LK_STR("{\"data\":[]}")
                                         : LK_STR("{}");
        return lk_json_sift_end(&taking->sift, &taking->json_error) &&
               check_rows(taking, LK_MEDIA_JSON, sample);
    case RAW:
        return check_rows(taking, taking->media, lk_buf_view(&taking->out));
    default:
        return taking->answer.status == 202 ||
               check_rows(taking, taking->answer.media, (struct lk_str){0});
    }
}

static bool failed(const struct taking *taking)
{
    return taking->error.kind != LK_ERROR_NONE || taking->json_error.kind != LK_ERROR_NONE;
}

static void free_taking(void *arg)
{
    struct taking *taking = arg;

    lk_json_flow_free(&taking->flow);
    lk_json_sift_free(&taking->sift);
    lk_buf_free(&taking->out);
}

bool lk_answer_call(struct mcp_call *call, const struct lk_answer_ask *ask, struct lk_error *err)
{
    const struct lk_tool_context *context = lk_tool_context(call);
    struct lk_arena *arena = mcp_call_arena(call);
    struct taking *taking = lk_arena_new_object(arena, struct taking);
    const struct lk_api_sink sink = {.take = take, .arg = taking};

    taking->call = call;
    taking->ask = ask;
    taking->arena = arena;
    taking->op = ask->request.op;
    taking->max_bytes = lk_tool_max_result_bytes(context);
    taking->reads = lk_operation_access(ask->request.op) == LK_ACCESS_READ;
    taking->next = -1;
    lk_arena_defer(arena, free_taking, taking);
    if (!lk_api_stream(context->api, arena, ask->request, 0, &sink, &taking->answer, err))
        return false;
    if (!failed(taking) && end(taking))
        return write_answer(taking, err);
    if (taking->json_error.kind != LK_ERROR_NONE)
        return lk_fail(err, taking->json_error.kind, "Looker's answer to %s: %s", taking->op->id,
                       taking->json_error.message);
    *err = taking->error;
    return false;
}
