/*
 * Saved queries. As at Looker they never change, the same definition keeps its id, and a slug
 * leads to it too. The newest MAX_QUERIES are kept.
 */
#include "sandbox.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_QUERIES 100000
#define N_SAME 131072 /* a power of two */

struct saved {
    uint64_t hash; /* of the definition */
    char *json;
    size_t len;
};

struct sb_queries {
    struct saved items[MAX_QUERIES]; /* id n stands at (n - 1) % MAX_QUERIES */
    uint32_t n;                      /* made so far */
    uint32_t same[N_SAME];           /* by hash, the id that last had it: a cache, no index */
};

struct sb_queries *sb_queries_new(void)
{
    return sb_alloc(sizeof(struct sb_queries));
}

void sb_queries_free(struct sb_queries *queries)
{
    for (size_t i = 0; i < MAX_QUERIES; i++)
        free(queries->items[i].json);
    free(queries);
}

/* A slug is the id in eight digits of base 16 behind a letter, then a part of the hash. */
static struct lk_str slug_of(struct lk_arena *arena, uint32_t id, uint64_t hash)
{
    return lk_arena_printf(arena, "q%08x%013llx", id, (unsigned long long)(hash >> 12));
}

static struct saved *by_number(struct sb_queries *queries, int64_t id)
{
    if (id < 1 || id > queries->n || id + MAX_QUERIES <= queries->n)
        return NULL;
    return &queries->items[(id - 1) % MAX_QUERIES];
}

bool sb_query_find(struct sb *sb, struct lk_str id_or_slug, struct lk_str *ret_json)
{
    const struct saved *saved = NULL;
    char digits[9] = {0};
    int64_t id;

    if (sb_parse_int(id_or_slug, &id)) {
        saved = by_number(sb->queries, id);
    } else if (id_or_slug.len == 22 && id_or_slug.ptr[0] == 'q') {
        memcpy(digits, id_or_slug.ptr + 1, 8);
        saved = by_number(sb->queries, (int64_t)strtoul(digits, NULL, 16));
        if (saved != NULL) {
            char tail[14];

            snprintf(tail, sizeof(tail), "%013llx", (unsigned long long)(saved->hash >> 12));
            if (memcmp(tail, id_or_slug.ptr + 9, 13) != 0)
                saved = NULL;
        }
    }
    if (saved == NULL)
        return false;
    *ret_json = lk_str_n(saved->json, saved->len);
    return true;
}

/* ---- making one ---- */

static void url_escape(struct lk_buf *buf, struct lk_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            (c != '\0' && strchr("-_.~,", c) != NULL))
            lk_buf_char(buf, (char)c);
        else
            lk_buf_printf(buf, "%%%02X", c);
    }
}

static void url_list(struct lk_arena *arena, struct lk_buf *buf, struct lk_str body,
                     const char *name)
{
    struct lk_json_iter it;
    struct lk_str list, item;
    bool first = true;

    if (!lk_json_get(body, lk_str(name), &list) || lk_json_count(list) == 0)
        return;
    lk_buf_printf(buf, "&%s=", name);
    it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        if (!first)
            lk_buf_char(buf, ',');
        first = false;
        url_escape(buf, lk_json_decode_string(arena, item));
    }
}

/* "/explore/model/view?fields=…": what a browser opens. */
static struct lk_str explore_path(struct sb_request *rq, struct lk_str body)
{
    struct lk_buf *buf = sb_buf(rq);
    struct lk_str filters, key, value;
    struct lk_json_iter it;

    lk_buf_lit(buf, "/explore/");
    url_escape(buf, lk_json_get_string(rq->arena, body, LK_STR("model")));
    lk_buf_char(buf, '/');
    url_escape(buf, lk_json_get_string(rq->arena, body, LK_STR("view")));
    lk_buf_lit(buf, "?toggle=det");
    url_list(rq->arena, buf, body, "fields");
    url_list(rq->arena, buf, body, "pivots");
    url_list(rq->arena, buf, body, "sorts");
    if (lk_json_get(body, LK_STR("filters"), &filters)) {
        it = lk_json_iter(filters);
        while (lk_json_next(&it, &key, &value)) {
            lk_buf_lit(buf, "&f[");
            url_escape(buf, key);
            lk_buf_lit(buf, "]=");
            url_escape(buf, lk_json_decode_string(rq->arena, value));
        }
    }
    value = lk_json_get_string(rq->arena, body, LK_STR("limit"));
    if (value.len > 0) {
        lk_buf_lit(buf, "&limit=");
        url_escape(buf, value);
    }
    return lk_buf_view(buf);
}

static void put_field(struct sb_request *rq, struct lk_json_writer *w, const struct lk_field *field,
                      struct lk_str body, uint32_t id, struct lk_str slug, struct lk_str path)
{
    struct lk_str value;
    const char *base = rq->sb->base_url;

