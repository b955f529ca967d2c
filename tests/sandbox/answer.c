/*
 * Small things that every part of the sandbox uses: making answers in Looker's shapes, reading a
 * request's parameters, hashing, matching.
 */
#include "sandbox.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DOCUMENTATION_URL "https://cloud.google.com/looker/docs/"

struct lk_buf *sb_buf(struct sb_request *rq)
{
    struct lk_buf *buf = lk_arena_new_object(rq->arena, struct lk_buf);

    lk_buf_init(buf, SB_MAX_TEXT_BYTES);
    lk_arena_defer(rq->arena, lk_buf_free_deferred, buf);
    return buf;
}

void sb_answer_json(struct sb_answer *out, int status, struct lk_str body)
{
    out->status = status;
    out->content_type = "application/json";
    out->body = body;
    out->stream = NULL;
}

void sb_answer_empty(struct sb_answer *out, int status)
{
    out->status = status;
    out->content_type = NULL;
    out->body = (struct lk_str){0};
    out->stream = NULL;
}

struct lk_str sb_print(struct sb_request *rq, const cJSON *tree)
{
    char *text = cJSON_PrintUnformatted(tree);

    if (text == NULL)
        abort();
    lk_arena_defer(rq->arena, free, text);
    return lk_str(text);
}

void sb_answer_tree(struct sb_request *rq, struct sb_answer *out, int status, const cJSON *tree)
{
    sb_answer_json(out, status, sb_print(rq, tree));
}

void sb_fail(struct sb_request *rq, struct sb_answer *out, int status, const char *format, ...)
{
    char message[1024];
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "message", lk_str(message));
    lk_json_member_string(&w, "documentation_url", LK_STR(DOCUMENTATION_URL));
    lk_json_end_object(&w);
    sb_answer_json(out, status, lk_buf_view(buf));
}

void sb_fail_not_found(struct sb_request *rq, struct sb_answer *out)
{
    sb_fail(rq, out, 404, "Not found");
}

void sb_fail_field(struct sb_request *rq, struct sb_answer *out, const char *field,
                   const char *code, const char *message)
{
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "message", LK_STR("Validation Failed"));
    lk_json_key(&w, "errors");
    lk_json_begin_array(&w);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "field", lk_str(field));
    lk_json_member_string(&w, "code", lk_str(code));
    lk_json_member_string(&w, "message", lk_str(message));
    lk_json_member_string(&w, "documentation_url", LK_STR(DOCUMENTATION_URL));
    lk_json_end_object(&w);
    lk_json_end_array(&w);
    lk_json_member_string(&w, "documentation_url", LK_STR(DOCUMENTATION_URL));
    lk_json_end_object(&w);
    sb_answer_json(out, 422, lk_buf_view(buf));
}

struct lk_str sb_header(const struct sb_request *rq, const char *name)
{
    for (size_t i = 0; i < rq->n_headers; i++)
        if (lk_str_ieq(rq->headers[i].name, lk_str(name)))
            return rq->headers[i].value;
    return (struct lk_str){0};
}

struct lk_str sb_path_arg(const struct sb_request *rq, const char *name)
{
    for (size_t i = 0; i < rq->n_segments; i++)
        if (rq->route->names[i] != NULL && strcmp(rq->route->names[i]->name, name) == 0)
            return rq->segments[i];
    return (struct lk_str){0};
}

bool sb_query_arg(const struct sb_request *rq, const char *name, struct lk_str *ret_value)
{
    for (size_t i = 0; i < rq->n_params; i++) {
        if (strcmp(rq->params[i].field->name, name) == 0) {
            *ret_value = rq->params[i].value;
            return true;
        }
    }
    return false;
}

bool sb_parse_int(struct lk_str text, int64_t *ret_value)
{
    int64_t value = 0;
    size_t i = 0;
    bool negative = text.len > 0 && text.ptr[0] == '-';

    if (negative)
        i++;
    if (i == text.len || text.len > 17)
        return false;
    for (; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (text.ptr[i] - '0');
    }
    *ret_value = negative ? -value : value;
    return true;
}

int64_t sb_query_int(const struct sb_request *rq, const char *name, int64_t absent)
{
    struct lk_str text;
    int64_t value;

    return sb_query_arg(rq, name, &text) && sb_parse_int(text, &value) ? value : absent;
}

bool sb_query_bool(const struct sb_request *rq, const char *name, bool absent)
{
    struct lk_str text;

    return sb_query_arg(rq, name, &text) ? lk_str_eq(text, LK_STR("true")) : absent;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool sb_percent_decode(struct lk_arena *arena, struct lk_str text, bool form,
                       struct lk_str *ret_text)
{
    char *copy;
    size_t len = 0;

    if (memchr(text.ptr != NULL ? text.ptr : "", '%', text.len) == NULL && !form) {
        *ret_text = text;
        return true;
    }
    copy = lk_arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%') {
            int high = text.len - i > 2 ? hex(text.ptr[i + 1]) : -1;
            int low = text.len - i > 2 ? hex(text.ptr[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            copy[len++] = (char)(high * 16 + low);
            i += 2;
            continue;
        }
        copy[len++] = form && c == '+' ? ' ' : c;
    }
    *ret_text = (struct lk_str){copy, len};
    return lk_str_is_utf8(*ret_text);
}

uint64_t sb_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* FNV-1a, finished by a mix so that low bits are good too. */
uint64_t sb_hash(struct lk_str text)
{
    uint64_t h = 0xcbf29ce484222325ULL;

    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (unsigned char)text.ptr[i]) * 0x100000001b3ULL;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93ULL;
    return h ^ (h >> 32);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool sb_like(struct lk_str text, struct lk_str pattern)
{
    size_t t = 0, p = 0, star = SIZE_MAX, mark = 0;

    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '%') {
            star = p++;
            mark = t;
        } else if (p < pattern.len &&
                   (pattern.ptr[p] == '_' || lower(pattern.ptr[p]) == lower(text.ptr[t]))) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '%')
        p++;
    return p == pattern.len;
}

void *sb_alloc(size_t size)
{
    void *memory = calloc(1, size > 0 ? size : 1);

    if (memory == NULL)
        abort();
    return memory;
}

char *sb_strdup(struct lk_str s)
{
    char *copy = sb_alloc(s.len + 1);

    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    return copy;
}
