/*
 * The state of leases as JSON and back (lease_state.h). What is read may be anything: a file that
 * a crash cut short, a key that somebody else wrote.
 */
#include "api/lease_state.h"

#include "json/scan.h"
#include "json/write.h"

#define VERSION 1

static const char *const MODES[] = {"hold", "branch", "alone"};
static const char *const PHASES[] = {"moving", "there", "returning", "orphan", "stuck"};

/* ---- writing ---- */

static void write_claim(struct lk_json_writer *w, const struct lk_claim *claim)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, "id", claim->id);
    lk_json_member_string(w, "instance", claim->instance);
    lk_json_member_string(w, "mode", lk_str(MODES[claim->mode]));
    lk_json_member_string(w, "branch", claim->branch);
    lk_json_key(w, "projects");
    lk_json_begin_array(w);
    for (size_t i = 0; i < claim->n_projects; i++)
        lk_json_put_string(w, claim->projects[i]);
    lk_json_end_array(w);
    lk_json_member_string(w, "what", claim->what);
    lk_json_member_integer(w, "since_ms", (int64_t)claim->since_ms);
    lk_json_member_integer(w, "admitted_ms", (int64_t)claim->admitted_ms);
    lk_json_member_integer(w, "until_ms", (int64_t)claim->until_ms);
    lk_json_end_object(w);
}

static void write_cell(struct lk_json_writer *w, const struct lk_cell *cell)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, "project", cell->project);
    lk_json_member_string(w, "home", cell->home);
    lk_json_member_string(w, "branch", cell->branch);
    lk_json_member_string(w, "phase", lk_str(PHASES[cell->phase]));
    lk_json_member_boolean(w, "as_is", cell->as_is);
    lk_json_member_boolean(w, "unsure", cell->unsure);
    lk_json_member_string(w, "by", cell->by);
    lk_json_member_integer(w, "by_until_ms", (int64_t)cell->by_until_ms);
    lk_json_member_integer(w, "since_ms", (int64_t)cell->since_ms);
    lk_json_member_integer(w, "fence", (int64_t)cell->fence);
    lk_json_member_string(w, "trouble", cell->trouble);
    lk_json_member_string(w, "user_id", cell->user_id);
    lk_json_member_boolean(w, "service", cell->service);
    lk_json_end_object(w);
}

void lk_state_write(const struct lk_lease_state *state, struct lk_buf *out)
{
    struct lk_json_writer w = lk_json_writer(out);

    if (state->n_claims == 0 && state->n_cells == 0)
        return;
    lk_json_begin_object(&w);
    lk_json_member_integer(&w, "version", VERSION);
    lk_json_member_integer(&w, "fence", (int64_t)state->fence);
    lk_json_key(&w, "claims");
    lk_json_begin_array(&w);
    for (size_t i = 0; i < state->n_claims; i++)
        write_claim(&w, &state->claims[i]);
    lk_json_end_array(&w);
    lk_json_key(&w, "cells");
    lk_json_begin_array(&w);
    for (size_t i = 0; i < state->n_cells; i++)
        write_cell(&w, &state->cells[i]);
    lk_json_end_array(&w);
    lk_json_end_object(&w);
}

/* ---- reading ---- */

/* Reads members by name; the first one that is missing or of another type is the error. */
struct reader {
    struct lk_arena *arena;
    struct lk_str object;
    const char *where;
    struct lk_error *err;
    bool ok;
};

static void wrong(struct reader *r, const char *key)
{
    r->ok = lk_fail(r->err, LK_ERROR_PARSE, "%s: \"%s\" is missing or not what it should be",
                    r->where, key);
}

static struct lk_str member(struct reader *r, const char *key, enum lk_json_type type)
{
    struct lk_str value;

    if (lk_json_get(r->object, lk_str(key), &value) && lk_json_type(value) == type)
        return value;
    wrong(r, key);
    return (struct lk_str){0};
}

static struct lk_str text(struct reader *r, const char *key)
{
    struct lk_str value = member(r, key, LK_JSON_STRING);

    return value.len > 0 ? lk_json_decode_string(r->arena, value) : value;
}

static uint64_t number(struct reader *r, const char *key)
{
    struct lk_str value = member(r, key, LK_JSON_NUMBER);
    int64_t integer;

    if (value.len > 0 && lk_json_integer(value, &integer) && integer >= 0)
        return (uint64_t)integer;
    wrong(r, key);
    return 0;
}

static bool boolean(struct reader *r, const char *key)
{
    return lk_json_is_true(member(r, key, LK_JSON_BOOLEAN));
}

static unsigned word(struct reader *r, const char *key, const char *const *words, unsigned n)
{
    struct lk_str name = text(r, key);

    for (unsigned i = 0; i < n; i++) {
        if (lk_str_eq(name, lk_str(words[i])))
            return i;
    }
    wrong(r, key);
    return 0;
}

