/*
 * Binding tiles to dashboard filters (listen.h). Changes are made on a copy of what the tile has,
 * so that what is not named survives. Used by add_dashboard_element, update_dashboard_element and
 * add_dashboard_filter.
 */
#include "handlers/content/listen.h"

#include "handlers/content/parts.h"
#include "handlers/query/filters.h"
#include "looker_ops.h"
#include "json/codec.h"
#include "json/scan.h"

typedef struct looker_result_maker_filterables filterable;
typedef struct looker_result_maker_filterables_listen hearing;

static const struct looker_result_maker_filterables_list *
filterables_of(const struct looker_dashboard_element *element)
{
    static const struct looker_result_maker_filterables_list none;

    return element->result_maker.is == LK_PRESENT ? &element->result_maker.value->filterables
                                                  : &none;
}

/* ---- the argument ---- */

bool lk_listens_resolve(struct lk_arena *arena, struct lk_json given,
                        const struct looker_dashboard_filter_list *filters,
                        struct lk_listens *ret_listens, struct lk_error *err)
{
    struct lk_listens listens = {
        .items = lk_arena_array(arena, lk_json_count(given.value), sizeof(*listens.items))};
    struct lk_filters known = lk_filters_of(arena, filters);
    struct lk_json_iter it = lk_json_iter(given.value);
    struct lk_str key, value;

    while (lk_json_next(&it, &key, &value)) {
        struct lk_str name = lk_json_decode_key(arena, key);
        const struct lk_filter *filter = lk_filters_find(&known, name);
        if (filter == NULL) {
            lk_filters_fail_unknown(&known, "listen", name, err);
            lk_error_advise(err, "add_dashboard_filter makes one");
            return false;
        }
        listens.items[listens.len++] =
            (struct lk_listen){filter->name, lk_str_trim(lk_json_decode_string(arena, value))};
    }
    *ret_listens = listens;
    return true;
}

/* ---- on a copy ---- */

static void copy(struct lk_arena *arena, const struct looker_dashboard_element *element,
                 const struct lk_listens *listens,
                 struct looker_result_maker_filterables_list *ret_copy)
{
    const struct looker_result_maker_filterables_list *old = filterables_of(element);
    const struct looker_query *query = lk_element_query(element);
    struct looker_result_maker_filterables_list new = {
        .items = lk_arena_array(arena, old->len + 1, sizeof(filterable)), .is = LK_PRESENT};

    /* A tile to which nothing was ever bound may have none. */
    if (old->len == 0 && query != NULL)
        new.items[new.len++] = (filterable){.model = query->model, .view = query->view};
    for (size_t i = 0; i < old->len; i++)
        new.items[new.len++] = old->items[i];
    for (size_t i = 0; i < new.len; i++) {
        struct looker_result_maker_filterables_listen_list heard = new.items[i].listen;
        size_t room = heard.len + 8;
        for (size_t k = 0; k < listens->len; k++)
            room += listens->items[k].field.len / 2 + 1;
        new.items[i].listen = (struct looker_result_maker_filterables_listen_list){
            .items = lk_arena_array(arena, room, sizeof(hearing)),
            .len = heard.len,
            .is = LK_PRESENT,
        };
        for (size_t k = 0; k < heard.len; k++)
            new.items[i].listen.items[k] = heard.items[k];
    }
    *ret_copy = new;
}

static void unhear(struct looker_result_maker_filterables_list *list, struct lk_str filter)
{
    for (size_t i = 0; i < list->len; i++) {
        struct looker_result_maker_filterables_listen_list *listen = &list->items[i].listen;
        size_t kept = 0;
        for (size_t k = 0; k < listen->len; k++) {
            if (!lk_str_eq(listen->items[k].dashboard_filter_name.value, filter))
                listen->items[kept++] = listen->items[k];
        }
        listen->len = kept;
    }
}

static struct lk_str view_of(struct lk_str field)
{
    const char *dot = memchr(field.ptr, '.', field.len);

    return dot != NULL ? lk_str_n(field.ptr, (size_t)(dot - field.ptr)) : (struct lk_str){0};
}

/* The one filterable of that name, or (no name) of that view; NULL: none, or several. */
static filterable *choose(struct looker_result_maker_filterables_list *list, struct lk_str name,
                          struct lk_str field)
{
    filterable *found = NULL;

    if (list->len == 1 && name.len == 0)
        return &list->items[0];
    for (size_t i = 0; i < list->len; i++) {
        filterable *item = &list->items[i];
        bool fits = name.len > 0 ? lk_str_ieq(item->name.value, name)
                                 : lk_str_eq(item->view.value, view_of(field));
        if (fits && found != NULL)
            return NULL;
        if (fits)
            found = item;
    }
    return found;
}

static bool fail_ambiguous(const struct looker_result_maker_filterables_list *list,
                           struct lk_str field, struct lk_error *err)
{
    struct lk_buf names;

