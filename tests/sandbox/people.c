/*
 * Users' sessions and credentials, groups, roles and who is in them, user attributes.
 */
#include "sandbox.h"

void sb_seed_people(struct sb *sb)
{
    (void)sb;
}

const struct sb_handler sb_people_handlers[] = {
    {0},
};
