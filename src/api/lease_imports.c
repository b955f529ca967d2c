/*
 * Which projects a claim is about: those that were asked for and, if so wished, all that they
 * import by local dependency.
 */
#include "api/lease_internal.h"

static bool has(const struct lk_lease *actor, struct lk_str project)
{
    for (size_t i = 0; i < actor->n_projects; i++) {
        if (lk_str_eq(actor->projects[i], project))
            return true;
    }
    return false;
}

/* What it adds is looked into as well: the array grows while it is walked. */
bool lk_actor_add_imports(struct lk_lease *actor, bool dev, bool *ret_more, struct lk_error *err)
{
    const struct lk_lease_looker *looker = &actor->leases->options.looker;
    struct lk_arena *arena = lk_arena_new();
    size_t before = actor->n_projects;
    bool ok = true;

    for (size_t i = 0; ok && i < actor->n_projects; i++) {
        struct lk_str *imports;
        size_t n = 0;

        ok = looker->imports(looker->arg, arena, &actor->user, actor->projects[i], dev, &imports,
                             &n, err);
        for (size_t k = 0; ok && k < n; k++) {
            if (imports[k].len == 0 || has(actor, imports[k]))
                continue;
            if (actor->n_projects < LK_LEASE_MAX_PROJECTS)
                actor->projects[actor->n_projects++] = lk_arena_str(actor->arena, imports[k]);
            else
                ok = lk_fail(err, LK_ERROR_LIMIT,
                             "project %.*s imports more than %d projects with all that they "
                             "import, which is how many can be on a branch for one call; call "
                             "without imports",
                             LK_STR_ARG(actor->projects[0]), LK_LEASE_MAX_PROJECTS);
        }
    }
    lk_arena_free(arena);
    *ret_more = actor->n_projects > before;
    return ok;
}
