/*
 * From a method and path segments to an operation: a trie over the templates of looker_ops[]. A
 * literal segment goes before a parameter, with backtracking, since `/dashboards/lookml` only has
 * POST while GET belongs to `/dashboards/{dashboard_id}`. Built once, read-only afterwards.
 */
#include "looker_ops.h"
#include "sandbox.h"

#include <stdio.h>
#include <stdlib.h>

struct child {
    struct lk_str segment;
    struct node *node;
};

struct node {
    struct child *children;
    size_t n_children;
    struct node *param;
    const struct sb_route *routes[LK_DELETE + 1];
};

struct sb_router {
    struct node root;
    struct sb_route *routes;
};

/* Operations that work without a token. */
static const char *const open_operations[] = {"login", "versions", "get_alive", NULL};

static bool in_list(const char *const *list, const char *id)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, id) == 0)
            return true;
    return false;
}

const struct lk_operation *sb_operation(const char *id)
{
    for (size_t i = 0; i < LOOKER_OP_COUNT; i++)
        if (strcmp(looker_ops[i].id, id) == 0)
            return &looker_ops[i];
    return NULL;
}

static struct node *literal_child(struct node *node, struct lk_str segment, bool create)
{
    for (size_t i = 0; i < node->n_children; i++)
        if (lk_str_eq(node->children[i].segment, segment))
            return node->children[i].node;
    if (!create)
        return NULL;
    node->children = realloc(node->children, (node->n_children + 1) * sizeof(*node->children));
    if (node->children == NULL)
        abort();
    node->children[node->n_children] =
        (struct child){.segment = segment, .node = sb_alloc(sizeof(struct node))};
    return node->children[node->n_children++].node;
}

static void free_node(struct node *node)
{
    for (size_t i = 0; i < node->n_children; i++) {
        free_node(node->children[i].node);
        free(node->children[i].node);
    }
    free(node->children);
    if (node->param != NULL) {
        free_node(node->param);
        free(node->param);
    }
}

/* Next segment of a template; false at its end. */
static bool next_segment(const char **at, struct lk_str *ret_segment)
{
    const char *start = *at, *end;

    if (*start != '/')
        return false;
    start++;
    end = strchrnul(start, '/');
    *ret_segment = (struct lk_str){start, (size_t)(end - start)};
    *at = end;
    return true;
}

static void add_route(struct sb_router *router, struct sb_route *route)
{
    const char *at = route->op->path;
    struct node *node = &router->root;
    struct lk_str segment;

    while (next_segment(&at, &segment)) {
        if (route->n_segments == SB_MAX_SEGMENTS)
            abort();
        if (segment.ptr[0] == '{') {
            struct lk_str name = {segment.ptr + 1, segment.len - 2};

            route->names[route->n_segments] =
                route->op->params != NULL ? lk_type_field(route->op->params, name) : NULL;
            if (route->names[route->n_segments] == NULL) {
                fprintf(stderr, "looker-sandbox: %s: no row for path parameter %.*s\n",
                        route->op->id, LK_STR_ARG(name));
                exit(1);
            }
            route->param_bits |= (uint16_t)(1u << route->n_segments);
            if (node->param == NULL)
                node->param = sb_alloc(sizeof(struct node));
            node = node->param;
        } else {
            node = literal_child(node, segment, true);
        }
        route->n_segments++;
    }
    if (node->routes[route->op->method] == NULL)
        node->routes[route->op->method] = route;
}

static void describe(struct sb_router *router, struct sb_route *route)
{
    const char *at = route->op->path;
    struct node *node = &router->root;
    struct lk_str segment;
    const struct sb_route *get;

    while (next_segment(&at, &segment))
        node = segment.ptr[0] == '{' ? node->param : literal_child(node, segment, false);
    if (node->param != NULL)
        for (int m = 0; m <= LK_DELETE; m++) {
            const struct sb_route *item = node->param->routes[m];

            if (item != NULL)
                route->item_param = item->names[item->n_segments - 1]->name;
            route->has_items |= item != NULL;
        }
    get = node->routes[LK_GET];
    route->gets_object = get != NULL && get->op->answer.kind == LK_KIND_OBJECT &&
                         (get->op->answer.flags & LK_FIELD_LIST) == 0;
}

static void attach(struct sb_router *router, const struct sb_handler *handler)
{
    for (size_t i = 0; i < LOOKER_OP_COUNT; i++) {
        if (strcmp(looker_ops[i].id, handler->operation) == 0) {
            router->routes[i].run = handler->run;
            return;
        }
    }
    fprintf(stderr, "looker-sandbox: there is no operation %s any more\n", handler->operation);
    exit(1);
}

struct sb_router *sb_router_new(const struct sb_handler *const *handlers)
{
    struct sb_router *router = sb_alloc(sizeof(*router));

    router->routes = sb_alloc(LOOKER_OP_COUNT * sizeof(*router->routes));
    for (size_t i = 0; i < LOOKER_OP_COUNT; i++) {
        struct sb_route *route = &router->routes[i];

        route->op = &looker_ops[i];
        route->run = sb_generic;
        route->open = in_list(open_operations, route->op->id);
        if (route->op->params != NULL)
            route->fields_param = lk_type_field(route->op->params, LK_STR("fields"));
        add_route(router, route);
    }
    for (size_t i = 0; i < LOOKER_OP_COUNT; i++)
        describe(router, &router->routes[i]);
    for (; *handlers != NULL; handlers++)
        for (const struct sb_handler *h = *handlers; h->operation != NULL; h++)
            attach(router, h);
    return router;
}

void sb_router_free(struct sb_router *router)
{
    free_node(&router->root);
    free(router->routes);
    free(router);
}

/* The route at or below the node, or NULL; *methods gets the methods of every path that fits. */
static const struct sb_route *find(const struct node *node, const struct sb_request *rq, size_t i,
                                   int method, unsigned *methods)
{
    const struct sb_route *route = NULL;

    if (i == rq->n_segments) {
        for (int m = 0; m <= LK_DELETE; m++)
            if (node->routes[m] != NULL)
                *methods |= 1u << m;
        return method >= 0 ? node->routes[method] : NULL;
    }
    for (size_t c = 0; c < node->n_children && route == NULL; c++)
        if (lk_str_eq(node->children[c].segment, rq->segments[i]))
            route = find(node->children[c].node, rq, i + 1, method, methods);
    if (route == NULL && node->param != NULL && rq->segments[i].len > 0)
        route = find(node->param, rq, i + 1, method, methods);
    return route;
}

int sb_router_find(const struct sb_router *router, struct sb_request *rq, const char **ret_allow)
{
    static const char *const names[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    unsigned methods = 0;
    int method = -1;

    for (int m = 0; m <= LK_DELETE; m++)
        if (lk_str_eq(rq->method, lk_str(names[m])))
            method = m;
    rq->route = find(&router->root, rq, 0, method, &methods);
    if (rq->route != NULL)
        return 0;
    if (methods == 0)
        return 404;
    struct lk_str allow = {0};
    for (int m = 0; m <= LK_DELETE; m++)
        if (methods & (1u << m))
            allow = lk_arena_printf(rq->arena, "%.*s%s%s", LK_STR_ARG(allow),
                                    allow.len > 0 ? ", " : "", names[m]);
    *ret_allow = lk_arena_cstr(rq->arena, allow);
    return 405;
}
