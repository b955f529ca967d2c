/*
 * Looker as the leases see it (api/lease.h): which branch is checked out in a user's dev
 * workspace, checking another out, and what a project imports.
 */
#ifndef LK_API_BRANCH_H
#define LK_API_BRANCH_H

#include "api/api.h"
#include "api/lease.h"

/* Each request goes out as the user of its lease, under the session of the dev workspace. The api
 * is borrowed. */
struct lk_lease_looker lk_branch_looker(struct lk_api *api);

#endif