#define WORD(r, key, words) word(r, key, words, sizeof(words) / sizeof(*(words)))

static void read_projects(struct reader *r, struct lk_claim *claim)
{
    struct lk_str list = member(r, "projects", LK_JSON_ARRAY), item;
    struct lk_json_iter it = lk_json_iter(list);

    claim->projects = lk_arena_array(r->arena, lk_json_count(list), sizeof(*claim->projects));
    while (lk_json_next(&it, NULL, &item)) {
        struct lk_str name = {0};

        if (lk_json_type(item) == LK_JSON_STRING)
            name = lk_json_decode_string(r->arena, item);
        if (name.len == 0)
            wrong(r, "projects");
        claim->projects[claim->n_projects++] = name;
    }
}

static bool read_claim(struct reader *r, struct lk_lease_state *state)
{
    struct lk_claim claim = {
        .id = text(r, "id"),
        .instance = text(r, "instance"),
        .mode = (enum lk_claim_mode)WORD(r, "mode", MODES),
        .branch = text(r, "branch"),
        .what = text(r, "what"),
        .since_ms = number(r, "since_ms"),
        .admitted_ms = number(r, "admitted_ms"),
        .until_ms = number(r, "until_ms"),
    };

    read_projects(r, &claim);
    if (!r->ok)
        return false;
    if (claim.id.len == 0 || claim.instance.len == 0 ||
        (claim.mode == LK_CLAIM_BRANCH && (claim.branch.len == 0 || claim.n_projects == 0)))
        return lk_fail(r->err, LK_ERROR_PARSE, "a claim lacks its id, its branch or its project");
    if (lk_state_claim(state, claim.id) != NULL)
        return lk_fail(r->err, LK_ERROR_PARSE, "two claims have one id");
    lk_state_enter(state, &claim);
    return true;
}

static bool read_cell(struct reader *r, struct lk_lease_state *state)
{
    struct lk_cell cell = {
        .project = text(r, "project"),
        .home = text(r, "home"),
        .branch = text(r, "branch"),
        .phase = (enum lk_cell_phase)WORD(r, "phase", PHASES),
        .as_is = boolean(r, "as_is"),
        .unsure = boolean(r, "unsure"),
        .by = text(r, "by"),
        .by_until_ms = number(r, "by_until_ms"),
        .since_ms = number(r, "since_ms"),
        .fence = number(r, "fence"),
        .trouble = text(r, "trouble"),
        .user_id = text(r, "user_id"),
        .service = boolean(r, "service"),
    };

    if (!r->ok)
        return false;
    /* What was checked out before is known from the moment at which anything was moved. */
    if (cell.project.len == 0 || cell.branch.len == 0 ||
        (cell.home.len == 0 && !cell.as_is && cell.phase != LK_CELL_MOVING))
        return lk_fail(r->err, LK_ERROR_PARSE, "a cell lacks its project or a branch");
    if (lk_state_cell(state, cell.project) != NULL)
        return lk_fail(r->err, LK_ERROR_PARSE, "two cells have one project");
    lk_state_put_cell(state, &cell);
    return true;
}

static bool read_list(struct reader *document, const char *key,
                      bool (*read)(struct reader *r, struct lk_lease_state *state),
                      struct lk_lease_state *state)
{
    struct lk_json_iter it = lk_json_iter(member(document, key, LK_JSON_ARRAY));
    struct reader r = *document;

    r.where = key;
    while (r.ok && lk_json_next(&it, NULL, &r.object)) {
        if (!read(&r, state))
            return false;
    }
    return r.ok;
}

bool lk_state_read(struct lk_arena *arena, struct lk_str document, struct lk_lease_state *ret_state,
                   struct lk_error *err)
{
    struct lk_lease_state state = {.arena = arena};
    struct reader r = {arena, document, "the document", err, true};

    if (document.len == 0) {
        *ret_state = state;
        return true;
    }
    if (document.len > LK_STATE_MAX_BYTES)
        return lk_fail(err, LK_ERROR_PARSE, "it has more than %zu bytes", LK_STATE_MAX_BYTES);
    if (!lk_json_check(document, 8, LK_JSON_REFUSE_NUL, err))
        return false;
    if (number(&r, "version") != VERSION && r.ok)
        return lk_fail(err, LK_ERROR_UNSUPPORTED,
                       "it was written by another version of this "
                       "server");
    state.fence = number(&r, "fence");
    if (!r.ok || !read_list(&r, "claims", read_claim, &state) ||
        !read_list(&r, "cells", read_cell, &state))
        return false;
    state.changed = false;
    *ret_state = state;
    return true;
}
