/*
 * Parser of projections; see fields.h. Called by call.c. It descends a level for each brace, and
 * the nesting is capped.
 */
#include "handlers/api_tools/fields.h"

#include "base/buf.h"
#include "json/codec.h"
#include "json/explain.h"

#include <stdlib.h>

#define MAX_DEPTH 16

struct parser {
    struct lk_arena *arena;
    const char *at, *end;
    struct lk_error *err;
};

/* The fields between two braces, as they grow. */
struct level {
    struct lk_projection *nodes;
    size_t n, cap;
};

static bool fail(const struct parser *p, const char *what)
{
    struct lk_str rest = lk_str_cut(lk_str_n(p->at, (size_t)(p->end - p->at)), 20);

    return lk_fail(p->err, LK_ERROR_ARGUMENT,
                   "fields: %s at %s%.*s%s; write it as: id, title, folder{id, name}", what,
                   rest.len > 0 ? "\"" : "the end", LK_STR_ARG(rest), rest.len > 0 ? "\"" : "");
}

/* The next character that is no white space, or NUL at the end. */
static char peek(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r'))
        p->at++;
    return p->at < p->end ? *p->at : '\0';
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_.$:@-", c) != NULL);
}

static struct lk_str take_name(struct parser *p)
{
    const char *begin = p->at;

    while (p->at < p->end && is_name_char(*p->at))
        p->at++;
    return lk_str_n(begin, (size_t)(p->at - begin));
}

/* ret_type: of the field, when it is an object whose fields are known. */
static bool check_name(const struct parser *p, struct lk_str name, const struct lk_type *type,
                       const struct lk_field **ret_field)
{
    const struct lk_explain explain = {
        .err = p->err, .kind = LK_ERROR_ARGUMENT, .noun = "field of the answer"};
    const struct lk_path path = lk_path_name(NULL, LK_STR("fields"));

    *ret_field = type != NULL ? lk_type_field(type, name) : NULL;
    if (type != NULL && *ret_field == NULL)
        return lk_explain_unknown(&explain, &path, type, name);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct lk_projection *)a)->name, ((const struct lk_projection *)b)->name);
}

static struct lk_projection *add_node(const struct parser *p, struct level *level,
                                      struct lk_str name)
{
    if (level->n == level->cap) {
        size_t cap = level->cap * 2 + 8;
        struct lk_projection *nodes = lk_arena_array(p->arena, cap, sizeof(*nodes));
        if (level->n > 0)
            memcpy(nodes, level->nodes, level->n * sizeof(*nodes));
        level->nodes = nodes;
        level->cap = cap;
    }
    level->nodes[level->n] =
        (struct lk_projection){.name = lk_arena_cstr(p->arena, name), .fields = NULL};
    return &level->nodes[level->n++];
}

static bool parse_level(struct parser *p, const struct lk_type *type, unsigned depth,
                        struct lk_projection *node);

/* What follows a name: `{…}`, or nothing. */
static bool parse_inner(struct parser *p, const struct lk_field *field, unsigned depth,
                        struct lk_projection *node)
{
    char open = peek(p), close = open == '(' ? ')' : '}';
    bool scalar = field != NULL && field->kind != LK_KIND_OBJECT && field->kind != LK_KIND_ANY &&
                  field->kind != LK_KIND_MAP;

    if (open != '{' && open != '(')
        return true;
    if (scalar)
        return fail(p, "a field that has no fields of its own stands before the brace");
    if (depth == MAX_DEPTH)
        return fail(p, "there are too many braces within each other");
    p->at++;
    if (!parse_level(p, field != NULL ? field->type : NULL, depth + 1, node))
        return false;
    if (peek(p) != close)
        return fail(p, close == '}' ? "a comma or } is missing" : "a comma or ) is missing");
    p->at++;
    return true;
}

static bool parse_level(struct parser *p, const struct lk_type *type, unsigned depth,
                        struct lk_projection *node)
{
    struct level level = {0};

    for (;;) {
        const struct lk_field *field;
        peek(p);
        struct lk_str name = take_name(p);
        if (name.len == 0)
            return fail(p, "the name of a field is missing");
        if (!check_name(p, name, type, &field) ||
            !parse_inner(p, field, depth, add_node(p, &level, name)))
            return false;
        if (peek(p) != ',')
            break;
        p->at++;
    }
    qsort(level.nodes, level.n, sizeof(*level.nodes), by_name);
    for (size_t i = 1; i < level.n; i++) {
        if (strcmp(level.nodes[i - 1].name, level.nodes[i].name) == 0)
            return lk_fail(p->err, LK_ERROR_ARGUMENT, "fields: %s is named twice",
                           level.nodes[i].name);
    }
    node->fields = level.nodes;
    node->n_fields = (uint16_t)level.n;
    return true;
}

bool lk_fields_parse(struct lk_arena *arena, struct lk_str text, const struct lk_type *type,
                     const struct lk_projection **ret_projection, struct lk_error *err)
{
    struct parser p = {.arena = arena, .at = text.ptr, .end = lk_str_end(text), .err = err};
    struct lk_projection *root = lk_arena_new_object(arena, struct lk_projection);

    if (!parse_level(&p, type, 1, root))
        return false;
    if (peek(&p) != '\0' || p.at < p.end)
        return fail(&p, "a comma is missing");
    *ret_projection = root;
    return true;
}
