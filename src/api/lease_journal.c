/*
 * The state of leases as JSON and back (lease_state.h), by a table of members. What is read may be
 * anything: a file that a crash cut short, a key that somebody else wrote.
 *
 *     {"version":1,"fence":7,"claims":[{"id":…},…],"cells":[{"project":…},…]}
 */
#include "api/lease_state.h"

#include "json/scan.h"
#include "json/write.h"

#define VERSION 1

enum kind { TEXT, NUMBER, BOOLEAN, WORD, NAMES };

struct member {
    const char *name;
    enum kind kind;
    bool needed; /* the others are left out when they are empty, 0 or false */
    size_t offset;
    const char *const *words; /* of an enum, by its values; NULL at the end */
};

static const char *const modes[] = {"hold", "branch", "alone", NULL};
static const char *const phases[] = {"moving", "there", "returning", "orphan", "stuck", NULL};

#define MEMBER(type, field, ...) #field, __VA_ARGS__, offsetof(struct type, field)
static const struct member claim_members[] = {
    {MEMBER(lk_claim, id, TEXT, true), NULL},
    {MEMBER(lk_claim, instance, TEXT, false), NULL},
    {MEMBER(lk_claim, mode, WORD, true), modes},
    {MEMBER(lk_claim, branch, TEXT, false), NULL},
    {MEMBER(lk_claim, projects, NAMES, false), NULL},
    {MEMBER(lk_claim, what, TEXT, false), NULL},
    {MEMBER(lk_claim, since_ms, NUMBER, true), NULL},
    {MEMBER(lk_claim, admitted_ms, NUMBER, false), NULL},
    {MEMBER(lk_claim, until_ms, NUMBER, true), NULL},
};
static const struct member cell_members[] = {
    {MEMBER(lk_cell, project, TEXT, true), NULL},
    {MEMBER(lk_cell, home, TEXT, false), NULL},
    {MEMBER(lk_cell, branch, TEXT, true), NULL},
    {MEMBER(lk_cell, phase, WORD, true), phases},
    {MEMBER(lk_cell, as_is, BOOLEAN, false), NULL},
    {MEMBER(lk_cell, unsure, BOOLEAN, false), NULL},
    {MEMBER(lk_cell, by, TEXT, false), NULL},
    {MEMBER(lk_cell, by_until_ms, NUMBER, false), NULL},
    {MEMBER(lk_cell, since_ms, NUMBER, true), NULL},
    {MEMBER(lk_cell, fence, NUMBER, true), NULL},
    {MEMBER(lk_cell, change, NUMBER, false), NULL},
    {MEMBER(lk_cell, trouble, TEXT, false), NULL},
    {MEMBER(lk_cell, user_id, TEXT, true), NULL},
    {MEMBER(lk_cell, service, BOOLEAN, false), NULL},
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- writing ---- */

static void write_names(struct lk_json_writer *w, const struct lk_claim *claim)
{
    lk_json_key(w, "projects");
    lk_json_begin_array(w);
    for (size_t i = 0; i < claim->n_projects; i++)
        lk_json_put_string(w, claim->projects[i]);
    lk_json_end_array(w);
}

static void write_member(struct lk_json_writer *w, const struct member *m, const void *object)
{
    const void *field = (const char *)object + m->offset;

    switch (m->kind) {
    case TEXT:
        if (m->needed || ((const struct lk_str *)field)->len > 0)
            lk_json_member_string(w, m->name, *(const struct lk_str *)field);
        break;
    case NUMBER:
        if (m->needed || *(const uint64_t *)field != 0)
            lk_json_member_integer(w, m->name, (int64_t)(*(const uint64_t *)field));
        break;
    case BOOLEAN:
        if (*(const bool *)field)
            lk_json_member_boolean(w, m->name, true);
        break;
    case WORD:
        lk_json_member_string(w, m->name, lk_str(m->words[*(const unsigned *)field]));
        break;
    case NAMES:
        if (((const struct lk_claim *)object)->n_projects > 0)
            write_names(w, object);
    }
}

static void write_object(struct lk_json_writer *w, const struct member *members, size_t n,
                         const void *object)
{
    lk_json_begin_object(w);
    for (size_t i = 0; i < n; i++)
        write_member(w, &members[i], object);
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
        write_object(&w, claim_members, COUNT(claim_members), &state->claims[i]);
    lk_json_end_array(&w);
    lk_json_key(&w, "cells");
    lk_json_begin_array(&w);
    for (size_t i = 0; i < state->n_cells; i++)
        write_object(&w, cell_members, COUNT(cell_members), &state->cells[i]);
    lk_json_end_array(&w);
    lk_json_end_object(&w);
}

/* ---- reading ---- */

static bool read_number(struct lk_str value, uint64_t *ret_number)
{
    int64_t integer;

    if (!lk_json_integer(value, &integer) || integer < 0)
        return false;
    *ret_number = (uint64_t)integer;
    return true;
}

static bool read_names(struct lk_arena *arena, struct lk_str list, struct lk_claim *claim)
{
    struct lk_json_iter it = lk_json_iter(list);
    struct lk_str item;

    if (lk_json_type(list) != LK_JSON_ARRAY)
        return false;
    claim->projects = lk_arena_array(arena, lk_json_count(list), sizeof(*claim->projects));
    while (lk_json_next(&it, NULL, &item)) {
        if (lk_json_string_length(item) == 0)
            return false;
        claim->projects[claim->n_projects++] = lk_json_decode_string(arena, item);
    }
    return true;
}

static bool read_word(struct lk_str value, const char *const *words, unsigned *ret_value)
{
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (lk_json_string_eq(value, lk_str(words[i]))) {
            *ret_value = i;
            return true;
        }
    }
    return false;
}