    lk_buf_init(&names, 300);
    for (size_t i = 0; i < list->len; i++)
        lk_buf_printf(&names, "%s%.*s", i > 0 ? ", " : "", LK_STR_ARG(list->items[i].name.value));
    lk_fail(err, LK_ERROR_ARGUMENT,
            "listen: the tile merges several queries, and \"%.*s\" does not say which of them is "
            "meant: write \"query: view.field\", several separated by commas; its queries: %.*s",
            LK_STR_ARG(field), LK_STR_ARG(lk_buf_view(&names)));
    lk_buf_free(&names);
    return false;
}

/* "view.field", or "query: view.field". */
static bool hear(struct looker_result_maker_filterables_list *list, struct lk_str filter,
                 struct lk_str text, struct lk_error *err)
{
    const char *colon = memrchr(text.ptr, ':', text.len);
    struct lk_str name = {0}, field = text;
    filterable *target;

    if (colon != NULL) {
        name = lk_str_trim(lk_str_n(text.ptr, (size_t)(colon - text.ptr)));
        field = lk_str_trim(lk_str_n(colon + 1, (size_t)(lk_str_end(text) - colon - 1)));
    }
    target = choose(list, name, field);
    if (target == NULL)
        return fail_ambiguous(list, text, err);
    target->listen.items[target->listen.len++] = (hearing){lk_string(filter), lk_string(field)};
    return true;
}

bool lk_listens_apply(struct lk_arena *arena, const struct looker_dashboard_element *element,
                      const struct lk_listens *listens,
                      struct looker_result_maker_filterables_list *ret_filterables,
                      struct lk_error *err)
{
    struct looker_result_maker_filterables_list list;

    copy(arena, element, listens, &list);
    if (list.len == 0 && listens->len > 0)
        return lk_fail(err, LK_ERROR_ARGUMENT,
                       "listen: tile %.*s has no query that a dashboard filter could filter",
                       LK_STR_ARG(element->id.value));
    for (size_t i = 0; i < listens->len; i++) {
        struct lk_str rest = listens->items[i].field;
        unhear(&list, listens->items[i].filter);
        while (rest.len > 0) {
            struct lk_str field = lk_str_trim(lk_str_take(&rest, ','));
            if (field.len > 0 && !hear(&list, listens->items[i].filter, field, err))
                return false;
        }
    }
    *ret_filterables = list;
    return true;
}

/* ---- comparing ---- */

static bool hears(const filterable *item, const hearing *wanted)
{
    for (size_t i = 0; i < item->listen.len; i++) {
        const hearing *heard = &item->listen.items[i];
        if (lk_str_eq(heard->dashboard_filter_name.value, wanted->dashboard_filter_name.value) &&
            lk_str_eq(heard->field.value, wanted->field.value))
            return true;
    }
    return false;
}

/* Whether all that `a` hears `b` hears too, query by query. */
static bool covers(const struct looker_result_maker_filterables_list *b,
                   const struct looker_result_maker_filterables_list *a)
{
    for (size_t i = 0; i < a->len; i++) {
        for (size_t k = 0; k < a->items[i].listen.len; k++) {
            if (i >= b->len || !hears(&b->items[i], &a->items[i].listen.items[k]))
                return false;
        }
    }
    return true;
}

static bool same(const struct looker_result_maker_filterables_list *a,
                 const struct looker_result_maker_filterables_list *b)
{
    return covers(a, b) && covers(b, a);
}

/* Whether item k of filterable i is the first that is about its filter. */
static bool is_first(const struct looker_result_maker_filterables_list *list, size_t i, size_t k)
{
    struct lk_str filter = list->items[i].listen.items[k].dashboard_filter_name.value;

    for (size_t a = 0; a <= i; a++) {
        for (size_t b = 0; b < (a < i ? list->items[a].listen.len : k); b++) {
            if (lk_str_eq(list->items[a].listen.items[b].dashboard_filter_name.value, filter))
                return false;
        }
    }
    return true;
}

/* On which fields the filter is heard, in the form that the argument `listen` has. */
static struct lk_str fields_of(struct lk_arena *arena,
                               const struct looker_result_maker_filterables_list *list,
                               struct lk_str filter)
{
    struct lk_str text = {0};

    for (size_t i = 0; i < list->len; i++) {
        const filterable *item = &list->items[i];
        for (size_t k = 0; k < item->listen.len; k++) {
            const hearing *heard = &item->listen.items[k];
            if (!lk_str_eq(heard->dashboard_filter_name.value, filter))
                continue;
            text = lk_arena_printf(arena, "%.*s%s%.*s%s%.*s", LK_STR_ARG(text),
                                   text.len > 0 ? ", " : "",
                                   LK_STR_ARG(list->len > 1 ? item->name.value : LK_STR("")),
                                   list->len > 1 && item->name.value.len > 0 ? ": " : "",
                                   LK_STR_ARG(heard->field.value));
        }
    }
    return text;
}

