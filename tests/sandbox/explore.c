/*
 * Explores and their fields: found in the tables of models.c or, for the big model, made up from
 * their numbers (explore_001 … explore_662 with a dozen fields each, and `wide` with 3,000).
 */
#include "sandbox.h"

#include <stdio.h>

/* ---- finding ---- */

static bool big_explore(struct lk_arena *arena, struct lk_str name, struct sb_explore *ret_explore)
{
    bool wide = lk_str_eq(name, LK_STR("wide"));
    const char **views = lk_arena_array(arena, 2, sizeof(char *));
    struct lk_buf label;
    int64_t number;

    if (!wide && (name.len != 11 || !lk_str_starts(name, LK_STR("explore_")) ||
                  !sb_parse_int(lk_str_n(name.ptr + 8, 3), &number) || number < 1 ||
                  number >= SB_BIG_EXPLORES))
        return false;
    views[0] = lk_arena_cstr(arena, name);
    lk_buf_init(&label, 256);
    sb_title_case(&label, name);
    *ret_explore = (struct sb_explore){
        .name = views[0],
        .label = lk_arena_cstr(arena, lk_buf_view(&label)),
        .description = wide ? "Three thousand fields" : "One of many",
        .group_label = "Big",
        .views = views,
        .rows = SB_ALL_ROWS,
    };
    lk_buf_free(&label);
    return true;
}

bool sb_explore_find(struct lk_arena *arena, struct lk_str model, struct lk_str name,
                     const struct sb_model **ret_model, struct sb_explore *ret_explore)
{
    for (size_t m = 0; m < sb_n_models; m++) {
        if (!lk_str_eq(lk_str(sb_models[m].name), model))
            continue;
        if (sb_models[m].explores == NULL) {
            if (sb_models[m].n_explores == 0 || !big_explore(arena, name, ret_explore))
                return false;
            *ret_model = &sb_models[m];
            return true;
        }
        for (size_t e = 0; e < sb_models[m].n_explores; e++) {
            if (lk_str_eq(lk_str(sb_models[m].explores[e].name), name)) {
                *ret_model = &sb_models[m];
                *ret_explore = sb_models[m].explores[e];
                return true;
            }
        }
    }
    return false;
}

static const char *const big_values[] = {"alpha", "beta", "gamma", "delta", NULL};

/* Field i of a made-up view: the primary key, then types in turn; every third one a measure. */
static void big_field(struct lk_arena *arena, const char *view, size_t i,
                      struct sb_field *ret_field)
{
    static const struct {
        const char *type;
        uint32_t flags;
    } kinds[] = {{"string", 0},         {"number", 0}, {"sum", SB_MEASURE},
                 {"date_date", 0},      {"yesno", 0},  {"average", SB_MEASURE},
                 {"string", SB_HIDDEN}, {"tier", 0},   {"count_distinct", SB_MEASURE}};
    const size_t n_kinds = sizeof(kinds) / sizeof(kinds[0]);

    *ret_field = (struct sb_field){.view = view,
                                   .name = "id",
                                   .type = "number",
                                   .flags = SB_PRIMARY_KEY,
                                   .description = "Unique key"};
    if (i == 0)
        return;
    ret_field->name = lk_arena_printf(arena, "field_%04zu", i).ptr;
    ret_field->type = kinds[i % n_kinds].type;
    ret_field->flags = kinds[i % n_kinds].flags;
    ret_field->description = "Made up, with a description that is long enough to weigh something "
                             "when there are thousands of its kind";
    if (strcmp(ret_field->type, "string") == 0 || strcmp(ret_field->type, "tier") == 0)
        ret_field->values = big_values;
}

static bool is_big(const struct sb_explore *explore)
{
    return strcmp(explore->group_label, "Big") == 0;
}

static size_t big_n_fields(const struct sb_explore *explore)
{
    return strcmp(explore->name, "wide") == 0 ? SB_WIDE_FIELDS : 12;
}

static bool known_field_at(struct lk_arena *arena, const struct sb_explore *explore, size_t i,
                           struct sb_field *ret_field)
{
    if (is_big(explore)) {
        if (i >= big_n_fields(explore))
            return false;
        big_field(arena, explore->views[0], i, ret_field);
        return true;
    }
    for (const char *const *view = explore->views; *view != NULL; view++) {
        for (size_t f = 0; f < sb_n_model_fields; f++) {
            if (strcmp(sb_model_fields[f].view, *view) == 0 && i-- == 0) {
                *ret_field = sb_model_fields[f];
                return true;
            }
        }
    }
    return false;
}

