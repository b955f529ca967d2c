/*
 * From the JSON of a query to what has to be made: columns with their fields, how many rows, in
 * which order, which filters can be seen in the values. Whatever the explore does not have is
 * refused.
 */
#include "projects.h"

#include <stdio.h>

#define MAX_COLUMNS 4096
#define DEFAULT_LIMIT 500

struct maker {
    struct sb_request *rq;
    struct sb_answer *out;
    struct sb_plan *plan;
    struct lk_str dynamic; /* the dynamic_fields list as JSON, or empty */
};

static bool refuse(struct maker *m, const char *field, struct lk_str name, const char *what)
{
    char message[256];

    snprintf(message, sizeof(message), "\"%.*s\" %s", LK_STR_ARG(name), what);
    sb_fail_field(m->rq, m->out, field, "invalid", message);
    return false;
}

/* ---- dynamic fields: custom dimensions, custom measures, table calculations ---- */

static const char *const dynamic_kinds[] = {"dimension", "measure", "table_calculation"};

static struct lk_str dynamic_name(struct lk_arena *arena, struct lk_str item, size_t *ret_kind)
{
    for (size_t k = 0; k < 3; k++) {
        struct lk_str name = lk_json_get_string(arena, item, lk_str(dynamic_kinds[k]));

        if (name.len > 0) {
            *ret_kind = k;
            return name;
        }
    }
    return (struct lk_str){0};
}

static bool load_dynamic(struct maker *m, struct lk_str query)
{
    struct lk_str text = lk_json_get_string(m->rq->arena, query, LK_STR("dynamic_fields"));
    struct lk_error err = {0};
    struct lk_json_iter it;
    struct lk_str item;
    size_t kind;

    if (text.len == 0)
        return true;
    if (!lk_json_check(text, LK_JSON_MAX_DEPTH, 0, &err) || lk_json_type(text) != LK_JSON_ARRAY)
        return refuse(m, "dynamic_fields", text, "is not a JSON list");
    it = lk_json_iter(text);
    while (lk_json_next(&it, NULL, &item))
        if (dynamic_name(m->rq->arena, item, &kind).len == 0)
            return refuse(m, "dynamic_fields", item,
                          "has no dimension, measure or table_calculation");
    m->dynamic = text;
    return true;
}

static bool find_dynamic(struct maker *m, struct lk_str name, struct sb_column *column)
{
    struct lk_json_iter it = lk_json_iter(m->dynamic);
    struct lk_str item, label;
    size_t kind;

    while (m->dynamic.len > 0 && lk_json_next(&it, NULL, &item)) {
        if (!lk_str_eq(dynamic_name(m->rq->arena, item, &kind), name))
            continue;
        column->field = (struct sb_field){
            .view = "",
            .name = lk_arena_cstr(m->rq->arena, name),
            .type = kind == 0 ? "string" : "number",
            .flags = kind == 0 ? 0 : SB_MEASURE,
        };
        column->table_calc = kind == 2;
        label = lk_json_get_string(m->rq->arena, item, LK_STR("label"));
        column->label = label.len > 0 ? label : name;
        return true;
    }
    return false;
}

/* ---- columns ---- */

static size_t count_values(const char *const *values)
{
    size_t n = 0;

    while (values != NULL && values[n] != NULL)
        n++;
    return n;
}

static bool find_field(struct maker *m, struct lk_str name, struct sb_column *column)
{
    struct lk_arena *arena = m->rq->arena;

    if (sb_field_find(arena, &m->plan->explore, name, &column->field))
        column->label = sb_field_label(arena, &column->field);
    else if (!find_dynamic(m, name, column))
        return false;
    return true;
}

static bool add_column(struct maker *m, struct lk_str name)
{
    struct sb_plan *plan = m->plan;
    struct sb_column *column = &plan->columns[plan->n_columns];
    struct lk_buf *key = sb_buf(m->rq);

    if (!find_field(m, name, column))
        return refuse(m, "fields", name, "is not a field of the explore");
    if (column->field.flags & (SB_FILTER | SB_PARAMETER))
        return refuse(m, "fields", name, "can only be filtered by");
    column->name = lk_arena_str(m->rq->arena, name);
    column->hash = sb_hash(name);
    column->n_values = count_values(column->field.values);
    column->changes = sb_edited_number(plan->explore.files, "changes_values", name, 1, 0);
    sb_column_prepare(column);
    lk_buf_lit(key, ",\"");
    lk_json_escape(key, name);
    lk_buf_lit(key, "\":");
    column->json_key = lk_buf_view(key);
    plan->broken |= (column->field.flags & SB_BROKEN) != 0;
    plan->n_columns++;
    return true;
}

