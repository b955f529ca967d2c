/*
 * See rows_diff.h. A cell of json_detail is {"value":…}; of a pivoted column it is an object of
 * such, {"key of the pivot":{"value":…}}.
 */
#include "handlers/workflows/rows_diff.h"

#include "handlers/workflows/bag.h"
#include "json/scan.h"
#include "json/write.h"

/* ---- fields ---- */

static struct lk_str list_at(struct lk_str result, const char *a, const char *b)
{
    const char *path[] = {a, b, NULL};
    struct lk_str list;

    return lk_json_get_path(result, path, &list) && lk_json_type(list) == LK_JSON_ARRAY
               ? list
               : LK_STR("[]");
}

static bool has(const struct lk_string_list *list, struct lk_str name)
{
    for (size_t i = 0; i < list->len; i++) {
        if (lk_str_eq(list->items[i], name))
            return true;
    }
    return false;
}

static void add_names(struct lk_arena *arena, struct lk_str fields, struct lk_string_list *names)
{
    struct lk_json_iter it = lk_json_iter(fields);
    struct lk_str field;

    while (lk_json_next(&it, NULL, &field))
        names->items[names->len++] = lk_json_get_string(arena, field, LK_STR("name"));
}

static struct lk_string_list names_of(struct lk_arena *arena, struct lk_str result,
                                      const char *const *categories)
{
    struct lk_string_list names = {.is = LK_PRESENT};
    size_t n = 0;

    for (size_t i = 0; categories[i] != NULL; i++)
        n += lk_json_count(list_at(result, "fields", categories[i]));
    names.items = lk_arena_array(arena, n, sizeof(*names.items));
    for (size_t i = 0; categories[i] != NULL; i++)
        add_names(arena, list_at(result, "fields", categories[i]), &names);
    return names;
}

static bool same_names(const struct lk_string_list *a, const struct lk_string_list *b)
{
    if (a->len != b->len)
        return false;
    for (size_t i = 0; i < a->len; i++) {
        if (!has(b, a->items[i]))
            return false;
    }
    return true;
}

/* Dimensions that the columns are pivoted by are not in the rows. */
static void drop_pivots(struct lk_string_list *key, const struct lk_string_list *pivots)
{
    size_t kept = 0;

    for (size_t i = 0; i < key->len; i++) {
        if (!has(pivots, key->items[i]))
            key->items[kept++] = key->items[i];
    }
    key->len = kept;
}

/* The columns that both have stay in `columns`. */
static void drop_others(struct lk_rows_diff *diff, const struct lk_string_list *production)
{
    struct lk_string_list *columns = &diff->columns, *dropped = &diff->dropped;
    size_t kept = 0;

    dropped->items =
        lk_arena_array(diff->arena, columns->len + production->len, sizeof(*dropped->items));
    for (size_t i = 0; i < production->len; i++) {
        if (!has(columns, production->items[i]))
            dropped->items[dropped->len++] = production->items[i];
    }
    for (size_t i = 0; i < columns->len; i++) {
        if (has(production, columns->items[i]))
            columns->items[kept++] = columns->items[i];
        else
            dropped->items[dropped->len++] = columns->items[i];
    }
    columns->len = kept;
}

bool lk_rows_diff_fields(struct lk_rows_diff *diff)
{
    struct lk_arena *arena = diff->arena;
    static const char *const dimensions[] = {"dimensions", NULL};
    static const char *const pivots[] = {"pivots", NULL};
    static const char *const columns[] = {"measures", "table_calculations", NULL};
    struct lk_string_list pivoted = names_of(arena, diff->branch.detail, pivots);
    struct lk_string_list other_key = names_of(arena, diff->production.detail, dimensions);
    struct lk_string_list other_pivots = names_of(arena, diff->production.detail, pivots);
    struct lk_string_list other = names_of(arena, diff->production.detail, columns);

    diff->key = names_of(arena, diff->branch.detail, dimensions);
    diff->columns = names_of(arena, diff->branch.detail, columns);
    drop_pivots(&diff->key, &pivoted);
    drop_pivots(&other_key, &other_pivots);
    drop_others(diff, &other);
    diff->pivoted = pivoted.len > 0;
    diff->changes = lk_arena_array(arena, diff->columns.len, sizeof(*diff->changes));
    return diff->key.len + diff->columns.len > 0 && same_names(&diff->key, &other_key) &&
           same_names(&pivoted, &other_pivots);
}

