/*
 * Projects as a developer's workspace has them: files, branches, validation, tests, builds.
 */
#include "sandbox.h"

void sb_seed_projects(struct sb *sb)
{
    (void)sb;
}

const struct sb_handler sb_projects_handlers[] = {
    {0},
};
