/*
 * One tile of a dashboard: what kind it is, running it, writing it.
 */
#ifndef LK_HANDLERS_QUERY_TILE_H
#define LK_HANDLERS_QUERY_TILE_H

#include "handlers/context.h"
#include "handlers/query/filters.h"
#include "handlers/query/task.h"
#include "handlers/rows.h"
#include "looker_types.h"
#include "json/write.h"

enum lk_tile_kind {
    LK_TILE_QUERY,
    LK_TILE_LOOK,
    LK_TILE_SQL,    /* SQL Runner */
    LK_TILE_MERGED, /* several queries, joined in the browser */
    LK_TILE_TEXT,
    LK_TILE_OTHER, /* buttons, extensions, filters: nothing to run */
};

/* Rows, or why there are none. */
struct lk_tile_result {
    struct lk_str name; /* of a member of a merged tile, or empty */
    const struct looker_merge_fields_list *merge_fields; /* of such a member, or NULL */
    struct lk_rows_list list;                            /* cut at the answer's byte limit */
    struct lk_rows_limit limit;
    struct lk_str task_id; /* of a query that still runs: neither rows nor an error; or empty */
    struct lk_str status;
    struct lk_error error; /* kind NONE: rows */
};

struct lk_tile {
    struct looker_dashboard_element element;
    enum lk_tile_kind kind;
    struct lk_tile_result *results; /* one; of a merged tile one a member; of text none */
    size_t n_results;
    struct lk_error error; /* of the tile as a whole */
};

/* What the tiles of one run share. */
struct lk_tile_env {
    const struct lk_tool_context *context;
    struct lk_arena *arena;
    const struct lk_filters *filters;
    int64_t limit;          /* rows a tile */
    struct lk_str timezone; /* of the dashboard, for all its queries; empty: each has its own */
    struct lk_str dashboard_id;
    struct lk_query_wait wait; /* of all of them together */
};

/* From the element's JSON. One that cannot be decoded has its error. */
void lk_tile_init(struct lk_tile *tile, struct lk_arena *arena, struct lk_str element);

struct lk_str lk_tile_title(const struct lk_tile *tile);

/* "query", "look", "sql", "merged", "text", "other" */
const char *lk_tile_kind_name(enum lk_tile_kind kind);

/* Awaits. Runs it; failures are the tile's, or its members'. */
void lk_tile_run(const struct lk_tile_env *run, struct lk_tile *tile);

bool lk_tile_failed(const struct lk_tile *tile);
/* Whether some of it still runs in Looker. */
bool lk_tile_runs(const struct lk_tile *tile);

/* Writes the object of the tile; rows beyond max_bytes a result are cut, and it says so. */
void lk_tile_write(const struct lk_tile *tile, struct lk_json_writer *w, size_t max_bytes);

#endif
