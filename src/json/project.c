/*
 * Projection (json/project.h) in one pass: a value that is chosen whole is stepped over and copied
 * in one piece, one that is not chosen only stepped over, and containers are entered in place. The
 * recursion is as deep as the projection, plus lists within lists (at most LK_JSON_MAX_DEPTH).
 */
#include "json/project.h"

#include "json/scan.h"
#include "json/skip.h"

struct projector {
    const char *end;
    bool drop;
    struct lk_buf *out;
};

/* Appends the projection of the value at `at`, which is on its first character. Returns what
 * follows the value. *ret_dropped: it was left out, and nothing was appended. */
static const char *project_value(const struct projector *p, const char *at,
                                 const struct lk_projection *node, bool *ret_dropped);

static const struct lk_projection *find_escaped(const struct lk_projection *node, struct lk_str key)
{
    for (size_t i = 0; i < node->n_fields; i++) {
        if (lk_json_key_eq(key, lk_str(node->fields[i].name)))
            return &node->fields[i];
    }
    return NULL;
}

const struct lk_projection *lk_projection_field(const struct lk_projection *node, struct lk_str key)
{
    size_t low = 0, high = node->n_fields;

    if (lk_json_key_escaped(key))
        return find_escaped(node, key);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *name = node->fields[middle].name;
        int order = strncmp(key.ptr, name, key.len);
        if (order == 0 && name[key.len] == '\0')
            return &node->fields[middle];
        if (order <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Whether the value is copied without a look inside. */
static bool is_whole(const struct projector *p, const struct lk_projection *node)
{
    return node->fields == NULL && !(p->drop && node->drop_if_true != NULL);
}

/* Whether the member whose value is at `at` has its whole object left out. */
static bool is_dropped(const struct projector *p, const char *at, const struct lk_projection *node,
                       struct lk_str key)
{
    return p->drop && node->drop_if_true != NULL &&
           lk_json_key_eq(key, lk_str(node->drop_if_true)) &&
           lk_str_starts(lk_str_n(at, (size_t)(p->end - at)), LK_STR("true"));
}

static const char *project_list(const struct projector *p, const char *at,
                                const struct lk_projection *node)
{
    bool comma = false, dropped;

    lk_buf_char(p->out, '[');
    at = lk_json_skip_comma(at + 1, p->end);
    while (at < p->end && *at != ']' && !p->out->overflow) {
        size_t before = p->out->len;
        if (comma)
            lk_buf_char(p->out, ',');
        at = project_value(p, at, node, &dropped);
        if (dropped)
            lk_buf_truncate(p->out, before);
        else
            comma = true;
        at = lk_json_skip_comma(at, p->end);
    }
    lk_buf_char(p->out, ']');
    return at < p->end ? at + 1 : at;
}

/* at: on the opening quote of the member's key. */
static const char *project_member(const struct projector *p, const char *at,
                                  const struct lk_projection *node, bool *ret_comma,
                                  bool *ret_drop_all)
{
    struct lk_str key;
    bool dropped;
    size_t before = p->out->len;
    const char *quote = at;

    at = lk_json_read_key(at, p->end, &key);
    *ret_drop_all = is_dropped(p, at, node, key);
    if (*ret_drop_all)
        return at;
    const struct lk_projection *field = lk_projection_field(node, key);
    if (field == NULL)
        return lk_json_skip_value(at, p->end);

    if (*ret_comma)
        lk_buf_char(p->out, ',');
    if (is_whole(p, field) && at - quote == (ptrdiff_t)key.len + 3) {
        /* No white space between key and value: both in one piece, as most members are. */
        at = lk_json_skip_value(at, p->end);
        lk_buf_append(p->out, quote, (size_t)(at - quote));
        *ret_comma = true;
        return at;
    }
    lk_buf_append(p->out, quote, key.len + 2);
    lk_buf_char(p->out, ':');
    at = project_value(p, at, field, &dropped);
    if (dropped)
        lk_buf_truncate(p->out, before);
    else
        *ret_comma = true;
    return at;
}

static const char *project_object(const struct projector *p, const char *at,
                                  const struct lk_projection *node, bool *ret_dropped)
{
    size_t before = p->out->len;
    bool comma = false;

    lk_buf_char(p->out, '{');
    at = lk_json_skip_comma(at + 1, p->end);
    while (at < p->end && *at != '}' && !p->out->overflow) {
        at = project_member(p, at, node, &comma, ret_dropped);
        if (*ret_dropped) {
            lk_buf_truncate(p->out, before);
            return lk_json_skip_rest(at, p->end);
        }
        at = lk_json_skip_comma(at, p->end);
    }
    lk_buf_char(p->out, '}');
    return at < p->end ? at + 1 : at;
}

/* An object that is chosen whole unless it is dropped. */
static const char *copy_object(const struct projector *p, const char *at,
                               const struct lk_projection *node, bool *ret_dropped)
{
    const char *begin = at;
    struct lk_str key;

    at = lk_json_skip_comma(at + 1, p->end);
    while (at < p->end && *at != '}') {
        at = lk_json_read_key(at, p->end, &key);
        *ret_dropped = is_dropped(p, at, node, key);
        if (*ret_dropped)
            return lk_json_skip_rest(at, p->end);
        at = lk_json_skip_comma(lk_json_skip_value(at, p->end), p->end);
    }
    if (at < p->end)
        at++;
    lk_buf_append(p->out, begin, (size_t)(at - begin));
    return at;
}

static const char *project_value(const struct projector *p, const char *at,
                                 const struct lk_projection *node, bool *ret_dropped)
{
    bool whole = at == p->end || is_whole(p, node);

    *ret_dropped = false;
    if (!whole && *at == '[')
        return project_list(p, at, node);
    if (!whole && *at == '{')
        return node->fields != NULL ? project_object(p, at, node, ret_dropped)
                                    : copy_object(p, at, node, ret_dropped);
    const char *after = lk_json_skip_value(at, p->end);
    lk_buf_append(p->out, at, (size_t)(after - at));
    return after;
}

bool lk_project(struct lk_str text, const struct lk_projection *projection, bool drop,
                struct lk_buf *out, struct lk_error *err)
{
    struct projector p = {.end = lk_str_end(text), .drop = drop, .out = out};
    bool dropped;

    if (projection == NULL) {
        lk_buf_str(out, text);
    } else {
        project_value(&p, lk_json_skip_space(text.ptr, p.end), projection, &dropped);
        if (dropped)
            lk_buf_lit(out, "null");
    }
    if (out->overflow)
        return lk_fail(err, LK_ERROR_LIMIT,
                       "the answer is larger than %zu bytes; ask for fewer fields or fewer items",
                       out->max_bytes);
    return true;
}

/* ---- as text ---- */

/* Projections are written by people, in manifests and arguments: none comes near it. */
#define MAX_TEXT_BYTES ((size_t)64 * 1024)

static void put_text(struct lk_buf *out, const struct lk_projection *node)
{
    for (size_t i = 0; i < node->n_fields; i++) {
        lk_buf_printf(out, "%s%s", i > 0 ? "," : "", node->fields[i].name);
        if (node->fields[i].n_fields > 0) {
            lk_buf_char(out, '(');
            put_text(out, &node->fields[i]);
            lk_buf_char(out, ')');
        }
    }
}

struct lk_str lk_projection_text(struct lk_arena *arena, const struct lk_projection *projection)
{
    struct lk_buf out;

    lk_buf_init(&out, MAX_TEXT_BYTES);
    put_text(&out, projection);
    struct lk_str text = lk_arena_str(arena, lk_buf_view(&out));
    lk_buf_free(&out);
    return text;
}