static bool add_columns(struct maker *m, struct lk_str query)
{
    struct sb_plan *plan = m->plan;
    struct lk_str list = {0}, item;
    struct lk_json_iter it;
    size_t n = 0, kind;

    if (lk_json_get(query, LK_STR("fields"), &list))
        n = lk_json_count(list);
    n += m->dynamic.len > 0 ? lk_json_count(m->dynamic) : 0;
    if (n > MAX_COLUMNS)
        return refuse(m, "fields", (struct lk_str){0}, "has too many fields");
    plan->columns = lk_arena_array(m->rq->arena, n + 1, sizeof(*plan->columns));
    it = lk_json_iter(list);
    while (list.len > 0 && lk_json_next(&it, NULL, &item))
        if (!add_column(m, lk_json_decode_string(m->rq->arena, item)))
            return false;
    it = lk_json_iter(m->dynamic);
    while (m->dynamic.len > 0 && lk_json_next(&it, NULL, &item)) {
        struct lk_str name = dynamic_name(m->rq->arena, item, &kind);
        bool there = kind != 2;

        for (size_t i = 0; i < plan->n_columns; i++)
            there |= lk_str_eq(plan->columns[i].name, name);
        if (!there && !add_column(m, name))
            return false;
    }
    for (size_t i = 0; i < plan->n_columns; i++) {
        if (plan->columns[i].field.flags & SB_MEASURE)
            continue;
        plan->columns[i].first = true;
        break;
    }
    return true;
}

static bool add_pivots(struct maker *m, struct lk_str query)
{
    struct sb_plan *plan = m->plan;
    struct lk_str list, item;
    struct lk_json_iter it;

    if (!lk_json_get(query, LK_STR("pivots"), &list))
        return true;
    it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        struct lk_str name = lk_json_decode_string(m->rq->arena, item);
        bool found = false;

        for (size_t i = 0; i < plan->n_columns; i++) {
            if (!lk_str_eq(plan->columns[i].name, name))
                continue;
            plan->columns[i].pivot = found = true;
            plan->n_pivots++;
        }
        if (!found)
            return refuse(m, "pivots", name, "is not among the fields");
    }
    return true;
}

/* ---- filters ---- */

/* Whether the part is a value and no expression of Looker's filter language. */
static bool is_plain(const char *type, struct lk_str part, bool quoted)
{
    static const char *const words[] = {"NULL", "EMPTY", "NOT NULL", "not null", "any value"};
    int64_t number;

    if (quoted)
        return true;
    if (part.len == 0 || part.ptr[0] == '-')
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (lk_str_eq(part, lk_str(words[i])))
            return false;
    if (strncmp(type, "date", 4) == 0)
        return part.len >= 4 && part.len <= 10 && strspn(part.ptr, "0123456789-") >= part.len;
    if (sb_is_number_type(type))
        return sb_parse_int(part, &number);
    return true;
}

/* Splits "a,^,b,\"c,d\"" into its values; false when it is an expression. */
static bool fix_values(struct lk_arena *arena, struct sb_column *column, struct lk_str filter)
{
    char *part = lk_arena_alloc(arena, filter.len + 1);
    size_t len = 0;
    bool quoted = false, was_quoted = false;

    column->n_fixed = 0;
    for (size_t i = 0; i <= filter.len; i++) {
        char c = i < filter.len ? filter.ptr[i] : ',';

        if (c == '^' && i + 1 < filter.len) {
            part[len++] = filter.ptr[++i];
        } else if (c == '"') {
            quoted = !quoted;
            was_quoted = true;
        } else if (c == '%' && !quoted) {
            return false;
        } else if (c != ',' || (quoted && i < filter.len)) {
            part[len++] = c;
        } else {
            struct lk_str value = lk_str_n(part, len);

            if (!was_quoted)
                value = lk_str_trim(value);
            if (column->n_fixed == sizeof(column->fixed) / sizeof(column->fixed[0]) ||
                !is_plain(column->field.type, value, was_quoted))
                return false;
            column->fixed[column->n_fixed++] = lk_arena_str(arena, value);
            len = 0;
            was_quoted = false;
        }
    }
    return true;
}

