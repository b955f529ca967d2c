/*
 * A reply of the identity plug-in: copied from its memory, and judged. The copy is made in whatever
 * thread the plug-in calls from; everything else happens on the loop's.
 */
#ifndef LK_HANDLERS_PLUGIN_REPLY_H
#define LK_HANDLERS_PLUGIN_REPLY_H

#include "handlers/plugin.h"

enum lk_plugin_text {
    LK_PLUGIN_MESSAGE,
    LK_PLUGIN_USER,
    LK_PLUGIN_ACCESS_TOKEN,
    LK_PLUGIN_CLIENT_ID,
    LK_PLUGIN_CLIENT_SECRET,
    LK_PLUGIN_N_TEXTS
};

/* A reply, copied; texts may be NULL. */
struct lk_plugin_reply {
    uint32_t kind, status;
    char *texts[LK_PLUGIN_N_TEXTS];
};

/* Never NULL; what cannot be copied (NULL, too small, longer texts than are allowed) becomes a
 * reply of kind 0, which makes no sense. */
struct lk_plugin_reply *lk_plugin_reply_copy(const struct looker_identity *identity);
/* Wipes it. NULL is legal. */
void lk_plugin_reply_free(struct lk_plugin_reply *reply);

/* What it decides (in the arena), or LK_ERROR_AUTH, or LK_ERROR_UPSTREAM for a refusal with a
 * status from 500. `name` is the plug-in's. */
bool lk_plugin_reply_judge(const char *name, struct lk_arena *arena,
                           const struct lk_plugin_reply *reply,
                           struct lk_plugin_identity *ret_identity, struct lk_error *err);

#endif