struct lk_listens lk_listens_lost(struct lk_arena *arena,
                                  const struct looker_dashboard_element *before,
                                  const struct looker_dashboard_element *after)
{
    const struct looker_result_maker_filterables_list *old = filterables_of(before);
    const struct looker_result_maker_filterables_list *now = filterables_of(after);
    struct lk_listens lost = {0};
    size_t n = 0;

    for (size_t i = 0; i < old->len; i++)
        n += old->items[i].listen.len;
    lost.items = lk_arena_array(arena, n, sizeof(*lost.items));
    for (size_t i = 0; i < old->len; i++) {
        for (size_t k = 0; k < old->items[i].listen.len; k++) {
            struct lk_str filter = old->items[i].listen.items[k].dashboard_filter_name.value;
            struct lk_str fields = fields_of(arena, old, filter);
            if (is_first(old, i, k) && !lk_str_eq(fields, fields_of(arena, now, filter)))
                lost.items[lost.len++] = (struct lk_listen){filter, fields};
        }
    }
    return lost;
}

/* ---- writing ---- */

static bool hears_filter(const filterable *item, struct lk_str filter)
{
    for (size_t i = 0; i < item->listen.len; i++) {
        if (lk_str_eq(item->listen.items[i].dashboard_filter_name.value, filter))
            return true;
    }
    return false;
}

static bool any_hears(const struct looker_result_maker_filterables_list *list,
                      const hearing *wanted)
{
    for (size_t i = 0; i < list->len; i++) {
        if (hears(&list->items[i], wanted))
            return true;
    }
    return false;
}

/* Whether the answer has all that was sent, and no longer what was taken away; what else Looker
 * makes of it is its own. */
static bool is_so(const struct looker_result_maker_filterables_list *answered,
                  const struct looker_result_maker_filterables_list *sent,
                  const struct lk_listens *listens)
{
    for (size_t i = 0; i < sent->len; i++) {
        for (size_t k = 0; k < sent->items[i].listen.len; k++) {
            if (!any_hears(answered, &sent->items[i].listen.items[k]))
                return false;
        }
    }
    for (size_t i = 0; i < listens->len; i++) {
        for (size_t k = 0; listens->items[i].field.len == 0 && k < answered->len; k++) {
            if (hears_filter(&answered->items[k], listens->items[i].filter))
                return false;
        }
    }
    return true;
}

bool lk_listens_write(struct lk_steps *steps, const char *step,
                      struct looker_dashboard_element *element, const struct lk_listens *listens)
{
    struct lk_arena *arena = mcp_call_arena(steps->call);
    struct looker_result_maker_with_id_vis_config_and_dynamic_fields maker = {0};
    struct looker_dashboard_element body = {.result_maker = {&maker, LK_PRESENT}}, answered;
    struct looker_update_dashboard_element_params params = {.dashboard_element_id = element->id};
    struct lk_error failure = {0};
    struct lk_str text;

    if (!lk_listens_apply(arena, element, listens, &maker.filterables, &failure)) {
        lk_steps_failed(steps, step, true, &failure);
        return false;
    }
    if (same(filterables_of(element), &maker.filterables)) {
        lk_steps_skipped(steps, step, "tile %.*s listened so already",
                         LK_STR_ARG(element->id.value));
        return true;
    }
    if (!lk_steps_ask(steps, step, looker_update_dashboard_element(&params, &body), LK_JSON_OBJECT,
                      &text))
        return false;
    if (!lk_decode_answer(arena, &looker_dashboard_element_type, text, &answered, &failure) ||
        (!is_so(filterables_of(&answered), &maker.filterables, listens) &&
         !lk_fail(&failure, LK_ERROR_UPSTREAM,
                  "Looker took the change, but its answer shows tile %.*s listening otherwise: see "
                  "get_dashboard",
                  LK_STR_ARG(element->id.value)))) {
        lk_steps_failed(steps, step, true, &failure);
        return false;
    }
    answered.id = element->id;
    *element = answered;
    lk_steps_done(steps, step, "tile %.*s", LK_STR_ARG(element->id.value));
    lk_steps_changed(steps, "changed which filters tile %.*s listens to",
                     LK_STR_ARG(element->id.value));
    return true;
}

void lk_listens_show(struct lk_json_writer *w, struct lk_arena *arena,
                     const struct looker_dashboard_element *element)
{
    const struct looker_result_maker_filterables_list *list = filterables_of(element);
    bool open = false;

    for (size_t i = 0; i < list->len; i++) {
        for (size_t k = 0; k < list->items[i].listen.len; k++) {
            struct lk_str filter = list->items[i].listen.items[k].dashboard_filter_name.value;
            if (!is_first(list, i, k))
                continue;
            if (!open) {
                lk_json_key(w, "listen");
                lk_json_begin_object(w);
            }
            open = true;
            lk_json_key_str(w, filter);
            lk_json_put_string(w, fields_of(arena, list, filter));
        }
    }
    if (open)
        lk_json_end_object(w);
}
