/*
 * A project as its production and its developers' workspaces have it. What the sandbox keeps of
 * project P, in collections of the store:
 *
 *     (branches)/P   by name: a GitBranch; `ref` names its last commit
 *     (trees)/P      by ref: the files of that commit, {"path": "content"}
 *     (current)/P    by user: the branch that is checked out
 *     (work)/P       by user and branch: the files as saved, when they differ from the commit
 *
 * A directory that was created is a member "path/".
 */
#ifndef SANDBOX_PROJECTS_H
#define SANDBOX_PROJECTS_H

#include "sandbox.h"

/* What a request sees: the production branch, or in the dev workspace the user's current one. */
struct sb_workspace {
    struct sb_request *rq;
    const char *project;
    bool dev;
    struct sb_entity *branch;
    cJSON *tree;
};

/* False: *out says 404. The project is the path's parameter. */
bool sb_workspace_open(struct sb_request *rq, struct sb_answer *out, struct sb_workspace *ret_ws);
/* The tree to change, kept apart from the commit from now on. */
cJSON *sb_workspace_edit(struct sb_workspace *ws);
/* Forgets what was saved and not committed. */
void sb_workspace_discard(struct sb_workspace *ws);
/* The files of the branch as the user has saved them, or as committed. */
cJSON *sb_branch_tree(struct sb_workspace *ws, struct sb_entity *branch);
/* The files that a name of a branch, or a ref, stands for; NULL: there is none. */
cJSON *sb_ref_tree(struct sb_workspace *ws, const char *name, const char **ret_ref);
/* Commits the tree (copied) and returns the ref. */
const char *sb_commit(struct sb_workspace *ws, const cJSON *tree);
struct sb_entity *sb_production_branch(struct sb_workspace *ws);
struct sb_collection *sb_branches(struct sb *sb, const char *project);
/* Makes the branch the user's current one. */
void sb_checkout(struct sb_workspace *ws, struct sb_entity *branch);
void sb_set_number(cJSON *object, const char *name, double value);

/* Whether the files have no errors; errors: appended to, unless NULL. lookml.c */
bool sb_tree_valid(const cJSON *tree, cJSON *errors, cJSON *not_validated);

#endif