bool sb_field_at(struct lk_arena *arena, const struct sb_explore *explore, size_t i,
                 struct sb_field *ret_field)
{
    size_t at = 0;

    if (explore->files == NULL)
        return known_field_at(arena, explore, i, ret_field);
    for (; known_field_at(arena, explore, at, ret_field); at++) {
        struct lk_str name = lk_arena_printf(arena, "%s.%s", ret_field->view, ret_field->name);

        if (sb_edited_field(arena, explore, name, true, ret_field) && i-- == 0)
            return true;
    }
    return sb_edited_field_at(arena, explore, i, ret_field);
}

static bool known_field(struct lk_arena *arena, const struct sb_explore *explore,
                        struct lk_str name, struct sb_field *ret_field)
{
    const char *dot = memchr(name.ptr != NULL ? name.ptr : "", '.', name.len);
    struct lk_str view, rest;
    int64_t number;

    if (dot == NULL)
        return false;
    view = lk_str_n(name.ptr, (size_t)(dot - name.ptr));
    rest = lk_str_n(dot + 1, name.len - view.len - 1);
    if (is_big(explore)) {
        if (!lk_str_eq(view, lk_str(explore->views[0])))
            return false;
        if (lk_str_eq(rest, LK_STR("id")))
            number = 0;
        else if (rest.len != 10 || !lk_str_starts(rest, LK_STR("field_")) ||
                 !sb_parse_int(lk_str_n(rest.ptr + 6, 4), &number) || number < 1 ||
                 (size_t)number >= big_n_fields(explore))
            return false;
        big_field(arena, explore->views[0], (size_t)number, ret_field);
        return true;
    }
    for (const char *const *v = explore->views; *v != NULL; v++) {
        if (!lk_str_eq(lk_str(*v), view))
            continue;
        for (size_t f = 0; f < sb_n_model_fields; f++) {
            if (strcmp(sb_model_fields[f].view, *v) == 0 &&
                lk_str_eq(lk_str(sb_model_fields[f].name), rest)) {
                *ret_field = sb_model_fields[f];
                return true;
            }
        }
    }
    return false;
}

bool sb_field_find(struct lk_arena *arena, const struct sb_explore *explore, struct lk_str name,
                   struct sb_field *ret_field)
{
    bool known = known_field(arena, explore, name, ret_field);

    return explore->files == NULL ? known : sb_edited_field(arena, explore, name, known, ret_field);
}

/* ---- words ---- */

void sb_title_case(struct lk_buf *buf, struct lk_str words)
{
    bool start = true;

    for (size_t i = 0; i < words.len; i++) {
        char c = words.ptr[i];

        if (c == '_') {
            lk_buf_char(buf, ' ');
            start = true;
            continue;
        }
        lk_buf_char(buf, start && c >= 'a' && c <= 'z' ? (char)(c - 32) : c);
        start = false;
    }
}

struct lk_str sb_field_label(struct lk_arena *arena, const struct sb_field *field)
{
    struct lk_str label;
    struct lk_buf buf;

    lk_buf_init(&buf, 512);
    sb_title_case(&buf, lk_str(field->view));
    lk_buf_char(&buf, ' ');
    sb_title_case(&buf, lk_str(field->name));
    label = lk_arena_str(arena, lk_buf_view(&buf));
    lk_buf_free(&buf);
    return label;
}

bool sb_is_number_type(const char *type)
{
    static const char *const types[] = {
        "number", "count", "count_distinct",  "sum",       "average",
        "median", "max",   "duration_minute", "date_year", NULL};

    for (const char *const *t = types; *t != NULL; t++)
        if (strcmp(type, *t) == 0)
            return true;
    return false;
}

/* ---- JSON ---- */

static void member_list(struct lk_json_writer *w, const char *key, const char *const *list,
                        bool null_when_absent)
{
    lk_json_key(w, key);
    if (list == NULL && null_when_absent) {
        lk_json_put_null(w);
        return;
    }
    lk_json_begin_array(w);
    for (; list != NULL && *list != NULL; list++)
        lk_json_put_cstr(w, *list);
    lk_json_end_array(w);
}

static void member_text(struct lk_json_writer *w, const char *key, const char *text)
{
    lk_json_key(w, key);
    lk_json_put_cstr(w, text);
}

static const char *category(const struct sb_field *field)
{
    return field->flags & SB_MEASURE     ? "measure"
           : field->flags & SB_FILTER    ? "filter"
           : field->flags & SB_PARAMETER ? "parameter"
                                         : "dimension";
}

