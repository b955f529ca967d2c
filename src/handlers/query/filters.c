/*
 * Dashboard filters (filters.h). Makes no calls; dashboard.c and tile.c use it.
 */
#include "handlers/query/filters.h"

#include "json/codec.h"
#include "json/scan.h"

/* Of one query's filters as JSON. */
#define MAX_FILTERS_BYTES ((size_t)1024 * 1024)

static bool is_called(const struct lk_filter *filter, struct lk_str name)
{
    return lk_str_ieq(filter->name, name) || lk_str_ieq(filter->title, name);
}

struct lk_filter *lk_filters_find(const struct lk_filters *filters, struct lk_str name)
{
    if (name.len == 0) /* or it would be whatever filter has no title */
        return NULL;
    for (size_t i = 0; i < filters->len; i++) {
        if (lk_str_eq(filters->items[i].name, name))
            return &filters->items[i];
    }
    for (size_t i = 0; i < filters->len; i++) {
        if (is_called(&filters->items[i], name))
            return &filters->items[i];
    }
    return NULL;
}

bool lk_filters_fail_unknown(const struct lk_filters *filters, const char *place,
                             struct lk_str name, struct lk_error *err)
{
    struct lk_buf known;

    lk_buf_init(&known, 400);
    for (size_t i = 0; i < filters->len; i++)
        lk_buf_printf(&known, "%s%.*s", i > 0 ? ", " : "", LK_STR_ARG(filters->items[i].name));
    lk_fail(err, LK_ERROR_ARGUMENT, "%s: the dashboard has no filter \"%.*s\"; its filters: %.*s",
            place, LK_STR_ARG(name),
            LK_STR_ARG(known.len > 0 ? lk_buf_view(&known) : LK_STR("none")));
    lk_buf_free(&known);
    return false;
}

/* Looker does not run a dashboard before such filters have a value, and neither do we. */
static bool check_required(const struct looker_dashboard_filter_list *filters,
                           const struct lk_filters *resolved, struct lk_error *err)
{
    for (size_t i = 0; i < filters->len; i++) {
        if (lk_is_true(filters->items[i].required) && resolved->items[i].value.len == 0)
            return lk_fail(err, LK_ERROR_ARGUMENT,
                           "filters: the dashboard needs a value for \"%.*s\" and has no default "
                           "for it; suggest_field_values shows values of a field",
                           LK_STR_ARG(resolved->items[i].name));
    }
    return true;
}

struct lk_filters lk_filters_of(struct lk_arena *arena,
                                const struct looker_dashboard_filter_list *filters)
{
    struct lk_filters all = {
        .items = lk_arena_array(arena, filters->len, sizeof(*all.items)),
        .len = filters->len,
    };

    for (size_t i = 0; i < filters->len; i++) {
        const struct looker_dashboard_filter *filter = &filters->items[i];
        struct lk_str title = filter->title.value, value = filter->default_value.value;
        all.items[i] = (struct lk_filter){
            .name = filter->name.value.len > 0 ? filter->name.value : title,
            .title = title,
            .value = value,
            .applies = value.len > 0,
        };
    }
    return all;
}

bool lk_filters_resolve(struct lk_arena *arena, const struct looker_dashboard_filter_list *filters,
                        struct lk_str given, struct lk_filters *ret_filters, struct lk_error *err)
{
    struct lk_filters resolved = lk_filters_of(arena, filters);
    struct lk_json_iter it = lk_json_iter(given);
    struct lk_str key, value;

    while (lk_json_next(&it, &key, &value)) {
        struct lk_str name = lk_json_decode_key(arena, key);
        struct lk_filter *filter = lk_filters_find(&resolved, name);
        if (filter == NULL)
            return lk_filters_fail_unknown(&resolved, "filters", name, err);
        filter->value = lk_json_decode_string(arena, value);
        filter->applies = filter->given = true;
    }
    if (!check_required(filters, &resolved, err))
        return false;
    *ret_filters = resolved;
    return true;
}

