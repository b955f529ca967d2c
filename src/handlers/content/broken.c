/*
 * See broken.h.
 */
#include "handlers/content/broken.h"

#include "json/scan.h"

/* The members of which one says what the errors are about. */
static const struct {
    const char *member, *kind;
} kinds[] = {
    /* An element comes with its dashboard, a filter too: the narrower ones first. */
    {"dashboard_element", "dashboard_element"},
    {"dashboard_filter", "dashboard_filter"},
    {"lookml_dashboard_element", "lookml_dashboard_element"},
    {"scheduled_plan", "scheduled_plan"},
    {"alert", "alert"},
    {"look", "look"},
    {"dashboard", "dashboard"},
    {"lookml_dashboard", "lookml_dashboard"},
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static bool get_object(struct lk_str object, const char *member, struct lk_str *ret_value)
{
    return lk_json_get(object, lk_str(member), ret_value) &&
           lk_json_type(*ret_value) == LK_JSON_OBJECT;
}

void lk_put_present(struct lk_json_writer *w, const char *key, struct lk_str object,
                    const char *member)
{
    struct lk_str value;

    if (lk_json_get(object, lk_str(member), &value) && lk_json_type(value) != LK_JSON_NULL &&
        !lk_str_eq(value, LK_STR("\"\"")))
        lk_json_member_raw(w, key, value);
}

static void put_title(struct lk_json_writer *w, struct lk_str thing)
{
    static const char *const members[] = {"title", "title_text", "name", "custom_title"};
    struct lk_str value;

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (lk_json_get(thing, lk_str(members[i]), &value) && lk_json_string_length(value) > 0) {
            lk_json_member_raw(w, "title", value);
            return;
        }
    }
}

static void put_errors(struct lk_json_writer *w, struct lk_str content, lk_broken_shows_fn *shows,
                       void *arg)
{
    struct lk_str list = LK_STR("[]"), item;

    lk_json_get(content, LK_STR("errors"), &list);
    lk_json_key(w, "errors");
    lk_json_begin_array(w);
    struct lk_json_iter it = lk_json_iter(list);
    while (lk_json_next(&it, NULL, &item)) {
        if (shows != NULL && !shows(arg, item))
            continue;
        lk_json_begin_object(w);
        lk_put_present(w, "message", item, "message");
        lk_put_present(w, "model", item, "model_name");
        lk_put_present(w, "explore", item, "explore_name");
        lk_put_present(w, "field", item, "field_name");
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
}

/* The dashboard that an element or filter is on, and the folder of whatever it is. */
static void put_place(struct lk_json_writer *w, struct lk_str content, struct lk_str thing)
{
    struct lk_str dashboard, folder;
    bool on_dashboard = get_object(content, "dashboard", &dashboard) ||
                        get_object(content, "lookml_dashboard", &dashboard);

    if (on_dashboard && dashboard.ptr != thing.ptr) {
        lk_json_key(w, "dashboard");
        lk_json_begin_object(w);
        lk_put_present(w, "id", dashboard, "id");
        lk_put_present(w, "title", dashboard, "title");
        lk_json_end_object(w);
    }
    if (get_object(thing, "folder", &folder) ||
        (on_dashboard && get_object(dashboard, "folder", &folder))) {
        lk_json_key(w, "folder");
        lk_json_begin_object(w);
        lk_put_present(w, "id", folder, "id");
        lk_put_present(w, "name", folder, "name");
        lk_json_end_object(w);
    }
}

/* What the errors are about, and of which kind that is. */
static const char *find_thing(struct lk_str content, struct lk_str *ret_thing)
{
    *ret_thing = content;
    for (size_t i = 0; i < N_KINDS; i++) {
        if (get_object(content, kinds[i].member, ret_thing))
            return kinds[i].kind;
    }
    return "other";
}

void lk_broken_write(struct lk_str content, lk_broken_shows_fn *shows, void *arg,
                     struct lk_buf *buf)
{
    struct lk_json_writer w = lk_json_writer(buf);
    struct lk_str thing;
    const char *kind = find_thing(content, &thing);

    lk_json_begin_object(&w);
    lk_json_member_string(&w, "kind", lk_str(kind));
    lk_put_present(&w, "id", thing, "id");
    put_title(&w, thing);
    put_place(&w, content, thing);
    put_errors(&w, content, shows, arg);
    lk_json_end_object(&w);
}

struct lk_str lk_broken_key(struct lk_arena *arena, struct lk_str content, struct lk_str error)
{
    static const char *const members[] = {"message", "model_name", "explore_name", "field_name"};
    struct lk_str thing, id = {0}, key;
    const char *kind = find_thing(content, &thing);

    lk_json_get(thing, LK_STR("id"), &id); /* as it came: Looker has ids of both types */
    key = lk_arena_printf(arena, "%s\n%.*s", kind, LK_STR_ARG(id));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        key = lk_arena_printf(arena, "%.*s\n%.*s", LK_STR_ARG(key),
                              LK_STR_ARG(lk_json_get_string(arena, error, lk_str(members[i]))));
    return key;
}
