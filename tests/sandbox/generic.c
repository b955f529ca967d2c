/*
 * Every operation that has no handler of its own, by the form of its path and answer:
 *
 *     POST /x        with a /x/{id} beside it: creates, completed by the type's blank example
 *     GET /x         list; GET /x/search the same, with every parameter that names a field as
 * filter GET /x/{id}    what was created or seeded; else an example with that id, unless the
 *                    collection is strict (seeded) or the thing was deleted: 404
 *     PATCH, PUT     merges the body; DELETE removes
 *     anything else  an example of the answer's type, with the body's fields in it
 */
#include "sandbox.h"

#include <stdlib.h>

/* The path of the first n segments, with '/' inside a segment kept apart. */
static struct lk_str path_of(struct sb_request *rq, size_t n)
{
    struct lk_buf *buf = sb_buf(rq);

    for (size_t i = 0; i < n; i++) {
        lk_buf_char(buf, '/');
        for (size_t j = 0; j < rq->segments[i].len; j++) {
            char c = rq->segments[i].ptr[j];

            lk_buf_char(buf, c == '/' ? '\x01' : c);
        }
    }
    return lk_buf_view(buf);
}

static bool is_param(const struct sb_route *route, size_t i)
{
    return (route->param_bits & (1u << i)) != 0;
}

static bool ends_in_param(const struct sb_route *route)
{
    return route->n_segments > 0 && is_param(route, route->n_segments - 1u);
}

static bool answers_object(const struct lk_operation *op)
{
    return op->answer.kind == LK_KIND_OBJECT && (op->answer.flags & LK_FIELD_LIST) == 0;
}

/* The status to answer with: 204 where a deletion may have it, else the first that is declared. */
static int success(const struct lk_operation *op)
{
    for (size_t i = 0; i < 3 && op->method == LK_DELETE; i++)
        if (op->success[i] == 204)
            return 204;
    return op->success[0] != 0 ? op->success[0] : 200;
}

/* Whether the things that the path leads through exist, as far as that is known. */
static bool parents_exist(struct sb_request *rq)
{
    for (size_t i = 1; i + 1 < rq->n_segments; i++) {
        struct sb_collection *c;
        struct sb_entity *entity;

        if (!is_param(rq->route, i))
            continue;
        c = sb_collection(rq->sb->store, path_of(rq, i));
        entity = sb_entity(c, rq->segments[i]);
        if (entity != NULL ? entity->json == NULL : c->strict)
            return false;
    }
    return true;
}

/* The field of the type that holds a thing's key, by the name of the path parameter. */
static const char *key_field(const struct lk_type *type, const char *param)
{
    size_t n = param != NULL ? strlen(param) : 0;
    bool named = n >= 5 && strcmp(param + n - 5, "_name") == 0;

    if (named && lk_type_field(type, LK_STR("name")) != NULL)
        return "name";
    if (param != NULL && strcmp(param, "slug") == 0 && lk_type_field(type, LK_STR("slug")) != NULL)
        return "slug";
    if (lk_type_field(type, LK_STR("id")) != NULL)
        return "id";
    if (param != NULL && lk_type_field(type, lk_str(param)) != NULL)
        return param;
    return lk_type_field(type, LK_STR("name")) != NULL ? "name" : NULL;
}

static void set_text(cJSON *object, const char *name, struct lk_str value)
{
    char *text = sb_strdup(value);

    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    cJSON_AddStringToObject(object, name, text);
    free(text);
}

/* The key is a string in most types, a number in some. */
static void set_key(const struct lk_type *type, cJSON *object, const char *name, struct lk_str key)
{
    const struct lk_field *field = lk_type_field(type, lk_str(name));
    int64_t number;

    if (field == NULL || field->kind != LK_KIND_INTEGER || !sb_parse_int(key, &number))
        return set_text(object, name, key);
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    cJSON_AddNumberToObject(object, name, (double)number);
}

