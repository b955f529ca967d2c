/*
 * What is shown of explores and fields (fields.h). Called by explore.c; a test holds the names to
 * the generated tables.
 */
#include "handlers/explore/fields.h"

#include "base/buf.h"
#include "json/scan.h"

#define FIELDS(table) .fields = (table), .n_fields = sizeof(table) / sizeof((table)[0])

/* suggest_… first, since they are left out where they say nothing; the ones that are shown only to
 * those who ask last. */
static const struct lk_projection field[] = {
    {.name = "suggest_dimension"},
    {.name = "suggest_explore"},
    {.name = "default_filter_value"},
    {.name = "description"},
    {.name = "dimension_group"},
    {.name = "enumerations"},
    {.name = "error"},
    {.name = "field_group_label"},
    {.name = "filters"},
    {.name = "hidden"},
    {.name = "is_timeframe"},
    {.name = "label"},
    {.name = "name"},
    {.name = "primary_key"},
    {.name = "suggestions"},
    {.name = "synonyms"},
    {.name = "tags"},
    {.name = "type"},
    {.name = "value_format_name"},
    {.name = "view_label"},
    {.name = "can_filter"},
    {.name = "drill_fields"},
    {.name = "fill_style"},
    {.name = "label_short"},
    {.name = "period_over_period_params"},
    {.name = "source_file"},
    {.name = "sql"},
    {.name = "suggestable"},
    {.name = "times_used"},
    {.name = "value_format"},
    {.name = "view"},
};
#define N_FIELD (sizeof(field) / sizeof(field[0]))
#define N_ON_REQUEST 11
#define N_SUGGEST 2

const struct lk_projection lk_field_projection = {FIELDS(field)};

/* What is needed to choose among fields, though it may not be shown. */
static const char *const needed[] = {"name",        "hidden",   "label", "field_group_label",
                                     "description", "synonyms", "tags"};

static const struct lk_projection *find_node(const struct lk_projection *projection,
                                             struct lk_str key);

static bool fail_unknown(struct lk_str name, struct lk_error *err)
{
    struct lk_buf known;

    lk_buf_init(&known, 500);
    for (size_t i = 0; i < N_FIELD; i++)
        lk_buf_printf(&known, "%s%s", i > 0 ? ", " : "", field[i].name);
    lk_fail(err, LK_ERROR_ARGUMENT, "fields: items have no \"%.*s\"; they have %.*s",
            LK_STR_ARG(name), LK_STR_ARG(lk_buf_view(&known)));
    lk_buf_free(&known);
    return false;
}

bool lk_choose_fields(struct lk_arena *arena, const struct lk_string_list *chosen,
                      struct lk_shown_fields *ret_shown, struct lk_error *err)
{
    struct lk_projection *show = lk_arena_array(arena, N_FIELD, sizeof(*show));
    struct lk_projection *ask = lk_arena_array(arena, 2 * N_FIELD, sizeof(*ask));
    struct lk_projection shown = {.fields = show}, asked = {.fields = ask};

    if (chosen->is != LK_PRESENT)
        shown = (struct lk_projection){.fields = field, .n_fields = N_FIELD - N_ON_REQUEST};
    for (size_t i = 0; i < chosen->len; i++) {
        const struct lk_projection *node = find_node(&lk_field_projection, chosen->items[i]);
        if (node == NULL)
            return fail_unknown(chosen->items[i], err);
        if (find_node(&shown, chosen->items[i]) == NULL)
            show[shown.n_fields++] = *node;
    }
    for (size_t i = 0; i < shown.n_fields; i++)
        ask[asked.n_fields++] = shown.fields[i];
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (find_node(&asked, lk_str(needed[i])) == NULL)
            ask[asked.n_fields++] = (struct lk_projection){.name = needed[i]};
    }
    *ret_shown = (struct lk_shown_fields){shown, lk_projection_text(arena, &asked)};
    return true;
}