/* ---- cells ---- */

/* The value in a cell, as JSON text; null when the row does not have it. */
static struct lk_str value_of(struct lk_str cell)
{
    struct lk_str value;

    return lk_json_get(cell, LK_STR("value"), &value) ? value : LK_STR("null");
}

static struct lk_str cell_of(struct lk_str row, struct lk_str name)
{
    struct lk_str cell;

    return lk_json_get(row, name, &cell) ? cell : LK_STR("null");
}

/* "value" may be the key of a pivot. */
static bool is_pivoted(const struct lk_rows_diff *diff, struct lk_str cell)
{
    struct lk_str value;

    return diff->pivoted && lk_json_type(cell) == LK_JSON_OBJECT &&
           (!lk_json_get(cell, LK_STR("value"), &value) || lk_json_type(value) == LK_JSON_OBJECT);
}

/* A text of all dimensions' values, by which the row is found. */
static struct lk_str key_of(const struct lk_rows_diff *diff, struct lk_str row)
{
    struct lk_str key = {0};

    for (size_t i = 0; i < diff->key.len; i++)
        key = lk_arena_printf(diff->arena, "%.*s\n%.*s", LK_STR_ARG(key),
                              LK_STR_ARG(value_of(cell_of(row, diff->key.items[i]))));
    return key;
}

/* Whether every value of a pivoted cell is the same in the other; what is not there is null. */
static bool pivots_within(const struct lk_rows_diff *diff, struct lk_str cell, struct lk_str other)
{
    struct lk_json_iter it = lk_json_iter(cell);
    struct lk_str key, item;

    while (lk_json_next(&it, &key, &item)) {
        if (!lk_str_eq(value_of(item),
                       value_of(cell_of(other, lk_json_decode_key(diff->arena, key)))))
            return false;
    }
    return true;
}

static bool same_cell(const struct lk_rows_diff *diff, struct lk_str a, struct lk_str b)
{
    if (is_pivoted(diff, a) || is_pivoted(diff, b))
        return pivots_within(diff, a, b) && pivots_within(diff, b, a);
    return lk_str_eq(value_of(a), value_of(b));
}

/* ---- items ---- */

static void put_cell(const struct lk_rows_diff *diff, struct lk_json_writer *w, struct lk_str cell)
{
    struct lk_json_iter it = lk_json_iter(cell);
    struct lk_str key, item;

    if (!is_pivoted(diff, cell)) {
        lk_json_put_raw(w, value_of(cell));
        return;
    }
    lk_json_begin_object(w);
    while (lk_json_next(&it, &key, &item)) {
        lk_json_key_str(w, lk_json_decode_key(diff->arena, key));
        lk_json_put_raw(w, value_of(item));
    }
    lk_json_end_object(w);
}

static void put_cells(const struct lk_rows_diff *diff, struct lk_json_writer *w,
                      const struct lk_string_list *names, struct lk_str row)
{
    for (size_t i = 0; i < names->len; i++) {
        lk_json_key_str(w, names->items[i]);
        put_cell(diff, w, cell_of(row, names->items[i]));
    }
}

static void write_row(const struct lk_rows_diff *diff, struct lk_items *items, struct lk_str row)
{
    struct lk_json_writer w = lk_json_writer(&items->buf);

    if (!lk_items_next(items))
        return;
    lk_json_begin_object(&w);
    put_cells(diff, &w, &diff->key, row);
    put_cells(diff, &w, &diff->columns, row);
    lk_json_end_object(&w);
    lk_items_end(items);
}