/* Path parameters that are fields of the thing: /users/{user_id}/… sets user_id. */
static void set_path_args(struct sb_request *rq, const struct lk_type *type, cJSON *thing,
                          size_t n_segments)
{
    for (size_t i = 0; i < n_segments; i++) {
        const struct lk_field *param = rq->route->names[i];
        const struct lk_field *field =
            param != NULL ? lk_type_field(type, lk_str(param->name)) : NULL;

        if (field != NULL && field->kind == LK_KIND_STRING && (field->flags & LK_FIELD_LIST) == 0)
            set_text(thing, param->name, rq->segments[i]);
    }
}

static cJSON *parse_body(struct sb_request *rq)
{
    return rq->body.len > 0 && rq->route->op->body_media == LK_MEDIA_JSON
               ? cJSON_ParseWithLength(rq->body.ptr, rq->body.len)
               : NULL;
}

/* An example with the path's ids and the body's fields; the caller owns it. */
static cJSON *make_example(struct sb_request *rq, bool full)
{
    const struct lk_field *answer = &rq->route->op->answer;
    cJSON *thing = sb_example(answer, full, 0), *body;

    if (!answers_object(rq->route->op) || answer->type == NULL)
        return thing;
    set_path_args(rq, answer->type, thing, rq->n_segments);
    body = parse_body(rq);
    if (cJSON_IsObject(body))
        sb_merge(answer->type, thing, body);
    cJSON_Delete(body);
    return thing;
}

static void answer_example(struct sb_request *rq, struct sb_answer *out)
{
    const struct lk_operation *op = rq->route->op;
    cJSON *thing;

    if (op->answer.kind == LK_KIND_NONE || success(op) == 204) {
        sb_answer_empty(out, success(op));
        return;
    }
    if ((op->answer_media & LK_MEDIA_JSON) == 0) {
        out->status = success(op);
        out->content_type = op->answer_media & LK_MEDIA_TEXT   ? "text/plain; charset=utf-8"
                            : op->answer_media & LK_MEDIA_SVG  ? "image/svg+xml"
                            : op->answer_media & LK_MEDIA_PNG  ? "image/png"
                            : op->answer_media & LK_MEDIA_JPEG ? "image/jpeg"
                                                               : "application/pdf";
        out->body = op->answer_media & LK_MEDIA_SVG
                        ? LK_STR("<svg xmlns=\"http://www.w3.org/2000/svg\"/>")
                        : LK_STR("example text\n");
        return;
    }
    thing = make_example(rq, true);
    sb_answer_tree(rq, out, success(op), thing);
    cJSON_Delete(thing);
}

/* ---- one thing ---- */

/* The collection and key that a path ending in a parameter names. A path that does not is the only
 * thing of its own collection. */
static struct sb_collection *locate(struct sb_request *rq, struct lk_str *ret_key)
{
    if (!ends_in_param(rq->route)) {
        *ret_key = LK_STR("(it)");
        return sb_collection(
            rq->sb->store,
            lk_arena_printf(rq->arena, "(one)%.*s", LK_STR_ARG(path_of(rq, rq->n_segments))));
    }
    *ret_key = rq->segments[rq->n_segments - 1];
    return sb_collection(rq->sb->store, path_of(rq, rq->n_segments - 1));
}

/* A new example under the key, kept in the collection. */
static struct sb_entity *invent(struct sb_request *rq, struct sb_collection *c, struct lk_str key,
                                bool full)
{
    const struct lk_type *type = rq->route->op->answer.type;
    cJSON *thing = sb_example_object(type, full, 0);
    size_t last = rq->n_segments - 1;
    const char *field;

    set_path_args(rq, type, thing, rq->n_segments);
    if (ends_in_param(rq->route)) {
        field = key_field(type, rq->route->names[last]->name);
        if (field != NULL)
            set_key(type, thing, field, key);
    }
    return sb_entity_put(c, key, thing);
}