static void write_enumerations(struct lk_json_writer *w, const struct sb_field *field)
{
    lk_json_key(w, "enumerations");
    if ((field->flags & SB_PARAMETER) == 0 || field->values == NULL) {
        lk_json_put_null(w);
        return;
    }
    lk_json_begin_array(w);
    for (const char *const *v = field->values; *v != NULL; v++) {
        lk_json_begin_object(w);
        member_text(w, "label", *v);
        member_text(w, "value", *v);
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
}

/* The words of a name with capitals, as a member. */
static void member_title(struct lk_json_writer *w, const char *key, const char *words)
{
    struct lk_buf text;

    lk_buf_init(&text, 512);
    sb_title_case(&text, lk_str(words));
    lk_json_member_string(w, key, lk_buf_view(&text));
    lk_buf_free(&text);
}

static void write_flags(struct lk_json_writer *w, const struct sb_field *field)
{
    const struct {
        const char *name;
        bool value;
    } flags[] = {
        {"hidden", (field->flags & SB_HIDDEN) != 0},
        {"measure", (field->flags & SB_MEASURE) != 0},
        {"parameter", (field->flags & SB_PARAMETER) != 0},
        {"is_filter", (field->flags & SB_FILTER) != 0},
        {"is_numeric", sb_is_number_type(field->type)},
        {"is_timeframe", field->group != NULL},
        {"is_fiscal", false},
        {"can_filter", true},
        {"can_time_filter", strncmp(field->type, "date", 4) == 0},
        {"primary_key", (field->flags & SB_PRIMARY_KEY) != 0},
        {"sortable", true},
        {"suggestable", (field->flags & SB_MEASURE) == 0 && strcmp(field->type, "string") == 0},
        {"has_allowed_values", (field->flags & SB_PARAMETER) != 0},
        {"dynamic", false},
    };

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        lk_json_member_boolean(w, flags[i].name, flags[i].value);
}

static void write_group(struct lk_arena *arena, struct lk_json_writer *w,
                        const struct sb_field *field)
{
    if (field->group == NULL) {
        member_text(w, "dimension_group", NULL);
        member_text(w, "field_group_label", NULL);
        return;
    }
    lk_json_member_string(w, "dimension_group",
                          lk_arena_printf(arena, "%s.%s", field->view, field->group));
    member_title(w, "field_group_label", lk_arena_printf(arena, "%s_date", field->group).ptr);
}

void sb_write_field(struct lk_arena *arena, struct lk_json_writer *w, const struct sb_model *model,
                    const struct sb_field *field)
{
    struct lk_str name = lk_arena_printf(arena, "%s.%s", field->view, field->name);
    bool listed = (field->flags & (SB_MEASURE | SB_PARAMETER)) == 0;

    lk_json_begin_object(w);
    lk_json_member_string(w, "name", name);
    lk_json_member_string(w, "label", sb_field_label(arena, field));
    member_title(w, "label_short", field->name);
    member_title(w, "view_label", field->view);
    member_text(w, "view", field->view);
    member_text(w, "original_view", field->view);
    member_text(w, "scope", field->view);
    member_text(w, "project_name", model->project);
    member_text(w, "type", field->type);
    member_text(w, "category", category(field));
    member_text(w, "description", field->description);
    write_flags(w, field);
    write_group(arena, w, field);
    lk_json_member_integer(w, "times_used", (int64_t)(sb_hash(name) % 200));
    member_text(w, "align", sb_is_number_type(field->type) ? "right" : "left");
    member_text(w, "default_filter_value", NULL);
    member_text(w, "value_format", NULL);
    member_text(w, "value_format_name", field->value_format_name);
    member_text(w, "sql", lk_arena_printf(arena, "${TABLE}.%s", field->name).ptr);
    lk_json_member_string(w, "suggest_dimension", name);
    member_text(w, "suggest_explore", field->view);
    member_list(w, "suggestions", listed ? field->values : NULL, true);
    member_list(w, "synonyms", field->synonyms, true);
    member_list(w, "tags", field->tags, false);
    member_list(w, "drill_fields", NULL, false);
    write_enumerations(w, field);
    member_text(w, "source_file", lk_arena_printf(arena, "views/%s.view.lkml", field->view).ptr);
    lk_json_member_string(w, "lookml_link",
                          lk_arena_printf(arena, "/projects/%s/files/views%%2F%s.view.lkml",
                                          model->project, field->view));
    lk_json_end_object(w);
}