void lk_write_field(struct lk_json_writer *w, struct lk_str object,
                    const struct lk_shown_fields *shown)
{
    struct lk_projection projection = shown->projection;
    struct lk_str name, suggest;

    if (projection.fields == field && lk_json_get(object, LK_STR("name"), &name) &&
        lk_json_get(object, LK_STR("suggest_dimension"), &suggest) && lk_str_eq(name, suggest)) {
        projection.fields += N_SUGGEST;
        projection.n_fields = (uint16_t)(projection.n_fields - N_SUGGEST);
    }
    lk_write_short(w, object, &projection);
}

static const struct lk_projection field_short[] = {
    {.name = "description"}, {.name = "hidden"}, {.name = "label_short"},
    {.name = "name"},        {.name = "type"},
};
const struct lk_projection lk_field_short_projection = {FIELDS(field_short)};

static const struct lk_projection join[] = {
    {.name = "from"},   {.name = "name"}, {.name = "relationship"}, {.name = "required_joins"},
    {.name = "sql_on"}, {.name = "type"}, {.name = "view_label"},
};
static const struct lk_projection explore[] = {
    {.name = "access_filters"},
    {.name = "aliases"},
    {.name = "always_filter"},
    {.name = "always_join"},
    {.name = "can_subtotal"},
    {.name = "can_total"},
    {.name = "conditionally_filter"},
    {.name = "connection_name"},
    {.name = "description"},
    {.name = "dialect_name"},
    {.name = "errors"},
    {.name = "group_label"},
    {.name = "has_timezone_support"},
    {.name = "hidden"},
    {.name = "id"},
    {.name = "joins", FIELDS(join)},
    {.name = "label"},
    {.name = "model_name"},
    {.name = "name"},
    {.name = "null_sort_treatment"},
    {.name = "project_name"},
    {.name = "source_file"},
    {.name = "sql_table_name"},
    {.name = "tags"},
    {.name = "view_name"},
};
const struct lk_projection lk_explore_projection = {FIELDS(explore)};

bool lk_is_hidden(struct lk_str object)
{
    struct lk_str hidden;

    return lk_json_get(object, LK_STR("hidden"), &hidden) && lk_json_is_true(hidden);
}

static bool is_empty(struct lk_str value)
{
    switch (lk_json_type(value)) {
    case LK_JSON_NULL:
        return true;
    case LK_JSON_BOOLEAN:
        return !lk_json_is_true(value);
    case LK_JSON_STRING:
        return value.len == 2;
    case LK_JSON_ARRAY:
    case LK_JSON_OBJECT:
        return lk_json_count(value) == 0;
    default:
        return false;
    }
}

static void write_value(struct lk_json_writer *w, struct lk_str value,
                        const struct lk_projection *node)
{
    struct lk_json_iter it = lk_json_iter(value);
    struct lk_str item;

    if (node->fields == NULL) {
        lk_json_put_raw(w, value);
    } else if (lk_json_type(value) == LK_JSON_ARRAY) {
        lk_json_begin_array(w);
        while (lk_json_next(&it, NULL, &item))
            write_value(w, item, node);
        lk_json_end_array(w);
    } else {
        lk_write_short(w, value, node);
    }
}

static const struct lk_projection *find_node(const struct lk_projection *projection,
                                             struct lk_str key)
{
    bool escaped = lk_json_key_escaped(key);

    for (size_t i = 0; i < projection->n_fields; i++) {
        struct lk_str name = lk_str(projection->fields[i].name);
        if (escaped ? lk_json_key_eq(key, name) : lk_str_eq(key, name))
            return &projection->fields[i];
    }
    return NULL;
}

void lk_write_short_members(struct lk_json_writer *w, struct lk_str object,
                            const struct lk_projection *projection)
{
    struct lk_json_iter it = lk_json_iter(object);
    struct lk_str key, value;

    while (lk_json_next(&it, &key, &value)) {
        const struct lk_projection *node = find_node(projection, key);
        if (node == NULL || is_empty(value))
            continue;
        lk_json_key(w, node->name);
        write_value(w, value, node);
    }
}

void lk_write_short(struct lk_json_writer *w, struct lk_str object,
                    const struct lk_projection *projection)
{
    lk_json_begin_object(w);
    lk_write_short_members(w, object, projection);
    lk_json_end_object(w);
}