static void get_one(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str key;
    struct sb_collection *c = locate(rq, &key);
    struct sb_entity *entity = sb_entity(c, key);

    if (entity != NULL ? entity->json == NULL : c->strict)
        return sb_fail_not_found(rq, out);
    if (entity == NULL)
        entity = invent(rq, c, key, true);
    sb_answer_json(out, success(rq->route->op), sb_entity_show(rq, c, entity));
}

static void change_one(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str key;
    struct sb_collection *c = locate(rq, &key);
    struct sb_entity *entity = sb_entity(c, key);
    bool item = ends_in_param(rq->route);
    cJSON *body, *json;

    if (item && (entity != NULL ? entity->json == NULL : c->strict))
        return sb_fail_not_found(rq, out);
    if (entity == NULL || entity->json == NULL)
        entity = invent(rq, c, key, true);
    body = parse_body(rq);
    json = entity->json;
    if (cJSON_IsObject(body))
        sb_merge(rq->route->op->answer.type, json, body);
    cJSON_Delete(body);
    entity = sb_entity_put(c, key, json);
    sb_answer_json(out, success(rq->route->op), sb_entity_show(rq, c, entity));
}

static void delete_one(struct sb_request *rq, struct sb_answer *out)
{
    struct lk_str key;
    struct sb_collection *c = locate(rq, &key);
    struct sb_entity *entity = sb_entity(c, key);

    if (entity != NULL ? entity->json == NULL : c->strict)
        return sb_fail_not_found(rq, out);
    if (entity == NULL)
        entity = sb_entity_put(c, key, NULL);
    sb_entity_delete(entity);
    answer_example(rq, out);
}

/* ---- collections ---- */

static void create(struct sb_request *rq, struct sb_answer *out)
{
    const struct lk_operation *op = rq->route->op;
    struct sb_collection *c = sb_collection(rq->sb->store, path_of(rq, rq->n_segments));
    cJSON *thing = make_example(rq, false);
    const char *field = key_field(op->answer.type, NULL), *given;
    struct lk_str key = {0};
    struct sb_entity *entity;

    /* Members: POST /groups/{group_id}/users {"user_id": …} beside …/users/{user_id}. */
    if (rq->body.len > 0 && op->body.kind == LK_KIND_OBJECT)
        key = lk_json_get_string(rq->arena, rq->body, lk_str(rq->route->item_param));
    if (key.len > 0 && field != NULL)
        set_key(op->answer.type, thing, field, key);
    given = field != NULL ? sb_member(thing, field) : NULL;
    if (given != NULL && given[0] != '\0') {
        key = lk_arena_str(rq->arena, lk_str(given));
        entity = sb_entity(c, key);
        if (entity != NULL && entity->json != NULL) {
            cJSON_Delete(thing);
            return sb_fail(rq, out, 409, "%s %.*s exists already", field, LK_STR_ARG(key));
        }
    } else {
        /* Not beside an example that was shown before. */
        if (!c->strict && c->next_id < 1000)
            c->next_id = 1000;
        key = lk_arena_printf(rq->arena, "%lld", (long long)c->next_id++);
        if (field != NULL)
            set_key(op->answer.type, thing, field, key);
    }
    if (lk_type_field(op->answer.type, LK_STR("created_at")) != NULL &&
        lk_type_field(op->answer.type, LK_STR("created_at"))->kind == LK_KIND_STRING)
        set_text(thing, "created_at", LK_STR("2026-01-15T09:30:00.000+00:00"));
    entity = sb_entity_put(c, key, thing);
    sb_answer_json(out, success(op), sb_entity_show(rq, c, entity));
}

static bool equals(const cJSON *value, struct lk_str wanted)
{
    const cJSON *item;
    double number;

    if (cJSON_IsString(value))
        return sb_like(lk_str(value->valuestring), wanted);
    if (cJSON_IsBool(value))
        return cJSON_IsTrue(value) == lk_str_eq(wanted, LK_STR("true"));
    if (cJSON_IsNumber(value)) {
        number = value->valuedouble;
        return number == strtod(wanted.len > 0 ? wanted.ptr : "", NULL);
    }
    cJSON_ArrayForEach(item, value) if (equals(item, wanted)) return true;
    return false;
}

