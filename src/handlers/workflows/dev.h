/*
 * A project as the dev workspace has it: the branch and the files. Shared by the workflows that
 * deploy and roll back LookML.
 */
#ifndef LK_HANDLERS_WORKFLOWS_DEV_H
#define LK_HANDLERS_WORKFLOWS_DEV_H

#include "handlers/steps.h"

struct lk_dev_branch {
    struct lk_str name;
    struct lk_str ref; /* its commit */
    bool production, readonly;
    int64_t ahead, behind; /* commits that the remote lacks, and has more */
};

struct lk_dev_file {
    struct lk_str path;
    struct lk_str change; /* "modified", "added", …: saved and not committed; empty: none */
};

struct lk_dev_files {
    struct lk_dev_file *items;
    size_t n, n_changed;
};

/* Awaits. The branch that is checked out in the dev workspace, as a needed step. */
bool lk_dev_read_branch(struct lk_steps *steps, struct lk_str project_id,
                        struct lk_dev_branch *ret_branch);

/* Awaits. The files of that branch as they are saved, as a needed step `step`. */
bool lk_dev_read_files(struct lk_steps *steps, const char *step, struct lk_str project_id,
                       struct lk_dev_files *ret_files);

bool lk_dev_has_file(const struct lk_dev_files *files, struct lk_str path);

/* Writes {"name", "ahead", "behind"} and ["path", …] of the files that changed. */
void lk_dev_write_branch(struct lk_json_writer *w, const struct lk_dev_branch *branch);
void lk_dev_write_changed(struct lk_json_writer *w, const struct lk_dev_files *files);

#endif
