/*
 * The model system__activity: who ran what, when and with what result.
 */
#include "sandbox.h"

void sb_seed_activity(struct sb *sb)
{
    (void)sb;
}

const struct sb_handler sb_activity_handlers[] = {
    {0},
};