/* Every parameter that names a field of the thing (or, as x_id, its list x_ids) has to match; with
 * filter_or, one of them. */
static bool matches(const struct sb_request *rq, const cJSON *thing)
{
    bool any = sb_query_bool(rq, "filter_or", false), one = false, tried = false;

    for (size_t i = 0; i < rq->n_params; i++) {
        const char *name = rq->params[i].field->name;
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(thing, name);
        char plural[80];
        bool fits = false;

        if (value == NULL && strcmp(name, "ids") == 0)
            value = cJSON_GetObjectItemCaseSensitive(thing, "id");
        if (value == NULL && strlen(name) < sizeof(plural) - 2) {
            strcpy(plural, name);
            strcat(plural, "s");
            value = cJSON_GetObjectItemCaseSensitive(thing, plural);
        }
        if (value == NULL || strcmp(name, "fields") == 0 || strcmp(name, "limit") == 0)
            continue;
        tried = true;
        if ((rq->params[i].field->flags & LK_FIELD_LIST) == 0) {
            fits = equals(value, rq->params[i].value);
        } else {
            for (struct lk_str rest = rq->params[i].value; !fits;) {
                const char *comma = memchr(rest.ptr, ',', rest.len);
                size_t len = comma != NULL ? (size_t)(comma - rest.ptr) : rest.len;

                fits = equals(value, lk_str_n(rest.ptr, len));
                if (comma == NULL)
                    break;
                rest = lk_str_n(comma + 1, rest.len - len - 1);
            }
        }
        one |= fits;
        if (!fits && !any)
            return false;
    }
    return !any || one || !tried;
}

static void fill_with_examples(struct sb_request *rq, struct sb_collection *c)
{
    const struct lk_type *type = rq->route->op->answer.type;
    const char *field = key_field(type, NULL);

    c->listed = true;
    for (int i = 1; i <= 2; i++) {
        struct lk_str key = lk_arena_printf(rq->arena, "%d", i);
        struct sb_entity *entity = sb_entity(c, key);
        cJSON *thing;

        if (entity != NULL)
            continue;
        thing = sb_example_object(type, true, 0);
        set_path_args(rq, type, thing, rq->n_segments);
        if (field != NULL)
            set_key(type, thing, field, key);
        sb_entity_put(c, key, thing);
    }
}

static int compare_by(const char *name, const cJSON *a, const cJSON *b)
{
    const cJSON *x = cJSON_GetObjectItemCaseSensitive(a, name);
    const cJSON *y = cJSON_GetObjectItemCaseSensitive(b, name);
    int64_t m, n;

    if (cJSON_IsNumber(x) && cJSON_IsNumber(y))
        return (x->valuedouble > y->valuedouble) - (x->valuedouble < y->valuedouble);
    if (!cJSON_IsString(x) || !cJSON_IsString(y))
        return 0;
    if (sb_parse_int(lk_str(x->valuestring), &m) && sb_parse_int(lk_str(y->valuestring), &n))
        return (m > n) - (m < n);
    return strcasecmp(x->valuestring, y->valuestring);
}

/* Insertion sort by the first name of `sorts`: "title desc". Lists are short. */
static void sort(struct sb_request *rq, struct sb_entity **items, size_t n)
{
    struct lk_str sorts;
    char name[80] = {0};
    bool descending;

    if (!sb_query_arg(rq, "sorts", &sorts) || sorts.len == 0)
        return;
    for (size_t i = 0; i < sorts.len && i < sizeof(name) - 1 && strchr(" ,", sorts.ptr[i]) == NULL;
         i++)
        name[i] = sorts.ptr[i];
    descending = memmem(sorts.ptr, sorts.len, " desc", 5) != NULL;
    for (size_t i = 1; i < n; i++) {
        struct sb_entity *item = items[i];
        size_t j = i;

        while (j > 0) {
            int order = compare_by(name, items[j - 1]->json, item->json);

            if ((descending ? -order : order) <= 0)
                break;
            items[j] = items[j - 1];
            j--;
        }
        items[j] = item;
    }
}