static bool read_member(struct lk_arena *arena, const struct member *m, struct lk_str value,
                        void *object)
{
    void *field = (char *)object + m->offset;
    enum lk_json_type type = lk_json_type(value);

    switch (m->kind) {
    case TEXT:
        if (type == LK_JSON_STRING)
            *(struct lk_str *)field = lk_json_decode_string(arena, value);
        return type == LK_JSON_STRING;
    case NUMBER:
        return read_number(value, field);
    case BOOLEAN:
        *(bool *)field = lk_json_is_true(value);
        return type == LK_JSON_BOOLEAN;
    case WORD:
        return read_word(value, m->words, field);
    case NAMES:
        return read_names(arena, value, object);
    }
    return false;
}

/* They come in the order of the table, mostly. */
static const struct member *find(const struct member *members, size_t n, size_t next,
                                 struct lk_str name)
{
    for (size_t i = 0; i < n; i++) {
        const struct member *m = &members[(next + i) % n];

        if (lk_str_eq(name, lk_str(m->name)))
            return m;
    }
    return NULL;
}

static bool read_object(struct lk_arena *arena, struct lk_str text, const struct member *members,
                        size_t n, void *object, struct lk_error *err)
{
    struct lk_json_iter it = lk_json_iter(text);
    struct lk_str name, value;
    unsigned seen = 0;
    size_t next = 0;

    while (lk_json_next(&it, &name, &value)) {
        const struct member *m = find(members, n, next, name);

        next = m != NULL ? (size_t)(m - members) : 0;
        if (m == NULL || (seen & (1u << next)) != 0 || !read_member(arena, m, value, object))
            return lk_fail(err, LK_ERROR_PARSE, "\"%.*s\" is not what it should be",
                           LK_STR_ARG(name));
        seen |= 1u << next++;
    }
    for (size_t i = 0; i < n; i++) {
        if (members[i].needed && (seen & (1u << i)) == 0)
            return lk_fail(err, LK_ERROR_PARSE, "\"%s\" is missing", members[i].name);
    }
    return true;
}

