/*
 * Nearness of names (similar.h): edit distance, then what names of fields have in common. Called by
 * validate.c, with a whole explore's names.
 */
#include "handlers/query/similar.h"

#include "base/nearest.h"

#define FAR 100
#define WORD_BYTES_MAX 256 /* nobody means a name with a longer word, which would take its time */

/* What kind of likeness counts how much; each adds the edits that are needed. */
enum { SAME_FIELD = 4, NEAR_FIELD = 5, CONTAINED = 10 };

static unsigned edits_allowed(size_t len)
{
    return len < 6 ? 1 : len < 9 ? 2 : 3;
}

/* The distance, or FAR when it is too large to be a slip. */
static unsigned slip(struct lk_str a, struct lk_str b)
{
    unsigned limit = edits_allowed(a.len), distance;
    size_t apart = a.len > b.len ? a.len - b.len : b.len - a.len;

    if (apart > limit)
        return FAR;
    distance = lk_distance(a, b, limit);
    return distance <= limit ? distance : FAR;
}

/* The part behind the dot, or all of it. */
static struct lk_str field_part(struct lk_str name)
{
    const char *dot = memchr(name.ptr != NULL ? name.ptr : "", '.', name.len);

    return dot == NULL ? name : lk_str_n(dot + 1, name.len - (size_t)(dot + 1 - name.ptr));
}

static bool contains(struct lk_str text, struct lk_str part)
{
    return part.len >= 3 && lk_str_icontains(text, part);
}

static unsigned score(struct lk_str word, struct lk_str name)
{
    struct lk_str field = field_part(word), of_name = field_part(name);
    unsigned whole = slip(word, name), part;

    if (whole != FAR)
        return whole;
    part = slip(field, of_name);
    if (part != FAR)
        return (part == 0 ? SAME_FIELD : NEAR_FIELD) + part;
    return contains(of_name, field) || contains(field, of_name) ? CONTAINED : FAR;
}

/* "Order Items Count" as order_items_count; a name's dot the same way, so that they compare. */
static struct lk_str flat(struct lk_arena *arena, struct lk_str text, const char *replaced)
{
    char *copy = lk_arena_alloc(arena, text.len + 1);

    for (size_t i = 0; i < text.len; i++)
        copy[i] = strchr(replaced, text.ptr[i]) != NULL ? '_' : text.ptr[i];
    return lk_str_n(copy, text.len);
}

static void keep(struct lk_similar *similar, unsigned *scores, struct lk_str name, unsigned of_name)
{
    size_t at = similar->n;

    for (size_t i = 0; i < similar->n; i++) {
        if (lk_str_eq(similar->names[i], name))
            return;
    }
    while (at > 0 && scores[at - 1] > of_name)
        at--;
    if (at == LK_SIMILAR_MAX)
        return;
    if (similar->n < LK_SIMILAR_MAX)
        similar->n++;
    for (size_t i = similar->n - 1; i > at; i--) {
        similar->names[i] = similar->names[i - 1];
        scores[i] = scores[i - 1];
    }
    similar->names[at] = name;
    scores[at] = of_name;
}

struct lk_similar lk_similar(struct lk_arena *arena, struct lk_str word,
                             const struct lk_str *candidates, size_t n)
{
    bool label = memchr(word.ptr != NULL ? word.ptr : "", ' ', word.len) != NULL;
    struct lk_similar similar = {0};
    unsigned scores[LK_SIMILAR_MAX];

    if (word.len == 0 || word.len > WORD_BYTES_MAX)
        return similar;
    if (label)
        word = flat(arena, word, " .");
    for (size_t i = 0; i < n; i++) {
        unsigned of_name = score(word, candidates[i]);
        if (label) {
            unsigned of_label = slip(word, flat(arena, candidates[i], "."));
            of_name = of_label < of_name ? of_label : of_name;
        }
        if (of_name < FAR)
            keep(&similar, scores, candidates[i], of_name);
    }
    return similar;
}

void lk_similar_put(struct lk_buf *buf, const struct lk_similar *similar)
{
    for (size_t i = 0; i < similar->n; i++) {
        lk_buf_str(buf, i == 0               ? LK_STR("; did you mean ")
                        : i + 1 < similar->n ? LK_STR(", ")
                                             : LK_STR(" or "));
        lk_buf_printf(buf, "\"%.*s\"", LK_STR_ARG(similar->names[i]));
    }
    if (similar->n > 0)
        lk_buf_char(buf, '?');
}