/* Some lists show less of a thing than asking for it does: GET /dashboards has DashboardBase. */
static void put_as(struct lk_json_writer *w, const struct lk_type *type, struct lk_str text)
{
    struct lk_json_iter it = lk_json_iter(text);
    struct lk_str key, value;

    lk_json_begin_object(w);
    while (lk_json_next(&it, &key, &value))
        if (lk_type_field(type, key) != NULL)
            lk_json_key_str(w, key), lk_json_put_raw(w, value);
    lk_json_end_object(w);
}

void sb_answer_things(struct sb_request *rq, struct sb_answer *out, struct sb_collection *c,
                      struct sb_entity **items, size_t n)
{
    const struct lk_operation *op = rq->route->op;
    int64_t per_page = sb_query_int(rq, "per_page", -1);
    int64_t limit = sb_query_int(rq, "limit", per_page), offset = sb_query_int(rq, "offset", 0);
    struct lk_buf *buf = sb_buf(rq);
    struct lk_json_writer w = lk_json_writer(buf);

    if (per_page > 0 && sb_query_int(rq, "limit", -1) < 0)
        offset = (sb_query_int(rq, "page", 1) - 1) * per_page;
    sort(rq, items, n);
    lk_json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        if ((int64_t)i < offset || (limit >= 0 && (int64_t)i >= offset + limit))
            continue;
        if (c->type == NULL || c->type == op->answer.type)
            lk_json_put_raw(&w, sb_entity_show(rq, c, items[i]));
        else
            put_as(&w, op->answer.type, sb_entity_show(rq, c, items[i]));
    }
    lk_json_end_array(&w);
    sb_answer_json(out, success(op), lk_buf_view(buf));
}

static void list(struct sb_request *rq, struct sb_answer *out)
{
    const struct sb_route *route = rq->route;
    bool search = !ends_in_param(route) && rq->n_segments > 1 &&
                  lk_str_eq(rq->segments[rq->n_segments - 1], LK_STR("search"));
    struct sb_collection *c =
        sb_collection(rq->sb->store, path_of(rq, rq->n_segments - (search ? 1 : 0)));
    struct sb_entity **items;
    size_t n = 0;

    if (!c->strict && !c->listed)
        fill_with_examples(rq, c);
    items = lk_arena_array(rq->arena, c->n + 1, sizeof(struct sb_entity *));
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].json != NULL && matches(rq, c->items[i].json) &&
            (c->fits == NULL || c->fits(rq, c->items[i].json)))
            items[n++] = &c->items[i];
    sb_answer_things(rq, out, c, items, n);
}

void sb_generic(struct sb_request *rq, struct sb_answer *out)
{
    const struct sb_route *route = rq->route;
    const struct lk_operation *op = route->op;
    bool lists = op->answer.kind == LK_KIND_OBJECT && (op->answer.flags & LK_FIELD_LIST) != 0;

    if (!parents_exist(rq))
        return sb_fail_not_found(rq, out);
    if (op->method == LK_GET && lists && op->answer.type != NULL)
        return list(rq, out);
    if (op->method == LK_GET && answers_object(op) && op->answer.type != NULL)
        return get_one(rq, out);
    if (op->method == LK_POST && answers_object(op) && route->has_items)
        return create(rq, out);
    if (op->method == LK_DELETE && (ends_in_param(route) || route->gets_object))
        return delete_one(rq, out);
    if ((op->method == LK_PATCH || op->method == LK_PUT || op->method == LK_POST) &&
        answers_object(op) &&
        (route->gets_object || (op->method != LK_POST && ends_in_param(route))))
        return change_one(rq, out);
    answer_example(rq, out);
}
