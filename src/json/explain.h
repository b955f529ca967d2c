/*
 * The words of the codec's errors: where (a path), what was expected, what came. Models read them
 * and mend their next call, so they name the remedy where there is one.
 */
#ifndef LK_JSON_EXPLAIN_H
#define LK_JSON_EXPLAIN_H

#include "base/error.h"
#include "json/scan.h"
#include "json/type.h"

/* The way from the root to a value, kept on the stack of those who descend: query.fields[3], or
 * filters["orders.id"] for the key of a map. */
struct lk_path {
    const struct lk_path *up; /* NULL at the root, whose name may be empty */
    struct lk_str name;
    size_t index;
    enum { LK_PATH_NAME, LK_PATH_INDEX, LK_PATH_KEY } step;
};

static inline struct lk_path lk_path_name(const struct lk_path *up, struct lk_str name)
{
    return (struct lk_path){.up = up, .name = name, .step = LK_PATH_NAME};
}
static inline struct lk_path lk_path_index(const struct lk_path *up, size_t index)
{
    return (struct lk_path){.up = up, .index = index, .step = LK_PATH_INDEX};
}
static inline struct lk_path lk_path_key(const struct lk_path *up, struct lk_str key)
{
    return (struct lk_path){.up = up, .name = key, .step = LK_PATH_KEY};
}

/* What came. text: of a string its characters, of a number or boolean how it is written. remedy:
 * what to write instead, or NULL. */
struct lk_found {
    enum lk_json_type type;
    struct lk_str text;
    const char *remedy;
};
struct lk_found lk_found_text(struct lk_str json);

/* Where and by whom a value is read: the same words serve arguments, answers and bodies. */
struct lk_explain {
    struct lk_error *err;
    enum lk_error_kind kind;
    const char *noun; /* what an unknown member of the root is called: "argument", "field" */
    bool writable;    /* fields that are readOnly are not among those that are known */
};

/* All set the error and return false. `item`: about one item of the field's list, not the list. */
bool lk_explain_kind(const struct lk_explain *explain, const struct lk_path *path,
                     const struct lk_field *field, bool item, struct lk_found found);
/* The string is of the right kind but its length in bytes is not allowed. */
bool lk_explain_length(const struct lk_explain *explain, const struct lk_path *path,
                       const struct lk_field *field, size_t length);
/* A list or map has too few or too many members. */
bool lk_explain_count(const struct lk_explain *explain, const struct lk_path *path,
                      const struct lk_field *field, size_t count);
bool lk_explain_unknown(const struct lk_explain *explain, const struct lk_path *path,
                        const struct lk_type *type, struct lk_str name);
/* All of them at once: one a call would be a call each. n_fields: 1 at least. */
bool lk_explain_missing(const struct lk_explain *explain, const struct lk_path *path,
                        const struct lk_field *const *fields, size_t n_fields);
/* The field is readOnly, and somebody sends it. */
bool lk_explain_read_only(const struct lk_explain *explain, const struct lk_path *path);
bool lk_explain_twice(const struct lk_explain *explain, const struct lk_path *path);

/* ---- rules; a NULL rule allows everything ---- */

bool lk_rule_allows_number(const struct lk_rule *rule, double value);
bool lk_rule_allows_length(const struct lk_rule *rule, size_t length);
bool lk_rule_allows_count(const struct lk_rule *rule, size_t count);

#endif