static bool add_filters(struct maker *m, struct lk_str query)
{
    struct sb_plan *plan = m->plan;
    struct lk_str filters, key, value;
    struct lk_json_iter it;

    if (!lk_json_get(query, LK_STR("filters"), &filters))
        return true;
    it = lk_json_iter(filters);
    while (lk_json_next(&it, &key, &value)) {
        struct sb_column ignored = {0};
        struct lk_str text = lk_json_decode_string(m->rq->arena, value);

        if (!find_field(m, key, &ignored))
            return refuse(m, "filters", key, "is not a field of the explore");
        for (size_t i = 0; i < plan->n_columns; i++) {
            struct sb_column *column = &plan->columns[i];

            if (lk_str_eq(column->name, key) && (column->field.flags & SB_MEASURE) == 0 &&
                !fix_values(m->rq->arena, column, text))
                column->n_fixed = 0;
        }
    }
    return true;
}

/* ---- order and number of rows ---- */

static bool read_sorts(struct maker *m, struct lk_str query)
{
    struct lk_str list, item;
    struct lk_json_iter it;
    bool first = true;

    if (!lk_json_get(query, LK_STR("sorts"), &list))
        return true;
    it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        struct lk_str text = lk_json_decode_string(m->rq->arena, item);
        const char *space = memchr(text.ptr != NULL ? text.ptr : "", ' ', text.len);
        struct lk_str name = space != NULL ? lk_str_n(text.ptr, (size_t)(space - text.ptr)) : text;
        struct sb_column ignored = {0};

        if (!find_field(m, name, &ignored))
            return refuse(m, "sorts", name, "is not a field of the explore");
        if (first)
            m->plan->descending =
                space != NULL &&
                lk_str_starts(lk_str_n(space, text.len - name.len), LK_STR(" desc"));
        first = false;
    }
    return true;
}

static bool read_limit(struct maker *m, struct lk_str query, int64_t limit)
{
    struct lk_str text = lk_json_get_string(m->rq->arena, query, LK_STR("limit"));
    struct sb_plan *plan = m->plan;

    if (limit == INT64_MIN && text.len == 0)
        limit = DEFAULT_LIMIT;
    else if (limit == INT64_MIN && !sb_parse_int(text, &limit))
        return refuse(m, "limit", text, "is not a number");
    if (limit < -1)
        return refuse(m, "limit", text, "must be -1 or more");
    plan->all =
        plan->explore.rows > plan->explore.skips ? plan->explore.rows - plan->explore.skips : 0;
    plan->rows = limit == -1 || limit > plan->all ? plan->all : limit;
    if (plan->n_columns == 0)
        plan->rows = 0;
    return true;
}

bool sb_plan_make(struct sb_request *rq, struct sb_answer *out, struct lk_str query,
                  int64_t limit_override, struct sb_plan **ret_plan)
{
    struct sb_plan *plan = lk_arena_new_object(rq->arena, struct sb_plan);
    struct maker m = {rq, out, plan, {0}};
    struct lk_str model = lk_json_get_string(rq->arena, query, LK_STR("model"));
    struct lk_str view = lk_json_get_string(rq->arena, query, LK_STR("view"));
    struct lk_str value;

    plan->arena = rq->arena;
    plan->query = query;
    if (!sb_explore_seen(rq, model, view, &plan->model, &plan->explore))
        return refuse(&m, "view", view, "is not an explore of the model");
    plan->broken = sb_edited(plan->explore.files, "breaks_explore", view, NULL);
    if (!load_dynamic(&m, query) || !add_columns(&m, query) || !add_pivots(&m, query) ||
        !add_filters(&m, query) || !read_sorts(&m, query) || !read_limit(&m, query, limit_override))
        return false;
    plan->totals = lk_json_get(query, LK_STR("total"), &value) && lk_json_is_true(value);
    value = lk_json_get_string(rq->arena, query, LK_STR("row_total"));
    plan->row_totals = lk_str_eq(value, LK_STR("right")) || lk_str_eq(value, LK_STR("left"));
    *ret_plan = plan;
    return true;
}
