/*
 * A project as its production and its developers' workspaces have it. What the sandbox keeps of
 * project P, in collections of the store:
 *
 *     (branches)/P   by name: a GitBranch; `ref` names its last commit
 *     (trees)/P      by ref: the files of that commit, {"path": "content"}
 *     (current)/P    by user: the branch that is checked out
 *     (work)/P       by user and branch: the files as saved, when they differ from the commit
 *     (switches)/P   by user: how often a branch was asked for, and how often it was another one
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

/* The files of the project that the request's workspace has, and its branch unless ret_branch is
 * NULL. NULL: there is no such project. */
const cJSON *sb_seen_files(struct sb_request *rq, const char *project, const char **ret_branch);
/* Counts an update_git_branch that is obeyed. */
void sb_count_switch(struct sb_workspace *ws, const struct sb_entity *to);
/* What is checked out, and the counts: control routes. */
void sb_cells_get(struct sb_request *rq, struct sb_answer *out);
void sb_cells_set(struct sb_request *rq, struct sb_answer *out);
void sb_cells_forget(struct sb_request *rq, struct sb_answer *out);

/* ---- edits.c: lines of files that change models ---- */

/* "#sandbox WORD THING REST"; `text` is all behind the word. A zeroed one begins. */
struct sb_edit {
    const cJSON *file;
    const char *at;
    struct lk_str word, text, thing, rest;
};
bool sb_edit_next(const cJSON *files, struct sb_edit *edit);
/* The first line of that word about that thing; ret_edit may be NULL. */
bool sb_edited(const cJSON *files, const char *word, struct lk_str thing, struct sb_edit *ret_edit);
/* The number in it: `bare` when it has none, `absent` when there is no such line. */
int64_t sb_edited_number(const cJSON *files, const char *word, struct lk_str thing, int64_t bare,
                         int64_t absent);
/* The files of the project as the request sees them if they have such lines, or NULL. */
const cJSON *sb_edited_files(struct sb_request *rq, const char *project);
/* Adds and removes explores of a model as all_lookml_models shows it. */
void sb_edit_model(struct sb_request *rq, cJSON *model);

/* Whether the files have no errors; errors: appended to, unless NULL. lookml.c */
bool sb_tree_valid(const cJSON *tree, cJSON *errors, cJSON *not_validated);

#endif
