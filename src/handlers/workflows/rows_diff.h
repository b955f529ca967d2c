/*
 * Two results of one query, row by row. Rows are the same row when their dimensions have the same
 * values; values are compared as Looker writes them, digit by digit.
 */
#ifndef LK_HANDLERS_WORKFLOWS_ROWS_DIFF_H
#define LK_HANDLERS_WORKFLOWS_ROWS_DIFF_H

#include "base/arena.h"
#include "handlers/items.h"
#include "json/type.h"

/* A result in json_detail, taken apart. */
struct lk_rows_side {
    struct lk_str detail; /* an object with `fields` */
    struct lk_str rows;   /* JSON with commas between */
};

struct lk_rows_diff {
    struct lk_arena *arena;
    struct lk_rows_side branch, production;
    int64_t most_rows; /* of each that are compared; below 0: all */
    bool pivoted;
    struct lk_string_list key;      /* dimensions, but those that are pivoted by */
    struct lk_string_list columns;  /* all others: measures, calculations */
    struct lk_string_list dropped;  /* columns that only one of the results has */
    int64_t n_branch, n_production; /* rows that are compared */
    int64_t same, changed, added, removed;
    int64_t *changes; /* by column: in how many rows it differs */
    bool same_order;  /* of the rows that both have */
    struct lk_items changed_items, added_items, removed_items;
};

/*
 * The dimensions and columns of both, into key, columns and dropped. False: the results cannot be
 * compared, because they say nothing of their fields or have other dimensions.
 */
bool lk_rows_diff_fields(struct lk_rows_diff *diff);

/* Compares: all else. The arena, the results and the items are to be there before. */
void lk_rows_diff_run(struct lk_rows_diff *diff);

#endif