static bool read_claim(struct lk_lease_state *state, struct lk_str text, struct lk_error *err)
{
    struct lk_claim claim = {0};

    if (!read_object(state->arena, text, claim_members, COUNT(claim_members), &claim, err))
        return false;
    if (claim.id.len == 0 ||
        (claim.mode == LK_CLAIM_BRANCH && (claim.branch.len == 0 || claim.n_projects == 0)))
        return lk_fail(err, LK_ERROR_PARSE, "a claim lacks its id, its branch or its project");
    if (lk_state_claim(state, claim.id) != NULL)
        return lk_fail(err, LK_ERROR_PARSE, "two claims have one id");
    lk_state_enter(state, &claim);
    return true;
}

static bool read_cell(struct lk_lease_state *state, struct lk_str text, struct lk_error *err)
{
    struct lk_cell cell = {0};

    if (!read_object(state->arena, text, cell_members, COUNT(cell_members), &cell, err))
        return false;
    /* What was checked out before is known from the moment at which anything was moved. */
    if (cell.project.len == 0 || cell.branch.len == 0 ||
        (cell.home.len == 0 && !cell.as_is && cell.phase != LK_CELL_MOVING))
        return lk_fail(err, LK_ERROR_PARSE, "a cell lacks its project or a branch");
    if (lk_state_cell(state, cell.project) != NULL)
        return lk_fail(err, LK_ERROR_PARSE, "two cells have one project");
    lk_state_put_cell(state, &cell);
    return true;
}

static bool read_list(struct lk_lease_state *state, struct lk_str list,
                      bool (*read)(struct lk_lease_state *state, struct lk_str text,
                                   struct lk_error *err),
                      struct lk_error *err)
{
    struct lk_json_iter it = lk_json_iter(list);
    struct lk_str item;

    if (lk_json_type(list) != LK_JSON_ARRAY)
        return lk_fail(err, LK_ERROR_PARSE, "it lacks a list");
    while (lk_json_next(&it, NULL, &item)) {
        if (!read(state, item, err))
            return false;
    }
    return true;
}

struct document {
    uint64_t version, fence;
    struct lk_str claims, cells;
};

/* In one pass, as the lists may be long. */
static bool read_document(struct lk_str text, struct document *document, struct lk_error *err)
{
    struct lk_json_iter it = lk_json_iter(text);
    struct lk_str name, value;
    bool ok = true;

    while (ok && lk_json_next(&it, &name, &value)) {
        if (lk_str_eq(name, LK_STR("version")))
            ok = read_number(value, &document->version);
        else if (lk_str_eq(name, LK_STR("fence")))
            ok = read_number(value, &document->fence);
        else if (lk_str_eq(name, LK_STR("claims")))
            document->claims = value;
        else if (lk_str_eq(name, LK_STR("cells")))
            document->cells = value;
    }
    if (!ok || document->version == 0 || document->claims.len == 0 || document->cells.len == 0)
        return lk_fail(err, LK_ERROR_PARSE, "it lacks its version, its fence or a list");
    return document->version == VERSION ||
           lk_fail(err, LK_ERROR_UNSUPPORTED, "it was written by another version of this server");
}

bool lk_state_read(struct lk_arena *arena, struct lk_str text, struct lk_lease_state *ret_state,
                   struct lk_error *err)
{
    struct lk_lease_state state = {.arena = arena};
    struct document document = {0};

    if (text.len > LK_STATE_MAX_BYTES)
        return lk_fail(err, LK_ERROR_PARSE, "it has more than %zu bytes", LK_STATE_MAX_BYTES);
    if (text.len > 0) {
        if (!lk_json_check(text, 8, LK_JSON_REFUSE_NUL, err) ||
            !read_document(text, &document, err) ||
            !read_list(&state, document.claims, read_claim, err) ||
            !read_list(&state, document.cells, read_cell, err))
            return false;
        if (state.fence < document.fence)
            state.fence = document.fence;
        state.changed = false;
    }
    *ret_state = state;
    return true;
}