bool lk_filters_of_dashboard(struct lk_arena *arena, struct lk_str dashboard, struct lk_str given,
                             struct lk_filters *ret_filters, struct lk_error *err)
{
    struct looker_dashboard_filter_list filters = {0};
    struct lk_object_list decoded = {0};
    struct lk_str list;

    if (lk_json_get(dashboard, LK_STR("dashboard_filters"), &list) &&
        lk_json_type(list) == LK_JSON_ARRAY) {
        if (!lk_decode_answer_list(arena, &looker_dashboard_filter_type, list, &decoded, err))
            return false;
        filters = (struct looker_dashboard_filter_list){decoded.items, decoded.len, decoded.is};
    }
    return lk_filters_resolve(arena, &filters, given, ret_filters, err);
}

/* The dashboard filter that the tile applies to that field, or NULL. `field`: as in the JSON. */
static const struct lk_filter *listens(const struct lk_filters *filters,
                                       const struct looker_result_maker_filterables *listener,
                                       struct lk_str field)
{
    for (size_t i = 0; i < listener->listen.len; i++) {
        const struct looker_result_maker_filterables_listen *listen = &listener->listen.items[i];
        const struct lk_filter *filter =
            lk_filters_find(filters, listen->dashboard_filter_name.value);
        if (filter != NULL && filter->applies && lk_str_eq(listen->field.value, field))
            return filter;
    }
    return NULL;
}

bool lk_filters_apply(struct lk_arena *arena, const struct lk_filters *filters,
                      const struct looker_result_maker_filterables *listener,
                      struct lk_json query_filters, struct lk_json *ret_filters,
                      struct lk_error *err)
{
    struct lk_buf buf;
    struct lk_json_writer w = lk_json_writer(&buf);
    struct lk_json_iter it = lk_json_iter(query_filters.value);
    struct lk_str key, value;
    bool ok;

    lk_buf_init(&buf, MAX_FILTERS_BYTES);
    lk_json_begin_object(&w);
    while (lk_json_next(&it, &key, &value)) {
        struct lk_str field = lk_json_decode_key(arena, key);
        if (listens(filters, listener, field) == NULL) {
            lk_json_key_str(&w, field);
            lk_json_put_raw(&w, value);
        }
    }
    for (size_t i = 0; i < listener->listen.len; i++) {
        struct lk_str field = listener->listen.items[i].field.value;
        const struct lk_filter *filter =
            lk_filters_find(filters, listener->listen.items[i].dashboard_filter_name.value);
        /* Two filters on one field: the first wins, as in `listens`. */
        if (filter == NULL || listens(filters, listener, field) != filter)
            continue;
        lk_json_key_str(&w, field);
        lk_json_put_string(&w, filter->value);
    }
    lk_json_end_object(&w);
    ok = !buf.overflow;
    if (ok)
        *ret_filters = lk_json(lk_arena_str(arena, lk_buf_view(&buf)));
    else
        lk_fail(err, LK_ERROR_LIMIT,
                "the filters of this tile and those of the dashboard are larger than %zu bytes "
                "together; give shorter expressions in `filters`, or leave the tile out with "
                "`tiles`",
                MAX_FILTERS_BYTES);
    lk_buf_free(&buf);
    return ok;
}

void lk_filters_write(const struct lk_filters *filters, struct lk_json_writer *w)
{
    lk_json_begin_array(w);
    for (size_t i = 0; i < filters->len; i++) {
        const struct lk_filter *filter = &filters->items[i];
        if (!filter->applies)
            continue;
        lk_json_begin_object(w);
        lk_json_member_string(w, "name", filter->name);
        if (filter->title.len > 0 && !lk_str_eq(filter->title, filter->name))
            lk_json_member_string(w, "title", filter->title);
        lk_json_member_string(w, "value", filter->value);
        lk_json_member_string(w, "source", filter->given ? LK_STR("argument") : LK_STR("default"));
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
}
