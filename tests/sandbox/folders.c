/*
 * Folders, their trees and contents; boards, sections and items.
 */
#include "sandbox.h"

void sb_seed_folders(struct sb *sb)
{
    (void)sb;
}

const struct sb_handler sb_folders_handlers[] = {
    {0},
};
