/*
 * The `fields` parameter that most of Looker's GETs take: `id,name,explores(name,label)`. The
 * answer is cut down to what it names; a name that the answer's type does not have is refused.
 */
#include "sandbox.h"

struct selection {
    struct lk_str name;
    struct selection *children; /* NULL: the whole value */
    struct selection *next;
};

struct parser {
    struct sb_request *rq;
    const char *at, *end;
    struct lk_str unknown; /* the first name that is not there */
    bool malformed;
};

#define MAX_SELECTION_DEPTH 16

static struct lk_str parse_name(struct parser *p)
{
    const char *start = p->at;

    while (p->at < p->end && strchr(",()", *p->at) == NULL)
        p->at++;
    return lk_str_trim(lk_str_n(start, (size_t)(p->at - start)));
}

/* a,b(c,d): up to the closing parenthesis or the end. type NULL: anything goes. */
static struct selection *parse(struct parser *p, const struct lk_type *type, unsigned depth)
{
    struct selection *first = NULL, **end = &first;

    while (!p->malformed) {
        struct selection *item = lk_arena_new_object(p->rq->arena, struct selection);
        const struct lk_field *field;

        item->name = parse_name(p);
        field = type != NULL ? lk_type_field(type, item->name) : NULL;
        if (item->name.len == 0 || depth == MAX_SELECTION_DEPTH)
            p->malformed = true;
        else if (type != NULL && field == NULL && p->unknown.len == 0)
            p->unknown = item->name;
        *end = item;
        end = &item->next;
        if (p->at < p->end && *p->at == '(') {
            p->at++;
            item->children = parse(
                p, field != NULL && field->kind == LK_KIND_OBJECT ? field->type : NULL, depth + 1);
            if (p->at == p->end || *p->at != ')')
                p->malformed = true;
            else
                p->at++;
        }
        if (p->at == p->end || *p->at != ',')
            break;
        p->at++;
    }
    return first;
}

static void select_value(struct lk_json_writer *w, struct lk_str value,
                         const struct selection *selection)
{
    struct lk_json_iter it = lk_json_iter(value);
    struct lk_str key, item;

    if (lk_json_type(value) == LK_JSON_ARRAY) {
        lk_json_begin_array(w);
        while (lk_json_next(&it, NULL, &item))
            select_value(w, item, selection);
        lk_json_end_array(w);
        return;
    }
    if (lk_json_type(value) != LK_JSON_OBJECT) {
        lk_json_put_raw(w, value);
        return;
    }
    lk_json_begin_object(w);
    while (lk_json_next(&it, &key, &item)) {
        const struct selection *s = selection;

        while (s != NULL && !lk_str_eq(s->name, key))
            s = s->next;
        if (s == NULL)
            continue;
        lk_json_key_str(w, key);
        if (s->children != NULL)
            select_value(w, item, s->children);
        else
            lk_json_put_raw(w, item);
    }
    lk_json_end_object(w);
}

bool sb_fields_apply(struct sb_request *rq, struct sb_answer *out)
{
    const struct lk_field *answer = &rq->route->op->answer;
    struct selection *selection;
    struct lk_json_writer w;
    struct lk_buf *buf;
    struct lk_str text;
    struct parser p;

    if (rq->route->fields_param == NULL || out->status >= 300 || out->body.len == 0 ||
        !sb_query_arg(rq, "fields", &text) || text.len == 0)
        return true;
    p = (struct parser){.rq = rq, .at = text.ptr, .end = text.ptr + text.len};
    selection = parse(&p, answer->kind == LK_KIND_OBJECT ? answer->type : NULL, 0);
    if (p.malformed || p.at != p.end) {
        sb_fail(rq, out, 400, "Malformed fields parameter \"%.*s\"", LK_STR_ARG(text));
        return false;
    }
    if (p.unknown.len > 0) {
        sb_fail(rq, out, 400, "The answer of %s has no field \"%.*s\"", rq->route->op->id,
                LK_STR_ARG(p.unknown));
        return false;
    }
    buf = sb_buf(rq);
    w = lk_json_writer(buf);
    select_value(&w, out->body, selection);
    out->body = lk_buf_view(buf);
    return true;
}