static void write_sides(const struct lk_rows_diff *diff, struct lk_json_writer *w,
                        struct lk_str production, struct lk_str branch)
{
    lk_json_begin_object(w);
    lk_json_key(w, "production");
    put_cell(diff, w, production);
    lk_json_key(w, "branch");
    put_cell(diff, w, branch);
    lk_json_end_object(w);
}

static void write_change(const struct lk_rows_diff *diff, struct lk_items *items,
                         struct lk_str branch, struct lk_str production)
{
    struct lk_json_writer w = lk_json_writer(&items->buf);

    if (!lk_items_next(items))
        return;
    lk_json_begin_object(&w);
    lk_json_key(&w, "key");
    lk_json_begin_object(&w);
    put_cells(diff, &w, &diff->key, branch);
    lk_json_end_object(&w);
    lk_json_key(&w, "columns");
    lk_json_begin_object(&w);
    for (size_t i = 0; i < diff->columns.len; i++) {
        struct lk_str ours = cell_of(branch, diff->columns.items[i]);
        struct lk_str theirs = cell_of(production, diff->columns.items[i]);
        if (same_cell(diff, ours, theirs))
            continue;
        lk_json_key_str(&w, diff->columns.items[i]);
        write_sides(diff, &w, theirs, ours);
    }
    lk_json_end_object(&w);
    lk_json_end_object(&w);
    lk_items_end(items);
}

/* ---- rows ---- */

static struct lk_str *rows_of(const struct lk_rows_diff *diff, struct lk_str text, int64_t *ret_n)
{
    /* without brackets around them */
    const struct lk_json_iter begin = {.at = text.ptr, .end = lk_str_end(text)};
    struct lk_json_iter it = begin;
    int64_t n = 0;

    while ((diff->most_rows < 0 || n < diff->most_rows) && lk_json_next(&it, NULL, NULL))
        n++;
    struct lk_str *rows = lk_arena_array(diff->arena, (size_t)n, sizeof(*rows));
    it = begin;
    for (int64_t i = 0; i < n; i++)
        lk_json_next(&it, NULL, &rows[i]);
    *ret_n = n;
    return rows;
}

/* Counts the columns that differ. */
static bool differs(struct lk_rows_diff *diff, struct lk_str branch, struct lk_str production)
{
    bool any = false;

    for (size_t i = 0; i < diff->columns.len; i++) {
        struct lk_str name = diff->columns.items[i];
        bool other = !same_cell(diff, cell_of(branch, name), cell_of(production, name));
        diff->changes[i] += other;
        any |= other;
    }
    return any;
}

struct left {
    bool *is_left;
};

static void mark_left(void *arg, size_t number)
{
    ((struct left *)arg)->is_left[number] = true;
}

void lk_rows_diff_run(struct lk_rows_diff *diff)
{
    struct lk_arena *arena = diff->arena;
    struct lk_str *branch = rows_of(diff, diff->branch.rows, &diff->n_branch);
    struct lk_str *production = rows_of(diff, diff->production.rows, &diff->n_production);
    size_t n = (size_t)diff->n_production, at, last = 0;
    struct left left = {.is_left = lk_arena_array(arena, n, sizeof(bool))};
    struct lk_bag bag;

    lk_bag_init(&bag, arena, n);
    for (size_t i = 0; i < n; i++)
        lk_bag_put(&bag, key_of(diff, production[i]), i);
    diff->same_order = true;
    for (size_t i = 0; i < (size_t)diff->n_branch; i++) {
        if (!lk_bag_take(&bag, key_of(diff, branch[i]), &at)) {
            diff->added++;
            write_row(diff, &diff->added_items, branch[i]);
            continue;
        }
        diff->same_order = diff->same_order && at >= last;
        last = at;
        if (!differs(diff, branch[i], production[at])) {
            diff->same++;
            continue;
        }
        diff->changed++;
        write_change(diff, &diff->changed_items, branch[i], production[at]);
    }
    lk_bag_each_left(&bag, mark_left, &left);
    for (size_t i = 0; i < n; i++) {
        if (!left.is_left[i])
            continue;
        diff->removed++;
        write_row(diff, &diff->removed_items, production[i]);
    }
}
