/*
 * What was asked, for tests to read: each request as a line of JSON in a bounded ring. Tokens
 * appear by number and the login's secret not at all.
 */
#include "sandbox.h"

#include <stdlib.h>

#define MAX_RECORDS 10000
#define MAX_RECORD_BYTES ((size_t)64 * 1024 * 1024)
#define MAX_BODY_BYTES ((size_t)256 * 1024)

struct sb_record {
    struct entry {
        char *text;
        size_t len;
        const char *operation; /* or NULL */
    } entries[MAX_RECORDS];
    size_t first, n, bytes;
    uint64_t total;
};

struct sb_record *sb_record_new(void)
{
    return sb_alloc(sizeof(struct sb_record));
}

static void drop_oldest(struct sb_record *record)
{
    struct entry *entry = &record->entries[record->first];

    record->bytes -= entry->len;
    free(entry->text);
    record->first = (record->first + 1) % MAX_RECORDS;
    record->n--;
}

void sb_record_clear(struct sb_record *record)
{
    while (record->n > 0)
        drop_oldest(record);
    record->first = 0;
}

void sb_record_free(struct sb_record *record)
{
    sb_record_clear(record);
    free(record);
}

uint64_t sb_record_total(const struct sb_record *record)
{
    return record->total;
}

static void write_headers(struct sb_request *rq, struct lk_json_writer *w)
{
    lk_json_key(w, "headers");
    lk_json_begin_object(w);
    for (size_t i = 0; i < rq->n_headers; i++)
        if (!lk_str_eq(rq->headers[i].name, LK_STR("authorization")))
            lk_json_key_str(w, rq->headers[i].name), lk_json_put_string(w, rq->headers[i].value);
    lk_json_end_object(w);
}

/* The body, with the value of client_secret replaced. */
static void write_body(struct sb_request *rq, struct lk_json_writer *w)
{
    static const char name[] = "client_secret=";
    struct lk_str body = rq->body;
    const char *secret = body.len > 0 ? memmem(body.ptr, body.len, name, sizeof(name) - 1) : NULL;

    lk_json_key(w, "body");
    if (rq->route != NULL && rq->route->op->body_media == LK_MEDIA_FORM && secret != NULL) {
        const char *value = secret + sizeof(name) - 1, *end = body.ptr + body.len;
        const char *amp = memchr(value, '&', (size_t)(end - value));

        if (amp == NULL)
            amp = end;
        lk_json_put_string(w, lk_arena_printf(rq->arena, "%.*s***%.*s", (int)(value - body.ptr),
                                              body.ptr, (int)(end - amp), amp));
        return;
    }
    if (body.len > MAX_BODY_BYTES)
        body.len = MAX_BODY_BYTES;
    lk_json_put_string(w, body);
}

void sb_record_add(struct sb_request *rq, int status)
{
    struct sb_record *record = rq->sb->record;
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    record->total++;
    lk_json_begin_object(&w);
    lk_json_member_integer(&w, "n", (int64_t)record->total);
    lk_json_member_string(&w, "method", rq->method);
    lk_json_member_string(&w, "path", rq->path);
    lk_json_member_string(&w, "query", rq->query);
    lk_json_key(&w, "operation");
    lk_json_put_cstr(&w, rq->route != NULL ? rq->route->op->id : NULL);
    write_headers(rq, &w);
    lk_json_key(&w, "authorization");
    lk_json_put_cstr(&w, sb_auth_label(rq));
    write_body(rq, &w);
    lk_json_key(&w, "user");
    lk_json_put_cstr(&w, rq->token != NULL ? rq->token->user_id : NULL);
    lk_json_key(&w, "workspace");
    lk_json_put_cstr(&w, rq->token != NULL ? rq->token->workspace : NULL);
    lk_json_key(&w, "branch");
    lk_json_put_cstr(&w, rq->branch);
    lk_json_member_integer(&w, "status", status);
    lk_json_end_object(&w);
    while (record->n > 0 && (record->n == MAX_RECORDS || record->bytes > MAX_RECORD_BYTES))
        drop_oldest(record);
    record->entries[(record->first + record->n++) % MAX_RECORDS] = (struct entry){
        .text = sb_strdup(lk_buf_view(buf)),
        .len = buf->len,
        .operation = rq->route != NULL ? rq->route->op->id : NULL,
    };
    record->bytes += buf->len;
}

void sb_record_get(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_record *record = rq->sb->record;
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);
    struct lk_str only = {0};

    if (lk_str_starts(rq->query, LK_STR("operation=")))
        only = lk_str_n(rq->query.ptr + 10, rq->query.len - 10);
    lk_json_begin_array(&w);
    for (size_t i = 0; i < record->n; i++) {
        const struct entry *entry = &record->entries[(record->first + i) % MAX_RECORDS];

        if (only.len == 0 || lk_str_eq(lk_str(entry->operation), only))
            lk_json_put_raw(&w, lk_str_n(entry->text, entry->len));
    }
    lk_json_end_array(&w);
    sb_answer_json(out, 200, lk_buf_view(buf));
}
