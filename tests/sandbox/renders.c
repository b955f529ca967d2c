/*
 * Render tasks and what they render.
 */
#include "sandbox.h"

void sb_seed_renders(struct sb *sb)
{
    (void)sb;
}

const struct sb_handler sb_renders_handlers[] = {
    {0},
};