    lk_json_key(w, field->name);
    if (strcmp(field->name, "id") == 0)
        lk_json_put_string(w, lk_arena_printf(rq->arena, "%u", id));
    else if (strcmp(field->name, "slug") == 0 || (strcmp(field->name, "client_id") == 0 &&
                                                  !lk_json_get(body, LK_STR("client_id"), &value)))
        lk_json_put_string(w, slug);
    else if (strcmp(field->name, "share_url") == 0)
        lk_json_put_string(w, lk_arena_printf(rq->arena, "%s/x/%.*s", base, LK_STR_ARG(slug)));
    else if (strcmp(field->name, "url") == 0)
        lk_json_put_string(w, path);
    else if (strcmp(field->name, "expanded_share_url") == 0)
        lk_json_put_string(w, lk_arena_printf(rq->arena, "%s%.*s", base, LK_STR_ARG(path)));
    else if (strcmp(field->name, "can") == 0)
        lk_json_put_raw(w, LK_STR("{\"run\":true,\"see_results\":true}"));
    else if (strcmp(field->name, "has_table_calculations") == 0)
        lk_json_put_boolean(w, memmem(body.ptr, body.len, "table_calculation", 17) != NULL);
    else if (lk_json_get(body, lk_str(field->name), &value))
        lk_json_put_raw(w, value);
    else
        lk_json_put_null(w);
}

/* The JSON of the query that the body defines; the body was checked. */
static struct lk_str save(struct sb_request *rq, struct lk_str body, const struct lk_type *type)
{
    struct sb_queries *queries = rq->sb->queries;
    uint64_t hash = sb_hash(body);
    uint32_t same = queries->same[hash & (N_SAME - 1)];
    struct saved *saved = by_number(queries, same);
    struct lk_buf *buf;
    struct lk_json_writer w;
    struct lk_str slug, path;
    uint32_t id;

    if (saved != NULL && saved->hash == hash)
        return lk_arena_str(rq->arena, lk_str_n(saved->json, saved->len));
    id = ++queries->n;
    saved = by_number(queries, id);
    buf = sb_buf(rq);
    w = lk_json_writer(buf);
    slug = slug_of(rq->arena, id, hash);
    path = explore_path(rq, body);
    lk_json_begin_object(&w);
    for (size_t i = 0; i < type->n_fields; i++)
        put_field(rq, &w, &type->fields[i], body, id, slug, path);
    lk_json_end_object(&w);
    free(saved->json);
    *saved = (struct saved){hash, sb_strdup(lk_buf_view(buf)), buf->len};
    queries->same[hash & (N_SAME - 1)] = id;
    return lk_buf_view(buf);
}

static void create_query(struct sb_request *rq, struct sb_answer *out)
{
    struct sb_plan *plan;

    if (sb_plan_make(rq, out, rq->body, INT64_MIN, &plan))
        sb_answer_json(out, 200, save(rq, rq->body, rq->route->op->answer.type));
}

static void get_query(struct sb_request *rq, struct sb_answer *out, const char *name)
{
    struct lk_str json;

    if (!sb_query_find(rq->sb, sb_path_arg(rq, name), &json))
        return sb_fail_not_found(rq, out);
    sb_answer_json(out, 200, lk_arena_str(rq->arena, json));
}

static void query(struct sb_request *rq, struct sb_answer *out)
{
    get_query(rq, out, "query_id");
}

static void query_for_slug(struct sb_request *rq, struct sb_answer *out)
{
    get_query(rq, out, "slug");
}

const struct sb_handler sb_query_handlers[] = {
    {"create_query", create_query},
    {"query", query},
    {"query_for_slug", query_for_slug},
    {0},
};

/* ---- the ones that dashboards and looks show: ids 1 to 6 ---- */

void sb_seed_queries(struct sb *sb)
{
    static const char *const bodies[] = {
        "{\"model\":\"thelook\",\"view\":\"orders\",\"fields\":[\"orders.status\","
        "\"orders.count\"],\"sorts\":[\"orders.count desc\"],\"limit\":\"10\"}",
        "{\"model\":\"thelook\",\"view\":\"order_items\",\"fields\":[\"orders.created_month\","
        "\"order_items.total_sale_price\"],\"sorts\":[\"orders.created_month desc\"],"
        "\"limit\":\"12\"}",
        "{\"model\":\"thelook\",\"view\":\"users\",\"fields\":[\"users.state\",\"users.count\","
        "\"users.average_age\"],\"filters\":{\"users.country\":\"USA\"},\"limit\":\"50\"}",
        "{\"model\":\"analytics\",\"view\":\"sessions\",\"fields\":[\"sessions.browser\","
        "\"sessions.count\"],\"limit\":\"500\"}",
        "{\"model\":\"thelook\",\"view\":\"orders\",\"fields\":[\"orders.status\","
        "\"orders.broken\"],\"limit\":\"500\"}",
        "{\"model\":\"thelook\",\"view\":\"order_items\",\"fields\":[\"products.category\","
        "\"orders.status\",\"order_items.count\"],\"pivots\":[\"orders.status\"],"
        "\"limit\":\"20\"}",
    };
    const struct lk_operation *op = sb_operation("create_query");
    struct sb_request rq = {.sb = sb, .arena = lk_arena_new()};

    for (size_t i = 0; op != NULL && i < sizeof(bodies) / sizeof(bodies[0]); i++)
        save(&rq, lk_str(bodies[i]), op->answer.type);
    lk_arena_free(rq.arena);
}
