/*
 * The guard of the dev workspace (guard.h). Asked by api.c before each request.
 */
#include "api/guard.h"

bool lk_guard_applies(const struct lk_api_request *request)
{
    return lk_goes_to_dev(request) || request->op->branch != LK_BRANCH_STAYS;
}

/* The project that the request's path names; empty: none. */
static struct lk_str project_of(const struct lk_api_request *request)
{
    const struct lk_type *params = request->op->params;
    const struct lk_field *field =
        params != NULL ? lk_type_field(params, LK_STR("project_id")) : NULL;
    struct lk_string project = {0};

    if (field != NULL && field->kind == LK_KIND_STRING && request->params != NULL)
        memcpy(&project, (const char *)request->params + field->offset, sizeof(project));
    return project.is == LK_PRESENT ? project.value : (struct lk_str){0};
}

static bool check(const struct lk_guard *guard, struct lk_error *err)
{
    const struct lk_operation *op = guard->request->op;
    struct lk_str project = project_of(guard->request);
    const struct lk_lease *lease = *guard->lease;

    if (lease == NULL)
        return lk_fail(err, LK_ERROR_INTERNAL,
                       "%s was about to go to the dev workspace, which this call has not taken",
                       op->id);
    if (op->branch != LK_BRANCH_STAYS &&
        (lk_lease_mode(lease) != LK_CLAIM_ALONE || !lk_lease_covers(lease, project)))
        return lk_fail(err, LK_ERROR_INTERNAL,
                       "%s was about to move the branch of \"%.*s\", which this call does not have "
                       "to itself",
                       op->id, LK_STR_ARG(project));
    if (!lk_lease_is_held(lease))
        return lk_fail(err, LK_ERROR_UNSUPPORTED,
                       "this server lost its hold on the dev workspace before %s was sent (it "
                       "stood still for too long, or where leases are kept could not be reached), "
                       "so it was not; call again",
                       op->id);
    return true;
}

bool lk_guard_check(void *guard, struct lk_error *err)
{
    if (check(guard, err))
        return true;
    if (err != NULL)
        err->unsent = true;
    return false;
}
