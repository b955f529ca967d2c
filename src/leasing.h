/*
 * The settings about borrowing branches, as far as a row of the table cannot say them: where the
 * journal is kept when nobody says so, and what is no place for it.
 */
#ifndef LK_LEASING_H
#define LK_LEASING_H

#include "api/lease_store.h"
#include "settings.h"

/* The default of LOOKER_STATE_DIR: the service manager's $STATE_DIRECTORY, else
 * $XDG_STATE_HOME/looker-mcp-server, else $HOME/.local/state/looker-mcp-server. Without a source:
 * none can be told. */
struct lk_setting_text lk_leasing_state_dir(struct lk_arena *arena, char *const *env);

/* LK_ERROR_CONFIG: LOOKER_STATE_DIR is not absolute, LOOKER_LEASE_URL is none (nothing of it is
 * quoted), or LOOKER_CI_USERS names too many. */
bool lk_leasing_check(struct lk_arena *arena, const struct lk_config *config, struct lk_error *err);

/* Whether the directory can be written to, or made. */
bool lk_leasing_can_keep(struct lk_str state_dir);

/* For lk_lease_shared_new; borrows from both. Of one Looker the leases are the same, whoever asks.
 */
struct lk_lease_store_options lk_leasing_options(const struct lk_config *config,
                                                 const struct lk_log *log);

#endif
